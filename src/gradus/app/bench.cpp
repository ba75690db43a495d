// gradus bench KIND: how fast this machine and this build are, in numbers anyone can repeat.
#include <gradus/app/bench.h>
#include <gradus/app/bench_step.h>
#include <gradus/app/columns.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/gemm.h>
#include <gradus/ops/gemm_bf16.h>
#include <gradus/ops/limits.h>
#include <sys/resource.h>
#include <gradus/gradus.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace gradus::app {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using Clock = std::chrono::steady_clock;

std::string giga(double x) {
  return text::significant(x * 1e-9, x < 1e10 ? 2 : x < 1e11 ? 3 : 4);
}

std::string percent(double share) {
  return text::fixed(100 * share, 0) + " %";
}

std::string threads_text(int n) {
  return std::to_string(n) + (n == 1 ? " thread" : " threads");
}

template <class F>
double seconds(const F& f) {
  const auto start = Clock::now();
  f();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

struct Work {
  int threads;
  std::function<void()> run;
  double seconds = 0;  // a call
  double peak = 0;     // operations a second of these threads at the same time
};

// Each in turn, so that a busy machine slows all of them: medians of rounds of about 10 ms.
void in_turn(std::vector<Work>& all, int rounds, double Limits::*peak = &Limits::flops_f32) {
  const int before = thread_count();
  std::vector<std::vector<double>> times(all.size());
  std::vector<int64_t> calls(all.size());
  for (int r = 0; r < rounds; ++r) {
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i].threads != thread_count()) set_thread_count(all[i].threads);
      all[i].peak = std::max(all[i].peak, measure_flops().*peak);
      const double once = seconds(all[i].run);
      if (r == 0) calls[i] = static_cast<int64_t>(std::clamp(1e-2 / once, 1.0, 1e6));
      if (once > 0.1) {
        times[i].push_back(once);
        continue;
      }
      times[i].push_back(seconds([&] {
                           for (int64_t c = 0; c < calls[i]; ++c) all[i].run();
                         }) /
                         static_cast<double>(calls[i]));
    }
  }
  set_thread_count(before);
  for (size_t i = 0; i < all.size(); ++i) all[i].seconds = median(times[i]);
}

int64_t size_of(const std::string& verb, const char* what, const std::string& word) {
  constexpr int64_t most = 8192;
  const auto n = text::parse_int64(word);
  if (!n || *n < 1 || *n > most)
    raise(ErrorKind::usage, verb + ": " + what + " is '" + word +
                                "'. Sizes are whole numbers from 1 to " + std::to_string(most) +
                                ".");
  return *n;
}

void no_more(const BenchWords& w, size_t most) {
  if (w.rest.size() > most)
    raise(ErrorKind::usage, w.kind + ": '" + w.rest[most] + "' is one word too many");
}

// ---- step ----

int step(const BenchWords& w, const Settings& settings) {
  std::string name;
  if (!w.rest.empty()) name = w.rest[0];
  const StepModel& model = step_model(name);
  no_more(w, 1);
  TrainingStep s = model.make();
  // Before and after: another program may have slowed one of them.
  const double before = measure_flops().flops_f32;
  const StepTimes t = time_steps(s.plan, 0.7);
  const double peak = std::max(before, measure_flops().flops_f32);
  const double rate = s.flops / (t.median * 1e-6);
  if (settings.json) {
    print(
        "{\"name\":" + text::quote_json(model.name) + ",\"model\":" + text::quote_json(model.says) +
        ",\"us_per_step\":" + text::significant(t.median, 6) +
        ",\"best\":" + text::significant(t.best, 6) + ",\"p99\":" + text::significant(t.p99, 6) +
        ",\"steps\":" + std::to_string(t.steps) + ",\"threads\":" + std::to_string(thread_count()) +
        ",\"instructions\":" + std::to_string(s.plan.instruction_count()) +
        ",\"arena_bytes\":" + std::to_string(s.plan.arena_bytes()) + ",\"peak_bytes\":" +
        std::to_string(most_resident()) + ",\"allocations\":" + std::to_string(t.allocations) +
        ",\"flops\":" + text::number(s.flops) + ",\"gflops\":" + text::significant(rate * 1e-9, 6) +
        ",\"peak_gflops\":" + text::significant(peak * 1e-9, 6) +
        ",\"share_of_peak\":" + text::significant(rate / peak, 4) + "}\n");
    return done;
  }
  print("(" + std::string(model.name) + ") " + std::string(model.says) +
        ": forward, backward and Adam as one plan, " + threads_text(thread_count()) + "\n");
  print(columns({{"time a step", time_text(t.median) + " median, " + time_text(t.best) + " best, " +
                                     time_text(t.p99) + " in the slowest hundredth"},
                 {"arithmetic", text::grouped(static_cast<int64_t>(s.flops)) + " operations: " +
                                    giga(rate) + " GFLOP/s, " + percent(rate / peak) + " of the " +
                                    giga(peak) + " measured now"},
                 {"plan", std::to_string(s.plan.instruction_count()) + " instructions, " +
                              bytes_text(static_cast<double>(s.plan.arena_bytes())) +
                              " of memory, " + bytes_text(static_cast<double>(most_resident())) +
                              " in the whole process, " + std::to_string(t.allocations) +
                              " allocations in " + text::grouped(t.steps) + " steps"}}));
  return done;
}

