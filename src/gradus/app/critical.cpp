// gradus critical EXPR --at x=0,y=0 and gradus convex EXPR --box -2,2: the shape of a function.
#include <gradus/app/columns.h>
#include <gradus/app/problem.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>
#include <gradus/optim/critical.h>

#include <algorithm>
#include <cmath>

namespace gradus::app {
namespace {

std::string small(double x) {
  return text::significant(x, 6);
}

std::string listed(const std::vector<double>& x) {
  constexpr size_t most = 12;
  std::vector<std::string> words;
  for (size_t i = 0; i < std::min(x.size(), most); ++i) words.push_back(small(x[i]));
  if (x.size() > most) words.emplace_back("...");
  return text::join(words, ", ");
}

std::string json_list(const std::vector<double>& x) {
  return to_json(from_vector(x));
}
std::string json(double x) {
  return to_json(scalar(x, DType::f64));
}

// "x = 0, y = 0", or the numbers alone where a name holds several.
std::string point_text(const Problem& p, const std::vector<double>& x) {
  std::vector<std::string> parts;
  for (size_t k = 0; k < p.wrt.size(); ++k) {
    const auto place = static_cast<size_t>(p.wrt[k]);
    if (p.at.values[place].rank() > 0) return "[" + listed(x) + "]";
    parts.push_back(p.at.names[place] + " = " + small(x[k]));
  }
  return text::join(parts, ", ");
}

struct CriticalWords {
  std::string expression, wrt;
  std::vector<std::string> at;
  double gradient_tolerance = -1, eigenvalue_tolerance = -1;
};

std::string critical_json(const CriticalPoint& c) {
  std::string out =
      "{\"verdict\":" + text::quote_json(word_of(c.kind)) +
      ",\"reason\":" + text::quote_json(c.reason) + ",\"value\":" + json(c.value) +
      ",\"gradient\":" + json_list(c.gradient) + ",\"gradient_norm\":" + json(c.gradient_norm) +
      ",\"gradient_tolerance\":" + json(c.gradient_tolerance) +
      ",\"eigenvalues\":" + json_list(c.eigenvalues) +
      ",\"eigenvalue_tolerance\":" + json(c.eigenvalue_tolerance) +
      ",\"index\":" + std::to_string(c.index) + ",\"nullity\":" + std::to_string(c.nullity);
  if (!c.evidence.empty()) {
    out += ",\"evidence\":" + text::quote_json(c.evidence) +
           ",\"sampled\":" + std::to_string(c.sampled) + ",\"higher\":" + std::to_string(c.higher) +
           ",\"lower\":" + std::to_string(c.lower) + ",\"probes\":[";
    for (size_t k = 0; k < c.probes.size(); ++k) {
      out += (k > 0 ? ",{" : "{") + std::string("\"direction\":") +
             json_list(c.probes[k].direction) + ",\"changes\":[";
      for (size_t i = 0; i < c.probes[k].changes.size(); ++i) {
        const NullProbe::Change& change = c.probes[k].changes[i];
        out += (i > 0 ? ",[" : "[") + json(change.distance) + "," + json(change.backward) + "," +
               json(change.forward) + "]";
      }
      out += "]}";
    }
    out += "]";
  }
  return out + "}";
}

int run_critical(const CriticalWords& w, const Settings& settings) {
  const Problem p = make_problem(w.expression, w.at, w.wrt);
  if (p.wrt.empty())
    raise(ErrorKind::usage, "there is no point to look at. Give one, as in --at x=0,y=0.");
  const Tensor x = p.flat_point();
  const CriticalPoint c = classify_critical([&](const Tensor& z) { return p.at_flat(z); }, x,
                                            {.gradient_tolerance = w.gradient_tolerance,
                                             .eigenvalue_tolerance = w.eigenvalue_tolerance,
                                             .seed = settings.seed});
  const int status = c.kind == CriticalKind::not_critical ? answer_is_no : done;
  if (settings.json) {
    print(critical_json(c) + "\n");
    return status;
  }
  const bool critical = c.gradient_norm <= c.gradient_tolerance;
  print("point         " + point_text(p, numbers(x)) + ", where it is " + small(c.value) + "\n");
  print("gradient      " + listed(c.gradient) + "; its length " + small(c.gradient_norm) +
        (critical                         ? " counts as 0"
         : std::isfinite(c.gradient_norm) ? " is not 0"
                                          : " is not finite") +
        (c.eigenvalues.empty()
             ? ""
             : " (tolerance " + text::significant(c.gradient_tolerance, 2) + ")") +
        "\n");
  if (!c.eigenvalues.empty())
    print("eigenvalues   " + listed(c.eigenvalues) + " of the Hessian; up to " +
          text::significant(c.eigenvalue_tolerance, 2) + " counts as 0\n");
  print("verdict       " + std::string(word_of(c.kind)) +
        (c.kind == CriticalKind::saddle ? " of index " + std::to_string(c.index) : "") + ": " +
        c.reason + "\n");
  if (c.evidence.empty()) return status;
  constexpr size_t most = 4;
  for (size_t k = 0; k < std::min(c.probes.size(), most); ++k) {
    const NullProbe& probe = c.probes[k];
    std::vector<std::vector<std::string>> rows{{"t", "f(x - t v) - f", "f(x + t v) - f"}};
    const auto signed_text = [](double v) { return (v > 0 ? "+" : "") + text::significant(v, 3); };
    for (const NullProbe::Change& change : probe.changes)
      rows.push_back(
          {small(change.distance), signed_text(change.backward), signed_text(change.forward)});
    print("\nalong v =     [" + listed(probe.direction) + "]\n" + columns(rows, 14));
  }
  if (c.probes.size() > most)
    print("              and " + std::to_string(c.probes.size() - most) + " more directions\n");
  print("\nnearby        " + std::to_string(c.sampled) + " random points: " +
        std::to_string(c.higher) + " higher, " + std::to_string(c.lower) + " lower\n");
  print("evidence      " + c.evidence + "\n");
  return status;
}

struct ConvexWords {
  std::string expression, wrt, box = "-2,2";
  std::vector<std::string> at;
  int64_t chords = 2000, points = 400;
};

// Names without a value are numbers of the box; without any, those of --wrt or --at are.
Problem box_problem(const ConvexWords& w) {
  std::vector<std::string> at = w.at;
  std::string free;
  Bindings known;
  for (const std::string& words : w.at) parse_bindings(words, known);
  const Expression expression = parse_expression(w.expression);
  for (const std::string& name : expression.names())
    if (std::ranges::find(known.names, name) == known.names.end() && !is_known_constant(name)) {
      at.push_back(name + "=0");
      free += (free.empty() ? "" : ",") + name;
    }
  if (!w.wrt.empty() && !free.empty()) free += "," + w.wrt;
  Problem p = make_problem(w.expression, at, free.empty() ? w.wrt : free);
  if (p.wrt.empty())
    raise(ErrorKind::usage, "the expression reads no name, so there is nothing to vary");
  return p;
}

std::pair<double, double> ends_of(const std::string& box) {
  const size_t comma = box.find(',');
  const auto end = [&](std::string word) {
    word.erase(0, word.find_first_not_of(' '));
    word.erase(word.find_last_not_of(' ') + 1);
    const auto x = text::parse_double(word);
    if (comma == std::string::npos || !x)
      raise(ErrorKind::usage, "--box is two numbers, low and high, as in --box -2,2");
    return *x;
  };
  const double low = end(box.substr(0, comma));
  return {low, end(comma == std::string::npos ? "" : box.substr(comma + 1))};
}

std::string chord_json(const Chord& c) {
  return "{\"a\":" + json_list(c.a) + ",\"b\":" + json_list(c.b) + ",\"t\":" + json(c.t) +
         ",\"on_curve\":" + json(c.on_curve) + ",\"on_chord\":" + json(c.on_chord) + "}";
}

char sign_of(Curvature c) {
  constexpr char signs[] = {'+', '-', '.', '0', '?'};
  return signs[static_cast<size_t>(c)];
}

std::string map_text(const ConvexReport& r, const Problem& p, double low, double high) {
  std::string out = "\n";
  const size_t margin = 10;
  for (size_t i = 0; i < r.map.size(); ++i) {
    const std::string label = i == 0                  ? small(high)
                              : i + 1 == r.map.size() ? small(low)
                              : i == r.map.size() / 2 && p.wrt.size() == 2
                                  ? p.at.names[static_cast<size_t>(p.wrt[1])]
                                  : "";
    out += text::pad_left(label, margin) + "  ";
    for (Curvature c : r.map[i]) out += sign_of(c);
    out += "\n";
  }
  const size_t width = r.map[0].size();
  const std::string left = small(low), right = small(high);
  const std::string name = p.wrt.size() == 2 ? p.at.names[static_cast<size_t>(p.wrt[0])] : "";
  std::string axis = text::pad_right(left, width / 2) + name;
  out += std::string(margin + 2, ' ') + text::pad_right(axis, width - right.size()) + right + "\n";
  bool seen[5] = {};
  for (const auto& row : r.map)
    for (Curvature c : row) seen[static_cast<size_t>(c)] = true;
  constexpr const char* words[] = {"+ curved upwards", "- downwards", ". up and down (saddle-like)",
                                   "0 flat", "? not finite"};
  std::vector<std::string> legend;
  for (size_t k = 0; k < 5; ++k)
    if (seen[k]) legend.emplace_back(words[k]);
  return out + std::string(margin + 2, ' ') + text::join(legend, ",  ") + "\n";
}

int run_convex(const ConvexWords& w, const Settings& settings) {
  constexpr int64_t most = 10'000'000;
  if (w.chords < 1 || w.chords > most || w.points < 0 || w.points > most)
    raise(ErrorKind::usage, "--chords lies in 1 to 10^7, --points in 0 to 10^7");
  const Problem p = box_problem(w);
  const auto [low, high] = ends_of(w.box);
  const int64_t n = p.flat_point().size();
  const ConvexReport r = check_convexity(
      [&](const Tensor& z) { return p.at_flat(z); }, n,
      {.low = low, .high = high, .chords = w.chords, .points = w.points, .seed = settings.seed});
  const bool convex = r.chords > 0 && r.convex && r.curved_up == r.points;
  if (settings.json) {
    std::string out =
        "{\"convex\":" + std::string(convex ? "true" : "false") +
        ",\"verdict\":" + text::quote_json(r.verdict) + ",\"chords\":" + std::to_string(r.chords) +
        ",\"skipped\":" + std::to_string(r.skipped) + ",\"points\":" + std::to_string(r.points) +
        ",\"curved_up\":" + std::to_string(r.curved_up) + ",\"least_eigenvalue\":" + json(r.least) +
        ",\"least_at\":" + json_list(r.least_at) + ",\"largest_eigenvalue\":" + json(r.largest);
    if (!r.convex) out += ",\"counterexample\":" + chord_json(r.against_convex);
    if (!r.concave) out += ",\"against_concave\":" + chord_json(r.against_concave);
    if (!r.map.empty()) {
      out += ",\"map\":[";
      for (size_t i = 0; i < r.map.size(); ++i) {
        std::string row;
        for (Curvature c : r.map[i]) row += sign_of(c);
        out += (i > 0 ? "," : "") + text::quote_json(row);
      }
      out += "]";
    }
    print(out + "}\n");
    return convex ? done : answer_is_no;
  }
  print("box           " + std::to_string(n) + (n == 1 ? " number" : " numbers") + " from " +
        small(low) + " to " + small(high) + "\n");
  print("verdict       " + r.verdict + "\n");
  if (!r.convex) {
    const Chord& c = r.against_convex;
    std::vector<double> middle;
    for (size_t i = 0; i < c.a.size(); ++i) middle.push_back(c.t * c.a[i] + (1 - c.t) * c.b[i]);
    print("counter-      a = [" + listed(c.a) + "],  b = [" + listed(c.b) + "],  t = " +
          small(c.t) + "\nexample       f(t a + (1-t) b) = " + text::significant(c.on_curve, 8) +
          "  is above  t f(a) + (1-t) f(b) = " + text::significant(c.on_chord, 8) + "\n");
  }
  if (r.points > 0)
    print("Hessian       no negative eigenvalue at " + std::to_string(r.curved_up) + " of " +
          std::to_string(r.points) + " points; eigenvalues in [" + small(r.least) + ", " +
          small(r.largest) + "], the least at [" + listed(r.least_at) + "]\n");
  if (r.skipped > 0)
    print("skipped       " + std::to_string(r.skipped) + " chords, where it is not finite\n");
  if (!r.map.empty()) print(map_text(r, p, low, high));
  return convex ? done : answer_is_no;
}

}  // namespace

void add_critical(Command& command, const Settings& settings) {
  const auto w = std::make_shared<CriticalWords>();
  command.expression("EXPR", w->expression, "such as \"x^2 - y^2\"");
  command.option("--at", w->at, "the point, x=0,y=0", "NAME=VALUE");
  command.option("--wrt", w->wrt, "names that vary; all without it", "NAMES");
  command.option("--gradient-tolerance", w->gradient_tolerance,
                 "a gradient this short counts as 0; below 0: 1e-8, scaled");
  command.option("--tolerance", w->eigenvalue_tolerance,
                 "an eigenvalue this small counts as 0; below 0: 1.5e-8 of the largest");
  command.example("gradus critical \"x^2 - y^2\" --at x=0,y=0");
  command.example(
      "gradus critical \"x^3 - 3*x*y^2\" --at x=0,y=0    a monkey saddle: inconclusive");
  command.runs([w, &settings] { return run_critical(*w, settings); });
}

void add_convex(Command& command, const Settings& settings) {
  const auto w = std::make_shared<ConvexWords>();
  command.expression("EXPR", w->expression, "such as \"x^2 + y^4\"");
  command.option("--box", w->box, "low and high end of every number that varies", "LOW,HIGH");
  command.option("--at", w->at, "values of names that stay, a=2", "NAME=VALUE");
  command.option("--wrt", w->wrt, "names of --at that vary too", "NAMES");
  command.option("--chords", w->chords, "random chords that the definition is tried on");
  command.option("--points", w->points, "random points where the Hessian is looked at");
  command.example("gradus convex \"log(exp(x) + exp(y))\"");
  command.example("gradus convex \"sin(x) + y^2\" --box -3,3");
  command.runs([w, &settings] { return run_convex(*w, settings); });
}

}  // namespace gradus::app
