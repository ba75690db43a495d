#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/text.h>
#include <gradus/base/version.h>
#include <gradus/core/buffer.h>
#include <gradus/core/memory.h>
#include <gradus/io/file.h>
#include <gradus/io/sha256.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/limits.h>
#include <gradus/ops/matmul.h>
#include <gradus/plan/precision.h>
#include <gradus/plan/recompute.h>
#include <gradus/train/checkpoint.h>
#include <gradus/train/events.h>
#include <gradus/train/loader.h>
#include <gradus/train/report.h>
#include <gradus/train/trainer.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <numeric>

namespace gradus {
namespace {

namespace fs = std::filesystem;

// Branches of the seed, beside those that an assignment draws from.
enum Stream : uint64_t { order_stream = 3, draw_stream = 5, augment_stream = 6 };

constexpr int64_t measure_every = 16;    // gradient norms are taken on every 16th step
constexpr int64_t accuracy_rows = 4096;  // rows of the training set that accuracy is measured on
constexpr size_t most_step_losses = 2000;
constexpr int64_t most_spectrum = 1024;  // weight matrices with a larger smaller side are left out
// Above so many parameters every step is measured: beside it norms cost nothing, and a second plan
// would cost as much memory again.
constexpr int64_t one_plan_from = 500'000;

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
StepOptions<Model> options_of(const TrainConfig& config, const Assignment& what, int64_t steps) {
  StepOptions<Model> options{.optimiser = optimiser_of(config),
                             .grouping = grouping_of(config, named_parameters(what.model)),
                             .takes_rate = !config.schedule.empty(),
                             .clip_norm = config.clip_norm,
                             .clip_value = config.clip_value,
                             .part_rows = config.accumulate > 1 ? config.batch : 0,
                             .takes_key = what.draws};
  if (!config.average.empty()) options.average = parse_average(config.average, steps);
  if (config.precision == "fp16") options.scale.start = 65536;
  return options;
}

// The name of a parameter without its last part: the layer it belongs to.
std::string layer_of(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? name : name.substr(0, dot);
}

// The layers in order, and how many parameters stand together in each.
std::vector<std::pair<std::string, size_t>> layers_of(const Model& model) {
  std::vector<std::pair<std::string, size_t>> layers;
  for (const auto& [name, x] : named_parameters(model)) {
    if (layers.empty() || layers.back().first != layer_of(name))
      layers.emplace_back(layer_of(name), 0);
    ++layers.back().second;
  }
  return layers;
}

// The loss with its penalties.
StepLoss<Model> penalised(const StepLoss<Model>& loss, double l1, double l2) {
  if (l1 == 0 && l2 == 0) return loss;
  return [loss, l1, l2](const Model& m, const Tensor& x, const Tensor& target, Pass& pass) {
    Tensor value = loss(m, x, target, pass);
    each_parameter(m, [&](const std::string&, const Tensor& w) {
      if (w.rank() < 2) return;
      if (l1 > 0) value = value + l1 * sum(abs(w));
      if (l2 > 0) value = value + l2 / 2 * sum(square(w));
    });
    return value;
  };
}

// One planned training step for one batch size, with or without measurements.
class StepPlan {
 public:
  StepPlan(const TrainConfig& config, const StepOptions<Model>& options, const Assignment& what,
           int64_t rows, bool measured)
      : clips_(config.clip_norm > 0 || config.clip_value > 0),
        step_(recorded(config, options, what, rows, measured)),
        plan_(make(config)) {
    for (const InstructionNote& n : plan_.notes()) flops_ += n.flops;
  }

  void load(const TrainingState& s) {
    plan_.set(0, s.params);
    for (size_t i = 0; i < s.carried.size(); ++i) plan_.set(static_cast<int>(i) + 1, s.carried[i]);
  }
  void save(TrainingState& s) const {
    s.params = plan_.input_tensor(0);
    for (size_t i = 0; i < s.carried.size(); ++i)
      s.carried[i] = plan_.input_tensor(static_cast<int>(i) + 1);
  }
  void fill(const Batch& batch) {
    copy(batch.x, step_.x());
    copy(batch.target, step_.target());
  }
  void set_rate(double rate) { plan_.input<float>(step_.rate())[0] = static_cast<float>(rate); }
  void set_key(Key key) { plan_.set(step_.key(), key_tensor(key)); }
  void run() { plan_.run(); }
  double loss() const { return static_cast<double>(plan_.output<float>(step_.loss())[0]); }
  bool clipped() const { return clips_ && plan_.output<float>(step_.clipped())[0] != 0; }
  // Gradient norms of the layers, then |change| / |parameters|.
  std::span<const float> measurements() const {
    return plan_.output<float>(step_.loss() + (clips_ ? 2 : 1));
  }
  double flops() const { return flops_; }
  // What number `i` of the carried state is now, one number.
  double carried(size_t i) const { return number(plan_.input_tensor(static_cast<int>(i))); }

