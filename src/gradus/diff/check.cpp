#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/check.h>
#include <gradus/diff/steps.h>
#include <gradus/diff/trace.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace gradus {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

using Numbers = std::vector<double>;
// As many numbers for every t.
using Curve = std::function<Numbers(double t)>;

// A power of two not below 1 and |x|: x + h scale rounds little.
double scale_of(double x) {
  const double size = std::fabs(x);
  return size > 1 && std::isfinite(size) ? std::exp2(std::ceil(std::log2(size))) : 1;
}

// One pass of Ridders' scheme: rows of steps, each a quarter of the one before.
constexpr int rows = 8, first_exponent = 4, exponent_step = 2, passes = 4;
double step_size(int pass, int row) {
  return std::ldexp(1.0, -(first_exponent + exponent_step * (pass * (rows - 1) + row)));
}

struct Seen : NumericalSlope {
  double gap = 0;      // between the slopes on both sides
  double visible = 0;  // gaps below are rounding
};

// What one pass says about one element; t is added to a number of size x.
Seen slope_of(int pass, double x, double middle, const Numbers& up, const Numbers& down) {
  Seen best{{0, std::numeric_limits<double>::infinity()}};
  double table[rows][rows];
  double size = std::fabs(middle);
  int first = 0;
  while (first < rows && !(std::isfinite(up[static_cast<size_t>(first)]) &&
                           std::isfinite(down[static_cast<size_t>(first)])))
    ++first;
  if (first == rows || !std::isfinite(middle)) return best;
  for (size_t i = static_cast<size_t>(first); i < rows; ++i)
    size = std::max({size, std::fabs(up[i]), std::fabs(down[i])});
  const auto noise = [&](double h, double slope) {
    return eps * (size + x * std::fabs(slope)) / h;
  };
  for (int i = first; i < rows; ++i) {
    const auto k = static_cast<size_t>(i);
    const double h = step_size(pass, i);
    table[i][first] = (up[k] - down[k]) / (2 * h);
    double power = 1;
    for (int j = first + 1; j <= i; ++j) {
      power *= 16;  // the error falls with h^2, and h by 4
      table[i][j] = table[i][j - 1] + (table[i][j - 1] - table[i - 1][j - 1]) / (power - 1);
      const double change = std::max(std::fabs(table[i][j] - table[i][j - 1]),
                                     std::fabs(table[i][j] - table[i - 1][j - 1]));
      const double bound = 2 * change + noise(h, table[i][j]);
      if (bound < best.bound) best = {{table[i][j], bound, false, true}};
    }
  }
  if (first + 1 == rows)
    best = {{table[first][first], std::numeric_limits<double>::infinity(), false, true}};

  // The slopes on both sides differ by h f'' where f is smooth: a sixteenth, two rows on. At a kink
  // they differ by the same; beside a jump by more. Below exponent 26 rounding hides a kink.
  const int last = pass == 0 ? rows - 1 : 3;
  if (last - 2 >= first) {
    const auto second = [&](int i) {
      const auto k = static_cast<size_t>(i);
      return std::fabs((up[k] - middle) - (middle - down[k]));
    };
    const double h = step_size(pass, last), before = second(last - 2) / step_size(pass, last - 2);
    constexpr double clear = 512;  // times what rounding may do
    best.gap = second(last) / h;
    best.visible = clear * noise(h, best.slope);
    best.kink = best.gap > 0.5 * before && best.gap > best.visible &&
                (best.gap < 3 * before || second(last) > 1e-7 * size);
  }
  return best;
}

bool is_known(const NumericalSlope& s, double middle) {
  return s.finite && s.bound <= 1e-9 * std::fabs(s.slope) + 1e-12 * std::fabs(middle);
}

// x: the sizes of the numbers that t is added to, one for each number of g(t).
std::vector<NumericalSlope> slopes(const Curve& g, const Numbers& x) {
  const Numbers middle = g(0);
  std::vector<Seen> best(middle.size());
  for (int pass = 0; pass < passes; ++pass) {
    std::vector<Numbers> up(middle.size(), Numbers(rows)), down = up;
    for (int i = 0; i < rows; ++i) {
      const double h = step_size(pass, i);
      const Numbers high = g(h), low = g(-h);
      for (size_t k = 0; k < middle.size(); ++k) {
        up[k][static_cast<size_t>(i)] = high[k];
        down[k][static_cast<size_t>(i)] = low[k];
      }
    }
    bool enough = true;
    for (size_t k = 0; k < middle.size(); ++k) {
      const Seen s = slope_of(pass, x[k], middle[k], up[k], down[k]);
      // A fast oscillation, or a kink beside the point, looks like a kink from afar: it must look
      // so from near too, where rounding lets it be seen.
      const bool hidden = !s.finite || !(best[k].gap > s.visible);
      if (pass > 0 && best[k].kink) {
        if (!s.kink && !hidden) best[k] = s;
      } else if (pass == 0 || !best[k].finite || s.bound < best[k].bound) {
        best[k] = s;
        best[k].kink &= pass == 0;
      }
      enough &= is_known(best[k], middle[k]) && !best[k].kink;
    }
    if (enough) break;
  }
  return {best.begin(), best.end()};
}

