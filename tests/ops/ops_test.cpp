// What the ops do, by hand-worked numbers.
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

std::string show(const Tensor& x) {
  return to_string(x.type()) + " " + to_string(x);
}

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

Tensor f32(const Tensor& x) {
  return cast(x, DType::f32);
}

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<double> x(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<double>(x));
  return from_vector(x, shape);
}

void expect_near(const Tensor& x, const std::vector<double>& want, double tolerance) {
  const auto got = numbers(x);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance) << i;
}

// Vectors (LA-01 to LA-05).

TEST(Vectors, dot_product_and_angle) {
  const Tensor a{3, 4}, b{1, 2};
  EXPECT_EQ(number(dot(a, b)), 11);
  const double cosine = number(dot(a, b) / (norm(a) * norm(b)));
  EXPECT_NEAR(cosine, 0.98386991, 5e-9);
  EXPECT_NEAR(std::acos(cosine) * 180 / std::acos(-1.0), 10.3048, 5e-5);
  EXPECT_EQ(number(dot(Tensor{1, 0}, Tensor{0, 1})), 0);
  EXPECT_EQ(number(dot(Tensor{1, 0}, Tensor{-1, 0})), -1);
  EXPECT_EQ(message([] {
              dot(Tensor{1, 2}, Tensor{1, 2, 3});
            }),
            "dot: f64[2] and f64[3] are not two vectors of one length. Use matmul for matrices.");
}

TEST(Vectors, dot_along_any_axis_of_a_batch) {
  const Tensor a{{1, 2}, {3, 4}}, b{{5, 6}, {7, 8}};
  EXPECT_EQ(to_string(vecdot(a, b)), "[17. 53.]");
  EXPECT_EQ(to_string(vecdot(a, b, 0)), "[26. 44.]");
}

TEST(Vectors, norms_of_3_minus_4_1) {
  const Tensor x{3, -4, 1};
  EXPECT_EQ(number(norm_p(x, 1)), 8);
  EXPECT_NEAR(number(norm(x)), 5.0990, 5e-5);
  EXPECT_EQ(number(norm_p(x, inf)), 4);
  EXPECT_NEAR(number(norm_p(x, 3)), std::cbrt(27 + 64 + 1), 1e-14);
  EXPECT_EQ(number(norm(Tensor{3, 4})), 5);
  EXPECT_EQ(to_string(norm(Tensor{{3, 4}, {6, 8}}, {.axis = 1, .keepdims = true})),
            "[[ 5.]\n [10.]]");
  EXPECT_EQ(to_string(norm_p(Tensor{{3, 4}, {6, 8}}, 3, {.axis = 1, .keepdims = true}).type()),
            "f64[2,1]");
  EXPECT_EQ(message([&] { norm_p(x, -1); }),
            "norm_p: p = -1.000000 is not positive. p runs from above 0 to infinity.");
}

TEST(Vectors, norms_neither_overflow_nor_vanish) {
  EXPECT_NEAR(number(norm(Tensor{1e200, 1e200})) / 1e200, std::sqrt(2.0), 1e-15);
  EXPECT_NEAR(number(norm(Tensor{1e-200, 1e-200})) * 1e200, std::sqrt(2.0), 1e-15);
  EXPECT_EQ(number(norm(Tensor{3 * 5e-324, 4 * 5e-324})), 5 * 5e-324);
  EXPECT_NEAR(number(norm_p(Tensor{1e200, 1e200}, 3)) / 1e200, std::cbrt(2.0), 1e-15);
  EXPECT_NEAR(number(norm(f32(Tensor{1e38, 1e38}))) / 1e38, std::sqrt(2.0), 1e-7);
  EXPECT_NEAR(number(hypot(1e300, 1e300)) / 1e300, std::sqrt(2.0), 1e-15);
}

// Matrices (LA-07 to LA-10, LA-25, LA-27, LA-30).

