// What the tests of this floor share.
#pragma once

#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gradus {

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was raised";
}

inline void expect_near(const Tensor& got, const std::vector<double>& want, double tolerance) {
  const std::vector<double> x = numbers(got);
  ASSERT_EQ(x.size(), want.size()) << to_string(got.type());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], want[i], tolerance) << i;
}

}  // namespace gradus
