// gradus eval RUN DATA and gradus predict RUN DATA: a trained run meets data.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/io/csv.h>
#include <gradus/io/file.h>
#include <gradus/io/idx.h>
#include <gradus/io/npy.h>
#include <gradus/train/reading.h>
#include <gradus/train/trainer.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

namespace gradus::app {
namespace {

struct Options {
  std::string run, data, labels;
  bool every_class = false;
};

struct Loaded {
  TrainedRun run;
  Dataset data;
  std::vector<bool> gaps;  // of a CSV to predict: rows that training would have dropped
};

std::vector<bool> gaps_of(const std::string& path, const std::vector<std::string>& features) {
  const CsvTable table = read_csv(path);
  std::vector<bool> gaps(static_cast<size_t>(table.rows));
  for (const CsvColumn& c : table.columns)
    if (std::ranges::find(features, c.name) != features.end())
      for (size_t i = 0; i < c.numbers.size(); ++i)
        if (std::isnan(c.numbers[i])) gaps[i] = true;
  return gaps;
}

// Only arrays keep their labels in another file.
void require_labels_apart(const Options& o) {
  std::error_code ignored;
  const bool is_file = std::filesystem::is_regular_file(o.data, ignored);
  bool apart = false;
  if (is_file) {
    const FileBytes file(o.data);
    apart = is_npy(file.bytes()) || is_idx(file.bytes()) || is_gzip(file.bytes());
  }
  if (!apart)
    raise(ErrorKind::usage, "--labels names the labels of an IDX or npy file, but " + o.data +
                                (is_file ? " holds its own. " : " is none. ") + "Leave it out.");
}

Loaded load(const Options& o, const Settings& settings, bool labelled) {
  if (o.run.empty() || o.data.empty())
    raise(ErrorKind::usage, "eval: a run folder and data are needed. Write gradus eval RUN DATA.");
  Loaded l{load_run(o.run), {}, {}};
  if (!o.labels.empty()) require_labels_apart(o);
  TrainConfig config = l.run.config;
  config.labels = o.labels;
  config.examples = 0;
  l.data = load_dataset(config, o.data, settings.seed, &l.run.like, labelled);
  if (config.missing == "drop") {
    const int64_t incomplete = l.data.incomplete;
    if (labelled && incomplete > 0)
      note(settings, o.data + ": " + std::to_string(incomplete) + " of " +
                         counted(l.data.examples + incomplete, "row") +
                         (incomplete == 1 ? " lacks" : " lack") +
                         " a value; left out, as in training.\n");
    if (!labelled && incomplete > 0) {
      // An answer for every row, so that rows and answers keep their numbers.
      config.missing = "mean";
      l.data = load_dataset(config, o.data, settings.seed, &l.run.like, labelled);
      l.gaps = gaps_of(o.data, l.data.feature_names);
      const auto first = std::ranges::find(l.gaps, true) - l.gaps.begin();
      note(settings, o.data + ": " + std::to_string(incomplete) + " of " +
                         std::to_string(l.data.examples) +
                         " rows lack a number, the first is row " + std::to_string(first + 1) +
                         ". Their answers are left empty, as training left such rows out.\n");
    }
  }
  if (!l.data.left_out.empty())
    note(settings, o.data + ": left out, as not there in training: " + l.data.left_out + "\n");
  l.run.scaling.apply(l.data);
  return l;
}

std::string csv_cell(const std::string& s) {
  if (s.find_first_of(",\"\n\r") == std::string::npos) return s;
  std::string out = "\"";
  for (char c : s) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

}  // namespace

std::function<int()> add_eval_run(Command& command, const Settings& settings) {
  auto o = std::make_shared<Options>();
  command.word("RUN", o->run, "the folder of a finished run", false);
  command.word("DATA", o->data, "a generator or a file, as for train", false);
  command.option("--labels", o->labels, "IDX or npy: the file of labels", "FILE");
  command.example("gradus eval runs/0001-digits digits --seed 7");
  return [o, &settings] {
    const Loaded l = load(*o, settings, true);
    const Evaluation e = evaluate(l.run.model, l.data, l.run.loss);
    const bool classes = l.run.loss != "mse";
    const Certainty sure =
        classes ? certainty(e, l.data.y, key_from_seed(settings.seed)) : Certainty();
    const auto json = [](double x) {
      return std::isfinite(x) ? text::number(x) : std::string("null");
    };
    if (settings.json)
      print("{\"accuracy\":" + json(e.accuracy) + ",\"loss\":" + json(e.loss) +
            ",\"r_squared\":" + json(e.r_squared) + ",\"examples\":" + std::to_string(e.examples) +
            (classes
                 ? ",\"accuracy_low\":" + json(sure.low) + ",\"accuracy_high\":" + json(sure.high) +
                       ",\"calibration_error\":" + json(sure.calibration_error)
                 : "") +
            "}\n");
    else if (classes)
      print("accuracy     " + percent(e.accuracy) + ", between " + percent(sure.low) + " and " +
            percent(sure.high) + " " + interval_name(e.accuracy) + "\nloss         " +
            text::significant(e.loss, 6) + "\ncalibration  off by " +
            percent(sure.calibration_error) + " (confidence against the share that is right)" +
            "\nexamples     " + std::to_string(e.examples) + "\n");
    else
      print("loss       " + text::significant(e.loss, 6) + "\nR squared  " +
            text::significant(e.r_squared, 6) + "\nexamples   " + std::to_string(e.examples) +
            "\n");
    return static_cast<int>(done);
  };
}

void add_predict(Command& command, const Settings& settings) {
  auto o = std::make_shared<Options>();
  command.word("RUN", o->run, "the folder of a finished run");
  command.word("DATA", o->data, "a generator or a file; labels in it are not read");
  command.flag("--every-class", o->every_class,
               "beside the answer the probability of every class, and their entropy in nats");
  command.example("gradus predict runs/0001-iris new-flowers.csv > answers.csv");
  command.runs([o, &settings] {
    const Loaded l = load(*o, settings, false);
    const Evaluation e = evaluate(l.run.model, l.data, l.run.loss);
    const bool classes = l.run.loss != "mse";
    std::string out;
    if (!settings.json) out = classes ? "prediction,probability" : "prediction";
    const std::vector<std::string>& names = l.run.like.class_names;
    const bool every = classes && o->every_class;
    if (every && !settings.json) {
      for (const std::string& name : names) out += "," + csv_cell("p(" + name + ")");
      out += ",entropy";
    }
    if (!settings.json) out += "\n";
    for (int64_t i = 0; i < e.examples; ++i) {
      const auto at = static_cast<size_t>(i);
      if (!l.gaps.empty() && l.gaps[at]) {
        const size_t commas = (classes ? 1 : 0) + (every ? names.size() + 1 : 0);
        out += settings.json ? (i ? "," : "[") + std::string("{\"prediction\":null}")
                             : std::string(commas, ',') + "\n";
        continue;
      }
      if (!classes) {
        const std::string value = text::number_f32(e.values[at]);
        out += settings.json ? (i ? "," : "[") + std::string("{\"prediction\":") +
                                   (std::isfinite(e.values[at]) ? value : "null") + "}"
                             : value + "\n";
        continue;
      }
      const std::string& name = names.at(static_cast<size_t>(e.predicted[at]));
      const std::string probability = text::significant(e.confidence[at], 6);
      std::string all;
      if (every) {
        double entropy = 0;
        for (size_t c = 0; c < names.size(); ++c) {
          const double p = e.probabilities[at * names.size() + c];
          if (p > 0) entropy -= p * std::log(p);
          all += (settings.json && c == 0 ? "" : ",") + text::significant(p, 6);
        }
        all = settings.json
                  ? ",\"probabilities\":[" + all + "],\"entropy\":" + text::significant(entropy, 6)
                  : all + "," + text::significant(entropy, 6);
      }
      out += settings.json
                 ? (i ? "," : "[") + std::string("{\"prediction\":") + text::quote_json(name) +
                       ",\"probability\":" + probability + all + "}"
                 : csv_cell(name) + "," + probability + all + "\n";
    }
    print(settings.json ? out + "]\n" : out);
    return static_cast<int>(done);
  });
}

}  // namespace gradus::app
