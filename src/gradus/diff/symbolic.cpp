// Three layers: an algebra whose equal expressions are one node, the reading of recorded steps into
// it by the form and the equation of each op, and the printing in two styles.
#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/symbolic.h>
#include <gradus/ops/shaping.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <unordered_map>

namespace gradus {
namespace {

// Algebra ----------------------------------------------------------------------------------------

using Id = uint32_t;

enum class Sort : uint8_t { number, symbol, sum, product, call };

struct Part {
  double times;  // sum: times * of
  Id of;
};
struct Factor {
  Id base, exponent;
};

struct Expr {
  Sort sort;
  double number = 0;            // a number; of a product its coefficient, of a sum its constant
  std::string name;             // symbol
  std::vector<Part> parts;      // sum, at least one
  std::vector<Factor> factors;  // product, at least one
  const Op* op = nullptr;       // call
  std::vector<Id> args;
};

bool is_integer(double x) {
  return x == std::floor(x) && std::fabs(x) < 1e9;
}

// f(-x) as a number minus or plus f(x), found by trying it.
struct Mirror {
  double constant = 0;
  int times = 0;  // -1 or 1; 0 where there is no such law
};

Mirror mirror_of(const Op& op) {
  const auto at = [&](double x) {
    const Tensor in[] = {scalar(x, DType::f64)};
    return number(gradus::apply(op, in));
  };
  constexpr double places[] = {0.3, 0.71, 1.7, 2.9};
  constexpr double rounding = 1e-14;
  bool even = true, odd = true;
  const double sum = at(places[0]) + at(-places[0]);
  for (double x : places) {
    even &= at(x) == at(-x);
    odd &= std::fabs(at(x) + at(-x) - sum) <= rounding;
  }
  if (even) return {0, 1};
  if (odd && is_integer(sum)) return {sum, -1};
  return {};
}

// Whether op(f(x), 0) is op(x, 0) for every x, as relu(x) > 0 is x > 0; found by trying it, of
// functions alone that leave their own results as they are: sin(x) > 0 is x > 0 near 0 only.
bool sees_through(const Op& op, const Op& f) {
  const Tensor zero = scalar(0, DType::f64);
  for (double x : {-30.5, -2.9, -1.7, -0.71, -0.3, 0.0, 0.3, 0.71, 1.7, 2.9, 30.5}) {
    const Tensor plain[] = {scalar(x, DType::f64), zero};
    const Tensor once[] = {gradus::apply(f, {plain, 1}), zero};
    if (number(gradus::apply(f, {once, 1})) != number(once[0]) ||
        number(gradus::apply(op, once)) != number(gradus::apply(op, plain)))
      return false;
  }
  return true;
}

// No input can be called so.
constexpr const char* euler_name = "<e>";

class Algebra {
 public:
  Algebra() : euler_(symbol(euler_name)) {}

  const Expr& operator[](Id id) const { return exprs_[id]; }
  Id euler() const { return euler_; }
  size_t size() const { return exprs_.size(); }

  Id number(double x) { return intern({.sort = Sort::number, .number = x == 0 ? 0 : x}); }
  Id symbol(const std::string& name) { return intern({.sort = Sort::symbol, .name = name}); }

  std::optional<double> value(Id id) const {
    if (exprs_[id].sort != Sort::number) return {};
    return exprs_[id].number;
  }

  Id sum(std::span<const Part> given, double constant = 0) {
    std::vector<Part> parts;
    const auto add = [&](double times, Id of) {
      for (Part& p : parts)
        if (p.of == of) {
          p.times += times;
          return;
        }
      parts.push_back({times, of});
    };
    for (const Part& p : given) {
      const Expr e = exprs_[p.of];
      if (e.sort == Sort::number) {
        constant += p.times * e.number;
      } else if (e.sort == Sort::sum) {
        constant += p.times * e.number;
        for (const Part& inner : e.parts) add(p.times * inner.times, inner.of);
      } else if (e.sort == Sort::product && e.number != 1) {
        // A sum alone behind a coefficient opens up.
        const Id rest = product(1, e.factors);
        if (exprs_[rest].sort == Sort::sum) {
          const Expr inner = exprs_[rest];
          constant += p.times * e.number * inner.number;
          for (const Part& q : inner.parts) add(p.times * e.number * q.times, q.of);
        } else {
          add(p.times * e.number, rest);
        }
      } else {
        add(p.times, p.of);
      }
    }
    std::erase_if(parts, [](const Part& p) { return p.times == 0; });
    if (parts.empty()) return number(constant);
    if (parts.size() == 1 && constant == 0) return scaled(parts[0].times, parts[0].of);
    std::ranges::sort(parts, [this](const Part& a, const Part& b) { return before(a.of, b.of); });
    return intern({.sort = Sort::sum, .number = constant, .parts = std::move(parts)});
  }

  Id add(Id a, Id b, double times_b = 1) {
    const Part parts[] = {{1, a}, {times_b, b}};
    return sum(parts);
  }

  Id scaled(double c, Id id) {
    const Expr e = exprs_[id];
    if (c == 1) return id;
    if (e.sort == Sort::number) return number(c * e.number);
    if (e.sort == Sort::sum && c == -1) {
      std::vector<Part> parts = e.parts;
      for (Part& p : parts) p.times = -p.times;
      return sum(parts, -e.number);
    }
    const Factor factor[] = {{id, number(1)}};
    return product(c, factor);
  }

  Id times(Id a, Id b) {
    const Id one = number(1);
    const Factor factors[] = {{a, one}, {b, one}};
    return product(1, factors);
  }

  Id over(Id a, Id b) {
    const Factor factors[] = {{a, number(1)}, {b, number(-1)}};
    return product(1, factors);
  }

  Id power(Id base, Id exponent) {
    const Factor factor[] = {{base, exponent}};
    return product(1, factor);
  }

