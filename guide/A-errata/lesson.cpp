// The proof of each erratum: what the sources said is computed beside what is true.
#include <gradus/base/text.h>
#include <gradus/core/work.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/init.h>
#include <gradus/nn/losses.h>
#include <gradus/optim/critical.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// A network with one hidden layer of tanh on the four points of exclusive or.
Tensor exclusive_or(const Tensor& v, int64_t hidden) {
  const Tensor x{{-1, -1}, {-1, 1}, {1, -1}, {1, 1}}, y{0, 1, 1, 0};
  const Tensor w1 = reshape(slice(v, {{0, 2 * hidden}}), {2, hidden});
  const Tensor b1 = slice(v, {{2 * hidden, 3 * hidden}});
  const Tensor w2 = slice(v, {{3 * hidden, 4 * hidden}});
  const Tensor z = matmul(tanh(matmul(x, w1) + b1), w2) + element(v, {4 * hidden});
  return binary_cross_entropy_with_logits(z, y, Reduction::mean) + 1e-4 * sum(square(v));
}

// Of 20 starts: how many end with all four points right, and how many elsewhere at a minimum.
struct Ends {
  int64_t good = 0, bad_minima = 0;
};
Ends ends_of(int64_t hidden) {
  Ends ends;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    RandomState random(static_cast<uint32_t>(seed));
    const Tensor start = from_vector(random.randn(4 * hidden + 1));
    const auto loss = [&](const Tensor& v) { return exclusive_or(v, hidden); };
    const Minimum end = minimise(loss, start);
    if (end.value < 0.1)
      ++ends.good;
    else if (classify_critical(loss, end.x, {.gradient_tolerance = 1e-6}).kind ==
             CriticalKind::minimum)
      ++ends.bad_minima;
  }
  return ends;
}

struct Cost {
  double forward, backward;
};
// Operations of a network with `hidden` units and of all its slopes.
Cost cost_of(int64_t hidden) {
  RandomState random(1);
  const Tensor x = from_vector(random.randn(16));
  const auto f = [&](const Tensor& w) { return mean(square(tanh(matmul(w, x)))); };
  const Tensor w = from_vector(random.randn(16 * hidden), {hidden, 16});
  Cost cost{};
  {
    const WorkCounter work;
    f(w);
    cost.forward = work.operations();
  }
  {
    const WorkCounter work;
    grad(f)(w);
    cost.backward = work.operations();
  }
  return cost;
}

std::string plain(double x) {
  return text::number(x);
}
}  // namespace

