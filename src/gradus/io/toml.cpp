#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/io/file.h>
#include <gradus/io/toml.h>

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

// toml++ takes about 100 bytes of memory per byte of a list.
constexpr std::size_t longest_text = std::size_t{1} << 20;
constexpr int deepest = 64;

[[noreturn]] void refuse_at(std::string_view name, std::size_t line, std::size_t column,
                            const std::string& reason, ErrorKind kind = ErrorKind::file) {
  raise(kind, printable(name, 300) + ":" + std::to_string(line) + ":" + std::to_string(column) +
                  ": " + reason);
}

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

// Refuses before toml++ 3.3 sees it what toml++ cannot take: deep nesting (it recurses), and
// characters beyond ASCII where it looks for space (its test for space is undefined on most).
class Guard {
 public:
  Guard(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  void run() {
    if (text_.starts_with("\xEF\xBB\xBF")) line_start_ = at_ = 3;
    int depth = 0;
    int dots = 0;  // within one key
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size()) - 1;
      } else if (c == '"' || c == '\'') {
        if (!string(c)) return;  // not closed: toml++ names it
      } else if (c == '\n') {
        new_line();
        dots = 0;
      } else if (c == '[' || c == '{') {
        ++depth;
        dots = 0;
      } else if (c == ']' || c == '}') {
        --depth;
        dots = 0;
      } else if (c == '=' || c == ',') {
        dots = 0;
      } else if (c == '.') {
        ++dots;
      } else if (!is_ascii(c)) {
        refuse_here("a character beyond ASCII outside quotes. Quote the key or the value.");
      }
      if (depth > deepest || dots > deepest) refuse_here("nested deeper than 64.");
    }
  }

 private:
  [[noreturn]] void refuse_here(const std::string& reason, ErrorKind kind = ErrorKind::file) const {
    refuse_at(name_, line_, at_ - line_start_ + 1, reason, kind);
  }
  void new_line() {
    ++line_;
    line_start_ = at_ + 1;
  }
  bool at_space() const {
    return at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos;
  }

  // From the opening quote to the last closing one; false when there is none.
  bool string(char quote) {
    const std::string_view triple = quote == '"' ? "\"\"\"" : "'''";
    const bool is_long = text_.substr(at_).starts_with(triple);
    at_ += is_long ? 3 : 1;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n' && !is_long) return false;
      if (c == '\n') new_line();
      if (c == '\\' && quote == '"') {
        escape();
      } else if (c != quote) {
        ++at_;
      } else if (!is_long) {
        return true;
      } else if (text_.substr(at_).starts_with(triple)) {
        at_ += 2;
        // Up to two quotes more belong to the string.
        for (int i = 0; i < 2 && at_ + 1 < text_.size() && text_[at_ + 1] == quote; ++i) ++at_;
        return true;
      } else {
        ++at_;
      }
    }
    return false;
  }

  // A backslash and what it applies to: one character, or all space up to the next text.
  void escape() {
    ++at_;
    const bool trims = at_space();
    while (at_space()) {
      if (text_[at_] == '\n') new_line();
      ++at_;
    }
    if (at_ < text_.size() && !is_ascii(text_[at_])) {
      refuse_here(trims ? "a character beyond ASCII after the space that a backslash removes. Put "
                          "it before the backslash."
                        : "a backslash before a character beyond ASCII.",
                  trims ? ErrorKind::unsupported : ErrorKind::file);
    }
    if (!trims && at_ < text_.size() && text_[at_] != '\n') ++at_;
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t line_start_ = 0;
};

bool is_bare_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// A JSON string is a TOML basic string, once DEL is escaped.
std::string quoted(std::string_view s) {
  std::string out;
  for (const char c : text::quote_json(s)) {
    if (c == '\x7F') {
      out += "\\u007F";
    } else {
      out += c;
    }
  }
  return out;
}

