// Convolutions of networks, the three products of a training step each: GFLOP/s and the share of
// the multiply-add peak, beside oneDNN's primitives in their own layout where they are installed.
// Best of the rounds. Words choose the rows whose names contain them all.
#include <gradus/base/pool.h>
#include <gradus/base/random.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/limits.h>

#include <algorithm>
#include <chrono>

#include "peers.h"
#include "rows.h"

namespace gradus {
namespace {

struct Layer {
  const char* name;
  Shape x, w;
  int64_t stride, padding;
};

const Layer layers[] = {
    {"LeNet conv1 1-6 5x5 28x28", {64, 1, 28, 28}, {6, 1, 5, 5}, 1, 2},
    {"LeNet conv2 6-16 5x5 14x14", {64, 6, 14, 14}, {16, 6, 5, 5}, 1, 0},
    {"ResNet 3-16 3x3 32x32", {32, 3, 32, 32}, {16, 3, 3, 3}, 1, 1},
    {"ResNet 16-16 3x3 32x32", {32, 16, 32, 32}, {16, 16, 3, 3}, 1, 1},
    {"ResNet 16-32 3x3/2 32x32", {32, 16, 32, 32}, {32, 16, 3, 3}, 2, 1},
    {"ResNet 16-32 1x1/2 32x32", {32, 16, 32, 32}, {32, 16, 1, 1}, 2, 0},
    {"ResNet 32-32 3x3 16x16", {32, 32, 16, 16}, {32, 32, 3, 3}, 1, 1},
    {"ResNet 32-64 3x3/2 16x16", {32, 32, 16, 16}, {64, 32, 3, 3}, 2, 1},
    {"ResNet 64-64 3x3 8x8", {32, 64, 8, 8}, {64, 64, 3, 3}, 1, 1},
    {"ResNet-18 64-64 3x3 56x56", {4, 64, 56, 56}, {64, 64, 3, 3}, 1, 1},
    {"ResNet-18 512-512 3x3 7x7", {4, 512, 7, 7}, {512, 512, 3, 3}, 1, 1},
    {"ResNet-18 3-64 7x7/2 224x224", {4, 3, 224, 224}, {64, 3, 7, 7}, 2, 3},
};

Tensor drawn(const Shape& shape, uint64_t seed) {
  std::vector<float> x(static_cast<size_t>(element_count(shape)));
  fill_normal(key_from_seed(seed), 0, std::span<float>(x));
  return from_vector(x, shape);
}

// One call of an operation on memory that is there already.
class Prepared {
 public:
  Prepared(const Op& op, std::vector<Tensor> in, const Attrs& attrs)
      : in_(std::move(in)), attrs_(attrs) {
    std::vector<Type> types;
    for (const Tensor& t : in_) types.push_back(t.type()), views_.push_back(view_of(t));
    for (int o = 0; o < op.outputs; ++o) {
      out_.push_back(empty(op.type(op, types, attrs_, o)));
      results_.push_back(view_of(out_.back()));
    }
    run_ = op.kernel(op, types, out_[0].type()).run;
    work_ = op.work ? op.work(types, attrs_, out_[0].type()) : 0;
  }
  void operator()() const { run_({run_, nullptr, views_, results_, &attrs_, nullptr}); }
  double work() const { return work_; }

 private:
  std::vector<Tensor> in_, out_;
  std::vector<View> views_, results_;
  Attrs attrs_;
  Call::Run run_;
  double work_;
};

// Microseconds of the best stretch.
double best(const Prepared& p, bool quick) {
  using Clock = std::chrono::steady_clock;
  p();
  double least = 1e30;
  const auto once = [&](int calls) {
    const auto start = Clock::now();
    for (int i = 0; i < calls; ++i) p();
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / calls;
  };
  const int calls = std::clamp(static_cast<int>(1000 / once(1)), 1, 1000);
  for (int round = 0; round < (quick ? 2 : 40); ++round) least = std::min(least, once(calls));
  return least;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  using namespace gradus;
  const BenchOptions options = bench_options(argc, argv);
  const auto chosen = [&](const std::string& name) {
    return std::ranges::all_of(options.words,
                               [&](const auto& word) { return name.find(word) != name.npos; });
  };
  const std::vector<PeerLine> peers =
      options.quick ? std::vector<PeerLine>() : peer_lines("conv_dnnl");
  for (const int threads :
       options.threads > 0 ? std::vector<int>{options.threads} : std::vector<int>{1, 2}) {
    set_thread_count(threads);
    double peak = 0;
    for (int i = 0; i < 9; ++i) peak = std::max(peak, measure_flops().flops_f32);
    const auto row = [&](const std::string& name, const Prepared& p) {
      if (!chosen(name)) return;
      const double us = best(p, options.quick);
      Row r;
      r.group = "conv", r.name = name, r.threads = threads, r.unit = "GFLOP/s";
      r.ours = p.work() / us * 1e-3;
      r.limit_share = p.work() / (us * 1e-6) / peak;
      if (const double peer = least(peers, name, threads); std::isfinite(peer)) {
        r.peer_name = "oneDNN, its layout";
        r.peer = p.work() / peer * 1e-3;
      }
      print(r, options);
    };
    for (const Layer& l : layers) {
      if (!chosen(l.name + std::string(" forward input weights"))) continue;
      Attrs attrs;
      attrs.a = {l.stride, l.stride, l.padding, l.padding, 1, 1, 1};
      attrs.b = {(l.x[2] + 2 * l.padding - l.w[2]) / l.stride + 1,
                 (l.x[3] + 2 * l.padding - l.w[3]) / l.stride + 1};
      const Tensor x = drawn(l.x, 1), w = drawn(l.w, 2);
      const Tensor y = drawn({l.x[0], l.w[0], attrs.b[0], attrs.b[1]}, 3);
      row(std::string(l.name) + " forward", {op::conv, {x, w}, attrs});
      attrs.b = {l.x[2], l.x[3]};
      row(std::string(l.name) + " input", {op::conv_input, {y, w}, attrs});
      attrs.b = {l.w[2], l.w[3]};
      row(std::string(l.name) + " weights", {op::conv_weight, {x, y}, attrs});
    }
  }
  return 0;
}
