// Convolutions against plain loops: bit for bit where an element is one chain, on every target.
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>
#include <message.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace gradus {
namespace {

bool has_fma(int64_t target) {
  return target <= HWY_AVX2;
}

// acc + a b as the target in force does it.
template <class T>
T chain_step(T a, T b, T acc, bool fused) {
  if (fused) return std::fma(a, b, acc);
  const volatile T product = a * b;
  return product + acc;
}

struct Numbers {
  uint64_t s;
  uint64_t bits() { return (s = s * 6364136223846793005u + 1442695040888963407u) >> 33; }
  int64_t below(int64_t n) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(n)); }
  template <class T>
  std::vector<T> some(int64_t n) {
    std::vector<T> x(static_cast<size_t>(n));
    for (T& v : x)
      v = static_cast<T>(static_cast<int64_t>(bits()) - (int64_t{1} << 30)) /
          static_cast<T>(1 << 29);
    return x;
  }
};

// One convolution and its three sums as loops over what the definition says.
template <class T>
struct Case {
  Dims how;  // strides, padding, dilation, groups
  Shape x, w, y;

  static Case drawn(Numbers& draw) {
    Case c;
    const int64_t groups = draw.below(4) == 0 ? 2 : 1;
    c.x = {1 + draw.below(3), groups * (1 + draw.below(5)), 0, 0};
    c.w = {groups * (1 + draw.below(20)), c.x[1] / groups, 1 + draw.below(5), 1 + draw.below(5)};
    c.how = {1, 1, 0, 0, 1, 1, groups};
    c.y = {c.x[0], c.w[0], 0, 0};
    for (int i = 0; i < 2; ++i) {
      c.how[i] = draw.below(2) == 0 ? 1 : 1 + draw.below(3);
      c.how[2 + i] = draw.below(c.w[2 + i] + 2);
      c.how[4 + i] = 1 + draw.below(2);
      const int64_t window = c.how[4 + i] * (c.w[2 + i] - 1) + 1;
      c.x[2 + i] = std::max<int64_t>(1, window - 2 * c.how[2 + i]) + draw.below(i == 0 ? 9 : 37);
      c.y[2 + i] = (c.x[2 + i] + 2 * c.how[2 + i] - window) / c.how[i] + 1;
    }
    return c;
  }

  // f(x, w, y) for every product, in the order of the elements of w within a group's channels.
  template <class F>
  void each_product(const F& f) const {
    const int64_t in = w[1], out = w[0] / how[6];
    for (int64_t n = 0; n < x[0]; ++n)
      for (int64_t o = 0; o < w[0]; ++o)
        for (int64_t k = 0; k < in; ++k)
          for (int64_t p = 0; p < w[2]; ++p)
            for (int64_t q = 0; q < w[3]; ++q)
              for (int64_t i = 0; i < y[2]; ++i)
                for (int64_t j = 0; j < y[3]; ++j) {
                  const int64_t r = i * how[0] - how[2] + p * how[4];
                  const int64_t c = j * how[1] - how[3] + q * how[5];
                  if (r < 0 || r >= x[2] || c < 0 || c >= x[3]) continue;
                  f(static_cast<size_t>(((n * x[1] + o / out * in + k) * x[2] + r) * x[3] + c),
                    static_cast<size_t>(((o * in + k) * w[2] + p) * w[3] + q),
                    static_cast<size_t>(((n * w[0] + o) * y[2] + i) * y[3] + j));
                }
  }
  std::string said() const {
    return "x " + to_string(x) + " w " + to_string(w) + " how " + to_string(how);
  }
};

template <class T>
Tensor apply_sized(const Op& op, const Tensor& a, const Tensor& b, const Dims& how,
                   const Shape& of) {
  Attrs attrs;
  attrs.a = how;
  attrs.b = {of[2], of[3]};
  return apply(op, {a, b}, attrs);
}

template <class T>
void check(const Case<T>& c, bool fused) {
  Numbers draw{7};
  const std::vector<T> x = draw.some<T>(element_count(c.x)), w = draw.some<T>(element_count(c.w)),
                       y = draw.some<T>(element_count(c.y));
  const Tensor tx = from_vector(x, c.x), tw = from_vector(w, c.w), ty = from_vector(y, c.y);
  std::vector<T> to_y(y.size()), to_x(x.size());
  std::vector<long double> to_w(w.size()), size_w(w.size());
  c.each_product([&](size_t i, size_t j, size_t k) {
    to_y[k] = chain_step(w[j], x[i], to_y[k], fused);
    to_x[i] = chain_step(w[j], y[k], to_x[i], fused);
    to_w[j] += static_cast<long double>(x[i]) * static_cast<long double>(y[k]);
    size_w[j] += std::fabs(static_cast<long double>(x[i]) * static_cast<long double>(y[k]));
  });
  EXPECT_TRUE(same_bits(apply_sized<T>(op::conv, tx, tw, c.how, c.y), from_vector(to_y, c.y)))
      << c.said();
  EXPECT_TRUE(same_bits(apply_sized<T>(op::conv_input, ty, tw, c.how, c.x), from_vector(to_x, c.x)))
      << c.said();
  const std::vector<T> got = values<T>(apply_sized<T>(op::conv_weight, tx, ty, c.how, c.w));
  const long double eps = std::numeric_limits<T>::epsilon();
  for (size_t j = 0; j < w.size(); ++j)
    ASSERT_LE(std::fabs(static_cast<long double>(got[j]) - to_w[j]), 40 * eps * size_w[j])
        << c.said() << " at " << j;
}

