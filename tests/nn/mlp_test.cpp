#include <gradus/base/random.h>
#include <gradus/nn/activations.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/norm.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/optimiser.h>
#include <gradus/plan/plan.h>

#include <cmath>

#include "nn/support.h"

namespace gradus {
namespace {

const Key key = key_from_seed(0);

Tensor normal(uint64_t stream, const Shape& shape) {
  std::vector<double> x(static_cast<size_t>(element_count(shape)));
  fill_normal(split(key, stream), 0, std::span<double>(x));
  return from_vector(x, shape);
}

TEST(Linear, a_single_neuron_gives_the_worked_number) {
  const Linear neuron{Tensor({{0.5, -0.3, 0.8}}), Tensor({0.1})};
  const Tensor z = neuron(Tensor({1, 2, 3}));
  EXPECT_EQ(to_string(z.type()), "f64[1]");
  EXPECT_NEAR(number(z), 2.4, 1e-15);
  EXPECT_NEAR(number(sigmoid(z)), 0.916827, 5e-7);
}

TEST(Linear, both_conventions_give_one_layer) {
  const Tensor w = normal(1, {3, 4}), b = normal(2, {4}), x = normal(3, {5, 3});
  const Linear layer = linear_from_columns(w, b);
  EXPECT_EQ(layer.inputs(), 3);
  EXPECT_EQ(layer.outputs(), 4);
  EXPECT_TRUE(same_bits(layer(x), matmul(x, w) + b));
  EXPECT_TRUE(same_bits(layer(row(x, 2)), matmul(layer.weight, row(x, 2)) + b));
  EXPECT_EQ(
      message_of([&] { linear_from_columns(w, normal(2, {3})); }),
      "linear_from_columns: W f64[3,4] and b f64[3]. W is (in, out), and b has one number for "
      "each of its columns.");
}

TEST(Linear, without_bias_it_is_a_linear_map) {
  const Linear layer = make_linear(key, 3, 2, {.bias = false, .dtype = DType::f64});
  EXPECT_EQ(parameter_count(layer), 6);
  const Tensor a = normal(1, {3}), b = normal(2, {3});
  expect_near(layer(2 * a + b) - 2 * layer(a) - layer(b), {0, 0}, 1e-15);
}

TEST(Linear, a_batch_gives_the_bits_of_its_rows) {
  const Linear layer = make_linear(key, 7, 5);
  const Tensor x = cast(normal(1, {33, 7}), DType::f32);
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < 33; ++i) rows.push_back(layer(row(x, i)));
  EXPECT_TRUE(same_bits(layer(x), stack(rows)));
  EXPECT_EQ(to_string(layer(reshape(x, {3, 11, 7})).type()), "f32[3,11,5]");
}

TEST(Mlp, its_errors_carry_the_path_and_both_shapes) {
  const Mlp model = make_mlp(parse_mlp("mlp:256-64-10"), key);
  const Tensor x = zeros({32, 128}, DType::f32);
  EXPECT_EQ(
      message_of([&] { model(x); }),
      "0: expected in=256, got f32[32,128] for weight f32[64,256]. The last axis of the input "
      "holds the features.");
  EXPECT_EQ(
      message_of([&] {
        model(transpose(zeros({32, 256}, DType::f32)));
      }),
      "0: expected in=256, got f32[256,32] for weight f32[64,256]. The last axis of the input "
      "holds the features.");
  EXPECT_EQ(message_of([&] { model.layers[1](x); }),
            "2: expected in=64, got f32[32,128] for weight f32[10,64]. The last axis of the input "
            "holds the features.");
}

TEST(Mlp, a_spec_reads_and_prints) {
  const MlpSpec spec = parse_mlp("mlp:784-128-10");
  EXPECT_EQ(spec.sizes, (std::vector<int64_t>{784, 128, 10}));
  EXPECT_EQ(describe(spec), "MLP 784-128-10 relu");
  EXPECT_EQ(parameter_count(spec), 101770);
  const Mlp model = make_mlp(spec, key);
  EXPECT_EQ(parameter_count(model), 101770);
  EXPECT_EQ(parameter_count(MlpSpec{.sizes = {2, 32, 32, 3}}), 1251);
  EXPECT_EQ(parameter_count(MlpSpec{.sizes = {3, 2}, .bias = false}), 6);
}

TEST(Mlp, a_bad_spec_is_named) {
  EXPECT_EQ(message_of([] { parse_mlp("cnn:3"); }),
            "model: 'cnn:3' is no model. Models are written mlp:64-128-10.");
  EXPECT_EQ(
      message_of([] { parse_mlp("mlp:64-x-10"); }),
      "model: 'mlp:64-x-10' has the size 'x'. Sizes are whole numbers from 1 on, joined by '-'.");
  EXPECT_EQ(message_of([] { parse_mlp("mlp:64-"); }),
            "model: 'mlp:64-' has the size ''. Sizes are whole numbers from 1 on, joined by '-'.");
  EXPECT_EQ(
      message_of([] { parse_mlp("mlp:64"); }),
      "model: 'mlp:64' has one size. Give the inputs and the outputs at least, as mlp:64-10.");
  EXPECT_EQ(message_of([] { parse_mlp("mlp:1000000-1000000"); }),
            "model: 'mlp:1000000-1000000' has more than 2^30 parameters. Choose smaller layers.");
  EXPECT_EQ(message_of([] {
              make_mlp({.sizes = {2, 3}, .activation = "rellu"}, key);
            }).substr(0, 32),
            "activation: there is no 'rellu'.");
}

// NumPy's RandomState(42): W1 = 0.1 randn(4,3), then W2 = 0.1 randn(2,4), no bias.
TEST(Mlp, the_worked_gradients_of_a_3_4_2_net_come_out) {
  RandomState random(42);
  Mlp net = make_mlp({.sizes = {3, 4, 2}}, key, DType::f64);
  net.layers[0].weight = 0.1 * from_vector(random.randn(12), {4, 3});
  net.layers[1].weight = 0.1 * from_vector(random.randn(8), {2, 4});
  const Tensor x({1, 2, 3}), out_bar({1, -1});
  expect_near(net(x), {-0.030928, -0.036291}, 5e-7);
  const auto g = gradients(net, [&](const Mlp& m) { return sum(m(x) * out_bar); }).grads;
  ASSERT_EQ(g.size(), 4u);
  EXPECT_EQ(to_string(g[0].type()), "f64[4,3]");
  EXPECT_EQ(to_string(g[1].type()), "f64[4]");
  EXPECT_EQ(to_string(g[2].type()), "f64[2,4]");
  EXPECT_EQ(to_string(g[3].type()), "f64[2]");
  expect_near(row(g[0], 0), {0.125479, 0.250959, 0.376438}, 5e-7);
  expect_near(row(g[0], 3), {0, 0, 0}, 0);
  EXPECT_LT(numbers(net.layers[0](x))[3], 0);  // the fourth unit is off, so nothing flows back
}

TEST(Mlp, every_gradient_of_the_whole_loss_agrees_with_differences) {
  const Tensor x = normal(1, {6, 3});
  const Tensor y = from_vector(std::vector<int64_t>{0, 1, 3, 2, 2, 1});
  for (const char* f : {"tanh", "gelu", "silu", "softplus"}) {
    const Mlp net =
        make_mlp({.sizes = {3, 5, 4, 4}, .activation = f, .init = "pytorch"}, key, DType::f64);
    const Function loss = [&](std::span<const Tensor> p) {
      return cross_entropy(with_parameters(net, p)(x), y, Reduction::mean);
    };
    const GradCheck r = check_grads(loss, parameters(net), 2);
    EXPECT_TRUE(r.passed) << f << ": " << r.where;
  }
}

TEST(Mlp, a_batch_gives_the_bits_of_its_rows) {
  const Mlp net = make_mlp(parse_mlp("mlp:9-17-13-4"), key);
  const Tensor x = cast(normal(1, {32, 9}), DType::f32);
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < 32; ++i) rows.push_back(net(row(x, i)));
  EXPECT_TRUE(same_bits(net(x), stack(rows)));
}

