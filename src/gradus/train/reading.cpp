// The rules of the reading. First everything is measured (struct Facts), then each group of facts
// becomes a paragraph and its checks, and last the worst of them gives the verdict.
#include <gradus/base/text.h>
#include <gradus/optim/optimiser.h>
#include <gradus/train/reading.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

namespace gradus {
namespace {

// The limits. They are rules of thumb: wide enough that a run outside one is worth a look.
constexpr double start_low = 0.5, start_high = 2;  // of the loss of chance
constexpr double start_high_regression = 3;  // an untrained net's own spread adds to the targets'
constexpr double start_absurd = 10;
constexpr double learned_below = 0.9;    // of the best constant answer's loss
constexpr double poor_above = 0.5;       // of the same: a weak fit
constexpr double memorised_below = 0.5;  // of the same, on training data
constexpr double peak_limit = 2;         // highest loss on the way, of max(start, chance)
constexpr double end_limit = 1.05;       // last loss, of max(start, chance)
constexpr double jump_size = 0.1;        // a rise between two epochs, of chance
constexpr double jump_share = 0.2;       // of all pairs of epochs
constexpr double growth_limit = 10;      // of a largest singular value
constexpr double update_limit = 0.1;     // one step's change, of the weights' length
constexpr double update_low = 1e-5;
constexpr double update_aim = 2e-3;          // a usual step
constexpr double overfit_limit = 1.1;        // last validation loss, of the best
constexpr double overfit_strong = 1.25;      //
constexpr double overfit_noise = 0.02;       // of chance: smaller rises are noise
constexpr double gap_limit = 0.05;           // training less validation accuracy
constexpr double gradient_low = 0.01;        // first layer over last
constexpr double gradient_high = 100;        //
constexpr double falling_limit = 0.1;        // drop over the last fifth of the epochs
constexpr double standard_errors = 3;        // one-sided chance of 0.13 % under guessing
constexpr double uneven_limit = 3;           // largest class over smallest
constexpr double collapse_share = 0.95;      // of all answers
constexpr double direction_limit = 0.01;     // of the largest singular value
constexpr int64_t few_steps = 100;           // in which little can be learned or judged
constexpr double far_rate = 10;              // times a method's usual rate
constexpr int64_t few = 20;                  // examples; shares of fewer say little
constexpr double hardly_moved_limit = 0.01;  // relative change of every singular value

double finite_or(double x, double otherwise) {
  return std::isfinite(x) ? x : otherwise;
}

std::string times(double x) {
  return brief(x) + " times";
}

// A limit as a percentage: "10 %", "0.001 %".
std::string limit(double share) {
  return text::significant(100 * share, 3) + " %";
}

std::string quoted(const std::string& name) {
  return "'" + name + "'";
}

// "ln 10 = 2.303" where that is what it is, else "2.1".
std::string chance_text(const RunRecord& run) {
  const double chance = run.chance_loss;
  const int64_t k = run.task == "binary" ? 2 : run.classes;
  // Uneven classes have a lower entropy than ln k, even if only in the fourth digit.
  if (k >= 2 && text::fixed(chance, 3) == text::fixed(std::log(static_cast<double>(k)), 3)) {
    return "ln " + std::to_string(k) + " = " + text::fixed(chance, 3);
  }
  return text::significant(chance, 4);
}

// The loss of a network that answers all classes alike: chance, or ln k where the frequencies of
// uneven classes make chance lower than that.
double uninformed(const RunRecord& run) {
  const bool alike = run.task == "classification" && run.classes >= 2;
  return alike ? std::fmax(run.chance_loss, std::log(static_cast<double>(run.classes)))
               : run.chance_loss;
}

// How far an accuracy lies beyond guessing with the same frequencies of labels and of answers.
// Agreement expected by chance, and its spread: Fleiss, Cohen and Everitt (1969), the null case
// of kappa. An accuracy within three standard errors is no better than guessing.
struct Guessing {
  double expected = 0, limit = 0;
};

Guessing guessing_rate(double rate, int64_t examples) {
  const double n = static_cast<double>(std::max<int64_t>(examples, 1));
  return {rate, rate + standard_errors * std::sqrt(rate * (1 - rate) / n)};
}

struct Facts {
  bool regression = false, labelled = false, finite = true, has_val = false, has_chance = false,
       square = false;
  int64_t epochs = 0, classes = 0, tested = 0;
  double start = 0, chance = 0;  // chance: the yardstick; the start's loss where there is none
  double constant = 0;           // loss of the best constant answer
  double train = 0, val = 0, train_accuracy = 0, val_accuracy = 0;
  int64_t bad_step = -1;  // first loss that is not finite; -1 unknown
  bool bad_start = false, bad_step_is_near = false;
  double peak = 0;
  int64_t peak_step = -1;
  int64_t jumps = 0, pairs = 0;
  double update = not_measured;  // the largest epoch mean
  std::vector<int64_t> labels, answers;
  int64_t majority = -1, most_answered = -1;
  Guessing guess;
  std::vector<double> gradient;  // geometric mean of every layer
  std::vector<bool> dead;        // exactly zero in every epoch
  double growth = not_measured;  // largest over the matrices
  std::size_t grown = 0;
  double moved = 0;
  double best_val = not_measured;
  std::size_t best_epoch = 0;
  double drop = not_measured;  // relative fall of the loss over the last fifth
  std::size_t window = 0;
};

void measure_labels(const RunRecord& run, Facts& f) {
  const std::size_t k = run.confusion.size();
  f.square = k > 0;
  for (const auto& row : run.confusion) f.square = f.square && row.size() == k;
  if (!f.square) return;
  f.labels.assign(k, 0);
  f.answers.assign(k, 0);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      f.labels[i] += run.confusion[i][j];
      f.answers[j] += run.confusion[i][j];
      f.tested += run.confusion[i][j];
    }
  }
  f.square = f.tested > 0;
  if (!f.square) return;
  const auto largest = [](const std::vector<int64_t>& v) {
    return static_cast<int64_t>(std::max_element(v.begin(), v.end()) - v.begin());
  };
  f.majority = largest(f.labels);
  f.most_answered = largest(f.answers);
}

void measure_guessing(Facts& f) {
  if (!f.square) {
    f.guess = guessing_rate(1.0 / static_cast<double>(std::max<int64_t>(f.classes, 2)), f.tested);
    return;
  }
  const double n = static_cast<double>(f.tested);
  double expected = 0, weighted = 0;
  for (std::size_t i = 0; i < f.labels.size(); ++i) {
    const double p = static_cast<double>(f.labels[i]) / n;
    const double q = static_cast<double>(f.answers[i]) / n;
    expected += p * q;
    weighted += p * q * (p + q);
  }
  const double variance = std::max(0.0, expected + expected * expected - weighted) / n;
  f.guess = {expected, expected + standard_errors * std::sqrt(variance)};
}

