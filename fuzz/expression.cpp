// Any text: a value and its gradient, or a gradus::Error of one line.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/diff.h>
#include <gradus/expr/parse.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gradus;
  if (size > 512) return 0;  // long lists only take long
  try {
    const Expression expression = parse_expression({reinterpret_cast<const char*>(data), size});
    const std::vector<std::string>& names = expression.names();
    if (names.empty() || names.size() > 4) return 0;
    const std::vector<Tensor> values(names.size(), scalar(2, DType::f64));
    const auto total = [&](std::span<const Tensor> x) {
      return sum(cast(expression(names, x), DType::f64));
    };
    const int first[] = {0};
    value_and_grads(total, values, first);
  } catch (const Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