// ---- gemm ----

// As the definition says: c[i,j] = sum over p of a[i,p] b[p,j].
template <class T, class Sum>
void naive(int64_t rows, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
           int64_t b_row, int64_t b_col, Sum* c) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < n; ++j) {
      Sum sum = 0;
      for (int64_t p = 0; p < k; ++p)
        sum +=
            static_cast<Sum>(a[i * a_row + p * a_col]) * static_cast<Sum>(b[p * b_row + j * b_col]);
      c[i * n + j] = sum;
    }
}

// Of T; accumulated and answered in Sum.
template <class T, class Sum = T>
int product(const BenchWords& w, const Settings& settings, int64_t m, int64_t k, int64_t n) {
  const auto filled = [](int64_t count, int64_t period) {
    std::vector<T> v(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i)
      v[static_cast<size_t>(i)] = static_cast<T>(static_cast<Sum>(i % period - period / 2));
    return v;
  };
  const std::vector<T> a = filled(m * k, 17), b = filled(k * n, 13);
  std::vector<Sum> c(static_cast<size_t>(m * n));
  const bool ta = w.transpose == "a", tb = w.transpose == "b";
  const int64_t a_row = ta ? 1 : k, a_col = ta ? m : 1, b_row = tb ? 1 : n, b_col = tb ? k : 1;
  // The naive loop on as many rows as take some 10 ms: its speed does not depend on them.
  const double row_flops = 2.0 * static_cast<double>(k * n);
  const auto rows = static_cast<int64_t>(std::clamp(1e7 / row_flops, 1.0, static_cast<double>(m)));
  const auto blocked = [&] {
    if constexpr (std::is_same_v<T, BFloat16>) {
      gemm_bf16(m, n, k, a.data(), a_row, a_col, b.data(), b_row, b_col, c.data(), n);
    } else {
      gemm(m, n, k, a.data(), a_row, a_col, b.data(), b_row, b_col, c.data(), n);
    }
  };
  std::vector<Work> all{
      {1, [&] { naive(rows, n, k, a.data(), a_row, a_col, b.data(), b_row, b_col, c.data()); }},
      {1, blocked}};
  if (thread_count() > 1) all.push_back({thread_count(), blocked});
  const double flops = row_flops * static_cast<double>(m);
  in_turn(all, flops > 1e11 ? 3 : 9, sizeof(Sum) == 4 ? &Limits::flops_f32 : &Limits::flops_f64);
  all[0].seconds *= static_cast<double>(m) / static_cast<double>(rows);

  const std::string shape =
      std::to_string(m) + " x " + std::to_string(k) + " x " + std::to_string(n);
  const char* names[] = {"naive", "blocked", "threaded"};
  Rows table{{"", "threads", "time", "GFLOP/s", "of peak", "speed-up"}};
  std::string json = "{\"m\":" + std::to_string(m) + ",\"k\":" + std::to_string(k) +
                     ",\"n\":" + std::to_string(n) + ",\"type\":" + text::quote_json(w.type) +
                     ",\"transpose\":" + text::quote_json(w.transpose);
  for (size_t i = 0; i < all.size(); ++i) {
    const double rate = flops / all[i].seconds, share = rate / all[i].peak;
    table.push_back({names[i], std::to_string(all[i].threads), time_text(all[i].seconds * 1e6),
                     giga(rate), percent(share),
                     text::significant(all[0].seconds / all[i].seconds, 3) + " x"});
    json += ",\"" + std::string(names[i]) + "\":{\"threads\":" + std::to_string(all[i].threads) +
            ",\"us\":" + text::significant(all[i].seconds * 1e6, 6) +
            ",\"gflops\":" + text::significant(rate * 1e-9, 6) +
            ",\"share_of_peak\":" + text::significant(share, 4) + "}";
  }
  if (settings.json) {
    print(json + "}\n");
    return done;
  }
  print("product of " + shape + ", " + w.type +
        (ta || tb ? std::string(", ") + w.transpose + " transposed" : "") + "\n" + columns(table) +
        "peak: fused multiply-adds of " + (sizeof(Sum) == 4 ? "f32" : "f64") +
        " measured between the rounds, " + giga(all.back().peak) + " GFLOP/s with " +
        threads_text(all.back().threads) + "\n");
  return done;
}

