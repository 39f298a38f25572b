// The gradients of a convolution's weight and bias: sums over samples and pixels, a part of the samples at a time.
//
// The parts and the order in which their sums are added follow from the shapes alone.
#include "convolution.h"

enum { PARTIAL = 0, PADDED = 1, COTANGENT = 2, PARTS = 16, PARTIAL_BYTES = 1 << 21, CACHE_BYTES = 1 << 18 };

typedef struct {
    convolution c;
    const float *x, *g;
    strides xs, gs;
    float *weight, *partial;
    int64_t channels, filters, pitch, elements, size;  // of a group; floats in a row and in all of a partial sum
    int64_t parts, ranges, panels, taps, rows, blocks;  // taps: runs of `rows` rows that lie together in memory
    int pad_x, copy_g;
} job;

// Samples (and lines, where one sample is too much) that are worked on at once, as they lie in memory or in scratch.
typedef struct {
    const float *x, *g;
    int64_t samples, lines, x_sample, x_line, x_pixel, g_sample, g_line, g_pixel, g_group;
} piece;

static void add_piece(const job *j, const piece *p, int64_t range, float *partial) {
    const convolution *c = &j->c;
    walk w = {p->samples, p->lines, c->count[1], p->x_sample, p->x_line * c->stride[0], p->x_pixel * c->stride[1],
              p->g_sample, p->g_line, p->g_pixel};
    int64_t across = j->taps == c->kernel[0] ? 1 : c->kernel[1], total = c->groups * j->panels * j->taps * j->blocks;
    for (int64_t i = cut(total, j->ranges, range); i < cut(total, j->ranges, range + 1); i++) {
        int64_t block = i % j->blocks, tap = i / j->blocks % j->taps, panel = i / j->blocks / j->taps % j->panels;
        int64_t group = i / j->blocks / j->taps / j->panels, first = panel * PANEL;
        int64_t row = cut(j->rows, j->blocks, block), rows = cut(j->rows, j->blocks, block + 1) - row;
        int64_t y = tap / across, x = tap % across;
        const float *a = p->x + y * c->dilation[0] * p->x_line + x * c->dilation[1] * p->x_pixel + group * j->channels + row;
        float *sum = partial + ((group * j->taps + tap) * j->rows + row) * j->pitch + first;
        outer_products((int)rows, a, p->g + group * p->g_group + first, w, sum, j->pitch, smaller(PANEL, j->filters - first));
    }
}

static void add_part(int64_t index, void *context) {
    const job *j = context;
    const convolution *c = &j->c;
    int64_t part = index / j->ranges, range = index % j->ranges;
    float *partial = j->partial + part * j->size;
    int64_t reach = (c->kernel[0] - 1) * c->dilation[0] + 1, all = c->channels;
    int64_t before = j->pad_x ? c->padding[1] : 0;
    int64_t right = (c->count[1] - 1) * c->stride[1] + (c->kernel[1] - 1) * c->dilation[1] + 1 - before;
    int64_t after = j->pad_x ? larger(0, right - c->width) : 0;
    int64_t padded_line = (before + c->width + after) * all, g_pixel = c->groups * j->pitch, g_line = c->count[1] * g_pixel;
    int64_t line_bytes = (padded_line * c->stride[0] + g_line) * 4;
    int64_t lines = larger(1, smaller(c->count[0], CACHE_BYTES / larger(1, line_bytes)));
    int64_t samples = lines == c->count[0] ? larger(1, CACHE_BYTES / larger(1, line_bytes * lines)) : 1;
    int64_t last_sample = cut(c->n, j->parts, part + 1);
    for (int64_t first = cut(c->n, j->parts, part); first < last_sample; first += samples)
        for (int64_t line = 0; line < c->count[0]; line += lines) {
            int64_t count = smaller(samples, last_sample - first), now = smaller(lines, c->count[0] - line);
            int64_t from = line * c->stride[0] - c->padding[0], to = from + (now - 1) * c->stride[0] + reach;
            piece p = {j->x + first * j->xs.sample + from * j->xs.line, j->g + first * j->gs.sample + line * j->gs.line, count, now,
                       j->xs.sample, j->xs.line, j->xs.pixel, j->gs.sample, j->gs.line, j->gs.pixel, j->filters};
            if (j->pad_x) {
                p.x_pixel = all, p.x_line = padded_line, p.x_sample = padded_line * (to - from);
                float *padded = scratch(PADDED, (size_t)(p.x_sample * count) * sizeof(float));
                for (int64_t s = 0; s < count; s++)
                    copy_padded(padded + s * p.x_sample, j->x + (first + s) * j->xs.sample, j->xs, all, c->height, c->width, from, to,
                                before, after);
                p.x = padded;
            }
            if (j->copy_g) {
                p.g_group = j->pitch, p.g_pixel = g_pixel, p.g_line = g_line, p.g_sample = now * g_line;
                float *copied = scratch(COTANGENT, (size_t)(count * p.g_sample) * sizeof(float));
                memset(copied, 0, (size_t)(count * p.g_sample) * sizeof(float));
                for (int64_t s = 0; s < count; s++)
                    for (int64_t y = 0; y < now; y++)
                        for (int64_t x = 0; x < c->count[1]; x++)
                            for (int64_t o = 0; o < c->filters; o++)
                                copied[((s * now + y) * c->count[1] + x) * g_pixel + o / j->filters * j->pitch + o % j->filters] =
                                    j->g[(first + s) * j->gs.sample + (line + y) * j->gs.line + x * j->gs.pixel + o * j->gs.channel];
                p.g = copied;
            }
            add_piece(j, &p, range, partial);
        }
}

