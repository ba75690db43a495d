// Experiments: small seeded studies whose curves show what an architecture can and cannot do. Each
// says in a sentence what its own numbers show, and also when they do not show what is expected.
#pragma once

#include <gradus/train/plot.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// What numbers show, and whether it is what the literature says.
struct Verdict {
  bool as_expected = false;
  std::string says;
};

struct Experiment {
  struct Figure {
    std::string title, why;
    Plot plot;
  };
  std::string name, title;
  std::string what;  // was done, with the sizes
  Verdict verdict;
  std::vector<Figure> figures;
  std::vector<std::vector<std::string>> table;  // its head first
};

struct ExperimentOptions {
  uint64_t seed = 0;
  bool quick = false;  // seconds: smaller sizes, fewer steps
  std::function<void(const std::string&)> note = [](const std::string&) {};  // as it goes on
};

struct ExperimentEntry {
  std::string_view name, says;
  // The same bits for one seed, whatever the thread count.
  Experiment (*run)(const ExperimentOptions&);
};

// To add one: a line in experiments.cpp.
std::span<const ExperimentEntry> experiments();
// Raises a usage error that lists them.
const ExperimentEntry& experiment(std::string_view name);

// "a", "a and b", "a, b and c".
std::string listed(std::span<const std::string> words);

// One page with the verdict, the curves and the table; `command` is what makes it again.
std::string render_experiment(const Experiment& e, std::string_view command,
                              std::string_view version);

// Reversal of digits through a code of so many numbers: the share of sequences that are right from
// end to end, and of single tokens after the right ones before, by length from 1 on.
struct BottleneckCurve {
  int64_t code = 0;
  bool attends = false;
  std::vector<double> sequences, tokens;
};
// The longest length up to which at least 90 % of the sequences of every length are right.
int64_t carried_length(const BottleneckCurve& curve);
// Codes ascend; each is there without and with attention.
Verdict bottleneck_verdict(std::span<const BottleneckCurve> curves);
Experiment run_bottleneck(const ExperimentOptions& options);

// |dL/dx_t| against the distance T - t, as a share of that at distance 0, of a plain recurrent
// layer whose recurrent matrix has this spectral radius; and its factor a step, over the farther
// half.
struct DistanceCurve {
  double radius = 0;
  std::vector<double> small, driven;  // with inputs of size 1e-8, where tanh is straight; of size 1
  double small_growth = 0, driven_growth = 0;
};
Verdict distance_verdict(std::span<const DistanceCurve> curves);
Experiment run_distance(const ExperimentOptions& options);

// The share of symbols that come back right after a delay.
struct CopyCurve {
  std::string layer;
  std::vector<int64_t> delays;
  std::vector<double> right;
};
// The longest delay up to which at least 90 % are right at every delay; -1 where there is none.
int64_t bridged_delay(const CopyCurve& curve);
Verdict copy_verdict(const CopyCurve& plain, const CopyCurve& lstm, double chance);
Experiment run_copy(const ExperimentOptions& options);

// How far the outputs of an untrained bag of embeddings and of a recurrent layer move when the
// order of their inputs does, and what each learns of a question about order.
struct OrderResult {
  double bag_moves = 0, recurrent_moves = 0;  // the largest change of an output
  double bag_right = 0, recurrent_right = 0;  // shares, after training
};
Verdict order_verdict(const OrderResult& r);
Experiment run_order(const ExperimentOptions& options);

}  // namespace gradus
