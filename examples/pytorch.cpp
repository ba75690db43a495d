// Networks whose weights PyTorch loads under the same names, as docs/pytorch.md shows side by side.
// For each one FOLDER gets NAME.safetensors, what load_state_dict takes, and
// NAME-given.safetensors: what went in (x0, x1, ...) and what came out (y).
// Usage: pytorch FOLDER [NAME...]
#include <gradus/core/buffer.h>
#include <gradus/io/safetensors.h>
#include <gradus/nn/conv.h>
#include <gradus/nn/encoder_decoder.h>
#include <gradus/nn/gpt.h>
#include <gradus/nn/init.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/torch_names.h>
#include <gradus/nn/transformer.h>
#include <gradus/nn/vision.h>
#include <gradus/nn/vit.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cstdio>

using namespace gradus;

// What load_state_dict of the same architecture takes.
template <class Module>
void write_for_torch(const std::string& file, const Module& model) {
  write_safetensors(file, {torch_state(state_dict(model)).tensors, {{"format", "pt"}}});
}

struct Net {
  Conv conv1, conv2;
  BatchNorm bn1;
  Linear fc;

  Tensor operator()(const Tensor& x, Pass& pass) const {
    const Tensor h = relu(bn1(conv1(x), pass));
    return fc(mean(relu(conv2(h)), {.axis = {2, 3}}));
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("conv1", self.conv1);
    visit("bn1", self.bn1);
    visit("conv2", self.conv2);
    visit("fc", self.fc);
  }
};

Net make_net(Key key) {
  return {make_conv(split(key, 0), 3, 16, {3, 3}, {.padding = {1, 1}}),
          make_conv(split(key, 1), 16, 32, {3, 3}, {.stride = {2, 2}, .groups = 4}),
          make_batch_norm(16), make_linear(split(key, 2), 32, 10)};
}

Mlp make_digits(Key key) {
  return make_mlp(parse_mlp("mlp:64-128-10"), key);
}

LeNet5 make_lenet(Key key) {
  return make_lenet5(key);
}

ResNet make_resnet20(Key key) {
  return make_resnet(key, resnet_spec(20));
}

ResNet make_resnet18(Key key) {
  return make_resnet(key, resnet_spec(18));
}

Vit make_small_vit(Key key) {
  return make_vit(key, {.image = 28,
                        .patch = 7,
                        .width = 64,
                        .heads = 4,
                        .layers = 4,
                        .hidden = 128,
                        .classes = 10});
}

struct Letters {
  Embedding embedding;
  Recurrent rnn;
  Linear head;

  Tensor operator()(const Tensor& tokens, Pass& pass) const {
    return head(rnn(embedding(tokens), pass).output);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("embedding", self.embedding);
    visit("rnn", self.rnn);
    visit("head", self.head);
  }
};

Letters make_letters(Key key) {
  return {make_embedding(split(key, 0), 60, 32),
          make_recurrent(RecurrentKind::lstm, split(key, 1), 32, 48,
                         {.layers = 2, .bidirectional = true}),
          make_linear(split(key, 2), 96, 60)};
}

Gpt make_small_gpt(Key key) {
  return make_gpt(key, {.vocabulary = 60, .context = 32, .width = 32, .heads = 4, .layers = 2});
}

MultiheadAttention make_padded(Key key) {
  return make_attention(key, 32, 4);
}
Tensor look(const MultiheadAttention& attention, const Tensor& x, const Tensor& there) {
  Pass pass;
  return attention(x, x, x, pass, {.mask = expand_dims(expand_dims(there, 1), 1)});
}

Transformer make_translator(Key key) {
  return make_transformer(key, 32, 4, 2, 2, 64, {.norm_first = true});
}

EncoderDecoder make_pairs(Key key) {
  return make_encoder_decoder(RecurrentKind::gru, key, 13, 24, {.attends = true});
}

