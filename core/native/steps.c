// The cut of a recurrent network's step, and its products with the state weight.
#include "steps.h"

#include <string.h>

enum { FEWEST_PARTS = 8, LEAST_WORK = 1 << 17 };

void copy_or_clear(float *to, const float *from, int64_t size) {
    if (from) memcpy(to, from, (size_t)size * sizeof(float));
    else memset(to, 0, (size_t)size * sizeof(float));
}

static void cut(step *p, int64_t block) {
    p->block = block;
    p->blocks = ceiling(p->units, block);
    p->chunks = larger(1, smaller(tiles_of(p->n), FEWEST_PARTS / p->blocks));
}

// A block's panel holds its units' vectors of the first gate, then of the second.
static void pack_forward(int64_t number, void *context) {
    const step *p = context;
    int64_t u = p->units, wide = p->gates * u, first = number * p->block, units = smaller(p->block, u - first);
    int64_t each = ceiling(units, LANES), vectors = p->gates * each;
    float *panel = p->packed + first * p->gates * u;
    for (int64_t v = 0; v < vectors; v++) {
        int64_t unit = first + v % each * LANES;
        pack_columns(panel + v * LANES, (int)vectors, u, p->weight + v / each * u + unit, wide, smaller(LANES, u - unit));
    }
}

static void pack_backward(int64_t number, void *context) {
    const step *p = context;
    int64_t u = p->units, wide = p->gates * u, first = number * p->block;
    int vectors = (int)ceiling(smaller(p->block, u - first), LANES);
    for (int v = 0; v < vectors; v++) {
        int64_t unit = first + v * LANES;
        pack_rows(p->packed + first * wide + v * LANES, vectors, wide, p->weight + unit * wide, wide,
                  smaller(LANES, u - unit));
    }
}

static void prepare(step *p, int64_t block, task pack) {
    cut(p, block);
    p->packed = scratch(0, (size_t)(ceiling(p->units, LANES) * LANES * p->gates * p->units) * sizeof(float));
    parallel(p->blocks, pack, p);
}

void prepare_forward(step *p) { prepare(p, TILE_VECTORS / p->gates * LANES, pack_forward); }
void prepare_backward(step *p) { prepare(p, TILE_COLUMNS, pack_backward); }

void run_step(step *p, task run) {
    int64_t parts = p->blocks * p->chunks;
    if (p->n * p->units * p->units * p->gates >= LEAST_WORK) parallel(parts, run, p);
    else
        for (int64_t part = 0; part < parts; part++) run(part, p);
}

place place_of(const step *p, int64_t part) {
    int64_t unit = part % p->blocks * p->block, chunk = part / p->blocks, tiles = tiles_of(p->n);
    return (place){unit, smaller(p->block, p->units - unit), tiles * chunk / p->chunks, tiles * (chunk + 1) / p->chunks};
}

void stay(const step *p, int64_t row, int64_t unit, int64_t count) {
    int64_t at = row * p->units + unit;
    copy_or_clear(p->hidden_after + at, p->hidden_before + at, count);
    if (p->cells_after) copy_or_clear(p->cells_after + at, p->cells_before + at, count);
    copy_or_clear(p->y + row * p->steps * p->units + unit, NULL, count);
}

void pass_by(const step *p, int64_t row, int64_t unit, int64_t count, const float *product) {
    float *carried = p->carried + row * p->units + unit;
    for (int64_t j = 0; j < count; j++) carried[j] += product[j];
    for (int64_t gate = 0; gate < p->width; gate++)
        copy_or_clear(p->gradient + (row * p->width + gate) * p->units + unit, NULL, count);
}

// Where more is kept than the weight has gates, as by a GRU, the last gate but one leads to the input alone.
void hidden_gradient(const step *p, int64_t unit, int64_t first, int64_t rows, float *products) {
    if (!p->gradient_after) {
        memset(products, 0, TILE_ROWS * TILE_COLUMNS * sizeof(float));
        return;
    }
    int64_t u = p->units, wide = p->width * u, k = p->gates * u, most = p->width > p->gates ? k - u : k;
    int vectors = (int)ceiling(smaller(TILE_COLUMNS, u - unit), LANES);
    const float *a = p->gradient_after + first * wide, *panel = p->packed + unit * k;
    panel_product(rows, vectors, most, a, wide, panel, NULL, 0, products, TILE_COLUMNS);
    if (most < k)
        panel_product(rows, vectors, u, a + k, wide, panel + most * vectors * LANES, products, TILE_COLUMNS, products,
                      TILE_COLUMNS);
}

static void start_part(int64_t part, void *context) {
    const step *p = context;
    place at = place_of(p, part);
    for (int64_t tile = at.first_tile; tile < at.end_tile; tile++) {
        float products[TILE_ROWS * TILE_COLUMNS];
        int64_t first = tile_start(p->n, tile), end = tile_start(p->n, tile + 1);
        hidden_gradient(p, at.unit, first, end - first, products);
        for (int64_t row = first; row < end; row++) {
            float *to = p->hidden_after + row * p->units + at.unit;
            const float *product = products + (row - first) * TILE_COLUMNS;
            const float *carried = p->carried ? p->carried + row * p->units + at.unit : NULL;
            for (int64_t j = 0; j < at.units; j++) to[j] = product[j] + (carried ? carried[j] : 0);
        }
    }
}

void start_gradient(step *p, float *gradient) {
    p->hidden_after = gradient;
    run_step(p, start_part);
}
