#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/nearest.h>
#include <gradus/linalg/refuse.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace gradus {
namespace {

void refuse_non_finite(const char* what, const Tensor& x) {
  if (number(cast(all(isfinite(x)), DType::i64)) != 0) return;
  const std::vector<double> v = numbers(x);
  const auto bad = std::ranges::find_if(v, [](double value) { return !std::isfinite(value); });
  refuse_element("cosine_top_k", place_text(bad - v.begin(), x.shape()) + " of the " + what, *bad);
}

}  // namespace

Nearest cosine_top_k(const Tensor& queries, const Tensor& rows, int64_t k) {
  const std::string both =
      "cosine_top_k: queries " + to_string(queries.type()) + ", rows " + to_string(rows.type());
  const bool one = queries.rank() == 1;
  if ((!one && queries.rank() != 2) || rows.rank() != 2 ||
      queries.shape().back() != rows.shape()[1])
    raise(ErrorKind::shape, both +
                                ". Queries are (d) or (m,d), and rows (n,d) have as many numbers "
                                "each. Use reshape or transpose.");
  const auto computes = [](DType d) { return d == DType::f32 || d == DType::f64; };
  if (!computes(queries.dtype()) || !computes(rows.dtype()))
    raise(ErrorKind::dtype, both + ". Directions are computed in f32 or f64. Cast them.");
  if (k < 0)
    raise(ErrorKind::domain,
          "cosine_top_k: k is " + std::to_string(k) + ". It counts rows, 0 or more.");
  refuse_non_finite("queries", queries);
  refuse_non_finite("rows", rows);
  const Tensor each = one ? expand_dims(queries, 0) : queries;
  const int64_t m = each.shape()[0], n = rows.shape()[0], kept = std::min(k, n);
  // Cosines of a few queries at a time: 32 MiB, unless one query alone has more.
  constexpr int64_t most_cosines = int64_t{1} << 22;
  const int64_t at_once = std::max<int64_t>(1, most_cosines / std::max<int64_t>(n, 1));
  std::vector<int64_t> places, order(static_cast<size_t>(n));
  std::vector<double> cosines;
  for (int64_t from = 0; from < m; from += at_once) {
    const int64_t to = std::min(from + at_once, m);
    const std::vector<double> all =
        numbers(cosine_similarities(slice_axis(each, 0, {from, to}), rows));
    for (int64_t q = 0; q < to - from; ++q) {
      const auto of = std::span(all).subspan(static_cast<size_t>(q * n), static_cast<size_t>(n));
      const auto cosine = [of](int64_t row) { return of[static_cast<size_t>(row)]; };
      std::iota(order.begin(), order.end(), int64_t{0});
      std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept),
                        order.end(), [&](int64_t a, int64_t b) {
                          return cosine(a) != cosine(b) ? cosine(a) > cosine(b) : a < b;
                        });
      for (int64_t i = 0; i < kept; ++i) {
        places.push_back(order[static_cast<size_t>(i)]);
        cosines.push_back(cosine(places.back()));
      }
    }
  }
  const Shape shape = one ? Shape{kept} : Shape{m, kept};
  const bool f64 = queries.dtype() == DType::f64 || rows.dtype() == DType::f64;
  return {from_vector(places, shape),
          cast(from_vector(cosines, shape), f64 ? DType::f64 : DType::f32)};
}

}  // namespace gradus