void measure_losses(const RunRecord& run, Facts& f) {
  f.start = run.start_loss;
  f.has_chance = std::isfinite(run.chance_loss) && run.chance_loss > 0;
  f.chance = f.has_chance ? run.chance_loss : finite_or(f.start, 1);
  if (f.chance <= 0) f.chance = 1;
  f.constant = f.chance;
  if (!f.regression && f.square && f.tested >= few) {
    double entropy = 0;
    for (const int64_t count : f.labels) {
      const double p = static_cast<double>(count) / static_cast<double>(f.tested);
      if (p > 0) entropy -= p * std::log(p);
    }
    // One class alone has entropy 0, which no loss can be held against.
    if (entropy > 0.01) f.constant = std::min(f.constant, entropy);
  }

  const std::size_t n = run.step_loss.size();
  const auto step_of = [&](std::size_t i) {
    const double per = static_cast<double>(std::max<int64_t>(run.steps, static_cast<int64_t>(n))) /
                       static_cast<double>(n);
    return std::max<int64_t>(1, std::llround(per * static_cast<double>(i + 1)));
  };
  // The loss of step 1 is that of the initial weights: no step has been taken.
  f.bad_start = std::isinf(f.start) ||
                (run.diverged && run.diverged_step <= 1 && run.diverged_step >= 0) ||
                (n > 0 && static_cast<int64_t>(n) >= run.steps && !std::isfinite(run.step_loss[0]));
  f.finite = !run.diverged && !f.bad_start;
  f.bad_step = run.diverged ? run.diverged_step : -1;
  f.peak = finite_or(f.start, 0);
  f.peak_step = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = run.step_loss[i];
    if (!std::isfinite(x)) {
      f.finite = false;
      if (f.bad_step < 0) {
        f.bad_step = step_of(i);
        f.bad_step_is_near = run.steps > static_cast<int64_t>(n);
      }
      break;
    }
    if (x > f.peak) {
      f.peak = x;
      f.peak_step = step_of(i);
    }
  }
  const EpochRecord* previous = nullptr;
  for (const EpochRecord& e : run.epochs) {
    if (!std::isfinite(e.train_loss)) {
      f.finite = false;
      if (f.bad_step < 0) {
        f.bad_step = e.step;
        f.bad_step_is_near = true;
      }
      previous = nullptr;
      continue;
    }
    if (e.train_loss > f.peak) {
      f.peak = e.train_loss;
      f.peak_step = e.step;
    }
    if (previous != nullptr) {
      ++f.pairs;
      f.jumps += e.train_loss - previous->train_loss > jump_size * f.chance ? 1 : 0;
    }
    previous = &e;
    if (std::isfinite(e.update_ratio)) f.update = std::fmax(f.update, e.update_ratio);
  }

  const EpochRecord last = run.epochs.empty() ? EpochRecord{} : run.epochs.back();
  f.train = finite_or(run.train_loss, last.train_loss);
  f.val = finite_or(run.val_loss, last.val_loss);
  f.train_accuracy = finite_or(run.train_accuracy, last.train_accuracy);
  f.val_accuracy = finite_or(run.val_accuracy, last.val_accuracy);
  f.has_val = run.val_count > 0 && std::isfinite(f.val);

  // The curve that says whether training was over: validation where there is one.
  const auto curve = [&](std::size_t i) {
    return f.has_val ? run.epochs[i].val_loss : run.epochs[i].train_loss;
  };
  const std::size_t e = run.epochs.size();
  for (std::size_t i = 0; f.has_val && i < e; ++i) {
    const double x = run.epochs[i].val_loss;
    if (std::isfinite(x) && !(x >= f.best_val)) {
      f.best_val = x;
      f.best_epoch = i;
    }
  }
  if (e >= 3) {
    f.window = std::max<std::size_t>(e >= 4 ? 2 : 1, e / 5);
    const double then = curve(e - 1 - f.window), now = curve(e - 1);
    if (std::isfinite(then) && std::isfinite(now) && then > 0) f.drop = (then - now) / then;
  }
}

void measure_layers(const RunRecord& run, Facts& f) {
  std::size_t layers = 0;
  for (const EpochRecord& e : run.epochs) layers = std::max(layers, e.grad_norm.size());
  for (std::size_t l = 0; l < layers; ++l) {
    double sum = 0;
    int64_t count = 0;
    bool seen = false, zero = true;
    for (const EpochRecord& e : run.epochs) {
      if (l >= e.grad_norm.size() || !std::isfinite(e.grad_norm[l])) continue;
      seen = true;
      if (e.grad_norm[l] <= 0) continue;
      zero = false;
      sum += std::log(e.grad_norm[l]);
      ++count;
    }
    f.gradient.push_back(count > 0 ? std::exp(sum / static_cast<double>(count)) : not_measured);
    f.dead.push_back(seen && zero);
  }
  for (std::size_t i = 0; i < run.spectra.size(); ++i) {
    const LayerSpectrum& s = run.spectra[i];
    if (s.before.empty() || s.after.empty() || !(s.before[0] > 0)) continue;
    const double growth = s.after[0] / s.before[0];
    if (std::isfinite(growth) && !(growth <= f.growth)) {
      f.growth = growth;
      f.grown = i;
    }
    for (std::size_t j = 0; j < std::min(s.before.size(), s.after.size()); ++j) {
      f.moved = std::fmax(f.moved, std::abs(s.after[j] - s.before[j]) / s.before[0]);
    }
  }
}

Facts measure(const RunRecord& run) {
  Facts f;
  f.regression = run.task == "regression";
  f.labelled = run.unit == "examples";  // the others count tokens or pairs of a text
  f.epochs = static_cast<int64_t>(run.epochs.size());
  f.classes = std::max<int64_t>(run.classes, static_cast<int64_t>(run.confusion.size()));
  if (!f.regression) measure_labels(run, f);
  measure_losses(run, f);
  if (!f.square) f.tested = run.val_count;
  if (!f.regression) measure_guessing(f);
  measure_layers(run, f);
  return f;
}

class Reader {
 public:
  explicit Reader(const RunRecord& run) : run_(run), f_(measure(run)) {}