 private:
  static RecordedStep recorded(const TrainConfig& config, StepOptions<Model> options,
                               const Assignment& what, int64_t rows, bool measured) {
    if (measured)
      options.also = [](const StepView<Model>& view, std::vector<Tensor>& out) {
        std::vector<Tensor> norms;
        size_t at = 0;
        for (const auto& [name, count] : layers_of(view.model)) {
          Tensor length;
          for (size_t i = 0; i < count; ++i) {
            const Tensor& g = view.grads[at++];
            const Tensor own = norm(reshape(g, {g.size()}));
            length = i == 0 ? own : hypot(length, own);
          }
          norms.push_back(expand_dims(length, 0));
        }
        norms.push_back(expand_dims(norm(view.after - view.before) / norm(view.before), 0));
        out.push_back(concatenate(norms));
      };
    return record_step<Model>(what.model, penalised(what.loss, config.l1, config.l2),
                              what.training->x(rows), what.training->target(rows), options);
  }
  Plan make(const TrainConfig& config) {
    Graph graph = std::move(step_.graph);
    if (config.precision != "f32")
      graph = with_precision(graph, config.precision == "bf16" ? DType::bf16 : DType::f16);
    if (!config.recompute.empty())
      graph = recompute(graph, recompute_policy(config.recompute), step_.carries);
    return Plan(std::move(graph), step_.names, step_.carries);
  }
  void copy(std::span<const std::byte> from, int input) {
    const Type type =
        plan_.graph().value(plan_.graph().input_ids()[static_cast<size_t>(input)]).type;
    const auto into = [&](auto to) { std::memcpy(to.data(), from.data(), from.size()); };
    if (type.dtype == DType::f32)
      into(plan_.input<float>(input));
    else if (type.dtype == DType::i64)
      into(plan_.input<int64_t>(input));
    else
      raise(ErrorKind::dtype, "train: rows are " + to_string(type) + ". They must be f32 or i64.");
  }

