// Where values lie: in place where that is safe, carried, side by side, and never on each other.
#include <gradus/base/error.h>
#include <gradus/core/interpret.h>
#include <gradus/diff/diff.h>
#include <gradus/optim/optimiser.h>
#include <gtest/gtest.h>
#include <plan/passes.h>

#include <algorithm>
#include <limits>
#include <set>

namespace gradus {
namespace {

using namespace test;

constexpr size_t never = std::numeric_limits<size_t>::max();

int64_t rounded(int64_t bytes) {
  return std::max<int64_t>(64, (bytes + 63) / 64 * 64);
}

// A graph with all that was decided about it.
struct Placed {
  Placed(Graph g, std::span<const Carry> carry = {}) : graph(std::move(g)), survey(graph) {
    for (const Carry& c : carry)
      carries.push_back({graph.output_ids()[static_cast<size_t>(c.from)],
                         graph.input_ids()[static_cast<size_t>(c.to)]});
    for (ValueId id : graph.output_ids()) {
      const ValueId root = survey.homes[id].root;
      if (!survey.has_storage(root) || !survey.is_whole(id) || is_argument(root))
        copied.push_back(id);
    }
    units = schedule(survey, fuse(survey));
    placement = place(survey, units, carries, copied);
  }
  Placed(const PlanFunction& f, const std::vector<Type>& types,
         std::initializer_list<Carry> carry = {})
      : Placed(record(f, arguments(types)), std::span<const Carry>(carry.begin(), carry.size())) {}

  bool is_argument(ValueId root) const { return std::ranges::count(graph.input_ids(), root) > 0; }
  // The value that the first step of this name made.
  ValueId made_by(std::string_view name) const {
    for (size_t i : survey.computed)
      if (graph.step(i).op->name == name) return graph.step(i).first_out;
    ADD_FAILURE() << "no step " << name;
    return 0;
  }
  ValueId argument(size_t i) const { return graph.input_ids()[i]; }
  int64_t at(ValueId id) const {
    const ValueId root = survey.homes[id].root;
    EXPECT_GE(placement.storage_of[root], 0) << root;
    return placement.offset_of[root];
  }
  bool share(ValueId a, ValueId b) const {
    return placement.storage_of[survey.homes[a].root] == placement.storage_of[survey.homes[b].root];
  }

