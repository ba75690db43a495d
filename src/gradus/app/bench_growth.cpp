// How the cost of a training step grows with width, depth and batch over three decades, beside
// what its arithmetic says.
#include <gradus/app/bench.h>
#include <gradus/app/bench_step.h>
#include <gradus/app/columns.h>
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/io/bytes.h>
#include <gradus/io/file.h>
#include <gradus/train/plot.h>

#include <cmath>

namespace gradus::app {
namespace {

struct Point {
  int64_t at;           // the width, depth or batch
  double us, bytes;     // measured: a step, and the memory of its plan
  double flops, least;  // counted: multiply-adds twice; parameters, gradient, Adam's two
                        // averages, and every layer's values and cotangents
};

struct Growth {
  const char* name;
  const char* says;
  std::vector<int64_t> (*widths)(int64_t);
  int64_t (*batch)(int64_t);
  std::vector<Point> points;
};

std::vector<int64_t> layers(int64_t in, int64_t hidden, int64_t count) {
  std::vector<int64_t> w(static_cast<size_t>(count + 1), hidden);
  w.front() = in;
  return w;
}

Point measure(const Growth& g, int64_t at, double seconds) {
  const std::vector<int64_t> widths = g.widths(at);
  const int64_t batch = g.batch(at);
  TrainingStep s = perceptron_step(widths, "relu", false, batch);
  double parameters = 0, values = 0;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    parameters += static_cast<double>((widths[i] + 1) * widths[i + 1]);
    values += static_cast<double>(batch * widths[i + 1]);
  }
  return {at, time_steps(s.plan, seconds).median, static_cast<double>(s.plan.arena_bytes()),
          s.flops, 4 * (4 * parameters + 2 * values)};
}

// The exponent k of y ~ x^k by least squares over the points from `from` on.
double slope(const std::vector<Point>& points, double Point::*y, int64_t from) {
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (const Point& p : points) {
    if (p.at < from) continue;
    const double lx = std::log(static_cast<double>(p.at)), ly = std::log(p.*y);
    ++n, sx += lx, sy += ly, sxx += lx * lx, sxy += lx * ly;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

struct Slopes {
  double time, flops, memory, least;
};
Slopes slopes_from(const Growth& g, int64_t from) {
  return {slope(g.points, &Point::us, from), slope(g.points, &Point::flops, from),
          slope(g.points, &Point::bytes, from), slope(g.points, &Point::least, from)};
}

// Its largest eighth: there the fixed costs of a step have faded.
int64_t upper_part(const Growth& g) {
  return g.points.back().at / 8;
}

std::string drawing(const Growth& g, const char* what, double Point::*measured,
                    double Point::*counted, double scale) {
  Line ours, arithmetic;
  ours.label = "measured";
  ours.colour = "var(--accent)";
  arithmetic.label = "arithmetic";
  // The arithmetic in its own unit says nothing here: it is drawn through the last point.
  const double through = g.points.back().*measured / g.points.back().*counted;
  for (const Point& p : g.points) {
    const double x = std::log2(static_cast<double>(p.at));
    ours.x.push_back(x), ours.y.push_back(scale * p.*measured);
    arithmetic.x.push_back(x), arithmetic.y.push_back(scale * through * p.*counted);
  }
  Plot plot;
  plot.id = std::string(g.name) + "-" + (measured == &Point::us ? "time" : "memory");
  plot.title = std::string(what) + " against " + g.name;
  plot.x_label = std::string(g.name) + ", as a power of 2";
  plot.lines = {arithmetic, ours};
  plot.log = true;
  plot.dots = true;
  return "<figure><figcaption>" + escape_html(plot.title) + "</figcaption>" + svg(plot) +
         "</figure>\n";
}

std::string page(const std::vector<Growth>& all) {
  std::string out =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Cost of a training step"
      "</title><style>:root{--paper:#fbfaf6;--ink:#1b1a17;--muted:#77736a;--line:#e3dfd4;"
      "--accent:#2344c4}@media(prefers-color-scheme:dark){:root{--paper:#15161a;--ink:#eceae4;"
      "--muted:#98948b;--line:#33353c;--accent:#8ea6ff}}body{margin:2em auto;max-width:60em;"
      "padding:0 1em;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}"
      ".pair{display:grid;grid-template-columns:1fr 1fr;gap:2em}figure{margin:0}"
      "svg{width:100%;height:auto;overflow:visible;font-size:12px}svg text{fill:var(--muted)}"
      ".grid{stroke:var(--line);fill:none}.line{fill:none}.dots{fill:none;stroke-width:5;"
      "stroke-linecap:round}.lead{fill:none}.ty{text-anchor:end}.tx{text-anchor:middle}"
      "svg .tl{font-weight:600}</style><body><h1>Cost of a training step</h1>\n";
  for (const Growth& g : all) {
    const Slopes s = slopes_from(g, upper_part(g));
    out += "<h2>" + escape_html(g.name) + "</h2><p>" + escape_html(g.says) + ". From " +
           std::to_string(upper_part(g)) + " on, time grows with exponent " +
           text::fixed(s.time, 2) + " and its arithmetic with " + text::fixed(s.flops, 2) +
           "; memory with " + text::fixed(s.memory, 2) + ", and what must be held with " +
           text::fixed(s.least, 2) + ".</p><div class=\"pair\">" +
           drawing(g, "Microseconds a step", &Point::us, &Point::flops, 1) +
           drawing(g, "Megabytes of the plan", &Point::bytes, &Point::least, 1.0 / 1048576) +
           "</div>\n";
  }
  return out + "</body></html>\n";
}

}  // namespace

int bench_growth(const BenchWords& w, const Settings& settings) {
  if (!w.rest.empty()) raise(ErrorKind::usage, "growth: '" + w.rest[0] + "' is one word too many");
  std::vector<Growth> all{{"width",
                           "3 layers of this width, batch 32",
                           [](int64_t n) { return layers(n, n, 3); },
                           [](int64_t) -> int64_t { return 32; },
                           {}},
                          {"depth",
                           "so many layers of width 16, batch 32",
                           [](int64_t n) { return layers(16, 16, n); },
                           [](int64_t) -> int64_t { return 32; },
                           {}},
                          {"batch",
                           "3 layers of width 64, so many rows",
                           [](int64_t) { return layers(64, 64, 3); },
                           [](int64_t n) { return n; },
                           {}}};
  const int64_t most = w.quick ? 16 : 2048;
  for (Growth& g : all) {
    for (int64_t n = 2; n <= most; n *= 2) g.points.push_back(measure(g, n, w.quick ? 0.002 : 0.1));
  }
  if (!settings.out.empty()) write_file_atomically(settings.out, as_bytes(page(all)));
  const auto number = [](double x) { return text::significant(x, 5); };
  if (settings.json) {
    std::string json;
    for (const Growth& g : all) {
      const Slopes s = slopes_from(g, upper_part(g)), whole = slopes_from(g, 1);
      json += (json.empty() ? "{" : ",") + text::quote_json(g.name) +
              ":{\"model\":" + text::quote_json(g.says) + ",\"points\":[";
      for (const Point& p : g.points)
        json += (&p == &g.points.front() ? "" : ",") + std::string("{\"at\":") +
                std::to_string(p.at) + ",\"us_per_step\":" + number(p.us) +
                ",\"arena_bytes\":" + text::number(p.bytes) +
                ",\"flops\":" + text::number(p.flops) +
                ",\"least_bytes\":" + text::number(p.least) + "}";
      const auto slopes_json = [&](const Slopes& x) {
        return "{\"time\":" + number(x.time) + ",\"flops\":" + number(x.flops) +
               ",\"memory\":" + number(x.memory) + ",\"least_memory\":" + number(x.least) + "}";
      };
      json += "],\"slopes\":" + slopes_json(whole) +
              ",\"slopes_of_upper_eighth\":" + slopes_json(s) + "}";
    }
    print(json + "}\n");
    return done;
  }
  for (const Growth& g : all) {
    std::vector<std::vector<std::string>> table{
        {g.name, "a step", "GFLOP/s", "memory", "must be held"}};
    for (const Point& p : g.points)
      table.push_back({std::to_string(p.at), time_text(p.us),
                       text::significant(p.flops / p.us * 1e-3, 3), bytes_text(p.bytes),
                       bytes_text(p.least)});
    const Slopes whole = slopes_from(g, 1), upper = slopes_from(g, upper_part(g));
    const auto exponents = [](double measured, double counted) {
      return text::fixed(measured, 2) + " measured, " + text::fixed(counted, 2) + " counted";
    };
    print(std::string(g.says) + "\n" + columns(table) +
          columns(
              {{"exponent", "time", "memory"},
               {"of all", exponents(whole.time, whole.flops), exponents(whole.memory, whole.least)},
               {"from " + std::to_string(upper_part(g)) + " on", exponents(upper.time, upper.flops),
                exponents(upper.memory, upper.least)}}) +
          "\n");
  }
  if (!settings.out.empty()) note(settings, "wrote " + settings.out + "\n");
  return done;
}

}  // namespace gradus::app
