// gradus optimise EXPR --at x=3,y=3: goes down, shows the way, and says why it went as it did.
#include <gradus/app/columns.h>
#include <gradus/app/machine.h>
#include <gradus/app/problem.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/curvature.h>
#include <gradus/optim/minimise.h>
#include <gradus/train/progress.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace gradus::app {
namespace {

using Numbers = std::vector<double>;

struct OptimiseWords {
  std::string expression, method, wrt, schedule, between;
  std::vector<std::string> at, hyper;
  double lr = -1, tolerance = -1;
  int64_t steps = 0;
  bool race = false, jsonl = false;
};

constexpr int64_t widest_hessian = 100;  // numbers whose curvatures are all looked at

std::string small(double x) {
  return text::significant(x, 6);
}
std::string json(double x) {
  return to_json(scalar(x, DType::f64));
}
std::string json(const Numbers& x) {
  return to_json(from_vector(x));
}

bool is_rule(const std::string& method) {
  const std::vector<std::string_view> rules = method_names();
  return std::ranges::find(rules, method) != rules.end();
}

// "lr=0.1,momentum=0.9" and --lr into the rule of a method.
OptimiserConfig rule_of(const OptimiseWords& w, const std::string& method) {
  OptimiserConfig rule = defaults_for(method);
  for (const std::string& words : w.hyper) {
    std::string word;
    for (const char c : words + ",") {
      if (c != ',') {
        word += c;
        continue;
      }
      const size_t equals = word.find('=');
      const auto value =
          equals == std::string::npos ? std::nullopt : text::parse_double(word.substr(equals + 1));
      if (!value)
        raise(ErrorKind::usage,
              "--set is NAME=NUMBER, such as --set momentum=0.9, not '" + word + "'");
      set_hyperparameter(rule, word.substr(0, equals), *value);
      word.clear();
    }
  }
  if (w.lr >= 0) rule.lr = w.lr;
  return rule;
}

// The whole problem of a run: f, where it starts, and how its numbers are called.
struct Task {
  const Problem& p;
  Tensor start;
  std::vector<std::string> names;  // of the numbers; empty where a name holds several
  Tensor operator()(const Tensor& x) const { return p.at_flat(x); }
};

std::string place(const Task& t, const Numbers& x) {
  std::vector<std::string> words;
  constexpr size_t most = 8;
  for (size_t i = 0; i < std::min(x.size(), most); ++i)
    words.push_back((t.names.empty() ? "" : t.names[i] + " = ") + small(x[i]));
  if (x.size() > most) words.emplace_back("...");
  return t.names.empty() ? "[" + text::join(words, ", ") + "]" : text::join(words, ", ");
}

// Step, numbers, f and slope; the first steps, then ever fewer, and the last.
std::string table(const Task& t, const Minimum& m) {
  std::vector<std::vector<std::string>> rows{{"step"}};
  const size_t shown = t.names.size() <= 4 ? t.names.size() : 0;
  for (size_t k = 0; k < shown; ++k) rows[0].push_back(t.names[k]);
  rows[0].insert(rows[0].end(), {"f", "largest slope"});
  const size_t last = m.values.size() - 1;
  double next = 0;
  for (size_t i = 0; i <= last; ++i) {
    if (static_cast<double>(i) < next && i != last) continue;
    next = std::max(static_cast<double>(i) + 1, static_cast<double>(i) * 1.6);
    std::vector<std::string> row{std::to_string(i)};
    for (size_t k = 0; k < shown; ++k) row.push_back(small(m.path[i][k]));
    row.push_back(small(m.values[i]));
    row.push_back(text::significant(m.gradient_norms[i], 3));
    rows.push_back(std::move(row));
  }
  return columns(rows, 2);
}

// Heights of f around the way as rings, and the way on top: 'o' the start, 'x' the end.
std::string picture(const Task& t, const Minimum& m) {
  constexpr int64_t width = 64, height = 20;
  double low[2], high[2];
  for (size_t k = 0; k < 2; ++k) {
    low[k] = high[k] = m.path[0][k];
    for (const Numbers& x : m.path)
      if (std::fabs(x[k]) < 1e6) low[k] = std::min(low[k], x[k]), high[k] = std::max(high[k], x[k]);
    const double room = std::max(0.15 * (high[k] - low[k]), 1e-3 * (1 + std::fabs(low[k])));
    low[k] -= room, high[k] += room;
  }
  // A way that is all along one axis still shows what lies beside it.
  for (size_t k = 0; k < 2; ++k) {
    const double other = high[1 - k] - low[1 - k], middle = 0.5 * (low[k] + high[k]);
    if (high[k] - low[k] < 0.3 * other)
      low[k] = middle - 0.15 * other, high[k] = middle + 0.15 * other;
  }
  const auto at = [&](size_t k, int64_t i, int64_t n) {
    return low[k] + (high[k] - low[k]) * (static_cast<double>(i) + 0.5) / static_cast<double>(n);
  };
  std::vector<Numbers> f(static_cast<size_t>(height));
  double least = m.value;
  for (int64_t r = 0; r < height; ++r)
    for (int64_t c = 0; c < width; ++c) {
      const double v = number(t(Tensor({at(0, c, width), at(1, height - 1 - r, height)})));
      f[static_cast<size_t>(r)].push_back(v);
      if (std::isfinite(v)) least = std::min(least, v);
    }
  // Rings at heights that grow as squares of the distance would: even on a bowl.
  double most = 0;
  for (const Numbers& row : f)
    for (double v : row)
      if (std::isfinite(v)) most = std::max(most, v - least);
  const auto ring = [&](double v) {
    constexpr double rings = 9;
    return std::isfinite(v) && most > 0
               ? std::floor(rings * std::sqrt(std::max(0.0, v - least) / most))
               : -1.0;
  };
  std::vector<std::string> rows(static_cast<size_t>(height),
                                std::string(static_cast<size_t>(width), ' '));
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const double here = ring(f[r][c]);
      const bool edge = (c + 1 < rows[r].size() && ring(f[r][c + 1]) != here) ||
                        (r + 1 < rows.size() && ring(f[r + 1][c]) != here);
      rows[r][c] = here < 0 ? '?' : edge ? '.' : ' ';
    }
  const auto cell = [&](const Numbers& x) -> std::optional<std::pair<size_t, size_t>> {
    const double c = (x[0] - low[0]) / (high[0] - low[0]) * static_cast<double>(width),
                 r = (high[1] - x[1]) / (high[1] - low[1]) * static_cast<double>(height);
    if (!(c >= 0 && c < static_cast<double>(width) && r >= 0 && r < static_cast<double>(height)))
      return {};
    return std::pair{static_cast<size_t>(r), static_cast<size_t>(c)};
  };
  const auto mark = [&](const Numbers& x, char sign) {
    if (const auto p = cell(x)) rows[p->first][p->second] = sign;
  };
  for (size_t i = 1; i < m.path.size(); ++i) {
    constexpr int parts = 80;
    for (int s = 1; s < parts; ++s) {
      const double share = static_cast<double>(s) / parts;
      Numbers x(2);
      for (size_t k = 0; k < 2; ++k)
        x[k] = m.path[i - 1][k] + share * (m.path[i][k] - m.path[i - 1][k]);
      if (const auto p = cell(x); p && rows[p->first][p->second] != '*')
        rows[p->first][p->second] = '+';
    }
    mark(m.path[i], '*');
  }
  mark(m.path.front(), 'o');
  mark(m.path.back(), 'x');
  std::string out;
  constexpr size_t margin = 10;
  for (size_t r = 0; r < rows.size(); ++r) {
    const std::string label = r == 0                 ? small(high[1])
                              : r + 1 == rows.size() ? small(low[1])
                              : r == rows.size() / 2 ? t.names[1]
                                                     : "";
    out += text::pad_left(label, margin) + " |" + rows[r] + "\n";
  }
  const std::string left = small(low[0]), right = small(high[0]);
  out += std::string(margin + 2, ' ') +
         text::pad_right(text::pad_right(left, width / 2) + t.names[0],
                         static_cast<size_t>(width) - right.size()) +
         right + "\n";
  return out + std::string(margin + 2, ' ') + "o start,  * steps,  x end,  . rings of equal f\n";
}

