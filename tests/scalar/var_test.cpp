// Reverse mode: Rosenbrock by hand, templated code of users, nesting, errors, no allocations.
#include <gradus/scalar/var.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>
#include <numeric>
#include <random>
#include <stdexcept>
#include <thread>

// Sanitizers bring an operator new of their own; allocations are counted without them.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GRADUS_SANITIZED
#endif
#endif

namespace {

[[maybe_unused]] std::atomic<long> allocations = 0;

}  // namespace

#ifndef GRADUS_SANITIZED
// Not inlined: g++ 12 otherwise sees free() meet operator new and warns.
[[gnu::noinline]] void* operator new(std::size_t n) {
  ++allocations;
  if (void* p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
#endif

namespace gradus::scalars {
namespace {

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

const auto rosenbrock = [](auto x) {
  auto sum = 0 * x[0];
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    const auto a = x[i + 1] - x[i] * x[i];
    const auto b = 1 - x[i];
    sum += 100 * a * a + b * b;
  }
  return sum;
};

std::vector<double> rosenbrock_by_hand(const std::vector<double>& x) {
  std::vector<double> g(x.size());
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    const double a = x[i + 1] - x[i] * x[i];
    g[i] += -400 * a * x[i] - 2 * (1 - x[i]);
    g[i + 1] += 200 * a;
  }
  return g;
}

std::vector<double> drawn(size_t n, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  std::vector<double> x(n);
  for (double& v : x) v = normal(engine);
  return x;
}

TEST(Gradient, of_rosenbrock_is_the_one_worked_by_hand) {
  for (const size_t n : {1U, 2U, 10U, 1000U, 20'000U}) {
    const std::vector<double> x = drawn(n, 7), want = rosenbrock_by_hand(x);
    const auto [value, g] = value_and_gradient(rosenbrock, x);
    EXPECT_DOUBLE_EQ(value, rosenbrock(std::span<const double>(x)));
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(g[i], want[i], 1e-13 * (1 + std::abs(want[i])));
  }
}

TEST(Gradient, takes_any_contiguous_numbers) {
  const auto f = [](auto x) { return x[0] * x[1]; };
  const std::array a{2.0, 3.0};
  const double c[] = {2, 3};
  const std::vector want{3.0, 2.0};
  EXPECT_EQ(gradient(f, a), want);
  EXPECT_EQ(gradient(f, c), want);
  EXPECT_EQ(gradient(f, std::span<const double>(a)), want);
  std::array<double, 2> into;
  EXPECT_EQ(value_and_gradient(f, a, into), 6);
  EXPECT_EQ(into, (std::array{3.0, 2.0}));
}

TEST(Gradient, of_a_function_that_ignores_its_input_is_zero) {
  EXPECT_EQ(gradient([](auto) { return 5; }, std::vector{1.0, 2.0}), (std::vector{0.0, 0.0}));
  EXPECT_EQ(gradient([](auto x) { return x[1]; }, std::vector{1.0, 2.0}), (std::vector{0.0, 1.0}));
}

TEST(Gradient, of_no_variables_is_empty) {
  const auto [value, g] = value_and_gradient([](auto) { return 5.0; }, std::vector<double>());
  EXPECT_EQ(value, 5);
  EXPECT_TRUE(g.empty());
}

TEST(Gradient, sees_a_variable_that_is_used_many_times) {
  // x^2 y + x / y, and a sum that doubles itself 10 times.
  EXPECT_EQ(
      gradient([](auto x) { return x[0] * x[0] * x[1] + x[0] / x[1]; }, std::vector{3.0, 2.0}),
      (std::vector{12.5, 9 - 0.75}));
  const auto doubled = [](auto x) {
    auto s = x[0] + x[1];
    for (int i = 0; i < 10; ++i) s = s + s;
    return s * s;
  };
  EXPECT_EQ(gradient(doubled, std::vector{1.0, 2.0})[0], 2 * 3 * 1024.0 * 1024.0);
}

TEST(Gradient, follows_the_branch_that_ran) {
  const auto f = [](auto x) { return x[0] > 1 ? x[0] * x[0] : -x[0]; };
  EXPECT_EQ(gradient(f, std::vector{3.0})[0], 6);
  EXPECT_EQ(gradient(f, std::vector{0.5})[0], -1);
}

TEST(Hessian, of_rosenbrock_at_its_minimum_is_802_400_200) {
  EXPECT_EQ(hessian(rosenbrock, std::vector{1.0, 1.0}),
            (std::vector{802.0, -400.0, -400.0, 200.0}));
}

TEST(Hessian, is_symmetric_and_agrees_with_hvp_and_by_hand) {
  const size_t n = 10;
  const std::vector<double> x = drawn(n, 3), v = drawn(n, 4);
  const std::vector<double> h = hessian(rosenbrock, x), hv = hvp(rosenbrock, x, v);
  for (size_t i = 0; i < n; ++i) {
    double row = 0;
    for (size_t j = 0; j < n; ++j) {
      double want = 0;
      if (i == j)
        want = (i + 1 < n ? 1200 * x[i] * x[i] - 400 * x[i + 1] + 2 : 0) + (i > 0 ? 200 : 0);
      if (j == i + 1) want = -400 * x[i];
      if (i == j + 1) want = -400 * x[j];
      EXPECT_NEAR(h[i * n + j], want, 1e-12 * (1 + std::abs(want)));
      row += want * v[j];
    }
    EXPECT_NEAR(hv[i], row, 1e-12 * (1 + std::abs(row)));
  }
}

TEST(Hessian, of_no_variables_is_empty) {
  EXPECT_TRUE(hessian([](auto) { return 5.0; }, std::vector<double>()).empty());
}

// Code that knows nothing of derivatives.

template <class T>
T logistic_by_rk4(T y, const T& rate, int steps) {
  const double h = 1.0 / steps;
  const auto f = [&](const T& z) { return rate * z * (1 - z); };
  for (int i = 0; i < steps; ++i) {
    const T k1 = f(y), k2 = f(y + h / 2 * k1), k3 = f(y + h / 2 * k2), k4 = f(y + h * k3);
    y += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
  }
  return y;
}

TEST(UserCode, an_ode_integrator_has_the_sensitivities_of_the_solution) {
  // y(1) = 1 / (1 + (1/y0 - 1) exp(-r)).
  const double y0 = 0.2, r = 1.5, c = (1 / y0 - 1) * std::exp(-r), y = 1 / (1 + c);
  const auto f = [](auto x) { return logistic_by_rk4(x[0], x[1], 200); };
  const auto [value, g] = value_and_gradient(f, std::vector{y0, r});
  EXPECT_NEAR(value, y, 1e-10);
  EXPECT_NEAR(g[0], y * y * std::exp(-r) / (y0 * y0), 1e-9);
  EXPECT_NEAR(g[1], y * y * c, 1e-9);
}

template <class T>
T newton_sqrt(const T& a) {
  T x = a;
  for (T last = 0; abs(x - last) > 4 * std::numeric_limits<T>::epsilon() * x;) {
    last = x;
    x = (x + a / x) / 2;
  }
  return x;
}

TEST(UserCode, newtons_square_root_has_the_derivatives_of_sqrt) {
  const auto f = [](auto x) { return newton_sqrt(x); };
  EXPECT_NEAR(derivative(f, 2.0), 0.5 / std::sqrt(2.0), 1e-14);
  EXPECT_NEAR(nth_derivative<2>(f, 2.0), -0.25 / std::pow(2.0, 1.5), 1e-12);
  EXPECT_NEAR(gradient([&](auto x) { return f(x[0]); }, std::vector{2.0})[0], 0.5 / std::sqrt(2.0),
              1e-14);
}

template <class T>
T determinant_by_lu(std::vector<T> a, size_t n) {
  T det = 1;
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < n; ++i)
      if (abs(a[i * n + k]) > abs(a[pivot * n + k])) pivot = i;
    if (pivot != k) {
      for (size_t j = 0; j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
      det = -det;
    }
    det *= a[k * n + k];
    for (size_t i = k + 1; i < n; ++i) {
      const T l = a[i * n + k] / a[k * n + k];
      for (size_t j = k; j < n; ++j) a[i * n + j] -= l * a[k * n + j];
    }
  }
  return det;
}

TEST(UserCode, the_gradient_of_a_determinant_by_lu_is_the_cofactors) {
  const std::vector<double> a{0, 2, 1, 3, -1, 2, 1, 4, 5};
  const auto [value, g] = value_and_gradient(
      [](auto x) {
        return determinant_by_lu(std::vector<typename decltype(x)::value_type>(x.begin(), x.end()),
                                 3);
      },
      a);
  EXPECT_NEAR(value, -13, 1e-13);
  const std::vector<double> cofactors{-13, -13, 13, -6, -1, 2, 5, 3, -6};
  for (size_t i = 0; i < 9; ++i) EXPECT_NEAR(g[i], cofactors[i], 1e-13);
}

TEST(UserCode, can_be_an_algorithm_of_the_standard_library) {
  const auto norm2 = [](auto x) {
    using T = typename decltype(x)::value_type;
    return std::inner_product(x.begin(), x.end(), x.begin(), T(0));
  };
  EXPECT_EQ(gradient(norm2, std::vector{1.0, -2.0, 3.0}), (std::vector{2.0, -4.0, 6.0}));
}

// Gradients inside gradients.

TEST(Nesting, the_gradient_of_plain_numbers_inside_is_a_constant_outside) {
  const auto f = [](auto x) {
    const double slope =
        gradient([](auto y) { return y[0] * y[0] * y[1]; }, std::vector{3.0, 2.0})[0];
    return slope * x[0] * x[1] + x[1];
  };
  EXPECT_EQ(gradient(f, std::vector{1.0, 2.0}), (std::vector{24.0, 13.0}));
}

TEST(Nesting, reverse_over_reverse_is_the_hessian_times_a_vector) {
  const std::vector<double> x = drawn(5, 1), v = drawn(5, 2);
  const auto along = [&](auto z) {
    const auto g = gradient(rosenbrock, z);
    auto s = g[0] * v[0];
    for (size_t i = 1; i < g.size(); ++i) s += g[i] * v[i];
    return s;
  };
  const std::vector<double> got = gradient(along, x), want = hvp(rosenbrock, x, v);
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(got[i], want[i], 1e-12 * (1 + std::abs(want[i])));
}

TEST(Nesting, an_inner_gradient_may_read_outer_variables_when_its_x_is_made_of_them) {
  // x d/dy (x y^2) at y = x is 2 x^3, whose slope is 6 x^2.
  const auto f = [](auto x) {
    return x[0] * gradient([&](auto y) { return x[0] * y[0] * y[0]; }, x)[0];
  };
  EXPECT_EQ(gradient(f, std::vector{3.0})[0], 54);
}

TEST(Nesting, an_inner_gradient_of_plain_numbers_that_reads_an_outer_variable_is_an_error) {
  const std::string want =
      "gradient: the function reads a variable of the gradient around it, which is lost when the "
      "inner x is plain numbers. A gradient inside a gradient takes the outer variables as its x. "
      "Pass x as numbers of the outer type, such as Var<double>.";
  const std::vector one{1.0};
  const auto joins = [&](auto x) {
    return x[0] * gradient([&](auto y) { return x[0] * y[0]; }, one)[0];
  };
  EXPECT_EQ(message([&] { gradient(joins, one); }), want);
  const auto returns = [&](auto x) { return gradient([&](auto) { return x[0]; }, one)[0] + x[0]; };
  EXPECT_EQ(message([&] { gradient(returns, one); }), want);
  EXPECT_EQ(gradient([](auto x) { return x[0] * x[0]; }, std::vector{3.0})[0], 6);
}

TEST(Nesting, forward_runs_inside_and_around_reverse) {
  // x[0] x[1]^2 + f'(x[0]) of sin.
  const auto f = [](auto x) {
    return x[0] * x[1] * x[1] + derivative([](auto z) { return sin(z); }, x[0]);
  };
  const std::vector<double> g = gradient(f, std::vector{0.5, 3.0});
  EXPECT_DOUBLE_EQ(g[0], 9 - std::sin(0.5));
  EXPECT_DOUBLE_EQ(g[1], 3);
  const double slope = derivative(
      [](auto t) {
        return gradient([](auto y) { return y[0] * y[0] * y[0]; }, std::vector{t * t})[0];
      },
      2.0);
  EXPECT_EQ(slope, 3 * 4 * 8);  // d/dt 3 t^4
}

// The tape.

TEST(Tape, a_second_gradient_allocates_nothing) {
#ifndef GRADUS_SANITIZED
  const std::vector<double> x = drawn(20'000, 7);
  std::vector<double> g(x.size());
  value_and_gradient(rosenbrock, x, g);
  const long before = allocations;
  value_and_gradient(rosenbrock, x, g);
  EXPECT_EQ(allocations - before, 0);
#endif
}

TEST(Tape, is_left_clean_by_a_function_that_throws) {
  const auto f = [](auto x) {
    if (x[0] * x[1] > 1) throw std::runtime_error("user");
    return x[0] * x[1];
  };
  EXPECT_THROW(gradient(f, std::vector{2.0, 3.0}), std::runtime_error);
  EXPECT_EQ(detail::cursor<double>.next, 1U);
  EXPECT_EQ(gradient(f, std::vector{0.5, 0.25}), (std::vector{0.25, 0.5}));
}

TEST(Tape, functions_of_one_number_constants_and_squares_add_no_node) {
  const auto f = [](auto x) {
    const auto before = detail::cursor<double>.next;
    auto y = 3 * exp(sin(x[0])) - 1;
    y = y * y / x[0] + 2;
    EXPECT_EQ(detail::cursor<double>.next, before);
    return y;
  };
  gradient(f, std::vector{0.5});
}

TEST(Tape, every_thread_has_its_own) {
  const std::vector<double> x = drawn(3000, 7), want = gradient(rosenbrock, x);
  std::array<bool, 4> same{};
  std::vector<std::thread> threads;
  for (bool& s : same)
    threads.emplace_back([&] {
      s = true;
      for (int i = 0; i < 20; ++i) s &= gradient(rosenbrock, x) == want;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(same, (std::array{true, true, true, true}));
}

TEST(Gradient, a_place_of_another_size_is_an_error) {
  std::vector<double> into(3);
  EXPECT_EQ(message([&] {
              value_and_gradient(rosenbrock, std::vector{1.0, 2.0}, into);
            }),
            "gradient: x has 2 numbers, but the place for the gradient has 3. They have the same "
            "size.");
}

TEST(Gradient, a_variable_of_a_gradient_that_has_ended_is_an_error) {
  Var<double> kept;
  gradient(
      [&](auto x) {
        kept = x[0] * x[1] * x[2];
        return kept;
      },
      std::vector{1.0, 2.0, 3.0});
  EXPECT_EQ(
      message([&] { gradient([&](auto) { return kept; }, std::vector{1.0}); }),
      "gradient: the function returned a variable of a gradient that has ended. A Var lives as "
      "long as the call that made it. Return what is computed from this call's x.");
}

TEST(Hvp, a_direction_of_another_size_is_an_error) {
  EXPECT_EQ(message([] {
              hvp(rosenbrock, std::vector{1.0, 2.0}, std::vector{1.0});
            }),
            "hvp: x has 2 numbers, but v has 1. A direction has one number for each variable.");
}

}  // namespace
}  // namespace gradus::scalars
