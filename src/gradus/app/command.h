// The command line without its library: a verb says what it takes and what it does, and only
// command.cpp includes CLI11, which costs seconds to compile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace gradus::app {

// What every verb may be told.
struct Settings {
  uint64_t seed = 0;
  bool json = false, quiet = false, plain = false;
  int verbose = 0;
  int threads = 0;  // 0: as many as the machine offers
  std::string color = "auto", progress = "auto";
  std::string out;  // empty: the verb's own place
};

enum Status : int {
  done = 0,
  answer_is_no = 1,
  bad_input = 2,
  not_supported = 3,
  numerical_failure = 4,
  our_bug = 70,
  interrupted = 130
};

// One verb while it is being described. The variables must outlive the program's run: keep them in
// a shared_ptr that the function given to `runs` holds.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  // A word in place, such as FILE.
  void word(const std::string& name, std::string& value, const std::string& says,
            bool required = true);
  void words(const std::string& name, std::vector<std::string>& values, const std::string& says,
             bool required = true);
  // A word that may begin with a minus sign, such as -x^2.
  void expression(const std::string& name, std::string& value, const std::string& says,
                  bool required = true);
  // --name VALUE; the value shown in help is what the variable holds now.
  void option(const std::string& name, std::string& value, const std::string& says,
              const std::string& placeholder = "TEXT");
  void option(const std::string& name, int64_t& value, const std::string& says,
              const std::string& placeholder = "N");
  void option(const std::string& name, uint64_t& value, const std::string& says,
              const std::string& placeholder = "N");
  void option(const std::string& name, int& value, const std::string& says,
              const std::string& placeholder = "N");
  void option(const std::string& name, double& value, const std::string& says,
              const std::string& placeholder = "X");
  void option(const std::string& name, std::vector<std::string>& values, const std::string& says,
              const std::string& placeholder = "TEXT");
  // --name WORD, one of these.
  void choice(const std::string& name, std::string& value, const std::string& says,
              const std::vector<std::string>& choices);
  void flag(const std::string& name, bool& value, const std::string& says);
  // Whether the user gave this option.
  bool given(const std::string& name) const;
  // An example line at the end of the help.
  void example(const std::string& line);
  // Returns the exit status.
  void runs(std::function<int()> action);

  std::function<int()> action;
  bool takes_expression = false;

 private:
  CLI::App* app_;
  std::string examples_;
};

// An option that only some of a verb's words take, such as --lambda of ridge and lasso.
struct Belongs {
  const char* option;
  std::vector<std::string_view> to;
};
// Raises where an option was given that does not belong to `word`: it would be ignored.
void require_belonging(const Command& command, const std::string& word,
                       const std::vector<Belongs>& options);

struct Verb {
  const char* name;
  const char* says;  // one line, no full stop
  void (*add)(Command&, const Settings&);
  bool writes = false;  // --out has a meaning
};

// Parses, runs the verb and maps every outcome to an exit status.
int run_program(int argc, const char* const* argv, const std::vector<Verb>& verbs);

// Results go to standard output, notes to standard error; --quiet silences notes.
void print(std::string_view text);
void note(const Settings& settings, std::string_view text);
// Whether to colour what goes to this stream (1 output, 2 error): --color, NO_COLOR,
// CLICOLOR_FORCE, FORCE_COLOR, TERM and whether it is a terminal.
bool use_color(const Settings& settings, int stream);
// Calls answer(line) for every line of standard input and prints what it returns as a line.
void answer_lines(const std::function<std::string(std::string_view line)>& answer);

}  // namespace gradus::app
