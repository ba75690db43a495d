// Why order matters, a recurrent network and its slopes by hand, what distance does to them, and
// the gates of an LSTM and a GRU.
#include <gradus/base/text.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/linalg/spectral.h>
#include <gradus/nn/init.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/recurrent.h>
#include <gradus/train/step.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

using Vector = std::vector<double>;

// ---------------------------------------------------------------------------- exercises

using Through = double(double, const Vector&);

// [solution slope-through-time]
// h = tanh(w h + x), from h = 0, over all x in their order. Returns the slope of the last h by w,
// which is used at every step.
double slope_through_time(double w, const std::vector<double>& x) {
  // [hole (void)w; (void)x; return 0;]
  double h = 0, slope = 0;
  for (const double now : x) {
    const double next = std::tanh(w * h + now);
    slope = (1 - next * next) * (h + w * slope);
    h = next;
  }
  return slope;
  // [end hole]
}
// [end]

// The same with a rule of one's own for the slope after a step: from the slope before it, the state
// before it and the state after it.
template <class Rule>
double slopes_by(double w, const Vector& x, const Rule& rule) {
  double h = 0, slope = 0;
  for (const double now : x) {
    const double next = std::tanh(w * h + now);
    slope = rule(slope, h, next);
    h = next;
  }
  return slope;
}

using Gates = Vector(double, double, double, double, double);

// [solution lstm-step]
// The sums of the four gates of one unit before their functions, and the old cell. Returns the new
// h and the new c.
std::vector<double> lstm_gates(double i, double f, double g, double o, double c) {
  std::vector<double> h_and_c;
  // [hole (void)i; (void)f; (void)g; (void)o; (void)c;]
  const auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
  const double next = sigmoid(f) * c + sigmoid(i) * std::tanh(g);
  h_and_c = {sigmoid(o) * std::tanh(next), next};
  // [end hole]
  return h_and_c;
}
// [end]

double bend(double z) {
  return 1 / (1 + std::exp(-z));
}

