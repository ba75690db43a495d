// nlohmann reads; a scan before it refuses what it would let through: deep nesting, which costs
// memory per level, and a zero byte between tokens, which it takes for the end.
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/io/json.h>
#include <gradus/io/json_private.h>

#include <algorithm>

namespace gradus {
namespace {

using nlohmann::json;

constexpr int deepest = 64;
constexpr std::size_t longest_reason = 160;

JsonProblem problem_at(std::string_view text, std::size_t offset, std::string what) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t newline = before.rfind('\n');
  const std::string_view line =
      newline == std::string_view::npos ? before : before.substr(newline + 1);
  const auto is_character_start = [](char c) { return (c & 0xC0) != 0x80; };
  return {
      std::move(what), 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')),
      1 + static_cast<std::size_t>(std::count_if(line.begin(), line.end(), is_character_start))};
}

std::optional<JsonProblem> scan(std::string_view text) {
  if (const auto at = text::first_invalid_utf8(text)) {
    return problem_at(text, *at, "a byte that is not valid UTF-8");
  }
  int depth = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string && c == '\\') {
      ++at;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (c == '\0') {
      return problem_at(text, at, "a zero byte");
    } else if (!in_string && (c == '[' || c == '{')) {
      if (++depth > deepest) return problem_at(text, at, "nested deeper than 64");
    } else if (!in_string && (c == ']' || c == '}')) {
      --depth;
    }
  }
  return std::nullopt;
}

// nlohmann's "[json.exception.x.101] parse error at line 1, column 2: reason", the reason only.
std::string reason_of(std::string_view message) {
  if (const std::size_t end = message.find("] "); end != std::string_view::npos) {
    message.remove_prefix(end + 2);
  }
  if (message.starts_with("parse error")) message.remove_prefix(message.find(": ") + 2);
  std::string reason(message);
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  if (reason.size() > longest_reason) {
    reason.resize(longest_reason);
    if (const auto cut = text::first_invalid_utf8(reason)) reason.resize(*cut);
    reason += " ...";
  }
  return reason;
}

// Accepts every event and keeps the first error.
class Checker : public nlohmann::json_sax<json> {
 public:
  explicit Checker(std::string_view text) : text_(text) {}
  std::optional<JsonProblem> problem;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t read, const std::string&, const json::exception& error) override {
    // `read` counts the bytes taken, the offending one included.
    const std::size_t offset = std::min(read > 0 ? read - 1 : 0, text_.size());
    problem = problem_at(text_, offset, reason_of(error.what()));
    return false;
  }

 private:
  std::string_view text_;
};

}  // namespace

std::optional<JsonProblem> check_json(std::string_view text) {
  if (auto problem = scan(text)) return problem;
  Checker checker(text);
  json::sax_parse(text.begin(), text.end(), &checker);
  return checker.problem;
}

nlohmann::json parse_json(std::string_view text, std::string_view file) {
  std::optional<JsonProblem> problem = scan(text);
  if (!problem) {
    try {
      return json::parse(text.begin(), text.end());
    } catch (const json::exception& error) {
      problem = check_json(text);
      if (!problem) problem = JsonProblem{reason_of(error.what())};
    }
  }
  raise(ErrorKind::file, std::string(file) + ": line " + std::to_string(problem->line) +
                             ", column " + std::to_string(problem->column) + ": " + problem->what);
}

}  // namespace gradus
