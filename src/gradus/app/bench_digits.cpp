// A whole small job: read digits, train until 97 % of those held out are right, and say what it
// took since the process began.
#include <gradus/app/bench.h>
#include <gradus/app/bench_step.h>
#include <gradus/app/columns.h>
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/io/csv.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <optional>

namespace gradus::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t pixels = 64, hidden = 64, classes = 10, batch = 32, most_epochs = 100;
constexpr double wanted = 0.97, learning_rate = 1e-2;

// Processor time since the kernel made this process, loading included. Nobody keeps the moment
// itself but the kernel, in hundredths of a second.
double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Digits {
  int64_t rows = 0;
  std::vector<float> x;  // rows of pixels, in [0, 1]
  std::vector<int> y;
};

Digits read_digits(const std::string& path) {
  const CsvTable table = read_csv(path);
  const size_t wide = table.columns.size();
  if (wide != pixels + 1)
    refuse(path, std::to_string(wide) + " columns, " + std::to_string(pixels + 1) +
                     " wanted: 64 pixels and a label");
  Digits d;
  d.rows = table.rows;
  d.x.resize(static_cast<size_t>(d.rows * pixels));
  d.y.resize(static_cast<size_t>(d.rows));
  for (size_t c = 0; c < wide; ++c) {
    const CsvColumn& column = table.columns[c];
    const bool label = c == pixels;
    const double most = label ? classes - 1 : 16;
    for (size_t r = 0; r < d.y.size(); ++r) {
      const double v = column.is_text ? 0 : column.numbers[r];
      // NaN, a missing cell, is refused too.
      if (column.is_text || !(v >= 0 && v <= most) || (label && v != std::floor(v)))
        refuse(path,
               "row " + std::to_string(r + 1) + ", column " + std::to_string(c + 1) + ": " +
                   (column.is_text ? "'" + printable(column.texts[r], 20) + "'" : text::number(v)) +
                   ". " +
                   (label ? "Labels are whole numbers from 0 to 9"
                          : "Pixels are numbers from 0 to 16"));
      if (label)
        d.y[r] = static_cast<int>(v);
      else
        d.x[r * pixels + c] = static_cast<float>(v / 16);
    }
  }
  return d;
}

double share_right(std::span<const float> scores, const Digits& d, std::span<const int64_t> rows) {
  int64_t right = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto mine = scores.subspan(i * classes, classes);
    right += std::max_element(mine.begin(), mine.end()) - mine.begin() ==
             d.y[static_cast<size_t>(rows[i])];
  }
  return static_cast<double>(right) / static_cast<double>(rows.size());
}

void copy_row(const Digits& d, int64_t row, float* to) {
  std::copy_n(d.x.data() + row * pixels, pixels, to);
}

}  // namespace

