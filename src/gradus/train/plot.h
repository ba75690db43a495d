// Line plots as inline SVG: few marks, nice ticks, every line named at its end. Colours are CSS
// variables of the page (--ink, --muted, --line, --accent, --r0 .. --r5), so light, dark and print
// need no second drawing.
#pragma once

#include <gradus/base/html.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

struct Line {
  std::string label;         // written at the line's end; empty: not written
  std::vector<double> x, y;  // what is not finite leaves a gap
  std::string colour = "var(--ink)";
  double width = 1.8;
  bool faint = false;
};

// A dashed level across the plot.
struct Threshold {
  std::string label;
  double y = 0;
};

struct Plot {
  std::string id;           // unique in the page
  std::string title, unit;  // for the text alternative
  std::string x_label;
  std::vector<Line> lines;
  std::vector<Threshold> rules;
  bool log = false;              // values <= 0 are left out
  bool percent = false;          // y is a share
  bool from_zero = false;        // the y axis includes 0
  bool dots = false;             // a mark on every point
  double y_low = 0, y_high = 0;  // the range, where low < high
  double width = 440, height = 250;
};

std::string svg(const Plot& plot);

// The line through (first, y[0]), (first + 1, y[1]), ...
Line numbered_line(std::string label, std::vector<double> y, std::string colour, double first = 1);

// Round numbers, about `about` of them, from the first at or above `low` to the last at or below
// `high`.
std::vector<double> nice_ticks(double low, double high, int about);
// The same for a logarithmic axis: powers of ten, and 2 and 5 between them where there is room.
std::vector<double> log_ticks(double low, double high, int about);
// Whether the largest positive value is more than 20 times the smallest, and none is negative.
bool wants_log(const std::vector<Line>& lines);
// At most about `most` points that keep every peak: the extremes of equal stretches.
Line thinned(const Line& line, std::size_t most);
// The place of item i of n on the ordered ramp --r0 .. --r5.
std::string ramp_colour(std::size_t i, std::size_t n);

}  // namespace gradus
