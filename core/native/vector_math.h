// Functions of sixteen numbers at a time: e^x, sigmoid and tanh, each within two units in the last place.
//
// They keep nan, and take ±inf and what overflows to the limits. Macros, as all that takes vectors: see kernels.h.
#ifndef CHAINRULE_VECTOR_MATH_H
#define CHAINRULE_VECTOR_MATH_H

#include "kernels.h"

// Where one is nan the second is given.
#if defined(__AVX512F__)
#define MINIMUM(a, b) ((vector)_mm512_min_ps((__m512)(a), (__m512)(b)))
#else
#define MINIMUM(a, b) \
    ({ \
        vector mn_a = (a), mn_b = (b); \
        SELECT(mn_a < mn_b, mn_a, mn_b); \
    })
#endif
#define MAGNITUDE(x) ((vector)((vector_int)(x) & 0x7fffffff))
#define WITH_SIGN_OF(magnitude, x) ((vector)((vector_int)(magnitude) | ((vector_int)(x) & (int32_t)0x80000000)))

// 2^n for whole numbers n from -126 to 127.
#define POWER_OF_TWO(n) ((vector)((__builtin_convertvector(n, vector_int) + 127) << 23))

// The nearest whole number to x, |x| < 2^22.
#define NEAREST(x) (((x) + SPLAT(12582912.0f)) - SPLAT(12582912.0f))

// x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, the first so short that n times it is exact.
// Then e^r - 1 = r + r^2 p(r): the polynomial fits best in the maximum norm.
#define EXPONENT_AND_REST(x, n, r) \
    do { \
        n = NEAREST((x) * SPLAT(1.44269504f)); \
        r = MULTIPLY_ADD(n, SPLAT(-0.693359375f), (x)); \
        r = MULTIPLY_ADD(n, SPLAT(2.12194440e-4f), r); \
    } while (0)
#define EXP_OF_REST_LESS_ONE(r) \
    ({ \
        vector er_p = SPLAT(1.9875691500e-4f); \
        er_p = MULTIPLY_ADD(er_p, (r), SPLAT(1.3981999507e-3f)); \
        er_p = MULTIPLY_ADD(er_p, (r), SPLAT(8.3334519073e-3f)); \
        er_p = MULTIPLY_ADD(er_p, (r), SPLAT(4.1665795894e-2f)); \
        er_p = MULTIPLY_ADD(er_p, (r), SPLAT(1.6666665459e-1f)); \
        er_p = MULTIPLY_ADD(er_p, (r), SPLAT(5.0000001201e-1f)); \
        MULTIPLY_ADD(er_p, (r) * (r), (r)); \
    })

// y 2^n for whole numbers n, to 0 or infinity where it gets there: by two factors, each of which a float32 can be.
#if defined(__AVX512F__)
#define SCALED(y, n) ((vector)_mm512_scalef_ps((__m512)(y), (__m512)(n)))
#else
#define SCALED(y, n) \
    ({ \
        vector sc_n = (n), sc_half = NEAREST(sc_n * SPLAT(0.5f)); \
        (y) * POWER_OF_TWO(sc_half) * POWER_OF_TWO(sc_n - sc_half); \
    })
#endif

// e^x.
#define EXP(x) \
    ({ \
        vector ex_x = MAXIMUM(SPLAT(-105.0f), MINIMUM(SPLAT(90.0f), (x))), ex_n, ex_r; \
        EXPONENT_AND_REST(ex_x, ex_n, ex_r); \
        SCALED(EXP_OF_REST_LESS_ONE(ex_r) + SPLAT(1.0f), ex_n); \
    })

#define SIGMOID(x) (SPLAT(1.0f) / (SPLAT(1.0f) + EXP(-(x))))

// -t / (t + 2) with t = e^(-2 |x|) - 1, which loses nothing near 0.
#define TANH(x) \
    ({ \
        vector th_x = (x), th_n, th_r; \
        vector th_y = MAXIMUM(SPLAT(-40.0f), SPLAT(-2.0f) * MAGNITUDE(th_x)); \
        EXPONENT_AND_REST(th_y, th_n, th_r); \
        vector th_scale = POWER_OF_TWO(th_n); \
        vector th_t = MULTIPLY_ADD(EXP_OF_REST_LESS_ONE(th_r), th_scale, th_scale - SPLAT(1.0f)); \
        vector th_tanh = -th_t / (th_t + SPLAT(2.0f)); \
        WITH_SIGN_OF(MAGNITUDE(th_tanh), th_x); \
    })

#endif
