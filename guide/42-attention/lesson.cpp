// Attention on three tokens by hand: weights, masks, slopes, what the root of the width is for,
// heads, places, and the same result one key at a time.
#include <gradus/base/html.h>
#include <gradus/base/text.h>
#include <gradus/core/memory.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/attention.h>
#include <gradus/nn/module.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

using Vector = std::vector<double>;
using Matrix = std::vector<Vector>;

// ---------------------------------------------------------------------------- exercises

using OneQuery = Vector(const Vector&, const Matrix&, const Matrix&);

// [solution one-query]
// keys[j] has as many numbers as q; values[j] is what key j passes on. Returns what the query gets,
// as many numbers as a value has. Scores may be large.
std::vector<double> one_query(const std::vector<double>& q,
                              const std::vector<std::vector<double>>& keys,
                              const std::vector<std::vector<double>>& values) {
  std::vector<double> y(values[0].size());
  // [hole (void)q; (void)keys;]
  std::vector<double> score;
  for (const auto& k : keys) {
    double products = 0;
    for (size_t i = 0; i < q.size(); ++i) products += q[i] * k[i];
    score.push_back(products / std::sqrt(static_cast<double>(q.size())));
  }
  double largest = score[0], total = 0;
  for (const double s : score) largest = s > largest ? s : largest;
  for (const double s : score) total += std::exp(s - largest);
  for (size_t j = 0; j < values.size(); ++j)
    for (size_t i = 0; i < y.size(); ++i)
      y[i] += std::exp(score[j] - largest) / total * values[j][i];
  // [end hole]
  return y;
}
// [end]

Vector scores_of(const Vector& q, const Matrix& keys, double divisor) {
  Vector s;
  for (const Vector& k : keys) {
    double products = 0;
    for (size_t i = 0; i < q.size(); ++i) products += q[i] * k[i];
    s.push_back(products / divisor);
  }
  return s;
}
double root_of(const Vector& q) {
  return std::sqrt(static_cast<double>(q.size()));
}
// Shares of e^s; an entry of -infinity gets 0.
Vector shares(Vector s) {
  const double largest = std::ranges::max(s);
  double total = 0;
  for (double& v : s) total += v = std::exp(v - largest);
  for (double& v : s) v /= total;
  return s;
}
Vector mixed(const Vector& w, const Matrix& values) {
  Vector y(values[0].size());
  for (size_t j = 0; j < values.size(); ++j)
    for (size_t i = 0; i < y.size(); ++i) y[i] += w[j] * values[j][i];
  return y;
}

using CausalRows = Vector(const Matrix&);

// [solution causal-rows]
// scores[i][j]: how well key j fits query i, as many keys as queries. No query may see a key behind
// its own place. Returns the weights, row after row.
std::vector<double> causal_rows(const std::vector<std::vector<double>>& scores) {
  std::vector<double> weights;
  // [hole (void)scores;]
  for (size_t i = 0; i < scores.size(); ++i) {
    double largest = scores[i][0], total = 0;
    for (size_t j = 0; j <= i; ++j) largest = scores[i][j] > largest ? scores[i][j] : largest;
    for (size_t j = 0; j <= i; ++j) total += std::exp(scores[i][j] - largest);
    for (size_t j = 0; j < scores.size(); ++j)
      weights.push_back(j > i ? 0 : std::exp(scores[i][j] - largest) / total);
  }
  // [end hole]
  return weights;
}
// [end]

// Rows of shares, after `seen(i, j, score)` says what stands for a score.
template <class Seen>
Vector rows_of(const Matrix& scores, const Seen& seen) {
  Vector all;
  for (size_t i = 0; i < scores.size(); ++i) {
    Vector s;
    for (size_t j = 0; j < scores.size(); ++j) s.push_back(seen(i, j, scores[i][j]));
    const bool blind = std::ranges::max(s) == -std::numeric_limits<double>::infinity();
    for (const double w : blind ? Vector(s.size()) : shares(s)) all.push_back(w);
  }
  return all;
}
constexpr double never = -std::numeric_limits<double>::infinity();

using ScoreSlopes = Vector(const Vector&, const Vector&);

// [solution score-slopes]
// w: the weights of one query, which sum to 1. slope[j]: the slope of the loss by weight j. Returns
// the slopes of the loss by the scores that the weights were made of.
std::vector<double> score_slopes(const std::vector<double>& w, const std::vector<double>& slope) {
  std::vector<double> out(w.size());
  // [hole (void)slope;]
  double mean = 0;
  for (size_t j = 0; j < w.size(); ++j) mean += w[j] * slope[j];
  for (size_t j = 0; j < w.size(); ++j) out[j] = w[j] * (slope[j] - mean);
  // [end hole]
  return out;
}
// [end]

