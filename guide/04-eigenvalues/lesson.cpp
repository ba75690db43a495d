// A matrix as a rubber sheet: directions that only stretch, what repeating does, and when
// eigenvalues are the wrong numbers to look at.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---- two by two ----

// One eigenvalue with its direction, both perhaps complex.
struct Own {
  double re = 0, im = 0;
  double x_re = 0, y_re = 0, x_im = 0, y_im = 0;
  double size() const { return std::hypot(re, im); }
};

// The pair of a 2 x 2 matrix, the larger size first; a real direction has its last element
// positive.
std::pair<Own, Own> own_pair(const Tensor& a) {
  const Eig e = eig(a);
  const std::vector<double> re = numbers(e.re), im = numbers(e.im);
  const std::vector<double> v = numbers(e.vectors_re), w = numbers(e.vectors_im);
  Own own[2];
  const auto clean = [](double x) { return std::abs(x) < 1e-12 ? 0.0 : x; };
  for (size_t j = 0; j < 2; ++j) {
    const double up = clean(v[2 + j]);
    const double sign = im[j] == 0 && (up < 0 || (up == 0 && v[j] < 0)) ? -1 : 1;
    own[j] = {re[j],       im[j],          clean(sign * v[j]), clean(sign * v[2 + j]),
              clean(w[j]), clean(w[2 + j])};
  }
  if (own[1].size() > own[0].size()) std::swap(own[0], own[1]);
  return {own[0], own[1]};
}

std::string value_text(const Own& o) {
  if (o.im == 0) return shown(o.re, 3);
  const std::string im = shown(std::abs(o.im), 3);
  const std::string unit = (im == "1" ? "" : im) + "i";
  if (std::abs(o.re) < 1e-12) return (o.im < 0 ? "-" : "") + unit;
  return shown(o.re, 3) + (o.im < 0 ? " - " : " + ") + unit;
}

// Degrees between the two directions: 90 at right angles, 0 where they are one.
double angle_between(const Own& a, const Own& b) {
  const double re = a.x_re * b.x_re + a.x_im * b.x_im + a.y_re * b.y_re + a.y_im * b.y_im;
  const double im = a.x_re * b.x_im - a.x_im * b.x_re + a.y_re * b.y_im - a.y_im * b.y_re;
  return std::acos(std::min(1.0, std::hypot(re, im))) * 180 / std::numbers::pi;
}

std::string pair_text(const Tensor& p) {
  const std::vector<double> at = numbers(p);
  return "(" + shown(at[0]) + ", " + shown(at[1]) + ")";
}

bool one_line(const Own& a, const Own& b) {
  return a.im == 0 && angle_between(a, b) < 1e-3;
}

std::string direction_text(const Own& o) {
  return "(" + shown(o.x_re) + ", " + shown(o.y_re) + ")";
}

// What the values and directions say about the sheet.
std::string kind_of(const Own& a, const Own& b) {
  if (a.im != 0) return "the sheet turns every arrow, and none keeps its line";
  if (one_line(a, b))
    return "the sheet is defective, " + direction_text(a) + " is its only line where two are due";
  return "the sheet has two special lines, " + direction_text(a) + " for the first and " +
         direction_text(b) + " for the second";
}

// The circle, what becomes of it, and the directions that keep their line.
Plot rubber_sheet(const Tensor& a) {
  const std::vector<double> m = numbers(a);
  Line circle{.label = "circle", .faint = true}, image{.label = "its image"};
  image.colour = "var(--accent)";
  for (int i = 0; i <= 96; ++i) {
    const double t = 2 * std::numbers::pi * i / 96, x = std::cos(t), y = std::sin(t);
    circle.x.push_back(x);
    circle.y.push_back(y);
    image.x.push_back(m[0] * x + m[1] * y);
    image.y.push_back(m[2] * x + m[3] * y);
  }
  double reach = 1;
  for (const double v : image.x) reach = std::max(reach, std::abs(v) / 1.25);
  for (const double v : image.y) reach = std::max(reach, std::abs(v));
  reach *= 1.06;
  Plot plot{.id = "sheet",
            .title = "The unit circle, its image, and the directions that keep their line",
            .lines = {}};
  plot.height = 320;
  plot.y_low = -reach;
  plot.y_high = reach;
  plot.lines.push_back({.label = {}, .x = {-1.25 * reach, 1.25 * reach}, .y = {0, 0}});
  plot.lines.push_back({.label = {}, .x = {0, 0}, .y = {-reach, reach}});
  for (Line& axis : plot.lines) {
    axis.faint = true;
    axis.colour = "var(--line)";
  }
  plot.lines.push_back(circle);
  plot.lines.push_back(image);
  const auto [first, second] = own_pair(a);
  for (const Own* o : {&first, &second}) {
    if (o->im != 0 || (o == &second && one_line(first, second))) continue;
    const double s = std::abs(o->re);
    plot.lines.push_back({.label = "x " + shown(o->re, 2),
                          .x = {-s * o->x_re, s * o->x_re},
                          .y = {-s * o->y_re, s * o->y_re}});
  }
  return plot;
}

