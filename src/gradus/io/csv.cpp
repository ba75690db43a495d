#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/io/csv.h>
#include <gradus/io/file.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace gradus {
namespace {

constexpr std::size_t most_columns = std::size_t{1} << 17;
constexpr std::size_t longest_cell = std::size_t{1} << 20;
constexpr std::size_t longest_row = std::size_t{16} << 20;
constexpr std::size_t most_levels = 64;
constexpr std::size_t longest_level = 100;
// Levels of all columns together, so that 100,000 columns of text stay small.
constexpr std::size_t most_levels_in_all = std::size_t{1} << 16;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  return s;
}

bool is_missing(std::string_view cell) {
  switch (cell.size()) {
    case 0:
      return true;
    case 1:
      return cell == "?";
    case 2:
      return cell == "NA";
    case 3:
      return cell == "NaN" || cell == "nan";
    case 4:
      return cell == "null";
    default:
      return false;
  }
}

// The cell as a number. NaN in any spelling is for is_missing or no number.
std::optional<double> number_in(std::string_view cell) {
  const char first = cell.empty() ? 'x' : cell.front();
  const bool may_be = (first >= '0' && first <= '9') || first == '-' || first == '+' ||
                      first == '.' || (first | 0x20) == 'i';
  if (!may_be) return std::nullopt;
  // Most cells of most files are whole numbers; up to 15 digits are exact.
  if (cell.size() <= 15) {
    std::int64_t whole = 0;
    bool digits = true;
    for (const char c : cell) {
      digits &= c >= '0' && c <= '9';
      whole = 10 * whole + (c - '0');
    }
    if (digits) return static_cast<double>(whole);
  }
  double x = 0;
  const char* end = cell.data() + cell.size();
  const auto [stop, error] = std::from_chars(cell.data(), end, x);
  if (error == std::errc{} && stop == end && std::isfinite(x)) return x;
  // A plus sign, beyond the range, infinity, or no number.
  const auto slow = text::parse_double(cell);
  return slow && std::isnan(*slow) ? std::nullopt : slow;
}

// Gives one cell after another. Rows end with LF, CR LF or CR.
class Scanner {
 public:
  // `mapped`: the text is a FileBytes, so pages behind the scan can be given back.
  Scanner(std::string_view text, char delimiter, std::string_view name, bool mapped)
      : at_(text.data()),
        end_(text.data() + text.size()),
        released_(at_),
        name_(name),
        delimiter_(delimiter),
        mapped_(mapped) {
    for (const char c : {delimiter, '\n', '\r', '\0'}) stops_[static_cast<unsigned char>(c)] = true;
  }

  // Begins the next row that is not blank; false at the end of the file.
  bool next_row() {
    for (;;) {
      const char* look = at_;
      const char* const most = at_ + std::min(left(), longest_cell);
      while (look != most && *look == ' ') ++look;
      if (look == end_) return false;
      if (*look != '\n' && *look != '\r') break;
      at_ = look;
      end_row();
    }
    row_start_ = at_;
    row_line_ = line_;
    in_row_ = true;
    return true;
  }

  // The next cell of this row, without its quotes; false when the row has ended.
  bool next_cell(std::string_view& cell) {
    if (!in_row_) return false;
    cell_start_ = at_;
    if (left() > 0 && *at_ == '"') {
      cell = quoted();
    } else {
      const char* const most = at_ + std::min(left(), longest_cell + 1);
      while (at_ != most && !stops_[static_cast<unsigned char>(*at_)]) ++at_;
      cell = trimmed({cell_start_, static_cast<std::size_t>(at_ - cell_start_)});
    }
    if (static_cast<std::size_t>(at_ - cell_start_) > longest_cell) {
      refuse_cell("a cell longer than 1 MiB.");
    }
    if (static_cast<std::size_t>(at_ - row_start_) > longest_row) {
      refuse_cell("a row longer than 16 MiB.");
    }
    row_end_ = at_;
    if (at_ == end_) {
      in_row_ = false;
    } else if (*at_ == '\0') {
      refuse_at(at_, "a zero byte. A CSV file is text.");
    } else if (*at_ == delimiter_) {
      ++at_;
    } else {
      in_row_ = false;
      end_row();
    }
    return true;
  }

