// A small transformer learns to write digits backwards: a planned step of Adam over drawn pairs,
// then beam search token by token. Usage: seq2seq [reverse|sort|copy|add] [STEPS]
#include <gradus/core/buffer.h>
#include <gradus/nn/losses.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/train/sequences.h>
#include <gradus/train/step.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace gradus;

int main(int argc, char** argv) {
  const SequenceTask& task = sequence_task(argc > 1 ? argv[1] : "reverse");
  const int64_t steps = argc > 2 ? std::atoll(argv[2]) : 1000, batch = 64;
  const SequencePairs pairs(task, steps * batch, key_from_seed(1)),
      fresh(task, 20, key_from_seed(2));
  const Model model = make_pairs_model(key_from_seed(0), task, "transformer:2-4-64");
  RecordedStep step = record_step<Model>(
      model,
      [](const Model& m, const Tensor& in, const Tensor& wanted, Pass& pass) {
        return cross_entropy(m(in, pass), wanted, Reduction::mean, {.ignore_index = no_token});
      },
      pairs.x(batch), pairs.target(batch));
  const int x = step.x(), y = step.target(), loss = step.loss();
  Plan plan = plan_of(std::move(step));
  for (int64_t i = 0; i < steps; ++i) {
    std::vector<int64_t> rows(batch);
    for (int64_t r = 0; r < batch; ++r) rows[static_cast<size_t>(r)] = i * batch + r;
    pairs.fill(rows, std::as_writable_bytes(plan.input<int64_t>(x)),
               std::as_writable_bytes(plan.input<int64_t>(y)), {});
    plan.run();
    if ((i + 1) % 50 == 0)
      std::printf("step %lld  loss %.4f\n", static_cast<long long>(i + 1),
                  static_cast<double>(plan.output<float>(loss)[0]));
  }

  const Model now = trained<Model>(model, plan);
  int64_t right = 0;
  for (int64_t i = 0; i < fresh.count(); ++i) {
    const auto& [source, target] = fresh.pair(i);
    std::vector<int64_t> in(static_cast<size_t>(pairs.x(1).shape[1]), no_token);
    std::ranges::copy(encode(task, source), in.begin());
    in[static_cast<size_t>(task.source_length)] = start_token;
    const auto log_probs = [&](std::span<const int64_t> prefix) {
      std::ranges::copy(prefix, in.begin() + task.source_length + 1);
      const Tensor logits = now(from_vector(in, {1, std::ssize(in)}));
      return numbers(log_softmax(row(row(logits, 0), std::ssize(prefix))));
    };
    const auto found = beam_search(log_probs, end_token, 3, task.target_length + 1);
    right += decode(task, found[0].tokens) == target;
    if (i < 3) std::printf("%s -> %s\n", source.c_str(), decode(task, found[0].tokens).c_str());
  }
  std::printf("right from end to end: %lld of 20\n", static_cast<long long>(right));
}