// The curvatures of f, and whether they are the same at both ends of the run.
struct Shape2 {
  Numbers curvatures;
  bool quadratic = false;
};
std::optional<Shape2> shape_of(const Task& t, const Numbers& end) {
  const auto n = static_cast<int64_t>(end.size());
  if (n > widest_hessian) return {};
  const auto hessian_at = [&](const Tensor& x) {
    const Tensor args[] = {x};
    const Tensor h = hessian([&](std::span<const Tensor> a) { return t(a[0]); }, args);
    return 0.5 * (h + transpose(h));
  };
  try {
    const Tensor first = hessian_at(t.start), last = hessian_at(from_vector(end));
    const Numbers a = numbers(first), b = numbers(last);
    double size = 0, change = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return {};
      size = std::max(size, std::fabs(b[i]));
      change = std::max(change, std::fabs(a[i] - b[i]));
    }
    return Shape2{numbers(eigvalsh(last)), change <= 1e-9 * size};
  } catch (const Error&) {  // a function without second derivatives
    return {};
  }
}

struct Explained {
  std::string text, json;
};

// Rates, factors and what stands in the way.
Explained explained(const Task& t, const Minimum& m, const OptimiserConfig* rule) {
  Explained e;
  const auto say = [&](const std::string& head, const std::string& what) {
    e.text += text::pad_right(head, 14) + what + "\n";
  };
  const Numbers end = numbers(m.x);
  const std::optional<Shape2> shape = shape_of(t, end);
  if (shape) {
    const double least = shape->curvatures.front(), largest = shape->curvatures.back();
    e.json += ",\"curvatures\":" + json(shape->curvatures) +
              ",\"quadratic\":" + (shape->quadratic ? "true" : "false");
    say("curvature", (end.size() == 1 ? small(largest) : small(least) + " to " + small(largest)) +
                         (shape->quadratic ? ", the same everywhere" : " where it ends"));
    if (largest > 0) {
      const double bound = stable_rate(largest);
      e.json += ",\"stable_below\":" + json(bound);
      std::string line =
          "gradient descent is stable for rates below 2 / " + small(largest) + " = " + small(bound);
      if (least > 0)
        line += "; the best is " + small(best_rate(least, largest)) + ", a factor of " +
                small((largest - least) / (largest + least)) + " a step";
      say("rate", line);
    }
    if (rule != nullptr && rule->method == "sgd" && shape->quadratic && least > 0) {
      const double foretold = contraction_factor(*rule, shape->curvatures);
      // f of a quadratic at its minimum, from where the run ended.
      const Minimum bottom =
          minimise(t, m.x, {.method = "newton", .tolerance = 0, .iterations = 3});
      Numbers errors;
      for (double v : m.values) errors.push_back(v - bottom.value);
      // What rounding of f leaves is no error of the run.
      while (errors.size() > 2 && errors.back() <= 1e-13 * std::fabs(m.values[0]))
        errors.pop_back();
      const double measured = std::sqrt(measured_factor(errors));
      e.json += ",\"factor_foretold\":" + json(foretold) + ",\"factor_measured\":" + json(measured);
      say("factor", "the error shrinks by " + text::significant(foretold, 4) +
                        " a step in the long run" +
                        (std::isfinite(measured) ? "; measured " + text::significant(measured, 4)
                                                 : std::string()) +
                        (foretold >= 1 ? ": it does not shrink at all" : ""));
    }
    const Standing s = standing(
        t, m.x,
        rule != nullptr && rule->method == "sgd" ? rule->lr : 1 / std::max(largest, 1e-300));
    e.json += ",\"standing\":" + text::quote_json(s.reason);
    say("where it is", s.reason);
  }
  return e;
}

