// Numbers in machines: their bits, the uneven marks of their ruler, where it begins and ends, and
// what rounding does to a sum.
#include <gradus/base/html.h>
#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// ---------------------------------------------------------------------------- exercises

template <class F>
struct Slip {
  const char* name;
  const char* says;
  F* function;
};

using Spacing = double(double, int, int);

// [solution gap-to-the-next]
// The distance from x > 0 to the next larger number of a format that has
// `fraction` fraction bits and whose smallest normal number is 2^least.
double gap_to_the_next(double x, int fraction, int least) {
  // [hole return 0;]
  // Below the smallest normal number the exponent stays where it is.
  const int exponent = std::max(std::ilogb(x), least);
  return std::ldexp(1.0, exponent - fraction);
  // [end hole]
}
// [end]

const Slip<Spacing> gap_slips[] = {
    {"machine epsilon everywhere",
     "This is the gap just above 1. At larger numbers the marks lie further apart.",
     [](double, int fraction, int) { return std::ldexp(1.0, -fraction); }},
    {"epsilon times x",
     "Gaps do not grow smoothly. They stay the same between two powers of two, and then double.",
     [](double x, int fraction, int) { return std::ldexp(x, -fraction); }},
    {"subnormal numbers forgotten",
     "Below the smallest normal number the marks come no closer any more.",
     [](double x, int fraction, int) { return std::ldexp(1.0, std::ilogb(x) - fraction); }},
    {"one power of two too far",
     "This is the gap above the next power of two. x = 1.5 lies between 1 and 2: exponent 0.",
     [](double x, int fraction, int least) { return 2 * gap_to_the_next(x, fraction, least); }},
    {"half a gap",
     "Half a gap is how far rounding can move a number. The next number is a whole gap away.",
     [](double x, int fraction, int least) { return gap_to_the_next(x, fraction, least) / 2; }},
    {"gap below instead of above",
     "At a power of two the gap below is half of the gap above. Which one was asked?",
     [](double x, int fraction, int least) {
       const double below = std::nextafter(x, 0.0);
       return gap_to_the_next(below, fraction, least);
     }},
    {"zero at small numbers",
     "Between zero and the smallest normal number there are marks too, evenly spaced.",
     [](double x, int fraction, int least) {
       return std::ilogb(x) < least ? std::ldexp(1.0, least) : gap_to_the_next(x, fraction, least);
     }},
};

