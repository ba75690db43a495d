// The product as register tiles of a few rows by a few vectors, each running over a block of k.
// Vectors lie along the columns of b; where b is transposed, either its panels are transposed while
// packed, or the flipped product b^T a^T is made and written back transposed, whichever costs less.
// A chunk packs what it reads itself, a panel of b at a time: nothing is shared, so nothing waits.
// Whoever includes this defines multiply_add(a, b, acc) of vectors first.
#ifndef GRADUS_OPS_GEMM_ONCE
#define GRADUS_OPS_GEMM_ONCE
#include <gradus/base/pool.h>
#include <gradus/core/view.h>
#include <gradus/ops/room.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

namespace gradus {
namespace {

constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// What a thread packs, and its part of c before it is flipped back.
struct Rooms {
  Room a, b, c;
};

[[maybe_unused]] Rooms& rooms() {
  thread_local Rooms mine;
  return mine;
}

template <class T>
struct Matrix {
  const T* at;
  int64_t row, col;  // strides
};

template <class T>
struct Product {
  int64_t m, n, k;
  Matrix<T> a, b;
  T* c;
  int64_t c_row;
  bool flip;    // element (i,j) belongs at c[j * c_row + i]
  bool turned;  // this is b^T a^T: rows here are columns for `after`
  const After* after;

  // Multiply-adds; a few rows cost as much as four, which is how fast b is read.
  int64_t work() const { return std::max<int64_t>(m, 4) * n * k; }
  bool whole_rows() const { return after && after->whole_rows && !turned; }
  bool whole_columns() const { return after && after->whole_rows && turned; }
  void finished(int64_t i, int64_t rows, int64_t j, int64_t cols) const {
    if (!after) return;
    if (turned) {
      after->run(after->self, j, cols, i, rows);
    } else {
      after->run(after->self, i, rows, j, cols);
    }
  }
};

}  // namespace
}  // namespace gradus
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Full = hn::ScalableTag<T>;

template <class T>
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Full<T>()));

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
constexpr bool kMasks = true;  // masked loads and stores touch no lane outside the mask
#else
constexpr bool kMasks = false;
#endif

// Rows of a tile of two vectors: accumulators, two vectors of b and one of a fill the registers.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
constexpr int kTileRows = 12;
#else
constexpr int kTileRows = 6;
#endif
template <class T>
constexpr int64_t kPanel = 2 * kLanes<T>;

// Deep blocks pass over c less often, which pays more than a panel of b in L1: on AVX-512 it is
// 64 kB and comes from L2, 128 bytes for 24 multiply-adds.
constexpr int64_t kDepth = 512;
constexpr int64_t kInPlaceB = 1 << 13;     // elements of b that stay near without packing
constexpr int64_t kFarB = 1 << 19;         // elements of b that lie outside L2
constexpr int64_t kFarC = 1 << 16;         // elements of c that lie outside L1 and near L2
constexpr int64_t kHigh = 20 * kTileRows;  // rows whose block of a stays in L2
constexpr int64_t kLong = 1024;            // a sum so long hides that c is written transposed
constexpr int64_t kWide = 64;              // rows over which packing b pays
constexpr int64_t kSerialWork = 1 << 18;   // multiply-adds below which threads do not pay

// Transposes take two shuffles a vector and 32 bytes: wider vectors gain them nothing.
template <class T>
using Narrow = hn::CappedTag<T, 32 / sizeof(T)>;

// Elements of a 128-bit block: transposes work inside blocks.
#if HWY_TARGET == HWY_SCALAR
template <class T>
constexpr int64_t kBlock = 1;
#else
template <class T>
constexpr int64_t kBlock = 16 / static_cast<int64_t>(sizeof(T));
#endif

// The first n lanes; nothing beyond them is touched. `mask` is theirs.
template <class D, class M, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_first(D d, [[maybe_unused]] M mask, const T* p,
                                 [[maybe_unused]] int64_t n) {
  if constexpr (kMasks) return hn::MaskedLoad(mask, d, p);
  if (n == static_cast<int64_t>(hn::Lanes(d))) return hn::LoadU(d, p);
  HWY_ALIGN T lanes[hn::MaxLanes(d)] = {};
  std::memcpy(lanes, p, static_cast<size_t>(n) * sizeof(T));
  return hn::Load(d, lanes);
}

