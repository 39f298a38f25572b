// A GRU over a whole sequence, and its gradient back through time.
#include "steps.h"
#include "vector_math.h"

enum { GATES = 3, KEPT = 4 };

// The state's bias of the candidate lies in `cells_before`: it is added before r is multiplied with.
static void forward_part(int64_t part, void *context) {
    const step *p = context;
    place place = place_of(p, part);
    int64_t u = p->units, unit = place.unit, count = place.units, y_row = p->steps * u;
    const float *panel = p->packed + unit * GATES * u;
    for (int64_t tile = place.first_tile; tile < place.end_tile; tile++) {
        float products[TILE_ROWS * TILE_COLUMNS];
        int64_t first = tile_start(p->n, tile), end = tile_start(p->n, tile + 1);
        for (int64_t row = first; row < end; row++)
            for (int gate = 0; gate < KEPT; gate++) __builtin_prefetch(p->kept + (row * KEPT + gate) * u + unit, 1);
        panel_product(end - first, GATES, u, p->hidden_before + first * u, u, panel, NULL, 0, products, TILE_COLUMNS);
        for (int64_t row = first; row < end; row++) {
            if (is_over(p, row)) {
                stay(p, row, unit, count);
                continue;
            }
            const float *product = products + (row - first) * TILE_COLUMNS;
            float *kept = p->kept + row * KEPT * u + unit;
            int64_t at = row * u + unit;
            vector r = SIGMOID(LOAD_PART(kept, count) + LOAD(product));
            vector z = SIGMOID(LOAD_PART(kept + u, count) + LOAD(product + LANES));
            vector s = LOAD(product + 2 * LANES) + LOAD_PART(p->cells_before + unit, count);
            vector g = TANH(MULTIPLY_ADD(r, s, LOAD_PART(kept + 2 * u, count)));
            vector h = MULTIPLY_ADD(z, LOAD_PART(p->hidden_before + at, count) - g, g);
            STORE_PART(kept, r, count);
            STORE_PART(kept + u, z, count);
            STORE_PART(kept + 2 * u, g, count);
            STORE_PART(kept + 3 * u, s, count);
            STORE_PART(p->hidden_after + at, h, count);
            STORE_PART(p->y + row * y_row + unit, h, count);
        }
    }
}

// arrays: y (n, time, units); kept (steps, n, 4 units), whose first three hold the input's share of r, z and the candidate,
// and come to hold r, z, g and the state's share s of the candidate; NULL; hidden (steps + 1, n, units); h to start from or
// NULL for zeros, NULL, weight (units, 3 units), the state's bias (3 units,), lengths (n,) of int64 or NULL.
// integers: n, steps, units, backwards, whether y is to have h (n, units) after the last step behind it.
EXPORT int gru_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    float *y = arrays[0], *kept = arrays[1], *hidden = arrays[3];
    int64_t n = integers[0], steps = integers[1], u = integers[2], backwards = integers[3], state = n * u;
    step p = {.n = n, .steps = steps, .units = u, .gates = GATES, .width = KEPT, .weight = arrays[6], .lengths = arrays[8],
              .cells_before = (const float *)arrays[7] + 2 * u};
    copy_or_clear(hidden, arrays[4], state);
    prepare_forward(&p);
    for (int64_t s = 0; s < steps; s++) {
        p.kept = kept + s * KEPT * state;
        p.hidden_before = hidden + s * state;
        p.hidden_after = hidden + (s + 1) * state;
        p.time = backwards ? steps - 1 - s : s;
        p.y = y + p.time * u;
        run_step(&p, forward_part);
    }
    if (integers[4]) copy_or_clear(y + steps * state, hidden + steps * state, state);
    return 0;
}

static void backward_part(int64_t part, void *context) {
    const step *p = context;
    place place = place_of(p, part);
    int64_t u = p->units, left = place.unit, right = left + place.units, y_row = p->steps * u;
    for (int64_t tile = place.first_tile; tile < place.end_tile; tile++) {
        float products[TILE_ROWS * TILE_COLUMNS];
        int64_t first = tile_start(p->n, tile), end = tile_start(p->n, tile + 1);
        hidden_gradient(p, left, first, end - first, products);
        for (int64_t row = first; row < end; row++) {
            const float *product = products + (row - first) * TILE_COLUMNS;
            if (is_over(p, row)) {
                pass_by(p, row, left, place.units, product);
                continue;
            }
            for (int64_t unit = left; unit < right; unit += LANES) {
                int64_t count = smaller(LANES, u - unit), at = row * u + unit;
                const float *kept = p->kept + row * KEPT * u + unit;
                float *gradient = p->gradient + row * KEPT * u + unit;
                vector one = SPLAT(1.0f);
                vector r = LOAD_PART(kept, count), z = LOAD_PART(kept + u, count), g = LOAD_PART(kept + 2 * u, count);
                vector s = LOAD_PART(kept + 3 * u, count);
                vector dh = LOAD(product + unit - left) +
                            LOAD_PART(p->y_gradient + row * y_row + unit, count) + LOAD_PART(p->carried + at, count);
                vector candidate = dh * (one - z) * (one - g * g);
                STORE_PART(gradient, candidate * s * r * (one - r), count);
                STORE_PART(gradient + u, dh * (LOAD_PART(p->hidden_before + at, count) - g) * z * (one - z), count);
                STORE_PART(gradient + 2 * u, candidate, count);
                STORE_PART(gradient + 3 * u, candidate * r, count);
                STORE_PART(p->carried + at, dh * z, count);
            }
        }
    }
}

// arrays: the gradients of what is kept (steps, n, 4 units), the first three those of the input's share, and of h to start
// from, or NULL; NULL; the gradient of y and what is behind it, kept, NULL, hidden, weight, lengths.
// integers: as for gru_f32.
EXPORT int gru_gradient_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    float *gradient = arrays[0], *start = arrays[1], *kept = arrays[4];
    const float *y_gradient = arrays[3], *hidden = arrays[6];
    int64_t n = integers[0], steps = integers[1], u = integers[2], backwards = integers[3], state = n * u;
    step p = {.n = n, .steps = steps, .units = u, .gates = GATES, .width = KEPT, .weight = arrays[7], .lengths = arrays[8]};
    p.carried = scratch(1, (size_t)state * sizeof(float));
    copy_or_clear(p.carried, integers[4] ? y_gradient + steps * state : NULL, state);
    prepare_backward(&p);
    for (int64_t s = steps - 1; s >= 0; s--) {
        p.kept = kept + s * KEPT * state;
        p.gradient = gradient + s * KEPT * state;
        p.hidden_before = hidden + s * state;
        p.time = backwards ? steps - 1 - s : s;
        p.y_gradient = y_gradient + p.time * u;
        run_step(&p, backward_part);
        p.gradient_after = p.gradient;
    }
    if (start) start_gradient(&p, start);
    return 0;
}
