#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/io/csv.h>
#include <gradus/io/file.h>
#include <gradus/io/idx.h>
#include <gradus/io/inspect.h>
#include <gradus/io/json.h>
#include <gradus/io/npy.h>
#include <gradus/io/safetensors.h>
#include <gradus/io/toml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>

namespace gradus {
namespace {

constexpr std::array<std::string_view, 7> kinds = {"json", "csv",  "idx",        "npy",
                                                   "npz",  "toml", "safetensors"};

std::string_view kind_by_content(Bytes bytes) {
  if (is_npy(bytes)) return "npy";
  if (is_zip(bytes)) return "npz";
  if (is_gzip(bytes) || is_idx(bytes)) return "idx";
  if (is_safetensors(bytes)) return "safetensors";
  return "";
}

std::string_view kind_by_name(const std::string& path) {
  struct Extension {
    std::string_view ending, kind;
  };
  constexpr std::array<Extension, 12> known = {{{".json", "json"},
                                                {".csv", "csv"},
                                                {".tsv", "csv"},
                                                {".txt", "csv"},
                                                {".data", "csv"},
                                                {".idx", "idx"},
                                                {".gz", "idx"},
                                                {".npy", "npy"},
                                                {".npz", "npz"},
                                                {".toml", "toml"},
                                                {".safetensors", "safetensors"},
                                                {"-ubyte", "idx"}}};
  const auto* found = std::find_if(known.begin(), known.end(),
                                   [&](const Extension& e) { return path.ends_with(e.ending); });
  return found == known.end() ? "" : found->kind;
}

std::string_view kind_of(Bytes bytes, const std::string& path, std::string_view as) {
  if (!as.empty()) {
    const auto* found = std::find(kinds.begin(), kinds.end(), as);
    if (found != kinds.end()) return *found;
    const auto nearest = text::nearest(as, kinds);
    raise(ErrorKind::usage, "inspect: the kind '" + printable(as) + "' is unknown. " +
                                (nearest ? "Did you mean '" + std::string(*nearest) + "'?"
                                         : "Known are " + text::join(kinds, ", ") + "."));
  }
  if (const std::string_view kind = kind_by_content(bytes); !kind.empty()) return kind;
  if (const std::string_view kind = kind_by_name(path); !kind.empty()) return kind;
  const std::string_view text = as_text(bytes);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') return "json";
  refuse(path, "neither its first bytes nor its name say what it holds. Say it with --as, one of " +
                   text::join(kinds, ", ") + ".");
}

struct Statistics {
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double mean = 0;
  std::int64_t finite = 0, non_finite = 0;
};

Statistics statistics_of(const Tensor& x) {
  View v = view_of(x);
  // Order does not matter here, so strided memory is read as it lies.
  Statistics s;
  double sum = 0;
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const double value = element_as_double(v, i);
    if (!std::isfinite(value)) {
      ++s.non_finite;
      continue;
    }
    ++s.finite;
    sum += value;
    s.min = std::min(s.min, value);
    s.max = std::max(s.max, value);
  }
  if (s.finite > 0) {
    s.mean = sum / static_cast<double>(s.finite);
  } else {
    s.min = s.max = s.mean = std::numeric_limits<double>::quiet_NaN();
  }
  return s;
}

std::string short_number(double x) {
  return std::isnan(x) ? "-" : text::significant(x, 6);
}

std::string json_number(double x) {
  return std::isfinite(x) ? text::number(x) : "null";
}

std::string plural(std::int64_t n, std::string_view one, std::string_view many) {
  return text::grouped(n) + " " + std::string(n == 1 ? one : many);
}

// Columns as wide as their widest cell; the first is left, the others right.
std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.empty() ? 0 : rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], text::width(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line += i == 0 ? text::pad_right(row[i], widths[i]) : text::pad_left(row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

// Both forms of one description.
struct Description {
  std::string words;   // after "PATH: KIND, "
  std::string fields;  // JSON members after kind
};

void describe_tensors(const NamedTensors& tensors, Description& to) {
  std::vector<std::vector<std::string>> rows = {
      {"name", "type", "min", "max", "mean", "non-finite"}};
  std::int64_t elements = 0;
  to.fields += ",\"tensors\":[";
  for (const auto& [name, x] : tensors) {
    const Statistics s = statistics_of(x);
    elements += x.size();
    rows.push_back({name.empty() ? "-" : printable(name), to_string(x.type()), short_number(s.min),
                    short_number(s.max), short_number(s.mean), text::grouped(s.non_finite)});
    if (to.fields.back() != '[') to.fields += ',';
    to.fields += "{\"name\":" + text::quote_json(name) + ",\"dtype\":\"" + name_of(x.dtype()) +
                 "\",\"shape\":" + to_string(x.shape()) +
                 ",\"elements\":" + std::to_string(x.size()) + ",\"min\":" + json_number(s.min) +
                 ",\"max\":" + json_number(s.max) + ",\"mean\":" + json_number(s.mean) +
                 ",\"non_finite\":" + std::to_string(s.non_finite) + "}";
  }
  to.fields += "]";
  to.words += plural(static_cast<std::int64_t>(tensors.size()), "tensor", "tensors") + ", " +
              plural(elements, "element", "elements") + "\n";
  if (!tensors.empty()) to.words += table_text(rows);
}

void describe_safetensors(const SafeTensors& contents, Description& to) {
  describe_tensors(contents.tensors, to);
  to.fields += ",\"metadata\":{";
  for (const auto& [key, value] : contents.metadata) {
    to.words += "  " + printable(key) + " = " + printable(value) + "\n";
    if (to.fields.back() != '{') to.fields += ',';
    to.fields += text::quote_json(key) + ":" + text::quote_json(value);
  }
  to.fields += "}";
}

std::string delimiter_name(char c) {
  return c == ','    ? "comma"
         : c == ';'  ? "semicolon"
         : c == '\t' ? "tab"
                     : "'" + printable({&c, 1}) + "'";
}

void describe_csv(const CsvSummary& csv, Description& to) {
  std::vector<std::vector<std::string>> rows = {
      {"column", "holds", "min", "max", "mean", "missing", "levels"}};
  std::int64_t missing = 0;
  std::vector<std::string> label_like;
  to.fields += ",\"rows\":" + std::to_string(csv.rows) +
               ",\"delimiter\":" + text::quote_json({&csv.delimiter, 1}) +
               ",\"header\":" + (csv.has_header ? "true" : "false") + ",\"columns\":[";
  for (const CsvColumnSummary& c : csv.columns) {
    missing += c.missing;
    if (c.label_like) label_like.push_back("'" + printable(c.name, 40) + "'");
    const bool text = c.is_text;
    const std::string levels = c.levels.empty() ? "-" : std::to_string(c.levels.size());
    rows.push_back({printable(c.name, 40), text ? "text" : "numbers",
                    text ? "-" : short_number(c.min), text ? "-" : short_number(c.max),
                    text ? "-" : short_number(c.mean), text::grouped(c.missing), levels});
    if (to.fields.back() != '[') to.fields += ',';
    to.fields += "{\"name\":" + text::quote_json(c.name) + ",\"kind\":\"" +
                 (text ? "text" : "number") + "\",\"missing\":" + std::to_string(c.missing);
    if (!text) {
      to.fields += ",\"min\":" + json_number(c.min) + ",\"max\":" + json_number(c.max) +
                   ",\"mean\":" + json_number(c.mean) +
                   ",\"non_finite\":" + std::to_string(c.non_finite);
    }
    to.fields +=
        std::string(",\"label_like\":") + (c.label_like ? "true" : "false") + ",\"levels\":[";
    for (std::size_t i = 0; i < c.levels.size(); ++i) {
      to.fields += (i > 0 ? "," : "") + text::quote_json(c.levels[i]);
    }
    to.fields += "]}";
  }
  to.fields += "],\"missing\":" + std::to_string(missing);
  to.words += plural(csv.rows, "row", "rows") + ", " +
              plural(static_cast<std::int64_t>(csv.columns.size()), "column", "columns") + ", " +
              delimiter_name(csv.delimiter) + (csv.has_header ? ", with a header" : ", no header") +
              ", " + plural(missing, "value", "values") + " missing\n";
  constexpr std::size_t most_rows = 41;
  const std::size_t all = rows.size();
  if (all > most_rows) rows.resize(most_rows);
  to.words += table_text(rows);
  if (all > most_rows) {
    to.words += "  and " + std::to_string(all - most_rows) + " columns more\n";
  }
  constexpr std::size_t most_labels = 5;
  if (label_like.size() > most_labels) {
    const std::size_t more = label_like.size() - (most_labels - 1);
    label_like.resize(most_labels - 1);
    label_like.push_back(std::to_string(more) + " more");
  }
  if (!label_like.empty()) to.words += "  could be a label: " + text::join(label_like, ", ") + "\n";
}

struct ValueKind {
  const char* operator()(bool) const { return "bool"; }
  const char* operator()(std::int64_t) const { return "integer"; }
  const char* operator()(double) const { return "number"; }
  const char* operator()(const std::string&) const { return "string"; }
  const char* operator()(const std::vector<double>&) const { return "numbers"; }
  const char* operator()(const std::vector<std::string>&) const { return "strings"; }
};

void describe_toml(const TomlEntries& entries, Description& to) {
  to.words += plural(static_cast<std::int64_t>(entries.size()), "entry", "entries") + "\n";
  to.fields += ",\"entries\":[";
  for (const TomlEntry& entry : entries) {
    const char* kind = std::visit(ValueKind{}, entry.value);
    to.words += "  " + printable(entry.key) + " (" + kind + ")\n";
    if (to.fields.back() != '[') to.fields += ',';
    to.fields += "{\"key\":" + text::quote_json(entry.key) + ",\"kind\":\"" + kind +
                 "\",\"line\":" + std::to_string(entry.line) + "}";
  }
  to.fields += "]";
}

void check_json_file(Bytes bytes, const std::string& path) {
  // The JSON parser holds one token several times over.
  constexpr std::size_t longest = std::size_t{16} << 20;
  if (bytes.size() > longest) not_supported(path, "is JSON of more than 16 MiB.");
  if (const auto problem = check_json(as_text(bytes))) {
    refuse(path, "line " + std::to_string(problem->line) + ", column " +
                     std::to_string(problem->column) + ": " + problem->what);
  }
}

struct Described {
  std::string kind;
  std::size_t bytes = 0;
  Description text;
};

Described description_of(const std::string& path, std::string_view as) {
  const FileBytes file(path);
  const Bytes bytes = file.bytes();
  Described d;
  d.kind = kind_of(bytes, path, as);
  d.bytes = bytes.size();
  if (d.kind == "json") {
    check_json_file(bytes, path);
    d.text.words = "valid\n";
  } else if (d.kind == "csv") {
    describe_csv(summarise_csv(path), d.text);
  } else if (d.kind == "idx") {
    describe_tensors({{"", read_idx(bytes, path)}}, d.text);
  } else if (d.kind == "npy") {
    describe_tensors({{"", read_npy(bytes, path)}}, d.text);
  } else if (d.kind == "npz") {
    describe_tensors(read_npz(bytes, path), d.text);
  } else if (d.kind == "toml") {
    describe_toml(read_toml(as_text(bytes), path), d.text);
  } else {
    describe_safetensors(read_safetensors(bytes, path), d.text);
  }
  return d;
}

}  // namespace

std::string describe(const std::string& path, std::string_view as) {
  const Described d = description_of(path, as);
  return printable(path, 300) + ": " + d.kind + ", " +
         plural(static_cast<std::int64_t>(d.bytes), "byte", "bytes") + ", " + d.text.words;
}

std::string describe_json(const std::string& path, std::string_view as) {
  const Described d = description_of(path, as);
  return "{\"file\":" + text::quote_json(path) + ",\"kind\":\"" + d.kind +
         "\",\"bytes\":" + std::to_string(d.bytes) + d.text.fields + "}";
}

}  // namespace gradus
