// Products row by column, shapes, views, inverse, determinant and rank of small matrices.
#include <gradus/base/error.h>
#include <gradus/base/html.h>
#include <gradus/base/text.h>
#include <gradus/core/work.h>
#include <gradus/lessons/page.h>
#include <gradus/linalg/spectral.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

namespace {
using namespace gradus;
using namespace gradus::lessons;

std::string refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing, it worked";
}

// The unit square, once around, and where a matrix puts it.
Line square_under(const Tensor& m, const char* label, const char* colour) {
  Line line{.label = label, .x = {}, .y = {}, .colour = colour};
  for (const auto& [x, y] : {std::pair{0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}}) {
    const std::vector<double> at =
        numbers(matmul(m, Tensor{static_cast<double>(x), static_cast<double>(y)}));
    line.x.push_back(at[0]);
    line.y.push_back(at[1]);
  }
  return line;
}

// Two shapes and their product; the sizes that meet are joined.
Drawing shape_rule() {
  const std::string alt =
      "X of 32 by 784 times W of 784 by 128 is Z of 32 by 128: the inner sizes, 784 and 784, are "
      "equal and disappear; the outer ones, 32 and 128, remain.";
  const std::string terminal =
      "     X            W              Z\n"
      " [32, 784]  ·  [784, 128]  =  [32, 128]\n"
      "       └────────┘\n"
      "   must be equal, and disappears\n";
  std::string marks;
  const auto write = [&](int x, int y, std::string_view words, std::string_view colour) {
    marks += "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) +
             "\" style=\"text-anchor:middle;font-size:15px;fill:" + std::string(colour) + "\">" +
             escape_html(words) + "</text>";
  };
  write(60, 20, "X", "var(--muted)");
  write(185, 20, "W", "var(--muted)");
  write(315, 20, "Z", "var(--muted)");
  write(42, 44, "32", "var(--ink)");
  write(78, 44, "784", "var(--accent)");
  write(122, 44, "·", "var(--ink)");
  write(167, 44, "784", "var(--accent)");
  write(205, 44, "128", "var(--ink)");
  write(250, 44, "=", "var(--ink)");
  write(297, 44, "32", "var(--ink)");
  write(333, 44, "128", "var(--ink)");
  marks +=
      "<path d=\"M78 52V62H167V52\" fill=\"none\" stroke=\"var(--accent)\" stroke-width=\"1.5\"/>";
  write(122, 82, "must be equal", "var(--accent)");
  return {.terminal = terminal,
          .svg = "<svg viewBox=\"0 0 380 92\" role=\"img\" aria-label=\"" + escape_html(alt) +
                 "\">" + marks + "</svg>",
          .alt = alt};
}

// ---------------------------------------------------------------------------- exercises

using Product = std::vector<double>(std::span<const double>, std::span<const double>, int, int,
                                    int);

// [solution rows-into-columns]
// The product of A (m rows, k columns) and B (k rows, n columns). Each is one
// list, row after row: the number in row i, column j of A is a[i * k + j].
std::vector<double> rows_into_columns(std::span<const double> a, std::span<const double> b, int m,
                                      int k, int n) {
  const auto at = [](int place) { return static_cast<size_t>(place); };
  std::vector<double> c(at(m * n), 0.0);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      for (int p = 0; p < k; ++p) {
        // [hole (void)p;]
        c[at(i * n + j)] += a[at(i * k + p)] * b[at(p * n + j)];
        // [end hole]
      }
  return c;
}
// [end]

// The product with other places read: each function gives the place in one list.
using Place = int (*)(int i, int j, int p, int m, int k, int n);
std::vector<double> product_by(std::span<const double> a, std::span<const double> b, int m, int k,
                               int n, Place from_a, Place from_b) {
  std::vector<double> c(static_cast<size_t>(m * n), 0.0);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      for (int p = 0; p < k; ++p)
        c[static_cast<size_t>(i * n + j)] += a[static_cast<size_t>(from_a(i, j, p, m, k, n))] *
                                             b[static_cast<size_t>(from_b(i, j, p, m, k, n))];
  return c;
}
int of_a(int i, int, int p, int, int k, int) {
  return i * k + p;
}
int of_b(int, int j, int p, int, int, int n) {
  return p * n + j;
}

