#include <gradus/nn/gpt.h>
#include <gradus/nn/init.h>
#include <gradus/nn/models.h>
#include <gradus/nn/recurrent.h>
#include <gradus/nn/vision.h>
#include <gradus/nn/vit.h>

#include <algorithm>
#include <map>

namespace gradus {
namespace {

template <int depth>
Model resnet(Key key) {
  return Model("ResNet-" + std::to_string(depth), make_resnet(key, resnet_spec(depth)));
}

const Type wide = {DType::f32, {1, 3, 224, 224}}, narrow = {DType::f32, {1, 3, 32, 32}};

// To add a model: a line here.
const NamedModel models[] = {
    {"lenet5",
     "LeNet-5, digits of 28x28",
     [](Key key) { return Model("LeNet-5", make_lenet5(key)); },
     {DType::f32, {1, 1, 28, 28}}},
    {"alexnet", "AlexNet", [](Key key) { return Model("AlexNet", make_alexnet(key)); }, wide},
    {"vgg11", "VGG-11", [](Key key) { return Model("VGG-11", make_vgg(key, 11)); }, wide},
    {"vgg16", "VGG-16", [](Key key) { return Model("VGG-16", make_vgg(key, 16)); }, wide},
    {"resnet8", "ResNet-8, images of 32x32", resnet<8>, narrow},
    {"resnet20", "ResNet-20, images of 32x32", resnet<20>, narrow},
    {"resnet56", "ResNet-56, images of 32x32", resnet<56>, narrow},
    {"resnet18", "ResNet-18, images of 224x224", resnet<18>, wide},
    {"resnet34", "ResNet-34", resnet<34>, wide},
    {"resnet50", "ResNet-50", resnet<50>, wide},
    {"resnet101", "ResNet-101", resnet<101>, wide},
    {"vit-b16", "Vision Transformer, base, patches of 16x16",
     [](Key key) { return Model("ViT-B/16", make_vit(key, {})); }, wide},
    {"gpt2",
     "GPT-2, the smallest published",
     [](Key key) { return Model("GPT-2", make_gpt(key, {})); },
     {DType::i64, {1, 1024}}},
    {"gpt2-medium",
     "GPT-2 with 24 layers",
     [](Key key) {
       return Model("GPT-2 medium", make_gpt(key, {.width = 1024, .heads = 16, .layers = 24}));
     },
     {DType::i64, {1, 1024}}},
};

}  // namespace

std::span<const NamedModel> named_models() {
  return models;
}

const NamedModel* find_model(std::string_view name) {
  const auto found = std::ranges::find(models, name, &NamedModel::name);
  return found == std::end(models) ? nullptr : &*found;
}

const NamedModel* model_of(const StateDict& tensors) {
  const Undrawn shapes_alone;
  std::map<std::string, Shape> given;
  for (const auto& [name, x] : gpt_names(tensors)) given.emplace(name, x.shape());
  const auto fits = [&](const NamedModel& m) {
    const StateDict own = state_dict(m.make({}));
    return own.size() == given.size() && std::ranges::all_of(own, [&](const auto& t) {
             const auto found = given.find(t.first);
             return found != given.end() && found->second == t.second.shape();
           });
  };
  const auto found = std::ranges::find_if(models, fits);
  return found == std::end(models) ? nullptr : &*found;
}

}  // namespace gradus
