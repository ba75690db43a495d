// Two arrows, their dot product and angle; norms and unit balls; neighbours,
// attention, contrast.
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <cmath>
#include <numbers>
#include <string>

namespace {
using namespace gradus;
using namespace gradus::lessons;

double angle_of(double cosine) {
  return std::acos(cosine) * 180 / std::numbers::pi;
}

// The message of an addition that must fail.
// [refused]
std::string refused(const Tensor& a, const Tensor& b) {
  try {
    a + b;
  } catch (const ShapeError& e) {
    return e.what();
  }
  return "";
}
// [end]

Line arrow(const char* label, double x, double y, const char* colour, bool faint = false) {
  return {.label = label, .x = {0, x}, .y = {0, y}, .colour = colour, .faint = faint};
}

// All points whose p-norm is 1, once around.
// [ball]
Line unit_ball(double p, const char* label, const char* colour) {
  Line line{.label = label, .x = {}, .y = {}, .colour = colour};
  for (int i = 0; i <= 360; ++i) {
    const double turn = i * std::numbers::pi / 180;
    const Tensor ray{std::cos(turn), std::sin(turn)};
    const std::vector<double> v = numbers(ray / norm_p(ray, p));
    line.x.push_back(v[0]);
    line.y.push_back(v[1]);
  }
  return line;
}
// [end]

// The point of the ball of radius 1 that is nearest to a target outside it.
std::vector<double> nearest_on_ball(double p, const Tensor& target) {
  std::vector<double> best;
  double least = 0;
  constexpr int turns = 7200;
  for (int i = 0; i < turns; ++i) {
    const double turn = 2 * std::numbers::pi * i / turns;
    const Tensor ray{std::cos(turn), std::sin(turn)};
    const Tensor on = ray / norm_p(ray, p);
    const double far = number(norm(on - target));
    if (best.empty() || far < least) {
      least = far;
      best = numbers(on);
    }
  }
  for (double& x : best) x = std::abs(x) < 1e-12 ? 0 : x;
  return best;
}

// ----------------------------------------------------------------------------
// exercises

using Cosine = double(std::span<const double>, std::span<const double>);

// [solution cosine-by-hand]
// The cosine of the angle between a and b, two lists of equal length.
// Beside a list of zeros it is 0: nothing points nowhere.
double cosine_by_hand(std::span<const double> a, std::span<const double> b) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    // [hole (void)b;]
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
    // [end hole]
  }
  // [hole return dot + aa + bb;]
  if (aa == 0 || bb == 0) return 0;
  return dot / (std::sqrt(aa) * std::sqrt(bb));
  // [end hole]
}
// [end]

double dot_of(std::span<const double> a, std::span<const double> b) {
  double dot = 0;
  for (size_t i = 0; i < a.size(); ++i) dot += a[i] * b[i];
  return dot;
}
double size_of(std::span<const double> a) {
  return std::sqrt(dot_of(a, a));
}
double sum_of_sizes(std::span<const double> a) {
  double sum = 0;
  for (const double x : a) sum += std::abs(x);
  return sum;
}
double guarded(double above, double below) {
  return below == 0 ? 0 : above / below;
}

