// What follows, by counting; words as rows of a table, learned from their neighbours; and how a
// text is cut into tokens.
#include <gradus/base/text.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/linalg/nearest.h>
#include <gradus/nn/embedding.h>
#include <gradus/nn/init.h>
#include <gradus/train/ngram.h>
#include <gradus/train/step.h>
#include <gradus/train/tokens.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

using Vector = std::vector<double>;
using Words = std::vector<std::string>;

// ---------------------------------------------------------------------------- exercises

using Perplexity = double(const Vector&);

// [solution perplexity-of]
// p holds the probability that a model gave to each token of a text. Returns its perplexity.
double perplexity_of(const std::vector<double>& p) {
  // [hole (void)p; return 0;]
  double loss = 0;
  for (const double of_token : p) loss -= std::log(of_token);
  return std::exp(loss / static_cast<double>(p.size()));
  // [end hole]
}
// [end]

double log_sum(const Vector& p) {
  double s = 0;
  for (const double v : p) s += std::log(v);
  return s;
}

using Slope = Vector(const Vector&, const Vector&, const std::vector<Vector>&);

// [solution skip-gram-slope]
// v: the centre's vector. u: that of a word beside it. noise: those of drawn words. Returns the
// slope by v of  -ln sigmoid(u . v) - sum over the noise of ln sigmoid(-n . v).
std::vector<double> skip_gram_slope(const std::vector<double>& v, const std::vector<double>& u,
                                    const std::vector<std::vector<double>>& noise) {
  std::vector<double> slope(v.size());
  // [hole (void)u; (void)noise;]
  const auto sigmoid_of_dot = [&](const std::vector<double>& a) {
    double dot = 0;
    for (size_t i = 0; i < v.size(); ++i) dot += a[i] * v[i];
    return 1 / (1 + std::exp(-dot));
  };
  for (size_t i = 0; i < v.size(); ++i) slope[i] = (sigmoid_of_dot(u) - 1) * u[i];
  for (const auto& n : noise)
    for (size_t i = 0; i < v.size(); ++i) slope[i] += sigmoid_of_dot(n) * n[i];
  // [end hole]
  return slope;
}
// [end]

double dot_of(const Vector& a, const Vector& b) {
  double s = 0;
  for (size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}
double bend(double z) {
  return 1 / (1 + std::exp(-z));
}
// a u + the sum of b(n) n over the noise.
template <class OfNoise>
Vector combined(double a, const Vector& u, const std::vector<Vector>& noise, const OfNoise& b) {
  Vector out = u;
  for (double& x : out) x *= a;
  for (const Vector& n : noise)
    for (size_t i = 0; i < out.size(); ++i) out[i] += b(n) * n[i];
  return out;
}

using Tokens = std::vector<int>;
using Merge = Tokens(const Tokens&, int, int, int);

// [solution merge-pair]
// Replaces a followed by b by `joined`, wherever it stands, from left to right. A token is used
// once.
std::vector<int> merge_pair(const std::vector<int>& tokens, int a, int b, int joined) {
  std::vector<int> out;
  // [hole (void)tokens; (void)a; (void)b; (void)joined;]
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool pair = i + 1 < tokens.size() && tokens[i] == a && tokens[i + 1] == b;
    out.push_back(pair ? joined : tokens[i]);
    if (pair) ++i;
  }
  // [end hole]
  return out;
}
// [end]

Tokens backwards(Tokens t) {
  std::ranges::reverse(t);
  return t;
}

