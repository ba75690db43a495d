#include <gradus/base/html.h>
#include <gradus/base/text.h>
#include <gradus/train/page.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace gradus::page {
namespace {

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

// An 8-bit PNG, grey or of red, green and blue planes, its one deflate block stored as it is (up to
// 65 535 bytes): pictures this small gain nothing from compression. Of grey the largest value is
// black; of colours it is full light.
std::string png_of(const std::vector<float>& x, std::size_t rows, std::size_t cols) {
  const std::size_t plane = rows * cols;
  const bool colour = x.size() == 3 * plane;
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
    for (std::size_t i = 0; i < (colour ? 3 * cols : cols); ++i) {
      const float v = colour ? x[i % 3 * plane + r * cols + i / 3] : x[r * cols + i];
      const double t = std::isfinite(v) && high > low
                           ? (static_cast<double>(v) - low) / (static_cast<double>(high) - low)
                           : 0;
      const long light = std::lround(255 * std::clamp(t, 0.0, 1.0));
      put(static_cast<unsigned char>(colour ? light : 255 - light));
    }
  }
  std::string png = "\x89PNG\r\n\x1A\n";
  std::string head;
  append_be32(head, static_cast<uint32_t>(cols));
  append_be32(head, static_cast<uint32_t>(rows));
  head += std::string(colour ? "\x08\x02\x00\x00\x00" : "\x08\x00\x00\x00\x00", 5);
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

}  // namespace

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

std::string begin(std::string_view title, std::string_view description) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n";
  out += "<meta name=\"description\" content=\"" + escape_html(description) + "\">\n";
  out += "<title>" + escape_html(title) + " · gradus</title>\n<style>" + std::string(style);
  // Shades 0 to 9 of right answers (ink) and wrong ones (accent).
  for (int i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i), alpha = text::fixed(0.06 + 0.094 * i, 2);
    out += ".d" + n + "{background:rgb(var(--ink-rgb)/" + text::fixed(0.05 + 0.07 * i, 2) + ")}.e" +
           n + "{background:rgb(var(--accent-rgb)/" + alpha + ")}";
  }
  out += ".d6,.d7,.d8,.d9{color:var(--paper)}.e5,.e6,.e7,.e8,.e9{color:var(--on)}\n";
  return out + "</style>\n</head>\n<body>\n";
}

std::string end(std::string_view version) {
  std::string out = "</main>\n<footer><p>Made by gradus";
  if (!version.empty()) out += " " + escape_html(version);
  return out + ". This page needs no network and runs no script.</p></footer>\n</body>\n</html>\n";
}

std::string figure(std::string_view title, std::string_view why, const Plot& plot) {
  return "<figure><figcaption><h3>" + escape_html(title) + "</h3><p class=\"why\">" + show(why) +
         "</p></figcaption>" + svg(plot) + "</figure>\n";
}

std::string picture(const std::vector<float>& values, int64_t rows, int64_t cols,
                    std::string_view alt) {
  return "<img class=\"picture\" width=\"96\" height=\"" + std::to_string(96 * rows / cols) +
         "\" alt=\"" + escape_html(alt) + "\" src=\"data:image/png;base64," +
         base64(png_of(values, static_cast<std::size_t>(rows), static_cast<std::size_t>(cols))) +
         "\">";
}

}  // namespace gradus::page
