// gradus gradcheck EXPR|RUN|MODEL: derivatives against differences, and by hand where given.
#include <gradus/app/network.h>
#include <gradus/app/problem.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/check.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

#include <algorithm>

namespace gradus::app {
namespace {

struct Words {
  std::string what, wrt;
  std::vector<std::string> at, formulas;
  double tolerance = 1e-7;
  int64_t directions = 0, rows = 10;
  bool steps = false;
  NetworkOptions network;
};

// --formula "2*x" where there is one name, or "x=2*x,y=3": a gradient for each name.
std::vector<Tensor> by_hand(const Words& w, const Problem& p) {
  std::vector<Tensor> all(p.wrt.size());
  for (const std::string& text : w.formulas) {
    const Expression formula = parse_expression(text);
    size_t k = 0;
    if (!formula.result().empty()) {
      while (k < p.wrt.size() && p.at.names[static_cast<size_t>(p.wrt[k])] != formula.result()) ++k;
      if (k == p.wrt.size())
        raise(ErrorKind::usage, "--formula: '" + formula.result() +
                                    "' is none of the names that are differentiated by");
    } else if (p.wrt.size() != 1) {
      raise(ErrorKind::usage,
            "--formula: there are several names. Say which one it is for, as in --formula \"" +
                p.at.names[static_cast<size_t>(p.wrt[0])] + " = " + text + "\".");
    }
    Tensor g = cast(formula(p.at.names, p.at.values), DType::f64);
    const Shape& shape = p.at.values[static_cast<size_t>(p.wrt[k])].shape();
    if (g.rank() == 0) g = broadcast_to(g, shape);
    all[k] = g;
  }
  return all;
}

int run(const Words& w, const Settings& settings) {
  GradcheckOptions options{.tolerance = w.tolerance, .steps = w.steps, .seed = settings.seed};
  if (!(w.tolerance > 0)) raise(ErrorKind::usage, "--tolerance must be positive, as in 1e-7");
  if (w.directions < 0 || w.directions > 100000)
    raise(ErrorKind::usage,
          "--directions lies in 0 to 100 000, but is " + std::to_string(w.directions));
  if (w.rows < 0) raise(ErrorKind::usage, "--rows counts from 0");
  options.directions = w.directions;
  GradReport report;
  std::string head;
  if (w.at.empty() && names_network(w.what)) {
    if (!w.formulas.empty() || !w.wrt.empty())
      raise(ErrorKind::usage, "--formula and --wrt go with an expression, not with a network");
    const Network n = load_network(w.what, w.network, settings.seed);
    options.names = n.names;
    report = gradcheck(n.loss, n.parameters, options);
    head = n.says;
  } else {
    const Problem p = make_problem(w.what, w.at, w.wrt);
    if (p.wrt.empty())
      raise(ErrorKind::usage, "there is nothing to differentiate by. Give values, as in --at x=1.");
    options.wrt = p.wrt;
    options.names = p.at.names;
    options.manual = by_hand(w, p);
    report = gradcheck(p, p.at.values, options);
    head = w.what;
  }
  if (settings.json) {
    print(to_json(report) + "\n");
  } else {
    note(settings,
         "gradcheck of " + head + " = " + text::significant(number(report.value), 7) + "\n");
    print(to_text(report, {.rows = static_cast<size_t>(w.rows)}));
  }
  return report.passed ? done : answer_is_no;
}

}  // namespace

void add_gradcheck(Command& command, const Settings& settings) {
  const auto w = std::make_shared<Words>();
  command.expression("EXPR|RUN|MODEL", w->what, "an expression, a run folder or a file of weights");
  command.option("--at", w->at, "values of names, x=2,y=3", "NAME=VALUE");
  command.option("--wrt", w->wrt, "names to differentiate by; all without it", "NAMES");
  command.option("--formula", w->formulas,
                 "the gradient by hand: 2*x, or x=2*x where there are several names", "TEXT");
  command.option("--tolerance", w->tolerance, "relative difference that still agrees");
  command.option("--directions", w->directions,
                 "random directions; 0: none up to 1000 elements, else 8");
  command.option("--rows", w->rows, "lines of the table, the worst first");
  command.flag("--steps", w->steps, "check the rule of every step, also where all agree");
  command.option("--data", w->network.data, "of a run: other data than its own", "DATA");
  command.option("--activation", w->network.activation, "of a file of weights; relu without it",
                 "NAME");
  command.option("--examples", w->network.examples, "examples that the loss is taken over");
  command.example("gradus gradcheck \"sum(tanh(x))\" --at x=[0.5,-1]");
  command.example("gradus gradcheck \"x^3\" --at x=2 --formula \"3*x^2\"");
  command.example("gradus gradcheck runs/0001-digits");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
