// The whole library in one line: tensors, derivatives, plans, networks and their training.
#pragma once

#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/core/nonfinite.h>
#include <gradus/core/tape.h>
#include <gradus/diff/checkpoint.h>
#include <gradus/diff/custom.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/curvature.h>
#include <gradus/optim/gradients.h>
#include <gradus/optim/least_squares.h>
#include <gradus/optim/minimise.h>
#include <gradus/regress/linear.h>
#include <gradus/regress/logistic.h>
#include <gradus/regress/nonlinear.h>
#include <gradus/regress/penalised.h>
#include <gradus/scalar/var.h>
