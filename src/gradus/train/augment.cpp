#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/train/augment.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>

namespace gradus {
namespace {

// Catmull-Rom weights of four neighbours at t in [0, 1) after the second.
std::array<float, 4> cubic(float t) {
  const float t2 = t * t, t3 = t2 * t;
  return {0.5f * (2 * t2 - t3 - t), 0.5f * (3 * t3 - 5 * t2 + 2), 0.5f * (4 * t2 - 3 * t3 + t),
          0.5f * (t3 - t2)};
}

// Where along a grid of three a pixel lies: the weights of the three moves, ends repeated.
std::array<float, 3> along_grid(int64_t at, int64_t length) {
  const float place = length > 1 ? 2 * static_cast<float>(at) / static_cast<float>(length - 1) : 0;
  const auto cell = std::min(1, static_cast<int>(place));
  const std::array<float, 4> w = cubic(place - static_cast<float>(cell));
  std::array<float, 3> out{};
  for (int k = 0; k < 4; ++k)
    out[static_cast<size_t>(std::clamp(cell - 1 + k, 0, 2))] += w[static_cast<size_t>(k)];
  return out;
}

}  // namespace

Augmentation parse_augmentation(std::string_view words) {
  Augmentation a;
  const auto refuse = [&] {
    raise(ErrorKind::usage, "augment: '" + std::string(words) +
                                "'. Join shift(PIXELS), rotate(DEGREES), elastic(PIXELS) and flip "
                                "by +, as in shift(2)+rotate(10).");
  };
  std::string_view rest = words;
  while (!rest.empty()) {
    const size_t plus = rest.find('+');
    const std::string_view word = rest.substr(0, plus);
    rest = plus == std::string_view::npos ? "" : rest.substr(plus + 1);
    if (plus != std::string_view::npos && rest.empty()) refuse();
    if (word == "flip") {
      a.flip = true;
      continue;
    }
    const size_t open = word.find('(');
    if (open == std::string_view::npos || !word.ends_with(')')) refuse();
    const auto size = text::parse_double(word.substr(open + 1, word.size() - open - 2));
    const std::string_view name = word.substr(0, open);
    if (!size || !(*size >= 0 && *size <= 360)) refuse();
    if (name == "shift" && *size == std::floor(*size))
      a.shift = *size;
    else if (name == "rotate")
      a.rotate = *size;
    else if (name == "elastic")
      a.elastic = *size;
    else
      refuse();
  }
  return a;
}

void augment(const Augmentation& how, const PictureShape& shape, std::span<const float> picture,
             std::span<const float> outside, Key key, std::span<float> out) {
  std::array<float, 4> u;
  fill_uniform(split(key, 0), 0, std::span<float>(u));
  std::array<float, 18> moves;
  fill_normal(split(key, 1), 0, std::span<float>(moves));
  const auto whole = [&](float uniform) {
    const float reach = static_cast<float>(how.shift);
    return std::floor(uniform * (2 * reach + 1)) - reach;
  };
  const float right = whole(u[0]), down = whole(u[1]);
  const float angle = (2 * u[2] - 1) * static_cast<float>(how.rotate * std::numbers::pi / 180);
  const bool flips = how.flip && u[3] < 0.5f;
  const float c = how.rotate > 0 ? std::cos(angle) : 1, s = how.rotate > 0 ? std::sin(angle) : 0;
  const int64_t rows = shape.rows, cols = shape.cols, plane = rows * cols;
  const float mid_x = static_cast<float>(cols - 1) / 2, mid_y = static_cast<float>(rows - 1) / 2;
  const float elastic = static_cast<float>(how.elastic);
  for (int64_t row = 0; row < rows; ++row) {
    const std::array<float, 3> by_row = along_grid(row, rows);
    for (int64_t col = 0; col < cols; ++col) {
      // The place in the picture that this pixel shows.
      float x = static_cast<float>(flips ? cols - 1 - col : col) - right,
            y = static_cast<float>(row) - down;
      if (how.rotate > 0) {
        const float off_x = x - mid_x, off_y = y - mid_y;
        x = mid_x + c * off_x + s * off_y;
        y = mid_y - s * off_x + c * off_y;
      }
      if (elastic > 0) {
        const std::array<float, 3> by_col = along_grid(col, cols);
        for (size_t i = 0; i < 3; ++i)
          for (size_t k = 0; k < 3; ++k) {
            const float weight = elastic * by_row[i] * by_col[k];
            x += weight * moves[2 * (3 * i + k)];
            y += weight * moves[2 * (3 * i + k) + 1];
          }
      }
      const float left = std::floor(x), top = std::floor(y);
      const float across = x - left, below = y - top;
      const auto x0 = static_cast<int64_t>(left), y0 = static_cast<int64_t>(top);
      for (int64_t p = 0; p < shape.channels; ++p) {
        const float edge = outside[static_cast<size_t>(p)];
        const auto at = [&](int64_t r, int64_t k) {
          const bool inside = r >= 0 && r < rows && k >= 0 && k < cols;
          return inside ? picture[static_cast<size_t>(p * plane + r * cols + k)] : edge;
        };
        float value = at(y0, x0);
        if (across != 0) value += across * (at(y0, x0 + 1) - value);
        if (below != 0) {
          float under = at(y0 + 1, x0);
          if (across != 0) under += across * (at(y0 + 1, x0 + 1) - under);
          value += below * (under - value);
        }
        out[static_cast<size_t>(p * plane + row * cols + col)] = value;
      }
    }
  }
}

}  // namespace gradus
