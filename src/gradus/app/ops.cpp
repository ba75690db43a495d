#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/table.h>

namespace gradus::app {
namespace {

// What computes: a place on a tape is no op to look up.
std::vector<const Op*> offered_ops() {
  std::vector<const Op*> ops;
  for (const auto list : {all_ops(), linalg_ops()})
    for (const Op* op : list)
      if (op->kind != Kind::source) ops.push_back(op);
  return ops;
}

const char* kind_word(Kind kind) {
  switch (kind) {
    case Kind::elementwise:
      return "elementwise";
    case Kind::linear:
      return "linear";
    case Kind::bilinear:
      return "bilinear";
    case Kind::custom:
      return "custom";
    case Kind::fixed:
      return "no derivative";
    case Kind::source:
      return "source";
  }
  return "";
}

std::string page(const Op& op) {
  std::string out =
      std::string(op.name) + ": " + op.says + "\n  " + op.math + "\n  " + kind_word(op.kind);
  if (op.rule.why) out += ": " + std::string(op.rule.why);
  out += "\n";
  for (const Known& k : op.checks.known) {
    out += std::string("  ") + op.name + "(" + text::number(k.x[0]);
    for (int i = 1; i < op.inputs; ++i) out += ", " + text::number(k.x[i]);
    out += ") = " + text::number(k.y) + "\n";
  }
  return out;
}

}  // namespace

void add_ops(Command& command, const Settings& settings) {
  const auto name = std::make_shared<std::string>();
  command.word("NAME", *name, "one op", false);
  command.example("gradus ops tanh");
  command.runs([name, &settings] {
    std::vector<std::string_view> names;
    for (const Op* op : offered_ops()) names.emplace_back(op->name);
    std::string out;
    for (const Op* op : offered_ops()) {
      if (!name->empty() && *name != op->name) continue;
      if (settings.json)
        out += std::string(out.empty() ? "[" : ",") + "{\"name\":" + text::quote_json(op->name) +
               ",\"says\":" + text::quote_json(op->says) +
               ",\"math\":" + text::quote_json(op->math) +
               ",\"kind\":" + text::quote_json(kind_word(op->kind)) + "}";
      else
        out += name->empty() ? text::pad_right(op->name, 17) + text::pad_right(op->math, 50) + " " +
                                   op->says + "\n"
                             : page(*op);
    }
    if (out.empty()) {
      const auto near = text::nearest(*name, names);
      raise(ErrorKind::usage, "there is no op '" + *name + "'" +
                                  (near ? "; did you mean " + std::string(*near) + "?" : ""));
    }
    print(out + (settings.json ? "]\n" : ""));
    return done;
  });
}

}  // namespace gradus::app
