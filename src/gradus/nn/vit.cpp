#include <gradus/base/error.h>
#include <gradus/nn/init.h>
#include <gradus/nn/module.h>
#include <gradus/nn/vit.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

namespace gradus {

Tensor Vit::operator()(const Tensor& x, Pass& pass) const {
  const Tensor patches = conv_proj(x);
  const int64_t batch = x.shape()[0], width = class_token.shape()[2];
  const int64_t count = positions.shape()[1] - 1;
  if (patches.shape()[2] * patches.shape()[3] != count)
    raise(ErrorKind::shape, conv_proj.path + ": " + to_string(x.type()) + " gives " +
                                std::to_string(patches.shape()[2] * patches.shape()[3]) +
                                " patches, but there are positions for " + std::to_string(count) +
                                ". Scale the image to the size the model was made for.");
  const Tensor tokens = swap_axes(reshape(patches, {batch, width, count}), 1, 2);
  Tensor h = concatenate({broadcast_to(class_token, {batch, 1, width}), tokens}, 1) + positions;
  h = gradus::dropout(h, dropout, pass, "encoder");
  for (const TransformerEncoderLayer& layer : layers) h = layer(h, pass);
  return head(squeeze(slice_axis(ln(h), 1, {0, 1}), 1));
}

Vit make_vit(Key key, const VitSpec& spec, DType dtype) {
  if (spec.patch < 1 || spec.image % spec.patch != 0)
    raise(ErrorKind::usage, "make_vit: an image of " + std::to_string(spec.image) +
                                " and patches of " + std::to_string(spec.patch) +
                                ". Patches cover the image without rest.");
  Vit m;
  uint64_t made = 0;
  const int64_t side = spec.image / spec.patch;
  m.dropout = spec.dropout;
  m.conv_proj = make_conv(split(key, made++), spec.channels, spec.width, {spec.patch, spec.patch},
                          {.stride = {spec.patch}}, {.dtype = dtype});
  m.class_token = zeros({1, 1, spec.width}, dtype);
  m.positions = normal_weight(split(key, made++), {1, 1 + side * side, spec.width}, 0.02, dtype);
  for (int64_t i = 0; i < spec.layers; ++i)
    m.layers.push_back(make_encoder_layer(split(key, made++), spec.width, spec.heads, spec.hidden,
                                          {.dropout = spec.dropout,
                                           .norm_first = true,
                                           .activation = "gelu",
                                           .epsilon = 1e-6,
                                           .dtype = dtype}));
  m.ln = make_layer_norm(spec.width, 1e-6, dtype);
  m.head = make_linear(split(key, made++), spec.width, spec.classes, {.dtype = dtype});
  return with_paths(std::move(m));
}

}  // namespace gradus
