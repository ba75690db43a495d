// Elimination by hand, factorisations, condition numbers, and what three methods do to the digits.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace {
using namespace gradus;
using namespace gradus::lessons;

using List = std::vector<double>;

// [solution back-substitution]
// The x with U x = b. U has n rows and columns and is one list, row after row:
// its entry in row i, column j is u[i * n + j]. Below the diagonal U is zero,
// whatever stands there in the list: do not read it.
std::vector<double> back_substitution(std::span<const double> u, std::span<const double> b, int n) {
  std::vector<double> x(b.begin(), b.end());
  for (int i = n - 1; i >= 0; --i) {
    // [hole (void)u;]
    const auto at = [&](int j) { return u[static_cast<size_t>(i * n + j)]; };
    double& unknown = x[static_cast<size_t>(i)];
    for (int j = i + 1; j < n; ++j) unknown -= at(j) * x[static_cast<size_t>(j)];
    unknown /= at(i);
    // [end hole]
  }
  return x;
}
// [end]

// [eliminate]
// Solves A x = b; `a` is one list, row after row.
List eliminate(List a, List b) {
  const size_t n = b.size();
  const auto at = [&](auto i, auto j) -> double& { return a[i * n + j]; };
  for (size_t k = 0; k < n; ++k) {
    size_t top = k;  // the largest number of the column goes on top
    for (size_t i = k + 1; i < n; ++i)
      if (std::abs(at(i, k)) > std::abs(at(top, k))) top = i;
    for (size_t j = 0; j < n; ++j) std::swap(at(k, j), at(top, j));
    std::swap(b[k], b[top]);
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = at(i, k) / at(k, k);
      for (size_t j = k; j < n; ++j) at(i, j) -= factor * at(k, j);
      b[i] -= factor * b[k];
    }
  }
  return back_substitution(a, b, static_cast<int>(n));
}
// [end]

// Two equations without the exchange of rows.
std::vector<double> without_exchange(const std::vector<double>& a, const std::vector<double>& b) {
  const double factor = a[2] / a[0];
  const double y = (b[1] - factor * b[0]) / (a[3] - factor * a[1]);
  return {(b[0] - a[1] * y) / a[0], y};
}

// Numbers whose last digits are rounding lose them.
Tensor clean(const Tensor& x) {
  std::vector<double> v = numbers(x);
  for (double& e : v) e = std::round(e * 1e9) / 1e9;
  return from_vector(v, x.shape());
}
std::string tiny(const Tensor& difference) {
  const double most = number(max(abs(difference)));
  return most < 1e-14 ? "below 1e-14" : shown(most, 2);
}

// [hilbert]
// 1, 1/2, 1/3, ...; each row starts one later.
Tensor hilbert(int64_t n) {
  const Tensor place = iota(n, DType::f64);
  return 1.0 / (expand_dims(place, 1) + place + 1.0);
}
// [end]
// Powers 0, 1, ... of `rows` points from 0 to 1.
Tensor vandermonde(int64_t rows, int64_t columns) {
  std::vector<double> v;
  for (int64_t i = 0; i < rows; ++i) {
    double power = 1;
    for (int64_t j = 0; j < columns; ++j) {
      v.push_back(power);
      power *= static_cast<double>(i) / static_cast<double>(rows - 1);
    }
  }
  return from_vector(v, {rows, columns});
}

// The sums of the rows: what A makes of a vector of ones.
std::vector<double> row_sums(const Tensor& a) {
  const std::vector<double> v = numbers(a);
  const auto columns = static_cast<size_t>(a.shape()[1]);
  std::vector<double> b(v.size() / columns, 0.0);
  for (size_t i = 0; i < v.size(); ++i) b[i / columns] += v[i];
  return b;
}

