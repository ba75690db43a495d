// Factorisations and what stands on them, f64: our public functions, result allocated, beside
// LAPACK of OpenBLAS and Eigen, which work in memory of their own that is made once. In turn,
// medians. An Eigen that is not found when this is built, or a library that is not there when it
// runs, is not measured. The program `decompositions` of GRADUS_PEERS (NumPy, SciPy, scikit-learn)
// prints lines `decompositions,peer,threads,case,ms` of the same cases.
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/linalg/low_rank.h>
#include <gradus/linalg/rank.h>
#include <gradus/linalg/solve.h>
#include <gradus/linalg/spectral.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/limits.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <unistd.h>
#ifdef GRADUS_BENCH_EIGEN
#include <Eigen/Dense>
#endif

#include "peers.h"
#include "rows.h"

namespace gradus {
namespace {

using Work = std::function<void()>;
using Clock = std::chrono::steady_clock;

double seconds(const Work& f, int64_t calls) {
  const auto start = Clock::now();
  for (int64_t i = 0; i < calls; ++i) f();
  return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(calls);
}

struct Lapack {
  using Square = void (*)(const int*, const int*, double*, const int*, int*, int*);
  void (*threads)(int) = nullptr;
  void (*potrf)(const char*, const int*, double*, const int*, int*) = nullptr;
  Square getrf = nullptr;
  void (*getrs)(const char*, const int*, const int*, const double*, const int*, const int*, double*,
                const int*, int*) = nullptr;
  void (*getri)(const int*, double*, const int*, const int*, double*, const int*, int*) = nullptr;
  void (*geqrf)(const int*, const int*, double*, const int*, double*, double*, const int*,
                int*) = nullptr;
  void (*orgqr)(const int*, const int*, const int*, double*, const int*, const double*, double*,
                const int*, int*) = nullptr;
  void (*syevd)(const char*, const char*, const int*, double*, const int*, double*, double*,
                const int*, int*, const int*, int*) = nullptr;
  void (*gesdd)(const char*, const int*, const int*, double*, const int*, double*, double*,
                const int*, double*, const int*, double*, const int*, int*, int*) = nullptr;
  void (*geev)(const char*, const char*, const int*, double*, const int*, double*, double*, double*,
               const int*, double*, const int*, double*, const int*, int*) = nullptr;

  Lapack() {
    void* blas = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_GLOBAL);
    void* rest = dlopen("liblapack.so.3", RTLD_NOW);
    const auto find = [&](auto& f, const char* name) {
      void* at = blas ? dlsym(blas, name) : nullptr;
      if (!at && rest) at = dlsym(rest, name);
      std::memcpy(&f, &at, sizeof at);
    };
    find(threads, "openblas_set_num_threads");
    find(potrf, "dpotrf_");
    find(getrf, "dgetrf_");
    find(getrs, "dgetrs_");
    find(getri, "dgetri_");
    find(geqrf, "dgeqrf_");
    find(orgqr, "dorgqr_");
    find(syevd, "dsyevd_");
    find(gesdd, "dgesdd_");
    find(geev, "dgeev_");
  }
  bool is_there() const {
    return threads && potrf && getrf && getrs && getri && geqrf && orgqr && syevd && gesdd && geev;
  }
};

// One decomposition of one size, by each of us who has it.
struct Case {
  std::string name;  // with the size
  double flops;
  Work ours, lapack, eigen;
};

// Numbers that both sides read, and the memory of LAPACK.
struct Data {
  int64_t n;
  int order;
  Tensor a, spd, b;
  std::vector<double> in, in_spd, right, out, work, tau;
  std::vector<int> pivots;
  int room, info = 0;