template <class D, class M, class T = hn::TFromD<D>>
HWY_INLINE void store_first(hn::Vec<D> v, D d, [[maybe_unused]] M mask, T* p,
                            [[maybe_unused]] int64_t n) {
  if constexpr (kMasks) {
    hn::BlendedStore(v, mask, d, p);
  } else if (n == static_cast<int64_t>(hn::Lanes(d))) {
    hn::StoreU(v, d, p);
  } else {
    HWY_ALIGN T lanes[hn::MaxLanes(d)];
    hn::Store(v, d, lanes);
    std::memcpy(p, lanes, static_cast<size_t>(n) * sizeof(T));
  }
}

// kRows rows of a times kVecs vectors of b, which are also left as rows of a panel where one is
// given. kUnit: the rows of a are adjacent elements.
template <int kRows, int kVecs, bool kUnit, class T>
void tile(int64_t k, const T* HWY_RESTRICT a, int64_t a_row, int64_t a_col, const T* HWY_RESTRICT b,
          int64_t b_row, int64_t last, T* HWY_RESTRICT panel, T* HWY_RESTRICT c, int64_t c_row,
          bool resume) {
  const Full<T> d;
  constexpr int64_t L = kLanes<T>;
  constexpr int kLast = kVecs - 1;
  const auto mask = hn::FirstN(d, static_cast<size_t>(last));
  hn::Vec<Full<T>> acc[kRows][kVecs];
  if (resume) {
    const T* from = c;
    HWY_UNROLL(16)
    for (int i = 0; i < kRows; ++i, from += c_row) {
      HWY_UNROLL(16)
      for (int v = 0; v < kLast; ++v) acc[i][v] = hn::LoadU(d, from + v * L);
      acc[i][kLast] = load_first(d, mask, from + kLast * L, last);
    }
  } else {
    HWY_UNROLL(16)
    for (int i = 0; i < kRows; ++i) {
      HWY_UNROLL(16)
      for (int v = 0; v < kVecs; ++v) acc[i][v] = hn::Zero(d);
    }
  }
  // One pointer per three rows: the rest are addressing modes.
  constexpr int kGroups = (kRows + 2) / 3;
  const T* group[kGroups];
  HWY_UNROLL(16)
  for (int g = 0; g < kGroups; ++g) group[g] = a + 3 * g * a_row;
  for (int64_t p = 0; p < k; ++p) {
    hn::Vec<Full<T>> bv[kVecs];
    HWY_UNROLL(16)
    for (int v = 0; v < kLast; ++v) bv[v] = hn::LoadU(d, b + v * L);
    if constexpr (kMasks) {
      bv[kLast] = hn::MaskedLoad(mask, d, b + kLast * L);
    } else {
      bv[kLast] = hn::LoadU(d, b + kLast * L);
    }
    if (panel) {
      HWY_UNROLL(16)
      for (int v = 0; v < kVecs; ++v) hn::StoreU(bv[v], d, panel + v * L);
      panel += kVecs * L;
    }
    HWY_UNROLL(16)
    for (int i = 0; i < kRows; ++i) {
      const auto av = hn::Set(d, kUnit ? a[i] : group[i / 3][(i % 3) * a_row]);
      HWY_UNROLL(16)
      for (int v = 0; v < kVecs; ++v) acc[i][v] = multiply_add(av, bv[v], acc[i][v]);
    }
    b += b_row;
    if constexpr (kUnit) {
      a += a_col;
    } else {
      HWY_UNROLL(16)
      for (int g = 0; g < kGroups; ++g) group[g] += a_col;
    }
  }
  // Hides that these are the rows read above: else their addresses are kept through the loop.
  asm("" : "+r"(c_row));
  HWY_UNROLL(16)
  for (int i = 0; i < kRows; ++i, c += c_row) {
    HWY_UNROLL(16)
    for (int v = 0; v < kLast; ++v) hn::StoreU(acc[i][v], d, c + v * L);
    store_first(acc[i][kLast], d, mask, c + kLast * L, last);
  }
}