  std::size_t row_line() const { return row_line_; }
  // Of the row whose end was reached.
  std::size_t row_bytes() const { return static_cast<std::size_t>(at_ - row_start_); }
  [[noreturn]] void refuse_cell(const std::string& reason) const { refuse_at(cell_start_, reason); }
  [[noreturn]] void refuse_row_end(const std::string& reason) const { refuse_at(row_end_, reason); }

 private:
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool is_row_end(const char* c) const {
    return *c == '\n' || (*c == '\r' && (c + 1 == end_ || c[1] != '\n'));
  }

  // A place in the current row, which may run over several lines.
  [[noreturn]] void refuse_at(const char* where, const std::string& reason) const {
    std::size_t line = row_line_;
    const char* start = row_start_;
    for (const char* c = row_start_; c < where; ++c) {
      if (!is_row_end(c)) continue;
      ++line;
      start = c + 1;
    }
    const auto before = std::count_if(start, where, [](char c) { return (c & 0xC0) != 0x80; });
    raise(ErrorKind::file, printable(name_, 300) + ":" + std::to_string(line) + ":" +
                               std::to_string(before + 1) + ": " + reason);
  }

  void end_row() {
    const char c = *at_++;
    if (c == '\r' && at_ != end_ && *at_ == '\n') ++at_;
    ++line_;
    constexpr std::ptrdiff_t step = 16 << 20;
    // A row behind is kept: messages point into it.
    if (mapped_ && at_ - released_ > step) {
      release_pages(as_bytes({released_, static_cast<std::size_t>(at_ - released_)}));
      released_ = at_;
    }
  }

  std::string_view quoted() {
    const char* from = ++at_;
    bool doubled = false;
    unquoted_.clear();
    for (;; ++at_) {
      if (at_ == end_) refuse_cell("the quote that opens here is never closed.");
      if (static_cast<std::size_t>(at_ - cell_start_) > longest_cell) {
        refuse_cell("the quote that opens here is not closed within 1 MiB.");
      }
      if (*at_ == '\0') refuse_at(at_, "a zero byte. A CSV file is text.");
      if (is_row_end(at_)) ++line_;
      if (*at_ != '"') continue;
      const bool twice = at_ + 1 != end_ && at_[1] == '"';
      if (!twice) break;
      doubled = true;
      unquoted_.append(from, ++at_);  // up to and with the first of the two
      from = at_ + 1;
    }
    std::string_view inside(from, static_cast<std::size_t>(at_ - from));
    if (doubled) inside = unquoted_.append(inside);
    ++at_;
    while (at_ != end_ && is_space(*at_) && *at_ != delimiter_) ++at_;
    if (at_ != end_ && !stops_[static_cast<unsigned char>(*at_)]) {
      refuse_at(at_,
                "text after a closing quote. Quote the whole cell and double the quotes in it.");
    }
    return inside;
  }

  const char* at_;
  const char* end_;
  const char* released_;
  const char* row_start_ = nullptr;
  const char* row_end_ = nullptr;
  const char* cell_start_ = nullptr;
  std::string_view name_;
  std::array<bool, 256> stops_{};
  char delimiter_;
  bool mapped_;
  bool in_row_ = false;
  std::size_t line_ = 1;
  std::size_t row_line_ = 1;
  std::string unquoted_;
};

