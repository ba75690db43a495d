#include <gradus/base/pool.h>
#include <gradus/plan/fused.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace gradus {
namespace {

constexpr int64_t chunk = 16384;            // elements a thread takes at once, at least
constexpr int64_t worth_threads = 1 << 17;  // elements times steps

struct Tile {
  int64_t row, height, column, width;
  bool whole;  // all columns
};

std::byte* at(const Operand& o, const Tile& t, int64_t row, std::byte* scratch) {
  if (o.cycle != 0) return o.data + row % o.cycle * o.row_bytes;
  if (o.data != nullptr) return o.data + row * o.row_bytes + t.column * o.column_bytes;
  // Scratch holds the tile alone; a row there is as wide as the tile.
  const int64_t width = o.column_bytes == 0 ? o.row_bytes : t.width * o.column_bytes;
  return scratch + o.scratch + (row - t.row) * width;
}

// Memory for operands: making all of them costs more than a short step.
union Views {
  View all[8];
  Views() {}
};

void run_rows_of(const TileStep& s, const Tile& t, std::byte* scratch) {
  Views room;
  View* const in = room.all;
  for (size_t i = 0; i < s.in.size(); ++i)
    std::construct_at(
        in + i,
        View{at(s.in[i], t, t.row, scratch), s.in_types[i], {t.height, t.width}, {t.width, 1}});
  View out{at(s.out, t, t.row, scratch), s.out_type, {t.height, t.width}, {t.width, 1}};
  if (s.tall_out) out.shape = {t.height}, out.strides = {1};
  const Call call{s.run, nullptr, {in, s.in.size()}, {&out, 1}, s.attrs, nullptr};
  s.run(call);
}

void run_step(const TileStep& s, const Tile& t, std::byte* scratch) {
  if (s.run != nullptr) return run_rows_of(s, t, scratch);
  const void* in[8];
  const auto call = [&](const bool* single, int64_t row, int64_t n) {
    s.row(in, single, at(s.out, t, row, scratch), static_cast<size_t>(n));
  };
  const bool once = s.tall || (s.even && t.whole);
  if (!once) {
    for (int64_t r = t.row; r < t.row + t.height; ++r) {
      for (size_t i = 0; i < s.in.size(); ++i) in[i] = at(s.in[i], t, r, scratch);
      call(s.single, r, t.width);
    }
    return;
  }
  bool single[8];
  for (size_t i = 0; i < s.in.size(); ++i) {
    const Operand& o = s.in[i];
    std::byte* const from = at(o, t, t.row, scratch);
    const bool laid_out = o.repeated || o.spread;
    in[i] = laid_out ? scratch + o.laid_out : from;
    single[i] = s.single[i] && !laid_out;
    if (o.spread)
      spread(from, o.row_bytes, size_of(s.in_types[i]), t.height, t.width, scratch + o.laid_out);
  }
  call(single, t.row, s.tall ? t.height : t.height * t.width);
}

template <class T>
void spread_words(const std::byte* from, int64_t step_bytes, int64_t rows, int64_t n,
                  std::byte* to) {
  constexpr int64_t at_once = spread_slack / static_cast<int64_t>(sizeof(T));
  for (int64_t r = 0; r < rows; ++r, from += step_bytes) {
    T words[at_once];
    for (T& w : words) std::memcpy(&w, from, sizeof(T));
    for (int64_t k = 0; k < n; k += at_once)
      std::memcpy(to + (r * n + k) * static_cast<int64_t>(sizeof(T)), words, sizeof words);
  }
}

}  // namespace

void spread(const std::byte* from, int64_t step_bytes, int64_t size, int64_t rows, int64_t n,
            std::byte* to) {
  switch (size) {
    case 1:
      return spread_words<uint8_t>(from, step_bytes, rows, n, to);
    case 2:
      return spread_words<uint16_t>(from, step_bytes, rows, n, to);
    case 4:
      return spread_words<uint32_t>(from, step_bytes, rows, n, to);
    default:
      return spread_words<uint64_t>(from, step_bytes, rows, n, to);
  }
}

void Fused::run_block(int64_t row, int64_t height, int64_t column, int64_t width) const {
  alignas(64) std::byte scratch[scratch_bytes];
#ifdef GRADUS_POISON
  std::memset(scratch, 0xFF, sizeof scratch);
#endif
  const int64_t wide = by_rows ? width : std::min(width, tile);
  const int64_t high = std::max<int64_t>(1, tile / wide);
  const bool whole = wide == columns;
  for (const TileStep& s : steps)
    for (const Operand& o : s.in)
      if (o.repeated && whole) {
        std::byte* to = scratch + o.laid_out;
        const auto bytes = static_cast<size_t>(columns * o.column_bytes);
        for (int64_t r = 0; r < std::min(high, height); ++r, to += bytes)
          std::memcpy(to, o.data, bytes);
      }
  for (int64_t r = row; r < row + height; r += high)
    for (int64_t c = column; c < column + width; c += wide) {
      const Tile t{r, std::min(high, row + height - r), c, std::min(wide, column + width - c),
                   whole};
      for (const TileStep& s : steps) run_step(s, t, scratch);
    }
}

void Fused::run_led_rows(int64_t row, int64_t count) const {
  const int64_t width = columns / led_rows;
  for (const int64_t end = row + count; row < end;) {
    const int64_t r = row / led_rows, first = row % led_rows;
    const int64_t n = std::min(led_rows - first, end - row);
    row += n;
    if (!by_rows) {
      run_block(r, 1, first * width, n * width);
      continue;
    }
    std::atomic<int64_t>& done = finished[static_cast<size_t>(r)];
    if (n < led_rows) {
      if (done.fetch_add(n, std::memory_order_acq_rel) + n < led_rows) continue;
      done.store(0, std::memory_order_relaxed);
    }
    run_block(r, 1, 0, columns);
  }
}

void Fused::run() const {
  const int64_t elements = rows * columns;
  if (elements * static_cast<int64_t>(steps.size()) < worth_threads)
    return run_block(0, rows, 0, columns);
  if (rows == 1) {
    const int64_t each = std::max(tile, chunk / tile * tile);
    return parallel_for((columns + each - 1) / each, [&](int64_t i) {
      run_block(0, 1, i * each, std::min(each, columns - i * each));
    });
  }
  const int64_t each = std::max<int64_t>(1, chunk / columns);
  parallel_for((rows + each - 1) / each, [&](int64_t i) {
    run_block(i * each, std::min(each, rows - i * each), 0, columns);
  });
}

}  // namespace gradus
