// What every page of numbers is made of: style, text, curves, small pictures. A page needs neither
// script nor network.
#pragma once

#include <gradus/train/plot.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::page {

// Everything up to <body>; the title and the description are plain text.
std::string begin(std::string_view title, std::string_view description);
// From the end of <main> on; the version may be empty.
std::string end(std::string_view version);

// Text, escaped, whose numbers keep together: "1 200" by a narrow space, "98 %" by one that does
// not break.
std::string show(std::string_view text);
// A sentence; what stands between backquotes is code.
std::string prose(std::string_view text);
// A plot under its title and what it shows.
std::string figure(std::string_view title, std::string_view why, const Plot& plot);
// Values as an image: of grey ones (rows, cols) the largest is dark ink on light paper; of red,
// green and blue planes (3, rows, cols) it is full light, on one scale. At most 65 535 bytes of
// pixels.
std::string picture(const std::vector<float>& values, int64_t rows, int64_t cols,
                    std::string_view alt);

}  // namespace gradus::page