  bool clips_;
  RecordedStep step_;  // its graph is the plan's
  Plan plan_;
  double flops_ = 0;
};

void start_of(TrainingState& state, const Model& model, const StepOptions<Model>& options) {
  state.carried = first_carries(model, options);
  state.params = state.carried.front();
  state.carried.erase(state.carried.begin());
}

// Parameters as one vector, and running statistics.
struct Weights {
  Tensor params;
  std::span<const Tensor> statistics;
};

// What a run is judged by: the weights as they are, or their average.
Weights judged_weights(const TrainingState& state, const StateParts& parts) {
  return {parts.average < parts.statistics ? state.carried[parts.average - 1] : state.params,
          std::span(state.carried).subspan(parts.statistics - 1, parts.scale - parts.statistics)};
}

// What a run leaves behind: the best of an early stop, where there is one.
Weights final_weights(const TrainingState& state, const StateParts& parts) {
  if (state.best.params.is_absent()) return judged_weights(state, parts);
  return {state.best.params, state.best.statistics};
}

Model model_of(const Model& start, const Weights& w) {
  return with_statistics(with_parameters(start, unflatten(w.params, parameters(start))),
                         w.statistics);
}

void write_text(const fs::path& path, std::string_view text) {
  write_file_atomically(path.string(), as_bytes(text));
}

std::string json_number(double x) {
  return std::isfinite(x) ? text::number(x) : "null";
}

std::string more_text(const char* of, const std::vector<std::string>& names,
                      const std::vector<double>& values) {
  std::string out;
  for (size_t i = 0; i < values.size(); ++i)
    out += ",\"" + (of + names[i]) + "\":" + json_number(values[i]);
  return out;
}

std::string metrics_text(const std::vector<EpochRecord>& epochs,
                         const std::vector<std::string>& names) {
  std::string out;
  for (const EpochRecord& e : epochs) {
    out += "{\"epoch\":" + std::to_string(e.epoch) + ",\"step\":" + std::to_string(e.step) +
           ",\"train_loss\":" + json_number(e.train_loss) +
           ",\"train_accuracy\":" + json_number(e.train_accuracy) +
           ",\"val_loss\":" + json_number(e.val_loss) +
           ",\"val_accuracy\":" + json_number(e.val_accuracy) +
           more_text("train_", names, e.train_more) + more_text("val_", names, e.val_more) +
           ",\"update_ratio\":" + json_number(e.update_ratio) + ",\"grad_norm\":[";
    for (size_t i = 0; i < e.grad_norm.size(); ++i)
      out += (i ? "," : "") + json_number(e.grad_norm[i]);
    out += "],\"seconds\":" + text::fixed(e.seconds, 3) + "}\n";
  }
  return out;
}

std::vector<LayerSpectrum> spectra_of(const Model& model) {
  constexpr int64_t most_elements = int64_t{1} << 20;
  std::vector<LayerSpectrum> result;
  for (const auto& [name, x] : named_parameters(model)) {
    if (x.rank() < 2 || x.size() > most_elements) continue;
    const Tensor matrix = x.rank() == 2 ? x : reshape(x, {x.shape()[0], -1});
    if (std::min(matrix.shape()[0], matrix.shape()[1]) > most_spectrum) continue;
    result.push_back({name, {}, {}});
    const std::vector<double> all = numbers(matrix);
    if (std::ranges::all_of(all, [](double v) { return std::isfinite(v); }))
      result.back().after = numbers(svdvals(matrix));
  }
  return result;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
  const auto share = [](const char* flag, double value) {
    if (!(value >= 0 && value < 1))
      raise(ErrorKind::usage, std::string("train: ") + flag + " is " + text::number(value) +
                                  ". It is a share in [0, 1), 0 for none.");
  };
  share("--dropout", c.dropout);
  share("--label-smoothing", c.label_smoothing);
  for (const auto& [flag, value] :
       {std::pair("--mixup", c.mixup), std::pair("--l1", c.l1), std::pair("--l2", c.l2)})
    if (!(value >= 0) || !std::isfinite(value))
      raise(ErrorKind::usage, std::string("train: ") + flag + " is " + text::number(value) +
                                  ". It is a number from 0, 0 for none.");
  parse_augmentation(c.augment);
  if (c.patience < 0)
    raise(ErrorKind::usage, "train: --patience is " + std::to_string(c.patience) +
                                ". It is a number of epochs, 0 for any.");
  if (c.precision != "f32" && c.precision != "bf16" && c.precision != "fp16")
    raise(ErrorKind::usage,
          "train: --precision is '" + c.precision + "'. It is f32, bf16 or fp16.");
  constexpr int64_t most_parts = 1024;  // each is recorded
  if (c.accumulate < 1 || c.accumulate > most_parts)
    raise(ErrorKind::usage, "train: --accumulate is " + std::to_string(c.accumulate) +
                                ". It is a number of batches from 1 to " +
                                std::to_string(most_parts) + ".");
  constexpr int64_t most_epochs = 1'000'000'000;  // times the steps of an epoch still fits
  if (c.batch < 1)
    raise(ErrorKind::usage,
          "train: --batch is " + std::to_string(c.batch) + ". The batch is at least 1.");
  if (c.epochs < 0 || c.epochs > most_epochs)
    raise(ErrorKind::usage, "train: --epochs is " + std::to_string(c.epochs) +
                                ". It is a number of epochs from 0 to 10^9.");
  if (!(c.val >= 0 && c.val < 1))
    raise(ErrorKind::usage,
          "train: --val is " + text::number(c.val) + ". It is the share held out, in [0, 1).");
}

std::vector<int64_t> order_of(const TrainConfig& config, int64_t epoch, int64_t examples) {
  const Key key = split(key_from_seed(config.seed), order_stream);
  return permutation(split(key, static_cast<uint64_t>(epoch)), examples);
}

std::unique_ptr<Assignment> assignment_of(TrainConfig& config) {
  if (config.recipe.empty()) return assign_table(config);
  if (const Recipe* r = find_recipe(config.recipe)) {
    if (r->assign) return r->assign(config);
    raise(ErrorKind::usage, "train: " + config.recipe + " is no descent of a loss. gradus train " +
                                config.recipe + " runs it.");
  }
  std::vector<std::string_view> names;
  for (const Recipe& r : recipes()) names.push_back(r.name);
  const auto near = text::nearest(config.recipe, names);
  raise(ErrorKind::usage, "train: there is no recipe '" + config.recipe + "'." +
                              (near ? " Did you mean '" + std::string(*near) + "'?" : "") +
                              " There are " + text::join(names, ", ") + ".");
}

// One run, from its folder to its record.
class Training {
 public:
  Training(const TrainConfig& wanted, const std::string& out, bool resume, const TrainHooks& hooks)
      : config_(wanted), out_(out), folder_(out), hooks_(hooks) {
    const bool continues = open_folder(resume);
    check_ranges(config_);
    what_ = assignment_of(config_);
    for (const std::string& line : what_->notes) note(line);
    count_ = what_->training->count();
    const int64_t batch = std::min(config_.batch, count_);
    used_ = count_ - (config_.drop_last ? count_ % batch : 0);
    whole_ = std::min(batch * config_.accumulate, used_);
    steps_per_epoch_ = (used_ + whole_ - 1) / whole_;
    steps_ = steps_per_epoch_ * config_.epochs;
    if (!config_.schedule.empty())
      schedule_ = parse_schedule(config_.schedule, std::max<int64_t>(steps_, 1));
    base_rate_ = optimiser_of(config_).lr;
    options_ = options_of(config_, *what_, steps_);
    start_of(state_, what_->model, options_);
    parts_ = parts_of(what_->model, options_, state_.carried.size() + 1);
    for (const auto& [name, count] : layers_of(what_->model)) run_.layer_names.push_back(name);
    state_.grad_norm.assign(run_.layer_names.size(), 0);
    identity_ = config_json(config_);
    const bool resumed = continues && find_checkpoint();
    write_settings();
    describe();
    if (!resumed) state_.start_loss = start_loss();
    run_.start_loss = state_.start_loss;
    run_.spectra = spectra_of(what_->model);
    for (LayerSpectrum& s : run_.spectra) s.before = std::move(s.after);
    if (!state_.step_loss.empty()) look_for_divergence(state_.step_loss.back(), loss_scale());
    if (hooks_.before) hooks_.before(run_);
  }

