// Surprise counted in bits: entropy, the price of a wrong model, the losses made of it, the floor
// that wrong labels put under them, and what one variable says of another.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/losses.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

template <class F>
struct Slip {
  const char* name;
  const char* says;
  F* function;
};

bool same(double a, double b) {
  return a == b || std::abs(a - b) < 1e-9 || (std::isnan(a) && std::isnan(b));
}

using Divergence = double(const std::vector<double>&, const std::vector<double>&);

// [solution kl-by-hand]
// D(p || q) in nats. p and q are lists of chances of the same length.
double kl_by_hand(const std::vector<double>& p, const std::vector<double>& q) {
  double total = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    // [hole total += 0;]
    if (p[i] == 0) continue;  // 0 log 0 is 0
    total += p[i] * std::log(p[i] / q[i]);
    // [end hole]
  }
  return total;
}
// [end]

const Slip<Divergence> divergence_slips[] = {
    {"arguments exchanged",
     "This is D(q || p). The weights in front of the logarithm are the chances of what happens, p.",
     [](const std::vector<double>& p, const std::vector<double>& q) { return kl_by_hand(q, p); }},
    {"0 log 0 forgotten",
     "Where p is 0 the computer gives 0 times minus infinity, which is NaN. What never happens "
     "adds nothing.",
     [](const std::vector<double>& p, const std::vector<double>& q) {
       double total = 0;
       for (size_t i = 0; i < p.size(); ++i) total += p[i] * std::log(p[i] / q[i]);
       return total;
     }},
    {"bits for nats", "This is right in bits. The task asks for nats, so take the natural log.",
     [](const std::vector<double>& p, const std::vector<double>& q) {
       return kl_by_hand(p, q) / std::log(2.0);
     }},
    {"cross-entropy instead",
     "This is H(p, q), the whole price. The divergence is only what is paid beyond H(p).",
     [](const std::vector<double>& p, const std::vector<double>& q) {
       double total = 0;
       for (size_t i = 0; i < p.size(); ++i)
         if (p[i] > 0) total -= p[i] * std::log(q[i]);
       return total;
     }},
    {"sign turned round", "With q / p inside the logarithm the sum is negative. Turn it round.",
     [](const std::vector<double>& p, const std::vector<double>& q) { return -kl_by_hand(p, q); }},
    {"sizes added",
     "Single terms may be negative, and they must be: only the whole sum is never below 0.",
     [](const std::vector<double>& p, const std::vector<double>& q) {
       double total = 0;
       for (size_t i = 0; i < p.size(); ++i)
         if (p[i] > 0) total += std::abs(p[i] * std::log(p[i] / q[i]));
       return total;
     }},
    {"forbidden made merely expensive",
     "What q forbids and p allows costs infinity. A small number added to q hides that.",
     [](const std::vector<double>& p, const std::vector<double>& q) {
       double total = 0;
       for (size_t i = 0; i < p.size(); ++i)
         if (p[i] > 0) total += p[i] * std::log(p[i] / std::max(q[i], 1e-12));
       return total;
     }},
    {"forbidden left out",
     "Where q is 0 and p is not, you skip the term. It is the worst one of all.",
     [](const std::vector<double>& p, const std::vector<double>& q) {
       double total = 0;
       for (size_t i = 0; i < p.size(); ++i)
         if (p[i] > 0 && q[i] > 0) total += p[i] * std::log(p[i] / q[i]);
       return total;
     }},
};

std::string listed(const std::vector<double>& v) {
  std::vector<std::string> parts;
  for (const double x : v) parts.push_back(shown(x));
  return "(" + text::join(parts, ", ") + ")";
}

