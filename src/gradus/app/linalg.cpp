// gradus linalg OP A.npy [B.npy]: factorisations, systems and what a matrix does, with how far each
// answer can be trusted. --output-dir writes the answers as .npy files.
#include <gradus/app/columns.h>
#include <gradus/app/machine.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>
#include <gradus/io/npy.h>
#include <gradus/linalg/jacobi.h>
#include <gradus/linalg/low_rank.h>
#include <gradus/linalg/powers.h>
#include <gradus/linalg/rank.h>
#include <gradus/linalg/refuse.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
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
struct Trust {
  std::string name, value, means;
};

struct Result {
  std::vector<Answer> answers;
  std::vector<Trust> trust;
  std::vector<double> spectrum;  // drawn, largest first
};

std::string few(double x) {
  return text::significant(x, 3);
}

double frobenius(const Tensor& x) {
  if (x.size() == 0) return 0;
  const double largest = number(max(abs(x)));
  if (largest == 0 || !std::isfinite(largest)) return largest;
  return largest * std::sqrt(number(sum(square(cast(x, DType::f64) / largest))));
}

double eps_of(const Tensor& x) {
  return x.dtype() == DType::f32 ? 0x1p-23 : 0x1p-52;
}

// |left - right| / |scale| in units of n eps, LAPACK's test ratio: up to 10 or so is as good as can
// be.
Trust ratio(const std::string& what, const Tensor& left, const Tensor& right, const Tensor& scale) {
  const auto n = static_cast<double>(
      std::max<int64_t>(1, std::max(scale.shape().back(), scale.shape()[scale.rank() - 2])));
  const double size = frobenius(scale);
  const double r = size == 0 ? 0 : frobenius(left - right) / size;
  return {what, few(r), few(r / (n * eps_of(scale))) + " n eps; up to about 10 is rounding alone"};
}

Trust conditioning(const Tensor& a) {
  const std::vector<double> c = numbers(cond(a));
  const double worst = *std::ranges::max_element(c);
  const double digits = a.dtype() == DType::f32 ? 7.2 : 15.95;
  const double lost = std::min(digits, std::max(0.0, std::log10(worst)));
  return {"condition", few(worst),
          std::isinf(worst) ? "singular: no digit is certain"
                            : "about " + text::significant(lost, 2) + " of " +
                                  text::significant(digits, 2) + " digits are lost in solving"};
}

Trust rank_of(const Tensor& a, const std::vector<double>& s) {
  const int64_t full = std::min(a.shape().back(), a.shape()[a.rank() - 2]);
  const int64_t rank = static_cast<int64_t>(number(matrix_rank(a)));
  const double bound = static_cast<double>(std::max(a.shape().back(), a.shape()[a.rank() - 2])) *
                       eps_of(a) * (s.empty() ? 0 : s.front());
  std::string why = std::to_string(rank) + " of " + std::to_string(full) +
                    " singular values exceed " + few(bound);
  if (rank < full) why += "; the next is " + few(s[static_cast<size_t>(rank)]);
  return {"rank", std::to_string(rank), why};
}

[[noreturn]] void refuse_singular(const std::string& op, const Tensor& a) {
  raise(ErrorKind::numeric, op + ": " + to_string(a.type()) +
                                " is singular: taken as exact, its columns depend on each other. " +
                                (op == "solve" ? "lstsq" : "pinv") + " takes any matrix.");
}

