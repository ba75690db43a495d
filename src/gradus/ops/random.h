// Random draws from keys that are tensors, so that a plan takes them as arguments and a step can
// make its own from a count it carries. The numbers are those of base/random.h, bit for bit, with
// any number of threads. Two draws with one key are the same numbers, so a recording rightly keeps
// one of them: split the key where they must differ.
#pragma once

#include <gradus/base/random.h>
#include <gradus/core/op.h>

namespace gradus {

namespace op {
extern const Op split, random_uniform, random_normal, random_integers;
}

// A key is i64[2]: the low and the high 32 bits of base/random.h's. It has two elements, so that
// compile refuses one that is captured instead of passed in. Several keys are i64[...,2], and every
// draw below is then one for each: (..., shape). Under vmap a mapped key draws for each example, an
// unmapped one once for all.
Tensor key_tensor(Key key);
// Child number `index` of a key, 0, 1, ...; for several numbers, such as iota(n), so many keys.
Tensor split(const Tensor& key, const Tensor& index);

// Uniform in [0, 1): f32 or f64.
Tensor random_uniform(const Tensor& key, const Shape& shape, DType dtype = DType::f64);
// Standard normal: f32 or f64.
Tensor random_normal(const Tensor& key, const Shape& shape, DType dtype = DType::f64);
// i64 in [0, bound), all equally likely.
Tensor random_integers(const Tensor& key, int64_t bound, const Shape& shape);
// A mask that is true with probability p, which broadcasts against (..., shape): one uniform number
// in the type of p, f32 for a C++ number, is below p.
Tensor bernoulli(const Tensor& key, const Tensor& p, const Shape& shape);

}  // namespace gradus
