// Any bytes: an npy array that survives being written, or a gradus::Error of one line.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/io/npy.h>

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const gradus::Bytes bytes = std::as_bytes(std::span(data, size));
  gradus::Tensor x;
  try {
    x = gradus::read_npy(bytes, "fuzz");
  } catch (const gradus::Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
    return 0;
  }

  if (!gradus::same_bits(x, gradus::read_npy(gradus::npy_bytes(x), "again"))) std::abort();
  return 0;
}
