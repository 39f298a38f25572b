// Rows of a table by number, and the sums of rows by number that are their derivative.
#include "ids.h"

#include <stdatomic.h>
#include <string.h>

enum { PART = 16384, COLUMNS = 32, CLEARED = 1 << 18 };

typedef struct {
    float *out;
    const float *from;
    const void *ids;
    int64_t rows, units, count, kind, ids_of_part;
    _Atomic int wrong;
} job;

static job job_of(void **arrays, const int64_t *integers) {
    job j = {.out = arrays[0], .from = arrays[1], .ids = arrays[2], .rows = integers[0], .units = integers[1]};
    j.count = integers[2];
    j.kind = integers[3];
    j.ids_of_part = ceiling(PART, larger(j.units, 1));
    return j;
}

static void gather_part(int64_t part, void *context) {
    job *j = context;
    const int64_t last = smaller(j->count, (part + 1) * j->ids_of_part), units = j->units;
    for (int64_t i = part * j->ids_of_part; i < last; i++) {
        const int64_t row = id_at(j->ids, i, j->kind, j->rows);
        if (UNLIKELY(row < 0)) {
            atomic_store(&j->wrong, 1);
            return;
        }
        memcpy(j->out + i * units, j->from + row * units, (size_t)units * sizeof(float));
    }
}

// arrays: y (ids, units), table (rows, units), ids. integers: rows, units, ids, their kind. Refuses ids of no row.
EXPORT int embedding_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = job_of(arrays, integers);
    parallel(ceiling(j.count, j.ids_of_part), gather_part, &j);
    return atomic_load(&j.wrong);
}

static void clear_part(int64_t part, void *context) {
    const job *j = context;
    const int64_t start = part * CLEARED, count = smaller(CLEARED, j->rows * j->units - start);
    memset(j->out + start, 0, (size_t)count * sizeof(float));
}

// A part owns some columns of all rows, and adds to them in the order of the ids.
static void sum_part(int64_t part, void *context) {
    job *j = context;
    const int64_t first = part * COLUMNS, width = smaller(COLUMNS, j->units - first), units = j->units;
    float *out = j->out + first;
    const float *g = j->from + first;
    for (int64_t i = 0; i < j->count; i++) {
        const int64_t row = id_at(j->ids, i, j->kind, j->rows);
        if (UNLIKELY(row < 0)) {
            atomic_store(&j->wrong, 1);
            return;
        }
        float *to = out + row * units;
        const float *add = g + i * units;
        int64_t c = 0;
        for (; c + LANES <= width; c += LANES) STORE(to + c, LOAD(to + c) + LOAD(add + c));
        for (; c < width; c++) to[c] += add[c];
    }
}

// arrays: sums (rows, units), g (ids, units), ids. integers: rows, units, ids, their kind. Refuses ids of no row.
EXPORT int row_sums_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = job_of(arrays, integers);
    parallel(ceiling(j.rows * j.units, CLEARED), clear_part, &j);
    parallel(ceiling(j.units, COLUMNS), sum_part, &j);
    return atomic_load(&j.wrong);
}