// Rows that a delimiter divides evenly speak for it, then many cells. Tab before ; before comma:
// commas also stand inside numbers.
char detect_delimiter(std::string_view text) {
  constexpr std::size_t rows_looked_at = 10;
  constexpr std::size_t bytes_looked_at = std::size_t{1} << 20;
  const std::string_view start = text.substr(0, bytes_looked_at);
  char best = ',';
  std::size_t best_count = 0;
  bool best_even = false;
  for (const char candidate : {'\t', ';', ','}) {
    std::array<std::size_t, rows_looked_at> counts{};
    std::size_t row = 0;
    bool in_quotes = false;
    bool blank = true;
    for (const char c : start) {
      if (c == '"') in_quotes = !in_quotes;
      if (!in_quotes && (c == '\n' || c == '\r')) {
        if (!blank && ++row == rows_looked_at) break;
        blank = true;
      } else {
        blank = blank && c == ' ';
        if (!in_quotes && c == candidate) ++counts[row];
      }
    }
    const bool last_is_whole = start.size() == text.size();
    if (row < rows_looked_at && !blank && (row == 0 || last_is_whole)) ++row;
    const bool even = std::all_of(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(row),
                                  [&](std::size_t n) { return n == counts[0]; });
    const bool better = even == best_even ? counts[0] > best_count : even || best_count == 0;
    if (counts[0] > 0 && better) {
      best = candidate;
      best_count = counts[0];
      best_even = even;
    }
  }
  return best;
}

// What the cells of one column have shown so far.
struct Seen {
  bool is_text = false;
  bool has_levels = false;
  std::int64_t missing = 0, finite = 0, non_finite = 0;
  std::size_t first_missing_line = 0, first_text_line = 0;
  double min = infinity, max = -infinity, sum = 0;
  std::size_t long_bytes = 0;  // of cells too long for the inside of a std::string
  std::vector<std::string> levels;
  std::vector<double> numbers;  // of a small file, which then needs no second pass for this column
};

// The first pass.
class Survey {
 public:
  std::vector<Seen> columns;
  std::vector<std::string> names;
  std::int64_t rows = 0;
  char delimiter = ',';
  bool has_header = false;
  bool keeps_numbers = false;

