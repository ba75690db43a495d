#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/io/file.h>
#include <gradus/io/json.h>
#include <gradus/io/json_private.h>
#include <gradus/io/safetensors.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <numeric>
#include <set>

namespace gradus {
namespace {

using nlohmann::json;

// The reference implementation's limit.
constexpr std::uint64_t longest_header = 100'000'000;
// Keep what a header of 100 MB can make us hold below that size.
constexpr std::size_t most_entries = std::size_t{1} << 16;
constexpr std::size_t most_text = std::size_t{48} << 20;  // names and metadata
constexpr std::size_t longest_index = std::size_t{8} << 20;
constexpr std::size_t longest_token = std::size_t{8} << 20;

struct Dtype {
  std::string_view code;
  DType type;
};
constexpr std::array<Dtype, 9> known_dtypes = {{{"F64", DType::f64},
                                                {"F32", DType::f32},
                                                {"F16", DType::f16},
                                                {"BF16", DType::bf16},
                                                {"I64", DType::i64},
                                                {"I32", DType::i32},
                                                {"I8", DType::i8},
                                                {"U8", DType::u8},
                                                {"BOOL", DType::boolean}}};

struct Entry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::array<std::uint64_t, 2> offsets{};
  bool has_dtype = false, has_shape = false, has_offsets = false;
};

// Follows nlohmann's parser through the header, so that no tree is built.
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  explicit HeaderReader(std::string_view name) : name_(name) {}
  std::vector<Entry> entries;
  std::vector<std::pair<std::string, std::string>> metadata;

  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("true or false"); }
  bool number_float(number_float_t, const string_t&) override { unexpected("a fraction"); }
  bool number_integer(number_integer_t) override { unexpected("a negative number"); }
  bool binary(binary_t&) override { unexpected("binary data"); }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override {
    broken("is not valid JSON");
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::start) {
      place_ = Place::top;
    } else if (place_ == Place::top && key_ == "__metadata__") {
      if (has_metadata_) broken("has '__metadata__' twice");
      has_metadata_ = true;
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      if (entries.size() == most_entries) {
        not_supported(name_, "has more than " + std::to_string(most_entries) + " tensors.");
      }
      entries.push_back({});
      entries.back().name = key_;
      place_ = Place::entry;
    } else {
      unexpected("an object");
    }
    return true;
  }
  bool end_object() override {
    if (place_ == Place::entry) {
      const Entry& entry = entries.back();
      if (!entry.has_dtype) broken("gives tensor " + quoted(entry.name) + " no 'dtype'");
      if (!entry.has_shape) broken("gives tensor " + quoted(entry.name) + " no 'shape'");
      if (!entry.has_offsets) broken("gives tensor " + quoted(entry.name) + " no 'data_offsets'");
    }
    place_ = Place::top;
    return true;
  }
  bool key(string_t& key) override {
    hold(key);
    if (place_ == Place::top) {
      key_ = key;
    } else {
      field_ = key;
    }
    return true;
  }
  bool string(string_t& value) override {
    if (place_ == Place::metadata) {
      if (metadata.size() == most_entries) {
        not_supported(name_,
                      "has more than " + std::to_string(most_entries) + " metadata strings.");
      }
      hold(value);
      metadata.emplace_back(field_, value);
      return true;
    }
    if (place_ != Place::entry || field_ != "dtype") unexpected("a string");
    Entry& entry = entries.back();
    once(entry.has_dtype);
    const auto* found = std::find_if(known_dtypes.begin(), known_dtypes.end(),
                                     [&](const Dtype& d) { return d.code == value; });
    if (found == known_dtypes.end()) {
      not_supported(name_, "tensor " + quoted(entry.name) + " has the dtype '" + printable(value) +
                               "', which is not supported. Use F64, F32, F16, BF16, I64, I32, I8, "
                               "U8 or BOOL.");
    }
    entry.dtype = found->type;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ == Place::entry && field_ == "shape") {
      once(entries.back().has_shape);
      place_ = Place::shape;
    } else if (place_ == Place::entry && field_ == "data_offsets") {
      once(entries.back().has_offsets);
      place_ = Place::offsets;
      offsets_seen_ = 0;
    } else {
      unexpected("a list");
    }
    return true;
  }
  bool end_array() override {
    if (place_ == Place::offsets && offsets_seen_ != 2) two_offsets();
    place_ = Place::entry;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::shape) {
      Entry& entry = entries.back();
      if (entry.shape.size() == max_rank) {
        not_supported(name_, "tensor " + quoted(entry.name) + " has more than 8 axes.");
      }
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        broken("gives tensor " + quoted(entry.name) + " the size " + std::to_string(value) +
               ", beyond 63 bits");
      }
      entry.shape.push_back(static_cast<std::int64_t>(value));
    } else if (place_ == Place::offsets) {
      if (offsets_seen_ == 2) two_offsets();
      entries.back().offsets[offsets_seen_++] = value;
    } else {
      unexpected("a number");
    }
    return true;
  }

 private:
  enum class Place { start, top, metadata, entry, shape, offsets };

  static std::string quoted(std::string_view s) { return "'" + printable(s) + "'"; }
  [[noreturn]] void broken(const std::string& what) const {
    refuse(name_, "the header " + what + ".");
  }
  [[noreturn]] void two_offsets() const {
    broken("gives tensor " + quoted(entries.back().name) + " other than two 'data_offsets'");
  }
  void hold(const std::string& text) {
    text_held_ += text.size();
    if (text_held_ > most_text) {
      not_supported(name_, "the names and metadata are longer than 48 MiB.");
    }
  }
  void once(bool& seen) const {
    if (seen) broken("gives tensor " + quoted(entries.back().name) + " '" + field_ + "' twice");
    seen = true;
  }
  [[noreturn]] void unexpected(const std::string& what) const {
    switch (place_) {
      case Place::start:
        broken("is " + what + ", not an object");
      case Place::top:
        broken("has " + what + " as " + quoted(key_));
      case Place::metadata:
        broken("has " + what + " in '__metadata__' as " + quoted(field_) +
               ". Metadata are strings only");
      default:
        broken("has " + what + " as " + quoted(field_) + " of tensor " +
               quoted(entries.back().name));
    }
  }

  std::string_view name_;
  Place place_ = Place::start;
  std::string key_;
  std::string field_;
  std::size_t offsets_seen_ = 0;
  std::size_t text_held_ = 0;
  bool has_metadata_ = false;
};