void exercises(Page& page) {
  page.exercise(Choose{
      .name = "which-word-bites",
      .answer = "bag",
      .choices = {
          {"bag", "a network on the sum of the word vectors: it cannot tell them apart", "", ""},
          {"rnn", "a recurrent network: it forgets the first word",
           "forgetting taken for blindness",
           "Its state after three words still depends on which came first, if weakly."},
          {"lstm", "an LSTM: its gates are the same for every word",
           "shared weights taken for a sum",
           "The weights are shared, but each step starts from another state."},
          {"places", "a network with inputs of its own for each place: it mixes them up",
           "places taken for a bag",
           "It has other weights for the first word than for the third. Its trouble is another."},
          {"none", "none: different words are different numbers", "words taken for their order",
           "The words are the same in both sentences. What differs is their order."},
          {"all", "all of them: no network knows grammar", "grammar asked for",
           "Grammar is not the point. Does the output change when two words change places?"},
          {"trained", "an untrained network of any kind", "training taken for structure",
           "A sum stays a sum, whatever was learned."}}});
  page.exercise(Choose{
      .name = "why-not-feed-forward",
      .answer = "own-weights",
      .choices = {
          {"own-weights", "weights of its own for each place, and a fixed number of places", "",
           ""},
          {"no-order", "it cannot see the order at all", "places taken for a bag",
           "It can: another place has other weights. That is more than is good for it."},
          {"no-bend", "it has no bend between its layers", "a linear network",
           "Feed-forward networks bend as well as others."},
          {"too-small", "too few weights for a long text", "size taken for structure",
           "It has too many: they grow with the length of the text, and most are hardly trained."},
          {"no-words", "it takes numbers, and words are none", "encoding taken for the trouble",
           "Every network needs numbers. Words become vectors in all of them."},
          {"gradients", "its slopes vanish with the length of the text", "the trouble of the other",
           "That happens where a state goes through many steps. Here each word is one step away."},
          {"random", "it gives another answer each time", "chance suspected",
           "With the same weights it gives the same answer."}}});
  page.exercise(Predict{
      .name = "third-state",
      .answer = std::tanh(0.5 * std::tanh(0.5 * std::tanh(1.0)) + 1),
      .tolerance = 5e-4,
      .wrong = {
          {0.179726, "last input ignored", "The third x is 1, not 0: it is added to the sum."},
          {0.761594, "state ignored", "This is tanh(1). The state before comes in as well."},
          {0.87691, "weight of the state forgotten", "Only half of the old state comes in."},
          {1.1817, "bend forgotten", "This is the sum. The state is its tanh."},
          {0.881161, "old state taken", "You used the state after the first step twice."},
          {0.593176, "weight on the input as well", "The 0.5 multiplies the state, not x."},
          {0.848284, "bent only at the end", "Each step bends before the next one begins."}}});
  page.exercise(Predict{
      .name = "lstm-parameters",
      .answer = 192,
      .tolerance = 1e-6,
      .wrong = {
          {176, "one bias", "PyTorch's LSTM has two, one beside each matrix."},
          {160, "no bias", "Each gate has biases, too."},
          {48, "one gate", "This is one gate. There are four with weights of their own."},
          {144, "three gates",
           "That is a GRU. An LSTM has the input, forget and output gates and "
           "the candidate."},
          {128, "state not read", "Each gate reads the four numbers of the old state as well."},
          {256, "cell read by the gates", "Gates read the input and h. They do not look at c."},
          {112, "one bias and no state", "Each gate has two matrices and two biases."}}});
  static const struct {
    double w;
    Vector x;
  } runs[] = {{0.5, {1, 0, 0}}, {0.9, {0.3, -0.7, 1.2, 0.1}}, {-1.3, {0.5, 0.25}}};
  page.exercise(fill(Numeric<Through>{
      .name = "slope-through-time",
      .solution = slope_through_time,
      .cases = 3,
      .call = [](Through* f, int i) { return Vector{f(runs[i].w, runs[i].x)}; },
      .where = [](int i) { return "w = " + shown(runs[i].w) + ", x = " + listed(runs[i].x); },
      .mistakes =
          {{"last step only", "w has acted at every step before as well. Carry its slope along.",
            [](double w, const Vector& x) {
              return slopes_by(w, x, [](double, double h, double to) { return (1 - to * to) * h; });
            }},
           {"slope of the bend forgotten", "Each step ends with a tanh. Its slope is a factor.",
            [](double w, const Vector& x) {
              return slopes_by(w, x, [w](double s, double h, double) { return h + w * s; });
            }},
           {"weight forgotten on the way", "The old slope comes through the state, times w.",
            [](double w, const Vector& x) {
              return slopes_by(
                  w, x, [](double s, double h, double to) { return (1 - to * to) * (h + s); });
            }},
           {"state after instead of before", "w multiplies the state before the step.",
            [](double w, const Vector& x) {
              return slopes_by(
                  w, x, [w](double s, double, double to) { return (1 - to * to) * (to + w * s); });
            }},
           {"steps added without the way between",
            "What w did at an early step reaches the end through all later steps.",
            [](double w, const Vector& x) {
              return slopes_by(w, x,
                               [](double s, double h, double to) { return s + (1 - to * to) * h; });
            }},
           {"slope of the bend at the old state",
            "The tanh of this step gave the new state: 1 minus its square.",
            [](double w, const Vector& x) {
              return slopes_by(
                  w, x, [w](double s, double h, double) { return (1 - h * h) * (h + w * s); });
            }},
           {"square forgotten", "The slope of tanh is 1 minus its square, not 1 minus itself.",
            [](double w, const Vector& x) {
              return slopes_by(
                  w, x, [w](double s, double h, double to) { return (1 - to) * (h + w * s); });
            }}}}));
  static const double sums[][5] = {
      {0.5, 0.5, 0.5, 0.5, 0}, {1, -2, 0.3, 2, 0.8}, {-1, 3, -2, 0, 5}};
  page.exercise(fill(Numeric<Gates>{
      .name = "lstm-step",
      .solution = lstm_gates,
      .cases = 3,
      .call =
          [](Gates* f, int n) {
            const double* s = sums[n];
            return f(s[0], s[1], s[2], s[3], s[4]);
          },
      .where =
          [](int n) {
            const double* s = sums[n];
            return "i, f, g, o = " + listed(Vector(s, s + 4)) + ", c = " + shown(s[4]);
          },
      .mistakes =
          {{"candidate by a sigmoid",
            "g is what is written, and may be negative: tanh, no sigmoid.",
            [](double i, double f, double g, double o, double c) {
              const double next = bend(f) * c + bend(i) * bend(g);
              return Vector{bend(o) * std::tanh(next), next};
            }},
           {"cell handed on as it is", "h is the output gate times the tanh of the new cell.",
            [](double i, double f, double g, double o, double c) {
              const double next = bend(f) * c + bend(i) * std::tanh(g);
              return Vector{bend(o) * next, next};
            }},
           {"input and forget gate changed", "f says how much of the old cell stays.",
            [](double i, double f, double g, double o, double c) {
              const double next = bend(i) * c + bend(f) * std::tanh(g);
              return Vector{bend(o) * std::tanh(next), next};
            }},
           {"old cell shown", "The output gate shows the cell after the update.",
            [](double i, double f, double g, double o, double c) {
              const double next = bend(f) * c + bend(i) * std::tanh(g);
              return Vector{bend(o) * std::tanh(c), next};
            }},
           {"nothing forgotten", "The old cell is multiplied by the forget gate.",
            [](double i, double, double g, double o, double c) {
              const double next = c + bend(i) * std::tanh(g);
              return Vector{bend(o) * std::tanh(next), next};
            }},
           {"gates without their sigmoid", "Gates lie between 0 and 1: i, f and o go through one.",
            [](double i, double f, double g, double o, double c) {
              const double next = f * c + i * std::tanh(g);
              return Vector{o * std::tanh(next), next};
            }},
           {"c before h", "h first, then c.", [](double i, double f, double g, double o, double c) {
              const Vector both = lstm_gates(i, f, g, o, c);
              return Vector{both[1], both[0]};
            }}}}));
}

