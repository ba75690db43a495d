// Any bytes: valid JSON, on which the checker and the tree builder agree, or a gradus::Error of one
// line.
#include <gradus/base/error.h>
#include <gradus/io/bytes.h>
#include <gradus/io/json.h>
#include <gradus/io/json_private.h>

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const gradus::Bytes bytes = std::as_bytes(std::span(data, size));
  const bool valid = !gradus::check_json(gradus::as_text(bytes)).has_value();
  try {
    gradus::parse_json(gradus::as_text(bytes), "fuzz");
  } catch (const gradus::Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
    return 0;
  }

  if (!valid) std::abort();
  return 0;
}
