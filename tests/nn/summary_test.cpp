// What a model is made of.
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>
#include <gradus/nn/conv.h>
#include <gradus/nn/init.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/models.h>
#include <gradus/nn/recurrent.h>
#include <gradus/nn/summary.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>

#include "nn/support.h"

namespace gradus {
namespace {

TEST(Summary, known_models_have_their_published_parameters) {
  const Undrawn shapes_alone;
  const std::pair<const char*, int64_t> known[] = {
      {"lenet5", 61706},         {"alexnet", 61100840},  {"vgg11", 132863336},
      {"vgg16", 138357544},      {"resnet8", 78042},     {"resnet20", 272474},
      {"resnet18", 11689512},    {"resnet34", 21797672}, {"resnet50", 25557032},
      {"resnet101", 44549160},   {"vit-b16", 86567656},  {"gpt2", 124439808},
      {"gpt2-medium", 354823168}};
  for (const auto& [name, parameters] : known) {
    const NamedModel* m = find_model(name);
    ASSERT_NE(m, nullptr) << name;
    EXPECT_EQ(summarise(m->make({}), m->input).parameters, parameters) << name;
  }
}

TEST(Summary, multiplications_of_known_models_are_those_of_the_papers) {
  // In units of 1e9 and of multiply-adds, as they are counted there: He 2016 has 3.6 for ResNet-34
  // (1.8 and 3.8 for 18 and 50), Simonyan 2015 15.5 for VGG-16, torchvision 0.71 for AlexNet.
  const Undrawn shapes_alone;
  const std::pair<const char*, double> known[] = {
      {"alexnet", 0.71}, {"vgg16", 15.5}, {"resnet18", 1.8}, {"resnet34", 3.6}, {"resnet50", 4.1}};
  for (const auto& [name, billions] : known) {
    const NamedModel* m = find_model(name);
    EXPECT_NEAR(summarise(m->make({}), m->input).flops / 2e9, billions, 0.03 * billions + 0.05)
        << name;
  }
}

TEST(Summary, weights_that_are_not_drawn_take_the_memory_of_one_number) {
  const auto stored = [] {
    int64_t bytes = 0;
    for (const auto& [path, x] : state_dict(find_model("vgg11")->make({})))
      for (int i = 0; i < x.rank(); ++i)
        if (x.shape()[i] > 1 && view_of(x).strides[i] != 0) bytes += byte_count(x.type());
    return bytes;
  };
  {
    const Undrawn shapes_alone;
    EXPECT_EQ(stored(), 0);
  }
  const Tensor drawn = normal_weight({}, {4}, 1);
  EXPECT_NE(numbers(drawn), std::vector<double>(4, 0.0));
}

TEST(Summary, a_file_is_known_by_its_names_and_shapes) {
  const Undrawn shapes_alone;
  for (const char* name : {"lenet5", "alexnet", "resnet18", "resnet20", "gpt2"}) {
    const NamedModel* m = model_of(state_dict(find_model(name)->make({})));
    ASSERT_NE(m, nullptr) << name;
    EXPECT_EQ(m->name, name);
  }
  StateDict other = state_dict(find_model("lenet5")->make({}));
  other.back().second = zeros({11}, DType::f32);
  EXPECT_EQ(model_of(other), nullptr);
  other.pop_back();
  EXPECT_EQ(model_of(other), nullptr);
}

TEST(Summary, a_perceptron_by_hand) {
  const MlpSpec spec = parse_mlp("mlp:3-4-2");
  const ModelSummary s = summarise(Model("m", make_mlp(spec, {})), {DType::f32, {5, 3}});
  ASSERT_EQ(s.layers.size(), 2u);
  EXPECT_EQ(s.layers[0].path, "0");
  EXPECT_EQ(s.layers[0].output, (Shape{5, 4}));
  EXPECT_EQ(s.layers[0].parameters, 16);
  EXPECT_EQ(s.layers[1].parameters, 10);
  // Two a multiply-add, one for each bias and each relu.
  EXPECT_EQ(s.layers[0].flops, 2 * 5 * 3 * 4 + 5 * 4 + 5 * 4);
  EXPECT_EQ(s.layers[1].flops, 2 * 5 * 4 * 2 + 5 * 2);
  EXPECT_EQ(s.parameter_bytes, 26 * 4);
  EXPECT_EQ(s.output, (Type{DType::f32, {5, 2}}));
}

TEST(Summary, layers_add_up_to_the_model) {
  const NamedModel* m = find_model("resnet20");
  const ModelSummary s = summarise(m->make({}), m->input);
  int64_t parameters = 0, statistics = 0;
  double flops = 0;
  for (const LayerSummary& l : s.layers) {
    parameters += l.parameters;
    statistics += l.statistics;
    flops += l.flops;
  }
  EXPECT_EQ(parameters, 272474);
  EXPECT_EQ(parameters, s.parameters);
  EXPECT_EQ(statistics, s.statistics);
  EXPECT_EQ(flops, s.flops);
}

TEST(Summary, a_file_counts_what_is_shared_once_and_statistics_apart) {
  const Tensor w = ones({3, 2}, DType::f32);
  const Tensor row_major = reshape(concatenate({w, w}), {6, 2});
  const StateDict file = {{"wte.weight", row_major},
                          {"bn.weight", ones({4}, DType::f32)},
                          {"bn.running_mean", ones({4}, DType::f32)},
                          {"lm_head.weight", row_major}};
  const ModelSummary s = summarise(file);
  EXPECT_EQ(s.parameters, 16);
  EXPECT_EQ(s.statistics, 4);
  ASSERT_EQ(s.layers.size(), 2u);
  EXPECT_EQ(s.layers[1].path, "bn");
}

TEST(Summary, the_receptive_field_of_known_models_is_that_of_the_literature) {
  // By hand for LeNet-5: 5; pooling 6 at stride 2; 6 + 4 * 2 = 14. AlexNet: Araujo, Norris, Sim,
  // Distill 2019, has 195 after its last pooling of 3 at stride 16; 435 for the last map of
  // ResNet-18.
  const Undrawn shapes_alone;
  const struct {
    const char *model, *layer;
    int64_t size, stride;
  } known[] = {{"lenet5", "conv1", 5, 1},
               {"lenet5", "conv2", 14, 2},
               {"alexnet", "features.10", 195 - 2 * 16, 16},
               {"resnet18", "layer4.1.conv2", 435, 32},
               {"vit-b16", "conv_proj", 16, 16}};
  for (const auto& k : known) {
    const NamedModel* m = find_model(k.model);
    const ModelSummary s = summarise(m->make({}), m->input);
    const auto layer = std::ranges::find(s.layers, k.layer, &LayerSummary::path);
    ASSERT_NE(layer, s.layers.end()) << k.layer;
    EXPECT_EQ(layer->field, (ReceptiveField{{k.size, k.size}, {k.stride, k.stride}})) << k.model;
    EXPECT_FALSE(m->name == "lenet5" && s.layers.back().field) << "a row is no map";
  }
}

TEST(Summary, attention_is_no_part_of_the_projection_before_it) {
  const Undrawn shapes_alone;
  const NamedModel* m = find_model("gpt2");
  const ModelSummary s = summarise(m->make({}), m->input);
  const auto at = std::ranges::find(s.layers, "h.0.attn.c_attn", &LayerSummary::path);
  ASSERT_NE(at, s.layers.end());
  EXPECT_EQ(at->output, (Shape{1, 1024, 2304}));
  EXPECT_EQ(at->flops, 2.0 * 1024 * 768 * 2304 + 1024 * 2304);
  EXPECT_EQ((at + 1)->path, "h.0.attn");
  EXPECT_EQ((at + 1)->output, (Shape{1, 1024, 768}));
  EXPECT_GE((at + 1)->flops, 2.0 * 1024 * 1024 * 768);
}

// Its convolution is added up at the end of its own part, and nobody reads the sums.
struct SumsInVain {
  Conv first;
  Tensor operator()(const Tensor& x) const {
    const Tensor y = first(x);
    {
      const Scope scope(first.path);
      sum(y);
    }
    const Scope scope("then");
    return relu(y);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("first", self.first);
  }
};

TEST(Summary, a_layer_shows_what_others_read_of_it) {
  const Conv conv = make_conv({}, 1, 4, {2, 3}, {.stride = {1, 2}, .dilation = {3, 1}});
  const ModelSummary s =
      summarise(Model("sums", with_paths(SumsInVain{conv})), {DType::f32, {1, 1, 8, 9}});
  EXPECT_EQ(s.layers[0].output, (Shape{1, 4, 5, 4}));
  EXPECT_EQ(s.layers[0].field, (ReceptiveField{{4, 3}, {1, 2}}));
}

}  // namespace
}  // namespace gradus
