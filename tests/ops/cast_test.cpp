// Casts by blocks give what the conversion of one number gives.
#include <gradus/base/half.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>

namespace gradus {
namespace {

TEST(Cast, to_bf16_rounds_every_kind_of_number_as_one_alone) {
  // Every sign, exponent and first seven digits, beside the digits that decide how it is rounded.
  std::vector<float> all;
  for (uint32_t high = 0; high < 1u << 16; ++high)
    for (uint32_t low : {0x0000u, 0x0001u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu})
      all.push_back(std::bit_cast<float>(high << 16 | low));
  all.resize(all.size() - 5);  // the last block is not whole
  const std::vector<std::byte> bytes = bytes_of(cast(from_vector(all), DType::bf16));
  ASSERT_EQ(bytes.size(), 2 * all.size());
  size_t different = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    uint16_t got;
    std::memcpy(&got, bytes.data() + 2 * i, 2);
    different += got != bf16_from(all[i]);
  }
  EXPECT_EQ(different, 0u);
}

}  // namespace
}  // namespace gradus
