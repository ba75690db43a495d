// NU-01 to NU-05 in one verb: what a decimal number becomes in each format; and what arithmetic
// with such numbers does to formulas and to systems.
#include <gradus/app/columns.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/half.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/expr/parse.h>
#include <gradus/numerics/twins.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/shaping.h>
#include <gradus/regress/linear.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>

namespace gradus::app {
namespace {

// A binary format: 1 sign, `exponent` and `fraction` bits.
struct Format {
  const char* name;
  int exponent, fraction;
  int bits() const { return 1 + exponent + fraction; }
  int bias() const { return (1 << (exponent - 1)) - 1; }
  double eps() const { return std::ldexp(1.0, -fraction); }
  double largest() const { return std::ldexp(2 - eps(), bias()); }
  double least_normal() const { return std::ldexp(1.0, 1 - bias()); }
  double least() const { return std::ldexp(1.0, 1 - bias() - fraction); }
  // Decimal digits that always survive.
  int digits() const { return static_cast<int>(std::floor(fraction * std::log10(2.0))); }
};
constexpr Format formats[] = {{"f64", 11, 52}, {"f32", 8, 23}, {"f16", 5, 10}, {"bf16", 8, 7}};

struct Stored {
  uint64_t bits;
  double value;
};

Stored store(const Format& f, double x) {
  if (f.fraction == 52) return {std::bit_cast<uint64_t>(x), x};
  if (f.fraction == 23) {
    const auto narrow = static_cast<float>(x);
    return {std::bit_cast<uint32_t>(narrow), narrow};
  }
  if (f.fraction == 10) return {f16_from(x), f32_from_f16(f16_from(x))};
  return {bf16_from(x), f32_from_bf16(bf16_from(x))};
}

std::string hex(const Format& f, uint64_t bits) {
  char out[24];
  std::snprintf(out, sizeof out, "0x%0*llX", f.bits() / 4, static_cast<unsigned long long>(bits));
  return out;
}

// sign exponent fraction, with blanks between.
std::string spelled(const Format& f, uint64_t bits) {
  std::string out;
  for (int i = f.bits() - 1; i >= 0; --i) {
    out += (bits >> i & 1) != 0 ? '1' : '0';
    if (i == f.bits() - 1 || (i == f.fraction && i > 0)) out += ' ';
  }
  return out;
}

const char* kind_of(const Format& f, double v) {
  if (std::isnan(v)) return "not a number";
  if (std::isinf(v)) return "infinite";
  if (v == 0) return "zero";
  return std::fabs(v) < f.least_normal() ? "subnormal" : "normal";
}

// All decimal digits that the stored number has, to 20.
std::string exact(double v) {
  return std::isfinite(v) ? text::significant(v, 20) : text::number(v);
}

std::string json_number(double v) {
  return std::isfinite(v) ? text::number17(v) : text::quote_json(text::number(v));
}

// The numbers of the format beside a stored one: all bits but the sign count through them.
struct Neighbours {
  double below, above;
  double ulp;  // the step away from zero
};

double value_of(const Format& f, uint64_t bits) {
  if (f.fraction == 52) return std::bit_cast<double>(bits);
  if (f.fraction == 23) return std::bit_cast<float>(static_cast<uint32_t>(bits));
  const auto narrow = static_cast<uint16_t>(bits);
  return f.fraction == 10 ? f32_from_f16(narrow) : f32_from_bf16(narrow);
}

Neighbours neighbours_of(const Format& f, const Stored& s) {
  if (!std::isfinite(s.value)) return {s.value, s.value, s.value};
  const uint64_t sign = uint64_t{1} << (f.bits() - 1), magnitude = s.bits & (sign - 1);
  const double size = std::fabs(s.value);
  const double out = value_of(f, magnitude + 1);
  const double in = magnitude == 0 ? -out : value_of(f, magnitude - 1);
  // Beyond the largest number the step is that before it.
  const double ulp = std::isinf(out) ? size - in : out - size;
  return s.value < 0 ? Neighbours{-out, -in, ulp} : Neighbours{in, out, ulp};
}

std::string number_json(const Format& f, double x) {
  const Stored s = store(f, x);
  const Neighbours n = neighbours_of(f, s);
  return "{\"format\":\"" + std::string(f.name) + "\",\"bits\":\"" + hex(f, s.bits) +
         "\",\"value\":" + json_number(s.value) + ",\"error\":" + json_number(s.value - x) +
         ",\"kind\":\"" + kind_of(f, s.value) + "\",\"previous\":" + json_number(n.below) +
         ",\"next\":" + json_number(n.above) + ",\"ulp\":" + json_number(n.ulp) + "}";
}

std::string number_text(const Format& f, double x) {
  const Stored s = store(f, x);
  std::string out = text::pad_right(f.name, 5) + text::pad_right(hex(f, s.bits), 20) +
                    spelled(f, s.bits) + "\n     = " + exact(s.value) + "  " + kind_of(f, s.value);
  if (std::isfinite(s.value) && std::isfinite(x) && s.value != x)
    out += ", off by " + text::significant(s.value - x, 3);
  else if (std::isinf(s.value) && std::isfinite(x))
    out += ", larger than the largest, " + text::significant(f.largest(), 5);
  else if (f.fraction < 52 && std::isfinite(x))
    out += ", nothing lost";
  if (std::isfinite(s.value)) {
    const Neighbours n = neighbours_of(f, s);
    const int digits = f.digits() + 3;
    out += "\n     before it " + text::significant(n.below, digits) + ", after it " +
           text::significant(n.above, digits) + ", ulp " + text::significant(n.ulp, 5);
  }
  return out + "\n";
}

std::string limits_text(const std::vector<Format>& wanted) {
  const auto column = [](double v) { return text::pad_left(text::significant(v, 5), 13); };
  std::string out =
      "      sign+exponent+fraction  digits          eps          max   min normal "
      "min subnormal\n";
  for (const Format& f : wanted)
    out +=
        text::pad_right(f.name, 6) +
        text::pad_right("1+" + std::to_string(f.exponent) + "+" + std::to_string(f.fraction), 24) +
        text::pad_left(std::to_string(f.digits()), 6) + column(f.eps()) + column(f.largest()) +
        column(f.least_normal()) + column(f.least()) + "\n";
  return out;
}

std::string limits_json(const std::vector<Format>& wanted) {
  std::string out = "[";
  for (const Format& f : wanted)
    out += std::string(out.size() > 1 ? "," : "") + "{\"format\":\"" + f.name +
           "\",\"exponent_bits\":" + std::to_string(f.exponent) +
           ",\"fraction_bits\":" + std::to_string(f.fraction) +
           ",\"digits\":" + std::to_string(f.digits()) + ",\"eps\":" + text::number17(f.eps()) +
           ",\"max\":" + text::number17(f.largest()) +
           ",\"min_normal\":" + text::number17(f.least_normal()) +
           ",\"min_subnormal\":" + text::number17(f.least()) + "}";
  return out + "]";
}

std::string twins_json() {
  std::string out = "[";
  for (const Twin& t : unstable_twins()) {
    const double naive = t.naive(t.x), careful = t.careful(t.x);
    out += std::string(out.size() > 1 ? "," : "") + "{\"what\":" + text::quote_json(t.what) +
           ",\"x\":" + json_number(t.x) + ",\"unstable\":" + text::quote_json(t.unstable) +
           ",\"stable\":" + text::quote_json(t.stable) +
           ",\"unstable_value\":" + json_number(naive) +
           ",\"stable_value\":" + json_number(careful) + ",\"exact\":" + json_number(t.exact) +
           ",\"unstable_digits\":" + json_number(correct_digits(naive, t.exact)) +
           ",\"stable_digits\":" + json_number(correct_digits(careful, t.exact)) + "}";
  }
  return out + "]\n";
}

std::string twins_text() {
  std::string out =
      "Formulas that are equal on paper, computed in f64 just now; digits that are right, of 16.\n";
  for (const Twin& t : unstable_twins()) {
    const double naive = t.naive(t.x), careful = t.careful(t.x);
    const auto digits = [&t](double v) { return text::fixed(correct_digits(v, t.exact), 1); };
    out += "\n" + std::string(t.what) + ", x = " + text::number(t.x) + ": " + t.why + "\n" +
           columns({{t.unstable, text::number(naive), digits(naive) + " digits"},
                    {t.stable, text::number(careful), digits(careful) + " digits"}},
                   2);
  }
  return out;
}

// Least squares on Hilbert matrices of 2 to 12 columns whose answer is all ones.
struct Solved {
  int64_t columns;
  Conditioning c;
};
std::vector<Solved> hilbert_systems() {
  std::vector<Solved> rows;
  for (int64_t n = 2; n <= 12; ++n) {
    std::vector<double> h;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) h.push_back(1 / static_cast<double>(i + j + 1));
    const Tensor x = from_vector(h, {n, n});
    rows.push_back({n, compare_solvers(x, matmul(x, ones({n})))});
  }
  return rows;
}

std::string conditioning_json() {
  std::string out = "[";
  for (const auto& [n, c] : hilbert_systems())
    out += std::string(out.size() > 1 ? "," : "") + "{\"columns\":" + std::to_string(n) +
           ",\"condition\":" + json_number(c.condition) +
           ",\"normal_equations_error\":" + json_number(c.normal) +
           ",\"qr_error\":" + json_number(c.reflections) +
           ",\"svd_error\":" + json_number(c.singular) + "}";
  return out + "]\n";
}

std::string conditioning_text() {
  std::vector<std::vector<std::string>> rows{
      {"columns", "condition", "lost by the problem", "normal equations", "QR", "SVD"}};
  const auto digits = [](double error) { return text::fixed(correct_digits(1 + error, 1), 1); };
  for (const auto& [n, c] : hilbert_systems())
    rows.push_back({std::to_string(n), text::significant(c.condition, 3),
                    text::fixed(std::log10(c.condition), 1), digits(c.normal),
                    digits(c.reflections), digits(c.singular)});
  return "Systems with a Hilbert matrix, by three ways: digits that are right, of 16.\n\n" +
         columns(rows, 2) +
         "\nThe problem itself may cost log10(condition) digits, whatever the method: that is "
         "conditioning.\nA^T A squares the condition and costs as many again: that is an unstable "
         "method. 0: none is right.\n";
}

}  // namespace

