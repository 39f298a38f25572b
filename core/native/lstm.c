// An LSTM over a whole sequence, and its gradient back through time.
#include "steps.h"
#include "vector_math.h"

enum { GATES = 4 };

static void forward_part(int64_t part, void *context) {
    const step *p = context;
    place place = place_of(p, part);
    int64_t u = p->units, unit = place.unit, count = place.units, y_row = p->steps * u;
    const float *panel = p->packed + unit * GATES * u;
    for (int64_t tile = place.first_tile; tile < place.end_tile; tile++) {
        float products[TILE_ROWS * TILE_COLUMNS];
        int64_t first = tile_start(p->n, tile), end = tile_start(p->n, tile + 1);
        for (int64_t row = first; row < end; row++)
            for (int gate = 0; gate < GATES; gate++) __builtin_prefetch(p->kept + (row * GATES + gate) * u + unit, 1);
        panel_product(end - first, GATES, u, p->hidden_before + first * u, u, panel, NULL, 0, products, TILE_COLUMNS);
        for (int64_t row = first; row < end; row++) {
            if (is_over(p, row)) {
                stay(p, row, unit, count);
                continue;
            }
            const float *product = products + (row - first) * TILE_COLUMNS;
            float *gates = p->kept + row * GATES * u + unit;
            int64_t at = row * u + unit;
            vector i = SIGMOID(LOAD_PART(gates, count) + LOAD(product));
            vector f = SIGMOID(LOAD_PART(gates + u, count) + LOAD(product + LANES));
            vector g = TANH(LOAD_PART(gates + 2 * u, count) + LOAD(product + 2 * LANES));
            vector o = SIGMOID(LOAD_PART(gates + 3 * u, count) + LOAD(product + 3 * LANES));
            vector c = MULTIPLY_ADD(f, LOAD_PART(p->cells_before + at, count), i * g);
            vector h = o * TANH(c);
            STORE_PART(gates, i, count);
            STORE_PART(gates + u, f, count);
            STORE_PART(gates + 2 * u, g, count);
            STORE_PART(gates + 3 * u, o, count);
            STORE_PART(p->cells_after + at, c, count);
            STORE_PART(p->hidden_after + at, h, count);
            STORE_PART(p->y + row * y_row + unit, h, count);
        }
    }
}

// arrays: y (n, time, units), and if asked for behind it h and c (n, units) after the last step; gates (steps, n, 4 units),
// which hold the input's share and come to hold i, f, g, o; cells and hidden (steps + 1, n, units); h and c to start from or
// NULL for zeros, weight (units, 4 units), a bias that is not read, lengths (n,) of int64 or NULL.
// integers: n, steps, units, backwards, whether h and c are asked for.
EXPORT int lstm_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    float *y = arrays[0], *gates = arrays[1], *cells = arrays[2], *hidden = arrays[3];
    int64_t n = integers[0], steps = integers[1], u = integers[2], backwards = integers[3], state = n * u;
    step p = {.n = n, .steps = steps, .units = u, .gates = GATES, .width = GATES, .weight = arrays[6], .lengths = arrays[8]};
    copy_or_clear(hidden, arrays[4], state);
    copy_or_clear(cells, arrays[5], state);
    prepare_forward(&p);
    for (int64_t s = 0; s < steps; s++) {
        p.kept = gates + s * GATES * state;
        p.cells_before = cells + s * state;
        p.cells_after = cells + (s + 1) * state;
        p.hidden_before = hidden + s * state;
        p.hidden_after = hidden + (s + 1) * state;
        p.time = backwards ? steps - 1 - s : s;
        p.y = y + p.time * u;
        run_step(&p, forward_part);
    }
    if (integers[4]) {
        copy_or_clear(y + steps * state, hidden + steps * state, state);
        copy_or_clear(y + (steps + 1) * state, cells + steps * state, state);
    }
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
                const float *gates = p->kept + row * GATES * u + unit;
                float *gradient = p->gradient + row * GATES * u + unit;
                vector one = SPLAT(1.0f);
                vector i = LOAD_PART(gates, count), f = LOAD_PART(gates + u, count), g = LOAD_PART(gates + 2 * u, count);
                vector o = LOAD_PART(gates + 3 * u, count), c = LOAD_PART(p->cells_after + at, count), tanh_c = TANH(c);
                vector dh = LOAD(product + unit - left) + LOAD_PART(p->y_gradient + row * y_row + unit, count);
                if (p->carried) {
                    dh += LOAD_PART(p->carried + at, count);
                    STORE_PART(p->carried + at, SPLAT(0.0f), count);
                }
                vector dc = LOAD_PART(p->carried_cells + at, count) + dh * o * (one - tanh_c * tanh_c);
                STORE_PART(gradient, dc * g * i * (one - i), count);
                STORE_PART(gradient + u, dc * LOAD_PART(p->cells_before + at, count) * f * (one - f), count);
                STORE_PART(gradient + 2 * u, dc * i * (one - g * g), count);
                STORE_PART(gradient + 3 * u, dh * tanh_c * o * (one - o), count);
                STORE_PART(p->carried_cells + at, dc * f, count);
            }
        }
    }
}

// arrays: the gradients of the gates (steps, n, 4 units) and of h and c to start from, or NULL for those; the gradient of y
// and what is behind it, gates, cells, hidden, weight, lengths. integers: as for lstm_f32.
EXPORT int lstm_gradient_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    float *gradient = arrays[0], *start = arrays[1], *cells = arrays[5], *gates = arrays[4];
    const float *y_gradient = arrays[3];
    int64_t n = integers[0], steps = integers[1], u = integers[2], backwards = integers[3], state = n * u;
    step p = {.n = n, .steps = steps, .units = u, .gates = GATES, .width = GATES, .weight = arrays[7], .lengths = arrays[8]};
    p.carried_cells = arrays[2] ? arrays[2] : scratch(1, (size_t)state * sizeof(float));
    copy_or_clear(p.carried_cells, integers[4] ? y_gradient + (steps + 1) * state : NULL, state);
    if (p.lengths || integers[4]) p.carried = scratch(2, (size_t)state * sizeof(float));
    if (p.carried) copy_or_clear(p.carried, integers[4] ? y_gradient + steps * state : NULL, state);
    prepare_backward(&p);
    for (int64_t s = steps - 1; s >= 0; s--) {
        p.kept = gates + s * GATES * state;
        p.gradient = gradient + s * GATES * state;
        p.cells_before = cells + s * state;
        p.cells_after = cells + (s + 1) * state;
        p.time = backwards ? steps - 1 - s : s;
        p.y_gradient = y_gradient + p.time * u;
        run_step(&p, backward_part);
        p.gradient_after = p.gradient;
    }
    if (start) start_gradient(&p, start);
    return 0;
}
