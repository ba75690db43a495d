// A folder that goes away with the test, and errors as text.
#pragma once

#include <gradus/base/error.h>
#include <gradus/io/bytes.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace gradus {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gradus-io-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string folder_;
};

// The message of the error that f raises, after "file: " or "unsupported: " and so on.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    const char* kind = error.kind == ErrorKind::file          ? "file: "
                       : error.kind == ErrorKind::unsupported ? "unsupported: "
                       : error.kind == ErrorKind::usage       ? "usage: "
                       : error.kind == ErrorKind::dtype       ? "dtype: "
                                                              : "other: ";
    return kind + std::string(error.what());
  }
  return "no error";
}

// Text with zero bytes in it.
template <std::size_t N>
std::string raw(const char (&literal)[N]) {
  return std::string(literal, N - 1);
}

}  // namespace gradus