void exercises(Page& page) {
  page.exercise(Predict{
      .name = "smoothed-bigram",
      .answer = 1.0 / 6,
      .tolerance = 1e-3,
      .wrong = {{0, "not smoothed", "Without smoothing it is 0. Add 1 to every count."},
                {0.25, "one added to the total",
                 "Every word of the vocabulary got 1 more, so the total grows by all of them."},
                {1.0 / 11, "all words counted", "Count only what follows \"a\": three words."},
                {1.0 / 3, "total left as it was", "The total grows as well, or the sum is not 1."},
                {3.0 / 11, "what stands before forgotten", "That is P(is), without its history."},
                {2.0 / 3, "the other word", "That is P(rose after a)."},
                {0.6, "another history", "That is P(is after rose)."}}});
  static const std::vector<Vector> texts = {{0.5, 0.25, 0.125}, {0.9, 0.01}, {0.2}};
  page.exercise(fill(Numeric<Perplexity>{
      .name = "perplexity-of",
      .solution = perplexity_of,
      .cases = 3,
      .call = [](Perplexity* f, int i) { return Vector{f(texts[static_cast<size_t>(i)])}; },
      .where = [](int i) { return "p = " + listed(texts[static_cast<size_t>(i)]); },
      .mistakes =
          {{"sum instead of mean", "Divide by the number of tokens, or long texts look bad.",
            [](const Vector& p) { return std::exp(-log_sum(p)); }},
           {"loss instead of perplexity", "This is the mean of -ln p. Take its exp.",
            [](const Vector& p) { return -log_sum(p) / static_cast<double>(p.size()); }},
           {"upside down", "This is the mean probability in the sense of logs. Turn it over.",
            [](const Vector& p) { return std::exp(log_sum(p) / static_cast<double>(p.size())); }},
           {"two bases", "With natural logarithms go back with exp, not with a power of 2.",
            [](const Vector& p) {
              return std::pow(2.0, -log_sum(p) / static_cast<double>(p.size()));
            }},
           {"mean of the probabilities", "Average the logarithms, not the probabilities.",
            [](const Vector& p) {
              double s = 0;
              for (const double v : p) s += v;
              return static_cast<double>(p.size()) / s;
            }},
           {"mean of the inverses", "The mean is taken of -ln p, before the exp.",
            [](const Vector& p) {
              double s = 0;
              for (const double v : p) s += 1 / v;
              return s / static_cast<double>(p.size());
            }}}}));
  struct Pair {
    Vector v, u;
    std::vector<Vector> noise;
  };
  static const Pair pairs[] = {{{1, 0.5}, {0.5, -1}, {{-1, 2}, {0.25, 0.75}}},
                               {{-0.3, 2, 1}, {1, 0.1, -0.4}, {{0.6, -0.2, 1.5}}}};
  using Noise = std::vector<Vector>;
  page.exercise(fill(Numeric<Slope>{
      .name = "skip-gram-slope",
      .solution = skip_gram_slope,
      .cases = 2,
      .call = [](Slope* f, int i) { return f(pairs[i].v, pairs[i].u, pairs[i].noise); },
      .where =
          [](int i) {
            return "v = (" + listed(pairs[i].v) + "), u = (" + listed(pairs[i].u) + "), " +
                   std::to_string(pairs[i].noise.size()) + " of noise";
          },
      .mistakes = {{"minus one forgotten", "The slope of -ln sigmoid(s) is sigmoid(s) - 1.",
                    [](const Vector& v, const Vector& u, const Noise& noise) {
                      return combined(bend(dot_of(u, v)), u, noise,
                                      [&](const Vector& n) { return bend(dot_of(n, v)); });
                    }},
                   {"noise pulled as well",
                    "Noise is pushed away: its slope is +sigmoid(n . v) times n.",
                    [](const Vector& v, const Vector& u, const Noise& noise) {
                      return combined(bend(dot_of(u, v)) - 1, u, noise,
                                      [&](const Vector& n) { return bend(dot_of(n, v)) - 1; });
                    }},
                   {"noise left out", "The drawn words have a share, too.",
                    [](const Vector& v, const Vector& u, const Noise&) {
                      return combined(bend(dot_of(u, v)) - 1, u, {},
                                      [](const Vector&) { return 0.0; });
                    }},
                   {"sigmoid left out", "How wrong the model is decides how strongly it is moved.",
                    [](const Vector&, const Vector& u, const Noise& noise) {
                      return combined(-1, u, noise, [](const Vector&) { return 1.0; });
                    }},
                   {"step instead of slope", "Right, but for the sign: the slope is asked for.",
                    [](const Vector& v, const Vector& u, const Noise& noise) {
                      Vector s = skip_gram_slope(v, u, noise);
                      for (double& x : s) x = -x;
                      return s;
                    }},
                   {"slope of the other side", "That is the slope by u. By v the factor is u.",
                    [](const Vector& v, const Vector& u, const Noise&) {
                      return combined(bend(dot_of(u, v)) - 1, v, {},
                                      [](const Vector&) { return 0.0; });
                    }},
                   {"first noise word alone", "Add up over all noise words.",
                    [](const Vector& v, const Vector& u, const Noise& noise) {
                      return combined(bend(dot_of(u, v)) - 1, u, {noise[0]},
                                      [&](const Vector& n) { return bend(dot_of(n, v)); });
                    }}}}));
  struct Text {
    Tokens tokens;
    int a, b;
  };
  static const Text merges[] = {{{1, 2, 3, 1, 2, 2, 1}, 1, 2}, {{5, 5, 5, 4, 5}, 5, 5}};
  page.exercise(fill(Numeric<Merge>{
      .name = "merge-pair",
      .solution = merge_pair,
      .cases = 2,
      .call =
          [](Merge* f, int i) {
            const Tokens out = f(merges[i].tokens, merges[i].a, merges[i].b, 9);
            return Vector(out.begin(), out.end());
          },
      .where =
          [](int i) {
            const Tokens& t = merges[i].tokens;
            return listed(Vector(t.begin(), t.end())) + "; join " + std::to_string(merges[i].a) +
                   " and " + std::to_string(merges[i].b) + " to 9";
          },
      .mistakes = {{"only the first", "Join the pair wherever it stands.",
                    [](const Tokens& t, int a, int b, int joined) {
                      Tokens out = t;
                      for (size_t i = 0; i + 1 < out.size(); ++i)
                        if (out[i] == a && out[i + 1] == b) {
                          out[i] = joined;
                          out.erase(out.begin() + static_cast<std::ptrdiff_t>(i) + 1);
                          break;
                        }
                      return out;
                    }},
                   {"second token kept", "Both tokens give way to the new one.",
                    [](const Tokens& t, int a, int b, int joined) {
                      Tokens out = t;
                      for (size_t i = 0; i + 1 < t.size(); ++i)
                        if (t[i] == a && t[i + 1] == b) out[i] = joined;
                      return out;
                    }},
                   {"first token alone looked at", "Both must match: a, and b right behind it.",
                    [](const Tokens& t, int a, int, int joined) {
                      Tokens out;
                      for (size_t i = 0; i < t.size(); ++i) {
                        out.push_back(t[i] == a ? joined : t[i]);
                        if (t[i] == a) ++i;
                      }
                      return out;
                    }},
                   {"either order", "A pair has an order: b followed by a is another one.",
                    [](const Tokens& t, int a, int b, int joined) {
                      Tokens out;
                      for (size_t i = 0; i < t.size(); ++i) {
                        const bool pair = i + 1 < t.size() && ((t[i] == a && t[i + 1] == b) ||
                                                               (t[i] == b && t[i + 1] == a));
                        out.push_back(pair ? joined : t[i]);
                        if (pair) ++i;
                      }
                      return out;
                    }},
                   {"from right to left", "Three equal tokens: the first two are joined.",
                    [](const Tokens& t, int a, int b, int joined) {
                      return backwards(merge_pair(backwards(t), b, a, joined));
                    }},
                   {"tokens used twice", "After a pair go on behind it. Each token is used once.",
                    [](const Tokens& t, int a, int b, int joined) {
                      Tokens out;
                      bool used = false;
                      for (size_t i = 0; i < t.size(); ++i) {
                        const bool pair = i + 1 < t.size() && t[i] == a && t[i + 1] == b;
                        if (pair)
                          out.push_back(joined);
                        else if (!used)
                          out.push_back(t[i]);
                        used = pair;
                      }
                      return out;
                    }}}}));
  page.exercise(Choose{
      .name = "unseen-word",
      .answer = "pieces",
      .choices = {{"pieces", "it cuts it into pieces that it knows, at worst into bytes", "", ""},
                  {"unknown", "it writes a token for \"unknown\"", "a word tokeniser",
                   "That is what word tokens do. Byte pairs start from all 256 bytes."},
                  {"learns", "it adds a token for it", "tokens learned in use",
                   "The list is fixed after training: the model has one row for each."},
                  {"nearest", "it takes the most similar known word", "spelling corrected",
                   "Nothing is corrected: the text comes back exactly."},
                  {"fails", "it raises an error", "bytes forgotten",
                   "Every text is made of bytes, and every byte is a token."},
                  {"skips", "it leaves the word out", "a lossy code",
                   "Decoding gives every text back, byte by byte."},
                  {"letters", "it cuts it into single letters, always", "merges not applied",
                   "It joins what it can: frequent pieces inside an unknown word stay whole."}}});
}

