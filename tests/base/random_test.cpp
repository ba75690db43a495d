// Known answers of Random123 and of NumPy, and the promise that chunking does not matter.
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <numbers>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

namespace gradus {
namespace {

using Integers = std::vector<std::int64_t>;
using Numbers = std::vector<double>;

template <class T, class Draw>
std::vector<T> drawn(std::size_t count, Draw draw) {
  std::vector<T> out(count);
  for (T& x : out) x = draw();
  return out;
}

TEST(Philox, known_answers_of_random123_come_out) {
  std::ifstream file(std::string(GRADUS_SHARED_DIR) + "/data/random123/kat_vectors.txt");
  if (!file) GTEST_SKIP() << "the reference data is not here: data/random123/kat_vectors.txt";
  int checked = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    int rounds = 0;
    if (!(words >> name >> rounds) || name != "philox4x32") continue;
    PhiloxCounter counter{};
    PhiloxKey key{};
    PhiloxCounter expected{};
    words >> std::hex;
    for (auto& w : counter) words >> w;
    for (auto& w : key) words >> w;
    for (auto& w : expected) words >> w;
    ASSERT_TRUE(words) << line;
    EXPECT_EQ(rounds == 7 ? philox<7>(counter, key) : philox(counter, key), expected) << line;
    ++checked;
  }
  EXPECT_EQ(checked, 6);
}

TEST(Philox, runs_at_compile_time) {
  constexpr PhiloxCounter words = philox({0, 0, 0, 0}, {0, 0});
  static_assert(words == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  static_assert(split(Key{0}, 0).value == 0xe169c58d6627e8d5);
}

TEST(Key, children_differ_from_each_other_and_from_the_parent) {
  const Key parent = key_from_seed(42);
  std::vector<std::uint64_t> values = {parent.value};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    values.push_back(split(parent, i).value);
    values.push_back(split(split(parent, 0), i).value);
  }
  std::sort(values.begin(), values.end());
  EXPECT_EQ(std::adjacent_find(values.begin(), values.end()), values.end());
}

template <class T>
void expect_chunks_agree(void (*fill)(Key, std::uint64_t, std::span<T>)) {
  const Key key = key_from_seed(7);
  std::vector<T> whole(101);
  fill(key, 0, whole);
  for (const std::size_t chunk : {1u, 2u, 3u, 4u, 7u, 50u}) {
    std::vector<T> pieces(whole.size());
    for (std::size_t at = 0; at < pieces.size(); at += chunk) {
      fill(key, at, std::span(pieces).subspan(at, std::min(chunk, pieces.size() - at)));
    }
    EXPECT_EQ(pieces, whole) << "chunks of " << chunk;
  }
}

TEST(Fill, an_element_depends_on_key_and_index_alone) {
  expect_chunks_agree<float>(fill_uniform);
  expect_chunks_agree<double>(fill_uniform);
  expect_chunks_agree<float>(fill_normal);
  expect_chunks_agree<double>(fill_normal);
  expect_chunks_agree<std::int64_t>([](Key key, std::uint64_t first, std::span<std::int64_t> out) {
    fill_integers(key, first, 3'000'000'000'000'000'000, out);
  });
}

// Elements 3 to 259 of each kind of draw, far out, one after the other in f64.
Numbers far_draws(Key key) {
  const std::uint64_t first = (std::uint64_t{1} << 35) + 3;
  std::vector<float> single(257);
  std::vector<double> wide(257);
  Numbers all;
  const auto add = [&](const auto& x) { all.insert(all.end(), x.begin(), x.end()); };
  fill_uniform(key, first, single), add(single);
  fill_uniform(key, first, wide), add(wide);
  fill_normal(key, first, single), add(single);
  fill_normal(key, first, wide), add(wide);
  return all;
}

TEST(Fill, every_simd_target_gives_the_same_bits) {
  const Key key{0xFEDCBA9876543210};
  const Numbers here = far_draws(key);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    EXPECT_EQ(far_draws(key), here) << hwy::TargetName(target);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

TEST(Fill, uniform_is_the_top_bits_of_the_words_of_its_block) {
  const Key key{0xFEDCBA9876543210};
  const std::uint64_t first = (std::uint64_t{1} << 36) - 8;  // the second word of the counter grows
  std::vector<float> x(64);
  std::vector<double> y(64);
  fill_uniform(key, first, x);
  fill_uniform(key, first, y);
  const auto word = [](std::uint64_t at) {
    const std::uint64_t block = at / 4;
    const PhiloxCounter words =
        philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0, 1},
               {0x76543210, 0xFEDCBA98});
    return std::uint64_t{words[at % 4]};
  };
  for (std::uint64_t i = 0; i < 64; ++i) {
    EXPECT_EQ(x[i], std::ldexp(static_cast<float>(word(first + i) >> 8), -24));
    const std::uint64_t two = word(2 * (first + i) + 1) << 32 | word(2 * (first + i));
    EXPECT_EQ(y[i], std::ldexp(static_cast<double>(two >> 11), -53));
  }
}

