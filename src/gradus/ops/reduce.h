// Reductions, scans and rows in normal form. Sums follow one fixed tree over 16 virtual lanes, so
// their bits depend on values and shape only: never on layout, tile or threads.
#pragma once

#include <gradus/core/op.h>

#include <concepts>
#include <optional>

namespace gradus {

namespace op {
extern const Op sum, prod, max, min, argmax, argmin, logsumexp, norm, any, all, cumsum, scan,
    argsort, softmax, log_softmax, layer_norm;
}

// One axis, several, or none given: all of them.
struct Axes {
  Axes() = default;
  Axes(std::integral auto axis) : list(Dims{static_cast<int64_t>(axis)}) {}
  Axes(std::initializer_list<int64_t> axes) : list(Dims(axes)) {}
  Axes(const Dims& axes) : list(axes) {}
  std::optional<Dims> list;
};

// sum(x, {.axis = 1, .keepdims = true})
struct Reduce {
  Axes axis;
  bool keepdims = false;
};

Tensor sum(const Tensor& x, const Reduce& over = {});
Tensor prod(const Tensor& x, const Reduce& over = {});
Tensor mean(const Tensor& x, const Reduce& over = {});
// Ties share the derivative equally. NaN wins.
Tensor max(const Tensor& x, const Reduce& over = {});
Tensor min(const Tensor& x, const Reduce& over = {});
// The first place of the largest element, i64; without an axis in the flattened tensor.
Tensor argmax(const Tensor& x, std::optional<int64_t> axis = {}, bool keepdims = false);
Tensor argmin(const Tensor& x, std::optional<int64_t> axis = {}, bool keepdims = false);
Tensor any(const Tensor& x, const Reduce& over = {});
Tensor all(const Tensor& x, const Reduce& over = {});
// sum (x - mean)^2 / (n - ddof), in two passes.
Tensor var(const Tensor& x, const Reduce& over = {}, int64_t ddof = 0);
Tensor std_dev(const Tensor& x, const Reduce& over = {}, int64_t ddof = 0);
// log(sum(exp(x))) without overflow; its gradient where all are -inf is 0.
Tensor logsumexp(const Tensor& x, const Reduce& over = {});
// The Euclidean norm without overflow; its gradient at 0 is 0.
Tensor norm(const Tensor& x, const Reduce& over = {});
// (sum |x|^p)^(1/p); p may be infinity.
Tensor norm_p(const Tensor& x, double p, const Reduce& over = {});

Tensor cumsum(const Tensor& x, int64_t axis = 0);
Tensor cumprod(const Tensor& x, int64_t axis = 0);
// h[k] = a[k] h[k-1] + b[k] along an axis, h[-1] = 0: the first-order linear recurrence.
Tensor scan(const Tensor& a, const Tensor& b, int64_t axis = 0);

Tensor softmax(const Tensor& x, int64_t axis = -1);
Tensor log_softmax(const Tensor& x, int64_t axis = -1);
// (x - mean) / sqrt(variance + epsilon) along an axis.
Tensor layer_norm(const Tensor& x, int64_t axis = -1, double epsilon = 1e-5);

// The order that sorts ascending (stable; NaN last), i64.
Tensor argsort(const Tensor& x, int64_t axis = -1);
Tensor sort(const Tensor& x, int64_t axis = -1);
struct TopK {
  Tensor values, places;
};
// The k largest, largest first.
TopK top_k(const Tensor& x, int64_t k, int64_t axis = -1);

}  // namespace gradus