  Graph graph;
  Survey survey;
  std::vector<CarriedValue> carries;
  std::vector<ValueId> copied;
  std::vector<Unit> units;
  Placement placement;
};

const std::vector<Type> small = {f32({8, 4})};

TEST(Place, overwrites_what_nobody_reads_any_more) {
  const Placed p([](Args a) { return std::vector<Tensor>{sin(exp(a[0]))}; }, small);
  EXPECT_TRUE(p.share(p.made_by("exp"), p.made_by("sin")));
  EXPECT_EQ(p.placement.arena_bytes, 2 * 128);  // the argument, and both values
}

TEST(Place, never_overwrites_an_argument_that_is_not_carried) {
  const Placed p([](Args a) { return std::vector<Tensor>{exp(a[0])}; }, small);
  EXPECT_FALSE(p.share(p.made_by("exp"), p.argument(0)));
}

TEST(Place, keeps_what_a_later_step_reads) {
  const Placed p(
      [](Args a) {
        const Tensor e = exp(a[0]);
        return std::vector<Tensor>{cumsum(sin(e), 1) * e};
      },
      small);
  EXPECT_FALSE(p.share(p.made_by("exp"), p.made_by("sin")));
}

TEST(Place, keeps_a_result_that_another_is_made_from) {
  const Placed p(
      [](Args a) {
        const Tensor e = exp(a[0]);
        return std::vector<Tensor>{e, sin(e)};
      },
      small);
  EXPECT_FALSE(p.share(p.made_by("exp"), p.made_by("sin")));
}

TEST(Place, keeps_what_is_read_at_other_places) {
  const auto apart = [](const std::function<Tensor(const Tensor&)>& view) {
    const Placed p(
        [&](Args a) {
          const Tensor e = exp(a[0]);
          return std::vector<Tensor>{view(e) * e};
        },
        {f32({8, 8})});
    return !p.share(p.made_by("exp"), p.made_by("multiply"));
  };
  EXPECT_TRUE(apart([](const Tensor& x) { return flip(x, {0}); }));
  EXPECT_TRUE(apart([](const Tensor& x) { return transpose(x); }));
  EXPECT_TRUE(apart([](const Tensor& x) { return slice_axis(x, 0, {3, 4}); }));
  EXPECT_TRUE(apart([](const Tensor& x) { return slice_axis(x, 1, {3, 4}); }));
  EXPECT_FALSE(apart([](const Tensor& x) { return x; }));
}

TEST(Place, does_not_make_what_is_not_elementwise_in_place) {
  const Placed p([](Args a) { return std::vector<Tensor>{cumsum(exp(a[0]), 1)}; }, small);
  EXPECT_FALSE(p.share(p.made_by("exp"), p.made_by("cumsum")));
}

TEST(Place, makes_a_carried_result_in_its_argument) {
  const Placed p([](Args a) { return std::vector<Tensor>{a[0] - 0.1 * a[1]}; },
                 {f32({8, 4}), f32({8, 4})}, {{0, 0}});
  EXPECT_TRUE(p.placement.carried_in_place[0]);
  EXPECT_EQ(p.at(p.graph.output_ids()[0]), p.at(p.argument(0)));
  const Placed fused([](Args a) { return std::vector<Tensor>{a[0] - 0.1 * a[1]}; },
                     {f32({80, 64}), f32({80, 64})}, {{0, 0}});
  EXPECT_TRUE(fused.placement.carried_in_place[0]);
}

TEST(Place, moves_a_carried_result_whose_argument_is_still_read) {
  const auto in_place = [](const PlanFunction& f) -> bool {
    return Placed(f, {f32({8, 8}), f32({8, 8})}, {{0, 0}}).placement.carried_in_place[0];
  };
  EXPECT_FALSE(in_place([](Args a) {
    const Tensor next = a[0] + a[1];
    return std::vector<Tensor>{next, next * cumsum(a[0], 1)};
  }));
  EXPECT_FALSE(in_place([](Args a) { return std::vector<Tensor>{a[0] + a[1], a[0]}; }));
  EXPECT_FALSE(in_place([](Args a) { return std::vector<Tensor>{a[0] + a[1], flip(a[0], {0})}; }));
  EXPECT_FALSE(in_place([](Args a) { return std::vector<Tensor>{a[1] + transpose(a[0])}; }));
  EXPECT_FALSE(in_place([](Args a) { return std::vector<Tensor>{matmul(a[0], a[1])}; }));
  EXPECT_TRUE(in_place([](Args a) { return std::vector<Tensor>{a[0] + a[0] * a[1]}; }));
}

TEST(Place, moves_at_least_one_of_two_carried_results_that_swap) {
  const Placed p(
      [](Args a) {
        return std::vector<Tensor>{sin(a[1]), cos(a[0])};
      },
      {f32({8}), f32({8})}, {{0, 0}, {1, 1}});
  EXPECT_FALSE(p.placement.carried_in_place[0] && p.placement.carried_in_place[1]);
}

TEST(Place, carries_the_state_of_an_optimiser_in_place) {
  for (const char* name : {"sgd", "momentum", "rmsprop", "adam", "adamw"}) {
    const OptimiserConfig config = defaults_for(name);
    std::vector<Type> types{f32({70, 64}), f32({70, 64})};
    std::vector<Carry> carries{{0, 0}};
    for (const Tensor& s : initial_state(config, zeros({70, 64}, DType::f32))) {
      carries.push_back({static_cast<int>(carries.size()), static_cast<int>(types.size())});
      types.push_back(s.type());
    }
    const Placed p(record(
                       [&](Args a) {
                         const Update u = update(config, a[0], a[1],
                                                 std::vector<Tensor>(a.begin() + 2, a.end()));
                         std::vector<Tensor> out{u.params};
                         out.insert(out.end(), u.state.begin(), u.state.end());
                         return out;
                       },
                       arguments(types)),
                   carries);
    for (size_t c = 0; c < carries.size(); ++c)
      EXPECT_TRUE(p.placement.carried_in_place[c]) << name << ": result " << c;
  }
}

TEST(Place, makes_the_parts_of_a_concatenation_where_they_belong) {
  const Placed p(
      [](Args a) {
        const Tensor left = exp(a[0]), right = sin(a[0]);
        return std::vector<Tensor>{concatenate({left, right})};
      },
      small);
  const ValueId whole = p.graph.output_ids()[0];
  EXPECT_EQ(p.at(p.made_by("exp")), p.at(whole));
  EXPECT_EQ(p.at(p.made_by("sin")), p.at(whole) + 8 * 4 * 4);
  EXPECT_EQ(p.placement.arena_bytes, 128 + 256);
}

TEST(Place, makes_parts_of_parts_where_they_belong) {
  const Placed p(
      [](Args a) {
        const Tensor b = sin(a[0]), c = cos(a[0]);
        return std::vector<Tensor>{concatenate({exp(a[0]), concatenate({b, c})})};
      },
      small);
  const int64_t whole = p.at(p.graph.output_ids()[0]);
  EXPECT_EQ(p.at(p.made_by("exp")), whole);
  EXPECT_EQ(p.at(p.made_by("sin")), whole + 128);
  EXPECT_EQ(p.at(p.made_by("cos")), whole + 256);
}

TEST(Place, copies_parts_that_cannot_be_made_where_they_belong) {
  const auto parts = [](const PlanFunction& f) {
    return Placed(f, {f32({8, 4})}).survey.parts.size();
  };
  EXPECT_EQ(parts([](Args a) {  // an argument
              return std::vector<Tensor>{concatenate({a[0], exp(a[0])})};
            }),
            1u);
  EXPECT_EQ(parts([](Args a) {  // the same value twice
              const Tensor e = exp(a[0]);
              return std::vector<Tensor>{concatenate({e, e})};
            }),
            1u);
  EXPECT_EQ(parts([](Args a) {  // in two concatenations
              const Tensor e = exp(a[0]);
              return std::vector<Tensor>{concatenate({e, sin(e)}), concatenate({cos(e), e})};
            }),
            3u);
  EXPECT_EQ(parts([](Args a) {  // columns are not in a row of memory
              return std::vector<Tensor>{concatenate({exp(a[0]), sin(a[0])}, 1)};
            }),
            0u);
  EXPECT_EQ(parts([](Args a) {  // a view of other order
              return std::vector<Tensor>{concatenate({flip(exp(a[0]), {0}), sin(a[0])})};
            }),
            1u);
}

TEST(Place, concatenations_of_every_sort_run_as_they_are_written) {
  const PlanFunction f = [](Args a) {
    const Tensor e = exp(a[0]), s = sin(a[0]), inner = concatenate({s, e, a[0]});
    return std::vector<Tensor>{concatenate({e, inner, e}), e, sin(inner), concatenate({s, s}, 1),
                               concatenate({cumsum(inner, 1), transpose(transpose(s))})};
  };
  const Tensor x = drawn(1, {8, 4});
  Plan plan = compile(f, {x});
  for (int run = 0; run < 2; ++run) {
    const std::vector<Tensor> got = plan(std::array{x}), want = f(std::array{x});
    for (size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(same_bits(got[i], want[i])) << i;
  }
}

// One random step on two values of shape (r, c).
Tensor random_step(RandomState& random, const std::vector<Tensor>& pool) {
  const auto any = [&]() -> const Tensor& {
    return pool[static_cast<size_t>(random.randint(0, std::ssize(pool)))];
  };
  const Tensor &x = any(), &y = any();
  const int64_t rows = x.shape()[0];
  switch (random.randint(0, 12)) {
    case 0:
      return x + y;
    case 1:
      return sin(x);
    case 2:
      return x * flip(y, {0});
    case 3:
      return x - max(y, {.axis = -1, .keepdims = true});
    case 4:
      return tanh(x + sum(y, {.axis = 0}));
    case 5:
      return matmul(x, matmul(transpose(y), x)) * 0.01;
    case 6:
      return cumsum(x, 1) + y;
    case 7:
      return concatenate({slice_axis(x, 0, {0, 3}), exp(slice_axis(y, 0, {3, slice_end}))});
    case 8:
      return softmax(x, -1);
    case 9: {
      const Tensor both = concatenate({sin(x), concatenate({cos(y), x})});
      return slice_axis(both, 0, {rows / 2, rows / 2 + rows});
    }
    case 10:
      return sort(x, 0);
    default:
      return tanh(x) * y;
  }
}

Placed random_placed(uint32_t seed) {
  RandomState choice(seed + 7);
  const Shape shape = choice.randint(0, 2) == 0 ? Shape{7, 5} : Shape{70, 65};
  const int64_t carried = choice.randint(0, 3);
  const Carry carries[] = {{0, static_cast<int>(choice.randint(0, 2))}, {2, 2}};
  return Placed(record(
                    [&](Args a) {
                      RandomState random(seed);
                      std::vector<Tensor> pool(a.begin(), a.end());
                      for (int i = 0; i < 15; ++i) pool.push_back(random_step(random, pool));
                      return std::vector<Tensor>{pool.back(), pool[pool.size() - 4],
                                                 a[2] * 0.9 + pool[pool.size() - 2]};
                    },
                    arguments({f32(shape), f32(shape), f32(shape)})),
                std::span(carries, static_cast<size_t>(carried)));
}

// When a value must be there, in units counted from 1, found without what place() noted.
struct Life {
  ValueId root;
  int64_t from, to;  // bytes
  size_t born, dies;
};

std::vector<Life> lives_of(const Placed& p) {
  const Graph& g = p.graph;
  std::vector<size_t> unit_of(g.step_count(), 0);
  for (size_t u = 0; u < p.units.size(); ++u)
    for (size_t i : p.units[u].steps) unit_of[i] = u + 1;
  std::vector<size_t> last(g.value_count(), 0);
  for (size_t i : p.survey.computed)
    for (ValueId id : g.inputs(g.step(i))) {
      size_t& l = last[p.survey.homes[id].root];
      l = std::max(l, unit_of[i]);
    }
  for (ValueId id : g.output_ids()) last[p.survey.homes[id].root] = never;
  // An argument stays for the next run, unless what is carried to it has taken its place.
  for (ValueId id : g.input_ids()) {
    bool taken = false;
    for (size_t c = 0; c < p.carries.size(); ++c)
      taken |= p.carries[c].to == id && p.placement.carried_in_place[c];
    if (!taken) last[id] = never;
  }
  std::vector<Life> lives;
  const auto add = [&](ValueId root, size_t born) {
    if (p.placement.storage_of[root] < 0) return;
    const int64_t from = p.placement.offset_of[root];
    lives.push_back(
        {root, from, from + byte_count(g.value(root).type), born, std::max(born, last[root])});
  };
  for (ValueId id : g.input_ids()) add(id, 0);
  for (size_t i : p.survey.computed)
    for (uint16_t o = 0; o < g.step(i).outputs; ++o) add(g.step(i).first_out + o, unit_of[i]);
  return lives;
}

// Whether part is made inside whole, directly or through other concatenations.
bool is_inside(const Placed& p, ValueId part, ValueId whole) {
  const auto found = p.survey.parts.find(part);
  if (found == p.survey.parts.end()) return false;
  const ValueId top = found->second.first;
  const auto other = p.survey.parts.find(whole);
  return top == whole || (other != p.survey.parts.end() && other->second.first == top);
}

TEST(Place, values_that_live_together_never_overlap) {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Placed p = random_placed(seed);
    const std::vector<Life> lives = lives_of(p);
    for (const Life& a : lives)
      for (const Life& b : lives) {
        if (a.root == b.root || a.from >= b.to || b.from >= a.to) continue;
        if (a.dies < b.born || b.dies < a.born) continue;
        if (is_inside(p, a.root, b.root) || is_inside(p, b.root, a.root)) continue;
        // In place: the older one is read for the last time where the younger is made.
        const bool first = std::pair(a.born, a.root) < std::pair(b.born, b.root);
        const Life &old = first ? a : b, &young = first ? b : a;
        ASSERT_TRUE(old.dies == young.born && old.from == young.from && old.to == young.to)
            << old.root << " " << p.graph.step_of(old.root).op->name << " in units " << old.born
            << " to " << old.dies << " at " << old.from << " and " << young.root << " "
            << p.graph.step_of(young.root).op->name << " from unit " << young.born << " at "
            << young.from;
        EXPECT_TRUE(p.graph.step_of(young.root).op->pointwise);
        // There it is read element by element, and not after that.
        const std::vector<size_t>& steps = p.units[young.born - 1].steps;
        const auto place = [&](size_t step) {
          return std::ranges::find(steps, step) - steps.begin();
        };
        for (size_t reader : p.survey.readers[old.root]) {
          if (std::ranges::count(steps, reader) == 0) continue;
          EXPECT_LE(place(reader), place(p.graph.value(young.root).step));
          for (ValueId id : p.graph.inputs(p.graph.step(reader)))
            EXPECT_TRUE(p.survey.homes[id].root != old.root || p.survey.is_whole(id));
        }
      }
  }
}

TEST(Place, scratch_is_read_in_its_unit_only) {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Placed p = random_placed(seed);
    for (const Unit& u : p.units)
      for (size_t i : u.steps) {
        const ValueId root = p.graph.step(i).first_out;
        if (!p.placement.in_scratch[root]) continue;
        EXPECT_GT(u.steps.size(), 1u);
        EXPECT_FALSE(p.survey.is_result[root]);
        for (size_t reader : p.survey.readers[root])
          EXPECT_TRUE(std::ranges::count(u.steps, reader) > 0);
      }
  }
}

TEST(Place, every_value_is_aligned_and_inside_the_arena_that_is_no_larger_than_all_together) {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Placed p = random_placed(seed);
    int64_t all = 0;
    for (ValueId id : p.graph.input_ids()) all += rounded(byte_count(p.graph.value(id).type));
    for (size_t i : p.survey.computed)
      all += rounded(byte_count(p.graph.value(p.graph.step(i).first_out).type));
    for (ValueId id : p.copied) all += rounded(byte_count(p.graph.value(id).type));
    EXPECT_LE(p.placement.arena_bytes, all);
    for (const Life& l : lives_of(p)) {
      EXPECT_GE(l.from, 0);
      EXPECT_LE(l.to, p.placement.arena_bytes);
      EXPECT_TRUE(p.survey.parts.contains(l.root) || l.from % 64 == 0) << l.root;
    }
    for (const Storage& s : p.placement.storages) {
      EXPECT_EQ(s.offset % 64, 0);
      EXPECT_LE(s.offset + s.bytes, p.placement.arena_bytes);
    }
  }
}