  Reading read() {
    if (f_.epochs == 0 && run_.step_loss.empty()) {
      out_.level = Level::note;
      out_.verdict = f_.finite ? "Nothing was trained: no epoch finished."
                               : "Broken before the first step: the loss is not finite.";
      if (!f_.finite) out_.level = Level::bad;
      check_start();
      say((std::isnan(run_.start_loss) ? std::string()
                                       : "Before the first step: " + start_sentence(run_) + ". ") +
          "Without a finished epoch there are no curves to read.");
      return out_;
    }
    decide();
    curves();
    steps();
    generalisation();
    gradients();
    weights();
    classes();
    verdict();
    return out_;
  }

 private:
  void say(std::string paragraph) {
    if (!paragraph.empty()) out_.paragraphs.push_back(std::move(paragraph));
  }
  void check(Level level, std::string what, std::string value, std::string usual) {
    out_.checks.push_back({level, std::move(what), std::move(value), std::move(usual)});
  }
  void advise(std::string text) {
    if (std::find(out_.next.begin(), out_.next.end(), text) == out_.next.end()) {
      out_.next.push_back(std::move(text));
    }
  }
  std::string layer(std::size_t i) const { return layer_name(run_, i); }
  std::string guess_name() const { return f_.regression ? "always answering the mean" : "chance"; }
  // "2.6 % of chance".
  std::string of_constant(double loss) const {
    return percent(loss / f_.constant) + " of " + yardstick();
  }
  std::string yardstick() const {
    if (!f_.has_chance) return "the start";
    if (f_.regression) return "what always answering the mean gives";
    return f_.constant < 0.98 * f_.chance ? "what the best constant answer gives" : "chance";
  }

  // Everything the paragraphs and the verdict share.
  void decide() {
    const double reference = std::max(finite_or(f_.start, 0), f_.chance);
    learned_ = f_.train < learned_below * f_.constant;
    peak_ratio_ = reference > 0 ? f_.peak / reference : not_measured;
    peaked_ = peak_ratio_ > peak_limit && f_.peak_step > 0;
    const double end = f_.train / reference;
    ended_high_ = end > end_limit;
    jumped_ = f_.pairs >= 3 && f_.jumps >= 2 &&
              static_cast<double>(f_.jumps) >= jump_share * static_cast<double>(f_.pairs);
    grew_ = f_.growth > growth_limit;
    hot_ = f_.update > update_limit;
    const bool went_up = peaked_ || jumped_;
    few_steps_ = f_.finite && !learned_ && !ended_high_ && !went_up && run_.steps < few_steps;
    absurd_start_ = f_.has_chance && f_.start > start_absurd * f_.chance;
    too_fast_ = f_.finite && (ended_high_ || (went_up && (peaked_ + jumped_ + grew_ + hot_ >= 2)) ||
                              (!learned_ && !few_steps_ && (went_up || grew_ || hot_)));

    if (f_.has_val) {
      at_chance_ = f_.regression || !f_.labelled ? !(f_.val < learned_below * f_.chance)
                                                 : !(f_.val_accuracy > f_.guess.limit);
    }
    const double train_right = guessing_rate(f_.guess.expected, run_.train_count).limit;
    memorised_ = f_.finite && f_.has_val && at_chance_ && learned_ &&
                 (f_.train < memorised_below * f_.constant || f_.regression || !f_.labelled ||
                  f_.train_accuracy > std::max(train_right, f_.val_accuracy + gap_limit));
    if (f_.square && f_.tested > 0) {
      const auto a = static_cast<std::size_t>(f_.most_answered);
      answered_ = static_cast<double>(f_.answers[a]) / static_cast<double>(f_.tested);
      const double share = static_cast<double>(f_.labels[a]) / static_cast<double>(f_.tested);
      collapsed_ = f_.classes >= 2 && answered_ >= collapse_share && share < answered_ - 0.02;
    }
    if (f_.has_val && f_.epochs >= 3) {
      const std::size_t e = run_.epochs.size();
      const double last = run_.epochs.back().val_loss;
      overfit_ratio_ = last / f_.best_val;
      const bool fell = run_.epochs[e - 1].train_loss < run_.epochs[f_.best_epoch].train_loss;
      overfit_ = overfit_ratio_ > overfit_limit && last - f_.best_val > overfit_noise * f_.chance &&
                 fell && f_.best_epoch + 1 < e;
      overfit_bad_ = overfit_ && overfit_ratio_ > overfit_strong;
    }
    if (!f_.labelled && f_.has_val && f_.epochs > 0) {
      const EpochRecord& last = run_.epochs.back();
      loss_gap_ = (f_.val - f_.train) / f_.chance;
      wide_gap_ = loss_gap_ > gap_limit;
      overfit_ = overfit_ || (wide_gap_ && last.val_loss > f_.best_val &&
                              last.train_loss < run_.epochs[f_.best_epoch].train_loss);
    } else if (!f_.regression && f_.has_val && f_.tested > 0) {
      gap_ = f_.train_accuracy - f_.val_accuracy;
      const double p = std::clamp(f_.val_accuracy, 0.0, 1.0);
      const double error = std::sqrt(p * (1 - p) / static_cast<double>(f_.tested));
      wide_gap_ = gap_ > gap_limit && gap_ > standard_errors * error;
    }
    const double now = f_.has_val ? f_.val : f_.train;
    falling_ = f_.drop > falling_limit && now > overfit_noise * f_.chance && !overfit_;
    poor_ = now > poor_above * f_.constant;
    small_steps_ = f_.update < update_low;

    if (f_.gradient.size() >= 2) gradient_ratio_ = f_.gradient.front() / f_.gradient.back();
    for (std::size_t l = 0; l < f_.dead.size(); ++l) {
      if (!f_.dead[l]) continue;
      ++dead_count_;
      if (!first_dead_) first_dead_ = l;
    }
    // A network that fits everything has nothing left to send back.
    if ((!poor_ && learned_) || few_steps_) dead_count_ = 0;
    vanished_ = gradient_ratio_ < gradient_low;
    exploded_ = gradient_ratio_ > gradient_high;
  }

  void check_start() {
    if (std::isnan(run_.start_loss) && !f_.bad_start) return;
    if (!f_.has_chance) return;
    const double ratio = run_.start_loss / f_.chance;
    const double high = f_.regression ? start_high_regression : start_high;
    const bool fine = ratio >= start_low && run_.start_loss <= high * uninformed(run_);
    const Level level = fine                                       ? Level::fine
                        : !(ratio <= start_absurd) || f_.bad_start ? Level::bad
                                                                   : Level::note;
    check(level, "Loss before step 1", brief(run_.start_loss),
          brief(start_low) + " to " + brief(high) + " times " + guess_name());
  }

