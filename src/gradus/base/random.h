// Random numbers without global state. A Key is a value; element i of a draw depends on the key
// and on i alone, so any chunking over any number of threads gives the same bits.
// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
// RandomState replays numpy.random.RandomState, for examples that were made with it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace gradus {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

// Ten rounds pass every known statistical test; seven are the fewest that do (Salmon et al.).
template <int rounds = 10>
constexpr PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;  // golden ratio
    key[1] += 0xBB67AE85;  // sqrt(3) - 1
  }
  return counter;
}

// Names one stream of numbers. Use a key once, or split it.
struct Key {
  std::uint64_t value = 0;
  friend constexpr bool operator==(Key, Key) = default;
};

// The seed is the key: Philox mixes neighbouring keys as well as distant ones.
constexpr Key key_from_seed(std::uint64_t seed) {
  return Key{seed};
}

// Child number `index`: the first two words of philox({index low, index high, 0, 0}, key).
// Draws use a last counter word other than 0, so a child never repeats its parent's numbers.
constexpr Key split(Key key, std::uint64_t index) {
  const PhiloxCounter words =
      philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), 0, 0},
             {static_cast<std::uint32_t>(key.value), static_cast<std::uint32_t>(key.value >> 32)});
  return Key{std::uint64_t{words[1]} << 32 | words[0]};
}

// The last counter word: one key gives unrelated numbers to each kind of draw. 0 is split's.
enum class Stream : std::uint32_t { uniform = 1, normal = 2, integer = 3 };

// Each fill writes elements first, first + 1, ... of the key's endless draw of that kind.

// Uniform in [0, 1): multiples of 2^-24 in f32, of 2^-53 in f64.
void fill_uniform(Key key, std::uint64_t first, std::span<float> out);
void fill_uniform(Key key, std::uint64_t first, std::span<double> out);

// Standard normal by Box and Muller, with + * / sqrt only: the same bits on every machine.
// The tails end at |x| = 6.7 in f32 and 8.6 in f64.
void fill_normal(Key key, std::uint64_t first, std::span<float> out);
void fill_normal(Key key, std::uint64_t first, std::span<double> out);

// Integers in [0, bound), all equally likely; bound must be positive.
void fill_integers(Key key, std::uint64_t first, std::int64_t bound, std::span<std::int64_t> out);

// A shuffled 0 ... n-1: Fisher and Yates, from the end.
std::vector<std::int64_t> permutation(Key key, std::int64_t n);

// Gives the numbers of numpy.random.RandomState (MT19937 and NumPy's frozen legacy methods), call
// for call. normal and exponential use the C library's log; the rest is the same on every machine.
class RandomState {
 public:
  explicit RandomState(std::uint32_t seed);
  explicit RandomState(std::span<const std::uint32_t> seed);

  double random_sample();  // uniform in [0, 1), 53 bits
  double uniform(double low, double high);
  double standard_normal();  // Marsaglia's polar method; the second of a pair waits for its turn
  double normal(double mean, double standard_deviation);
  double standard_exponential();
  std::int64_t randint(std::int64_t low, std::int64_t high);  // in [low, high)

  std::vector<double> rand(std::int64_t count);
  std::vector<double> randn(std::int64_t count);
  std::vector<std::int64_t> permutation(std::int64_t n);
  std::vector<std::int64_t> choice(std::int64_t n, std::int64_t count, bool replace = true);

  // Shuffles anything with size() and [] in place.
  template <class Items>
  void shuffle(Items&& items) {
    using std::swap;
    for (std::size_t i = items.size(); i-- > 1;) {
      swap(items[i], items[static_cast<std::size_t>(up_to(i))]);
    }
  }

 private:
  void seed_with(std::uint32_t seed);
  std::uint32_t next_word();
  std::uint64_t next_two_words();
  std::uint64_t up_to(std::uint64_t largest);  // in [0, largest], masked rejection

  std::array<std::uint32_t, 624> state_;
  std::size_t used_ = 624;
  bool has_waiting_ = false;
  double waiting_ = 0;
};

}  // namespace gradus
