// Forward and reverse mode on one table; what each costs; by hand == automatic == differences.
#include <gradus/base/text.h>
#include <gradus/core/work.h>
#include <gradus/diff/trace.h>
#include <gradus/lessons/page.h>
#include <gradus/linalg/spectral.h>
#include <gradus/nn/mlp.h>
#include <gradus/scalar/dual.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// [dual]
struct Dual {
  double value, dot;  // a number, and how fast it moves
};
Dual operator+(Dual a, Dual b) {
  return {a.value + b.value, a.dot + b.dot};
}
Dual operator*(Dual a, Dual b) {
  return {a.value * b.value, a.dot * b.value + a.value * b.dot};
}
Dual sin(Dual a) {
  return {std::sin(a.value), std::cos(a.value) * a.dot};
}
// [end]

// [walk]
// dh[k]/dh[0] along every path; two edges lead into each layer.
struct Walk {
  std::vector<double> direct, through_sine;  // local slopes, by layer
  int64_t products = 0;
  double slope(size_t k) {
    if (k == 0) return 1;
    products += 2;
    return direct[k] * slope(k - 1) + through_sine[k] * slope(k - 1);
  }
};
// [end]

// h[k] = h[k-1] + sin(h[k-1]) / 10, `layers` times.
Tensor tower(Tensor h, int layers) {
  for (int k = 0; k < layers; ++k) h = h + gradus::sin(h) / 10;
  return h;
}

Walk walk_of(double h, int layers) {
  Walk walk{{0}, {0}};
  for (int k = 0; k < layers; ++k) {
    walk.direct.push_back(1);
    walk.through_sine.push_back(std::cos(h) / 10);
    h += std::sin(h) / 10;
  }
  return walk;
}

int64_t whole(double x) {
  return static_cast<int64_t>(std::round(x));
}

struct Cost {
  int64_t parameters = 0;
  double value = 0, with_gradient = 0;  // floating-point operations
};

// A network width-width-width-1 on one example, counted.
Cost cost_of(int64_t width) {
  MlpSpec spec;
  spec.sizes = {width, width, width, 1};
  spec.activation = "tanh";
  const Mlp net = make_mlp(spec, key_from_seed(1), DType::f64);
  const Tensor x = ones({width});
  // [count]
  const auto loss = [&](const Mlp& m) { return sum(square(m(x) - 1)); };
  Cost cost{.parameters = parameter_count(net)};
  {
    const WorkCounter work;
    loss(net);
    cost.value = work.operations();
  }
  {
    const WorkCounter work;
    gradients(net, loss);
    cost.with_gradient = work.operations();
  }
  // [end]
  return cost;
}

// What central differences of every parameter cost, counted; twice the parameters times the value.
double counted_differences(int64_t width) {
  MlpSpec spec;
  spec.sizes = {width, width, width, 1};
  spec.activation = "tanh";
  const Mlp net = make_mlp(spec, key_from_seed(1), DType::f64);
  const Tensor x = ones({width});
  const std::vector<Tensor> tensors = parameters(net);
  std::vector<double> flat = numbers(flatten(tensors));
  std::vector<Mlp> moved;
  for (double& p : flat) {
    const double kept = p;
    for (const double h : {1e-5, -1e-5}) {
      p = kept + h;
      moved.push_back(with_parameters(net, unflatten(from_vector(flat), tensors)));
    }
    p = kept;
  }
  const WorkCounter work;
  for (const Mlp& m : moved) sum(square(m(x) - 1));
  return work.operations();
}

// ---------------------------------------------------------------------------- exercises

using Gradient = std::vector<double>(double, double);

// [solution sweep-back]
// f(x, y) = x * exp(x * y). Returns {df/dx, df/dy}.
std::vector<double> sweep_back(double x, double y) {
  const double v1 = x * y;
  const double v2 = std::exp(v1);  // and f = x * v2
  double x_bar = 0, y_bar = 0, v1_bar = 0, v2_bar = 0;
  // [hole return {x_bar, y_bar};]
  x_bar += v2;
  v2_bar += x;
  v1_bar += v2_bar * v2;
  x_bar += v1_bar * y;
  y_bar += v1_bar * x;
  return {x_bar, y_bar};
  // [end hole]
}
// [end]

