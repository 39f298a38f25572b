// The product of a tile: up to six rows and 64 columns, whose sums stay in registers from the first element to the last.
#include "panels.h"

#include <string.h>

void pack_columns(float *panel, int vectors, int64_t k, const float *b, int64_t ldb, int64_t count) {
    for (int64_t i = 0; i < k; i++) {
        float *to = panel + i * vectors * LANES;
        memcpy(to, b + i * ldb, (size_t)count * sizeof(float));
        memset(to + count, 0, (size_t)(LANES - count) * sizeof(float));
    }
}

void pack_rows(float *panel, int vectors, int64_t k, const float *b, int64_t ldb, int64_t count) {
    int64_t width = vectors * LANES;
    for (int64_t start = 0; start < k; start += LANES) {
        int64_t end = smaller(k, start + LANES);
        for (int64_t lane = 0; lane < count; lane++)
            for (int64_t i = start; i < end; i++) panel[i * width + lane] = b[lane * ldb + i];
        for (int64_t lane = count; lane < LANES; lane++)
            for (int64_t i = start; i < end; i++) panel[i * width + lane] = 0;
    }
}

// As many sums as the registers hold beside a row of the panel: 24 of 32 wide ones, 12 of AVX2's 16, 24 of NEON's 32.
#if defined(__AVX512F__)
typedef __m512 piece;
enum { AT_ONCE = TILE_VECTORS };
#define PIECE_SPLAT(x) _mm512_set1_ps(x)
#define PIECE_MULTIPLY_ADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#elif defined(__AVX2__) && defined(__FMA__)
typedef __m256 piece;
enum { AT_ONCE = 1 };
#define PIECE_SPLAT(x) _mm256_set1_ps(x)
#define PIECE_MULTIPLY_ADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#elif defined(__aarch64__)
#include <arm_neon.h>
typedef float32x4_t piece;
enum { AT_ONCE = 1 };
#define PIECE_SPLAT(x) vdupq_n_f32(x)
#define PIECE_MULTIPLY_ADD(a, b, c) vfmaq_f32(c, a, b)
#else
typedef vector piece;
enum { AT_ONCE = 1 };
#define PIECE_SPLAT(x) SPLAT(x)
#define PIECE_MULTIPLY_ADD(a, b, c) MULTIPLY_ADD(a, b, c)
#endif
typedef piece stored_piece __attribute__((aligned(4), may_alias));
enum { PIECE = sizeof(piece) / sizeof(float), PER_VECTOR = LANES / PIECE };

static inline __attribute__((always_inline)) void tile(const int rows, const int vectors, int64_t width, int64_t k,
                                                       const float *a, int64_t lda, const float *panel, const float *start,
                                                       int64_t lds, float *c, int64_t ldc) {
    const int pieces = vectors * PER_VECTOR;
    piece sums[TILE_ROWS][AT_ONCE * PER_VECTOR];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int p = 0; p < pieces; p++)
            sums[r][p] = start ? *(const stored_piece *)(start + r * lds + p * PIECE) : PIECE_SPLAT(0.0f);
    for (int64_t i = 0; i < k; i++) {
        piece b[AT_ONCE * PER_VECTOR];
#pragma GCC unroll 8
        for (int p = 0; p < pieces; p++) b[p] = *(const stored_piece *)(panel + p * PIECE);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            piece x = PIECE_SPLAT(a[r * lda + i]);
#pragma GCC unroll 8
            for (int p = 0; p < pieces; p++) sums[r][p] = PIECE_MULTIPLY_ADD(x, b[p], sums[r][p]);
        }
        panel += width;
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int p = 0; p < pieces; p++) *(stored_piece *)(c + r * ldc + p * PIECE) = sums[r][p];
}

#define TILE(rows, vectors) \
    case (rows) * 8 + (vectors): \
        tile(rows, vectors, width, k, a, lda, panel, start, lds, c, ldc); \
        break;
#define TILES(vectors) TILE(1, vectors) TILE(2, vectors) TILE(3, vectors) TILE(4, vectors) TILE(5, vectors) TILE(6, vectors)

void panel_product(int64_t rows, int vectors, int64_t k, const float *a, int64_t lda, const float *panel, const float *start,
                   int64_t lds, float *c, int64_t ldc) {
    int64_t width = vectors * LANES;
    for (int64_t r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) __builtin_prefetch(c + r * ldc + v * LANES, 1);
    for (int done = 0; done < vectors; done += AT_ONCE) {
        switch (rows * 8 + smaller(vectors - done, AT_ONCE)) {
            TILES(1)
#if defined(__AVX512F__)
            TILES(2) TILES(3) TILES(4)
#endif
        }
        panel += AT_ONCE * LANES;
        start = start ? start + AT_ONCE * LANES : NULL;
        c += AT_ONCE * LANES;
    }
}

void panel_product_cut(int64_t rows, int64_t columns, int64_t k, const float *a, int64_t lda, const float *panel,
                       const float *start, int64_t lds, float *c, int64_t ldc) {
    int vectors = (int)ceiling(columns, LANES);
    if (columns == vectors * LANES) {
        panel_product(rows, vectors, k, a, lda, panel, start, lds, c, ldc);
        return;
    }
    float sums[TILE_ROWS * TILE_COLUMNS] = {0};
    int64_t width = vectors * LANES;
    size_t bytes = (size_t)columns * sizeof(float);
    for (int64_t r = 0; start && r < rows; r++) memcpy(sums + r * width, start + r * lds, bytes);
    panel_product(rows, vectors, k, a, lda, panel, sums, width, sums, width);
    for (int64_t r = 0; r < rows; r++) memcpy(c + r * ldc, sums + r * width, bytes);
}
