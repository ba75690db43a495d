#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>
#include <gradus/prob/distribution.h>
#include <gradus/prob/multivariate.h>
#include <gradus/prob/parts.h>
#include <gradus/prob/table.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace gradus {
namespace {

using Args = std::span<const Tensor>;

struct Family {
  const char* name;
  size_t least, most;  // parameters
  std::unique_ptr<Distribution> (*make)(Args);
  Tensor (*kl)(Args p, Args q);  // null: no closed form
  bool has_location = false;     // the first parameter, which entropy and variance do not need
};

template <class D, size_t... i>
D built(Args a, std::index_sequence<i...>) {
  return D(a[i]...);
}
template <class D, size_t least, size_t most>
D built(Args a) {
  if constexpr (most > least)
    if (a.size() < most) return built<D, least, most - 1>(a);
  return built<D>(a, std::make_index_sequence<most>());
}
template <class D, size_t least, size_t most>
constexpr Family family(const char* name, bool has_location = false) {
  Family f{name,
           least,
           most,
           [](Args a) -> std::unique_ptr<Distribution> {
             return std::make_unique<D>(built<D, least, most>(a));
           },
           nullptr,
           has_location};
  if constexpr (requires(const D& d) { kl_divergence(d, d); })
    f.kl = [](Args p, Args q) {
      return kl_divergence(built<D, least, most>(p), built<D, least, most>(q));
    };
  return f;
}

constexpr Family families[] = {
    family<Uniform, 2, 2>("uniform", true), family<Normal, 2, 2>("normal", true),
    family<LogNormal, 2, 2>("lognormal"),   family<Exponential, 1, 1>("exponential"),
    family<Laplace, 2, 2>("laplace", true), family<Cauchy, 2, 2>("cauchy", true),
    family<Gumbel, 2, 2>("gumbel", true),   family<Gamma, 1, 2>("gamma"),
    family<ChiSquare, 1, 1>("chi2"),        family<Beta, 2, 2>("beta"),
    family<StudentT, 1, 3>("studentt"),     family<FisherF, 2, 2>("f"),
    family<Bernoulli, 1, 1>("bernoulli"),   family<Binomial, 2, 2>("binomial"),
    family<Poisson, 1, 1>("poisson"),       family<Geometric, 1, 1>("geometric")};

struct OfPlace {
  const char* name;
  Tensor (Distribution::*call)(const Tensor&) const;
};
constexpr OfPlace of_places[] = {
    {"logpdf", &Distribution::log_prob},   {"logpmf", &Distribution::log_prob},
    {"pdf", &Distribution::prob},          {"pmf", &Distribution::prob},
    {"cdf", &Distribution::cdf},           {"sf", &Distribution::sf},
    {"logcdf", &Distribution::log_cdf},    {"logsf", &Distribution::log_sf},
    {"quantile", &Distribution::quantile}, {"isf", &Distribution::isf}};
struct OfAll {
  const char* name;
  Tensor (Distribution::*call)() const;
};
constexpr OfAll of_alls[] = {
    {"entropy", &Distribution::entropy},   {"mean", &Distribution::mean},
    {"var", &Distribution::variance},      {"std", &Distribution::standard_deviation},
    {"skewness", &Distribution::skewness}, {"kurtosis", &Distribution::excess_kurtosis}};

[[noreturn]] void refuse_count(std::string_view name, size_t n, size_t least, size_t most) {
  raise(ErrorKind::usage, std::string(name) + ": " + std::to_string(n) +
                              " arguments do not fit. It takes " + std::to_string(least) +
                              (most > least ? " to " + std::to_string(most) : "") + ".");
}

// The parameters with a location of 0 where it was left out.
std::vector<Tensor> with_location(const Family& f, Args a) {
  std::vector<Tensor> all(a.begin(), a.end());
  if (f.has_location && all.size() + 1 == f.least) all.insert(all.begin(), Tensor(0.0));
  return all;
}

std::optional<Tensor> of_family(const Family& f, std::string_view name, std::string_view function,
                                Args args) {
  const size_t n = args.size();
  const auto require_count = [&](size_t least, size_t most) {
    if (n < least || n > most) refuse_count(name, n, least, most);
  };
  for (const OfPlace& p : of_places)
    if (function == p.name) {
      require_count(f.least + 1, f.most + 1);
      return ((*f.make(args.subspan(1))).*p.call)(as_float(args[0]));
    }
  for (const OfAll& a : of_alls)
    if (function == a.name) {
      require_count(f.least - (f.has_location ? 1 : 0), f.most);
      return ((*f.make(with_location(f, args))).*a.call)();
    }
  if (function == "kl" && f.kl != nullptr) {
    require_count(2 * f.least, 2 * f.most);
    if (n % 2 != 0) refuse_count(name, n, 2 * f.least, 2 * f.most);
    return f.kl(args.first(n / 2), args.subspan(n / 2));
  }
  return {};
}

// What does not fit that pattern.
struct Other {
  const char* name;
  size_t arguments;
  Tensor (*call)(Args);
};
constexpr Other others[] = {
    {"bernoulli.logpmf_logits", 2, [](Args a) { return bernoulli_log_prob(a[0], as_float(a[1])); }},
    {"binomial.kl", 3,
     [](Args a) { return kl_divergence(Binomial(a[0], a[1]), Binomial(a[0], a[2])); }},
    {"mvn.logpdf", 3, [](Args a) { return MultivariateNormal(a[1], a[2]).log_prob(a[0]); }},
    {"mvn.entropy", 1,
     [](Args a) {
       return MultivariateNormal(zeros({a[0].shape().empty() ? 0 : a[0].shape().back()}), a[0])
           .entropy();
     }},
    {"mvn.kl", 4,
     [](Args a) {
       return kl_divergence(MultivariateNormal(a[0], a[1]), MultivariateNormal(a[2], a[3]));
     }},
    {"dirichlet.logpdf", 2, [](Args a) { return Dirichlet(a[1]).log_prob(as_float(a[0])); }},
    {"dirichlet.entropy", 1, [](Args a) { return Dirichlet(a[0]).entropy(); }},
    {"dirichlet.kl", 2, [](Args a) { return kl_divergence(Dirichlet(a[0]), Dirichlet(a[1])); }},
    {"dirichlet.mean", 1, [](Args a) { return Dirichlet(a[0]).mean(); }},
    {"dirichlet.var", 1, [](Args a) { return Dirichlet(a[0]).variance(); }},
    {"categorical.logpmf", 2,
     [](Args a) { return Categorical::from_probs(a[1]).log_prob(cast(a[0], DType::i64)); }},
    {"categorical.logpmf_logits", 2,
     [](Args a) { return Categorical(a[1]).log_prob(cast(a[0], DType::i64)); }},
    {"categorical.entropy", 1, [](Args a) { return Categorical::from_probs(a[0]).entropy(); }},
    {"categorical.kl", 2,
     [](Args a) {
       return kl_divergence(Categorical::from_probs(a[0]), Categorical::from_probs(a[1]));
     }},
    {"multinomial.logpmf", 3, [](Args a) { return Multinomial(a[1], a[2]).log_prob(a[0]); }}};

}  // namespace

Tensor distribution_function(std::string_view name, std::span<const Tensor> args) {
  for (const Other& o : others)
    if (name == o.name && (args.size() == o.arguments || name != "binomial.kl")) {
      if (args.size() != o.arguments) refuse_count(name, args.size(), o.arguments, o.arguments);
      return o.call(args);
    }
  const size_t dot = name.find('.');
  const std::string_view family_name = name.substr(0, dot);
  if (dot != name.npos)
    for (const Family& f : families)
      if (family_name == f.name)
        if (const auto y = of_family(f, name, name.substr(dot + 1), args)) return *y;
  raise(ErrorKind::unsupported, "the function " + std::string(name) + " is not offered");
}

std::vector<std::string> distribution_function_names() {
  std::vector<std::string> all;
  for (const Family& f : families) {
    for (const OfPlace& p : of_places) all.push_back(std::string(f.name) + "." + p.name);
    for (const OfAll& a : of_alls) all.push_back(std::string(f.name) + "." + a.name);
    if (f.kl != nullptr) all.push_back(std::string(f.name) + ".kl");
  }
  for (const Other& o : others) all.push_back(o.name);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace gradus
