// Models of what follows a few tokens, by counting. Shannon 1948; Jelinek and Mercer 1980.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace gradus {

enum class Smoothing {
  none,         // counts after the longest history that was seen: what never followed it has 0
  add_one,      // (count + 1) / (total + vocabulary) after it, Laplace
  interpolated  // weighted means of all orders, down to 1 / vocabulary
};

// P(token given the `order` - 1 tokens before it). Fewer before it, at the start of a text, are a
// shorter history.
class NGram {
 public:
  static constexpr int most_order = 32;
  // Counts a text of tokens in [0, vocabulary). Interpolated, the weight of each order is fitted by
  // expectation maximisation on the last tenth of the text, counted with the rest; then everything
  // is counted.
  NGram(std::span<const int64_t> tokens, int64_t vocabulary, int order,
        Smoothing smoothing = Smoothing::interpolated);

  int order() const { return order_; }
  int64_t vocabulary() const { return vocabulary_; }
  // Of orders 0 (1 / vocabulary), 1, ..., `order`; they sum to 1.
  const std::vector<double>& weights() const { return weights_; }
  double probability(std::span<const int64_t> history, int64_t token) const;
  // The mean of -ln P over the tokens of a text, each after those before it.
  double loss(std::span<const int64_t> tokens) const;
  // A token for each u in [0, 1), each drawn after what `history` ends with.
  std::vector<int64_t> sample(std::vector<int64_t> history, std::span<const double> u) const;

 private:
  struct Followers {
    int64_t total = 0;
    std::map<int64_t, int64_t> counts;
  };
  using Table = std::map<std::vector<int64_t>, Followers>;  // by history

  void count(std::span<const int64_t> tokens);
  void fit(std::span<const int64_t> tokens, size_t from);
  // The probability by each order; below 0 where its history was never seen.
  void each_order(std::span<const int64_t> history, int64_t token, std::span<double> p) const;
  double mixed(std::span<const double> p) const;

  int64_t vocabulary_;
  int order_;
  Smoothing smoothing_;
  std::vector<Table> tables_;  // of histories of 0, 1, ..., order - 1 tokens
  std::vector<double> weights_;
};

}  // namespace gradus