struct Slip {
  const char* name;
  Cosine* function;
  const char* says;
};
const Slip slips[] = {
    {"not divided by the lengths", dot_of,
     "This is the dot product. It grows with the arrows; the cosine must not."},
    {"divided by one length only",
     [](std::span<const double> a, std::span<const double> b) {
       return guarded(dot_of(a, b), size_of(b));
     },
     "Make the first arrow ten times as long: the angle stays, and your answer "
     "does not."},
    {"root forgotten",
     [](std::span<const double> a, std::span<const double> b) {
       return guarded(dot_of(a, b), dot_of(a, a) * dot_of(b, b));
     },
     "You divided by the squares of the lengths. A length is the root of the "
     "sum of squares."},
    {"sizes added for the length",
     [](std::span<const double> a, std::span<const double> b) {
       return guarded(dot_of(a, b), sum_of_sizes(a) * sum_of_sizes(b));
     },
     "You divided by 1-norms. The cosine belongs to the 2-norm: an arrow "
     "beside itself gives 1."},
    {"zero divided by zero",
     [](std::span<const double> a, std::span<const double> b) {
       return dot_of(a, b) / (size_of(a) * size_of(b));
     },
     "Right, until one list is all zeros: 0 / 0 is not a number. Ask before "
     "you divide."},
    {"sign lost",
     [](std::span<const double> a, std::span<const double> b) {
       return std::abs(guarded(dot_of(a, b), size_of(a) * size_of(b)));
     },
     "Arrows against each other have the cosine -1. Where did the sign go?"},
    {"averaged over the places",
     [](std::span<const double> a, std::span<const double> b) {
       return guarded(dot_of(a, b), size_of(a) * size_of(b)) / static_cast<double>(a.size());
     },
     "You divided by the number of places too. The lengths do all the dividing "
     "there is."},
    {"distance instead of angle",
     [](std::span<const double> a, std::span<const double> b) {
       return 1 - guarded(dot_of(a, b), size_of(a) * size_of(b));
     },
     "This is the cosine distance, 1 minus what is asked: arrows that agree "
     "give 0."},
};

const std::vector<double> pairs[][2] = {{{3, 4}, {1, 2}},           {{3, 4}, {30, 40}},
                                        {{1, 0}, {0, 5}},           {{1, 2}, {-2, -4}},
                                        {{1, -2, 2}, {2, 0, -1.5}}, {{0, 0}, {1, 2}}};

bool agree(double x, double y) {
  return std::abs(x - y) < 1e-9 || (std::isnan(x) && std::isnan(y));
}

