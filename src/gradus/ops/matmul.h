// Products: matmul with leading batch axes, and what is made of it.
#pragma once

#include <gradus/core/op.h>

namespace gradus {

namespace op {
extern const Op matmul;
}

// (..., m, k) x (..., k, n) -> (..., m, n). A vector on the left is a row, on the right a column,
// and its axis is removed. Leading axes broadcast. Every element is one fma chain over k.
// Two bf16 sides give f32, with the error bound of ops/gemm_bf16.h; in their derivative the
// cotangent is rounded to bf16 before it is multiplied.
Tensor matmul(const Tensor& a, const Tensor& b);
// sum(a * b) of two vectors.
Tensor dot(const Tensor& a, const Tensor& b);
// sum(a * b) along one axis.
Tensor vecdot(const Tensor& a, const Tensor& b, int64_t axis = -1);
// sum(a b) / (|a| |b|) along one axis, held in [-1, 1]; 0 beside a zero vector.
Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t axis = -1);
// Every row of a (m, d) against every row of b (n, d): (m, n).
Tensor cosine_similarities(const Tensor& a, const Tensor& b);
// a[i] b[j].
Tensor outer(const Tensor& a, const Tensor& b);
// The sum of the diagonal of the last two axes.
Tensor trace(const Tensor& a);
// The diagonal of the last two axes, or a diagonal matrix from a vector.
Tensor diagonal(const Tensor& a);
Tensor diag(const Tensor& v);
Tensor kron(const Tensor& a, const Tensor& b);
// Einstein summation, "bij,bjk->bik"; repeated letters in one operand take the diagonal.
Tensor einsum(std::string_view spec, std::span<const Tensor> operands);
Tensor einsum(std::string_view spec, std::initializer_list<Tensor> operands);

}  // namespace gradus