// Elimination with 32 digits decides, where f64 leaves a doubt.
void refuse_if_singular(const std::string& op, const Tensor& a) {
  if (a.rank() != 2 || a.shape()[0] != a.shape()[1] || a.shape()[0] == 0) return;
  if (number(cond(a)) < 1e-3 / eps_of(a)) return;
  if (is_singular(a)) refuse_singular(op, a);
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
    r.trust.push_back(ratio(name, matmul(transpose(q), q), eye(q.shape().back(), q.dtype()),
                            eye(q.shape().back(), q.dtype())));
  };
  if (op == "lu") {
    const LU f = lu(a);
    r.answers = {{"P", f.p}, {"L", f.l}, {"U", f.u}};
    if (matrix) r.trust = {ratio("|P A - L U|", matmul(f.p, a), matmul(f.l, f.u), a)};
  } else if (op == "qr") {
    const QR f = qr(a);
    r.answers = {{"Q", f.q}, {"R", f.r}};
    if (matrix)
      r.trust = {ratio("|A - Q R|", a, matmul(f.q, f.r), a)}, orthonormal("|Q'Q - I|", f.q);
  } else if (op == "cholesky") {
    const Tensor l = cholesky(a);
    r.answers = {{"L", l}};
    if (matrix) r.trust = {ratio("|A - L L'|", a, matmul(l, transpose(l)), a)};
  } else if (op == "eigh") {
    const Eigh f = eigh(a);
    r.answers = {{"w", f.values}, {"V", f.vectors}};
    if (matrix) {
      r.trust = {ratio("|A V - V w|", matmul(a, f.vectors), f.vectors * f.values, a)};
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
      r.trust = {ratio("|A V - V w|", left, turned, a)};
      const std::vector<double> re = numbers(f.re), im = numbers(f.im);
      double radius = 0;
      for (size_t i = 0; i < re.size(); ++i) radius = std::max(radius, std::hypot(re[i], im[i]));
      r.trust.push_back({"spectral radius", text::significant(radius, 6),
                         radius > 1   ? "powers of A grow without bound"
                         : radius < 1 ? "powers of A die out, perhaps after a hump"
                                      : "powers of A neither grow nor die"});
      const Tensor both = concatenate({concatenate({f.vectors_re, -f.vectors_im}, 1),
                                       concatenate({f.vectors_im, f.vectors_re}, 1)},
                                      0);
      const double c = number(cond(both));
      r.trust.push_back({"condition of V", few(c),
                         c > 1e7 ? "defective or nearly so: the vectors do not span the space"
                                 : "how much an error in A can move an eigenvalue"});
    }
  } else if (op == "svd") {
    const auto f = svd(a);
    r.answers = {{"U", f.u}, {"S", f.s}, {"Vt", f.vt}};
    if (matrix) {
      r.spectrum = numbers(f.s);
      r.trust = {ratio("|A - U S Vt|", a, matmul(f.u * f.s, f.vt), a), rank_of(a, r.spectrum)};
      orthonormal("|U'U - I|", f.u);
    }
  } else if (op == "solve") {
    refuse_if_singular(op, a);
    const Tensor x = solve(a, right());
    r.answers = {{"X", x}};
    if (matrix) r.trust = {ratio("|A X - B| / |A| |X|", matmul(a, x), *b, a), conditioning(a)};
  } else if (op == "lstsq") {
    const Tensor x = lstsq(a, right());
    r.answers = {{"X", x}};
    if (matrix) {
      const std::vector<double> s = numbers(svd(a).s);
      r.trust = {{"|A X - B|", few(frobenius(matmul(a, x) - *b)), "what no X can explain"},
                 rank_of(a, s)};
    }
  } else if (op == "inv") {
    refuse_if_singular(op, a);
    const Tensor x = inv(a);
    r.answers = {{"X", x}};
    if (matrix) {
      const Tensor one = eye(a.shape().back(), a.dtype());
      r.trust = {ratio("|A X - I|", matmul(a, x), one, one), conditioning(a)};
    }
  } else if (op == "pinv") {
    const Tensor x = pinv(a);
    r.answers = {{"X", x}};
    if (matrix)
      r.trust = {ratio("|A X A - A|", matmul(matmul(a, x), a), a, a),
                 rank_of(a, numbers(svd(a).s))};
  } else if (op == "expm") {
    r.answers = {{"X", expm(a)}};
  } else if (op == "det") {
    const Tensor d = det(a);
    r.answers = {{"d", d}};
    if (matrix)
      r.trust = {{"means", few(std::fabs(number(d))), "the factor by which volumes grow"},
                 conditioning(a)};
  } else if (op == "slogdet") {
    const SignLogDet d = slogdet(a);
    r.answers = {{"sign", d.sign}, {"log", d.log}};
  } else if (op == "cond") {
    r.answers = {{"c", cond(a)}};
    if (matrix) r.trust = {conditioning(a)};
  } else if (op == "rank") {
    r.answers = {{"r", matrix_rank(a)}};
    if (matrix) r.spectrum = numbers(svd(a).s), r.trust = {rank_of(a, r.spectrum)};
  } else if (op == "trace") {
    r.answers = {{"t", trace(a)}};
  } else if (op == "norm") {
    r.answers = {{"frobenius", sqrt(sum(square(a), {.axis = {-2, -1}}))},
                 {"spectral", spectral_norm(a)},
                 {"nuclear", nuclear_norm(a)}};
  } else if (op == "pca") {
    const Pca p = pca(a);
    r.answers = {{"components", p.components}, {"explained", p.ratios}, {"mean", p.mean}};
    if (matrix) {
      r.spectrum = numbers(r.answers[1].x);
      r.trust = {{"first", few(100 * r.spectrum.front()) + " %",
                  "of the variance lies along the first component"}};
    }
  } else {
    raise(ErrorKind::usage,
          "there is no operation '" + op +
              "'. There are lu, qr, cholesky, eigh, eig, svd, solve, lstsq, inv, pinv, expm, det, "
              "slogdet, cond, rank, trace, norm and pca.");
  }
  return r;
}

// A matrix from .npy; integers become f64.
Tensor read_matrix(const std::string& path) {
  Tensor x = read_npy(path);
  if (x.dtype() != DType::f32 && x.dtype() != DType::f64) x = cast(x, DType::f64);
  for (size_t i = 0; const double value : numbers(x)) {
    if (!std::isfinite(value))
      raise(ErrorKind::domain, path + ": element " +
                                   place_text(static_cast<int64_t>(i), x.shape()) + " is " +
                                   text::number(value) + ". Linear algebra needs finite numbers.");
    ++i;
  }
  return x;
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

int run(const Words& w, const Settings& settings) {
  const Tensor a = read_matrix(w.a);
  std::optional<Tensor> b;
  if (!w.b.empty()) b = read_matrix(w.b);
  const Result r = run_op(w.op, a, b);
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
  for (const Trust& t : r.trust) rows.push_back({t.name, t.value, t.means});
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
  command.word("OP", w->op,
               "lu, qr, cholesky, eigh, eig, svd, solve, lstsq, inv, pinv, expm, det, slogdet, "
               "cond, rank, trace, norm or pca");
  command.word("A", w->a, "a matrix, .npy; leading axes are a batch");
  command.word("B", w->b, "the right side of solve and lstsq, .npy", false);
  command.option("--output-dir", w->folder, "write the answers there, one .npy file each",
                 "FOLDER");
  command.example("gradus linalg svd weights.npy --output-dir factors");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
