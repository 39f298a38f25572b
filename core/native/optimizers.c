// Optimizers: each rule's step on a slice of the flat buffers in one pass, to the bit what NumPy's passes give.
//
// Every element is computed by the same operations in the same order as in core/optim, each rounded once. So a result
// depends neither on where a slice begins nor on the threads. Only numbers below 1e-38 differ: here they are zero.
#include "lanes.h"

#include <math.h>

enum { BLOCK = 16384 };

// One block of the slice. outputs: parameters, then the rows of state; inputs: gradient, parameters, state.
typedef struct {
    float *out, *new_state[3];
    const float *gradient, *parameters, *state[3];
    int64_t count;
    float decay, kept;
    const double *numbers;
} block;

typedef struct {
    void **arrays;
    int64_t count;
    int rows;
    const double *numbers;
    void (*update)(const block *, int rows);
} step;

static void update_block(int64_t part, void *context) {
    const step *s = context;
    int64_t start = part * BLOCK;
    block b = {.count = smaller(BLOCK, s->count - start), .numbers = s->numbers + 2};
    b.decay = (float)s->numbers[0];
    b.kept = (float)s->numbers[1];
    float **arrays = (float **)s->arrays;
    b.out = arrays[0] + start;
    b.gradient = arrays[s->rows + 1] + start;
    b.parameters = arrays[s->rows + 2] + start;
    for (int row = 0; row < s->rows; row++) {
        b.new_state[row] = arrays[row + 1] + start;
        b.state[row] = arrays[s->rows + 3 + row] + start;
    }
    s->update(&b, s->rows);
}

// integers: elements, rows of state. numbers: weight decay as an L2 term or 0, what decoupled decay leaves of a
// parameter or 1, then the rule's own.
static int update(void **arrays, const int64_t *integers, const double *numbers, void (*rule)(const block *, int)) {
    step s = {arrays, integers[0], (int)integers[1], numbers, rule};
    parallel(ceiling(s.count, BLOCK), update_block, &s);
    return 0;
}

#define INLINE static inline __attribute__((always_inline))

// A rule, written for what may vary from call to call but not from element to element: `choice` and whether there
// is an L2 term. Inside, g and p are the gradient, with its L2 term, and the parameter; the change goes to `change`.
#define RULE(name, ...) \
    INLINE void name##_elements(const block *b, int choice, int decays) { \
        const float *gradient = b->gradient, *parameters = b->parameters, decay = b->decay, kept = b->kept; \
        const float *s0 = b->state[0], *s1 = b->state[1], *s2 = b->state[2]; \
        float *out = b->out, *n0 = b->new_state[0], *n1 = b->new_state[1], *n2 = b->new_state[2]; \
        const int64_t count = b->count; \
        (void)s0, (void)s1, (void)s2, (void)n0, (void)n1, (void)n2, (void)choice; \
        INDEPENDENT \
        for (int64_t i = 0; i < count; i++) { \
            const float p = parameters[i]; \
            const float g = decays ? p * decay + gradient[i] : gradient[i]; \
            float change; \
            __VA_ARGS__; \
            out[i] = p * kept - change; \
        } \
    }

#define NUMBER(index) ((float)b->numbers[index])
#define EXPORT_RULE(name, chosen) \
    static void name##_block(const block *b, int rows) { \
        (void)rows; \
        if (b->decay != 0) \
            chosen ? name##_elements(b, 1, 1) : name##_elements(b, 0, 1); \
        else \
            chosen ? name##_elements(b, 1, 0) : name##_elements(b, 0, 0); \
    } \
    EXPORT int name##_f32(void **arrays, const int64_t *integers, const double *numbers) { \
        return update(arrays, integers, numbers, name##_block); \
    }

// numbers: learning rate, epsilon, beta1, beta2. A third row of state is AMSGrad's.
RULE(adam, {
    const float rate = NUMBER(0), epsilon = NUMBER(1), beta1 = NUMBER(2), beta2 = NUMBER(3);
    const float first = s0[i] * beta1 + g;
    float second = s1[i] * beta2 + g * g;
    n0[i] = first;
    n1[i] = second;
    if (choice) {
        second = s2[i] >= second || s2[i] != s2[i] ? s2[i] : second;
        n2[i] = second;
    }
    change = first / (sqrtf(second) + epsilon) * rate;
})
EXPORT_RULE(adam, rows == 3)

