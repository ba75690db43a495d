#include <gradus/app/allocations.h>
#include <gradus/app/bench_step.h>
#include <gradus/base/error.h>
#include <gradus/nn/embedding.h>
#include <gradus/nn/gpt.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/recurrent.h>
#include <gradus/nn/vision.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <chrono>

namespace gradus::app {
namespace {

Tensor drawn(uint64_t seed, const Shape& shape) {
  std::vector<float> z(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<float>(z));
  return from_vector(z, shape);
}

// Cross-entropy of ten classes of drawn images; multiply-adds of one, forward, and of the first
// convolution alone, which passes nothing back.
template <class Module>
TrainingStep image_step(const Module& model, const Shape& images, double forward, double first) {
  const int64_t batch = images[0];
  return training_step<Module>(
      model,
      [](const Module& m, const Tensor& x, const Tensor& wanted, Pass& pass) {
        if constexpr (std::invocable<const Module&, const Tensor&, Pass&>)
          return cross_entropy(m(x, pass), wanted, Reduction::mean);
        else
          return cross_entropy(m(x), wanted, Reduction::mean);
      },
      drawn(2, images), one_hot(argmax(drawn(3, {batch, 10}), 1), 10),
      static_cast<double>(batch) * (6 * forward - 2 * first));
}

// Characters to the logits of the next ones.
struct CharLstm {
  Embedding embedding;
  Recurrent lstm;
  Linear head;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("embedding", self.embedding);
    visit("lstm", self.lstm);
    visit("head", self.head);
  }
};

TrainingStep lstm_step(int64_t batch, int64_t steps, int64_t hidden, int64_t characters) {
  const Key key = key_from_seed(1);
  const CharLstm model{make_embedding(split(key, 0), characters, hidden),
                       make_recurrent(RecurrentKind::lstm, split(key, 1), hidden, hidden),
                       make_linear(split(key, 2), hidden, characters)};
  const auto text = [&](uint64_t seed) {
    return argmax(drawn(seed, {batch, steps, characters}), 2);
  };
  return training_step<CharLstm>(
      model,
      [](const CharLstm& m, const Tensor& x, const Tensor& wanted, Pass& pass) {
        return cross_entropy(m.head(m.lstm(m.embedding(x), pass).output), wanted, Reduction::mean);
      },
      text(2), text(3),
      6.0 * static_cast<double>(batch * steps * (8 * hidden * hidden + hidden * characters)));
}

// Characters to the logits of the next ones. Attention counts whole, though half of it is masked.
TrainingStep gpt_step(int64_t batch, const GptSpec& spec) {
  const auto text = [&](uint64_t seed) {
    return argmax(drawn(seed, {batch, spec.context, spec.vocabulary}), 2);
  };
  const int64_t each =
      spec.layers * (12 * spec.width * spec.width + 2 * spec.context * spec.width) +
      spec.width * spec.vocabulary;
  return training_step<Gpt>(
      make_gpt(key_from_seed(1), spec),
      [](const Gpt& m, const Tensor& x, const Tensor& wanted, Pass& pass) {
        return cross_entropy(m(x, pass), wanted, Reduction::mean);
      },
      text(2), text(3), 6.0 * static_cast<double>(batch * spec.context * each));
}

// To add a step: a line here.
constexpr StepModel models[] = {
    {"a", "MLP 2-16-16-1 tanh, batch 32",
     [] {
       return perceptron_step({2, 16, 16, 1}, "tanh", false, 32);
     }},
    {"b", "MLP 64-32-10 relu, batch 32",
     [] {
       return perceptron_step({64, 32, 10}, "relu", true, 32);
     }},
    {"c", "MLP 784-256-128-10 relu, batch 128",
     [] {
       return perceptron_step({784, 256, 128, 10}, "relu", true, 128);
     }},
    {"d", "LeNet-5, batch 64",
     [] {
       return image_step(make_lenet5(key_from_seed(1)), {64, 1, 28, 28}, 416'520, 117'600);
     }},
    {"e", "ResNet-8 of 32x32 images, batch 32",
     [] {
       return image_step(make_resnet(key_from_seed(1), resnet_spec(8)), {32, 3, 32, 32}, 12'501'632,
                         442'368);
     }},
    {"f", "LSTM 128 on 64 characters, batch 32", [] { return lstm_step(32, 64, 128, 65); }},
    {"g", "GPT of 4 layers, 4 heads, width 128, context 128, batch 16",
     [] {
       return gpt_step(16,
                       {.vocabulary = 65, .context = 128, .width = 128, .heads = 4, .layers = 4});
     }},
};

}  // namespace

TrainingStep perceptron_step(const std::vector<int64_t>& widths, std::string_view activation,
                             bool classes, int64_t batch) {
  MlpSpec spec;
  spec.sizes = widths;
  spec.activation = std::string(activation);
  spec.init = "xavier";
  const int64_t outputs = widths.back();
  const Tensor x = drawn(2, {batch, widths.front()});
  const Tensor target = classes ? one_hot(argmax(drawn(3, {batch, outputs}), 1), outputs)
                                : drawn(3, {batch, outputs});
  double flops = 0;
  for (size_t i = 0; i + 1 < widths.size(); ++i)
    flops += (i == 0 ? 4.0 : 6.0) * static_cast<double>(batch * widths[i] * widths[i + 1]);
  return training_step<Mlp>(
      make_mlp(spec, key_from_seed(1)),
      [classes](const Mlp& m, const Tensor& in, const Tensor& wanted) {
        return classes ? cross_entropy(m(in), wanted, Reduction::mean)
                       : mse(m(in), wanted, Reduction::mean);
      },
      x, target, flops);
}

std::span<const StepModel> step_models() {
  return models;
}

const StepModel& step_model(std::string_view name) {
  std::string names;
  for (const StepModel& m : models) {
    if (m.name == name) return m;
    names += (names.empty() ? "" : ", ") + std::string(m.name) + " (" + std::string(m.says) + ")";
  }
  raise(ErrorKind::usage, "step: " +
                              (name.empty() ? std::string("no step is named")
                                            : "there is no step '" + std::string(name) + "'") +
                              ". There are " + names + ".");
}

StepTimes time_steps(Plan& plan, double seconds) {
  using Clock = std::chrono::steady_clock;
  using Us = std::chrono::duration<double, std::micro>;
  constexpr double stretch = 20, most = 100'000;
  const auto time = [&](int64_t steps) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < steps; ++i) plan.run();
    return Us(Clock::now() - start).count();
  };
  const double first = time(1);
  // A tenth of the time to warm up, and to see how long a step is.
  int64_t warm = 0;
  double us = 0;
  do {
    us += time(1);
    ++warm;
  } while (us < std::max(1e5 * seconds, 2 * first));
  us /= static_cast<double>(warm);
  const auto steps = static_cast<int64_t>(std::clamp(stretch / us, 1.0, 1e6));
  const auto samples =
      static_cast<size_t>(std::clamp(1e6 * seconds / (us * static_cast<double>(steps)), 9.0, most));
  std::vector<double> times(samples);
  const int64_t before = allocations_made();
  for (double& t : times) t = time(steps) / static_cast<double>(steps);
  StepTimes result;
  result.allocations = allocations_made() - before;
  result.steps = steps * static_cast<int64_t>(samples);
  std::sort(times.begin(), times.end());
  result.best = times.front();
  result.median = times[samples / 2];
  result.p99 = times[std::min(samples - 1, samples * 99 / 100)];
  return result;
}

}  // namespace gradus::app
