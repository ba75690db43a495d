// A line through five points, ten weights from a hundred rows, a column that says nothing new, and
// the digits that a way of solving loses.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/linalg/spectral.h>
#include <gradus/nn/losses.h>
#include <gradus/optim/curvature.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

using Numbers = std::vector<double>;
using FitLine = Numbers(const Numbers&, const Numbers&);

// [solution fit-line]
// The intercept and the slope of the line that misses y least, {a, b}. The
// numbers in x may be years, or seconds since 1970.
std::vector<double> fit_line(const std::vector<double>& x, const std::vector<double>& y) {
  const double n = static_cast<double>(x.size());
  // [hole (void)n; (void)y; return {0, 0};]
  double x_mean = 0, y_mean = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    x_mean += x[i] / n;
    y_mean += y[i] / n;
  }
  double together = 0, spread = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    together += (x[i] - x_mean) * (y[i] - y_mean);
    spread += (x[i] - x_mean) * (x[i] - x_mean);
  }
  const double slope = together / spread;
  return {y_mean - slope * x_mean, slope};
  // [end hole]
}
// [end]

double mean_of(const Numbers& x) {
  double sum = 0;
  for (const double v : x) sum += v / static_cast<double>(x.size());
  return sum;
}
double product(const Numbers& x, double x0, const Numbers& y, double y0) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += (x[i] - x0) * (y[i] - y0);
  return sum;
}

struct Mistake {
  const char *misconception, *says;
  FitLine* function;
};

const Mistake mistakes[] = {
    {"line through the origin",
     "This line is forced through the origin. Subtract the means first, or solve for both numbers.",
     [](const Numbers& x, const Numbers& y) {
       return Numbers{0, product(x, 0, y, 0) / product(x, 0, x, 0)};
     }},
    {"slope without its centre",
     "The slope was found as if the line went through the origin, and the intercept was then put "
     "beside it. Both must be found together.",
     [](const Numbers& x, const Numbers& y) {
       const double b = product(x, 0, y, 0) / product(x, 0, x, 0);
       return Numbers{mean_of(y) - b * mean_of(x), b};
     }},
    {"order exchanged", "Both numbers are right, and stand in the wrong places.",
     [](const Numbers& x, const Numbers& y) {
       const Numbers right = fit_line(x, y);
       return Numbers{right[1], right[0]};
     }},
    {"x explained by y",
     "You divided by the spread of y. That line explains x by y: it misses least sideways.",
     [](const Numbers& x, const Numbers& y) {
       const double xm = mean_of(x), ym = mean_of(y);
       const double b = product(x, xm, y, ym) / product(y, ym, y, ym);
       return Numbers{ym - b * xm, b};
     }},
    {"covariance taken for the slope",
     "How x and y move together must be divided by how much x moves.",
     [](const Numbers& x, const Numbers& y) {
       const double xm = mean_of(x), ym = mean_of(y);
       const double b = product(x, xm, y, ym) / static_cast<double>(x.size());
       return Numbers{ym - b * xm, b};
     }},
    {"mean taken for the intercept",
     "The slope is right. The mean of y is the height of the line at the mean of x, not at 0.",
     [](const Numbers& x, const Numbers& y) {
       return Numbers{mean_of(y), fit_line(x, y)[1]};
     }},
    {"first and last point joined", "You joined two of the points. The others have a say as well.",
     [](const Numbers& x, const Numbers& y) {
       const double b = (y.back() - y.front()) / (x.back() - x.front());
       return Numbers{y.front() - b * x.front(), b};
     }},
    {"large squares cancel",
     "Right on paper, and right for small numbers. Here the squares have more digits than a number "
     "can hold, and their difference is what was lost. Subtract the means before you multiply.",
     [](const Numbers& x, const Numbers& y) {
       double sx = 0, sy = 0, sxx = 0, sxy = 0;
       for (size_t i = 0; i < x.size(); ++i) {
         sx += x[i];
         sy += y[i];
         sxx += x[i] * x[i];
         sxy += x[i] * y[i];
       }
       const double n = static_cast<double>(x.size());
       const double b = (n * sxy - sx * sy) / (n * sxx - sx * sx);
       return Numbers{(sy - b * sx) / n, b};
     }},
};

std::string list(const Numbers& p) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < p.size() && i < 6; ++i) parts.push_back(shown(p[i]));
  return "(" + text::join(parts, ", ") + ")";
}

