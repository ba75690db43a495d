// report.html: a finished run on one page that needs nothing else, neither script nor network.
#pragma once

#include <gradus/train/run.h>

#include <string>

namespace gradus {

// The whole HTML document, UTF-8: what the run shows in words, its curves, layers, confusion
// matrix, worst mistakes, configuration, and how to run it again.
std::string render_report(const RunRecord& run);

}  // namespace gradus
