// Partial derivatives, the steepest of all directions, and fifty steps of gradient descent.
#include <gradus/diff/trace.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// [solution gd-from-scratch]
using Point = std::vector<double>;

// The points of gradient descent: the start, then the point after each step.
std::vector<Point> gd_from_scratch(const std::function<Point(const Point&)>& gradient,
                                   const Point& start, double rate, int steps) {
  // [hole return {};]
  std::vector<Point> path = {start};
  for (int k = 0; k < steps; ++k) {
    const Point g = gradient(path.back());
    Point next = path.back();
    for (size_t i = 0; i < next.size(); ++i) next[i] -= rate * g[i];
    path.push_back(next);
  }
  return path;
  // [end hole]
}
// [end]

using Gradient = std::function<Point(const Point&)>;
using Path = std::vector<Point>;
using Descent = Path(const Gradient&, const Point&, double, int);

// The path when a step takes the point x to step(x, gradient at x).
template <class Step>
Path walk(const Gradient& gradient, const Point& start, int steps, Step step) {
  Path path = {start};
  for (int k = 0; k < steps; ++k) path.push_back(step(path.back(), gradient(path.back())));
  return path;
}

// x + scale g
Point moved(Point x, const Point& g, double scale) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += scale * g[i];
  return x;
}

Path uphill(const Gradient& gradient, const Point& start, double rate, int steps) {
  return walk(gradient, start, steps,
              [=](const Point& x, const Point& g) { return moved(x, g, rate); });
}

Path whole_gradient(const Gradient& gradient, const Point& start, double, int steps) {
  return walk(gradient, start, steps,
              [](const Point& x, const Point& g) { return moved(x, g, -1); });
}

Path half_new(const Gradient& gradient, const Point& start, double rate, int steps) {
  return walk(gradient, start, steps, [&](Point x, const Point&) {
    for (size_t i = 0; i < x.size(); ++i) x[i] -= rate * gradient(x)[i];
    return x;
  });
}

Path start_left_out(const Gradient& gradient, const Point& start, double rate, int steps) {
  Path path = gd_from_scratch(gradient, start, rate, steps);
  path.erase(path.begin());
  return path;
}

Path one_too_few(const Gradient& gradient, const Point& start, double rate, int steps) {
  return gd_from_scratch(gradient, start, rate, steps - 1);
}

Path one_too_many(const Gradient& gradient, const Point& start, double rate, int steps) {
  return gd_from_scratch(gradient, start, rate, steps + 1);
}

Path last_only(const Gradient& gradient, const Point& start, double rate, int steps) {
  return {gd_from_scratch(gradient, start, rate, steps).back()};
}

Path one_point_for_all(const Gradient& gradient, const Point& start, double rate, int steps) {
  const Path path = gd_from_scratch(gradient, start, rate, steps);
  return Path(path.size(), path.back());
}

Path gradient_once(const Gradient& gradient, const Point& start, double rate, int steps) {
  const Point g = gradient(start);
  return walk(gradient, start, steps,
              [&](const Point& x, const Point&) { return moved(x, g, -rate); });
}

Path from_the_start(const Gradient& gradient, const Point& start, double rate, int steps) {
  return walk(gradient, start, steps,
              [&](const Point&, const Point& g) { return moved(start, g, -rate); });
}

Path unit_steps(const Gradient& gradient, const Point& start, double rate, int steps) {
  return walk(gradient, start, steps, [=](const Point& x, const Point& g) {
    double length = 0;
    for (const double d : g) length = std::hypot(length, d);
    return moved(x, g, length > 0 ? -rate / length : 0);
  });
}

Path first_two_only(const Gradient& gradient, const Point& start, double rate, int steps) {
  return walk(gradient, start, steps, [=](Point x, const Point& g) {
    for (size_t i = 0; i < std::min<size_t>(x.size(), 2); ++i) x[i] -= rate * g[i];
    return x;
  });
}

