// Convolutions as implicit products. What a vector of places needs for one tap lies side by side in
// padded planes, a copy of a few channels that stays in cache; where rows are much shorter than a
// vector, in patches made from those planes. conv and conv_input are tiles of output channels times
// vectors of places, each element one chain over all taps; a strided conv_input is one such sum for
// each residue. conv_weight sums along the places of a part, by lanes, then part after part.
#ifndef GRADUS_OPS_CONV_ONCE
#define GRADUS_OPS_CONV_ONCE
#include <gradus/base/pool.h>
#include <gradus/core/view.h>
#include <gradus/ops/room.h>

namespace gradus {
namespace {

// One axis: sizes of x, of the window and of y.
struct ConvAxis {
  int64_t x, taps, y, stride, padding, dilation;
};

struct ConvShape {
  int64_t examples, groups, in_each, out_each;  // channels of one group
  ConvAxis rows, cols;

  ConvShape(const Dims& a, const Shape& x, const Shape& w, const Shape& y)
      : examples(x[0]),
        groups(a[6]),
        in_each(w[1]),
        out_each(w[0] / a[6]),
        rows{x[2], w[2], y[2], a[0], a[2], a[4]},
        cols{x[3], w[3], y[3], a[1], a[3], a[5]} {}
  int64_t taps() const { return rows.taps * cols.taps; }
  // Multiply-adds of one example.
  int64_t work() const { return groups * out_each * in_each * taps() * rows.y * cols.y; }
};

// How a channel (h, w) is laid out: row r of it is row r - top of the channel, column (f, j) of
// `phases` times `pitch` is column f + j phases - left; zeros outside.
struct Planes {
  int64_t h, w, top, left, phases, pitch;
  int64_t down, span;             // rows of one place: from its own, down rows apart, so many
  uint64_t rows_read, cols_read;  // residues of row by down and of column by phases that taps read
  bool all_rows;                  // none is left out

  int64_t row() const { return phases * pitch; }
  int64_t rows(int64_t places) const { return (places - 1) * down + span; }
  int64_t size(int64_t places) const { return rows(places) * row(); }
};

// One sum over taps for rows x cols places, which begin at (row, col) of the result.
struct Phase {
  int64_t rows, cols, row, col;
  int64_t taps;
  int64_t* at;  // where each tap lies in a plane
  int64_t* of;  // which element of a window of w it is
};

// Places side by side that are computed as one vector.
struct Run {
  int64_t from, to, lanes;
};

// Residues beyond the last bit count as read.
inline bool is_read(uint64_t residues, int64_t r) {
  return r >= 64 || (residues >> r & 1) != 0;
}

inline uint64_t residues_read(const ConvAxis& a) {
  uint64_t read = 0;
  for (int64_t t = 0; t < a.taps; ++t)
    if (const int64_t r = t * a.dilation % a.stride; r < 64) read |= uint64_t{1} << r;
  return read;
}

// Scratch of a thread.
struct ConvRooms {
  Room left, right, weights, phases, taps, parts;          // of the caller
  Room planes, patches, runs, offsets, woven, cotangents;  // of each
};
ConvRooms& conv_rooms() {
  thread_local ConvRooms mine;
  return mine;
}

}  // namespace
}  // namespace gradus
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {

// Rows of a tile and vectors beside each other: accumulators and one operand's vectors fill the
// registers.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
constexpr int kConvRows = 8, kConvVectors = 4;
constexpr int conv_vectors(int64_t rows) {
  return rows <= 6 ? 4 : 3;
}
constexpr int kDotRows = 6;
constexpr int dot_taps(int64_t rows) {
  return rows <= 4 ? 6 : 4;
}
#else
constexpr int kConvRows = 6, kConvVectors = 3;
constexpr int conv_vectors(int64_t rows) {
  return rows <= 4 ? 3 : 2;
}
constexpr int kDotRows = 3;
constexpr int dot_taps(int64_t) {
  return 4;
}
#endif

constexpr int64_t kConvDepth = 160;       // taps of the channels whose planes are made together
constexpr int64_t kConvPlanes = 1 << 15;  // elements of planes that stay near
constexpr int64_t kDotPiece = 1024;       // places that conv_weight sums over at a time
constexpr int64_t kDotPart = 8192;        // places whose lanes are summed together
constexpr int64_t kDotPlanes = 1 << 17;   // elements of its planes or patches

// y (rows, vectors of places) = or += rows of w times what lies at the runs, over k taps.
template <int kRows, int kVecs, class T>
void conv_tile(int64_t k, const T* HWY_RESTRICT w, const int64_t* HWY_RESTRICT at,
               const T* HWY_RESTRICT x, const Run* run, T* HWY_RESTRICT y, int64_t y_row,
               bool resume) {
  const Full<T> d;
  using V = hn::Vec<Full<T>>;
  const T* from[kVecs];
  V acc[kRows][kVecs];
  HWY_UNROLL(4)
  for (int v = 0; v < kVecs; ++v) from[v] = x + run[v].from;
  if (resume) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVecs; ++v) {
      const auto mask = hn::FirstN(d, static_cast<size_t>(run[v].lanes));
      HWY_UNROLL(8)
      for (int i = 0; i < kRows; ++i)
        acc[i][v] = load_first(d, mask, y + i * y_row + run[v].to, run[v].lanes);
    }
  } else {
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) {
      HWY_UNROLL(4)
      for (int v = 0; v < kVecs; ++v) acc[i][v] = hn::Zero(d);
    }
  }
  for (int64_t p = 0; p < k; ++p, w += kRows) {
    const int64_t o = at[p];
    V b[kVecs];
    HWY_UNROLL(4)
    for (int v = 0; v < kVecs; ++v) b[v] = hn::LoadU(d, from[v] + o);
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) {
      const V a = hn::Set(d, w[i]);
      HWY_UNROLL(4)
      for (int v = 0; v < kVecs; ++v) acc[i][v] = multiply_add(a, b[v], acc[i][v]);
    }
  }
  HWY_UNROLL(4)
  for (int v = 0; v < kVecs; ++v) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(run[v].lanes));
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i)
      store_first(acc[i][v], d, mask, y + i * y_row + run[v].to, run[v].lanes);
  }
}