double relative(double a, double b) {
  if (a == b) return 0;
  return std::fabs(a - b) / std::max(std::fabs(a), std::fabs(b));
}

// `floor`: differences below it do not count.
Verdict judge(double derivative, const NumericalSlope& s, double tolerance, double floor) {
  if (!s.finite) return Verdict::unsure;
  if (s.kink) return Verdict::kink;
  const double gap = std::fabs(derivative - s.slope);
  const double larger = std::max(std::fabs(derivative), std::fabs(s.slope));
  if (gap <= tolerance * larger + floor) return Verdict::agrees;
  if (!(gap <= s.bound)) return Verdict::differs;
  return s.bound <= 1e-3 * larger ? Verdict::agrees : Verdict::unsure;
}

std::string place_text(int64_t flat, const Shape& shape) {
  if (shape.empty()) return "";
  Dims at = shape;
  for (int i = shape.size() - 1; i >= 0; --i) {
    at[i] = flat % shape[i];
    flat /= shape[i];
  }
  return to_string(at);
}

Numbers draw(Key key, int64_t n) {
  Numbers z(static_cast<size_t>(n));
  fill_normal(key, 0, std::span<double>(z));
  return z;
}

// f at one point, and along lines through it.
class Point {
 public:
  Point(const Function& f, std::vector<Tensor> args) : f_(f), args_(std::move(args)) {}

  double at(size_t arg, const Numbers& x) const {
    std::vector<Tensor> args = args_;
    args[arg] = from_vector(x, args[arg].shape());
    return number(f_(args));
  }
  NumericalSlope along(size_t arg, size_t i, const Numbers& x) const {
    Numbers moved = x;
    return numerical_slope(
        [&](double t) {
          moved[i] = x[i] + t;
          return at(arg, moved);
        },
        scale_of(x[i]), x[i]);
  }
  // directions: one for each argument, or empty.
  NumericalSlope along(const std::vector<Numbers>& x,
                       const std::vector<Numbers>& directions) const {
    return numerical_slope([&](double t) {
      std::vector<Tensor> args = args_;
      for (size_t a = 0; a < args.size(); ++a) {
        if (directions[a].empty()) continue;
        Numbers moved = x[a];
        for (size_t i = 0; i < moved.size(); ++i) moved[i] += t * directions[a][i];
        args[a] = from_vector(moved, args[a].shape());
      }
      return number(f_(args));
    });
  }
  const std::vector<Tensor>& args() const { return args_; }
  const Function& function() const { return f_; }

 private:
  const Function& f_;
  std::vector<Tensor> args_;
};

Tensor in_double(const Tensor& x) {
  const Tensor solid = x.is_literal() ? literal_as(x, x.dtype()) : x;
  return is_float(solid.dtype()) ? cast(solid, DType::f64) : solid;
}

// The rules of all steps, each against differences of that step alone.
class StepRules {
 public:
  StepRules(const Graph& graph, const GradcheckOptions& options)
      : graph_(graph),
        names_(graph, graph.input_ids().size(), graph.value_count() - 1),
        options_(options) {}

  void check(GradReport& report) const {
    for (size_t i = graph_.input_ids().size(); i < graph_.step_count(); ++i) {
      const Step& s = graph_.step(i);
      if (s.op->kind == Kind::fixed || s.op->kind == Kind::source) continue;
      bool counted = false;
      const auto in = graph_.inputs(s);
      for (size_t k = 0; k < in.size(); ++k) {
        if (names_.is_constant(in[k]) || !is_float(graph_.value(in[k]).type.dtype)) continue;
        for (uint16_t o = 0; o < s.outputs; ++o)
          if (is_float(graph_.value(s.first_out + o).type.dtype)) {
            check_input(s, k, o, report);
            counted = true;
          }
      }
      report.steps += counted;
    }
  }

