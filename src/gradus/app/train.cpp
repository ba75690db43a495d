// gradus train: from data to a trained network and a report.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/train/generate.h>
#include <gradus/train/progress.h>
#include <gradus/train/recipes.h>
#include <gradus/train/trainer.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>

namespace gradus::app {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> stop_asked = false;

void ask_to_stop(int) {
  stop_asked = true;
}

When color_flag(const Settings& s) {
  return s.color == "always" ? When::always : s.color == "never" ? When::never : When::automatic;
}

Terminal screen(const Settings& s, int descriptor) {
  Terminal t = terminal(descriptor, color_flag(s));
  if (s.progress == "plain" || s.plain) t.redraws = false;
  if (s.progress == "bar") t.redraws = true;
  return t;
}

// runs/NNNN-NAME, one above the largest number there is.
std::string next_folder(const std::string& data) {
  int64_t largest = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("runs", ignored)) {
    const std::string name = entry.path().filename().string();
    if (const auto number = text::parse_int64(name.substr(0, name.find('-'))))
      largest = std::max(largest, *number);
  }
  const std::string number = std::to_string(largest + 1);
  return "runs/" + std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number + "-" +
         fs::path(data).stem().string();
}

std::string json_or_null(double x) {
  return std::isfinite(x) ? text::number(x) : "null";
}

struct Options {
  TrainConfig config;
  std::string config_file;
  std::string file;  // with a recipe in front: its data
  const Command* command = nullptr;
  bool resume = false, no_standardise = false, list = false;
};

std::string generator_names() {
  std::vector<std::string> names;
  for (const GeneratorInfo& g : generators()) names.emplace_back(g.name);
  return text::join(names, ", ");
}

// The option of a setting: --clip-norm of optimiser.clip_norm.
std::string option_of(std::string_view key) {
  if (key == "optimiser.method") return "--optimiser";
  std::string name(key.substr(key.rfind('.') + 1));
  std::ranges::replace(name, '_', '-');
  return "--" + name;
}

// What a recipe or a file sets, and the flags over it: what was given, be it the usual value, or
// differs from that.
TrainConfig with_flags(TrainConfig config, const TrainConfig& flags, const Command* command) {
  const TomlEntries given = entries_of(flags), usual = entries_of(TrainConfig{});
  TomlEntries changed;
  for (size_t i = 0; i < given.size(); ++i)
    if (given[i].value != usual[i].value || (command && command->given(option_of(given[i].key))))
      changed.push_back(given[i]);
  apply_entries(config, changed, "flags");
  return config;
}

// Refuses options that the recipe would not read.
void require_read(const Recipe& recipe, const Command& command) {
  using enum Material;
  const auto of = [](std::initializer_list<Material> materials) {
    std::vector<std::string_view> names;
    for (const Recipe& r : recipes())
      if (std::ranges::find(materials, r.material) != materials.end()) names.push_back(r.name);
    return names;
  };
  const std::string word(recipe.name);
  if (recipe.material == truth_table) {
    const auto others = of({examples, text, words, pairs});
    std::vector<std::string> options{"--config", "--resume", "--no-standardise"};
    for (const TomlEntry& e : entries_of(TrainConfig{}))
      if (e.key != "training.epochs") options.push_back(option_of(e.key));
    for (const std::string& o : options) require_belonging(command, word, {{o.c_str(), others}});
    return;
  }
  std::vector<Belongs> some{{"--dropout", of({examples, text})},
                            {"--examples", of({examples, pairs})}};
  for (const char* o : {"--label", "--labels", "--ignore", "--missing", "--validation",
                        "--no-standardise", "--activation", "--init", "--init-gain", "--loss",
                        "--label-smoothing", "--mixup", "--augment", "--shuffle-labels"})
    some.push_back({o, of({examples})});
  require_belonging(command, word, some);
}

