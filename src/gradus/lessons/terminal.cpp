#include <gradus/base/text.h>
#include <gradus/lessons/highlight.h>
#include <gradus/lessons/math.h>
#include <gradus/lessons/plot_text.h>
#include <gradus/lessons/terminal.h>
#include <gradus/lessons/words_private.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace gradus::lessons {
namespace {

using Kind = Node::Kind;

// Escape codes of select graphic rendition; empty is plain.
using Style = std::string_view;
constexpr Style plain = "", bold = "1", dim = "2", italic = "3", code_style = "36",
                heading_style = "1;34", link_style = "4", key_style = "35", type_style = "36",
                number_style = "33", string_style = "32", comment_style = "2;3",
                good_style = "1;32", bad_style = "1;31";
constexpr Style line_styles[] = {"34", "33", "32", "35", "36", "31"};

constexpr std::string_view hard_blank = "\u00A0";

// Text of one style. A blank is where a line may break; U+00A0 is not.
struct Run {
  std::string text;
  Style style;
};
using Runs = std::vector<Run>;

// What ASCII writes for a character, longest first where one begins another.
constexpr std::pair<std::string_view, std::string_view> ascii_forms[] = {
    {"\u00A0", " "}, {"─", "-"},        {"━", "="},       {"│", "|"},         {"┼", "+"},
    {"┤", "+"},      {"├", "+"},        {"┴", "+"},       {"┬", "+"},         {"└", "+"},
    {"┌", "+"},      {"┐", "+"},        {"┘", "+"},       {"║", "|"},         {"╭", "+"},
    {"╮", "+"},      {"╰", "+"},        {"╯", "+"},       {"▎", "|"},         {"⎛", "/"},
    {"⎜", "|"},      {"⎝", "\\"},       {"⎞", "\\"},      {"⎟", "|"},         {"⎠", "/"},
    {"⎡", "["},      {"⎢", "["},        {"⎣", "["},       {"⎤", "]"},         {"⎥", "]"},
    {"⎦", "]"},      {"⎧", "/"},        {"⎪", "|"},       {"⎨", "<"},         {"⎩", "\\"},
    {"⎫", "\\"},     {"⎬", ">"},        {"⎭", "/"},       {"⎰", "/"},         {"⎱", "\\"},
    {"α", "alpha"},  {"β", "beta"},     {"γ", "gamma"},   {"δ", "delta"},     {"ε", "eps"},
    {"ζ", "zeta"},   {"η", "eta"},      {"θ", "theta"},   {"ι", "iota"},      {"κ", "kappa"},
    {"λ", "lambda"}, {"μ", "mu"},       {"ν", "nu"},      {"ξ", "xi"},        {"π", "pi"},
    {"ρ", "rho"},    {"σ", "sigma"},    {"τ", "tau"},     {"φ", "phi"},       {"χ", "chi"},
    {"ψ", "psi"},    {"ω", "omega"},    {"Γ", "Gamma"},   {"Δ", "Delta"},     {"Θ", "Theta"},
    {"Λ", "Lambda"}, {"Ξ", "Xi"},       {"Π", "prod"},    {"Σ", "sum"},       {"Φ", "Phi"},
    {"Ψ", "Psi"},    {"Ω", "Omega"},    {"ℓ", "l"},       {"∂", "d"},         {"∇", "grad "},
    {"∞", "inf"},    {"∫", "int"},      {"√", "sqrt"},    {"∛", "cbrt"},      {"·", "*"},
    {"×", "x"},      {"÷", "/"},        {"±", "+-"},      {"∓", "-+"},        {"∘", "o"},
    {"⊙", "(*)"},    {"⊕", "(+)"},      {"⊗", "(x)"},     {"≤", "<="},        {"≥", ">="},
    {"≠", "!="},     {"≈", "~="},       {"≡", "=="},      {"∝", "~"},         {"≪", "<<"},
    {"≫", ">>"},     {"→", "->"},       {"←", "<-"},      {"↦", "|->"},       {"⇒", "=>"},
    {"⇔", "<=>"},    {"∈", "in"},       {"∉", "not in"},  {"⊂", "subset"},    {"⊆", "subset="},
    {"∪", "u"},      {"∩", "n"},        {"⟨", "<"},       {"⟩", ">"},         {"‖", "||"},
    {"∥", "||"},     {"⊥", "_|_"},      {"⌊", "floor("},  {"⌋", ")"},         {"⌈", "ceil("},
    {"⌉", ")"},      {"∀", "for all "}, {"∃", "exists "}, {"¬", "not "},      {"∧", "and"},
    {"∨", "or"},     {"∅", "{}"},       {"ℝ", "R"},       {"ℕ", "N"},         {"ℤ", "Z"},
    {"ℂ", "C"},      {"ℚ", "Q"},        {"𝔼", "E"},       {"ℙ", "P"},         {"ℒ", "L"},
    {"𝒩", "N"},      {"𝒟", "D"},        {"ℱ", "F"},       {"ℋ", "H"},         {"𝒪", "O"},
    {"𝒰", "U"},      {"⁰", "^0"},       {"¹", "^1"},      {"²", "^2"},        {"³", "^3"},
    {"⁴", "^4"},     {"⁵", "^5"},       {"⁶", "^6"},      {"⁷", "^7"},        {"⁸", "^8"},
    {"⁹", "^9"},     {"⁺", "^+"},       {"⁻", "^-"},      {"⁼", "^="},        {"⁽", "^("},
    {"⁾", "^)"},     {"ᵃ", "^a"},       {"ᵇ", "^b"},      {"ᶜ", "^c"},        {"ᵈ", "^d"},
    {"ᵉ", "^e"},     {"ᶠ", "^f"},       {"ᵍ", "^g"},      {"ʰ", "^h"},        {"ⁱ", "^i"},
    {"ʲ", "^j"},     {"ᵏ", "^k"},       {"ˡ", "^l"},      {"ᵐ", "^m"},        {"ⁿ", "^n"},
    {"ᵒ", "^o"},     {"ᵖ", "^p"},       {"ʳ", "^r"},      {"ˢ", "^s"},        {"ᵗ", "^t"},
    {"ᵘ", "^u"},     {"ᵛ", "^v"},       {"ʷ", "^w"},      {"ˣ", "^x"},        {"ʸ", "^y"},
    {"ᶻ", "^z"},     {"ᵀ", "^T"},       {"ᴸ", "^L"},      {"₀", "_0"},        {"₁", "_1"},
    {"₂", "_2"},     {"₃", "_3"},       {"₄", "_4"},      {"₅", "_5"},        {"₆", "_6"},
    {"₇", "_7"},     {"₈", "_8"},       {"₉", "_9"},      {"₊", "_+"},        {"₋", "_-"},
    {"₌", "_="},     {"₍", "_("},       {"₎", "_)"},      {"ₐ", "_a"},        {"ₑ", "_e"},
    {"ₕ", "_h"},     {"ᵢ", "_i"},       {"ⱼ", "_j"},      {"ₖ", "_k"},        {"ₗ", "_l"},
    {"ₘ", "_m"},     {"ₙ", "_n"},       {"ₒ", "_o"},      {"ₚ", "_p"},        {"ᵣ", "_r"},
    {"ₛ", "_s"},     {"ₜ", "_t"},       {"ᵤ", "_u"},      {"ᵥ", "_v"},        {"ₓ", "_x"},
    {"ᵦ", "_beta"},  {"ᵧ", "_gamma"},   {"ᵨ", "_rho"},    {"ᵩ", "_phi"},      {"ᵪ", "_chi"},
    {"′", "'"},      {"″", "''"},       {"\u0302", "^"},  {"\u0304", "-bar"}, {"\u0307", "-dot"},
    {"\u20D7", ""},  {"\u0303", "~"},   {"…", "..."},     {"⋯", "..."},       {"⋮", ":"},
    {"⋱", "\\"},     {"–", "-"},        {"—", "-"},       {"“", "\""},        {"”", "\""},
    {"‘", "'"},      {"’", "'"},        {"•", "*"},       {"▸", ">"},         {"▶", ">"},
    {"◀", "<"},      {"✓", "ok"},       {"✗", "x"},       {"●", "*"},         {"○", "o"},
    {"−", "-"},      {"°", " deg"},     {"é", "e"},       {"ö", "o"},         {"ü", "u"},
    {"ä", "a"}};

std::string to_ascii(std::string_view s) {
  std::string out;
  char script = 0;  // ^ or _ while small letters follow each other: x^12, not x^1^2
  while (!s.empty()) {
    const unsigned char c = static_cast<unsigned char>(s[0]);
    if (c < 0x80) {
      out += s[0];
      script = 0;
      s.remove_prefix(1);
      continue;
    }
    const auto* form = std::find_if(std::begin(ascii_forms), std::end(ascii_forms),
                                    [&](const auto& f) { return s.starts_with(f.first); });
    if (form == std::end(ascii_forms)) {
      out += '?';
      script = 0;
      s.remove_prefix(std::min<size_t>(c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4, s.size()));
      continue;
    }
    std::string_view ascii = form->second;
    const char mark = ascii.size() > 1 && (ascii[0] == '^' || ascii[0] == '_') ? ascii[0] : '\0';
    if (mark != 0 && mark == script) ascii.remove_prefix(1);
    script = mark;
    out += ascii;
    s.remove_prefix(form->first.size());
  }
  return out;
}

std::string joined(const Runs& runs) {
  std::string out;
  for (const Run& r : runs) out += r.text;
  return out;
}

size_t width_of(const Runs& runs) {
  size_t w = 0;
  for (const Run& r : runs) w += text::width(r.text);
  return w;
}

std::string replaced(std::string s, std::string_view from, std::string_view to) {
  for (size_t at = s.find(from); at != std::string::npos; at = s.find(from, at + to.size()))
    s.replace(at, from.size(), to);
  return s;
}

// The words of the runs; a word may change its style inside.
std::vector<Runs> words(const Runs& runs) {
  std::vector<Runs> out;
  bool open = false;
  for (const Run& r : runs) {
    std::string_view rest = r.text;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(' '), rest.size());
      if (end > 0) {
        if (!open) out.emplace_back();
        out.back().push_back({std::string(rest.substr(0, end)), r.style});
        open = true;
      }
      if (end < rest.size()) open = false;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return out;
}

// Greedy: as many words a line as fit. A word that is wider than a line breaks at its hard blanks.
std::vector<Runs> wrapped(const Runs& runs, size_t width) {
  std::vector<Runs> out(1);
  size_t used = 0;
  const auto place = [&](const Runs& word) {
    const size_t w = width_of(word);
    if (used > 0 && used + 1 + w > width) {
      out.emplace_back();
      used = 0;
    }
    if (used > 0) {
      // The blank between two words of one style has that style: a link stays underlined.
      const Style before = out.back().back().style;
      out.back().push_back({" ", before == word[0].style ? before : plain});
      ++used;
    }
    out.back().insert(out.back().end(), word.begin(), word.end());
    used += w;
  };
  for (const Runs& word : words(runs)) {
    if (width_of(word) <= width) {
      place(word);
      continue;
    }
    Runs softer = word;
    for (Run& r : softer) r.text = replaced(r.text, hard_blank, " ");
    for (const Runs& part : words(softer)) place(part);
  }
  return out;
}

// Breaks after a blank and keeps every other blank: code.
std::vector<Runs> wrapped_code(const Runs& runs, size_t width) {
  std::vector<Runs> parts(1);  // each ends with a blank, but for the last
  for (const Run& r : runs) {
    std::string_view rest = r.text;
    while (!rest.empty()) {
      const size_t n = std::min(rest.find(' '), rest.size() - 1) + 1;
      parts.back().push_back({std::string(rest.substr(0, n)), r.style});
      if (rest[n - 1] == ' ') parts.emplace_back();
      rest.remove_prefix(n);
    }
  }
  std::vector<Runs> out(1);
  size_t used = 0;
  for (const Runs& part : parts) {
    if (part.empty()) continue;
    const size_t w = width_of(part), visible = w - part.back().text.ends_with(' ');
    if (used > 0 && used + visible > width) {
      out.emplace_back();
      used = 0;
    }
    out.back().insert(out.back().end(), part.begin(), part.end());
    used += w;
  }
  return out;
}

bool is_number(std::string_view s) {
  s = trimmed(s);
  if (s.empty()) return true;
  if (s == "-" || s == "–") return true;
  if (s.ends_with('%')) s = trimmed(s.substr(0, s.size() - 1));
  return text::parse_double(replaced(std::string(s), " ", "")).has_value();
}

class Printer {
 public:
  Printer(const Look& look, const Page& page, const Guide* guide, const Lesson* lesson, int indent)
      : look_(look), page_(page), guide_(guide), lesson_(lesson) {
    indent_ = static_cast<size_t>(indent);
    width_ = static_cast<size_t>(std::clamp(look.columns, 40, 88));
  }

