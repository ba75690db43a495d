// Strict JSON (RFC 8259): valid UTF-8 only, nothing after the value, nesting up to 64.
// A repeated name is accepted and its last value counts. A UTF-8 byte order mark is skipped.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

struct JsonProblem {
  std::string what;        // one line
  std::size_t line = 1;    // from 1
  std::size_t column = 1;  // from 1, in characters
};

// The first thing wrong with the text, or nothing. Builds no tree: memory stays small.
std::optional<JsonProblem> check_json(std::string_view text);

}  // namespace gradus
