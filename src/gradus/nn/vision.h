// Networks for images (N, C, H, W): LeNet-5, AlexNet, VGG, residual networks. Tensors are named as
// in torchvision, so that its weights load unchanged.
#pragma once

#include <gradus/nn/conv.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/norm.h>

#include <string_view>
#include <vector>

namespace gradus {

// LeCun, Bottou, Bengio, Haffner 1998, with the activations of today: two convolutions of 5x5, each
// halved by pooling, and three linear layers. (N, 1, 28, 28) -> (N, 10); 61,706 parameters.
struct LeNet5 {
  Conv conv1, conv2;
  Linear fc1, fc2, fc3;

  Tensor operator()(const Tensor& x) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("conv1", self.conv1);
    visit("conv2", self.conv2);
    visit("fc1", self.fc1);
    visit("fc2", self.fc2);
    visit("fc3", self.fc3);
  }
};
LeNet5 make_lenet5(Key key, int64_t classes = 10, DType dtype = DType::f32);

// Krizhevsky, Sutskever, Hinton 2012, in torchvision's form of one tower (Krizhevsky 2014): five
// convolutions, three of them followed by pooling, and three linear layers with dropout.
// (N, 3, 224, 224) -> (N, 1000); 61,100,840 parameters.
struct AlexNet {
  std::vector<Conv> features;      // 0, 3, 6, 8, 10: places among relu and pooling
  std::vector<Linear> classifier;  // 1, 4, 6: places among dropout and relu
  double dropout = 0.5;

  Tensor operator()(const Tensor& x, Pass& pass) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    const char *const convs[] = {"0", "3", "6", "8", "10"}, *const linears[] = {"1", "4", "6"};
    for (size_t i = 0; i < self.features.size(); ++i)
      visit("features." + std::string(convs[i]), self.features[i]);
    for (size_t i = 0; i < self.classifier.size(); ++i)
      visit("classifier." + std::string(linears[i]), self.classifier[i]);
  }
};
AlexNet make_alexnet(Key key, int64_t classes = 1000, DType dtype = DType::f32);

// Simonyan and Zisserman 2015: blocks of 3x3 convolutions, each halved by pooling, and three linear
// layers with dropout. (N, 3, 224, 224) -> (N, 1000); VGG-16 has 138,357,544 parameters.
struct Vgg {
  std::vector<Conv> features;      // named by their place among convolutions, relu and pooling
  std::vector<int64_t> places;     // of each convolution in that list
  std::vector<bool> halves;        // pooling follows the convolution
  std::vector<Linear> classifier;  // 0, 3, 6
  double dropout = 0.5;

  Tensor operator()(const Tensor& x, Pass& pass) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    for (size_t i = 0; i < self.features.size(); ++i)
      visit("features." + std::to_string(self.places[i]), self.features[i]);
    for (size_t i = 0; i < self.classifier.size(); ++i)
      visit("classifier." + std::to_string(3 * i), self.classifier[i]);
  }
};
// Depth 11, 13, 16 or 19.
Vgg make_vgg(Key key, int depth = 16, int64_t classes = 1000, DType dtype = DType::f32);

// y = relu(f(x) + shortcut(x)) (He 2016). Two 3x3 convolutions, or 1x1, 3x3, 1x1 with a narrow
// middle; the shortcut is x itself, or a 1x1 convolution where shapes differ.
struct ResidualBlock {
  std::vector<Conv> convs;       // conv1, conv2, ...
  std::vector<BatchNorm> norms;  // bn1, bn2, ...
  std::vector<Conv> down;        // none, or the one of the shortcut: downsample.0
  std::vector<BatchNorm> down_norm;
  bool residual = true;  // without: the plain network of the same depth

  Tensor operator()(const Tensor& x, Pass& pass) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    for (size_t i = 0; i < self.convs.size(); ++i) {
      visit("conv" + std::to_string(i + 1), self.convs[i]);
      visit("bn" + std::to_string(i + 1), self.norms[i]);
    }
    for (auto& c : self.down) visit("downsample.0", c);
    for (auto& n : self.down_norm) visit("downsample.1", n);
  }
};

struct ResNet {
  Conv conv1;
  BatchNorm bn1;
  bool large = false;  // images of 224: a maximum over 3x3 follows the first convolution
  std::vector<std::vector<ResidualBlock>> stages;
  Linear fc;

  // (N, 3, H, W) -> (N, classes).
  Tensor operator()(const Tensor& x, Pass& pass) const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("conv1", self.conv1);
    visit("bn1", self.bn1);
    for (size_t s = 0; s < self.stages.size(); ++s)
      for (size_t b = 0; b < self.stages[s].size(); ++b)
        visit("layer" + std::to_string(s + 1) + "." + std::to_string(b), self.stages[s][b]);
    visit("fc", self.fc);
  }
};

struct ResNetSpec {
  std::vector<int64_t> blocks, widths;  // of each stage; all but the first halve the image
  bool large = false;                   // a first convolution of 7x7, stride 2, and pooling
  bool bottleneck = false;              // blocks of three convolutions that widen four times
  bool residual = true;
  int64_t channels = 3, classes = 1000;
};
// 18, 34, 50, 101 for images of 224 (ResNet-18 has 11,689,512 parameters); 8, 20, 32, 44, 56 for
// images of 32 (He 2016, section 4.2). Raises a usage error for any other depth.
ResNetSpec resnet_spec(int depth, int64_t classes = 0);  // 0: 1000 and 10
// Convolutions normal with std sqrt(2 / (out kH kW)), as in the paper; linear as PyTorch.
ResNet make_resnet(Key key, const ResNetSpec& spec, DType dtype = DType::f32);

}  // namespace gradus