  std::string out;

  void blank() {
    if (!out.empty() && !out.ends_with("\n\n")) out += "\n";
  }

  void line(const Runs& runs, size_t indent) {
    std::string s(indent, ' ');
    for (const Run& r : runs) s += painted(r.text, r.style);
    if (!look_.color) s.erase(s.find_last_not_of(' ') + 1);
    out += s + "\n";
  }

  void paragraph(const Runs& runs, size_t indent, const Runs& first = {}) {
    const size_t lead = width_of(first);
    bool begun = false;
    for (Runs& l : wrapped(runs, width_ - std::min(width_ - 8, indent + lead))) {
      if (!begun && lead > 0) {
        l.insert(l.begin(), first.begin(), first.end());
        line(l, indent);
      } else {
        line(l, indent + lead);
      }
      begun = true;
    }
  }

  void rule(std::string_view mark, size_t columns, Style style) {
    std::string s;
    for (size_t i = 0; i < columns; ++i) s += mark;
    line({{s, style}}, indent_);
  }

  void section_heading(const std::string& heading) {
    blank();
    out += "\n";
    line({{heading, heading_style}}, indent_);
    rule("─", text::width(heading), dim);
    out += "\n";
  }

  void render(const Node& node) { block(node, indent_); }

  void table(const Table& rows) {
    std::vector<std::vector<Runs>> cells;
    for (const auto& row : rows) {
      cells.emplace_back();
      for (const std::string& cell : row) {
        // A cell may hold a formula, as text does.
        const Node n = parse_markdown(cell, page_);
        cells.back().push_back(n.children.empty() ? Runs{} : runs_of(n.children[0]));
      }
    }
    table_of(cells, indent_ + 2);
  }

