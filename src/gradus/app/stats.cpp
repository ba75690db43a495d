// gradus stats FILE.csv: what numbers say about themselves, and how far to trust it. The first word
// may name another question: anova, corr, quantiles, auc, information.
#include <gradus/app/columns.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>
#include <gradus/io/csv.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/information.h>
#include <gradus/prob/statistics.h>
#include <gradus/regress/student.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace gradus::app {
namespace {

using Numbers = std::vector<double>;

struct StatsWords {
  std::vector<std::string> words;
  std::string column, response, group, score, truth, at = "0,0.25,0.5,0.75,1", method = "linear",
                                                     threshold;
  int64_t bins = 0, neighbours = 3, bootstrap = 0;
  double level = 0.95;
  bool forward = false;
};

constexpr std::string_view questions[] = {"anova", "corr", "quantiles", "auc", "information"};

std::string small(double x) {
  return text::significant(x, 6);
}
// As many digits as show differences of a hundredth of sd.
std::string fine(double x, double sd) {
  const double digits = std::log10(std::fabs(x) / sd) + 3;
  return text::significant(x,
                           std::isfinite(digits) ? std::clamp(static_cast<int>(digits), 6, 17) : 6);
}
std::string json(double x) {
  return to_json(scalar(x, DType::f64));
}
std::string json(const Numbers& x) {
  return to_json(from_vector(x));
}
std::string json(const double (&x)[2]) {
  return json(Numbers{x[0], x[1]});
}
std::string counted(int64_t n, const char* one, const char* many) {
  return text::grouped(n) + " " + (n == 1 ? one : many);
}

const CsvColumn& named(const CsvTable& table, const std::string& wanted) {
  return table.columns[select_column(table.names(), wanted)];
}

// A column of numbers; gaps are NaN, infinities are refused.
const CsvColumn& numeric(const std::string& file, const CsvColumn& c) {
  if (c.is_text)
    raise(ErrorKind::file, file + ":" + std::to_string(c.first_text_line) + ": '" + c.name +
                               "' holds text. Statistics are of numbers.");
  for (size_t i = 0; i < c.numbers.size(); ++i)
    if (std::isinf(c.numbers[i]))
      raise(ErrorKind::file, file + ": '" + c.name + "' is infinite in row " +
                                 std::to_string(i + 1) + ". Leave that row out.");
  return c;
}

void require_option(const std::string& value, const char* option, const char* says) {
  if (value.empty())
    raise(ErrorKind::usage, std::string("which column? ") + option + " NAME " + says);
}

std::string gaps(int64_t missing) {
  return missing == 0 ? "" : ", " + counted(missing, "gap", "gaps") + " left out";
}

std::string bars(const Histogram& h) {
  constexpr double widest = 40;
  const double step = h.edges[1] - h.edges[0];
  std::vector<std::vector<std::string>> rows;
  const int64_t most = std::ranges::max(h.counts);
  for (size_t i = 0; i < h.counts.size(); ++i) {
    const double share = static_cast<double>(h.counts[i]) / static_cast<double>(most);
    const auto length = static_cast<size_t>(std::ceil(share * widest));
    const bool last = i + 1 == h.counts.size();
    rows.push_back(
        {"[" + fine(h.edges[i], step) + ", " + fine(h.edges[i + 1], step) + (last ? "]" : ")"),
         std::string(length, '#') + (length > 0 ? " " : "") + text::grouped(h.counts[i])});
  }
  return columns(rows, 2);
}

// At most 24 bars unless said otherwise.
Histogram histogram_of(const Numbers& x, int64_t bins) {
  constexpr size_t tallest = 24;
  Histogram h = histogram(x, bins > 0 ? std::optional(bins) : std::nullopt);
  return bins == 0 && h.counts.size() > tallest ? histogram(x, tallest) : h;
}

std::string words_for_lag(double lag1, int64_t n) {
  const double noise = 2 / std::sqrt(static_cast<double>(n));
  if (std::isnan(lag1)) return "no two numbers differ";
  if (std::fabs(lag1) <= noise) return "within +-" + text::significant(noise, 2) + ": noise";
  return lag1 > 0 ? "a number resembles the one before it: the standard error is too small"
                  : "a number tends to lie across the mean from the one before it";
}

std::string words_for_skew(double skew, int64_t n) {
  const double noise = 2 * std::sqrt(6 / static_cast<double>(n));
  if (std::isnan(skew)) return "";
  if (std::fabs(skew) <= noise) return "as symmetric as chance allows";
  return skew > 0 ? "the longer tail is to the right" : "the longer tail is to the left";
}

// A statistic's name and how it is computed.
struct Estimator {
  const char* name;
  std::function<double(Sample)> of;
};

// By resampling: a member of a JSON object, or a table.
std::string bootstrapped(const StatsWords& w, const Settings& settings, const Numbers& x,
                         std::span<const Estimator> estimators) {
  std::string members;
  std::vector<std::vector<std::string>> rows{{"", "estimate", "percentiles", "BCa"}};
  const auto ends = [](const Interval& i) { return small(i.low) + " to " + small(i.high); };
  const auto pair = [](const Interval& i) { return json(Numbers{i.low, i.high}); };
  for (const Estimator& e : estimators) {
    const BootstrapIntervals i =
        bootstrap_intervals(x, e.of, w.level, w.bootstrap, key_from_seed(settings.seed));
    members += (members.empty() ? "" : ",") + text::quote_json(e.name) +
               ":{\"percentile\":" + pair(i.percentile) + ",\"bca\":" + pair(i.bca) + "}";
    rows.push_back({e.name, small(e.of(x)), ends(i.percentile), ends(i.bca)});
  }
  if (settings.json) return ",\"bootstrap\":{" + members + "}";
  return columns(rows, 2) + text::significant(100 * w.level, 4) + " % intervals from " +
         counted(w.bootstrap, "resample", "resamples") + ", seed " + std::to_string(settings.seed) +
         ". BCa moves the percentiles by bias and skewness (Efron 1987).\n";
}

int describe_column(const StatsWords& w, const Settings& settings, const std::string& file,
                    const CsvColumn& c) {
  Numbers x = numeric(file, c).numbers;
  std::erase_if(x, [](double v) { return std::isnan(v); });
  if (x.empty()) raise(ErrorKind::file, file + ": '" + c.name + "' holds no number");
  const Summary s = summary(x);
  const Estimator estimators[] = {{"mean", [](Sample part) { return mean(part); }},
                                  {"median", [](Sample part) { return quantile(part, 0.5); }},
                                  {"sd", [](Sample part) { return std::sqrt(variance(part, 1)); }}};
  const std::string intervals =
      w.bootstrap > 0 ? bootstrapped(w, settings, x, estimators) : std::string();
  if (settings.json) {
    print("{\"mean\":" + json(s.mean) + ",\"sd\":" + json(s.sd) + ",\"lag1\":" + json(s.lag1) +
          intervals + "}\n");
    return done;
  }
  std::string out =
      visible(c.name) + ": " + counted(s.count, "number", "numbers") + gaps(c.missing) + "\n\n";
  const double z = s.count > 1
                       ? student::quantile((1 + w.level) / 2, static_cast<double>(s.count - 1))
                       : std::nan("");
  std::vector<std::vector<std::string>> rows{
      {"mean", fine(s.mean, s.sd),
       s.count < 2 ? "one number says nothing of its spread"
                   : text::significant(100 * w.level, 4) + " % interval " +
                         fine(s.mean - z * s.standard_error, s.sd) + " to " +
                         fine(s.mean + z * s.standard_error, s.sd) + ", by Student's t"},
      {"standard deviation", small(s.sd), "of the population the numbers stand for: over n - 1"},
      {"standard error", small(s.standard_error), "of the mean: sd / sqrt(n)"},
      {"smallest, largest", fine(s.min, s.sd) + ", " + fine(s.max, s.sd), ""},
      {"quartiles",
       fine(s.quartile1, s.sd) + ", " + fine(s.median, s.sd) + ", " + fine(s.quartile3, s.sd),
       "a quarter, half and three quarters lie below"},
      {"skewness", small(s.skewness), words_for_skew(s.skewness, s.count)},
      {"excess kurtosis", small(s.excess_kurtosis), "0 for a normal law; above: heavier tails"},
      {"lag-1 autocorrelation", small(s.lag1), words_for_lag(s.lag1, s.count)}};
  out += columns(rows, 2) + "\n";
  if (s.shared_digits >= 1 && std::isfinite(s.shared_digits)) {
    const double lost = std::min(2 * s.shared_digits, 16.0);
    out += "The numbers share about " + text::fixed(s.shared_digits, 0) +
           " leading digits. sum(x^2) - n mean^2 in f64 would lose " + text::fixed(lost, 0) +
           " of its 16;\nthe sums here have 32, so every digit printed is that of the numbers as "
           "f64 stores them.\n\n";
  }
  if (!intervals.empty()) out += intervals + "\n";
  print(out + bars(histogram_of(x, w.bins)));
  return done;
}

int describe_all(const Settings& settings, const CsvTable& table) {
  std::vector<std::vector<std::string>> rows{
      {"column", "numbers", "gaps", "mean", "sd", "min", "median", "max"}};
  std::string objects;
  for (const CsvColumn& c : table.columns) {
    Numbers x = c.numbers;
    std::erase_if(x, [](double v) { return std::isnan(v); });
    const Summary s = summary(x);
    if (c.is_text) {
      rows.push_back({c.name, "text"});
    } else {
      rows.push_back({c.name, text::grouped(s.count), text::grouped(c.missing), fine(s.mean, s.sd),
                      small(s.sd), fine(s.min, s.sd), fine(s.median, s.sd), fine(s.max, s.sd)});
      objects += (objects.empty() ? "" : ",") + text::quote_json(c.name) +
                 ":{\"count\":" + std::to_string(s.count) +
                 ",\"missing\":" + std::to_string(c.missing) + ",\"mean\":" + json(s.mean) +
                 ",\"sd\":" + json(s.sd) + ",\"lag1\":" + json(s.lag1) + ",\"min\":" + json(s.min) +
                 ",\"median\":" + json(s.median) + ",\"max\":" + json(s.max) + "}";
    }
  }
  print(settings.json ? "{" + objects + "}\n"
                      : columns(rows, 2) + "\n--column NAME says more of one.\n");
  return done;
}

std::string label(const CsvColumn& c, size_t row) {
  if (c.is_text) return c.texts[row];
  return std::isnan(c.numbers[row]) ? "" : text::number(c.numbers[row]);
}

int anova_of(const StatsWords& w, const Settings& settings, const std::string& file,
             const CsvTable& table) {
  require_option(w.response, "--response", "holds the numbers");
  require_option(w.group, "--group", "says which group each belongs to");
  const CsvColumn &response = numeric(file, named(table, w.response)),
                  &group = named(table, w.group);
  Numbers y;
  std::vector<std::string> labels;
  for (size_t i = 0; i < response.numbers.size(); ++i) {
    std::string text = label(group, i);
    if (std::isnan(response.numbers[i]) || text.empty()) continue;
    y.push_back(response.numbers[i]);
    labels.push_back(std::move(text));
  }
  const Anova a = anova(y, labels);
  if (settings.json) {
    print("{\"df\":" + json(a.df) + ",\"ss\":" + json(a.ss) + ",\"ms\":" + json(a.ms) + ",\"f\":" +
          json(a.f) + ",\"r2\":" + json(a.r2) + ",\"resid_sd\":" + json(a.resid_sd) + "}\n");
    return done;
  }
  const auto n = static_cast<int64_t>(y.size());
  std::string out = visible(response.name) + " by " + visible(group.name) + ": " +
                    counted(n, "number", "numbers") + " in " +
                    counted(static_cast<int64_t>(a.groups.size()), "group", "groups") +
                    gaps(table.rows - n) + "\n\n";
  std::vector<std::vector<std::string>> rows{{"group", "numbers", "mean", "sd"}};
  constexpr size_t most = 20;
  for (size_t g = 0; g < std::min(a.groups.size(), most); ++g)
    rows.push_back(
        {a.groups[g], text::grouped(a.counts[g]), fine(a.means[g], a.resid_sd), small(a.sds[g])});
  if (a.groups.size() > most) rows.push_back({"..."});
  out += columns(rows, 2) + "\n" +
         columns({{"source", "df", "sum of squares", "mean square", "F"},
                  {"between groups", small(a.df[0]), small(a.ss[0]), small(a.ms[0]), small(a.f)},
                  {"within groups", small(a.df[1]), small(a.ss[1]), small(a.ms[1])}},
                 2) +
         "\nF: the means differ " + small(a.f) +
         " times as much as the spread within groups alone would make them.\nWere all means the "
         "same, an F this large had a chance of " +
         text::significant(a.p, 3) + ".\nThe groups account for " +
         text::significant(100 * a.r2, 4) + " % of the squares (R2 = " + small(a.r2) +
         "); sd within a group " + small(a.resid_sd) + ".\n";
  print(out);
  return done;
}

// The numeric columns, over rows without a gap in any of them.
struct Rows {
  std::vector<std::string> names;
  std::vector<Numbers> columns;
  int64_t left_out = 0;
};
Rows whole_rows(const std::string& file, const CsvTable& table) {
  Rows r;
  std::vector<const CsvColumn*> all;
  for (const CsvColumn& c : table.columns)
    if (!c.is_text) {
      all.push_back(&numeric(file, c));
      r.names.push_back(c.name);
    }
  r.columns.resize(all.size());
  for (size_t i = 0; i < static_cast<size_t>(table.rows); ++i) {
    if (std::ranges::any_of(all, [i](const CsvColumn* c) { return std::isnan(c->numbers[i]); })) {
      ++r.left_out;
      continue;
    }
    for (size_t j = 0; j < all.size(); ++j) r.columns[j].push_back(all[j]->numbers[i]);
  }
  return r;
}

int correlations(const Settings& settings, const std::string& file, const CsvTable& table) {
  const Rows r = whole_rows(file, table);
  if (r.names.size() < 2)
    raise(ErrorKind::file, file + ": " +
                               counted(static_cast<int64_t>(r.names.size()), "column", "columns") +
                               " of numbers. A correlation is of two.");
  const Numbers all = gradus::correlations(r.columns);
  const size_t d = r.names.size();
  std::string constant;
  for (size_t i = 0; i < d; ++i)
    if (std::isnan(all[i * d + i])) constant += (constant.empty() ? "" : ", ") + r.names[i];
  if (!constant.empty())
    note(settings, "constant, so without correlation: " + visible(constant) + "\n");
  if (settings.json) {
    std::string names;
    for (const std::string& name : r.names)
      names += (names.empty() ? "" : ",") + text::quote_json(name);
    const auto rows = static_cast<int64_t>(d);
    print("{\"names\":[" + names + "],\"correlation\":" + to_json(from_vector(all, {rows, rows})) +
          "}\n");
    return done;
  }
  std::vector<std::vector<std::string>> rows{{""}};
  for (size_t i = 0; i < d; ++i) {
    rows[0].push_back(r.names[i]);
    rows.push_back({r.names[i]});
    for (size_t j = 0; j < d; ++j) rows.back().push_back(text::fixed(all[i * d + j], 4));
  }
  print(columns(rows, 2) + "\nPearson's r over " +
        counted(static_cast<int64_t>(r.columns[0].size()), "row", "rows") + gaps(r.left_out) +
        ": +1 and -1 are straight lines, 0 is no straight line (but\nmaybe a curve). r^2 is the "
        "share of one's variance that a line through the other accounts for.\n");
  return done;
}

int quantiles_of(const StatsWords& w, const Settings& settings, const std::string& file,
                 const CsvTable& table) {
  require_option(w.column, "--column", "holds the numbers");
  Numbers x = numeric(file, named(table, w.column)).numbers, p;
  std::erase_if(x, [](double v) { return std::isnan(v); });
  if (x.empty()) raise(ErrorKind::file, file + ": '" + w.column + "' holds no number");
  std::string word;
  for (const char c : w.at + ",") {
    if (c != ',') {
      word += c;
      continue;
    }
    const auto share = text::parse_double(word);
    if (!share)
      raise(ErrorKind::usage, "--at is a list of shares such as 0.05,0.5,0.95, not '" + word + "'");
    p.push_back(*share);
    word.clear();
  }
  const Numbers q = quantiles(x, p, quantile_from(w.method));
  if (settings.json) {
    print("{\"p\":" + json(p) + ",\"quantiles\":" + json(q) + "}\n");
    return done;
  }
  std::vector<std::vector<std::string>> rows{{"share below", "number"}};
  for (size_t i = 0; i < p.size(); ++i) rows.push_back({small(p[i]), text::number(q[i])});
  print(columns(rows, 2));
  return done;
}

int auc_of(const StatsWords& w, const Settings& settings, const std::string& file,
           const CsvTable& table) {
  require_option(w.score, "--score", "holds the scores");
  require_option(w.truth, "--truth", "holds the classes, 0 and 1");
  const CsvColumn &score = numeric(file, named(table, w.score)),
                  &truth = numeric(file, named(table, w.truth));
  Numbers s;
  std::vector<int64_t> t;
  for (size_t i = 0; i < score.numbers.size(); ++i) {
    if (std::isnan(score.numbers[i]) || std::isnan(truth.numbers[i])) continue;
    if (truth.numbers[i] != 0 && truth.numbers[i] != 1)
      raise(ErrorKind::file, file + ": '" + truth.name + "' is " + text::number(truth.numbers[i]) +
                                 " in row " + std::to_string(i + 1) + ". Classes are 0 and 1.");
    s.push_back(score.numbers[i]);
    t.push_back(static_cast<int64_t>(truth.numbers[i]));
  }
  const double auc = roc_auc(s, t);
  const bool are_chances = std::ranges::all_of(s, [](double v) { return v >= 0 && v <= 1; });
  if (std::isnan(auc))
    raise(ErrorKind::file, file +
                               ": all rows are of one class. Scores are ranked against the "
                               "other one.");
  const std::optional<double> asked = text::parse_double(w.threshold);
  if (!w.threshold.empty() && (!asked || std::isnan(*asked)))
    raise(ErrorKind::usage, "--threshold is a number such as 0.5, not '" + w.threshold + "'");
  const double threshold = asked.value_or(are_chances ? 0.5 : 0);
  std::vector<std::vector<int64_t>> table_of(2, std::vector<int64_t>(2));
  for (size_t i = 0; i < s.size(); ++i)
    ++table_of[static_cast<size_t>(t[i])][s[i] > threshold ? 1 : 0];
  const ClassScores c = class_scores(table_of, 1);
  const Reliability r = are_chances ? reliability(s, t) : Reliability{};
  // Rows are drawn, so the statistic is of their numbers.
  Numbers rows_of(s.size());
  std::iota(rows_of.begin(), rows_of.end(), 0.0);
  const Estimator auc_of_rows{"auc", [&](Sample drawn) {
                                Numbers scores;
                                std::vector<int64_t> classes;
                                for (const double i : drawn) {
                                  scores.push_back(s[static_cast<size_t>(i)]);
                                  classes.push_back(t[static_cast<size_t>(i)]);
                                }
                                return roc_auc(scores, classes);
                              }};
  const std::string intervals =
      w.bootstrap > 0 ? bootstrapped(w, settings, rows_of, {&auc_of_rows, 1}) : std::string();
  if (settings.json) {
    print("{\"auc\":" + json(auc) + ",\"threshold\":" + json(threshold) + ",\"precision\":" +
          json(c.precision) + ",\"recall\":" + json(c.recall) + ",\"f1\":" + json(c.f1) +
          (are_chances ? ",\"ece\":" + json(r.expected_error) : "") + intervals + "}\n");
    return done;
  }
  std::string out =
      "ROC-AUC " + small(auc) +
      ": the chance that a row of class 1 scores above one of class 0 (0.5: no better than a "
      "coin)\n" +
      (intervals.empty() ? "" : "\n" + intervals) + "\nClass 1 where the score is above " +
      small(threshold) + ":\n" +
      columns({{"", "said 0", "said 1"},
               {"is 0", text::grouped(c.true_negatives), text::grouped(c.false_positives)},
               {"is 1", text::grouped(c.false_negatives), text::grouped(c.true_positives)}},
              2) +
      columns({{"precision", small(c.precision), "of those said to be 1, how many are"},
               {"recall", small(c.recall), "of those that are 1, how many were said to be"},
               {"F1", small(c.f1), "their harmonic mean"}},
              2);
  if (are_chances) {
    std::vector<std::vector<std::string>> rows{{"said chance", "rows", "mean said", "happened"}};
    for (const Reliability::Bin& b : r.bins)
      if (b.count > 0)
        rows.push_back({small(b.low) + " to " + small(b.high), text::grouped(b.count),
                        text::fixed(b.confidence, 3), text::fixed(b.frequency, 3)});
    out += "\nCan the scores be read as chances? Expected calibration error " +
           small(r.expected_error) + ", largest " + small(r.largest_error) + "\n" +
           columns(rows, 2);
  }
  print(out);
  return done;
}

// In the order of forward selection, beside what each says alone.
int forward_of(const StatsWords& w, const Settings& settings, const Rows& r, size_t response) {
  const Numbers& y = r.columns[response];
  std::vector<std::string> names;
  std::vector<Tensor> features;
  Numbers alone;
  for (size_t j = 0; j < r.names.size(); ++j) {
    if (j == response) continue;
    names.push_back(r.names[j]);
    features.push_back(from_vector(r.columns[j]));
    alone.push_back(mutual_information_nearest(r.columns[j], y, w.neighbours, LogBase::two));
  }
  std::string objects;
  std::vector<std::vector<std::string>> rows{{"column", "bits beside those above", "bits alone"}};
  if (!features.empty())
    for (const RankedFeature& f :
         select_features(transpose(stack(features)), y, w.neighbours, LogBase::two)) {
      const auto j = static_cast<size_t>(f.column);
      objects += (objects.empty() ? "" : ",") + std::string("{\"column\":") +
                 text::quote_json(names[j]) + ",\"bits\":" + json(f.information) +
                 ",\"bits_alone\":" + json(alone[j]) + "}";
      rows.push_back({names[j], text::fixed(f.information, 4), text::fixed(alone[j], 4)});
    }
  print(settings.json
            ? "[" + objects + "]\n"
            : "What each column adds about " + visible(r.names[response]) + ", in " +
                  counted(static_cast<int64_t>(y.size()), "row", "rows") + gaps(r.left_out) +
                  ":\n\n" + columns(rows, 2) +
                  "\nEach line is the column that says most of what a line through those above "
                  "leaves open. Where the bits\nfall to those of noise, around 0, the rest adds "
                  "nothing that this many rows can show.\n");
  return done;
}

int information_of(const StatsWords& w, const Settings& settings, const std::string& file,
                   const CsvTable& table) {
  require_option(w.response, "--response", "is what the others may tell of");
  const Rows r = whole_rows(file, table);
  const std::string& name = numeric(file, named(table, w.response)).name;
  const auto place = static_cast<size_t>(std::ranges::find(r.names, name) - r.names.begin());
  const auto whole = static_cast<int64_t>(r.columns[place].size());
  if (r.names.size() < 2)
    raise(ErrorKind::file, file + ": '" + name +
                               "' is the only column of numbers. Information is of one about "
                               "another.");
  if (w.neighbours < 1 || w.neighbours >= whole)
    raise(ErrorKind::usage, "--neighbours lies from 1 to below the " +
                                counted(whole, "row", "rows") + " without a gap, but is " +
                                std::to_string(w.neighbours));
  if (w.forward) return forward_of(w, settings, r, place);
  const Numbers& y = r.columns[place];
  struct Row {
    std::string name;
    double nearest, binned, correlation;
  };
  std::vector<Row> found;
  const auto bins = std::max<int64_t>(2, std::llround(std::cbrt(static_cast<double>(y.size()))));
  for (size_t j = 0; j < r.names.size(); ++j)
    if (j != place)
      found.push_back(
          {r.names[j], mutual_information_nearest(r.columns[j], y, w.neighbours, LogBase::two),
           mutual_information_binned(r.columns[j], y, w.bins > 0 ? w.bins : bins, LogBase::two),
           correlation(r.columns[j], y)});
  std::ranges::stable_sort(found, [](const Row& a, const Row& b) { return a.nearest > b.nearest; });
  std::string objects;
  std::vector<std::vector<std::string>> rows{{"column", "bits", "bits by bins", "correlation"}};
  for (const Row& row : found) {
    objects += (objects.empty() ? "" : ",") + std::string("{\"column\":") +
               text::quote_json(row.name) + ",\"bits\":" + json(row.nearest) +
               ",\"bits_binned\":" + json(row.binned) + "}";
    rows.push_back({row.name, text::fixed(row.nearest, 4), text::fixed(row.binned, 4),
                    text::fixed(row.correlation, 4)});
  }
  print(settings.json
            ? "[" + objects + "]\n"
            : "What each column alone says of " + visible(name) + ", in " +
                  counted(static_cast<int64_t>(y.size()), "row", "rows") + gaps(r.left_out) +
                  ":\n\n" + columns(rows, 2) + "\nBits: mutual information, by the " +
                  std::to_string(w.neighbours) +
                  " nearest neighbours. 1 bit halves what is open; 0 is independence, and\n"
                  "estimates scatter around it. Bits without correlation: a relation that is no "
                  "line. --forward asks what each adds to the others.\n");
  return done;
}

}  // namespace

