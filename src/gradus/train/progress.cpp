// Lines, bars and tables for the terminal.
#include <gradus/base/text.h>
#include <gradus/train/progress.h>
#include <gradus/train/reading.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

namespace gradus {
namespace {

constexpr std::size_t longest_bar = 20, shortest_bar = 6;
constexpr double redraw_seconds = 0.1, plain_seconds = 10;
constexpr int64_t most_lines = 100;  // of plain progress: of more epochs only every n-th is told
constexpr std::string_view bold = "\x1b[1m", dim = "\x1b[2m", blue = "\x1b[34m", reset = "\x1b[0m";

std::string painted(std::string_view s, std::string_view code, const Terminal& terminal) {
  if (!terminal.colour || s.empty()) return std::string(s);
  return std::string(code) + std::string(s) + std::string(reset);
}

std::string repeated(std::string_view s, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += s;
  return out;
}

struct Field {
  std::string text;
  int rank;  // the highest goes first when room is short
};

std::vector<Field> fields_of(const Progress& p) {
  std::vector<Field> fields;
  fields.push_back({"loss " + brief(p.loss), 0});
  if (!std::isnan(p.val_loss)) fields.push_back({"val " + brief(p.val_loss), 3});
  if (!std::isnan(p.val_accuracy)) fields.push_back({"acc " + percent(p.val_accuracy), 2});
  if (!std::isnan(p.grad_norm)) fields.push_back({"|g| " + brief(p.grad_norm), 4});
  if (std::isfinite(p.units_per_second) && p.units_per_second >= 0) {
    // Two digits: the third only flickers.
    const double digits =
        std::pow(10, std::floor(std::log10(std::max(p.units_per_second, 1.0))) - 1);
    const double rounded =
        digits > 1 ? std::round(p.units_per_second / digits) * digits : p.units_per_second;
    const std::string_view unit = p.unit == "tokens" ? "tok" : p.unit == "examples" ? "ex" : p.unit;
    fields.push_back(
        {text::grouped(std::llround(std::min(rounded, 1e15))) + " " + std::string(unit) + "/s", 5});
  }
  if (p.peak_share >= 0.0005) fields.push_back({percent(p.peak_share) + " of peak", 6});
  if (p.seconds_left > 0) {
    fields.push_back({clock_time(p.seconds_left) + " left", 1});
  } else {
    fields.push_back({clock_time(p.seconds), 1});
  }
  return fields;
}

std::string joined(const std::vector<Field>& fields) {
  std::string out;
  for (const Field& f : fields) {
    if (!out.empty()) out += " · ";
    out += f.text;
  }
  return out;
}

std::string epoch_text(const Progress& p) {
  const std::string all = std::to_string(p.epochs), now = std::to_string(p.epoch);
  if (p.epochs <= 0) return "epoch " + now;
  return "epoch " + text::pad_left(now, all.size()) + "/" + all;
}

std::string plain_line(const Progress& p) {
  return epoch_text(p) + "  " + joined(fields_of(p));
}

// Means of `n` equal stretches; NaN where a stretch holds a value that is not finite. Fewer values
// than stretches repeat.
std::vector<double> stretches(std::span<const double> values, std::size_t n) {
  std::vector<double> out;
  for (std::size_t i = 0; i < n && !values.empty(); ++i) {
    const std::size_t begin = i * values.size() / n;
    const std::size_t end = std::max(begin + 1, (i + 1) * values.size() / n);
    double sum = 0;
    for (std::size_t j = begin; j < end; ++j) sum += values[j];
    const double mean = sum / static_cast<double>(end - begin);
    out.push_back(std::isfinite(mean) ? mean : not_measured);
  }
  return out;
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  bool empty() const { return !(low <= high); }
};

Range range_of(const std::vector<double>& values) {
  Range r;
  for (const double v : values) {
    if (std::isnan(v)) continue;
    r.low = std::min(r.low, v);
    r.high = std::max(r.high, v);
  }
  return r;
}

// The place of v in the range in `levels` steps, 1 to levels.
std::size_t level_of(double v, const Range& r, std::size_t levels) {
  if (!(r.high > r.low)) return 1;
  // Halves first: the whole span may exceed the largest number.
  const double t = (v / 2 - r.low / 2) / (r.high / 2 - r.low / 2);
  const auto top = static_cast<double>(levels - 1);
  return 1 + static_cast<std::size_t>(std::lround(std::clamp(t, 0.0, 1.0) * top));
}

std::string two_columns(std::string_view key, const std::string& left, const std::string& right,
                        const Terminal& terminal) {
  constexpr std::size_t key_width = 8, left_width = 30;
  std::string out = painted(text::pad_right(key, key_width), dim, terminal);
  if (right.empty()) return out + left + "\n";
  if (key_width + std::max(left_width, text::width(left) + 2) + text::width(right) >
      terminal.width) {
    return out + left + "\n" + std::string(key_width, ' ') + right + "\n";
  }
  out += text::pad_right(left, left_width);
  if (text::width(left) >= left_width) out += "  ";
  return out + right + "\n";
}

}  // namespace

std::string bytes_text(double bytes) {
  if (bytes < 1e3) return text::fixed(bytes, 0) + " B";
  if (bytes < 1e6) return text::significant(bytes / 1e3, 3) + " kB";
  if (bytes < 1e9) return text::significant(bytes / 1e6, 3) + " MB";
  return text::significant(bytes / 1e9, 3) + " GB";
}

Environment environment() {
  const auto get = [](const char* name) -> std::string_view {
    const char* value = std::getenv(name);
    return value != nullptr ? std::string_view(value) : std::string_view();
  };
  return {get("NO_COLOR"), get("CLICOLOR_FORCE"), get("FORCE_COLOR"), get("TERM"), get("COLUMNS")};
}

bool wants_colour(When flag, bool is_terminal, const Environment& env) {
  if (flag != When::automatic) return flag == When::always;
  if (!env.no_color.empty()) return false;
  const auto forces = [](std::string_view v) { return !v.empty() && v != "0"; };
  if (forces(env.clicolor_force) || forces(env.force_color)) return true;
  return is_terminal && env.term != "dumb";
}

Terminal terminal(int descriptor, When colour) {
  const Environment env = environment();
  const bool is_terminal = isatty(descriptor) == 1;
  Terminal out;
  out.redraws = is_terminal && env.term != "dumb";
  out.colour = wants_colour(colour, is_terminal, env);
  winsize size{};
  const auto columns = text::parse_int64(env.columns);
  if (is_terminal && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    out.width = size.ws_col;
  } else if (columns && *columns > 0 && *columns < 10000) {
    out.width = static_cast<std::size_t>(*columns);
  }
  return out;
}

std::string progress_line(const Progress& p, const Terminal& terminal) {
  const std::string head = epoch_text(p);
  std::vector<Field> fields = fields_of(p);
  // The last column stays free: some terminals wrap as soon as it is filled.
  const std::size_t room = std::max<std::size_t>(terminal.width, 2) - 1;
  const auto used = [&] { return text::width(head) + 1 + text::width(joined(fields)); };
  while (fields.size() > 1 && used() + shortest_bar + 1 > room) {
    fields.erase(std::max_element(fields.begin(), fields.end(),
                                  [](const Field& a, const Field& b) { return a.rank < b.rank; }));
  }
  std::string line = painted(head, bold, terminal) + " ";
  std::size_t bar = room > used() + 1 ? room - used() - 1 : 0;
  bar = std::min(bar, longest_bar);
  if (bar >= shortest_bar) {
    const double share =
        p.steps > 0
            ? std::clamp(static_cast<double>(p.step) / static_cast<double>(p.steps), 0.0, 1.0)
            : 0;
    const auto full = static_cast<std::size_t>(share * static_cast<double>(bar));
    line += painted(repeated("━", full), blue, terminal);
    // A space, not a paler bar: without colour the two would look alike.
    line += painted(repeated("╌", bar - full), dim, terminal) + " ";
  }
  line += joined(fields);
  if (text::width(head) + 1 + text::width(joined(fields)) > room) {
    line = head.substr(0, room);  // head is ASCII
  }
  return line;
}

std::string ProgressWriter::update(const Progress& progress, bool epoch_done) {
  const bool last = progress.steps > 0 && progress.step >= progress.steps && epoch_done;
  if (!terminal_.redraws) {
    const int64_t stride = std::max<int64_t>(1, (progress.epochs + most_lines - 1) / most_lines);
    const bool due = epoch_done ? last || progress.epoch % stride == 0
                                : progress.seconds - last_ >= plain_seconds;
    if (!due) return {};
    last_ = progress.seconds;
    return plain_line(progress) + "\n";
  }
  if (!last && progress.seconds - last_ < redraw_seconds) return {};
  last_ = progress.seconds;
  open_ = true;
  return "\r" + progress_line(progress, terminal_) + "\x1b[K";
}

std::string ProgressWriter::finish() {
  return std::exchange(open_, false) ? "\n" : "";
}

std::string sparkline(std::span<const double> values, std::size_t width) {
  constexpr std::string_view blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::vector<double> columns = stretches(values, std::min(width, values.size()));
  const Range range = range_of(columns);
  std::string out;
  for (const double v : columns) out += std::isnan(v) ? "×" : blocks[level_of(v, range, 8) - 1];
  return out;
}

std::vector<std::string> braille_curve(std::span<const double> values, std::size_t width,
                                       std::size_t rows) {
  std::vector<std::string> out(rows);
  const std::vector<double> columns = stretches(values, 2 * width);
  if (columns.empty() || rows == 0) return out;
  const Range range = range_of(columns);
  // Dot numbers of a cell's left and right column from the bottom up (Unicode, U+2800 block).
  constexpr unsigned dots[2][4] = {{0x40, 0x04, 0x02, 0x01}, {0x80, 0x20, 0x10, 0x08}};
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t below = 4 * (rows - 1 - row);
    for (std::size_t cell = 0; cell < width; ++cell) {
      unsigned pattern = 0;
      for (std::size_t side = 0; side < 2; ++side) {
        const double v = columns[2 * cell + side];
        const std::size_t height = std::isnan(v) ? 0 : level_of(v, range, 4 * rows);
        for (std::size_t d = 0; d < 4; ++d) {
          if (height > below + d) pattern |= dots[side][d];
        }
      }
      out[row] += static_cast<char>(0xE2);
      out[row] += static_cast<char>(0xA0 | pattern >> 6);
      out[row] += static_cast<char>(0x80 | (pattern & 63));
    }
  }
  return out;
}

