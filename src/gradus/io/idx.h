// IDX, the format of MNIST: two zeros, an element code, a rank, big-endian sizes, big-endian
// numbers.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/io/bytes.h>

#include <string>
#include <vector>

namespace gradus {

// Plain IDX only; whether a gzip stream holds one shows when it is read.
bool is_idx(Bytes bytes);
// Plain or gzip, told apart by content. 16-bit elements become i32.
Tensor read_idx(const std::string& path);
Tensor read_idx(Bytes bytes, std::string_view name);
// u8, i8, i32, f32 and f64; a bool tensor is written as bytes.
void write_idx(const std::string& path, const Tensor& x);
std::vector<std::byte> idx_bytes(const Tensor& x);

}  // namespace gradus
