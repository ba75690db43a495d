#include <gradus/base/error.h>
#include <gradus/train/ngram.h>
#include <gradus/train/sampling.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace gradus {

NGram::NGram(std::span<const int64_t> tokens, int64_t vocabulary, int order, Smoothing smoothing)
    : vocabulary_(vocabulary), order_(order), smoothing_(smoothing) {
  if (order < 1 || order > most_order)
    raise(ErrorKind::usage, "n-gram: order " + std::to_string(order) +
                                ". It counts the token and those before it, from 1 to " +
                                std::to_string(most_order) + ".");
  if (tokens.empty()) raise(ErrorKind::usage, "n-gram: the text is empty. Give one to count.");
  for (int64_t t : tokens)
    if (t < 0 || t >= vocabulary)
      raise(ErrorKind::domain, "n-gram: token " + std::to_string(t) + " of a vocabulary of " +
                                   std::to_string(vocabulary) + ". Tokens run from 0.");
  weights_.assign(static_cast<size_t>(order) + 1, 1 / static_cast<double>(order + 1));
  if (smoothing == Smoothing::interpolated) {
    const size_t held = tokens.size() / 10;
    if (held > 0) {
      count(tokens.first(tokens.size() - held));
      fit(tokens, tokens.size() - held);
    }
  }
  count(tokens);
}

void NGram::count(std::span<const int64_t> tokens) {
  tables_.assign(static_cast<size_t>(order_), {});
  for (size_t i = 0; i < tokens.size(); ++i)
    for (size_t n = 0; n < tables_.size() && n <= i; ++n) {
      const auto before = tokens.subspan(i - n, n);
      Followers& f = tables_[n][{before.begin(), before.end()}];
      ++f.total;
      ++f.counts[tokens[i]];
    }
}

void NGram::each_order(std::span<const int64_t> history, int64_t token, std::span<double> p) const {
  p[0] = 1 / static_cast<double>(vocabulary_);
  for (size_t n = 0; n < tables_.size(); ++n) {
    p[n + 1] = -1;
    if (n > history.size()) continue;
    const auto before = history.last(n);
    const auto found = tables_[n].find({before.begin(), before.end()});
    if (found == tables_[n].end()) continue;
    const Followers& f = found->second;
    const auto of_token = f.counts.find(token);
    const double seen = of_token == f.counts.end() ? 0 : static_cast<double>(of_token->second);
    p[n + 1] = smoothing_ == Smoothing::add_one
                   ? (seen + 1) / static_cast<double>(f.total + vocabulary_)
                   : seen / static_cast<double>(f.total);
  }
}

double NGram::mixed(std::span<const double> p) const {
  if (smoothing_ != Smoothing::interpolated) {
    // The longest history that was seen.
    size_t n = p.size() - 1;
    while (p[n] < 0) --n;
    return p[n];
  }
  double sum = 0, weight = 0;
  for (size_t n = 0; n < p.size(); ++n)
    if (p[n] >= 0) sum += weights_[n] * p[n], weight += weights_[n];
  return sum / weight;
}

void NGram::fit(std::span<const int64_t> tokens, size_t from) {
  std::vector<double> p(weights_.size());
  std::vector<std::vector<double>> all;
  for (size_t i = from; i < tokens.size(); ++i) {
    each_order(tokens.first(i), tokens[i], p);
    all.push_back(p);
  }
  constexpr int rounds = 30;  // the weights then stand still to three digits
  for (int round = 0; round < rounds; ++round) {
    // What is scored divides by the weights of the orders that were seen; so the share of an order
    // is over how often, and among how much weight, it could have answered.
    std::vector<double> credit(weights_.size(), 0.0), chances(weights_.size(), 0.0);
    for (const std::vector<double>& each : all) {
      double sum = 0, seen = 0;
      for (size_t n = 0; n < each.size(); ++n)
        if (each[n] >= 0) sum += weights_[n] * each[n], seen += weights_[n];
      for (size_t n = 0; n < each.size(); ++n)
        if (each[n] >= 0) credit[n] += weights_[n] * each[n] / sum, chances[n] += 1 / seen;
    }
    double total = 0;
    for (size_t n = 0; n < credit.size(); ++n) {
      weights_[n] = chances[n] > 0 ? credit[n] / chances[n] : 0;
      total += weights_[n];
    }
    for (double& w : weights_) w /= total;
  }
}

double NGram::probability(std::span<const int64_t> history, int64_t token) const {
  std::vector<double> p(weights_.size());
  each_order(history, token, p);
  return mixed(p);
}

double NGram::loss(std::span<const int64_t> tokens) const {
  double total = 0;
  for (size_t i = 0; i < tokens.size(); ++i)
    total -= std::log(probability(tokens.first(i), tokens[i]));
  return total / static_cast<double>(tokens.size());
}

std::vector<int64_t> NGram::sample(std::vector<int64_t> history, std::span<const double> u) const {
  std::vector<int64_t> drawn;
  std::vector<double> p(static_cast<size_t>(vocabulary_));
  for (double at : u) {
    for (int64_t t = 0; t < vocabulary_; ++t) p[static_cast<size_t>(t)] = probability(history, t);
    drawn.push_back(sample_token(p, at));
    history.push_back(drawn.back());
  }
  return drawn;
}

}  // namespace gradus
