// vmap against a loop over the examples, bit for bit, and its nesting and messages.
#include <gradus/base/error.h>
#include <gradus/batch/vmap.h>
#include <gradus/core/buffer.h>
#include <gradus/core/work.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

// f for each place of the mapped axes, one after the other, stacked.
Tensor loop(const Function& f, std::span<const Tensor> args, const std::vector<Axis>& axes) {
  int64_t size = 0;
  for (size_t i = 0; i < args.size(); ++i)
    if (axes[i]) size = args[i].shape()[normal_axis("loop", *axes[i], args[i].rank())];
  std::vector<Tensor> rows;
  for (int64_t b = 0; b < size; ++b) {
    std::vector<Tensor> one;
    for (size_t i = 0; i < args.size(); ++i)
      one.push_back(axes[i] ? row(move_axis(args[i], *axes[i], 0), b) : args[i]);
    rows.push_back(f(one));
  }
  return stack(rows);
}

void expect_loop(const Function& f, std::span<const Tensor> args, const std::vector<Axis>& axes) {
  const ManyFunction many = [&](std::span<const Tensor> a) { return std::vector<Tensor>{f(a)}; };
  const Tensor together = vmap(many, args, {.in = axes})[0];
  const Tensor one_by_one = loop(f, args, axes);
  EXPECT_TRUE(same_bits(together, one_by_one)) << to_string(together) << "\nagainst\n"
                                               << to_string(one_by_one);
}

Tensor numbers_from(double first, const Shape& shape) {
  std::vector<double> x;
  for (int64_t i = 0; i < element_count(shape); ++i)
    x.push_back(first + std::sin(1.7 * static_cast<double>(i) + first));
  return from_vector(x, shape);
}

const Tensor X = numbers_from(0.3, {4, 2, 3});  // 4 examples of (2, 3)
const Tensor M = numbers_from(1.1, {3, 2});
const Tensor V = numbers_from(-0.4, {4, 3});

using Args = std::span<const Tensor>;

TEST(Vmap, of_an_elementwise_function_is_a_loop) {
  const Tensor args[] = {X, V};
  expect_loop([](Args a) { return tanh(a[0]) * a[1] + 2.0; }, args, {0, 0});
}

TEST(Vmap, broadcasts_an_unmapped_argument_of_higher_rank) {
  const Tensor args[] = {V, X};
  expect_loop([](Args a) { return a[0] + a[1]; }, args, {0, unmapped});
}

TEST(Vmap, takes_any_axis_and_puts_it_anywhere) {
  const auto f = [](const Tensor& x) { return cumsum(x, 0); };
  const Tensor moved = vmap(f, {.in = {-1}, .out = {1}})(X);
  ASSERT_EQ(to_string(moved.type()), "f64[4,3,2]");
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(same_bits(row(move_axis(moved, 1, 0), i), f(row(move_axis(X, -1, 0), i))));
}

TEST(Vmap, of_reductions_is_a_loop) {
  const Tensor args[] = {X};
  for (const Reduce& over : {Reduce{}, Reduce{.axis = 0}, Reduce{.axis = -1, .keepdims = true}}) {
    expect_loop([&](Args a) { return sum(a[0], over); }, args, {0});
    expect_loop([&](Args a) { return logsumexp(a[0], over); }, args, {0});
    expect_loop([&](Args a) { return max(a[0], over); }, args, {0});
    expect_loop([&](Args a) { return norm(a[0], over); }, args, {0});
  }
  expect_loop([](Args a) { return softmax(a[0], 0); }, args, {0});
  expect_loop([](Args a) { return argmax(a[0], 1); }, args, {0});
  expect_loop([](Args a) { return sort(a[0], 0); }, args, {0});
  expect_loop([](Args a) { return cumprod(a[0], 1); }, args, {0});
}

