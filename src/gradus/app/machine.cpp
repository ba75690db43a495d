#include <gradus/app/machine.h>
#include <gradus/app/problem.h>
#include <gradus/base/error.h>
#include <gradus/base/random.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/trace.h>
#include <gradus/expr/functions.h>
#include <gradus/io/json_private.h>
#include <gradus/ops/shaping.h>
#include <gradus/optim/least_squares.h>
#include <gradus/optim/minimise.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace gradus::app {
namespace {

using Json = nlohmann::json;

std::string object(const char* name, const std::string& text) {
  return std::string("{\"") + name + "\":" + text::quote_json(text) + "}";
}

template <class F>
std::string answer(std::string_view line, F f) {
  try {
    const Json question = parse_json(line, "input");
    if (!question.is_object()) raise(ErrorKind::usage, "input: a line holds one JSON object");
    return f(question);
  } catch (const Error& e) {
    return object(e.kind == ErrorKind::unsupported ? "unsupported" : "error", e.what());
  } catch (const std::exception& e) {
    return object("error", e.what());
  }
}

const Json& field(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end())
    raise(ErrorKind::usage, std::string("input: \"") + name + "\" is missing");
  return *found;
}

std::string word(const Json& j, const char* name) {
  if (!j.is_string())
    raise(ErrorKind::usage, std::string("input: \"") + name + "\" is not a string");
  return j.get<std::string>();
}

// Appends the numbers of j, which must have the shape from `axis` on; finds the shape on the way.
void collect(const Json& j, int axis, Shape& shape, bool& shape_known, std::vector<double>& out) {
  if (!j.is_array()) {
    std::optional<double> v;
    if (j.is_number()) v = j.get<double>();
    if (j.is_string()) v = text::parse_double(j.get<std::string>());
    if (!v || (shape_known && axis != shape.size()))
      raise(ErrorKind::usage,
            "input: a value is a number, \"inf\", \"-inf\", \"nan\", or lists of "
            "them of one length an axis");
    shape_known = true;
    out.push_back(*v);
    return;
  }
  const auto n = static_cast<int64_t>(j.size());
  if (axis == shape.size() && !shape_known) shape.push_back(n);
  if (axis >= shape.size() || shape[axis] != n)
    raise(ErrorKind::usage, "input: the lists of one axis differ in length");
  if (n == 0) shape_known = true;
  for (const Json& part : j) collect(part, axis + 1, shape, shape_known, out);
}

Tensor tensor_of(const Json& j) {
  Shape shape;
  bool shape_known = false;
  std::vector<double> all;
  collect(j, 0, shape, shape_known, all);
  return from_vector(all, shape);
}

std::string flat(const Tensor& x) {
  return to_json(reshape(x, {x.size()}));
}

}  // namespace

std::string grad_answer(std::string_view line) {
  return answer(line, [](const Json& q) {
    Problem p{word(field(q, "expr"), "expr"), {}, {}, {}};
    p.expression = parse_expression(p.text);
    for (const auto& [name, value] : field(q, "vars").items()) {
      p.at.names.push_back(name);
      p.at.values.push_back(tensor_of(value));
    }
    for (const Json& j : field(q, "wrt")) {
      const std::string name = word(j, "wrt");
      const auto found = std::find(p.at.names.begin(), p.at.names.end(), name);
      if (found == p.at.names.end()) raise(ErrorKind::usage, "input: '" + name + "' has no value");
      p.wrt.push_back(static_cast<int>(found - p.at.names.begin()));
    }
    const auto named_order = q.find("order");
    const int64_t order = named_order == q.end() ? 1 : named_order->get<int64_t>();
    if (order < 0) raise(ErrorKind::usage, "input: \"order\" is negative");
    if (order > 0 && p.wrt.empty()) raise(ErrorKind::usage, "input: \"wrt\" names nothing");
    if (order == 1) {
      const ValueAndGrads r = p.grads();
      std::string out = "{\"value\":" + to_json(r.value) + ",\"grad\":{";
      for (size_t i = 0; i < p.wrt.size(); ++i)
        out += (i > 0 ? "," : "") + text::quote_json(p.at.names[static_cast<size_t>(p.wrt[i])]) +
               ":" + flat(r.grads[i]);
      return out + "}}";
    }
    const std::string value = "{\"value\":" + to_json(p.value());
    if (order == 0) return value + "}";
    if (order == 2) {
      p.wrt.resize(1);
      return value + ",\"hess\":{" + text::quote_json(p.at.names[static_cast<size_t>(p.wrt[0])]) +
             ":" + to_json(p.flat_hessian()) + "}}";
    }
    return value + ",\"deriv\":" + to_json(p.derivative(order)) + "}";
  });
}

