#include <gradus/io/bytes.h>
#include <gradus/train/events.h>

#include <array>
#include <cmath>
#include <cstring>
#include <string_view>

namespace gradus {
namespace {

constexpr std::array<uint32_t, 256> crc_table = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78u : 0);
    table[i] = crc;
  }
  return table;
}();

template <class T>
void put(std::string& out, T value) {
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  out.append(raw, sizeof value);
}

// A checksum of data that holds checksums would be weak: it is turned and moved.
void put_masked_crc(std::string& out, std::string_view bytes) {
  const uint32_t crc = crc32c(as_bytes(bytes));
  put(out, ((crc >> 15) | (crc << 17)) + 0xa282ead8u);
}

// Protobuf: a key of field number and wire type (0 varint, 1 eight bytes, 2 length, 5 four bytes).
void put_varint(std::string& out, uint64_t value) {
  for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}
void put_key(std::string& out, int field, int wire) {
  put_varint(out, static_cast<uint64_t>(field << 3 | wire));
}
void put_text(std::string& out, int field, std::string_view text) {
  put_key(out, field, 2);
  put_varint(out, text.size());
  out += text;
}

void put_record(std::string& out, std::string_view event) {
  std::string length;
  put(length, static_cast<uint64_t>(event.size()));
  out += length;
  put_masked_crc(out, length);
  out += event;
  put_masked_crc(out, event);
}

// Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
std::string event_at(double time, int64_t step) {
  std::string event;
  put_key(event, 1, 1);
  put(event, time);
  put_key(event, 2, 0);
  put_varint(event, static_cast<uint64_t>(step));
  return event;
}

// Summary { repeated Value value = 1; } Value { string tag = 1; float simple_value = 2; }
void put_scalar(std::string& out, double time, int64_t step, std::string_view tag, double value) {
  if (std::isnan(value)) return;  // not measured
  std::string scalar, summary, event = event_at(time, step);
  put_text(scalar, 1, tag);
  put_key(scalar, 2, 5);
  put(scalar, static_cast<float>(value));
  put_text(summary, 1, scalar);
  put_text(event, 5, summary);
  put_record(out, event);
}

}  // namespace

uint32_t crc32c(std::span<const std::byte> bytes) {
  uint32_t crc = ~0u;
  for (std::byte b : bytes) crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<uint32_t>(b)) & 255];
  return ~crc;
}

std::string event_file(const RunRecord& run, double began) {
  std::string out, version = event_at(began, 0);
  put_text(version, 3, "brain.Event:2");
  put_record(out, version);
  // Step losses are thinned evenly: entry i is that of step 1 + i stride.
  const double end = run.epochs.empty() ? 0 : run.epochs.back().seconds;
  const int64_t steps = run.epochs.empty() ? run.steps : run.epochs.back().step;
  const auto losses = std::ssize(run.step_loss);
  const int64_t stride = losses > 0 ? (steps + losses - 1) / losses : 1;
  for (int64_t i = 0; i < losses; ++i) {
    const int64_t step = 1 + i * stride;
    put_scalar(out, began + end * static_cast<double>(step) / static_cast<double>(steps), step,
               "step/loss", run.step_loss[static_cast<size_t>(i)]);
  }
  for (const EpochRecord& e : run.epochs) {
    const double time = began + e.seconds;
    const auto scalar = [&](const std::string& tag, double value) {
      put_scalar(out, time, e.step, tag, value);
    };
    scalar("train/loss", e.train_loss);
    scalar("train/accuracy", e.train_accuracy);
    scalar("validation/loss", e.val_loss);
    scalar("validation/accuracy", e.val_accuracy);
    for (size_t i = 0; i < e.train_more.size(); ++i)
      scalar("train/" + run.metrics[i], e.train_more[i]);
    for (size_t i = 0; i < e.val_more.size(); ++i)
      scalar("validation/" + run.metrics[i], e.val_more[i]);
    scalar("update_ratio", e.update_ratio);
    for (size_t i = 0; i < e.grad_norm.size(); ++i)
      scalar("grad_norm/" + layer_name(run, i), e.grad_norm[i]);
  }
  return out;
}

}  // namespace gradus