  Survey(std::string_view text, std::string_view name, const CsvOptions& options, bool mapped,
         bool with_levels) {
    if (options.delimiter != 0 &&
        std::string_view("\"\r\n").find(options.delimiter) != std::string_view::npos) {
      raise(
          ErrorKind::usage,
          "csv: a delimiter cannot be a quote or a line end. Give one character, such as , or ;.");
    }
    delimiter = options.delimiter != 0 ? options.delimiter : detect_delimiter(text);
    Scanner scanner(text, delimiter, name, mapped);
    if (!scanner.next_row()) refuse(name, "is empty: it has no rows.");
    const std::size_t first_line = scanner.row_line();
    first_row(scanner);
    columns.resize(names.size());
    for (Seen& column : columns) column.has_levels = with_levels;
    constexpr std::size_t small_file = std::size_t{4} << 20;
    keeps_numbers = !with_levels && text.size() <= small_file;
    // As many rows as there are if all are as long as the first.
    if (keeps_numbers)
      for (Seen& column : columns) column.numbers.reserve(text.size() / scanner.row_bytes() + 1);
    has_header = is_header(options.header);
    if (!has_header) {
      ++rows;
      for (std::size_t i = 0; i < names.size(); ++i) {
        see(columns[i], names[i], scanner);
        names[i].clear();
      }
    }
    while (scanner.next_row()) row(scanner, first_line);
    if (rows == 0) refuse(name, "has a header, but no rows.");
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].empty()) names[i] = "column " + std::to_string(i);
    }
  }

 private:
  void first_row(Scanner& scanner) {
    std::string_view cell;
    while (scanner.next_cell(cell)) {
      if (names.size() == most_columns) {
        scanner.refuse_cell("more than " + std::to_string(most_columns) + " columns.");
      }
      refuse_bad_utf8(cell, scanner);
      names.emplace_back(cell);
    }
  }

  void row(Scanner& scanner, std::size_t first_line) {
    const auto expected = [&] {
      return std::to_string(columns.size()) + (columns.size() == 1 ? " cell" : " cells") +
             " are expected, as in line " + std::to_string(first_line) + ".";
    };
    std::string_view cell;
    std::size_t count = 0;
    while (scanner.next_cell(cell)) {
      if (count == columns.size()) scanner.refuse_cell("one cell too many: " + expected());
      see(columns[count++], cell, scanner);
    }
    if (count < columns.size()) {
      scanner.refuse_row_end("the row ends after " + std::to_string(count) +
                             (count == 1 ? " cell: " : " cells: ") + expected());
    }
    ++rows;
  }

  bool is_header(CsvOptions::Header wanted) const {
    if (wanted != CsvOptions::Header::automatic) return wanted == CsvOptions::Header::yes;
    // Fewer counting numbers, as in 1,2,x, may well be data.
    constexpr int fewest_counting = 3;
    bool some_text = false;
    bool in_step = true;
    int counting = 0;
    double first = 0;  // where counting starts: at 0 or 1, or at 0 after a column of row numbers
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (is_missing(names[i])) continue;
      const auto x = number_in(names[i]);
      some_text |= !x.has_value();
      if (!x) continue;
      const double start = *x - static_cast<double>(i);
      if (counting++ == 0) first = start;
      in_step &= start == first && std::abs(start) <= 1;
    }
    return some_text && (counting == 0 || (counting >= fewest_counting && in_step));
  }

  static void refuse_bad_utf8(std::string_view cell, const Scanner& scanner) {
    if (text::valid_utf8(cell)) return;
    scanner.refuse_cell("a byte that is not valid UTF-8. Save the file as UTF-8.");
  }

  void see(Seen& column, std::string_view cell, const Scanner& scanner) {
    if (is_missing(cell)) {
      if (column.missing++ == 0) column.first_missing_line = scanner.row_line();
      if (keeps_numbers && !column.is_text) column.numbers.push_back(nan);
      return;
    }
    if (cell.size() >= sizeof(std::string) / 2) column.long_bytes += cell.size() + 1;
    if (!column.is_text) {
      if (const auto x = number_in(cell)) {
        number(column, *x);
        if (keeps_numbers) column.numbers.push_back(*x);
      } else {
        column.is_text = true;
        column.numbers = {};
        column.first_text_line = scanner.row_line();
      }
    }
    if (column.is_text) refuse_bad_utf8(cell, scanner);
    if (column.has_levels) level(column, cell);
  }

  void number(Seen& column, double x) {
    if (!std::isfinite(x)) {
      ++column.non_finite;
      return;
    }
    ++column.finite;
    column.sum += x;
    column.min = std::min(column.min, x);
    column.max = std::max(column.max, x);
    if (x != std::floor(x)) forget_levels(column);
  }

  void level(Seen& column, std::string_view cell) {
    if (std::find(column.levels.begin(), column.levels.end(), cell) != column.levels.end()) return;
    if (column.levels.size() == most_levels || levels_ == most_levels_in_all ||
        cell.size() > longest_level) {
      return forget_levels(column);
    }
    column.levels.emplace_back(cell);
    ++levels_;
  }

  void forget_levels(Seen& column) {
    levels_ -= column.levels.size();
    column.levels = {};
    column.has_levels = false;
  }

  std::size_t levels_ = 0;
};