TEST(Fill, kinds_of_draw_from_one_key_do_not_repeat_each_other) {
  const Key key = key_from_seed(1);
  std::vector<double> uniform(2);
  fill_uniform(key, 0, uniform);
  const PhiloxCounter w = philox({0, 0, 0, 1}, {1, 0});
  EXPECT_EQ(uniform[0],
            std::ldexp(static_cast<double>((std::uint64_t{w[1]} << 32 | w[0]) >> 11), -53));
  EXPECT_NE(philox({0, 0, 0, 2}, {1, 0}), w);
}

// Mean, variance and fourth moment of n draws, against their own standard errors times 5.
template <class T>
void expect_moments(const std::vector<T>& x, double mean, double variance, double fourth) {
  const double n = static_cast<double>(x.size());
  double sum = 0;
  for (const T v : x) sum += static_cast<double>(v) - mean;
  EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(variance / n));
  double squares = 0;
  double fourths = 0;
  for (const T v : x) {
    const double square = std::pow(static_cast<double>(v) - mean, 2);
    squares += square;
    fourths += square * square;
  }
  EXPECT_NEAR(squares / n, variance, 5 * std::sqrt((fourth - variance * variance) / n));
  EXPECT_NEAR(fourths / n, fourth, 50 * fourth / std::sqrt(n));
}

