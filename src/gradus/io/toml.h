// TOML as a flat list of dotted keys, in the order of the file: all that run.toml and model files
// need. toml++ does the reading and stays out of this header.
#pragma once

#include <gradus/io/bytes.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gradus {

using TomlValue = std::variant<bool, std::int64_t, double, std::string, std::vector<double>,
                               std::vector<std::string>>;

struct TomlEntry {
  std::string key;  // "model.layers"; a part that is no bare key stays quoted: a."b.c"
  TomlValue value;
  std::size_t line = 0, column = 0;  // from 1, of the value
};
using TomlEntries = std::vector<TomlEntry>;

// Raises `NAME:LINE:COLUMN: reason`. A list holds numbers or strings; dates, mixed lists and lists
// of tables are unsupported; an empty list is one of numbers. At most 1 MiB, nested at most 64.
TomlEntries read_toml(const std::string& path);
TomlEntries read_toml(std::string_view text, std::string_view name);

// Entries without a dot first, then one [table] per common start, in the order given.
std::string toml_text(const TomlEntries& entries);
void write_toml(const std::string& path, const TomlEntries& entries);

}  // namespace gradus
