// Pictures as sequences of patches: cut by hand, places, attention between patches, ViT-B/16
// counted, a small one trained; pictures and words drawn together by InfoNCE, with what collapses.
#include <gradus/base/text.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/conv.h>
#include <gradus/nn/init.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/vit.h>
#include <gradus/train/generate.h>
#include <gradus/train/step.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

using Vector = std::vector<double>;
using Matrix = std::vector<Vector>;

// ---------------------------------------------------------------------------- exercises

using Cut = Vector(const Matrix&, int);

// [solution cut-into-patches]
// Cuts a picture into squares of `side` pixels. Returns all pixels: patch by patch, the patches row
// by row from the upper left, and the pixels within a patch row by row.
std::vector<double> cut_patches(const std::vector<std::vector<double>>& picture, int side) {
  std::vector<double> out;
  // [hole (void)picture; (void)side;]
  const size_t p = static_cast<size_t>(side);
  for (size_t top = 0; top < picture.size(); top += p)
    for (size_t left = 0; left < picture[0].size(); left += p)
      for (size_t i = 0; i < p; ++i)
        for (size_t j = 0; j < p; ++j) out.push_back(picture[top + i][left + j]);
  // [end hole]
  return out;
}
// [end]

// The same for an order of one's own: one(row of patches, column of patches, i, j).
template <class One>
Vector each_pixel(const Matrix& picture, int side, const One& one) {
  const size_t p = static_cast<size_t>(side), rows = picture.size() / p,
               cols = picture[0].size() / p;
  Vector out;
  for (size_t a = 0; a < rows; ++a)
    for (size_t b = 0; b < cols; ++b)
      for (size_t i = 0; i < p; ++i)
        for (size_t j = 0; j < p; ++j) out.push_back(one(a, b, i, j));
  return out;
}

using Contrast = double(const Matrix&, double);

// [solution contrastive-loss]
// s[i][j] is how similar picture i is to text j; picture i belongs to text i. Returns the mean over
// the pictures of -log of the share that softmax, at this temperature, gives the right text.
double contrastive_loss(const std::vector<std::vector<double>>& s, double temperature) {
  double loss = 0;
  // [hole (void)s; (void)temperature;]
  for (size_t i = 0; i < s.size(); ++i) {
    double total = 0;
    for (const double v : s[i]) total += std::exp(v / temperature);
    loss += std::log(total) - s[i][i] / temperature;
  }
  loss /= static_cast<double>(s.size());
  // [end hole]
  return loss;
}
// [end]

