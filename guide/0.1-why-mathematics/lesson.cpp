#include <gradus/diff/trace.h>
#include <gradus/expr/parse.h>
#include <gradus/lessons/page.h>
#include <gradus/optim/optimiser.h>
#include <gradus/gradus.hpp>

#include <cmath>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// What `gradus calc TEXT --at AT` computes.
Tensor calc(std::string_view text, std::string_view at = {}) {
  Bindings known;
  if (!at.empty()) parse_bindings(at, known);
  return parse_expression(text)(known.names, known.values);
}

// What `gradus trace TEXT --at AT` prints.
std::string traced(std::string_view text, std::string_view at) {
  const Expression e = parse_expression(text);
  Bindings known;
  parse_bindings(at, known);
  std::vector<int> all;
  for (size_t i = 0; i < known.names.size(); ++i) all.push_back(static_cast<int>(i));
  const Function f = [&](std::span<const Tensor> args) {
    return e(known.names, std::vector<Tensor>(args.begin(), args.end()));
  };
  return to_text(trace(f, known.values, known.names, all, e.result()));
}

Line line(std::string label, const Tensor& y, std::string colour) {
  Line l{.label = std::move(label), .x = {}, .y = numbers(y), .colour = std::move(colour)};
  for (size_t i = 0; i < l.y.size(); ++i) l.x.push_back(static_cast<double>(i));
  return l;
}
}  // namespace