TEST(Fill, moments_are_those_of_the_distribution) {
  std::vector<float> x(200'000);
  std::vector<double> y(200'000);
  fill_uniform(key_from_seed(3), 0, x);
  fill_uniform(key_from_seed(4), 0, y);
  expect_moments(x, 0.5, 1.0 / 12, 1.0 / 80);
  expect_moments(y, 0.5, 1.0 / 12, 1.0 / 80);
  EXPECT_TRUE(std::all_of(y.begin(), y.end(), [](double v) { return 0 <= v && v < 1; }));
  fill_normal(key_from_seed(5), 0, x);
  fill_normal(key_from_seed(6), 0, y);
  expect_moments(x, 0, 1, 3);
  expect_moments(y, 0, 1, 3);
}

TEST(Fill, normal_follows_the_distribution_function) {
  std::vector<double> x(100'000);
  fill_normal(key_from_seed(11), 0, x);
  std::sort(x.begin(), x.end());
  double gap = 0;  // Kolmogorov and Smirnov
  const double n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double phi = 0.5 * std::erfc(-x[i] / std::numbers::sqrt2);
    gap = std::max({gap, std::abs(phi - static_cast<double>(i) / n),
                    std::abs(phi - static_cast<double>(i + 1) / n)});
  }
  EXPECT_LT(gap * std::sqrt(n), 1.95);  // exceeded once in a thousand seeds
}

TEST(Fill, normal_is_box_and_muller_within_2_eps_of_the_radius) {
  std::vector<double> x(20'000);
  fill_normal(key_from_seed(12), 0, x);
  for (std::uint32_t block = 0; block < x.size() / 2; ++block) {
    const PhiloxCounter w = philox({block, 0, 0, 2}, {12, 0});
    const auto a = static_cast<long double>((std::uint64_t{w[1]} << 32 | w[0]) >> 11);
    const auto b = static_cast<long double>((std::uint64_t{w[3]} << 32 | w[2]) >> 11);
    const long double radius = std::sqrt(-2 * std::log((a + 1) * 0x1p-53L));
    const long double angle = 2 * std::numbers::pi_v<long double> * (b * 0x1p-53L);
    EXPECT_NEAR(static_cast<double>((x[2 * block] - radius * std::cos(angle)) / radius), 0,
                2 * 0x1p-52);
    EXPECT_NEAR(static_cast<double>((x[2 * block + 1] - radius * std::sin(angle)) / radius), 0,
                2 * 0x1p-52);
  }
}

// Numbers that this library gave when it was written: seeds in use must keep their meaning.
TEST(Fill, a_seed_keeps_its_numbers) {
  const Key key = key_from_seed(42);
  std::vector<double> x(4);
  std::vector<float> y(4);
  Integers n(6);
  fill_uniform(key, 0, x);
  EXPECT_EQ(x, (Numbers{0.59387017090945304, 0.78507007223752356, 0.353812215179934,
                        0.57369045893403459}));
  fill_uniform(key, 0, y);
  EXPECT_EQ(y, (std::vector<float>{0.126031578f, 0.593870163f, 0.328521371f, 0.785070062f}));
  fill_normal(key, 0, x);
  EXPECT_EQ(x, (Numbers{1.6390970680114216, 0.81423890071324989, 0.55051804327121368,
                        0.24400541428136477}));
  fill_normal(key, 0, y);
  EXPECT_EQ(y, (std::vector<float>{0.573415041f, 1.38050222f, 1.13177407f, 0.562220812f}));
  fill_integers(key, 0, 1000, n);
  EXPECT_EQ(n, (Integers{505, 140, 417, 420, 845, 440}));
  EXPECT_EQ(permutation(key, 10), (Integers{9, 2, 3, 6, 0, 4, 7, 5, 8, 1}));
}

TEST(Fill, integers_are_equally_likely) {
  Integers x(70'000);
  fill_integers(key_from_seed(8), 0, 7, x);
  std::array<double, 7> counts{};
  for (const std::int64_t v : x) {
    ASSERT_TRUE(0 <= v && v < 7);
    counts[static_cast<std::size_t>(v)] += 1;
  }
  double chi2 = 0;
  for (const double count : counts) chi2 += std::pow(count - 10'000, 2) / 10'000;
  EXPECT_LT(chi2, 22.5);  // 6 degrees of freedom, once in a thousand
}

TEST(Fill, a_bound_that_refuses_every_fourth_word_stays_fair) {
  Integers x(30'000);
  const std::int64_t bound = 0x6000000000000000;  // 2^64 mod bound is 2^62
  fill_integers(key_from_seed(9), 0, bound, x);
  const auto low = std::count_if(x.begin(), x.end(), [](auto v) { return v < bound / 3; });
  EXPECT_NEAR(static_cast<double>(low), 10'000, 5 * std::sqrt(30'000 * 2.0 / 9));
}

TEST(Fill, a_bound_that_is_not_positive_is_refused) {
  Integers x(1);
  try {
    fill_integers(Key{}, 0, 0, x);
    FAIL();
  } catch (const DomainError& error) {
    EXPECT_STREQ(error.what(), "fill_integers: bound must be positive, but it is 0.");
  }
}

TEST(Permutation, every_order_of_three_is_equally_likely) {
  std::array<double, 27> counts{};
  for (std::uint64_t i = 0; i < 6000; ++i) {
    const Integers p = permutation(split(key_from_seed(10), i), 3);
    counts[static_cast<std::size_t>(9 * p[0] + 3 * p[1] + p[2])] += 1;
  }
  double chi2 = 0;
  for (const std::size_t order : {5u, 7u, 11u, 15u, 19u, 21u}) {
    chi2 += std::pow(counts[order] - 1000, 2) / 1000;
  }
  EXPECT_LT(chi2, 20.5);  // 5 degrees of freedom, once in a thousand
  EXPECT_TRUE(permutation(Key{}, 0).empty());
}

// NumPy 1.24.2, r = numpy.random.RandomState(seed); printed with "%.17g".

TEST(RandomState, rand_and_randn_are_numpys) {
  // RandomState(42).randn(7)
  EXPECT_EQ(
      RandomState(42).randn(7),
      (Numbers{0.49671415301123267, -0.13826430117118466, 0.64768853810069249, 1.5230298564080254,
               -0.23415337472333597, -0.23413695694918055, 1.5792128155073915}));
  // RandomState(0).rand(4), RandomState(2**32-1).rand(2)
  EXPECT_EQ(RandomState(0).rand(4), (Numbers{0.54881350392732475, 0.71518936637241948,
                                             0.60276337607164387, 0.54488318299689686}));
  EXPECT_EQ(RandomState(0xFFFFFFFF).rand(2), (Numbers{0.097632028994013798, 0.91238284530262181}));
  // RandomState(42).randn(100000)[-1], RandomState(123).rand(100000)[-1]
  EXPECT_EQ(RandomState(42).randn(100'000).back(), 0.12006294082414522);
  EXPECT_EQ(RandomState(123).rand(100'000).back(), 0.6128940452084457);
}

TEST(RandomState, a_list_seeds_as_in_numpy) {
  // RandomState([1,2,3,4]).rand(3), RandomState(arange(700)).rand(2)
  const std::array<std::uint32_t, 4> few = {1, 2, 3, 4};
  EXPECT_EQ(RandomState(few).rand(3),
            (Numbers{0.67886575488884016, 0.077914157354045388, 0.04822813997796116}));
  std::vector<std::uint32_t> many(700);
  std::iota(many.begin(), many.end(), 0u);
  EXPECT_EQ(RandomState(many).rand(2), (Numbers{0.86789839301871097, 0.91488387315735376}));
}

TEST(RandomState, the_waiting_normal_survives_other_draws) {
  // r = RandomState(1): 3 of r.normal(10,2), 2 of r.uniform(-1,3), r.randn(2)
  RandomState r(1);
  EXPECT_EQ(drawn<double>(3, [&] { return r.normal(10, 2); }),
            (Numbers{13.248690727326483, 8.7764871726998486, 8.9436564954730891}));
  EXPECT_EQ(drawn<double>(2, [&] { return r.uniform(-1, 3); }),
            (Numbers{0.58706989692267975, 1.1552669360134278}));
  EXPECT_EQ(r.randn(2), (Numbers{-1.0729686221561705, 1.74481176421648}));
}

TEST(RandomState, randint_masks_and_refuses_as_numpy_does) {
  // r = RandomState(7): randint(0,10,12), (-5,6,6), (0,2**40,3), (-2**63,2**63-1,2), (0,2**32,2),
  // (3,4,2), rand(1)
  RandomState r(7);
  const auto some = [&](std::size_t count, std::int64_t low, std::int64_t high) {
    return drawn<std::int64_t>(count, [&] { return r.randint(low, high); });
  };
  EXPECT_EQ(some(12, 0, 10), (Integers{4, 9, 6, 3, 3, 7, 7, 9, 7, 8, 9, 8}));
  EXPECT_EQ(some(6, -5, 6), (Integers{2, 1, -1, -5, 2, -5}));
  EXPECT_EQ(some(3, 0, std::int64_t{1} << 40),
            (Integers{325018774327, 1076629404678, 84585221564}));
  EXPECT_EQ(
      some(2, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()),
      (Integers{-5287107024812659009, -883157125898596552}));
  EXPECT_EQ(some(2, 0, std::int64_t{1} << 32), (Integers{3999499416, 1127788727}));
  EXPECT_EQ(some(2, 3, 4), (Integers{3, 3}));
  EXPECT_EQ(r.rand(1), (Numbers{0.024899227550348013}));
}

TEST(RandomState, orders_are_numpys) {
  // r = RandomState(42): r.permutation(10), r.permutation(5)
  RandomState r(42);
  EXPECT_EQ(r.permutation(10), (Integers{8, 1, 5, 0, 7, 2, 9, 4, 3, 6}));
  EXPECT_EQ(r.permutation(5), (Integers{1, 0, 3, 4, 2}));
  // r = RandomState(3): r.shuffle(arange(8)*10), r.shuffle(list("abcdef"))
  RandomState s(3);
  Integers tens = {0, 10, 20, 30, 40, 50, 60, 70};
  s.shuffle(tens);
  EXPECT_EQ(tens, (Integers{50, 70, 40, 60, 30, 10, 0, 20}));
  std::string letters = "abcdef";
  s.shuffle(letters);
  EXPECT_EQ(letters, "aebcdf");
  // r = RandomState(5): r.choice(10,8), r.choice(10,4,replace=False), r.choice(3)
  RandomState t(5);
  EXPECT_EQ(t.choice(10, 8), (Integers{3, 6, 6, 0, 9, 8, 4, 7}));
  EXPECT_EQ(t.choice(10, 4, false), (Integers{2, 5, 6, 3}));
  EXPECT_EQ(t.choice(3, 1), (Integers{1}));
}

TEST(RandomState, standard_exponential_is_numpys) {
  // RandomState(9).standard_exponential(4)
  RandomState r(9);
  EXPECT_EQ(drawn<double>(4, [&] { return r.standard_exponential(); }),
            (Numbers{0.010428340506137716, 0.69690341066507178, 0.68472929683727501,
                     0.14367354101506327}));
}

TEST(RandomState, impossible_draws_are_refused) {
  const auto message = [](auto draw) -> std::string {
    try {
      draw(RandomState(1));
    } catch (const DomainError& error) {
      return error.what();
    }
    return "nothing was refused";
  };
  EXPECT_EQ(message([](RandomState r) { r.randint(3, 3); }),
            "randint: low 3 and high 3 leave no integer. high is not included and must be above "
            "low.");
  EXPECT_EQ(message([](RandomState r) { r.choice(3, 4, false); }),
            "choice: cannot take 4 from 3 without putting back.");
  EXPECT_EQ(message([](RandomState r) { r.choice(0, 1); }), "choice: cannot take 1 from 0.");
  EXPECT_EQ(message([](RandomState r) { r.randn(-1); }),
            "randn: the count must not be negative, but it is -1.");
  EXPECT_EQ(message([](RandomState) { RandomState(std::span<const std::uint32_t>{}); }),
            "RandomState: the seed is empty. Give a number.");
}

}  // namespace
}  // namespace gradus
