#include <gradus/base/text.h>
#include <gradus/lessons/page.h>
#include <gradus/lessons/plot_text.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::lessons {
namespace {

constexpr std::string_view marks = "*+ox#@";  // where there is no braille, one for each line
constexpr size_t longest_label = 18;

struct Axis {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  bool log = false;

  // Beyond 1e300 the range itself would overflow.
  bool takes(double v) const { return std::abs(v) <= 1e300 && (!log || v > 0); }
  void add(double v) {
    if (!takes(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  double scaled(double v) const { return log ? std::log10(v) : v; }
  // 0 at the low end, 1 at the high one.
  double share(double v) const {
    const double a = scaled(low), b = scaled(high);
    return a == b ? 0.5 : (scaled(v) - a) / (b - a);
  }
  void settle() {
    if (!(low <= high)) low = log ? 1 : 0, high = log ? 10 : 1;
    if (low == high) {
      const double d = low == 0 ? 1 : std::abs(low) / 2;
      low = log ? low / 2 : low - d;
      high = log ? high * 2 : high + d;
    }
  }
};

std::string tick_text(double v, bool percent) {
  return percent ? text::significant(100 * v, 4) + "%" : shown(v, 4);
}

// At most so many columns; an ellipsis says that something is missing.
std::string cut(const std::string& s, size_t most, bool ascii) {
  if (text::width(s) <= most) return s;
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(s[i]) & 0xC0) != 0x80;
    if (starts && text::width(out) + 1 >= most) break;
    out += s[i];
  }
  return out + (ascii ? "." : "…");
}

class Canvas {
 public:
  Canvas(int width, int height) : width_(width), height_(height) {
    bits_.resize(static_cast<size_t>(width * height));
    owner_.assign(bits_.size(), -1);
  }

