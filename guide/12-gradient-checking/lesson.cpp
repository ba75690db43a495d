// Differences as a judge of derivatives: which step, which error, and what a verdict is worth.
#include <gradus/base/text.h>
#include <gradus/diff/check.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>

namespace {
using namespace gradus;
using namespace gradus::lessons;
using lessons::Verdict;  // gradus::Verdict is gradcheck's

// ------------------------------------------------------------- five layers, one of them wrong

// [five]
using Row = std::vector<double>;

// y = tanh(x)
Row tanh_backward(const Row& y, const Row& y_bar) {
  Row x_bar(y.size());
  for (size_t i = 0; i < y.size(); ++i) {
    x_bar[i] = y_bar[i] * (1 - y[i] * y[i]);
  }
  return x_bar;
}

// y = sigmoid(x)
Row sigmoid_backward(const Row& y, const Row& y_bar) {
  Row x_bar(y.size());
  for (size_t i = 0; i < y.size(); ++i) {
    x_bar[i] = y_bar[i] * y[i] * (1 - y[i]);
  }
  return x_bar;
}

// y = softmax(x), one row: y[i] = exp(x[i]) / (sum of all exp(x[j]))
Row softmax_backward(const Row& y, const Row& y_bar) {
  Row x_bar(y.size());
  for (size_t i = 0; i < y.size(); ++i) {
    x_bar[i] = y_bar[i] * y[i] * (1 - y[i]);
  }
  return x_bar;
}

// y = mean over i of (x[i] - t[i])^2, one number; t are the targets
Row mean_square_backward(const Row& x, const Row& t, double y_bar) {
  const double n = static_cast<double>(x.size());
  Row x_bar(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    x_bar[i] = y_bar * 2 * (x[i] - t[i]) / n;
  }
  return x_bar;
}

// y[r][i] = z[r][i] + b[i] for each row r of a batch; the bar of b
Row bias_backward(const std::vector<Row>& y_bar) {
  Row b_bar(y_bar[0].size());
  for (const Row& row : y_bar)
    for (size_t i = 0; i < row.size(); ++i) b_bar[i] += row[i];
  return b_bar;
}
// [end]

// A layer as a number: the sum of its outputs times y_bar, as a function of x, and what its
// backward says.
struct Suspect {
  const char* name;
  std::function<double(const Row&)> loss;
  Row backward;
};

std::vector<Suspect> suspects(const Row& x, const Row& bar) {
  const auto weighted = [bar](const Row& y) {
    double total = 0;
    for (size_t i = 0; i < y.size(); ++i) total += bar[i] * y[i];
    return total;
  };
  const auto each = [](Row v, double (*f)(double)) {
    for (double& e : v) e = f(e);
    return v;
  };
  const auto squash = [](double v) { return 1 / (1 + std::exp(-v)); };
  const auto tangent = [](double v) { return std::tanh(v); };
  const auto softmax_of = [](Row v) {
    double total = 0;
    for (double& e : v) total += e = std::exp(e);
    for (double& e : v) e /= total;
    return v;
  };
  const Row t = {0.5, 0.5, -1};
  const std::vector<Row> bars = {bar, {0.5, -1, 0.25}};
  return {{"tanh", [=](const Row& v) { return weighted(each(v, tangent)); },
           tanh_backward(each(x, tangent), bar)},
          {"sigmoid", [=](const Row& v) { return weighted(each(v, squash)); },
           sigmoid_backward(each(x, squash), bar)},
          {"softmax", [=](const Row& v) { return weighted(softmax_of(v)); },
           softmax_backward(softmax_of(x), bar)},
          {"mean-square",
           [=](const Row& v) {
             double total = 0;
             for (size_t i = 0; i < v.size(); ++i) total += (v[i] - t[i]) * (v[i] - t[i]);
             return total / static_cast<double>(v.size());
           },
           mean_square_backward(x, t, 1)},
          {"bias",
           [=](const Row& v) {
             double total = 0;
             for (const Row& b : bars)
               for (size_t i = 0; i < v.size(); ++i) total += b[i] * (2 + v[i]);
             return total;
           },
           bias_backward(bars)}};
}

// ---------------------------------------------------------------------------- exercises

using Loss = std::function<double(const std::vector<double>&)>;
using Slopes = std::function<std::vector<double>(const std::vector<double>&)>;

using DifferenceGradient = std::vector<double>(const Loss&, std::vector<double>, double);

// [solution difference-gradient]
// The central difference of f along every coordinate of x, with the step h
// on both sides.
std::vector<double> difference_gradient(const std::function<double(const std::vector<double>&)>& f,
                                        std::vector<double> x, double h) {
  std::vector<double> slopes(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    // [hole slopes[i] = f(x) * h;]
    const double kept = x[i];
    x[i] = kept + h;
    const double above = f(x);
    x[i] = kept - h;
    const double below = f(x);
    x[i] = kept;
    slopes[i] = (above - below) / (2 * h);
    // [end hole]
  }
  return slopes;
}
// [end]

// One coordinate of a difference, taken wrongly or not.
struct Manner {
  double up = 1, down = 1;  // steps on both sides, in units of h
  double share = 2;         // the difference is divided by share * h
  bool restore = true, all_at_once = false;
  double own_step = 0;  // instead of h
};
std::vector<double> differences(const Loss& f, std::vector<double> x, double h, const Manner& m) {
  std::vector<double> slopes(x.size());
  if (m.own_step > 0) h = m.own_step;
  for (size_t i = 0; i < x.size(); ++i) {
    const std::vector<double> kept = x;
    const auto moved = [&](double by) {
      for (size_t k = 0; k < x.size(); ++k)
        if (k == i || m.all_at_once) x[k] = kept[k] + by;
      return f(x);
    };
    const double above = moved(m.up * h), below = moved(-m.down * h);
    if (m.restore) x = kept;
    slopes[i] = (above - below) / (m.share * h);
  }
  return slopes;
}

std::vector<double> one_sided(const Loss& f, std::vector<double> x, double h) {
  return differences(f, x, h, {.down = 0, .share = 1});
}
std::vector<double> backward_sided(const Loss& f, std::vector<double> x, double h) {
  return differences(f, x, h, {.up = 0, .share = 1});
}
std::vector<double> divided_by_h(const Loss& f, std::vector<double> x, double h) {
  return differences(f, x, h, {.share = 1});
}
std::vector<double> never_restored(const Loss& f, std::vector<double> x, double h) {
  return differences(f, x, h, {.restore = false});
}
std::vector<double> all_moved(const Loss& f, std::vector<double> x, double h) {
  return differences(f, x, h, {.all_at_once = true});
}
std::vector<double> sides_exchanged(const Loss& f, std::vector<double> x, double h) {
  return differences(f, x, h, {.share = -2});
}
std::vector<double> step_of_its_own(const Loss& f, std::vector<double> x, double h) {
  return differences(f, x, h, {.own_step = 1e-5});
}
std::vector<double> integer_half(const Loss& f, std::vector<double> x, double h) {
  std::vector<double> slopes = difference_gradient(f, x, h);
  for (double& s : slopes) s *= 1 / 2;
  return slopes;
}

// What a mistake is called, the function that makes it, and what helps.
template <class F>
struct Slip {
  const char* name;
  F* function;
  const char* says;
};

constexpr Slip<DifferenceGradient> difference_slips[] = {
    {"one side only", one_sided,
     "This looks to the right only. Its error shrinks with h; that of both sides shrinks with h "
     "squared."},
    {"left side only", backward_sided,
     "This compares x with a point to its left. Look to both sides and leave x itself out."},
    {"divided by h", divided_by_h,
     "Every slope is twice too large. How far apart are the two points?"},
    {"x not restored", never_restored,
     "The first slope is right and later ones are off: an earlier coordinate is still moved."},
    {"all coordinates moved at once", all_moved,
     "All coordinates moved together, so every place holds the sum of all slopes."},
    {"sides exchanged", sides_exchanged,
     "Right size, wrong sign. Which of the two values is subtracted?"},
    {"step ignored", step_of_its_own, "The answer belongs to another step than the given h."},
    {"integer division", integer_half,
     "All slopes are 0. In C++, 1 / 2 divides whole numbers and gives 0."},
};

using GradientCheck = double(const Loss&, const Slopes&, std::vector<double>, double);

// [solution gradient-check]
// [include <algorithm>]
// The worst relative error of gradient(x) against central differences of f
// with step h. The error of one place is
// |slope - difference| / max(|slope|, |difference|, 1e-8).
double gradient_check(
    const std::function<double(const std::vector<double>&)>& f,
    const std::function<std::vector<double>(const std::vector<double>&)>& gradient,
    std::vector<double> x, double h) {
  const std::vector<double> slopes = gradient(x);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    // [hole worst = slopes[i] + f(x) + h;]
    const double kept = x[i];
    x[i] = kept + h;
    const double above = f(x);
    x[i] = kept - h;
    const double below = f(x);
    x[i] = kept;
    const double difference = (above - below) / (2 * h);
    const double size = std::max({std::fabs(slopes[i]), std::fabs(difference), 1e-8});
    worst = std::max(worst, std::fabs(slopes[i] - difference) / size);
    // [end hole]
  }
  return worst;
}
// [end]

