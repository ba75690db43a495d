// Training with two-byte numbers, emulated bit for bit: updates that are lost, gradients that
// become zero, the loss scale that saves them and finds itself, and an audit against f64.
#include <gradus/base/half_arithmetic.h>
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/losses.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

template <class F>
struct Slip {
  const char* name;
  const char* says;
  F* function;
};

bool same(double a, double b) {
  return a == b || std::abs(a - b) < 1e-12 || (std::isnan(a) && std::isnan(b));
}

std::string listed(const std::vector<double>& v) {
  std::vector<std::string> parts;
  for (const double x : v) parts.push_back(shown(x));
  return "(" + text::join(parts, ", ") + ")";
}

using Scaling = std::vector<double>(double, int, bool, int);

// [solution next-scale]
// Dynamic loss scaling, after one step. `good` steps in a row were finite before
// it; `finite` says whether this one was. Returns the next scale and the next
// count: after an overflow half the scale, after `patience` good steps in a row
// twice the scale, and in both cases the count begins again.
std::vector<double> next_scale(double scale, int good, bool finite, int patience) {
  // [hole return {scale, 0};]
  if (!finite) return {scale / 2, 0};
  if (good + 1 == patience) return {scale * 2, 0};
  return {scale, good + 1.0};
  // [end hole]
}
// [end]

const Slip<Scaling> scale_slips[] = {
    {"doubled after an overflow",
     "After an overflow the numbers were too large already. The scale has to fall.",
     [](double scale, int good, bool finite, int patience) {
       if (!finite) return std::vector<double>{scale * 2, 0};
       return next_scale(scale, good, true, patience);
     }},
    {"count goes on after an overflow",
     "An overflow ends the row of good steps. Otherwise the scale doubles again at once.",
     [](double scale, int good, bool finite, int patience) {
       if (!finite) return std::vector<double>{scale / 2, static_cast<double>(good)};
       return next_scale(scale, good, true, patience);
     }},
    {"doubled at every good step",
     "A scale that doubles each step overflows every few steps, and each time a step is lost.",
     [](double scale, int good, bool finite, int patience) {
       if (finite) return std::vector<double>{scale * 2, 0};
       return next_scale(scale, good, false, patience);
     }},
    {"never doubled",
     "Gradients shrink while training goes on. The scale has to be able to grow again.",
     [](double scale, int good, bool finite, int patience) {
       if (finite) return std::vector<double>{scale, good + 1.0};
       return next_scale(scale, good, false, patience);
     }},
    {"count goes on after doubling",
     "After doubling the count begins again. Otherwise it never meets the patience a second time.",
     [](double scale, int good, bool finite, int patience) {
       std::vector<double> v = next_scale(scale, good, finite, patience);
       if (finite) v[1] = good + 1.0;
       return v;
     }},
    {"one step early",
     "You double one step too soon: this step makes good + 1 in a row, not good + 2.",
     [](double scale, int good, bool finite, int patience) {
       if (!finite) return std::vector<double>{scale / 2, 0};
       if (good + 2 == patience) return std::vector<double>{scale * 2, 0};
       return std::vector<double>{scale, good + 1.0};
     }},
    {"back to one after an overflow",
     "A scale of 1 is far too small: it takes many good steps to come back. Halve it.",
     [](double scale, int good, bool finite, int patience) {
       if (!finite) return std::vector<double>{1, 0};
       return next_scale(scale, good, true, patience);
     }},
};

