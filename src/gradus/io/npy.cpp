#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/io/file.h>
#include <gradus/io/npy.h>

#include <zip.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

namespace gradus {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

struct Dtype {
  std::string_view code;
  DType type;
};
constexpr std::array<Dtype, 8> known_dtypes = {{{"f4", DType::f32},
                                                {"f8", DType::f64},
                                                {"i4", DType::i32},
                                                {"i8", DType::i64},
                                                {"b1", DType::boolean},
                                                {"f2", DType::f16},
                                                {"i1", DType::i8},
                                                {"u1", DType::u8}}};

struct NpyHeader {
  DType dtype = DType::f32;
  bool big_endian = false;
  bool fortran = false;
  Shape shape;
  std::size_t size = 0;    // of the header: where the numbers begin
  std::int64_t bytes = 0;  // of the numbers
};

// Python's literal of three entries, and nothing more of Python.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  NpyHeader parse() {
    NpyHeader header;
    std::array<bool, 3> seen{};
    const auto once = [&](std::size_t i, std::string_view key) {
      if (seen[i]) broken("has '" + std::string(key) + "' twice");
      seen[i] = true;
    };
    expect('{');
    while (!take('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr") {
        once(0, key);
        descr(header);
      } else if (key == "fortran_order") {
        once(1, key);
        header.fortran = boolean();
      } else if (key == "shape") {
        once(2, key);
        shape(header);
      } else {
        broken("has an unknown entry '" + printable(key) + "'");
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) broken("goes on after its closing brace");
    constexpr std::array<std::string_view, 3> keys = {"descr", "fortran_order", "shape"};
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!seen[i]) broken("lacks '" + std::string(keys[i]) + "'");
    }
    return header;
  }

 private:
  [[noreturn]] void broken(const std::string& what) {
    refuse(name_, "the npy header " + what + ".");
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || (text_[at_] >= '\t' && text_[at_] <= '\r')))
      ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (take(c)) return;
    if (at_ >= text_.size()) broken(std::string("ends where '") + c + "' should stand");
    broken(std::string("has '") + printable(text_.substr(at_, 1)) + "' where '" + c +
           "' should stand");
  }
  std::string_view string() {
    skip_space();
    const char quote = at_ < text_.size() && text_[at_] == '"' ? '"' : '\'';
    expect(quote);
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) broken("has a quote that is never closed");
    const std::string_view inside = text_.substr(at_, end - at_);
    at_ = end + 1;
    return inside;
  }
  bool boolean() {
    skip_space();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return value;
      }
    }
    broken("has a 'fortran_order' that is neither True nor False");
  }
  void descr(NpyHeader& header) {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[') {
      not_supported(name_, "holds records of several fields. Save one array per field.");
    }
    const std::string_view word = string();
    std::string_view code = word;
    char order = '<';
    if (!code.empty() && std::string_view("<>=|").find(code[0]) != std::string_view::npos) {
      order = code[0];
      code.remove_prefix(1);
    }
    if (code.starts_with('O')) {
      not_supported(name_, "holds Python objects, which only unpickling could read. Save numbers.");
    }
    const auto* found = std::find_if(known_dtypes.begin(), known_dtypes.end(),
                                     [code](const Dtype& d) { return d.code == code; });
    if (found == known_dtypes.end() || (order == '|' && size_of(found->type) > 1)) {
      not_supported(name_, "the dtype '" + printable(word) +
                               "' is not supported. Use f2, f4, f8, i1, u1, i4, i8 or b1.");
    }
    header.dtype = found->type;
    header.big_endian = order == '>';
  }
  void shape(NpyHeader& header) {
    expect('(');
    while (!take(')')) {
      skip_space();
      const std::size_t from = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      const std::string_view digits = text_.substr(from, at_ - from);
      const auto size = text::parse_int64(digits);
      if (!size) {
        broken(digits.empty() ? "has a shape that is no list of sizes"
                              : "has a size beyond 63 bits, " + printable(digits));
      }
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote 3L
      if (header.shape.size() == max_rank) {
        not_supported(name_, "has more than 8 axes. Merge some with reshape before saving.");
      }
      header.shape.push_back(*size);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
};

// From the start of an array; `whole` is the size of header and numbers together.
NpyHeader read_header(Bytes start, std::size_t whole, std::string_view name) {
  if (!is_npy(start)) refuse(name, "is no npy file: it does not begin with \\x93NUMPY.");
  const auto cut_off = [&] { refuse(name, "the npy header is cut off."); };
  if (start.size() < 10) cut_off();
  const int version = std::to_integer<int>(start[6]);
  if (version < 1 || version > 3) {
    not_supported(name, "npy version " + std::to_string(version) + " is unknown. Known: 1, 2, 3.");
  }
  const std::size_t text_at = version == 1 ? 10 : 12;
  if (start.size() < text_at) cut_off();
  const std::size_t length =
      version == 1 ? load_little<std::uint16_t>(start, 8) : load_little<std::uint32_t>(start, 8);
  if (length > start.size() - text_at) {
    if (start.size() == whole) {
      refuse(name, "the npy header claims " + std::to_string(length) + " bytes, but only " +
                       std::to_string(whole - text_at) + " follow.");
    }
    not_supported(name, "an npy header of " + std::to_string(length) +
                            " bytes inside an npz is more than 64 KiB.");
  }
  NpyHeader header = HeaderParser(as_text(start.subspan(text_at, length)), name).parse();
  header.size = text_at + length;
  const auto bytes = byte_count(header.dtype, std::span(header.shape.begin(), header.shape.end()));
  const std::string type = to_string(Type{header.dtype, header.shape});
  if (!bytes) refuse(name, type + " has more bytes than 63 bits count.");
  header.bytes = *bytes;
  const std::size_t present = whole - header.size;
  if (static_cast<std::size_t>(*bytes) != present) {
    refuse(name, type + " needs " + std::to_string(*bytes) +
                     " bytes of numbers, but the file has " + std::to_string(present) + ".");
  }
  return header;
}

void refuse_bad_boolean(const NpyHeader& header, Bytes numbers, std::string_view name) {
  if (header.dtype != DType::boolean) return;
  if (const auto at = first_not_boolean(numbers)) {
    refuse(name, "element " + std::to_string(*at) + " of a bool array is neither 0 nor 1.");
  }
}

// A tensor whose memory `fill` fills in the order of the file.
template <class Fill>
Tensor make_tensor(const NpyHeader& header, Fill fill) {
  const Type type{header.dtype, header.shape};
  Buffer buffer = allocate(type);
  const std::span<std::byte> memory(buffer.block->data, static_cast<std::size_t>(header.bytes));
  fill(memory);
  if (header.big_endian) swap_bytes(memory, size_of(header.dtype));
  if (header.fortran) {
    std::int64_t step = 1;
    for (int i = 0; i < header.shape.size(); ++i) {
      buffer.strides[i] = step;
      step *= std::max<std::int64_t>(header.shape[i], 1);
    }
  }
  return {type, std::move(buffer)};
}

// zip

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Archive = std::unique_ptr<zip_t, DiscardArchive>;
using Entry = std::unique_ptr<zip_file_t, CloseEntry>;
using Source = std::unique_ptr<zip_source_t, FreeSource>;

class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t* get() { return &error_; }
  std::string text() { return printable(zip_error_strerror(&error_)); }

 private:
  zip_error_t error_;
};

