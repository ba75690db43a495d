// A layer written in two ways, layers that collapse into one, and what a batch saves.
#include <gradus/base/text.h>
#include <gradus/core/work.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/layers.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace {
using namespace gradus;
using namespace gradus::lessons;

using List = std::vector<double>;

double largest(const Tensor& x) {
  return number(max(abs(x)));
}
std::string tiny(double x) {
  return x < 1e-12 ? "below 1e-12" : shown(x);
}

// [stacked]
// One layer that does what two do: W2 (W1 x + b1) + b2.
Linear collapsed(const Linear& first, const Linear& second) {
  return {.weight = matmul(second.weight, first.weight),
          .bias = matmul(second.weight, first.bias) + second.bias};
}
// [end]

// ---------------------------------------------------------------------------- exercises

using Collapse = std::vector<double>(const std::vector<double>&, const std::vector<double>&,
                                     const std::vector<double>&, const std::vector<double>&,
                                     std::size_t);

// [solution collapse-two-layers]
// W2 (W1 x + b1) + b2 as one layer. All matrices are n x n, row after row. Returns the n * n
// numbers of the weight, then the n numbers of the bias.
std::vector<double> collapse_layers(const std::vector<double>& w1, const std::vector<double>& b1,
                                    const std::vector<double>& w2, const std::vector<double>& b2,
                                    std::size_t n) {
  std::vector<double> out(n * n + n);
  for (std::size_t i = 0; i < n; ++i) {
    // [hole out[i] = w1[i] + b1[i] + w2[i] + b2[i];]
    out[n * n + i] = b2[i];
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t j = 0; j < n; ++j) out[i * n + j] += w2[i * n + p] * w1[p * n + j];
      out[n * n + i] += w2[i * n + p] * b1[p];
    }
    // [end hole]
  }
  return out;
}
// [end]

List times(const List& a, const List& b, size_t n, bool turned = false) {
  List out(n * n);
  for (size_t i = 0; i < n; ++i)
    for (size_t p = 0; p < n; ++p)
      for (size_t j = 0; j < n; ++j)
        out[i * n + j] += (turned ? a[p * n + i] : a[i * n + p]) * b[p * n + j];
  return out;
}
List applied(const List& a, const List& x, size_t n) {
  List out(n);
  for (size_t i = 0; i < n; ++i)
    for (size_t p = 0; p < n; ++p) out[i] += a[i * n + p] * x[p];
  return out;
}
List added(const List& a, const List& b) {
  List out = a;
  for (size_t i = 0; i < a.size(); ++i) out[i] += b[i];
  return out;
}
List joined(const List& weight, const List& bias) {
  List out = weight;
  out.insert(out.end(), bias.begin(), bias.end());
  return out;
}

struct CollapseSlip {
  const char *name, *says;
  Collapse* function;
};
constexpr CollapseSlip collapse_slips[] = {
    {"order turned round", "W1 works first, so it stands next to x: on the right.",
     [](const List& w1, const List& b1, const List& w2, const List& b2, size_t n) {
       return joined(times(w1, w2, n), added(applied(w2, b1, n), b2));
     }},
    {"biases added",
     "b1 goes through the second layer as everything else does. What does W2 do to it?",
     [](const List& w1, const List& b1, const List& w2, const List& b2, size_t n) {
       return joined(times(w2, w1, n), added(b1, b2));
     }},
    {"first bias lost", "Put x = 0: the first layer still gives b1, and that is not lost.",
     [](const List& w1, const List&, const List& w2, const List& b2, size_t n) {
       return joined(times(w2, w1, n), b2);
     }},
    {"second bias lost", "The last thing that happens is that b2 is added.",
     [](const List& w1, const List& b1, const List& w2, const List&, size_t n) {
       return joined(times(w2, w1, n), applied(w2, b1, n));
     }},
    {"entry by entry", "Entries are not multiplied pair by pair: rows of W2 meet columns of W1.",
     [](const List& w1, const List& b1, const List& w2, const List& b2, size_t n) {
       List product(n * n);
       for (size_t i = 0; i < n * n; ++i) product[i] = w1[i] * w2[i];
       return joined(product, added(applied(w2, b1, n), b2));
     }},
    {"second weight turned", "W2 was read column by column. Its row i makes output i.",
     [](const List& w1, const List& b1, const List& w2, const List& b2, size_t n) {
       return joined(times(w2, w1, n, true), added(applied(w2, b1, n), b2));
     }},
    {"bias through the first weight", "b1 comes after W1. Only W2 is still ahead of it.",
     [](const List& w1, const List& b1, const List& w2, const List& b2, size_t n) {
       return joined(times(w2, w1, n), added(applied(w1, b1, n), b2));
     }},
    {"weights added",
     "One layer after the other multiplies. A sum of layers is two paths side by side.",
     [](const List& w1, const List& b1, const List& w2, const List& b2, size_t n) {
       return joined(added(w1, w2), added(applied(w2, b1, n), b2));
     }},
};

