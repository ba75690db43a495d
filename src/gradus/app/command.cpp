#include <gradus/app/command.h>
#include <gradus/app/pages.h>
#include <gradus/base/error.h>
#include <gradus/base/pool.h>
#include <gradus/base/text.h>
#include <gradus/base/version.h>
#include <gradus/linalg/repeated.h>
#include <hwy/nanobenchmark.h>
#include <hwy/targets.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <new>
#include <utility>

// Highway 1.0.3 measures the steps of its timer whenever it is loaded: 4 ms, most of what our start
// took. Nothing here times by it, so this stands in.
uint64_t hwy::platform::TimerResolution() {
  return 1;
}

namespace gradus::app {
namespace {

constexpr std::string_view short_flags = "hqv";

std::string simd_name(int64_t target) {
  return hwy::TargetName(target);
}

// Smaller numbers are better targets.
int64_t best_target() {
  const int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  return usable & -usable;
}

// GRADUS_SIMD=AVX2 forces one target, as tests do.
void choose_target() {
  const char* wanted = std::getenv("GRADUS_SIMD");
  if (wanted == nullptr || *wanted == '\0') return;
  std::string offered;
  for (int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    if (CLI::detail::to_lower(simd_name(target)) == CLI::detail::to_lower(wanted)) {
      hwy::SetSupportedTargetsForTest(target);
      return;
    }
    offered += (offered.empty() ? "" : ", ") + simd_name(target);
  }
  raise(ErrorKind::usage, "GRADUS_SIMD: there is no target '" + std::string(wanted) +
                              "' here. This machine and build offer " + offered + ".");
}

std::string version() {
#ifdef __clang__
  const std::string compiler = "clang " + std::to_string(__clang_major__) + "." +
                               std::to_string(__clang_minor__) + "." +
                               std::to_string(__clang_patchlevel__);
#else
  const std::string compiler = "g++ " + std::to_string(__GNUC__) + "." +
                               std::to_string(__GNUC_MINOR__) + "." +
                               std::to_string(__GNUC_PATCHLEVEL__);
#endif
  return "gradus " GRADUS_VERSION "\ncompiler  " + compiler + "\nSIMD      " +
         simd_name(best_target()) + "\nthreads   " + std::to_string(thread_count());
}

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::unsupported:
      return not_supported;
    case ErrorKind::numeric:
      return numerical_failure;
    case ErrorKind::shape:
    case ErrorKind::dtype:
    case ErrorKind::domain:
    case ErrorKind::trace:
    case ErrorKind::plan:
    case ErrorKind::file:
    case ErrorKind::usage:
      break;
  }
  return bad_input;
}

void complain(const std::string& verb, std::string message) {
  // A message of the library that begins with the verb's own name says it once.
  if (!verb.empty() && message.starts_with(verb + ": ")) message.erase(0, verb.size() + 2);
  for (char& c : message)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  // An error that names its verb itself is not named twice.
  if (!verb.empty() && message.starts_with(verb + ": ")) message.erase(0, verb.size() + 2);
  std::fprintf(stderr, "gradus%s%s: %s\n", verb.empty() ? "" : " ", verb.c_str(), message.c_str());
}

// CLI11 would take -1 for 2^64 - 1. A blank may hide the sign.
std::string not_negative(const std::string& word) {
  const size_t begin = word.find_first_not_of(' ');
  if (begin == std::string::npos || word[begin] != '-') return "";
  return word.substr(begin) + " is below 0. A seed or a count starts at 0";
}

// CLI11 would take the largest number for any beyond it.
std::string fits_int64(const std::string& word) {
  errno = 0;
  const long long number = std::strtoll(word.c_str(), nullptr, 0);
  if (errno != ERANGE) return "";
  return word + " is beyond the whole numbers of 64 bits, which " +
         (number < 0 ? "begin at " : "end at ") + std::to_string(number);
}

std::string fits_uint64(const std::string& word) {
  errno = 0;
  const unsigned long long number = std::strtoull(word.c_str(), nullptr, 0);
  if (errno != ERANGE) return "";
  return word + " is beyond the whole numbers of 64 bits, which end at " + std::to_string(number);
}

