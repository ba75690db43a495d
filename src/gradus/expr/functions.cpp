#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/expr/functions.h>
#include <gradus/linalg/powers.h>
#include <gradus/linalg/solve.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/pool.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/information.h>
#include <gradus/prob/table.h>

#include <cmath>
#include <vector>

namespace gradus {
namespace {

using Args = std::span<const Tensor>;

constexpr int many_axes = 1 + max_rank;

Tensor as_number(const Tensor& x) {
  return is_float(x.dtype()) ? x : cast(x, DType::f64);
}

Tensor as_mask(const Tensor& x) {
  return x.dtype() == DType::boolean ? x : not_equal(as_number(x), 0.0);
}

// An argument that counts or names an axis; it must be known now.
int64_t whole(const char* name, const Tensor& x) {
  const double v = x.size() == 1 ? number(x) : std::nan("");
  if (!(std::fabs(v) <= 0x1p53) || v != std::floor(v))
    raise(ErrorKind::usage, std::string(name) + ": the last arguments are axes or places, but " +
                                (x.size() == 1 ? to_string(x) : to_string(x.type())) +
                                " is not a whole number. Give integers there.");
  return static_cast<int64_t>(v);
}

Dims wholes(const char* name, Args args) {
  Dims result;
  for (const Tensor& x : args) result.push_back(whole(name, x));
  return result;
}

template <Tensor (*f)(const Tensor&)>
Tensor unary(Args a) {
  return f(as_number(a[0]));
}

template <Tensor (*f)(const Tensor&, const Tensor&)>
Tensor binary(Args a) {
  return f(as_number(a[0]), as_number(a[1]));
}

template <Tensor (*f)(const Tensor&, const Tensor&, const Tensor&)>
Tensor ternary(Args a) {
  return f(as_number(a[0]), as_number(a[1]), as_number(a[2]));
}

template <Tensor (*f)(const Tensor&, const Tensor&)>
Tensor logic(Args a) {
  return f(as_mask(a[0]), as_mask(a[1]));
}

// x^2 as a square reads better in a trace than a general power.
Tensor power(Args a) {
  const Tensor x = as_number(a[0]);
  return a[1].is_literal() && number(a[1]) == 2 ? square(x) : pow(x, as_number(a[1]));
}

Reduce over(const char* name, Args axes) {
  return axes.empty() ? Reduce{} : Reduce{.axis = wholes(name, axes)};
}

// A reduction over the axes named, or over all.
#define REDUCTION(n, f)                                                               \
  {                                                                                   \
    n, 1, many_axes, [](Args a) { return f(as_number(a[0]), over(n, a.subspan(1))); } \
  }
// A function along one axis, by default this one.
#define ALONG(n, f, axis)                                                                        \
  {                                                                                              \
    n, 1, 2,                                                                                     \
        [](Args a) { return f(as_number(a[0]), a.size() > 1 ? whole(n, a[1]) : int64_t{axis}); } \
  }
#define PLACE(n)                                                                        \
  {                                                                                     \
#n, 1, 2, [](Args a) {                                                                \
     return a.size() > 1 ? n(as_number(a[0]), whole(#n, a[1])) : n(as_number(a[0]), {}); \
   } \
  }

// y[i] = sum_j w[j] x[i+j]: as many places as the window fits into.
Tensor conv1d(Args a) {
  const Tensor x = as_number(a[0]), w = as_number(a[1]);
  if (x.rank() != 1 || w.rank() != 1 || w.size() == 0 || w.size() > x.size())
    raise(ErrorKind::shape, "conv1d: " + to_string(x.type()) + " with window " +
                                to_string(w.type()) +
                                ". Both are vectors, and the window is not the longer one.");
  return reshape(gradus::conv1d(reshape(x, {1, 1, -1}), reshape(w, {1, 1, -1})), {-1});
}

// A matrix as the one channel of one example.
Tensor as_channels(const Tensor& x) {
  return x.rank() == 2 ? reshape(x, {1, 1, x.shape()[0], x.shape()[1]}) : x;
}

// Of matrices, or of x (N, C, H, W) and w (O, C, kH, kW); then stride and padding if given.
Tensor conv2d(Args a) {
  const Tensor x = as_number(a[0]), w = as_number(a[1]);
  ConvOptions how;
  if (a.size() > 2) how.stride = {whole("conv2d", a[2])};
  if (a.size() > 3) how.padding = {whole("conv2d", a[3])};
  const Tensor y = gradus::conv2d(as_channels(x), as_channels(w), how);
  return x.rank() == 2 && w.rank() == 2 ? reshape(y, {y.shape()[2], y.shape()[3]}) : y;
}

PoolOptions windows(const char* name, Args a) {
  PoolOptions how{.size = {whole(name, a[1])}, .stride = {}, .padding = {}};
  if (a.size() > 2) how.stride = {whole(name, a[2])};
  return how;
}

// (x - mean) / sqrt(var + 1e-5) over the last axis, then g and b if given.
Tensor layernorm(Args a) {
  const Tensor x = as_number(a[0]);
  const Tensor away = x - mean(x, {.axis = -1, .keepdims = true});
  constexpr double eps = 1e-5;
  Tensor y = away * rsqrt(mean(square(away), {.axis = -1, .keepdims = true}) + eps);
  if (a.size() > 1) y = y * as_number(a[1]);
  if (a.size() > 2) y = y + as_number(a[2]);
  return y;
}

// softmax(q k^T / sqrt(d)) v, d the length of a query.
Tensor attention(Args a) {
  const Tensor q = as_number(a[0]), k = as_number(a[1]), v = as_number(a[2]);
  if (q.rank() < 2 || k.rank() < 2 || v.rank() < 2)
    raise(ErrorKind::shape, "attention: q " + to_string(q.type()) + ", k " + to_string(k.type()) +
                                ", v " + to_string(v.type()) + ". Each has rows, one a token.");
  const double d = static_cast<double>(q.shape().back());
  return matmul(softmax(matmul(q, transpose(k)) / std::sqrt(d), -1), v);
}

// Operators have the names of their ops, so that an error says what the op says.
constexpr ExprFunction table[] = {
    {"add", 2, 2, binary<add>},
    {"subtract", 2, 2, binary<subtract>},
    {"multiply", 2, 2, binary<multiply>},
    {"divide", 2, 2, binary<divide>},
    {"pow", 2, 2, power},
    {"matmul", 2, 2, binary<matmul>},
#define OP(n) {#n, 2, 2, binary<n>},
    GRADUS_COMPARE_WORDS(OP)
#undef OP
#define OP(n) {#n, 1, 1, unary<n>},
        GRADUS_UNARY_WORDS(OP) GRADUS_PREDICATE_WORDS(OP)
#undef OP
            {"maximum", 2, 2, binary<maximum>},
    {"minimum", 2, 2, binary<minimum>},
    {"atan2", 2, 2, binary<atan2>},
    {"hypot", 2, 2, binary<hypot>},
    {"logaddexp", 2, 2, binary<logaddexp>},
    {"polygamma", 2, 2, binary<polygamma>},
    {"trigamma", 1, 1, unary<trigamma>},
#define OP(n) {#n, 1, 1, unary<n>},
    GRADUS_SPECIAL_UNARY_WORDS(OP)
#undef OP
#define OP(n) {#n, 2, 2, binary<n>},
        GRADUS_SPECIAL_BINARY_WORDS(OP)
#undef OP
#define OP(n) {#n, 3, 3, ternary<n>},
            GRADUS_SPECIAL_TERNARY_WORDS(OP)
#undef OP
                {"remainder", 2, 2, binary<remainder>},
    {"floor_divide", 2, 2, binary<floor_divide>},
    {"logical_and", 2, 2, logic<logical_and>},
    {"logical_or", 2, 2, logic<logical_or>},
    {"logical_xor", 2, 2, logic<logical_xor>},
    {"logical_not", 1, 1, [](Args a) { return logical_not(as_mask(a[0])); }},
    {"where", 3, 3, [](Args a) { return where(as_mask(a[0]), as_number(a[1]), as_number(a[2])); }},
    {"clip", 3, 3, [](Args a) { return clip(as_number(a[0]), as_number(a[1]), as_number(a[2])); }},
    {"stop_gradient", 1, 1, unary<stop_gradient>},
    REDUCTION("sum", sum),
    REDUCTION("prod", prod),
    REDUCTION("mean", mean),
    REDUCTION("max", max),
    REDUCTION("min", min),
    REDUCTION("var", var),
    REDUCTION("std", std_dev),
    REDUCTION("logsumexp", logsumexp),
    REDUCTION("norm", norm),
    {"any", 1, many_axes, [](Args a) { return any(as_mask(a[0]), over("any", a.subspan(1))); }},
    {"all", 1, many_axes, [](Args a) { return all(as_mask(a[0]), over("all", a.subspan(1))); }},
    PLACE(argmax),
    PLACE(argmin),
    ALONG("cumsum", cumsum, 0),
    ALONG("cumprod", cumprod, 0),
    ALONG("softmax", softmax, -1),
    ALONG("log_softmax", log_softmax, -1),
    ALONG("sort", sort, -1),
    ALONG("argsort", argsort, -1),
    {"dot", 2, 2, binary<dot>},
    {"outer", 2, 2, binary<outer>},
    {"kron", 2, 2, binary<kron>},
    {"transpose", 1, 1, unary<transpose>},
    {"trace", 1, 1, unary<trace>},
    {"diag", 1, 1,
     [](Args a) { return a[0].rank() == 1 ? diag(as_number(a[0])) : diagonal(as_number(a[0])); }},
    {"element", 2, many_axes,
     [](Args a) { return element(as_number(a[0]), wholes("element", a.subspan(1))); }},
    {"row", 2, 2, [](Args a) { return row(as_number(a[0]), whole("row", a[1])); }},
    {"reshape", 2, many_axes,
     [](Args a) { return reshape(as_number(a[0]), wholes("reshape", a.subspan(1))); }},
    {"flip", 1, many_axes,
     [](Args a) {
       const Tensor x = as_number(a[0]);
       return flip(x, a.size() > 1 ? wholes("flip", a.subspan(1)) : Dims{-1});
     }},
    {"det", 1, 1, unary<det>},
    {"logdet", 1, 1, unary<logdet>},
    {"inv", 1, 1, unary<inv>},
    {"expm", 1, 1, unary<expm>},
    {"solve", 2, 2, binary<solve>},
    {"cholesky", 1, 1, unary<cholesky>},
    {"triangular_solve", 2, 2,
     [](Args a) { return triangular_solve(as_number(a[0]), as_number(a[1])); }},
    // Information in nats, of probabilities along the last axis or of joint tables.
    {"entropy", 1, 1, [](Args a) { return entropy(a[0], LogBase::e); }},
    {"cross_entropy", 2, 2, [](Args a) { return cross_entropy(a[0], a[1], LogBase::e); }},
    {"kl", 2, 2, [](Args a) { return kl_divergence(a[0], a[1], LogBase::e); }},
    {"js", 2, 2, [](Args a) { return js_divergence(a[0], a[1], LogBase::e); }},
    {"mutual_information", 1, 1, [](Args a) { return mutual_information(a[0], LogBase::e); }},
    {"conditional_entropy", 1, 1, [](Args a) { return conditional_entropy(a[0], LogBase::e); }},
    {"perplexity", 1, 1, [](Args a) { return perplexity(entropy(a[0], LogBase::e), LogBase::e); }},
    {"conv1d", 2, 2, conv1d},
    {"conv2d", 2, 4, conv2d},
    // Of windows so wide, and so far apart if that is said.
    {"max_pool2d", 2, 3,
     [](Args a) { return max_pool2d(as_number(a[0]), windows("max_pool2d", a)); }},
    {"avg_pool2d", 2, 3,
     [](Args a) { return avg_pool2d(as_number(a[0]), windows("avg_pool2d", a)); }},
    {"layernorm", 1, 3, layernorm},
    {"attention", 3, 3, attention},
};

std::span<const ExprFunction> of_distributions() {
  static const std::vector<std::string> names = distribution_function_names();
  static const std::vector<ExprFunction> all = [] {
    std::vector<ExprFunction> found;
    for (const std::string& n : names)
      found.push_back({n.c_str(), 1, 4, nullptr, distribution_function});
    return found;
  }();
  return all;
}

}  // namespace

std::span<const ExprFunction> expr_functions() {
  return table;
}

const ExprFunction* find_function(std::string_view name) {
  const bool dotted = name.find('.') != name.npos;
  for (const ExprFunction& f : dotted ? of_distributions() : expr_functions())
    if (f.name == name) return &f;
  return nullptr;
}

const ExprFunction* nearest_function(std::string_view name) {
  std::vector<std::string_view> names;
  for (const ExprFunction& f : table) names.emplace_back(f.name);
  for (const ExprFunction& f : of_distributions()) names.emplace_back(f.name);
  const auto found = text::nearest(name, names);
  return found ? find_function(*found) : nullptr;
}

}  // namespace gradus