  void curves() {
    check_start();
    if (!f_.finite) {
      std::string where = f_.bad_start       ? "before the first step"
                          : f_.bad_step >= 0 ? (f_.bad_step_is_near ? "near step " : "at step ") +
                                                   text::grouped(f_.bad_step)
                                             : "during training";
      check(Level::bad, "Every loss is finite", "no, " + where, "yes");
      std::string text = "The loss stopped being a finite number " + where + ". ";
      if (!f_.bad_start && std::isfinite(f_.start)) {
        text += "Before the first step it was " + brief(f_.start);
        if (f_.has_chance) {
          text += f_.regression ? " (always answering the mean gives " : " (chance is ";
          text += chance_text(run_) + ")";
        }
        if (f_.peak_step > 0) {
          text += ", and the highest finite value was " + brief(f_.peak) + " at step " +
                  text::grouped(f_.peak_step);
        }
        text += ". ";
      }
      text += "Every number after that point means nothing.";
      say(text);
      return;
    }
    check(Level::fine, "Every loss is finite", "yes, " + counted(run_.steps, "step"), "yes");
    std::string text;
    if (std::isfinite(f_.start)) {
      const bool rose = f_.train > f_.start;
      text = std::string("The training loss ") + (rose ? "rose" : "fell") + " from " +
             brief(f_.start) + " before the first step";
      if (f_.has_chance) {
        text += f_.regression ? " (always answering the mean gives " : " (chance is ";
        text += chance_text(run_) + ")";
      }
      text += " to " + brief(f_.train) + " after " + counted(f_.epochs, "epoch");
    } else {
      text =
          "The training loss ended at " + brief(f_.train) + " after " + counted(f_.epochs, "epoch");
      if (f_.has_chance) {
        text += f_.regression ? "; always answering the mean gives " : "; chance is ";
        text += chance_text(run_);
      }
    }
    text += ", which is " + of_constant(f_.train);
    if (f_.constant < 0.98 * f_.chance) text += " (" + brief(f_.constant) + ")";
    text += learned_ ? ". " : "; below " + limit(learned_below) + " would count as learning. ";
    check(learned_ ? Level::fine : Level::bad, "Training loss at the end",
          brief(f_.train) + ", " + percent(f_.train / f_.constant) +
              (f_.has_chance ? " of guessing" : " of the start"),
          "below " + limit(learned_below));
    if (std::isfinite(f_.drop)) {
      const std::string amount = percent(std::abs(f_.drop));
      const std::string span =
          f_.window == 1 ? "the last epoch"
                         : "the last " + counted(static_cast<int64_t>(f_.window), "epoch");
      const std::string which = f_.has_val ? "validation loss" : "training loss";
      if (falling_) {
        text += "It was not finished: the " + which + " still fell by " + amount + " over " + span +
                " (levelled off means below " + limit(falling_limit) + ").";
      } else if (std::abs(f_.drop) < 5e-4) {
        text += "Over " + span + " the " + which + " stayed the same.";
      } else if (f_.drop > 0) {
        const bool level = f_.drop <= falling_limit && !too_fast_;
        text += "Over " + span + " the " + which + " fell by " + amount +
                (level ? ", so it had levelled off (below " + limit(falling_limit) + ")." : ".");
      } else {
        text += "Over " + span + " the " + which + " rose by " + amount + ".";
      }
      check(falling_ ? Level::note : Level::fine, "Fall over " + span, percent(f_.drop),
            "below " + limit(falling_limit) + " at the end");
    }
    if (run_.interrupted) text += " The run was stopped by hand, so its end is not its own.";
    if (absurd_start_) {
      text += " The start itself was odd: " + times(f_.start / f_.chance) + " the loss of " +
              guess_name() + " (usual: up to " +
              brief(f_.regression ? start_high_regression : start_high) +
              "), so the initial weights or the inputs are too large.";
    }
    say(text);
  }

  // How large the steps were: peaks, jumps, updates.
  void steps() {
    std::string text;
    if (f_.finite && std::isfinite(peak_ratio_)) {
      check(peaked_ ? (too_fast_ ? Level::bad : Level::note) : Level::fine,
            "Highest loss on the way", brief(f_.peak) + ", " + times(peak_ratio_) + " the start",
            "below " + times(peak_limit));
      if (peaked_) {
        text += "On the way the loss went up to " + brief(f_.peak) + " at step " +
                text::grouped(f_.peak_step) + ", " + times(peak_ratio_) +
                " the larger of start and chance (usual: below " + brief(peak_limit) + "). ";
      }
      if (jumped_) {
        text += "It jumped up by more than " + brief(jump_size * f_.chance) + " after " +
                text::grouped(f_.jumps) + " of " + counted(f_.pairs, "epoch") +
                " instead of falling steadily (usual: fewer than " + limit(jump_share) + "). ";
      }
      if (ended_high_) {
        text += "It ended above where it began: training made the network worse. ";
      }
    }
    if (std::isfinite(f_.update)) {
      check(hot_ ? (too_fast_ || !f_.finite ? Level::bad : Level::note)
                 : (small_steps_ ? Level::note : Level::fine),
            "Change of weights in a step", percent(f_.update),
            limit(update_low) + " to " + limit(update_limit));
      if (hot_ || small_steps_) {
        text += "One step changed the weights by " + percent(f_.update) +
                " of their own length in the busiest epoch (usual: " + limit(update_low) + " to " +
                limit(update_limit) + "). ";
      }
    }
    if (too_fast_) {
      text += "Steps this large jump over the valley they aim for: the learning rate is too high.";
      if (absurd_start_) {
        text += " Repair the start first, though, since large inputs have the same effect.";
      }
    } else if (!f_.finite && !f_.bad_start) {
      text +=
          absurd_start_
              ? "The loss was already " + times(f_.start / f_.chance) + " the loss of " +
                    guess_name() + " before the first step, so look at the inputs' scale first."
              : "Breaking down only after some steps is nearly always a learning rate that is too "
                "high; the other suspect is an extreme value in the data.";
    } else if (f_.bad_start) {
      text +=
          "No step had been taken, so the learning rate is not the cause: the data or the "
          "initial weights hold a number that is not finite or far too large.";
    }
    while (text.ends_with(' ')) text.pop_back();
    say(text);
    if (too_fast_ || (!f_.finite && !f_.bad_start)) advise_smaller_rate();
  }

