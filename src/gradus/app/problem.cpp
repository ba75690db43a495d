#include <gradus/app/problem.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>

namespace gradus::app {

ValueAndGrads Problem::grads() const {
  return value_and_grads(*this, at.values, wrt);
}

Tensor Problem::flat_point() const {
  std::vector<Tensor> parts;
  for (int w : wrt) {
    const Tensor& x = at.values[static_cast<size_t>(w)];
    parts.push_back(reshape(x, {x.size()}));
  }
  return concatenate(parts);
}

Tensor Problem::at_flat(const Tensor& point) const {
  std::vector<Tensor> values = at.values;
  int64_t from = 0;
  for (int w : wrt) {
    Tensor& x = values[static_cast<size_t>(w)];
    const int64_t n = x.size();
    x = reshape(slice_axis(point, 0, {from, from + n}), x.shape());
    from += n;
  }
  return (*this)(values);
}

std::vector<double> Problem::flat_grad() const {
  std::vector<double> all;
  for (const Tensor& g : grads().grads) {
    const std::vector<double> part = numbers(g);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

Tensor Problem::flat_hessian() const {
  const Tensor point[] = {flat_point()};
  return hessian([this](std::span<const Tensor> z) { return at_flat(z[0]); }, point);
}

Tensor Problem::derivative(int64_t n) const {
  const auto place = static_cast<size_t>(wrt.front());
  const Tensor& x = at.values[place];
  // Each order doubles the work at worst.
  constexpr int64_t most = 12;
  if (n > most)
    raise(ErrorKind::unsupported,
          "derivatives beyond order " + std::to_string(most) + " are not offered");
  if (x.rank() != 0)
    raise(ErrorKind::shape, "derivative: '" + at.names[place] + "' is " + to_string(x.type()) +
                                ". Beyond order 2 it must be one number.");
  return nth_derivative(
      [&](std::span<const Tensor> z) {
        std::vector<Tensor> values = at.values;
        values[place] = z[0];
        return (*this)(values);
      },
      x, static_cast<int>(n));
}

Problem make_problem(const std::string& text, const std::vector<std::string>& at,
                     const std::string& wrt) {
  Problem p{text, parse_expression(text), {}, {}};
  for (const std::string& words : at) parse_bindings(words, p.at);
  const auto place = [&](const std::string& name) {
    const auto found = std::ranges::find(p.at.names, name);
    if (found == p.at.names.end()) {
      const std::vector<std::string_view> known(p.at.names.begin(), p.at.names.end());
      const auto near = text::nearest(name, known);
      raise(ErrorKind::usage, "'" + name + "' has no value" +
                                  (near ? "; did you mean " + std::string(*near) + "?"
                                        : ". Give it one, as in --at " + name + "=1."));
    }
    return static_cast<int>(found - p.at.names.begin());
  };
  if (wrt.empty()) {
    for (size_t i = 0; i < p.at.names.size(); ++i)
      if (std::ranges::find(p.expression.names(), p.at.names[i]) != p.expression.names().end())
        p.wrt.push_back(static_cast<int>(i));
    return p;
  }
  std::string name;
  for (const char c : wrt + ",") {
    if (c == ',') {
      const int w = place(name);
      if (std::ranges::find(p.wrt, w) == p.wrt.end()) p.wrt.push_back(w);
      name.clear();
    } else if (c != ' ') {
      name += c;
    }
  }
  return p;
}

Check check_gradient(const Problem& problem, std::span<const double> gradient) {
  constexpr int64_t most = 1024;
  Check check;
  check.h = 1e-5;  // near the cube root of 2^-52, where truncation meets rounding
  check.passed = true;
  const Tensor point = problem.flat_point();
  const std::vector<double> x = numbers(point);
  const auto n = static_cast<int64_t>(x.size());
  check.compared = std::min(n, most);
  for (size_t i = 0; i < static_cast<size_t>(check.compared); ++i) {
    const double h = check.h * std::max(1.0, std::fabs(x[i]));
    std::vector<double> up = x, down = x;
    up[i] += h;
    down[i] -= h;
    const double above = number(problem.at_flat(from_vector(up))),
                 below = number(problem.at_flat(from_vector(down)));
    const double difference = (above - below) / (up[i] - down[i]);
    // What rounding of the two values alone may change.
    const double rounding = 4 * 0x1p-52 * (std::fabs(above) + std::fabs(below)) / (up[i] - down[i]);
    std::vector<double> direction(x.size(), 0.0);
    direction[i] = 1;
    const Tensor args[] = {point}, dots[] = {from_vector(direction)};
    const double forward =
        number(jvp([&](std::span<const Tensor> z) { return problem.at_flat(z[0]); }, args, dots)
                   .derivative);
    const double error = std::fabs(gradient[i] - difference) / (1 + std::fabs(difference));
    const double gap =
        gradient[i] == forward ? 0 : std::fabs(gradient[i] - forward) / (1 + std::fabs(forward));
    if (!(error <= check.difference)) check.difference = error;
    if (!(gap <= check.forward)) check.forward = gap;
    // The truncation error of h^2 f'''/6 stays far below for functions of ordinary size.
    check.passed &= error <= 1e-6 + rounding / (1 + std::fabs(difference)) && gap <= 1e-12;
  }
  return check;
}

std::string to_text(const Check& check) {
  const std::string h = "central differences (h = " + text::number(check.h) + ") ";
  return h + (check.passed ? "agree to " : "differ by ") + text::significant(check.difference, 2) +
         ";  forward mode = reverse mode, " +
         (check.forward == 0 ? "exactly" : "to " + text::significant(check.forward, 2)) +
         (check.passed ? "" : "  (a kink or a singular point, or else a mistake of ours)");
}

}  // namespace gradus::app
