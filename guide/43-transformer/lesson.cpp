// The transformer: its block counted number by number, where the normalisation stands and what that
// does to slopes, a small GPT beside n-grams, its cache, and how the next token is chosen.
#include <gradus/base/html.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/core/work.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/gpt.h>
#include <gradus/nn/init.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/summary.h>
#include <gradus/nn/transformer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/random.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gradus/train/ngram.h>
#include <gradus/train/sampling.h>
#include <gradus/train/step.h>
#include <gradus/train/text.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

using Vector = std::vector<double>;

// ---------------------------------------------------------------------------- exercises

using Count = double(int, int);

// [solution block-parameters]
// The parameters of one block of a GPT: two normalisations (a factor and a shift for each number),
// queries, keys and values in one layer, the layer that joins the heads, and the two layers of the
// network, with `wide` hidden units. Every layer has biases.
double block_parameters(int width, int wide) {
  // [hole (void)width; (void)wide; return 0;]
  const double w = width, h = wide;
  const double norms = 2 * (w + w);
  const double attends = w * 3 * w + 3 * w, joins = w * w + w;
  const double network = (w * h + h) + (h * w + w);
  return norms + attends + joins + network;
  // [end hole]
}
// [end]

using Keep = Vector(const Vector&, double);

// [solution nucleus]
// [include <algorithm>]
// p: the probabilities of all tokens, in the order of the tokens. Keeps the fewest likeliest tokens
// whose probabilities add up to `share` at least, sets the others to 0, and makes the rest sum to 1
// again.
std::vector<double> nucleus(const std::vector<double>& p, double share) {
  std::vector<double> out(p.size());
  // [hole (void)share;]
  std::vector<size_t> order;
  for (size_t i = 0; i < p.size(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
  double kept = 0;
  for (const size_t i : order) {
    if (kept >= share) break;
    out[i] = p[i];
    kept += p[i];
  }
  for (double& x : out) x /= kept;
  // [end hole]
  return out;
}
// [end]

using Warm = Vector(const Vector&, double);

// [solution with-temperature]
// Probabilities of the tokens from their logits at a temperature above 0. Logits may be large.
std::vector<double> with_temperature(const std::vector<double>& logits, double temperature) {
  std::vector<double> p;
  // [hole (void)logits; (void)temperature;]
  double largest = logits[0], total = 0;
  for (const double z : logits) largest = z > largest ? z : largest;
  for (const double z : logits) total += std::exp((z - largest) / temperature);
  for (const double z : logits) p.push_back(std::exp((z - largest) / temperature) / total);
  // [end hole]
  return p;
}
// [end]

// Shares of e^(scale(z)).
template <class Scale>
Vector shares(const Vector& z, const Scale& scale) {
  Vector p;
  for (const double x : z) p.push_back(scale(x));
  const double top = std::ranges::max(p);
  double total = 0;
  for (double& x : p) total += x = std::exp(x - top);
  for (double& x : p) x /= total;
  return p;
}

// The tokens for which `keep(place among the likeliest, sum before, sum with it)`, as they are or
// made to sum to 1.
template <class Keeps>
Vector kept(const Vector& p, bool divides, const Keeps& keep) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return p[a] > p[b]; });
  Vector out(p.size());
  double before = 0, total = 0;
  for (size_t n = 0; n < order.size(); ++n) {
    const double own = p[order[n]];
    if (keep(n, before, before + own)) {
      out[order[n]] = own;
      total += own;
    }
    before += own;
  }
  if (divides)
    for (double& x : out) x /= total;
  return out;
}

