#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>
#include <gradus/nn/losses.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <cmath>

namespace gradus {
namespace {

Tensor reduced(const Tensor& losses, Reduction reduction, const Tensor& weights = {}) {
  const Tensor weighted = weights.is_absent() ? losses : losses * weights;
  if (reduction == Reduction::none) return weighted;
  if (reduction == Reduction::sum) return sum(weighted);
  if (weights.is_absent()) return mean(losses);
  return sum(weighted) / sum(broadcast_to(weights, losses.shape()));
}

// Broadcasting (n,1) against (n) would make an (n,n) of pairs that nobody meant.
void require_same_shape(const char* loss, const Tensor& prediction, const Tensor& target) {
  if (prediction.shape() == target.shape()) return;
  raise(ErrorKind::shape, std::string(loss) + ": prediction " + to_string(prediction.type()) +
                              " and target " + to_string(target.type()) +
                              " differ. Each prediction has one target." +
                              (prediction.size() == target.size()
                                   ? " Reshape the target to " + to_string(prediction.shape()) + "."
                                   : ""));
}

bool has_numbers(const Tensor& x) {
  if (x.buffer() != nullptr) return true;
  const Tape* tape = Tape::open();
  const TapeValue* v = x.tape_value();
  return tape != nullptr && v != nullptr && v->tape == tape->serial() &&
         tape->value(v->id).has_numbers();
}

// While compiling there are no numbers to look at; a class out of range then counts for nothing.
void require_classes(const Tensor& targets, int64_t count, const ClassLoss& options) {
  if (!has_numbers(targets)) return;
  const std::vector<double> classes = numbers(targets);
  for (size_t i = 0; i < classes.size(); ++i) {
    const auto c = static_cast<int64_t>(classes[i]);
    if ((c < 0 || c >= count) && c != options.ignore_index)
      raise(ErrorKind::domain,
            "cross_entropy: class " + std::to_string(c) + " in row " + std::to_string(i) + " of " +
                to_string(targets.type()) + ", but there are " + std::to_string(count) +
                " logits. Classes run from 0 to " + std::to_string(count - 1) + ".");
  }
}

}  // namespace

Tensor nll(const Tensor& log_probs, const Tensor& targets, Reduction reduction,
           const ClassLoss& options) {
  const bool classes = is_integer(targets.dtype());
  Shape rows = log_probs.shape();
  if (!rows.empty()) rows.erase(rows.size() - 1);
  if (log_probs.rank() == 0 || !(targets.shape() == (classes ? rows : log_probs.shape())))
    raise(ErrorKind::shape, "cross_entropy: logits " + to_string(log_probs.type()) +
                                " and targets " + to_string(targets.type()) +
                                ". Classes are one integer a row, i64" + to_string(rows) +
                                "; probabilities have the shape of the logits.");
  const int64_t count = log_probs.shape().back();
  const DType dtype = log_probs.dtype();
  const double e = options.label_smoothing;
  if (!(e >= 0 && e <= 1))
    raise(ErrorKind::domain, "cross_entropy: label_smoothing " + std::to_string(e) +
                                 " is outside [0, 1]. It is the share spread over all classes.");

  Tensor y = targets;
  Tensor row_weight;  // absent: 1 for every row
  if (classes) {
    require_classes(targets, count, options);
    y = one_hot(targets, count, dtype);
    if (!options.weights.is_absent()) row_weight = sum(y * options.weights, {.axis = -1});
  }
  if (e != 0) y = (1 - e) * y + e / static_cast<double>(count);
  if (!options.weights.is_absent()) y = y * options.weights;
  if (classes && options.ignore_index) {
    const Tensor kept = cast(targets != *options.ignore_index, dtype);
    y = y * expand_dims(kept, -1);
    row_weight = row_weight.is_absent() ? kept : row_weight * kept;
  }
  const Tensor each = strong_product(y, log_probs);
  if (reduction == Reduction::none) return -sum(each, {.axis = -1});
  if (reduction == Reduction::sum) return -sum(each);
  if (!row_weight.is_absent()) return -sum(each) / sum(row_weight);
  return sum(each) * (-1 / static_cast<double>(element_count(rows)));
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, Reduction reduction,
                     const ClassLoss& options) {
  if (logits.rank() == 0) return nll(logits, targets, reduction, options);  // raises
  return nll(log_softmax(logits), targets, reduction, options);
}

Tensor binary_cross_entropy(const Tensor& p, const Tensor& y, Reduction reduction) {
  require_same_shape("binary_cross_entropy", p, y);
  // 0 log 0 is 0 here.
  return reduced(-(strong_product(y, log(p)) + strong_product(1 - y, log1p(-p))), reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& z, const Tensor& y, Reduction reduction,
                                        const Tensor& pos_weight) {
  require_same_shape("binary_cross_entropy_with_logits", z, y);
  // Two softplus, where max(z, 0) - z y + log(1 + e^-|z|) would cancel to 0 for certain answers.
  const Tensor positive = pos_weight.is_absent() ? y : y * pos_weight;
  return reduced(positive * softplus(-z) + (1 - y) * softplus(z), reduction);
}

Tensor mse(const Tensor& prediction, const Tensor& target, Reduction reduction,
           const Tensor& weights) {
  require_same_shape("mse", prediction, target);
  return reduced(square(prediction - target), reduction, weights);
}

Tensor mae(const Tensor& prediction, const Tensor& target, Reduction reduction,
           const Tensor& weights) {
  require_same_shape("mae", prediction, target);
  return reduced(abs(prediction - target), reduction, weights);
}

Tensor huber(const Tensor& prediction, const Tensor& target, Reduction reduction, double delta,
             const Tensor& weights) {
  require_same_shape("huber", prediction, target);
  const Tensor d = prediction - target;
  // With c = d held within +-delta both branches are c (d - c / 2), smooth at 0.
  const Tensor c = clip(d, -delta, delta);
  return reduced(c * (d - 0.5 * c), reduction, weights);
}

Tensor kl_div(const Tensor& log_q, const Tensor& p, Reduction reduction) {
  require_same_shape("kl_div", log_q, p);
  return reduced(strong_product(p, log(p)) - strong_product(p, log_q), reduction);
}

Tensor hinge(const Tensor& scores, const Tensor& y, Reduction reduction) {
  require_same_shape("hinge", scores, y);
  return reduced(relu(1 - y * scores), reduction);
}

Tensor multi_margin(const Tensor& scores, const Tensor& classes, Reduction reduction,
                    double margin) {
  if (scores.rank() != 2 || !is_integer(classes.dtype()) ||
      !(classes.shape() == Shape{scores.shape()[0]}))
    raise(ErrorKind::shape, "multi_margin: scores " + to_string(scores.type()) + " and classes " +
                                to_string(classes.type()) +
                                ". Scores are (N, classes), and each row has one integer.");
  const Tensor wanted = one_hot(classes, scores.shape()[1], scores.dtype());
  const Tensor right = sum(scores * wanted, {.axis = 1, .keepdims = true});
  const Tensor over = relu(margin - right + scores) * (1 - wanted);
  return reduced(mean(over, {.axis = 1}), reduction);
}

Tensor cosine_embedding(const Tensor& a, const Tensor& b, const Tensor& y, Reduction reduction,
                        double margin) {
  require_same_shape("cosine_embedding", a, b);
  const Tensor c = cosine_similarity(a, b);
  return reduced(where(greater(y, 0), 1 - c, relu(c - margin)), reduction);
}

Tensor triplet_margin(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                      Reduction reduction, double margin) {
  require_same_shape("triplet_margin", anchor, positive);
  require_same_shape("triplet_margin", anchor, negative);
  constexpr double away = 1e-6;  // keeps the slope of the distance defined where rows are equal
  const auto distance = [](const Tensor& a, const Tensor& b) {
    return norm(a - b + away, {.axis = -1});
  };
  return reduced(relu(distance(anchor, positive) - distance(anchor, negative) + margin), reduction);
}

Tensor info_nce(const Tensor& a, const Tensor& b, double temperature, bool symmetric) {
  require_same_shape("info_nce", a, b);
  if (!(temperature > 0))
    raise(ErrorKind::domain, "info_nce: temperature " + text::number(temperature) +
                                 ". It divides the similarities and is positive.");
  const Tensor logits = cosine_similarities(a, b) / temperature;
  const Tensor own = iota(a.shape()[0]);
  const Tensor forth = cross_entropy(logits, own, Reduction::mean);
  if (!symmetric) return forth;
  return 0.5 * (forth + cross_entropy(transpose(logits), own, Reduction::mean));
}

Tensor embedding_alignment(const Tensor& a, const Tensor& b) {
  require_same_shape("embedding_alignment", a, b);
  return mean(sum(square(a - b), {.axis = -1}));
}

Tensor embedding_uniformity(const Tensor& x) {
  if (x.rank() != 2 || x.shape()[0] < 2)
    raise(ErrorKind::shape, "embedding_uniformity: " + to_string(x.type()) +
                                ". It compares pairs of rows, (N, d) with N >= 2.");
  const int64_t n = x.shape()[0];
  const Tensor apart = sum(square(expand_dims(x, 1) - expand_dims(x, 0)), {.axis = -1});
  // All ordered pairs without those of a row with itself, whose term is 1.
  const Tensor others =
      (sum(exp(-2 * apart)) - static_cast<double>(n)) / static_cast<double>(n * (n - 1));
  return log(others);
}

double chance_loss(std::string_view task, std::span<const double> v) {
  double total = 0;
  for (double x : v) total += x;
  double loss = 0;
  if (task == "regression") {
    const auto n = static_cast<double>(v.size());
    for (double x : v) loss += (x - total / n) * (x - total / n) / n;
    return loss;
  }
  for (double x : v)
    if (x > 0) loss -= x / total * std::log(x / total);
  return loss;
}

}  // namespace gradus
