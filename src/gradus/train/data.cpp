#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/io/cifar.h>
#include <gradus/io/csv.h>
#include <gradus/io/file.h>
#include <gradus/io/idx.h>
#include <gradus/io/npy.h>
#include <gradus/ops/elementwise.h>
#include <gradus/train/data.h>
#include <gradus/train/generate.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace gradus {
namespace {

// More different whole numbers than this are amounts, not classes.
constexpr int64_t most_levels = 64;

bool may_be_text(Bytes bytes) {
  return std::ranges::find(bytes, std::byte{0}) == bytes.end();
}

[[noreturn]] void data_error(const std::string& source, const std::string& why) {
  raise(ErrorKind::file, source + ": " + why);
}

// Class numbers for names in the order of `like`, or sorted: numbers by size, texts by letters.
void name_classes(Dataset& d, const std::vector<std::string>& labels, const Dataset* like) {
  if (like) {
    d.class_names = like->class_names;
  } else {
    d.class_names = labels;
    // Numbers before texts: mixed labels would have no order otherwise.
    std::ranges::sort(d.class_names, {}, [](const std::string& s) {
      const auto value = text::parse_double(s);
      const bool is_number = value && !std::isnan(*value);
      return std::tuple(!is_number, is_number ? *value : 0.0, s);
    });
    d.class_names.erase(std::unique(d.class_names.begin(), d.class_names.end()),
                        d.class_names.end());
  }
  std::map<std::string, int64_t> number;
  for (size_t c = 0; c < d.class_names.size(); ++c)
    number[d.class_names[c]] = static_cast<int64_t>(c);
  for (const std::string& l : labels) {
    const auto found = number.find(l);
    if (found == number.end())
      data_error(d.source, "the label '" + l + "' was not there in training. The classes are " +
                               text::join(d.class_names, ", ") + ".");
    d.y.push_back(found->second);
  }
  if (!like && d.class_names.size() < 2)
    data_error(d.source, "all labels are '" + (labels.empty() ? std::string() : labels[0]) +
                             "'. Two classes at least are needed.");
}

// Whole numbers with few levels are classes; other numbers are amounts.
void take_labels(Dataset& d, const std::vector<double>& numbers, const Dataset* like,
                 std::string_view loss) {
  std::vector<double> levels(numbers);
  std::ranges::sort(levels);
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  bool whole = std::ssize(levels) <= most_levels;
  for (double v : levels) whole &= v == std::floor(v);
  const bool amounts = like ? like->task == Task::regression : loss == "mse" || !whole;
  if (amounts) {
    d.task = Task::regression;
    for (double v : numbers) {
      if (!std::isfinite(v))
        data_error(d.source, "a target is not finite. Targets must be numbers.");
      d.target.push_back(static_cast<float>(v));
    }
    return;
  }
  std::vector<std::string> names;
  for (double v : numbers) names.push_back(text::number(v));
  name_classes(d, names, like);
}

Dataset from_generator(const TrainConfig& config, const std::string& name, uint64_t seed) {
  const int64_t count = config.examples > 0 ? config.examples : generator(name).examples;
  Generated g = generate(name, count, seed);
  Dataset d;
  d.source = name;
  d.examples = g.examples;
  d.x = std::move(g.x);
  d.y = std::move(g.y);
  d.features = d.examples == 0 ? 0 : std::ssize(d.x) / d.examples;
  d.feature_names = std::move(g.feature_names);
  d.class_names = std::move(g.class_names);
  d.image_rows = g.image_rows;
  d.image_cols = g.image_cols;
  return d;
}

// Which columns of a table are features, in the order of training, and which is the label.
struct Columns {
  std::vector<size_t> used;
  std::optional<size_t> label;
  std::vector<std::string> others;  // that nobody asked to leave out
};

// Whether both sides have names that tell the columns apart.
bool go_by_name(const CsvTable& table, const std::vector<std::string>& names, const Dataset& like) {
  if (!table.has_header) return false;
  const std::set<std::string_view> wanted(like.feature_names.begin(), like.feature_names.end());
  if (wanted.size() != like.feature_names.size() || wanted.contains(like.label_name)) return false;
  if (!like.label_name.empty()) return true;
  // Arrays have no names, and older records do not say whether theirs are from a header.
  const std::set<std::string_view> have(names.begin(), names.end());
  return std::ranges::includes(have, wanted);
}

Columns columns_by_name(const TrainConfig& config, const std::string& path,
                        const std::vector<std::string>& names, const Dataset& like, bool labelled) {
  std::map<std::string_view, size_t> places;
  std::set<std::string_view> twice;
  for (size_t c = 0; c < names.size(); ++c)
    if (!places.try_emplace(names[c], c).second) twice.insert(names[c]);
  Columns columns;
  std::vector<bool> known(names.size());
  std::vector<std::string> missing;
  const auto place_of = [&](const std::string& name) -> std::optional<size_t> {
    const auto found = places.find(name);
    if (found == places.end()) return std::nullopt;
    if (twice.contains(name))
      data_error(path, "the column '" + printable(name, 40) +
                           "' is there twice. Columns are matched by the names in training. "
                           "Rename all but one.");
    known[found->second] = true;
    return found->second;
  };
  for (const std::string& name : like.feature_names) {
    if (const auto c = place_of(name))
      columns.used.push_back(*c);
    else
      missing.push_back(name);
  }
  for (size_t c = 0; c < names.size(); ++c)
    for (const std::string& word : config.ignore) {
      const auto place = text::parse_int64(word);
      const auto n = std::ssize(names), at = static_cast<std::ptrdiff_t>(c);
      if (!known[c] && (word == names[c] || (place && (*place == at || *place == at - n))))
        known[c] = true;
    }
  columns.label = place_of(like.label_name.empty() ? config.label : like.label_name);
  if (!columns.label && like.label_name.empty())
    for (size_t c = names.size(); c-- > 0 && !columns.label;)
      if (!known[c]) columns.label = c;
  if (columns.label)
    known[*columns.label] = true;
  else if (labelled)
    missing.push_back(!like.label_name.empty() ? like.label_name
                      : config.label.empty()   ? "label"
                                               : config.label);
  if (!missing.empty()) {
    const bool one = missing.size() == 1;
    data_error(path, std::string(one ? "the column " : "the columns ") + list_of(missing) +
                         (one ? " is" : " are") + " missing; there are " + list_of(names) +
                         ". Columns are matched by the names in training. " +
                         (one ? "Add it, or rename the column that holds it."
                              : "Add them, or rename the columns that hold them."));
  }
  for (size_t c = 0; c < names.size(); ++c)
    if (!known[c]) columns.others.push_back(names[c]);
  return columns;
}

Columns columns_by_place(const TrainConfig& config, const std::vector<std::string>& names,
                         const Dataset* like, bool labelled) {
  Columns columns;
  std::vector<bool> ignored(names.size());
  for (const std::string& word : config.ignore) ignored[select_column(names, word)] = true;
  const auto label_column = [&]() -> size_t {
    if (!config.label.empty()) return select_column(names, config.label);
    size_t last = names.size() - 1;
    while (last > 0 && ignored[last]) --last;
    return last;
  };
  if (!like || labelled) {
    columns.label = label_column();
  } else if (!config.label.empty() && std::ranges::find(names, config.label) != names.end()) {
    columns.label = label_column();  // data to predict may bring its labels
  } else if (std::ssize(names) > like->features + std::ssize(config.ignore)) {
    columns.label = label_column();
  }
  for (size_t c = 0; c < names.size(); ++c)
    if (c != columns.label && !ignored[c]) columns.used.push_back(c);
  return columns;
}

Dataset from_csv(const TrainConfig& config, const std::string& path, const Dataset* like,
                 bool labelled) {
  CsvTable table = read_csv(path);
  const std::vector<std::string> names = table.names();
  Dataset d;
  d.source = path;
  Columns columns = like && go_by_name(table, names, *like)
                        ? columns_by_name(config, path, names, *like, labelled)
                        : columns_by_place(config, names, like, labelled);
  d.left_out = list_of(columns.others);
  if (!labelled) columns.label.reset();
  const std::vector<size_t>& used = columns.used;
  const std::optional<size_t> label = columns.label;
  if (used.empty())
    data_error(path, "there is no column beside the label. At least one feature is needed.");
  for (size_t c : used) {
    const CsvColumn& column = table.columns[c];
    if (column.is_text)
      data_error(path, "column '" + column.name + "' holds text (line " +
                           std::to_string(column.first_text_line) +
                           "). Features must be numbers. " +
                           (like ? "Write numbers there, as in training."
                                 : "Leave it out with --ignore " + column.name + "."));
    d.feature_names.push_back(column.name);
  }
  if (like && d.feature_names.size() != like->feature_names.size())
    data_error(path, "it has " + std::to_string(d.feature_names.size()) +
                         " feature columns, but the model was trained on " +
                         std::to_string(like->feature_names.size()) + ". Give the same columns.");

  if (label && table.has_header) d.label_name = names[*label];

  std::vector<bool> read(names.size());
  for (size_t c : used) read[c] = true;
  if (label) read[*label] = true;
  for (size_t c = 0; c < names.size(); ++c)
    if (!read[c]) table.columns[c].missing = 0;
  std::vector<bool> kept(static_cast<size_t>(table.rows), true);
  const std::string missing = missing_values(table);
  for (int64_t r = 0; r < table.rows; ++r)
    for (size_t c = 0; c < names.size(); ++c) {
      if (table.columns[c].missing == 0) continue;
      const CsvColumn& column = table.columns[c];
      const auto at = static_cast<size_t>(r);
      const bool gone = column.is_text ? c == label && column.texts[at].empty()
                                       : !column.numbers.empty() && std::isnan(column.numbers[at]);
      if (!gone) continue;
      if (config.missing == "error" || (config.missing == "mean" && c == label))
        data_error(path, missing + (like ? ". Fill them in, or take their rows out of the file."
                                         : ". Fill them in, or choose --missing drop or "
                                           "--missing mean."));
      if (config.missing == "drop") kept[at] = false;
    }
  std::vector<double> fill;
  for (size_t c : used) {
    double total = 0;
    int64_t n = 0;
    for (double v : table.columns[c].numbers)
      if (!std::isnan(v)) total += v, ++n;
    fill.push_back(n == 0 ? 0 : total / static_cast<double>(n));
  }
  std::vector<double> numbers;
  std::vector<std::string> texts;
  for (size_t r = 0; r < kept.size(); ++r) {
    if (!kept[r]) continue;
    ++d.examples;
    for (size_t k = 0; k < used.size(); ++k) {
      const double v = table.columns[used[k]].numbers[r];
      d.x.push_back(static_cast<float>(std::isnan(v) ? fill[k] : v));
    }
    if (!label) continue;
    if (table.columns[*label].is_text)
      texts.push_back(table.columns[*label].texts[r]);
    else
      numbers.push_back(table.columns[*label].numbers[r]);
  }
  d.features = std::ssize(used);
  d.incomplete = table.rows - d.examples;
  if (!label) return d;
  if (table.columns[*label].is_text)
    name_classes(d, texts, like);
  else
    take_labels(d, numbers, like, config.loss);
  return d;
}

// The first axis counts examples; the others are features. Two of them are a picture.
void take_features(Dataset& d, const Tensor& x) {
  if (x.rank() < 2 || x.rank() > 4)
    data_error(
        d.source,
        "it holds " + to_string(x.type()) +
            ". Examples lie along the first axis and features along the others: rank 2, 3 or 4.");
  d.examples = x.shape()[0];
  d.features = d.examples == 0 ? 0 : x.size() / d.examples;
  const Tensor numbers32 = cast(x, DType::f32);
  d.x = values<float>(numbers32);
  if (x.rank() >= 3) {
    // (N, H, W), or planes, (N, C, H, W).
    d.image_rows = x.shape()[x.rank() - 2];
    d.image_cols = x.shape()[x.rank() - 1];
  } else if (const auto side = static_cast<int64_t>(std::sqrt(static_cast<double>(d.features)));
             side >= 8 && side * side == d.features) {
    d.image_rows = d.image_cols = side;
  }
  for (int64_t f = 0; f < d.features; ++f) d.feature_names.push_back("x" + std::to_string(f));
}

void take_label_tensor(Dataset& d, const Tensor& y, const std::string& from, const Dataset* like,
                       std::string_view loss) {
  if (y.size() != d.examples || y.rank() > 2)
    data_error(from, "it holds " + to_string(y.type()) + " for " + std::to_string(d.examples) +
                         " examples. One label an example is needed.");
  take_labels(d, numbers(y), like, loss);
}

Tensor read_array(const std::string& path) {
  const FileBytes file(path);
  return is_npy(file.bytes()) ? read_npy(file.bytes(), path) : read_idx(path);
}

}  // namespace

