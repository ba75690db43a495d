// The message of the error that f raises, or words that are no message where it raises none of E.
#pragma once

#include <gradus/base/error.h>

#include <exception>
#include <string>

namespace gradus {

template <class E = Error, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  } catch (const std::exception& e) {
    return std::string("another kind of error: ") + e.what();
  }
  return "nothing was raised";
}

}  // namespace gradus
