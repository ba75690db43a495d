// Layers by longest path, few crossings by barycentres, places by least squares; then the page.
#include <gradus/base/html.h>
#include <gradus/base/text.h>
#include <gradus/core/buffer.h>
#include <gradus/diff/draw.h>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace gradus {
namespace {

constexpr size_t most_drawn = 400;  // nodes of one picture

// At most this many characters; the whole stands in the table.
std::string cut(const std::string& s, size_t most) {
  size_t count = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    if ((static_cast<unsigned char>(s[i]) & 0xC0) == 0x80) continue;
    if (++count == most + 1) return s.substr(0, i) + "…";
  }
  return s;
}

struct Node {
  std::string id;  // of the element
  std::vector<std::string> lines;
  std::string forward, backward;  // said when the step is reached
  bool is_input = false, is_output = false;
};
struct Edge {
  size_t from, to;
  std::string slope;  // the local derivative, or empty
};

// What is drawn: the rows of a trace, or its groups.
struct Picture {
  std::vector<Node> nodes;
  std::vector<Edge> edges;
};

std::string slope_text(const Reason& r) {
  if (r.slope.empty()) return {};
  const bool shows_more = r.slope_value.rank() == 0 && !text::parse_double(r.slope);
  return shows_more ? r.slope + " = " + cell_of(r.slope_value) : r.slope;
}

// Of the edge between two rows; parts that went the same way are joined.
std::string slope_between(const Trace& t, size_t from, size_t to) {
  std::vector<std::string> all;
  for (const Reason& r : t.rows[from].because)
    if (r.from == to && !r.slope.empty()) all.push_back(slope_text(r));
  return text::join(all, "; ");
}

// Ids of nodes begin with `prefix`: a page may hold several pictures.
Picture picture_of(const Trace& t, std::span<const TraceGroup> groups, const std::string& prefix) {
  constexpr size_t widest = 26;
  Picture p;
  constexpr size_t nowhere = ~size_t{0};
  std::vector<size_t> node_of(t.rows.size(), nowhere);
  const auto size_words = [](const std::string& what, const Tensor& x) {
    constexpr int64_t short_list = 4;
    return x.size() <= short_list
               ? (what.empty() ? "" : what + " ") + cell_of(x)
               : (what.empty() ? "" : what + " ") + "norm " + text::significant(norm_of(x), 4);
  };
  for (const TraceGroup& g : groups) {
    const TraceRow& row = t.rows[g.result];
    Node n;
    n.id = prefix + row.name;
    n.is_input = row.is_input;
    n.is_output = row.is_output;
    const bool one = g.rows.size() == 1;
    n.lines.push_back(cut(one ? row.name + "  " + step_of(row) : g.name + "  " + row.step, widest));
    n.lines.push_back(cut(size_words("", row.value), widest));
    if (!row.bar.is_absent()) n.lines.push_back(cut(size_words("bar", row.bar), widest));
    n.forward = (one ? "" : g.name + ": ") + row.name + " = " + step_of(row) + " = " +
                cell_of(row.value) + (row.is_held ? ", held constant" : "");
    if (!row.bar.is_absent())
      n.backward =
          "bar of " + row.name + " = " + cell_of(row.bar) + ", because " + because_of(t, row, true);
    for (size_t i : g.rows) node_of[i] = p.nodes.size();
    p.nodes.push_back(std::move(n));
  }
  std::map<std::pair<size_t, size_t>, std::string> edges;
  for (size_t i = 0; i < t.rows.size(); ++i)
    for (size_t from : t.rows[i].from) {
      const size_t a = node_of[from], b = node_of[i];
      if (a == b || a == nowhere || b == nowhere) continue;
      std::string& slope = edges[{a, b}];
      if (groups[a].rows.size() == 1 && groups[b].rows.size() == 1)
        slope = slope_between(t, from, i);
    }
  for (auto& [ends, slope] : edges) p.edges.push_back({ends.first, ends.second, std::move(slope)});
  return p;
}

