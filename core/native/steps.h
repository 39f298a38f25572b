// One step of a recurrent network after the other: what lstm.c, gru.c and rnn.c have in common.
//
// A step is a product of all samples' h with the state weight, and the arithmetic of the gates on it. It is cut into blocks
// of units, so that the gates of a unit meet in one place, and the blocks, where they are few, into chunks of samples.
#ifndef CHAINRULE_STEPS_H
#define CHAINRULE_STEPS_H

#include "panels.h"

typedef struct {
    // samples; time; units; how many gates the weight (units, gates * units) has, and how many arrays of units a step keeps
    int64_t n, steps, units, gates, width;
    // units of a block; blocks; chunks
    int64_t block, blocks, chunks;
    const float *weight;
    float *packed;
    // Of this step. y and its gradient are (n, time, units), at the step's time; `kept` is (n, width * units), all else
    // (n, units). `before` and `after` are h, or for an LSTM's cells c, on either side of the step.
    float *kept, *y;
    const float *hidden_before, *cells_before, *y_gradient;
    float *hidden_after, *cells_after;
    // Of the walk back: the gates' gradients (n, width * units) of this step and, or NULL, of the one after it; what
    // reaches h, or NULL, and c of an LSTM past the gates.
    float *gradient, *carried, *carried_cells;
    const float *gradient_after;
    // How many elements each sample has, (n,), or NULL where it is all of them; which one this step is at.
    const int64_t *lengths;
    int64_t time;
    int64_t option;
} step;

// For the way forward and back: cut, and pack the weight for the products with it.
void prepare_forward(step *p);
void prepare_backward(step *p);

// Whether a sample has no element at this step. Then its state stays and its output is 0: one of these is all that is done
// with its row, for `count` units from `unit` on. product: of the gradient, as `hidden_gradient` gives it.
static inline int is_over(const step *p, int64_t row) { return p->lengths && p->time >= p->lengths[row]; }
void stay(const step *p, int64_t row, int64_t unit, int64_t count);
void pass_by(const step *p, int64_t row, int64_t unit, int64_t count, const float *product);

// Calls run(part, p) for each block and chunk; `place_of` says which units and which tiles of samples a part is.
typedef struct {
    int64_t unit, units, first_tile, end_tile;
} place;
place place_of(const step *p, int64_t part);
void run_step(step *p, task run);

// products (rows, 64) = the gradient that reaches h before the step `gradient_after` through its gates; zeros if there is
// none. For the block from `unit` on, and these rows.
void hidden_gradient(const step *p, int64_t unit, int64_t first, int64_t rows, float *products);
// The same for all of h before the first step, with what reaches it past the gates if there is something.
void start_gradient(step *p, float *gradient);

// A copy, or zeros for NULL.
void copy_or_clear(float *to, const float *from, int64_t size);

#endif