// The parser holds one token at a time, several times over.
void refuse_long_tokens(std::string_view header, std::string_view name) {
  bool in_string = false;
  std::size_t start = 0;
  for (std::size_t at = 0; at < header.size(); ++at) {
    const char c = header[at];
    if (in_string && c == '\\') {
      ++at;
    } else if (c == '"') {
      in_string = !in_string;
      start = at;
    } else if (!in_string && std::string_view(" \t\r\n,:[]{}").find(c) != std::string_view::npos) {
      start = at;
    }
    if (at - start > longest_token) {
      not_supported(name, "the header has a name, string or number longer than 8 MiB.");
    }
  }
}

template <class T>
void refuse_repeats(const std::vector<T>& items, std::string_view what, std::string_view name) {
  const auto name_at = [&](std::size_t i) -> const std::string& {
    if constexpr (requires { items[i].name; })
      return items[i].name;
    else
      return items[i].first;
  };
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return name_at(a) < name_at(b); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (name_at(order[i - 1]) == name_at(order[i])) {
      refuse(name, "the header has the " + std::string(what) + " '" + printable(name_at(order[i])) +
                       "' twice.");
    }
  }
}

void check_entry(const Entry& entry, std::uint64_t expected_begin, Bytes numbers,
                 std::string_view name) {
  const std::string who =
      "tensor '" + printable(entry.name) + "' " + to_string(Type{entry.dtype, entry.shape});
  const auto [begin, end] = entry.offsets;
  const std::string range = "[" + std::to_string(begin) + "," + std::to_string(end) + "]";
  const auto bytes = byte_count(entry.dtype, std::span(entry.shape.begin(), entry.shape.end()));
  if (!bytes) refuse(name, who + " has more bytes than 63 bits count.");
  if (begin > end || end > numbers.size()) {
    refuse(name, who + " lies at " + range + ", but the file has " +
                     std::to_string(numbers.size()) + " bytes of numbers.");
  }
  if (end - begin != static_cast<std::uint64_t>(*bytes)) {
    refuse(name, who + " needs " + std::to_string(*bytes) + " bytes, but lies at " + range + ".");
  }
  if (begin != expected_begin) {
    refuse(name, who + " lies at " + range + ", but the one before ends at " +
                     std::to_string(expected_begin) + ". Holes and overlaps are not allowed.");
  }
  if (entry.dtype == DType::boolean) {
    if (const auto at = first_not_boolean(numbers.subspan(begin, end - begin))) {
      refuse(name, who + ": element " + std::to_string(*at) + " is neither 0 nor 1.");
    }
  }
}

