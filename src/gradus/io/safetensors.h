// safetensors: 8 bytes of length, a JSON header, the numbers. Everything is checked before memory
// is taken: the tensors must cover the numbers without holes or overlap.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/io/bytes.h>

#include <string>
#include <utility>
#include <vector>

namespace gradus {

struct SafeTensors {
  std::vector<std::pair<std::string, Tensor>> tensors;  // in the order of the numbers in the file
  std::vector<std::pair<std::string, std::string>> metadata;
};

// The length fits the file and a brace follows.
bool is_safetensors(Bytes bytes);
// A path that ends with .safetensors.index.json is a model in several files beside it: the tensors
// that its weight_map names, with the metadata of the first file that has any.
SafeTensors read_safetensors(const std::string& path);
SafeTensors read_safetensors(Bytes bytes, std::string_view name);
// Keeps the order given. The header is padded with spaces to a multiple of 8; equal contents give
// equal bytes, and what this function wrote comes back from read_safetensors unchanged.
void write_safetensors(const std::string& path, const SafeTensors& contents);
std::vector<std::byte> safetensors_bytes(const SafeTensors& contents);

}  // namespace gradus
