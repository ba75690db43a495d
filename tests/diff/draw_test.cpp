#include <gradus/core/buffer.h>
#include <gradus/diff/draw.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/matmul.h>
#include <gradus/ops/reduce.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

using Args = std::span<const Tensor>;

Trace traced(const Function& f, std::vector<std::string> names, std::vector<double> values,
             std::vector<int> wrt, std::string_view result = {}) {
  std::vector<Tensor> args;
  for (double v : values) args.push_back(scalar(v, DType::f64));
  return trace(f, args, names, wrt, result);
}

Trace neuron() {
  return traced([](Args a) { return tanh(a[0] * a[1] + a[2]); }, {"w", "x", "b"}, {2, 0.5, -0.5},
                {0, 2}, "y");
}

// Empty, or where the page is not well formed: every tag is closed in turn, every attribute is
// quoted, < and & stand only where they may.
std::string fault_of(std::string_view page) {
  std::vector<std::string> open;
  const std::string_view doctype = "<!DOCTYPE html>";
  if (!page.starts_with(doctype)) return "no doctype";
  for (size_t i = doctype.size(); i < page.size(); ++i) {
    if (page[i] == '&') {
      const size_t end = page.find(';', i);
      if (end == std::string_view::npos || end - i > 6)
        return "a bare & at " + std::string(page.substr(i, 20));
    }
    if (page[i] == '>') return "a bare > at " + std::string(page.substr(i, 20));
    if (page[i] != '<') continue;
    size_t end = i;
    for (bool quoted = false; end < page.size() && (quoted || page[end] != '>'); ++end) {
      quoted ^= page[end] == '"';
      if (end > i && !quoted && page[end] == '<')
        return "a bare < in " + std::string(page.substr(i, 40));
    }
    const std::string_view tag = page.substr(i + 1, end - i - 1);
    const bool closes = tag.starts_with('/');
    const std::string name(tag.substr(closes, tag.find_first_of(" /", closes) - closes));
    i = end;
    if (closes) {
      if (open.empty() || open.back() != name) return "</" + name + "> closes nothing";
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.push_back(name);
      if (name == "script" || name == "style") i = page.find("</" + name, i) - 1;
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

TEST(Dot, of_a_neuron) {
  EXPECT_EQ(to_dot(neuron()),
            "digraph trace {\n"
            "  node [shape=box, fontname=\"monospace\"];\n"
            "  edge [fontname=\"monospace\"];\n"
            "  v0 [label=\"v0  w\\n2.0000\\nbar 0.3932\", style=dashed];\n"
            "  v1 [label=\"v1  x\\n0.5000\\nheld constant\", style=dashed];\n"
            "  v2 [label=\"v2  b\\n-0.5000\\nbar 0.7864\", style=dashed];\n"
            "  v3 [label=\"v3  w * x\\n1.0000\\nbar 0.7864\"];\n"
            "  v4 [label=\"v4  v3 + b\\n0.5000\\nbar 0.7864\"];\n"
            "  v5 [label=\"v5  tanh(v4) = y\\n0.4621\\nbar 1.0000\", penwidth=2];\n"
            "  v0 -> v3 [label=\"x = 0.5000\"];\n"
            "  v1 -> v3;\n"
            "  v2 -> v4 [label=\"1\"];\n"
            "  v3 -> v4 [label=\"1\"];\n"
            "  v4 -> v5 [label=\"1 - y^2 = 0.7864\"];\n"
            "}\n");
}

TEST(Dot, quotes_what_a_name_may_not_say) {
  const std::string dot =
      to_dot(traced([](Args a) { return named(exp(a[0]), "a\"]; b\\ [x=\n"); }, {"x"}, {1}, {0}));
  EXPECT_NE(dot.find("exp(x) = a\\\"]; b\\\\ [x= "), std::string::npos) << dot;
}

TEST(Page, is_well_formed_and_needs_nothing_from_outside) {
  const std::string page = to_html(neuron(), {.title = "y = tanh(w*x + b)", .note = "checked"});
  EXPECT_EQ(fault_of(page), "");
  for (const char* outside : {"http:", "https:", "src=", "href=", "url(", "@import", "//"})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
}

TEST(Page, has_every_number_and_reason_in_its_markup) {
  const std::string page = to_html(neuron());
  const std::string markup = page.substr(0, page.find("<script>"));
  for (const char* part :
       {">v5  tanh(v4) = y<", ">0.4621<", "v3: bar * x = 0.7864 * 0.5000 = 0.3932",
        ">held constant<", "<dt>held constant</dt><dd>x</dd>", "aria-label=", "1 - y^2 = 0.7864"})
    EXPECT_NE(markup.find(part), std::string::npos) << part;
}

TEST(Page, steps_forward_through_the_values_and_back_through_the_adjoints) {
  const std::string page = to_html(neuron());
  EXPECT_NE(page.find("data-forward=\"v3 = w * x = 1.0000\" data-backward=\"bar of v3 = 0.7864, "
                      "because v4: bar = 0.7864\""),
            std::string::npos);
  EXPECT_NE(page.find("ArrowRight"), std::string::npos);
  EXPECT_NE(page.find("ArrowLeft"), std::string::npos);
}

TEST(Page, does_not_run_a_name) {
  const std::string hostile = "\"><script>alert(1)</script>&'";
  const Trace t = traced([&](Args a) { return named(exp(a[0]), hostile); }, {hostile}, {1}, {0});
  const std::string page = to_html(t, {.title = hostile, .note = hostile});
  EXPECT_EQ(fault_of(page), "");
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find("<script"), page.rfind("<script"));  // ours alone
}

TEST(Page, folds_what_is_long_and_stays_small) {
  const Trace t = traced(
      [](Args a) {
        Tensor x = a[0];
        for (int i = 0; i < 5000; ++i) x = sin(x);
        return x;
      },
      {"x"}, {1}, {0});
  const std::string page = to_html(t);
  EXPECT_EQ(fault_of(page), "");
  EXPECT_NE(page.find("<details"), std::string::npos);
  EXPECT_LT(page.size(), 200'000u);
}

TEST(Page, survives_any_graph) {
  // Each layer reads all values before it: many long and crossing edges.
  const Trace t = traced(
      [](Args a) {
        std::vector<Tensor> all(a.begin(), a.end());
        while (all.size() < 40) {
          Tensor next = exp(all.back());
          for (const Tensor& x : all) next = next * x;
          all.push_back(tanh(next));
        }
        return all.back();
      },
      {"x", "y"}, {0.5, 0.25}, {0, 1});
  EXPECT_EQ(fault_of(to_html(t)), "");
  EXPECT_EQ(fault_of(to_html(traced([](Args a) { return a[0]; }, {"x"}, {1}, {0}))), "");
  const std::vector<Tensor> none = {from_vector(std::vector<double>{}, {0, 3})};
  const std::vector<std::string> names = {"x"};
  const int wrt[] = {0};
  EXPECT_EQ(fault_of(to_html(trace([](Args a) { return sum(exp(a[0])); }, none, names, wrt))), "");
}

TEST(Trace, folds_parts_to_one_line_each) {
  const Trace t = traced(
      [](Args a) {
        Tensor x = a[2];
        for (int i = 0; i < 2; ++i) {
          const Scope layer("layers");
          const Scope place(std::to_string(i));
          x = tanh(a[static_cast<size_t>(i)] * x);
        }
        return x * x;
      },
      {"layers.0.weight", "layers.1.weight", "x"}, {2, -1, 0.5}, {0, 1});
  EXPECT_EQ(
      to_text(t, {.fold = true}),
      "  part      result         value      |value|    |bar|    steps   its parameters: |bar|\n"
      "  x         v2  x          0.5000         0.5    .            1\n"
      "  layers.0  v4  tanh(v3)   0.7616      0.7616   0.7548        2   weight f64[]: 0.1585\n"
      "  layers.1  v6  tanh(v5)   -0.6420      0.642    1.284        2   weight f64[]: 0.5748\n"
      "  v7        v7  v6 * v6    0.4122      0.4122        1        1\n");
  const std::string open = to_text(t, {.fold = true, .open = {"layers.1"}});
  EXPECT_NE(open.find("\nlayers.1\n  id  step"), std::string::npos) << open;
  EXPECT_NE(open.find("v5  layers.1.weight * v4"), std::string::npos) << open;
  EXPECT_EQ(to_text(t, {.fold = true, .all = true}), to_text(t));
}

TEST(Trace, folds_steps_that_repeat_one_pattern) {
  const Trace t = traced(
      [](Args a) {
        Tensor x = a[0];
        for (int i = 0; i < 100; ++i) x = sin(x) * 2.0;
        return exp(x);
      },
      {"x"}, {1}, {0});
  EXPECT_TRUE(wants_folding(t));
  const std::vector<TraceGroup> groups = groups_of(t, true);
  ASSERT_EQ(groups.size(), 5u);  // the first step reads the input, the last two end the pattern
  EXPECT_EQ(groups[2].name, "v2-v199");
  EXPECT_EQ(groups[2].rows.size(), 198u);
  EXPECT_EQ(groups[4].name, "v201");
}

TEST(Trace, steps_forward_then_backward) {
  EXPECT_EQ(to_steps(neuron()),
            (std::vector<std::string>{
                "v0  w = 2.0000", "v1  x = 0.5000   held constant", "v2  b = -0.5000",
                "v3  w * x = 1.0000", "v4  v3 + b = 0.5000", "v5  tanh(v4) = y = 0.4621",
                "v5  bar = 1.0000   seed",
                "v4  bar = 0.7864   v5: bar * (1 - y^2) = 1.0000 * 0.7864 = 0.7864",
                "v3  bar = 0.7864   v4: bar = 0.7864", "v2  bar = 0.7864   v4: bar = 0.7864",
                "v0  bar = 0.3932   v3: bar * x = 0.7864 * 0.5000 = 0.3932"}));
}

TEST(Trace, says_why_a_row_of_a_weight_has_no_gradient) {
  // Unit 1 gets -2 - 1 = -3.
  const std::vector<Tensor> args = {Tensor{{1, 0}, {-1, -1}, {0, 2}}, Tensor{2, 1}};
  const std::vector<std::string> names = {"W", "x"};
  const int wrt[] = {0};
  const Trace t =
      trace([](Args a) { return sum(relu(matmul(a[0], a[1]))); }, args, names, wrt, "L");
  EXPECT_EQ(numbers(t.grads[0]), (std::vector<double>{2, 1, 0, 0, 2, 1}));
  EXPECT_EQ(t.rows[0].note,
            "[1] is 0: this unit of v5 = relu(v4) has slope 0 for this input, so nothing passes "
            "back");
  EXPECT_EQ(t.rows[0].zero_lines, 1u);
  EXPECT_NE(to_text(t).find("[1] is 0"), std::string::npos);
  EXPECT_NE(to_json(t).find("\"note\":\"[1] is 0"), std::string::npos);
}

TEST(Trace, summarises_large_tensors) {
  std::vector<double> many(10000);
  for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<double>(i % 3) - 1;
  const Tensor x = from_vector(many);
  EXPECT_EQ(summary_of(x), "min -1, mean -0.0001, max 1, norm 81.65, first -1, 0, 1");
  const std::vector<Tensor> args = {x};
  const std::vector<std::string> names = {"x"};
  const int wrt[] = {0};
  const Trace t = trace([](Args a) { return sum(a[0] * a[0]); }, args, names, wrt);
  EXPECT_LT(to_json(t).size(), 3000u);
  EXPECT_NE(to_json(t).find("{\"type\":\"f64[10000]\",\"min\":-1,\"mean\":-0.0001"),
            std::string::npos);
  EXPECT_GT(to_json(t, 10000).size(), 20000u);
}

}  // namespace
}  // namespace gradus
