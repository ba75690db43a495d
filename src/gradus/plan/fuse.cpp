#include <gradus/core/buffer.h>
#include <gradus/plan/fused.h>
#include <gradus/plan/passes.h>

#include <algorithm>
#include <queue>
#include <set>

namespace gradus {

Survey::Survey(const Graph& g) : graph(g), homes(g.value_count()) {
  behind_alias.resize(g.value_count());
  is_result.resize(g.value_count());
  readers.resize(g.value_count());
  for (ValueId id : g.input_ids()) homes[id] = {id, {0, row_major(g.value(id).type.shape)}};
  for (size_t i = 0; i < g.step_count(); ++i) {
    const Step& s = g.step(i);
    if (homes[s.first_out].root != no_value) continue;
    const Value& v = g.value(s.first_out);
    Layout layout;
    if (v.has_numbers()) {
      for (uint16_t o = 0; o < s.outputs; ++o) {
        const Buffer& b = g.value(s.first_out + o).buffer;
        homes[s.first_out + o] = {s.first_out + o, {b.offset, b.strides}};
      }
    } else if (s.op->view && s.op->view(g.value(g.inputs(s)[0]).type, homes[g.inputs(s)[0]].layout,
                                        g.attrs(s), v.type, &layout)) {
      homes[s.first_out] = {homes[g.inputs(s)[0]].root, layout};
      behind_alias[s.first_out] = s.op == &op::alias || behind_alias[g.inputs(s)[0]];
    } else {
      computed.push_back(i);
      for (uint16_t o = 0; o < s.outputs; ++o)
        homes[s.first_out + o] = {s.first_out + o,
                                  {0, row_major(g.value(s.first_out + o).type.shape)}};
      for (ValueId id : g.inputs(s)) {
        auto& r = readers[homes[id].root];
        if (r.empty() || r.back() != i) r.push_back(i);
      }
    }
  }
  for (ValueId id : g.output_ids()) is_result[homes[id].root] = true;

  // From the last concatenation to the first, so that parts of parts find their place too.
  for (size_t c = computed.size(); c-- > 0;) {
    const Step& s = g.step(computed[c]);
    if (!s.op->part) continue;
    const auto in = g.inputs(s);
    std::vector<Type> types;
    for (ValueId id : in) types.push_back(g.value(id).type);
    const auto above = parts.find(s.first_out);
    const auto [top, from] =
        above == parts.end() ? std::pair{s.first_out, int64_t{0}} : above->second;
    for (size_t i = 0; i < in.size(); ++i) {
      const ValueId root = homes[in[i]].root;
      const Layout at =
          s.op->part(types, g.attrs(s), g.value(s.first_out).type, static_cast<int>(i));
      const bool made_here = has_storage(root) && g.step_of(root).op->kind != Kind::source;
      if (made_here && is_whole(in[i]) && !parts.contains(root) &&
          View{nullptr, types[i].dtype, types[i].shape, at.strides}.is_row_major())
        parts[root] = {top, from + at.offset};
    }
  }
}

View Survey::window(ValueId id) const {
  const Type& type = graph.value(id).type;
  const Layout& at = homes[id].layout;
  return {reinterpret_cast<std::byte*>(at.offset * size_of(type.dtype)), type.dtype, type.shape,
          at.strides};
}

bool Survey::is_whole(ValueId id) const {
  const View v = window(id);
  return v.data == nullptr && v.is_row_major() &&
         element_count(v.shape) == element_count(graph.value(homes[id].root).type.shape);
}

namespace {

// A window of one shape with its step, as rows of `columns`: 0 where any number will do.
Lie lie_of(const View& v, int64_t& columns) {
  if (v.is_row_major()) return columns = 0, Lie::whole;
  View one[] = {v};
  collapse(one);
  const Shape& shape = one[0].shape;
  const Dims& strides = one[0].strides;
  columns = 0;
  if (shape.size() == 1) return strides[0] == 0 ? Lie::single : Lie::other;
  if (shape.size() == 3 && strides[0] == 0 && strides[2] == 0)
    return columns = shape[2], Lie::cycle;
  columns = shape[1];
  if (shape.size() != 2) return Lie::other;
  if (strides[0] == 0 && strides[1] == 1) return Lie::row;
  return strides[1] == 0 ? Lie::tall : Lie::other;
}

// What a step needs of the rows it runs over.
struct Demand {
  bool fusible = false, leads = false, by_rows = false;
  int64_t elements = 0;
  int64_t columns = 0;  // 0: any
  bool loose = false;   // columns are those of a product alone: several of its rows may be one
};

Demand demand_of(const Survey& survey, const Step& s) {
  const Graph& g = survey.graph;
  const Type& out = g.value(s.first_out).type;
  Demand d;
  d.elements = element_count(out.shape);
  if (s.outputs != 1 || d.elements < 2) return d;
  if (s.op->takes_after) {
    d.columns = out.shape.back();
    d.leads = d.fusible = d.loose = true;
    return d;
  }
  const auto in = g.inputs(s);
  if (in.empty()) return d;
  std::vector<Type> types;
  for (ValueId id : in) types.push_back(g.value(id).type);
  if (s.op->by_rows) {
    const Type& rows = types[0];
    d.elements = element_count(rows.shape);
    d.columns = rows.shape.empty() ? 0 : rows.shape.back();
    d.by_rows = true;
    d.fusible = d.columns > 1 && d.elements > d.columns && std::ranges::all_of(in, [&](ValueId id) {
                  return g.value(id).type.shape == rows.shape && survey.window(id).is_row_major();
                });
    return d;
  }
  if (!s.op->pointwise || s.op->kernel(*s.op, types, out).row == nullptr) return d;
  for (ValueId id : in) {
    int64_t columns = 0;
    if (lie_of(survey.window(id), columns) == Lie::other) return d;
    if (columns != 0 && d.columns != 0 && columns != d.columns) return d;
    d.columns = std::max(d.columns, columns);
  }
  d.fusible = true;
  return d;
}

constexpr int64_t most_columns = 4096;    // of a row that must stay in the cache
constexpr int64_t least_elements = 4096;  // below it, a tile is the whole

class Fuser {
 public:
  explicit Fuser(const Survey& survey) : survey_(survey), g_(survey.graph) {
    unit_of_.resize(g_.step_count(), none);
    products_before_.resize(g_.step_count());
    int products = 0;
    for (size_t i : survey.computed) {
      const Demand d = demand_of(survey, g_.step(i));
      products_before_[i] = products;
      products += d.leads ? 1 : 0;
      unit_of_[i] = static_cast<int>(members_.size());
      members_.push_back({i});
      demands_.push_back(d);
    }
    seen_.resize(members_.size());
  }

