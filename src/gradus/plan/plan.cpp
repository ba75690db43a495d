#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/core/interpret.h>
#include <gradus/core/nonfinite.h>
#include <gradus/plan/fused.h>
#include <gradus/plan/passes.h>
#include <gradus/plan/plan.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>

namespace gradus {
namespace {

constexpr size_t few = 3;                // operands of an op with a direct call
constexpr int64_t most_alone = 1 << 16;  // elements; more are shared out to threads
constexpr int64_t repeated_bytes = 16384;

// An elementwise kernel on elements in a row.
struct RowCall {
  Call::Row row;
  const void* in[few];
  bool single[few];
  void* out;
  size_t n;
};

// The same over several rows, operands moving on by so many bytes.
struct RowsCall {
  RowCall first;
  int64_t rows;
  int64_t step[few], out_step;
  bool repeated[few], spread[few];  // laid out for all rows before one call
  int64_t size[few];
  size_t inputs;
};

struct LedCall {
  Call call;
  After after;
};

struct Move {
  std::byte* to;
  const std::byte* from;
  size_t bytes;
};

struct Copy {
  View from, to;
};

void run_row(const void* what) {
  const auto& x = *static_cast<const RowCall*>(what);
  x.row(x.in, x.single, x.out, x.n);
}

void run_rows_each(const void* what) {
  const auto& x = *static_cast<const RowsCall*>(what);
  RowCall c = x.first;
  for (int64_t r = 0; r < x.rows; ++r) {
    c.row(c.in, c.single, c.out, c.n);
    for (size_t i = 0; i < x.inputs; ++i)
      c.in[i] = static_cast<const std::byte*>(c.in[i]) + x.step[i];
    c.out = static_cast<std::byte*>(c.out) + x.out_step;
  }
}

void run_rows_at_once(const void* what) {
  const auto& x = *static_cast<const RowsCall*>(what);
  RowCall c = x.first;
  const auto n = static_cast<int64_t>(c.n);
  alignas(64) std::byte laid_out[few][repeated_bytes + spread_slack];
  for (size_t i = 0; i < x.inputs; ++i) {
    if (x.spread[i]) {
      spread(static_cast<const std::byte*>(c.in[i]), x.step[i], x.size[i], x.rows, n, laid_out[i]);
      c.single[i] = false;
    } else if (x.repeated[i]) {
      const auto all = static_cast<size_t>(x.rows * n * x.size[i]);
      auto done = static_cast<size_t>(n * x.size[i]);
      std::memcpy(laid_out[i], c.in[i], done);
      while (done < all) {
        const size_t more = std::min(done, all - done);
        std::memcpy(laid_out[i] + done, laid_out[i], more);
        done += more;
      }
    } else {
      continue;
    }
    c.in[i] = laid_out[i];
  }
  c.row(c.in, c.single, c.out, c.n * static_cast<size_t>(x.rows));
}

void run_call(const void* what) {
  const auto& call = *static_cast<const Call*>(what);
  call.run(call);
}

void run_led(const void* what) {
  const auto& led = *static_cast<const LedCall*>(what);
  led.call.run(led.call);
}

void run_fused(const void* what) {
  static_cast<const Fused*>(what)->run();
}

void run_move(const void* what) {
  const auto& m = *static_cast<const Move*>(what);
  std::memcpy(m.to, m.from, m.bytes);
}

void run_copy(const void* what) {
  const auto& c = *static_cast<const Copy*>(what);
  copy(c.from, c.to);
}

}  // namespace

struct Plan::Work {
  std::deque<RowCall> rows;
  std::deque<RowsCall> many_rows;
  std::deque<Call> calls;
  std::deque<LedCall> led;
  std::deque<Fused> fused;
  std::deque<Move> moves;
  std::deque<Copy> copies;
  std::deque<std::vector<View>> views;
};

// Writes a plan down: the graph, its units in order and their places become instructions.
class PlanWriter {
 public:
  PlanWriter(Plan& plan, std::span<const Carry> carries)
      : plan_(plan), g_(plan.graph_), survey_(plan.graph_), work_(std::make_shared<Plan::Work>()) {
    check(carries);
    std::vector<CarriedValue> carried;
    for (const Carry& c : carries)
      carried.push_back({g_.output_ids()[static_cast<size_t>(c.from)],
                         g_.input_ids()[static_cast<size_t>(c.to)]});
    std::vector<ValueId> copied;
    for (ValueId id : g_.output_ids())
      if (!is_own(id)) copied.push_back(id);
    units_ = schedule(survey_, fuse(survey_));
    place_ = place(survey_, units_, carried, copied);
    plan_.arena_bytes_ = static_cast<size_t>(place_.arena_bytes);
    plan_.arena_ = std::make_shared<Block>(plan_.arena_bytes_);
    std::memset(plan_.arena_->data, 0, plan_.arena_bytes_);

    for (ValueId id : g_.input_ids()) plan_.value_bytes_ += byte_count(g_.value(id).type);
    for (size_t i : survey_.computed)
      for (uint16_t o = 0; o < g_.step(i).outputs; ++o)
        plan_.value_bytes_ += byte_count(g_.value(g_.step(i).first_out + o).type);

    std::vector<size_t> end_of_unit;
    for (const Unit& unit : units_) {
      if (unit.fused)
        write_fused(unit);
      else
        write_single(unit);
      end_of_unit.push_back(plan_.code_.size());
    }
    for (ValueId id : g_.input_ids()) plan_.inputs_.push_back(view(id));
    write_results(place_.storages.size() - copied.size());
    write_carries(carries);
    note_releases(end_of_unit);
    plan_.work_ = work_;
  }