template <class T>
using Tile = void (*)(int64_t, const T*, int64_t, int64_t, const T*, int64_t, int64_t, T*, T*,
                      int64_t, bool);

template <class T, bool kUnit, int kVecs, int... kRows>
Tile<T> pick_rows(int64_t rows, std::integer_sequence<int, kRows...>) {
  static constexpr Tile<T> tiles[] = {tile<kRows + 1, kVecs, kUnit, T>...};
  return tiles[rows - 1];
}

// Few rows take more vectors, to keep enough independent chains under way.
HWY_INLINE int most_vectors(int64_t rows) {
  return rows == 1 ? 8 : rows <= 3 ? 4 : 2;
}

template <class T, bool kUnit>
Tile<T> pick(int64_t rows, int vecs) {
  switch (vecs) {
    case 1:
      return pick_rows<T, kUnit, 1>(rows, std::make_integer_sequence<int, kTileRows>());
    case 2:
      return pick_rows<T, kUnit, 2>(rows, std::make_integer_sequence<int, kTileRows>());
    case 4:
      return pick_rows<T, kUnit, 4>(rows, std::make_integer_sequence<int, 3>());
    default:
      return pick_rows<T, kUnit, 8>(rows, std::make_integer_sequence<int, 1>());
  }
}

// Lanes of block q from p + q * step.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_blocks(D d, const T* p, [[maybe_unused]] int64_t step) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (hn::MaxLanes(D()) > static_cast<size_t>(kBlock<T>)) {
    const hn::Half<D> half;
    const int64_t blocks = static_cast<int64_t>(hn::MaxLanes(half)) / kBlock<T>;
    return hn::Combine(d, load_blocks(half, p + blocks * step, step), load_blocks(half, p, step));
  }
#endif
  return hn::LoadU(d, p);
}

// v[t] lane i = p[i * row + t]: as many rows as lanes, kBlock columns.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void load_transposed(D d, const T* p, int64_t row, hn::Vec<D>* v) {
  HWY_UNROLL(4)
  for (int s = 0; s < kBlock<T>; ++s) v[s] = load_blocks(d, p + s * row, kBlock<T> * row);
#if HWY_TARGET != HWY_SCALAR
  if constexpr (kBlock<T> == 2) {
    const auto low = hn::InterleaveLower(d, v[0], v[1]);
    v[1] = hn::InterleaveUpper(d, v[0], v[1]);
    v[0] = low;
  } else {
    const hn::RepartitionToWide<D> pairs;
    const auto low_01 = hn::BitCast(pairs, hn::InterleaveLower(d, v[0], v[1]));
    const auto low_23 = hn::BitCast(pairs, hn::InterleaveLower(d, v[2], v[3]));
    const auto high_01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v[0], v[1]));
    const auto high_23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v[2], v[3]));
    v[0] = hn::BitCast(d, hn::InterleaveLower(pairs, low_01, low_23));
    v[1] = hn::BitCast(d, hn::InterleaveUpper(pairs, low_01, low_23));
    v[2] = hn::BitCast(d, hn::InterleaveLower(pairs, high_01, high_23));
    v[3] = hn::BitCast(d, hn::InterleaveUpper(pairs, high_01, high_23));
  }
#endif
}

// to[j * to_row + i] = from[i * from_row + j]. The last strip and block overlap the ones before.
template <class D, class T = hn::TFromD<D>>
void transpose(D d, const T* from, int64_t from_row, int64_t rows, int64_t cols, T* to,
               int64_t to_row) {
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  constexpr int64_t B = kBlock<T>;
  if (rows >= L && cols >= B) {
    for (int64_t i = 0; i < rows; i = i + L < rows ? std::min(i + L, rows - L) : rows) {
      for (int64_t j = 0; j < cols; j = j + B < cols ? std::min(j + B, cols - B) : cols) {
        hn::Vec<D> v[B];
        load_transposed(d, from + i * from_row + j, from_row, v);
        HWY_UNROLL(4)
        for (int t = 0; t < B; ++t) hn::StoreU(v[t], d, to + (j + t) * to_row + i);
      }
    }
    return;
  }
  if constexpr (L > B) {
    if (cols >= B) return transpose(hn::Half<D>(), from, from_row, rows, cols, to, to_row);
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) to[j * to_row + i] = from[i * from_row + j];
  }
}

