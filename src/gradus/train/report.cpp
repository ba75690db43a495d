// One function per section of the page, in reading order.
#include <gradus/base/text.h>
#include <gradus/train/page.h>
#include <gradus/train/plot.h>
#include <gradus/train/reading.h>
#include <gradus/train/report.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <utility>

namespace gradus {
namespace {

using page::figure;
using page::prose;
using page::show;

constexpr std::size_t most_classes_in_matrix = 20;
constexpr std::size_t most_mistakes = 24;
constexpr std::size_t most_spectra = 12;
constexpr std::size_t most_rows = 60;     // of the table behind the curves
constexpr std::size_t most_points = 700;  // of the faint loss of every step
constexpr std::size_t most_features = 8;  // of a mistake that is no picture
constexpr int64_t largest_side = 64;      // pixels; larger pictures would dominate the file

std::string_view sign(Level level) {
  return level == Level::fine ? "✓" : level == Level::note ? "!" : "✗";
}
std::string_view word(Level level) {
  return level == Level::fine ? "fine" : level == Level::note ? "note" : "bad";
}

std::string head(const RunRecord& run, const Reading& reading) {
  return page::begin(run.name.empty() ? "A training run" : run.name, reading.verdict);
}

struct Stat {
  std::string name, value, more;
};

std::string header(const RunRecord& run, const Reading& reading) {
  const bool regression = run.task == "regression";
  const EpochRecord last = run.epochs.empty() ? EpochRecord{} : run.epochs.back();
  const auto latest = [](double end, double epoch) { return std::isfinite(end) ? end : epoch; };
  const double train_loss = latest(run.train_loss, last.train_loss);
  const double val_loss = latest(run.val_loss, last.val_loss);
  const bool has_val = run.val_count > 0;
  const auto number = [](double v) { return std::isfinite(v) ? brief(v) : std::string("–"); };
  const auto share = [](double v) { return std::isfinite(v) ? percent(v) : std::string("–"); };

  std::vector<Stat> stats;
  const std::string chance = std::isfinite(run.chance_loss) ? brief(run.chance_loss) : "";
  if (regression) {
    const double explained = 1 - (has_val ? val_loss : train_loss) / run.chance_loss;
    stats.push_back({"Variance explained", share(explained),
                     has_val ? "on validation data" : "on training data"});
  } else {
    const double train_accuracy = latest(run.train_accuracy, last.train_accuracy);
    const double val_accuracy = latest(run.val_accuracy, last.val_accuracy);
    stats.push_back({has_val ? "Validation accuracy" : "Training accuracy",
                     share(has_val ? val_accuracy : train_accuracy),
                     has_val && std::isfinite(train_accuracy)
                         ? "training " + percent(train_accuracy)
                         : std::string()});
    if (std::isfinite(run.calibration_error))
      stats.push_back({"Calibration error", share(run.calibration_error),
                       "accuracy between " + percent(run.accuracy_low) + " and " +
                           percent(run.accuracy_high) + " " + interval_name(val_accuracy)});
  }
  stats.push_back({"Validation loss", has_val ? number(val_loss) : "–",
                   chance.empty() ? "" : (regression ? "mean gives " : "chance ") + chance});
  stats.push_back({"Training loss", number(train_loss),
                   std::isfinite(run.start_loss) ? "start " + brief(run.start_loss) : ""});
  stats.push_back({"Parameters", text::grouped(run.parameters), run.model});
  stats.push_back({"Examples", text::grouped(run.train_count),
                   has_val ? "and " + text::grouped(run.val_count) + " for validation"
                           : "none for validation"});
  stats.push_back({"Time", clock_time(run.seconds),
                   counted(static_cast<int64_t>(run.epochs.size()), "epoch") + ", " +
                       counted(run.steps, "step")});

  std::string out = "<header class=\"top\">\n<p class=\"kicker\"><span class=\"mark " +
                    std::string(word(reading.level)) + "\">" + std::string(sign(reading.level)) +
                    (reading.level == Level::fine   ? " healthy"
                     : reading.level == Level::note ? " worth a look"
                                                    : " something is wrong") +
                    "</span>";
  if (!run.name.empty()) out += "<b>" + escape_html(run.name) + "</b>";
  if (!run.data_source.empty()) out += "<span>" + escape_html(run.data_source) + "</span>";
  if (!run.optimiser.empty()) out += "<span>" + escape_html(run.optimiser) + "</span>";
  out += "<span>seed " + std::to_string(run.seed) + "</span></p>\n<h1>" + show(reading.verdict) +
         "</h1>\n<dl class=\"stats\">";
  for (const Stat& s : stats) {
    out += "<div><dt>" + escape_html(s.name) + "</dt><dd class=\"v\">" + show(s.value) + "</dd>";
    if (!s.more.empty()) out += "<dd class=\"s\">" + show(s.more) + "</dd>";
    out += "</div>";
  }
  return out + "</dl>\n</header>\n<main>\n";
}

std::string words(const Reading& reading) {
  std::string out =
      "<section class=\"two\">\n<div><h2>What this run shows</h2>\n"
      "<p class=\"why\">Computed from the numbers of the run, by fixed rules.</p>\n"
      "<div class=\"lead\">";
  for (const std::string& p : reading.paragraphs) out += "<p>" + prose(p) + "</p>\n";
  out += "</div>";
  if (!reading.next.empty()) {
    out += "<aside class=\"next\"><h3>Next</h3><ul>";
    for (const std::string& n : reading.next) out += "<li>" + prose(n) + "</li>";
    out += "</ul></aside>";
  }
  out += "</div>\n";
  if (!reading.checks.empty()) {
    out +=
        "<div><h2>What was checked</h2>\n<p class=\"why\">✓ inside the usual range, ! outside "
        "it, ✗ outside and doing harm.</p>\n<div class=\"box\"><table class=\"checks\"><thead>"
        "<tr><th scope=\"col\"><span aria-hidden=\"true\">&nbsp;</span></th>"
        "<th scope=\"col\">what</th><th scope=\"col\">here</th><th scope=\"col\">usual</th>"
        "</tr></thead><tbody>";
    for (const Check& c : reading.checks) {
      out += "<tr class=\"" + std::string(word(c.level)) + "\"><td class=\"sign\">" +
             std::string(sign(c.level)) + "</td><th scope=\"row\" class=\"what\">" + show(c.what) +
             "</th><td class=\"value\">" + show(c.value) + "</td><td class=\"usual\">" +
             show(c.usual) + "</td></tr>\n";
    }
    out += "</tbody></table></div></div>\n";
  }
  return out + "</section>\n";
}

template <class Get>
Line epoch_line(const RunRecord& run, std::string label, Get get) {
  Line line;
  line.label = std::move(label);
  for (std::size_t i = 0; i < run.epochs.size(); ++i) {
    line.x.push_back(static_cast<double>(run.epochs[i].epoch));
    line.y.push_back(get(run.epochs[i]));
  }
  // More points than pixels across help nobody.
  return thinned(line, most_points);
}

std::string loss_figure(const RunRecord& run) {
  Plot plot;
  plot.id = "loss";
  plot.title = "Loss after each epoch";
  plot.x_label = "epoch";
  const double epochs =
      run.epochs.empty() ? 1 : static_cast<double>(std::max<int64_t>(1, run.epochs.back().epoch));
  Line steps;
  steps.faint = true;
  steps.width = 1;
  steps.colour = "var(--soft)";
  const std::size_t n = run.step_loss.size();
  for (std::size_t i = 0; i < n; ++i) {
    steps.x.push_back(epochs * static_cast<double>(i + 1) / static_cast<double>(n));
    steps.y.push_back(run.step_loss[i]);
  }
  Line train = epoch_line(run, "training", [](const EpochRecord& e) { return e.train_loss; });
  if (std::isfinite(run.start_loss)) {
    train.x.insert(train.x.begin(), 0);
    train.y.insert(train.y.begin(), run.start_loss);
  }
  Line val = epoch_line(run, "validation", [](const EpochRecord& e) { return e.val_loss; });
  val.colour = "var(--accent)";
  plot.lines = {std::move(train), std::move(val)};
  if (std::isfinite(run.chance_loss) && run.chance_loss > 0) {
    plot.rules.push_back({(run.task == "regression" ? "mean " : "chance ") + brief(run.chance_loss),
                          run.chance_loss});
  }
  plot.dots = run.epochs.size() <= 30;
  plot.lines.insert(plot.lines.begin(), thinned(steps, most_points));
  plot.log = wants_log(plot.lines);
  plot.from_zero = !plot.log;
  const std::string name = run.loss_name.empty() ? "Mean loss" : run.loss_name;
  return figure("Loss",
                name + (plot.log ? ", logarithmic" : "") +
                    "; the faint line is the loss of each step. Good: both fall together.",
                plot);
}

std::string accuracy_figure(const RunRecord& run) {
  Plot plot;
  plot.id = "accuracy";
  plot.title = "Accuracy after each epoch";
  plot.x_label = "epoch";
  plot.percent = true;
  Line train = epoch_line(run, "training", [](const EpochRecord& e) { return e.train_accuracy; });
  Line val = epoch_line(run, "validation", [](const EpochRecord& e) { return e.val_accuracy; });
  val.colour = "var(--accent)";
  double low = 1;
  for (const Line* line : {&train, &val}) {
    for (const double v : line->y) low = std::isfinite(v) ? std::min(low, v) : low;
  }
  plot.lines = {std::move(train), std::move(val)};
  const int64_t k = run.task == "binary" ? 2 : run.classes;
  const double guess = k >= 2 ? 1 / static_cast<double>(k) : 0;
  // From 0 unless all of it happens near the top.
  plot.y_low = low > 0.9 ? 0.9 : low > 0.8 ? 0.8 : low > 0.5 ? 0.5 : 0;
  plot.y_high = 1;
  if (guess >= plot.y_low && guess > 0) plot.rules.push_back({"1 in " + std::to_string(k), guess});
  plot.dots = run.epochs.size() <= 30;
  return figure("Accuracy",
                "Share of right answers. Validation well below training means that it learned "
                "examples by heart.",
                plot);
}

std::string gradient_figure(const RunRecord& run) {
  std::size_t layers = 0;
  for (const EpochRecord& e : run.epochs) layers = std::max(layers, e.grad_norm.size());
  if (layers == 0) return {};
  Plot plot;
  plot.id = "gradients";
  plot.title = "Gradient norm of each layer after each epoch";
  plot.x_label = "epoch";
  for (std::size_t l = 0; l < layers; ++l) {
    Line line = epoch_line(run, layer_name(run, l), [&](const EpochRecord& e) {
      return l < e.grad_norm.size() ? e.grad_norm[l] : not_measured;
    });
    line.colour = ramp_colour(l, layers);
    plot.lines.push_back(thinned(line, 200));
  }
  plot.log = true;
  plot.dots = run.epochs.size() <= 1;
  return figure(
      "Gradient norm per layer",
      "Mean over each epoch's steps, logarithmic; faint is near the input, strong near the "
      "output. Good: the same order of magnitude.",
      plot);
}

std::string update_figure(const RunRecord& run) {
  Plot plot;
  plot.id = "updates";
  plot.title = "Change of the weights in one step, relative to their length";
  plot.x_label = "epoch";
  plot.percent = true;
  Line line = epoch_line(run, "per step", [](const EpochRecord& e) { return e.update_ratio; });
  line.colour = "var(--accent)";
  plot.lines = {std::move(line)};
  const auto& y = plot.lines[0].y;
  if (std::none_of(y.begin(), y.end(), [](double v) { return std::isfinite(v); })) return {};
  plot.log = wants_log(plot.lines);
  plot.from_zero = !plot.log;
  plot.dots = run.epochs.size() <= 30;
  return figure("Size of a step",
                "How far one step moves the weights, as a share of their own length. Above 10 % "
                "the learning rate is usually too high.",
                plot);
}

std::string curves(const RunRecord& run) {
  if (run.epochs.empty() && run.step_loss.empty()) return {};
  std::string figures = loss_figure(run);
  if (run.task != "regression") figures += accuracy_figure(run);
  figures += gradient_figure(run) + update_figure(run);
  std::string out =
      "<section><h2>Over time</h2>\n<p class=\"why\">" + show(counted(run.steps, "step")) +
      "; each curve has one point per epoch.</p>\n<div class=\"grid2\">\n" + figures + "</div>\n";

  const std::size_t n = run.epochs.size();
  if (n > 0) {
    const std::size_t stride = (n + most_rows - 1) / most_rows;
    out +=
        "<details><summary>The numbers behind the curves</summary><div class=\"box\">"
        "<table class=\"plain\"><thead><tr>";
    for (const std::string_view h : {"epoch", "step", "training loss", "validation loss",
                                     "training accuracy", "validation accuracy", "time"}) {
      out += "<th scope=\"col\">" + std::string(h) + "</th>";
    }
    out += "</tr></thead><tbody>";
    const auto cell = [&](const std::string& s) { out += "<td>" + show(s) + "</td>"; };
    const auto number = [](double v) { return std::isnan(v) ? std::string("–") : brief(v); };
    const auto share = [](double v) { return std::isnan(v) ? std::string("–") : percent(v); };
    for (std::size_t i = 0; i < n; ++i) {
      if ((i + 1) % stride != 0 && i + 1 != n) continue;
      const EpochRecord& e = run.epochs[i];
      out += "<tr>";
      cell(text::grouped(e.epoch));
      cell(text::grouped(e.step));
      cell(number(e.train_loss));
      cell(number(e.val_loss));
      cell(share(e.train_accuracy));
      cell(share(e.val_accuracy));
      cell(clock_time(e.seconds));
      out += "</tr>\n";
    }
    out += "</tbody></table></div></details>\n";
  }
  return out + "</section>\n";
}

std::string spectra(const RunRecord& run) {
  if (run.spectra.empty()) return {};
  std::string out =
      "<section><h2>Singular values of the weights</h2>\n<p class=\"why\">How much "
      "each matrix stretches along its own directions, largest first: grey before "
      "training, <span style=\"color:var(--accent);font-weight:600\">blue</span> "
      "after. A steep fall means that few directions do the work.</p>\n"
      "<div class=\"small\">\n";
  const auto number = [](const std::vector<double>& v, bool first) {
    return v.empty() ? std::string("–") : brief(first ? v.front() : v.back());
  };
  const auto ratio = [](const std::vector<double>& v) {
    return v.empty() || !(v.front() > 0) ? std::string("–") : brief(v.front() / v.back());
  };
  for (std::size_t i = 0; i < std::min(run.spectra.size(), most_spectra); ++i) {
    const LayerSpectrum& s = run.spectra[i];
    Plot plot;
    plot.id = "sigma" + std::to_string(i);
    plot.title = "Singular values of " + s.name;
    plot.width = 240;
    plot.height = 150;
    for (const auto* values : {&s.before, &s.after}) {
      Line line;
      const bool before = values == &s.before;
      line.label = before ? "before" : "after";
      line.colour = before ? "var(--muted)" : "var(--accent)";
      line.width = before ? 1.4 : 2;
      for (std::size_t j = 0; j < values->size(); ++j) {
        line.x.push_back(static_cast<double>(j + 1));
        line.y.push_back((*values)[j]);
      }
      plot.lines.push_back(thinned(line, 160));
    }
    plot.log = wants_log(plot.lines);
    plot.from_zero = !plot.log;
    plot.dots = s.after.size() <= 16;
    const std::string drawing = svg(plot);
    out += "<figure><h3>" + escape_html(s.name) + " <span class=\"count\">" +
           show(counted(static_cast<int64_t>(std::max(s.before.size(), s.after.size())), "value")) +
           "</span></h3>" + drawing +
           "<table class=\"sv\"><thead><tr><td></td><th scope=\"col\">largest</th><th "
           "scope=\"col\">smallest</th>"
           "<th scope=\"col\">ratio</th></tr></thead><tbody>";
    out += "<tr><th scope=\"row\">before</th><td>" + show(number(s.before, true)) + "</td><td>" +
           show(number(s.before, false)) + "</td><td>" + show(ratio(s.before)) + "</td></tr>";
    out += "<tr><th scope=\"row\">after</th><td class=\"a\">" + show(number(s.after, true)) +
           "</td><td class=\"a\">" + show(number(s.after, false)) + "</td><td class=\"a\">" +
           show(ratio(s.after)) + "</td></tr></tbody></table></figure>\n";
  }
  out += "</div>\n";
  if (run.spectra.size() > most_spectra) {
    out += "<p class=\"why\">The first " + std::to_string(most_spectra) + " of " +
           std::to_string(run.spectra.size()) + " matrices.</p>\n";
  }
  return out + "</section>\n";
}

// Ten shades by the square root of the share, so that a single mistake is visible.
int shade(int64_t count, int64_t of) {
  if (count <= 0 || of <= 0) return 0;
  const double share = static_cast<double>(count) / static_cast<double>(of);
  return std::clamp(static_cast<int>(10 * std::sqrt(share)), 0, 9);
}

std::string matrix(const RunRecord& run) {
  const std::size_t k = run.confusion.size();
  std::size_t longest = 0;
  for (std::size_t i = 0; i < k; ++i) {
    longest = std::max(longest, text::width(class_name(run, static_cast<int64_t>(i))));
  }
  const std::string long_names = longest > 4 ? " class=\"long\"" : "";
  std::string out =
      "<div class=\"box\"><table class=\"cm\"><caption class=\"axis\">rows: true class, "
      "columns: the network's answer</caption><thead><tr><td></td>";
  for (std::size_t j = 0; j < k; ++j) {
    out += "<th scope=\"col\"" + long_names + "><span>" +
           escape_html(class_name(run, static_cast<int64_t>(j))) + "</span></th>";
  }
  out += "<th scope=\"col\" class=\"sum\">found</th></tr></thead><tbody>";
  std::vector<int64_t> answered(k, 0);
  for (std::size_t i = 0; i < k; ++i) {
    int64_t total = 0;
    for (const int64_t n : run.confusion[i]) total += n;
    out +=
        "<tr><th scope=\"row\">" + escape_html(class_name(run, static_cast<int64_t>(i))) + "</th>";
    for (std::size_t j = 0; j < k; ++j) {
      const int64_t n = j < run.confusion[i].size() ? run.confusion[i][j] : 0;
      answered[j] += n;
      const std::string kind = i == j ? "d" : n > 0 ? "e" : "";
      if (kind.empty()) {
        out += "<td class=\"zero\">·</td>";
      } else {
        out += "<td class=\"" + kind + std::to_string(shade(n, total)) + "\">" +
               show(text::grouped(n)) + "</td>";
      }
    }
    const int64_t right = i < run.confusion[i].size() ? run.confusion[i][i] : 0;
    out += "<td class=\"sum\">" +
           (total > 0 ? show(percent(static_cast<double>(right) / static_cast<double>(total)))
                      : std::string("–")) +
           "</td></tr>\n";
  }
  out += "</tbody><tfoot><tr><th scope=\"row\">trust</th>";
  for (std::size_t j = 0; j < k; ++j) {
    const int64_t right = j < run.confusion[j].size() ? run.confusion[j][j] : 0;
    out +=
        "<td>" +
        (answered[j] > 0
             ? text::fixed(100 * static_cast<double>(right) / static_cast<double>(answered[j]), 0)
             : std::string("–")) +
        "</td>";
  }
  return out + "<td class=\"sum\">%</td></tr></tfoot></table></div>";
}

std::string confusion_list(const RunRecord& run, std::size_t most) {
  const std::vector<Confusion> top = top_confusions(run, most);
  if (top.empty()) return "<p class=\"why\">No mistakes on the validation data.</p>";
  std::string out =
      "<div class=\"box\"><table class=\"plain\"><thead><tr><th scope=\"col\">true</th>"
      "<th scope=\"col\">answered</th><th scope=\"col\">how often</th></tr></thead>"
      "<tbody>";
  for (const Confusion& c : top) {
    const double width = 70.0 * static_cast<double>(c.count) / static_cast<double>(top[0].count);
    out += "<tr><td>" + escape_html(class_name(run, c.label)) + "</td><td>" +
           escape_html(class_name(run, c.predicted)) +
           "</td><td><span class=\"bar\" style=\"width:" + text::fixed(std::max(2.0, width), 0) +
           "px\"></span>" + show(text::grouped(c.count) + " of " + text::grouped(c.of)) +
           "</td></tr>\n";
  }
  return out + "</tbody></table></div>";
}

std::string weakest_list(const RunRecord& run, std::size_t most) {
  struct Row {
    std::size_t label;
    int64_t right, of;
    double share() const { return static_cast<double>(right) / static_cast<double>(of); }
  };
  std::vector<Row> rows;
  for (std::size_t i = 0; i < run.confusion.size(); ++i) {
    int64_t of = 0;
    for (const int64_t n : run.confusion[i]) of += n;
    if (of > 0) rows.push_back({i, i < run.confusion[i].size() ? run.confusion[i][i] : 0, of});
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.share() < b.share(); });
  if (rows.size() > most) rows.resize(most);
  std::string out =
      "<div class=\"box\"><table class=\"plain\"><thead><tr><th scope=\"col\">class</th>"
      "<th scope=\"col\">found</th><th scope=\"col\">share</th></tr></thead><tbody>";
  for (const Row& r : rows) {
    out += "<tr><td>" + escape_html(class_name(run, static_cast<int64_t>(r.label))) + "</td><td>" +
           show(text::grouped(r.right) + " of " + text::grouped(r.of)) + "</td><td>" +
           show(percent(r.share())) + "</td></tr>\n";
  }
  return out + "</tbody></table></div>";
}

std::string confusion(const RunRecord& run) {
  if (run.confusion.empty()) return {};
  const bool small = run.confusion.size() <= most_classes_in_matrix;
  std::string out = "<section><h2>Right and wrong answers</h2>\n<p class=\"why\">On " +
                    show(counted(run.val_count, "validation example")) + ". ";
  if (small) {
    out +=
        "Grey: right, <span style=\"color:var(--accent);font-weight:600\">blue</span>: wrong, "
        "shaded by the square root of its share of the row. “Found”: of that class, the share "
        "answered right. “Trust”: of those answers, the share that is right.</p>\n"
        "<div class=\"split\"><div>" +
        matrix(run) + "</div><div><h3>Most frequent mistakes</h3>" + confusion_list(run, 8) +
        "</div></div>";
  } else {
    out += show(counted(static_cast<int64_t>(run.confusion.size()), "class")) +
           " are too many for a matrix that can be read; these are its largest entries off the "
           "diagonal, and the classes found least often.</p>\n<div class=\"split\"><div>"
           "<h3>Most frequent mistakes</h3>" +
           confusion_list(run, 20) + "</div><div><h3>Weakest classes</h3>" + weakest_list(run, 20) +
           "</div></div>";
  }
  return out + "</section>\n";
}

std::string sureness(const Mistake& m) {
  return std::isfinite(m.confidence) ? percent(m.confidence) + " sure" : std::string();
}

std::string mistakes(const RunRecord& run) {
  if (run.mistakes.empty() || run.task == "regression") return {};
  const std::size_t shown = std::min(run.mistakes.size(), most_mistakes);
  const int64_t rows = run.image_rows, cols = run.image_cols;
  const bool pictures = rows > 0 && cols > 0 && rows <= largest_side && cols <= largest_side;
  std::string out =
      "<section><h2>Worst mistakes</h2>\n<p class=\"why\">The validation examples on "
      "which it was most sure and wrong";
  const auto plane = static_cast<std::size_t>(rows * cols);
  const bool grey = run.mistakes[0].x.size() == plane;
  out += pictures ? "; “3 as 8” is a 3 that it took for an 8." +
                        std::string(grey ? " Dark ink is a large value." : "") +
                        "</p>\n<div class=\"pictures\">"
                  : ", with their first features.</p>\n<div class=\"box\"><table class=\"plain\">"
                    "<thead><tr><th scope=\"col\">row</th><th scope=\"col\">true</th>"
                    "<th scope=\"col\">answered</th><th scope=\"col\">how sure</th>";
  if (pictures) {
    for (std::size_t i = 0; i < shown; ++i) {
      const Mistake& m = run.mistakes[i];
      const std::string label = escape_html(class_name(run, m.label));
      const std::string answer = escape_html(class_name(run, m.predicted));
      out += "<figure>";
      if (m.x.size() == plane || m.x.size() == 3 * plane) {
        out +=
            page::picture(m.x, rows, cols,
                          "example " + std::to_string(m.index) + ": " + class_name(run, m.label) +
                              " answered as " + class_name(run, m.predicted));
      }
      out += "<figcaption><b>" + label + "</b> as <b>" + answer + "</b><br><span class=\"sure\">" +
             show(sureness(m)) + "</span></figcaption></figure>\n";
    }
    return out + "</div></section>\n";
  }
  std::size_t features = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    features = std::max(features, std::min(run.mistakes[i].x.size(), most_features));
  }
  for (std::size_t f = 0; f < features; ++f) {
    out += "<th scope=\"col\" class=\"n\">x" + std::to_string(f) + "</th>";
  }
  out += "</tr></thead><tbody>";
  for (std::size_t i = 0; i < shown; ++i) {
    const Mistake& m = run.mistakes[i];
    out += "<tr><td>" + std::to_string(m.index) + "</td><td>" +
           escape_html(class_name(run, m.label)) + "</td><td>" +
           escape_html(class_name(run, m.predicted)) + "</td><td>" + show(sureness(m)) + "</td>";
    for (std::size_t f = 0; f < features; ++f) {
      out += "<td class=\"n\">" +
             (f < m.x.size() ? show(brief(static_cast<double>(m.x[f]))) : std::string()) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div></section>\n";
}

std::string configuration(const RunRecord& run) {
  std::string out =
      "<section><h2>Configuration</h2>\n<p class=\"why\">Everything resolved, as in "
      "run.toml beside this page.</p>\n<dl class=\"config\">";
  const auto row = [&](std::string_view key, std::string_view value) {
    out += "<div><dt>" + escape_html(key) + "</dt><dd>" + escape_html(value) + "</dd></div>\n";
  };
  if (run.config.empty()) {
    row("data", run.data_source);
    row("model", run.model);
    row("activation", run.activation);
    row("loss", run.loss_name);
    row("optimiser", run.optimiser);
    row("seed", std::to_string(run.seed));
  }
  for (const auto& [key, value] : run.config) row(key, value);
  return out + "</dl></section>\n";
}

std::string again(const RunRecord& run) {
  std::string out = "<section><h2>Run it again</h2>\n<p class=\"why\">The same build and seed " +
                    std::to_string(run.seed) +
                    " give the same bits, with any number of threads.</p>\n";
  if (run.command.empty()) {
    out += "<p>run.toml beside this page holds every setting.</p>\n";
  } else {
    out += "<pre><code>" + escape_html(run.command) + "</code></pre>\n";
  }
  return out + "</section>\n";
}

}  // namespace

std::string render_report(const RunRecord& run) {
  const Reading reading = read_run(run);
  std::string out = head(run, reading) + header(run, reading) + words(reading) + curves(run) +
                    spectra(run) + confusion(run) + mistakes(run) + configuration(run) +
                    again(run) + page::end(setting(run, "version"));
  return out;
}

}  // namespace gradus