TEST(Vmap, of_products_is_a_loop_whichever_side_is_mapped) {
  const Tensor many = numbers_from(0.9, {4, 3, 2});
  const Tensor both[] = {X, many}, left[] = {X, M}, right[] = {transpose(M), many};
  const Function product = [](Args a) { return matmul(a[0], a[1]); };
  expect_loop(product, both, {0, 0});
  expect_loop(product, left, {0, unmapped});
  expect_loop(product, right, {unmapped, 0});
  const Tensor vectors[] = {V, M}, column[] = {transpose(M), V}, dots[] = {V, V};
  expect_loop(product, vectors, {0, unmapped});
  expect_loop(product, column, {unmapped, 0});
  expect_loop(product, dots, {0, 0});
  expect_loop([](Args a) { return outer(a[0], a[1]); }, dots, {0, 0});
}

TEST(Vmap, of_a_product_with_leading_axes_of_its_own_is_a_loop) {
  const Tensor args[] = {numbers_from(0.2, {4, 5, 2, 3}), numbers_from(0.7, {4, 3, 2})};
  expect_loop([](Args a) { return matmul(a[0], a[1]); }, args, {0, 0});
  const Tensor other[] = {numbers_from(0.2, {4, 2, 3}), numbers_from(0.7, {5, 3, 2})};
  expect_loop([](Args a) { return matmul(a[0], a[1]); }, other, {0, unmapped});
}

TEST(Vmap, of_shape_changes_is_a_loop) {
  const Tensor args[] = {X};
  expect_loop([](Args a) { return reshape(a[0], {3, 2}); }, args, {0});
  expect_loop([](Args a) { return transpose(a[0]); }, args, {0});
  expect_loop([](Args a) { return flip(a[0], {-1}); }, args, {0});
  expect_loop([](Args a) { return broadcast_to(a[0], {5, 2, 3}); }, args, {0});
  expect_loop([](Args a) { return slice(a[0], {{0, 2}, {0, 3, 2}}); }, args, {0});
  expect_loop([](Args a) { return pad(a[0], {1, 0}, {0, 2}); }, args, {0});
  const Tensor two[] = {X, transpose(M)};
  expect_loop([](Args a) { return concatenate({a[0], a[1]}, -1); }, two, {0, unmapped});
}

TEST(Vmap, of_gather_and_scatter_is_a_loop_whatever_is_mapped) {
  const Tensor tables = numbers_from(0.1, {4, 5, 2}), table = row(tables, 0);
  const Tensor places = from_vector<int64_t>({4, 0, 2, 1, 1, 3, 0, 0, 4, 2, 3, 1}, {4, 3});
  const Tensor few = row(places, 2);
  const Function f = [](Args a) { return gather(a[0], a[1]); };
  const Tensor of_table[] = {tables, few}, of_places[] = {table, places},
               of_both[] = {tables, places};
  expect_loop(f, of_table, {0, unmapped});
  expect_loop(f, of_places, {unmapped, 0});
  expect_loop(f, of_both, {0, 0});
  const Tensor rows = numbers_from(0.6, {4, 3, 2}), one = row(rows, 1);
  const Function g = [](Args a) { return scatter_add(a[0], a[1], 5); };
  const Tensor d[] = {few, rows}, e[] = {places, one}, h[] = {places, rows};
  expect_loop(g, d, {unmapped, 0});
  expect_loop(g, e, {0, unmapped});
  expect_loop(g, h, {0, 0});
}

TEST(Vmap, refuses_a_place_of_the_next_example) {
  const Tensor tables = numbers_from(0.1, {2, 3});
  const Tensor places = from_vector<int64_t>({0, 3}, {2, 1});
  const auto f = [](const Tensor& table, const Tensor& p) { return gather(table, p); };
  EXPECT_THROW(vmap(f)(tables, places), DomainError);
}

TEST(Vmap, of_choices_and_masks_is_a_loop) {
  const Tensor args[] = {V, row(V, 0)};
  expect_loop([](Args a) { return where(a[0] > 0.0, sqrt(abs(a[0])), a[1]); }, args, {0, unmapped});
  expect_loop([](Args a) { return clip(a[0], -0.5, a[1]); }, args, {0, unmapped});
}