// to (rows, cols), rows contiguous and `to_row` apart, from a view.
template <class T>
void pack(const Matrix<T>& x, int64_t rows, int64_t cols, T* to, int64_t to_row) {
  const Full<T> d;
  constexpr int64_t L = kLanes<T>;
  if (x.col == 1) {
    const int64_t left = cols % L;
    const auto mask = hn::FirstN(d, static_cast<size_t>(left));
    for (int64_t p = 0; p < rows; ++p) {
      const T* from = x.at + p * x.row;
      int64_t j = 0;
      for (; j + L <= cols; j += L) hn::StoreU(hn::LoadU(d, from + j), d, to + p * to_row + j);
      if (left > 0) {
        store_first(load_first(d, mask, from + j, left), d, mask, to + p * to_row + j, left);
      }
    }
  } else if (x.row == 1) {
    transpose(Narrow<T>(), x.at, x.col, cols, rows, to, to_row);
  } else {
    for (int64_t p = 0; p < rows; ++p) {
      for (int64_t j = 0; j < cols; ++j) to[p * to_row + j] = x.at[p * x.row + j * x.col];
    }
  }
}

// Far rows of b are read this many panels at a time.
constexpr int64_t kGroup = 4;

// `count` panels of b, one after the other, each (k, kPanel).
template <class T>
void pack_panels(const T* b, int64_t b_row, int64_t k, int64_t count, T* to) {
  const Full<T> d;
  constexpr int64_t P = kPanel<T>, L = kLanes<T>;
  for (int64_t p = 0; p < k; ++p, b += b_row) {
    for (int64_t q = 0; q < count; ++q) {
      T* row = to + (q * k + p) * P;
      hn::StoreU(hn::LoadU(d, b + q * P), d, row);
      hn::StoreU(hn::LoadU(d, b + q * P + L), d, row + L);
    }
  }
}

// Whether a block of a is read often enough to be packed.
template <class T>
bool packs_a(int64_t rows, int64_t cols) {
  return rows >= kTileRows && cols >= 8 * kPanel<T>;
}

// A block of a whose columns are contiguous, tile after tile: its lines are read once, in order.
// A vector apart, so that what is written at once falls on different sets.
template <class T>
void pack_columns(const Matrix<T>& a, int64_t k, int64_t tiles, int64_t tile_rows, int64_t taller,
                  T* to) {
  const Full<T> d;
  constexpr int64_t L = kLanes<T>;
  for (int64_t p = 0; p < k; ++p) {
    const T* from = a.at + p * a.col;
    T* tile = to;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t height = tile_rows + (t < taller);
      T* at = tile + p * height;
      int64_t i = 0;
      for (; i + L <= height; i += L) hn::StoreU(hn::LoadU(d, from + i), d, at + i);
      if (i < height) {
        const auto mask = hn::FirstN(d, static_cast<size_t>(height - i));
        store_first(load_first(d, mask, from + i, height - i), d, mask, at + i, height - i);
      }
      from += height;
      tile += k * height + L;
    }
  }
}