std::string eval_answer(std::string_view line) {
  return answer(line, [](const Json& q) {
    std::string name = word(field(q, "f"), "f");
    if (name == "logsigmoid") name = "log_sigmoid";  // the name this form uses
    std::vector<Tensor> args;
    for (const Json& j : field(q, "args")) args.push_back(tensor_of(j));
    const ExprFunction* f = find_function(name);
    if (f == nullptr) raise(ErrorKind::unsupported, "the function " + name + " is not offered");
    const auto n = static_cast<int>(args.size());
    if (n < f->least || n > f->most)
      raise(ErrorKind::usage, name + ": " + std::to_string(n) + " arguments do not fit");
    return "{\"y\":" + to_json((*f)(args)) + "}";
  });
}

namespace {

// A list sets the hyperparameters it stands for: betas (beta1, beta2).
constexpr struct {
  std::string_view list, first, second;
} pairs[] = {{"betas", "beta1", "beta2"},
             {"etas", "eta_minus", "eta_plus"},
             {"step_sizes", "step_size_min", "step_size_max"}};
// Of PyTorch's arguments, those that say how to compute and not what.
constexpr std::string_view ways[] = {"foreach", "fused", "capturable", "differentiable"};

OptimiserConfig rule_of(const std::string& method, const Json& hyper) {
  OptimiserConfig rule = defaults_for(method);
  const auto number_of = [](const std::string& name, const Json& j) {
    if (j.is_boolean()) return j.get<bool>() ? 1.0 : 0.0;
    if (!j.is_number()) raise(ErrorKind::usage, "input: \"" + name + "\" is not a number");
    return j.get<double>();
  };
  for (const auto& [name, value] : hyper.items()) {
    if (std::ranges::find(ways, name) != std::end(ways) || value.is_null()) continue;
    bool is_pair = false;
    for (const auto& p : pairs) {
      if (p.list != name) continue;
      if (!value.is_array() || value.size() != 2)
        raise(ErrorKind::usage, "input: \"" + name + "\" is not a list of two numbers");
      set_hyperparameter(rule, p.first, number_of(name, value[0]));
      set_hyperparameter(rule, p.second, number_of(name, value[1]));
      is_pair = true;
    }
    if (!is_pair) set_hyperparameter(rule, name, number_of(name, value));
  }
  return rule;
}

}  // namespace