// The errors of all places, from differences taken in some way.
std::vector<double> errors(const std::vector<double>& slopes, const std::vector<double>& d) {
  std::vector<double> out;
  for (size_t i = 0; i < d.size(); ++i)
    out.push_back(std::fabs(slopes[i] - d[i]) /
                  std::max({std::fabs(slopes[i]), std::fabs(d[i]), 1e-8}));
  return out;
}
double largest(const std::vector<double>& e) {
  return e.empty() ? 0 : *std::max_element(e.begin(), e.end());
}

double check_one_sided(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  return largest(errors(g(x), one_sided(f, x, h)));
}
double check_divided_by_h(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  return largest(errors(g(x), divided_by_h(f, x, h)));
}
double check_never_restored(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  return largest(errors(g(x), never_restored(f, x, h)));
}
double check_own_step(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  return largest(errors(g(x), step_of_its_own(f, x, h)));
}
double check_integer_half(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  return largest(errors(g(x), integer_half(f, x, h)));
}
double check_absolute(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  const std::vector<double> a = g(x), d = difference_gradient(f, x, h);
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::fabs(a[i] - d[i]));
  return worst;
}
double check_last(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  const std::vector<double> e = errors(g(x), difference_gradient(f, x, h));
  return e.empty() ? 0 : e.back();
}
double check_mean(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  double total = 0;
  const std::vector<double> e = errors(g(x), difference_gradient(f, x, h));
  for (const double v : e) total += v;
  return total / static_cast<double>(std::max<size_t>(e.size(), 1));
}
double check_sizes(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  std::vector<double> a = g(x), d = difference_gradient(f, x, h);
  for (double& v : a) v = std::fabs(v);
  for (double& v : d) v = std::fabs(v);
  return largest(errors(a, d));
}
double check_signed(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  const std::vector<double> a = g(x), d = difference_gradient(f, x, h);
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, (a[i] - d[i]) / std::max({std::fabs(a[i]), std::fabs(d[i]), 1e-8}));
  return worst;
}
double check_unguarded(const Loss& f, const Slopes& g, std::vector<double> x, double h) {
  const std::vector<double> a = g(x), d = difference_gradient(f, x, h);
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double e = std::fabs(a[i] - d[i]) / std::max(std::fabs(a[i]), std::fabs(d[i]));
    if (!(e <= worst)) worst = e;
  }
  return worst;
}

