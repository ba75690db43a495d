#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/io/bytes.h>

#include <algorithm>

namespace gradus {

std::string printable(std::string_view s, std::size_t most) {
  static constexpr std::string_view hex = "0123456789abcdef";
  const bool cut = s.size() > most;
  if (cut) {
    s = s.substr(0, most);
    // Step back over a character cut in two.
    while (!s.empty() && (s.back() & 0xC0) == 0x80) s.remove_suffix(1);
    if (!s.empty() && (s.back() & 0x80) != 0) s.remove_suffix(1);
  }
  std::string out;
  std::size_t valid_until = text::first_invalid_utf8(s).value_or(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (i == valid_until || c < 0x20 || c == 0x7F) {
      out += "\\x";
      out += {hex[c >> 4], hex[c & 15]};
    } else {
      out += s[i];
    }
    if (i == valid_until) {
      const auto next = text::first_invalid_utf8(s.substr(i + 1));
      valid_until = next ? i + 1 + *next : s.size();
    }
  }
  return cut ? out + "..." : out;
}

namespace {

constexpr std::size_t longest_name = 300;

}  // namespace

void refuse(std::string_view name, const std::string& reason) {
  raise(ErrorKind::file, printable(name, longest_name) + ": " + reason);
}

void not_supported(std::string_view name, const std::string& reason) {
  raise(ErrorKind::unsupported, printable(name, longest_name) + ": " + reason);
}

std::optional<std::int64_t> byte_count(DType dtype, std::span<const std::int64_t> sizes) {
  std::int64_t bytes = size_of(dtype);
  bool none = false;
  for (const std::int64_t size : sizes) {
    if (size < 0) return std::nullopt;
    if (size == 0) {
      none = true;
    } else if (__builtin_mul_overflow(bytes, size, &bytes)) {
      return std::nullopt;
    }
  }
  return none ? 0 : bytes;
}

std::uint32_t load_big32(Bytes bytes, std::size_t at) {
  return __builtin_bswap32(load_little<std::uint32_t>(bytes, at));
}

void swap_bytes(std::span<std::byte> bytes, std::int64_t size) {
  const auto step = static_cast<std::size_t>(size);
  if (step < 2) return;
  for (std::size_t at = 0; at + step <= bytes.size(); at += step) {
    std::reverse(bytes.data() + at, bytes.data() + at + step);
  }
}

std::optional<std::size_t> first_not_boolean(Bytes bytes) {
  const auto* at = std::find_if(bytes.data(), bytes.data() + bytes.size(),
                                [](std::byte b) { return b > std::byte{1}; });
  if (at == bytes.data() + bytes.size()) return std::nullopt;
  return static_cast<std::size_t>(at - bytes.data());
}

}  // namespace gradus
