// Made-up runs with known stories, for the tests of the reading, the report and the printers.
#pragma once

#include <gradus/train/run.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gradus::records {

// A repeatable noise in [-1, 1).
inline double noise(std::size_t i) {
  const double x = std::sin(static_cast<double>(i) * 12.9898 + 4.1) * 43758.5453;
  return 2 * (x - std::floor(x)) - 1;
}

inline std::vector<double> spectrum(std::size_t n, double largest, double smallest) {
  std::vector<double> out;
  for (std::size_t i = 0; i < n; ++i) {
    const double t = n > 1 ? static_cast<double>(i) / static_cast<double>(n - 1) : 0;
    out.push_back(largest + (smallest - largest) * std::pow(t, 0.8));
  }
  return out;
}

// A digit-like picture: a ring or a stroke, by its number.
inline std::vector<float> picture(std::size_t side, std::size_t kind) {
  std::vector<float> x(side * side);
  const double mid = static_cast<double>(side - 1) / 2;
  for (std::size_t r = 0; r < side; ++r) {
    for (std::size_t c = 0; c < side; ++c) {
      const double dy = static_cast<double>(r) - mid, dx = static_cast<double>(c) - mid;
      const double slant = 0.2 * noise(kind);
      const double ring = std::abs(std::hypot(dx * 1.35 + slant * dy, dy) - mid * 0.72);
      const double stroke = std::abs(dx + slant * dy + mid * 0.3 * noise(kind + 7));
      const double d = kind % 3 == 0   ? ring
                       : kind % 3 == 1 ? stroke
                                       : std::fmin(ring, std::abs(dy));
      const double ink = std::exp(-d * d / (0.02 * static_cast<double>(side * side) / 8));
      x[r * side + c] =
          static_cast<float>(std::fmin(1, ink + 0.06 * std::abs(noise(r * side + c))));
    }
  }
  return x;
}

// Sets a curve: train and validation loss per epoch, and accuracies, with the step losses between.
inline void set_curves(RunRecord& run, const std::vector<double>& train,
                       const std::vector<double>& val, const std::vector<double>& train_accuracy,
                       const std::vector<double>& val_accuracy) {
  const int64_t per_epoch = 22;
  run.epochs.clear();
  run.step_loss.clear();
  double before = run.start_loss;
  for (std::size_t i = 0; i < train.size(); ++i) {
    EpochRecord e;
    e.epoch = static_cast<int64_t>(i) + 1;
    e.step = e.epoch * per_epoch;
    e.train_loss = train[i];
    e.val_loss = i < val.size() ? val[i] : not_measured;
    e.train_accuracy = i < train_accuracy.size() ? train_accuracy[i] : not_measured;
    e.val_accuracy = i < val_accuracy.size() ? val_accuracy[i] : not_measured;
    const double t = static_cast<double>(i);
    e.grad_norm = {0.31 * std::exp(-t / 14) * (1 + 0.2 * noise(i)),
                   0.42 * std::exp(-t / 13) * (1 + 0.2 * noise(i + 50)),
                   0.55 * std::exp(-t / 12) * (1 + 0.2 * noise(i + 90))};
    e.update_ratio = 0.021 * std::exp(-t / 9) + 0.002;
    e.seconds = 0.09 * (t + 1);
    run.epochs.push_back(e);
    for (int64_t s = 0; s < per_epoch; ++s) {
      const double u = static_cast<double>(s) / static_cast<double>(per_epoch);
      const double level = before + (train[i] - before) * u;
      const auto at = static_cast<std::size_t>(s) + 31 * i;
      run.step_loss.push_back(at == 0 ? before : level * (1 + 0.25 * noise(at)));
    }
    before = train[i];
  }
  run.steps = static_cast<int64_t>(run.step_loss.size());
  run.seconds = 0.09 * static_cast<double>(train.size());
  const auto last = [](const std::vector<double>& v) {
    return v.empty() ? not_measured : v.back();
  };
  run.train_loss = last(train);
  run.val_loss = last(val);
  run.train_accuracy = last(train_accuracy);
  run.val_accuracy = last(val_accuracy);
}

// k classes of `each` examples; `wrong` of every class go to the next class but one.
inline void set_confusion(RunRecord& run, std::size_t k, int64_t each, int64_t wrong) {
  run.confusion.assign(k, std::vector<int64_t>(k, 0));
  for (std::size_t i = 0; i < k; ++i) {
    run.confusion[i][i] = each - wrong;
    run.confusion[i][(i + 2) % k] += wrong;
  }
  run.classes = static_cast<int64_t>(k);
  run.val_count = static_cast<int64_t>(k) * each;
  run.chance_loss = std::log(static_cast<double>(k));
}

