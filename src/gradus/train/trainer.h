// The training loop: data, model and planned steps; checkpoints that resume to the same bits; a run
// folder with run.toml, metrics.jsonl, checkpoints, model.safetensors and report.html.
#pragma once

#include <gradus/optim/curvature.h>
#include <gradus/train/progress.h>
#include <gradus/train/table.h>

#include <atomic>
#include <functional>

namespace gradus {

struct TrainHooks {
  std::function<void(const RunRecord&)> before;  // everything resolved, before the first step
  std::function<void(const Progress&, bool epoch_done)>
      progress;  // after an epoch, and now and then
  std::function<void(int64_t step, double loss)> step;
  std::function<void(const EpochRecord&, const Model&)> epoch;
  std::function<void(const std::string&)> note;  // one line about something passed over
  const std::atomic<bool>* stop = nullptr;       // set: save a checkpoint and return
};

// Trains in the folder `out`, which is empty or new, or holds an interrupted run when `resume`.
// The record says whether it diverged or was interrupted.
RunRecord train(const TrainConfig& config, const std::string& out, bool resume,
                const TrainHooks& hooks = {});

// The weights that a run would leave behind if it ended at this checkpoint,
// RUN/checkpoints/step-N.safetensors: the average or the best where there are such. Reads
// RUN/run.toml and the data. Raises a file error where they do not belong together.
StateDict weights_at(const std::string& checkpoint);

// Learning rates for a model that has not been trained yet.
struct RateSearch {
  RangeTest range;              // one step of training for each rate
  CurvatureEstimate curvature;  // of the loss before the first step, on up to 512 rows
  std::string optimiser;
};
// `steps` rates from low to high, 8 at least; writes nothing.
RateSearch find_rate(const TrainConfig& config, double low, double high, int64_t steps);

}  // namespace gradus
