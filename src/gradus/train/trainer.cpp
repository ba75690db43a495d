#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/text.h>
#include <gradus/base/version.h>
#include <gradus/core/buffer.h>
#include <gradus/core/memory.h>
#include <gradus/io/file.h>
#include <gradus/io/safetensors.h>
#include <gradus/io/sha256.h>
#include <gradus/linalg/spectral.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/metrics.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/schedule.h>
#include <gradus/plan/recompute.h>
#include <gradus/train/report.h>
#include <gradus/train/step.h>
#include <gradus/train/trainer.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>

namespace gradus {
namespace {

namespace fs = std::filesystem;

// Branches of the seed. The generators use split(key, "data") themselves.
enum Stream : uint64_t { split_stream = 1, init_stream = 2, order_stream = 3, label_stream = 4 };

constexpr int64_t measure_every = 16;    // gradient norms are taken on every 16th step
constexpr int64_t accuracy_rows = 4096;  // rows of the training set that accuracy is measured on
constexpr size_t most_step_losses = 2000;
constexpr size_t most_mistakes = 24;
constexpr int64_t most_spectrum = 1024;  // weight matrices with a larger smaller side are left out

bool is_classes(std::string_view loss) {
  return loss != "mse";
}

Tensor loss_of(std::string_view loss, const Tensor& scores, const Tensor& target) {
  if (loss == "mse") return mse(scores, target, Reduction::mean);
  if (loss == "bce") return binary_cross_entropy_with_logits(scores, target, Reduction::mean);
  return cross_entropy(scores, target, Reduction::mean);
}

// (rows, outputs): one-hot classes, one probability, or the amount itself.
void fill_target(const Dataset& d, std::string_view loss, int64_t row, std::span<float> out) {
  if (loss == "mse") {
    out[0] = d.target.empty() ? static_cast<float>(d.y[static_cast<size_t>(row)])
                              : d.target[static_cast<size_t>(row)];
  } else if (loss == "bce") {
    out[0] = static_cast<float>(d.y[static_cast<size_t>(row)]);
  } else {
    std::ranges::fill(out, 0.0f);
    out[static_cast<size_t>(d.y[static_cast<size_t>(row)])] = 1;
  }
}

Tensor target_tensor(const Dataset& d, std::string_view loss, int64_t outputs) {
  std::vector<float> all(static_cast<size_t>(d.examples * outputs));
  for (int64_t r = 0; r < d.examples; ++r)
    fill_target(
        d, loss, r,
        std::span(all).subspan(static_cast<size_t>(r * outputs), static_cast<size_t>(outputs)));
  return from_vector(all, {d.examples, outputs});
}

// What training continues from: everything a checkpoint holds.
struct State {
  int64_t step = 0;
  Tensor params;
  std::vector<Tensor> optimiser;
  double epoch_loss = 0;  // sums since the epoch began
  int64_t epoch_steps = 0, measured = 0;
  std::vector<double> grad_norm;
  double update_ratio = 0;
  std::vector<double> step_loss;
  std::vector<EpochRecord> epochs;
  double start_loss = not_measured;
  PlateauState plateau;
  int64_t clipped = 0;  // steps
};

RecomputePolicy recompute_policy(const std::string& word) {
  if (word == "sqrt") return {};
  const auto bytes = text::parse_int64(word);
  if (!bytes || *bytes < 1)
    raise(ErrorKind::usage,
          "train: --recompute is '" + word +
              "'. It takes sqrt, or the bytes that the values of a step may hold at once.");
  return {static_cast<size_t>(*bytes)};
}

// What a run asks of its steps. `steps` are all updates of the run.
StepOptions<Mlp> options_of(const TrainConfig& config, const Mlp& model, int64_t steps) {
  StepOptions<Mlp> options{.optimiser = optimiser_of(config),
                           .grouping = grouping_of(config, state_dict(model)),
                           .takes_rate = !config.schedule.empty(),
                           .clip_norm = config.clip_norm,
                           .clip_value = config.clip_value,
                           .part_rows = config.accumulate > 1 ? config.batch : 0};
  if (!config.average.empty()) options.average = parse_average(config.average, steps);
  return options;
}

// One planned training step for one batch size, with or without measurements.
class StepPlan {
 public:
  StepPlan(const TrainConfig& config, const StepOptions<Mlp>& options, const Mlp& model,
           int64_t rows, int64_t features, int64_t outputs, bool measured)
      : clips_(config.clip_norm > 0 || config.clip_value > 0),
        step_(recorded(config, options, model, rows, features, outputs, measured)),
        plan_(make(config)) {}

  void load(const State& s) {
    plan_.set(0, s.params);
    for (size_t i = 0; i < s.optimiser.size(); ++i)
      plan_.set(static_cast<int>(i) + 1, s.optimiser[i]);
  }
  void save(State& s) const {
    s.params = plan_.input_tensor(0);
    for (size_t i = 0; i < s.optimiser.size(); ++i)
      s.optimiser[i] = plan_.input_tensor(static_cast<int>(i) + 1);
  }
  std::span<float> features() { return plan_.input<float>(step_.x()); }
  std::span<float> targets() { return plan_.input<float>(step_.target()); }
  void set_rate(double rate) { plan_.input<float>(step_.rate())[0] = static_cast<float>(rate); }
  void run() { plan_.run(); }
  double loss() const { return static_cast<double>(plan_.output<float>(step_.loss())[0]); }
  bool clipped() const { return clips_ && plan_.output<float>(step_.clipped())[0] != 0; }
  // Gradient norms of the layers, then |change| / |parameters|.
  std::span<const float> measurements() const {
    return plan_.output<float>(step_.loss() + (clips_ ? 2 : 1));
  }