  void advise_smaller_rate() {
    const std::string_view method = run_.optimiser;
    const std::vector<std::string_view> methods = method_names();
    const bool known = std::ranges::find(methods, method) != methods.end();
    const double usual = known ? defaults_for(method).lr : not_measured;
    double factor = 10;
    if (std::isfinite(f_.update) && f_.update > update_limit) {
      const double wanted = std::log10(f_.update / update_aim);
      factor = std::pow(10, std::clamp(std::round(wanted), 1.0, 2.0));
    }
    const auto lr = text::parse_double(setting(run_, "lr"));
    if (lr && *lr / factor > far_rate * usual) {
      advise("Try `--lr " + text::significant(usual, 3) + "`, the usual rate of " +
             std::string(method) + ".");
    } else if (lr && std::isfinite(*lr) && *lr > 0) {
      advise("Try `--lr " + text::significant(*lr / factor, 3) + "`, a " +
             (factor < 50 ? "tenth" : "hundredth") + " of the present rate.");
    } else {
      advise("Try a learning rate " + text::grouped(std::llround(factor)) + " times smaller.");
    }
  }

  void generalisation() {
    if (!f_.finite) return;
    if (!f_.has_val) {
      say("No validation set was held out, so nothing here says how the network does on data it "
          "has not seen.");
      check(Level::note, "Validation set", "none", "at least " + std::to_string(few) + " examples");
      return;
    }
    std::string text;
    if (f_.regression) {
      const double explained = 1 - f_.val / f_.chance;
      check(at_chance_ ? Level::bad : Level::fine, "Validation loss",
            brief(f_.val) + ", " + percent(f_.val / f_.chance) + " of the mean's",
            "below " + limit(learned_below));
      text = "On " + counted(run_.val_count, "validation example") + " the loss is " +
             brief(f_.val) + " against " + brief(f_.train) + " in training. ";
      if (f_.has_chance) {
        text += at_chance_ ? "Always answering the mean would give " + brief(f_.chance) +
                                 ", so on new data the network is no better than that (limit: " +
                                 limit(learned_below) + " of it). "
                           : "Always answering the mean would give " + brief(f_.chance) +
                                 ", so the network explains " + percent(explained) +
                                 " of the targets' variance. ";
      }
    } else if (!f_.labelled) {
      check(at_chance_ ? Level::bad : Level::fine, "Validation loss",
            brief(f_.val) + ", " + percent(f_.val / f_.chance) + " of chance",
            "below " + limit(learned_below));
      text = "On what was held out the loss is " + brief(f_.val) + " against " + brief(f_.train) +
             " in training; chance is " + chance_text(run_) + ". ";
    } else if (std::isfinite(f_.val_accuracy)) {
      const std::string most = percent(f_.guess.limit);
      check(at_chance_ ? Level::bad : Level::fine, "Validation accuracy", percent(f_.val_accuracy),
            "above " + most + ", guessing and luck");
      text = "On " + counted(f_.tested, "validation example") + " it is right " +
             percent(f_.val_accuracy) + " of the time";
      if (std::isfinite(f_.train_accuracy)) {
        text += ", on the training data " + percent(f_.train_accuracy);
      }
      text += at_chance_
                  ? ". That is no better than guessing with the same frequencies, which gives " +
                        percent(f_.guess.expected) +
                        (f_.guess.limit > f_.guess.expected + 1e-6
                             ? ", by luck (" + brief(standard_errors) + " standard errors) up to " +
                                   most + ". "
                             : ". ")
                  : "; guessing with the same frequencies gives " + percent(f_.guess.expected) +
                        ", by luck (" + brief(standard_errors) + " standard errors) up to " + most +
                        ". ";
    }
    if (memorised_ && !f_.labelled) {
      text +=
          "Yet the training loss fell: the text is learned by heart, and nothing carries over. ";
      advise("More text, fewer epochs or dropout.");
    } else if (memorised_) {
      text +=
          "Yet the training loss fell: the network learns single examples by heart and finds no "
          "rule that carries over. Labels that do not belong to their "
          "rows (shuffled, shifted by one) look exactly like this. ";
      advise("Check that every label belongs to its row; look at a few examples by eye.");
    } else if (at_chance_ && !learned_ && !too_fast_ && !few_steps_) {
      text += "Training and validation agree: nothing was learned beyond a constant answer. ";
    }
    if (std::isfinite(overfit_ratio_)) {
      const EpochRecord& best = run_.epochs[f_.best_epoch];
      check(overfit_bad_                     ? Level::bad
            : overfit_ratio_ > overfit_limit ? Level::note
                                             : Level::fine,
            "Validation loss, end over best", times(overfit_ratio_),
            "below " + times(overfit_limit));
      if (overfit_) {
        text += "The validation loss was lowest, " + brief(f_.best_val) + ", after epoch " +
                text::grouped(best.epoch) + " and then rose to " +
                brief(run_.epochs.back().val_loss) + " (" + times(overfit_ratio_) +
                " the best; usual: below " + brief(overfit_limit) +
                ") while the training loss fell on from " + brief(best.train_loss) + " to " +
                brief(run_.epochs.back().train_loss) + ": overfitting. ";
        if (!memorised_) {
          advise("Try `--epochs " + std::to_string(best.epoch) +
                 "`, more data, or weight decay: the best validation loss came at that epoch.");
        }
      } else if (!at_chance_ && !too_fast_ && !wide_gap_ && overfit_ratio_ <= overfit_limit) {
        text += overfit_ratio_ < 1.005
                    ? std::string("The validation loss ended at its best")
                    : "The validation loss ended at " + times(overfit_ratio_) +
                          " its best (usual: below " + brief(overfit_limit) + ")";
        text += ", no sign of overfitting. ";
      }
    }
    if (std::isfinite(loss_gap_)) {
      check(wide_gap_ ? Level::note : Level::fine, "Loss, validation less training",
            brief(f_.val - f_.train), "below " + brief(gap_limit * f_.chance));
      if (wide_gap_ && !memorised_ && !overfit_) {
        text += "It does better on text it has seen: the loss there is lower by " +
                brief(f_.val - f_.train) + " (usual: less than " + brief(gap_limit * f_.chance) +
                "). ";
        advise("More text or weight decay would narrow the gap.");
      }
    }
    if (std::isfinite(gap_)) {
      check(wide_gap_ ? Level::note : Level::fine, "Accuracy, training less validation",
            text::fixed(100 * gap_, 1) + " points",
            "below " + text::fixed(100 * gap_limit, 0) + " points");
      if (wide_gap_ && !memorised_ && !overfit_) {
        text += "It does " + text::fixed(100 * gap_, 1) +
                " points better on data it has seen (usual: below " +
                text::fixed(100 * gap_limit, 0) + "). ";
        advise("More data or weight decay would narrow the gap between training and validation.");
      }
    }
    if (!f_.regression && !at_chance_ && f_.val > f_.chance && f_.has_chance) {
      text += "Its validation loss, " + brief(f_.val) + ", is above that of chance (" +
              brief(f_.chance) +
              ") although its answers are better than guesses: where it is "
              "wrong, it is very sure. ";
    }
    if (f_.tested < few) {
      text += "So few validation examples (fewer than " + std::to_string(few) + ") settle little. ";
    }
    while (text.ends_with(' ')) text.pop_back();
    say(text);
  }

