// Gradients in fewer bits: halves, bytes with a scale for each block, signs with two means for each block; and back.
//
// Elements come in whole vectors of sixteen, as flat buffers do. What is not a number stays one: its block becomes NaN.
#include "lanes.h"

#include <math.h>
#include <string.h>

enum { PART = 16384, MAGNITUDE = 0x7fffffff, INFINITE = 0x7f800000, LARGEST_HALF = 0x477fe000 };

typedef struct {
    void **arrays;
    int64_t count, block;
    void (*run)(void **arrays, int64_t start, int64_t count, int64_t block);
} job;

static void run_part(int64_t part, void *context) {
    const job *j = context;
    const int64_t start = part * PART;
    j->run(j->arrays, start, smaller(PART, j->count - start), j->block);
}

// integers: elements, and how many a block has: a divisor of PART, a multiple of 16.
#define EXPORT_JOB(name) \
    EXPORT int name(void **arrays, const int64_t *integers, const double *numbers) { \
        (void)numbers; \
        job j = {arrays, integers[0], integers[1], name##_part}; \
        parallel(ceiling(j.count, PART), run_part, &j); \
        return 0; \
    }

// To the nearest bfloat16, ties to even. arrays: halves, x.
static void to_bfloat16_part(void **arrays, int64_t start, int64_t count, int64_t block) {
    uint16_t *to = (uint16_t *)arrays[0] + start;
    const uint32_t *from = (const uint32_t *)arrays[1] + start;
    (void)block;
    INDEPENDENT
    for (int64_t i = 0; i < count; i++) {
        const uint32_t bits = from[i], rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        to[i] = (uint16_t)((bits & MAGNITUDE) > INFINITE ? bits >> 16 | 0x40 : rounded);
    }
}
EXPORT_JOB(to_bfloat16)

// arrays: y, halves.
static void from_bfloat16_part(void **arrays, int64_t start, int64_t count, int64_t block) {
    uint32_t *to = (uint32_t *)arrays[0] + start;
    const uint16_t *from = (const uint16_t *)arrays[1] + start;
    (void)block;
    INDEPENDENT
    for (int64_t i = 0; i < count; i++) to[i] = (uint32_t)from[i] << 16;
}
EXPORT_JOB(from_bfloat16)

// To the nearest float16, ties to even; a finite number beyond its range becomes the largest one. arrays: halves, x.
static void to_float16_part(void **arrays, int64_t start, int64_t count, int64_t block) {
    uint16_t *to = (uint16_t *)arrays[0] + start;
    const int32_t *from = (const int32_t *)arrays[1] + start;
    (void)block;
    for (int64_t i = 0; i < count; i += 8) {
        union { int32_t bits[8]; float values[8]; } within;
        for (int l = 0; l < 8; l++) {
            const int32_t bits = from[i + l], size = bits & MAGNITUDE;
            within.bits[l] = size > LARGEST_HALF && size < INFINITE ? (bits & ~MAGNITUDE) | LARGEST_HALF : bits;
        }
#if defined(__F16C__)
        _mm_storeu_si128((__m128i *)(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(within.values), 0));
#else
        for (int l = 0; l < 8; l++) {
            const _Float16 half = (_Float16)within.values[l];
            memcpy(to + i + l, &half, 2);
        }
#endif
    }
}
EXPORT_JOB(to_float16)

// arrays: y, halves.
static void from_float16_part(void **arrays, int64_t start, int64_t count, int64_t block) {
    float *to = (float *)arrays[0] + start;
    const uint16_t *from = (const uint16_t *)arrays[1] + start;
    (void)block;
    for (int64_t i = 0; i < count; i += 8) {
#if defined(__F16C__)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + i))));
#else
        for (int l = 0; l < 8; l++) {
            _Float16 half;
            memcpy(&half, from + i + l, 2);
            to[i + l] = (float)half;
        }
#endif
    }
}
EXPORT_JOB(from_float16)

// A block times 127 / its largest magnitude, rounded, ties to even. arrays: bytes, a scale for each block, x.
static void to_int8_part(void **arrays, int64_t start, int64_t count, int64_t block) {
    for (int64_t first = start; first < start + count; first += block) {
        const int64_t size = smaller(block, start + count - first);
        int8_t *to = (int8_t *)arrays[0] + first;
        float *scale = (float *)arrays[1] + first / block;
        const float *from = (const float *)arrays[2] + first;
        const int32_t *bits = (const int32_t *)arrays[2] + first;
        int32_t largest = 0;
        for (int64_t i = 0; i < size; i++) {
            const int32_t magnitude = bits[i] & MAGNITUDE;
            largest = largest > magnitude ? largest : magnitude;
        }
        float limit;
        memcpy(&limit, &largest, sizeof limit);
        if (largest >= INFINITE || limit < 1e-30f) {
            *scale = largest >= INFINITE ? NAN : 0;
            memset(to, 0, (size_t)size);
            continue;
        }
        *scale = limit / 127;
        const float factor = 127 / limit;
        INDEPENDENT
        for (int64_t i = 0; i < size; i++) to[i] = (int8_t)(int32_t)rintf(from[i] * factor);
    }
}
EXPORT_JOB(to_int8)

// arrays: y, bytes, a scale for each block.
static void from_int8_part(void **arrays, int64_t start, int64_t count, int64_t block) {
    for (int64_t first = start; first < start + count; first += block) {
        const int64_t size = smaller(block, start + count - first);
        float *to = (float *)arrays[0] + first;
        const int8_t *from = (const int8_t *)arrays[1] + first;
        const float scale = ((const float *)arrays[2])[first / block];
        INDEPENDENT
        for (int64_t i = 0; i < size; i++) to[i] = (float)from[i] * scale;
    }
}
EXPORT_JOB(from_int8)

// The signs of a vector, a bit each, lowest first; and a vector's lanes from them.
static inline uint16_t sign_bits(const float *at) {
#if defined(__AVX512DQ__)
    return (uint16_t)_mm512_movepi32_mask(_mm512_loadu_si512(at));
#elif defined(__AVX2__)
    const int low = _mm256_movemask_ps(_mm256_loadu_ps(at)), high = _mm256_movemask_ps(_mm256_loadu_ps(at + 8));
    return (uint16_t)(low | high << 8);
#else
    uint32_t bits = 0;
    for (int l = 0; l < LANES; l++) bits |= (uint32_t)(signbit(at[l]) != 0) << l;
    return (uint16_t)bits;
#endif
}

// arrays: bits (a uint16 for each vector), the means of a block's positive and negative elements (blocks, 2), x.
static void to_signs_part(void **arrays, int64_t start, int64_t count, int64_t block) {
    for (int64_t first = start; first < start + count; first += block) {
        const int64_t size = smaller(block, start + count - first);
        uint16_t *to = (uint16_t *)arrays[0] + first / LANES;
        float *means = (float *)arrays[1] + 2 * (first / block);
        const float *from = (const float *)arrays[2] + first;
        vector positive = SPLAT(0), negative = SPLAT(0);
        int64_t negatives = 0;
        for (int64_t i = 0; i < size; i += LANES) {
            const vector x = LOAD(from + i);
            const vector_int below = (vector_int)x >> 31;
            positive += SELECT(below, SPLAT(0), x);
            negative += SELECT(below, x, SPLAT(0));
            to[i / LANES] = sign_bits(from + i);
            negatives += __builtin_popcount(to[i / LANES]);
        }
        means[0] = SUM_LANES(positive) / (float)larger(1, size - negatives);
        means[1] = SUM_LANES(negative) / (float)larger(1, negatives);
    }
}
EXPORT_JOB(to_signs)

// arrays: y, bits, means.
static void from_signs_part(void **arrays, int64_t start, int64_t count, int64_t block) {
    const vector_int places = {1,      1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                               1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};
    for (int64_t first = start; first < start + count; first += block) {
        const int64_t size = smaller(block, start + count - first);
        float *to = (float *)arrays[0] + first;
        const uint16_t *from = (const uint16_t *)arrays[1] + first / LANES;
        const float *means = (const float *)arrays[2] + 2 * (first / block);
        const vector positive = SPLAT(means[0]), negative = SPLAT(means[1]);
        for (int64_t i = 0; i < size; i += LANES) {
            const vector_int below = (((vector_int){} + (int32_t)from[i / LANES]) & places) != 0;
            STORE(to + i, SELECT(below, negative, positive));
        }
    }
}
EXPORT_JOB(from_signs)
