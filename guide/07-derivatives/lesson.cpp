// Slopes measured with finite steps, the rules that make them exact, and kinks, where a convention
// decides.
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// [solution central-slope]
double central_slope(const std::function<double(double)>& f, double x, double h) {
  // [hole return 0;]
  return (f(x + h) - f(x - h)) / (2 * h);
  // [end hole]
}
// [end]

using Quotient = double(const std::function<double(double)>&, double, double);
using Curve = std::function<double(double)>;

struct Mistake {
  const char *misconception, *says;
  Quotient* function;
};

const Mistake mistakes[] = {
    {"one side only", "This is the forward quotient: one step to the right, none to the left.",
     [](const Curve& f, double x, double h) { return (f(x + h) - f(x)) / h; }},
    {"left side only", "This is the backward quotient: one step to the left, none to the right.",
     [](const Curve& f, double x, double h) { return (f(x) - f(x - h)) / h; }},
    {"divides by one step",
     "Twice too large. How far apart are the two points where you asked for f?",
     [](const Curve& f, double x, double h) { return (f(x + h) - f(x - h)) / h; }},
    {"brackets forgotten",
     "a / 2 * h divides by 2 and then multiplies by h. Put what you divide by in brackets.",
     [](const Curve& f, double x, double h) { return (f(x + h) - f(x - h)) / 2 * h; }},
    {"not divided", "This is how far f moved. A slope is that, divided by how far x moved.",
     [](const Curve& f, double x, double h) { return f(x + h) - f(x - h); }},
    {"wrong sign", "The size is right and the sign is not. Which of the two points comes first?",
     [](const Curve& f, double x, double h) { return (f(x - h) - f(x + h)) / (2 * h); }},
    {"half steps, whole division",
     "You stepped h / 2 to each side, so the points are h apart, but you divided by 2 h.",
     [](const Curve& f, double x, double h) { return (f(x + h / 2) - f(x - h / 2)) / (2 * h); }},
    {"slope at zero", "The steps start at 0. They must start at the x that was given.",
     [](const Curve& f, double, double h) { return (f(h) - f(-h)) / (2 * h); }},
};

