// Two penalties on one sample, the corners of a ball, the choice of a penalty by rows left out, and
// the priors that stand behind them.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

using Shrink = double(double, double);

// [solution soft-threshold]
// [include <algorithm>]
// The b that makes (b - z)^2 / 2 + lambda |b| least; lambda >= 0.
double soft_threshold(double z, double lambda) {
  // [hole (void)z; (void)lambda; return 0;]
  const double size = std::max(std::fabs(z) - lambda, 0.0);
  return z < 0 ? -size : size;
  // [end hole]
}
// [end]

struct Mistake {
  const char *misconception, *says;
  Shrink* function;
};

const Mistake mistakes[] = {
    {"hard threshold",
     "Small numbers become 0, but large ones stay where they were. The penalty pulls on them too.",
     [](double z, double lambda) { return std::fabs(z) > lambda ? z : 0.0; }},
    {"ridge instead of lasso",
     "This is what a squared penalty does: it divides, and never reaches 0.",
     [](double z, double lambda) { return z / (1 + lambda); }},
    {"past zero",
     "You subtract lambda even where the number is smaller than that, and come out on the other "
     "side of 0.",
     [](double z, double lambda) { return z < 0 ? z + lambda : z - lambda; }},
    {"sign lost", "The size is right. A negative z must stay negative.",
     [](double z, double lambda) { return std::max(std::fabs(z) - lambda, 0.0); }},
    {"negative numbers cut off",
     "Numbers below 0 are shrunk as well, from the other side. This looks like relu.",
     [](double z, double lambda) { return std::max(z - lambda, 0.0); }},
    {"clipped", "This keeps z inside the band. The lasso takes the band away from z.",
     [](double z, double lambda) { return std::clamp(z, -lambda, lambda); }},
    {"lambda halved",
     "You set the slope of (b - z)^2 to lambda. There is a half in front of the square here.",
     [](double z, double lambda) { return soft_threshold(z, lambda / 2); }},
    {"no penalty", "This is the best b without the penalty.", [](double z, double) { return z; }},
};

