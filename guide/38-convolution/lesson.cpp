// A window over 1 to 16 by hand, by the engine and as a matrix; pooling; edges of a digit; LeNet-5
// counted and trained; what shortcuts do for fifty layers.
#include <gradus/base/text.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/conv.h>
#include <gradus/nn/init.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/metrics.h>
#include <gradus/nn/mlp.h>
#include <gradus/nn/vision.h>
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

using Correlate = Vector(const Matrix&, const Matrix&, int, int);

// [solution slide-the-window]
// Slides the window w over x, `stride` places at a time, with `padding` zeros on all four sides.
// Returns the sums row by row. Nothing is turned round.
std::vector<double> slide(const std::vector<std::vector<double>>& x,
                          const std::vector<std::vector<double>>& w, int stride, int padding) {
  std::vector<double> y;
  // [hole (void)x; (void)w; (void)stride; (void)padding;]
  const int rows = static_cast<int>(x.size()), cols = static_cast<int>(x[0].size());
  const int high = static_cast<int>(w.size()), wide = static_cast<int>(w[0].size());
  for (int i = -padding; i + high <= rows + padding; i += stride)
    for (int j = -padding; j + wide <= cols + padding; j += stride) {
      double sum = 0;
      for (int p = 0; p < high; ++p)
        for (int q = 0; q < wide; ++q) {
          const int r = i + p, c = j + q;
          if (r < 0 || c < 0 || r >= rows || c >= cols) continue;
          sum += w[static_cast<size_t>(p)][static_cast<size_t>(q)] *
                 x[static_cast<size_t>(r)][static_cast<size_t>(c)];
        }
      y.push_back(sum);
    }
  // [end hole]
  return y;
}
// [end]

Matrix turned(const Matrix& m) {
  Matrix t(m[0].size(), Vector(m.size()));
  for (size_t i = 0; i < m.size(); ++i)
    for (size_t j = 0; j < m[0].size(); ++j) t[j][i] = m[i][j];
  return t;
}
Matrix flipped(Matrix m) {
  std::ranges::reverse(m);
  for (Vector& row : m) std::ranges::reverse(row);
  return m;
}
// With zeros in front and behind.
Matrix padded(const Matrix& x, size_t low, size_t high) {
  Matrix out(x.size() + low + high, Vector(x[0].size() + low + high));
  for (size_t i = 0; i < x.size(); ++i) std::ranges::copy(x[i], out[i + low].begin() + long(low));
  return out;
}

using Field = double(const Vector&, const Vector&);

// [solution receptive-field]
// Layer i slides a window of width k[i] with stride s[i]. How many places of the first input, in a
// row, does one number behind the last layer see?
double receptive_field(const std::vector<double>& k, const std::vector<double>& s) {
  double field = 1;
  // [hole (void)k; (void)s;]
  double step = 1;
  for (size_t i = 0; i < k.size(); ++i) {
    field += (k[i] - 1) * step;
    step *= s[i];
  }
  // [end hole]
  return field;
}
// [end]

