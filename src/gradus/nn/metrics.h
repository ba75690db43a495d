// What predictions are worth, counted from numbers.
#pragma once

#include <gradus/core/tensor.h>

#include <span>
#include <vector>

namespace gradus {

// The class of each row: the first largest of (..., classes); of one logit a row, (..., 1), class 1
// where it is above 0.
std::vector<int64_t> predicted_classes(const Tensor& logits);
// The share of rows where the two agree; NaN of no rows.
double accuracy(std::span<const int64_t> predicted, std::span<const int64_t> truth);
// counts[true][predicted].
std::vector<std::vector<int64_t>> confusion(std::span<const int64_t> predicted,
                                            std::span<const int64_t> truth, int64_t classes);
// 1 - sum (y - y_hat)^2 / sum (y - mean y)^2: 1 is perfect, 0 is no better than the mean.
double r_squared(std::span<const double> prediction, std::span<const double> target);

}  // namespace gradus