struct Slip {
  const char* name;
  Product* function;
  const char* says;
};
const Slip slips[] = {
    {"row met row",
     [](std::span<const double> a, std::span<const double> b, int m, int k, int n) {
       return product_by(a, b, m, k, n, of_a,
                         [](int, int j, int p, int, int k, int) { return j * k + p; });
     },
     "You walk along a row of B. Column j of B goes down: its numbers are n places apart."},
    {"column of A taken",
     [](std::span<const double> a, std::span<const double> b, int m, int k, int n) {
       return product_by(
           a, b, m, k, n, [](int i, int, int p, int m, int, int) { return p * m + i; }, of_b);
     },
     "You walk down A with steps of m. Row i of A lies side by side, from i * k on."},
    {"last term kept",
     [](std::span<const double> a, std::span<const double> b, int m, int k, int n) {
       std::vector<double> c(static_cast<size_t>(m * n), 0.0);
       for (int i = 0; i < m; ++i)
         for (int j = 0; j < n; ++j)
           for (int p = 0; p < k; ++p)
             c[static_cast<size_t>(i * n + j)] = a[static_cast<size_t>(of_a(i, j, p, m, k, n))] *
                                                 b[static_cast<size_t>(of_b(i, j, p, m, k, n))];
       return c;
     },
     "Each round writes over the one before. The products of one entry are added: +=."},
    {"result lies on its side",
     [](std::span<const double> a, std::span<const double> b, int m, int k, int n) {
       const std::vector<double> right = rows_into_columns(a, b, m, k, n);
       std::vector<double> c(right.size());
       for (int i = 0; i < m; ++i)
         for (int j = 0; j < n; ++j)
           c[static_cast<size_t>(j * m + i)] = right[static_cast<size_t>(i * n + j)];
       return c;
     },
     "The numbers are right, but rows became columns. A row of the result has n numbers."},
    {"pairs added, not multiplied",
     [](std::span<const double> a, std::span<const double> b, int m, int k, int n) {
       std::vector<double> c(static_cast<size_t>(m * n), 0.0);
       for (int i = 0; i < m; ++i)
         for (int j = 0; j < n; ++j)
           for (int p = 0; p < k; ++p)
             c[static_cast<size_t>(i * n + j)] += a[static_cast<size_t>(of_a(i, j, p, m, k, n))] +
                                                  b[static_cast<size_t>(of_b(i, j, p, m, k, n))];
       return c;
     },
     "Each pair is multiplied first; only the products are added."},
    {"place by place",
     [](std::span<const double> a, std::span<const double> b, int m, int, int n) {
       std::vector<double> c(static_cast<size_t>(m * n), 0.0);
       for (size_t i = 0; i < std::min({c.size(), a.size(), b.size()}); ++i) c[i] = a[i] * b[i];
       return c;
     },
     "You multiplied numbers that stand in the same place. A row of A meets a column of B."},
    {"first term forgotten",
     [](std::span<const double> a, std::span<const double> b, int m, int k, int n) {
       std::vector<double> c = rows_into_columns(a, b, m, k, n);
       for (int i = 0; i < m; ++i)
         for (int j = 0; j < n; ++j)
           c[static_cast<size_t>(i * n + j)] -= a[static_cast<size_t>(of_a(i, j, 0, m, k, n))] *
                                                b[static_cast<size_t>(of_b(i, j, 0, m, k, n))];
       return c;
     },
     "One product is missing in every entry. p counts from 0."},
};

struct Case {
  std::vector<double> a, b;
  int m, k, n;
};
const Case cases[] = {{{1, 2, 3, 4}, {5, 6, 7, 8}, 2, 2, 2},
                      {{1, 2, 3, 4, 5, 6}, {1, 0, 2, -1, 0, 3}, 2, 3, 2},
                      {{2, -1, 0, 3}, {1, 4, 2, 0, 5, -2}, 2, 2, 3}};

Verdict check_product(Product* f) {
  const auto run = [](const Case& c, Product* g) { return g(c.a, c.b, c.m, c.k, c.n); };
  for (const Case& c : cases) {
    const std::vector<double> got = run(c, f), want = run(c, rows_into_columns);
    const auto listed = [](const std::vector<double>& v) {
      return to_string(from_vector(v)).substr(0, 60);
    };
    if (got == want) continue;
    Verdict no{.where = std::to_string(c.m) + " x " + std::to_string(c.k) + " times " +
                        std::to_string(c.k) + " x " + std::to_string(c.n) + ": a = " + listed(c.a) +
                        ", b = " + listed(c.b),
               .yours = listed(got),
               .expected = listed(want)};
    for (const Slip& s : slips) {
      bool same = true;
      for (const Case& d : cases) same &= run(d, f) == run(d, s.function);
      if (!same) continue;
      no.misconception = s.name;
      no.says = s.says;
      break;
    }
    return no;
  }
  return Verdict::passed();
}
}  // namespace

