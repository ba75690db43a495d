#include <gradus/base/error.h>
#include <gradus/core/tape.h>
#include <gradus/nn/dropout.h>
#include <gradus/nn/init.h>
#include <gradus/nn/module.h>
#include <gradus/nn/vision.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

Tensor flat(const Tensor& x) {
  return reshape(x, {x.shape()[0], -1});
}

}  // namespace

Tensor LeNet5::operator()(const Tensor& x) const {
  Tensor h = max_pool2d(relu(conv1(x)), {.size = {2}});
  h = flat(max_pool2d(relu(conv2(h)), {.size = {2}}));
  return fc3(relu(fc2(relu(fc1(h)))));
}

LeNet5 make_lenet5(Key key, int64_t classes, DType dtype) {
  const ConvInit init{.dtype = dtype};
  const LinearOptions linear{.dtype = dtype};
  return with_paths(LeNet5{make_conv(split(key, 0), 1, 6, {5, 5}, {.padding = {2}}, init),
                           make_conv(split(key, 1), 6, 16, {5, 5}, {}, init),
                           make_linear(split(key, 2), 400, 120, linear),
                           make_linear(split(key, 3), 120, 84, linear),
                           make_linear(split(key, 4), 84, classes, linear)});
}

Tensor AlexNet::operator()(const Tensor& x, Pass& pass) const {
  Tensor h = x;
  for (size_t i = 0; i < features.size(); ++i) {
    h = relu(features[i](h));
    if (i < 2 || i + 1 == features.size()) h = max_pool2d(h, {.size = {3}, .stride = {2}});
  }
  h = flat(adaptive_avg_pool2d(h, {6, 6}));
  for (size_t i = 0; i + 1 < classifier.size(); ++i)
    h = relu(classifier[i](gradus::dropout(h, dropout, pass, classifier[i].path)));
  return classifier.back()(h);
}

AlexNet make_alexnet(Key key, int64_t classes, DType dtype) {
  const ConvInit init{.dtype = dtype};
  AlexNet net;
  net.features = {make_conv(split(key, 0), 3, 64, {11, 11}, {.stride = {4}, .padding = {2}}, init),
                  make_conv(split(key, 1), 64, 192, {5, 5}, {.padding = {2}}, init),
                  make_conv(split(key, 2), 192, 384, {3, 3}, {.padding = {1}}, init),
                  make_conv(split(key, 3), 384, 256, {3, 3}, {.padding = {1}}, init),
                  make_conv(split(key, 4), 256, 256, {3, 3}, {.padding = {1}}, init)};
  const int64_t widths[] = {256 * 36, 4096, 4096, classes};
  for (size_t i = 0; i < 3; ++i)
    net.classifier.push_back(
        make_linear(split(key, 5 + i), widths[i], widths[i + 1], {.dtype = dtype}));
  return with_paths(std::move(net));
}

Tensor Vgg::operator()(const Tensor& x, Pass& pass) const {
  Tensor h = x;
  for (size_t i = 0; i < features.size(); ++i) {
    h = relu(features[i](h));
    if (halves[i]) h = max_pool2d(h, {.size = {2}});
  }
  h = flat(adaptive_avg_pool2d(h, {7, 7}));
  for (size_t i = 0; i + 1 < classifier.size(); ++i)
    h = gradus::dropout(relu(classifier[i](h)), dropout, pass, classifier[i].path);
  return classifier.back()(h);
}

Vgg make_vgg(Key key, int depth, int64_t classes, DType dtype) {
  // Convolutions of each of the five blocks.
  const std::vector<int64_t> counts = depth == 11   ? std::vector<int64_t>{1, 1, 2, 2, 2}
                                      : depth == 13 ? std::vector<int64_t>{2, 2, 2, 2, 2}
                                      : depth == 16 ? std::vector<int64_t>{2, 2, 3, 3, 3}
                                      : depth == 19 ? std::vector<int64_t>{2, 2, 4, 4, 4}
                                                    : std::vector<int64_t>{};
  if (counts.empty())
    raise(ErrorKind::usage,
          "make_vgg: depth " + std::to_string(depth) + ". There are 11, 13, 16 and 19.");
  Vgg net;
  int64_t place = 0, channels = 3;
  uint64_t made = 0;
  for (size_t block = 0; block < counts.size(); ++block) {
    const int64_t width = std::min<int64_t>(64 << block, 512);
    for (int64_t i = 0; i < counts[block]; ++i) {
      net.features.push_back(make_conv(split(key, made++), channels, width, {3, 3},
                                       {.padding = {1}}, {.dtype = dtype}));
      net.places.push_back(place);
      net.halves.push_back(i + 1 == counts[block]);
      channels = width;
      place += net.halves.back() ? 3 : 2;
    }
  }
  const int64_t widths[] = {512 * 49, 4096, 4096, classes};
  for (size_t i = 0; i < 3; ++i)
    net.classifier.push_back(
        make_linear(split(key, made++), widths[i], widths[i + 1], {.dtype = dtype}));
  return with_paths(std::move(net));
}