class ConvOnTarget : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

std::vector<int64_t> targets_here() {
  std::vector<int64_t> list;
  for (int64_t all = hwy::SupportedTargets() & HWY_TARGETS; all != 0; all &= all - 1)
    list.push_back(all & -all);
  return list;
}

INSTANTIATE_TEST_SUITE_P(Targets, ConvOnTarget, testing::ValuesIn(targets_here()),
                         [](const auto& test) { return hwy::TargetName(test.param); });

TEST_P(ConvOnTarget, drawn_strides_paddings_dilations_and_groups_are_the_plain_loops) {
  Numbers draw{20261126};
  for (int i = 0; i < 150; ++i) {
    check(Case<float>::drawn(draw), has_fma(GetParam()));
    check(Case<double>::drawn(draw), has_fma(GetParam()));
    if (HasFatalFailure()) return;
  }
}

TEST_P(ConvOnTarget, the_layers_of_known_networks_are_the_plain_loops) {
  for (const auto& [x, w, how] : std::vector<std::tuple<Shape, Shape, Dims>>{
           {{3, 1, 28, 28}, {6, 1, 5, 5}, {1, 1, 2, 2, 1, 1, 1}},
           {{3, 6, 14, 14}, {16, 6, 5, 5}, {1, 1, 0, 0, 1, 1, 1}},
           {{2, 16, 32, 32}, {16, 16, 3, 3}, {1, 1, 1, 1, 1, 1, 1}},
           {{2, 16, 32, 32}, {32, 16, 3, 3}, {2, 2, 1, 1, 1, 1, 1}},
           {{2, 16, 32, 32}, {32, 16, 1, 1}, {2, 2, 0, 0, 1, 1, 1}},
           {{5, 40, 8, 8}, {24, 40, 3, 3}, {1, 1, 1, 1, 1, 1, 1}},
           {{7, 20, 7, 7}, {9, 20, 3, 3}, {1, 1, 1, 1, 1, 1, 1}},
           {{1, 3, 90, 90}, {5, 3, 7, 7}, {2, 2, 3, 3, 1, 1, 1}},
           {{2, 24, 12, 12}, {24, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 24}},
           {{2, 5, 1, 300}, {7, 5, 1, 9}, {1, 3, 0, 4, 1, 2, 1}},
           {{2, 3, 6, 6}, {4, 3, 2, 2}, {5, 4, 3, 3, 1, 1, 1}}}) {
    Case<float> c{how, x, w, {x[0], w[0], 0, 0}};
    for (int i = 0; i < 2; ++i)
      c.y[2 + i] = (x[2 + i] + 2 * how[2 + i] - how[4 + i] * (w[2 + i] - 1) - 1) / how[i] + 1;
    check(c, has_fma(GetParam()));
    if (HasFatalFailure()) return;
  }
}

Tensor drawn(const Shape& shape, uint64_t seed) {
  Numbers draw{seed};
  return from_vector(draw.some<double>(element_count(shape)), shape);
}

TEST(Conv, the_window_is_not_turned_round) {
  const Tensor x = reshape(iota(16, DType::f64) + 1.0, {1, 1, 4, 4});
  const Tensor w = reshape(Tensor{1, 0, 0, -1}, {1, 1, 2, 2});
  const Tensor y = conv2d(x, w);
  EXPECT_EQ(to_string(y.type()), "f64[1,1,3,3]");
  for (double v : numbers(y)) EXPECT_EQ(v, -5);
}

TEST(Conv, sizes_follow_the_formula_of_pytorch) {
  const auto size = [](int64_t n, int64_t k, const ConvOptions& o) {
    return conv2d(zeros({1, 1, n, n}), zeros({1, 1, k, k}), o).shape()[2];
  };
  EXPECT_EQ(size(28, 5, {}), 24);
  EXPECT_EQ(size(224, 7, {.stride = {2}, .padding = {3}}), 112);
  EXPECT_EQ(size(10, 3, {.dilation = {3}}), 4);
  const auto transposed = [](int64_t n, int64_t k, const ConvOptions& o) {
    return conv_transpose2d(zeros({1, 1, n, n}), zeros({1, 1, k, k}), o).shape()[3];
  };
  EXPECT_EQ(transposed(4, 4, {.stride = {2}, .padding = {1}}), 8);
  EXPECT_EQ(transposed(7, 3, {.stride = {2}, .padding = {1}, .output_padding = {1}}), 14);
  EXPECT_EQ(conv1d(zeros({2, 3, 9}), zeros({4, 3, 2}), {.stride = {2}}).shape(), (Shape{2, 4, 4}));
}

