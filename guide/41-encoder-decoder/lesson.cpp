// Compress, then generate: what a code of one number keeps, what learned codes keep, what looking
// back changes, how a decoder is trained, and how it searches.
#include <gradus/base/html.h>
#include <gradus/base/text.h>
#include <gradus/lessons/numeric.h>
#include <gradus/lessons/page.h>
#include <gradus/nn/losses.h>
#include <gradus/train/sequences.h>
#include <gradus/train/step.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {
using namespace gradus;
using namespace gradus::lessons;

using Vector = std::vector<double>;
using Tokens = std::vector<int>;

// ---------------------------------------------------------------------------- exercises

using Edges = std::vector<std::pair<std::string, std::string>>;
using Draw = Edges(bool);

// [solution draw-encoder-decoder]
// [include <string>]
// [include <utility>]
// Draws an arrow as a pair of boxes, from where to where. The boxes are
//   source, target (what was written so far), encoder, decoder, attention, output
// Without attention the decoder learns of the source in one way alone. With it, attention stands
// between the decoder and the output, and the decoder still gives its own state to the output.
std::vector<std::pair<std::string, std::string>> draw(bool attends) {
  std::vector<std::pair<std::string, std::string>> arrows;
  // [hole (void)attends;]
  arrows = {
      {"source", "encoder"}, {"encoder", "decoder"}, {"target", "decoder"}, {"decoder", "output"}};
  if (attends) {
    arrows.push_back({"encoder", "attention"});
    arrows.push_back({"decoder", "attention"});
    arrows.push_back({"attention", "output"});
  }
  // [end hole]
  return arrows;
}
// [end]

using Edge = std::pair<std::string, std::string>;
Edges without(Edges all, const Edge& one) {
  std::erase(all, one);
  return all;
}
Edges with(Edges all, const Edge& one) {
  all.push_back(one);
  return all;
}
std::string drawn(const std::set<Edge>& arrows) {
  std::vector<std::string> words;
  for (const auto& [from, to] : arrows) words.push_back(from + " -> " + to);
  return words.empty() ? "no arrow" : text::join(words, ", ");
}

// What an arrow says that is there and should not be, or should be and is not.
struct Reading {
  Edge edge;
  bool missing;
  const char *misconception, *says;
};
constexpr auto reads_source = "the decoder reads the source";
const Reading readings[] = {
    {{"source", "decoder"},
     false,
     reads_source,
     "The decoder never sees the source. What it knows of it has gone through the encoder."},
    {{"source", "attention"},
     false,
     "attention to the source itself",
     "What attention looks at are the states of the encoder, not the bare tokens."},
    {{"encoder", "output"},
     false,
     "the encoder writes",
     "The encoder says nothing. It reads, and hands over what it made."},
    {{"encoder", "attention"},
     false,
     "attention where there is none",
     "Draw attention only where the argument says so."},
    {{"encoder", "decoder"},
     true,
     "no code",
     "Something must cross from the encoder to the decoder: its last state."},
    {{"target", "decoder"},
     true,
     "the decoder forgets what it wrote",
     "To say the next token, the decoder must know those that it has said."},
    {{"decoder", "attention"},
     true,
     "attention without a question",
     "Somebody must ask: the query of attention is the state of the decoder."},
    {{"attention", "output"},
     true,
     "attention without effect",
     "What attention found has to go somewhere."},
    {{"source", "encoder"}, true, "an encoder that reads nothing", "What does the encoder read?"},
    {{"decoder", "output"},
     true,
     "a decoder that says nothing",
     "Where does the output come from?"},
};

Verdict judged(Draw* f) {
  for (const bool attends : {false, true}) {
    const Edges wanted_list = draw(attends), got_list = f(attends);
    const std::set<Edge> wanted(wanted_list.begin(), wanted_list.end()),
        got(got_list.begin(), got_list.end());
    if (wanted == got) continue;
    Verdict v{.where = attends ? "with attention" : "without attention",
              .yours = drawn(got),
              .expected = std::to_string(wanted.size()) + " arrows"};
    bool turned = false;
    for (const auto& [from, to] : wanted) turned |= got.count({to, from}) > 0;
    if (turned) {
      v.misconception = "arrows turned round";
      v.says = "An arrow goes the way the numbers go: from what is computed first.";
      return v;
    }
    for (const Reading& r : readings) {
      const bool there = got.count(r.edge) > 0, should = wanted.count(r.edge) > 0;
      if (there == should || there == r.missing) continue;
      v.misconception = r.misconception;
      v.says = r.says;
      return v;
    }
    return v;
  }
  return Verdict::passed();
}

using Forced = Tokens(const Tokens&, int, int);