Minimum run_one(const Task& t, const std::string& method, const OptimiseWords& w,
                const OptimiserConfig& rule) {
  const bool by_rule = is_rule(method);
  constexpr int64_t usual_rule = 100, usual = 1000;
  const int64_t steps = w.steps > 0 ? w.steps : by_rule ? usual_rule : usual;
  return minimise(t, t.start,
                  {.method = method,
                   .tolerance = w.tolerance >= 0 ? w.tolerance
                                : by_rule        ? 0
                                                 : 1e-8,
                   .iterations = steps,
                   .rule = rule,
                   .schedule = w.schedule.empty() ? Schedule() : parse_schedule(w.schedule, steps),
                   .keep_path = true});
}

int status_of(const Minimum& m, bool by_rule) {
  if (m.stop == Stop::not_finite || m.stop == Stop::unbounded || m.stop == Stop::no_descent)
    return numerical_failure;
  return by_rule || m.stop != Stop::iterations ? done : answer_is_no;
}

std::string costs(const Minimum& m) {
  return std::to_string(m.evaluations) + (m.evaluations == 1 ? " gradient" : " gradients") +
         (m.products > 0 ? ", " + std::to_string(m.products) + " Hessian-vector products" : "");
}

int run_method(const Task& t, const OptimiseWords& w, const std::string& method,
               const Settings& settings) {
  const bool by_rule = is_rule(method);
  const OptimiserConfig rule = by_rule ? rule_of(w, method) : OptimiserConfig();
  if (!by_rule && (w.lr >= 0 || !w.hyper.empty() || !w.schedule.empty()))
    raise(ErrorKind::usage, "optimise: " + method +
                                " finds its own steps. --lr, --set and --schedule belong to update "
                                "rules, such as sgd.");
  const Minimum m = run_one(t, method, w, rule);
  const Numbers end = numbers(m.x);
  const bool finite =
      m.stop != Stop::unbounded && std::isfinite(m.value) && std::isfinite(m.gradient_norm);
  const Explained e = finite ? explained(t, m, by_rule ? &rule : nullptr) : Explained();
  // The steps that were asked for are no failure of a rule.
  const std::string reason = by_rule && m.stop == Stop::iterations
                                 ? std::to_string(m.iterations) + " steps were asked for"
                                 : m.reason;
  if (settings.json) {
    std::string path;
    for (const Numbers& x : m.path) path += (path.empty() ? "" : ",") + json(x);
    print("{\"method\":" + text::quote_json(method) + ",\"x\":" + json(end) +
          ",\"f\":" + json(m.value) + ",\"slope\":" + json(m.gradient_norm) + ",\"steps\":" +
          std::to_string(m.iterations) + ",\"evaluations\":" + std::to_string(m.evaluations) +
          ",\"products\":" + std::to_string(m.products) +
          ",\"converged\":" + (m.converged() ? "true" : "false") +
          ",\"reason\":" + text::quote_json(reason) + e.json + ",\"path\":[" + path + "]}\n");
    return status_of(m, by_rule);
  }
  std::vector<std::string> hyper;
  for (const auto& [name, value] : hyperparameters(rule))
    if (name == "lr" || value != 0) hyper.push_back(name + " " + text::number(value));
  if (!settings.quiet) {
    print("method        " + method + (by_rule ? ": " + text::join(hyper, ", ") : "") +
          (w.schedule.empty() ? "" : ", times " + w.schedule) + "\n");
    print(table(t, m));
    if (t.names.size() == 2 && m.path.size() > 1) print("\n" + picture(t, m) + "\n");
  }
  print("end           " + place(t, end) + ", where f = " + small(m.value) + "\n");
  if (settings.quiet) return status_of(m, by_rule);
  print("stopped       after " + std::to_string(m.iterations) +
        (m.iterations == 1 ? " step" : " steps") + " (" + costs(m) + "): " + reason + "\n");
  print(e.text);
  return status_of(m, by_rule);
}