  RunRecord run() {
    train();
    save();
    run_.seconds = seconds();
    run_.steps = state_.step;
    run_.epochs = state_.epochs;
    run_.interrupted = stopped_;
    run_.clipped_steps = config_.clip_norm > 0 || config_.clip_value > 0 ? state_.clipped : -1;
    if (scales()) {
      run_.loss_scale = loss_scale();
      run_.skipped_steps = std::llround(number(state_.carried[parts_.scale + 1]));
    }
    run_.peak_bytes = peak_bytes();
    write_checkpoint();
    const Model model = final_model();
    if (!stopped_) write_weights(model);
    conclude(model);
    run_.command = "gradus train --config " + (folder_ / "run.toml").string();
    write_text(folder_ / "report.html", render_report(run_));
    return run_;
  }

 private:
  void note(const std::string& line) const {
    if (hooks_.note) hooks_.note(line);
  }

  // Whether it holds a run to go on with.
  bool open_folder(bool resume) {
    std::error_code unreadable;
    const bool is_there = fs::exists(folder_, unreadable);
    if (is_there && !fs::is_directory(folder_, unreadable))
      raise(ErrorKind::file, out_ + ": it is not a folder");
    const bool has_files = is_there && !fs::is_empty(folder_, unreadable);
    if (unreadable)
      raise(ErrorKind::file, out_ + ": the folder cannot be read: " + unreadable.message() +
                                 ". Choose another --out.");
    if (has_files && !resume)
      raise(ErrorKind::usage, "train: the folder " + out_ +
                                  " is not empty. A run is never overwritten. Choose another "
                                  "--out, or go on with --resume.");
    const fs::path toml = folder_ / "run.toml";
    const bool continues = resume && fs::exists(toml);
    if (config_.data.empty() && continues)
      apply_entries(config_, read_toml(toml.string()), toml.string());
    return continues;
  }

  fs::path checkpoint_folder() const { return folder_ / "checkpoints"; }

  bool find_checkpoint() {
    for (const auto& [step, path] : checkpoints_in(checkpoint_folder())) {
      try {
        const SafeTensors file = read_checkpoint(path.string());
        if (metadata_of(file, "config") != identity_)
          raise(ErrorKind::usage, "train: " + path.string() +
                                      " was made by other settings. A run goes on with its own. "
                                      "Leave the flags out, or choose another --out.");
        TrainingState fresh = state_;
        unpack(file, path.string(), fresh);
        state_ = std::move(fresh);
        return true;
      } catch (const Error& e) {
        // A damaged header can also name a type that is not supported.
        if (e.kind != ErrorKind::file && e.kind != ErrorKind::unsupported) throw;
        note("passed over " + std::string(e.what()));
      }
    }
    return false;
  }

