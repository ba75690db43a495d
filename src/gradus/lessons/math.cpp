// A table of commands, a recursive reader with bounded depth, and what a formula looks like in
// Unicode. MathML: math_page.cpp.
#include <gradus/base/text.h>
#include <gradus/lessons/math.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace gradus::lessons {
namespace {

using Kind = Math::Kind;

constexpr int deepest = 40;  // nested braces; a page needs 5

struct Command {
  std::string_view name;
  Kind kind;
  std::string_view text;
};

constexpr Command commands[] = {
    {"alpha", Kind::symbol, "α"},
    {"beta", Kind::symbol, "β"},
    {"gamma", Kind::symbol, "γ"},
    {"delta", Kind::symbol, "δ"},
    {"epsilon", Kind::symbol, "ε"},
    {"varepsilon", Kind::symbol, "ε"},
    {"zeta", Kind::symbol, "ζ"},
    {"eta", Kind::symbol, "η"},
    {"theta", Kind::symbol, "θ"},
    {"iota", Kind::symbol, "ι"},
    {"kappa", Kind::symbol, "κ"},
    {"lambda", Kind::symbol, "λ"},
    {"mu", Kind::symbol, "μ"},
    {"nu", Kind::symbol, "ν"},
    {"xi", Kind::symbol, "ξ"},
    {"pi", Kind::symbol, "π"},
    {"rho", Kind::symbol, "ρ"},
    {"sigma", Kind::symbol, "σ"},
    {"tau", Kind::symbol, "τ"},
    {"phi", Kind::symbol, "φ"},
    {"varphi", Kind::symbol, "φ"},
    {"chi", Kind::symbol, "χ"},
    {"psi", Kind::symbol, "ψ"},
    {"omega", Kind::symbol, "ω"},
    {"Gamma", Kind::symbol, "Γ"},
    {"Delta", Kind::symbol, "Δ"},
    {"Theta", Kind::symbol, "Θ"},
    {"Lambda", Kind::symbol, "Λ"},
    {"Xi", Kind::symbol, "Ξ"},
    {"Pi", Kind::symbol, "Π"},
    {"Sigma", Kind::symbol, "Σ"},
    {"Phi", Kind::symbol, "Φ"},
    {"Psi", Kind::symbol, "Ψ"},
    {"Omega", Kind::symbol, "Ω"},
    {"ell", Kind::symbol, "ℓ"},
    {"partial", Kind::symbol, "∂"},
    {"nabla", Kind::symbol, "∇"},
    {"infty", Kind::symbol, "∞"},
    {"emptyset", Kind::symbol, "∅"},
    {"forall", Kind::symbol, "∀"},
    {"exists", Kind::symbol, "∃"},
    {"neg", Kind::symbol, "¬"},
    {"prime", Kind::symbol, "′"},
    {"top", Kind::symbol, "⊤"},
    {"ldots", Kind::symbol, "…"},
    {"dots", Kind::symbol, "…"},
    {"cdots", Kind::symbol, "⋯"},
    {"vdots", Kind::symbol, "⋮"},
    {"ddots", Kind::symbol, "⋱"},
    {"%", Kind::symbol, "%"},
    {"#", Kind::symbol, "#"},
    {"_", Kind::symbol, "_"},
    {"&", Kind::symbol, "&"},
    {"$", Kind::symbol, "$"},
    {"|", Kind::symbol, "‖"},
    {"cdot", Kind::tight, "·"},
    {"circ", Kind::tight, "∘"},
    {"times", Kind::binary, "×"},
    {"div", Kind::binary, "÷"},
    {"pm", Kind::binary, "±"},
    {"mp", Kind::binary, "∓"},
    {"ast", Kind::binary, "*"},
    {"odot", Kind::binary, "⊙"},
    {"oplus", Kind::binary, "⊕"},
    {"otimes", Kind::binary, "⊗"},
    {"cup", Kind::binary, "∪"},
    {"cap", Kind::binary, "∩"},
    {"setminus", Kind::binary, "∖"},
    {"land", Kind::binary, "∧"},
    {"lor", Kind::binary, "∨"},
    {"le", Kind::relation, "≤"},
    {"leq", Kind::relation, "≤"},
    {"ge", Kind::relation, "≥"},
    {"geq", Kind::relation, "≥"},
    {"ne", Kind::relation, "≠"},
    {"neq", Kind::relation, "≠"},
    {"approx", Kind::relation, "≈"},
    {"equiv", Kind::relation, "≡"},
    {"sim", Kind::relation, "~"},
    {"propto", Kind::relation, "∝"},
    {"ll", Kind::relation, "≪"},
    {"gg", Kind::relation, "≫"},
    {"to", Kind::relation, "→"},
    {"rightarrow", Kind::relation, "→"},
    {"leftarrow", Kind::relation, "←"},
    {"gets", Kind::relation, "←"},
    {"mapsto", Kind::relation, "↦"},
    {"Rightarrow", Kind::relation, "⇒"},
    {"implies", Kind::relation, "⇒"},
    {"iff", Kind::relation, "⇔"},
    {"in", Kind::relation, "∈"},
    {"notin", Kind::relation, "∉"},
    {"subset", Kind::relation, "⊂"},
    {"subseteq", Kind::relation, "⊆"},
    {"perp", Kind::relation, "⊥"},
    {"parallel", Kind::relation, "∥"},
    {"mid", Kind::relation, "|"},
    {"colon", Kind::relation, ":"},
    {"{", Kind::open, "{"},
    {"}", Kind::close, "}"},
    {"langle", Kind::open, "⟨"},
    {"rangle", Kind::close, "⟩"},
    {"lfloor", Kind::open, "⌊"},
    {"rfloor", Kind::close, "⌋"},
    {"lceil", Kind::open, "⌈"},
    {"rceil", Kind::close, "⌉"},
    {"lVert", Kind::open, "‖"},
    {"rVert", Kind::close, "‖"},
    {"sum", Kind::big, "Σ"},
    {"prod", Kind::big, "Π"},
    {"int", Kind::big, "∫"},
    {"lim", Kind::big, "lim"},
    {"max", Kind::big, "max"},
    {"min", Kind::big, "min"},
    {"argmax", Kind::big, "argmax"},
    {"argmin", Kind::big, "argmin"},
    {"sup", Kind::big, "sup"},
    {"inf", Kind::big, "inf"},
    {"sin", Kind::function, "sin"},
    {"cos", Kind::function, "cos"},
    {"tan", Kind::function, "tan"},
    {"sinh", Kind::function, "sinh"},
    {"cosh", Kind::function, "cosh"},
    {"tanh", Kind::function, "tanh"},
    {"arctan", Kind::function, "arctan"},
    {"exp", Kind::function, "exp"},
    {"log", Kind::function, "log"},
    {"ln", Kind::function, "ln"},
    {"det", Kind::function, "det"},
    {"dim", Kind::function, "dim"},
    {"ker", Kind::function, "ker"},
    {"Pr", Kind::function, "Pr"},
    {"tr", Kind::function, "tr"},
    {"rank", Kind::function, "rank"},
    {",", Kind::space, " "},
    {";", Kind::space, " "},
    {":", Kind::space, " "},
    {" ", Kind::space, " "},
    {"!", Kind::space, ""},
    {"quad", Kind::space, "   "},
    {"qquad", Kind::space, "      "},
};

constexpr std::pair<std::string_view, std::string_view> board_letters[] = {
    {"R", "ℝ"}, {"E", "𝔼"}, {"P", "ℙ"}, {"N", "ℕ"}, {"Z", "ℤ"}, {"C", "ℂ"}, {"Q", "ℚ"}};
constexpr std::pair<std::string_view, std::string_view> script_letters[] = {
    {"L", "ℒ"}, {"N", "𝒩"}, {"F", "ℱ"}, {"H", "ℋ"}, {"D", "𝒟"}, {"O", "𝒪"}, {"U", "𝒰"}};

// Small letters above and below the line.
constexpr std::pair<std::string_view, std::string_view> above_forms[] = {
    {"0", "⁰"}, {"1", "¹"}, {"2", "²"}, {"3", "³"},  {"4", "⁴"}, {"5", "⁵"}, {"6", "⁶"}, {"7", "⁷"},
    {"8", "⁸"}, {"9", "⁹"}, {"+", "⁺"}, {"-", "⁻"},  {"=", "⁼"}, {"(", "⁽"}, {")", "⁾"}, {"a", "ᵃ"},
    {"b", "ᵇ"}, {"c", "ᶜ"}, {"d", "ᵈ"}, {"e", "ᵉ"},  {"f", "ᶠ"}, {"g", "ᵍ"}, {"h", "ʰ"}, {"i", "ⁱ"},
    {"j", "ʲ"}, {"k", "ᵏ"}, {"l", "ˡ"}, {"m", "ᵐ"},  {"n", "ⁿ"}, {"o", "ᵒ"}, {"p", "ᵖ"}, {"r", "ʳ"},
    {"s", "ˢ"}, {"t", "ᵗ"}, {"u", "ᵘ"}, {"v", "ᵛ"},  {"w", "ʷ"}, {"x", "ˣ"}, {"y", "ʸ"}, {"z", "ᶻ"},
    {"T", "ᵀ"}, {"L", "ᴸ"}, {"′", "′"}, {"′′", "″"}, {"*", "*"}, {"⊤", "ᵀ"}};
constexpr std::pair<std::string_view, std::string_view> below_forms[] = {
    {"0", "₀"}, {"1", "₁"}, {"2", "₂"}, {"3", "₃"}, {"4", "₄"}, {"5", "₅"}, {"6", "₆"}, {"7", "₇"},
    {"8", "₈"}, {"9", "₉"}, {"+", "₊"}, {"-", "₋"}, {"=", "₌"}, {"(", "₍"}, {")", "₎"}, {"a", "ₐ"},
    {"e", "ₑ"}, {"h", "ₕ"}, {"i", "ᵢ"}, {"j", "ⱼ"}, {"k", "ₖ"}, {"l", "ₗ"}, {"m", "ₘ"}, {"n", "ₙ"},
    {"o", "ₒ"}, {"p", "ₚ"}, {"r", "ᵣ"}, {"s", "ₛ"}, {"t", "ₜ"}, {"u", "ᵤ"}, {"v", "ᵥ"}, {"x", "ₓ"},
    {"β", "ᵦ"}, {"γ", "ᵧ"}, {"ρ", "ᵨ"}, {"φ", "ᵩ"}, {"χ", "ᵪ"}};

size_t character_length(std::string_view s) {
  const unsigned char c = static_cast<unsigned char>(s[0]);
  return std::min<size_t>(c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4, s.size());
}

class Reader {
 public:
  Reader(std::string_view s, std::vector<std::string>* unknown) : s_(s), unknown_(unknown) {}