  Id product(double coefficient, std::span<const Factor> given) {
    std::vector<Factor> factors;
    const auto add_factor = [&](auto& self, Id base, Id exponent) -> void {
      const Expr b = exprs_[base];
      const std::optional<double> n = value(exponent);
      if (n && *n == 0) return;
      if (b.sort == Sort::number && n) {
        const double folded = std::pow(b.number, *n);
        if (std::isfinite(folded)) {
          coefficient *= folded;
          return;
        }
      }
      if (b.sort == Sort::number && b.number == 1) return;
      if (b.sort == Sort::product && n && is_integer(*n) &&
          (*n > 0 || b.number != 0)) {  // (a b^c)^n for whole n
        coefficient *= std::pow(b.number, *n);
        for (const Factor& f : b.factors) self(self, f.base, scaled(*n, f.exponent));
        return;
      }
      // (e^u)^v is e^(u v) for all numbers.
      if (b.sort == Sort::product && b.number == 1 && b.factors.size() == 1 &&
          b.factors[0].base == euler_) {
        self(self, euler_, times(b.factors[0].exponent, exponent));
        return;
      }
      for (Factor& f : factors)
        if (f.base == base) {
          f.exponent = add(f.exponent, exponent);
          return;
        }
      factors.push_back({base, exponent});
    };
    for (const Factor& f : given) add_factor(add_factor, f.base, f.exponent);
    if (coefficient == 0) return number(0);
    std::erase_if(factors, [this](const Factor& f) { return value(f.exponent) == 0.0; });
    // Joined exponents may have become a power of a number.
    for (size_t i = factors.size(); i-- > 0;) {
      const auto base = value(factors[i].base), exponent = value(factors[i].exponent);
      if (base && exponent && std::isfinite(std::pow(*base, *exponent))) {
        coefficient *= std::pow(*base, *exponent);
        factors.erase(factors.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    if (factors.empty()) return number(coefficient);
    if (factors.size() == 1 && value(factors[0].exponent) == 1.0) {
      const Expr e = exprs_[factors[0].base];
      if (coefficient == 1) return factors[0].base;
      if (coefficient == -1 && e.sort == Sort::sum) return scaled(-1, factors[0].base);
      if (e.sort == Sort::product) return product(coefficient * e.number, e.factors);
    }
    std::ranges::sort(factors, [this](const Factor& a, const Factor& b) {
      return a.base != b.base ? before(a.base, b.base) : a.exponent < b.exponent;
    });
    return intern({.sort = Sort::product, .number = coefficient, .factors = std::move(factors)});
  }

  Id call(const Op& op, std::vector<Id> args) {
    if (op.kind == Kind::elementwise && args.size() == 1) {
      const Id arg = args[0];
      if (points_down(arg)) {
        const Mirror m = mirror(op);
        if (m.times != 0) {
          const Part part[] = {{static_cast<double>(m.times), call(op, {scaled(-1, arg)})}};
          return sum(part, m.constant);
        }
      }
    }
    if (op.pointwise && args.size() == 2 && value(args[1]) == 0.0) {
      const Expr& e = exprs_[args[0]];
      if (e.sort == Sort::call && e.op->kind == Kind::elementwise && e.args.size() == 1 &&
          sees_through(op, *e.op))
        return call(op, {e.args[0], args[1]});
    }
    return intern({.sort = Sort::call, .op = &op, .args = std::move(args)});
  }

 private:
  // -2 x or -x - y.
  bool points_down(Id id) const {
    const Expr& e = exprs_[id];
    if (e.sort == Sort::product) return e.number < 0;
    return e.sort == Sort::sum && e.number <= 0 &&
           std::ranges::all_of(e.parts, [](const Part& p) { return p.times < 0; });
  }

  const Mirror& mirror(const Op& op) {
    const auto found = mirrors_.find(&op);
    return found != mirrors_.end() ? found->second
                                   : mirrors_.emplace(&op, mirror_of(op)).first->second;
  }

  // Symbols, then sums and powers, then functions; higher powers first; then by name.
  struct Rank {
    int kind = 0;
    double degree = 0;
  };
  // From the ranks of its parts, which are there already.
  Rank rank_of(const Expr& e) const {
    switch (e.sort) {
      case Sort::number:
        return {-1, 0};
      case Sort::symbol:
        return {e.name == euler_name ? 2 : 0, 1};
      case Sort::sum: {
        int kind = 1;
        for (const Part& p : e.parts) kind = std::max(kind, ranks_[p.of].kind);
        return {kind, 0};
      }
      case Sort::call:
        return {3, 1};
      case Sort::product:
        break;
    }
    Rank r;
    for (const Factor& f : e.factors) {
      r.kind = std::max(r.kind, ranks_[f.base].kind);
      if (const auto n = value(f.exponent); n && ranks_[f.base].kind == 0) r.degree += *n;
    }
    return r;
  }
  bool before(Id a, Id b) const {
    if (a == b) return false;
    const Rank x = ranks_[a], y = ranks_[b];
    if (x.kind != y.kind) return x.kind < y.kind;
    if (x.degree != y.degree) return x.degree > y.degree;
    return keys_[a] < keys_[b];
  }

  Id intern(Expr e) {
    std::string key(1, static_cast<char>('0' + static_cast<int>(e.sort)));
    if (e.sort == Sort::symbol)
      key += e.name;
    else
      key += text::number17(e.number);
    for (const Part& p : e.parts) key += "+" + text::number17(p.times) + "x" + std::to_string(p.of);
    for (const Factor& f : e.factors)
      key += "*" + std::to_string(f.base) + "^" + std::to_string(f.exponent);
    if (e.op) {
      key += e.op->name;
      key += "#" + std::to_string(reinterpret_cast<uintptr_t>(e.op));
    }
    for (Id a : e.args) key += "," + std::to_string(a);
    const auto [at, fresh] = known_.emplace(key, static_cast<Id>(exprs_.size()));
    if (fresh) {
      ranks_.push_back(rank_of(e));
      exprs_.push_back(std::move(e));
      keys_.push_back(std::move(key));
    }
    return at->second;
  }

  std::vector<Expr> exprs_;
  std::vector<std::string> keys_;
  std::vector<Rank> ranks_;
  std::unordered_map<std::string, Id> known_;
  std::unordered_map<const Op*, Mirror> mirrors_;
  Id euler_;
};

// Forms ------------------------------------------------------------------------------------------

// Reads "{0} * {1}", "1 / {0}", "e^x" into the algebra. Fails at anything else than numbers,
// operands, e, + - * / ^, brackets and sqrt.
class FormReader {
 public:
  // `names` are the words that stand for the operands, besides {0} and {1}.
  FormReader(Algebra& algebra, std::string_view form, std::span<const Id> args,
             std::span<const std::string_view> names)
      : a_(algebra), s_(form), args_(args), names_(names) {}

  std::optional<Id> read() {
    const auto result = sum();
    skip();
    if (!result || at_ != s_.size()) return {};
    return result;
  }
  bool has_sum() const { return has_sum_; }
  // The sign of the outermost operation: + - * / ^, ~ for a minus in front, or 0.
  char root() const { return root_; }

 private:
  void skip() {
    while (at_ < s_.size() && s_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= s_.size() || s_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::optional<Id> sum() {
    auto left = term();
    for (;;) {
      if (!left) return {};
      const bool plus = take('+'), minus = !plus && take('-');
      if (!plus && !minus) return left;
      const auto right = term();
      if (!right) return {};
      left = a_.add(*left, *right, plus ? 1 : -1);
      has_sum_ = true;
      root_ = plus ? '+' : '-';
    }
  }
  std::optional<Id> term() {
    auto left = unary();
    for (;;) {
      if (!left) return {};
      const bool star = take('*'), slash = !star && take('/');
      if (!star && !slash) return left;
      const auto right = unary();
      if (!right) return {};
      left = star ? a_.times(*left, *right) : a_.over(*left, *right);
      root_ = star ? '*' : '/';
    }
  }
  std::optional<Id> unary() {
    if (take('-')) {
      const auto x = unary();
      root_ = '~';
      return x ? std::optional(a_.scaled(-1, *x)) : x;
    }
    const auto base = atom();
    if (!base || !take('^')) return base;
    const auto exponent = unary();
    root_ = '^';
    return exponent ? std::optional(a_.power(*base, *exponent)) : exponent;
  }
  std::optional<Id> atom() {
    skip();
    if (at_ >= s_.size()) return {};
    if (take('(')) {
      const auto x = sum();
      return x && take(')') ? x : std::nullopt;
    }
    const char c = s_[at_];
    if (c == '{') {
      const auto i = static_cast<size_t>(s_[at_ + 1] - '0');
      at_ += 3;
      return i < args_.size() ? std::optional(args_[i]) : std::nullopt;
    }
    const size_t from = at_;
    const auto is_word = [](char d) {
      return (d >= 'a' && d <= 'z') || (d >= '0' && d <= '9') || d == '_' || d == '.';
    };
    while (at_ < s_.size() && is_word(s_[at_])) ++at_;
    const std::string_view word = s_.substr(from, at_ - from);
    if (word.empty()) return {};
    const auto place = std::ranges::find(names_, word);
    if (place != names_.end()) return args_[static_cast<size_t>(place - names_.begin())];
    if (word == "e") return a_.euler();
    if (word == "sqrt" && take('(')) {
      const auto x = sum();
      if (!x || !take(')')) return {};
      root_ = '^';
      return a_.power(*x, a_.number(0.5));
    }
    if (const auto n = text::parse_double(word); n && c >= '0' && c <= '9') return a_.number(*n);
    return {};
  }

  Algebra& a_;
  std::string_view s_;
  std::span<const Id> args_;
  std::span<const std::string_view> names_;
  size_t at_ = 0;
  bool has_sum_ = false;
  char root_ = 0;
};

// "exp(x) = e^x" taken apart; without names where it is no equation.
struct Equation {
  std::vector<std::string_view> names;
  std::string_view right;
};

Equation equation_of(const Op& op) {
  Equation e;
  std::string_view s = op.math;
  const size_t open = s.find('('), close = s.find(") = ");
  if (open == std::string_view::npos || close == std::string_view::npos || open > close) return e;
  e.right = s.substr(close + 4);
  s = s.substr(open + 1, close - open - 1);
  for (size_t comma; (comma = s.find(", ")) != std::string_view::npos; s = s.substr(comma + 2))
    e.names.push_back(s.substr(0, comma));
  e.names.push_back(s);
  return e;
}

// The op of these operands as sums, products and powers, where its form or its equation says so.
struct Reading {
  Id id;
  char root;
};
std::optional<Reading> in_algebra(Algebra& a, const Op& op, std::span<const Id> args) {
  if (op.form) {
    FormReader reader(a, op.form, args, {});
    const auto id = reader.read();
    return id ? std::optional(Reading{*id, reader.root()}) : std::nullopt;
  }
  if (op.kind != Kind::elementwise) return {};
  const Equation e = equation_of(op);
  if (e.names.size() != args.size()) return {};
  // Equations with sums, as that of tanh, explain; their functions stay as they are.
  FormReader reader(a, e.right, args, e.names);
  const auto id = reader.read();
  return id && !reader.has_sum() ? std::optional(Reading{*id, reader.root()}) : std::nullopt;
}

// The word mathematics uses: "ln" of "log(x) = ln x".
std::string mathematical_name(const Op& op) {
  const Equation e = equation_of(op);
  if (e.names.size() == 1) {
    const size_t blank = e.right.find(' ');
    if (blank != std::string_view::npos && e.right.substr(blank + 1) == e.names[0] &&
        std::ranges::all_of(e.right.substr(0, blank), [](char c) { return c >= 'a' && c <= 'z'; }))
      return std::string(e.right.substr(0, blank));
  }
  return op.name;
}

// Printing ---------------------------------------------------------------------------------------

constexpr size_t longest_text = 4000;  // of any part while printing

struct Fraction {
  double over, under;
};
Fraction fraction_of(double x) {
  constexpr int most = 64;
  if (is_integer(x)) return {x, 1};
  for (int q = 2; q <= most; ++q) {
    const double p = std::round(x * q);
    if (std::fabs(p) < 1e6 && p / q == x) return {p, static_cast<double>(q)};
  }
  return {x, 1};
}

class Writer {
 public:
  Writer(const Algebra& algebra, bool plain) : a_(algebra), plain_(plain) {}

  std::string write(Id id) { return text_of(id, false).s; }
  bool too_long() const { return too_long_; }

 private:
  static constexpr int sum_binds = 2, product_binds = 3, power_binds = 5, atom = 9;
  struct Text {
    std::string s;
    int binds = atom;
  };

  static std::string brackets(std::string s) { return "(" + std::move(s) + ")"; }

  std::string bound(Id id, int least) {
    const Text& t = text_of(id, true);
    return t.binds < least ? brackets(t.s) : t.s;
  }

  // Tight: with brackets around the argument of a function, so that more may follow.
  const Text& text_of(Id id, bool tight) {
    auto& known = tight ? tight_ : loose_;
    if (const auto found = known.find(id); found != known.end()) return found->second;
    Text t = a_.size() > 20000 ? Text{"...", atom} : fresh(id, tight);
    if (t.s.size() > longest_text) {
      too_long_ = true;
      t = {"...", atom};
    }
    return known[id] = std::move(t);
  }

  Text number_text(double x) const {
    std::string s = text::number(x);
    if (x < 0) return {std::move(s), sum_binds};
    const Fraction f = fraction_of(x);
    constexpr size_t short_decimal = 5;
    if (f.under != 1 && s.size() > short_decimal)
      return {text::number(f.over) + "/" + text::number(f.under), product_binds};
    return {std::move(s), s.find('e') == std::string::npos ? atom : power_binds};
  }

  Text fresh(Id id, bool tight) {
    const Expr& e = a_[id];
    switch (e.sort) {
      case Sort::number:
        return number_text(e.number);
      case Sort::symbol:
        if (id == a_.euler()) return {plain_ ? "exp(1)" : "e", atom};
        return {e.name, atom};
      case Sort::sum:
        return sum_text(e);
      case Sort::product:
        return product_text(e, tight);
      case Sort::call:
        return call_text(e, tight);
    }
    return {};
  }

  Text sum_text(const Expr& e) {
    std::vector<std::pair<bool, std::string>> terms;  // negative, text
    for (const Part& p : e.parts) {
      std::string s = p.times == 1 || p.times == -1
                          ? term(p.of)
                          : product(std::fabs(p.times), single(p.of), false).s;
      terms.emplace_back(p.times < 0, std::move(s));
    }
    if (e.number != 0) terms.emplace_back(e.number < 0, number_text(std::fabs(e.number)).s);
    // 1 - x rather than -x + 1.
    if (terms[0].first) {
      const auto positive = std::ranges::find(terms, false, &std::pair<bool, std::string>::first);
      if (positive != terms.end()) std::rotate(terms.begin(), positive, positive + 1);
    }
    std::string out;
    for (size_t i = 0; i < terms.size(); ++i) {
      if (i == 0)
        out += terms[i].first ? "-" : "";
      else
        out += terms[i].first ? " - " : " + ";
      out += terms[i].second;
    }
    return {out, sum_binds};
  }

  std::string term(Id id) {
    const Text& t = text_of(id, false);
    return t.binds <= sum_binds ? brackets(t.s) : t.s;
  }

  std::vector<Factor> single(Id id) const {
    const Expr& e = a_[id];
    if (e.sort == Sort::product) return e.factors;
    return {{id, ~Id{0}}};  // to the first power
  }

  std::optional<double> exponent_of(const Factor& f) const {
    return f.exponent == ~Id{0} ? std::optional(1.0) : a_.value(f.exponent);
  }

  Text product_text(const Expr& e, bool tight) {
    Text t = product(std::fabs(e.number), e.factors, tight);
    if (e.number < 0) t = {"-" + t.s, sum_binds};
    return t;
  }

  Text product(double coefficient, const std::vector<Factor>& factors, bool tight) {
    std::vector<const Factor*> over, under;
    for (const Factor& f : factors) {
      const auto n = exponent_of(f);
      (n && *n < 0 ? under : over).push_back(&f);
    }
    const std::string decimal = text::number(coefficient);
    Fraction c = fraction_of(coefficient);
    const bool halves = c.under == 2 || c.under == 4 || c.under == 8;
    constexpr size_t short_decimal = 4;
    if (!halves && decimal.size() <= short_decimal) c = {coefficient, 1};

    std::vector<Text> top, bottom;
    if (c.under != 1) bottom.push_back({text::number(c.under), atom});
    for (const Factor* f : under) bottom.push_back(power_text(*f, -1, true));
    const bool whole = bottom.empty() && !tight;
    for (size_t i = 0; i < over.size(); ++i)
      top.push_back(power_text(*over[i], 1, !(whole && i + 1 == over.size())));
    if (c.over != 1 || top.empty()) top.insert(top.begin(), {text::number(c.over), atom});
    if (top.size() == 1 && bottom.empty()) return top[0];
    std::string out = joined(top);
    if (!bottom.empty()) {
      const std::string b = joined(bottom);
      const bool one = bottom.size() == 1 && bottom[0].binds > product_binds;
      const bool spaced = out.find(' ') != std::string::npos || b.find(' ') != std::string::npos;
      out += spaced ? " / " : "/";
      out += one ? b : brackets(b);
    }
    return {out, product_binds};
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  // In mathematics a number stands right before a letter or a bracket.
  std::string joined(const std::vector<Text>& factors) const {
    std::string out;
    for (size_t i = 0; i < factors.size(); ++i) {
      std::string s = factors[i].s;
      if (factors[i].binds < product_binds ||
          (factors.size() > 1 && factors[i].binds < product_binds + 1))
        s = brackets(s);
      if (i > 0) {
        const bool touches = !plain_ && i == 1 && is_digit(factors[0].s.back()) &&
                             factors[0].s.find_first_not_of("0123456789.") == std::string::npos &&
                             !is_digit(s[0]) && s.substr(0, 2) != "e^";
        out += plain_ ? "*" : touches ? "" : "·";
      }
      out += s;
    }
    return out;
  }

  std::string superscript(double n) const {
    constexpr const char* digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    std::string out;
    for (const char c : text::fixed(std::fabs(n), 0)) out += digits[c - '0'];
    return out;
  }

  Text power_text(const Factor& f, int sign, bool tight) {
    const auto n = exponent_of(f);
    if (f.base == a_.euler()) {
      std::string exponent = sign < 0 ? number_text(-*n).s : text_of(f.exponent, false).s;
      if (plain_) return {"exp(" + exponent + ")", atom};
      if (n && sign * *n == 1) return {"e", atom};
      const bool bare = a_[f.exponent].sort == Sort::symbol || is_whole(exponent);
      return {"e^" + (bare ? exponent : brackets(exponent)), power_binds};
    }
    if (n && sign * *n == 1) {
      const Text& t = text_of(f.base, tight);
      return t.binds <= product_binds && a_[f.base].sort != Sort::call ? Text{brackets(t.s), atom}
                                                                       : t;
    }
    if (n && sign * *n == 0.5) {
      const Text inside = text_of(f.base, false);
      if (plain_) return {"sqrt(" + inside.s + ")", atom};
      return {"√" + (inside.binds == atom && inside.s.find(' ') == std::string::npos
                         ? inside.s
                         : brackets(inside.s)),
              atom};
    }
    std::string base = bound(f.base, atom);
    if (!n) return {base + "^" + exponent_text(f.exponent), power_binds};
    const double e = sign * *n;
    if (is_integer(e) && !plain_) return {base + superscript(e), power_binds};
    const Fraction q = fraction_of(e);
    std::string exponent = q.under == 1
                               ? text::number(e)
                               : brackets(text::number(q.over) + "/" + text::number(q.under));
    if (e < 0 && q.under == 1) exponent = brackets(exponent);
    return {base + "^" + exponent, power_binds};
  }

  static bool is_whole(const std::string& s) {
    return s.find_first_not_of("0123456789") == std::string::npos;
  }

  std::string exponent_text(Id id) {
    const Text& t = text_of(id, true);
    return t.binds < atom ? brackets(t.s) : t.s;
  }

  Text call_text(const Expr& e, bool tight) {
    const std::string_view form = e.op->form ? e.op->form : "";
    if (form.starts_with("{0}") && form.find("{1}") != std::string_view::npos) {
      const std::string sign(form.substr(3, form.size() - 6));
      const bool relation = e.op->binds == 1;
      const int least = relation ? sum_binds : product_binds + 1;
      std::string s =
          bound(e.args[0], least) + sign + bound(e.args[1], relation ? least : least + 1);
      // Iverson's bracket: 1 where it holds, else 0.
      if (relation) return {plain_ ? brackets(s) : "[" + s + "]", atom};
      return {s, product_binds};
    }
    if (!plain_ && form.starts_with('|')) return {"|" + text_of(e.args[0], false).s + "|", atom};
    const std::string name = plain_ ? e.op->name : mathematical_name(*e.op);
    if (!plain_ && !tight && e.args.size() == 1 && a_[e.args[0]].sort == Sort::symbol &&
        is_word(a_[e.args[0]].name))
      return {name + " " + a_[e.args[0]].name, product_binds + 1};
    std::string s = name + "(";
    for (size_t i = 0; i < e.args.size(); ++i)
      s += (i > 0 ? ", " : "") + text_of(e.args[i], false).s;
    return {s + ")", atom};
  }

  static bool is_word(const std::string& s) { return s.find_first_of("[ (") == std::string::npos; }

  const Algebra& a_;
  bool plain_, too_long_ = false;
  std::unordered_map<Id, Text> tight_, loose_;
};

// Reading the tape -------------------------------------------------------------------------------

// One number, or one that broadcasting repeats.
bool is_one_number(const Tensor& x) {
  if (x.size() == 0) return false;
  const View v = view_of(x);
  for (int i = 0; i < v.shape.size(); ++i)
    if (v.shape[i] > 1 && v.strides[i] != 0) return false;
  return true;
}

class TapeReader {
 public:
  TapeReader(const Tape& tape, Algebra& algebra) : tape_(tape), a_(algebra) {}

  void name(ValueId id, const std::string& symbol) { symbols_[id] = a_.symbol(symbol); }

  // Whether it depends on no named value.
  bool is_constant(ValueId id) {
    for (auto i = static_cast<ValueId>(constant_.size()); i < tape_.value_count(); ++i)
      constant_.push_back(!symbols_.contains(i) &&
                          std::ranges::all_of(tape_.inputs(tape_.step_of(i)),
                                              [&](ValueId in) { return constant_[in]; }));
    return constant_[id];
  }

  // None where a step has no place in a formula; why() says which.
  std::optional<Id> read(ValueId wanted) {
    std::vector<ValueId> waiting{wanted};
    constexpr size_t most = 4000;  // steps in a formula that someone could read
    while (!waiting.empty()) {
      const ValueId id = waiting.back();
      if (done_.contains(id)) {
        waiting.pop_back();
        continue;
      }
      if (done_.size() > most) {
        why_ = "it has more than " + std::to_string(most) + " steps";
        return {};
      }
      bool ready = true;
      if (!symbols_.contains(id) && !is_constant(id))
        for (ValueId in : needed(id))
          if (!done_.contains(in)) {
            waiting.push_back(in);
            ready = false;
          }
      if (!ready) continue;
      const auto e = fresh(id);
      if (!e) return {};
      done_[id] = *e;
      waiting.pop_back();
    }
    return done_[wanted];
  }

  const std::string& why() const { return why_; }
  const std::vector<ValueId>& left_out() const { return left_out_; }

 private:
  Tensor value(ValueId id) const { return tape_.detached(tape_.tensor(id)); }

  bool is_choice(ValueId id) const {
    const Step& s = tape_.step_of(id);
    return s.op->pointwise && s.inputs == 3 &&
           tape_.value(tape_.inputs(s)[0]).type.dtype == DType::boolean;
  }

  // What a condition is outside of exceptional points, found by trying it; none where it varies.
  std::optional<bool> usually(ValueId id) {
    if (is_constant(id)) {
      const Tensor x = value(id);
      if (!is_one_number(x)) return {};
      return element_as_double(view_of(x), 0) != 0;
    }
    const Step& s = tape_.step_of(id);
    const auto in = tape_.inputs(s);
    if (s.op->view && s.inputs == 1) return usually(in[0]);
    if (!s.op->pointwise || in.empty() || in.size() > 2) return {};
    std::vector<std::vector<Tensor>> choices;
    for (ValueId i : in) {
      const DType dtype = tape_.value(i).type.dtype;
      std::vector<Tensor> c;
      if (dtype == DType::boolean) {
        const auto known = usually(i);
        if (!known || !*known) c.push_back(scalar(0, dtype));
        if (!known || *known) c.push_back(scalar(1, dtype));
      } else if (is_float(dtype)) {
        for (double x : {0.37, -1.21, 2.9})
          c.push_back(scalar(x + 0.01 * static_cast<double>(choices.size()), dtype));
      } else {
        return {};
      }
      choices.push_back(std::move(c));
    }
    std::optional<bool> always;
    const bool same = in.size() == 2 && in[0] == in[1];  // x == x has no exceptions
    for (const Tensor& x : choices[0])
      for (size_t k = 0; k < (choices.size() > 1 && !same ? choices[1].size() : 1); ++k) {
        std::vector<Tensor> args{x};
        if (choices.size() > 1) args.push_back(same ? x : choices[1][k]);
        const bool holds = number(gradus::apply(*s.op, args)) != 0;
        if (always && *always != holds) return {};
        always = holds;
      }
    // Comparisons of numbers that were decided so have exceptions.
    if (!same && is_float(tape_.value(in[0]).type.dtype)) left_out_.push_back(id);
    return always;
  }

  // A choice whose condition is settled needs only the branch it takes.
  std::vector<ValueId> needed(ValueId id) {
    const auto in = tape_.inputs(tape_.step_of(id));
    if (is_choice(id))
      if (const auto known = usual(in[0])) return {in[*known ? 1 : 2]};
    return {in.begin(), in.end()};
  }

  std::optional<bool> usual(ValueId id) {
    const auto found = usual_.find(id);
    return found != usual_.end() ? found->second : usual_[id] = usually(id);
  }

  std::optional<Id> fail(std::string why) {
    why_ = std::move(why);
    return {};
  }

  std::optional<Id> fresh(ValueId id) {
    if (const auto found = symbols_.find(id); found != symbols_.end()) return found->second;
    if (is_constant(id)) return constant(value(id));
    const Step& s = tape_.step_of(id);
    const auto in = tape_.inputs(s);
    const Type& type = tape_.value(id).type;
    if (is_choice(id))
      if (const auto known = usual(in[0])) return done_[in[*known ? 1 : 2]];
    std::vector<Id> args;
    for (ValueId i : in) args.push_back(done_[i]);
    // A choice of two numbers counts with its condition, 1 where it holds and else 0.
    if (is_choice(id))
      if (const auto yes = a_.value(args[1]), no = a_.value(args[2]); yes && no)
        return a_.add(a_.number(*no), args[0], *yes - *no);
    if (s.inputs == 1) {
      const Type& from = tape_.value(in[0]).type;
      // The same number in another type, and repeated numbers: arithmetic does both by itself.
      if (s.op->pointwise && s.op->kind == Kind::linear) return args[0];
      if (s.op->view && broadcasts(from.shape, type.shape)) return args[0];
    }
    if (const auto r = in_algebra(a_, *s.op, args)) return r->id;
    const bool joins = s.op->form != nullptr;
    const bool total = s.inputs == 1 && type.shape.empty();
    if (s.op->pointwise || joins || total) return a_.call(*s.op, args);
    return fail("the step " + std::string(s.op->name) + " has no sign in a formula");
  }

  static bool broadcasts(const Shape& from, const Shape& to) {
    if (from.size() > to.size()) return false;
    for (int i = 0; i < from.size(); ++i)
      if (from[i] != 1 && from[i] != to[to.size() - from.size() + i]) return false;
    return true;
  }

  std::optional<Id> constant(const Tensor& x) {
    if (is_one_number(x)) {
      const double v = element_as_double(view_of(x), 0);
      if (!std::isfinite(v)) return fail("a step of it is " + text::number(v) + " here");
      return a_.number(v);
    }
    constexpr int64_t short_list = 6;
    if (x.size() > short_list || x.rank() != 1)
      return fail("it contains the constant " + to_string(x.type()));
    std::vector<std::string> all;
    for (double v : numbers(x)) all.push_back(text::number(v));
    return a_.symbol("[" + text::join(all, ", ") + "]");
  }

  const Tape& tape_;
  Algebra& a_;
  std::unordered_map<ValueId, Id> symbols_, done_;
  std::unordered_map<ValueId, std::optional<bool>> usual_;
  std::vector<bool> constant_;
  std::vector<ValueId> left_out_;
  std::string why_;
};

// A recorded function and the gradient steps behind it.
struct Recorded {
  Tape tape;
  std::vector<ValueId> inputs;
  ValueId output = 0;

  Recorded(const char* name, const Function& f, std::span<const Tensor> args,
           std::span<const std::string> names)
      : tape(name) {
    std::vector<Tensor> handles;
    for (size_t i = 0; i < args.size(); ++i) {
      inputs.push_back(tape.input(literal_as(args[i], args[i].dtype()), names[i]));
      handles.push_back(tape.tensor(inputs.back()));
    }
    const Tensor y = f(handles);
    if (y.rank() != 0 || !is_float(y.dtype()))
      raise(ErrorKind::shape, std::string(name) + ": the function returned " + to_string(y.type()) +
                                  ", but only one number, " +
                                  name_of(is_float(y.dtype()) ? y.dtype() : DType::f64) +
                                  "[], has a derivative in a formula. Take mean(...) or sum(...) "
                                  "first.");
    output = tape.place(y);
  }

  std::vector<Tensor> grads(std::span<const int> wrt) {
    std::vector<ValueId> sources;
    for (int w : wrt) sources.push_back(inputs[static_cast<size_t>(w)]);
    return pull_back(tape, sources, output, ones_like(tape.tensor(output)));
  }
};

}  // namespace

std::vector<DerivativeText> derivative_text(const Function& f, std::span<const Tensor> args,
                                            std::span<const std::string> names,
                                            std::span<const int> wrt) {
  Recorded r("derivative_text", f, args, names);
  const std::vector<Tensor> bars = r.grads(wrt);
  std::vector<DerivativeText> result;
  for (const Tensor& bar : bars) {
    DerivativeText t;
    if (bar.is_absent()) {
      t.math = t.program = "0";
      result.push_back(std::move(t));
      continue;
    }
    Algebra a;
    TapeReader reader(r.tape, a);
    for (size_t i = 0; i < args.size(); ++i) reader.name(r.inputs[i], names[i]);
    const auto id = reader.read(r.tape.place(bar));
    if (!id) {
      t.why_not = reader.why();
      result.push_back(std::move(t));
      continue;
    }
    Writer math(a, false), program(a, true);
    t.math = math.write(*id);
    t.program = program.write(*id);
    if (math.too_long() || program.too_long()) {
      t = {};
      t.why_not = "it is longer than " + std::to_string(longest_text) + " characters";
    } else {
      std::vector<std::string> unless;
      const std::vector<ValueId> left_out = reader.left_out();
      for (ValueId condition : left_out) {
        if (r.tape.step_of(condition).op->form == nullptr) continue;
        const auto c = reader.read(condition);
        if (!c) continue;
        std::string s = program.write(*c);
        if (s.starts_with('(') && s.ends_with(')')) s = s.substr(1, s.size() - 2);
        if (std::ranges::find(unless, s) == unless.end()) unless.push_back(std::move(s));
      }
      t.unless = text::join(unless, " or ");
    }
    result.push_back(std::move(t));
  }
  return result;
}

std::vector<DerivationStep> derivation(const Function& f, std::span<const Tensor> args,
                                       std::span<const std::string> names, int wrt, bool plain) {
  constexpr ValueId most_steps = 400;
  Recorded r("derivation", f, args, names);
  if (args[static_cast<size_t>(wrt)].rank() != 0)
    raise(ErrorKind::unsupported, "derivation: '" + names[static_cast<size_t>(wrt)] + "' is " +
                                      to_string(args[static_cast<size_t>(wrt)].type()) +
                                      ". Rules are shown for one number at a time.");
  if (r.output > most_steps)
    raise(ErrorKind::unsupported, "derivation: the function has " + std::to_string(r.output) +
                                      " steps. A derivation shows at most " +
                                      std::to_string(most_steps) + ".");
  const ValueId x = r.inputs[static_cast<size_t>(wrt)];
  Algebra a;
  TapeReader reader(r.tape, a);
  for (size_t i = 0; i < args.size(); ++i) reader.name(r.inputs[i], names[i]);

  // What depends on x, and what the output needs of it.
  std::vector<bool> depends(r.output + 1), needed(r.output + 1);
  for (ValueId id = 0; id <= r.output; ++id) {
    depends[id] = id == x;
    for (ValueId in : r.tape.inputs(r.tape.step_of(id))) depends[id] = depends[id] || depends[in];
  }
  needed[r.output] = true;
  for (ValueId id = r.output + 1; id-- > 0;)
    if (needed[id])
      for (ValueId in : r.tape.inputs(r.tape.step_of(id))) needed[in] = true;

  const auto refuse = [&] {
    raise(ErrorKind::unsupported,
          "derivation: " + reader.why() + ". Ask for the program of the derivative instead.");
  };
  const auto written = [&](Id id) { return Writer(a, plain).write(id); };
  const std::string mark = "'";
  std::vector<DerivationStep> steps;
  const ValueId sources[] = {x};
  for (ValueId id = 0; id <= r.output; ++id) {
    if (!needed[id] || !depends[id] || id == x) continue;
    const Step s = r.tape.step_of(id);
    const Op& op = *s.op;
    const std::vector<ValueId> in(r.tape.inputs(s).begin(), r.tape.inputs(s).end());
    const auto whole = reader.read(id);
    if (!whole) refuse();
    std::optional<Id> inner;
    if (in.size() == 1) inner = reader.read(in[0]);
    if (inner == whole) continue;  // another type or shape of the same

    const Tensor ones[] = {ones_like(args[static_cast<size_t>(wrt)])};
    const Tensor dot = push_forward(r.tape, sources, ones, id);
    std::optional<Id> slope = a.number(0);
    if (!dot.is_absent()) slope = reader.read(r.tape.place(dot));
    if (!slope) refuse();

    DerivationStep step;
    step.of = "(" + written(*whole) + ")" + mark;
    step.becomes = written(*slope);
    // The law itself: the same rule on u and v.
    constexpr const char* letters[] = {"u", "v", "w"};
    std::vector<Id> operands;
    std::vector<Tensor> stand_ins;
    int moving = 0;
    size_t constants = 0;
    for (size_t i = 0; i < in.size() && i < std::size(letters); ++i) {
      const bool moves = depends[in[i]];
      const std::string letter = moves ? letters[moving] : constants++ == 0 ? "c" : "k";
      moving += moves ? 1 : 0;
      const ValueId stand_in = r.tape.input(r.tape.detached(r.tape.tensor(in[i])));
      reader.name(stand_in, letter);
      operands.push_back(a.symbol(letter));
      stand_ins.push_back(r.tape.tensor(stand_in));
    }
    const auto reading = in_algebra(a, op, operands);
    const char root = reading ? reading->root : 0;
    const bool first = !in.empty() && depends[in[0]];
    const bool both = moving == 2;
    switch (root) {
      case '+':
        step.rule = both ? "sum rule" : "sum rule: a constant has derivative 0";
        break;
      case '-':
        step.rule = both ? "difference rule" : "difference rule: a constant has derivative 0";
        break;
      case '~':
        step.rule = "constant factor -1";
        break;
      case '*':
        step.rule = both ? "product rule" : "constant factor";
        break;
      case '/':
        step.rule = both                      ? "quotient rule"
                    : in.size() == 2 && first ? "constant factor"
                                              : "reciprocal rule";
        break;
      case '^': {
        // Which of base and exponent moves shows in the reading itself: u^c, c^u, u^v.
        const Expr& e = a[reading->id];
        const bool base_moves = e.sort == Sort::product && a[e.factors[0].base].name == "u";
        step.rule = both         ? "power with a moving exponent"
                    : base_moves ? "power rule"
                                 : "exponential rule";
        break;
      }
      default:
        step.rule = "derivative of " + std::string(plain ? op.name : mathematical_name(op));
    }
    const bool bare = std::ranges::all_of(in, [&](ValueId i) { return !depends[i] || i == x; });
    if (!bare && (root == '^' || root == 0)) step.rule += ", chain rule";
    if (op.kind == Kind::elementwise) {
      const Id before = reading ? reading->id : a.call(op, operands);
      // y is read as the op of its operands, so that e^u stays e^u.
      const Tensor y = gradus::apply(op, stand_ins);
      std::vector<Part> parts;
      bool known = true;
      for (size_t i = 0, k = 0; i < in.size(); ++i) {
        if (!depends[in[i]]) continue;
        const Id prime = a.symbol(std::string(letters[k++]) + mark);
        const Slope& law = op.rule.slope[i];
        std::optional<Id> times = a.number(law.constant);
        if (law.constant == 0 && law.varies()) {
          times = reader.read(r.tape.place(law.at(stand_ins, y)));
        }
        known = known && times.has_value();
        if (times) parts.push_back({1, a.times(*times, prime)});
      }
      if (known) step.law = "(" + written(before) + ")" + mark + " = " + written(a.sum(parts));
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

std::string derivative_program(const Function& f, std::span<const Tensor> args,
                               std::span<const std::string> names, std::span<const int> wrt) {
  Recorded r("derivative_program", f, args, names);
  const std::vector<Tensor> bars = r.grads(wrt);
  std::vector<ValueId> outputs;
  for (const Tensor& bar : bars) outputs.push_back(bar.is_absent() ? no_value : r.tape.place(bar));
  std::vector<ValueId> there;
  for (ValueId id : outputs)
    if (id != no_value) there.push_back(id);
  const Graph g = r.tape.freeze(r.inputs, there);

  // A letter for the steps that no name begins with.
  std::string letter = "t";
  const auto taken = [&](const std::string& s) {
    return std::ranges::any_of(names, [&](const std::string& n) { return n.starts_with(s); });
  };
  while (taken(letter)) letter += "_";
  std::string out;
  std::vector<std::string> called(g.value_count());
  std::vector<bool> constant(g.value_count());
  for (size_t i = 0; i < r.inputs.size(); ++i) called[g.input_ids()[i]] = names[i];
  size_t count = 0;
  for (ValueId id = 0; id < g.value_count(); ++id) {
    if (!called[id].empty()) continue;
    const Step& s = g.step_of(id);
    const Value& v = g.value(id);
    constant[id] = std::ranges::all_of(g.inputs(s), [&](ValueId in) { return constant[in]; });
    if (constant[id]) {
      const Tensor x(v.type, v.buffer);
      constexpr int64_t short_list = 16;
      if (is_one_number(x)) {
        called[id] = text::number(element_as_double(view_of(x), 0));
        if (called[id].starts_with('-')) called[id] = "(" + called[id] + ")";
      } else if (x.size() <= short_list && x.rank() == 1) {
        std::vector<std::string> all;
        for (double n : numbers(x)) all.push_back(text::number(n));
        called[id] = "[" + text::join(all, ", ") + "]";
      } else {
        called[id] = to_string(v.type);
      }
      continue;
    }
    const auto in = g.inputs(s);
    // Another type or a repetition needs no line: arithmetic does both by itself.
    const bool same_numbers = s.inputs == 1 && ((s.op->pointwise && s.op->kind == Kind::linear) ||
                                                (s.op->view && g.value(in[0]).type.shape.empty()));
    if (same_numbers) {
      called[id] = called[in[0]];
      continue;
    }
    // Times 1 changes nothing.
    const auto is_neutral = [&](size_t i) {
      return s.inputs == 2 && constant[in[i]] && called[in[i]] == text::number(s.op->neutral[i]);
    };
    if (is_neutral(0) || is_neutral(1)) {
      called[id] = called[in[is_neutral(0) ? 1 : 0]];
      continue;
    }
    std::string line;
    const std::string_view form = s.op->form ? s.op->form : "";
    if (!form.empty() && !form.starts_with('|')) {
      for (size_t i = 0; i < form.size(); ++i) {
        if (form[i] != '{') {
          line += form[i];
          continue;
        }
        line += called[in[static_cast<size_t>(form[i + 1] - '0')]];
        i += 2;
      }
    } else {
      line = std::string(s.op->name) + "(";
      for (size_t i = 0; i < in.size(); ++i) line += (i > 0 ? ", " : "") + called[in[i]];
      const Attrs& attrs = g.attrs(s);
      if (!v.type.shape.empty())
        for (const Dims* d : {&attrs.a, &attrs.b, &attrs.c})
          if (!d->empty()) line += ", " + to_string(*d);
      line += ")";
    }
    called[id] = letter + std::to_string(++count);
    out += called[id] + " = " + line + "\n";
  }
  for (size_t i = 0, k = 0; i < wrt.size(); ++i) {
    std::string name = "d_" + names[static_cast<size_t>(wrt[i])];
    while (std::ranges::find(names, name) != names.end()) name += "_";
    out += name + " = " + (outputs[i] == no_value ? "0" : called[g.output_ids()[k++]]) + "\n";
  }
  return out;
}

}  // namespace gradus