// [solution teacher-forced]
// What the decoder reads in training, and behind it what it should say: as many tokens each, one
// more than the target has.
std::vector<int> teacher_forced(const std::vector<int>& target, int start, int end) {
  std::vector<int> both;
  // [hole (void)target; (void)start; (void)end;]
  both.push_back(start);
  for (const int token : target) both.push_back(token);
  for (const int token : target) both.push_back(token);
  both.push_back(end);
  // [end hole]
  return both;
}
// [end]

Tokens joined(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
Tokens before(int first, Tokens rest) {
  rest.insert(rest.begin(), first);
  return rest;
}
Tokens behind(Tokens rest, int last) {
  rest.push_back(last);
  return rest;
}

using Best = Tokens(const Vector&, const std::vector<Vector>&, int);

// [solution best-continuations]
// [include <algorithm>]
// so_far[p]: the logarithm of the probability of prefix p. log_p[p][t]: that of token t after it.
// Every prefix has `tokens` continuations; continuation t of prefix p is number p * tokens + t.
// Returns the `beam` likeliest of all, the likeliest first.
std::vector<int> best_continuations(const std::vector<double>& so_far,
                                    const std::vector<std::vector<double>>& log_p, int beam) {
  std::vector<int> best;
  // [hole (void)so_far; (void)log_p; (void)beam;]
  const int tokens = static_cast<int>(log_p[0].size());
  std::vector<double> total;
  for (size_t p = 0; p < so_far.size(); ++p)
    for (const double of_token : log_p[p]) total.push_back(so_far[p] + of_token);
  for (int c = 0; c < tokens * static_cast<int>(so_far.size()); ++c) best.push_back(c);
  std::stable_sort(best.begin(), best.end(), [&](int a, int b) {
    return total[static_cast<size_t>(a)] > total[static_cast<size_t>(b)];
  });
  best.resize(static_cast<size_t>(beam));
  // [end hole]
  return best;
}
// [end]

// The `beam` continuations whose `worth(p, t)` is largest.
template <class Worth>
Tokens largest(const std::vector<Vector>& log_p, int beam, const Worth& worth) {
  const size_t n = log_p[0].size();
  std::vector<std::pair<double, int>> all;
  for (size_t p = 0; p < log_p.size(); ++p)
    for (size_t t = 0; t < n; ++t) all.emplace_back(-worth(p, t), static_cast<int>(p * n + t));
  std::ranges::stable_sort(all);
  Tokens best;
  for (size_t i = 0; i < static_cast<size_t>(beam); ++i) best.push_back(all[i].second);
  return best;
}

void exercises(Page& page) {
  page.exercise(Predict{
      .name = "digits-in-a-code",
      .answer = 7,
      .tolerance = 1e-3,
      .wrong = {
          {24, "bits taken for digits",
           "A decimal digit takes more than a bit: the logarithm of 10 to the base 2."},
          {8, "rounded up", "24 bits are not quite enough for that many. Round down."},
          {3, "bytes instead of digits",
           "A digit takes about 3.3 bits, not 8: there are only ten of them."},
          {6, "four bits a digit", "Four bits tell 16 things apart. Ten need 3.32 on average."},
          {80, "multiplied", "Each digit uses bits up: divide."},
          {7.2247, "not rounded", "Right quotient. But the question is how many whole digits fit."},
          {2.4, "divided by ten", "Divide by the logarithm of 10 to the base 2."}}});
  page.exercise(Choose{
      .name = "what-crosses",
      .answer = "last-state",
      .choices = {
          {"last-state", "the numbers of the encoder's last state, and nothing else", "", ""},
          {"all-states", "the encoder's states at all tokens", "attention where there is none",
           "That is what attention adds. Without it only one state is handed over."},
          {"embedding", "the embeddings of the source", "the decoder reads the source",
           "The decoder never sees the source, in whatever form."},
          {"tokens", "the tokens of the source, one at each step", "one step for one token",
           "Source and target may differ in length and order, and they do not meet."},
          {"weights", "the weights of the encoder", "what was learned taken for what was read",
           "Weights are the same for every source. What differs is the state."},
          {"length", "the code, and how long the source was", "a length beside the code",
           "If the length matters, it has to be in the code."},
          {"more", "a code that grows with the source", "a code that grows",
           "The state has as many numbers after ten tokens as after one. That is the trouble."}}});
  static const Tokens targets[] = {{4, 1, 3}, {7}, {5, 5, 9, 2}};
  page.exercise(fill(Numeric<Forced>{
      .name = "teacher-forced",
      .solution = teacher_forced,
      .cases = 3,
      .call =
          [](Forced* f, int i) {
            const Tokens both = f(targets[i], 1, 2);
            return Vector(both.begin(), both.end());
          },
      .where =
          [](int i) {
            return "target " + listed(Vector(targets[i].begin(), targets[i].end())) +
                   ", start 1, end 2";
          },
      .mistakes =
          {{"reads the answer",
            "At every place it reads what it should say. Shift what it reads by one.",
            [](const Tokens& t, int, int end) { return joined(behind(t, end), behind(t, end)); }},
           {"end forgotten", "Without an end to say, it never learns to stop.",
            [](const Tokens& t, int start, int) {
              Tokens read = before(start, t);
              read.pop_back();
              return joined(read, t);
            }},
           {"start forgotten", "It must say the first token before it has read any: read a start.",
            [](const Tokens& t, int, int end) {
              Tokens says = behind(t, end);
              says.erase(says.begin());
              return joined(t, says);
            }},
           {"start said", "The start is given. It is not among what the decoder says.",
            [](const Tokens& t, int start, int) {
              return joined(before(start, t), before(start, t));
            }},
           {"reads the end", "After the end nothing is said, so nobody has to read it.",
            [](const Tokens& t, int start, int end) {
              return joined(behind(before(start, t), end), behind(behind(t, end), end));
            }},
           {"end at the start", "Start and end are two tokens. You let it begin with the end.",
            [](const Tokens& t, int, int end) { return joined(before(end, t), behind(t, end)); }},
           {"said first, read second",
            "The order asked for: what it reads, then what it should say.",
            [](const Tokens& t, int start, int end) {
              return joined(behind(t, end), before(start, t));
            }}}}));
  struct Beam {
    Vector so_far;
    std::vector<Vector> log_p;
    int beam;
  };
  static const Beam beams[] = {
      {{-0.1, -1.0}, {{-1.3, -6.0, -0.9}, {-0.1, -3.0, -4.0}}, 2},
      {{-0.2, -2.5, -3.0}, {{-1.5, -1.6, -1.7}, {-0.05, -0.3, -5}, {-0.01, -6, -7}}, 3}};
  page.exercise(fill(Numeric<Best>{
      .name = "best-continuations",
      .solution = best_continuations,
      .cases = 2,
      .call =
          [](Best* f, int i) {
            const Tokens best = f(beams[i].so_far, beams[i].log_p, beams[i].beam);
            return Vector(best.begin(), best.end());
          },
      .where =
          [](int i) {
            return "a beam of " + std::to_string(beams[i].beam) + ", prefixes at " +
                   listed(beams[i].so_far) + ", after the first " + listed(beams[i].log_p[0]);
          },
      .mistakes = {{"prefix forgotten",
                    "A continuation is as likely as its prefix times its token: add logs.",
                    [](const Vector&, const std::vector<Vector>& p, int beam) {
                      return largest(p, beam, [&](size_t i, size_t t) { return p[i][t]; });
                    }},
                   {"logarithms multiplied", "Probabilities multiply, so their logarithms add.",
                    [](const Vector& s, const std::vector<Vector>& p, int beam) {
                      return largest(p, beam, [&](size_t i, size_t t) { return s[i] * p[i][t]; });
                    }},
                   {"best of each prefix",
                    "You kept one continuation of each prefix. The best of all may come from one.",
                    [](const Vector& s, const std::vector<Vector>& p, int beam) {
                      return largest(p, beam, [&](size_t i, size_t t) {
                        const bool own_best = p[i][t] == std::ranges::max(p[i]);
                        return s[i] + p[i][t] - (own_best ? 0 : 1000);
                      });
                    }},
                   {"best prefix alone",
                    "You went on with the likeliest prefix only. That is no beam.",
                    [](const Vector& s, const std::vector<Vector>& p, int beam) {
                      return largest(p, beam, [&](size_t i, size_t t) {
                        return s[i] + p[i][t] - (s[i] == std::ranges::max(s) ? 0 : 1000);
                      });
                    }},
                   {"unlikeliest first",
                    "Logarithms of probabilities are below 0: the likeliest is largest.",
                    [](const Vector& s, const std::vector<Vector>& p, int beam) {
                      return largest(p, beam,
                                     [&](size_t i, size_t t) { return -(s[i] + p[i][t]); });
                    }},
                   {"the single best", "A beam keeps several. You kept the best alone.",
                    [](const Vector& s, const std::vector<Vector>& p, int) {
                      return largest(p, 1, [&](size_t i, size_t t) { return s[i] + p[i][t]; });
                    }},
                   {"numbered by token", "Continuation t of prefix p is number p * tokens + t.",
                    [](const Vector& s, const std::vector<Vector>& p, int beam) {
                      Tokens best =
                          largest(p, beam, [&](size_t i, size_t t) { return s[i] + p[i][t]; });
                      const int n = static_cast<int>(p[0].size()),
                                rows = static_cast<int>(p.size());
                      for (int& c : best) c = c % n * rows + c / n;
                      return best;
                    }}}}));
  page.exercise(Fill<Draw>{
      .name = "draw-encoder-decoder",
      .solution = draw,
      .check = judged,
      .wrong = {
          {reads_source,
           [](bool attends) {
             return with(without(draw(attends), {"encoder", "decoder"}), {"source", "decoder"});
           }},
          {"attention to the source itself",
           [](bool attends) {
             return attends ? with(without(draw(true), {"encoder", "attention"}),
                                   {"source", "attention"})
                            : draw(false);
           }},
          {"the encoder writes",
           [](bool attends) {
             return with(draw(attends), {"encoder", "output"});
           }},
          {"attention where there is none", [](bool) { return draw(true); }},
          {"no code",
           [](bool attends) {
             return without(draw(attends), {"encoder", "decoder"});
           }},
          {"the decoder forgets what it wrote",
           [](bool attends) {
             return without(draw(attends), {"target", "decoder"});
           }},
          {"attention without a question",
           [](bool attends) {
             return without(draw(attends), {"decoder", "attention"});
           }},
          {"attention without effect",
           [](bool attends) {
             return without(draw(attends), {"attention", "output"});
           }},
          {"arrows turned round", [](bool attends) {
             Edges turned;
             for (const auto& [from, to] : draw(attends)) turned.push_back({to, from});
             return turned;
           }}}});
}

// ---------------------------------------------------------------------------- a code of one number

// [code]
// Reads digits one by one into a single number, stored in this format.
Tensor encoded(const Tensor& digits, DType stored) {  // (texts, length)
  Tensor h = full({digits.shape()[0]}, 0.5, stored);
  for (int64_t t = 0; t < digits.shape()[1]; ++t) {
    const Tensor digit = slice_axis(digits, 1, {t, t + 1});
    h = cast((cast(h, DType::f64) + squeeze(digit, 1)) / 10.0, stored);
  }
  return h;
}
// Writes them out again: the last one first.
Tensor decoded(const Tensor& code, int64_t length) {
  Tensor h = cast(code, DType::f64);
  std::vector<Tensor> digits;
  for (int64_t t = 0; t < length; ++t) {
    digits.push_back(floor(10 * h));
    h = 10 * h - digits.back();
  }
  return stack(digits, 1);
}
// [end]

// [back]
// Looks at two states, after a digit and before it: the last digit
// first, whatever stands further back.
Tensor looked_up(const Tensor& digits, DType stored) {
  Tensor before = full({digits.shape()[0]}, 0.5);
  std::vector<Tensor> back;
  for (int64_t t = 1; t <= digits.shape()[1]; ++t) {
    const Tensor read = slice_axis(digits, 1, {0, t});
    const Tensor after = cast(encoded(read, stored), DType::f64);
    back.insert(back.begin(), floor(10 * after - before + 0.5));
    before = after;
  }
  return stack(back, 1);
}
// [end]

Tensor random_digits(int64_t texts, int64_t length) {
  const Key key = split(key_from_seed(5), static_cast<uint64_t>(length));
  std::vector<int64_t> d(static_cast<size_t>(texts * length));
  fill_integers(key, 0, 10, d);
  return cast(from_vector(d, {texts, length}), DType::f64);
}

// The share of random texts of this length that come back right.
double share_right(int64_t length, DType stored, bool looks_back = false) {
  const Tensor digits = random_digits(400, length);
  const Tensor back =
      looks_back ? looked_up(digits, stored) : decoded(encoded(digits, stored), length);
  return number(mean(cast(all(equal(back, flip(digits, {1})), {.axis = 1}), DType::f64)));
}

// ---------------------------------------------------------------------------- a learned code

std::pair<std::string, std::string> bits_reversed(Key key) {
  int64_t length = 0, bits[8] = {};
  fill_integers(split(key, 0), 0, 8, {&length, 1});
  fill_integers(split(key, 1), 0, 2, bits);
  std::string text;
  for (int64_t i = 0; i <= length; ++i) text += static_cast<char>('0' + bits[i]);
  return {text, {text.rbegin(), text.rend()}};
}
constexpr SequenceTask task{"reverse", "01", 8, 8, bits_reversed};

// [model]
RecurrentPairs make_pairs(int64_t code, bool attends, uint64_t seed) {
  const Key key = key_from_seed(seed);
  const int64_t tokens = vocabulary_of(task);
  const RecurrentOptions exact{.dtype = DType::f64};
  const auto read = [&](uint64_t n) {
    const Key own = split(key, n);
    return make_recurrent(RecurrentKind::gru, own, code, code, exact);
  };
  const auto linear = [&](uint64_t n, int64_t in, int64_t out) {
    return make_linear(split(key, n), in, out, {.dtype = DType::f64});
  };
  RecurrentPairs m;
  m.embedding = make_embedding(split(key, 0), tokens, code, {}, DType::f64);
  m.encoder = read(1);
  m.decoder = read(2);
  m.head = linear(3, code, tokens);
  m.source = task.source_length;
  m.attends = attends;
  if (attends) m.join = linear(4, 2 * code, code);
  return with_paths(m);
}
// [end]

// After training: the share of sequences that are right from end to end, by length.
Vector trained_shares(int64_t code, bool attends, int steps, uint64_t seed) {
  const RecurrentPairs net = make_pairs(code, attends, seed);
  constexpr int64_t batch = 32;
  const SequencePairs pairs(task, 4096, key_from_seed(1)), fresh(task, 600, key_from_seed(2));
  StepOptions<RecurrentPairs> options;
  options.optimiser.lr = 0.01;
  options.clip_norm = 1;
  const RecordedStep step = record_step<RecurrentPairs>(
      net,
      [](const RecurrentPairs& m, const Tensor& x, const Tensor& y, Pass& pass) {
        return cross_entropy(m(x, pass), y, Reduction::mean, {.ignore_index = no_token});
      },
      pairs.x(batch), pairs.target(batch), options);
  Plan plan = plan_of(step);
  for (int i = 0; i < steps; ++i) {
    std::vector<int64_t> rows(batch);
    for (size_t r = 0; r < rows.size(); ++r)
      rows[r] = (i * batch + static_cast<int64_t>(r)) % pairs.count();
    const Rows some = tensors_of(pairs, rows);
    plan.set(step.x(), some.x);
    plan.set(step.target(), some.target);
    plan.run();
  }
  const RecurrentPairs end = with_parameters(net, unflatten(plan.input_tensor(0), parameters(net)));
  std::vector<int64_t> rows(static_cast<size_t>(fresh.count()));
  for (size_t r = 0; r < rows.size(); ++r) rows[r] = static_cast<int64_t>(r);
  const Rows asked = tensors_of(fresh, rows);
  Pass pass;
  const Tensor said = argmax(end(asked.x, pass), -1);
  const Vector hits = numbers(
      cast(all(logical_or(equal(said, asked.target), equal(asked.target, no_token)), {.axis = 1}),
           DType::f64));
  Vector right(9), count(9);
  for (size_t r = 0; r < hits.size(); ++r) {
    const size_t length = fresh.pair(static_cast<int64_t>(r)).first.size();
    right[length] += hits[r];
    count[length] += 1;
  }
  for (size_t n = 1; n < right.size(); ++n) right[n] /= count[n];
  return {right.begin() + 1, right.end()};
}

// ---------------------------------------------------------------------------- the picture

// The parts of a model and what goes from one to the next, read off a recording of its forward
// pass.
struct Parts {
  struct Arrow {
    std::string from, to;
    Type carries;
  };
  std::vector<std::string> upper, lower;  // what depends on the source alone; the rest, in order
  std::vector<Arrow> arrows;
};
Parts parts_of(const RecurrentPairs& made) {
  Tape tape("parts_of", true);
  std::vector<Tensor> places;
  for (const Tensor& p : parameters(made)) places.push_back(tape.tensor(tape.input(p.type())));
  const RecurrentPairs model = with_parameters(made, places);
  const SequencePairs pairs(task, 4, key_from_seed(1));
  const ValueId x = tape.input(pairs.x(4));
  Pass pass;
  model(tape.tensor(x), pass);
  Parts parts;
  // Of every value the boxes it comes from directly.
  std::vector<std::set<std::string>> from(tape.value_count());
  for (size_t i = 0; i < tape.step_count(); ++i) {
    const Step& step = tape.step(i);
    const bool embeds = tape.scope(step.first_out) == "embedding";
    std::set<std::string> sources;
    for (const ValueId in : tape.inputs(step)) sources.merge(std::set(from[in]));
    std::string box = tape.scope(step.first_out);
    if (box.empty() && step.op->name == std::string_view("attention")) box = "attention";
    const bool reads_x = std::ranges::count(tape.inputs(step), x) > 0;
    if (reads_x)  // the two halves of a row of tokens
      sources = {tape.value(step.first_out).type.shape[1] == task.source_length ? "source"
                                                                                : "target"};
    if (embeds) box = sources.count("target") > 0 ? "embedding " : "embedding";
    // Tokens go into an embedding; elsewhere they only tell where a text ends.
    if (!embeds && tape.value(step.first_out).type.dtype != DType::i64)
      for (const char* tokens : {"source", "target"}) sources.erase(tokens);
    if (!box.empty() && !sources.empty()) {
      for (const ValueId in : tape.inputs(step))
        for (const std::string& source : from[in]) {
          const auto known = [&](const Parts::Arrow& a) { return a.from == source && a.to == box; };
          const Type& carries = tape.value(in).type;
          const bool counts = is_float(carries.dtype) || box.starts_with("embedding");
          if (counts && source != box && std::ranges::none_of(parts.arrows, known))
            parts.arrows.push_back({source, box, carries});
        }
      sources = {box};
    }
    for (uint16_t o = 0; o < step.outputs; ++o) from[step.first_out + o] = sources;
  }
  // What a decoder's part is: it can be reached from the target.
  std::set<std::string> of_target{"target"};
  for (size_t round = 0; round < parts.arrows.size(); ++round)
    for (const Parts::Arrow& a : parts.arrows)
      if (of_target.count(a.from) > 0) of_target.insert(a.to);
  const auto add = [&](const std::string& box) {
    auto& line = of_target.count(box) > 0 ? parts.lower : parts.upper;
    if (std::ranges::count(line, box) == 0) line.push_back(box);
  };
  add("source");
  add("target");
  for (const Parts::Arrow& a : parts.arrows) add(a.to);
  return parts;
}

std::string shape_of(const Type& type) {
  std::string words;
  for (const int64_t n : type.shape) words += (words.empty() ? "" : " × ") + std::to_string(n);
  return words;
}

Drawing diagram(const RecurrentPairs& model, std::string alt) {
  const Parts parts = parts_of(model);
  const auto find = [&](const std::string& from, const std::string& to) {
    return std::ranges::find_if(
        parts.arrows, [&](const Parts::Arrow& a) { return a.from == from && a.to == to; });
  };
  const auto name = [](const std::string& box) { return box.substr(0, box.find(' ')); };
  std::string terminal, marks;
  const auto write = [&](size_t x, size_t y, const std::string& words, const char* colour) {
    marks += "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) +
             "\" style=\"text-anchor:middle;font-size:12px;fill:" + colour + "\">" +
             escape_html(words) + "</text>";
  };
  const auto place = [&](const std::string& box) {
    const auto up = std::ranges::find(parts.upper, box);
    const bool upper = up != parts.upper.end();
    const auto column = upper ? up - parts.upper.begin()
                              : std::ranges::find(parts.lower, box) - parts.lower.begin();
    return std::pair<size_t, size_t>{50 + 90 * static_cast<size_t>(column), upper ? 24 : 104};
  };
  for (const auto* line : {&parts.upper, &parts.lower}) {
    for (size_t i = 0; i < line->size(); ++i) {
      const std::string& box = (*line)[i];
      if (i > 0) terminal += find((*line)[i - 1], box) != parts.arrows.end() ? " ──▶ " : "     ";
      terminal += name(box);
      const auto [x, y] = place(box);
      marks += "<rect x=\"" + std::to_string(x - 40) + "\" y=\"" + std::to_string(y - 14) +
               "\" width=\"80\" height=\"24\" rx=\"6\" fill=\"none\" stroke=\"var(--line)\"/>";
      write(x, y + 3, name(box), "var(--ink)");
    }
    terminal += "\n";
    if (line != &parts.upper) continue;
    for (const Parts::Arrow& a : parts.arrows)
      if (std::ranges::count(parts.upper, a.from) > 0 && std::ranges::count(parts.lower, a.to) > 0)
        terminal +=
            "    " + name(a.from) + " ──▶ " + name(a.to) + ": " + shape_of(a.carries) + "\n";
  }
  for (size_t i = 0; i < parts.arrows.size(); ++i) {
    const Parts::Arrow& a = parts.arrows[i];
    const auto [x, y] = place(a.from);
    const auto [to_x, to_y] = place(a.to);
    const bool crosses = y != to_y, next = !crosses && to_x == x + 90;
    if (!crosses && !next) terminal += "    " + name(a.from) + " ──▶ " + name(a.to) + " as well\n";
    const auto point = [](size_t px, size_t py) {
      return std::to_string(px) + " " + std::to_string(py);
    };
    marks += "<path d=\"";
    if (crosses)
      marks += "M" + point(x, y + 10) + "L" + point(to_x, to_y - 14);
    else if (next)
      marks += "M" + point(x + 40, y - 2) + "L" + point(to_x - 40, y - 2);
    else
      marks +=
          "M" + point(x, y + 10) + "Q" + point((x + to_x) / 2, y + 44) + " " + point(to_x, y + 10);
    marks += std::string("\" fill=\"none\" stroke=\"") +
             (crosses ? "var(--accent)" : "var(--muted)") + "\"/>";
    if (crosses)
      write(x == to_x ? x - 34 : (x + to_x) / 2 + 34, (y + to_y) / 2, shape_of(a.carries),
            "var(--accent)");
  }
  const size_t columns = std::max(parts.upper.size(), parts.lower.size());
  std::string svg = "<svg viewBox=\"0 0 " + std::to_string(10 + 90 * columns) +
                    " 150\" role=\"img\" aria-label=\"" + escape_html(alt) + "\">" + marks +
                    "</svg>";
  return {.terminal = terminal, .svg = svg, .alt = std::move(alt)};
}
}  // namespace