// All methods on one surface: how many steps until f is within a millionth of the way to the lowest
// f that any of them found.
int run_race(const Task& t, const OptimiseWords& w, const Settings& settings) {
  // Rates that suit the surface: what curvature allows for sgd, a twentieth of the size of x for
  // those that divide by the slope.
  double largest = 0, reach = 1;
  for (double v : numbers(t.start)) reach = std::max(reach, std::fabs(v));
  try {
    largest = largest_curvature(t, t.start, {.tolerance = 1e-3}).largest;
  } catch (const Error&) {
  }
  struct Runner {
    std::string name;
    double lr;
    Minimum m;
    int64_t reached = -1;
  };
  std::vector<Runner> runners;
  const auto enter = [&](const std::string& name) {
    OptimiserConfig rule = OptimiserConfig();
    if (is_rule(name)) {
      if (name == "muon") return;
      rule = defaults_for(name);
      const bool by_slope = rule.method == "sgd" || name == "asgd";
      if (w.lr >= 0)
        rule.lr = w.lr;
      else if (by_slope)
        rule.lr = largest > 0 ? (rule.momentum > 0 ? 0.3 : 1) / largest : 0.01;
      else if (name != "adadelta")
        rule.lr = 0.05 * reach;
    }
    OptimiseWords words = w;
    if (!is_rule(name)) words.schedule.clear();
    if (words.steps == 0) words.steps = 500;
    runners.push_back(
        {name, is_rule(name) ? rule.lr : std::nan(""), run_one(t, name, words, rule)});
  };
  for (const std::string_view name : method_names()) enter(std::string(name));
  for (const std::string_view name : minimiser_names()) enter(std::string(name));
  double start = runners.front().m.values.front(), lowest = start;
  for (const Runner& r : runners)
    for (double v : r.m.values)
      if (std::isfinite(v)) lowest = std::min(lowest, v);
  for (Runner& r : runners)
    for (size_t i = 0; i < r.m.values.size() && r.reached < 0; ++i)
      if (r.m.values[i] - lowest <= 1e-6 * (start - lowest)) r.reached = static_cast<int64_t>(i);
  std::ranges::stable_sort(runners, [](const Runner& a, const Runner& b) {
    const auto place = [](const Runner& r) { return r.reached < 0 ? INT64_MAX : r.reached; };
    if (place(a) != place(b)) return place(a) < place(b);
    return a.reached < 0 && a.m.value < b.m.value;
  });
  if (settings.json) {
    std::string out;
    for (const Runner& r : runners)
      out += std::string(out.empty() ? "" : ",") + "{\"method\":" + text::quote_json(r.name) +
             ",\"lr\":" + json(r.lr) +
             ",\"steps_to_goal\":" + (r.reached < 0 ? "null" : std::to_string(r.reached)) +
             ",\"f\":" + json(r.m.value) + ",\"x\":" + json(numbers(r.m.x)) +
             ",\"evaluations\":" + std::to_string(r.m.evaluations) +
             ",\"products\":" + std::to_string(r.m.products) + "}";
    print("{\"start\":" + json(start) + ",\"lowest\":" + json(lowest) + ",\"race\":[" + out +
          "]}\n");
    return done;
  }
  print("from          " + place(t, numbers(t.start)) + ", where f = " + small(start) + "\n");
  print("goal          f within a millionth of the way down to " + small(lowest) + "\n\n");
  std::vector<std::vector<std::string>> rows{{"method", "rate", "steps to goal", "gradients",
                                              "f at the end", settings.plain ? "" : "log f"}};
  for (const Runner& r : runners) {
    Numbers heights;
    for (double v : r.m.values)
      heights.push_back(std::log10(std::max(v - lowest, 1e-12 * (start - lowest) + 1e-300)));
    rows.push_back({r.name, std::isnan(r.lr) ? "its own" : text::significant(r.lr, 3),
                    r.reached < 0 ? "-" : std::to_string(r.reached),
                    std::to_string(r.m.evaluations), text::significant(r.m.value, 4),
                    settings.plain ? "" : sparkline(heights, 24)});
  }
  print(columns(rows, 2));
  if (largest > 0)
    print("\nrates         sgd and its kin by curvature: 1 / " + small(largest) +
          " at the start; the others a twentieth of the size of x; --lr gives all the same\n");
  return done;
}