  void gradients() {
    if (f_.gradient.empty()) return;
    std::string text;
    if (dead_count_ > 0) {
      text =
          dead_count_ == static_cast<int64_t>(f_.dead.size())
              ? std::string(
                    "Every layer's gradient was exactly 0 in every epoch: nothing can "
                    "learn. ")
              : "The gradient of " + layer(*first_dead_) + " was exactly 0 in every epoch" +
                    (dead_count_ > 1 ? " (and of " + counted(dead_count_ - 1, "other layer") + ")"
                                     : "") +
                    ": it learns nothing. ";
      text += "Units that are off for every input (dead relu) do this.";
      check(
          Level::bad, "Layers without any gradient",
          text::grouped(dead_count_) + " of " + text::grouped(static_cast<int64_t>(f_.dead.size())),
          "0");
      advise(
          "Try another initialisation or an activation without a flat side, such as tanh or "
          "gelu.");
    } else if (std::isfinite(gradient_ratio_)) {
      const std::size_t last = f_.gradient.size() - 1;
      const std::string range = brief(gradient_low) + " to " + brief(gradient_high);
      text = "Averaged over the run the gradient norm is " + brief(f_.gradient.front()) + " in " +
             layer(0) + " and " + brief(f_.gradient.back()) + " in " + layer(last) +
             ", a ratio of " + brief(gradient_ratio_) + " (usual: " + range + "): ";
      if (vanished_) {
        text += "gradients vanish on the way to the first layer, which hardly learns.";
        advise(
            "Try fewer layers, relu instead of a saturating activation, or a larger initial "
            "gain.");
      } else if (exploded_) {
        text += "gradients explode on the way to the first layer.";
        advise("Try a smaller initial gain or fewer layers.");
      } else {
        text += "the error reaches the first layer.";
      }
      check(vanished_ || exploded_ ? (learned_ && !poor_ ? Level::note : Level::bad) : Level::fine,
            "Gradient, first layer over last", brief(gradient_ratio_), range);
    } else if (f_.gradient.size() == 1 && std::isfinite(f_.gradient[0])) {
      text = "There is one layer, with an average gradient norm of " + brief(f_.gradient[0]) + ".";
    }
    say(text);
  }

  void weights() {
    if (!std::isfinite(f_.growth)) return;
    const LayerSpectrum& s = run_.spectra[f_.grown];
    check(grew_ ? (too_fast_ || !f_.finite ? Level::bad : Level::note) : Level::fine,
          "Growth of singular values", times(f_.growth), "below " + times(growth_limit));
    std::string text;
    if (f_.moved < hardly_moved_limit) {
      text = "The weights hardly moved: no singular value changed by more than " +
             percent(f_.moved) + " of its matrix's largest.";
    } else {
      const std::string change = brief(s.before[0]) + " to " + brief(s.after[0]) + ", " +
                                 times(f_.growth) + " the start (usual: below " +
                                 brief(growth_limit) + ")";
      if (f_.growth < 1) {
        text = "No matrix's largest singular value grew; that of " + s.name +
               " shrank least, from " + change + ".";
      } else {
        text = run_.spectra.size() > 1
                   ? "Of the largest singular values that of " + s.name + " grew most, from "
                   : "The largest singular value of " + s.name + " grew from ";
        text += change + (grew_ ? ": weights that stretch their input this much make every later "
                                  "step wilder."
                                : ": the weights moved without blowing up.");
      }
    }
    // Directions that a matrix hardly uses, in the matrix that has most of them.
    std::size_t thin = 0, of = 0, which = 0;
    for (std::size_t i = 0; i < run_.spectra.size(); ++i) {
      const auto used = [](const std::vector<double>& v) {
        return static_cast<std::size_t>(std::count_if(
            v.begin(), v.end(), [&](double x) { return x > direction_limit * v[0]; }));
      };
      const auto& [name, before, after] = run_.spectra[i];
      if (after.empty() || before.size() != after.size() || !std::isfinite(after[0])) continue;
      const std::size_t lost = after.size() - used(after);
      if (2 * lost > after.size() && used(after) < used(before) && lost > thin) {
        thin = lost;
        of = after.size();
        which = i;
      }
    }
    if (thin > 0) {
      text += " " + run_.spectra[which].name + " uses " + std::to_string(of - thin) + " of its " +
              std::to_string(of) + " directions (singular values above " + limit(direction_limit) +
              " of the largest).";
    }
    say(text);
  }