std::string configuration_table(const RunRecord& run, const Terminal& terminal) {
  const auto with_unit = [&](std::string_view key, std::string_view noun) {
    const std::string_view value = setting(run, key);
    const auto n = text::parse_int64(value);
    return n ? " · " + counted(*n, noun) : std::string();
  };
  std::string out = painted("gradus", bold, terminal);
  if (const auto version = setting(run, "version"); !version.empty()) {
    out += " " + std::string(version);
  }
  out += with_unit("threads", "thread");
  if (const auto simd = setting(run, "simd"); !simd.empty()) out += " · " + std::string(simd);
  out += " · seed " + std::to_string(run.seed) + "\n";

  std::string model = run.model;
  if (!run.activation.empty() && model.find(run.activation) == std::string::npos) {
    model += " " + run.activation;
  }
  const std::string_view dtype = setting(run, "dtype");
  const double each = dtype == "f64" ? 8 : 4;
  out += two_columns("model", model,
                     counted(run.parameters, "parameter") + ", " +
                         bytes_text(each * static_cast<double>(run.parameters)),
                     terminal);
  std::string data = run.data_source;
  if (run.loss_name == "negative sampling")
    data += ", 1 right word against " + std::to_string(run.classes - 1) + " of noise";
  else if (run.task != "regression" && run.classes > 0)
    data += ", " + counted(run.classes, "class");
  out += two_columns(
      "data", data,
      text::grouped(run.train_count) + " train / " +
          (run.val_count > 0 ? text::grouped(run.val_count) + " validation" : "no validation"),
      terminal);
  const auto epochs = text::parse_int64(setting(run, "epochs"));
  const auto batch = text::parse_int64(setting(run, "batch"));
  std::string plan;
  if (epochs && *epochs >= 0) {
    plan = counted(*epochs, "epoch");
    if (batch && *batch > 0 && run.train_count >= 0) {
      // The last batch of an epoch may be smaller; it is a step too.
      const int64_t per = (run.train_count + *batch - 1) / *batch;
      if (per == 0 || *epochs <= std::numeric_limits<int64_t>::max() / per) {
        plan += " = " + counted(per * *epochs, "step");
      }
    }
  }
  out += two_columns("optim", run.optimiser, plan, terminal);
  return out + two_columns("before", start_sentence(run), {}, terminal);
}

