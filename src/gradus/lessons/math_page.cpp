// Formulas as MathML Core, which browsers show without scripts and screen readers read.
#include <gradus/lessons/math.h>
#include <gradus/train/plot.h>

namespace gradus::lessons {
namespace {

using Kind = Math::Kind;

std::string element(std::string_view name, const std::string& inside,
                    std::string_view attributes = "") {
  return "<" + std::string(name) + std::string(attributes) + ">" + inside + "</" +
         std::string(name) + ">";
}

std::string mark(std::string_view text, std::string_view attributes = "") {
  return text.empty() ? "" : element("mo", escape_html(text == "-" ? "−" : text), attributes);
}

std::string written(const Math& m, bool display, bool bold);

bool is_function(const Math& m) {
  return m.kind == Kind::function ||
         (m.kind == Kind::script && m.children[0].kind == Kind::function);
}

std::string written_row(const Math& m, bool display, bool bold) {
  constexpr std::string_view thin = "<mspace width=\"0.17em\"/>";
  std::string out;
  for (size_t i = 0; i < m.children.size(); ++i) {
    const Math& c = m.children[i];
    const Math* before = i > 0 ? &m.children[i - 1] : nullptr;
    // cos stands apart from what is multiplied by it, and from an argument without brackets.
    const auto is_factor = [](const Math& f) {
      return f.kind == Kind::symbol || f.kind == Kind::number || f.kind == Kind::close ||
             f.kind == Kind::script || f.kind == Kind::fraction || f.kind == Kind::fenced ||
             f.kind == Kind::accent || f.kind == Kind::root;
    };
    if (before != nullptr && ((is_function(c) && is_factor(*before)) ||
                              (is_function(*before) && is_factor(c) && c.kind != Kind::fenced)))
      out += thin;
    // A sign in front of a number is no operation between two.
    const bool sign =
        c.kind == Kind::binary &&
        (before == nullptr || before->kind == Kind::binary || before->kind == Kind::relation ||
         before->kind == Kind::open || before->kind == Kind::comma);
    out += sign ? mark(c.text, " form=\"prefix\"") : written(c, display, bold);
  }
  return m.children.size() == 1 ? out : element("mrow", out);
}

std::string big_mark(const std::string& text) {
  if (text == "Σ") return "<mo>∑</mo>";
  if (text == "Π") return "<mo>∏</mo>";
  if (text == "∫") return "<mo>∫</mo>";
  return "<mo lspace=\"0\" rspace=\"0.17em\">" + escape_html(text) + "</mo>";
}

bool is_empty(const Math& m) {
  return m.kind == Kind::row && m.children.empty();
}

std::string written_script(const Math& m, bool display, bool bold) {
  const Math& base = m.children[0];
  const bool limits = base.kind == Kind::big && display && base.text != "∫";
  const std::string inside = is_empty(base) ? "<mrow></mrow>" : written(base, display, bold);
  const std::string below = is_empty(m.children[1]) ? "" : written(m.children[1], false, bold);
  const std::string above = is_empty(m.children[2]) ? "" : written(m.children[2], false, bold);
  if (above.empty()) return element(limits ? "munder" : "msub", inside + below);
  if (below.empty()) return element(limits ? "mover" : "msup", inside + above);
  return element(limits ? "munderover" : "msubsup", inside + below + above);
}

// A Latin letter of the mathematical bold alphabet; another text stays.
std::string bold_letter(const std::string& text) {
  if (text.size() != 1) return escape_html(text);
  const char c = text[0];
  const uint32_t code = 'A' <= c && c <= 'Z'   ? 0x1D400u + static_cast<uint32_t>(c - 'A')
                        : 'a' <= c && c <= 'z' ? 0x1D41Au + static_cast<uint32_t>(c - 'a')
                                               : 0;
  return code == 0 ? escape_html(text) : "&#" + std::to_string(code) + ";";
}

std::string written(const Math& m, bool display, bool bold) {
  switch (m.kind) {
    case Kind::row:
      return written_row(m, display, bold);
    case Kind::symbol:
      return element("mi", bold ? bold_letter(m.text) : escape_html(m.text));
    case Kind::number:
      return element("mn", escape_html(m.text));
    case Kind::binary:
    case Kind::relation:
      return mark(m.text);
    case Kind::tight:
      return mark(m.text, m.text == "/" ? " lspace=\"0\" rspace=\"0\"" : "");
    case Kind::comma:
      return mark(m.text, " separator=\"true\"");
    case Kind::open:
      return mark(m.text, " form=\"prefix\" stretchy=\"false\"");
    case Kind::close:
      return mark(m.text, " form=\"postfix\" stretchy=\"false\"");
    case Kind::function:
      return element("mi", escape_html(m.text));
    case Kind::big:
      return big_mark(m.text);
    case Kind::words: {
      // MathML drops blanks at the ends.
      std::string kept;
      for (const char c : escape_html(m.text)) kept += c == ' ' ? "\u00A0" : std::string(1, c);
      return element("mtext", kept);
    }
    case Kind::space:
      return m.text.empty() ? "" : "<mspace width=\"" + std::to_string(m.text.size()) + "ex\"/>";
    case Kind::fraction:
      return element("mfrac",
                     written(m.children[0], false, bold) + written(m.children[1], false, bold));
    case Kind::root:
      return is_empty(m.children[1]) ? element("msqrt", written(m.children[0], display, bold))
                                     : element("mroot", written(m.children[0], display, bold) +
                                                            written(m.children[1], false, bold));
    case Kind::script:
      return written_script(m, display, bold);
    case Kind::accent: {
      const std::string_view above = m.text == "hat"   ? "^"
                                     : m.text == "bar" ? "¯"
                                     : m.text == "dot" ? "˙"
                                     : m.text == "vec" ? "→"
                                                       : "~";
      return element("mover",
                     written(m.children[0], display, bold) + mark(above, " stretchy=\"false\""),
                     " accent=\"true\"");
    }
    case Kind::bold:
      return written(m.children[0], display, true);
    case Kind::fenced:
      return element("mrow", mark(m.text, " form=\"prefix\"") +
                                 written(m.children[0], display, bold) +
                                 mark(m.mark, " form=\"postfix\""));
    case Kind::matrix: {
      std::string rows;
      for (const Math& r : m.children) {
        std::string cells;
        for (const Math& c : r.children)
          cells += element("mtd", written(c, display, bold),
                           m.text == "{" ? " style=\"text-align:left\"" : "");
        rows += element("mtr", cells);
      }
      // Borders stretch without a font of mathematics; a brace needs one.
      if (m.text == "{")
        return element("mrow", mark(m.text, " form=\"prefix\"") + element("mtable", rows));
      return element("mtable", rows,
                     m.text == "["   ? " class=\"square\""
                     : m.text == "(" ? " class=\"round\""
                     : m.text == "|" ? " class=\"bars\""
                                     : "");
    }
  }
  return "";
}

}  // namespace

std::string mathml(const Math& math, bool display) {
  return "<math" + std::string(display ? " display=\"block\"" : "") + ">" +
         written(math, display, false) + "</math>";
}

}  // namespace gradus::lessons
