// Columns brought to mean 0 and variance 1: batch normalization where a position's channels lie side by side
// (rows, channels), as behind a dense layer, or a convolution whose memory is channels last.
#include "moments.h"

enum { PART = 16384, MOST_PARTS = 32 };

typedef struct {
    float *out, *statistics, *coefficients;
    const float *x, *g, *weight, *bias;
    double *first, *second;
    int64_t rows, columns, rows_of_part, parts;
} job;

static job job_of(const int64_t *integers) {
    job j = {.rows = integers[0], .columns = integers[1]};
    j.rows_of_part = larger(ceiling(PART, j.columns), ceiling(j.rows, MOST_PARTS));
    j.parts = ceiling(j.rows, j.rows_of_part);
    j.first = scratch(0, (size_t)(2 * j.parts * j.columns) * sizeof(double));
    j.second = j.first + j.parts * j.columns;
    return j;
}

#define ROWS_OF_PART \
    const int64_t top = part * j->rows_of_part, bottom = smaller(j->rows, top + j->rows_of_part), n = j->columns

static void moments_part(int64_t part, void *context) {
    const job *j = context;
    ROWS_OF_PART;
    double *first = j->first + part * n, *second = j->second + part * n;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {  // a line of the cache at a time
        const wide8 shift_1 = WIDEN(j->x + i), shift_2 = WIDEN(j->x + i + 8);
        wide8 a_1 = SPLAT8(0), b_1 = SPLAT8(0), a_2 = SPLAT8(0), b_2 = SPLAT8(0);
        for (int64_t row = top; row < bottom; row++) {
            const wide8 d_1 = WIDEN(j->x + row * n + i) - shift_1, d_2 = WIDEN(j->x + row * n + i + 8) - shift_2;
            a_1 += d_1;
            b_1 += d_1 * d_1;
            a_2 += d_2;
            b_2 += d_2 * d_2;
        }
        *(wide8 *)(first + i) = a_1;
        *(wide8 *)(second + i) = b_1;
        *(wide8 *)(first + i + 8) = a_2;
        *(wide8 *)(second + i + 8) = b_2;
    }
    for (; i < n; i++) {
        double a = 0, b = 0;
        for (int64_t row = top; row < bottom; row++) {
            const double d = (double)j->x[row * n + i] - j->x[i];
            a += d;
            b += d * d;
        }
        first[i] = a;
        second[i] = b;
    }
}

static sums total_of(const job *j, int64_t column) {
    sums total = {0, 0};
    for (int64_t part = 0; part < j->parts; part++) {
        total.first += j->first[part * j->columns + column];
        total.second += j->second[part * j->columns + column];
    }
    return total;
}

static void forward_part(int64_t part, void *context) {
    const job *j = context;
    ROWS_OF_PART;
    const float *factor = j->coefficients, *rest = j->statistics + REST * n;
    for (int64_t row = top; row < bottom; row++) {
        const float *x = j->x + row * n;
        float *y = j->out + row * n;
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            const vector d = LOAD(x + i) - LOAD(j->statistics + i) - LOAD(rest + i);
            STORE(y + i, MULTIPLY_ADD(d, LOAD(factor + i), LOAD(j->bias + i)));
        }
        for (; i < n; i++) y[i] = __builtin_fmaf(x[i] - j->statistics[i] - rest[i], factor[i], j->bias[i]);
    }
}

// arrays: y (rows, channels), statistics (4, channels), x, weight, bias. integers: rows, channels. numbers: epsilon.
EXPORT int normalize_columns_f32(void **arrays, const int64_t *integers, const double *numbers) {
    job j = job_of(integers);
    j.out = arrays[0];
    j.statistics = arrays[1];
    j.x = arrays[2];
    j.weight = arrays[3];
    j.bias = arrays[4];
    j.coefficients = scratch(1, (size_t)j.columns * sizeof(float));
    parallel(j.parts, moments_part, &j);
    for (int64_t i = 0; i < j.columns; i++) {
        keep_statistics(j.statistics, i, j.columns, j.x[i], total_of(&j, i), (double)j.rows, numbers[0]);
        j.coefficients[i] = j.statistics[SCALE * j.columns + i] * j.weight[i];
    }
    parallel(j.parts, forward_part, &j);
    return 0;
}

