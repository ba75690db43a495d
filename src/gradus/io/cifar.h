// CIFAR's binary batches: records of a label byte (CIFAR-100: coarse and fine) and 3 x 32 x 32
// bytes.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/io/bytes.h>

#include <string_view>

namespace gradus {

struct Cifar {
  Tensor images;  // u8[n,3,32,32]: red, green, blue planes
  Tensor labels;  // i64[n]; of CIFAR-100 the fine ones
};

// Whole records of one kind, CIFAR-10 first, and label bytes in range.
bool is_cifar(Bytes bytes);
// Raises a FileError with the bytes left over, or the record whose label is out of range.
Cifar read_cifar(Bytes bytes, std::string_view name);

}  // namespace gradus