  // Until a closing brace, \right, &, \\ or \end, which stay.
  Math row(int depth) {
    Math out;
    while (at_ < s_.size()) {
      const char c = s_[at_];
      if (c == '}' || c == '&' || ahead("\\\\") || ahead("\\end") || ahead("\\right")) {
        if (depth > 0) break;
        ++at_;  // stray
        continue;
      }
      if (std::isspace(static_cast<unsigned char>(c)) != 0) {
        ++at_;
        continue;
      }
      if (c == '^' || c == '_' || c == '\'') {
        attach_script(out, depth);
        continue;
      }
      if (attach_small_letter(out)) continue;
      out.children.push_back(atom(depth));
    }
    pair_bars(out);
    return out;
  }

 private:
  // \right, but not \rightarrow.
  bool ahead(std::string_view word) const {
    if (!s_.substr(at_).starts_with(word)) return false;
    const size_t end = at_ + word.size();
    return word == "\\\\" || end >= s_.size() ||
           std::isalpha(static_cast<unsigned char>(s_[end])) == 0;
  }

  void note(std::string_view what) {
    if (unknown_) unknown_->emplace_back(what);
  }

  // x² and xᵢ, as pasted text has them.
  bool attach_small_letter(Math& row) {
    const std::string_view text = s_.substr(at_, character_length(s_.substr(at_)));
    if (text.size() < 2 || row.children.empty()) return false;
    const auto plain = [&](const auto& forms) {
      for (const auto& [letter, small_letter] : forms)
        if (small_letter == text && letter[0] != '\'' && letter != "′" && letter != "′′")
          return letter;
      return std::string_view();
    };
    const std::string_view above = plain(above_forms),
                           below = above.empty() ? plain(below_forms) : above;
    if (below.empty()) return false;
    at_ += text.size();
    const bool digit = std::isdigit(static_cast<unsigned char>(below[0])) != 0;
    add_script(row, {digit ? Kind::number : Kind::symbol, std::string(below)}, above.empty());
    return true;
  }

