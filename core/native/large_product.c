// Products of large matrices by the register tiles of panels.c: about a tenth faster than BLAS, and shared by all threads.
#include "large_product.h"

#include "panels.h"

enum { DEPTH = 256, AHEAD = 16, FEWEST_PARTS = 8 };

typedef struct {
    float *c, *turned;
    const float *a, *b;
    int64_t m, n, k, lda, ldb, panels, blocks, transposed_a, transposed_b;
} large;

// Sixteen rows of a, which is stored by columns, as rows: the tiles read them element after element.
static void turn_part(int64_t part, void *context) {
    const large *p = context;
    int64_t first = part * LANES, count = smaller(LANES, p->m - first);
    for (int64_t i = 0; i < p->k; i++)
        for (int64_t r = 0; r < count; r++) p->turned[(first + r) * p->lda + i] = p->a[i * p->transposed_a + first + r];
}

static void pack(float *panel, const large *p, int64_t i, int64_t depth, int64_t first, int64_t columns) {
    int64_t vectors = ceiling(columns, LANES), width = vectors * LANES;
    if (p->transposed_b) {
        for (int64_t v = 0; v < vectors; v++)
            pack_rows(panel + v * LANES, (int)vectors, depth, p->b + (first + v * LANES) * p->ldb + i, p->ldb,
                      smaller(LANES, columns - v * LANES));
        return;
    }
    const float *from = p->b + i * p->ldb + first;
    for (int64_t row = 0; row < depth; row++, from += p->ldb, panel += width)
        for (int64_t j = 0; j < columns; j += LANES) {
            if (row + AHEAD < depth) __builtin_prefetch(from + AHEAD * p->ldb + j);
            STORE(panel + j, LOAD_PART(from + j, smaller(LANES, columns - j)));
        }
}

static void product_part(int64_t part, void *context) {
    const large *p = context;
    int64_t first = part % p->panels * TILE_COLUMNS, columns = smaller(TILE_COLUMNS, p->n - first);
    int64_t block = part / p->panels, tiles = tiles_of(p->m);
    float *panel = scratch(2, DEPTH * TILE_COLUMNS * sizeof(float));
    for (int64_t i = 0; i < p->k; i += DEPTH) {
        int64_t depth = smaller(DEPTH, p->k - i);
        pack(panel, p, i, depth, first, columns);
        for (int64_t tile = tiles * block / p->blocks; tile < tiles * (block + 1) / p->blocks; tile++) {
            int64_t row = tile_start(p->m, tile), rows = tile_start(p->m, tile + 1) - row;
            float *c = p->c + row * p->n + first;
            panel_product_cut(rows, columns, depth, p->a + row * p->lda + i, p->lda, panel, i ? c : NULL, p->n, c, p->n);
        }
    }
}

void large_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, int transposed_a, const float *b, int64_t ldb,
                   int transposed_b, float *c) {
    large p = {.c = c, .a = a, .b = b, .m = m, .n = n, .k = k, .lda = lda, .ldb = ldb, .transposed_b = transposed_b};
    p.panels = ceiling(n, TILE_COLUMNS);
    p.blocks = larger(1, smaller(tiles_of(m), FEWEST_PARTS / p.panels));
    if (transposed_a) {
        p.transposed_a = lda;
        p.lda = k + LANES;  // not a power of two: then a column of it would have one place in the cache
        p.turned = scratch(1, (size_t)(m * p.lda) * sizeof(float));
        parallel(ceiling(m, LANES), turn_part, &p);
        p.a = p.turned;
    }
    parallel(p.panels * p.blocks, product_part, &p);
}
