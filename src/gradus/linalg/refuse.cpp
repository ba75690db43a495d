#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/linalg/refuse.h>

namespace gradus {

std::string place_text(int64_t flat, const Shape& shape) {
  Dims at = shape;
  for (int i = shape.size() - 1; i >= 0; --i) {
    at[i] = flat % shape[i];
    flat /= shape[i];
  }
  return to_string(at);
}

void refuse_unless_matrix(const std::string& op, const Type& a) {
  if (a.shape.size() < 2)
    raise(ErrorKind::shape, op + ": " + to_string(a) +
                                " is not a matrix. It needs at least two axes. Use reshape to make "
                                "a row or a column.");
}

void require_one_matrix(const std::string& op, const Type& a) {
  refuse_unless_matrix(op, a);
  if (a.shape.size() != 2)
    raise(ErrorKind::shape,
          op + ": " + to_string(a) + " is a batch. It takes one matrix at a time.");
}

void refuse_element(const std::string& op, const std::string& place, double value) {
  raise(ErrorKind::domain, op + ": element " + place + " is " + text::number(value) +
                               ". Linear algebra needs finite numbers. Find where it came from, or "
                               "replace it with where(isfinite(x), x, 0).");
}

}  // namespace gradus
