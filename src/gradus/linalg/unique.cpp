#include <gradus/core/buffer.h>
#include <gradus/linalg/unique.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <cmath>

namespace gradus {

Unique unique(const Tensor& x) {
  const Tensor sorted = sort(reshape(x, {x.size()}));
  const std::vector<double> all = numbers(sorted);
  std::vector<int64_t> first, counts;
  for (size_t i = 0; i < all.size(); ++i) {
    const bool same =
        i > 0 && (all[i] == all[i - 1] || (std::isnan(all[i]) && std::isnan(all[i - 1])));
    if (!same) {
      first.push_back(static_cast<int64_t>(i));
      counts.push_back(0);
    }
    ++counts.back();
  }
  return {gather(sorted, from_vector(first)), from_vector(counts)};
}

}  // namespace gradus