  std::vector<Unit> run() {
    for (size_t i : survey_.computed)
      for (ValueId id : g_.inputs(g_.step(i))) {
        const ValueId root = survey_.homes[id].root;
        if (!survey_.has_storage(root) || survey_.behind_alias[id]) continue;
        const int from = unit_of_[survey_.graph.value(root).step], to = unit_of_[i];
        if (from != none && from != to && !hoards(root, from, to, i)) join(from, to);
      }
    std::vector<Unit> units;
    for (size_t u = 0; u < members_.size(); ++u) emit(static_cast<int>(u), units);
    return units;
  }

 private:
  static constexpr int none = -1;

  int unit_of_root(ValueId root) const {
    return survey_.has_storage(root) ? unit_of_[g_.value(root).step] : none;
  }

  // Whether a reader long after would only be drawn forward to lie in memory beside what it reads:
  // a product is between them, and both its operand and a result of its unit stay for others.
  bool hoards(ValueId root, int from, int to, size_t reader) const {
    const auto stays = [&](ValueId id) {
      return survey_.is_result[id] || std::ranges::any_of(survey_.readers[id], [&](size_t other) {
               return unit_of_[other] != from && unit_of_[other] != to;
             });
    };
    return products_before_[reader] >
               products_before_[g_.value(root).step] + (leads(root) ? 1 : 0) &&
           stays(root) && std::ranges::any_of(members_[static_cast<size_t>(to)], [&](size_t i) {
             return stays(g_.step(i).first_out);
           });
  }
  bool leads(ValueId root) const { return g_.step_of(root).op->takes_after; }

