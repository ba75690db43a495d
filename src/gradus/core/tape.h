// An append-only list of steps. Ids only grow, so the list is in topological order:
// a derivative is one loop over it, and appends ordinary steps to it. At most one is open per
// thread.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

inline constexpr ValueId no_value = ~ValueId{0};

// One recorded application. Ids point only backwards.
struct Step {
  const Op* op = nullptr;
  ValueId in[3] = {};     // in[0] is an offset into the side pool when inputs > 3
  ValueId first_out = 0;  // outputs are consecutive ids
  uint32_t attrs = 0;     // index; 0 is the empty Attrs
  uint16_t inputs = 0;
  uint16_t outputs = 1;
};

struct Value {
  Type type;
  Buffer buffer;  // empty when the value has only a shape
  uint32_t step = 0;
  uint32_t label = 0;      // index; 0 is no label
  uint32_t scope = 0;      // index of a label: the part of the model that computed it
  bool forgotten = false;  // had numbers that nobody reads any more
  bool has_numbers() const { return buffer.block != nullptr; }
};

// Steps and values: the common part of a tape that is written and a graph that is kept.
class Recording {
 public:
  size_t step_count() const { return steps_.size(); }
  ValueId value_count() const { return static_cast<ValueId>(values_.size()); }
  const Step& step(size_t i) const { return steps_[i]; }
  const Step& step_of(ValueId id) const { return steps_[values_[id].step]; }
  const Value& value(ValueId id) const { return values_[id]; }
  std::span<const ValueId> inputs(const Step& s) const {
    return s.inputs <= 3 ? std::span<const ValueId>(s.in, s.inputs)
                         : std::span<const ValueId>(pool_.data() + s.in[0], s.inputs);
  }
  const Attrs& attrs(const Step& s) const { return attrs_[s.attrs]; }
  const std::string& label(ValueId id) const { return labels_[values_[id].label]; }
  void set_label(ValueId id, std::string_view text);
  const std::string& scope(ValueId id) const { return labels_[values_[id].scope]; }
  // Keeps what a step points to, such as an op made at run time, for as long as this lives.
  void keep(std::shared_ptr<const void> thing) { kept_.push_back(std::move(thing)); }
  void keep_what(const Recording& other) {
    kept_.insert(kept_.end(), other.kept_.begin(), other.kept_.end());
  }

 protected:
  ValueId append(const Op& op, std::span<const ValueId> in, const Attrs& attrs,
                 std::span<const Type> out);

  std::vector<Step> steps_;
  std::vector<Value> values_;
  std::vector<ValueId> pool_;
  std::vector<Attrs> attrs_{1};
  std::vector<std::string> labels_{1};
  uint32_t scope_ = 0;
  std::vector<std::shared_ptr<const void>> kept_;
};

// A finished recording: only the steps its outputs need.
class Graph : public Recording {
 public:
  const std::vector<ValueId>& input_ids() const { return inputs_; }
  const std::vector<ValueId>& output_ids() const { return outputs_; }
  // Ids on the tape it came from, by id here.
  const std::vector<ValueId>& origin() const { return origin_; }

 private:
  friend class Tape;
  std::vector<ValueId> inputs_, outputs_, origin_;
};

class Tape : public Recording {
 public:
  // While `everything` holds, ops on plain numbers are recorded too: compile uses it, so that no
  // captured tensor slips in already computed.
  explicit Tape(const char* opened_by, bool everything = false);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  static Tape* open();  // of this thread; null when none is
  uint64_t serial() const { return serial_; }
  bool records_everything() const { return everything_; }
  const char* opened_by() const { return opened_by_; }

  // The id of x here; a tensor with numbers becomes a constant step.
  ValueId place(const Tensor& x);
  // A constant step even for a tensor made before the recording began.
  ValueId place_constant(const Tensor& x);
  // A fresh input with only a type, or with the numbers of x.
  ValueId input(const Type& type, std::string_view label = {});
  ValueId input(const Tensor& x, std::string_view label = {});
  // A fresh alias, never shared: the boundary behind which a derivative stops.
  ValueId alias(ValueId source);
  // Records op, or finds the equal step recorded before.
  ValueId record(const Op& op, std::span<const ValueId> in, const Attrs& attrs);

  // Drops the numbers of a value that nobody will read. An equal step is then computed anew.
  void forget(ValueId id) {
    values_[id].buffer = {};
    values_[id].forgotten = true;
  }

  Tensor tensor(ValueId id) const { return {values_[id].type, TapeValue{serial_, id}}; }
  // The numbers of x without the tape: x itself when it has none here.
  Tensor detached(const Tensor& x) const;

  // The part of this tape that `outputs` need, with the numbers it has.
  Graph freeze(std::span<const ValueId> inputs, std::span<const ValueId> outputs) const;

 private:
  friend class Scope;
  ValueId constant(const Tensor& x);
  uint64_t hash(const Op& op, std::span<const ValueId> in, const Attrs& attrs) const;
  void compute(ValueId first_out);

  uint64_t serial_;
  bool everything_;
  const char* opened_by_;
  std::vector<uint32_t> table_;  // open addressing over step index + 1
  size_t shared_ = 0;            // steps in the table
};

// While it lives, what the open tape records belongs to this part of the model; parts nest, their
// names join with dots. Only pictures and traces read it.
class Scope {
 public:
  explicit Scope(std::string_view part);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Tape* tape_;
  uint32_t outer_ = 0;
};

// While it lives, this thread has no open tape: what runs inside computes at once, or opens a
// recording of its own.
class Unrecorded {
 public:
  Unrecorded();
  ~Unrecorded();
  Unrecorded(const Unrecorded&) = delete;
  Unrecorded& operator=(const Unrecorded&) = delete;

 private:
  Tape* tape_;
};

// Names the value in traces, errors and graphs; x itself when no tape is open.
Tensor named(const Tensor& x, std::string_view label);
// Marks a tensor that compile may keep as it is today.
Tensor constant(const Tensor& x);

}  // namespace gradus
