// Whole models as PyTorch writes them (tests/oracle/torch_models.py), loaded by their own names:
// the outputs are PyTorch's.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/io/safetensors.h>
#include <gradus/nn/gpt.h>
#include <gradus/nn/module.h>
#include <gradus/nn/pass.h>
#include <gradus/nn/vision.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

struct Written {
  StateDict state;  // as state_dict() has it
  Tensor x, y;
};

Written written(const std::string& name) {
  Written w;
  for (auto& [key, x] :
       read_safetensors(GRADUS_SOURCE_DIR "/tests/torch/models-" + name + ".safetensors").tensors)
    if (key == "given.x")
      w.x = x;
    else if (key == "given.y")
      w.y = x;
    else
      w.state.emplace_back(key, x);
  return w;
}

void expect_same(const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.shape(), want.shape());
  const auto a = values<float>(got), b = values<float>(want);
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5) << "at " << i;
}

std::string refusal(const LeNet5& model, const StateDict& state) {
  try {
    load_state(model, state);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(ModelsOfTorch, lenet5_answers_as_in_torch) {
  const Written w = written("lenet5");
  expect_same(load_state(make_lenet5({}), w.state)(w.x), w.y);
}

// A quarter of the paper's widths; statistics gathered in training come with the weights.
TEST(ModelsOfTorch, resnet20_answers_as_in_torch) {
  const Written w = written("resnet20");
  ResNetSpec spec = resnet_spec(20);
  spec.widths = {4, 8, 16};
  Pass pass;
  expect_same(load_state(make_resnet({}, spec), w.state)(w.x, pass), w.y);
}

TEST(ModelsOfTorch, a_gpt_with_a_tied_head_answers_as_in_torch) {
  const Written w = written("gpt");
  const Gpt gpt =
      make_gpt({}, {.vocabulary = 20, .context = 12, .width = 16, .heads = 2, .layers = 2});
  Pass pass;
  expect_same(load_state(gpt, w.state)(w.x, pass), w.y);
}

TEST(ModelsOfTorch, what_does_not_fit_is_listed_with_the_rename) {
  const LeNet5 model = make_lenet5({});
  StateDict wrapped = written("lenet5").state;
  for (auto& [name, x] : wrapped) name = "module." + name;
  EXPECT_EQ(refusal(model, wrapped),
            "load_state: 10 missing: 'conv1.weight' f32[6,1,5,5], 'conv1.bias' f32[6], "
            "'conv2.weight' f32[16,6,5,5], 'conv2.bias' f32[16], 'fc1.weight' f32[120,400], "
            "'fc1.bias' f32[120], 'fc2.weight' f32[84,120], 'fc2.bias' f32[84] and 2 more; 10 "
            "unexpected: 'module.conv1.weight' f32[6,1,5,5], 'module.conv1.bias' f32[6], "
            "'module.conv2.weight' f32[16,6,5,5], 'module.conv2.bias' f32[16], 'module.fc1.weight' "
            "f32[120,400], 'module.fc1.bias' f32[120], 'module.fc2.weight' f32[84,120], "
            "'module.fc2.bias' f32[84] and 2 more. Names and shapes must be the model's. Every key "
            "starts with 'module.': load with strip_prefix 'module.'.");
  StateDict other = written("lenet5").state;
  other[9] = {"fc3.offset", other[9].second};
  other[4].second = other[2].second;
  EXPECT_EQ(refusal(model, other),
            "load_state: 1 missing: 'fc3.bias' f32[10]; 1 unexpected: 'fc3.offset' f32[10]; 1 of "
            "another type: 'fc1.weight' is f32[16,6,5,5] there, f32[120,400] here. Names and "
            "shapes must be the model's.");
}

}  // namespace
}  // namespace gradus
