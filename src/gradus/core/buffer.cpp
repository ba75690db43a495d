#include <gradus/base/error.h>
#include <gradus/base/few.h>
#include <gradus/base/half.h>
#include <gradus/core/buffer.h>
#include <gradus/core/nonfinite.h>
#include <gradus/core/run.h>
#include <gradus/core/tape.h>
#include <gradus/core/work.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>

namespace gradus {
namespace {

// Of the whole process, so that no two threads give their tapes one number.
std::atomic<uint64_t> tapes = 0;

template <class T>
double read(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return static_cast<double>(value);
}

// Calls f(element offset) in row-major order.
template <class F>
void each_offset(const View& v, F f) {
  const int64_t n = element_count(v.shape);
  Dims at = v.shape;
  for (int i = 0; i < at.size(); ++i) at[i] = 0;
  int64_t offset = 0;
  for (int64_t k = 0; k < n; ++k) {
    f(offset);
    for (int i = at.size() - 1; i >= 0; --i) {
      offset += v.strides[i];
      if (++at[i] < v.shape[i]) break;
      offset -= at[i] * v.strides[i];
      at[i] = 0;
    }
  }
}

std::string where_is(const Tensor& x) {
  const Tape* tape = Tape::open();
  std::string s = to_string(x.type());
  if (tape && x.tape_value() && x.tape_value()->tape == tape->serial()) {
    const ValueId id = x.tape_value()->id;
    if (!tape->label(id).empty()) s = "'" + tape->label(id) + "' " + s;
    s = std::string(tape->step_of(id).op->name) + " " + s;
  }
  return s;
}

}  // namespace

const Buffer& buffer_of(const Tensor& x) {
  if (x.buffer()) return *x.buffer();
  if (x.is_absent())
    raise(ErrorKind::trace,
          "tensor: an absent tensor has no numbers. It stands for a zero cotangent.");
  const Tape* tape = Tape::open();
  if (tape == nullptr || tape->serial() != x.tape_value()->tape)
    raise(ErrorKind::trace,
          "tensor: a value " + to_string(x.type()) +
              " of a recording that has ended was used. Values made inside grad, vjp, jvp or "
              "compile end with the call. Return it from the function instead.");
  const Value& v = tape->value(x.tape_value()->id);
  if (!v.has_numbers())
    raise(ErrorKind::trace,
          tape->records_everything()
              ? std::string(tape->opened_by()) + ": 'if' needs a number, but " + where_is(x) +
                    " has only a shape while compiling. Use where(condition, a, b), or call grad "
                    "without compile."
              : "vmap: 'if' needs a number, but " + where_is(x) +
                    " stands for every example of the batch at once. Use where(condition, a, b).");
  return v.buffer;
}

Block::Block(size_t n)
    : data(take_memory(n)), bytes(n), born(tapes.load(std::memory_order_relaxed)) {}

uint64_t count_tape() {
  return tapes.fetch_add(1, std::memory_order_relaxed) + 1;
}

int64_t byte_count(const Type& type) {
  ptrdiff_t bytes;
  if (__builtin_mul_overflow(element_count(type.shape), size_of(type.dtype), &bytes))
    raise(ErrorKind::shape,
          "allocate: " + to_string(type) + " does not fit the address space. Use a smaller shape.");
  return bytes;
}

Buffer allocate(const Type& type) {
  return {std::make_shared<Block>(static_cast<size_t>(byte_count(type))), 0, row_major(type.shape)};
}

Tensor empty(const Type& type) {
  return {type, allocate(type)};
}

View view_of(const Type& type, const Buffer& buffer) {
  return {buffer.block->data + buffer.offset * size_of(type.dtype), type.dtype, type.shape,
          buffer.strides};
}

View view_of(const Tensor& x) {
  return view_of(x.type(), buffer_of(x));
}

void run_kernel(const Op& op, std::span<const Type> in_types, std::span<View> views,
                const Attrs& attrs, std::span<const Type> out_types) {
  if (op.pointwise) collapse(views);
  const Kernel kernel = op.kernel(op, in_types, out_types[0]);
  const Call call{kernel.run, kernel.row, views.first(in_types.size()),
                  views.subspan(in_types.size()), &attrs};
  call.run(call);
  if (const NonFiniteGuard* guard = NonFiniteGuard::current()) guard->look(op, call.in, call.out);
  WorkCounter::count(op, in_types, attrs, out_types);
}

void run_op(const Op& op, std::span<const Type> in_types, std::span<const Buffer> in,
            const Attrs& attrs, std::span<const Type> out_types, std::span<Buffer> out) {
  if (op.view) {
    Layout layout;
    if (op.view(in_types[0], {in[0].offset, in[0].strides}, attrs, out_types[0], &layout)) {
      out[0] = {in[0].block, layout.offset, layout.strides};
      return;
    }
  }
  Few<View, 8> room(in.size() + out.size());
  const std::span<View> views = room.all();
  for (size_t i = 0; i < in.size(); ++i) views[i] = view_of(in_types[i], in[i]);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = allocate(out_types[i]);
    views[in.size() + i] = view_of(out_types[i], out[i]);
  }
  run_kernel(op, in_types, views, attrs, out_types);
}

Tensor from_bytes(const Type& type, std::span<const std::byte> bytes) {
  if (byte_count(type) != static_cast<int64_t>(bytes.size()))
    raise(ErrorKind::shape, "tensor: " + std::to_string(bytes.size()) + " bytes for " +
                                to_string(type) + ". It takes exactly " +
                                std::to_string(byte_count(type)) + " bytes.");
  Tensor x = empty(type);
  if (!bytes.empty()) std::memcpy(x.buffer()->block->data, bytes.data(), bytes.size());
  return x;
}