constexpr Slip<GradientCheck> check_slips[] = {
    {"one-sided difference", check_one_sided,
     "The differences look to one side only, so their own error hides yours."},
    {"divided by h", check_divided_by_h,
     "A right gradient gets the error one half: the differences are twice too large."},
    {"x not restored", check_never_restored,
     "An earlier coordinate is still moved when the next one is measured."},
    {"step ignored", check_own_step, "The differences were taken with another step than h."},
    {"integer division", check_integer_half,
     "All differences are 0. In C++, 1 / 2 divides whole numbers and gives 0."},
    {"absolute instead of relative", check_absolute,
     "This is the distance itself. A distance of 1 is much for a slope of 2 and little for a slope "
     "of a million."},
    {"last place instead of the worst", check_last,
     "Only the last place was kept. A wrong slope in the middle passes unseen."},
    {"mean instead of the worst", check_mean,
     "A mean dilutes: one wrong slope among a million right ones disappears in it."},
    {"signs ignored", check_sizes,
     "Sizes were compared without signs. A gradient that points uphill instead of downhill "
     "passes."},
    {"errors of one sign only", check_signed,
     "A slope that is too small gives a negative error here, and the maximum never sees it."},
    {"zero divided by zero", check_unguarded,
     "Where slope and difference are both 0 there is nothing to divide by. The floor 1e-8 is there "
     "for that."},
};

bool near(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= 1e-6 * std::abs(b) + 1e-10;
}
bool near(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!near(a[i], b[i])) return false;
  return true;
}
std::string in_words(double v) {
  return text::significant(v, 6);
}
std::string in_words(const std::vector<double>& v) {
  std::string out = "{";
  for (size_t i = 0; i < v.size() && i < 4; ++i) out += (i > 0 ? ", " : "") + in_words(v[i]);
  return out + (v.size() > 4 ? ", ...}" : "}");
}

