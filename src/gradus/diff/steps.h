// The steps of a recording by the names that trace prints: v0, v1, ... in order, inputs first,
// without what no input changes.
#pragma once

#include <gradus/core/tape.h>

#include <string>
#include <vector>

namespace gradus {

class NamedSteps {
 public:
  // The first `inputs` values of the recording are its inputs; those after `last` get no name.
  // `needed` is empty, or holds what the result is computed from: the rest gets no name.
  NamedSteps(const Recording& recording, size_t inputs, ValueId last,
             const std::vector<bool>& needed = {});

  // Whether no input changes it.
  bool is_constant(ValueId id) const { return constant_[id]; }
  // "v4", or its label, or a constant's number or type.
  std::string name(ValueId id) const;
  // "tanh(v3)"
  std::string text(ValueId id) const;
  // "v4 = tanh(v3)", and the label where there is one: "v4 = tanh(v3) 'h'".
  std::string whole(ValueId id) const;

 private:
  const Recording& recording_;
  std::vector<bool> constant_;
  std::vector<std::string> names_;
};

// Marks what the output is computed from.
std::vector<bool> needed_for(const Recording& recording, ValueId output);

}  // namespace gradus