  explicit Data(int64_t size) : n(size), order(static_cast<int>(size)), room(order * 64) {
    const auto count = static_cast<size_t>(n * n);
    in.resize(count);
    fill_normal(key_from_seed(1), 0, std::span<double>(in));
    right.assign(static_cast<size_t>(n), 1);
    out.resize(count);
    a = from_vector(in, {n, n});
    b = from_vector(right, {n});
    spd = matmul(a, transpose(a)) + static_cast<double>(n) * eye(n);
    in_spd.resize(count);
    std::memcpy(in_spd.data(), bytes_of(spd).data(), count * sizeof(double));
    work.resize(static_cast<size_t>(room));
    tau.resize(static_cast<size_t>(n));
    pivots.resize(static_cast<size_t>(n));
  }
};

#ifdef GRADUS_BENCH_EIGEN
volatile double sink;
#endif

std::vector<Case> cases_of(Data& d, const Lapack& l) {
  const auto cube = static_cast<double>(d.n * d.n * d.n);
  const auto start = [&d](const std::vector<double>& from) {
    std::copy(from.begin(), from.end(), d.out.begin());
  };
  const auto factor = [&d, &l, start] {
    start(d.in);
    l.getrf(&d.order, &d.order, d.out.data(), &d.order, d.pivots.data(), &d.info);
  };
  std::vector<Case> cases{{"cholesky", cube / 3, [&d] { cholesky(d.spd); },
                           [&d, &l, start] {
                             start(d.in_spd);
                             l.potrf("L", &d.order, d.out.data(), &d.order, &d.info);
                           },
                           nullptr},
                          {"solve", 2 * cube / 3, [&d] { solve(d.a, d.b); },
                           [&d, &l, factor] {
                             factor();
                             const int one = 1;
                             std::vector<double>& x = d.tau;
                             std::copy(d.right.begin(), d.right.end(), x.begin());
                             l.getrs("N", &d.order, &one, d.out.data(), &d.order, d.pivots.data(),
                                     x.data(), &d.order, &d.info);
                           },
                           nullptr},
                          {"inv", 2 * cube, [&d] { inv(d.a); },
                           [&d, &l, factor] {
                             factor();
                             l.getri(&d.order, d.out.data(), &d.order, d.pivots.data(),
                                     d.work.data(), &d.room, &d.info);
                           },
                           nullptr},
                          {"det", 2 * cube / 3, [&d] { det(d.a); }, factor, nullptr},
                          {"qr", 8 * cube / 3, [&d] { qr(d.a); },
                           [&d, &l, start] {
                             start(d.in);
                             l.geqrf(&d.order, &d.order, d.out.data(), &d.order, d.tau.data(),
                                     d.work.data(), &d.room, &d.info);
                             l.orgqr(&d.order, &d.order, &d.order, d.out.data(), &d.order,
                                     d.tau.data(), d.work.data(), &d.room, &d.info);
                           },
                           nullptr}};
  // The routines that NumPy calls. Most of eigh and svd runs in the same library on both sides.
  struct Room {
    std::vector<double> w, u, vt, work;
    std::vector<int> iwork;
    int reals, integers;
  };
  const auto room = std::make_shared<Room>();
  const auto count = static_cast<size_t>(d.n * d.n);
  room->reals = 8 * d.order * d.order + 64 * d.order + 64;
  room->integers = 8 * d.order + 8;
  room->w.resize(static_cast<size_t>(d.n));
  room->u.resize(count);
  room->vt.resize(count);
  room->work.resize(static_cast<size_t>(room->reals));
  room->iwork.resize(static_cast<size_t>(room->integers));
  cases.push_back({"eigh", 9 * cube, [&d] { eigh(d.spd); },
                   [&d, &l, start, room] {
                     start(d.in_spd);
                     l.syevd("V", "L", &d.order, d.out.data(), &d.order, room->w.data(),
                             room->work.data(), &room->reals, room->iwork.data(), &room->integers,
                             &d.info);
                   },
                   nullptr});
  cases.push_back({"eigvalsh", 4 * cube / 3, [&d] { eigvalsh(d.spd); },
                   [&d, &l, start, room] {
                     start(d.in_spd);
                     l.syevd("N", "L", &d.order, d.out.data(), &d.order, room->w.data(),
                             room->work.data(), &room->reals, room->iwork.data(), &room->integers,
                             &d.info);
                   },
                   nullptr});
  cases.push_back({"eig", 25 * cube, [&d] { eig(d.a); },
                   [&d, &l, start, room] {
                     start(d.in);
                     l.geev("N", "V", &d.order, d.out.data(), &d.order, room->w.data(),
                            d.tau.data(), room->u.data(), &d.order, room->vt.data(), &d.order,
                            room->work.data(), &room->reals, &d.info);
                   },
                   nullptr});
  cases.push_back({"svdvals", 8 * cube / 3, [&d] { svdvals(d.a); },
                   [&d, &l, start, room] {
                     start(d.in);
                     l.gesdd("N", &d.order, &d.order, d.out.data(), &d.order, room->w.data(),
                             room->u.data(), &d.order, room->vt.data(), &d.order, room->work.data(),
                             &room->reals, room->iwork.data(), &d.info);
                   },
                   nullptr});
  cases.push_back({"svd", 22 * cube, [&d] { svd(d.a); },
                   [&d, &l, start, room] {
                     start(d.in);
                     l.gesdd("S", &d.order, &d.order, d.out.data(), &d.order, room->w.data(),
                             room->u.data(), &d.order, room->vt.data(), &d.order, room->work.data(),
                             &room->reals, room->iwork.data(), &d.info);
                   },
                   nullptr});
#ifdef GRADUS_BENCH_EIGEN
  using Eigen::MatrixXd;
  using Eigen::VectorXd;
  struct Theirs {
    MatrixXd a, spd, out;
    VectorXd b, x;
    Eigen::LLT<MatrixXd> llt;
    Eigen::PartialPivLU<MatrixXd> lu;
    Eigen::HouseholderQR<MatrixXd> qr;
  };
  const auto t = std::make_shared<Theirs>();
  t->a = Eigen::Map<const MatrixXd>(d.in.data(), d.n, d.n);
  t->spd = Eigen::Map<const MatrixXd>(d.in_spd.data(), d.n, d.n);
  t->b = VectorXd::Ones(d.n);
  cases[0].eigen = [t] { sink = t->llt.compute(t->spd).matrixLLT()(0, 0); };
  cases[1].eigen = [t] {
    t->x = t->lu.compute(t->a).solve(t->b);
    sink = t->x(0);
  };
  cases[2].eigen = [t] {
    t->out = t->lu.compute(t->a).inverse();
    sink = t->out(0, 0);
  };
  cases[3].eigen = [t] { sink = t->lu.compute(t->a).determinant(); };
  cases[4].eigen = [t] {
    t->out = t->qr.compute(t->a).householderQ();
    sink = t->out(0, 0);
  };
#endif
  for (Case& c : cases) c.name += " " + std::to_string(d.n);
  return cases;
}

// Tall matrices, by us and by the programs of others alone.
std::vector<Case> tall_cases() {
  std::vector<Case> cases;
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{1000, 100}, {10'000, 50}}) {
    std::vector<double> x(static_cast<size_t>(m * n)), y(static_cast<size_t>(m));
    fill_normal(key_from_seed(1), 0, std::span<double>(x));
    fill_normal(key_from_seed(2), 0, std::span<double>(y));
    const Tensor a = from_vector(x, {m, n}), b = from_vector(y);
    const std::string size = " " + std::to_string(m) + " x " + std::to_string(n);
    const double flops = 2.0 * static_cast<double>(m * n * n);
    cases.push_back({"lstsq" + size, flops, [a, b] { lstsq(a, b); }, nullptr, nullptr});
    cases.push_back({"pca" + size, flops, [a] { pca(a, 10); }, nullptr, nullptr});
  }
  return cases;
}

void measure(const Case& c, int64_t n, const Lapack& lapack, const std::vector<PeerLine>& peers,
             const BenchOptions& options, const double (&peak)[2]) {
  const int rounds = options.quick ? 1 : 11;
  std::vector<double> ours[2], theirs[2], eigen;
  // About 3 ms a measurement.
  const double guess = seconds(c.ours, 1);
  const auto calls = static_cast<int64_t>(std::max(1.0, 3e-3 / std::max(guess, 1e-7)));
  for (int round = 0; round < rounds; ++round) {
    for (const int threads : {1, 2}) {
      if (options.threads > 0 && options.threads != threads) continue;
      set_thread_count(threads);
      c.ours();
      ours[threads - 1].push_back(seconds(c.ours, calls));
      if (options.quick || !c.lapack || !lapack.is_there()) continue;
      lapack.threads(threads);
      c.lapack();
      theirs[threads - 1].push_back(seconds(c.lapack, calls));
      lapack.threads(1);
      // Its threads spin for a while before they sleep.
      if (threads > 1) usleep(20000);
    }
    if (c.eigen && !options.quick) {
      c.eigen();
      eigen.push_back(seconds(c.eigen, calls));
    }
  }
  for (const int threads : {1, 2}) {
    const auto t = static_cast<size_t>(threads - 1);
    if (ours[t].empty()) continue;
    const double own = median(ours[t]), blas = median(theirs[t]), other = median(eigen);
    const bool eigen_wins = other < blas || (c.lapack && !std::isfinite(blas));
    const auto row = [&](const char* name, double peer, bool best) {
      print({.group = "decompositions",
             .name = c.name,
             .threads = threads,
             .ours = own * 1e6,
             .peer_name = name,
             .peer = peer * 1e6,
             .limit_share = c.flops / own / peak[t],
             .floor = best ? 1.0 : not_there,
             .aim = !best       ? not_there
                    : n >= 1024 ? 1.3
                                : 1.0},
            options);
    };
    if (c.lapack) {
      row("LAPACK of OpenBLAS", blas, !eigen_wins);
      row("Eigen", other, eigen_wins);
    }
    bool met = c.lapack != nullptr;
    for (const PeerLine& line : peers) {
      if (line.what != c.name || line.threads != threads) continue;
      row(line.peer.c_str(), line.number * 1e-3, !c.lapack);
      met = true;
    }
    if (!met) row("NumPy", not_there, true);
  }
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  using namespace gradus;
  const BenchOptions options = bench_options(argc, argv);
  const Lapack lapack;
  double peak[2];
  for (const int threads : {1, 2}) {
    set_thread_count(threads);
    peak[threads - 1] = measure_flops().flops_f64;
  }
  std::vector<int64_t> sizes{4, 16, 64, 256, 512, 1024};
  if (options.quick) sizes = {4, 64};
  std::string only;
  for (const std::string& word : options.words)
    if (const int n = std::atoi(word.c_str()); n > 0)
      sizes = {n};
    else
      only = word;
  const std::vector<PeerLine> peers =
      options.quick ? std::vector<PeerLine>() : peer_lines("decompositions");
  const auto wanted = [&](const Case& c) {
    return only.empty() || c.name.substr(0, c.name.find(' ')) == only;
  };
  for (const int64_t n : sizes) {
    Data data(n);
    for (const Case& c : cases_of(data, lapack))
      if (wanted(c)) measure(c, n, lapack, peers, options, peak);
  }
  for (const Case& c : tall_cases())
    if (wanted(c)) measure(c, 0, lapack, peers, options, peak);
}