// The words in front: DATA, or RECIPE and perhaps its DATA.
TrainConfig with_recipe(const Options& o) {
  const std::string& first = o.config.data;
  const Recipe* recipe = find_recipe(first);
  if (!recipe) {
    const bool known =
        std::ranges::find(generators(), first, &GeneratorInfo::name) != generators().end() ||
        first.find_first_of("./") != first.npos || first.empty() || fs::exists(first);
    if (known && o.file.empty()) return o.config;
    std::vector<std::string_view> names;
    for (const Recipe& r : recipes()) names.push_back(r.name);
    if (o.file.empty())
      for (const GeneratorInfo& g : generators()) names.push_back(g.name);
    const auto near = text::nearest(first, names);
    raise(ErrorKind::usage,
          "'" + first +
              (o.file.empty()
                   ? "' is no recipe, no generator (" + generator_names() + ") and no file. "
                   : "' is no recipe, so that '" + o.file + "' is one word too many. ") +
              (near ? "Did you mean '" + std::string(*near) + "'? " : "") +
              "gradus train --list names the recipes.");
  }
  if (o.command) require_read(*recipe, *o.command);
  TrainConfig config, flags = o.config;
  config.recipe = recipe->name;
  recipe->defaults(config);
  flags.data = o.file;
  return with_flags(config, flags, o.command);
}

int list_recipes(const Settings& settings) {
  std::string out;
  size_t width = 0;
  for (const Recipe& r : recipes()) width = std::max(width, r.name.size());
  for (const Recipe& r : recipes())
    out += settings.json
               ? (out.empty() ? "[" : ",") + std::string("{\"name\":") +
                     text::quote_json(std::string(r.name)) +
                     ",\"says\":" + text::quote_json(std::string(r.says)) + "}"
               : text::pad_right(std::string(r.name), width + 2) + std::string(r.says) + "\n";
  print(settings.json ? out + "]\n" : out);
  return done;
}

int run(const Settings& settings, Options& o) {
  if (o.list) return list_recipes(settings);
  TrainConfig config = with_recipe(o);
  if (const Recipe* r = find_recipe(config.recipe); r && !r->assign)
    return train_perceptron(config.recipe, config.epochs, settings);
  // A run goes on with its own settings; flags that differ from them are then refused.
  const std::string own = settings.out + "/run.toml";
  if (o.resume && o.config_file.empty() && config.data.empty() && !settings.out.empty() &&
      fs::exists(own))
    o.config_file = own;
  if (!o.config_file.empty()) {
    TrainConfig file;
    apply_entries(file, read_toml(o.config_file), o.config_file);
    config = with_flags(file, config, o.command);
    if (const Recipe* r = find_recipe(config.recipe)) require_read(*r, *o.command);
  }
  if (o.config_file.empty() || settings.seed != 0) config.seed = settings.seed;
  if (o.no_standardise) config.standardise = false;
  if (config.data.empty())
    raise(ErrorKind::usage, "train: nothing to train on. Name a generator (" + generator_names() +
                                "), a file, or a recipe of gradus train --list.");
  const std::string out = settings.out.empty()
                              ? next_folder(config.recipe.empty() ? config.data : config.recipe)
                              : settings.out;

  const Terminal err = screen(settings, 2);
  const bool shows = !settings.quiet && settings.progress != "none";
  ProgressWriter writer(err);
  const auto say = [&](const std::string& line) {
    if (!settings.quiet) std::fputs(line.c_str(), stderr);
  };
  TrainHooks hooks;
  hooks.stop = &stop_asked;
  hooks.note = [&](const std::string& line) { say("gradus train: " + line + "\n"); };
  hooks.before = [&](const RunRecord& record) { say(configuration_table(record, err)); };
  if (shows)
    hooks.progress = [&](const Progress& p, bool epoch_done) {
      std::fputs(writer.update(p, epoch_done).c_str(), stderr);
      std::fflush(stderr);
    };
  struct sigaction action = {};
  action.sa_handler = ask_to_stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);

  const RunRecord record = train(config, out, o.resume, hooks);
  if (shows) std::fputs(writer.finish().c_str(), stderr);
  if (settings.json) {
    print("{\"val_accuracy\":" + json_or_null(record.val_accuracy) +
          ",\"val_loss\":" + json_or_null(record.val_loss) +
          ",\"train_accuracy\":" + json_or_null(record.train_accuracy) + ",\"train_loss\":" +
          json_or_null(record.train_loss) + ",\"steps\":" + std::to_string(record.steps) +
          ",\"seconds\":" + text::fixed(record.seconds, 3) + ",\"seed\":" +
          std::to_string(record.seed) + ",\"parameters\":" + std::to_string(record.parameters) +
          ",\"peak_bytes\":" + std::to_string(record.peak_bytes) +
          (record.best_epoch > 0 ? ",\"best_epoch\":" + std::to_string(record.best_epoch) : "") +
          (record.loss_scale > 0 ? ",\"loss_scale\":" + json_or_null(record.loss_scale) +
                                       ",\"skipped_steps\":" + std::to_string(record.skipped_steps)
                                 : "") +
          "," + text::quote_json(record.unit + "_per_second") + ":" +
          json_or_null(record.units_per_second) +
          ",\"peak_share\":" + json_or_null(record.peak_share) +
          (record.clipped_steps >= 0 ? ",\"clipped_steps\":" + std::to_string(record.clipped_steps)
                                     : "") +
          ",\"diverged\":" + (record.diverged ? "true" : "false") + ",\"interrupted\":" +
          (record.interrupted ? "true" : "false") + ",\"out\":" + text::quote_json(out) + "}\n");
  } else {
    print(final_summary(record, screen(settings, 1)));
    if (record.interrupted)
      print("saved  " + out + "/checkpoints; go on with: gradus train --out " + out +
            " --resume\n");
    else
      print("wrote  " + out + "/ (report.html, model.safetensors, run.toml)\n");
  }
  if (record.interrupted) return interrupted;
  return record.diverged ? numerical_failure : done;
}

