// gradus landscape RUN [OTHER]: the loss around trained weights, or on the way to others.
#include <gradus/app/network.h>
#include <gradus/app/verbs.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>
#include <gradus/io/file.h>
#include <gradus/optim/landscape.h>
#include <gradus/train/page.h>
#include <gradus/train/plot.h>
#include <gradus/train/progress.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

namespace gradus::app {
namespace {

using Numbers = std::vector<double>;

struct LandscapeWords {
  std::string run, other;
  NetworkOptions network{.examples = 512};
  double reach = 1;
  int64_t points = 25;
};

std::string small(double x) {
  return text::significant(x, 4);
}
std::string json(const Numbers& x) {
  return to_json(from_vector(x));
}

double least_of(const LossPlane& p) {
  double least = std::numeric_limits<double>::infinity();
  for (const Numbers& row : p.loss)
    for (double v : row)
      if (v < least) least = v;
  return least;
}
int64_t not_finite(const LossPlane& p) {
  int64_t count = 0;
  for (const Numbers& row : p.loss)
    count += std::ranges::count_if(row, [](double v) { return !std::isfinite(v); });
  return count;
}
double most_of(const LossPlane& p, double least) {
  double most = least;
  for (const Numbers& row : p.loss)
    for (double v : row)
      if (std::isfinite(v)) most = std::max(most, v);
  return most;
}

// The share of the height, 0 to 1, on a scale that shows the valley; above 1 where not finite.
double height_of(double v, double least, double most) {
  if (!std::isfinite(v)) return 2;
  return most > least ? std::sqrt((v - least) / (most - least)) : 0;
}

std::string map_text(const LossPlane& p) {
  const double least = least_of(p), most = most_of(p, least);
  constexpr std::string_view signs = " .:-=+*#%@";
  std::string out;
  for (size_t i = p.loss.size(); i-- > 0;) {
    out += "  ";
    for (size_t k = 0; k < p.loss[i].size(); ++k) {
      const double h = height_of(p.loss[i][k], least, most);
      const bool centre = i == p.loss.size() / 2 && k == p.loss[i].size() / 2;
      const char sign =
          h > 1 ? '?' : signs[std::min(signs.size() - 1, static_cast<size_t>(h * 10))];
      out += std::string(2, centre ? 'x' : sign);
    }
    out += "\n";
  }
  return out + "  x the weights;  ' ' low (" + small(least) + ") to '@' high (" + small(most) +
         ")\n";
}

std::string map_svg(const LossPlane& p) {
  const double least = least_of(p), most = most_of(p, least);
  const size_t n = p.loss.size();
  const double cell = 440.0 / static_cast<double>(n);
  std::string out =
      "<svg viewBox=\"0 0 440 440\" role=\"img\" aria-label=\"loss around the weights, from " +
      small(least) + " to " + small(most) + "\">\n";
  for (size_t i = 0; i < n; ++i)
    for (size_t k = 0; k < n; ++k) {
      const double h = height_of(p.loss[i][k], least, most);
      out += "<rect x=\"" + text::fixed(cell * static_cast<double>(k), 2) + "\" y=\"" +
             text::fixed(440 - cell * static_cast<double>(i + 1), 2) + "\" width=\"" +
             text::fixed(cell + 0.3, 2) + "\" height=\"" + text::fixed(cell + 0.3, 2) +
             "\" fill=\"hsl(215 60% " + (h > 1 ? "50" : text::fixed(95 - 75 * h, 1)) +
             "%)\"><title>" + small(p.loss[i][k]) + " at (" + small(p.s[k]) + ", " + small(p.t[i]) +
             ")</title></rect>\n";
    }
  return out +
         "<circle cx=\"220\" cy=\"220\" r=\"4\" fill=\"none\" stroke=\"red\" "
         "stroke-width=\"2\"/>\n</svg>\n";
}

std::string line_svg(const LossLine& line, const std::string& id, const std::string& title,
                     const std::string& label) {
  Plot plot;
  plot.id = id;
  plot.title = title;
  plot.unit = "loss";
  plot.x_label = label;
  plot.lines = {{"", line.t, line.loss}};
  return svg(plot);
}

std::string page_of(const std::string& title, const std::string& says,
                    const std::vector<std::string>& figures) {
  std::string out = page::begin(title, says) + "<header class=\"top\">\n<h1>" + page::show(title) +
                    "</h1>\n</header>\n<main>\n<section><div class=\"lead\"><p>" +
                    page::prose(says) + "</p></div></section>\n<section><div class=\"grid2\">\n";
  for (const std::string& f : figures) out += "<figure>" + f + "</figure>\n";
  return out + "</div></section>\n" + page::end({});
}

void write_page(const Settings& settings, const std::string& html) {
  if (settings.out.empty()) return;
  write_file_atomically(settings.out, as_bytes(html));
  note(settings, "wrote " + settings.out + "\n");
}

void draw(const LossLine& line, const std::string& left, const std::string& right,
          const Settings& settings) {
  if (settings.plain) {
    for (size_t i = 0; i < line.t.size(); ++i)
      print("  " + text::pad_left(small(line.t[i]), 8) + "  " + small(line.loss[i]) + "\n");
    return;
  }
  constexpr size_t width = 50;
  for (const std::string& row : braille_curve(line.loss, width, 4)) print("  " + row + "\n");
  print("  " + text::pad_right(left, width - text::width(right)) + right + "\n");
}

void require_there(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    raise(ErrorKind::file, path +
                               ": there is no such run or file. Runs are made by gradus train DATA "
                               "--out FOLDER.");
}

int run(const LandscapeWords& w, const Settings& settings) {
  constexpr int64_t most = 201;
  if (w.points < 3 || w.points > most)
    raise(ErrorKind::usage, "--points lies in 3 to " + std::to_string(most));
  if (!(w.reach > 0) || !std::isfinite(w.reach))
    raise(ErrorKind::usage, "--reach is a share of the weights above 0, such as 1");
  require_there(w.run);
  if (!w.other.empty()) require_there(w.other);
  const Network n = load_network(w.run, w.network, settings.seed);
  if (!w.other.empty()) {
    const Network other = load_network(w.other, w.network, settings.seed);
    if (!std::ranges::equal(n.parameters, other.parameters,
                            [](const Tensor& a, const Tensor& b) { return a.type() == b.type(); }))
      raise(ErrorKind::shape, w.run + " and " + w.other +
                                  ": their weights differ in number or shape. A straight way needs "
                                  "two of one model. Train both with the same --model.");
    const Barrier b = barrier_between(n.loss, n.parameters, other.parameters, w.points);
    const LossLine& path = b.path;
    const std::string says = "between " + w.run + " (loss " + small(path.loss.front()) + ") and " +
                             w.other + " (loss " + small(path.loss.back()) + "), on " + n.says;
    const std::string verdict =
        b.height > 0 ? "the loss rises by " + small(b.height) +
                           " above the straight line between its ends, most at t = " + small(b.at)
                     : "no barrier: the loss never rises above the straight line between its ends";
    if (settings.json) {
      print("{\"barrier\":" + to_json(scalar(b.height, DType::f64)) +
            ",\"at\":" + to_json(scalar(b.at, DType::f64)) + ",\"t\":" + json(path.t) +
            ",\"loss\":" + json(path.loss) + "}\n");
    } else {
      if (!settings.quiet) print(says + "\n");
      if (!settings.quiet) draw(path, "t = 0", "t = 1", settings);
      print("barrier  " + verdict + "\n");
    }
    write_page(settings, page_of("The way between two minima", says + ": " + verdict + ".",
                                 {line_svg(path, "path", "loss on the straight path", "t")}));
    return done;
  }
  const Key key = key_from_seed(settings.seed);
  const std::vector<Tensor> first = filter_normalised(split(key, 0), n.parameters),
                            second = filter_normalised(split(key, 1), n.parameters);
  const LossLine line = loss_along(n.loss, n.parameters, first, -w.reach, w.reach, w.points);
  const LossPlane plane = loss_around(n.loss, n.parameters, first, second, w.reach, w.points);
  const double here = number(n.loss(n.parameters)), least = least_of(plane);
  const int64_t beyond = not_finite(plane);
  const std::string says = n.says + ": loss " + small(here) + " at the weights";
  const std::string verdict =
      beyond > 0 ? std::to_string(beyond) + " of " + std::to_string(w.points * w.points) +
                       " losses on the plane are not finite: too far away. Take a smaller --reach"
      : least < here ? "the lowest loss on the plane is " + small(least) +
                           ": the weights are not at its bottom"
                     : "no loss on the plane is lower: the weights lie at its bottom";
  if (settings.json) {
    std::string rows;
    for (const Numbers& row : plane.loss) rows += (rows.empty() ? "" : ",") + json(row);
    print("{\"loss\":" + to_json(scalar(here, DType::f64)) +
          ",\"lowest\":" + to_json(scalar(least, DType::f64)) + ",\"t\":" + json(line.t) +
          ",\"line\":" + json(line.loss) + ",\"plane\":[" + rows + "]}\n");
  } else {
    if (!settings.quiet) {
      print(says + "\n\nalong a drawn direction, every filter as long as that of the weights\n");
      draw(line, "-" + small(w.reach), "+" + small(w.reach), settings);
      print("\non the plane of two such directions\n" + map_text(plane));
    }
    print("verdict  " + verdict + "\n");
  }
  write_page(
      settings,
      page_of("The loss around trained weights", says + "; " + verdict + ".",
              {line_svg(line, "line", "loss along a drawn direction", "share of the weights"),
               map_svg(plane)}));
  return beyond > 0 ? numerical_failure : done;
}

}  // namespace

void add_landscape(Command& command, const Settings& settings) {
  const auto w = std::make_shared<LandscapeWords>();
  command.word("RUN", w->run, "a run folder, or weights of a perceptron (.safetensors)");
  command.word("OTHER", w->other, "another of the same shape: the straight way between both",
               false);
  command.option("--data", w->network.data, "of a run: other data than it was trained on", "DATA");
  command.option("--activation", w->network.activation, "of a file of weights: its activation",
                 "NAME");
  command.option("--examples", w->network.examples, "rows that the loss is measured on");
  command.option("--reach", w->reach, "how far to look, as a share of the length of each filter");
  command.option("--points", w->points, "points along each direction");
  command.example("gradus landscape runs/0001-moons --out landscape.html");
  command.example("gradus landscape runs/0001-moons runs/0002-moons    the barrier between them");
  command.runs([w, &settings] { return run(*w, settings); });
}

}  // namespace gradus::app