template <class T>
using ConvTile = void (*)(int64_t, const T*, const int64_t*, const T*, const Run*, T*, int64_t,
                          bool);

template <class T, int kVecs, int... kRows>
ConvTile<T> conv_tile_of(int64_t rows, std::integer_sequence<int, kRows...>) {
  static constexpr ConvTile<T> tiles[] = {conv_tile<kRows + 1, kVecs, T>...};
  return tiles[rows - 1];
}

template <class T>
ConvTile<T> conv_tile_of(int64_t rows, int64_t vecs) {
  switch (vecs) {
    case 1:
      return conv_tile_of<T, 1>(rows, std::make_integer_sequence<int, kConvRows>());
    case 2:
      return conv_tile_of<T, 2>(rows, std::make_integer_sequence<int, kConvRows>());
    case 3:
      return conv_tile_of<T, 3>(rows, std::make_integer_sequence<int, kConvRows>());
    default:
      return conv_tile_of<T, kConvVectors>(rows, std::make_integer_sequence<int, kConvRows>());
  }
}

// n numbers; whole vectors may be written.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void copy_run(D d, const T* from, int64_t n, T* to) {
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  int64_t j = 0;
  for (; j + L <= n; j += L) hn::StoreU(hn::LoadU(d, from + j), d, to + j);
  if (j < n) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(n - j));
    hn::StoreU(load_first(d, mask, from + j, n - j), d, to + j);
  }
}

// Zero, hidden from the compiler, which makes a call of memset out of every loop that stores it.
template <class T>
HWY_INLINE hn::Vec<Full<T>> hidden_zero() {
  T zero = T(0);
  asm("" : "+m"(zero));
  return hn::Set(Full<T>(), zero);
}

// [first, end) set to zero, and less than a vector beyond.
template <class T>
HWY_INLINE void zero_run(hn::Vec<Full<T>> zero, T* to, int64_t first, int64_t end) {
  for (; first < end; first += kLanes<T>) hn::StoreU(zero, Full<T>(), to + first);
}

// Which columns of a channel one phase of a row of planes holds: zeros, then `count` columns from
// `first` on, then zeros.
struct Columns {
  int64_t lead, first, count;
  Columns(const Planes& p, int64_t phase) {
    lead = std::min(ceil_div(std::max<int64_t>(p.left - phase, 0), p.phases), p.pitch);
    first = phase + lead * p.phases - p.left;
    count = std::clamp<int64_t>(ceil_div(p.w - first, p.phases), 0, p.pitch - lead);
  }
};

// One phase of a row; what is written beyond it is less than a vector.
template <class T>
HWY_INLINE void make_columns(const Planes& p, const Columns& c, hn::Vec<Full<T>> zero,
                             const T* from, T* to) {
  const Full<T> d;
  constexpr int64_t L = kLanes<T>;
  zero_run(zero, to, 0, c.lead);
  T* inside = to + c.lead;
  from += c.first;
  int64_t j = 0;
  if (p.phases == 1) {
    for (; j + L <= c.count; j += L) hn::StoreU(hn::LoadU(d, from + j), d, inside + j);
    if (const int64_t n = c.count - j; n > 0) {
      hn::StoreU(load_first(d, hn::FirstN(d, static_cast<size_t>(n)), from + j, n), d, inside + j);
      j += L;
    }
  } else {
#if HWY_TARGET != HWY_SCALAR
    if (p.phases == 2) {
      const int64_t n = p.w - c.first;
      for (; j < c.count && 2 * (j + L) <= n; j += L)
        hn::StoreU(hn::ConcatEven(d, hn::LoadU(d, from + 2 * j + L), hn::LoadU(d, from + 2 * j)), d,
                   inside + j);
      for (; j < c.count; j += L) {
        const int64_t low = std::min(L, n - 2 * j), high = n - 2 * j - low;
        const auto a = load_first(d, hn::FirstN(d, static_cast<size_t>(low)), from + 2 * j, low);
        const auto b =
            load_first(d, hn::FirstN(d, static_cast<size_t>(high)), from + 2 * j + L, high);
        hn::StoreU(hn::ConcatEven(d, b, a), d, inside + j);
      }
    }
#endif
    for (; j < c.count; ++j) inside[j] = from[j * p.phases];
  }
  zero_run(zero, inside, j, p.pitch - c.lead);
}

// Rows of kVecs vectors, the last of which may be short, where one vector of zeros covers what lies
// between the columns of one row and those of the next.
template <int kVecs, class T>
void make_rows(const Planes& p, const Columns& c, const T* from, int64_t rows, T* to) {
  const Full<T> d;
  constexpr int64_t L = kLanes<T>;
  const auto zero = hidden_zero<T>();
  const int64_t last = c.count - (kVecs - 1) * L;
  const auto mask = hn::FirstN(d, static_cast<size_t>(last));
  const bool more = kVecs * L < p.pitch;
  for (int64_t r = 0; r < rows; ++r, from += p.w, to += p.pitch) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVecs - 1; ++v) hn::StoreU(hn::LoadU(d, from + v * L), d, to + v * L);
    const T* end = from + (kVecs - 1) * L;
    hn::StoreU(last == L ? hn::LoadU(d, end) : load_first(d, mask, end, last), d,
               to + (kVecs - 1) * L);
    if (more) hn::StoreU(zero, d, to + kVecs * L);
  }
}

// Whether make_rows can, for so many vectors.
template <class T>
bool fits_rows(const Planes& p, const Columns& c) {
  const int64_t vectors = ceil_div(c.count, kLanes<T>);
  return p.phases == 1 && p.all_rows && vectors >= 1 && vectors <= 4 && c.lead <= kLanes<T> &&
         p.pitch <= (vectors + 1) * kLanes<T>;
}

