// The training loop: data, model and planned steps; checkpoints that resume to the same bits; a run
// folder with run.toml, metrics.jsonl, checkpoints, model.safetensors and report.html.
#pragma once

#include <gradus/optim/curvature.h>
#include <gradus/train/data.h>
#include <gradus/train/progress.h>

#include <atomic>
#include <functional>

namespace gradus {

struct TrainHooks {
  std::function<void(const RunRecord&)> before;  // everything resolved, before the first step
  std::function<void(const Progress&, bool epoch_done)>
      progress;                                  // after an epoch, and now and then
  std::function<void(const std::string&)> note;  // one line about something passed over
  const std::atomic<bool>* stop = nullptr;       // set: save a checkpoint and return
};

// Trains in the folder `out`, which is empty or new, or holds an interrupted run when `resume`.
// The record says whether it diverged or was interrupted.
RunRecord train(const TrainConfig& config, const std::string& out, bool resume,
                const TrainHooks& hooks = {});

// Learning rates for a model that has not been trained yet.
struct RateSearch {
  RangeTest range;              // one step of training for each rate
  CurvatureEstimate curvature;  // of the loss before the first step, on up to 512 rows
  std::string optimiser;
};
// `steps` rates from low to high, 8 at least; writes nothing.
RateSearch find_rate(const TrainConfig& config, double low, double high, int64_t steps);

// A trained model with what its data must look like.
struct TrainedRun {
  TrainConfig config;
  Dataset like;  // no rows: columns, classes and task
  Scaling scaling;
  Mlp model;
  std::string loss;
};
// Reads DIR/run.toml and DIR/model.safetensors.
TrainedRun load_run(const std::string& folder);
// Scores of scaled rows: logits, one row an example.
Tensor scores(const Mlp& model, const Dataset& data);
// The features as one row an example, and the mean loss of these rows as training takes it.
Tensor feature_tensor(const Dataset& data);
Tensor loss_on(const Mlp& model, const Tensor& features, const Dataset& data,
               std::string_view loss);

struct Evaluation {
  double loss = not_measured, accuracy = not_measured, r_squared = not_measured;
  int64_t examples = 0;
  std::vector<int64_t> predicted;  // classes
  std::vector<double> confidence;  // of the predicted class
  std::vector<float> values;       // regression
};
Evaluation evaluate(const Mlp& model, const Dataset& data, std::string_view loss);

}  // namespace gradus
