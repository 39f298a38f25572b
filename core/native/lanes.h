// Parts of vectors, sums across their lanes, and exp: what kernels that go along rows need beside kernels.h.
#ifndef CHAINRULE_LANES_H
#define CHAINRULE_LANES_H

#include "kernels.h"

// Before a loop whose outputs may be inputs of the same place, never of another: it may be cut into vectors.
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

// The first `count` (1 .. 16) lanes from memory, `fill` in the others; and the first `count` lanes to memory.
#if defined(__AVX512F__)
#define LOAD_FIRST(at, count, fill) \
    ((vector)_mm512_mask_loadu_ps((__m512)SPLAT(fill), (__mmask16)((1u << (count)) - 1), at))
#define STORE_FIRST(at, count, value) _mm512_mask_storeu_ps(at, (__mmask16)((1u << (count)) - 1), (__m512)(value))
#else
#define LOAD_FIRST(at, count, fill) \
    ({ \
        vector lf_v = SPLAT(fill); \
        const float *lf_at = (at); \
        for (int lf_i = 0; lf_i < (int)(count); lf_i++) lf_v[lf_i] = lf_at[lf_i]; \
        lf_v; \
    })
#define STORE_FIRST(at, count, value) \
    do { \
        vector sf_v = (value); \
        float *sf_at = (at); \
        for (int sf_i = 0; sf_i < (int)(count); sf_i++) sf_at[sf_i] = sf_v[sf_i]; \
    } while (0)
#endif

#if defined(__AVX512F__)
#define LANES_SWAPPED_8(v) ((vector)_mm512_shuffle_f32x4((__m512)(v), (__m512)(v), 0x4e))
#define LANES_SWAPPED_4(v) ((vector)_mm512_shuffle_f32x4((__m512)(v), (__m512)(v), 0xb1))
#define LANES_SWAPPED_2(v) ((vector)_mm512_permute_ps((__m512)(v), 0x4e))
#define LANES_SWAPPED_1(v) ((vector)_mm512_permute_ps((__m512)(v), 0xb1))
#else
#define LANES_SWAPPED_8(v) __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)
#define LANES_SWAPPED_4(v) __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)
#define LANES_SWAPPED_2(v) __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
#define LANES_SWAPPED_1(v) __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)
#endif

// The sum of the lanes, always as the same tree; and the largest.
#define SUM_LANES(v) \
    ({ \
        vector sl_v = (v); \
        sl_v += LANES_SWAPPED_8(sl_v); \
        sl_v += LANES_SWAPPED_4(sl_v); \
        sl_v += LANES_SWAPPED_2(sl_v); \
        sl_v += LANES_SWAPPED_1(sl_v); \
        sl_v[0]; \
    })
#define MAX_LANES(v) \
    ({ \
        vector ml_v = (v); \
        ml_v = MAXIMUM(ml_v, LANES_SWAPPED_8(ml_v)); \
        ml_v = MAXIMUM(ml_v, LANES_SWAPPED_4(ml_v)); \
        ml_v = MAXIMUM(ml_v, LANES_SWAPPED_2(ml_v)); \
        ml_v = MAXIMUM(ml_v, LANES_SWAPPED_1(ml_v)); \
        ml_v[0]; \
    })

// exp(x) for x up to 88, to one unit in the last place; 0 from -104 down, nan for nan. After Cephes: x is
// n log(2) + r, exp(r) a polynomial, and 2^n is made of its bits, in two halves so that both are normal numbers.
#define EXP(x) \
    ({ \
        const vector ex_x = MAXIMUM(SPLAT(-104.0f), (x)); /* of nan and a number MAXIMUM gives the second */ \
        const vector ex_magic = SPLAT(12582912.0f);       /* 1.5 * 2^23: adding it rounds to an integer */ \
        const vector ex_shifted = MULTIPLY_ADD(ex_x, SPLAT(1.44269504088896341f), ex_magic); \
        const vector ex_n = ex_shifted - ex_magic; \
        vector ex_r = MULTIPLY_ADD(ex_n, SPLAT(-0.693359375f), ex_x); \
        ex_r = MULTIPLY_ADD(ex_n, SPLAT(2.12194440e-4f), ex_r); \
        vector ex_p = SPLAT(1.9875691500e-4f); \
        ex_p = MULTIPLY_ADD(ex_p, ex_r, SPLAT(1.3981999507e-3f)); \
        ex_p = MULTIPLY_ADD(ex_p, ex_r, SPLAT(8.3334519073e-3f)); \
        ex_p = MULTIPLY_ADD(ex_p, ex_r, SPLAT(4.1665795894e-2f)); \
        ex_p = MULTIPLY_ADD(ex_p, ex_r, SPLAT(1.6666665459e-1f)); \
        ex_p = MULTIPLY_ADD(ex_p, ex_r, SPLAT(5.0000001201e-1f)); \
        ex_p = MULTIPLY_ADD(ex_p, ex_r * ex_r, ex_r) + 1.0f; \
        const vector_int ex_k = (vector_int)ex_shifted - (vector_int)ex_magic, ex_half = ex_k >> 1; \
        ex_p * (vector)((ex_half + 127) << 23) * (vector)((ex_k - ex_half + 127) << 23); \
    })

#endif