double frobenius(const Tensor& a) {
  return number(norm(a));
}

// ---- power iteration ----

using Dominant = double(const std::vector<double>&, std::size_t, int);

// [solution largest-eigenvalue]
// The eigenvalue of largest size of a (n x n, row after row), with its sign.
double largest_eigenvalue(const std::vector<double>& a, std::size_t n, int steps) {
  std::vector<double> x(n), y(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = 1.0 / (1.0 + static_cast<double>(i));
  double value = 0;
  for (int k = 0; k < steps; ++k) {
    // y = A x
    for (std::size_t i = 0; i < n; ++i) {
      y[i] = 0;
      for (std::size_t j = 0; j < n; ++j) y[i] += a[i * n + j] * x[j];
    }
    // Now: the value from x and y, and the x of the next step.
    // [hole value = y[0];]
    double xx = 0, xy = 0, yy = 0;
    for (std::size_t i = 0; i < n; ++i) {
      xx += x[i] * x[i];
      xy += x[i] * y[i];
      yy += y[i] * y[i];
    }
    value = xy / xx;
    for (std::size_t i = 0; i < n; ++i) x[i] = y[i] / std::sqrt(yy);
    // [end hole]
  }
  return value;
}
// [end]

// Power iteration whose two choices are given: the value, and by what the next x is divided.
template <class Value, class Scale>
double iterate(const std::vector<double>& a, std::size_t n, int steps, const Value& value_of,
               const Scale& scale_of) {
  std::vector<double> x(n), y(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = 1.0 / (1.0 + static_cast<double>(i));
  double value = 0;
  for (int k = 0; k < steps; ++k) {
    for (std::size_t i = 0; i < n; ++i) {
      y[i] = 0;
      for (std::size_t j = 0; j < n; ++j) y[i] += a[i * n + j] * x[j];
    }
    value = value_of(x, y);
    const double scale = scale_of(y);
    for (std::size_t i = 0; i < n; ++i) x[i] = y[i] / scale;
  }
  return value;
}

using List = std::vector<double>;
double inner(const List& x, const List& y) {
  double s = 0;
  for (size_t i = 0; i < x.size(); ++i) s += x[i] * y[i];
  return s;
}
double rayleigh(const List& x, const List& y) {
  return inner(x, y) / inner(x, x);
}
double length(const List& x) {
  return std::sqrt(inner(x, x));
}
double largest_entry(const List& x) {
  double top = 0;
  for (const double v : x) top = std::max(top, std::abs(v));
  return top;
}

struct PowerSlip {
  const char *name, *says;
  Dominant* function;
};
constexpr PowerSlip power_slips[] = {
    {"never rescaled",
     "x grows by the eigenvalue in every step, and after enough steps it leaves the range of a "
     "double. Divide it by its length.",
     [](const List& a, size_t n, int steps) {
       return iterate(a, n, steps, rayleigh, [](const List&) { return 1.0; });
     }},
    {"length for value",
     "A length is never negative, and an eigenvalue may be. Compare the direction of A x with that "
     "of x.",
     [](const List& a, size_t n, int steps) {
       return iterate(
           a, n, steps, [](const List& x, const List& y) { return length(y) / length(x); }, length);
     }},
    {"one entry trusted",
     "You divided the first entries. Where the eigenvector has a zero there, they say nothing. Use "
     "all entries.",
     [](const List& a, size_t n, int steps) {
       return iterate(
           a, n, steps, [](const List& x, const List& y) { return y[0] / x[0]; }, length);
     }},
    {"rescaled by the sum",
     "The entries can add up to zero, or nearly, while x is as long as ever. Divide by the length.",
     [](const List& a, size_t n, int steps) {
       return iterate(a, n, steps, rayleigh, [](const List& y) {
         double s = 0;
         for (const double v : y) s += v;
         return s;
       });
     }},
    {"never repeated",
     "This is the stretch along the first x. Each step has to go on from the A x of the step "
     "before.",
     [](const List& a, size_t n, int) { return iterate(a, n, 1, rayleigh, length); }},
    {"not divided by the length squared",
     "x is scaled to largest entry 1, not to length 1. Then x . A x is the eigenvalue times x . x.",
     [](const List& a, size_t n, int steps) { return iterate(a, n, steps, inner, largest_entry); }},
    {"diagonal read", "The diagonal holds the eigenvalues only if one triangle beside it is zero.",
     [](const List& a, size_t n, int) {
       double top = a[0];
       for (size_t i = 0; i < n; ++i)
         if (std::abs(a[i * n + i]) > std::abs(top)) top = a[i * n + i];
       return top;
     }},
};

struct PowerCase {
  const char* where;
  List a;
  size_t n;
  int steps;
};

Verdict check_power(Dominant* f) {
  const PowerCase cases[] = {
      {"A = [[4, 2], [1, 3]], 60 steps", {4, 2, 1, 3}, 2, 60},
      {"A = [[-3, 1], [1, -2]], 200 steps", {-3, 1, 1, -2}, 2, 200},
      {"A = [[1, 0], [0, 3]], 80 steps", {1, 0, 0, 3}, 2, 80},
      {"A = [[4, 2], [1, 3]], 2000 steps", {4, 2, 1, 3}, 2, 2000},
      {"A = [[2, -1], [-1, 2]], 1000 steps", {2, -1, -1, 2}, 2, 1000},
      {"A = [[2, 1, 0], [1, 3, 1], [0, 1, 4]], 200 steps", {2, 1, 0, 1, 3, 1, 0, 1, 4}, 3, 200}};
  const auto same = [](double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || a == b || std::abs(a - b) <= 1e-6 * std::abs(b);
  };
  List got;
  for (const PowerCase& c : cases) got.push_back(f(c.a, c.n, c.steps));
  for (size_t i = 0; i < got.size(); ++i) {
    const PowerCase& c = cases[i];
    const double want = largest_eigenvalue(c.a, c.n, c.steps);
    if (same(got[i], want)) continue;
    Verdict no{.where = c.where, .yours = shown(got[i], 6), .expected = shown(want, 6)};
    for (const PowerSlip& s : power_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k)
        all &= same(got[k], s.function(cases[k].a, cases[k].n, cases[k].steps));
      if (!all) continue;
      no.misconception = s.name;
      no.says = s.says;
      break;
    }
    return no;
  }
  return Verdict::passed();
}

// ---- weights ----

using WeightVerdict = std::string(double, double, double, double);

// [solution weight-verdict]
// [include <string>]
// What repeated multiplication by [[a, b], [c, d]] does to arrows: "explodes",
// "fades" or "swells".
std::string weight_verdict(double a, double b, double c, double d) {
  const double det = a * d - b * c, sum = a * a + b * b + c * c + d * d;
  // The most that one multiplication can lengthen an arrow.
  const double stretch = std::sqrt((sum + std::sqrt(std::fmax(0, sum * sum - 4 * det * det))) / 2);
  // The eigenvalues are half + sqrt(under) and half - sqrt(under).
  const double half = (a + d) / 2, under = half * half - det;
  // [hole return stretch + under > 1e300 ? "explodes" : "fades";]
  const double radius = under >= 0 ? std::fabs(half) + std::sqrt(under) : std::sqrt(det);
  if (radius > 1) return "explodes";
  return stretch > 1 ? "swells" : "fades";
  // [end hole]
}
// [end]

struct Square {
  double a, b, c, d;
  double det() const { return a * d - b * c; }
  double half() const { return (a + d) / 2; }
  double under() const { return half() * half() - det(); }
  double stretch() const {
    const double sum = a * a + b * b + c * c + d * d;
    return std::sqrt((sum + std::sqrt(std::fmax(0, sum * sum - 4 * det() * det()))) / 2);
  }
  double radius() const {
    return under() >= 0 ? std::fabs(half()) + std::sqrt(under()) : std::sqrt(det());
  }
};
std::string named(double radius, double stretch) {
  return radius > 1 ? "explodes" : stretch > 1 ? "swells" : "fades";
}

struct WeightSlip {
  const char *name, *says;
  WeightVerdict* function;
};
constexpr WeightSlip weight_slips[] = {
    {"stretch decides",
     "One multiplication can stretch by more than 1 and the power still die out. What happens in "
     "the long run is said by the eigenvalues.",
     [](double a, double b, double c, double d) -> std::string {
       return Square{a, b, c, d}.stretch() > 1 ? "explodes" : "fades";
     }},
    {"eigenvalues decide alone",
     "This matrix has eigenvalues inside the unit circle, and still makes some arrow longer before "
     "it dies. Look at the stretch as well.",
     [](double a, double b, double c, double d) -> std::string {
       return Square{a, b, c, d}.radius() > 1 ? "explodes" : "fades";
     }},
    {"sign taken for size",
     "You took the larger eigenvalue. What counts is the one of larger size: -1.2 grows too, and "
     "turns round each time.",
     [](double a, double b, double c, double d) {
       const Square w{a, b, c, d};
       const double u = w.under();
       return named(u >= 0 ? w.half() + std::sqrt(u) : std::sqrt(w.det()), w.stretch());
     }},
    {"imaginary part left out",
     "Here the eigenvalues are complex. The size of half + i s is sqrt(half^2 + s^2), not |half|.",
     [](double a, double b, double c, double d) {
       const Square w{a, b, c, d};
       return named(std::fabs(w.half()) + std::sqrt(std::fmax(0, w.under())), w.stretch());
     }},
    {"root of a negative number",
     "Below the root stands a negative number here, and std::sqrt makes NaN of it. The eigenvalues "
     "are complex: their size is sqrt(det).",
     [](double a, double b, double c, double d) {
       const Square w{a, b, c, d};
       return named(std::fabs(w.half()) + std::sqrt(w.under()), w.stretch());
     }},
    {"determinant decides",
     "The determinant is the product of the eigenvalues. One can be large while the product is "
     "small.",
     [](double a, double b, double c, double d) {
       const Square w{a, b, c, d};
       return named(std::fabs(w.det()), w.stretch());
     }},
    {"entries decide",
     "Look at [[0.6, 0.6], [0.6, 0.6]]: every entry is below 1, and it grows by 1.2 in each step.",
     [](double a, double b, double c, double d) {
       return named(
           std::fmax(std::fmax(std::fabs(a), std::fabs(b)), std::fmax(std::fabs(c), std::fabs(d))),
           Square{a, b, c, d}.stretch());
     }},
    {"two words exchanged",
     "Swelling ends, exploding does not. Which of the two does an eigenvalue above 1 mean?",
     [](double a, double b, double c, double d) -> std::string {
       const std::string right = weight_verdict(a, b, c, d);
       return right == "explodes" ? "swells" : right == "swells" ? "explodes" : right;
     }},
};

// Known cases first, then generated ones that are clear of both limits.
std::vector<Square> weight_matrices() {
  std::vector<Square> out = {{0.9, 5, 0, 0.9},      {1.2, 0, 0, 0.4},  {-1.2, 0, 0, 0.3},
                             {0.8, -0.8, 0.8, 0.8}, {0, -0.9, 0.9, 0}, {0.6, 0.6, 0.6, 0.6},
                             {0, 3, 0, 0},          {0.5, 0, 0, 0.5},  {0.3, -2, 0.4, 0.3}};
  const std::vector<double> draws =
      numbers(0.8 * random_normal(key_tensor(key_from_seed(17)), {160}));
  for (size_t i = 0; i + 3 < draws.size(); i += 4) {
    const Square w{draws[i], draws[i + 1], draws[i + 2], draws[i + 3]};
    if (std::abs(w.radius() - 1) > 0.02 && std::abs(w.stretch() - 1) > 0.02) out.push_back(w);
  }
  return out;
}

Verdict check_weights(WeightVerdict* f) {
  const std::vector<Square> matrices = weight_matrices();
  std::vector<std::string> got;
  for (const auto& [a, b, c, d] : matrices) got.push_back(f(a, b, c, d));
  for (size_t i = 0; i < got.size(); ++i) {
    const auto& [a, b, c, d] = matrices[i];
    const std::string want = weight_verdict(a, b, c, d);
    if (got[i] == want) continue;
    Verdict no{
        .where = "[[" + shown(a) + ", " + shown(b) + "], [" + shown(c) + ", " + shown(d) + "]]",
        .yours = got[i].substr(0, 40),
        .expected = want};
    for (const WeightSlip& s : weight_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size() && all; ++k)
        all = got[k] == s.function(matrices[k].a, matrices[k].b, matrices[k].c, matrices[k].d);
      if (!all) continue;
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
  const auto bind_matrix = [&](const std::string& name, const Tensor& m) {
    const std::vector<double> v = numbers(m);
    const char* places[] = {"11", "12", "21", "22"};
    for (size_t i = 0; i < 4; ++i) page.bind(name + places[i], v[i]);
  };

  // One sheet.
  const Tensor A = page.set("A", Tensor{{4, 2}, {1, 3}});
  bind_matrix("a", A);
  const auto [first, second] = own_pair(A);
  page.bind("trace", number(trace(A)));
  page.bind("det", number(det(A)));
  page.bind("value1", value_text(first));
  page.bind("value2", value_text(second));
  page.bind("kind", kind_of(first, second));
  // [eig]
  const Eig e = eig(A);
  const Tensor V = e.vectors_re;
  // A V - V diag(w): one column for each pair, zero up to rounding.
  const Tensor left = matmul(A, V) - (V * e.re - e.vectors_im * e.im);
  // [end]
  const double residual = number(max(abs(left)));
  page.bind("residual",
            residual < 1e-12 * std::max(1.0, frobenius(A)) ? "below 1e-12" : shown(residual));
  const Tensor arrow{first.x_re, first.y_re};
  page.bind("by_hand", first.im != 0 ? "a complex eigenvalue has no arrow in the plane to check"
                                     : "the matrix takes " + direction_text(first) + " to " +
                                           pair_text(matmul(A, arrow)) +
                                           ", the same line, stretched by " + value_text(first));
  page.picture("sheet", rubber_sheet(A));

  // Six sheets.
  struct Named {
    const char* name;
    Tensor a;
    const char* does;
  };
  const Named sheets[] = {{"stretch", Tensor{{2, 0}, {0, 0.5}}, "longer across, shorter up"},
                          {"symmetric", Tensor{{2, 1}, {1, 2}}, "at right angles"},
                          {"ours", Tensor{{4, 2}, {1, 3}}, "two slanted lines"},
                          {"quarter turn", Tensor{{0, -1}, {1, 0}}, "only turns"},
                          {"spiral", Tensor{{0.8, -0.8}, {0.8, 0.8}}, "turns and grows"},
                          {"shear", Tensor{{1, 1}, {0, 1}}, "one line: defective"}};
  Table kinds{{"sheet", "eigenvalues", "sizes", "degrees", "what it does"}};
  for (const Named& s : sheets) {
    const auto [a, b] = own_pair(s.a);
    kinds.push_back({s.name, value_text(a) + " and " + value_text(b),
                     shown(a.size(), 3) + ", " + shown(b.size(), 3),
                     a.im != 0 ? "none" : text::fixed(angle_between(a, b), 1), s.does});
  }
  page.table("kinds", kinds);

  // A symmetric one.
  const Tensor S{{2, 1}, {1, 2}};
  bind_matrix("s", S);
  // [eigh]
  const Eigh symmetric = eigh(S);
  const Tensor Q = symmetric.vectors;
  const Tensor rebuilt = matmul(Q * symmetric.values, transpose(Q));
  // [end]
  const auto tiny = [](double x) { return std::string(x < 1e-12 ? "below 1e-12" : shown(x)); };
  page.bind("s_values", symmetric.values);
  page.bind("orthonormal", tiny(number(max(abs(matmul(transpose(Q), Q) - eye(2))))));
  page.bind("rebuilt", tiny(number(max(abs(rebuilt - S)))));

  // Again and again.
  const Tensor M{{4, 2}, {1, 3}};
  Tensor x{0, 1};
  Table steps{{"step", "direction of x", "stretch", "degrees off", "of the step before"}};
  double before = 0;
  for (int k = 0; k <= 6; ++k) {
    const std::vector<double> at = numbers(x);
    const double off =
        std::abs(std::atan2(at[1], at[0]) - std::atan2(1.0, 2.0)) * 180 / std::numbers::pi;
    const Tensor next = matmul(M, x);
    const double size = number(norm(next));
    steps.push_back({std::to_string(k), "(" + shown(at[0]) + ", " + shown(at[1]) + ")", shown(size),
                     text::fixed(off, 3), k == 0 ? "" : text::fixed(off / before, 3)});
    before = off;
    x = next / size;
  }
  page.table("steps", steps);
  // [power]
  const PowerIteration found = power_iteration([&](const Tensor& v) { return matmul(M, v); }, 2);
  // [end]
  page.bind("found", found.value, 6);
  page.bind("found_steps", found.steps);
  page.bind("found_rate", found.rate, 2);
  page.bind("rate", 2.0 / 5.0);
  page.bind("shrink", 0.9);
  page.bind("grow", 1.1);
  page.bind("fifty", int64_t{50});
  page.bind("shrunk", std::pow(0.9, 50), 6);
  page.bind("grown", std::pow(1.1, 50), 2);

  // The hump.
  // [hump]
  const Tensor N{{0.9, 5}, {0, 0.9}};
  std::vector<double> sizes;
  for (int64_t k = 0; k <= 100; ++k) sizes.push_back(number(norm(matrix_power(N, k))));
  // [end]
  const size_t peak =
      static_cast<size_t>(std::max_element(sizes.begin(), sizes.end()) - sizes.begin());
  const double stretch = number(spectral_norm(N));
  const auto [n_first, n_second] = own_pair(N);
  bind_matrix("n", N);
  page.bind("n_radius", n_first.size());
  page.bind("n_ratio", n_first.size() / n_second.size());
  page.bind("n_cond", number(cond(N)), 2);
  page.bind("n_stretch", stretch, 3);
  page.bind("n_peak", sizes[peak], 2);
  page.bind("n_peak_at", static_cast<int64_t>(peak));
  page.bind("n_late", sizes[100]);
  page.bind("n_late_at", int64_t{100});
  Plot hump{.id = "hump",
            .title = "The size of the power number k: measured, and as the eigenvalue foretells",
            .x_label = "k",
            .lines = {},
            .log = true};
  Line measured{.label = "size of N^k", .colour = "var(--accent)"}, foretold{.label = "0.9^k"};
  for (size_t k = 0; k < sizes.size(); ++k) {
    measured.x.push_back(static_cast<double>(k));
    measured.y.push_back(sizes[k]);
    foretold.x.push_back(static_cast<double>(k));
    foretold.y.push_back(std::pow(0.9, static_cast<double>(k)));
  }
  hump.lines = {measured, foretold};
  page.picture("hump", hump);

  // A layer as it is initialised.
  const double gain = page.set("gain", 1.0);
  constexpr int64_t width = 64, depth = 50;
  // [layer]
  const Tensor keys = split(key_tensor(key_from_seed(3)), iota(depth));
  const Tensor layers = gain / 8.0 * random_normal(keys, {width, width});
  const Tensor W = row(layers, 0);
  const Eig spectrum = eig(W);
  const double radius = number(max(sqrt(square(spectrum.re) + square(spectrum.im))));
  // [end]
  Line ring{.label = "size 1", .faint = true}, dots{.label = "eigenvalues"};
  dots.colour = "var(--accent)";
  for (int i = 0; i <= 96; ++i) {
    ring.x.push_back(std::cos(2 * std::numbers::pi * i / 96));
    ring.y.push_back(std::sin(2 * std::numbers::pi * i / 96));
  }
  const std::vector<double> re = numbers(spectrum.re), im = numbers(spectrum.im);
  for (size_t i = 0; i < re.size(); ++i) {
    dots.x.insert(dots.x.end(), {re[i], std::nan("")});
    dots.y.insert(dots.y.end(), {im[i], std::nan("")});
  }
  const double reach = 1.1 * std::max(1.0, radius);
  Line wide{.label = {}, .x = {-1.25 * reach, 1.25 * reach}, .y = {0, 0}, .colour = "var(--line)"};
  wide.faint = true;
  Plot plane{.id = "plane",
             .title =
                 "The eigenvalues of a layer in the complex plane: real part across, "
                 "imaginary part up",
             .lines = {}};
  plane.lines = {wide, ring, dots};
  plane.dots = true;
  plane.height = 320;
  plane.y_low = -reach;
  plane.y_high = reach;
  page.picture("plane", plane);
  Tensor same = ones({width}) / 8.0, other = same;
  double log_same = 0, log_other = 0;
  for (int64_t k = 0; k < depth; ++k) {
    const Tensor a = matmul(W, same), b = matmul(row(layers, k), other);
    log_same += std::log(number(norm(a)));
    log_other += std::log(number(norm(b)));
    same = a / norm(a);
    other = b / norm(b);
  }
  page.bind("width", width);
  page.bind("depth", depth);
  page.bind("gain", gain);
  page.bind("radius", radius, 3);
  page.bind("sigma", number(spectral_norm(W)), 3);
  page.bind("growth_same", std::exp(log_same / depth), 3);
  page.bind("growth_other", std::exp(log_other / depth), 3);

  page.exercise(Predict{
      .name = "larger-eigenvalue",
      .answer = 6,
      .wrong = {
          {1, "smaller one", "This is the other eigenvalue. The larger one was asked for."},
          {7, "sum for value", "This is the trace: both eigenvalues together."},
          {5, "diagonal read",
           "The diagonal holds the eigenvalues only if one triangle beside it is zero."},
          {-6, "signs turned round",
           "The two numbers add up to the trace, which is positive here."},
          {3.5, "half the trace", "This lies in the middle between the two."},
          {9.75, "root not taken",
           "Under the root stands 49/4 - 6, which is 25/4. Take its root before you add it to "
           "half the trace."},
          {36, "squared", "This is the square: what the matrix does in two steps."}}});
  page.exercise(Choose{
      .name = "what-becomes-of-the-state",
      .answer = "hump",
      .choices = {
          {"hump", "it can grow at first, and dies out in the end", {}, {}},
          {"dies", "it shrinks in every step", "eigenvalues taken for the stretch of a step",
           "Try the arrow (0, 1): one step makes it (5, 0.9), more than five times as long."},
          {"explodes", "it grows for ever, since a step can stretch by more than 5",
           "stretch of a step taken for the long run",
           "A step can stretch that much, but not the next step again: the arrow has turned. Count "
           "what is left after 100 steps."},
          {"steady", "it keeps its length", "eigenvalue taken for 1",
           "The eigenvalue is 0.9, and 0.9 to the power 50 is small."},
          {"circles", "it turns round and round", "complex eigenvalues assumed",
           "A triangular matrix has its eigenvalues on the diagonal, and these are real."},
          {"half", "one half of all states die, the other half grow", "two eigenvalues assumed",
           "Both eigenvalues are 0.9. There is no eigenvalue above 1 that could grow for ever."}}});
  page.exercise(Predict{
      .name = "pace-of-power-iteration",
      .answer = 0.9,
      .wrong = {
          {0.1, "smallest over largest",
           "The part that dies last belongs to the second largest value, not to the "
           "smallest."},
          {10.0 / 9, "ratio turned round", "An error that shrinks has a factor below 1."},
          {0.81, "squared",
           "So fast does the value settle where the matrix is symmetric. The direction has "
           "the plain ratio."},
          {10, "largest alone",
           "The arrow grows by this. The error is what the other parts are beside it."},
          {9, "second alone", "Compare it with what the largest value does in the same step."},
          {0.4, "ratio of the page", "This is the ratio for the matrix of the page."}}});
  Fill<Dominant> power{
      .name = "largest-eigenvalue", .solution = largest_eigenvalue, .check = check_power};
  for (const PowerSlip& s : power_slips) power.wrong.push_back({s.name, s.function});
  page.exercise(std::move(power));
  Fill<WeightVerdict> weights{
      .name = "weight-verdict", .solution = weight_verdict, .check = check_weights};
  for (const WeightSlip& s : weight_slips) weights.wrong.push_back({s.name, s.function});
  page.exercise(std::move(weights));
}
