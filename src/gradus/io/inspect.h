// What a data or weight file holds, in words or as JSON.
#pragma once

#include <string>
#include <string_view>

namespace gradus {

// `as` is json, csv, idx, npy, npz, safetensors or toml; empty: by content, then by the extension
// of the name. A broken file raises its reader's error of one line.
std::string describe(const std::string& path, std::string_view as = "");
// One JSON object: file, kind, bytes and what the kind has: tensors, columns or entries.
std::string describe_json(const std::string& path, std::string_view as = "");

}  // namespace gradus
