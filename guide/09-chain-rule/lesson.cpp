// One neuron by the chain rule, two Jacobians multiplied, and a graph in which paths meet.
#include <gradus/base/text.h>
#include <gradus/diff/trace.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <cmath>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// [solution neuron-slope]
// dL/dw of L = (a - y)^2, where a = sigmoid(z) and z = w * x.
double neuron_slope(double w, double x, double y) {
  // [hole return 0;]
  const double a = 1 / (1 + std::exp(-w * x));
  return 2 * (a - y) * a * (1 - a) * x;
  // [end hole]
}
// [end]

using NeuronSlope = double(double, double, double);

// [loss]
Tensor neuron_loss(const Tensor& w, const Tensor& x, const Tensor& y) {
  return square(sigmoid(w * x) - y);
}
// [end]

Tensor sum_of_ways(const Tensor& x, const Tensor& y) {
  // A variable of its own, so that the table begins with it.
  const Tensor u = x * y;
  return u + sin(x);
}

double activation(double w, double x) {
  return 1 / (1 + std::exp(-w * x));
}

struct Mistake {
  const char *misconception, *says;
  NeuronSlope* function;
};

const Mistake mistakes[] = {
    {"inner slope forgotten",
     "This is the slope by z. One more link leads from z back to w: how far does w * x move when w "
     "moves?",
     [](double w, double x, double y) {
       const double a = activation(w, x);
       return 2 * (a - y) * a * (1 - a);
     }},
    {"slope of the sigmoid forgotten",
     "You went from a to z as if the sigmoid had slope 1. Its slope is a (1 - a).",
     [](double w, double x, double y) { return 2 * (activation(w, x) - y) * x; }},
    {"slope of the square without its 2", "Half of what it should be. The slope of e^2 is 2 e.",
     [](double w, double x, double y) {
       const double a = activation(w, x);
       return (a - y) * a * (1 - a) * x;
     }},
    {"wrong sign",
     "Right size, wrong sign. The loss squares a - y; what is its slope when a is below y?",
     [](double w, double x, double y) {
       const double a = activation(w, x);
       return 2 * (y - a) * a * (1 - a) * x;
     }},
    {"slope taken at the output",
     "You put a into the sigmoid again. With the output in hand its slope is just a (1 - a).",
     [](double w, double x, double y) {
       const double a = activation(w, x), again = activation(a, 1);
       return 2 * (a - y) * again * (1 - again) * x;
     }},
    {"slope of tanh", "1 - a^2 belongs to tanh. The sigmoid has a (1 - a).",
     [](double w, double x, double y) {
       const double a = activation(w, x);
       return 2 * (a - y) * (1 - a * a) * x;
     }},
    {"slope by the input",
     "This is how fast the loss moves with x. Which of the two factors of w * x stays when w "
     "moves?",
     [](double w, double x, double y) {
       const double a = activation(w, x);
       return 2 * (a - y) * a * (1 - a) * w;
     }},
    {"slopes added",
     "You added the local slopes. Along one path they multiply; sums belong where paths meet.",
     [](double w, double x, double y) {
       const double a = activation(w, x);
       return 2 * (a - y) + a * (1 - a) + x;
     }},
    {"loss instead of slope", "This is the loss itself: the end of the way forward.",
     [](double w, double x, double y) {
       const double a = activation(w, x);
       return (a - y) * (a - y);
     }},
};

