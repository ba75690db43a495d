// LAPACK's eigenvalue and singular value routines, of OpenBLAS where it is installed. The library
// is opened at its first use and not linked: a program that needs none of it starts without it.
// GRADUS_LAPACK names another library, GRADUS_LAPACK=none does without. It runs on the thread that
// calls it (docs/adr/0014-lapack-at-first-use.md).
#pragma once

namespace gradus::dense {

// Arguments as in Fortran, column by column; the trailing lengths of the letters are left out, as
// C callers do.
template <class T>
struct Lapack {
  void (*syevd)(const char* job, const char* half, const int* n, T* a, const int* lda, T* w,
                T* work, const int* lwork, int* iwork, const int* liwork, int* info);
  void (*gesdd)(const char* job, const int* m, const int* n, T* a, const int* lda, T* s, T* u,
                const int* ldu, T* vt, const int* ldvt, T* work, const int* lwork, int* iwork,
                int* info);
  void (*geev)(const char* left, const char* right, const int* n, T* a, const int* lda, T* re,
               T* im, T* vl, const int* ldvl, T* vr, const int* ldvr, T* work, const int* lwork,
               int* info);
};

// Null where the machine has none. Raises where GRADUS_LAPACK names a file that is none.
template <class T>
const Lapack<T>* lapack();

}  // namespace gradus::dense