// The index of a model in several files: {"weight_map": {"tensor": "file beside the index"}}.
SafeTensors read_index(Bytes bytes, const std::string& path) {
  if (bytes.size() > longest_index) not_supported(path, "is longer than 8 MiB.");
  const json index = parse_json(as_text(bytes), path);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    refuse(path, "has no 'weight_map' of tensors to files.");
  std::map<std::string, std::set<std::string>> names_of;
  for (const auto& [name, file] : index["weight_map"].items()) {
    const std::string where = file.is_string() ? file.get<std::string>() : "";
    if (where.empty() || where.find('/') != std::string::npos || !where.ends_with(".safetensors"))
      refuse(path, "puts tensor '" + printable(name) +
                       "' elsewhere than into a safetensors file beside the index.");
    names_of[where].insert(name);
  }
  SafeTensors all;
  for (auto& [file, names] : names_of) {
    SafeTensors part = read_safetensors(path.substr(0, path.rfind('/') + 1) + file);
    for (auto& [name, x] : part.tensors)
      if (names.erase(name) > 0) all.tensors.emplace_back(std::move(name), std::move(x));
    if (!names.empty())
      refuse(path, "puts tensor '" + printable(*names.begin()) + "' into '" + printable(file) +
                       "', which does not have it.");
    if (all.metadata.empty()) all.metadata = std::move(part.metadata);
  }
  return all;
}

}  // namespace

bool is_safetensors(Bytes bytes) {
  return bytes.size() > 8 && load_little<std::uint64_t>(bytes, 0) <= bytes.size() - 8 &&
         bytes[8] == std::byte{'{'};
}

