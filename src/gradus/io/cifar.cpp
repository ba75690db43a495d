#include <gradus/core/buffer.h>
#include <gradus/io/cifar.h>

#include <string>
#include <vector>

namespace gradus {
namespace {

constexpr size_t pixels = 3 * 32 * 32;

// How many label bytes open each record, and the count of classes the last one names; 0 if neither
// kind fits.
size_t label_bytes(Bytes bytes) {
  constexpr size_t classes[] = {10, 100};
  for (size_t labels : {size_t{1}, size_t{2}}) {
    const size_t record = labels + pixels;
    if (bytes.empty() || bytes.size() % record != 0) continue;
    bool fits = true;
    for (size_t at = labels - 1; fits && at < bytes.size(); at += record)
      fits = static_cast<size_t>(bytes[at]) < classes[labels - 1];
    if (fits) return labels;
  }
  return 0;
}

// Of bytes that no kind fits.
std::string what_is_wrong(Bytes bytes) {
  const auto number = [](size_t n) { return std::to_string(n); };
  const size_t size = bytes.size();
  for (size_t labels : {size_t{1}, size_t{2}}) {
    const size_t record = labels + pixels;
    if (size == 0 || size % record != 0) continue;
    const size_t classes = labels == 1 ? 10 : 100;
    size_t at = 0;
    while (static_cast<size_t>(bytes[at * record + labels - 1]) < classes) ++at;
    return "record " + number(at) + " has the label " +
           number(static_cast<size_t>(bytes[at * record + labels - 1])) + ". Labels of CIFAR-" +
           number(classes) + " run from 0 to " + number(classes - 1) +
           ". The file is damaged or of another kind.";
  }
  const auto parts = [&](size_t record) {
    return number(size / record) + " of " + number(record) + " and " + number(size % record) +
           " left over";
  };
  return "its " + number(size) + " bytes are no whole records: " + parts(1 + pixels) +
         " (CIFAR-10), " + parts(2 + pixels) +
         " (CIFAR-100). Copy the file anew, or give one of another kind its own ending.";
}

}  // namespace

bool is_cifar(Bytes bytes) {
  return label_bytes(bytes) != 0;
}

Cifar read_cifar(Bytes bytes, std::string_view name) {
  const size_t labels = label_bytes(bytes);
  if (labels == 0) refuse(name, what_is_wrong(bytes));
  const size_t record = labels + pixels, count = bytes.size() / record;
  std::vector<std::byte> images;
  std::vector<int64_t> classes;
  images.reserve(count * pixels);
  for (size_t at = 0; at < bytes.size(); at += record) {
    classes.push_back(static_cast<int64_t>(bytes[at + labels - 1]));
    const Bytes picture = bytes.subspan(at + labels, pixels);
    images.insert(images.end(), picture.begin(), picture.end());
  }
  return {from_bytes({DType::u8, {static_cast<int64_t>(count), 3, 32, 32}}, images),
          from_vector(classes)};
}

}  // namespace gradus