void exercises(Page& page) {
  page.exercise(Predict{
      .name = "tied-head",
      .answer = 24704,
      .tolerance = 1e-6,
      .wrong = {
          {33024, "head counted beside the table",
           "The head is the table of tokens once more, turned. Tied, it counts once."},
          {8320, "places forgotten", "There is a second table, with a row for each place."},
          {16384, "tokens forgotten", "That is the table of places. There is one of tokens, too."},
          {193, "width forgotten", "Each token has a row of numbers, not one number."},
          {24769, "bias given to the head", "The head of a GPT has no bias."},
          {1064960, "tables multiplied", "Two tables: their numbers add up."},
          {16640, "head counted, places not",
           "Token and head are one table. Places are another."}}});
  page.exercise(Choose{
      .name = "where-norm-stands",
      .answer = "pre",
      .choices = {
          {"pre", "in front of each part, so that the sum of inputs runs through untouched", "",
           ""},
          {"post", "behind each sum, so that every block hands on numbers of one size",
           "post-norm needs a slow start",
           "Then each slope passes through every normalisation on its way. Deep stacks of that "
           "kind need a warm-up of the rate."},
          {"none", "nowhere, the residual sums are enough", "sums that grow",
           "Without any, the numbers grow from block to block, and attention saturates."},
          {"once", "only once, before the head", "one norm for all",
           "The last one is there as well. But the inputs of every part would grow with depth."},
          {"inside", "between the two layers of the network", "norm in the wrong part",
           "The inputs of attention would be of any size."},
          {"batch", "over the examples of a batch, as in vision networks", "batch norm for texts",
           "Statistics over a batch depend on how long the texts are, and on who else is in "
           "it."}}});
  struct Sizes {
    int width, wide;
  };
  static const Sizes sizes[] = {{8, 32}, {768, 3072}, {10, 25}};
  page.exercise(fill(Numeric<Count>{
      .name = "block-parameters",
      .solution = block_parameters,
      .cases = 3,
      .call = [](Count* f, int i) { return Vector{f(sizes[i].width, sizes[i].wide)}; },
      .where =
          [](int i) {
            return "width " + std::to_string(sizes[i].width) + ", " +
                   std::to_string(sizes[i].wide) + " hidden units";
          },
      .mistakes = {{"biases forgotten", "Every layer has a bias for each of its outputs.",
                    [](int w, int h) { return 4.0 * w + 4.0 * w * w + 2.0 * w * h; }},
                   {"norms forgotten", "A normalisation has a factor and a shift for each number.",
                    [](int w, int h) { return block_parameters(w, h) - 4.0 * w; }},
                   {"one norm", "There are two: one before attention and one before the network.",
                    [](int w, int h) { return block_parameters(w, h) - 2.0 * w; }},
                   {"joining layer forgotten", "The joined heads go through one more layer.",
                    [](int w, int h) { return block_parameters(w, h) - 1.0 * w * w - w; }},
                   {"queries alone", "Queries, keys and values: three times the width comes out.",
                    [](int w, int h) { return block_parameters(w, h) - 2.0 * w * w - 2.0 * w; }},
                   {"one way of the network",
                    "The network goes from the width to the hidden units and back.",
                    [](int w, int h) { return block_parameters(w, h) - 1.0 * w * h - w; }},
                   {"four times the width assumed",
                    "The number of hidden units is given. It need not be four times the width.",
                    [](int w, int) { return block_parameters(w, 4 * w); }}}}));
  static const Vector chances[] = {
      {0.1, 0.4, 0.05, 0.3, 0.15}, {0.25, 0.25, 0.5}, {0.05, 0.9, 0.05}};
  static const double wanted[] = {0.8, 0.7, 0.6};
  page.exercise(fill(Numeric<Keep>{
      .name = "nucleus",
      .solution = nucleus,
      .cases = 3,
      .call = [](Keep* f, int i) { return f(chances[i], wanted[i]); },
      .where =
          [](int i) {
            return "probabilities " + listed(chances[i]) + "; share " + shown(wanted[i]);
          },
      .mistakes = {{"token that reaches the share left out",
                    "The sum must reach the share: the token that carries it over is kept, too.",
                    [](const Vector& p, double share) {
                      return kept(p, true, [&](size_t n, double, double with) {
                        return n == 0 || with <= share;
                      });
                    }},
                   {"not made to sum to 1", "What is left is divided by its sum.",
                    [](const Vector& p, double share) {
                      return kept(p, false,
                                  [&](size_t, double sum, double) { return sum < share; });
                    }},
                   {"one token too many", "Stop as soon as the share is reached.",
                    [](const Vector& p, double share) {
                      double last = 0;
                      return kept(p, true, [&](size_t, double sum, double with) {
                        const bool takes = last < share;
                        last = sum;
                        (void)with;
                        return takes;
                      });
                    }},
                   {"in the order of the tokens",
                    "Begin with the likeliest token, not with the first.",
                    [](const Vector& p, double share) {
                      Vector out(p.size());
                      double total = 0;
                      for (size_t i = 0; i < p.size() && total < share; ++i) total += out[i] = p[i];
                      for (double& x : out) x /= total;
                      return out;
                    }},
                   {"share taken for a bound", "The share bounds the sum, not each probability.",
                    [](const Vector& p, double share) {
                      Vector out = p;
                      double total = 0;
                      for (double& x : out) total += x = x <= share ? x : 0;
                      for (double& x : out) x /= total;
                      return out;
                    }},
                   {"likeliest alone", "This is temperature 0. More than one token may be needed.",
                    [](const Vector& p, double) {
                      return kept(p, true, [](size_t n, double, double) { return n == 0; });
                    }},
                   {"unlikeliest first", "You kept the tail, and threw away what is likely.",
                    [](const Vector& p, double share) {
                      return kept(p, true,
                                  [&](size_t, double sum, double) { return 1 - sum <= share; });
                    }}}}));
  static const Vector scores[] = {{2, 1, 0.1}, {-1, 3, 0, 0.5}, {1800, 1801}};
  static const double warmth[] = {0.5, 2, 1.5};
  page.exercise(fill(Numeric<Warm>{
      .name = "with-temperature",
      .solution = with_temperature,
      .cases = 3,
      .call = [](Warm* f, int i) { return f(scores[i], warmth[i]); },
      .where =
          [](int i) { return "logits " + listed(scores[i]) + "; temperature " + shown(warmth[i]); },
      .mistakes =
          {{"multiplied by the temperature", "A high temperature evens out: divide by it.",
            [](const Vector& z, double t) { return shares(z, [&](double x) { return x * t; }); }},
           {"temperature forgotten", "This is the softmax of the logits as they are.",
            [](const Vector& z, double) { return shares(z, [](double x) { return x; }); }},
           {"divided after the exp",
            "A factor behind exp cancels in the shares. Divide the logits, before exp.",
            [](const Vector& z, double t) {
              Vector p = shares(z, [](double x) { return x; });
              for (double& x : p) x /= t;
              return p;
            }},
           {"logits too large for exp",
            "Right for small logits. Take the largest off before exp: e to the 710 is infinite.",
            [](const Vector& z, double t) {
              Vector p;
              double total = 0;
              for (const double x : z) total += p.emplace_back(std::exp(x / t));
              for (double& x : p) x /= total;
              return p;
            }},
           {"not made to sum to 1", "Divide by the sum of all.",
            [](const Vector& z, double t) {
              const double top = std::ranges::max(z);
              Vector p;
              for (const double x : z) p.push_back(std::exp((x - top) / t));
              return p;
            }},
           {"power of 2 instead of e", "The softmax takes e to the power, not 2.",
            [](const Vector& z, double t) {
              return shares(z, [&](double x) { return x / t * std::log(2.0); });
            }},
           {"logits made to sum to 1", "Logits may be negative. Take exp first.",
            [](const Vector& z, double t) {
              double total = 0;
              for (const double x : z) total += x / t;
              Vector p;
              for (const double x : z) p.push_back(x / t / total);
              return p;
            }}}}));
}

