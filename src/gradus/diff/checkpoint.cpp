#include <gradus/base/error.h>
#include <gradus/core/recorder.h>
#include <gradus/diff/checkpoint.h>
#include <gradus/ops/batching.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace gradus {
namespace {

constexpr size_t most_reads = 65534;  // the inputs of a step, less one

// The steps between a boundary and one value.
struct Region {
  std::vector<ValueId> steps;  // the first output of each, last to first
  // What they read from outside, once for each time, in the order in which a sweep passes.
  std::vector<ValueId> reads;
};

// The region behind y as far as `outside` says, without the constants made in it.
template <class Outside>
Region region_of(const Tape& tape, ValueId y, const Outside& outside) {
  Region region;
  std::set<ValueId, std::greater<>> open{tape.step_of(y).first_out};
  while (!open.empty()) {
    const ValueId first = *open.begin();
    open.erase(open.begin());
    region.steps.push_back(first);
    for (ValueId in : tape.inputs(tape.step_of(first))) {
      const Step& maker = tape.step_of(in);
      if (outside(in))
        region.reads.push_back(in);
      else if (maker.op->kind != Kind::source)
        open.insert(maker.first_out);
    }
  }
  return region;
}

// y as the end of its region: the inputs of this step are y and all reads.
template <class Outside>
Tensor sealed(Tape& tape, ValueId y, const Outside& outside) {
  std::vector<ValueId> in = region_of(tape, y, outside).reads;
  if (in.size() > most_reads)
    raise(ErrorKind::unsupported, "checkpoint: the function reads values from outside " +
                                      std::to_string(in.size()) + " times. One checkpoint takes " +
                                      std::to_string(most_reads) +
                                      " reads. Split it into several, one after the other.");
  in.insert(in.begin(), y);
  return tape.tensor(tape.record(op::checkpoint, in, {}));
}

// One cotangent for each read, absent where none comes. They are not added up here: the sweep
// outside does that one by one, as if it had passed through the first pass, so the bits are equal.
std::vector<Tensor> replayed(Tape& tape, const Context& c, const Tensor& y_bar) {
  std::vector<ValueId> reads;
  for (const Tensor& x : c.in.subspan(1)) reads.push_back(tape.place(x));
  const std::set<ValueId> boundary(reads.begin(), reads.end());
  const ValueId y = tape.place(c.in[0]);
  const Region region = region_of(tape, y, [&](ValueId id) { return boundary.contains(id); });

  std::map<ValueId, ValueId> again;
  std::vector<ValueId> sources;
  for (ValueId id : boundary) {
    sources.push_back(tape.alias(id));
    again[id] = sources.back();
  }
  for (size_t i = region.steps.size(); i-- > 0;) {
    const Step s = tape.step_of(region.steps[i]);
    std::vector<ValueId> in(tape.inputs(s).begin(), tape.inputs(s).end());
    for (ValueId& id : in)
      if (const auto there = again.find(id); there != again.end()) id = there->second;
    const Attrs attrs = tape.attrs(s);
    const ValueId first = tape.record(*s.op, in, attrs);
    for (uint16_t o = 0; o < s.outputs; ++o) again[s.first_out + o] = first + o;
  }

  Sweep sweep;
  pull_back(tape, sources, again[y], y_bar, &sweep);
  std::map<ValueId, std::vector<ValueId>> parts;  // by alias, in order
  for (const Contribution& part : sweep.contributions) parts[part.to].push_back(part.part);
  std::map<ValueId, size_t> taken;
  std::vector<Tensor> result;
  for (ValueId id : reads) {
    const std::vector<ValueId>& mine = parts[again[id]];
    const size_t next = taken[id]++;
    result.push_back(next < mine.size() ? tape.tensor(mine[next]) : Tensor());
  }
  return result;
}

Tensor checkpoint_pull(const Context& c, std::span<const Tensor> bar, int i) {
  if (i == 0) return {};
  Tape& tape = *Tape::open();
  // A sweep asks for one input after the other: one replay serves them all.
  thread_local struct {
    uint64_t tape = 0;
    ValueId y = no_value, y_bar = no_value;
    std::vector<Tensor> parts;
  } last;
  const ValueId y = tape.place(c.out[0]), y_bar = tape.place(bar[0]);
  if (last.tape != tape.serial() || last.y != y || last.y_bar != y_bar)
    last = {tape.serial(), y, y_bar, replayed(tape, c, bar[0])};
  return last.parts[static_cast<size_t>(i) - 1];
}

// The tangent has come through the steps of the first pass.
Tensor checkpoint_push(const Context&, std::span<const Tensor> dot, int) {
  return dot[0];
}

std::vector<Tensor> checkpoint_batch(const Op&, const Batching& b) {
  Tape& tape = *Tape::open();
  std::set<ValueId> boundary;
  for (const Tensor& x : b.in.subspan(1)) boundary.insert(tape.place(x));
  return {sealed(tape, tape.place(with_batch_axis(b, 0)),
                 [&](ValueId id) { return boundary.contains(id); })};
}

Type first_type(const Op&, std::span<const Type> in, const Attrs&, int) {
  return in[0];
}

bool first_layout(const Type&, const Layout& in, const Attrs&, const Type&, Layout* out) {
  *out = in;
  return true;
}

}  // namespace

namespace op {
constinit const Op checkpoint{.name = "checkpoint",
                              .says = "the same value, computed again when a sweep comes back",
                              .math = "checkpoint(y, x...) = y",
                              .form = "{0}",
                              .kind = Kind::custom,
                              .inputs = -1,
                              .type = first_type,
                              .view = first_layout,
                              .rule = {.pull = checkpoint_pull, .push = checkpoint_push},
                              .batch = checkpoint_batch};
}  // namespace op

Tensor checkpoint(const Function& f, std::span<const Tensor> args) {
  Tape* tape = Tape::open();
  const ValueId start = tape ? tape->value_count() : 0;
  const Tensor y = f(args);
  if (tape == nullptr || y.tape_value() == nullptr) return y;
  const ValueId end = tape->place(y);
  if (end < start || tape->step_of(end).op->kind == Kind::source) return y;
  return sealed(*tape, end, [start](ValueId id) { return id < start; });
}

}  // namespace gradus