  // Inputs that sit on a kink, and steps that hold derivatives back.
  void note(GradReport& report) const {
    constexpr double near = 0x1p-18;  // the smallest step that looks for kinks
    for (size_t i = graph_.input_ids().size(); i < graph_.step_count(); ++i) {
      const Step& s = graph_.step(i);
      if (names_.is_constant(s.first_out)) continue;
      // What stops derivatives, as softmax does for its shift, explains only a difference.
      if (report.differing > 0 && s.op->kind == Kind::fixed &&
          is_float(graph_.value(s.first_out).type.dtype) && s.op->rule.why)
        report.notes.push_back(names_.whole(s.first_out) + ": " + s.op->rule.why +
                               "; differences do not know that");
      if (s.inputs != 1 || report.kinks == 0) continue;
      for (const double kink : s.op->checks.kinks) {
        int64_t count = 0;
        const Numbers x = numbers(value(graph_.inputs(s)[0]));
        for (const double v : x)
          count += std::fabs(v - kink) <= near * std::max(1.0, std::fabs(kink));
        if (count > 0)
          report.notes.push_back(names_.whole(s.first_out) + ": " + std::to_string(count) + " of " +
                                 std::to_string(x.size()) + (x.size() == 1 ? " input" : " inputs") +
                                 " on its kink at " + text::number(kink));
      }
    }
  }

 private:
  Tensor value(ValueId id) const {
    const Value& v = graph_.value(id);
    return {v.type, v.buffer};
  }

  void check_input(const Step& s, size_t place, uint16_t output, GradReport& report) const {
    std::vector<Tensor> in;
    for (ValueId id : graph_.inputs(s)) in.push_back(value(id));
    const Tensor x = in[place];
    if (x.size() == 0) return;
    const Attrs& attrs = graph_.attrs(s);
    const Function alone = [&](std::span<const Tensor> a) {
      std::vector<Tensor> all = in;
      all[place] = a[0];
      return apply_many(*s.op, all, attrs)[output];
    };
    const Tensor args[] = {x};
    const Numbers middle = numbers(x);
    Numbers pulled, pushed;
    std::vector<NumericalSlope> seen;
    const bool each = s.op->pointwise && s.op->kind == Kind::elementwise;
    if (each) {
      const Tensor one[] = {ones_like(x)};
      pulled = numbers(vjp(alone, args, ones_like(value(s.first_out))).grads[0]);
      pushed = numbers(jvp(alone, args, one).derivative);
      Numbers scales, sizes;
      for (double v : middle) {
        scales.push_back(scale_of(v));
        sizes.push_back(std::fabs(v) / scales.back());
      }
      seen = slopes(
          [&](double t) {
            Numbers moved = middle;
            for (size_t i = 0; i < moved.size(); ++i) moved[i] += t * scales[i];
            const Tensor at[] = {from_vector(moved, x.shape())};
            return numbers(alone(at));
          },
          sizes);
      for (size_t i = 0; i < seen.size(); ++i) {
        seen[i].slope /= scales[i];
        seen[i].bound /= scales[i];
      }
    } else {
      const Key key = split(split(key_from_seed(options_.seed), s.first_out), place);
      const Tensor direction = from_vector(draw(split(key, 0), x.size()), x.shape());
      const Tensor result = value(s.first_out + output);
      const Tensor weight = from_vector(draw(split(key, 1), result.size()), result.shape());
      const Tensor dots[] = {direction};
      pulled = {number(sum(vjp(alone, args, weight).grads[0] * direction))};
      pushed = {number(sum(jvp(alone, args, dots).derivative * weight))};
      seen = {numerical_slope([&](double t) {
        const Tensor at[] = {x + t * direction};
        return number(sum(weight * alone(at)));
      })};
    }
    double largest = 0;
    for (const NumericalSlope& n : seen)
      if (n.finite) largest = std::max(largest, std::fabs(n.slope));
    CheckedStep worst;
    for (size_t i = 0; i < seen.size(); ++i)
      for (const bool pull : {true, false}) {
        const double rule = pull ? pulled[i] : pushed[i];
        if (judge(rule, seen[i], options_.tolerance, 1e-3 * options_.tolerance * largest) !=
            Verdict::differs)
          continue;
        const double error = relative(rule, seen[i].slope);
        if (!worst.op.empty() && !(error > worst.error)) continue;
        const std::string at = place_text(static_cast<int64_t>(i), x.shape());
        worst = {
            names_.whole(s.first_out),
            s.op->name,
            each ? (at.empty() ? "" : "at element " + at + ", ") + "where " +
                       names_.name(graph_.inputs(s)[place]) + " is " +
                       text::significant(middle[i], 7)
                 : "towards " + names_.name(graph_.inputs(s)[place]) + ", along a random direction",
            pull ? "its pull" : "its push",
            rule,
            seen[i].slope,
            error};
      }
    if (!worst.op.empty()) report.wrong.push_back(worst);
  }

