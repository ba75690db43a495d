// Counting as a language model: interpolated n-grams of the letters of a text, scored on its last
// tenth, and what the longest writes. Usage: ngram [FILE] [ORDER]
#include <gradus/base/random.h>
#include <gradus/train/ngram.h>
#include <gradus/train/text.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

using namespace gradus;

int main(int argc, char** argv) {
  const std::string text = load_text(argc > 1 ? argv[1] : "lessons");
  const int orders = argc > 2 ? std::atoi(argv[2]) : 5;
  const Characters letters(text);
  const std::vector<int64_t> tokens = letters.encode(text);
  const std::span<const int64_t> all(tokens);
  const auto learnt = all.first(all.size() - all.size() / 10), rest = all.last(all.size() / 10);
  std::printf("%zu letters, %lld different; the last tenth is scored\n", tokens.size(),
              static_cast<long long>(letters.count()));

  for (int order = 1; order <= orders; ++order) {
    const NGram model(learnt, letters.count(), order);
    const double loss = model.loss(rest);
    std::printf("order %d  loss %.4f  perplexity %.3f  weights", order, loss, std::exp(loss));
    for (const double w : model.weights()) std::printf(" %.3f", w);
    std::printf("\n");
    if (order < orders) continue;
    std::vector<double> u(300);
    fill_uniform(key_from_seed(0), 0, std::span<double>(u));
    std::printf("%s\n", letters.decode(model.sample({}, u)).c_str());
  }
}
