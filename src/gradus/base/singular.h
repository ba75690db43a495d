// A matrix that has no inverse, and how near to none it is.
#pragma once

#include <gradus/base/error.h>

#include <string>

namespace gradus {

struct SingularMatrixError : NumericError {
  SingularMatrixError(double r, const std::string& message) : NumericError(message), rcond(r) {}
  double rcond;  // 1 / (|A| |A^-1|): 0 where a pivot is 0
};

// As raise(): in WebAssembly the host hears of a numeric failure.
[[noreturn, gnu::cold, gnu::noinline]] inline void raise_singular([[maybe_unused]] double rcond,
                                                                  const std::string& message) {
#ifdef __wasm__
  raise(ErrorKind::numeric, message);
#else
  throw SingularMatrixError(rcond, message);
#endif
}

}  // namespace gradus