// Places -----------------------------------------------------------------------------------------

struct Slot {
  size_t node;  // or past the last: a bend of a long edge
  double width, x = 0;
  std::vector<size_t> up, down;  // slots
};

struct Layout {
  std::vector<std::vector<size_t>> layers;  // slots, left to right
  std::vector<Slot> slots;
  std::vector<std::vector<size_t>> ways;  // slots of each edge, from its first node to its last
  std::vector<size_t> layer_of;           // by slot
};

double width_of(const Node& n) {
  constexpr double character = 7.3, margin = 22, least = 84;
  size_t longest = 0;
  for (const std::string& line : n.lines) longest = std::max(longest, text::width(line));
  return std::max(least, character * static_cast<double>(longest) + margin);
}

// Every node above those computed from it; what comes first stands just above its first use.
std::vector<size_t> layers_of(const Picture& p) {
  std::vector<std::vector<size_t>> in(p.nodes.size()), out(p.nodes.size());
  std::vector<size_t> missing(p.nodes.size()), ready, layer(p.nodes.size());
  for (const Edge& e : p.edges) {
    in[e.to].push_back(e.from);
    out[e.from].push_back(e.to);
    ++missing[e.to];
  }
  for (size_t i = 0; i < missing.size(); ++i)
    if (missing[i] == 0) ready.push_back(i);
  // A group may both feed another and read from it: what never gets ready stays on top.
  for (size_t i = 0; i < ready.size(); ++i)
    for (size_t to : out[ready[i]]) {
      layer[to] = std::max(layer[to], layer[ready[i]] + 1);
      if (--missing[to] == 0) ready.push_back(to);
    }
  for (size_t i = 0; i < p.nodes.size(); ++i) {
    if (!in[i].empty() || out[i].empty()) continue;
    size_t first = layer[out[i][0]];
    for (size_t to : out[i]) first = std::min(first, layer[to]);
    layer[i] = first > 0 ? first - 1 : 0;
  }
  return layer;
}

size_t crossings(const Layout& l) {
  size_t count = 0;
  std::vector<size_t> place(l.slots.size());
  for (const auto& layer : l.layers)
    for (size_t i = 0; i < layer.size(); ++i) place[layer[i]] = i;
  for (const auto& layer : l.layers) {
    std::vector<std::pair<size_t, size_t>> ends;
    for (size_t s : layer)
      for (size_t d : l.slots[s].down) ends.emplace_back(place[s], place[d]);
    for (size_t i = 0; i < ends.size(); ++i)
      for (size_t j = i + 1; j < ends.size(); ++j)
        count += (ends[i].first < ends[j].first && ends[i].second > ends[j].second) ||
                 (ends[i].first > ends[j].first && ends[i].second < ends[j].second);
  }
  return count;
}

void sort_by_neighbours(Layout& l, bool downwards) {
  std::vector<double> place(l.slots.size());
  for (const auto& layer : l.layers)
    for (size_t i = 0; i < layer.size(); ++i) place[layer[i]] = static_cast<double>(i);
  const size_t n = l.layers.size();
  for (size_t k = 0; k < n; ++k) {
    auto& layer = l.layers[downwards ? k : n - 1 - k];
    std::vector<double> wish(l.slots.size());
    for (size_t s : layer) {
      const auto& near = downwards ? l.slots[s].up : l.slots[s].down;
      double sum = 0;
      for (size_t o : near) sum += place[o];
      wish[s] = near.empty() ? place[s] : sum / static_cast<double>(near.size());
    }
    std::ranges::stable_sort(layer, {}, [&](size_t s) { return wish[s]; });
    for (size_t i = 0; i < layer.size(); ++i) place[layer[i]] = static_cast<double>(i);
  }
}