// What train and lr-find share: data, model, optimiser.
void add_setup(Command& command, Options& o) {
  TrainConfig& c = o.config;
  o.command = &command;
  command.word("DATA", c.data,
               "a generator (" + generator_names() +
                   "), a file (CSV, IDX, npy, npz, CIFAR .bin), or a recipe (gradus train --list)",
               false);
  command.word("FILE", o.file, "after a recipe: other data for it", false);
  command.option("--label", c.label,
                 "CSV: the label column by name or place (default: the last); npz: the label array "
                 "(default: y)",
                 "NAME");
  command.option("--labels", c.labels, "IDX or npy: the file of labels", "FILE");
  command.option("--ignore", c.ignore, "CSV: a column to leave out; may be repeated", "NAME");
  command.choice("--missing", c.missing, "what to do about missing values",
                 {"error", "drop", "mean"});
  command.option("--validation", c.validation, "hold out this file instead of a share of DATA",
                 "FILE");
  command.option("--val", c.val, "the share of DATA held out", "SHARE");
  command.option("--examples", c.examples,
                 "how many examples a generator draws (0: its usual count)");
  command.flag("--no-standardise", o.no_standardise, "leave features as they are");
  command.option("--model", c.model,
                 "layer sizes, such as mlp:64-128-10 (default: chosen for DATA)", "MODEL");
  command.option("--activation", c.activation,
                 "relu, tanh, sigmoid, gelu, silu, leaky_relu, elu, ...", "NAME");
  command.option("--init", c.init,
                 "he, he_uniform, xavier, xavier_normal, pytorch, orthogonal, normal:STD, zeros",
                 "NAME");
  command.option("--init-gain", c.init_gain, "multiplies the initial weights");
  command.option("--dropout", c.dropout, "the share of hidden units left out of a step", "SHARE");
  command.option("--loss", c.loss, "cross-entropy, bce or mse (default: chosen for DATA)", "NAME");
  command.option("--optimiser", c.optimiser, text::join(method_names(), ", "), "NAME");
  command.option("--momentum", c.momentum,
                 "momentum of sgd and rmsprop (below 0: the method's own)");
  command.option("--weight-decay", c.weight_decay, "weight decay (below 0: the method's own)");
  command.option("--batch", c.batch, "examples in a step");
  command.choice("--precision", c.precision,
                 "what products are rounded to: bf16 by the processor's instruction where it has "
                 "it, fp16 emulated with a dynamic loss scale; sums and weights stay f32",
                 {"f32", "bf16", "fp16"});
  command.option("--label-smoothing", c.label_smoothing,
                 "the share of each target that is spread evenly over the classes", "SHARE");
  command.option("--mixup", c.mixup,
                 "blend each example with another, by shares from Beta(ALPHA, ALPHA) (0: none)",
                 "ALPHA");
  command.option("--augment", c.augment,
                 "change pictures at each step: shift(PIXELS), rotate(DEGREES), elastic(PIXELS), "
                 "flip, joined by +",
                 "TEXT");
  command.option("--l1", c.l1, "adds L1 sum |w| of the weights to the loss");
  command.option("--l2", c.l2, "adds L2/2 sum w^2 of the weights to the loss");
}