  void picture(const std::variant<Plot, Drawing>& picture) {
    if (const Drawing* drawing = std::get_if<Drawing>(&picture)) {
      for (const std::string_view l : lines_of(drawing->terminal))
        line({{fitting(std::string(l)), plain}}, indent_ + 2);
      return;
    }
    const Plot& plot = std::get<Plot>(picture);
    if (!plot.title.empty()) paragraph({{fitting(plot.title), bold}}, indent_ + 2);
    const int columns = static_cast<int>(std::min<size_t>(width_ - indent_ - 2, 76));
    for (const auto& row : plot_cells(plot, columns, look_.ascii)) {
      Runs runs;
      for (const PlotCell& c : row) {
        const bool faint = c.line >= 0 && plot.lines[static_cast<size_t>(c.line)].faint;
        const Style style = c.line < 0 ? (c.text == " " ? plain : dim)
                            : faint
                                ? dim
                                : line_styles[static_cast<size_t>(c.line) % std::size(line_styles)];
        if (!runs.empty() && runs.back().style == style)
          runs.back().text += c.text;
        else
          runs.push_back({c.text, style});
      }
      while (!runs.empty() && trimmed(runs.back().text).empty()) runs.pop_back();
      line(runs, indent_ + 2);
    }
  }

  void code(std::string_view code, std::string_view language, size_t indent) {
    const std::string text = fitting(std::string(code));
    Runs current;
    for (const CodePiece& p : code_pieces(text, language)) {
      if (p.text == "\n") {
        code_line(current, indent);
        current.clear();
      } else {
        current.push_back({std::string(p.text), style_of(p.kind)});
      }
    }
    if (!current.empty()) code_line(current, indent);
  }