bool near(const List& a, const List& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= 1e-9)) return false;
  return true;
}

std::string listed(const List& x) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < std::min<size_t>(x.size(), 12); ++i) parts.push_back(shown(x[i], 3));
  return text::join(parts, ", ");
}

struct CollapseCase {
  const char* where;
  List w1, b1, w2, b2;
  size_t n;
};

Verdict check_collapse(Collapse* f) {
  const CollapseCase cases[] = {
      {"W1 = [[1, 2], [3, 4]], b1 = (1, -1), W2 = [[0, 1], [2, 5]], b2 = (3, 7)",
       {1, 2, 3, 4},
       {1, -1},
       {0, 1, 2, 5},
       {3, 7},
       2},
      {"three by three",
       {1, 0, 2, -1, 3, 1, 0, 2, 5},
       {2, 1, -3},
       {2, 1, 0, 0, 1, 4, 3, -2, 1},
       {1, 0, 5},
       3}};
  std::vector<List> got;
  for (const CollapseCase& c : cases) got.push_back(f(c.w1, c.b1, c.w2, c.b2, c.n));
  for (size_t i = 0; i < got.size(); ++i) {
    const CollapseCase& c = cases[i];
    const List want = collapse_layers(c.w1, c.b1, c.w2, c.b2, c.n);
    if (near(got[i], want)) continue;
    Verdict no{.where = c.where, .yours = listed(got[i]), .expected = listed(want)};
    for (const CollapseSlip& s : collapse_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k)
        all &= near(got[k],
                    s.function(cases[k].w1, cases[k].b1, cases[k].w2, cases[k].b2, cases[k].n));
      if (!all) continue;
      no.misconception = s.name;
      no.says = s.says;
      break;
    }
    return no;
  }
  return Verdict::passed();
}

using BatchLayer = std::vector<double>(const std::vector<double>&, const std::vector<double>&,
                                       const std::vector<double>&, std::size_t, std::size_t,
                                       std::size_t);

// [solution layer-on-a-batch]
// x holds `rows` examples of `in` features, row after row; w is stored (out, in), b has `out`
// numbers. Returns rows * out numbers.
std::vector<double> layer_on_a_batch(const std::vector<double>& x, const std::vector<double>& w,
                                     const std::vector<double>& b, std::size_t rows, std::size_t in,
                                     std::size_t out) {
  std::vector<double> z(rows * out);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t o = 0; o < out; ++o) {
      // [hole z[r * out + o] = x[0] * w[0] + b[0] + static_cast<double>(in);]
      double sum = b[o];
      for (std::size_t i = 0; i < in; ++i) sum += x[r * in + i] * w[o * in + i];
      z[r * out + o] = sum;
      // [end hole]
    }
  return z;
}
// [end]

// The loops of the solution, with the innermost sum given.
template <class Entry>
List each_entry(size_t rows, size_t out, const Entry& entry) {
  List z(rows * out);
  for (size_t r = 0; r < rows; ++r)
    for (size_t o = 0; o < out; ++o) z[r * out + o] = entry(r, o);
  return z;
}

