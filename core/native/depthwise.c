// Depthwise convolution over images, each channel with a kernel of its own, and its gradients.
#include "windows.h"

enum { PACKED = 0, PARTIAL = 1, PARTS = 16 };

typedef struct {
    convolution c;
    const float *in, *g, *weight, *bias;
    float *out, *packed, *partial;
    strides s, gs;
    pieces pieces;
    int64_t elements, parts;
} job;

// packed[element][channel], the elements in reverse if `turned`.
static void pack(job *j, int turned) {
    j->packed = scratch(PACKED, (size_t)(j->elements * j->c.channels) * sizeof(float));
    for (int64_t k = 0; k < j->elements; k++)
        for (int64_t ch = 0; ch < j->c.channels; ch++) j->packed[k * j->c.channels + ch] = j->weight[ch * j->elements + (turned ? j->elements - 1 - k : k)];
}

#define OUTPUT (((p.sample * c->count[0] + oy) * c->count[1] + ox) * c->channels + ch)
#define INPUT (y * j->s.line + x * j->s.pixel + ch * j->s.channel)
#define COTANGENT (oy * j->gs.line + ox * j->gs.pixel + ch * j->gs.channel)
#define ELEMENT (ky * c->kernel[1] + kx)

// `together` windows from (oy, ox) on, whose elements ky and kx from y0 to y1 and x0 to x1 lie inside.
INLINE void sum_windows(const int together, const job *j, int64_t y0, int64_t y1, int64_t x0, int64_t x1, const float *corner,
                        const float *weight, wide start, float *out) {
    const convolution *c = &j->c;
    int64_t step = c->stride[1] * j->s.pixel, across = c->dilation[1] * j->s.pixel;
    wide sum[4];
    UNROLL for (int i = 0; i < together; i++) sum[i] = start;
    for (int64_t ky = y0; ky < y1; ky++) {
        const float *line = corner + ky * c->dilation[0] * j->s.line, *row = weight + ky * c->kernel[1] * c->channels;
        for (int64_t kx = x0; kx < x1; kx++) {
            wide one = READ(row + kx * c->channels);
            UNROLL for (int i = 0; i < together; i++) sum[i] = FUSED(READ(line + kx * across + i * step), one, sum[i]);
        }
    }
    UNROLL for (int i = 0; i < together; i++) WIDE(out + i * c->channels) = sum[i];
}

static void forward(int64_t part, void *context) {
    const job *j = context;
    const convolution *c = &j->c;
    piece p = piece_of(j->pieces, c->channels, part);
    const float *image = j->in + p.sample * j->s.sample;
    int64_t whole = j->s.channel == 1 ? (p.last - p.first) / WIDTH * WIDTH : 0;
    for (int64_t oy = 0; oy < c->count[0]; oy++) {
        int64_t y0, y1, x0, x1, top = oy * c->stride[0] - c->padding[0];
        inside(c, 0, oy, c->height, &y0, &y1);
        for (int64_t ch = p.first; ch < p.first + whole; ch += WIDTH) {
            wide start = j->bias ? READ(j->bias + ch) : ALL(0);
            for (int64_t ox = 0; ox < c->count[1]; ox++) {
                int64_t left = ox * c->stride[1] - c->padding[1];
                const float *corner = image + top * j->s.line + left * j->s.pixel + ch, *weight = j->packed + ch;
                int64_t end = left + 3 * c->stride[1] + (c->kernel[1] - 1) * c->dilation[1];
                if (left >= 0 && ox + 4 <= c->count[1] && end < c->width) {
                    sum_windows(4, j, y0, y1, 0, c->kernel[1], corner, weight, start, j->out + OUTPUT);
                    ox += 3;
                } else {
                    inside(c, 1, ox, c->width, &x0, &x1);
                    sum_windows(1, j, y0, y1, x0, x1, corner, weight, start, j->out + OUTPUT);
                }
            }
        }
    }
    for (int64_t ch = p.first + whole; ch < p.last; ch++) {
        float start = j->bias ? j->bias[ch] : 0;
        EACH_WINDOW(c, float sum = start, sum = __builtin_fmaf(image[INPUT], j->packed[ELEMENT * c->channels + ch], sum),
                    j->out[OUTPUT] = sum)
    }
}

static void backward(int64_t part, void *context) {
    const job *j = context;
    const convolution *c = &j->c;
    piece p = piece_of(j->pieces, c->channels, part);
    const float *g = j->g + p.sample * j->gs.sample;
    float *image = j->out + p.sample * c->height * c->width * c->channels;
    clear_piece(c, image, p);
    int64_t ch = p.first;
    for (; j->gs.channel == 1 && ch + WIDTH <= p.last; ch += WIDTH)
        EACH_WINDOW(c, wide one = READ(g + COTANGENT),
                    float *to = image + (y * c->width + x) * c->channels + ch;
                    WIDE(to) = FUSED(one, READ(j->packed + ELEMENT * c->channels + ch), READ(to)), (void)0)
    for (; ch < p.last; ch++)
        EACH_WINDOW(c, float one = g[COTANGENT], float *to = image + (y * c->width + x) * c->channels + ch;
                    *to = __builtin_fmaf(one, j->packed[ELEMENT * c->channels + ch], *to), (void)0)
}

