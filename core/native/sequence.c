// What all recurrent layers have in common: the products over all elements of a sequence at once.
//
// A sequence x or its gradient is (n, time, inputs). The gates and their gradients are (steps, n, width), in the order in
// which the layer goes through time: step s is at time s, or at time - 1 - s where it goes backwards.
#include "panels.h"

#include <string.h>

enum { FEWEST_PARTS = 8, DEPTH = 256, AHEAD = 16 };

// c = a b + start for all steps and samples: rows of a and c are found by these strides, b is packed.
typedef struct {
    const float *a, *b, *start;
    float *c;
    int64_t outer, rows, a_outer, a_row, c_outer, c_row, k, columns, panels, groups;
    const float *matrix;
    int64_t ld_matrix, transposed;
} sequence_product;

static void pack_part(int64_t part, void *context) {
    const sequence_product *p = context;
    int64_t first = part * TILE_COLUMNS, columns = smaller(TILE_COLUMNS, p->columns - first);
    int vectors = (int)ceiling(columns, LANES);
    float *panel = (float *)p->b + first * p->k;
    for (int v = 0; v < vectors; v++) {
        int64_t column = first + v * LANES, count = smaller(LANES, p->columns - column);
        if (p->transposed)
            pack_rows(panel + v * LANES, vectors, p->k, p->matrix + column * p->ld_matrix, p->ld_matrix, count);
        else
            pack_columns(panel + v * LANES, vectors, p->k, p->matrix + column, p->ld_matrix, count);
    }
}

static void product_part(int64_t part, void *context) {
    const sequence_product *p = context;
    int64_t first = part % p->panels * TILE_COLUMNS, columns = smaller(TILE_COLUMNS, p->columns - first);
    int64_t group = part / p->panels, end = p->outer * (group + 1) / p->groups;
    const float *panel = p->b + first * p->k, *start = p->start ? p->start + first : NULL;
    for (int64_t o = p->outer * group / p->groups; o < end; o++)
        for (int64_t tile = 0; tile < tiles_of(p->rows); tile++) {
            int64_t row = tile_start(p->rows, tile), rows = tile_start(p->rows, tile + 1) - row;
            panel_product_cut(rows, columns, p->k, p->a + o * p->a_outer + row * p->a_row, p->a_row, panel, start, 0,
                              p->c + o * p->c_outer + row * p->c_row + first, p->c_row);
        }
}

// The longer of the two axes is cut into tiles.
static void multiply_sequence(sequence_product *p, int64_t n, int64_t steps, int64_t a_sample, int64_t a_step, int64_t c_sample,
                              int64_t c_step) {
    int along_steps = steps > n;
    p->outer = along_steps ? n : steps;
    p->rows = along_steps ? steps : n;
    p->a_outer = along_steps ? a_sample : a_step;
    p->a_row = along_steps ? a_step : a_sample;
    p->c_outer = along_steps ? c_sample : c_step;
    p->c_row = along_steps ? c_step : c_sample;
    p->panels = ceiling(p->columns, TILE_COLUMNS);
    p->groups = larger(1, smaller(p->outer, FEWEST_PARTS / p->panels));
    p->b = scratch(0, (size_t)(ceiling(p->columns, LANES) * LANES * p->k) * sizeof(float));
    parallel(p->panels, pack_part, p);
    parallel(p->panels * p->groups, product_part, p);
}

// The input's share of the gates, and the biases: gates = x w + bias + state_bias.
// arrays: gates; x, w (inputs, columns), bias, state_bias. integers: n, steps, inputs, columns, width, backwards, and how
// many columns state_bias is added to, from the first one on.
EXPORT int sequence_gates_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    float *gates = arrays[0];
    const float *x = arrays[1], *w = arrays[2], *bias = arrays[3], *state_bias = arrays[4];
    int64_t n = integers[0], steps = integers[1], inputs = integers[2], columns = integers[3], width = integers[4];
    int64_t backwards = integers[5], shared = integers[6];
    float *start = scratch(1, (size_t)ceiling(columns, LANES) * LANES * sizeof(float));
    for (int64_t j = 0; j < columns; j++) start[j] = bias[j] + (j < shared ? state_bias[j] : 0);
    sequence_product p = {.a = backwards ? x + (steps - 1) * inputs : x, .start = start, .c = gates, .k = inputs,
                          .columns = columns, .matrix = w, .ld_matrix = columns};
    multiply_sequence(&p, n, steps, steps * inputs, backwards ? -inputs : inputs, width, n * width);
    return 0;
}

// The gradient of x: gates' gradient times the transpose of w.
// arrays: gradient (n, time, inputs); gates' gradient, w (inputs, columns). integers: as for sequence_gates_f32, to backwards.
EXPORT int sequence_input_gradient_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    float *gradient = arrays[0];
    int64_t n = integers[0], steps = integers[1], inputs = integers[2], columns = integers[3], width = integers[4];
    int64_t backwards = integers[5];
    sequence_product p = {.a = arrays[1], .c = backwards ? gradient + (steps - 1) * inputs : gradient, .k = columns,
                          .columns = inputs, .matrix = arrays[2], .ld_matrix = columns, .transposed = 1};
    multiply_sequence(&p, n, steps, width, n * width, steps * inputs, backwards ? -inputs : inputs);
    return 0;
}

