#include <dlfcn.h>
#include <fcntl.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/expr/parse.h>
#include <gradus/io/file.h>
#include <gradus/lessons/guide.h>
#include <gradus/lessons/judge.h>
#include <gradus/lessons/page.h>
#include <gradus/lessons/words_private.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>

extern char** environ;

namespace gradus::lessons {
namespace {

using Clock = std::chrono::steady_clock;

constexpr rlim_t extra_memory = rlim_t{1} << 30;  // beyond what the program itself has mapped
constexpr size_t longest_wire = 1 << 20;
constexpr size_t most_error_lines = 24;

// answer.h, the one header that a learner's file includes. A test compares them.
constexpr std::string_view answer_header = R"(#pragma once
#include <typeinfo>
#define GRADUS_ANSWER(...) \
  extern "C" __attribute__((visibility("default"))) void* gradus_answer() { \
    return reinterpret_cast<void*>(&__VA_ARGS__); \
  } \
  extern "C" __attribute__((visibility("default"))) const char* gradus_answer_type() { \
    return typeid(&__VA_ARGS__).name(); \
  }
)";

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Descriptor {
  explicit Descriptor(int descriptor) : fd(descriptor) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  int fd;
};

// ---- a verdict through a pipe ----

void pack(std::string& to, std::string_view s) {
  const uint32_t n = static_cast<uint32_t>(s.size());
  to.append(reinterpret_cast<const char*>(&n), sizeof n);
  to += s;
}

std::optional<std::string> unpack(std::string_view& from) {
  uint32_t n = 0;
  if (from.size() < sizeof n) return std::nullopt;
  std::memcpy(&n, from.data(), sizeof n);
  from.remove_prefix(sizeof n);
  if (from.size() < n) return std::nullopt;
  std::string s(from.substr(0, n));
  from.remove_prefix(n);
  return s;
}

std::string packed(const Verdict& v) {
  std::string out(1, v.right ? '1' : '0');
  for (const std::string* s : {&v.where, &v.yours, &v.expected, &v.misconception, &v.says})
    pack(out, *s);
  return out;
}

std::optional<Verdict> unpacked(std::string_view wire) {
  if (wire.empty()) return std::nullopt;
  Verdict v;
  v.right = wire[0] == '1';
  wire.remove_prefix(1);
  for (std::string* s : {&v.where, &v.yours, &v.expected, &v.misconception, &v.says}) {
    const auto part = unpack(wire);
    if (!part) return std::nullopt;
    *s = *part;
  }
  return v;
}

Verdict trouble(std::string name, std::string says) {
  return {.misconception = std::move(name), .says = std::move(says)};
}

// ---- the child ----

void limit(__rlimit_resource what, rlim_t most) {
  const rlimit l = {most, most};
  setrlimit(what, &l);
}

Verdict loaded_and_checked(const AnyFill& exercise, const std::string& shared_object) {
  void* handle = dlopen(shared_object.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = dlerror();
    return trouble("cannot be loaded",
                   "The compiled file cannot be loaded: " + std::string(why ? why : "no reason") +
                       ". Is a function declared that is not there?");
  }
  using Give = void* (*)();
  using Name = const char* (*)();
  const auto give = reinterpret_cast<Give>(dlsym(handle, "gradus_answer"));
  const auto type = reinterpret_cast<Name>(dlsym(handle, "gradus_answer_type"));
  if (give == nullptr || type == nullptr)
    return trouble("last line is missing",
                   "The file must end with GRADUS_ANSWER(name of your function).");
  if (std::strcmp(type(), exercise.type) != 0)
    return trouble("other parameters",
                   "The function takes or returns other types than the task says. Put its first "
                   "line back as it was; gradus exercise start in another folder writes it again.");
  try {
    return exercise.check(reinterpret_cast<void (*)()>(give()));
  } catch (const std::bad_alloc&) {
    return trouble("too much memory",
                   "Your function asked for more memory than there is. Does a list grow in a loop, "
                   "or a size come out negative?");
  } catch (const std::exception& e) {
    return trouble("threw an exception",
                   "Your function threw an exception: " + std::string(e.what()) + ".");
  } catch (...) {
    return trouble("threw an exception",
                   "Your function threw something that is no std::exception.");
  }
}

[[noreturn]] void child(const AnyFill& exercise, const std::string& shared_object, double seconds,
                        int to) {
  for (const int s : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU}) std::signal(s, SIG_DFL);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_AS, mapped_memory() + extra_memory);
  // The parent kills on time; this is for the case that the parent is gone.
  limit(RLIMIT_CPU, static_cast<rlim_t>(std::ceil(seconds)) + 5);
  const std::string wire = packed(loaded_and_checked(exercise, shared_object));
  std::fflush(nullptr);
  for (size_t sent = 0; sent < wire.size();) {
    const ssize_t n = ::write(to, wire.data() + sent, wire.size() - sent);
    if (n <= 0) break;
    sent += static_cast<size_t>(n);
  }
  _exit(0);
}

Verdict death(int status) {
  if (!WIFSIGNALED(status))
    return trouble("ended the program",
                   "Your function ended the program instead of returning. Remove exit(...).");
  switch (WTERMSIG(status)) {
    case SIGFPE:
      return trouble("divided an integer by zero",
                     "Your function divided an integer by zero, or took the remainder by it.");
    case SIGABRT:
      return trouble(
          "aborted",
          "Your function was aborted: an assertion failed, memory was freed twice, or an "
          "exception left a function that may not throw.");
    case SIGILL:
      return trouble(
          "no return",
          "Your function did something that C++ does not define. Does every path end with "
          "a return?");
    case SIGXCPU:
    case SIGKILL:
      return trouble("too much time or memory", "The system stopped your function.");
    default:
      return trouble("crashed",
                     "Your function crashed: it read or wrote outside its memory, or called itself "
                     "without end. Check every index, and that sizes are what you think.");
  }
}