// ---------------------------------------------------------------------------- counting

const Words cat_words = {"the", "cat", "sat", "on", "mat", "ran"};
const std::vector<int64_t> cat_text = {0, 1, 2, 3, 0, 4, 0, 1, 5};

std::string said(const std::vector<int64_t>& tokens, const Words& words) {
  Words out;
  for (const int64_t t : tokens) out.push_back(words[static_cast<size_t>(t)]);
  return text::join(out, " ");
}
std::string fraction(int64_t a, int64_t b) {
  return std::to_string(a) + " / " + std::to_string(b);
}

// ---------------------------------------------------------------------------- skip-gram

// [loss]
// Two vectors for each word: as a centre, and as a neighbour.
struct SkipGram {
  Tensor centre, beside;  // (words, features)
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    visit("centre", self.centre);
    visit("beside", self.beside);
  }
};
// x (rows, 2 + noise): a centre, a word beside it, drawn words.
// sign (1 + noise): +1 for the word, -1 for noise.
Tensor loss_of(const SkipGram& m, const Tensor& x, const Tensor& sign) {
  const int64_t columns = x.shape()[1];
  const Tensor v = gather(m.centre, slice_axis(x, 1, {0, 1}));
  const Tensor u = gather(m.beside, slice_axis(x, 1, {1, columns}));
  const Tensor dots = sum(v * u, {.axis = -1});
  return mean(sum(softplus(-sign * dots), {.axis = -1}));
}
// [end]

