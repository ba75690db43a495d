// The page: well-formed, self-contained, escaped, small, and drawn from the run's numbers.
#include <gmock/gmock.h>
#include <gradus/train/plot.h>
#include <gradus/train/report.h>
#include <gtest/gtest.h>
#include <train/records.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Walks the tags: each one closed in order, attributes quoted, ids unique. The first fault, or "".
std::string fault_in(std::string_view html) {
  const std::set<std::string, std::less<>> empty = {"meta", "img", "br"};
  std::vector<std::string> open;
  std::set<std::string> ids;
  if (!html.starts_with("<!DOCTYPE html>\n")) return "no doctype";
  std::size_t i = 15;
  while ((i = html.find('<', i)) != std::string_view::npos) {
    const std::size_t end = html.find('>', i);
    if (end == std::string_view::npos) return "a tag without end";
    std::string_view tag = html.substr(i + 1, end - i - 1);
    i = end + 1;
    if (tag.find('<') != std::string_view::npos) return "'<' in " + std::string(tag);
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0) return "a quote in " + std::string(tag);
    if (const auto at = tag.find(" id=\""); at != std::string_view::npos) {
      const std::string_view rest = tag.substr(at + 5);
      if (!ids.insert(std::string(rest.substr(0, rest.find('"')))).second) {
        return "a second id in " + std::string(tag);
      }
    }
    if (tag.ends_with('/')) continue;
    if (tag.starts_with('/')) {
      const std::string name(tag.substr(1));
      if (open.empty() || open.back() != name) return "an unexpected </" + name + ">";
      open.pop_back();
      continue;
    }
    const std::string name(tag.substr(0, tag.find_first_of(" \n")));
    if (!empty.contains(name)) open.push_back(name);
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

std::vector<RunRecord> all_runs() {
  using namespace records;
  RunRecord hundred = healthy();
  set_confusion(hundred, 100, 10, 1);
  RunRecord features = uneven(15);
  for (int64_t i = 0; i < 5; ++i) features.mistakes.push_back({i, 1, 0, 0.9, {1.5F, -2e-5F, 0}});
  RunRecord one = healthy();
  set_curves(one, {0.5}, {0.6}, {0.9}, {0.9});
  RunRecord no_validation = healthy();
  no_validation.val_count = 0;
  no_validation.val_loss = no_validation.val_accuracy = not_measured;
  no_validation.confusion.clear();
  no_validation.mistakes.clear();
  return {healthy(),    rate_too_high(), shuffled(),    learned_nothing(), diverged(),
          overfitted(), unfinished(),    underfitted(), vanishing(),       dead(),
          uneven(0),    regression(),    RunRecord{},   hundred,           features,
          one,          no_validation};
}

TEST(Report, is_well_formed_for_every_story) {
  std::size_t i = 0;
  for (const RunRecord& run : all_runs()) EXPECT_EQ(fault_in(render_report(run)), "") << i++;
}

TEST(Report, asks_nothing_of_the_network_and_runs_no_script) {
  for (const RunRecord& run : all_runs()) {
    const std::string html = render_report(run);
    for (const char* word : {"http:", "https:", "<script", "<link", "@import", "url(", "onload"}) {
      EXPECT_THAT(html, Not(HasSubstr(word)));
    }
  }
}

TEST(Report, of_a_digits_run_is_below_300_kB) {
  EXPECT_LT(render_report(records::healthy()).size(), 120'000U);
  RunRecord run = records::healthy();
  run.image_rows = run.image_cols = 28;
  for (std::size_t i = 0; i < 24; ++i) {
    run.mistakes.resize(24);
    run.mistakes[i].x = records::picture(28, i);
  }
  run.step_loss.assign(2000, 1.25);
  for (std::size_t i = 0; i < 2000; ++i) run.step_loss[i] += 0.3 * records::noise(i);
  run.spectra = {
      {"layers.0.weight", records::spectrum(784, 3, 0.1), records::spectrum(784, 4, 0.1)}};
  EXPECT_LT(render_report(run).size(), 300'000U);
}

TEST(Report, escapes_every_text_of_the_run) {
  RunRecord run = records::healthy();
  const std::string evil = "<b onload=\"x\">&'\x01\xFF";
  run.name = run.model = run.data_source = run.optimiser = run.loss_name = run.command = evil;
  run.layer_names = {evil, evil, evil};
  run.class_names.assign(10, evil);
  for (LayerSpectrum& s : run.spectra) s.name = evil;
  run.config = {{evil, evil}};
  const std::string html = render_report(run);
  EXPECT_THAT(html, Not(HasSubstr("<b onload")));
  EXPECT_THAT(html, HasSubstr("&lt;b onload=&quot;x&quot;&gt;&amp;&#39;\xEF\xBF\xBD\xEF\xBF\xBD"));
  EXPECT_EQ(fault_in(html), "");
}

TEST(Report, holds_the_verdict_the_curves_the_matrix_and_the_settings) {
  const std::string html = render_report(records::healthy());
  for (const char* word : {"Healthy: 96.8\xC2\xA0% right", "What was checked", "id=\"loss-t\"",
                           "id=\"accuracy-t\"", "id=\"gradients-t\"", "id=\"updates-t\"",
                           "id=\"sigma2-t\"", "layers.4.weight", "weight_decay", "class=\"cm\"",
                           "data:image/png;base64,iVBORw0KGgo", "./gradus train digits", "viewport",
                           "prefers-color-scheme:dark", "training: from 2.34 to 0.031"}) {
    EXPECT_THAT(html, HasSubstr(word));
  }
}

TEST(Report, says_how_sure_it_is) {
  RunRecord run = records::healthy();
  run.accuracy_low = 0.971;
  run.accuracy_high = 0.985;
  run.calibration_error = 0.0123;
  const std::string page = render_report(run);
  EXPECT_THAT(page, HasSubstr("Calibration error"));
  EXPECT_THAT(
      page,
      HasSubstr("accuracy between 97.1\xC2\xA0% and 98.5\xC2\xA0% in 95\xC2\xA0% of resamples"));
  run.val_accuracy = 1;
  run.accuracy_high = 1;
  EXPECT_THAT(render_report(run),
              HasSubstr("by Wilson&#39;s 95\xC2\xA0% interval, as all are right"));
}

TEST(Report, shows_a_dash_for_the_ratio_of_a_matrix_of_zeros) {
  RunRecord run = records::healthy();
  run.spectra[0].before.assign(4, 0.0);
  const std::string page = render_report(run);
  EXPECT_THAT(page, HasSubstr("before</th><td>0</td><td>0</td><td>\xE2\x80\x93</td>"));
  EXPECT_THAT(page, Not(HasSubstr("<td>nan</td>")));
}

TEST(Report, draws_no_accuracy_and_no_matrix_for_regression) {
  const std::string html = render_report(records::regression());
  EXPECT_THAT(html, Not(HasSubstr("id=\"accuracy-t\"")));
  EXPECT_THAT(html, Not(HasSubstr("class=\"cm\"")));
  EXPECT_THAT(html, HasSubstr("Variance explained"));
}

TEST(Report, lists_confusions_where_a_matrix_would_not_be_readable) {
  RunRecord run = records::healthy();
  records::set_confusion(run, 100, 10, 1);
  const std::string html = render_report(run);
  EXPECT_THAT(html, Not(HasSubstr("class=\"cm\"")));
  EXPECT_THAT(html, HasSubstr("100 classes are too many"));
}

TEST(Report, shows_mistakes_of_colour_images_in_colour) {
  RunRecord run = records::healthy();
  run.image_rows = 1, run.image_cols = 2;
  // Planes: a pixel of full red beside one of half blue. The bytes are those of Python's zlib and
  // struct for the same pixels.
  for (Mistake& m : run.mistakes) m.x = {1, 0, 0, 0, 0, 0.5F};
  const std::string html = render_report(run);
  EXPECT_NE(html.find("data:image/png;base64,"
                      "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAEklEQVR4AQEH"
                      "APj/AP8AAAAAgAaBAYC2RbemAAAAAElFTkSuQmCC\""),
            std::string::npos);
  EXPECT_EQ(html.find("Dark ink"), std::string::npos);
}

TEST(Report, survives_mistakes_whose_picture_has_another_size) {
  RunRecord run = records::healthy();
  run.mistakes[0].x.resize(7);
  run.mistakes[1].x.clear();
  run.mistakes[2].x.assign(64, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(fault_in(render_report(run)), "");
}

TEST(Report, of_equal_runs_is_equal) {
  EXPECT_EQ(render_report(records::healthy()), render_report(records::healthy()));
}

TEST(Plot, ticks_are_round_numbers_inside_the_range) {
  EXPECT_THAT(nice_ticks(0, 1, 5), ElementsAre(0, 0.2, 0.4, testing::DoubleEq(0.6), 0.8, 1));
  EXPECT_THAT(nice_ticks(-3, 22, 5), ElementsAre(0, 5, 10, 15, 20));
  EXPECT_THAT(nice_ticks(7, 7, 5), ElementsAre(7));
  EXPECT_THAT(log_ticks(0.002, 30, 5), ElementsAre(testing::DoubleNear(0.01, 1e-15),
                                                   testing::DoubleNear(0.1, 1e-15), 1, 10));
  EXPECT_THAT(log_ticks(1, 30, 5), ElementsAre(1, 2, 5, 10, 20));
  EXPECT_TRUE(log_ticks(-1, 3, 5).empty());
  EXPECT_TRUE(nice_ticks(0, std::numeric_limits<double>::infinity(), 5).empty());
}

TEST(Plot, ticks_are_few_for_any_range) {
  for (const double low : {-1e300, -5.0, 0.0, 1e-300, 1e15}) {
    for (const double span : {1e-320, 1e-12, 1.0, 1e300}) {
      EXPECT_LE(nice_ticks(low, low + span, 5).size(), 12U) << low << " " << span;
      EXPECT_LE(log_ticks(std::abs(low) + 1e-300, std::abs(low) + span, 5).size(), 12U);
    }
  }
}

TEST(Plot, wants_a_logarithm_beyond_a_factor_of_20_of_positive_values) {
  const auto with = [](std::vector<double> y) {
    Line line;
    line.y = std::move(y);
    return wants_log({line});
  };
  EXPECT_TRUE(with({2.3, 0.01}));
  EXPECT_FALSE(with({2.3, 0.2}));
  EXPECT_FALSE(with({2.3, -0.01}));
  EXPECT_FALSE(with({}));
  EXPECT_FALSE(with({not_measured}));
}

TEST(Plot, thinning_keeps_peaks_and_gaps) {
  Line line;
  for (int i = 0; i < 1000; ++i) {
    line.x.push_back(i);
    line.y.push_back(i == 617 ? 99.0 : i >= 900 ? not_measured : 1.0);
  }
  const Line thin = thinned(line, 50);
  EXPECT_LE(thin.y.size(), 50U);
  EXPECT_TRUE(std::find(thin.y.begin(), thin.y.end(), 99.0) != thin.y.end());
  EXPECT_TRUE(std::isnan(thin.y.back()));
}

TEST(Plot, without_a_finite_value_says_so) {
  Plot plot;
  plot.lines.push_back({"a", {1, 2}, {not_measured, not_measured}});
  EXPECT_EQ(svg(plot), "<p class=\"none\">No finite values to draw.</p>");
  plot.log = true;
  plot.lines[0].y = {0, -1};
  EXPECT_EQ(svg(plot), "<p class=\"none\">No finite values to draw.</p>");
}

TEST(Plot, breaks_the_line_where_values_are_missing) {
  Plot plot;
  plot.id = "p";
  plot.lines.push_back({"a", {1, 2, 3, 4, 5}, {1, 2, not_measured, 2, 1}});
  const std::string drawn = svg(plot);
  const auto at = drawn.find("class=\"line\" d=\"");
  const std::string path = drawn.substr(at + 16, drawn.find('"', at + 16) - at - 16);
  EXPECT_EQ(std::count(path.begin(), path.end(), 'M'), 2);
  EXPECT_THAT(drawn, Not(HasSubstr("nan")));
}

TEST(Plot, coordinates_stay_finite_for_extreme_values) {
  Plot plot;
  plot.id = "p";
  plot.lines.push_back({"a", {0, 1, 2}, {-1e308, 1e308, 0}});
  EXPECT_THAT(svg(plot), Not(HasSubstr("nan")));
  EXPECT_THAT(svg(plot), Not(HasSubstr("inf")));
  plot.log = true;
  plot.lines[0].y = {1e-320, 1e308, 1};
  EXPECT_THAT(svg(plot), Not(HasSubstr("nan")));
  EXPECT_THAT(svg(plot), Not(HasSubstr("inf")));
}

}  // namespace
}  // namespace gradus