Verdict check_soft_threshold(Shrink* answer) {
  struct Case {
    double z, lambda;
  };
  for (const Case& c : {Case{3, 1}, Case{-3, 1}, Case{0.5, 1}, Case{-0.5, 1}, Case{2, 0}}) {
    const double want = soft_threshold(c.z, c.lambda), got = answer(c.z, c.lambda);
    const auto near = [&](double v) { return std::abs(got - v) <= 1e-9; };
    if (near(want)) continue;
    Verdict v{.where = "z = " + shown(c.z) + ", lambda = " + shown(c.lambda),
              .yours = shown(got),
              .expected = shown(want)};
    for (const Mistake& m : mistakes) {
      bool same = true;
      for (const Case& other : {Case{3, 1}, Case{-3, 1}, Case{0.5, 1}, Case{-0.5, 1}, Case{2, 0}})
        same &= std::abs(answer(other.z, other.lambda) - m.function(other.z, other.lambda)) <= 1e-9;
      if (!same) continue;
      v.misconception = m.misconception;
      v.says = m.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// ---------------------------------------------------------------------------- geometry

// A loss of two weights: (b - c)^T H (b - c).
struct Bowl {
  double c1, c2;         // its best point
  double h11, h12, h22;  // its curvature
  double operator()(double b1, double b2) const {
    const double u = b1 - c1, v = b2 - c2;
    return h11 * u * u + 2 * h12 * u * v + h22 * v * v;
  }
};

struct Point {
  double x, y;
};

// Where |b1|^p + |b2|^p = 1, in the direction of an angle.
Point edge_at(double p, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  const double size = std::pow(std::pow(std::fabs(c), p) + std::pow(std::fabs(s), p), 1 / p);
  return {c / size, s / size};
}

// Angles of the edge that are tried; every fourth part is an axis.
constexpr int angles = 3600;
double angle_of(int i) {
  return 2 * std::numbers::pi * i / angles;
}

int best_angle(const Bowl& loss, const std::vector<Point>& edge) {
  const auto less = [&](const Point& a, const Point& b) { return loss(a.x, a.y) < loss(b.x, b.y); };
  return static_cast<int>(std::min_element(edge.begin(), edge.end(), less) - edge.begin());
}

std::vector<Point> edge_of_ball(double p) {
  std::vector<Point> out;
  for (int i = 0; i <= angles; ++i) out.push_back(edge_at(p, angle_of(i)));
  return out;
}

// Whether the best point of the edge lies on an axis: a corner, or by chance.
bool best_on_axis(const Bowl& loss, double p, const std::vector<Point>& edge) {
  const int i = best_angle(loss, edge);
  if (i % (angles / 4) != 0) return false;
  const auto at = [&](double angle) {
    const Point b = edge_at(p, angle);
    return loss(b.x, b.y);
  };
  return at(angle_of(i) - 1e-6) > at(angle_of(i)) && at(angle_of(i) + 1e-6) > at(angle_of(i));
}

Plot touching(const Bowl& loss, double p, const char* id, std::string title) {
  Line ball{.label = "ball", .x = {}, .y = {}, .colour = "var(--accent)"};
  const std::vector<Point> edge = edge_of_ball(p);
  for (size_t i = 0; i < edge.size(); i += 15) {
    ball.x.push_back(edge[i].x);
    ball.y.push_back(edge[i].y);
  }
  const Point touch = edge[static_cast<size_t>(best_angle(loss, edge))];
  // Level lines, by the square root of the curvature: |L^T (b - c)|^2 = level.
  const double l11 = std::sqrt(loss.h11), l21 = loss.h12 / l11;
  const double l22 = std::sqrt(loss.h22 - l21 * l21);
  std::vector<Line> lines{ball};
  for (const double share : {1.0, 0.3}) {
    const double size = std::sqrt(share * loss(touch.x, touch.y));
    Line level{.label = share == 1 ? "equal loss" : "", .x = {}, .y = {}};
    for (int i = 0; i <= 120; ++i) {
      const double angle = 2 * std::numbers::pi * i / 120;
      const double v = size * std::sin(angle) / l22, u = (size * std::cos(angle) - l21 * v) / l11;
      level.x.push_back(loss.c1 + u);
      level.y.push_back(loss.c2 + v);
    }
    lines.push_back(level);
  }
  return {.id = id,
          .title = std::move(title),
          .x_label = "first weight",
          .lines = lines,
          .width = 400,
          .height = 300};
}

// The sample of lesson 21: 100 rows, 10 columns, RandomState(42).
struct Rows {
  Tensor x, y;
};
Rows sample() {
  RandomState state(42);
  const Tensor x = from_vector(state.randn(1000), {100, 10});
  const Tensor truth{1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0};
  return {x, matmul(x, truth) + 0.5 * from_vector(state.randn(100))};
}

double length_of(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return std::sqrt(sum);
}

std::string places(const std::vector<double>& coef) {
  std::vector<std::string> out;
  for (size_t j = 0; j < coef.size(); ++j)
    if (coef[j] != 0) out.push_back(std::to_string(j + 1));
  return out.empty() ? "none" : text::join(out, ", ");
}

std::string below(double error) {
  for (const double bound : {1e-12, 1e-9, 1e-6, 1e-3})
    if (error < bound) return "below " + shown(bound);
  return "above 1e-3";
}
}  // namespace

LESSON(page) {
  const double lambda_ridge = page.set("ridge", 1.0), lambda_lasso = page.set("lasso", 0.1);
  const Rows s = sample();
  // [fits]
  const LinearFit ols = fit_linear(s.x, s.y, {.intercept = false});
  const PenalisedFit free = fit_ridge(s.x, s.y, lambda_ridge);
  const PenalisedFit plain = fit_ridge(s.x, s.y, lambda_ridge, {.intercept = false});
  const PenalisedFit lasso = fit_lasso(s.x, s.y, lambda_lasso);
  // [end]
  const double truth[] = {1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0};
  Table fits{{"weight", "true", "least squares", "ridge", "ridge, no intercept", "lasso"}};
  for (size_t j = 0; j < 10; ++j)
    fits.push_back({std::to_string(j + 1), shown(truth[j]), shown(ols.coef[j]), shown(free.coef[j]),
                    shown(plain.coef[j]), shown(lasso.coef[j])});
  fits.push_back({"intercept", "0", "-", shown(free.intercept), "-", shown(lasso.intercept)});
  page.table("fits", fits);
  page.bind("rows", int64_t{100});
  page.bind("columns", int64_t{10});
  page.bind("noise", 0.5);
  page.bind("lambda_ridge", lambda_ridge);
  page.bind("lambda_lasso", lambda_lasso);
  page.bind("zeros", lasso.zeros());
  page.bind("kept", places(lasso.coef));
  page.bind("w3_free", free.coef[2]);
  page.bind("w3_plain", plain.coef[2]);
  page.bind("free_intercept", free.intercept);
  // [normal]
  const Tensor gram = matmul(transpose(s.x), s.x);
  const Tensor by_hand = solve(gram + lambda_ridge * eye(10), matmul(transpose(s.x), s.y));
  // [end]
  page.bind("by_hand_differ", below(number(max(abs(by_hand - from_vector(plain.coef))))));

  // How much is shrunk.
  Table shrink{
      {"lambda", "length of the weights", "effective weights", "condition of X^T X + lambda"}};
  const std::vector<double> values = numbers(eigh(gram).values);
  for (const double l : {0.0, 1.0, 10.0, 100.0, 1000.0}) {
    const PenalisedFit f = fit_ridge(s.x, s.y, l, {.intercept = false});
    shrink.push_back({shown(l), shown(length_of(f.coef)), shown(f.freedom, 2),
                      shown((values.back() + l) / (values.front() + l), 2)});
  }
  page.table("shrink", shrink);
  // [twins]
  const Tensor column{{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}};  // the same column twice
  const Tensor y{2, 4, 5, 4, 5};
  const PenalisedFit twins = fit_ridge(column, y, 1, {.intercept = false});
  // [end]
  page.bind("twins", from_vector(twins.coef));
  page.bind("smallest", 1);

  // Paths.
  const double largest = largest_lambda(s.x, s.y);
  // [path]
  const std::vector<double> lambdas = lambda_grid(largest_lambda(s.x, s.y), 60, 1e-3);
  const std::vector<PenalisedFit> path = lasso_path(s.x, s.y, lambdas);
  // [end]
  page.bind("largest", largest);
  std::vector<Line> lasso_lines, ridge_lines;
  for (size_t j = 0; j < 10; ++j) {
    const bool real = truth[j] != 0;
    Line line{.label = real ? "weight " + std::to_string(j + 1) : "",
              .x = {},
              .y = {},
              .colour = real ? "var(--accent)" : "var(--muted)",
              .faint = !real};
    Line other = line;
    for (size_t i = 0; i < lambdas.size(); ++i) {
      line.x.push_back(std::log10(lambdas[i]));
      line.y.push_back(path[i].coef[j]);
      const double l = 0.1 * std::pow(10.0, 5.0 * static_cast<double>(i) / 59);
      other.x.push_back(std::log10(l));
      other.y.push_back(fit_ridge(s.x, s.y, l).coef[j]);
    }
    lasso_lines.push_back(line);
    ridge_lines.push_back(other);
  }
  page.picture("lasso_path", Plot{.id = "lasso-path",
                                  .title = "Lasso: the weights as the penalty grows",
                                  .x_label = "power of ten of lambda",
                                  .lines = lasso_lines});
  page.picture("ridge_path", Plot{.id = "ridge-path",
                                  .title = "Ridge: the weights as the penalty grows",
                                  .x_label = "power of ten of lambda",
                                  .lines = ridge_lines});

  // Corners.
  const double p = std::clamp(page.set("p", 1.0), 0.3, 20.0);
  const Bowl loss{1.7, 0.6, 1, 0.3, 0.8};
  page.bind("p", p);
  page.picture("ball_p", touching(loss, p, "ball-p",
                                  "The level line of a loss meets the ball of p = " + shown(p)));
  page.picture("ball_2", touching(loss, 2, "ball-two",
                                  "The level line of the same loss meets the ball of p = 2"));
  const auto both = [](const Point& b) { return "(" + shown(b.x) + ", " + shown(b.y) + ")"; };
  const std::vector<Point> edge_p = edge_of_ball(p), edge_2 = edge_of_ball(2);
  page.bind("touch_p", both(edge_p[static_cast<size_t>(best_angle(loss, edge_p))]));
  page.bind("touch_2", both(edge_2[static_cast<size_t>(best_angle(loss, edge_2))]));
  page.bind("bowl_best", "(" + shown(loss.c1) + ", " + shown(loss.c2) + ")");
  RandomState random(7);
  int64_t corners_p = 0, corners_2 = 0;
  constexpr int64_t bowls = 1000;
  for (int64_t i = 0; i < bowls; ++i) {
    const double a = random.standard_normal(), b = random.standard_normal();
    const double c = random.standard_normal(), d = random.standard_normal();
    const double angle = random.uniform(0, 2 * std::numbers::pi), far = random.uniform(1.5, 4);
    const Bowl any{far * std::cos(angle), far * std::sin(angle), a * a + b * b + 0.1, a * c + b * d,
                   c * c + d * d + 0.1};
    corners_p += best_on_axis(any, p, edge_p);
    corners_2 += best_on_axis(any, 2, edge_2);
  }
  page.bind("bowls", bowls);
  page.bind("corners_p", corners_p);
  page.bind("corners_2", corners_2);

  // The choice of lambda.
  // [choose]
  const CrossValidation cv = cross_validate_lasso(s.x, s.y, lambdas, 10, key_from_seed(1));
  const PenalisedFit best = fit_lasso(s.x, s.y, cv.best);
  const PenalisedFit simplest = fit_lasso(s.x, s.y, cv.simplest);
  // [end]
  page.bind("folds", int64_t{10});
  page.bind("best", cv.best);
  page.bind("simplest", cv.simplest);
  page.bind("best_kept", places(best.coef));
  page.bind("simplest_kept", places(simplest.coef));
  Line error{.label = "error", .x = {}, .y = {}, .colour = "var(--accent)"};
  Line trained{.label = "on rows it saw", .x = {}, .y = {}};
  double least = 0, spread = 0;
  for (size_t i = 0; i < lambdas.size(); ++i) {
    if (lambdas[i] == cv.best) {
      least = cv.error[i];
      spread = cv.error_se[i];
    }
    if (cv.error[i] > 0.5) continue;
    error.x.push_back(std::log10(lambdas[i]));
    error.y.push_back(cv.error[i]);
    trained.x.push_back(std::log10(lambdas[i]));
    trained.y.push_back(path[i].rss / 100);
  }
  page.bind("least", least);
  page.bind("spread", spread);
  page.picture("choice",
               Plot{.id = "choice",
                    .title = "Mean squared error of the lasso on rows left out, by its penalty",
                    .x_label = "power of ten of lambda",
                    .lines = {error, trained},
                    .rules = {{"least + 1 error", least + spread}}});

  // Twins and units.
  RandomState more(3);
  const Tensor one = from_vector(more.randn(60)), other = from_vector(more.randn(60));
  const Tensor twin = one + 0.02 * from_vector(more.randn(60));
  const Tensor answer = one + twin + other + 0.3 * from_vector(more.randn(60));
  // [elastic]
  const Tensor three = stack({one, twin, other}, 1);
  const PenalisedFit selected = fit_lasso(three, answer, 0.2);
  const PenalisedFit shared = fit_lasso(three, answer, 0.2, {.l1_ratio = 0.5});
  // [end]
  const LinearFit unpenalised = fit_linear(three, answer);
  const auto row_of = [](const char* name, double a, double b, double c) {
    return std::vector<std::string>{name, shown(a, 2), shown(b, 2), shown(c, 2)};
  };
  page.table(
      "twins",
      {{"", "a column", "its twin", "another"},
       row_of("true", 1, 1, 1),
       row_of("least squares", unpenalised.coef[1], unpenalised.coef[2], unpenalised.coef[3]),
       row_of("lasso", selected.coef[0], selected.coef[1], selected.coef[2]),
       row_of("elastic net, half and half", shared.coef[0], shared.coef[1], shared.coef[2])});
  std::vector<double> unit(10, 1.0);
  unit[2] = 0.01;
  // [units]
  const Tensor rescaled = s.x * from_vector(unit);  // column 3 in another unit
  const PenalisedFit lost = fit_lasso(rescaled, s.y, lambda_lasso);
  const PenalisedFit found = fit_lasso(rescaled, s.y, lambda_lasso, {.standardise = true});
  // [end]
  page.bind("hundred", int64_t{100});
  page.bind("lost", places(lost.coef));
  page.bind("found", places(found.coef));
  page.bind("found_3", found.coef[2], 2);
  page.bind("lost_r2", lost.r2, 2);
  page.bind("found_r2", found.r2, 2);

  // Bayes.
  const double width = std::clamp(page.set("width", 0.5), 0.01, 100.0);
  // [bayes]
  const Normal noise(0.0, 0.5), prior(0.0, width);
  const auto surprise = [&](const Tensor& b) {
    return -sum(noise.log_prob(s.y - matmul(s.x, b))) - sum(prior.log_prob(b));
  };
  const Tensor most_probable = minimise(surprise, zeros({10})).x;
  const double same_lambda = ridge_lambda(0.5, width);
  // [end]
  page.bind("width", width);
  page.bind("same_lambda", same_lambda);
  const PenalisedFit as_ridge = fit_ridge(s.x, s.y, same_lambda, {.intercept = false});
  page.bind("bayes_differ", below(number(max(abs(most_probable - from_vector(as_ridge.coef))))));
  const double narrow = 0.025;
  page.bind("narrow", narrow);
  page.bind("laplace_lambda", lasso_lambda(0.5, narrow, 100));
  const Laplace laplace(0.0, narrow);
  const auto surprise_of = [&](const Tensor& b) {
    return number(-sum(noise.log_prob(s.y - matmul(s.x, b))) - sum(laplace.log_prob(b)));
  };
  const Tensor mode =
      from_vector(fit_lasso(s.x, s.y, lasso_lambda(0.5, narrow, 100), {.intercept = false}).coef);
  const double at_mode = surprise_of(mode);
  int64_t lower = 0;
  for (int64_t i = 0; i < 1000; ++i)
    lower += surprise_of(mode + 0.01 * from_vector(random.randn(10))) < at_mode;
  page.bind("nudges", int64_t{1000});
  page.bind("lower", lower);
  Line bell{.label = "normal: ridge", .x = {}, .y = {}};
  Line peak{.label = "Laplace: lasso", .x = {}, .y = {}, .colour = "var(--accent)"};
  const Tensor grid = linspace(-3, 3, 121);
  bell.x = peak.x = numbers(grid);
  bell.y = numbers(Normal().prob(grid));
  peak.y = numbers(Laplace(0.0, std::sqrt(0.5)).prob(grid));
  page.picture("priors", Plot{.id = "priors",
                              .title = "What the penalties believe of a weight before the data, at "
                                       "equal variance",
                              .x_label = "weight",
                              .lines = {bell, peak}});
  page.bind("gap", below(lasso.gap));

  page.exercise(Predict{
      .name = "ridge-of-one-column",
      .answer = 1.25,
      .wrong = {{2, "no penalty", "This is least squares. The penalty pulls it towards 0."},
                {1.4, "lasso instead of ridge",
                 "You took lambda from the numerator. A squared penalty is felt below the line."},
                {10.0 / 14, "lambda squared",
                 "The penalty is lambda times the square of the weight; lambda itself stays as it "
                 "is."},
                {10.0 / 11, "lambda times the number of rows",
                 "Here the loss is a sum of squares, not a mean, so no factor 2 is needed."},
                {10.0 / 6.5, "lambda halved",
                 "The slopes of both squares have a factor 2, and it cancels."},
                {-1, "lambda subtracted",
                 "Ridge divides. Write the slope of the whole and set it "
                 "to 0."},
                {5, "penalty with the wrong sign", "The weight must become smaller."}}});
  page.exercise(Choose{
      .name = "why-exactly-zero",
      .answer = "slope",
      .choices = {
          {"slope", "near 0 its penalty still pulls with full force", "", ""},
          {"larger", "its penalty is larger", "size of the penalty blamed",
           "For weights below 1 the square is the smaller of the two. But a larger square would "
           "not do it either: what is its slope at 0?"},
          {"convex", "its penalty is not convex", "convexity confused",
           "Both penalties are convex. Has |b| a bend or a dent?"},
          {"rounding", "small weights are rounded to 0", "zero taken for a small number",
           "The zeros are exact in exact arithmetic too."},
          {"ranks", "it keeps the columns with the largest correlation", "selection by correlation",
           "It looks at all columns together. The third best alone may be useless beside the first "
           "two."},
          {"noise", "it knows which columns are noise", "selection taken for truth",
           "It knows nothing of noise. With a small lambda it keeps noise as well."},
          {"steps", "its iterations stop early", "algorithm blamed",
           "Run it as long as you like: the minimum itself has zeros."}}});
  page.exercise(Predict{
      .name = "simplest-good-lambda",
      .answer = 0.3,
      .wrong = {
          {0.1, "least error taken",
           "That is the best one. Is a simpler one within one standard error of it?"},
          {0.01, "simplest confused with smallest",
           "A small penalty makes a rich model. Simple is on the other side."},
          {0.03, "within the band, on the wrong side",
           "Its error is within the band, but its model is richer than the best one's."},
          {1, "largest lambda taken", "Its error is far outside the band. Largest within it."},
          {0.99, "bound of the error for lambda",
           "That is the largest error allowed. Which lambda still has less?"},
          {0.04, "standard error for lambda", "That is the width of the band."}}});
  std::vector<Fill<Shrink>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<Shrink>{.name = "soft-threshold",
                             .solution = soft_threshold,
                             .check = check_soft_threshold,
                             .wrong = wrong});
}
