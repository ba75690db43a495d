# clang-16, wasi-libc and libc++ from Debian's packages. Everything here is single-threaded and
# without exceptions: raise() calls the host.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_CXX_COMPILER clang++-16)
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasi)
set(CMAKE_AR llvm-ar-16)
set(CMAKE_RANLIB llvm-ranlib-16)
set(CMAKE_EXECUTABLE_SUFFIX_CXX .wasm)

# An instance ends by being dropped: no destructor of a static or thread_local is registered.
# Highway is headers alone here; /usr/include as a whole would bring in the native ones.
set(headers ${CMAKE_BINARY_DIR}/headers)
file(MAKE_DIRECTORY ${headers})
if(NOT EXISTS ${headers}/hwy)
  file(CREATE_LINK /usr/include/hwy ${headers}/hwy SYMBOLIC)
endif()
set(CMAKE_CXX_FLAGS_INIT "-nostdinc++ -isystem /usr/include/wasm32-wasi/c++/v1 \
-isystem /usr/include/wasm32-wasi -isystem ${headers} -fno-exceptions \
-fno-c++-static-destructors -msimd128 -Wno-unused-command-line-argument")
# A reactor: the host calls exported functions, nothing has a main. 1 MiB of stack, placed first so
# that an overflow traps instead of writing over data.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-mexec-model=reactor -Wl,-z,stack-size=1048576,--stack-first")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