  const Graph& graph_;
  NamedSteps names_;
  const GradcheckOptions& options_;
};

Graph recorded(const Function& f, std::span<const Tensor> args,
               const std::vector<std::string>& names) {
  Tape tape("gradcheck");
  std::vector<ValueId> inputs;
  std::vector<Tensor> handles;
  for (size_t i = 0; i < args.size(); ++i) {
    inputs.push_back(tape.input(args[i], names[i]));
    handles.push_back(tape.tensor(inputs.back()));
  }
  const ValueId output[] = {tape.place(f(handles))};
  return tape.freeze(inputs, output);
}

// Checks one element after the other, or directions and suspects.
class Gradients {
 public:
  Gradients(const Function& f, std::vector<Tensor> args, std::vector<int> wrt,
            std::vector<std::string> names, const GradcheckOptions& options, GradReport& report)
      : point_(f, std::move(args)),
        wrt_(std::move(wrt)),
        names_(std::move(names)),
        options_(options),
        report_(report) {
    x_.resize(point_.args().size());
    g_.resize(x_.size());
    by_hand_.resize(x_.size());
    for (size_t k = 0; k < wrt_.size(); ++k) {
      const auto a = static_cast<size_t>(wrt_[k]);
      x_[a] = numbers(point_.args()[a]);
      g_[a] = numbers(report.grads[k]);
      if (k < options.manual.size() && !options.manual[k].is_absent())
        by_hand_[a] = numbers(options.manual[k]);
      for (double v : g_[a])
        if (std::isfinite(v)) largest_ = std::max(largest_, std::fabs(v));
      report.elements += static_cast<int64_t>(x_[a].size());
    }
  }

  void check() {
    if (options_.directions == 0 && report_.elements <= options_.most_elements) {
      for (int w : wrt_)
        for (size_t i = 0; i < x_[static_cast<size_t>(w)].size(); ++i)
          element(static_cast<size_t>(w), i);
    } else {
      directions();
    }
    forward();
    for (const CheckedSlope& row : report_.rows) {
      report_.differing += row.verdict == Verdict::differs;
      report_.kinks += row.verdict == Verdict::kink;
      report_.unsure += row.verdict == Verdict::unsure;
      if (row.verdict == Verdict::agrees || row.verdict == Verdict::differs)
        report_.worst = std::max(report_.worst, row.error);
    }
    std::ranges::stable_sort(report_.rows, [](const CheckedSlope& a, const CheckedSlope& b) {
      const auto rank = [](Verdict v) {
        return v == Verdict::differs ? 0 : v == Verdict::unsure ? 1 : v == Verdict::kink ? 2 : 3;
      };
      return rank(a.verdict) != rank(b.verdict) ? rank(a.verdict) < rank(b.verdict)
                                                : a.error > b.error;
    });
  }

 private:
  double floor() const { return 1e-3 * options_.tolerance * largest_; }

  void add(CheckedSlope row, const NumericalSlope& s) {
    row.difference = s.finite ? s.slope : std::nan("");
    row.bound = s.bound;
    row.verdict = judge(row.derivative, s, options_.tolerance, floor());
    row.error = relative(row.derivative, row.difference);
    if (!std::isnan(row.manual)) {
      const double error = relative(row.manual, row.derivative);
      if (!(error <= row.error)) row.error = error;
      if (std::fabs(row.manual - row.derivative) >
          options_.tolerance * std::max(std::fabs(row.manual), std::fabs(row.derivative)) + floor())
        row.verdict = Verdict::differs;
    }
    report_.rows.push_back(std::move(row));
  }

  void element(size_t arg, size_t i) {
    CheckedSlope row{names_[arg] + place_text(static_cast<int64_t>(i), point_.args()[arg].shape()),
                     g_[arg][i]};
    if (!by_hand_[arg].empty()) row.manual = by_hand_[arg][i];
    add(std::move(row), point_.along(arg, i, x_[arg]));
    ++report_.compared;
  }

