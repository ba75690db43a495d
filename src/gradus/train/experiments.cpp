#include <gradus/base/error.h>
#include <gradus/base/html.h>
#include <gradus/base/text.h>
#include <gradus/train/experiments.h>
#include <gradus/train/page.h>

#include <algorithm>

namespace gradus {
namespace {

constexpr ExperimentEntry entries[] = {
    {"bottleneck", "what a code of fixed size carries of a sequence, with and without attention",
     run_bottleneck},
    {"distance", "how gradients of a recurrent layer shrink or grow with distance", run_distance},
    {"copy", "what a plain recurrent layer and an LSTM remember over a delay", run_copy},
    {"order", "what a bag of embeddings and a recurrent layer know of order", run_order}};

std::string table_of(const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<div class=\"box\"><table class=\"plain\"><thead><tr>";
  for (const std::string& cell : rows.front())
    out += "<th scope=\"col\">" + escape_html(cell) + "</th>";
  out += "</tr></thead><tbody>";
  for (size_t r = 1; r < rows.size(); ++r) {
    out += "<tr>";
    for (const std::string& cell : rows[r]) out += "<td>" + page::show(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace

std::span<const ExperimentEntry> experiments() {
  return entries;
}

const ExperimentEntry& experiment(std::string_view name) {
  const auto found = std::ranges::find(entries, name, &ExperimentEntry::name);
  if (found != std::end(entries)) return *found;
  std::vector<std::string_view> names;
  for (const ExperimentEntry& e : entries) names.push_back(e.name);
  const auto close = text::nearest(name, names);
  raise(ErrorKind::usage, "experiment: there is no experiment '" + std::string(name) +
                              "'. There are " + text::join(names, ", ") + "." +
                              (close ? " Did you mean '" + std::string(*close) + "'?" : ""));
}

std::string listed(std::span<const std::string> words) {
  if (words.empty()) return "";
  const std::string most = text::join(words.first(words.size() - 1), ", ");
  return most + (most.empty() ? "" : " and ") + words.back();
}

std::string render_experiment(const Experiment& e, std::string_view command,
                              std::string_view version) {
  std::string out = page::begin(e.title, e.verdict.says);
  out += std::string("<header class=\"top\">\n<p class=\"kicker\"><span class=\"mark ") +
         (e.verdict.as_expected ? "fine\">✓ as expected" : "note\">! not as expected") +
         "</span><b>" + escape_html(e.name) + "</b></p>\n<h1>" + page::show(e.title) +
         "</h1>\n</header>\n<main>\n<section><div class=\"lead\"><p>" +
         page::prose(e.verdict.says) + "</p></div>\n<p class=\"why\">" + page::prose(e.what) +
         "</p></section>\n<section><div class=\"grid2\">\n";
  for (const Experiment::Figure& f : e.figures) out += page::figure(f.title, f.why, f.plot);
  out +=
      "</div></section>\n<section><h2>The numbers</h2>\n" + table_of(e.table) +
      "</section>\n<section><h2>Run it again</h2>\n<p class=\"why\">The same build and seed give "
      "the same bits, with any number of threads.</p>\n<pre><code>" +
      escape_html(command) + "</code></pre>\n</section>\n";
  return out + page::end(version);
}

}  // namespace gradus