// The most bytes alive at once if the units run in this order; parts count with their whole.
int64_t peak_of(const Graph& g, const Survey& survey, const std::vector<Unit>& units) {
  std::vector<size_t> when(g.step_count());
  for (size_t u = 0; u < units.size(); ++u)
    for (size_t i : units[u].steps) when[i] = u;
  std::vector<int64_t> live(units.size());
  for (size_t u = 0; u < units.size(); ++u)
    for (size_t i : units[u].steps) {
      const ValueId root = g.step(i).first_out;
      size_t last = u;
      for (size_t reader : survey.readers[root]) last = std::max(last, when[reader]);
      if (survey.is_result[root]) last = units.size() - 1;
      for (size_t k = u; k <= last; ++k) live[k] += byte_count(g.value(root).type);
    }
  return live.empty() ? 0 : *std::ranges::max_element(live);
}

TEST(Schedule, never_raises_the_peak) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Graph g = record(
        [&](Args a) {
          RandomState random(seed);
          std::vector<Tensor> pool(a.begin(), a.end());
          for (int i = 0; i < 15; ++i) {
            const auto any = [&] {
              return pool[static_cast<size_t>(random.randint(0, std::ssize(pool)))];
            };
            const Tensor x = any(), y = any();
            pool.push_back(random.randint(0, 2) == 0 ? cumsum(x + y, 1)
                                                     : x - max(y, {.axis = 0, .keepdims = true}));
          }
          return std::vector<Tensor>{pool.back(), pool[pool.size() - 4]};
        },
        arguments({f32({7, 5}), f32({7, 5})}));
    const Survey survey(g);
    std::vector<Unit> recorded;
    for (size_t i : survey.computed) recorded.push_back({.steps = {i}});
    EXPECT_LE(peak_of(g, survey, schedule(survey, recorded)), peak_of(g, survey, recorded));
  }
}

