// CSV (RFC 4180, and what spreadsheets make of it): a first pass checks every row and learns what
// the columns hold, a second one fills memory of exactly that size; small files of numbers need
// no second. UTF-8 only.
#pragma once

#include <gradus/io/bytes.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

struct CsvOptions {
  enum class Header { automatic, yes, no };
  char delimiter = 0;  // 0: whichever of tab ; , divides the first rows evenly
  // Automatic: a header is a first row of text, where three numbers or more may just count columns.
  Header header = Header::automatic;
};

// Missing cells are empty, NA, NaN, nan, null or ?. Spaces around unquoted text do not count.
struct CsvColumn {
  std::string name;                // from the header, otherwise "column 0", "column 1", ...
  bool is_text = false;            // some cell that is not missing is no number
  std::vector<double> numbers;     // of a numeric column; NaN where missing
  std::vector<std::string> texts;  // of a text column; "" where missing
  std::int64_t missing = 0;
  std::size_t first_missing_line = 0;  // 0 if none
  std::size_t first_text_line = 0;     // 0 if none
};

struct CsvTable {
  std::vector<CsvColumn> columns;
  std::int64_t rows = 0;
  char delimiter = ',';
  bool has_header = false;

  std::vector<std::string> names() const;
};

// Broken rows raise `NAME:LINE:COLUMN: reason`, lines and characters counted from 1.
CsvTable read_csv(const std::string& path, const CsvOptions& options = {});
CsvTable read_csv(Bytes bytes, std::string_view name, const CsvOptions& options = {});

// What the first pass learns, and nothing stored per row.
struct CsvColumnSummary {
  std::string name;
  bool is_text = false;
  std::int64_t missing = 0, non_finite = 0;
  std::size_t first_missing_line = 0, first_text_line = 0;
  double min = 0, max = 0, mean = 0;  // of the finite numbers; NaN where there are none
  // Distinct cells in order of appearance, where they are at most 64 whole numbers or short texts.
  std::vector<std::string> levels;
  bool label_like = false;  // 2 to 64 levels, each in two rows or more on average
};
struct CsvSummary {
  std::vector<CsvColumnSummary> columns;
  std::int64_t rows = 0;
  char delimiter = ',';
  bool has_header = false;
};
CsvSummary summarise_csv(const std::string& path, const CsvOptions& options = {});
CsvSummary summarise_csv(Bytes bytes, std::string_view name, const CsvOptions& options = {});

// A column by name, or by index from 0, or from -1 for the last. A name wins over an index.
std::size_t select_column(std::span<const std::string> names, std::string_view wanted);

// "'age', 'pay'": at most eight, then how many there are in all.
std::string list_of(std::span<const std::string> names);

// "3 values are missing: 2 in 'age' (first in line 7), 1 in 'pay' (line 9)"; empty if none are.
std::string missing_values(const CsvTable& table);

// Comma-separated with a header, numbers as short as they read back, quotes where needed.
void write_csv(const std::string& path, const CsvTable& table);
std::string csv_text(const CsvTable& table);

}  // namespace gradus