std::string grade(double x) {
  return text::significant(x, 3);
}

struct SearchWords {
  double low = 1e-6, high = 10;
  int64_t steps = 200;
};

int search(const Options& o, const SearchWords& w, const Settings& settings) {
  TrainConfig config = with_recipe(o);
  config.seed = settings.seed;
  if (o.no_standardise) config.standardise = false;
  if (config.data.empty())
    raise(ErrorKind::usage,
          "there is nothing to train on. Name a generator (" + generator_names() + ") or a file.");
  constexpr int64_t most = 1'000'000;
  if (w.steps > most) raise(ErrorKind::usage, "--steps lies in 8 to 10^6");
  const RateSearch found = find_rate(config, w.low, w.high, w.steps);
  const RangeTest& r = found.range;
  const CurvatureEstimate& h = found.curvature;
  const double bound = h.largest > 0 ? stable_rate(h.largest) : not_measured;
  const int status = r.suggested > 0 ? done : answer_is_no;
  if (settings.json) {
    std::string list[3];
    const std::vector<double>* const all[] = {&r.rates, &r.losses, &r.smoothed};
    for (size_t k = 0; k < 3; ++k)
      for (double v : *all[k]) list[k] += (list[k].empty() ? "" : ",") + json_or_null(v);
    print("{\"suggested\":" + json_or_null(r.suggested) + ",\"low\":" + json_or_null(r.low) +
          ",\"high\":" + json_or_null(r.high) + ",\"diverges\":" + json_or_null(r.diverges) +
          ",\"reason\":" + text::quote_json(r.reason) + ",\"curvature\":" +
          json_or_null(h.largest) + ",\"curvature_residual\":" + json_or_null(h.residual) +
          ",\"stable_below\":" + json_or_null(bound) + ",\"rates\":[" + list[0] + "],\"losses\":[" +
          list[1] + "],\"smoothed\":[" + list[2] + "]}\n");
    return status;
  }
  if (!settings.quiet) {
    constexpr size_t width = 60, rows = 4;
    std::vector<double> shown = r.smoothed;
    // What lies far above the start would flatten the rest.
    for (double& v : shown)
      if (!(v < 1.5 * r.smoothed.front())) v = 1.5 * r.smoothed.front();
    const std::string left = grade(r.rates.front()), right = grade(r.rates.back());
    if (!settings.plain)
      for (const std::string& line : braille_curve(shown, width, rows)) print("  " + line + "\n");
    print("  " + text::pad_right(left, width - right.size()) + right +
          "   smoothed loss by learning rate, " + std::to_string(r.rates.size()) + " steps of " +
          found.optimiser + "\n\n");
  }
  print("suggested  " + (r.suggested > 0 ? "--lr " + grade(r.suggested) : std::string("none")) +
        "\n");
  if (settings.quiet) return status;
  print("because    " + r.reason + "\n");
  if (h.largest > 0)
    print("curvature  " + grade(h.largest) + " at the start" +
          (h.settled ? "" : ", give or take " + grade(h.residual)) +
          ": plain gradient descent is stable there for rates below 2 / " + grade(h.largest) +
          " = " + grade(bound) + "\n");
  return status;
}

}  // namespace

