// Making tensors from C++ numbers, and printing them in the manner of NumPy.
#include <gradus/base/error.h>
#include <gradus/base/half.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

namespace gradus {
namespace {

constexpr int64_t summary_threshold = 1000;  // larger tensors show only their ends
constexpr int64_t summary_edge = 3;
constexpr int most_digits = 8;  // after the point
constexpr size_t line_width = 75;

// A number as text in parts that line up: "-1", "25" and "e-07" of -1.25e-07.
struct Parts {
  std::string whole, fraction, exponent;
};

template <class T, class... Precision>
Parts scientific(T x, Precision... precision) {
  char text[64];
  const char* end =
      std::to_chars(text, std::end(text), x, std::chars_format::scientific, precision...).ptr;
  const char* const begin = text;
  const char* e = std::find(begin, end, 'e');
  const char* point = std::find(begin, e, '.');
  return {{begin, point}, {std::min(point + 1, e), e}, {e, end}};
}

// The fewest digits that read back as the same number of this type.
Parts shortest(double x, DType dtype) {
  if (dtype == DType::f64) return scientific(x);
  if (dtype == DType::f32) return scientific(static_cast<float>(x));
  const auto narrow = [dtype](double v) {
    return dtype == DType::f16 ? f16_from(v) : bf16_from(v);
  };
  int more = 0;  // f16 needs at most 5 digits, bf16 4
  const auto reads_back = [&] {
    const Parts p = scientific(x, more);
    return narrow(*text::parse_double(p.whole + "." + p.fraction + p.exponent)) == narrow(x);
  };
  while (more < 4 && !reads_back()) ++more;
  return scientific(x, more);
}

int exponent_of(const Parts& p) {
  return static_cast<int>(*text::parse_int64(std::string_view(p.exponent).substr(1)));
}

// Without an exponent, at most `most` digits after the point.
Parts positional(double x, DType dtype, int most) {
  const Parts p = shortest(x, dtype);
  const std::string sign = std::signbit(x) ? "-" : "";
  std::string digits = p.whole.substr(sign.size()) + p.fraction;
  int whole = exponent_of(p) + 1;
  const int after = static_cast<int>(digits.size()) - whole;
  if (after > most || after < 0) {  // a large f32 shows its whole part exactly
    digits = text::fixed(std::fabs(x), after > most ? most : 0);
    whole = static_cast<int>(std::min(digits.find('.'), digits.size()));
    digits.erase(std::min(digits.find('.'), digits.size()), 1);
  }
  if (whole < 1) digits.insert(0, static_cast<size_t>(1 - whole), '0');
  const auto point = static_cast<size_t>(std::max(whole, 1));
  digits.resize(std::max(digits.size(), point), '0');
  while (digits.size() > point && digits.back() == '0') digits.pop_back();
  return {sign + digits.substr(0, point), digits.substr(point), ""};
}

// NumPy's way with its default options: the shortest digits that tell f32 (or f64) numbers apart,
// at most 8 after the point, the points in one column; an exponent when sizes differ too much.
struct Printer {
  const View& v;
  bool summary;
  std::vector<double> shown = {};  // every number shown, in order
  std::vector<std::string> words = {};
  size_t next = 0;

  bool is_real() const {
    return is_float(v.dtype) || v.dtype == DType::f16 || v.dtype == DType::bf16;
  }

  void collect(int axis, int64_t offset) {
    if (axis == v.shape.size()) {
      shown.push_back(element_as_double(v, offset));
      if (!is_real()) words.push_back(whole_word(offset));
      return;
    }
    each(
        axis, [&](int64_t i) { collect(axis + 1, offset + i * v.strides[axis]); }, [] {});
  }

  std::string whole_word(int64_t offset) const {
    if (v.dtype == DType::boolean) return shown.back() != 0 ? "true" : "false";
    if (v.dtype == DType::i64) return std::to_string(v.as<int64_t>()[offset]);  // past 2^53 too
    return text::number(shown.back());
  }