// Rows [row, row + rows) of the planes of some channels.
template <class T>
void make_planes(const Planes& p, const T* from, int64_t channels, int64_t row, int64_t rows,
                 T* to) {
  const auto zero = hidden_zero<T>();
  const Columns columns[] = {Columns(p, 0), Columns(p, 1)};
  if (fits_rows<T>(p, columns[0])) {
    const int64_t vectors = ceil_div(columns[0].count, kLanes<T>);
    const auto make = vectors == 1   ? make_rows<1, T>
                      : vectors == 2 ? make_rows<2, T>
                      : vectors == 3 ? make_rows<3, T>
                                     : make_rows<4, T>;
    const int64_t first = std::clamp<int64_t>(p.top, row, row + rows),
                  end = std::clamp<int64_t>(p.top + p.h, first, row + rows);
    for (int64_t c = 0; c < channels; ++c, from += p.h * p.w, to += rows * p.pitch) {
      zero_run(zero, to, 0, (first - row) * p.pitch + columns[0].lead);
      make(p, columns[0], from + (first - p.top) * p.w + columns[0].first, end - first,
           to + (first - row) * p.pitch + columns[0].lead);
      zero_run(zero, to, (end - row) * p.pitch, rows * p.pitch);
    }
    return;
  }
  for (int64_t c = 0; c < channels; ++c, from += p.h * p.w) {
    for (int64_t r = row; r < row + rows; ++r, to += p.row()) {
      if (!p.all_rows && !is_read(p.rows_read, r % p.down)) continue;
      const int64_t in = r - p.top;
      if (in < 0 || in >= p.h) {
        zero_run(zero, to, 0, p.row());
        continue;
      }
      for (int64_t f = 0; f < p.phases; ++f)
        if (is_read(p.cols_read, f))
          make_columns(p, f < 2 ? columns[f] : Columns(p, f), zero, from + in * p.w,
                       to + f * p.pitch);
    }
  }
}

// For each channel and tap the places of a phase side by side, `apart` from tap to tap.
template <class D, class T = hn::TFromD<D>>
void make_patches(D d, const Phase& f, int64_t step, const T* planes, int64_t plane,
                  int64_t channels, T* to, int64_t apart) {
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(D()));
  const int64_t places = f.rows * f.cols, padded = ceil_div(places, kLanes<T>) * kLanes<T>;
  // Rows whose last vector stays within the padded places.
  const int64_t room = padded - ceil_div(f.cols, L) * L;
  const int64_t whole = room < 0 ? 0 : std::min(f.rows, room / f.cols + 1);
  for (int64_t c = 0; c < channels; ++c, planes += plane) {
    for (int64_t t = 0; t < f.taps; ++t, to += apart) {
      const T* from = planes + f.at[t];
      T* row = to;
      int64_t r = 0;
#if HWY_TARGET != HWY_SCALAR
      if constexpr (kLanes<T> == 2 * L) {  // two rows are a vector
        const Full<T> both;
        for (; f.cols == L && r + 2 <= f.rows; r += 2, from += 2 * step, row += 2 * L)
          hn::StoreU(hn::Combine(both, hn::LoadU(d, from + step), hn::LoadU(d, from)), both, row);
      }
#endif
      if (f.cols <= L) {
        for (; r < whole; ++r, from += step, row += f.cols) hn::StoreU(hn::LoadU(d, from), d, row);
      } else {
        for (; r < whole; ++r, from += step, row += f.cols) copy_run(d, from, f.cols, row);
      }
      for (; r < f.rows; ++r, from += step, row += f.cols) std::copy_n(from, f.cols, row);
      std::fill(to + places, to + padded, T(0));
    }
  }
}

template <class T>
void make_patches(const Phase& f, int64_t step, const T* planes, int64_t plane, int64_t channels,
                  T* to, int64_t apart) {
  const Full<T> d;
  if constexpr (hn::MaxLanes(d) > 4) {
    const hn::Half<Full<T>> half;
    if (f.cols <= static_cast<int64_t>(hn::MaxLanes(half)))
      return make_patches(half, f, step, planes, plane, channels, to, apart);
  }
  make_patches(d, f, step, planes, plane, channels, to, apart);
}

// n numbers from `at` on, fetched into the nearer cache in so many steps.
class Ahead {
 public:
  template <class T>
  Ahead(const T* at, int64_t n, int64_t steps)
      : at_(reinterpret_cast<const char*>(at)),
        left_(n * static_cast<int64_t>(sizeof(T))),
        each_(ceil_div(ceil_div(left_, steps), 64) * 64) {}
  void go_on() {
    const int64_t now = std::min(each_, left_);
    for (int64_t i = 0; i < now; i += 64) __builtin_prefetch(at_ + i, 0, 2);
    at_ += now;
    left_ -= now;
  }

 private:
  const char* at_;
  int64_t left_, each_;
};

// y[m] = sum over channels and taps of w[m] x, for every phase: conv and conv_input.
template <class T>
struct Correlation {
  int64_t examples, groups, channels, height;  // of one group: channels of x, and of y
  const T* x;
  Planes planes = {};
  Phase* phase;
  int64_t phases = 0;
  int64_t down = 1, across = 1;  // between the places of a phase in y
  int64_t y_rows, y_cols;
  T* y;
  const After* after;
  int64_t most_taps = 0, most_rows = 0;  // of a phase
  const T* weights = nullptr;            // packed
  int64_t block = 1;                     // channels whose planes are made together

  bool woven() const { return down > 1 || across > 1; }
  int64_t tiles() const { return ceil_div(height, kConvRows); }
  // The first row of a tile; they differ by one at most.
  int64_t row_of(int64_t tile) const { return height * tile / tiles(); }

  // Whether patches are worth making: the vectors they save, against a copy of every tap.
  bool patches(const Phase& f) const {
    const int64_t loose = f.rows * ceil_div(f.cols, kLanes<T>);
    const int64_t dense = ceil_div(f.rows * f.cols, kLanes<T>);
    return loose * (height - 8) > dense * height;
  }

