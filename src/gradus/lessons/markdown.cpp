#include <gradus/lessons/markdown.h>
#include <gradus/lessons/math.h>
#include <gradus/lessons/words_private.h>
#include <md4c.h>

#include <cctype>

namespace gradus::lessons {
namespace {

using Kind = Node::Kind;

struct Formula {
  std::string latex;
  bool display = false;
};

// A formula travels through md4c as one character of plane 15, which is for private use.
constexpr uint32_t first_place = 0xF0000;
constexpr size_t most_formulas = 0xFFFD;

std::string place(size_t i) {
  const uint32_t c = first_place + static_cast<uint32_t>(i);
  return {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3F)),
          static_cast<char>(0x80 | (c >> 6 & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
}

// The formula that the four bytes at s[at] stand for, or -1.
int64_t placed(std::string_view s, size_t at) {
  if (at + 4 > s.size() || static_cast<unsigned char>(s[at]) != 0xF3) return -1;
  uint32_t c = 3;
  for (size_t i = 1; i < 4; ++i) c = c << 6 | (static_cast<unsigned char>(s[at + i]) & 0x3F);
  return c < first_place ? -1 : static_cast<int64_t>(c - first_place);
}

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\t';
}

// Takes the formulas out of the text. Code keeps its dollars.
std::string without_formulas(std::string_view text, std::vector<Formula>& formulas) {
  std::string out;
  bool line_start = true;
  for (size_t i = 0; i < text.size();) {
    if (line_start && text.substr(i).starts_with("```")) {
      size_t end = text.find("\n```", i + 3);
      end = end == std::string_view::npos ? text.size() : end + 4;
      out += text.substr(i, end - i);
      i = end;
      line_start = false;
      continue;
    }
    const char c = text[i];
    line_start = c == '\n';
    if (c == '\\' && i + 1 < text.size()) {
      out += text.substr(i, 2);
      i += 2;
    } else if (c == '`') {
      size_t ticks = 1;
      while (i + ticks < text.size() && text[i + ticks] == '`') ++ticks;
      const size_t end = text.find(std::string(ticks, '`'), i + ticks);
      const size_t length = end == std::string_view::npos ? ticks : end + ticks - i;
      out += text.substr(i, length);
      i += length;
    } else if (c == '$' && formulas.size() < most_formulas) {
      const bool display = text.substr(i).starts_with("$$");
      const size_t mark = display ? 2 : 1;
      size_t end = i + mark;
      while (end < text.size() && text[end] != '$' && !text.substr(end).starts_with("\n\n"))
        end += text[end] == '\\' ? 2 : 1;
      const bool closed = end < text.size() && text[end] == '$' && end > i + mark &&
                          (display ? text.substr(end).starts_with("$$")
                                   : !is_blank(text[i + 1]) && !is_blank(text[end - 1]));
      if (closed) {
        out += place(formulas.size());
        formulas.push_back({std::string(text.substr(i + mark, end - i - mark)), display});
        i = end + mark;
      } else {
        out += c;
        ++i;
      }
    } else {
      out += c;
      ++i;
    }
  }
  return out;
}

bool is_name(std::string_view s) {
  if (s.empty() || std::isalpha(static_cast<unsigned char>(s[0])) == 0) return false;
  for (const char c : s)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-' && c != ':' &&
        c != '.')
      return false;
  return true;
}

// Calls plain(text) and bound(name) for the pieces of s.
template <class Plain, class Bound>
void pieces(std::string_view s, const Plain& plain, const Bound& bound) {
  size_t done = 0;
  for (size_t at = s.find("{{"); at != std::string_view::npos; at = s.find("{{", at + 1)) {
    if (at < done) continue;
    const size_t end = s.find("}}", at + 2);
    if (end == std::string_view::npos) break;
    const std::string_view name = s.substr(at + 2, end - at - 2);
    if (!is_name(name)) continue;
    plain(s.substr(done, at - done));
    bound(name);
    done = end + 2;
  }
  plain(s.substr(done));
}

// 1.5e-7 as 1.5 \cdot 10^{-7}, and [[1, 2], [3, 4]] as a matrix.
std::string as_latex(std::string_view value) {
  if (value.starts_with("[[")) {
    std::string out = "\\begin{bmatrix}";
    for (size_t i = 1; i + 1 < value.size(); ++i) {
      const char c = value[i];
      if (value.substr(i).starts_with("], ["))
        out += " \\\\ ", i += 3;
      else if (c == ',')
        out += " & ";
      else if (c != '[' && c != ']')
        out += c;
    }
    return out + "\\end{bmatrix}";
  }
  const size_t e = value.find('e');
  if (e != std::string_view::npos && e > 0 &&
      std::isdigit(static_cast<unsigned char>(value[e - 1])))
    return std::string(value.substr(0, e)) + " \\cdot 10^{" + std::string(value.substr(e + 1)) +
           "}";
  std::string out;
  for (const char c : value) out += c == ' ' ? "\\ " : std::string(1, c);
  return out;
}

class Builder {
 public:
  Builder(const Page& page, std::vector<Formula> formulas)
      : page_(page), formulas_(std::move(formulas)) {}

