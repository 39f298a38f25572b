// Sums of a matrix's columns, what bias gradients are: products with ones, which no loop here beats.
#include "kernels.h"

enum { PART = 32768, MOST_PARTS = 32 };

typedef struct {
    float *sums;
    const float *x, *ones;
    int64_t rows, columns, rows_of_part;
} job;

static void sum_part(int64_t part, void *context) {
    const job *j = context;
    const int64_t n = j->columns, first = part * j->rows_of_part;
    gemm(1, n, smaller(j->rows_of_part, j->rows - first), j->ones, j->rows_of_part, j->x + first * n, n,
         j->sums + part * n, n);
}

// arrays: sums (columns,), x (rows, columns). integers: rows, columns.
EXPORT int column_sums_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = {.sums = arrays[0], .x = arrays[1], .rows = integers[0], .columns = integers[1]};
    j.rows_of_part = larger(ceiling(PART, larger(j.columns, 1)), ceiling(j.rows, MOST_PARTS));
    j.rows_of_part = larger(1, smaller(j.rows, j.rows_of_part));
    const int64_t parts = larger(1, ceiling(j.rows, j.rows_of_part)), n = j.columns;
    float *ones = scratch(1, (size_t)j.rows_of_part * sizeof(float)), *out = arrays[0];
    for (int64_t i = 0; i < j.rows_of_part; i++) ones[i] = 1;
    j.ones = ones;
    if (parts > 1) j.sums = scratch(0, (size_t)(parts * n) * sizeof(float));
    parallel(parts, sum_part, &j);
    if (parts == 1) return 0;
    for (int64_t i = 0; i < n; i++) {
        double total = 0;
        for (int64_t part = 0; part < parts; part++) total += j.sums[part * n + i];
        out[i] = (float)total;
    }
    return 0;
}