// The rows split into batches of equal size: the mean of their gradients is the whole gradient.
TEST(MiniBatches, their_gradient_is_unbiased_and_its_variance_falls_as_one_over_their_size) {
  const Mlp net = make_mlp({.sizes = {3, 2}}, key, DType::f64);
  constexpr int64_t n = 512;
  const Tensor x = normal(1, {n, 3}), t = normal(2, {n, 2});
  const auto gradient = [&](const Tensor& rows) {
    const auto loss = [&](const Mlp& m) {
      return mse(m(gather(x, rows)), gather(t, rows), Reduction::mean);
    };
    return flatten(gradients(net, loss).grads);
  };
  const Tensor whole = gradient(iota(n));
  const auto variance = [&](int64_t size) {
    Tensor total = zeros_like(whole);
    double spread = 0;
    const Tensor order = from_vector(permutation(split(key, 9), n));
    for (int64_t start = 0; start < n; start += size) {
      const Tensor g = gradient(slice(order, {{start, start + size}}));
      total = total + g;
      spread += number(sum(square(g - whole)));
    }
    const auto batches = static_cast<double>(n / size);
    EXPECT_LT(number(max(abs(total / batches - whole))), 1e-14);
    return spread / batches;
  };
  // Without replacement the variance is exactly (n - B) / (n - 1) / B times that of B = 1; the mean
  // of 128 batches scatters by about 10 %.
  const double one = variance(1);
  EXPECT_NEAR(variance(4) / (one / 4 * (n - 4) / (n - 1)), 1, 0.25);
}