  // A line that is too long goes on below, four columns further in.
  void code_line(const Runs& runs, size_t indent) {
    if (indent + width_of(runs) <= width_) return line(runs, indent);
    const std::string whole = joined(runs);
    const size_t lead = std::min(whole.find_first_not_of(' '), whole.size());
    Runs rest = runs;
    rest[0].text.erase(0, std::min(lead, rest[0].text.size()));
    bool first = true;
    const size_t room = width_ - std::min(width_ - 20, indent + lead + 4);
    for (const Runs& part : wrapped_code(rest, room)) {
      line(part, indent + lead + (first ? 0 : 4));
      first = false;
    }
  }

  void exercise_box(std::string_view name) {
    const std::string slug(name);
    for (const auto& e : page_.exercises) {
      if (const auto* p = std::get_if<Predict>(&e); p != nullptr && p->name == name)
        return command_line("gradus exercise check " + slug, "asks for your number");
      if (const auto* c = std::get_if<Choose>(&e); c != nullptr && c->name == name) {
        size_t widest = 0;
        for (const Choose::Choice& choice : c->choices)
          widest = std::max(widest, text::width(fitting(choice.word)));
        for (const Choose::Choice& choice : c->choices) {
          const Node n = parse_markdown(choice.text, page_);
          paragraph(n.children.empty() ? Runs{} : runs_of(n.children[0]), indent_ + 2,
                    {{text::pad_right(fitting(choice.word), widest), bold}, {"  ", plain}});
        }
        blank();
        return command_line("gradus exercise check " + slug, "asks for one of the words");
      }
    }
    command_line("gradus exercise start " + slug, "writes exercises/" + slug + ".cpp");
    command_line("gradus exercise check " + slug, "when it is filled in");
  }

