#include <gradus/base/error.h>
#include <gradus/io/safetensors.h>
#include <gradus/train/run_files.h>

#include <filesystem>

namespace gradus {

RunFiles read_run(const std::string& folder) {
  const std::filesystem::path base(folder);
  const std::string toml = (base / "run.toml").string();
  if (!std::filesystem::exists(toml))
    raise(ErrorKind::file, folder + ": it is not a run folder: run.toml is missing");
  RunFiles run;
  run.entries = read_toml(toml);
  apply_entries(run.config, run.entries, toml);
  const std::string weights = (base / "model.safetensors").string();
  if (!std::filesystem::exists(weights))
    raise(ErrorKind::file,
          folder + ": model.safetensors is missing. Finish the run with gradus train --out " +
              folder + " --resume");
  run.weights = read_safetensors(weights).tensors;
  return run;
}

}  // namespace gradus