  void attach_script(Math& row, int depth) {
    const char c = s_[at_++];
    Math script;
    if (c == '\'') {
      script = {Kind::symbol, "′"};
      while (at_ < s_.size() && s_[at_] == '\'') {
        script.text += "′";
        ++at_;
      }
    } else {
      script = argument(depth);
    }
    add_script(row, std::move(script), c == '_');
  }

  // Below or above what the row ends with.
  static void add_script(Math& row, Math script, bool below) {
    if (row.children.empty() || row.children.back().kind != Kind::script) {
      Math base;
      if (!row.children.empty()) {
        base = std::move(row.children.back());
        row.children.pop_back();
      }
      row.children.push_back({Kind::script, "", "", {std::move(base), Math{}, Math{}}});
    }
    Math& to = row.children.back().children[below ? 1 : 2];
    to.children.push_back(std::move(script));
  }

  // {...}, or one atom.
  Math argument(int depth) {
    while (at_ < s_.size() && std::isspace(static_cast<unsigned char>(s_[at_])) != 0) ++at_;
    if (at_ >= s_.size()) return {};
    if (s_[at_] != '{') {
      if (s_[at_] == '}' || s_[at_] == '&') return {};
      // x^12 is x^1 2, as in LaTeX.
      if (std::isdigit(static_cast<unsigned char>(s_[at_])) != 0)
        return {Kind::number, std::string(1, s_[at_++])};
      if (depth >= deepest) {
        note("nested too deep");
        at_ += character_length(s_.substr(at_));
        return {};
      }
      return atom(depth + 1);
    }
    return braced(depth);
  }

