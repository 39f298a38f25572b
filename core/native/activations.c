// Activations that NumPy needs several passes for: each one pass forward, and one back.
#include "lanes.h"

enum { PART = 8192 };

typedef struct {
    float *out;
    const float *x, *g;
    int64_t count;
} job;

// Calls `body`, which makes `result` of `x` (and `g`), for each vector of a part; the last one may be partly empty.
#define EACH_VECTOR(has_g, body) \
    const job *j = context; \
    const int64_t first = part * PART, last = smaller(j->count, first + PART); \
    for (int64_t i = first; i < last; i += LANES) { \
        const int whole = i + LANES <= last, count = whole ? LANES : (int)(last - i); \
        vector x, g = SPLAT(0), result; \
        if (whole) { \
            x = LOAD(j->x + i); \
            if (has_g) g = LOAD(j->g + i); \
        } else { \
            x = LOAD_FIRST(j->x + i, count, 0); \
            if (has_g) g = LOAD_FIRST(j->g + i, count, 0); \
        } \
        (void)g; \
        body; \
        if (whole) STORE(j->out + i, result); \
        else STORE_FIRST(j->out + i, count, result); \
    }

// An activation forward, arrays: y, x; and back, arrays: the derivative, g, x. integers: elements.
#define FORWARD(name, forward) \
    static void name##_part(int64_t part, void *context) { EACH_VECTOR(0, forward) } \
    EXPORT int name##_f32(void **arrays, const int64_t *integers, const double *numbers) { \
        (void)numbers; \
        job j = {.out = arrays[0], .x = arrays[1], .count = integers[0]}; \
        parallel(ceiling(j.count, PART), name##_part, &j); \
        return 0; \
    }
#define ACTIVATION(name, forward, backward) \
    FORWARD(name, forward) \
    static void name##_backward_part(int64_t part, void *context) { EACH_VECTOR(1, backward) } \
    EXPORT int name##_backward_f32(void **arrays, const int64_t *integers, const double *numbers) { \
        (void)numbers; \
        job j = {.out = arrays[0], .g = arrays[1], .x = arrays[2], .count = integers[0]}; \
        parallel(ceiling(j.count, PART), name##_backward_part, &j); \
        return 0; \
    }

// Of nan and a number MAXIMUM gives the second, so nan goes through all of these.
#define SIGMOID(x) (1.0f / (1.0f + EXP(-MAXIMUM(SPLAT(-90.0f), (x)))))
#define MAGNITUDE(x) ((vector)((vector_int)(x) & 0x7fffffff))

FORWARD(sigmoid, result = SIGMOID(x))

ACTIVATION(silu, result = x * SIGMOID(x), {
    const vector s = SIGMOID(x);
    result = g * (s * MULTIPLY_ADD(x, 1.0f - s, SPLAT(1)));
})

// x sigmoid(u), u = sqrt(8 / pi) (x + 0.044715 x^3).
#define CUBIC(x) ((x) * MULTIPLY_ADD((x) * (x), SPLAT(0.0713548162726009f), SPLAT(1.5957691216057308f)))
ACTIVATION(gelu_tanh, result = x * SIGMOID(CUBIC(x)), {
    const vector s = SIGMOID(CUBIC(x));
    const vector slope = MULTIPLY_ADD(x * x, SPLAT(3 * 0.0713548162726009f), SPLAT(1.5957691216057308f));
    result = g * (s * MULTIPLY_ADD(x * slope, 1.0f - s, SPLAT(1)));
})

// The normal distribution function, by the series of core/ops/gaussian.py as a polynomial in s = 2 t - 1.
static const float SERIES[14] = {
    -0.671794057f, 0.672643244f, 0.047343418f, -0.0468954816f, -0.00987453479f,
    0.00882355776f, 0.0017706661f, -0.00233927765f, -0.00018278214f, 0.000657953846f,
    -3.21137741e-05f, -0.000154633788f, 1.33715039e-05f, 2.07230714e-05f,
};
#define NORMAL_CDF(x) \
    ({ \
        const vector nc_x = (x), nc_z = -MAXIMUM(SPLAT(-30.0f), MAGNITUDE(nc_x) * -0.70710678118654752f); \
        const vector nc_t = 2.0f / (2.0f + nc_z), nc_s = 2.0f * nc_t - 1.0f; \
        const vector nc_square = nc_s * nc_s; \
        vector nc_even = SPLAT(SERIES[12]), nc_odd = SPLAT(SERIES[13]); /* two chains wait half as long as one */ \
        for (int nc_k = 10; nc_k >= 0; nc_k -= 2) { \
            nc_even = MULTIPLY_ADD(nc_even, nc_square, SPLAT(SERIES[nc_k])); \
            nc_odd = MULTIPLY_ADD(nc_odd, nc_square, SPLAT(SERIES[nc_k + 1])); \
        } \
        const vector nc_y = MULTIPLY_ADD(nc_odd, nc_s, nc_even); \
        const vector nc_tail = 0.5f * nc_t * EXP(nc_y - nc_z * nc_z); \
        SELECT(nc_x < 0, nc_tail, 1.0f - nc_tail); \
    })

ACTIVATION(gelu, result = x * NORMAL_CDF(x), {
    const vector density = EXP(x * x * -0.5f) * 0.39894228040143268f;
    result = g * MULTIPLY_ADD(x, density, NORMAL_CDF(x));
})