class Flattener {
 public:
  explicit Flattener(std::string_view name) : name_(name) {}
  TomlEntries entries;

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string_view part = key.str();
      const std::string full = prefix + (prefix.empty() ? "" : ".") +
                               (is_bare_key(part) ? std::string(part) : quoted(part));
      if (const toml::table* inner = node.as_table()) {
        this->table(*inner, full);
      } else {
        const toml::source_position at = node.source().begin;
        entries.push_back({full, value(node, full), at.line, at.column});
      }
    }
  }

 private:
  TomlValue value(const toml::node& node, const std::string& key) {
    if (const auto* x = node.as_boolean()) return x->get();
    if (const auto* x = node.as_integer()) return x->get();
    if (const auto* x = node.as_floating_point()) return x->get();
    if (const auto* x = node.as_string()) return x->get();
    const toml::array* list = node.as_array();
    if (list == nullptr) unsupported(node, key, "a date or time");
    if (!list->empty() && list->get(0)->is_string()) {
      std::vector<std::string> strings;
      for (const toml::node& item : *list) {
        if (!item.is_string()) unsupported(item, key, "a list that mixes types");
        strings.push_back(item.as_string()->get());
      }
      return strings;
    }
    std::vector<double> numbers;
    for (const toml::node& item : *list) {
      if (const auto* i = item.as_integer()) {
        numbers.push_back(static_cast<double>(i->get()));
      } else if (const auto* d = item.as_floating_point()) {
        numbers.push_back(d->get());
      } else {
        unsupported(item, key, "a list of other than numbers or strings");
      }
    }
    return numbers;
  }

  [[noreturn]] void unsupported(const toml::node& node, const std::string& key,
                                const std::string& what) {
    const toml::source_position at = node.source().begin;
    refuse_at(name_, at.line, at.column,
              "'" + printable(key) + "' is " + what +
                  ". A value is true, false, a number, a string, or a list of numbers or strings.",
              ErrorKind::unsupported);
  }

  std::string_view name_;
};

std::string number_text(double x) {
  std::string s = text::number(x);
  // TOML tells floats from integers by the point or the exponent.
  if (std::isfinite(x) && s.find_first_of(".e") == std::string::npos) s += ".0";
  return s;
}

struct ValueText {
  std::string operator()(bool x) const { return x ? "true" : "false"; }
  std::string operator()(std::int64_t x) const { return std::to_string(x); }
  std::string operator()(double x) const { return number_text(x); }
  std::string operator()(const std::string& x) const { return quoted(x); }
  std::string operator()(const std::vector<double>& list) const {
    std::vector<std::string> parts;
    for (const double x : list) parts.push_back(number_text(x));
    return "[" + text::join(parts, ", ") + "]";
  }
  std::string operator()(const std::vector<std::string>& list) const {
    std::vector<std::string> parts;
    for (const std::string& x : list) parts.push_back(quoted(x));
    return "[" + text::join(parts, ", ") + "]";
  }
};

// Where the last part of a dotted key begins; dots within quotes do not count.
std::size_t last_part(std::string_view key) {
  std::size_t start = 0;
  bool in_quotes = false;
  for (std::size_t at = 0; at < key.size(); ++at) {
    if (in_quotes && key[at] == '\\') {
      ++at;
    } else if (key[at] == '"') {
      in_quotes = !in_quotes;
    } else if (key[at] == '.' && !in_quotes) {
      start = at + 1;
    }
  }
  return start;
}

}  // namespace

TomlEntries read_toml(std::string_view text, std::string_view name) {
  if (text.size() > longest_text) {
    not_supported(name, "is " + std::to_string(text.size()) +
                            " bytes long. A TOML file has at most 1 MiB here.");
  }
  Guard(text, name).run();
  Flattener flattener(name);
  try {
    flattener.table(toml::parse(text), "");
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    refuse_at(name, std::max<std::size_t>(at.line, 1), std::max<std::size_t>(at.column, 1),
              printable(error.description(), 200) + ".");
  }
  std::stable_sort(flattener.entries.begin(), flattener.entries.end(),
                   [](const TomlEntry& a, const TomlEntry& b) {
                     return std::pair(a.line, a.column) < std::pair(b.line, b.column);
                   });
  return std::move(flattener.entries);
}

TomlEntries read_toml(const std::string& path) {
  const FileBytes file(path);
  return read_toml(as_text(file.bytes()), path);
}

std::string toml_text(const TomlEntries& entries) {
  std::vector<std::string_view> tables;
  for (const TomlEntry& entry : entries) {
    const std::size_t last = last_part(entry.key);
    const std::string_view table =
        last == 0 ? std::string_view() : std::string_view(entry.key).substr(0, last - 1);
    if (std::find(tables.begin(), tables.end(), table) == tables.end()) tables.push_back(table);
  }
  std::stable_partition(tables.begin(), tables.end(),
                        [](std::string_view table) { return table.empty(); });
  std::string out;
  for (const std::string_view table : tables) {
    if (!table.empty()) out += (out.empty() ? "[" : "\n[") + std::string(table) + "]\n";
    for (const TomlEntry& entry : entries) {
      const std::size_t last = last_part(entry.key);
      const bool here =
          last == 0 ? table.empty()
                    : !table.empty() && std::string_view(entry.key).substr(0, last - 1) == table;
      if (!here) continue;
      out += entry.key.substr(last) + " = " + std::visit(ValueText{}, entry.value) + "\n";
    }
  }
  return out;
}

void write_toml(const std::string& path, const TomlEntries& entries) {
  write_file_atomically(path, as_bytes(toml_text(entries)));
}

}  // namespace gradus