// The archive takes the source over.
Archive open_archive(Source& source, int flags, std::string_view name) {
  ZipError error;
  Archive archive(zip_open_from_source(source.get(), flags, error.get()));
  if (archive == nullptr) refuse(name, "the zip archive is broken: " + error.text() + ".");
  static_cast<void>(source.release());
  return archive;
}

std::string archive_problem(zip_t* archive) {
  return printable(zip_error_strerror(zip_get_error(archive)));
}

// libzip takes a few hundred bytes of memory per entry, so they are counted before it is asked.
void refuse_too_many_entries(Bytes bytes, std::string_view name) {
  constexpr std::size_t most = 100'000;
  constexpr std::string_view mark = "PK\x01\x02";
  const std::string_view text = as_text(bytes);
  std::size_t count = 0;
  for (std::size_t at = text.find(mark); at != std::string_view::npos;
       at = text.find(mark, at + mark.size())) {
    if (++count > most) {
      not_supported(name, "the archive has more than " + std::to_string(most) + " entries.");
    }
  }
}

std::string in_entry(std::string_view name, std::string_view entry) {
  return std::string(name) + "(" + printable(entry) + ")";
}

Entry open_entry(zip_t* archive, zip_uint64_t index, const std::string& place) {
  Entry entry(zip_fopen_index(archive, index, 0));
  if (entry == nullptr) refuse(place, "cannot be unpacked: " + archive_problem(archive) + ".");
  return entry;
}

