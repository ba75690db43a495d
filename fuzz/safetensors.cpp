// Any bytes: tensors that survive being written, or a gradus::Error of one line.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/io/safetensors.h>

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const gradus::Bytes bytes = std::as_bytes(std::span(data, size));
  gradus::SafeTensors contents;
  try {
    contents = gradus::read_safetensors(bytes, "fuzz");
  } catch (const gradus::Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
    return 0;
  }

  const std::vector<std::byte> written = gradus::safetensors_bytes(contents);
  const gradus::SafeTensors again = gradus::read_safetensors(written, "again");
  if (gradus::safetensors_bytes(again) != written) std::abort();
  return 0;
}
