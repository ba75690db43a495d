// Losses. How the losses of single examples become one number is always said: there is no default.
#pragma once

#include <gradus/core/tensor.h>

#include <optional>
#include <span>
#include <string_view>

namespace gradus {

enum class Reduction { mean, sum, none };

struct ClassLoss {
  double label_smoothing = 0;                // e: the target becomes (1 - e) target + e / classes
  Tensor weights = {};                       // one for each class; absent: all 1
  std::optional<int64_t> ignore_index = {};  // rows of this class count for nothing
};

// l_n = -sum_c w_c y_nc log softmax(z_n)_c over the last axis of the logits z. Targets are classes
// (i32, i64, one a row) or probabilities y of the logits' shape, one-hot rows among them; a
// probability of 0 contributes 0 even where the log is -inf. The mean divides by the weight of the
// rows' classes, for probabilities by the count of rows (PyTorch); of no rows it is NaN.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, Reduction reduction,
                     const ClassLoss& options = {});
// The same from log-probabilities.
Tensor nll(const Tensor& log_probs, const Tensor& targets, Reduction reduction,
           const ClassLoss& options = {});

// l = -(y log p + (1 - y) log(1 - p)). Infinite for a certain mistake (PyTorch stops at 100): use
// logits for training.
Tensor binary_cross_entropy(const Tensor& p, const Tensor& y, Reduction reduction);
// l = w y log(1 + e^-z) + (1 - y) log(1 + e^z), w = pos_weight: p = sigmoid(z) without overflow,
// and exact to the last digits for certain answers too.
Tensor binary_cross_entropy_with_logits(const Tensor& z, const Tensor& y, Reduction reduction,
                                        const Tensor& pos_weight = {});

// (y_hat - y)^2, without a factor 1/2. Weights broadcast; the mean then divides by their sum.
Tensor mse(const Tensor& prediction, const Tensor& target, Reduction reduction,
           const Tensor& weights = {});
// |y_hat - y|.
Tensor mae(const Tensor& prediction, const Tensor& target, Reduction reduction,
           const Tensor& weights = {});
// d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), d = y_hat - y.
Tensor huber(const Tensor& prediction, const Tensor& target, Reduction reduction, double delta = 1,
             const Tensor& weights = {});

// sum over classes of p (log p - log q) from log q and the targets p, of one shape, element by
// element: KL(p, q) of a row is their sum. Reduction::mean divides by all elements, as PyTorch.
Tensor kl_div(const Tensor& log_q, const Tensor& p, Reduction reduction);

// max(0, 1 - y s) for scores s and y = 1 or -1, of one shape.
Tensor hinge(const Tensor& scores, const Tensor& y, Reduction reduction);
// sum over c != y of max(0, margin - s_y + s_c) / classes: scores (N, classes), classes i64[N].
Tensor multi_margin(const Tensor& scores, const Tensor& classes, Reduction reduction,
                    double margin = 1);

// 1 - cos(a, b) of rows that belong together (y = 1), max(0, cos(a, b) - margin) of those that do
// not (y = -1): a, b (N, d), y (N).
Tensor cosine_embedding(const Tensor& a, const Tensor& b, const Tensor& y, Reduction reduction,
                        double margin = 0);
// max(0, |a - p| - |a - n| + margin) of rows (N, d): the anchor nearer to the positive than to the
// negative by a margin (Schroff 2015). As PyTorch, 1e-6 is added to every difference.
Tensor triplet_margin(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                      Reduction reduction, double margin = 1);

// InfoNCE (van den Oord 2018): row i of a belongs to row i of b and to no other. The mean over i of
// -log softmax_j(cos(a_i, b_j) / temperature) at j = i; symmetric: half of that and half with a
// and b exchanged (CLIP). a, b (N, d). log N minus it bounds their mutual information from below.
Tensor info_nce(const Tensor& a, const Tensor& b, double temperature = 0.07,
                bool symmetric = false);
// Wang and Isola 2020, of rows of length 1: the mean of |a - b|^2 of pairs, 0 at best, and the log
// of the mean of exp(-2 |x_i - x_j|^2) over i < j, small where rows spread over the sphere.
Tensor embedding_alignment(const Tensor& a, const Tensor& b);
Tensor embedding_uniformity(const Tensor& x);

// The loss of the best answer that ignores the input. For "classification" and "binary" from the
// counts (or frequencies f) of the classes: -sum f ln f; for "regression" from the targets: their
// variance.
double chance_loss(std::string_view task, std::span<const double> counts_or_targets);

}  // namespace gradus
