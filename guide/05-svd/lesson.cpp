// One matrix as a few stretches: truncation, noise, principal components,
// words, stars, and what a layer has learned.
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/init.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace {
using namespace gradus;
using namespace gradus::lessons;

using List = std::vector<double>;

double frobenius(const Tensor& a) {
  return number(norm(a));
}
double rmse(const Tensor& a, const Tensor& b) {
  return frobenius(a - b) / std::sqrt(static_cast<double>(a.size()));
}
std::string tiny(double x) {
  return x < 1e-12 ? "below 1e-12" : shown(x);
}

// ---- ratings ----

// [als]
// The best rows for given columns q (items, k): for each row a small ridge
// regression over the ratings that are there, where mask is 1.
Tensor best_rows(const Tensor& ratings, const Tensor& mask, const Tensor& q, double penalty) {
  const int64_t items = q.shape()[0], k = q.shape()[1];
  const Tensor pairs = reshape(expand_dims(q, 2) * expand_dims(q, 1), {items, k * k});
  const Tensor left = reshape(matmul(mask, pairs), {-1, k, k}) + penalty * eye(k);
  const Tensor right = matmul(mask * ratings, q);
  return squeeze(solve(left, expand_dims(right, 2)), 2);
}
// [end]

// Everyone's mean, a bias for each user and one for each film: each in turn,
// the others held.
Tensor biases(const Tensor& ratings, const Tensor& mask, double penalty) {
  const Tensor mean = sum(mask * ratings) / sum(mask);
  Tensor user = zeros({ratings.shape()[0], 1}), film = zeros({1, ratings.shape()[1]});
  for (int round = 0; round < 10; ++round) {
    user = sum(mask * (ratings - mean - film), {.axis = 1, .keepdims = true}) /
           (sum(mask, {.axis = 1, .keepdims = true}) + penalty);
    film = sum(mask * (ratings - mean - user), {.axis = 0, .keepdims = true}) /
           (sum(mask, {.axis = 0, .keepdims = true}) + penalty);
  }
  return mean + user + film;
}

// ---- exercises ----

using KeepRank = int(const std::vector<double>&, double);

// [solution rank-for-energy]
// The smallest rank that keeps this share of the energy; s descends.
int rank_for_energy(const std::vector<double>& s, double share) {
  // [hole return static_cast<int>(s.size()) * (share > 2);]
  double all = 0, kept = 0;
  for (const double v : s) all += v * v;
  int rank = 0;
  while (rank < static_cast<int>(s.size()) && kept < share * all) {
    const double v = s[static_cast<std::size_t>(rank)];
    kept += v * v;
    ++rank;
  }
  return rank;
  // [end hole]
}
// [end]

// The smallest rank at which `enough` says so of the sums of powers that are
// kept and that exist.
template <class Enough>
int first_rank(const List& s, int power, const Enough& enough) {
  double all = 0, kept = 0;
  for (const double v : s) all += std::pow(v, power);
  for (size_t r = 0; r <= s.size(); ++r) {
    if (enough(kept, all)) return static_cast<int>(r);
    if (r < s.size()) kept += std::pow(s[r], power);
  }
  return static_cast<int>(s.size());
}

struct RankSlip {
  const char *name, *says;
  KeepRank* function;
};
constexpr RankSlip rank_slips[] = {
    {"values not squared",
     "Energy is the sum of the squares: that is what the error of a truncation "
     "is measured in.",
     [](const List& s, double share) {
       return first_rank(s, 1, [&](double kept, double all) { return kept >= share * all; });
     }},
    {"one too few", "Stop when the share is reached, not just before it.",
     [](const List& s, double share) { return std::max(0, rank_for_energy(s, share) - 1); }},
    {"one too many",
     "The share was reached already; count the values that are kept, not the "
     "next place.",
     [](const List& s, double share) {
       return std::min(static_cast<int>(s.size()), rank_for_energy(s, share) + 1);
     }},
    {"share of the loss", "You stopped when this share was lost. It is the share to be kept.",
     [](const List& s, double share) {
       return first_rank(s, 2, [&](double kept, double all) { return all - kept <= share * all; });
     }},
    {"each value judged alone",
     "You compared each value with the largest. The share is of the whole, and "
     "it adds up.",
     [](const List& s, double share) {
       int rank = 0;
       for (const double v : s) rank += v >= (1 - share) * s[0];
       return rank;
     }},
    {"strictly above", "Here the share is met exactly. At least so much is asked, not more.",
     [](const List& s, double share) {
       return first_rank(s, 2, [&](double kept, double all) { return kept > share * all; });
     }},
    {"root of the energy",
     "You compared the root of what is kept with the root of all. Those are "
     "lengths; the share "
     "is of squares.",
     [](const List& s, double share) {
       return first_rank(s, 2, [&](double kept, double all) {
         return std::sqrt(kept) >= share * std::sqrt(all);
       });
     }},
    {"all that are not zero",
     "This is the rank of the matrix, which keeps everything. Less was asked.",
     [](const List& s, double) {
       int rank = 0;
       for (const double v : s) rank += v > 0;
       return rank;
     }},
};

struct RankCase {
  List s;
  double share;
};

Verdict check_rank(KeepRank* f) {
  const RankCase cases[] = {{{4, 2, 2, 1}, 0.64},     {{12, 4, 3}, 0.9},      {{8, 4, 2, 1}, 0.95},
                            {{3, 3, 3, 3}, 0.5},      {{5, 1, 1, 1, 0}, 0.5}, {{10, 9, 1, 1}, 0.99},
                            {{6, 5, 4, 3, 2, 1}, 0.8}};
  std::vector<int> got;
  for (const RankCase& c : cases) got.push_back(f(c.s, c.share));
  for (size_t i = 0; i < got.size(); ++i) {
    const RankCase& c = cases[i];
    const int want = rank_for_energy(c.s, c.share);
    if (got[i] == want) continue;
    std::vector<std::string> list;
    for (const double v : c.s) list.push_back(shown(v));
    Verdict no{.where = "singular values " + text::join(list, ", ") + ", share " + shown(c.share),
               .yours = std::to_string(got[i]),
               .expected = std::to_string(want)};
    for (const RankSlip& s : rank_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k)
        all &= got[k] == s.function(cases[k].s, cases[k].share);
      if (!all) continue;
      no.misconception = s.name;
      no.says = s.says;
      break;
    }
    return no;
  }
  return Verdict::passed();
}