// How far from ones, against the length of ones.
double distance_from_ones(const std::vector<double>& x) {
  double sum = 0;
  for (const double e : x) sum += (e - 1) * (e - 1);
  const double error = std::sqrt(sum / static_cast<double>(x.size()));
  return std::isnan(error) ? 1 : error;
}

// A^T A x = A^T b, by plain loops and elimination.
std::vector<double> by_normal_equations(const Tensor& a, const std::vector<double>& b) {
  const std::vector<double> v = numbers(a);
  const size_t m = b.size(), n = v.size() / m;
  std::vector<double> square(n * n, 0.0), right(n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < m; ++k) right[i] += v[k * n + i] * b[k];
    for (size_t j = 0; j < n; ++j)
      for (size_t k = 0; k < m; ++k) square[i * n + j] += v[k * n + i] * v[k * n + j];
  }
  return eliminate(square, right);
}

// Of 16 digits.
double digits_lost(double error) {
  return std::clamp(std::log10(error / 1.1e-16), 0.0, 16.0);
}
std::string digits(double lost) {
  return lost > 15.5 ? "all" : text::fixed(lost, 0);
}

// ---------------------------------------------------------------------------- exercises

using Substitution = std::vector<double>(std::span<const double>, std::span<const double>, int);

struct Rules {
  bool from_top = false, divides = true, subtracts = true, uses_known = true, transposed = false,
       through_diagonal = false, divides_first = false;
};
template <Rules rules>
std::vector<double> substituted(std::span<const double> u, std::span<const double> b, int n) {
  std::vector<double> x(b.begin(), b.end());
  for (int step = 0; step < n; ++step) {
    const int i = rules.from_top ? step : n - 1 - step;
    const auto at = [&](int j) {
      return u[static_cast<size_t>(rules.transposed ? j * n + i : i * n + j)];
    };
    double& unknown = x[static_cast<size_t>(i)];
    const double diagonal = u[static_cast<size_t>(i * n + i)];
    if (rules.divides_first) unknown /= diagonal;
    if (rules.uses_known)
      for (int j = rules.through_diagonal ? i : i + 1; j < n; ++j) {
        const double term = at(j) * x[static_cast<size_t>(j)];
        unknown += rules.subtracts ? -term : term;
      }
    if (rules.divides && !rules.divides_first) unknown /= diagonal;
  }
  return x;
}

struct Slip {
  const char* name;
  Substitution* function;
  const char* says;
};
const Slip slips[] = {
    {"from the top down", substituted<Rules{.from_top = true}>,
     "The first row holds every unknown. Which row holds only one?"},
    {"not divided by the diagonal", substituted<Rules{.divides = false}>,
     "What is left of row i is the diagonal entry times the unknown. One step is missing."},
    {"known terms added", substituted<Rules{.subtracts = false}>,
     "Bring the known terms to the other side: there they change their sign."},
    {"known terms forgotten", substituted<Rules{.uses_known = false}>,
     "Only the last row has a single unknown. The others also hold those found before."},
    {"column for row", substituted<Rules{.transposed = true}>,
     "You read below the diagonal, and what stands there does not count. Row i starts at i * n."},
    {"own term subtracted too", substituted<Rules{.through_diagonal = true}>,
     "The diagonal entry belongs to the unknown itself. Start one place to the right."},
    {"divided too early", substituted<Rules{.divides_first = true}>,
     "Subtract the known terms first. What is left is divided, all of it."},
};

struct Case {
  std::vector<double> u, b;
  int n;
};
const Case cases[] = {{{4, 2, 0.5, 2}, {8, 4}, 2},
                      {{2, 1, -1, 3, 4, 2, -2, 1, 5}, {1, 14, 15}, 3},
                      {{3, -2, 7, 0.5}, {5, 1}, 2}};

bool agree(const std::vector<double>& x, const std::vector<double>& y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](double p, double q) { return std::abs(p - q) < 1e-9; });
}