// As near as possible to the mean of the neighbours, in least squares, with the order and the gaps
// kept: isotonic regression by pooling.
void place_by_neighbours(Layout& l, const std::vector<size_t>& layer, bool downwards) {
  constexpr double gap = 26;
  struct Pool {
    double sum;
    size_t count;
    double mean() const { return sum / static_cast<double>(count); }
  };
  std::vector<Pool> pools;
  std::vector<double> offset(layer.size());
  for (size_t i = 0; i < layer.size(); ++i) {
    const Slot& s = l.slots[layer[i]];
    if (i > 0) offset[i] = offset[i - 1] + (l.slots[layer[i - 1]].width + s.width) / 2 + gap;
    const auto& near = downwards ? s.up : s.down;
    double sum = 0;
    for (size_t o : near) sum += l.slots[o].x;
    const double wish = near.empty() ? s.x : sum / static_cast<double>(near.size());
    pools.push_back({wish - offset[i], 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
      pools[pools.size() - 2].sum += pools.back().sum;
      pools[pools.size() - 2].count += pools.back().count;
      pools.pop_back();
    }
  }
  size_t i = 0;
  for (const Pool& pool : pools)
    for (size_t k = 0; k < pool.count; ++k, ++i) l.slots[layer[i]].x = pool.mean() + offset[i];
}

Layout laid_out(const Picture& p) {
  constexpr int sweeps = 12;
  constexpr double bend_width = 14;
  Layout l;
  const std::vector<size_t> layer = layers_of(p);
  size_t count = 0;
  for (size_t k : layer) count = std::max(count, k + 1);
  l.layers.resize(count);
  const auto add = [&](size_t node, double width, size_t at) {
    l.slots.push_back({node, width, 0, {}, {}});
    l.layer_of.push_back(at);
    l.layers[at].push_back(l.slots.size() - 1);
    return l.slots.size() - 1;
  };
  for (size_t i = 0; i < p.nodes.size(); ++i) add(i, width_of(p.nodes[i]), layer[i]);
  for (const Edge& e : p.edges) {
    l.ways.push_back({e.from});
    const auto join = [&](size_t to) {
      const size_t last = l.ways.back().back();
      l.slots[last].down.push_back(to);
      l.slots[to].up.push_back(last);
      l.ways.back().push_back(to);
    };
    for (size_t k = layer[e.from] + 1; k < layer[e.to]; ++k)
      join(add(p.nodes.size(), bend_width, k));
    if (layer[e.to] > layer[e.from])
      join(e.to);
    else
      l.ways.back().push_back(e.to);
  }
  auto best = l.layers;
  size_t fewest = crossings(l);
  for (int i = 0; i < sweeps && fewest > 0; ++i) {
    sort_by_neighbours(l, i % 2 == 0);
    if (const size_t now = crossings(l); now < fewest) {
      fewest = now;
      best = l.layers;
    }
  }
  l.layers = best;
  for (const auto& slots : l.layers) {
    double x = 0;
    for (size_t s : slots) {
      l.slots[s].x = x + l.slots[s].width / 2;
      x += l.slots[s].width + 26;
    }
  }
  for (int i = 0; i < sweeps; ++i)
    for (size_t k = 0; k < count; ++k)
      place_by_neighbours(l, l.layers[i % 2 == 0 ? k : count - 1 - k], i % 2 == 0);
  return l;
}

std::string at(double x) {
  return text::fixed(x, 1);
}

std::string svg_of(const Picture& p, const std::string& says) {
  constexpr double line = 17, head = 30, between = 58, side = 12;
  const Layout l = laid_out(p);
  double left = 0, right = 0;
  for (const Slot& s : l.slots) {
    left = std::min(left, s.x - s.width / 2);
    right = std::max(right, s.x + s.width / 2);
  }
  std::vector<double> top(l.layers.size()), tall(l.layers.size());
  double y = side;
  for (size_t k = 0; k < l.layers.size(); ++k) {
    for (size_t s : l.layers[k])
      if (l.slots[s].node < p.nodes.size())
        tall[k] = std::max(
            tall[k], head + line * static_cast<double>(p.nodes[l.slots[s].node].lines.size() - 1));
    top[k] = y;
    y += tall[k] + between;
  }
  const double width = right - left + 2 * side, height = y - between + side;
  std::string out = "<svg viewBox=\"" + at(left - side) + " 0 " + at(width) + " " + at(height) +
                    "\" width=\"" + at(width) + "\" height=\"" + at(height) +
                    "\" role=\"img\" aria-label=\"" + escape_html(says) + "\">\n";
  std::vector<int> arrivals(p.nodes.size());
  for (size_t i = 0; i < p.edges.size(); ++i) {
    const Edge& e = p.edges[i];
    const auto& way = l.ways[i];
    std::string path;
    double x0 = 0, y0 = 0, label_x = 0, label_y = 0;
    for (size_t k = 0; k < way.size(); ++k) {
      const Slot& s = l.slots[way[k]];
      const size_t layer = l.layer_of[way[k]];
      const bool node = s.node < p.nodes.size();
      const double y1 = top[layer] + (node || k == 0 ? 0 : tall[layer] / 2);
      if (k == 0) {
        y0 = top[layer] + head + line * static_cast<double>(p.nodes[e.from].lines.size() - 1);
        path = "M" + at(s.x) + " " + at(y0);
      } else {
        const double bend = (y1 - y0) / 2;
        path += "C" + at(x0) + " " + at(y0 + bend) + " " + at(s.x) + " " + at(y1 - bend) + " " +
                at(s.x) + " " + at(y1);
        if (k == 1) {
          // On the curve below its first node, operands one under the other.
          const double t = 0.3 + 0.2 * static_cast<double>(arrivals[e.to]++ % 3);
          const double r = 1 - t;
          label_x = (r * r * r + 3 * r * r * t) * x0 + (3 * r * t * t + t * t * t) * s.x;
          label_y = r * r * r * y0 + 3 * r * r * t * (y0 + bend) + 3 * r * t * t * (y1 - bend) +
                    t * t * t * y1 + 4;
        }
        y0 = y1;
      }
      x0 = s.x;
    }
    // A triangle of the size of a letter.
    path += "m-4 -7l4 7l4 -7";
    out += "<g class=\"edge\" data-from=\"" + p.nodes[e.from].id + "\" data-to=\"" +
           p.nodes[e.to].id + "\"><path d=\"" + path + "\"></path>";
    if (!e.slope.empty())
      out += "<text class=\"slope\" x=\"" + at(label_x) + "\" y=\"" + at(label_y) + "\">" +
             escape_html(cut(e.slope, 30)) + "</text><title>local derivative " +
             escape_html(e.slope) + "</title>";
    out += "</g>\n";
  }
  for (size_t i = 0; i < p.nodes.size(); ++i) {
    const Node& n = p.nodes[i];
    const Slot& s = l.slots[i];
    const double from = top[l.layer_of[i]];
    out += std::string("<g class=\"node") + (n.is_input ? " input" : "") +
           (n.is_output ? " output" : "") + "\" id=\"" + n.id + "\" data-forward=\"" +
           escape_html(n.forward) + "\" data-backward=\"" + escape_html(n.backward) +
           "\"><rect x=\"" + at(s.x - s.width / 2) + "\" y=\"" + at(from) + "\" width=\"" +
           at(s.width) + "\" height=\"" +
           at(head + line * static_cast<double>(n.lines.size() - 1)) + "\" rx=\"7\"></rect>";
    constexpr const char* kinds[] = {"what", "value", "bar"};
    for (size_t k = 0; k < n.lines.size(); ++k)
      out += std::string("<text class=\"") + kinds[k] + "\" x=\"" + at(s.x) + "\" y=\"" +
             at(from + 20 + line * static_cast<double>(k)) + "\">" + escape_html(n.lines[k]) +
             "</text>";
    out += "<title>" + escape_html(n.forward + (n.backward.empty() ? "" : "; " + n.backward)) +
           "</title></g>\n";
  }
  return out + "</svg>";
}

// The page ---------------------------------------------------------------------------------------

constexpr std::string_view style = R"css(
:root{--paper:#fbfaf6;--card:#fff;--ink:#1b1a17;--soft:#55524b;--muted:#77736a;--line:#e3dfd4;
--accent:#2344c4;--tint:#e9edfb;color-scheme:light dark}
@media screen and (prefers-color-scheme:dark){:root{--paper:#15161a;--card:#1b1d22;--ink:#eceae4;
--soft:#bdbab2;--muted:#9a978f;--line:#34363f;--accent:#93a8ff;--tint:#252b46}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:1120px;padding:32px 24px 48px;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif;
font-variant-numeric:tabular-nums lining-nums}
.kicker,.why{margin:0;color:var(--muted);font-size:13.5px;max-width:76ch}
h1{font:600 clamp(22px,3.6vw,34px)/1.2 "Iowan Old Style","Palatino Linotype",Palatino,Charter,Georgia,
"Liberation Serif",serif;margin:6px 0 14px;overflow-wrap:anywhere}
h2{font-size:18px;margin:34px 0 2px}
.facts{display:flex;flex-wrap:wrap;gap:0 34px;margin:0;padding:10px 0;border-top:2px solid var(--ink);
border-bottom:1px solid var(--line)}
.facts dt{font-size:12.5px;color:var(--muted)}
.facts dd{margin:0;font-weight:600;font-size:18px;overflow-wrap:anywhere}
.facts .result dd{color:var(--accent)}
code,svg text,td,summary,#said{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.bar-line{position:sticky;top:0;z-index:1;background:var(--paper);display:flex;flex-wrap:wrap;
gap:6px 14px;align-items:center;padding:8px 0;font-size:14px}
button{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--line);
border-radius:6px;padding:3px 12px;cursor:pointer}
#said{flex:1 1 100%;min-height:3em;font-size:13.5px;color:var(--ink);overflow-wrap:anywhere}
.off .steps{display:none}
.box{overflow-x:auto;-webkit-overflow-scrolling:touch}
svg{display:block;margin:8px auto;font-size:12px}
svg text{text-anchor:middle;fill:var(--ink);white-space:pre}
.node rect{fill:var(--card);stroke:var(--muted);stroke-width:1}
.node.input rect{stroke-dasharray:4 3}
.node.output rect{stroke:var(--ink);stroke-width:2}
.node .bar{fill:var(--accent)}
.node .value{fill:var(--soft)}
.edge path{fill:none;stroke:var(--muted);stroke-width:1.2}
svg .slope{visibility:hidden;fill:var(--accent);paint-order:stroke;stroke:var(--paper);
stroke-width:5px;stroke-linejoin:round;font-size:11px}
.edge:hover .slope,.edge.cause .slope,.slopes:checked~* .slope{visibility:visible}
.edge.cause path{stroke:var(--accent);stroke-width:2.6}
.later{opacity:.25}
.nobar .bar{visibility:hidden}
.node.now rect{fill:var(--tint);stroke:var(--accent);stroke-width:2.4}
tr.now,details.now>summary{background:var(--tint)}
table{border-collapse:collapse;font-size:13.5px;line-height:1.4;width:100%}
th{font-weight:400;text-align:left;color:var(--muted);font-size:12.5px}
td,th{padding:5px 18px 5px 6px;vertical-align:top}
td{border-top:1px solid var(--line)}
.n{text-align:right;white-space:nowrap}
td.n.bar{color:var(--accent)}
.more{display:block;color:var(--muted);font-size:12px;white-space:normal}
details{border-top:1px solid var(--line);padding:2px 0}
summary{cursor:pointer;padding:5px 4px;font-size:13.5px;overflow-wrap:anywhere}
summary b{font-weight:650}
footer{margin-top:36px;color:var(--muted);font-size:13px}
@media(max-width:640px){body{padding:20px 14px 40px}
table,tbody,tr,td{display:block}thead{display:none}tr{border-top:1px solid var(--line);padding:6px 0}
td{border:0;padding:1px 0}.n{text-align:left;white-space:normal}
td[data-is]::before{content:attr(data-is) " ";color:var(--muted);font-family:system-ui,sans-serif;font-size:12px}
td:empty{display:none}}
@media print{.bar-line{display:none}}
)css";