void exercises(Page& page) {
  page.exercise(Choose{
      .name = "what-a-convolution-is",
      .answer = "shared",
      .choices = {
          {"shared", "few weights, which look at a small window and are the same at every place",
           "", ""},
          {"dense", "a weight of its own between every input and every output",
           "a linear layer described", "That is a fully connected layer. What is left out here?"},
          {"local", "a small window at every place, with weights of its own there",
           "weights not shared",
           "Windows are right. But an edge is an edge wherever it is: who is the same?"},
          {"filter-fixed", "a list of edge detectors that people have designed",
           "weights taken as given", "The windows are learned like all other weights."},
          {"mean", "the mean of each small window", "averaging taken for it",
           "A mean is one window of many: the one with equal weights."},
          {"max", "the largest number of each small window", "pooling taken for it",
           "That is pooling, which has no weights at all."},
          {"attention", "weights computed anew for each window from what is in it",
           "weights taken to depend on the input",
           "That is attention. Here the weights stay the same for every picture."}}});
  page.exercise(Predict{
      .name = "window-by-hand",
      .answer = 25,
      .tolerance = 1e-6,
      .wrong = {{11, "window turned round",
                 "You turned the window by half a circle. Libraries lay it down as it is."},
                {23, "window mirrored in its diagonal",
                 "The first row of the window meets the first "
                 "row of the picture."},
                {43, "last place instead of the first", "This is the sum at the lower right."},
                {37, "first place of the next row", "This is one row further down."},
                {31, "one place too far to the right", "This is the sum at the upper right."},
                {6, "window added up", "Each weight is multiplied with the number below it first."},
                {12, "picture added up", "These are the four numbers without their weights."}}});
  page.exercise(Predict{
      .name = "size-after",
      .answer = 22,
      .tolerance = 1e-6,
      .wrong = {{21, "first place not counted",
                 "You counted the moves. Before the first there is a "
                 "place as well."},
                {20, "padding forgotten", "3 zeros stand on each side."},
                {24, "window not taken off",
                 "The window must lie inside: it begins 7 - 1 places before "
                 "its end."},
                {64, "stride forgotten", "The window moves 3 places at a time."},
                {58, "stride and padding forgotten", "Add 3 on both sides and move 3 at a time."},
                {21.333, "divided by the stride alone",
                 "Sizes are whole numbers: window and padding "
                 "count."}}});
  page.exercise(Predict{
      .name = "convolution-parameters",
      .answer = 1216,
      .tolerance = 1e-6,
      .wrong = {
          {1200, "biases forgotten", "Each of the 16 windows has a bias."},
          {416, "one channel in", "Each window is as deep as its input: 3 channels."},
          {400, "one channel in and no bias", "Each window is 3 by 5 by 5, and has a bias."},
          {76, "one window", "This is one of 16."},
          {1248, "a bias for each pair of channels", "One bias for each channel that comes out."},
          {258, "side instead of area", "A window is 5 by 5."},
          {956416, "multiplied by the places",
           "The weights are the same at all 28 by 28 places: count them once."}}});
  page.exercise(Choose{
      .name = "why-shortcuts",
      .answer = "identity",
      .choices = {
          {"identity", "doing nothing is easy for a block, and slopes pass beside it", "", ""},
          {"fewer", "a residual network has fewer weights", "weights counted",
           "The same number. A sum has no weights."},
          {"linear", "it makes the network linear, so that it is easy to train",
           "linearity assumed", "There is a bend in every block."},
          {"overfit", "deep plain networks overfit", "overfitting suspected",
           "The deeper plain network had the higher error on its training set."},
          {"memory", "less has to be kept for the way back", "memory counted",
           "Rather a little more. What happens to the slopes?"},
          {"bigger", "it makes the output larger, so that the loss is larger", "size counted",
           "The size of the loss is not what was missing."},
          {"ensemble", "it is several networks that vote", "votes counted",
           "One may look at it like that, but no vote takes place. Why does it train?"}}});
  static const struct {
    Matrix x, w;
    int stride, padding;
  } windows[] = {
      {{{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}, {13, 14, 15, 16}}, {{1, 0}, {0, -1}}, 1, 0},
      {{{1, 2, 0, -1}, {3, 5, 1, 2}, {0, 4, -2, 7}, {2, 1, 1, 3}, {6, 0, 2, 5}},
       {{1, 2}, {3, 5}},
       2,
       1}};
  page.exercise(fill(Numeric<Correlate>{
      .name = "slide-the-window",
      .solution = slide,
      .cases = 2,
      .call =
          [](Correlate* f, int i) {
            const auto& c = windows[i];
            return f(c.x, c.w, c.stride, c.padding);
          },
      .where =
          [](int i) {
            const auto& c = windows[i];
            return "window " + listed(c.w[0]) + "; " + listed(c.w[1]) + ", stride " +
                   std::to_string(c.stride) + ", padding " + std::to_string(c.padding);
          },
      .mistakes = {{"window turned round",
                    "Lay the window down as it is: w[0][0] meets the first number.",
                    [](const Matrix& x, const Matrix& w, int s, int p) {
                      return slide(x, flipped(w), s, p);
                    }},
                   {"rows and columns of the window exchanged",
                    "w[p][q] is row p, column q, and so is what lies below it.",
                    [](const Matrix& x, const Matrix& w, int s, int p) {
                      return slide(x, turned(w), s, p);
                    }},
                   {"stride ignored", "Between two places lie `stride` steps, in both directions.",
                    [](const Matrix& x, const Matrix& w, int, int p) { return slide(x, w, 1, p); }},
                   {"padding ignored", "The window begins `padding` places before the picture.",
                    [](const Matrix& x, const Matrix& w, int s, int) { return slide(x, w, s, 0); }},
                   {"padding in front alone", "Zeros stand behind the last row and column as well.",
                    [](const Matrix& x, const Matrix& w, int s, int p) {
                      return slide(padded(x, size_t(p), 0), w, s, 0);
                    }},
                   {"columns first", "Row by row: the places of the first row come first.",
                    [](const Matrix& x, const Matrix& w, int s, int p) {
                      return slide(turned(x), turned(w), s, p);
                    }},
                   {"wrong sign", "Right size. Add the products.",
                    [](const Matrix& x, const Matrix& w, int s, int p) {
                      Vector y = slide(x, w, s, p);
                      for (double& v : y) v = -v;
                      return y;
                    }}}}));
  static const struct {
    Vector k, s;
  } stacks[] = {{{3, 3, 3}, {1, 1, 1}}, {{5, 2, 5, 2}, {1, 2, 1, 2}}, {{7, 3, 3}, {2, 2, 1}}};
  page.exercise(fill(Numeric<Field>{
      .name = "receptive-field",
      .solution = receptive_field,
      .cases = 3,
      .call = [](Field* f, int i) { return Vector{f(stacks[i].k, stacks[i].s)}; },
      .where =
          [](int i) {
            return "windows " + listed(stacks[i].k) + "; strides " + listed(stacks[i].s);
          },
      .mistakes =
          {{"windows added", "Neighbouring windows overlap: each layer adds k - 1, not k.",
            [](const Vector& k, const Vector&) {
              double f = 0;
              for (const double v : k) f += v;
              return f;
            }},
           {"windows multiplied", "Windows overlap. They do not lie side by side.",
            [](const Vector& k, const Vector&) {
              double f = 1;
              for (const double v : k) f *= v;
              return f;
            }},
           {"strides ignored", "Behind a stride of 2, one place is two places of the picture.",
            [](const Vector& k, const Vector&) { return receptive_field(k, Vector(k.size(), 1)); }},
           {"own stride counted", "A layer's own stride moves the next windows apart, not its own.",
            [](const Vector& k, const Vector& s) {
              double f = 1, step = 1;
              for (size_t i = 0; i < k.size(); ++i) {
                step *= s[i];
                f += (k[i] - 1) * step;
              }
              return f;
            }},
           {"only the stride before", "The strides of all layers before multiply.",
            [](const Vector& k, const Vector& s) {
              double f = 1;
              for (size_t i = 0; i < k.size(); ++i) f += (k[i] - 1) * (i ? s[i - 1] : 1);
              return f;
            }},
           {"own place not counted", "Before any layer a number sees one place: itself.",
            [](const Vector& k, const Vector& s) { return receptive_field(k, s) - 1; }},
           {"last window alone", "The last layer looks at numbers that saw windows themselves.",
            [](const Vector& k, const Vector&) { return k.back(); }}}}));
}