  // Weights of a group and phase begin at weights + taps before it.
  int64_t weights_at(int64_t group, int64_t f) const {
    int64_t taps = 0;
    for (int64_t i = 0; i < phases; ++i) taps += (i < f ? group + 1 : group) * phase[i].taps;
    return taps * channels * height;
  }

  // Each tile's rows side by side for each tap of a block of channels.
  void pack(const T* w, int64_t w_row, int64_t w_channel, int64_t w_group, T* to) const {
    const int64_t jobs = groups * tiles();
    const auto one = [&](int64_t job) {
      const int64_t g = job / tiles(), first = row_of(job % tiles()),
                    n = row_of(job % tiles() + 1) - first;
      for (int64_t i = 0; i < phases; ++i) {
        const Phase& f = phase[i];
        T* const all = to + weights_at(g, i);
        for (int64_t c0 = 0; c0 < channels; c0 += block) {
          const int64_t many = std::min(block, channels - c0);
          T* packed = all + height * c0 * f.taps + first * many * f.taps;
          for (int64_t c = c0; c < c0 + many; ++c)
            for (int64_t t = 0; t < f.taps; ++t)
              for (int64_t r = 0; r < n; ++r)
                *packed++ = w[g * w_group + (first + r) * w_row + c * w_channel + f.of[t]];
        }
      }
    };
    if (groups * height * channels * most_taps < (1 << 16)) {
      for (int64_t job = 0; job < jobs; ++job) one(job);
    } else {
      parallel_for(jobs, one);
    }
  }

  // Places [first, end) of the rows, tiles [tile, last) of one group of examples [n0, n1).
  void part(int64_t n0, int64_t n1, int64_t g, int64_t first, int64_t end, int64_t tile,
            int64_t last) const {
    constexpr int64_t L = kLanes<T>;
    ConvRooms& rooms = conv_rooms();
    const int64_t rows = planes.rows(end - first), plane = rows * planes.row();
    const int64_t y_plane = y_rows * y_cols, m0 = row_of(tile), m1 = row_of(last);
    T* const near = rooms.planes.at_least<T>(block * plane + 2 * L);
    int64_t* const at = rooms.offsets.at_least<int64_t>(block * most_taps);
    T* const apart = woven() ? rooms.woven.at_least<T>((m1 - m0) * y_plane) : nullptr;
    const bool later = !woven() && patches(phase[0]);  // planes are made an example at a time
    for (int64_t c0 = 0; c0 < channels; c0 += block) {
      const int64_t many = std::min(block, channels - c0);
      const auto made = [&](int64_t n) {
        make_planes(planes, x + ((n * groups + g) * channels + c0) * planes.h * planes.w, many,
                    first * planes.down, rows, near);
      };
      if (!later) made(n0);
      int64_t before = 0;  // elements of y in phases before
      for (int64_t i = 0; i < phases; ++i) {
        const Phase& f = phase[i];
        const int64_t step = planes.down * planes.row(), k = many * f.taps;
        T* const to = woven() ? apart + before * (m1 - m0)
                              : y + ((n0 * groups + g) * height + m0) * y_plane + first * y_cols;
        const int64_t to_row = woven() ? f.rows * f.cols : y_plane;
        before += f.rows * f.cols;
        if (f.taps == 0) {
          if (c0 == 0) std::fill_n(to, (m1 - m0) * f.rows * f.cols, T(0));
          continue;
        }
        const T* from = near;
        int64_t count = 0;
        Run* runs;
        if (patches(f)) {
          const int64_t places = f.rows * f.cols, vectors = ceil_div(places, L);
          const int64_t taps_apart = (n1 - n0) * vectors * L;
          T* const patch = rooms.patches.at_least<T>(block * f.taps * taps_apart + 4 * L);
          for (int64_t n = n0; n < n1; ++n) {
            if (later) made(n);
            make_patches(f, step, near, plane, many, patch + (n - n0) * vectors * L, taps_apart);
          }
          from = patch;
          for (int64_t p = 0; p < k; ++p) at[p] = p * taps_apart;
          runs = rooms.runs.at_least<Run>((n1 - n0) * vectors);
          for (int64_t n = 0; n < n1 - n0; ++n)
            for (int64_t v = 0; v < vectors; ++v)
              runs[count++] = {(n * vectors + v) * L, n * groups * height * y_plane + v * L,
                               std::min(L, places - v * L)};
        } else {
          for (int64_t c = 0; c < many; ++c)
            for (int64_t t = 0; t < f.taps; ++t) at[c * f.taps + t] = c * plane + f.at[t];
          const int64_t here = std::min(end, f.rows) - first;
          runs = rooms.runs.at_least<Run>(here * ceil_div(f.cols, L));
          const int64_t row = woven() ? f.cols : y_cols;
          for (int64_t r = 0; r < here; ++r)
            for (int64_t j = 0; j < f.cols; j += L)
              runs[count++] = {r * step + j, r * row + j, std::min(L, f.cols - j)};
        }
        const T* const w = weights + weights_at(g, i) + height * c0 * f.taps;
        const int64_t most = conv_vectors(row_of(tile + 1) - row_of(tile));
        const int64_t bunches = ceil_div(count, most);
        // What the next planes are made from is fetched meanwhile.
        const bool more = c0 + block < channels;
        const int64_t n = more ? n0 : n1;
        Ahead ahead(
            x + ((n * groups + g) * channels + (more ? c0 + block : 0)) * planes.h * planes.w,
            n < examples && i == phases - 1 ? many * planes.h * planes.w : 0,
            bunches * (last - tile));
        for (int64_t b = 0; b < bunches; ++b) {
          const int64_t v0 = count * b / bunches, v1 = count * (b + 1) / bunches;
          for (int64_t t = tile; t < last; ++t) {
            const int64_t r0 = row_of(t), high = row_of(t + 1) - r0;
            ahead.go_on();
            conv_tile_of<T>(high, v1 - v0)(k, w + r0 * k, at, from, runs + v0,
                                           to + (r0 - m0) * to_row, to_row, c0 > 0);
          }
        }
      }
    }
    if (woven()) weave(n0, g, m0, m1, apart);
    if (after)
      for (int64_t n = n0; n < n1; ++n)
        for (int64_t m = m0; m < m1; ++m)
          after->run(after->self, ((n * groups + g) * height + m) * y_rows + first,
                     woven() ? y_rows : end - first, 0, y_cols);
  }