  // The words go where there is room for them.
  void command_line(const std::string& command, const std::string& says) {
    Runs runs = {{fitting("▸ "), dim}, {command, code_style}};
    const size_t used = indent_ + 2 + width_of(runs), words = text::width(says);
    const size_t column = used < 52 && 52 + words <= width_ ? 52 : used + 2;
    if (column + words <= width_) runs.push_back({std::string(column - used, ' ') + says, dim});
    line(runs, indent_ + 2);
  }

  Runs runs_of(const Node& node) const {
    Runs runs;
    for (const Node& c : node.children) add_runs(c, plain, runs);
    return runs;
  }

  std::string fitting(std::string s) const { return look_.ascii ? to_ascii(s) : s; }

  size_t width() const { return width_; }
  size_t indent() const { return indent_; }

 private:
  std::string painted(const std::string& s, Style style) const {
    const std::string shown = fitting(replaced(s, hard_blank, " "));
    return look_.color && !style.empty() ? "\033[" + std::string(style) + "m" + shown + "\033[0m"
                                         : shown;
  }

  static Style style_of(CodePiece::Kind kind) {
    switch (kind) {
      case CodePiece::Kind::keyword:
        return key_style;
      case CodePiece::Kind::type:
        return type_style;
      case CodePiece::Kind::number:
        return number_style;
      case CodePiece::Kind::string:
        return string_style;
      case CodePiece::Kind::comment:
        return comment_style;
      case CodePiece::Kind::prompt:
        return code_style;
      case CodePiece::Kind::plain:
        break;
    }
    return plain;
  }

  void add_runs(const Node& node, Style style, Runs& runs) const {
    switch (node.kind) {
      case Kind::text:
        runs.push_back({fitting(node.text), style});
        return;
      case Kind::bound: {
        // A short value stays on one line.
        const bool whole = text::width(node.text) <= 16;
        runs.push_back({fitting(whole ? replaced(node.text, " ", hard_blank) : node.text),
                        style.empty() ? bold : style});
        return;
      }
      case Kind::math:
      case Kind::display: {
        std::string s = math_line(parse_math(node.text));
        if (text::width(s) <= 18) s = replaced(s, " ", hard_blank);
        runs.push_back({fitting(s), style.empty() ? italic : style});
        return;
      }
      case Kind::code:
        runs.push_back({look_.color ? node.text : "`" + node.text + "`", code_style});
        return;
      case Kind::line_break:
        runs.push_back({" ", plain});
        return;
      case Kind::emphasis:
        for (const Node& c : node.children) add_runs(c, italic, runs);
        return;
      case Kind::strong:
        for (const Node& c : node.children) add_runs(c, bold, runs);
        return;
      case Kind::link: {
        for (const Node& c : node.children) add_runs(c, link_style, runs);
        return;
      }
      case Kind::directive:
        runs.push_back({"{{" + node.target + ":" + node.text + "}}", style});
        return;
      default:
        for (const Node& c : node.children) add_runs(c, style, runs);
    }
  }

