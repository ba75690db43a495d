#include <gradus/core/op.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/conv.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef GRADUS_CONV_TABLE
#define GRADUS_CONV_TABLE
namespace gradus {
struct ConvTable {
  Call::Run conv[2], conv_input[2], conv_weight[2];  // f32, f64
};
}  // namespace gradus
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {

template <class V>
HWY_INLINE V multiply_add(V a, V b, V acc) {
  return hwy::HWY_NAMESPACE::MulAdd(a, b, acc);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#include <gradus/ops/gemm-inl.h>

#include <gradus/ops/conv-inl.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {

template <class T>
void run_conv(const Call& c) {
  const View &x = c.in[0], &w = c.in[1], &y = c.out[0];
  conv(ConvShape(c.attrs->a, x.shape, w.shape, y.shape), side_by_side<T>(x, conv_rooms().left),
       side_by_side<T>(w, conv_rooms().right), y.as<T>(), c.after);
}

template <class T>
void run_conv_input(const Call& c) {
  const View &y = c.in[0], &w = c.in[1], &x = c.out[0];
  conv_input(ConvShape(c.attrs->a, x.shape, w.shape, y.shape),
             side_by_side<T>(y, conv_rooms().left), side_by_side<T>(w, conv_rooms().right),
             x.as<T>(), c.after);
}

template <class T>
void run_conv_weight(const Call& c) {
  const View &x = c.in[0], &y = c.in[1], &w = c.out[0];
  conv_weight(ConvShape(c.attrs->a, x.shape, w.shape, y.shape),
              side_by_side<T>(x, conv_rooms().left), side_by_side<T>(y, conv_rooms().right),
              w.as<T>());
}

const ConvTable* conv_table() {
  static constexpr ConvTable t = {
#if HWY_HAVE_FLOAT64
    {run_conv<float>, run_conv<double>},
    {run_conv_input<float>, run_conv_input<double>},
    {run_conv_weight<float>, run_conv_weight<double>}
#else
    {run_conv<float>},
    {run_conv_input<float>},
    {run_conv_weight<float>}
#endif
  };
  return &t;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gradus/base/error.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <utility>

namespace gradus {
namespace {

HWY_EXPORT(conv_table);

template <auto member>
Kernel by_float(const Op&, std::span<const Type> in, const Type&) {
  return {(HWY_DYNAMIC_DISPATCH(conv_table)()->*member)[static_cast<size_t>(in[0].dtype)]};
}

// Attrs: a, strides, padding and dilation of both axes, then groups; b, the last two sizes of the
// result.
Type conv_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  return {in[0].dtype, {in[0].shape[0], in[1].shape[0], attrs.b[0], attrs.b[1]}};
}
Type input_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  return {in[0].dtype, {in[0].shape[0], in[1].shape[1] * attrs.a[6], attrs.b[0], attrs.b[1]}};
}
Type weight_type(const Op&, std::span<const Type> in, const Attrs& attrs, int) {
  return {in[0].dtype, {in[1].shape[1], in[0].shape[1] / attrs.a[6], attrs.b[0], attrs.b[1]}};
}

Tensor sized(const Op& op, const Tensor& a, const Tensor& b, const Attrs& like,
             const Tensor& sizes) {
  Attrs attrs = like;
  attrs.b = {sizes.shape()[2], sizes.shape()[3]};
  return apply(op, {a, b}, attrs);
}

Tensor conv_pull(const Context& c, std::span<const Tensor> bar, int i) {
  const Tensor &x = c.in[0], &w = c.in[1];
  return i == 0 ? sized(op::conv_input, bar[0], w, c.attrs, x)
                : sized(op::conv_weight, x, bar[0], c.attrs, w);
}
Tensor input_pull(const Context& c, std::span<const Tensor> bar, int i) {
  const Tensor &y = c.in[0], &w = c.in[1];
  return i == 0 ? sized(op::conv, bar[0], w, c.attrs, y)
                : sized(op::conv_weight, bar[0], y, c.attrs, w);
}
Tensor weight_pull(const Context& c, std::span<const Tensor> bar, int i) {
  const Tensor &x = c.in[0], &y = c.in[1];
  return i == 0 ? sized(op::conv_input, y, bar[0], c.attrs, x)
                : sized(op::conv, x, bar[0], c.attrs, y);
}

// A mapped axis as part of the channels: (B, N, G c, ...) to (N, G B c, ...).
Tensor into_channels(const Tensor& x, int64_t groups) {
  const Shape& s = x.shape();
  return reshape(
      permute(reshape(x, {s[0], s[1], groups, s[2] / groups, s[3], s[4]}), {1, 2, 0, 3, 4, 5}),
      {s[1], s[0] * s[2], s[3], s[4]});
}
Tensor out_of_channels(const Tensor& x, int64_t size, int64_t groups) {
  const Shape& s = x.shape();
  return reshape(permute(reshape(x, {s[0], groups, size, s[1] / (groups * size), s[2], s[3]}),
                         {2, 0, 1, 3, 4, 5}),
                 {size, s[0], s[1] / size, s[2], s[3]});
}
// (B, G o, ...) to (G B o, ...).
Tensor into_rows(const Tensor& w, int64_t groups) {
  const Shape& s = w.shape();
  return reshape(
      permute(reshape(w, {s[0], groups, s[1] / groups, s[2], s[3], s[4]}), {1, 0, 2, 3, 4, 5}),
      {s[0] * s[1], s[2], s[3], s[4]});
}
Tensor out_of_rows(const Tensor& w, int64_t size, int64_t groups) {
  const Shape& s = w.shape();
  return reshape(permute(reshape(w, {groups, size, s[0] / (groups * size), s[1], s[2], s[3]}),
                         {1, 0, 2, 3, 4, 5}),
                 {size, s[0] / size, s[1], s[2], s[3]});
}
// (B, N, ...) to (B N, ...) and back.
Tensor into_examples(const Tensor& x) {
  return into_rows(x, 1);
}
Tensor out_of_examples(const Tensor& x, int64_t size) {
  return out_of_rows(x, size, 1);
}

// One call for the whole batch, whose elements stay the same sums: both sides mapped are more
// groups, an example mapped alone is more examples, weights mapped alone are more channels.
std::vector<Tensor> conv_batch(const Op& op, const Batching& b) {
  Attrs attrs = b.attrs;
  const Tensor &x = b.in[0], &w = b.in[1];
  if (!b.batched[1]) return {out_of_examples(apply(op, {into_examples(x), w}, attrs), b.size)};
  int64_t& groups = attrs.a[6];
  if (!b.batched[0])
    return {out_of_channels(apply(op, {x, into_rows(w, groups)}, attrs), b.size, groups)};
  groups *= b.size;
  return {out_of_channels(apply(op, {into_channels(x, 1), into_rows(w, 1)}, attrs), b.size, 1)};
}
std::vector<Tensor> input_batch(const Op& op, const Batching& b) {
  Attrs attrs = b.attrs;
  const Tensor &y = b.in[0], &w = b.in[1];
  if (!b.batched[1]) return {out_of_examples(apply(op, {into_examples(y), w}, attrs), b.size)};
  int64_t& groups = attrs.a[6];
  if (!b.batched[0])
    return {out_of_channels(apply(op, {y, into_channels(w, 1)}, attrs), b.size, groups)};
  groups *= b.size;
  return {out_of_channels(apply(op, {into_channels(y, 1), into_rows(w, 1)}, attrs), b.size, 1)};
}
std::vector<Tensor> weight_batch(const Op& op, const Batching& b) {
  Attrs attrs = b.attrs;
  const Tensor &x = b.in[0], &y = b.in[1];
  int64_t& groups = attrs.a[6];
  if (!b.batched[1])
    return {out_of_channels(apply(op, {into_channels(x, groups), y}, attrs), b.size, 1)};
  if (!b.batched[0])
    return {out_of_rows(apply(op, {x, into_channels(y, groups)}, attrs), b.size, groups)};
  groups *= b.size;
  return {out_of_rows(apply(op, {into_channels(x, 1), into_channels(y, 1)}, attrs), b.size, 1)};
}

// A product and a sum for each tap of each place of y (N, O, H', W'); taps outside count too.
double of_places(const Shape& y, int64_t in_each, int64_t taps) {
  return 2.0 * static_cast<double>(element_count(y)) * static_cast<double>(in_each * taps);
}
double conv_work(std::span<const Type> in, const Attrs&, const Type& out) {
  const Shape& w = in[1].shape;
  return of_places(out.shape, w[1], w[2] * w[3]);
}
double input_work(std::span<const Type> in, const Attrs&, const Type&) {
  const Shape& w = in[1].shape;
  return of_places(in[0].shape, w[1], w[2] * w[3]);
}
double weight_work(std::span<const Type> in, const Attrs&, const Type& out) {
  return of_places(in[1].shape, out.shape[1], out.shape[2] * out.shape[3]);
}

}  // namespace

namespace op {
constinit const Op conv{.name = "conv",
                        .says = "a window of weights multiplied and summed at every place",
                        .math = "y_nop = sum_ck w_ock x_n,c,s p + d k - pad",
                        .kind = Kind::bilinear,
                        .inputs = 2,
                        .type = conv_type,
                        .kernel = by_float<&ConvTable::conv>,
                        .rule = {.pull = conv_pull},
                        .batch = conv_batch,
                        .work = conv_work,
                        .takes_after = true};
constinit const Op conv_input{.name = "conv_input",
                              .says = "what a convolution passes back to its input",
                              .math = "x_nci = sum_ok w_ock y_nop where s p + d k - pad = i",
                              .kind = Kind::bilinear,
                              .inputs = 2,
                              .type = input_type,
                              .kernel = by_float<&ConvTable::conv_input>,
                              .rule = {.pull = input_pull},
                              .batch = input_batch,
                              .work = input_work,
                              .takes_after = true};
constinit const Op conv_weight{.name = "conv_weight",
                               .says = "what a convolution passes back to its weights",
                               .math = "w_ock = sum_np y_nop x_n,c,s p + d k - pad",
                               .kind = Kind::bilinear,
                               .inputs = 2,
                               .type = weight_type,
                               .kernel = by_float<&ConvTable::conv_weight>,
                               .rule = {.pull = weight_pull},
                               .batch = weight_batch,
                               .work = weight_work};
}  // namespace op

namespace {

// A convolution over the last one or two axes, as it is asked for.
struct Asked {
  const char* name;
  int axes;
  const Tensor &x, &w;
  const ConvOptions& options;

  std::string both() const {
    return std::string(name) + ": " + to_string(x.type()) + " with w " + to_string(w.type()) + ": ";
  }
  // One number an axis.
  Dims each(const char* what, const Dims& given, int64_t usual, int64_t least) const {
    Dims all;
    for (int i = 0; i < axes; ++i)
      all.push_back(given.empty() ? usual : given[std::min(i, given.size() - 1)]);
    const bool fits = given.size() <= 1 || given.size() == axes;
    if (!fits || std::ranges::any_of(all, [&](int64_t v) { return v < least; }))
      raise(ErrorKind::shape, std::string(name) + ": " + what + " " + to_string(given) + " over " +
                                  (axes == 1 ? "one axis" : "two axes") +
                                  ": one number for each, or one for all, of at least " +
                                  std::to_string(least) + " is needed.");
    return all;
  }
  void check(bool transposed) const {
    for (const Tensor* t : {&x, &w})
      if (!is_float(t->dtype()) || x.dtype() != w.dtype())
        raise(ErrorKind::dtype, both() + "both must be f32 or both f64. Cast one of them.");
    const char* last = axes == 1 ? "L" : "H, W";
    const char* taps = axes == 1 ? "k" : "kH, kW";
    if (x.rank() != axes + 2 || w.rank() != axes + 2)
      raise(ErrorKind::shape, both() + "x must be (N, C, " + last + ") and w " +
                                  (transposed ? "(C, O / groups, " : "(O, C / groups, ") + taps +
                                  "). Add an axis with expand_dims.");
    const int64_t groups = options.groups, channels = x.shape()[1], first = w.shape()[0],
                  second = w.shape()[1];
    if (groups < 1 || channels % groups != 0 || first % groups != 0)
      raise(ErrorKind::shape, both() + std::to_string(groups) + " groups do not share " +
                                  std::to_string(channels) + " channels and " +
                                  std::to_string(first) +
                                  " rows of w evenly. Both must be multiples of groups.");
    const int64_t expected = transposed ? channels : channels / groups;
    const int64_t found = transposed ? first : second;
    if (expected != found)
      raise(ErrorKind::shape,
            both() + "w is made for " + std::to_string(transposed ? found : found * groups) +
                " channels, and x has " + std::to_string(channels) + ". The " +
                (transposed ? "first size of w must be C."
                            : "second size of w must be C / groups, here with " +
                                  std::to_string(groups) + (groups == 1 ? " group." : " groups.")));
    for (int i = 0; i < axes; ++i)
      if (w.shape()[2 + i] < 1)
        raise(ErrorKind::shape, both() + "w has no taps. Its last sizes must be at least 1.");
  }
  Tensor answer(bool transposed) const {
    check(transposed);
    const Dims stride = each("stride", options.stride, 1, 1),
               padding = each("padding", options.padding, 0, 0),
               dilation = each("dilation", options.dilation, 1, 1);
    Dims sizes;
    if (transposed) {
      const Dims more = each("output_padding", options.output_padding, 0, 0);
      for (int i = 0; i < axes; ++i) {
        if (more[i] >= std::max(stride[i], dilation[i]))
          raise(ErrorKind::shape,
                std::string(name) + ": output_padding " + to_string(more) + " with stride " +
                    to_string(stride) + " and dilation " + to_string(dilation) +
                    ": it must be smaller than one of them, for it only chooses among the sizes "
                    "that give the same result.");
        sizes.push_back((x.shape()[2 + i] - 1) * stride[i] - 2 * padding[i] +
                        dilation[i] * (w.shape()[2 + i] - 1) + more[i] + 1);
        if (sizes[i] < 1)
          raise(ErrorKind::shape, both() + "padding " + to_string(padding) +
                                      " leaves nothing of the result. Use less padding.");
      }
    } else {
      if (!options.output_padding.empty())
        raise(ErrorKind::shape, std::string(name) + ": output_padding " +
                                    to_string(options.output_padding) +
                                    " is for transposed convolutions alone. Leave it out.");
      for (int i = 0; i < axes; ++i) {
        const int64_t window = dilation[i] * (w.shape()[2 + i] - 1) + 1;
        const int64_t room = x.shape()[2 + i] + 2 * padding[i] - window;
        if (room < 0)
          raise(ErrorKind::shape, both() + "the window is " + std::to_string(window) +
                                      " wide, and x with padding " + to_string(padding) + " only " +
                                      std::to_string(room + window) +
                                      ". Add padding, or use a smaller window.");
        sizes.push_back(room / stride[i] + 1);
      }
    }
    Attrs attrs;
    const auto put = [&](const Dims& d, int64_t usual) {
      if (axes == 1) attrs.a.push_back(usual);
      for (int64_t v : d) attrs.a.push_back(v);
    };
    put(stride, 1), put(padding, 0), put(dilation, 1);
    attrs.a.push_back(options.groups);
    attrs.b = sizes;
    const Op& op = transposed ? op::conv_input : op::conv;
    if (axes == 2) return apply(op, {x, w}, attrs);
    attrs.b.insert(0, 1);
    return squeeze(apply(op, {expand_dims(x, 2), expand_dims(w, 2)}, attrs), 2);
  }
};

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& w, const ConvOptions& options) {
  return Asked{"conv1d", 1, x, w, options}.answer(false);
}
Tensor conv2d(const Tensor& x, const Tensor& w, const ConvOptions& options) {
  return Asked{"conv2d", 2, x, w, options}.answer(false);
}
Tensor conv_transpose1d(const Tensor& x, const Tensor& w, const ConvOptions& options) {
  return Asked{"conv_transpose1d", 1, x, w, options}.answer(true);
}
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const ConvOptions& options) {
  return Asked{"conv_transpose2d", 2, x, w, options}.answer(true);
}

}  // namespace gradus
#endif