// Ten digits, 20 epochs: from chance to 97 %, validation just behind training.
inline RunRecord healthy() {
  RunRecord run;
  run.name = "0001-digits";
  run.task = "classification";
  run.data_source = "digits 8x8, made here";
  run.model = "MLP 64-128-64-10 relu";
  run.activation = "relu";
  run.loss_name = "Cross-entropy";
  run.optimiser = "Adam lr 0.003, batch 64";
  run.command = "./gradus train digits --epochs 20 --batch 64 --lr 0.003 --seed 0";
  run.config = {{"version", "0.1.0"},   {"data", "digits"},    {"model", "mlp:64-128-64-10"},
                {"activation", "relu"}, {"init", "he"},        {"loss", "cross_entropy"},
                {"optimiser", "adam"},  {"lr", "0.003"},       {"betas", "0.9, 0.999"},
                {"eps", "1e-08"},       {"weight_decay", "0"}, {"batch", "64"},
                {"epochs", "20"},       {"validation", "0.2"}, {"standardise", "yes"},
                {"threads", "2"},       {"simd", "AVX2"},      {"seed", "0"}};
  run.parameters = 17226;
  run.train_count = 1400;
  run.start_loss = 2.34;
  run.layer_names = {"layers.0", "layers.2", "layers.4"};
  std::vector<double> train, val, ta, va;
  for (int i = 0; i < 20; ++i) {
    const double t = i + 1;
    train.push_back(0.03 + 2.2 * std::exp(-t / 2.6));
    val.push_back(0.095 + 2.15 * std::exp(-t / 2.7));
    ta.push_back(0.995 - 0.8 * std::exp(-t / 1.9));
    va.push_back(0.968 - 0.75 * std::exp(-t / 2));
  }
  set_curves(run, train, val, ta, va);
  set_confusion(run, 10, 40, 1);
  run.confusion[8] = {0, 1, 0, 3, 0, 1, 0, 0, 35, 0};
  run.confusion[3] = {0, 0, 0, 40, 0, 0, 0, 0, 0, 0};
  int64_t right = 0;
  for (std::size_t i = 0; i < 10; ++i) right += run.confusion[i][i];
  run.val_accuracy = static_cast<double>(right) / 400;
  run.epochs.back().val_accuracy = run.val_accuracy;
  run.spectra = {{"layers.0.weight", spectrum(64, 2.83, 0.41), spectrum(64, 4.4, 0.38)},
                 {"layers.2.weight", spectrum(64, 2.4, 0.7), spectrum(64, 3.6, 0.66)},
                 {"layers.4.weight", spectrum(10, 1.7, 1.1), spectrum(10, 3.1, 0.9)}};
  run.image_rows = run.image_cols = 8;
  for (std::size_t i = 0; i < 14; ++i) {
    Mistake m;
    m.index = static_cast<int64_t>(17 * i + 5);
    m.label = static_cast<int64_t>(i * 3 % 10);
    m.predicted = static_cast<int64_t>((i * 3 + 2) % 10);
    m.confidence = 0.998 - 0.04 * static_cast<double>(i);
    m.x = picture(8, i);
    run.mistakes.push_back(m);
  }
  return run;
}

inline std::vector<double> constant(std::size_t n, double v) {
  return std::vector<double>(n, v);
}

// The weights stretched 50 times, the loss jumping, never below chance for long.
inline RunRecord rate_too_high() {
  RunRecord run = healthy();
  run.name = "0002-digits";
  for (auto& [key, value] : run.config) value = key == "lr" ? "0.3" : value;
  run.optimiser = "Adam lr 0.3, batch 64";
  run.command = "./gradus train digits --epochs 20 --batch 64 --lr 0.3 --seed 0";
  std::vector<double> train, val, ta, va;
  for (std::size_t i = 0; i < 20; ++i) {
    train.push_back(2.6 + (i < 3 ? 30.0 / static_cast<double>(i + 1) : 0.6 * std::abs(noise(i))));
    val.push_back(train.back() * 1.02);
    ta.push_back(0.11 + 0.02 * noise(i));
    va.push_back(0.10 + 0.02 * noise(i + 3));
  }
  set_curves(run, train, val, ta, va);
  run.step_loss[9] = 117;
  for (EpochRecord& e : run.epochs) e.update_ratio = 0.05 + 2 / static_cast<double>(e.epoch);
  run.confusion.assign(10, std::vector<int64_t>(10, 0));
  for (auto& row : run.confusion) row[3] = 40;
  run.val_accuracy = 0.1;
  for (LayerSpectrum& s : run.spectra) {
    for (double& v : s.after) v *= 34;
  }
  return run;
}

// Labels shuffled: the training loss falls, validation stays at chance and its loss climbs.
inline RunRecord shuffled() {
  RunRecord run = healthy();
  run.name = "0003-shuffled";
  std::vector<double> train, val, ta, va;
  for (std::size_t i = 0; i < 20; ++i) {
    const double t = static_cast<double>(i + 1);
    train.push_back(0.8 + 1.52 * std::exp(-t / 8));
    val.push_back(2.31 + 0.11 * t);
    ta.push_back(0.1 + 0.035 * t);
    va.push_back(0.1 + 0.01 * noise(i));
  }
  set_curves(run, train, val, ta, va);
  run.confusion.assign(10, std::vector<int64_t>(10, 4));
  run.confusion[2][2] = 6;
  run.confusion[2][3] = 2;
  run.val_accuracy = run.epochs.back().val_accuracy = 42.0 / 400;
  return run;
}

