// Batches filled ahead are those filled when wanted, in order, and no more than a few.
#include <gradus/base/error.h>
#include <gradus/train/loader.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>

namespace gradus {
namespace {

// Row i is the number i; the target is a number drawn from the key. Raises at a row below 0.
class Numbers : public Examples {
 public:
  int64_t count() const override { return 100; }
  Type x(int64_t rows) const override { return {DType::i64, {rows}}; }
  Type target(int64_t rows) const override { return {DType::i64, {rows}}; }
  void fill(std::span<const int64_t> rows, std::span<std::byte> x, std::span<std::byte> target,
            std::optional<Key> key) const override {
    ++fills;
    for (int64_t r : rows)
      if (r < 0) raise(ErrorKind::file, "numbers: a row is " + std::to_string(r));
    std::memcpy(x.data(), rows.data(), rows.size_bytes());
    for (size_t i = 0; i < rows.size(); ++i) {
      const uint64_t drawn = split(*key, static_cast<uint64_t>(rows[i])).value;
      std::memcpy(target.data() + 8 * i, &drawn, 8);
    }
  }
  mutable std::atomic<int64_t> fills = 0;
};

Wanted wanted(int64_t number) {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i <= number % 3; ++i) rows.push_back(10 * number + i);
  return {rows, key_from_seed(static_cast<uint64_t>(number))};
}

TEST(Loader, gives_the_same_batches_with_and_without_a_second_thread) {
  const Numbers numbers;
  Loader plain(numbers, wanted, 3, 60, 0), ahead(numbers, wanted, 3, 60, 2);
  for (int64_t n = 3; n < 60; ++n) {
    const Batch &a = plain.next(), &b = ahead.next();
    ASSERT_EQ(a.x, b.x);
    ASSERT_EQ(a.target, b.target);
    ASSERT_EQ(a.x.size(), 8 * wanted(n).rows.size());
    ASSERT_EQ(std::memcmp(a.x.data(), wanted(n).rows.data(), a.x.size()), 0);
  }
}

TEST(Loader, fills_no_more_batches_than_may_wait) {
  const Numbers numbers;
  Loader loader(numbers, wanted, 0, 1000, 2);
  for (int64_t asked = 1; asked < 5; ++asked) {
    loader.next();
    // The batch that was given and two that wait.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(numbers.fills, asked + 2);
  }
}

TEST(Loader, raises_what_filling_raised_when_that_batch_is_wanted) {
  const Numbers numbers;
  for (int ahead : {0, 2}) {
    Loader loader(
        numbers,
        [](int64_t n) {
          return n == 2 ? Wanted{{-7}, key_from_seed(0)} : wanted(n);
        },
        0, 10, ahead);
    loader.next();
    loader.next();
    for (int again = 0; again < 2 - (ahead == 0); ++again) {
      try {
        loader.next();
        ADD_FAILURE();
      } catch (const Error& e) {
        EXPECT_STREQ(e.what(), "numbers: a row is -7");
      }
    }
  }
}

TEST(Loader, ends_when_nobody_asks_any_more) {
  const Numbers numbers;
  for (int asked : {0, 1, 3, 10}) {
    Loader loader(numbers, wanted, 0, 10, 2);
    for (int i = 0; i < asked; ++i) loader.next();
  }
}

}  // namespace
}  // namespace gradus
