// The generators. A digit is a few pen strokes: bend them, map them by a random affine, and let
// every piece ink the pixels near it. Random numbers are addressed by (seed, example).
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gradus/train/generate.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace gradus {
namespace {

constexpr float pi = std::numbers::pi_v<float>;

// "data" in ASCII: keeps these draws apart from all others made with the same seed.
constexpr uint64_t data_stream = 0x64617461;

constexpr GeneratorInfo all_generators[] = {
    {"digits", "handwritten-like digits, 8x8 pixels", 10, 8, 1, 16000, 0.04},
    {"digits28", "handwritten-like digits, 28x28 pixels", 10, 28, 1, 12000, 0.06},
    {"shapes", "ten shapes in colour, 32x32 pixels", 10, 32, 3, 6000, 0.06},
    {"spirals", "three spiral arms in the plane", 3, 0, 1, 1500, 0.03},
    {"moons", "two half moons that reach into each other", 2, 0, 1, 1000, 0.15},
    {"circles", "a circle inside a circle", 2, 0, 1, 1000, 0.08},
    {"blobs", "three round clouds", 3, 0, 1, 1500, 0.6},
    {"xor", "four clouds on the corners of a square; opposite corners share a class", 2, 0, 1, 1000,
     0.15},
};

// The random numbers of one example: the Philox words at counters (0, 1, 2, ...; use; index).
class Draw {
 public:
  Draw(Key key, uint32_t use, int64_t index)
      : key_{static_cast<uint32_t>(key.value), static_cast<uint32_t>(key.value >> 32)},
        counter_{0, use, static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32)} {}

  uint32_t bits() {
    if (used_ == words_.size()) {
      words_ = philox(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return words_[used_++];
  }
  // 24 bits fill a float's mantissa: uniform in [0, 1).
  float uniform() { return static_cast<float>(bits() >> 8) * 0x1p-24f; }
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  float either_way(float most) { return uniform(-most, most); }
  // Off from equal chances by less than n / 2^32.
  size_t below(size_t n) { return static_cast<size_t>(uint64_t{bits()} * n >> 32); }

 private:
  PhiloxKey key_;
  PhiloxCounter counter_, words_{};
  size_t used_ = 4;
};

// Never 0: that is where split() draws.
enum Use : uint32_t { round_order = 1, content };

// Member `index` of a deck 0 .. n-1 that is shuffled and dealt anew every n examples.
int dealt(Key key, int64_t index, int n) {
  Draw draw(key, round_order, index / n);
  std::array<int, 10> deck;
  const auto size = static_cast<size_t>(n), wanted = static_cast<size_t>(index % n);
  std::iota(deck.begin(), deck.begin() + n, 0);
  for (size_t k = 0; k <= wanted; ++k) std::swap(deck[k], deck[k + draw.below(size - k)]);
  return deck[wanted];
}

struct Point {
  float x, y;
};
struct Stroke {
  bool curved;  // a smooth curve through the points, or straight lines
  std::vector<Point> points;
};
using Glyph = std::vector<Stroke>;

// Two or three ways to write each digit, in percent of its height, y downwards, about 60 x 100.
const std::vector<Glyph>& glyphs(int digit) {
  constexpr bool curve = true, line = false;
  // clang-format off
  static const std::array<std::vector<Glyph>, 10> all = {{
    {{{curve, {{30, 0}, {8, 14}, {0, 50}, {8, 86}, {30, 100}, {52, 86}, {60, 50}, {52, 14},
               {30, 0}}}},
     {{curve, {{44, 8}, {24, 0}, {4, 24}, {2, 66}, {20, 98}, {44, 94}, {58, 60}, {52, 18}, {30, 2},
               {18, 12}}}}},
    {{{line, {{30, 0}, {30, 100}}}},
     {{line, {{12, 22}, {34, 0}, {34, 100}}}},
     {{line, {{12, 20}, {32, 0}, {32, 100}}}, {line, {{8, 100}, {56, 100}}}}},
    {{{curve, {{4, 24}, {14, 5}, {34, 0}, {54, 12}, {54, 34}, {34, 62}, {0, 100}}},
      {line, {{0, 100}, {60, 100}}}},
     {{curve, {{4, 20}, {20, 2}, {44, 2}, {56, 22}, {44, 54}, {20, 88}, {6, 97}, {0, 86}, {14, 78},
               {36, 92}, {60, 98}}}}},
    {{{curve, {{4, 12}, {28, 0}, {52, 12}, {50, 36}, {22, 47}}},
      {curve, {{22, 47}, {54, 56}, {58, 80}, {32, 100}, {2, 88}}}},
     {{line, {{4, 0}, {56, 0}, {26, 40}}},
      {curve, {{26, 40}, {50, 46}, {60, 72}, {42, 97}, {16, 100}, {0, 88}}}}},
    {{{line, {{12, 0}, {2, 60}, {60, 60}}}, {line, {{46, 30}, {42, 100}}}},
     {{line, {{44, 100}, {44, 0}, {0, 66}, {60, 66}}}},
     {{curve, {{6, 2}, {2, 34}, {14, 52}, {36, 50}, {50, 36}}}, {line, {{52, 2}, {46, 100}}}}},
    {{{line, {{56, 0}, {10, 0}, {6, 44}}},
      {curve, {{6, 44}, {32, 36}, {56, 50}, {56, 82}, {32, 100}, {2, 90}}}},
     {{curve, {{54, 2}, {22, 4}, {8, 30}, {30, 46}, {54, 66}, {44, 94}, {20, 100}, {0, 88}}}}},
    {{{curve, {{48, 4}, {22, 14}, {4, 50}, {4, 80}, {26, 100}, {52, 90}, {54, 64}, {34, 50},
               {10, 62}, {4, 78}}}},
     {{curve, {{36, 0}, {14, 36}, {2, 74}, {20, 99}, {46, 96}, {56, 76}, {42, 58}, {20, 62},
               {6, 84}}}}},
    {{{line, {{0, 0}, {58, 0}, {20, 100}}}},
     {{line, {{0, 0}, {58, 0}, {22, 100}}}, {line, {{14, 52}, {54, 50}}}},
     {{line, {{2, 18}, {2, 2}, {58, 0}}}, {curve, {{58, 0}, {36, 42}, {26, 100}}}}},
    {{{curve, {{52, 14}, {30, 0}, {8, 12}, {10, 32}, {30, 47}, {52, 62}, {54, 86}, {30, 100},
               {5, 86}, {8, 62}, {30, 47}, {50, 32}, {52, 14}}}},
     {{curve, {{30, 0}, {9, 22}, {30, 46}, {51, 22}, {30, 0}}},
      {curve, {{30, 46}, {2, 72}, {30, 100}, {58, 72}, {30, 46}}}}},
    {{{curve, {{54, 24}, {40, 2}, {14, 6}, {4, 28}, {20, 50}, {44, 44}, {54, 24}}},
      {line, {{54, 20}, {46, 100}}}},
     {{curve, {{52, 34}, {30, 50}, {6, 36}, {8, 10}, {32, 0}, {54, 16}, {56, 54}, {42, 92},
               {8, 96}}}}},
  }};
  // clang-format on
  return all[static_cast<size_t>(digit)];
}

// How far the digits stray from their glyphs. Where nothing is said, a length is in picture sides.
// Strong enough for a linear classifier to stay near 86 %, weak enough to read.
struct Style {
  float height_low = 0.62f, height_high = 0.84f;
  float aspect_low = 0.7f, aspect_high = 1.2f;
  float turn = 0.2f;    // radians either way
  float shear = 0.2f;   // sideways per height, either way
  float shift = 0.11f;  // of the side, either way
  float warp = 3;       // percent of the glyph's height: waves that bend the whole glyph
  float jitter = 2;     // percent: each control point on its own
  float width_low = 0.08f, width_high = 0.13f;
  float ink_low = 0.7f;
  float blot = 0.1f;  // chance that a spot of ink is missing
};
constexpr Style style{};

class DigitPainter {
 public:
  DigitPainter(int side, float noise) : side_(side), length_(static_cast<float>(side)) {
    // Evenly spread over the bytes; 73.9 is the deviation of 0 .. 255.
    for (size_t byte = 0; byte < noise_.size(); ++byte)
      noise_[byte] = noise * (static_cast<float>(byte) - 127.5f) / 73.9f;
  }

  void paint(int digit, Draw& draw, std::span<float> pixels) {
    const auto& variants = glyphs(digit);
    const Glyph& glyph = variants[draw.below(variants.size())];
    place(draw);
    // Half the pen's width, and half a pixel over which its edge fades.
    const float reach = 0.5f * length_ * draw.uniform(style.width_low, style.width_high) + 0.5f;
    const float ink = draw.uniform(style.ink_low, 1);
    // A pixel first holds its squared distance to the nearest stroke, as far as the pen reaches.
    std::fill(pixels.begin(), pixels.end(), reach * reach);
    for (const Stroke& stroke : glyph) {
      bend(stroke, draw);
      for (size_t i = 0; i + 1 < path_.size(); ++i) press(path_[i], path_[i + 1], reach, pixels);
    }
    for (float& p : pixels)
      p = p < reach * reach ? ink * std::min(1.0f, reach - std::sqrt(p)) : 0.0f;
    if (draw.uniform() < style.blot) rub(draw, pixels);
    for (size_t i = 0; i < pixels.size(); i += 4) {  // both sizes are multiples of 4
      uint32_t word = draw.bits();
      for (size_t k = i; k < i + 4; ++k, word >>= 8) {
        const float v = pixels[k] + noise_[word & 255];
        // (v + |v|) / 2 is max(v, 0) without a branch, which noise would mispredict half the time.
        pixels[k] = std::min(1.0f, 0.5f * (v + std::abs(v)));
      }
    }
  }

 private:
  // Chooses this digit's affine map (glyph percent -> pixels) and its two bending waves.
  void place(Draw& draw) {
    const float high = length_ * draw.uniform(style.height_low, style.height_high) / 100;
    const float wide = high * draw.uniform(style.aspect_low, style.aspect_high);
    const float turn = draw.either_way(style.turn);
    const float shear = draw.either_way(style.shear);
    const float c = std::cos(turn), s = std::sin(turn);
    xx_ = c * wide, xy_ = c * shear * high - s * high;
    yx_ = s * wide, yy_ = s * shear * high + c * high;
    x0_ = length_ * (0.5f + draw.either_way(style.shift));
    y0_ = length_ * (0.5f + draw.either_way(style.shift));
    for (Wave& w : waves_) {
      // A wave is 80 to 200 percent of the glyph's height long: it bends, it does not ripple.
      const float frequency = 2 * pi / draw.uniform(80, 200), heading = draw.uniform(0, 2 * pi);
      w = {frequency * std::cos(heading), frequency * std::sin(heading), draw.uniform(0, 2 * pi),
           style.warp * draw.uniform()};
    }
  }

  // Leaves the bent stroke in path_, a chain of places in pixels.
  void bend(const Stroke& stroke, Draw& draw) {
    knots_.clear();
    for (const Point p : stroke.points)
      knots_.push_back({p.x + draw.either_way(style.jitter), p.y + draw.either_way(style.jitter)});
    constexpr int pieces = 4;  // a span; then no corner shows at 28x28
    path_.clear();
    const size_t n = knots_.size();
    for (size_t i = 0; i + 1 < n; ++i) {
      const Point b = knots_[i], c = knots_[i + 1];
      const Point a = i > 0 ? knots_[i - 1] : b, d = i + 2 < n ? knots_[i + 2] : c;
      for (int k = 0; k < pieces; ++k) {
        const float t = static_cast<float>(k) / pieces;
        path_.push_back(to_pixels(stroke.curved
                                      ? spline(a, b, c, d, t)
                                      : Point{b.x + t * (c.x - b.x), b.y + t * (c.y - b.y)}));
      }
    }
    path_.push_back(to_pixels(knots_[n - 1]));
  }

  // Catmull-Rom: the cubic from b at t = 0 to c at t = 1 with end slopes (c - a)/2 and (d - b)/2.
  static Point spline(Point a, Point b, Point c, Point d, float t) {
    const auto along = [t](float p, float q, float r, float s) {
      return q + 0.5f * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
    };
    return {along(a.x, b.x, c.x, d.x), along(a.y, b.y, c.y, d.y)};
  }

  Point to_pixels(Point p) const {
    const Wave &u = waves_[0], &v = waves_[1];
    const float x = p.x - 30 + u.height * std::sin(u.x * p.x + u.y * p.y + u.phase);
    const float y = p.y - 50 + v.height * std::sin(v.x * p.x + v.y * p.y + v.phase);
    return {x0_ + xx_ * x + xy_ * y, y0_ + yx_ * x + yy_ * y};
  }

  // Lowers the squared distances around the segment from a to b.
  void press(Point a, Point b, float reach, std::span<float> pixels) const {
    const auto first = [](float v) { return std::max(0, static_cast<int>(v + 0.5f)); };
    const auto end = [this](float v) { return std::min(side_, static_cast<int>(v + 0.5f)); };
    const float dx = b.x - a.x, dy = b.y - a.y;
    const float length2 = dx * dx + dy * dy, per_length2 = 1 / std::max(length2, 1e-12f);
    const int first_col = first(std::min(a.x, b.x) - reach);
    const int end_col = end(std::max(a.x, b.x) + reach), end_row = end(std::max(a.y, b.y) + reach);
    for (int row = first(std::min(a.y, b.y) - reach); row < end_row; ++row) {
      float* line = pixels.data() + row * side_;
      const float y = static_cast<float>(row) + 0.5f - a.y;
      for (int col = first_col; col < end_col; ++col) {
        const float x = static_cast<float>(col) + 0.5f - a.x;
        const float t = std::min(length2, std::max(0.0f, x * dx + y * dy)) * per_length2;
        const float off_x = x - t * dx, off_y = y - t * dy;
        line[col] = std::min(line[col], off_x * off_x + off_y * off_y);
      }
    }
  }

  // Rubs out a round spot, up to a fifth of the side across.
  void rub(Draw& draw, std::span<float> pixels) const {
    const float x = length_ * draw.uniform(0.2f, 0.8f), y = length_ * draw.uniform(0.2f, 0.8f);
    const float radius = length_ * draw.uniform(0.05f, 0.1f);
    for (size_t i = 0; i < pixels.size(); ++i) {
      const int row = static_cast<int>(i) / side_, col = static_cast<int>(i) % side_;
      const float distance =
          std::hypot(static_cast<float>(col) + 0.5f - x, static_cast<float>(row) + 0.5f - y);
      pixels[i] *= std::clamp(distance - radius + 0.5f, 0.0f, 1.0f);
    }
  }

  struct Wave {
    float x, y, phase, height;
  };
  int side_;
  float length_;  // side_ as a float
  std::array<float, 256> noise_{};
  float xx_ = 0, xy_ = 0, yx_ = 0, yy_ = 0, x0_ = 0, y0_ = 0;
  std::array<Wave, 2> waves_{};
  std::vector<Point> knots_, path_;
};

Point on_circle(float radius, float angle) {
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

// The noiseless place of one example of a plane set.
Point place_in_plane(std::string_view name, int member, Draw& draw) {
  const float t = draw.uniform();
  if (name == "spirals") {
    // One full turn an arm, from 0.1 to 1 from the centre; the arms lie a third of a turn apart.
    return on_circle(0.1f + 0.9f * t, 2 * pi * (t + static_cast<float>(member) / 3));
  }
  if (name == "moons") {
    const Point p = on_circle(1, pi * t);
    return member == 0 ? p : Point{1 - p.x, 0.5f - p.y};
  }
  if (name == "circles") return on_circle(member == 0 ? 1 : 0.5f, 2 * pi * t);
  if (name == "blobs") return on_circle(2, 2 * pi * static_cast<float>(member) / 3 + pi / 2);
  return {static_cast<float>(member & 1), static_cast<float>(member >> 1)};  // xor's corners
}

void draw_points(Key key, std::string_view name, float noise, Generated& out) {
  const bool corners = name == "xor";  // four places, two classes
  fill_normal(split(key, 0), 0, out.x);
  for (int64_t i = 0; i < out.examples; ++i) {
    const int member = dealt(key, i, corners ? 4 : out.classes);
    Draw draw(key, content, i);
    const Point p = place_in_plane(name, member, draw);
    float* row = out.x.data() + 2 * i;
    row[0] = p.x + noise * row[0];
    row[1] = p.y + noise * row[1];
    out.y[static_cast<size_t>(i)] = corners ? (member & 1) ^ (member >> 1) : member;
  }
}

void draw_digits(Key key, int side, float noise, Generated& out) {
  DigitPainter painter(side, noise);
  const auto size = static_cast<size_t>(side * side);
  for (int64_t i = 0; i < out.examples; ++i) {
    const int digit = dealt(key, i, out.classes);
    Draw draw(key, content, i);
    painter.paint(digit, draw, {out.x.data() + static_cast<size_t>(i) * size, size});
    out.y[static_cast<size_t>(i)] = digit;
  }
}

constexpr std::string_view shape_names[] = {"disk",  "ring", "square", "frame",    "triangle",
                                            "cross", "star", "bar",    "crescent", "pair"};

// Whether a point of the plane lies on the shape, which fills about [-1, 1] x [-1, 1].
bool is_on(int shape, Point p) {
  const float r = std::hypot(p.x, p.y), box = std::max(std::abs(p.x), std::abs(p.y));
  const auto near = [&](float x, float y, float radius) {
    return std::hypot(p.x - x, p.y - y) < radius;
  };
  switch (shape) {
    case 0:
      return r < 0.9f;
    case 1:
      return r < 0.95f && r > 0.5f;
    case 2:
      return box < 0.78f;
    case 3:
      return box < 0.85f && box > 0.45f;
    case 4:  // the sides of x = +-(0.9 + y) / 1.8
      return p.y < 0.8f && std::abs(p.x) < (0.9f + p.y) / 1.8f;
    case 5:
      return box < 0.95f && std::min(std::abs(p.x), std::abs(p.y)) < 0.3f;
    case 6: {  // five rays: the radius falls by a line between a tip and a notch
      const float turn = std::atan2(p.y, p.x) / (2 * pi) * 5,
                  off = std::abs(turn - std::round(turn));
      return r < 1 - 1.2f * off;
    }
    case 7:
      return std::abs(p.x) < 0.95f && std::abs(p.y) < 0.28f;
    case 8:
      return r < 0.95f && !near(0.42f, 0, 0.75f);
    default:
      return near(-0.55f, 0, 0.42f) || near(0.55f, 0, 0.42f);
  }
}

// One shape in a colour of its own on a ground of two colours that pass into each other, turned,
// moved and scaled; the edge is sampled three by three a pixel.
void draw_shape(int shape, float noise, int side, Draw& draw, std::span<float> pixels) {
  const float length = static_cast<float>(side), size = length * draw.uniform(0.22f, 0.4f);
  const float reach = length / 2 - size;
  const Point centre{length / 2 + draw.either_way(reach), length / 2 + draw.either_way(reach)};
  const float turn = draw.either_way(0.6f), c = std::cos(turn), s = std::sin(turn);
  const float wide = draw.uniform(0.8f, 1.2f), heading = draw.uniform(0, 2 * pi);
  std::array<float, 3> ink, from, to;
  do {  // until the shape stands out
    for (float& v : ink) v = draw.uniform();
    for (float& v : from) v = draw.uniform();
    for (size_t p = 0; p < 3; ++p) to[p] = std::clamp(from[p] + draw.either_way(0.4f), 0.0f, 1.0f);
  } while (std::abs(ink[0] - from[0]) + std::abs(ink[1] - from[1]) + std::abs(ink[2] - from[2]) <
           0.8f);
  const auto plane = static_cast<size_t>(side * side);
  for (int row = 0; row < side; ++row)
    for (int col = 0; col < side; ++col) {
      constexpr int each = 3;
      int hits = 0;
      for (int i = 0; i < each * each; ++i) {
        const float x = static_cast<float>(col) + (static_cast<float>(i % each) + 0.5f) / each -
                        centre.x,
                    y = static_cast<float>(row) + (static_cast<float>(i / each) + 0.5f) / each -
                        centre.y;
        hits += is_on(shape, {(c * x + s * y) / (size * wide), (c * y - s * x) / size});
      }
      const float share = static_cast<float>(hits) / (each * each);
      const float x = static_cast<float>(col) / length - 0.5f,
                  y = static_cast<float>(row) / length - 0.5f;
      const float t = std::clamp(0.5f + std::cos(heading) * x + std::sin(heading) * y, 0.0f, 1.0f);
      for (size_t p = 0; p < 3; ++p) {
        const float ground = from[p] + t * (to[p] - from[p]);
        // Evenly spread, of the deviation asked for.
        const float grain = noise * std::sqrt(12.0f) * (draw.uniform() - 0.5f);
        pixels[p * plane + static_cast<size_t>(row * side + col)] =
            std::clamp(ground + share * (ink[p] - ground) + grain, 0.0f, 1.0f);
      }
    }
}

void draw_shapes(Key key, int side, float noise, Generated& out) {
  const auto size = static_cast<size_t>(3 * side * side);
  for (int64_t i = 0; i < out.examples; ++i) {
    const int shape = dealt(key, i, out.classes);
    Draw draw(key, content, i);
    draw_shape(shape, noise, side, draw, {out.x.data() + static_cast<size_t>(i) * size, size});
    out.y[static_cast<size_t>(i)] = shape;
  }
}

}  // namespace

std::span<const GeneratorInfo> generators() {
  return all_generators;
}

const GeneratorInfo& generator(std::string_view name) {
  std::vector<std::string_view> names;
  for (const GeneratorInfo& g : all_generators) {
    if (g.name == name) return g;
    names.push_back(g.name);
  }
  std::string message = "generate: no generator is called '" + std::string(name) + "'. There are " +
                        text::join(names, ", ") + ".";
  if (const auto near = text::nearest(name, names))
    message += " Did you mean '" + std::string(*near) + "'?";
  raise(ErrorKind::usage, message);
}

Generated generate(std::string_view name, int64_t examples, uint64_t seed,
                   std::optional<double> noise) {
  const GeneratorInfo& info = generator(name);
  // Ten million 28x28 pictures already fill 31 GB.
  if (examples < 1 || examples > 10'000'000)
    raise(ErrorKind::usage, "generate: " + std::to_string(examples) + " examples of " +
                                std::string(name) + ". Ask for 1 to 10000000.");
  const double spread = noise.value_or(info.noise);
  if (!(spread >= 0 && spread <= 1e6))
    raise(ErrorKind::usage, "generate: noise " + text::number(spread) + " for " +
                                std::string(name) + ". Noise is a standard deviation: 0 to 1e6.");

  const auto count = static_cast<size_t>(examples), side = static_cast<size_t>(info.side);
  const auto planes = static_cast<size_t>(info.planes);
  const size_t width = side ? planes * side * side : 2;
  Generated out;
  out.name = info.name;
  out.examples = examples;
  out.feature_shape = {static_cast<int64_t>(width)};
  out.classes = info.classes;
  out.image_rows = out.image_cols = info.side;
  for (size_t k = 0; k < width; ++k) {
    const size_t at = side ? k % (side * side) : k;
    out.feature_names.push_back(
        side ? (planes > 1 ? std::string(1, "rgb"[k / (side * side)]) + "_" : "pixel_") +
                   std::to_string(at / side) + "_" + std::to_string(at % side)
             : "x" + std::to_string(k));
  }
  for (int c = 0; c < info.classes; ++c)
    out.class_names.push_back(planes > 1 ? std::string(shape_names[c]) : std::to_string(c));

  out.x.resize(count * width);
  out.y.resize(count);
  const Key key = split(key_from_seed(seed), data_stream);
  if (planes > 1)
    draw_shapes(key, info.side, static_cast<float>(spread), out);
  else if (side)
    draw_digits(key, info.side, static_cast<float>(spread), out);
  else
    draw_points(key, info.name, static_cast<float>(spread), out);
  return out;
}

}  // namespace gradus
