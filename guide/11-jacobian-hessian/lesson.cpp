// Jacobians, Hessians and their eigenvalues; what they say about a point where the slope is zero.
#include <gradus/base/text.h>
#include <gradus/core/work.h>
#include <gradus/lessons/page.h>
#include <gradus/linalg/spectral.h>
#include <gradus/optim/critical.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// [rosenbrock]
Tensor rosenbrock(const Tensor& p) {
  const Tensor x = row(p, 0), y = row(p, 1);
  return 100.0 * square(y - square(x)) + square(1.0 - x);
}
// [end]

// [critical]
// Three ways up and three ways down: room for two legs and a tail.
Tensor monkey(const Tensor& p) {
  const Tensor x = row(p, 0), y = row(p, 1);
  return x * square(x) - 3 * x * square(y);
}
CriticalPoint looked_at(const Tensor& p) {
  return classify_critical(monkey, p);
}
// [end]

// The same valley in many dimensions: neighbours are tied together.
Tensor long_valley(const Tensor& p) {
  const Tensor here = slice(p, {{0, -1}}), next = slice(p, {{1}});
  return sum(100.0 * square(next - square(here)) + square(1.0 - here));
}

struct Eigen {
  double small, large;
};

Eigen eigenvalues_of(const Tensor& h) {
  for (const double v : numbers(h))
    if (!std::isfinite(v)) return {std::nan(""), std::nan("")};
  const std::vector<double> v = numbers(eigvalsh(0.5 * (h + transpose(h))));
  return {v.front(), v.back()};
}

// The direction of length 1 that a symmetric 2 x 2 matrix stretches by `value`.
std::pair<double, double> direction_of(const Tensor& h, double value) {
  const std::vector<double> m = numbers(h);
  const double a = m[0], b = m[1], c = m[3];
  double x = b, y = value - a;
  if (std::hypot(x, y) <= 1e-9 * std::abs(value)) {
    x = value - c;
    y = b;
  }
  const double length = std::hypot(x, y);
  if (!(length > 0) || !std::isfinite(length)) return {1, 0};
  return {x / length, y / length};
}

// ---------------------------------------------------------------------------- exercises

using Classify = std::string(double, double, double);

// [solution name-the-point]
// [include <algorithm>]
// [include <string>]
// The slope is zero, and the Hessian is [[a, b], [b, c]]. Returns "minimum",
// "maximum", "saddle" or "inconclusive". An eigenvalue of at most 1e-9 times
// the larger one counts as zero.
std::string name_the_point(double a, double b, double c) {
  const double middle = (a + c) / 2, reach = std::hypot((a - c) / 2, b);
  // The two eigenvalues.
  const double small = middle - reach, large = middle + reach;
  // [hole return small == large ? "?" : "inconclusive";]
  const double zero = 1e-9 * std::max(std::fabs(small), std::fabs(large));
  if (small < -zero && large > zero) return "saddle";
  if (small > zero) return "minimum";
  if (large < -zero) return "maximum";
  return "inconclusive";
  // [end hole]
}
// [end]

std::string by_diagonal(double a, double, double c) {
  if (a > 0 && c > 0) return "minimum";
  if (a < 0 && c < 0) return "maximum";
  return a * c < 0 ? "saddle" : "inconclusive";
}
std::string negative_is_saddle(double a, double b, double c) {
  const std::string right = name_the_point(a, b, c);
  return right == "maximum" ? "saddle" : right;
}
std::string zero_is_fine(double a, double b, double c) {
  const double middle = (a + c) / 2, reach = std::hypot((a - c) / 2, b);
  const double zero = 1e-9 * std::max(std::fabs(middle - reach), std::fabs(middle + reach));
  if (middle - reach >= -zero) return "minimum";
  if (middle + reach <= zero) return "maximum";
  return "saddle";
}
std::string exact_zero(double a, double b, double c) {
  const double middle = (a + c) / 2, reach = std::hypot((a - c) / 2, b);
  const double small = middle - reach, large = middle + reach;
  if (small < 0 && large > 0) return "saddle";
  if (small > 0) return "minimum";
  return large < 0 ? "maximum" : "inconclusive";
}
std::string by_determinant(double a, double b, double c) {
  const std::string right = name_the_point(a, b, c);
  return right == "maximum" ? "minimum" : right;
}
std::string by_smallest(double a, double b, double c) {
  const double middle = (a + c) / 2, reach = std::hypot((a - c) / 2, b);
  const double zero = 1e-9 * std::max(std::fabs(middle - reach), std::fabs(middle + reach));
  if (middle - reach > zero) return "minimum";
  return middle - reach < -zero ? "maximum" : "inconclusive";
}
std::string upside_down(double a, double b, double c) {
  return name_the_point(-a, -b, -c);
}

