#include <gradus/expr/functions.h>
#include <gradus/regress/model.h>
#include <gradus/regress/precise.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

namespace gradus {

PreciseModel::PreciseModel(const Expression& model, const std::vector<std::string>& parameters,
                           const NamedColumns& columns)
    : rows_(static_cast<size_t>(columns.rows())), parameters_(parameters.size()) {
  constexpr std::pair<std::string_view, What> known[] = {
      {"add", What::add},       {"subtract", What::subtract}, {"multiply", What::multiply},
      {"divide", What::divide}, {"pow", What::pow},           {"negative", What::negative},
      {"square", What::square}, {"exp", What::exp},           {"log", What::log},
      {"sin", What::sin},       {"cos", What::cos},           {"tan", What::tan},
      {"atan", What::atan},     {"tanh", What::tanh},         {"sqrt", What::sqrt}};
  const DoubleDouble e = precise::exp(DoubleDouble(1.0)),
                     pi = DoubleDouble(precise::pi_high) + DoubleDouble(precise::pi_low);
  for (const Expression::Node& n : model.nodes()) {
    if (n.kind == Expression::Kind::number) {
      steps_.push_back({What::number, 0, DoubleDouble(n.number)});
    } else if (n.kind == Expression::Kind::name) {
      const std::string& name = model.names()[n.count];
      if (const auto b = std::ranges::find(parameters, name); b != parameters.end()) {
        steps_.push_back({What::parameter, static_cast<size_t>(b - parameters.begin())});
      } else if (const auto c = std::ranges::find(columns.names, name); c != columns.names.end()) {
        steps_.push_back({What::column, columns_.size()});
        columns_.push_back(&columns.values[static_cast<size_t>(c - columns.names.begin())]);
      } else if (name == "pi" || name == "e") {
        steps_.push_back({What::number, 0, name == "pi" ? pi : e});
      } else {
        possible_ = false;
      }
    } else {
      const auto f = n.kind == Expression::Kind::call
                         ? std::ranges::find(known, std::string_view(n.function->name),
                                             &std::pair<std::string_view, What>::first)
                         : std::end(known);
      if (f == std::end(known))
        possible_ = false;
      else
        steps_.push_back({f->second});
    }
  }
}

bool PreciseModel::operator()(const DoubleDouble* x, DoubleDouble* values,
                              DoubleDouble* jacobian) const {
  using D = DoubleDouble;
  const size_t p = jacobian ? parameters_ : 0;
  // A stack of values, each followed by its p derivatives.
  const size_t width = 1 + p;
  std::vector<D> stack(width * (steps_.size() + 1), D(0.0));
  for (size_t i = 0; i < rows_; ++i) {
    size_t depth = 0;
    for (const Step& s : steps_) {
      if (s.what == What::number || s.what == What::parameter || s.what == What::column) {
        D* top = stack.data() + width * depth++;
        std::fill(top, top + width, D(0.0));
        top[0] = s.what == What::number      ? s.number
                 : s.what == What::parameter ? x[s.place]
                                             : D((*columns_[s.place])[i]);
        if (s.what == What::parameter && p > 0) top[1 + s.place] = D(1.0);
        continue;
      }
      const bool two = s.what >= What::add && s.what <= What::pow;
      if (two) --depth;
      D* a = stack.data() + width * (depth - 1);
      const D* b = a + width;
      // y' = along a' + across b'
      D y = a[0], along = D(1.0), across = D(0.0);
      switch (s.what) {
        case What::add:
          y = a[0] + b[0];
          across = D(1.0);
          break;
        case What::subtract:
          y = a[0] - b[0];
          across = D(-1.0);
          break;
        case What::multiply:
          y = a[0] * b[0];
          along = b[0];
          across = a[0];
          break;
        case What::divide:
          y = a[0] / b[0];
          along = D(1.0) / b[0];
          across = D(0.0) - y / b[0];
          break;
        case What::pow: {
          y = precise::power(a[0], b[0]);
          along =
              static_cast<double>(b[0]) == 0 ? D(0.0) : b[0] * precise::power(a[0], b[0] - D(1.0));
          // Only an exponent that varies needs the logarithm, which a negative base has not.
          bool varies = false;
          for (size_t k = 1; k <= p; ++k) varies = varies || static_cast<double>(b[k]) != 0;
          if (varies) across = static_cast<double>(a[0]) == 0 ? D(0.0) : y * precise::log(a[0]);
          break;
        }
        case What::negative:
          y = D(0.0) - a[0];
          along = D(-1.0);
          break;
        case What::square:
          y = a[0] * a[0];
          along = a[0] + a[0];
          break;
        case What::exp:
          y = along = precise::exp(a[0]);
          break;
        case What::log:
          y = precise::log(a[0]);
          along = D(1.0) / a[0];
          break;
        case What::sin:
        case What::cos:
        case What::tan: {
          const precise::SinCos t = precise::sin_cos(a[0]);
          y = s.what == What::sin ? t.sin : s.what == What::cos ? t.cos : t.sin / t.cos;
          along = s.what == What::sin   ? t.cos
                  : s.what == What::cos ? D(0.0) - t.sin
                                        : D(1.0) / (t.cos * t.cos);
          break;
        }
        case What::atan:
          y = precise::atan(a[0]);
          along = D(1.0) / (D(1.0) + a[0] * a[0]);
          break;
        case What::tanh: {
          // From e^(-2|x|): nothing overflows.
          const bool minus = static_cast<double>(a[0]) < 0;
          const D q = precise::exp(minus ? a[0] + a[0] : D(0.0) - (a[0] + a[0]));
          const D size = (D(1.0) - q) / (D(1.0) + q);
          y = minus ? D(0.0) - size : size;
          along = D(1.0) - y * y;
          break;
        }
        case What::sqrt:
          y = sqrt(a[0]);
          along = D(0.5) / y;
          break;
        default:
          break;
      }
      a[0] = y;
      for (size_t k = 1; k <= p; ++k) {
        a[k] = along * a[k];
        if (two && static_cast<double>(b[k]) != 0) a[k] = a[k] + across * b[k];
      }
    }
    for (size_t k = 0; k < width; ++k)
      if (!std::isfinite(static_cast<double>(stack[k]))) return false;
    values[i] = stack[0];
    for (size_t k = 0; k < p; ++k) jacobian[k * rows_ + i] = stack[1 + k];
  }
  return true;
}

}  // namespace gradus
