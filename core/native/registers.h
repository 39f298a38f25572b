// Products of small blocks that stay in the processor's registers: what convolutions are made of.
//
// A block of c has up to MOST_ROWS rows and one or two registers of columns; b lies in panels of PANEL columns.
// Each element is the sum over k in its order, with one rounding a term, whatever the width of the registers.
#ifndef CHAINRULE_REGISTERS_H
#define CHAINRULE_REGISTERS_H

#include "kernels.h"

#include <string.h>

#if defined(__AVX512F__)
enum { WIDTH = 16, MOST_ROWS = 14 };
typedef float wide __attribute__((vector_size(64), aligned(4), may_alias));
#define FUSED(a, b, c) ((wide)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define ALL(x) ((wide)_mm512_set1_ps(x))
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { WIDTH = 8, MOST_ROWS = 6 };
typedef float wide __attribute__((vector_size(32), aligned(4), may_alias));
#define FUSED(a, b, c) ((wide)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define ALL(x) ((wide)_mm256_set1_ps(x))
#elif defined(__aarch64__)
#include <arm_neon.h>
enum { WIDTH = 4, MOST_ROWS = 12 };
typedef float wide __attribute__((vector_size(16), aligned(4), may_alias));
#define FUSED(a, b, c) ((wide)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define ALL(x) ((wide)vdupq_n_f32(x))
#else
enum { WIDTH = 4, MOST_ROWS = 4 };
typedef float wide __attribute__((vector_size(16), aligned(4), may_alias));
#define FUSED(a, b, c) \
    ({ \
        wide f_a = (a), f_b = (b), f_c = (c); \
        for (int f_i = 0; f_i < WIDTH; f_i++) f_c[f_i] = __builtin_fmaf(f_a[f_i], f_b[f_i], f_c[f_i]); \
        f_c; \
    })
#define ALL(x) ((wide){(x), (x), (x), (x)})
#endif

enum { PANEL = 2 * WIDTH };
#define WIDE(at) (*(wide *)(at))
#define READ(at) (*(const wide *)(at))
#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

// Where the rows of a block of a lie: row i, element k of run r is at a[i * row + runs[r] + k].
typedef struct {
    int64_t row, length, count;
    const int64_t *runs;
} strips;

// c (rows, columns) = start (columns) + a b. b: the panel, (count * length, columns). c's rows are `pitch` apart.
INLINE void multiply_rows(const int rows, const int registers, const float *a, strips s, const float *b,
                          const float *start, float *c, int64_t pitch, int64_t valid) {
    wide sum[MOST_ROWS][2];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < registers; j++) sum[i][j] = READ(start + j * WIDTH);
    const int64_t row = s.row;
    for (int64_t r = 0; r < s.count; r++) {
        const float *from = a + s.runs[r];
        for (int64_t k = 0; k < s.length; k++) {
            wide right[2];
            UNROLL for (int j = 0; j < registers; j++) right[j] = READ(b + j * WIDTH);
            UNROLL for (int i = 0; i < rows; i++) {
                wide left = ALL(from[k + i * row]);
                UNROLL for (int j = 0; j < registers; j++) sum[i][j] = FUSED(left, right[j], sum[i][j]);
            }
            b += registers * WIDTH;
        }
    }
    if (valid == registers * WIDTH) {
        UNROLL for (int i = 0; i < rows; i++)
            UNROLL for (int j = 0; j < registers; j++) WIDE(c + i * pitch + j * WIDTH) = sum[i][j];
        return;
    }
    UNROLL for (int i = 0; i < rows; i++) {
        wide whole[2];  // not sum[i] itself, whose address would keep all of them out of registers
        UNROLL for (int j = 0; j < registers; j++) whole[j] = sum[i][j];
        memcpy(c + i * pitch, whole, (size_t)valid * sizeof(float));
    }
}

// What a sum over samples, rows and pixels walks through: their number, and how far each is from the next in a and b.
typedef struct {
    int64_t samples, lines, pixels;
    int64_t sample_a, line_a, pixel_a, sample_b, line_b, pixel_b;
} walk;

// c (rows, columns) += sum over the walk of a (rows) b (columns). c's rows are `pitch` apart.
INLINE void add_products(const int rows, const int registers, const float *a, const float *b, walk w, float *c,
                         int64_t pitch) {
    wide sum[MOST_ROWS][2];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < registers; j++) sum[i][j] = ALL(0.0f);
    for (int64_t sample = 0; sample < w.samples; sample++)
        for (int64_t line = 0; line < w.lines; line++) {
            const float *left = a + sample * w.sample_a + line * w.line_a;
            const float *right = b + sample * w.sample_b + line * w.line_b;
            for (int64_t pixel = 0; pixel < w.pixels; pixel++) {
                wide columns[2];
                UNROLL for (int j = 0; j < registers; j++) columns[j] = READ(right + j * WIDTH);
                UNROLL for (int i = 0; i < rows; i++) {
                    wide one = ALL(left[i]);
                    UNROLL for (int j = 0; j < registers; j++) sum[i][j] = FUSED(one, columns[j], sum[i][j]);
                }
                left += w.pixel_a;
                right += w.pixel_b;
            }
        }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int j = 0; j < registers; j++) WIDE(c + i * pitch + j * WIDTH) += sum[i][j];
}

// The two with any number of rows up to MOST_ROWS; in registers.c. columns: valid ones of a panel.
void rows_product(int rows, const float *a, strips s, const float *panel, const float *start, float *c, int64_t pitch,
                  int64_t columns);
void outer_products(int rows, const float *a, const float *b, walk w, float *c, int64_t pitch, int64_t columns);

// How to cut `count` rows into parts of at most MOST_ROWS that differ by one at most.
static inline int64_t cut(int64_t count, int64_t parts, int64_t part) { return count * part / parts; }

// Columns of panels: so many floats a row of b takes in all panels together. The last panel has one register if that is enough.
static inline int64_t paneled(int64_t columns) { return ceiling(columns, WIDTH) * WIDTH; }

#endif