  Math braced(int depth) {
    ++at_;
    if (depth >= deepest) {
      note("nested too deep");
      at_ = s_.size();
      return {};
    }
    Math out = row(depth + 1);
    // What ended the row and is no brace does not belong here.
    while (at_ < s_.size() && s_[at_] != '}') ++at_;
    if (at_ < s_.size()) ++at_;
    return out;
  }

  std::string raw_argument() {
    while (at_ < s_.size() && s_[at_] == ' ') ++at_;
    if (at_ >= s_.size()) return "";
    if (s_[at_] != '{') return std::string(1, s_[at_++]);
    const size_t begin = ++at_;
    const size_t end = std::min(s_.find('}', begin), s_.size());
    at_ = std::min(end + 1, s_.size());
    return std::string(s_.substr(begin, end - begin));
  }

  Math atom(int depth) {
    const char c = s_[at_];
    if (c == '{') return braced(depth);
    if (c == '\\') return command(depth);
    const auto digit = [&](size_t i) {
      return i < s_.size() && std::isdigit(static_cast<unsigned char>(s_[i])) != 0;
    };
    if (digit(at_)) {
      const size_t begin = at_;
      while (digit(at_) || (s_.substr(at_).starts_with('.') && digit(at_ + 1))) ++at_;
      return {Kind::number, std::string(s_.substr(begin, at_ - begin))};
    }
    const size_t length = character_length(s_.substr(at_));
    const std::string text(s_.substr(at_, length));
    at_ += length;
    switch (c) {
      case '+':
      case '-':
      case '*':
        return {Kind::binary, text};
      case '/':
        return {Kind::tight, text};
      case '=':
      case '<':
      case '>':
      case ':':
        return {Kind::relation, text};
      case ',':
      case ';':
        return {Kind::comma, text};
      case '(':
      case '[':
        return {Kind::open, text};
      case ')':
      case ']':
      case '!':
        return {Kind::close, text};
      case '~':
        return {Kind::space, " "};
      default:
        break;
    }
    for (const Command& known : commands)
      if (known.text == text && length > 1) return {known.kind, text};
    return {Kind::symbol, text};
  }

  std::string delimiter() {
    while (at_ < s_.size() && s_[at_] == ' ') ++at_;
    if (at_ >= s_.size()) return "";
    if (s_[at_] == '\\') {
      const Math m = command(deepest);
      return m.text;
    }
    const std::string text(s_.substr(at_, character_length(s_.substr(at_))));
    at_ += text.size();
    return text == "." ? "" : text;
  }