struct Mistake {
  const char *misconception, *says;
  Descent* function;
};

const Mistake mistakes[] = {
    {"wrong sign",
     "Your points climb. The gradient points uphill, so which way do you step to go down?", uphill},
    {"rate forgotten", "Each step is the whole gradient. How much of it should a step take?",
     whole_gradient},
    {"half-new point",
     "The second number moved with a gradient taken after the first had moved. Take the gradient "
     "once a step, at the old point, and keep a copy of what you still need.",
     half_new},
    {"start left out", "The steps are right, but the path begins with the start itself.",
     start_left_out},
    {"one step too few",
     "The last point is missing. Count: the start, and one point after each step.", one_too_few},
    {"one step too many",
     "There is one step more than was asked for. Does your loop stop at < steps or at <= steps?",
     one_too_many},
    {"last point only",
     "This is where the descent ends. Return every point on the way, the start first.", last_only},
    {"one point for all rows",
     "All rows are the same point. Every row needs a copy, made before the next step changes the "
     "point.",
     one_point_for_all},
    {"gradient taken once",
     "Every step uses the gradient of the start. The slope changes as you move: ask again at each "
     "point.",
     gradient_once},
    {"always from the start",
     "Each step leaves from the start. A step leaves from the point that the last step reached.",
     from_the_start},
    {"step of one length",
     "You divided the gradient by its length, so every step is as long as the rate. Here the step "
     "is the rate times the gradient, and shrinks where it is flat.",
     unit_steps},
    {"two numbers only", "This point has more than two numbers, and all of them should move.",
     first_two_only},
};

bool same(const Path& a, const Path& b) {
  if (a.size() != b.size()) return false;
  for (size_t k = 0; k < a.size(); ++k) {
    if (a[k].size() != b[k].size()) return false;
    for (size_t i = 0; i < a[k].size(); ++i)
      if (!(std::abs(a[k][i] - b[k][i]) <= 1e-9 * (1 + std::abs(b[k][i])))) return false;
  }
  return true;
}

std::string point_text(const Point& p) {
  if (p.size() > 8) return std::to_string(p.size()) + " numbers";
  std::string out = "(";
  for (size_t i = 0; i < p.size(); ++i) out += (i == 0 ? "" : ", ") + shown(p[i], 6);
  return out + ")";
}

