#include <gradus/base/error.h>
#include <gradus/base/text.h>
#include <gradus/io/file.h>
#include <gradus/lessons/highlight.h>
#include <gradus/lessons/markdown.h>
#include <gradus/lessons/math.h>
#include <gradus/lessons/site.h>
#include <gradus/lessons/words_private.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace gradus::lessons {
namespace {

using Kind = Node::Kind;

// The colours are those of the training report, so a page and a report look like one thing.
constexpr std::string_view style = R"css(
:root{--paper:#fbfaf6;--card:#fff;--ink:#1b1a17;--soft:#55524b;--muted:#6e6a61;--line:#e3dfd4;
--accent:#2344c4;--accent-rgb:35 68 196;--ink-rgb:27 26 23;--on:#fff;--good:#1f6b3a;
--r0:#8298ea;--r1:#6780e4;--r2:#4c68da;--r3:#314fca;--r4:#1d359a;--r5:#0e1b58;color-scheme:light dark}
@media screen and (prefers-color-scheme:dark){:root{--paper:#15161a;--card:#1b1d22;--ink:#eceae4;
--soft:#bdbab2;--muted:#9a978f;--line:#30323a;--accent:#93a8ff;--accent-rgb:147 168 255;
--ink-rgb:236 234 228;--on:#0e1020;--good:#86d19c;
--r0:#4658ad;--r1:#5e72cf;--r2:#7a90ec;--r3:#9db0fb;--r4:#c2cefd;--r5:#e9edff}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%;scroll-padding-top:12px}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.62 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif;
font-variant-numeric:lining-nums}
.page{max-width:1120px;margin:0 auto;padding:0 28px;display:grid;
grid-template-columns:190px minmax(0,720px);gap:56px}
nav.top{max-width:1120px;margin:0 auto;padding:18px 28px 0;display:flex;gap:8px 20px;flex-wrap:wrap;font-size:14.5px}
nav.top a:first-child{margin-right:auto;font-weight:600}
aside{font-size:14px;line-height:1.4;padding-top:44px}
aside ol{list-style:none;margin:0;padding:0;position:sticky;top:24px}
aside li{margin:0 0 9px}
aside a{color:var(--muted);text-decoration:none}
aside a:hover{color:var(--accent)}
main{min-width:0;padding-bottom:30px}
a{color:var(--accent);text-underline-offset:2px}
h1,.lead{font-family:"Iowan Old Style","Palatino Linotype",Palatino,"Source Serif 4",Charter,Georgia,
"Liberation Serif",serif}
h1{font-weight:600;font-size:clamp(29px,4.6vw,44px);line-height:1.12;letter-spacing:-.012em;
margin:6px 0 14px;text-wrap:balance}
.lead{font-size:20px;line-height:1.45;color:var(--soft);margin:0 0 10px}
.kicker,.needs{margin:34px 0 0;font-size:14px;color:var(--muted)}
.needs{margin:0}
h2{font-size:23px;line-height:1.25;font-weight:650;letter-spacing:-.008em;margin:52px 0 12px}
h3{font-size:17.5px;font-weight:650;margin:32px 0 6px;line-height:1.35}
p,ul,ol{margin:0 0 1em}
li{margin:0 0 .3em}
code,pre,kbd{font:.88em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
p code,li code,td code{background:rgb(var(--accent-rgb)/.1);padding:1px 5px;border-radius:4px}
pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:13px 16px;margin:0 0 1.1em;
overflow-x:auto;font-size:14px}
pre .k{color:var(--accent)}pre .c{color:var(--muted);font-style:italic}pre .s{color:var(--good)}
pre .n{color:var(--r4)}pre .t{color:var(--r4)}pre .p{color:var(--accent)}
math{font-size:1.06em;font-family:"STIX Two Math","Latin Modern Math","Cambria Math","Noto Sans Math",math}
mtable.square,mtable.round,mtable.bars{border:solid;border-width:0 1.4px;padding:1px .35em;margin:0 .2em}
mtable.round{border-radius:.7em/50%}
mtable.square{background:linear-gradient(currentColor,currentColor) 0 0/5px 1.4px no-repeat,
linear-gradient(currentColor,currentColor) 0 100%/5px 1.4px no-repeat,
linear-gradient(currentColor,currentColor) 100% 0/5px 1.4px no-repeat,
linear-gradient(currentColor,currentColor) 100% 100%/5px 1.4px no-repeat}
math[display=block]{margin:.5em 0 1.1em;overflow-x:auto;overflow-y:hidden;padding:4px 0;text-align:left;
padding-left:1.2em}
.box{overflow-x:auto;max-width:100%;margin:0 0 1.2em}
table{border-collapse:collapse;font-size:15px;line-height:1.4;font-variant-numeric:tabular-nums lining-nums}
th,td{padding:6px 18px 6px 0;border-top:1px solid var(--line);text-align:left;vertical-align:top}
thead th{border-top:0;color:var(--muted);font-weight:500;font-size:13.5px}
td.r,th.r{text-align:right}
figure{margin:6px 0 1.4em;break-inside:avoid}
figure svg{display:block;width:100%;max-width:560px;height:auto;overflow:visible;font-size:12px}
figcaption{font-size:14.5px;color:var(--soft);margin:0 0 6px;font-weight:600}
svg text{fill:var(--muted)}
.grid{stroke:var(--line);stroke-width:1;fill:none}
.rule{stroke:var(--muted);stroke-width:1;stroke-dasharray:3 3;fill:none}
.line,.faint{fill:none;stroke-linejoin:round;stroke-linecap:round}
.faint{opacity:.28}
.dots{fill:none;stroke-width:5px;stroke-linecap:round}
path.lead{fill:none;stroke-width:1;opacity:.6}
.tr{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.ty,.tr{text-anchor:end}.tx{text-anchor:middle}
svg .tl{font-weight:600}
blockquote{margin:0 0 1em;padding:2px 0 2px 16px;border-left:3px solid var(--line);color:var(--soft)}
b.num{white-space:nowrap}
details.second{margin:40px 0 0;border:1px solid var(--line);border-radius:10px;background:var(--card);padding:0 20px}
details.second>summary{padding:14px 0;font-weight:650;font-size:19px}
details.second pre{background:var(--paper)}
details.second .tr{stroke:var(--card)}
summary{cursor:pointer}
summary small{color:var(--muted);font-weight:400;font-size:14px;margin-left:8px}
details.q{border-top:1px solid var(--line);padding:10px 0}
details.q>summary{font-weight:600}
details.q p{margin:.7em 0}
.task{border:1px solid var(--line);border-radius:10px;background:var(--card);padding:4px 20px 12px;margin:0 0 18px}
.task h3{margin-top:14px}
.task pre{background:var(--paper)}
.choices{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:4px 16px;margin:0 0 1em}
.choices dt{font-weight:600}.choices dd{margin:0}
.takeaway{border-left:3px solid var(--accent);padding:2px 0 2px 18px}
footer{border-top:1px solid var(--line);margin-top:52px;padding:18px 0 40px;font-size:15px;color:var(--soft)}
footer p{margin:0 0 .6em}
.next{display:flex;flex-wrap:wrap;gap:10px 24px;justify-content:space-between;margin-bottom:18px;font-weight:600}
.list{list-style:none;padding:0;margin:0 0 26px}
.list li{border-top:1px solid var(--line);margin:0}
.list a{display:grid;grid-template-columns:52px minmax(0,1fr) max-content;gap:2px 12px;padding:12px 0;
text-decoration:none;color:inherit}
.list a:hover b{color:var(--accent)}
.list i{font-style:normal;color:var(--muted)}
.list span{grid-column:2;color:var(--soft);font-size:15px;line-height:1.4}
.list .min{grid-column:3;grid-row:1;font-size:14px}
.index{max-width:820px;margin:0 auto;padding:30px 28px 40px}
#find{font:inherit;width:100%;padding:9px 13px;border:1px solid var(--line);border-radius:8px;
background:var(--card);color:inherit;margin:6px 0 10px}
.skip{position:absolute;left:-9999px}.skip:focus{left:12px;top:8px;background:var(--card);padding:6px 10px}
@media(max-width:860px){.page{grid-template-columns:minmax(0,1fr);gap:0}aside{display:none}}
@media(max-width:620px){body{font-size:16px}.page,nav.top,.index{padding-left:17px;padding-right:17px}h2{margin-top:40px}
.task,details.second{padding-left:14px;padding-right:14px}th,td{padding-right:12px}}
@media print{body{background:#fff;font-size:11pt}aside,nav.top{display:none}.page{display:block;max-width:none}}
)css";

std::string page_of(std::string_view title, std::string_view summary, const std::string& body) {
  return "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         escape_html(title) + "</title>\n<meta name=\"description\" content=\"" +
         escape_html(summary) + "\">\n<style>" + std::string(style) +
         "</style>\n<body>\n<a class=\"skip\" href=\"#main\">To the text</a>\n" + body +
         "</body>\n</html>\n";
}

std::string anchor(std::string_view heading) {
  std::string out;
  for (const char c : lower_case(heading))
    if (('a' <= c && c <= 'z') || ('0' <= c && c <= '9'))
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  while (out.ends_with('-')) out.pop_back();
  return out;
}

std::string link_to(const Guide& guide, std::string_view slug) {
  const Lesson* l = guide.find(slug);
  if (l == nullptr) return escape_html(slug);
  return "<a href=\"" + escape_html(l->slug) + ".html\">" + escape_html(l->title) + "</a>";
}

bool is_number(std::string_view s) {
  const std::string_view t = trimmed(s);
  std::string digits;
  for (const char c : t)
    if (c != ' ' && c != '%') digits += c;
  return t.empty() || t == "-" || text::parse_double(digits).has_value();
}

class Writer {
 public:
  Writer(const Guide& guide, const Lesson& lesson, const Page& page)
      : guide_(guide), lesson_(lesson), page_(page) {
    const Section* math = lesson.section("The math");
    if (math == nullptr) return;
    for (const Node& block : parse_markdown(math->text, page).children) {
      if (block.kind != Kind::table) continue;
      for (const Node& row : block.children)
        if (row.children.size() == 2 && row.children[0].children.size() == 1 &&
            row.children[0].children[0].kind == Kind::math)
          meanings_[math_line(parse_math(row.children[0].children[0].text))] =
              words_of(row.children[1]);
    }
  }

  std::string markdown(std::string_view text) const {
    std::string out;
    for (const Node& c : parse_markdown(text, page_).children) out += block(c);
    return out;
  }

  // Without the paragraph around it.
  std::string line(std::string_view text) const {
    const Node n = parse_markdown(text, page_);
    return n.children.empty() ? "" : inner(n.children[0]);
  }

  std::string exercise(const Exercise& e) const {
    std::string out = "<div class=\"task\" id=\"" + escape_html(e.name) + "\"><h3>" +
                      escape_html(e.title) + "</h3>" + markdown(e.task);
    bool code = true;
    for (const auto& any : page_.exercises) {
      if (const auto* c = std::get_if<Choose>(&any); c != nullptr && c->name == e.name) {
        out += "<dl class=\"choices\">";
        for (const Choose::Choice& choice : c->choices)
          out += "<dt>" + escape_html(choice.word) + "</dt><dd>" + line(choice.text) + "</dd>";
        out += "</dl>";
        code = false;
      }
      if (const auto* p = std::get_if<Predict>(&any); p != nullptr && p->name == e.name)
        code = false;
    }
    out += "<pre>" +
           std::string(code ? "gradus exercise start " + escape_html(e.name) + "\n" : "") +
           "gradus exercise check " + escape_html(e.name) + (code ? "" : " ANSWER") + "</pre>";
    int n = 0;
    for (const std::string& hint : e.hints)
      out += "<details><summary>Hint " + std::to_string(++n) + "</summary><p>" + line(hint) +
             "</p></details>";
    return out + "</div>\n";
  }

 private:
  std::string inner(const Node& node) const {
    std::string out;
    for (const Node& c : node.children) out += in_line(c);
    return out;
  }

  std::string in_line(const Node& node) const {
    switch (node.kind) {
      case Kind::text:
        return escape_html(node.text);
      case Kind::bound:
        return (text::width(node.text) <= 16 ? "<b class=\"num\">" : "<b>") +
               escape_html(node.text) + "</b>";
      case Kind::math: {
        // Under the pointer a symbol says what it means.
        const Math math = parse_math(node.text);
        const auto it = meanings_.find(math_line(math));
        return it == meanings_.end() ? mathml(math, false)
                                     : "<span title=\"" + escape_html(it->second) + "\">" +
                                           mathml(math, false) + "</span>";
      }
      case Kind::display:
        return mathml(parse_math(node.text), true);
      case Kind::code:
        return "<code>" + escape_html(node.text) + "</code>";
      case Kind::emphasis:
        return "<em>" + inner(node) + "</em>";
      case Kind::strong:
        return "<strong>" + inner(node) + "</strong>";
      case Kind::line_break:
        return "<br>";
      case Kind::link: {
        const Lesson* l = guide_.find(node.target);
        return l == nullptr
                   ? inner(node)
                   : "<a href=\"" + escape_html(l->slug) + ".html\">" + inner(node) + "</a>";
      }
      default:
        return inner(node);
    }
  }

  std::string block(const Node& node) const {
    switch (node.kind) {
      case Kind::paragraph:
        return "<p>" + inner(node) + "</p>\n";
      case Kind::heading:
        return "<h3>" + inner(node) + "</h3>\n";
      case Kind::bullets:
      case Kind::numbers: {
        std::string out;
        for (const Node& item : node.children) out += "<li>" + item_of(item) + "</li>\n";
        return node.kind == Kind::bullets
                   ? "<ul>" + out + "</ul>\n"
                   : "<ol start=\"" + std::to_string(node.level) + "\">" + out + "</ol>\n";
      }
      case Kind::quote: {
        std::string out;
        for (const Node& c : node.children) out += block(c);
        return "<blockquote>" + out + "</blockquote>\n";
      }
      case Kind::code_block:
        return code(node.text, node.target.empty() ? "text" : node.target);
      case Kind::table: {
        std::vector<std::vector<std::string>> cells;
        std::vector<std::vector<std::string>> words;
        for (const Node& row : node.children) {
          cells.emplace_back();
          words.emplace_back();
          for (const Node& cell : row.children) {
            cells.back().push_back(inner(cell));
            words.back().push_back(words_of(cell));
          }
        }
        return table(cells, words);
      }
      case Kind::rule:
        return "<hr>\n";
      case Kind::display:
        return mathml(parse_math(node.text), true) + "\n";
      case Kind::directive:
        return directive(node);
      default:
        return in_line(node);
    }
  }

  std::string item_of(const Node& item) const {
    std::string out;
    for (const Node& c : item.children)
      out += c.kind == Kind::paragraph ? inner(c) : c.kind >= Kind::text ? in_line(c) : block(c);
    return out;
  }

  static std::string table(const std::vector<std::vector<std::string>>& cells,
                           const std::vector<std::vector<std::string>>& words) {
    std::string out = "<div class=\"box\"><table>";
    for (size_t r = 0; r < cells.size(); ++r) {
      out += r == 0 ? "<thead><tr>" : "<tr>";
      for (size_t c = 0; c < cells[r].size(); ++c) {
        bool numbers = cells.size() > 1;
        for (size_t i = 1; i < words.size(); ++i)
          if (c < words[i].size() && !is_number(words[i][c])) numbers = false;
        const std::string tag = r == 0 ? "th" : "td";
        out += "<" + tag + (numbers ? " class=\"r\"" : "") + (r == 0 ? " scope=\"col\"" : "") +
               ">" + cells[r][c] + "</" + tag + ">";
      }
      out += r == 0 ? "</tr></thead><tbody>" : "</tr>";
    }
    return out + "</tbody></table></div>\n";
  }

  std::string table(const Table& rows) const {
    std::vector<std::vector<std::string>> cells;
    for (const auto& row : rows) {
      cells.emplace_back();
      for (const std::string& cell : row) cells.back().push_back(line(cell));
    }
    return table(cells, rows);
  }

  static std::string code(std::string_view text, std::string_view language) {
    std::string out;
    for (const CodePiece& p : code_pieces(text, language)) {
      const char* name = nullptr;
      switch (p.kind) {
        case CodePiece::Kind::keyword:
          name = "k";
          break;
        case CodePiece::Kind::type:
          name = "t";
          break;
        case CodePiece::Kind::number:
          name = "n";
          break;
        case CodePiece::Kind::string:
          name = "s";
          break;
        case CodePiece::Kind::comment:
          name = "c";
          break;
        case CodePiece::Kind::prompt:
          name = "p";
          break;
        case CodePiece::Kind::plain:
          break;
      }
      const std::string escaped = p.text == "\n" ? "\n" : escape_html(p.text);
      out += name == nullptr ? escaped
                             : "<span class=\"" + std::string(name) + "\">" + escaped + "</span>";
    }
    while (out.ends_with('\n')) out.pop_back();
    return "<pre tabindex=\"0\"><code>" + out + "</code></pre>\n";
  }

  std::string picture(const std::string& name) const {
    const auto it = page_.pictures.find(name);
    if (it == page_.pictures.end()) return "";
    if (const Drawing* d = std::get_if<Drawing>(&it->second)) {
      const std::string inside =
          d->svg.empty() ? "<pre aria-hidden=\"true\">" + escaped_lines(d->terminal) + "</pre>"
                         : d->svg;
      return "<figure role=\"img\" aria-label=\"" + escape_html(d->alt) + "\">" + inside +
             "</figure>\n";
    }
    Plot plot = std::get<Plot>(it->second);
    if (plot.id.empty()) plot.id = name;
    return "<figure><figcaption>" + escape_html(plot.title) + "</figcaption>" + svg(plot) +
           "</figure>\n";
  }

  static std::string escaped_lines(std::string_view text) {
    std::string out;
    for (const std::string_view l : lines_of(text)) out += escape_html(l) + "\n";
    return out;
  }

  std::string directive(const Node& node) const {
    const std::string& what = node.target;
    if (what == "picture") return picture(node.text);
    if (what == "table") {
      if (const auto it = page_.tables.find(node.text); it != page_.tables.end())
        return table(it->second);
    } else if (what == "output") {
      if (const auto it = page_.outputs.find(node.text); it != page_.outputs.end())
        return "<pre tabindex=\"0\">" + escaped_lines(it->second) + "</pre>\n";
    } else if (what == "code") {
      return code(code_region(lesson_.code, node.text), "cpp");
    } else if (what == "glossary") {
      Table rows = {{"symbol", "said", "meaning"}};
      for (const GlossaryEntry& e : guide_.glossary)
        rows.push_back({"$" + e.symbol + "$", e.said, e.meaning});
      return table(rows);
    }
    return "";
  }

  const Guide& guide_;
  const Lesson& lesson_;
  const Page& page_;
  std::map<std::string, std::string> meanings_;  // of the symbols in the table of The math
};

std::string neighbours(const Guide& guide, const Lesson& lesson, bool titles) {
  std::string out;
  for (size_t i = 0; i < guide.lessons.size(); ++i) {
    if (guide.lessons[i].slug != lesson.slug) continue;
    const auto link = [&](size_t k, const char* before, const char* after) {
      const Lesson& l = guide.lessons[k];
      return "<a href=\"" + escape_html(l.slug) + ".html\">" + before +
             escape_html(titles ? l.title : l.number) + after + "</a>";
    };
    if (i > 0) out += link(i - 1, "← ", "");
    if (i + 1 < guide.lessons.size()) out += link(i + 1, "", " →");
  }
  return out;
}

std::string search_json(const Guide& guide) {
  std::string out;
  for (const Lesson& l : guide.lessons) {
    std::string rows, text;
    for (const std::string& r : l.rows) rows += (rows.empty() ? "" : ",") + text::quote_json(r);
    const Page page = computed(l);
    for (const Section& s : l.sections) text += words_of(parse_markdown(s.text, page)) + " ";
    out += (out.empty() ? "[" : ",\n") + ("{\"number\":" + text::quote_json(l.number)) +
           ",\"slug\":" + text::quote_json(l.slug) + ",\"title\":" + text::quote_json(l.title) +
           ",\"part\":" + text::quote_json(l.part) + ",\"summary\":" + text::quote_json(l.summary) +
           ",\"rows\":[" + rows + "],\"text\":" + text::quote_json(text) + "}";
  }
  return (out.empty() ? "[" : out) + "]\n";
}

std::string llms_txt(const Guide& guide) {
  std::string out =
      "# Gradus, the guide\n\n> Lessons on the mathematics of deep learning. Every number on a "
      "page is computed by the "
      "program that prints it.\n\n## Lessons\n\n";
  for (const Lesson& l : guide.lessons)
    out += "- [" + l.number + " " + l.title + "](" + l.slug + ".html): " + l.summary + "\n";
  return out +
         "\n## For machines\n\n- [search.json](search.json): title, summary, requirement rows and "
         "text of each lesson\n";
}

}  // namespace

std::string lesson_html(const Guide& guide, const Lesson& lesson, const Page& page) {
  const Writer w(guide, lesson, page);
  std::string contents, body;
  for (const Section& s : lesson.sections) {
    const std::string id = anchor(s.heading);
    contents += "<li><a href=\"#" + id + "\">" + escape_html(s.heading) + "</a></li>";
    std::string inside;
    if (s.heading == "Exercises") {
      for (const Exercise& e : lesson.exercises()) inside += w.exercise(e);
    } else if (s.heading == "Interview questions") {
      for (const Question& q : lesson.questions())
        inside += "<details class=\"q\"><summary>" + escape_html(q.question) +
                  "</summary><p><strong>Short answer.</strong> " + w.line(q.short_answer) +
                  "</p><p><strong>Strong answer.</strong> " + w.line(q.strong_answer) +
                  "</p><p><strong>Key phrases.</strong> " +
                  escape_html(text::join(q.key_phrases, "; ")) +
                  "</p><p><strong>Follow-up.</strong> " + w.line(q.follow_up) + "</p></details>\n";
    } else {
      inside = w.markdown(s.text);
    }
    if (s.heading == "Key takeaway") inside = "<div class=\"takeaway\">" + inside + "</div>";
    if (is_second_reading(s.heading))
      body += "<details class=\"second\" id=\"" + id + "\"><summary>" + escape_html(s.heading) +
              "<small>for a second reading</small></summary>\n" + inside + "</details>\n";
    else
      body += "<section id=\"" + id + "\"><h2>" + escape_html(s.heading) + "</h2>\n" + inside +
              "</section>\n";
  }
  std::string needs, see, foot;
  for (const std::string& n : lesson.needs)
    needs += (needs.empty() ? "" : ", ") + link_to(guide, n);
  for (const std::string& n : lesson.see) see += (see.empty() ? "" : ", ") + link_to(guide, n);
  if (!see.empty()) foot += "<p>See also: " + see + "</p>";
  if (!lesson.references.empty())
    foot += "<p>To read on: " + escape_html(text::join(lesson.references, "; ")) + "</p>";
  foot += "<p>On the command line: <code>gradus learn " + escape_html(lesson.slug) + "</code></p>";
  return page_of(
      lesson.title + " · Gradus", lesson.summary,
      "<nav class=\"top\" aria-label=\"guide\"><a href=\"index.html\">Gradus</a>" +
          neighbours(guide, lesson, false) + "</nav>\n<div class=\"page\">\n<aside><ol>" +
          contents + "</ol></aside>\n<main id=\"main\">\n<p class=\"kicker\">" +
          escape_html(lesson.label()) + " · " +
          escape_html(lesson.part.substr(std::min(lesson.part.find(' ') + 1, lesson.part.size()))) +
          " · about " + std::to_string(lesson.minutes) + " minutes</p>\n<h1>" +
          escape_html(lesson.title) + "</h1>\n<p class=\"lead\">" + escape_html(lesson.summary) +
          "</p>\n" + (needs.empty() ? "" : "<p class=\"needs\">Read before: " + needs + "</p>\n") +
          body + "<footer><div class=\"next\">" + neighbours(guide, lesson, true) + "</div>" +
          foot + "</footer>\n</main>\n</div>\n");
}

std::string index_html(const Guide& guide) {
  std::string list, part;
  for (const Lesson& l : guide.lessons) {
    if (l.part != part) {
      list += part.empty() ? "" : "</ul>";
      list += "<h2>" + escape_html(l.part.substr(std::min(l.part.find(' ') + 1, l.part.size()))) +
              "</h2>\n<ul class=\"list\">";
      part = l.part;
    }
    list += "<li><a href=\"" + escape_html(l.slug) + ".html\"><i>" + escape_html(l.number) +
            "</i><b>" + escape_html(l.title) + "</b><i class=\"min\">" + std::to_string(l.minutes) +
            " min</i><span>" + escape_html(l.summary) + "</span></a></li>\n";
  }
  if (!part.empty()) list += "</ul>";
  // Without scripts the field is not there, and the list is whole.
  static constexpr std::string_view script = R"js(
const list=[...document.querySelectorAll('.list li')],find=document.createElement('input');
find.id='find';find.type='search';find.placeholder='Search the guide';find.setAttribute('aria-label','Search the guide');
document.querySelector('.lead').after(find);let pages=null;
find.addEventListener('input',async()=>{const words=find.value.toLowerCase().split(/\s+/).filter(Boolean);
if(!pages)try{pages=await(await fetch('search.json')).json()}catch{pages=[]}
for(const li of list){const slug=li.firstChild.getAttribute('href').slice(0,-5),p=pages.find(p=>p.slug===slug);
const text=(li.textContent+' '+(p?p.text:'')).toLowerCase();li.hidden=!words.every(w=>text.includes(w))}});
)js";
  return page_of("Gradus, the guide",
                 "Lessons on the mathematics of deep learning, with real numbers.",
                 "<main class=\"index\" id=\"main\"><p class=\"kicker\">Gradus</p>\n<h1>The "
                 "mathematics of deep learning, "
                 "step by step</h1>\n<p class=\"lead\">Every number on these pages is computed by "
                 "the program that prints "
                 "them.</p>\n" +
                     list + "</main>\n<script>" + std::string(script) + "</script>\n");
}

std::vector<std::string> write_site(const Guide& guide, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder))
    raise(ErrorKind::file,
          folder + ": the folder cannot be made" + (error ? ": " + error.message() : "") + ".");
  std::vector<std::string> files;
  const auto write = [&](const std::string& name, const std::string& text) {
    write_file_atomically(folder + "/" + name, as_bytes(text));
    files.push_back(name);
  };
  for (const Lesson& l : guide.lessons) write(l.slug + ".html", lesson_html(guide, l, computed(l)));
  write("search.json", search_json(guide));
  write("llms.txt", llms_txt(guide));
  write("index.html", index_html(guide));
  return files;
}

}  // namespace gradus::lessons