  // Checks along one direction; whether it differs.
  bool direction(std::string name, const std::vector<Numbers>& d) {
    CheckedSlope row{std::move(name)};
    for (size_t a = 0; a < d.size(); ++a)
      for (size_t i = 0; i < d[a].size(); ++i) row.derivative += g_[a][i] * d[a][i];
    add(std::move(row), point_.along(x_, d));
    ++report_.directions;
    return report_.rows.back().verdict == Verdict::differs;
  }

  // Of length 1, over these arguments.
  std::vector<Numbers> random_direction(Key key, std::span<const int> over) const {
    std::vector<Numbers> d(x_.size());
    double square = 0;
    for (int w : over) {
      const auto a = static_cast<size_t>(w);
      d[a] = draw(split(key, a), static_cast<int64_t>(x_[a].size()));
      for (double v : d[a]) square += v * v;
    }
    if (square > 0)
      for (Numbers& part : d)
        for (double& v : part) v /= std::sqrt(square);
    return d;
  }

  void directions() {
    constexpr int64_t usual = 8;
    const int64_t count = options_.directions > 0 ? options_.directions : usual;
    const Key key = key_from_seed(options_.seed);
    for (int64_t n = 0; n < count; ++n)
      direction("direction " + std::to_string(n + 1),
                random_direction(split(key, static_cast<uint64_t>(n)), wrt_));
    std::vector<std::pair<size_t, size_t>> seen;
    const auto look = [&](size_t arg, size_t i) {
      if (std::ranges::find(seen, std::pair(arg, i)) != seen.end()) return;
      seen.emplace_back(arg, i);
      element(arg, i);
    };
    for (int w : wrt_) {
      const auto a = static_cast<size_t>(w);
      if (x_[a].empty()) continue;
      const int only[] = {w};
      const std::vector<Numbers> d =
          random_direction(split(key, static_cast<uint64_t>(count) + a), only);
      if (direction("direction of " + names_[a], d)) look(a, narrowed(a, d));
    }
    // The largest derivatives, and as many at random: a forgotten one is 0.
    struct Place {
      size_t arg, i;
    };
    std::vector<Place> all;
    for (int w : wrt_)
      for (size_t i = 0; i < x_[static_cast<size_t>(w)].size(); ++i)
        all.push_back({static_cast<size_t>(w), i});
    const auto half = static_cast<std::ptrdiff_t>(std::min<size_t>(
        static_cast<size_t>(std::max<int64_t>(options_.suspects, 0) + 1) / 2, all.size()));
    std::ranges::partial_sort(all, all.begin() + half, [&](const Place& a, const Place& b) {
      return std::fabs(g_[a.arg][a.i]) > std::fabs(g_[b.arg][b.i]);
    });
    for (std::ptrdiff_t i = 0; i < half; ++i) {
      const Place& p = all[static_cast<size_t>(i)];
      look(p.arg, p.i);
    }
    Numbers chance(static_cast<size_t>(half));
    fill_uniform(split(key, ~uint64_t{0}), 0, std::span<double>(chance));
    for (double u : chance) {
      const Place& p = all[static_cast<size_t>(u * static_cast<double>(all.size()))];
      look(p.arg, p.i);
    }
  }

  // The element that differs most, by halving what the direction moves.
  size_t narrowed(size_t arg, const std::vector<Numbers>& whole) const {
    size_t from = 0, to = whole[arg].size();
    while (to - from > 1) {
      const size_t middle = from + (to - from) / 2;
      double gap[2];
      for (const bool upper : {false, true}) {
        std::vector<Numbers> d = whole;
        double slope = 0;
        for (size_t i = 0; i < d[arg].size(); ++i) {
          if (i < (upper ? middle : from) || i >= (upper ? to : middle)) d[arg][i] = 0;
          slope += d[arg][i] * g_[arg][i];
        }
        const NumericalSlope s = point_.along(x_, d);
        gap[upper] = s.finite ? std::fabs(slope - s.slope) : 0;
      }
      (gap[1] > gap[0] ? from : to) = middle;
    }
    return from;
  }

  void forward() {
    const std::vector<Numbers> d = random_direction(split(key_from_seed(options_.seed), 0), wrt_);
    std::vector<Tensor> dots(x_.size());
    double reverse = 0, size = 0;
    for (size_t a = 0; a < d.size(); ++a) {
      if (d[a].empty()) continue;
      dots[a] = from_vector(d[a], point_.args()[a].shape());
      for (size_t i = 0; i < d[a].size(); ++i) {
        reverse += g_[a][i] * d[a][i];
        size += std::fabs(g_[a][i] * d[a][i]);
      }
    }
    const double ahead = number(jvp(point_.function(), point_.args(), dots).derivative);
    const bool same = ahead == reverse || (std::isnan(ahead) && std::isnan(reverse));
    report_.forward_gap = same ? 0 : std::fabs(ahead - reverse) / size;
  }