using Share = double(const std::vector<double>&, const std::vector<double>&);

// [solution explained-share]
// The share of the variance of the points (x, y) along their first principal
// component.
double explained_share(const std::vector<double>& x, const std::vector<double>& y) {
  double xx = 0, xy = 0, yy = 0;
  // [hole xx = yy = x.size() == y.size() ? 1 : 0;]
  const auto n = static_cast<double>(x.size());
  double mean_x = 0, mean_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  // [end hole]
  // The eigenvalues of [[xx, xy], [xy, yy]].
  const double middle = (xx + yy) / 2, reach = std::hypot((xx - yy) / 2, xy);
  const double large = middle + reach, small = middle - reach;
  // [hole return large - small;]
  return large / (large + small);
  // [end hole]
}
// [end]

struct Moments {
  double xx = 0, xy = 0, yy = 0;
  double middle() const { return (xx + yy) / 2; }
  double reach() const { return std::hypot((xx - yy) / 2, xy); }
  double large() const { return middle() + reach(); }
  double small() const { return middle() - reach(); }
};
Moments moments_of(const List& x, const List& y, bool centred = true) {
  const auto n = static_cast<double>(x.size());
  double mean_x = 0, mean_y = 0;
  for (size_t i = 0; i < x.size() && centred; ++i) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  Moments m;
  for (size_t i = 0; i < x.size(); ++i) {
    m.xx += (x[i] - mean_x) * (x[i] - mean_x);
    m.xy += (x[i] - mean_x) * (y[i] - mean_y);
    m.yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return m;
}

struct ShareSlip {
  const char *name, *says;
  Share* function;
};
constexpr ShareSlip share_slips[] = {
    {"not centred",
     "The points were not moved to their mean. The first direction then points "
     "at the mean, not "
     "along the cloud.",
     [](const List& x, const List& y) {
       const Moments m = moments_of(x, y, false);
       return m.large() / (m.large() + m.small());
     }},
    {"covariance left out",
     "You used the two variances only. What the columns do together is the "
     "term xy.",
     [](const List& x, const List& y) {
       const Moments m = moments_of(x, y);
       return std::max(m.xx, m.yy) / (m.xx + m.yy);
     }},
    {"singular values for variances",
     "These are shares of the singular values. Variances are their squares.",
     [](const List& x, const List& y) {
       const Moments m = moments_of(x, y);
       const double a = std::sqrt(m.large()), b = std::sqrt(std::max(0.0, m.small()));
       return a / (a + b);
     }},
    {"part over part", "A share is a part of the whole: divide by the sum of both.",
     [](const List& x, const List& y) {
       const Moments m = moments_of(x, y);
       return m.small() / m.large();
     }},
    {"second component", "This is what the first component leaves over.",
     [](const List& x, const List& y) {
       const Moments m = moments_of(x, y);
       return m.small() / (m.large() + m.small());
     }},
    {"columns scaled",
     "You divided each column by its deviation first. That answers another "
     "question: shares of the "
     "correlation matrix.",
     [](const List& x, const List& y) {
       const Moments m = moments_of(x, y);
       return (1 + std::abs(m.xy) / std::sqrt(m.xx * m.yy)) / 2;
     }},
    {"sign of the covariance lost",
     "This is the squared correlation: how well a line from x to y fits. A "
     "component may lean "
     "any way.",
     [](const List& x, const List& y) {
       const Moments m = moments_of(x, y);
       return m.xy * m.xy / (m.xx * m.yy);
     }},
};

struct ShareCase {
  const char* where;
  List x, y;
};

Verdict check_share(Share* f) {
  const ShareCase cases[] = {
      {"the points (1, 2), (2, 3), (3, 5), (6, 7)", {1, 2, 3, 6}, {2, 3, 5, 7}},
      {"the points (0, 4), (1, 1), (2, 3), (5, -2)", {0, 1, 2, 5}, {4, 1, 3, -2}},
      {"the points (10, 0), (11, 3), (12, 1), (13, 4)", {10, 11, 12, 13}, {0, 3, 1, 4}}};
  const auto near = [](double a, double b) { return std::abs(a - b) <= 1e-6; };
  List got;
  for (const ShareCase& c : cases) got.push_back(f(c.x, c.y));
  for (size_t i = 0; i < got.size(); ++i) {
    const ShareCase& c = cases[i];
    const double want = explained_share(c.x, c.y);
    if (near(got[i], want)) continue;
    Verdict no{.where = c.where, .yours = shown(got[i], 6), .expected = shown(want, 6)};
    for (const ShareSlip& s : share_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k)
        all &= near(got[k], s.function(cases[k].x, cases[k].y));
      if (!all) continue;
      no.misconception = s.name;
      no.says = s.says;
      break;
    }
    return no;
  }
  return Verdict::passed();
}
}  // namespace

