// Pooling over images: the largest of each window and which one it is, the sum of each window, and their gradients.
//
// Windows are those of a convolution with as many filters and groups as channels. Padding is never read.
#include "windows.h"

#include <math.h>

typedef int32_t mask __attribute__((vector_size(sizeof(wide)), aligned(4), may_alias));
typedef int16_t places __attribute__((vector_size(WIDTH * 2), aligned(2), may_alias));

typedef struct {
    convolution c;
    const float *in;
    float *out;
    int16_t *choice;
    strides s, cs;  // of `in`, and of `choice` where it is read
    pieces pieces;
} job;

static void run(job *j, task function) {
    j->pieces = cut_channels(j->c.n, j->c.channels);
    parallel(j->c.n * j->pieces.pieces, function, j);
}

static void largest(int64_t part, void *context) {
    const job *j = context;
    const convolution *c = &j->c;
    piece p = piece_of(j->pieces, c->channels, part);
    const float *image = j->in + p.sample * j->s.sample;
    int64_t ch = p.first;
    for (; j->s.channel == 1 && ch + WIDTH <= p.last; ch += WIDTH)
        EACH_WINDOW(
            c, wide best = ALL(-INFINITY); mask chosen = {},
            wide one = READ(image + y * j->s.line + x * j->s.pixel + ch);
            mask better = (one > best) | (one != one);
            best = (wide)(((mask)one & better) | ((mask)best & ~better));
            chosen = (((mask){} + (int32_t)(ky * c->kernel[1] + kx)) & better) | (chosen & ~better),
            int64_t at = ((p.sample * c->count[0] + oy) * c->count[1] + ox) * c->channels + ch;
            WIDE(j->out + at) = best;
            *(places *)(j->choice + at) = __builtin_convertvector(chosen, places))
    for (; ch < p.last; ch++)
        EACH_WINDOW(
            c, float best = -INFINITY; int16_t chosen = 0,
            float one = image[y * j->s.line + x * j->s.pixel + ch * j->s.channel];
            if (one > best || one != one) {
                best = one;
                chosen = (int16_t)(ky * c->kernel[1] + kx);
            },
            int64_t at = ((p.sample * c->count[0] + oy) * c->count[1] + ox) * c->channels + ch;
            j->out[at] = best;
            j->choice[at] = chosen)
}

// Whether the windows cover each element once: then nothing has to be added.
static int exact(const convolution *c) {
    for (int a = 0; a < 2; a++)
        if (c->stride[a] != c->kernel[a] || c->dilation[a] != 1 || c->padding[a] || c->count[a] * c->stride[a] != (a ? c->width : c->height))
            return 0;
    return 1;
}

static void put(int64_t part, void *context) {
    const job *j = context;
    const convolution *c = &j->c;
    piece p = piece_of(j->pieces, c->channels, part);
    int add = !exact(c);
    float *image = j->out + p.sample * c->height * c->width * c->channels;
    if (add) clear_piece(c, image, p);
    const float *g = j->in + p.sample * j->s.sample;
    const int16_t *choice = j->choice + p.sample * j->cs.sample;
    int64_t ch = p.first;
    for (; j->s.channel == 1 && j->cs.channel == 1 && ch + WIDTH <= p.last; ch += WIDTH)
        EACH_WINDOW(
            c, wide one = READ(g + oy * j->s.line + ox * j->s.pixel + ch);
            mask chosen = __builtin_convertvector(*(const places *)(choice + oy * j->cs.line + ox * j->cs.pixel + ch), mask),
            float *to = image + (y * c->width + x) * c->channels + ch;
            mask here = chosen == (mask){} + (int32_t)(ky * c->kernel[1] + kx);
            wide part_of = (wide)((mask)one & here);
            if (add) part_of += READ(to);
            WIDE(to) = part_of, (void)0)
    for (; ch < p.last; ch++)
        EACH_WINDOW(
            c, float one = g[oy * j->s.line + ox * j->s.pixel + ch * j->s.channel];
            int16_t chosen = choice[oy * j->cs.line + ox * j->cs.pixel + ch * j->cs.channel],
            float *to = image + (y * c->width + x) * c->channels + ch;
            float part_of = chosen == ky * c->kernel[1] + kx ? one : 0;
            *to = add ? *to + part_of : part_of, (void)0)
}

static void sum_windows(int64_t part, void *context) {
    const job *j = context;
    const convolution *c = &j->c;
    piece p = piece_of(j->pieces, c->channels, part);
    const float *image = j->in + p.sample * j->s.sample;
    int64_t ch = p.first;
    for (; j->s.channel == 1 && ch + WIDTH <= p.last; ch += WIDTH)
        EACH_WINDOW(c, wide sum = {}, sum += READ(image + y * j->s.line + x * j->s.pixel + ch),
                    WIDE(j->out + ((p.sample * c->count[0] + oy) * c->count[1] + ox) * c->channels + ch) = sum)
    for (; ch < p.last; ch++)
        EACH_WINDOW(c, float sum = 0, sum += image[y * j->s.line + x * j->s.pixel + ch * j->s.channel],
                    j->out[((p.sample * c->count[0] + oy) * c->count[1] + ox) * c->channels + ch] = sum)
}

static void spread(int64_t part, void *context) {
    const job *j = context;
    const convolution *c = &j->c;
    piece p = piece_of(j->pieces, c->channels, part);
    int add = !exact(c);
    float *image = j->out + p.sample * c->height * c->width * c->channels;
    if (add) clear_piece(c, image, p);
    const float *g = j->in + p.sample * j->s.sample;
    int64_t ch = p.first;
    for (; j->s.channel == 1 && ch + WIDTH <= p.last; ch += WIDTH)
        EACH_WINDOW(c, wide one = READ(g + oy * j->s.line + ox * j->s.pixel + ch),
                    float *to = image + (y * c->width + x) * c->channels + ch;
                    WIDE(to) = add ? (wide)(READ(to) + one) : (wide)one, (void)0)
    for (; ch < p.last; ch++)
        EACH_WINDOW(c, float one = g[oy * j->s.line + ox * j->s.pixel + ch * j->s.channel],
                    float *to = image + (y * c->width + x) * c->channels + ch;
                    *to = add ? *to + one : one, (void)0)
}

static job read_job(void **arrays, int in, const int64_t *integers) {
    return (job){.c = read_convolution(integers), .in = arrays[in], .out = arrays[0], .s = read_strides(integers + CONVOLUTION_INTEGERS)};
}

// arrays: y (n, *count, channels), choice (the same, int16): the place in its window of each largest element, the first of
// equal ones, and any nan; then x. integers: the windows, x's strides.
EXPORT int max_pool_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = read_job(arrays, 2, integers);
    j.choice = arrays[1];
    run(&j, largest);
    return 0;
}

// arrays: x's gradient (n, height, width, channels), g, choice. integers: the windows, g's strides, choice's strides.
EXPORT int max_pool_back_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = read_job(arrays, 1, integers);
    j.choice = arrays[2];
    j.cs = read_strides(integers + CONVOLUTION_INTEGERS + 4);
    run(&j, put);
    return 0;
}

// arrays: y (n, *count, channels), x. integers: the windows, x's strides.
EXPORT int window_sums_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = read_job(arrays, 1, integers);
    run(&j, sum_windows);
    return 0;
}

// arrays: x's gradient (n, height, width, channels), g. integers: the windows, g's strides.
EXPORT int window_sums_back_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = read_job(arrays, 1, integers);
    run(&j, spread);
    return 0;
}