// Labels shuffled, and too little time to learn them by heart.
inline RunRecord learned_nothing() {
  RunRecord run = shuffled();
  set_curves(run, constant(20, 2.29), constant(20, 2.31), constant(20, 0.12), constant(20, 0.105));
  return run;
}

inline RunRecord diverged() {
  RunRecord run = healthy();
  run.name = "0004-diverged";
  set_curves(run, {12.5, not_measured, not_measured}, {14.1, not_measured, not_measured},
             {0.1, 0.1, 0.1}, {0.1, 0.1, 0.1});
  for (std::size_t i = 30; i < run.step_loss.size(); ++i) run.step_loss[i] = not_measured;
  for (std::size_t i = 22; i < 30; ++i)
    run.step_loss[i] = 12.5 * std::pow(10, static_cast<double>(i) - 21);
  run.step_loss[28] = 4.1e9;
  run.diverged = true;
  run.diverged_step = 31;
  run.train_loss = run.val_loss = not_measured;
  return run;
}

inline RunRecord overfitted() {
  RunRecord run = healthy();
  run.name = "0005-overfit";
  std::vector<double> train, val, ta, va;
  for (std::size_t i = 0; i < 40; ++i) {
    const double t = static_cast<double>(i + 1);
    train.push_back(0.001 + 2.2 * std::exp(-t / 3));
    val.push_back(0.6 + 1.7 * std::exp(-t / 3) + 0.02 * std::fmax(0, t - 9));
    ta.push_back(1 - 0.8 * std::exp(-t / 3));
    va.push_back(0.82 - 0.7 * std::exp(-t / 3));
  }
  set_curves(run, train, val, ta, va);
  set_confusion(run, 10, 40, 7);
  return run;
}

inline RunRecord unfinished() {
  RunRecord run = healthy();
  run.name = "0006-short";
  set_curves(run, {2.25, 2.1, 1.95, 1.78, 1.6}, {2.26, 2.12, 1.97, 1.8, 1.63},
             {0.15, 0.22, 0.3, 0.36, 0.45}, {0.15, 0.21, 0.29, 0.35, 0.44});
  set_confusion(run, 10, 40, 22);
  return run;
}

inline RunRecord underfitted() {
  RunRecord run = healthy();
  std::vector<double> train, val;
  for (std::size_t i = 0; i < 30; ++i) {
    train.push_back(1.5 + 0.8 * std::exp(-static_cast<double>(i) / 2));
    val.push_back(1.52 + 0.8 * std::exp(-static_cast<double>(i) / 2));
  }
  set_curves(run, train, val, constant(30, 0.45), constant(30, 0.44));
  set_confusion(run, 10, 40, 22);
  return run;
}

inline RunRecord vanishing() {
  RunRecord run = learned_nothing();
  for (EpochRecord& e : run.epochs) e.grad_norm = {2e-9, 3e-5, 0.4};
  return run;
}

inline RunRecord dead() {
  RunRecord run = learned_nothing();
  for (EpochRecord& e : run.epochs) e.grad_norm = {0, 0, 0.2};
  return run;
}

// Two classes, 95 to 5, and a network that always gives the first.
inline RunRecord uneven(int64_t found_of_rare) {
  RunRecord run = healthy();
  run.task = "binary";
  run.classes = 2;
  run.class_names = {"healthy", "ill"};
  run.chance_loss = std::log(2.0);
  run.start_loss = 0.71;
  run.val_count = 400;
  run.confusion = {{380, 0}, {20 - found_of_rare, found_of_rare}};
  const double accuracy = static_cast<double>(380 + found_of_rare) / 400;
  const double end = found_of_rare > 0 ? 0.05 : 0.197;
  set_curves(run, {0.4, 0.22, 0.2, end * 1.01, end * 1.005, end},
             {0.41, 0.22, 0.2, end * 1.01, end * 1.005, end}, constant(6, accuracy),
             constant(6, accuracy));
  run.mistakes.clear();
  run.image_rows = run.image_cols = 0;
  return run;
}

inline RunRecord regression() {
  RunRecord run = healthy();
  run.name = "0007-houses";
  run.task = "regression";
  run.data_source = "houses.csv";
  run.loss_name = "Mean squared error";
  run.model = "MLP 8-32-1 tanh";
  run.classes = 0;
  run.val_count = 120;
  run.chance_loss = 1.02;
  run.start_loss = 1.31;
  std::vector<double> train, val;
  for (std::size_t i = 0; i < 20; ++i) {
    train.push_back(0.05 + 0.9 * std::exp(-static_cast<double>(i) / 2));
    val.push_back(0.061 + 0.9 * std::exp(-static_cast<double>(i) / 2));
  }
  set_curves(run, train, val, {}, {});
  run.confusion.clear();
  run.mistakes.clear();
  run.image_rows = run.image_cols = 0;
  return run;
}

}  // namespace gradus::records