std::string_view csv_start(Bytes bytes, std::string_view name) {
  std::string_view text = as_text(bytes);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    refuse(name, "is UTF-16. Save it as UTF-8.");
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

// Cells that are many and tiny, such as nothing between commas, would take far more memory than
// their file.
void refuse_if_too_large(const Survey& survey, std::size_t file_size, std::string_view name) {
  const auto rows = static_cast<double>(survey.rows);
  double needed = 0;
  for (const Seen& column : survey.columns) {
    needed += column.is_text ? rows * sizeof(std::string) + static_cast<double>(column.long_bytes)
                             : rows * sizeof(double);
  }
  constexpr double mebibyte = 1 << 20;
  const double limit = std::max(128 * mebibyte, 4 * static_cast<double>(file_size));
  if (needed <= limit) return;
  not_supported(name, "its cells would need " + text::fixed(needed / mebibyte, 0) +
                          " MiB of memory, more than 128 MiB and than 4 times the file.");
}

CsvTable read(Bytes bytes, std::string_view name, const CsvOptions& options, bool mapped) {
  const std::string_view text = csv_start(bytes, name);
  Survey survey(text, name, options, mapped, false);
  refuse_if_too_large(survey, bytes.size(), name);
  CsvTable table;
  bool complete = survey.keeps_numbers;
  table.rows = survey.rows;
  table.delimiter = survey.delimiter;
  table.has_header = survey.has_header;
  for (std::size_t i = 0; i < survey.columns.size(); ++i) {
    Seen& seen = survey.columns[i];
    CsvColumn column{std::move(survey.names[i]), seen.is_text,        {}, {}, seen.missing,
                     seen.first_missing_line,    seen.first_text_line};
    const auto rows = static_cast<std::size_t>(survey.rows);
    if (column.is_text) {
      column.texts.reserve(rows);
      complete = false;
    } else if (survey.keeps_numbers) {
      column.numbers = std::move(seen.numbers);
    } else {
      column.numbers.reserve(rows);
    }
    table.columns.push_back(std::move(column));
  }
  if (complete) return table;
  Scanner scanner(text, survey.delimiter, name, mapped);
  std::string_view cell;
  bool is_header = survey.has_header;
  while (scanner.next_row()) {
    for (std::size_t i = 0; scanner.next_cell(cell); ++i) {
      if (is_header) continue;
      CsvColumn& column = table.columns[i];
      if (column.is_text) {
        column.texts.emplace_back(is_missing(cell) ? std::string_view() : cell);
      } else if (!survey.keeps_numbers) {
        column.numbers.push_back(is_missing(cell) ? nan : number_in(cell).value_or(nan));
      }
    }
    is_header = false;
  }
  return table;
}

CsvSummary summarise(Bytes bytes, std::string_view name, const CsvOptions& options, bool mapped) {
  Survey survey(csv_start(bytes, name), name, options, mapped, true);
  CsvSummary summary{{}, survey.rows, survey.delimiter, survey.has_header};
  for (std::size_t i = 0; i < survey.columns.size(); ++i) {
    Seen& seen = survey.columns[i];
    CsvColumnSummary column;
    column.name = std::move(survey.names[i]);
    column.is_text = seen.is_text;
    column.missing = seen.missing;
    column.non_finite = seen.non_finite;
    column.first_missing_line = seen.first_missing_line;
    column.first_text_line = seen.first_text_line;
    const bool some = seen.finite > 0;
    column.min = some ? seen.min : nan;
    column.max = some ? seen.max : nan;
    column.mean = some ? seen.sum / static_cast<double>(seen.finite) : nan;
    column.levels = std::move(seen.levels);
    const auto count = static_cast<std::int64_t>(column.levels.size());
    column.label_like = count >= 2 && 2 * count <= survey.rows - seen.missing;
    summary.columns.push_back(std::move(column));
  }
  return summary;
}

bool needs_quotes(std::string_view cell) {
  // A byte order mark that opens the file would not be read as text.
  return cell.starts_with("\xEF\xBB\xBF") ||
         cell.find_first_of("\",;\t\r\n") != std::string_view::npos || trimmed(cell) != cell;
}

void append_cell(std::string& out, std::string_view cell) {
  if (!needs_quotes(cell)) {
    out += cell;
    return;
  }
  out += '"';
  for (const char c : cell) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

std::vector<std::string> CsvTable::names() const {
  std::vector<std::string> out;
  for (const CsvColumn& column : columns) out.push_back(column.name);
  return out;
}

CsvTable read_csv(const std::string& path, const CsvOptions& options) {
  const FileBytes file(path);
  return read(file.bytes(), path, options, true);
}

CsvTable read_csv(Bytes bytes, std::string_view name, const CsvOptions& options) {
  return read(bytes, name, options, false);
}

CsvSummary summarise_csv(const std::string& path, const CsvOptions& options) {
  const FileBytes file(path);
  return summarise(file.bytes(), path, options, true);
}

CsvSummary summarise_csv(Bytes bytes, std::string_view name, const CsvOptions& options) {
  return summarise(bytes, name, options, false);
}

std::string list_of(std::span<const std::string> names) {
  constexpr std::size_t most = 8;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) {
    out += (i > 0 ? ", '" : "'") + printable(names[i], 40) + "'";
  }
  if (names.size() > most) out += ", ... (" + std::to_string(names.size()) + " in all)";
  return out;
}

std::size_t select_column(std::span<const std::string> names, std::string_view wanted) {
  const auto found = std::find(names.begin(), names.end(), wanted);
  const std::string shown = "'" + printable(wanted, 40) + "'";
  if (found != names.end()) {
    if (std::find(found + 1, names.end(), wanted) != names.end()) {
      raise(ErrorKind::usage, "column " + shown + " exists twice. Give its index instead, from 0.");
    }
    return static_cast<std::size_t>(found - names.begin());
  }
  if (const auto index = text::parse_int64(wanted)) {
    const auto count = static_cast<std::int64_t>(names.size());
    const std::int64_t from_start = *index < 0 ? *index + count : *index;
    if (from_start >= 0 && from_start < count) return static_cast<std::size_t>(from_start);
    raise(ErrorKind::usage, "column " + std::to_string(*index) + " does not exist. There are " +
                                std::to_string(count) + ": 0 to " + std::to_string(count - 1) +
                                ", or -1 back to " + std::to_string(-count) + ".");
  }
  constexpr std::size_t most_compared = 10'000;
  const std::vector<std::string_view> candidates(
      names.begin(),
      names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), most_compared)));
  const auto nearest = wanted.size() <= longest_level ? text::nearest(wanted, candidates)
                                                      : std::optional<std::string_view>();
  raise(ErrorKind::usage, "column " + shown + " does not exist. " +
                              (nearest ? "Did you mean '" + printable(*nearest, 40) + "'?"
                                       : "The columns are " + list_of(names) + "."));
}