// ---------------------------------------------------------------------------- order

// [order]
// Three words, three numbers each. One network adds its words up and
// bends the sum, the other reads them one after the other.
Tensor bag(const Tensor& words) {
  return tanh(sum(words, {.axis = 0}));
}
Tensor reads(const Tensor& words) {
  Tensor h = zeros({3});
  for (int64_t t = 0; t < 3; ++t) {
    const Tensor word = squeeze(slice_axis(words, 0, {t, t + 1}), 0);
    h = tanh(0.5 * h + word);
  }
  return h;
}
// [end]

// ---------------------------------------------------------------------------- learning

// A sign at one place, zeros elsewhere: says the sign at the end.
struct Reader {
  Recurrent recurrent;
  Linear head;
  Tensor operator()(const Tensor& x, Pass& pass) const {  // (N, T, in) -> (N, classes)
    const Tensor h = recurrent(x, pass).output;
    const int64_t steps = h.shape()[1];
    return head(squeeze(slice_axis(h, 1, {steps - 1, steps}), 1));
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("recurrent", self.recurrent);
    visit("head", self.head);
  }
};

Reader make_reader(RecurrentKind kind, uint64_t seed, int64_t in, int64_t hidden) {
  const Key key = key_from_seed(seed);
  return with_paths(Reader{make_recurrent(kind, split(key, 0), in, hidden, {.dtype = DType::f64}),
                           make_linear(split(key, 1), hidden, 1, {.dtype = DType::f64})});
}

struct Signs {
  Tensor x, y;  // (N, T), (N, 1): +1 or -1
};
Signs signs_at(int64_t from, int64_t to, int64_t places) {
  Vector x, y;
  for (int64_t at = from; at < to; ++at)
    for (const double sign : {1.0, -1.0}) {
      for (int64_t t = 0; t < places; ++t) x.push_back(t == at ? sign : 0);
      y.push_back(sign);
    }
  const auto n = static_cast<int64_t>(y.size());
  return {from_vector(x, {n, places}), from_vector(y, {n, 1})};
}
double share_right(const Tensor& said, const Tensor& wanted) {
  return number(mean(cast(greater(said * wanted, 0), DType::f64)));
}