void add_common(CLI::App& app, Settings& s) {
  app.add_option("--seed", s.seed, "seed of every random number")
      ->check(not_negative)
      ->check(fits_uint64)
      ->type_name("N")
      ->take_last();
  app.add_flag("--json", s.json, "print one JSON value");
  app.add_flag("-q,--quiet", s.quiet, "print nothing but the result");
  app.add_flag("-v,--verbose", s.verbose, "print more; twice for everything");
  app.add_option("--color", s.color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("WHEN")
      ->take_last();
  app.add_option("--progress", s.progress, "auto, bar, plain or none")
      ->check(CLI::IsMember({"auto", "bar", "plain", "none"}))
      ->type_name("FORM")
      ->take_last();
  app.add_option("--threads", s.threads, "threads; 0 takes what the machine offers")
      ->check(CLI::Range(0, 4096))
      ->type_name("N")
      ->take_last();
  app.add_option("--out", s.out, "folder or file to write, of verbs that write one")
      ->type_name("PATH")
      ->take_last();
  app.add_flag("--plain", s.plain, "ASCII only, no colour");
}

OptionPage page_of(const CLI::Option& o) {
  OptionPage page;
  for (const std::string& n : o.get_snames()) page.names.push_back("-" + n);
  for (const std::string& n : o.get_lnames()) page.names.push_back("--" + n);
  if (page.names.empty())
    page.value = o.get_name(true);
  else if (o.get_items_expected_max() > 0)
    page.value = o.get_type_name();
  page.says = o.get_description();
  return page;
}

std::vector<OptionPage> pages_of(const CLI::App& app) {
  std::vector<OptionPage> pages;
  for (const CLI::Option* o : app.get_options()) pages.push_back(page_of(*o));
  return pages;
}

std::vector<VerbPage> verb_pages(const CLI::App& app) {
  std::vector<VerbPage> pages;
  for (const CLI::App* sub : app.get_subcommands(nullptr))
    pages.push_back({sub->get_name(), sub->get_description(), pages_of(*sub)});
  return pages;
}

std::string nearest_of(std::string_view word, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto found = text::nearest(word, views);
  return found ? "; did you mean " + std::string(*found) + "?" : ".";
}
std::string see_help(const std::string& verb) {
  return " See gradus help" + (verb.empty() ? "" : " " + verb) + ".";
}

bool is_flag(const std::string& word) {
  return word.starts_with("-") && word.size() > 1;
}

// A word that no verb and no flag took.
std::string unexpected(const CLI::App& app, const CLI::App* verb) {
  const std::vector<std::string> rest = app.remaining(true);
  const std::string word = rest.empty() ? "" : rest.front();
  if (is_flag(word)) {
    std::vector<std::string> names;
    for (const CLI::App* a : {verb, &app}) {
      if (a == nullptr) continue;
      for (const OptionPage& o : pages_of(*a))
        names.insert(names.end(), o.names.begin(), o.names.end());
    }
    return "there is no flag " + word + nearest_of(word.substr(0, word.find('=')), names);
  }
  if (verb) return "'" + word + "' is one word too many.";
  if (word.empty()) return "the verb is empty.";
  std::vector<std::string> names;
  for (const VerbPage& v : verb_pages(app)) names.push_back(v.name);
  return "there is no verb '" + word + "'" + nearest_of(word, names);
}

// Words such as -x^2 would be taken for flags: a blank in front hides the sign.
void hide_minus_signs(std::vector<std::string>& words) {
  for (std::string& w : words) {
    if (w == "--") return;
    if (w.size() < 2 || w[0] != '-' || w[1] == '-') continue;
    if (w.find_first_not_of(short_flags, 1) != std::string::npos) w.insert(0, " ");
  }
}

}  // namespace

void Command::word(const std::string& name, std::string& value, const std::string& says,
                   bool required) {
  app_->add_option(name, value, says)->required(required)->type_name("");
}

void Command::words(const std::string& name, std::vector<std::string>& values,
                    const std::string& says, bool required) {
  app_->add_option(name, values, says)->required(required)->type_name("");
}

void Command::expression(const std::string& name, std::string& value, const std::string& says,
                         bool required) {
  takes_expression = true;
  word(name, value, says, required);
}

