// Event files, read by a decoder of their own: a loop over bits for the checksum, protobuf by hand.
#include <gmock/gmock.h>
#include <gradus/train/events.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <map>

namespace gradus {
namespace {

// Bit by bit, highest power first, on reflected bytes: no table.
uint32_t crc_by_division(std::string_view bytes) {
  uint32_t rest = ~0u;
  for (char c : bytes)
    for (int bit = 0; bit < 8; ++bit) {
      const bool one = (rest >> 31) ^ ((static_cast<unsigned char>(c) >> bit) & 1);
      rest = (rest << 1) ^ (one ? 0x1EDC6F41u : 0);
    }
  rest = ~rest;
  uint32_t reflected = 0;
  for (int bit = 0; bit < 32; ++bit) reflected |= ((rest >> bit) & 1) << (31 - bit);
  return reflected;
}

std::span<const std::byte> bytes_of(std::string_view s) {
  return std::as_bytes(std::span(s.data(), s.size()));
}

TEST(Crc32c, has_the_published_values) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283u);            // Castagnoli's check value
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\0'))), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\xff'))), 0x62A8AB43u);
  EXPECT_EQ(crc32c({}), 0u);
  for (std::string_view s : {"a", "gradus", "step/loss"})
    EXPECT_EQ(crc32c(bytes_of(s)), crc_by_division(s)) << s;
}

struct Message {
  std::map<int, uint64_t> numbers;  // varints and fixed bits, by field
  std::map<int, std::string> texts;
};

Message decode(std::string_view in) {
  Message m;
  size_t at = 0;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(in.at(at++));
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < in.size()) {
    const uint64_t key = varint();
    const int field = static_cast<int>(key >> 3);
    const size_t size = key % 8 == 1 ? 8 : key % 8 == 5 ? 4 : key % 8 == 2 ? varint() : 0;
    if (key % 8 == 0) {
      m.numbers[field] = varint();
    } else if (key % 8 == 2) {
      m.texts[field] = in.substr(at, size);
    } else {
      uint64_t bits = 0;
      std::memcpy(&bits, in.data() + at, size);
      m.numbers[field] = bits;
    }
    at += size;
    EXPECT_LE(at, in.size());
  }
  return m;
}

std::vector<Message> records(std::string_view file) {
  std::vector<Message> all;
  const auto take32 = [&](std::string_view s) {
    uint32_t v;
    std::memcpy(&v, s.data(), 4);
    return v;
  };
  const auto masked = [](std::string_view s) {
    const uint32_t crc = crc_by_division(s);
    return std::rotr(crc, 15) + 0xa282ead8u;
  };
  while (!file.empty()) {
    uint64_t length;
    std::memcpy(&length, file.data(), 8);
    EXPECT_EQ(take32(file.substr(8)), masked(file.substr(0, 8)));
    const std::string_view event = file.substr(12, length);
    EXPECT_EQ(take32(file.substr(12 + length)), masked(event));
    all.push_back(decode(event));
    file.remove_prefix(16 + length);
  }
  return all;
}

TEST(Events, say_what_was_measured_in_tensorboards_form) {
  RunRecord run;
  run.metrics = {"perplexity"};
  run.layer_names = {"0", "decoder.fc"};
  run.step_loss = {2.5, 1.25};  // of steps 1 and 101
  run.epochs.resize(2);
  for (int i = 0; i < 2; ++i) {
    EpochRecord& e = run.epochs[static_cast<size_t>(i)];
    e.epoch = i + 1, e.step = 100 * (i + 1), e.seconds = 10 * (i + 1);
    e.train_loss = 1.5 - i, e.train_more = {4.5}, e.val_more = {5.5}, e.grad_norm = {0.5, 0.25};
    e.update_ratio = 1e-3;
  }
  const std::vector<Message> all = records(event_file(run, 1e9));
  EXPECT_EQ(all[0].texts.at(3), "brain.Event:2");
  EXPECT_EQ(std::bit_cast<double>(all[0].numbers.at(1)), 1e9);
  std::map<std::string, std::vector<std::tuple<int64_t, float, double>>> scalars;
  for (size_t i = 1; i < all.size(); ++i) {
    const Message value = decode(decode(all[i].texts.at(5)).texts.at(1));
    scalars[value.texts.at(1)].emplace_back(
        static_cast<int64_t>(all[i].numbers.at(2)),
        std::bit_cast<float>(static_cast<uint32_t>(value.numbers.at(2))),
        std::bit_cast<double>(all[i].numbers.at(1)));
  }
  const auto is = [](int64_t step, float value, double time) {
    return std::tuple(step, value, time);
  };
  using testing::ElementsAre;
  EXPECT_THAT(scalars["step/loss"],
              ElementsAre(is(1, 2.5f, 1e9 + 0.1), is(101, 1.25f, 1e9 + 10.1)));
  EXPECT_THAT(scalars["train/loss"], ElementsAre(is(100, 1.5f, 1e9 + 10), is(200, 0.5f, 1e9 + 20)));
  EXPECT_THAT(scalars["validation/perplexity"],
              ElementsAre(is(100, 5.5f, 1e9 + 10), is(200, 5.5f, 1e9 + 20)));
  EXPECT_THAT(scalars["grad_norm/decoder.fc"],
              ElementsAre(is(100, 0.25f, 1e9 + 10), is(200, 0.25f, 1e9 + 20)));
  EXPECT_TRUE(scalars.contains("grad_norm/layer 0"));
  EXPECT_TRUE(scalars.contains("train/perplexity"));
  EXPECT_TRUE(scalars.contains("update_ratio"));
  EXPECT_FALSE(scalars.contains("validation/loss")) << "it was not measured";
}

}  // namespace
}  // namespace gradus
