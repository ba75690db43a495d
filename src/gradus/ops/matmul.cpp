#include <gradus/base/error.h>
#include <gradus/base/half.h>
#include <gradus/base/pool.h>
#include <gradus/ops/batching.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/gemm.h>
#include <gradus/ops/gemm_bf16.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <type_traits>

namespace gradus {
namespace {

// (..., m, k) x (..., k, n), equal leading axes: the functions below arrange that.
Type matmul_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  Type out = in[0];
  out.shape[out.shape.size() - 1] = in[1].shape.back();
  if (out.dtype == DType::bf16) out.dtype = DType::f32;
  return out;
}

template <class T, class Out = T>
void run_matmul(const Call& c) {
  const View &a = c.in[0], &b = c.in[1], &out = c.out[0];
  const int r = out.shape.size();
  const int64_t m = out.shape[r - 2], n = out.shape[r - 1], k = a.shape[r - 1];
  int64_t batches = 1;
  for (int i = 0; i < r - 2; ++i) batches *= out.shape[i];
  // `after` counts rows over all batches.
  struct Shifted {
    const After* after;
    int64_t by;
  };
  const auto one = [&](int64_t batch) {
    int64_t rest = batch, at_a = 0, at_b = 0;
    for (int i = r - 3; i >= 0; --i) {
      const int64_t place = rest % out.shape[i];
      rest /= out.shape[i];
      at_a += place * a.strides[i];
      at_b += place * b.strides[i];
    }
    const Shifted shifted{c.after, batch * m};
    const After after{[](const void* self, int64_t row, int64_t rows, int64_t col, int64_t cols) {
                        const auto& s = *static_cast<const Shifted*>(self);
                        s.after->run(s.after->self, s.by + row, rows, col, cols);
                      },
                      &shifted, c.after && c.after->whole_rows};
    const auto product = [](auto... args) {
      if constexpr (std::is_same_v<T, BFloat16>) {
        gemm_bf16(args...);
      } else {
        gemm(args...);
      }
    };
    product(m, n, k, a.as<T>() + at_a, a.strides[r - 2], a.strides[r - 1], b.as<T>() + at_b,
            b.strides[r - 2], b.strides[r - 1], out.as<Out>() + batch * m * n, n,
            c.after ? &after : nullptr);
  };
  // A chunk holds enough work to be worth handing over; products in it run on one thread.
  const double each = 2.0 * static_cast<double>(m * n) * static_cast<double>(k);
  const int64_t chunk = std::clamp<int64_t>(static_cast<int64_t>(200'000 / (each + 1)), 1, batches);
  if (batches < 2 || each * static_cast<double>(batches) < 400'000 || each > 4e6) {
    for (int64_t batch = 0; batch < batches; ++batch) one(batch);
    return;
  }
  parallel_for((batches + chunk - 1) / chunk, [&](int64_t i) {
    for (int64_t batch = i * chunk; batch < std::min((i + 1) * chunk, batches); ++batch) one(batch);
  });
}

Kernel matmul_kernel(const Op&, std::span<const Type> in, const Type&) {
  return {in[0].dtype == DType::f32    ? run_matmul<float>
          : in[0].dtype == DType::bf16 ? run_matmul<BFloat16, float>
                                       : run_matmul<double>};
}

// Of bf16 sides too the cotangent is f32, so that several add up; a cast before the product takes
// it back to its own type.
Tensor matmul_pull(const Context& c, std::span<const Tensor> bar, int i) {
  const Tensor seed = cast(bar[0], c.in[0].dtype());
  return i == 0 ? matmul(seed, transpose(c.in[1])) : matmul(transpose(c.in[0]), seed);
}

// One tall product where the other side is the same for the whole batch; every element stays the
// same chain of multiply-adds.
std::vector<Tensor> matmul_batch(const Op& op, const Batching& b) {
  if (!b.batched[1] && b.in[1].rank() == 2) return {matmul(b.in[0], b.in[1])};
  const Tensor& right = b.in[1];
  if (!b.batched[0] && b.in[0].rank() == 2 && right.shape().back() == 1) {
    const Tensor rows = reshape(right, {b.size, right.shape()[1]});
    return {expand_dims(matmul(rows, transpose(b.in[0])), -1)};
  }
  return batch_leading(op, b);
}

double matmul_work(std::span<const Type> in, const Attrs&, const Type& out) {
  return 2.0 * static_cast<double>(element_count(out.shape)) *
         static_cast<double>(in[0].shape.back());
}

}  // namespace

namespace op {
constinit const Op matmul{.name = "matmul",
                          .says = "rows of the first times columns of the second",
                          .math = "C_ij = sum_k A_ik B_kj",
                          .form = "{0} @ {1}",
                          .binds = 3,
                          .kind = Kind::bilinear,
                          .inputs = 2,
                          .type = matmul_type,
                          .kernel = matmul_kernel,
                          .rule = {.pull = matmul_pull},
                          .batch = matmul_batch,
                          .work = matmul_work,
                          .takes_after = true,
                          .reverses = true};
}  // namespace op

Tensor matmul(const Tensor& a, const Tensor& b) {
  Tensor x = a, y = b;
  if (x.dtype() != y.dtype()) {
    if (x.dtype() == DType::bf16 || y.dtype() == DType::bf16)
      raise(ErrorKind::dtype, "matmul: " + to_string(x.type()) + " x " + to_string(y.type()) +
                                  ": one side is bf16. Either both are, and the product is f32, or "
                                  "none. Cast one of them.");
    if (!is_float(x.dtype()) || !is_float(y.dtype()))
      raise(ErrorKind::dtype,
            "matmul: " + to_string(x.type()) + " x " + to_string(y.type()) +
                ": the kinds of number differ. Both sides must be f32 or f64. Cast one of them.");
    x = cast(x, DType::f64);
    y = cast(y, DType::f64);
  }
  if (x.dtype() != DType::bf16) require_float(op::matmul, x.type());
  if (x.rank() == 0 || y.rank() == 0)
    raise(ErrorKind::shape,
          "matmul: " + to_string(x.type()) + " x " + to_string(y.type()) +
              ": a scalar has no rows. Both sides need an axis. Use * for scaling.");
  const bool row = x.rank() == 1, column = y.rank() == 1;
  if (row) x = expand_dims(x, 0);
  if (column) y = expand_dims(y, 1);
  const int64_t inner = x.shape().back(), other = y.shape()[y.rank() - 2];
  if (inner != other)
    raise(ErrorKind::shape,
          "matmul: " + to_string(a.type()) + " x " + to_string(b.type()) + ": inner sizes " +
              std::to_string(inner) + " and " + std::to_string(other) +
              " differ. The last axis of the left must equal the first axis of the right.");
  Tensor out;
  if (y.rank() == 2 && x.rank() > 2) {
    // One tall product instead of many: the weights are the same for every leading place.
    Shape shape = x.shape();
    const int64_t rows = inner == 0 ? 0 : x.size() / inner;
    shape[shape.size() - 1] = y.shape()[1];
    out = inner == 0 ? zeros(shape, x.dtype() == DType::bf16 ? DType::f32 : x.dtype())
                     : reshape(apply(op::matmul, {reshape(x, {rows, inner}), y}), shape);
  } else {
    const auto lead = [](const Tensor& t) {
      Type type = t.type();
      type.shape.erase(type.shape.size() - 1);
      type.shape.erase(type.shape.size() - 1);
      return type;
    };
    const Type left = lead(x), right = lead(y);
    for (int i = 1; i <= std::min(left.shape.size(), right.shape.size()); ++i) {
      const int64_t p = left.shape[left.shape.size() - i], q = right.shape[right.shape.size() - i];
      if (p != q && p != 1 && q != 1)
        raise(ErrorKind::shape,
              "matmul: " + to_string(a.type()) + " x " + to_string(b.type()) + ": leading axes " +
                  to_string(left.shape) + " and " + to_string(right.shape) +
                  " do not broadcast. They line up from the right, and only size 1 repeats.");
    }
    const Shape common = broadcast_shape(op::matmul, left, right);
    const auto spread = [&](const Tensor& t) {
      Shape shape = common;
      shape.push_back(t.shape()[t.rank() - 2]);
      shape.push_back(t.shape().back());
      return broadcast_to(t, shape);
    };
    out = apply(op::matmul, {spread(x), spread(y)});
  }
  if (column) out = squeeze(out, -1);
  if (row) out = squeeze(out, column ? -1 : -2);
  return out;
}

Tensor vecdot(const Tensor& a, const Tensor& b, int64_t axis) {
  return sum(a * b, {.axis = axis});
}

Tensor dot(const Tensor& a, const Tensor& b) {
  if (a.rank() != 1 || b.rank() != 1 || a.size() != b.size())
    raise(ErrorKind::shape, "dot: " + to_string(a.type()) + " and " + to_string(b.type()) +
                                " are not two vectors of one length. Use matmul for matrices.");
  return vecdot(a, b);
}

namespace {

// Length 1 along the axis; a zero vector stays zero.
Tensor unit_vectors(const Tensor& x, int64_t axis) {
  const Tensor length = norm(x, {.axis = axis, .keepdims = true});
  return x / where(length == 0.0, 1.0, length);
}

}  // namespace

Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t axis) {
  return clip(vecdot(unit_vectors(a, axis), unit_vectors(b, axis), axis), -1.0, 1.0);
}

Tensor cosine_similarities(const Tensor& a, const Tensor& b) {
  return clip(matmul(unit_vectors(a, -1), transpose(unit_vectors(b, -1))), -1.0, 1.0);
}

Tensor outer(const Tensor& a, const Tensor& b) {
  return reshape(a, {a.size(), 1}) * reshape(b, {1, b.size()});
}

Tensor diagonal(const Tensor& a) {
  if (a.rank() < 2)
    raise(ErrorKind::shape,
          "diagonal: " + to_string(a.type()) +
              " is not a matrix. It needs two axes. Use diag to make a matrix from a vector.");
  const int64_t m = a.shape()[a.rank() - 2], n = a.shape().back();
  const int64_t count = std::min(m, n);
  Shape flat = a.shape();
  flat.erase(flat.size() - 1);
  flat[flat.size() - 1] = m * n;
  return slice_axis(reshape(a, flat), -1, {0, count == 0 ? 0 : (count - 1) * n + count, n + 1});
}

Tensor trace(const Tensor& a) {
  return sum(diagonal(a), {.axis = -1});
}

Tensor diag(const Tensor& v) {
  if (v.rank() != 1)
    raise(ErrorKind::shape,
          "diag: " + to_string(v.type()) + " is not a vector. Use diagonal to read a matrix.");
  return where(eye(v.size(), DType::boolean), expand_dims(v, 1), zeros({}, v.dtype()));
}

Tensor kron(const Tensor& a, const Tensor& b) {
  if (a.rank() != 2 || b.rank() != 2)
    raise(ErrorKind::shape, "kron: " + to_string(a.type()) + " and " + to_string(b.type()) +
                                " are not two matrices.");
  const int64_t m = a.shape()[0], n = a.shape()[1], p = b.shape()[0], q = b.shape()[1];
  return reshape(reshape(a, {m, 1, n, 1}) * reshape(b, {1, p, 1, q}), {m * p, n * q});
}

namespace {

[[noreturn]] void einsum_error(std::string_view spec, const std::string& why) {
  raise(ErrorKind::shape, "einsum: '" + std::string(spec) + "': " + why);
}

// One operand with a letter for each axis.
struct Lettered {
  std::string letters;
  Tensor x;

