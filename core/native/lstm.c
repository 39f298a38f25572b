// An LSTM over a whole sequence, and its gradient back through time.
//
// Each step is a product of all samples' h with the state weight and then the arithmetic of the gates. It is cut into
// blocks of units, so that a unit's four gates meet in one place; sequence.c does what needs no order.
#include "panels.h"
#include "vector_math.h"

#include <string.h>

enum { GATES = 4, FEWEST_PARTS = 8, LEAST_WORK = 1 << 17 };

typedef struct {
    // Of this step: (n, 4 units), (n, units) before and after it; y and its gradient (n, time, units) at its time.
    float *gates, *y;
    const float *gates_after, *cells_before, *cells, *hidden_before, *y_gradient;
    float *cells_out, *hidden_out, *cell_gradient, *packed;
    const float *weight;
    int64_t n, units, y_sample, blocks, chunks;
    float *gradient;
    int last;
} step;

static void for_parts(int64_t work, int64_t parts, task run, step *p) {
    if (work >= LEAST_WORK) parallel(parts, run, p);
    else
        for (int64_t part = 0; part < parts; part++) run(part, p);
}

// Few blocks are cut into chunks of samples too.
static void cut(step *p, int64_t block) {
    p->blocks = ceiling(p->units, block);
    p->chunks = larger(1, smaller(tiles_of(p->n), FEWEST_PARTS / p->blocks));
}

static void pack_gates(int64_t block, void *context) {
    const step *p = context;
    int64_t unit = block * LANES, u = p->units;
    for (int gate = 0; gate < GATES; gate++)
        pack_columns(p->packed + (block * u * GATES + gate) * LANES, GATES, u, p->weight + gate * u + unit, GATES * u,
                     smaller(LANES, u - unit));
}

static void forward_part(int64_t part, void *context) {
    const step *p = context;
    int64_t u = p->units, block = part % p->blocks, chunk = part / p->blocks, tiles = tiles_of(p->n), unit = block * LANES;
    int64_t count = smaller(LANES, u - unit);
    const float *panel = p->packed + block * u * GATES * LANES;
    for (int64_t tile = tiles * chunk / p->chunks; tile < tiles * (chunk + 1) / p->chunks; tile++) {
        float products[TILE_ROWS * TILE_COLUMNS];
        int64_t first = tile_start(p->n, tile), end = tile_start(p->n, tile + 1);
        panel_product(end - first, GATES, u, p->hidden_before + first * u, u, panel, NULL, 0, products, TILE_COLUMNS);
        for (int64_t row = first; row < end; row++) {
            const float *product = products + (row - first) * TILE_COLUMNS;
            float *gates = p->gates + row * GATES * u + unit;
            int64_t at = row * u + unit;
            vector i = SIGMOID(LOAD_PART(gates, count) + LOAD(product));
            vector f = SIGMOID(LOAD_PART(gates + u, count) + LOAD(product + LANES));
            vector g = TANH(LOAD_PART(gates + 2 * u, count) + LOAD(product + 2 * LANES));
            vector o = SIGMOID(LOAD_PART(gates + 3 * u, count) + LOAD(product + 3 * LANES));
            vector c = MULTIPLY_ADD(f, LOAD_PART(p->cells_before + at, count), i * g);
            vector h = o * TANH(c);
            STORE_PART(gates, i, count);
            STORE_PART(gates + u, f, count);
            STORE_PART(gates + 2 * u, g, count);
            STORE_PART(gates + 3 * u, o, count);
            STORE_PART(p->cells_out + at, c, count);
            STORE_PART(p->hidden_out + at, h, count);
            STORE_PART(p->y + row * p->y_sample + unit, h, count);
        }
    }
}

static void start_state(float *to, const float *from, int64_t size) {
    if (from) memcpy(to, from, (size_t)size * sizeof(float));
    else memset(to, 0, (size_t)size * sizeof(float));
}

// arrays: y (n, time, units), and behind it the last cells (n, units) if asked for; gates (steps, n, 4 units), which hold the
// input's share and come to hold i, f, g, o; cells and hidden (steps + 1, n, units); h and c to start from or NULL for
// zeros, weight (units, 4 units). integers: n, steps, units, backwards, whether the last cells are asked for.
EXPORT int lstm_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    float *y = arrays[0], *gates = arrays[1], *cells = arrays[2], *hidden = arrays[3];
    int64_t n = integers[0], steps = integers[1], u = integers[2], backwards = integers[3], state = n * u;
    step p = {.n = n, .units = u, .y_sample = steps * u, .weight = arrays[6]};
    cut(&p, LANES);
    p.packed = scratch(0, (size_t)(p.blocks * u * GATES * LANES) * sizeof(float));
    start_state(hidden, arrays[4], state);
    start_state(cells, arrays[5], state);
    parallel(p.blocks, pack_gates, &p);
    for (int64_t s = 0; s < steps; s++) {
        p.gates = gates + s * GATES * state;
        p.cells_before = cells + s * state;
        p.cells_out = cells + (s + 1) * state;
        p.hidden_before = hidden + s * state;
        p.hidden_out = hidden + (s + 1) * state;
        p.y = y + (backwards ? steps - 1 - s : s) * u;
        for_parts(n * u * u * GATES, p.blocks * p.chunks, forward_part, &p);
    }
    if (integers[4]) memcpy(y + steps * state, cells + steps * state, (size_t)state * sizeof(float));
    return 0;
}