std::string final_summary(const RunRecord& run, const Terminal& terminal) {
  const Reading reading = read_run(run);
  std::vector<double> losses = run.step_loss;
  if (losses.size() < 2) {
    for (const EpochRecord& e : run.epochs) losses.push_back(e.train_loss);
  }
  std::string out;
  constexpr std::size_t curve_width = 30;
  const std::size_t width =
      std::min(curve_width, terminal.width > 60 ? terminal.width - 50 : std::size_t{12});
  const Range range = range_of(stretches(losses, 2 * width));

  std::vector<std::string> notes;
  const bool has_val = run.val_count > 0;
  if (run.task == "regression") {
    notes.push_back("loss " + brief(has_val ? run.val_loss : run.train_loss) +
                    (has_val ? " on validation" : " on training"));
    const double explained = 1 - (has_val ? run.val_loss : run.train_loss) / run.chance_loss;
    if (std::isfinite(explained)) notes.push_back(percent(explained) + " of the variance");
  } else if (!std::isfinite(has_val ? run.val_accuracy : run.train_accuracy)) {
    notes.push_back("loss " + brief(has_val ? run.val_loss : run.train_loss) +
                    (has_val ? " on validation" : " on training"));
  } else {
    notes.push_back("acc " + percent(has_val ? run.val_accuracy : run.train_accuracy) +
                    (has_val ? "" : " (training)"));
    const WorstClass worst = worst_class(run);
    if (worst.label >= 0) {
      notes.push_back(
          "worst class: " + class_name(run, worst.label) + " (" +
          percent(static_cast<double>(worst.right) / static_cast<double>(worst.examples)) + ")");
    }
  }
  if (range.empty()) {
    out += painted("loss    ", dim, terminal) + "no finite value\n";
    for (const std::string& n : notes) out += "        " + n + "\n";
  } else {
    const std::vector<std::string> curve = braille_curve(losses, width, 2);
    const std::string high = brief(range.high), low = brief(range.low);
    const std::size_t labels = std::max(text::width(high), text::width(low));
    for (std::size_t row = 0; row < 2; ++row) {
      out += painted(row == 0 ? "loss    " : "        ", dim, terminal) +
             text::pad_left(row == 0 ? high : low, labels) + " " +
             painted(curve[row], blue, terminal);
      if (row < notes.size()) out += "   " + notes[row];
      out += "\n";
    }
  }
  std::vector<std::string> facts;
  if (run.units_per_second > 0)
    facts.push_back(
        text::grouped(std::llround(std::min(run.units_per_second, 1e15))) + " " + run.unit + "/s" +
        (run.peak_share > 0
             ? ", " + percent(run.peak_share) + " of the multiply-adds this machine can do in f32"
             : ""));
  if (run.peak_bytes > 0)
    facts.push_back(bytes_text(static_cast<double>(run.peak_bytes)) + " of memory at most");
  if (run.clipped_steps >= 0)
    facts.push_back("gradients clipped in " + text::grouped(run.clipped_steps) + " of " +
                    counted(run.steps, "step"));
  if (run.loss_scale > 0)
    facts.push_back("loss scale " + brief(run.loss_scale) + ", " +
                    counted(run.skipped_steps, "step") + " skipped");
  if (run.best_epoch > 0) facts.push_back("weights of epoch " + text::grouped(run.best_epoch));
  if (!facts.empty()) out += painted("cost    ", dim, terminal) + text::join(facts, ", ") + "\n";
  const std::string_view sign = reading.level == Level::fine   ? "ok"
                                : reading.level == Level::note ? "note"
                                                               : "bad";
  out += painted(text::pad_right(sign, 8), bold, terminal) + reading.verdict + "\n";
  for (const std::string& n : reading.next) out += painted("next    ", dim, terminal) + n + "\n";
  return out;
}

}  // namespace gradus
