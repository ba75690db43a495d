#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/train/config.h>

#include <algorithm>
#include <map>

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
  visit("data.augment", c.augment);
  visit("data.mixup", c.mixup);
  visit("model.model", c.model);
  visit("model.activation", c.activation);
  visit("model.init", c.init);
  visit("model.init_gain", c.init_gain);
  visit("model.dropout", c.dropout);
  visit("model.loss", c.loss);
  visit("model.label_smoothing", c.label_smoothing);
  visit("model.l1", c.l1);
  visit("model.l2", c.l2);
  visit("optimiser.method", c.optimiser);
  visit("optimiser.lr", c.lr);
  visit("optimiser.momentum", c.momentum);
  visit("optimiser.weight_decay", c.weight_decay);
  visit("optimiser.schedule", c.schedule);
  visit("optimiser.clip_norm", c.clip_norm);
  visit("optimiser.clip_value", c.clip_value);
  visit("optimiser.groups", c.groups);
  visit("optimiser.average", c.average);
  visit("training.recipe", c.recipe);
  visit("training.epochs", c.epochs);
  visit("training.batch", c.batch);
  visit("training.accumulate", c.accumulate);
  visit("training.drop_last", c.drop_last);
  visit("training.patience", c.patience);
  visit("training.precision", c.precision);
  visit("training.seed", c.seed);
  visit("training.checkpoint_every", c.checkpoint_every);
  visit("training.recompute", c.recompute);
}

// Settings that decide how a run goes, not what comes out.
bool is_course(std::string_view key) {
  return key == "training.checkpoint_every" || key == "training.recompute";
}

// Settings that most runs leave alone: said only where they are set.
bool is_rare(std::string_view key) {
  constexpr std::string_view rare[] = {
      "training.recipe",       "data.augment", "data.mixup",        "model.dropout",     "model.l1",
      "model.label_smoothing", "model.l2",     "training.patience", "training.precision"};
  return std::ranges::find(rare, key) != std::end(rare);
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

TomlEntries said_entries(const TrainConfig& config, bool paths) {
  TomlEntries said;
  const TomlEntries all = entries_of(config, paths), usual = entries_of({}, paths);
  for (size_t i = 0; i < all.size(); ++i)
    if (!is_rare(all[i].key) || all[i].value != usual[i].value) said.push_back(all[i]);
  return said;
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

namespace {

// Whether whole parts of a dotted name, at its beginning or its end, are `place`.
bool is_at(std::string_view name, std::string_view place) {
  if (name == place) return true;
  if (place.empty() || name.size() <= place.size()) return false;
  return (name.starts_with(place) && name[place.size()] == '.') ||
         (name.ends_with(place) && name[name.size() - place.size() - 1] == '.');
}

std::string trimmed(std::string_view s) {
  const size_t from = s.find_first_not_of(" \t"), to = s.find_last_not_of(" \t");
  return from == std::string_view::npos ? "" : std::string(s.substr(from, to - from + 1));
}

// "bias: weight_decay=0, lr=0.01"
struct GroupWords {
  std::string place, method;
  bool frozen = false;
  std::vector<std::pair<std::string, double>> numbers;

  ParameterGroup on(ParameterGroup group) const {
    if (!method.empty()) {
      const double lr = group.rule.lr;
      group.rule = defaults_for(method);
      group.rule.lr = lr;
    }
    for (const auto& [name, number] : numbers) set_hyperparameter(group.rule, name, number);
    group.frozen |= frozen;
    return group;
  }
};

GroupWords parse_group(const std::string& words) {
  const auto refuse = [&](const std::string& what) {
    raise(ErrorKind::usage, "train: the group '" + words + "': " + what +
                                ". Write PLACE: SETTING, ..., such as 'bias: weight_decay=0' or "
                                "'0: frozen'.");
  };
  const size_t colon = words.find(':');
  if (colon == std::string::npos) refuse("it has no colon");
  std::string_view rest = words;
  GroupWords g{.place = trimmed(rest.substr(0, colon)), .method = {}, .numbers = {}};
  if (g.place.empty()) refuse("it names no parameters");
  rest.remove_prefix(colon + 1);
  for (bool more = true; more;) {
    const size_t comma = rest.find(',');
    const std::string setting = trimmed(rest.substr(0, comma));
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
    const size_t equals = setting.find('=');
    if (setting == "frozen") {
      g.frozen = true;
      continue;
    }
    if (equals == std::string::npos) refuse("'" + setting + "' is neither frozen nor NAME=VALUE");
    const std::string name = trimmed(std::string_view(setting).substr(0, equals)),
                      value = trimmed(std::string_view(setting).substr(equals + 1));
    if (name == "method") {
      if (value.empty()) refuse("'method=' names no method");
      g.method = value;
      continue;
    }
    const auto number = text::parse_double(value);
    if (!number) refuse("'" + value + "' is no number");
    g.numbers.emplace_back(name, *number);
  }
  return g;
}

}  // namespace

Grouping grouping_of(const TrainConfig& config, const StateDict& parameters) {
  Grouping all;
  const OptimiserConfig base = optimiser_of(config);
  if (config.groups.empty() && base.method != "muon") return all;
  all.groups.push_back({base});
  all.group_of.assign(parameters.size(), 0);
  if (base.method == "muon") {
    ParameterGroup vectors{defaults_for("adamw")};
    vectors.rule.lr = base.lr;
    vectors.rule.weight_decay = 0;
    all.groups.push_back(vectors);
    for (size_t i = 0; i < parameters.size(); ++i)
      all.group_of[i] = parameters[i].second.rank() == 2 ? 0 : 1;
  }
  for (const std::string& words : config.groups) {
    const GroupWords g = parse_group(words);
    std::map<size_t, size_t> changed;  // a group, and what it becomes
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (!is_at(parameters[i].first, g.place)) continue;
      const auto [at, is_new] = changed.try_emplace(all.group_of[i], all.groups.size());
      if (is_new) all.groups.push_back(g.on(all.groups[at->first]));
      all.group_of[i] = at->second;
    }
    if (!changed.empty()) continue;
    std::vector<std::string> names;
    for (const auto& [name, x] : parameters) names.push_back(name);
    raise(ErrorKind::usage, "train: no parameter is at '" + g.place + "'. There are " +
                                text::join(names, ", ") + ".");
  }
  return all;
}

std::string config_json(const TrainConfig& config) {
  std::vector<std::string> parts;
  for (const TomlEntry& e : said_entries(config, false))
    if (!is_course(e.key)) parts.push_back(text::quote_json(e.key) + ":" + json_of(e.value));
  return "{" + text::join(parts, ",") + "}";
}

}  // namespace gradus
