// Integers from Philox blocks, and NumPy's legacy generator.
#include <gradus/base/error.h>
#include <gradus/base/random.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <string>

namespace gradus {
namespace {

PhiloxCounter block_of(Key key, std::uint64_t block, Stream stream, std::uint32_t attempt = 0) {
  return philox(
      {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), attempt,
       static_cast<std::uint32_t>(stream)},
      {static_cast<std::uint32_t>(key.value), static_cast<std::uint32_t>(key.value >> 32)});
}

std::uint64_t word64(const PhiloxCounter& words, std::size_t lane) {
  return std::uint64_t{words[2 * lane + 1]} << 32 | words[2 * lane];
}

// Uniform on the 2^64 - (2^64 mod bound) words kept, a multiple of bound: no value is favoured.
std::int64_t integer_below(std::uint64_t bound, Key key, std::uint64_t index) {
  const std::uint64_t refused = (0 - bound) % bound;
  for (std::uint32_t attempt = 0;; ++attempt) {
    const std::uint64_t word = word64(block_of(key, index / 2, Stream::integer, attempt),
                                      static_cast<std::size_t>(index % 2));
    if (word >= refused) return static_cast<std::int64_t>(word % bound);
  }
}

std::size_t count_for(const char* caller, std::int64_t n) {
  if (n < 0) {
    raise(ErrorKind::domain, std::string(caller) + ": the count must not be negative, but it is " +
                                 std::to_string(n) + ".");
  }
  return static_cast<std::size_t>(n);
}

std::vector<std::int64_t> count_up(const char* caller, std::int64_t n) {
  std::vector<std::int64_t> order(count_for(caller, n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  return order;
}

}  // namespace

void fill_integers(Key key, std::uint64_t first, std::int64_t bound, std::span<std::int64_t> out) {
  if (bound <= 0) {
    raise(ErrorKind::domain,
          "fill_integers: bound must be positive, but it is " + std::to_string(bound) + ".");
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = integer_below(static_cast<std::uint64_t>(bound), key, first + i);
  }
}

std::vector<std::int64_t> permutation(Key key, std::int64_t n) {
  std::vector<std::int64_t> order = count_up("permutation", n);
  for (std::size_t i = order.size(); i-- > 1;) {
    std::swap(order[i], order[static_cast<std::size_t>(integer_below(i + 1, key, i))]);
  }
  return order;
}

// MT19937 and its two seedings: Matsumoto and Nishimura (1998), version of 2002.

RandomState::RandomState(std::uint32_t seed) {
  seed_with(seed);
}

RandomState::RandomState(std::span<const std::uint32_t> seed) {
  if (seed.empty()) raise(ErrorKind::domain, "RandomState: the seed is empty. Give a number.");
  seed_with(19650218);
  const std::size_t n = state_.size();
  std::size_t i = 1;
  const auto mix = [&](std::uint32_t factor, std::uint32_t extra) {
    const std::uint32_t before = state_[i - 1];
    state_[i] = (state_[i] ^ ((before ^ (before >> 30)) * factor)) + extra;
    if (++i == n) {
      state_[0] = state_[n - 1];
      i = 1;
    }
  };
  std::size_t j = 0;
  for (std::size_t k = std::max(n, seed.size()); k > 0; --k) {
    mix(1664525, seed[j] + static_cast<std::uint32_t>(j));
    if (++j == seed.size()) j = 0;
  }
  for (std::size_t k = n - 1; k > 0; --k) mix(1566083941, 0 - static_cast<std::uint32_t>(i));
  state_[0] = 0x80000000;
}

void RandomState::seed_with(std::uint32_t seed) {
  state_[0] = seed;
  for (std::size_t i = 1; i < state_.size(); ++i) {
    const std::uint32_t before = state_[i - 1];
    state_[i] = 1812433253u * (before ^ (before >> 30)) + static_cast<std::uint32_t>(i);
  }
}

std::uint32_t RandomState::next_word() {
  const std::size_t n = state_.size();
  if (used_ == n) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint32_t y = (state_[i] & 0x80000000) | (state_[(i + 1) % n] & 0x7FFFFFFF);
      state_[i] = state_[(i + 397) % n] ^ (y >> 1) ^ ((y & 1) * 0x9908B0DF);
    }
    used_ = 0;
  }
  std::uint32_t y = state_[used_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9D2C5680;
  y ^= (y << 15) & 0xEFC60000;
  return y ^ (y >> 18);
}

std::uint64_t RandomState::next_two_words() {
  const std::uint64_t high = next_word();
  return high << 32 | next_word();
}

std::uint64_t RandomState::up_to(std::uint64_t largest) {
  if (largest == 0) return 0;
  const std::uint64_t mask = ~std::uint64_t{0} >> std::countl_zero(largest);
  for (;;) {
    const std::uint64_t word = (largest <= 0xFFFFFFFF ? next_word() : next_two_words()) & mask;
    if (word <= largest) return word;
  }
}

double RandomState::random_sample() {
  const std::uint32_t high = next_word() >> 5;
  const std::uint32_t low = next_word() >> 6;
  return (high * 0x1p26 + low) / 0x1p53;
}

double RandomState::uniform(double low, double high) {
  return low + (high - low) * random_sample();
}

double RandomState::standard_normal() {
  if (has_waiting_) {
    has_waiting_ = false;
    return waiting_;
  }
  for (;;) {
    const double x = 2 * random_sample() - 1;
    const double y = 2 * random_sample() - 1;
    const double r2 = x * x + y * y;
    if (r2 >= 1 || r2 == 0) continue;
    const double scale = std::sqrt(-2 * std::log(r2) / r2);
    waiting_ = scale * x;
    has_waiting_ = true;
    return scale * y;
  }
}

double RandomState::normal(double mean, double standard_deviation) {
  return mean + standard_deviation * standard_normal();
}

double RandomState::standard_exponential() {
  return -std::log(1 - random_sample());
}

std::int64_t RandomState::randint(std::int64_t low, std::int64_t high) {
  if (low >= high) {
    raise(ErrorKind::domain, "randint: low " + std::to_string(low) + " and high " +
                                 std::to_string(high) +
                                 " leave no integer. high is not included and must be above low.");
  }
  const std::uint64_t base = static_cast<std::uint64_t>(low);
  return static_cast<std::int64_t>(base + up_to(static_cast<std::uint64_t>(high) - base - 1));
}

std::vector<double> RandomState::rand(std::int64_t count) {
  std::vector<double> out(count_for("rand", count));
  for (double& x : out) x = random_sample();
  return out;
}

std::vector<double> RandomState::randn(std::int64_t count) {
  std::vector<double> out(count_for("randn", count));
  for (double& x : out) x = standard_normal();
  return out;
}

std::vector<std::int64_t> RandomState::permutation(std::int64_t n) {
  std::vector<std::int64_t> order = count_up("permutation", n);
  shuffle(order);
  return order;
}

std::vector<std::int64_t> RandomState::choice(std::int64_t n, std::int64_t count, bool replace) {
  if (count < 0 || (count > 0 && n <= 0) || (!replace && count > n)) {
    raise(ErrorKind::domain, "choice: cannot take " + std::to_string(count) + " from " +
                                 std::to_string(n) + (replace ? "." : " without putting back."));
  }
  if (!replace) {
    std::vector<std::int64_t> order = permutation(n);
    order.resize(static_cast<std::size_t>(count));
    return order;
  }
  std::vector<std::int64_t> out(static_cast<std::size_t>(count));
  for (std::int64_t& x : out) x = randint(0, n);
  return out;
}

}  // namespace gradus
