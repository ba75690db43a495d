#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/io/file.h>
#include <gradus/io/idx.h>

#include <algorithm>
#include <array>

namespace gradus {
namespace {

struct Element {
  int code;
  DType type;
  std::int64_t size;  // in the file
};
constexpr std::array<Element, 6> elements = {{{0x08, DType::u8, 1},
                                              {0x09, DType::i8, 1},
                                              {0x0B, DType::i32, 2},
                                              {0x0C, DType::i32, 4},
                                              {0x0D, DType::f32, 4},
                                              {0x0E, DType::f64, 8}}};
constexpr std::size_t longest_header = 4 + 4 * max_rank;

const Element* element_of(Bytes bytes) {
  if (bytes.size() < 4 || bytes[0] != std::byte{0} || bytes[1] != std::byte{0}) return nullptr;
  const auto* found = std::find_if(elements.begin(), elements.end(),
                                   [&](const Element& e) { return std::byte(e.code) == bytes[2]; });
  return found == elements.end() ? nullptr : found;
}

struct IdxHeader {
  Element element;
  Shape shape;
  std::size_t size = 0;    // of the header
  std::int64_t bytes = 0;  // of the numbers in the file
};

// From the first longest_header bytes, or the whole file if that is shorter.
IdxHeader read_header(Bytes start, std::string_view name) {
  const Element* element = element_of(start);
  if (element == nullptr) {
    refuse(name, "is no IDX file: it does not begin with 0, 0, a known element code and a rank.");
  }
  const int rank = std::to_integer<int>(start[3]);
  if (rank > max_rank) {
    not_supported(name, "has " + std::to_string(rank) + " axes. A tensor has at most 8.");
  }
  IdxHeader header{*element, {}};
  header.size = 4 + 4 * static_cast<std::size_t>(rank);
  if (start.size() < header.size) refuse(name, "the IDX header is cut off.");
  for (int i = 0; i < rank; ++i) {
    header.shape.push_back(load_big32(start, 4 + 4 * static_cast<std::size_t>(i)));
  }
  // Counted with the larger of both sizes, so that the tensor's memory fits as well.
  const auto bytes = byte_count(element->type, std::span(header.shape.begin(), header.shape.end()));
  if (!bytes) {
    refuse(name,
           to_string(Type{element->type, header.shape}) + " has more bytes than 63 bits count.");
  }
  header.bytes = *bytes / size_of(element->type) * element->size;
  return header;
}

Tensor read_plain(Bytes bytes, std::string_view name) {
  const IdxHeader header = read_header(bytes.first(std::min(bytes.size(), longest_header)), name);
  const Bytes numbers = bytes.subspan(header.size);
  const Type type{header.element.type, header.shape};
  if (numbers.size() != static_cast<std::size_t>(header.bytes)) {
    refuse(name, to_string(type) + " needs " + std::to_string(header.bytes) +
                     " bytes of numbers, but the file has " + std::to_string(numbers.size()) + ".");
  }
  if (header.element.size == size_of(type.dtype)) {
    Tensor x = from_bytes(type, numbers);
    swap_bytes({x.buffer()->block->data, numbers.size()}, header.element.size);
    return x;
  }
  Tensor x = empty(type);
  auto* to = reinterpret_cast<std::int32_t*>(x.buffer()->block->data);
  for (std::size_t at = 0; at < numbers.size(); at += 2) {
    *to++ = static_cast<std::int16_t>(__builtin_bswap16(load_little<std::uint16_t>(numbers, at)));
  }
  return x;
}

}  // namespace

bool is_idx(Bytes bytes) {
  return element_of(bytes) != nullptr;
}

Tensor read_idx(Bytes bytes, std::string_view name) {
  if (!is_gzip(bytes)) return read_plain(bytes, name);
  const std::vector<std::byte> start = gunzip_start(bytes, longest_header);
  const IdxHeader header = read_header(start, name);
  const std::int64_t limit = unpacked_limit(bytes.size());
  if (header.bytes > limit) {
    refuse(name, to_string(Type{header.element.type, header.shape}) + " needs " +
                     std::to_string(header.bytes) + " bytes of numbers, far beyond the file's " +
                     std::to_string(bytes.size()) + ".");
  }
  return read_plain(gunzip(bytes, header.bytes + static_cast<std::int64_t>(header.size), name),
                    name);
}

Tensor read_idx(const std::string& path) {
  const FileBytes file(path);
  return read_idx(file.bytes(), path);
}

std::vector<std::byte> idx_bytes(const Tensor& x) {
  const DType written = x.dtype() == DType::boolean ? DType::u8 : x.dtype();
  const auto* found = std::find_if(elements.begin(), elements.end(), [&](const Element& e) {
    return e.type == written && e.size == size_of(written);
  });
  if (found == elements.end()) {
    raise(ErrorKind::dtype, "write_idx: IDX has no " + std::string(name_of(x.dtype())) +
                                ". Its elements are u8, i8, i32, f32 or f64. Cast first.");
  }
  std::vector<std::byte> out = {std::byte{0}, std::byte{0}, std::byte(found->code),
                                std::byte(x.rank())};
  for (const std::int64_t size : x.shape()) {
    if (size > 0xFFFFFFFF) {
      raise(ErrorKind::shape, "write_idx: " + to_string(x.type()) +
                                  " has a size beyond 32 bits. IDX stores sizes in 32 bits.");
    }
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(std::byte(size >> shift & 255));
  }
  std::vector<std::byte> numbers = bytes_of(x);
  swap_bytes(numbers, found->size);
  out.insert(out.end(), numbers.begin(), numbers.end());
  return out;
}

void write_idx(const std::string& path, const Tensor& x) {
  write_file_atomically(path, idx_bytes(x));
}

}  // namespace gradus
