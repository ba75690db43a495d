// What people hold: numbers, or a place on the open tape. Values never change.
// Reading the numbers needs core/buffer.h; rules of ops cannot.
#pragma once

#include <gradus/base/shape.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace gradus {

using ValueId = uint32_t;

struct Block;  // reference-counted storage, see core/buffer.h

// Storage, offset and strides: several buffers may look at one block.
struct Buffer {
  std::shared_ptr<Block> block;
  int64_t offset = 0;
  Dims strides;
};

// A value on the tape with this serial number. Inert once that tape is closed.
struct TapeValue {
  uint64_t tape = 0;
  ValueId id = 0;
};

class Tensor {
  // One number of a list. A braced row is a row, not a number: Tensor{{1}, {2}} is f64[2,1].
  struct Number {
    template <class T>
    requires std::is_arithmetic_v<T> Number(T x) : value(static_cast<double>(x)) {}
    double value;
  };

 public:
  // An absent tensor: it stands for "no cotangent" in rules and holds nothing.
  Tensor() = default;
  // A C++ number. It takes the type of the tensor it meets; alone it is f64 (or i64, or bool).
  template <class T>
  requires std::is_arithmetic_v<T> Tensor(
      T value) {  // NOLINT: numbers mix with tensors in formulas
    if constexpr (std::is_same_v<T, bool>)
      *this = literal(value ? 1 : 0, 0, DType::boolean);
    else if constexpr (std::is_integral_v<T>)
      *this = literal(static_cast<double>(value), static_cast<int64_t>(value), DType::i64);
    else
      *this = literal(static_cast<double>(value), 0, DType::f64);
  }
  // Rows of numbers, f64: Tensor({3, 4}) is f64[2].
  Tensor(std::initializer_list<Number> values);
  Tensor(std::initializer_list<std::initializer_list<double>> rows);
  Tensor(Type type, Buffer buffer) : type_(type), is_(std::move(buffer)) {}
  Tensor(Type type, TapeValue value) : type_(type), is_(value) {}

  bool is_absent() const { return std::holds_alternative<std::monostate>(is_); }
  const Type& type() const { return type_; }
  const Shape& shape() const { return type_.shape; }
  DType dtype() const { return type_.dtype; }
  int rank() const { return type_.shape.size(); }
  int64_t size() const { return element_count(type_.shape); }
  // A C++ number that has not met a tensor yet.
  bool is_literal() const { return literal_; }

  const Buffer* buffer() const { return std::get_if<Buffer>(&is_); }
  const TapeValue* tape_value() const { return std::get_if<TapeValue>(&is_); }

 private:
  static Tensor literal(double value, int64_t integer, DType dtype);

  Type type_;
  std::variant<std::monostate, Buffer, TapeValue> is_;
  bool literal_ = false;
};

// As NumPy prints: [1.  2.5], [3 4] for integers; an empty tensor adds its type, [] f64[0,3].
// A place without numbers prints its type.
std::string to_string(const Tensor& x);

}  // namespace gradus