void exercises(Page& page) {
  page.exercise(Predict{
      .name = "how-many-tokens",
      .answer = 145,
      .tolerance = 1e-6,
      .wrong = {{144, "class token forgotten",
                 "These are the patches. One more token stands in "
                 "front of them."},
                {12, "one row of patches", "There are as many rows as columns."},
                {13, "one row and the class token", "12 patches fill one row. Count all rows."},
                {433, "a token for each channel", "A patch holds all three channels."},
                {432, "channels counted, class token forgotten", "A patch holds all channels."},
                {9216, "pixels counted", "Each patch of 64 pixels is one token."}}});
  page.exercise(Predict{
      .name = "patch-parameters",
      .answer = 12352,
      .tolerance = 1e-6,
      .wrong = {
          {12288, "biases forgotten", "There is a bias for each of the 64 numbers."},
          {4160, "one channel", "A patch of a colour picture has three times as many numbers."},
          {4096, "one channel and no bias", "Three channels, and a bias for each number."},
          {1600, "side instead of area", "A patch has 8 by 8 pixels."},
          {12480, "a bias for each channel", "One bias for each number that comes out."},
          {1778688, "multiplied by the patches", "All patches share the same matrix."}}});
  page.exercise(
      Choose{.name = "without-places",
             .answer = "shuffled",
             .choices = {
                 {"shuffled", "the same class, however the patches are shuffled", "", ""},
                 {"nothing", "nothing of use: without places attention cannot run",
                  "attention needs places", "It runs as before. Which question can it not answer?"},
                 {"left", "the same class only if the picture is moved by whole patches",
                  "places taken for shifts", "More than moves leave the set of patches as it is."},
                 {"error", "an error, since the number of tokens is wrong", "tokens counted",
                  "Positions are added to tokens, they are no tokens."},
                 {"first", "the class of the first patch", "order taken as given",
                  "To attention there is no first patch."},
                 {"mean", "the class of the mean of all patches", "attention taken for a mean",
                  "Weights still depend on the patches. But not on what else?"}}});
  page.exercise(Choose{
      .name = "what-prevents-collapse",
      .answer = "others",
      .choices = {
          {"others", "the other texts of the batch, from which the picture is pushed away", "", ""},
          {"normalise", "rows of length 1", "length taken for spread",
           "All rows may have length 1 and be the same row."},
          {"temperature", "a low temperature", "temperature taken for the cause",
           "Without others to compare with, a temperature does nothing."},
          {"two", "two encoders with weights of their own", "two encoders trusted",
           "Both can learn to say the same constant."},
          {"alignment", "the pull between a picture and its text", "the pull taken for the push",
           "The pull alone is best served if everything lies on one point."},
          {"labels", "the classes of the pictures", "classes assumed",
           "No classes are given, only which text came with which picture."}}});
  static const struct {
    Matrix picture;
    int side;
  } cuts[] = {{{{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}, {13, 14, 15, 16}}, 2},
              {{{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}}, 2}};
  page.exercise(fill(Numeric<Cut>{
      .name = "cut-into-patches",
      .solution = cut_patches,
      .cases = 2,
      .call = [](Cut* f, int i) { return f(cuts[i].picture, cuts[i].side); },
      .where =
          [](int i) {
            return std::to_string(cuts[i].picture.size()) + " rows of " +
                   std::to_string(cuts[i].picture[0].size()) + " pixels, patches of " +
                   std::to_string(cuts[i].side);
          },
      .mistakes =
          {{"not cut at all", "These are the rows of the picture. Finish one patch first.",
            [](const Matrix& x, int) {
              Vector out;
              for (const Vector& row : x) out.insert(out.end(), row.begin(), row.end());
              return out;
            }},
           {"columns first within a patch", "Within a patch go row by row.",
            [](const Matrix& x, int p) {
              return each_pixel(x, p, [&](size_t a, size_t b, size_t i, size_t j) {
                return x[a * size_t(p) + j][b * size_t(p) + i];
              });
            }},
           {"patches overlap", "The next patch begins where this one ends: `side` further on.",
            [](const Matrix& x, int p) {
              return each_pixel(
                  x, p, [&](size_t a, size_t b, size_t i, size_t j) { return x[a + i][b + j]; });
            }},
           {"every second pixel", "A patch holds neighbours. You took pixels far apart.",
            [](const Matrix& x, int p) {
              return each_pixel(x, p, [&](size_t a, size_t b, size_t i, size_t j) {
                return x[i * (x.size() / size_t(p)) + a][j * (x[0].size() / size_t(p)) + b];
              });
            }},
           {"first patch again and again", "Add the corner of the patch to the place within it.",
            [](const Matrix& x, int p) {
              return each_pixel(x, p, [&](size_t, size_t, size_t i, size_t j) { return x[i][j]; });
            }},
           {"patches in reverse", "Begin with the patch at the upper left.",
            [](const Matrix& x, int p) {
              return each_pixel(x, p, [&](size_t a, size_t b, size_t i, size_t j) {
                const size_t rows = x.size() / size_t(p), cols = x[0].size() / size_t(p);
                return x[(rows - 1 - a) * size_t(p) + i][(cols - 1 - b) * size_t(p) + j];
              });
            }}}}));
  static const struct {
    Matrix s;
    double temperature;
  } tables[] = {{{{0.9, 0.1}, {0.3, 0.6}}, 0.5},
                {{{1, 0.2, -0.5}, {0.4, 0.1, 0.7}, {-0.2, 0.3, 0.8}}, 0.25}};
  page.exercise(fill(Numeric<Contrast>{
      .name = "contrastive-loss",
      .solution = contrastive_loss,
      .cases = 2,
      .call = [](Contrast* f, int i) { return Vector{f(tables[i].s, tables[i].temperature)}; },
      .where =
          [](int i) {
            return "first row " + listed(tables[i].s[0]) + ", temperature " +
                   shown(tables[i].temperature);
          },
      .mistakes = {{"multiplied by the temperature", "A low temperature sharpens: divide by it.",
                    [](const Matrix& s, double t) { return contrastive_loss(s, 1 / t); }},
                   {"temperature ignored", "Similarities are divided by the temperature first.",
                    [](const Matrix& s, double) { return contrastive_loss(s, 1); }},
                   {"over the pictures instead of the texts",
                    "Each picture chooses among the texts: the softmax runs along a row.",
                    [](const Matrix& s, double t) {
                      Matrix turned = s;
                      for (size_t i = 0; i < s.size(); ++i)
                        for (size_t j = 0; j < s.size(); ++j) turned[i][j] = s[j][i];
                      return contrastive_loss(turned, t);
                    }},
                   {"sum instead of mean", "The mean over the pictures is asked for.",
                    [](const Matrix& s, double t) {
                      return contrastive_loss(s, t) * static_cast<double>(s.size());
                    }},
                   {"right text left out below",
                    "The softmax runs over all texts, the right one too.",
                    [](const Matrix& s, double t) {
                      double loss = 0;
                      for (size_t i = 0; i < s.size(); ++i) {
                        double total = 0;
                        for (size_t j = 0; j < s.size(); ++j)
                          if (j != i) total += std::exp(s[i][j] / t);
                        loss += std::log(total) - s[i][i] / t;
                      }
                      return loss / static_cast<double>(s.size());
                    }},
                   {"wrong sign",
                    "A share is below 1, so its logarithm is negative. The loss is not.",
                    [](const Matrix& s, double t) { return -contrastive_loss(s, t); }}}}));
}