Verdict check_gap(Spacing* answer) {
  struct Case {
    double x;
    int fraction, least;
    const char* says;
  };
  const Case cases[] = {{1, 10, -14, "x = 1 in f16"},
                        {1.5, 23, -126, "x = 1.5 in f32"},
                        {65000, 10, -14, "x = 65000 in f16"},
                        {300, 7, -126, "x = 300 in bf16"},
                        {1e-6, 10, -14, "x = 1e-6 in f16"}};
  std::vector<double> got;
  for (const Case& c : cases) got.push_back(answer(c.x, c.fraction, c.least));
  for (size_t i = 0; i < got.size(); ++i) {
    const double want = gap_to_the_next(cases[i].x, cases[i].fraction, cases[i].least);
    if (got[i] == want) continue;
    Verdict v{.where = cases[i].says,
              .yours = text::significant(got[i], 6),
              .expected = text::significant(want, 6)};
    for (const auto& s : gap_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k)
        all &= got[k] == s.function(cases[k].x, cases[k].fraction, cases[k].least);
      if (!all) continue;
      v.misconception = s.name;
      v.says = s.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

using Rounding = double(double, double);

// [solution round-to-even]
// The multiple of `gap` that is nearest to x. Of two that are equally near, the
// even multiple: 2 gap before 3 gap.
double round_to_even(double x, double gap) {
  const double low = std::floor(x / gap), rest = x / gap - low;
  // [hole return low * gap;]
  if (rest < 0.5) return low * gap;
  if (rest > 0.5) return (low + 1) * gap;
  return (std::fmod(low, 2) == 0 ? low : low + 1) * gap;
  // [end hole]
}
// [end]

const Slip<Rounding> rounding_slips[] = {
    {"rounded down", "You always take the mark below. The one above may be nearer.",
     [](double x, double gap) { return std::floor(x / gap) * gap; }},
    {"cut towards zero", "Cutting digits off moves every number towards zero. Take the nearest.",
     [](double x, double gap) { return std::trunc(x / gap) * gap; }},
    {"rounded up", "You always take the mark above. The one below may be nearer.",
     [](double x, double gap) { return std::ceil(x / gap) * gap; }},
    {"half goes up",
     "Between two marks you always go up. Many such steps would push a sum upwards; take the even "
     "one.",
     [](double x, double gap) { return std::floor(x / gap + 0.5) * gap; }},
    {"half goes away from zero",
     "This is how one rounds at school. Machines take the even mark, so that errors cancel.",
     [](double x, double gap) { return std::round(x / gap) * gap; }},
    {"half goes down", "Between two marks you always go down. Take the even multiple.",
     [](double x, double gap) { return std::ceil(x / gap - 0.5) * gap; }},
    {"half goes to odd", "Between two marks you take the odd one. Even was asked.",
     [](double x, double gap) {
       const double low = std::floor(x / gap), rest = x / gap - low;
       if (rest != 0.5) return round_to_even(x, gap);
       return (std::fmod(low, 2) == 0 ? low + 1 : low) * gap;
     }},
};

Verdict check_rounding(Rounding* answer) {
  struct Case {
    double x, gap;
  };
  const Case cases[] = {{65000, 32},  {65020, 32},  {65008, 32},  {64976, 32},
                        {-65000, 32}, {-65008, 32}, {-64976, 32}, {2.5, 1}};
  std::vector<double> got;
  for (const Case& c : cases) got.push_back(answer(c.x, c.gap));
  for (size_t i = 0; i < got.size(); ++i) {
    const double want = round_to_even(cases[i].x, cases[i].gap);
    if (got[i] == want) continue;
    Verdict v{.where = "x = " + shown(cases[i].x) + ", gap " + shown(cases[i].gap),
              .yours = shown(got[i]),
              .expected = shown(want)};
    for (const auto& s : rounding_slips) {
      bool all = true;
      for (size_t k = 0; k < got.size(); ++k) all &= got[k] == s.function(cases[k].x, cases[k].gap);
      if (!all) continue;
      v.misconception = s.name;
      v.says = s.says;
      break;
    }
    return v;
  }
  return Verdict::passed();
}

// ---------------------------------------------------------------------------- formats

// [format]
// Everything about a format follows from the widths of its two fields.
struct Format {
  const char* name;
  int exponent, fraction;
  int bias() const { return (1 << (exponent - 1)) - 1; }
  double epsilon() const { return std::ldexp(1.0, -fraction); }
  double largest() const { return std::ldexp(2 - epsilon(), bias()); }
  double smallest_normal() const { return std::ldexp(1.0, 1 - bias()); }
  double smallest() const { return std::ldexp(epsilon(), 1 - bias()); }
};
constexpr Format formats[] = {{"f16", 5, 10}, {"bf16", 8, 7}, {"f32", 8, 23}, {"f64", 11, 52}};
// [end]

std::string scientific(double v) {
  char out[32];
  std::snprintf(out, sizeof out, "%.3e", v);
  return out;
}

// Bits `high` to `low` of a word.
std::string bits_of(uint32_t word, int high, int low) {
  std::string out;
  for (int i = high; i >= low; --i) out += (word >> i & 1u) != 0 ? '1' : '0';
  return out;
}

Drawing bits_of_f32(float x) {
  const auto word = std::bit_cast<uint32_t>(x);
  Drawing d{.alt = "The 32 bits of " + text::number_f32(x) +
                   " in f32: one for the sign, eight for the exponent, 23 for the fraction."};
  d.terminal = "      " + bits_of(word, 31, 31) + "   " + bits_of(word, 30, 23) + "   " +
               bits_of(word, 22, 0) +
               "\n      │   │          └ fraction: 23 bits after the point of 1.…"
               "\n      │   └ exponent: 8 bits, the power of two plus 127"
               "\n      └ sign: 0 is plus\n";
  std::string cells;
  for (int i = 31; i >= 0; --i) {
    const int place = 31 - i;
    const int left = 8 + 13 * place + (place >= 1 ? 8 : 0) + (place >= 9 ? 8 : 0);
    const char* fill = place == 0 ? "var(--line)" : place < 9 ? "var(--r4)" : "var(--r1)";
    cells += "<rect x=\"" + std::to_string(left) +
             "\" y=\"20\" width=\"12\" height=\"22\" fill=\"" + fill + "\"/><text x=\"" +
             std::to_string(left + 6) +
             "\" y=\"35\" text-anchor=\"middle\" font-size=\"11\" fill=\"var(--ink)\">" +
             bits_of(word, i, i) + "</text>";
  }
  d.svg = "<svg viewBox=\"0 0 446 66\" role=\"img\" aria-label=\"" + escape_html(d.alt) + "\">" +
          cells +
          "<g font-size=\"11\" fill=\"var(--muted)\"><text x=\"4\" y=\"60\">sign</text><text "
          "x=\"50\" y=\"60\">exponent</text><text x=\"220\" y=\"60\">fraction</text></g></svg>";
  return d;
}

// All numbers from 0 to 16 of a toy format: two fraction bits, smallest normal number 1.
Drawing ruler() {
  Drawing d{
      .alt =
          "A ruler from 0 to 16 with the numbers of a tiny format: evenly spaced up to 2, and "
          "then twice as far apart after each power of two."};
  std::string marks(65, ' '), svg;
  for (double x = 0; x <= 16; x += gap_to_the_next(std::max(x, 0.25), 2, 0)) {
    marks[static_cast<size_t>(4 * x)] = '|';
    const std::string at = text::fixed(20 + 26 * x, 1);
    svg += "<path d=\"M" + at + " 14V34\" stroke=\"var(--accent)\" stroke-width=\"1.5\"/>";
  }
  std::string labels(68, ' ');
  for (const int x : {0, 1, 2, 4, 8, 16}) {
    const std::string word = std::to_string(x);
    labels.replace(static_cast<size_t>(4 * x), word.size(), word);
    svg += "<text x=\"" + std::to_string(20 + 26 * x) +
           "\" y=\"52\" text-anchor=\"middle\" font-size=\"11\" fill=\"var(--muted)\">" + word +
           "</text>";
  }
  labels.erase(labels.find_last_not_of(' ') + 1);
  d.terminal = "      " + marks + "\n      " + labels + "\n";
  d.svg = "<svg viewBox=\"0 0 456 60\" role=\"img\" aria-label=\"" + escape_html(d.alt) +
          "\"><path d=\"M20 34H436\" stroke=\"var(--line)\"/>" + svg + "</svg>";
  return d;
}

// [stuck]
// The smallest power of two at which adding one changes nothing.
template <class T>
T stuck() {
  const T one(1.0f);
  T x = one;
  while (x + one > x) x = x + x;
  return x;
}
// [end]
}  // namespace

LESSON(page) {
  // One number, bit by bit.
  const double asked = std::clamp(page.set("x", 0.1), 1e-30, 1e30);
  const auto x = static_cast<float>(asked);
  // [bits]
  const auto word = std::bit_cast<uint32_t>(x);
  const uint32_t sign = word >> 31;
  const int power = static_cast<int>(word >> 23 & 0xFF) - 127;
  const double significand = 1 + static_cast<double>(word & 0x7FFFFF) / 8388608;  // 2^23
  const double back = std::ldexp(significand, power);
  // [end]
  char hex[16];
  std::snprintf(hex, sizeof hex, "0x%08X", word);
  page.picture("bits", bits_of_f32(x));
  page.bind("x", text::number_f32(x));
  page.bind("hex", hex);
  page.bind("sign", static_cast<int64_t>(sign));
  page.bind("power", power);
  page.bind("field", power + 127);
  page.bind("bias", 127);
  page.bind("significand", text::significant(significand, 9));
  page.bind("back", text::significant(back, 17));
  page.bind("hit", static_cast<double>(x) == asked ? "It was hit exactly." : "It was missed.");
  page.bind("bits_f32", 32);
  page.bind("fraction_f32", 23);

  // The ruler.
  page.picture("ruler", ruler());
  page.bind("four", 4);
  page.bind("quarter", 0.25);

  // Formats.
  Table table{{"format", "exp.", "fraction", "epsilon", "largest", "smallest normal", "smallest"}};
  for (const Format& f : formats)
    table.push_back({f.name, std::to_string(f.exponent), std::to_string(f.fraction),
                     scientific(f.epsilon()), scientific(f.largest()),
                     scientific(f.smallest_normal()), scientific(f.smallest())});
  page.table("formats", table);
  page.bind("tiny_f16", scientific(formats[0].smallest_normal()));
  page.bind("least_f16", scientific(formats[0].smallest()));
  page.bind("largest_f16", formats[0].largest());
  page.bind("epsilon_f32", text::significant(formats[2].epsilon(), 5));
  page.bind("largest_f32", text::significant(formats[2].largest(), 5));
  page.bind("largest_bf16", text::significant(formats[1].largest(), 5));

  // What becomes of a number.
  // [stored]
  const double in_f16 = to_f64(Float16(65000.0));
  const double too_large = to_f64(Float16(70000.0));
  const double pi_in_bf16 = to_f64(BFloat16(std::numbers::pi));
  // [end]
  page.bind("wanted", 65000.0);
  page.bind("in_f16", in_f16);
  page.bind("gap", gap_to_the_next(65000, 10, -14));
  page.bind("wanted_more", 70000.0);
  page.bind("too_large", too_large);
  page.bind("pi_in_bf16", text::significant(pi_in_bf16, 7));
  page.bind("pi_in_f16", text::significant(to_f64(Float16(std::numbers::pi)), 9));
  Plot gaps{.id = "gaps",
            .title =
                "Distance to the next number against the size of the number, for three "
                "formats: a stair upwards, flat at the left end of f16",
            .x_label = "size of the number, as a power of two",
            .lines = {},
            .log = true};
  size_t shade = 1;
  for (const Format& f : {formats[0], formats[1], formats[2]}) {
    Line line{.label = f.name, .x = {}, .y = {}, .colour = ramp_colour(shade++, 4)};
    for (int e = -30; e <= std::min(20, f.bias()); ++e) {
      line.x.push_back(e);
      line.y.push_back(gap_to_the_next(std::ldexp(1.0, e), f.fraction, 1 - f.bias()));
    }
    gaps.lines.push_back(line);
  }
  page.picture("gaps", gaps);
  page.bind("flat_at", -14);

  // The famous sum.
  // [sum]
  const double in_f64 = 0.1 + 0.2;
  const float in_f32 = 0.1f + 0.2f;
  const bool equal_f64 = in_f64 == 0.3;
  const bool equal_f32 = in_f32 == 0.3f;
  // [end]
  page.bind("a", 0.1);
  page.bind("b", 0.2);
  page.bind("c", 0.3);
  page.bind("sum_f64", text::significant(in_f64, 17));
  page.bind("third_f64", text::significant(0.3, 17));
  page.bind("sum_f32", text::significant(static_cast<double>(in_f32), 17));
  page.bind("third_f32", text::significant(static_cast<double>(0.3f), 17));
  page.bind("equal_f64", equal_f64 ? "equal" : "not equal");
  page.bind("equal_f32", equal_f32 ? "equal" : "not equal");
  page.bind("left_first", text::number((0.1 + 0.2) + 0.3));
  page.bind("right_first", text::number(0.1 + (0.2 + 0.3)));

  // Adding nothing.
  page.table(
      "stuck",
      {{"format", "f16", "bf16", "f32", "f64"},
       {"one more is lost at", shown(to_f64(stuck<Float16>())), shown(to_f64(stuck<BFloat16>())),
        text::fixed(static_cast<double>(stuck<float>()), 0), text::fixed(stuck<double>(), 0)}});
  // [adding]
  const std::vector<float> tenths(100000, 0.1f);
  const float one_by_one = naive_sum(tenths);
  const float halves_first = pairwise_sum(tenths);
  const float with_carry = kahan_sum(tenths);
  // [end]
  Float16 small_sum(0.0f);
  for (int i = 0; i < 100000; ++i) small_sum = small_sum + Float16(0.1f);
  page.bind("tenths", 100000.0);
  page.bind("sum_true", 10000.0);
  page.bind("sum_f16", to_f64(small_sum));
  page.bind("one_by_one", static_cast<double>(one_by_one), 2);
  page.bind("halves_first", static_cast<double>(halves_first), 2);
  page.bind("with_carry", static_cast<double>(with_carry), 2);

  page.exercise(Predict{
      .name = "gap-near-1000",
      .answer = 0.5,
      .tolerance = 1e-4,
      .wrong = {{1, "one power of two too far",
                 "1000 lies between 512 and 1024, and the lower one decides: two to the power 9."},
                {0.0009765625, "machine epsilon",
                 "This is the gap just above 1. At 1000 the marks lie further apart."},
                {0.9765625, "epsilon times x",
                 "Between two powers of two the gap does not change. Take the one below 1000."},
                {0.25, "half a gap", "By so much rounding can be off. The marks are twice as far."},
                {32, "gap near the largest", "This is the gap at 65000."},
                {4, "bf16 for f16", "That is the format with 7 fraction bits. f16 has 10."},
                {0.00006103515625, "f32 for f16",
                 "That is the format with 23 fraction bits. f16 has 10."}}});
  page.exercise(Choose{
      .name = "which-is-true",
      .answer = "quarters",
      .choices = {{"quarters", "0.5 + 0.25 == 0.75", "", ""},
                  {"tenths", "0.1 + 0.2 == 0.3", "decimal digits taken for binary ones",
                   "None of the three is a sum of a few powers of two. The errors do not match."},
                  {"minus", "0.3 - 0.2 == 0.1", "subtracting taken for exact",
                   "The subtraction is exact here, and so it lays bare the errors of 0.3 and 0.2."},
                  {"thrice", "3 * 0.1 == 0.3", "whole factors taken for harmless",
                   "Three times the error of 0.1 is more than the error of 0.3."},
                  {"large", "1e16 + 1 > 1e16", "one taken for always large enough",
                   "At 1e16 the marks are 2 apart. One more lies between two of them."},
                  {"inverse", "1.0 / 49 * 49 == 1", "dividing and multiplying taken for inverse",
                   "1 / 49 was rounded already, and 49 times that error is enough to miss 1."},
                  {"order", "(0.1 + 0.2) + 0.3 == 0.1 + (0.2 + 0.3)", "order taken for irrelevant",
                   "Each bracket rounds another sum. The last digits differ."}}});
  Fill<Spacing> gap{.name = "gap-to-the-next", .solution = gap_to_the_next, .check = check_gap};
  for (const auto& s : gap_slips) gap.wrong.push_back({s.name, s.function});
  page.exercise(std::move(gap));
  Fill<Rounding> rounding{
      .name = "round-to-even", .solution = round_to_even, .check = check_rounding};
  for (const auto& s : rounding_slips) rounding.wrong.push_back({s.name, s.function});
  page.exercise(std::move(rounding));
}