Verdict check_neuron_slope(NeuronSlope* answer) {
  struct Case {
    double w, x, y;
  };
  for (const Case& c : {Case{0.5, 3, 1}, Case{-1, 2, 0}, Case{2, -0.5, 0.25}}) {
    const double want = neuron_slope(c.w, c.x, c.y), got = answer(c.w, c.x, c.y);
    const auto near = [&](double a) { return std::abs(got - a) <= 1e-9; };
    if (near(want)) continue;
    Verdict v{.where = "w = " + shown(c.w) + ", x = " + shown(c.x) + ", y = " + shown(c.y),
              .yours = shown(got, 6),
              .expected = shown(want, 6)};
    for (const Mistake& m : mistakes) {
      if (!near(m.function(c.w, c.x, c.y))) continue;
      v.misconception = m.misconception;
      v.says = m.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// Boxes and arrows. Forward numbers are ink, backward ones the accent colour.
class Ink {
 public:
  void write(double x, double y, std::string_view words, std::string_view colour = "var(--ink)") {
    marks_ += "<text x=\"" + text::fixed(x, 0) + "\" y=\"" + text::fixed(y, 0) +
              "\" style=\"text-anchor:middle;font-size:13px;fill:" + std::string(colour) + "\">" +
              escape_html(words) + "</text>";
  }
  void node(double x, double y, std::string_view name, std::string_view value,
            std::string_view bar) {
    marks_ += "<rect x=\"" + text::fixed(x - 38, 0) + "\" y=\"" + text::fixed(y - 15, 0) +
              "\" width=\"76\" height=\"38\" rx=\"6\" fill=\"none\" stroke=\"var(--line)\"/>";
    write(x, y, name);
    write(x, y + 16, value);
    write(x, y + 40, bar, "var(--accent)");
  }
  void arrow(double x1, double y1, double x2, double y2) {
    const double size = std::hypot(x2 - x1, y2 - y1), dx = (x2 - x1) / size, dy = (y2 - y1) / size;
    const auto at = [](double x, double y) { return text::fixed(x, 1) + " " + text::fixed(y, 1); };
    marks_ += "<path d=\"M" + at(x1, y1) + "L" + at(x2, y2) + "M" +
              at(x2 - 7 * dx + 4 * dy, y2 - 7 * dy - 4 * dx) + "L" + at(x2, y2) + "L" +
              at(x2 - 7 * dx - 4 * dy, y2 - 7 * dy + 4 * dx) +
              "\" fill=\"none\" stroke=\"var(--muted)\"/>";
  }
  std::string svg(int width, int height, std::string_view alt) const {
    return "<svg viewBox=\"0 0 " + std::to_string(width) + " " + std::to_string(height) +
           "\" role=\"img\" aria-label=\"" + escape_html(alt) + "\">" + marks_ + "</svg>";
  }

 private:
  std::string marks_;
};

// A node of a chain, with the local slope of the step that made it.
struct Link {
  std::string name;
  double slope, value, bar;
};

Drawing chain(const std::vector<Link>& links, std::string alt) {
  constexpr size_t room = 13;
  std::string slopes = "local slope ", names = "            ", values = "value       ",
              bars = "adjoint     ";
  Ink ink;
  double x = 45;
  for (size_t i = 0; i < links.size(); ++i) {
    const Link& l = links[i];
    if (i > 0) {
      slopes += text::pad_right("× " + shown(l.slope), room);
      names += "──▶ ";
      values += "    ";
      bars += "◀── ";
      ink.arrow(x - 84, 50, x - 41, 50);
      ink.write(x - 62, 27, "× " + shown(l.slope), "var(--muted)");
    } else {
      slopes += std::string(room - 4, ' ');
    }
    names += text::pad_right(l.name, room - 4);
    values += text::pad_right(shown(l.value), room - 4);
    bars += text::pad_right(shown(l.bar), room - 4);
    ink.node(x, 47, l.name, shown(l.value), shown(l.bar));
    x += 125;
  }
  std::string terminal;
  for (std::string* line : {&slopes, &names, &values, &bars}) {
    line->erase(line->find_last_not_of(' ') + 1);
    terminal += *line + "\n";
  }
  std::string svg = ink.svg(static_cast<int>(x) - 80, 100, alt);
  return {.terminal = terminal, .svg = svg, .alt = std::move(alt)};
}

// f = x y + sin x: the two ways from x to f.
Drawing meeting(double x, double y, std::string alt) {
  const std::string by_u = "× y = " + shown(y), by_v = "× cos x = " + shown(std::cos(x));
  const std::string u = "u = x y = " + shown(x * y), v = "v = sin x = " + shown(std::sin(x));
  const std::string from = "x = " + shown(x), gap(text::width(from), ' ');
  const size_t wide = std::max(text::width(by_u), text::width(by_v)) + 2;
  const size_t long_ = std::max(text::width(u), text::width(v));
  std::string arrow;
  for (size_t i = 0; i < wide; ++i) arrow += "─";
  const auto way = [&](const char* corner, const std::string& name, const char* end) {
    return gap + "  " + corner + arrow + "▶ " + text::pad_right(name, long_) + " ──" + end + "\n";
  };
  const std::string blank(wide + long_ + 5, ' ');
  const std::string terminal =
      gap + "    " + text::pad_right(by_u, wide + long_ + 4) + " × 1\n" + way("┌", u, "┐") + from +
      " ─┤" + blank + "├──▶ f = u + v = " + shown(x * y + std::sin(x)) + "\n" + way("└", v, "┘") +
      gap + "    " + text::pad_right(by_v, wide + long_ + 4) + " × 1\n\n" +
      "adjoint of x: " + shown(y) + " by way of u, " + shown(std::cos(x)) +
      " by way of v, together " + shown(y + std::cos(x)) + "\n";
  Ink ink;
  ink.node(45, 82, "x", shown(x), shown(y + std::cos(x)));
  ink.node(225, 32, "u = x y", shown(x * y), "1");
  ink.node(225, 137, "v = sin x", shown(std::sin(x)), "1");
  ink.node(390, 82, "f = u + v", shown(x * y + std::sin(x)), "1");
  ink.arrow(86, 78, 184, 42);
  ink.arrow(86, 94, 184, 138);
  ink.arrow(266, 42, 349, 78);
  ink.arrow(266, 138, 349, 94);
  ink.write(125, 48, by_u, "var(--muted)");
  ink.write(110, 150, by_v, "var(--muted)");
  ink.write(310, 48, "× 1", "var(--muted)");
  ink.write(318, 132, "× 1", "var(--muted)");
  std::string svg = ink.svg(435, 190, alt);
  return {.terminal = terminal, .svg = svg, .alt = std::move(alt)};
}
}  // namespace

LESSON(page) {
  // One neuron.
  const double w = page.set("w", 0.5), x = page.set("x", 2.0), y = page.set("y", 1.0);
  // [neuron]
  const double slope = number(grad(neuron_loss)(w, x, y));
  // [end]
  const double z = w * x, a = number(sigmoid(z)), e = a - y, L = number(neuron_loss(w, x, y));
  page.bind("w", w);
  page.bind("x", x);
  page.bind("y", y);
  page.bind("z", z);
  page.bind("a", a, 6);
  page.bind("e", e, 6);
  page.bind("L", L, 6);
  page.bind("two_e", 2 * e, 6);
  page.bind("sigmoid_slope", a * (1 - a), 6);
  page.bind("so_far", 2 * e * a * (1 - a), 6);
  page.bind("slope", slope, 6);
  page.picture("neuron", chain({{"w", 0, w, slope},
                                {"z = w x", x, z, 2 * e * a * (1 - a)},
                                {"a = σ(z)", a * (1 - a), a, 2 * e},
                                {"e = a-y", 1, e, 2 * e},
                                {"L = e^2", 2 * e, L, 1}},
                               "A chain from w by z, a and e to L: values grow to the right, "
                               "adjoints are multiplied by each local slope to the left."));
  // [trace]
  const Function f = [](std::span<const Tensor> v) {
    const Tensor loss = neuron_loss(v[0], v[1], v[2]);
    return loss;
  };
  const Tensor args[] = {w, x, y};
  const std::string names[] = {"w", "x", "y"};
  const int by_w[] = {0};
  page.output("trace", to_text(trace(f, args, names, by_w, "L")));
  // [end]
  const double h = 1e-5,
               measured = number((neuron_loss(w + h, x, y) - neuron_loss(w - h, x, y)) / (2 * h));
  page.bind("measured", measured, 6);
  const double nudge = 0.01;
  page.bind("nudge", nudge);
  page.bind("foretold", L + nudge * slope, 6);
  page.bind("nudged", number(neuron_loss(w + nudge, x, y)), 6);

  // Two Jacobians.
  const Tensor point = page.set("point", Tensor{2, 3});
  // [jacobians]
  const auto inner_map = [](const Tensor& p) {
    return stack({row(p, 0) * row(p, 1), row(p, 0) + row(p, 1)});
  };
  const auto outer_map = [](const Tensor& q) {
    return stack({square(row(q, 0)), row(q, 0) * row(q, 1)});
  };
  const Tensor inside = jacobian(inner_map)(point);
  const Tensor outside = jacobian(outer_map)(inner_map(point));
  const Tensor product = matmul(outside, inside);
  const auto composed = [&](const Tensor& p) {
    const Tensor q = inner_map(p);
    return outer_map(q);
  };
  const Tensor whole = jacobian(composed)(point);
  // [end]
  page.bind("point", point);
  page.bind("middle", inner_map(point));
  page.bind("final", outer_map(inner_map(point)));
  const auto bind_matrix = [&](const std::string& name, const Tensor& m) {
    const std::vector<double> v = numbers(m);
    const char* places[] = {"11", "12", "21", "22"};
    for (size_t i = 0; i < 4; ++i) page.bind(name + places[i], v[i]);
  };
  bind_matrix("g", inside);
  bind_matrix("f", outside);
  bind_matrix("p", product);
  page.bind("apart", number(max(abs(product - whole))));
  page.bind("r11", number(element(matmul(inside, outside), {0, 0})));

  // Two paths.
  const double s = page.set("s", 2.0), t = page.set("t", 3.0);
  const Tensor both[] = {s, t};
  const std::string both_names[] = {"x", "y"};
  const int by_both[] = {0, 1};
  const Trace way = trace([&](std::span<const Tensor> v) { return sum_of_ways(v[0], v[1]); }, both,
                          both_names, by_both, "f");
  page.output("meeting", to_text(way));
  page.picture("meeting", meeting(s, t,
                                  "x reaches f by u = x y and by v = sin x; the two products of "
                                  "local slopes are added at x."));
  page.bind("s", s);
  page.bind("t", t);
  page.bind("cos_s", std::cos(s), 6);
  page.bind("together", number(way.grads[0]), 6);
  page.bind("meeting_measured", number((sum_of_ways(s + h, t) - sum_of_ways(s - h, t)) / (2 * h)),
            6);
  page.bind("ways_24", int64_t{1} << 24);

  page.exercise(Predict{
      .name = "weight-slope",
      .answer = 6,
      .wrong = {
          {-6, "wrong sign",
           "The size is right. The error is w x + b - t: the output minus the target."},
          {2, "inner slope forgotten",
           "This is the slope by b, or by the sum w x + b. How far does that sum move when w "
           "moves?"},
          {3, "slope of the square without its 2", "The slope of e^2 is 2 e, not e."},
          {4, "slope by the input",
           "This is the slope by x: the factor that stays is w. Here w moves and x stays."},
          {1, "loss instead of slope", "This is L itself, the end of the way forward."},
          {5, "slopes added", "You added 2 e and x. Along one path local slopes multiply."}}});
  page.exercise(Predict{
      .name = "paths-add",
      .answer = 60,
      .wrong = {
          {42, "one path only",
           "This is the way through u. x also reaches f through v, and that counts as well."},
          {18, "other path only",
           "This is the way through v. x also reaches f through u, and that counts as well."},
          {12, "slopes of the factors multiplied",
           "You multiplied du/dx and dv/dx. These belong to two different paths: finish each path "
           "first, then add."},
          {756, "paths multiplied",
           "You multiplied the two paths. Along a path multiply; where paths meet, add."},
          {24, "everything added",
           "You added all the local slopes, or took the difference of the paths. Multiply along "
           "each path, then add the two results."},
          {63, "value instead of slope", "This is f itself at x = 3."}}});
  page.exercise(Choose{
      .name = "jacobian-order",
      .answer = "outer-inner",
      .choices = {
          {"outer-inner", "J_f at g(x), times J_g at x", "", ""},
          {"inner-outer", "J_g at x, times J_f at g(x)", "order of computing",
           "g runs first, but its matrix stands on the right, next to the nudge of x. Check the "
           "sizes: 2 by 3 times 4 by 2 does not fit."},
          {"same-point", "J_f at x, times J_g at x", "outer slope at the wrong point",
           "f never sees x: it takes two numbers, and x has three. At which point does f work?"},
          {"elementwise", "J_f at g(x) and J_g at x, multiplied entry by entry", "entry by entry",
           "4 by 2 and 2 by 3 have no matching entries. Each output sums over the two numbers in "
           "the middle."},
          {"sum", "J_f at g(x), plus J_g at x", "slopes added",
           "Sums belong where paths meet. One function after the other multiplies."},
          {"transposed", "J_g at x transposed, times J_f at g(x) transposed", "the backward matrix",
           "This is the transpose of the answer, 3 by 4. It carries slopes backward, as reverse "
           "mode does; the question asks for the 4 by 3 matrix itself."}}});
  std::vector<Fill<NeuronSlope>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<NeuronSlope>{.name = "neuron-slope",
                                  .solution = neuron_slope,
                                  .check = check_neuron_slope,
                                  .wrong = wrong});
}
