# Highway and threads carry the core; the rest is for files and the command line.
# pkg-config for Highway and libzip: Debian 12's libzip CMake files ask for tools of another package.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "wasm32")
  return()
endif()
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET GLOBAL libhwy)
set(gradus_core_needs PkgConfig::HWY Threads::Threads)
if(NOT GRADUS_CORE_ONLY)
  pkg_check_modules(ZIP REQUIRED IMPORTED_TARGET GLOBAL libzip)
  find_package(ZLIB REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(tomlplusplus REQUIRED)
  set(gradus_io_needs PkgConfig::ZIP ZLIB::ZLIB)  # met again by who links us
  set(gradus_native_needs ${gradus_io_needs} nlohmann_json::nlohmann_json
      tomlplusplus::tomlplusplus)
  if(GRADUS_APP)
    find_package(CLI11 REQUIRED)
    list(APPEND gradus_program_needs CLI11::CLI11)
  endif()
endif()
