// TensorBoard's event file: records of length, masked CRC-32C, an Event of protobuf, masked
// CRC-32C. Formats: tensorflow/core/lib/io/record_writer.h and tensorflow/core/util/event.proto.
#pragma once

#include <gradus/train/run.h>

#include <cstddef>
#include <span>
#include <string>

namespace gradus {

// Castagnoli's checksum: the polynomial 0x1EDC6F41, reflected.
uint32_t crc32c(std::span<const std::byte> bytes);

// The losses of the steps and what each epoch measured, as scalars. `began` is the time at which
// training began, in seconds since 1970.
std::string event_file(const RunRecord& run, double began);

}  // namespace gradus