// weight[o, c, k] = the sum of the partial sums for one c.
static void combine(int64_t channel, void *context) {
    const job *j = context;
    int64_t group = channel / j->channels, c = channel % j->channels;
    float *to = j->weight + group * j->filters * j->channels * j->elements + c * j->elements;
    for (int64_t k = 0; k < j->elements; k++) {
        const float *from = j->partial + ((group * j->elements + k) * j->channels + c) * j->pitch;
        for (int64_t o = 0; o < j->filters; o++) {
            float sum = from[o];
            for (int64_t part = 1; part < j->parts; part++) sum += from[part * j->size + o];
            to[o * j->channels * j->elements + k] = sum;
        }
    }
}

static void clear(int64_t part, void *context) {
    const job *j = context;
    memset(j->partial + part * j->size, 0, (size_t)j->size * sizeof(float));
}

// arrays: weight's gradient (filters, channels / groups, *kernel), x, g. integers: the convolution, x's strides, g's.
EXPORT int convolve_weight_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    job j = {.c = read_convolution(integers), .x = arrays[1], .g = arrays[2], .weight = arrays[0]};
    const convolution *c = &j.c;
    j.xs = read_strides(integers + CONVOLUTION_INTEGERS);
    j.gs = read_strides(integers + CONVOLUTION_INTEGERS + 4);
    j.channels = c->channels / c->groups, j.filters = c->filters / c->groups, j.pitch = paneled(j.filters);
    j.elements = c->kernel[0] * c->kernel[1];
    j.size = c->groups * j.elements * j.channels * j.pitch;
    j.pad_x = c->padding[0] || c->padding[1] || j.xs.channel != 1;
    j.copy_g = j.gs.channel != 1 || j.filters % WIDTH;
    // Without gaps, what a window covers of a line lies together: rows of one long product.
    int together = c->groups == 1 && c->dilation[1] == 1 && (j.pad_x || j.xs.pixel == c->channels);
    j.taps = together ? c->kernel[0] : j.elements;
    j.rows = j.elements / j.taps * j.channels;
    j.blocks = ceiling(j.rows, MOST_ROWS);
    j.panels = ceiling(j.filters, PANEL);
    j.parts = larger(1, smaller(smaller(c->n, PARTS), PARTIAL_BYTES / (j.size * 4)));
    j.ranges = smaller(ceiling(PARTS, j.parts), c->groups * j.panels * j.taps * j.blocks);
    j.partial = scratch(PARTIAL, (size_t)(j.parts * j.size) * sizeof(float));
    parallel(j.parts, clear, &j);
    parallel(j.parts * j.ranges, add_part, &j);
    parallel(c->channels, combine, &j);
    return 0;
}

typedef struct {
    const float *g;
    float *partial;
    strides s;
    int64_t n, channels, height, width, parts;
} sums_job;

static void add_lines(int64_t part, void *context) {
    const sums_job *j = context;
    float *sums = j->partial + part * paneled(j->channels);
    memset(sums, 0, (size_t)j->channels * sizeof(float));
    int64_t lines = j->n * j->height;
    for (int64_t i = cut(lines, j->parts, part); i < cut(lines, j->parts, part + 1); i++) {
        const float *line = j->g + i / j->height * j->s.sample + i % j->height * j->s.line;
        int64_t c = 0;
        for (; j->s.channel == 1 && c + WIDTH <= j->channels; c += WIDTH) {
            wide sum = {};
            for (int64_t x = 0; x < j->width; x++) sum += READ(line + x * j->s.pixel + c);
            WIDE(sums + c) += sum;
        }
        for (; c < j->channels; c++) {
            float sum = 0;
            for (int64_t x = 0; x < j->width; x++) sum += line[x * j->s.pixel + c * j->s.channel];
            sums[c] += sum;
        }
    }
}

// arrays: sums (channels), g. integers: n, channels, height, width, then g's strides.
EXPORT int channel_sums_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    sums_job j = {arrays[1], NULL, read_strides(integers + 4), integers[0], integers[1], integers[2], integers[3], 0};
    float *sums = arrays[0];
    j.parts = larger(1, smaller(PARTS, j.n * j.height));
    j.partial = scratch(PARTIAL, (size_t)(j.parts * paneled(j.channels)) * sizeof(float));
    parallel(j.parts, add_lines, &j);
    for (int64_t c = 0; c < j.channels; c++) {
        float sum = 0;
        for (int64_t part = 0; part < j.parts; part++) sum += j.partial[part * paneled(j.channels) + c];
        sums[c] = sum;
    }
    return 0;
}