void add_train(Command& command, const Settings& settings) {
  auto o = std::make_shared<Options>();
  TrainConfig& c = o->config;
  add_setup(command, *o);
  command.option("--lr", c.lr, "learning rate (0: the method's own)");
  command.option("--schedule", c.schedule,
                 "what multiplies the rate at each step, such as warmup(100)+cosine, step(500), "
                 "onecycle or plateau",
                 "TEXT");
  command.option("--clip-norm", c.clip_norm, "longest gradient of a step (0: any)");
  command.option("--clip-value", c.clip_value, "largest number in the gradient of a step (0: any)");
  command.option("--group", c.groups,
                 "a rule for some parameters, by the beginning or end of their names; may be "
                 "repeated: 'bias: weight_decay=0', '0: frozen', '2.weight: lr=0.01, method=sgd'",
                 "TEXT");
  command.option("--average", c.average,
                 "keep an average of the weights as the model: ema or ema(DECAY), exponential; swa "
                 "or swa(SHARE), equal weights after that share of the run",
                 "TEXT");
  command.option("--accumulate", c.accumulate,
                 "batches whose gradients make one step: a large batch in the memory of a small "
                 "one",
                 "BATCHES");
  command.flag("--drop-last", c.drop_last,
               "leave out the last batch of an epoch where it is smaller");
  command.option("--epochs", c.epochs, "passes over the training data");
  command.option("--patience", c.patience,
                 "end after so many epochs without a lower validation loss, with the weights of "
                 "the best (0: go on)",
                 "EPOCHS");
  command.option("--checkpoint-every", c.checkpoint_every,
                 "steps between checkpoints (0: only at the end)", "STEPS");
  command.option("--recompute", c.recompute,
                 "save memory: compute values of a step again, by the square-root policy (sqrt) or "
                 "until so many bytes suffice",
                 "sqrt|BYTES");
  command.flag("--list", o->list, "the recipes, and what each of them is");
  command.flag("--resume", o->resume, "go on from the newest checkpoint in --out");
  command.flag("--shuffle-labels", c.shuffle_labels,
               "control experiment: training labels in random order");
  command.option("--config", o->config_file,
                 "settings from a TOML file such as run.toml; flags win", "FILE");
  command.example("gradus train digits");
  command.example("gradus train mlp-digits --precision bf16");
  command.example("gradus train data.csv --label species --epochs 50");
  command.example(
      "gradus train digits --optimiser adamw --group \"bias: weight_decay=0\" --average ema");
  command.example("gradus train train-images.idx --labels train-labels.idx --model mlp:784-128-10");
  command.runs([o, &settings] { return run(settings, *o); });
}

void add_lr_find(Command& command, const Settings& settings) {
  const auto o = std::make_shared<Options>();
  const auto w = std::make_shared<SearchWords>();
  add_setup(command, *o);
  command.option("--low", w->low, "the first rate");
  command.option("--high", w->high, "the last");
  command.option("--steps", w->steps, "so many rates, a step of training each");
  command.example("gradus lr-find digits");
  command.example("gradus lr-find data.csv --label species --optimiser sgd");
  command.runs([o, w, &settings] { return search(*o, *w, settings); });
}

// With no words at all: the first thing to try.
void add_quickstart(Command& command, const Settings& settings) {
  command.runs([&settings] {
    Options o;
    o.config.data = "digits";
    const int status = run(settings, o);
    if (!settings.json && status == done)
      print(
          "next   gradus train spirals          another data set\n"
          "       gradus trace \"y = tanh(w*x + b)\" --at w=2,x=0.5,b=-0.5 --wrt w,b\n"
          "       gradus help                   everything else\n");
    return status;
  });
}

}  // namespace gradus::app