 private:
  static RecordedStep recorded(const TrainConfig& config, StepOptions<Mlp> options,
                               const Mlp& model, int64_t rows, int64_t features, int64_t outputs,
                               bool measured) {
    if (measured)
      options.also = [](const StepView<Mlp>& view, std::vector<Tensor>& out) {
        std::vector<Tensor> norms;
        size_t at = 0;
        const auto next = [&] {
          const Tensor& g = view.grads[at++];
          return norm(reshape(g, {g.size()}));
        };
        for (const Linear& layer : view.model.layers) {
          Tensor n = next();
          if (!layer.bias.is_absent()) n = hypot(n, next());
          norms.push_back(expand_dims(n, 0));
        }
        norms.push_back(expand_dims(norm(view.after - view.before) / norm(view.before), 0));
        out.push_back(concatenate(norms));
      };
    return record_step<Mlp>(
        model,
        [&config](const Mlp& m, const Tensor& x, const Tensor& target) {
          return loss_of(config.loss, m(x), target);
        },
        {DType::f32, {rows, features}}, {DType::f32, {rows, outputs}}, options);
  }
  Plan make(const TrainConfig& config) {
    Graph graph = std::move(step_.graph);
    if (!config.recompute.empty())
      graph = recompute(graph, recompute_policy(config.recompute), step_.carries);
    return Plan(std::move(graph), step_.names, step_.carries);
  }

