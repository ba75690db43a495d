// What a model is made of: layers, shapes, parameters, operations, memory. Nothing is computed: the
// model is called while shapes alone are recorded.
#pragma once

#include <gradus/nn/model.h>

#include <optional>
#include <string>
#include <vector>

namespace gradus {

// Of one element of a feature map along each axis of the picture: how many pixels can change it,
// and how far in pixels those of its neighbour lie. r = r_in + (k - 1) j_in and j = j_in s for a
// window of k at stride s (Araujo, Norris, Sim, Distill 2019, equations 1 to 3).
struct ReceptiveField {
  int64_t size[2] = {1, 1}, stride[2] = {1, 1};
  friend bool operator==(const ReceptiveField&, const ReceptiveField&) = default;
};

struct LayerSummary {
  std::string path;  // "layer1.0.conv1"; empty: what belongs to no layer
  Shape output;      // of its last step that others read; as `calls` says, of the last call
  std::optional<ReceptiveField> field;  // of `output`, while it is a map (N, C, H, W)
  int64_t calls = 0;       // parts of the forward pass that it computes; 0: it has tensors alone
  int64_t parameters = 0;  // elements that gradients change
  int64_t statistics = 0;  // elements of running statistics
  double flops = 0;        // of a forward pass; a multiplication and an addition are two
  int64_t activation_bytes = 0;  // that its steps write
};

struct ModelSummary {
  std::string says;
  Type input, output;
  std::vector<LayerSummary> layers;  // in the order of their first steps
  int64_t parameters = 0, statistics = 0;
  double flops = 0;
  int64_t parameter_bytes = 0;
  int64_t activation_bytes = 0;
  // Parameters, gradients and Adam's two averages, and every activation kept for the way back.
  int64_t training_bytes() const { return 4 * parameter_bytes + activation_bytes; }
};

// Evaluating. A tensor that two layers share stands once among the model's fields, and counts once.
ModelSummary summarise(const Model& model, const Type& input);

// Tensors of a file under the modules that their names say. Running statistics and causal masks are
// no parameters; a matrix whose bytes are those of an earlier one counts once.
ModelSummary summarise(const StateDict& tensors);

}  // namespace gradus
