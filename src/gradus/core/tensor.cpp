// Making tensors from C++ numbers, and printing them in the manner of NumPy.
#include <gradus/base/error.h>
#include <gradus/base/half.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/core/tape.h>

#include <algorithm>
#include <cmath>
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

// The shortest text that reads back as the same number of this type.
std::string shortest(double x, DType dtype) {
  if (dtype == DType::f64) return text::number(x);
  if (dtype == DType::f32) return text::number_f32(static_cast<float>(x));
  int digits = 1;  // at most 5 for f16 and 4 for bf16
  const auto narrow = [dtype](double v) {
    return dtype == DType::f16 ? f16_from(v) : bf16_from(v);
  };
  while (digits < 5 && narrow(*text::parse_double(text::significant(x, digits))) != narrow(x))
    ++digits;
  return text::significant(x, digits);
}

// Splits shortest() into digits d1 d2 ... and the exponent of d1.
std::pair<std::string, int> digits_of(double x, DType dtype) {
  const std::string s = shortest(std::fabs(x), dtype);
  const size_t e = s.find('e');
  const std::string_view mantissa = std::string_view(s).substr(0, e);
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  int exponent = static_cast<int>(point) - 1;
  if (e != std::string::npos) exponent += static_cast<int>(*text::parse_int64(s.substr(e + 1)));
  std::string digits;
  for (char c : mantissa)
    if (c != '.') digits += c;
  const size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return {"0", 0};
  return {digits.substr(first), exponent - static_cast<int>(first)};
}

// Drops a digit string after `count` digits, rounding halves up; a carry beyond the first digit
// makes it one longer.
std::string rounded(std::string digits, size_t count, bool* carried) {
  *carried = false;
  if (digits.size() <= count) return digits;
  bool up = digits[count] >= '5';
  digits.resize(count);
  for (size_t i = count; up && i-- > 0;) {
    up = digits[i] == '9';
    digits[i] = up ? '0' : static_cast<char>(digits[i] + 1);
  }
  if (up) digits.insert(digits.begin(), '1');
  *carried = up;
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
  return digits;
}

Parts parts_of(double x, DType dtype, bool scientific) {
  auto [digits, exponent] = digits_of(x, dtype);
  const std::string sign = std::signbit(x) ? "-" : "";
  bool carried;
  if (scientific) {
    digits = rounded(digits, most_digits + 1, &carried);
    exponent += carried;
    const std::string size = std::to_string(std::abs(exponent));
    return {sign + digits[0], digits.substr(1),
            (exponent < 0 ? "e-" : "e+") + std::string(size.size() < 2, '0') + size};
  }
  if (exponent < 0) digits.insert(0, static_cast<size_t>(-exponent), '0');
  size_t whole = static_cast<size_t>(std::max(exponent, 0)) + 1;
  if (digits.size() < whole) digits.resize(whole, '0');
  digits = rounded(digits, whole + most_digits, &carried);
  whole += carried;
  if (digits.size() < whole) digits.resize(whole, '0');
  return {sign + digits.substr(0, whole), digits.substr(whole), ""};
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
      for (double x : shown) {
        if (!std::isfinite(x) || x == 0) continue;
        low = std::min(low, std::fabs(x));
        high = std::max(high, std::fabs(x));
      }
      const bool scientific = high > 0 && (high >= 1e8 || low < 1e-4 || high / low > 1000);
      size_t fraction = 0, exponent = 0;
      std::vector<Parts> parts;
      for (double x : shown) {
        parts.push_back(std::isfinite(x) ? parts_of(x, v.dtype, scientific) : Parts{});
        fraction = std::max(fraction, parts.back().fraction.size());
        exponent = std::max(exponent, parts.back().exponent.size());
      }
      for (size_t i = 0; i < shown.size(); ++i) {
        Parts& p = parts[i];
        if (!std::isfinite(shown[i])) {
          words.push_back(text::number(shown[i]));
          continue;
        }
        if (p.exponent.size() < exponent) p.exponent.insert(2, exponent - p.exponent.size(), '0');
        p.fraction.resize(fraction, scientific ? '0' : ' ');
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
        out += line + "\n" + indent;
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

Tensor::Tensor(std::initializer_list<double> values)
    : Tensor(from_span<double>({values.begin(), values.size()},
                               {static_cast<int64_t>(values.size())})) {}

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
    const std::string s = shortest(p.shown[0], v.dtype);
    return s.find_first_of(".e") == std::string::npos ? s + ".0" : s;
  }
  p.align();
  return x.rank() == 0 ? p.words[0] : p.write(0);
}

}  // namespace gradus
