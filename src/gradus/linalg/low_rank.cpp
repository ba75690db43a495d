#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>
#include <gradus/linalg/low_rank.h>
#include <gradus/linalg/rank.h>
#include <gradus/linalg/refuse.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

namespace gradus {
namespace {

void require_rank(const char* op, const Tensor& a, int64_t rank) {
  const int64_t most = std::min(a.shape()[0], a.shape()[1]);
  if (rank < 0 || rank > most)
    raise(ErrorKind::domain, std::string(op) + ": rank " + std::to_string(rank) + " of " +
                                 to_string(a.type()) + ". A rank is 0 to " + std::to_string(most) +
                                 ", the smaller side.");
}

// tail[r] = |(s_r, s_r+1, ...)|, without overflow.
std::vector<double> tails(const Tensor& s) {
  const std::vector<double> v = numbers(s);
  std::vector<double> tail(v.size() + 1);
  for (size_t r = v.size(); r-- > 0;) tail[r] = std::hypot(tail[r + 1], v[r]);
  return tail;
}

LowRank truncated(const Svd& d, const std::vector<double>& tail, int64_t rank) {
  LowRank r;
  r.u = slice_axis(d.u, 1, {0, rank});
  r.s = slice_axis(d.s, 0, {0, rank});
  r.vt = slice_axis(d.vt, 0, {0, rank});
  r.spectrum = d.s;
  r.rank = rank;
  r.error = tail[static_cast<size_t>(rank)];
  const double lost = tail[0] == 0 ? 0 : r.error / tail[0];
  r.energy = 1 - lost * lost;
  return r;
}

// The least rank whose tail is within `budget`.
LowRank within(const Tensor& a, double (*budget)(double all, double given), double given) {
  const Svd d = svd(a);
  const std::vector<double> tail = tails(d.s);
  const double most = budget(tail[0], given);
  int64_t rank = 0;
  while (tail[static_cast<size_t>(rank)] > most) ++rank;
  return truncated(d, tail, rank);
}

Tensor normal_matrix(const Key& key, int64_t rows, int64_t columns, DType dtype) {
  std::vector<double> x(static_cast<size_t>(rows * columns));
  fill_normal(key, 0, std::span<double>(x));
  return cast(from_vector(x, {rows, columns}), dtype);
}

}  // namespace

Tensor LowRank::matrix() const {
  return matmul(u * s, vt);
}

LowRank low_rank(const Tensor& a, int64_t rank) {
  require_one_matrix("low_rank", a.type());
  require_rank("low_rank", a, rank);
  const Svd d = svd(a);
  return truncated(d, tails(d.s), rank);
}

LowRank low_rank_by_energy(const Tensor& a, double energy) {
  require_one_matrix("low_rank_by_energy", a.type());
  if (!(energy >= 0 && energy <= 1))
    raise(ErrorKind::domain, "low_rank_by_energy: the share to keep is " + text::number(energy) +
                                 ". It lies in [0, 1].");
  return within(
      a, [](double all, double share) { return all * std::sqrt(1 - share); }, energy);
}

LowRank low_rank_by_error(const Tensor& a, double budget) {
  require_one_matrix("low_rank_by_error", a.type());
  if (!(budget >= 0))
    raise(ErrorKind::domain,
          "low_rank_by_error: the budget is " + text::number(budget) + ". It is at least 0.");
  return within(
      a, [](double, double most) { return most; }, budget);
}

LowRank low_rank_by_gap(const Tensor& a) {
  require_one_matrix("low_rank_by_gap", a.type());
  const Svd d = svd(a);
  const std::vector<double> s = numbers(d.s);
  const double least = s.empty() ? 0 : number(threshold(d.s, a));
  size_t rank = 0;
  double widest = 0;
  for (size_t r = 1; r < s.size() && s[r - 1] > least; ++r) {
    const double gap = s[r - 1] / std::max(s[r], least);
    if (gap > widest) rank = r, widest = gap;
  }
  if (s.size() == 1 && s[0] > 0) rank = 1;
  return truncated(d, tails(d.s), static_cast<int64_t>(rank));
}

Spectrum spectrum(const Tensor& a) {
  require_one_matrix("spectrum", a.type());
  Spectrum r;
  r.values = svdvals(a);
  const std::vector<double> s = numbers(r.values);
  r.condition = number(condition_of(cast(r.values, DType::f64)));
  if (s.empty() || s[0] == 0) return r;
  r.spectral = s[0];
  double shares = 0, squares = 0, weighted = 0;
  for (const double value : s) {
    const double share = value / s[0];
    shares += share;
    squares += share * share;
    if (share > 0) weighted += share * std::log(share);
  }
  r.nuclear = s[0] * shares;
  r.frobenius = s[0] * std::sqrt(squares);
  r.stable_rank = squares;
  // -sum p log p with p = share / shares.
  r.effective_rank = std::exp(std::log(shares) - weighted / shares);
  return r;
}

RandomizedSvd randomized_svd(const Tensor& a, int64_t rank, const RandomizedOptions& options) {
  require_one_matrix("randomized_svd", a.type());
  require_rank("randomized_svd", a, rank);
  const int64_t m = a.shape()[0], n = a.shape()[1];
  const int64_t count = std::min(rank + std::max<int64_t>(options.extra, 0), std::min(m, n));
  Tensor q = qr(matmul(a, normal_matrix(options.key, n, count, a.dtype()))).q;
  for (int i = 0; i < options.powers; ++i) q = qr(matmul(a, qr(matmul(transpose(a), q)).q)).q;
  const Svd small = svd(matmul(transpose(q), a));
  RandomizedSvd r;
  r.u = slice_axis(matmul(q, small.u), 1, {0, rank});
  r.s = slice_axis(small.s, 0, {0, rank});
  r.vt = slice_axis(small.vt, 0, {0, rank});
  // Ten more random vectors: what of their images lies outside.
  constexpr int64_t probes = 10;
  const Tensor image = matmul(a, normal_matrix(split(options.key, 1), n, probes, a.dtype()));
  const Tensor outside = norm(image - matmul(q, matmul(transpose(q), image)), {.axis = 0});
  r.error_bound = 10 * std::sqrt(2 / std::numbers::pi) * number(max(outside));
  return r;
}

Tensor Pca::transform(const Tensor& x, bool whiten) const {
  const Tensor z = matmul(x - mean, transpose(components));
  if (!whiten) return z;
  const Tensor flat = variances == 0.0;
  return where(flat, 0.0, z / sqrt(where(flat, 1.0, variances)));
}

Tensor Pca::inverse(const Tensor& z, bool whitened) const {
  return matmul(whitened ? z * sqrt(variances) : z, components) + mean;
}

Pca pca(const Tensor& x, int64_t k) {
  require_one_matrix("pca", x.type());
  const int64_t m = x.shape()[0];
  if (m < 2 || x.shape()[1] < 1)
    raise(ErrorKind::shape, "pca: " + to_string(x.type()) +
                                " has too few observations. A variance needs two rows and one "
                                "column.");
  require_rank("pca", x, k);
  Pca r;
  r.mean = mean(x, {.axis = 0});
  const Tensor centred = x - r.mean;
  // The triangle of a tall matrix has its values and right vectors, but a derivative only where no
  // column depends on others.
  const bool by_triangle = Tape::open() == nullptr && m >= 2 * x.shape()[1];
  const Svd d = svd(by_triangle ? qr(centred).r : centred);
  const int64_t count = k == 0 ? d.s.size() : k;
  const Tensor largest = expand_dims(argmax(abs(d.vt), 1), 1);
  const Tensor sign = where(take_along_axis(d.vt, largest, 1) < 0.0, -1.0, 1.0);
  r.components = slice_axis(cast(sign, x.dtype()) * d.vt, 0, {0, count});
  const Tensor variances = square(d.s) / static_cast<double>(m - 1);
  const Tensor all = sum(variances);
  r.variances = slice_axis(variances, 0, {0, count});
  r.ratios = r.variances / where(all == 0.0, 1.0, all);
  return r;
}

}  // namespace gradus
