#include <gradus/app/lesson.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/lessons/judge.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace gradus::app {

using namespace lessons;

const Guide& guide() {
  static const Guide all = make_guide(embedded_guide());
  return all;
}

Look look_of(const Settings& settings) {
  Look look{.columns = 80, .color = use_color(settings, 1), .ascii = settings.plain};
  const char* columns = std::getenv("COLUMNS");
  winsize size = {};
  if (const auto n = columns ? text::parse_int64(columns) : std::nullopt; n && *n > 0)
    look.columns = static_cast<int>(std::min<int64_t>(*n, 1000));
  else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    look.columns = size.ws_col;
  return look;
}

namespace {

constexpr unsigned most_seconds = 30;
constexpr rlim_t extra_memory = rlim_t{4} << 30;

// Numbers of a reader can make a lesson run for ever or fill the memory: both end with one line.
class Guard {
 public:
  Guard() {
    getrlimit(RLIMIT_AS, &before_);
    const rlimit less = {std::min<rlim_t>(mapped_memory() + extra_memory, before_.rlim_cur),
                         before_.rlim_max};
    setrlimit(RLIMIT_AS, &less);
    std::signal(SIGALRM, [](int) {
      constexpr std::string_view line =
          "gradus learn: with these numbers the page takes longer than 30 s\n";
      [[maybe_unused]] const ssize_t n = write(STDERR_FILENO, line.data(), line.size());
      _exit(bad_input);
    });
    alarm(most_seconds);
  }
  ~Guard() {
    alarm(0);
    setrlimit(RLIMIT_AS, &before_);
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  rlimit before_ = {};
};

}  // namespace

Page page_of(const Lesson& lesson,
             const std::vector<std::pair<std::string, std::string>>& changes) {
  if (changes.empty()) return computed(lesson);
  const Guard guard;
  try {
    return computed(lesson, changes);
  } catch (const Error& e) {
    if (std::string_view(e.what()).starts_with("--set")) throw;
    raise(e.kind,
          "with these numbers the lesson " + lesson.slug + " cannot be computed: " + e.what());
  } catch (const std::bad_alloc&) {
    raise(ErrorKind::usage,
          "with these numbers the lesson " + lesson.slug + " needs more memory than there is");
  } catch (const std::exception& e) {
    raise(ErrorKind::usage,
          "with these numbers the lesson " + lesson.slug + " cannot be computed: " + e.what());
  }
}

Progress progress_of(const Settings& settings) {
  Progress p = read_progress(progress_path());
  if (!p.note.empty()) note(settings, "gradus: " + p.note + "\n");
  return p;
}

void save(const Progress& progress, const Settings& settings) {
  try {
    write_progress(progress_path(), progress);
  } catch (const Error& e) {
    note(settings, "gradus: progress is not kept: " + std::string(e.what()) + "\n");
  }
}

Mark mark_of(const Lesson& lesson, const Progress& progress) {
  const std::vector<Exercise> exercises = lesson.exercises();
  const auto right = [&](const Exercise& e) {
    const auto it = progress.exercises.find(e.name);
    return it != progress.exercises.end() && it->second.right;
  };
  const auto it = progress.opened.find(lesson.slug);
  const bool opened = it != progress.opened.end() && it->second > 0;
  // Without exercises, reading is all there is to do.
  if (exercises.empty() ? opened : std::all_of(exercises.begin(), exercises.end(), right))
    return Mark::finished;
  return opened ? Mark::opened : Mark::fresh;
}

const Lesson* suggested(const Progress& progress) {
  for (const Mark wanted : {Mark::fresh, Mark::opened})
    for (const Lesson& l : guide().lessons)
      if (mark_of(l, progress) == wanted) return &l;
  return nullptr;
}

void show_page(const std::string& text, const Settings& settings) {
  if (isatty(STDOUT_FILENO) == 0 || settings.json) {
    print(text);
    return;
  }
  const char* pager = std::getenv("PAGER");
  const std::string command =
      pager && *pager ? pager : "command -v less >/dev/null && exec less -R -F -X || exec cat";
  std::fflush(stdout);
  std::signal(SIGPIPE, SIG_IGN);  // the reader leaves before the end
  FILE* pipe = popen(command.c_str(), "w");
  if (pipe == nullptr) {
    print(text);
    return;
  }
  std::fwrite(text.data(), 1, text.size(), pipe);
  pclose(pipe);
}

bool ask(const std::string& question, std::string& answer) {
  if (isatty(STDIN_FILENO) == 0) return false;
  print(question);
  std::fflush(stdout);
  char* line = nullptr;
  size_t room = 0;
  const ssize_t n = getline(&line, &room, stdin);
  answer.assign(line ? line : "", n > 0 ? static_cast<size_t>(n) : 0);
  std::free(line);
  while (answer.ends_with('\n') || answer.ends_with('\r')) answer.pop_back();
  return n > 0;
}

}  // namespace gradus::app
