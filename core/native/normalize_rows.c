// Rows brought to mean 0 and variance 1, or to mean square 1, then scaled by column: layer and RMS normalization.
#include "moments.h"

enum { PART = 8192, MOST_PARTS = 32, SEGMENT = 1024 };

typedef struct {
    float *out, *statistics, *weight_sums, *bias_sums;
    const float *x, *g, *weight, *bias;
    int64_t rows, columns, rows_of_part, centered;
    double epsilon;
} job;

static int64_t rows_of_a_part(int64_t rows, int64_t columns) {
    return larger(ceiling(PART, columns), ceiling(rows, MOST_PARTS));
}

static void forward_part(int64_t part, void *context) {
    const job *j = context;
    const int64_t n = j->columns, last = smaller(j->rows, (part + 1) * j->rows_of_part);
    for (int64_t row = part * j->rows_of_part; row < last; row++) {
        const float *x = j->x + row * n;
        float *y = j->out + row * n;
        const double shift = j->centered ? x[0] : 0;
        sums s = moments(x, shift, n);
        if (!j->centered) s.first = 0;
        keep_statistics(j->statistics, row, j->rows, shift, s, (double)n, j->epsilon);
        const float mean = j->statistics[row], rest = j->statistics[REST * j->rows + row];
        const float scale = j->statistics[SCALE * j->rows + row];
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            vector bias = SPLAT(0);
            if (j->bias) bias = LOAD(j->bias + i);
            STORE(y + i, MULTIPLY_ADD((LOAD(x + i) - mean - rest) * scale, LOAD(j->weight + i), bias));
        }
        if (i < n) {
            vector bias = SPLAT(0);
            if (j->bias) bias = LOAD_FIRST(j->bias + i, n - i, 0);
            const vector centered = (LOAD_FIRST(x + i, n - i, 0) - mean - rest) * scale;
            STORE_FIRST(y + i, n - i, MULTIPLY_ADD(centered, LOAD_FIRST(j->weight + i, n - i, 0), bias));
        }
    }
}

// arrays: y (rows, columns), statistics (4, rows), x, weight, bias or NULL (columns,).
// integers: rows, columns, whether the mean is taken off. numbers: epsilon.
EXPORT int normalize_rows_f32(void **arrays, const int64_t *integers, const double *numbers) {
    job j = {.out = arrays[0], .statistics = arrays[1], .x = arrays[2], .weight = arrays[3], .bias = arrays[4]};
    j.rows = integers[0];
    j.columns = integers[1];
    j.centered = integers[2];
    j.epsilon = numbers[0];
    j.rows_of_part = rows_of_a_part(j.rows, j.columns);
    parallel(ceiling(j.rows, j.rows_of_part), forward_part, &j);
    return 0;
}

// Rows are as long as they are: what is behind the last whole vector goes through the same lines with a mask.
#define OF_ROW(body) \
    do { \
        int64_t i = 0; \
        for (; i + LANES <= n; i += LANES) { \
            const vector g = LOAD(g_row + i), w = LOAD(j->weight + i), x = (LOAD(x_row + i) - mean - rest) * scale; \
            const int count = LANES; \
            body \
        } \
        if (i < n) { \
            const int count = (int)(n - i); \
            const vector g = LOAD_FIRST(g_row + i, count, 0), w = LOAD_FIRST(j->weight + i, count, 0); \
            const vector x = (LOAD_FIRST(x_row + i, count, mean) - mean - rest) * scale; \
            body \
        } \
    } while (0)
#define ADD_TO(at, value) \
    do { \
        if (count == LANES) STORE(at, LOAD(at) + (value)); \
        else STORE_FIRST(at, count, LOAD_FIRST(at, count, 0) + (value)); \
    } while (0)

static void backward_part(int64_t part, void *context) {
    const job *j = context;
    const int64_t n = j->columns, last = smaller(j->rows, (part + 1) * j->rows_of_part);
    float *weight_sums = j->weight_sums + part * n, *bias_sums = j->bias_sums + part * n;
    for (int64_t i = 0; i < n; i++) weight_sums[i] = bias_sums[i] = 0;
    for (int64_t row = part * j->rows_of_part; row < last; row++) {
        const float *x_row = j->x + row * n, *g_row = j->g + row * n;
        float *out = j->out + row * n;
        const float mean = j->statistics[row], rest = j->statistics[REST * j->rows + row];
        const float scale = j->statistics[SCALE * j->rows + row];
        vector along_1 = SPLAT(0), along_x = SPLAT(0);
        double total_1 = 0, total_x = 0;
        OF_ROW({
            const vector gw = g * w;
            along_1 += gw;
            along_x = MULTIPLY_ADD(gw, x, along_x);
            if (i % SEGMENT == SEGMENT - LANES) {
                total_1 += SUM_LANES(along_1);
                total_x += SUM_LANES(along_x);
                along_1 = along_x = SPLAT(0);
            }
            ADD_TO(weight_sums + i, g * x);
            ADD_TO(bias_sums + i, g);
        });
        const float mean_1 = j->centered ? (float)((total_1 + SUM_LANES(along_1)) / (double)n) : 0;
        const float mean_x = (float)((total_x + SUM_LANES(along_x)) / (double)n);
        OF_ROW({
            const vector change = (g * w - mean_1 - x * mean_x) * scale;
            if (count == LANES) STORE(out + i, change);
            else STORE_FIRST(out + i, count, change);
        });
    }
}

// arrays: the derivatives of x, weight and bias or NULL, then g, x, weight, statistics. integers: as above.
EXPORT int normalize_rows_backward_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = {.out = arrays[0], .g = arrays[3], .x = arrays[4], .weight = arrays[5], .statistics = arrays[6]};
    j.rows = integers[0];
    j.columns = integers[1];
    j.centered = integers[2];
    j.rows_of_part = rows_of_a_part(j.rows, j.columns);
    const int64_t parts = ceiling(j.rows, j.rows_of_part), n = j.columns;
    j.weight_sums = scratch(0, (size_t)(2 * parts * n) * sizeof(float));
    j.bias_sums = j.weight_sums + parts * n;
    parallel(parts, backward_part, &j);
    float *weight = arrays[1], *bias = arrays[2];
    for (int64_t i = 0; i < n; i++) {
        double of_weight = 0, of_bias = 0;
        for (int64_t part = 0; part < parts; part++) {
            of_weight += j.weight_sums[part * n + i];
            of_bias += j.bias_sums[part * n + i];
        }
        weight[i] = (float)of_weight;
        if (bias) bias[i] = (float)of_bias;
    }
    return 0;
}