// A small world: people, what they do, whose it is.
struct World {
  Words words;
  std::vector<int64_t> tokens;
  static constexpr int64_t sentence = 5;
};
int64_t number_of(World& w, const std::string& word) {
  const auto at = std::ranges::find(w.words, word);
  if (at == w.words.end()) {
    w.words.push_back(word);
    return static_cast<int64_t>(w.words.size()) - 1;
  }
  return at - w.words.begin();
}
World make_world(int64_t sentences, Key key) {
  const Words people[] = {
      {"man", "woman"}, {"king", "queen"}, {"boy", "girl"}, {"prince", "princess"}};
  const Words grown_verbs = {"works", "builds", "cooks"},
              grown_things = {"house", "field", "bread"},
              royal_verbs = {"rules", "reigns", "commands"},
              royal_things = {"crown", "throne", "palace"},
              young_verbs = {"plays", "learns", "jumps"}, young_things = {"ball", "toy", "book"};
  World w;
  std::vector<int64_t> dice(static_cast<size_t>(sentences) * 5);
  fill_integers(key, 0, 12, dice);
  for (size_t s = 0; s < dice.size(); s += 5) {
    const auto kind = static_cast<size_t>(dice[s] % 4), sex = static_cast<size_t>(dice[s + 1] % 2);
    // A prince is royal and young, half and half.
    const bool royal = kind == 1 || (kind == 3 && dice[s + 2] % 2 == 0),
               young = kind == 2 || (kind == 3 && !royal);
    const Words& verbs = royal ? royal_verbs : young ? young_verbs : grown_verbs;
    const Words& things = royal ? royal_things : young ? young_things : grown_things;
    for (const std::string& word :
         {std::string("the"), people[kind][sex], verbs[static_cast<size_t>(dice[s + 3] % 3)],
          std::string(sex == 0 ? "his" : "her"), things[static_cast<size_t>(dice[s + 4] % 3)]})
      w.tokens.push_back(number_of(w, word));
  }
  return w;
}