// ---------------------------------------------------------------------------- pictures and words

Tensor unit(const Tensor& x) {
  return x / norm(x, {.axis = -1, .keepdims = true});
}

// What a convolution does with about a third of the parameters.
struct Small {
  Conv near, wide;
  Linear head;
  Tensor operator()(const Tensor& x) const {  // (N, 1, 8, 8) -> (N, 10)
    const Tensor h = max_pool2d(relu(near(x)), {.size = {2}});
    return head(reshape(max_pool2d(relu(wide(h)), {.size = {2}}), {x.shape()[0], -1}));
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("near", self.near);
    visit("wide", self.wide);
    visit("head", self.head);
  }
};

// [pair]
// Two encoders that end in the same space: a network for pictures of 64
// pixels, a row of a table for each of ten words.
struct Pair {
  Linear first, second;
  Tensor words;

  Tensor picture(const Tensor& x) const { return unit(second(relu(first(x)))); }
  Tensor word(const Tensor& which) const { return unit(gather(words, which)); }
  // [end]
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("first", self.first);
    visit("second", self.second);
    visit("words", self.words);
  }
};

struct Pictures {
  Tensor x, y;
};
// Every ten in a row hold each class once.
Pictures pictures(int64_t count, uint64_t seed, const Shape& shape, DType dtype) {
  const Generated g = generate("digits", count, seed);
  return {cast(from_vector(g.x, shape), dtype), from_vector(g.y)};
}

template <class M>
Vector losses_of(M& net, const Pictures& all, int64_t batch, int steps, double rate,
                 const StepLoss<M>& loss) {
  StepOptions<M> options;
  options.optimiser.lr = rate;
  const auto part = [&](const Tensor& t, int64_t from) {
    return slice_axis(t, 0, {from, from + batch});
  };
  const RecordedStep step =
      record_step<M>(net, loss, part(all.x, 0).type(), part(all.y, 0).type(), options);
  Plan plan = plan_of(step);
  Vector out;
  for (int i = 0; i < steps; ++i) {
    const int64_t from = i * batch % all.x.shape()[0];
    plan.set(step.x(), part(all.x, from));
    plan.set(step.target(), part(all.y, from));
    plan.run();
    out.push_back(number(plan.output_tensor(step.loss())));
  }
  net = trained(net, plan, options);
  return out;
}

Matrix rows_of(const Tensor& m) {
  Matrix out;
  for (int64_t i = 0; i < m.shape()[0]; ++i) out.push_back(numbers(row(m, i)));
  return out;
}
}  // namespace