// One number on an interval, without derivatives.
int run_between(const OptimiseWords& w, const Settings& settings) {
  const size_t comma = w.between.find(',');
  const auto end = [](std::string word) {
    word.erase(0, word.find_first_not_of(' '));  // that hides a minus sign from the flags
    return text::parse_double(word);
  };
  const auto low = end(w.between.substr(0, comma)),
             high = comma == std::string::npos ? std::nullopt : end(w.between.substr(comma + 1));
  if (!low || !high)
    raise(ErrorKind::usage, "--between is two numbers, low and high, as in --between 0,1");
  Bindings at;
  for (const std::string& words : w.at) parse_bindings(words, at);
  const Expression expression = parse_expression(w.expression);
  std::vector<std::string> free;
  for (const std::string& name : expression.names())
    if (std::ranges::find(at.names, name) == at.names.end() && !is_known_constant(name))
      free.push_back(name);
  if (free.size() != 1)
    raise(ErrorKind::usage, "--between is for one name without a value, but the expression has " +
                                (free.empty() ? "none" : text::join(free, ", ")) +
                                ". Give the others values with --at.");
  at.names.push_back(free[0]);
  at.values.emplace_back();
  const ScalarMinimum m = minimise_scalar(
      [&](double x) {
        at.values.back() = scalar(x, DType::f64);
        const Tensor f = expression(at.names, at.values);
        if (f.rank() != 0)
          raise(ErrorKind::shape,
                "the expression is " + to_string(f.type()) +
                    ", but one number is made small. Take sum(...) or mean(...).");
        return number(f);
      },
      *low, *high);
  if (settings.json)
    print("{\"method\":\"brent\",\"x\":" + json(m.x) + ",\"f\":" + json(m.value) +
          ",\"evaluations\":" + std::to_string(m.evaluations) + ",\"converged\":" +
          (m.converged ? "true" : "false") + ",\"reason\":" + text::quote_json(m.reason) + "}\n");
  else
    print("end           " + free[0] + " = " + text::significant(m.x, 9) +
          ", where f = " + text::significant(m.value, 9) + "\n" +
          (settings.quiet ? ""
                          : "stopped       after " + std::to_string(m.evaluations) +
                                " values of f (Brent's method): " + m.reason + "\n"));
  return std::isfinite(m.value) ? done : numerical_failure;
}

