// Uniform and normal draws, a vector of Philox blocks at a time. Each lane of 64 bits works on one
// block and does what one block alone would do, operation for operation: the bits do not depend on
// the vector's length.
#include <gradus/base/random.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numbers>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/base/fill.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Bits = hn::ScalableTag<uint64_t>;
using Reals = hn::ScalableTag<double>;
using B = hn::Vec<Bits>;
using R = hn::Vec<Reals>;

HWY_INLINE B bits(uint64_t x) {
  return hn::Set(Bits(), x);
}
HWY_INLINE R real(double x) {
  return hn::Set(Reals(), x);
}

// The product of the low halves of each lane.
HWY_INLINE B product(B a, B b) {
#if HWY_TARGET == HWY_SCALAR
  return B(uint64_t{static_cast<uint32_t>(a.raw)} * static_cast<uint32_t>(b.raw));
#else
  const hn::Repartition<uint32_t, Bits> halves;
  return hn::MulEven(hn::BitCast(halves, a), hn::BitCast(halves, b));
#endif
}

// A block a lane, word by word: in the low half of the lane, the upper half holds anything.
// Neighbouring lanes hold blocks half a vector apart, 0 4 1 5 2 6 3 7, so that interleaving within
// 128 bits gives the blocks in order.
struct Words {
  B w0, w1, w2, w3;
};
HWY_INLINE B block_of_lane() {
  const B lane = hn::Iota(Bits(), 0), odd = hn::Sub(bits(0), hn::And(lane, bits(1)));
  return hn::Add(hn::ShiftRight<1>(lane), hn::And(odd, bits(hn::Lanes(Bits()) / 2)));
}
// What a block gives, in order, as two lanes of 64 bits.
struct Halves {
  B first, second;
};
HWY_INLINE void store(Halves h, uint64_t* to) {
#if HWY_TARGET == HWY_SCALAR
  std::memcpy(to, &h.first.raw, sizeof(uint64_t));
  std::memcpy(to + 1, &h.second.raw, sizeof(uint64_t));
#else
  hn::StoreU(hn::InterleaveLower(h.first, h.second), Bits(), to);
  hn::StoreU(hn::InterleaveUpper(Bits(), h.first, h.second), Bits(), to + hn::Lanes(Bits()));
#endif
}