struct Learned {
  SkipGram model;
  double before = 0, after = 0;
};
// All pairs of words within a sentence; noise evenly among all words.
Learned learned(const World& w, int64_t features, int64_t noise, int steps, uint64_t seed) {
  const auto words = static_cast<int64_t>(w.words.size());
  const Key key = key_from_seed(seed);
  const double small = 0.5 / static_cast<double>(features);
  SkipGram m{uniform_weight(split(key, 0), {words, features}, small, DType::f64),
             uniform_weight(split(key, 1), {words, features}, small, DType::f64)};
  constexpr int64_t rows = 256;
  Vector signs(static_cast<size_t>(1 + noise), -1);
  signs[0] = 1;
  StepOptions<SkipGram> options;
  options.optimiser.lr = 0.03;
  const Type x_type{DType::i64, {rows, 2 + noise}}, sign_type{DType::f64, {1 + noise}};
  const RecordedStep step = record_step<SkipGram>(m, loss_of, x_type, sign_type, options);
  Plan plan = plan_of(step);
  plan.set(step.target(), from_vector(signs, {1 + noise}));
  Learned out;
  const int64_t sentences = static_cast<int64_t>(w.tokens.size()) / World::sentence;
  for (int i = 0; i < steps; ++i) {
    const Key own = split(split(key, 2), static_cast<uint64_t>(i));
    std::vector<int64_t> at(rows), places(2 * rows), drawn(static_cast<size_t>(rows * noise)), x;
    fill_integers(split(own, 0), 0, sentences, at);
    fill_integers(split(own, 1), 0, World::sentence * (World::sentence - 1), places);
    fill_integers(split(own, 2), 0, words, drawn);
    for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
      const int64_t first = places[r] / (World::sentence - 1);
      int64_t second = places[r] % (World::sentence - 1);
      if (second >= first) ++second;
      const int64_t begin = at[r] * World::sentence;
      x.push_back(w.tokens[static_cast<size_t>(begin + first)]);
      x.push_back(w.tokens[static_cast<size_t>(begin + second)]);
      for (int64_t k = 0; k < noise; ++k)
        x.push_back(drawn[r * static_cast<size_t>(noise) + static_cast<size_t>(k)]);
    }
    plan.set(step.x(), from_vector(x, {rows, 2 + noise}));
    plan.run();
    (i == 0 ? out.before : out.after) = number(plan.output_tensor(step.loss()));
  }
  out.model = trained(m, plan, options);
  return out;
}

// ---------------------------------------------------------------------------- byte pairs

std::string visible(std::string piece) {
  std::ranges::replace(piece, ' ', '_');
  return piece;
}
std::string pieces(const BytePairs& bpe, const std::string& what) {
  Words out;
  for (const int64_t t : bpe.encode(what)) out.push_back(visible(bpe.symbol(t)));
  return text::join(out, " | ");
}

// How often each pair stands side by side.
std::map<std::pair<int, int>, int> counted(const std::vector<Tokens>& words) {
  std::map<std::pair<int, int>, int> pairs;
  for (const Tokens& w : words)
    for (size_t i = 0; i + 1 < w.size(); ++i) ++pairs[{w[i], w[i + 1]}];
  return pairs;
}
}  // namespace

