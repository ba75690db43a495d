// Text in pages.
#pragma once

#include <string>
#include <string_view>

namespace gradus {

// Text for HTML: & < > " ' escaped, control characters and bytes that are not UTF-8 replaced.
std::string escape_html(std::string_view text);

}  // namespace gradus