// Counts forward over all nodes, then back over those with an adjoint; -1 shows everything.
constexpr std::string_view script = R"js(
(function(){
var nodes=Array.prototype.slice.call(document.querySelectorAll('#graph .node'));
if(!nodes.length)return;
var edges=Array.prototype.slice.call(document.querySelectorAll('#graph .edge'));
var back=nodes.filter(function(n){return n.dataset.backward}).reverse();
var steps=nodes.map(function(n){return[n,'forward']}).concat(back.map(function(n){return[n,'backward']}));
var now=-1,said=document.getElementById('said'),idle=said.textContent;
document.body.classList.remove('off');
function show(k){
now=Math.max(-1,Math.min(steps.length-1,k));
var step=steps[now],seen={},bars={};
steps.forEach(function(s,i){if(now<0||i<=now){(s[1]==='forward'?seen:bars)[s[0].id]=1}});
nodes.forEach(function(n){
n.classList.toggle('later',!seen[n.id]);
n.classList.toggle('nobar',!bars[n.id]);
n.classList.toggle('now',!!step&&step[0]===n);
var row=document.getElementById('r'+n.id.slice(1));
if(row)row.classList.toggle('now',!!step&&step[0]===n);
});
edges.forEach(function(e){
e.classList.toggle('later',!seen[e.dataset.to]);
e.classList.toggle('cause',!!step&&step[0].id===e.dataset[step[1]==='forward'?'to':'from']);
});
said.textContent=step?(now+1)+' of '+steps.length+', '+step[1]+': '+step[0].dataset[step[1]]:idle;
if(step&&step[0].scrollIntoView)step[0].scrollIntoView({block:'nearest',inline:'nearest'});
}
document.getElementById('next').onclick=function(){show(now+1)};
document.getElementById('previous').onclick=function(){show(now-1)};
document.getElementById('whole').onclick=function(){show(-1)};
document.addEventListener('keydown',function(e){
if(e.ctrlKey||e.altKey||e.metaKey)return;
var on=e.target.closest&&e.target.closest('input,button,summary,a');
if(e.key==='ArrowRight'||(e.key===' '&&!on))show(now+1);
else if(e.key==='ArrowLeft')show(now-1);
else if(e.key==='Escape')show(-1);
else return;
e.preventDefault();
});
})();
)js";