// Fills `out` from its start and returns how much; less than all only at the end.
std::size_t read_entry(zip_file_t* entry, std::span<std::byte> out, const std::string& place) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const zip_int64_t now = zip_fread(entry, out.data() + filled, out.size() - filled);
    if (now < 0) {
      refuse(place, "cannot be unpacked: " +
                        printable(zip_error_strerror(zip_file_get_error(entry))) + ".");
    }
    if (now == 0) break;
    filled += static_cast<std::size_t>(now);
  }
  return filled;
}

void refuse_unless_at_end(zip_file_t* entry, const std::string& place) {
  std::byte one{};
  if (read_entry(entry, {&one, 1}, place) != 0)
    refuse(place, "holds more bytes than it announces.");
}

constexpr std::size_t longest_packed_header = std::size_t{64} << 10;

// Reads the header from the start of an entry that announces `whole` bytes.
NpyHeader read_entry_header(zip_file_t* entry, std::size_t whole, std::vector<std::byte>& start,
                            const std::string& place) {
  start.resize(std::min(whole, longest_packed_header + 12));
  const std::size_t got = read_entry(entry, start, place);
  if (got < start.size()) {
    refuse(place,
           "announces " + std::to_string(whole) + " bytes, but has " + std::to_string(got) + ".");
  }
  return read_header(start, whole, place);
}

void short_entry(const std::string& place, const NpyHeader& header, std::size_t got) {
  refuse(place, "needs " + std::to_string(header.bytes) + " bytes of numbers, but has " +
                    std::to_string(got) + ".");
}

// Unpacks an entry without keeping it: what is broken shows before memory is taken.
void check_entry(zip_t* archive, zip_uint64_t index, std::size_t whole, const std::string& place) {
  const Entry entry = open_entry(archive, index, place);
  std::vector<std::byte> part;
  const NpyHeader header = read_entry_header(entry.get(), whole, part, place);
  std::size_t left = whole - part.size();
  while (left > 0) {
    const std::size_t now = std::min(left, part.size());
    if (read_entry(entry.get(), std::span(part).first(now), place) < now) {
      short_entry(place, header, whole - header.size - left);
    }
    left -= now;
  }
  refuse_unless_at_end(entry.get(), place);
}

Tensor keep_entry(zip_t* archive, zip_uint64_t index, std::size_t whole, const std::string& place) {
  const Entry entry = open_entry(archive, index, place);
  std::vector<std::byte> start;
  const NpyHeader header = read_entry_header(entry.get(), whole, start, place);
  Tensor x = make_tensor(header, [&](std::span<std::byte> memory) {
    const Bytes first = Bytes(start).subspan(header.size);
    std::copy(first.begin(), first.end(), memory.begin());
    const std::size_t got =
        first.size() + read_entry(entry.get(), memory.subspan(first.size()), place);
    if (got < memory.size()) short_entry(place, header, got);
    refuse_unless_at_end(entry.get(), place);  // the checksum is compared at the end
    refuse_bad_boolean(header, memory, place);
  });
  return x;
}

}  // namespace

bool is_npy(Bytes bytes) {
  return as_text(bytes).starts_with(magic);
}

Tensor read_npy(Bytes bytes, std::string_view name) {
  const NpyHeader header = read_header(bytes, bytes.size(), name);
  const Bytes numbers = bytes.subspan(header.size);
  refuse_bad_boolean(header, numbers, name);
  return make_tensor(header, [&](std::span<std::byte> memory) {
    std::copy(numbers.begin(), numbers.end(), memory.begin());
  });
}

