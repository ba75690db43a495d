// Choosing the next token from logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

struct SamplingOptions {
  double temperature = 1;  // logits are divided by it; 0: the largest is taken
  int64_t top_k = 0;       // among so many of the largest; 0: among all
  double top_p = 1;        // among the fewest whose probabilities reach this sum (Holtzman 2020)
};

// Raises a usage error for a temperature below 0 or NaN, a top_k below 0, a top_p outside (0, 1].
void check_sampling(const SamplingOptions& options);
// The probabilities that a token is drawn with; those left out are 0. Checks the options.
std::vector<double> token_probabilities(std::span<const float> logits,
                                        const SamplingOptions& options);
// The token at the place u in [0, 1) of the cumulative probabilities.
int64_t sample_token(std::span<const double> probabilities, double u);

}  // namespace gradus
