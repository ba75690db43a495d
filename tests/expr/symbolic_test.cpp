// What is printed as a formula is read again and compared with the derivative it stands for.
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/symbolic.h>
#include <gradus/expr/parse.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

const std::vector<std::string> names = {"x", "y"};
const std::vector<int> wrt = {0, 1};

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  // Positive where a logarithm or a root needs it.
  std::string expression(int depth) {
    if (depth == 0) {
      switch (pick(4)) {
        case 0:
          return "x";
        case 1:
          return "y";
        case 2:
          return std::to_string(pick(4) + 1);
        default:
          return "0.5";
      }
    }
    const std::string a = "(" + expression(depth - 1) + ")";
    switch (pick(20)) {
      case 0:
        return "sin" + a;
      case 1:
        return "cos(-" + a + ")";
      case 2:
        return "tanh" + a;
      case 3:
        return "exp(sin" + a + ")";
      case 4:
        return "sqrt(1 + " + a + "^2)";
      case 5:
        return "log(2 + cos" + a + ")";
      case 6:
        return a + "^" + std::to_string(pick(3) + 1);
      case 7:
        return "sigmoid(-" + a + ")";
      case 8:
        return a + "/(2 + sin(" + expression(depth - 1) + "))";
      case 9:
        return "(2 + cos" + a + ")^(" + expression(0) + "/3)";
      case 10:
        return "atan" + a;
      case 11:
        return "abs" + a;
      case 12:
        return "maximum(" + a + ", " + expression(depth - 1) + ")";
      case 13:
        return "-" + a;
      case 14:
        return a + " - " + expression(depth - 1);
      case 15:
        return "erf" + a;
      case 16:
      case 17:
        return a + " + " + expression(depth - 1);
      default:
        return a + "*(" + expression(depth - 1) + ")";
    }
  }
  double place() { return random_.uniform(0.2, 2.2); }

 private:
  int pick(int n) { return static_cast<int>(random_.uniform(0, n)); }
  RandomState random_;
};

// Whether one of the conditions joined by "or" holds.
bool is_exception(const std::string& unless, const std::vector<Tensor>& values) {
  const std::string joined = unless + " or ";
  const std::string sign = " or ";
  for (size_t at = 0; at + sign.size() < joined.size();) {
    const size_t end = joined.find(sign, at);
    if (number(parse_expression(joined.substr(at, end - at))(names, values)) != 0) return true;
    at = end + sign.size();
  }
  return false;
}

TEST(Symbolic, what_is_printed_is_the_derivative_at_random_points) {
  int compared = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    Generator g(seed);
    const std::string text = g.expression(static_cast<int>(seed % 4) + 1);
    const Expression e = parse_expression(text);
    const Function f = [&](std::span<const Tensor> a) { return e(names, a); };
    const std::vector<Tensor> at = {scalar(g.place(), DType::f64), scalar(g.place(), DType::f64)};
    const auto printed = derivative_text(f, at, names, wrt);
    for (int k = 0; k < 5; ++k) {
      const std::vector<Tensor> values = {scalar(g.place(), DType::f64),
                                          scalar(g.place(), DType::f64)};
      const auto direct = value_and_grads(f, values, wrt);
      for (size_t i = 0; i < 2; ++i) {
        if (!printed[i].why_not.empty()) continue;
        const double wanted = number(direct.grads[i]);
        const double got = number(parse_expression(printed[i].program)(names, values));
        if (!std::isfinite(wanted) || std::fabs(wanted) > 1e6) continue;
        if (is_exception(printed[i].unless, values)) continue;
        EXPECT_NEAR(got, wanted, 1e-9 * (1 + std::fabs(wanted)))
            << text << "\n  d/d" << names[i] << " = " << printed[i].program;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 3000);
}

TEST(Program, of_a_derivative_reads_line_by_line) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    Generator g(seed);
    const std::string text = g.expression(static_cast<int>(seed % 4) + 1);
    const Expression e = parse_expression(text);
    const Function f = [&](std::span<const Tensor> a) { return e(names, a); };
    const std::vector<Tensor> values = {scalar(g.place(), DType::f64),
                                        scalar(g.place(), DType::f64)};
    const std::string program = derivative_program(f, values, names, wrt);
    Bindings known{names, values};
    for (size_t at = 0; at < program.size();) {
      const size_t end = program.find('\n', at);
      const Expression line = parse_expression(std::string_view(program).substr(at, end - at));
      known.names.push_back(line.result());
      known.values.push_back(line(known.names, known.values));
      at = end + 1;
    }
    const auto direct = value_and_grads(f, values, wrt);
    const size_t last = known.values.size();
    EXPECT_EQ(number(known.values[last - 2]), number(direct.grads[0])) << text << "\n" << program;
    EXPECT_EQ(number(known.values[last - 1]), number(direct.grads[1])) << text << "\n" << program;
  }
}

}  // namespace
}  // namespace gradus
