// Axes, ticks, paths and end labels.
#include <gradus/base/text.h>
#include <gradus/train/plot.h>
#include <gradus/train/run.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus {
namespace {

constexpr double text_size = 12;
// Mean advance of a character in the page's sans-serif faces, in units of the text size.
constexpr double advance = 0.56;
constexpr double label_gap = 14;  // least distance between two end labels
constexpr std::size_t longest_label = 16;

// One decimal of a viewBox unit is finer than a pixel.
std::string coord(double x) {
  std::string s = text::fixed(x, 1);
  if (s.ends_with(".0")) s.resize(s.size() - 2);
  return s == "-0" ? "0" : s;
}

double text_width(std::string_view s) {
  return static_cast<double>(text::width(s)) * advance * text_size;
}

std::string shortened(const std::string& s) {
  if (s.size() <= longest_label || text::width(s) <= longest_label) return s;
  std::string out;
  for (const char c : s) {
    // Cut before a character's first byte only.
    const bool starts = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (starts && text::width(out) + 1 >= longest_label) break;
    out += c;
  }
  return out + "…";
}

std::string tick_label(double v, bool as_percent, bool log) {
  if (as_percent) return text::significant(100 * v, 6) + " %";
  if (v == 0) return "0";
  const double size = std::abs(v);
  if (log ? size < 1e-3 || size >= 1e4 : size < 1e-4 || size >= 1e6) {
    std::string s = text::significant(v, 3);
    const auto e = s.find("e-0");
    if (e != std::string::npos) s.erase(e + 2, 1);
    const auto plus = s.find("e+0");
    if (plus != std::string::npos) s.erase(plus + 1, 2);
    return s;
  }
  return size >= 1e4 ? text::grouped(std::llround(v)) : text::significant(v, 6);
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return !(low <= high); }
};

struct EndLabel {
  double wanted, y;
  std::string text, colour;
};

// Pushes labels apart downwards, then back up into the frame.
void spread(std::vector<EndLabel>& labels, double top, double bottom) {
  std::stable_sort(labels.begin(), labels.end(),
                   [](const EndLabel& a, const EndLabel& b) { return a.wanted < b.wanted; });
  double least = top;
  for (EndLabel& l : labels) {
    l.y = std::max(l.wanted, least);
    least = l.y + label_gap;
  }
  double most = bottom;
  for (std::size_t i = labels.size(); i-- > 0;) {
    labels[i].y = std::min(labels[i].y, most);
    most = labels[i].y - label_gap;
  }
}

std::string describe(const Plot& plot) {
  std::string out;
  for (const Line& line : plot.lines) {
    if (line.label.empty()) continue;
    Range range;
    double first = not_measured, last = not_measured;
    for (const double v : line.y) {
      if (!std::isfinite(v)) continue;
      if (std::isnan(first)) first = v;
      last = v;
      range.add(v);
    }
    if (range.empty()) continue;
    const auto show = [&](double v) { return plot.percent ? percent(v) : brief(v); };
    if (!out.empty()) out += "; ";
    out += line.label + ": from " + show(first) + " to " + show(last) + ", lowest " +
           show(range.low) + ", highest " + show(range.high);
  }
  return out.empty() ? "No finite values." : out + ".";
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, int about) {
  if (!std::isfinite(low) || !std::isfinite(high) || low > high || about < 1) return {};
  if (low == high) return {low};
  const double raw = (high - low) / about;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double m : {1.0, 2.0, 2.5, 5.0}) {
    if (m * power >= raw * 0.999) {
      step = m * power;
      break;
    }
  }
  // A step below the spacing of the numbers themselves cannot be counted in.
  if (!(step > 0) || low + step == low || high - step == high) return {low, high};
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  for (double i = first; i <= last; ++i) ticks.push_back(i * step + 0.0);
  return ticks;
}

std::vector<double> log_ticks(double low, double high, int about) {
  if (!(low > 0) || !std::isfinite(high) || low > high || about < 1) return {};
  const double from = std::floor(std::log10(low)), to = std::ceil(std::log10(high));
  const auto within = [&](double v) { return v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9); };
  std::vector<double> ticks;
  const double stride = std::max(1.0, std::ceil((to - from) / about));
  for (double e = std::ceil(from / stride) * stride; e <= to; e += stride) {
    if (within(std::pow(10.0, e))) ticks.push_back(std::pow(10.0, e));
  }
  if (ticks.size() < 3 && stride == 1) {
    ticks.clear();
    for (double e = from; e <= to; ++e) {
      for (const double m : {1.0, 2.0, 5.0}) {
        if (within(m * std::pow(10.0, e))) ticks.push_back(m * std::pow(10.0, e));
      }
    }
  }
  if (ticks.size() < 2) ticks = nice_ticks(low, high, about);
  return ticks;
}

