#include <gradus/base/error.h>
#include <gradus/base/few.h>
#include <gradus/core/buffer.h>
#include <gradus/core/run.h>
#include <gradus/core/tape.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace gradus {
namespace {

constexpr size_t most_outputs = 4;  // of an op; a record keeps them on the stack

thread_local Tape* current = nullptr;

Type same_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}

bool same_layout(const Type&, const Layout& in, const Attrs&, const Type&, Layout* out) {
  *out = in;
  return true;
}

Tensor pass_on(const Context&, std::span<const Tensor> out_bar, int) {
  return out_bar[0];
}

std::vector<Tensor> batch_itself(const Op&, const Batching& b) {
  return {b.in[0]};
}

std::string_view count_word(size_t n) {
  return n == 1 ? " input" : " inputs";
}

}  // namespace

namespace op {
constinit const Op input{.name = "input",
                         .says = "a value from outside",
                         .math = "x",
                         .kind = Kind::source,
                         .inputs = 0};
constinit const Op constant{.name = "constant",
                            .says = "a number that stays",
                            .math = "c",
                            .kind = Kind::source,
                            .inputs = 0};
constinit const Op alias{.name = "alias",
                         .says = "the same value, behind which a derivative stops",
                         .math = "alias(x) = x",
                         .form = "{0}",
                         .kind = Kind::custom,  // as linear, its tangent would be one more alias
                         .type = same_type,
                         .view = same_layout,
                         .rule = {.pull = pass_on, .push = pass_on},
                         .batch = batch_itself};
}  // namespace op

void Recording::set_label(ValueId id, std::string_view text) {
  values_[id].label = static_cast<uint32_t>(labels_.size());
  labels_.emplace_back(text);
}

ValueId Recording::append(const Op& op, std::span<const ValueId> in, const Attrs& attrs,
                          std::span<const Type> out) {
  if (values_.size() + out.size() >= no_value)
    raise(ErrorKind::trace,
          "tape: more than 4294967294 values were recorded. Split the computation.");
  if (in.size() > std::numeric_limits<uint16_t>::max() || out.size() > most_outputs)
    raise(ErrorKind::trace, std::string(op.name) + ": a step of " + std::to_string(in.size()) +
                                " inputs and " + std::to_string(out.size()) +
                                " outputs was recorded. It takes at most 65535 and 4. Join the "
                                "inputs in groups.");
  Step s;
  s.op = &op;
  s.inputs = static_cast<uint16_t>(in.size());
  s.outputs = static_cast<uint16_t>(out.size());
  s.first_out = static_cast<ValueId>(values_.size());
  if (in.size() <= 3) {
    std::copy(in.begin(), in.end(), s.in);
  } else {
    s.in[0] = static_cast<ValueId>(pool_.size());
    pool_.insert(pool_.end(), in.begin(), in.end());
  }
  if (!(attrs == attrs_[0])) {
    s.attrs = static_cast<uint32_t>(attrs_.size());
    attrs_.push_back(attrs);
  }
  for (const Type& t : out)
    values_.push_back({t, {}, static_cast<uint32_t>(steps_.size()), 0, scope_});
  steps_.push_back(s);
  return s.first_out;
}

Tape::Tape(const char* opened_by, bool everything)
    : serial_(count_tape()), everything_(everything), opened_by_(opened_by), table_(256) {
  if (current)
    raise(ErrorKind::trace, std::string(opened_by) + ": a recording opened by " +
                                current->opened_by_ +
                                " is already open on this thread. Call it outside that function.");
  current = this;
}

Tape::~Tape() {
  current = nullptr;
}

Tape* Tape::open() {
  return current;
}

ValueId Tape::place(const Tensor& x) {
  if (const TapeValue* v = x.tape_value()) {
    if (v->tape == serial_) return v->id;
    raise(ErrorKind::trace,
          std::string(opened_by_) + ": a value " + to_string(x.type()) +
              " of a recording that has ended was used. Values end with the call that made them. "
              "Return it from that function instead.");
  }
  if (everything_ && x.size() > 1 && x.buffer()->block->born < serial_)
    raise(ErrorKind::trace,
          std::string(opened_by_) + ": the function reads " + to_string(x.type()) +
              ", which is not one of its arguments. The plan would keep today's value for ever. "
              "Pass it in, or write constant(x) if that is what you mean.");
  return constant(x);
}

ValueId Tape::place_constant(const Tensor& x) {
  return x.tape_value() ? place(x) : constant(x);
}

ValueId Tape::constant(const Tensor& x) {
  // Equal constants share a step: one number, or one repeated, by its bits; others by the memory
  // they look at.
  Attrs key;
  key.dtype = x.dtype();
  const Buffer& b = buffer_of(x);
  key.a = x.shape();
  key.b = b.strides;
  if (x.size() > 0 && std::ranges::all_of(b.strides, [](int64_t step) { return step == 0; })) {
    std::memcpy(&key.number, view_of(x).data, static_cast<size_t>(size_of(x.dtype())));
  } else {
    // Its address, not its number: another thread's blocks have the same numbers.
    key.c = {b.offset, reinterpret_cast<intptr_t>(b.block->data)};
  }
  const ValueId before = value_count();
  const ValueId id = record(op::constant, {}, key);
  if (id == before) values_[id].buffer = b;
  return id;
}

