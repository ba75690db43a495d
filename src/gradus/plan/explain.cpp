#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/limits.h>
#include <gradus/plan/plan.h>

#include <algorithm>
#include <chrono>

namespace gradus {
namespace {

std::string amount(double x, const char* unit) {
  const char* const prefixes[] = {"", "k", "M", "G", "T"};
  size_t p = 0;
  while (x >= 999.5 && p + 1 < std::size(prefixes)) {
    x /= 1000;
    ++p;
  }
  return text::significant(x, x < 99.5 ? 2 : 3) + " " + prefixes[p] + unit;
}

std::string microseconds(double seconds) {
  return text::significant(seconds * 1e6, 3);
}

}  // namespace

double InstructionNote::seconds_at(const Limits& limits) const {
  const MemoryLimit& level = limits.level(bytes);
  const double peak = doubles ? limits.flops_f64 : limits.flops_f32;
  return std::max(flops / peak, static_cast<double>(bytes) / level.triad);
}

std::string Plan::describe() const {
  std::string out;
  for (size_t i = 0; i < notes_.size(); ++i)
    out += std::to_string(i) + "  " + notes_[i].ops + "(" + notes_[i].where + ") at " +
           std::to_string(notes_[i].offset) + "\n";
  return out;
}

std::string Plan::explain(const Limits* limits, std::span<const double> seconds) const {
  double flops = 0, bytes = 0, at_limit = 0, taken = 0;
  size_t ops = 0;
  for (const InstructionNote& n : notes_) {
    flops += n.flops;
    bytes += static_cast<double>(n.bytes);
    if (limits != nullptr) at_limit += n.seconds_at(*limits);
    ops += static_cast<size_t>(std::ranges::count(n.ops, ' ')) + 1;
  }
  for (double s : seconds) taken += s;

  std::string out =
      std::to_string(notes_.size()) + " instructions for " + std::to_string(ops) + " operations\n";
  out += "memory    " + amount(static_cast<double>(arena_bytes_), "B") + " in one arena; the " +
         "values of all steps side by side are " + amount(static_cast<double>(value_bytes_), "B") +
         "\n";
  out += "work      " + amount(flops, "FLOP") + " and " + amount(bytes, "B") + " moved in a run\n";
  if (limits != nullptr) {
    out += "limit     " + microseconds(at_limit) + " us on this machine (" +
           std::to_string(limits->threads) + (limits->threads == 1 ? " thread, " : " threads, ") +
           amount(limits->flops_f32, "FLOP/s") + " f32)\n";
    if (!seconds.empty())
      out += "measured  " + microseconds(taken) +
             " us, the sum over instructions: " + text::significant(100 * at_limit / taken, 3) +
             " % of the limit's speed\n";
  }
  out += "\n";

  const auto line = [&](const std::string& number, const std::string& work,
                        const std::string& moved, const std::string& limit, const std::string& took,
                        const std::string& share, const std::string& rest) {
    out += text::pad_left(number, 4) + text::pad_left(work, 12) + text::pad_left(moved, 10);
    if (limits != nullptr) out += text::pad_left(limit, 10);
    if (!seconds.empty()) out += text::pad_left(took, 9) + text::pad_left(share, 7);
    out += "  " + rest + "\n";
  };
  line("", "work", "moved", "limit us", "took us", "of all", "operations");
  for (size_t i = 0; i < notes_.size(); ++i) {
    const InstructionNote& n = notes_[i];
    line(std::to_string(i), amount(n.flops, "FLOP"), amount(static_cast<double>(n.bytes), "B"),
         limits == nullptr ? "" : microseconds(n.seconds_at(*limits)),
         seconds.empty() ? "" : microseconds(seconds[i]),
         seconds.empty() ? "" : text::fixed(100 * seconds[i] / taken, 1) + " %",
         n.ops + "   " + n.where);
    if (!n.why.empty()) out += std::string(6, ' ') + n.why + "\n";
  }
  return out;
}

std::vector<double> Plan::time_each(int runs) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::vector<double>> times(code_.size());
  for (int r = 0; r < runs; ++r) {
    auto before = Clock::now();
    for (size_t i = 0; i < code_.size(); ++i) {
      code_[i].go(code_[i].what);
      const auto now = Clock::now();
      times[i].push_back(std::chrono::duration<double>(now - before).count());
      before = now;
    }
  }
  std::vector<double> medians;
  for (std::vector<double>& t : times) {
    std::ranges::sort(t);
    medians.push_back(t.empty() ? 0 : t[t.size() / 2]);
  }
  return medians;
}

}  // namespace gradus
