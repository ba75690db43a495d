// Comparisons, logic, where and cast: what has no slope of its own, or passes one through.
#include <gradus/base/error.h>
#include <gradus/base/half.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/masks.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

namespace gradus {
namespace {

template <class F>
decltype(auto) dispatch(DType t, F f) {
  switch (t) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::i32:
      return f(int32_t{});
    case DType::i64:
      return f(int64_t{});
    case DType::f16:
      return f(Float16{});
    case DType::bf16:
      return f(BFloat16{});
    case DType::i8:
      return f(int8_t{});
    case DType::u8:
      return f(uint8_t{});
    case DType::boolean:
      break;
  }
  return f(bool{});
}

template <class T>
constexpr bool computes =
    std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, int32_t> ||
    std::is_same_v<T, int64_t> || std::is_same_v<T, bool>;

// put(i) for i < n, in blocks of a length that the compiler turns into vectors.
template <class Put>
void each_element(size_t n, const Put& put) {
  constexpr size_t block = 16;
  size_t i = 0;
  for (; i + block <= n; i += block)
    for (size_t k = 0; k < block; ++k) put(i + k);
  for (; i < n; ++i) put(i);
}

template <class T, class F>
void compare_row(const void* const in[], const bool single[], void* out, size_t n) {
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  bool* y = static_cast<bool*>(out);
  if (!single[0] && !single[1])
    each_element(n, [=](size_t i) { y[i] = F{}(a[i], b[i]); });
  else if (!single[0])
    each_element(n, [=, right = *b](size_t i) { y[i] = F{}(a[i], right); });
  else if (!single[1])
    for (size_t i = 0; i < n; ++i) y[i] = F{}(*a, b[i]);
  else
    std::fill(y, y + n, F{}(*a, *b));
}

template <class T, class F>
void predicate_row(const void* const in[], const bool single[], void* out, size_t n) {
  const T* x = static_cast<const T*>(in[0]);
  bool* y = static_cast<bool*>(out);
  if (single[0]) return static_cast<void>(std::fill(y, y + n, F{}(*x)));
  each_element(n, [=](size_t i) { y[i] = F{}(x[i]); });
}

template <class T>
void where_row(const void* const in[], const bool single[], void* out, size_t n) {
  const bool* c = static_cast<const bool*>(in[0]);
  const T* a = static_cast<const T*>(in[1]);
  const T* b = static_cast<const T*>(in[2]);
  T* y = static_cast<T*>(out);
  const size_t sc = single[0] ? 0 : 1, sa = single[1] ? 0 : 1, sb = single[2] ? 0 : 1;
  if (sc + sa + sb == 3) {
    each_element(n, [=](size_t i) {
      const T left = a[i], right = b[i];  // both are read, so that the choice is no branch
      y[i] = c[i] ? left : right;
    });
    return;
  }
  for (size_t i = 0; i < n; ++i) y[i] = c[i * sc] ? a[i * sa] : b[i * sb];
}

double widen(Float16 x) {
  return f32_from_f16(x.bits);
}
double widen(BFloat16 x) {
  return f32_from_bf16(x.bits);
}
template <class T>
T widen(T x) {
  return x;
}

// NumPy's rule within range; out of range and NaN give the nearest end and 0, never undefined.
template <class To, class From>
To convert(From from) {
  const auto x = widen(from);
  if constexpr (std::is_same_v<To, Float16>) {
    return Float16(static_cast<double>(x));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return BFloat16(static_cast<double>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != decltype(x){};
  } else if constexpr (std::is_integral_v<To> &&
                       std::is_floating_point_v<std::remove_cv_t<decltype(x)>>) {
    if (std::isnan(x)) return 0;
    constexpr auto low = std::numeric_limits<To>::min(), high = std::numeric_limits<To>::max();
    if (static_cast<double>(x) <= static_cast<double>(low)) return low;
    if (static_cast<double>(x) >= static_cast<double>(high)) return high;
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

// bf16_from without branches, in the type that vectors compare: half of the last kept digit is
// added, less a bit where that digit is even; a NaN is made quiet.
uint16_t bf16_bits(uint32_t f32) {
  const uint32_t rounded = f32 + 0x7FFF + ((f32 >> 16) & 1);
  const bool nan = (f32 & 0x7FFFFFFF) > 0x7F800000;
  return static_cast<uint16_t>((nan ? f32 | 0x400000 : rounded) >> 16);
}

template <class From, class To>
void cast_row(const void* const in[], const bool single[], void* out, size_t n) {
  const From* x = static_cast<const From*>(in[0]);
  To* y = static_cast<To*>(out);
  if (single[0]) return static_cast<void>(std::fill(y, y + n, convert<To>(*x)));
  // Through blocks of its own, which may not overlap: only then does the compiler use vectors.
  using Word = std::conditional_t<std::is_same_v<From, bool>, uint8_t, From>;
  constexpr size_t block = 16;
  size_t i = 0;
  if constexpr (std::is_arithmetic_v<From> && std::is_floating_point_v<To>)
    for (; i + block <= n; i += block) {
      Word words[block];
      To converted[block];
      std::memcpy(words, x + i, sizeof words);
      for (size_t k = 0; k < block; ++k) converted[k] = convert<To>(words[k]);
      std::memcpy(y + i, converted, sizeof converted);
    }
  if constexpr (std::is_same_v<From, float> && std::is_same_v<To, BFloat16>)
    for (; i + block <= n; i += block) {
      uint32_t words[block];
      uint16_t rounded[block];
      std::memcpy(words, x + i, sizeof words);
      for (size_t k = 0; k < block; ++k) rounded[k] = bf16_bits(words[k]);
      std::memcpy(static_cast<void*>(y + i), rounded, sizeof rounded);
    }
  for (; i < n; ++i) y[i] = convert<To>(x[i]);
}

struct And {
  bool operator()(bool a, bool b) const { return a && b; }
};
struct Or {
  bool operator()(bool a, bool b) const { return a || b; }
};
struct Xor {
  bool operator()(bool a, bool b) const { return a != b; }
};
struct Not {
  bool operator()(bool a) const { return !a; }
};
struct IsNan {
  bool operator()(auto x) const { return std::isnan(x); }
};
struct IsInf {
  bool operator()(auto x) const { return std::isinf(x); }
};
struct IsFinite {
  bool operator()(auto x) const { return std::isfinite(x); }
};

Type mask_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return {DType::boolean, in[0].shape};
}
Type where_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[1];
}
Type cast_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  return {attrs.dtype, in[0].shape};
}

template <class F, auto by_vectors>
Kernel compare_kernel(const Op&, std::span<const Type> in, const Type&) {
  return dispatch(in[0].dtype, [](auto t) -> Kernel {
    using T = decltype(t);
    if constexpr (std::is_floating_point_v<T>)
      return {run_rows, (mask_kernels().*by_vectors)[std::is_same_v<T, double>]};
    else if constexpr (computes<T>)
      return {run_rows, compare_row<T, F>};
    return {};
  });
}

template <class F>
Kernel logic_kernel(const Op&, std::span<const Type>, const Type&) {
  return {run_rows, compare_row<bool, F>};
}

Kernel not_kernel(const Op&, std::span<const Type>, const Type&) {
  return {run_rows, predicate_row<bool, Not>};
}

template <class F>
Kernel predicate_kernel(const Op&, std::span<const Type> in, const Type&) {
  return {run_rows, in[0].dtype == DType::f32 ? predicate_row<float, F> : predicate_row<double, F>};
}

Kernel where_kernel(const Op&, std::span<const Type> in, const Type&) {
  return dispatch(in[1].dtype, [](auto t) -> Kernel {
    if constexpr (computes<decltype(t)>) return {run_rows, where_row<decltype(t)>};
    return {};
  });
}

Kernel cast_kernel(const Op&, std::span<const Type> in, const Type& out) {
  return dispatch(in[0].dtype, [&](auto from) {
    return dispatch(out.dtype, [](auto to) -> Kernel {
      if constexpr (std::is_same_v<decltype(from), bool> && std::is_same_v<decltype(to), float>)
        return {run_rows, mask_kernels().ones};
      return {run_rows, cast_row<decltype(from), decltype(to)>};
    });
  });
}

Tensor where_pull(const Context& c, std::span<const Tensor> bar, int i) {
  const Tensor zero = cast(Tensor(0.0), bar[0].dtype());
  return i == 1 ? where(c.in[0], bar[0], zero) : where(c.in[0], zero, bar[0]);
}

Tensor cast_pull(const Context& c, std::span<const Tensor> bar, int) {
  return cast(bar[0], c.in[0].dtype());
}

constexpr const char* not_smooth = "its result is true or false";

constexpr Op mask_op(const char* name, const char* says, const char* math, const char* form,
                     int inputs, Kernel (*kernel)(const Op&, std::span<const Type>, const Type&)) {
  return {.name = name,
          .says = says,
          .math = math,
          .form = form,
          .binds = form ? 1 : 9,
          .inputs = inputs,
          .pointwise = true,
          .type = mask_type,
          .kernel = kernel,
          .rule = {.why = not_smooth},
          .batch = batch_leading};
}

void require_bool(const Op& op, const Tensor& x) {
  if (x.dtype() != DType::boolean)
    raise(ErrorKind::dtype, std::string(op.name) + ": " + to_string(x.type()) +
                                " is not bool. Logic works on masks. Compare first, as in x > 0.");
}

// "f32[2] + f32[3]" in messages; "f32[2] and f32[3]" where the op has no sign.
std::string both(const Op& op, const Type& a, const Type& b) {
  std::string_view form = op.form ? op.form : "";
  std::string sign = form.size() > 6 && form.starts_with("{0} ")
                         ? std::string(form.substr(3, form.size() - 6))
                         : " and ";
  if (form == "{0}^{1}") sign = " ^ ";
  return to_string(a) + sign + to_string(b);
}

}  // namespace