  void block(const Node& node, size_t indent) {
    switch (node.kind) {
      case Kind::document:
        for (const Node& c : node.children) {
          blank();
          block(c, indent);
        }
        return;
      case Kind::paragraph:
        return paragraph(runs_of(node), indent);
      case Kind::heading: {
        Runs runs;
        for (const Node& c : node.children) add_runs(c, bold, runs);
        if (!look_.color) runs.insert(runs.begin(), {fitting("▸ "), plain});
        return paragraph(runs, indent);
      }
      case Kind::bullets:
      case Kind::numbers: {
        int number = node.level;
        for (const Node& item : node.children) {
          const std::string mark =
              node.kind == Kind::bullets ? fitting("• ") : std::to_string(number++) + ". ";
          list_item(item, indent, mark);
        }
        return;
      }
      case Kind::item:
        for (const Node& c : node.children) block(c, indent);
        return;
      case Kind::quote:
        for (const Node& c : node.children) {
          Runs runs;
          for (const Node& g : c.children) add_runs(g, italic, runs);
          for (const Runs& l : wrapped(runs, width_ - indent - 4)) {
            Runs with = l;
            with.insert(with.begin(), {fitting("▎ "), dim});
            line(with, indent + 1);
          }
        }
        return;
      case Kind::code_block:
        return code(node.text, node.target.empty() ? "text" : node.target, indent + 4);
      case Kind::table: {
        std::vector<std::vector<Runs>> cells;
        for (const Node& row : node.children) {
          cells.emplace_back();
          for (const Node& cell : row.children) cells.back().push_back(runs_of(cell));
        }
        return table_of(cells, indent + 2);
      }
      case Kind::rule:
        return rule("─", width_ - indent, dim);
      case Kind::directive:
        return directive(node);
      case Kind::display:
        return display(node.text, indent);
      default: {
        // Text right inside a tight list item.
        Runs runs;
        add_runs(node, plain, runs);
        return paragraph(runs, indent);
      }
    }
  }

  void list_item(const Node& item, size_t indent, const std::string& mark) {
    Runs text;
    std::vector<const Node*> blocks;
    for (const Node& c : item.children) {
      const bool in_line = c.kind >= Kind::text && c.kind != Kind::display;
      if (in_line && blocks.empty())
        add_runs(c, plain, text);
      else if (c.kind == Kind::paragraph && text.empty() && blocks.empty())
        text = runs_of(c);
      else
        blocks.push_back(&c);
    }
    paragraph(text, indent, {{mark, plain}});
    for (const Node* b : blocks) block(*b, indent + text::width(mark));
  }

  void display(const std::string& latex, size_t indent) {
    const Math math = parse_math(latex);
    if (!look_.ascii) {
      const Lines lines = math_lines(math);
      size_t widest = 0;
      for (const std::string& r : lines.rows) widest = std::max(widest, text::width(r));
      if (indent + 4 + widest <= width_) {
        for (const std::string& r : lines.rows) line({{r, plain}}, indent + 4);
        return;
      }
    }
    paragraph({{fitting(math_line(math)), plain}}, indent + 4);
  }