TEST(Flat, flatten_and_unflatten_are_inverse_views) {
  const Mlp net = make_mlp(parse_mlp("mlp:3-4-2"), key);
  const auto all = parameters(net);
  const Tensor flat = flatten(all);
  EXPECT_EQ(to_string(flat.type()), "f32[26]");
  const auto back = unflatten(flat, all);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(same_bits(back[i], all[i]));
    EXPECT_EQ(back[i].buffer()->block, flat.buffer()->block);
  }
  EXPECT_EQ(message_of([&] { unflatten(zeros({25}), all); }),
            "unflatten: f64[25] for 26 elements. The flat vector has exactly the elements of all "
            "tensors.");
}

TEST(Training, a_planned_step_has_the_bits_of_the_computed_one_and_learns) {
  const Mlp net = make_mlp({.sizes = {2, 16, 16, 1}, .activation = "tanh", .init = "xavier"}, key);
  const OptimiserConfig config = [] {
    OptimiserConfig c = defaults_for("adam");
    c.lr = 0.03;
    return c;
  }();
  const auto like = parameters(net);
  const auto step =
      [&](std::span<const Tensor> a) {  // x, y, flat, state... -> loss, flat, state...
        const Mlp now = with_parameters(net, unflatten(a[2], like));
        const auto r = gradients(now, [&](const Mlp& m) {
          return binary_cross_entropy_with_logits(m(a[0]), a[1], Reduction::mean);
        });
        Update u = update(config, a[2], flatten(r.grads), {a.begin() + 3, a.end()});
        std::vector<Tensor> out = {r.value, u.params};
        out.insert(out.end(), u.state.begin(), u.state.end());
        return out;
      };
  const Tensor x = cast(normal(1, {32, 2}), DType::f32);
  const Tensor y =
      cast(slice(x, {{}, {0, 1}}) * slice(x, {{}, {1, 2}}) > 0.0, DType::f32);  // XOR of signs
  std::vector<Tensor> args = {x, y, flatten(like)};
  for (const Tensor& s : initial_state(config, args[2])) args.push_back(s);
  std::vector<Argument> arguments;
  for (const Tensor& a : args) arguments.push_back({"argument", a.type()});
  Plan plan = compile(step, arguments);
  double first = 0, loss = 0;
  for (int k = 0; k < 300; ++k) {
    const std::vector<Tensor> out = plan(args);
    if (k < 3) {
      const std::vector<Tensor> want = step(args);
      for (size_t i = 0; i < out.size(); ++i)
        EXPECT_TRUE(same_bits(out[i], want[i])) << k << " " << i;
    }
    loss = number(out[0]);
    if (k == 0) first = loss;
    std::copy(out.begin() + 1, out.end(), args.begin() + 2);
  }
  EXPECT_GT(first, 0.5);
  EXPECT_LT(loss, 0.05);
  EXPECT_LE(plan.instruction_count(), 65u) << plan.describe();
}

