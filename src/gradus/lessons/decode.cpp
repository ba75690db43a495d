#include <gradus/lessons/decode.h>

#include <algorithm>
#include <cctype>

namespace gradus::lessons {
namespace {

using Kind = Math::Kind;

// A row of one thing is that thing.
const Math& bare(const Math& m) {
  return m.kind == Kind::row && m.children.size() == 1 ? bare(m.children[0]) : m;
}

struct Known {
  Math shape;
  std::string line;
  const GlossaryEntry* entry;
};

bool same(const Math& a, const Math& b) {
  return math_line(a) == math_line(b);
}

// An entry such as A^T or \hat{y} stands for the mark on any letter.
bool same_mark(const Math& known, const Math& m) {
  if (known.kind != m.kind || known.children.empty()) return false;
  if (m.kind == Kind::accent) return known.text == m.text;
  if (m.kind != Kind::script) return false;
  // x_i says nothing of x_j: only marks that are no single small letter carry over.
  const std::string below = math_line(m.children[1]), above = math_line(m.children[2]);
  if (!below.empty() || above.empty()) return false;
  return same(known.children[1], m.children[1]) && same(known.children[2], m.children[2]);
}

class Decoder {
 public:
  explicit Decoder(const Guide& guide) {
    for (const GlossaryEntry& e : guide.glossary) {
      Math shape = parse_math(e.symbol);
      Math inner = bare(shape);
      known_.push_back({inner, math_line(inner), &e});
    }
  }

  void walk(const Math& m) {
    if (m.kind == Kind::row) return walk_row(m);
    if (m.kind == Kind::number || m.kind == Kind::comma || m.kind == Kind::space) return;
    if (add_known(m)) return;
    // An unknown letter with a mark: the mark from another letter's entry, then the letter.
    for (const Known& k : known_) {
      if (!same_mark(k.shape, m)) continue;
      add(math_line(m), k.entry);
      return walk(m.children[0]);
    }
    for (const Math& c : m.children) walk(c);
    if (m.kind == Kind::fenced) {
      add_mark(m.text);
      return;
    }
    if (!m.children.empty()) return;
    const unsigned char c = static_cast<unsigned char>(m.text.empty() ? ' ' : m.text[0]);
    if (m.kind == Kind::words) return;
    if (m.kind == Kind::open || m.kind == Kind::close) return add_mark(m.text);
    if (std::isalpha(c) != 0 || c >= 0x80) add(m.text, nullptr);
  }

  std::vector<Decoded> found;

 private:
  void walk_row(const Math& row) {
    for (size_t i = 0; i < row.children.size();) {
      size_t taken = 0;
      const Known* best = nullptr;
      for (const Known& k : known_) {
        const size_t n = k.shape.kind == Kind::row ? k.shape.children.size() : 1;
        if (n <= std::max<size_t>(taken, 1) || n > row.children.size() - i) continue;
        const Math piece{Kind::row,
                         "",
                         "",
                         {row.children.begin() + static_cast<std::ptrdiff_t>(i),
                          row.children.begin() + static_cast<std::ptrdiff_t>(i + n)}};
        if (math_line(piece) != k.line) continue;
        taken = n;
        best = &k;
      }
      if (best != nullptr) {
        add(best->line, best->entry);
        // What stands inside, such as the f of f(x), is explained by the piece.
        i += taken;
      } else {
        walk(row.children[i]);
        ++i;
      }
    }
  }

  bool add_known(const Math& m) {
    const std::string line = math_line(m);
    for (const Known& k : known_) {
      if (k.line != line) continue;
      add(line, k.entry);
      return true;
    }
    return false;
  }

  // Bars and brackets with a meaning: the entry that begins with them, such as |x|.
  void add_mark(const std::string& mark) {
    if (mark == "(" || mark == ")" || mark == "[" || mark == "]") return;
    for (const Known& k : known_)
      if (!mark.empty() && k.line.starts_with(mark) && k.line.size() > mark.size())
        return add(k.line, k.entry);
  }

  void add(std::string symbol, const GlossaryEntry* entry) {
    for (const Decoded& d : found)
      if (d.symbol == symbol || (entry != nullptr && d.entry == entry)) return;
    found.push_back({std::move(symbol), entry});
  }

  std::vector<Known> known_;
};

}  // namespace

std::vector<Decoded> decode(const Guide& guide, std::string_view formula) {
  Decoder decoder(guide);
  decoder.walk(parse_math(formula));
  return std::move(decoder.found);
}

}  // namespace gradus::lessons
