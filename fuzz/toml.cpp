// Any bytes: entries that survive being written, or a gradus::Error of one line.
#include <gradus/base/error.h>
#include <gradus/io/toml.h>

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const gradus::Bytes bytes = std::as_bytes(std::span(data, size));
  gradus::TomlEntries entries;
  try {
    entries = gradus::read_toml(gradus::as_text(bytes), "fuzz");
  } catch (const gradus::Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
    return 0;
  }

  const std::string text = gradus::toml_text(entries);
  if (gradus::toml_text(gradus::read_toml(text, "again")) != text) std::abort();
  return 0;
}