 private:
  void check(std::span<const Carry> carries) const {
    const auto results = g_.output_ids().size(), arguments = g_.input_ids().size();
    for (const Carry& c : carries) {
      if (c.from < 0 || c.to < 0 || static_cast<size_t>(c.from) >= results ||
          static_cast<size_t>(c.to) >= arguments)
        raise(ErrorKind::plan, "compile: result " + std::to_string(c.from) +
                                   " is carried to argument " + std::to_string(c.to) +
                                   ", but there are " + std::to_string(results) + " results and " +
                                   std::to_string(arguments) +
                                   " arguments. Both are counted from 0.");
      const Type &from = g_.value(g_.output_ids()[static_cast<size_t>(c.from)]).type,
                 &to = g_.value(g_.input_ids()[static_cast<size_t>(c.to)]).type;
      if (!(from == to))
        raise(ErrorKind::plan, "compile: result " + std::to_string(c.from) + " is " +
                                   to_string(from) + ", but argument " + std::to_string(c.to) +
                                   " it is carried to is " + to_string(to) +
                                   ". Both must have one type.");
      const auto rival = std::ranges::find(carries, c.to, &Carry::to);
      if (rival->from != c.from)
        raise(ErrorKind::plan, "compile: results " + std::to_string(rival->from) + " and " +
                                   std::to_string(c.from) + " are both carried to argument " +
                                   std::to_string(c.to) +
                                   ". An argument takes one result. Leave one of them out.");
    }
  }

  // A result with row-major memory of its own needs no copy.
  bool is_own(ValueId id) const {
    const ValueId root = survey_.homes[id].root;
    return survey_.has_storage(root) && survey_.is_whole(id) &&
           g_.step_of(root).op->kind != Kind::source;
  }

  std::byte* arena(int64_t offset) const { return plan_.arena_->data + offset; }

  View view(ValueId id) const {
    View v = survey_.window(id);
    const ValueId root = survey_.homes[id].root;
    const auto distance = reinterpret_cast<intptr_t>(v.data);
    v.data = (survey_.has_storage(root) ? arena(place_.offset_of[root])
                                        : g_.value(root).buffer.block->data) +
             distance;
    return v;
  }

  // The numbers that a value is of: one for all where it repeats.
  Type touched(ValueId id) const {
    const View window = survey_.window(id);
    Type type = g_.value(id).type;
    for (int i = 0; i < type.shape.size(); ++i)
      if (window.strides[i] == 0) type.shape[i] = std::min<int64_t>(type.shape[i], 1);
    return type;
  }

  void emit(void (*go)(const void*), const void* what) { plan_.code_.push_back({go, what}); }

