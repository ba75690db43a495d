// NU-01 to NU-05 in one verb: what a decimal number becomes in each format.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/half.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/expr/parse.h>

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

std::string number_json(const Format& f, double x) {
  const Stored s = store(f, x);
  return "{\"format\":\"" + std::string(f.name) + "\",\"bits\":\"" + hex(f, s.bits) +
         "\",\"value\":" + json_number(s.value) + ",\"error\":" + json_number(s.value - x) +
         ",\"kind\":\"" + kind_of(f, s.value) + "\"}";
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
  return out + "\n";
}

std::string limits_text() {
  const auto column = [](double v) { return text::pad_left(text::significant(v, 5), 13); };
  std::string out =
      "      sign+exponent+fraction  digits          eps          max   min normal "
      "min subnormal\n";
  for (const Format& f : formats)
    out +=
        text::pad_right(f.name, 6) +
        text::pad_right("1+" + std::to_string(f.exponent) + "+" + std::to_string(f.fraction), 24) +
        text::pad_left(std::to_string(f.digits()), 6) + column(f.eps()) + column(f.largest()) +
        column(f.least_normal()) + column(f.least()) + "\n";
  return out;
}

std::string limits_json() {
  std::string out = "[";
  for (const Format& f : formats)
    out += std::string(out.size() > 1 ? "," : "") + "{\"format\":\"" + f.name +
           "\",\"exponent_bits\":" + std::to_string(f.exponent) +
           ",\"fraction_bits\":" + std::to_string(f.fraction) +
           ",\"digits\":" + std::to_string(f.digits()) + ",\"eps\":" + text::number17(f.eps()) +
           ",\"max\":" + text::number17(f.largest()) +
           ",\"min_normal\":" + text::number17(f.least_normal()) +
           ",\"min_subnormal\":" + text::number17(f.least()) + "}";
  return out + "]";
}

}  // namespace

void add_float(Command& command, const Settings& settings) {
  const auto words = std::make_shared<std::string>();
  command.expression("NUMBER", *words, "a number or an expression; without it, the limits", false);
  command.example("gradus float 0.1");
  command.example("gradus float \"0.1 + 0.2\"");
  command.runs([words, &settings] {
    if (words->empty()) {
      print(settings.json ? limits_json() + "\n" : limits_text());
      return done;
    }
    const Tensor y = parse_expression(*words)({}, {});
    if (y.size() != 1) raise(ErrorKind::usage, "one number is wanted, not " + to_string(y.type()));
    const double x = number(y);
    if (settings.json) {
      std::string out = "[";
      for (const Format& f : formats) out += (out.size() > 1 ? "," : "") + number_json(f, x);
      print(out + "]\n");
      return done;
    }
    for (const Format& f : formats) print(number_text(f, x));
    return done;
  });
}

}  // namespace gradus::app