LESSON(page) {
  page.output("debug", traced("L = -log(exp(a) / (exp(a) + exp(b)))", "a = 0, b = 800"));
  page.bind("debug-repaired", number(calc("logsumexp([a, b]) - a", "a = 0, b = 800")));

  const Function own = [](std::span<const Tensor> a) { return a[0] * sigmoid(1.702 * a[0]); };
  const Tensor at_one[] = {Tensor(1.0)};
  const int first[] = {0};
  const ValueAndGrads activation = value_and_grads(own, at_one, first);
  page.bind("own-value", number(activation.value));
  page.bind("own-slope", number(activation.grads[0]));

  const auto bowl = [](const Tensor& p) { return square(row(p, 0)) + 4.0 * square(row(p, 1)); };
  const Tensor curvature = hessian(bowl)(Tensor{3, 3});
  const double steepest = number(max(curvature));
  page.bind("bowl-flat", number(element(curvature, {0, 0})));
  page.bind("bowl-steep", steepest);
  page.bind("bowl-limit", 2 / steepest);

  page.bind("softmax", calc("softmax(x)", "x = [1, 2, 3]"));
  page.bind("softmax-sum", number(calc("sum(softmax(x))", "x = [1, 2, 3]")));
  page.bind("collapsed", calc("2*(3*x+1)-5 - (6*x-3)", "x = [0, 1, 2]"));

  const double gentle = page.set("gentle", 0.9), steep = page.set("steep", 1.1);
  // [depth]
  const Tensor layers = arange(0, 51);  // 0, 1, ... 50
  const Tensor fading = pow(gentle, layers);
  const Tensor growing = pow(steep, layers);
  // [end]
  const auto after = [](const Tensor& signal, int64_t n) { return number(element(signal, {n})); };
  page.bind("gentle", gentle);
  page.bind("steep", steep);
  page.bind("layers", 50);
  page.bind("fading", after(fading, 50), 6);
  page.bind("growing", after(growing, 50), 2);
  page.bind("fading-share", 1 / after(fading, 50), 0);
  Table depth = {{"layers", "slope " + shown(gentle), "slope 1", "slope " + shown(steep)}};
  for (const int64_t n : {1, 2, 10, 20, 50})
    depth.push_back({std::to_string(n), shown(after(fading, n), 6), "1", shown(after(growing, n))});
  page.table("depth", depth);
  page.picture("depth", Plot{.id = "depth",
                             .title = "A signal after each of fifty layers",
                             .unit = "size of the signal",
                             .x_label = "layers",
                             .lines = {line("slope " + shown(gentle), fading, "var(--r1)"),
                                       line("slope 1", ones_like(fading), "var(--muted)"),
                                       line("slope " + shown(steep), growing, "var(--r4)")},
                             .log = true});

  const double rate = page.set("rate", 1.1);
  // [descent]
  const auto f = [](const Tensor& x) { return square(x); };
  const auto walk = [&](double learning_rate) {
    return descend(f, 1.0, {.method = "sgd", .lr = learning_rate}, 5);
  };
  const Tensor careful = walk(0.1), bold = walk(0.9), broken = walk(rate);
  // [end]
  page.bind("rate", rate);
  page.bind("careful-factor", 1 - 2 * 0.1);
  page.bind("bold-factor", 1 - 2 * 0.9);
  page.bind("rate-factor", 1 - 2 * rate);
  page.bind("careful-rate", 0.1);
  page.bind("bold-rate", 0.9);
  page.bind("steps", 5);
  page.bind("careful-end", after(careful, 5));
  page.bind("bold-end", after(bold, 5));
  page.bind("rate-end", after(broken, 5));
  Table descent = {{"step", "rate 0.1", "rate 0.9", "rate " + shown(rate)}};
  for (int64_t n = 0; n <= 5; ++n)
    descent.push_back({std::to_string(n), shown(after(careful, n)), shown(after(bold, n)),
                       shown(after(broken, n))});
  page.table("descent", descent);
  page.picture("descent", Plot{.id = "descent",
                               .title = "Where x is after each step of descent on x squared",
                               .unit = "x",
                               .x_label = "step",
                               .lines = {line("rate 0.1", careful, "var(--r1)"),
                                         line("rate 0.9", bold, "var(--muted)"),
                                         line("rate " + shown(rate), broken, "var(--r4)")},
                               .dots = true});

  // [two-layers]
  const Tensor x{-1, 0, 1};
  const Tensor hidden = 3.0 * x + 1.0;
  const Tensor straight = 2.0 * hidden - 5.0;
  const Tensor one_layer = 6.0 * x - 3.0;
  const Tensor bent = 2.0 * relu(hidden) - 5.0;
  // [end]
  Table two = {{"x", "first layer", "two layers", "one layer", "with relu between"}};
  for (int64_t i = 0; i < 3; ++i)
    two.push_back({shown(after(x, i)), shown(after(hidden, i)), shown(after(straight, i)),
                   shown(after(one_layer, i)), shown(after(bent, i))});
  page.table("two", two);
  page.bind("l1a", 3);
  page.bind("l2d", 5);
  page.bind("onea", 6);
  page.bind("oned", 3);
  page.bind("bent-first", after(bent, 1) - after(bent, 0));
  page.bind("bent-second", after(bent, 2) - after(bent, 1));
  page.bind("straight-rise", after(straight, 1) - after(straight, 0));

  page.bind("orders", std::log10(gentle) * 50, 2);

  page.exercise(Predict{
      .name = "signal-after-ten",
      .answer = std::pow(0.8, 10),
      .tolerance = 5e-4,
      .wrong = {
          {0.8 * 10, "slopes added",
           "You added the ten slopes. Each layer scales what the layer before it passed on."},
          {0.8 / 10, "slope shared out",
           "You divided one slope by the number of layers. Every layer applies the whole slope."},
          {1 - 10 * 0.2, "same amount lost each time",
           "You took away two tenths of the first signal each time. A layer loses a fifth of what "
           "reaches it, and less and less reaches it."},
          {0.8, "only one layer counted",
           "This is the signal after one layer. Nine more are still to come."},
          {std::pow(0.8, 9), "one layer short",
           "This is nine factors. Count again: the first layer scales too."},
          {std::pow(0.8, 11), "one layer too many",
           "This is eleven factors. The signal starts at 1 before any layer has touched it."},
          {std::pow(1.25, 10), "division instead of multiplication",
           "You divided by the slope at every layer, so the signal grew. A slope below 1 shrinks."},
      }});

  page.exercise(Predict{
      .name = "a-step-too-far",
      .answer = 5.88,
      .wrong = {
          {34.68, "step taken uphill",
           "Both steps went with the slope, which leads uphill. Descent takes the step away."},
          {-4.2, "one step only", "This is where x is after one step. Take the second from there."},
          {-11.4, "slope not recomputed",
           "The second step used the slope at the start. The slope is different at the new place."},
          {0.12, "two forgotten in the slope",
           "You used x for the slope of x squared. The slope is twice that."},
          {3, "rate forgotten",
           "The steps were whole slopes. A step is the slope times the learning rate."},
          {-5.88, "sign lost",
           "The size is right. Multiplying twice by the same negative number gives which sign?"},
      }});

  page.exercise(Predict{
      .name = "two-layers-in-one",
      .answer = 11,
      .wrong = {
          {2, "inner constant not scaled",
           "You added the two constants. The second layer multiplies everything it receives, the "
           "first constant too."},
          {-1, "sign lost",
           "You counted six as negative. Minus two times minus three: which sign has that?"},
          {5, "inner constant dropped",
           "This is the second constant alone. What does the second layer make of the first one?"},
          {6, "outer constant dropped",
           "This is what the second layer makes of the first constant. It then adds its own."},
          {-8, "factor instead of constant",
           "This is the number that multiplies x. The question is about the number without x."},
          {-15, "constants multiplied",
           "You multiplied the two constants. The second layer multiplies by its factor and then "
           "adds its constant."},
      }});

  page.exercise(Choose{
      .name = "first-infinity",
      .answer = "trace",
      .choices = {
          {"trace", "`gradus trace` on the formula of the loss", "", ""},
          {"calc", "`gradus calc` on the formula of the loss", "only the last number read",
           "This prints the last number, which you know already: it is infinite. Which command "
           "prints those before it?"},
          {"train", "`gradus train` again with a smaller learning rate", "cure before cause",
           "It may help, and then you still do not know what went wrong. Look first."},
          {"float", "`gradus float inf`", "the symptom inspected",
           "This shows how infinity is stored. It does not know where yours came from."},
          {"ops", "`gradus ops log`", "the suspect looked up",
           "This explains the logarithm, if it was the logarithm. You do not know that yet."},
          {"grad", "`gradus grad` on the formula of the loss", "slopes before values",
           "Slopes made from an infinite value are infinite or undefined. First find the value."},
      }});
}
