#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/vision.h>
#include <gradus/nn/vit.h>
#include <gradus/ops/shaping.h>
#include <gradus/train/models.h>

#include <algorithm>

namespace gradus {
namespace {

MlpSpec spec_of(const TrainConfig& c) {
  MlpSpec spec = parse_mlp(c.model);
  spec.activation = c.activation;
  spec.init = c.init;
  spec.gain = c.init_gain;
  spec.dropout = c.dropout;
  return spec;
}

// A model of pictures (N, C, H, W) on rows of as many numbers; its tensors keep their names.
template <class Inner>
struct OfRows {
  Inner inner;
  int64_t channels, rows, cols;

  Tensor operator()(const Tensor& x, Pass& pass) const {
    const Tensor pictures = reshape(x, {x.shape()[0], channels, rows, cols});
    if constexpr (requires { inner(pictures, pass); })
      return inner(pictures, pass);
    else
      return inner(pictures);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    Inner::fields(self.inner, visit);
  }
};

template <class Inner>
Model of_rows(std::string says, Inner inner, const Dataset& like) {
  return {std::move(says),
          OfRows<Inner>{std::move(inner), like.channels(), like.image_rows, like.image_cols}};
}

struct PictureModel {
  std::string_view name;
  const char* takes;  // in words
  bool (*fits)(const Dataset& like);
  Model (*make)(const Dataset& like, int64_t outputs, Key key, double dropout);
  bool drops = false;  // it takes a share of dropout
};

template <int depth>
Model resnet(const Dataset& like, int64_t outputs, Key key, double) {
  ResNetSpec spec = resnet_spec(depth, outputs);
  spec.channels = like.channels();
  return of_rows("ResNet-" + std::to_string(depth), make_resnet(key, spec), like);
}

Model vit(const Dataset& like, int64_t outputs, Key key, double dropout) {
  VitSpec spec{.image = like.image_rows,
               .patch = like.image_rows / 4,
               .channels = like.channels(),
               .width = 64,
               .heads = 4,
               .layers = 4,
               .hidden = 128,
               .classes = outputs,
               .dropout = dropout};
  return of_rows("ViT, 4 layers of 64 on 4x4 patches", make_vit(key, spec), like);
}

// To add a model of pictures: a line here.
constexpr PictureModel picture_models[] = {
    {"lenet5", "grey pictures of 28x28",
     [](const Dataset& d) { return d.channels() == 1 && d.image_rows == 28 && d.image_cols == 28; },
     [](const Dataset& d, int64_t outputs, Key key, double) {
       return of_rows("LeNet-5", make_lenet5(key, outputs), d);
     }},
    {"resnet8", "pictures of 8x8 or more", [](const Dataset& d) { return d.image_rows >= 8; },
     resnet<8>},
    {"resnet20", "pictures of 8x8 or more", [](const Dataset& d) { return d.image_rows >= 8; },
     resnet<20>},
    {"vit", "square pictures whose side is a multiple of 4",
     [](const Dataset& d) {
       return d.image_rows > 0 && d.image_rows == d.image_cols && d.image_rows % 4 == 0;
     },
     vit, true},
};

const PictureModel* picture_model(std::string_view name) {
  const auto found = std::ranges::find(picture_models, name, &PictureModel::name);
  return found == std::end(picture_models) ? nullptr : &*found;
}

}  // namespace

void settle_model(TrainConfig& c, const Dataset& d, int64_t outputs) {
  const bool plane = d.features <= 2;
  if (c.model.empty()) {
    const std::string hidden = plane ? "32-32" : "128";
    c.model = "mlp:" + std::to_string(d.features) + "-" + hidden + "-" + std::to_string(outputs);
  }
  if (const PictureModel* m = picture_model(c.model)) {
    if (c.dropout > 0 && !m->drops)
      raise(ErrorKind::usage, "train: --dropout is " + text::number(c.dropout) +
                                  ", but the model " + c.model + " has no dropout. Leave it out.");
    if (m->fits(d)) return;
    raise(ErrorKind::usage,
          "train: the model " + c.model + " takes " + m->takes + ", but " + d.source + " has " +
              (d.channels() > 0
                   ? std::to_string(d.channels()) + " planes of " + std::to_string(d.image_rows) +
                         "x" + std::to_string(d.image_cols)
                   : std::to_string(d.features) + " features") +
              ". Choose another --model.");
  }
  if (c.activation.empty()) c.activation = plane ? "tanh" : "relu";
  if (fits(c, d, outputs)) return;
  const MlpSpec spec = parse_mlp(c.model);
  raise(ErrorKind::usage,
        "train: the model " + c.model + " takes " + std::to_string(spec.sizes.front()) +
            " inputs and gives " + std::to_string(spec.sizes.back()) + " outputs, but " + d.source +
            " has " + std::to_string(d.features) + " features and needs " +
            std::to_string(outputs) + ". Write mlp:" + std::to_string(d.features) + "-...-" +
            std::to_string(outputs) + ".");
}

bool fits(const TrainConfig& c, const Dataset& like, int64_t outputs) {
  if (const PictureModel* m = picture_model(c.model)) return m->fits(like);
  const MlpSpec spec = parse_mlp(c.model);
  return spec.sizes.front() == like.features && spec.sizes.back() == outputs;
}

Model make_model(const TrainConfig& c, const Dataset& like, Key key) {
  if (const PictureModel* m = picture_model(c.model))
    return m->make(like, c.loss == "cross-entropy" ? like.classes() : 1, key, c.dropout);
  const MlpSpec spec = spec_of(c);
  return {describe(spec), make_mlp(spec, key)};
}

bool takes_pictures(const TrainConfig& c) {
  return picture_model(c.model) != nullptr;
}

bool draws(const TrainConfig& c) {
  const PictureModel* m = picture_model(c.model);
  return c.dropout > 0 && (!m || m->drops);
}

}  // namespace gradus
