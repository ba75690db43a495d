// Convolutions against plain loops: bit for bit where an element is one chain, on every target.
#include <gradus/base/pool.h>
#include <gradus/batch/vmap.h>
#include <gradus/core/buffer.h>
#include <gradus/core/interpret.h>
#include <gradus/diff/check.h>
#include <gradus/diff/diff.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/plan/plan.h>
#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <cmath>
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

}  // namespace
}  // namespace gradus