std::string more_of(const Tensor& x) {
  constexpr int64_t short_list = 4;
  return x.size() <= short_list ? ""
                                : "<span class=\"more\">" + escape_html(summary_of(x)) + "</span>";
}

std::string table_of(const Trace& t, std::span<const size_t> rows, bool mark_rows) {
  std::string out =
      "<div class=\"box\"><table><thead><tr><th scope=\"col\">id</th><th scope=\"col\">step</th>"
      "<th scope=\"col\" class=\"n\">value</th><th scope=\"col\" class=\"n\">bar</th>"
      "<th scope=\"col\">because</th></tr></thead><tbody>\n";
  for (size_t i : rows) {
    const TraceRow& row = t.rows[i];
    std::string because = because_of(t, row, true);
    if (row.is_held) because = "held constant";
    out += (mark_rows ? "<tr id=\"r" + row.name + "\">" : std::string("<tr>")) +
           "<td data-is=\"id\">" + row.name + "</td><td data-is=\"step\">" +
           escape_html(step_of(row)) + "</td><td class=\"n\" data-is=\"value\">" +
           escape_html(cell_of(row.value)) + more_of(row.value) +
           "</td><td class=\"n bar\" data-is=\"bar\">" +
           (row.bar.is_absent() ? "" : escape_html(cell_of(row.bar)) + more_of(row.bar)) +
           "</td><td>" + escape_html(because) + "</td></tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string facts_of(const Trace& t) {
  std::vector<std::string> by, held;
  for (const TraceRow& row : t.rows)
    if (row.is_input && !row.bar.is_absent())
      by.push_back(row.label);
    else if (row.is_held)
      held.push_back(row.label);
  const auto fact = [](const std::string& kind, const std::string& name, const std::string& value) {
    return "<div" + kind + "><dt>" + name + "</dt><dd>" + escape_html(value) + "</dd></div>";
  };
  const auto listed = [](const std::vector<std::string>& all) {
    constexpr size_t most = 12;
    if (all.size() <= most) return text::join(all, ", ");
    return text::join(std::span(all).first(most), ", ") + " and " +
           std::to_string(all.size() - most) + " more";
  };
  std::string out = "<dl class=\"facts\">" + fact(" class=\"result\"", "result", cell_of(t.value)) +
                    fact("", "steps", std::to_string(t.rows.size()));
  if (!by.empty()) out += fact("", "differentiated by", listed(by));
  if (!held.empty()) out += fact("", "held constant", listed(held));
  return out + "</dl>\n";
}

}  // namespace