  // Brings the phases to their places.
  void weave(int64_t n, int64_t g, int64_t m0, int64_t m1, const T* from) const {
    const Full<T> d;
    constexpr int64_t L = kLanes<T>;
    for (int64_t i = 0; i < phases; ++i) {
      const Phase& f = phase[i];
      // Two phases of the same rows at once.
      const bool pair = across == 2 && i + 1 < phases && phase[i + 1].row == f.row && f.col == 0 &&
                        phase[i + 1].col == 1;
      const Phase& second = phase[pair ? i + 1 : i];
      const T* odd = from + (m1 - m0) * f.rows * f.cols;
      const T* even = from;
      for (int64_t m = m0; m < m1; ++m) {
        T* to = y + ((n * groups + g) * height + m) * y_rows * y_cols + f.row * y_cols + f.col;
        for (int64_t r = 0; r < f.rows; ++r, to += down * y_cols) {
          int64_t j = 0;
          if (pair) {
            for (; j + L <= second.cols; j += L)
              hn::StoreInterleaved2(hn::LoadU(d, even + j), hn::LoadU(d, odd + j), d, to + 2 * j);
            for (int64_t k = j; k < second.cols; ++k) to[2 * k + 1] = odd[k];
            odd += second.cols;
          }
          for (; j < f.cols; ++j) to[across * j] = even[j];
          even += f.cols;
        }
      }
      from = pair ? odd : even;
      if (pair) ++i;
    }
  }

  void run(int64_t work) const {
    if (examples == 0 || y_rows * y_cols * height * groups == 0) return;
    const int64_t threads = thread_count();
    const bool serial = examples * work < kSerialWork;
    const int64_t rows = woven() ? 1 : y_rows;  // that may be shared out
    const bool dense = !woven() && patches(phase[0]);
    // Parts of an image, in rows, and then in tiles.
    int64_t each = rows, high = tiles();
    const auto jobs = [&](int64_t n) { return n * groups * ceil_div(rows, each); };
    if (!dense && !woven()) {
      while (each > 4 && block * planes.size(each) > kConvPlanes) each = ceil_div(each, 2);
      while (!serial && each > 4 && jobs(examples) < 2 * threads) each = ceil_div(each, 2);
    }
    int64_t bundle = 1;  // examples together
    if (dense) {
      const int64_t places = phase[0].rows * phase[0].cols;
      bundle = std::clamp<int64_t>(192 / std::max<int64_t>(places, 1), 1, examples);
      while (!serial && bundle > 1 && jobs(ceil_div(examples, bundle)) < 2 * threads) --bundle;
    }
    while (!serial && high > 1 &&
           jobs(ceil_div(examples, bundle)) * ceil_div(tiles(), high) < threads)
      high = ceil_div(high, 2);
    const int64_t heights = ceil_div(tiles(), high), bands = ceil_div(rows, each),
                  bundles = ceil_div(examples, bundle);
    const auto job = [&](int64_t i) {
      const int64_t tile = i % heights * high, band = i / heights % bands * each,
                    g = i / heights / bands % groups, n = i / heights / bands / groups * bundle;
      const int64_t end = woven() ? most_rows : std::min(band + each, rows);
      part(n, std::min(n + bundle, examples), g, band, end, tile, std::min(tile + high, tiles()));
    };
    const int64_t count = heights * bands * groups * bundles;
    if (serial) {
      for (int64_t i = 0; i < count; ++i) job(i);
      return;
    }
    // A chunk holds enough work to be worth handing over.
    const int64_t chunk = std::clamp<int64_t>(
        (kSerialWork / 4) * count / std::max<int64_t>(examples * work, 1), 1, count);
    parallel_for(ceil_div(count, chunk), [&](int64_t c) {
      for (int64_t i = c * chunk; i < std::min(count, (c + 1) * chunk); ++i) job(i);
    });
  }
};

// Channels of a block, about equal, so that its taps are `depth` at most where they can be.
inline int64_t block_of(int64_t channels, int64_t taps, int64_t depth) {
  const int64_t most = std::max<int64_t>(1, depth / std::max<int64_t>(taps, 1));
  return std::max<int64_t>(1, ceil_div(channels, std::max<int64_t>(1, ceil_div(channels, most))));
}

// Planes of x and the taps of all places of y.
Phase windows(const ConvShape& s, int64_t* taps, Planes& planes) {
  const ConvAxis &r = s.rows, &c = s.cols;
  const int64_t wide = (c.y - 1) * c.stride + (c.taps - 1) * c.dilation + 1;
  planes = {.h = r.x,
            .w = c.x,
            .top = r.padding,
            .left = c.padding,
            .phases = c.stride,
            .pitch = ceil_div(wide, c.stride),
            .down = r.stride,
            .span = (r.taps - 1) * r.dilation + 1,
            .rows_read = residues_read(r),
            .cols_read = residues_read(c),
            .all_rows = r.stride <= std::min<int64_t>(r.taps, 64) && r.dilation == 1};
  const Phase f{r.y, c.y, 0, 0, s.taps(), taps, taps + s.taps()};
  for (int64_t p = 0, t = 0; p < r.taps; ++p)
    for (int64_t q = 0; q < c.taps; ++q, ++t) {
      const int64_t col = q * c.dilation;
      f.at[t] = p * r.dilation * planes.row() + col % c.stride * planes.pitch + col / c.stride;
      f.of[t] = t;
    }
  return f;
}