struct Place {
  const char* where;
  Loss f;
  Slopes gradient;
  std::vector<double> x;
  double h;
};

std::vector<Place> places() {
  const Loss coupled = [](const std::vector<double>& p) {
    return p[0] * p[0] * p[0] + 2 * p[0] * p[1] + p[1] * p[1] * p[2];
  };
  const Slopes right = [](const std::vector<double>& p) {
    return std::vector<double>{3 * p[0] * p[0] + 2 * p[1], 2 * p[0] + 2 * p[1] * p[2], p[1] * p[1]};
  };
  const auto wrong = [right](size_t place, double factor) -> Slopes {
    return [=](const std::vector<double>& p) {
      std::vector<double> g = right(p);
      g[place] *= factor;
      return g;
    };
  };
  const Slopes against = [right](const std::vector<double>& p) {
    std::vector<double> g = right(p);
    for (double& v : g) v = -v;
    return g;
  };
  const Loss steep = [](const std::vector<double>& p) { return 1e6 * p[0] * p[0]; };
  const Slopes steep_slope = [](const std::vector<double>& p) {
    return std::vector<double>{2.1e6 * p[0]};
  };
  const Loss level = [](const std::vector<double>&) { return 3.0; };
  const Slopes none = [](const std::vector<double>& p) {
    return std::vector<double>(p.size(), 0.0);
  };
  return {
      {"x^3 + 2 x y + y^2 z at (1, 2, 3), right gradient, h = 0.1", coupled, right, {1, 2, 3}, 0.1},
      {"the same with the middle slope 10 % too large, h = 0.001",
       coupled,
       wrong(1, 1.1),
       {1, 2, 3},
       1e-3},
      {"the same with the first slope 10 % too small, h = 0.001",
       coupled,
       wrong(0, 0.9),
       {1, 2, 3},
       1e-3},
      {"the same with all signs turned, h = 0.001", coupled, against, {1, 2, 3}, 1e-3},
      {"1,000,000 x^2 at 1 with a slope 5 % too large, h = 0.001", steep, steep_slope, {1}, 1e-3},
      {"a constant and the gradient (0, 0), h = 0.001", level, none, {1, 2}, 1e-3}};
}