std::string optimise_answer(std::string_view line) {
  return answer(line, [](const Json& q) {
    const std::string method = q.contains("residuals") && !q.contains("method")
                                   ? "lm"
                                   : word(field(q, "method"), "method");
    const Tensor x0 = tensor_of(field(q, "x0"));
    const std::vector<std::string> names = {"x"};
    const auto value_of = [&names](const Expression& e, const Tensor& x) {
      const Tensor values[] = {x};
      return e(names, values);
    };
    const auto tolerance = q.find("tol");
    const auto steps = q.find("steps");
    const auto whole = [](const Json& j, const char* name) {
      constexpr int64_t most = 1'000'000;
      if (!j.is_number_integer() || j.get<int64_t>() < 0 || j.get<int64_t>() > most)
        raise(ErrorKind::usage, std::string("input: \"") + name + "\" lies in 0 to 10^6");
      return j.get<int64_t>();
    };
    MinimiseOptions options;
    options.method = method;
    if (q.contains("residuals")) options.tolerance = 1e-14;
    if (tolerance != q.end()) {
      if (!tolerance->is_number()) raise(ErrorKind::usage, "input: \"tol\" is not a number");
      options.tolerance = tolerance->get<double>();
    }
    const auto ended = [](const Tensor& x, double f, int64_t iterations) {
      return "{\"x\":" + to_json(x) + ",\"f\":" + to_json(scalar(f, DType::f64)) +
             ",\"iterations\":" + std::to_string(iterations) + "}";
    };
    if (q.contains("residuals")) {
      std::vector<Expression> parts;
      for (const Json& j : field(q, "residuals"))
        parts.push_back(parse_expression(word(j, "residuals")));
      if (parts.empty()) raise(ErrorKind::usage, "input: \"residuals\" is empty");
      const Objective residuals = [&](const Tensor& x) {
        std::vector<Tensor> all;
        for (const Expression& e : parts) all.push_back(value_of(e, x));
        return stack(all);
      };
      if (method == "lm") {
        const LeastSquares m = levenberg_marquardt(residuals, x0, {.tolerance = options.tolerance});
        return ended(m.x, m.value, m.iterations);
      }
      if (method == "gauss-newton") {
        const Minimum m = gauss_newton(residuals, x0, options);
        return ended(m.x, m.value, m.iterations);
      }
      raise(ErrorKind::unsupported, "the method " + method + " is not offered for residuals");
    }
    const Expression e = parse_expression(word(field(q, "expr"), "expr"));
    const Objective f = [&](const Tensor& x) { return value_of(e, x); };
    const std::vector<std::string_view> rules = method_names();
    if (std::ranges::find(rules, method) == rules.end()) {
      const std::vector<std::string_view> own = minimiser_names();
      if (std::ranges::find(own, method) == own.end())
        raise(ErrorKind::unsupported, "the method " + method + " is not offered");
      if (steps != q.end()) options.iterations = whole(*steps, "steps");
      const Minimum m = minimise(f, x0, options);
      return ended(m.x, m.value, m.iterations);
    }
    const auto hyper = q.find("hyper");
    const OptimiserConfig rule = rule_of(method, hyper == q.end() ? Json::object() : *hyper);
    std::string points;
    for (const Tensor& x : trajectory(f, x0, rule, whole(field(q, "steps"), "steps")))
      points += (points.empty() ? "" : ",") + to_json(x);
    return "{\"x\":[" + points + "]}";
  });
}

std::string rng_answer(std::string_view line) {
  return answer(line, [](const Json& q) {
    const std::string kind = word(field(q, "kind"), "kind");
    const auto read = [&](const char* name, auto& out) {
      const Json& list = field(q, name);
      if (!list.is_array() || list.size() != out.size())
        raise(ErrorKind::usage, std::string("input: \"") + name + "\" has " +
                                    std::to_string(out.size()) + " words of 8 hexadecimal digits");
      for (size_t i = 0; i < out.size(); ++i) {
        const std::string digits = word(list[i], name);
        const char* const end = digits.data() + digits.size();
        const auto [stop, problem] = std::from_chars(digits.data(), end, out[i], 16);
        if (problem != std::errc() || stop != end)
          raise(ErrorKind::usage, std::string("input: \"") + name + "\": '" + digits +
                                      "' is not a word of 8 hexadecimal digits");
      }
    };
    if (kind != "philox4x32-10" && kind != "philox4x32-7")
      raise(ErrorKind::unsupported, "the generator " + kind + " is not offered");
    PhiloxCounter counter;
    PhiloxKey key;
    read("ctr", counter);
    read("key", key);
    const PhiloxCounter words =
        kind == "philox4x32-10" ? philox<10>(counter, key) : philox<7>(counter, key);
    std::string out = "{\"y\":[";
    for (size_t i = 0; i < words.size(); ++i) {
      char hex[9];
      std::snprintf(hex, sizeof hex, "%08x", words[i]);
      out += (i > 0 ? ",\"" : "\"") + std::string(hex) + "\"";
    }
    return out + "]}";
  });
}

}  // namespace gradus::app
