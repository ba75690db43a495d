// gradus linalg OP A.npy [B.npy]: factorisations, systems and what a matrix does, with how far each
// answer can be trusted. --output-dir writes the answers as .npy files.
#include <gradus/app/columns.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>
#include <gradus/io/npy.h>
#include <gradus/io/safetensors.h>
#include <gradus/linalg/low_rank.h>
#include <gradus/linalg/powers.h>
#include <gradus/linalg/rank.h>
#include <gradus/linalg/refuse.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/linalg/trust.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>

namespace gradus::app {
namespace {

constexpr std::string_view operations[] = {
    "lu",   "qr",  "cholesky", "eigh", "eig",  "svd",      "solve", "lstsq", "inv", "pinv",
    "expm", "det", "slogdet",  "cond", "rank", "spectrum", "trace", "norm",  "pca"};

// Before a file is read: the nearer mistake is told of first.
void require_operation(const std::string& op) {
  if (std::ranges::find(operations, op) != std::end(operations)) return;
  const auto near = text::nearest(op, operations);
  raise(ErrorKind::usage, "there is no operation '" + op + "'. There are " +
                              text::join(operations, ", ") + "." +
                              (near ? " Did you mean " + std::string(*near) + "?" : ""));
}

struct Words {
  std::string op, a, b, folder;
};

// One answer; `im` where it is complex.
struct Answer {
  std::string name;
  Tensor x;
  std::optional<Tensor> im = {};
};

// What a person reads below the answers: "residual", "3.1e-16", "what that means".
struct Note {
  std::string name, value, means;
};

struct Result {
  std::vector<Answer> answers;
  std::vector<Note> notes;
  std::vector<double> spectrum;  // drawn, largest first
};

std::string few(double x) {
  return text::significant(x, 3);
}

Note residual_note(const std::string& what, double residual, double roundings) {
  return {what, few(residual), few(roundings) + " n eps; up to about 10 is rounding alone"};
}

// What a factorisation of `of` leaves.
Note misfit_note(const std::string& what, const Tensor& got, const Tensor& want, const Tensor& of) {
  const double r = misfit(got, want, of);
  return residual_note(what, r, roundings_of(of, r));
}

Note condition_note(const Trust& t) {
  return {"condition", few(t.condition),
          std::isinf(t.condition)
              ? "singular: no digit is certain"
              : "about " + text::significant(t.digits_lost, 2) + " of " +
                    text::significant(t.digits, 2) + " digits are lost in solving"};
}

Note rank_note(const RankDecision& r) {
  std::string why = std::to_string(r.rank) + " of " + std::to_string(r.full) +
                    " singular values exceed " + few(r.threshold);
  if (r.rank < r.full) why += "; the next is " + few(r.largest_dropped);
  return {"rank", std::to_string(r.rank), why};
}

[[noreturn]] void refuse_singular(const std::string& op, const Tensor& a, double rcond) {
  raise_singular(rcond, op + ": " + to_string(a.type()) + " is singular, rcond " + few(rcond) +
                            ": taken as exact, its columns depend on each other. " +
                            (op == "solve" ? "lstsq" : "pinv") + " takes any matrix.");
}

// Elimination with 32 digits decides, where f64 leaves a doubt.
void refuse_if_singular(const std::string& op, const Tensor& a) {
  if (a.rank() != 2 || a.shape()[0] != a.shape()[1] || a.shape()[0] == 0) return;
  const double condition = trust_in(a, 0).condition;
  if (condition < 1e-3 / eps_of(a.dtype())) return;
  if (is_singular(a)) refuse_singular(op, a, 1 / condition);
}

Result run_op(const std::string& op, const Tensor& a, const std::optional<Tensor>& b) {
  Result r;
  const bool matrix = a.rank() == 2 && a.size() > 0;
  const auto right = [&]() -> const Tensor& {
    if (!b)
      raise(ErrorKind::usage,
            op + ": a right side is needed. Write gradus linalg " + op + " A.npy B.npy.");
    return *b;
  };
  const auto orthonormal = [&](const std::string& name, const Tensor& q) {
    const Tensor one = eye(q.shape().back(), q.dtype());
    r.notes.push_back(misfit_note(name, matmul(transpose(q), q), one, one));
  };
  const auto solved = [&](const std::string& what, const Solution& s) {
    r.answers = {{"X", s.x}};
    r.notes = {residual_note(what, s.trust.residual, s.trust.roundings)};
    return s.trust;
  };
  if (op == "lu") {
    const LU f = lu(a);
    r.answers = {{"P", f.p}, {"L", f.l}, {"U", f.u}};
    if (matrix) r.notes = {misfit_note("|P A - L U|", matmul(f.p, a), matmul(f.l, f.u), a)};
  } else if (op == "qr") {
    const QR f = qr(a);
    r.answers = {{"Q", f.q}, {"R", f.r}};
    if (matrix)
      r.notes = {misfit_note("|A - Q R|", a, matmul(f.q, f.r), a)}, orthonormal("|Q'Q - I|", f.q);
  } else if (op == "cholesky") {
    const Tensor l = cholesky(a);
    r.answers = {{"L", l}};
    if (matrix) r.notes = {misfit_note("|A - L L'|", a, matmul(l, transpose(l)), a)};
  } else if (op == "eigh") {
    const Eigh f = eigh(a);
    r.answers = {{"w", f.values}, {"V", f.vectors}};
    if (matrix) {
      r.notes = {misfit_note("|A V - V w|", matmul(a, f.vectors), f.vectors * f.values, a)};
      orthonormal("|V'V - I|", f.vectors);
      r.spectrum = numbers(f.values);
      std::ranges::reverse(r.spectrum);
    }
  } else if (op == "eig") {
    const Eig f = eig(a);
    r.answers = {{"w", f.re, f.im}, {"V", f.vectors_re, f.vectors_im}};
    if (matrix) {
      const Tensor left = concatenate({matmul(a, f.vectors_re), matmul(a, f.vectors_im)}, 0);
      const Tensor turned = concatenate(
          {f.vectors_re * f.re - f.vectors_im * f.im, f.vectors_re * f.im + f.vectors_im * f.re},
          0);
      r.notes = {misfit_note("|A V - V w|", left, turned, a)};
      const std::vector<double> re = numbers(f.re), im = numbers(f.im);
      double radius = 0;
      for (size_t i = 0; i < re.size(); ++i) radius = std::max(radius, std::hypot(re[i], im[i]));
      r.notes.push_back({"spectral radius", text::significant(radius, 6),
                         radius > 1   ? "powers of A grow without bound"
                         : radius < 1 ? "powers of A die out, perhaps after a hump"
                                      : "powers of A neither grow nor die"});
      const Tensor both = concatenate({concatenate({f.vectors_re, -f.vectors_im}, 1),
                                       concatenate({f.vectors_im, f.vectors_re}, 1)},
                                      0);
      const double c = number(cond(both));
      r.notes.push_back({"condition of V", few(c),
                         c > 1e7 ? "defective or nearly so: the vectors do not span the space"
                                 : "how much an error in A can move an eigenvalue"});
    }
  } else if (op == "svd") {
    const auto f = svd(a);
    r.answers = {{"U", f.u}, {"S", f.s}, {"Vt", f.vt}};
    if (matrix) {
      r.spectrum = numbers(f.s);
      r.notes = {misfit_note("|A - U S Vt|", a, matmul(f.u * f.s, f.vt), a),
                 rank_note(rank_decision(a, f.s))};
      orthonormal("|U'U - I|", f.u);
    }
  } else if (op == "solve") {
    refuse_if_singular(op, a);
    if (!matrix)
      r.answers = {{"X", solve(a, right())}};
    else
      r.notes.push_back(
          condition_note(solved("|A X - B| / (|A| |X| + |B|)", solve_with_report(a, right()))));
  } else if (op == "lstsq") {
    if (!matrix) {
      r.answers = {{"X", lstsq(a, right())}};
    } else {
      const Solution s = lstsq_with_report(a, right());
      const Trust t = solved("|A'(A X - B)|, relative", s);
      r.notes.push_back(
          {"|A X - B|", few(frobenius_norm(matmul(a, s.x) - *b)), "what no X can explain"});
      r.notes.push_back(rank_note(t.rank));
    }
  } else if (op == "inv") {
    refuse_if_singular(op, a);
    if (!matrix)
      r.answers = {{"X", inv(a)}};
    else
      r.notes.push_back(condition_note(solved("|A X - I| / (|A| |X| + |I|)", inv_with_report(a))));
  } else if (op == "pinv") {
    if (!matrix)
      r.answers = {{"X", pinv(a)}};
    else
      r.notes.push_back(rank_note(solved("|A X A - A| / (|A|^2 |X|)", pinv_with_report(a)).rank));
  } else if (op == "expm") {
    r.answers = {{"X", expm(a)}};
  } else if (op == "det") {
    const Tensor d = det(a);
    r.answers = {{"d", d}};
    if (matrix)
      r.notes = {{"means", few(std::fabs(number(d))), "the factor by which volumes grow"},
                 condition_note(trust_in(a, 0))};
  } else if (op == "slogdet") {
    const SignLogDet d = slogdet(a);
    r.answers = {{"sign", d.sign}, {"log", d.log}};
  } else if (op == "cond") {
    if (matrix) {
      const Trust t = trust_in(a, 0);
      r.answers = {{"c", scalar(t.condition, a.dtype())}};
      r.notes = {condition_note(t)};
    } else {
      r.answers = {{"c", cond(a)}};
    }
  } else if (op == "rank") {
    r.answers = {{"r", matrix_rank(a)}};
    if (matrix) {
      r.notes = {rank_note(rank_decision(a))};
      // Of numbers whose singular values fit, a picture of those.
      const double room = a.dtype() == DType::f32 ? 0x1p96 : 0x1p960;
      if (number(max(abs(a))) < room) r.spectrum = numbers(svdvals(a));
    }
  } else if (op == "trace") {
    r.answers = {{"t", trace(a)}};
  } else if (op == "norm") {
    r.answers = {{"frobenius", norm(a, {.axis = {-2, -1}})},
                 {"spectral", spectral_norm(a)},
                 {"nuclear", nuclear_norm(a)}};
  } else if (op == "spectrum") {
    const Spectrum s = spectrum(a);
    r.spectrum = numbers(s.values);
    r.answers = {{"S", s.values},
                 {"condition", Tensor(s.condition)},
                 {"stable_rank", Tensor(s.stable_rank)},
                 {"effective_rank", Tensor(s.effective_rank)}};
    r.notes = {{"spectral norm", few(s.spectral), "the most that a vector is stretched"},
               {"stable rank", few(s.stable_rank), "sum of squares over the largest square"},
               {"effective rank", few(s.effective_rank), "e to the entropy of the values' shares"},
               rank_note(rank_decision(a, s.values))};
  } else {
    const Pca p = pca(a);
    r.answers = {{"components", p.components}, {"explained", p.ratios}, {"mean", p.mean}};
    if (matrix) {
      r.spectrum = numbers(r.answers[1].x);
      r.notes = {{"first", few(100 * r.spectrum.front()) + " %",
                  "of the variance lies along the first component"}};
    }
  }
  return r;
}

// A matrix from .npy; integers become f64.
void require_finite(const std::string& where, const Tensor& x) {
  for (size_t i = 0; const double value : numbers(x)) {
    if (!std::isfinite(value))
      raise(ErrorKind::domain, where + ": element " +
                                   place_text(static_cast<int64_t>(i), x.shape()) + " is " +
                                   text::number(value) + ". Linear algebra needs finite numbers.");
    ++i;
  }
}

Tensor read_matrix(const std::string& path) {
  Tensor x = read_npy(path);
  if (!is_float(x.dtype())) x = cast(x, DType::f64);
  require_finite(path, x);
  return x;
}

// Infinity is an answer of a singular matrix alone; else an answer has left the range of its type.
void require_answers(const std::string& op, const Result& r) {
  const bool may_be_infinite = op == "cond" || op == "slogdet" || op == "spectrum";
  for (const Answer& answer : r.answers)
    for (const double value : numbers(answer.x))
      if (std::isnan(value) || (std::isinf(value) && !may_be_infinite))
        raise(ErrorKind::numeric, op + ": " + answer.name + " is beyond the largest number of " +
                                      std::string(name_of(answer.x.dtype())) +
                                      ". Divide A by a power of two" +
                                      (op == "det" ? ", or take slogdet." : "."));
}

std::string json_of(const Result& r) {
  std::string out = "{";
  for (const Answer& answer : r.answers) {
    if (out.size() > 1) out += ",";
    out += "\"" + answer.name + "\":";
    out += answer.im ? "{\"re\":" + to_json(answer.x) + ",\"im\":" + to_json(*answer.im) + "}"
                     : to_json(answer.x);
  }
  return out + "}\n";
}

// One bar a value, by its share of the largest, on a logarithmic scale down to eps.
std::string bars(const std::vector<double>& values, bool plain) {
  constexpr size_t most = 16;
  constexpr double width = 40;
  double largest = 0;
  for (const double v : values) largest = std::max(largest, std::fabs(v));
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < std::min(most, values.size()); ++i) {
    const double share = largest == 0 ? 0 : std::fabs(values[i]) / largest;
    const double length = share > 0 ? std::max(0.0, 1 + std::log10(share) / 16) : 0;
    std::string bar;
    for (int k = 0; k < static_cast<int>(std::lround(width * length)); ++k)
      bar += plain ? "#" : "█";
    rows.push_back({std::to_string(i + 1), text::significant(values[i], 6), bar});
  }
  std::string out = columns(rows, 2);
  if (values.size() > most) out += "  ... " + std::to_string(values.size() - most) + " more\n";
  return out + "  (a full bar is the largest, an empty one 1e-16 of it)\n";
}

// The spectrum of every layer of a model: tensors of fractions with two axes or more, all but the
// first as columns.
int run_layers(const Words& w, const Settings& settings) {
  if (!w.b.empty() || !w.folder.empty() || !settings.out.empty())
    raise(ErrorKind::usage,
          "linalg spectrum: of a model it takes no second matrix and writes no files. Use --json, "
          "or give one layer as .npy.");
  std::vector<std::vector<std::string>> rows{
      {"layer", "shape", "spectral norm", "condition", "rank", "stable rank", "effective rank"}};
  std::string json;
  for (const auto& [name, x] : read_safetensors(w.a).tensors) {
    const bool half = x.dtype() == DType::f16 || x.dtype() == DType::bf16;
    if (x.rank() < 2 || x.size() == 0 || !(half || is_float(x.dtype()))) continue;
    const int64_t out = x.shape()[0];
    const Tensor a = reshape(half ? cast(x, DType::f32) : x, {out, x.size() / out});
    require_finite(w.a + ": " + name, a);
    const Spectrum s = spectrum(a);
    const RankDecision r = rank_decision(a, s.values);
    rows.push_back({name, to_string(x.type()), few(s.spectral), few(s.condition),
                    std::to_string(r.rank) + " of " + std::to_string(r.full), few(s.stable_rank),
                    few(s.effective_rank)});
    const auto field = [](const char* of, double value) {
      return std::string(",\"") + of + "\":" + to_json(Tensor(value));
    };
    json += (json.empty() ? "{" : ",{") + ("\"name\":" + text::quote_json(name)) +
            field("spectral_norm", s.spectral) + field("condition", s.condition) +
            field("rank", static_cast<double>(r.rank)) + field("stable_rank", s.stable_rank) +
            field("effective_rank", s.effective_rank) + "}";
  }
  if (settings.json) {
    print("{\"layers\":[" + json + "]}\n");
    return done;
  }
  print(columns(rows));
  if (!settings.quiet)
    print(
        "\nThe stable rank is the sum of squared singular values over the largest square, the "
        "effective rank\ne to the entropy of their shares: how many directions a layer uses.\n");
  return done;
}

int run(const Words& w, const Settings& settings) {
  require_operation(w.op);
  if (w.op == "spectrum" && w.a.ends_with(".safetensors")) return run_layers(w, settings);
  const Tensor a = read_matrix(w.a);
  std::optional<Tensor> b;
  if (!w.b.empty()) b = read_matrix(w.b);
  const Result r = run_op(w.op, a, b);
  require_answers(w.op, r);
  const std::string folder = w.folder.empty() ? settings.out : w.folder;
  if (!folder.empty()) {
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem)
      raise(ErrorKind::file, folder + ": cannot make this folder: " + problem.message() + ".");
    for (const Answer& answer : r.answers) {
      const std::string path = (std::filesystem::path(folder) / (answer.name + ".npy")).string();
      if (answer.im)
        write_complex_npy(path, answer.x, *answer.im);
      else
        write_npy(path, answer.x);
    }
  }
  if (settings.json) {
    print(json_of(r));
    return done;
  }
  if (settings.quiet && !folder.empty()) return done;
  for (const Answer& answer : r.answers) {
    const std::string name = answer.name + "  " + to_string(answer.x.type());
    if (answer.x.size() > 400) {
      print(name + "\n");
      continue;
    }
    print(name + "\n" + to_string(answer.x) + "\n");
    if (answer.im) print("imaginary part\n" + to_string(*answer.im) + "\n");
  }
  if (settings.quiet) return done;
  if (!r.spectrum.empty()) print("\n" + bars(r.spectrum, settings.plain));
  std::vector<std::vector<std::string>> rows;
  for (const Note& t : r.notes) rows.push_back({t.name, t.value, t.means});
  if (!rows.empty()) print("\n" + columns(rows));
  if (!folder.empty()) {
    std::string names;
    for (const Answer& answer : r.answers)
      names += (names.empty() ? "" : ", ") + answer.name + ".npy";
    print("\nwrote " + names + " into " + folder + "\n");
  }
  return done;
}

}  // namespace

void add_linalg(Command& command, const Settings& settings) {
  auto w = std::make_shared<Words>();
  command.word("OP", w->op, text::join(operations, ", "));
  command.word(
      "A", w->a,
      "a matrix, .npy; leading axes are a batch. spectrum takes a model too, .safetensors");
  command.word("B", w->b, "the right side of solve and lstsq, .npy", false);
  command.option("--output-dir", w->folder, "write the answers there, one .npy file each",
                 "FOLDER");
  command.example("gradus linalg svd weights.npy --output-dir factors");
  command.example("gradus linalg spectrum runs/xor/model.safetensors");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
