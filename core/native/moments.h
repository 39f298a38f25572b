// Means and variances in double precision, and what normalization keeps of them.
#ifndef CHAINRULE_MOMENTS_H
#define CHAINRULE_MOMENTS_H

#include "lanes.h"

#include <math.h>

// Eight float32 in memory, and what they are widened to.
typedef float narrow8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef double wide8 __attribute__((vector_size(64), aligned(8), may_alias));
#define WIDEN(at) __builtin_convertvector(*(const narrow8 *)(at), wide8)
#define SPLAT8(value) ((wide8){} + (double)(value))
#define SUM8(v) (((v)[0] + (v)[4] + ((v)[2] + (v)[6])) + ((v)[1] + (v)[5] + ((v)[3] + (v)[7])))

typedef struct {
    double first, second;
} sums;

// The sums of d and d² for d = x - shift, along n elements.
static inline sums moments(const float *x, double shift, int64_t n) {
    wide8 first = SPLAT8(0), second = SPLAT8(0), first_b = SPLAT8(0), second_b = SPLAT8(0);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const wide8 a = WIDEN(x + i) - shift, b = WIDEN(x + i + 8) - shift;
        first += a;
        second += a * a;
        first_b += b;
        second_b += b * b;
    }
    first += first_b;
    second += second_b;
    sums s = {SUM8(first), SUM8(second)};
    for (; i < n; i++) {
        const double d = x[i] - shift;
        s.first += d;
        s.second += d * d;
    }
    return s;
}

// The sums of g and g d for d = x - mean, along n elements.
static inline sums products(const float *g, const float *x, double mean, int64_t n) {
    wide8 first = SPLAT8(0), second = SPLAT8(0);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const wide8 a = WIDEN(g + i);
        first += a;
        second += a * (WIDEN(x + i) - mean);
    }
    sums s = {SUM8(first), SUM8(second)};
    for (; i < n; i++) {
        s.first += g[i];
        s.second += g[i] * (x[i] - mean);
    }
    return s;
}

// Statistics are kept as four rows: the mean, what its rounding left (without it a large mean would hide a small
// spread), the variance, and 1 / sqrt(variance + epsilon).
enum { MEAN, REST, VARIANCE, SCALE };

static inline void keep_statistics(float *statistics, int64_t index, int64_t count, double shift, sums s, double n,
                                   double epsilon) {
    const double offset = s.first / n, mean = shift + offset;
    double variance = s.second / n - offset * offset;
    if (variance < 0) variance = 0;
    statistics[MEAN * count + index] = (float)mean;
    statistics[REST * count + index] = (float)(mean - (float)mean);
    statistics[VARIANCE * count + index] = (float)variance;
    statistics[SCALE * count + index] = (float)(1 / sqrt(variance + epsilon));
}

#endif