template <class T>
void correlate(Correlation<T>& all, const ConvShape& s, const T* w, int64_t w_row,
               int64_t w_channel) {
  const int64_t weights = s.out_each * s.in_each * s.taps();
  if (all.channels == 0) {
    const int64_t rows = all.examples * all.groups * all.height * all.y_rows;
    std::fill_n(all.y, rows * all.y_cols, T(0));
    if (all.after && rows * all.y_cols > 0) all.after->run(all.after->self, 0, rows, 0, all.y_cols);
    return;
  }
  for (int64_t i = 0; i < all.phases; ++i) {
    all.most_taps = std::max(all.most_taps, all.phase[i].taps);
    all.most_rows = std::max(all.most_rows, all.phase[i].rows);
  }
  all.block = block_of(all.channels, all.most_taps, kConvDepth);
  T* packed = conv_rooms().weights.at_least<T>(s.groups * weights);
  all.pack(w, w_row, w_channel, weights, packed);
  all.weights = packed;
  all.run(s.work());
}

template <class T>
void conv(const ConvShape& s, const T* x, const T* w, T* y, const After* after) {
  ConvRooms& rooms = conv_rooms();
  Correlation<T> all{.examples = s.examples,
                     .groups = s.groups,
                     .channels = s.in_each,
                     .height = s.out_each,
                     .x = x,
                     .phase = rooms.phases.at_least<Phase>(1),
                     .phases = 1,
                     .y_rows = s.rows.y,
                     .y_cols = s.cols.y,
                     .y = y,
                     .after = after};
  all.phase[0] = windows(s, rooms.taps.at_least<int64_t>(2 * s.taps()), all.planes);
  correlate(all, s, w, s.in_each * s.taps(), s.taps());
}

// What the places of x with one residue along an axis read of y: tap t reads from places (first +
// padding - t dilation) / stride on, as many as there are.
struct Residue {
  int64_t first, count;
  Residue(const ConvAxis& a, int64_t from)
      : first(from), count(from < a.x ? (a.x - 1 - from) / a.stride + 1 : 0) {}
  bool reads(const ConvAxis& a, int64_t tap) const {
    return (first + a.padding - tap * a.dilation) % a.stride == 0;
  }
  int64_t base(const ConvAxis& a, int64_t tap) const {
    return (first + a.padding - tap * a.dilation) / a.stride;
  }
};

// The first and the last place of y that any residue reads.
struct Reach {
  int64_t low = 0, high = 0, most = 1;
  explicit Reach(const ConvAxis& a) {
    bool any = false;
    for (int64_t i = 0; i < std::min(a.stride, a.x); ++i) {
      const Residue r(a, i);
      most = std::max(most, r.count);
      for (int64_t t = 0; t < a.taps; ++t) {
        if (!r.reads(a, t)) continue;
        const int64_t from = r.base(a, t), to = from + r.count - 1;
        low = any ? std::min(low, from) : from;
        high = any ? std::max(high, to) : to;
        any = true;
      }
    }
    // As many rows as the tallest residue, whatever it reads.
    high = std::max(high, low + most - 1);
  }
};

template <class T>
void conv_input(const ConvShape& s, const T* y, const T* w, T* x, const After* after) {
  ConvRooms& rooms = conv_rooms();
  const ConvAxis &r = s.rows, &c = s.cols;
  const Reach down(r), across(c);
  Correlation<T> all{
      .examples = s.examples,
      .groups = s.groups,
      .channels = s.out_each,
      .height = s.in_each,
      .x = y,
      .planes = {.h = r.y,
                 .w = c.y,
                 .top = -down.low,
                 .left = -across.low,
                 .phases = 1,
                 .pitch = across.high - across.low + 1,
                 .down = 1,
                 .span = down.high - down.low + 1 - (down.most - 1),
                 .rows_read = 1,
                 .cols_read = 1,
                 .all_rows = true},
      .phase = rooms.phases.at_least<Phase>(std::min(r.stride, r.x) * std::min(c.stride, c.x)),
      .down = r.stride,
      .across = c.stride,
      .y_rows = r.x,
      .y_cols = c.x,
      .y = x,
      .after = after};
  int64_t* at = rooms.taps.at_least<int64_t>(2 * s.taps());
  for (int64_t i = 0; i < std::min(r.stride, r.x); ++i)
    for (int64_t j = 0; j < std::min(c.stride, c.x); ++j) {
      const Residue row(r, i), col(c, j);
      int64_t taps = 0;
      for (int64_t p = 0; p < r.taps; ++p)
        for (int64_t q = 0; q < c.taps; ++q) {
          if (!row.reads(r, p) || !col.reads(c, q)) continue;
          at[taps] = (row.base(r, p) - down.low) * all.planes.row() + col.base(c, q) - across.low;
          at[taps++ + s.taps()] = p * c.taps + q;
        }
      all.phase[all.phases++] = {row.count, col.count, i, j, taps, at, at + s.taps()};
      at += taps;
    }
  correlate(all, s, w, s.taps(), s.in_each * s.taps());
}

