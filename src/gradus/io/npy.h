// NumPy's .npy (versions 1 to 3) and .npz. Pickled objects are refused, sizes checked before memory
// is taken. A Fortran-ordered array keeps its bytes and becomes a tensor with such strides.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/io/bytes.h>

#include <string>
#include <utility>
#include <vector>

namespace gradus {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

bool is_npy(Bytes bytes);
Tensor read_npy(const std::string& path);
Tensor read_npy(Bytes bytes, std::string_view name);
// Version 1, row-major, as numpy.save writes it. There is no bf16 in NumPy.
void write_npy(const std::string& path, const Tensor& x);
// The complex numbers re + i im, two tensors of one shape in f32 or f64, as c8 or c16.
void write_complex_npy(const std::string& path, const Tensor& re, const Tensor& im);
std::vector<std::byte> npy_bytes(const Tensor& x);

bool is_zip(Bytes bytes);
// In the order of the archive, names without their ".npy".
NamedTensors read_npz(const std::string& path);
NamedTensors read_npz(Bytes bytes, std::string_view name);

enum class Packing { stored, deflated };
// The same tensors give the same bytes: every entry is dated 1 January 1980.
void write_npz(const std::string& path, const NamedTensors& tensors,
               Packing packing = Packing::stored);

}  // namespace gradus