bool wants_log(const std::vector<Line>& lines) {
  Range range;
  for (const Line& line : lines) {
    for (const double v : line.y) {
      if (!std::isfinite(v) || v == 0) continue;
      if (v < 0) return false;
      range.add(v);
    }
  }
  // Below a ratio of 20 a linear axis still shows the small end.
  return !range.empty() && range.high / range.low > 20;
}

Line numbered_line(std::string label, std::vector<double> y, std::string colour, double first) {
  Line line{.label = std::move(label), .y = std::move(y), .colour = std::move(colour)};
  for (std::size_t i = 0; i < line.y.size(); ++i) line.x.push_back(first + static_cast<double>(i));
  return line;
}

Line thinned(const Line& line, std::size_t most) {
  const std::size_t n = std::min(line.x.size(), line.y.size());
  if (n <= most || most < 4) return line;
  Line out = line;
  out.x.clear();
  out.y.clear();
  const std::size_t stretches = most / 2;
  for (std::size_t s = 0; s < stretches; ++s) {
    const std::size_t begin = s * n / stretches, end = (s + 1) * n / stretches;
    std::size_t low = n, high = n;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(line.y[i])) continue;
      if (low == n || line.y[i] < line.y[low]) low = i;
      if (high == n || line.y[i] > line.y[high]) high = i;
    }
    if (low == n) {
      out.x.push_back(line.x[begin]);
      out.y.push_back(not_measured);
      continue;
    }
    for (const std::size_t i : {std::min(low, high), std::max(low, high)}) {
      out.x.push_back(line.x[i]);
      out.y.push_back(line.y[i]);
      if (low == high) break;
    }
  }
  return out;
}

std::string ramp_colour(std::size_t i, std::size_t n) {
  const std::size_t place = n <= 1 ? 5 : (i * 5 + (n - 1) / 2) / (n - 1);
  return "var(--r" + std::to_string(std::min<std::size_t>(place, 5)) + ")";
}