Verdict check_cosine(Cosine* f) {
  std::vector<double> got;
  for (const auto& [a, b] : pairs) got.push_back(f(a, b));
  for (size_t i = 0; i < got.size(); ++i) {
    const auto& [a, b] = pairs[i];
    const double want = cosine_by_hand(a, b);
    if (agree(got[i], want)) continue;
    Verdict no{.where = "a = " + to_string(from_vector(a)) + ", b = " + to_string(from_vector(b)),
               .yours = shown(got[i]),
               .expected = shown(want)};
    for (const Slip& s : slips) {
      bool same = true;
      for (size_t k = 0; k < got.size(); ++k)
        same &= agree(got[k], s.function(pairs[k][0], pairs[k][1]));
      if (!same) continue;
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
  // Two arrows.
  const Tensor a = page.set("a", Tensor({3, 4})), b = page.set("b", Tensor({1, 2}));
  // [arrows]
  const Tensor together = a + b;
  const Tensor doubled = 2 * a;
  const double product = number(dot(a, b));
  const double length_a = number(norm(a)), length_b = number(norm(b));
  const double cosine = number(cosine_similarity(a, b));
  // [end]
  const std::vector<double> av = numbers(a), bv = numbers(b);
  page.bind("a", a);
  page.bind("b", b);
  page.bind("a_type", to_string(a.type()));
  page.bind("together", together);
  page.bind("doubled", doubled);
  page.bind("a1", av[0]);
  page.bind("a2", av[1]);
  page.bind("b1", bv[0]);
  page.bind("b2", bv[1]);
  page.bind("product", product);
  page.bind("length_a", length_a);
  page.bind("length_b", length_b);
  page.bind("cosine", cosine, 8);
  page.bind("angle", angle_of(cosine));
  page.bind("back", length_a * length_b * cosine);
  const double share = length_b == 0 ? 0 : product / (length_b * length_b);
  const Tensor shadow = share * b;
  page.bind("shadow", shadow);
  page.bind("shadow_length", length_a * cosine);
  page.bind("refused", refused(a, Tensor{1, 2, 3}));

  const std::vector<double> s = numbers(shadow);
  Line drop{.label = "", .x = {av[0], s[0]}, .y = {av[1], s[1]}, .colour = "var(--muted)"};
  page.picture("shadow",
               Plot{.id = "shadow",
                    .title = "Two arrows from the origin; the shadow of a on the line of b",
                    .x_label = "first number",
                    .lines = {arrow("a", av[0], av[1], "var(--accent)"),
                              arrow("b", bv[0], bv[1], "var(--ink)"),
                              arrow("shadow", s[0], s[1], "var(--muted)"), drop},
                    .from_zero = true,
                    .width = 340,
                    .height = 300});

  Table signs{{"with (1, 0)", "dot product", "cosine", "angle in degrees"}};
  const Tensor east{1, 0};
  for (const Tensor& other :
       {Tensor{1, 0}, Tensor{1, 1}, Tensor{0, 1}, Tensor{-1, 1}, Tensor{-1, 0}}) {
    const double c = number(cosine_similarity(east, other));
    const std::vector<double> o = numbers(other);
    signs.push_back({"(" + shown(o[0]) + ", " + shown(o[1]) + ")", shown(number(dot(east, other))),
                     shown(c), shown(angle_of(c), 2)});
  }
  page.table("signs", signs);

  // Norms.
  const Tensor v = page.set("v", Tensor({3, -4, 1}));
  const double p = page.set("p", 4.0);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  // [norms]
  const double one = number(norm_p(v, 1));
  const double two = number(norm(v));
  const double largest = number(norm_p(v, infinity));
  // [end]
  page.bind("v", v);
  page.table("norms", {{"norm", "how", "of v"},
                       {"1", "sizes added", shown(one)},
                       {"2", "root of the squares added", shown(two)},
                       {shown(p), "the p you set", shown(number(norm_p(v, p)))},
                       {"infinity", "the largest size", shown(largest)}});
  const Tensor huge{1e200, 1e200};
  page.bind("huge", number(max(huge)));
  page.bind("huge_norm", number(norm(huge)), 5);
  page.bind("huge_naive", number(sqrt(sum(square(huge)))));

  const std::vector<double> cancels{1e16, 1, -1e16}, ones{1, 1, 1};
  page.bind("plain_dot", naive_sum(std::span<const double>(cancels)));
  page.bind("careful_dot", compensated_dot(cancels, ones));

  page.picture("balls", Plot{.id = "balls",
                             .title = "All points of norm 1, for three norms",
                             .x_label = "first number",
                             .lines = {unit_ball(1, "p = 1", "var(--accent)"),
                                       unit_ball(2, "p = 2", "var(--ink)"),
                                       unit_ball(p, ("p = " + shown(p)).c_str(), "var(--muted)")},
                             .width = 340,
                             .height = 300});

  // The corner.
  const Tensor target = page.set("target", Tensor({2, 0.8}));
  page.bind("target", target);
  page.bind("p", p);
  const std::vector<double> corner = nearest_on_ball(1, target), round = nearest_on_ball(2, target),
                            own = nearest_on_ball(p, target);
  page.bind("corner", from_vector(corner), 3);
  page.bind("corner_says",
            std::ranges::count(corner, 0.0) > 0
                ? "That is a corner, and there one of the numbers is exactly 0"
                : "That lies on an edge: for a corner the target must be nearer to an axis");
  page.bind("round", from_vector(round), 3);
  page.bind("own", from_vector(own), 3);
  RandomState state(42);
  const Tensor X = from_vector(state.randn(1000), {100, 10});
  const Tensor truth{1, -2, 3, 0, 0, 0, 0.5, -0.5, 0, 0};
  const Tensor noisy = matmul(X, truth) + 0.5 * from_vector(state.randn(100));
  // [lasso]
  const PenalisedFit by_two = fit_ridge(X, noisy, 1);    // squares
  const PenalisedFit by_one = fit_lasso(X, noisy, 0.1);  // sizes
  // [end]
  Table fits{{"weight", "in truth", "2-norm", "1-norm"}};
  const std::vector<double> true_weights = numbers(truth);
  for (size_t i = 0; i < true_weights.size(); ++i)
    fits.push_back({std::to_string(i + 1), shown(true_weights[i]), shown(by_two.coef[i]),
                    shown(by_one.coef[i])});
  page.table("fits", fits);
  page.bind("rows", int64_t{100});
  page.bind("weights", int64_t{10});
  page.bind("zeros_one", by_one.zeros());
  page.bind("zeros_two", by_two.zeros());

  // Neighbours.
  const char* words[] = {"king", "queen", "boy", "apple", "pear"};
  // [neighbours]
  const Tensor E = {{9, 9, 1}, {9, 1, 1}, {1, 9, 1}, {1, 2, 9}, {0, 1, 3}};
  const Tensor alike = cosine_similarities(E, E);
  const TopK nearest = top_k(alike, 2);  // a word is its own nearest
  // [end]
  const std::vector<double> matrix = numbers(alike), places = numbers(nearest.places),
                            f = numbers(E);
  Table cosines{{"", "royal, male, fruit", "king", "queen", "boy", "apple", "pear", "nearest"}};
  for (size_t i = 0; i < 5; ++i) {
    std::vector<std::string> line{
        words[i], shown(f[3 * i]) + ", " + shown(f[3 * i + 1]) + ", " + shown(f[3 * i + 2])};
    for (size_t j = 0; j < 5; ++j) line.push_back(shown(matrix[5 * i + j], 2));
    line.push_back(words[static_cast<size_t>(places[2 * i + 1])]);
    cosines.push_back(line);
  }
  page.table("cosines", cosines);
  const Tensor apple = row(E, 3), pear = row(E, 4), king = row(E, 0);
  page.bind("apple_pear", number(dot(apple, pear)));
  page.bind("apple_king", number(dot(apple, king)));
  page.bind("apple_pear_cosine", number(cosine_similarity(apple, pear)), 2);
  page.bind("apple_king_cosine", number(cosine_similarity(apple, king)), 2);
  page.bind("pear_length", number(norm(pear)));
  page.bind("king_length", number(norm(king)));

  // Attention.
  const Tensor query = page.set("query", Tensor({2, 1}));
  // [attention]
  const Tensor keys = {{2, 1}, {1, -2}, {-2, -1}};
  const Tensor scores = matmul(keys, query) / std::sqrt(2.0);
  const Tensor weights = softmax(scores);
  // [end]
  page.bind("query", query);
  const std::vector<double> k = numbers(keys), sc = numbers(scores), w = numbers(weights);
  Table attention{{"key", "dot product", "divided by root of 2", "share"}};
  for (size_t i = 0; i < 3; ++i)
    attention.push_back({"(" + shown(k[2 * i]) + ", " + shown(k[2 * i + 1]) + ")",
                         shown(number(dot(row(keys, static_cast<int64_t>(i)), query))),
                         shown(sc[i]), shown(w[i])});
  page.table("attention", attention);

  // Random arrows in many dimensions.
  Table wide{{"numbers", "spread of dot products", "divided by the root", "spread of cosines"}};
  for (const int64_t n : {4, 64, 1024}) {
    const Key key = key_from_seed(7);
    const Tensor left = random_normal(key_tensor(split(key, 0)), {2000, n});
    const Tensor right = random_normal(key_tensor(split(key, 1)), {2000, n});
    const double spread = number(std_dev(vecdot(left, right)));
    wide.push_back({std::to_string(n), shown(spread, 2),
                    shown(spread / std::sqrt(static_cast<double>(n)), 2),
                    shown(number(std_dev(cosine_similarity(left, right))), 3)});
  }
  page.table("wide", wide);
  page.bind("draws", int64_t{2000});

  // Contrast.
  const double temperature = page.set("temperature", 0.1);
  // [contrast]
  // Row 0 of `others` is the partner; the rest belong to other pictures.
  const auto contrast = [&](const Tensor& anchor, const Tensor& others) {
    const Tensor alike = cosine_similarity(anchor, others);
    return -row(log_softmax(alike / temperature), 0);
  };
  // [end]
  const Tensor anchor{1, 0}, others = {{0.8, 0.6}, {0.6, -0.8}, {-1, 0}};
  const Tensor similar = cosine_similarity(anchor, others);
  const Tensor pull = -grad(contrast)(anchor, others);
  page.bind("temperature", temperature);
  page.bind("anchor", anchor);
  page.bind("partner", row(others, 0));
  page.bind("strangers", slice(others, {{1}}));
  page.bind("similar", similar);
  page.bind("contrast_share", softmax(similar / temperature), 3);
  page.bind("contrast_loss", number(contrast(anchor, others)));
  page.bind("contrast_share_warm", softmax(similar), 3);
  page.bind("warm_says", temperature < 1   ? "less decided"
                         : temperature > 1 ? "more decided"
                                           : "just the same");
  const double turn = std::atan2(number(row(pull, 1)), number(row(pull, 0)));
  page.bind("pull", pull, 3);
  page.bind("pull_side", turn > 0 ? "towards the partner" : "away from the partner");

  page.exercise(Predict{
      .name = "dot-by-hand",
      .answer = -3,
      .wrong = {
          {19, "signs dropped",
           "Minus times plus is minus. Two of the three products are "
           "negative."},
          {240, "products multiplied",
           "You multiplied the three products. Multiply pair by pair, then "
           "add."},
          {28, "sums multiplied",
           "You added each list first and multiplied the sums. Pairs first, "
           "then one sum."},
          {11, "numbers added", "This is the sum of all six numbers. Each pair is multiplied."},
          {8, "first pair only", "The first pair gives this. Two more pairs count."},
          {9, "last sign turned",
           "Two products are negative, yours has one: 3 times -2 is -6, not "
           "6."},
          {3, "result turned round",
           "The size is right. Add 8, -5 and -6 once more: which side of 0 is "
           "it?"}}});
  page.exercise(Predict{
      .name = "city-blocks",
      .answer = 14,
      .wrong = {
          {10, "2-norm", "This is the straight way. The 1-norm walks along the streets."},
          {8, "infinity norm", "This is the largest size alone. The 1-norm adds all sizes."},
          {-2, "signs kept", "A size has no sign: -8 counts as 8."},
          {2, "size of the sum", "First take the size of each number, then add."},
          {100, "squares added", "Squares belong to the 2-norm, and it takes a root at the end."},
          {7, "averaged", "The 1-norm is a sum, not a mean."}}});
  page.exercise(Choose{
      .name = "ten-times-as-long",
      .answer = "dot-only",
      .choices = {
          {"dot-only", "the dot product becomes ten times as large, the cosine stays", "", ""},
          {"both", "both become ten times as large", "cosine grows with length",
           "A cosine cannot exceed 1. What does dividing by the length of a do "
           "to the factor?"},
          {"neither", "both stay, the direction is the same", "dot product seen as an angle",
           "The angle stays, but the dot product is both lengths times the "
           "cosine."},
          {"cosine-only", "the dot product stays, the cosine becomes ten times as large",
           "roles exchanged", "Exchange the two: which of them divides by the lengths?"},
          {"squared", "the dot product becomes a hundred times as large, the cosine stays",
           "both sides scaled", "Only a grew. A hundred would need b ten times as long too."},
          {"shrinks", "the dot product becomes ten times as large, the cosine a tenth",
           "only the divisor scaled",
           "The cosine divides a product that grew tenfold by a length that "
           "grew tenfold."}}});
  Fill<Cosine> fill{.name = "cosine-by-hand", .solution = cosine_by_hand, .check = check_cosine};
  for (const Slip& slip : slips) fill.wrong.push_back({slip.name, slip.function});
  page.exercise(std::move(fill));
}