// ---------------------------------------------------------------------------- slopes through depth

// Blocks in a row, normalised before each part or behind each sum, with the starting weights of
// torch.nn.Transformer: Xavier's rule for every matrix.
struct Stack {
  std::vector<TransformerEncoderLayer> layers;

  Tensor operator()(Tensor h) const {
    Pass pass;
    for (const TransformerEncoderLayer& layer : layers) h = layer(h, pass);
    return h;
  }

  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    for (size_t i = 0; i < self.layers.size(); ++i) visit(std::to_string(i), self.layers[i]);
  }
};
Stack make_stack(int64_t depth, int64_t width, bool norm_first) {
  Stack stack;
  for (int64_t i = 0; i < depth; ++i) {
    const Key key = split(key_from_seed(4), static_cast<uint64_t>(i));
    TransformerEncoderLayer layer = make_encoder_layer(
        key, width, 2, 4 * width, {.dropout = 0, .norm_first = norm_first, .dtype = DType::f64});
    const auto xavier = [&](uint64_t part, int64_t out, int64_t in) {
      return Linear{initial_weight("xavier", split(key, 10 + part), out, in, DType::f64),
                    zeros({out})};
    };
    layer.linear1 = xavier(0, 4 * width, width);
    layer.linear2 = xavier(1, width, 4 * width);
    layer.self_attn.out_proj = xavier(2, width, width);
    stack.layers.push_back(std::move(layer));
  }
  return stack;
}

