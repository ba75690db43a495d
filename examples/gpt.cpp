// A small GPT learns a text letter by letter and writes on: a planned step of AdamW over windows of
// the text, then one token after the other from what the cache holds. Usage: gpt [FILE] [STEPS]
#include <gradus/core/buffer.h>
#include <gradus/nn/gpt.h>
#include <gradus/nn/losses.h>
#include <gradus/ops/shaping.h>
#include <gradus/train/step.h>
#include <gradus/train/text.h>

#include <cstdio>
#include <cstdlib>

using namespace gradus;

int main(int argc, char** argv) {
  const std::string text = load_text(argc > 1 ? argv[1] : "lessons");
  const int64_t steps = argc > 2 ? std::atoll(argv[2]) : 300, batch = 16, context = 64;
  const Characters letters(text);
  const TextWindows windows(letters.encode(text), context);
  const Gpt model = make_gpt(
      key_from_seed(0),
      {.vocabulary = letters.count(), .context = context, .width = 64, .heads = 4, .layers = 2});

  StepOptions<Gpt> options;
  options.optimiser = defaults_for("adamw");
  options.optimiser.lr = 3e-3;
  options.clip_norm = 1;
  RecordedStep step = record_step<Gpt>(
      model,
      [](const Gpt& m, const Tensor& tokens, const Tensor& next, Pass& pass) {
        return cross_entropy(m(tokens, pass), next, Reduction::mean);
      },
      windows.x(batch), windows.target(batch), options);
  const int x = step.x(), y = step.target(), loss = step.loss();
  Plan plan = plan_of(std::move(step));
  for (int64_t i = 0; i < steps; ++i) {
    const Key key = split(key_from_seed(1), static_cast<uint64_t>(i));
    std::vector<int64_t> rows(batch);
    fill_integers(key, 0, windows.count(), rows);
    windows.fill(rows, std::as_writable_bytes(plan.input<int64_t>(x)),
                 std::as_writable_bytes(plan.input<int64_t>(y)), key);
    plan.run();
    if ((i + 1) % 100 == 0)
      std::printf("step %lld  loss %.3f\n", static_cast<long long>(i + 1),
                  static_cast<double>(plan.output<float>(loss)[0]));
  }

  const Gpt now = trained(model, plan, options);
  GptCache cache;
  std::vector<int64_t> token = letters.encode("T");
  for (int64_t i = 0; i + 1 < context; ++i) {
    const std::vector<float> logits = values<float>(now(from_vector(token, {1, 1}), cache));
    token[0] = sample_token(token_probabilities(logits, {.temperature = 0}), 0);
    std::printf("%s", letters.symbols()[static_cast<size_t>(token[0])].c_str());
  }
  std::printf("\n");
}