  // The words of real numbers: whole parts padded left, fractions padded right.
  void align() {
    if (is_real()) {
      double low = std::numeric_limits<double>::infinity(), high = 0;
      size_t fraction = 0, exponent = 0;
      for (double x : shown) {
        if (!std::isfinite(x) || x == 0) continue;
        low = std::min(low, std::fabs(x));
        high = std::max(high, std::fabs(x));
      }
      const bool with_exponent = high > 0 && (high >= 1e8 || low < 1e-4 || high / low > 1000);
      std::vector<Parts> parts;
      for (double x : shown) {
        if (!std::isfinite(x))
          parts.push_back({text::number(x), "", ""});
        else
          parts.push_back(with_exponent ? shortest(x, v.dtype)
                                        : positional(x, v.dtype, most_digits));
        fraction = std::max(fraction, parts.back().fraction.size());
        exponent = std::max(exponent, parts.back().exponent.size());
      }
      fraction = std::min(fraction, static_cast<size_t>(most_digits));
      for (size_t i = 0; i < shown.size(); ++i) {
        Parts& p = parts[i];
        if (!std::isfinite(shown[i])) {
          words.push_back(p.whole);
          continue;
        }
        if (with_exponent) p = scientific(shown[i], static_cast<int>(fraction));
        p.fraction.resize(fraction, ' ');
        if (with_exponent) p.exponent.insert(2, exponent - p.exponent.size(), '0');
        words.push_back(p.whole + "." + p.fraction + p.exponent);
      }
    }
    size_t width = 0;
    for (const std::string& w : words) width = std::max(width, w.size());
    for (std::string& w : words) w = text::pad_left(w, width);
  }

  template <class F, class G>
  void each(int axis, F f, G gap) const {
    const int64_t n = v.shape[axis];
    for (int64_t i = 0; i < n; ++i) {
      if (summary && n > 2 * summary_edge && i == summary_edge) {
        gap();
        i = n - summary_edge;
      }
      f(i);
    }
  }

  std::string write(int axis) {
    const int rank = v.shape.size();
    const auto depth = static_cast<size_t>(axis + 1);
    const std::string indent(depth, ' ');
    std::string out, line;
    if (axis + 1 < rank) {
      const std::string separator =
          std::string(static_cast<size_t>(rank - axis - 1), '\n') + indent;
      const auto add = [&](const std::string& part) {
        out += (out.empty() ? "" : separator) + part;
      };
      each(
          axis, [&](int64_t) { add(write(axis + 1)); }, [&] { add("..."); });
      return "[" + out + "]";
    }
    // Numbers fill a line and go on below.
    const size_t room = line_width - static_cast<size_t>(rank) - depth;
    const auto add = [&](const std::string& word) {
      if (!line.empty() && line.size() + 1 + word.size() > room) {
        out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n" + indent;
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
    };
    each(
        axis, [&](int64_t) { add(words[next++]); }, [&] { add("..."); });
    return "[" + out + line + "]";
  }
};

}  // namespace

Tensor Tensor::literal(double value, int64_t integer, DType dtype) {
  Tensor x = scalar(dtype == DType::i64 ? 0 : value, dtype);
  if (dtype == DType::i64) *view_of(x).as<int64_t>() = integer;
  x.literal_ = true;
  return x;
}

Tensor::Tensor(std::initializer_list<Number> values) {
  std::vector<double> all;
  for (const Number& x : values) all.push_back(x.value);
  *this = from_vector(all);
}

Tensor::Tensor(std::initializer_list<std::initializer_list<double>> rows) {
  const size_t columns = rows.size() == 0 ? 0 : rows.begin()->size();
  std::vector<double> all;
  for (const auto& row : rows) {
    if (row.size() != columns)
      raise(ErrorKind::shape, "tensor: a row of " + std::to_string(row.size()) +
                                  " numbers beside rows of " + std::to_string(columns) +
                                  ". All rows must have one length.");
    all.insert(all.end(), row.begin(), row.end());
  }
  *this = from_vector(all, {static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns)});
}

std::string to_string(const Tensor& x) {
  if (x.is_absent()) return "absent";
  if (const TapeValue* place = x.tape_value()) {
    const Tape* tape = Tape::open();
    if (tape == nullptr || tape->serial() != place->tape || !tape->value(place->id).has_numbers())
      return to_string(x.type());
  }
  if (x.size() == 0) return "[] " + to_string(x.type());
  const View v = view_of(x);
  Printer p{v, x.size() > summary_threshold};
  p.collect(0, 0);
  if (x.rank() == 0 && p.is_real() && std::isfinite(p.shown[0])) {
    // Alone a number shows every digit; 1e16 is the first that Python prints with an exponent.
    const double value = p.shown[0], size = std::fabs(value);
    const bool with_exponent = size != 0 && (size < 1e-4 || size >= 1e16);
    Parts parts = with_exponent ? shortest(value, v.dtype) : positional(value, v.dtype, 400);
    if (!with_exponent && parts.fraction.empty()) parts.fraction = "0";
    return parts.whole + (parts.fraction.empty() ? "" : ".") + parts.fraction + parts.exponent;
  }
  p.align();
  return x.rank() == 0 ? p.words[0] : p.write(0);
}

}  // namespace gradus