ValueId Tape::input(const Type& type, std::string_view label) {
  const ValueId id = append(op::input, {}, {}, {&type, 1});
  if (!label.empty()) set_label(id, label);
  return id;
}

ValueId Tape::input(const Tensor& x, std::string_view label) {
  const ValueId id = input(x.type(), label);
  values_[id].buffer = buffer_of(x);
  return id;
}

ValueId Tape::alias(ValueId source) {
  const Type type = values_[source].type;
  const ValueId id = append(op::alias, {&source, 1}, {}, {&type, 1});
  values_[id].buffer = values_[source].buffer;
  return id;
}

uint64_t Tape::hash(const Op& op, std::span<const ValueId> in, const Attrs& attrs) const {
  uint64_t h = reinterpret_cast<uintptr_t>(&op);
  const auto mix = [&h](uint64_t v) {
    h = (h ^ v) * 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio
    h ^= h >> 29;
  };
  for (ValueId id : in) mix(id);
  if (!(attrs == attrs_[0])) {
    for (const Dims* d : {&attrs.a, &attrs.b, &attrs.c})
      for (int64_t v : *d) mix(static_cast<uint64_t>(v));
    uint64_t bits;
    std::memcpy(&bits, &attrs.number, sizeof bits);
    mix(bits + static_cast<uint64_t>(attrs.dtype));
  }
  return h;
}

ValueId Tape::record(const Op& op, std::span<const ValueId> in, const Attrs& attrs) {
  if (&op == &op::alias) return alias(in[0]);
  if ((shared_ + 1) * 2 > table_.size()) {
    std::vector<uint32_t> old(table_.size() * 2);
    old.swap(table_);
    for (uint32_t entry : old) {
      if (entry == 0) continue;
      const Step& s = steps_[entry - 1];
      size_t slot = hash(*s.op, inputs(s), attrs_[s.attrs]) & (table_.size() - 1);
      while (table_[slot] != 0) slot = (slot + 1) & (table_.size() - 1);
      table_[slot] = entry;
    }
  }
  size_t slot = hash(op, in, attrs) & (table_.size() - 1);
  for (; table_[slot] != 0; slot = (slot + 1) & (table_.size() - 1)) {
    const Step& s = steps_[table_[slot] - 1];
    if (s.op == &op && std::ranges::equal(inputs(s), in) && attrs_[s.attrs] == attrs &&
        !values_[s.first_out].forgotten)
      return s.first_out;
  }

  Type out[most_outputs];
  if (op.kind == Kind::source) {
    out[0] = {attrs.dtype, attrs.a};
  } else {
    Few<Type, 8> types(in.size());
    for (size_t i = 0; i < in.size(); ++i) types[i] = values_[in[i]].type;
    for (int o = 0; o < op.outputs; ++o) out[o] = op.type(op, types.all(), attrs, o);
  }
  const ValueId id = append(op, in, attrs, {out, static_cast<size_t>(op.outputs)});
  table_[slot] = static_cast<uint32_t>(steps_.size());
  ++shared_;
  if (op.kind != Kind::source &&
      std::ranges::all_of(in, [&](ValueId i) { return values_[i].has_numbers(); }))
    compute(id);
  return id;
}

void Tape::compute(ValueId first_out) {
  const Step s = steps_[values_[first_out].step];
  const auto ids = inputs(s);
  Few<Type, 8> in_types(ids.size());
  Few<Buffer, 8> in(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    in_types[i] = values_[ids[i]].type;
    in[i] = values_[ids[i]].buffer;
  }
  Few<Type, most_outputs> out_types(s.outputs);
  Few<Buffer, most_outputs> out(s.outputs);
  for (uint16_t o = 0; o < s.outputs; ++o) out_types[o] = values_[first_out + o].type;
  run_op(*s.op, in_types.all(), in.all(), attrs_[s.attrs], out_types.all(), out.all());
  for (uint16_t o = 0; o < s.outputs; ++o) values_[first_out + o].buffer = std::move(out[o]);
}

Tensor Tape::detached(const Tensor& x) const {
  if (x.tape_value() == nullptr || x.tape_value()->tape != serial_) return x;
  const Value& v = values_[x.tape_value()->id];
  return v.has_numbers() ? Tensor(v.type, v.buffer) : x;
}

