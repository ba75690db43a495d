#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <span>

namespace gradus {
namespace {

constexpr int64_t chunk = 8192;  // numbers a thread draws at once: 3 to 20 us
constexpr int64_t worth_threads = 4 * chunk;

// The element `index` of v, in row-major order of the axes before the last `inner` ones.
int64_t offset_of(const View& v, int64_t index, int inner) {
  int64_t offset = 0;
  for (int i = v.shape.size() - 1 - inner; i >= 0; --i) {
    offset += index % v.shape[i] * v.strides[i];
    index /= v.shape[i];
  }
  return offset;
}

Key key_at(const View& keys, int64_t index) {
  const int64_t* words = keys.as<int64_t>() + offset_of(keys, index, 1);
  const auto word = [](int64_t x) { return uint64_t{static_cast<uint32_t>(x)}; };
  return {word(words[keys.strides.back()]) << 32 | word(words[0])};
}

// fill(key, first, span) for every key, the numbers of all keys shared out in chunks.
template <class T, class Fill>
void draw(const Call& c, const Fill& fill) {
  const View& keys = c.in[0];
  const int64_t all = element_count(c.out[0].shape), each = element_count(c.attrs->a);
  const auto part = [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t first = begin % each, n = std::min(each - first, end - begin);
      fill(key_at(keys, begin / each), static_cast<uint64_t>(first),
           std::span<T>(c.out[0].as<T>() + begin, static_cast<size_t>(n)));
      begin += n;
    }
  };
  if (all < worth_threads) return part(0, all);
  parallel_for((all + chunk - 1) / chunk,
               [&](int64_t i) { part(i * chunk, std::min(all, (i + 1) * chunk)); });
}

template <class T>
void run_uniform(const Call& c) {
  draw<T>(c, [](Key key, uint64_t first, std::span<T> out) { fill_uniform(key, first, out); });
}

template <class T>
void run_normal(const Call& c) {
  draw<T>(c, [](Key key, uint64_t first, std::span<T> out) { fill_normal(key, first, out); });
}

void run_integers(const Call& c) {
  const int64_t bound = c.attrs->b[0];
  draw<int64_t>(c, [bound](Key key, uint64_t first, std::span<int64_t> out) {
    fill_integers(key, first, bound, out);
  });
}

void run_split(const Call& c) {
  const View &keys = c.in[0], &places = c.in[1];
  int64_t* out = c.out[0].as<int64_t>();
  const int64_t n = element_count(places.shape);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t place = places.as<int64_t>()[offset_of(places, i, 0)];
    const uint64_t child = split(key_at(keys, i), static_cast<uint64_t>(place)).value;
    out[2 * i] = static_cast<uint32_t>(child);
    out[2 * i + 1] = static_cast<int64_t>(child >> 32);
  }
}

Kernel uniform_kernel(const Op&, std::span<const Type>, const Type& out) {
  return {out.dtype == DType::f32 ? run_uniform<float> : run_uniform<double>};
}
Kernel normal_kernel(const Op&, std::span<const Type>, const Type& out) {
  return {out.dtype == DType::f32 ? run_normal<float> : run_normal<double>};
}
Kernel integers_kernel(const Op&, std::span<const Type>, const Type&) {
  return {run_integers};
}
Kernel split_kernel(const Op&, std::span<const Type>, const Type&) {
  return {run_split};
}

// (..., 2) keys and a shape give (..., shape).
Type draw_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  Shape shape = in[0].shape;
  shape.erase(shape.size() - 1);
  for (int64_t size : attrs.a) shape.push_back(size);
  return {attrs.dtype, shape};
}
Type split_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}

void require_key(const Op& op, const Tensor& key) {
  if (key.dtype() != DType::i64 || key.rank() == 0 || key.shape().back() != 2)
    raise(ErrorKind::dtype, std::string(op.name) + ": " + to_string(key.type()) +
                                " is not a key. A key is i64[2]. Make one with key_tensor.");
}