// Rows of y times taps of x over runs of places, whole vectors and then shorter ones, lane by lane
// into `sums`: rows times taps vectors.
template <int kRows, int kTaps, class T>
void dot_tile(const Run* run, int64_t whole, int64_t count, const T* HWY_RESTRICT y,
              const T* HWY_RESTRICT x, const int64_t* at, T* HWY_RESTRICT sums, bool resume) {
  const Full<T> d;
  using V = hn::Vec<Full<T>>;
  constexpr int64_t L = kLanes<T>;
  V acc[kRows][kTaps];
  const T* from[kTaps];
  HWY_UNROLL(8)
  for (int t = 0; t < kTaps; ++t) from[t] = x + at[t];
  HWY_UNROLL(8)
  for (int i = 0; i < kRows; ++i) {
    HWY_UNROLL(8)
    for (int t = 0; t < kTaps; ++t)
      acc[i][t] = resume ? hn::Load(d, sums + (i * kTaps + t) * L) : hn::Zero(d);
  }
  const auto step = [&](int64_t v, const auto& load) HWY_ATTR {
    V left[kRows];
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) left[i] = hn::Load(d, y + i * L);
    HWY_UNROLL(8)
    for (int t = 0; t < kTaps; ++t) {
      const V right = load(from[t] + run[v].from);
      HWY_UNROLL(8)
      for (int i = 0; i < kRows; ++i) acc[i][t] = multiply_add(left[i], right, acc[i][t]);
    }
    y += kRows * L;
  };
  int64_t v = 0;
  for (; v < whole; ++v) step(v, [&](const T* p) HWY_ATTR { return hn::LoadU(d, p); });
  for (; v < count; ++v) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(run[v].lanes));
    step(v, [&](const T* p) HWY_ATTR { return load_first(d, mask, p, run[v].lanes); });
  }
  HWY_UNROLL(8)
  for (int i = 0; i < kRows; ++i) {
    HWY_UNROLL(8)
    for (int t = 0; t < kTaps; ++t) hn::Store(acc[i][t], d, sums + (i * kTaps + t) * L);
  }
}

template <class T>
using DotTile = void (*)(const Run*, int64_t, int64_t, const T*, const T*, const int64_t*, T*,
                         bool);

template <class T, int kRows, int... kTaps>
DotTile<T> dot_tile_of(int64_t taps, std::integer_sequence<int, kTaps...>) {
  static constexpr DotTile<T> tiles[] = {dot_tile<kRows, kTaps + 1, T>...};
  return tiles[taps - 1];
}

template <class T, int... kRows>
DotTile<T> dot_tile_of(int64_t rows, int64_t taps, std::integer_sequence<int, kRows...>) {
  DotTile<T> found = nullptr;
  const auto look = [&](auto row) {
    constexpr int n = decltype(row)::value + 1;
    if (rows == n) found = dot_tile_of<T, n>(taps, std::make_integer_sequence<int, dot_taps(n)>());
  };
  (look(std::integral_constant<int, kRows>()), ...);
  return found;
}

// w[o, c, t] = sum over examples and places of y[o] x[c, place + t].
template <class T>
struct WeightSums {
  const ConvShape& s;
  const T *x, *y;
  T* w;
  Phase f = {};
  Planes planes = {};
  bool dense = false;              // from patches
  int64_t examples = 1, rows = 1;  // of what is summed at a time: a piece
  int64_t pieces = 1;              // of a part, whose lanes are summed when it is done
  int64_t block = 1;               // channels whose planes are made together
  T* apart = nullptr;              // where each part has its own sums

  int64_t bands() const { return ceil_div(f.rows, rows); }
  int64_t all_pieces() const { return ceil_div(s.examples, examples) * bands(); }
  int64_t parts() const { return ceil_div(all_pieces(), pieces); }
  int64_t tiles() const { return ceil_div(s.out_each, kDotRows); }
  int64_t row_of(int64_t tile) const { return s.out_each * tile / tiles(); }
  int64_t size() const { return s.groups * s.out_each * s.in_each * f.taps; }

  // Pieces and parts are what the sizes of x and y alone decide, their channels left out.
  void decide() {
    const int64_t places = f.rows * f.cols;
    dense = kMasks ? 2 * f.rows * ceil_div(f.cols, kLanes<T>) >= 3 * ceil_div(places, kLanes<T>)
                   : f.cols % kLanes<T> != 0;
    examples = std::clamp<int64_t>(kDotPiece / places, 1, s.examples);
    rows = examples > 1 || dense ? f.rows : std::clamp<int64_t>(kDotPiece / f.cols, 1, f.rows);
    pieces = std::max<int64_t>(1, kDotPart / (examples * rows * f.cols));
  }