// sum[channel] += the products along a line of `count` windows.
static void add_line(const job *j, const float *x, const float *g, int64_t count, piece p, float *sum) {
    int64_t step = j->s.pixel * j->c.stride[1], g_step = j->gs.pixel, ch = p.first;
    for (; j->s.channel == 1 && j->gs.channel == 1 && ch + WIDTH <= p.last; ch += WIDTH) {
        wide sums[4] = {};  // several, as each waits for the one before
        int64_t i = 0;
        for (; i + 4 <= count; i += 4)
            UNROLL for (int k = 0; k < 4; k++)
                sums[k] = FUSED(READ(x + (i + k) * step + ch), READ(g + (i + k) * g_step + ch), sums[k]);
        for (; i < count; i++) sums[0] = FUSED(READ(x + i * step + ch), READ(g + i * g_step + ch), sums[0]);
        WIDE(sum + ch) += (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
    for (; ch < p.last; ch++)
        for (int64_t i = 0; i < count; i++)
            sum[ch] = __builtin_fmaf(x[i * step + ch * j->s.channel], g[i * g_step + ch * j->gs.channel], sum[ch]);
}

// The sums over a part of the samples, for a piece of the channels: sum[element][channel].
static void weight_part(int64_t index, void *context) {
    const job *j = context;
    const convolution *c = &j->c;
    piece p = piece_of(j->pieces, c->channels, index);
    float *sum = j->partial + p.sample * j->elements * c->channels;
    for (int64_t k = 0; k < j->elements; k++) memset(sum + k * c->channels + p.first, 0, (size_t)(p.last - p.first) * sizeof(float));
    for (int64_t sample = cut(c->n, j->parts, p.sample); sample < cut(c->n, j->parts, p.sample + 1); sample++) {
        const float *image = j->in + sample * j->s.sample, *g = j->g + sample * j->gs.sample;
        for (int64_t oy = 0; oy < c->count[0]; oy++)
            for (int64_t ky = 0; ky < c->kernel[0]; ky++) {
                int64_t y = oy * c->stride[0] - c->padding[0] + ky * c->dilation[0];
                for (int64_t kx = 0; kx < c->kernel[1] && y >= 0 && y < c->height; kx++) {
                    // The windows whose element is inside the image, and that element of the first of them.
                    int64_t left = kx * c->dilation[1] - c->padding[1], step = c->stride[1];
                    int64_t low = left < 0 ? ceiling(-left, step) : 0;
                    int64_t high = smaller(c->count[1], left >= c->width ? 0 : (c->width - 1 - left) / step + 1);
                    const float *from = image + y * j->s.line + (left + low * step) * j->s.pixel;
                    add_line(j, from, g + oy * j->gs.line + low * j->gs.pixel, high - low, p,
                             sum + (ky * c->kernel[1] + kx) * c->channels);
                }
            }
    }
}

// As convolve_f32, with as many groups and filters as channels.
EXPORT int depthwise_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = {.c = read_convolution(integers), .out = arrays[0], .in = arrays[1], .weight = arrays[2], .bias = arrays[3]};
    j.s = read_strides(integers + CONVOLUTION_INTEGERS);
    j.elements = j.c.kernel[0] * j.c.kernel[1];
    pack(&j, 0);
    j.pieces = cut_channels(j.c.n, j.c.channels);
    parallel(j.c.n * j.pieces.pieces, forward, &j);
    return 0;
}

// As convolve_back_f32, without a bias.
EXPORT int depthwise_back_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = {.c = read_convolution(integers), .out = arrays[0], .g = arrays[1], .weight = arrays[2]};
    j.gs = read_strides(integers + CONVOLUTION_INTEGERS);
    j.elements = j.c.kernel[0] * j.c.kernel[1];
    j.pieces = cut_channels(j.c.n, j.c.channels);
    int turned = j.c.stride[0] == 1 && j.c.stride[1] == 1;
    pack(&j, turned);
    if (turned) {  // the convolution of g with the kernels turned round
        convolution *c = &j.c;
        int64_t size[2] = {c->height, c->width};
        c->height = c->count[0], c->width = c->count[1];
        for (int a = 0; a < 2; a++) {
            c->count[a] = size[a];
            c->padding[a] = (c->kernel[a] - 1) * c->dilation[a] - c->padding[a];
        }
        j.in = j.g, j.s = j.gs;
    }
    parallel(j.c.n * j.pieces.pieces, turned ? forward : backward, &j);
    return 0;
}

// As convolve_weight_f32.
EXPORT int depthwise_weight_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = {.c = read_convolution(integers), .in = arrays[1], .g = arrays[2]};
    float *weight = arrays[0];
    j.s = read_strides(integers + CONVOLUTION_INTEGERS);
    j.gs = read_strides(integers + CONVOLUTION_INTEGERS + 4);
    j.elements = j.c.kernel[0] * j.c.kernel[1];
    j.parts = larger(1, smaller(PARTS, j.c.n));
    j.pieces = cut_channels(j.parts, j.c.channels);
    int64_t size = j.elements * j.c.channels;
    j.partial = scratch(PARTIAL, (size_t)(j.parts * size) * sizeof(float));
    parallel(j.parts * j.pieces.pieces, weight_part, &j);
    for (int64_t ch = 0; ch < j.c.channels; ch++)
        for (int64_t k = 0; k < j.elements; k++) {
            float sum = 0;
            for (int64_t part = 0; part < j.parts; part++) sum += j.partial[part * size + k * j.c.channels + ch];
            weight[ch * j.elements + k] = sum;
        }
    return 0;
}