std::vector<double> second_replaces_first(double x, double y) {
  const double e = std::exp(x * y);
  return {x * e * y, x * e * x};
}
std::vector<double> direct_path_only(double x, double y) {
  const double e = std::exp(x * y);
  return {e, x * e * x};
}
std::vector<double> exp_passes_unchanged(double x, double y) {
  return {std::exp(x * y) + x * y, x * x};
}
std::vector<double> slope_at_x(double x, double y) {
  return {std::exp(x * y) + x * std::exp(x) * y, x * std::exp(x) * x};
}
std::vector<double> paths_multiplied(double x, double y) {
  const double e = std::exp(x * y);
  return {e * (x * e * y), x * e * x};
}
std::vector<double> factors_not_crossed(double x, double y) {
  const double e = std::exp(x * y);
  return {e + x * e * x, x * e * y};
}
std::vector<double> no_seed(double, double) {
  return {0, 0};
}

struct Slip {
  const char* name;
  Gradient* function;
  const char* says;
};
constexpr Slip slips[] = {
    {"second path replaces the first", second_replaces_first,
     "x is used twice, so x_bar receives two parts. Here the second part overwrote the first; "
     "a bar adds up."},
    {"one path forgotten", direct_path_only,
     "x reaches f directly and also through v1. Only the direct way arrived in x_bar."},
    {"slope of exp forgotten", exp_passes_unchanged,
     "v2_bar went through exp as if exp were a copy. The slope of exp at v1 is one of the numbers "
     "you already have."},
    {"slope taken at the wrong place", slope_at_x,
     "The slope of exp was taken at x. The step is v2 = exp(v1): its slope is at v1."},
    {"paths multiplied", paths_multiplied,
     "The two parts of x_bar were multiplied. Slopes multiply along one path; paths add."},
    {"factors not crossed", factors_not_crossed,
     "In v1 = x * y the slope towards x is y, and the slope towards y is x. Yours are exchanged."},
    {"sweep not begun", no_seed,
     "Every bar is 0. The sweep starts at the end with f_bar = 1; what does it hand to x and to "
     "v2?"},
};

bool agree(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= 1e-9 * (1 + std::abs(b[i])))) return false;
  return true;
}

std::string listed(const std::vector<double>& v) {
  std::string out = "{";
  for (size_t i = 0; i < v.size() && i < 4; ++i) out += (i > 0 ? ", " : "") + shown(v[i]);
  return out + (v.size() > 4 ? ", ...}" : "}");
}

Verdict check_sweep(Gradient* f) {
  constexpr double places[][2] = {{2, 0.25}, {-1, 0.5}, {0.5, 3}};
  for (const auto& [x, y] : places) {
    const std::vector<double> got = f(x, y), want = sweep_back(x, y);
    if (agree(got, want)) continue;
    Verdict no{.where = "x = " + shown(x) + ", y = " + shown(y),
               .yours = listed(got),
               .expected = listed(want)};
    for (const Slip& k : slips)
      if (agree(got, k.function(x, y))) {
        no.misconception = k.name;
        no.says = k.says;
        break;
      }
    if (got.size() != 2) no.says = "Return two numbers, {df/dx, df/dy}.";
    return no;
  }
  return Verdict::passed();
}
}  // namespace

