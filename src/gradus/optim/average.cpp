#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/ops/elementwise.h>
#include <gradus/optim/average.h>

#include <algorithm>

namespace gradus {

Tensor averaged(const WeightAverage& rule, const Tensor& average, const Tensor& params,
                const Tensor& count) {
  if (rule.kind == WeightAverage::none) return params;
  if (rule.kind == WeightAverage::ema) {
    const Tensor decay = minimum((count + 1) / (count + 10), rule.decay);
    return where(count > 0, decay * average + (1 - decay) * params, params);
  }
  const Tensor before = count - static_cast<double>(rule.from);
  return where(before > 0, average + (params - average) / (maximum(before, 0.0) + 1), params);
}

WeightAverage parse_average(std::string_view word, int64_t total) {
  const size_t open = std::min(word.find('('), word.size());
  const bool ema = word.substr(0, open) == "ema", swa = word.substr(0, open) == "swa";
  double number = ema ? 0.999 : 0.75;
  if (open < word.size())
    number = word.ends_with(')')
                 ? text::parse_double(word.substr(open + 1, word.size() - open - 2)).value_or(-1)
                 : -1;
  if ((!ema && !swa) || !(number >= 0 && number < 1))
    raise(ErrorKind::usage, "average: '" + std::string(word) +
                                "'. It is ema or ema(DECAY), or swa or swa(SHARE) with the share "
                                "of the run that passes first; both numbers lie in [0, 1).");
  if (ema) return {.kind = WeightAverage::ema, .decay = number};
  return {.kind = WeightAverage::swa,
          .from = static_cast<int64_t>(number * static_cast<double>(total))};
}

}  // namespace gradus