int waited(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Everything a process writes to `from` until it ends, or nothing when time runs out.
std::optional<std::string> read_until(int from, Clock::time_point end) {
  std::string out;
  std::array<char, 4096> chunk;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return std::nullopt;
    pollfd p = {from, POLLIN, 0};
    const int ready = poll(&p, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    const ssize_t n = ::read(from, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return out;
    if (out.size() < longest_wire) out.append(chunk.data(), static_cast<size_t>(n));
  }
}

}  // namespace

uint64_t mapped_memory() {
  FILE* statm = std::fopen("/proc/self/statm", "r");
  unsigned long pages = 0;
  if (statm) {
    if (std::fscanf(statm, "%lu", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  return uint64_t{pages} * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

TemporaryFolder::TemporaryFolder() {
  const char* place = std::getenv("TMPDIR");
  path_ = std::string(place && *place ? place : "/tmp") + "/gradus-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr)
    raise(ErrorKind::file, path_ + ": the folder cannot be made: " + std::strerror(errno) + ".");
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Verdict judge(const Predict& exercise, std::string_view typed) {
  std::optional<double> value = text::parse_double(trimmed(typed));
  if (!value) {
    const Expression e = parse_expression(trimmed(typed));
    if (e.names().empty()) {
      const Tensor t = e({}, {});
      if (t.size() == 1) value = number(t);
    }
  }
  if (!value)
    raise(ErrorKind::usage, "the answer is a number, but '" + std::string(typed) +
                                "' is none. Write it as 0.25, -3 or 1/3.");
  const auto near = [&](double a) {
    return std::abs(*value - a) <= exercise.tolerance * std::max(1.0, std::abs(a));
  };
  if (near(exercise.answer)) return Verdict::passed();
  Verdict v{.yours = text::significant(*value, 6)};
  for (const Predict::Mistake& m : exercise.wrong) {
    if (!near(m.value)) continue;
    v.misconception = m.misconception;
    v.says = m.says;
    break;
  }
  return v;
}

Verdict judge(const Choose& exercise, std::string_view typed) {
  const std::string word = lower_case(trimmed(typed));
  if (word == lower_case(exercise.answer)) return Verdict::passed();
  std::vector<std::string> words;
  for (const Choose::Choice& c : exercise.choices) {
    if (lower_case(c.word) == word)
      return {.yours = c.word, .misconception = c.misconception, .says = c.says};
    words.push_back(c.word);
  }
  raise(ErrorKind::usage, "'" + std::string(typed) + "' is none of the answers. They are " +
                              text::join(words, ", ") + ".");
}

Compiled compile_answer(const std::string& source, const std::string& folder) {
  const std::string include = folder + "/gradus/lessons";
  std::filesystem::create_directories(include);
  write_file_atomically(include + "/answer.h", as_bytes(answer_header));
  Compiled out;
  const std::string shared_object = folder + "/answer.so";
  const char* chosen = std::getenv("CXX");
  const std::string compiler = chosen && *chosen ? chosen : "g++";
  std::vector<std::string> words = {compiler,
                                    "-std=c++20",
                                    "-O0",
                                    "-shared",
                                    "-fPIC",
                                    "-fmax-errors=3",
                                    "-fdiagnostics-color=never",
                                    "-I" + folder,
                                    "-o",
                                    shared_object,
                                    source};
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    raise(ErrorKind::file, "a pipe cannot be made: " + std::string(std::strerror(errno)) + ".");
  const Descriptor from(ends[0]);
  Descriptor to(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to.fd, 1);
  posix_spawn_file_actions_adddup2(&actions, to.fd, 2);
  const Clock::time_point begin = Clock::now();
  pid_t pid = 0;
  // A process group of its own: the driver's children end with it.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  const int failed =
      posix_spawnp(&pid, compiler.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  to.close();
  if (failed != 0)
    raise(ErrorKind::unsupported, "the compiler " + compiler +
                                      " cannot be started: " + std::strerror(failed) +
                                      ". Install g++, or name another one in CXX.");
  const auto said = read_until(from.fd, begin + std::chrono::seconds(120));
  if (!said) kill(-pid, SIGKILL);
  const int status = waited(pid);
  out.seconds = seconds_since(begin);
  if (said && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    out.shared_object = shared_object;
    return out;
  }
  const std::string text = said ? *said : "the compiler did not end within two minutes\n";
  const auto lines = lines_of(text);
  for (size_t i = 0; i < std::min(lines.size(), most_error_lines); ++i)
    out.errors += std::string(lines[i]) + "\n";
  return out;
}

Verdict judge(const AnyFill& exercise, const std::string& shared_object, double seconds) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    raise(ErrorKind::file, "a pipe cannot be made: " + std::string(std::strerror(errno)) + ".");
  const Descriptor from(ends[0]);
  Descriptor to(ends[1]);
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid < 0)
    raise(ErrorKind::file, "a process cannot be made: " + std::string(std::strerror(errno)) + ".");
  if (pid == 0) child(exercise, shared_object, seconds, to.fd);
  to.close();
  const Clock::time_point end =
      Clock::now() + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  const auto wire = read_until(from.fd, end);
  if (!wire) kill(pid, SIGKILL);
  const int status = waited(pid);
  if (!wire)
    return trouble("does not end", "Your function was still running after " +
                                       text::significant(seconds, 3) +
                                       " s. Does every loop come closer to its end?");
  const auto verdict = unpacked(*wire);
  return verdict ? *verdict : death(status);
}

}  // namespace gradus::lessons
