#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/train/config.h>

namespace gradus {
namespace {

// One row a setting: its key, and where it lives. Everything below walks this list.
template <class Config, class Visit>
void settings(Config& c, Visit visit) {
  visit("data.source", c.data);
  visit("data.labels", c.labels);
  visit("data.label", c.label);
  visit("data.ignore", c.ignore);
  visit("data.missing", c.missing);
  visit("data.validation", c.validation);
  visit("data.examples", c.examples);
  visit("data.val", c.val);
  visit("data.standardise", c.standardise);
  visit("data.shuffle_labels", c.shuffle_labels);
  visit("model.model", c.model);
  visit("model.activation", c.activation);
  visit("model.init", c.init);
  visit("model.init_gain", c.init_gain);
  visit("model.loss", c.loss);
  visit("optimiser.method", c.optimiser);
  visit("optimiser.lr", c.lr);
  visit("optimiser.momentum", c.momentum);
  visit("optimiser.weight_decay", c.weight_decay);
  visit("optimiser.schedule", c.schedule);
  visit("optimiser.clip_norm", c.clip_norm);
  visit("training.epochs", c.epochs);
  visit("training.batch", c.batch);
  visit("training.seed", c.seed);
  visit("training.checkpoint_every", c.checkpoint_every);
  visit("training.recompute", c.recompute);
}

// Settings that decide how a run goes, not what comes out.
bool is_course(std::string_view key) {
  return key == "training.checkpoint_every" || key == "training.recompute";
}

bool is_path(std::string_view key) {
  return key == "data.source" || key == "data.labels" || key == "data.validation";
}

[[noreturn]] void wrong_kind(const std::string& file, const TomlEntry& e, const char* wanted) {
  raise(ErrorKind::file, file + ":" + std::to_string(e.line) + ":" + std::to_string(e.column) +
                             ": '" + e.key + "' must be " + wanted + ".");
}

void read_value(const std::string& file, const TomlEntry& e, std::string& v) {
  if (const auto* s = std::get_if<std::string>(&e.value))
    v = *s;
  else if (const auto* i = std::get_if<int64_t>(&e.value))
    v = std::to_string(*i);
  else
    wrong_kind(file, e, "a text");
}
void read_value(const std::string& file, const TomlEntry& e, bool& v) {
  if (const auto* b = std::get_if<bool>(&e.value))
    v = *b;
  else
    wrong_kind(file, e, "true or false");
}
void read_value(const std::string& file, const TomlEntry& e, int64_t& v) {
  if (const auto* i = std::get_if<int64_t>(&e.value))
    v = *i;
  else
    wrong_kind(file, e, "a whole number");
}
void read_value(const std::string& file, const TomlEntry& e, uint64_t& v) {
  if (const auto* i = std::get_if<int64_t>(&e.value))
    v = static_cast<uint64_t>(*i);
  else
    wrong_kind(file, e, "a whole number");
}
void read_value(const std::string& file, const TomlEntry& e, double& v) {
  if (const auto* d = std::get_if<double>(&e.value))
    v = *d;
  else if (const auto* i = std::get_if<int64_t>(&e.value))
    v = static_cast<double>(*i);
  else
    wrong_kind(file, e, "a number");
}
void read_value(const std::string& file, const TomlEntry& e, std::vector<std::string>& v) {
  if (const auto* list = std::get_if<std::vector<std::string>>(&e.value))
    v = *list;
  else if (const auto* none = std::get_if<std::vector<double>>(&e.value); none && none->empty())
    v.clear();
  else
    wrong_kind(file, e, "a list of texts");
}

TomlValue toml_value(uint64_t v) {
  return static_cast<int64_t>(v);
}
template <class T>
TomlValue toml_value(const T& v) {
  return v;
}

std::string json_of(const TomlValue& value) {
  if (const auto* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
  if (const auto* i = std::get_if<int64_t>(&value)) return std::to_string(*i);
  if (const auto* d = std::get_if<double>(&value)) return text::number(*d);
  if (const auto* s = std::get_if<std::string>(&value)) return text::quote_json(*s);
  std::vector<std::string> words;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value))
    for (const std::string& s : *list) words.push_back(text::quote_json(s));
  return "[" + text::join(words, ",") + "]";
}

}  // namespace

TomlEntries entries_of(const TrainConfig& config, bool paths) {
  TomlEntries entries;
  settings(config, [&](const char* key, const auto& value) {
    if (paths || !is_path(key)) entries.push_back({key, toml_value(value)});
  });
  return entries;
}

void apply_entries(TrainConfig& config, const TomlEntries& entries, const std::string& file) {
  std::vector<std::string_view> known;
  settings(config, [&](const char* key, const auto&) { known.push_back(key); });
  for (const TomlEntry& e : entries) {
    if (e.key.starts_with("scaling.") || e.key.starts_with("resolved.")) continue;
    bool found = false;
    settings(config, [&](const char* key, auto& value) {
      if (e.key != key) return;
      read_value(file, e, value);
      found = true;
    });
    if (found) continue;
    const auto near = text::nearest(e.key, known);
    raise(ErrorKind::file, file + ":" + std::to_string(e.line) + ":" + std::to_string(e.column) +
                               ": '" + e.key + "' is no setting." +
                               (near ? " Did you mean '" + std::string(*near) + "'?" : ""));
  }
}

OptimiserConfig optimiser_of(const TrainConfig& config) {
  OptimiserConfig o = defaults_for(config.optimiser);
  if (config.lr != 0) set_hyperparameter(o, "lr", config.lr);
  if (config.momentum >= 0) set_hyperparameter(o, "momentum", config.momentum);
  if (config.weight_decay >= 0) set_hyperparameter(o, "weight_decay", config.weight_decay);
  return o;
}

std::string config_json(const TrainConfig& config) {
  std::vector<std::string> parts;
  for (const TomlEntry& e : entries_of(config, false))
    if (!is_course(e.key)) parts.push_back(text::quote_json(e.key) + ":" + json_of(e.value));
  return "{" + text::join(parts, ",") + "}";
}

}  // namespace gradus