void Command::option(const std::string& name, std::string& value, const std::string& says,
                     const std::string& placeholder) {
  CLI::Option* o = app_->add_option(name, value, says)->type_name(placeholder)->take_last();
  if (!value.empty()) o->capture_default_str();
}

void Command::option(const std::string& name, int64_t& value, const std::string& says,
                     const std::string& placeholder) {
  app_->add_option(name, value, says)
      ->check(fits_int64)
      ->type_name(placeholder)
      ->take_last()
      ->capture_default_str();
}

void Command::option(const std::string& name, uint64_t& value, const std::string& says,
                     const std::string& placeholder) {
  app_->add_option(name, value, says)
      ->check(not_negative)
      ->check(fits_uint64)
      ->type_name(placeholder)
      ->take_last()
      ->capture_default_str();
}

void Command::option(const std::string& name, int& value, const std::string& says,
                     const std::string& placeholder) {
  app_->add_option(name, value, says)->type_name(placeholder)->take_last()->capture_default_str();
}

void Command::option(const std::string& name, double& value, const std::string& says,
                     const std::string& placeholder) {
  app_->add_option(name, value, says)->type_name(placeholder)->take_last()->capture_default_str();
}

void Command::option(const std::string& name, std::vector<std::string>& values,
                     const std::string& says, const std::string& placeholder) {
  app_->add_option(name, values, says)->type_name(placeholder)->allow_extra_args(false);
}

void Command::choice(const std::string& name, std::string& value, const std::string& says,
                     const std::vector<std::string>& choices) {
  app_->add_option(name, value, says)
      ->check(CLI::IsMember(choices))
      ->type_name(text::join(choices, "|"))
      ->take_last()
      ->capture_default_str();
}

void Command::flag(const std::string& name, bool& value, const std::string& says) {
  app_->add_flag(name, value, says);
}

bool Command::given(const std::string& name) const {
  const CLI::Option* option = app_->get_option_no_throw(name);
  return option != nullptr && option->count() > 0;
}

void Command::example(const std::string& line) {
  examples_ += (examples_.empty() ? "Examples:\n  " : "\n  ") + line;
  app_->footer(examples_);
}

void Command::runs(std::function<int()> what) {
  action = std::move(what);
}

void require_belonging(const Command& command, const std::string& word,
                       const std::vector<Belongs>& options) {
  for (const Belongs& o : options)
    if (command.given(o.option) && std::ranges::find(o.to, word) == o.to.end())
      raise(ErrorKind::usage, std::string(o.option) + " belongs to " + text::join(o.to, ", ") +
                                  ", not to " + word + ". Leave it out.");
}

