// What training continues from, and its files: step-N.safetensors, with a checksum.
#pragma once

#include <gradus/core/tensor.h>
#include <gradus/io/safetensors.h>
#include <gradus/optim/schedule.h>
#include <gradus/train/run.h>

#include <filesystem>

namespace gradus {

// The weights that an early stop goes back to.
struct Best {
  double loss = not_measured;
  int64_t epoch = 0, without = 0;  // the epoch of that loss, and epochs since
  Tensor params;
  std::vector<Tensor> statistics;
};

struct TrainingState {
  int64_t step = 0;
  Tensor params;                // one vector
  std::vector<Tensor> carried;  // all else that a step carries
  double epoch_loss = 0;        // sums since the epoch began
  int64_t epoch_steps = 0, measured = 0;
  std::vector<double> grad_norm;  // one a layer
  double update_ratio = 0;
  std::vector<double> step_loss;
  std::vector<EpochRecord> epochs;
  double start_loss = not_measured;
  PlateauState plateau;
  int64_t clipped = 0;  // steps
  Best best;            // only where a run has a patience
};

// `config` says what decides the weights: a run goes on with its own.
SafeTensors pack(const TrainingState& state, const std::string& config);
// Into a state of the same form; raises a FileError that names what is missing.
void unpack(const SafeTensors& file, const std::string& path, TrainingState& state);
// Raises a FileError where the checksum does not match.
SafeTensors read_checkpoint(const std::string& path);
std::string metadata_of(const SafeTensors& file, std::string_view key);
// Newest first.
std::vector<std::pair<int64_t, std::filesystem::path>> checkpoints_in(
    const std::filesystem::path& folder);

}  // namespace gradus
