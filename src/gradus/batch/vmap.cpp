#include <gradus/base/error.h>
#include <gradus/batch/vmap.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <memory>

namespace gradus {
namespace {

// The size of the batch; raises when the mapped axes do not agree.
int64_t batch_size(std::span<const Tensor> args, const VmapAxes& axes) {
  if (!axes.in.empty() && axes.in.size() != args.size())
    raise(ErrorKind::shape,
          "vmap: " + std::to_string(axes.in.size()) + " axes for " + std::to_string(args.size()) +
              " arguments. Give one for each, or leave them out for axis 0 of all.");
  int64_t size = -1;
  size_t first = 0;
  for (size_t i = 0; i < args.size(); ++i) {
    const Axis axis = axes.in.empty() ? Axis(0) : axes.in[i];
    if (!axis) continue;
    const int rank = args[i].rank();
    if (*axis < -rank || *axis >= rank)
      raise(ErrorKind::shape,
            "vmap: argument " + std::to_string(i) + " is " + to_string(args[i].type()) +
                ", which has no axis " + std::to_string(*axis) +
                " to map. Name another axis, or unmapped where it is the same for "
                "the whole batch.");
    const int64_t here = args[i].shape()[normal_axis("vmap", *axis, rank)];
    if (size >= 0 && here != size)
      raise(ErrorKind::shape, "vmap: argument " + std::to_string(first) + " is " +
                                  to_string(args[first].type()) + " and argument " +
                                  std::to_string(i) + " is " + to_string(args[i].type()) +
                                  ": the mapped sizes " + std::to_string(size) + " and " +
                                  std::to_string(here) + " differ. All must be one.");
    if (size < 0) first = i;
    size = here;
  }
  if (size < 0)
    raise(ErrorKind::shape, "vmap: no argument is mapped. Name an axis for at least one of them.");
  return size;
}

// The steps from the placeholders to the outputs, run for the whole batch.
class Replay {
 public:
  // `dropping`: numbers go when no later step reads them.
  Replay(Tape& tape, int64_t size, ValueId first, bool dropping)
      : tape_(tape), size_(size), first_(first), dropping_(dropping) {}

  void set(ValueId placeholder, Tensor batched) { at(placeholder) = std::move(batched); }

  // Absent where the output does not depend on a placeholder.
  Tensor operator()(ValueId output) const {
    return output < first_ || output - first_ >= values_.size() ? Tensor()
                                                                : values_[output - first_];
  }

  void run(std::span<const ValueId> outputs) {
    ValueId last = first_;
    for (ValueId id : outputs) last = std::max(last, id);
    const std::vector<bool> wanted = wanted_for(outputs, last);
    if (dropping_) count_reads(wanted, outputs, last);
    for (ValueId id = first_; id <= last; ++id) {
      const Step s = tape_.step_of(id);  // copied: rules append to the tape
      if (s.first_out != id || !wanted[id - first_]) continue;
      one_step(s);
    }
  }

 private:
  Tensor& at(ValueId id) {
    if (values_.size() <= id - first_) values_.resize(id - first_ + 1);
    return values_[id - first_];
  }

  // The first value of each step that an output is computed from.
  std::vector<bool> wanted_for(std::span<const ValueId> outputs, ValueId last) const {
    std::vector<bool> wanted(last - first_ + 1);
    const auto want = [&](ValueId id) {
      if (id >= first_) wanted[tape_.step_of(id).first_out - first_] = true;
    };
    for (ValueId id : outputs) want(id);
    for (ValueId id = last + 1; id-- > first_;)
      if (wanted[id - first_])
        for (ValueId in : tape_.inputs(tape_.step_of(id))) want(in);
    return wanted;
  }

  void count_reads(const std::vector<bool>& wanted, std::span<const ValueId> outputs,
                   ValueId last) {
    // A step may have outputs behind the last that is wanted.
    reads_.assign(tape_.value_count() - first_, 0);
    for (ValueId id : outputs)
      if (id >= first_) reads_[id - first_] = kept;
    for (ValueId id = first_; id <= last; ++id)
      if (wanted[id - first_])
        for (ValueId in : tape_.inputs(tape_.step_of(id)))
          if (in >= first_) ++reads_[in - first_];
  }

