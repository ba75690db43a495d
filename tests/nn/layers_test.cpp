// Layers by hand: what they compute, what they count, what they refuse. PyTorch's own numbers are
// in tests/torch.
#include <gradus/base/random.h>
#include <gradus/batch/vmap.h>
#include <gradus/core/buffer.h>
#include <gradus/core/interpret.h>
#include <gradus/diff/check.h>
#include <gradus/nn/conv.h>
#include <gradus/nn/dropout.h>
#include <gradus/nn/embedding.h>
#include <gradus/nn/encoder_decoder.h>
#include <gradus/nn/init.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/model.h>
#include <gradus/nn/norm.h>
#include <gradus/nn/recurrent.h>
#include <gradus/nn/vision.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <cmath>

#include "nn/support.h"

namespace gradus {
namespace {

const Key key = key_from_seed(1);

Tensor one_weight(double w) {
  return full({1, 1}, w);
}

TEST(Norm, a_batch_of_one_to_four_comes_out_with_mean_0_and_variance_1) {
  const BatchNorm norm = make_batch_norm(1, DType::f64);
  Pass pass = Pass::training();
  const Tensor x = reshape(Tensor({1, 2, 3, 4}), {4, 1});
  expect_near(norm(x, pass), {-1.341635, -0.447212, 0.447212, 1.341635}, 1e-6);
  // 0.9 * 0 + 0.1 * 2.5, and 0.9 * 1 + 0.1 * 5 / 3.
  expect_near(pass.after(norm.running_mean), {0.25}, 1e-15);
  expect_near(pass.after(norm.running_var), {0.9 + 0.5 / 3}, 1e-15);
  expect_near(pass.after(norm.num_batches_tracked), {1}, 0);
}

TEST(Norm, evaluation_takes_the_running_statistics_and_changes_nothing) {
  BatchNorm norm = make_batch_norm(1, DType::f64);
  norm.running_mean.value = full({1}, 2.0);
  norm.running_var.value = full({1}, 4.0);
  norm.epsilon = 0;
  Pass pass;
  expect_near(norm(full({1, 1}, 5.0), pass), {1.5}, 1e-15);
  expect_near(pass.after(norm.running_mean), {2}, 0);
}

TEST(Norm, one_value_a_channel_is_refused_in_training_and_taken_in_evaluation) {
  BatchNorm norm = make_batch_norm(3);
  norm.path = "stem.bn1";
  Pass training = Pass::training(), evaluating;
  EXPECT_EQ(message_of([&] {
              norm(zeros({1, 3}, DType::f32), training);
            }),
            "stem.bn1: f32[1,3] has 1 value a channel. A variance in training needs two; use a "
            "larger batch, or evaluate.");
  EXPECT_NO_THROW(norm(zeros({1, 3}, DType::f32), evaluating));
}

TEST(Norm, root_mean_square_norm_divides_by_the_root_mean_square) {
  RMSNorm norm = make_rms_norm(2, 0, DType::f64);
  norm.weight = Tensor({1, 2});
  // sqrt((9 + 16) / 2) = 5 / sqrt(2).
  expect_near(norm(Tensor({3, 4})), {3 * std::sqrt(2.0) / 5, 8 * std::sqrt(2.0) / 5}, 1e-15);
}

TEST(Norm, a_normalisation_folds_into_the_convolution_before_it) {
  const Conv conv = make_conv(key, 2, 3, {3, 3}, {.padding = {1}}, {.dtype = DType::f64});
  BatchNorm norm = make_batch_norm(3, DType::f64);
  norm.weight = Tensor({0.5, -1, 2});
  norm.bias = Tensor({0.1, 0.2, 0.3});
  norm.running_mean.value = Tensor({-0.2, 0.4, 0});
  norm.running_var.value = Tensor({0.5, 2, 1});
  const Tensor x = normal_weight(key, {2, 2, 5, 4}, 1, DType::f64);
  Pass pass;
  expect_near(fold_batch_norm(conv, norm)(x), numbers(norm(conv(x), pass)), 1e-13);
}

TEST(Norm, messages_begin_with_the_place_in_the_model) {
  LayerNorm layer = make_layer_norm(6);
  layer.path = "encoder.norm1";
  EXPECT_EQ(message_of([&] {
              layer(zeros({2, 5}, DType::f32));
            }),
            "encoder.norm1: expected features=6, got f32[2,5]. The last axis holds the features.");
  GroupNorm group = make_group_norm(2, 6);
  group.path = "gn";
  EXPECT_EQ(message_of([&] {
              group(zeros({2, 5, 3}, DType::f32));
            }),
            "gn: expected channels=6, got f32[2,5,3]. Axis 1 holds the channels, (N, C, ...).");
  EXPECT_EQ(message_of([] { make_group_norm(4, 6); }),
            "make_group_norm: 4 groups of 6 channels. The groups divide the channels evenly.");
}

TEST(Dropout, keeps_the_mean_and_leaves_out_the_share) {
  const Tensor x = ones({200, 500}, DType::f64);
  Pass pass = Pass::training(key_tensor(key));
  const Tensor y = dropout(x, 0.3, pass);
  EXPECT_NEAR(number(mean(y)), 1, 0.01);
  EXPECT_NEAR(number(mean(cast(equal(y, 0), DType::f64))), 0.3, 0.01);
}

TEST(Dropout, does_nothing_in_evaluation_or_at_0_and_gives_zeros_at_1) {
  const Tensor x = Tensor({1, 2, 3});
  Pass evaluating, training = Pass::training(key_tensor(key)), keyless = Pass::training();
  expect_near(dropout(x, 0.5, evaluating), {1, 2, 3}, 0);
  expect_near(dropout(x, 0, keyless), {1, 2, 3}, 0);
  expect_near(dropout(x, 1, training), {0, 0, 0}, 0);
  EXPECT_EQ(message_of([&] { dropout(x, 0.5, keyless, "drop1"); }),
            "drop1: training without a random key. What a layer draws depends on a key alone; give "
            "Pass::training(key_tensor(key)).");
  EXPECT_EQ(message_of([&] { dropout(x, 1.5, training, "drop1"); }),
            "drop1: p = 1.5. It is the share of elements left out, from 0 to 1.");
}

TEST(Dropout, the_same_key_gives_the_same_mask_and_calls_of_one_pass_differ) {
  const Tensor x = ones({64}, DType::f64);
  Pass a = Pass::training(key_tensor(key)), b = Pass::training(key_tensor(key));
  const std::vector<double> first = numbers(dropout(x, 0.5, a));
  EXPECT_EQ(first, numbers(dropout(x, 0.5, b)));
  EXPECT_NE(first, numbers(dropout(x, 0.5, a)));
}

TEST(Embedding, takes_rows_by_token_and_refuses_what_is_no_token) {
  Embedding layer = make_embedding(key, 5, 3);
  layer.path = "wte";
  const Tensor y = layer(from_vector(std::vector<int64_t>{4, 0, 4}, {3}));
  EXPECT_EQ(y.shape(), (Shape{3, 3}));
  expect_near(row(y, 0), numbers(row(layer.weight, 4)), 0);
  EXPECT_EQ(message_of([&] { layer(zeros({2}, DType::f32)); }),
            "wte: tokens are f32[2] for weight f32[5,3]. A token is the number of a row, i32 or "
            "i64.");
}

TEST(Embedding, the_padding_row_starts_at_zero_and_gets_no_gradient) {
  const Embedding layer = make_embedding(key, 4, 2, 1, DType::f64);
  expect_near(row(layer.weight, 1), {0, 0}, 0);
  const ValueAndGrads r = gradients(layer, [](const Embedding& e) {
    return sum(e(constant(from_vector(std::vector<int64_t>{1, 3, 1}, {3}))));
  });
  expect_near(r.grads[0], {0, 0, 0, 0, 0, 0, 1, 1}, 0);
}

TEST(Recurrent, a_plain_cell_by_hand) {
  // h = tanh(0.5 h + x), x = 1, 0, 0.
  Recurrent cell = make_recurrent(RecurrentKind::tanh, key, 1, 1,
                                  {.bias = RecurrentBias::none, .dtype = DType::f64});
  cell.weights[0].ih = one_weight(1);
  cell.weights[0].hh = one_weight(0.5);
  Pass pass;
  const RecurrentResult r = cell(reshape(Tensor({1, 0, 0}), {1, 3, 1}), pass);
  expect_near(r.output, {0.761594, 0.363399, 0.179726}, 5e-7);
  expect_near(r.last.h, {0.179726}, 5e-7);
}

TEST(Recurrent, an_lstm_with_all_weights_a_half_by_hand) {
  // Every gate sees 0.5: c = sigmoid(0.5) tanh(0.5), h = sigmoid(0.5) tanh(c).
  Recurrent cell = make_recurrent(RecurrentKind::lstm, key, 1, 1,
                                  {.bias = RecurrentBias::none, .dtype = DType::f64});
  cell.weights[0].ih = full({4, 1}, 0.5);
  cell.weights[0].hh = full({4, 1}, 0.5);
  Pass pass;
  const RecurrentResult r = cell(ones({1, 1, 1}), pass);
  expect_near(r.last.c, {0.287649}, 5e-7);
  expect_near(r.last.h, {0.174270}, 5e-7);
}

TEST(Recurrent, counts_parameters_with_one_bias_and_with_pytorchs_two) {
  EXPECT_EQ(parameter_count(
                make_recurrent(RecurrentKind::lstm, key, 10, 20, {.bias = RecurrentBias::one})),
            2480);
  EXPECT_EQ(parameter_count(make_recurrent(RecurrentKind::lstm, key, 10, 20)), 2560);
  EXPECT_EQ(parameter_count(make_recurrent(RecurrentKind::gru, key, 10, 20)), 3 * 20 * 32);
}

TEST(Recurrent, backpropagation_through_time_equals_differences) {
  for (const RecurrentKind kind : {RecurrentKind::tanh, RecurrentKind::lstm, RecurrentKind::gru}) {
    const Recurrent layer =
        make_recurrent(kind, key, 2, 3, {.bidirectional = true, .dtype = DType::f64});
    const Tensor x = normal_weight(split(key, 9), {2, 4, 2}, 1, DType::f64);
    std::vector<Tensor> at = parameters(layer);
    at.push_back(x);
    const auto report = check_grads(
        [&](std::span<const Tensor> a) {
          Pass pass;
          const Recurrent now = with_parameters(layer, a.first(a.size() - 1));
          return sum(square(now(a.back(), pass).output));
        },
        at);
    EXPECT_TRUE(report.passed);
  }
}

TEST(Recurrent, backpropagation_through_time_equals_differences_where_lengths_differ) {
  const Tensor lengths = from_vector(std::vector<int64_t>{4, 0, 2});
  for (const RecurrentKind kind :
       {RecurrentKind::tanh, RecurrentKind::relu, RecurrentKind::lstm, RecurrentKind::gru}) {
    for (const RecurrentBias bias : {RecurrentBias::none, RecurrentBias::two}) {
      const Recurrent layer = make_recurrent(
          kind, key, 2, 2, {.bidirectional = true, .bias = bias, .dtype = DType::f64});
      const auto drawn = [](uint64_t n, const Shape& shape) {
        return normal_weight(split(key, n), shape, 1, DType::f64);
      };
      const bool cells = kind == RecurrentKind::lstm;
      std::vector<Tensor> at = {drawn(9, {3, 4, 2}), drawn(10, {2, 3, 2})};
      if (cells) at.push_back(drawn(11, {2, 3, 2}));
      const size_t own = at.size();
      for (const Tensor& w : parameters(layer)) at.push_back(w);
      const auto report = check_grads(
          [&](std::span<const Tensor> a) {
            Pass pass;
            const Recurrent now = with_parameters(layer, a.subspan(own));
            const RecurrentResult r = now(a[0], pass, {a[1], cells ? a[2] : Tensor()}, lengths);
            const Tensor total = sum(square(r.output)) + sum(sin(r.last.h));
            return cells ? total + sum(sin(r.last.c)) : total;
          },
          at);
      EXPECT_TRUE(report.passed) << report.where << " " << report.worst;
    }
  }
}

TEST(EncoderDecoder, its_gradient_equals_differences_through_code_attention_and_lengths) {
  const auto tokens = [](const std::vector<int64_t>& t, int64_t length) {
    return from_vector(t, {2, length});
  };
  const Tensor source = tokens({1, 4, 2, 3, 3, 1, 0, 0}, 4), target = tokens({1, 2, 4, 1, 3, 0}, 3),
               lengths = from_vector(std::vector<int64_t>{4, 2});
  const Tensor seed = normal_weight(split(key, 9), {2, 3, 5}, 1, DType::f64);
  for (const RecurrentKind kind : {RecurrentKind::tanh, RecurrentKind::lstm, RecurrentKind::gru})
    for (const bool attends : {false, true})
      for (const Tensor& of : {Tensor(), lengths}) {
        SCOPED_TRACE(std::string(attends ? "attends" : "a code") +
                     (of.is_absent() ? "" : ", lengths"));
        const EncoderDecoder m = make_encoder_decoder(
            kind, key, 5, 3, {.attends = attends, .layers = 2, .dtype = DType::f64});
        const auto report = check_grads(
            [&](std::span<const Tensor> a) {
              Pass pass;
              return sum(sin(with_parameters(m, a)(source, target, pass, of)) * constant(seed));
            },
            parameters(m), 1);
        EXPECT_TRUE(report.passed) << report.where << " " << report.worst;
        EXPECT_EQ(parameters(m).size(), attends ? 21u : 19u);
      }
}

TEST(Recurrent, a_sequence_of_its_own_length_is_as_if_it_were_alone) {
  const Recurrent layer = make_recurrent(RecurrentKind::lstm, key, 2, 3,
                                         {.layers = 2, .bidirectional = true, .dtype = DType::f64});
  const Tensor x = normal_weight(split(key, 9), {2, 5, 2}, 1, DType::f64);
  Pass pass;
  const RecurrentResult both = layer(x, pass, {}, from_vector(std::vector<int64_t>{5, 3}));
  const RecurrentResult alone = layer(slice(x, {{1, 2}, {0, 3}}), pass);
  expect_near(slice(both.output, {{1, 2}, {0, 3}}), numbers(alone.output), 1e-15);
  expect_near(slice(both.output, {{1, 2}, {3, 5}}), std::vector<double>(12, 0), 0);
  expect_near(slice_axis(both.last.c, 1, {1, 2}), numbers(alone.last.c), 1e-15);
}

TEST(Recurrent, vmap_over_weights_is_a_loop_over_models) {
  const Recurrent a = make_recurrent(RecurrentKind::gru, key, 2, 3, {.dtype = DType::f64}),
                  b = make_recurrent(RecurrentKind::gru, split(key, 1), 2, 3,
                                     {.dtype = DType::f64});
  const Tensor x = normal_weight(split(key, 9), {2, 4, 2}, 1, DType::f64);
  const auto slope = [&](const Recurrent& m, const Tensor& w) {
    return grad([&](const Tensor& hh) {
      Pass pass;
      Recurrent now = m;
      now.weights[0].hh = hh;
      return sum(square(now(x, pass).output));
    })(w);
  };
  const Tensor both[] = {stack({a.weights[0].hh, b.weights[0].hh})};
  const Tensor mapped =
      vmap([&](std::span<const Tensor> w) { return std::vector<Tensor>{slope(a, w[0])}; }, both)[0];
  Recurrent other = a;
  other.weights[0].hh = b.weights[0].hh;
  expect_near(row(mapped, 0), numbers(slope(a, a.weights[0].hh)), 1e-13);
  expect_near(row(mapped, 1), numbers(slope(other, b.weights[0].hh)), 1e-13);
}

TEST(Recurrent, a_plan_of_its_gradient_has_the_bits_of_the_interpreter) {
  const Recurrent layer = make_recurrent(RecurrentKind::lstm, key, 5, 8, {.bidirectional = true});
  const Tensor x = normal_weight(split(key, 9), {3, 6, 5}, 1);
  std::vector<Argument> arguments;
  std::vector<Tensor> args = parameters(layer);
  args.push_back(x);
  for (const Tensor& a : args) arguments.push_back({"", a.type()});
  std::vector<int> all(args.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  Plan plan = compile(
      [&](std::span<const Tensor> a) {
        return value_and_grads(
                   [&](std::span<const Tensor> in) {
                     Pass pass;
                     return sum(square(
                         with_parameters(layer, in.first(in.size() - 1))(in.back(), pass).output));
                   },
                   a, all)
            .grads;
      },
      arguments);
  for (size_t i = 0; i < args.size(); ++i) plan.set(static_cast<int>(i), args[i]);
  plan.run();
  const std::vector<Tensor> expected = interpret(plan.graph(), args);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(same_bits(plan.output_tensor(static_cast<int>(i)), expected[i])) << i;
}

// NN-28 and NN-31: what a recurrence sees that a bag of words does not, and how far back it learns.
TEST(Recurrent, turning_the_order_round_changes_a_recurrence_and_not_a_bag) {
  const Recurrent layer = make_recurrent(RecurrentKind::tanh, key, 2, 3, {.dtype = DType::f64});
  const Tensor x = normal_weight(split(key, 9), {1, 5, 2}, 1, DType::f64);
  Pass pass;
  const Tensor there = layer(x, pass).last.h, back = layer(flip(x, {1}), pass).last.h;
  EXPECT_GT(number(max(abs(there - back))), 0.01);
  expect_near(mean(flip(x, {1}), {.axis = 1}), numbers(mean(x, {.axis = 1})), 1e-15);
}

// |d h_T / d h_0| of a linear recurrence whose matrix is orthogonal times its spectral radius is
// radius^T exactly; relu of positive states is linear.
TEST(Recurrent, the_gradient_of_the_far_past_is_the_spectral_radius_to_the_distance) {
  const int64_t steps = 30, width = 6;
  for (const double radius : {0.9, 1.0, 1.1}) {
    Recurrent layer = make_recurrent(RecurrentKind::relu, key, 1, width,
                                     {.bias = RecurrentBias::none, .dtype = DType::f64});
    // A permutation is orthogonal and keeps positive states positive.
    layer.weights[0].hh =
        radius * take(eye(width), from_vector(std::vector<int64_t>{1, 2, 3, 4, 5, 0}), 0);
    const Tensor x = zeros({1, steps, 1});
    const Tensor g = grad([&](const Tensor& h) {
      Pass pass;
      return sum(layer(x, pass, {h, {}}).last.h);
    })(ones({1, 1, width}));
    EXPECT_NEAR(number(norm(g)) / std::sqrt(width), std::pow(radius, steps), 1e-12);
  }
}

TEST(Recurrent, a_state_carried_over_continues_the_sequence) {
  const Recurrent layer = make_recurrent(RecurrentKind::gru, key, 2, 3, {.dtype = DType::f64});
  const Tensor x = normal_weight(split(key, 9), {2, 6, 2}, 1, DType::f64);
  Pass pass;
  const RecurrentResult whole = layer(x, pass);
  const RecurrentResult first = layer(slice_axis(x, 1, {0, 4}), pass);
  const RecurrentResult rest = layer(slice_axis(x, 1, {4, 6}), pass, detached(first.last));
  expect_near(rest.last.h, numbers(whole.last.h), 1e-15);
}

TEST(Recurrent, messages_begin_with_the_place_and_show_both_sides) {
  Recurrent layer = make_recurrent(RecurrentKind::lstm, key, 3, 4);
  layer.path = "encoder.lstm";
  Pass pass;
  const Tensor x = zeros({2, 5, 3}, DType::f32);
  EXPECT_EQ(message_of([&] {
              layer(zeros({2, 5, 2}, DType::f32), pass);
            }),
            "encoder.lstm: expected in=3, got f32[2,5,2] for weight f32[16,3]. The input is (N, T, "
            "in) with a step at least.");
  EXPECT_EQ(message_of([&] {
              layer(x, pass, {zeros({1, 1, 4}, DType::f32), {}});
            }),
            "encoder.lstm: a first state f32[1,1,4] for input f32[2,5,3]. It is (layers * "
            "directions, N, hidden), f32[1,2,4] here.");
  EXPECT_EQ(message_of([&] { layer(x, pass, {}, zeros({3}, DType::i64)); }),
            "encoder.lstm: lengths i64[3] for input f32[2,5,3]. There is one for each sequence, "
            "i64[2].");
}

TEST(Conv, messages_begin_with_the_place_and_show_both_sides) {
  Conv layer = make_conv(key, 3, 8, {3, 3});
  layer.path = "layer1.0.conv1";
  EXPECT_EQ(message_of([&] {
              layer(zeros({2, 4, 8, 8}, DType::f32));
            }),
            "layer1.0.conv1: expected in=3, got f32[2,4,8,8] for weight f32[8,3,3,3]. The input is "
            "(N, C, H, W).");
  EXPECT_EQ(message_of([] {
              make_conv(key, 3, 8, {3, 3}, {.groups = 2});
            }),
            "make_conv: 2 groups for 3 channels in and 8 out. The groups divide both evenly.");
}

TEST(Vision, parameters_are_those_of_the_papers_and_of_torchvision) {
  EXPECT_EQ(parameter_count(make_lenet5(key)), 61706);
  EXPECT_EQ(parameter_count(make_resnet(key, resnet_spec(18))), 11689512);
  EXPECT_EQ(parameter_count(make_resnet(key, resnet_spec(50))), 25557032);
  EXPECT_EQ(parameter_count(make_resnet(key, resnet_spec(20))), 272474);
}

TEST(Vision, a_residual_network_has_torchvisions_names) {
  const StateDict dict = state_dict(make_resnet(key, resnet_spec(18)));
  EXPECT_EQ(dict.size(), 122u);
  EXPECT_EQ(dict[0].first, "conv1.weight");
  EXPECT_EQ(dict[5].first, "bn1.num_batches_tracked");
  const auto has = [&](std::string_view name, const Shape& shape) {
    for (const auto& [path, x] : dict)
      if (path == name) return x.shape() == shape;
    return false;
  };
  EXPECT_TRUE(has("layer2.0.downsample.0.weight", {128, 64, 1, 1}));
  EXPECT_TRUE(has("layer4.1.bn2.running_var", {512}));
  EXPECT_TRUE(has("fc.bias", {1000}));
}

TEST(Vision, a_model_behind_one_type_computes_and_announces_the_same) {
  const ResNet net = make_resnet(key, resnet_spec(8));
  const Model model("ResNet-8", net);
  const Tensor x = normal_weight(key, {2, 3, 32, 32}, 1);
  Pass a = Pass::training(), b = Pass::training();
  EXPECT_EQ(numbers(net(x, a)), numbers(model(x, b)));
  std::vector<Tensor> of_net, of_model;
  each_statistic(net,
                 [&](const std::string&, const Statistic& s) { of_net.push_back(a.after(s)); });
  each_statistic(model,
                 [&](const std::string&, const Statistic& s) { of_model.push_back(b.after(s)); });
  ASSERT_EQ(of_net.size(), of_model.size());
  for (size_t i = 0; i < of_net.size(); ++i) EXPECT_EQ(numbers(of_net[i]), numbers(of_model[i]));
  EXPECT_NE(numbers(of_net[0]), numbers(net.bn1.running_mean.value));
}

TEST(Vision, shortcuts_keep_the_gradient_alive_through_fifty_layers) {
  // What reaches the image of a gradient of norm 1 at the logits, without normalisation: the
  // running statistics are 0 and 1.
  const auto reaches = [](bool residual) {
    const ResNet net = make_resnet(key,
                                   {.blocks = {8, 8, 8},
                                    .widths = {8, 8, 8},
                                    .residual = residual,
                                    .channels = 3,
                                    .classes = 10},
                                   DType::f64);
    const Tensor x = normal_weight(split(key, 3), {1, 3, 16, 16}, 1, DType::f64);
    const Tensor g = grad([&](const Tensor& image) {
      Pass pass;
      return sum(net(image, pass)) / std::sqrt(10.0);
    })(x);
    return number(norm(g));
  };
  const double plain = reaches(false), residual = reaches(true);
  EXPECT_GT(residual / plain, 100) << plain << " " << residual;
  EXPECT_LT(plain, 0.01);
  EXPECT_GT(residual, 1);
}

TEST(Losses, contrastive_losses_by_hand) {
  const Tensor a({{1, 0}, {0, 1}});
  // Cosines are 1 on the diagonal and 0 beside it: -log(e / (e + 1)) at temperature 1.
  EXPECT_NEAR(number(info_nce(a, a, 1)), std::log1p(std::exp(-1.0)), 1e-15);
  EXPECT_NEAR(number(info_nce(a, a, 1, true)), std::log1p(std::exp(-1.0)), 1e-15);
  EXPECT_NEAR(number(embedding_alignment(a, flip(a, {0}))), 2, 1e-15);
  // Two orthogonal unit rows are |x - y|^2 = 2 apart: log exp(-4).
  EXPECT_NEAR(number(embedding_uniformity(a)), -4, 1e-12);
  // Anchor on its positive, negative sqrt(2) away: nothing left of a margin of 1.
  EXPECT_NEAR(number(triplet_margin(a, a, flip(a, {0}), Reduction::mean)), 0, 1e-5);
  EXPECT_NEAR(number(triplet_margin(a, flip(a, {0}), a, Reduction::mean)), 1 + std::sqrt(2.0),
              1e-5);
  EXPECT_NEAR(number(hinge(Tensor({0.25, 3}), Tensor({-1, 1}), Reduction::sum)), 1.25, 1e-15);
}

TEST(Layers, refusals_begin_with_the_place_in_the_model) {
  RMSNorm rms = make_rms_norm(4);
  rms.path = "layers.3.attention_norm";
  EXPECT_EQ(message_of([&] {
              rms(zeros({2, 5}, DType::f32));
            }),
            "layers.3.attention_norm: expected features=4, got f32[2,5]. The last axis holds the "
            "features.");
  ConvTranspose up = make_conv_transpose({}, 4, 2, {3, 3});
  up.path = "decoder.up1";
  EXPECT_EQ(message_of([&] {
              up(zeros({1, 5, 6, 6}, DType::f32));
            }),
            "decoder.up1: expected in=4, got f32[1,5,6,6] for weight f32[4,2,3,3]. The input is "
            "(N, C, H, W).");
}

TEST(Losses, contrastive_losses_say_what_they_refuse) {
  const Tensor a = zeros({2, 3}), b = zeros({2, 4});
  EXPECT_EQ(message_of([&] { info_nce(a, b); }),
            "info_nce: prediction f64[2,3] and target f64[2,4] differ. Each prediction has one "
            "target.");
  EXPECT_EQ(message_of([&] { info_nce(a, a, 0); }),
            "info_nce: temperature 0. It divides the similarities and is positive.");
  EXPECT_EQ(message_of([&] {
              embedding_uniformity(zeros({1, 3}));
            }),
            "embedding_uniformity: f64[1,3]. It compares pairs of rows, (N, d) with N >= 2.");
  EXPECT_EQ(message_of([&] { multi_margin(a, a, Reduction::mean); }),
            "multi_margin: scores f64[2,3] and classes f64[2,3]. Scores are (N, classes), and each "
            "row has one integer.");
}

}  // namespace
}  // namespace gradus
