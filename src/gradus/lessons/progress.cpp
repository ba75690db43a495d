#include <gradus/base/error.h>
#include <gradus/io/file.h>
#include <gradus/io/json_private.h>
#include <gradus/lessons/progress.h>

#include <cstdlib>
#include <filesystem>

namespace gradus::lessons {
namespace {

using nlohmann::json;

constexpr int most_kept_aside = 1000;

int count(const json& j, const char* name) {
  const auto it = j.find(name);
  if (it == j.end()) return 0;
  return it->is_number_integer() ? static_cast<int>(it->get<int64_t>()) : 0;
}

Progress from_json(const json& j) {
  Progress p;
  // A name of another type than ours raises, and the file counts as broken.
  for (const auto& [slug, n] : j.at("lessons").items()) p.opened[slug] = n.get<int>();
  for (const auto& [name, e] : j.at("exercises").items())
    p.exercises[name] = {count(e, "attempts"), count(e, "hints"), e.at("right").get<bool>()};
  for (const auto& [name, grade] : j.at("questions").items()) p.grades[name] = grade.get<int>();
  return p;
}

}  // namespace

std::string progress_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::string(state) + "/gradus/progress.json";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/')
    return std::string(home) + "/.local/state/gradus/progress.json";
  return "";
}

Progress read_progress(const std::string& path) {
  std::error_code error;
  if (path.empty() || !std::filesystem::exists(path, error)) return {};
  std::string why;
  try {
    const FileBytes file(path);
    return from_json(parse_json(as_text(file.bytes()), path));
  } catch (const Error& e) {
    why = e.what();
  } catch (const json::exception&) {
    why = path + " is not a progress file";
  }
  Progress fresh;
  for (int i = 1; i <= most_kept_aside; ++i) {
    const std::string aside = path + ".broken-" + std::to_string(i);
    if (std::filesystem::exists(aside, error)) continue;
    std::filesystem::rename(path, aside, error);
    fresh.note = why + ". " + (error ? "It cannot be moved aside" : "It is kept as " + aside) +
                 "; progress starts anew.";
    return fresh;
  }
  fresh.note = why + ".";
  return fresh;
}

void write_progress(const std::string& path, const Progress& progress) {
  if (path.empty()) return;
  json j = {{"version", 1},
            {"lessons", json::object()},
            {"exercises", json::object()},
            {"questions", json::object()}};
  for (const auto& [slug, n] : progress.opened) j["lessons"][slug] = n;
  for (const auto& [name, e] : progress.exercises)
    j["exercises"][name] = {{"attempts", e.attempts}, {"hints", e.hints}, {"right", e.right}};
  for (const auto& [name, grade] : progress.grades) j["questions"][name] = grade;
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) raise(ErrorKind::file, path + ": the folder cannot be made: " + error.message() + ".");
  write_file_atomically(path, as_bytes(j.dump(1) + "\n"));
}

}  // namespace gradus::lessons
