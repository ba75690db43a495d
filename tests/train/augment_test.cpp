// Pictures that are changed at each step, and rows that are blended.
#include <gmock/gmock.h>
#include <gradus/train/table.h>
#include <gtest/gtest.h>
#include <io/scratch.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace gradus {
namespace {

constexpr PictureShape small{2, 4, 5};

std::vector<float> numbered(const PictureShape& s) {
  std::vector<float> all(static_cast<size_t>(s.channels * s.rows * s.cols));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<float>(i + 1);
  return all;
}

std::vector<float> changed(const Augmentation& how, uint64_t seed,
                           const PictureShape& shape = small) {
  const std::vector<float> picture = numbered(shape), outside{-1, -2};
  std::vector<float> out(picture.size());
  augment(how, shape, picture, outside, key_from_seed(seed), out);
  return out;
}

TEST(Augment, by_nothing_copies_every_bit) {
  EXPECT_EQ(changed({}, 1), numbered(small));
}

TEST(Augment, flips_every_plane_of_about_every_second_picture) {
  std::vector<float> mirrored = numbered(small);
  for (size_t row = 0; row < 8; ++row)
    std::reverse(mirrored.begin() + static_cast<int64_t>(5 * row),
                 mirrored.begin() + static_cast<int64_t>(5 * row + 5));
  int flips = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::vector<float> got = changed({.flip = true}, seed);
    flips += got == mirrored;
    EXPECT_TRUE(got == mirrored || got == numbered(small));
  }
  EXPECT_NEAR(flips, 100, 35);  // five standard deviations
}

TEST(Augment, shifts_by_whole_pixels_and_fills_each_plane_with_its_own_outside) {
  std::set<std::pair<int, int>> seen;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const std::vector<float> got = changed({.shift = 1}, seed);
    int found = 0;
    for (int down = -1; down <= 1; ++down)
      for (int right = -1; right <= 1; ++right) {
        std::vector<float> expected;
        for (int plane = 0; plane < 2; ++plane)
          for (int row = 0; row < 4; ++row)
            for (int col = 0; col < 5; ++col) {
              const int r = row - down, c = col - right;
              const bool inside = r >= 0 && r < 4 && c >= 0 && c < 5;
              expected.push_back(inside ? static_cast<float>(plane * 20 + r * 5 + c + 1)
                                        : static_cast<float>(-1 - plane));
            }
        if (got != expected) continue;
        ++found;
        seen.insert({down, right});
      }
    EXPECT_EQ(found, 1) << seed;
  }
  EXPECT_EQ(seen.size(), 9u);
}

TEST(Augment, rotates_about_the_centre) {
  // A ramp along x turned by a is x cos a + y sin a; the middle pixel stays.
  constexpr PictureShape square{1, 9, 9};
  std::vector<float> ramp(81), out(81);
  for (size_t i = 0; i < 81; ++i) ramp[i] = static_cast<float>(i % 9) - 4;
  double widest = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    augment({.rotate = 20}, square, ramp, std::vector<float>{0}, key_from_seed(seed), out);
    EXPECT_NEAR(out[40], 0, 1e-5);
    const float c = out[41], s = out[49];  // one to the right, one below
    EXPECT_NEAR(c * c + s * s, 1, 1e-4);
    EXPECT_NEAR(out[42], 2 * c, 1e-4);
    EXPECT_NEAR(out[59], c + 2 * s, 1e-4);
    const double degrees = std::atan2(std::abs(s), c) * 180 / 3.14159265358979;
    EXPECT_LE(degrees, 20.01);
    widest = std::max(widest, degrees);
  }
  EXPECT_GT(widest, 15);
}

TEST(Augment, elastic_moves_are_as_wide_as_said_and_smooth) {
  // In a ramp along x each pixel shows how far it moved.
  constexpr PictureShape wide{1, 41, 41};
  std::vector<float> ramp(41 * 41), out(ramp.size());
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i % 41);
  double square = 0, roughest = 0;
  constexpr int pictures = 300;
  for (uint64_t seed = 0; seed < pictures; ++seed) {
    augment({.elastic = 1.5}, wide, ramp, std::vector<float>{0}, key_from_seed(seed), out);
    const size_t middle = 20 * 41 + 20;  // the middle of the grid
    const double moved = out[middle] - ramp[middle];
    square += moved * moved / pictures;
    for (size_t i = middle - 5; i < middle + 5; ++i)
      roughest = std::max(roughest, std::abs(out[i + 1] - out[i] - 1.0));
  }
  EXPECT_NEAR(std::sqrt(square), 1.5, 0.3);
  EXPECT_LT(roughest, 1);  // neighbours differ by less than a pixel
  EXPECT_GT(roughest, 0.05);
}