Tensor normal(uint64_t seed, const Shape& shape) {
  return random_normal(key_tensor(key_from_seed(seed)), shape);
}

struct Flow {
  Vector slopes;      // the length of the loss's slope by the first layer of each block's network
  double stream = 0;  // the root mean square of what comes out
};
// [flow]
Flow flow_of(const Stack& stack, const Tensor& x, const Tensor& target) {
  const auto loss = [&](const Stack& s) {
    const Tensor h = s(x);
    return mean(square(layer_norm(h) - target));
  };
  const std::vector<Tensor> grads = gradients(stack, loss).grads;
  const StateDict names = named_parameters(stack);
  Flow flow{.stream = std::sqrt(number(mean(square(stack(x)))))};
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i].first.ends_with("linear1.weight")) flow.slopes.push_back(number(norm(grads[i])));
  return flow;
}
// [end]

// Rows of random numbers in, the same rows in the opposite order out: the loss after some steps of
// Adam, whose rate may grow from 0 over the first half of them.
double trained_loss(bool norm_first, double rate, bool warms_up) {
  constexpr int64_t depth = 8, width = 16;
  constexpr int steps = 40;
  const Stack stack = make_stack(depth, width, norm_first);
  const Tensor rows = normal(1, {6, 8, width});
  const Tensor x = rows + sinusoidal_positions(8, width, DType::f64);
  const Tensor target = layer_norm(flip(rows, {1}));
  StepOptions<Stack> options;
  options.takes_rate = true;
  const RecordedStep step = record_step<Stack>(
      stack,
      [](const Stack& s, const Tensor& in, const Tensor& out) {
        return mean(square(layer_norm(s(in)) - out));
      },
      x.type(), target.type(), options);
  Plan plan = plan_of(step);
  plan.set(step.x(), x);
  plan.set(step.target(), target);
  for (int i = 1; i <= steps; ++i) {
    plan.set(step.rate(), Tensor(warms_up ? rate * std::min(1.0, 2.0 * i / steps) : rate));
    plan.run();
  }
  return number(plan.output_tensor(step.loss()));
}

// ---------------------------------------------------------------------------- a small GPT

// What an animal says at the end of a line depends on the first one in it.
std::string animal_text(int lines) {
  const char* animals[][2] = {
      {"cat", "purred"}, {"dog", "barked"}, {"bee", "buzzed"}, {"owl", "hooted"}};
  const Key key = key_from_seed(11);
  std::string text;
  for (int i = 0; i < lines; ++i) {
    int64_t who[2];
    fill_integers(split(key, static_cast<uint64_t>(i)), 0, 4, who);
    text += std::string("the ") + animals[who[0]][0] + " met the " + animals[who[1]][0] + ". it " +
            animals[who[0]][1] + ".\n";
  }
  return text;
}

struct Learned {
  Gpt gpt;
  Vector steps, losses;  // held out
};
Learned learn(const GptSpec& spec, const TextWindows& text, const TextWindows& held, int steps,
              double rate) {
  // [learn]
  const Gpt start = make_gpt(key_from_seed(3), spec, DType::f64);
  StepOptions<Gpt> options;
  options.optimiser.lr = rate;
  constexpr int64_t batch = 8;
  const Type x = text.x(batch), y = text.target(batch);
  using In = const Tensor&;
  const auto loss = [](const Gpt& m, In tokens, In next, Pass& pass) {
    return cross_entropy(m(tokens, pass), next, Reduction::mean);
  };
  const RecordedStep step = record_step<Gpt>(start, loss, x, y, options);
  Plan plan = plan_of(step);
  // [end]
  std::vector<int64_t> all(static_cast<size_t>(held.count()));
  std::iota(all.begin(), all.end(), int64_t{0});
  const Rows asked = tensors_of(held, all);
  Learned result;
  Pass pass;
  for (int i = 0; i <= steps; ++i) {
    if (i % (steps / 10) == 0) {
      result.gpt = with_parameters(start, unflatten(plan.input_tensor(0), parameters(start)));
      result.steps.push_back(i);
      result.losses.push_back(number(loss(result.gpt, asked.x, asked.target, pass)));
    }
    if (i == steps) break;
    std::vector<int64_t> rows(batch);
    for (size_t r = 0; r < rows.size(); ++r)
      rows[r] = (i * batch + static_cast<int64_t>(r)) % text.count();
    const Rows some = tensors_of(text, rows);
    plan.set(step.x(), some.x);
    plan.set(step.target(), some.target);
    plan.run();
  }
  return result;
}

