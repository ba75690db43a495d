// gradus convert: what it writes, what it says, and what it refuses.
#include <gradus/core/buffer.h>
#include <gradus/io/safetensors.h>
#include <gradus/nn/attention.h>
#include <gradus/nn/module.h>
#include <gradus/ops/shaping.h>

#include <app/run.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gradus {
namespace {

using test::expect;
using test::run;

class ConvertVerb : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "gradus_convert_" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    out_ = folder_ + "/out.safetensors";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  // A run in this folder, trained with these words.
  std::string trained(const std::string& words) const {
    const std::string at = folder_ + "/run";
    EXPECT_EQ(run("train " + words + " --quiet --out " + at + " >/dev/null 2>&1").status, 0);
    return at;
  }
  std::string folder_, out_;
};

void expect_same(const SafeTensors& got, const SafeTensors& want) {
  ASSERT_EQ(got.tensors.size(), want.tensors.size());
  for (size_t i = 0; i < want.tensors.size(); ++i) {
    EXPECT_EQ(got.tensors[i].first, want.tensors[i].first);
    EXPECT_TRUE(same_bits(got.tensors[i].second, want.tensors[i].second)) << i;
  }
}

TEST_F(ConvertVerb, writes_a_run_with_its_history_and_says_how_inputs_are_scaled) {
  const std::string at = trained("moons --examples 40 --epochs 1 --model mlp:2-4-2");
  expect("convert " + at + " --to torch-names " + out_, 0,
         "wrote    " + out_ + ": 4 tensors, 22 numbers\n" +
             "load     model.load_state_dict(safetensors.torch.load_file(\"" + out_ + "\"))\n" +
             "inputs   (x - mean) / scale, with scaling.mean and scaling.scale of " + at +
             "/run.toml\n");
  const SafeTensors was = read_safetensors(at + "/model.safetensors"), is = read_safetensors(out_);
  expect_same(is, was);
  ASSERT_EQ(is.metadata.size(), was.metadata.size());
  EXPECT_EQ(is.metadata[0], (std::pair<std::string, std::string>{"format", "pt"}));
  for (size_t i = 1; i < is.metadata.size(); ++i) EXPECT_EQ(is.metadata[i], was.metadata[i]);
}

TEST_F(ConvertVerb, writes_the_weights_of_a_checkpoint_as_the_run_would_leave_them) {
  // The last checkpoint is where the run ends: an average of the weights, which a batch norm
  // accompanies.
  const std::string at = trained(
      "shapes --model resnet8 --examples 16 --epochs 1 --batch 8 --average 'ema(0.5)' --val 0");
  expect("convert " + at + "/checkpoints/step-2.safetensors " + out_ + " --json", 0,
         "{\"file\":\"" + out_ +
             "\",\"to\":\"torch-names\",\"tensors\":56,\"numbers\":78723,\"added\":[],"
             "\"dropped\":[]}\n");
  expect_same(read_safetensors(out_), read_safetensors(at + "/model.safetensors"));
}

TEST_F(ConvertVerb, a_gpt_gets_the_head_that_it_shares) {
  std::ofstream(folder_ + "/text.txt") << "to be or not to be, that is the question\n";
  const std::string at =
      trained("gpt " + folder_ + "/text.txt --model gpt:1-2-8-8 --epochs 1 --batch 2 --val 0");
  test::expect_parts("convert " + at + " " + out_, 0, {"\nadded    lm_head.weight\nload "});
  const SafeTensors is = read_safetensors(out_);
  EXPECT_EQ(is.tensors.front().first, "wte.weight");
  EXPECT_EQ(is.tensors.back().first, "lm_head.weight");
  EXPECT_TRUE(same_bits(is.tensors.front().second, is.tensors.back().second));
}

TEST_F(ConvertVerb, says_what_it_refuses_and_leaves_the_file_as_it_was) {
  std::ofstream(out_) << "before";
  const auto refuses = [&](const std::string& words, int status, const std::string& message) {
    expect("convert " + words + " 2>&1", status, "gradus convert: " + message + "\n");
  };
  const std::string given = folder_ + "/given.safetensors";
  write_safetensors(given, {state_dict(make_attention({}, 8, 4, {.key_heads = 2})), {}});
  refuses(given + " " + out_, 3,
          "torch_state: 'in_proj_weight' is f32[16,8], and PyTorch's MultiheadAttention has a head "
          "of keys for every head of queries, so 24 rows. Train with as many heads of keys, or "
          "load the file into a module of your own.");
  refuses(given + " out.npz", 2,
          "the file to write is 'out.npz'. torch-names are written as safetensors. Give it a name "
          "that ends with .safetensors.");
  refuses(given + " --to numpy " + out_, 2,
          "--to: numpy not in {torch-names}. See gradus help convert.");
  refuses(folder_ + " " + out_, 2, folder_ + ": it is not a run folder: run.toml is missing");
  const std::string at = trained("xor --examples 8 --epochs 1 --batch 8 --val 0"),
                    astray = folder_ + "/step-1.safetensors";
  std::filesystem::copy(at + "/checkpoints/step-1.safetensors", astray);
  refuses(astray + " " + out_, 2,
          astray + ": it is a checkpoint, and there is no run.toml above it at " +
              std::filesystem::path(folder_).parent_path().string() +
              "/run.toml. Keep it where its run wrote it.");
  const std::string toml = at + "/run.toml", step = at + "/checkpoints/step-1.safetensors";
  ASSERT_EQ(test::run_shell("sed -i 's/^seed = 0$/seed = 1/' " + toml).status, 0);
  refuses(step + " " + out_, 2,
          step + ": it was made by other settings than those of " + toml +
              ". Keep it where its run wrote it.");
  std::ifstream file(out_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "before");
}

}  // namespace
}  // namespace gradus