LESSON(page) {
  exercises(page);

  // Patches.
  // [patches]
  const Tensor image = reshape(arange(1, 17), {1, 1, 4, 4});
  // Rows and columns of patches first, then the places within a patch.
  const Tensor apart = reshape(image, {2, 2, 2, 2});
  const Tensor patches = reshape(permute(apart, {0, 2, 1, 3}), {4, 4});
  const Tensor map{{0.5, 0, 0, 0.5}, {0, 1, -1, 0}, {0.25, 0.25, 0.25, 0.25}};
  const Tensor by_matrix = matmul(patches, transpose(map));
  const Tensor windows = reshape(map, {3, 1, 2, 2});
  const Tensor by_windows = conv2d(image, windows, {.stride = {2}});
  // [end]
  page.bind("image", reshape(image, {4, 4}));
  Table cut = {{"patch", "its pixels", "token"}};
  const Matrix pixels = rows_of(patches), tokens = rows_of(by_matrix);
  for (size_t i = 0; i < 4; ++i)
    cut.push_back({std::to_string(i + 1), listed(pixels[i]), listed(tokens[i])});
  page.table("cut", cut);
  page.bind("map", map);
  page.bind("conv_apart", number(max(abs(transpose(reshape(by_windows, {3, 4})) - by_matrix))));

  // Attention between patches.
  const double temperature = page.set("temperature", 0.2);
  const Tensor seen = (patches - 8.5) / 8;
  const Tensor shares = softmax(matmul(seen, transpose(seen)) / 2);
  Table attention = {{"from patch", "to 1", "to 2", "to 3", "to 4"}};
  const Matrix share_rows = rows_of(shares);
  for (size_t i = 0; i < 4; ++i) {
    std::vector<std::string> line{std::to_string(i + 1)};
    for (const double v : share_rows[i]) line.push_back(shown(v, 3));
    attention.push_back(line);
  }
  page.table("attention", attention);

  // Places.
  const VitSpec small{.image = 8,
                      .patch = 2,
                      .channels = 1,
                      .width = 32,
                      .heads = 4,
                      .layers = 2,
                      .hidden = 64,
                      .classes = 10};
  Vit net = make_vit(key_from_seed(0), small, DType::f64);
  const Tensor digit = pictures(1, 4, {1, 1, 8, 8}, DType::f64).x;
  // The two halves exchanged: every patch is there, at another place.
  const Tensor halves =
      concatenate({slice_axis(digit, 3, {4, 8}), slice_axis(digit, 3, {0, 4})}, 3);
  const auto moves = [&](const Vit& v) {
    Pass pass;
    const Tensor whole = v(digit, pass);
    return number(norm(whole - v(halves, pass))) / number(norm(whole));
  };
  Vit blind = net;
  blind.positions = zeros(net.positions.shape());
  const double without = moves(blind);
  page.bind("blind", without < 1e-12 ? "less than 1e-12" : shown(without, 1));
  page.bind("sighted", moves(net), 1);

  // ViT-B/16.
  {
    // [count]
    const Undrawn shapes_alone;
    const Vit base = make_vit(key_from_seed(0), VitSpec{});
    const int64_t all = parameter_count(base);
    // [end]
    const auto layers = static_cast<int64_t>(base.layers.size());
    const int64_t of_layer = parameter_count(base.layers[0]);
    page.table("count",
               {{"part", "as", "parameters"},
                {"patches", "(3·16·16 + 1) 768", text::grouped(parameter_count(base.conv_proj))},
                {"class token", "768", text::grouped(base.class_token.size())},
                {"positions", "(196 + 1) 768", text::grouped(base.positions.size())},
                {"one layer", "12·768² + 13·768", text::grouped(of_layer)},
                {"twelve layers", "", text::grouped(layers * of_layer)},
                {"last normalisation", "2·768", text::grouped(parameter_count(base.ln))},
                {"head", "(768 + 1) 1000", text::grouped(parameter_count(base.head))},
                {"sum", "", text::grouped(all)}});
    page.bind("base", text::grouped(all));
  }
  page.bind("tokens", (224 / 16) * (224 / 16) + 1);
  page.bind("half_tokens", (224 / 8) * (224 / 8) + 1);
  page.bind("pairs", shown(std::pow(785.0 / 197, 2), 0));

  // A small one learns.
  const auto steps = static_cast<int>(std::clamp(page.set("steps", 240.0), 1.0, 3000.0));
  Vit learner = make_vit(key_from_seed(1), small);
  const Pictures all = pictures(3200, 1, {3200, 1, 8, 8}, DType::f32),
                 fresh = pictures(500, 2, {500, 1, 8, 8}, DType::f32);
  const Vector curve =
      losses_of<Vit>(learner, all, 32, steps, 0.003,
                     [](const Vit& m, const Tensor& x, const Tensor& y, Pass& pass) {
                       return cross_entropy(m(x, pass), y, Reduction::mean);
                     });
  const Key of_small = key_from_seed(1);
  Small windowed = with_paths(Small{make_conv(split(of_small, 0), 1, 16, {3, 3}, {.padding = {1}}),
                                    make_conv(split(of_small, 1), 16, 32, {3, 3}, {.padding = {1}}),
                                    make_linear(split(of_small, 2), 128, 10)});
  losses_of<Small>(windowed, all, 32, steps, 0.003,
                   [](const Small& m, const Tensor& x, const Tensor& y) {
                     return cross_entropy(m(x), y, Reduction::mean);
                   });
  Pass evaluation;
  const auto right_of = [&](const Tensor& said) {
    const double share = number(mean(cast(equal(argmax(said, 1), fresh.y), DType::f64)));
    return "at least " + std::to_string(static_cast<int>(20 * share) * 5) + " %";
  };
  page.table("learners", {{"network", "parameters", "new digits right"},
                          {"vision transformer", text::grouped(parameter_count(learner)),
                           right_of(learner(fresh.x, evaluation))},
                          {"two convolutions", text::grouped(parameter_count(windowed)),
                           right_of(windowed(fresh.x))}});
  page.bind("steps", steps);
  page.bind("small_tokens", 17);
  page.bind("first_loss", text::fixed(curve.front(), 1));
  const Tensor digit32 = cast(digit, DType::f32), halves32 = cast(halves, DType::f32);
  const Tensor before = learner(digit32, evaluation), after = learner(halves32, evaluation);
  page.bind("trained_moves", number(norm(before - after)) / number(norm(before)), 1);

  // InfoNCE by hand.
  const Tensor left{{1, 0}, {0, 1}}, other{{0.8, 0.6}, {0, 1}};
  const Tensor similar = matmul(left, transpose(other));
  const Vector s = numbers(similar);
  const auto share_of = [&](double own, double wrong) {
    return 1 / (1 + std::exp((wrong - own) / temperature));
  };
  page.bind("similar", similar);
  page.bind("temperature", temperature);
  const double share1 = share_of(s[0], s[1]), share2 = share_of(s[3], s[2]);
  page.bind("share1", share1);
  page.bind("share2", share2);
  page.bind("by_hand", -(std::log(share1) + std::log(share2)) / 2, 6);
  page.bind("by_engine", number(info_nce(left, other, temperature)), 6);

  // Pictures and words.
  const Pictures known = pictures(2000, 1, {2000, 64}, DType::f64),
                 unseen = pictures(300, 2, {300, 64}, DType::f64);
  const Key key = key_from_seed(7);
  const Pair start{make_linear(split(key, 0), 64, 32, {.dtype = DType::f64}),
                   make_linear(split(key, 1), 32, 6, {.dtype = DType::f64}),
                   normal_weight(split(key, 2), {10, 6}, 1, DType::f64)};
  Table learned = {{"trained by", "alignment", "uniformity", "right word"}};
  const auto judge = [&](const char* name, const Pair& p) {
    const Tensor x = p.picture(unseen.x), w = p.word(unseen.y);
    const Tensor said = argmax(matmul(x, transpose(unit(p.words))), 1);
    const double share = number(mean(cast(equal(said, unseen.y), DType::f64)));
    const auto short_of = [](double v) { return text::fixed(std::abs(v) < 0.05 ? 0 : v, 1); };
    learned.push_back(
        {name, short_of(number(embedding_alignment(x, w))),
         short_of(number(embedding_uniformity(x))),
         share < 0.3 ? "below 30 %" : "at least " + std::to_string(int(20 * share) * 5) + " %"});
  };
  judge("nothing", start);
  const double heat = 0.2;
  const int rounds = 500;
  const auto train = [&](const StepLoss<Pair>& loss) {
    Pair p = start;
    Vector losses = losses_of<Pair>(p, known, 10, rounds, 0.01, loss);
    return std::pair(p, losses);
  };
  // [contrast]
  const auto contrast = [heat](const Pair& p, const Tensor& x, const Tensor& y) {
    return info_nce(p.picture(x), p.word(y), heat, true);
  };
  // The wrong word of a picture is that of its neighbour in the batch.
  const auto triplet = [](const Pair& p, const Tensor& x, const Tensor& y) {
    const Tensor word = p.word(y);
    const Tensor wrong =
        concatenate({slice_axis(word, 0, {1, 10}), slice_axis(word, 0, {0, 1})}, 0);
    return triplet_margin(p.picture(x), word, wrong, Reduction::mean, 0.5);
  };
  const auto pull_alone = [](const Pair& p, const Tensor& x, const Tensor& y) {
    return embedding_alignment(p.picture(x), p.word(y));
  };
  // [end]
  const auto [by_contrast, contrast_losses] = train(contrast);
  judge("InfoNCE", by_contrast);
  judge("triplets", train(triplet).first);
  judge("alignment alone", train(pull_alone).first);
  page.table("learned", learned);
  page.bind("rounds", rounds);
  page.bind("guess", std::log(10), 1);
  Line line{.label = "loss", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (size_t i = 0; i + 10 <= contrast_losses.size(); i += 10) {
    double total = 0;
    for (size_t k = i; k < i + 10; ++k) total += contrast_losses[k] / 10;
    line.x.push_back(static_cast<double>(i + 5));
    line.y.push_back(total);
  }
  page.picture("contrast", Plot{.id = "contrast",
                                .title = "InfoNCE of pictures and words, means of ten steps",
                                .x_label = "step",
                                .lines = {line},
                                .from_zero = true});
}