Verdict check_descent(Descent* answer) {
  struct Case {
    std::string where;
    Gradient gradient;
    Point start;
    double rate;
    int steps;
  };
  const Case cases[] = {{"gradient (2x + y, x + 2y), start (3, -1), rate 0.1, 4 steps",
                         [](const Point& p) {
                           return Point{2 * p[0] + p[1], p[0] + 2 * p[1]};
                         },
                         {3, -1},
                         0.1,
                         4},
                        {"gradient (2x, 8y), start (3, 3), rate 0.1, 50 steps",
                         [](const Point& p) {
                           return Point{2 * p[0], 8 * p[1]};
                         },
                         {3, 3},
                         0.1,
                         50},
                        {"gradient (2x, 2y, 2z), start (1, 2, 3), rate 0.2, 3 steps",
                         [](const Point& p) {
                           return Point{2 * p[0], 2 * p[1], 2 * p[2]};
                         },
                         {1, 2, 3},
                         0.2,
                         3},
                        {"gradient (2x, 8y), start (3, 3), rate 0.1, 0 steps",
                         [](const Point& p) {
                           return Point{2 * p[0], 8 * p[1]};
                         },
                         {3, 3},
                         0.1,
                         0}};
  for (const Case& c : cases) {
    // A point of another size has no gradient; the answer must not read past its end.
    const Gradient gradient = [&](const Point& p) {
      return p.size() == c.start.size() ? c.gradient(p) : Point(std::max(p.size(), c.start.size()));
    };
    const Path want = gd_from_scratch(gradient, c.start, c.rate, c.steps);
    const Path got = answer(gradient, c.start, c.rate, c.steps);
    if (same(got, want)) continue;
    Verdict v{.where = c.where};
    if (got.size() != want.size()) {
      v.yours = std::to_string(got.size()) + (got.size() == 1 ? " point" : " points");
      v.expected = std::to_string(want.size()) + (want.size() == 1 ? " point" : " points");
    } else {
      size_t k = 0;
      while (same({got[k]}, {want[k]})) ++k;
      v.yours = "after step " + std::to_string(k) + ": " + point_text(got[k]);
      v.expected = "after step " + std::to_string(k) + ": " + point_text(want[k]);
    }
    for (const Mistake& m : mistakes) {
      if (!same(got, m.function(gradient, c.start, c.rate, c.steps))) continue;
      v.misconception = m.misconception;
      v.says = m.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// A circle of the height `level` on x^2 + c y^2, seen from above.
Line contour(double level, double c) {
  Line line{.faint = true};
  for (int i = 0; i <= 72; ++i) {
    const double t = i * std::numbers::pi / 36;
    line.x.push_back(std::sqrt(level) * std::cos(t));
    line.y.push_back(std::sqrt(level / c) * std::sin(t));
  }
  return line;
}

double degrees(double radians) {
  const double d = radians * 180 / std::numbers::pi;
  return d < 0 ? d + 360 : d;
}
}  // namespace

LESSON(page) {
  // Partial derivatives of a bowl.
  const Tensor point = page.set("point", Tensor{3, 4});
  const double b = page.set("b", 2.0);
  // [bowl]
  const auto bowl = [b](const Tensor& p) {
    const Tensor x = row(p, 0), y = row(p, 1);
    return square(x) + b * square(y);
  };
  const Tensor gradient = grad(bowl)(point);
  // [end]
  // [numerical]
  const auto numerical_gradient = [&](const Tensor& p, double h) {
    std::vector<double> slopes;
    for (int i = 0; i < 2; ++i) {
      const Tensor step = h * row(eye(2), i);
      const Tensor rise = bowl(p + step) - bowl(p - step);
      slopes.push_back(number(rise) / (2 * h));
    }
    return slopes;
  };
  // [end]
  const std::vector<double> at = numbers(point), g = numbers(gradient);
  const std::vector<double> measured = numerical_gradient(point, 1e-5);
  page.bind("b", b);
  page.bind("point", point);
  page.bind("gx", g[0]);
  page.bind("gy", g[1]);
  page.bind("gradient", gradient);
  const double height = number(bowl(point)), nudge = 0.01;
  const double moved_x = number(bowl(point + nudge * row(eye(2), 0)));
  const double moved_y = number(bowl(point + nudge * row(eye(2), 1)));
  page.bind("height", height);
  page.bind("nudge", nudge);
  page.bind("moved_x", moved_x, 6);
  page.bind("moved_y", moved_y, 6);
  page.bind("rough_x", (moved_x - height) / nudge);
  page.bind("rough_y", (moved_y - height) / nudge);
  Table partials = {{"knob", "held still", "exact", "measured with h = 1e-5", "apart"}};
  for (size_t i = 0; i < 2; ++i)
    partials.push_back({i == 0 ? "x" : "y", i == 0 ? "y" : "x", shown(g[i]), shown(measured[i], 11),
                        shown(std::abs(measured[i] - g[i]), 2)});
  page.table("partials", partials);
  const Function by_hand = [b](std::span<const Tensor> a) {
    // A variable of its own, so that the table begins with it.
    const Tensor along_x = square(a[0]);
    return along_x + b * square(a[1]);
  };
  const Tensor parts[] = {at[0], at[1]};
  const std::string names[] = {"x", "y"};
  const int only_x[] = {0};
  page.output("trace", to_text(trace(by_hand, parts, names, only_x, "f")));

  // The slope over all directions.
  // [directions]
  const auto slope_towards = [&](double angle) {
    const Tensor direction{std::cos(angle), std::sin(angle)};
    return number(jvp(bowl)(point, direction).derivative);
  };
  // [end]
  Line slopes{.label = "slope", .colour = "var(--accent)"};
  double best = -HUGE_VAL, best_angle = 0;
  for (int degree = 0; degree <= 360; ++degree) {
    const double slope = slope_towards(degree * std::numbers::pi / 180);
    slopes.x.push_back(degree);
    slopes.y.push_back(slope);
    if (degree < 360 && slope > best) best = slope, best_angle = degree;
  }
  const double length = std::hypot(g[0], g[1]), angle = std::atan2(g[1], g[0]);
  page.picture("directions", Plot{.id = "directions",
                                  .title = "Slope of the bowl over the direction of the step",
                                  .x_label = "direction in degrees",
                                  .lines = {slopes},
                                  .rules = {{"length", length}, {"flat", 0}}});
  page.bind("best_angle", best_angle);
  page.bind("best_slope", best, 4);
  page.bind("angle", degrees(angle), 2);
  page.bind("length", length, 4);
  page.bind("down_slope", slope_towards(angle + std::numbers::pi), 4);
  page.bind("side_slope", number(jvp(bowl)(point, Tensor{-g[1], g[0]}).derivative));

  // Gradient descent.
  const Tensor start = page.set("start", Tensor{3, 3});
  const double rate = page.set("rate", 0.1), c = page.set("c", 4.0);
  const int steps = static_cast<int>(std::clamp(page.set("steps", 50.0), 0.0, 1000.0));
  // [descent]
  const auto valley = [c](const Tensor& p) {
    const Tensor x = row(p, 0), y = row(p, 1);
    return square(x) + c * square(y);
  };
  std::vector<Tensor> path = {start};
  for (int k = 0; k < steps; ++k) {
    const Tensor p = path.back();
    path.push_back(p - rate * grad(valley)(p));
  }
  // [end]
  page.bind("start", start);
  page.bind("rate", rate);
  page.bind("c", c);
  page.bind("steps", steps);
  page.bind("points", static_cast<int64_t>(path.size()));
  page.bind("end", path.back(), 5);
  const std::vector<double> from = numbers(start);
  const std::vector<double> slope_0 = numbers(grad(valley)(start));
  page.bind("slope_x", slope_0[0]);
  page.bind("slope_y", slope_0[1]);
  page.bind("first_x", from[0] - rate * slope_0[0]);
  page.bind("first_y", from[1] - rate * slope_0[1]);
  page.bind("factor_x", 1 - 2 * rate);
  page.bind("factor_y", 1 - 2 * c * rate);
  page.bind("power_x", from[0] * std::pow(1 - 2 * rate, steps), 5);
  page.bind("power_y", from[1] * std::pow(1 - 2 * c * rate, steps), 5);
  Table table = {{"step", "x", "y", "height", "length of the gradient"}};
  for (const int k : {0, 1, 2, 3, 5, 10, 20, 50, 100, 1000}) {
    if (k > steps) break;
    const Tensor p = path[static_cast<size_t>(k)];
    table.push_back({std::to_string(k), shown(number(row(p, 0)), 5), shown(number(row(p, 1)), 5),
                     shown(number(valley(p)), 5), shown(number(norm(grad(valley)(p))), 5)});
  }
  page.table("descent", table);
  Line track{.label = "path", .colour = "var(--accent)"};
  for (const Tensor& p : path) {
    track.x.push_back(number(row(p, 0)));
    track.y.push_back(number(row(p, 1)));
  }
  Plot map{.id = "path",
           .title = "The path of gradient descent over lines of equal height",
           .x_label = "x"};
  for (const double share : {1.0, 0.5, 0.2, 0.05})
    map.lines.push_back(contour(share * number(valley(start)), c));
  map.lines.push_back(track);
  page.picture("path", map);

  // The same descent with four rates, told by the largest rate that works.
  const double limit = c > 0 ? 1 / c : 0.25;
  page.bind("limit", limit);
  Plot race{.id = "rates",
            .title = "Height after each step for four rates",
            .x_label = "step",
            .log = true};
  const double shares[] = {0.2, 0.4, 0.96, 1.04};
  const char* rate_names[] = {"rate_small", "rate_middle", "rate_large", "rate_over"};
  for (size_t i = 0; i < 4; ++i) {
    const double r = shares[i] * limit;
    Line line{.label = "rate " + shown(r), .colour = ramp_colour(i, 4)};
    Tensor p = start;
    for (int k = 0; k <= 40; ++k) {
      line.x.push_back(k);
      line.y.push_back(number(valley(p)));
      p = p - r * grad(valley)(p);
    }
    page.bind(rate_names[i], r);
    race.lines.push_back(line);
  }
  page.picture("rates", race);
  page.bind("factor_over", 1 - 2 * c * shares[3] * limit);
  page.bind("factor_large", 1 - 2 * c * shares[2] * limit);

  page.exercise(Predict{
      .name = "partial-by-hand",
      .answer = 13,
      .wrong = {
          {30, "other knob", "This is the slope when x moves. The question moves y and holds x."},
          {65, "value instead of slope", "That is f(3, 5) itself: the height, not a slope."},
          {43, "both slopes added",
           "You added the two partial derivatives. They are two numbers for two knobs."},
          {10, "both knobs turned",
           "You also took the slope of x^2. While y moves, x^2 is a constant factor: it stays."},
          {9, "second term dropped", "The first term is right. How fast does 4y grow with y?"},
          {4, "constant factor dropped",
           "x^2 is held still, but it multiplies y. A constant factor stays in front."},
          {49, "y kept", "You kept the y in the first term. What is the slope of 9y?"}}});
  page.exercise(Choose{
      .name = "which-way",
      .answer = "down",
      .choices = {
          {"down", "(-2, -8)", "", ""},
          {"up", "(2, 8)", "uphill taken for downhill",
           "This is the gradient itself: the direction in which f grows fastest."},
          {"minimum", "(-1, -1), straight to the lowest point",
           "steepest means straight to the goal",
           "The lowest point does lie there, but the ground is not steepest that way. A slope "
           "knows "
           "only the place where you stand."},
          {"sideways", "(8, -2)", "right angle to the gradient",
           "This is at a right angle to the gradient: along it the height does not change at "
           "first."},
          {"x", "(-1, 0), only the first knob", "the gentle knob only",
           "Turning x alone lowers f at the rate 2. There is much steeper ground."},
          {"y", "(0, -1), only the steeper knob", "the largest part alone",
           "Close: 8 of the possible 8.25. Turning both knobs a little is still steeper."}}});
  page.exercise(Predict{
      .name = "largest-rate",
      .answer = 0.2,
      .wrong = {
          {1, "the flat direction decides",
           "That is the limit for x alone. The steeper coordinate gives up first."},
          {0.1, "the limit is where one step arrives",
           "At this rate y reaches 0 in a single step. Beyond it y jumps to the other side, but "
           "still comes closer. When does it stop coming closer?"},
          {0.4, "slope of the square halved",
           "The slope of 5 y^2 is 10 y, not 5 y. Does your factor have the 2?"},
          {2.0 / 12, "the best rate taken for the limit",
           "2 / (2 + 10) shrinks both coordinates equally fast. It is the best rate, not the last "
           "one that works."},
          {10, "curvature taken for the rate",
           "10 is the curvature of the steep direction. The rate is limited by 2 divided by it."},
          {5, "coefficient taken for the rate",
           "A larger coefficient makes the ground steeper, so the steps must be smaller."}}});
  std::vector<Fill<Descent>::Mistake> wrong;
  for (const Mistake& m : mistakes) wrong.push_back({m.misconception, m.function});
  page.exercise(Fill<Descent>{.name = "gd-from-scratch",
                              .solution = gd_from_scratch,
                              .check = check_descent,
                              .wrong = wrong});
}
