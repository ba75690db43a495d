#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/train/sampling.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus {

void check_sampling(const SamplingOptions& options) {
  if (!(options.temperature >= 0))
    raise(ErrorKind::usage, "generate: temperature " + text::number(options.temperature) +
                                ". It divides the logits: 0 takes the likeliest, 1 is the model's "
                                "own.");
  if (options.top_k < 0)
    raise(ErrorKind::usage, "generate: top-k " + std::to_string(options.top_k) +
                                ". It is a count of tokens, or 0 for all.");
  if (!(options.top_p > 0 && options.top_p <= 1))
    raise(ErrorKind::usage, "generate: top-p " + text::number(options.top_p) +
                                ". It is a probability above 0, up to 1.");
}

std::vector<double> token_probabilities(std::span<const float> logits,
                                        const SamplingOptions& options) {
  check_sampling(options);
  const size_t n = logits.size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return logits[i]; });
  std::vector<double> p(n, 0.0);
  if (options.temperature == 0) {
    p[order[0]] = 1;
    return p;
  }
  const size_t kept = options.top_k > 0 ? std::min(n, static_cast<size_t>(options.top_k)) : n;
  const double top = static_cast<double>(logits[order[0]]);
  double total = 0;
  for (size_t i = 0; i < kept; ++i) {
    p[order[i]] = std::exp((static_cast<double>(logits[order[i]]) - top) / options.temperature);
    total += p[order[i]];
  }
  double reached = 0, among = 0;
  for (size_t i = 0; i < kept; ++i) {
    if (reached >= options.top_p * total && i > 0)
      p[order[i]] = 0;
    else
      among += p[order[i]];
    reached += p[order[i]];
  }
  for (double& x : p) x /= among;
  return p;
}

int64_t sample_token(std::span<const double> probabilities, double u) {
  double reached = 0;
  int64_t last = 0;  // rounding may leave the sum below u
  for (size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] == 0) continue;
    last = static_cast<int64_t>(i);
    reached += probabilities[i];
    if (u < reached) return last;
  }
  return last;
}

}  // namespace gradus
