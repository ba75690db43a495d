// The verbs. Each lives in a file of its own name, and main.cpp lists them.
// To add one: declare add_NAME here, define it in NAME.cpp, add a line to main.cpp.
#pragma once

#include <gradus/app/command.h>

namespace gradus::app {

void add_calc(Command& command, const Settings& settings);
void add_trace(Command& command, const Settings& settings);
void add_grad(Command& command, const Settings& settings);
void add_gradcheck(Command& command, const Settings& settings);
void add_why_zero(Command& command, const Settings& settings);
void add_shapes(Command& command, const Settings& settings);
void add_critical(Command& command, const Settings& settings);
void add_convex(Command& command, const Settings& settings);
void add_optimise(Command& command, const Settings& settings);
void add_landscape(Command& command, const Settings& settings);
void add_differences(Command& command, const Settings& settings);
void add_float(Command& command, const Settings& settings);
void add_rng(Command& command, const Settings& settings);
void add_fit(Command& command, const Settings& settings);
void add_stats(Command& command, const Settings& settings);
void add_linalg(Command& command, const Settings& settings);
void add_ops(Command& command, const Settings& settings);
void add_train(Command& command, const Settings& settings);
void add_lr_find(Command& command, const Settings& settings);
void add_quickstart(Command& command, const Settings& settings);
void add_predict(Command& command, const Settings& settings);
void add_tokenise(Command& command, const Settings& settings);
void add_generate(Command& command, const Settings& settings);
void add_ngram(Command& command, const Settings& settings);
void add_words(Command& command, const Settings& settings);
void add_experiment(Command& command, const Settings& settings);
void add_summary(Command& command, const Settings& settings);
void add_convert(Command& command, const Settings& settings);
void add_inspect(Command& command, const Settings& settings);
void add_verify(Command& command, const Settings& settings);
void add_learn(Command& command, const Settings& settings);
void add_exercise(Command& command, const Settings& settings);
void add_quiz(Command& command, const Settings& settings);
void add_eval(Command& command, const Settings& settings);
void add_plan(Command& command, const Settings& settings);
void add_bench(Command& command, const Settings& settings);

// `train perceptron-and` and `train perceptron-xor`.
int train_perceptron(std::string_view name, int64_t epochs, const Settings& settings);

// The words and options of `eval RUN DATA`; returns what runs when --jsonl is absent.
std::function<int()> add_eval_run(Command& command, const Settings& settings);

}  // namespace gradus::app