  void write_settings() {
    std::error_code failed;
    fs::create_directories(checkpoint_folder(), failed);
    if (failed)
      raise(ErrorKind::file,
            out_ + ": the folder cannot be made: " + failed.message() + ". Choose another --out.");
    TomlEntries entries = entries_of(config_);
    for (const TomlEntry& e : what_->resolved()) entries.push_back(e);
    write_text(folder_ / "run.toml", toml_text(entries));
  }

  void describe() {
    run_.name = folder_.filename().string();
    run_.data_source = fs::path(config_.data).filename().string();
    run_.model = what_->model.says();
    run_.optimiser = config_.optimiser;
    run_.seed = config_.seed;
    run_.parameters = parameter_count(what_->model);
    run_.train_count = count_;
    run_.val_count = what_->validation ? what_->validation->count() : 0;
    run_.unit = what_->training->unit();
    run_.metrics = what_->metrics;
    for (const TomlEntry& e : said_entries(config_)) {
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
      if (!value.empty() && value != "-1")
        run_.config.emplace_back(e.key.substr(e.key.find('.') + 1), value);
    }
    run_.config.emplace_back("threads", std::to_string(thread_count()));
    what_->describe(run_);
  }

  // Of a model that normalises by running statistics, which do not know the data yet, as a step
  // takes it.
  double start_loss() const {
    if (statistics(what_->model).empty())
      return what_->measure(what_->model, *what_->training, accuracy_rows).loss;
    std::vector<int64_t> rows(static_cast<size_t>(std::min(count_, config_.batch)));
    std::iota(rows.begin(), rows.end(), 0);
    const auto [x, target] = tensors_of(*what_->training, rows);
    const Key key = split(key_from_seed(config_.seed), draw_stream);
    Pass pass = Pass::training(what_->draws ? key_tensor(key) : Tensor());
    return number(what_->loss(what_->model, x, target, pass));
  }

  double seconds() const { return earlier_ + seconds_since(start_); }
  bool scales() const { return parts_.scale < parts_.end; }
  double loss_scale() const { return scales() ? number(state_.carried[parts_.scale - 1]) : 0; }
  // With a loss scale a step may overflow, until the scale is so low that it is not to blame.
  void look_for_divergence(double loss, double scale) {
    if (std::isfinite(loss) || scale >= 1) return;
    run_.diverged = true;
    run_.diverged_step = state_.step;
  }

  Model judged_model() const { return model_of(what_->model, judged_weights(state_, parts_)); }
  Model final_model() const { return model_of(what_->model, final_weights(state_, parts_)); }

  // Plans: whole batches and the rest, each also with measurements. Made when first needed.
  StepPlan& plan_for(int64_t rows, bool measured) {
    measured |= run_.parameters >= one_plan_from;
    auto& plan = plans_[(rows == whole_ ? 0 : 2) + (measured ? 1 : 0)];
    if (!plan) plan = std::make_unique<StepPlan>(config_, options_, *what_, rows, measured);
    if (last_ != plan.get()) {
      save();
      plan->load(state_);
      last_ = plan.get();
    }
    return *plan;
  }
  // What the plan carries becomes the state.
  void save() {
    if (last_) last_->save(state_);
  }

  void write_checkpoint() {
    save();
    const fs::path path =
        checkpoint_folder() / ("step-" + std::to_string(state_.step) + ".safetensors");
    try {
      write_safetensors(path.string(), pack(state_, identity_));
    } catch (const Error& e) {
      if (e.kind != ErrorKind::file) throw;
      const auto left = checkpoints_in(checkpoint_folder());
      raise(ErrorKind::file,
            std::string(e.what()) +
                (left.empty() ? " There is no checkpoint before it."
                              : " Training stopped; the checkpoint before it is whole, of step " +
                                    std::to_string(left[0].first) +
                                    ": make room, then go on with "
                                    "--resume."));
    }
    const auto all_files = checkpoints_in(checkpoint_folder());
    for (size_t i = 2; i < all_files.size(); ++i) {
      std::error_code ignored;
      fs::remove(all_files[i].second, ignored);
    }
  }

  int64_t rows_of_step(int64_t step) const {
    return std::min(whole_, used_ - step % steps_per_epoch_ * whole_);
  }
  bool patience_ends() const {
    return config_.patience > 0 && state_.best.without >= config_.patience;
  }

