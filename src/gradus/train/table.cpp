#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/metrics.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/statistics.h>
#include <gradus/train/models.h>
#include <gradus/train/run_files.h>
#include <gradus/train/table.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

namespace gradus {
namespace {

namespace fs = std::filesystem;

// Branches of the seed. The generators use split(key, "data") themselves.
enum Stream : uint64_t {
  split_stream = 1,
  init_stream = 2,
  label_stream = 4,
  certainty_stream = 7
};
// Of a batch's key: rows are numbered from 0.
constexpr uint64_t mixup_stream = ~uint64_t{0};

constexpr int64_t chunk_rows = 256;  // evaluated at once: any count of rows needs little memory
constexpr size_t most_mistakes = 24;

bool is_classes(std::string_view loss) {
  return loss != "mse";
}

int64_t outputs_of(const Dataset& d, std::string_view loss) {
  return loss == "cross-entropy" ? d.classes() : 1;
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
  if (c.label_smoothing > 0 && c.loss != "cross-entropy")
    raise(ErrorKind::usage,
          "train: --label-smoothing goes with the loss cross-entropy, but it is " + c.loss +
              ". Leave it out.");
  settle_model(c, d, outputs_of(d, c.loss));
  if (c.lr == 0)
    c.lr = d.features <= 2 && c.optimiser.starts_with("adam") ? 1e-2 : defaults_for(c.optimiser).lr;
  if (c.missing != "error" && c.missing != "drop" && c.missing != "mean")
    raise(ErrorKind::usage,
          "train: --missing '" + c.missing + "' is unknown. Choose error, drop or mean.");
  optimiser_of(c);
}

Tensor scores(const Model& model, const Tensor& features) {
  std::vector<Tensor> parts;
  const int64_t rows = features.shape()[0];
  for (int64_t from = 0; from < rows; from += chunk_rows)
    parts.push_back(model(slice_axis(features, 0, {from, std::min(rows, from + chunk_rows)})));
  return parts.size() == 1 ? parts[0] : concatenate(parts, 0);
}

// Training on rows. The held-out part is drawn from the seed; standardisation looks at the training
// part only.
class TableAssignment : public Assignment {
 public:
  explicit TableAssignment(TrainConfig& config) {
    const Key key = key_from_seed(config.seed);
    Dataset all = load_dataset(config, config.data, config.seed), train, held;
    if (config.validation.empty()) {
      const std::vector<int64_t> order = permutation(split(key, split_stream), all.examples);
      const auto count =
          static_cast<int64_t>(std::llround(config.val * static_cast<double>(all.examples)));
      held = pick(all, std::span(order).first(static_cast<size_t>(count)));
      train = pick(all, std::span(order).subspan(static_cast<size_t>(count)));
    } else {
      train = std::move(all);
      held = load_dataset(config, config.validation, config.seed, &train);
    }
    if (train.examples == 0)
      raise(ErrorKind::usage, "train: nothing is left to train on. Hold out less with --val.");
    resolve(config, train);
    raw_ = held;
    if (config.standardise) {
      scaling_ = scaling_of(train, takes_pictures(config) || !config.augment.empty());
      scaling_.apply(train);
      scaling_.apply(held);
    }
    if (config.shuffle_labels) shuffle_labels(train, split(key, label_stream));
    loss_ = config.loss;
    config_ = config;
    model = make_model(config, train, split(key, init_stream));
    draws = gradus::draws(config);
    metrics = {is_classes(loss_) ? "macro_f1" : "r_squared"};
    loss = [word = config.loss, smoothing = config.label_smoothing](
               const Model& m, const Tensor& x, const Tensor& target, Pass& pass) {
      return table_loss(word, m(x, pass), target, smoothing);
    };
    if (!held.left_out.empty())
      notes.push_back(held.source + ": left out, as not there in training: " + held.left_out);
    RowChanges changes{parse_augmentation(config.augment), {}, config.mixup};
    if (changes.augmentation.any()) {
      if (train.channels() == 0)
        raise(ErrorKind::usage, "train: --augment changes pictures, but the examples of " +
                                    train.source + " are none. Leave it out.");
      // 0 before scaling: black, or no ink.
      const int64_t plane = train.image_rows * train.image_cols;
      for (int64_t p = 0; p < train.channels(); ++p) {
        const auto at = static_cast<size_t>(p * plane);
        changes.outside.push_back(
            scaling_.mean.empty() ? 0
                                  : static_cast<float>(-scaling_.mean[at] / scaling_.scale[at]));
      }
    }
    const bool holds = held.examples > 0;
    training = std::make_shared<DataRows>(std::move(train), loss_, std::move(changes));
    if (holds) validation = std::make_shared<DataRows>(std::move(held), loss_);
  }