  // Whether a step in `from` is needed by one in `to` through steps of neither.
  bool reaches_around(int from, int to) {
    ++stamp_;
    std::vector<int> open;
    const size_t last = members_[static_cast<size_t>(to)].back();
    const auto visit = [&](int u) {
      bool hit = false;
      for (size_t i : members_[static_cast<size_t>(u)]) {
        const Step& s = g_.step(i);
        for (uint16_t o = 0; o < s.outputs; ++o)
          for (size_t reader : survey_.readers[s.first_out + o]) {
            const int next = unit_of_[reader];
            if (next == from || (u == from && next == to)) continue;
            if (next == to) {
              hit = true;
            } else if (members_[static_cast<size_t>(next)].front() < last &&
                       seen_[static_cast<size_t>(next)] != stamp_) {
              seen_[static_cast<size_t>(next)] = stamp_;
              open.push_back(next);
            }
          }
      }
      return hit;
    };
    if (visit(from)) return true;
    while (!open.empty()) {
      const int u = open.back();
      open.pop_back();
      if (visit(u)) return true;
    }
    return false;
  }

  void join(int from, int to) {
    Demand a = demands_[static_cast<size_t>(from)], b = demands_[static_cast<size_t>(to)];
    if (!a.fusible || !b.fusible || (a.leads && b.leads)) return;
    Demand both = a.elements >= b.elements ? a : b;
    const Demand& less = a.elements >= b.elements ? b : a;
    if (both.elements == less.elements) {
      const Demand& wide = a.columns > b.columns ? a : b;
      const Demand& narrow = a.columns > b.columns ? b : a;
      const bool several = narrow.loose && !narrow.by_rows && wide.columns % narrow.columns == 0;
      if (narrow.columns != 0 && narrow.columns != wide.columns && !several) return;
      both.columns = wide.columns;
      both.loose = narrow.columns == 0 && wide.loose;
    } else if (both.columns == 0 || less.columns != 0 || less.by_rows || less.leads ||
               less.elements * both.columns != both.elements) {
      return;
    } else {
      both.loose = false;
    }
    both.leads = a.leads || b.leads;
    both.by_rows = a.by_rows || b.by_rows || a.elements != b.elements;
    if (both.by_rows && both.columns > most_columns) return;
    std::vector<size_t> steps;
    std::ranges::merge(members_[static_cast<size_t>(from)], members_[static_cast<size_t>(to)],
                       std::back_inserter(steps));
    if (most_scratch(steps, both) > Fused::scratch_bytes) return;
    for (size_t i : steps) {
      const Step& s = g_.step(i);
      for (ValueId id : g_.inputs(s)) {
        const int made = unit_of_root(survey_.homes[id].root);
        if (made != from && made != to) continue;
        if (s.op->takes_after) return;  // the leader comes first
        int64_t columns = both.columns;
        const Lie lie = lie_of(survey_.window(id), columns);
        const int64_t held = element_count(g_.value(survey_.homes[id].root).type.shape);
        const bool aligned = lie == Lie::whole
                                 ? survey_.is_whole(id)
                                 : lie == Lie::tall && survey_.window(id).data == nullptr &&
                                       held * both.columns == both.elements && is_packed_tall(id);
        if (!aligned) return;
      }
    }
    if (reaches_around(from, to)) return;
    for (size_t i : members_[static_cast<size_t>(from)]) unit_of_[i] = to;
    members_[static_cast<size_t>(from)].clear();
    members_[static_cast<size_t>(to)] = std::move(steps);
    demands_[static_cast<size_t>(to)] = both;
  }

