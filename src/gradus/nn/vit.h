// Vision Transformer (Dosovitskiy et al. 2021), with torchvision's names: an image is cut into
// patches, each patch is a token, and an encoder reads them beside one token of the class.
#pragma once

#include <gradus/nn/conv.h>
#include <gradus/nn/transformer.h>

#include <vector>

namespace gradus {

struct VitSpec {
  int64_t image = 224, patch = 16, channels = 3, width = 768, heads = 12, layers = 12,
          hidden = 3072, classes = 1000;
  double dropout = 0;
};

struct Vit {
  Conv conv_proj;      // (E, C, patch, patch), as far apart as it is wide: a linear map of a patch
  Tensor class_token;  // (1, 1, E)
  Tensor positions;    // (1, 1 + patches, E)
  std::vector<TransformerEncoderLayer> layers;
  LayerNorm ln;
  Linear head;
  double dropout = 0;

  // (N, C, image, image) -> (N, classes).
  Tensor operator()(const Tensor& x, Pass& pass) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("class_token", self.class_token);
    visit("conv_proj", self.conv_proj);
    visit("encoder.pos_embedding", self.positions);
    for (size_t i = 0; i < self.layers.size(); ++i) {
      const std::string at = "encoder.layers.encoder_layer_" + std::to_string(i);
      visit(at + ".ln_1", self.layers[i].norm1);
      visit(at + ".self_attention", self.layers[i].self_attn);
      visit(at + ".ln_2", self.layers[i].norm2);
      visit(at + ".mlp.0", self.layers[i].linear1);
      visit(at + ".mlp.3", self.layers[i].linear2);
    }
    visit("encoder.ln", self.ln);
    visit("heads.head", self.head);
  }
};

// The default spec is ViT-B/16: 86,567,656 parameters.
Vit make_vit(Key key, const VitSpec& spec, DType dtype = DType::f32);

}  // namespace gradus