template <class One>
Vector each(const Vector& w, const One& one) {
  Vector out;
  for (size_t j = 0; j < w.size(); ++j) out.push_back(one(j));
  return out;
}
double weighted(const Vector& w, const Vector& x) {
  double s = 0;
  for (size_t j = 0; j < w.size(); ++j) s += w[j] * x[j];
  return s;
}

using OneByOne = double(const Vector&, const Vector&);

// [solution keys-one-by-one]
// The mean of the values, weighted by the softmax of the scores, in one pass: each score and value
// is looked at once and never again. Scores may be large or far below 0.
double keys_one_by_one(const std::vector<double>& scores, const std::vector<double>& values) {
  // [hole (void)scores; (void)values; return 0;]
  double largest = scores[0], total = 1, y = values[0];
  for (size_t j = 1; j < scores.size(); ++j) {
    const double before = largest;
    largest = scores[j] > before ? scores[j] : before;
    const double keep = std::exp(before - largest), share = std::exp(scores[j] - largest);
    total = total * keep + share;
    y = y * keep + share * values[j];
  }
  return y / total;
  // [end hole]
}
// [end]

// The same pass with parts left out.
struct Faults {
  bool keeps_total = true, keeps_y = true, divides = true, upside_down = false;
  double start = never;  // the largest score so far, before there is one
};
double pass_with(const Vector& s, const Vector& v, const Faults& f) {
  double largest = f.start, total = 0, y = 0;
  for (size_t j = 0; j < s.size(); ++j) {
    const double before = largest;
    largest = std::max(before, s[j]);
    double keep = before == never ? 1 : std::exp(before - largest);
    if (f.upside_down) keep = 1 / keep;
    const double share = std::exp(s[j] - largest);
    total = total * (f.keeps_total ? keep : 1) + share;
    y = y * (f.keeps_y ? keep : 1) + share * v[j];
  }
  return f.divides ? y / total : y;
}

// ---------------------------------------------------------------------------- attention

// [backward]
struct Slopes {
  Tensor q, k, v;
};
// From the slopes of the loss by the output.
Slopes backward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& by_y) {
  const double root = std::sqrt(static_cast<double>(q.shape()[1]));
  const Tensor w = softmax(matmul(q, transpose(k)) / root);
  const Tensor by_w = matmul(by_y, transpose(v));
  const Tensor mean = sum(w * by_w, {.axis = -1, .keepdims = true});
  const Tensor by_s = w * (by_w - mean) / root;
  const Tensor by_q = matmul(by_s, k), by_k = matmul(transpose(by_s), q);
  return {by_q, by_k, matmul(transpose(w), by_y)};
}
// [end]

Tensor randn(RandomState& state, const Shape& shape) {
  return from_vector(state.randn(element_count(shape)), shape);
}
Tensor randn(Key key, uint64_t part, const Shape& shape, DType dtype = DType::f64) {
  return random_normal(key_tensor(split(key, part)), shape, dtype);
}

// What the width does to scores: their deviation, how many keys count, and the slopes left, with
// and without the root.
struct Spread {
  double deviation = 0, count[2] = {}, slope[2] = {};
};
Spread spread_of(int64_t d) {
  const Key key = key_from_seed(42);
  const auto n = static_cast<uint64_t>(d);
  const Tensor scores = matmul(randn(key, n, {64, d}), transpose(randn(key, n + 5000, {64, d})));
  Spread s{.deviation = number(std_dev(scores))};
  const double root = std::sqrt(static_cast<double>(d));
  for (const int scaled : {0, 1}) {
    const Tensor w = softmax(scores / (scaled == 1 ? root : 1.0));
    s.count[scaled] = std::exp(number(mean(entropy(w, LogBase::e))));
    s.slope[scaled] = number(mean(sum(w * (1 - w), {.axis = -1})));
  }
  return s;
}

// ---------------------------------------------------------------------------- pictures

const std::vector<std::string> tokens{"the", "cat", "sat"};