LESSON(page) {
  exercises(page);

  // Counting.
  page.bind("cat_text", said(cat_text, cat_words));
  // [count]
  const NGram two(cat_text, 6, 2, Smoothing::none);
  const NGram added(cat_text, 6, 2, Smoothing::add_one);
  const int64_t the[] = {0};
  const double cat = two.probability(the, 1);
  // [end]
  const auto count_of = [&](int64_t a, int64_t b) {
    int64_t n = 0;
    for (size_t i = 0; i + 1 < cat_text.size(); ++i) n += cat_text[i] == a && cat_text[i + 1] == b;
    return n;
  };
  const auto times = [&](int64_t a) { return std::ranges::count(cat_text, a); };
  const auto words = static_cast<int64_t>(cat_words.size()),
             total = static_cast<int64_t>(cat_text.size());
  const double w2 = std::clamp(page.set("two", 0.6), 0.0, 1.0),
               w1 = std::clamp(page.set("one", 0.3), 0.0, 1 - w2), w0 = 1 - w2 - w1;
  Table counts = {{"after \"the\"", "count", "share", "add one", "interpolated"}};
  double zero_sum = 0, add_sum = 0, mix_sum = 0;
  for (int64_t t = 0; t < words; ++t) {
    const double plain = two.probability(the, t), one_more = added.probability(the, t),
                 own = static_cast<double>(times(t)) / static_cast<double>(total),
                 mixed = w2 * plain + w1 * own + w0 / static_cast<double>(words);
    zero_sum += plain, add_sum += one_more, mix_sum += mixed;
    counts.push_back({cat_words[static_cast<size_t>(t)], std::to_string(count_of(0, t)),
                      fraction(count_of(0, t), 3) + " = " + shown(plain, 3),
                      fraction(count_of(0, t) + 1, 3 + words) + " = " + shown(one_more, 3),
                      shown(mixed, 3)});
  }
  counts.push_back({"sum", "3", shown(zero_sum), shown(add_sum), shown(mix_sum)});
  page.table("counts", counts);
  page.bind("cat", cat, 6);
  page.bind("cat_fraction", fraction(count_of(0, 1), 3));
  page.bind("w2", w2);
  page.bind("w1", w1);
  page.bind("w0", w0);
  page.bind("vocabulary", words);

  // Perplexity.
  const std::vector<int64_t> asked{0, 1, 2};
  Table surprise = {{"token", "after", "P", "-ln P"}};
  double loss = 0;
  for (size_t i = 0; i < asked.size(); ++i) {
    const std::span<const int64_t> history(asked.data(), i);
    const double p = two.probability(history, asked[i]);
    loss -= std::log(p);
    surprise.push_back({cat_words[static_cast<size_t>(asked[i])],
                        i == 0 ? "nothing" : cat_words[static_cast<size_t>(asked[i - 1])], shown(p),
                        shown(-std::log(p))});
  }
  page.table("surprise", surprise);
  page.bind("asked", said(asked, cat_words));
  page.bind("mean_loss", loss / 3);
  page.bind("perplexity", std::exp(loss / 3));
  page.bind("library_perplexity", std::exp(two.loss(asked)));
  const int64_t never[] = {0, 5};
  page.bind("never", said({0, 5}, cat_words));
  const double infinite = std::exp(two.loss(never));
  page.bind("never_perplexity", std::isinf(infinite) ? "infinite" : shown(infinite));
  page.bind("never_added", std::exp(added.loss(never)), 2);

  // Sampling.
  const Vector u = {0.1, 0.9, 0.5, 0.2, 0.8, 0.4, 0.7, 0.3};
  page.bind("u", listed(u));
  page.bind("sampled", "the " + said(two.sample({0}, u), cat_words));

  // Orders, on a text of a small world.
  const World world = make_world(1500, key_from_seed(3));
  const auto size = static_cast<int64_t>(world.words.size());
  const auto cut = static_cast<size_t>(1200 * World::sentence);
  const std::vector<int64_t> seen(world.tokens.begin(),
                                  world.tokens.begin() + static_cast<std::ptrdiff_t>(cut)),
      fresh(world.tokens.begin() + static_cast<std::ptrdiff_t>(cut), world.tokens.end());
  page.bind("world_words", size);
  page.bind("seen", static_cast<int64_t>(seen.size()));
  page.bind("fresh", static_cast<int64_t>(fresh.size()));
  const auto start = std::ranges::find(world.words, "the") - world.words.begin();
  Table orders = {{"order", "perplexity, seen", "perplexity, new", "it writes"}};
  Vector places(10);
  fill_uniform(key_from_seed(12), 0, places);
  for (const int order : {1, 2, 3, 4, 8}) {
    const NGram model(seen, size, order);
    orders.push_back({std::to_string(order), shown(std::exp(model.loss(seen)), 2),
                      shown(std::exp(model.loss(fresh)), 2),
                      "the " + said(model.sample({start}, places), world.words)});
  }
  page.table("orders", orders);

  // A table.
  // [lookup]
  const Tensor table{{0.1, 0.2}, {0.3, -0.4}, {0.5, 0.6}};
  const Embedding embedding{table};
  const Tensor tokens = from_vector(std::vector<int64_t>{2, 0, 2}, {3});
  const Tensor looked_up = embedding(tokens);
  const Tensor ones_and_zeros{{0, 0, 1}, {1, 0, 0}, {0, 0, 1}};
  const Tensor product = matmul(ones_and_zeros, table);
  const Tensor slope = grad([&](const Tensor& t) { return sum(gather(t, tokens)); })(table);
  // [end]
  page.bind("tokens", tokens);
  page.bind("looked_up", looked_up);
  page.bind("same_rows",
            number(max(abs(looked_up - product))) == 0 ? "the same numbers" : "other numbers");
  page.bind("row_slopes", slope);

  // Skip-gram by hand.
  const Tensor centre = page.set("v", Tensor{1, 0.5}), beside = page.set("u", Tensor{0.5, -1}),
               noise = page.set("n", Tensor{0.4, 0.8});
  const Vector v = numbers(centre), up = numbers(beside), down = numbers(noise);
  const double dot_up = dot_of(v, up), dot_down = dot_of(v, down), pull = bend(dot_up) - 1,
               push = bend(dot_down);
  const auto pair_loss = [](const Tensor& a, const Tensor& b, const Tensor& c) {
    return softplus(-sum(a * b)) + softplus(sum(a * c));
  };
  page.bind("v", centre);
  page.bind("u_beside", beside);
  page.bind("n", noise);
  page.table("hand",
             {{"", "word beside it", "noise"},
              {"dot product", shown(dot_up), shown(dot_down)},
              {"σ", shown(bend(dot_up)), shown(bend(dot_down))},
              {"its loss", "-ln " + shown(bend(dot_up)) + " = " + shown(-std::log(bend(dot_up))),
               "-ln " + shown(1 - push) + " = " + shown(-std::log(1 - push))},
              {"slope by the dot product", "σ - 1 = " + shown(pull), "σ = " + shown(push)}});
  page.bind("pair_loss", number(pair_loss(centre, beside, noise)), 6);
  const auto scaled = [](double a, const Vector& x) {
    Vector out = x;
    for (double& value : out) value *= a;
    return out;
  };
  const Vector by_v = skip_gram_slope(v, up, {down});
  const auto engine = grad<0, 1, 2>(pair_loss)(centre, beside, noise);
  const auto row = [](const Vector& x) { return "(" + listed(x) + ")"; };
  page.table("slopes", {{"slope by", "formula", "by hand", "engine"},
                        {"v", "(σ - 1) u + σ n", row(by_v), row(numbers(std::get<0>(engine)))},
                        {"u", "(σ - 1) v", row(scaled(pull, v)), row(numbers(std::get<1>(engine)))},
                        {"n", "σ v", row(scaled(push, v)), row(numbers(std::get<2>(engine)))}});
  const double rate = 0.5;
  const Tensor stepped =
      pair_loss(centre - rate * std::get<0>(engine), beside - rate * std::get<1>(engine),
                noise - rate * std::get<2>(engine));
  page.bind("rate", rate);
  page.bind("stepped", number(stepped), 4);

  // Skip-gram, trained.
  const auto steps = static_cast<int>(std::clamp(page.set("steps", 400.0), 2.0, 5000.0));
  const auto features = static_cast<int64_t>(std::clamp(page.set("features", 8.0), 1.0, 64.0));
  const Learned l = learned(world, features, 5, steps, 1);
  page.bind("steps", steps);
  page.bind("features", features);
  page.bind("sentence", said({world.tokens.begin(), world.tokens.begin() + 5}, world.words));
  page.bind("loss_before", l.before, 3);
  page.bind("loss_after", l.after, 2);
  page.bind("ln2_six", 6 * std::log(2.0), 3);
  const auto place = [&](const char* word) {
    return static_cast<int64_t>(std::ranges::find(world.words, word) - world.words.begin());
  };
  const auto vector_of = [&](const char* word) {
    const int64_t at = place(word);
    return squeeze(slice_axis(l.model.centre, 0, {at, at + 1}), 0);
  };
  Table near = {{"word", "nearest by cosine"}};
  for (const char* word : {"king", "girl", "house", "rules", "prince"}) {
    // [neighbours]
    const Nearest n = cosine_top_k(vector_of(word), l.model.centre, 4);
    // [end]
    const Vector rows = numbers(n.rows), cosines = numbers(n.cosines);
    Words list;
    for (size_t i = 1; i < rows.size(); ++i)
      list.push_back(world.words[static_cast<size_t>(rows[i])] + " " + text::fixed(cosines[i], 2));
    near.push_back({word, text::join(list, ", ")});
  }
  page.table("near", near);
  Table analogies = {{"question", "nearest", "wanted"}};
  const char* people[][2] = {
      {"man", "woman"}, {"king", "queen"}, {"boy", "girl"}, {"prince", "princess"}};
  int right = 0, questions = 0;
  for (const auto& from : people)
    for (const auto& to : people) {
      if (&from == &to) continue;
      const Tensor target = vector_of(from[1]) - vector_of(from[0]) + vector_of(to[0]);
      std::string best;
      for (const double r : numbers(cosine_top_k(target, l.model.centre, 4).rows)) {
        const std::string& word = world.words[static_cast<size_t>(r)];
        if (best.empty() && word != from[0] && word != from[1] && word != to[0]) best = word;
      }
      right += best == to[1];
      ++questions;
      if (questions % 3 == 1)
        analogies.push_back({std::string(to[0]) + " - " + from[0] + " + " + from[1], best, to[1]});
    }
  page.table("analogies", analogies);
  page.bind("right", right);
  page.bind("questions", questions);

  // Byte pairs by hand.
  const std::string corpus = "low low low lower lower newest newest newest newest newest widest";
  page.bind("corpus", corpus);
  std::vector<Tokens> split_words;
  for (const std::string_view word : pre_tokens(corpus))
    split_words.emplace_back(word.begin(), word.end());
  Words symbols(256);
  for (size_t byte = 0; byte < 256; ++byte) symbols[byte] = std::string(1, static_cast<char>(byte));
  const int merges = static_cast<int>(std::clamp(page.set("merges", 8.0), 1.0, 20.0));
  // [bytepairs]
  const BytePairs bpe = BytePairs::trained(corpus, merges);
  // [end]
  Table joined = {{"merge", "the pair", "stands", "library's merge"}};
  for (size_t i = 0; i < static_cast<size_t>(merges); ++i) {
    const auto pairs = counted(split_words);
    if (pairs.empty()) break;
    // Of equals the first: pairs are in the order of their tokens.
    const auto most = std::ranges::max_element(
        pairs, [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most->second < 2) break;
    const auto [first, second] = most->first;
    const std::string left = symbols[static_cast<size_t>(first)],
                      right_of = symbols[static_cast<size_t>(second)];
    const auto own =
        i < bpe.merges().size() ? bpe.merges()[i] : std::pair<std::string, std::string>{"none", ""};
    joined.push_back({std::to_string(i + 1), visible(left) + " + " + visible(right_of),
                      std::to_string(most->second) + " times",
                      visible(own.first) + " + " + visible(own.second)});
    for (Tokens& w : split_words)
      w = merge_pair(w, first, second, static_cast<int>(symbols.size()));
    symbols.push_back(left + right_of);
  }
  page.table("merges", joined);
  page.bind("unseen", "lowest");
  page.bind("unseen_pieces", pieces(bpe, " lowest"));
  Table ways = {{"a token is", "tokens for the text", "kinds in it", "\"lowest\""}};
  const auto kinds = [](std::vector<std::string_view> all) {
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return std::to_string(all.size());
  };
  const auto letters = characters_of(corpus), whole = words_of(corpus);
  const std::vector<int64_t> coded = bpe.encode(corpus);
  std::vector<int64_t> different = coded;
  std::ranges::sort(different);
  different.erase(std::unique(different.begin(), different.end()), different.end());
  ways.push_back({"a character", std::to_string(letters.size()), kinds(letters), "6 tokens"});
  ways.push_back({"a pair of bytes, joined", std::to_string(coded.size()),
                  std::to_string(different.size()),
                  std::to_string(bpe.encode(" lowest").size()) + " tokens"});
  ways.push_back({"a word", std::to_string(whole.size()), kinds(whole), "unknown"});
  page.table("ways", ways);
  page.bind("bytes", 256);
  page.bind("back", bpe.decode(coded) == corpus ? "exactly" : "not");

  // The picture: people along two directions.
  const auto mean_of = [&](const Words& some) {
    Tensor summed = zeros({features});
    for (const std::string& word : some) summed = summed + vector_of(word.c_str());
    return summed / static_cast<double>(some.size());
  };
  const auto unit = [](const Tensor& a) { return a / norm(a); };
  const Tensor across = unit(vector_of("her") - vector_of("his")),
               up_axis = unit(mean_of({"crown", "throne", "palace"}) -
                              mean_of({"house", "field", "bread"}));
  std::vector<Line> points;
  for (const auto& both : people)
    for (size_t s = 0; s < 2; ++s) {
      const Tensor at = vector_of(both[s]);
      points.push_back({.label = both[s],
                        .x = {number(sum(at * across))},
                        .y = {number(sum(at * up_axis))},
                        .colour = s == 0 ? "var(--ink)" : "var(--accent)"});
    }
  page.picture("people", Plot{.id = "people",
                              .title = "From his to her (across), from house to crown (up)",
                              .x_label = "towards her",
                              .lines = points,
                              .dots = true});
}