  void note(const Unit& unit, const std::string& extra_why = {}) {
    InstructionNote n;
    std::vector<ValueId> made, read;
    std::string types;
    for (size_t i : unit.steps) {
      const Step& s = g_.step(i);
      n.ops += (n.ops.empty() ? "" : " ") + std::string(s.op->name);
      std::vector<Type> in;
      for (ValueId id : g_.inputs(s)) {
        in.push_back(g_.value(id).type);
        const ValueId root = survey_.homes[id].root;
        if (std::ranges::find(made, root) == made.end() &&
            std::ranges::find(read, root) == read.end()) {
          read.push_back(root);
          const Type seen = touched(id), &held = g_.value(root).type;
          const Type& less = byte_count(seen) < byte_count(held) ? seen : held;
          n.bytes += byte_count(less);
          types += (types.empty() ? "" : ", ") + to_string(less);
        }
      }
      const Type& out = g_.value(s.first_out).type;
      n.doubles |= out.dtype == DType::f64;
      n.flops += s.op->work        ? s.op->work(in, g_.attrs(s), out)
                 : s.op->pointwise ? static_cast<double>(element_count(out.shape))
                                   : 0;
      for (uint16_t o = 0; o < s.outputs; ++o) made.push_back(s.first_out + o);
    }
    for (ValueId id : made) {
      if (place_.in_scratch[id]) continue;
      n.bytes += byte_count(g_.value(id).type);
      n.offset = place_.offset_of[id];
      if (types.find("->") == std::string::npos) types += " ->";
      types += " " + to_string(g_.value(id).type);
    }
    n.where = types;
    n.why = unit.why + extra_why;
    plan_.notes_.push_back(std::move(n));
  }

  void write_call(const Kernel& kernel, std::vector<View> views, size_t inputs,
                  const Attrs& attrs) {
    work_->views.push_back(std::move(views));
    const std::span<const View> all = work_->views.back();
    work_->calls.push_back(
        {kernel.run, kernel.row, all.first(inputs), all.subspan(inputs), &attrs, nullptr});
    emit(run_call, &work_->calls.back());
  }

  Kernel kernel_of(const Step& s) const {
    std::vector<Type> types;
    for (ValueId id : g_.inputs(s)) types.push_back(g_.value(id).type);
    return s.op->kernel(*s.op, types, g_.value(s.first_out).type);
  }

  void write_single(const Unit& unit) {
    const Step& s = g_.step(unit.steps[0]);
    const auto in = g_.inputs(s);
    if (s.op->part) return write_parts(unit, s);
    note(unit);
    std::vector<View> views;
    for (ValueId id : in) views.push_back(view(id));
    for (uint16_t o = 0; o < s.outputs; ++o) views.push_back(view(s.first_out + o));
    const Kernel kernel = kernel_of(s);
    if (s.op->pointwise) {
      collapse(views);
      if (kernel.row != nullptr && write_rows(kernel.row, views)) return;
    }
    write_call(kernel, std::move(views), s.inputs, g_.attrs(s));
  }

  // Inputs side by side: those that were not made in their place are copied there.
  void write_parts(const Unit& unit, const Step& s) {
    const auto in = g_.inputs(s);
    std::vector<Type> types;
    for (ValueId id : in) types.push_back(g_.value(id).type);
    const View out = view(s.first_out);
    size_t copied = 0;
    for (size_t i = 0; i < in.size(); ++i) {
      const Layout at =
          s.op->part(types, g_.attrs(s), g_.value(s.first_out).type, static_cast<int>(i));
      const View to{out.data + at.offset * size_of(out.dtype), out.dtype, types[i].shape,
                    at.strides};
      const View from = view(in[i]);
      if (from.data == to.data && survey_.parts.contains(survey_.homes[in[i]].root)) continue;
      ++copied;
      note(unit, "one part is copied into its place");
      if (from.is_row_major() && to.is_row_major()) {
        write_move(to, from);
      } else {
        work_->copies.push_back({from, to});
        emit(run_copy, &work_->copies.back());
      }
    }
    if (copied == 0 && !plan_.notes_.empty())
      plan_.notes_.back().why += (plan_.notes_.back().why.empty() ? "" : "; ") +
                                 std::string("the parts of the next ") + s.op->name +
                                 " are made where they belong";
  }

  void write_move(const View& to, const View& from) {
    work_->moves.push_back(
        {to.data, from.data, static_cast<size_t>(element_count(to.shape) * size_of(to.dtype))});
    emit(run_move, &work_->moves.back());
  }