static void products_part(int64_t part, void *context) {
    const job *j = context;
    ROWS_OF_PART;
    double *first = j->first + part * n, *second = j->second + part * n;
    const float *mean = j->statistics, *rest = j->statistics + REST * n;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const wide8 mean_1 = WIDEN(mean + i) + WIDEN(rest + i), mean_2 = WIDEN(mean + i + 8) + WIDEN(rest + i + 8);
        wide8 a_1 = SPLAT8(0), b_1 = SPLAT8(0), a_2 = SPLAT8(0), b_2 = SPLAT8(0);
        for (int64_t row = top; row < bottom; row++) {
            const float *g = j->g + row * n + i, *x = j->x + row * n + i;
            const wide8 g_1 = WIDEN(g), g_2 = WIDEN(g + 8);
            a_1 += g_1;
            b_1 += g_1 * (WIDEN(x) - mean_1);
            a_2 += g_2;
            b_2 += g_2 * (WIDEN(x + 8) - mean_2);
        }
        *(wide8 *)(first + i) = a_1;
        *(wide8 *)(second + i) = b_1;
        *(wide8 *)(first + i + 8) = a_2;
        *(wide8 *)(second + i + 8) = b_2;
    }
    for (; i < n; i++) {
        double a = 0, b = 0;
        for (int64_t row = top; row < bottom; row++) {
            const double g = j->g[row * n + i];
            a += g;
            b += g * (j->x[row * n + i] - ((double)mean[i] + rest[i]));
        }
        first[i] = a;
        second[i] = b;
    }
}

static void backward_part(int64_t part, void *context) {
    const job *j = context;
    ROWS_OF_PART;
    const float *mean = j->statistics, *rest = j->statistics + REST * n;
    const float *of_g = j->coefficients, *of_1 = of_g + n, *of_x = of_1 + n;
    for (int64_t row = top; row < bottom; row++) {
        const float *x = j->x + row * n, *g = j->g + row * n;
        float *out = j->out + row * n;
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            const vector d = LOAD(x + i) - LOAD(mean + i) - LOAD(rest + i);
            const vector of_row = MULTIPLY_ADD(d, LOAD(of_x + i), LOAD(of_1 + i));
            STORE(out + i, MULTIPLY_ADD(LOAD(g + i), LOAD(of_g + i), of_row));
        }
        for (; i < n; i++) {
            const float of_row = __builtin_fmaf(x[i] - mean[i] - rest[i], of_x[i], of_1[i]);
            out[i] = __builtin_fmaf(g[i], of_g[i], of_row);
        }
    }
}

// arrays: the derivatives of x, weight and bias, then g, x, weight, statistics. integers: as above.
EXPORT int normalize_columns_backward_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = job_of(integers);
    j.out = arrays[0];
    j.g = arrays[3];
    j.x = arrays[4];
    j.weight = arrays[5];
    j.statistics = arrays[6];
    const int64_t n = j.columns;
    j.coefficients = scratch(1, (size_t)(3 * n) * sizeof(float));
    parallel(j.parts, products_part, &j);
    float *weight = arrays[1], *bias = arrays[2];
    for (int64_t i = 0; i < n; i++) {
        const sums total = total_of(&j, i);
        const double scale = j.statistics[SCALE * n + i], of_g = scale * j.weight[i], along = total.second * scale;
        bias[i] = (float)total.first;
        weight[i] = (float)along;
        j.coefficients[i] = (float)of_g;
        j.coefficients[n + i] = (float)(-of_g * total.first / (double)j.rows);
        j.coefficients[2 * n + i] = (float)(-of_g * scale * along / (double)j.rows);
    }
    parallel(j.parts, backward_part, &j);
    return 0;
}