const Tensor A{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, B{{9, 8, 7}, {6, 5, 4}, {3, 2, 1}};

TEST(Matrices, products_in_both_orders_differ) {
  EXPECT_EQ(to_string(matmul(A, B)), "[[ 30.  24.  18.]\n [ 84.  69.  54.]\n [138. 114.  90.]]");
  EXPECT_EQ(to_string(matmul(B, A)), "[[ 90. 114. 138.]\n [ 54.  69.  84.]\n [ 18.  24.  30.]]");
}

TEST(Matrices, the_transpose_of_a_product_is_the_product_of_transposes_to_the_bit) {
  EXPECT_EQ(to_string(transpose(A)), "[[1. 4. 7.]\n [2. 5. 8.]\n [3. 6. 9.]]");
  const Tensor p = drawn(1, {37, 23}), q = drawn(2, {23, 41});
  EXPECT_TRUE(same_bits(transpose(matmul(p, q)), matmul(transpose(q), transpose(p))));
}

TEST(Matrices, rows_columns_and_elements_are_views) {
  EXPECT_EQ(to_string(row(A, 1)), "[4. 5. 6.]");
  EXPECT_EQ(to_string(row(A, -1)), "[7. 8. 9.]");
  EXPECT_EQ(to_string(row(transpose(A), 1)), "[2. 5. 8.]");
  EXPECT_EQ(number(element(A, {0, 2})), 3);
  EXPECT_EQ(message([] { row(A, 3); }), "row: row 3 of f64[3,3] does not exist.");
  EXPECT_EQ(message([] { element(A, {1}); }),
            "element: [1] in f64[3,3]: one place an axis is needed. Give 2 numbers.");
}

TEST(Matrices, a_mismatch_names_both_shapes) {
  EXPECT_EQ(message([] {
              matmul(zeros({3, 2}), zeros({3, 2}));
            }),
            "matmul: f64[3,2] x f64[3,2]: inner sizes 2 and 3 differ. The last axis of the left "
            "must equal the first axis of the right.");
}

TEST(Matrices, a_batch_equals_a_loop_over_its_rows_to_the_bit) {
  const Tensor x = f32(drawn(3, {32, 20})), w = f32(drawn(4, {20, 7})), b = f32(drawn(5, {7}));
  const Tensor all = matmul(x, w) + b;
  for (int64_t i = 0; i < 32; ++i) EXPECT_TRUE(same_bits(row(all, i), matmul(row(x, i), w) + b));
  // y = W x, the other convention, is the same numbers.
  EXPECT_TRUE(same_bits(row(all, 3), matmul(transpose(w), row(x, 3)) + b));
}

TEST(Matrices, leading_axes_broadcast) {
  const Tensor p = drawn(6, {2, 1, 3, 4}), q = drawn(7, {5, 4, 2});
  const Tensor y = matmul(p, q);
  EXPECT_EQ(to_string(y.type()), "f64[2,5,3,2]");
  EXPECT_TRUE(same_bits(row(row(y, 1), 3), matmul(row(row(p, 1), 0), row(q, 3))));
}

TEST(Matrices, outer_trace_diagonal_diag_and_kron) {
  EXPECT_EQ(to_string(outer(Tensor{1, 2}, Tensor{3, 4, 5})), "[[ 3.  4.  5.]\n [ 6.  8. 10.]]");
  EXPECT_EQ(number(trace(A)), 15);
  EXPECT_EQ(to_string(diagonal(A)), "[1. 5. 9.]");
  EXPECT_EQ(to_string(diagonal(slice(A, {{}, {0, 2}}))), "[1. 5.]");
  EXPECT_EQ(to_string(trace(stack({A, B}))), "[15. 15.]");
  EXPECT_EQ(to_string(diag(Tensor{1, inf})), "[[ 1.  0.]\n [ 0. inf]]");
  EXPECT_EQ(show(diag(iota(2))), "i64[2,2] [[0 0]\n [0 1]]");
  EXPECT_EQ(to_string(kron(Tensor{{1, 2}, {3, 4}}, Tensor{{0, 1}, {1, 0}})),
            "[[0. 1. 0. 2.]\n [1. 0. 2. 0.]\n [0. 3. 0. 4.]\n [3. 0. 4. 0.]]");
  EXPECT_EQ(message([] { diag(A); }),
            "diag: f64[3,3] is not a vector. Use diagonal to read a matrix.");
  EXPECT_EQ(message([] {
              diagonal(Tensor{1, 2});
            }),
            "diagonal: f64[2] is not a matrix. It needs two axes. Use diag to make a matrix from a "
            "vector.");
}

// Einstein summation against loops over every letter.

double at(const Tensor& x, const std::vector<int64_t>& place) {
  Dims dims;
  for (int64_t p : place) dims.push_back(p);
  return number(element(x, dims));
}

Tensor einsum_by_loops(const std::string& spec, const std::vector<Tensor>& operands) {
  const size_t arrow = spec.find("->");
  const std::string output = spec.substr(arrow + 2);
  std::vector<std::string> in{""};
  for (char c : spec.substr(0, arrow)) {
    if (c == ',')
      in.emplace_back();
    else
      in.back() += c;
  }
  std::string letters;
  std::vector<int64_t> sizes, place;
  for (size_t k = 0; k < in.size(); ++k) {
    for (size_t i = 0; i < in[k].size(); ++i) {
      if (letters.find(in[k][i]) != std::string::npos) continue;
      letters += in[k][i];
      sizes.push_back(operands[k].shape()[static_cast<int>(i)]);
      place.push_back(0);
    }
  }
  const auto picked = [&](const std::string& which) {
    std::vector<int64_t> p;
    for (char c : which) p.push_back(place[letters.find(c)]);
    return p;
  };
  Shape shape;
  for (char c : output) shape.push_back(sizes[letters.find(c)]);
  std::vector<double> out(static_cast<size_t>(element_count(shape)));
  for (;;) {
    double term = 1;
    for (size_t k = 0; k < in.size(); ++k) term *= at(operands[k], picked(in[k]));
    size_t flat = 0;
    const auto p = picked(output);
    for (size_t i = 0; i < p.size(); ++i)
      flat = flat * static_cast<size_t>(shape[static_cast<int>(i)]) + static_cast<size_t>(p[i]);
    out[flat] += term;
    size_t k = letters.size();
    while (k-- > 0) {
      if (++place[k] < sizes[k]) break;
      place[k] = 0;
    }
    if (k == static_cast<size_t>(-1)) return from_vector(out, shape);
  }
}

TEST(Einsum, equals_loops_over_every_letter) {
  const std::vector<std::pair<std::string, std::vector<Shape>>> cases = {
      {"ij,jk->ik", {{2, 3}, {3, 4}}},
      {"bij,bjk->bik", {{2, 3, 4}, {2, 4, 2}}},
      {"ij->ji", {{2, 3}}},
      {"ii->", {{3, 3}}},
      {"ii->i", {{3, 3}}},
      {"ij->", {{2, 3}}},
      {"ij->j", {{2, 3}}},
      {"i,j->ij", {{2}, {3}}},
      {"i,i->", {{3}, {3}}},
      {"bhqd,bhkd->bhqk", {{2, 2, 3, 2}, {2, 2, 4, 2}}},
      {"ij,jk,kl->il", {{2, 3}, {3, 2}, {2, 3}}},
      {"ij,kl->ikjl", {{2, 2}, {2, 3}}},
      {"iji->j", {{2, 3, 2}}},
      {"iij,jk->ik", {{2, 2, 3}, {3, 2}}},
      {"i,ij,j->", {{2}, {2, 3}, {3}}},
      {"ijk,k->ji", {{2, 3, 4}, {4}}},
      {"aab,bcc->ac", {{2, 2, 3}, {3, 2, 2}}},
      {"ij,ij->ij", {{2, 3}, {2, 3}}},
      {"ij,i->j", {{2, 3}, {2}}}};
  for (const auto& [spec, shapes] : cases) {
    std::vector<Tensor> operands;
    for (size_t i = 0; i < shapes.size(); ++i) operands.push_back(drawn(10 + i, shapes[i]));
    const Tensor got = einsum(spec, operands), want = einsum_by_loops(spec, operands);
    EXPECT_EQ(to_string(got.type()), to_string(want.type())) << spec;
    expect_near(got, numbers(want), 1e-13);
  }
}

TEST(Einsum, without_an_arrow_keeps_the_single_letters_in_order) {
  EXPECT_TRUE(same_bits(einsum("ba", {A}), transpose(A)));
  EXPECT_TRUE(same_bits(einsum("ij,jk", {A, B}), matmul(A, B)));
  EXPECT_EQ(number(einsum("ii", {A})), 15);
}

TEST(Einsum, names_the_subscript_that_is_wrong) {
  EXPECT_EQ(message([] {
              einsum("ij,jk->ik", {ones({2, 3}), ones({4, 2})});
            }),
            "einsum: 'ij,jk->ik': letter 'j' is 3 and 4. A letter has one size everywhere.");
  EXPECT_EQ(message([] { einsum("ij->ik", {A}); }),
            "einsum: 'ij->ik': output letter 'k' is in no operand. It has no size.");
  EXPECT_EQ(message([] { einsum("ij->ii", {A}); }),
            "einsum: 'ij->ii': letter 'i' is twice in the output. Each may appear once.");
  EXPECT_EQ(
      message([] { einsum("ijk->i", {A}); }),
      "einsum: 'ijk->i': subscript 'ijk' does not fit f64[3,3]. It needs one letter an axis.");
  EXPECT_EQ(message([] { einsum("ij,jk->ik", {A}); }),
            "einsum: 'ij,jk->ik': there are more subscripts than the 1 operands.");
  EXPECT_EQ(message([] {
              einsum("ij->ij", {A, B});
            }),
            "einsum: 'ij->ij': 2 operands need as many subscripts.");
  EXPECT_EQ(message([] { einsum("i.j->ij", {A}); }),
            "einsum: 'i.j->ij': '.' has no meaning here. Use letters, commas and one '->'.");
}

// Choosing and rearranging (LA-32).

TEST(Choosing, take_gathers_along_any_axis) {
  const Tensor x = reshape(iota(12), {3, 4});
  EXPECT_EQ(to_string(take(x, from_vector<int64_t>({2, 0}), 0)), "[[ 8  9 10 11]\n [ 0  1  2  3]]");
  EXPECT_EQ(to_string(take(x, from_vector<int64_t>({3, 3, 0}), -1)),
            "[[ 3  3  0]\n [ 7  7  4]\n [11 11  8]]");
  EXPECT_EQ(to_string(take(reshape(iota(24), {2, 3, 4}), zeros({2, 2}, DType::i64), 1).type()),
            "i64[2,2,2,4]");
  EXPECT_EQ(to_string(take_along_axis(x, from_vector<int64_t>({1, 0, 3}, {3, 1}), 1)),
            "[[ 1]\n [ 4]\n [11]]");
  EXPECT_EQ(to_string(take_along_axis(x, from_vector<int64_t>({2, 0, 1, 0}, {1, 4}), 0)),
            "[[8 1 6 3]]");
  EXPECT_EQ(message([&] {
              take_along_axis(x, from_vector<int64_t>({0, 1}, {2, 1}), 1);
            }),
            "take_along_axis: i64[3,4] at places i64[2,1] along axis 1: the other sizes differ. "
            "All axes but this one must be equal.");
}

TEST(Choosing, one_hot_and_eye) {
  EXPECT_EQ(show(one_hot(from_vector<int64_t>({2, 0}), 3)), "f32[2,3] [[0. 0. 1.]\n [1. 0. 0.]]");
  EXPECT_EQ(show(one_hot(from_vector<int32_t>({5}), 3, DType::i64)), "i64[1,3] [[0 0 0]]");
  EXPECT_EQ(show(eye(2)), "f64[2,2] [[1. 0.]\n [0. 1.]]");
}

TEST(Choosing, sort_argsort_and_top_k) {
  const Tensor x{3, 1, 2, 1};
  EXPECT_EQ(to_string(sort(x)), "[1. 1. 2. 3.]");
  EXPECT_EQ(to_string(argsort(x)), "[1 3 2 0]");
  EXPECT_EQ(to_string(sort(Tensor{{3, 1}, {2, 4}}, 0)), "[[2. 1.]\n [3. 4.]]");
  const TopK top = top_k(Tensor{3, 5, 1, 5}, 3);
  EXPECT_EQ(to_string(top.values), "[5. 5. 3.]");
  EXPECT_EQ(to_string(top.places), "[1 3 0]");
  const int64_t low = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(to_string(top_k(from_vector<int64_t>({low, 7, -7}), 2).places), "[1 2]");
  EXPECT_EQ(show(top_k(x, 0).values), "f64[0] [] f64[0]");
  EXPECT_EQ(message([&] { top_k(x, 5); }),
            "top_k: 5 of axis 0 of f64[4] are asked for. k runs from 0 to the size of the axis.");
}

TEST(Choosing, cumulative_sums_and_products) {
  EXPECT_EQ(to_string(cumsum(Tensor{1, 2, 3, 4})), "[ 1.  3.  6. 10.]");
  EXPECT_EQ(to_string(cumprod(Tensor{1, 2, 3, 4})), "[ 1.  2.  6. 24.]");
  EXPECT_EQ(to_string(cumprod(Tensor{{1, 2}, {3, 4}}, 0)), "[[1. 2.]\n [3. 8.]]");
  EXPECT_EQ(to_string(cumprod(iota(3) + 1)), "[1 2 6]");
  EXPECT_EQ(to_string(cumsum(Tensor{{1, 2}, {3, 4}}, -1)), "[[1. 3.]\n [3. 7.]]");
}

TEST(Choosing, stack_concatenate_pad_and_clip) {
  EXPECT_EQ(to_string(stack({Tensor{1, 2}, Tensor{3, 4}}, 1)), "[[1. 3.]\n [2. 4.]]");
  EXPECT_EQ(
      to_string(concatenate({expand_dims(Tensor{1, 2}, 1), expand_dims(Tensor{3, 4}, 1)}, -1)),
      "[[1. 3.]\n [2. 4.]]");
  EXPECT_EQ(to_string(pad(Tensor{{1, 2}}, {1, 0}, {0, 1})), "[[0. 0. 0.]\n [1. 2. 0.]]");
  EXPECT_EQ(to_string(clip(Tensor{-2, 0.5, 9}, -1, 1)), "[-1.   0.5  1. ]");
}

TEST(Choosing, arange_and_linspace) {
  EXPECT_EQ(to_string(arange(0, 1, 0.25)), "[0.   0.25 0.5  0.75]");
  EXPECT_EQ(to_string(arange(5, 0, -2)), "[5. 3. 1.]");
  EXPECT_EQ(show(arange(0, -1)), "f64[0] [] f64[0]");
  EXPECT_EQ(arange(3, 0, 0.0).size(), 0);
  EXPECT_EQ(message([] { arange(0, 1, 0.0); }),
            "arange: the count of numbers is not finite. The step must not be 0.");
  EXPECT_EQ(to_string(linspace(0, 1, 5)), "[0.   0.25 0.5  0.75 1.  ]");
  EXPECT_EQ(number(element(linspace(0, 0.1, 7), {6})), 0.1);
  EXPECT_EQ(to_string(linspace(3, 4, 1)), "[3.]");
}

TEST(Choosing, a_tower_of_views_is_one_view) {
  const Tensor x = reshape(iota(10), {2, 5});
  EXPECT_EQ(to_string(slice(x, {{0, 2}, {4, slice_end}})), "[[4]\n [9]]");
  EXPECT_EQ(to_string(squeeze(slice_axis(x, 0, {1}), 0)), "[5 6 7 8 9]");
  EXPECT_EQ(message([&] { squeeze(x, 0); }),
            "squeeze: axis 0 of i64[2,5] has size 2. Only an axis of size 1 can go.");
  EXPECT_EQ(message([] { transpose(iota(3)); }),
            "transpose: i64[3] has fewer than two axes. It swaps the last two. Use reshape to make "
            "a column.");
}

// Sums (NU-10), spread (PR-16), softmax and friends (NU-06, NU-07, NU-16).

TEST(Sums, of_2_to_the_25_ones_in_f32_is_exact) {
  EXPECT_EQ(number(sum(ones({1 << 25}, DType::f32))), 33554432);
  EXPECT_EQ(
      number(sum(where(iota(1 << 25, DType::f32) >= 0.0, 1.0, 0.0 * ones({1 << 25}, DType::f32)))),
      33554432);
}

TEST(Sums, accumulate_in_a_tree_and_lose_no_digits) {
  const Tensor x = full({1'000'000}, 0.1, DType::f32);
  EXPECT_NEAR(number(sum(x)) / (1e6 * static_cast<double>(0.1f)), 1, 1e-6);
  EXPECT_NEAR(number(mean(x)), static_cast<double>(0.1f), 1e-7);
}

TEST(Sums, rows_columns_and_any_layout_have_the_same_bits) {
  for (int64_t n : {1, 7, 16, 100, 1024, 3000}) {
    const Tensor x = f32(drawn(8, {n, 5}));
    const Tensor columns = sum(x, {.axis = 0});
    const Tensor rows = sum(from_bytes(transpose(x).type(), bytes_of(transpose(x))), {.axis = 1});
    EXPECT_TRUE(same_bits(columns, rows)) << n;
  }
}

TEST(Spread, variance_and_deviation_state_their_ddof) {
  const Tensor x{2, 4, 4, 4, 5, 5, 7, 9};
  EXPECT_EQ(number(mean(x)), 5);
  EXPECT_EQ(number(var(x)), 4);
  EXPECT_EQ(number(std_dev(x)), 2);
  EXPECT_NEAR(number(var(x, {}, 1)), 32.0 / 7, 1e-15);
  EXPECT_EQ(to_string(var(Tensor{{1, 3}, {2, 8}}, {.axis = 1})), "[1. 9.]");
  EXPECT_EQ(to_string(std_dev(Tensor{{1, 3}, {2, 8}}, {.axis = 0, .keepdims = true})),
            "[[0.5 2.5]]");
  EXPECT_TRUE(std::isnan(number(var(Tensor{1}, {}, 1))));
  EXPECT_EQ(number(var(Tensor{1, 2}, {}, 3)), inf);
  // A large mean does not eat the spread.
  EXPECT_NEAR(number(var(Tensor{1e9 + 1, 1e9 + 2, 1e9 + 3})), 2.0 / 3, 1e-12);
}

TEST(Softmax, of_1_2_3_and_of_thousands) {
  expect_near(softmax(Tensor{1, 2, 3}), {0.0900, 0.2447, 0.6652}, 5e-5);
  expect_near(softmax(Tensor{1000, 2000, 3000}), {0, 0, 1}, 0);
  const Tensor naive = exp(Tensor{1000, 2000, 3000}) / sum(exp(Tensor{1000, 2000, 3000}));
  EXPECT_TRUE(std::isnan(numbers(naive)[0]));
  EXPECT_EQ(to_string(softmax(Tensor{-inf, 0, 0})), "[0.  0.5 0.5]");
  expect_near(sum(softmax(drawn(9, {4, 6}), 0), {.axis = 0}), {1, 1, 1, 1, 1, 1}, 1e-15);
  EXPECT_EQ(show(softmax(zeros({2, 0}))), "f64[2,0] [] f64[2,0]");
  EXPECT_EQ(show(softmax(f32(Tensor{0, 0}))), "f32[2] [0.5 0.5]");
}

TEST(Softmax, log_softmax_and_logsumexp) {
  expect_near(log_softmax(Tensor{2, 1, 0.1}), {-0.4170, -1.4170, -2.3170}, 5e-5);
  EXPECT_NEAR(number(logsumexp(Tensor{1000, 1000})), 1000.6931, 5e-5);
  EXPECT_EQ(to_string(logsumexp(zeros({2, 0}), {.axis = 1})), "[-inf -inf]");
  EXPECT_EQ(show(log_softmax(zeros({0}))), "f64[0] [] f64[0]");
  EXPECT_EQ(to_string(log_softmax(Tensor{-inf, 0})), "[-inf   0.]");
  expect_near(logsumexp(Tensor{{0, 0}, {1, 1}}, {.axis = 1}), {std::log(2), 1 + std::log(2)},
              1e-15);
}

TEST(Stable, twins_keep_their_digits_where_the_plain_formula_loses_them) {
  EXPECT_EQ(number(sigmoid(Tensor(-1000.0))), 0);
  EXPECT_EQ(number(sigmoid(Tensor(1000.0))), 1);
  EXPECT_EQ(number(softplus(Tensor(1000.0))), 1000);
  EXPECT_EQ(number(softplus(Tensor(-1000.0))), 0);
  EXPECT_EQ(number(log_sigmoid(Tensor(-1000.0))), -1000);
  EXPECT_EQ(number(log1p(Tensor(1e-20))), 1e-20);
  EXPECT_EQ(number(expm1(Tensor(1e-20))), 1e-20);
  EXPECT_NEAR(number(erfc(Tensor(10.0))) / 2.088487583762545e-45, 1, 1e-14);
  EXPECT_EQ(number(logaddexp(Tensor(-1000.0), -1000.0)), -1000 + std::log(2.0));
  // Binary cross-entropy with logits: max(z, 0) - z y + log1p(exp(-|z|)).
  const Tensor z{-800, 0, 800}, y{1, 0, 0};
  expect_near(softplus(z) - z * y, {800, std::log(2.0), 800}, 1e-13);
}

TEST(Division, remainder_has_the_sign_of_the_divisor) {
  EXPECT_EQ(to_string(remainder(Tensor{5.5, -1, 1, -5.5}, Tensor{2, 3, -3, -2})),
            "[ 1.5  2.  -2.  -1.5]");
  EXPECT_EQ(to_string(floor_divide(Tensor{5.5, -1, 1, -5.5}, Tensor{2, 3, -3, -2})),
            "[ 2. -1. -1.  2.]");
  EXPECT_EQ(to_string(remainder(iota(7) - 3, 3)), "[0 1 2 0 1 2 0]");
  EXPECT_EQ(to_string(floor_divide(iota(7) - 3, 3)), "[-1 -1 -1  0  0  0  1]");
  EXPECT_EQ(to_string(floor_divide(iota(2), 0)), "[0 0]");
  EXPECT_EQ(message([] { iota(2) / 2; }),
            "divide: i64[2] is not a floating-point tensor. It computes in f32 or f64. Cast to f64 "
            "first.");
}

TEST(Logic, of_masks) {
  const Tensor x{-1, 0, 2};
  EXPECT_EQ(to_string(logical_and(x > -2.0, x < 1.0)), "[ true  true false]");
  EXPECT_EQ(to_string(any(x > 1.0)), "true");
  EXPECT_EQ(to_string(all(x > 1.0)), "false");
  EXPECT_EQ(to_string(sum(cast(x > -2.0, DType::i64))), "3");
  EXPECT_EQ(to_string(x == x), "[true true true]");
}

}  // namespace
}  // namespace gradus