  // Elementwise with few operands and few elements: called without looking at shapes again.
  bool write_rows(Call::Row row, std::span<const View> views) {
    const size_t inputs = views.size() - 1;
    const View& out = views.back();
    if (inputs > few || out.shape.size() > 2 || element_count(out.shape) >= most_alone)
      return false;
    const int last = out.shape.size() - 1;
    const int64_t n = out.shape[last], rows = last == 0 ? 1 : out.shape[0];
    if (rows * n == 0) return false;
    RowsCall call{};
    call.first = {row, {}, {}, out.data, static_cast<size_t>(n)};
    call.rows = rows;
    call.inputs = inputs;
    call.out_step = n * size_of(out.dtype);
    bool at_once = n < short_row;
    for (size_t i = 0; i < inputs; ++i) {
      const View& v = views[i];
      const int64_t stride = v.strides[last], between = last == 0 ? 0 : v.strides[0];
      if (stride != 0 && stride != 1) return false;
      call.first.in[i] = v.data;
      call.first.single[i] = stride == 0;
      call.size[i] = size_of(v.dtype);
      call.step[i] = between * call.size[i];
      call.repeated[i] = stride == 1 && between == 0;
      call.spread[i] = stride == 0 && between != 0;
      const bool laid_out = call.repeated[i] || call.spread[i];
      if (laid_out ? rows * n * call.size[i] > repeated_bytes : stride == 1 && between != n)
        at_once = false;
    }
    if (last == 0) {
      work_->rows.push_back(call.first);
      emit(run_row, &work_->rows.back());
    } else {
      work_->many_rows.push_back(call);
      emit(at_once ? run_rows_at_once : run_rows_each, &work_->many_rows.back());
    }
    return true;
  }

  // The scratch of a unit: a slot for each value that stays inside, reused when it is read no more.
  struct Slots {
    struct Slot {
      bool tall = false;
      int64_t size = 0;  // of an element
      size_t free_after = 0;
    };
    std::vector<Slot> slots;

    // Filled before the first step, so that it may have been nobody else's.
    size_t keep(int64_t size) {
      slots.push_back({false, size, std::numeric_limits<size_t>::max()});
      return slots.size() - 1;
    }
    size_t take(bool tall, int64_t size, size_t now, size_t last) {
      for (size_t i = 0; i < slots.size(); ++i)
        if (slots[i].tall == tall && slots[i].size == size && slots[i].free_after < now) {
          slots[i].free_after = last;
          return i;
        }
      slots.push_back({tall, size, last});
      return slots.size() - 1;
    }
  };

