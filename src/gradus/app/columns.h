// Text in columns that line up whatever they hold.
#pragma once

#include <string>
#include <vector>

namespace gradus::app {

// One line a row; `indent` blanks in front and three between columns.
std::string columns(const std::vector<std::vector<std::string>>& rows, size_t indent = 0);

}  // namespace gradus::app