// What the first block of a GPT looks at from the last of these tokens: (heads, tokens).
Tensor looks(const Gpt& m, const Tensor& tokens) {
  const int64_t n = tokens.shape()[1], width = m.wte.weight.shape()[1];
  const GptBlock& block = m.blocks[0];
  const Tensor read = m.wte(tokens);
  const Tensor qkv = block.c_attn(block.ln_1(read + slice(m.wpe.weight, {{0, n}})));
  const auto part = [&](int64_t i) {
    return split_heads(slice_axis(qkv, -1, {i * width, (i + 1) * width}), block.heads);
  };
  const Tensor queries = part(0), keys = part(1);
  const Tensor w = attention_weights(queries, keys, {.causal = true});
  return squeeze(slice_axis(row(w, 0), 1, {n - 1, n}), 1);
}

// [write]
// The likeliest character each time, up to the end of the line. The
// cache holds the keys and values of what was read before.
using Text = std::string_view;
std::string write_on(const Gpt& m, const Characters& abc, Text prompt) {
  GptCache cache;
  std::string text;
  Tensor next = expand_dims(from_vector(abc.encode(prompt)), 0);
  while (cache.tokens + next.shape()[1] <= m.wpe.weight.shape()[0]) {
    const Tensor logits = row(m(next, cache), 0);  // (tokens, vocabulary)
    const Tensor best = argmax(row(logits, logits.shape()[0] - 1));
    const int64_t token[] = {static_cast<int64_t>(number(best))};
    const std::string letter = abc.decode(token);
    if (letter == "\n") break;
    text += letter;
    next = reshape(best, {1, 1});
  }
  return text;
}
// [end]

std::string bounded(double apart, double bound) {
  return apart < bound ? "less than " + shown(bound) : shown(apart, 1);
}

// One block: the stream runs through, two parts read from it and add to it.
Drawing block_picture() {
  const std::string terminal =
      "x ──┬─────────────────────────▶ + ──┬───────────────────────▶ + ──▶ y\n"
      "    └──▶ norm ──▶ attention ──▶ ┘   └──▶ norm ──▶ network ──▶ ┘\n";
  std::string alt =
      "The stream runs from x to y in a straight line. Attention and the network each read a "
      "normalised copy of it and add their result.";
  std::string marks;
  const auto write = [&](int x, int y, const std::string& words, const char* colour) {
    marks += "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) +
             "\" style=\"text-anchor:middle;font-size:13px;fill:" + colour + "\">" + words +
             "</text>";
  };
  const auto path = [&](const std::string& d, const char* colour) {
    marks += "<path d=\"" + d + "\" fill=\"none\" stroke=\"" + colour + "\"/>";
  };
  write(14, 34, "x", "var(--ink)");
  write(506, 34, "y", "var(--ink)");
  path("M24 30L240 30M260 30L470 30M490 30L496 30", "var(--accent)");
  const auto part = [&](int from, int to, const std::string& name) {
    const auto at = [](int x, int y) { return std::to_string(x) + " " + std::to_string(y); };
    path("M" + at(from, 30) + "L" + at(from, 80) + "L" + at(from + 14, 80) + "M" +
             at(from + 86, 80) + "L" + at(to - 106, 80) + "M" + at(to - 34, 80) + "L" + at(to, 80) +
             "L" + at(to, 40),
         "var(--muted)");
    write(to, 35, "+", "var(--ink)");
    for (const auto& [x, words] : {std::pair{from + 50, std::string("norm")}, {to - 70, name}}) {
      marks += "<rect x=\"" + std::to_string(x - 36) +
               "\" y=\"68\" width=\"72\" height=\"24\" "
               "rx=\"6\" fill=\"none\" stroke=\"var(--line)\"/>";
      write(x, 85, words, "var(--ink)");
    }
  };
  part(40, 250, "attention");
  part(276, 480, "network");
  std::string svg = "<svg viewBox=\"0 0 520 104\" role=\"img\" aria-label=\"" + escape_html(alt) +
                    "\">" + marks + "</svg>";
  return {.terminal = terminal, .svg = svg, .alt = std::move(alt)};
}

