// Two neighbours along k side by side are one 32-bit number: a product of bf16 matrices is the f32
// product of such pairs, with another multiply-add.
#include <gradus/base/pool.h>
#include <gradus/ops/gemm.h>
#include <gradus/ops/gemm_bf16.h>

#include <algorithm>
#include <memory>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/gemm_bf16.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#if HWY_ARCH_X86_64 && HWY_TARGET <= HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// As text: Highway 1.0.3 has no target with this instruction, compiling this file for a processor
// that has it would leave such code in functions of headers that run everywhere, and clang 16
// crashes on the intrinsic.
template <class V>
HWY_INLINE V multiply_add(V a, V b, V acc) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(acc.raw) : "v"(a.raw), "v"(b.raw));
  return acc;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#include <gradus/ops/gemm-inl.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {

// to[i] = the pair of low[i] and high[i]; no `high` where k is odd.
void interleave(const uint16_t* low, const uint16_t* high, int64_t n, uint32_t* to) {
  const hn::ScalableTag<uint32_t> d;
  const hn::Rebind<uint16_t, decltype(d)> half;
  constexpr int64_t L = static_cast<int64_t>(hn::MaxLanes(d));
  int64_t i = 0;
  for (; i + L <= n; i += L) {
    auto pair = hn::PromoteTo(d, hn::LoadU(half, low + i));
    if (high) pair = hn::Or(pair, hn::ShiftLeft<16>(hn::PromoteTo(d, hn::LoadU(half, high + i))));
    hn::StoreU(pair, d, to + i);
  }
  for (; i < n; ++i) to[i] = low[i] | (high ? static_cast<uint32_t>(high[i]) << 16 : 0);
}

// x (n,k) as pairs (n, k/2): read in place where the rows allow it, else copied.
Matrix<float> pairs(const Matrix<uint16_t>& x, int64_t n, int64_t k, Room& room) {
  const bool aligned = reinterpret_cast<uintptr_t>(x.at) % sizeof(float) == 0;
  if (x.col == 1 && k % 2 == 0 && (n == 1 || x.row % 2 == 0) && aligned) {
    return {reinterpret_cast<const float*>(x.at), x.row / 2, 1};
  }
  constexpr int64_t kChunk = 1 << 15;
  const int64_t count = ceil_div(k, 2);
  uint32_t* to = room.at_least<uint32_t>(n * count);
  const bool across = x.row == 1;  // x^T is row-major: so are its pairs
  const int64_t rows = across ? count : n, cols = across ? n : count;
  const int64_t each = std::max<int64_t>(1, kChunk / cols);
  parallel_for(ceil_div(rows, each), [&](int64_t chunk) {
    for (int64_t r = chunk * each; r < std::min(rows, (chunk + 1) * each); ++r) {
      if (across) {
        const uint16_t* low = x.at + 2 * r * x.col;
        interleave(low, 2 * r + 1 < k ? low + x.col : nullptr, n, to + r * n);
        continue;
      }
      const uint16_t* row = x.at + r * x.row;
      for (int64_t p = 0; p < count; ++p) {
        const uint32_t high = 2 * p + 1 < k ? row[(2 * p + 1) * x.col] : 0;
        to[r * count + p] = row[2 * p * x.col] | high << 16;
      }
    }
  });
  const float* at = reinterpret_cast<const float*>(to);
  return across ? Matrix<float>{at, 1, n} : Matrix<float>{at, count, 1};
}

void multiply_bf16(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t a_row, int64_t a_col,
                   const BFloat16* b, int64_t b_row, int64_t b_col, float* c, int64_t c_row,
                   const After* after) {
  static_assert(sizeof(BFloat16) == sizeof(uint16_t));
  thread_local Room room_a, room_b;
  const Matrix<float> left =
      pairs({reinterpret_cast<const uint16_t*>(a), a_row, a_col}, m, k, room_a);
  const Matrix<float> right =
      pairs({reinterpret_cast<const uint16_t*>(b), b_col, b_row}, n, k, room_b);
  gemm<float>(m, n, ceil_div(k, 2), left.at, left.row, left.col, right.at, right.col, right.row, c,
              c_row, after);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace {

// Null where the target has no such instruction.
decltype(&gemm_bf16) with_instruction() {
#if HWY_ARCH_X86_64 && HWY_TARGET <= HWY_AVX3
  return multiply_bf16;
#else
  return nullptr;
#endif
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus {
namespace {

// x (rows, cols) in f32: each row in one piece, or each column where x has its columns so.
struct Widened {
  Widened(const BFloat16* x, int64_t x_row, int64_t x_col, int64_t rows, int64_t cols) {
    const bool turned = x_row == 1 && x_col != 1;
    if (turned) {
      std::swap(rows, cols);
      std::swap(x_row, x_col);
    }
    numbers = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(rows * cols));
    for (int64_t i = 0; i < rows; ++i) {
      const BFloat16* from = x + i * x_row;
      float* to = numbers.get() + i * cols;
      for (int64_t j = 0; j < cols; ++j) to[j] = static_cast<float>(from[j * x_col]);
    }
    row = turned ? 1 : cols;
    col = turned ? cols : 1;
  }
  std::unique_ptr<float[]> numbers;
  int64_t row, col;
};

HWY_EXPORT(with_instruction);

decltype(&gemm_bf16) native() {
#if HWY_ARCH_X86_64
  static const bool here = __builtin_cpu_supports("avx512bf16") != 0;
  if (here) return HWY_DYNAMIC_DISPATCH(with_instruction)();
#endif
  return nullptr;
}

}  // namespace

bool multiplies_bf16() {
  return native() != nullptr;
}

void gemm_bf16(int64_t m, int64_t n, int64_t k, const BFloat16* a, int64_t a_row, int64_t a_col,
               const BFloat16* b, int64_t b_row, int64_t b_col, float* c, int64_t c_row,
               const After* after) {
  if (m <= 0 || n <= 0) return;
  if (const auto multiply = native(); multiply && k > 0) {
    return multiply(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, after);
  }
  k = std::max<int64_t>(k, 0);
  const Widened left(a, a_row, a_col, m, k), right(b, b_row, b_col, k, n);
  gemm(m, n, k, left.numbers.get(), left.row, left.col, right.numbers.get(), right.row, right.col,
       c, c_row, after);
}

}  // namespace gradus
#endif