// The first place where the answer is not the solution's; the mistake that answers the same at all
// places gives its name.
template <class F, class Call, size_t n>
Verdict judged(F* f, F* solution, const Slip<F> (&slips)[n], Call call) {
  const std::vector<Place> all = places();
  for (const Place& p : all) {
    const auto got = call(f, p), want = call(solution, p);
    if (near(got, want)) continue;
    Verdict no{.where = p.where, .yours = in_words(got), .expected = in_words(want)};
    for (const Slip<F>& s : slips) {
      bool same = true;
      for (const Place& q : all) same &= near(call(f, q), call(s.function, q));
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
  // How small a step?
  const double x = page.set("x", 1.0);
  // [quotients]
  const Function f = [](std::span<const Tensor> a) { return exp(a[0]); };
  const Quotients q = difference_quotients(f, Tensor(x));
  // [end]
  page.bind("x", x);
  page.bind("exact", q.exact, 6);
  Table steps{{"step h", "one side", "error", "both sides", "error"}};
  Line one{.label = "one side", .colour = "var(--muted)"};
  Line both{.label = "both sides", .colour = "var(--accent)"};
  Line single{.label = "f32, both", .colour = "var(--ink)"};
  for (size_t i = 0; i < q.rows.size(); ++i) {
    const Quotient& row = q.rows[i];
    if (i % 2 == 0 && i < 12)
      steps.push_back({text::significant(row.h, 3), text::significant(row.forward, 9),
                       text::significant(row.forward_error, 2), text::significant(row.central, 9),
                       text::significant(row.central_error, 2)});
    const double at = -std::log10(row.h);
    one.x.push_back(at);
    one.y.push_back(row.forward_error);
    both.x.push_back(at);
    both.y.push_back(row.central_error);
    const auto value = [&](double t) { return number(exp(cast(Tensor(t), DType::f32))); };
    single.x.push_back(at);
    single.y.push_back(std::abs((value(x + row.h) - value(x - row.h)) / (2 * row.h) - q.exact));
  }
  page.table("steps", steps);
  page.bind("best_one", text::significant(q.rows[q.best_forward].h, 1));
  page.bind("best_both", text::significant(q.rows[q.best_central].h, 1));
  page.bind("error_one", text::significant(q.rows[q.best_forward].forward_error, 1));
  page.bind("error_both", text::significant(q.rows[q.best_central].central_error, 1));
  page.bind("advised_one", text::significant(q.advised_forward, 2));
  page.bind("advised_both", text::significant(q.advised_central, 2));
  page.bind("error_single", text::significant(*std::ranges::min_element(single.y), 1));
  page.picture("steps", Plot{.id = "steps",
                             .title = "Error of the difference quotient against the step",
                             .x_label = "-log10 of the step h",
                             .lines = {one, both, single},
                             .log = true,
                             .dots = true});

  // A right and a wrong backward.
  const Tensor at{0.5, -0.2, 0.1};
  const auto neuron = [](std::span<const Tensor> a) {
    return square(tanh(element(a[0], {0}) * 1.0 + element(a[0], {1}) * 2.0 + element(a[0], {2})));
  };
  const Tensor args[] = {at};
  const std::vector<double> d = numbers(numerical_gradient(neuron, args));
  const std::vector<double> w = numbers(at), inputs = {1, 2, 1};
  const double y = std::tanh(w[0] + 2 * w[1] + w[2]);
  Table verdicts{{"slope towards", "difference", "right rule", "error", "wrong rule", "error"}};
  double right_worst = 0, wrong_worst = 0;
  for (size_t i = 0; i < 3; ++i) {
    const double right = 2 * y * (1 - y * y) * inputs[i], wrong = 2 * y * (1 - y) * inputs[i];
    const double right_error = errors({right}, {d[i]})[0], wrong_error = errors({wrong}, {d[i]})[0];
    right_worst = std::max(right_worst, right_error);
    wrong_worst = std::max(wrong_worst, wrong_error);
    verdicts.push_back({i < 2 ? "w[" + std::to_string(i) + "]" : "b", shown(d[i], 8),
                        shown(right, 8), text::significant(right_error, 1), shown(wrong, 8),
                        shown(wrong_error)});
  }
  page.table("verdicts", verdicts);
  page.bind("right_worst", text::significant(right_worst, 1));
  page.bind("wrong_worst", wrong_worst, 3);

  // The tool, on a planted mistake.
  // [planted]
  Op wrong = op::tanh;  // the same values
  wrong.name = "planted_tanh";
  wrong.form = nullptr;
  wrong.rule.slope[0].unary = [](Tensor, Tensor out) { return 1 - out; };
  const auto net = [&](std::span<const Tensor> a) {
    return sum(square(apply(wrong, {sin(a[0])}) - 0.5));
  };
  const Tensor inputs_of_net[] = {Tensor{0.3, -0.9, 2}};
  const GradReport report = gradcheck(net, inputs_of_net, {.names = {"x"}});
  // [end]
  Table report_rows{{"place", "reverse mode", "difference", "error", "verdict"}};
  for (const CheckedSlope& s : report.rows)
    report_rows.push_back({s.name, text::significant(s.derivative, 8),
                           text::significant(s.difference, 8), text::significant(s.error, 2),
                           word_of(s.verdict)});
  page.table("report", report_rows);
  page.bind("rules", report.steps);
  page.bind("wrong_rules", static_cast<int64_t>(report.wrong.size()));
  const CheckedStep named = report.wrong.empty() ? CheckedStep{} : report.wrong[0];
  page.bind("wrong_step", named.step);
  page.bind("wrong_where", named.where);
  page.bind("wrong_rule", named.rule);
  page.bind("wrong_difference", named.difference);
  page.bind("differing", report.differing);

  // Kinks.
  const double distance = page.set("distance", 2e-6);
  Table kinks{{"distance from the kink", "slope", "difference", "gradcheck says"}};
  for (const double to : {1e-3, distance, 0.0}) {
    const Function bent = [](std::span<const Tensor> a) { return relu(a[0]); };
    const Tensor here[] = {Tensor(to)};
    const GradReport r = gradcheck(bent, here);
    kinks.push_back({text::significant(to, 3), shown(number(r.grads[0])),
                     shown(number(numerical_gradient(bent, here)), 3),
                     r.rows.empty() ? "" : word_of(r.rows[0].verdict)});
  }
  page.table("kinks", kinks);

  // Many parameters: directions.
  std::vector<double> many(5000);
  for (size_t i = 0; i < many.size(); ++i) many[i] = std::sin(static_cast<double>(i));
  Op rare = op::square;
  rare.rule.slope[0].unary = [](Tensor in, Tensor) { return where(in > 0.9999999, 0.0, 2.0 * in); };
  const auto big = [](const Op& op) -> Function {
    return [&op](std::span<const Tensor> a) { return 100.0 * mean(apply(op, {a[0]})); };
  };
  many[1234] = 1;
  const Tensor big_args[] = {from_vector(many)};
  const GradReport good = gradcheck(big(op::square), big_args, {.names = {"w"}});
  const GradReport bad = gradcheck(big(rare), big_args, {.names = {"w"}});
  page.bind("many", good.elements);
  page.bind("directions", good.directions);
  page.bind("compared", good.compared);
  page.bind("good_says", good.passed ? "agrees" : "differs");
  page.bind("bad_says", bad.passed ? "agrees" : "differs");
  page.bind("bad_where", bad.wrong.empty() ? std::string("nowhere") : bad.wrong[0].where);

  // The line-up.
  const Row point = {0.4, -0.7, 1.2}, bar = {1, -2, 0.5};
  const double h = 1e-3;
  Table lineup{{"layer", "moved", "loss at + h", "loss at - h", "backward says"}};
  std::string guilty;
  double guilty_error = 0;
  for (const Suspect& s : suspects(point, bar)) {
    for (const size_t i : {size_t{0}, size_t{2}}) {
      Row moved = point;
      moved[i] = point[i] + h;
      const double above = s.loss(moved);
      moved[i] = point[i] - h;
      lineup.push_back(
          {s.name, (std::string(s.name) == "bias" ? "b[" : "x[") + std::to_string(i) + "]",
           text::fixed(above, 7), text::fixed(s.loss(moved), 7), text::fixed(s.backward[i], 4)});
    }
    const double e = gradient_check(
        s.loss, [&](const Row&) { return s.backward; }, point, h);
    if (e > guilty_error) {
      guilty_error = e;
      guilty = s.name;
    }
  }
  page.table("lineup", lineup);
  page.bind("h", h);

  page.exercise(Predict{
      .name = "a-relative-error",
      .answer = 0.25,
      .wrong = {{2, "absolute instead of relative",
                 "This is the distance between the two. Compare it with their size."},
                {1.0 / 3, "divided by the smaller one",
                 "You divided by the smaller of the two. Take the larger: the error then never "
                 "exceeds 2."},
                {1.0 / 7, "divided by the sum",
                 "Some tools divide by the sum; the rule of this lesson takes the larger."},
                {25, "in percent", "As a plain ratio, not in percent."},
                {-0.25, "sign kept", "An error is a size. Its sign says nothing about how wrong."},
                {0.75, "ratio of the two",
                 "This is one divided by the other. How far is that from 1?"}}});
  Fill<DifferenceGradient> difference{
      .name = "difference-gradient", .solution = difference_gradient, .check = [](auto* g) {
        return judged(g, difference_gradient, difference_slips,
                      [](auto* s, const Place& p) { return s(p.f, p.x, p.h); });
      }};
  for (const auto& s : difference_slips) difference.wrong.push_back({s.name, s.function});
  page.exercise(std::move(difference));
  Fill<GradientCheck> check{
      .name = "gradient-check", .solution = gradient_check, .check = [](auto* g) {
        return judged(g, gradient_check, check_slips,
                      [](auto* s, const Place& p) { return s(p.f, p.gradient, p.x, p.h); });
      }};
  for (const auto& s : check_slips) check.wrong.push_back({s.name, s.function});
  page.exercise(std::move(check));
  page.exercise(Choose{
      .name = "find-the-wrong-backward",
      .answer = guilty,
      .choices = {
          {"tanh", "the backward of tanh", "1 - y^2 taken for wrong",
           "The slope of tanh is 1 - y * y, and the quotients of both its rows agree with it."},
          {"sigmoid", "the backward of sigmoid", "y (1 - y) taken for wrong",
           "The slope of the sigmoid is y * (1 - y). Divide its differences by 2 h and compare."},
          {"softmax", "the backward of softmax", {}, {}},
          {"mean-square", "the backward of the mean square", "division by n taken for wrong",
           "A mean divides by the number of elements, and so does its slope. The quotients agree."},
          {"bias", "the backward of the bias", "sum over the batch taken for wrong",
           "The bias is used once a row, so its bar is a sum over the rows. It agrees to the last "
           "digit."},
          {"none", "all five are right", "a nearly right slope taken for right",
           "One row is off by far more than rounding. Divide every difference by 2 h."}}});
}