Graph Tape::freeze(std::span<const ValueId> inputs_kept, std::span<const ValueId> outputs) const {
  std::vector<bool> needed(steps_.size());
  for (ValueId id : outputs) needed[values_[id].step] = true;
  for (ValueId id : inputs_kept) needed[values_[id].step] = true;
  for (size_t i = steps_.size(); i-- > 0;)
    if (needed[i])
      for (ValueId id : inputs(steps_[i])) needed[values_[id].step] = true;

  Graph g;
  g.kept_ = kept_;
  std::vector<ValueId> place(values_.size(), no_value);
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (!needed[i]) continue;
    const Step& s = steps_[i];
    std::vector<ValueId> in;
    for (ValueId id : inputs(s)) in.push_back(place[id]);
    std::vector<Type> types;
    for (uint16_t o = 0; o < s.outputs; ++o) types.push_back(values_[s.first_out + o].type);
    const ValueId first = g.append(*s.op, in, attrs_[s.attrs], types);
    for (uint16_t o = 0; o < s.outputs; ++o) {
      const ValueId from = s.first_out + o;
      place[from] = first + o;
      g.values_[first + o].buffer = values_[from].buffer;
      if (values_[from].label != 0) g.set_label(first + o, labels_[values_[from].label]);
      g.origin_.push_back(from);
    }
  }
  for (ValueId id : inputs_kept) g.inputs_.push_back(place[id]);
  for (ValueId id : outputs) g.outputs_.push_back(place[id]);
  return g;
}

namespace {

// out[o] = output o of op.
void apply_into(const Op& op, std::span<const Tensor> in, const Attrs& attrs,
                std::span<Tensor> out) {
  if (op.inputs >= 0 && in.size() != static_cast<size_t>(op.inputs))
    raise(ErrorKind::shape, std::string(op.name) + ": got " + std::to_string(in.size()) +
                                std::string(count_word(in.size())) + ". It takes " +
                                std::to_string(op.inputs) + ".");
  Tape* tape = Tape::open();
  if (tape != nullptr &&
      (tape->records_everything() ||
       std::ranges::any_of(in, [](const Tensor& x) { return x.tape_value() != nullptr; }))) {
    std::vector<ValueId> ids;
    for (const Tensor& x : in) ids.push_back(tape->place(x));
    const ValueId first = tape->record(op, ids, attrs);
    for (size_t o = 0; o < out.size(); ++o) out[o] = tape->tensor(first + static_cast<ValueId>(o));
    return;
  }
  // Not through run_op: counting references and copying buffers costs as much as a small kernel.
  Few<Type, 8> types(in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    (void)buffer_of(in[i]);
    types[i] = in[i].type();
  }
  Few<Type, most_outputs> out_types(out.size());
  for (size_t o = 0; o < out.size(); ++o)
    out_types[o] = op.type(op, types.all(), attrs, static_cast<int>(o));
  if (op.view) {
    const Buffer& from = buffer_of(in[0]);
    Layout to;
    if (op.view(types[0], {from.offset, from.strides}, attrs, out_types[0], &to)) {
      out[0] = Tensor(out_types[0], Buffer{from.block, to.offset, to.strides});
      return;
    }
  }
  Few<View, 8> views(in.size() + out.size());
  for (size_t i = 0; i < in.size(); ++i) views[i] = view_of(in[i]);
  for (size_t o = 0; o < out.size(); ++o) {
    out[o] = empty(out_types[o]);
    views[in.size() + o] = view_of(out[o]);
  }
  run_kernel(op, types.all(), views.all(), attrs, out_types.all());
}

}  // namespace

std::vector<Tensor> apply_many(const Op& op, std::span<const Tensor> in, const Attrs& attrs) {
  std::vector<Tensor> out(static_cast<size_t>(op.outputs));
  apply_into(op, in, attrs, out);
  return out;
}

Tensor apply(const Op& op, std::span<const Tensor> in, const Attrs& attrs) {
  if (op.outputs != 1) return apply_many(op, in, attrs)[0];
  Tensor out;
  apply_into(op, in, attrs, {&out, 1});
  return out;
}

Scope::Scope(std::string_view part) : tape_(Tape::open()) {
  if (tape_ == nullptr) return;
  outer_ = tape_->scope_;
  const std::string& outer = tape_->labels_[outer_];
  std::string path = outer.empty() ? std::string(part) : outer + "." + std::string(part);
  tape_->scope_ = static_cast<uint32_t>(tape_->labels_.size());
  tape_->labels_.push_back(std::move(path));
}

Scope::~Scope() {
  // A tape opened meanwhile is closed again: they nest as blocks do.
  if (tape_ != nullptr) tape_->scope_ = outer_;
}

Unrecorded::Unrecorded() : tape_(current) {
  current = nullptr;
}

Unrecorded::~Unrecorded() {
  current = tape_;
}

Tensor named(const Tensor& x, std::string_view label) {
  Tape* tape = Tape::open();
  if (tape && x.tape_value()) tape->set_label(tape->place(x), label);
  return x;
}

Tensor constant(const Tensor& x) {
  Tape* tape = Tape::open();
  return tape ? tape->tensor(tape->place_constant(x)) : x;
}

}  // namespace gradus
