// Built-in data sets, drawn rather than stored: handwritten-like digits from our own strokes,
// shapes in colour, and the classic plane sets. Example i depends only on (seed, i), so a longer
// set starts with the shorter one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

struct Generated {
  std::string name;
  int64_t examples = 0;
  std::vector<int64_t> feature_shape;  // {64}, {784}, {3072} or {2}
  std::vector<float> x;                // examples rows of prod(feature_shape); pixels lie in [0, 1]
  std::vector<int64_t> y;              // class numbers, 0 .. classes - 1
  int classes = 0;
  int image_rows = 0, image_cols = 0;  // 0 where an example is not a picture
  std::vector<std::string> feature_names;
  std::vector<std::string> class_names;
};

// What a generator is called and what it makes when nothing else is said.
struct GeneratorInfo {
  std::string_view name, says;
  int classes;
  int side;          // pixels along each side; 0 for points in the plane
  int planes;        // 1 grey; 3 red, green, blue, one after the other
  int64_t examples;  // default count
  double noise;      // default standard deviation added to every feature
};

std::span<const GeneratorInfo> generators();

// Throws a usage error that names the nearest generator when there is none called `name`.
const GeneratorInfo& generator(std::string_view name);

// Draws `examples` examples of the set `name`. Classes come in shuffled rounds, so their counts
// differ by at most one round. `noise` replaces the set's own standard deviation.
Generated generate(std::string_view name, int64_t examples, uint64_t seed,
                   std::optional<double> noise = {});

}  // namespace gradus