struct BatchSlip {
  const char *name, *says;
  BatchLayer* function;
};
constexpr BatchSlip batch_slips[] = {
    {"weights stored the other way",
     "You read w as (in, out). Here it is stored (out, in): the weights of one output stand side "
     "by "
     "side.",
     [](const List& x, const List& w, const List& b, size_t rows, size_t in, size_t out) {
       return each_entry(rows, out, [&](size_t r, size_t o) {
         double sum = b[o];
         for (size_t i = 0; i < in; ++i) sum += x[r * in + i] * w[i * out + o];
         return sum;
       });
     }},
    {"bias of the example", "The bias belongs to the output, the same for every example.",
     [](const List& x, const List& w, const List& b, size_t rows, size_t in, size_t out) {
       return each_entry(rows, out, [&](size_t r, size_t o) {
         double sum = b[r % out];
         for (size_t i = 0; i < in; ++i) sum += x[r * in + i] * w[o * in + i];
         return sum;
       });
     }},
    {"bias forgotten", "The products are right. What is added once to each output?",
     [](const List& x, const List& w, const List&, size_t rows, size_t in, size_t out) {
       return each_entry(rows, out, [&](size_t r, size_t o) {
         double sum = 0;
         for (size_t i = 0; i < in; ++i) sum += x[r * in + i] * w[o * in + i];
         return sum;
       });
     }},
    {"bias added too often", "The bias stands inside the inner loop and is added once a feature.",
     [](const List& x, const List& w, const List& b, size_t rows, size_t in, size_t out) {
       return each_entry(rows, out, [&](size_t r, size_t o) {
         double sum = 0;
         for (size_t i = 0; i < in; ++i) sum += x[r * in + i] * w[o * in + i] + b[o];
         return sum;
       });
     }},
    {"examples read as columns",
     "You walked down a column of x and mixed the examples. One example stands side by side.",
     [](const List& x, const List& w, const List& b, size_t rows, size_t in, size_t out) {
       return each_entry(rows, out, [&](size_t r, size_t o) {
         double sum = b[o];
         for (size_t i = 0; i < in; ++i) sum += x[i * rows + r] * w[o * in + i];
         return sum;
       });
     }},
    {"first example for all", "Every row of the result comes from the first example.",
     [](const List& x, const List& w, const List& b, size_t rows, size_t in, size_t out) {
       return each_entry(rows, out, [&](size_t, size_t o) {
         double sum = b[o];
         for (size_t i = 0; i < in; ++i) sum += x[i] * w[o * in + i];
         return sum;
       });
     }},
    {"sum over the batch",
     "Examples do not meet in a forward pass. You added them up before the layer.",
     [](const List& x, const List& w, const List& b, size_t rows, size_t in, size_t out) {
       return each_entry(rows, out, [&](size_t, size_t o) {
         double sum = b[o];
         for (size_t r = 0; r < rows; ++r)
           for (size_t i = 0; i < in; ++i) sum += x[r * in + i] * w[o * in + i];
         return sum;
       });
     }},
};

struct BatchCase {
  const char* where;
  List x, w, b;
  size_t rows, in, out;
};