// Rows [i0, i1) and columns [j0, j1) of c, all of k.
template <class T>
void compute(const Product<T>& x, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  constexpr int64_t L = kLanes<T>, P = kPanel<T>;
  const int64_t rows = i1 - i0, cols = j1 - j0;
  T* c = x.c + i0 * x.c_row + j0;
  int64_t c_row = x.c_row;
  if (x.flip) {
    c_row = cols;
    c = rooms().c.at_least<T>(rows * cols);
  }
  const int64_t tiles = ceil_div(rows, kTileRows);
  const int64_t tile_rows = rows / tiles;
  const int64_t taller = rows - tile_rows * tiles;  // so many of the first tiles have one row more
  const int64_t depth = x.k <= kDepth ? x.k : ceil_div(x.k, ceil_div(x.k, kDepth));
  const bool transposed = x.b.col != 1, far_b = !transposed && x.k * x.b.row >= kFarB;
  // A panel read by few tiles is not worth copying, unless its rows are far.
  const bool copy =
      transposed || (tiles > 3 && cols * x.k > kInPlaceB) || (tiles > 1 && cols >= P && far_b);
  const bool pack_a = packs_a<T>(rows, cols);
  const int most = copy ? 2 : most_vectors(tile_rows + (taller > 0));
  const bool far = rows * c_row >= kFarC;
  T* packed_a = pack_a ? rooms().a.at_least<T>(rows * depth + tiles * L) : nullptr;
  T* panel = copy || (!kMasks && cols % L != 0)
                 ? rooms().b.at_least<T>((far_b ? kGroup : 1) * P * depth)
                 : nullptr;

  for (int64_t p = 0; p < x.k; p += depth) {
    const int64_t k = std::min(depth, x.k - p);
    const Matrix<T> a{x.a.at + i0 * x.a.row + p * x.a.col, x.a.row, x.a.col};
    if (pack_a && a.row == 1) {
      pack_columns(a, k, tiles, tile_rows, taller, packed_a);
    } else if (pack_a) {
      for (int64_t t = 0, i = 0; t < tiles; ++t) {
        const int64_t height = tile_rows + (t < taller);
        pack(Matrix<T>{a.at + i * a.row, a.col, a.row}, k, height, packed_a + i * k + t * L,
             height);
        i += height;
      }
    }
    const bool unit = pack_a || a.row == 1;
    int64_t group = j0, group_end = j0;  // columns whose panels are packed together
    for (int64_t j = j0; j < j1;) {
      int64_t width = j1 - j;
      int vecs = most;
      while (vecs > 2 && width < vecs * L) vecs /= 2;
      if (width <= L) vecs = 1;
      if (!kMasks && width < vecs * L && width > L) vecs = static_cast<int>(width / L);
      width = std::min(width, vecs * L);
      const int64_t last = width - (vecs - 1) * L;
      const T* b = x.b.at + p * x.b.row + j * x.b.col;
      int64_t b_row = x.b.row;
      T* fill = nullptr;  // by the first tile
      if (transposed || (!kMasks && last < L)) {
        if (width < vecs * L) std::fill(panel, panel + k * vecs * L, T(0));
        pack(Matrix<T>{b, x.b.row, x.b.col}, k, width, panel, vecs * L);
        b = panel;
        b_row = vecs * L;
      } else if (copy && far_b && width == P) {
        if (j >= group_end) {
          group = j;
          group_end = j + std::min(kGroup, (j1 - j) / P) * P;
          pack_panels(x.b.at + p * x.b.row + j, x.b.row, k, (group_end - j) / P, panel);
        }
        b = panel + (j - group) * k;
        b_row = P;
      } else if (copy) {
        fill = panel;
      }
      for (int64_t t = 0, i = 0; t < tiles; ++t) {
        const int64_t height = tile_rows + (t < taller);
        if (far && t + 1 < tiles) {
          for (int64_t r = i + height; r < i + height + tile_rows; ++r) {
            const T* next = c + r * c_row + (j - j0);
            for (int64_t line = 0; line <= vecs; ++line) __builtin_prefetch(next + line * L, 1);
          }
        }
        const auto run = unit ? pick<T, true>(height, vecs) : pick<T, false>(height, vecs);
        run(k, pack_a ? packed_a + i * k + t * L : a.at + i * a.row, a.row, pack_a ? height : a.col,
            b, b_row, last, fill, c + i * c_row + (j - j0), c_row, p > 0);
        if (fill) {
          b = panel;
          b_row = vecs * L;
          fill = nullptr;
        }
        i += height;
      }
      j += width;
    }
  }
  if (x.flip) transpose(Narrow<T>(), c, c_row, rows, cols, x.c + j0 * x.c_row + i0, x.c_row);
  x.finished(i0, rows, j0, cols);
}

