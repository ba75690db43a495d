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
    const ExprFunction* f = find_function(name);
    if (f == nullptr || f->call == nullptr)
      raise(ErrorKind::unsupported, "the function " + name + " is not offered");
    std::vector<Tensor> args;
    for (const Json& j : field(q, "args")) args.push_back(tensor_of(j));
    const auto n = static_cast<int>(args.size());
    if (n < f->least || n > f->most)
      raise(ErrorKind::usage, name + ": " + std::to_string(n) + " arguments do not fit");
    return "{\"y\":" + to_json(f->call(args)) + "}";
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
