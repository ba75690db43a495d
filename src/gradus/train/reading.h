// A run read aloud: what its curves, gradients, singular values and confusion matrix show, in
// plain words. Every rule looks at measured numbers only, and every claim carries its number and
// the limit it was held against.
#pragma once

#include <gradus/train/run.h>

#include <string>
#include <vector>

namespace gradus {

enum class Level { fine, note, bad };

// One thing that was looked at: its value, and the range that is usual.
struct Check {
  Level level = Level::fine;
  std::string what, value, usual;
};

struct Reading {
  Level level = Level::fine;
  std::string verdict;                  // one short sentence
  std::vector<std::string> paragraphs;  // the curves first, then gradients, weights, classes
  std::vector<Check> checks;
  std::vector<std::string> next;  // what to try; flags stand between backquotes
};

Reading read_run(const RunRecord& run);

// "loss 2.31; chance is ln 10 = 2.303, so the start is sane": the loss before the first step held
// against that of guessing.
std::string start_sentence(const RunRecord& run);

// What the interval of an accuracy is called: "in 95 % of resamples", or Wilson's where all
// answers are right, or none.
std::string interval_name(double accuracy);

// The class most often answered wrongly, by share; -1 where there is none.
struct WorstClass {
  int64_t label = -1, examples = 0, right = 0;
  int64_t taken_for = -1, taken = 0;  // its most frequent wrong answer
};
WorstClass worst_class(const RunRecord& run);

struct Confusion {
  int64_t label = 0, predicted = 0, count = 0, of = 0;  // `of`: examples of that label
};
// Wrong answers, the most frequent first, at most `most` of them.
std::vector<Confusion> top_confusions(const RunRecord& run, std::size_t most);

}  // namespace gradus