LESSON(page) {
  // E1
  const auto bowl = [](const Tensor& v) { return sum(square(v)); };
  OptimiserConfig adam = defaults_for("adam");
  adam.lr = 0.01;
  const Tensor way = descend(bowl, Tensor{3, 3}, adam, 1000);
  adam.lr = 0.1;
  const Tensor faster = descend(bowl, Tensor{3, 3}, adam, 100);
  page.bind("adam_rate", 0.01);
  page.bind("adam_faster", 0.1);
  page.bind("adam_start", Tensor{3, 3});
  page.bind("hundred", 100);
  page.bind("five_hundred", 500);
  page.bind("thousand", 1000);
  page.bind("adam_100", number(element(way, {100, 0})), 6);
  page.bind("adam_500", number(element(way, {500, 0})), 5);
  page.bind("adam_1000", text::significant(number(element(way, {1000, 0})), 4));
  page.bind("adam_fast", number(element(faster, {100, 0})), 6);

  // E2
  const float third = 0.1f + 0.2f;
  page.bind("sum_f32", text::number17(static_cast<double>(third)));
  page.bind("three_f32", text::number17(static_cast<double>(0.3f)));
  page.bind("sum_f64", text::number17(0.1 + 0.2));
  page.bind("three_f64", text::number17(0.3));

  // E3, E13, E14
  page.bind("big", 65000);
  page.bind("big_f16", plain(to_f64(Float16(65000.0))));
  page.bind("gap_f16", plain(to_f64(Float16(65024.0)) - to_f64(Float16(64992.0))));
  page.bind("bigger", 70000);
  page.bind("bigger_f16", plain(to_f64(Float16(70000.0))));
  page.bind("most_f16", 65504);
  const Tensor row_kept{1, 2, 3};
  const double infinite = -std::numeric_limits<double>::infinity();
  page.bind("mask_f16", plain(to_f64(Float16(-1e9))));
  page.bind("mask", "-1e9");
  page.bind("mask_row", softmax(full({3}, -1e9)));
  page.bind("mask_infinite", softmax(full({3}, infinite)));
  page.bind("mask_fine", softmax(where(Tensor{1, 1, 0} > 0.5, row_kept, infinite)));
  page.bind("normal_f16", text::significant(std::ldexp(1.0, -14), 3));
  page.bind("subnormal_f16", text::significant(std::ldexp(1.0, -24), 3));
  page.bind("subnormal_kept", plain(to_f64(Float16(std::ldexp(1.0, -24)))));
  page.bind("half_of_it", plain(to_f64(Float16(std::ldexp(1.0, -26)))));

  // E4, E16
  const Tensor shear{{1, 1000}, {0, 1}};
  page.bind("shear", shear);
  page.bind("shear_eigen", eig(shear).re);
  page.bind("shear_cond", number(cond(shear)), 0);
  const Tensor symmetric{{2, 1}, {1, 2}};
  const std::vector<double> e = numbers(eigvalsh(symmetric));
  page.bind("symmetric", symmetric);
  page.bind("symmetric_ratio", e[1] / e[0]);
  page.bind("symmetric_cond", number(cond(symmetric)));
  const Tensor defective{{1, 1}, {0, 1}};
  page.bind("defective", defective);
  page.bind("defective_rank",
            static_cast<int64_t>(number(matrix_rank(eig(defective).vectors_re, 1e-8))));
  RandomState random(42);
  const Tensor sample = from_vector(random.randn(300), {100, 3});
  const Tensor away = sample - mean(sample, {.axis = 0, .keepdims = true});
  const Tensor covariance = matmul(transpose(away), away) / 99;
  const Tensor v = eigh(covariance).vectors;
  const double skew = number(max(abs(matmul(transpose(v), v) - eye(3))));
  page.bind("right_angles", skew < 1e-12 ? "less than 1e-12" : shown(skew));

  // E5
  const Tensor grower{{0.9, 5}, {0, 0.9}};
  const auto power_norm = [&](int64_t k) { return number(norm(matrix_power(grower, k))); };
  double peak = 0;
  int64_t peak_at = 0;
  Line norms{.label = "norm", .x = {}, .y = {}, .colour = "var(--accent)"};
  Line radius{.label = "0.9^k", .x = {}, .y = {}};
  for (int64_t k = 1; k <= 100; ++k) {
    const double size = power_norm(k);
    if (size > peak) {
      peak = size;
      peak_at = k;
    }
    norms.x.push_back(static_cast<double>(k));
    norms.y.push_back(size);
    radius.x.push_back(static_cast<double>(k));
    radius.y.push_back(std::pow(0.9, static_cast<double>(k)));
  }
  page.bind("grower", grower);
  page.bind("grower_radius", number(max(eig(grower).re)), 2);
  page.bind("grower_sigma", number(spectral_norm(grower)), 3);
  page.bind("peak", peak, 2);
  page.bind("peak_at", peak_at);
  page.bind("norm_100", power_norm(100), 4);
  page.picture("powers", Plot{.id = "powers",
                              .title = "Norm of the powers of a matrix whose eigenvalues are 0.9",
                              .x_label = "power",
                              .lines = {norms, radius},
                              .log = true});

  // E6
  const Tensor origin{0, 0};
  const auto part = [](const Tensor& p, int64_t i) { return row(p, i); };
  const CriticalPoint hill = classify_critical(
      [&](const Tensor& p) { return -square(part(p, 0)) - square(part(p, 1)); }, origin);
  const CriticalPoint pass = classify_critical(
      [&](const Tensor& p) { return square(part(p, 0)) - square(part(p, 1)); }, origin);
  const CriticalPoint trough = classify_critical(
      [&](const Tensor& p) { return square(part(p, 0)) + square(square(part(p, 1))); }, origin);
  Table kinds{{"function", "eigenvalues of the Hessian", "the point is"}};
  const auto add = [&](const char* name, const CriticalPoint& c) {
    kinds.push_back(
        {name, shown(c.eigenvalues[0]) + ", " + shown(c.eigenvalues[1]), word_of(c.kind)});
  };
  add("-x^2 - y^2", hill);
  add("x^2 - y^2", pass);
  add("x^2 + y^4", trough);
  page.table("kinds", kinds);
  page.bind("negative", hill.index);

  // E7
  const Key key = key_from_seed(42);
  const Tensor gauss = initial_weight("he", key, 64, 64, DType::f64);
  int64_t complex_values = 0;
  for (const double im : numbers(eig(gauss).im)) complex_values += std::abs(im) > 1e-9;
  const std::vector<double> orthogonal =
      numbers(svdvals(initial_weight("orthogonal", key, 64, 32, DType::f64)));
  page.bind("weight_size", int64_t{64});
  page.bind("complex_values", complex_values);
  page.bind("orthogonal_most", orthogonal.front());
  page.bind("orthogonal_least", orthogonal.back());
  page.bind("spectral_most",
            number(max(svdvals(initial_weight("spectral", key, 64, 32, DType::f64)))));

  // E8, E17
  const Tensor p{0.4, 0.3, 0.2, 0.1}, q{0.35, 0.35, 0.15, 0.15};
  page.bind("p", p);
  page.bind("q", q);
  page.bind("h_bits", number(entropy(p, LogBase::two)), 6);
  page.bind("h_nats", number(entropy(p, LogBase::e)), 6);
  page.bind("kl_bits", number(kl_divergence(p, q, LogBase::two)), 6);
  page.bind("kl_nats", number(kl_divergence(p, q, LogBase::e)), 6);
  page.bind("kl_back", number(kl_divergence(q, p, LogBase::e)), 6);
  const Tensor far{0.9, 0.1}, mid{0.5, 0.5}, near{0.1, 0.9};
  const double direct = number(kl_divergence(far, near, LogBase::e));
  const double detour =
      number(kl_divergence(far, mid, LogBase::e)) + number(kl_divergence(mid, near, LogBase::e));
  page.bind("kl_from", far);
  page.bind("kl_to", near);
  page.bind("kl_direct", direct);
  page.bind("kl_detour", detour);

  // E9, E10
  RandomState state(42);
  const Tensor x = from_vector(state.randn(1000), {100, 10});
  const Tensor y =
      matmul(x, Tensor{1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0}) + 0.5 * from_vector(state.randn(100));
  const PenalisedFit free = fit_ridge(x, y, 1), none = fit_ridge(x, y, 1, {.intercept = false});
  page.bind("ridge_free", free.coef[2]);
  page.bind("ridge_intercept", free.intercept);
  page.bind("ridge_none", none.coef[2]);
  std::vector<double> h;
  for (int i = 0; i < 8; ++i)
    for (int j = 0; j < 8; ++j) h.push_back(1.0 / (i + j + 1));
  const Tensor hilbert = from_vector(h, {8, 8});
  const Conditioning c = compare_solvers(hilbert, matmul(hilbert, ones({8})));
  page.bind("hilbert_size", 8);
  page.bind("hilbert_cond", text::significant(c.condition, 3));
  page.bind("hilbert_squared", text::significant(c.condition * c.condition, 2));
  page.bind("hilbert_qr", c.reflections < 1e-5 ? "below 1e-5" : "above 1e-5");
  page.bind("hilbert_normal", c.normal > 0.01 ? "above 0.01" : "below 0.01");

  // E11
  const Cost small = cost_of(4), large = cost_of(400);
  page.bind("few_weights", int64_t{64});
  page.bind("many_weights", int64_t{6400});
  page.bind("few_ratio", small.backward / small.forward, 2);
  page.bind("many_ratio", large.backward / large.forward, 2);
  page.bind("differences", int64_t{6401});
  page.bind("depth", int64_t{24});
  page.bind("paths", int64_t{1} << 24);
  uint64_t kernels = 0;
  {
    const WorkCounter work;
    grad([](const Tensor& start) {
      Tensor u = start;
      for (int i = 0; i < 24; ++i) u = u + sin(u);  // each number is used twice by the next
      return u;
    })(Tensor(0.1));
    kernels = work.kernels();
  }
  page.bind("chain_kernels", static_cast<int64_t>(kernels));

  // E12
  const Tensor seen{3, -0.5, 2, 7}, said{2.5, 0, 2, 8};
  page.bind("seen", seen);
  page.bind("said", said);
  page.bind("mse_mean", number(mse(said, seen, Reduction::mean)));
  page.bind("mse_sum", number(mse(said, seen, Reduction::sum)));
  page.bind("mse_none", mse(said, seen, Reduction::none));
  page.bind("mse_half", number(mse(said, seen, Reduction::mean)) / 2);

  // E15
  page.bind("eps", "1e-8");
  page.bind("outside", shown(number(1 / (sqrt(Tensor(0.0)) + 1e-8))));
  page.bind("inside", shown(number(1 / sqrt(Tensor(0.0) + 1e-8))));

  // E18
  page.bind("starts", 20);
  page.bind("two_hidden", 2);
  const Ends two = ends_of(2);
  page.bind("two_good", two.good);
  page.bind("two_bad", 20 - two.good);
  page.bind("two_minima", two.bad_minima);
  page.bind("many_hidden", 8);
  page.bind("many_good", ends_of(8).good);
}