LESSON(page) {
  const auto bind_rows = [&](const std::string& name, const Tensor& m, int decimals) {
    const List v = numbers(m);
    const auto columns = static_cast<size_t>(m.shape()[1]);
    for (size_t i = 0; i < v.size(); ++i)
      page.bind(name + std::to_string(i / columns + 1) + std::to_string(i % columns + 1), v[i],
                decimals);
  };

  // Two stretches.
  const Tensor A = page.set("A", Tensor{{1, 2, 3}, {4, 5, 6}});
  // [svd]
  const Svd d = svd(A);
  const LowRank one = low_rank(A, 1);
  // [end]
  bind_rows("a", A, 4);
  bind_rows("one", one.matrix(), 2);
  page.bind("s", d.s, 6);
  page.table("shapes",
             {{"part", "shape", "what it does"},
              {"Vᵀ", to_string(d.vt.type()), "reads the input along its special directions"},
              {"Σ", to_string(d.s.type()), "stretches each by a singular value"},
              {"U", to_string(d.u.type()), "puts the results along the output's directions"}});
  page.bind("rebuilt", tiny(number(max(abs(matmul(d.u * d.s, d.vt) - A)))));
  page.bind("one_error", one.error, 6);
  page.bind("one_energy", 100 * one.energy, 2);

  // A signal below noise.
  const double noise = page.set("noise", 0.5);
  constexpr int64_t rows = 60, columns = 40;
  const Key seed = key_from_seed(5);
  const auto draw = [&](uint64_t child, const Shape& shape) {
    return random_normal(key_tensor(split(seed, child)), shape);
  };
  const Tensor signal = matmul(draw(0, {rows, 2}), draw(1, {2, columns}));
  const Tensor seen = signal + noise * draw(2, {rows, columns});
  // [noise]
  const LowRank cleaned = low_rank_by_gap(seen);
  // [end]
  const List of_table = numbers(svdvals(seen));
  Line of_seen{.label = "with noise", .colour = "var(--accent)"}, of_signal{.label = "signal"};
  const List true_spectrum = numbers(svdvals(signal));
  for (size_t k = 0; k < 12; ++k) {
    of_seen.x.push_back(static_cast<double>(k + 1));
    of_seen.y.push_back(of_table[k]);
    if (true_spectrum[k] < 1e-9) continue;
    of_signal.x.push_back(static_cast<double>(k + 1));
    of_signal.y.push_back(true_spectrum[k]);
  }
  Plot gap{.id = "gap",
           .title = "Singular values of the table, and of the signal in it",
           .x_label = "number of the singular value",
           .lines = {of_seen, of_signal}};
  gap.dots = true;
  gap.from_zero = true;
  page.picture("gap", gap);
  page.bind("rows", rows);
  page.bind("columns", columns);
  page.bind("noise", noise);
  page.bind("rank", cleaned.rank);
  page.bind("rmse_seen", rmse(seen, signal), 3);
  page.bind("rmse_cleaned", rmse(cleaned.matrix(), signal), 3);
  page.bind("rmse_one", rmse(low_rank(seen, 1).matrix(), signal), 3);
  page.bind("ten", int64_t{10});
  page.bind("rmse_ten", rmse(low_rank(seen, 10).matrix(), signal), 3);

  // Large matrices.
  constexpr int64_t tall = 300, wide = 200;
  List falling;
  for (int64_t j = 0; j < wide; ++j) falling.push_back(std::pow(0.8, static_cast<double>(j)));
  const Tensor big = matmul(qr(draw(3, {tall, wide})).q * from_vector(falling),
                            transpose(qr(draw(4, {wide, wide})).q));
  // [large]
  const RandomizedSvd few = randomized_svd(big, 5);
  const auto twice = [&](const Tensor& v) { return matmul(transpose(big), matmul(big, v)); };
  const Lanczos ends = lanczos(twice, wide, 5);
  // [end]
  double worst_random = 0, worst_lanczos = 0;
  for (size_t j = 0; j < 5; ++j) {
    worst_random = std::max(worst_random, std::abs(numbers(few.s)[j] / falling[j] - 1));
    worst_lanczos = std::max(worst_lanczos, std::abs(std::sqrt(ends.values[j]) / falling[j] - 1));
  }
  const auto up_to = [](double x) {
    return "1e" +
           std::to_string(x > 0 ? std::max(-12, static_cast<int>(std::ceil(std::log10(x)))) : -12);
  };
  page.bind("tall", tall);
  page.bind("wide", wide);
  page.bind("five", int64_t{5});
  page.bind("worst_random", up_to(worst_random));
  page.bind("worst_lanczos", up_to(worst_lanczos));
  page.bind("bound", few.error_bound, 1);
  page.bind("left_out", falling[15], 3);

  // A cloud.
  // [pca]
  RandomState random(42);
  const Tensor X = matmul(from_vector(random.randn(200), {100, 2}), Tensor{{1, 0.8}, {0, 0.2}});
  const Pca p = pca(X);
  const Eigh by_covariance = eigh(covariance_matrix(X));
  // [end]
  const Tensor C = covariance_matrix(X);
  bind_rows("c", C, 4);
  const List axes = numbers(p.components), variances = numbers(p.variances);
  page.bind("points", int64_t{100});
  page.bind("pc1", row(p.components, 0), 6);
  page.bind("ratio", numbers(p.ratios)[0], 6);
  page.bind("ways", tiny(number(max(abs(flip(by_covariance.values, {0}) - p.variances)))));
  page.bind("whitened", tiny(number(max(abs(covariance_matrix(p.transform(X, true)) - eye(2))))));
  page.bind("back", tiny(number(max(abs(p.inverse(p.transform(X)) - X)))));
  page.bind("one_axis", rmse(pca(X, 1).inverse(pca(X, 1).transform(X)), X), 4);
  Line cloud{.label = "points"}, first{.label = "first", .colour = "var(--accent)", .width = 2.6},
      second{.label = "second", .colour = "var(--accent)"};
  const List points = numbers(X), centre = numbers(p.mean);
  double reach = 1;
  for (size_t i = 0; i < 100; ++i) {
    cloud.x.insert(cloud.x.end(), {points[2 * i], std::nan("")});
    cloud.y.insert(cloud.y.end(), {points[2 * i + 1], std::nan("")});
    reach = std::max({reach, std::abs(points[2 * i + 1]), std::abs(points[2 * i]) / 1.25});
  }
  reach *= 1.05;
  Line frame{.label = {}, .x = {-1.25 * reach, 1.25 * reach}, .y = {0, 0}, .colour = "var(--line)"};
  frame.faint = true;
  Plot scatter{.id = "cloud",
               .title =
                   "A cloud of points with its two principal directions, "
                   "two deviations long",
               .lines = {frame, cloud}};
  for (size_t k = 0; k < 2; ++k) {
    Line& axis = k == 0 ? first : second;
    for (int i = -10; i <= 10; ++i) {
      const double t = 0.2 * i * std::sqrt(variances[k]);
      axis.x.push_back(centre[0] + t * axes[2 * k]);
      axis.y.push_back(centre[1] + t * axes[2 * k + 1]);
    }
    scatter.lines.push_back(axis);
  }
  scatter.dots = true;
  scatter.height = 320;
  scatter.y_low = -reach;
  scatter.y_high = reach;
  page.picture("cloud", scatter);

  // Words.
  const std::vector<std::string> documents = {"ship ocean",  "boat ocean warm", "ship voyage",
                                              "boat voyage", "bread oven",      "dough oven warm",
                                              "bread flour", "dough flour"};
  std::vector<std::string> words;
  List counts;
  const auto words_of = [](const std::string& text) {
    std::vector<std::string> out;
    size_t at = 0;
    while (at < text.size()) {
      const size_t end = std::min(text.find(' ', at), text.size());
      out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return out;
  };
  for (const std::string& text : documents)
    for (const std::string& w : words_of(text))
      if (std::find(words.begin(), words.end(), w) == words.end()) words.push_back(w);
  for (const std::string& w : words)
    for (const std::string& text : documents) {
      const std::vector<std::string> own = words_of(text);
      counts.push_back(static_cast<double>(std::count(own.begin(), own.end(), w)));
    }
  const Tensor table = from_vector(
      counts, {static_cast<int64_t>(words.size()), static_cast<int64_t>(documents.size())});
  // [lsa]
  const LowRank topics = low_rank(table, 2);
  // One row a document: its place along the two topics.
  const Tensor places = transpose(topics.vt) * topics.s;
  const Tensor by_topic = cosine_similarities(places, places);
  const Tensor by_word = cosine_similarities(transpose(table), transpose(table));
  // [end]
  Table pairs{{"document", "beside", "cosine of words", "cosine of topics"}};
  const auto cosine = [](const Tensor& t, int64_t i, int64_t j) {
    const double c = number(element(t, {i, j}));
    return text::fixed(std::abs(c) < 0.005 ? 0 : c, 2);
  };
  for (const auto& [i, j] : {std::pair<int64_t, int64_t>{0, 3}, {1, 2}, {4, 7}, {1, 5}, {0, 7}})
    pairs.push_back({documents[static_cast<size_t>(i)], documents[static_cast<size_t>(j)],
                     cosine(by_word, i, j), cosine(by_topic, i, j)});
  page.table("pairs", pairs);
  page.bind("documents", static_cast<int64_t>(documents.size()));
  page.bind("words", static_cast<int64_t>(words.size()));

  // Stars.
  constexpr int64_t users = 80, films = 50;
  const Tensor taste = 0.64 * matmul(draw(10, {users, 2}), draw(11, {2, films}));
  const Tensor exact = 3.2 + taste + 0.4 * draw(12, {users, 1}) + 0.4 * draw(13, {1, films}) +
                       0.3 * draw(14, {users, films});
  const Tensor stars = cast(cast(clip(exact, 1.0, 5.0) + 0.5, DType::i64), DType::f64);
  const Tensor lot = random_uniform(key_tensor(split(seed, 15)), {users, films});
  const Tensor given = cast(lot < 0.32, DType::f64);
  const Tensor held = cast(lot < 0.4, DType::f64) - given;
  const auto error_on = [&](const Tensor& mask, const Tensor& guess) {
    return std::sqrt(number(sum(mask * square(stars - guess)) / sum(mask)));
  };
  const Tensor base = biases(stars, given, 1.0);
  Line on_given{.label = "given"}, on_held{.label = "held back", .colour = "var(--accent)"};
  std::vector<double> held_errors;
  for (int64_t k = 0; k <= 6; ++k) {
    Tensor guess = base;
    if (k > 0) {
      Tensor q = 0.1 * draw(20, {films, k}), people;
      // [rounds]
      for (int round = 0; round < 20; ++round) {
        people = best_rows(stars - base, given, q, 1.0);
        q = best_rows(transpose(stars - base), transpose(given), people, 1.0);
      }
      guess = base + matmul(people, transpose(q));
      // [end]
    }
    on_given.x.push_back(static_cast<double>(k));
    on_given.y.push_back(error_on(given, guess));
    on_held.x.push_back(static_cast<double>(k));
    on_held.y.push_back(error_on(held, guess));
    held_errors.push_back(on_held.y.back());
  }
  Plot rating{.id = "stars",
              .title =
                  "The error in stars for each rank, on the ratings given "
                  "and held back",
              .x_label = "rank",
              .lines = {on_given, on_held}};
  rating.dots = true;
  rating.from_zero = true;
  page.picture("stars", rating);
  page.bind("users", users);
  page.bind("films", films);
  page.bind("given", static_cast<int64_t>(number(sum(given))));
  page.bind("held", static_cast<int64_t>(number(sum(held))));
  page.bind("bias_rmse", held_errors[0], 3);
  page.bind("als_rmse", held_errors[2], 3);
  page.bind("deep_rmse", held_errors[6], 3);
  page.bind("six", int64_t{6});

  // A layer, fresh and trained.
  constexpr int64_t width = 24, examples = 400;
  const Tensor rule = matmul(draw(30, {width, 2}), draw(31, {2, width})) / 5.0;
  const Tensor inputs = draw(32, {examples, width});
  const Tensor targets = matmul(inputs, rule) + 0.3 * draw(33, {examples, width});
  const Tensor fresh = initial_weight("xavier_normal", split(seed, 34), width, width, DType::f64);
  Tensor W = fresh;
  for (int step = 0; step < 100; ++step)
    W = W - 0.2 / examples * matmul(transpose(inputs), matmul(inputs, W) - targets);
  Table learned{{"layer", "first", "second", "third", "last", "stable rank", "effective rank"}};
  const auto add_layer = [&](const char* name, const Tensor& w) {
    // [ranks]
    const Spectrum of_layer = spectrum(w);
    const double stable = of_layer.stable_rank, effective = of_layer.effective_rank;
    // [end]
    const List v = numbers(of_layer.values);
    learned.push_back({name, shown(v[0], 2), shown(v[1], 2), shown(v[2], 2), shown(v.back(), 3),
                       shown(stable, 2), shown(effective, 1)});
  };
  add_layer("fresh", fresh);
  add_layer("trained", W);
  page.table("learned", learned);
  page.bind("width", width);
  Table starts{{"start", "largest singular value", "smallest"}};
  for (const char* init : {"normal:0.2", "spectral", "orthogonal"}) {
    const List s =
        numbers(svdvals(initial_weight(init, split(seed, 40), width, width, DType::f64)));
    starts.push_back({init, text::fixed(s.front(), 3), text::fixed(s.back(), 3)});
  }
  page.table("starts", starts);

  page.exercise(Predict{
      .name = "numbers-kept",
      .answer = 905,
      .wrong = {{8000, "whole matrix counted", "This is the matrix as it was: 100 times 80."},
                {900, "singular values left out",
                 "The columns of U and the rows of V are there. Each "
                 "pair also has its stretch."},
                {181, "one piece only", "This is rank 1. There are five such pieces."},
                {400, "one side only", "This is the part of V. U has its columns too."},
                {40000, "pieces stored as matrices",
                 "Each piece is a column times a row. Store these, not "
                 "their product."},
                {925, "square in the middle",
                 "Between U and V stands a diagonal: five numbers, not "
                 "five times five."}}});
  page.exercise(Predict{
      .name = "error-of-rank-one",
      .answer = 5,
      .wrong = {{7, "lost values added",
                 "The lost pieces are at right angles. Their sizes add like "
                 "the sides of a right "
                 "triangle."},
                {4, "spectral error",
                 "This is the most by which one arrow can be wrong: the "
                 "spectral norm of the error. "
                 "Frobenius takes all that is lost."},
                {25, "root not taken", "This is the sum of the squares."},
                {3, "only the last value lost", "Rank 1 keeps one value. Two are lost."},
                {12, "kept value", "This is what is kept, not what is lost."},
                {13, "size of the whole", "This is the Frobenius norm of the matrix itself."}}});
  page.exercise(
      Choose{.name = "all-stretches-one",
             .answer = "qr",
             .choices = {{"qr", "the Q of a QR factorisation of a random matrix", {}, {}},
                         {"eigenvectors", "the eigenvectors of a random matrix, as columns",
                          "eigenvectors taken for orthogonal",
                          "They are at right angles only for a normal matrix. A random one "
                          "has slanted, even "
                          "complex ones."},
                         {"spectral", "a random matrix divided by its largest singular value",
                          "largest stretch taken for all",
                          "This makes the largest stretch 1. The smallest is far below."},
                         {"frobenius", "a random matrix divided by its Frobenius norm",
                          "all stretches together made 1",
                          "Then the squares of all singular values add up to 1, so each is "
                          "small."},
                         {"radius", "a random matrix divided by its spectral radius",
                          "eigenvalues taken for stretches",
                          "This moves the eigenvalues. The matrix still stretches some arrows "
                          "by about twice as "
                          "much."},
                         {"columns", "a random matrix with each column divided by its length",
                          "length without right angles",
                          "Columns of length 1 are not enough: they must be at right angles "
                          "to each other as "
                          "well."}}});
  Fill<KeepRank> keep{.name = "rank-for-energy", .solution = rank_for_energy, .check = check_rank};
  for (const RankSlip& s : rank_slips) keep.wrong.push_back({s.name, s.function});
  page.exercise(std::move(keep));
  Fill<Share> share{.name = "explained-share", .solution = explained_share, .check = check_share};
  for (const ShareSlip& s : share_slips) share.wrong.push_back({s.name, s.function});
  page.exercise(std::move(share));
}