Verdict check_central_slope(Quotient* answer) {
  struct Case {
    const char* where;
    Curve f;
    double x, h;
  };
  const Case cases[] = {
      {"f(x) = x^3 + x^2, x = 2, h = 0.1", [](double x) { return x * x * x + x * x; }, 2, 0.1},
      {"f(x) = sin x, x = -1, h = 0.5", [](double x) { return std::sin(x); }, -1, 0.5},
      {"f(x) = 1/x, x = 0.5, h = 0.001", [](double x) { return 1 / x; }, 0.5, 0.001}};
  for (const Case& c : cases) {
    const double want = (c.f(c.x + c.h) - c.f(c.x - c.h)) / (2 * c.h), got = answer(c.f, c.x, c.h);
    const auto near = [&](double a) { return std::abs(got - a) <= 1e-9 * (1 + std::abs(a)); };
    if (near(want)) continue;
    Verdict v{.where = c.where, .yours = shown(got, 6), .expected = shown(want, 6)};
    for (const Mistake& m : mistakes) {
      if (!near(m.function(c.f, c.x, c.h))) continue;
      v.misconception = m.misconception;
      v.says = m.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// Rounding alone differs from machine to machine.
std::string below(double e) {
  return e <= 1e-14 ? "below 1e-14" : shown(e, 2);
}

std::string error_text(double e) {
  return shown(std::abs(e), 2);
}
}  // namespace

LESSON(page) {
  // The quotients of e^x.
  const double at = page.set("at", 1.0);
  // [quotients]
  const auto f = [](double x) { return std::exp(x); };
  const auto forward = [&](double h) { return (f(at + h) - f(at)) / h; };
  const auto central = [&](double h) {
    const double rise = f(at + h) - f(at - h);
    return rise / (2 * h);
  };
  const auto e_to_the = [](const Tensor& x) { return exp(x); };
  const double exact = number(grad(e_to_the)(at));
  // [end]
  page.bind("at", at);
  page.bind("exact", exact, 6);
  Table quotients = {{"h", "forward", "its error", "central", "its error"}};
  double best_forward = HUGE_VAL, best_central = HUGE_VAL;
  std::string h_forward = "none", h_central = "none";
  Line forward_errors{.label = "forward", .colour = "var(--r4)"};
  Line central_errors{.label = "central", .colour = "var(--accent)"};
  for (int k = 1; k <= 13; ++k) {
    const double h = std::pow(10.0, -k);
    const double one = std::abs(forward(h) - exact), two = std::abs(central(h) - exact);
    const std::string name = "1e-" + std::to_string(k);
    if (k % 2 == 1)
      quotients.push_back(
          {name, shown(forward(h), 10), error_text(one), shown(central(h), 10), error_text(two)});
    if (one < best_forward) best_forward = one, h_forward = name;
    best_central = std::min(best_central, two);
    for (auto [line, error] : {std::pair{&forward_errors, one}, {&central_errors, two}}) {
      line->x.push_back(-k);
      line->y.push_back(error);
    }
  }
  page.table("quotients", quotients);
  page.picture("errors", Plot{.id = "quotient-errors",
                              .title = "Error of the quotients of e^x",
                              .x_label = "power of ten of the step h",
                              .lines = {forward_errors, central_errors},
                              .log = true,
                              .dots = true});
  // The first step that is about as good as any.
  for (size_t k = central_errors.y.size(); k-- > 0;)
    if (central_errors.y[k] <= 3 * best_central) h_central = "1e-" + std::to_string(k + 1);
  page.bind("h_central", h_central);
  page.bind("best_central", error_text(best_central));
  page.bind("h_forward", h_forward);
  page.bind("best_forward", error_text(best_forward));
  page.bind("central_3", error_text(central(1e-3) - exact));
  page.bind("central_5", error_text(central(1e-5) - exact));
  page.bind("central_11", error_text(central(1e-11) - exact));
  page.bind("forward_5", error_text(forward(1e-5) - exact));
  const double spacing = std::nextafter(f(at), HUGE_VAL) - f(at);
  page.bind("spacing", error_text(spacing));
  page.bind("noise", error_text(spacing / 2e-11));

  // Secants of x^2 at 1.
  const auto square_line = [](double slope, std::string label, std::string colour, double to) {
    return Line{.label = std::move(label),
                .x = {0.4, to},
                .y = {1 + slope * (0.4 - 1), 1 + slope * (to - 1)},
                .colour = std::move(colour)};
  };
  Line curve{.x = {}, .y = {}, .faint = true};
  for (int i = 0; i <= 60; ++i) {
    curve.x.push_back(0.4 + 0.045 * i);
    curve.y.push_back(curve.x.back() * curve.x.back());
  }
  const auto secant = [](double h) { return ((1 + h) * (1 + h) - 1) / h; };
  page.picture("secants", Plot{.id = "secants",
                               .title = "Secants of the square through 1 turning into the tangent",
                               .x_label = "x",
                               .lines = {curve, square_line(secant(2), "h = 2", "var(--r1)", 3.1),
                                         square_line(secant(1), "h = 1", "var(--r3)", 3.1),
                                         square_line(secant(0.5), "h = 1/2", "var(--r5)", 3.1),
                                         square_line(2, "tangent", "var(--accent)", 3.1)}});
  page.bind("secant_2", secant(2));
  page.bind("secant_1", secant(1));
  page.bind("secant_half", secant(0.5));
  page.bind("secant_small", secant(0.01));

  // Five rules, each at one point and at a hundred random ones.
  const double p = page.set("p", 3.0);
  struct Case {
    const char *name, *text;
    std::function<Tensor(const Tensor&)> f;
    double (*by_rule)(double);
  };
  const Case rules[] = {
      {"power", "x^3", [](const Tensor& x) { return x * x * x; },
       [](double x) { return 3 * x * x; }},
      {"sum", "x^3 + sin x", [](const Tensor& x) { return x * x * x + sin(x); },
       [](double x) { return 3 * x * x + std::cos(x); }},
      {"product", "x^2 sin x", [](const Tensor& x) { return square(x) * sin(x); },
       [](double x) { return 2 * x * std::sin(x) + x * x * std::cos(x); }},
      {"quotient", "sin x / (x^2 + 1)", [](const Tensor& x) { return sin(x) / (square(x) + 1.0); },
       [](double x) {
         const double v = x * x + 1;
         return (std::cos(x) * v - std::sin(x) * 2 * x) / (v * v);
       }},
      {"chain", "sin(x^2)", [](const Tensor& x) { return sin(square(x)); },
       [](double x) { return std::cos(x * x) * 2 * x; }}};
  Table rule_table = {{"rule", "function", "by the rule", "by the engine", "worst"}};
  double worst = 0;
  for (const Case& r : rules) {
    RandomState random(7);
    double apart = 0;
    for (int i = 0; i < 100; ++i) {
      const double x = 6 * random.random_sample() - 3;
      apart = std::max(apart, std::abs(number(grad(r.f)(x)) - r.by_rule(x)));
    }
    worst = std::max(worst, apart);
    rule_table.push_back(
        {r.name, r.text, shown(r.by_rule(p), 6), shown(number(grad(r.f)(p)), 6), below(apart)});
  }
  page.table("rules", rule_table);
  page.bind("p", p);
  page.bind("worst", below(worst));
  page.bind("two_p", 2 * p);
  page.bind("p_square", p * p);
  page.bind("sin_p", std::sin(p));
  page.bind("cos_p", std::cos(p));
  page.bind("product_left", 2 * p * std::sin(p));
  page.bind("product_right", p * p * std::cos(p));
  page.bind("product_slope", 2 * p * std::sin(p) + p * p * std::cos(p));
  page.bind("product_wrong", 2 * p * std::cos(p));
  page.bind("cos_p_square", std::cos(p * p));
  page.bind("chain_slope", std::cos(p * p) * 2 * p);

  // The activations.
  const double z = page.set("z", 2.0), u = page.set("u", 1.0);
  // [activations]
  const auto squash = [](const Tensor& x) { return sigmoid(x); };
  const double sigmoid_slope = number(grad(squash)(z));
  const auto bend = [](const Tensor& x) { return relu(x); };
  const double kink = number(grad(bend)(0.0));
  // [end]
  const double tanh_slope = number(grad([](const Tensor& x) { return tanh(x); })(u));
  const double s = number(sigmoid(z)), t = std::tanh(u);
  page.bind("z", z);
  page.bind("u", u);
  page.bind("s", s, 6);
  page.bind("s_rest", 1 - s, 6);
  page.bind("s_slope", sigmoid_slope, 6);
  page.bind("t", t, 6);
  page.bind("t_square", t * t, 6);
  page.bind("t_slope", tanh_slope, 6);
  page.bind("kink", kink);
  const auto relu_of = [](double x) { return std::max(x, 0.0); };
  const double h = 1e-5;
  page.bind("kink_right", (relu_of(h) - relu_of(0)) / h);
  page.bind("kink_left", (relu_of(0) - relu_of(-h)) / h);
  page.bind("kink_central", (relu_of(h) - relu_of(-h)) / (2 * h));
  page.bind("kink_tie", number(grad([](const Tensor& x) { return maximum(x, 0.0); })(0.0)));
  page.bind("kink_abs", number(grad([](const Tensor& x) { return abs(x); })(0.0)));
  page.bind("s_ten", std::pow(0.25, 10));

  page.exercise(Predict{
      .name = "slope-of-a-cubic",
      .answer = 10,
      .wrong = {{4, "value instead of slope",
                 "That is f(2) itself: how high the curve is, not how steep."},
                {12, "linear term dropped",
                 "The first term is right. The slope of -2x is not 0: it is the slope of a "
                 "straight line."},
                {8, "linear term kept as it is",
                 "You kept -2x and put 2 in. Replace -2x by its slope first."},
                {2, "exponent not brought down",
                 "You lowered the exponent to 2. The old exponent also comes down, as a factor."},
                {22, "exponent not lowered",
                 "You brought the 3 down. The exponent must also become one smaller."},
                {14, "minus became plus", "Look at the sign in front of 2x."}}});
  const double rad = std::numbers::pi / 180;
  page.exercise(Predict{
      .name = "product-rule",
      .answer = 2 * std::sin(1) + std::cos(1),
      .wrong = {
          {2 * std::cos(1), "slopes multiplied",
           "You multiplied the two slopes. Each factor moves while the other is held: two terms."},
          {2 * std::sin(1), "second term forgotten",
           "This is the part in which x^2 moves. What happens when sin x moves?"},
          {std::cos(1), "first term forgotten",
           "This is the part in which sin x moves. What happens when x^2 moves?"},
          {2 * std::sin(1) - std::cos(1), "minus of the quotient rule",
           "A product has a plus. The minus belongs to the quotient rule, or to the slope of cos."},
          {std::sin(1), "value instead of slope", "That is f(1) itself, not its slope."},
          {2 * std::sin(rad) + std::cos(rad), "degrees instead of radians",
           "The rule is right; your calculator takes the 1 as one degree. Switch it to "
           "radians."}}});
  page.exercise(Choose{
      .name = "choose-the-step",
      .answer = "larger",
      .choices = {
          {"larger", "use a larger h, such as 1e-5", "", ""},
          {"smaller", "use a smaller h: the definition says h goes to 0",
           "smaller is always better",
           "On paper, yes. In a computer f(x+h) and f(x-h) now agree in almost all their digits, "
           "and the difference is made of what rounding left."},
          {"f32", "compute in f32, which is simpler", "fewer digits help",
           "f32 keeps about 7 digits instead of 16, so rounding hurts much earlier."},
          {"average", "measure a thousand times with this h and average", "rounding is random",
           "The same computation gives the same bits each time. The average is the same wrong "
           "number."},
          {"forward", "use the forward quotient instead", "the formula is to blame",
           "At this h both quotients suffer from the same rounding. Look at the last row of the "
           "table."},
          {"nothing", "nothing: that is the true slope there", "the measurement is the truth",
           "The slope of e^x at 1 is e. The rule is exact; the measurement is what is off."}}});
  std::vector<Fill<Quotient>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<Quotient>{.name = "central-slope",
                               .solution = central_slope,
                               .check = check_central_slope,
                               .wrong = wrong});
}