// philox() of base/random.h on four vectors of consecutive blocks, side by side: a round is a chain
// of operations that each wait for the last.
class Blocks {
 public:
  Blocks(uint64_t key, Stream stream) : places_(block_of_lane()) {
    auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (auto& k : keys_) {
      k = {bits(k0), bits(k1)};
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    keys_[0][1] = hn::Xor(keys_[0][1], bits(static_cast<uint32_t>(stream)));
  }

  HWY_INLINE void operator()(uint64_t block, Words& x, Words& y, Words& z, Words& w) const {
    const size_t lanes = hn::Lanes(Bits());
    x = start(block);
    y = start(block + lanes);
    z = start(block + 2 * lanes);
    w = start(block + 3 * lanes);
    for (size_t i = 1; i < keys_.size(); ++i) {
      x = round(x, keys_[i]);
      y = round(y, keys_[i]);
      z = round(z, keys_[i]);
      w = round(w, keys_[i]);
    }
  }

 private:
  // The first round: the third word of a counter is 0, the fourth is the stream.
  HWY_INLINE Words start(uint64_t block) const {
    const B counter = hn::Add(bits(block), places_), a = product(bits(0xD2511F53), counter);
    return {hn::Xor(hn::ShiftRight<32>(counter), keys_[0][0]), bits(0),
            hn::Xor(hn::ShiftRight<32>(a), keys_[0][1]), a};
  }
  static HWY_INLINE Words round(const Words& c, const std::array<B, 2>& key) {
    const B a = product(bits(0xD2511F53), c.w0), b = product(bits(0xCD9E8D57), c.w2);
    return {hn::Xor3(hn::ShiftRight<32>(b), c.w1, key[0]), b,
            hn::Xor3(hn::ShiftRight<32>(a), c.w3, key[1]), a};
  }

  B places_;
  std::array<std::array<B, 2>, 10> keys_;
};

HWY_INLINE B low_half(B x) {
  return hn::And(x, bits(0xFFFFFFFF));
}
HWY_INLINE B join(B low, B high) {
  return hn::Or(low_half(low), hn::ShiftLeft<32>(high));
}
// Below 2^53, exactly.
HWY_INLINE R real_of(B x) {
  return hn::ConvertTo(Reals(), hn::BitCast(hn::RebindToSigned<Bits>(), x));
}
// x + more for x below 2^32 and small whole numbers, exactly: 2^52 + x has x in its last bits.
HWY_INLINE R real_of_half(B x, double more = 0) {
  return hn::Sub(hn::BitCast(Reals(), hn::Or(x, bits(0x4330000000000000))), real(0x1p52 - more));
}

// Two side by side, for the same reason.
struct Two {
  R a, b;
  HWY_INLINE Two(R x, R y) : a(x), b(y) {}
  HWY_INLINE Two(double x) : a(real(x)), b(a) {}
  friend HWY_INLINE Two operator+(Two x, Two y) { return {hn::Add(x.a, y.a), hn::Add(x.b, y.b)}; }
  friend HWY_INLINE Two operator-(Two x, Two y) { return {hn::Sub(x.a, y.a), hn::Sub(x.b, y.b)}; }
  friend HWY_INLINE Two operator*(Two x, Two y) { return {hn::Mul(x.a, y.a), hn::Mul(x.b, y.b)}; }
  friend HWY_INLINE Two operator/(Two x, Two y) { return {hn::Div(x.a, y.a), hn::Div(x.b, y.b)}; }
};

// Horner's rule: c[0] + c[1] x + c[2] x^2 + ...
template <size_t from = 0, size_t N>
HWY_INLINE Two polynomial(const std::array<double, N>& c, Two x) {
  if constexpr (from + 1 == N)
    return c[from];
  else
    return polynomial<from + 1>(c, x) * x + c[from];
}

// u = 2^exponent m with m in [1/sqrt 2, sqrt 2], for normal u > 0.
HWY_INLINE void split_exponent(R u, R& m, R& exponent) {
  const B b = hn::BitCast(Bits(), u);
  exponent = real_of_half(hn::ShiftRight<52>(b), -1023);
  m = hn::BitCast(Reals(), hn::Or(hn::And(b, bits(0x000FFFFFFFFFFFFF)), bits(0x3FF0000000000000)));
  const auto large = hn::Gt(m, real(std::numbers::sqrt2));
  m = hn::IfThenElse(large, hn::Mul(m, real(0.5)), m);
  exponent = hn::IfThenElse(large, hn::Add(exponent, real(1)), exponent);
}

// ln u within 2 ulp: ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172; the next term is below
// 2^-57 of the sum.
HWY_INLINE Two log_of(Two u) {
  static constexpr std::array<double, 11> series = {2.0,        2.0 / 3.0,  2.0 / 5.0,  2.0 / 7.0,
                                                    2.0 / 9.0,  2.0 / 11.0, 2.0 / 13.0, 2.0 / 15.0,
                                                    2.0 / 17.0, 2.0 / 19.0, 2.0 / 21.0};
  Two m = 0.0, exponent = 0.0;
  split_exponent(u.a, m.a, exponent.a);
  split_exponent(u.b, m.b, exponent.b);
  const Two s = (m - 1.0) / (m + 1.0);
  return exponent * std::numbers::ln2 + s * polynomial(series, s * s);
}

// c and s become (c, s), (-s, c), (-c, -s) or (s, -c) by the number of quarters.
HWY_INLINE void turn_by(R quarters, R& c, R& s) {
  const B q = hn::BitCast(Bits(), hn::Add(quarters, real(0x1p52)));
  const auto odd = hn::RebindMask(Reals(), hn::Ne(hn::And(q, bits(1)), bits(0)));
  const auto sign = [](B n) {
    return hn::BitCast(Reals(), hn::ShiftLeft<62>(hn::And(n, bits(2))));
  };
  const R x = hn::Xor(hn::IfThenElse(odd, s, c), sign(hn::Add(q, bits(1))));
  s = hn::Xor(hn::IfThenElse(odd, c, s), sign(q));
  c = x;
}

// cos and sin of `turn` whole turns, turn in [0, 1): a quarter turn is taken off exactly until
// |angle| <= pi/4, where Taylor's remainder is below 2^-57.
HWY_INLINE void cos_sin_of_turn(Two turn, Two& c, Two& s) {
  static constexpr std::array<double, 9> cosine = {1.0,
                                                   -1.0 / 2.0,
                                                   1.0 / 24.0,
                                                   -1.0 / 720.0,
                                                   1.0 / 40320.0,
                                                   -1.0 / 3628800.0,
                                                   1.0 / 479001600.0,
                                                   -1.0 / 87178291200.0,
                                                   1.0 / 20922789888000.0};
  static constexpr std::array<double, 9> sine = {1.0,
                                                 -1.0 / 6.0,
                                                 1.0 / 120.0,
                                                 -1.0 / 5040.0,
                                                 1.0 / 362880.0,
                                                 -1.0 / 39916800.0,
                                                 1.0 / 6227020800.0,
                                                 -1.0 / 1307674368000.0,
                                                 1.0 / 355687428096000.0};
  const Two near = turn * 4.0 + 0.5, quarters{hn::Floor(near.a), hn::Floor(near.b)};
  const Two angle = (turn - quarters * 0.25) * (2 * std::numbers::pi);
  const Two square = angle * angle;
  c = polynomial(cosine, square);
  s = angle * polynomial(sine, square);
  turn_by(quarters.a, c.a, s.a);
  turn_by(quarters.b, c.b, s.b);
}

// Box and Muller: u in (0, 1] and a turn in [0, 1) give two independent standard normals.
HWY_INLINE void normal_pair(Two u, Two turn, Two& x, Two& y) {
  const Two square = log_of(u) * -2.0, radius{hn::Sqrt(square.a), hn::Sqrt(square.b)};
  cos_sin_of_turn(turn, x, y);
  x = radius * x;
  y = radius * y;
}

using HalvesOfTwo = std::array<Halves, 2>;

struct UniformF32 {
  using T = float;
  static constexpr auto stream = Stream::uniform;
  static HWY_INLINE B units(B words) {
#if HWY_TARGET == HWY_SCALAR
    const auto unit = [](uint64_t word) {
      return uint64_t{std::bit_cast<uint32_t>(static_cast<float>(word >> 8) * 0x1p-24f)};
    };
    return B(unit(words.raw & 0xFFFFFFFF) | unit(words.raw >> 32) << 32);
#else
    const hn::Repartition<uint32_t, Bits> halves;
    const hn::Repartition<float, Bits> floats;
    const auto whole = hn::BitCast(hn::RebindToSigned<decltype(halves)>(),
                                   hn::ShiftRight<8>(hn::BitCast(halves, words)));
    return hn::BitCast(Bits(), hn::Mul(hn::ConvertTo(floats, whole), hn::Set(floats, 0x1p-24f)));
#endif
  }
  static HWY_INLINE Halves of(const Words& w) {
    return {units(join(w.w0, w.w1)), units(join(w.w2, w.w3))};
  }
  static HWY_INLINE HalvesOfTwo of(const Words& v, const Words& w) {
    return {of(v), of(w)};
  }
};

struct UniformF64 {
  using T = double;
  static constexpr auto stream = Stream::uniform;
  static HWY_INLINE B unit(B word) {
    return hn::BitCast(Bits(), hn::Mul(real_of(hn::ShiftRight<11>(word)), real(0x1p-53)));
  }
  static HWY_INLINE Halves of(const Words& w) {
    return {unit(join(w.w0, w.w1)), unit(join(w.w2, w.w3))};
  }
  static HWY_INLINE HalvesOfTwo of(const Words& v, const Words& w) { return {of(v), of(w)}; }
};

struct NormalF32 {
  using T = float;
  static constexpr auto stream = Stream::normal;
  static HWY_INLINE B singles(R x, R y) {
    const auto single = [](R z) {
      return hn::PromoteTo(Bits(), hn::BitCast(hn::Rebind<uint32_t, Bits>(),
                                               hn::DemoteTo(hn::Rebind<float, Reals>(), z)));
    };
    return hn::Or(single(x), hn::ShiftLeft<32>(single(y)));
  }
  static HWY_INLINE Halves of(const Words& w) {
    const auto half = [](B word, double more) { return real_of_half(low_half(word), more); };
    const Two u{half(w.w0, 1), half(w.w2, 1)}, turn{half(w.w1, 0), half(w.w3, 0)};
    Two x = 0.0, y = 0.0;
    normal_pair(u * 0x1p-32, turn * 0x1p-32, x, y);
    return {singles(x.a, y.a), singles(x.b, y.b)};
  }
  static HWY_INLINE HalvesOfTwo of(const Words& v, const Words& w) { return {of(v), of(w)}; }
};

struct NormalF64 {
  using T = double;
  static constexpr auto stream = Stream::normal;
  static HWY_INLINE HalvesOfTwo of(const Words& v, const Words& w) {
    const auto word = [](B low, B high) { return hn::ShiftRight<11>(join(low, high)); };
    const auto from_1 = [&](B low, B high) { return real_of(hn::Add(word(low, high), bits(1))); };
    const auto from_0 = [&](B low, B high) { return real_of(word(low, high)); };
    const Two u{from_1(v.w0, v.w1), from_1(w.w0, w.w1)};
    const Two turn{from_0(v.w2, v.w3), from_0(w.w2, w.w3)};
    Two x = 0.0, y = 0.0;
    normal_pair(u * 0x1p-53, turn * 0x1p-53, x, y);
    const auto half = [](R r) { return hn::BitCast(Bits(), r); };
    return {Halves{half(x.a), half(y.a)}, Halves{half(x.b), half(y.b)}};
  }
};

template <class Kind>
void fill(uint64_t key, uint64_t first, typename Kind::T* out, size_t n) {
  using T = typename Kind::T;
  constexpr size_t each = 16 / sizeof(T);  // numbers of one block
  const size_t lanes = hn::Lanes(Bits()), group = 4 * lanes * each;
  const Blocks blocks(key, Kind::stream);
  HWY_ALIGN uint64_t few[8 * hn::MaxLanes(Bits())];
  for (size_t done = 0; done < n;) {
    const uint64_t index = first + done;
    const size_t skipped = static_cast<size_t>(index % each),
                 count = std::min(group - skipped, n - done);
    Words x, y, z, w;
    blocks(index / each, x, y, z, w);
    uint64_t* to = count == group ? reinterpret_cast<uint64_t*>(out + done) : few;
    const HalvesOfTwo low = Kind::of(x, y), high = Kind::of(z, w);
    store(low[0], to);
    store(low[1], to + 2 * lanes);
    store(high[0], to + 4 * lanes);
    store(high[1], to + 6 * lanes);
    if (to == few)
      std::memcpy(out + done, reinterpret_cast<const T*>(few) + skipped, count * sizeof(T));
    done += count;
  }
}

void uniform_f32(uint64_t key, uint64_t first, float* out, size_t n) {
  fill<UniformF32>(key, first, out, n);
}
void uniform_f64(uint64_t key, uint64_t first, double* out, size_t n) {
  fill<UniformF64>(key, first, out, n);
}
void normal_f32(uint64_t key, uint64_t first, float* out, size_t n) {
  fill<NormalF32>(key, first, out, n);
}
void normal_f64(uint64_t key, uint64_t first, double* out, size_t n) {
  fill<NormalF64>(key, first, out, n);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus {

HWY_EXPORT(uniform_f32);
HWY_EXPORT(uniform_f64);
HWY_EXPORT(normal_f32);
HWY_EXPORT(normal_f64);

void fill_uniform(Key key, std::uint64_t first, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(uniform_f32)(key.value, first, out.data(), out.size());
}

void fill_uniform(Key key, std::uint64_t first, std::span<double> out) {
  HWY_DYNAMIC_DISPATCH(uniform_f64)(key.value, first, out.data(), out.size());
}

void fill_normal(Key key, std::uint64_t first, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(normal_f32)(key.value, first, out.data(), out.size());
}

void fill_normal(Key key, std::uint64_t first, std::span<double> out) {
  HWY_DYNAMIC_DISPATCH(normal_f64)(key.value, first, out.data(), out.size());
}

}  // namespace gradus
#endif