  Measured measure(const Model& now, const Examples& rows, int64_t most) const override {
    const Dataset& all = rows_of(rows);
    std::vector<int64_t> first(static_cast<size_t>(std::min(all.examples, most)));
    for (size_t i = 0; i < first.size(); ++i) first[i] = static_cast<int64_t>(i);
    const Evaluation e =
        most < all.examples ? evaluate(now, pick(all, first), loss_) : evaluate(now, all, loss_);
    if (!is_classes(loss_)) return {e.loss, e.accuracy, {e.r_squared}};
    const int64_t count = std::min(all.examples, most);
    const auto counts =
        confusion(e.predicted, std::span(all.y).first(static_cast<size_t>(count)), all.classes());
    double f1 = 0;
    for (int64_t c = 0; c < all.classes(); ++c) {
      const double own = class_scores(counts, c).f1;
      f1 += std::isfinite(own) ? own : 0;
    }
    return {e.loss, e.accuracy, {f1 / static_cast<double>(all.classes())}};
  }

  void describe(RunRecord& run) const override {
    const Dataset& d = rows_of(*training);
    run.task = loss_ == "mse" ? "regression" : loss_ == "bce" ? "binary" : "classification";
    run.activation = config_.activation;
    run.loss_name = loss_;
    run.classes = d.classes();
    run.class_names = d.class_names;
    if (d.channels() == 1 || d.channels() == 3)
      run.image_rows = d.image_rows, run.image_cols = d.image_cols;
    if (loss_ == "mse") {
      std::vector<double> amounts(d.target.begin(), d.target.end());
      if (amounts.empty()) amounts.assign(d.y.begin(), d.y.end());
      run.chance_loss = chance_loss("regression", amounts);
    } else {
      std::vector<double> counts(static_cast<size_t>(d.classes()));
      for (int64_t c : d.y) counts[static_cast<size_t>(c)] += 1;
      run.chance_loss = chance_loss(run.task, counts);
    }
  }

  void conclude(const Model& now, RunRecord& run) const override {
    if (!validation || !is_classes(loss_)) return;
    const Dataset& held = rows_of(*validation);
    const Evaluation v = evaluate(now, held, loss_);
    run.confusion = confusion(v.predicted, held.y, held.classes());
    const Certainty sure = certainty(v, held.y, split(key_from_seed(run.seed), certainty_stream));
    run.calibration_error = sure.calibration_error;
    run.accuracy_low = sure.low;
    run.accuracy_high = sure.high;
    for (int64_t i = 0; i < held.examples; ++i) {
      const auto at = static_cast<size_t>(i);
      if (v.predicted[at] == held.y[at]) continue;
      const auto row = raw_.row(i);
      run.mistakes.push_back(
          {i, held.y[at], v.predicted[at], v.confidence[at], {row.begin(), row.end()}});
    }
    std::ranges::stable_sort(run.mistakes, std::greater<>(), &Mistake::confidence);
    if (run.mistakes.size() > most_mistakes) run.mistakes.resize(most_mistakes);
  }

  TomlEntries resolved() const override {
    const Dataset& d = rows_of(*training);
    return {{"resolved.task",
             std::string(d.task == Task::regression ? "regression" : "classification")},
            {"resolved.features", d.feature_names},
            {"resolved.label", d.label_name},
            {"resolved.classes", d.class_names},
            {"resolved.image", std::vector<double>{static_cast<double>(d.image_rows),
                                                   static_cast<double>(d.image_cols)}},
            {"scaling.mean", scaling_.mean},
            {"scaling.scale", scaling_.scale}};
  }

 private:
  static const Dataset& rows_of(const Examples& e) {
    return static_cast<const DataRows&>(e).data();
  }