  Math command(int depth) {
    const size_t begin = ++at_;
    while (at_ < s_.size() && std::isalpha(static_cast<unsigned char>(s_[at_])) != 0) ++at_;
    if (at_ == begin && at_ < s_.size()) at_ += character_length(s_.substr(at_));
    const std::string_view name = s_.substr(begin, at_ - begin);
    for (const Command& known : commands)
      if (known.name == name) return {known.kind, std::string(known.text)};
    if (name == "frac" || name == "dfrac" || name == "tfrac") {
      Math above = argument(depth);
      Math below = argument(depth);
      return {Kind::fraction, "", "", {std::move(above), std::move(below)}};
    }
    if (name == "sqrt") {
      Math index;
      if (at_ < s_.size() && s_[at_] == '[') {
        const size_t end = std::min(s_.find(']', at_), s_.size());
        index = {Kind::number, std::string(s_.substr(at_ + 1, end - at_ - 1))};
        at_ = std::min(end + 1, s_.size());
      }
      Math body = argument(depth);
      return {Kind::root, "", "", {std::move(body), std::move(index)}};
    }
    for (const std::string_view accent : {"hat", "bar", "dot", "vec", "tilde"})
      if (name == accent || (name == "overline" && accent == "bar") ||
          (name == "widehat" && accent == "hat"))
        return {Kind::accent, std::string(accent), "", {argument(depth)}};
    if (name == "mathbf" || name == "boldsymbol" || name == "bm")
      return {Kind::bold, "", "", {argument(depth)}};
    if (name == "mathrm" || name == "operatorname") return {Kind::function, raw_argument()};
    if (name == "text" || name == "textrm") return {Kind::words, raw_argument()};
    if (name == "mathit" || name == "displaystyle" || name == "textstyle" || name == "limits")
      return name == "mathit" ? argument(depth) : Math{Kind::space};
    if (name == "mathbb" || name == "mathcal") {
      const std::string letter = raw_argument();
      if (name == "mathbb") {
        for (const auto& [plain, special] : board_letters)
          if (plain == letter) return {Kind::symbol, std::string(special)};
      } else {
        for (const auto& [plain, special] : script_letters)
          if (plain == letter) return {Kind::symbol, std::string(special)};
      }
      return {Kind::symbol, letter};
    }
    if (name == "left") {
      const std::string open = delimiter();
      if (depth >= deepest) return {};
      Math body = row(depth + 1);
      std::string close;
      if (ahead("\\right")) {
        at_ += 6;
        close = delimiter();
      }
      return {Kind::fenced, open, close, {std::move(body)}};
    }
    if (name == "begin") return environment(depth);
    note("\\" + std::string(name));
    return {Kind::words, "\\" + std::string(name)};
  }

  Math environment(int depth) {
    const std::string name = raw_argument();
    Math out{Kind::matrix};
    if (name == "bmatrix") out.text = "[", out.mark = "]";
    if (name == "pmatrix") out.text = "(", out.mark = ")";
    if (name == "vmatrix") out.text = "|", out.mark = "|";
    if (name == "cases") out.text = "{";
    if (out.text.empty() && name != "matrix" && name != "aligned") note("\\begin{" + name + "}");
    if (depth >= deepest) return out;
    out.children.emplace_back();
    while (at_ < s_.size() && !ahead("\\end")) {
      const size_t before = at_;
      out.children.back().children.push_back(row(depth + 1));
      if (at_ < s_.size() && s_[at_] == '&') {
        ++at_;
      } else if (ahead("\\\\")) {
        at_ += 2;
        out.children.emplace_back();
      } else if (at_ < s_.size() && (at_ == before || s_[at_] == '}' || ahead("\\right"))) {
        ++at_;
      }
    }
    if (ahead("\\end")) {
      at_ += 4;
      raw_argument();
    }
    // A row that ends in \\ leaves an empty one.
    const auto empty = [](const Math& r) {
      return std::all_of(r.children.begin(), r.children.end(),
                         [](const Math& c) { return c.children.empty(); });
    };
    while (out.children.size() > 1 && empty(out.children.back())) out.children.pop_back();
    return out;
  }

  // |x| opens and closes; a single bar is the one of P(A | B).
  static void pair_bars(Math& row) {
    const auto is_bar = [](const Math& m) {
      const Math& mark = m.kind == Kind::script ? m.children[0] : m;
      return mark.kind == Kind::symbol && (mark.text == "|" || mark.text == "‖");
    };
    const int64_t bars = std::count_if(row.children.begin(), row.children.end(), is_bar);
    bool open = true;
    for (Math& m : row.children) {
      if (!is_bar(m)) continue;
      Math& mark = m.kind == Kind::script ? m.children[0] : m;
      mark.kind = bars % 2 == 1 ? Kind::relation : open ? Kind::open : Kind::close;
      open = !open;
    }
  }

  std::string_view s_;
  size_t at_ = 0;
  std::vector<std::string>* unknown_;
};

// ---- Unicode ----

// All of s in small letters, or nothing.
template <size_t N>
std::optional<std::string> small(std::string_view s,
                                 const std::pair<std::string_view, std::string_view> (&forms)[N]) {
  std::string out;
  while (!s.empty()) {
    size_t length = character_length(s);
    if (s.starts_with("′′")) length *= 2;
    const std::string_view c = s.substr(0, length);
    const auto* it = std::find_if(std::begin(forms), std::end(forms),
                                  [&](const auto& f) { return f.first == c; });
    if (it == std::end(forms)) return std::nullopt;
    out += it->second;
    s.remove_prefix(length);
  }
  return out;
}

constexpr std::string_view hard_blank = "\u00A0";

size_t width_of(const Lines& l) {
  return l.rows.empty() ? 0 : text::width(l.rows[0]);
}

Lines one(std::string s) {
  return {{std::move(s)}, 0};
}

std::string blanks(size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) out += hard_blank;
  return out;
}

