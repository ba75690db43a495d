// docs/numbers.md says what happens when types meet: every cell of its table is computed.
#include <gradus/base/error.h>
#include <gradus/core/buffer.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shaping.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace gradus {
namespace {

// The cells of the rows that follow the line beginning with `head`.
std::vector<std::vector<std::string>> table_at(const std::string& head) {
  std::ifstream in(std::string(GRADUS_SOURCE_DIR) + "/docs/numbers.md");
  std::vector<std::vector<std::string>> rows;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.find(head) == 0) inside = true;
    if (inside && (line.empty() || line[0] != '|')) break;
    if (!inside || line.find("|---") == 0) continue;
    std::vector<std::string> cells;
    std::istringstream words(line.substr(1));
    for (std::string cell; std::getline(words, cell, '|');) {
      cell.erase(0, cell.find_first_not_of(' '));
      cell.erase(cell.find_last_not_of(' ') + 1);
      cells.push_back(cell);
    }
    rows.push_back(cells);
  }
  return rows;
}

Tensor of_type(const std::string& name) {
  if (name == "2 in C++") return 2;
  if (name == "0.5 in C++") return 0.5;
  for (int t = 0; t < dtype_count; ++t)
    if (name == name_of(static_cast<DType>(t))) return zeros({2}, static_cast<DType>(t));
  ADD_FAILURE() << name;
  return {};
}

TEST(Numbers, of_two_types_give_the_type_that_the_page_says) {
  const auto rows = table_at("| a + b |");
  ASSERT_EQ(rows.size(), 7u);
  for (size_t i = 1; i < rows.size(); ++i)
    for (size_t j = 1; j < rows[0].size(); ++j) {
      std::string got = "-";
      const Tensor a = of_type(rows[i][0]), b = of_type(rows[0][j]);
      try {
        got = name_of((a + b).dtype());
        EXPECT_EQ(got, name_of((b + a).dtype()));
      } catch (const Error&) {
      }
      EXPECT_EQ(got, rows[i][j]) << rows[i][0] << " + " << rows[0][j];
    }
}

TEST(Numbers, that_do_not_mix_name_the_cast) {
  try {
    zeros({2}, DType::i64) + zeros({2}, DType::f32);
    FAIL();
  } catch (const DTypeError& e) {
    EXPECT_STREQ(e.what(),
                 "add: i64[2] + f32[2]: the kinds of number differ. Types of one kind mix, others "
                 "need a word. Write cast(x, DType::f32).");
  }
}

// E15: the two places of eps.
TEST(Numbers, beside_zero_depend_on_where_eps_stands) {
  EXPECT_EQ(number(sqrt(Tensor(0.0)) + 1e-8), 1e-8);
  EXPECT_NEAR(number(sqrt(Tensor(0.0) + 1e-8)), 1e-4, 1e-19);
  EXPECT_TRUE(std::isnan(number(var(Tensor({3}), {}, 1))));
}

// E2: in f32 the famous sum is right; in f64 it is not.
TEST(Numbers, a_tenth_and_two_tenths) {
  EXPECT_EQ(0.1f + 0.2f, 0.3f);
  EXPECT_EQ(static_cast<double>(0.1f + 0.2f), 0.30000001192092896);
  EXPECT_EQ(0.1 + 0.2, 0.30000000000000004);
  EXPECT_NE(0.1 + 0.2, 0.3);
}

}  // namespace
}  // namespace gradus