  void open(Node node) { open_.push_back(std::move(node)); }

  // The innermost open node joins the one around it.
  void close() {
    if (open_.size() == 1) return;
    Node node = std::move(open_.back());
    open_.pop_back();
    if (node.kind == Kind::code_block || node.kind == Kind::code) {
      for (const Node& c : node.children) node.text += c.text;
      node.children.clear();
      node.text = filled(node.text, page_);
    } else {
      resolve(node);
    }
    open_.back().children.push_back(std::move(node));
  }

  Node finished() {
    while (open_.size() > 1) close();
    return std::move(open_[0]);
  }

  void add_text(std::string_view s) {
    Node& parent = open_.back();
    if (!parent.children.empty() && parent.children.back().kind == Kind::text)
      parent.children.back().text += s;
    else
      parent.children.push_back({Kind::text, std::string(s)});
  }

  void add_break() { open_.back().children.push_back({Kind::line_break}); }

 private:
  std::string filled_formula(const std::string& latex) const {
    std::string out;
    const auto plain = [&](std::string_view p) { out += p; };
    pieces(latex, plain, [&](std::string_view name) {
      const auto it = page_.texts.find(name);
      out += it == page_.texts.end() ? "\\text{" + std::string(name) + "?}" : as_latex(it->second);
    });
    return out;
  }

  void add_plain(std::vector<Node>& to, std::string_view s) const {
    size_t done = 0;
    const auto flush = [&](size_t end) {
      if (end > done) to.push_back({Kind::text, std::string(s.substr(done, end - done))});
    };
    for (size_t i = 0; i < s.size(); ++i) {
      const int64_t f = placed(s, i);
      if (f < 0 || f >= static_cast<int64_t>(formulas_.size())) continue;
      flush(i);
      const Formula& formula = formulas_[static_cast<size_t>(f)];
      to.push_back({formula.display ? Kind::display : Kind::math, filled_formula(formula.latex)});
      i += 3;
      done = i + 1;
    }
    flush(s.size());
  }

  void resolve(Node& node) const {
    std::vector<Node> children;
    for (Node& child : node.children) {
      if (child.kind != Kind::text) {
        children.push_back(std::move(child));
        continue;
      }
      const auto plain = [&](std::string_view s) { add_plain(children, s); };
      pieces(child.text, plain, [&](std::string_view name) {
        const auto it = page_.texts.find(name);
        const size_t colon = name.find(':');
        if (it != page_.texts.end())
          children.push_back({Kind::bound, it->second, std::string(name)});
        else if (colon != std::string_view::npos || name == "glossary")
          children.push_back(
              {Kind::directive,
               colon == std::string_view::npos ? "" : std::string(name.substr(colon + 1)),
               std::string(name.substr(0, colon))});
        else
          children.push_back({Kind::text, "{{" + std::string(name) + "}}"});
      });
    }
    node.children = std::move(children);
    // A directive or a display formula alone in a paragraph is a block.
    if (node.kind == Kind::paragraph && node.children.size() == 1 &&
        (node.children[0].kind == Kind::directive || node.children[0].kind == Kind::display)) {
      Node only = std::move(node.children[0]);
      node = std::move(only);
    }
  }