std::string to_html(const Trace& trace, const TracePage& page) {
  const bool folded = page.fold || wants_folding(trace);
  const std::vector<TraceGroup> groups = groups_of(trace, folded);
  const std::string title = page.title.empty() ? "A computation, forward and backward" : page.title;
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<title>" +
      escape_html(title) + "</title>\n<style>" + std::string(style) +
      "</style>\n</head>\n<body class=\"off\">\n<p class=\"kicker\">gradus trace</p>\n<h1>" +
      escape_html(title) + "</h1>\n" + facts_of(trace);
  if (!page.note.empty()) out += "<p class=\"why\">" + escape_html(page.note) + "</p>\n";
  out +=
      "<h2>The graph</h2>\n<p class=\"why\">Numbers flow down; adjoints (blue) flow up. The "
      "adjoint of a value, its bar, says by how much the result changes when that value grows "
      "by a little: the sum, over the arrows that leave it, of the bar at the arrow’s end times "
      "the arrow’s local derivative.</p>\n";
  if (groups.size() > most_drawn) {
    out += "<p>" + std::to_string(groups.size()) + " steps are too many to draw.</p>\n";
  } else {
    const Picture picture = picture_of(trace, groups, "n");
    out +=
        "<input type=\"checkbox\" class=\"slopes\" id=\"slopes\"/> <label for=\"slopes\">show "
        "the local derivatives</label>\n<div class=\"bar-line steps\"><button type=\"button\" "
        "id=\"previous\">← back</button><button type=\"button\" id=\"next\">step →</button>"
        "<button type=\"button\" id=\"whole\">show all</button><span id=\"said\" "
        "aria-live=\"polite\">→ or space steps forward through the values, then backward "
        "through the adjoints; ← steps back.</span></div>\n<div class=\"box\" id=\"graph\">" +
        svg_of(picture, "Computational graph of " + title + " with " +
                            std::to_string(picture.nodes.size()) + " nodes and " +
                            std::to_string(picture.edges.size()) +
                            " edges; the table below has the same numbers.") +
        "</div>\n";
  }
  out += "<h2>The steps</h2>\n";
  if (!folded) {
    std::vector<size_t> every(trace.rows.size());
    for (size_t i = 0; i < every.size(); ++i) every[i] = i;
    out += table_of(trace, every, true);
  } else {
    for (const TraceGroup& g : groups) {
      const TraceRow& result = trace.rows[g.result];
      out += "<details id=\"r" + result.name + "\"><summary><b>" + escape_html(g.name) + "</b>  " +
             result.name + " " + escape_html(cell_of(result.value)) + ", norm " +
             text::significant(norm_of(result.value), 4);
      if (!result.bar.is_absent()) out += "; bar norm " + text::significant(norm_of(result.bar), 4);
      out += "; " + std::to_string(g.rows.size()) + (g.rows.size() == 1 ? " step" : " steps") +
             "</summary>\n";
      constexpr size_t most_rows = 200;  // of one group; the rest would make the page heavy
      const std::span<const size_t> rows(g.rows.data(), std::min(g.rows.size(), most_rows));
      constexpr size_t most_in_part = 60;
      if (g.rows.size() > 1 && g.rows.size() <= most_in_part) {
        std::vector<TraceGroup> steps;
        for (size_t i : g.rows) steps.push_back({trace.rows[i].name, {i}, i});
        out += "<div class=\"box\">" +
               svg_of(picture_of(trace, steps, "p"), "The steps of " + g.name) + "</div>\n";
      }
      out += table_of(trace, rows, false);
      if (rows.size() < g.rows.size())
        out +=
            "<p class=\"why\">and " + std::to_string(g.rows.size() - rows.size()) + " more</p>\n";
      out += "</details>\n";
    }
  }
  return out +
         "<footer>This page needs no network. Without scripts only the stepping is missing."
         "</footer>\n<script>" +
         std::string(script) + "</script>\n</body>\n</html>\n";
}

