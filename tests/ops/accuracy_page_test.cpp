// docs/accuracy.md against the ops: a row for each elementwise one, with the bound of its entry.
#include <gradus/ops/elementwise.h>

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace gradus;

// The cells of the table's rows, by their first.
std::map<std::string, std::vector<std::string>> rows_of_page() {
  std::map<std::string, std::vector<std::string>> rows;
  std::ifstream page(std::string(GRADUS_SOURCE_DIR) + "/docs/accuracy.md");
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| ")) continue;
    std::vector<std::string> cells;
    for (size_t at = 2; at < line.size();) {
      const size_t end = line.find(" |", at);
      if (end == std::string::npos) break;
      cells.push_back(line.substr(at, end - at));
      at = end + 3;
    }
    if (!cells.empty()) rows[cells[0]] = cells;
  }
  return rows;
}

TEST(Accuracy, the_page_has_a_row_for_every_elementwise_op_and_no_bound_is_broken) {
  const auto rows = rows_of_page();
  for (const Op* op : {
#define OP(n) &op::n,
           GRADUS_UNARY_WORDS(OP) GRADUS_BINARY_WORDS(OP)
#undef OP
       }) {
    const auto row = rows.find(op->name);
    ASSERT_NE(row, rows.end()) << op->name << " is missing. bench_accuracy prints it.";
    ASSERT_EQ(row->second.size(), 9u) << op->name;
    EXPECT_EQ(std::stod(row->second[7]), op->checks.ulp) << op->name;
    EXPECT_EQ(row->second[8], "holds") << op->name;
  }
}

}  // namespace