// A row a query, a column a key: bars in a terminal, squares on a page.
Drawing heat(const Tensor& weights, std::string alt) {
  const Vector w = numbers(weights);
  const size_t n = tokens.size();
  std::string text = text::pad_right("query \\ key", 14), marks;
  const auto write = [&](size_t x, size_t y, const std::string& words, const char* colour) {
    marks += "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) +
             "\" style=\"text-anchor:middle;font-size:13px;fill:" + colour + "\">" +
             escape_html(words) + "</text>";
  };
  for (size_t j = 0; j < n; ++j) {
    text += text::pad_right(tokens[j], 18);
    write(110 + 70 * j, 18, tokens[j], "var(--muted)");
  }
  text += "\n";
  for (size_t i = 0; i < n; ++i) {
    text += text::pad_right(tokens[i], 14);
    write(40, 52 + 40 * i, tokens[i], "var(--muted)");
    for (size_t j = 0; j < n; ++j) {
      const double share = w[i * n + j];
      const std::string bar(static_cast<size_t>(std::lround(10 * share)), '#');
      text += text::pad_right(text::fixed(share, 4) + " " + bar, 18);
      marks += "<rect x=\"" + std::to_string(76 + 70 * j) + "\" y=\"" +
               std::to_string(28 + 40 * i) +
               "\" width=\"68\" height=\"38\" fill=\"var(--accent)\" fill-opacity=\"" +
               text::fixed(0.75 * share, 3) + "\" stroke=\"var(--line)\"/>";
      write(110 + 70 * j, 52 + 40 * i, text::fixed(share, 4), "var(--ink)");
    }
    while (text.ends_with(' ')) text.pop_back();
    text += "\n";
  }
  std::string svg = "<svg viewBox=\"0 0 296 152\" role=\"img\" aria-label=\"" + escape_html(alt) +
                    "\">" + marks + "</svg>";
  return {.terminal = text, .svg = svg, .alt = std::move(alt)};
}