SafeTensors read_safetensors(Bytes bytes, std::string_view name) {
  if (bytes.size() < 8) refuse(name, "is no safetensors file: it is shorter than 8 bytes.");
  const auto length = load_little<std::uint64_t>(bytes, 0);
  if (length > longest_header) {
    refuse(name, "the header claims " + std::to_string(length) +
                     " bytes. At most 100000000 are allowed.");
  }
  if (length > bytes.size() - 8) {
    refuse(name, "the header claims " + std::to_string(length) + " bytes, but only " +
                     std::to_string(bytes.size() - 8) + " follow.");
  }
  const std::string_view header = as_text(bytes.subspan(8, length));
  const Bytes numbers = bytes.subspan(8 + length);
  if (!header.starts_with('{')) refuse(name, "the header does not begin with '{'.");
  refuse_long_tokens(header, name);
  if (const auto problem = check_json(header)) {
    refuse(name, "the header is not valid JSON: line " + std::to_string(problem->line) +
                     ", column " + std::to_string(problem->column) + ": " + problem->what);
  }
  HeaderReader reader(name);
  json::sax_parse(header.begin(), header.end(), &reader);
  refuse_repeats(reader.entries, "tensor", name);
  refuse_repeats(reader.metadata, "metadata string", name);

  std::vector<Entry>& entries = reader.entries;
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.offsets < b.offsets; });
  std::uint64_t end = 0;
  for (const Entry& entry : entries) {
    check_entry(entry, end, numbers, name);
    end = entry.offsets[1];
  }
  if (end != numbers.size()) {
    refuse(name, "the tensors end at byte " + std::to_string(end) + ", but the file has " +
                     std::to_string(numbers.size()) + " bytes of numbers.");
  }

  SafeTensors contents;
  contents.metadata = std::move(reader.metadata);
  for (Entry& entry : entries) {
    contents.tensors.emplace_back(
        std::move(entry.name),
        from_bytes({entry.dtype, entry.shape},
                   numbers.subspan(entry.offsets[0], entry.offsets[1] - entry.offsets[0])));
  }
  return contents;
}

SafeTensors read_safetensors(const std::string& path) {
  const FileBytes file(path);
  if (path.ends_with(".safetensors.index.json")) return read_index(file.bytes(), path);
  return read_safetensors(file.bytes(), path);
}

std::vector<std::byte> safetensors_bytes(const SafeTensors& contents) {
  const auto write_problem = [](const std::string& what) {
    raise(ErrorKind::usage, "write_safetensors: " + what);
  };
  std::vector<std::string_view> names = {"__metadata__"};
  for (const auto& [name, x] : contents.tensors) names.push_back(name);
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
    write_problem("the tensor '" + printable(*twice) +
                  (*twice == "__metadata__" ? "' has a reserved name. Rename it."
                                            : "' occurs twice. Names must differ."));
  }
  for (const std::string_view name : names) {
    if (!text::valid_utf8(name)) {
      write_problem("the tensor name '" + printable(name) + "' is not valid UTF-8.");
    }
  }

  std::string header = "{";
  if (!contents.metadata.empty()) {
    header += "\"__metadata__\":{";
    for (std::size_t i = 0; i < contents.metadata.size(); ++i) {
      const auto& [key, value] = contents.metadata[i];
      if (i > 0) header += ',';
      header += text::quote_json(key) + ":" + text::quote_json(value);
    }
    header += '}';
  }
  std::int64_t end = 0;
  for (const auto& [name, x] : contents.tensors) {
    const auto* dtype = std::find_if(known_dtypes.begin(), known_dtypes.end(),
                                     [&](const Dtype& d) { return d.type == x.dtype(); });
    const std::int64_t begin = end;
    end += x.size() * size_of(x.dtype());
    if (header.size() > 1) header += ',';
    header += text::quote_json(name) + ":{\"dtype\":\"" + std::string(dtype->code) +
              "\",\"shape\":" + to_string(x.shape()) + ",\"data_offsets\":[" +
              std::to_string(begin) + "," + std::to_string(end) + "]}";
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  if (header.size() > longest_header) write_problem("the header is longer than 100000000 bytes.");

  const auto length = static_cast<std::uint64_t>(header.size());
  std::vector<std::byte> out;
  out.reserve(sizeof length + header.size() + static_cast<std::size_t>(end));
  const Bytes length_bytes = std::as_bytes(std::span(&length, 1));
  out.insert(out.end(), length_bytes.begin(), length_bytes.end());
  out.insert(out.end(), as_bytes(header).begin(), as_bytes(header).end());
  for (const auto& [name, x] : contents.tensors) {
    const std::vector<std::byte> numbers = bytes_of(x);
    out.insert(out.end(), numbers.begin(), numbers.end());
  }
  return out;
}

void write_safetensors(const std::string& path, const SafeTensors& contents) {
  write_file_atomically(path, safetensors_bytes(contents));
}

}  // namespace gradus