  void classes() {
    if (!f_.square || f_.regression || !f_.finite) return;
    std::string text;
    const auto share = [&](int64_t n) {
      return static_cast<double>(n) / static_cast<double>(f_.tested);
    };
    const std::string favourite = quoted(class_name(run_, f_.most_answered));
    const int64_t right_share = f_.labels[static_cast<std::size_t>(f_.most_answered)];
    check(collapsed_ ? Level::bad : Level::fine, "Most frequent answer",
          favourite + ", " + percent(answered_), "near its share, " + percent(share(right_share)));
    if (collapsed_) {
      text = "It answers " + favourite + " for " + percent(answered_) +
             " of the validation examples, although only " + percent(share(right_share)) +
             " are (limit: " + limit(collapse_share) + "). ";
    }
    int64_t least = f_.tested;
    for (const int64_t n : f_.labels) {
      if (n > 0) least = std::min(least, n);
    }
    const int64_t most = f_.labels[static_cast<std::size_t>(f_.majority)];
    const double unevenness = static_cast<double>(most) / static_cast<double>(least);
    uneven_ = unevenness > uneven_limit && f_.tested >= few;
    if (f_.tested >= few && f_.labels.size() > 1) {
      check(uneven_ ? Level::note : Level::fine, "Largest class over smallest", times(unevenness),
            "below " + times(uneven_limit));
    }
    if (uneven_) {
      majority_share_ = share(most);
      const double ahead = f_.val_accuracy - majority_share_;
      text += "The classes are uneven (largest " + times(unevenness) +
              " the smallest; usual: below " + brief(uneven_limit) + "): always answering " +
              quoted(class_name(run_, f_.majority)) + " would score " + percent(majority_share_) +
              "; the accuracy here, " + percent(f_.val_accuracy) + ", is " +
              (std::abs(ahead) < 5e-4 ? std::string("the same")
                                      : text::fixed(std::abs(100 * ahead), 1) + " points " +
                                            (ahead > 0 ? "above" : "below") + " that") +
              ". ";
      if (ahead <= 0) {
        advise("Weigh or repeat the rarer classes; accuracy alone rewards ignoring them.");
      }
    }
    const WorstClass worst = worst_class(run_);
    const double worst_share = static_cast<double>(worst.right) /
                               static_cast<double>(std::max<int64_t>(worst.examples, 1));
    missed_ = worst.label >= 0 && !at_chance_ && !collapsed_ && !uneven_ &&
              worst_share <= f_.guess.expected && worst.examples >= few / 2;
    if (missed_) {
      missed_class_ = quoted(class_name(run_, worst.label)) + ", of which " +
                      text::grouped(worst.right) + " of " + text::grouped(worst.examples) +
                      " are right";
      check(Level::note, "Weakest class", percent(worst_share),
            "above guessing, " + percent(f_.guess.expected));
    }
    if (worst.label >= 0 && f_.finite && !at_chance_ && !collapsed_) {
      if (worst.right == worst.examples) {
        text += "Every class is answered without a mistake on " +
                counted(f_.tested, "validation example") + ". ";
      } else {
        text += "The hardest class is " + quoted(class_name(run_, worst.label)) + ": " +
                text::grouped(worst.right) + " of " + text::grouped(worst.examples) + " right (" +
                percent(static_cast<double>(worst.right) / static_cast<double>(worst.examples)) +
                "; all classes together " + percent(f_.val_accuracy) + "), most often taken for " +
                quoted(class_name(run_, worst.taken_for)) + " (" +
                (worst.taken == 1 ? "once" : text::grouped(worst.taken) + " times") + "). ";
        if (worst.examples < few) {
          text += "With so few examples of it (fewer than " + std::to_string(few) +
                  ") that is a rough figure. ";
        }
      }
    }
    while (text.ends_with(' ')) text.pop_back();
    say(text);
  }

  void verdict() {
    const auto set = [&](Level level, std::string text) {
      out_.level = level;
      out_.verdict = std::move(text);
    };
    const std::string accuracy = percent(f_.val_accuracy);
    const std::string result =
        f_.regression && f_.has_val && f_.has_chance
            ? "it explains " + percent(1 - f_.val / f_.chance) + " of the variance of new data"
        : f_.regression              ? "the training loss is " + brief(f_.train)
        : f_.has_val && !f_.labelled ? "the loss is " + brief(f_.val) + " on what was held out"
        : f_.has_val                 ? accuracy + " right on data it has not seen"
                                     : percent(f_.train_accuracy) + " right on its training data";
    if (f_.bad_start) {
      set(Level::bad, "Broken before the first step: the loss is not finite.");
    } else if (!f_.finite) {
      set(Level::bad, f_.bad_step >= 0 ? std::string("Diverged: the loss stopped being a number ") +
                                             (f_.bad_step_is_near ? "near step " : "at step ") +
                                             text::grouped(f_.bad_step) + "."
                                       : "Diverged: the loss stopped being a number.");
    } else if (too_fast_) {
      set(Level::bad,
          absurd_start_ ? "A start " + times(f_.start / f_.chance) +
                              " too costly, and steps that are too large."
          : learned_ ? "The learning rate is too high: it learned, but roughly; " + result + "."
          : f_.regression || !f_.has_val || at_chance_
              ? "The learning rate is too high: training jumped instead of descending."
              : "The learning rate is too high: the loss jumped instead of falling, "
                "though " +
                    accuracy + " are right.");
    } else if (memorised_) {
      set(Level::bad, "It memorised: " +
                          (f_.regression ? std::string("on new data it is no better than the mean.")
                           : f_.labelled ? accuracy + " on new data is no better than guessing."
                                         : result + ", no better than guessing."));
    } else if (few_steps_) {
      set(Level::note, "Too few steps to tell: after " + counted(run_.steps, "step") +
                           (std::isfinite(f_.start) ? " the loss went from " + brief(f_.start) +
                                                          " to " + brief(f_.train) + "."
                                                    : " the loss is " + brief(f_.train) + "."));
      const int64_t wanted = (2 * few_steps + run_.steps - 1) / std::max<int64_t>(run_.steps, 1);
      advise("Try `--epochs " + std::to_string(wanted * std::max<int64_t>(f_.epochs, 1)) +
             "`, for some hundred steps.");
    } else if (dead_count_ > 0) {
      set(Level::bad, "Dead layers: " + text::grouped(dead_count_) + " of " +
                          text::grouped(static_cast<int64_t>(f_.dead.size())) +
                          " get no gradient at all.");
    } else if (!learned_ && vanished_) {
      set(Level::bad, "Vanishing gradients: the first layers do not learn.");
    } else if (!learned_ && exploded_) {
      set(Level::bad, "Exploding gradients: the error grows on its way back to the first layers.");
    } else if (!learned_ && collapsed_ && uneven_) {
      set(Level::bad, "It always answers " + quoted(class_name(run_, f_.most_answered)) +
                          ": it learned how frequent the classes are, nothing else.");
    } else if (!learned_ && falling_) {
      set(Level::note, "Too little training: the loss had only begun to fall.");
      advise_more();
    } else if (!learned_) {
      set(Level::bad, "Nothing was learned: the loss stayed at that of " +
                          (f_.regression ? std::string("answering the mean.") : "guessing."));
      if (small_steps_ || f_.moved < hardly_moved_limit) {
        advise("The weights hardly moved: try a learning rate ten times larger.");
      }
      advise(f_.labelled ? "Check that the labels belong to their rows, and that the features say "
                           "anything about them."
                         : "Try more epochs, and a learning rate ten times larger or smaller.");
    } else if (collapsed_) {
      set(Level::bad,
          "One answer for nearly everything: " + quoted(class_name(run_, f_.most_answered)) + ", " +
              percent(answered_) + " of the time.");
    } else if (f_.has_val && at_chance_) {
      set(Level::bad, uneven_ ? "It learned the frequencies of the classes and little else."
                              : "What it learned does not carry over to new data.");
      if (!uneven_ && f_.labelled) advise("Check that every label belongs to its row.");
    } else if (missed_) {
      set(Level::note, "It learned, but not class " + missed_class_ + "; " + result + ".");
    } else if (overfit_bad_ || (overfit_ && !f_.labelled)) {
      set(Level::note, "Overfitting since epoch " +
                           text::grouped(run_.epochs[f_.best_epoch].epoch) + "; " + result + ".");
    } else if (falling_ && poor_) {
      set(Level::note, "Not finished: the loss was still falling; " + result + ".");
      advise_more();
    } else if (poor_ && !overfit_ && !wide_gap_ && !std::isfinite(f_.drop)) {
      set(Level::note, "Learned, but " + counted(f_.epochs, "epoch") +
                           " cannot show whether it is done: " + result + ".");
      advise("Try `--epochs " + std::to_string(std::max<int64_t>(4, 2 * f_.epochs)) + "`.");
    } else if (poor_ && !overfit_ && !wide_gap_) {
      set(Level::note, "Underfitting: the loss levelled off at " +
                           of_constant(f_.has_val ? f_.val : f_.train) + ".");
      advise(
          "A wider or deeper model, or a larger learning rate, would show whether the data "
          "allows more.");
    } else if (vanished_ || exploded_) {
      set(Level::note, std::string("It learned, but gradients ") +
                           (vanished_ ? "vanish" : "explode") + " towards the input; " + result +
                           ".");
    } else if (uneven_ && f_.val_accuracy <= majority_share_) {
      set(Level::note, "No more right than always giving the most frequent answer.");
    } else if (overfit_) {
      set(Level::note, "Learned, with slight overfitting at the end: " + result + ".");
    } else if (wide_gap_) {
      set(Level::note, "Learned, but better on data it has seen; " + result + ".");
    } else if (falling_) {
      set(Level::fine, "Healthy, and not finished: " + result + ".");
      advise_more();
    } else {
      set(Level::fine, "Healthy: " + result + ".");
    }
    if (run_.interrupted && f_.finite) out_.verdict.insert(0, "Stopped by hand. ");
    if (out_.level == Level::fine && out_.next.empty()) {
      int64_t odd = 0;
      for (const Check& c : out_.checks) odd += c.level != Level::fine ? 1 : 0;
      const std::string checked = counted(static_cast<int64_t>(out_.checks.size()), "check");
      say(odd == 0
              ? "Nothing wrong was found in " + checked + "; they are listed with their limits."
              : "Of " + checked + ", " + text::grouped(odd) + (odd == 1 ? " lies" : " lie") +
                    " outside the usual range, without harm that shows.");
    }
  }

