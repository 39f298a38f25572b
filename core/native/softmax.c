// Softmax along rows, and its cross-entropy with class ids: forward and backward, each in one call.
#include "ids.h"
#include "lanes.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>

enum { PART = 8192, SEGMENT = 1024, MOST_PARTS = 64 };

// Rows go to the threads by parts of about PART elements, at most MOST_PARTS of them.
static int64_t rows_of_a_part(int64_t rows, int64_t columns) {
    return larger(ceiling(PART, larger(columns, 1)), ceiling(rows, MOST_PARTS));
}

static inline float row_max(const float *x, int64_t n) {
    vector largest = SPLAT(-INFINITY);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) largest = MAXIMUM(largest, LOAD(x + i));
    if (i < n) largest = MAXIMUM(largest, LOAD_FIRST(x + i, n - i, -INFINITY));
    return MAX_LANES(largest);
}

// The sum of exp(x - shift), and these themselves in `out` unless that is NULL. Each SEGMENT is summed by itself.
static inline __attribute__((always_inline)) float row_exp(const float *x, float shift, int64_t n, float *out) {
    double total = 0;
    for (int64_t start = 0; start < n; start += SEGMENT) {
        const int64_t end = smaller(n, start + SEGMENT);
        vector sum = SPLAT(0);
        int64_t i = start;
        for (; i + LANES <= end; i += LANES) {
            const vector e = EXP(LOAD(x + i) - shift);
            if (out) STORE(out + i, e);
            sum += e;
        }
        if (i < end) {
            const vector e = EXP(LOAD_FIRST(x + i, end - i, -INFINITY) - shift);  // 0 in the lanes behind the end
            if (out) STORE_FIRST(out + i, end - i, e);
            sum += e;
        }
        total += SUM_LANES(sum);
    }
    return (float)total;
}

static inline void row_scale(float *x, float factor, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) STORE(x + i, LOAD(x + i) * factor);
    for (; i < n; i++) x[i] *= factor;
}

typedef struct {
    float *out;
    const float *x, *g;
    const void *labels;
    int64_t rows, columns, rows_of_part, kind;
    double *sums;
    _Atomic int wrong;
} job;

static job job_of(void *out, const void *x, const int64_t *integers) {
    job j = {.out = out, .x = x, .rows = integers[0], .columns = integers[1]};
    j.rows_of_part = rows_of_a_part(j.rows, j.columns);
    return j;
}

static void run(job *j, task part) { parallel(ceiling(j->rows, j->rows_of_part), part, j); }

#define ROWS_OF_PART \
    const int64_t first = part * j->rows_of_part, last = smaller(j->rows, first + j->rows_of_part), n = j->columns

// A row of -inf alone has -FLT_MAX for its largest, and sum 1, so that its softmax is zeros.
static inline float finite_max(const float *x, int64_t n) {
    const float largest = row_max(x, n);
    return largest < -FLT_MAX ? -FLT_MAX : largest;
}

static inline float at_least_one(float sum) { return sum < 1 ? 1 : sum; }

static void softmax_part(int64_t part, void *context) {
    const job *j = context;
    ROWS_OF_PART;
    for (int64_t row = first; row < last; row++) {
        const float *x = j->x + row * n;
        const float sum = row_exp(x, finite_max(x, n), n, j->out + row * n);
        row_scale(j->out + row * n, 1 / at_least_one(sum), n);
    }
}

// arrays: y, x (rows, columns). integers: rows, columns.
EXPORT int softmax_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = job_of(arrays[0], arrays[1], integers);
    run(&j, softmax_part);
    return 0;
}

static void softmax_backward_part(int64_t part, void *context) {
    const job *j = context;
    ROWS_OF_PART;
    for (int64_t row = first; row < last; row++) {
        const float *y = j->x + row * n, *g = j->g + row * n;
        float *out = j->out + row * n;
        double along = 0;
        for (int64_t start = 0; start < n; start += SEGMENT) {
            const int64_t end = smaller(n, start + SEGMENT);
            vector sum = SPLAT(0);
            int64_t i = start;
            for (; i + LANES <= end; i += LANES) sum = MULTIPLY_ADD(LOAD(g + i), LOAD(y + i), sum);
            if (i < end) sum = MULTIPLY_ADD(LOAD_FIRST(g + i, end - i, 0), LOAD_FIRST(y + i, end - i, 0), sum);
            along += SUM_LANES(sum);
        }
        const float mean = (float)along;
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES) STORE(out + i, LOAD(y + i) * (LOAD(g + i) - mean));
        for (; i < n; i++) out[i] = y[i] * (g[i] - mean);
    }
}

// y (g - sum(g y)). arrays: the derivative, g, y, all (rows, columns). integers: rows, columns.
EXPORT int softmax_backward_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = job_of(arrays[0], arrays[2], integers);
    j.g = arrays[1];
    run(&j, softmax_backward_part);
    return 0;
}

static void cross_entropy_part(int64_t part, void *context) {
    job *j = context;
    ROWS_OF_PART;
    double total = 0;
    for (int64_t row = first; row < last; row++) {
        const float *x = j->x + row * n;
        const int64_t label = id_at(j->labels, row, j->kind, n);
        if (UNLIKELY(label < 0)) {
            atomic_store(&j->wrong, 1);
            return;
        }
        const float largest = row_max(x, n);
        total += logf(row_exp(x, largest, n, NULL)) - (x[label] - largest);
    }
    j->sums[part] = total;
}

// The sum of -log(softmax(x)[label]). arrays: the sum (), logits x (rows, columns), labels (rows,). integers: rows,
// columns, kind of labels. Refuses labels that are no columns.
EXPORT int cross_entropy_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    double sums[MOST_PARTS], total = 0;
    job j = job_of(arrays[0], arrays[1], integers);
    j.labels = arrays[2];
    j.kind = integers[2];
    j.sums = sums;
    run(&j, cross_entropy_part);
    if (atomic_load(&j.wrong)) return 1;
    for (int64_t part = 0; part < ceiling(j.rows, j.rows_of_part); part++) total += sums[part];
    *j.out = (float)total;
    return 0;
}

static void cross_entropy_backward_part(int64_t part, void *context) {
    job *j = context;
    ROWS_OF_PART;
    const float g = *j->g;
    for (int64_t row = first; row < last; row++) {
        const float *x = j->x + row * n;
        float *out = j->out + row * n;
        const int64_t label = id_at(j->labels, row, j->kind, n);
        if (UNLIKELY(label < 0)) {
            atomic_store(&j->wrong, 1);
            return;
        }
        if (n <= LANES) {
            const vector e = EXP(LOAD_FIRST(x, n, -INFINITY) - finite_max(x, n));
            STORE_FIRST(out, n, e * (g / at_least_one(SUM_LANES(e))));
        } else {
            row_scale(out, g / at_least_one(row_exp(x, finite_max(x, n), n, out)), n);
        }
        out[label] -= g;
    }
}

// (softmax(x) - one-hot(label)) g. arrays: the derivative (rows, columns), g (), logits x, labels; the rest as above.
EXPORT int cross_entropy_backward_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = job_of(arrays[0], arrays[2], integers);
    j.g = arrays[1];
    j.labels = arrays[3];
    j.kind = integers[2];
    run(&j, cross_entropy_backward_part);
    return atomic_load(&j.wrong);
}
