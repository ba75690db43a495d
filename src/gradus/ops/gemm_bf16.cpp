// Two neighbours along k side by side are one 32-bit number: a product of bf16 matrices is the f32
// product of such pairs, with another multiply-add, or one of tiles of 16 x 16 pairs.
#include <gradus/base/pool.h>
#include <gradus/ops/gemm.h>
#include <gradus/ops/gemm_bf16.h>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/gemm_bf16.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#if HWY_ARCH_X86_64 && HWY_TARGET <= HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// As text: Highway 1.0.3 has no target with this instruction, compiling this file for a processor
// that has it would leave such code in functions of headers that run everywhere, and clang 16
// crashes on the intrinsic.
template <class V>
HWY_INLINE V multiply_add(V a, V b, V acc) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(acc.raw) : "v"(a.raw), "v"(b.raw));
  return acc;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#include <gradus/ops/gemm-inl.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {

// to[i] = the pair of low[i] and high[i]; no `high` where k is odd.
void interleave(const uint16_t* low, const uint16_t* high, int64_t n, uint32_t* to) {
  const hn::ScalableTag<uint32_t> d;
  const hn::Rebind<uint16_t, decltype(d)> half;
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(d));
  int64_t i = 0;
  for (; i + L <= n; i += L) {
    auto pair = hn::PromoteTo(d, hn::LoadU(half, low + i));
    if (high) pair = hn::Or(pair, hn::ShiftLeft<16>(hn::PromoteTo(d, hn::LoadU(half, high + i))));
    hn::StoreU(pair, d, to + i);
  }
  for (; i < n; ++i) to[i] = low[i] | (high ? static_cast<uint32_t>(high[i]) << 16 : 0);
}

// x (n,k) as pairs (n, k/2): read in place where the rows allow it, else copied.
Matrix<float> pairs(const Matrix<uint16_t>& x, int64_t n, int64_t k, Room& room) {
  const bool aligned = reinterpret_cast<uintptr_t>(x.at) % sizeof(float) == 0;
  if (x.col == 1 && k % 2 == 0 && (n == 1 || x.row % 2 == 0) && aligned) {
    return {reinterpret_cast<const float*>(x.at), x.row / 2, 1};
  }
  constexpr int64_t kChunk = 1 << 15;
  const int64_t count = ceil_div(k, 2);
  uint32_t* to = room.at_least<uint32_t>(n * count);
  const bool across = x.row == 1;  // x^T is row-major: so are its pairs
  const int64_t rows = across ? count : n, cols = across ? n : count;
  const int64_t each = std::max<int64_t>(1, kChunk / cols);
  parallel_for(ceil_div(rows, each), [&](int64_t chunk) {
    for (int64_t r = chunk * each; r < std::min(rows, (chunk + 1) * each); ++r) {
      if (across) {
        const uint16_t* low = x.at + 2 * r * x.col;
        interleave(low, 2 * r + 1 < k ? low + x.col : nullptr, n, to + r * n);
        continue;
      }
      const uint16_t* row = x.at + r * x.row;
      for (int64_t p = 0; p < count; ++p) {
        const uint32_t high = 2 * p + 1 < k ? row[(2 * p + 1) * x.col] : 0;
        to[r * count + p] = row[2 * p * x.col] | high << 16;
      }
    }
  });
  const float* at = reinterpret_cast<const float*>(to);
  return across ? Matrix<float>{at, 1, n} : Matrix<float>{at, count, 1};
}

void multiply_bf16(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t a_row, int64_t a_col,
                   const BFloat16* b, int64_t b_row, int64_t b_col, float* c, int64_t c_row,
                   const After* after) {
  static_assert(sizeof(BFloat16) == sizeof(uint16_t));
  thread_local Room room_a, room_b;
  const Matrix<float> left =
      pairs({reinterpret_cast<const uint16_t*>(a), a_row, a_col}, m, k, room_a);
  const Matrix<float> right =
      pairs({reinterpret_cast<const uint16_t*>(b), b_col, b_row}, n, k, room_b);
  gemm<float>(m, n, ceil_div(k, 2), left.at, left.row, left.col, right.at, right.col, right.row, c,
              c_row, after);
}

// Tiles: 16 rows of 16 pairs, 1 kB. A product of tiles adds, for each element, the products at even
// k and those at odd k of the 32 apart, each in the order of k, and their sum to what was there.
constexpr int64_t kTileSide = 16, kTileDepth = 2 * kTileSide, kTile = kTileSide * kTileSide;

