// Whole models as PyTorch writes them (tests/oracle/torch_models.py), loaded by their own names:
// the outputs are PyTorch's.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/io/safetensors.h>
#include <gradus/nn/attention.h>
#include <gradus/nn/gpt.h>
#include <gradus/nn/module.h>
#include <gradus/nn/pass.h>
#include <gradus/nn/recurrent.h>
#include <gradus/nn/torch_names.h>
#include <gradus/nn/vision.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace gradus {
namespace {

using Names = std::vector<std::string>;

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

// The same names with the same types and bits, in any order.
void expect_same_state(const StateDict& got, const StateDict& want) {
  std::map<std::string, Tensor> found(got.begin(), got.end());
  ASSERT_EQ(found.size(), got.size());
  EXPECT_EQ(got.size(), want.size());
  for (const auto& [name, x] : want) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found[name].type(), x.type()) << name;
    EXPECT_TRUE(same_bits(found[name], x)) << name;
  }
}

TEST(NamesForTorch, what_was_loaded_from_torch_goes_back_as_it_came) {
  const Written lenet5 = written("lenet5"), resnet20 = written("resnet20"), gpt = written("gpt");
  ResNetSpec spec = resnet_spec(20);
  spec.widths = {4, 8, 16};
  const GptSpec small{.vocabulary = 20, .context = 12, .width = 16, .heads = 2, .layers = 2};
  const auto there_and_back = [](const auto& model, const Written& w) {
    const TorchState back = torch_state(state_dict(load_state(model, w.state)));
    expect_same_state(back.tensors, w.state);
    EXPECT_EQ(back.dropped, Names{});
    return back.added;
  };
  EXPECT_EQ(there_and_back(make_lenet5({}), lenet5), Names{});
  EXPECT_EQ(there_and_back(make_resnet({}, spec), resnet20), Names{});
  EXPECT_EQ(there_and_back(make_gpt({}, small), gpt), Names{"lm_head.weight"});
}

TEST(NamesForTorch, what_torch_holds_beside_is_added) {
  StateDict old;
  for (const auto& [name, x] : written("resnet20").state)
    if (!name.starts_with("bn1.num")) old.emplace_back(name, x);
  const TorchState whole = torch_state(old);
  EXPECT_EQ(whole.added, Names{"bn1.num_batches_tracked"});
  EXPECT_EQ(whole.tensors.size(), old.size() + 1);
  for (const auto& [name, x] : whole.tensors)
    if (name == "bn1.num_batches_tracked") {
      EXPECT_EQ(x.type(), (Type{DType::i64, {}}));
      EXPECT_EQ(numbers(x), std::vector<double>{0});
    }

  const Recurrent one = make_recurrent(RecurrentKind::lstm, {}, 3, 2,
                                       {.bidirectional = true, .bias = RecurrentBias::one});
  const TorchState both = torch_state(state_dict(one));
  EXPECT_EQ(both.added, (Names{"bias_hh_l0", "bias_hh_l0_reverse"}));
  for (const auto& [name, x] : both.tensors)
    if (name.starts_with("bias_hh")) {
      EXPECT_EQ(numbers(x), std::vector<double>(8, 0));
    }
}

TEST(NamesForTorch, the_masks_of_published_gpt2_files_are_dropped_and_a_head_of_its_own_stays) {
  StateDict published;
  for (const auto& [name, x] : written("gpt").state)
    published.emplace_back(name == "lm_head.weight" ? name : "transformer." + name,
                           name == "lm_head.weight" ? x + 1.0 : x);
  StateDict with_masks = published;
  const Tensor mask = ones({1, 1, 12, 12}, DType::f32);
  with_masks.emplace_back("transformer.h.0.attn.bias", mask);
  with_masks.emplace_back("transformer.h.0.attn.masked_bias", mask);
  const TorchState back = torch_state(with_masks);
  expect_same_state(back.tensors, published);
  EXPECT_EQ(back.added, Names{});
  EXPECT_EQ(back.dropped, (Names{"transformer.h.0.attn.bias", "transformer.h.0.attn.masked_bias"}));
}

TEST(NamesForTorch, grouped_queries_are_refused) {
  StateDict state;
  for (const auto& [name, x] : state_dict(make_attention({}, 8, 4, {.key_heads = 2})))
    state.emplace_back("layers.0.self_attn." + name, x);
  EXPECT_EQ(
      [&]() -> std::string {
        try {
          torch_state(state);
        } catch (const Error& e) {
          EXPECT_EQ(e.kind, ErrorKind::unsupported);
          return e.what();
        }
        return "";
      }(),
      "torch_state: 'layers.0.self_attn.in_proj_weight' is f32[16,8], and PyTorch's "
      "MultiheadAttention has a head of keys for every head of queries, so 24 rows. Train with as "
      "many heads of keys, or load the file into a module of your own.");
}

}  // namespace
}  // namespace gradus