TEST(Vmap, of_vmap_is_a_double_loop) {
  const auto f = [](const Tensor& x, const Tensor& m) { return matmul(x, m); };
  const Tensor inner_first = vmap(vmap(f, {.in = {0, unmapped}}), {.in = {0, unmapped}})(X, M);
  EXPECT_TRUE(same_bits(inner_first, matmul(X, M)));
  const Tensor pairs =
      vmap(vmap([](const Tensor& p, const Tensor& q) { return p * q; }, {.in = {unmapped, 0}}),
           {.in = {0, unmapped}})(Tensor{1, 2}, Tensor{3, 4, 5});
  EXPECT_EQ(to_string(pairs), "[[ 3.  4.  5.]\n [ 6.  8. 10.]]");
}

TEST(Vmap, of_two_results_gives_two) {
  const auto f = [](const Tensor& x) { return std::array<Tensor, 2>{sum(x), 2.0 * x}; };
  const auto [total, twice] = vmap(f)(V);
  EXPECT_TRUE(same_bits(total, sum(V, {.axis = 1})));
  EXPECT_TRUE(same_bits(twice, 2.0 * V));
}

TEST(Vmap, repeats_a_result_that_ignores_its_input) {
  const auto f = [](const Tensor&) { return Tensor{1, 2}; };
  EXPECT_EQ(to_string(vmap(f)(Tensor{5, 6, 7})), "[[1. 2.]\n [1. 2.]\n [1. 2.]]");
}

TEST(Vmap, of_an_empty_batch_is_empty) {
  const auto f = [](const Tensor& x) { return sum(exp(x)); };
  EXPECT_EQ(to_string(vmap(f)(zeros({0, 3})).type()), "f64[0]");
}

TEST(Vmap, calls_as_many_kernels_for_a_thousand_examples_as_for_two) {
  const auto f = [](const Tensor& x, const Tensor& w) {
    return sum(tanh(matmul(x, w)) * gather(x, from_vector<int64_t>({0, 0})));
  };
  const auto kernels = [&](int64_t size) {
    const Tensor x = full({size, 2, 2}, 0.5), w = ones({2, 2});
    WorkCounter counter;
    vmap(f, {.in = {0, unmapped}})(x, w);
    return counter.kernels();
  };
  EXPECT_GT(kernels(2), 0u);
  EXPECT_EQ(kernels(2), kernels(1000));
}

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Vmap, says_what_it_cannot_map) {
  const auto add2 = [](const Tensor& a, const Tensor& b) { return a + b; };
  EXPECT_EQ(message([&] {
              vmap(add2)(ones({3, 2}), ones({4, 2}));
            }),
            "vmap: argument 0 is f64[3,2] and argument 1 is f64[4,2]: the mapped sizes 3 and 4 "
            "differ. All must be one.");
  EXPECT_EQ(message([&] { vmap(add2)(ones({3}), Tensor(1.0)); }),
            "vmap: argument 1 is f64[], which has no axis 0 to map. Name another axis, or unmapped "
            "where it is the same for the whole batch.");
  EXPECT_EQ(message([&] {
              vmap(add2, {.in = {unmapped, unmapped}})(ones({3}), ones({3}));
            }),
            "vmap: no argument is mapped. Name an axis for at least one of them.");
  EXPECT_EQ(
      message([&] { vmap(add2, {.in = {0}})(ones({3}), ones({3})); }),
      "vmap: 1 axes for 2 arguments. Give one for each, or leave them out for axis 0 of all.");
  const auto branch = [](const Tensor& x) { return number(x) > 0 ? x : -x; };
  EXPECT_EQ(message([&] {
              vmap(branch)(Tensor{1, -1});
            }),
            "vmap: 'if' needs a number, but input f64[] stands for every example of the batch at "
            "once. Use where(condition, a, b).");
}

}  // namespace
}  // namespace gradus