std::string bounded(double apart, double bound) {
  return apart < bound ? "less than " + shown(bound) : shown(apart, 1);
}
double apart(const Tensor& a, const Tensor& b) {
  return number(max(abs(a - b)));
}
// Megabytes that computing took beyond what there was.
template <class F>
double megabytes(const F& compute) {
  reset_peak_bytes();
  const int64_t before = peak_bytes();
  compute();
  return static_cast<double>(peak_bytes() - before) / (1 << 20);
}
void exercises(Page& page) {
  page.exercise(Predict{
      .name = "score-deviation",
      .answer = 10,
      .tolerance = 1e-3,
      .wrong = {{100, "variance instead of deviation",
                 "This is the variance of the sum of products. The deviation is its root."},
                {1, "after the division",
                 "This is what is left once the scores are divided. Before it they are larger."},
                {0.1, "upside down", "More products add up to a larger sum, not to a smaller one."},
                {50, "half of the width", "Nothing is halved here. Add up variances."},
                {200, "variances of both added up",
                 "A product of two such numbers has the variance 1 times 1, not 1 plus 1."},
                {14.1421356, "root of both sides",
                 "The width is counted once: as many products as a query has numbers."},
                {1000, "power instead of root",
                 "Variances add up to the width. Then take the root, not a power."}}});
  page.exercise(Choose{
      .name = "shuffled-tokens",
      .answer = "moved",
      .choices = {
          {"moved", "the same three outputs, in the new order", "", ""},
          {"unchanged", "exactly the same rows in the same places", "rows do not move",
           "Each output belongs to a query, and the queries have moved."},
          {"different", "three outputs with other numbers", "order taken for an input",
           "Which number would change? Scores compare a query with a key, wherever they stand."},
          {"equal", "three equal rows", "no places taken for no queries",
           "The queries still differ, so their weights do."},
          {"reversed-weights", "the same outputs, but made with other weights", "weights by place",
           "A weight belongs to a pair of tokens. It moves along with them."},
          {"first-only", "the first token's output stays, the rest changes", "causal taken for all",
           "Nothing is masked here: every token sees all the others."},
          {"less-sure", "all weights become more even", "order taken for evidence",
           "Without places the layer cannot even notice that the order is another."}}});
  static const Vector queries[] = {{1, -0.5}, {0.2, 0.4, -1, 2}, {40, 30}};
  static const Matrix key_rows[] = {{{0.5, 1}, {2, -1}, {-1, 0.3}},
                                    {{1, 0, 0.5, 0.25}, {0, 2, 1, -1}},
                                    {{20, 15}, {21, 14}, {-30, 2}}};
  static const Matrix value_rows[] = {
      {{1, 10}, {2, -20}, {-3, 5}}, {{1, 2, 3, 4}, {-1, 0.5, 2, 8}}, {{1, 2}, {4, 3}, {7, 9}}};
  page.exercise(fill(Numeric<OneQuery>{
      .name = "one-query",
      .solution = one_query,
      .cases = 3,
      .call = [](OneQuery* f, int i) { return f(queries[i], key_rows[i], value_rows[i]); },
      .where =
          [](int i) {
            return "query " + listed(queries[i]) + "; " + std::to_string(key_rows[i].size()) +
                   " keys, the first " + listed(key_rows[i][0]);
          },
      .mistakes =
          {{"root forgotten", "Divide each score by the root of the width before the softmax.",
            [](const Vector& a, const Matrix& b, const Matrix& c) {
              return mixed(shares(scores_of(a, b, 1)), c);
            }},
           {"divided by the width", "The deviation of a score grows with the root of the width.",
            [](const Vector& a, const Matrix& b, const Matrix& c) {
              return mixed(shares(scores_of(a, b, static_cast<double>(a.size()))), c);
            }},
           {"weights do not sum to 1", "You used e to the score as it is. Divide by the sum.",
            [](const Vector& a, const Matrix& b, const Matrix& c) {
              Vector e = scores_of(a, b, root_of(a));
              for (double& x : e) x = std::exp(x);
              return mixed(e, c);
            }},
           {"scores too large for exp",
            "Right for small scores. Take the largest off before exp: e to the 710 is infinite.",
            [](const Vector& a, const Matrix& b, const Matrix& c) {
              Vector e = scores_of(a, b, root_of(a));
              double sum_of_all = 0;
              for (double& x : e) sum_of_all += x = std::exp(x);
              for (double& x : e) x /= sum_of_all;
              return mixed(e, c);
            }},
           {"best key takes all",
            "This is the value of the best key alone. The others get a share.",
            [](const Vector& a, const Matrix& b, const Matrix& c) {
              const Vector e = scores_of(a, b, 1);
              return c[static_cast<size_t>(std::ranges::max_element(e) - e.begin())];
            }},
           {"keys mixed", "Keys are what a query is compared with. What is mixed are the values.",
            [](const Vector& a, const Matrix& b, const Matrix&) {
              return mixed(shares(scores_of(a, b, root_of(a))), b);
            }},
           {"plain mean of the values", "Here every key counts the same, whatever the query is.",
            [](const Vector&, const Matrix& b, const Matrix& c) {
              return mixed(shares(Vector(b.size())), c);
            }},
           {"scores taken as weights", "Scores may be negative. The softmax makes shares of them.",
            [](const Vector& a, const Matrix& b, const Matrix& c) {
              return mixed(scores_of(a, b, root_of(a)), c);
            }}}}));
  static const Matrix score_rows[] = {{{0.5, 2, -1}, {1, 0, 3}, {-0.5, 0.25, 1}},
                                      {{800, 900}, {-5, 1}}};
  page.exercise(fill(Numeric<CausalRows>{
      .name = "causal-rows",
      .solution = causal_rows,
      .cases = 2,
      .call = [](CausalRows* f, int i) { return f(score_rows[i]); },
      .where =
          [](int i) {
            return std::to_string(score_rows[i].size()) + " tokens, scores of the first " +
                   listed(score_rows[i][0]);
          },
      .mistakes =
          {{"masked after the softmax",
            "Setting weights to 0 afterwards leaves rows that do not sum to 1. Hide the scores "
            "first.",
            [](const Matrix& m) {
              Vector all = rows_of(m, [](size_t, size_t, double x) { return x; });
              for (size_t i = 0; i < m.size(); ++i)
                for (size_t j = i + 1; j < m.size(); ++j) all[i * m.size() + j] = 0;
              return all;
            }},
           {"own key hidden", "A token may look at itself: j up to i, i included.",
            [](const Matrix& m) {
              return rows_of(m, [](size_t i, size_t j, double x) { return j < i ? x : never; });
            }},
           {"wrong triangle", "You let each query see what comes after it, and hid the past.",
            [](const Matrix& m) {
              return rows_of(m, [](size_t i, size_t j, double x) { return j >= i ? x : never; });
            }},
           {"score 0 for hidden", "e to the 0 is 1: a hidden key still gets a share.",
            [](const Matrix& m) {
              return rows_of(m, [](size_t i, size_t j, double x) { return j <= i ? x : 0; });
            }},
           {"nothing hidden", "This is attention without a mask: the first token sees the last.",
            [](const Matrix& m) { return rows_of(m, [](size_t, size_t, double x) { return x; }); }},
           {"columns instead of rows",
            "The weights of one query sum to 1. You made those of one key do so.",
            [](const Matrix& m) {
              Matrix turned_scores = m;
              for (size_t i = 0; i < m.size(); ++i)
                for (size_t j = 0; j < m.size(); ++j) turned_scores[j][i] = m[i][j];
              const Vector by_column = rows_of(
                  turned_scores, [](size_t j, size_t i, double x) { return j <= i ? x : never; });
              Vector all(by_column.size());
              for (size_t i = 0; i < m.size(); ++i)
                for (size_t j = 0; j < m.size(); ++j)
                  all[i * m.size() + j] = by_column[j * m.size() + i];
              return all;
            }}}}));
  static const Vector some_weights[] = {{0.2, 0.3, 0.5}, {0.9, 0.1}},
                      some_slopes[] = {{1, -2, 4}, {0.5, 3}};
  page.exercise(fill(Numeric<ScoreSlopes>{
      .name = "score-slopes",
      .solution = score_slopes,
      .cases = 2,
      .call = [](ScoreSlopes* f, int i) { return f(some_weights[i], some_slopes[i]); },
      .where =
          [](int i) {
            return "weights " + listed(some_weights[i]) + "; slopes " + listed(some_slopes[i]);
          },
      .mistakes =
          {{"other keys forgotten",
            "A higher score takes weight away from all other keys. Take the mean slope off.",
            [](const Vector& a, const Vector& g) {
              return each(a, [&](size_t j) { return a[j] * g[j]; });
            }},
           {"diagonal alone",
            "w (1 - w) is how a score moves its own weight. It moves the others, too.",
            [](const Vector& a, const Vector& g) {
              return each(a, [&](size_t j) { return a[j] * (1 - a[j]) * g[j]; });
            }},
           {"weight left out", "A key with a small weight moves little: multiply by the weight.",
            [](const Vector& a, const Vector& g) {
              return each(a, [&](size_t j) { return g[j] - weighted(a, g); });
            }},
           {"plain mean", "The mean that comes off is weighted by the weights.",
            [](const Vector& a, const Vector& g) {
              double m = 0;
              for (const double x : g) m += x / static_cast<double>(g.size());
              return each(a, [&](size_t j) { return a[j] * (g[j] - m); });
            }},
           {"wrong sign", "A key whose slope is above the mean should have a slope above 0.",
            [](const Vector& a, const Vector& g) {
              return each(a, [&](size_t j) { return a[j] * (weighted(a, g) - g[j]); });
            }},
           {"sum instead of mean", "You took the sum of all slopes off. Weigh each one first.",
            [](const Vector& a, const Vector& g) {
              double m = 0;
              for (const double x : g) m += x;
              return each(a, [&](size_t j) { return a[j] * (g[j] - m); });
            }}}}));
  static const Vector passing_scores[] = {{1, 3, 2}, {-1000, -1002}, {700, 710, 720}},
                      passing_values[] = {{10, 20, 60}, {4, -8}, {1, 2, 6}};
  page.exercise(fill(Numeric<OneByOne>{
      .name = "keys-one-by-one",
      .solution = keys_one_by_one,
      .cases = 3,
      .call = [](OneByOne* f, int i) { return Vector{f(passing_scores[i], passing_values[i])}; },
      .where =
          [](int i) {
            return "scores " + listed(passing_scores[i]) + "; values " + listed(passing_values[i]);
          },
      .mistakes =
          {{"old sum kept as it was",
            "When a larger score arrives, what was added before was measured from another point.",
            [](const Vector& a, const Vector& b) {
              return pass_with(a, b, {.keeps_total = false});
            }},
           {"old mix kept as it was",
            "The sum was scaled down, the mix of values was not. Both were measured from the old "
            "largest score.",
            [](const Vector& a, const Vector& b) { return pass_with(a, b, {.keeps_y = false}); }},
           {"never divided", "At the end, divide the mix by the sum of shares.",
            [](const Vector& a, const Vector& b) { return pass_with(a, b, {.divides = false}); }},
           {"factor upside down",
            "A larger score makes the old shares smaller: e to the old largest minus the new.",
            [](const Vector& a, const Vector& b) {
              return pass_with(a, b, {.upside_down = true});
            }},
           {"largest begins at 0",
            "All scores may lie far below 0. Then every share is 0, and 0 over 0 is no number.",
            [](const Vector& a, const Vector& b) { return pass_with(a, b, {.start = 0}); }},
           {"exp of the score itself", "Right for small scores. e to the 720 is infinite.",
            [](const Vector& a, const Vector& b) {
              double t = 0, m = 0;
              for (size_t j = 0; j < a.size(); ++j) {
                t += std::exp(a[j]);
                m += std::exp(a[j]) * b[j];
              }
              return m / t;
            }},
           {"plain mean", "Here every value counts the same, whatever its score is.",
            [](const Vector& a, const Vector& b) {
              double m = 0;
              for (const double x : b) m += x;
              return m / static_cast<double>(a.size());
            }}}}));
}
}  // namespace