StateDict renamed(const StateDict& dict, const std::function<std::string(std::string)>& f) {
  StateDict result;
  for (const auto& [name, x] : dict) result.emplace_back(f(name), x);
  return result;
}

TEST(StateDict, names_are_those_of_pytorchs_sequential) {
  const Mlp net = make_mlp(parse_mlp("mlp:4-3-2"), key);
  std::vector<std::string> names;
  for (const auto& [name, x] : state_dict(net)) names.push_back(name + " " + to_string(x.type()));
  EXPECT_EQ(names, (std::vector<std::string>{"0.weight f32[3,4]", "0.bias f32[3]",
                                             "2.weight f32[2,3]", "2.bias f32[2]"}));
}

TEST(StateDict, what_was_saved_loads_in_any_order) {
  const Mlp net = make_mlp(parse_mlp("mlp:4-3-2"), key),
            other = make_mlp(parse_mlp("mlp:4-3-2"), split(key, 1));
  StateDict dict = state_dict(net);
  std::reverse(dict.begin(), dict.end());
  const Mlp loaded = load_state(other, dict);
  EXPECT_TRUE(same_bits(loaded(ones({4}, DType::f32)), net(ones({4}, DType::f32))));
  EXPECT_EQ(loaded.layers[1].path, "2");
}

TEST(StateDict, other_float_types_convert_and_integers_do_not) {
  const Mlp net = make_mlp(parse_mlp("mlp:4-2"), key);
  for (DType t : {DType::f16, DType::bf16, DType::f64}) {
    StateDict dict;
    for (const auto& [name, x] : state_dict(net)) dict.emplace_back(name, cast(x, t));
    const Mlp loaded = load_state(net, dict);
    EXPECT_EQ(loaded.layers[0].weight.dtype(), DType::f32);
    EXPECT_LT(number(max(abs(loaded.layers[0].weight - net.layers[0].weight))), 0.02);
  }
  StateDict whole = state_dict(net);
  whole[0].second = cast(whole[0].second, DType::i64);
  EXPECT_EQ(message_of([&] { load_state(net, whole); }),
            "load_state: 1 of another type: '0.weight' is i64[2,4] there, f32[2,4] here. Names and "
            "shapes must be the model's.");
}

TEST(StateDict, a_common_prefix_is_seen) {
  const Mlp net = make_mlp(parse_mlp("mlp:4-2"), key);
  const StateDict dict =
      renamed(state_dict(net), [](const std::string& n) { return "module." + n; });
  EXPECT_EQ(message_of([&] { load_state(net, dict); }),
            "load_state: 2 missing: '0.weight' f32[2,4], '0.bias' f32[2]; 2 unexpected: "
            "'module.0.weight' f32[2,4], 'module.0.bias' f32[2]. Names and shapes must be the "
            "model's. Every key starts with 'module.': load with strip_prefix 'module.'.");
  EXPECT_EQ(state_dict(load_state(net, dict, {.strip_prefix = "module."})).size(), 2u);
  const StateDict deep = renamed(dict, [](const std::string& n) { return "net." + n; });
  const std::string message = message_of([&] { load_state(net, deep); });
  EXPECT_TRUE(message.ends_with(
      "Every key starts with 'net.module.': load with strip_prefix 'net.module.'."))
      << message;
}

TEST(StateDict, a_model_inside_a_larger_file_is_seen) {
  const Mlp net = make_mlp(parse_mlp("mlp:4-2"), key);
  StateDict dict = renamed(state_dict(net), [](const std::string& n) { return "model." + n; });
  dict.emplace_back("ema.decay", ones({1}, DType::f32));
  EXPECT_EQ(
      message_of([&] { load_state(net, dict); }),
      "load_state: 2 missing: '0.weight' f32[2,4], '0.bias' f32[2]; 3 unexpected: "
      "'model.0.weight' f32[2,4], 'model.0.bias' f32[2], 'ema.decay' f32[1]. Names and shapes "
      "must be the model's. The model's keys start with 'model.': load with strip_prefix "
      "'model.', and not strict, which leaves out the others.");
  const Mlp loaded = load_state(net, dict, {.strict = false, .strip_prefix = "model."});
  EXPECT_TRUE(same_bits(loaded.layers[0].weight, net.layers[0].weight));
}

