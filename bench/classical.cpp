// Regressions, f64, ms: least squares with standard errors, ridge, lasso, logistic regression, and
// the best of the program `classical` of GRADUS_PEERS (NumPy, SciPy, scikit-learn), which prints
// lines `cls,peer,threads,case,ms`. Ours from tensors to a fit that says all it knows but leverage.
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/io/csv.h>
#include <gradus/regress/linear.h>
#include <gradus/regress/logistic.h>
#include <gradus/regress/penalised.h>

#include <cstdlib>

#include "peers.h"
#include "rows.h"

namespace gradus {
namespace {

struct Data {
  Tensor x, y;
};

// y = X w + noise e, of which the first `used` columns count.
Data made(int64_t n, int64_t d, int64_t used, double noise) {
  std::vector<double> x(static_cast<size_t>(n * d)), w(static_cast<size_t>(used)),
      y(static_cast<size_t>(n));
  fill_normal(key_from_seed(1), 0, std::span<double>(x));
  fill_normal(key_from_seed(2), 0, std::span<double>(w));
  fill_normal(key_from_seed(3), 0, std::span<double>(y));
  for (int64_t i = 0; i < n; ++i) {
    double& sum = y[static_cast<size_t>(i)];
    sum *= noise;
    for (int64_t j = 0; j < used; ++j)
      sum += x[static_cast<size_t>(i * d + j)] * w[static_cast<size_t>(j)];
  }
  return {from_vector(x, {n, d}), from_vector(y)};
}

// The digits of GRADUS_DIGITS, or of digits.csv beside the peers: 64 pixels of 0 to 16, the label
// last. Absent where there is no file.
Data digits() {
  const char *named = std::getenv("GRADUS_DIGITS"), *folder = std::getenv("GRADUS_PEERS");
  const std::string path =
      named ? named : (folder ? folder : std::string()) + std::string("/digits.csv");
  if (access(path.c_str(), R_OK) != 0) return {};
  const CsvTable table = read_csv(path);
  const size_t d = table.columns.size() - 1;
  std::vector<double> x;
  for (size_t i = 0; i < static_cast<size_t>(table.rows); ++i)
    for (size_t j = 0; j < d; ++j) x.push_back(table.columns[j].numbers[i] / 16);
  return {from_vector(x, {table.rows, static_cast<int64_t>(d)}),
          from_vector(table.columns[d].numbers)};
}

struct Case {
  const char* name;
  std::vector<const char*> peers;  // their names of it; the quickest counts
  double aim;
  std::function<void()> run;
};

void run(const BenchOptions& options) {
  const Data tall = made(10'000, 50, 50, 1), wide = made(1000, 200, 20, 0.1), images = digits();
  std::vector<Case> cases{
      {"least squares 10000 x 50, stable",
       {"lstsq 10000x50 numpy (gelsd)", "lstsq 10000x50 scipy gelsy",
        "sklearn LinearRegression 10000x50"},
       3,
       [&] { fit_linear(tall.x, tall.y, {.intercept = false, .influence = false}); }},
      {"ridge 10000 x 50", {"sklearn Ridge 10000x50"}, 2.5, [&] { fit_ridge(tall.x, tall.y, 1); }},
      {"lasso 1000 x 200, lambda 0.1",
       {"sklearn Lasso CD 1000x200 alpha=0.1"},
       1.5,
       [&] { fit_lasso(wide.x, wide.y, 0.1); }},
      {"lasso 1000 x 200, lambda 0.001", {"sklearn Lasso CD 1000x200 alpha=0.001"}, 1.5, [&] {
         fit_lasso(wide.x, wide.y, 0.001);
       }}};
  if (!images.x.is_absent())
    // scikit-learn's stopping rule: slopes of the mean objective below 1e-4.
    cases.push_back(
        {"logistic regression, digits", {"sklearn LogisticRegression digits (lbfgs)"}, 2, [&] {
           fit_logistic(images.x, images.y, {.tolerance = 1e-4});
         }});
  const std::vector<PeerLine> peers = peer_lines("classical");
  for (int threads : {1, 2}) {
    if (options.threads > 0 && threads != options.threads) continue;
    set_thread_count(threads);
    for (const Case& c : cases) {
      Row row{.group = "classical", .name = c.name, .threads = threads, .unit = "ms"};
      row.ours = time_call(c.run, options.quick, 9, 20'000) / 1000;
      for (const char* name : c.peers)
        if (const double ms = least(peers, name, threads); std::isfinite(ms) && !(row.peer <= ms)) {
          row.peer = ms;
          row.peer_name = name;
        }
      if (row.peer_name.empty()) row.peer_name = c.peers[0];
      row.floor = 1;
      row.aim = c.aim;
      print(row, options);
    }
  }
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  gradus::run(gradus::bench_options(argc, argv));
}