  bool clips_;
  RecordedStep step_;  // its graph is the plan's
  Plan plan_;
};

void start_of(State& state, const Mlp& model, const StepOptions<Mlp>& options) {
  state.optimiser = first_carries(model, options);
  state.params = state.optimiser.front();
  state.optimiser.erase(state.optimiser.begin());
}

// Checkpoints -----------------------------------------------------------------------------------

constexpr size_t epoch_numbers = 8;

std::string metadata_of(const SafeTensors& file, std::string_view key) {
  for (const auto& [k, v] : file.metadata)
    if (k == key) return v;
  return {};
}

std::string checksum_of(const SafeTensors& file) {
  std::string all = metadata_of(file, "config");
  for (const auto& [name, x] : file.tensors)
    all += name + to_string(x.type()) + sha256_hex(bytes_of(x));
  return sha256_hex(as_bytes(all));
}

SafeTensors pack(const State& s, const std::string& config) {
  SafeTensors file;
  file.tensors.emplace_back("parameters", s.params);
  for (size_t i = 0; i < s.optimiser.size(); ++i)
    file.tensors.emplace_back("state." + std::to_string(i), s.optimiser[i]);
  std::vector<double> numbers{
      static_cast<double>(s.step),     s.epoch_loss,   static_cast<double>(s.epoch_steps),
      static_cast<double>(s.measured), s.update_ratio, s.start_loss};
  numbers.insert(numbers.end(), s.grad_norm.begin(), s.grad_norm.end());
  file.tensors.emplace_back("progress", from_vector(numbers));
  file.tensors.emplace_back("step_loss", from_vector(s.step_loss));
  std::vector<double> epochs;
  for (const EpochRecord& e : s.epochs) {
    for (double v : {static_cast<double>(e.epoch), static_cast<double>(e.step), e.train_loss,
                     e.train_accuracy, e.val_loss, e.val_accuracy, e.update_ratio, e.seconds})
      epochs.push_back(v);
    epochs.insert(epochs.end(), e.grad_norm.begin(), e.grad_norm.end());
  }
  file.tensors.emplace_back("epochs", from_vector(epochs));
  const PlateauState& p = s.plateau;
  file.tensors.emplace_back(
      "course", from_vector(std::vector<double>{p.best, p.scale, static_cast<double>(p.seen),
                                                static_cast<double>(p.without_progress),
                                                static_cast<double>(s.clipped)}));
  file.metadata = {{"format", "gradus checkpoint"}, {"config", config}};
  file.metadata.emplace_back("sha256", checksum_of(file));
  return file;
}

SafeTensors read_checkpoint(const std::string& path) {
  SafeTensors file = read_safetensors(path);
  if (metadata_of(file, "sha256") != checksum_of(file))
    raise(ErrorKind::file, path + ": its checksum does not match");
  return file;
}

void unpack(const SafeTensors& file, const std::string& path, State& s) {
  const auto find = [&](const std::string& name) -> const Tensor& {
    for (const auto& [n, t] : file.tensors)
      if (n == name) return t;
    raise(ErrorKind::file, path + ": '" + name + "' is missing");
  };
  s.params = find("parameters");
  for (size_t i = 0; i < s.optimiser.size(); ++i)
    s.optimiser[i] = find("state." + std::to_string(i));
  const std::vector<double> numbers = values<double>(find("progress"));
  const size_t layers = s.grad_norm.size();
  if (numbers.size() != 6 + layers)
    raise(ErrorKind::file, path + ": 'progress' has the wrong length");
  s.step = static_cast<int64_t>(numbers[0]);
  s.epoch_loss = numbers[1];
  s.epoch_steps = static_cast<int64_t>(numbers[2]);
  s.measured = static_cast<int64_t>(numbers[3]);
  s.update_ratio = numbers[4];
  s.start_loss = numbers[5];
  s.grad_norm.assign(numbers.begin() + 6, numbers.end());
  s.step_loss = values<double>(find("step_loss"));
  const std::vector<double> course = values<double>(find("course"));
  if (course.size() != 5) raise(ErrorKind::file, path + ": 'course' has the wrong length");
  s.plateau = {course[0], course[1], static_cast<int64_t>(course[2]),
               static_cast<int64_t>(course[3])};
  s.clipped = static_cast<int64_t>(course[4]);
  const std::vector<double> epochs = values<double>(find("epochs"));
  const size_t width = epoch_numbers + layers;
  s.epochs.clear();
  for (size_t at = 0; at + width <= epochs.size(); at += width) {
    EpochRecord e;
    const double* v = epochs.data() + at;
    e.epoch = static_cast<int64_t>(v[0]);
    e.step = static_cast<int64_t>(v[1]);
    e.train_loss = v[2], e.train_accuracy = v[3], e.val_loss = v[4], e.val_accuracy = v[5],
    e.update_ratio = v[6], e.seconds = v[7];
    e.grad_norm.assign(v + epoch_numbers, v + width);
    s.epochs.push_back(std::move(e));
  }
}

// Checkpoint files, newest first.
std::vector<std::pair<int64_t, fs::path>> checkpoints_in(const fs::path& folder) {
  std::vector<std::pair<int64_t, fs::path>> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    constexpr std::string_view before = "step-", after = ".safetensors";
    if (!name.starts_with(before) || !name.ends_with(after)) continue;
    const auto step = text::parse_int64(
        std::string_view(name).substr(before.size(), name.size() - before.size() - after.size()));
    if (step) found.emplace_back(*step, entry.path());
  }
  std::ranges::sort(found, std::greater<>());
  return found;
}

void write_text(const fs::path& path, std::string_view text) {
  write_file_atomically(path.string(), as_bytes(text));
}

std::string json_number(double x) {
  return std::isfinite(x) ? text::number(x) : "null";
}

std::string metrics_text(const std::vector<EpochRecord>& epochs) {
  std::string out;
  for (const EpochRecord& e : epochs) {
    out += "{\"epoch\":" + std::to_string(e.epoch) + ",\"step\":" + std::to_string(e.step) +
           ",\"train_loss\":" + json_number(e.train_loss) +
           ",\"train_accuracy\":" + json_number(e.train_accuracy) +
           ",\"val_loss\":" + json_number(e.val_loss) +
           ",\"val_accuracy\":" + json_number(e.val_accuracy) +
           ",\"update_ratio\":" + json_number(e.update_ratio) + ",\"grad_norm\":[";
    for (size_t i = 0; i < e.grad_norm.size(); ++i)
      out += (i ? "," : "") + json_number(e.grad_norm[i]);
    out += "],\"seconds\":" + text::fixed(e.seconds, 3) + "}\n";
  }
  return out;
}

std::vector<LayerSpectrum> spectra_of(const Mlp& model) {
  std::vector<LayerSpectrum> result;
  for (const auto& [name, x] : state_dict(model)) {
    if (x.rank() != 2 || std::min(x.shape()[0], x.shape()[1]) > most_spectrum) continue;
    result.push_back({name, {}, {}});
    const std::vector<double> all = numbers(x);
    if (std::ranges::all_of(all, [](double v) { return std::isfinite(v); }))
      result.back().after = numbers(svdvals(x));
  }
  return result;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void shuffle_labels(Dataset& d, Key key) {
  const std::vector<int64_t> order = permutation(key, d.examples);
  const Dataset original = d;
  for (int64_t i = 0; i < d.examples; ++i) {
    const auto to = static_cast<size_t>(i),
               from = static_cast<size_t>(order[static_cast<size_t>(i)]);
    if (!d.y.empty()) d.y[to] = original.y[from];
    if (!d.target.empty()) d.target[to] = original.target[from];
  }
}

// Before anything is counted with them.
void check_ranges(const TrainConfig& c) {
  if (!c.recompute.empty()) recompute_policy(c.recompute);
  if (!(c.clip_norm >= 0) || !std::isfinite(c.clip_norm))
    raise(ErrorKind::usage, "train: --clip-norm is " + text::number(c.clip_norm) +
                                ". It is a length above 0, or 0 for none.");
  if (!(c.clip_value >= 0) || !std::isfinite(c.clip_value))
    raise(ErrorKind::usage, "train: --clip-value is " + text::number(c.clip_value) +
                                ". It is a size above 0, or 0 for none.");
  if (c.clip_norm > 0 && c.clip_value > 0)
    raise(ErrorKind::usage,
          "train: --clip-norm and --clip-value are both set. A gradient is clipped one way.");
  const auto own_below_0 = [](const char* flag, double value) {
    if (!std::isfinite(value))
      raise(ErrorKind::usage, std::string("train: ") + flag + " is " + text::number(value) +
                                  ". It is a finite number. Give one from 0, or leave it out for "
                                  "the method's own.");
  };
  own_below_0("--momentum", c.momentum);
  own_below_0("--weight-decay", c.weight_decay);
  if (c.examples < 0)
    raise(ErrorKind::usage, "train: --examples is " + std::to_string(c.examples) +
                                ". It is a count. Give one above 0, or 0 for the usual one.");
  if (c.checkpoint_every < 0)
    raise(ErrorKind::usage, "train: --checkpoint-every is " + std::to_string(c.checkpoint_every) +
                                ". It is a number of steps. Give one above 0, or 0 for a "
                                "checkpoint at the end only.");
  if (!c.average.empty()) parse_average(c.average);
  constexpr int64_t most_parts = 1024;  // each is recorded
  if (c.accumulate < 1 || c.accumulate > most_parts)
    raise(ErrorKind::usage, "train: --accumulate is " + std::to_string(c.accumulate) +
                                ". It is a number of batches from 1 to " +
                                std::to_string(most_parts) + ".");
  constexpr int64_t most_epochs = 1'000'000'000;  // times the steps of an epoch still fits
  if (c.batch < 1 || c.epochs < 0 || c.epochs > most_epochs || !(c.val >= 0 && c.val < 1))
    raise(ErrorKind::usage, "train: batch " + std::to_string(c.batch) + ", epochs " +
                                std::to_string(c.epochs) + ", val " + text::number(c.val) +
                                ". The batch is at least 1, epochs lie in 0 to 10^9, and val lies "
                                "in [0, 1).");
}

// Chooses what the configuration leaves open, and checks that model and data fit.
void resolve(TrainConfig& c, const Dataset& d) {
  const bool two = d.task == Task::classification && d.classes() == 2;
  if (c.loss.empty()) c.loss = d.task == Task::regression ? "mse" : "cross-entropy";
  if (c.loss != "cross-entropy" && c.loss != "bce" && c.loss != "mse")
    raise(ErrorKind::usage,
          "train: the loss '" + c.loss + "' is unknown. Choose cross-entropy, bce or mse.");
  if (c.loss == "bce" && !two)
    raise(ErrorKind::usage, "train: the loss bce needs two classes, but " + d.source + " has " +
                                std::to_string(d.classes()) + ". Choose cross-entropy.");
  if (c.loss == "cross-entropy" && d.task == Task::regression)
    raise(ErrorKind::usage,
          "train: the targets of " + d.source + " are amounts, not classes. Choose --loss mse.");
  const int64_t outputs = c.loss == "cross-entropy" ? d.classes() : 1;
  const bool plane = d.features <= 2;
  if (c.model.empty()) {
    const std::string hidden = plane ? "32-32" : "128";
    c.model = "mlp:" + std::to_string(d.features) + "-" + hidden + "-" + std::to_string(outputs);
  }
  if (c.activation.empty()) c.activation = plane ? "tanh" : "relu";
  const MlpSpec spec = parse_mlp(c.model);
  if (spec.sizes.front() != d.features || spec.sizes.back() != outputs)
    raise(ErrorKind::usage,
          "train: the model " + c.model + " takes " + std::to_string(spec.sizes.front()) +
              " inputs and gives " + std::to_string(spec.sizes.back()) + " outputs, but " +
              d.source + " has " + std::to_string(d.features) + " features and needs " +
              std::to_string(outputs) + ". Write mlp:" + std::to_string(d.features) + "-...-" +
              std::to_string(outputs) + ".");
  if (c.lr == 0)
    c.lr = plane && c.optimiser.starts_with("adam") ? 1e-2 : defaults_for(c.optimiser).lr;
  if (c.missing != "error" && c.missing != "drop" && c.missing != "mean")
    raise(ErrorKind::usage,
          "train: --missing '" + c.missing + "' is unknown. Choose error, drop or mean.");
  optimiser_of(c);
}

MlpSpec spec_of(const TrainConfig& c) {
  MlpSpec spec = parse_mlp(c.model);
  spec.activation = c.activation;
  spec.init = c.init;
  spec.gain = c.init_gain;
  return spec;
}

// The data of a run, and its configuration with nothing left open. The held-out part is drawn from
// the seed; standardisation looks at the training part only.
struct Prepared {
  Dataset training, validation, raw_validation;
  Scaling scaling;
};

Prepared prepare(TrainConfig& config) {
  const Key key = key_from_seed(config.seed);
  Dataset all = load_dataset(config, config.data, config.seed);
  Prepared p;
  if (config.validation.empty()) {
    const std::vector<int64_t> order = permutation(split(key, split_stream), all.examples);
    const auto held =
        static_cast<int64_t>(std::llround(config.val * static_cast<double>(all.examples)));
    p.validation = pick(all, std::span(order).first(static_cast<size_t>(held)));
    p.training = pick(all, std::span(order).subspan(static_cast<size_t>(held)));
  } else {
    p.training = std::move(all);
    p.validation = load_dataset(config, config.validation, config.seed, &p.training);
  }
  if (p.training.examples == 0)
    raise(ErrorKind::usage, "train: nothing is left to train on. Hold out less with --val.");
  resolve(config, p.training);
  p.raw_validation = p.validation;
  if (config.standardise) {
    p.scaling = scaling_of(p.training);
    p.scaling.apply(p.training);
    p.scaling.apply(p.validation);
  }
  if (config.shuffle_labels) shuffle_labels(p.training, split(key, label_stream));
  return p;
}

std::vector<int64_t> order_of(const TrainConfig& config, int64_t epoch, int64_t examples) {
  const Key key = split(key_from_seed(config.seed), order_stream);
  return permutation(split(key, static_cast<uint64_t>(epoch)), examples);
}

void fill_batch(StepPlan& plan, const Dataset& training, std::string_view loss, int64_t outputs,
                std::span<const int64_t> examples) {
  const std::span<float> x = plan.features(), target = plan.targets();
  for (size_t r = 0; r < examples.size(); ++r) {
    std::ranges::copy(training.row(examples[r]),
                      x.begin() + static_cast<std::ptrdiff_t>(r) * training.features);
    fill_target(training, loss, examples[r],
                target.subspan(r * static_cast<size_t>(outputs), static_cast<size_t>(outputs)));
  }
}

}  // namespace

Tensor feature_tensor(const Dataset& data) {
  return from_vector(data.x, {data.examples, data.features});
}

Tensor loss_on(const Mlp& model, const Tensor& features, const Dataset& data,
               std::string_view loss) {
  const Tensor out = model(features);
  const Scope scope("loss");
  return loss_of(loss, out, target_tensor(data, loss, out.shape()[1]));
}

Tensor scores(const Mlp& model, const Dataset& data) {
  return model(feature_tensor(data));
}

Evaluation evaluate(const Mlp& model, const Dataset& data, std::string_view loss) {
  Evaluation e;
  e.examples = data.examples;
  const Tensor out = scores(model, data);
  if (!data.y.empty() || !data.target.empty())
    e.loss = number(loss_of(loss, out, target_tensor(data, loss, out.shape()[1])));
  if (!is_classes(loss)) {
    e.values = values<float>(reshape(out, {out.size()}));
    if (!data.target.empty())
      e.r_squared = r_squared(std::vector<double>(e.values.begin(), e.values.end()),
                              std::vector<double>(data.target.begin(), data.target.end()));
    return e;
  }
  e.predicted = predicted_classes(out);
  const Tensor probability =
      loss == "bce" ? maximum(sigmoid(out), sigmoid(-out)) : max(softmax(out), {.axis = -1});
  e.confidence = numbers(probability);
  if (!data.y.empty()) e.accuracy = accuracy(e.predicted, data.y);
  return e;
}

RunRecord train(const TrainConfig& wanted, const std::string& out, bool resume,
                const TrainHooks& hooks) {
  const auto note = [&](const std::string& line) {
    if (hooks.note) hooks.note(line);
  };
  TrainConfig config = wanted;
  const fs::path folder(out);
  const fs::path checkpoint_folder = folder / "checkpoints";
  std::error_code unreadable;
  const bool is_there = fs::exists(folder, unreadable);
  if (is_there && !fs::is_directory(folder, unreadable))
    raise(ErrorKind::file, out + ": it is not a folder");
  const bool has_files = is_there && !fs::is_empty(folder, unreadable);
  if (unreadable)
    raise(ErrorKind::file,
          out + ": the folder cannot be read: " + unreadable.message() + ". Choose another --out.");
  if (has_files && !resume)
    raise(ErrorKind::usage, "train: the folder " + out +
                                " is not empty. A run is never overwritten. Choose another --out, "
                                "or go on with --resume.");
  const bool continues = resume && fs::exists(folder / "run.toml");
  if (config.data.empty() && continues)
    apply_entries(config, read_toml((folder / "run.toml").string()),
                  (folder / "run.toml").string());
  check_ranges(config);

  const Key key = key_from_seed(config.seed);
  Prepared data = prepare(config);
  Dataset &training = data.training, &validation = data.validation;
  const Dataset& raw_validation = data.raw_validation;
  const Scaling& scaling = data.scaling;
  if (!validation.left_out.empty())
    note(validation.source + ": left out, as not there in training: " + validation.left_out);

  // Model and state.
  const MlpSpec spec = spec_of(config);
  const Mlp first_model = make_mlp(spec, split(key, init_stream));
  const std::vector<Tensor> like = parameters(first_model);
  const auto model_of = [&](const Tensor& flat) {
    return with_parameters(first_model, unflatten(flat, like));
  };
  const int64_t outputs = spec.sizes.back();
  const int64_t batch = std::min(config.batch, training.examples);
  // Rows of an epoch, and of a whole step.
  const int64_t used = training.examples - (config.drop_last ? training.examples % batch : 0);
  const int64_t whole = std::min(batch * config.accumulate, used);
  const int64_t steps_per_epoch = (used + whole - 1) / whole;
  const int64_t steps = steps_per_epoch * config.epochs;
  const Schedule schedule =
      config.schedule.empty() ? Schedule() : parse_schedule(config.schedule, steps);
  const double base_rate = optimiser_of(config).lr;

  const StepOptions<Mlp> options = options_of(config, first_model, steps);
  const bool averages = options.average.kind != WeightAverage::none;
  State state;
  start_of(state, first_model, options);
  // The weights that a run is judged by and leaves behind.
  const auto final_params = [&]() -> const Tensor& {
    return averages ? state.optimiser[state.optimiser.size() - 2] : state.params;
  };
  state.grad_norm.assign(first_model.layers.size(), 0);
  const std::string identity = config_json(config);

  bool resumed = false;
  if (continues) {
    for (const auto& [step, path] : checkpoints_in(checkpoint_folder)) {
      try {
        const SafeTensors file = read_checkpoint(path.string());
        if (const std::string saved = metadata_of(file, "config"); saved != identity)
          raise(ErrorKind::usage, "train: " + path.string() +
                                      " was made by other settings. A run goes on with its own. "
                                      "Leave the flags out, or choose another --out.");
        State fresh = state;
        unpack(file, path.string(), fresh);
        state = std::move(fresh);
        resumed = true;
        break;
      } catch (const Error& e) {
        // A damaged header can also name a type that is not supported.
        if (e.kind != ErrorKind::file && e.kind != ErrorKind::unsupported) throw;
        note("passed over " + std::string(e.what()));
      }
    }
  }

  std::error_code failed;
  fs::create_directories(checkpoint_folder, failed);
  if (failed)
    raise(ErrorKind::file,
          out + ": the folder cannot be made: " + failed.message() + ". Choose another --out.");
  TomlEntries entries = entries_of(config);
  entries.push_back(
      {"resolved.task",
       std::string(training.task == Task::regression ? "regression" : "classification")});
  entries.push_back({"resolved.features", training.feature_names});
  entries.push_back({"resolved.label", training.label_name});
  entries.push_back({"resolved.classes", training.class_names});
  entries.push_back(
      {"resolved.image", std::vector<double>{static_cast<double>(training.image_rows),
                                             static_cast<double>(training.image_cols)}});
  entries.push_back({"scaling.mean", scaling.mean});
  entries.push_back({"scaling.scale", scaling.scale});
  write_text(folder / "run.toml", toml_text(entries));

  RunRecord run;
  run.name = folder.filename().string();
  run.task = config.loss == "mse"   ? "regression"
             : config.loss == "bce" ? "binary"
                                    : "classification";
  run.data_source = fs::path(config.data).filename().string();
  run.model = describe(spec);
  run.activation = config.activation;
  run.loss_name = config.loss;
  run.optimiser = config.optimiser;
  run.seed = config.seed;
  run.parameters = parameter_count(spec);
  run.train_count = training.examples;
  run.val_count = validation.examples;
  run.classes = training.classes();
  run.class_names = training.class_names;
  run.image_rows = training.image_rows;
  run.image_cols = training.image_cols;
  for (const TomlEntry& e : entries_of(config)) {
    const std::string short_key = e.key.substr(e.key.find('.') + 1);
    std::string value;
    if (const auto* s = std::get_if<std::string>(&e.value))
      value = *s;
    else if (const auto* i = std::get_if<int64_t>(&e.value))
      value = std::to_string(*i);
    else if (const auto* v = std::get_if<double>(&e.value))
      value = text::number(*v);
    else if (const auto* b = std::get_if<bool>(&e.value))
      value = *b ? "yes" : "no";
    else if (const auto* l = std::get_if<std::vector<std::string>>(&e.value))
      value = text::join(*l, ", ");
    if (!value.empty() && value != "-1") run.config.emplace_back(short_key, value);
  }
  run.config.emplace_back("threads", std::to_string(thread_count()));
  for (size_t i = 0; i < first_model.layers.size(); ++i)
    run.layer_names.push_back(std::to_string(2 * i));
  if (training.task == Task::regression || config.loss == "mse") {
    std::vector<double> amounts(training.target.begin(), training.target.end());
    if (amounts.empty()) amounts.assign(training.y.begin(), training.y.end());
    run.chance_loss = chance_loss("regression", amounts);
  } else {
    std::vector<double> counts(static_cast<size_t>(training.classes()));
    for (int64_t c : training.y) counts[static_cast<size_t>(c)] += 1;
    run.chance_loss = chance_loss(run.task, counts);
  }
  std::vector<int64_t> sample(static_cast<size_t>(std::min(training.examples, accuracy_rows)));
  std::iota(sample.begin(), sample.end(), 0);
  const Dataset sampled = pick(training, sample);
  if (!resumed) state.start_loss = evaluate(first_model, sampled, config.loss).loss;
  run.start_loss = state.start_loss;
  run.spectra = spectra_of(first_model);
  for (LayerSpectrum& s : run.spectra) s.before = std::move(s.after);
  if (!state.step_loss.empty() && !std::isfinite(state.step_loss.back())) {
    run.diverged = true;
    run.diverged_step = state.step;
  }
  if (hooks.before) hooks.before(run);

  // Plans: whole batches and the rest, each also with measurements. Made when first needed.
  std::unique_ptr<StepPlan> plans[4];
  StepPlan* last = nullptr;
  const auto plan_for = [&](int64_t rows, bool measured) -> StepPlan& {
    auto& plan = plans[(rows == whole ? 0 : 2) + (measured ? 1 : 0)];
    if (!plan)
      plan = std::make_unique<StepPlan>(config, options, first_model, rows, training.features,
                                        outputs, measured);
    if (last != plan.get()) {
      if (last) last->save(state);
      plan->load(state);
      last = plan.get();
    }
    return *plan;
  };
  const auto sync = [&] {
    if (last) last->save(state);
  };
  const auto write_checkpoint = [&] {
    sync();
    const fs::path path =
        checkpoint_folder / ("step-" + std::to_string(state.step) + ".safetensors");
    write_safetensors(path.string(), pack(state, identity));
    const auto all_files = checkpoints_in(checkpoint_folder);
    for (size_t i = 2; i < all_files.size(); ++i) {
      std::error_code ignored;
      fs::remove(all_files[i].second, ignored);
    }
  };

  const auto start = std::chrono::steady_clock::now();
  const double earlier = state.epochs.empty() ? 0 : state.epochs.back().seconds;
  const int64_t first_step = state.step;
  double shown = 0;
  std::vector<int64_t> order;
  int64_t order_epoch = -1;
  bool stopped = false;
  while (state.step < steps && !run.diverged) {
    if (hooks.stop && hooks.stop->load(std::memory_order_relaxed)) {
      stopped = true;
      break;
    }
    const int64_t epoch = state.step / steps_per_epoch, within = state.step % steps_per_epoch;
    if (epoch != order_epoch) {
      order = order_of(config, epoch, training.examples);
      order_epoch = epoch;
    }
    const int64_t from = within * whole;
    const int64_t rows = std::min(whole, used - from);
    const bool measured = state.step % measure_every == 0;
    StepPlan& plan = plan_for(rows, measured);
    fill_batch(plan, training, config.loss, outputs,
               std::span(order).subspan(static_cast<size_t>(from), static_cast<size_t>(rows)));
    if (!schedule.empty()) plan.set_rate(base_rate * schedule.factor(state.step, state.plateau));
    plan.run();
    state.clipped += plan.clipped();
    ++state.step;
    const double loss = plan.loss();
    state.epoch_loss += loss * static_cast<double>(rows);
    ++state.epoch_steps;
    state.step_loss.push_back(loss);
    if (measured) {
      const auto m = plan.measurements();
      for (size_t i = 0; i < state.grad_norm.size(); ++i)
        state.grad_norm[i] += static_cast<double>(m[i]);
      state.update_ratio += static_cast<double>(m.back());
      ++state.measured;
    }
    if (!std::isfinite(loss)) {
      run.diverged = true;
      run.diverged_step = state.step;
    }
    const bool epoch_ends = within + 1 == steps_per_epoch || run.diverged;
    Progress p;
    p.step = state.step, p.steps = steps, p.epoch = epoch + 1, p.epochs = config.epochs;
    p.loss = state.epoch_loss / static_cast<double>(std::min((within + 1) * whole, used));
    if (epoch_ends) {
      sync();
      const Mlp now = model_of(final_params());
      EpochRecord e;
      e.epoch = epoch + 1;
      e.step = state.step;
      e.train_loss = p.loss;
      e.train_accuracy = evaluate(now, sampled, config.loss).accuracy;
      if (validation.examples > 0) {
        const Evaluation v = evaluate(now, validation, config.loss);
        e.val_loss = v.loss;
        e.val_accuracy = v.accuracy;
      }
      const double measures = static_cast<double>(std::max<int64_t>(state.measured, 1));
      for (double g : state.grad_norm)
        e.grad_norm.push_back(state.measured ? g / measures : not_measured);
      e.update_ratio = state.measured ? state.update_ratio / measures : not_measured;
      e.seconds = earlier + seconds_since(start);
      state.epochs.push_back(e);
      if (schedule.watches_loss())
        state.plateau =
            schedule.observe(state.plateau, validation.examples > 0 ? e.val_loss : e.train_loss);
      state.epoch_loss = 0;
      state.epoch_steps = state.measured = 0;
      state.update_ratio = 0;
      std::ranges::fill(state.grad_norm, 0.0);
      write_text(folder / "metrics.jsonl", metrics_text(state.epochs));
      p.val_loss = e.val_loss;
      p.val_accuracy = e.val_accuracy;
      p.grad_norm = std::sqrt(
          std::inner_product(e.grad_norm.begin(), e.grad_norm.end(), e.grad_norm.begin(), 0.0));
    } else if (!state.epochs.empty()) {
      p.val_loss = state.epochs.back().val_loss;
      p.val_accuracy = state.epochs.back().val_accuracy;
    }
    if (run.diverged) break;
    if (config.checkpoint_every > 0 && state.step % config.checkpoint_every == 0)
      write_checkpoint();
    const double elapsed = seconds_since(start);
    if (hooks.progress && (epoch_ends || elapsed - shown > 0.1)) {
      shown = elapsed;
      p.seconds = elapsed;
      p.examples_per_second =
          static_cast<double>((state.step - first_step) * whole) / std::max(elapsed, 1e-9);
      p.seconds_left = elapsed / static_cast<double>(state.step - first_step) *
                       static_cast<double>(steps - state.step);
      hooks.progress(p, epoch_ends);
    }
  }
  sync();
  run.seconds = earlier + seconds_since(start);
  run.steps = state.step;
  run.epochs = state.epochs;
  run.interrupted = stopped;
  run.clipped_steps = config.clip_norm > 0 || config.clip_value > 0 ? state.clipped : -1;
  run.peak_bytes = peak_bytes();
  write_checkpoint();

  const Mlp model = model_of(final_params());
  SafeTensors weights;
  weights.tensors = state_dict(model);
  weights.metadata = {{"format", "gradus"},
                      {"version", GRADUS_VERSION},
                      {"seed", std::to_string(config.seed)},
                      {"config", identity},
                      {"config_sha256", sha256_hex(as_bytes(identity))}};
  if (!stopped) write_safetensors((folder / "model.safetensors").string(), weights);

  // The record for people.
  const size_t stride = state.step_loss.size() / most_step_losses + 1;
  for (size_t i = 0; i < state.step_loss.size(); i += stride)
    run.step_loss.push_back(state.step_loss[i]);
  const std::vector<LayerSpectrum> after = spectra_of(model);
  for (size_t i = 0; i < after.size(); ++i) run.spectra[i].after = after[i].after;
  const Evaluation on_training = evaluate(model, sampled, config.loss);
  run.train_loss = on_training.loss;
  run.train_accuracy = on_training.accuracy;
  if (validation.examples > 0) {
    const Evaluation v = evaluate(model, validation, config.loss);
    run.val_loss = v.loss;
    run.val_accuracy = v.accuracy;
    if (is_classes(config.loss)) {
      run.confusion = confusion(v.predicted, validation.y, validation.classes());
      for (int64_t i = 0; i < validation.examples; ++i) {
        const auto at = static_cast<size_t>(i);
        if (v.predicted[at] == validation.y[at]) continue;
        const auto row = raw_validation.row(i);
        run.mistakes.push_back(
            {i, validation.y[at], v.predicted[at], v.confidence[at], {row.begin(), row.end()}});
      }
      std::ranges::stable_sort(run.mistakes, std::greater<>(), &Mistake::confidence);
      if (run.mistakes.size() > most_mistakes) run.mistakes.resize(most_mistakes);
    }
  }
  run.command = "gradus train --config " + (folder / "run.toml").string();
  write_text(folder / "report.html", render_report(run));
  return run;
}

RateSearch find_rate(const TrainConfig& wanted, double low, double high, int64_t steps) {
  TrainConfig config = wanted;
  check_ranges(config);
  const std::vector<double> rates = range_rates(low, high, steps);
  const Prepared data = prepare(config);
  const Dataset& training = data.training;
  config.schedule = "constant";  // the plan takes a rate with every run
  const MlpSpec spec = spec_of(config);
  const Mlp model = make_mlp(spec, split(key_from_seed(config.seed), init_stream));
  const int64_t outputs = spec.sizes.back(), batch = std::min(config.batch, training.examples);
  const StepOptions<Mlp> options = options_of(config, model, steps);
  StepPlan plan(config, options, model, batch, training.features, outputs, false);
  State state;
  start_of(state, model, options);
  plan.load(state);
  const int64_t per_epoch = training.examples / batch;
  std::vector<int64_t> order;
  std::vector<double> losses;
  for (int64_t step = 0; step < steps; ++step) {
    if (step % per_epoch == 0) order = order_of(config, step / per_epoch, training.examples);
    fill_batch(plan, training, config.loss, outputs,
               std::span(order).subspan(static_cast<size_t>(step % per_epoch * batch),
                                        static_cast<size_t>(batch)));
    plan.set_rate(rates[static_cast<size_t>(step)]);
    if (losses.empty() || std::isfinite(losses.back())) plan.run();
    losses.push_back(plan.loss());
  }
  RateSearch found{read_range(rates, losses), {}, config.optimiser};
  // The curvature before the first step, on so many rows, in f64.
  constexpr int64_t most_rows = 512;
  std::vector<int64_t> rows(static_cast<size_t>(std::min(training.examples, most_rows)));
  std::iota(rows.begin(), rows.end(), 0);
  const Dataset some = pick(training, rows);
  const Tensor x = cast(feature_tensor(some), DType::f64),
               target = cast(target_tensor(some, config.loss, outputs), DType::f64);
  std::vector<Tensor> like;
  for (const Tensor& p : parameters(model)) like.push_back(cast(p, DType::f64));
  found.curvature = largest_curvature(
      [&](const Tensor& flat) {
        return loss_of(config.loss, with_parameters(model, unflatten(flat, like))(x), target);
      },
      flatten(like), {.tolerance = 1e-2, .products = 100});
  return found;
}

TrainedRun load_run(const std::string& folder) {
  const fs::path base(folder);
  const std::string toml = (base / "run.toml").string();
  if (!fs::exists(toml))
    raise(ErrorKind::file, folder + ": it is not a run folder: run.toml is missing");
  TrainedRun run;
  const TomlEntries entries = read_toml(toml);
  apply_entries(run.config, entries, toml);
  for (const TomlEntry& e : entries) {
    const auto* list = std::get_if<std::vector<std::string>>(&e.value);
    const auto* amounts = std::get_if<std::vector<double>>(&e.value);
    if (e.key == "resolved.task")
      run.like.task =
          e.value == TomlValue(std::string("regression")) ? Task::regression : Task::classification;
    if (e.key == "resolved.features" && list) run.like.feature_names = *list;
    if (const auto* name = std::get_if<std::string>(&e.value); name && e.key == "resolved.label")
      run.like.label_name = *name;
    if (e.key == "resolved.classes" && list) run.like.class_names = *list;
    if (e.key == "scaling.mean" && amounts) run.scaling.mean = *amounts;
    if (e.key == "scaling.scale" && amounts) run.scaling.scale = *amounts;
    if (e.key == "resolved.image" && amounts && amounts->size() == 2)
      run.like.image_rows = static_cast<int64_t>((*amounts)[0]),
      run.like.image_cols = static_cast<int64_t>((*amounts)[1]);
  }
  run.like.features = std::ssize(run.like.feature_names);
  run.loss = run.config.loss;
  const MlpSpec spec = spec_of(run.config);
  const size_t n = run.scaling.mean.size();
  const int64_t outputs = run.loss == "cross-entropy" ? run.like.classes() : 1;
  if (run.scaling.scale.size() != n || spec.sizes.back() != outputs ||
      (run.loss == "bce" && run.like.classes() != 2) ||
      (n != 0 && static_cast<int64_t>(n) != run.like.features) ||
      spec.sizes.front() != run.like.features)
    raise(ErrorKind::file, toml + ": scaling, features, classes and model do not fit together");
  const std::string weights = (base / "model.safetensors").string();
  if (!fs::exists(weights))
    raise(ErrorKind::file,
          folder + ": model.safetensors is missing. Finish the run with gradus train --out " +
              folder + " --resume");
  run.model = load_state(make_mlp(spec, key_from_seed(0)), read_safetensors(weights).tensors);
  return run;
}

}  // namespace gradus
