#include <gradus/core/buffer.h>
#include <gradus/plan/passes.h>

#include <algorithm>
#include <limits>

namespace gradus {
namespace {

constexpr size_t never = std::numeric_limits<size_t>::max();

int64_t rounded(int64_t bytes) {
  const auto a = static_cast<int64_t>(alignment);
  return std::max(a, (bytes + a - 1) / a * a);
}

// Offsets in one arena: walks the units in order, gives each storage the smallest free gap that
// fits, and returns the arena's size.
int64_t settle(std::vector<Storage>& storages, size_t units) {
  std::vector<std::vector<size_t>> born(units + 2), dies(units + 2);
  for (size_t s = 0; s < storages.size(); ++s) {
    storages[s].last = std::min(storages[s].last, units + 1);
    born[storages[s].first].push_back(s);
    dies[storages[s].last].push_back(s);
  }
  std::map<int64_t, int64_t> gaps;  // offset -> bytes
  int64_t top = 0;
  for (size_t i = 0; i < units + 2; ++i) {
    for (size_t s : born[i]) {
      Storage& storage = storages[s];
      auto best = gaps.end();
      for (auto g = gaps.begin(); g != gaps.end(); ++g)
        if (g->second >= storage.bytes && (best == gaps.end() || g->second < best->second))
          best = g;
      if (best == gaps.end()) {
        // The last gap may end at the top: then the arena grows by what it lacks.
        const auto end = gaps.empty() ? gaps.end() : std::prev(gaps.end());
        const bool open = end != gaps.end() && end->first + end->second == top;
        storage.offset = open ? end->first : top;
        if (open) gaps.erase(end);
        top = storage.offset + storage.bytes;
        continue;
      }
      storage.offset = best->first;
      const int64_t left = best->second - storage.bytes;
      gaps.erase(best);
      if (left > 0) gaps[storage.offset + storage.bytes] = left;
    }
    for (size_t s : dies[i]) {
      const Storage& storage = storages[s];
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

class Placer {
 public:
  Placer(const Survey& survey, const std::vector<Unit>& units,
         std::span<const CarriedValue> carries)
      : survey_(survey), g_(survey.graph), units_(units), carries_(carries) {
    p_.storage_of.assign(g_.value_count(), -1);
    p_.offset_of.assign(g_.value_count(), 0);
    p_.in_scratch.assign(g_.value_count(), false);
    p_.carried_in_place.assign(carries.size(), false);
    unit_of_.assign(g_.step_count(), never);
    for (size_t u = 0; u < units.size(); ++u)
      for (size_t i : units[u].steps) unit_of_[i] = u;
    last_use_.assign(g_.value_count(), 0);
    for (ValueId id = 0; id < g_.value_count(); ++id) {
      for (size_t reader : survey.readers[id])
        last_use_[id] = std::max(last_use_[id], unit_of_[reader] + 1);
      if (survey.is_result[id]) last_use_[id] = never;
    }
  }

  Placement run(std::span<const ValueId> copied_results) {
    for (ValueId id : g_.input_ids()) settle_in(id, fresh(id, 0, never));
    for (size_t u = 0; u < units_.size(); ++u) {
      const Unit& unit = units_[u];
      for (size_t k = 0; k < unit.steps.size(); ++k) {
        const Step& s = g_.step(unit.steps[k]);
        for (uint16_t o = 0; o < s.outputs; ++o) give(s.first_out + o, u, k);
      }
    }
    // Results that are views, constants or arguments are copied out after the run.
    for (ValueId id : copied_results)
      p_.storages.push_back({rounded(byte_count(g_.value(id).type)), units_.size() + 1, never, 0});
    p_.arena_bytes = settle(p_.storages, units_.size());
    for (ValueId id = 0; id < g_.value_count(); ++id)
      if (p_.storage_of[id] >= 0)
        p_.offset_of[id] += p_.storages[static_cast<size_t>(p_.storage_of[id])].offset;
    return std::move(p_);
  }

 private:
  int fresh(ValueId root, size_t first, size_t last) {
    p_.storages.push_back({rounded(byte_count(g_.value(root).type)), first, last, 0});
    holders_.emplace_back();
    return static_cast<int>(p_.storages.size()) - 1;
  }
  void settle_in(ValueId root, int storage) {
    p_.storage_of[root] = storage;
    holders_[static_cast<size_t>(storage)].push_back(root);
    Storage& s = p_.storages[static_cast<size_t>(storage)];
    s.last = std::max(s.last, std::max(last_use_[root], s.first));
  }

  void give(ValueId root, size_t u, size_t k) {
    const Unit& unit = units_[u];
    if (p_.storage_of[root] >= 0) return;  // a concatenation whose parts came first
    if (const auto part = survey_.parts.find(root); part != survey_.parts.end()) {
      const auto [top, element] = part->second;
      if (p_.storage_of[top] < 0) settle_in(top, fresh(top, u + 1, u + 1));
      settle_in(root, p_.storage_of[top]);
      p_.offset_of[root] = element * size_of(g_.value(root).type.dtype);
      return;
    }
    if (unit.fused && !(unit.led && k == 0) && last_use_[root] <= u + 1) {
      p_.in_scratch[root] = true;
      return;
    }
    for (size_t c = 0; c < carries_.size(); ++c)
      if (carries_[c].from == root && takes_over(root, carries_[c].to, u, k)) {
        p_.carried_in_place[c] = true;
        return settle_in(root, p_.storage_of[carries_[c].to]);
      }
    for (size_t j = 0; j <= k; ++j)
      for (ValueId id : g_.inputs(g_.step(unit.steps[j]))) {
        const ValueId old = survey_.homes[id].root;
        if (survey_.has_storage(old) && !is_argument(old) && takes_over(root, old, u, k))
          return settle_in(root, p_.storage_of[old]);
      }
    settle_in(root, fresh(root, u + 1, u + 1));
  }

  bool is_argument(ValueId root) const {
    return std::ranges::find(g_.input_ids(), root) != g_.input_ids().end();
  }

  // Whether `root`, made by step k of the unit, can overwrite `old` element by element: nobody
  // else needs the memory any more, and in this unit it is read at the same places, not later.
  bool takes_over(ValueId root, ValueId old, size_t u, size_t k) const {
    const int storage = p_.storage_of[old];
    if (storage < 0 || survey_.parts.contains(old)) return false;
    const Type &type = g_.value(root).type, &was = g_.value(old).type;
    if (size_of(type.dtype) != size_of(was.dtype) ||
        element_count(type.shape) != element_count(was.shape))
      return false;
    const Unit& unit = units_[u];
    if (!g_.step(unit.steps[k]).op->pointwise) return false;
    for (ValueId holder : holders_[static_cast<size_t>(storage)]) {
      if (last_use_[holder] > u + 1 || (holder != old && last_use_[holder] == u + 1)) return false;
      if (holder != old && unit_of_[g_.value(holder).step] == u && survey_.has_storage(holder) &&
          !is_argument(holder))
        return false;
    }
    for (size_t j = 0; j < unit.steps.size(); ++j) {
      const Step& s = g_.step(unit.steps[j]);
      for (ValueId id : g_.inputs(s)) {
        if (survey_.homes[id].root != old) continue;
        if (j > k || !survey_.is_whole(id) || !(s.op->pointwise || (s.op->by_rows && j < k)))
          return false;
      }
    }
    return true;
  }

  const Survey& survey_;
  const Graph& g_;
  const std::vector<Unit>& units_;
  std::span<const CarriedValue> carries_;
  std::vector<size_t> unit_of_, last_use_;  // by step; by root: a unit from 1, never: after the run
  std::vector<std::vector<ValueId>> holders_;  // by storage: all roots that ever lie there
  Placement p_;
};

}  // namespace

Placement place(const Survey& survey, const std::vector<Unit>& units,
                std::span<const CarriedValue> carries, std::span<const ValueId> copied_results) {
  return Placer(survey, units, carries).run(copied_results);
}

}  // namespace gradus
