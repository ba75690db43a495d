// gradus train perceptron-and, perceptron-xor: the classical rule on the corners of a square.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/nn/perceptron.h>

namespace gradus::app {
namespace {

std::string numbers_of(const Perceptron& p) {
  std::string out;
  for (double w : p.weights) out += text::pad_left(text::number(w), 6);
  return out + text::pad_left(text::number(p.bias), 6);
}

}  // namespace

int train_perceptron(std::string_view name, int64_t epochs, const Settings& settings) {
  const bool is_xor = name == "perceptron-xor";
  const std::vector<double> corners{0, 0, 0, 1, 1, 0, 1, 1};
  const std::vector<int> labels = is_xor ? std::vector{-1, 1, 1, -1} : std::vector{-1, -1, -1, 1};
  std::string table;
  const PerceptronRun r = learn_perceptron(corners, labels, epochs, [&](const PerceptronEpoch& e) {
    table += text::pad_left(std::to_string(e.epoch), 7) +
             text::pad_left(std::to_string(e.mistakes), 7) + numbers_of(e.after) + "\n";
  });
  const int status = r.separates ? done : answer_is_no;
  const std::string verdict =
      r.separates     ? "learned in " + std::to_string(r.epochs) + " epochs"
      : r.same_as > 0 ? "not linearly separable (" + std::to_string(r.epochs) +
                            " epochs): the weights are those after epoch " +
                            std::to_string(r.same_as) + ", so that the rule goes round for ever"
                      : "not learned in " + std::to_string(r.epochs) + " epochs";
  if (settings.json) {
    std::string weights;
    for (double w : r.learned.weights) weights += (weights.empty() ? "" : ",") + text::number(w);
    print("{\"separates\":" + std::string(r.separates ? "true" : "false") +
          ",\"epochs\":" + std::to_string(r.epochs) + ",\"same_as\":" + std::to_string(r.same_as) +
          ",\"weights\":[" + weights + "],\"bias\":" + text::number(r.learned.bias) + "}\n");
    return status;
  }
  if (!settings.quiet)
    print("perceptron on " + std::string(is_xor ? "XOR" : "AND") +
          ": y = sign(w x + b); a wrong example adds t x to w and t to b, t = -1 or 1\n\n" +
          "  epoch  wrong    w1    w2     b\n" + table + "\n");
  print(verdict + "\n");
  if (r.same_as > 0) note(settings, "next  gradus train xor   two layers can\n");
  return status;
}

}  // namespace gradus::app
