// Dijkstra's shunting yard: operators wait on a stack until one that binds less arrives, so nodes
// come out in the order of computing.
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/expr/functions.h>
#include <gradus/expr/parse.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

namespace gradus {
namespace {

[[noreturn]] void refuse(size_t column, const std::string& why, ErrorKind kind = ErrorKind::usage) {
  raise(kind, "expression: column " + std::to_string(column) + ": " + why);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

struct Operator {
  std::string_view sign;
  const char* function;
  int binds;
};
// Longer signs first.
constexpr Operator operators[] = {
    {"<=", "less_equal", 1}, {">=", "greater_equal", 1}, {"==", "equal", 1}, {"!=", "not_equal", 1},
    {"<", "less", 1},        {">", "greater", 1},        {"+", "add", 2},    {"-", "subtract", 2},
    {"*", "multiply", 3},    {"/", "divide", 3},         {"@", "matmul", 3}, {"^", "pow", 5}};
constexpr int comparison_binds = 1, minus_binds = 4, power_binds = 5;

std::optional<double> known_constant(std::string_view name) {
  if (name == "pi") return std::numbers::pi;
  if (name == "e") return std::numbers::e;
  if (name == "inf") return std::numeric_limits<double>::infinity();
  if (name == "nan") return std::numeric_limits<double>::quiet_NaN();
  return {};
}

// The character at this byte, whole, or a word for one that does not print.
std::string shown(std::string_view s, size_t at) {
  size_t end = at + 1;
  while (end < s.size() && (static_cast<unsigned char>(s[end]) & 0xC0) == 0x80) ++end;
  const std::string_view c = s.substr(at, end - at);
  if (static_cast<unsigned char>(s[at]) < 0x20 || s[at] == 0x7F || !text::valid_utf8(c))
    return "a byte that does not print";
  return "'" + std::string(c) + "'";
}

Tensor list_of(std::span<const Tensor> parts) {
  if (std::ranges::all_of(parts, [](const Tensor& x) { return x.is_literal(); })) {
    std::vector<double> all;
    for (const Tensor& x : parts) all.push_back(number(x));
    return from_vector(all);
  }
  constexpr size_t most = 65535;  // a step counts its inputs in 16 bits
  if (parts.size() > most)
    raise(ErrorKind::usage, "expression: a list of more than 65535 parts holds more than numbers");
  std::vector<Tensor> numbers;
  for (const Tensor& x : parts) {
    if (!(x.shape() == parts[0].shape()))
      raise(ErrorKind::usage, "expression: a list holds " + to_string(parts[0].type()) + " and " +
                                  to_string(x.type()) + ". All its parts must have one shape.");
    numbers.push_back(cast(x, DType::f64));
  }
  return stack(numbers);
}

}  // namespace

class ExpressionParser {
 public:
  ExpressionParser(std::string_view s, ParseOptions options, Expression& out)
      : s_(s), options_(options), out_(out) {}

  void run() {
    take_result_name();
    bool operand_next = true;
    for (;;) {
      skip_blanks();
      if (at_ == s_.size()) break;
      operand_next = operand_next ? operand() : after_operand();
    }
    if (operand_next) refuse(column(), "the expression ends where a value is expected");
    reduce(0);
    if (!waiting_.empty())
      refuse(column_of(waiting_.back().at),
             std::string("this ") + waiting_.back().opens + " is never closed");
  }

 private:
  using Kind = Expression::Kind;
  // An operator, or an opening bracket with the arguments it has so far.
  struct Waiting {
    char opens = 0;  // '(' or '[', or 0 for an operator
    const ExprFunction* function = nullptr;
    int binds = 0;
    uint32_t arguments = 0;
    size_t at = 0;  // byte
  };

  // In characters, from 1.
  size_t column_of(size_t byte) const {
    size_t n = 1;
    for (size_t i = 0; i < byte; ++i) n += (static_cast<unsigned char>(s_[i]) & 0xC0) != 0x80;
    return n;
  }
  size_t column() const { return column_of(at_); }

  void skip_blanks() {
    while (at_ < s_.size() &&
           (s_[at_] == ' ' || s_[at_] == '\t' || s_[at_] == '\n' || s_[at_] == '\r'))
      ++at_;
  }