// numbers: those of the gradient and of the moment in the step, epsilon, beta1, beta2.
RULE(nadam, {
    const float of_gradient = NUMBER(0), of_moment = NUMBER(1), epsilon = NUMBER(2), beta1 = NUMBER(3);
    const float beta2 = NUMBER(4);
    const float first = s0[i] * beta1 + g, second = s1[i] * beta2 + g * g;
    n0[i] = first;
    n1[i] = second;
    change = (g * of_gradient + first * of_moment) / (sqrtf(second) + epsilon);
})
EXPORT_RULE(nadam, 0)

// numbers: the step's factor, epsilon, beta1, beta2, 1 if the second moment can be trusted.
RULE(radam, {
    const float factor = NUMBER(0), epsilon = NUMBER(1), beta1 = NUMBER(2), beta2 = NUMBER(3);
    const float first = s0[i] * beta1 + g, second = s1[i] * beta2 + g * g;
    n0[i] = first;
    n1[i] = second;
    change = (choice ? first / (sqrtf(second) + epsilon) : first) * factor;
})
EXPORT_RULE(radam, b->numbers[4] != 0)

// numbers: learning rate, momentum, 1 for Nesterov's form. A row of state is the momentum.
RULE(momentum, {
    const float rate = NUMBER(0), momentum = NUMBER(1);
    const float velocity = s0[i] * momentum + g;
    n0[i] = velocity;
    change = (choice ? velocity * momentum + g : velocity) * rate;
})
RULE(plain, change = g * NUMBER(0))
EXPORT_RULE(momentum, b->numbers[2] != 0)
EXPORT_RULE(plain, 0)
EXPORT int sgd_f32(void **arrays, const int64_t *integers, const double *numbers) {
    return integers[1] ? momentum_f32(arrays, integers, numbers) : plain_f32(arrays, integers, numbers);
}

// numbers: learning rate, epsilon.
RULE(adagrad, {
    const float rate = NUMBER(0), epsilon = NUMBER(1);
    const float squares = s0[i] + g * g;
    n0[i] = squares;
    change = g / (sqrtf(squares) + epsilon) * rate;
})
EXPORT_RULE(adagrad, 0)

// numbers: learning rate, epsilon, alpha, 1 - alpha, momentum. A second row of state is the momentum.
RULE(rmsprop, {
    const float rate = NUMBER(0), epsilon = NUMBER(1), alpha = NUMBER(2), newest = NUMBER(3);
    const float momentum = NUMBER(4);
    const float squares = s0[i] * alpha + g * g * newest;
    n0[i] = squares;
    change = g / (sqrtf(squares) + epsilon);
    if (choice) n1[i] = change = s1[i] * momentum + change;
    change *= rate;
})
EXPORT_RULE(rmsprop, rows == 2)

// numbers: learning rate, beta1, 1 - beta1, beta2, 1 - beta2.
RULE(lion, {
    const float rate = NUMBER(0), beta1 = NUMBER(1), newest1 = NUMBER(2), beta2 = NUMBER(3), newest2 = NUMBER(4);
    const float mean = s0[i] * beta1 + g * newest1;
    change = (mean > 0 ? 1.0f : mean < 0 ? -1.0f : mean == 0 ? 0.0f : mean) * rate;
    n0[i] = s0[i] * beta2 + g * newest2;
})
EXPORT_RULE(lion, 0)

// a + (p - a) * newest. arrays: what is written, which may be a, then p, a. integers: elements. numbers: newest.
static void average_block(int64_t part, void *context) {
    const step *s = context;
    const int64_t start = part * BLOCK, count = smaller(BLOCK, s->count - start);
    float *out = (float *)s->arrays[0] + start;
    const float *parameters = (const float *)s->arrays[1] + start, *average = (const float *)s->arrays[2] + start;
    const float newest = (float)s->numbers[0];
    INDEPENDENT
    for (int64_t i = 0; i < count; i++) out[i] = average[i] + (parameters[i] - average[i]) * newest;
}

EXPORT int moving_average_f32(void **arrays, const int64_t *integers, const double *numbers) {
    step s = {arrays, integers[0], 0, numbers, NULL};
    parallel(ceiling(s.count, BLOCK), average_block, &s);
    return 0;
}