static void pack_transposed(int64_t block, void *context) {
    const step *p = context;
    int64_t u = p->units, first = block * TILE_COLUMNS;
    int vectors = (int)ceiling(smaller(TILE_COLUMNS, u - first), LANES);
    for (int v = 0; v < vectors; v++) {
        int64_t unit = first + v * LANES;
        pack_rows(p->packed + first * GATES * u + v * LANES, vectors, GATES * u, p->weight + unit * GATES * u, GATES * u,
                  smaller(LANES, u - unit));
    }
}

// The gradient of the h before the step `gates_after` into `products`, zeros behind the last step.
static void hidden_gradient(const step *p, int64_t block, int64_t first, int64_t rows, float *products) {
    int64_t u = p->units, wide = GATES * u, unit = block * TILE_COLUMNS;
    int vectors = (int)ceiling(smaller(TILE_COLUMNS, u - unit), LANES);
    if (p->last) memset(products, 0, TILE_ROWS * TILE_COLUMNS * sizeof(float));
    else
        panel_product(rows, vectors, wide, p->gates_after + first * wide, wide, p->packed + unit * wide, NULL, 0, products,
                      TILE_COLUMNS);
}

static void backward_part(int64_t part, void *context) {
    const step *p = context;
    int64_t u = p->units, block = part % p->blocks, chunk = part / p->blocks, tiles = tiles_of(p->n);
    int64_t left = block * TILE_COLUMNS, right = smaller(u, left + TILE_COLUMNS);
    for (int64_t tile = tiles * chunk / p->chunks; tile < tiles * (chunk + 1) / p->chunks; tile++) {
        float products[TILE_ROWS * TILE_COLUMNS];
        int64_t first = tile_start(p->n, tile), end = tile_start(p->n, tile + 1);
        hidden_gradient(p, block, first, end - first, products);
        for (int64_t row = first; row < end; row++)
            for (int64_t unit = left; unit < right; unit += LANES) {
                int64_t count = smaller(LANES, u - unit), at = row * u + unit;
                const float *gates = p->gates + row * GATES * u + unit;
                float *gradient = p->gradient + row * GATES * u + unit;
                vector one = SPLAT(1.0f);
                vector i = LOAD_PART(gates, count), f = LOAD_PART(gates + u, count), g = LOAD_PART(gates + 2 * u, count);
                vector o = LOAD_PART(gates + 3 * u, count), c = LOAD_PART(p->cells + at, count), tanh_c = TANH(c);
                vector dh = LOAD(products + (row - first) * TILE_COLUMNS + unit - left) +
                            LOAD_PART(p->y_gradient + row * p->y_sample + unit, count);
                vector dc = LOAD_PART(p->cell_gradient + at, count) + dh * o * (one - tanh_c * tanh_c);
                STORE_PART(gradient, dc * g * i * (one - i), count);
                STORE_PART(gradient + u, dc * LOAD_PART(p->cells_before + at, count) * f * (one - f), count);
                STORE_PART(gradient + 2 * u, dc * i * (one - g * g), count);
                STORE_PART(gradient + 3 * u, dh * tanh_c * o * (one - o), count);
                STORE_PART(p->cell_gradient + at, dc * f, count);
            }
    }
}

// The gradient of the h that the layer started from.
static void start_part(int64_t part, void *context) {
    const step *p = context;
    int64_t u = p->units, left = part * TILE_COLUMNS, columns = smaller(TILE_COLUMNS, u - left);
    for (int64_t tile = 0; tile < tiles_of(p->n); tile++) {
        float products[TILE_ROWS * TILE_COLUMNS];
        int64_t first = tile_start(p->n, tile), end = tile_start(p->n, tile + 1);
        hidden_gradient(p, part, first, end - first, products);
        for (int64_t row = first; row < end; row++)
            memcpy(p->hidden_out + row * u + left, products + (row - first) * TILE_COLUMNS, (size_t)columns * sizeof(float));
    }
}

// arrays: the gradients of the gates (steps, n, 4 units) and of h and c to start from, or NULL for those; the gradient of y,
// and behind it that of the last cells if there is one, gates, cells, hidden, weight. integers: as for lstm_f32.
EXPORT int lstm_gradient_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    float *gradient = arrays[0], *hidden_gradient = arrays[1], *cell_gradient = arrays[2];
    const float *y_gradient = arrays[3], *gates = arrays[4], *cells = arrays[5];
    int64_t n = integers[0], steps = integers[1], u = integers[2], backwards = integers[3], state = n * u;
    step p = {.n = n, .units = u, .y_sample = steps * u, .weight = arrays[7], .last = 1};
    cut(&p, TILE_COLUMNS);
    p.packed = scratch(0, (size_t)(ceiling(u, LANES) * LANES * u * GATES) * sizeof(float));
    p.cell_gradient = cell_gradient ? cell_gradient : scratch(1, (size_t)state * sizeof(float));
    start_state(p.cell_gradient, integers[4] ? y_gradient + steps * state : NULL, state);
    parallel(p.blocks, pack_transposed, &p);
    for (int64_t s = steps - 1; s >= 0; s--) {
        p.gates = (float *)gates + s * GATES * state;
        p.gradient = gradient + s * GATES * state;
        p.cells_before = cells + s * state;
        p.cells = cells + (s + 1) * state;
        p.y_gradient = y_gradient + (backwards ? steps - 1 - s : s) * u;
        for_parts(n * u * u * GATES, p.blocks * p.chunks, backward_part, &p);
        p.gates_after = p.gradient;
        p.last = 0;
    }
    p.hidden_out = hidden_gradient;
    if (hidden_gradient) for_parts(n * u * u * GATES, p.blocks, start_part, &p);
    return 0;
}