std::string missing_values(const CsvTable& table) {
  constexpr std::size_t most_named = 5;
  std::int64_t total = 0;
  std::size_t columns = 0;
  std::string where;
  for (const CsvColumn& column : table.columns) {
    if (column.missing == 0) continue;
    total += column.missing;
    if (++columns > most_named) continue;
    where += (columns > 1 ? ", " : "") + std::to_string(column.missing) + " in '" +
             printable(column.name, 40) + "' (" +
             (column.missing > 1 ? "first in line " : "line ") +
             std::to_string(column.first_missing_line) + ")";
  }
  if (total == 0) return "";
  if (columns > most_named)
    where += ", others in " + std::to_string(columns - most_named) + " more columns";
  return std::to_string(total) + (total == 1 ? " value is missing: " : " values are missing: ") +
         where;
}

std::string csv_text(const CsvTable& table) {
  std::string out;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) out += ',';
    append_cell(out, table.columns[i].name);
  }
  out += '\n';
  for (std::size_t row = 0; row < static_cast<std::size_t>(table.rows); ++row) {
    const std::size_t row_start = out.size();
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const CsvColumn& column = table.columns[i];
      if (i > 0) out += ',';
      if (column.is_text) {
        append_cell(out, column.texts[row]);
      } else if (!std::isnan(column.numbers[row])) {
        out += text::number(column.numbers[row]);
      }
    }
    if (out.size() == row_start) out += "NA";  // a blank line would be no row
    out += '\n';
  }
  return out;
}

void write_csv(const std::string& path, const CsvTable& table) {
  write_file_atomically(path, as_bytes(csv_text(table)));
}

}  // namespace gradus