  // Dots: two a column, four a row, from the top left.
  void dot(int64_t x, int64_t y, int line) {
    if (x < 0 || y < 0 || x >= 2 * width_ || y >= 4 * height_) return;
    static constexpr unsigned char bit[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    const size_t cell = static_cast<size_t>(y / 4 * width_ + x / 2);
    bits_[cell] = static_cast<unsigned char>(bits_[cell] | bit[y % 4][x % 2]);
    owner_[cell] = line;
  }

  // Every `gap`-th dot of the straight way.
  void stroke(double x0, double y0, double x1, double y1, int line, int gap) {
    const double steps =
        std::min(std::ceil(std::max(std::abs(x1 - x0), std::abs(y1 - y0))), 4000.0);
    for (double i = 0; i <= steps; ++i) {
      const double t = steps == 0 ? 0 : i / steps;
      if (walked_++ % gap == 0)
        dot(std::llround(x0 + t * (x1 - x0)), std::llround(y0 + t * (y1 - y0)), line);
    }
  }

  PlotCell cell(int column, int row, bool ascii) const {
    const size_t i = static_cast<size_t>(row * width_ + column);
    if (bits_[i] == 0) return {" "};
    if (ascii)
      return {std::string(1, marks[static_cast<size_t>(std::max(owner_[i], 0)) % marks.size()]),
              owner_[i]};
    const unsigned code = 0x2800u + bits_[i];
    return {{static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
             static_cast<char>(0x80 | (code & 0x3F))},
            owner_[i]};
  }

 private:
  int width_, height_;
  int64_t walked_ = 0;
  std::vector<unsigned char> bits_;
  std::vector<int> owner_;
};

void write(std::vector<PlotCell>& row, size_t at, const std::string& s, int line) {
  for (size_t i = 0; i < s.size();) {
    size_t n = 1;
    while (i + n < s.size() && (static_cast<unsigned char>(s[i + n]) & 0xC0) == 0x80) ++n;
    if (at < row.size()) row[at] = {s.substr(i, n), line};
    ++at;
    i += n;
  }
}

}  // namespace

std::vector<std::vector<PlotCell>> plot_cells(const Plot& plot, int columns, bool ascii) {
  Axis x, y;
  y.log = plot.log;
  for (const Line& line : plot.lines) {
    for (size_t i = 0; i < std::min(line.x.size(), line.y.size()); ++i) {
      if (!x.takes(line.x[i]) || !y.takes(line.y[i])) continue;
      x.add(line.x[i]);
      y.add(line.y[i]);
    }
  }
  for (const Threshold& r : plot.rules) y.add(r.y);
  if (plot.from_zero && !plot.log) y.add(0);
  if (plot.y_low < plot.y_high && (!plot.log || plot.y_low > 0)) {
    y.low = plot.y_low;
    y.high = plot.y_high;
  }
  x.settle();
  y.settle();

  size_t left = 4, right = 0;
  const std::vector<double> y_ticks =
      plot.log ? log_ticks(y.low, y.high, 4) : nice_ticks(y.low, y.high, 4);
  for (const double t : y_ticks) left = std::max(left, text::width(tick_text(t, plot.percent)));
  for (const Line& line : plot.lines)
    right = std::max(right, text::width(cut(line.label, longest_label, ascii)));
  for (const Threshold& r : plot.rules)
    right = std::max(right, text::width(cut(r.label, longest_label, ascii)));
  left += 2;
  if (right > 0) right += 1;
  const int width = std::max(16, columns - static_cast<int>(left + right));
  const double shape = plot.width > 0 && plot.height > 0 ? plot.height / plot.width : 0.57;
  const int height = static_cast<int>(std::clamp(std::round(width * shape / 2), 7.0, 22.0));

  Canvas canvas(width, height);
  const double dots_x = 2 * width - 1, dots_y = 4 * height - 1;
  const auto place_x = [&](double v) { return x.share(v) * dots_x; };
  const auto place_y = [&](double v) { return (1 - y.share(v)) * dots_y; };
  for (const Threshold& r : plot.rules)
    if (y.takes(r.y)) canvas.stroke(0, place_y(r.y), dots_x, place_y(r.y), -1, 3);
  int named = 0;
  for (size_t l = 0; l < plot.lines.size(); ++l) {
    const Line& line = plot.lines[l];
    const int gap = line.faint ? 2 : 1 + named % 3;
    if (!line.faint) ++named;
    bool open = false;
    double px = 0, py = 0;
    for (size_t i = 0; i < std::min(line.x.size(), line.y.size()); ++i) {
      const bool here = x.takes(line.x[i]) && y.takes(line.y[i]);
      // Far outside the frame a line is cut, so that no stroke is longer than the picture.
      const double nx = here ? place_x(line.x[i]) : 0;
      const double ny = here ? std::clamp(place_y(line.y[i]), -dots_y, 2 * dots_y) : 0;
      if (here && open && !plot.dots) canvas.stroke(px, py, nx, ny, static_cast<int>(l), gap);
      if (here && open && plot.dots) canvas.stroke(px, py, nx, ny, static_cast<int>(l), 2);
      if (here && (!open || plot.dots))
        canvas.dot(std::llround(nx), std::llround(ny), static_cast<int>(l));
      open = here;
      px = nx;
      py = ny;
    }
  }

  const size_t total = left + static_cast<size_t>(width) + right;
  std::vector<std::vector<PlotCell>> rows(static_cast<size_t>(height) + 2,
                                          std::vector<PlotCell>(total, {" "}));
  const auto row_of = [&](double v) {
    return static_cast<size_t>(
        std::clamp(std::llround(place_y(v)) / 4, 0LL, static_cast<long long>(height - 1)));
  };
  for (int r = 0; r < height; ++r) {
    auto& row = rows[static_cast<size_t>(r)];
    row[left - 1] = {ascii ? "|" : "│"};
    for (int c = 0; c < width; ++c) row[left + static_cast<size_t>(c)] = canvas.cell(c, r, ascii);
  }
  for (const double t : y_ticks) {
    const std::string s = tick_text(t, plot.percent);
    auto& row = rows[row_of(t)];
    write(row, left - 2 - text::width(s), s, -1);
    row[left - 1] = {ascii ? "+" : "┤"};
  }
  auto& floor = rows[static_cast<size_t>(height)];
  floor[left - 1] = {ascii ? "+" : "└"};
  for (int c = 0; c < width; ++c) floor[left + static_cast<size_t>(c)] = {ascii ? "-" : "─"};
  auto& ticks = rows[static_cast<size_t>(height) + 1];
  size_t free_from = 0;
  for (const double t : nice_ticks(x.low, x.high, std::max(2, width / 14))) {
    const std::string s = shown(t, 4);
    const size_t at = left + static_cast<size_t>(std::llround(place_x(t) / 2));
    const size_t begin = std::min(at - std::min(at, text::width(s) / 2), total - text::width(s));
    if (at < left + static_cast<size_t>(width)) floor[at] = {ascii ? "+" : "┴"};
    if (begin < free_from) continue;
    write(ticks, begin, s, -1);
    free_from = begin + text::width(s) + 1;
  }
  if (!plot.x_label.empty()) {
    const std::string s = cut(plot.x_label, static_cast<size_t>(width), ascii);
    rows.emplace_back(total, PlotCell{" "});
    write(rows.back(), left + static_cast<size_t>(width) - text::width(s), s, -1);
  }

  // Names beside the last point, moved apart where two would share a row.
  struct Name {
    size_t row;
    std::string text;
    int line;
  };
  std::vector<Name> names;
  for (size_t l = 0; l < plot.lines.size(); ++l) {
    const Line& line = plot.lines[l];
    if (line.label.empty()) continue;
    for (size_t i = std::min(line.x.size(), line.y.size()); i-- > 0;) {
      if (!x.takes(line.x[i]) || !y.takes(line.y[i])) continue;
      std::string name = cut(line.label, longest_label, ascii);
      if (ascii && named > 1) name = std::string(1, marks[l % marks.size()]) + " " + name;
      names.push_back({row_of(line.y[i]), name, static_cast<int>(l)});
      break;
    }
  }
  for (const Threshold& r : plot.rules)
    if (!r.label.empty() && y.takes(r.y))
      names.push_back({row_of(r.y), cut(r.label, longest_label, ascii), -1});
  std::stable_sort(names.begin(), names.end(),
                   [](const Name& a, const Name& b) { return a.row < b.row; });
  size_t least = 0;
  for (Name& n : names) {
    n.row = std::max(n.row, least);
    least = n.row + 1;
  }
  size_t most = static_cast<size_t>(height) - 1;
  for (size_t i = names.size(); i-- > 0;) {
    names[i].row = std::min(names[i].row, most);
    if (most > 0) most = std::min(most, names[i].row) - (names[i].row > 0 ? 1 : 0);
  }
  for (const Name& n : names)
    write(rows[n.row], left + static_cast<size_t>(width) + 1, n.text, n.line);
  return rows;
}

}  // namespace gradus::lessons
