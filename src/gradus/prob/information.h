// Information: entropies and divergences of finite distributions, and how much two variables say of
// each other. Every function names its base: 2 counts bits, e nats, 10 bans. Arguments come in the
// order of mathematics: kl_divergence(p, q) is D(p || q), the cost of coding p with the code of q.
// 0 log 0 is 0; what p allows and q forbids costs infinity. Probabilities that do not sum to 1 are
// a DomainError. Compositions of ops: axes in front are a batch, and derivatives follow.
#pragma once

#include <gradus/core/tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

enum class LogBase { two, e, ten };
// "bits", "nats", "bans".
const char* unit_of(LogBase base);

// H(p) = -sum p log p along an axis.
Tensor entropy(const Tensor& p, LogBase base, int64_t axis = -1);
// The same of p = softmax(logits), also where p underflows.
Tensor entropy_from_logits(const Tensor& logits, LogBase base, int64_t axis = -1);
// H(p, q) = -sum p log q = H(p) + D(p || q). From logits of q it is the loss cross_entropy of
// nn/losses.h.
Tensor cross_entropy(const Tensor& p, const Tensor& q, LogBase base, int64_t axis = -1);
// D(p || q) = sum p log(p / q), never negative and 0 only where p = q: it is summed from
// p log(p / q) - p + q, whose error stays relative however close the two are. No distance: it
// is not symmetric and knows no triangle inequality.
Tensor kl_divergence(const Tensor& p, const Tensor& q, LogBase base, int64_t axis = -1);
Tensor kl_divergence_from_logits(const Tensor& p_logits, const Tensor& q_logits, LogBase base,
                                 int64_t axis = -1);
// Jensen and Shannon's: the mean of D(p || m) and D(q || m), m half way. Symmetric, at most log 2;
// its root is a distance.
Tensor js_divergence(const Tensor& p, const Tensor& q, LogBase base, int64_t axis = -1);

// Of joint tables (..., x, y): I(X; Y) = D(joint || product of its margins).
Tensor mutual_information(const Tensor& joint, LogBase base);
// H(Y | X) = H(X, Y) - H(X), of the same tables.
Tensor conditional_entropy(const Tensor& joint, LogBase base);
// base^H: how many equally likely choices are as hard. Of a cross-entropy in that base.
Tensor perplexity(const Tensor& cross_entropy, LogBase base);

// I(X; Y) from pairs, by a table of bins x bins cells of equally many numbers each, less its bias
// (Miller and Madow 1955). Numbers that are equal stay together.
double mutual_information_binned(std::span<const double> x, std::span<const double> y, int64_t bins,
                                 LogBase base);
// The same without bins, from the distance to the k-th nearest pair: Kraskov, Stögbauer and
// Grassberger 2004, estimator 1; pairs that repeat k times count as Gao et al. 2017 do. Around 0
// for independent variables, a little below as often as above. O(n^1.5) in practice.
double mutual_information_nearest(std::span<const double> x, std::span<const double> y, int64_t k,
                                  LogBase base);

struct RankedFeature {
  int64_t column;
  double information;  // by nearest neighbours
};
// The columns of x (n, d) by what each alone says of y, most first.
std::vector<RankedFeature> rank_features(const Tensor& x, std::span<const double> y, int64_t k,
                                         LogBase base);
// All columns in the order of forward selection: each next one says most of what is left of y
// beside a least-squares fit of those before it, with what is left of itself. A weak feature that
// strong ones drown in rank_features comes to its place; what only those before it said counts
// once. The relation to the columns before must be a line to be taken away. O(d^2) estimates.
std::vector<RankedFeature> select_features(const Tensor& x, std::span<const double> y, int64_t k,
                                           LogBase base);

}  // namespace gradus
