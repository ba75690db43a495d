// A run in the terminal: the progress line on standard error, the configuration table before the
// first step, the summary after the last. Everything here makes text; the caller writes it.
#pragma once

#include <gradus/train/run.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

enum class When { automatic, always, never };

// What a stream can show.
struct Terminal {
  bool redraws = false;  // a line can be written over
  bool colour = false;
  std::size_t width = 80;  // columns
};

// The values of the variables that have a say; empty where unset.
struct Environment {
  std::string_view no_color, clicolor_force, force_color, term, columns;
};
Environment environment();

// --color first, then NO_COLOR, CLICOLOR_FORCE or FORCE_COLOR ("0" does not force), TERM=dumb, and
// last whether the stream is a terminal.
bool wants_colour(When flag, bool is_terminal, const Environment& env);
// Asks the system about a file descriptor (2 is standard error).
Terminal terminal(int descriptor, When colour = When::automatic);

// The state of training that the line shows. NaN fields are left out.
struct Progress {
  int64_t epoch = 0, epochs = 0;  // the epoch under way, counted from 1
  int64_t step = 0, steps = 0;    // done, and planned
  double loss = not_measured;
  double val_loss = not_measured, val_accuracy = not_measured;
  double grad_norm = not_measured;
  std::string_view unit = "examples";
  double units_per_second = not_measured;
  double peak_share = not_measured;    // of the machine's multiply-adds
  double seconds = 0;                  // since training began
  double seconds_left = not_measured;  // nothing left: the line shows `seconds`
};

// "epoch 3/20 ━━━━━━ loss 0.41 · val 0.43 · acc 88.1 % · |g| 0.3 · 4 100 ex/s · 0:02 left", within
// the width: first the bar shrinks, then the least important fields go.
std::string progress_line(const Progress& progress, const Terminal& terminal);

// What to write to standard error as training goes on. A terminal gets one line drawn over and
// over, at most 10 times a second. Anything else gets whole lines without a carriage return: one
// per epoch (every n-th, so that there are at most 100), and one whenever 10 s passed without.
class ProgressWriter {
 public:
  explicit ProgressWriter(Terminal terminal) : terminal_(terminal) {}
  // Empty where nothing is due. `epoch_done` marks the last update of an epoch.
  std::string update(const Progress& progress, bool epoch_done);
  // Ends the drawn line, so that what follows starts on its own.
  std::string finish();

 private:
  Terminal terminal_;
  double last_ = 0;  // seconds at the last line; nothing is drawn in the first tenth
  bool open_ = false;
};

// One row of ▁▂▃▄▅▆▇█, each column the mean of its stretch; a stretch that is not finite is ×.
std::string sparkline(std::span<const double> values, std::size_t width);
// Bytes as 6.9 kB, 1.25 MB.
std::string bytes_text(double bytes);
// A filled curve in `rows` rows of braille cells, 2 by 4 dots each; row 0 is the top.
std::vector<std::string> braille_curve(std::span<const double> values, std::size_t width,
                                       std::size_t rows);

// The table before the first step: model, data, optimiser, and the first loss against chance.
std::string configuration_table(const RunRecord& run, const Terminal& terminal);
// The summary after the last: the loss curve, the accuracy, the worst class, the verdict.
std::string final_summary(const RunRecord& run, const Terminal& terminal);

}  // namespace gradus