std::string repeated(std::string_view s, size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) out += s;
  return out;
}

std::string centred(const std::string& s, size_t width) {
  const size_t w = text::width(s), room = width > w ? width - w : 0;
  return blanks(room / 2) + s + blanks(room - room / 2);
}

Lines beside(const Lines& a, const Lines& b) {
  if (a.rows.empty()) return b;
  if (b.rows.empty()) return a;
  const size_t base = std::max(a.base, b.base);
  const size_t below = std::max(a.rows.size() - a.base, b.rows.size() - b.base);
  const size_t wa = width_of(a), wb = width_of(b);
  Lines out{{}, base};
  for (size_t i = 0; i < base + below; ++i) {
    const auto part = [&](const Lines& l, size_t w) {
      const size_t shift = base - l.base;
      return i >= shift && i - shift < l.rows.size() ? l.rows[i - shift] : blanks(w);
    };
    out.rows.push_back(part(a, wa) + part(b, wb));
  }
  return out;
}

Lines stacked(const Lines& above, const std::string& bar, const Lines& below) {
  const size_t w = std::max({width_of(above), width_of(below), text::width(bar)});
  Lines out;
  for (const std::string& r : above.rows) out.rows.push_back(centred(r, w));
  out.base = out.rows.size();
  out.rows.push_back(centred(bar, w));
  for (const std::string& r : below.rows) out.rows.push_back(centred(r, w));
  return out;
}

// One side of a pair of marks, as tall as the body.
Lines fence(std::string_view mark, const Lines& body) {
  const size_t n = body.rows.size();
  if (mark.empty()) return {};
  if (n == 1) return one(std::string(mark));
  struct Tall {
    std::string_view mark, top, middle, bottom, centre;
  };
  static constexpr Tall tall[] = {{"(", "⎛", "⎜", "⎝", "⎜"}, {")", "⎞", "⎟", "⎠", "⎟"},
                                  {"[", "⎡", "⎢", "⎣", "⎢"}, {"]", "⎤", "⎥", "⎦", "⎥"},
                                  {"{", "⎧", "⎪", "⎩", "⎨"}, {"}", "⎫", "⎪", "⎭", "⎬"},
                                  {"|", "│", "│", "│", "│"}, {"‖", "║", "║", "║", "║"}};
  Lines out{{}, body.base};
  for (const Tall& t : tall) {
    if (t.mark != mark) continue;
    for (size_t i = 0; i < n; ++i)
      out.rows.emplace_back(i == 0       ? t.top
                            : i == n - 1 ? t.bottom
                            : i == n / 2 ? t.centre
                                         : t.middle);
    // A brace of two lines has no room for its middle.
    if (n == 2 && (mark == "{" || mark == "}"))
      out.rows = {mark == "{" ? "⎰" : "⎱", mark == "{" ? "⎱" : "⎰"};
    return out;
  }
  for (size_t i = 0; i < n; ++i) out.rows.emplace_back(i == body.base ? std::string(mark) : " ");
  return out;
}

// tight: inside a script, where blanks are left out.
Lines laid(const Math& m, bool display, bool tight);

std::string in_line(const Math& m, bool tight) {
  const Lines l = laid(m, false, tight);
  return l.rows.empty() ? "" : l.rows[0];
}

bool is_empty(const Math& m) {
  return m.kind == Kind::row && m.children.empty();
}

// Whether "a/m" needs no brackets around m; `below`: m stands below the bar.
bool is_whole(const Math& m, bool below) {
  if (m.kind == Kind::row && m.children.size() == 1) return is_whole(m.children[0], below);
  if (m.kind != Kind::row) return m.kind != Kind::fraction;
  // ∂w, dx and 2x: one thing, above and below, though 1/2x would not be.
  const bool differential =
      !m.children.empty() && m.children[0].kind == Kind::symbol &&
      (m.children[0].text == "∂" || m.children[0].text == "d" || m.children[0].text == "Δ");
  const auto joins = [](const Math& c) {
    return c.kind == Kind::binary || c.kind == Kind::relation || c.kind == Kind::big ||
           c.kind == Kind::space || c.kind == Kind::comma;
  };
  const bool product = std::none_of(m.children.begin(), m.children.end(), joins);
  if (!product) return false;
  if (!below || (differential && m.children.size() == 2)) return true;
  // f(x): a name and its argument.
  return m.children.size() > 1 && m.children[1].kind == Kind::open &&
         m.children.back().kind == Kind::close;
}

