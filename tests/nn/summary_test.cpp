// What a model is made of.
#include <gradus/nn/mlp.h>
#include <gradus/nn/models.h>
#include <gradus/nn/recurrent.h>
#include <gradus/nn/summary.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

#include "nn/support.h"

namespace gradus {
namespace {

TEST(Summary, known_models_have_their_published_parameters) {
  const std::pair<const char*, int64_t> known[] = {
      {"lenet5", 61706}, {"resnet18", 11689512}, {"resnet50", 25557032}};
  for (const auto& [name, parameters] : known) {
    const NamedModel* m = find_model(name);
    ASSERT_NE(m, nullptr) << name;
    EXPECT_EQ(summarise(m->make({}), m->input).parameters, parameters) << name;
  }
}

TEST(Summary, a_perceptron_by_hand) {
  const MlpSpec spec = parse_mlp("mlp:3-4-2");
  const Summary s = summarise(Model("m", make_mlp(spec, {})), {DType::f32, {5, 3}});
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
  const Summary s = summarise(m->make({}), m->input);
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
  const Summary s = summarise(file);
  EXPECT_EQ(s.parameters, 16);
  EXPECT_EQ(s.statistics, 4);
  ASSERT_EQ(s.layers.size(), 2u);
  EXPECT_EQ(s.layers[1].path, "bn");
}

}  // namespace
}  // namespace gradus
