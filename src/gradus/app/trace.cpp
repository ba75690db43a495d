#include <gradus/app/problem.h>
#include <gradus/app/verbs.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>

namespace gradus::app {
namespace {

struct TraceWords {
  std::string expression, wrt;
  std::vector<std::string> at;
};

}  // namespace

void add_trace(Command& command, const Settings& settings) {
  const auto t = std::make_shared<TraceWords>();
  command.expression("EXPR", t->expression, "such as \"y = tanh(w*x + b)\"");
  command.option("--at", t->at, "values of names, w=2,x=0.5", "NAME=VALUE");
  command.option("--wrt", t->wrt, "names to differentiate by; all without it", "NAMES");
  command.example("gradus trace \"y = tanh(w*x + b)\" --at w=2,x=0.5,b=-0.5 --wrt w,b");
  command.example("gradus trace -v ...    with the numbers behind each reason");
  command.runs([t, &settings]() -> int {
    const Problem p = make_problem(t->expression, t->at, t->wrt);
    const Trace trace = gradus::trace(p, p.at.values, p.at.names, p.wrt, p.expression.result());
    Check check{.passed = true};
    if (!p.wrt.empty()) {
      std::vector<double> gradient;
      for (const Tensor& g : trace.grads)
        for (const double v : numbers(g)) gradient.push_back(v);
      check = check_gradient(p, gradient);
    }
    if (settings.json)
      print(to_json(trace) + "\n");
    else
      print(to_text(trace, {.numbers = settings.verbose > 0}));
    if (!p.wrt.empty()) note(settings, "checked   " + to_text(check) + "\n");
    return check.passed ? done : answer_is_no;
  });
}

}  // namespace gradus::app