TEST(Schedule, reduces_what_is_wide_before_it_makes_the_next) {
  const Graph g = record(
      [](Args a) {
        std::vector<Tensor> wide;
        for (int i = 0; i < 6; ++i) wide.push_back(cumsum(a[0] * double(i + 2), 1));
        Tensor total = sum(wide[0]);
        for (size_t i = 1; i < wide.size(); ++i) total = total + sum(wide[i]);
        return std::vector<Tensor>{total};
      },
      arguments({f32({32, 32})}));
  const Survey survey(g);
  std::vector<Unit> recorded;
  for (size_t i : survey.computed) recorded.push_back({.steps = {i}});
  EXPECT_GE(peak_of(g, survey, recorded), 6 * 4096);
  EXPECT_LE(peak_of(g, survey, schedule(survey, recorded)), 2 * 4096 + 6 * 4);
}

TEST(Schedule, keeps_the_order_where_nothing_is_won) {
  const Graph g = record(
      [](Args a) {
        const Tensor x = exp(a[0]), y = sin(a[0]), z = cos(a[0]);
        return std::vector<Tensor>{x, y, z};
      },
      arguments({f32({8})}));
  const Survey survey(g);
  Names names;
  for (const Unit& u : schedule(survey, fuse(survey))) names.push_back(name_of_unit(g, u));
  EXPECT_EQ(names, (Names{"exp", "sin", "cos"}));
}

}  // namespace
}  // namespace gradus
