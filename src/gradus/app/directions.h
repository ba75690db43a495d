// Slopes of a function in many directions: the steepest is the gradient's.
#pragma once

#include <gradus/app/command.h>
#include <gradus/app/problem.h>

namespace gradus::app {

// Slopes along `count` directions evenly around the first two numbers of wrt, and along the
// gradient, as a table with a bar for each; or as JSON.
std::string directions_text(const Problem& problem, const Settings& settings, int count = 12);
std::string directions_json(const Problem& problem, int count = 12);

}  // namespace gradus::app