template <class T>
Tensor from_span(std::span<const T> values, const Shape& shape) {
  const Type type{dtype_of<T>::value, shape};
  if (element_count(shape) != static_cast<int64_t>(values.size()))
    raise(ErrorKind::shape, "tensor: " + std::to_string(values.size()) + " numbers for " +
                                to_string(type) +
                                ". The product of the sizes must equal the count of numbers.");
  return from_bytes(type, std::as_bytes(values));
}
template Tensor from_span(std::span<const float>, const Shape&);
template Tensor from_span(std::span<const double>, const Shape&);
template Tensor from_span(std::span<const int32_t>, const Shape&);
template Tensor from_span(std::span<const int64_t>, const Shape&);
template Tensor from_span(std::span<const bool>, const Shape&);

Tensor scalar(double value, DType dtype) {
  Tensor x = empty({dtype, {}});
  std::byte* p = x.buffer()->block->data;
  const auto store = [p](auto v) { std::memcpy(p, &v, sizeof v); };
  const auto integer = [&](auto zero) {
    using T = decltype(zero);
    if (!(value >= -9.2e18 && value <= 9.2e18) ||
        static_cast<double>(static_cast<T>(static_cast<int64_t>(value))) != value)
      raise(ErrorKind::dtype, "literal: a C++ number with a fraction, or out of range, met " +
                                  to_string(x.type()) +
                                  ". A C++ number takes the type of the tensor it meets. Cast the "
                                  "tensor to f64 first.");
    store(static_cast<T>(static_cast<int64_t>(value)));
  };
  switch (dtype) {
    case DType::f32:
      store(static_cast<float>(value));
      break;
    case DType::f64:
      store(value);
      break;
    case DType::i32:
      integer(int32_t{});
      break;
    case DType::i64:
      integer(int64_t{});
      break;
    case DType::boolean:
      store(value != 0);
      break;
    case DType::f16:
      store(f16_from(value));
      break;
    case DType::bf16:
      store(bf16_from(value));
      break;
    case DType::i8:
      integer(int8_t{});
      break;
    case DType::u8:
      integer(uint8_t{});
      break;
  }
  return x;
}

Tensor literal_as(const Tensor& x, DType dtype) {
  if (!x.is_literal()) return x;
  if (x.dtype() == dtype) return {x.type(), *x.buffer()};
  return scalar(element_as_double(view_of(x), 0), dtype);
}

double element_as_double(const View& v, int64_t offset) {
  const std::byte* p = v.data + offset * size_of(v.dtype);
  switch (v.dtype) {
    case DType::f32:
      return read<float>(p);
    case DType::f64:
      return read<double>(p);
    case DType::i32:
      return read<int32_t>(p);
    case DType::i64:
      return read<int64_t>(p);
    case DType::boolean:
      return read<bool>(p);
    case DType::i8:
      return read<int8_t>(p);
    case DType::u8:
      return read<uint8_t>(p);
    case DType::f16:
    case DType::bf16:
      break;
  }
  uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return v.dtype == DType::f16 ? f32_from_f16(bits) : f32_from_bf16(bits);
}

double number(const Tensor& x) {
  if (x.size() != 1)
    raise(ErrorKind::shape, "number: " + to_string(x.type()) + " has " + std::to_string(x.size()) +
                                " elements, not one. Use numbers(x), or reduce it first.");
  return element_as_double(view_of(x), 0);
}

std::vector<double> numbers(const Tensor& x) {
  const View v = view_of(x);
  std::vector<double> result;
  result.reserve(static_cast<size_t>(x.size()));
  each_offset(v, [&](int64_t offset) { result.push_back(element_as_double(v, offset)); });
  return result;
}

template <class T>
std::vector<T> values(const Tensor& x) {
  if (x.dtype() != dtype_of<T>::value)
    raise(ErrorKind::dtype, "values: asked for " + std::string(name_of(dtype_of<T>::value)) +
                                " from " + to_string(x.type()) +
                                ". The type must be exactly the tensor's. Cast it first.");
  const View v = view_of(x);
  std::vector<T> result;
  result.reserve(static_cast<size_t>(x.size()));
  each_offset(v, [&](int64_t offset) { result.push_back(v.as<T>()[offset]); });
  return result;
}
template std::vector<float> values(const Tensor&);
template std::vector<double> values(const Tensor&);
template std::vector<int32_t> values(const Tensor&);
template std::vector<int64_t> values(const Tensor&);
template std::vector<bool> values(const Tensor&);

std::vector<std::byte> bytes_of_view(const View& v) {
  const auto size = static_cast<size_t>(size_of(v.dtype));
  std::vector<std::byte> result(static_cast<size_t>(element_count(v.shape)) * size);
  if (result.empty()) return result;
  if (v.is_row_major()) {
    std::memcpy(result.data(), v.data, result.size());
    return result;
  }
  std::byte* to = result.data();
  each_offset(v, [&](int64_t offset) {
    std::memcpy(to, v.data + offset * static_cast<int64_t>(size), size);
    to += size;
  });
  return result;
}

std::vector<std::byte> bytes_of(const Tensor& x) {
  return bytes_of_view(view_of(x));
}

bool same_bits(const Tensor& x, const Tensor& y) {
  if (!(x.type() == y.type())) return false;
  if (bytes_of(x) == bytes_of(y)) return true;
  return is_float(x.dtype()) && std::ranges::equal(numbers(x), numbers(y), [](double a, double b) {
           return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) ||
                  (std::isnan(a) && std::isnan(b));
         });
}

}  // namespace gradus