  // The sums of one piece, added to those there are in `sums`.
  void piece(int64_t p, int64_t g, int64_t c0, int64_t many, T* sums, bool resume) const {
    constexpr int64_t L = kLanes<T>;
    ConvRooms& rooms = conv_rooms();
    const int64_t n0 = p / bands() * examples, n1 = std::min(n0 + examples, s.examples);
    const int64_t first = p % bands() * rows, here = std::min(rows, f.rows - first);
    const int64_t k = many * f.taps;
    const int64_t read = planes.rows(here), plane = read * planes.row();
    const int64_t step = planes.down * planes.row(), places = f.rows * f.cols;
    const int64_t vectors = dense ? ceil_div(places, L) : here * ceil_div(f.cols, L);
    const int64_t count = (n1 - n0) * vectors, apart_by = count * L;
    T* const near = rooms.planes.at_least<T>((dense ? 1 : n1 - n0) * many * plane + 2 * L);
    T* const patches = dense ? rooms.patches.at_least<T>(k * apart_by + 2 * L) : nullptr;
    Run* const runs = rooms.runs.at_least<Run>(count);
    int64_t* const at = rooms.offsets.at_least<int64_t>(k);
    int64_t whole = 0, rest = count;
    const auto put = [&](const Run& r) {
      if (r.lanes == L) {
        runs[whole++] = r;
      } else {
        runs[--rest] = r;
      }
    };
    for (int64_t n = n0; n < n1; ++n) {
      const int64_t out = (n * s.groups + g) * s.out_each * places + first * f.cols;
      T* const made = near + (dense ? 0 : (n - n0) * many * plane);
      make_planes(planes, x + ((n * s.groups + g) * s.in_each + c0) * planes.h * planes.w, many,
                  first * planes.down, read, made);
      if (dense) {
        make_patches(f, step, made, plane, many, patches + (n - n0) * vectors * L, apart_by);
        for (int64_t v = 0; v < vectors; ++v)
          put({((n - n0) * vectors + v) * L, out + v * L, std::min(L, places - v * L)});
      } else {
        for (int64_t r = 0; r < here; ++r)
          for (int64_t j = 0; j < f.cols; j += L)
            put({(n - n0) * many * plane + r * step + j, out + r * f.cols + j,
                 std::min(L, f.cols - j)});
      }
    }
    for (int64_t c = 0; c < many; ++c)
      for (int64_t t = 0; t < f.taps; ++t)
        at[c * f.taps + t] = dense ? (c * f.taps + t) * apart_by : c * plane + f.at[t];
    // Patches are zero beyond their places, and so is y: every vector of them is whole.
    const int64_t unmasked = dense ? count : whole;
    T* const cotangents = rooms.cotangents.at_least<T>(kDotRows * apart_by);
    const Full<T> d;
    // What the next piece is made from is fetched meanwhile, where it lies side by side.
    const int64_t then = std::min(examples, s.examples - n1), steps = tiles() * ceil_div(k, 4);
    const bool x_near = then == 1 || (s.groups == 1 && many == s.in_each);
    const int64_t plane_x = planes.h * planes.w;
    Ahead x_ahead(x + ((n1 * s.groups + g) * s.in_each + c0) * plane_x,
                  bands() == 1 && x_near ? then * many * plane_x : 0, steps);
    Ahead y_ahead(y + (n1 * s.groups + g) * s.out_each * places,
                  bands() == 1 && (then == 1 || s.groups == 1) ? then * s.out_each * places : 0,
                  steps);
    for (int64_t tile = 0; tile < tiles(); ++tile) {
      const int64_t m = row_of(tile), high = row_of(tile + 1) - m;
      T* to = cotangents;
      for (int64_t v = 0; v < whole; ++v)
        for (int64_t i = 0; i < high; ++i, to += L)
          hn::Store(hn::LoadU(d, y + (m + i) * places + runs[v].to), d, to);
      for (int64_t v = whole; v < count; ++v) {
        const auto mask = hn::FirstN(d, static_cast<size_t>(runs[v].lanes));
        for (int64_t i = 0; i < high; ++i, to += L)
          hn::Store(load_first(d, mask, y + (m + i) * places + runs[v].to, runs[v].lanes), d, to);
      }
      const int64_t bunches = ceil_div(k, dot_taps(high));
      for (int64_t b = 0; b < bunches; ++b) {
        const int64_t t0 = k * b / bunches, t1 = k * (b + 1) / bunches;
        x_ahead.go_on();
        y_ahead.go_on();
        dot_tile_of<T>(high, t1 - t0, std::make_integer_sequence<int, kDotRows>())(
            runs, unmasked, count, cotangents, dense ? patches : near, at + t0,
            sums + (m * k + high * t0) * L, resume);
      }
    }
  }

  // Sums of a part over the lanes.
  void finish(int64_t g, int64_t c0, int64_t many, const T* sums, T* to, bool add) const {
    const Full<T> d;
    const int64_t k = many * f.taps;
    for (int64_t tile = 0; tile < tiles(); ++tile) {
      const int64_t m = row_of(tile), high = row_of(tile + 1) - m,
                    bunches = ceil_div(k, dot_taps(high));
      for (int64_t b = 0; b < bunches; ++b) {
        const int64_t t0 = k * b / bunches, t1 = k * (b + 1) / bunches;
        for (int64_t i = 0; i < high; ++i) {
          T* row = to + ((g * s.out_each + m + i) * s.in_each + c0) * f.taps;
          for (int64_t t = t0; t < t1; ++t, sums += kLanes<T>) {
            const T sum = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, sums)));
            row[t] = add ? row[t] + sum : sum;
          }
        }
      }
    }
  }

  void run() {
    const bool serial = s.examples * s.work() < kSerialWork;
    const int64_t threads = thread_count();
    const int64_t plane = dense ? f.taps * f.rows * f.cols : planes.size(rows);
    block = block_of(s.in_each, f.taps, kConvDepth);
    block = std::clamp<int64_t>(kDotPlanes / (examples * plane), 1, block);
    while (!serial && block > 1 && s.groups * ceil_div(s.in_each, block) * parts() < threads)
      block = ceil_div(block, 2);
    const int64_t blocks = s.groups * ceil_div(s.in_each, block);
    const auto job = [&](int64_t i, int64_t first, int64_t end) {
      const int64_t g = i % s.groups, c0 = i / s.groups * block;
      const int64_t many = std::min(block, s.in_each - c0);
      T* const sums = conv_rooms().woven.at_least<T>(s.out_each * many * f.taps * kLanes<T>);
      for (int64_t part = first; part < end; ++part) {
        const int64_t last = std::min(all_pieces(), (part + 1) * pieces);
        for (int64_t p = part * pieces; p < last; ++p)
          piece(p, g, c0, many, sums, p > part * pieces);
        finish(g, c0, many, sums, apart ? apart + part * size() : w, !apart && part > 0);
      }
    };
    if (serial) {
      for (int64_t i = 0; i < blocks; ++i) job(i, 0, parts());
      return;
    }
    if (parts() == 1 || blocks >= 4 * threads || parts() * size() > (1 << 24)) {
      parallel_for(blocks, [&](int64_t i) { job(i, 0, parts()); });
      return;
    }
    apart = conv_rooms().parts.at_least<T>(parts() * size());
    parallel_for(blocks * parts(),
                 [&](int64_t i) { job(i / parts(), i % parts(), i % parts() + 1); });
    for (int64_t p = 0; p < parts(); ++p)
      for (int64_t i = 0; i < size(); ++i) w[i] = p == 0 ? apart[i] : w[i] + apart[p * size() + i];
  }
};

template <class T>
void conv_weight(const ConvShape& s, const T* x, const T* y, T* w) {
  WeightSums<T> all{.s = s, .x = x, .y = y, .w = w};
  all.f = windows(s, conv_rooms().taps.at_least<int64_t>(2 * s.taps()), all.planes);
  if (s.examples * all.f.rows * all.f.cols == 0) {
    std::fill_n(w, all.size(), T(0));
    return;
  }
  if (all.size() == 0) return;
  all.decide();
  all.run();
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();