  const Point point_;
  const std::vector<int> wrt_;
  const std::vector<std::string> names_;
  const GradcheckOptions& options_;
  GradReport& report_;
  std::vector<Numbers> x_, g_, by_hand_;
  double largest_ = 0;
};

}  // namespace

Tensor numerical_gradient(const Function& f, std::span<const Tensor> args, int wrt,
                          DifferenceOptions options) {
  if (wrt < 0 || static_cast<size_t>(wrt) >= args.size())
    raise(ErrorKind::usage, "numerical_gradient: argument " + std::to_string(wrt) + " of " +
                                std::to_string(args.size()) +
                                " does not exist. Arguments are counted from 0.");
  if (!(options.h > 0) || !std::isfinite(options.h))
    raise(ErrorKind::domain, "numerical_gradient: h is " + text::number(options.h) +
                                 ". A step is positive and finite. 1e-5 suits most functions.");
  std::vector<Tensor> shadow;
  for (const Tensor& x : args) shadow.push_back(in_double(x));
  const auto place = static_cast<size_t>(wrt);
  if (!is_float(shadow[place].dtype()))
    raise(ErrorKind::dtype, "numerical_gradient: argument " + std::to_string(wrt) + " is " +
                                to_string(shadow[place].type()) +
                                ". Only f32 and f64 have derivatives. Cast it to f64 first.");
  const Numbers x = numbers(shadow[place]);
  Numbers result(x.size()), moved = x;
  const Point point(f, shadow);
  for (size_t i = 0; i < x.size(); ++i) {
    const double h = options.relative ? options.h * std::max(1.0, std::fabs(x[i])) : options.h;
    moved[i] = x[i] + h;
    const double up = point.at(place, moved);
    moved[i] = x[i] - h;
    result[i] = (up - point.at(place, moved)) / (2 * h);
    moved[i] = x[i];
  }
  return from_vector(result, shadow[place].shape());
}

Quotients difference_quotients(const Function& f, const Tensor& x) {
  if (x.size() != 1)
    raise(ErrorKind::shape, "difference_quotients: " + to_string(x.type()) +
                                " is not one number. The quotients are of a function of one "
                                "number. Fix the others first.");
  const Tensor at = reshape(in_double(x), {});
  const double place = number(at);
  const auto value = [&](double v) {
    const Tensor args[] = {scalar(v, DType::f64)};
    return number(f(args));
  };
  Quotients q;
  q.value = value(place);
  const Tensor args[] = {at}, dots[] = {scalar(1, DType::f64)};
  q.exact = number(jvp(f, args, dots).derivative);
  for (int i = 1; i <= 15; ++i) {
    Quotient r;
    r.h = 1 / std::pow(10.0, i);  // the double nearest to 10^-i
    const double up = value(place + r.h), down = value(place - r.h);
    r.forward = (up - q.value) / r.h;
    r.central = (up - down) / (2 * r.h);
    r.forward_error = std::fabs(r.forward - q.exact);
    r.central_error = std::fabs(r.central - q.exact);
    q.rows.push_back(r);
    // Errors that are not numbers lose.
    const size_t n = q.rows.size() - 1;
    if (!(r.forward_error >= q.rows[q.best_forward].forward_error)) q.best_forward = n;
    if (!(r.central_error >= q.rows[q.best_central].central_error)) q.best_central = n;
  }
  const double second = std::fabs(number(nth_derivative(f, at, 2)));
  const double third = std::fabs(number(nth_derivative(f, at, 3)));
  const double size = std::max(1.0, std::fabs(place)), top = std::fabs(q.value);
  q.advised_forward = std::sqrt(2 * eps * top / second);
  q.advised_central = std::cbrt(1.5 * eps * top / third);
  if (!(q.advised_forward > 0) || !std::isfinite(q.advised_forward))
    q.advised_forward = std::sqrt(eps) * size;
  if (!(q.advised_central > 0) || !std::isfinite(q.advised_central))
    q.advised_central = std::cbrt(eps) * size;
  return q;
}

NumericalSlope numerical_slope(const std::function<double(double)>& g, double scale, double x) {
  NumericalSlope s =
      slopes([&](double t) { return Numbers{g(t * scale)}; }, {std::fabs(x) / scale})[0];
  s.slope /= scale;
  s.bound /= scale;
  return s;
}

