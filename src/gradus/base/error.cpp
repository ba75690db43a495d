// In the browser the host throws; no destructor runs, so the page drops this instance and makes a
// new one. Natively raise() is in the header.
#include <gradus/base/error.h>

#ifdef __wasm__
namespace gradus {

extern "C" [[noreturn]] __attribute__((import_module("gradus"), import_name("raise"))) void
gradus_host_raise(int kind, const char* text, unsigned long size);

void raise(ErrorKind kind, const std::string& message) {
  gradus_host_raise(static_cast<int>(kind), message.data(), message.size());
}

}  // namespace gradus
#endif