  int axis(char c) const { return static_cast<int>(letters.find(c)); }
  bool has(char c) const { return letters.find(c) != std::string::npos; }

  void take_diagonals() {
    for (size_t i = 0; i < letters.size(); ++i) {
      const size_t j = letters.find(letters[i], i + 1);
      if (j == std::string::npos) continue;
      x = diagonal(
          move_axis(move_axis(x, static_cast<int64_t>(j), -1), static_cast<int64_t>(i), -2));
      const char c = letters[i];
      letters.erase(j, 1);
      letters.erase(i, 1);
      letters += c;
      i = static_cast<size_t>(-1);
    }
  }

  void arrange(const std::string& order) {
    Dims axes;
    for (char c : order) axes.push_back(axis(c));
    x = permute(x, axes);
    letters = order;
  }

  int64_t sizes(const std::string& which) const {
    int64_t n = 1;
    for (char c : which) n *= x.shape()[axis(c)];
    return n;
  }
};

Lettered contract(Lettered a, Lettered b, const std::string& needed) {
  std::string both, only_a, only_b, gone;
  for (char c : a.letters) {
    if (!b.has(c))
      only_a += c;
    else
      (needed.find(c) != std::string::npos ? both : gone) += c;
  }
  for (char c : b.letters)
    if (!a.has(c)) only_b += c;
  a.arrange(both + only_a + gone);
  b.arrange(both + gone + only_b);
  Shape shape;
  for (char c : both) shape.push_back(a.x.shape()[a.axis(c)]);
  for (char c : only_a) shape.push_back(a.x.shape()[a.axis(c)]);
  for (char c : only_b) shape.push_back(b.x.shape()[b.axis(c)]);
  const int64_t batch = a.sizes(both), m = a.sizes(only_a), k = a.sizes(gone), n = b.sizes(only_b);
  return {both + only_a + only_b,
          reshape(matmul(reshape(a.x, {batch, m, k}), reshape(b.x, {batch, k, n})), shape)};
}

}  // namespace

Tensor einsum(std::string_view spec, std::span<const Tensor> operands) {
  std::string inputs, output;
  bool arrow = false;
  for (size_t i = 0; i < spec.size(); ++i) {
    const char c = spec[i];
    if (c == ' ') continue;
    if (c == '-' && i + 1 < spec.size() && spec[i + 1] == '>' && !arrow) {
      arrow = true;
      ++i;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c == ',' && !arrow)) {
      (arrow ? output : inputs) += c;
    } else {
      einsum_error(
          spec, std::string("'") + c + "' has no meaning here. Use letters, commas and one '->'.");
    }
  }
  std::vector<Lettered> parts;
  std::string rest = inputs + ",";
  for (size_t comma; (comma = rest.find(',')) != std::string::npos; rest.erase(0, comma + 1)) {
    if (parts.size() == operands.size())
      einsum_error(spec, "there are more subscripts than the " + std::to_string(operands.size()) +
                             " operands.");
    parts.push_back({rest.substr(0, comma), operands[parts.size()]});
  }
  if (parts.size() != operands.size())
    einsum_error(spec, std::to_string(operands.size()) + " operands need as many subscripts.");