namespace op {
constinit const Op equal =
    mask_op("equal", "whether two numbers are the same", "a = b", "{0} == {1}", 2,
            compare_kernel<std::equal_to<>, &MaskKernels::equal>);
constinit const Op not_equal =
    mask_op("not_equal", "whether two numbers differ", "a != b", "{0} != {1}", 2,
            compare_kernel<std::not_equal_to<>, &MaskKernels::not_equal>);
constinit const Op less = mask_op("less", "whether the first is smaller", "a < b", "{0} < {1}", 2,
                                  compare_kernel<std::less<>, &MaskKernels::less>);
constinit const Op less_equal =
    mask_op("less_equal", "whether the first is not larger", "a <= b", "{0} <= {1}", 2,
            compare_kernel<std::less_equal<>, &MaskKernels::less_equal>);
constinit const Op greater = mask_op("greater", "whether the first is larger", "a > b", "{0} > {1}",
                                     2, compare_kernel<std::greater<>, &MaskKernels::greater>);
constinit const Op greater_equal =
    mask_op("greater_equal", "whether the first is not smaller", "a >= b", "{0} >= {1}", 2,
            compare_kernel<std::greater_equal<>, &MaskKernels::greater_equal>);
constinit const Op logical_and =
    mask_op("logical_and", "whether both hold", "a and b", nullptr, 2, logic_kernel<And>);
constinit const Op logical_or =
    mask_op("logical_or", "whether at least one holds", "a or b", nullptr, 2, logic_kernel<Or>);
constinit const Op logical_xor =
    mask_op("logical_xor", "whether exactly one holds", "a xor b", nullptr, 2, logic_kernel<Xor>);
constinit const Op logical_not =
    mask_op("logical_not", "whether it does not hold", "not a", nullptr, 1, not_kernel);
constinit const Op isnan =
    mask_op("isnan", "whether it is not a number", "x != x", nullptr, 1, predicate_kernel<IsNan>);
constinit const Op isinf =
    mask_op("isinf", "whether it is infinite", "|x| = inf", nullptr, 1, predicate_kernel<IsInf>);
constinit const Op isfinite = mask_op("isfinite", "whether it is finite", "|x| < inf", nullptr, 1,
                                      predicate_kernel<IsFinite>);

constinit const Op where{.name = "where",
                         .says = "the first where the condition holds, else the second",
                         .math = "where(c, a, b)",
                         .kind = Kind::linear,
                         .inputs = 3,
                         .pointwise = true,
                         .type = where_type,
                         .kernel = where_kernel,
                         .rule = {.pull = where_pull},
                         .batch = batch_leading};

constinit const Op cast{.name = "cast",
                        .says = "the same number in another type",
                        .math = "cast(x)",
                        .kind = Kind::linear,
                        .pointwise = true,
                        .type = cast_type,
                        .kernel = cast_kernel,
                        .rule = {.pull = cast_pull},
                        .batch = batch_leading};
}  // namespace op