  std::string_view take_name() {
    const size_t from = at_;
    while (at_ < s_.size() && (is_letter(s_[at_]) || is_digit(s_[at_]))) ++at_;
    return s_.substr(from, at_ - from);
  }

  void take_result_name() {
    skip_blanks();
    if (at_ == s_.size()) refuse(1, "there is nothing here");
    const size_t start = at_;
    if (!is_letter(s_[at_])) return;
    const std::string_view name = take_name();
    skip_blanks();
    if (at_ < s_.size() && s_[at_] == '=' && (at_ + 1 == s_.size() || s_[at_ + 1] != '=')) {
      out_.result_ = name;
      ++at_;
    } else {
      at_ = start;
    }
  }

  struct Span {
    size_t from, to;
  };

  // What reads `arguments` values before it, and lies at these bytes.
  void emit(Expression::Node node, size_t arguments, Span span, size_t at) {
    node.from = static_cast<uint32_t>(span.from);
    node.to = static_cast<uint32_t>(span.to);
    node.at = static_cast<uint32_t>(at);
    out_.nodes_.push_back(node);
    spans_.resize(spans_.size() - arguments);
    spans_.push_back(span);
  }

  // A minus sign in front of a number makes a negative number.
  void emit_operator(const Waiting& w) {
    auto& nodes = out_.nodes_;
    const Span span{w.arguments == 1 ? w.at : spans_[spans_.size() - 2].from, spans_.back().to};
    if (w.function == negative_ && nodes.back().kind == Kind::number) {
      nodes.back().number = -nodes.back().number;
      nodes.back().from = static_cast<uint32_t>(w.at);
      spans_.back() = span;
    } else {
      emit({Kind::call, w.arguments, 0, w.function}, w.arguments, span, w.at);
    }
  }

  // Emits waiting operators down to the last open bracket that bind at least so much.
  void reduce(int binds) {
    while (!waiting_.empty() && waiting_.back().opens == 0 && waiting_.back().binds >= binds) {
      emit_operator(waiting_.back());
      waiting_.pop_back();
    }
  }

  // Reads what may begin a value; whether a value must still follow.
  bool operand() {
    const char c = s_[at_];
    if (is_digit(c) || (c == '.' && at_ + 1 < s_.size() && is_digit(s_[at_ + 1]))) {
      number();
      return false;
    }
    if (is_letter(c)) return name();
    if (c == '-' || c == '+') {
      if (c == '-') waiting_.push_back({0, negative_, minus_binds, 1, at_});
      ++at_;
      return true;
    }
    if (c == '(' || c == '[') {
      waiting_.push_back({c, nullptr, 0, 1, at_});
      ++at_;
      return c == '(' || !closes_at_once(']');
    }
    refuse(column(), "a value is expected before " + shown(s_, at_));
  }

  void number() {
    const size_t from = at_;
    while (at_ < s_.size() && (is_digit(s_[at_]) || s_[at_] == '.')) ++at_;
    if (at_ < s_.size() && (s_[at_] == 'e' || s_[at_] == 'E')) {
      size_t digits = at_ + 1;
      if (digits < s_.size() && (s_[digits] == '-' || s_[digits] == '+')) ++digits;
      if (digits < s_.size() && is_digit(s_[digits])) {
        at_ = digits;
        while (at_ < s_.size() && is_digit(s_[at_])) ++at_;
      }
    }
    const std::string_view word = s_.substr(from, at_ - from);
    const std::optional<double> value = text::parse_double(word);
    if (!value) refuse(column_of(from), "'" + std::string(word) + "' is not a number");
    if (at_ < s_.size() && is_letter(s_[at_]))
      refuse(column(), "a number and a name need a sign between them, as in " + std::string(word) +
                           "*" + s_[at_]);
    emit({Kind::number, 0, *value}, 0, {from, at_}, from);
  }

  // normal.cdf, where a call follows.
  void take_dotted_rest() {
    const size_t before = at_;
    if (at_ + 1 >= s_.size() || s_[at_] != '.' || !is_letter(s_[at_ + 1])) return;
    ++at_;
    take_name();
    const size_t end = at_;
    skip_blanks();
    at_ = at_ < s_.size() && s_[at_] == '(' ? end : before;
  }