  // Scratch of the smallest tile if every value of these steps had a place of its own.
  int64_t most_scratch(const std::vector<size_t>& steps, const Demand& d) const {
    constexpr int64_t gap = 64 + spread_slack;
    const int64_t elements = d.by_rows ? std::max(d.columns, Fused::least_tile) : Fused::least_tile;
    int64_t bytes = 0;
    for (size_t i : steps) {
      const Step& s = g_.step(i);
      bytes += elements * size_of(g_.value(s.first_out).type.dtype) + gap;
      if (d.columns < short_row)
        for (ValueId id : g_.inputs(s)) bytes += elements * size_of(g_.value(id).type.dtype) + gap;
    }
    return bytes;
  }

  // One element a row, neighbours in memory.
  bool is_packed_tall(ValueId id) const {
    View one[] = {survey_.window(id)};
    collapse(one);
    return one[0].strides[0] == 1;
  }

  void emit(int u, std::vector<Unit>& units) const {
    const auto& steps = members_[static_cast<size_t>(u)];
    const Demand& d = demands_[static_cast<size_t>(u)];
    if (steps.size() > 1 && d.elements >= least_elements) {
      Unit unit{.steps = steps,
                .fused = true,
                .led = d.leads,
                .by_rows = d.by_rows,
                .elements = d.elements,
                .columns = d.columns == 0 ? d.elements : d.columns};
      if (d.leads) {
        const auto leader =
            std::ranges::find_if(unit.steps, [&](size_t i) { return g_.step(i).op->takes_after; });
        std::rotate(unit.steps.begin(), leader, leader + 1);
      }
      unit.why = d.leads     ? "runs on each finished block of the product, while it is in cache"
                 : d.by_rows ? "one pass over tiles of whole rows"
                             : "one pass over tiles";
      units.push_back(std::move(unit));
      return;
    }
    for (size_t i : steps) units.push_back({.steps = {i}});
  }

  const Survey& survey_;
  const Graph& g_;
  std::vector<int> unit_of_;          // by step
  std::vector<int> products_before_;  // by step
  std::vector<std::vector<size_t>> members_;
  std::vector<Demand> demands_;
  std::vector<uint32_t> seen_;
  uint32_t stamp_ = 0;
};

}  // namespace

Lie lie_of(const Survey& survey, ValueId in, int64_t columns) {
  int64_t own = 0;
  const Lie lie = lie_of(survey.window(in), own);
  return own != 0 && own != columns ? Lie::other : lie;
}

std::vector<Unit> fuse(const Survey& survey) {
  return Fuser(survey).run();
}

namespace {

struct Flow {
  std::vector<std::vector<size_t>> needs, feeds;  // units
  struct Memory {
    int64_t bytes = 0;
    size_t maker = 0;
    std::vector<size_t> users;  // units
    bool stays = false;
  };
  std::vector<Memory> memory;

  Flow(const Survey& survey, const std::vector<Unit>& units) {
    const Graph& g = survey.graph;
    std::vector<size_t> unit_of(g.step_count(), units.size());
    for (size_t u = 0; u < units.size(); ++u)
      for (size_t i : units[u].steps) unit_of[i] = u;
    needs.resize(units.size());
    feeds.resize(units.size());
    for (size_t i : survey.computed) {
      const Step& s = g.step(i);
      const size_t maker = unit_of[i];
      for (uint16_t o = 0; o < s.outputs; ++o) {
        const ValueId root = s.first_out + o;
        Memory m{byte_count(g.value(root).type), maker, {}, survey.is_result[root]};
        const auto read_by = [&](ValueId id) {
          for (size_t reader : survey.readers[id])
            if (unit_of[reader] != maker || !units[maker].fused) m.users.push_back(unit_of[reader]);
        };
        read_by(root);
        for (size_t user : m.users) {
          needs[user].push_back(maker);
          feeds[maker].push_back(user);
        }
        if (const auto part = survey.parts.find(root); part != survey.parts.end())
          read_by(part->second.first);
        if (s.op->part)
          for (const auto& [id, where] : survey.parts)
            if (where.first == root) m.bytes -= byte_count(g.value(id).type);
        if (m.users.empty() && !m.stays) m.bytes = 0;
        memory.push_back(std::move(m));
      }
    }
    for (auto* lists : {&needs, &feeds})
      for (auto& list : *lists) {
        std::ranges::sort(list);
        list.erase(std::unique(list.begin(), list.end()), list.end());
      }
    for (Memory& m : memory) {
      std::ranges::sort(m.users);
      m.users.erase(std::unique(m.users.begin(), m.users.end()), m.users.end());
    }
  }