#define OP(n)                                  \
  Tensor n(const Tensor& a, const Tensor& b) { \
    Tensor x = a, y = b;                       \
    align(op::n, x, y);                        \
    return apply(op::n, {x, y});               \
  }
GRADUS_COMPARE_WORDS(OP)
#undef OP

#define OP(n)                                  \
  Tensor n(const Tensor& a, const Tensor& b) { \
    Tensor x = a, y = b;                       \
    require_bool(op::n, x);                    \
    require_bool(op::n, y);                    \
    align(op::n, x, y);                        \
    return apply(op::n, {x, y});               \
  }
GRADUS_LOGIC_WORDS(OP)
#undef OP

#define OP(n)                       \
  Tensor n(const Tensor& x) {       \
    require_float(op::n, x.type()); \
    return apply(op::n, {x});       \
  }
GRADUS_PREDICATE_WORDS(OP)
#undef OP

Tensor logical_not(const Tensor& x) {
  require_bool(op::logical_not, x);
  return apply(op::logical_not, {x});
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  require_bool(op::where, condition);
  Tensor x = a, y = b;
  align(op::where, x, y);
  const Shape shape = broadcast_shape(op::where, condition.type(), x.type());
  return apply(op::where,
               {broadcast_to(condition, shape), broadcast_to(x, shape), broadcast_to(y, shape)});
}