// c[j] = the chain of a[p * a_col] b[p + j * b_col]: one row times a transposed matrix, read once.
template <int kGroups, class D, class T = hn::TFromD<D>>
HWY_INLINE void dots(D d, int64_t k, const T* a, int64_t a_col, const T* b, int64_t b_col, T* c) {
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  constexpr int64_t B = kBlock<T>;
  hn::Vec<D> acc[kGroups];
  HWY_UNROLL(4)
  for (int g = 0; g < kGroups; ++g) acc[g] = hn::Zero(d);
  int64_t p = 0;
  for (; p + B <= k; p += B) {
    HWY_UNROLL(4)
    for (int g = 0; g < kGroups; ++g) {
      hn::Vec<D> v[B];
      load_transposed(d, b + g * L * b_col + p, b_col, v);
      HWY_UNROLL(4)
      for (int t = 0; t < B; ++t)
        acc[g] = multiply_add(hn::Set(d, a[(p + t) * a_col]), v[t], acc[g]);
    }
  }
  for (; p < k; ++p) {
    for (int g = 0; g < kGroups; ++g) {
      HWY_ALIGN T lanes[hn::MaxLanes(D())];
      for (int64_t i = 0; i < L; ++i) lanes[i] = b[(g * L + i) * b_col + p];
      acc[g] = multiply_add(hn::Set(d, a[p * a_col]), hn::Load(d, lanes), acc[g]);
    }
  }
  HWY_UNROLL(4)
  for (int g = 0; g < kGroups; ++g) hn::StoreU(acc[g], d, c + g * L);
}

template <class D, class T = hn::TFromD<D>>
void all_dots(D d, int64_t n, int64_t k, const T* a, int64_t a_col, const T* b, int64_t b_col,
              T* c) {
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  if (n >= L) {
    int64_t j = 0;
    for (; j + 4 * L <= n; j += 4 * L) dots<4>(d, k, a, a_col, b + j * b_col, b_col, c + j);
    for (; j < n; j += L) {
      j = std::min(j, n - L);
      dots<1>(d, k, a, a_col, b + j * b_col, b_col, c + j);
    }
  } else if constexpr (L > kBlock<T>) {
    all_dots(hn::Half<D>(), n, k, a, a_col, b, b_col, c);
  } else {
    const hn::CappedTag<T, 1> one;
    for (int64_t j = 0; j < n; ++j) {
      auto acc = hn::Zero(one);
      for (int64_t p = 0; p < k; ++p) {
        acc = multiply_add(hn::Set(one, a[p * a_col]), hn::Set(one, b[j * b_col + p]), acc);
      }
      c[j] = hn::GetLane(acc);
    }
  }
}

// How a product is cut: into `down` times `across` chunks of about equal size.
struct Cut {
  int64_t down, across;
};

// The cut with the least estimated time on so many threads: the vectors computed, what each chunk
// packs for itself, and one late chunk. In sixteenths of a cycle.
template <class T>
Cut best_cut(const Product<T>& x, int64_t threads) {
  constexpr int64_t kHandOver = 8000;
  const int64_t vectors = ceil_div(x.n, kLanes<T>);
  const int64_t down_most = x.whole_columns() ? 1 : x.m, across_most = x.whole_rows() ? 1 : vectors;
  const int64_t least = std::min(down_most, ceil_div(x.m, kHigh));
  const int64_t most = std::max(least, std::min(2 * x.work() / kSerialWork, 8 * threads));
  const auto next = [](int64_t parts) { return parts + std::max<int64_t>(1, parts / 4); };
  Cut best{least, 1};
  int64_t least_time = INT64_MAX;
  for (int64_t down = least; down <= std::min(most, down_most); down = next(down)) {
    for (int64_t across = 1; across <= std::min(most / down, across_most); across = next(across)) {
      const int64_t rows = ceil_div(x.m, down), wide = ceil_div(vectors, across);
      int64_t step = 16 * rows * wide;
      if (x.b.col != 1) step += 5 * wide * kLanes<T>;
      if (packs_a<T>(rows, wide * kLanes<T>)) step += 6 * rows;
      const int64_t chunk = step * x.k + kHandOver;
      const int64_t time = ceil_div(down * across, threads) * chunk + (threads > 1 ? chunk / 8 : 0);
      if (time < least_time) {
        least_time = time;
        best = {down, across};
      }
    }
  }
  return best;
}

