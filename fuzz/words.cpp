// Any bytes: words that come back from what is written of them, or a gradus::Error of one line.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/train/words.h>

#include <cstdlib>
#include <optional>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::optional<gradus::Words> words;
  try {
    words = gradus::Words::parse(text, "fuzz");
  } catch (const gradus::Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
    return 0;
  }
  for (const std::string& w : words->words())
    if (w.find_first_of(" \t\r") != std::string::npos) return 0;  // not to be written
  const gradus::Words again = gradus::Words::parse(words->text(), "again");
  if (again.words() != words->words() || !gradus::same_bits(again.vectors(), words->vectors()))
    std::abort();
  return 0;
}