  int64_t size_of_letter[128];
  std::fill(std::begin(size_of_letter), std::end(size_of_letter), -1);
  for (Lettered& p : parts) {
    if (static_cast<int>(p.letters.size()) != p.x.rank())
      einsum_error(spec, "subscript '" + p.letters + "' does not fit " + to_string(p.x.type()) +
                             ". It needs one letter an axis.");
    for (size_t i = 0; i < p.letters.size(); ++i) {
      int64_t& known = size_of_letter[static_cast<size_t>(p.letters[i])];
      const int64_t here = p.x.shape()[static_cast<int>(i)];
      if (known >= 0 && known != here)
        einsum_error(spec, std::string("letter '") + p.letters[i] + "' is " +
                               std::to_string(known) + " and " + std::to_string(here) +
                               ". A letter has one size everywhere.");
      known = here;
    }
  }
  if (!arrow) {  // NumPy's rule: the letters that appear once, in alphabetical order
    for (char c = 'A'; c <= 'z'; ++c)
      if (std::count(inputs.begin(), inputs.end(), c) == 1) output += c;
  }
  for (size_t i = 0; i < output.size(); ++i) {
    if (output.find(output[i], i + 1) != std::string::npos)
      einsum_error(spec, std::string("letter '") + output[i] +
                             "' is twice in the output. Each may appear once.");
    if (size_of_letter[static_cast<size_t>(output[i])] < 0)
      einsum_error(
          spec, std::string("output letter '") + output[i] + "' is in no operand. It has no size.");
  }

  for (Lettered& p : parts) p.take_diagonals();
  // Letters that neither the output nor another operand needs are summed at once.
  for (size_t i = 0; i < parts.size(); ++i) {
    Dims axes;
    std::string kept;
    for (char c : parts[i].letters) {
      bool needed = output.find(c) != std::string::npos;
      for (size_t j = 0; j < parts.size(); ++j) needed |= j != i && parts[j].has(c);
      if (needed)
        kept += c;
      else
        axes.push_back(parts[i].axis(c));
    }
    if (!axes.empty()) parts[i] = {kept, sum(parts[i].x, {.axis = axes})};
  }
  while (parts.size() > 1) {
    std::string needed = output;
    for (size_t i = 2; i < parts.size(); ++i) needed += parts[i].letters;
    parts[1] = contract(parts[0], parts[1], needed);
    parts.erase(parts.begin());
  }
  parts[0].arrange(output);
  return parts[0].x;
}

Tensor einsum(std::string_view spec, std::initializer_list<Tensor> operands) {
  return einsum(spec, std::span<const Tensor>(operands.begin(), operands.size()));
}

}  // namespace gradus