int run_program(int argc, const char* const* argv, const std::vector<Verb>& verbs) {
  CLI::App app("The mathematics of deep learning, computed, explained and trained.", "gradus");
  std::string verb_name;
  try {
    choose_target();
    Settings settings;
    app.set_help_flag("-h,--help", "print this page");
    app.set_version_flag("--version", version, "print version, compiler and SIMD target");
    app.require_subcommand(0, 1);
    app.get_formatter()->column_width(28);
    app.footer("gradus help VERB prints the page of a verb.");
    add_common(app, settings);

    std::deque<Command> commands;  // by place of the verb; apps stay where they are
    std::vector<CLI::App*> apps;
    const auto describe = [&](const char* name, const char* says) -> Command& {
      apps.push_back(app.add_subcommand(name, says)->fallthrough());
      return commands.emplace_back(*apps.back());
    };
    for (const Verb& v : verbs) v.add(describe(v.name, v.says), settings);

    std::string topic, shell;
    Command& help = describe("help", "the page of a verb");
    help.word("VERB", topic, "the verb", false);
    help.runs([&] {
      const CLI::App* page = topic.empty() ? &app : nullptr;
      for (const CLI::App* a : apps)
        if (a->get_name() == topic) page = a;
      if (page == nullptr) {
        std::vector<std::string> names;
        for (const VerbPage& v : verb_pages(app)) names.push_back(v.name);
        raise(ErrorKind::usage,
              "there is no verb '" + topic + "'" + nearest_of(topic, names) + see_help(""));
      }
      // app.help() would be the page of the verb that was given, which is help.
      print(page == &app
                ? app.get_formatter()->make_help(&app, "gradus", CLI::AppFormatMode::Normal)
                : page->help("gradus"));
      return done;
    });
    Command& complete = describe("completion", "completions for a shell");
    complete.choice("SHELL", shell, "the shell", {"bash", "zsh", "fish"});
    complete.runs([&] {
      if (shell.empty()) raise(ErrorKind::usage, "which shell? bash, zsh or fish");
      print(completion(shell, verb_pages(app), pages_of(app)));
      return done;
    });
    describe("man", "the manual page, in roff").runs([&] {
      print(man_page(GRADUS_VERSION, verb_pages(app), pages_of(app)));
      return done;
    });

    std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    for (size_t i = 0; i < apps.size(); ++i)
      if (commands[i].takes_expression && !words.empty() && words[0] == apps[i]->get_name())
        hide_minus_signs(words);
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    const auto chosen = [&]() -> size_t {
      for (size_t i = 0; i < apps.size(); ++i)
        if (apps[i]->parsed()) return i;
      return apps.size();
    };
    const auto refuse_rest = [&] {
      const size_t i = chosen();
      if (i < apps.size()) verb_name = apps[i]->get_name();
      raise(ErrorKind::usage,
            unexpected(app, i < apps.size() ? apps[i] : nullptr) + see_help(verb_name));
    };
    try {
      app.parse(std::move(words));
    } catch (const CLI::Success& e) {
      return app.exit(e);
    } catch (const CLI::ExtrasError&) {
      refuse_rest();
    } catch (const CLI::ParseError& e) {
      // A flag that is misspelt comes before what is missing.
      if (const auto rest = app.remaining(true); !rest.empty() && is_flag(rest.front()))
        refuse_rest();
      const size_t i = chosen();
      if (i < apps.size()) verb_name = apps[i]->get_name();
      raise(ErrorKind::usage, std::string(e.what()) + "." + see_help(verb_name));
    }
    if (settings.threads > 0) set_thread_count(settings.threads);
    const size_t i = chosen();
    if (i == apps.size()) {
      print(app.help());
      return bad_input;
    }
    verb_name = apps[i]->get_name();
    if (!settings.out.empty() && !(i < verbs.size() && verbs[i].writes))
      raise(ErrorKind::usage,
            "it writes no file, so --out says nothing. Print into one instead, as "
            "in gradus " +
                verb_name + " ... > " + settings.out + ".");
    bool told = false;  // once a run: a derivative may be taken a thousand times
    const RepeatedGuard guard(Repeated::warn, [&](const std::string& line) {
      if (!std::exchange(told, true)) note(settings, line + "\n");
    });
    const int status = commands[i].action();
    // A full disk or a closed pipe must not look like success.
    if (std::fflush(stdout) != 0 || std::ferror(stdout))
      raise(ErrorKind::file, "standard output cannot be written");
    return status;
  } catch (const Error& e) {
    std::fflush(stdout);
    complain(verb_name, e.what());
    return status_of(e.kind);
  } catch (const std::bad_alloc&) {
    complain(verb_name, "not enough memory. Use smaller input.");
    return bad_input;
  } catch (const std::exception& e) {
    complain(verb_name, std::string("a mistake of ours: ") + e.what());
    return our_bug;
  }
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void note(const Settings& settings, std::string_view text) {
  if (settings.quiet) return;
  std::fflush(stdout);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

bool use_color(const Settings& settings, int stream) {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  if (settings.plain || settings.color == "never") return false;
  if (settings.color == "always") return true;
  if (set("NO_COLOR")) return false;
  const auto forced = [&](const char* name) {
    return set(name) && std::string_view(std::getenv(name)) != "0";
  };
  if (forced("CLICOLOR_FORCE") || forced("FORCE_COLOR")) return true;
  const char* term = std::getenv("TERM");
  return term != nullptr && std::string_view(term) != "dumb" && isatty(stream) != 0;
}

void answer_lines(const std::function<std::string(std::string_view line)>& answer) {
  char* line = nullptr;
  size_t room = 0;
  ssize_t length;
  while ((length = getline(&line, &room, stdin)) >= 0) {
    std::string_view text(line, static_cast<size_t>(length));
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    print(answer(text) + "\n");
    std::fflush(stdout);
  }
  std::free(line);
}

}  // namespace gradus::app