Verdict check_scale(Scaling* answer) {
  struct Case {
    double scale;
    int good;
    bool finite;
    int patience;
  };
  const Case cases[] = {{1024, 2, true, 10}, {1024, 8, true, 10}, {1024, 5, false, 10},
                        {1024, 9, true, 10}, {256, 9, false, 10}, {64, 0, true, 2}};
  std::vector<std::vector<double>> got;
  for (const Case& c : cases) {
    got.push_back(answer(c.scale, c.good, c.finite, c.patience));
    if (got.back().size() != 2)
      return {.where = "what you return",
              .yours = std::to_string(got.back().size()) + " numbers",
              .expected = "2 numbers: the scale and the count"};
  }
  for (size_t i = 0; i < got.size(); ++i) {
    const Case& c = cases[i];
    const std::vector<double> want = next_scale(c.scale, c.good, c.finite, c.patience);
    if (got[i] == want) continue;
    Verdict v{.where = "scale " + shown(c.scale) + ", " + std::to_string(c.good) +
                       " good steps before, this one " + (c.finite ? "finite" : "not finite") +
                       ", patience " + std::to_string(c.patience),
              .yours = listed(got[i]),
              .expected = listed(want)};
    for (const auto& s : scale_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k)
        all &=
            got[k] == s.function(cases[k].scale, cases[k].good, cases[k].finite, cases[k].patience);
      if (!all) continue;
      v.misconception = s.name;
      v.says = s.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

using MasterStep = double(double, double, double, double);

// [solution master-step]
// One step of gradient descent on a weight that is kept in full precision. `g` is
// the gradient of the loss times `scale`. A gradient that is infinite or NaN is
// skipped: the weight stays.
double master_step(double weight, double g, double scale, double rate) {
  // [hole return weight;]
  if (!std::isfinite(g)) return weight;
  return weight - rate * (g / scale);
  // [end hole]
}
// [end]

const Slip<MasterStep> update_slips[] = {
    {"scale left in", "The gradient is too large by the scale. Divide before the step.",
     [](double weight, double g, double, double rate) {
       return std::isfinite(g) ? weight - rate * g : weight;
     }},
    {"scale taken off twice", "Once is enough: the loss was multiplied once.",
     [](double weight, double g, double scale, double rate) {
       return std::isfinite(g) ? weight - rate * g / scale / scale : weight;
     }},
    {"scale put in again", "The gradient has the scale already. Divide, do not multiply.",
     [](double weight, double g, double scale, double rate) {
       return std::isfinite(g) ? weight - rate * g * scale : weight;
     }},
    {"overflow let through",
     "Infinity minus anything is no weight any more. Skip such a step and keep the weight.",
     [](double weight, double g, double scale, double rate) { return weight - rate * g / scale; }},
    {"overflow clipped",
     "An infinite gradient is not a large one: how large it was is lost. Skip the step.",
     [](double weight, double g, double scale, double rate) {
       return weight - rate * (std::isfinite(g) ? g : 65504) / scale;
     }},
    {"uphill", "Descent goes against the gradient.",
     [](double weight, double g, double scale, double rate) {
       return std::isfinite(g) ? weight + rate * g / scale : weight;
     }},
    {"weight lost after an overflow", "A skipped step leaves the weight as it is, not at 0.",
     [](double weight, double g, double scale, double rate) {
       return std::isfinite(g) ? weight - rate * g / scale : 0;
     }},
};

Verdict check_update(MasterStep* answer) {
  struct Case {
    double weight, g, scale, rate;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const Case cases[] = {{0.5, 512, 1024, 0.1}, {-1, -64, 256, 0.5}, {0.75, infinity, 1024, 0.1}};
  std::vector<double> got;
  for (const Case& c : cases) got.push_back(answer(c.weight, c.g, c.scale, c.rate));
  for (size_t i = 0; i < got.size(); ++i) {
    const Case& c = cases[i];
    const double want = master_step(c.weight, c.g, c.scale, c.rate);
    if (same(got[i], want)) continue;
    Verdict v{.where = "weight " + shown(c.weight) + ", scaled gradient " + shown(c.g) +
                       ", scale " + shown(c.scale) + ", rate " + shown(c.rate),
              .yours = shown(got[i]),
              .expected = shown(want)};
    for (const auto& s : update_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k)
        all &= same(got[k], s.function(cases[k].weight, cases[k].g, cases[k].scale, cases[k].rate));
      if (!all) continue;
      v.misconception = s.name;
      v.says = s.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// ---------------------------------------------------------------------------- two rings

constexpr size_t hidden = 8, parameters = 4 * hidden + 1;

struct Rings {
  std::vector<float> x, y;  // n points (two numbers each); 1 for the outer ring, else 0
};

Rings rings(uint32_t seed, size_t n) {
  RandomState state(seed);
  Rings data;
  for (size_t i = 0; i < n; ++i) {
    const bool outer = i % 2 == 1;
    const double angle = state.uniform(0, 6.283185307179586);
    const double radius = state.normal(outer ? 1.6 : 0.6, 0.15);
    data.x.push_back(static_cast<float>(radius * std::cos(angle)));
    data.x.push_back(static_cast<float>(radius * std::sin(angle)));
    data.y.push_back(outer ? 1.0f : 0.0f);
  }
  return data;
}

// Hidden unit j has w[3 j], w[3 j + 1] for the point and w[3 j + 2] alone; then come the output's
// weights and its offset.
std::vector<float> first_weights() {
  RandomState state(3);
  std::vector<float> w;
  for (size_t i = 0; i < parameters; ++i) w.push_back(static_cast<float>(state.normal(0, 0.7)));
  return w;
}

struct Recipe {
  float loss_weight = 1;  // the loss is multiplied by this, whatever the precision
  float scale = 1;        // and by this, to be taken off again
  bool dynamic = false;
  bool master = true;  // weights are kept in f32, T is only for the pass
};
struct Run {
  std::vector<double> loss, scale;  // of each step
  double accuracy = 0;
  int skipped = 0;
  double lost = 0;  // share of the gradients of the first step that became 0
};

float wide(float x) {
  return x;
}
template <HalfFloat T>
float wide(T x) {
  return static_cast<float>(x);
}

// [train]
// What is stored has type T: weights in the pass, activations, gradients.
// Sums run in f32.
template <class T>
Run train(const Rings& data, const Recipe& recipe, int steps) {
  Run run;
  const size_t n = data.y.size();
  std::vector<float> master = first_weights();
  float scale = recipe.scale;
  int good = 0;
  for (int step = 0; step < steps; ++step) {
    std::vector<T> w;
    for (const float m : master) w.push_back(T(m));
    std::vector<float> g(parameters, 0.0f);
    double loss = 0, zeros = 0, right = 0;
    for (size_t i = 0; i < n; ++i) {
      const T x0(data.x[2 * i]), x1(data.x[2 * i + 1]);
      T h[hidden];
      float z = wide(w[4 * hidden]);
      for (size_t j = 0; j < hidden; ++j) {
        const float a = wide(w[3 * j]) * wide(x0) + wide(w[3 * j + 1]) * wide(x1);
        h[j] = T(std::tanh(a + wide(w[3 * j + 2])));
        z += wide(w[3 * hidden + j]) * wide(h[j]);
      }
      const float logit = wide(T(z)), y = data.y[i];
      const float p = 1 / (1 + std::exp(-logit));
      loss += std::fmax(logit, 0.0f) - logit * y + std::log1p(std::exp(-std::abs(logit)));
      right += (logit > 0) == (y > 0);
      const T dz(scale * (recipe.loss_weight * (p - y) / static_cast<float>(n)));
      zeros += wide(dz) == 0;
      g[4 * hidden] += wide(dz);
      for (size_t j = 0; j < hidden; ++j) {
        g[3 * hidden + j] += wide(dz) * wide(h[j]);
        const T da(wide(dz) * wide(w[3 * hidden + j]) * (1 - wide(h[j]) * wide(h[j])));
        g[3 * j] += wide(da) * wide(x0);
        g[3 * j + 1] += wide(da) * wide(x1);
        g[3 * j + 2] += wide(da);
      }
    }
    run.loss.push_back(loss / static_cast<double>(n));
    run.scale.push_back(static_cast<double>(scale));
    run.accuracy = right / static_cast<double>(n);
    if (step == 0) run.lost = zeros / static_cast<double>(n);
    bool finite = true;
    for (float& each : g) {
      each = wide(T(each));
      finite &= std::isfinite(each);
    }
    if (finite) {
      for (size_t k = 0; k < parameters; ++k) {
        master[k] -= 2.0f / recipe.loss_weight * (g[k] / scale);
        if (!recipe.master) master[k] = wide(T(master[k]));
      }
    } else {
      ++run.skipped;
    }
    if (recipe.dynamic) {
      const std::vector<double> next = next_scale(static_cast<double>(scale), good, finite, 25);
      scale = static_cast<float>(next[0]);
      good = static_cast<int>(next[1]);
    }
  }
  return run;
}
// [end]

// ---------------------------------------------------------------------------- audit

// [audit]
struct Audit {
  double largest = 0;
  double zero = 0, coarse = 0, infinite = 0;  // shares of what is not 0
};
// What f16 would make of numbers that are known in f64.
Audit audit(const std::vector<double>& exact, double scale) {
  Audit found;
  double count = 0;
  for (const double v : exact) {
    if (v == 0) continue;
    ++count;
    const double stored = std::abs(to_f64(Float16(scale * v)));
    found.largest = std::max(found.largest, std::abs(v));
    found.zero += stored == 0;
    found.coarse += stored > 0 && stored < 0x1p-14;  // subnormal
    found.infinite += std::isinf(stored);
  }
  for (double* share : {&found.zero, &found.coarse, &found.infinite})
    *share /= std::max(count, 1.0);
  return found;
}
// The power of two that brings the largest to an eighth of f16's end,
// or below.
double suggested_scale(double largest) {
  return std::exp2(std::floor(std::log2(65504 / (8 * largest))));
}
// [end]

std::string percent(double share) {
  return text::fixed(100 * share, 0) + " %";
}

// "2^20".
std::string power_of_two(double x) {
  return "2^" + text::fixed(std::log2(x), 0);
}
}  // namespace

LESSON(page) {
  // A lost update.
  // [lost]
  const auto after_many = [](auto weight) {
    using T = decltype(weight);
    const T update(1e-4f);
    for (int i = 0; i < 1000; ++i) weight = weight - update;
    return weight;
  };
  const double in_f16 = to_f64(after_many(Float16(1.0)));
  const double in_bf16 = to_f64(after_many(BFloat16(1.0)));
  const float in_f32 = after_many(1.0f);
  const double seen_by_f16 = to_f64(Float16(in_f32));  // for the pass
  // [end]
  page.bind("update", 1e-4);
  page.bind("updates", 1000);
  page.bind("in_f16", in_f16);
  page.bind("in_bf16", in_bf16);
  page.bind("in_f32", static_cast<double>(in_f32));
  page.bind("seen_by_f16", seen_by_f16);
  page.bind("gap_f16", text::significant(0x1p-11, 2));
  page.bind("gap_bf16", text::significant(0x1p-8, 2));

  // A gradient that becomes zero.
  const auto loss_weight = static_cast<float>(std::clamp(page.set("weight", 1e-5), 1e-9, 1.0));
  const Rings data = rings(1, 512);
  const auto n = static_cast<int64_t>(data.y.size());
  const Tensor x = cast(from_vector(data.x, {n, 2}), DType::f64);
  const Tensor y = cast(from_vector(data.y), DType::f64);
  // [shadow]
  // The same network in f64. Zeros are added to both layers, so that
  // derivatives towards them are the gradients that travel back.
  const auto shadow = [&](const Tensor& w, const Tensor& at_hidden, const Tensor& at_output) {
    const Tensor inner = reshape(slice(w, {{0, 24}}), {8, 3});
    const Tensor sums = matmul(x, transpose(slice(inner, {{0, 8}, {0, 2}})));
    const Tensor h = tanh(sums + reshape(slice(inner, {{0, 8}, {2, 3}}), {8}) + at_hidden);
    const Tensor z = matmul(h, slice(w, {{24, 32}})) + row(w, 32) + at_output;
    return static_cast<double>(loss_weight) *
           binary_cross_entropy_with_logits(z, y, Reduction::mean);
  };
  const Tensor weights = cast(from_vector(first_weights()), DType::f64);
  const auto [to_weights, to_hidden, to_output] =
      grad<0, 1, 2>(shadow)(weights, zeros({n, 8}), zeros({n}));
  // [end]
  const std::vector<double> at_weights = numbers(to_weights), at_hidden = numbers(to_hidden),
                            at_output = numbers(to_output);
  std::vector<double> gradients = at_weights;
  gradients.insert(gradients.end(), at_hidden.begin(), at_hidden.end());
  gradients.insert(gradients.end(), at_output.begin(), at_output.end());
  const double scale = suggested_scale(audit(gradients, 1).largest);
  Table audits{{"gradients", "largest", "become 0", "lose digits", "overflow"}};
  const auto add = [&](const char* name, const std::vector<double>& v, double by) {
    const Audit a = audit(v, by);
    audits.push_back({name, text::significant(by * a.largest, 2), percent(a.zero),
                      percent(a.coarse), percent(a.infinite)});
  };
  add("at the output", at_output, 1);
  add("at the hidden layer", at_hidden, 1);
  add("of the weights", at_weights, 1);
  add("at the output, scaled", at_output, scale);
  add("at the hidden layer, scaled", at_hidden, scale);
  add("of the weights, scaled", at_weights, scale);
  page.table("audit", audits);
  page.bind("weight", text::significant(static_cast<double>(loss_weight), 3));
  page.bind("examples", n);
  page.bind("hidden", static_cast<int64_t>(hidden));
  page.bind("suggested", power_of_two(scale));
  page.bind("least_f16", text::significant(0x1p-24, 2));
  page.bind("normal_f16", text::significant(0x1p-14, 2));
  const auto histogram = [&](double by, const char* label, const char* colour) {
    Line line{.label = label, .x = {}, .y = {}, .colour = colour};
    for (int e = -44; e <= 16; e += 2) {
      double count = 0;
      for (const double v : gradients) {
        const double power = v == 0 ? -1000 : std::log2(std::abs(by * v));
        count += e <= power && power < e + 2;
      }
      line.x.push_back(e + 1);
      line.y.push_back(count / static_cast<double>(gradients.size()));
    }
    return line;
  };
  Plot range{.id = "range",
             .title =
                 "Sizes of the gradients as powers of two, as they are and scaled, between "
                 "the two ends of f16: unscaled they lie left of its smallest number",
             .x_label = "size, as a power of two",
             .lines = {histogram(1, "as they are", "var(--ink)"),
                       histogram(scale, "scaled", "var(--accent)")},
             .percent = true,
             .from_zero = true};
  double peak = 0;
  for (const Line& line : range.lines)
    for (const double v : line.y) peak = std::max(peak, v);
  range.lines.push_back(
      {.label = "f16 begins", .x = {-24, -24}, .y = {0, peak}, .colour = "var(--muted)"});
  range.lines.push_back(
      {.label = "f16 ends", .x = {16, 16}, .y = {0, peak}, .colour = "var(--muted)"});
  page.picture("range", range);

  // The race.
  constexpr int steps = 300;
  const auto by = static_cast<float>(scale);
  // [race]
  const Run full = train<float>(data, {.loss_weight = loss_weight}, steps);
  const Run plain = train<Float16>(data, {.loss_weight = loss_weight}, steps);
  const Run scaled = train<Float16>(data, {.loss_weight = loss_weight, .scale = by}, steps);
  const Run brain = train<BFloat16>(data, {.loss_weight = loss_weight}, steps);
  const Run no_master = train<BFloat16>(data, {.loss_weight = loss_weight, .master = false}, steps);
  // [end]
  Table race{{"what is stored", "gradients lost at first", "last loss", "accuracy"}};
  const std::pair<const char*, const Run*> runs[] = {{"f32", &full},
                                                     {"f16, not scaled", &plain},
                                                     {"f16, scaled", &scaled},
                                                     {"bf16, not scaled", &brain},
                                                     {"bf16, weights too", &no_master}};
  for (const auto& [name, run] : runs)
    race.push_back({name, percent(run->lost), shown(run->loss.back(), 2), percent(run->accuracy)});
  page.table("race", race);
  page.bind("steps", steps);
  page.bind("plain_lost", percent(plain.lost));
  const auto curve = [](const Run& run, const char* label, const char* colour) {
    Line line{.label = label, .x = {}, .y = run.loss, .colour = colour};
    for (size_t i = 0; i < run.loss.size(); ++i) line.x.push_back(static_cast<double>(i));
    return line;
  };
  page.picture("race",
               Plot{.id = "race",
                    .title = "Loss of the same network, stored in f16 without a scale, and in f16 "
                             "with one: the first stays where it began",
                    .x_label = "step",
                    .lines = {curve(plain, "f16", "var(--ink)"),
                              curve(scaled, "f16 scaled", "var(--accent)")},
                    .from_zero = true});
  const double apart =
      std::max(std::abs(full.accuracy - scaled.accuracy), std::abs(full.accuracy - brain.accuracy));
  page.bind("apart", apart <= 0.005 ? "within half a percent of each other"
                                    : "more than half a percent apart");

  // A scale that finds itself.
  // [dynamic]
  const Recipe recipe{.loss_weight = loss_weight, .scale = 0x1p40f, .dynamic = true};
  const Run found = train<Float16>(data, recipe, steps);
  // [end]
  page.bind("first_scale", power_of_two(found.scale.front()));
  page.bind("last_scale", power_of_two(found.scale.back()));
  page.bind("skipped", found.skipped);
  page.bind("patience", 25);
  page.bind("found_accuracy", percent(found.accuracy));
  Line stair{.label = "scale", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (size_t i = 0; i < found.scale.size(); ++i) {
    stair.x.push_back(static_cast<double>(i));
    stair.y.push_back(std::log2(found.scale[i]));
  }
  page.picture("scale", Plot{.id = "scale",
                             .title = "The loss scale as a power of two over the steps: it falls "
                                      "quickly at first, then climbs until a step overflows",
                             .x_label = "step",
                             .lines = {stair}});

  page.exercise(Predict{
      .name = "a-weight-in-bf16",
      .answer = 1,
      .tolerance = 1e-4,
      .wrong = {{0, "as mathematics has it",
                 "With exact numbers it would be 0. Is 0.001 more than half a gap below 1?"},
                {0.999, "only the first update",
                 "Not even the first one is kept. What is the gap "
                 "just below 1?"},
                {2, "added", "The updates are subtracted, and none of them is kept."},
                {0.99609375, "rounded to the next mark",
                 "The next mark below 1 is there, but 0.999 is nearer to 1."},
                {0.36769542, "a share of the weight",
                 "The update is 0.001 each time, not 0.001 of what is left."},
                {0.5, "stops half way",
                 "Small weights would take up the update: the marks are closer there. But the "
                 "weight never gets that far."}}});
  page.exercise(Choose{
      .name = "gradients-are-zero",
      .answer = "scale",
      .choices = {
          {"scale",
           "multiply the loss by 1024, and divide the gradients of the weights by 1024 in "
           "f32",
           "", ""},
          {"rate", "raise the learning rate by 1024", "rate in place of scale",
           "1024 times 0 is 0. The gradients are lost before the rate meets them."},
          {"after", "multiply the gradients by 1024 after the backward pass", "scaled too late",
           "They are zero by then. The factor must be there before they travel back."},
          {"master", "keep the weights in f32", "copies of weights taken for gradients",
           "That saves small updates of the weights. It does not bring back a gradient of zero."},
          {"clip", "clip the gradients", "clipping for small numbers",
           "Clipping makes large gradients smaller. These are too small already."},
          {"sum", "sum the gradients in f32", "wide sums of what is lost",
           "Sums of zeros are zero in any precision. The terms were lost, not the sum."},
          {"epsilon", "add a small number to the gradients", "epsilon as a repair",
           "Then all gradients point the same way, and none says anything about the data."}}});
  Fill<Scaling> scaling{.name = "next-scale", .solution = next_scale, .check = check_scale};
  for (const auto& s : scale_slips) scaling.wrong.push_back({s.name, s.function});
  page.exercise(std::move(scaling));
  Fill<MasterStep> update{.name = "master-step", .solution = master_step, .check = check_update};
  for (const auto& s : update_slips) update.wrong.push_back({s.name, s.function});
  page.exercise(std::move(update));
}