  void write_fused(const Unit& unit) {
    work_->fused.emplace_back();
    Fused& f = work_->fused.back();
    f.columns = unit.columns;
    f.rows = unit.elements / unit.columns;
    f.by_rows = unit.by_rows;
    const size_t first = unit.led ? 1 : 0;
    Slots slots;
    std::map<ValueId, size_t> slot_of;
    std::map<ValueId, size_t> row_slot;                       // short rows that all rows share
    std::map<std::pair<size_t, size_t>, size_t> spread_slot;  // by step and operand
    const auto is_tall = [&](ValueId id) {
      return element_count(g_.value(id).type.shape) != unit.elements;
    };
    for (size_t k = first; k < unit.steps.size(); ++k) {
      const Step& s = g_.step(unit.steps[k]);
      const Type& out = g_.value(s.first_out).type;
      if (place_.in_scratch[s.first_out]) {
        size_t last = k;
        for (size_t j = k + 1; j < unit.steps.size(); ++j)
          for (ValueId id : g_.inputs(g_.step(unit.steps[j])))
            if (survey_.homes[id].root == s.first_out) last = j;
        slot_of[s.first_out] = slots.take(is_tall(s.first_out), size_of(out.dtype), k, last);
      }
      if (!s.op->pointwise || is_tall(s.first_out) || unit.columns >= short_row) continue;
      for (size_t i = 0; i < s.inputs; ++i) {
        const ValueId id = g_.inputs(s)[i];
        const Lie lie = lie_of(survey_, id, unit.columns);
        const int64_t size = size_of(g_.value(id).type.dtype);
        if (lie == Lie::row && !row_slot.contains(id)) row_slot[id] = slots.keep(size);
        if (lie == Lie::tall) spread_slot[{k, i}] = slots.take(false, size, k, k);
      }
    }
    // Bytes of scratch for each element of a tile; a tall value counts for one row.
    int64_t wide_bytes = 0, tall_bytes = 0;
    for (const auto& slot : slots.slots) (slot.tall ? tall_bytes : wide_bytes) += slot.size;
    constexpr int64_t best_tile = 2048, vector = 64 + spread_slack;
    f.tile = best_tile;
    const auto needed = [&](int64_t tile) {
      const int64_t rows = std::max<int64_t>(1, tile / unit.columns);
      const int64_t wide = unit.by_rows ? std::max(tile, unit.columns) : tile;
      return static_cast<int64_t>(slots.slots.size()) * vector + wide * wide_bytes +
             rows * tall_bytes;
    };
    while (f.tile > Fused::least_tile && needed(f.tile) > Fused::scratch_bytes) f.tile /= 2;
    const int64_t tile_elements = unit.by_rows ? std::max(f.tile, unit.columns) : f.tile;
    const int64_t tile_rows = std::max<int64_t>(1, f.tile / unit.columns);
    std::vector<int64_t> slot_at;
    int64_t top = 0;
    for (const auto& slot : slots.slots) {
      slot_at.push_back(top);
      const int64_t bytes = (slot.tall ? tile_rows : tile_elements) * slot.size + spread_slack;
      top += (bytes + 63) / 64 * 64;
    }

    const auto operand = [&](ValueId id, bool tall_step) {
      const View v = survey_.window(id);
      const int64_t size = size_of(v.dtype);
      const ValueId root = survey_.homes[id].root;
      const Lie lie = lie_of(survey_, id, unit.columns);
      Operand o;
      if (lie == Lie::whole) {
        o.row_bytes = tall_step ? size : unit.columns * size;
        o.column_bytes = tall_step ? 0 : size;
      } else if (lie == Lie::row) {
        o.column_bytes = size;
      } else if (lie == Lie::tall) {
        View one[] = {v};
        collapse(one);
        o.row_bytes = one[0].strides[0] * size;
      } else if (lie == Lie::cycle) {
        View one[] = {v};
        collapse(one);
        o.row_bytes = one[0].strides[1] * size;
        o.cycle = one[0].shape[1];
      }
      if (const auto slot = slot_of.find(root); slot != slot_of.end()) {
        o.scratch = slot_at[slot->second];
        return o;
      }
      o.data = view(id).data;
      return o;
    };
    for (size_t k = first; k < unit.steps.size(); ++k) {
      const Step& s = g_.step(unit.steps[k]);
      const Kernel kernel = kernel_of(s);
      TileStep t;
      t.attrs = &g_.attrs(s);
      t.out_type = g_.value(s.first_out).type.dtype;
      const bool tall_out = is_tall(s.first_out);
      t.tall = s.op->pointwise && tall_out;
      t.tall_out = tall_out;
      if (s.op->pointwise)
        t.row = kernel.row;
      else
        t.run = kernel.run;
      t.even = true;
      for (size_t i = 0; i < s.inputs; ++i) {
        const ValueId id = g_.inputs(s)[i];
        Operand o = operand(id, t.tall);
        const Lie lie = lie_of(survey_, id, unit.columns);
        const auto spread_at = spread_slot.find({k, i});
        const auto row_at = row_slot.find(id);
        o.spread = spread_at != spread_slot.end();
        o.repeated = !t.tall && row_at != row_slot.end();
        if (o.spread) o.laid_out = slot_at[spread_at->second];
        if (o.repeated) o.laid_out = slot_at[row_at->second];
        t.in.push_back(o);
        t.in_types.push_back(g_.value(id).type.dtype);
        t.single[i] = lie == Lie::single || lie == Lie::tall || lie == Lie::cycle;
        if (lie == Lie::cycle || (lie == Lie::tall && !o.spread) ||
            (lie == Lie::row && !o.repeated))
          t.even = false;
      }
      t.out = operand(s.first_out, tall_out);
      f.steps.push_back(std::move(t));
    }

    if (!unit.led) {
      note(unit);
      emit(run_fused, &f);
      return;
    }
    const Step& s = g_.step(unit.steps[0]);
    std::vector<View> views;
    for (ValueId id : g_.inputs(s)) views.push_back(view(id));
    views.push_back(view(s.first_out));
    work_->views.push_back(std::move(views));
    const std::span<const View> all = work_->views.back();
    const Kernel kernel = kernel_of(s);
    f.led_rows = unit.columns / all.back().shape.back();
    if (f.by_rows && f.led_rows > 1)
      f.finished = std::make_unique<std::atomic<int64_t>[]>(static_cast<size_t>(f.rows));
    work_->led.push_back(
        {{kernel.run, kernel.row, all.first(s.inputs), all.subspan(s.inputs), &g_.attrs(s),
          nullptr},
         {[](const void* self, int64_t row, int64_t rows, int64_t column, int64_t columns) {
            const auto& unit_of = *static_cast<const Fused*>(self);
            if (unit_of.led_rows > 1) return unit_of.run_led_rows(row, rows);
            unit_of.run_block(row, rows, column, columns);
          },
          &f, unit.by_rows || f.led_rows > 1}});
    LedCall& led = work_->led.back();
    led.call.after = &led.after;
    note(unit);
    emit(run_led, &led);
  }