Tensor read_npy(const std::string& path) {
  const FileBytes file(path);
  return read_npy(file.bytes(), path);
}

namespace {

// What stands before the numbers of an array; `descr` as in "<f8".
std::vector<std::byte> npy_head(const std::string& descr, const Shape& shape) {
  std::string sizes;
  for (const std::int64_t size : shape) sizes += std::to_string(size) + ", ";
  if (shape.size() > 1) sizes.resize(sizes.size() - 2);
  if (shape.size() == 1) sizes.pop_back();
  std::string dict =
      "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + sizes + "), }";
  // Spaces and a newline, so that the numbers begin at a multiple of 64.
  constexpr std::size_t before = 10;
  dict.resize((before + dict.size() + 1 + 63) / 64 * 64 - before - 1, ' ');
  dict += '\n';
  std::string head(magic);
  head +=
      {'\x01', '\x00', static_cast<char>(dict.size() & 255), static_cast<char>(dict.size() >> 8)};
  head += dict;
  return {as_bytes(head).begin(), as_bytes(head).end()};
}

}  // namespace

std::vector<std::byte> npy_bytes(const Tensor& x) {
  const auto* found = std::find_if(known_dtypes.begin(), known_dtypes.end(),
                                   [&](const Dtype& d) { return d.type == x.dtype(); });
  if (found == known_dtypes.end()) {
    raise(ErrorKind::dtype, "write_npy: NumPy has no " + std::string(name_of(x.dtype())) +
                                ". An npy array is f2, f4, f8, i1, u1, i4, i8 or b1. "
                                "Cast it to f32 first.");
  }
  std::vector<std::byte> out =
      npy_head((size_of(x.dtype()) == 1 ? "|" : "<") + std::string(found->code), x.shape());
  const std::vector<std::byte> numbers = bytes_of(x);
  out.insert(out.end(), numbers.begin(), numbers.end());
  return out;
}

void write_complex_npy(const std::string& path, const Tensor& re, const Tensor& im) {
  if (re.type() != im.type() || !is_float(re.dtype()))
    raise(ErrorKind::shape, "write_complex_npy: " + to_string(re.type()) + " and " +
                                to_string(im.type()) +
                                " are not the parts of complex numbers. Both must be f32 or f64 of "
                                "one shape.");
  const auto each = static_cast<std::size_t>(size_of(re.dtype()));
  std::vector<std::byte> out = npy_head("<c" + std::to_string(2 * each), re.shape());
  const std::vector<std::byte> real = bytes_of(re), imaginary = bytes_of(im);
  for (std::size_t at = 0; at < real.size(); at += each) {
    const auto from = static_cast<std::ptrdiff_t>(at), to = static_cast<std::ptrdiff_t>(at + each);
    out.insert(out.end(), real.begin() + from, real.begin() + to);
    out.insert(out.end(), imaginary.begin() + from, imaginary.begin() + to);
  }
  write_file_atomically(path, out);
}

void write_npy(const std::string& path, const Tensor& x) {
  write_file_atomically(path, npy_bytes(x));
}

bool is_zip(Bytes bytes) {
  const std::string_view text = as_text(bytes);
  return text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06");
}

