// Learning rates that change with the step: pieces that follow one another, as text and as numbers.
// "warmup(100)+cosine(900)" rises for 100 steps and falls along half a cosine for 900.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// What a plateau has seen; it is all the state that a schedule has.
struct PlateauState {
  double best = 0, scale = 1;
  int64_t seen = 0, without_progress = 0;
};

// Pure: the factor on the base rate is a function of the step, counted from 0 before the first
// update, and of what a plateau has seen. After its last step a schedule keeps its last factor.
class Schedule {
 public:
  double factor(int64_t step, const PlateauState& seen = {}) const;
  // Once an epoch, with the loss that should fall (PyTorch's ReduceLROnPlateau, relative
  // threshold): after `patience` observations without progress the next one lowers the scale.
  PlateauState observe(PlateauState seen, double loss) const;
  bool watches_loss() const;
  bool empty() const { return pieces_.empty(); }
  int64_t steps() const;  // of its finite pieces together
  // What parse_schedule reads back.
  std::string text() const;

 private:
  friend Schedule parse_schedule(std::string_view, int64_t);
  struct Piece {
    int kind = 0;
    int64_t steps = 0;  // 0: without an end
    std::vector<double> numbers;
  };
  std::vector<Piece> pieces_;
};

// Pieces joined by '+'. Each starts from the level at which the one before it ended, 1 at first;
// one without an end is the last. s counts the steps of the piece, n is its length.
//   constant(n)                             1
//   warmup(n, from = 0)                     from + (1 - from) s / n
//   linear(n, to = 0)                       1 + (to - 1) s / n
//   cosine(n, to = 0)                       to + (1 - to) (1 + cos(pi s / n)) / 2
//   onecycle(n, peak = 0.3, div = 25, final = 1e4)   up from 1 / div to 1 in the first `peak` of
//                                           the steps, then down to 1 / (div final), both along
//                                           cosines (PyTorch's OneCycleLR)
//   step(every, gamma = 0.1)                gamma^floor(s / every), without an end
//   exponential(gamma)                      gamma^s, without an end
//   constant                                1, without an end
//   plateau(factor = 0.1, patience = 10, threshold = 1e-4)   as `observe` says, without an end
// linear, cosine and onecycle without numbers take what is left of `total` steps. Raises a usage
// error that names the piece.
Schedule parse_schedule(std::string_view text, int64_t total = 0);

}  // namespace gradus