struct alignas(64) TileShapes {
  uint8_t palette = 1, start = 0, none[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// The tile registers of this thread, while it lives.
class TileRegisters {
 public:
  TileRegisters() {
    static constexpr TileShapes shapes{};
    asm volatile("ldtilecfg %0" : : "m"(shapes));
  }
  ~TileRegisters() { asm volatile("tilerelease"); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;
};

using Pairs = hn::CappedTag<uint32_t, static_cast<size_t>(kTileSide)>;

void turn_tile(const uint32_t* from, uint32_t* to) {
  const Pairs d;
  const hn::RebindToSigned<Pairs> places;
  const auto down = hn::Mul(hn::Iota(places, 0), hn::Set(places, static_cast<int32_t>(kTileSide)));
  for (int64_t i = 0; i < kTileSide; ++i)
    hn::StoreU(hn::GatherIndex(d, from + i, down), d, to + i * kTileSide);
}

// Pairs of x (rows, k) from row `i` and k on, zero beyond: to[row][pair], or to[pair][row].
void fill_tile(const Matrix<uint16_t>& x, int64_t rows, int64_t k, int64_t i, int64_t from,
               bool across, uint32_t* to) {
  const uint16_t* at = x.at + i * x.row + from * x.col;
  const int64_t here = std::min(kTileSide, rows - i), deep = std::min(kTileDepth, k - from);
  const int64_t pairs = ceil_div(deep, 2);
  const bool as_rows = x.col == 1;  // else pairs lie across the rows
  alignas(64) uint32_t turned[kTile];
  uint32_t* first = as_rows == across ? turned : to;
  if (here < kTileSide || deep < kTileDepth) std::memset(first, 0, kTile * sizeof(uint32_t));
  if (as_rows) {
    for (int64_t r = 0; r < here; ++r)
      std::memcpy(first + r * kTileSide, at + r * x.row,
                  static_cast<size_t>(deep) * sizeof(uint16_t));
  } else {
    for (int64_t p = 0; p < pairs; ++p) {
      const uint16_t* low = at + 2 * p * x.col;
      const uint16_t* high = 2 * p + 1 < deep ? low + x.col : nullptr;
      if (x.row == 1) {
        interleave(low, high, here, first + p * kTileSide);
        continue;
      }
      for (int64_t r = 0; r < here; ++r)
        first[p * kTileSide + r] =
            low[r * x.row] | (high ? static_cast<uint32_t>(high[r * x.row]) << 16 : 0);
    }
  }
  if (first == turned) turn_tile(turned, to);
}

// All tiles of x, those of 16 rows one after the other along k.
const uint32_t* tiles_of(const Matrix<uint16_t>& x, int64_t rows, int64_t k, bool across,
                         Room& room) {
  const int64_t panels = ceil_div(rows, kTileSide), depth = ceil_div(k, kTileDepth);
  uint32_t* to = room.at_least<uint32_t>(panels * depth * kTile);
  const int64_t each = std::max<int64_t>(1, 64 / depth);
  parallel_for(ceil_div(panels, each), [&](int64_t chunk) {
    for (int64_t p = chunk * each; p < std::min(panels, (chunk + 1) * each); ++p)
      for (int64_t d = 0; d < depth; ++d)
        fill_tile(x, rows, k, p * kTileSide, d * kTileDepth, across, to + (p * depth + d) * kTile);
  });
  return to;
}

// c = a b for two panels of 16 rows and two of 16 columns: 32 x 32 numbers, c_bytes from row to
// row.
void multiply_panels(const uint32_t* a0, const uint32_t* a1, const uint32_t* b0, const uint32_t* b1,
                     int64_t depth, float* c, int64_t c_bytes) {
  constexpr int64_t row_bytes = 64;
  asm volatile("tilezero %tmm0\n tilezero %tmm1\n tilezero %tmm2\n tilezero %tmm3");
  for (int64_t d = 0; d < depth; ++d) {
    asm volatile(
        "tileloadd (%0,%4,1), %%tmm4\n tileloadd (%2,%4,1), %%tmm6\n"
        "tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n"
        "tileloadd (%3,%4,1), %%tmm7\n tdpbf16ps %%tmm7, %%tmm4, %%tmm1\n"
        "tileloadd (%1,%4,1), %%tmm5\n tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n"
        "tdpbf16ps %%tmm7, %%tmm5, %%tmm3"
        :
        : "r"(a0 + d * kTile), "r"(a1 + d * kTile), "r"(b0 + d * kTile), "r"(b1 + d * kTile),
          "r"(row_bytes)
        : "memory");
  }
  char* low = reinterpret_cast<char*>(c) + kTileSide * c_bytes;
  asm volatile(
      "tilestored %%tmm0, (%0,%2,1)\n tilestored %%tmm1, 64(%0,%2,1)\n"
      "tilestored %%tmm2, (%1,%2,1)\n tilestored %%tmm3, 64(%1,%2,1)"
      :
      : "r"(c), "r"(low), "r"(c_bytes)
      : "memory");
}

void multiply_tiles(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t a_row,
                    int64_t a_col, const BFloat16* b, int64_t b_row, int64_t b_col, float* c,
                    int64_t c_row, const After* after) {
  thread_local Room room_a, room_b;
  const uint32_t* left =
      tiles_of({reinterpret_cast<const uint16_t*>(a), a_row, a_col}, m, k, false, room_a);
  const uint32_t* right =
      tiles_of({reinterpret_cast<const uint16_t*>(b), b_col, b_row}, n, k, true, room_b);
  constexpr int64_t block = 2 * kTileSide;
  const int64_t depth = ceil_div(k, kTileDepth), panel = depth * kTile;
  const int64_t bands = ceil_div(m, block), last_a = ceil_div(m, kTileSide) - 1,
                last_b = ceil_div(n, kTileSide) - 1;
  const int64_t wide = after && after->whole_rows ? n : std::min<int64_t>(n, 8 * block);
  parallel_for(bands * ceil_div(n, wide), [&](int64_t task) {
    const TileRegisters registers;
    const int64_t row = task % bands * block, rows = std::min(block, m - row);
    const int64_t from = task / bands * wide, to = std::min(n, from + wide);
    for (int64_t col = from; col < to; col += block) {
      const int64_t cols = std::min(block, to - col);
      const int64_t p = row / kTileSide, q = col / kTileSide;
      // Of a panel that is not there the neighbour stands in, and its numbers are left.
      const auto multiply = [&](float* out, int64_t bytes) {
        multiply_panels(left + p * panel, left + std::min(p + 1, last_a) * panel, right + q * panel,
                        right + std::min(q + 1, last_b) * panel, depth, out, bytes);
      };
      float* out = c + row * c_row + col;
      if (rows == block && cols == block) {
        multiply(out, c_row * static_cast<int64_t>(sizeof(float)));
        continue;
      }
      alignas(64) float whole[block * block];
      multiply(whole, block * static_cast<int64_t>(sizeof(float)));
      for (int64_t r = 0; r < rows; ++r)
        std::memcpy(out + r * c_row, whole + r * block, static_cast<size_t>(cols) * sizeof(float));
    }
    if (after) after->run(after->self, row, rows, from, to - from);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {

// Null where the target has no such instructions.
Bf16Ways ways() {
#if HWY_ARCH_X86_64 && HWY_TARGET <= HWY_AVX3
  return {multiply_bf16, multiply_tiles};
#else
  return {};
#endif
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus {
namespace {

// x (rows, cols) in f32: each row in one piece, or each column where x has its columns so.
struct Widened {
  Widened(const BFloat16* x, int64_t x_row, int64_t x_col, int64_t rows, int64_t cols) {
    const bool turned = x_row == 1 && x_col != 1;
    if (turned) {
      std::swap(rows, cols);
      std::swap(x_row, x_col);
    }
    numbers = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(rows * cols));
    for (int64_t i = 0; i < rows; ++i) {
      const BFloat16* from = x + i * x_row;
      float* to = numbers.get() + i * cols;
      for (int64_t j = 0; j < cols; ++j) to[j] = static_cast<float>(from[j * x_col]);
    }
    row = turned ? 1 : cols;
    col = turned ? cols : 1;
  }
  std::unique_ptr<float[]> numbers;
  int64_t row, col;
};

HWY_EXPORT(ways);

bool has_pairs() {
#if HWY_ARCH_X86_64
  static const bool here = __builtin_cpu_supports("avx512bf16") != 0;
  return here;
#else
  return false;
#endif
}

// The processor has tiles of bf16, and the system lets this process use them.
bool has_tiles() {
#if defined(__x86_64__) && defined(__linux__)
  static const bool here = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    constexpr unsigned bf16 = 1u << 22, tile = 1u << 24;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bf16) || !(d & tile)) return false;
    constexpr long ask_for_state = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM
    return syscall(SYS_arch_prctl, ask_for_state, tile_data) == 0;
  }();
  return here;
#else
  return false;
#endif
}

}  // namespace

Bf16Ways bf16_ways() {
  if (!has_pairs()) return {};
  Bf16Ways here = HWY_DYNAMIC_DISPATCH(ways)();
  if (!has_tiles()) here.tiles = nullptr;
  return here;
}

bool multiplies_bf16() {
  return bf16_ways().pairs != nullptr;
}

void gemm_bf16(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t a_row, int64_t a_col,
               const BFloat16* b, int64_t b_row, int64_t b_col, float* c, int64_t c_row,
               const After* after) {
  if (m <= 0 || n <= 0) return;
  const Bf16Ways here = bf16_ways();
  if (const auto multiply = here.tiles ? here.tiles : here.pairs; multiply && k > 0) {
    return multiply(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, after);
  }
  k = std::max<int64_t>(k, 0);
  const Widened left(a, a_row, a_col, m, k), right(b, b_row, b_col, k, n);
  gemm(m, n, k, left.numbers.get(), left.row, left.col, right.numbers.get(), right.row, right.col,
       c, c_row, after);
}

}  // namespace gradus
#endif