  void train() {
    start_ = std::chrono::steady_clock::now();
    earlier_ = state_.epochs.empty() ? 0 : state_.epochs.back().seconds;
    first_step_ = state_.step;
    const Key key = key_from_seed(config_.seed);
    std::vector<int64_t> order;
    int64_t order_epoch = -1;
    Loader loader(
        *what_->training,
        [&](int64_t step) {
          const int64_t epoch = step / steps_per_epoch_;
          if (epoch != order_epoch) order = order_of(config_, epoch, count_);
          order_epoch = epoch;
          const auto rows =
              std::span(order).subspan(static_cast<size_t>(step % steps_per_epoch_ * whole_),
                                       static_cast<size_t>(rows_of_step(step)));
          return Wanted{{rows.begin(), rows.end()},
                        split(split(key, augment_stream), static_cast<uint64_t>(step))};
        },
        state_.step, steps_);
    while (state_.step < steps_ && !run_.diverged && !patience_ends()) {
      if (hooks_.stop && hooks_.stop->load(std::memory_order_relaxed)) {
        stopped_ = true;
        break;
      }
      one_step(loader.next(), split(key, draw_stream));
    }
  }

  void one_step(const Batch& batch, Key key) {
    const int64_t epoch = state_.step / steps_per_epoch_, within = state_.step % steps_per_epoch_;
    const int64_t rows = rows_of_step(state_.step);
    const bool measured = state_.step % measure_every == 0;
    StepPlan& plan = plan_for(rows, measured);
    plan.fill(batch);
    if (!schedule_.empty())
      plan.set_rate(base_rate_ * schedule_.factor(state_.step, state_.plateau));
    if (options_.takes_key) plan.set_key(split(key, static_cast<uint64_t>(state_.step)));
    plan.run();
    state_.clipped += plan.clipped();
    ++state_.step;
    rows_done_ += rows;
    flops_done_ += plan.flops();
    const double loss = plan.loss(), scale = scales() ? plan.carried(parts_.scale) : 0;
    // A step that overflowed f16 changed nothing; its loss says nothing either.
    if (!scales() || std::isfinite(loss)) state_.epoch_loss += loss * static_cast<double>(rows);
    ++state_.epoch_steps;
    state_.step_loss.push_back(loss);
    if (measured) {
      const auto m = plan.measurements();
      for (size_t i = 0; i < state_.grad_norm.size(); ++i)
        state_.grad_norm[i] += static_cast<double>(m[i]);
      state_.update_ratio += static_cast<double>(m.back());
      ++state_.measured;
    }
    look_for_divergence(loss, scale);
    if (hooks_.step) hooks_.step(state_.step, loss);
    const bool epoch_ends = within + 1 == steps_per_epoch_ || run_.diverged;
    Progress p;
    p.step = state_.step, p.steps = steps_, p.epoch = epoch + 1, p.epochs = config_.epochs;
    p.loss = state_.epoch_loss / static_cast<double>(std::min((within + 1) * whole_, used_));
    if (epoch_ends) end_epoch(p);
    if (!state_.epochs.empty()) {
      const EpochRecord& e = state_.epochs.back();
      p.val_loss = e.val_loss;
      p.val_accuracy = e.val_accuracy;
      if (epoch_ends)
        p.grad_norm = std::sqrt(
            std::inner_product(e.grad_norm.begin(), e.grad_norm.end(), e.grad_norm.begin(), 0.0));
    }
    if (run_.diverged) return;
    if (config_.checkpoint_every > 0 && state_.step % config_.checkpoint_every == 0)
      write_checkpoint();
    show(p, epoch_ends);
  }