  const Page& page_;
  std::vector<Formula> formulas_;
  std::vector<Node> open_ = std::vector<Node>(1);  // from the document inwards
};

std::string attribute(const MD_ATTRIBUTE& a) {
  return std::string(a.text, a.size);
}

int enter_block(MD_BLOCKTYPE type, void* detail, void* user) {
  Builder& b = *static_cast<Builder*>(user);
  switch (type) {
    case MD_BLOCK_DOC:
    case MD_BLOCK_THEAD:
    case MD_BLOCK_TBODY:
      break;
    case MD_BLOCK_QUOTE:
      b.open({Kind::quote});
      break;
    case MD_BLOCK_UL:
      b.open({Kind::bullets});
      break;
    case MD_BLOCK_OL:
      b.open({Kind::numbers, "", "",
              static_cast<int>(static_cast<MD_BLOCK_OL_DETAIL*>(detail)->start)});
      break;
    case MD_BLOCK_LI:
      b.open({Kind::item});
      break;
    case MD_BLOCK_HR:
      b.open({Kind::rule});
      break;
    case MD_BLOCK_H:
      b.open({Kind::heading, "", "",
              static_cast<int>(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level)});
      break;
    case MD_BLOCK_CODE:
      b.open({Kind::code_block, "", attribute(static_cast<MD_BLOCK_CODE_DETAIL*>(detail)->lang)});
      break;
    case MD_BLOCK_HTML:
    case MD_BLOCK_P:
      b.open({Kind::paragraph});
      break;
    case MD_BLOCK_TABLE:
      b.open({Kind::table});
      break;
    case MD_BLOCK_TR:
      b.open({Kind::row});
      break;
    case MD_BLOCK_TH:
      b.open({Kind::head_cell});
      break;
    case MD_BLOCK_TD:
      b.open({Kind::cell});
      break;
  }
  return 0;
}

int leave_block(MD_BLOCKTYPE type, void*, void* user) {
  if (type != MD_BLOCK_DOC && type != MD_BLOCK_THEAD && type != MD_BLOCK_TBODY)
    static_cast<Builder*>(user)->close();
  return 0;
}

int enter_span(MD_SPANTYPE type, void* detail, void* user) {
  Builder& b = *static_cast<Builder*>(user);
  switch (type) {
    case MD_SPAN_STRONG:
      b.open({Kind::strong});
      break;
    case MD_SPAN_CODE:
      b.open({Kind::code});
      break;
    case MD_SPAN_A:
      b.open({Kind::link, "", attribute(static_cast<MD_SPAN_A_DETAIL*>(detail)->href)});
      break;
    default:
      b.open({Kind::emphasis});
  }
  return 0;
}

int leave_span(MD_SPANTYPE, void*, void* user) {
  static_cast<Builder*>(user)->close();
  return 0;
}

int add_text(MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* user) {
  Builder& b = *static_cast<Builder*>(user);
  if (type == MD_TEXT_BR)
    b.add_break();
  else if (type == MD_TEXT_SOFTBR)
    b.add_text(" ");
  else
    b.add_text(std::string_view(text, size));
  return 0;
}

}  // namespace

Node parse_markdown(std::string_view text, const Page& page) {
  std::vector<Formula> formulas;
  const std::string plain = without_formulas(text, formulas);
  Builder builder(page, std::move(formulas));
  const MD_PARSER parser = {0,           MD_FLAG_TABLES | MD_FLAG_NOHTML | MD_FLAG_STRIKETHROUGH,
                            enter_block, leave_block,
                            enter_span,  leave_span,
                            add_text,    nullptr,
                            nullptr};
  md_parse(plain.data(), static_cast<MD_SIZE>(plain.size()), &parser, &builder);
  return builder.finished();
}

std::string filled(std::string_view text, const Page& page) {
  std::string out;
  const auto plain = [&](std::string_view s) { out += s; };
  pieces(text, plain, [&](std::string_view name) {
    const auto it = page.texts.find(name);
    out += it == page.texts.end() ? "{{" + std::string(name) + "}}" : it->second;
  });
  return out;
}

std::string words_of(const Node& node) {
  const bool formula = node.kind == Kind::math || node.kind == Kind::display;
  std::string out = node.kind == Kind::directive ? ""
                    : formula                    ? math_line(parse_math(node.text))
                                                 : node.text;
  for (const Node& c : node.children) {
    out += words_of(c);
    if (c.kind == Kind::paragraph || c.kind == Kind::item || c.kind == Kind::cell) out += " ";
  }
  return out;
}

}  // namespace gradus::lessons