  void write_results(size_t copied_storage) {
    for (ValueId id : g_.output_ids()) {
      View v = view(id);
      if (!is_own(id)) {
        const View to{arena(place_.storages[copied_storage++].offset), v.dtype, v.shape,
                      row_major(v.shape)};
        work_->copies.push_back({v, to});
        emit(run_copy, &work_->copies.back());
        plan_.notes_.push_back({"copy", to_string(g_.value(id).type),
                                "a result that is a view, an argument or a constant", 0,
                                2 * byte_count(g_.value(id).type), to.data - plan_.arena_->data});
        v = to;
      }
      plan_.outputs_.push_back(v);
    }
  }

  // Carried results may share memory with what the move would overwrite, so moves come last and go
  // through results only.
  void write_carries(std::span<const Carry> carries) {
    for (size_t c = 0; c < carries.size(); ++c) {
      if (place_.carried_in_place[c]) continue;
      const View &from = plan_.outputs_[static_cast<size_t>(carries[c].from)],
                 &to = plan_.inputs_[static_cast<size_t>(carries[c].to)];
      write_move(to, from);
      plan_.notes_.push_back({"carry", to_string(Type{to.dtype, to.shape}),
                              "the old value is still read when the new one is made", 0,
                              2 * element_count(to.shape) * size_of(to.dtype),
                              to.data - plan_.arena_->data});
    }
  }

  void note_releases([[maybe_unused]] const std::vector<size_t>& end_of_unit) {
#ifdef GRADUS_POISON
    for (const Storage& s : place_.storages)
      if (s.last >= 1 && s.last <= units_.size() && end_of_unit[s.last - 1] > 0)
        plan_.releases_.push_back({end_of_unit[s.last - 1] - 1, s.offset, s.bytes});
    std::ranges::sort(plan_.releases_, {}, &Plan::Release::instruction);
#endif
  }