  // The values that one replayed step put on the tape, and how often they are still read.
  struct Made {
    ValueId begin, end;
    int64_t reads = 0;
  };
  Made* maker_of(const Tensor& x) {
    if (x.tape_value() == nullptr) return nullptr;  // a rule may answer with plain zeros
    const ValueId id = x.tape_value()->id;
    const auto after = std::ranges::upper_bound(made_, id, {}, &Made::begin);
    if (after == made_.begin()) return nullptr;
    Made* m = &*(after - 1);
    return id < m->end ? m : nullptr;
  }
  void drop(const Made& m) {
    for (ValueId id = m.begin; id < m.end; ++id) tape_.forget(id);
  }

  void one_step(const Step& s) {
    std::vector<Tensor> in;
    const size_t count = s.inputs;
    const auto batched = std::make_unique<bool[]>(count);
    bool any = false;
    for (ValueId id : tape_.inputs(s)) {
      const Tensor b = (*this)(id);
      batched[in.size()] = !b.is_absent();
      any |= !b.is_absent();
      in.push_back(b.is_absent() ? tape_.tensor(id) : b);
    }
    if (!any) return;
    const Attrs attrs = tape_.attrs(s);
    const ValueId before = tape_.value_count();
    const std::vector<Tensor> out = s.op->batch(*s.op, {in, {batched.get(), count}, size_, attrs});
    for (size_t o = 0; o < out.size(); ++o) at(s.first_out + static_cast<ValueId>(o)) = out[o];
    if (!dropping_) return;
    made_.push_back({before, tape_.value_count()});
    for (size_t o = 0; o < out.size(); ++o)
      if (Made* m = maker_of(out[o])) m->reads += reads_[s.first_out - first_ + o];
    for (size_t i = 0; i < count; ++i) {
      Made* m = batched[i] ? maker_of(in[i]) : nullptr;
      if (m && --m->reads == 0) drop(*m);
    }
  }

  Tape& tape_;
  int64_t size_;
  ValueId first_;
  bool dropping_;
  static constexpr int64_t kept = int64_t{1} << 40;  // reads of a result
  std::vector<Tensor> values_;                       // batched, by id from first_
  std::vector<int64_t> reads_;                       // by the wanted steps, by id from first_
  std::vector<Made> made_;                           // in the order of ids
};

}  // namespace

std::vector<Tensor> vmap(const ManyFunction& f, std::span<const Tensor> args, const VmapAxes& axes,
                         bool last) {
  const int64_t size = batch_size(args, axes);
  Recorder recorder("vmap");
  Tape& tape = recorder.tape();
  std::vector<Tensor> handles = recorder.handles(recorder.sources(args));
  std::vector<Tensor> batched(args.size());
  for (size_t i = 0; i < args.size(); ++i) {
    const Axis axis = axes.in.empty() ? Axis(0) : axes.in[i];
    if (axis) batched[i] = move_axis(handles[i], *axis, 0);
  }
  // One example: values that have a type and no numbers.
  const ValueId first = tape.value_count();
  Replay replay(tape, size, first, last || recorder.owns());
  for (size_t i = 0; i < args.size(); ++i) {
    if (batched[i].is_absent()) continue;
    Type one = batched[i].type();
    one.shape.erase(0);
    const ValueId id = tape.input(one);
    replay.set(id, batched[i]);
    handles[i] = tape.tensor(id);
  }
  const std::vector<Tensor> results = f(handles);
  std::vector<ValueId> outputs;
  for (const Tensor& y : results) outputs.push_back(tape.place(y));
  replay.run(outputs);

  if (axes.out.size() != 1 && axes.out.size() != results.size())
    raise(ErrorKind::shape, "vmap: " + std::to_string(axes.out.size()) + " axes for " +
                                std::to_string(results.size()) +
                                " results. Give one for each, or one for all.");
  std::vector<Tensor> out;
  for (size_t i = 0; i < results.size(); ++i) {
    Tensor y = replay(outputs[i]);
    if (y.is_absent()) {
      Shape shape = results[i].shape();
      shape.insert(0, size);
      y = broadcast_to(results[i], shape);
    }
    const int64_t to = axes.out[axes.out.size() == 1 ? 0 : i];
    out.push_back(recorder.give_back(move_axis(y, 0, normal_axis("vmap", to, y.rank()))));
  }
  return out;
}

}  // namespace gradus