// A row times a matrix whose columns are contiguous.
template <class T>
void row_product(const Product<T>& x) {
  constexpr int64_t kStrip = 4 * hn::MaxLanes(Narrow<T>());
  const int64_t strips = ceil_div(x.n, kStrip);
  const int64_t parts = std::clamp<int64_t>(2 * x.work() / kSerialWork, 1,
                                            std::min<int64_t>(strips, 8 * thread_count()));
  const bool later = parts > 1 && x.whole_rows();
  parallel_for(parts, [&](int64_t i) {
    const int64_t j = strips * i / parts * kStrip;
    const int64_t columns = std::min(x.n, strips * (i + 1) / parts * kStrip) - j;
    all_dots(Narrow<T>(), columns, x.k, x.a.at, x.a.col, x.b.at + j * x.b.col, x.b.col, x.c + j);
    if (!later) x.finished(0, 1, j, columns);
  });
  if (later) x.finished(0, 1, 0, x.n);
}

template <class T>
void multiply(const Product<T>& x) {
  if (x.work() < kSerialWork) return compute(x, 0, x.m, 0, x.n);
  const Cut cut = best_cut(x, thread_count());
  const int64_t vectors = ceil_div(x.n, kLanes<T>);
  parallel_for(cut.down * cut.across, [&](int64_t i) {
    const int64_t down = i / cut.across, across = i % cut.across;
    const int64_t j0 = vectors * across / cut.across * kLanes<T>;
    const int64_t j1 = std::min(x.n, vectors * (across + 1) / cut.across * kLanes<T>);
    compute(x, x.m * down / cut.down, x.m * (down + 1) / cut.down, j0, j1);
  });
}

// Cycles, five a vector, of (m,k) x (k,n) with vectors along n, which must lie in rows.
template <class T>
int64_t cycles(int64_t m, int64_t n, int64_t k, bool ready) {
  return (5 * m * ceil_div(n, kLanes<T>) + (ready ? 0 : 2 * n)) * k;
}

template <class T>
void gemm(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
          int64_t b_row, int64_t b_col, T* c, int64_t c_row, const After* after) {
  if (m <= 0 || n <= 0) return;
  if (k <= 0) {
    for (int64_t i = 0; i < m; ++i) std::fill(c + i * c_row, c + i * c_row + n, T(0));
    if (after) after->run(after->self, 0, m, 0, n);
    return;
  }
  if (m == 1) a_row = 1;
  if (n == 1) b_col = 1;
  const bool a_ready = a_row == 1, b_ready = b_col == 1;
  const bool flip = n == 1   ? m > 1
                    : m == 1 ? false
                    : a_ready && b_ready && k >= kLong && n >= kWide && m >= 2 * n
                        ? true  // rows of the wide side are read along, of the narrow one packed
                        : cycles<T>(n, m, k, a_ready) + 2 * m * n < cycles<T>(m, n, k, b_ready);
  if (!flip) {
    const Product<T> x{m,     n,     k,    {a, a_row, a_col}, {b, b_row, b_col}, c, c_row,
                       false, false, after};
    return m == 1 && b_row == 1 && b_col != 1 ? row_product(x) : multiply(x);
  }
  Product<T> x{n, m, k, {b, b_col, b_row}, {a, a_col, a_row}, c, c_row, true, true, after};
  if (n == 1 && c_row == 1) x.flip = false;
  if (n == 1 && !x.flip && a_col == 1 && a_row != 1) return row_product(x);
  multiply(x);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();