  TrainConfig config_;
  std::string loss_;
  Dataset raw_;  // what is held out, as it was read
  Scaling scaling_;
};

}  // namespace

DataRows::DataRows(Dataset data, std::string loss, RowChanges changes)
    : data_(std::move(data)),
      loss_(std::move(loss)),
      outputs_(outputs_of(data_, loss_)),
      changes_(std::move(changes)) {}

void DataRows::fill(std::span<const int64_t> rows, std::span<std::byte> x,
                    std::span<std::byte> target, std::optional<Key> key) const {
  const auto features = static_cast<size_t>(data_.features),
             outputs = static_cast<size_t>(outputs_);
  std::vector<float> xs(rows.size() * features), targets(rows.size() * outputs);
  for (size_t r = 0; r < rows.size(); ++r) {
    const std::span<const float> row = data_.row(rows[r]);
    const std::span<float> to = std::span(xs).subspan(r * features, features);
    if (key && changes_.augmentation.any())
      augment(changes_.augmentation, {data_.channels(), data_.image_rows, data_.image_cols}, row,
              changes_.outside, split(*key, static_cast<uint64_t>(rows[r])), to);
    else
      std::ranges::copy(row, to.begin());
    fill_target(data_, loss_, rows[r], std::span(targets).subspan(r * outputs, outputs));
  }
  if (key && changes_.mixup > 0) {
    const Key own = split(*key, mixup_stream);
    const double share =
        number(Beta(changes_.mixup, changes_.mixup).sample(key_tensor(split(own, 0)), {}));
    const std::vector<int64_t> others = permutation(split(own, 1), std::ssize(rows));
    const auto blend = [&](std::vector<float>& all, size_t each) {
      const std::vector<float> plain = all;
      for (size_t r = 0; r < rows.size(); ++r)
        for (size_t i = 0; i < each; ++i)
          all[r * each + i] = static_cast<float>(
              share * static_cast<double>(plain[r * each + i]) +
              (1 - share) * static_cast<double>(plain[static_cast<size_t>(others[r]) * each + i]));
    };
    blend(xs, features);
    blend(targets, outputs);
  }
  std::memcpy(x.data(), xs.data(), xs.size() * sizeof(float));
  std::memcpy(target.data(), targets.data(), targets.size() * sizeof(float));
}

std::unique_ptr<Assignment> assign_table(TrainConfig& config) {
  return std::make_unique<TableAssignment>(config);
}

Tensor table_loss(std::string_view loss, const Tensor& scores, const Tensor& target,
                  double label_smoothing) {
  if (loss == "mse") return mse(scores, target, Reduction::mean);
  if (loss == "bce") return binary_cross_entropy_with_logits(scores, target, Reduction::mean);
  return cross_entropy(scores, target, Reduction::mean, {.label_smoothing = label_smoothing});
}

Tensor feature_tensor(const Dataset& data) {
  return from_vector(data.x, {data.examples, data.features});
}

Tensor loss_on(const Model& model, const Tensor& features, const Dataset& data,
               std::string_view loss) {
  const Tensor out = model(features);
  const Scope scope("loss");
  return table_loss(loss, out, target_tensor(data, loss, out.shape()[1]));
}

Evaluation evaluate(const Model& model, const Dataset& data, std::string_view loss) {
  Evaluation e;
  e.examples = data.examples;
  const Tensor out = scores(model, feature_tensor(data));
  if (!data.y.empty() || !data.target.empty())
    e.loss = number(table_loss(loss, out, target_tensor(data, loss, out.shape()[1])));
  if (!is_classes(loss)) {
    e.values = values<float>(reshape(out, {out.size()}));
    if (!data.target.empty())
      e.r_squared = r_squared(std::vector<double>(e.values.begin(), e.values.end()),
                              std::vector<double>(data.target.begin(), data.target.end()));
    return e;
  }
  e.predicted = predicted_classes(out);
  const Tensor all = loss == "bce" ? concatenate({sigmoid(-out), sigmoid(out)}, 1) : softmax(out);
  e.probabilities = numbers(all);
  e.confidence = numbers(max(all, {.axis = -1}));
  if (!data.y.empty()) e.accuracy = accuracy(e.predicted, data.y);
  return e;
}

Certainty certainty(const Evaluation& e, std::span<const int64_t> truth, Key key) {
  Certainty c;
  const auto finite = [](double p) { return std::isfinite(p); };
  if (e.predicted.empty() || !std::ranges::all_of(e.confidence, finite)) return c;
  std::vector<int64_t> right;
  for (size_t i = 0; i < truth.size(); ++i) right.push_back(e.predicted[i] == truth[i]);
  c.calibration_error = reliability(e.confidence, right, 15).expected_error;
  if (e.accuracy == 0 || e.accuracy == 1) {
    // Every resample would be the same. Wilson (1927, "Probable inference") for 0 or n of n.
    const double n = static_cast<double>(right.size()), z = 1.959963984540054;
    const double away = z * z / (n + z * z);
    c.low = e.accuracy == 1 ? 1 - away : 0;
    c.high = e.accuracy == 1 ? 1 : away;
    return c;
  }
  // Resampling n shares of 0 and 1 is drawing how many are right: the mean of a binomial draw.
  constexpr int64_t resamples = 2000;
  const auto n = static_cast<double>(right.size());
  std::vector<double> counts =
      numbers(Binomial(n, e.accuracy).sample(key_tensor(key), {resamples}));
  c.low = quantile(counts, 0.025) / n;
  c.high = quantile(counts, 0.975) / n;
  return c;
}

TrainedRun load_run(const std::string& folder) {
  RunFiles files = read_run(folder);
  TrainedRun run;
  run.config = std::move(files.config);
  if (const Recipe* r = find_recipe(run.config.recipe); r && r->assign != assign_table)
    raise(ErrorKind::usage, folder + ": it is a run of " + run.config.recipe +
                                ", which does not answer rows of a table.");
  for (const TomlEntry& e : files.entries) {
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
  const size_t n = run.scaling.mean.size();
  const int64_t outputs = run.loss == "cross-entropy" ? run.like.classes() : 1;
  if (run.scaling.scale.size() != n || (run.loss == "bce" && run.like.classes() != 2) ||
      (n != 0 && static_cast<int64_t>(n) != run.like.features) ||
      !fits(run.config, run.like, outputs))
    raise(ErrorKind::file, (fs::path(folder) / "run.toml").string() +
                               ": scaling, features, classes and model do not fit together");
  run.model = load_state(make_model(run.config, run.like, key_from_seed(0)), files.weights);
  return run;
}

}  // namespace gradus