struct Slip {
  const char* name;
  Classify* function;
  const char* says;
};
constexpr Slip slips[] = {
    {"diagonal decides", by_diagonal,
     "The diagonal sees only the two axes. With b large enough the surface bends down between "
     "them."},
    {"any negative eigenvalue is a saddle", negative_is_saddle,
     "A saddle goes up one way and down another. What if it goes down every way?"},
    {"zero counted as curvature", zero_is_fine,
     "A zero eigenvalue says that the quadratic part is flat there. What lies beyond the quadratic "
     "part is not known."},
    {"zero compared exactly", exact_zero,
     "Here an eigenvalue is zero up to rounding, and its sign is an accident. Compare it with the "
     "larger one."},
    {"determinant alone", by_determinant,
     "Two negative eigenvalues have a positive product as well. Look at the signs one by one."},
    {"only the smaller eigenvalue read", by_smallest,
     "If the smaller eigenvalue is negative, the larger one still decides between two kinds of "
     "point."},
    {"signs turned round", upside_down,
     "Positive curvature bends upwards, like a bowl. What is at the bottom of a bowl?"},
};

constexpr double squares[][3] = {{2, 0, 4},
                                 {-2, 0, -4},
                                 {2, 0, -2},
                                 {2, 4, 2},
                                 {2, 0, 0},
                                 {-3, 1, -2},
                                 {-1, 0, 0},
                                 {3, 2.2, 1.5},
                                 {3, 2, 2},
                                 {0, 0, 0},
                                 {-3, 6, -4},
                                 {4, 1, 0.5},
                                 {1.0 / 9, 1.0 / 30, 0.01}};

Verdict check_classify(Classify* f) {
  std::vector<std::string> got;
  for (const auto& [a, b, c] : squares) got.push_back(f(a, b, c));
  for (size_t i = 0; i < got.size(); ++i) {
    const auto& [a, b, c] = squares[i];
    const std::string want = name_the_point(a, b, c);
    if (got[i] == want) continue;
    Verdict no{.where = "a = " + shown(a) + ", b = " + shown(b) + ", c = " + shown(c),
               .yours = got[i].substr(0, 40),
               .expected = want};
    for (const Slip& s : slips) {
      bool same = true;
      for (size_t k = 0; k < got.size(); ++k)
        same &= got[k] == s.function(squares[k][0], squares[k][1], squares[k][2]);
      if (same) {
        no.misconception = s.name;
        no.says = s.says;
        break;
      }
    }
    return no;
  }
  return Verdict::passed();
}
}  // namespace