int gemm_kind(const BenchWords& w, const Settings& settings) {
  if (w.rest.size() < 3)
    raise(ErrorKind::usage, "gemm: " + std::to_string(w.rest.size()) +
                                " sizes given, 3 wanted. M K N multiply M x K by K x N.");
  no_more(w, 3);
  const int64_t m = size_of("gemm", "M", w.rest[0]), k = size_of("gemm", "K", w.rest[1]),
                n = size_of("gemm", "N", w.rest[2]);
  if (w.type == "bf16") return product<BFloat16, float>(w, settings, m, k, n);
  return w.type == "f64" ? product<double>(w, settings, m, k, n)
                         : product<float>(w, settings, m, k, n);
}

// ---- batch ----

// A linear layer on a batch against a loop over its rows, both through the public functions.
int batch(const BenchWords& w, const Settings& settings) {
  if (!w.rest.empty() && w.rest.size() < 3)
    raise(ErrorKind::usage, "batch: " + std::to_string(w.rest.size()) +
                                (w.rest.size() == 1 ? " size" : " sizes") +
                                " given, 3 or none wanted. ROWS FEATURES OUTPUTS; without them "
                                "128 784 256.");
  no_more(w, 3);
  const auto size = [&](size_t i, const char* what, int64_t usual) {
    return w.rest.empty() ? usual : size_of("batch", what, w.rest[i]);
  };
  const int64_t rows = size(0, "ROWS", 128), features = size(1, "FEATURES", 784),
                outputs = size(2, "OUTPUTS", 256);
  const auto drawn = [](uint64_t seed, const Shape& shape) {
    std::vector<float> z(static_cast<size_t>(element_count(shape)));
    fill_normal(key_from_seed(seed), 0, std::span<float>(z));
    return from_vector(z, shape);
  };
  const Tensor x = drawn(1, {rows, features}), weight = drawn(2, {outputs, features}),
               bias = drawn(3, {outputs});
  const auto layer = [&](const Tensor& in) { return matmul(in, transpose(weight)) + bias; };
  std::vector<Tensor> parts(static_cast<size_t>(rows));
  Tensor whole;
  std::vector<Work> all{{thread_count(),
                         [&] {
                           for (int64_t i = 0; i < rows; ++i)
                             parts[static_cast<size_t>(i)] = layer(slice(x, {{i, i + 1}}));
                         }},
                        {thread_count(), [&] { whole = layer(x); }}};
  in_turn(all, 9);
  const double apart = static_cast<double>(
      values<float>(max(abs(concatenate(parts) - whole)) / maximum(max(abs(whole)), 1e-30))[0]);
  const double loop = all[0].seconds * 1e6, batched = all[1].seconds * 1e6;
  if (settings.json) {
    print("{\"rows\":" + std::to_string(rows) + ",\"features\":" + std::to_string(features) +
          ",\"outputs\":" + std::to_string(outputs) + ",\"threads\":" +
          std::to_string(thread_count()) + ",\"loop_us\":" + text::significant(loop, 6) +
          ",\"batch_us\":" + text::significant(batched, 6) + ",\"ratio\":" +
          text::significant(loop / batched, 4) + ",\"difference\":" + text::number(apart) + "}\n");
    return done;
  }
  print("a linear layer " + std::to_string(features) + " -> " + std::to_string(outputs) + " on " +
        std::to_string(rows) + " rows, f32, " + threads_text(thread_count()) + "\n" +
        columns({{"row by row", time_text(loop)},
                 {"as one batch", time_text(batched),
                  text::significant(loop / batched, 3) + " times faster"},
                 {"difference", text::significant(apart, 2) + " of the largest element"}}));
  return done;
}

// ---- limits ----