Verdict check_substitution(Substitution* f) {
  const auto run = [](const Case& c, Substitution* g) { return g(c.u, c.b, c.n); };
  const auto listed = [](const std::vector<double>& v) {
    return to_string(from_vector(v)).substr(0, 60);
  };
  for (const Case& c : cases) {
    const std::vector<double> got = run(c, f), want = run(c, back_substitution);
    if (agree(got, want)) continue;
    Verdict no{.where = "u = " + listed(c.u) + ", b = " + listed(c.b),
               .yours = listed(got),
               .expected = listed(want)};
    for (const Slip& s : slips) {
      bool same = true;
      for (const Case& d : cases) same &= agree(run(d, f), run(d, s.function));
      if (!same) continue;
      no.misconception = s.name;
      no.says = s.says;
      break;
    }
    return no;
  }
  return Verdict::passed();
}

Line level(const char* label, const char* colour, double p, double q, double right) {
  Line line{.label = label, .x = {-0.5, 2.5}, .y = {}, .colour = colour};
  for (const double x : line.x) line.y.push_back((right - p * x) / q);
  return line;
}
}  // namespace

LESSON(page) {
  // Elimination.
  // [solve]
  const Tensor A = {{4, 2}, {2, 3}};
  const Tensor b{8, 8};
  const Tensor x = solve(A, b);
  // [end]
  page.bind("A", A);
  page.bind("b", b);
  page.bind("x", clean(x));
  // [factors]
  const auto [P, L, U] = lu(A);
  const auto [Q, R] = qr(A);
  const Tensor C = cholesky(A);
  const Tensor below = triangular_solve(L, matmul(P, b));
  const Tensor again = triangular_solve(U, below, {.lower = false});
  // [end]
  page.bind("below", clean(below));
  page.bind("again", clean(again));
  page.bind("factor", number(element(L, {1, 0})));
  page.bind("L", L);
  page.bind("U", U);
  page.bind("u22", number(element(U, {1, 1})));
  const double factor = number(element(L, {1, 0}));
  page.bind("right2", number(row(b, 1) - factor * row(b, 0)));
  page.bind("y", number(row(clean(x), 1)));
  page.bind("x1", number(row(clean(x), 0)));
  page.table(
      "factors",
      {{"factors", "of which matrices", "what they are", "product minus A"},
       {"P A = L U", "square", "elimination, written down", tiny(matmul(P, A) - matmul(L, U))},
       {"A = C C^T", "symmetric, all stretches positive", "half the work of LU",
        tiny(A - matmul(C, transpose(C)))},
       {"A = Q R", "any shape", "right angles, then a triangle", tiny(A - matmul(Q, R))}});

  // Nearly parallel.
  const double gap = page.set("gap", 0.1);
  const Tensor N = {{1, 1}, {1, 1 + gap}};
  const Tensor right{2, 2 + gap}, moved{2, 2 + 2 * gap};
  page.bind("N", N);
  page.bind("right", right);
  page.bind("moved", moved);
  const Tensor before = clean(solve(N, right));
  const Tensor after = clean(solve(N, moved));
  page.bind("before", before);
  page.bind("after", after);
  const double in = number(norm(moved - right) / norm(right)),
               out = number(norm(after - before) / norm(before));
  page.bind("in_percent", 100 * in, 1);
  page.bind("out_percent", 100 * out, 1);
  page.bind("amplified", out / in, 1);
  page.bind("condition_N", number(cond(N)), 1);
  page.bind("condition_A", number(cond(A)), 2);
  page.picture("lines", Plot{.id = "lines",
                             .title = "Two lines that cross at a small angle; one of them moved",
                             .x_label = "first unknown",
                             .lines = {level("first", "var(--ink)", 1, 1, 2),
                                       level("second", "var(--accent)", 1, 1 + gap, 2 + gap),
                                       level("moved", "var(--muted)", 1, 1 + gap, 2 + 2 * gap)}});

  // The condition number.
  // [cond]
  const double stretched = number(cond(diag(Tensor{1000, 1})));
  const double of_hilbert = number(cond(hilbert(8)));
  const double in_one = number(cond(hilbert(8), CondNorm::one));
  // [end]
  page.bind("stretched", stretched);
  page.bind("of_hilbert", of_hilbert);
  page.bind("in_one", in_one);
  page.bind("in_inf", number(cond(hilbert(8), CondNorm::inf)));
  page.bind("in_frobenius", number(cond(hilbert(8), CondNorm::frobenius)));
  page.bind("hilbert3", hilbert(3));
  page.bind("eight", int64_t{8});
  page.bind("hilbert_digits", std::log10(of_hilbert), 1);
  Table ratios{{"matrix", "ratio of eigenvalue sizes", "condition number"}};
  for (const Tensor& m :
       {Tensor{{1000, 0}, {0, 1}}, A, Tensor{{1, 1000}, {0, 1}}, Tensor{{0, -1}, {1, 0}}}) {
    const Eig e = eig(m);
    const Tensor sizes = sqrt(square(e.re) + square(e.im));
    const std::vector<double> v = numbers(m);
    ratios.push_back(
        {"[[" + shown(v[0]) + ", " + shown(v[1]) + "], [" + shown(v[2]) + ", " + shown(v[3]) + "]]",
         shown(number(max(sizes) / min(sizes)), 2), shown(number(cond(m)), 2)});
  }
  page.table("ratios", ratios);
  page.bind("sheared", number(cond(Tensor{{1, 1000}, {0, 1}})), 2);

  // Digits lost.
  Line foretold{.label = "foretold", .x = {}, .y = {}, .colour = "var(--ink)"};
  Line eliminated{.label = "elimination", .x = {}, .y = {}, .colour = "var(--accent)"};
  Line squared{.label = "normal equations", .x = {}, .y = {}, .colour = "var(--muted)"};
  for (int64_t n = 2; n <= 11; ++n) {
    const Tensor H = hilbert(n);
    const std::vector<double> sums = row_sums(H), s = numbers(svdvals(H));
    for (Line* line : {&foretold, &eliminated, &squared}) line->x.push_back(static_cast<double>(n));
    foretold.y.push_back(std::log10(s.front() / s.back()));
    eliminated.y.push_back(digits_lost(distance_from_ones(eliminate(numbers(H), sums))));
    squared.y.push_back(digits_lost(distance_from_ones(by_normal_equations(H, sums))));
  }
  page.picture("digits", Plot{.id = "digits",
                              .title = "Digits lost in solving with Hilbert matrices, of 16",
                              .x_label = "rows of the matrix",
                              .lines = {foretold, eliminated, squared},
                              .from_zero = true,
                              .dots = true});
  const Tensor H = hilbert(11);
  const std::vector<double> sums = row_sums(H), by_hand = eliminate(numbers(H), sums);
  page.bind("eleven", int64_t{11});
  page.bind("worst", text::significant(distance_from_ones(by_hand), 1));
  const double residual =
      number(norm(matmul(H, from_vector(by_hand)) - from_vector(sums)) / norm(from_vector(sums)));
  page.bind("residual", residual < 1e-15 ? "less than 1e-15" : text::significant(residual, 1));

  // Three methods.
  Table methods{{"matrix", "condition", "it can eat", "normal equations", "QR", "SVD"}};
  const auto compare = [&](const std::string& name, const Tensor& m) {
    const std::vector<double> y = row_sums(m);
    const Conditioning c = compare_solvers(m, from_vector(y));
    methods.push_back({name, text::significant(c.condition, 2),
                       digits(std::min(std::log10(c.condition), 16.0)),
                       digits(digits_lost(distance_from_ones(by_normal_equations(m, y)))),
                       digits(digits_lost(c.reflections)), digits(digits_lost(c.singular))});
  };
  for (const int64_t n : {4, 6, 8}) compare("Hilbert, " + std::to_string(n), hilbert(n));
  for (const int64_t n : {4, 8, 12})
    compare("Vandermonde, 20 by " + std::to_string(n), vandermonde(20, n));
  page.table("methods", methods);

  // A good problem, a bad method.
  const double speck = 1e-20;
  const std::vector<double> small{speck, 1, 1, 1}, two{1, 2};
  page.bind("speck", speck);
  page.bind("speck_condition", number(cond(from_vector(small, {2, 2}))), 2);
  page.bind("no_exchange", from_vector(without_exchange(small, two)));
  page.bind("exchange", clean(from_vector(eliminate(small, two))));

  // Large and symmetric.
  // [iterate]
  const auto product = [&](const Tensor& v) { return matmul(A, v); };
  const ConjugateGradient step_by_step = conjugate_gradient(product, b);
  // [end]
  page.bind("cg_steps", step_by_step.steps);
  page.bind("cg_x", clean(step_by_step.x));
  // [least]
  const Tensor tall = {{1, 0}, {1, 1}, {1, 2}};
  const Tensor heights{1, 2, 4};
  const Tensor line = lstsq(tall, heights);
  // [end]
  page.bind("heights", heights);
  page.bind("line", clean(line));

  page.exercise(Predict{
      .name = "eliminate-one",
      .answer = 3,
      .wrong = {{1, "the other unknown", "This is y. Put it into the first equation."},
                {4, "sign on the way back", "2 x is 7 minus y, not 7 plus y."},
                {3.5, "known term forgotten", "y is not 0. The first equation says 2 x + y = 7."},
                {6, "not divided", "This is 2 x."},
                {2.0 / 3, "right side left alone",
                 "What you do to the left side you do to the right side: 17 becomes 17 - 14."},
                {9.0 / 7, "rows added",
                 "You added twice the first equation. Subtract it, and x is gone."}}});
  page.exercise(Predict{
      .name = "digits-that-remain",
      .answer = 10,
      .wrong = {
          {6, "digits lost for digits left", "These are the ones that are lost. How many remain?"},
          {16, "nothing lost",
           "16 digits go in. The condition number says how many do not come out."},
          {4, "condition squared",
           "That is what the normal equations leave. Nobody squared the matrix here."},
          {22, "digits gained", "Solving cannot add digits. Subtract."},
          {2.667, "digits divided",
           "Digits are counted by logarithms: factors become differences, not quotients."},
          {1e6, "condition itself", "This is the factor on the error. How many digits is it?"}}});
  page.exercise(Choose{
      .name = "which-solver",
      .answer = "qr",
      .choices = {
          {"qr", "least squares by QR in f64", "", ""},
          {"normal", "the normal equations in f64, they are quicker", "condition squared",
           "The square of 1e8 is 1e16: every one of 16 digits can be lost. Quicker, and wrong."},
          {"inverse", "(X^T X)^-1 X^T y with an inverse in f64", "inverse taken for safer",
           "It squares the condition as well, and the inverse adds work and rounding."},
          {"qr-f32", "least squares by QR in f32", "digits of f32 overrated",
           "f32 has about 7 digits, and the matrix can eat 8."},
          {"lu", "elimination on X itself", "more rows than columns",
           "X has 10,000 rows and 20 columns. Elimination solves square systems."},
          {"shift", "add 1 to the diagonal of X^T X, then solve", "question changed",
           "That is ridge regression: a fine method for another question. Its answer is not the "
           "one of least squares."},
          {"det", "Cramer's rule, with determinants", "determinants taken for cheap",
           "It needs square systems, far more work, and loses more digits."}}});
  Fill<Substitution> fill{
      .name = "back-substitution", .solution = back_substitution, .check = check_substitution};
  for (const Slip& slip : slips) fill.wrong.push_back({slip.name, slip.function});
  page.exercise(std::move(fill));
}
