#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/core/nonfinite.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace gradus {
namespace {

thread_local const NonFiniteGuard* innermost = nullptr;

struct Scan {
  int64_t first_bad = -1;  // row-major place
  double bad = 0;
  double low = INFINITY, high = -INFINITY;  // of the finite numbers
  int64_t finite = 0, size = 0;
};

Scan scan_of(const View& v, bool infinities) {
  Scan s;
  if (!is_float(v.dtype)) return s;
  const Tensor copied = from_bytes({v.dtype, v.shape}, bytes_of_view(v));
  for (double x : numbers(copied)) {
    if (s.first_bad < 0 && (std::isnan(x) || (infinities && std::isinf(x)))) {
      s.first_bad = s.size;
      s.bad = x;
    }
    if (std::isfinite(x)) {
      s.low = std::min(s.low, x);
      s.high = std::max(s.high, x);
      ++s.finite;
    }
    ++s.size;
  }
  return s;
}

std::string range_text(const View& x, const Scan& s) {
  return to_string(Type{x.dtype, x.shape}) + " in [" + text::significant(s.low, 6) + ", " +
         text::significant(s.high, 6) + "] (" + std::to_string(s.finite) + " of " +
         std::to_string(s.size) + " finite)";
}

std::string place_text(int64_t place, const Shape& shape) {
  Dims at = shape;
  for (int i = shape.size() - 1; i >= 0; --i) {
    at[i] = place % shape[i];
    place /= shape[i];
  }
  return to_string(at);
}

}  // namespace

NonFiniteGuard::NonFiniteGuard(NonFinite policy, bool infinities,
                               std::function<void(const std::string&)> tell)
    : policy_(policy), infinities_(infinities), tell_(std::move(tell)), outer_(innermost) {
  innermost = this;
}

NonFiniteGuard::~NonFiniteGuard() {
  innermost = outer_;
}

const NonFiniteGuard* NonFiniteGuard::current() {
  return innermost;
}

void NonFiniteGuard::look(const Op& op, std::span<const View> in, std::span<const View> out) const {
  if (!watches()) return;
  ++operations_;
  for (const View& y : out) {
    const Scan result = scan_of(y, infinities_);
    if (result.first_bad < 0) continue;
    std::string from;
    for (const View& x : in) {
      const Scan s = scan_of(x, infinities_);
      if (s.first_bad >= 0) return;  // passed on, not made here
      if (s.finite > 0) from += (from.empty() ? "" : " and ") + range_text(x, s);
    }
    const std::string message =
        std::string(op.name) + ": element " + place_text(result.first_bad, y.shape) + " of " +
        to_string(Type{y.dtype, y.shape}) + " is " + text::number(result.bad) + ", made from " +
        (from.empty() ? "no finite input" : from) + " in operation " + std::to_string(operations_) +
        " under this guard. No input holds such a value, so the first starts here. Keep the input "
        "inside the operation's domain, or use its stable form.";
    if (policy_ == NonFinite::raise) raise(ErrorKind::numeric, message);
    if (tell_)
      tell_(message);
    else
      std::fprintf(stderr, "%s\n", message.c_str());
    return;
  }
}

}  // namespace gradus
