// Products of a few rows with a matrix that is packed once and met many times: one for each element of a sequence.
#ifndef CHAINRULE_PANELS_H
#define CHAINRULE_PANELS_H

#include "kernels.h"

enum { TILE_ROWS = 6, TILE_VECTORS = 4, TILE_COLUMNS = TILE_VECTORS * LANES };

// A panel: `vectors` * 16 columns of a matrix (k, ...), lying row after row. Each fills one vector of columns of it.
// The columns from b on, `count` <= 16 of them; the others become zeros. Rows of b are ldb apart.
void pack_columns(float *panel, int vectors, int64_t k, const float *b, int64_t ldb, int64_t count);
// The same for a b that is stored transposed: its rows are the panel's columns.
void pack_rows(float *panel, int vectors, int64_t k, const float *b, int64_t ldb, int64_t count);

// c (rows, vectors * 16) = a (rows, k) times the panel, for at most TILE_ROWS and TILE_VECTORS; whole vectors are stored.
// start: what to add, a row of it for each row of a, lds apart (0: the same for all); NULL for nothing. It may be c.
void panel_product(int64_t rows, int vectors, int64_t k, const float *a, int64_t lda, const float *panel, const float *start,
                   int64_t lds, float *c, int64_t ldc);

// The same for any number of columns up to TILE_COLUMNS: nothing is read or written right of them but in the panel.
void panel_product_cut(int64_t rows, int64_t columns, int64_t k, const float *a, int64_t lda, const float *panel,
                       const float *start, int64_t lds, float *c, int64_t ldc);

// Rows are cut into nearly equal tiles: how many there are, and where the i-th begins.
static inline int64_t tiles_of(int64_t rows) { return ceiling(rows, TILE_ROWS); }
static inline int64_t tile_start(int64_t rows, int64_t i) { return rows * i / tiles_of(rows); }

// Part of a vector: the first `count` lanes from or to memory.
#define LOAD_PART(at, count) \
    ({ \
        vector lp_value = {}; \
        if ((count) == LANES) lp_value = LOAD(at); \
        else __builtin_memcpy(&lp_value, (at), (size_t)(count) * sizeof(float)); \
        lp_value; \
    })
#define STORE_PART(at, value, count) \
    do { \
        vector sp_value = (value); \
        if ((count) == LANES) STORE(at, sp_value); \
        else __builtin_memcpy((at), &sp_value, (size_t)(count) * sizeof(float)); \
    } while (0)

#endif