  Plan& plan_;
  const Graph& g_;
  Survey survey_;
  std::shared_ptr<Plan::Work> work_;
  std::vector<Unit> units_;
  Placement place_;
};

Plan::Plan(Graph graph, std::vector<std::string> names, std::span<const Carry> carries)
    : graph_(std::move(graph)), names_(std::move(names)) {
  PlanWriter(*this, carries);
}

void Plan::require_type(const View& v, DType wanted) const {
  if (v.dtype != wanted)
    raise(ErrorKind::dtype, std::string("Plan: asked for ") + name_of(wanted) + " memory of " +
                                to_string(Type{v.dtype, v.shape}) + ". The type must be exact.");
}

Tensor Plan::copy_of(const View& v) const {
  const auto bytes = static_cast<size_t>(element_count(v.shape) * size_of(v.dtype));
  return from_bytes({v.dtype, v.shape}, {v.data, bytes});
}

void Plan::set(int input, const Tensor& x) {
  if (input < 0 || static_cast<size_t>(input) >= inputs_.size())
    raise(ErrorKind::plan, "Plan::set: argument " + std::to_string(input) +
                               " does not exist. This plan has " + std::to_string(inputs_.size()) +
                               ", counted from 0.");
  const View& v = inputs_[static_cast<size_t>(input)];
  const Tensor solid = literal_as(x, v.dtype);
  if (solid.dtype() != v.dtype || !(solid.shape() == v.shape)) {
    const auto place = static_cast<size_t>(input);
    const std::string name = place < names_.size() && !names_[place].empty()
                                 ? "'" + names_[place] + "'"
                                 : std::to_string(input);
    raise(ErrorKind::plan, "Plan::run: argument " + name + " is " + to_string(solid.type()) +
                               ", but this plan was made for " + to_string(Type{v.dtype, v.shape}) +
                               ". Make a second plan for the last batch, or drop it.");
  }
  copy(view_of(solid), v);
}

// Under a guard the interpreter computes the same bits first, step by step, where it can look.
void Plan::look_inside() const {
  std::vector<Tensor> arguments;
  for (const View& v : inputs_) arguments.push_back(copy_of(v));
  interpret_all(graph_, arguments);
}

void Plan::run() {
  if (const NonFiniteGuard* guard = NonFiniteGuard::current(); guard && guard->watches())
    look_inside();
#ifdef GRADUS_POISON
  size_t released = 0;
  for (size_t i = 0; i < code_.size(); ++i) {
    code_[i].go(code_[i].what);
    // All bits set is a NaN in every floating type.
    for (; released < releases_.size() && releases_[released].instruction <= i; ++released)
      std::memset(arena_->data + releases_[released].offset, 0xFF,
                  static_cast<size_t>(releases_[released].bytes));
  }
#else
  for (const Instruction& x : code_) x.go(x.what);
#endif
}

std::vector<Tensor> Plan::operator()(std::span<const Tensor> args) {
  if (args.size() != inputs_.size())
    raise(ErrorKind::plan, "Plan::run: got " + std::to_string(args.size()) +
                               " arguments, but this plan takes " + std::to_string(inputs_.size()) +
                               ". Give one tensor for each.");
  for (size_t i = 0; i < args.size(); ++i) set(static_cast<int>(i), args[i]);
  run();
  std::vector<Tensor> results;
  for (const View& v : outputs_) results.push_back(copy_of(v));
  return results;
}

Graph record(const PlanFunction& f, std::span<const Argument> arguments) {
  Graph graph;
  {
    Tape tape("compile", true);
    std::vector<ValueId> ids;
    std::vector<Tensor> handles;
    for (const Argument& a : arguments) {
      ids.push_back(tape.input(a.type, a.name));
      handles.push_back(tape.tensor(ids.back()));
    }
    std::vector<ValueId> outputs;
    for (const Tensor& y : f(handles)) outputs.push_back(tape.place_constant(y));
    graph = tape.freeze(ids, outputs);
  }
  return simplify(graph);
}

Plan compile(const PlanFunction& f, std::span<const Argument> arguments,
             std::span<const Carry> carries) {
  std::vector<std::string> names;
  for (const Argument& a : arguments) names.push_back(a.name);
  return Plan(record(f, arguments), std::move(names), carries);
}

Plan compile(const PlanFunction& f, std::initializer_list<Tensor> args,
             std::initializer_list<Carry> carries) {
  std::vector<Argument> arguments;
  for (const Tensor& x : args) arguments.push_back({"", x.type()});
  Plan plan = compile(f, arguments, std::span<const Carry>(carries.begin(), carries.size()));
  int i = 0;
  for (const Tensor& x : args) plan.set(i++, x);
  return plan;
}

Plan& Plans::of(std::span<const Argument> arguments) {
  std::vector<Type> types;
  for (const Argument& a : arguments) types.push_back(a.type);
  const auto known = std::ranges::find(plans_, types, &std::pair<std::vector<Type>, Plan>::first);
  const auto place = static_cast<size_t>(known - plans_.begin());
  if (known == plans_.end())
    plans_.emplace_back(std::move(types), compile(f_, arguments, carries_));
  if (place != last_) {
    const Plan& before = plans_[last_].second;
    for (const Carry& c : carries_) plans_[place].second.set(c.to, before.input_tensor(c.to));
    last_ = place;
  }
  return plans_[place].second;
}

std::vector<Tensor> Plans::operator()(std::span<const Tensor> args) {
  std::vector<Argument> arguments;
  for (const Tensor& x : args) arguments.push_back({"", x.type()});
  return of(arguments)(args);
}

}  // namespace gradus
