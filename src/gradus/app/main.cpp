// The program: one line a verb.
#include <gradus/app/verbs.h>

int main(int argc, char** argv) {
  using namespace gradus::app;
  constexpr bool writes = true;
  return run_program(
      argc, argv,
      {{"train", "train a network and explain what happened", add_train, writes},
       {"lr-find", "a learning rate, and why that one", add_lr_find},
       {"learn", "the guide: lessons with real numbers", add_learn},
       {"exercise", "exercises of the guide, checked", add_exercise, writes},
       {"quiz", "interview questions of the guide", add_quiz},
       {"predict", "what a trained run says about data", add_predict},
       {"generate", "a trained language model writes on", add_generate},
       {"ngram", "what counting makes of a text", add_ngram},
       {"tokenise", "a text cut into characters, words or pairs of bytes", add_tokenise},
       {"words", "words as vectors: neighbours and analogies", add_words},
       {"experiment", "curves that show what an architecture can learn", add_experiment, writes},
       {"summary", "layers, shapes, parameters and operations of a model", add_summary},
       {"convert", "trained weights as PyTorch loads them", add_convert},
       {"inspect", "what a data or weight file holds", add_inspect},
       {"verify", "check every reference number", add_verify},
       {"quickstart", "train on digits: the first thing to try", add_quickstart, writes},
       {"calc", "evaluate an expression", add_calc},
       {"trace", "every number of a computation, forward and backward", add_trace},
       {"grad", "derivatives of an expression", add_grad},
       {"shapes", "the shape of every step of an expression", add_shapes},
       {"gradcheck", "derivatives against differences", add_gradcheck},
       {"why-zero", "which operation cut a gradient", add_why_zero},
       {"differences", "why a difference's step can be too small", add_differences},
       {"critical", "minimum, maximum or saddle", add_critical},
       {"convex", "convexity tried on chords and Hessians", add_convex},
       {"optimise", "go down a function and see how", add_optimise},
       {"fit", "regression that explains its numbers", add_fit},
       {"stats", "what the numbers of a file say", add_stats},
       {"linalg", "factorisations, systems, and how far to trust them", add_linalg, writes},
       {"landscape", "the loss around trained weights", add_landscape, writes},
       {"eval", "measure a trained run on data", add_eval},
       {"float", "how a number is stored, bit by bit", add_float},
       {"rng", "random numbers from explicit keys", add_rng},
       {"ops", "what the library can compute", add_ops},
       {"plan", "what a computation becomes before it runs", add_plan},
       {"bench", "how fast this machine and this build are", add_bench, writes}});
}
