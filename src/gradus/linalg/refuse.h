// What linear algebra says of inputs it cannot take.
#pragma once

#include <gradus/base/shape.h>

#include <string>

namespace gradus {

// "[2,0]": the place of an element counted in row-major order.
std::string place_text(int64_t flat, const Shape& shape);
// Raises unless there are two axes or more.
void refuse_unless_matrix(const std::string& op, const Type& a);
// Raises unless there are two.
void require_one_matrix(const std::string& op, const Type& a);
[[noreturn]] void refuse_element(const std::string& op, const std::string& place, double value);

}  // namespace gradus
