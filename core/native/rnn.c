// A plain recurrent network over a whole sequence, by tanh or relu, and its gradient back through time.
#include "steps.h"
#include "vector_math.h"

static void forward_part(int64_t part, void *context) {
    const step *p = context;
    place place = place_of(p, part);
    int64_t u = p->units, left = place.unit, right = left + place.units, y_row = p->steps * u;
    const float *panel = p->packed + left * u;
    for (int64_t tile = place.first_tile; tile < place.end_tile; tile++) {
        float products[TILE_ROWS * TILE_COLUMNS];
        int64_t first = tile_start(p->n, tile), end = tile_start(p->n, tile + 1);
        panel_product(end - first, (int)ceiling(place.units, LANES), u, p->hidden_before + first * u, u, panel, NULL, 0,
                      products, TILE_COLUMNS);
        for (int64_t row = first; row < end; row++) {
            if (is_over(p, row)) {
                stay(p, row, left, place.units);
                continue;
            }
            for (int64_t unit = left; unit < right; unit += LANES) {
                int64_t count = smaller(LANES, u - unit), at = row * u + unit;
                vector sum = LOAD_PART(p->hidden_after + at, count) +
                             LOAD(products + (row - first) * TILE_COLUMNS + unit - left);
                vector h = p->option ? MAXIMUM(SPLAT(0.0f), sum) : TANH(sum);
                STORE_PART(p->hidden_after + at, h, count);
                STORE_PART(p->y + row * y_row + unit, h, count);
            }
        }
    }
}

// arrays: y (n, time, units), NULL, NULL, hidden (steps + 1, n, units), which behind its first holds the input's share;
// h to start from or NULL for zeros, NULL, weight (units, units), a bias that is not read, lengths (n,) of int64 or NULL.
// integers: n, steps, units, backwards, whether y is to have h (n, units) after the last step behind it, whether it is relu.
EXPORT int rnn_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    float *y = arrays[0], *hidden = arrays[3];
    int64_t n = integers[0], steps = integers[1], u = integers[2], backwards = integers[3], state = n * u;
    step p = {.n = n, .steps = steps, .units = u, .gates = 1, .width = 1, .weight = arrays[6], .lengths = arrays[8],
              .option = integers[5]};
    copy_or_clear(hidden, arrays[4], state);
    prepare_forward(&p);
    for (int64_t s = 0; s < steps; s++) {
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
                vector h = LOAD_PART(p->hidden_after + at, count);
                vector dh = LOAD(product + unit - left) + LOAD_PART(p->y_gradient + row * y_row + unit, count);
                if (p->carried) {
                    dh += LOAD_PART(p->carried + at, count);
                    STORE_PART(p->carried + at, SPLAT(0.0f), count);
                }
                vector slope = SPLAT(1.0f) - h * h;
                if (p->option) slope = SELECT(h > SPLAT(0.0f), SPLAT(1.0f), SPLAT(0.0f));
                STORE_PART(p->gradient + at, dh * slope, count);
            }
        }
    }
}

// arrays: the gradients of the sums (steps, n, units) and of h to start from, or NULL; NULL; the gradient of y and what is
// behind it, NULL, NULL, hidden, weight, lengths. integers: as for rnn_f32.
EXPORT int rnn_gradient_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    float *gradient = arrays[0], *start = arrays[1], *hidden = arrays[6];
    const float *y_gradient = arrays[3];
    int64_t n = integers[0], steps = integers[1], u = integers[2], backwards = integers[3], state = n * u;
    step p = {.n = n, .steps = steps, .units = u, .gates = 1, .width = 1, .weight = arrays[7], .lengths = arrays[8],
              .option = integers[5]};
    if (p.lengths || integers[4]) p.carried = scratch(2, (size_t)state * sizeof(float));
    if (p.carried) copy_or_clear(p.carried, integers[4] ? y_gradient + steps * state : NULL, state);
    prepare_backward(&p);
    for (int64_t s = steps - 1; s >= 0; s--) {
        p.gradient = gradient + s * state;
        p.hidden_after = hidden + (s + 1) * state;
        p.time = backwards ? steps - 1 - s : s;
        p.y_gradient = y_gradient + p.time * u;
        run_step(&p, backward_part);
        p.gradient_after = p.gradient;
    }
    if (start) start_gradient(&p, start);
    return 0;
}