Dataset load_dataset(const TrainConfig& config, const std::string& source, uint64_t seed,
                     const Dataset* like, bool labelled) {
  const bool is_file = std::filesystem::exists(source);
  bool generated = false;
  for (const GeneratorInfo& g : generators()) generated |= g.name == source;
  Dataset d;
  if (generated) {
    d = from_generator(config, source, seed);
  } else if (!is_file) {
    if (source.find('/') == std::string::npos && source.find('.') == std::string::npos)
      generator(source);  // raises with the nearest name
    raise(ErrorKind::file, source + ": there is no such file");
  } else {
    const FileBytes file(source);
    d.source = source;
    if (is_zip(file.bytes())) {
      const NamedTensors arrays = read_npz(source);
      const auto find = [&](std::string_view name) -> const Tensor* {
        for (const auto& [n, t] : arrays)
          if (n == name) return &t;
        return nullptr;
      };
      const std::string label = config.label.empty() ? "y" : config.label;
      const Tensor *x = find("x"), *y = find(label);
      if (x == nullptr || (labelled && y == nullptr)) {
        std::vector<std::string> have;
        for (const auto& [n, t] : arrays) have.push_back(n);
        data_error(source, "it holds the arrays " + text::join(have, ", ") +
                               ". Features must be called x and labels " + label + ".");
      }
      take_features(d, *x);
      if (y && labelled) take_label_tensor(d, *y, source, like, config.loss);
    } else if (source.ends_with(".bin") && (is_cifar(file.bytes()) || !may_be_text(file.bytes()))) {
      const Cifar batch = read_cifar(file.bytes(), source);
      take_features(d, batch.images);
      if (labelled) take_label_tensor(d, batch.labels, source, like, config.loss);
    } else if (is_npy(file.bytes()) || is_idx(file.bytes()) || is_gzip(file.bytes())) {
      take_features(d, read_array(source));
      if (!config.labels.empty() && (!like || labelled))
        take_label_tensor(d, read_array(config.labels), config.labels, like, config.loss);
      else if (labelled)
        data_error(source, "it has no labels. Name their file with --labels FILE.");
    } else {
      d = from_csv(config, source, like, labelled);
    }
  }
  if (d.examples == 0) data_error(source, "it has no examples. At least two are needed.");
  if (like && d.features != like->features)
    data_error(source, "it has " + std::to_string(d.features) +
                           " features, but the model was trained on " +
                           std::to_string(like->features) + ". Give the same ones.");
  if (like && generated && like->task == Task::classification && d.class_names != like->class_names)
    data_error(source, "its classes are " + text::join(d.class_names, ", ") +
                           ", but the model was trained on " + text::join(like->class_names, ", ") +
                           ". Give data with the same classes.");
  for (size_t i = 0; i < d.x.size(); ++i)
    if (!std::isfinite(d.x[i]))
      data_error(source, "feature '" + d.feature_names[i % static_cast<size_t>(d.features)] +
                             "' of example " + std::to_string(i / static_cast<size_t>(d.features)) +
                             " is not finite. Features must be numbers.");
  return d;
}

