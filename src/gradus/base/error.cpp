// The one place that throws.
#include <gradus/base/error.h>

namespace gradus {

#ifdef __wasm__
// The host throws; no destructor runs, so the page drops this instance and makes a new one.
extern "C" [[noreturn]] __attribute__((import_module("gradus"), import_name("raise"))) void
gradus_host_raise(int kind, const char* text, unsigned long size);

void raise(ErrorKind kind, const std::string& message) {
  gradus_host_raise(static_cast<int>(kind), message.data(), message.size());
}
#else
void raise(ErrorKind kind, const std::string& message) {
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
