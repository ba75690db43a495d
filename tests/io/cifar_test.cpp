#include "io/scratch.h"

#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/io/cifar.h>
#include <gtest/gtest.h>

#include <vector>

namespace gradus {
namespace {

std::vector<std::byte> batch(size_t label_bytes, std::vector<int> classes) {
  std::vector<std::byte> bytes;
  for (int c : classes) {
    if (label_bytes == 2) bytes.push_back(std::byte{3});
    bytes.push_back(static_cast<std::byte>(c));
    for (int i = 0; i < 3072; ++i) bytes.push_back(static_cast<std::byte>((i + c) % 256));
  }
  return bytes;
}

TEST(Cifar, reads_labels_and_planes_of_both_kinds) {
  for (size_t labels : {size_t{1}, size_t{2}}) {
    const std::vector<std::byte> bytes = batch(labels, {7, 2});
    ASSERT_TRUE(is_cifar(bytes));
    const Cifar c = read_cifar(bytes, "b.bin");
    EXPECT_EQ(to_string(c.images.type()), "u8[2,3,32,32]");
    EXPECT_EQ(values<int64_t>(c.labels), (std::vector<int64_t>{7, 2}));
    EXPECT_EQ(numbers(c.images)[3072 + 5], 7);
  }
}

TEST(Cifar, refuses_what_is_no_whole_batch) {
  std::vector<std::byte> bytes = batch(1, {1});
  bytes.pop_back();
  EXPECT_FALSE(is_cifar(bytes));
  EXPECT_FALSE(is_cifar({}));
  EXPECT_EQ(error_of([&] { read_cifar(bytes, "b.bin"); }),
            "file: b.bin: its 3072 bytes are no whole records: 0 of 3073 and 3072 left over "
            "(CIFAR-10), 0 of 3074 and 3072 left over (CIFAR-100). Copy the file anew, or give one "
            "of another kind its own ending.");
  EXPECT_FALSE(is_cifar(batch(1, {10})));
  EXPECT_EQ(
      error_of([] {
        read_cifar(batch(1, {3, 77}), "b.bin");
      }),
      "file: b.bin: record 1 has the label 77. Labels of CIFAR-10 run from 0 to 9. The file is "
      "damaged or of another kind.");
  EXPECT_EQ(
      error_of([] {
        read_cifar(batch(2, {99, 5, 100}), "b.bin");
      }),
      "file: b.bin: record 2 has the label 100. Labels of CIFAR-100 run from 0 to 99. The file "
      "is damaged or of another kind.");
}

}  // namespace
}  // namespace gradus