TEST(Conv, one_axis_is_two_with_one_row) {
  const Tensor x = drawn({2, 4, 11}, 1), w = drawn({6, 2, 3}, 2);
  const Tensor y = conv1d(x, w, {.stride = {2}, .padding = {1}, .dilation = {2}, .groups = 2});
  const Tensor wide =
      conv2d(expand_dims(x, 2), expand_dims(w, 2),
             {.stride = {1, 2}, .padding = {0, 1}, .dilation = {1, 2}, .groups = 2});
  EXPECT_TRUE(same_bits(y, squeeze(wide, 2)));
}

TEST(Conv, the_transposed_one_is_the_transpose) {
  for (const auto& [how, in] : std::vector<std::pair<ConvOptions, int64_t>>{
           {{}, 6},
           {{.stride = {2}, .padding = {1}, .output_padding = {1}}, 8},
           {{.stride = {2, 3}, .padding = {1, 0}, .dilation = {2, 1}, .groups = 2}, 9},
           {{.stride = {1}, .dilation = {3}, .output_padding = {2}}, 9}}) {
    const Tensor w = drawn({4, 3, 3, 2}, 3);
    const Tensor y = drawn({2, 4, 3, 4}, 4);
    const Tensor back = conv_transpose2d(y, w, how);
    const Tensor x = drawn(back.shape(), 5);
    ConvOptions forward = how;
    forward.output_padding = {};
    // What the larger sizes of output_padding add is beyond the last place of y.
    const Tensor there = slice(conv2d(x, w, forward), {{}, {}, {0, 3}, {0, 4}});
    EXPECT_NEAR(number(sum(there * y)), number(sum(x * back)), 1e-12) << in;
  }
}

TEST(Conv, infinite_numbers_reach_only_the_windows_that_hold_them) {
  Attrs attrs;
  attrs.a = {1, 1, 0, 0, 1, 1, 1};
  attrs.b = {1, 3};
  for (const int64_t n : {7, 20, 33}) {
    std::vector<float> numbers_of_x(static_cast<size_t>(2 * n), 1.0f);
    numbers_of_x[static_cast<size_t>(n - 1)] = std::numeric_limits<float>::infinity();
    const Tensor x = from_vector(numbers_of_x, {2, 1, 1, n});
    const Tensor y = ones({2, 1, 1, n - 2}, DType::f32);
    const auto w = values<float>(apply(op::conv_weight, {x, y}, attrs));
    EXPECT_EQ(w[0], 2.0f * static_cast<float>(n - 2));
    EXPECT_EQ(w[1], 2.0f * static_cast<float>(n - 2));
    EXPECT_TRUE(std::isinf(w[2]));
    const auto out = values<float>(conv2d(x, ones({1, 1, 1, 3}, DType::f32)));
    for (size_t i = 0; i < out.size(); ++i)
      EXPECT_EQ(std::isinf(out[i]), i == static_cast<size_t>(n - 3)) << i;
  }
}

TEST(Conv, a_nan_stays) {
  const Tensor x = from_vector(std::vector<double>{1, std::nan(""), 3, 4}, {1, 1, 4});
  const auto y = numbers(conv1d(x, ones({1, 1, 2})));
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
  EXPECT_EQ(y[2], 7);
}

TEST(Conv, one_and_two_threads_and_any_batch_give_the_same_bits) {
  const int before = thread_count();
  for (const auto& [x_shape, w_shape, stride] :
       std::vector<std::tuple<Shape, Shape, int64_t>>{{{9, 6, 30, 30}, {10, 6, 3, 3}, 1},
                                                      {{9, 16, 18, 18}, {24, 16, 3, 3}, 2},
                                                      {{17, 33, 8, 8}, {40, 33, 3, 3}, 1},
                                                      {{1, 40, 40, 40}, {9, 40, 3, 3}, 1}}) {
    const Tensor x = cast(drawn(x_shape, 6), DType::f32), w = cast(drawn(w_shape, 7), DType::f32);
    Attrs how;
    how.a = {stride, stride, 1, 1, 1, 1, 1};
    const auto run = [&](const Op& op, const Tensor& a, const Tensor& b, const Shape& of) {
      how.b = {of[2], of[3]};
      return apply(op, {a, b}, how);
    };
    set_thread_count(1);
    const Tensor y = conv2d(x, w, {.stride = {stride}, .padding = {1}});
    const Tensor back = run(op::conv_input, y, w, x.shape());
    const Tensor weights = run(op::conv_weight, x, y, w.shape());
    for (const int threads : {2, 3}) {
      set_thread_count(threads);
      EXPECT_TRUE(same_bits(run(op::conv, x, w, y.shape()), y));
      EXPECT_TRUE(same_bits(run(op::conv_input, y, w, x.shape()), back));
      EXPECT_TRUE(same_bits(run(op::conv_weight, x, y, w.shape()), weights));
    }
    EXPECT_TRUE(same_bits(row(run(op::conv, slice(x, {{0, 1}}), w, y.shape()), 0), row(y, 0)));
  }
  set_thread_count(before);
}

