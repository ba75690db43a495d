// Draws from Philox blocks, and NumPy's legacy generator.
#include <gradus/base/error.h>
#include <gradus/base/random.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>

namespace gradus {
namespace {

// The last counter word: one key gives unrelated numbers to each kind of draw. 0 is split's.
enum class Draw : std::uint32_t { uniform = 1, normal = 2, integer = 3 };

PhiloxCounter block_of(Key key, std::uint64_t block, Draw draw, std::uint32_t attempt = 0) {
  return philox(
      {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), attempt,
       static_cast<std::uint32_t>(draw)},
      {static_cast<std::uint32_t>(key.value), static_cast<std::uint32_t>(key.value >> 32)});
}

std::uint64_t word64(const PhiloxCounter& words, std::size_t lane) {
  return std::uint64_t{words[2 * lane + 1]} << 32 | words[2 * lane];
}

// Element i is entry i % lanes of make(i / lanes), an array of `lanes` elements.
template <std::size_t lanes, class T, class Make>
void fill_from_blocks(std::uint64_t first, std::span<T> out, Make make) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::uint64_t index = first + done;
    const std::array<T, lanes> values = make(index / lanes);
    for (std::size_t lane = index % lanes; lane < lanes && done < out.size(); ++lane) {
      out[done++] = values[lane];
    }
  }
}

// Horner's rule: c[0] + c[1] x + c[2] x^2 + ...
template <std::size_t N>
constexpr double polynomial(const std::array<double, N>& c, double x) {
  double sum = c[N - 1];
  for (std::size_t i = N - 1; i-- > 0;) sum = sum * x + c[i];
  return sum;
}

// ln u for normal u > 0, within 2 ulp: u = 2^e m with m in [1/sqrt 2, sqrt 2] and
// ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172; the next term is below 2^-57 of the sum.
double log_of(double u) {
  static constexpr std::array<double, 11> series = {2.0,        2.0 / 3.0,  2.0 / 5.0,  2.0 / 7.0,
                                                    2.0 / 9.0,  2.0 / 11.0, 2.0 / 13.0, 2.0 / 15.0,
                                                    2.0 / 17.0, 2.0 / 19.0, 2.0 / 21.0};
  const auto bits = std::bit_cast<std::uint64_t>(u);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000);
  if (m > std::numbers::sqrt2) {
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1) / (m + 1);
  return exponent * std::numbers::ln2 + s * polynomial(series, s * s);
}

// cos and sin of `turn` whole turns, turn in [0, 1): a quarter turn is taken off exactly until
// |angle| <= pi/4, where Taylor's remainder is below 2^-57.
std::array<double, 2> cos_sin_of_turn(double turn) {
  static constexpr std::array<double, 9> cosine = {1.0,
                                                   -1.0 / 2.0,
                                                   1.0 / 24.0,
                                                   -1.0 / 720.0,
                                                   1.0 / 40320.0,
                                                   -1.0 / 3628800.0,
                                                   1.0 / 479001600.0,
                                                   -1.0 / 87178291200.0,
                                                   1.0 / 20922789888000.0};
  static constexpr std::array<double, 9> sine = {1.0,
                                                 -1.0 / 6.0,
                                                 1.0 / 120.0,
                                                 -1.0 / 5040.0,
                                                 1.0 / 362880.0,
                                                 -1.0 / 39916800.0,
                                                 1.0 / 6227020800.0,
                                                 -1.0 / 1307674368000.0,
                                                 1.0 / 355687428096000.0};
  const int quarter = static_cast<int>(4 * turn + 0.5);
  const double angle = (turn - 0.25 * quarter) * (2 * std::numbers::pi);
  const double c = polynomial(cosine, angle * angle);
  const double s = angle * polynomial(sine, angle * angle);
  switch (quarter & 3) {
    case 0:
      return {c, s};
    case 1:
      return {-s, c};
    case 2:
      return {-c, -s};
    default:
      return {s, -c};
  }
}

// Box and Muller: u in (0, 1] and a turn in [0, 1) give two independent standard normals.
std::array<double, 2> normal_pair(double u, double turn) {
  const double radius = std::sqrt(-2 * log_of(u));
  const auto [c, s] = cos_sin_of_turn(turn);
  return {radius * c, radius * s};
}

// Uniform on the 2^64 - (2^64 mod bound) words kept, a multiple of bound: no value is favoured.
std::int64_t integer_below(std::uint64_t bound, Key key, std::uint64_t index) {
  const std::uint64_t refused = (0 - bound) % bound;
  for (std::uint32_t attempt = 0;; ++attempt) {
    const std::uint64_t word = word64(block_of(key, index / 2, Draw::integer, attempt),
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

void fill_uniform(Key key, std::uint64_t first, std::span<float> out) {
  fill_from_blocks<4>(first, out, [key](std::uint64_t block) {
    const PhiloxCounter w = block_of(key, block, Draw::uniform);
    const auto unit = [](std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; };
    return std::array{unit(w[0]), unit(w[1]), unit(w[2]), unit(w[3])};
  });
}

void fill_uniform(Key key, std::uint64_t first, std::span<double> out) {
  fill_from_blocks<2>(first, out, [key](std::uint64_t block) {
    const PhiloxCounter w = block_of(key, block, Draw::uniform);
    const auto unit = [](std::uint64_t word) { return static_cast<double>(word >> 11) * 0x1p-53; };
    return std::array{unit(word64(w, 0)), unit(word64(w, 1))};
  });
}

void fill_normal(Key key, std::uint64_t first, std::span<float> out) {
  fill_from_blocks<4>(first, out, [key](std::uint64_t block) {
    const PhiloxCounter w = block_of(key, block, Draw::normal);
    const auto a = normal_pair((w[0] + 1.0) * 0x1p-32, w[1] * 0x1p-32);
    const auto b = normal_pair((w[2] + 1.0) * 0x1p-32, w[3] * 0x1p-32);
    return std::array{static_cast<float>(a[0]), static_cast<float>(a[1]), static_cast<float>(b[0]),
                      static_cast<float>(b[1])};
  });
}

void fill_normal(Key key, std::uint64_t first, std::span<double> out) {
  fill_from_blocks<2>(first, out, [key](std::uint64_t block) {
    const PhiloxCounter w = block_of(key, block, Draw::normal);
    return normal_pair(static_cast<double>((word64(w, 0) >> 11) + 1) * 0x1p-53,
                       static_cast<double>(word64(w, 1) >> 11) * 0x1p-53);
  });
}

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
