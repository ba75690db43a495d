// Words become vectors by the words around them (skip-gram with negative sampling, Mikolov 2013): a
// planned step of Adam over drawn pairs, then neighbours by cosine. Usage: skipgram [FILE] [STEPS]
#include <gradus/core/buffer.h>
#include <gradus/train/skipgram.h>
#include <gradus/train/step.h>
#include <gradus/train/text.h>

#include <cstdio>
#include <cstdlib>

using namespace gradus;

int main(int argc, char** argv) {
  const WordText text = word_text(load_text(argc > 1 ? argv[1] : "lessons"), 5);
  const int64_t steps = argc > 2 ? std::atoll(argv[2]) : 3000, batch = 512, width = 64;
  const WordPairs pairs(text.tokens, text.counts, {.window = 5, .noise = 5}, key_from_seed(1));
  const SkipGram model = make_skipgram(key_from_seed(0), std::ssize(text.words), width);
  StepOptions<SkipGram> adam;
  adam.optimiser.lr = 5e-3;
  RecordedStep step = record_step<SkipGram>(
      model,
      [](const SkipGram& m, const Tensor& words, const Tensor& is_there) {
        return skipgram_loss(m(words), is_there);
      },
      pairs.x(batch), pairs.target(batch), adam);
  const int x = step.x(), y = step.target(), loss = step.loss();
  Plan plan = plan_of(std::move(step));
  double total = 0;
  for (int64_t i = 0; i < steps; ++i) {
    std::vector<int64_t> rows(batch);
    for (int64_t r = 0; r < batch; ++r) rows[static_cast<size_t>(r)] = i * batch + r;
    pairs.fill(rows, std::as_writable_bytes(plan.input<int64_t>(x)),
               std::as_writable_bytes(plan.input<float>(y)), {});
    plan.run();
    total += static_cast<double>(plan.output<float>(loss)[0]);
    if ((i + 1) % 500 == 0) {
      std::printf("step %lld  loss %.3f\n", static_cast<long long>(i + 1), total / 500);
      total = 0;
    }
  }

  const Words words(text.words, trained(model, plan, adam).centre.weight);
  for (const char* word : {"gradient", "matrix", "probability"}) {
    std::printf("%s:", word);
    for (const Words::Near& n : words.near(word, 6)) std::printf(" %s", n.word.c_str());
    std::printf("\n");
  }
}
