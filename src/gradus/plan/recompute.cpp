#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/core/work.h>
#include <gradus/plan/passes.h>
#include <gradus/plan/recompute.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <utility>

namespace gradus {
namespace {

// When the memory of each value is in use, in steps of the recorded order.
struct Liveness {
  Liveness(const Graph& g, std::span<const Carry> carries)
      : survey(g), first(g.value_count()), last(g.value_count()), live(g.step_count() + 1) {
    std::vector<bool> argument(g.value_count());
    for (ValueId id : g.input_ids()) argument[id] = true;
    std::vector<bool> in_place(g.value_count());
    for (const Carry& c : carries) {
      if (!std::in_range<size_t>(c.from) || static_cast<size_t>(c.from) >= g.output_ids().size() ||
          !std::in_range<size_t>(c.to) || static_cast<size_t>(c.to) >= g.input_ids().size())
        continue;  // the plan refuses it
      const ValueId from = g.output_ids()[static_cast<size_t>(c.from)],
                    to = g.input_ids()[static_cast<size_t>(c.to)];
      const auto& readers = survey.readers[to];
      in_place[from] = !argument[from] && g.value(from).type == g.value(to).type &&
                       (readers.empty() || readers.back() <= g.value(from).step);
    }
    const size_t end = g.step_count();
    std::vector<int64_t> change(end + 2);
    for (ValueId id = 0; id < g.value_count(); ++id) {
      if (!is_memory(id)) continue;
      first[id] = argument[id] ? 0 : g.value(id).step;
      last[id] = argument[id] || survey.is_result[id] ? end
                 : survey.readers[id].empty()         ? first[id]
                                                      : survey.readers[id].back();
      if (in_place[id]) continue;
      change[first[id]] += byte_count(g.value(id).type);
      change[last[id] + 1] -= byte_count(g.value(id).type);
      if (last[id] == end) lasting += byte_count(g.value(id).type);
    }
    int64_t now = 0;
    for (size_t i = 0; i <= end; ++i) live[i] = now += change[i];
    turn = static_cast<size_t>(std::ranges::max_element(live) - live.begin());
  }

  bool is_memory(ValueId id) const { return survey.homes[id].root == id && survey.has_storage(id); }
  int64_t peak() const { return live[turn]; }
  // The peak and how often it is reached: a round may lower one of several equal peaks.
  std::pair<int64_t, int64_t> height() const { return {peak(), std::ranges::count(live, peak())}; }

  Survey survey;
  std::vector<size_t> first, last;  // by root
  std::vector<int64_t> live;        // bytes, by step
  int64_t lasting = 0;              // bytes of arguments and results
  size_t turn = 0;                  // the first step at which most bytes are live
};

// Whether a step gives the same bits whenever it runs, and cheaply: not a source, a decomposition,
// a function of the user or a draw.
bool is_recomputable(const Step& s) {
  return s.inputs > 0 && s.outputs == 1 &&
         (s.op->view || s.op->pointwise || s.op->kind == Kind::elementwise ||
          s.op->kind == Kind::linear || s.op->kind == Kind::bilinear);
}

// Which of the values that wait at the turn are given up.
struct Cutting {
  int64_t segment = 0;          // bytes of them between two cuts
  size_t until = 0;             // only those made before this step
  bool pointwise_only = false;  // only those that a pointwise step makes
};

// The values before the turn, cut into segments.
class Forward {
 public:
  explicit Forward(const Liveness& l) : l_(l), g_(l.survey.graph), waiting_(g_.value_count()) {
    early_.resize(g_.value_count());
    for (ValueId id = 0; id < g_.value_count(); ++id) {
      if (!l.is_memory(id) || g_.step_of(id).op->kind == Kind::source) continue;
      const auto& readers = l.survey.readers[id];
      for (size_t reader : readers)
        if (reader <= l.turn) early_[id] = reader;
      waiting_[id] = l.first[id] < l.turn && l.last[id] > l.turn && l.last[id] < g_.step_count() &&
                     !std::ranges::binary_search(readers, l.turn) &&
                     is_recomputable(g_.step_of(id));
    }
    for (ValueId id = 0; id < g_.value_count(); ++id) {
      if (!waiting_[id]) continue;
      if (!(waiting_[id] = is_near(id))) continue;
      order_.push_back(id);
      bytes_ += bytes_of(id);
      most_ = std::max(most_, bytes_of(id));
    }
  }

  // What waits at the turn and could be computed again, by birth.
  const std::vector<ValueId>& waiting() const { return order_; }
  int64_t bytes() const { return bytes_; }
  int64_t most() const { return most_; }