TEST(Augment, depends_on_the_key_alone) {
  const Augmentation all{1, 15, 1, true};
  EXPECT_EQ(changed(all, 3), changed(all, 3));
  EXPECT_NE(changed(all, 3), changed(all, 4));
}

TEST(Augment, is_read_from_words) {
  const Augmentation a = parse_augmentation("shift(2)+rotate(10)+elastic(1.5)+flip");
  EXPECT_EQ(a.shift, 2);
  EXPECT_EQ(a.rotate, 10);
  EXPECT_EQ(a.elastic, 1.5);
  EXPECT_TRUE(a.flip);
  EXPECT_FALSE(parse_augmentation("").any());
  for (const char* bad : {"shift", "shift(0.5)", "shift(-1)", "turn(3)", "flip+", "flip(1)x",
                          "rotate(x)", "rotate(400)"})
    EXPECT_EQ(error_of([&] { parse_augmentation(bad); }),
              "usage: augment: '" + std::string(bad) +
                  "'. Join shift(PIXELS), rotate(DEGREES), elastic(PIXELS) and flip by +, as in "
                  "shift(2)+rotate(10).");
}

Dataset two_numbers() {
  Dataset d;
  d.examples = 8;
  d.features = 2;
  d.class_names = {"a", "b"};
  for (int i = 0; i < 8; ++i) {
    d.x.push_back(static_cast<float>(1 << i));
    d.x.push_back(0);
    d.y.push_back(i % 2);
  }
  return d;
}

struct Filled {
  std::vector<float> x = std::vector<float>(16), target = std::vector<float>(16);
};

Filled filled(double mixup, std::optional<Key> key) {
  const DataRows rows(two_numbers(), "cross-entropy", {{}, {}, mixup});
  const std::vector<int64_t> all{0, 1, 2, 3, 4, 5, 6, 7};
  Filled f;
  rows.fill(all, std::as_writable_bytes(std::span(f.x)),
            std::as_writable_bytes(std::span(f.target)), key);
  return f;
}

TEST(Mixup, blends_rows_and_targets_by_one_share_from_a_beta_distribution) {
  std::vector<double> shares;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const Filled f = filled(2, key_from_seed(seed));
    double total = 0, share = -1;
    for (size_t r = 0; r < 8; ++r) {
      total += static_cast<double>(f.x[2 * r]);
      EXPECT_NEAR(f.target[2 * r] + f.target[2 * r + 1], 1, 1e-6);
      // x is l 2^r + (1 - l) 2^q; rows that met their own class keep their target.
      const double own = static_cast<double>(f.target[2 * r + (r % 2)]);
      if (own < 1 - 1e-6) {
        if (share >= 0) {
          EXPECT_NEAR(own, share, 1e-6);
        }
        share = own;
      }
    }
    EXPECT_NEAR(total, 255, 1e-3);  // the others are a permutation
    if (share >= 0) shares.push_back(share);
  }
  double mean = 0, square = 0;
  for (double l : shares) mean += l / static_cast<double>(shares.size());
  for (double l : shares) square += (l - mean) * (l - mean) / static_cast<double>(shares.size());
  // Beta(2, 2): mean 1/2, variance 1/20.
  EXPECT_GT(shares.size(), 300u);
  EXPECT_NEAR(mean, 0.5, 0.05);
  EXPECT_NEAR(square, 0.05, 0.012);
}

TEST(Mixup, without_a_key_leaves_rows_alone) {
  const Filled plain = filled(0, key_from_seed(1)), evaluated = filled(2, {});
  EXPECT_EQ(plain.x, evaluated.x);
  EXPECT_EQ(plain.target, evaluated.target);
}

}  // namespace
}  // namespace gradus