// ---------------------------------------------------------------------------- the page

void counting(Page& page) {
  page.picture("block", block_picture());
  // [count]
  const Undrawn shapes_alone;
  const Gpt gpt2 = make_gpt(key_from_seed(0), GptSpec{});
  // [end]
  const int64_t width = 768;
  Table block = {{"part", "what", "shape", "numbers"}};
  const std::pair<const char*, const char*> says[] = {
      {"ln_1", "normalisation"},      {"attn.c_attn", "queries, keys, values"},
      {"attn.c_proj", "joins heads"}, {"ln_2", "normalisation"},
      {"mlp.c_fc", "network, out"},   {"mlp.c_proj", "network, back"}};
  int64_t of_block = 0;
  each_parameter(gpt2.blocks[0], [&](const std::string& path, const Tensor& x) {
    std::string what, shape;
    for (const auto& [name, words] : says)
      if (path.starts_with(name)) what = words;
    for (const int64_t n : x.shape()) shape += (shape.empty() ? "" : " × ") + std::to_string(n);
    block.push_back({path, what, shape, text::grouped(x.size())});
    of_block += x.size();
  });
  block.push_back({"sum", "", "", text::grouped(of_block)});
  page.table("block", block);
  page.bind("width", width);
  page.bind("squares", 12 * width * width);
  page.bind("rest", 13 * width);
  const int64_t of_tokens = gpt2.wte.weight.size(), of_places = gpt2.wpe.weight.size(),
                blocks = static_cast<int64_t>(gpt2.blocks.size());
  page.table("whole",
             {{"part", "how", "numbers"},
              {"wte", "50 257 tokens × 768", text::grouped(of_tokens)},
              {"wpe", "1 024 places × 768", text::grouped(of_places)},
              {"h", "12 blocks × " + text::grouped(of_block), text::grouped(blocks * of_block)},
              {"ln_f", "2 × 768", text::grouped(2 * width)},
              {"head", "wte once more", "0"},
              {"sum", "", text::grouped(of_tokens + of_places + blocks * of_block + 2 * width)}});
  page.bind("gpt2", parameter_count(gpt2));
  page.bind("tied", of_tokens);
  const auto chosen = [&](const char* name, double standard) {
    return static_cast<int64_t>(std::clamp(page.set(name, standard), 1.0, 1e6));
  };
  const GptSpec yours{.vocabulary = chosen("vocabulary", 65),
                      .context = chosen("context", 128),
                      .width = chosen("width", 128),
                      .heads = 1,
                      .layers = chosen("layers", 4)};
  page.bind("yours", parameter_count(yours));
  page.bind("yours_spec", std::to_string(yours.layers) + " blocks of width " +
                              text::grouped(yours.width) + ", " + text::grouped(yours.vocabulary) +
                              " tokens and " + text::grouped(yours.context) + " places");
  const Model model("GPT-2", gpt2);
  const ModelSummary all = summarise(model, {DType::i64, {1, 1024}});
  page.bind("operations", all.flops / 1024 / 1e6, 0);
  page.bind("operations_ratio", all.flops / 1024 / static_cast<double>(parameter_count(gpt2)), 2);
  page.bind("full", 1024);
}