TEST(Conv, what_does_not_fit_is_refused_word_for_word) {
  const auto f32 = [](const Shape& shape) { return zeros(shape, DType::f32); };
  EXPECT_EQ(message_of([&] {
              conv2d(f32({3, 8, 8}), f32({4, 3, 3, 3}));
            }),
            "conv2d: f32[3,8,8] with w f32[4,3,3,3]: x must be (N, C, H, W) and w (O, C / groups, "
            "kH, kW). Add an axis with expand_dims.");
  EXPECT_EQ(message_of([&] {
              conv_transpose1d(f32({3, 8}), f32({3, 4, 3}));
            }),
            "conv_transpose1d: f32[3,8] with w f32[3,4,3]: x must be (N, C, L) and w (C, O / "
            "groups, k). Add an axis with expand_dims.");
  EXPECT_EQ(message_of([&] {
              conv2d(f32({1, 3, 8, 8}), zeros({4, 3, 3, 3}));
            }),
            "conv2d: f32[1,3,8,8] with w f64[4,3,3,3]: both must be f32 or both f64. Cast one of "
            "them.");
  EXPECT_EQ(message_of([&] {
              conv1d(f32({1, 4, 8}), f32({4, 1, 3}), {.groups = 2});
            }),
            "conv1d: f32[1,4,8] with w f32[4,1,3]: w is made for 2 channels, and x has 4. The "
            "second size of w must be C / groups, here with 2 groups.");
  EXPECT_EQ(message_of([&] {
              conv2d(f32({1, 4, 8, 8}), f32({5, 2, 3, 3}), {.groups = 2});
            }),
            "conv2d: f32[1,4,8,8] with w f32[5,2,3,3]: 2 groups do not share 4 channels and 5 rows "
            "of w evenly. Both must be multiples of groups.");
  EXPECT_EQ(message_of([&] {
              conv2d(f32({1, 1, 3, 3}), f32({1, 1, 5, 5}));
            }),
            "conv2d: f32[1,1,3,3] with w f32[1,1,5,5]: the window is 5 wide, and x with padding "
            "[0,0] only 3. Add padding, or use a smaller window.");
  EXPECT_EQ(message_of([&] {
              conv2d(f32({1, 1, 3, 3}), f32({1, 1, 0, 1}));
            }),
            "conv2d: f32[1,1,3,3] with w f32[1,1,0,1]: w has no taps. Its last sizes must be at "
            "least 1.");
  EXPECT_EQ(
      message_of([&] {
        conv2d(f32({1, 1, 3, 3}), f32({1, 1, 2, 2}), {.stride = {1, 0}});
      }),
      "conv2d: stride [1,0] over two axes: one number for each, or one for all, of at least 1 is "
      "needed.");
  EXPECT_EQ(
      message_of([&] {
        conv1d(f32({1, 1, 3}), f32({1, 1, 2}), {.padding = {1, 1}});
      }),
      "conv1d: padding [1,1] over one axis: one number for each, or one for all, of at least 0 is "
      "needed.");
  EXPECT_EQ(message_of([&] {
              conv1d(f32({1, 1, 3}), f32({1, 1, 2}), {.output_padding = {1}});
            }),
            "conv1d: output_padding [1] is for transposed convolutions alone. Leave it out.");
  EXPECT_EQ(message_of([&] {
              conv_transpose2d(f32({1, 1, 3, 3}), f32({1, 1, 2, 2}),
                               {.stride = {2}, .output_padding = {2}});
            }),
            "conv_transpose2d: output_padding [2,2] with stride [2,2] and dilation [1,1]: it must "
            "be smaller than one of them, for it only chooses among the sizes that give the same "
            "result.");
  EXPECT_EQ(message_of([&] {
              conv_transpose2d(f32({1, 1, 1, 1}), f32({1, 1, 2, 2}), {.padding = {1}});
            }),
            "conv_transpose2d: f32[1,1,1,1] with w f32[1,1,2,2]: padding [1,1] leaves nothing of "
            "the result. Use less padding.");
}

}  // namespace
}  // namespace gradus