Tensor apply_draw(const Op& op, const Tensor& key, const Shape& shape, Attrs attrs) {
  require_key(op, key);
  for (int64_t size : shape)
    if (size < 0)
      raise(ErrorKind::shape, std::string(op.name) + ": shape " + to_string(shape) +
                                  " has a size below 0. A shape counts elements.");
  attrs.a = shape;
  return apply(op, {key}, attrs);
}

Tensor draw_real(const Op& op, const Tensor& key, const Shape& shape, DType dtype) {
  if (!is_float(dtype))
    raise(ErrorKind::dtype, std::string(op.name) + ": " + name_of(dtype) +
                                " numbers were asked for. It draws f32 or f64. Cast them.");
  Attrs attrs;
  attrs.dtype = dtype;
  return apply_draw(op, key, shape, attrs);
}

constexpr Op draw_op(const char* name, const char* says, const char* math,
                     Kernel (*kernel)(const Op&, std::span<const Type>, const Type&)) {
  return {.name = name,
          .says = says,
          .math = math,
          .kind = Kind::fixed,
          .type = draw_type,
          .kernel = kernel,
          .rule = {.why = "its numbers depend on the key alone"},
          .batch = batch_leading};
}

}  // namespace

namespace op {
constinit const Op split{.name = "split",
                         .says = "a child of a random key, by its number",
                         .math = "split(key, i)",
                         .kind = Kind::fixed,
                         .inputs = 2,
                         .type = split_type,
                         .kernel = split_kernel,
                         .rule = {.why = "keys are not numbers to compute with"},
                         .batch = batch_leading};
constinit const Op random_uniform =
    draw_op("random_uniform", "random numbers from 0 to 1, all equally likely", "u ~ U(0, 1)",
            uniform_kernel);
constinit const Op random_normal =
    draw_op("random_normal", "random numbers of mean 0 and variance 1, normal", "z ~ N(0, 1)",
            normal_kernel);
constinit const Op random_integers =
    draw_op("random_integers", "random integers from 0 to a bound, all equally likely",
            "k ~ U{0, ..., n - 1}", integers_kernel);
}  // namespace op

Tensor key_tensor(Key key) {
  return stack({Tensor(static_cast<int64_t>(key.value & 0xFFFFFFFF)),
                Tensor(static_cast<int64_t>(key.value >> 32))});
}

Tensor split(const Tensor& key, const Tensor& index) {
  require_key(op::split, key);
  if (!is_integer(index.dtype()))
    raise(ErrorKind::dtype, "split: " + to_string(index.type()) +
                                " does not number a child. It takes i32 or i64. Cast it first.");
  Shape keys = key.shape();
  keys.erase(keys.size() - 1);
  const Shape shape = broadcast_shape(op::split, {DType::i64, keys}, index.type());
  Shape with_words = shape;
  with_words.push_back(2);
  return apply(op::split,
               {broadcast_to(key, with_words), broadcast_to(cast(index, DType::i64), shape)});
}

Tensor random_uniform(const Tensor& key, const Shape& shape, DType dtype) {
  return draw_real(op::random_uniform, key, shape, dtype);
}

Tensor random_normal(const Tensor& key, const Shape& shape, DType dtype) {
  return draw_real(op::random_normal, key, shape, dtype);
}

Tensor random_integers(const Tensor& key, int64_t bound, const Shape& shape) {
  if (bound <= 0)
    raise(ErrorKind::domain, "random_integers: bound " + std::to_string(bound) +
                                 " leaves no integer. They run from 0 to bound - 1.");
  Attrs attrs;
  attrs.b = {bound};
  attrs.dtype = DType::i64;
  return apply_draw(op::random_integers, key, shape, attrs);
}

Tensor bernoulli(const Tensor& key, const Tensor& p, const Shape& shape) {
  return random_uniform(key, shape, p.is_literal() ? DType::f32 : p.dtype()) < p;
}

}  // namespace gradus