void depths(Page& page) {
  constexpr int64_t width = 32;
  const Tensor x = normal(1, {2, 8, width}), target = normal(2, {2, 8, width});
  Table table = {{"blocks", "last slope, behind", "last slope, in front", "stream, behind",
                  "stream, in front"}};
  std::vector<Line> lines;
  for (const int64_t depth : {6, 12, 24}) {
    const Flow behind = flow_of(make_stack(depth, width, false), x, target),
               front = flow_of(make_stack(depth, width, true), x, target);
    table.push_back({std::to_string(depth), shown(behind.slopes.back(), 3),
                     shown(front.slopes.back(), 3), shown(behind.stream, 2),
                     shown(front.stream, 2)});
    if (depth != 24) continue;
    for (const bool first : {false, true}) {
      Line line{.label = first ? "in front" : "behind",
                .x = {},
                .y = first ? front.slopes : behind.slopes,
                .colour = first ? "var(--accent)" : "var(--ink)"};
      for (size_t i = 0; i < line.y.size(); ++i) line.x.push_back(static_cast<double>(i + 1));
      lines.push_back(line);
    }
  }
  page.table("depths", table);
  page.picture("flow", Plot{.id = "flow",
                            .title = "Length of the slope by each block's network, 24 blocks",
                            .x_label = "block",
                            .lines = lines,
                            .from_zero = true});
  page.bind("stack_width", width);
  const double rate = std::clamp(page.set("rate", 0.01), 1e-5, 1.0), slow = 0.3 * rate;
  Table race = {{"normalised", "rate", "loss after 40 steps"}};
  const auto add = [&](const char* name, bool norm_first, double of, bool warms_up) {
    const double loss = trained_loss(norm_first, of, warms_up);
    race.push_back(
        {name, shown(of) + (warms_up ? ", reached after 20 steps" : ""), shown(loss, 2)});
    return loss;
  };
  const double broken = add("behind", false, rate, false);
  add("behind", false, slow, false);
  add("behind", false, rate, true);
  const double healthy = add("in front", true, rate, false);
  page.table("race", race);
  page.bind(
      "race_says",
      broken > 4 * healthy
          ? "Behind, the first large steps break the stack, and it does not recover in time. A "
            "smaller rate saves it, or a warm-up: a rate that grows from nothing. In front "
            "neither is needed."
          : "At this rate the two are not far apart. The larger the rate, the more a stack "
            "with the norm behind needs a warm-up: a rate that grows from nothing.");
  page.bind("race_blocks", 8);
  page.bind("race_rows", 8);
}

