// The information bottleneck: a sequence squeezed through the last state of an encoder.
#include <gradus/base/text.h>
#include <gradus/nn/losses.h>
#include <gradus/train/experiments.h>
#include <gradus/train/sequences.h>
#include <gradus/train/study.h>

#include <algorithm>
#include <numeric>

namespace gradus {
namespace {

constexpr double carried = 0.9;  // of the sequences right: a length is carried

int64_t below(Key key, int64_t bound) {
  int64_t n = 0;
  fill_integers(key, 0, bound, {&n, 1});
  return n;
}

// One to `longest` digits, every length as often.
template <int64_t longest>
std::pair<std::string, std::string> reversed(Key key) {
  std::string text;
  const int64_t length = 1 + below(split(key, 0), longest);
  for (int64_t i = 0; i < length; ++i)
    text += static_cast<char>('0' + below(split(key, static_cast<uint64_t>(i) + 1), 10));
  return {text, {text.rbegin(), text.rend()}};
}

constexpr SequenceTask full_task{"reverse", "0123456789", 12, 12, reversed<12>},
    quick_task{"reverse", "0123456789", 7, 7, reversed<7>};

struct Sizes {
  const SequenceTask& task;
  std::vector<int64_t> codes;
  int64_t steps, batch, tests;
};

Rows rows_of(const SequenceTask& task, int64_t count, Key key) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return tensors_of(SequencePairs(task, count, key), all);
}

BottleneckCurve measured(const RecurrentPairs& model, const Sizes& sizes, Key key) {
  const SequencePairs fresh(sizes.task, sizes.tests, key);
  std::vector<int64_t> all(static_cast<size_t>(sizes.tests));
  std::iota(all.begin(), all.end(), 0);
  const Rows asked = tensors_of(fresh, all);
  Pass pass;
  const Tensor padding = equal(asked.target, no_token);
  const Tensor hits = equal(argmax(model(asked.x, pass), -1), asked.target);
  // Where every token is the likeliest after the right ones, greedy decoding gives them.
  const std::vector<double> whole =
      numbers(cast(gradus::all(logical_or(hits, padding), {.axis = 1}), DType::f64));
  const std::vector<double> single =
      numbers(sum(cast(logical_and(hits, logical_not(padding)), DType::f64), {.axis = 1}));
  const auto longest = static_cast<size_t>(sizes.task.source_length);
  BottleneckCurve curve;
  curve.sequences.assign(longest, 0), curve.tokens.assign(longest, 0);
  std::vector<double> count(longest, 0);
  for (size_t r = 0; r < whole.size(); ++r) {
    const size_t digits = fresh.pair(static_cast<int64_t>(r)).first.size(), n = digits - 1;
    curve.sequences[n] += whole[r];
    curve.tokens[n] += single[r] / static_cast<double>(digits + 1);  // and the end
    count[n] += 1;
  }
  for (size_t n = 0; n < longest; ++n) curve.sequences[n] /= count[n], curve.tokens[n] /= count[n];
  return curve;
}

double mean_of(std::span<const double> x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

}  // namespace

int64_t carried_length(const BottleneckCurve& curve) {
  const auto fails = std::ranges::find_if(curve.sequences, [](double p) { return p < carried; });
  return fails - curve.sequences.begin();
}

Verdict bottleneck_verdict(std::span<const BottleneckCurve> curves) {
  std::vector<std::string> codes, alone, looking;
  std::vector<double> plain, gain;  // mean shares over lengths; what attention adds
  for (const BottleneckCurve& c : curves) {
    const double mean = mean_of(c.sequences);
    if (c.attends) {
      looking.push_back(std::to_string(carried_length(c)));
      gain.push_back(mean - plain.back());
      continue;
    }
    codes.push_back(std::to_string(c.code));
    alone.push_back(std::to_string(carried_length(c)));
    plain.push_back(mean);
  }
  constexpr double matters = 0.05;
  const bool widens = plain.back() > plain.front() + matters,
             helps = std::ranges::all_of(gain, [](double g) { return g > 0; }) &&
                     mean_of(gain) > matters;
  const std::string digits = std::to_string(curves.front().sequences.size());
  std::string says = "Of up to " + digits + " digits, codes of " + listed(codes) +
                     " numbers carry " + listed(alone) +
                     " (at least 90 % of the sequences right up "
                     "to there), and with attention " +
                     listed(looking) + ": ";
  says += widens ? "a larger code carries more" : "a larger code does not carry more";
  says += helps ? ", and attention goes around the bottleneck, " +
                      text::fixed(100 * mean_of(gain), 0) + " points more on average."
                : std::string(widens ? ", but" : ", and") +
                      " attention does not help at every size; its mean gain is " +
                      text::fixed(100 * mean_of(gain), 0) + " points.";
  return {widens && helps, says};
}

Experiment run_bottleneck(const ExperimentOptions& options) {
  const Sizes sizes = options.quick ? Sizes{quick_task, {8, 32}, 1500, 32, 700}
                                    : Sizes{full_task, {8, 16, 32, 64, 128}, 2000, 64, 3600};
  const Key key = key_from_seed(options.seed);
  std::vector<BottleneckCurve> curves;
  for (size_t i = 0; i < sizes.codes.size(); ++i)
    for (const bool attends : {false, true}) {
      const int64_t code = sizes.codes[i];
      const RecurrentPairs net{
          make_encoder_decoder(RecurrentKind::gru,
                               split(split(key, 0), static_cast<uint64_t>(code)),
                               vocabulary_of(sizes.task), code, {.attends = attends}),
          sizes.task.source_length};
      const std::string name =
          "code " + std::to_string(code) + (attends ? " with attention" : " alone");
      const StepLoss<RecurrentPairs> loss = [](const RecurrentPairs& m, const Tensor& x,
                                               const Tensor& y, Pass& pass) {
        return cross_entropy(m(x, pass), y, Reduction::mean, {.ignore_index = no_token});
      };
      const auto rows = [&](int64_t step) {
        return rows_of(sizes.task, sizes.batch, split(split(key, 1), static_cast<uint64_t>(step)));
      };
      const RecurrentPairs after =
          studied<RecurrentPairs>(net, loss, rows,
                                  {.steps = sizes.steps,
                                   .rate = 0.06 / std::sqrt(static_cast<double>(code)),
                                   .note = [&](int64_t step, double value) {
                                     options.note(name + ": step " + std::to_string(step) +
                                                  ", loss " + text::significant(value, 3));
                                   }});
      curves.push_back(measured(after, sizes, split(key, 2)));
      curves.back().code = code, curves.back().attends = attends;
    }

  Experiment e;
  e.name = "bottleneck";
  e.title = "What a code of fixed size carries";
  e.what =
      "A GRU reads up to " + std::to_string(sizes.task.source_length) +
      " random digits; another, which begins in its last state, writes them backwards. Each is "
      "trained on " +
      text::grouped(sizes.steps) + " batches of " + std::to_string(sizes.batch) + " and tried on " +
      text::grouped(sizes.tests) +
      " new sequences. With attention the decoder also looks at every state of the encoder.";
  e.verdict = bottleneck_verdict(curves);
  e.table = {
      {"code", "attention", "digits carried", "sequences right", "at the longest", "tokens right"}};
  for (const bool attends : {false, true}) {
    Experiment::Figure f{
        attends ? "With attention" : "Through the code alone",
        "Sequences that come back right from end to end, by length; one line a code.",
        {.id = attends ? "attention" : "alone",
         .title = "Share of sequences right, by length",
         .x_label = "digits",
         .percent = true,
         .from_zero = true,
         .dots = true}};
    f.plot.y_low = 0, f.plot.y_high = 1;
    for (const BottleneckCurve& c : curves)
      if (c.attends == attends) {
        Line line{.label = std::to_string(c.code)};
        for (size_t n = 0; n < c.sequences.size(); ++n)
          line.x.push_back(static_cast<double>(n + 1));
        line.y = c.sequences;
        line.colour = ramp_colour(f.plot.lines.size(), sizes.codes.size());
        f.plot.lines.push_back(line);
        const auto share = [](double p) { return text::fixed(100 * p, 1) + " %"; };
        e.table.push_back({std::to_string(c.code), attends ? "yes" : "no",
                           std::to_string(carried_length(c)), share(mean_of(c.sequences)),
                           share(c.sequences.back()), share(mean_of(c.tokens))});
      }
    e.figures.push_back(std::move(f));
  }
  return e;
}

}  // namespace gradus
