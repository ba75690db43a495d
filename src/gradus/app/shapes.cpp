// gradus shapes "X[32,784] @ W[784,128]": what has which shape, without any numbers.
#include <gradus/app/columns.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/tape.h>
#include <gradus/expr/parse.h>

#include <algorithm>

namespace gradus::app {
namespace {

struct Row {
  std::string text;
  Type type;
};

struct Answer {
  std::vector<Row> rows;
  Type result;
  std::string error;  // of the part that does not fit
  ExpressionPart part;
};

// Expressions compute in f64; what is not f64 says so.
std::string shown(const Type& type) {
  return to_string(type.shape) +
         (type.dtype == DType::f64 ? "" : std::string(" ") + name_of(type.dtype));
}

// One line, with blanks for line ends.
std::string flat(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\t' || c == '\r') c = ' ';
  return text;
}

std::string cut_to(const std::string& text, size_t columns) {
  if (text.size() <= columns) return text;
  const size_t half = (columns - 5) / 2;
  return text.substr(0, half) + " ... " + text.substr(text.size() - half);
}

Answer answer(const std::string& text) {
  const Expression x = parse_expression(text, {.sizes = true});
  std::vector<std::string> names;
  std::vector<Shape> shapes;
  for (size_t i = 0; i < x.names().size(); ++i) {
    const std::string& name = x.names()[i];
    if (x.shapes()[i]) {
      names.push_back(name);
      shapes.push_back(*x.shapes()[i]);
    } else if (!is_known_constant(name)) {
      raise(ErrorKind::usage, "'" + name + "' has no sizes. Write " + name + "[3,4], or " + name +
                                  "[] for one number.");
    }
  }
  Tape tape("shapes");
  std::vector<Tensor> values;
  for (size_t i = 0; i < names.size(); ++i) {
    element_count(shapes[i]);  // raises where it does not fit
    values.push_back(tape.tensor(tape.input(Type{DType::f64, shapes[i]}, names[i])));
  }
  Answer a;
  const auto watch = [&](const ExpressionPart& part, const Tensor* value) {
    a.part = part;
    if (value == nullptr || part.is_number) return;
    element_count(value->shape());
    const std::string words = flat(text.substr(part.from, part.to - part.from));
    if (std::ranges::none_of(a.rows, [&](const Row& r) { return r.text == words; }))
      a.rows.push_back({words, value->type()});
    a.result = value->type();
  };
  try {
    a.result = x(names, values, watch).type();
  } catch (const Error& e) {
    a.error = e.what();
    if (e.kind == ErrorKind::trace)
      a.error = "this needs the numbers themselves, and only sizes are known here";
  }
  return a;
}

// The text with the failing part underlined and its sign marked.
std::string marked(const std::string& text, const ExpressionPart& part) {
  constexpr size_t widest = 96;
  std::string line = flat(text), under(text.size(), ' ');
  for (size_t i = part.from; i < part.to; ++i) under[i] = '~';
  under[part.at] = '^';
  if (line.size() > widest) {  // the neighbourhood of the sign
    const size_t from =
        std::min(part.at > widest / 2 ? part.at - widest / 2 : 0, line.size() - widest);
    line = (from > 0 ? "... " : "    ") + line.substr(from, widest) +
           (from + widest < line.size() ? " ..." : "");
    under = "    " + under.substr(from, widest);
  }
  under.erase(under.find_last_not_of(' ') + 1);
  return "  " + line + "\n  " + under + "\n";
}

std::string json_of(const std::string& text, const Answer& a) {
  const auto dims = [](const Shape& s) { return to_string(s); };
  std::string out = "{\"fits\":" + std::string(a.error.empty() ? "true" : "false");
  if (a.error.empty())
    out += ",\"shape\":" + dims(a.result.shape) +
           ",\"dtype\":" + text::quote_json(name_of(a.result.dtype));
  else
    out += ",\"error\":" + text::quote_json(a.error) +
           ",\"column\":" + std::to_string(a.part.at + 1) +
           ",\"step\":" + text::quote_json(flat(text.substr(a.part.from, a.part.to - a.part.from)));
  out += ",\"steps\":[";
  for (size_t i = 0; i < a.rows.size(); ++i)
    out += (i > 0 ? ",{" : "{") + std::string("\"step\":") + text::quote_json(a.rows[i].text) +
           ",\"shape\":" + dims(a.rows[i].type.shape) +
           ",\"dtype\":" + text::quote_json(name_of(a.rows[i].type.dtype)) + "}";
  return out + "]}";
}

}  // namespace

void add_shapes(Command& command, const Settings& settings) {
  const auto text = std::make_shared<std::string>();
  command.expression("EXPR", *text, "with sizes behind names: \"X[32,784] @ W[784,128] + b[128]\"");
  command.example("gradus shapes \"X[32,784] @ W[784,128] + b[128]\"");
  command.example("gradus shapes --quiet ...    prints the last shape alone");
  command.runs([text, &settings]() -> int {
    const Answer a = answer(*text);
    const bool fits = a.error.empty();
    if (settings.json) {
      print(json_of(*text, a) + "\n");
      return fits ? done : answer_is_no;
    }
    if (settings.quiet && fits) {
      print(shown(a.result) + "\n");
      return done;
    }
    constexpr size_t widest = 60;
    std::vector<std::vector<std::string>> rows;
    for (const Row& r : a.rows) rows.push_back({cut_to(r.text, widest), shown(r.type)});
    if (fits) {
      if (rows.size() > 1) print(columns(rows, 2));
      print(shown(a.result) + "\n");
      return done;
    }
    if (!settings.quiet && !rows.empty()) print(columns(rows, 2) + "\n");
    print(marked(*text, a.part) + a.error + "\n");
    return answer_is_no;
  });
}

}  // namespace gradus::app
