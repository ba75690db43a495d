// LeNet-5 (LeCun 1998) learns drawn 28x28 digits: a planned step of Adam over
// shuffled batches, scored on drawings of another seed. Usage: lenet5 [EXAMPLES] [EPOCHS]
#include <gradus/core/buffer.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/metrics.h>
#include <gradus/nn/vision.h>
#include <gradus/train/generate.h>
#include <gradus/train/step.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace gradus;

int main(int argc, char** argv) {
  const int64_t count = argc > 1 ? std::atoll(argv[1]) : 6000,
                epochs = argc > 2 ? std::atoll(argv[2]) : 4;
  const int64_t batch = 64;
  const Generated seen = generate("digits28", count, 1), fresh = generate("digits28", 500, 2);
  const auto width = seen.feature_shape[0];

  const LeNet5 model = make_lenet5(key_from_seed(0));
  StepOptions<LeNet5> adam;
  adam.optimiser.lr = 2e-3;
  RecordedStep step = record_step<LeNet5>(
      model,
      [](const LeNet5& m, const Tensor& in, const Tensor& wanted) {
        return cross_entropy(m(in), wanted, Reduction::mean);
      },
      {DType::f32, {batch, 1, 28, 28}}, {DType::i64, {batch}}, adam);
  const int x = step.x(), y = step.target(), loss = step.loss();
  Plan plan = plan_of(std::move(step));

  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    const auto order = permutation(key_from_seed(static_cast<uint64_t>(epoch)), count);
    double total = 0;
    for (int64_t from = 0; from + batch <= count; from += batch) {
      for (int64_t i = 0; i < batch; ++i) {
        const int64_t row = order[static_cast<size_t>(from + i)];
        std::copy_n(seen.x.begin() + row * width, width, plan.input<float>(x).begin() + i * width);
        plan.input<int64_t>(y)[static_cast<size_t>(i)] = seen.y[static_cast<size_t>(row)];
      }
      plan.run();
      total += static_cast<double>(plan.output<float>(loss)[0]);
    }
    std::printf("epoch %lld  loss %.4f\n", static_cast<long long>(epoch + 1),
                total / static_cast<double>(count / batch));
  }
  const LeNet5 now = trained(model, plan, adam);
  const Tensor scores = now(from_vector(fresh.x, {500, 1, 28, 28}));
  std::printf("right on new drawings: %.1f %%\n",
              100 * accuracy(predicted_classes(scores), fresh.y));
}
