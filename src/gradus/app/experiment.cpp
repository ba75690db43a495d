// gradus experiment NAME: a seeded study, its curves, and what they show in a sentence.
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/base/version.h>
#include <gradus/io/file.h>
#include <gradus/lessons/plot_text.h>
#include <gradus/train/experiments.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace gradus::app {
namespace {

namespace fs = std::filesystem;

struct ExperimentWords {
  std::string name;
  bool quick = false;
};

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& r : rows)
    for (size_t i = 0; i < r.size(); ++i) widths[i] = std::max(widths[i], text::width(r[i]));
  std::string out;
  for (const auto& r : rows) {
    for (size_t i = 0; i < r.size(); ++i) out += (i ? "  " : "") + text::pad_left(r[i], widths[i]);
    out += "\n";
  }
  return out;
}

std::string drawing(const Plot& plot, bool plain) {
  std::string out;
  for (const auto& row : lessons::plot_cells(plot, 78, plain)) {
    std::string line;
    for (const lessons::PlotCell& cell : row) line += cell.text;
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string list_json(const std::vector<double>& x) {
  std::string out = "[";
  for (size_t i = 0; i < x.size(); ++i)
    out += (i ? "," : "") + (std::isfinite(x[i]) ? text::number17(x[i]) : std::string("null"));
  return out + "]";
}

std::string to_json(const Experiment& e, uint64_t seed) {
  std::string out = "{\"experiment\":" + text::quote_json(e.name) +
                    ",\"seed\":" + std::to_string(seed) +
                    ",\"as_expected\":" + (e.verdict.as_expected ? "true" : "false") +
                    ",\"verdict\":" + text::quote_json(e.verdict.says) + ",\"figures\":[";
  for (size_t f = 0; f < e.figures.size(); ++f) {
    const Experiment::Figure& figure = e.figures[f];
    out +=
        std::string(f ? "," : "") + "{\"title\":" + text::quote_json(figure.title) + ",\"lines\":[";
    for (size_t i = 0; i < figure.plot.lines.size(); ++i) {
      const Line& l = figure.plot.lines[i];
      out += std::string(i ? "," : "") + "{\"label\":" + text::quote_json(l.label) +
             ",\"x\":" + list_json(l.x) + ",\"y\":" + list_json(l.y) + "}";
    }
    out += "]}";
  }
  return out + "]}\n";
}

// The folder of --out, which must be new or empty.
void require_free(const std::string& folder) {
  std::error_code ignored;
  if (folder.empty() || !fs::exists(folder, ignored)) return;
  if (!fs::is_directory(folder, ignored) || !fs::is_empty(folder, ignored))
    raise(ErrorKind::usage, "experiment: --out " + folder +
                                " is there and not empty. Name a new folder: results are never "
                                "written over.");
}

int run(const ExperimentWords& w, const Settings& settings) {
  if (w.name.empty()) {
    for (const ExperimentEntry& e : experiments())
      print(text::pad_right(e.name, 12) + std::string(e.says) + "\n");
    return done;
  }
  const ExperimentEntry& entry = experiment(w.name);
  require_free(settings.out);
  std::error_code failed;
  if (!settings.out.empty() && (fs::create_directories(settings.out, failed), failed))
    raise(ErrorKind::file, "experiment: --out " + settings.out + " cannot be made: " +
                               failed.message() + ". Name a folder where you may write.");
  const Experiment e = entry.run({.seed = settings.seed, .quick = w.quick, .note = [&](auto& line) {
                                    note(settings, line + "\n");
                                  }});
  if (settings.json) {
    print(to_json(e, settings.seed));
  } else {
    if (!settings.quiet)
      for (const Experiment::Figure& f : e.figures)
        print(f.title + "\n" + drawing(f.plot, settings.plain) + "\n");
    print(table(e.table) + "\n" + (e.verdict.as_expected ? "as expected  " : "not as expected  ") +
          e.verdict.says + "\n");
  }
  if (!settings.out.empty()) {
    const std::string path = (fs::path(settings.out) / "report.html").string();
    const std::string command = "gradus experiment " + w.name + (w.quick ? " --quick" : "") +
                                " --seed " + std::to_string(settings.seed) + " --out FOLDER";
    write_file_atomically(path, as_bytes(render_experiment(e, command, GRADUS_VERSION)));
    note(settings, "wrote " + path + "\n");
  }
  return e.verdict.as_expected ? done : answer_is_no;
}

}  // namespace

void add_experiment(Command& command, const Settings& settings) {
  const auto w = std::make_shared<ExperimentWords>();
  command.word("NAME", w->name, "bottleneck, distance, copy or order; without it a list", false);
  command.flag("--quick", w->quick, "seconds: smaller sizes and fewer steps");
  command.example("gradus experiment bottleneck --out runs/bottleneck");
  command.example("gradus experiment copy --quick --json");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