  void table_of(std::vector<std::vector<Runs>>& cells, size_t indent) {
    size_t columns = 0;
    for (const auto& row : cells) columns = std::max(columns, row.size());
    if (columns == 0) return;
    std::vector<size_t> widths(columns, 1);
    std::vector<bool> right(columns, cells.size() > 1);
    for (size_t r = 0; r < cells.size(); ++r) {
      cells[r].resize(columns);
      for (size_t c = 0; c < columns; ++c) {
        widths[c] = std::max(widths[c], width_of(cells[r][c]));
        if (r > 0 && !is_number(joined(cells[r][c]))) right[c] = false;
      }
    }
    const auto total = [&] {
      size_t w = indent + 3 * (columns - 1);
      for (const size_t c : widths) w += c;
      return w;
    };
    while (total() > width_) {
      const auto widest = std::max_element(widths.begin(), widths.end());
      if (*widest <= 8) break;
      --*widest;
    }
    // Wrapped words may leave a column narrower than it may be.
    std::vector<size_t> used(columns, 1);
    for (const auto& row : cells)
      for (size_t c = 0; c < columns; ++c)
        for (const Runs& part : wrapped(row[c], widths[c]))
          used[c] = std::max(used[c], width_of(part));
    widths = used;
    for (size_t r = 0; r < cells.size(); ++r) {
      std::vector<std::vector<Runs>> parts;
      size_t height = 1;
      for (size_t c = 0; c < columns; ++c) {
        parts.push_back(wrapped(cells[r][c], widths[c]));
        height = std::max(height, parts.back().size());
      }
      for (size_t h = 0; h < height; ++h) {
        Runs row;
        for (size_t c = 0; c < columns; ++c) {
          Runs cell = h < parts[c].size() ? parts[c][h] : Runs{};
          const size_t w = width_of(cell);
          const std::string pad(widths[c] - std::min(widths[c], w), ' ');
          if (c > 0) row.push_back({fitting(" │ "), dim});
          if (right[c]) row.push_back({pad, plain});
          for (Run& run : cell)
            row.push_back({std::move(run.text), r == 0 && run.style.empty() ? bold : run.style});
          if (!right[c]) row.push_back({pad, plain});
        }
        line(row, indent);
      }
      if (r == 0) {
        std::string s;
        for (size_t c = 0; c < columns; ++c) {
          if (c > 0) s += "─┼─";
          for (size_t i = 0; i < widths[c]; ++i) s += "─";
        }
        line({{s, dim}}, indent);
      }
    }
  }

  // As it was printed; a line that is too wide is left to the terminal.
  void output(const std::string& text) {
    for (const std::string_view l : lines_of(text))
      line({{fitting(std::string(l)), plain}}, indent_ + 4);
  }

  void directive(const Node& node) {
    const std::string& what = node.target;
    if (what == "table") {
      if (const auto it = page_.tables.find(node.text); it != page_.tables.end())
        return table(it->second);
    } else if (what == "picture") {
      if (const auto it = page_.pictures.find(node.text); it != page_.pictures.end())
        return picture(it->second);
    } else if (what == "output") {
      if (const auto it = page_.outputs.find(node.text); it != page_.outputs.end())
        return output(it->second);
    } else if (what == "code") {
      if (lesson_ != nullptr)
        return code(code_region(lesson_->code, node.text), "cpp", indent_ + 4);
    } else if (what == "exercise") {
      return exercise_box(node.text);
    } else if (what == "glossary" && guide_ != nullptr) {
      Table rows = {{"symbol", "said", "meaning"}};
      for (const GlossaryEntry& e : guide_->glossary) {
        const bool latex = e.symbol.find_first_of("\\_^{") != std::string::npos;
        rows.push_back({latex ? "$" + e.symbol + "$" : e.symbol, e.said, e.meaning});
      }
      return table(rows);
    }
    paragraph({{"{{" + what + ":" + node.text + "}} is not bound", bad_style}}, indent_);
  }

