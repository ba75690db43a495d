#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/optim/schedule.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {
namespace {

using Numbers = std::vector<double>;

double wave(double from, double to, double share) {
  return to + (from - to) * (1 + std::cos(std::numbers::pi * share)) / 2;
}

// PyTorch's OneCycleLR counts its phases from step 0 to step n - 1.
double one_cycle(double s, double n, const Numbers& p) {
  const double top = std::max(p[0] * n - 1, 1e-9), start = 1 / p[1];
  if (s <= top) return wave(start, 1, s / top);
  return wave(1, start / p[2], std::min(1.0, (s - top) / std::max(n - 1 - top, 1e-9)));
}

// A piece: its numbers behind the length, their defaults, and its value.
struct Kind {
  std::string_view name, form;
  bool has_length;
  bool takes_rest;  // without a length it takes the rest of the run
  Numbers (*defaults)();
  double (*at)(double s, double n, const Numbers& p);
};

const Kind kinds[] = {
    {"constant", "constant or constant(n)", true, false, [] { return Numbers{}; },
     [](double, double, const Numbers&) { return 1.0; }},
    {"warmup", "warmup(n, from = 0)", true, false, [] { return Numbers{0}; },
     [](double s, double n, const Numbers& p) { return p[0] + (1 - p[0]) * s / n; }},
    {"linear", "linear(n, to = 0)", true, true, [] { return Numbers{0}; },
     [](double s, double n, const Numbers& p) { return 1 + (p[0] - 1) * s / n; }},
    {"cosine", "cosine(n, to = 0)", true, true, [] { return Numbers{0}; },
     [](double s, double n, const Numbers& p) { return wave(1, p[0], s / n); }},
    {"onecycle", "onecycle(n, peak = 0.3, div = 25, final = 1e4)", true, true,
     [] {
       return Numbers{0.3, 25, 1e4};
     },
     one_cycle},
    {"step", "step(every, gamma = 0.1)", false, false,
     [] {
       return Numbers{0, 0.1};
     },
     [](double s, double, const Numbers& p) { return std::pow(p[1], std::floor(s / p[0])); }},
    {"exponential", "exponential(gamma)", false, false, [] { return Numbers{0}; },
     [](double s, double, const Numbers& p) { return std::pow(p[0], s); }},
    {"plateau", "plateau(factor = 0.1, patience = 10, threshold = 1e-4)", false, false,
     [] {
       return Numbers{0.1, 10, 1e-4};
     },
     [](double, double, const Numbers&) { return 1.0; }},
};
constexpr int constant_kind = 0, one_cycle_kind = 4, step_kind = 5, exponential_kind = 6,
              plateau_kind = 7;

[[noreturn]] void refuse(std::string_view piece, const std::string& why) {
  raise(ErrorKind::usage, "schedule: '" + std::string(piece) + "': " + why);
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

std::vector<std::string_view> parts_of(std::string_view s, char separator) {
  std::vector<std::string_view> parts;
  int depth = 0;  // a plus sign inside brackets, 1e+4, belongs to its number
  size_t from = 0;
  for (size_t i = 0; i <= s.size(); ++i) {
    if (i < s.size() && s[i] == '(') ++depth;
    if (i < s.size() && s[i] == ')') --depth;
    if (i < s.size() && (s[i] != separator || depth != 0)) continue;
    parts.push_back(trimmed(s.substr(from, i - from)));
    from = i + 1;
  }
  return parts;
}

int kind_of(std::string_view name, std::string_view piece) {
  std::vector<std::string_view> names;
  for (const Kind& k : kinds) {
    if (k.name == name) return static_cast<int>(names.size());
    names.push_back(k.name);
  }
  const auto close = text::nearest(name, names);
  refuse(piece, "there is no such piece. There are " + text::join(names, ", ") + "." +
                    (close ? " Did you mean '" + std::string(*close) + "'?" : ""));
}

void check(std::string_view piece, int kind, const Numbers& p) {
  const auto within = [&](double x, bool ok, const char* rule) {
    if (!ok) refuse(piece, text::number(x) + " " + rule);
  };
  const auto share = [&](double x) { within(x, x >= 0 && x <= 1, "does not lie in 0 to 1"); };
  if (kind == one_cycle_kind) {
    within(p[0], p[0] > 0 && p[0] < 1, "does not lie between 0 and 1");
    within(p[1], p[1] >= 1, "is below 1");
    within(p[2], p[2] >= 1, "is below 1");
  } else if (kind == step_kind) {
    within(p[0], p[0] >= 1 && p[0] == std::floor(p[0]), "is no number of steps");
    share(p[1]);
  } else if (kind == plateau_kind) {
    within(p[0], p[0] > 0 && p[0] < 1, "does not lie between 0 and 1");
    within(p[1], p[1] >= 0 && p[1] == std::floor(p[1]), "is no number of observations");
    share(p[2]);
  } else if (!p.empty()) {
    share(p[0]);
  }
}

}  // namespace

double Schedule::factor(int64_t step, const PlateauState& seen) const {
  double level = seen.scale;
  for (const Piece& piece : pieces_) {
    const Kind& kind = kinds[piece.kind];
    const auto n = static_cast<double>(piece.steps);
    const bool inside = piece.steps == 0 || step < piece.steps;
    const bool last = &piece == &pieces_.back();
    level *= kind.at(static_cast<double>(inside || (last && piece.kind != one_cycle_kind)
                                             ? std::min(step, piece.steps == 0 ? step : piece.steps)
                                             : piece.steps),
                     n, piece.numbers);
    if (inside) break;
    step -= piece.steps;
  }
  return level;
}

PlateauState Schedule::observe(PlateauState seen, double loss) const {
  for (const Piece& piece : pieces_) {
    if (piece.kind != plateau_kind) continue;
    const bool better = seen.seen == 0 || loss < seen.best * (1 - piece.numbers[2]);
    ++seen.seen;
    if (better) {
      seen.best = loss;
      seen.without_progress = 0;
    } else if (static_cast<double>(++seen.without_progress) > piece.numbers[1]) {
      seen.scale *= piece.numbers[0];
      seen.without_progress = 0;
    }
  }
  return seen;
}

bool Schedule::watches_loss() const {
  return std::ranges::any_of(pieces_, [](const Piece& p) { return p.kind == plateau_kind; });
}

int64_t Schedule::steps() const {
  int64_t total = 0;
  for (const Piece& p : pieces_) total += p.steps;
  return total;
}

std::string Schedule::text() const {
  std::vector<std::string> pieces;
  for (const Piece& p : pieces_) {
    std::vector<std::string> numbers;
    if (p.steps > 0) numbers.push_back(std::to_string(p.steps));
    for (double x : p.numbers) numbers.push_back(text::number(x));
    pieces.push_back(std::string(kinds[p.kind].name) +
                     (numbers.empty() ? "" : "(" + text::join(numbers, ",") + ")"));
  }
  return text::join(pieces, "+");
}

Schedule parse_schedule(std::string_view words, int64_t total) {
  Schedule schedule;
  for (const std::string_view piece : parts_of(words, '+')) {
    if (!schedule.pieces_.empty() && schedule.pieces_.back().steps == 0)
      refuse(piece, "it would never begin, because the piece before it has no end.");
    const size_t open = std::min(piece.find('('), piece.size());
    const int kind = kind_of(trimmed(piece.substr(0, open)), piece);
    const Kind& k = kinds[kind];
    const std::string form = "It is written " + std::string(k.form) + ".";
    Numbers given;
    if (open < piece.size()) {
      if (piece.back() != ')') refuse(piece, "the bracket is not closed. " + form);
      const std::string_view inside = trimmed(piece.substr(open + 1, piece.size() - open - 2));
      if (!inside.empty())
        for (const std::string_view word : parts_of(inside, ',')) {
          const auto x = text::parse_double(word);
          if (!x || !std::isfinite(*x))
            refuse(piece, "'" + std::string(word) + "' is not a number. " + form);
          given.push_back(*x);
        }
    }
    Schedule::Piece made{kind, 0, k.defaults()};
    const bool endless = kind == constant_kind && given.empty();
    if (k.has_length && !endless) {
      if (given.empty()) {
        made.steps = total - schedule.steps();
        if (!k.takes_rest || made.steps < 1)
          refuse(
              piece,
              (k.takes_rest && total > 0 ? "no step is left for it. " : "how many steps? ") + form);
      } else {
        constexpr double most = 1e15;
        if (!(given[0] >= 1 && given[0] <= most && given[0] == std::floor(given[0])))
          refuse(piece, text::number(given[0]) + " is no number of steps. " + form);
        made.steps = static_cast<int64_t>(given[0]);
        given.erase(given.begin());
      }
    }
    if (given.size() > made.numbers.size()) refuse(piece, "too many numbers. " + form);
    if ((kind == step_kind || kind == exponential_kind) && given.empty())
      refuse(piece, "a number is missing. " + form);
    std::ranges::copy(given, made.numbers.begin());
    check(piece, kind, made.numbers);
    schedule.pieces_.push_back(std::move(made));
  }
  return schedule;
}

}  // namespace gradus
