#include <gradus/app/columns.h>
#include <gradus/app/directions.h>
#include <gradus/app/machine.h>
#include <gradus/app/problem.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/symbolic.h>
#include <gradus/diff/trace.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>

namespace gradus::app {
namespace {

struct GradWords {
  std::string expression, wrt;
  std::vector<std::string> at;
  int64_t order = 1;
  bool steps = false, derive = false, program = false, directions = false, jsonl = false;
};

// Whole numbers bare, others with six decimals, far ones with seven digits.
std::string shown(double x) {
  const double size = std::fabs(x);
  if (!(size >= 1e-3 && size < 1e6) || x == std::floor(x)) return text::significant(x, 7);
  return text::fixed(x, 6);
}

std::string shown(const Tensor& x) {
  return x.rank() == 0 ? shown(number(x)) : to_string(x);
}

std::string bracketed(std::span<const double> values) {
  std::vector<std::string> words;
  for (double v : values) words.push_back(shown(v));
  return "[ " + text::join(words, ", ") + " ]";
}

std::string all_names(const Problem& p) {
  std::vector<std::string> names;
  for (int w : p.wrt) names.push_back(p.at.names[static_cast<size_t>(w)]);
  return text::join(names, ", ");
}

// Every step with its value, the local derivatives of its operation and its adjoint.
std::string steps_table(const Problem& p, const std::string& result, bool plain) {
  const Trace t = trace(p, p.at.values, p.at.names, p.wrt, result);
  const std::string d = plain ? "d" : "∂";
  const auto name = [](const TraceRow& r) { return r.label.empty() ? r.name : r.label; };
  std::vector<std::vector<std::string>> rows{
      {" #", "value", "local derivatives",
       "adjoint " + d + result + "/" + d + (plain ? "." : "·")}};
  for (size_t i = 0; i < t.rows.size(); ++i) {
    const TraceRow& row = t.rows[i];
    std::vector<std::string> local, sum;
    for (const TraceRow& input : t.rows)
      for (const Reason& r : input.because)
        if (r.from == i && !r.slope.empty()) {
          const std::string value = shown(r.slope_value);
          local.push_back(d + name(row) + "/" + d + name(input) + " = " +
                          (r.slope == value ? "" : r.slope + " = ") + value);
        }
    for (const Reason& r : row.because) {
      const TraceRow& from = t.rows[r.from];
      sum.push_back(r.slope.empty() || r.part.rank() > 0
                        ? r.formula
                        : shown(r.slope_value) + (plain ? "*" : "·") + shown(from.bar));
    }
    std::ranges::reverse(sum);  // the sweep came from the end
    const std::string adjoint =
        row.bar.is_absent() ? "."
                            : shown(row.bar) + (sum.empty() ? "" : "  = " + text::join(sum, " + "));
    rows.push_back({(i < 9 ? " " : "") + std::to_string(i + 1),
                    name(row) + " = " + (row.is_input ? "" : row.step + " = ") + shown(row.value),
                    text::join(local, ", "), adjoint});
  }
  return columns(rows);
}

// What the signs of the eigenvalues say about the shape of f here.
std::string shape_word(const std::vector<double>& eigenvalues, std::span<const double> gradient) {
  double largest = 0;
  for (double v : eigenvalues) largest = std::max(largest, std::fabs(v));
  const double zero = 1e-12 * largest;  // below, rounding decides the sign
  const bool up = eigenvalues.back() > zero, down = eigenvalues.front() < -zero;
  const bool flat =
      std::ranges::any_of(eigenvalues, [&](double v) { return std::fabs(v) <= zero; });
  const bool critical = std::ranges::all_of(gradient, [](double g) { return g == 0; });
  if (up && down) return "saddle";
  if (flat) return up || down ? "flat in some direction" : "flat";
  if (critical) return up ? "minimum" : "maximum";
  return up ? "curved upwards" : "curved downwards";
}

std::string hessian_text(const Tensor& h, std::span<const double> gradient, bool plain) {
  const int64_t n = h.shape()[0];
  constexpr int64_t widest = 12;  // columns that fit a terminal
  const std::vector<double> values = numbers(h);
  if (n > widest) return "Hessian   " + to_string(h.type()) + "\n";
  size_t width = 0;
  for (double v : values) width = std::max(width, shown(v).size());
  std::vector<std::string> lines;
  for (int64_t i = 0; i < n; ++i) {
    std::string line = "[ ";
    for (int64_t j = 0; j < n; ++j)
      line += text::pad_right(shown(values[static_cast<size_t>(i * n + j)]), width) +
              (j + 1 < n ? "  " : " ]");
    lines.push_back(line);
  }
  if (std::ranges::all_of(values, [](double v) { return std::isfinite(v); })) {
    std::vector<double> eigenvalues = numbers(eigvalsh(0.5 * (h + transpose(h))));
    const std::string word = shape_word(eigenvalues, gradient);
    std::ranges::reverse(eigenvalues);
    std::vector<std::string> words;
    for (double v : eigenvalues) words.push_back(shown(v));
    lines[0] += "     eigenvalues " + text::join(words, ", ") + (plain ? "  -> " : "  → ") + word;
  }
  return "Hessian   " + text::join(lines, "\n          ") + "\n";
}

constexpr size_t longest_formula = 160;  // that someone reads

// The derivatives as formulas: behind the gradient where they are short, else one a line.
std::string symbolic_text(std::span<const DerivativeText> all, const Problem& p,
                          const std::string& result, bool plain, bool on_one_line) {
  const std::string d = plain ? "d" : "∂";
  std::vector<std::string> words;
  bool short_enough = on_one_line;
  for (const DerivativeText& t : all) {
    std::string word = plain ? t.program : t.math;
    const size_t length = text::width(word);
    if (!t.why_not.empty())
      word = "no formula: " + t.why_not + "; --program prints it as a program";
    else if (length > longest_formula)
      word = "a formula of " + std::to_string(length) +
             " characters; --program prints it as a program";
    else if (!t.unless.empty())
      word += "   unless " + t.unless;
    short_enough = short_enough && t.why_not.empty() && t.unless.empty();
    words.push_back(std::move(word));
  }
  const std::string line = text::join(words, ", ");
  constexpr size_t rest_of_line = 50;
  if (short_enough && text::width(line) <= rest_of_line)
    return "      symbolic  [ " + line + " ]\n";
  std::string out = "\n";
  for (size_t i = 0; i < words.size(); ++i)
    out += (i == 0 ? "symbolic  " : "          ") + d + result + "/" + d +
           p.at.names[static_cast<size_t>(p.wrt[i])] + " = " + words[i] + "\n";
  return out;
}

// Which rule gives the derivative of which part, from the inside out.
std::string derivation_text(const Problem& p, bool plain) {
  std::string out;
  for (int w : p.wrt) {
    std::vector<std::string> held;
    for (const std::string& name : p.expression.names())
      if (name != p.at.names[static_cast<size_t>(w)] &&
          std::ranges::find(p.at.names, name) != p.at.names.end())
        held.push_back(name);
    out += "by " + p.at.names[static_cast<size_t>(w)] +
           (held.empty() ? "" : ", holding " + text::join(held, ", ") + " constant") + "\n";
    std::vector<std::vector<std::string>> rows;
    for (const DerivationStep& s : derivation(p, p.at.values, p.at.names, w, plain))
      rows.push_back({"  " + s.of, "= " + s.becomes, s.rule, s.law});
    if (rows.empty()) rows.push_back({"  no rule is needed"});
    out += columns(rows);
  }
  return out;
}

int run(const GradWords& g, const Settings& settings) {
  if (g.jsonl) {
    answer_lines(grad_answer);
    return done;
  }
  if (g.expression.empty()) raise(ErrorKind::usage, "EXPR is required. See gradus help grad.");
  const Problem p = make_problem(g.expression, g.at, g.wrt);
  if (p.wrt.empty())
    raise(ErrorKind::usage, "there is nothing to differentiate by. Give values, as in --at x=1.");
  if (g.order < 1) raise(ErrorKind::usage, "--order counts from 1");
  if (g.program) {
    print(derivative_program(p, p.at.values, p.at.names, p.wrt));
    return done;
  }
  const ValueAndGrads first = p.grads();
  const std::vector<double> gradient = p.flat_grad();
  const Check check = check_gradient(p, gradient);
  Tensor hess, derivative;
  if (g.order == 2) hess = p.flat_hessian();
  if (g.order > 2) derivative = p.derivative(g.order);

  const std::vector<DerivativeText> formulas = derivative_text(p, p.at.values, p.at.names, p.wrt);

  const std::string around = g.directions ? directions_text(p, settings) : "";
  if (settings.json) {
    std::string out = "{\"value\":" + to_json(first.value) + ",\"grad\":{";
    for (size_t i = 0; i < p.wrt.size(); ++i)
      out += (i > 0 ? "," : "") + text::quote_json(p.at.names[static_cast<size_t>(p.wrt[i])]) +
             ":" + to_json(first.grads[i]);
    out += "},\"symbolic\":{";
    for (size_t i = 0, k = 0; i < p.wrt.size(); ++i)
      if (formulas[i].why_not.empty())
        out += (k++ > 0 ? "," : "") + text::quote_json(p.at.names[static_cast<size_t>(p.wrt[i])]) +
               ":" + text::quote_json(formulas[i].program);
    out += "}";
    if (g.order == 2) out += ",\"hess\":" + to_json(hess);
    if (g.order > 2) out += ",\"deriv\":" + to_json(derivative);
    if (g.directions) out += ",\"directions\":" + directions_json(p);
    print(out + ",\"difference\":" + to_json(scalar(check.difference, DType::f64)) +
          ",\"passed\":" + (check.passed ? "true" : "false") + "}\n");
    return check.passed ? done : answer_is_no;
  }

  std::string result = p.expression.result().empty() ? "f" : p.expression.result();
  while (std::ranges::find(p.at.names, result) != p.at.names.end()) result += "_";
  std::string body = p.text;
  if (!p.expression.result().empty()) body.erase(0, body.find('=') + 1);
  body.erase(0, body.find_first_not_of(' '));
  print(text::pad_right(result + "(" + all_names(p) + ") = " + body, 55) + " " + result + " = " +
        shown(first.value) + "\n");
  if (g.derive) print(derivation_text(p, settings.plain));
  if (g.steps) print(steps_table(p, result, settings.plain));
  const bool numbers_only =
      std::ranges::all_of(first.grads, [](const Tensor& x) { return x.rank() == 0; });
  if (numbers_only) {
    print("gradient  " + bracketed(gradient));
  } else {
    for (size_t i = 0; i < p.wrt.size(); ++i) {
      std::string text = to_string(first.grads[i]);
      const std::string& name = p.at.names[static_cast<size_t>(p.wrt[i])];
      const std::string head = std::string(i == 0 ? "gradient  " : "          ") + name + " ";
      for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += head.size())
        text.insert(at + 1, head.size(), ' ');
      print(head + text + "\n");
    }
  }
  const std::string symbolic = symbolic_text(formulas, p, result, settings.plain, numbers_only);
  print(numbers_only ? symbolic : symbolic.substr(1));
  if (g.order == 2) print(hessian_text(hess, gradient, settings.plain));
  if (g.order > 2)
    print("order " + std::to_string(g.order) + "   " + shown(number(derivative)) + "\n");
  print(around);
  print("checked   " + to_text(check) + "\n");
  return check.passed ? done : answer_is_no;
}

}  // namespace

void add_grad(Command& command, const Settings& settings) {
  const auto g = std::make_shared<GradWords>();
  command.expression("EXPR", g->expression, "such as \"x*y + sin(x)\"", false);
  command.option("--at", g->at, "values of names, x=2,y=3", "NAME=VALUE");
  command.option("--wrt", g->wrt, "names to differentiate by; all without it", "NAMES");
  command.option("--order", g->order, "1 gradient, 2 Hessian too, n the n-th derivative");
  command.flag("--steps", g->steps, "show every step with its local derivatives");
  command.flag("--directions", g->directions,
               "two names: the slope in 12 directions, and along the gradient");
  command.flag("--derive", g->derive, "show which rule gives the derivative of which part");
  command.flag("--program", g->program, "print the derivative as a program, one step a line");
  command.flag("--jsonl", g->jsonl, "answer JSON lines from standard input");
  command.example("gradus grad \"x*y + sin(x)\" --at x=2,y=3 --order 2 --steps");
  command.runs([g, &settings] { return run(*g, settings); });
}

}  // namespace gradus::app