void small_gpt(Page& page) {
  const std::string text = animal_text(400);
  const Characters letters(text);
  const std::vector<int64_t> tokens = letters.encode(text);
  constexpr int64_t line_length = 32;
  const size_t cut = 360 * line_length;
  const std::vector<int64_t> seen(tokens.begin(), tokens.begin() + cut),
      held(tokens.begin() + cut, tokens.end());
  page.output("text", text.substr(0, 3 * line_length));
  const auto steps = static_cast<int>(std::clamp(page.set("steps", 140.0), 10.0, 2000.0));
  const GptSpec spec{
      .vocabulary = letters.count(), .context = line_length, .width = 16, .heads = 2, .layers = 1};
  const Learned learned =
      learn(spec, TextWindows(seen, line_length), TextWindows(held, line_length), steps, 0.01);
  Line curve{.label = "GPT", .x = learned.steps, .y = learned.losses, .colour = "var(--accent)"};
  Plot plot{.id = "losses",
            .title = "Loss on lines that were held out, in nats a character",
            .x_label = "step",
            .lines = {curve},
            .rules = {},
            .log = true};
  Table losses = {{"model", "what it knows", "nats a character"}};
  for (const int order : {1, 2, 3, 5, 8}) {
    const double loss = NGram(seen, letters.count(), order).loss(held);
    losses.push_back({std::to_string(order) + "-gram",
                      order == 1 ? "how often each character is there"
                                 : "counts after " + std::to_string(order - 1) +
                                       (order == 2 ? " character" : " characters"),
                      shown(loss, 3)});
    if (order == 2 || order == 5)
      plot.rules.push_back({.label = std::to_string(order) + "-gram", .y = loss});
  }
  losses.push_back({"GPT", std::to_string(line_length) + " characters, by attention",
                    shown(learned.losses.back(), 3)});
  losses.push_back({"the rule itself", "two animals of four in a line",
                    shown(2 * std::log(4.0) / line_length, 3)});
  page.table("losses", losses);
  page.picture("losses", plot);
  page.bind("line_length", line_length);
  page.bind("steps", steps);
  page.bind("small", parameter_count(learned.gpt));
  page.bind("small_width", spec.width);
  page.bind("lines_seen", 360);
  page.bind("lines_held", 40);

  // Where it looks, and what it writes.
  Table written = {{"read", "written"}};
  const std::string prompts[] = {"the cat met the owl. it ", "the owl met the cat. it ",
                                 "the bee met the dog. it ", "the dog met the dog. it "};
  for (const std::string& prompt : prompts)
    written.push_back({prompt, write_on(learned.gpt, letters, prompt)});
  page.table("written", written);
  const Tensor asked = expand_dims(from_vector(letters.encode(prompts[0])), 0);
  const Tensor at = looks(learned.gpt, asked);
  Table seen_at = {{"head", "first animal", "second animal", "all the rest", "most at one place"}};
  for (int64_t h = 0; h < 2; ++h) {
    const Vector w = numbers(row(at, h));
    const auto share = [&](size_t from) { return w[from] + w[from + 1] + w[from + 2]; };
    const double first = share(4), second = share(16);
    const auto most = static_cast<size_t>(std::ranges::max_element(w) - w.begin());
    seen_at.push_back({std::to_string(h + 1), text::fixed(first, 2), text::fixed(second, 2),
                       text::fixed(1 - first - second, 2),
                       "'" + prompts[0].substr(most, 1) + "', character " +
                           std::to_string(most + 1) + ": " + text::fixed(w[most], 2)});
  }
  page.table("looks", seen_at);
  page.bind("prompt", prompts[0].substr(0, prompts[0].size() - 1));

  // The cache.
  const Gpt writer = make_gpt(
      key_from_seed(1), {.vocabulary = 65, .context = 128, .width = 32, .heads = 2, .layers = 2});
  Table costs = {{"tokens written", "all again, million operations", "with a cache", "ratio"}};
  double apart = 0;
  for (const int64_t n : {8, 32, 128}) {
    const Tensor all = reshape(iota(n), {1, n}) - 65 * cast(greater_equal(iota(n), 65), DType::i64);
    Pass pass;
    Tensor again, cached;
    double cost[2];
    {
      const WorkCounter work;
      for (int64_t i = 1; i <= n; ++i) again = writer(slice_axis(all, 1, {0, i}), pass);
      cost[0] = work.operations();
    }
    {
      const WorkCounter work;
      GptCache cache;
      for (int64_t i = 0; i < n; ++i) cached = writer(slice_axis(all, 1, {i, i + 1}), cache);
      cost[1] = work.operations();
    }
    apart = std::max(apart, number(max(abs(row(row(again, 0), n - 1) - row(row(cached, 0), 0)))));
    costs.push_back({std::to_string(n), shown(cost[0] / 1e6, 2), shown(cost[1] / 1e6, 2),
                     shown(cost[0] / cost[1], 1)});
  }
  page.table("costs", costs);
  page.bind("cache_apart", bounded(apart, 1e-5));
}

void choosing(Page& page) {
  const std::vector<float> logits{3.0f, 2.0f, 1.5f, 0.5f, -1.0f};
  const double t = std::clamp(page.set("temperature", 0.5), 0.0, 100.0),
               share = std::clamp(page.set("top_p", 0.8), 0.01, 1.0);
  const auto kept_most = static_cast<int64_t>(std::clamp(page.set("top_k", 2.0), 1.0, 5.0));
  // [choose]
  const Vector plain = token_probabilities(logits, {});
  const Vector cool = token_probabilities(logits, {.temperature = t});
  const Vector hot = token_probabilities(logits, {.temperature = 2});
  const Vector few = token_probabilities(logits, {.top_k = kept_most});
  const Vector core = token_probabilities(logits, {.top_p = share});
  // [end]
  Table table = {{"token", "logit", "as it is", "temperature " + shown(t), "temperature 2",
                  "top-k " + std::to_string(kept_most), "top-p " + shown(share)}};
  const char* words[] = {"purred", "slept", "sat", "sang", "the"};
  for (size_t i = 0; i < logits.size(); ++i)
    table.push_back({words[i], shown(static_cast<double>(logits[i])), text::fixed(plain[i], 3),
                     text::fixed(cool[i], 3), text::fixed(hot[i], 3), text::fixed(few[i], 3),
                     text::fixed(core[i], 3)});
  page.table("choices", table);
  page.bind("top_k", kept_most);
  page.bind("share", share);
}
}  // namespace

LESSON(page) {
  counting(page);
  depths(page);
  small_gpt(page);
  choosing(page);
  exercises(page);
}
