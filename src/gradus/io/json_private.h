// For .cpp files only: nlohmann's header costs seconds to compile, so no public header includes it.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace gradus {

// The document, or a FileError `FILE: line L, column C: reason`.
nlohmann::json parse_json(std::string_view text, std::string_view file);

}  // namespace gradus