  bool name() {
    const size_t from = at_;
    take_name();
    take_dotted_rest();
    const std::string_view word = s_.substr(from, at_ - from);
    size_t end = at_;
    skip_blanks();
    if (at_ == s_.size() || s_[at_] != '(') {
      auto& names = out_.names_;
      const auto found = std::ranges::find(names, word);
      const auto place = static_cast<uint32_t>(found - names.begin());
      if (found == names.end()) {
        names.emplace_back(word);
        out_.shapes_.emplace_back();
      }
      if (options_.sizes && at_ < s_.size() && s_[at_] == '[') {
        take_sizes(word, out_.shapes_[place]);
        end = at_;
      }
      emit({Kind::name, place}, 0, {from, end}, from);
      return false;
    }
    const ExprFunction* f = find_function(word);
    if (f == nullptr) {
      const ExprFunction* near = nearest_function(word);
      refuse(column_of(from),
             "there is no function '" + std::string(word) + "'" +
                 (near ? "; did you mean " + std::string(near->name) + "?" : ""),
             ErrorKind::unsupported);
    }
    waiting_.push_back({'(', f, 0, 1, from});
    ++at_;
    return !closes_at_once(')');
  }

  // [32,784] behind a name.
  void take_sizes(std::string_view name, std::optional<Shape>& known) {
    const size_t open = at_++;
    Shape shape;
    skip_blanks();
    while (at_ == s_.size() || s_[at_] != ']') {
      const size_t from = at_;
      while (at_ < s_.size() && is_digit(s_[at_])) ++at_;
      const std::optional<int64_t> size = text::parse_int64(s_.substr(from, at_ - from));
      if (from == at_)
        refuse(column(),
               "a size is expected, a whole number, as in " + std::string(name) + "[3,4]");
      if (!size)
        refuse(column_of(from),
               "the size " + std::string(s_.substr(from, at_ - from)) + " does not fit 63 bits");
      if (shape.size() == max_rank)
        refuse(column_of(from), "a tensor has at most " + std::to_string(max_rank) + " axes");
      shape.push_back(*size);
      skip_blanks();
      if (at_ < s_.size() && s_[at_] == ',') {
        ++at_;
        skip_blanks();
        if (at_ < s_.size() && s_[at_] == ']')
          refuse(column(), "a size is expected after the comma");
      } else if (at_ == s_.size() || s_[at_] != ']') {
        refuse(column(), at_ == s_.size() ? "the [ of column " + std::to_string(column_of(open)) +
                                                " is never closed"
                                          : "sizes are separated by commas");
      }
    }
    ++at_;
    if (known && !(*known == shape))
      refuse(column_of(open), std::string(name) + " is " + to_string(*known) + " before, but " +
                                  to_string(shape) + " here");
    known = shape;
  }

  // f() and []: nothing between the brackets.
  bool closes_at_once(char closing) {
    skip_blanks();
    if (at_ == s_.size() || s_[at_] != closing) return false;
    waiting_.back().arguments = 0;
    close();
    return true;
  }

  // Reads what may follow a value; whether a value must follow.
  bool after_operand() {
    const char c = s_[at_];
    if (c == ')' || c == ']') {
      close();
      return false;
    }
    if (c == ',') {
      reduce(0);
      if (waiting_.empty() || (waiting_.back().opens == '(' && waiting_.back().function == nullptr))
        refuse(column(), "a comma stands between arguments or in a list");
      ++waiting_.back().arguments;
      ++at_;
      return true;
    }
    for (const Operator& o : operators) {
      if (!s_.substr(at_).starts_with(o.sign)) continue;
      if (o.sign == "*" && s_.substr(at_).starts_with("**"))
        refuse(column(), "a power is written with ^");
      reduce(o.binds == power_binds ? power_binds + 1 : o.binds + (o.binds == comparison_binds));
      if (o.binds == comparison_binds && !waiting_.empty() && waiting_.back().opens == 0)
        refuse(column(), "comparisons do not chain; join two with logical_and");
      waiting_.push_back({0, find_function(o.function), o.binds, 2, at_});
      at_ += o.sign.size();
      return true;
    }
    if (c == '=') refuse(column(), "= names the result, in front; equality is ==");
    refuse(column(), (is_letter(c) || is_digit(c) || c == '(' || c == '.' || c == '[')
                         ? "a sign such as * is missing before " + shown(s_, at_)
                         : shown(s_, at_) + " has no meaning here");
  }