void add_stats(Command& command, const Settings& settings) {
  const auto w = std::make_shared<StatsWords>();
  command.words("FILE", w->words,
                "a CSV file; before it may stand anova, corr, quantiles, auc or information");
  command.option("--column", w->column, "the column that is described", "NAME");
  command.option("--response", w->response, "anova, information: the column of numbers", "NAME");
  command.option("--group", w->group, "anova: the column of groups", "NAME");
  command.option("--score", w->score, "auc: the column of scores", "NAME");
  command.option("--truth", w->truth, "auc: the column of classes, 0 and 1", "NAME");
  command.option("--at", w->at, "quantiles: shares of the numbers below", "P,P");
  command.option("--method", w->method, "quantiles: NumPy's name of the rule", "NAME");
  command.option("--bins", w->bins, "bars of the histogram; 0 chooses");
  command.option("--neighbours", w->neighbours, "information: nearest pairs looked at");
  command.flag("--forward", w->forward,
               "information: what each column adds to those before it, best first");
  command.option("--threshold", w->threshold, "auc: class 1 is above it; 0.5 of chances, else 0",
                 "X");
  command.option("--bootstrap", w->bootstrap,
                 "intervals of a column or of the AUC by so many resamples; 2000 are usual");
  command.option("--level", w->level, "of the intervals");
  command.example("gradus stats sales.csv --column price");
  command.example("gradus stats anova yields.csv --response yield --group field");
  command.example("gradus stats auc predictions.csv --score p --truth y --bootstrap 2000");
  command.runs([w, &settings, &command]() -> int {
    const std::string question = w->words.size() > 1 ? w->words[0] : "";
    if (w->words.size() > 2) raise(ErrorKind::usage, "'" + w->words[2] + "' is one word too many");
    if (!question.empty() && std::ranges::find(questions, question) == std::end(questions))
      raise(ErrorKind::usage, "there is no question '" + question + "'. Ask " +
                                  text::join(questions, ", ") + ", or only name the file.");
    if (w->words.size() == 1 && std::ranges::find(questions, w->words[0]) != std::end(questions))
      raise(ErrorKind::usage,
            w->words[0] + " of which file? gradus stats " + w->words[0] + " FILE");
    require_belonging(command, question.empty() ? "a plain description" : question,
                      {{"--column", {"a plain description", "quantiles"}},
                       {"--response", {"anova", "information"}},
                       {"--group", {"anova"}},
                       {"--score", {"auc"}},
                       {"--truth", {"auc"}},
                       {"--threshold", {"auc"}},
                       {"--at", {"quantiles"}},
                       {"--method", {"quantiles"}},
                       {"--bins", {"a plain description"}},
                       {"--neighbours", {"information"}},
                       {"--forward", {"information"}},
                       {"--bootstrap", {"a plain description", "auc"}},
                       {"--level", {"a plain description", "auc"}}});
    if (!(w->level > 0 && w->level < 1)) raise(ErrorKind::usage, "--level lies between 0 and 1");
    if (w->bins < 0) raise(ErrorKind::usage, "--bins is 0 or more");
    constexpr int64_t most_resamples = 1'000'000;
    if (w->bootstrap < 0 || w->bootstrap > most_resamples)
      raise(ErrorKind::usage, "--bootstrap runs from 0 to " + std::to_string(most_resamples));
    const std::string& file = w->words.back();
    const CsvTable table = read_csv(file);
    if (table.rows == 0) raise(ErrorKind::file, file + ": there is no row of data");
    if (question == "anova") return anova_of(*w, settings, file, table);
    if (question == "corr") return correlations(settings, file, table);
    if (question == "quantiles") return quantiles_of(*w, settings, file, table);
    if (question == "auc") return auc_of(*w, settings, file, table);
    if (question == "information") return information_of(*w, settings, file, table);
    if (w->column.empty() && table.columns.size() > 1) return describe_all(settings, table);
    return describe_column(*w, settings, file,
                           w->column.empty() ? table.columns[0] : named(table, w->column));
  });
}

}  // namespace gradus::app
