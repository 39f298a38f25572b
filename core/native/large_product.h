// Products of large matrices, on all threads.
#ifndef CHAINRULE_LARGE_PRODUCT_H
#define CHAINRULE_LARGE_PRODUCT_H

#include "kernels.h"

// c (m, n) = a (m, k) b (k, n), c's rows one after another. transposed_a: a is stored as (k, m), rows lda apart;
// transposed_b: b as (n, k), rows ldb apart.
void large_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, int transposed_a, const float *b, int64_t ldb,
                   int transposed_b, float *c);

#endif