Verdict check_fit_line(FitLine* answer) {
  const double second = 1.7e9;
  struct Case {
    Numbers x, y;
  };
  const Case cases[] = {{{-2, 0, 1, 4}, {3, 1, 0.5, -4}},
                        {{1, 2, 3, 4, 5}, {2, 4, 5, 4, 5}},
                        {{second, second + 1, second + 3, second + 7}, {1, 2.5, 4, 9.5}}};
  const auto same = [](const Numbers& a, const Numbers& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i)
      if (!(std::abs(a[i] - b[i]) <= 1e-6 * std::max(1.0, std::abs(b[i]))) &&
          !(std::isnan(a[i]) && std::isnan(b[i])) && a[i] != b[i])
        return false;
    return true;
  };
  for (const Case& c : cases) {
    const Numbers want = fit_line(c.x, c.y), got = answer(c.x, c.y);
    if (same(got, want)) continue;
    Verdict v{.where = "x = " + list(c.x) + ", y = " + list(c.y),
              .yours = list(got),
              .expected = list(want)};
    for (const Mistake& m : mistakes) {
      if (!same(got, m.function(c.x, c.y))) continue;
      v.misconception = m.misconception;
      v.says = m.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// ---------------------------------------------------------------------------- data

// [sample]
struct Rows {
  Tensor x, y;  // (100, 10) and (100)
};
// The numbers of NumPy's RandomState with this seed.
Rows sample_of(uint32_t seed, const Tensor& truth) {
  RandomState state(seed);
  const Tensor x = from_vector(state.randn(1000), {100, 10});
  const Tensor noise = from_vector(state.randn(100));
  return {x, matmul(x, truth) + 0.5 * noise};
}
// [end]

// "below 1e-9", for errors whose own digits are rounding.
std::string about(double error) {
  for (const double bound : {1e-12, 1e-9, 1e-6, 1e-3})
    if (error < bound) return "below " + shown(bound);
  return "above 1e-3";
}
}  // namespace

LESSON(page) {
  // Four predictions.
  // [mse]
  const Tensor seen{3, -0.5, 2, 7}, said{2.5, 0, 2, 8};
  const double mean_squared = number(mse(said, seen, Reduction::mean));
  // [end]
  page.bind("seen", seen);
  page.bind("said", said);
  page.bind("squares", mse(said, seen, Reduction::none));
  page.bind("mse", mean_squared);
  page.bind("sse", number(mse(said, seen, Reduction::sum)));
  page.bind("mse_weighted", number(mse(said, seen, Reduction::mean, Tensor{1, 1, 1, 3})));
  page.bind("weight", 3);

  // Five points.
  const Tensor x = page.set("x", Tensor{1, 2, 3, 4, 5}), y = page.set("y", Tensor{2, 4, 5, 4, 5});
  // [line]
  const Tensor X = stack({ones({5}), x}, 1);  // a column of ones, then x
  const Tensor gram = matmul(transpose(X), X);
  const Tensor right = matmul(transpose(X), y);
  const Tensor b = solve(gram, right);
  // [end]
  const std::vector<double> xs = numbers(x), ys = numbers(y), coef = numbers(b);
  const Tensor fitted = matmul(X, b), misses = y - fitted;
  page.bind("x", x);
  page.bind("y", y);
  page.bind("gram", gram);
  page.bind("right", right);
  page.bind("intercept", coef[0]);
  page.bind("slope", coef[1]);
  Table rows{{"x", "y", "on the line", "miss", "miss squared"}};
  const std::vector<double> on = numbers(fitted), off = numbers(misses);
  for (size_t i = 0; i < xs.size(); ++i)
    rows.push_back(
        {shown(xs[i]), shown(ys[i]), shown(on[i]), shown(off[i]), shown(off[i] * off[i])});
  page.table("points", rows);
  page.bind("rss", number(sum(square(misses))));
  const auto small = [](double v) { return std::abs(v) < 1e-12 ? 0.0 : v; };
  page.bind("sum_of_misses", small(number(sum(misses))));
  page.bind("misses_times_x", small(number(sum(misses * x))));
  const double nudge = 0.1;
  const auto rss_of = [&](double a, double slope) {
    return number(sum(square(y - a - slope * x)));
  };
  page.bind("nudge", nudge);
  page.bind("rss_steeper", rss_of(coef[0], coef[1] + nudge));
  page.bind("rss_higher", rss_of(coef[0] + nudge, coef[1]));
  std::vector<Line> lines;
  const double left = *std::min_element(xs.begin(), xs.end()) - 0.5;
  const double end = *std::max_element(xs.begin(), xs.end()) + 0.5;
  Line best{.label = "best line", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int i = 0; i <= 60; ++i) {
    best.x.push_back(left + (end - left) * i / 60);
    best.y.push_back(coef[0] + coef[1] * best.x.back());
  }
  lines.push_back(best);
  for (size_t i = 0; i < xs.size(); ++i) {
    lines.push_back(
        {.label = i + 1 == xs.size() ? "misses" : "", .x = {xs[i], xs[i]}, .y = {ys[i], on[i]}});
    lines.push_back(
        {.label = "", .x = {xs[i] - 0.05, xs[i] + 0.05}, .y = {ys[i], ys[i]}, .width = 5});
  }
  page.picture("line", Plot{.id = "line",
                            .title = "Five points, the line of least squares and what it misses",
                            .x_label = "x",
                            .lines = lines});

  // A hundred rows.
  const double seed = page.set("seed", 42.0);
  const Tensor truth{1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0};
  // [ols]
  const Rows s = sample_of(static_cast<uint32_t>(std::clamp(seed, 0.0, 4e9)), truth);
  const LinearFit fit = fit_linear(s.x, s.y, {.intercept = false});
  // [end]
  Table weights{{"weight", "true", "found", "standard error", "VIF"}};
  const std::vector<double> w = numbers(truth);
  for (size_t j = 0; j < w.size(); ++j)
    weights.push_back({std::to_string(j + 1), shown(w[j]), shown(fit.coef[j]), shown(fit.se[j]),
                       shown(fit.vif[j], 2)});
  page.table("weights", weights);
  page.bind("rows", fit.rows);
  page.bind("columns", static_cast<int64_t>(fit.coef.size()));
  page.bind("noise", 0.5);
  page.bind("resid_sd", fit.resid_sd);
  page.bind("r2", fit.r2);
  int64_t within = 0;
  for (size_t j = 0; j < w.size(); ++j) within += std::abs(fit.coef[j] - w[j]) <= 2 * fit.se[j];
  page.bind("within", within);

  // The same by walking down.
  // [descent]
  const auto loss = [&](const Tensor& v) { return mean(square(matmul(s.x, v) - s.y)); };
  const std::vector<double> curvatures = numbers(eigvalsh(hessian(loss)(zeros({10}))));
  const double rate = best_rate(curvatures.front(), curvatures.back());
  const auto path = trajectory(loss, zeros({10}), {.method = "sgd", .lr = rate}, 60);
  // [end]
  const Tensor closed = from_vector(fit.coef);
  const auto apart = [&](const std::vector<Tensor>& steps, const Tensor& aim) {
    Numbers out;
    for (const Tensor& p : steps) out.push_back(number(max(abs(p - aim))));
    return out;
  };
  const Numbers gaps = apart(path, closed);
  const auto first_below = [](const Numbers& g, double bound) {
    const auto it = std::find_if(g.begin(), g.end(), [&](double v) { return v < bound; });
    return static_cast<int64_t>(it - g.begin()) + 1;
  };
  page.bind("condition_gram", curvatures.back() / curvatures.front(), 2);
  page.bind("rate", rate);
  page.bind("steps_good", first_below(gaps, 1e-6));
  page.bind("tolerance", 1e-6);
  const double stretch = page.set("stretch", 10.0);
  Numbers scale(10, 1.0);
  scale[0] = stretch;
  const Tensor unit = from_vector(scale);
  const auto stretched = [&](const Tensor& v) { return mean(square(matmul(s.x * unit, v) - s.y)); };
  const std::vector<double> wide = numbers(eigvalsh(hessian(stretched)(zeros({10}))));
  const auto slow = trajectory(stretched, zeros({10}),
                               {.method = "sgd", .lr = best_rate(wide.front(), wide.back())}, 4000);
  const Numbers slow_gaps = apart(slow, closed / unit);
  page.bind("stretch", stretch);
  page.bind("condition_wide", wide.back() / wide.front());
  page.bind("steps_wide", first_below(slow_gaps, 1e-6));
  Line quick{.label = "as it is", .x = {}, .y = {}, .colour = "var(--accent)"};
  Line long_way{.label = "a column stretched", .x = {}, .y = {}};
  for (size_t i = 0; i < 300; ++i) {
    if (i < gaps.size() && gaps[i] > 1e-9) {
      quick.x.push_back(static_cast<double>(i + 1));
      quick.y.push_back(gaps[i]);
    }
    if (i < slow_gaps.size()) {
      long_way.x.push_back(static_cast<double>(i + 1));
      long_way.y.push_back(slow_gaps[i]);
    }
  }
  page.picture("descent", Plot{.id = "descent",
                               .title = "Largest error of a weight after each step of gradient "
                                        "descent",
                               .x_label = "step",
                               .lines = {quick, long_way},
                               .log = true});

  // A column twice.
  // [twice]
  const Tensor column = expand_dims(x, 1);
  const LinearFit once = fit_linear(column, y, {.intercept = false});
  const LinearFit twice = fit_linear(concatenate({column, column}, 1), y, {.intercept = false});
  // [end]
  page.bind("once", once.coef[0]);
  page.bind("twice", from_vector(twice.coef));
  page.bind("rank", twice.rank);
  page.bind("warning", twice.warning);
  page.bind("det", number(det(matmul(Tensor{{1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}},
                                     transpose(Tensor{{1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}})))));
  const double almost = 0.01;
  const Tensor copy = x + almost * Tensor{1, -2, 0, 2, -1};
  const LinearFit near = fit_linear(stack({x, copy}, 1), y);
  page.bind("almost", 2 * almost);
  page.bind("near", Tensor{near.coef[1], near.coef[2]}, 2);
  page.bind("near_sum", near.coef[1] + near.coef[2]);
  page.bind("near_vif", near.vif[1], 0);
  page.bind("near_se", near.se[1], 2);
  const LinearFit plain = fit_linear(column, y);
  page.bind("plain_se", plain.se[1], 2);

  // Years: the square of a condition number.
  // [solvers]
  const auto powers = [](const Tensor& t) {
    return stack({ones_like(t), t, square(t), t * square(t)}, 1);
  };
  const Tensor year = arange(2001, 2021), target = sin(year);
  const Conditioning raw = compare_solvers(powers(year / 2000), target);
  const Conditioning centred = compare_solvers(powers((year - 2010) / 10), target);
  // [end]
  page.bind("year_first", int64_t{2001});
  page.bind("year_last", int64_t{2020});
  page.bind("year_middle", int64_t{2010});
  page.bind("thousands", int64_t{2000});
  const auto size = [](double v) { return text::significant(v, 2); };
  page.table("solvers", {{"", "t = year / 2000", "t = (year - 2010) / 10"},
                         {"condition of X", size(raw.condition), size(centred.condition)},
                         {"its square", size(raw.condition * raw.condition),
                          size(centred.condition * centred.condition)},
                         {"error, normal equations", about(raw.normal), about(centred.normal)},
                         {"error, QR", about(raw.reflections), about(centred.reflections)},
                         {"error, SVD", about(raw.singular), about(centred.singular)}});
  page.bind("digits", 16);

  page.exercise(
      Predict{.name = "slope-by-hand-of-a-line",
              .answer = 2.6,
              .wrong = {{2.1, "line through the origin",
                         "This is the best line through the origin. Subtract both means first."},
                        {8.0 / 3, "first and last point joined",
                         "You joined the ends. The two points between them pull as well."},
                        {2, "ratio of the means", "You divided the mean of y by the mean of x."},
                        {13.0 / 38, "x explained by y",
                         "You divided by the spread of y. Which of the two is to be foretold?"},
                        {3.25, "covariance taken for the slope",
                         "You divided by the number of points. Divide by the spread of x."},
                        {13, "not divided by the spread",
                         "This is how x and y move together. Divide by how much x moves."},
                        {-1.5, "intercept for slope", "This is where the line meets x = 0."}}});
  page.exercise(Choose{
      .name = "huge-and-opposite",
      .answer = "twins",
      .choices = {
          {"twins", "two columns say nearly the same", "", ""},
          {"noise", "the noise is too large", "noise blamed",
           "More noise makes all weights unsure, and makes predictions worse. Here the predictions "
           "are fine, and the two weights cancel."},
          {"rows", "there are too few rows", "rows blamed",
           "Few rows would hurt all weights. What is special about these two?"},
          {"rate", "the learning rate was too large", "a solver's step blamed",
           "Least squares in closed form has no rate. The answer itself is like this."},
          {"outlier", "one row is wrong", "outlier blamed",
           "One wrong row pulls predictions away. These are fine on new data too."},
          {"curved", "the truth is not a line", "shape blamed",
           "A curve leaves a pattern in the misses. It does not make two weights cancel."},
          {"scale", "the columns have different units", "units blamed",
           "Units change a weight by the same factor as its standard error. They create no "
           "cancelling pair."}}});
  page.exercise(Predict{
      .name = "digits-left",
      .answer = 6,
      .wrong = {
          {11, "condition not squared",
           "That is what QR would leave. The normal equations use X transposed times X."},
          {10, "lost taken for left", "So many are lost. How many are left?"},
          {5, "one condition taken for the loss of digits",
           "These are the digits that QR loses, not those that the normal equations leave."},
          {16, "no loss", "A number starts with 16. The data were multiplied with themselves."},
          {13.5, "condition under a root", "The condition number is squared, not rooted."},
          {1e10, "condition number itself",
           "That is the squared condition number. How many digits "
           "is that?"}}});
  std::vector<Fill<FitLine>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<FitLine>{
      .name = "fit-line", .solution = fit_line, .check = check_fit_line, .wrong = wrong});
}
