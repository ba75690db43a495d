// What every reader of foreign bytes shares: safe sizes, byte order, and errors of one line,
// `NAME: reason`, whatever the name and the reason contain.
#pragma once

#include <gradus/base/shape.h>

#include <bit>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gradus {

static_assert(std::endian::native == std::endian::little,
              "files are read on little-endian machines");

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view s) {
  return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Text from a file, fit for one line of a message: control characters and bytes that are not
// UTF-8 become \xNN; beyond `most` bytes it ends in "...".
std::string printable(std::string_view s, std::size_t most = 80);

// Raises a FileError `NAME: reason`.
[[noreturn]] void refuse(std::string_view name, const std::string& reason);
// Raises an UnsupportedError `NAME: reason`.
[[noreturn]] void not_supported(std::string_view name, const std::string& reason);

// Bytes of a row-major tensor; none when a product of sizes, zeros set aside, leaves 63 bits.
std::optional<std::int64_t> byte_count(DType dtype, std::span<const std::int64_t> sizes);

// An unpacked size that a file of this many bytes may claim: 128 MiB, or 20 times its own size.
// Real data rarely packs below a tenth; a bomb packs to a thousandth.
constexpr std::int64_t unpacked_limit(std::size_t packed) {
  constexpr std::int64_t always = std::int64_t{128} << 20;
  const std::int64_t by_size = 20 * static_cast<std::int64_t>(packed);
  return by_size > always ? by_size : always;
}

// A number at `at`, which the caller has checked to lie within.
template <class T>
T load_little(Bytes bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
std::uint32_t load_big32(Bytes bytes, std::size_t at);

// Turns every element of `size` bytes around.
void swap_bytes(std::span<std::byte> bytes, std::int64_t size);

// Where the first byte sits that is neither 0 nor 1.
std::optional<std::size_t> first_not_boolean(Bytes bytes);

}  // namespace gradus
