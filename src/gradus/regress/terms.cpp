#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/regress/precise.h>
#include <gradus/regress/terms.h>

#include <algorithm>

namespace gradus {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

std::vector<std::string_view> split(std::string_view s, char at) {
  std::vector<std::string_view> parts;
  size_t from = 0;
  for (size_t i = 0; i <= s.size(); ++i)
    if (i == s.size() || s[i] == at) {
      parts.push_back(trimmed(s.substr(from, i - from)));
      from = i + 1;
    }
  return parts;
}

constexpr int64_t largest_power = 64;

}  // namespace

const std::vector<double>& NamedColumns::column(std::string_view name, std::string_view op) const {
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return values[static_cast<size_t>(found - names.begin())];
  const std::vector<std::string_view> all(names.begin(), names.end());
  const auto near = text::nearest(name, all);
  raise(ErrorKind::usage, std::string(op) + ": there is no column '" + std::string(name) +
                              "' among " + text::join(names, ", ") + "." +
                              (near ? " Did you mean '" + std::string(*near) + "'?" : ""));
}

std::vector<Term> parse_terms(std::string_view text) {
  std::vector<Term> terms;
  for (std::string_view word : split(text, ',')) {
    Term term{std::string(word), {}};
    const auto refuse = [&](const std::string& why) {
      raise(ErrorKind::usage, "terms: '" + std::string(word) + "' " + why +
                                  ". A term is a product of whole powers of columns, as in "
                                  "1,x,x^2,x*z.");
    };
    if (word.empty()) refuse("is empty");
    if (word != "1")
      for (std::string_view part : split(word, '*')) {
        const size_t hat = part.rfind('^');
        const std::string_view name = trimmed(part.substr(0, hat));
        int64_t power = 1;
        if (hat != std::string_view::npos) {
          const auto whole = text::parse_int64(trimmed(part.substr(hat + 1)));
          if (!whole || *whole > largest_power || *whole < -largest_power)
            refuse("has a power that is no whole number from -64 to 64");
          power = *whole;
        }
        if (name.empty()) refuse("lacks the name of a column");
        const auto same = std::ranges::find(term.factors, name, &Term::Factor::column);
        if (same != term.factors.end())
          same->power += power;
        else
          term.factors.push_back({std::string(name), power});
      }
    if (std::ranges::any_of(terms, [&](const Term& t) { return t.text == term.text; }))
      refuse("is given twice");
    terms.push_back(std::move(term));
  }
  return terms;
}

std::vector<DoubleDouble> design(const std::vector<Term>& terms, const NamedColumns& columns) {
  const auto n = static_cast<size_t>(columns.rows());
  std::vector<DoubleDouble> a(n * terms.size(), DoubleDouble(1.0));
  for (size_t j = 0; j < terms.size(); ++j)
    for (const Term::Factor& f : terms[j].factors) {
      const std::vector<double>& x = columns.column(f.column, "terms");
      for (size_t i = 0; i < n; ++i)
        a[j * n + i] = a[j * n + i] * precise::power(DoubleDouble(x[i]), f.power);
    }
  return a;
}

}  // namespace gradus
