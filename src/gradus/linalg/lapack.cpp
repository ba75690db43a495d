#include <gradus/linalg/lapack.h>

#include <string>

#if !defined(__wasm__)
#include <dlfcn.h>
#endif

namespace gradus::dense {
namespace {

struct Library {
  Lapack<float> f32{};
  Lapack<double> f64{};
  void (*set_threads)(int) = nullptr;
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

Library open_library() {
  for (const char* file : {"libopenblas.so.0", "liblapack.so.3"}) {
    void* from = dlopen(file, RTLD_LAZY | RTLD_LOCAL);
    if (from == nullptr) continue;
    Library library;
    if (!find_all(from, "s", library.f32) || !find_all(from, "d", library.f64)) continue;
    find(from, "openblas_set_num_threads", library.set_threads);
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

void set_lapack_threads(int count) {
  if (library().set_threads != nullptr) library().set_threads(count);
}

}  // namespace gradus::dense
