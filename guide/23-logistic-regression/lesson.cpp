// Chances of passing an exam, Newton's steps to them, classes that a line divides without error,
// and three classes at once.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/losses.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

using Numbers = std::vector<double>;
using SlopeByWeight = double(const Numbers&, const Numbers&, double, double);

// [solution loss-slope]
// The slope, by the weight b, of the sum of losses -log p(y) over all rows,
// where p(1) = sigmoid(a + b x). Labels y are 0 or 1.
double loss_slope(const std::vector<double>& x, const std::vector<double>& y, double a, double b) {
  double slope = 0;
  // [hole (void)x; (void)y; (void)a; (void)b;]
  for (size_t i = 0; i < x.size(); ++i) {
    const double p = 1 / (1 + std::exp(-(a + b * x[i])));
    slope += (p - y[i]) * x[i];
  }
  // [end hole]
  return slope;
}
// [end]

double chance(double z) {
  return 1 / (1 + std::exp(-z));
}
// The sum over rows of what `one` says of (p, y, x, z).
template <class One>
double over_rows(const Numbers& x, const Numbers& y, double a, double b, const One& one) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double z = a + b * x[i];
    sum += one(chance(z), y[i], x[i], z);
  }
  return sum;
}

struct Mistake {
  const char *misconception, *says;
  SlopeByWeight* function;
};

const Mistake mistakes[] = {
    {"wrong sign",
     "Right size, wrong sign. Where p is above y, a larger score makes the loss worse, not better.",
     [](const Numbers& x, const Numbers& y, double a, double b) {
       return -loss_slope(x, y, a, b);
     }},
    {"inner slope forgotten",
     "This is the slope by the intercept. By how much does the score move when b moves by one?",
     [](const Numbers& x, const Numbers& y, double a, double b) {
       return over_rows(x, y, a, b, [](double p, double t, double, double) { return p - t; });
     }},
    {"slope of squared error",
     "You multiplied by p (1 - p), as for a squared error. In -log p that factor cancels.",
     [](const Numbers& x, const Numbers& y, double a, double b) {
       return over_rows(x, y, a, b, [](double p, double t, double v, double) {
         return (p - t) * p * (1 - p) * v;
       });
     }},
    {"score taken for the chance",
     "You compared the score with the label. First the sigmoid makes a chance of it.",
     [](const Numbers& x, const Numbers& y, double a, double b) {
       return over_rows(x, y, a, b,
                        [](double, double t, double v, double z) { return (z - t) * v; });
     }},
    {"mean instead of sum", "Right for the mean of the losses. Here the sum is asked for.",
     [](const Numbers& x, const Numbers& y, double a, double b) {
       return loss_slope(x, y, a, b) / static_cast<double>(x.size());
     }},
    {"only rows of class 1",
     "Rows with label 0 count too: their loss is -log(1 - p), and it also moves with b.",
     [](const Numbers& x, const Numbers& y, double a, double b) {
       return over_rows(x, y, a, b,
                        [](double p, double t, double v, double) { return t * (p - 1) * v; });
     }},
    {"loss instead of slope", "This is the loss itself. How fast does it move with b?",
     [](const Numbers& x, const Numbers& y, double a, double b) {
       return over_rows(x, y, a, b, [](double p, double t, double, double) {
         return -std::log(t == 1 ? p : 1 - p);
       });
     }},
    {"rounded to a class", "You compared the predicted class with the label. Keep the chance.",
     [](const Numbers& x, const Numbers& y, double a, double b) {
       return over_rows(x, y, a, b, [](double p, double t, double v, double) {
         return ((p > 0.5 ? 1.0 : 0.0) - t) * v;
       });
     }},
};