  void advise_more() {
    advise("Try `--epochs " + std::to_string(2 * std::max<int64_t>(f_.epochs, 1)) +
           "`: the loss was still falling.");
  }

  const RunRecord& run_;
  Facts f_;
  Reading out_;
  bool learned_ = false, peaked_ = false, ended_high_ = false, jumped_ = false, grew_ = false;
  bool hot_ = false, too_fast_ = false, absurd_start_ = false, at_chance_ = false;
  bool memorised_ = false, collapsed_ = false, overfit_ = false, overfit_bad_ = false;
  bool falling_ = false, poor_ = false, small_steps_ = false, vanished_ = false, exploded_ = false;
  bool uneven_ = false, wide_gap_ = false, few_steps_ = false, missed_ = false;
  std::string missed_class_;
  double peak_ratio_ = not_measured, overfit_ratio_ = not_measured, answered_ = 0;
  double gradient_ratio_ = not_measured, majority_share_ = 0, gap_ = not_measured,
         loss_gap_ = not_measured;
  int64_t dead_count_ = 0;
  std::optional<std::size_t> first_dead_;
};

}  // namespace

Reading read_run(const RunRecord& run) {
  return Reader(run).read();
}

std::string start_sentence(const RunRecord& run) {
  const bool regression = run.task == "regression";
  const double start = run.start_loss, chance = run.chance_loss;
  if (!std::isfinite(start)) {
    return "loss " + brief(start) + ": look at the data and the initial weights before training";
  }
  std::string text = "loss " + brief(start);
  if (!(std::isfinite(chance) && chance > 0)) return text;
  text += regression ? "; always answering the mean gives " : "; chance is ";
  text += chance_text(run);
  const double ratio = start / chance, alike = uninformed(run);
  const double high = regression ? start_high_regression : start_high;
  if (alike > 1.1 * chance) {
    text += " by the frequencies, and ln " + std::to_string(run.classes) + " = " +
            text::fixed(alike, 3) + " if all are alike";
  }
  if (start > high * alike) {
    return text + ", so the start is " + times(start / alike) + " that (sane: up to " +
           brief(high) + "): the initial weights or the inputs are too large";
  }
  if (ratio < start_low) {
    return text + ", so these weights already know something (an untrained start: at least " +
           brief(start_low) + " of it)";
  }
  return text + ", so the start is sane";
}

std::string interval_name(double accuracy) {
  if (accuracy == 1) return "by Wilson's 95 % interval, as all are right";
  if (accuracy == 0) return "by Wilson's 95 % interval, as none is right";
  return "in 95 % of resamples";
}

WorstClass worst_class(const RunRecord& run) {
  WorstClass worst;
  for (std::size_t i = 0; i < run.confusion.size(); ++i) {
    const auto& row = run.confusion[i];
    int64_t examples = 0, taken_for = -1, taken = 0;
    for (std::size_t j = 0; j < row.size(); ++j) {
      examples += row[j];
      if (j != i && row[j] > taken) {
        taken = row[j];
        taken_for = static_cast<int64_t>(j);
      }
    }
    const int64_t right = i < row.size() ? row[i] : 0;
    // right / examples < worst.right / worst.examples, without division.
    if (examples > 0 && (worst.label < 0 || right * worst.examples < worst.right * examples)) {
      worst = {static_cast<int64_t>(i), examples, right, taken_for, taken};
    }
  }
  return worst;
}

std::vector<Confusion> top_confusions(const RunRecord& run, std::size_t most) {
  std::vector<Confusion> all;
  for (std::size_t i = 0; i < run.confusion.size(); ++i) {
    int64_t of = 0;
    for (const int64_t n : run.confusion[i]) of += n;
    for (std::size_t j = 0; j < run.confusion[i].size(); ++j) {
      if (i == j || run.confusion[i][j] <= 0) continue;
      all.push_back({static_cast<int64_t>(i), static_cast<int64_t>(j), run.confusion[i][j], of});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Confusion& a, const Confusion& b) { return a.count > b.count; });
  if (all.size() > most) all.resize(most);
  return all;
}

}  // namespace gradus
