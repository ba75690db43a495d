// Known models by name.
#pragma once

#include <gradus/nn/model.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gradus {

struct NamedModel {
  std::string_view name, says;
  Model (*make)(Key key);
  Type input;  // of one example: the first axis is 1
};

// To add a model: a line in models.cpp.
std::span<const NamedModel> named_models();
// Null when there is none of this name.
const NamedModel* find_model(std::string_view name);

// The model that has just these names and shapes, masks of published GPT-2 files aside; null when
// none has.
const NamedModel* model_of(const StateDict& tensors);

}  // namespace gradus