void add_float(Command& command, const Settings& settings) {
  struct Words {
    std::string number, type;
  };
  const auto w = std::make_shared<Words>();
  command.expression("NUMBER", w->number,
                     "a number or an expression, twins (unstable formulas) or conditioning; "
                     "without it, the limits",
                     false);
  command.choice("--type", w->type, "only this format", {"f64", "f32", "f16", "bf16"});
  command.example("gradus float 0.1");
  command.example("gradus float \"0.1 + 0.2\" --type f32");
  command.example("gradus float twins");
  command.runs([w, &settings] {
    if (w->number == "twins") {
      print(settings.json ? twins_json() : twins_text());
      return done;
    }
    if (w->number == "conditioning") {
      print(settings.json ? conditioning_json() : conditioning_text());
      return done;
    }
    std::vector<Format> wanted;
    for (const Format& f : formats)
      if (w->type.empty() || w->type == f.name) wanted.push_back(f);
    if (w->number.empty()) {
      print(settings.json ? limits_json(wanted) + "\n" : limits_text(wanted));
      return done;
    }
    const Tensor y = parse_expression(w->number)({}, {});
    if (y.size() != 1) raise(ErrorKind::usage, "one number is wanted, not " + to_string(y.type()));
    const double x = number(y);
    if (settings.json) {
      std::string out = "[";
      for (const Format& f : wanted) out += (out.size() > 1 ? "," : "") + number_json(f, x);
      print(out + "]\n");
      return done;
    }
    for (const Format& f : wanted) print(number_text(f, x));
    return done;
  });
}

}  // namespace gradus::app
