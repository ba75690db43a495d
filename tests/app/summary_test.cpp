// gradus summary: its table and JSON, files it knows, and what it refuses.
#include <gradus/io/safetensors.h>
#include <gradus/nn/init.h>
#include <gradus/nn/models.h>
#include <gradus/ops/shaping.h>

#include <app/run.h>
#include <unistd.h>

#include <filesystem>

namespace gradus {
namespace {

using test::expect_parts;
using test::run;

// A safetensors file that ends with its test.
class Written {
 public:
  explicit Written(StateDict tensors)
      : path_((std::filesystem::temp_directory_path() /
               ("gradus-summary-" + std::to_string(getpid()) + ".safetensors"))
                  .string()) {
    write_safetensors(path_, {std::move(tensors), {}});
  }
  ~Written() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(SummaryVerb, prints_every_layer_of_lenet5_and_the_totals) {
  expect_parts(
      "summary lenet5", 0,
      {"layer  output        sees  stride  parameters    FLOPs\n",
       "conv1  [1,6,28,28]      5       1         156",
       "fc1    [1,120]                         48 120", "parameters  61 706, 247 kB\n",
       "FLOPs for f32[1,1,28,28] -> f32[1,10]\n", "with gradients, Adam and all activations\n"});
}

TEST(SummaryVerb, json_has_the_parameters_and_every_layer) {
  expect_parts("summary gpt2 --json", 0,
               {"{\"model\":\"GPT-2\",\"parameters\":124439808,", "\"input\":\"i64[1,1024]\"",
                "\"layers\":[{\"path\":\"wte\",\"parameters\":38597376,"});
  expect_parts("summary lenet5 --json", 0, {"\"receptive_field\":[14,14],\"stride\":[2,2]}"});
  expect_parts("summary mlp:784-128-10 --json", 0, {"\"parameters\":101770,"});
}

TEST(SummaryVerb, takes_other_images_and_more_of_them) {
  expect_parts("summary resnet18 --input 3x64x64 --batch 8", 0,
               {"conv1 ", "[8,64,32,32]", "f32[8,3,64,64] -> f32[8,1000]"});
}

TEST(SummaryVerb, a_file_with_the_names_and_shapes_of_a_model_is_that_model) {
  const Undrawn shapes_alone;
  const Written file(state_dict(find_model("resnet20")->make({})));
  expect_parts("summary " + file.path(), 0,
               {": ResNet-20\n", "layer3.2.conv2", "parameters  272 474", "statistics  1 "});
}

TEST(SummaryVerb, any_other_file_is_grouped_by_module) {
  const Written file({{"encoder.0.weight", zeros({4, 3}, DType::f32)},
                      {"encoder.0.bias", zeros({4}, DType::f32)},
                      {"head.weight", zeros({2, 4}, DType::f32)}});
  expect_parts("summary " + file.path(), 0,
               {"layer      parameters\nencoder.0          16\nhead                8\n",
                "parameters  24, 96 B\n"});
}

TEST(SummaryVerb, says_what_it_refuses_with_status_2) {
  const auto refuses = [](const std::string& words, std::initializer_list<const char*> parts) {
    expect_parts(words + " 2>&1", 2, parts);
  };
  refuses("summary resnt18", {"gradus summary: there is no model and no file 'resnt18'.",
                              "Did you mean 'resnet18'?\n"});
  refuses("summary lenet", {"Did you mean 'lenet5'?\n"});
  refuses("summary lenet5 --batch 0",
          {"gradus summary: --batch is 0. It must be from 1 to 1048576.\n"});
  refuses("summary lenet5 --input 28x28",
          {"gradus summary: --input is '28x28'. It is the shape of one example, here 3 numbers "
           "with x between them, from 1 to 8192.\n"});
  refuses("summary mlp:4-2 --input 4",
          {"gradus summary: --input is '4', and only known models and files of them take it.\n"});
  refuses("summary lenet5 --input 1x20x20",
          {"gradus summary: fc1: expected in=400, got f32[1,144] for weight f32[120,400]. The last "
           "axis of the input holds the features.\n"});
}

}  // namespace
}  // namespace gradus