LESSON(page) {
  // Polar coordinates.
  const double r = page.set("r", 2.0), theta = page.set("theta", std::numbers::pi / 3);
  // [polar]
  const auto to_plane = [](const Tensor& p) {
    const Tensor radius = row(p, 0), angle = row(p, 1);
    return stack({radius * cos(angle), radius * sin(angle)});
  };
  const Tensor J = jacobian(to_plane)(Tensor{r, theta});
  // [end]
  const Tensor forward = jacobian(to_plane, {.mode = Mode::forward})(Tensor{r, theta});
  const Tensor reverse = jacobian(to_plane, {.mode = Mode::reverse})(Tensor{r, theta});
  const std::vector<double> j = numbers(J);
  page.bind("r", r);
  page.bind("theta", theta);
  page.table("J", {{"slope of", "towards the radius", "towards the angle"},
                   {"x", shown(j[0]), shown(j[1])},
                   {"y", shown(j[2]), shown(j[3])}});
  page.bind("modes_differ", number(max(abs(forward - reverse))));
  page.bind("area", j[0] * j[3] - j[1] * j[2]);
  const Tensor step{0.02, 0.01};
  const Tensor told = matmul(J, step);
  const Tensor real = to_plane(Tensor{r, theta} + step) - to_plane(Tensor{r, theta});
  page.bind("step_radius", 0.02);
  page.bind("step_angle", 0.01);
  page.bind("told", told);
  page.bind("real", real);

  // Two Hessians.
  // [hessian]
  const auto bowl = [](const Tensor& p) {
    const Tensor weights{1, 2};
    return sum(weights * square(p));
  };
  const Tensor of_bowl = hessian(bowl)(Tensor{3, 4});
  // [end]
  page.bind("of_bowl", of_bowl);
  const double x = page.set("x", 1.0), y = page.set("y", 1.0);
  const Tensor p{x, y};
  const Tensor H = hessian(rosenbrock)(p), slope = grad(rosenbrock)(p);
  const Eigen eigen = eigenvalues_of(H);
  const std::vector<double> h = numbers(H);
  page.bind("hundred", int64_t{100});
  page.bind("x", x);
  page.bind("y", y);
  page.table("H", {{"slope of", "towards x", "towards y"},
                   {"the slope towards x", shown(h[0]), shown(h[1])},
                   {"the slope towards y", shown(h[2]), shown(h[3])}});
  page.bind("slope", slope);
  const double steepness = number(norm(slope));
  const bool flat_here = std::isfinite(steepness) && steepness <= 1e-9 * number(norm(H));
  const std::string shape = name_the_point(h[0], h[1], h[3]);
  page.bind("verdict", flat_here ? "the point is critical, and the test says: " + shape
                                 : std::string("the point is not critical, so it has a shape but "
                                               "no verdict"));
  page.bind("eigen_small", eigen.small, 6);
  page.bind("eigen_large", eigen.large, 4);
  const double sizes[] = {std::abs(eigen.small), std::abs(eigen.large)};
  page.bind("condition", std::max(sizes[0], sizes[1]) / std::min(sizes[0], sizes[1]), 2);
  const auto steep = direction_of(H, eigen.large), flat = direction_of(H, eigen.small);
  page.bind("steep_x", steep.first);
  page.bind("steep_y", steep.second);
  page.bind("flat_x", flat.first);
  page.bind("flat_y", flat.second);

  const auto slice_along = [&](std::pair<double, double> d, const char* label, const char* colour) {
    Line line{.label = label, .colour = colour};
    for (int i = -30; i <= 30; ++i) {
      const double t = i / 300.0;
      line.x.push_back(t);
      line.y.push_back(number(rosenbrock(Tensor{x + t * d.first, y + t * d.second})));
    }
    return line;
  };
  Plot valley{.id = "valley",
              .title = "The Rosenbrock function along its two eigen-directions",
              .x_label = "distance from the point",
              .lines = {slice_along(steep, "steep", "var(--accent)"),
                        slice_along(flat, "flat", "var(--ink)")}};
  page.picture("valley", valley);

  // A saddle, cut three ways.
  Plot saddle{.id = "saddle",
              .title = "x^2 - y^2, cut in three directions",
              .x_label = "distance from the point",
              .lines = {}};
  int shade = 0;
  for (const auto& [label, dx, dy] : {std::tuple{"along x", 1.0, 0.0},
                                      {"between", std::sqrt(0.5), std::sqrt(0.5)},
                                      {"along y", 0.0, 1.0}}) {
    Line line{.label = label, .colour = ramp_colour(static_cast<size_t>(++shade), 4)};
    for (int i = -20; i <= 20; ++i) {
      const double t = i / 20.0;
      line.x.push_back(t);
      line.y.push_back(t * t * (dx * dx - dy * dy));
    }
    saddle.lines.push_back(line);
  }
  page.picture("saddle", saddle);

  // Points where the slope is zero.
  struct Case {
    const char* name;
    VectorFunction f;
    const char* truth;
  };
  const auto X = [](const Tensor& q) { return row(q, 0); };
  const auto Y = [](const Tensor& q) { return row(q, 1); };
  const Case cases[] = {
      {"x^2 + y^2", [&](const Tensor& q) { return square(X(q)) + square(Y(q)); }, "minimum"},
      {"-x^2 - y^2", [&](const Tensor& q) { return -square(X(q)) - square(Y(q)); }, "maximum"},
      {"x^2 - y^2", [&](const Tensor& q) { return square(X(q)) - square(Y(q)); }, "saddle"},
      {"x^2 + y^4", [&](const Tensor& q) { return square(X(q)) + square(square(Y(q))); },
       "minimum"},
      {"x^3 - 3 x y^2",
       [&](const Tensor& q) { return X(q) * square(X(q)) - 3 * X(q) * square(Y(q)); }, "saddle"}};
  Table points{{"function", "slope", "eigenvalues", "the test says", "in truth"}};
  const Tensor origin{0, 0};
  for (const Case& c : cases) {
    const CriticalPoint point = classify_critical(c.f, origin);
    std::vector<std::string> values;
    for (const double e : point.eigenvalues) values.push_back(shown(e + 0.0));
    points.push_back({c.name, shown(point.gradient_norm), text::join(values, ", "),
                      word_of(point.kind), c.truth});
  }
  page.table("points", points);
  const CriticalPoint nearby = looked_at(origin);
  page.bind("monkey_points", nearby.sampled);
  page.bind("monkey_higher", nearby.higher);
  page.bind("monkey_lower", nearby.lower);

  // Hessian times vector, counted.
  constexpr int64_t n = 200;
  const Tensor start = full({n}, 0.5), v = ones({n});
  double one_gradient = 0, product = 0, whole = 0, differ = 0;
  Tensor thin, full_h;
  {
    const WorkCounter work;
    grad(long_valley)(start);
    one_gradient = work.operations();
  }
  {
    const WorkCounter work;
    // [hvp]
    thin = hvp(long_valley)(start, v);
    // [end]
    product = work.operations();
  }
  {
    const WorkCounter work;
    full_h = hessian(long_valley)(start);
    whole = work.operations();
  }
  differ = number(max(abs(thin - matmul(full_h, v))));
  const Tensor few = full({20}, 0.5);
  double few_gradient = 0, few_product = 0;
  {
    const WorkCounter work;
    grad(long_valley)(few);
    few_gradient = work.operations();
  }
  {
    const WorkCounter work;
    hvp(long_valley)(few, ones({20}));
    few_product = work.operations();
  }
  page.bind("few", int64_t{20});
  page.bind("few_gradients", few_product / few_gradient, 2);
  page.bind("n", n);
  page.bind("n_squared", n * n);
  page.bind("hvp_gradients", product / one_gradient, 2);
  page.bind("hessian_gradients", static_cast<int64_t>(std::round(whole / one_gradient)));
  page.bind("hvp_differ", text::significant(differ, 1));

  // Chords.
  // [convex]
  const ConvexReport of_valley = check_convexity(rosenbrock, 2);
  // [end]
  const ConvexReport of_the_bowl = check_convexity(bowl, 2);
  page.bind("pairs", of_valley.chords);
  page.bind("bowl_convex", of_the_bowl.convex ? "none" : "one");
  const Chord& chord = of_valley.against_convex;
  page.bind("chord_a", from_vector(chord.a), 2);
  page.bind("chord_b", from_vector(chord.b), 2);
  page.bind("chord_on_curve", chord.on_curve, 1);
  page.bind("chord_on_chord", chord.on_chord, 1);
  page.bind("hessians", of_valley.points);
  page.bind("hessians_down", of_valley.points - of_valley.curved_up);

  page.exercise(Predict{
      .name = "one-place-of-the-jacobian",
      .answer = 9,
      .wrong = {{1, "rows and columns exchanged",
                 "This is row 2, column 1. Rows count outputs, columns count inputs."},
                {30, "wrong input", "This is the slope of the first output towards x, column 1."},
                {3, "wrong output", "This is the slope of the second output towards y, row 2."},
                {45, "value for slope", "This is the first output itself, not its slope."},
                {6, "both inputs moved",
                 "Here x was differentiated as well. Hold x still: x * x is then only a number."},
                {5, "wrong factor held",
                 "Hold x still, not y. What multiplies y in the first output?"}}});
  page.exercise(Choose{
      .name = "which-shape",
      .answer = "saddle",
      .choices = {
          {"saddle", "up in one direction, down in another", {}, {}},
          {"minimum", "the bottom of a bowl, since 2 and 2 on the diagonal are positive",
           "diagonal decides",
           "The diagonal speaks for the two axes only. Try the direction (1, -1)."},
          {"maximum", "the top of a hill, since an eigenvalue is negative",
           "one negative eigenvalue is enough for a maximum",
           "A maximum needs every eigenvalue negative. Compute the other one."},
          {"inconclusive", "the signs are mixed, so the test cannot tell",
           "mixed signs taken for no answer",
           "Mixed signs are an answer: up here, down there. The test is silent only at a zero."},
          {"valley", "flat in one direction, up in the other", "zero eigenvalue assumed",
           "A valley floor needs an eigenvalue 0, so a determinant 0. Compute 2 * 2 - 4 * 4."},
          {"slope", "not a critical point at all", "slope not zero",
           "Put x = 0 and y = 0 into 2x + 4y and 4x + 2y."}}});
  Fill<Classify> fill{
      .name = "name-the-point", .solution = name_the_point, .check = check_classify};
  for (const Slip& s : slips) fill.wrong.push_back({s.name, s.function});
  page.exercise(std::move(fill));
  page.exercise(Predict{
      .name = "how-long-is-the-valley",
      .answer = 100,
      .wrong = {{0.01, "ratio turned round", "The larger one goes on top: never below 1."},
                {49.5, "difference", "Condition is a ratio, not a distance."},
                {25, "product", "The product of the eigenvalues is the determinant."},
                {50.5, "sum", "The sum of the eigenvalues is the trace."},
                {10, "square root taken",
                 "The root belongs to singular values of a data matrix. The Hessian's eigenvalues "
                 "are compared as they are."},
                {50, "largest alone", "The largest alone says how steep, not how uneven."}}});
}