const char* word_of(Verdict verdict) {
  constexpr const char* words[] = {"agrees", "differs", "kink", "unsure"};
  return words[static_cast<size_t>(verdict)];
}

GradReport gradcheck(const Function& f, std::span<const Tensor> args,
                     const GradcheckOptions& options) {
  if (!(options.tolerance > 0))
    raise(ErrorKind::domain, "gradcheck: the tolerance is " + text::number(options.tolerance) +
                                 ". It must be positive. 1e-7 suits derivatives in f64.");
  std::vector<Tensor> shadow, own(args.begin(), args.end());
  std::vector<std::string> names;
  std::vector<int> wrt = options.wrt;
  bool single = false;
  for (size_t i = 0; i < args.size(); ++i) {
    shadow.push_back(in_double(args[i]));
    names.push_back(i < options.names.size() ? options.names[i] : "x" + std::to_string(i));
    if (options.wrt.empty() && is_float(args[i].dtype())) wrt.push_back(static_cast<int>(i));
    single |= args[i].dtype() == DType::f32;
  }
  GradReport report;
  ValueAndGrads exact = value_and_grads(f, shadow, wrt, "gradcheck");
  report.value = exact.value;
  report.grads = exact.grads;
  for (size_t k = 0; k < options.manual.size() && k < report.grads.size(); ++k)
    if (!options.manual[k].is_absent() && !(options.manual[k].shape() == report.grads[k].shape()))
      raise(ErrorKind::shape,
            "gradcheck: the gradient by hand of '" + names[static_cast<size_t>(wrt[k])] + "' is " +
                to_string(options.manual[k].type()) + ", but '" +
                names[static_cast<size_t>(wrt[k])] + "' is " + to_string(report.grads[k].type()) +
                ". A gradient has the shape of what it differentiates by.");
  if (single) {
    const ValueAndGrads rounded = value_and_grads(f, own, wrt, "gradcheck");
    report.single_gap = 0;
    for (size_t k = 0; k < wrt.size(); ++k) {
      const Numbers a = numbers(rounded.grads[k]), b = numbers(exact.grads[k]);
      double top = 0, gap = 0;
      for (size_t i = 0; i < a.size(); ++i) {
        top = std::max(top, std::fabs(b[i]));
        gap = std::max(gap, std::fabs(a[i] - b[i]));
      }
      if (gap > 0) report.single_gap = std::max(report.single_gap, gap / top);
    }
  }
  Gradients(f, shadow, wrt, names, options, report).check();
  const Graph graph = recorded(f, shadow, names);
  const StepRules rules(graph, options);
  rules.note(report);
  constexpr double rounding = 1e-9;  // between two orders of the same products
  const bool modes_agree = report.forward_gap <= rounding;
  const bool none_known =
      !report.rows.empty() && report.unsure == static_cast<int64_t>(report.rows.size());
  if (report.differing > 0 || !modes_agree || options.steps) rules.check(report);
  report.passed = report.differing == 0 && modes_agree && !none_known && report.wrong.empty();
  return report;
}

