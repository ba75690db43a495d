#include <gradus/core/buffer.h>
#include <gradus/io/cifar.h>

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

}  // namespace

bool is_cifar(Bytes bytes) {
  return label_bytes(bytes) != 0;
}

Cifar read_cifar(Bytes bytes, std::string_view name) {
  const size_t labels = label_bytes(bytes);
  if (labels == 0)
    refuse(name, "it is no CIFAR batch: records have 3073 or 3074 bytes and begin with a class");
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
