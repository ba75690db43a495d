// The decisions between a graph and a plan, one function each; plan.cpp writes the result down.
#pragma once

#include <gradus/core/tape.h>

#include <map>
#include <string>
#include <vector>

namespace gradus {

// Where a value lies: in the memory of `root`, which is the value itself or one it is a view of.
struct Home {
  ValueId root = no_value;
  Layout layout;
};

// What every pass asks of a graph.
struct Survey {
  explicit Survey(const Graph& graph);

  const Graph& graph;
  std::vector<Home> homes;
  std::vector<size_t> computed;    // steps that run something, in recorded order
  std::vector<bool> behind_alias;  // by value: what is computed from it was asked for again
  std::vector<bool> is_result;     // by root: lives after the run
  std::vector<std::vector<size_t>> readers;  // by root: computed steps, in order
  // Parts of a concatenation that are made where they belong: the root, and the element of it where
  // this value begins.
  std::map<ValueId, std::pair<ValueId, int64_t>> parts;

  // Has memory in the arena: not a constant.
  bool has_storage(ValueId root) const { return !graph.value(root).has_numbers(); }
  // The window of a value in its root's row-major memory; the pointer is the byte distance.
  View window(ValueId id) const;
  // All elements of the root in their order.
  bool is_whole(ValueId id) const;
};

// How a value is laid over the rows of a unit.
enum class Lie : uint8_t {
  whole,   // an element for each element
  row,     // one row, the same for all
  tall,    // one element for each row
  cycle,   // one element for each of a few rows, again and again: a number a channel of a batch
  single,  // one number
  other
};

// Steps that run together. A fused unit runs tile by tile: all steps on one tile, then the next.
struct Unit {
  std::vector<size_t> steps;
  bool fused = false;
  bool led = false;      // the first step is a kernel that runs the others on its finished blocks
  bool by_rows = false;  // a step needs whole rows
  int64_t elements = 0;  // of the whole values
  int64_t columns = 0;   // of a row; all elements where any cut will do
  std::string why;       // for people: why it is as it is
};

// The lie of an operand of a step that runs over rows of `columns` elements.
Lie lie_of(const Survey& survey, ValueId in, int64_t columns);

// Elementwise chains, the reductions of their rows and the products they follow, joined where one
// pass over a tile can do them; the rest alone. In no order yet: schedule makes one.
std::vector<Unit> fuse(const Survey& survey);

// The units in an order that respects what reads what: the recorded one, or one with fewer live
// bytes where there is one.
std::vector<Unit> schedule(const Survey& survey, std::vector<Unit> units);

// A piece of the arena.
struct Storage {
  int64_t bytes = 0;
  size_t first = 0, last = 0;  // units, counted from 1: 0 is before the first
  int64_t offset = 0;
};

struct Placement {
  std::vector<Storage> storages;
  std::vector<int> storage_of;     // by root; -1: a constant, or scratch of its unit
  std::vector<int64_t> offset_of;  // by root: bytes from the start of the arena
  std::vector<bool> in_scratch;    // by root
  int64_t arena_bytes = 0;
  std::vector<bool> carried_in_place;  // by carry
};

struct CarriedValue {
  ValueId from, to;
};

Placement place(const Survey& survey, const std::vector<Unit>& units,
                std::span<const CarriedValue> carries, std::span<const ValueId> copied_results);

}  // namespace gradus
