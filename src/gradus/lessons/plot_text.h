// A Plot in a terminal: braille dots, a frame with round numbers, names at the line ends.
#pragma once

#include <gradus/train/plot.h>

#include <string>
#include <vector>

namespace gradus::lessons {

// One cell: what it shows, and which line it belongs to (-1: the frame).
struct PlotCell {
  std::string text;
  int line = -1;
};

// Rows of cells, each of one column. `ascii`: marks instead of braille. columns >= 30.
std::vector<std::vector<PlotCell>> plot_cells(const Plot& plot, int columns, bool ascii);

}  // namespace gradus::lessons