Verdict check_batch(BatchLayer* f) {
  const BatchCase cases[] = {{"2 examples of 3 features, 2 outputs",
                              {1, 2, 3, 4, 5, 7},
                              {1, 0, -1, 2, 1, 3},
                              {10, 20},
                              2,
                              3,
                              2},
                             {"3 examples of 2 features, 4 outputs",
                              {1, -1, 2, 5, 0, 3},
                              {1, 2, 3, 4, 5, 6, 7, 9},
                              {1, 2, 4, 8},
                              3,
                              2,
                              4}};
  std::vector<List> got;
  for (const BatchCase& c : cases) got.push_back(f(c.x, c.w, c.b, c.rows, c.in, c.out));
  for (size_t i = 0; i < got.size(); ++i) {
    const BatchCase& c = cases[i];
    const List want = layer_on_a_batch(c.x, c.w, c.b, c.rows, c.in, c.out);
    if (near(got[i], want)) continue;
    Verdict no{.where = c.where, .yours = listed(got[i]), .expected = listed(want)};
    for (const BatchSlip& s : batch_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k) {
        const BatchCase& d = cases[k];
        all &= near(got[k], s.function(d.x, d.w, d.b, d.rows, d.in, d.out));
      }
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
  const auto bind_rows = [&](const std::string& name, const Tensor& m) {
    const List v = numbers(m);
    const auto columns = static_cast<size_t>(m.shape()[1]);
    for (size_t i = 0; i < v.size(); ++i)
      page.bind(name + std::to_string(i / columns + 1) + std::to_string(i % columns + 1), v[i]);
  };

  // One layer, two ways to write it.
  const Tensor W{{1, 0, -1}, {2, 1, 0}}, b{0.5, -1};
  const Tensor x = page.set("x", Tensor{1, 2, 3});
  // [layer]
  const Linear layer{.weight = W, .bias = b};
  // A column: y = W x + b.
  const Tensor y = matmul(W, x) + b;
  // A row: z = x W^T + b. This is what the layer does.
  const Tensor z = layer(x);
  // The same layer from a matrix that is stored the other way round.
  const Linear imported = linear_from_columns(transpose(W), b);
  // [end]
  bind_rows("w", W);
  page.bind("b", b);
  page.bind("x", x);
  page.bind("y", y);
  const List products = numbers(row(W, 0) * x);
  page.bind("p1", products[0]);
  page.bind("p2", products[1]);
  page.bind("p3", products[2]);
  page.bind("b1", numbers(b)[0]);
  page.bind("y1", numbers(y)[0]);
  page.bind("stored", to_string(layer.weight.type()));
  page.bind("turned", to_string(transpose(W).type()));
  const double three_ways = std::max(largest(y - z), largest(y - imported(x)));
  page.bind("three_ways", three_ways < 1e-14 ? "at most 1e-14" : shown(three_ways));

  // Two layers that are one.
  const Linear first{.weight = Tensor{{1, 2}, {0, 1}, {-1, 1}}, .bias = Tensor{1, 0, 2}};
  const Linear second{.weight = Tensor{{1, -1, 0}, {2, 0, 1}}, .bias = Tensor{0, 3}};
  const Linear both = collapsed(first, second);
  page.bind("first_weight", first.weight);
  page.bind("first_bias", first.bias);
  page.bind("second_weight", second.weight);
  page.bind("second_bias", second.bias);
  bind_rows("v", both.weight);
  page.bind("both_bias", both.bias);
  const Key seed = key_from_seed(6);
  const auto draw = [&](uint64_t child, const Shape& shape) {
    return random_normal(key_tensor(split(seed, child)), shape);
  };
  constexpr int64_t deep = 10, width = 16;
  const auto layer_of = [&](uint64_t k) {
    return Linear{.weight = draw(2 * k, {width, width}) / 4.0, .bias = draw(2 * k + 1, {width})};
  };
  const Tensor input = draw(100, {width});
  Tensor straight = input, bent = input, mirrored = -input;
  Linear all = layer_of(0);
  for (int64_t k = 0; k < deep; ++k) {
    const Linear next = layer_of(static_cast<uint64_t>(k));
    straight = next(straight);
    bent = relu(next(bent));
    mirrored = relu(next(mirrored));
    if (k > 0) all = collapsed(all, next);
  }
  Tensor at_zero = zeros({width});
  for (int64_t k = 0; k < deep; ++k) at_zero = relu(layer_of(static_cast<uint64_t>(k))(at_zero));
  page.bind("deep", deep);
  page.bind("width", width);
  page.bind("collapse_error", tiny(largest(straight - all(input)) / largest(straight)));
  page.bind("not_straight", largest(bent + mirrored - 2 * at_zero), 2);
  page.bind("straight_too",
            tiny(largest(all(input) + all(-input) - 2 * all(zeros({width}))) / largest(straight)));

  // One number in, one out: three hidden units.
  const Linear one{.weight = Tensor{{1}, {1}, {1}}, .bias = Tensor{1, 0, -1}};
  const Linear two{.weight = Tensor{{1, -2, 2}}, .bias = zeros({1})};
  Line plain{.label = "no activation"}, rectified{.label = "with relu", .colour = "var(--accent)"};
  for (int i = -40; i <= 40; ++i) {
    const double at = i / 20.0;
    const Tensor in = full({1}, at);
    plain.x.push_back(at);
    plain.y.push_back(number(two(one(in))));
    rectified.x.push_back(at);
    rectified.y.push_back(number(two(relu(one(in)))));
  }
  page.picture("bent", Plot{.id = "bent",
                            .title = "Two layers from one number to one number",
                            .x_label = "input",
                            .lines = {plain, rectified}});

  // A batch.
  const Tensor X{{1, 2, 3}, {0, 1, 0}, {-1, 0, 2}, {4, 4, 4}};
  page.bind("X", X);
  page.bind("Z", layer(X));
  constexpr int64_t rows = 128, in = 784, out = 256;
  const Linear large = make_linear(seed, in, out);
  const Tensor pictures = random_normal(key_tensor(split(seed, 300)), {rows, in}, DType::f32);
  uint64_t kernels_batch = 0, kernels_loop = 0;
  double operations_batch = 0, operations_loop = 0;
  Tensor whole;
  std::vector<Tensor> parts;
  {
    const WorkCounter work;
    // [batch]
    whole = large(pictures);
    // [end]
    kernels_batch = work.kernels();
    operations_batch = work.operations();
  }
  {
    const WorkCounter work;
    // [loop]
    for (int64_t i = 0; i < rows; ++i) {
      parts.push_back(large(row(pictures, i)));
    }
    // [end]
    kernels_loop = work.kernels();
    operations_loop = work.operations();
  }
  const double apart = largest(stack(parts) - whole) / largest(whole);
  page.bind("rows", rows);
  page.bind("in", in);
  page.bind("out", out);
  page.bind("whole_type", to_string(whole.type()));
  page.bind("batch_apart", apart <= 1e-6 ? "at most 1e-6" : shown(apart));
  page.bind("kernels_batch", static_cast<int64_t>(kernels_batch));
  page.bind("kernels_loop", static_cast<int64_t>(kernels_loop));
  page.bind("operations", static_cast<int64_t>(operations_batch));
  page.bind("same_operations",
            operations_batch == operations_loop ? "exactly as many" : "another number of");

  // What is moved for what is computed.
  const auto moved = [](double r, double i, double o) { return r * i + i * o + r * o; };
  const auto work_per_number = [&](double r) {
    return 2 * r * static_cast<double>(in * out) /
           moved(r, static_cast<double>(in), static_cast<double>(out));
  };
  Line intensity{.label = "operations", .colour = "var(--accent)"};
  for (int r = 1; r <= 512; r = r < 16 ? r + 1 : r + r / 8) {
    intensity.x.push_back(r);
    intensity.y.push_back(work_per_number(r));
  }
  page.picture("intensity",
               Plot{.id = "intensity",
                    .title = "Operations for each number that is moved, by the size of "
                             "the batch",
                    .x_label = "examples in the batch",
                    .lines = {intensity},
                    .from_zero = true});
  page.bind("intensity_one", work_per_number(1), 1);
  page.bind("intensity_batch", work_per_number(static_cast<double>(rows)), 0);
  page.bind("weights", in * out);

  // [naive]
  // Every number of q is fetched again for every row of p.
  const auto naive = [](const List& p, const List& q, size_t n) {
    List c(n * n);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) {
        double& sum = c[i * n + j];
        for (size_t k = 0; k < n; ++k) sum += p[i * n + k] * q[k * n + j];
      }
    return c;
  };
  // [end]
  constexpr int64_t side = 48, block = 16;
  const Tensor P = draw(400, {side, side}), Q = draw(401, {side, side});
  const Tensor by_hand = from_vector(naive(numbers(P), numbers(Q), side), {side, side});
  page.bind("naive_apart", tiny(largest(by_hand - matmul(P, Q))));
  // Numbers fetched where a block of b x b stays at hand: each block of the result needs a row of
  // blocks and a column of blocks.
  const auto fetched = [](int64_t n, int64_t size) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i += size)
      for (int64_t j = 0; j < n; j += size)
        for (int64_t k = 0; k < n; k += size) count += 2 * size * size;
    return count;
  };
  page.bind("side", side);
  page.bind("block", block);
  page.bind("fetched_naive", fetched(side, 1));
  page.bind("fetched_blocked", fetched(side, block));

  // The way back is two products as well.
  const Tensor Z_bar = draw(402, {4, 2});
  // [backward]
  const auto loss = [&](const Tensor& w, const Tensor& data) {
    return sum(Z_bar * (matmul(data, transpose(w)) + b));
  };
  const auto [W_bar, X_bar] = grad<0, 1>(loss)(W, X);
  // [end]
  page.bind("backward", tiny(std::max(largest(W_bar - matmul(transpose(Z_bar), X)),
                                      largest(X_bar - matmul(Z_bar, W)))));

  page.exercise(Predict{
      .name = "parameters-of-a-layer",
      .answer = 100480,
      .tolerance = 1e-6,
      .wrong = {
          {100352, "bias forgotten", "Each output has a bias as well."},
          {101136, "bias for each input", "The bias is added to outputs. How many are there?"},
          {912, "sizes added", "Every input is tied to every output: multiply."},
          {12861440, "batch counted",
           "The same weights serve every example. The batch has no parameters."},
          {200960, "counted twice", "This is twice as many. One weight for one pair, once."},
          {128, "biases only", "These are the biases. What ties the inputs to them?"}}});
  page.exercise(
      Choose{.name = "what-keeps-layers-apart",
             .answer = "relu",
             .choices = {
                 {"relu", "the larger of 0 and the number", {}, {}},
                 {"bias", "one more bias", "bias taken for a bend",
                  "A bias shifts. W2 (x + c) is W2 x plus a constant, which joins the other bias."},
                 {"wider", "a layer with a hundred times as many units", "width taken for a bend",
                  "Wide or narrow, a product of matrices is a matrix."},
                 {"scale", "multiplication by a learned number", "scale taken for a bend",
                  "The number joins the matrix."},
                 {"shuffle", "another order of the units", "order taken for a bend",
                  "A change of order is a matrix of zeros and ones, and joins the product."},
                 {"mean", "the mean of neighbouring units", "mean taken for a bend",
                  "A mean is a sum with fixed weights: a matrix again."},
                 {"identity", "a shortcut that adds the input to the output",
                  "shortcut taken for a bend", "x + W x is (I + W) x: one matrix."}}});
  page.exercise(Predict{
      .name = "operations-of-a-batch",
      .answer = 64000,
      .tolerance = 1e-6,
      .wrong = {{32000, "multiplications only", "Every product is also added: two operations."},
                {2000, "one example only", "This is one example. There are 32."},
                {64320, "bias counted", "This includes the bias. Only the product was asked for."},
                {320, "outputs counted", "So many numbers come out. Each is a sum of products."},
                {3200, "inputs counted", "So many numbers go in. Each meets every output."},
                {1000, "weights counted",
                 "So many weights there are. Each works for every example, "
                 "with a product and a sum."}}});
  Fill<Collapse> fill{
      .name = "collapse-two-layers", .solution = collapse_layers, .check = check_collapse};
  for (const CollapseSlip& s : collapse_slips) fill.wrong.push_back({s.name, s.function});
  page.exercise(std::move(fill));
  Fill<BatchLayer> batch{
      .name = "layer-on-a-batch", .solution = layer_on_a_batch, .check = check_batch};
  for (const BatchSlip& s : batch_slips) batch.wrong.push_back({s.name, s.function});
  page.exercise(std::move(batch));
}