std::string svg(const Plot& plot) {
  // Beyond 1e300 the range itself would overflow.
  const auto drawable = [&](double v) { return std::abs(v) <= 1e300 && (!plot.log || v > 0); };
  Range xs, ys;
  for (const Line& line : plot.lines) {
    for (std::size_t i = 0; i < std::min(line.x.size(), line.y.size()); ++i) {
      if (!drawable(line.y[i]) || !std::isfinite(line.x[i])) continue;
      xs.add(line.x[i]);
      ys.add(line.y[i]);
    }
  }
  if (ys.empty()) return "<p class=\"none\">No finite values to draw.</p>";
  for (const Threshold& rule : plot.rules) {
    if (drawable(rule.y)) ys.add(rule.y);
  }
  if (plot.from_zero && !plot.log) ys.add(0);
  if (plot.y_low < plot.y_high) ys = {plot.y_low, plot.y_high};
  if (xs.low == xs.high) xs = {xs.low - 1, xs.high + 1};

  // Room above and below, a twentieth of the range; a flat line sits in the middle.
  const auto to_axis = [&](double v) { return plot.log ? std::log10(v) : v; };
  double low = to_axis(ys.low), high = to_axis(ys.high);
  const double room = high > low ? (high - low) / 20 : std::max(std::abs(low) / 10, 0.1);
  if (!(plot.y_low < plot.y_high)) {
    low = plot.from_zero && ys.low == 0 ? 0 : low - room;
    high += room;
  }
  const auto from_axis = [&](double v) { return plot.log ? std::pow(10.0, v) : v; };
  const int about = plot.height < 180 ? 3 : 5;
  const std::vector<double> ticks =
      plot.log ? log_ticks(from_axis(low), from_axis(high), about) : nice_ticks(low, high, about);

  double left = 0, right = 0;
  for (const double t : ticks) {
    left = std::max(left, text_width(tick_label(t, plot.percent, plot.log)));
  }
  for (const Line& line : plot.lines) right = std::max(right, text_width(shortened(line.label)));
  left += 10;
  right = right > 0 ? right + 12 : 8;
  const double top = 10, bottom = plot.height - (plot.x_label.empty() ? 22 : 36);
  const double end = plot.width - right;
  const auto px = [&](double x) { return left + (x - xs.low) / (xs.high - xs.low) * (end - left); };
  const auto py = [&](double y) {
    return bottom - (to_axis(y) - low) / (high - low) * (bottom - top);
  };

  const std::string title = plot.id + "-t", desc = plot.id + "-d";
  std::string out = "<svg viewBox=\"0 0 " + coord(plot.width) + " " + coord(plot.height) +
                    "\" role=\"img\" aria-labelledby=\"" + title + " " + desc + "\"><title id=\"" +
                    title + "\">" + escape_html(plot.title) + "</title><desc id=\"" + desc + "\">" +
                    escape_html(describe(plot)) + "</desc>\n";
  std::string grid, marks;
  for (const double t : ticks) {
    const std::string y = coord(py(t));
    grid += "M" + coord(left) + " " + y + "H" + coord(end);
    marks += "<text x=\"" + coord(left - 6) + "\" y=\"" + coord(py(t) + 4) + "\" class=\"ty\">" +
             escape_html(tick_label(t, plot.percent, plot.log)) + "</text>";
  }
  std::vector<double> x_ticks = nice_ticks(xs.low, xs.high, plot.width < 300 ? 3 : 6);
  const bool whole = xs.high - xs.low >= 2;
  std::erase_if(x_ticks, [&](double t) { return whole && t != std::floor(t); });
  for (const double t : x_ticks) {
    marks += "<text x=\"" + coord(px(t)) + "\" y=\"" + coord(bottom + 16) + "\" class=\"tx\">" +
             tick_label(t, false, false) + "</text>";
  }
  if (!plot.x_label.empty()) {
    marks += "<text x=\"" + coord((left + end) / 2) + "\" y=\"" + coord(plot.height - 4) +
             "\" class=\"tx\">" + escape_html(plot.x_label) + "</text>";
  }
  out += "<path class=\"grid\" d=\"" + grid + "\"/>" + marks + "\n";

  std::string rule_labels;  // over the lines, on a halo of paper
  for (const Threshold& rule : plot.rules) {
    if (!drawable(rule.y) || rule.y < ys.low || rule.y > ys.high) continue;
    const double y = py(rule.y);
    out += "<path class=\"rule\" d=\"M" + coord(left) + " " + coord(y) + "H" + coord(end) + "\"/>";
    rule_labels += "<text x=\"" + coord(end - 2) + "\" y=\"" + coord(y + (y < top + 16 ? 14 : -6)) +
                   "\" class=\"tr\">" + escape_html(rule.label) + "</text>";
  }

  std::vector<EndLabel> labels;
  for (const Line& line : plot.lines) {
    std::string path;
    std::string dots;
    bool pen = false;
    std::size_t last = line.y.size(), count = 0;
    const std::size_t n = std::min(line.x.size(), line.y.size());
    for (std::size_t i = 0; i < n; ++i) {
      if (!drawable(line.y[i]) || !std::isfinite(line.x[i])) {
        pen = false;
        continue;
      }
      const double y = std::clamp(py(line.y[i]), top - 2, bottom + 2);
      path += (pen ? "L" : "M") + coord(px(line.x[i])) + " " + coord(y);
      if (plot.dots && !line.faint) {
        dots += "M" + coord(px(line.x[i])) + " " + coord(y) + "h0";
      }
      pen = true;
      last = i;
      ++count;
    }
    if (count == 0) continue;
    const double last_x = px(line.x[last]);
    const double last_y = std::clamp(py(line.y[last]), top - 2, bottom + 2);
    // A single point has no line: the round end of a line without length is a dot.
    if (count == 1) path += "h0";
    out += "<path class=\"" + std::string(line.faint ? "faint" : "line") + "\" d=\"" + path +
           "\" style=\"stroke:" + line.colour + ";stroke-width:" + coord(line.width) + "\"/>";
    if (!dots.empty()) {
      out += "<path class=\"dots\" d=\"" + dots + "\" style=\"stroke:" + line.colour + "\"/>";
    }
    if (!line.faint) {
      out += "<path class=\"dots\" d=\"M" + coord(last_x) + " " + coord(last_y) +
             "h0\" style=\"stroke:" + line.colour + "\"/>";
    }
    if (!line.label.empty()) labels.push_back({last_y, last_y, shortened(line.label), line.colour});
    out += "\n";
  }
  out += rule_labels;
  // Only as many labels as there is room for; the first and the last line always keep theirs.
  const auto fits = static_cast<std::size_t>((bottom - top) / label_gap) + 1;
  if (labels.size() > fits) {
    std::vector<EndLabel> kept;
    for (std::size_t i = 0; i < fits; ++i) {
      kept.push_back(labels[i * (labels.size() - 1) / (fits - 1)]);
    }
    labels = std::move(kept);
  }
  spread(labels, top, bottom);
  for (const EndLabel& l : labels) {
    if (std::abs(l.y - l.wanted) > 3) {
      out += "<path class=\"lead\" d=\"M" + coord(end + 2) + " " + coord(l.wanted) + "L" +
             coord(end + 7) + " " + coord(l.y) + "\" style=\"stroke:" + l.colour + "\"/>";
    }
    out += "<text x=\"" + coord(end + 9) + "\" y=\"" + coord(l.y + 4) +
           "\" class=\"tl\" style=\"fill:" + l.colour + "\">" + escape_html(l.text) + "</text>";
  }
  return out + "</svg>";
}

}  // namespace gradus