  void end_epoch(const Progress& p) {
    save();
    const Model now = judged_model();
    EpochRecord e;
    e.epoch = p.epoch;
    e.step = state_.step;
    e.train_loss = p.loss;
    const Measured on_training = what_->measure(now, *what_->training, accuracy_rows);
    e.train_accuracy = on_training.accuracy;
    e.train_more = on_training.more;
    if (what_->validation) {
      const Measured v = what_->measure(now, *what_->validation, what_->validation->count());
      e.val_loss = v.loss;
      e.val_accuracy = v.accuracy;
      e.val_more = v.more;
    }
    e.val_more.resize(e.train_more.size(), not_measured);
    const double measures = static_cast<double>(std::max<int64_t>(state_.measured, 1));
    for (double g : state_.grad_norm)
      e.grad_norm.push_back(state_.measured ? g / measures : not_measured);
    e.update_ratio = state_.measured ? state_.update_ratio / measures : not_measured;
    e.seconds = seconds();
    state_.epochs.push_back(e);
    const double judged = what_->validation ? e.val_loss : e.train_loss;
    if (schedule_.watches_loss()) state_.plateau = schedule_.observe(state_.plateau, judged);
    if (config_.patience > 0) {
      Best& best = state_.best;
      if (best.params.is_absent() || judged < best.loss) {
        const Weights w = judged_weights(state_, parts_);
        best = {judged, e.epoch, 0, w.params, {w.statistics.begin(), w.statistics.end()}};
      } else {
        ++best.without;
      }
    }
    state_.epoch_loss = 0;
    state_.epoch_steps = state_.measured = 0;
    state_.update_ratio = 0;
    std::ranges::fill(state_.grad_norm, 0.0);
    write_text(folder_ / "metrics.jsonl", metrics_text(state_.epochs, run_.metrics));
    if (seconds_since(start_) - events_written_ > 2) write_events();
    if (hooks_.epoch) hooks_.epoch(e, now);
  }

  void thin_step_losses() {
    run_.step_loss.clear();
    const size_t stride = state_.step_loss.size() / most_step_losses + 1;
    for (size_t i = 0; i < state_.step_loss.size(); i += stride)
      run_.step_loss.push_back(state_.step_loss[i]);
  }
  // The whole file anew, so that a run that goes on has one.
  void write_events() {
    events_written_ = seconds_since(start_);
    thin_step_losses();
    run_.epochs = state_.epochs;
    const double now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    write_text(folder_ / "events.out.tfevents.0.gradus", event_file(run_, now - seconds()));
  }

  void show(Progress& p, bool epoch_ends) {
    const double elapsed = seconds_since(start_);
    if (!hooks_.progress || !(epoch_ends || elapsed - shown_ > 0.1)) return;
    shown_ = elapsed;
    p.seconds = elapsed;
    p.unit = run_.unit;
    p.units_per_second = units_per_second();
    p.peak_share = peak_share();
    p.seconds_left = elapsed / static_cast<double>(state_.step - first_step_) *
                     static_cast<double>(steps_ - state_.step);
    hooks_.progress(p, epoch_ends);
  }
  // Over all the time since training began, evaluation included.
  double units_per_second() const {
    return static_cast<double>(rows_done_ * what_->training->units_in_a_row()) /
           std::max(seconds_since(start_), 1e-9);
  }
  double peak_share() {
    if (peak_ == 0) peak_ = measure_flops().flops_f32;
    return flops_done_ / std::max(seconds_since(start_), 1e-9) / peak_;
  }

  void write_weights(const Model& model) {
    SafeTensors weights;
    weights.tensors = state_dict(model);
    weights.metadata = {{"format", "gradus"},
                        {"version", GRADUS_VERSION},
                        {"seed", std::to_string(config_.seed)},
                        {"config", identity_},
                        {"config_sha256", sha256_hex(as_bytes(identity_))}};
    write_safetensors((folder_ / "model.safetensors").string(), weights);
  }

  // The record for people.
  void conclude(const Model& model) {
    write_events();
    if (rows_done_ > 0) {
      run_.units_per_second = units_per_second();
      run_.peak_share = peak_share();
    }
    if (!state_.best.params.is_absent()) run_.best_epoch = state_.best.epoch;
    const std::vector<LayerSpectrum> after = spectra_of(model);
    for (size_t i = 0; i < after.size(); ++i) run_.spectra[i].after = after[i].after;
    const Measured on_training = what_->measure(model, *what_->training, accuracy_rows);
    run_.train_loss = on_training.loss;
    run_.train_accuracy = on_training.accuracy;
    if (what_->validation) {
      const Measured v = what_->measure(model, *what_->validation, what_->validation->count());
      run_.val_loss = v.loss;
      run_.val_accuracy = v.accuracy;
    }
    what_->conclude(model, run_);
  }