Tensor ResidualBlock::operator()(const Tensor& x, Pass& pass) const {
  Tensor h = x;
  for (size_t i = 0; i < convs.size(); ++i) {
    h = norms[i](convs[i](h), pass);
    if (i + 1 < convs.size()) h = relu(h);
  }
  if (!residual) return relu(h);
  return relu(h + (down.empty() ? x : down_norm[0](down[0](x), pass)));
}

Tensor ResNet::operator()(const Tensor& x, Pass& pass) const {
  Tensor h = relu(bn1(conv1(x), pass));
  if (large) h = max_pool2d(h, {.size = {3}, .stride = {2}, .padding = {1}});
  for (const auto& stage : stages)
    for (const ResidualBlock& block : stage) h = block(h, pass);
  return fc(mean(h, {.axis = {2, 3}}));
}

ResNetSpec resnet_spec(int depth, int64_t classes) {
  const std::vector<int64_t> wide = {64, 128, 256, 512}, narrow = {16, 32, 64};
  ResNetSpec spec;
  switch (depth) {
    case 18:
      spec = {.blocks = {2, 2, 2, 2}, .widths = wide, .large = true};
      break;
    case 34:
      spec = {.blocks = {3, 4, 6, 3}, .widths = wide, .large = true};
      break;
    case 50:
      spec = {.blocks = {3, 4, 6, 3}, .widths = wide, .large = true, .bottleneck = true};
      break;
    case 101:
      spec = {.blocks = {3, 4, 23, 3}, .widths = wide, .large = true, .bottleneck = true};
      break;
    case 8:
    case 20:
    case 32:
    case 44:
    case 56: {
      const int64_t n = (depth - 2) / 6;
      spec = {.blocks = {n, n, n}, .widths = narrow};
      break;
    }
    default:
      raise(ErrorKind::usage, "resnet: depth " + std::to_string(depth) +
                                  ". There are 18, 34, 50 and 101 for images of 224, and 8, 20, "
                                  "32, 44 and 56 for images of 32.");
  }
  spec.classes = classes != 0 ? classes : spec.large ? 1000 : 10;
  return spec;
}

ResNet make_resnet(Key key, const ResNetSpec& spec, DType dtype) {
  uint64_t made = 0;
  const auto conv = [&](int64_t in, int64_t out, int64_t size, int64_t stride) {
    Conv c{.weight = normal_weight(split(key, made++), {out, in, size, size},
                                   std::sqrt(2 / static_cast<double>(out * size * size)), dtype),
           .bias = {},
           .options = {.stride = {stride}, .padding = {size / 2}}};
    return c;
  };
  ResNet net;
  net.large = spec.large;
  net.conv1 = conv(spec.channels, spec.widths[0], spec.large ? 7 : 3, spec.large ? 2 : 1);
  net.bn1 = make_batch_norm(spec.widths[0], dtype);
  int64_t channels = spec.widths[0];
  const int64_t widening = spec.bottleneck ? 4 : 1;
  for (size_t s = 0; s < spec.blocks.size(); ++s) {
    std::vector<ResidualBlock> stage;
    const int64_t width = spec.widths[s], out = width * widening;
    for (int64_t b = 0; b < spec.blocks[s]; ++b) {
      const int64_t stride = s > 0 && b == 0 ? 2 : 1;
      ResidualBlock block;
      block.residual = spec.residual;
      if (spec.bottleneck)
        block.convs = {conv(channels, width, 1, 1), conv(width, width, 3, stride),
                       conv(width, out, 1, 1)};
      else
        block.convs = {conv(channels, width, 3, stride), conv(width, width, 3, 1)};
      for (const Conv& c : block.convs)
        block.norms.push_back(make_batch_norm(c.weight.shape()[0], dtype));
      if (spec.residual && (stride != 1 || channels != out)) {
        block.down = {conv(channels, out, 1, stride)};
        block.down_norm = {make_batch_norm(out, dtype)};
      }
      channels = out;
      stage.push_back(std::move(block));
    }
    net.stages.push_back(std::move(stage));
  }
  net.fc = make_linear(split(key, made++), channels, spec.classes, {.dtype = dtype});
  return with_paths(std::move(net));
}

}  // namespace gradus