LESSON(page) {
  const double x = page.set("x", 2.0), y = page.set("y", 3.0);

  // One function, both directions.
  const std::string names[] = {"x", "y"};
  const int wrt[] = {0, 1};
  const Tensor at[] = {x, y};
  const Function f = [](std::span<const Tensor> a) {
    const Tensor product = a[0] * a[1];
    const Tensor sine = gradus::sin(a[0]);
    return product + sine;
  };
  const Trace t = trace(f, at, names, wrt, "f");
  std::vector<Dual> moves_x, moves_y;
  for (auto* moves : {&moves_x, &moves_y}) {
    const bool by_x = moves == &moves_x;
    // [forward]
    const Dual u{x, by_x ? 1.0 : 0.0}, v{y, by_x ? 0.0 : 1.0};
    const Dual product = u * v;
    const Dual sine = sin(u);
    const Dual total = product + sine;
    // [end]
    *moves = {u, v, product, sine, total};
  }
  Table both{{"step", "value", "dot, seed x", "dot, seed y", "bar"}};
  for (size_t i = 0; i < t.rows.size(); ++i) {
    const TraceRow& row = t.rows[i];
    both.push_back({row.step == row.name || row.is_input ? row.step : row.name + " = " + row.step,
                    shown(number(row.value)), shown(moves_x[i].dot + 0.0),
                    shown(moves_y[i].dot + 0.0), shown(number(row.bar))});
  }
  page.table("both", both);
  page.output("trace", to_text(t));
  page.bind("x", x);
  page.bind("y", y);
  page.bind("cosine", std::cos(x));
  page.bind("dx", number(t.grads[0]));
  page.bind("dy", number(t.grads[1]));

  // A loop, and the two modes on one product.
  // [loop]
  const auto root = [](auto a) {  // Newton's square root
    auto r = a;
    for (int i = 0; i < 20; ++i) r = (r + a / r) / 2.0;
    return r;
  };
  const double slope_of_root = scalars::derivative(root, 4.0);
  // [end]
  page.bind("slope_of_root", slope_of_root);
  const Tensor weight{{1, -2, 0.5}, {0.25, 1, -1}}, place{0.1, 0.2, -0.3}, v{1, 2, 3}, u{2, -1};
  const auto layer_of = [&](const Tensor& s) { return tanh(matmul(weight, s)); };
  page.bind("u_Jv", number(dot(u, jvp(layer_of)(place, v).derivative)), 12);
  page.bind("uJ_v", number(dot(vjp(layer_of)(place, u).derivative, v)), 12);

  // The function of the partial derivatives, once more.
  const Tensor bowl = grad([](const Tensor& p) {
    return sum(square(p) * Tensor{1, 2});
  })(Tensor{3, 4});
  page.bind("bowl", bowl);

  // By hand, automatic, by differences.
  RandomState random(42);
  const auto weights = [&](const Shape& shape) {
    return from_vector(random.randn(element_count(shape)), shape) * 0.1;
  };
  const Tensor w1 = weights({4, 3}), w2 = weights({2, 4}), b1 = zeros({4}), b2 = zeros({2});
  const Tensor input{1, 2, 3}, out_bar{1, -1};
  // [net]
  const auto loss = [&](Tensor W1, Tensor B1, Tensor W2, Tensor B2) {
    const Tensor h = relu(matmul(W1, input) + B1);
    return sum((matmul(W2, h) + B2) * out_bar);
  };
  const auto [dW1, db1, dW2, db2] = grad<0, 1, 2, 3>(loss)(w1, b1, w2, b2);
  // [end]
  // [by-hand]
  const Tensor z1 = matmul(w1, input) + b1, h = relu(z1);
  const Tensor hand_b2 = out_bar;
  const Tensor hand_W2 = outer(out_bar, h);
  const Tensor h_bar = matmul(transpose(w2), out_bar);
  const Tensor z1_bar = where(z1 > 0, h_bar, 0.0);
  const Tensor hand_b1 = z1_bar;
  const Tensor hand_W1 = outer(z1_bar, input);
  // [end]
  const std::vector<Tensor> args = {w1, b1, w2, b2};
  const std::vector<Tensor> automatic = {dW1, db1, dW2, db2};
  const std::vector<Tensor> by_hand = {hand_W1, hand_b1, hand_W2, hand_b2};
  const std::vector<std::string> words = {"W1", "b1", "W2", "b2"};
  Table three{{"number", "by hand", "automatic", "difference"}};
  int64_t parameter_total = 0;
  double worst_hand = 0, worst_difference = 0;
  for (size_t p = 0; p < args.size(); ++p) {
    parameter_total += args[p].size();
    std::vector<double> moved = numbers(args[p]);
    const std::vector<double> a = numbers(automatic[p]), m = numbers(by_hand[p]);
    const int64_t columns = args[p].rank() == 2 ? args[p].shape()[1] : 1;
    for (size_t i = 0; i < moved.size(); ++i) {
      const double step = 1e-5, kept = moved[i];
      double side[2];
      for (const int s : {0, 1}) {
        moved[i] = kept + (s == 0 ? step : -step);
        std::vector<Tensor> all = args;
        all[p] = from_vector(moved, args[p].shape());
        side[s] = number(loss(all[0], all[1], all[2], all[3]));
      }
      moved[i] = kept;
      const double d = (side[0] - side[1]) / (2 * step);
      worst_hand = std::max(worst_hand, std::abs(a[i] - m[i]));
      worst_difference =
          std::max(worst_difference, std::abs(a[i] - d) / std::max({1e-3, std::abs(a[i])}));
      const auto r = static_cast<int64_t>(i) / columns, c = static_cast<int64_t>(i) % columns;
      const bool first_or_last_row = p == 0 && (r == 0 || r == 3);
      if (first_or_last_row || p == 1 || (p == 2 && r == 0 && c < 2) || (p == 3 && r == 0))
        three.push_back({words[p] + "[" + std::to_string(r + 1) +
                             (args[p].rank() == 2 ? "," + std::to_string(c + 1) : "") + "]",
                         text::fixed(m[i], 6), text::fixed(a[i], 6), text::fixed(d, 6)});
    }
  }
  page.table("three", three);
  std::vector<std::string> shapes;
  for (const Tensor& g : automatic) {
    std::vector<std::string> sizes;
    for (int i = 0; i < g.rank(); ++i) sizes.push_back(std::to_string(g.shape()[i]));
    shapes.push_back("(" + text::join(sizes, ", ") + ")");
  }
  page.bind("shapes", text::join(shapes, ", "));
  page.bind("answer", matmul(w2, h) + b2, 6);
  page.bind("z1", z1);
  page.bind("h_bar_dead", number(row(h_bar, 3)));
  page.bind("worst_hand", worst_hand);
  page.bind("worst_difference", text::significant(worst_difference, 1));
  page.bind("net_parameters", parameter_total);
  page.bind("ten", int64_t{10});

  // Why reverse is cheap.
  Table bill{{"parameters P", "value", "value + gradient", "ratio", "differences"}};
  Line value{.label = "value", .colour = "var(--muted)"};
  Line reverse{.label = "gradient", .colour = "var(--accent)"};
  Line differences{.label = "2P values", .colour = "var(--ink)"};
  double worst_ratio = 0, last_ratio = 0, last_parameters = 0;
  for (const int64_t width : {2, 7, 22, 70, 223, 706}) {
    const Cost c = cost_of(width);
    const double p = static_cast<double>(c.parameters), d = 2 * p * c.value;
    last_ratio = c.with_gradient / c.value;
    last_parameters = p;
    worst_ratio = std::max(worst_ratio, last_ratio);
    bill.push_back({text::grouped(c.parameters), text::grouped(std::llround(c.value)),
                    text::grouped(std::llround(c.with_gradient)), shown(last_ratio, 2),
                    d < 1e7 ? text::grouped(whole(d)) : text::significant(d, 3)});
    for (auto [line, cost] :
         {std::pair{&value, c.value}, {&reverse, c.with_gradient}, {&differences, d}}) {
      line->x.push_back(std::log10(p));
      line->y.push_back(cost);
    }
  }
  page.table("bill", bill);
  page.bind("ratio_worst", worst_ratio, 2);
  page.bind("ratio_last", last_ratio, 2);
  page.bind("p_last", whole(last_parameters));
  page.bind("differences_last", whole(2 * last_parameters));
  const Cost small = cost_of(7);
  page.bind("small_p", small.parameters);
  page.bind("small_values", whole(counted_differences(7) / small.value));
  Plot cost{.id = "cost",
            .title = "Floating-point operations against the number of parameters",
            .x_label = "log10 of the number of parameters P",
            .lines = {differences, reverse, value},
            .log = true,
            .dots = true};
  page.picture("cost", cost);

  // Walking every path.
  const double wanted = page.set("layers", 20.0);  // NaN counts as 1
  const int layers = wanted >= 1 ? static_cast<int>(std::min(wanted, 24.0)) : 1;
  Table paths{{"layers", "paths", "products, walking", "kernels, reverse", "slope, both ways"}};
  double walked_last = 0;
  for (const int n : {1, 2, 3, 4, 10, layers}) {
    Walk walk = walk_of(1.3, n);
    const double by_paths = walk.slope(static_cast<size_t>(n));
    uint64_t forward = 0, all = 0;
    double swept = 0;
    {
      const WorkCounter work;
      tower(1.3, n);
      forward = work.kernels();
    }
    {
      const WorkCounter work;
      swept = number(grad([&](const Tensor& h0) { return tower(h0, n); })(Tensor(1.3)));
      all = work.kernels();
    }
    const bool same = std::abs(swept - by_paths) <= 1e-9 * std::abs(by_paths);
    walked_last = static_cast<double>(walk.products);
    paths.push_back({std::to_string(n), text::grouped(int64_t{1} << n),
                     text::grouped(walk.products),
                     text::grouped(static_cast<int64_t>(all - forward)),
                     same ? text::significant(swept, 4) : "differ"});
  }
  page.table("paths", paths);
  page.bind("layers", int64_t{layers});
  page.bind("walked", whole(walked_last));

  // The curse: the product of Jacobians.
  constexpr int64_t units = 16;
  constexpr int deep = 24;
  std::vector<double> draw(static_cast<size_t>(units * units * deep + units));
  fill_normal(key_from_seed(3), 0, std::span<double>(draw));
  const Tensor normal = from_vector(draw);
  const Tensor start = slice_axis(normal, 0, {units * units * deep});
  Plot curse{.id = "curse",
             .title = "Largest stretch of the product of Jacobians, by depth",
             .x_label = "layers",
             .lines = {},
             .log = true};
  Tensor gentle;
  int shade = 0;
  for (const double gain : {0.5, 1.0, 2.0}) {
    Line line{.label = "gain " + shown(gain),
              .colour = ramp_colour(static_cast<size_t>(++shade), 4)};
    Tensor product = eye(units), state = start;
    for (int k = 0; k < deep; ++k) {
      const Tensor w = reshape(slice_axis(normal, 0, {k * units * units, (k + 1) * units * units}),
                               {units, units}) *
                       (gain / std::sqrt(static_cast<double>(units)));
      // [curse]
      const auto layer = [&](const Tensor& s) { return tanh(matmul(w, s)); };
      product = matmul(jacobian(layer)(state), product);
      state = layer(state);
      // [end]
      line.x.push_back(k + 1);
      line.y.push_back(number(spectral_norm(product)));
    }
    page.bind("stretch_" + std::string(shade == 1   ? "small"
                                       : shade == 2 ? "one"
                                                    : "large"),
              text::significant(line.y.back(), 2));
    curse.lines.push_back(line);
  }
  page.bind("deep", int64_t{deep});
  page.bind("units", units);
  page.picture("curse", curse);

  page.exercise(Predict{
      .name = "two-roads-to-x",
      .answer = 7,
      .wrong = {
          {4, "one path forgotten",
           "This is v1, the part that comes straight from f = x * v1. x also moves v1 itself."},
          {3, "direct path forgotten",
           "This is the part that comes back through v1, and it is all of y_bar. x has a second "
           "road to f."},
          {12, "paths multiplied",
           "This is f itself, or the two parts multiplied. Slopes multiply along one road; "
           "different roads add."},
          {1, "slopes multiplied",
           "The slope of a product is not the product of the slopes. Each factor is held still "
           "once."},
          {6, "y left out", "This is the slope of x * x. In the sum x + y the y counts as well."},
          {10, "both seeds at once",
           "This is df/dx + df/dy, what a forward sweep gives with both dots set to 1."}}});
  page.exercise(Choose{
      .name = "which-mode",
      .answer = "forward",
      .choices = {
          {"forward", "three forward sweeps, one an input", {}, {}},
          {"reverse", "reverse mode, as always", "reverse is always cheaper",
           "One reverse sweep gives one row of the Jacobian, the row of one output. How many rows "
           "are there?"},
          {"once", "one forward sweep, with all three seeds set to 1",
           "one sweep carries all inputs",
           "Three seeds at once give the sum of the three columns, and the sum cannot be taken "
           "apart again."},
          {"back", "one reverse sweep, with all 10,000 seeds set to 1",
           "one sweep carries all outputs",
           "That sweep gives the gradient of the sum of all outputs: three numbers, not 30,000."},
          {"differences", "central differences, six values", "differences taken for exact",
           "Six values is a fair price, but the answer is only near. The question asks for exact "
           "slopes."},
          {"paths", "follow every path from each input to each output", "paths walked one by one",
           "The number of paths can double with each layer. Sweeps share the work between "
           "paths."},
          {"same", "forward and reverse cost the same", "both modes cost the same",
           "Both give the same numbers, but one needs a sweep an input and the other a sweep an "
           "output."}}});
  Fill<Gradient> sweep{.name = "sweep-back", .solution = sweep_back, .check = check_sweep};
  for (const Slip& k : slips) sweep.wrong.push_back({k.name, k.function});
  page.exercise(std::move(sweep));
  page.exercise(Predict{
      .name = "the-bill",
      .answer = 4,
      .wrong = {{2, "one side only",
                 "Central differences look to both sides of every parameter: two values each."},
                {0.01, "price of reverse mode",
                 "This is five values: what reverse mode costs at most. Differences pay for each "
                 "parameter."},
                {0.004, "two values in all",
                 "Two values give one slope. There are a thousand parameters to move."},
                {4000, "milliseconds", "Right in milliseconds; the question asks for seconds."},
                {2000, "values counted instead of seconds",
                 "There are 2,000 values. How long does each of them take?"},
                {10, "five values a parameter",
                 "Five values is the price of a whole gradient in reverse mode, not of one "
                 "parameter."}}});
}
