// Channels, or groups of a sample's channels, brought to mean 0 and variance 1, where each channel of a sample lies
// in one piece (n, channels, elements): batch, group and instance normalization.
#include "moments.h"

enum { PART = 8192 };

// A plane is a sample's channel. groups: of a sample's channels, or 0 for a batch's channels.
typedef struct {
    float *out, *statistics, *coefficients;
    const float *x, *g, *weight, *bias;
    sums *sums;
    int64_t planes, channels, elements, groups, count, planes_of_part;
} job;

// The statistic that a plane belongs to, and the plane whose first element is its shift.
static inline int64_t statistic_of(const job *j, int64_t plane) {
    return j->groups ? plane / (j->channels / j->groups) : plane % j->channels;
}
static inline int64_t first_plane(const job *j, int64_t statistic) {
    return j->groups ? statistic * (j->channels / j->groups) : statistic;
}

static job job_of(const int64_t *integers) {
    job j = {.planes = integers[0] * integers[1], .channels = integers[1], .elements = integers[2]};
    j.groups = integers[3];
    j.count = j.groups ? integers[0] * j.groups : j.channels;
    j.planes_of_part = ceiling(PART, larger(j.elements, 1));
    j.sums = scratch(0, (size_t)j.planes * sizeof(sums));
    return j;
}

static void run(job *j, task part) { parallel(ceiling(j->planes, j->planes_of_part), part, j); }

// The planes of statistic s, in order.
#define FOR_PLANES(plane, j, s) \
    const int64_t plane##_step = (j)->groups ? 1 : (j)->channels; \
    const int64_t plane##_end = (j)->groups ? first_plane(j, (s) + 1) : (j)->planes; \
    for (int64_t plane = first_plane(j, s); plane < plane##_end; plane += plane##_step)
#define PLANES_OF_PART \
    const int64_t first = part * j->planes_of_part, last = smaller(j->planes, first + j->planes_of_part); \
    const int64_t n = j->elements; \
    for (int64_t plane = first; plane < last; plane++)
#define STATISTICS_OF(plane) \
    const int64_t s = statistic_of(j, plane); \
    const float mean = j->statistics[s], rest = j->statistics[REST * j->count + s]; \
    const float scale = j->statistics[SCALE * j->count + s], weight = j->weight[(plane) % j->channels]

static void moments_part(int64_t part, void *context) {
    const job *j = context;
    PLANES_OF_PART {
        const double shift = j->x[first_plane(j, statistic_of(j, plane)) * n];
        j->sums[plane] = moments(j->x + plane * n, shift, n);
    }
}

static void forward_part(int64_t part, void *context) {
    const job *j = context;
    PLANES_OF_PART {
        STATISTICS_OF(plane);
        const float factor = scale * weight, bias = j->bias[plane % j->channels];
        const float *x = j->x + plane * n;
        float *y = j->out + plane * n;
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES)
            STORE(y + i, MULTIPLY_ADD(LOAD(x + i) - mean - rest, SPLAT(factor), SPLAT(bias)));
        if (i < n)
            STORE_FIRST(y + i, n - i,
                        MULTIPLY_ADD(LOAD_FIRST(x + i, n - i, 0) - mean - rest, SPLAT(factor), SPLAT(bias)));
    }
}

// arrays: y (n, channels, elements), statistics (4, n groups or channels), x, weight, bias (channels,).
// integers: n, channels, elements, groups or 0 for statistics of the batch. numbers: epsilon.
EXPORT int normalize_planes_f32(void **arrays, const int64_t *integers, const double *numbers) {
    job j = job_of(integers);
    j.out = arrays[0];
    j.statistics = arrays[1];
    j.x = arrays[2];
    j.weight = arrays[3];
    j.bias = arrays[4];
    run(&j, moments_part);
    const double n = (double)(j.planes / j.count * j.elements);
    for (int64_t s = 0; s < j.count; s++) {
        sums total = {0, 0};
        FOR_PLANES(plane, &j, s) {
            total.first += j.sums[plane].first;
            total.second += j.sums[plane].second;
        }
        const double shift = j.x[first_plane(&j, s) * j.elements];
        keep_statistics(j.statistics, s, j.count, shift, total, n, numbers[0]);
    }
    run(&j, forward_part);
    return 0;
}

static void products_part(int64_t part, void *context) {
    const job *j = context;
    PLANES_OF_PART {
        STATISTICS_OF(plane);
        (void)weight;
        j->sums[plane] = products(j->g + plane * n, j->x + plane * n, (double)mean + rest, n);
        j->sums[plane].second *= scale;
    }
}

static void backward_part(int64_t part, void *context) {
    const job *j = context;
    PLANES_OF_PART {
        STATISTICS_OF(plane);
        const float of_g = scale * weight, of_1 = j->coefficients[2 * s], of_x = j->coefficients[2 * s + 1];
        const float *x = j->x + plane * n, *g = j->g + plane * n;
        float *out = j->out + plane * n;
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            const vector d = LOAD(x + i) - mean - rest;
            STORE(out + i, MULTIPLY_ADD(LOAD(g + i), SPLAT(of_g), MULTIPLY_ADD(d, SPLAT(of_x), SPLAT(of_1))));
        }
        if (i < n) {
            const vector d = LOAD_FIRST(x + i, n - i, 0) - mean - rest, g_i = LOAD_FIRST(g + i, n - i, 0);
            STORE_FIRST(out + i, n - i, MULTIPLY_ADD(g_i, SPLAT(of_g), MULTIPLY_ADD(d, SPLAT(of_x), SPLAT(of_1))));
        }
    }
}

// arrays: the derivatives of x, weight and bias, then g, x, weight, statistics. integers: as above.
EXPORT int normalize_planes_backward_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = job_of(integers);
    j.out = arrays[0];
    j.g = arrays[3];
    j.x = arrays[4];
    j.weight = arrays[5];
    j.statistics = arrays[6];
    j.coefficients = scratch(1, (size_t)(2 * j.count) * sizeof(float));
    run(&j, products_part);
    float *weight = arrays[1], *bias = arrays[2];
    for (int64_t channel = 0; channel < j.channels; channel++) {
        sums total = {0, 0};
        for (int64_t plane = channel; plane < j.planes; plane += j.channels) {
            total.first += j.sums[plane].first;
            total.second += j.sums[plane].second;
        }
        bias[channel] = (float)total.first;
        weight[channel] = (float)total.second;
    }
    const double n = (double)(j.planes / j.count * j.elements);
    for (int64_t s = 0; s < j.count; s++) {
        sums total = {0, 0};
        FOR_PLANES(plane, &j, s) {
            total.first += j.sums[plane].first * j.weight[plane % j.channels];
            total.second += j.sums[plane].second * j.weight[plane % j.channels];
        }
        const double scale = j.statistics[SCALE * j.count + s];
        j.coefficients[2 * s] = (float)(-total.first / n * scale);
        j.coefficients[2 * s + 1] = (float)(-total.second / n * scale * scale);
    }
    run(&j, backward_part);
    return 0;
}