Tensor cast(const Tensor& x, DType dtype) {
  if (x.is_literal()) return literal_as(x, dtype);
  if (x.dtype() == dtype) return x;
  Attrs attrs;
  attrs.dtype = dtype;
  return apply(op::cast, {x}, attrs);
}

Tensor clip(const Tensor& x, const Tensor& low, const Tensor& high) {
  return minimum(maximum(x, low), high);
}

Tensor stop_gradient(const Tensor& x) {
  return apply(op::stop_gradient, {x});
}

void require_float(const Op& op, const Type& x) {
  if (is_float(x.dtype)) return;
  raise(ErrorKind::dtype,
        std::string(op.name) + ": " + to_string(x) + " is not a floating-point tensor. " +
            (is_storage(x.dtype) ? "f16, bf16, i8 and u8 only store. Cast to f32 first."
                                 : "It computes in f32 or f64. Cast to f64 first."));
}

void require_number(const Op& op, const Type& x) {
  if (is_float(x.dtype) || is_integer(x.dtype)) return;
  raise(ErrorKind::dtype,
        std::string(op.name) + ": " + to_string(x) + " is not a tensor of numbers. " +
            (is_storage(x.dtype) ? "f16, bf16, i8 and u8 only store. Cast to f32 first."
                                 : "bool is a mask. Cast to i64 to count."));
}

void align(const Op& op, Tensor& a, Tensor& b) {
  const DType ta = a.dtype(), tb = b.dtype();
  if (is_storage(ta) || is_storage(tb))
    raise(ErrorKind::dtype,
          std::string(op.name) + ": " + both(op, a.type(), b.type()) +
              ": f16, bf16, i8 and u8 only store. Compute in f32 or f64. Cast first.");
  if (ta != tb || a.is_literal() != b.is_literal()) {
    if (a.is_literal() != b.is_literal()) {
      Tensor& literal = a.is_literal() ? a : b;
      const DType want = a.is_literal() ? tb : ta;
      if (want == DType::boolean ? literal.dtype() != want : literal.dtype() == DType::boolean)
        raise(ErrorKind::dtype, std::string(op.name) + ": " + both(op, a.type(), b.type()) +
                                    ": a mask and a number do not mix. Cast the mask first.");
      literal = literal_as(literal, want);
    } else if (a.is_literal() ? ta != tb : is_float(ta) && is_float(tb)) {
      const DType wide = DType::f64;
      if (ta != wide) a = cast(a, wide);
      if (tb != wide) b = cast(b, wide);
    } else if (is_integer(ta) && is_integer(tb)) {
      a = cast(a, DType::i64);
      b = cast(b, DType::i64);
    } else if (ta != tb) {
      raise(ErrorKind::dtype,
            std::string(op.name) + ": " + both(op, a.type(), b.type()) +
                ": the kinds of number differ. Types of one kind mix, others need a word. "
                "Write cast(x, DType::" +
                std::string(is_float(ta) ? name_of(ta) : name_of(tb)) + ").");
    }
  }
  if (a.shape() == b.shape()) return;
  const Shape shape = broadcast_shape(op, a.type(), b.type());
  a = broadcast_to(a, shape);
  b = broadcast_to(b, shape);
}

Shape broadcast_shape(const Op& op, const Type& a, const Type& b) {
  const int rank = std::max(a.shape.size(), b.shape.size());
  Shape result;
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.shape.size()), ib = i - (rank - b.shape.size());
    const int64_t x = ia < 0 ? 1 : a.shape[ia], y = ib < 0 ? 1 : b.shape[ib];
    if (x != y && x != 1 && y != 1) {
      // Inserting trailing ones helps when the shorter shape equals the first axes of the longer.
      const bool second = b.shape.size() < a.shape.size();
      const Shape& few = second ? b.shape : a.shape;
      const Shape& all = second ? a.shape : b.shape;
      bool leads = few.size() < all.size() && !few.empty();
      for (int k = 0; leads && k < few.size(); ++k) leads = few[k] == all[k];
      std::string hint;
      if (leads) {
        Shape spread = few;
        while (spread.size() < all.size()) spread.push_back(1);
        hint = " If " + std::to_string(few[0]) + " is the batch, reshape the " +
               (second ? "second" : "first") + " to " + to_string(spread) + ".";
      }
      raise(ErrorKind::shape, std::string(op.name) + ": " + both(op, a, b) +
                                  ": cannot broadcast, because axes line up from the right and " +
                                  std::to_string(x) + " is not " + std::to_string(y) + "." + hint);
    }
    result.push_back(x == 1 ? y : x);
  }
  return result;
}

}  // namespace gradus
