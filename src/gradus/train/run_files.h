// What a finished run left in its folder.
#pragma once

#include <gradus/train/config.h>

#include <string>

namespace gradus {

struct RunFiles {
  TrainConfig config;
  TomlEntries entries;  // all of run.toml, what it was resolved to included
  StateDict weights;
};
// Reads DIR/run.toml and DIR/model.safetensors. Raises a file error that says which is missing.
RunFiles read_run(const std::string& folder);

}  // namespace gradus