Verdict check_divergence(Divergence* answer) {
  struct Case {
    std::vector<double> p, q;
  };
  const Case cases[] = {{{0.4, 0.3, 0.2, 0.1}, {0.35, 0.35, 0.15, 0.15}},
                        {{0.5, 0.5, 0}, {0.25, 0.25, 0.5}},
                        {{0.5, 0.5}, {1, 0}},
                        {{0.2, 0.8}, {0.2, 0.8}}};
  std::vector<double> got;
  for (const Case& c : cases) got.push_back(answer(c.p, c.q));
  for (size_t i = 0; i < got.size(); ++i) {
    const double want = kl_by_hand(cases[i].p, cases[i].q);
    if (same(got[i], want)) continue;
    Verdict v{.where = "p = " + listed(cases[i].p) + ", q = " + listed(cases[i].q),
              .yours = shown(got[i], 6),
              .expected = shown(want, 6)};
    for (const auto& s : divergence_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k)
        all &= same(got[k], s.function(cases[k].p, cases[k].q));
      if (!all) continue;
      v.misconception = s.name;
      v.says = s.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

using Losses = std::vector<double>(int, double);

// [solution first-and-best-loss]
// Two numbers in nats: the cross-entropy of a classifier that knows nothing and
// gives all `classes` the same chance, and the lowest that any classifier can
// reach on fresh data, when a share `noise` of the labels was replaced by one of
// the other classes, each as likely.
std::vector<double> first_and_best_loss(int classes, double noise) {
  // [hole return {0, 0};]
  const double each = noise / (classes - 1);
  double best = 0;
  if (noise < 1) best -= (1 - noise) * std::log(1 - noise);
  if (noise > 0) best -= noise * std::log(each);
  return {std::log(classes), best};
  // [end hole]
}
// [end]

const Slip<Losses> loss_slips[] = {
    {"floor of zero",
     "Nobody can foresee which label was changed. The best model has to leave a chance for it.",
     [](int classes, double) {
       return std::vector<double>{std::log(classes), 0};
     }},
    {"only the true label paid for",
     "This is the loss of the labels that are right. The changed ones cost more, and they count "
     "too.",
     [](int classes, double noise) {
       return std::vector<double>{std::log(classes), -std::log(1 - noise)};
     }},
    {"which other class forgotten",
     "You pay for right or wrong. A changed label is also one of several: that costs more.",
     [](int classes, double noise) {
       std::vector<double> v{std::log(classes), 0};
       if (noise > 0 && noise < 1)
         v[1] = -noise * std::log(noise) - (1 - noise) * std::log(1 - noise);
       return v;
     }},
    {"changed labels spread over all classes",
     "Here a changed label never is the true one, so it is one of one class fewer.",
     [](int classes, double noise) {
       const double each = noise / classes, right = 1 - noise + each;
       double best = -right * std::log(right);
       if (noise > 0) best -= (classes - 1) * each * std::log(each);
       return std::vector<double>{std::log(classes), best};
     }},
    {"bits for nats", "These are bits. Cross-entropy losses are in nats.",
     [](int classes, double noise) {
       std::vector<double> v = first_and_best_loss(classes, noise);
       for (double& x : v) x /= std::log(2.0);
       return v;
     }},
    {"error rate instead of loss",
     "The share of wrong labels bounds the accuracy. The loss is a mean of logarithms.",
     [](int classes, double noise) {
       return std::vector<double>{std::log(classes), noise};
     }},
    {"0 log 0 forgotten",
     "Without noise the floor is 0, and 0 times the logarithm of 0 is NaN in C++. Leave the term "
     "out.",
     [](int classes, double noise) {
       const double each = noise / (classes - 1);
       return std::vector<double>{std::log(classes), -(1 - noise) * std::log(1 - noise) -
                                                         (classes - 1) * each * std::log(each)};
     }},
    {"chance itself for the first loss",
     "1 / K is the chance that it gives to the right class. The loss is minus its logarithm.",
     [](int classes, double noise) {
       return std::vector<double>{1.0 / classes, first_and_best_loss(classes, noise)[1]};
     }},
    {"first loss of two classes",
     "This is the first loss for two classes. With K classes the right one gets 1 / K.",
     [](int classes, double noise) {
       return std::vector<double>{std::log(2.0), first_and_best_loss(classes, noise)[1]};
     }},
};

Verdict check_losses(Losses* answer) {
  struct Case {
    int classes;
    double noise;
  };
  const Case cases[] = {{10, 0.1}, {3, 0.2}, {2, 0.25}, {4, 0}};
  std::vector<std::vector<double>> got;
  for (const Case& c : cases) {
    got.push_back(answer(c.classes, c.noise));
    if (got.back().size() != 2)
      return {.where = "what you return",
              .yours = std::to_string(got.back().size()) + " numbers",
              .expected = "2 numbers: the first loss and the best loss"};
  }
  const auto equal = [](const std::vector<double>& a, const std::vector<double>& b) {
    return same(a[0], b[0]) && same(a[1], b[1]);
  };
  for (size_t i = 0; i < got.size(); ++i) {
    const std::vector<double> want = first_and_best_loss(cases[i].classes, cases[i].noise);
    if (equal(got[i], want)) continue;
    Verdict v{.where = std::to_string(cases[i].classes) + " classes, a share of " +
                       shown(cases[i].noise) + " changed",
              .yours = listed(got[i]),
              .expected = listed(want)};
    for (const auto& s : loss_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k)
        all &= equal(got[k], s.function(cases[k].classes, cases[k].noise));
      if (!all) continue;
      v.misconception = s.name;
      v.says = s.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// ---------------------------------------------------------------------------- data

struct Blobs {
  Tensor x, labels;  // (n, 3): two coordinates and a 1; classes 0, 1, 2
};

// n points in three heaps far apart; a share `noise` of the labels becomes another class.
Blobs blobs(uint32_t seed, int64_t n, double noise) {
  RandomState state(seed);
  const double centre[][2] = {{0, 3}, {-2.6, -1.5}, {2.6, -1.5}};
  std::vector<double> x;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t truth = i % 3;
    for (const double c : centre[truth]) x.push_back(state.normal(c, 0.2));
    x.push_back(1);
    const bool changed = state.random_sample() < noise;
    const int64_t step = state.randint(1, 3);
    labels.push_back(changed ? (truth + step) % 3 : truth);
  }
  return {from_vector(x, {n, 3}), from_vector(labels)};
}

Tensor randn(RandomState& state, const Shape& shape) {
  return from_vector(state.randn(element_count(shape)), shape);
}
}  // namespace

LESSON(page) {
  constexpr LogBase bits = LogBase::two, nats = LogBase::e, bans = LogBase::ten;

  // Four answers.
  // [four]
  const Tensor fair{0.25, 0.25, 0.25, 0.25};
  const Tensor nearly_sure{0.97, 0.01, 0.01, 0.01};
  const Tensor sure{1, 0, 0, 0};
  const double fair_bits = number(entropy(fair, LogBase::two));
  // [end]
  page.bind("fair_bits", text::fixed(fair_bits, 4));
  page.bind("nearly_bits", number(entropy(nearly_sure, bits)));
  page.bind("rare", 0.01);
  page.bind("rare_bits", std::log2(100), 2);
  page.bind("common", 0.97);
  page.bind("common_bits", -std::log2(0.97), 3);
  Table units{{"chances of the four answers", "bits", "nats", "bans"}};
  for (const auto& [name, p] : {std::pair{"0.25, 0.25, 0.25, 0.25", fair},
                                {"0.97, 0.01, 0.01, 0.01", nearly_sure},
                                {"1, 0, 0, 0", sure}})
    units.push_back({name, text::fixed(number(entropy(p, bits)), 4),
                     text::fixed(number(entropy(p, nats)), 4),
                     text::fixed(number(entropy(p, bans)), 4)});
  page.table("units", units);
  Line coin{.label = "", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int i = 0; i <= 50; ++i) {
    const double p = i / 50.0;
    coin.x.push_back(p);
    coin.y.push_back(number(entropy({p, 1 - p}, bits)));
  }
  page.picture("coin", Plot{.id = "coin",
                            .title = "Entropy of a yes or no, in bits, against the chance of yes: "
                                     "0 at both ends, 1 in the middle",
                            .x_label = "chance of yes",
                            .lines = {coin},
                            .from_zero = true});

  // A code.
  // [code]
  const Tensor weather{0.5, 0.25, 0.125, 0.125};
  const Tensor lengths{1, 2, 3, 3};  // 0, 10, 110, 111
  const double mean_length = number(sum(weather * lengths));
  const double least = number(entropy(weather, LogBase::two));
  const double with_wrong_code = number(cross_entropy(weather, fair, LogBase::two));
  const double wasted = number(kl_divergence(weather, fair, LogBase::two));
  // [end]
  page.table("code", {{"weather", "chance", "surprise in bits", "code"},
                      {"sun", "0.5", "1", "0"},
                      {"cloud", "0.25", "2", "10"},
                      {"rain", "0.125", "3", "110"},
                      {"snow", "0.125", "3", "111"}});
  page.bind("mean_length", mean_length);
  page.bind("least", least);
  page.bind("with_wrong_code", with_wrong_code);
  page.bind("wasted", wasted);

  // A model that is a little wrong.
  const Tensor p = page.set("p", Tensor{0.4, 0.3, 0.2, 0.1});
  const Tensor q = page.set("q", Tensor{0.35, 0.35, 0.15, 0.15});
  // [divergence]
  const Tensor whole = cross_entropy(p, q, LogBase::e);
  const Tensor own = entropy(p, LogBase::e);
  const Tensor extra = kl_divergence(p, q, LogBase::e);
  const Tensor other_way = kl_divergence(q, p, LogBase::e);
  const Tensor half_way = js_divergence(p, q, LogBase::e);
  // [end]
  page.bind("p", p);
  page.bind("q", q);
  page.bind("whole", number(whole), 6);
  page.bind("own", number(own), 6);
  page.bind("extra", number(extra), 6);
  page.bind("extra_short", number(extra));
  page.bind("extra_bits", number(kl_divergence(p, q, bits)), 6);
  page.bind("other_way", number(other_way), 6);
  page.bind("half_way", number(half_way), 6);
  page.bind("half_way_most", std::log(2.0));
  page.bind("forbidden", number(kl_divergence({0.5, 0.5}, {1, 0}, nats)));
  page.bind("allowed", number(kl_divergence({1, 0}, {0.5, 0.5}, nats)));
  Line price{.label = "H(p, q)", .x = {}, .y = {}, .colour = "var(--accent)"};
  Line waste{.label = "D(p || q)", .x = {}, .y = {}};
  for (int i = 2; i <= 38; ++i) {
    const double t = i / 40.0;
    price.x.push_back(t);
    waste.x.push_back(t);
    price.y.push_back(number(cross_entropy({0.3, 0.7}, {t, 1 - t}, nats)));
    waste.y.push_back(number(kl_divergence({0.3, 0.7}, {t, 1 - t}, nats)));
  }
  page.picture("minimiser", Plot{.id = "minimiser",
                                 .title = "For true chances 0.3 and 0.7: cross-entropy and "
                                          "divergence against what the model says. Both are "
                                          "lowest at 0.3, and they differ by the same amount "
                                          "everywhere",
                                 .x_label = "chance that the model gives",
                                 .lines = {price, waste},
                                 .rules = {{"H(p)", number(entropy({0.3, 0.7}, nats))}},
                                 .from_zero = true});
  page.bind("true_chance", 0.3);

  // The losses.
  // [losses]
  const Tensor said{0.9, 0.1, 0.8, 0.7, 0.2}, truth{1, 0, 1, 1, 0};
  const Tensor yes_no = binary_cross_entropy(said, truth, Reduction::mean);
  const auto loss = [](const Tensor& logits) {
    return cross_entropy(logits, Tensor(0), Reduction::mean);
  };
  const auto [of_class_0, slope] = value_and_grad(loss)(Tensor{2, 1, 0.1});
  // [end]
  page.bind("said", said);
  page.bind("truth", truth);
  page.bind("yes_no", number(yes_no));
  page.bind("yes_no_long", number(yes_no), 6);
  page.bind("logits", Tensor{2, 1, 0.1});
  page.bind("shares", softmax(Tensor{2, 1, 0.1}), 6);
  page.bind("of_class_0", text::fixed(number(of_class_0), 6));
  page.bind("slope", slope, 6);

  // The first loss and the floor.
  const double noise = std::clamp(page.set("noise", 0.2), 0.0, 0.9);
  // [training]
  const Blobs train = blobs(1, 6000, noise), fresh = blobs(2, 6000, noise);
  const auto objective = [&](const Tensor& W) {
    return cross_entropy(matmul(train.x, W), train.labels, Reduction::mean);
  };
  Tensor W = zeros({3, 3});
  Line course{.label = "loss", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (int step = 0; step <= 300; ++step) {
    const auto [value, direction] = value_and_grad(objective)(W);
    course.x.push_back(step);
    course.y.push_back(number(value));
    W = W - 0.2 * direction;
  }
  const double on_fresh = number(cross_entropy(matmul(fresh.x, W), fresh.labels, Reduction::mean));
  const double floor = number(entropy({1 - noise, noise / 2, noise / 2}, LogBase::e));
  // [end]
  page.bind("noise_percent", 100 * noise);
  page.bind("each_other", noise / 2);
  page.bind("right_chance", 1 - noise);
  page.bind("first_loss", course.y.front());
  page.bind("ln_ten", std::log(10));
  page.bind("ten", 10);
  page.bind("floor", floor);
  page.bind("last_loss", course.y.back(), 2);
  page.bind("on_fresh", on_fresh, 2);
  page.bind("steps", 300);
  page.picture("training", Plot{.id = "training",
                                .title = "Training on labels of which some are wrong: the loss "
                                         "begins at ln 3 and stops at the floor, not at 0",
                                .x_label = "step",
                                .lines = {course},
                                .rules = {{"ln 3", std::log(3.0)}, {"floor", floor}},
                                .from_zero = true});

  // Bell curves.
  // [bells]
  const Normal narrow(0, 1), wide(1, 2);  // location and standard deviation
  const double forth = number(kl_divergence(narrow, wide));
  const double back = number(kl_divergence(wide, narrow));
  const auto drawn = kl_by_sampling(narrow, wide, key_tensor(key_from_seed(1)), 20000);
  // [end]
  page.bind("forth", forth, 6);
  page.bind("back", back, 6);
  page.bind("drawn", number(drawn.value), 3);
  page.bind("drawn_error", number(drawn.standard_error), 3);
  page.bind("draws", int64_t{20000});

  // What one says of the other.
  // [mutual]
  const Tensor together{{0.4, 0.1}, {0.1, 0.4}};
  const double shared = number(mutual_information(together, LogBase::two));
  const double nothing = number(mutual_information({{0.25, 0.25}, {0.25, 0.25}}, LogBase::two));
  const double left = number(conditional_entropy(together, LogBase::two));
  // [end]
  page.table("together",
             {{"", "umbrella", "no umbrella"}, {"rain", "0.4", "0.1"}, {"dry", "0.1", "0.4"}});
  page.bind("shared", shared);
  page.bind("nothing", nothing);
  page.bind("left", left);
  // [ranking]
  const Tensor weights{1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0};
  RandomState state(42);
  const auto ranking_of = [&](int64_t rows) {
    const Tensor x = randn(state, {rows, 10});
    const Tensor y = matmul(x, weights) + 0.5 * randn(state, {rows});
    return rank_features(x, numbers(y), 3, LogBase::e);
  };
  const auto few_rows = ranking_of(100), many_rows = ranking_of(5000);
  // [end]
  const std::vector<double> w = numbers(weights);
  Table ranking{
      {"place", "100 rows: column", "weight", "nats", "5000 rows: column", "weight", "nats"}};
  for (size_t i = 0; i < 6; ++i) {
    std::vector<std::string> cells{std::to_string(i + 1)};
    for (const RankedFeature& r : {few_rows[i], many_rows[i]}) {
      cells.push_back(std::to_string(r.column));
      cells.push_back(shown(w[static_cast<size_t>(r.column)]));
      cells.push_back(shown(std::round(100 * r.information) / 100 + 0.0));
    }
    ranking.push_back(cells);
  }
  page.table("ranking", ranking);
  page.bind("rows", 100);
  page.bind("columns", 10);
  page.bind("three", 3);

  page.exercise(Predict{
      .name = "three-answers",
      .answer = 1.5,
      .tolerance = 2e-3,
      .wrong = {
          {1.0397208, "nats for bits", "This is in nats. For bits take the logarithm to 2."},
          {1.5849625, "all answers alike",
           "This is the entropy of three equal chances. Weigh each surprise with its chance."},
          {5, "chances forgotten",
           "You added the three surprises. Weigh each with its chance first."},
          {1.6666667, "plain mean",
           "You averaged the three surprises evenly. The first comes up half of the time."},
          {-1.5, "sign", "The logarithm of a chance is negative; the surprise is minus it."},
          {2, "rarest answer", "This is the surprise of one rare answer, not the mean."},
          {0.375, "sum of squares",
           "You added p times p. The second factor is the surprise of p, log2(1 / p)."}}});
  page.exercise(Choose{
      .name = "forbidden-word",
      .answer = "infinite",
      .choices = {
          {"infinite", "infinite", "", ""},
          {"zero", "0, because 0 log 0 is 0", "0 log 0 applied to the model",
           "That rule is for words that never happen, where p is 0. Here p is above 0 and q is 0."},
          {"large", "a large but finite number", "clipping taken for mathematics",
           "Only where somebody added a small number to q. Which one? The result depends on it."},
          {"ln2", "at most ln 2", "bound of Jensen and Shannon",
           "That bound is for the divergence to the mixture half way, which forbids nothing."},
          {"negative", "negative, since the model misses something", "divergence below zero",
           "No divergence is negative: a wrong model never saves anything on average."},
          {"same", "the same as D(model || data)", "symmetry expected",
           "Try it: seen from the model, the word never comes up, and the sum is finite."},
          {"entropy", "the entropy of the data", "divergence taken for entropy",
           "That is what the best model pays. The divergence is what is paid on top."}}});
  Fill<Divergence> divergence{
      .name = "kl-by-hand", .solution = kl_by_hand, .check = check_divergence};
  for (const auto& s : divergence_slips) divergence.wrong.push_back({s.name, s.function});
  page.exercise(std::move(divergence));
  Fill<Losses> losses{
      .name = "first-and-best-loss", .solution = first_and_best_loss, .check = check_losses};
  for (const auto& s : loss_slips) losses.wrong.push_back({s.name, s.function});
  page.exercise(std::move(losses));
}
