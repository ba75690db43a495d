#include <gradus/base/error.h>
#include <gradus/linalg/lapack.h>

#include <string>

#if !defined(__wasm__)
#include <dlfcn.h>

#include <cstdlib>
#include <vector>
#endif

namespace gradus::dense {
namespace {

struct Library {
  Lapack<float> f32{};
  Lapack<double> f64{};
};

#if defined(__wasm__)
Library open_library() {
  return {};
}
#else
template <class F>
bool find(void* from, const std::string& name, F& to) {
  to = reinterpret_cast<F>(dlsym(from, name.c_str()));
  return to != nullptr;
}

template <class T>
bool find_all(void* from, const std::string& letter, Lapack<T>& to) {
  return find(from, letter + "syevd_", to.syevd) && find(from, letter + "gesdd_", to.gesdd) &&
         find(from, letter + "geev_", to.geev);
}

[[noreturn]] void refuse_library(const std::string& why) {
  raise(ErrorKind::usage, "GRADUS_LAPACK: " + why +
                              ". It names a LAPACK library. Give one, such as libopenblas.so.0, or "
                              "none to do without.");
}

Library open_library() {
  std::vector<std::string> files{"libopenblas.so.0", "liblapack.so.3"};
  const char* set = std::getenv("GRADUS_LAPACK");
  const bool chosen = set != nullptr && *set != '\0';
  if (chosen) files = {set};
  for (const std::string& file : files) {
    if (file == "none") break;
    void* from = dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (from == nullptr) {
      if (chosen) refuse_library(dlerror());
      continue;
    }
    Library library;
    if (!find_all(from, "s", library.f32) || !find_all(from, "d", library.f64)) {
      if (chosen) refuse_library(file + " lacks syevd, gesdd or geev in f32 or f64");
      continue;
    }
    // Its bits would depend on the number of its threads.
    void (*set_threads)(int) = nullptr;
    if (find(from, "openblas_set_num_threads", set_threads)) set_threads(1);
    return library;
  }
  return {};
}
#endif

const Library& library() {
  static const Library opened = open_library();
  return opened;
}

}  // namespace

template <>
const Lapack<float>* lapack() {
  return library().f32.syevd == nullptr ? nullptr : &library().f32;
}
template <>
const Lapack<double>* lapack() {
  return library().f64.syevd == nullptr ? nullptr : &library().f64;
}

}  // namespace gradus::dense