template <class M>
M fitted(const M& net, const Type& x_type, const Type& y_type, int steps, double rate,
         const StepLoss<M>& loss, const std::function<Signs(int)>& batch) {
  StepOptions<M> options;
  options.optimiser.lr = rate;
  options.clip_norm = 1;
  const RecordedStep step = record_step<M>(net, loss, x_type, y_type, options);
  Plan plan = plan_of(step);
  for (int i = 0; i < steps; ++i) {
    const Signs s = batch(i);
    plan.set(step.x(), s.x);
    plan.set(step.target(), s.y);
    plan.run();
  }
  return trained(net, plan, options);
}

// Remember: the first number is a sign, then noise comes. A batch of (N, T, 1).
Signs remember(int64_t rows, int64_t steps, Key key) {
  Vector x(static_cast<size_t>(rows * steps)), y;
  fill_normal(key, 0, x);
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
    double& first = x[r * static_cast<size_t>(steps)];
    first = first < 0 ? -1 : 1;
    y.push_back(first);
    for (size_t t = 1; t < static_cast<size_t>(steps); ++t)
      x[r * static_cast<size_t>(steps) + t] *= 0.3;
  }
  return {from_vector(x, {rows, steps, 1}), from_vector(y, {rows, 1})};
}
double remembered(RecurrentKind kind, double forget_bias, int64_t length, int steps,
                  uint64_t seed) {
  constexpr int64_t rows = 16, units = 8;
  Reader net = make_reader(kind, seed, 1, units);
  if (kind == RecurrentKind::lstm) {
    Tensor& bias = net.recurrent.weights[0].bias_ih;
    bias = bias + concatenate({zeros({units}), full({units}, forget_bias), zeros({2 * units})}, 0);
  }
  const Signs first = remember(rows, length, key_from_seed(0)),
              fresh = remember(200, length, key_from_seed(77));
  const Reader end = fitted<Reader>(
      net, first.x.type(), first.y.type(), steps, 0.01,
      [](const Reader& m, const Tensor& x, const Tensor& y, Pass& pass) {
        return mean(softplus(-2 * y * m(x, pass)));
      },
      [&](int i) { return remember(rows, length, split(key_from_seed(5), uint64_t(i))); });
  Pass pass;
  return share_right(end(fresh.x, pass), fresh.y);
}

// ---------------------------------------------------------------------------- distance

double spectral_radius(const Tensor& a) {
  const Eigvals e = eigvals(a);
  return std::sqrt(number(max(square(e.re) + square(e.im))));
}
// Normal numbers, scaled so that the largest eigenvalue has this size.
Tensor with_radius(double radius) {
  const Tensor a = normal_weight(key_from_seed(11), {16, 16}, 1, DType::f64);
  return a * (radius / spectral_radius(a));
}

// [distance]
// How long the slope of the last state is by the state `steps` before it:
// it goes back through the transposed matrix at each step.
Vector lengths_back(const Tensor& w, int steps) {
  Tensor delta = full({16, 1}, 0.25);
  Vector lengths{number(norm(delta))};
  for (int t = 0; t < steps; ++t) {
    delta = matmul(transpose(w), delta);
    lengths.push_back(number(norm(delta)));
  }
  return lengths;
}
// [end]

Line line_of(std::string label, const Vector& y, std::string colour) {
  Line line{.label = std::move(label), .x = {}, .y = y, .colour = std::move(colour)};
  for (size_t i = 0; i < y.size(); ++i) line.x.push_back(static_cast<double>(i));
  return line;
}

std::string percent(double share) {
  return text::fixed(100 * share, 0) + " %";
}
}  // namespace