int bench_digits(const BenchWords& w, const Settings& settings) {
  const double before = processor_seconds();
  const auto start = Clock::now();
  if (w.rest.empty())
    raise(ErrorKind::usage, "digits: no file. Name a CSV file with 64 pixels and a label a row.");
  if (w.rest.size() > 1)
    raise(ErrorKind::usage, "digits: '" + w.rest[1] + "' is one word too many");
  const Digits d = read_digits(w.rest[0]);
  const int64_t training = d.rows * 8 / 10, held = d.rows - training;
  if (training < batch)
    refuse(w.rest[0], std::to_string(d.rows) + " rows, " + std::to_string(batch * 10 / 8) +
                          " at least wanted: a fifth is held out, and a step takes " +
                          std::to_string(batch));
  const double read = std::chrono::duration<double>(Clock::now() - start).count();

  const Key key = key_from_seed(settings.seed);
  const std::vector<int64_t> order = permutation(split(key, 1), d.rows);
  const std::span<const int64_t> kept = std::span(order).first(static_cast<size_t>(training)),
                                 judged = std::span(order).subspan(static_cast<size_t>(training));
  MlpSpec spec;
  spec.sizes = {pixels, hidden, classes};
  const Mlp model = make_mlp(spec, split(key, 2));
  OptimiserConfig adam = defaults_for("adam");
  adam.lr = learning_rate;
  TrainingStep step = training_step<Mlp>(
      model,
      [](const Mlp& m, const Tensor& x, const Tensor& target) {
        return cross_entropy(m(x), target, Reduction::mean);
      },
      zeros({batch, pixels}, DType::f32), zeros({batch, classes}, DType::f32), 0, adam);
  const std::vector<Tensor> like = parameters(model);
  const Argument arguments[] = {{"parameters", step.arguments[0].type()},
                                {"x", {DType::f32, {held, pixels}}}};
  Plan judge = compile(
      [&](std::span<const Tensor> a) {
        return std::vector<Tensor>{with_parameters(model, unflatten(a[0], like))(a[1])};
      },
      arguments);
  for (size_t i = 0; i < judged.size(); ++i)
    copy_row(d, judged[i], judge.input<float>(1).data() + i * pixels);
  const double planned = std::chrono::duration<double>(Clock::now() - start).count();

  const std::span<float> x = step.plan.input<float>(static_cast<int>(step.carried)),
                         target = step.plan.input<float>(static_cast<int>(step.carried) + 1);
  int64_t epochs = 0, steps = 0;
  double accuracy = 0;
  while (accuracy < wanted && epochs < most_epochs) {
    const std::vector<int64_t> shuffled =
        permutation(split(split(key, 3), static_cast<uint64_t>(epochs)), training);
    for (int64_t from = 0; from + batch <= training; from += batch) {
      std::ranges::fill(target, 0.0f);
      for (int64_t i = 0; i < batch; ++i) {
        const int64_t row = kept[static_cast<size_t>(shuffled[static_cast<size_t>(from + i)])];
        copy_row(d, row, x.data() + i * pixels);
        target[static_cast<size_t>(i * classes + d.y[static_cast<size_t>(row)])] = 1;
      }
      step.plan.run();
      ++steps;
    }
    ++epochs;
    std::ranges::copy(step.plan.input<float>(0), judge.input<float>(0).begin());
    judge.run();
    accuracy = share_right(judge.output<float>(0), d, judged);
  }
  const double wall = std::chrono::duration<double>(Clock::now() - start).count();
  const int64_t peak = most_resident();
  if (settings.json) {
    const auto ms = [](double seconds) { return text::significant(1e3 * seconds, 5); };
    print("{\"ms\":" + ms(before + wall) + ",\"ms_before\":" + ms(before) + ",\"ms_read\":" +
          ms(read) + ",\"ms_plan\":" + ms(planned - read) + ",\"ms_train\":" + ms(wall - planned) +
          ",\"epochs\":" + std::to_string(epochs) + ",\"steps\":" + std::to_string(steps) +
          ",\"accuracy\":" + text::significant(accuracy, 5) +
          ",\"examples\":" + std::to_string(training) + ",\"held_out\":" + std::to_string(held) +
          ",\"threads\":" + std::to_string(thread_count()) + ",\"peak_bytes\":" +
          std::to_string(peak) + ",\"seed\":" + std::to_string(settings.seed) + "}\n");
  } else {
    const auto time = [](double seconds) { return time_text(1e6 * seconds); };
    print("digits: MLP 64-64-10 on " + std::to_string(training) + " rows, " + std::to_string(held) +
          " held out\n" +
          columns(
              {{"accuracy", text::fixed(100 * accuracy, 1) + " % after " + std::to_string(epochs) +
                                " epochs, " + std::to_string(steps) + " steps of " +
                                std::to_string(batch)},
               {"time", time(before + wall) + " since the process began"},
               {"", time(before) + " processor time to start, " + time(read) + " reading, " +
                        time(planned - read) + " planning, " + time(wall - planned) + " training"},
               {"memory", bytes_text(static_cast<double>(peak)) + " at most"}}));
  }
  return accuracy >= wanted ? done : answer_is_no;
}

}  // namespace gradus::app
