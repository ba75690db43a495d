// gradus differences EXPR --at x=1: why a step of a difference can be too small.
#include <gradus/app/columns.h>
#include <gradus/app/problem.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/check.h>
#include <gradus/diff/trace.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>

namespace gradus::app {
namespace {

struct Words {
  std::string expression, wrt;
  std::vector<std::string> at;
};

// The errors as marks on a line from 1e-16 to 1, two columns a factor of ten.
std::string marks(const Quotient& r, bool plain) {
  constexpr double lowest = -16, per_decade = 2;
  constexpr size_t places = 33;
  std::string line(places, ' ');
  const auto place = [](double error) {
    const double at = error > 0 ? (std::log10(error) - lowest) * per_decade : 0;
    return static_cast<size_t>(std::clamp(std::round(at), 0.0, double{places - 1}));
  };
  const bool f = std::isfinite(r.forward_error), c = std::isfinite(r.central_error);
  if (f) line[place(r.forward_error)] = 'f';
  if (c)
    line[place(r.central_error)] =
        f && place(r.forward_error) == place(r.central_error) ? '*' : 'c';
  return (plain ? "|" : "│") + line;
}

std::string error_text(double error, bool best) {
  return text::significant(error, 3) + (best ? " <" : "");
}

}  // namespace

void add_differences(Command& command, const Settings& settings) {
  const auto w = std::make_shared<Words>();
  command.expression("EXPR", w->expression, "such as \"exp(x)\"");
  command.option("--at", w->at, "values of names, x=1", "NAME=VALUE");
  command.option("--wrt", w->wrt, "the name to differentiate by, one number", "NAME");
  command.example("gradus differences \"exp(x)\" --at x=1");
  command.runs([w, &settings]() -> int {
    const Problem p = make_problem(w->expression, w->at, w->wrt);
    if (p.wrt.size() != 1 || p.at.values[static_cast<size_t>(p.wrt[0])].size() != 1)
      raise(ErrorKind::usage,
            "the quotients are of a function of one number. Name it, as in --wrt x.");
    const auto place = static_cast<size_t>(p.wrt[0]);
    const Shape shape = p.at.values[place].shape();
    const Function f = [&](std::span<const Tensor> z) {
      std::vector<Tensor> values = p.at.values;
      values[place] = shape.empty() ? z[0] : reshape(z[0], shape);
      const Tensor y = p(values);
      if (y.size() != 1)
        raise(ErrorKind::shape, "differences: the expression gives " + to_string(y.type()) +
                                    ", but quotients are of one number. Take sum(...) first.");
      return y.rank() == 0 ? y : reshape(y, {});
    };
    const Quotients q = difference_quotients(f, p.at.values[place]);
    const std::string& x = p.at.names[place];
    if (settings.json) {
      const auto json = [](double v) { return to_json(scalar(v, DType::f64)); };
      std::string out =
          "{\"value\":" + json(q.value) + ",\"derivative\":" + json(q.exact) + ",\"rows\":[";
      for (const Quotient& r : q.rows)
        out += (&r == &q.rows[0] ? "{" : ",{") + std::string("\"h\":") + json(r.h) +
               ",\"forward\":" + json(r.forward) + ",\"forward_error\":" + json(r.forward_error) +
               ",\"central\":" + json(r.central) + ",\"central_error\":" + json(r.central_error) +
               "}";
      print(out + "],\"best_forward_h\":" + json(q.rows[q.best_forward].h) +
            ",\"best_central_h\":" + json(q.rows[q.best_central].h) + ",\"advised_forward_h\":" +
            json(q.advised_forward) + ",\"advised_central_h\":" + json(q.advised_central) + "}\n");
      return done;
    }
    print(p.text + " at " + x + " = " + text::number(number(reshape(p.at.values[place], {}))) +
          ":  " + text::number(q.value) + ",  d/d" + x + " = " + text::number(q.exact) +
          "  (forward mode, exact but for rounding)\n\n");
    std::vector<std::vector<std::string>> rows{
        {"h", "forward quotient", "error", "central quotient", "error",
         (settings.plain ? "|" : "│") + std::string("1e-16   1e-12   1e-8    1e-4    1")}};
    for (size_t i = 0; i < q.rows.size(); ++i) {
      const Quotient& r = q.rows[i];
      rows.push_back(
          {(i < 9 ? "1e-0" : "1e-") + std::to_string(i + 1), text::significant(r.forward, 13),
           error_text(r.forward_error, i == q.best_forward), text::significant(r.central, 13),
           error_text(r.central_error, i == q.best_central), marks(r, settings.plain)});
    }
    print(columns(rows));
    const auto small = [](double v) { return text::significant(v, 2); };
    print(
        "\nLarge steps miss the curve (error ~ h, or h^2); small ones divide rounding by h.\n"
        "forward   best h " +
        text::number(q.rows[q.best_forward].h) +
        "; least in theory at sqrt(2 eps |f/f''|) = " + small(q.advised_forward) + "\n" +
        "central   best h " + text::number(q.rows[q.best_central].h) +
        "; least in theory at cbrt(3/2 eps |f/f'''|) = " + small(q.advised_central) + "\n");
    return done;
  });
}

}  // namespace gradus::app