std::string bracketed(const Math& m, bool below, bool tight) {
  const std::string s = in_line(m, tight);
  return is_whole(m, below) ? s : "(" + s + ")";
}

// What a superscript or subscript looks like when it has no small form.
std::string marked(std::string_view mark, const std::string& s) {
  return std::string(mark) + (text::width(s) > 1 ? "(" + s + ")" : s);
}

Lines laid_script(const Math& m, bool display, bool tight) {
  const Math &base = m.children[0], &below = m.children[1], &above = m.children[2];
  const std::string sub = is_empty(below) ? "" : in_line(below, true);
  const std::string super = is_empty(above) ? "" : in_line(above, true);
  const bool big = base.kind == Kind::big;
  if (big && display) {
    Lines middle = one(base.text);
    return stacked(super.empty() ? Lines{} : one(super), base.text,
                   sub.empty() ? Lines{} : one(sub));
  }
  Lines out = laid(base, display, tight);
  if (base.kind == Kind::fraction && !display) out = one("(" + out.rows[0] + ")");
  const auto small_sub = small(sub, below_forms), small_super = small(super, above_forms);
  if (out.rows.size() <= 1) {
    std::string line = out.rows.empty() ? "" : out.rows[0];
    line += small_sub ? *small_sub : marked("_", sub);
    line += small_super ? *small_super : marked("^", super);
    return one(line);
  }
  const size_t w = std::max(text::width(sub), text::width(super));
  Lines side{std::vector<std::string>(out.rows.size(), blanks(w)), out.base};
  side.rows.front() = super + blanks(w - text::width(super));
  side.rows.back() = sub + blanks(w - text::width(sub));
  return beside(out, side);
}

Lines laid_row(const Math& m, bool display, bool tight) {
  Lines out;
  const Math* before = nullptr;
  bool blank_pending = false;
  const auto plain_kind = [](const Math& c) {
    return c.kind == Kind::script ? c.children[0].kind : c.kind;
  };
  for (const Math& c : m.children) {
    const Kind kind = plain_kind(c);
    const bool has_left = before != nullptr && plain_kind(*before) != Kind::binary &&
                          plain_kind(*before) != Kind::relation &&
                          plain_kind(*before) != Kind::open && plain_kind(*before) != Kind::comma &&
                          plain_kind(*before) != Kind::tight;
    const bool spaced = !tight && (kind == Kind::relation || (kind == Kind::binary && has_left));
    const bool wordy = kind == Kind::function || kind == Kind::big;
    const bool gap =
        !tight && before != nullptr &&
        ((wordy && has_left) ||
         ((plain_kind(*before) == Kind::function || plain_kind(*before) == Kind::big) &&
          kind != Kind::open && kind != Kind::close && kind != Kind::fenced &&
          kind != Kind::comma && !spaced && kind != Kind::space));
    // Between two numbers a blank keeps them apart.
    const bool digits =
        before != nullptr && kind == Kind::number && plain_kind(*before) == Kind::number;
    if ((spaced || blank_pending) && !out.rows.empty())
      out =
          beside(out, one(kind == Kind::relation || blank_pending ? " " : std::string(hard_blank)));
    else if (gap || digits)
      out = beside(out, one(std::string(hard_blank)));
    blank_pending = false;
    out = beside(out, laid(c, display, tight));
    if (spaced)
      out = beside(out, one(kind == Kind::relation && !display ? std::string(hard_blank)
                                                               : std::string(hard_blank)));
    if (kind == Kind::comma && !tight) blank_pending = true;
    if (kind != Kind::space || before != nullptr) before = &c;
  }
  return out;
}

std::string with_accent(std::string s, std::string_view accent) {
  const std::string_view mark = accent == "hat"   ? "\u0302"
                                : accent == "bar" ? "\u0304"
                                : accent == "dot" ? "\u0307"
                                : accent == "vec" ? "\u20D7"
                                                  : "\u0303";
  if (s.empty()) return s;
  if (text::width(s) > 1) return std::string(accent) + "(" + s + ")";
  return s + std::string(mark);
}

