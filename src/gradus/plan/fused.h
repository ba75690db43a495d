// A fused unit at run time: every step on one tile, then the next tile.
#pragma once

#include <gradus/core/view.h>

#include <atomic>
#include <memory>
#include <vector>

namespace gradus {

// Where a step finds an operand: from the element (row, column) of the unit.
struct Operand {
  std::byte* data = nullptr;  // null: in the scratch
  int64_t row_bytes = 0, column_bytes = 0;
  int64_t cycle = 0;    // rows after which it begins again; 0: never
  int64_t scratch = 0;  // bytes from its start
  // Over short rows, one call for a whole tile is worth laying an operand out in the scratch: a row
  // that all share, once; one element a row, for each tile.
  bool repeated = false, spread = false;
  int64_t laid_out = 0;  // where, bytes from the start of the scratch
};

// Rows shorter than this are run many at a time.
inline constexpr int64_t short_row = 64;
// What laying out may write beyond its last element.
inline constexpr int64_t spread_slack = 16;
// to[r n + k] = from[r step] for k < n, elements of `size` bytes, and up to spread_slack bytes
// beyond.
void spread(const std::byte* from, int64_t step_bytes, int64_t size, int64_t rows, int64_t n,
            std::byte* to);

struct TileStep {
  Call::Row row = nullptr;  // elementwise
  Call::Run run = nullptr;  // on whole rows
  std::vector<Operand> in;
  Operand out;
  std::vector<DType> in_types;
  DType out_type = DType::f32;
  const Attrs* attrs = nullptr;
  bool tall = false;      // computes one element a row
  bool tall_out = false;  // a reduction of the rows
  bool even = false;      // all operands are whole or single: a tile of whole rows is one row
  bool single[8] = {};
};

struct Fused {
  int64_t rows = 0, columns = 0;
  int64_t tile = 0;      // elements at most
  int64_t led_rows = 1;  // of the product that leads, in one row here
  bool by_rows = false;
  // Where a row here is several of the product and must be whole: how many of each are finished.
  std::unique_ptr<std::atomic<int64_t>[]> finished;
  std::vector<TileStep> steps;

  // The most that one tile's scratch may take, on the stack.
  static constexpr int64_t scratch_bytes = 64 << 10;
  static constexpr int64_t least_tile = 16;
  // Runs the block of the unit, tile by tile.
  void run_block(int64_t row, int64_t height, int64_t column, int64_t width) const;
  // The same for whole rows of the product that leads. Steps that need a whole row run with the
  // last of its parts, whichever thread brings it.
  void run_led_rows(int64_t row, int64_t count) const;
  // Runs it all, on several threads where that pays.
  void run() const;
};

}  // namespace gradus
