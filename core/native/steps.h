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
    // Of the walk back: the gates' gradients (n, width * units) of this step and, or NULL, of the one after it, and what
    // reaches h, or for an LSTM c, past the gates.
    float *gradient, *carried;
    const float *gradient_after;
    int64_t option;
} step;

// For the way forward and back: cut, and pack the weight for the products with it.
void prepare_forward(step *p);
void prepare_backward(step *p);

// Calls run for each block and chunk of the step, and `run_rows` what it is called with by its tiles of rows.
void run_step(step *p, task run);
typedef struct {
    int64_t unit, units, first_tile, end_tile;
} place;
place place_of(const step *p, int64_t part);

// products (rows, 64) = the gradient that reaches h before the step `gradient_after` through its gates; zeros if there is
// none. For the block from `unit` on, and these rows.
void hidden_gradient(const step *p, int64_t unit, int64_t first, int64_t rows, float *products);
// The same for all of h before the first step, with what reaches it past the gates if there is something.
void start_gradient(step *p, float *gradient);

// A copy, or zeros for NULL.
void copy_or_clear(float *to, const float *from, int64_t size);

#endif