Lines laid_matrix(const Math& m, bool display) {
  if (!display) {
    std::string out = m.text.empty() ? "" : m.text;
    for (size_t r = 0; r < m.children.size(); ++r) {
      if (r > 0) out += "; ";
      for (size_t c = 0; c < m.children[r].children.size(); ++c)
        out += (c > 0 ? std::string(m.text == "{" ? ", " : " ") : "") +
               in_line(m.children[r].children[c], false);
    }
    return one(out + m.mark);
  }
  std::vector<size_t> widths;
  std::vector<std::vector<Lines>> cells;
  for (const Math& r : m.children) {
    cells.emplace_back();
    for (const Math& c : r.children) {
      cells.back().push_back(laid(c, true, false));
      if (cells.back().back().rows.empty()) cells.back().back() = one("");
      const size_t i = cells.back().size() - 1;
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], width_of(cells.back().back()));
    }
  }
  const bool cases = m.text == "{" || m.text.empty();
  Lines body;
  for (const auto& row : cells) {
    Lines line;
    for (size_t c = 0; c < widths.size(); ++c) {
      Lines cell = c < row.size() ? row[c] : one("");
      for (std::string& r : cell.rows)
        r = cases ? r + blanks(widths[c] - text::width(r)) : centred(r, widths[c]);
      line = beside(line, c == 0 ? cell : beside(one(blanks(cases ? 3 : 2)), cell));
    }
    body.rows.insert(body.rows.end(), line.rows.begin(), line.rows.end());
  }
  body.base = (body.rows.size() - 1) / 2;
  if (m.text.empty()) return body;
  const Lines pad = one(std::string(hard_blank));
  Lines out = beside(beside(fence(m.text, body), pad), body);
  if (!m.mark.empty()) out = beside(beside(out, pad), fence(m.mark, body));
  return out;
}

Lines laid(const Math& m, bool display, bool tight) {
  switch (m.kind) {
    case Kind::row:
      return laid_row(m, display, tight);
    case Kind::space:
      return m.text.empty() || tight ? Lines{} : one(blanks(m.text.size()));
    case Kind::fraction:
      if (display) {
        const Lines above = laid(m.children[0], false, false),
                    below = laid(m.children[1], false, false);
        const size_t w = std::max({width_of(above), width_of(below), size_t{1}});
        return stacked(above, repeated("─", w), below);
      }
      return one(bracketed(m.children[0], false, tight) + "/" +
                 bracketed(m.children[1], true, tight));
    case Kind::root: {
      const std::string index = is_empty(m.children[1]) ? "" : in_line(m.children[1], true);
      const std::string s = in_line(m.children[0], tight);
      const std::string sign = index == "3"    ? "∛"
                               : index.empty() ? "√"
                                               : small(index, above_forms).value_or(index) + "√";
      return one(sign + (text::width(s) > 1 ? "(" + s + ")" : s));
    }
    case Kind::script:
      return laid_script(m, display, tight);
    case Kind::accent:
      return one(with_accent(in_line(m.children[0], tight), m.text));
    case Kind::bold:
      return laid(m.children[0], display, tight);
    case Kind::fenced: {
      const Lines body = laid(m.children[0], display, tight);
      return beside(beside(fence(m.text, body), body), fence(m.mark, body));
    }
    case Kind::matrix:
      return laid_matrix(m, display);
    case Kind::words: {
      std::string s;
      for (const char c : m.text) s += c == ' ' ? std::string(hard_blank) : std::string(1, c);
      return one(s);
    }
    default:
      return one(m.text);
  }
}

void collect(const Math& m, std::vector<std::string>& out) {
  const auto add = [&](const std::string& s) {
    if (std::find(out.begin(), out.end(), s) == out.end()) out.push_back(s);
  };
  if (m.kind == Kind::symbol) {
    const unsigned char c = static_cast<unsigned char>(m.text.empty() ? ' ' : m.text[0]);
    if (std::isalpha(c) != 0 || (c >= 0x80 && m.text != "…" && m.text != "⋯" && m.text != "⋮" &&
                                 m.text != "⋱" && m.text != "′" && m.text != "′′"))
      add(m.text);
  }
  if (m.kind == Kind::big) add(m.text);
  for (const Math& c : m.children) collect(c, out);
}

}  // namespace

Math parse_math(std::string_view latex, std::vector<std::string>* unknown) {
  return Reader(latex, unknown).row(0);
}

std::string math_line(const Math& math) {
  return in_line(math, false);
}

Lines math_lines(const Math& math) {
  return laid(math, true, false);
}

std::vector<std::string> symbols_of(const Math& math) {
  std::vector<std::string> out;
  collect(math, out);
  return out;
}

}  // namespace gradus::lessons
