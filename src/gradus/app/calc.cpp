#include <gradus/app/problem.h>
#include <gradus/app/verbs.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>

namespace gradus::app {
namespace {

struct Calc {
  std::string expression;
  std::vector<std::string> at;
};

// One f64 prints with all its digits, 0.1 + 0.2 as 0.30000000000000004.
std::string shown(const Tensor& y) {
  return y.rank() == 0 && y.dtype() == DType::f64 ? text::number(number(y)) : to_string(y);
}

}  // namespace

void add_calc(Command& command, const Settings& settings) {
  const auto c = std::make_shared<Calc>();
  command.expression("EXPR", c->expression, "such as \"sum(x^2)\"");
  command.option("--at", c->at, "values of names, x=1,y=[1,2]", "NAME=VALUE");
  command.example("gradus calc \"0.1 + 0.2\"");
  command.example("gradus calc \"softmax(x)\" --at x=[1,2,3]");
  command.runs([c, &settings] {
    const Problem p = make_problem(c->expression, c->at, "");
    const Tensor y = p.value();
    if (settings.json) {
      print("{\"type\":" + text::quote_json(to_string(y.type())) + ",\"value\":" + to_json(y) +
            "}\n");
    } else {
      const std::string& name = p.expression.result();
      print((name.empty() ? "" : name + " = ") + shown(y) + "\n");
    }
    return done;
  });
}

}  // namespace gradus::app