// ---------------------------------------------------------------------------- pictures

Tensor plane(const Tensor& x) {  // (H, W) -> (1, 1, H, W)
  return reshape(x, {1, 1, x.shape()[0], x.shape()[1]});
}
Tensor flat_plane(const Tensor& x) {  // and back
  return reshape(x, {x.shape()[2], x.shape()[3]});
}

// Rows of characters, two a pixel, darker for what is larger in size.
std::vector<std::string> shaded(const Tensor& picture) {
  const Tensor size = abs(picture);
  const double top = std::max(number(max(size)), 1e-9);
  const std::string ramp = " .:*#";
  const int64_t cols = picture.shape()[1];
  std::vector<std::string> rows(static_cast<size_t>(picture.shape()[0]));
  const Vector all = numbers(size);
  for (size_t i = 0; i < all.size(); ++i) {
    const auto at = std::min<size_t>(size_t(all[i] / top * 5), 4);
    rows[i / size_t(cols)] += std::string(2, ramp[at]);
  }
  return rows;
}

std::string matrix_text(const Tensor& m) {
  const Vector all = numbers(m);
  const auto cols = static_cast<size_t>(m.shape()[1]);
  std::string out;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string n = all[i] == 0 ? "." : shown(all[i]);
    out += std::string(4 - std::min<size_t>(n.size(), 3), ' ') + n;
    if ((i + 1) % cols == 0) out += "\n";
  }
  return out;
}

