// An LSTM learns a text letter by letter and writes on: a planned step of Adam over windows of the
// text, then one letter after the other from its state. Usage: char_rnn [FILE] [STEPS]
#include <gradus/core/buffer.h>
#include <gradus/nn/losses.h>
#include <gradus/train/step.h>
#include <gradus/train/text.h>

#include <cstdio>
#include <cstdlib>

using namespace gradus;

int main(int argc, char** argv) {
  const std::string text = load_text(argc > 1 ? argv[1] : "lessons");
  const int64_t steps = argc > 2 ? std::atoll(argv[2]) : 500, batch = 32, width = 128;
  const Characters letters(text);
  const TextWindows windows(letters.encode(text), 64);
  const Key key = key_from_seed(0);
  const auto model = with_paths(
      RecurrentLanguageModel{make_embedding(split(key, 0), letters.count(), width),
                             make_recurrent(RecurrentKind::lstm, split(key, 1), width, width),
                             make_linear(split(key, 2), width, letters.count())});

  StepOptions<RecurrentLanguageModel> adam;
  adam.optimiser.lr = 5e-3;
  adam.clip_norm = 1;
  RecordedStep step = record_step<RecurrentLanguageModel>(
      model,
      [](const RecurrentLanguageModel& m, const Tensor& tokens, const Tensor& next, Pass& pass) {
        return cross_entropy(m(tokens, pass), next, Reduction::mean);
      },
      windows.x(batch), windows.target(batch), adam);
  const int x = step.x(), y = step.target(), loss = step.loss();
  Plan plan = plan_of(std::move(step));
  for (int64_t i = 0; i < steps; ++i) {
    const Key drawn = split(key_from_seed(1), static_cast<uint64_t>(i));
    std::vector<int64_t> rows(batch);
    fill_integers(drawn, 0, windows.count(), rows);
    windows.fill(rows, std::as_writable_bytes(plan.input<int64_t>(x)),
                 std::as_writable_bytes(plan.input<int64_t>(y)), drawn);
    plan.run();
    if ((i + 1) % 50 == 0)
      std::printf("step %lld  loss %.3f\n", static_cast<long long>(i + 1),
                  static_cast<double>(plan.output<float>(loss)[0]));
  }

  const RecurrentLanguageModel now = trained(model, plan, adam);
  RecurrentState state;
  std::vector<int64_t> token = {0};
  std::vector<double> u(200);
  fill_uniform(key_from_seed(2), 0, std::span<double>(u));
  for (const double at : u) {
    const std::vector<float> logits = values<float>(now(from_vector(token, {1, 1}), state));
    token[0] = sample_token(token_probabilities(logits, {.temperature = 0.7}), at);
    std::printf("%s", letters.symbols()[static_cast<size_t>(token[0])].c_str());
  }
  std::printf("\n");
}
