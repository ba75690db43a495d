#include <gradus/ops/limits.h>
#include <gtest/gtest.h>

namespace gradus {
namespace {

TEST(Limits, of_this_machine_are_positive_and_fall_with_distance) {
  const Limits& l = machine_limits();
  EXPECT_GE(l.threads, 1);
  // Any processor that runs this does a hundred million multiply-adds a second.
  EXPECT_GT(l.flops_f32, 1e8);
  EXPECT_GT(l.flops_f64, 1e8);
  for (const MemoryLimit* m : {&l.l1, &l.l2, &l.l3, &l.memory}) {
    EXPECT_GT(m->read, 1e7);
    EXPECT_GT(m->copy, 1e7);
    EXPECT_GT(m->triad, 1e7);
  }
}

TEST(Limits, are_measured_once_and_kept) {
  EXPECT_EQ(&machine_limits(), &machine_limits());
}

TEST(Limits, of_a_working_set_are_those_of_the_smallest_level_that_holds_it) {
  Limits l;
  l.l1.bytes = 100, l.l2.bytes = 200, l.l3.bytes = 300;
  EXPECT_EQ(&l.level(0), &l.l1);
  EXPECT_EQ(&l.level(100), &l.l1);
  EXPECT_EQ(&l.level(101), &l.l2);
  EXPECT_EQ(&l.level(300), &l.l3);
  EXPECT_EQ(&l.level(301), &l.memory);
}

}  // namespace
}  // namespace gradus