  TrainConfig config_;
  std::string out_;
  fs::path folder_;
  const TrainHooks& hooks_;
  std::unique_ptr<Assignment> what_;
  // Rows of the training set, of an epoch, and of a whole step.
  int64_t count_ = 0, used_ = 0, whole_ = 0, steps_per_epoch_ = 0, steps_ = 0;
  Schedule schedule_;
  double base_rate_ = 0;
  StepOptions<Model> options_;
  StateParts parts_{};
  std::string identity_;  // what decides the weights
  TrainingState state_;
  RunRecord run_;
  std::unique_ptr<StepPlan> plans_[4];
  StepPlan* last_ = nullptr;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double earlier_ = 0, shown_ = 0, events_written_ = 0;  // seconds
  int64_t first_step_ = 0, rows_done_ = 0;
  double flops_done_ = 0, peak_ = 0;
  bool stopped_ = false;
};

}  // namespace

RunRecord train(const TrainConfig& config, const std::string& out, bool resume,
                const TrainHooks& hooks) {
  return Training(config, out, resume, hooks).run();
}

StateDict weights_at(const std::string& checkpoint) {
  const fs::path folder = fs::absolute(checkpoint).parent_path().parent_path();
  const SafeTensors file = read_checkpoint(checkpoint);
  const std::string toml = (folder / "run.toml").string();
  if (!fs::exists(toml))
    raise(ErrorKind::file, checkpoint +
                               ": it is a checkpoint, and there is no run.toml above it at " +
                               toml + ". Keep it where its run wrote it.");
  TrainConfig config;
  apply_entries(config, read_toml(toml), toml);
  const std::unique_ptr<Assignment> what = assignment_of(config);
  if (metadata_of(file, "config") != config_json(config))
    raise(ErrorKind::file, checkpoint + ": it was made by other settings than those of " + toml +
                               ". Keep it where its run wrote it.");
  const StepOptions<Model> options = options_of(config, *what, 0);
  TrainingState state;
  start_of(state, what->model, options);
  state.grad_norm.resize(layers_of(what->model).size());
  unpack(file, checkpoint, state);
  return state_dict(model_of(
      what->model, final_weights(state, parts_of(what->model, options, state.carried.size() + 1))));
}

RateSearch find_rate(const TrainConfig& wanted, double low, double high, int64_t steps) {
  TrainConfig config = wanted;
  check_ranges(config);
  const std::vector<double> rates = range_rates(low, high, steps);
  const std::unique_ptr<Assignment> what = assignment_of(config);
  config.schedule = "constant";  // the plan takes a rate with every run
  const int64_t count = what->training->count(), batch = std::min(config.batch, count);
  const StepOptions<Model> options = options_of(config, *what, steps);
  StepPlan plan(config, options, *what, batch, false);
  TrainingState state;
  start_of(state, what->model, options);
  plan.load(state);
  const int64_t per_epoch = count / batch;
  const Key key = key_from_seed(config.seed);
  std::vector<int64_t> order;
  Loader loader(
      *what->training,
      [&](int64_t step) {
        if (step % per_epoch == 0) order = order_of(config, step / per_epoch, count);
        const auto rows = std::span(order).subspan(static_cast<size_t>(step % per_epoch * batch),
                                                   static_cast<size_t>(batch));
        return Wanted{{rows.begin(), rows.end()},
                      split(split(key, augment_stream), static_cast<uint64_t>(step))};
      },
      0, steps);
  std::vector<double> losses;
  for (int64_t step = 0; step < steps; ++step) {
    plan.fill(loader.next());
    plan.set_rate(rates[static_cast<size_t>(step)]);
    if (options.takes_key)
      plan.set_key(split(split(key, draw_stream), static_cast<uint64_t>(step)));
    if (losses.empty() || std::isfinite(losses.back())) plan.run();
    losses.push_back(plan.loss());
  }
  RateSearch found{read_range(rates, losses), {}, config.optimiser};
  // The curvature before the first step, on so many rows, in f64.
  constexpr int64_t most_rows = 512;
  std::vector<int64_t> rows(static_cast<size_t>(std::min(count, most_rows)));
  std::iota(rows.begin(), rows.end(), 0);
  const auto [x, target] = tensors_of(*what->training, rows);
  const auto wide = [](const Tensor& t) { return is_float(t.dtype()) ? cast(t, DType::f64) : t; };
  std::vector<Tensor> like;
  for (const Tensor& p : parameters(what->model)) like.push_back(wide(p));
  std::vector<Tensor> kept;
  for (const Tensor& s : statistics(what->model)) kept.push_back(wide(s));
  const Model start = with_statistics(what->model, kept);
  found.curvature = largest_curvature(
      [&, in = wide(x), wanted_out = wide(target)](const Tensor& flat) {
        Pass pass = Pass::training(what->draws ? key_tensor(split(key, draw_stream)) : Tensor());
        return what->loss(with_parameters(start, unflatten(flat, like)), in, wanted_out, pass);
      },
      flatten(like), {.tolerance = 1e-2, .products = 100});
  return found;
}

}  // namespace gradus