std::string shape_text(const Tensor& x) {
  std::string out;
  for (int i = 1; i < x.shape().size(); ++i)
    out += (i > 1 ? " × " : "") + std::to_string(x.shape()[i]);
  return out;
}

// ---------------------------------------------------------------------------- depth

constexpr int64_t tower_width = 8;
// [tower]
// Fifty convolutions in pairs. With shortcuts each pair adds to what it got.
struct Tower {
  std::vector<Conv> convs;
  Linear head;
  bool shortcuts = false;

  Tensor operator()(const Tensor& x) const {  // (N, 8, H, W) -> (N, 10)
    Tensor h = x;
    for (size_t i = 0; i < convs.size(); i += 2) {
      const Tensor inner = relu(convs[i](h));
      const Tensor f = convs[i + 1](inner);
      h = shortcuts ? relu(h + f) : relu(f);
    }
    return head(reshape(global_avg_pool2d(h), {h.shape()[0], tower_width}));
  }
  // [end]
  template <class Self, class Visit>
  static void fields(Self& self, Visit visit) {
    for (size_t i = 0; i < self.convs.size(); ++i)
      visit("convs." + std::to_string(i), self.convs[i]);
    visit("head", self.head);
  }
};

Tower make_tower(int64_t depth, bool shortcuts, bool he, DType dtype) {
  const Key key = key_from_seed(3);
  Tower t{.convs = {}, .head = make_linear(split(key, 999), tower_width, 10, {.dtype = dtype})};
  t.shortcuts = shortcuts;
  for (int64_t i = 0; i < depth; ++i) {
    t.convs.push_back(make_conv(split(key, uint64_t(i)), tower_width, tower_width, {3, 3},
                                {.padding = {1}}, {.dtype = dtype}));
    if (he) {
      Conv& c = t.convs.back();
      c.weight = normal_weight(split(key, uint64_t(i)), c.weight.shape(),
                               std::sqrt(2.0 / (9 * tower_width)), dtype);
      c.bias = zeros({tower_width}, dtype);
    }
  }
  return with_paths(std::move(t));
}

// The length of the slope by each layer's biases: the sum of its deltas.
Vector deltas(const Tower& tower) {
  const Tensor x = random_normal(key_tensor(key_from_seed(8)), {4, tower_width, 6, 6});
  const Tensor classes = from_vector(std::vector<int64_t>{0, 1, 2, 3});
  const std::vector<Tensor> slopes = gradients(tower, [&](const Tower& m) {
                                       return cross_entropy(m(x), classes, Reduction::mean);
                                     }).grads;
  Vector out;
  for (size_t i = 0; i < tower.convs.size(); ++i) out.push_back(number(norm(slopes[2 * i + 1])));
  return out;
}

struct Pictures {
  Tensor x, y;
};
Pictures pictures(const char* set, int64_t count, uint64_t seed, int64_t side, DType dtype) {
  const Generated g = generate(set, count, seed);
  return {cast(from_vector(g.x, {count, 1, side, side}), dtype), from_vector(g.y)};
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

Line line_of(std::string label, const Vector& y, std::string colour) {
  Line line{.label = std::move(label), .x = {}, .y = y, .colour = std::move(colour)};
  for (size_t i = 0; i < y.size(); ++i) line.x.push_back(static_cast<double>(i + 1));
  return line;
}
// The mean of the last eight.
double last_of(const Vector& losses) {
  const size_t many = std::min<size_t>(losses.size(), 8);
  double s = 0;
  for (size_t i = losses.size() - many; i < losses.size(); ++i) s += losses[i];
  return s / static_cast<double>(many);
}
}  // namespace

