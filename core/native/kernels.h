// What every kernel in this folder is made with: its one signature, threads, and memory to work in.
//
// A kernel reads and writes arrays that its caller has checked: contiguous where it says nothing else. Each one
// gives the same bits for any number of threads: it cuts its work into parts by shape alone.
#ifndef CHAINRULE_KERNELS_H
#define CHAINRULE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define LANES 16
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

// Sixteen float32 at a time: one register of AVX-512, two of AVX2, four of NEON, as the compiler sees fit.
typedef float vector __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t vector_int __attribute__((vector_size(64), aligned(4), may_alias));

// arrays: first those that it writes, then those that it reads; NULL for one that is absent.
// Returns 0, or another number where the values do not allow the computation: then nothing counts as written.
typedef int (*kernel)(void **arrays, const int64_t *integers, const double *numbers);

// Calls task(part, context) for each part from 0 to parts - 1, on all threads, and waits for them. Parts are taken in order.
// Inside a task it runs all parts on the thread that it is on.
typedef void (*task)(int64_t part, void *context);
void parallel(int64_t parts, task run, void *context);

// How many threads `parallel` uses now; for choosing where to run, never what to compute.
int thread_count(void);

// At least `bytes` of memory that is this thread's own until it asks for the same slot (0 .. 7) again. Aligned to 64
// bytes, kept for the life of the thread. Slot 6 belongs to elementwise.c.
void *scratch(int slot, size_t bytes);

// c (m, n) = a (m, k) b (k, n), whose rows are ldc, lda and ldb elements apart. On the thread that calls it; NumPy's BLAS.
void gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc);

// Kernels take numbers below 1e-38 for zero. NumPy does not: between these two its loops give the bits that it gives.
uint64_t keep_denormals(void);
void restore(uint64_t before);

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ceiling(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Vectors go by macros, not by functions: a function's arguments would have to fit registers that a build may lack.
#define LOAD(at) (*(const vector *)(at))
#define STORE(at, value) (*(vector *)(at) = (value))
#define SPLAT(value) ((vector){} + (float)(value))
#define SELECT(mask, a, b) ((vector)(((vector_int)(a) & (mask)) | ((vector_int)(b) & ~(mask))))

// a * b + c, rounded once. Plain a * b + c is rounded twice, as NumPy does: nothing is contracted behind our back.
#if defined(__AVX512F__)
#include <immintrin.h>
#define MULTIPLY_ADD(a, b, c) ((vector)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define MAXIMUM(a, b) ((vector)_mm512_max_ps((__m512)(a), (__m512)(b)))
#else
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define MULTIPLY_ADD(a, b, c) \
    ({ \
        union { vector all; __m256 half[2]; } ma_a = {(a)}, ma_b = {(b)}, ma_c = {(c)}; \
        ma_c.half[0] = _mm256_fmadd_ps(ma_a.half[0], ma_b.half[0], ma_c.half[0]); \
        ma_c.half[1] = _mm256_fmadd_ps(ma_a.half[1], ma_b.half[1], ma_c.half[1]); \
        ma_c.all; \
    })
#else
#define MULTIPLY_ADD(a, b, c) \
    ({ \
        vector ma_a = (a), ma_b = (b), ma_c = (c); \
        for (int ma_i = 0; ma_i < LANES; ma_i++) ma_c[ma_i] = __builtin_fmaf(ma_a[ma_i], ma_b[ma_i], ma_c[ma_i]); \
        ma_c; \
    })
#endif
#define MAXIMUM(a, b) \
    ({ \
        vector mx_a = (a), mx_b = (b); \
        SELECT(mx_a > mx_b, mx_a, mx_b); \
    })
#endif

#endif