NamedTensors read_npz(Bytes bytes, std::string_view name) {
  if (!is_zip(bytes)) refuse(name, "is no npz file: it does not begin as a zip archive.");
  refuse_too_many_entries(bytes, name);
  ZipError error;
  Source source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error.get()));
  if (source == nullptr) refuse(name, "the zip archive is broken: " + error.text() + ".");
  const Archive archive = open_archive(source, ZIP_RDONLY, name);

  struct Found {
    zip_uint64_t index;
    std::string name;
    std::size_t size;
  };
  std::vector<Found> entries;
  std::set<std::string> names;
  const std::int64_t limit = unpacked_limit(bytes.size());
  std::int64_t total = 0;
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t stat;
    if (zip_stat_index(archive.get(), index, 0, &stat) != 0 || (stat.valid & ZIP_STAT_NAME) == 0 ||
        (stat.valid & ZIP_STAT_SIZE) == 0) {
      refuse(name, "entry " + std::to_string(i) +
                       " cannot be read: " + archive_problem(archive.get()) + ".");
    }
    std::string entry_name = stat.name;
    if (entry_name.ends_with('/')) continue;
    if (entry_name.ends_with(".npy")) entry_name.resize(entry_name.size() - 4);
    if (!names.insert(entry_name).second) {
      refuse(name, "has two entries named '" + printable(entry_name) + "'.");
    }
    const std::string place = in_entry(name, entry_name);
    if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) {
      not_supported(place, "is encrypted. Give the archive without a password.");
    }
    // Other methods may take gigabytes for a dictionary; NumPy writes none of them.
    if ((stat.valid & ZIP_STAT_COMP_METHOD) == 0 ||
        (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)) {
      not_supported(place, "is packed by method " + std::to_string(stat.comp_method) +
                               ". Stored and deflated entries are read.");
    }
    if (stat.size > static_cast<zip_uint64_t>(limit - total)) {
      refuse(name, "unpacks to more than " + std::to_string(limit) + " bytes, far beyond its " +
                       std::to_string(bytes.size()) + ".");
    }
    total += static_cast<std::int64_t>(stat.size);
    entries.push_back({index, std::move(entry_name), static_cast<std::size_t>(stat.size)});
  }
  for (const Found& entry : entries) {
    check_entry(archive.get(), entry.index, entry.size, in_entry(name, entry.name));
  }
  NamedTensors tensors;
  for (Found& entry : entries) {
    Tensor x = keep_entry(archive.get(), entry.index, entry.size, in_entry(name, entry.name));
    tensors.emplace_back(std::move(entry.name), std::move(x));
  }
  return tensors;
}

NamedTensors read_npz(const std::string& path) {
  const FileBytes file(path);
  return read_npz(file.bytes(), path);
}

void write_npz(const std::string& path, const NamedTensors& tensors, Packing packing) {
  const auto failed = [&](const std::string& why) {
    refuse(path, "cannot be written: " + why + ".");
  };
  ZipError error;
  Source target(zip_source_buffer_create(nullptr, 0, 0, error.get()));
  if (target == nullptr) failed(error.text());
  std::vector<std::vector<std::byte>> arrays;  // alive until the archive is closed
  arrays.reserve(tensors.size());
  zip_source_keep(target.get());
  Archive archive(zip_open_from_source(target.get(), ZIP_TRUNCATE, error.get()));
  if (archive == nullptr) {
    zip_source_free(target.get());
    failed(error.text());
  }
  for (const auto& [name, x] : tensors) {
    arrays.push_back(npy_bytes(x));
    Source source(
        zip_source_buffer_create(arrays.back().data(), arrays.back().size(), 0, error.get()));
    if (source == nullptr) failed(error.text());
    const zip_int64_t index =
        zip_file_add(archive.get(), (name + ".npy").c_str(), source.get(), ZIP_FL_ENC_UTF_8);
    if (index < 0) failed(archive_problem(archive.get()));
    static_cast<void>(source.release());
    constexpr zip_uint16_t first_of_january_1980 = 0x21;
    const auto at = static_cast<zip_uint64_t>(index);
    const zip_int32_t method = packing == Packing::stored ? ZIP_CM_STORE : ZIP_CM_DEFLATE;
    if (zip_set_file_compression(archive.get(), at, method, 0) != 0 ||
        zip_file_set_dostime(archive.get(), at, 0, first_of_january_1980, 0) != 0) {
      failed(archive_problem(archive.get()));
    }
  }
  if (zip_close(archive.get()) != 0) failed(archive_problem(archive.get()));
  static_cast<void>(archive.release());

  zip_stat_t stat;
  if (zip_source_stat(target.get(), &stat) != 0 || (stat.valid & ZIP_STAT_SIZE) == 0 ||
      zip_source_open(target.get()) != 0) {
    failed(printable(zip_error_strerror(zip_source_error(target.get()))));
  }
  std::vector<std::byte> out(static_cast<std::size_t>(stat.size));
  const zip_int64_t got = zip_source_read(target.get(), out.data(), out.size());
  zip_source_close(target.get());
  if (got != static_cast<zip_int64_t>(out.size())) failed("the archive could not be read back");
  write_file_atomically(path, out);
}

}  // namespace gradus