namespace {

// Numbers that no initialiser leaves at 0 or 1, running statistics included.
template <class Module>
Module stirred(const Module& m, Key key) {
  std::vector<Tensor> all;
  uint64_t n = 0;
  for (const auto& [name, x] : state_dict(m)) {
    const Tensor noise = is_float(x.dtype()) ? normal_weight(split(key, n++), x.shape(), 0.05) : x;
    all.push_back(name.ends_with("running_var") ? x + abs(noise)
                                                : (is_float(x.dtype()) ? x + noise : x + 3));
  }
  return with_state(m, all);
}

class Folder {
 public:
  // The names to write; none: all.
  Folder(std::string path, std::vector<std::string> names)
      : path_(std::move(path)), names_(std::move(names)) {}
  // y = f(model, inputs...), evaluating.
  template <class Module, class F>
  void write(const std::string& name, const Module& made, const std::vector<Tensor>& inputs,
             const F& f) const {
    if (!names_.empty() && std::ranges::find(names_, name) == names_.end()) return;
    const Module model = stirred(made, key_from_seed(7));
    write_for_torch(path_ + "/" + name + ".safetensors", model);
    SafeTensors given;
    for (size_t i = 0; i < inputs.size(); ++i)
      given.tensors.emplace_back("x" + std::to_string(i), inputs[i]);
    given.tensors.emplace_back("y", f(model, inputs));
    write_safetensors(path_ + "/" + name + "-given.safetensors", given);
    std::printf("%s\n", name.c_str());
  }
  // y = model(x).
  template <class Module>
  void write(const std::string& name, const Module& made, const Tensor& x) const {
    write(name, made, {x}, [](const Module& m, const std::vector<Tensor>& in) {
      Pass pass;
      if constexpr (requires { m(in[0], pass); })
        return m(in[0], pass);
      else
        return m(in[0]);
    });
  }

 private:
  std::string path_;
  std::vector<std::string> names_;
};

Tensor drawn(uint64_t n, const Shape& shape) {
  return normal_weight(split(key_from_seed(1), n), shape, 1);
}
Tensor tokens(uint64_t n, const Shape& shape, int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(element_count(shape)));
  fill_integers(split(key_from_seed(2), n), 0, count, all);
  return reshape(from_vector(all), shape);
}

}  // namespace

int main(int argc, char** argv) {
  const Folder folder(argc > 1 ? argv[1] : ".", {argv + std::min(argc, 2), argv + argc});
  const Key key = key_from_seed(0);
  folder.write("net", make_net(key), drawn(0, {2, 3, 12, 10}));
  folder.write("mlp", make_digits(key), drawn(1, {5, 64}));
  folder.write("lenet5", make_lenet(key), drawn(2, {2, 1, 28, 28}));
  folder.write("resnet20", make_resnet20(key), drawn(3, {2, 3, 32, 32}));
  folder.write("resnet18", make_resnet18(key), drawn(4, {1, 3, 64, 64}));
  folder.write("vit", make_small_vit(key), drawn(5, {2, 3, 28, 28}));
  folder.write("lstm", make_letters(key), tokens(0, {3, 9}, 60));
  folder.write("gpt", make_small_gpt(key), tokens(1, {2, 20}, 60));
  const Tensor there = less(iota(6), expand_dims(from_vector(std::vector<int64_t>{6, 4}), 1));
  folder.write("attention", make_padded(key), {drawn(6, {2, 6, 32}), there},
               [](const MultiheadAttention& m, const std::vector<Tensor>& in) {
                 return look(m, in[0], in[1]);
               });
  folder.write("transformer", make_translator(key), {drawn(7, {2, 7, 32}), drawn(8, {2, 5, 32})},
               [](const Transformer& m, const std::vector<Tensor>& in) {
                 Pass pass;
                 return m(in[0], in[1], pass);
               });
  folder.write("encoder-decoder", make_pairs(key), {tokens(2, {3, 8}, 13), tokens(3, {3, 6}, 13)},
               [](const EncoderDecoder& m, const std::vector<Tensor>& in) {
                 Pass pass;
                 return m(in[0], in[1], pass);
               });
}