  void close() {
    const char c = s_[at_];
    reduce(0);
    const char wanted = c == ')' ? '(' : '[';
    if (waiting_.empty() || waiting_.back().opens != wanted)
      refuse(column(), std::string("this ") + c + " closes nothing");
    const Waiting w = waiting_.back();
    waiting_.pop_back();
    ++at_;
    if (wanted == '[') {
      emit({Kind::list, w.arguments}, w.arguments, {w.at, at_}, w.at);
    } else if (w.function) {
      const ExprFunction& f = *w.function;
      const auto n = static_cast<int>(w.arguments);
      if (n < f.least || n > f.most)
        refuse(column_of(w.at), std::string(f.name) + " takes " + std::to_string(f.least) +
                                    (f.most > f.least ? " to " + std::to_string(f.most) : "") +
                                    (f.most == 1 ? " argument" : " arguments") + ", not " +
                                    std::to_string(n));
      emit({Kind::call, w.arguments, 0, &f}, w.arguments, {w.at, at_}, w.at);
    } else {
      spans_.back() = {w.at, at_};
    }
  }

  std::string_view s_;
  ParseOptions options_;
  Expression& out_;
  std::vector<Span> spans_;  // of the values that no operator took yet
  size_t at_ = 0;
  std::vector<Waiting> waiting_;
  const ExprFunction* const negative_ = find_function("negative");
};

Expression parse_expression(std::string_view text, ParseOptions options) {
  // Places are kept in 32 bits.
  constexpr size_t longest = size_t{1} << 30;
  if (text.size() > longest) raise(ErrorKind::usage, "expression: longer than 1 GiB");
  Expression result;
  ExpressionParser(text, options, result).run();
  return result;
}

Tensor Expression::operator()(std::span<const std::string> names, std::span<const Tensor> values,
                              const Watch& watch) const {
  std::vector<Tensor> read;
  for (const std::string& name : names_) {
    const auto found = std::ranges::find(names, name);
    if (found != names.end())
      read.push_back(values[static_cast<size_t>(found - names.begin())]);
    else if (const std::optional<double> c = known_constant(name))
      read.push_back(*c);
    else
      raise(ErrorKind::usage,
            "expression: '" + name + "' has no value. Give it one, as in --at " + name + "=1.");
  }
  std::vector<Tensor> stack;
  for (const Node& n : nodes_) {
    const ExpressionPart part{n.from, n.to, n.at, n.kind == Kind::number};
    if (watch) watch(part, nullptr);
    if (n.kind == Kind::number) {
      stack.emplace_back(n.number);
    } else if (n.kind == Kind::name) {
      stack.push_back(read[n.count]);
    } else {
      const size_t first = stack.size() - n.count;
      const std::span<const Tensor> args(stack.data() + first, n.count);
      Tensor y = n.kind == Kind::call ? (*n.function)(args) : list_of(args);
      stack.resize(first);
      stack.push_back(std::move(y));
    }
    if (watch) watch(part, &stack.back());
  }
  return stack.back();
}

bool is_known_constant(std::string_view name) {
  return known_constant(name).has_value();
}

void parse_bindings(std::string_view text, Bindings& known) {
  size_t from = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size()) {
      depth += (text[i] == '[' || text[i] == '(') - (text[i] == ']' || text[i] == ')');
      if (text[i] != ',' || depth > 0) continue;
    }
    const std::string_view part = text.substr(from, i - from);
    const Expression x = parse_expression(part);
    if (x.result().empty())
      raise(ErrorKind::usage, "expression: '" + std::string(part) +
                                  "' gives no name a value. Write it as x=1,y=[1,2].");
    if (std::ranges::find(known.names, x.result()) != known.names.end())
      raise(ErrorKind::usage, "expression: '" + x.result() + "' is given twice. Give it once.");
    const Tensor value = cast(x(known.names, known.values), DType::f64);
    known.names.push_back(x.result());
    known.values.push_back(value);
    from = i + 1;
  }
}

}  // namespace gradus