  // By root: whether it is there after the turn without being computed again.
  std::vector<bool> kept(const Cutting& c) const {
    std::vector<bool> kept(g_.value_count(), true);
    for (ValueId id = 0; id < g_.value_count(); ++id) {
      if (!l_.is_memory(id) || l_.first[id] > l_.turn || !is_recomputable(g_.step_of(id))) continue;
      kept[id] = waiting_[id] ? !given_up(id, c) : l_.last[id] >= l_.turn;
    }
    // Bytes that the values before the turn carry over each step to others before it.
    std::vector<int64_t> carried(l_.turn + 2);
    for (ValueId id = 0; id < g_.value_count(); ++id)
      if (early_[id] > 0) {
        carried[l_.first[id]] += bytes_of(id);
        carried[early_[id]] -= bytes_of(id);
      }
    for (size_t i = 1; i <= l_.turn; ++i) carried[i] += carried[i - 1];

    int64_t segment = 0, after_best = 0;
    size_t best = none;
    const auto cut = [&] {
      for (ValueId id = 0; id < g_.value_count(); ++id)
        if (early_[id] > best && l_.first[id] <= best) kept[id] = true;
      segment = after_best;
      best = none;
    };
    size_t next = 0;
    for (size_t i = 0; i < l_.turn; ++i) {
      int64_t born = 0;
      for (; next < order_.size() && l_.first[order_[next]] <= i; ++next)
        if (!kept[order_[next]]) born += bytes_of(order_[next]);
      segment += born;
      after_best += born;
      if (segment < c.segment) continue;
      // The cheapest place for a cut while the segment is not too long.
      if (best == none || carried[i] < carried[best]) {
        best = i;
        after_best = 0;
      }
      if (2 * segment >= 3 * c.segment) cut();
    }
    return kept;
  }

 private:
  static constexpr size_t none = ~size_t{0};
  static constexpr size_t most_steps = 64;

  int64_t bytes_of(ValueId id) const { return byte_count(g_.value(id).type); }
  // Whether few steps lead to the value from others that are there at the turn. A gradient that
  // waits for its update is far: it would take the whole sweep again.
  bool is_near(ValueId wanted) const {
    std::set<ValueId> open{wanted}, seen;
    while (!open.empty()) {
      const ValueId id = *open.begin();
      open.erase(open.begin());
      if (!seen.insert(id).second) continue;
      if (seen.size() > most_steps) return false;
      for (ValueId in : g_.inputs(g_.step_of(id))) {
        const ValueId root = l_.survey.homes[in].root;
        if (l_.is_memory(root) && l_.last[root] < l_.turn && is_recomputable(g_.step_of(root)))
          open.insert(in);
      }
    }
    return true;
  }
  bool given_up(ValueId id, const Cutting& c) const {
    return l_.first[id] < c.until && (!c.pointwise_only || g_.step_of(id).op->pointwise);
  }

  const Liveness& l_;
  const Graph& g_;
  std::vector<bool> waiting_;  // by root
  std::vector<ValueId> order_;
  std::vector<size_t> early_;  // by root: the last reader up to the turn; 0: none
  int64_t bytes_ = 0, most_ = 0;
};

// Rounds of recomputing what was computed again: each costs more work for less memory.
constexpr int most_rounds = 32;

struct Rewritten {
  Graph graph;
  double work = 0;  // of what is computed again
};

// Writes the graph down once more. Readers after the turn find what is not kept computed again.
class Rewriter {
 public:
  Rewriter(const Liveness& l, const std::vector<bool>& kept)
      : l_(l),
        g_(l.survey.graph),
        kept_(kept),
        tape_("recompute", true),
        place_(g_.value_count(), no_value),
        again_(g_.value_count(), no_value) {}

  Rewritten run() {
    tape_.keep_what(g_);
    std::vector<ValueId> inputs, outputs;
    for (ValueId id : g_.input_ids()) {
      place_[id] = tape_.input(g_.value(id).type, g_.label(id));
      inputs.push_back(place_[id]);
    }
    for (size_t i = 0; i < g_.step_count(); ++i) {
      const Step& s = g_.step(i);
      if (place_[s.first_out] != no_value) continue;
      const Value& v = g_.value(s.first_out);
      if (s.outputs == 1 && v.has_numbers()) {
        place_[s.first_out] = tape_.place_constant(Tensor(v.type, v.buffer));
        continue;
      }
      std::vector<ValueId> in;
      for (ValueId id : g_.inputs(s)) in.push_back(i > l_.turn ? late(id) : place_[id]);
      const ValueId first = tape_.record(*s.op, in, g_.attrs(s));
      for (uint16_t o = 0; o < s.outputs; ++o) {
        place_[s.first_out + o] = first + o;
        if (!g_.label(s.first_out + o).empty())
          tape_.set_label(first + o, g_.label(s.first_out + o));
      }
    }
    for (ValueId id : g_.output_ids()) outputs.push_back(place_[id]);
    return {tape_.freeze(inputs, outputs), work_};
  }

 private:
  bool is_gone(ValueId id) const {
    return g_.value(id).step <= l_.turn && !kept_[l_.survey.homes[id].root];
  }

  // What a reader after the turn sees. A value that was kept is seen through an alias, so that
  // fusing does not draw the reader to where the value is made.
  ValueId late(ValueId id) {
    const bool early = g_.value(id).step <= l_.turn && g_.step_of(id).op->kind != Kind::source;
    if (!early || g_.value(id).has_numbers()) return place_[id];
    if (!is_gone(id)) return alias_of(id);
    return again(id);
  }

  ValueId alias_of(ValueId id) {
    if (again_[id] == no_value) again_[id] = tape_.alias(place_[id]);
    return again_[id];
  }