TEST(StateDict, a_second_name_for_the_same_matrix_is_no_surprise) {
  const Mlp net = make_mlp(parse_mlp("mlp:4-2"), key);
  StateDict dict = state_dict(net);
  dict.emplace_back("head.weight", dict[0].second);
  EXPECT_TRUE(same_bits(load_state(net, dict).layers[0].weight, net.layers[0].weight));
  dict.back().second = dict[0].second + 1;
  EXPECT_EQ(message_of([&] { load_state(net, dict); }),
            "load_state: 1 unexpected: 'head.weight' f32[2,4]. Names and shapes must be the "
            "model's.");
}

TEST(StateDict, counts_of_batches_may_be_missing) {
  BatchNorm norm = make_batch_norm(2);
  norm.num_batches_tracked.value = full({}, 7, DType::i64);
  StateDict dict = state_dict(norm);
  dict.pop_back();
  dict[0].second = full({2}, 3, DType::f32);
  const BatchNorm loaded = load_state(norm, dict);
  EXPECT_EQ(numbers(loaded.weight), (std::vector<double>{3, 3}));
  EXPECT_EQ(numbers(loaded.num_batches_tracked.value), std::vector<double>{7});
}

TEST(StateDict, missing_unexpected_and_misshapen_names_are_listed) {
  const Mlp net = make_mlp(parse_mlp("mlp:4-3-2"), key);
  StateDict dict = state_dict(net);
  dict[0].second = zeros({3, 5}, DType::f32);
  dict[3].first = "2.scale";
  EXPECT_EQ(
      message_of([&] { load_state(net, dict); }),
      "load_state: 1 missing: '2.bias' f32[2]; 1 unexpected: '2.scale' f32[2]; 1 of another "
      "type: '0.weight' is f32[3,5] there, f32[3,4] here. Names and shapes must be the model's.");
  // Not strict, names may be wanting, shapes may not.
  EXPECT_EQ(message_of([&] { load_state(net, dict, {.strict = false}); }),
            "load_state: 1 of another type: '0.weight' is f32[3,5] there, f32[3,4] here. Names and "
            "shapes must be the model's.");
  dict.erase(dict.begin());
  const Mlp loaded = load_state(net, dict, {.strict = false});
  EXPECT_TRUE(same_bits(loaded.layers[0].weight, net.layers[0].weight));
}

TEST(StateDict, other_names_in_the_same_order_are_matched_in_the_hint) {
  const Mlp net = make_mlp(parse_mlp("mlp:4-2"), key);
  const StateDict dict =
      renamed(state_dict(net), [](const std::string& n) { return "fc1" + n.substr(1); });
  EXPECT_EQ(
      message_of([&] { load_state(net, dict); }),
      "load_state: 2 missing: '0.weight' f32[2,4], '0.bias' f32[2]; 2 unexpected: "
      "'fc1.weight' f32[2,4], 'fc1.bias' f32[2]. Names and shapes must be the model's. In "
      "their order the shapes agree: rename 'fc1.weight' to '0.weight', 'fc1.bias' to '0.bias'.");
}

TEST(StateDict, weights_of_the_other_convention_are_seen_and_turned) {
  const Mlp net = make_mlp(parse_mlp("mlp:4-2"), key);
  StateDict dict = state_dict(net);
  dict[0].second = transpose(dict[0].second);
  EXPECT_EQ(
      message_of([&] { load_state(net, dict); }),
      "load_state: 1 of another type: '0.weight' is f32[4,2] there, f32[2,4] here. Names and "
      "shapes must be the model's. The matrices are stored (in, out): load them with transpose.");
  EXPECT_TRUE(
      same_bits(load_state(net, dict, {.transpose = true}).layers[0].weight, net.layers[0].weight));
}

}  // namespace
}  // namespace gradus