LESSON(page) {
  // Two products.
  // [product]
  const Tensor A = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  const Tensor B = {{9, 8, 7}, {6, 5, 4}, {3, 2, 1}};
  const Tensor AB = matmul(A, B);
  const Tensor BA = matmul(B, A);
  // [end]
  page.bind("A", A);
  page.bind("B", B);
  const std::vector<double> a = numbers(A), b = numbers(B), ab = numbers(AB);
  for (size_t i = 0; i < 3; ++i) {
    page.bind("a1" + std::to_string(i + 1), a[i]);
    page.bind("b" + std::to_string(i + 1) + "1", b[3 * i]);
  }
  page.bind("ab11", ab[0]);
  page.bind("AB", AB);
  page.bind("BA", BA);
  // [places]
  const Tensor second_row = row(A, 1);
  const Tensor last_column = slice(A, {{}, {2, 3}});
  const Tensor middle = element(A, {1, 1});
  // [end]
  page.bind("second_row", second_row);
  page.bind("last_column", last_column);
  page.bind("last_column_type", to_string(last_column.type()));
  page.bind("middle", number(middle));

  // Shapes.
  const Type x_type{DType::f32, {32, 784}}, w_type{DType::f32, {784, 128}},
      b_type{DType::f32, {128}};
  const Tensor X = zeros(x_type.shape, DType::f32), W = zeros(w_type.shape, DType::f32),
               bias = zeros(b_type.shape, DType::f32);
  // [shapes]
  const Tensor Z = matmul(X, W) + bias;
  // [end]
  page.bind("x_type", to_string(X.type()));
  page.bind("w_type", to_string(W.type()));
  page.bind("b_type", to_string(bias.type()));
  page.bind("z_type", to_string(Z.type()));
  page.bind("mismatch", refusal([] { matmul(zeros({3, 2}), zeros({3, 2})); }));
  page.picture("rule", shape_rule());
  constexpr int64_t n = 200;
  const Tensor P = ones({n, n}), Q = ones({n, n}), v = ones({n});
  double left_first = 0, right_first = 0;
  {
    const WorkCounter work;
    // [grouping]
    const Tensor slow = matmul(matmul(P, Q), v);
    // [end]
    left_first = work.operations();
  }
  {
    const WorkCounter work;
    // [grouping_fast]
    const Tensor fast = matmul(P, matmul(Q, v));
    // [end]
    right_first = work.operations();
  }
  page.bind("n", n);
  page.bind("left_first", text::grouped(static_cast<int64_t>(left_first)));
  page.bind("right_first", text::grouped(static_cast<int64_t>(right_first)));

  // Turned.
  // [turned]
  const Tensor turned = transpose(A);
  const Tensor apart = transpose(AB) - matmul(transpose(B), transpose(A));
  const bool same_memory = buffer_of(turned).block == buffer_of(A).block;
  // [end]
  page.bind("turned", turned);
  page.bind("apart", number(max(abs(apart))));
  page.bind("same_memory", same_memory ? "yes" : "no");
  const auto strides = [](const Tensor& t) {
    const Dims& s = buffer_of(t).strides;
    return std::to_string(s[0]) + " down, " + std::to_string(s[1]) + " right";
  };
  page.table("strides", {{"matrix", "shape", "steps in memory"},
                         {"A", to_string(A.type()), strides(A)},
                         {"A transposed", to_string(turned.type()), strides(turned)}});

  // Undone.
  const Tensor M = page.set("M", Tensor{{3, 1}, {2, 4}});
  const std::vector<double> m = numbers(M);
  // [undo]
  const double area = number(det(M));
  const Tensor back = inv(M);
  const Tensor x = solve(M, Tensor{5, 10});  // without an inverse
  // [end]
  page.bind("M", M);
  page.bind("m11", m[0]);
  page.bind("m12", m[1]);
  page.bind("m21", m[2]);
  page.bind("m22", m[3]);
  page.bind("area", area);
  page.bind("back", back);
  page.bind("solved", x);
  const double residue = number(max(abs(matmul(M, back) - eye(2))));
  page.bind("residue", residue < 1e-15 ? "less than 1e-15" : shown(residue, 2));
  page.picture("square", Plot{.id = "square",
                              .title = "The unit square, and where the matrix M puts it",
                              .x_label = "first number",
                              .lines = {square_under(eye(2), "before", "var(--ink)"),
                                        square_under(M, "after M", "var(--accent)")},
                              .width = 340,
                              .height = 300});

  // Flattened.
  // [flat]
  const double volume = number(det(A));
  const int64_t rank = static_cast<int64_t>(number(matrix_rank(A)));
  const Tensor singular = svdvals(A);
  const Tensor lost = matmul(A, Tensor{1, -2, 1});
  // [end]
  page.bind("volume", std::abs(volume) < 1e-12 ? "0" : shown(volume));
  page.bind("rank", rank);
  const std::vector<double> s = numbers(singular);
  std::vector<std::string> sizes;
  for (const double value : s)
    sizes.push_back(value < 1e-14 * s[0] ? "0 up to rounding" : shown(value));
  page.bind("singular", text::join(sizes, ", "));
  page.bind("lost_arrow", Tensor{1, -2, 1});
  page.bind("lost", lost);
  const Tensor flat{{1, 2}, {2, 4}};
  page.bind("flat", flat);
  page.bind("flat_refused", refusal([&] { inv(flat); }));
  page.bind("flat_pinv", pinv(flat));
  const Tensor aim{5, 5}, closest = matmul(pinv(flat), aim);
  page.bind("aim", aim);
  page.bind("closest", closest);
  page.bind("reached", matmul(flat, closest));
  page.bind("five_ten", Tensor{5, 10});
  const Tensor tenth = 0.1 * eye(400);
  page.bind("tenth", 0.1);
  page.bind("many", int64_t{400});
  page.bind("tenth_det", number(det(tenth)));
  page.bind("tenth_log", number(slogdet(tenth).log), 2);

  page.exercise(Predict{
      .name = "one-entry",
      .answer = 43,
      .wrong = {
          {22, "row and column exchanged",
           "This is row 1, column 2. The row comes first: row 2 of the left matrix."},
          {21, "place by place",
           "You multiplied the two numbers in row 2, column 1. A whole row meets a whole column."},
          {31, "order exchanged",
           "This is an entry of B A. A stands on the left: it gives the row."},
          {39, "row met row", "You took row 1 of B. Go down its column: 5, then 7."},
          {50, "wrong column", "This is row 2, column 2. Take the first column of B."},
          {19, "wrong row", "This is row 1, column 1. Take the second row of A."}}});
  page.exercise(Choose{
      .name = "which-product-fits",
      .answer = "x-wt",
      .choices = {
          {"x-wt", "X times W transposed", "", ""},
          {"x-w", "X times W", "inner sizes ignored",
           "784 would meet 10. Which axis of W has 784 numbers?"},
          {"w-x", "W times X", "order and sizes ignored",
           "784 would meet 32. And one example is a row of X: it should stay a row."},
          {"wt-x", "W transposed times X", "transposed on the wrong side",
           "10 would meet 32. The sizes that meet are the last of the left and the first of the "
           "right."},
          {"w-xt", "W times X transposed", "result lies on its side",
           "It fits, but gives 10 rows of 32: a column for each example. Asked are 32 rows."},
          {"elementwise", "X and W multiplied place by place", "product of layers taken for *",
           "Place by place needs equal shapes, up to sizes of 1. Here 32 and 10 differ."}}});
  page.exercise(Predict{
      .name = "area-after",
      .answer = 20,
      .wrong = {
          {5, "factor for area",
           "This is the determinant: by what the area grows. It was 4 before."},
          {28, "plus for minus", "The determinant subtracts: 2 times 3 minus 1 times 1."},
          {24, "diagonal alone", "The two numbers off the diagonal shear, and count as well."},
          {100, "factor for each side",
           "The determinant is the factor of the area already, not that of a side."},
          {9, "added", "Areas are multiplied by the determinant."},
          {0.8, "undone", "You divided. That is what the inverse does to the area."},
          {10, "determinant times a side",
           "You multiplied by the side of the square. Its area is 4."}}});
  Fill<Product> fill{
      .name = "rows-into-columns", .solution = rows_into_columns, .check = check_product};
  for (const Slip& slip : slips) fill.wrong.push_back({slip.name, slip.function});
  page.exercise(std::move(fill));
}