std::string to_dot(const Trace& trace) {
  const auto quoted = [](const std::string& s) {
    std::string out = "\"";
    for (const char c : s) {
      if (c == '"' || c == '\\') out += '\\';
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + "\"";
  };
  std::string out =
      "digraph trace {\n  node [shape=box, fontname=\"monospace\"];\n  edge "
      "[fontname=\"monospace\"];"
      "\n";
  const auto node = [&](const TraceRow& row, const std::string& indent) {
    std::string label = quoted(row.name + "  " + step_of(row));
    label.pop_back();
    label += "\\n" + quoted(cell_of(row.value)).substr(1);
    if (!row.bar.is_absent()) {
      label.pop_back();
      label += "\\nbar " + quoted(cell_of(row.bar)).substr(1);
    }
    if (row.is_held) {
      label.pop_back();
      label += "\\nheld constant\"";
    }
    out += indent + row.name + " [label=" + label + (row.is_input ? ", style=dashed" : "") +
           (row.is_output ? ", penwidth=2" : "") + "];\n";
  };
  size_t boxes = 0;
  for (const TraceGroup& g : groups_of(trace, true)) {
    if (g.rows.size() == 1 && trace.rows[g.rows[0]].group.empty()) {
      node(trace.rows[g.rows[0]], "  ");
      continue;
    }
    out +=
        "  subgraph cluster_" + std::to_string(boxes++) + " {\n    label=" + quoted(g.name) + ";\n";
    for (size_t i : g.rows) node(trace.rows[i], "    ");
    out += "  }\n";
  }
  for (size_t i = 0; i < trace.rows.size(); ++i) {
    std::vector<size_t> from = trace.rows[i].from;
    std::ranges::sort(from);
    from.erase(std::ranges::unique(from).begin(), from.end());
    for (size_t f : from) {
      const std::string slope = slope_between(trace, f, i);
      out += "  " + trace.rows[f].name + " -> " + trace.rows[i].name +
             (slope.empty() ? "" : " [label=" + quoted(slope) + "]") + ";\n";
    }
  }
  return out + "}\n";
}

}  // namespace gradus
