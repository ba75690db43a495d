#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/plan/plan.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

namespace gradus {
namespace {

constexpr int no_storage = -1;

// Where a value lives: a piece of the arena, or the memory of a constant.
struct Home {
  int storage = no_storage;
  std::shared_ptr<Block> constant;
  Layout layout;
};

struct Storage {
  int64_t bytes = 0;
  size_t first = 0, last = 0;  // instructions
  int64_t offset = 0;
};

int64_t rounded(int64_t bytes) {
  const auto a = static_cast<int64_t>(alignment);
  return std::max(a, (bytes + a - 1) / a * a);
}

// Offsets in one arena: walks the instructions in order, gives each storage the smallest free gap
// that fits, and returns the arena's size.
int64_t place(std::vector<Storage>& storages, size_t instructions) {
  std::vector<std::vector<int>> born(instructions + 1), dies(instructions + 1);
  for (size_t s = 0; s < storages.size(); ++s) {
    born[storages[s].first].push_back(static_cast<int>(s));
    dies[storages[s].last].push_back(static_cast<int>(s));
  }
  std::map<int64_t, int64_t> gaps;  // offset -> bytes
  int64_t top = 0;
  for (size_t i = 0; i <= instructions; ++i) {
    for (int s : born[i]) {
      Storage& storage = storages[static_cast<size_t>(s)];
      auto best = gaps.end();
      for (auto g = gaps.begin(); g != gaps.end(); ++g)
        if (g->second >= storage.bytes && (best == gaps.end() || g->second < best->second))
          best = g;
      if (best == gaps.end()) {
        storage.offset = top;
        top += storage.bytes;
        continue;
      }
      storage.offset = best->first;
      const int64_t left = best->second - storage.bytes;
      gaps.erase(best);
      if (left > 0) gaps[storage.offset + storage.bytes] = left;
    }
    for (int s : dies[i]) {
      const Storage& storage = storages[static_cast<size_t>(s)];
      auto g = gaps.emplace(storage.offset, storage.bytes).first;
      if (auto next = std::next(g); next != gaps.end() && g->first + g->second == next->first) {
        g->second += next->second;
        gaps.erase(next);
      }
      if (g != gaps.begin())
        if (auto before = std::prev(g); before->first + before->second == g->first) {
          before->second += g->second;
          gaps.erase(g);
        }
    }
  }
  return top;
}

bool same_layout(const Layout& a, const Layout& b) {
  return a.offset == b.offset && a.strides == b.strides;
}

// Equal in value and sign: x - 0 is x for every x, but -0 - (-0) is +0.
bool is_neutral(double number, double neutral) {
  return number == neutral && std::signbit(number) == std::signbit(neutral);
}

// The single number a constant repeats, if it is one.
bool repeats(const Value& v, double& number) {
  if (!v.has_numbers() || !is_float(v.type.dtype) || element_count(v.type.shape) == 0) return false;
  for (int i = 0; i < v.type.shape.size(); ++i)
    if (v.type.shape[i] != 1 && v.buffer.strides[i] != 0) return false;
  number = element_as_double(view_of(v.type, v.buffer), 0);
  return true;
}

}  // namespace

Graph simplify(const Graph& graph) {
  Tape tape("simplify", true);
  tape.keep_what(graph);
  std::vector<ValueId> place(graph.value_count(), no_value);
  std::vector<ValueId> inputs;
  for (ValueId id : graph.input_ids()) {
    place[id] = tape.input(graph.value(id).type, graph.label(id));
    inputs.push_back(place[id]);
  }
  for (size_t i = 0; i < graph.step_count(); ++i) {
    const Step& s = graph.step(i);
    if (place[s.first_out] != no_value) continue;
    const Value& v = graph.value(s.first_out);
    if (s.outputs == 1 && v.has_numbers()) {
      place[s.first_out] = tape.place_constant(Tensor(v.type, v.buffer));
      continue;
    }
    std::vector<ValueId> in;
    for (ValueId id : graph.inputs(s)) in.push_back(place[id]);
    double number = 0;
    if (s.op->inputs == 2 && repeats(graph.value(graph.inputs(s)[0]), number) &&
        is_neutral(number, s.op->neutral[0])) {
      place[s.first_out] = in[1];
      continue;
    }
    if (s.op->inputs == 2 && repeats(graph.value(graph.inputs(s)[1]), number) &&
        is_neutral(number, s.op->neutral[1])) {
      place[s.first_out] = in[0];
      continue;
    }
    const ValueId first = tape.record(*s.op, in, graph.attrs(s));
    for (uint16_t o = 0; o < s.outputs; ++o) {
      place[s.first_out + o] = first + o;
      if (!graph.label(s.first_out + o).empty())
        tape.set_label(first + o, graph.label(s.first_out + o));
    }
  }
  std::vector<ValueId> outputs;
  for (ValueId id : graph.output_ids()) outputs.push_back(place[id]);
  return tape.freeze(inputs, outputs);
}

Plan::Plan(Graph graph, std::vector<std::string> names, std::span<const Carry> carries)
    : graph_(std::move(graph)), names_(std::move(names)) {
  const auto arena = [this](int64_t offset) { return arena_->data + offset; };
  std::vector<Home> homes(graph_.value_count());
  std::vector<Storage> storages;
  const auto new_storage = [&](const Type& type, size_t first) {
    storages.push_back({rounded(byte_count(type)), first, first, 0});
    return static_cast<int>(storages.size()) - 1;
  };
  // Arguments stay for the whole run, so that set() before and carries after find them.
  const size_t never = std::numeric_limits<size_t>::max();
  for (ValueId id : graph_.input_ids()) {
    homes[id] = {new_storage(graph_.value(id).type, 0),
                 nullptr,
                 {0, row_major(graph_.value(id).type.shape)}};
    storages.back().last = never;
  }
  // When each storage is needed last; views keep the storage they look at.
  std::vector<size_t> order;
  const auto touch = [&](ValueId id, size_t when) {
    if (homes[id].storage != no_storage) {
      Storage& s = storages[static_cast<size_t>(homes[id].storage)];
      if (s.last != never) s.last = std::max(s.last, when);
    }
  };
  // Remaining readers decide whether a pointwise result may take its input's place.
  std::vector<int> readers(graph_.value_count());
  for (size_t i = 0; i < graph_.step_count(); ++i)
    for (ValueId id : graph_.inputs(graph_.step(i))) ++readers[id];
  for (ValueId id : graph_.output_ids()) ++readers[id];
  std::vector<int> storage_readers;  // of all values that live in a storage
  const auto enter = [&](ValueId id) {
    const int s = homes[id].storage;
    if (s == no_storage) return;
    storage_readers.resize(storages.size());
    storage_readers[static_cast<size_t>(s)] += readers[id];
  };
  for (ValueId id : graph_.input_ids()) enter(id);

  for (size_t i = 0; i < graph_.step_count(); ++i) {
    const Step& s = graph_.step(i);
    const Value& v = graph_.value(s.first_out);
    if (homes[s.first_out].storage != no_storage) continue;
    if (v.has_numbers()) {
      for (uint16_t o = 0; o < s.outputs; ++o) {
        const Buffer& b = graph_.value(s.first_out + o).buffer;
        homes[s.first_out + o] = {no_storage, b.block, {b.offset, b.strides}};
      }
      continue;
    }
    const auto in = graph_.inputs(s);
    const auto leave = [&] {
      for (ValueId id : in)
        if (homes[id].storage != no_storage)
          --storage_readers[static_cast<size_t>(homes[id].storage)];
    };
    Layout layout;
    if (s.op->view && s.op->view(graph_.value(in[0]).type, homes[in[0]].layout, graph_.attrs(s),
                                 v.type, &layout)) {
      homes[s.first_out] = {homes[in[0]].storage, homes[in[0]].constant, layout};
      leave();
      enter(s.first_out);
      continue;
    }
    const size_t now = order.size() + 1;  // instruction 0 is "before the first"
    order.push_back(i);
    for (ValueId id : in) touch(id, now);
    leave();
    for (uint16_t o = 0; o < s.outputs; ++o) {
      const ValueId id = s.first_out + o;
      const Type& type = graph_.value(id).type;
      int storage = no_storage;
      if (s.op->pointwise) {
        for (ValueId candidate : in) {
          const int c = homes[candidate].storage;
          if (c == no_storage || storages[static_cast<size_t>(c)].last == never ||
              storage_readers[static_cast<size_t>(c)] > 0)
            continue;
          if (!same_layout(homes[candidate].layout, {0, row_major(type.shape)})) continue;
          if (size_of(graph_.value(candidate).type.dtype) != size_of(type.dtype)) continue;
          if (storages[static_cast<size_t>(c)].bytes != rounded(byte_count(type))) continue;
          const bool alone = std::ranges::all_of(in, [&](ValueId other) {
            return homes[other].storage != c ||
                   same_layout(homes[other].layout, homes[candidate].layout);
          });
          if (alone) {
            storage = c;
            break;
          }
        }
      }
      if (storage == no_storage) storage = new_storage(type, now);
      homes[id] = {storage, nullptr, {0, row_major(type.shape)}};
      touch(id, now);
      enter(id);
    }
  }
  const size_t instructions = order.size();
  for (ValueId id : graph_.output_ids()) touch(id, instructions + 1);
  for (Storage& s : storages)
    if (s.last == never) s.last = instructions + 1;

  // Results that are not a row-major storage of their own are copied out after the run.
  std::vector<int> output_storage;
  for (ValueId id : graph_.output_ids()) {
    const Home& h = homes[id];
    const Type& type = graph_.value(id).type;
    const bool own = h.storage != no_storage &&
                     View{nullptr, type.dtype, type.shape, h.layout.strides}.is_row_major() &&
                     std::ranges::find(graph_.input_ids(), id) == graph_.input_ids().end();
    output_storage.push_back(own ? no_storage : new_storage(type, instructions + 1));
    if (!own) storages.back().last = instructions + 1;
  }
  // Carried results may share memory with what the move would overwrite, so moves come last and
  // go through results only.
  arena_bytes_ = static_cast<size_t>(place(storages, instructions + 1));
  arena_ = std::make_shared<Block>(arena_bytes_);
  std::memset(arena_->data, 0, arena_bytes_);

  const auto view = [&](ValueId id) {
    const Home& h = homes[id];
    const Type& type = graph_.value(id).type;
    std::byte* base =
        h.constant ? h.constant->data : arena(storages[static_cast<size_t>(h.storage)].offset);
    return View{base + h.layout.offset * size_of(type.dtype), type.dtype, type.shape,
                h.layout.strides};
  };
  size_t total = 0;
  for (size_t i : order) total += graph_.step(i).inputs + graph_.step(i).outputs;
  views_.reserve(total);
  for (size_t i : order) {
    const Step& s = graph_.step(i);
    const size_t first = views_.size();
    std::vector<Type> in_types;
    for (ValueId id : graph_.inputs(s)) {
      views_.push_back(view(id));
      in_types.push_back(graph_.value(id).type);
    }
    for (uint16_t o = 0; o < s.outputs; ++o) views_.push_back(view(s.first_out + o));
    const std::span<View> all(views_.data() + first, views_.size() - first);
    if (s.op->pointwise) collapse(all);
    const Kernel kernel = s.op->kernel(*s.op, in_types, graph_.value(s.first_out).type);
    calls_.push_back(
        {kernel.run, kernel.row, all.first(s.inputs), all.subspan(s.inputs), &graph_.attrs(s)});
    steps_.push_back(i);
  }
  for (ValueId id : graph_.input_ids()) inputs_.push_back(view(id));
  for (size_t o = 0; o < output_storage.size(); ++o) {
    const ValueId id = graph_.output_ids()[o];
    View v = view(id);
    if (output_storage[o] != no_storage) {
      const View target{arena(storages[static_cast<size_t>(output_storage[o])].offset), v.dtype,
                        v.shape, row_major(v.shape)};
      copies_.push_back({v, target});
      v = target;
    }
    outputs_.push_back(v);
  }
  for (const Carry& c : carries) {
    if (c.from < 0 || c.to < 0 || static_cast<size_t>(c.from) >= outputs_.size() ||
        static_cast<size_t>(c.to) >= inputs_.size())
      raise(ErrorKind::plan, "compile: result " + std::to_string(c.from) +
                                 " is carried to argument " + std::to_string(c.to) +
                                 ", but there are " + std::to_string(outputs_.size()) +
                                 " results and " + std::to_string(inputs_.size()) +
                                 " arguments. Both are counted from 0.");
    const View &from = outputs_[static_cast<size_t>(c.from)],
               &to = inputs_[static_cast<size_t>(c.to)];
    if (from.dtype != to.dtype || !(from.shape == to.shape))
      raise(ErrorKind::plan, "compile: result " + std::to_string(c.from) + " is " +
                                 to_string(Type{from.dtype, from.shape}) + ", but argument " +
                                 std::to_string(c.to) + " it is carried to is " +
                                 to_string(Type{to.dtype, to.shape}) +
                                 ". Both must have one type.");
    carries_.push_back(
        {from.data, to.data, static_cast<size_t>(element_count(to.shape) * size_of(to.dtype))});
  }
#ifdef GRADUS_POISON
  for (const Storage& s : storages)
    if (s.last >= 1 && s.last <= instructions) releases_.push_back({s.last - 1, s.offset, s.bytes});
  std::ranges::sort(releases_, {}, &Release::instruction);
#endif
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
  const View from = view_of(solid);
  if (from.is_row_major()) {
    std::memcpy(v.data, from.data, static_cast<size_t>(element_count(v.shape) * size_of(v.dtype)));
  } else {
    const std::vector<std::byte> bytes = bytes_of(solid);
    std::memcpy(v.data, bytes.data(), bytes.size());
  }
}

void Plan::run() {
#ifdef GRADUS_POISON
  size_t released = 0;
  for (size_t i = 0; i < calls_.size(); ++i) {
    calls_[i].run(calls_[i]);
    // All bits set is a NaN in every floating type.
    for (; released < releases_.size() && releases_[released].instruction == i; ++released)
      std::memset(arena_->data + releases_[released].offset, 0xFF,
                  static_cast<size_t>(releases_[released].bytes));
  }
#else
  for (const Call& call : calls_) call.run(call);
#endif
  for (const Copy& c : copies_) copy(c.from, c.to);
  for (const Move& m : carries_) std::memcpy(m.to, m.from, m.bytes);
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

std::string Plan::describe() const {
  std::string out;
  for (size_t i = 0; i < calls_.size(); ++i) {
    const Step& s = graph_.step(steps_[i]);
    out += std::to_string(i) + "  " + s.op->name + "(";
    bool first = true;
    for (ValueId id : graph_.inputs(s)) {
      out += (first ? "" : ", ") + to_string(graph_.value(id).type);
      first = false;
    }
    const auto offset = calls_[i].out[0].data - arena_->data;
    out += ") -> " + to_string(graph_.value(s.first_out).type) + " at " + std::to_string(offset) +
           "\n";
  }
  return out;
}

Plan compile(const PlanFunction& f, std::span<const Argument> arguments,
             std::span<const Carry> carries) {
  std::vector<std::string> names;
  Graph graph;
  {
    Tape tape("compile", true);
    std::vector<ValueId> ids;
    std::vector<Tensor> handles;
    for (const Argument& a : arguments) {
      ids.push_back(tape.input(a.type, a.name));
      handles.push_back(tape.tensor(ids.back()));
      names.push_back(a.name);
    }
    std::vector<ValueId> outputs;
    for (const Tensor& y : f(handles)) outputs.push_back(tape.place_constant(y));
    graph = tape.freeze(ids, outputs);
  }
  return Plan(simplify(graph), std::move(names), carries);
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

}  // namespace gradus