int limits(const BenchWords& w, const Settings& settings) {
  no_more(w, 0);
  const int most = thread_count();
  std::vector<Limits> all;
  for (const int threads : {1, most}) {
    if (threads == 1 && most == 1 && !all.empty()) break;
    set_thread_count(threads);
    all.push_back(measure_limits(w.quick ? Effort::quick : Effort::thorough));
  }
  struct Level {
    const char* name;
    MemoryLimit Limits::*at;
  };
  constexpr Level levels[] = {
      {"L1", &Limits::l1}, {"L2", &Limits::l2}, {"L3", &Limits::l3}, {"memory", &Limits::memory}};
  if (settings.json) {
    std::string json = "[";
    for (const Limits& l : all) {
      json += (json.size() > 1 ? "," : "") + std::string("{\"threads\":") +
              std::to_string(l.threads) +
              ",\"gflops_f32\":" + text::significant(l.flops_f32 * 1e-9, 5) +
              ",\"gflops_f64\":" + text::significant(l.flops_f64 * 1e-9, 5) +
              ",\"clock_ghz\":" + text::significant(l.clock * 1e-9, 4);
      for (const Level& level : levels) {
        const MemoryLimit& m = l.*level.at;
        json += "," + text::quote_json(level.name) + ":{\"bytes\":" + std::to_string(m.bytes) +
                ",\"read_gbs\":" + text::significant(m.read * 1e-9, 4) +
                ",\"copy_gbs\":" + text::significant(m.copy * 1e-9, 4) +
                ",\"triad_gbs\":" + text::significant(m.triad * 1e-9, 4) + "}";
      }
      json += "}";
    }
    print(json + "]\n");
    return done;
  }
  Rows table{{""}, {"multiply-adds f32, GFLOP/s"}, {"multiply-adds f64, GFLOP/s"}};
  for (const Level& level : levels)
    table.push_back({std::string(level.name) + ", GB/s read, copy, a = b + s c"});
  for (const Limits& l : all) {
    table[0].push_back(threads_text(l.threads));
    table[1].push_back(giga(l.flops_f32));
    table[2].push_back(giga(l.flops_f64));
    for (size_t i = 0; i < std::size(levels); ++i) {
      const MemoryLimit& m = l.*levels[i].at;
      table[3 + i].push_back(giga(m.read) + "  " + giga(m.copy) + "  " + giga(m.triad));
    }
  }
  print(columns(table));
  if (all[0].clock > 0)
    print("clock about " + text::significant(all[0].clock * 1e-9, 3) +
          " GHz: one dependent addition a cycle\n");
  return done;
}

struct Kind {
  const char* name;
  int (*run)(const BenchWords&, const Settings&);
};
constexpr Kind kinds[] = {{"step", step},     {"gemm", gemm_kind},      {"batch", batch},
                          {"limits", limits}, {"digits", bench_digits}, {"growth", bench_growth}};

}  // namespace

// getrusage may count the parent's memory as ours, VmHWM does not.
int64_t most_resident() {
  int64_t kilobytes = 0;
  if (FILE* status = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, status))
      if (std::strncmp(line, "VmHWM:", 6) == 0) kilobytes = std::atoll(line + 6);
    std::fclose(status);
  }
  if (kilobytes == 0) {
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    kilobytes = use.ru_maxrss;
  }
  return kilobytes * 1024;
}

std::string time_text(double us) {
  if (us < 1000) return text::significant(us, 3) + " us";
  if (us < 1e6) return text::significant(us * 1e-3, 3) + " ms";
  return text::significant(us * 1e-6, 3) + " s";
}

void add_bench(Command& command, const Settings& settings) {
  const auto w = std::make_shared<BenchWords>();
  command.word("KIND", w->kind,
               "step NAME, gemm M K N, batch [ROWS FEATURES OUTPUTS], limits, digits FILE, growth");
  command.words("WORDS", w->rest, "what the kind asks for", false);
  command.choice("--transpose", w->transpose, "gemm: the operand that is stored transposed",
                 {"none", "a", "b"});
  command.choice("--type", w->type, "gemm: the type of the numbers", {"f32", "f64", "bf16"});
  command.flag("--quick", w->quick, "limits, growth: a short form");
  command.example("gradus bench step b --threads 1");
  command.example("gradus bench gemm 128 784 256 --transpose b");
  command.example("gradus bench limits");
  command.example("gradus bench digits digits.csv");
  command.example("gradus bench growth --out growth.html");
  command.runs([w, &settings] {
    std::vector<std::string_view> names;
    for (const Kind& k : kinds) {
      if (w->kind == k.name) return k.run(*w, settings);
      names.push_back(k.name);
    }
    const auto near = text::nearest(w->kind, names);
    raise(ErrorKind::usage, "there is no kind '" + w->kind + "'. There are " +
                                text::join(names, ", ") + "." +
                                (near ? " Did you mean " + std::string(*near) + "?" : ""));
  });
}

}  // namespace gradus::app