LESSON(page) {
  // The picture, from a recording of the model.
  const RecurrentPairs fixed = make_pairs(8, false, 0), looking = make_pairs(8, true, 0);
  page.picture("fixed", diagram(fixed,
                                "An encoder reads the source; its last state alone goes to the "
                                "decoder, which reads what was written and says the next token."));
  page.picture("looking", diagram(looking,
                                  "The same with attention: all states of the encoder go to "
                                  "attention as well, and what it finds joins the decoder's "
                                  "state."));
  page.bind("code_width", 8);
  page.bind("batch", 4);
  page.bind("source_places", task.source_length);

  // A code of one number.
  const auto first = static_cast<int64_t>(std::clamp(page.set("digit1", 3.0), 0.0, 9.0)),
             second = static_cast<int64_t>(std::clamp(page.set("digit2", 1.0), 0.0, 9.0)),
             third = static_cast<int64_t>(std::clamp(page.set("digit3", 4.0), 0.0, 9.0));
  const int64_t three[] = {first, second, third};
  Table by_hand = {{"", "number", "step", "result"}};
  double h = 0.5;
  for (const int64_t digit : three) {
    const double next = (h + static_cast<double>(digit)) / 10;
    by_hand.push_back({"read " + std::to_string(digit), shown(h, 6),
                       "(" + shown(h, 6) + " + " + std::to_string(digit) + ") / 10",
                       shown(next, 6)});
    h = next;
  }
  page.bind("code", h, 6);
  for (int i = 0; i < 3; ++i) {
    const double digit = std::floor(10 * h + 1e-9);
    by_hand.push_back(
        {"write " + shown(digit), shown(h, 6), "10 × " + shown(h, 6),
         shown(10 * h, 6) + ": " + shown(digit) + ", rest " + shown(10 * h - digit, 6)});
    h = 10 * h - digit;
  }
  page.table("by_hand", by_hand);
  page.bind("digits3",
            std::to_string(first) + ", " + std::to_string(second) + ", " + std::to_string(third));
  const double bits_of_digit = std::log2(10.0);
  page.bind("bits_of_digit", bits_of_digit, 3);
  const struct {
    const char* name;
    DType type;
    int bits;
  } formats[] = {{"f16", DType::f16, 11}, {"f32", DType::f32, 24}, {"f64", DType::f64, 53}};
  Table capacity = {{"stored as", "bits", "digits they can hold", "longest text always right"}};
  std::vector<Line> lines;
  const char* colours[] = {"var(--muted)", "var(--accent)", "var(--ink)"};
  for (size_t f = 0; f < 3; ++f) {
    Line line{.label = formats[f].name, .x = {}, .y = {}, .colour = colours[f]};
    int64_t longest = 0;
    for (int64_t length = 1; length <= 18; ++length) {
      const double right = share_right(length, formats[f].type);
      line.x.push_back(static_cast<double>(length));
      line.y.push_back(right);
      if (right == 1 && longest == length - 1) longest = length;
    }
    lines.push_back(line);
    capacity.push_back({formats[f].name, std::to_string(formats[f].bits),
                        shown(formats[f].bits / bits_of_digit, 1), std::to_string(longest)});
  }
  page.table("capacity", capacity);
  page.picture("capacity", Plot{.id = "capacity",
                                .title = "Share of texts that come back right, by length",
                                .x_label = "digits",
                                .lines = lines,
                                .percent = true,
                                .from_zero = true});

  page.bind("back_length", 100);
  page.bind("back_right", text::fixed(100 * share_right(100, DType::f16, true), 0) + " %");
  page.bind("back_format", "f16");

  // Teacher forcing.
  const std::string target_text{static_cast<char>('0' + third), static_cast<char>('0' + second),
                                static_cast<char>('0' + first)};
  const double sure = std::clamp(page.set("sure", 0.99), 1e-6, 1.0);
  Table forced = {{"place", "reads", "should say"}};
  for (size_t i = 0; i <= target_text.size(); ++i)
    forced.push_back({std::to_string(i + 1), i == 0 ? "start" : std::string(1, target_text[i - 1]),
                      i == target_text.size() ? "end" : std::string(1, target_text[i])});
  page.table("forced", forced);
  page.bind("sure", sure);
  Table whole = {{"tokens", "all of them right"}};
  for (const int n : {4, 11, 51, 201})
    whole.push_back({std::to_string(n), shown(std::pow(sure, n), 3)});
  page.table("whole", whole);

  // A beam by hand: what follows depends on the last token alone.
  const double end_after_b = std::clamp(page.set("end_after_B", 0.9), 0.01, 0.98);
  // [beam]
  // Tokens: 0 is A, 1 is B, 2 is the end.
  const Vector after_start{0.6, 0.4, 0}, after_a{0.3, 0.3, 0.4};
  const double other = (1 - end_after_b) / 2;
  const Vector after_b{other, other, end_after_b};
  const auto log_probs = [&](std::span<const int64_t> prefix) {
    Vector p = after_start;
    if (!prefix.empty()) p = prefix.back() == 0 ? after_a : after_b;
    for (double& x : p) x = std::log(x);
    return p;
  };
  const auto greedy = beam_search(log_probs, 2, 1, 6)[0];
  const auto beam = beam_search(log_probs, 2, 2, 6);
  // [end]
  const auto word = [](const std::vector<int64_t>& tokens) {
    std::string w;
    for (const int64_t t : tokens) w += static_cast<char>('A' + t);
    return w.empty() ? std::string("nothing") : w;
  };
  Table table = {{"after", "A", "B", "end"}};
  const auto add = [&](const char* name, const Vector& p) {
    table.push_back({name, shown(p[0]), shown(p[1]), shown(p[2])});
  };
  add("start", after_start);
  add("A", after_a);
  add("B", after_b);
  page.table("table", table);
  Table candidates = {{"goes on from", "with", "probability", "logarithm"}};
  for (const int prefix : {0, 1})
    for (const int t : {0, 1, 2}) {
      const double p = after_start[static_cast<size_t>(prefix)] *
                       (prefix == 0 ? after_a : after_b)[static_cast<size_t>(t)];
      candidates.push_back({prefix == 0 ? "A" : "B",
                            t == 0   ? "A"
                            : t == 1 ? "B"
                                     : "end",
                            shown(p), shown(std::log(p), 3)});
    }
  page.table("candidates", candidates);
  page.bind("p_a", after_start[0]);
  page.bind("p_b", after_start[1]);
  page.bind("greedy", word(greedy.tokens));
  page.bind("greedy_p", std::exp(greedy.log_prob));
  page.bind("beam_best", word(beam[0].tokens));
  page.bind("beam_p", std::exp(beam[0].log_prob));
  page.bind("beam_second", word(beam[1].tokens));
  page.bind("second_p", std::exp(beam[1].log_prob));
  page.bind("found", beam[0].log_prob > greedy.log_prob
                         ? "The better text began with the less likely token."
                         : "Here greedy has found the same text: nothing was gained.");

  // Learned codes.
  const auto steps = static_cast<int>(std::clamp(page.set("steps", 300.0), 1.0, 5000.0));
  const auto seed = static_cast<uint64_t>(std::clamp(page.set("seed", 4.0), 0.0, 1e9));
  const struct {
    const char* name;
    int64_t code;
    bool attends;
    const char* colour;
  } models[] = {{"4", 4, false, "var(--muted)"},
                {"8", 8, false, "var(--ink)"},
                {"16", 16, false, "var(--r3)"},
                {"8, attends", 8, true, "var(--accent)"}};
  Table learned = {{"bits", "code of 4", "code of 8", "code of 16", "code of 8, attends"}};
  for (int n = 1; n <= 8; ++n) learned.push_back({std::to_string(n)});
  std::vector<Line> curves;
  Vector longest;  // the share right at the greatest length
  for (const auto& m : models) {
    const Vector right = trained_shares(m.code, m.attends, steps, seed);
    Line line{.label = m.name, .x = {}, .y = right, .colour = m.colour};
    for (size_t n = 0; n < right.size(); ++n) {
      line.x.push_back(static_cast<double>(n + 1));
      learned[n + 1].push_back(text::fixed(100 * right[n], 0) + " %");
    }
    curves.push_back(line);
    longest.push_back(right.back());
  }
  page.bind("best", longest[3] > std::max({longest[0], longest[1], longest[2]})
                        ? "beats all of them"
                        : "does not beat all of them after so many steps");
  page.table("learned", learned);
  page.picture("learned", Plot{.id = "learned",
                               .title = "Share of sequences reversed without a mistake, by length",
                               .x_label = "bits",
                               .lines = curves,
                               .percent = true,
                               .from_zero = true});
  page.bind("steps", steps);
  page.bind("most_bits", 8);
  page.bind("room", 8 * 53);
  page.bind("eight", 8);

  exercises(page);
}
