#include <gradus/base/text.h>
#include <gradus/ops/limits.h>
#include <gradus/plan/plan.h>

#include <algorithm>
#include <chrono>

namespace gradus {

std::string Plan::describe() const {
  std::string out;
  for (size_t i = 0; i < notes_.size(); ++i)
    out += std::to_string(i) + "  " + notes_[i].ops + "(" + notes_[i].where + ") at " +
           std::to_string(notes_[i].offset) + "\n";
  return out;
}

}  // namespace gradus
