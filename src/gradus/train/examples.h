// Where a training loop takes its rows from: a table, pictures, windows of a text.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/tensor.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace gradus {

class Examples {
 public:
  virtual ~Examples() = default;
  virtual int64_t count() const = 0;
  // What a step takes for so many rows: the first axis counts them.
  virtual Type x(int64_t rows) const = 0;
  virtual Type target(int64_t rows) const = 0;
  // Writes these rows, row-major. The key draws augmentation: what a row becomes depends on the key
  // and on the rows alone. Without one, as for evaluation, rows are as they are. Called from a
  // second thread: it changes nothing.
  virtual void fill(std::span<const int64_t> rows, std::span<std::byte> x,
                    std::span<std::byte> target, std::optional<Key> key) const = 0;
  // What speed is counted in: "examples", or "tokens" of which a row holds so many.
  virtual std::string_view unit() const { return "examples"; }
  virtual int64_t units_in_a_row() const { return 1; }
};

// These rows as tensors, without augmentation.
struct Rows {
  Tensor x, target;
};
Rows tensors_of(const Examples& examples, std::span<const int64_t> rows);

}  // namespace gradus