Verdict check_loss_slope(SlopeByWeight* answer) {
  struct Case {
    Numbers x, y;
    double a, b;
  };
  const Case cases[] = {{{1, 2, -3}, {1, 0, 1}, 0.5, -0.7}, {{0.5, 4}, {0, 1}, -1, 1}};
  for (const Case& c : cases) {
    const double want = loss_slope(c.x, c.y, c.a, c.b), got = answer(c.x, c.y, c.a, c.b);
    const auto near = [&](double v) { return std::abs(got - v) <= 1e-9; };
    if (near(want)) continue;
    Verdict v{.where = std::to_string(c.x.size()) + " rows, the first x = " + shown(c.x[0]) +
                       ", y = " + shown(c.y[0]) + "; a = " + shown(c.a) + ", b = " + shown(c.b),
              .yours = shown(got, 6),
              .expected = shown(want, 6)};
    for (const Mistake& m : mistakes) {
      if (!near(m.function(c.x, c.y, c.a, c.b))) continue;
      v.misconception = m.misconception;
      v.says = m.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// ---------------------------------------------------------------------------- pictures

// Short dashes where the points are.
Line dashes(std::string label, const Numbers& x, const Numbers& y, double half,
            std::string colour) {
  Line line{.label = std::move(label), .x = {}, .y = {}, .colour = std::move(colour), .width = 5};
  for (size_t i = 0; i < x.size(); ++i) {
    line.x.insert(line.x.end(), {x[i] - half, x[i] + half, x[i] + half});
    line.y.insert(line.y.end(), {y[i], y[i], std::numeric_limits<double>::quiet_NaN()});
  }
  return line;
}
}  // namespace

LESSON(page) {
  // Ten students.
  const Tensor hours = page.set("hours", Tensor{0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5});
  // [fit]
  const Tensor passed{0, 0, 0, 1, 0, 1, 0, 1, 1, 1};
  const Tensor x = expand_dims(hours, 1);  // one column
  const LogisticFit fit = fit_logistic(x, passed, {.l2 = 0});
  // [end]
  const double a = fit.intercept[0], b = fit.coef[0];
  const auto p_at = [&](double h) { return chance(a + b * h); };
  page.bind("hours", hours);
  page.bind("passed", passed);
  page.bind("a", a);
  page.bind("b", b);
  page.bind("half", -a / b);
  page.bind("at", 3.0);
  page.bind("z_at", a + b * 3);
  page.bind("p_at", p_at(3));
  page.bind("odds_at", p_at(3) / (1 - p_at(3)));
  page.bind("odds_next", p_at(4) / (1 - p_at(4)));
  page.bind("ratio", std::exp(b));
  page.bind("steepest", b / 4);
  page.bind("loss", fit.loss);
  page.bind("accuracy", fit.accuracy);
  page.bind("chance_loss", chance_loss("binary", std::vector<double>{0.5, 0.5}));
  if (!fit.se.empty()) {
    page.table(
        "fit",
        {{"", "estimate", "standard error", "z", "p-value"},
         {"hours", shown(b), shown(fit.se[0]), shown(fit.z[0], 2), shown(fit.p_value[0])},
         {"intercept", shown(a), shown(fit.se[1]), shown(fit.z[1], 2), shown(fit.p_value[1])}});
  } else {
    page.table("fit", {{"", "estimate"}, {"hours", shown(b)}, {"intercept", shown(a)}});
  }
  const LinearFit straight = fit_linear(x, passed);
  const auto line_at = [&](double h) { return straight.coef[0] + straight.coef[1] * h; };
  page.bind("late", 7.0);
  page.bind("line_late", line_at(7));
  page.bind("p_late", p_at(7));
  Line curve{.label = "sigmoid", .x = {}, .y = {}, .colour = "var(--accent)"};
  Line flat{.label = "straight line", .x = {}, .y = {}};
  for (int i = 0; i <= 70; ++i) {
    const double h = i / 10.0;
    curve.x.push_back(h);
    curve.y.push_back(p_at(h));
    flat.x.push_back(h);
    flat.y.push_back(line_at(h));
  }
  page.picture("curve",
               Plot{.id = "curve",
                    .title = "Chance to pass by hours of study, and the ten students",
                    .x_label = "hours",
                    .lines = {curve, flat,
                              dashes("", numbers(hours), numbers(passed), 0.06, "var(--ink)")}});

  // Newton's steps.
  // [newton]
  const Tensor X = stack({ones({10}), hours}, 1);
  const auto loss = [&](const Tensor& w) {
    return binary_cross_entropy_with_logits(matmul(X, w), passed, Reduction::sum);
  };
  std::vector<Tensor> steps{zeros({2})};
  for (int i = 0; i < 6; ++i) {
    const Tensor w = steps.back();
    steps.push_back(w - solve(hessian(loss)(w), grad(loss)(w)));
  }
  // [end]
  const Tensor end{a, b};
  Table newton{{"step", "intercept", "weight", "loss", "distance to the end"}};
  for (size_t i = 0; i < steps.size(); ++i) {
    const Numbers w = numbers(steps[i]);
    const double apart = number(max(abs(steps[i] - end)));
    newton.push_back({std::to_string(i), shown(w[0]), shown(w[1]), shown(number(loss(steps[i]))),
                      apart < 1e-7 ? "below 1e-7" : text::significant(apart, 2)});
  }
  page.table("newton", newton);
  // p - y, by hand and by the engine.
  const Tensor w0{-1, 0.5};
  // [slope]
  const Tensor misses = sigmoid(matmul(X, w0)) - passed;
  const Tensor by_hand = matmul(transpose(X), misses);
  const Tensor by_engine = grad(loss)(w0);
  // [end]
  page.bind("w0", w0);
  page.bind("by_hand", by_hand);
  page.bind("by_engine", by_engine);
  page.bind("mean_p", number(mean(sigmoid(matmul(X, end)))));
  page.bind("mean_y", number(mean(passed)));
  // Down the slope at the best rate that is safe everywhere: curvature is at most X^T X / 4.
  const std::vector<double> steepest = numbers(eigvalsh(matmul(transpose(X), X) / 4));
  int64_t walked = 0;
  trajectory(loss, zeros({2}), {.method = "sgd", .lr = 1 / steepest.back()}, 5000,
             [&](const Iterate& i) {
               walked = i.step;
               return number(max(abs(i.x - end))) > 1e-3;
             });
  page.bind("walked", walked);
  page.bind("near", 1e-3);

  // Classes that a line divides.
  // [separable]
  const Tensor clean{0, 0, 0, 0, 0, 1, 1, 1, 1, 1};
  const LogisticFit endless = fit_logistic(x, clean, {.l2 = 0});
  const LogisticFit held = fit_logistic(x, clean, {.l2 = 1});
  // [end]
  page.bind("warning", endless.warning);
  page.bind("held", held.coef[0]);
  page.bind("held_loss", held.loss);
  const auto clean_loss = [&](const Tensor& w) {
    return binary_cross_entropy_with_logits(matmul(X, w), clean, Reduction::mean);
  };
  Line growth{.label = "no penalty", .x = {}, .y = {}, .colour = "var(--accent)"};
  Line bounded{.label = "l2 = 1", .x = {}, .y = {}};
  Table grows{{"steps", "weight", "loss"}};
  const auto path = trajectory(clean_loss, zeros({2}), {.method = "sgd", .lr = 0.5}, 3000);
  const auto held_path =
      trajectory([&](const Tensor& w) { return clean_loss(w) + 0.05 * square(row(w, 1)); },
                 zeros({2}), {.method = "sgd", .lr = 0.5}, 3000);
  for (size_t i = 0; i < path.size(); ++i) {
    const double at = static_cast<double>(i + 1);
    const Numbers w = numbers(path[i]);
    if (i + 1 == 30 || i + 1 == 300 || i + 1 == 3000)
      grows.push_back({std::to_string(i + 1), shown(w[1], 2), shown(number(clean_loss(path[i])))});
    if (i % 10 != 9 && i > 20) continue;
    growth.x.push_back(std::log10(at));
    growth.y.push_back(w[1]);
    bounded.x.push_back(std::log10(at));
    bounded.y.push_back(numbers(held_path[i])[1]);
  }
  page.table("grows", grows);
  page.picture("grows", Plot{.id = "grows",
                             .title = "The weight during gradient descent on classes that a line "
                                      "divides",
                             .x_label = "power of ten of the step",
                             .lines = {growth, bounded}});

  // Three classes.
  // [three]
  RandomState random(5);
  const double centres[3][2] = {{0, 2}, {-1.8, -1}, {1.8, -1}};
  std::vector<double> places, kinds;
  for (int i = 0; i < 120; ++i) {
    places.push_back(centres[i % 3][0] + random.standard_normal());
    places.push_back(centres[i % 3][1] + random.standard_normal());
    kinds.push_back(i % 3);
  }
  const Tensor points = from_vector(places, {120, 2}), kind = from_vector(kinds);
  const LogisticFit three = fit_logistic(points, kind, {.l2 = 1});
  // [end]
  page.bind("count", int64_t{120});
  page.bind("three_accuracy", three.accuracy);
  page.bind("three_loss", three.loss);
  page.bind("three_chance", std::log(3.0));
  page.bind("three_steps", three.iterations);
  Table scores{{"class", "intercept", "first", "second", "score at the point", "chance"}};
  const double px = page.set("px", 0.3), py = page.set("py", 0.2);
  const Tensor chances = three.probabilities(Tensor{{px, py}});
  const Numbers share = numbers(chances);
  const auto score_of = [&](size_t k, double u, double v) {
    return three.intercept[k] + three.coef[2 * k] * u + three.coef[2 * k + 1] * v;
  };
  for (size_t k = 0; k < 3; ++k)
    scores.push_back({std::to_string(k), shown(three.intercept[k]), shown(three.coef[2 * k]),
                      shown(three.coef[2 * k + 1]), shown(score_of(k, px, py)), shown(share[k])});
  page.table("scores", scores);
  page.bind("px", px);
  page.bind("py", py);
  const Tensor raw{score_of(0, px, py), score_of(1, px, py), score_of(2, px, py)};
  page.bind("shift", int64_t{100});
  const double moved = number(max(abs(softmax(raw + 100) - softmax(raw))));
  page.bind("shifted", moved < 1e-12 ? "below 1e-12" : shown(moved));
  page.bind("pair", share[0] / (share[0] + share[1]));
  page.bind("pair_sigmoid", chance(score_of(0, px, py) - score_of(1, px, py)));
  std::vector<Line> marks;
  const char* colours[] = {"var(--ink)", "var(--accent)", "var(--muted)"};
  for (size_t k = 0; k < 3; ++k) {
    Numbers u, v;
    for (size_t i = 0; i < 120; ++i)
      if (i % 3 == k) {
        u.push_back(places[2 * i]);
        v.push_back(places[2 * i + 1]);
      }
    marks.push_back(dashes("class " + std::to_string(k), u, v, 0.05, colours[k]));
  }
  for (size_t k = 0; k < 3; ++k) {
    // Where class k and the next are equally likely and the third is not above them.
    const size_t l = (k + 1) % 3, m = (k + 2) % 3;
    const double c0 = three.intercept[k] - three.intercept[l];
    const double c1 = three.coef[2 * k] - three.coef[2 * l];
    const double c2 = three.coef[2 * k + 1] - three.coef[2 * l + 1];
    const double size = c1 * c1 + c2 * c2;
    Line border{.label = "", .x = {}, .y = {}};
    for (int i = -80; i <= 80; ++i) {
      const double t = i / 10.0 / std::sqrt(size);
      const double u = -c0 * c1 / size - c2 * t, v = -c0 * c2 / size + c1 * t;
      const bool here =
          score_of(k, u, v) >= score_of(m, u, v) && std::abs(u) < 4 && v > -4 && v < 5;
      if (!here) continue;
      border.x.push_back(u);
      border.y.push_back(v);
    }
    marks.push_back(border);
  }
  page.picture("three", Plot{.id = "three",
                             .title = "Three classes and the straight borders between them",
                             .x_label = "first number",
                             .lines = marks,
                             .width = 420,
                             .height = 320});

  page.exercise(Predict{
      .name = "chance-from-a-score",
      .answer = 1 / (1 + std::exp(1.0)),
      .wrong = {{-1, "score taken for the chance",
                 "This is the score. A chance is never negative: what makes a chance of it?"},
                {std::exp(-1.0), "odds taken for the chance",
                 "These are the odds, p over 1 - p. Solve for p."},
                {1 / (1 + std::exp(-1.0)), "the other class", "This is the chance to fail."},
                {1 / (1 + std::exp(-3.0)), "intercept forgotten",
                 "Add the intercept to the score before the sigmoid."},
                {1 / (1 + std::exp(0.5)), "weight added instead of multiplied",
                 "The weight multiplies the hours."},
                {0, "rounded to a class", "This is the likelier class, not the chance of passing."},
                {std::tanh(-1.0), "tanh for the sigmoid",
                 "tanh runs from -1 to 1. The sigmoid runs from 0 to 1."}}});
  page.exercise(Predict{
      .name = "one-more-hour",
      .answer = 2.0 / 3,
      .wrong = {
          {1, "chance doubled", "What doubles is p over 1 - p, not p."},
          {2, "odds taken for the chance", "These are the new odds. Which chance has odds 2?"},
          {0.5 + std::log(2.0), "weight added to the chance",
           "The weight is added to the score. A chance above 1 should have made you doubt."},
          {0.5 + std::log(2.0) / 4, "tangent taken for the curve",
           "This follows the slope at the start all the way. Near, but the curve bends."},
          {1.0 / 3, "the other direction", "This is one hour less."},
          {0.75, "distance to 1 halved",
           "You halved what is missing to 1. It is the odds that double."},
          {0.5, "no change", "The hour counts: the score grows by the weight."}}});
  page.exercise(Choose{
      .name = "weights-without-end",
      .answer = "divided",
      .choices = {
          {"divided", "a plane divides the classes without error", "", ""},
          {"rate", "the learning rate is too large", "rate blamed",
           "Too large a rate makes the loss jump. Here it falls smoothly to 0."},
          {"minimum", "it is stuck in a bad local minimum", "local minimum blamed",
           "The loss is convex: there are no bad ones. And here it goes to 0, as low as can be."},
          {"overflow", "numbers overflow", "arithmetic blamed",
           "The weights grow slowly, like a logarithm. Exact arithmetic would do the same."},
          {"twins", "two columns say the same", "collinearity blamed",
           "Twins drift apart, but the chances stay moderate. Here all chances go to 0 and 1."},
          {"noise", "the labels are wrong", "labels blamed",
           "Wrong labels would stop it: each costs more the surer the fit gets. It needs perfect "
           "ones."},
          {"rows", "there are too many rows", "rows blamed",
           "More rows make it rarer. Few rows and many columns bring it about."}}});
  std::vector<Fill<SlopeByWeight>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<SlopeByWeight>{
      .name = "loss-slope", .solution = loss_slope, .check = check_loss_slope, .wrong = wrong});
}
