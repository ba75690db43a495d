// Pictures changed a little at each step, so that a model sees what does not matter.
#pragma once

#include <gradus/base/random.h>

#include <span>
#include <string_view>

namespace gradus {

struct Augmentation {
  double shift = 0;    // whole pixels either way, along each axis
  double rotate = 0;   // degrees either way, about the centre
  double elastic = 0;  // standard deviation, in pixels, of a 3 x 3 grid of random moves
  bool flip = false;   // left and right, every second time
  bool any() const { return shift > 0 || rotate > 0 || elastic > 0 || flip; }
};

// "shift(2)+rotate(10)+elastic(1.5)+flip"; empty: nothing. Raises a usage error.
Augmentation parse_augmentation(std::string_view words);

struct PictureShape {
  int64_t channels = 1, rows = 0, cols = 0;
};

// Writes the changed picture, planes of rows of pixels; what the key does not decide is fixed.
// Between pixels it interpolates linearly; beyond the edge a plane is `outside`. The moves of the
// grid become a field by cubic interpolation (Ronneberger, Fischer, Brox 2015).
void augment(const Augmentation& how, const PictureShape& shape, std::span<const float> picture,
             std::span<const float> outside, Key key, std::span<float> out);

}  // namespace gradus