LESSON(page) {
  // Three tokens.
  RandomState random(42);
  const Tensor drawn_q = randn(random, {3, 4}), drawn_k = randn(random, {3, 4}),
               v = randn(random, {3, 4});
  const Tensor q = page.set("Q", drawn_q), k = page.set("K", drawn_k);
  // [plain]
  const Tensor scores = matmul(q, transpose(k)) / std::sqrt(4.0);
  const Tensor weights = softmax(scores);
  const Tensor output = matmul(weights, v);
  // [end]
  const Vector qs = numbers(q), ks = numbers(k), vs = numbers(v), s = numbers(scores),
               w = numbers(weights), y = numbers(output);
  page.bind("count", 3);
  page.bind("width", 4);
  Table drawn = {{"row", "1", "2", "3", "4"}};
  const auto add_rows = [](Table& table, const std::string& what, const Vector& x) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::vector<std::string> line{what + " of " + tokens[i]};
      for (size_t c = 0; c < 4; ++c) line.push_back(text::fixed(x[4 * i + c], 4));
      table.push_back(std::move(line));
    }
  };
  add_rows(drawn, "query", qs);
  add_rows(drawn, "key", ks);
  add_rows(drawn, "value", vs);
  page.table("drawn", drawn);
  Table first = {{"key", "q · k", "over the root", "exp", "weight"}};
  double total = 0;
  for (size_t j = 0; j < 3; ++j) total += std::exp(s[j]);
  for (size_t j = 0; j < 3; ++j)
    first.push_back({tokens[j], text::fixed(2 * s[j], 4), text::fixed(s[j], 4),
                     text::fixed(std::exp(s[j]), 4), text::fixed(std::exp(s[j]) / total, 4)});
  first.push_back({"sum", "", "", text::fixed(total, 4), "1.0000"});
  page.table("first", first);
  page.bind("root", 2);
  page.bind("w1", row(weights, 0));
  page.bind("y11", y[0]);
  const auto product = [](double a, double b) {
    const auto in = [](double x) { return x < 0 ? "(" + shown(x) + ")" : shown(x); };
    return in(a) + " × " + in(b);
  };
  page.bind("mix",
            product(w[0], vs[0]) + " + " + product(w[1], vs[4]) + " + " + product(w[2], vs[8]));
  page.picture("weights", heat(weights,
                               "Attention weights of three tokens, a row a query; every "
                               "row sums to 1."));
  Table out = {{"token", "1", "2", "3", "4"}};
  for (size_t i = 0; i < 3; ++i) {
    std::vector<std::string> line{tokens[i]};
    for (size_t c = 0; c < 4; ++c) line.push_back(text::fixed(y[4 * i + c], 4));
    out.push_back(std::move(line));
  }
  page.table("output", out);

  // Masks.
  // [masks]
  const Tensor not_sat = Tensor({1, 1, 0}) > 0;
  const Tensor none = Tensor({0, 0, 0}) > 0;
  const Tensor causal = attention_weights(q, k, {.causal = true});
  const Tensor no_sat = attention_weights(q, k, {.mask = not_sat});
  const Tensor nothing = attention_weights(q, k, {.mask = none});
  // [end]
  page.picture("causal", heat(causal,
                              "Causal attention weights: nothing above the diagonal, and "
                              "every row still sums to 1."));
  const Tensor two = slice(q, {{0, 2}});
  page.bind("prefix",
            bounded(apart(slice(attention(q, k, v, {.causal = true}), {{0, 2}}),
                          attention(two, slice(k, {{0, 2}}), slice(v, {{0, 2}}), {.causal = true})),
                    1e-15));
  page.bind("no_sat", row(no_sat, 1));
  const Tensor lone = cast(slice(scores, {{0, 1}}), DType::f32);
  page.table("blind", {{"what stands for hidden", "weights of a query that may see nothing"},
                       {"-1e9, added", listed(numbers(softmax(lone - 1e9)))},
                       {"-infinity", listed(numbers(softmax(lone + full({3}, never, DType::f32))))},
                       {"here: a mask of yes and no", listed(numbers(slice(nothing, {{0, 1}})))}});
  page.bind("half", number(cast(Tensor(-1e9), DType::f16)));
  Table hides = {{"type", "lowest number", "-1e9 becomes", "masking_value"}};
  for (const DType type : {DType::f16, DType::bf16, DType::f32, DType::f64})
    hides.push_back({name_of(type), text::significant(2 * masking_value(type), 5),
                     text::number(number(cast(Tensor(-1e9), type))),
                     text::significant(masking_value(type), 5)});
  page.table("hides", hides);

  // The root.
  const auto chosen = static_cast<int64_t>(std::clamp(page.set("d", 64.0), 1.0, 4096.0));
  Table root = {{"width", "deviation of q · k", "over the root", "keys that count", "with root",
                 "slopes left", "with root"}};
  for (const int64_t d : {4, 16, 64, 256, 1024}) {
    const Spread at = spread_of(d);
    root.push_back({std::to_string(d), shown(at.deviation, 2),
                    shown(at.deviation / std::sqrt(static_cast<double>(d)), 2),
                    shown(at.count[0], 1), shown(at.count[1], 1), shown(at.slope[0], 2),
                    shown(at.slope[1], 2)});
  }
  page.table("root", root);
  const Spread at = spread_of(chosen);
  page.bind("d", chosen);
  page.bind("d_deviation", at.deviation, 2);
  page.bind("d_root", std::sqrt(static_cast<double>(chosen)), 2);
  page.bind("d_after", at.deviation / std::sqrt(static_cast<double>(chosen)), 2);
  page.bind("keys", 64);

  // Backward: the loss is the first number of the first output.
  const auto loss = [](const Tensor& a, const Tensor& b, const Tensor& c) {
    return element(attention(a, b, c), {0, 0});
  };
  const auto [by_q, by_k, by_v] = grad<0, 1, 2>(loss)(q, k, v);
  Vector by_s(3), by_hand_q(4), by_hand_k(3);
  Table by_score = {{"key", "slope by weight", "minus the mean", "times weight: slope by score"}};
  for (size_t j = 0; j < 3; ++j) {
    by_s[j] = w[j] * (vs[4 * j] - y[0]);
    by_score.push_back({tokens[j], text::fixed(vs[4 * j], 4), text::fixed(vs[4 * j] - y[0], 4),
                        text::fixed(by_s[j], 4)});
    by_hand_k[j] = by_s[j] * qs[0] / 2;
    for (size_t c = 0; c < 4; ++c) by_hand_q[c] += by_s[j] * ks[4 * j + c] / 2;
  }
  by_score.push_back({"sum", "", "", text::fixed(by_s[0] + by_s[1] + by_s[2], 4)});
  page.table("by_score", by_score);
  page.bind("q1_hand", product(by_s[0], ks[0]) + " + " + product(by_s[1], ks[4]) + " + " +
                           product(by_s[2], ks[8]));
  page.bind("q1_slope", by_hand_q[0], 6);
  Table columns = {{"slope by", "by hand", "automatic", "differences"}};
  const auto moved = [&](int which, int64_t i) {
    const double h = 1e-5;
    const auto value = [&](double by) {
      Tensor x[] = {q, k, v};
      Vector changed = numbers(x[which]);
      changed[static_cast<size_t>(i)] += by;
      x[which] = from_vector(changed, {3, 4});
      return number(loss(x[0], x[1], x[2]));
    };
    return (value(h) - value(-h)) / (2 * h);
  };
  const auto compare = [&](const std::string& name, double hand, const Tensor& g, int which,
                           int64_t i) {
    columns.push_back({name, text::fixed(hand, 8),
                       text::fixed(numbers(g)[static_cast<size_t>(i)], 8),
                       text::fixed(moved(which, i), 8)});
  };
  for (size_t c = 0; c < 4; ++c)
    compare("number " + std::to_string(c + 1) + " of query the", by_hand_q[c], by_q, 0,
            static_cast<int64_t>(c));
  for (size_t j = 0; j < 3; ++j)
    compare("number 1 of key " + tokens[j], by_hand_k[j], by_k, 1, static_cast<int64_t>(4 * j));
  for (size_t j = 0; j < 3; ++j)
    compare("number 1 of value " + tokens[j], w[j], by_v, 2, static_cast<int64_t>(4 * j));
  page.table("columns", columns);
  const Tensor by_y{{1, -2, 0.5, 0}, {0.3, 1, 1, -1}, {2, 0, -0.7, 1}};
  const auto every = [&](const Tensor& a, const Tensor& b, const Tensor& c) {
    return sum(attention(a, b, c) * by_y);
  };
  const auto [whole_q, whole_k, whole_v] = grad<0, 1, 2>(every)(q, k, v);
  const Slopes mine = backward(q, k, v, by_y);
  page.bind("all_slopes", 36);
  page.bind(
      "whole",
      bounded(std::max({apart(mine.q, whole_q), apart(mine.k, whole_k), apart(mine.v, whole_v)}),
              1e-14));

  // Heads.
  // [heads]
  const Tensor q2 = split_heads(q, 2), k2 = split_heads(k, 2);  // (2, 3, 2)
  const Tensor v2 = split_heads(v, 2);
  const Tensor each_head = attention_weights(q2, k2);
  const Tensor joined = join_heads(attention(q2, k2, v2));  // (3, 4)
  // [end]
  Table heads = {{"query", "looks at", "one head", "head 1 of 2", "head 2 of 2"}};
  const Vector both = numbers(each_head);
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j)
      heads.push_back({j == 0 ? tokens[i] : "", tokens[j], text::fixed(w[3 * i + j], 4),
                       text::fixed(both[3 * i + j], 4), text::fixed(both[9 + 3 * i + j], 4)});
  page.table("heads", heads);
  std::vector<Tensor> loop;
  for (const int64_t h : {0, 1}) {
    const Range part{2 * h, 2 * h + 2};
    loop.push_back(
        attention(slice_axis(q, 1, part), slice_axis(k, 1, part), slice_axis(v, 1, part)));
  }
  page.bind("loop", bounded(apart(joined, concatenate(loop, 1)), 1e-15));
  page.bind("large", 768);
  page.bind("one_head", parameter_count(make_attention(key_from_seed(0), 768, 1)));
  page.bind("twelve", 12);
  page.bind("twelve_heads", parameter_count(make_attention(key_from_seed(0), 768, 12)));
  page.bind("places_kept", 1024);
  page.bind("kept_numbers", static_cast<int64_t>(2 * 1024 * 768));
  page.bind("groups", 4);
  page.bind("kept_grouped", static_cast<int64_t>(2 * 1024 * 768 / 12 * 4));
  const Tensor across = attention_weights(slice(q, {{0, 2}}), k);
  page.bind("across", "(" + std::to_string(across.shape()[0]) + ", " +
                          std::to_string(across.shape()[1]) + ")");

  // Places.
  const MultiheadAttention layer = make_attention(key_from_seed(1), 4, 2, {.dtype = DType::f64});
  const Tensor x = expand_dims(drawn_q, 0), turned = flip(x, {1});
  Pass pass;
  const auto read = [&](const Tensor& from) { return layer(from, pass); };
  page.bind("turned", bounded(apart(read(turned), flip(read(x), {1})), 1e-15));
  const Tensor places = sinusoidal_positions(3, 4, DType::f64);
  page.bind("turned_places", apart(read(turned + places), flip(read(x + places), {1})), 3);
  Table waves = {{"place", "sin(p)", "cos(p)", "sin(p / 100)", "cos(p / 100)"}};
  const Tensor four = sinusoidal_positions(4, 4, DType::f64);
  for (size_t p = 0; p < 4; ++p) {
    std::vector<std::string> line{std::to_string(p)};
    for (size_t c = 0; c < 4; ++c) line.push_back(text::fixed(numbers(four)[4 * p + c], 4));
    waves.push_back(std::move(line));
  }
  page.table("waves", waves);
  const Tensor table = sinusoidal_positions(64, 64, DType::f64);
  const Vector like = numbers(matmul(table, row(table, 32)));
  Line likeness{.label = "", .x = {}, .y = {}, .colour = "var(--accent)"};
  for (size_t p = 0; p < like.size(); ++p) {
    likeness.x.push_back(static_cast<double>(p));
    likeness.y.push_back(like[p]);
  }
  page.picture("places", Plot{.id = "places",
                              .title = "Dot product of the encoding of place 32 with that of every "
                                       "place",
                              .x_label = "place",
                              .lines = {likeness},
                              .from_zero = true});
  // [rotary]
  const auto turned_product = [&](int64_t query_at, int64_t key_at) {
    const Tensor a = rotary(slice(q, {{0, 1}}), query_at);
    const Tensor b = rotary(slice(k, {{2, 3}}), key_at);
    return number(sum(a * b));
  };
  // [end]
  page.table("rotary", {{"query at", "key at", "distance", "q · k"},
                        {"3", "1", "2", text::fixed(turned_product(3, 1), 6)},
                        {"10", "8", "2", text::fixed(turned_product(10, 8), 6)},
                        {"1002", "1000", "2", text::fixed(turned_product(1002, 1000), 6)},
                        {"3", "2", "1", text::fixed(turned_product(3, 2), 6)}});

  // One key at a time.
  const Vector score{1, 3, 2, 5}, value{10, 20, 30, 40};
  double largest = never, sum_so_far = 0, mixed_so_far = 0;
  Table online = {{"score", "value", "largest", "old times", "share", "sum", "mix"}};
  for (size_t j = 0; j < score.size(); ++j) {
    const double before = largest;
    largest = std::max(before, score[j]);
    const double old_times = std::exp(before - largest);  // exp(-inf) is 0
    const double share = std::exp(score[j] - largest);
    sum_so_far = sum_so_far * old_times + share;
    mixed_so_far = mixed_so_far * old_times + share * value[j];
    online.push_back({shown(score[j]), shown(value[j]), shown(largest), shown(old_times),
                      shown(share), shown(sum_so_far), shown(mixed_so_far)});
  }
  const double result = mixed_so_far / sum_so_far;
  page.table("online", online);
  page.bind("online_result", result, 6);
  page.bind("online_plain", number(dot(softmax(from_vector(score)), from_vector(value))), 6);
  constexpr int64_t many = 2048;
  const Key key = key_from_seed(3);
  const Tensor long_q = randn(key, 0, {many, 64}, DType::f32),
               long_k = randn(key, 1, {many, 64}, DType::f32),
               long_v = randn(key, 2, {many, 64}, DType::f32);
  Tensor tiled, plain;
  const double tiled_megabytes = megabytes([&] { tiled = attention(long_q, long_k, long_v); });
  const double plain_megabytes =
      megabytes([&] { plain = matmul(softmax(matmul(long_q, transpose(long_k)) / 8.0), long_v); });
  page.bind("many", many);
  page.bind("long_width", 64);
  page.bind("square", many * many);
  page.bind("tiled_apart", bounded(apart(tiled, plain), 1e-5));
  page.bind("plain_megabytes", std::floor(plain_megabytes), 0);
  page.bind("tiled_megabytes",
            tiled_megabytes < 2 ? std::string("less than 2") : shown(tiled_megabytes, 1));

  exercises(page);
}
