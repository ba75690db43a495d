// Text in columns that line up whatever they hold.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradus::app {

// One line a row; `indent` blanks in front and three between columns.
// Control characters are made visible.
std::string columns(const std::vector<std::vector<std::string>>& rows, size_t indent = 0);

// \x1b for a control character: a file must not write to the terminal.
std::string visible(std::string_view text);

}  // namespace gradus::app