  // The value computed again, with all that it needs and that is gone too.
  ValueId again(ValueId wanted) {
    if (again_[wanted] != no_value) return again_[wanted];
    std::set<ValueId, std::greater<>> open{wanted};
    std::vector<ValueId> missing;
    while (!open.empty()) {
      const ValueId id = *open.begin();
      open.erase(open.begin());
      missing.push_back(id);
      for (ValueId in : g_.inputs(g_.step_of(id)))
        if (again_[in] == no_value && is_gone(in)) open.insert(in);
    }
    for (size_t k = missing.size(); k-- > 0;) {
      const Step& s = g_.step_of(missing[k]);
      std::vector<ValueId> in;
      std::vector<Type> types;
      for (ValueId id : g_.inputs(s)) {
        in.push_back(alias_of(id));
        types.push_back(g_.value(id).type);
      }
      again_[missing[k]] = tape_.record(*s.op, in, g_.attrs(s));
      const Type& out = g_.value(missing[k]).type;
      if (l_.survey.homes[missing[k]].root == missing[k])
        work_ += work_of(*s.op, types, g_.attrs(s), {&out, 1}) +
                 static_cast<double>(element_count(out.shape));
    }
    return again_[wanted];
  }

  const Liveness& l_;
  const Graph& g_;
  const std::vector<bool>& kept_;
  Tape tape_;
  std::vector<ValueId> place_, again_;  // by value: on the tape, and computed again
  double work_ = 0;
};

Rewritten rewritten(const Liveness& l, const Forward& forward, const Cutting& c) {
  return Rewriter(l, forward.kept(c)).run();
}

// One round: the least recomputation that gets under the budget; where nothing does, what gets
// lowest; the graph itself where nothing is lower.
Graph closer(const Graph& graph, int64_t budget, std::span<const Carry> carries) {
  const Liveness l(graph, carries);
  const Forward forward(l);
  const std::vector<ValueId>& waiting = forward.waiting();
  Graph cheapest, lowest = graph;
  std::pair<int64_t, int64_t> least = l.height();
  double work = INFINITY;
  const auto pointwise = static_cast<size_t>(
      std::ranges::count_if(waiting, [&](ValueId id) { return graph.step_of(id).op->pointwise; }));
  for (bool pointwise_only : {true, false}) {
    if (pointwise_only && (pointwise == 0 || pointwise == waiting.size())) continue;
    for (int64_t segment = forward.bytes(); segment >= std::max(forward.most(), int64_t{1});
         segment /= 2) {
      // Whether giving up the first n of those that wait is enough.
      const auto enough = [&](size_t n) {
        const size_t until = n < waiting.size() ? l.first[waiting[n]] : l.turn;
        Rewritten r = rewritten(l, forward, {segment, until, pointwise_only});
        const std::pair<int64_t, int64_t> height = Liveness(r.graph, carries).height();
        const bool fits = height.first <= budget;
        if (fits && r.work < work) {
          work = r.work;
          cheapest = r.graph;
        }
        if (height < least) {
          least = height;
          lowest = std::move(r.graph);
        }
        return fits;
      };
      if (!enough(waiting.size())) continue;
      size_t low = 0, high = waiting.size();
      while (low < high) {
        const size_t middle = (low + high) / 2;
        if (enough(middle))
          high = middle;
        else
          low = middle + 1;
      }
    }
  }
  return work < INFINITY ? cheapest : lowest;
}

Graph square_root(const Graph& graph, std::span<const Carry> carries) {
  const Liveness l(graph, carries);
  const Forward forward(l);
  const auto segment = static_cast<int64_t>(
      std::sqrt(static_cast<double>(forward.bytes()) * static_cast<double>(forward.most())));
  if (segment == 0) return graph;
  Graph result = rewritten(l, forward, {segment, l.turn, false}).graph;
  return Liveness(result, carries).peak() < l.peak() ? result : graph;
}

}  // namespace

size_t peak_bytes(const Graph& graph, std::span<const Carry> carries) {
  return static_cast<size_t>(Liveness(graph, carries).peak());
}

Graph recompute(const Graph& graph, const RecomputePolicy& policy, std::span<const Carry> carries) {
  if (!policy.budget) return square_root(graph, carries);
  const auto budget = static_cast<int64_t>(
      std::min(*policy.budget, static_cast<size_t>(std::numeric_limits<int64_t>::max())));
  Graph now = graph;
  for (int round = 0;; ++round) {
    const Liveness before(now, carries);
    if (before.peak() <= budget) return now;
    Graph next = closer(now, budget, carries);
    if (round == most_rounds || Liveness(next, carries).height() == before.height())
      raise(ErrorKind::plan,
            "recompute: the budget is " + std::to_string(budget) +
                " bytes, but computing values again reaches " + std::to_string(before.peak()) +
                ", of which arguments and results are " + std::to_string(before.lasting) +
                ". They stay, and an operation needs what it reads and writes. Give " +
                std::to_string(before.peak()) + " bytes, or take a smaller batch.");
    now = std::move(next);
  }
}

}  // namespace gradus
