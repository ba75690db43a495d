// Embedding: a table with one row of numbers for each token.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/tensor.h>

#include <optional>
#include <string>

namespace gradus {

struct Embedding {
  Tensor weight;                        // (count, features)
  std::optional<int64_t> padding = {};  // the row of this token learns nothing
  std::string path = "embedding";

  // Integer tokens (...) -> (..., features). A token outside [0, count) is an error.
  Tensor operator()(const Tensor& tokens) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("weight", self.weight);
  }
};

// Normal with standard deviation 1, PyTorch's default; the row of `padding` is zero.
Embedding make_embedding(Key key, int64_t count, int64_t features,
                         std::optional<int64_t> padding = {}, DType dtype = DType::f32);

}  // namespace gradus