LESSON(page) {
  exercises(page);

  // Order.
  const char* words[] = {"dog", "bites", "man"};
  const Tensor vectors{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  Table order = {{"sentence", "sum of the words", "read in order"}};
  int orders[] = {0, 1, 2};
  Vector first_bag;
  double bag_apart = 0;
  int different = 0;
  Vector seen;
  do {
    const std::vector<int64_t> rows(orders, orders + 3);
    const Tensor sentence = gather(vectors, from_vector(rows, {3}));
    const Tensor summed = bag(sentence), read = reads(sentence);
    std::string said;
    for (const int w : orders) said += std::string(said.empty() ? "" : " ") + words[w];
    order.push_back({said, listed(numbers(summed)), listed(numbers(read))});
    if (first_bag.empty()) first_bag = numbers(summed);
    for (size_t i = 0; i < 3; ++i)
      bag_apart = std::max(bag_apart, std::abs(numbers(summed)[i] - first_bag[i]));
    const double mark = numbers(read)[0] + 10 * numbers(read)[1];
    if (std::ranges::none_of(seen, [&](double s) { return std::abs(s - mark) < 1e-9; })) {
      ++different;
      seen.push_back(mark);
    }
  } while (std::next_permutation(orders, orders + 3));
  page.table("order", order);
  page.bind("bag_apart", bag_apart);
  page.bind("different", different);

  // A network with a weight for each place.
  {
    constexpr int64_t places = 8, known = 4;
    // Short texts, filled up with zeros for the network that needs all its inputs.
    const Signs near = signs_at(0, known, places), far = signs_at(known, places, places);
    const Signs short_texts = signs_at(0, known, known);
    const auto error = [](const Mlp& m, const Tensor& x, const Tensor& y) {
      return mean(square(m(x) - y));
    };
    const Mlp start = make_mlp(parse_mlp("mlp:8-8-1"), key_from_seed(1), DType::f64);
    const auto slopes = gradients(start, [&](const Mlp& m) { return error(m, near.x, near.y); });
    const Tensor by_place = slopes.grads[0];
    page.bind("slope_seen", number(norm(slice_axis(by_place, 1, {0, known}))), 3);
    page.bind("slope_unseen", number(norm(slice_axis(by_place, 1, {known, places}))), 3);
    const Mlp net = fitted<Mlp>(start, near.x.type(), near.y.type(), 200, 0.02, error,
                                [&](int) { return near; });
    const auto steps_of = [](const Signs& s) { return reshape(s.x, {s.x.shape()[0], -1, 1}); };
    const Signs read_short{steps_of(short_texts), short_texts.y};
    const Reader reader = fitted<Reader>(
        make_reader(RecurrentKind::tanh, 1, 1, 8), read_short.x.type(), read_short.y.type(), 200,
        0.02,
        [](const Reader& m, const Tensor& x, const Tensor& y, Pass& pass) {
          return mean(square(m(x, pass) - y));
        },
        [&](int) { return read_short; });
    Pass pass;
    page.table("places", {{"network", "parameters", "short texts", "long texts"},
                          {"feed-forward, 8-8-1", std::to_string(parameter_count(net)),
                           percent(share_right(net(near.x), near.y)),
                           percent(share_right(net(far.x), far.y))},
                          {"recurrent, 8 units", std::to_string(parameter_count(reader)),
                           percent(share_right(reader(read_short.x, pass), near.y)),
                           percent(share_right(reader(steps_of(far), pass), far.y))}});
    page.bind("places", places);
    page.bind("known", known);
  }

  // By hand.
  const double w = page.set("w", 0.5);
  const Tensor x = page.set("x", Tensor{1, 0, 0});
  const Vector in = numbers(x);
  const size_t steps = in.size();
  page.bind("w", w);
  page.bind("x", x);
  Vector h{0}, sums;
  Table forward = {{"step", "x", "sum", "with numbers", "h"}};
  for (size_t t = 0; t < steps; ++t) {
    sums.push_back(w * h[t] + in[t]);
    forward.push_back(
        {std::to_string(t + 1), shown(in[t]), "w h + x",
         shown(w) + " × " + shown(h[t], 6) + " + " + shown(in[t]) + " = " + shown(sums[t], 6),
         shown(std::tanh(sums[t]), 6)});
    h.push_back(std::tanh(sums[t]));
  }
  page.table("forward", forward);
  page.bind("last", h.back(), 6);

  // Backpropagation through time.
  Table backward = {{"step", "arrives at h", "times slope of tanh: δ", "share of w: δ × h before"}};
  double arriving = 1, by_w = 0, last_share = 0;
  Vector by_x(steps);
  for (size_t t = steps; t-- > 0;) {
    const double delta = arriving * (1 - h[t + 1] * h[t + 1]), share = delta * h[t];
    backward.push_back({std::to_string(t + 1), shown(arriving, 6),
                        "× " + shown(1 - h[t + 1] * h[t + 1], 6) + " = " + shown(delta, 6),
                        "× " + shown(h[t], 6) + " = " + shown(share, 6)});
    by_w += share;
    if (t + 1 == steps) last_share = share;
    by_x[t] = delta;
    arriving = delta * w;
  }
  page.table("backward", backward);
  page.bind("by_w", by_w, 6);
  page.bind("by_x1", by_x[0], 6);
  page.bind("truncated", last_share, 6);
  // [unrolled]
  const auto last_state = [](const Tensor& weight, const Tensor& inputs) {
    Tensor state = zeros({1});
    for (int64_t t = 0; t < inputs.size(); ++t)
      state = tanh(weight * state + slice_axis(inputs, 0, {t, t + 1}));
    return sum(state);
  };
  const auto [engine_w, engine_x] = grad<0, 1>(last_state)(w, x);
  // [end]
  const double move = 1e-5,
               measured =
                   (number(last_state(w + move, x)) - number(last_state(w - move, x))) / (2 * move);
  page.table("checked", {{"slope of the last h by w", "value"},
                         {"by hand", shown(by_w, 8)},
                         {"automatic", shown(number(engine_w), 8)},
                         {"differences", shown(measured, 8)}});
  page.bind("engine_x1", numbers(engine_x)[0], 6);

  // Distance.
  const int back = 50;
  std::vector<Line> fall;
  Table radius_table = {{"largest eigenvalue", "power foretold", "measured after 50 steps",
                         "with bends of slope 0.75"}};
  const char* colours[] = {"var(--muted)", "var(--accent)", "var(--ink)"};
  size_t at_colour = 0;
  for (const double radius : {0.9, 1.0, 1.1}) {
    const Tensor matrix = with_radius(radius);
    const Vector lengths = lengths_back(matrix, back);
    const Vector bent = lengths_back(0.75 * matrix, back);
    radius_table.push_back({shown(spectral_radius(matrix), 2), shown(std::pow(radius, back), 3),
                            shown(lengths.back(), 3), shown(bent.back(), 1)});
    fall.push_back(line_of(shown(radius), lengths, colours[at_colour++]));
  }
  page.table("radius", radius_table);
  page.picture("distance", Plot{.id = "distance",
                                .title = "Length of the slope, by how many steps it goes back",
                                .x_label = "steps back",
                                .lines = fall,
                                .log = true});
  std::vector<Line> rays(1);
  rays[0].label = "1";
  rays[0].colour = "var(--muted)";
  for (int i = 0; i <= 120; ++i) {
    const double turn = i * std::acos(-1.0) / 60;
    rays[0].x.push_back(std::cos(turn));
    rays[0].y.push_back(std::sin(turn));
  }
  const Eigvals values = eigvals(with_radius(1.1));
  const Vector re = numbers(values.re), im = numbers(values.im);
  std::vector<std::pair<double, double>> tips;
  for (size_t i = 0; i < re.size(); ++i) tips.emplace_back(im[i], re[i]);
  std::ranges::sort(tips);
  for (const auto& [y, across] : tips)
    rays.push_back({.label = "", .x = {0, across}, .y = {0, y}, .colour = "var(--accent)"});
  page.picture("rays", Plot{.id = "rays",
                            .title = "Eigenvalues of the matrix of 1.1 in the complex plane",
                            .x_label = "real part",
                            .lines = rays,
                            .width = 320,
                            .height = 300});
  page.bind("back", back);
  page.bind("units16", 16);

  // An LSTM by hand.
  const double weight = page.set("weight", 0.5), input = page.set("input", 1.0);
  page.bind("weight", weight);
  page.bind("input", input);
  Table gates = {{"step", "sum of every gate", "σ of it: i, f, o", "tanh of it: g", "c", "h"}};
  double c = 0, hidden = 0;
  Vector cells, states;
  for (int t = 0; t < 2; ++t) {
    const double z = weight * input + weight * hidden, open = bend(z), g = std::tanh(z);
    c = open * c + open * g;
    hidden = open * std::tanh(c);
    gates.push_back({std::to_string(t + 1), shown(z, 6), shown(open, 6), shown(g, 6), shown(c, 6),
                     shown(hidden, 6)});
    cells.push_back(c);
    states.push_back(hidden);
  }
  page.table("gates", gates);
  page.bind("c", cells[0], 6);
  page.bind("h", states[0], 6);
  const RecurrentOptions plain{.bias = RecurrentBias::none, .dtype = DType::f64};
  // [library]
  const auto filled = [&](RecurrentKind kind) {
    const Key key = key_from_seed(0);
    Recurrent net = make_recurrent(kind, key, 1, 1, plain);
    net.weights[0].ih = full(net.weights[0].ih.shape(), weight);
    net.weights[0].hh = full(net.weights[0].hh.shape(), weight);
    return net;
  };
  Pass pass;
  const Tensor twice = full({1, 2, 1}, input);
  const RecurrentResult lstm = filled(RecurrentKind::lstm)(twice, pass);
  const RecurrentResult gru = filled(RecurrentKind::gru)(twice, pass);
  // [end]
  const Vector lstm_h = numbers(lstm.output), gru_h = numbers(gru.output);
  page.bind("lstm_h", listed(lstm_h));
  page.bind("lstm_c", number(lstm.last.c), 6);
  const double z1 = weight * input, keep = bend(z1), candidate = std::tanh(z1);
  page.bind("gru_z", keep, 6);
  page.bind("gru_n", candidate, 6);
  page.bind("gru_by_hand", (1 - keep) * candidate, 6);
  page.bind("gru_h", gru_h[0], 6);
  Table counts = {{"layer, 10 inputs and 20 units", "gates", "one bias", "PyTorch's two"}};
  const struct {
    const char* name;
    RecurrentKind kind;
    int gates;
  } kinds[] = {{"plain", RecurrentKind::tanh, 1},
               {"GRU", RecurrentKind::gru, 3},
               {"LSTM", RecurrentKind::lstm, 4}};
  for (const auto& k : kinds) {
    const auto count = [&](RecurrentBias bias) {
      return std::to_string(
          parameter_count(make_recurrent(k.kind, key_from_seed(0), 10, 20, {.bias = bias})));
    };
    counts.push_back(
        {k.name, std::to_string(k.gates), count(RecurrentBias::one), count(RecurrentBias::two)});
  }
  page.table("counts", counts);
  page.bind("in", 10);
  page.bind("out", 20);
  page.bind("lstm_count", 4 * (10 * 20 + 20 * 20 + 20));

  // What a cell keeps.
  Table kept = {{"bias of the forget gate", "gate", "slope left after 50 steps"}};
  for (const double bias : {0.0, 1.0, 2.0, 5.0})
    kept.push_back({shown(bias), shown(bend(bias)), shown(std::pow(bend(bias), 50), 3)});
  page.table("kept", kept);

  // Remember the first sign.
  const auto train_steps = static_cast<int>(std::clamp(page.set("steps", 300.0), 1.0, 5000.0));
  const auto seed = static_cast<uint64_t>(std::clamp(page.set("seed", 2.0), 0.0, 1e9));
  const double open_bias = 2;
  page.bind("steps", train_steps);
  page.bind("units", 8);
  page.bind("half_left", std::pow(0.5, 20), 1);
  page.bind("open_left", std::pow(bend(open_bias), 20), 2);
  Table memory = {{"steps to remember", "plain", "GRU", "LSTM, bias 0", "LSTM, bias 2"}};
  const auto share = [&](RecurrentKind kind, double bias, int64_t length) {
    return percent(remembered(kind, bias, length, train_steps, seed));
  };
  for (const int64_t length : {5, 20, 40})
    memory.push_back({std::to_string(length), share(RecurrentKind::tanh, 0, length),
                      share(RecurrentKind::gru, 0, length), share(RecurrentKind::lstm, 0, length),
                      share(RecurrentKind::lstm, open_bias, length)});
  page.table("memory", memory);
}