// c (inputs, columns) = the sum over steps and samples of x's transpose times the gates' gradient.
typedef struct {
    float *c, *turned;
    const float *x, *gates;
    int64_t n, steps, inputs, columns, width, x_sample, x_step, ldc, blocks, ld_turned;
} weight_product;

// Sixteen rows of x's transpose: (inputs, steps * n).
static void turn_part(int64_t part, void *context) {
    const weight_product *p = context;
    int64_t first = part * LANES, count = smaller(LANES, p->inputs - first);
    for (int64_t s = 0; s < p->steps; s++)
        for (int64_t r = 0; r < p->n; r++) {
            const float *from = p->x + s * p->x_step + r * p->x_sample + first;
            float *to = p->turned + first * p->ld_turned + s * p->n + r;
            for (int64_t input = 0; input < count; input++) to[input * p->ld_turned] = from[input];
        }
}

// A panel of rows that lie far apart, each fetched ahead.
static void pack_panel(float *panel, int64_t depth, const float *from, int64_t ld, int64_t columns) {
    int64_t width = ceiling(columns, LANES) * LANES;
    for (int64_t i = 0; i < depth; i++, from += ld, panel += width) {
        for (int64_t j = 0; j < columns; j += LANES) {
            if (i + AHEAD < depth) __builtin_prefetch(from + AHEAD * ld + j);
            STORE(panel + j, LOAD_PART(from + j, smaller(LANES, columns - j)));
        }
    }
}

static void weight_part(int64_t part, void *context) {
    const weight_product *p = context;
    int64_t panels = ceiling(p->columns, TILE_COLUMNS), first = part % panels * TILE_COLUMNS, k = p->steps * p->n;
    int64_t block = part / panels, tiles = tiles_of(p->inputs);
    int64_t columns = smaller(TILE_COLUMNS, p->columns - first);
    float *panel = scratch(2, DEPTH * TILE_COLUMNS * sizeof(float));
    for (int64_t i = 0; i == 0 || i < k; i += DEPTH) {  // once at least: without samples the gradient is zeros
        int64_t depth = smaller(DEPTH, k - i);
        pack_panel(panel, depth, p->gates + i * p->width + first, p->width, columns);
        for (int64_t tile = tiles * block / p->blocks; tile < tiles * (block + 1) / p->blocks; tile++) {
            int64_t row = tile_start(p->inputs, tile), rows = tile_start(p->inputs, tile + 1) - row;
            float *c = p->c + row * p->ldc + first;
            panel_product_cut(rows, columns, depth, p->turned + row * p->ld_turned + i, p->ld_turned, panel, i ? c : NULL,
                              p->ldc, c, p->ldc);
        }
    }
}

// The gradient of a weight, or of some of its columns.
// arrays: gradient (inputs, ldc); x, gates' gradient. integers: n, steps, inputs, columns, width, backwards, whether x is
// (steps, n, inputs), ldc, the first column in the gradient, the first one in the gates.
EXPORT int sequence_weight_gradient_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    const float *x = arrays[1];
    int64_t n = integers[0], steps = integers[1], inputs = integers[2], columns = integers[3], by_step = integers[6];
    int64_t backwards = integers[5], step = by_step ? n * inputs : backwards ? -inputs : inputs;
    weight_product p = {.c = (float *)arrays[0] + integers[8], .x = backwards && !by_step ? x + (steps - 1) * inputs : x,
                        .gates = (const float *)arrays[2] + integers[9], .n = n, .steps = steps, .inputs = inputs,
                        .columns = columns, .width = integers[4], .x_sample = by_step ? inputs : steps * inputs,
                        .x_step = step, .ldc = integers[7]};
    int64_t panels = ceiling(columns, TILE_COLUMNS);
    p.blocks = larger(1, smaller(tiles_of(inputs), FEWEST_PARTS / panels));
    p.ld_turned = n * steps + LANES;  // not a power of two: then a column of it would have one place in the cache
    p.turned = scratch(1, (size_t)(inputs * p.ld_turned) * sizeof(float));
    parallel(ceiling(inputs, LANES), turn_part, &p);
    parallel(panels * p.blocks, weight_part, &p);
    return 0;
}

typedef struct {
    float *sums;
    const float *gates;
    int64_t n, steps, columns, width;
} bias_sums;

// The samples of a step are added up, then the steps: short sums lose less.
static void bias_part(int64_t part, void *context) {
    const bias_sums *p = context;
    int64_t first = part * TILE_COLUMNS, columns = smaller(TILE_COLUMNS, p->columns - first);
    float total[TILE_COLUMNS] = {0};
    for (int64_t s = 0; s < p->steps; s++) {
        float sum[TILE_COLUMNS] = {0};
        for (int64_t r = 0; r < p->n; r++) {
            const float *row = p->gates + (s * p->n + r) * p->width + first;
            for (int64_t j = 0; j < columns; j++) sum[j] += row[j];
        }
        for (int64_t j = 0; j < columns; j++) total[j] += sum[j];
    }
    memcpy(p->sums + first, total, (size_t)columns * sizeof(float));
}

// The gradient of a bias, or of some of its elements: the sums of the gates' columns.
// arrays: gradient; gates' gradient. integers: n, steps, columns, width, the first element of the gradient, the first column.
EXPORT int sequence_bias_gradient_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    bias_sums p = {(float *)arrays[0] + integers[4], (const float *)arrays[1] + integers[5], integers[0], integers[1],
                   integers[2], integers[3]};
    parallel(ceiling(p.columns, TILE_COLUMNS), bias_part, &p);
    return 0;
}
