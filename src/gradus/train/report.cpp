// The page: style first, then one function per section, in reading order.
#include <gradus/base/text.h>
#include <gradus/train/plot.h>
#include <gradus/train/reading.h>
#include <gradus/train/report.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <utility>

namespace gradus {
namespace {

constexpr std::size_t most_classes_in_matrix = 20;
constexpr std::size_t most_mistakes = 24;
constexpr std::size_t most_spectra = 12;
constexpr std::size_t most_rows = 60;     // of the table behind the curves
constexpr std::size_t most_points = 700;  // of the faint loss of every step
constexpr std::size_t most_features = 8;  // of a mistake that is no picture
constexpr int64_t largest_side = 64;      // pixels; larger pictures would dominate the file

constexpr std::string_view style = R"css(
:root{--paper:#fbfaf6;--card:#fff;--ink:#1b1a17;--soft:#55524b;--muted:#77736a;--line:#e3dfd4;
--accent:#2344c4;--accent-rgb:35 68 196;--ink-rgb:27 26 23;--on:#fff;
--r0:#8298ea;--r1:#6780e4;--r2:#4c68da;--r3:#314fca;--r4:#1d359a;--r5:#0e1b58;color-scheme:light dark}
@media screen and (prefers-color-scheme:dark){:root{--paper:#15161a;--card:#1b1d22;--ink:#eceae4;
--soft:#bdbab2;--muted:#8f8c85;--line:#30323a;--accent:#93a8ff;--accent-rgb:147 168 255;
--ink-rgb:236 234 228;--on:#0e1020;
--r0:#4658ad;--r1:#5e72cf;--r2:#7a90ec;--r3:#9db0fb;--r4:#c2cefd;--r5:#e9edff}
.picture{filter:invert(1)}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif;
font-variant-numeric:tabular-nums lining-nums}
main,.top,footer{max-width:1080px;margin:0 auto;padding:0 28px}
.top{padding-top:40px}
h1,.lead{font-family:"Iowan Old Style","Palatino Linotype",Palatino,"Source Serif 4",Charter,Georgia,
"Liberation Serif",serif}
h1{font-weight:600;font-size:clamp(27px,4.4vw,42px);line-height:1.14;letter-spacing:-.012em;
margin:10px 0 26px;max-width:24em;text-wrap:balance}
.kicker{margin:0;font-size:13.5px;color:var(--muted);display:flex;flex-wrap:wrap;gap:4px 14px;
align-items:center}
.kicker b{color:var(--ink);font-weight:600}
.mark{display:inline-block;border-radius:99px;padding:1px 11px 2px;font-weight:600;font-size:12.5px}
.mark.fine{background:var(--accent);color:var(--on)}
.mark.note{box-shadow:inset 0 0 0 1.5px var(--ink);color:var(--ink)}
.mark.bad{background:var(--ink);color:var(--paper)}
.stats{display:grid;grid-template-columns:repeat(6,auto);gap:0;margin:0;padding:0;
border-top:2px solid var(--ink);border-bottom:1px solid var(--line)}
.stats div{padding:11px 16px 13px;border-left:1px solid var(--line)}
.stats div:first-child{padding-left:0;border-left:0}
.stats dt{font-size:12.5px;color:var(--muted);white-space:nowrap}
.stats dd{margin:0}
.stats .v{font-size:23px;line-height:1.25;font-weight:600;letter-spacing:-.01em;white-space:nowrap}
.stats div:first-child .v{color:var(--accent)}
.stats .s{font-size:12.5px;color:var(--soft);line-height:1.35}
h2{font-size:19px;line-height:1.25;font-weight:650;letter-spacing:-.005em;margin:0 0 4px}
h3{font-size:14.5px;font-weight:650;margin:0 0 1px}
.why{margin:0 0 12px;color:var(--muted);font-size:13.5px;line-height:1.42;max-width:70ch}
section{margin:44px 0 0}
.two{display:grid;grid-template-columns:minmax(0,1.08fr) minmax(0,1fr);gap:44px;align-items:start}
.lead p{margin:0 0 .72em;font-size:17.5px;line-height:1.53;max-width:36em}
.lead p:last-child{margin-bottom:0}
.next{margin:18px 0 0;padding:12px 16px 13px;border-left:3px solid var(--accent);background:var(--card);
font-size:15px}
.next h3{color:var(--accent)}
.next ul{margin:3px 0 0;padding-left:1.1em}
code,pre{font:.92em/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
p code,li code{background:rgb(var(--accent-rgb)/.1);padding:1px 5px;border-radius:4px;white-space:nowrap}
table{border-collapse:collapse;font-size:13.5px;line-height:1.35}
th{font-weight:600;text-align:left}
.box{overflow-x:auto;-webkit-overflow-scrolling:touch;max-width:100%}
.checks{width:100%}
.checks td,.checks th{padding:5px 0 5px 10px;border-top:1px solid var(--line);vertical-align:top}
.checks thead th{border-top:0;color:var(--muted);font-weight:400;font-size:12.5px;padding-top:0}
.checks th:first-child,.checks td:first-child{padding-left:0}
.checks .sign{font-weight:700;width:22px;text-align:center}
.checks .what{font-weight:400}
.checks .note .value,.checks .bad .value,.checks .note .what,.checks .bad .what{font-weight:650}
.checks .bad{background:rgb(var(--accent-rgb)/.1)}
.checks .usual{color:var(--muted)}
.checks .fine .sign{color:var(--accent)}
.grid2{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:34px 40px}
.grid2.one{grid-template-columns:minmax(0,1fr)}
.small{display:grid;grid-template-columns:repeat(auto-fill,minmax(225px,1fr));gap:26px 30px}
figure{margin:0;break-inside:avoid}
svg{display:block;width:100%;height:auto;overflow:visible;font-size:12px}
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
.none{color:var(--muted);font-size:14px;border:1px dashed var(--line);padding:24px;text-align:center}
.count{color:var(--muted);font-weight:400;font-size:12.5px;white-space:nowrap}
.sv{margin-top:4px;width:100%}
.sv td,.sv th{padding:1px 0 1px 8px;text-align:right;font-size:12.5px}
.sv th{color:var(--muted);font-weight:400}
.sv th:first-child{text-align:left;padding-left:0}
.sv .a{color:var(--accent);font-weight:600}
.cm td,.cm th{padding:0;text-align:center}
.cm tbody td{width:40px;min-width:36px;height:34px;border:2px solid var(--paper);border-radius:5px}
.cm thead th{padding:0 4px 5px;font-weight:600;vertical-align:bottom}
.cm tbody th{padding:0 9px 0 4px;text-align:right;white-space:nowrap;position:sticky;left:0;
background:var(--paper)}
.cm thead th.long span{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap}
.cm .zero{color:var(--line)}
.cm td.sum,.cm th.sum{color:var(--soft);padding:0 6px 0 10px;text-align:right;white-space:nowrap;
font-weight:400;width:auto}
.cm tfoot th,.cm tfoot td{padding-top:5px;color:var(--soft);font-weight:400}
.cm .axis{color:var(--muted);font-weight:400;text-align:left;padding-bottom:2px}
.split{display:grid;grid-template-columns:minmax(0,auto) minmax(220px,1fr);gap:36px;align-items:start}
.plain td,.plain th{padding:5px 16px 5px 0;border-top:1px solid var(--line);text-align:left;
vertical-align:top}
.plain thead th{border-top:0;color:var(--muted);font-weight:400;font-size:12.5px}
.plain .n{text-align:right;white-space:nowrap}
.bar{display:inline-block;height:9px;border-radius:2px;background:var(--accent);vertical-align:baseline;
margin-right:7px}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(96px,1fr));gap:18px 16px}
.pictures img{display:block;width:100%;height:auto;image-rendering:pixelated;border-radius:4px;
box-shadow:0 0 0 1px rgb(var(--ink-rgb)/.14)}
.pictures figcaption{font-size:13px;line-height:1.35;margin-top:6px}
.pictures b{font-weight:650}.pictures .sure{color:var(--muted)}
.config{columns:2;column-gap:44px;margin:6px 0 0;font-size:14px}
.config div{display:flex;gap:14px;justify-content:space-between;border-top:1px solid var(--line);
padding:5px 0;break-inside:avoid}
.config dt{color:var(--soft)}
.config dd{margin:0;text-align:right;overflow-wrap:anywhere;font-weight:500}
pre{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:12px 14px;margin:8px 0;
overflow-x:auto;font-size:14px}
details{margin-top:18px;font-size:14px}
summary{cursor:pointer;color:var(--accent);font-weight:600}
details .box{margin-top:8px;max-height:420px;overflow-y:auto}
details .plain td,details .plain th{text-align:right}
footer{margin-top:52px;padding-bottom:36px;color:var(--muted);font-size:13px}
footer p{border-top:1px solid var(--line);padding-top:12px;margin:0}
@media(max-width:860px){.stats{grid-template-columns:repeat(3,1fr)}
.stats div:nth-child(3n+1){padding-left:0;border-left:0}
.stats div:nth-child(n+4){border-top:1px solid var(--line)}.two,.split{grid-template-columns:minmax(0,1fr);gap:30px}}
@media(max-width:620px){main,.top,footer{padding-left:16px;padding-right:16px}.top{padding-top:22px}
.stats{grid-template-columns:repeat(2,1fr)}.stats div:nth-child(n){padding:9px 12px 10px 14px;border-left:
1px solid var(--line)}.stats div:nth-child(2n+1){padding-left:0;border-left:0}
.stats div:nth-child(n+3){border-top:1px solid var(--line)}.stats .v{font-size:21px}
.grid2{grid-template-columns:minmax(0,1fr)}.small{grid-template-columns:repeat(auto-fill,minmax(162px,1fr));
gap:22px 16px}.sv td,.sv th{padding-left:4px;font-size:12px}.config{columns:1}section{margin-top:36px}.lead p{font-size:16.5px}
.pictures{grid-template-columns:repeat(auto-fill,minmax(74px,1fr));gap:14px 12px}}
@media print{body{background:#fff;font-size:11pt}.stats,.two,.box{break-inside:avoid}
details{display:none}main,.top,footer{max-width:none;padding:0}section{margin-top:22pt}
.box{overflow:visible}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)css";

// Numbers keep together: "1 200" by a narrow space, "98 %" by one that does not break.
std::string numbers(std::string_view escaped) {
  std::string out;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    const bool between = escaped[i] == ' ' && i > 0 && i + 1 < escaped.size();
    if (between && digit(escaped[i - 1]) && digit(escaped[i + 1])) {
      out += "\xE2\x80\xAF";
    } else if (between && digit(escaped[i - 1]) && escaped[i + 1] == '%') {
      out += "\xC2\xA0";
    } else {
      out += escaped[i];
    }
  }
  return out;
}

std::string show(std::string_view s) {
  return numbers(escape_html(s));
}

// A sentence; what stands between backquotes is code.
std::string prose(std::string_view s) {
  std::string out;
  bool code = false;
  std::string piece;
  const auto flush = [&] {
    out += code ? escape_html(piece) : show(piece);
    piece.clear();
  };
  for (const char c : s) {
    if (c != '`') {
      piece += c;
      continue;
    }
    flush();
    out += code ? "</code>" : "<code>";
    code = !code;
  }
  flush();
  return code ? out + "</code>" : out;
}

std::string_view sign(Level level) {
  return level == Level::fine ? "✓" : level == Level::note ? "!" : "✗";
}
std::string_view word(Level level) {
  return level == Level::fine ? "fine" : level == Level::note ? "note" : "bad";
}

std::string base64(const std::string& bytes) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < n ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= n ? letters[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return out;
}

void append_be32(std::string& out, uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(v >> shift & 255);
}

// CRC-32 as PNG wants it: reflected polynomial 0xEDB88320, both ends inverted.
uint32_t crc32(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

void append_chunk(std::string& png, std::string_view kind, std::string_view body) {
  append_be32(png, static_cast<uint32_t>(body.size()));
  std::string checked(kind);
  checked += body;
  png += checked;
  append_be32(png, crc32(checked));
}

// An 8-bit grey PNG, its one deflate block stored as it is (up to 65 535 bytes): pictures this
// small gain nothing from compression. The largest value is black, the smallest white.
std::string png_of(const std::vector<float>& x, std::size_t rows, std::size_t cols) {
  float low = 0, high = 0;
  bool any = false;
  for (const float v : x) {
    if (!std::isfinite(v)) continue;
    low = any ? std::min(low, v) : v;
    high = any ? std::max(high, v) : v;
    any = true;
  }
  std::string raw;
  uint32_t a = 1, b = 0;  // Adler-32
  const auto put = [&](unsigned char byte) {
    raw += static_cast<char>(byte);
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  };
  for (std::size_t r = 0; r < rows; ++r) {
    put(0);
    for (std::size_t c = 0; c < cols; ++c) {
      const float v = x[r * cols + c];
      const double t = std::isfinite(v) && high > low
                           ? (static_cast<double>(v) - low) / (static_cast<double>(high) - low)
                           : 0;
      put(static_cast<unsigned char>(255 - std::lround(255 * std::clamp(t, 0.0, 1.0))));
    }
  }
  std::string png = "\x89PNG\r\n\x1A\n";
  std::string head;
  append_be32(head, static_cast<uint32_t>(cols));
  append_be32(head, static_cast<uint32_t>(rows));
  head += std::string("\x08\x00\x00\x00\x00", 5);
  append_chunk(png, "IHDR", head);
  const auto n = static_cast<uint32_t>(raw.size());
  std::string body("\x78\x01\x01", 3);
  for (const uint32_t v : {n, ~n}) {
    body += static_cast<char>(v & 255);
    body += static_cast<char>(v >> 8 & 255);
  }
  body += raw;
  append_be32(body, b << 16 | a);
  append_chunk(png, "IDAT", body);
  append_chunk(png, "IEND", {});
  return png;
}

std::string head(const RunRecord& run, const Reading& reading) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n";
  out += "<meta name=\"description\" content=\"" + escape_html(reading.verdict) + "\">\n";
  out += "<title>" + escape_html(run.name.empty() ? "A training run" : run.name) +
         " · gradus</title>\n<style>" + std::string(style);
  // Shades 0 to 9 of right answers (ink) and wrong ones (accent).
  for (int i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i), alpha = text::fixed(0.06 + 0.094 * i, 2);
    out += ".d" + n + "{background:rgb(var(--ink-rgb)/" + text::fixed(0.05 + 0.07 * i, 2) + ")}.e" +
           n + "{background:rgb(var(--accent-rgb)/" + alpha + ")}";
  }
  out += ".d6,.d7,.d8,.d9{color:var(--paper)}.e5,.e6,.e7,.e8,.e9{color:var(--on)}\n";
  return out + "</style>\n</head>\n<body>\n";
}

struct Stat {
  std::string name, value, more;
};

std::string header(const RunRecord& run, const Reading& reading) {
  const bool regression = run.task == "regression";
  const EpochRecord last = run.epochs.empty() ? EpochRecord{} : run.epochs.back();
  const auto latest = [](double end, double epoch) { return std::isfinite(end) ? end : epoch; };
  const double train_loss = latest(run.train_loss, last.train_loss);
  const double val_loss = latest(run.val_loss, last.val_loss);
  const bool has_val = run.val_count > 0;
  const auto number = [](double v) { return std::isfinite(v) ? brief(v) : std::string("–"); };
  const auto share = [](double v) { return std::isfinite(v) ? percent(v) : std::string("–"); };

  std::vector<Stat> stats;
  const std::string chance = std::isfinite(run.chance_loss) ? brief(run.chance_loss) : "";
  if (regression) {
    const double explained = 1 - (has_val ? val_loss : train_loss) / run.chance_loss;
    stats.push_back({"Variance explained", share(explained),
                     has_val ? "on validation data" : "on training data"});
  } else {
    const double train_accuracy = latest(run.train_accuracy, last.train_accuracy);
    const double val_accuracy = latest(run.val_accuracy, last.val_accuracy);
    stats.push_back({has_val ? "Validation accuracy" : "Training accuracy",
                     share(has_val ? val_accuracy : train_accuracy),
                     has_val && std::isfinite(train_accuracy)
                         ? "training " + percent(train_accuracy)
                         : std::string()});
    if (std::isfinite(run.calibration_error))
      stats.push_back({"Calibration error", share(run.calibration_error),
                       "accuracy between " + percent(run.accuracy_low) + " and " +
                           percent(run.accuracy_high) + " in 95 % of resamples"});
  }
  stats.push_back({"Validation loss", has_val ? number(val_loss) : "–",
                   chance.empty() ? "" : (regression ? "mean gives " : "chance ") + chance});
  stats.push_back({"Training loss", number(train_loss),
                   std::isfinite(run.start_loss) ? "start " + brief(run.start_loss) : ""});
  stats.push_back({"Parameters", text::grouped(run.parameters), run.model});
  stats.push_back({"Examples", text::grouped(run.train_count),
                   has_val ? "and " + text::grouped(run.val_count) + " for validation"
                           : "none for validation"});
  stats.push_back({"Time", clock_time(run.seconds),
                   counted(static_cast<int64_t>(run.epochs.size()), "epoch") + ", " +
                       counted(run.steps, "step")});

  std::string out = "<header class=\"top\">\n<p class=\"kicker\"><span class=\"mark " +
                    std::string(word(reading.level)) + "\">" + std::string(sign(reading.level)) +
                    (reading.level == Level::fine   ? " healthy"
                     : reading.level == Level::note ? " worth a look"
                                                    : " something is wrong") +
                    "</span>";
  if (!run.name.empty()) out += "<b>" + escape_html(run.name) + "</b>";
  if (!run.data_source.empty()) out += "<span>" + escape_html(run.data_source) + "</span>";
  if (!run.optimiser.empty()) out += "<span>" + escape_html(run.optimiser) + "</span>";
  out += "<span>seed " + std::to_string(run.seed) + "</span></p>\n<h1>" + show(reading.verdict) +
         "</h1>\n<dl class=\"stats\">";
  for (const Stat& s : stats) {
    out += "<div><dt>" + escape_html(s.name) + "</dt><dd class=\"v\">" + show(s.value) + "</dd>";
    if (!s.more.empty()) out += "<dd class=\"s\">" + show(s.more) + "</dd>";
    out += "</div>";
  }
  return out + "</dl>\n</header>\n<main>\n";
}

std::string words(const Reading& reading) {
  std::string out =
      "<section class=\"two\">\n<div><h2>What this run shows</h2>\n"
      "<p class=\"why\">Computed from the numbers of the run, by fixed rules.</p>\n"
      "<div class=\"lead\">";
  for (const std::string& p : reading.paragraphs) out += "<p>" + prose(p) + "</p>\n";
  out += "</div>";
  if (!reading.next.empty()) {
    out += "<aside class=\"next\"><h3>Next</h3><ul>";
    for (const std::string& n : reading.next) out += "<li>" + prose(n) + "</li>";
    out += "</ul></aside>";
  }
  out += "</div>\n";
  if (!reading.checks.empty()) {
    out +=
        "<div><h2>What was checked</h2>\n<p class=\"why\">✓ inside the usual range, ! outside "
        "it, ✗ outside and doing harm.</p>\n<div class=\"box\"><table class=\"checks\"><thead>"
        "<tr><th scope=\"col\"><span aria-hidden=\"true\">&nbsp;</span></th>"
        "<th scope=\"col\">what</th><th scope=\"col\">here</th><th scope=\"col\">usual</th>"
        "</tr></thead><tbody>";
    for (const Check& c : reading.checks) {
      out += "<tr class=\"" + std::string(word(c.level)) + "\"><td class=\"sign\">" +
             std::string(sign(c.level)) + "</td><th scope=\"row\" class=\"what\">" + show(c.what) +
             "</th><td class=\"value\">" + show(c.value) + "</td><td class=\"usual\">" +
             show(c.usual) + "</td></tr>\n";
    }
    out += "</tbody></table></div></div>\n";
  }
  return out + "</section>\n";
}

std::string figure(std::string_view title, std::string_view why, const Plot& plot) {
  return "<figure><figcaption><h3>" + escape_html(title) + "</h3><p class=\"why\">" + show(why) +
         "</p></figcaption>" + svg(plot) + "</figure>\n";
}

template <class Get>
Line epoch_line(const RunRecord& run, std::string label, Get get) {
  Line line;
  line.label = std::move(label);
  for (std::size_t i = 0; i < run.epochs.size(); ++i) {
    line.x.push_back(static_cast<double>(run.epochs[i].epoch));
    line.y.push_back(get(run.epochs[i]));
  }
  // More points than pixels across help nobody.
  return thinned(line, most_points);
}

std::string loss_figure(const RunRecord& run) {
  Plot plot;
  plot.id = "loss";
  plot.title = "Loss after each epoch";
  plot.x_label = "epoch";
  const double epochs =
      run.epochs.empty() ? 1 : static_cast<double>(std::max<int64_t>(1, run.epochs.back().epoch));
  Line steps;
  steps.faint = true;
  steps.width = 1;
  steps.colour = "var(--soft)";
  const std::size_t n = run.step_loss.size();
  for (std::size_t i = 0; i < n; ++i) {
    steps.x.push_back(epochs * static_cast<double>(i + 1) / static_cast<double>(n));
    steps.y.push_back(run.step_loss[i]);
  }
  Line train = epoch_line(run, "training", [](const EpochRecord& e) { return e.train_loss; });
  if (std::isfinite(run.start_loss)) {
    train.x.insert(train.x.begin(), 0);
    train.y.insert(train.y.begin(), run.start_loss);
  }
  Line val = epoch_line(run, "validation", [](const EpochRecord& e) { return e.val_loss; });
  val.colour = "var(--accent)";
  plot.lines = {std::move(train), std::move(val)};
  if (std::isfinite(run.chance_loss) && run.chance_loss > 0) {
    plot.rules.push_back({(run.task == "regression" ? "mean " : "chance ") + brief(run.chance_loss),
                          run.chance_loss});
  }
  plot.dots = run.epochs.size() <= 30;
  plot.lines.insert(plot.lines.begin(), thinned(steps, most_points));
  plot.log = wants_log(plot.lines);
  plot.from_zero = !plot.log;
  const std::string name = run.loss_name.empty() ? "Mean loss" : run.loss_name;
  return figure("Loss",
                name + (plot.log ? ", logarithmic" : "") +
                    "; the faint line is the loss of each step. Good: both fall together.",
                plot);
}

std::string accuracy_figure(const RunRecord& run) {
  Plot plot;
  plot.id = "accuracy";
  plot.title = "Accuracy after each epoch";
  plot.x_label = "epoch";
  plot.percent = true;
  Line train = epoch_line(run, "training", [](const EpochRecord& e) { return e.train_accuracy; });
  Line val = epoch_line(run, "validation", [](const EpochRecord& e) { return e.val_accuracy; });
  val.colour = "var(--accent)";
  double low = 1;
  for (const Line* line : {&train, &val}) {
    for (const double v : line->y) low = std::isfinite(v) ? std::min(low, v) : low;
  }
  plot.lines = {std::move(train), std::move(val)};
  const int64_t k = run.task == "binary" ? 2 : run.classes;
  const double guess = k >= 2 ? 1 / static_cast<double>(k) : 0;
  // From 0 unless all of it happens near the top.
  plot.y_low = low > 0.9 ? 0.9 : low > 0.8 ? 0.8 : low > 0.5 ? 0.5 : 0;
  plot.y_high = 1;
  if (guess >= plot.y_low && guess > 0) plot.rules.push_back({"1 in " + std::to_string(k), guess});
  plot.dots = run.epochs.size() <= 30;
  return figure("Accuracy",
                "Share of right answers. Validation well below training means that it learned "
                "examples by heart.",
                plot);
}

std::string gradient_figure(const RunRecord& run) {
  std::size_t layers = 0;
  for (const EpochRecord& e : run.epochs) layers = std::max(layers, e.grad_norm.size());
  if (layers == 0) return {};
  Plot plot;
  plot.id = "gradients";
  plot.title = "Gradient norm of each layer after each epoch";
  plot.x_label = "epoch";
  for (std::size_t l = 0; l < layers; ++l) {
    Line line = epoch_line(run, layer_name(run, l), [&](const EpochRecord& e) {
      return l < e.grad_norm.size() ? e.grad_norm[l] : not_measured;
    });
    line.colour = ramp_colour(l, layers);
    plot.lines.push_back(thinned(line, 200));
  }
  plot.log = true;
  plot.dots = run.epochs.size() <= 1;
  return figure(
      "Gradient norm per layer",
      "Mean over each epoch's steps, logarithmic; faint is near the input, strong near the "
      "output. Good: the same order of magnitude.",
      plot);
}

std::string update_figure(const RunRecord& run) {
  Plot plot;
  plot.id = "updates";
  plot.title = "Change of the weights in one step, relative to their length";
  plot.x_label = "epoch";
  plot.percent = true;
  Line line = epoch_line(run, "per step", [](const EpochRecord& e) { return e.update_ratio; });
  line.colour = "var(--accent)";
  plot.lines = {std::move(line)};
  const auto& y = plot.lines[0].y;
  if (std::none_of(y.begin(), y.end(), [](double v) { return std::isfinite(v); })) return {};
  plot.log = wants_log(plot.lines);
  plot.from_zero = !plot.log;
  plot.dots = run.epochs.size() <= 30;
  return figure("Size of a step",
                "How far one step moves the weights, as a share of their own length. Above 10 % "
                "the learning rate is usually too high.",
                plot);
}

std::string curves(const RunRecord& run) {
  if (run.epochs.empty() && run.step_loss.empty()) return {};
  std::string figures = loss_figure(run);
  if (run.task != "regression") figures += accuracy_figure(run);
  figures += gradient_figure(run) + update_figure(run);
  std::string out =
      "<section><h2>Over time</h2>\n<p class=\"why\">" + show(counted(run.steps, "step")) +
      "; each curve has one point per epoch.</p>\n<div class=\"grid2\">\n" + figures + "</div>\n";

  const std::size_t n = run.epochs.size();
  if (n > 0) {
    const std::size_t stride = (n + most_rows - 1) / most_rows;
    out +=
        "<details><summary>The numbers behind the curves</summary><div class=\"box\">"
        "<table class=\"plain\"><thead><tr>";
    for (const std::string_view h : {"epoch", "step", "training loss", "validation loss",
                                     "training accuracy", "validation accuracy", "time"}) {
      out += "<th scope=\"col\">" + std::string(h) + "</th>";
    }
    out += "</tr></thead><tbody>";
    const auto cell = [&](const std::string& s) { out += "<td>" + show(s) + "</td>"; };
    const auto number = [](double v) { return std::isnan(v) ? std::string("–") : brief(v); };
    const auto share = [](double v) { return std::isnan(v) ? std::string("–") : percent(v); };
    for (std::size_t i = 0; i < n; ++i) {
      if ((i + 1) % stride != 0 && i + 1 != n) continue;
      const EpochRecord& e = run.epochs[i];
      out += "<tr>";
      cell(text::grouped(e.epoch));
      cell(text::grouped(e.step));
      cell(number(e.train_loss));
      cell(number(e.val_loss));
      cell(share(e.train_accuracy));
      cell(share(e.val_accuracy));
      cell(clock_time(e.seconds));
      out += "</tr>\n";
    }
    out += "</tbody></table></div></details>\n";
  }
  return out + "</section>\n";
}

std::string spectra(const RunRecord& run) {
  if (run.spectra.empty()) return {};
  std::string out =
      "<section><h2>Singular values of the weights</h2>\n<p class=\"why\">How much "
      "each matrix stretches along its own directions, largest first: grey before "
      "training, <span style=\"color:var(--accent);font-weight:600\">blue</span> "
      "after. A steep fall means that few directions do the work.</p>\n"
      "<div class=\"small\">\n";
  const auto number = [](const std::vector<double>& v, bool first) {
    return v.empty() ? std::string("–") : brief(first ? v.front() : v.back());
  };
  const auto ratio = [](const std::vector<double>& v) {
    return v.empty() ? std::string("–") : brief(v.front() / v.back());
  };
  for (std::size_t i = 0; i < std::min(run.spectra.size(), most_spectra); ++i) {
    const LayerSpectrum& s = run.spectra[i];
    Plot plot;
    plot.id = "sigma" + std::to_string(i);
    plot.title = "Singular values of " + s.name;
    plot.width = 240;
    plot.height = 150;
    for (const auto* values : {&s.before, &s.after}) {
      Line line;
      const bool before = values == &s.before;
      line.label = before ? "before" : "after";
      line.colour = before ? "var(--muted)" : "var(--accent)";
      line.width = before ? 1.4 : 2;
      for (std::size_t j = 0; j < values->size(); ++j) {
        line.x.push_back(static_cast<double>(j + 1));
        line.y.push_back((*values)[j]);
      }
      plot.lines.push_back(thinned(line, 160));
    }
    plot.log = wants_log(plot.lines);
    plot.from_zero = !plot.log;
    plot.dots = s.after.size() <= 16;
    const std::string drawing = svg(plot);
    out += "<figure><h3>" + escape_html(s.name) + " <span class=\"count\">" +
           show(counted(static_cast<int64_t>(std::max(s.before.size(), s.after.size())), "value")) +
           "</span></h3>" + drawing +
           "<table class=\"sv\"><thead><tr><td></td><th scope=\"col\">largest</th><th "
           "scope=\"col\">smallest</th>"
           "<th scope=\"col\">ratio</th></tr></thead><tbody>";
    out += "<tr><th scope=\"row\">before</th><td>" + show(number(s.before, true)) + "</td><td>" +
           show(number(s.before, false)) + "</td><td>" + show(ratio(s.before)) + "</td></tr>";
    out += "<tr><th scope=\"row\">after</th><td class=\"a\">" + show(number(s.after, true)) +
           "</td><td class=\"a\">" + show(number(s.after, false)) + "</td><td class=\"a\">" +
           show(ratio(s.after)) + "</td></tr></tbody></table></figure>\n";
  }
  out += "</div>\n";
  if (run.spectra.size() > most_spectra) {
    out += "<p class=\"why\">The first " + std::to_string(most_spectra) + " of " +
           std::to_string(run.spectra.size()) + " matrices.</p>\n";
  }
  return out + "</section>\n";
}

// Ten shades by the square root of the share, so that a single mistake is visible.
int shade(int64_t count, int64_t of) {
  if (count <= 0 || of <= 0) return 0;
  const double share = static_cast<double>(count) / static_cast<double>(of);
  return std::clamp(static_cast<int>(10 * std::sqrt(share)), 0, 9);
}

std::string matrix(const RunRecord& run) {
  const std::size_t k = run.confusion.size();
  std::size_t longest = 0;
  for (std::size_t i = 0; i < k; ++i) {
    longest = std::max(longest, text::width(class_name(run, static_cast<int64_t>(i))));
  }
  const std::string long_names = longest > 4 ? " class=\"long\"" : "";
  std::string out =
      "<div class=\"box\"><table class=\"cm\"><caption class=\"axis\">rows: true class, "
      "columns: the network's answer</caption><thead><tr><td></td>";
  for (std::size_t j = 0; j < k; ++j) {
    out += "<th scope=\"col\"" + long_names + "><span>" +
           escape_html(class_name(run, static_cast<int64_t>(j))) + "</span></th>";
  }
  out += "<th scope=\"col\" class=\"sum\">found</th></tr></thead><tbody>";
  std::vector<int64_t> answered(k, 0);
  for (std::size_t i = 0; i < k; ++i) {
    int64_t total = 0;
    for (const int64_t n : run.confusion[i]) total += n;
    out +=
        "<tr><th scope=\"row\">" + escape_html(class_name(run, static_cast<int64_t>(i))) + "</th>";
    for (std::size_t j = 0; j < k; ++j) {
      const int64_t n = j < run.confusion[i].size() ? run.confusion[i][j] : 0;
      answered[j] += n;
      const std::string kind = i == j ? "d" : n > 0 ? "e" : "";
      if (kind.empty()) {
        out += "<td class=\"zero\">·</td>";
      } else {
        out += "<td class=\"" + kind + std::to_string(shade(n, total)) + "\">" +
               show(text::grouped(n)) + "</td>";
      }
    }
    const int64_t right = i < run.confusion[i].size() ? run.confusion[i][i] : 0;
    out += "<td class=\"sum\">" +
           (total > 0 ? show(percent(static_cast<double>(right) / static_cast<double>(total)))
                      : std::string("–")) +
           "</td></tr>\n";
  }
  out += "</tbody><tfoot><tr><th scope=\"row\">trust</th>";
  for (std::size_t j = 0; j < k; ++j) {
    const int64_t right = j < run.confusion[j].size() ? run.confusion[j][j] : 0;
    out +=
        "<td>" +
        (answered[j] > 0
             ? text::fixed(100 * static_cast<double>(right) / static_cast<double>(answered[j]), 0)
             : std::string("–")) +
        "</td>";
  }
  return out + "<td class=\"sum\">%</td></tr></tfoot></table></div>";
}

std::string confusion_list(const RunRecord& run, std::size_t most) {
  const std::vector<Confusion> top = top_confusions(run, most);
  if (top.empty()) return "<p class=\"why\">No mistakes on the validation data.</p>";
  std::string out =
      "<div class=\"box\"><table class=\"plain\"><thead><tr><th scope=\"col\">true</th>"
      "<th scope=\"col\">answered</th><th scope=\"col\">how often</th></tr></thead>"
      "<tbody>";
  for (const Confusion& c : top) {
    const double width = 70.0 * static_cast<double>(c.count) / static_cast<double>(top[0].count);
    out += "<tr><td>" + escape_html(class_name(run, c.label)) + "</td><td>" +
           escape_html(class_name(run, c.predicted)) +
           "</td><td><span class=\"bar\" style=\"width:" + text::fixed(std::max(2.0, width), 0) +
           "px\"></span>" + show(text::grouped(c.count) + " of " + text::grouped(c.of)) +
           "</td></tr>\n";
  }
  return out + "</tbody></table></div>";
}

std::string weakest_list(const RunRecord& run, std::size_t most) {
  struct Row {
    std::size_t label;
    int64_t right, of;
    double share() const { return static_cast<double>(right) / static_cast<double>(of); }
  };
  std::vector<Row> rows;
  for (std::size_t i = 0; i < run.confusion.size(); ++i) {
    int64_t of = 0;
    for (const int64_t n : run.confusion[i]) of += n;
    if (of > 0) rows.push_back({i, i < run.confusion[i].size() ? run.confusion[i][i] : 0, of});
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.share() < b.share(); });
  if (rows.size() > most) rows.resize(most);
  std::string out =
      "<div class=\"box\"><table class=\"plain\"><thead><tr><th scope=\"col\">class</th>"
      "<th scope=\"col\">found</th><th scope=\"col\">share</th></tr></thead><tbody>";
  for (const Row& r : rows) {
    out += "<tr><td>" + escape_html(class_name(run, static_cast<int64_t>(r.label))) + "</td><td>" +
           show(text::grouped(r.right) + " of " + text::grouped(r.of)) + "</td><td>" +
           show(percent(r.share())) + "</td></tr>\n";
  }
  return out + "</tbody></table></div>";
}

std::string confusion(const RunRecord& run) {
  if (run.confusion.empty()) return {};
  const bool small = run.confusion.size() <= most_classes_in_matrix;
  std::string out = "<section><h2>Right and wrong answers</h2>\n<p class=\"why\">On " +
                    show(counted(run.val_count, "validation example")) + ". ";
  if (small) {
    out +=
        "Grey: right, <span style=\"color:var(--accent);font-weight:600\">blue</span>: wrong, "
        "shaded by the square root of its share of the row. “Found”: of that class, the share "
        "answered right. “Trust”: of those answers, the share that is right.</p>\n"
        "<div class=\"split\"><div>" +
        matrix(run) + "</div><div><h3>Most frequent mistakes</h3>" + confusion_list(run, 8) +
        "</div></div>";
  } else {
    out += show(counted(static_cast<int64_t>(run.confusion.size()), "class")) +
           " are too many for a matrix that can be read; these are its largest entries off the "
           "diagonal, and the classes found least often.</p>\n<div class=\"split\"><div>"
           "<h3>Most frequent mistakes</h3>" +
           confusion_list(run, 20) + "</div><div><h3>Weakest classes</h3>" + weakest_list(run, 20) +
           "</div></div>";
  }
  return out + "</section>\n";
}

std::string sureness(const Mistake& m) {
  return std::isfinite(m.confidence) ? percent(m.confidence) + " sure" : std::string();
}

std::string mistakes(const RunRecord& run) {
  if (run.mistakes.empty() || run.task == "regression") return {};
  const std::size_t shown = std::min(run.mistakes.size(), most_mistakes);
  const int64_t rows = run.image_rows, cols = run.image_cols;
  const bool pictures = rows > 0 && cols > 0 && rows <= largest_side && cols <= largest_side;
  std::string out =
      "<section><h2>Worst mistakes</h2>\n<p class=\"why\">The validation examples on "
      "which it was most sure and wrong";
  out += pictures ? "; “3 as 8” is a 3 that it took for an 8. Dark ink is a large value.</p>\n<div "
                    "class=\"pictures\">"
                  : ", with their first features.</p>\n<div class=\"box\"><table class=\"plain\">"
                    "<thead><tr><th scope=\"col\">row</th><th scope=\"col\">true</th>"
                    "<th scope=\"col\">answered</th><th scope=\"col\">how sure</th>";
  if (pictures) {
    for (std::size_t i = 0; i < shown; ++i) {
      const Mistake& m = run.mistakes[i];
      const std::string label = escape_html(class_name(run, m.label));
      const std::string answer = escape_html(class_name(run, m.predicted));
      out += "<figure>";
      if (m.x.size() == static_cast<std::size_t>(rows * cols)) {
        out += "<img class=\"picture\" width=\"96\" height=\"" + std::to_string(96 * rows / cols) +
               "\" alt=\"example " + std::to_string(m.index) + ": " + label + " answered as " +
               answer + "\" src=\"data:image/png;base64," +
               base64(png_of(m.x, static_cast<std::size_t>(rows), static_cast<std::size_t>(cols))) +
               "\">";
      }
      out += "<figcaption><b>" + label + "</b> as <b>" + answer + "</b><br><span class=\"sure\">" +
             show(sureness(m)) + "</span></figcaption></figure>\n";
    }
    return out + "</div></section>\n";
  }
  std::size_t features = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    features = std::max(features, std::min(run.mistakes[i].x.size(), most_features));
  }
  for (std::size_t f = 0; f < features; ++f) {
    out += "<th scope=\"col\" class=\"n\">x" + std::to_string(f) + "</th>";
  }
  out += "</tr></thead><tbody>";
  for (std::size_t i = 0; i < shown; ++i) {
    const Mistake& m = run.mistakes[i];
    out += "<tr><td>" + std::to_string(m.index) + "</td><td>" +
           escape_html(class_name(run, m.label)) + "</td><td>" +
           escape_html(class_name(run, m.predicted)) + "</td><td>" + show(sureness(m)) + "</td>";
    for (std::size_t f = 0; f < features; ++f) {
      out += "<td class=\"n\">" +
             (f < m.x.size() ? show(brief(static_cast<double>(m.x[f]))) : std::string()) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div></section>\n";
}

std::string configuration(const RunRecord& run) {
  std::string out =
      "<section><h2>Configuration</h2>\n<p class=\"why\">Everything resolved, as in "
      "run.toml beside this page.</p>\n<dl class=\"config\">";
  const auto row = [&](std::string_view key, std::string_view value) {
    out += "<div><dt>" + escape_html(key) + "</dt><dd>" + escape_html(value) + "</dd></div>\n";
  };
  if (run.config.empty()) {
    row("data", run.data_source);
    row("model", run.model);
    row("activation", run.activation);
    row("loss", run.loss_name);
    row("optimiser", run.optimiser);
    row("seed", std::to_string(run.seed));
  }
  for (const auto& [key, value] : run.config) row(key, value);
  return out + "</dl></section>\n";
}

std::string again(const RunRecord& run) {
  std::string out = "<section><h2>Run it again</h2>\n<p class=\"why\">The same build and seed " +
                    std::to_string(run.seed) +
                    " give the same bits, with any number of threads.</p>\n";
  if (run.command.empty()) {
    out += "<p>run.toml beside this page holds every setting.</p>\n";
  } else {
    out += "<pre><code>" + escape_html(run.command) + "</code></pre>\n";
  }
  return out + "</section>\n";
}

}  // namespace

std::string render_report(const RunRecord& run) {
  const Reading reading = read_run(run);
  std::string out = head(run, reading) + header(run, reading) + words(reading) + curves(run) +
                    spectra(run) + confusion(run) + mistakes(run) + configuration(run) +
                    again(run) + "</main>\n<footer><p>Made by gradus";
  const std::string_view version = setting(run, "version");
  if (!version.empty()) out += " " + escape_html(version);
  return out + ". This page needs no network and runs no script.</p></footer>\n</body>\n</html>\n";
}

}  // namespace gradus