Dataset pick(const Dataset& data, std::span<const int64_t> rows) {
  Dataset d = data;
  d.examples = std::ssize(rows);
  d.x.clear();
  d.y.clear();
  d.target.clear();
  for (int64_t r : rows) {
    const auto row = data.row(r);
    d.x.insert(d.x.end(), row.begin(), row.end());
    if (!data.y.empty()) d.y.push_back(data.y[static_cast<size_t>(r)]);
    if (!data.target.empty()) d.target.push_back(data.target[static_cast<size_t>(r)]);
  }
  return d;
}

Scaling scaling_of(const Dataset& data, bool by_plane) {
  if (by_plane && data.channels() > 0) {
    // A plane as one feature of that many more examples.
    const auto plane = static_cast<size_t>(data.image_rows * data.image_cols);
    Scaling s;
    for (int64_t p = 0; p < data.channels(); ++p) {
      double mean = 0, away = 0;
      const auto each = [&](auto take) {
        for (int64_t r = 0; r < data.examples; ++r)
          for (float v : data.row(r).subspan(static_cast<size_t>(p) * plane, plane))
            take(static_cast<double>(v));
      };
      const double count = static_cast<double>(data.examples) * static_cast<double>(plane);
      each([&](double v) { mean += v / count; });
      each([&](double v) { away += (v - mean) * (v - mean) / count; });
      s.mean.insert(s.mean.end(), plane, mean);
      s.scale.insert(s.scale.end(), plane, away > 0 ? std::sqrt(away) : 1);
    }
    return s;
  }
  const auto n = static_cast<size_t>(data.features);
  Scaling s{std::vector<double>(n), std::vector<double>(n)};
  for (int64_t r = 0; r < data.examples; ++r)
    for (size_t f = 0; f < n; ++f) s.mean[f] += static_cast<double>(data.row(r)[f]);
  for (double& m : s.mean) m /= static_cast<double>(data.examples);
  for (int64_t r = 0; r < data.examples; ++r)
    for (size_t f = 0; f < n; ++f) {
      const double away = static_cast<double>(data.row(r)[f]) - s.mean[f];
      s.scale[f] += away * away;
    }
  for (double& v : s.scale) {
    v = std::sqrt(v / static_cast<double>(data.examples));
    if (v == 0) v = 1;
  }
  return s;
}

void Scaling::apply(Dataset& data) const {
  if (mean.empty()) return;
  const size_t n = mean.size();
  for (size_t i = 0; i < data.x.size(); ++i)
    data.x[i] = static_cast<float>((static_cast<double>(data.x[i]) - mean[i % n]) / scale[i % n]);
}

}  // namespace gradus