  const Look& look_;
  const Page& page_;
  const Guide* guide_;
  const Lesson* lesson_;
  size_t indent_ = 0, width_ = 80;
};

void head(Printer& p, const Guide& guide, const Lesson& lesson) {
  const std::string part =
      lesson.part.substr(std::min(lesson.part.find(' ') + 1, lesson.part.size()));
  p.line(
      {{lesson.label() + " · " + part + " · about " + std::to_string(lesson.minutes) + " minutes",
        dim}},
      p.indent());
  p.out += "\n";
  p.paragraph({{p.fitting(lesson.title), heading_style}}, p.indent());
  p.rule("━", std::min(text::width(lesson.title), p.width() - p.indent()), heading_style);
  p.paragraph({{p.fitting(lesson.summary), italic}}, p.indent());
  std::string needs;
  for (const std::string& n : lesson.needs) {
    const Lesson* l = guide.find(n);
    needs += (needs.empty() ? "" : ", ") + (l ? n + " (" + l->number + ")" : n);
  }
  if (!needs.empty()) p.paragraph({{"Read before: " + needs, dim}}, p.indent());
}

void foot(Printer& p, const Guide& guide, const Lesson& lesson, const Page& page, bool all) {
  p.blank();
  p.rule("─", p.width() - p.indent(), dim);
  if (!all && !lesson.is_reference())
    p.paragraph({{"A first reading: ", dim},
                 {"Code", bold},
                 {" and ", dim},
                 {"Deep dive", bold},
                 {" wait for the second. Open them now: ", dim},
                 {replaced("gradus learn " + lesson.slug + " --all", " ", hard_blank), code_style}},
                p.indent());
  if (!page.settable.empty()) {
    std::string names;
    for (const auto& [name, value] : page.settable)
      names += (names.empty() ? "" : ", ") +
               replaced(name + " = " + value, " ", text::width(value) < 20 ? hard_blank : " ");
    p.paragraph({{"Other numbers: ", dim},
                 {replaced("gradus learn " + lesson.slug + " --set NAME=VALUE", " ", hard_blank),
                  code_style},
                 {" with " + names, dim}},
                p.indent());
  }
  if (!lesson.see.empty())
    p.paragraph({{"See also: ", dim}, {text::join(lesson.see, ", "), plain}}, p.indent());
  if (!lesson.references.empty()) {
    p.paragraph({{"To read on: ", dim}, {p.fitting(text::join(lesson.references, "; ")), plain}},
                p.indent());
  }
  for (size_t i = 0; i + 1 < guide.lessons.size(); ++i) {
    if (guide.lessons[i].slug != lesson.slug) continue;
    const Lesson& next = guide.lessons[i + 1];
    p.paragraph({{"Next: ", bold},
                 {next.number + " · " + next.title + ", ", plain},
                 {replaced("gradus learn " + next.slug, " ", hard_blank), code_style}},
                p.indent());
  }
}

}  // namespace

std::string for_look(std::string text, const Look& look) {
  return look.ascii ? to_ascii(text) : text;
}

std::string tinted(std::string_view text, Tint tint, const Look& look) {
  const std::string s = for_look(std::string(text), look);
  if (!look.color) return s;
  const Style style = tint == Tint::bold     ? bold
                      : tint == Tint::dim    ? dim
                      : tint == Tint::accent ? heading_style
                      : tint == Tint::good   ? good_style
                                             : bad_style;
  return "\033[" + std::string(style) + "m" + s + "\033[0m";
}

std::string render_lesson(const Guide& guide, const Lesson& lesson, const Page& page,
                          const Look& look, const Reading& reading) {
  Printer p(look, page, &guide, &lesson, 2);
  head(p, guide, lesson);
  for (const Section& s : lesson.sections) {
    if (!reading.all && is_second_reading(s.heading)) continue;
    p.section_heading(s.heading);
    if (s.heading == "Exercises") {
      for (const Exercise& e : lesson.exercises()) {
        p.blank();
        p.out += render_exercise(e, page, look);
      }
    } else {
      p.render(parse_markdown(s.text, page));
    }
  }
  foot(p, guide, lesson, page, reading.all);
  return for_look(std::move(p.out), look);
}

std::string render_markdown(std::string_view text, const Page& page, const Look& look, int indent) {
  Printer p(look, page, nullptr, nullptr, indent);
  p.render(parse_markdown(text, page));
  return for_look(std::move(p.out), look);
}

std::string render_exercise(const Exercise& exercise, const Page& page, const Look& look) {
  Printer p(look, page, nullptr, nullptr, 2);
  p.paragraph({{p.fitting(exercise.title), bold}, {" " + exercise.name, dim}}, p.indent(),
              look.color ? Runs{} : Runs{{p.fitting("▸ "), plain}});
  p.blank();
  p.render(parse_markdown(exercise.task, page));
  p.blank();
  p.exercise_box(exercise.name);
  return for_look(std::move(p.out), look);
}

}  // namespace gradus::lessons
