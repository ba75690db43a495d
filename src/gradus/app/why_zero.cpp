// gradus why-zero EXPR|RUN|MODEL: which operation cut a gradient.
#include <gradus/app/columns.h>
#include <gradus/app/network.h>
#include <gradus/app/problem.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/diff/why_zero.h>

#include <algorithm>

namespace gradus::app {
namespace {

struct Words {
  std::string what, wrt;
  std::vector<std::string> at;
  NetworkOptions network;
};

// For the table: the first step that cuts, without its numbers.
std::string brief(const WhyZero& why) {
  if (why.zeros == 0) return "";
  if (why.cuts.empty()) return why.reason;
  const Cut& c = why.cuts[0];
  if (why.zeros == why.elements) return c.op + " lets nothing through";
  return c.op + " cuts " + std::to_string(c.cut) + " of " + std::to_string(c.elements) +
         " elements of " + c.input;
}

int run(const Words& w, const Settings& settings) {
  Function f;
  std::vector<Tensor> values;
  std::vector<std::string> names;
  std::vector<int> wrt;
  const bool network = w.at.empty() && names_network(w.what);
  if (network) {
    const Network n = load_network(w.what, w.network, settings.seed);
    f = n.loss;
    values = n.parameters;
    names = n.names;
    for (size_t i = 0; i < names.size(); ++i)
      if (w.wrt.empty() || names[i] == w.wrt) wrt.push_back(static_cast<int>(i));
    if (wrt.empty())
      raise(ErrorKind::usage,
            "there is no parameter '" + w.wrt + "'. There are " + text::join(names, ", ") + ".");
    note(settings, "why-zero of " + n.says + "\n");
  } else {
    const Problem p = make_problem(w.what, w.at, w.wrt);
    f = p;
    values = p.at.values;
    names = p.at.names;
    wrt = p.wrt;
    // A name that the expression does not read is asked about too.
    if (w.wrt.empty()) {
      wrt.clear();
      for (size_t i = 0; i < names.size(); ++i) wrt.push_back(static_cast<int>(i));
    }
    if (wrt.empty())
      raise(ErrorKind::usage, "there is nothing to differentiate by. Give values, as in --at x=1.");
  }
  std::vector<WhyZero> all;
  for (int i : wrt) all.push_back(why_zero(f, values, names, i));
  const auto name = [&](size_t k) { return names[static_cast<size_t>(wrt[k])]; };
  if (settings.json) {
    std::string out = "{";
    for (size_t k = 0; k < all.size(); ++k)
      out += (k > 0 ? "," : "") + text::quote_json(name(k)) + ":" + to_json(all[k]);
    print(out + "}\n");
    return done;
  }
  if (network && all.size() > 1) {
    std::vector<std::vector<std::string>> rows{{"parameter", "type", "zeros", "why"}};
    for (size_t k = 0; k < all.size(); ++k)
      rows.push_back({name(k), to_string(all[k].grad.type()),
                      std::to_string(all[k].zeros) + " of " + std::to_string(all[k].elements),
                      brief(all[k])});
    print(columns(rows));
    note(settings, "--wrt NAME shows every step that cuts, and the rows that get nothing.\n");
    return done;
  }
  for (size_t k = 0; k < all.size(); ++k) print((k > 0 ? "\n" : "") + to_text(all[k], name(k)));
  return done;
}

}  // namespace

void add_why_zero(Command& command, const Settings& settings) {
  const auto w = std::make_shared<Words>();
  command.expression("EXPR|RUN|MODEL", w->what, "an expression, a run folder or a file of weights");
  command.option("--at", w->at, "values of names, x=2,y=3", "NAME=VALUE");
  command.option("--wrt", w->wrt, "whose gradient; all without it", "NAME");
  command.option("--data", w->network.data, "of a run: other data than its own", "DATA");
  command.option("--activation", w->network.activation, "of a file of weights; relu without it",
                 "NAME");
  command.option("--examples", w->network.examples, "examples that the loss is taken over");
  command.example("gradus why-zero \"sum(relu(w*x))\" --at w=-1,x=[1,2] --wrt w");
  command.example("gradus why-zero runs/0001-digits --wrt 0.weight");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
