// Every failure goes through raise(): it throws natively and calls the host in WebAssembly.
// A message reads `op: what clashed, both sides shown. The rule. The next move.`
#pragma once

#include <stdexcept>
#include <string>

namespace gradus {

enum class ErrorKind {
  shape,        // sizes or ranks do not fit
  dtype,        // number types do not fit
  domain,       // a value outside what the operation is defined for
  trace,        // misuse of a recording
  plan,         // misuse of a compiled plan
  file,         // a file that is broken or cannot be read
  usage,        // wrong words on the command line or in an expression
  unsupported,  // understood, but not offered
  numeric       // a computation that failed: singular, diverged, non-finite
};

struct Error : std::runtime_error {
  Error(ErrorKind k, const std::string& message) : std::runtime_error(message), kind(k) {}
  ErrorKind kind;
};

template <ErrorKind K>
struct ErrorOf : Error {
  explicit ErrorOf(const std::string& message) : Error(K, message) {}
};

using ShapeError = ErrorOf<ErrorKind::shape>;
using DTypeError = ErrorOf<ErrorKind::dtype>;
using DomainError = ErrorOf<ErrorKind::domain>;
using TraceError = ErrorOf<ErrorKind::trace>;
using PlanError = ErrorOf<ErrorKind::plan>;
using FileError = ErrorOf<ErrorKind::file>;
using UsageError = ErrorOf<ErrorKind::usage>;
using UnsupportedError = ErrorOf<ErrorKind::unsupported>;
using NumericError = ErrorOf<ErrorKind::numeric>;

// Throws the error type of this kind. Never returns. Here, so that headers which need no library
// can raise too.
#ifdef __wasm__
[[noreturn, gnu::cold, gnu::noinline]] void raise(ErrorKind kind, const std::string& message);
#else
[[noreturn, gnu::cold, gnu::noinline]] inline void raise(ErrorKind kind,
                                                         const std::string& message) {
  switch (kind) {
    case ErrorKind::shape:
      throw ShapeError(message);
    case ErrorKind::dtype:
      throw DTypeError(message);
    case ErrorKind::domain:
      throw DomainError(message);
    case ErrorKind::trace:
      throw TraceError(message);
    case ErrorKind::plan:
      throw PlanError(message);
    case ErrorKind::file:
      throw FileError(message);
    case ErrorKind::usage:
      throw UsageError(message);
    case ErrorKind::unsupported:
      throw UnsupportedError(message);
    case ErrorKind::numeric:
      throw NumericError(message);
  }
  throw Error(kind, message);
}
#endif

}  // namespace gradus
