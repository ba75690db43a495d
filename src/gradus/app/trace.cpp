// gradus trace EXPR and gradus trace RUN: every number forward and backward, as a table, step by
// step, as JSON, as a graph or as a page.
#include <gradus/app/network.h>
#include <gradus/app/problem.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/draw.h>
#include <gradus/io/file.h>
#include <gradus/train/trainer.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <numeric>

namespace gradus::app {
namespace {

struct TraceWords {
  std::string expression, wrt, html;
  std::vector<std::string> at, open;
  int64_t sample = 0;
  bool batch = false, dot = false, step = false, all = false;
};

// One step a line. In a terminal the next waits for Enter, and q ends it.
void print_steps(const Trace& trace) {
  const bool waits = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  for (const std::string& step : to_steps(trace)) {
    print("  " + step + (waits ? " " : "\n"));
    if (!waits) continue;
    std::fflush(stdout);
    int c = std::getchar();
    const bool ends = c == 'q' || c == EOF;
    while (c != '\n' && c != EOF) c = std::getchar();
    if (ends) return;
  }
}

void show(const Trace& trace, const TraceWords& t, const TracePage& page,
          const Settings& settings) {
  if (!t.html.empty()) {
    const std::string text = to_html(trace, page);
    write_file_atomically(t.html, as_bytes(text));
    note(settings, "wrote " + t.html + "\n");
  } else if (t.dot) {
    print(to_dot(trace));
  } else if (settings.json) {
    print(to_json(trace) + "\n");
  } else if (t.step) {
    print_steps(trace);
  } else {
    print(to_text(
        trace, {.numbers = settings.verbose > 0, .fold = page.fold, .all = t.all, .open = t.open}));
  }
}

int trace_expression(const TraceWords& t, const Settings& settings) {
  const Problem p = make_problem(t.expression, t.at, t.wrt);
  const Trace trace = gradus::trace(p, p.at.values, p.at.names, p.wrt, p.expression.result());
  Check check{.passed = true};
  TracePage page{.title = p.text};
  if (!p.wrt.empty()) {
    std::vector<double> gradient;
    for (const Tensor& g : trace.grads)
      for (const double v : numbers(g)) gradient.push_back(v);
    check = check_gradient(p, gradient);
    page.note = "Checked: " + to_text(check) + ".";
  }
  show(trace, t, page, settings);
  std::vector<std::string> held;
  for (const TraceRow& row : trace.rows)
    if (row.is_held) held.push_back(row.label);
  if (!held.empty()) note(settings, "held constant   " + text::join(held, ", ") + "\n");
  if (!p.wrt.empty()) note(settings, "checked   " + to_text(check) + "\n");
  return check.passed ? done : answer_is_no;
}

// The loss of one example, or of the first batch, through a trained network.
int trace_run(const TraceWords& t, const Settings& settings) {
  if (!t.at.empty() || !t.wrt.empty())
    raise(ErrorKind::usage, "--at and --wrt belong to an expression, but " + t.expression +
                                " is a run. Choose its example with --sample N.");
  const TrainedRun run = load_run(t.expression);
  const Dataset whole = load_dataset(run.config, run.config.data, run.config.seed, &run.like);
  if (t.sample < 0 || t.sample >= whole.examples)
    raise(ErrorKind::usage, "--sample " + std::to_string(t.sample) + ": " + whole.source + " has " +
                                std::to_string(whole.examples) +
                                " examples, and they are counted from 0.");
  std::vector<int64_t> rows{t.sample};
  if (t.batch) {
    rows.resize(static_cast<size_t>(std::min(run.config.batch, whole.examples)));
    std::iota(rows.begin(), rows.end(), 0);
  }
  Dataset data = pick(whole, rows);
  run.scaling.apply(data);

  std::vector<Tensor> args{feature_tensor(data)};
  std::vector<std::string> names{"x"};
  std::vector<int> wrt;
  for (const auto& [name, x] : named_parameters(run.model)) {
    wrt.push_back(static_cast<int>(args.size()));
    args.push_back(x);
    names.push_back(name);
  }
  const Trace trace = gradus::trace(
      [&](std::span<const Tensor> a) {
        return loss_on(with_parameters(run.model, a.subspan(1)), a[0], data, run.loss);
      },
      args, names, wrt, "loss");
  const std::string of = t.batch ? "the first " + std::to_string(rows.size()) + " examples"
                                 : "example " + std::to_string(t.sample);
  TracePage page{.title = t.expression + ": the loss of " + of, .fold = true};
  if (settings.json || t.dot || !t.html.empty() || t.step)
    show(trace, t, page, settings);
  else {
    note(settings, run.model.says() + " " + run.loss + ", " + of + " of " + whole.source + "\n");
    show(trace, t, page, settings);
    if (!t.all && t.open.empty())
      note(settings, "--open PART shows the steps of a part, --all of every one\n");
  }
  return done;
}

}  // namespace

void add_trace(Command& command, const Settings& settings) {
  const auto t = std::make_shared<TraceWords>();
  command.expression("EXPR", t->expression,
                     "such as \"y = tanh(w*x + b)\", or the folder of a trained run");
  command.option("--at", t->at, "values of names, w=2,x=0.5", "NAME=VALUE");
  command.option("--wrt", t->wrt, "names to differentiate by; all without it", "NAMES");
  command.option("--sample", t->sample, "of a run: the example, counted from 0");
  command.flag("--batch", t->batch, "of a run: its first batch instead of one example");
  command.option("--open", t->open, "the part of a folded table to show whole", "PART");
  command.flag("--all", t->all, "show every step of every part");
  command.flag("--step", t->step, "one step after the other; in a terminal Enter goes on, q ends");
  command.flag("--dot", t->dot, "print the graph for Graphviz");
  command.option("--html", t->html, "write one page with the graph and every number", "FILE");
  command.example("gradus trace \"y = tanh(w*x + b)\" --at w=2,x=0.5,b=-0.5 --wrt w,b");
  command.example("gradus trace runs/0001-digits --sample 7 --html trace.html");
  command.example("gradus trace -v ...    with the numbers behind each reason");
  command.runs([t, &settings]() -> int {
    std::error_code ignored;
    const bool run =
        std::filesystem::exists(std::filesystem::path(t->expression) / "run.toml", ignored);
    if (run) return trace_run(*t, settings);
    try {
      return trace_expression(*t, settings);
    } catch (const Error& e) {
      // "runs/0001-moons" is a division, too.
      if (!t->at.empty() || !names_network(t->expression)) throw;
      raise(e.kind, std::string(e.what()) + " A run folder of that name is not there either.");
    }
  });
}

}  // namespace gradus::app
