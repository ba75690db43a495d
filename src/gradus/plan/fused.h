// A fused unit at run time: every step on one tile, then the next tile.
#pragma once

#include <gradus/core/view.h>

#include <vector>

namespace gradus {

// Where a step finds an operand: from the element (row, column) of the unit.
struct Operand {
  std::byte* data = nullptr;  // null: in the scratch
  int64_t row_bytes = 0, column_bytes = 0;
  int64_t scratch = 0;    // bytes from its start
  bool repeated = false;  // a short row, laid out in the scratch once for every row of a tile
};

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
  int64_t tile = 0;  // elements at most
  bool by_rows = false;
  std::vector<TileStep> steps;

  // The most that one tile's scratch may take, on the stack.
  static constexpr int64_t scratch_bytes = 64 << 10;
  // Runs the block of the unit, tile by tile.
  void run_block(int64_t row, int64_t height, int64_t column, int64_t width) const;
  // Runs it all, on several threads where that pays.
  void run() const;
};

}  // namespace gradus