std::string to_text(const GradReport& report, const GradReportText& options) {
  const auto shown = [](double x) { return std::isnan(x) ? "-" : text::significant(x, 12); };
  const auto small = [](double x) { return text::significant(x, 2); };
  const bool by_hand =
      std::ranges::any_of(report.rows, [](const CheckedSlope& r) { return !std::isnan(r.manual); });
  std::vector<std::vector<std::string>> lines{{"", "reverse mode", "differences", "error", ""}};
  if (by_hand) lines[0].insert(lines[0].begin() + 1, "by hand");
  for (const CheckedSlope& r : report.rows) {
    if (lines.size() > options.rows) break;
    lines.push_back({r.name, shown(r.derivative), shown(r.difference),
                     r.verdict == Verdict::kink ? "" : small(r.error), word_of(r.verdict)});
    if (by_hand) lines.back().insert(lines.back().begin() + 1, shown(r.manual));
  }
  std::vector<size_t> widths(lines[0].size());
  for (const auto& line : lines)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], text::width(line[i]));
  std::string out;
  for (const auto& line : lines) {
    std::string s = " ";
    for (size_t i = 0; i < line.size(); ++i)
      s += (i == 0 ? " " : "   ") + text::pad_right(line[i], widths[i]);
    s.erase(s.find_last_not_of(' ') + 1);
    out += s + "\n";
  }
  const size_t hidden = report.rows.size() + 1 - lines.size();
  if (hidden > 0) out += "  and " + std::to_string(hidden) + " more, none worse\n";
  out += "\n";
  for (const CheckedStep& w : report.wrong)
    out += "wrong rule   " + w.step + " (" + w.op + "): " + w.mode + " gives " + shown(w.rule) +
           ", differences give " + shown(w.difference) + ", " + w.where + "\n";
  for (const std::string& n : report.notes) out += "note         " + n + "\n";
  if (report.forward_gap > 1e-9)
    out +=
        "modes        forward mode and reverse mode differ by " + small(report.forward_gap) + "\n";
  if (!std::isnan(report.single_gap))
    out += "f32          its gradient differs from the shadow in f64 by " +
           small(report.single_gap) + " of the largest element\n";
  std::string counts = std::to_string(report.compared) + " of " + std::to_string(report.elements) +
                       (report.elements == 1 ? " element" : " elements");
  if (report.directions > 0)
    counts += " and " + std::to_string(report.directions) + " random directions";
  if (report.steps > 0)
    counts +=
        ", the rules of " + std::to_string(report.steps) + (report.steps == 1 ? " step" : " steps");
  out += "checked      " + counts + "\n";
  std::vector<std::string> apart;
  if (report.kinks > 0)
    apart.push_back(std::to_string(report.kinks) + (report.kinks == 1 ? " kink" : " kinks"));
  if (report.unsure > 0) apart.push_back(std::to_string(report.unsure) + " unsure");
  const std::string rest = apart.empty() ? "" : "; apart from " + text::join(apart, " and ");
  const int64_t apart_count = report.kinks + report.unsure;
  if (report.passed && apart_count > 0 && apart_count == std::ssize(report.rows))
    out += "passed       nothing could differ: " + text::join(apart, " and ") + "\n";
  else if (report.passed)
    out += "passed       the largest error is " + small(report.worst) + rest + "\n";
  else if (report.differing > 0)
    out += "FAILED       " + std::to_string(report.differing) + " of " +
           std::to_string(report.rows.size()) + " differ, by up to " + small(report.worst) + rest +
           "\n";
  else
    out += "FAILED       " +
           std::string(!report.wrong.empty()        ? "a step has a wrong rule"
                       : report.forward_gap <= 1e-9 ? "no difference was known well enough"
                                                    : "the two modes disagree") +
           rest + "\n";
  return out;
}

std::string to_json(const GradReport& report) {
  const auto json = [](double x) { return to_json(scalar(x, DType::f64)); };
  const auto quoted = [](const std::string& s) { return text::quote_json(s); };
  std::string out =
      std::string("{\"passed\":") + (report.passed ? "true" : "false") +
      ",\"value\":" + to_json(report.value) + ",\"elements\":" + std::to_string(report.elements) +
      ",\"compared\":" + std::to_string(report.compared) +
      ",\"directions\":" + std::to_string(report.directions) +
      ",\"differing\":" + std::to_string(report.differing) +
      ",\"kinks\":" + std::to_string(report.kinks) +
      ",\"unsure\":" + std::to_string(report.unsure) + ",\"worst\":" + json(report.worst) +
      ",\"forward_gap\":" + json(report.forward_gap);
  if (!std::isnan(report.single_gap)) out += ",\"single_gap\":" + json(report.single_gap);
  out += ",\"rows\":[";
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const CheckedSlope& r = report.rows[i];
    out += (i > 0 ? ",{" : "{") + std::string("\"name\":") + quoted(r.name) +
           ",\"derivative\":" + json(r.derivative) + ",\"difference\":" + json(r.difference) +
           ",\"bound\":" + json(r.bound);
    if (!std::isnan(r.manual)) out += ",\"manual\":" + json(r.manual);
    out += ",\"error\":" + json(r.error) + ",\"verdict\":" + quoted(word_of(r.verdict)) + "}";
  }
  out += "],\"steps\":" + std::to_string(report.steps) + ",\"wrong\":[";
  for (size_t i = 0; i < report.wrong.size(); ++i) {
    const CheckedStep& w = report.wrong[i];
    out += (i > 0 ? ",{" : "{") + std::string("\"step\":") + quoted(w.step) +
           ",\"op\":" + quoted(w.op) + ",\"where\":" + quoted(w.where) +
           ",\"mode\":" + quoted(w.mode) + ",\"rule\":" + json(w.rule) +
           ",\"difference\":" + json(w.difference) + ",\"error\":" + json(w.error) + "}";
  }
  out += "],\"notes\":[";
  for (size_t i = 0; i < report.notes.size(); ++i)
    out += (i > 0 ? "," : "") + quoted(report.notes[i]);
  return out + "]}";
}

}  // namespace gradus
