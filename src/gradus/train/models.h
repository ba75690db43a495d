// Models by a word: what --model takes for rows of numbers and for pictures.
#pragma once

#include <gradus/nn/model.h>
#include <gradus/train/data.h>

namespace gradus {

// Settles config.model and config.activation where they are open, and checks that they fit the
// rows.
void settle_model(TrainConfig& config, const Dataset& data, int64_t outputs);
// Whether it takes such rows and gives so many outputs.
bool fits(const TrainConfig& config, const Dataset& like, int64_t outputs);
// The model of a settled configuration; rows are flat, (rows, features).
Model make_model(const TrainConfig& config, const Dataset& like, Key key);
// Whether the model takes pictures as pictures: their planes are then scaled as wholes.
bool takes_pictures(const TrainConfig& config);
// Whether a call in training takes a random key.
bool draws(const TrainConfig& config);

}  // namespace gradus
