// Any bytes: a table that survives being written, or a gradus::Error of one line.
#include <gradus/base/error.h>
#include <gradus/io/csv.h>

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const gradus::Bytes bytes = std::as_bytes(std::span(data, size));
  gradus::CsvTable table;
  try {
    table = gradus::read_csv(bytes, "fuzz");
    gradus::summarise_csv(bytes, "fuzz");
  } catch (const gradus::Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
    return 0;
  }

  gradus::CsvOptions commas;
  commas.delimiter = ',';
  commas.header = gradus::CsvOptions::Header::yes;
  const std::string text = gradus::csv_text(table);
  const gradus::CsvTable again = gradus::read_csv(gradus::as_bytes(text), "again", commas);
  if (again.rows != table.rows || gradus::csv_text(again) != text) std::abort();
  return 0;
}
