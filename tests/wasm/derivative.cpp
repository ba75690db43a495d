// What run.mjs calls. Every function exported here stands for one that a page would call.
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/elementwise.h>

using namespace gradus;

extern "C" __attribute__((export_name("derivative"))) double derivative(double x, double y) {
  return number(grad([](Tensor a, Tensor b) { return a * b + sin(a); })(x, y));
}

extern "C" __attribute__((export_name("clash"))) void clash() {
  add(Tensor({1, 2, 3}), Tensor({1, 2}));
}
