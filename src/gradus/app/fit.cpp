// gradus fit linear|nonlinear|ridge|lasso|logistic FILE.csv --response y: regression, with what can
// be said of each number.
#include <gradus/app/columns.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>
#include <gradus/io/csv.h>
#include <gradus/lessons/plot_text.h>
#include <gradus/regress/linear.h>
#include <gradus/regress/logistic.h>
#include <gradus/regress/nonlinear.h>
#include <gradus/regress/penalised.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus::app {
namespace {

using Numbers = std::vector<double>;

struct FitWords {
  std::string kind, file, response, terms, model, method = "auto";
  std::vector<std::string> start;
  double lambda = -1, l1_ratio = 1, l2 = 1, confidence = 0.95;
  int64_t folds = 5;
  bool no_intercept = false, standardise = false, solvers = false;
};

std::string small(double x) {
  return text::significant(x, 6);
}
std::string json(double x) {
  return to_json(scalar(x, DType::f64));
}
std::string json(const Numbers& x) {
  return to_json(from_vector(x));
}
std::string json(bool x) {
  return x ? "true" : "false";
}
std::string counted(int64_t n, const std::string& one, const std::string& many) {
  return text::grouped(n) + " " + (n == 1 ? one : many);
}

// A numeric column that the fit reads, every cell a number.
Numbers numeric_column(const CsvColumn& c, const std::string& file) {
  if (c.is_text)
    raise(ErrorKind::file, file + ":" + std::to_string(c.first_text_line) + ": '" + c.name +
                               "' holds text. A fit reads numbers.");
  if (c.missing > 0)
    raise(ErrorKind::file, file + ":" + std::to_string(c.first_missing_line) + ": '" + c.name +
                               "' lacks a value. Fill it in, or leave the row out.");
  return c.numbers;
}

struct Read {
  NamedColumns columns;             // all that are numbers throughout, the response too
  std::string response;             // its name
  std::vector<std::string> levels;  // of a response that is text: label k is levels[k]
  std::string left_out;             // which columns are not read, and why
};

// Why a column is none of numbers throughout.
std::string flaw_of(const CsvColumn& c) {
  if (c.is_text) return "text in line " + std::to_string(c.first_text_line);
  return (c.missing == 1 ? std::string("a number is missing")
                         : text::grouped(c.missing) + " numbers are missing, the first") +
         " in line " + std::to_string(c.first_missing_line);
}

// The columns of the file. Those with text or gaps are left out; naming one says why.
Read read_columns(const FitWords& w, const std::vector<std::string>& wanted) {
  const CsvTable table = read_csv(w.file);
  if (table.rows == 0) raise(ErrorKind::file, w.file + ": there is no row of data");
  Read r;
  const size_t place = select_column(table.names(), w.response);
  r.response = table.columns[place].name;
  for (size_t j = 0; j < table.columns.size(); ++j) {
    const CsvColumn& c = table.columns[j];
    const bool named = j == place || std::ranges::find(wanted, c.name) != wanted.end();
    if (j == place && w.kind == "logistic" && c.is_text && c.missing == 0) {
      r.levels = c.texts;
      std::ranges::sort(r.levels);
      r.levels.erase(std::unique(r.levels.begin(), r.levels.end()), r.levels.end());
      Numbers labels;
      for (const std::string& t : c.texts)
        labels.push_back(
            static_cast<double>(std::ranges::lower_bound(r.levels, t) - r.levels.begin()));
      r.columns.names.push_back(c.name);
      r.columns.values.push_back(std::move(labels));
    } else if (named || (!c.is_text && c.missing == 0)) {
      r.columns.names.push_back(c.name);
      r.columns.values.push_back(numeric_column(c, w.file));
      const Numbers& numbers = r.columns.values.back();
      for (size_t i = 0; i < numbers.size(); ++i)
        if (!std::isfinite(numbers[i]))
          raise(ErrorKind::domain, "fit " + w.kind + ": '" + c.name + "' in row " +
                                       std::to_string(i + 1) + " is " + text::number(numbers[i]) +
                                       ". A fit needs finite numbers.");
    } else if (w.terms.empty() && w.kind != "nonlinear") {
      r.left_out += (r.left_out.empty() ? "'" : "; '") + c.name + "' (" + flaw_of(c) + ")";
    }
  }
  return r;
}

// Beside the results, so that a fit without a column does not pass for one with it.
void tell_left_out(const Read& r, const Settings& settings) {
  if (r.left_out.empty()) return;
  const std::string line = "left out      " + visible(r.left_out) + "\n";
  if (settings.json)
    note(settings, line);
  else
    print(line);
}

// Sums of squares reach beyond the largest number long before the data do.
void need_finite(const FitWords& w, const Numbers& coef, double rss) {
  if (std::isfinite(rss) && std::ranges::all_of(coef, [](double v) { return std::isfinite(v); }))
    return;
  raise(ErrorKind::numeric, "fit " + w.kind +
                                ": the squares of the numbers are beyond the largest one, 1.8e308. "
                                "Numbers up to about 1e150 can be fitted. Divide the columns by a "
                                "power of ten.");
}

// What --terms says, or 1 and every column but the response.
std::vector<Term> terms_of(const FitWords& w, const Read& r) {
  if (!w.terms.empty()) return parse_terms(w.terms);
  std::vector<Term> terms{{"1", {}}};
  for (const std::string& name : r.columns.names)
    if (name != r.response) terms.push_back({name, {{name, 1}}});
  return terms;
}

std::vector<std::string> columns_of(const std::vector<Term>& terms) {
  std::vector<std::string> names;
  for (const Term& t : terms)
    for (const Term::Factor& f : t.factors) names.push_back(f.column);
  return names;
}

constexpr int plot_width = 60, plot_height = 10;

// Where v lies between low and high, 0 to 1; halves, as the distance itself may overflow.
double share_of(double v, double low, double high) {
  const double share = (0.5 * v - 0.5 * low) / (0.5 * high - 0.5 * low);
  return share >= 0 ? std::min(share, 1.0) : 0;
}

// Points in braille, or in stars; a row of dots at y = 0. Nothing where a number is not finite.
std::string scatter(const Numbers& x, const Numbers& y, const std::string& x_name,
                    const std::string& y_name, bool plain) {
  const auto [x_low, x_high] = std::ranges::minmax(x);
  double reach = 0;
  for (double v : y) reach = std::max(reach, std::fabs(v));
  const auto finite = [](double v) { return std::isfinite(v); };
  if (!std::ranges::all_of(x, finite) || !std::ranges::all_of(y, finite)) return "";
  if (!(reach > 0) || !(x_high > x_low)) return "";
  const int fine_x = plain ? 1 : 2, fine_y = plain ? 1 : 4;
  const int width = plot_width * fine_x, height = plot_height * fine_y;
  std::vector<uint8_t> cells(static_cast<size_t>(plot_width * plot_height), 0);
  constexpr uint8_t dots[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  for (size_t i = 0; i < x.size(); ++i) {
    const int c = std::min(width - 1, static_cast<int>(share_of(x[i], x_low, x_high) * width));
    const int r =
        std::min(height - 1, static_cast<int>((1 - share_of(y[i], -reach, reach)) * height));
    cells[static_cast<size_t>(r / fine_y * plot_width + c / fine_x)] |=
        dots[r % fine_y][c % fine_x];
  }
  std::string out = "\n  " + y_name + "\n";
  for (int r = 0; r < plot_height; ++r) {
    const std::string label = r == 0                 ? text::significant(reach, 3)
                              : r == plot_height - 1 ? text::significant(-reach, 3)
                              : r == plot_height / 2 ? "0"
                                                     : "";
    std::string line = text::pad_left(label, 11) + " |";
    for (int c = 0; c < plot_width; ++c) {
      const uint8_t bits = cells[static_cast<size_t>(r * plot_width + c)];
      if (bits == 0) {
        line += r == plot_height / 2 ? "." : " ";
      } else if (plain) {
        line += "*";
      } else {
        const unsigned code = 0x2800u + bits;
        line += static_cast<char>(0xE0 | code >> 12);
        line += static_cast<char>(0x80 | (code >> 6 & 0x3F));
        line += static_cast<char>(0x80 | (code & 0x3F));
      }
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  const std::string left = text::significant(x_low, 3), right = text::significant(x_high, 3);
  return out + std::string(13, ' ') + text::pad_right(left, plot_width / 2 - x_name.size() / 2) +
         text::pad_right(x_name, plot_width - plot_width / 2 + x_name.size() / 2 - right.size()) +
         right + "\n";
}

// Near 1 what is missing says more.
std::string r2_text(double r2) {
  return r2 > 0.9999 && r2 < 1 ? "1 - " + text::significant(1 - r2, 3) : small(r2);
}

std::string p_text(double p) {
  return p < 1e-16 ? "< 1e-16" : text::significant(p, 3);
}

// The table that linear and nonlinear fits share.
std::string coefficient_table(const std::vector<std::string>& names, const std::string& what,
                              const Numbers& coef, const Numbers& se, const Numbers& t,
                              const Numbers& p, const Numbers& low, const Numbers& high,
                              double confidence, const Numbers& vif) {
  std::vector<std::vector<std::string>> rows{
      {what, "estimate", "standard error", "t", "p",
       text::significant(100 * confidence, 4) + " % interval"}};
  if (!vif.empty()) rows[0].emplace_back("VIF");
  for (size_t j = 0; j < names.size(); ++j) {
    rows.push_back({names[j], text::significant(coef[j], 10), text::significant(se[j], 4),
                    text::significant(t[j], 4), p_text(p[j]),
                    text::significant(low[j], 5) + " to " + text::significant(high[j], 5)});
    if (!vif.empty()) rows.back().push_back(std::isnan(vif[j]) ? "" : text::significant(vif[j], 3));
  }
  return columns(rows, 2);
}

std::string condition_text(double condition) {
  if (!std::isfinite(condition)) return "condition     infinite: the columns are dependent\n";
  const double lost = std::clamp(std::log10(condition), 0.0, 16.0);
  return "condition     " + text::significant(condition, 3) +
         ": an error in digit 16 of the data " +
         (lost < 0.5 ? std::string("stays there\n")
                     : "can reach digit " + text::fixed(std::max(1.0, 16 - lost), 0) +
                           " of a coefficient\n");
}

std::string solvers_text(const Conditioning& c) {
  const auto line = [](const char* name, double error) {
    return std::vector<std::string>{
        name, std::isfinite(error) ? text::significant(error, 2) : "fails",
        std::isfinite(error)
            ? text::fixed(std::clamp(-std::log10(std::max(error, 1e-16)), 0.0, 16.0), 1)
            : "0"};
  };
  return "\n  Three ways in plain f64; the condition of X is " + text::significant(c.condition, 3) +
         ", that of X^T X its\n  square. (The condition above is that of its columns at one "
         "length, which no unit changes.)\n" +
         columns({{"solver", "relative error", "digits right"},
                  line("normal equations, Cholesky", c.normal),
                  line("Householder QR", c.reflections),
                  line("SVD, Jacobi", c.singular)},
                 2);
}

int run_linear(const FitWords& w, const Settings& settings) {
  const std::vector<Term> given = w.terms.empty() ? std::vector<Term>{} : parse_terms(w.terms);
  const Read r = read_columns(w, columns_of(given));
  std::vector<Term> terms = terms_of(w, r);
  if (w.no_intercept) std::erase_if(terms, [](const Term& t) { return t.factors.empty(); });
  const LinearFit fit = fit_linear(terms, r.columns, r.response, {.confidence = w.confidence});
  need_finite(w, fit.coef, fit.rss);
  tell_left_out(r, settings);
  Conditioning solvers;
  if (w.solvers) {
    const std::vector<DoubleDouble> a = design(terms, r.columns);
    Numbers x(a.size());
    const size_t p = terms.size(), n = static_cast<size_t>(fit.rows);
    for (size_t j = 0; j < p; ++j)
      for (size_t i = 0; i < n; ++i) x[i * p + j] = static_cast<double>(a[j * n + i]);
    solvers = compare_solvers(from_vector(x, {fit.rows, static_cast<int64_t>(p)}),
                              from_vector(r.columns.column(r.response, "fit linear")));
  }
  if (settings.json) {
    std::string out = "{\"coef\":" + json(fit.coef) + ",\"se\":" + json(fit.se) +
                      ",\"rss\":" + json(fit.rss) + ",\"resid_sd\":" + json(fit.resid_sd) +
                      ",\"r2\":" + json(fit.r2) + ",\"f\":" + json(fit.f);
    if (!fit.warning.empty())
      out +=
          ",\"rank\":" + std::to_string(fit.rank) + ",\"warning\":" + text::quote_json(fit.warning);
    if (w.solvers)
      out += ",\"solvers\":{\"condition\":" + json(solvers.condition) +
             ",\"normal\":" + json(solvers.normal) + ",\"qr\":" + json(solvers.reflections) +
             ",\"svd\":" + json(solvers.singular) + "}";
    print(out + "}\n");
    return done;
  }
  print("fit           " + visible(r.response) +
        " by least squares: " + counted(fit.rows, "row", "rows") + ", " +
        counted(static_cast<int64_t>(fit.coef.size()), "coefficient", "coefficients") + ", " +
        counted(fit.freedom(), "degree", "degrees") + " of freedom left\n\n");
  print(coefficient_table(fit.names, "term", fit.coef, fit.se, fit.t, fit.p_value, fit.low,
                          fit.high, w.confidence, fit.vif));
  print("\nresiduals     standard deviation " + small(fit.resid_sd) + ", sum of squares " +
        small(fit.rss) + (fit.rss == 0 ? ": the fit is exact" : "") + "\n");
  print("R2            " + r2_text(fit.r2) + (fit.intercept ? "" : " (around 0: no intercept)") +
        ", adjusted for the coefficients " + r2_text(fit.adjusted_r2) + "\n");
  if (!std::isnan(fit.f))
    print("F             " + small(fit.f) + ", p " + p_text(fit.f_p_value) +
          ": that no term counts" + (fit.intercept ? " but the intercept" : "") + "\n");
  print(condition_text(fit.condition));
  if (!fit.leverage.empty()) {
    const auto most = std::ranges::max_element(fit.leverage);
    print("leverage      at most " + text::significant(*most, 3) + ", in row " +
          std::to_string(most - fit.leverage.begin() + 1) + "; the mean is " +
          text::significant(static_cast<double>(fit.rank) / static_cast<double>(fit.rows), 3) +
          ", 1 means the row decides its own value\n");
  }
  for (size_t j = 0; j < fit.vif.size(); ++j)
    if (fit.vif[j] > 10 && fit.warning.empty()) {
      print("VIF           '" + visible(fit.names[j]) +
            "' and others say much the same: its standard error is " +
            text::significant(std::sqrt(fit.vif[j]), 3) + " times that of a column alone\n");
      break;
    }
  if (!fit.warning.empty()) print("warning       " + fit.warning + "\n");
  if (w.solvers) print(solvers_text(solvers));
  Numbers fitted;
  const Numbers& y = r.columns.column(r.response, "fit linear");
  for (size_t i = 0; i < y.size(); ++i) fitted.push_back(y[i] - fit.residuals[i]);
  print(scatter(fitted, fit.residuals, "fitted value", "residual", settings.plain));
  return done;
}

int run_nonlinear(const FitWords& w, const Settings& settings) {
  if (w.model.empty())
    raise(ErrorKind::usage,
          "fit nonlinear: there is no model. Give one, as in --model 'b1*(1-exp(-b2*x))'.");
  const Expression model = parse_expression(w.model);
  Bindings start;
  for (const std::string& words : w.start) parse_bindings(words, start);
  const Read r = read_columns(w, model.names());
  const NonlinearFit fit =
      fit_nonlinear(model, r.columns, r.response, start, {.confidence = w.confidence});
  need_finite(w, fit.coef, fit.rss);
  const int status = fit.converged ? done : numerical_failure;
  if (settings.json) {
    print("{\"coef\":" + json(fit.coef) + ",\"se\":" + json(fit.se) + ",\"rss\":" + json(fit.rss) +
          "}\n");
    return status;
  }
  print("fit           " + visible(r.response) + " = " + w.model + ": " +
        counted(fit.rows, "row", "rows") + ", " + counted(fit.freedom(), "degree", "degrees") +
        " of freedom left\n\n");
  print(coefficient_table(fit.names, "parameter", fit.coef, fit.se, fit.t, fit.p_value, fit.low,
                          fit.high, w.confidence, {}));
  print("\nresiduals     standard deviation " + small(fit.resid_sd) + ", sum of squares " +
        small(fit.rss) + "\n");
  print("R2            " + r2_text(fit.r2) + "\n");
  print("descent       " + std::string(fit.converged ? "" : "not converged: ") + fit.reason + "; " +
        counted(fit.iterations, "step", "steps") + " of Levenberg and Marquardt" +
        (fit.sharpened ? ", the last in double-double" : "") + "\n");
  print(condition_text(fit.condition));
  print(scatter(fit.fitted, fit.residuals, "fitted value", "residual", settings.plain));
  return status;
}

// X of the terms that are no intercept.
struct Design {
  std::vector<std::string> names;
  Tensor x, y;
  Read read;
};
Design design_of(const FitWords& w) {
  const std::vector<Term> given = w.terms.empty() ? std::vector<Term>{} : parse_terms(w.terms);
  Design d;
  d.read = read_columns(w, columns_of(given));
  std::vector<Term> terms = terms_of(w, d.read);
  std::erase_if(terms, [](const Term& t) { return t.factors.empty(); });
  if (terms.empty())
    raise(ErrorKind::usage,
          "fit " + w.kind + ": there is no term but the intercept" +
              (d.read.left_out.empty() ? "" : ". Left out: " + d.read.left_out + "."));
  const std::vector<DoubleDouble> a = design(terms, d.read.columns);
  const size_t p = terms.size(), n = a.size() / p;
  Numbers x(a.size());
  for (size_t j = 0; j < p; ++j) {
    d.names.push_back(terms[j].text);
    for (size_t i = 0; i < n; ++i) x[i * p + j] = static_cast<double>(a[j * n + i]);
  }
  d.x = from_vector(x, {static_cast<int64_t>(n), static_cast<int64_t>(p)});
  d.y = from_vector(d.read.columns.column(d.read.response, "fit " + w.kind));
  return d;
}

// The coefficients as lines over the logarithm of lambda.
std::string path_picture(const Design& d, const std::vector<PenalisedFit>& path, bool plain) {
  Plot plot;
  plot.x_label = "log10 of lambda";
  constexpr size_t most = 6;
  std::vector<size_t> order(d.names.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return std::fabs(path.back().coef[a]) > std::fabs(path.back().coef[b]);
  });
  for (size_t k = 0; k < std::min(most, order.size()); ++k) {
    gradus::Line line;
    line.label = visible(d.names[order[k]]);
    for (const PenalisedFit& f : path)
      if (f.lambda > 0) {
        line.x.push_back(std::log10(f.lambda));
        line.y.push_back(f.coef[order[k]]);
      }
    plot.lines.push_back(std::move(line));
  }
  std::string out = "\n  coefficients along the path" +
                    std::string(order.size() > most ? " (the largest six)" : "") + "\n";
  for (const auto& row : lessons::plot_cells(plot, 78, plain)) {
    std::string line;
    for (const lessons::PlotCell& cell : row) line += cell.text;
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

int run_penalised(const FitWords& w, const Settings& settings) {
  const bool lasso = w.kind == "lasso";
  const Design d = design_of(w);
  const PenaltyOptions options{.intercept = !w.no_intercept,
                               .standardise = w.standardise,
                               .l1_ratio = lasso ? w.l1_ratio : 1};
  if (!std::isfinite(w.lambda))
    raise(ErrorKind::usage,
          "--lambda is " + text::number(w.lambda) + ". A penalty is a finite number, 0 or more.");
  const auto rows = static_cast<double>(d.y.size());
  double top = largest_lambda(d.x, d.y, options);
  if (!(top > 0)) top = 1;
  const Numbers grid = lambda_grid(lasso ? top : 10 * top * rows, 40, lasso ? 1e-3 : 1e-6);
  double lambda = w.lambda;
  CrossValidation cv;
  const bool chosen = lambda < 0;
  if (chosen) {
    const int64_t folds = std::min<int64_t>(w.folds, d.y.size());
    cv = lasso ? cross_validate_lasso(d.x, d.y, grid, folds, key_from_seed(settings.seed), options)
               : cross_validate_ridge(d.x, d.y, grid, folds, key_from_seed(settings.seed), options);
    lambda = cv.best;
  }
  const PenalisedFit fit =
      lasso ? fit_lasso(d.x, d.y, lambda, options) : fit_ridge(d.x, d.y, lambda, options);
  need_finite(w, fit.coef, fit.rss);
  tell_left_out(d.read, settings);
  const int status = fit.converged ? done : numerical_failure;
  if (settings.json) {
    std::string out = "{\"lambda\":" + json(fit.lambda) + ",\"intercept\":" + json(fit.intercept) +
                      ",\"coef\":" + json(fit.coef) + ",\"rss\":" + json(fit.rss) +
                      ",\"r2\":" + json(fit.r2) + ",\"freedom\":" + json(fit.freedom);
    if (lasso)
      out += ",\"zeros\":" + std::to_string(fit.zeros()) + ",\"gap\":" + json(fit.gap) +
             ",\"sweeps\":" + std::to_string(fit.sweeps);
    if (chosen)
      out += ",\"cross_validation\":{\"lambdas\":" + json(cv.lambdas) +
             ",\"error\":" + json(cv.error) + ",\"error_se\":" + json(cv.error_se) +
             ",\"best\":" + json(cv.best) + ",\"simplest\":" + json(cv.simplest) + "}";
    print(out + "}\n");
    return status;
  }
  print("fit           " + visible(d.read.response) + " by " +
        (!lasso ? "ridge: the squared error plus lambda |b|^2"
         : w.l1_ratio == 1
             ? "lasso: half the mean squared error plus lambda |b|_1"
             : "the elastic net: half the mean squared error plus lambda (" + small(w.l1_ratio) +
                   " |b|_1 + " + small(1 - w.l1_ratio) + " |b|^2 / 2)") +
        "\nlambda        " + small(fit.lambda) +
        (chosen ? ", the best of " + std::to_string(cv.lambdas.size()) +
                      " by cross-validation (seed " + std::to_string(settings.seed) + "); up to " +
                      small(cv.simplest) + " is as good within one standard error"
                : "") +
        "\n\n");
  const LinearFit plain =
      fit_linear(d.x, d.y, {.intercept = options.intercept, .influence = false});
  std::vector<std::vector<std::string>> table{{"term", "coefficient", "least squares", ""}};
  const size_t extra = options.intercept ? 1 : 0;
  if (options.intercept)
    table.push_back({"1", small(fit.intercept), small(plain.coef[0]), "not penalised"});
  for (size_t j = 0; j < d.names.size(); ++j) {
    const double share = fit.coef[j] / plain.coef[j + extra];
    table.push_back({d.names[j], small(fit.coef[j]), small(plain.coef[j + extra]),
                     fit.coef[j] == 0 ? "exactly 0"
                     : share > 0 && share < 1
                         ? "shrunk by " + text::significant(100 * (1 - share), 3) + " %"
                         : ""});
  }
  print(columns(table, 2));
  print("\nR2            " + r2_text(fit.r2) + "; least squares " + r2_text(plain.r2) + "\n");
  print("freedom       " + text::significant(fit.freedom, 4) + " effective coefficients of " +
        std::to_string(d.names.size() + extra) + "\n");
  if (lasso)
    print("proof         the duality gap says the objective is within " +
          text::significant(fit.gap, 2) + " of the least" +
          (fit.converged ? "" : ": not enough. A larger --lambda converges sooner") + "\n");
  print(path_picture(
      d,
      [&] {
        if (lasso) return lasso_path(d.x, d.y, grid, options);
        std::vector<PenalisedFit> path;
        for (double l : grid) path.push_back(fit_ridge(d.x, d.y, l, options));
        return path;
      }(),
      settings.plain));
  return status;
}

int run_logistic(const FitWords& w, const Settings& settings) {
  const Design d = design_of(w);
  const LogisticFit fit =
      fit_logistic(d.x, d.y, {.l2 = w.l2, .intercept = !w.no_intercept, .method = w.method});
  need_finite(w, fit.coef, fit.loss);
  tell_left_out(d.read, settings);
  const int status = fit.converged || fit.separable ? done : numerical_failure;
  const auto name_of = [&](size_t k) {
    return d.read.levels.empty() ? text::number(fit.classes[k]) : d.read.levels[k];
  };
  const size_t rows = fit.intercept.size();
  const auto p = static_cast<size_t>(fit.columns);
  if (settings.json) {
    std::string out = "{\"classes\":[";
    for (size_t k = 0; k < fit.classes.size(); ++k)
      out += (k > 0 ? "," : "") +
             (d.read.levels.empty() ? json(fit.classes[k]) : text::quote_json(name_of(k)));
    out += "],\"intercept\":" + (rows == 1 ? json(fit.intercept[0]) : json(fit.intercept)) +
           ",\"coef\":" +
           (rows == 1 ? json(fit.coef)
                      : to_json(from_vector(fit.coef, {static_cast<int64_t>(rows), fit.columns}))) +
           ",\"loss\":" + json(fit.loss) + ",\"accuracy\":" + json(fit.accuracy) +
           ",\"iterations\":" + std::to_string(fit.iterations) +
           ",\"separable\":" + json(fit.separable);
    if (!fit.se.empty()) out += ",\"se\":" + json(fit.se);
    if (!fit.warning.empty()) out += ",\"warning\":" + text::quote_json(fit.warning);
    print(out + "}\n");
    return status;
  }
  print("fit           " + visible(d.read.response) + " by " +
        (rows == 1 ? "logistic regression: the log odds of " + visible(name_of(1)) + " against " +
                         visible(name_of(0))
                   : "softmax regression over " + std::to_string(fit.classes.size()) + " classes") +
        ", l2 " + small(w.l2) + "\n\n");
  std::vector<std::vector<std::string>> table;
  if (rows == 1) {
    table.push_back({"term", "coefficient", "odds times"});
    if (!fit.se.empty()) table[0].insert(table[0].end(), {"standard error", "z", "p"});
    const auto line = [&](const std::string& name, double b, size_t j) {
      table.push_back({name, small(b), small(std::exp(b))});
      if (j < fit.se.size())
        table.back().insert(table.back().end(),
                            {text::significant(fit.se[j], 4), text::significant(fit.z[j], 4),
                             p_text(fit.p_value[j])});
    };
    if (!w.no_intercept) line("1", fit.intercept[0], p);
    for (size_t j = 0; j < p; ++j) line(d.names[j], fit.coef[j], j);
  } else {
    table.push_back({"term"});
    for (size_t k = 0; k < rows; ++k) table[0].push_back(name_of(k));
    if (!w.no_intercept) {
      table.push_back({"1"});
      for (size_t k = 0; k < rows; ++k) table.back().push_back(small(fit.intercept[k]));
    }
    for (size_t j = 0; j < p; ++j) {
      table.push_back({d.names[j]});
      for (size_t k = 0; k < rows; ++k) table.back().push_back(small(fit.coef[k * p + j]));
    }
  }
  print(columns(table, 2));
  print("\nloss          " + small(fit.loss) + " nats a row; knowing nothing costs " +
        small(std::log(static_cast<double>(fit.classes.size()))) + "\n");
  print("accuracy      " + small(100 * fit.accuracy) + " % of the rows it was fitted to\n");
  print("descent       " + counted(fit.iterations, "step", "steps") + " of " +
        (fit.method == "newton" ? "Newton's method" : "L-BFGS") + ", largest slope " +
        text::significant(fit.slope, 2) +
        (fit.separable    ? ": the coefficients are where the search stopped, and grow without end"
         : !fit.converged ? ": not at a minimum"
                          : "") +
        "\n");
  if (!fit.warning.empty()) print("warning       " + fit.warning + "\n");
  return status;
}

constexpr std::string_view kinds[] = {"linear", "nonlinear", "ridge", "lasso", "logistic"};

int run_fit(const FitWords& w, const Settings& settings) {
  if (w.response.empty())
    raise(ErrorKind::usage, "fit: which column is the response? Name it, as in --response y.");
  if (!(w.confidence > 0 && w.confidence < 1))
    raise(ErrorKind::usage, "fit: --confidence lies between 0 and 1");
  if (w.kind == "linear") return run_linear(w, settings);
  if (w.kind == "nonlinear") return run_nonlinear(w, settings);
  if (w.kind == "ridge" || w.kind == "lasso") return run_penalised(w, settings);
  return run_logistic(w, settings);
}

void require_kind(const std::string& kind) {
  if (std::ranges::find(kinds, kind) != std::end(kinds)) return;
  const auto near = text::nearest(kind, kinds);
  raise(ErrorKind::usage, "fit: there is no kind '" + kind +
                              "'. It is linear, nonlinear, ridge, lasso or logistic." +
                              (near ? " Did you mean " + std::string(*near) + "?" : ""));
}

}  // namespace

void add_fit(Command& command, const Settings& settings) {
  const auto w = std::make_shared<FitWords>();
  command.word("KIND", w->kind, "linear, nonlinear, ridge, lasso or logistic");
  command.word("FILE", w->file, "CSV with a header");
  command.option("--response", w->response, "the column to explain, by name or place", "COLUMN");
  command.option("--terms", w->terms,
                 "products of powers of columns, 1 for the intercept; all columns without it",
                 "1,x,x^2,x*z");
  command.option("--model", w->model, "nonlinear: an expression of columns and parameters", "EXPR");
  command.option("--start", w->start, "nonlinear: where the parameters begin, b1=500,b2=0.01",
                 "NAME=VALUE");
  command.option("--lambda", w->lambda, "ridge, lasso: the penalty; below 0: by cross-validation");
  command.option("--l1-ratio", w->l1_ratio, "lasso: below 1 the elastic net");
  command.option("--folds", w->folds, "ridge, lasso: of the cross-validation");
  command.option("--l2", w->l2, "logistic: the penalty; 0 gives standard errors");
  command.option("--method", w->method, "logistic: auto, newton or lbfgs", "WORD");
  command.option("--confidence", w->confidence, "of the intervals");
  command.flag("--no-intercept", w->no_intercept, "through the origin");
  command.flag("--standardise", w->standardise, "ridge, lasso: columns by their deviation");
  command.flag("--solvers", w->solvers, "linear: what each way of solving does to the digits");
  command.example("gradus fit linear cars.csv --response mpg --terms 1,weight,weight^2");
  command.example(
      "gradus fit nonlinear growth.csv --response y --model 'b1*(1-exp(-b2*x))' --start "
      "b1=500,b2=0.0001");
  command.example("gradus fit lasso houses.csv --response price");
  command.runs([w, &settings, &command] {
    require_kind(w->kind);
    require_belonging(command, w->kind,
                      {{"--terms", {"linear", "ridge", "lasso", "logistic"}},
                       {"--no-intercept", {"linear", "ridge", "lasso", "logistic"}},
                       {"--model", {"nonlinear"}},
                       {"--start", {"nonlinear"}},
                       {"--confidence", {"linear", "nonlinear"}},
                       {"--solvers", {"linear"}},
                       {"--lambda", {"ridge", "lasso"}},
                       {"--folds", {"ridge", "lasso"}},
                       {"--standardise", {"ridge", "lasso"}},
                       {"--l1-ratio", {"lasso"}},
                       {"--l2", {"logistic"}},
                       {"--method", {"logistic"}}});
    if (command.given("--terms") && w->terms.empty())
      raise(ErrorKind::usage,
            "--terms is empty. Name some, as in --terms 1,x,x^2, or leave it out for all columns.");
    return run_fit(*w, settings);
  });
}

}  // namespace gradus::app
