// gradus plan WHAT: the plan of an expression with its gradient, or of a training step.
#include <gradus/app/bench_step.h>
#include <gradus/app/problem.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/text.h>
#include <gradus/nn/mlp.h>
#include <gradus/ops/limits.h>
#include <gradus/plan/plan.h>

#include <algorithm>

namespace gradus::app {
namespace {

constexpr const char* usual_activation = "relu";
constexpr int64_t usual_batch = 32;

struct PlanWords {
  std::string what, wrt, activation = usual_activation;
  std::vector<std::string> at;
  int64_t batch = usual_batch;
  bool time = false;
};

Plan plan_of_expression(const PlanWords& w) {
  if (w.batch != usual_batch || w.activation != usual_activation)
    raise(ErrorKind::usage,
          "plan: --batch and --activation belong to a model such as "
          "mlp:64-32-10, but " +
              w.what + " is an expression.");
  const Problem p = make_problem(w.what, w.at, w.wrt);
  std::vector<Argument> arguments;
  for (size_t i = 0; i < p.at.names.size(); ++i)
    arguments.push_back({p.at.names[i], p.at.values[i].type()});
  Plan plan = compile(
      [&](std::span<const Tensor> a) {
        const ValueAndGrads r =
            value_and_grads([&](std::span<const Tensor> x) { return p(x); }, a, p.wrt);
        std::vector<Tensor> out{r.value};
        out.insert(out.end(), r.grads.begin(), r.grads.end());
        return out;
      },
      arguments);
  for (size_t i = 0; i < arguments.size(); ++i) plan.set(static_cast<int>(i), p.at.values[i]);
  return plan;
}

Plan plan_of_step(const PlanWords& w) {
  if (!w.at.empty() || !w.wrt.empty())
    raise(ErrorKind::usage, "plan: --at and --wrt belong to an expression, but " + w.what +
                                " is a model. Its numbers are drawn from the seed.");
  if (w.batch < 1 || w.batch > 1 << 20)
    raise(ErrorKind::usage,
          "plan: --batch is " + std::to_string(w.batch) + ". It must be from 1 to 1048576.");
  const MlpSpec spec = parse_mlp(w.what);
  return std::move(perceptron_step(spec.sizes, w.activation, spec.sizes.back() > 1, w.batch).plan);
}

std::string to_json(const Plan& plan, const Limits& limits, std::span<const double> seconds) {
  std::string out =
      "{\"arena_bytes\":" + std::to_string(plan.arena_bytes()) + ",\"instructions\":[";
  for (size_t i = 0; i < plan.notes().size(); ++i) {
    const InstructionNote& n = plan.notes()[i];
    out += std::string(i == 0 ? "" : ",") + "{\"ops\":" + text::quote_json(n.ops) +
           ",\"types\":" + text::quote_json(n.where) + ",\"why\":" + text::quote_json(n.why) +
           ",\"flops\":" + text::number17(n.flops) + ",\"bytes\":" + std::to_string(n.bytes) +
           ",\"limit_us\":" + text::number17(1e6 * n.seconds_at(limits));
    if (!seconds.empty()) out += ",\"us\":" + text::number17(1e6 * seconds[i]);
    out += "}";
  }
  return out + "]}\n";
}

int run(const PlanWords& w, const Settings& settings) {
  if (settings.threads > 0) set_thread_count(settings.threads);
  Plan plan = w.what.starts_with("mlp:") ? plan_of_step(w) : plan_of_expression(w);
  std::vector<double> seconds;
  if (w.time) {
    constexpr int warm = 20, runs = 201;
    for (int i = 0; i < warm; ++i) plan.run();
    seconds = plan.time_each(runs);
  }
  const Limits& limits = machine_limits();
  print(settings.json ? to_json(plan, limits, seconds) : plan.explain(&limits, seconds));
  return done;
}

}  // namespace

void add_plan(Command& command, const Settings& settings) {
  const auto w = std::make_shared<PlanWords>();
  command.expression("WHAT", w->what,
                     "an expression, with its gradient; or a model such as mlp:64-32-10, with its "
                     "training step");
  command.option("--at", w->at, "values of names, w=2,x=[1,2]", "NAME=VALUE");
  command.option("--wrt", w->wrt, "names to differentiate by; all without it", "NAMES");
  command.option("--batch", w->batch, "of a model: examples in a step");
  command.option("--activation", w->activation, "of a model");
  command.flag("--time", w->time, "run it and say what each instruction takes");
  command.example("gradus plan mlp:784-256-128-10 --batch 128 --time");
  command.example("gradus plan \"sum(tanh(w*x + b))\" --at w=2,x=[1,2],b=0");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