LESSON(page) {
  exercises(page);

  // One to sixteen.
  const Tensor kernel = page.set("kernel", Tensor{{1, 0}, {0, -1}});
  const Tensor image = reshape(arange(1, 17), {4, 4});
  page.bind("image", image);
  page.bind("kernel", kernel);
  // [window]
  const Tensor x = reshape(image, {1, 1, 4, 4});
  const Tensor w = reshape(kernel, {1, 1, 2, 2});
  const Tensor y = conv2d(x, w);
  const Tensor turned_round = conv2d(x, flip(w, {2, 3}));
  // [end]
  const Vector k = numbers(kernel);
  const auto product = [](double a, double b) { return shown(a) + "·" + shown(b); };
  page.bind("by_hand", product(1, k[0]) + " + " + product(2, k[1]) + " + " + product(5, k[2]) +
                           " + " + product(6, k[3]));
  page.bind("first", k[0] + 2 * k[1] + 5 * k[2] + 6 * k[3]);
  page.bind("y", flat_plane(y));
  page.bind("turned", flat_plane(turned_round));

  // Sizes.
  Table sizes = {{"picture", "window", "stride", "padding", "dilation", "formula", "engine"}};
  const struct {
    int64_t n, k, s, p, d;
  } cases[] = {
      {28, 5, 1, 0, 1}, {224, 7, 2, 3, 1}, {32, 3, 1, 1, 1}, {32, 3, 2, 1, 1}, {32, 3, 1, 0, 4}};
  for (const auto& c : cases) {
    const Tensor seen = conv2d(zeros({1, 1, c.n, c.n}), zeros({1, 1, c.k, c.k}),
                               {.stride = {c.s}, .padding = {c.p}, .dilation = {c.d}});
    const int64_t by_formula = (c.n + 2 * c.p - c.d * (c.k - 1) - 1) / c.s + 1;
    const auto words = [](int64_t v) { return std::to_string(v); };
    sizes.push_back({words(c.n), words(c.k), words(c.s), words(c.p), words(c.d), words(by_formula),
                     words(seen.shape()[2])});
  }
  page.table("sizes", sizes);

  // A matrix: one picture of a single 1 for each column.
  const Tensor single_ones = reshape(eye(16), {16, 1, 4, 4});
  const Tensor matrix = transpose(reshape(conv2d(single_ones, w), {16, 9}));
  const Tensor by_matrix = matmul(matrix, reshape(image, {16, 1}));
  page.output("matrix", matrix_text(matrix));
  page.bind("matrix_apart", number(max(abs(by_matrix - reshape(y, {9, 1})))));
  page.bind("weights_of_matrix", matrix.size());
  page.bind("zeros_of_matrix", number(sum(cast(equal(matrix, 0), DType::f64))));

  // Back.
  // [back]
  const auto total = [](Tensor picture, Tensor window) { return sum(conv2d(picture, window)); };
  const auto [by_picture, by_window] = grad<0, 1>(total)(x, w);
  const Tensor spread = conv_transpose2d(ones({1, 1, 3, 3}), w);
  // [end]
  page.bind("by_window", flat_plane(by_window));
  page.bind("by_picture", flat_plane(by_picture));
  page.bind("spread_apart", number(max(abs(spread - by_picture))));
  page.bind("sum_under", "1 + 2 + 3 + 5 + 6 + 7 + 9 + 10 + 11");
  const Tensor column = matmul(transpose(matrix), ones({9, 1}));
  page.bind("column_apart", number(max(abs(reshape(column, {1, 1, 4, 4}) - by_picture))));

  // Pooling.
  page.bind("largest", flat_plane(max_pool2d(x, {.size = {2}})));
  page.bind("means", flat_plane(avg_pool2d(x, {.size = {2}})));
  page.bind("global", number(global_avg_pool2d(x)));
  const Tensor same = full({1, 1, 2, 2}, 3);
  page.bind("ties",
            flat_plane(grad([](Tensor t) { return sum(max_pool2d(t, {.size = {2}})); })(same)));
  page.bind("shares",
            flat_plane(grad([](Tensor t) { return sum(avg_pool2d(t, {.size = {2}})); })(same)));

  // Edges.
  const Generated drawn = generate("digits28", 10, 4, 0.0);
  const auto which = static_cast<size_t>(std::ranges::find(drawn.y, 7) - drawn.y.begin());
  const Vector pixels(drawn.x.begin() + long(which * 784),
                      drawn.x.begin() + long(which * 784 + 784));
  // [edges]
  const Tensor digit = avg_pool2d(from_vector(pixels, {1, 1, 28, 28}), {.size = {2}});
  const Tensor upright{{1, 0, -1}, {2, 0, -2}, {1, 0, -1}};
  const Tensor both = stack({plane(upright), plane(transpose(upright))}, 0);
  const Tensor edges = conv2d(digit, reshape(both, {2, 1, 3, 3}), {.padding = {1}});
  // [end]
  page.bind("upright", upright);
  // Without the empty columns at both sides.
  const auto shades = [](const Tensor& map) {
    return shaded(flat_plane(slice_axis(map, 3, {2, 12})));
  };
  const auto left = shades(digit), middle = shades(slice_axis(edges, 1, {0, 1})),
             right = shades(slice_axis(edges, 1, {1, 2}));
  std::string seen;
  for (size_t i = 0; i < left.size(); ++i) {
    std::string row = left[i] + " | " + middle[i] + " | " + right[i];
    row.erase(row.find_last_not_of(' ') + 1);
    seen += row + "\n";
  }
  page.output("edges", seen);
  const Tensor moved = pad(slice_axis(digit, 3, {0, 12}), {0, 0, 0, 2}, {0, 0, 0, 0});
  const Tensor of_moved = conv2d(moved, reshape(both, {2, 1, 3, 3}), {.padding = {1}});
  page.bind("moved_by", 2);
  page.bind("moved_apart",
            number(max(abs(slice_axis(of_moved, 3, {3, 13}) - slice_axis(edges, 3, {1, 11})))));

  // LeNet-5.
  // [lenet]
  LeNet5 lenet = make_lenet5(key_from_seed(0));
  const int64_t parameters_of_lenet = parameter_count(lenet);
  // [end]
  const Tensor blank = zeros({1, 1, 28, 28}, DType::f32);
  const Tensor c1 = lenet.conv1(blank), p1 = max_pool2d(c1, {.size = {2}}), c2 = lenet.conv2(p1),
               p2 = max_pool2d(c2, {.size = {2}});
  // Measured: where the slope of one number in the middle is not zero, all weights being one.
  const auto field = [](int layers) {
    const auto f = [layers](const Tensor& picture) {
      const Tensor five = ones({1, 1, 5, 5});
      Tensor h = conv2d(picture, five, {.padding = {2}});
      if (layers > 1) h = avg_pool2d(h, {.size = {2}});
      if (layers > 2) h = conv2d(h, five);
      if (layers > 3) h = avg_pool2d(h, {.size = {2}});
      const int64_t centre = h.shape()[2] / 2;
      return element(h, {0, 0, centre, centre});
    };
    const Tensor slope = grad(f)(ones({1, 1, 28, 28}));
    return std::to_string(int64_t(std::sqrt(number(sum(cast(greater(slope, 0), DType::f64))))));
  };
  const auto count = [](const auto& layer) { return text::grouped(parameter_count(layer)); };
  page.table("lenet",
             {{"layer", "comes out", "parameters", "as", "sees"},
              {"conv1, 5 × 5", shape_text(c1), count(lenet.conv1), "6 (25 + 1)", field(1)},
              {"maximum of 2 × 2", shape_text(p1), "0", "", field(2)},
              {"conv2, 5 × 5", shape_text(c2), count(lenet.conv2), "16 (6·25 + 1)", field(3)},
              {"maximum of 2 × 2", shape_text(p2), "0", "", field(4)},
              {"fc1", "120", count(lenet.fc1), "120 (400 + 1)", "all"},
              {"fc2", "84", count(lenet.fc2), "84 (120 + 1)", "all"},
              {"fc3", "10", count(lenet.fc3), "10 (84 + 1)", "all"},
              {"sum", "", text::grouped(parameters_of_lenet), "", ""}});
  page.bind("lenet_parameters", text::grouped(parameters_of_lenet));
  page.bind("first_map", shape_text(c1));
  page.bind("shared", text::grouped(parameter_count(lenet.conv1)));
  page.bind("unshared", text::grouped(c1.size() * 26));
  page.bind("dense", text::grouped(c1.size() * 785));
  const auto steps = static_cast<int>(std::clamp(page.set("steps", 120.0), 1.0, 2000.0));
  const Pictures all = pictures("digits28", 1920, 1, 28, DType::f32),
                 fresh = pictures("digits28", 500, 2, 28, DType::f32);
  const Vector curve = losses_of<LeNet5>(
      lenet, all, 32, steps, 0.002, [](const LeNet5& m, const Tensor& in, const Tensor& classes) {
        return cross_entropy(m(in), classes, Reduction::mean);
      });
  const double right_share =
      number(mean(cast(equal(argmax(lenet(fresh.x), 1), fresh.y), DType::f64)));
  page.bind("steps", steps);
  page.bind("batch", 32);
  page.bind("fresh", fresh.y.size());
  page.bind("lenet_right", int64_t(20 * right_share) * 5);

  // Famous networks, counted.
  {
    // [famous]
    const Undrawn shapes_alone;
    const Key any = key_from_seed(0);
    const int64_t resnet18 = parameter_count(make_resnet(any, resnet_spec(18)));
    // [end]
    page.table("famous", {{"network", "year", "layers with weights", "parameters"},
                          {"LeNet-5", "1998", "5", text::grouped(parameters_of_lenet)},
                          {"AlexNet", "2012", "8", count(make_alexnet(any))},
                          {"VGG-16", "2014", "16", count(make_vgg(any, 16))},
                          {"ResNet-18", "2015", "18", text::grouped(resnet18)},
                          {"ResNet-50", "2015", "50", count(make_resnet(any, resnet_spec(50)))},
                          {"ResNet-20, for 32 × 32", "2015", "20",
                           count(make_resnet(any, resnet_spec(20)))}});
  }

  // Fifty layers.
  const auto depth = 2 * static_cast<int64_t>(std::clamp(page.set("layers", 50.0), 2.0, 200.0) / 2);
  const Vector plain = deltas(make_tower(depth, false, false, DType::f64)),
               he = deltas(make_tower(depth, false, true, DType::f64)),
               residual = deltas(make_tower(depth, true, false, DType::f64));
  page.bind("layers", depth);
  page.picture("depth", Plot{.id = "depth",
                             .title = "Length of the slope by the biases of each layer",
                             .x_label = "layer",
                             .lines = {line_of("plain", plain, "var(--accent)"),
                                       line_of("plain, He", he, "var(--muted)"),
                                       line_of("residual", residual, "var(--ink)")},
                             .log = true});
  page.bind("plain_ratio", plain.front() / plain.back(), 1);
  page.bind("residual_ratio", residual.front() / residual.back(), 1);
  page.bind("he_ratio", he.front() / he.back(), 1);
  page.bind("foretold", std::pow(6, -(double(depth) - 1) / 2), 1);

  Pictures small = pictures("digits", 512, 5, 8, DType::f32);
  // Two by two pixels of a digit become four channels, twice: 8 planes of 4 by 4.
  const Tensor cut =
      reshape(permute(reshape(small.x, {512, 4, 2, 4, 2}), {0, 2, 4, 1, 3}), {512, 4, 4, 4});
  small.x = concatenate({cut, 1 - cut}, 1);
  Table learned = {{"network", "loss of the first steps", "of the last"}};
  const struct {
    const char* name;
    bool shortcuts, he;
  } towers[] = {{"plain", false, false}, {"plain, He", false, true}, {"residual", true, false}};
  const int tower_steps = 100;
  for (const auto& t : towers) {
    Tower tower = make_tower(depth, t.shortcuts, t.he, DType::f32);
    const Vector losses =
        losses_of<Tower>(tower, small, 16, tower_steps, 0.002,
                         [](const Tower& m, const Tensor& in, const Tensor& classes) {
                           return cross_entropy(m(in), classes, Reduction::mean);
                         });
    learned.push_back({t.name, text::fixed(last_of(Vector(losses.begin(), losses.begin() + 8)), 1),
                       text::fixed(last_of(losses), 1)});
  }
  page.table("learned", learned);
  page.bind("tower_steps", tower_steps);
  page.bind("chance", std::log(10), 1);
  page.bind("lenet_curve", text::fixed(last_of(Vector(curve.begin(), curve.begin() + 1)), 1));
  page.bind("lenet_loss", text::fixed(last_of(curve), 1));
}