  // In an order of `units`, the most bytes that are live at once.
  int64_t peak(const std::vector<size_t>& order) const {
    std::vector<size_t> when(order.size());
    for (size_t k = 0; k < order.size(); ++k) when[order[k]] = k;
    std::vector<int64_t> change(order.size() + 1);
    for (const Memory& m : memory) {
      size_t last = when[m.maker];
      for (size_t user : m.users) last = std::max(last, when[user]);
      change[when[m.maker]] += m.bytes;
      change[m.stays ? order.size() : last + 1] -= m.bytes;
    }
    int64_t live = 0, most = 0;
    for (int64_t c : change) most = std::max(most, live += c);
    return most;
  }

  // Takes again and again, of the units that may run, the one that costs `cost` least.
  template <class Cost, class Done>
  std::vector<size_t> take(const Cost& cost, const Done& done) const {
    std::vector<size_t> waits(needs.size());
    std::set<size_t> ready;
    for (size_t u = 0; u < needs.size(); ++u)
      if ((waits[u] = needs[u].size()) == 0) ready.insert(u);
    std::vector<size_t> order;
    while (!ready.empty()) {
      const auto best = cost(ready);
      const size_t u = *best;
      ready.erase(best);
      order.push_back(u);
      done(u);
      for (size_t next : feeds[u])
        if (--waits[next] == 0) ready.insert(next);
    }
    return order;
  }
};

}  // namespace

std::vector<Unit> schedule(const Survey& survey, std::vector<Unit> units) {
  std::ranges::sort(units, {}, [](const Unit& u) { return std::ranges::min(u.steps); });
  const Flow flow(survey, units);
  std::vector<size_t> order =
      flow.take([](const std::set<size_t>& ready) { return ready.begin(); }, [](size_t) {});

  // Bytes that running a unit adds, less those it is the last to use.
  std::vector<std::vector<size_t>> made(units.size()), used(units.size());
  std::vector<size_t> left(flow.memory.size());
  for (size_t m = 0; m < flow.memory.size(); ++m) {
    made[flow.memory[m].maker].push_back(m);
    for (size_t user : flow.memory[m].users) used[user].push_back(m);
    left[m] = flow.memory[m].users.size() + (flow.memory[m].stays ? 1 : 0);
  }
  const auto growth = [&](size_t u) {
    int64_t bytes = 0;
    for (size_t m : made[u]) bytes += flow.memory[m].bytes;
    for (size_t m : used[u])
      if (left[m] == 1) bytes -= flow.memory[m].bytes;
    return bytes;
  };
  constexpr size_t most_ready = 64;  // looked at for each choice
  const std::vector<size_t> lean = flow.take(
      [&](const std::set<size_t>& ready) {
        auto best = ready.begin();
        int64_t least = growth(*best);
        size_t looked = 0;
        for (auto r = std::next(best); r != ready.end() && ++looked < most_ready; ++r)
          if (const int64_t bytes = growth(*r); bytes < least) {
            best = r;
            least = bytes;
          }
        return best;
      },
      [&](size_t u) {
        for (size_t m : used[u]) --left[m];
      });
  if (flow.peak(lean) < flow.peak(order)) order = lean;

  std::vector<Unit> sorted;
  for (size_t u : order) sorted.push_back(std::move(units[u]));
  return sorted;
}

}  // namespace gradus
