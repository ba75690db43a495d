#include <gradus/base/error.h>
#include <gradus/nn/perceptron.h>

#include <algorithm>
#include <numeric>
#include <string>

namespace gradus {

int Perceptron::answer(std::span<const double> x) const {
  return std::inner_product(x.begin(), x.end(), weights.begin(), bias) > 0 ? 1 : -1;
}

PerceptronRun learn_perceptron(std::span<const double> x, std::span<const int> labels,
                               int64_t most_epochs,
                               const std::function<void(const PerceptronEpoch&)>& watch) {
  if (labels.empty() || x.size() % labels.size() != 0)
    raise(ErrorKind::usage, "perceptron: " + std::to_string(x.size()) +
                                " numbers are no rows for " + std::to_string(labels.size()) +
                                " labels. Give as many numbers for each label.");
  for (int t : labels)
    if (t != 1 && t != -1)
      raise(ErrorKind::usage,
            "perceptron: a label is " + std::to_string(t) + ". Labels are 1 and -1.");
  const size_t width = x.size() / labels.size();
  PerceptronRun run;
  run.learned.weights.assign(width, 0);
  std::vector<std::vector<double>> seen;  // weights and bias after each epoch
  while (run.epochs < most_epochs && !run.separates && run.same_as == 0) {
    int64_t mistakes = 0;
    for (size_t i = 0; i < labels.size(); ++i) {
      const auto row = x.subspan(i * width, width);
      if (run.learned.answer(row) == labels[i]) continue;
      ++mistakes;
      for (size_t k = 0; k < width; ++k) run.learned.weights[k] += labels[i] * row[k];
      run.learned.bias += labels[i];
    }
    ++run.epochs;
    run.separates = mistakes == 0;
    std::vector<double> now = run.learned.weights;
    now.push_back(run.learned.bias);
    const auto before = std::ranges::find(seen, now);
    if (!run.separates && before != seen.end()) run.same_as = before - seen.begin() + 1;
    seen.push_back(std::move(now));
    if (watch) watch({run.epochs, mistakes, run.learned});
  }
  return run;
}

}  // namespace gradus