int run(const OptimiseWords& w, const Settings& settings) {
  if (w.jsonl) {
    answer_lines(optimise_answer);
    return done;
  }
  if (w.expression.empty()) raise(ErrorKind::usage, "EXPR is required. See gradus help optimise.");
  constexpr int64_t most = 1'000'000;
  if (w.steps < 0 || w.steps > most) raise(ErrorKind::usage, "--steps lies in 1 to 10^6");
  if (std::isnan(w.lr) || std::isnan(w.tolerance))
    raise(ErrorKind::usage, "--lr and --tolerance are numbers, not nan");
  if (!w.between.empty()) return run_between(w, settings);
  const Problem p = make_problem(w.expression, w.at, w.wrt);
  if (p.wrt.empty()) raise(ErrorKind::usage, "there is no start. Give one, as in --at x=3,y=3.");
  Task t{p, p.flat_point(), {}};
  if (t.start.size() == 0) raise(ErrorKind::usage, "the start holds no number");
  constexpr int64_t most_numbers = 50'000'000;  // of the whole way, which is kept
  if (t.start.size() > most_numbers / std::max<int64_t>(w.steps, 1000))
    raise(ErrorKind::unsupported, std::to_string(t.start.size()) + " numbers for " +
                                      std::to_string(std::max<int64_t>(w.steps, 1000)) +
                                      " steps are more than the way that is shown can hold");
  if (const Type type = t(t.start).type(); type.shape.size() != 0)
    raise(ErrorKind::shape, "optimise: the expression is " + to_string(type) +
                                ", but one number is made small. Take sum(...) or mean(...).");
  for (int k : p.wrt) {
    const auto at = static_cast<size_t>(k);
    if (p.at.values[at].rank() > 0) {
      t.names.clear();
      break;
    }
    t.names.push_back(p.at.names[at]);
  }
  if (w.race) return run_race(t, w, settings);
  std::string method = w.method;
  if (method.empty()) method = w.lr >= 0 || !w.hyper.empty() ? "sgd" : "lbfgs";
  if (method == "gd") method = "sgd";  // of a whole function, not of a sample
  return run_method(t, w, method, settings);
}

}  // namespace

void add_optimise(Command& command, const Settings& settings) {
  const auto w = std::make_shared<OptimiseWords>();
  command.expression("EXPR", w->expression, "what to make small, such as \"x^2 + 4*y^2\"", false);
  command.option("--at", w->at, "the start, x=3,y=3", "NAME=VALUE");
  command.option("--wrt", w->wrt, "names that vary; all without it", "NAMES");
  command.option("--method", w->method,
                 "gd, an update rule (" + text::join(method_names(), ", ") + ") or " +
                     text::join(minimiser_names(), ", ") + " (default: lbfgs; with --lr: gd)",
                 "NAME");
  command.option("--lr", w->lr, "learning rate of an update rule (below 0: its own)");
  command.option("--set", w->hyper, "hyperparameters of an update rule, momentum=0.9",
                 "NAME=NUMBER");
  command.option("--schedule", w->schedule, "what multiplies the rate, warmup(10)+cosine", "TEXT");
  command.option("--steps", w->steps, "steps at most (0: 100 of a rule, 1000 else)");
  command.option("--tolerance", w->tolerance, "stop at a slope this small (below 0: the usual)");
  command.option("--between", w->between,
                 "one name without a value: its best on an interval, by Brent's method",
                 "LOW,HIGH");
  command.flag("--race", w->race, "all methods from the same start");
  command.flag("--jsonl", w->jsonl, "answer JSON lines from standard input");
  command.example("gradus optimise \"x^2 + 4*y^2\" --at x=3,y=3 --method gd --lr 0.1 --steps 50");
  command.example(
      "gradus optimise \"100*(y - x^2)^2 + (1 - x)^2\" --at x=-1.2,y=1 --race    a narrow valley");
  command.example("gradus optimise \"-7*log(p) - 3*log(1-p)\" --between 0,1");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
