// Convolution over images, and the gradient of its input: each a product of rows of pixels, as they lie in memory,
// with the weights. Channels lie together (n, y, x, c): what a window covers of a line is then one run of memory.
//
// Both are one computation: an output of a phase (all of them, or for a gradient those that have the same rest by the
// stride) sums over taps, each an input pixel some lines and pixels on from the first, times a matrix of weights.
#include "convolution.h"

enum { MOST_TAPS = 64, PACKED = 0, PADDED = 1, TABLE = 2, LEAST_PARTS = 16, PADDED_BYTES = 1 << 18 };

// Along one axis: the taps of a phase in the order of their places, which kernel element each is, and outputs.
typedef struct {
    int64_t taps, first, outputs;
    int64_t place[MOST_TAPS], element[MOST_TAPS];
} axis_phase;

typedef struct {
    const float *in, *weight, *bias;
    float *out;
    strides in_strides;
    int64_t n, groups, in_channels, out_channels;        // of a group
    int64_t in_size[2], out_size[2], in_step[2], out_step[2];
    int64_t before[2], after[2];                          // lines and pixels of zeros around the input
    int64_t filter_stride, channel_stride, kernel_width, group_stride;  // in `weight`, of an output and of an input
    int64_t phases[2];
    const axis_phase *axes[2];
    float *packed, *start;
    int64_t panels, chunk, chunks, splits;
} job;

static int64_t phase_size(const job *j, int64_t py, int64_t px) {
    return j->axes[0][py].taps * j->axes[1][px].taps * j->groups * j->in_channels * paneled(j->out_channels);
}

// Where the weights of a phase, group and panel start. Panels of a group lie one behind the other.
static float *panel_of(const job *j, int64_t py, int64_t px, int64_t group, int64_t panel) {
    float *at = j->packed;
    for (int64_t y = 0; y < j->phases[0]; y++)
        for (int64_t x = 0; x < j->phases[1]; x++) {
            if (y == py && x == px) {
                int64_t k = j->axes[0][y].taps * j->axes[1][x].taps * j->in_channels;
                return at + group * k * paneled(j->out_channels) + panel * PANEL * k;
            }
            at += phase_size(j, y, x);
        }
    return at;
}

static void pack_panel(int64_t part, void *context) {
    const job *j = context;
    int64_t panel = part % j->panels, group = part / j->panels % j->groups, phase = part / j->panels / j->groups;
    int64_t py = phase / j->phases[1], px = phase % j->phases[1];
    const axis_phase *ys = &j->axes[0][py], *xs = &j->axes[1][px];
    int64_t first = panel * PANEL, valid = smaller(PANEL, j->out_channels - first);
    int64_t width = valid > WIDTH ? PANEL : WIDTH;
    float *to = panel_of(j, py, px, group, panel);
    const float *weight = j->weight + group * j->group_stride + first * j->filter_stride;
    for (int64_t y = 0; y < ys->taps; y++)
        for (int64_t x = 0; x < xs->taps; x++)
            for (int64_t c = 0; c < j->in_channels; c++, to += width) {
                const float *from = weight + c * j->channel_stride + ys->element[y] * j->kernel_width + xs->element[x];
                for (int64_t o = 0; o < width; o++) to[o] = o < valid ? from[o * j->filter_stride] : 0;
            }
    if (py == 0 && px == 0)
        for (int64_t o = 0; o < width; o++) {
            float *start = j->start + group * paneled(j->out_channels) + first;
            start[o] = j->bias && o < valid ? j->bias[group * j->out_channels + first + o] : 0;
        }
}

static void fill_zeros(const job *j, float *to, int64_t outputs) {
    for (int64_t x = 0; x < outputs; x++)
        for (int64_t group = 0; group < j->groups; group++)
            memcpy(to + x * j->out_step[1] * j->groups * j->out_channels + group * j->out_channels,
                   j->start + group * paneled(j->out_channels), (size_t)j->out_channels * sizeof(float));
}

static void compute_part(int64_t part, void *context) {
    const job *j = context;
    int64_t split = part % j->splits, chunk = part / j->splits % j->chunks, sample = part / j->splits / j->chunks;
    int64_t channels = j->groups * j->in_channels, filters = j->groups * j->out_channels;
    int64_t first_line = chunk * j->chunk, last_line = 0, reach = 0;
    for (int64_t py = 0; py < j->phases[0]; py++) {
        last_line = larger(last_line, smaller(first_line + j->chunk, j->axes[0][py].outputs));
        if (j->axes[0][py].taps) reach = larger(reach, j->axes[0][py].place[j->axes[0][py].taps - 1]);
    }
    if (last_line <= first_line) return;
    const float *image = j->in + sample * j->in_strides.sample;
    int64_t from = first_line * j->in_step[0] - j->before[0];
    int64_t to = (last_line - 1) * j->in_step[0] - j->before[0] + reach + 1;
    int64_t pitch = j->in_strides.line, pixel = j->in_strides.pixel;
    const float *lines = image + from * pitch;
    if (j->before[1] || j->after[1] || from < 0 || to > j->in_size[0] || j->in_strides.channel != 1) {
        pixel = channels;
        pitch = (j->before[1] + j->in_size[1] + j->after[1]) * channels;
        float *padded = scratch(PADDED, (size_t)((to - from) * pitch) * sizeof(float));
        copy_padded(padded, image, j->in_strides, channels, j->in_size[0], j->in_size[1], from, to, j->before[1], j->after[1]);
        lines = padded;
    }
    int64_t runs[MOST_TAPS * MOST_TAPS];
    for (int64_t py = 0; py < j->phases[0]; py++)
        for (int64_t px = 0; px < j->phases[1]; px++) {
            const axis_phase *ys = &j->axes[0][py], *xs = &j->axes[1][px];
            int64_t end = smaller(last_line, ys->outputs), blocks = ceiling(xs->outputs, MOST_ROWS);
            float *out = j->out + ((sample * j->out_size[0] + ys->first) * j->out_size[1] + xs->first) * filters;
            int64_t line_pitch = j->out_step[0] * j->out_size[1] * filters, pixel_pitch = j->out_step[1] * filters;
            if (!ys->taps || !xs->taps) {
                for (int64_t y = first_line; y < end && split == 0; y++) fill_zeros(j, out + y * line_pitch, xs->outputs);
                continue;
            }
            int together = j->groups == 1 && pixel == channels && xs->place[xs->taps - 1] - xs->place[0] == xs->taps - 1;
            strips s = {j->in_step[1] * pixel, together ? xs->taps * channels : j->in_channels, 0, runs};
            for (int64_t y = 0; y < ys->taps; y++)
                for (int64_t x = 0; x < (together ? 1 : xs->taps); x++) runs[s.count++] = ys->place[y] * pitch + xs->place[x] * pixel;
            for (int64_t gp = split; gp < j->groups * j->panels; gp += j->splits) {
                int64_t group = gp / j->panels, panel = gp % j->panels, first = panel * PANEL;
                const float *weights = panel_of(j, py, px, group, panel);
                const float *start = j->start + group * paneled(j->out_channels) + first;
                int64_t valid = smaller(PANEL, j->out_channels - first);
                for (int64_t y = first_line; y < end; y++) {
                    // Taps of lines outside the image have nothing to add.
                    int64_t line = y * j->in_step[0] - j->before[0], low = 0, high = ys->taps, across = s.count / ys->taps;
                    while (low < high && line + ys->place[low] < 0) low++;
                    while (low < high && line + ys->place[high - 1] >= j->in_size[0]) high--;
                    strips inside = {s.row, s.length, (high - low) * across, runs + low * across};
                    for (int64_t b = 0; b < blocks; b++) {
                        int64_t x = cut(xs->outputs, blocks, b), rows = cut(xs->outputs, blocks, b + 1) - x;
                        rows_product((int)rows, lines + (y - first_line) * j->in_step[0] * pitch + x * s.row + group * j->in_channels,
                                     inside, weights + low * xs->taps * j->in_channels * (valid > WIDTH ? PANEL : WIDTH), start, out + y * line_pitch + x * pixel_pitch + group * j->out_channels + first,
                                     pixel_pitch, valid);
                    }
                }
            }
        }
}

static void run_job(job *j) {
    int64_t floats = j->groups * paneled(j->out_channels), most_lines = 0;
    for (int64_t y = 0; y < j->phases[0]; y++) {
        most_lines = larger(most_lines, j->axes[0][y].outputs);
        for (int64_t x = 0; x < j->phases[1]; x++) floats += phase_size(j, y, x);
    }
    j->start = scratch(PACKED, (size_t)floats * sizeof(float));
    j->packed = j->start + j->groups * paneled(j->out_channels);
    j->panels = ceiling(j->out_channels, PANEL);
    int64_t line = (j->before[1] + j->in_size[1] + j->after[1]) * j->groups * j->in_channels * 4 * j->in_step[0];
    j->chunk = larger(1, smaller(PADDED_BYTES / larger(1, line), ceiling(most_lines, ceiling(LEAST_PARTS, larger(1, j->n)))));
    j->chunks = ceiling(most_lines, j->chunk);
    j->splits = smaller(j->groups * j->panels, ceiling(LEAST_PARTS, larger(1, j->n * j->chunks)));
    parallel(j->phases[0] * j->phases[1] * j->groups * j->panels, pack_panel, j);
    parallel(j->n * j->chunks * j->splits, compute_part, j);
}

// arrays: y (n, *count, filters), x, weight (filters, channels / groups, *kernel), bias or NULL.
// integers: the convolution, then x's strides.
EXPORT int convolve_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    convolution c = read_convolution(integers);
    int64_t elements = c.kernel[0] * c.kernel[1];
    axis_phase axes[2];
    job j = {arrays[1], arrays[2], arrays[3], arrays[0], read_strides(integers + CONVOLUTION_INTEGERS), c.n, c.groups,
             c.channels / c.groups, c.filters / c.groups, {c.height, c.width}, {c.count[0], c.count[1]},
             {c.stride[0], c.stride[1]}, {1, 1}, {c.padding[0], c.padding[1]}, {0, 0}, c.channels / c.groups * elements,
             elements, c.kernel[1], c.filters / c.groups * (c.channels / c.groups) * elements, {1, 1}, {&axes[0], &axes[1]}, NULL, NULL, 0, 0, 0, 0};
    for (int a = 0; a < 2; a++) {
        axes[a] = (axis_phase){.taps = c.kernel[a], .first = 0, .outputs = c.count[a]};
        for (int64_t k = 0; k < c.kernel[a]; k++) {
            axes[a].place[k] = k * c.dilation[a];
            axes[a].element[k] = k;
        }
        int64_t last = (c.count[a] - 1) * c.stride[a] + (c.kernel[a] - 1) * c.dilation[a] + 1 - c.padding[a];
        j.after[a] = larger(0, last - j.in_size[a]);
    }
    run_job(&j);
    return 0;
}

// arrays: x (n, height, width, channels), g, weight, bias or NULL. integers: the convolution that g is the cotangent of,
// then g's strides. The weight is as in convolve_f32; the bias is of x.
EXPORT int convolve_back_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    convolution c = read_convolution(integers);
    int64_t elements = c.kernel[0] * c.kernel[1];
    axis_phase *axes = scratch(TABLE, (size_t)(c.stride[0] + c.stride[1]) * sizeof(axis_phase));
    job j = {arrays[1], arrays[2], arrays[3], arrays[0], read_strides(integers + CONVOLUTION_INTEGERS), c.n, c.groups,
             c.filters / c.groups, c.channels / c.groups, {c.count[0], c.count[1]}, {c.height, c.width}, {1, 1},
             {c.stride[0], c.stride[1]}, {0, 0}, {0, 0}, elements, c.channels / c.groups * elements, c.kernel[1],
             c.filters / c.groups * (c.channels / c.groups) * elements, {c.stride[0], c.stride[1]}, {axes, axes + c.stride[0]}, NULL, NULL, 0, 0, 0, 0};
    for (int a = 0; a < 2; a++) {
        axis_phase *phases = axes + (a ? c.stride[0] : 0);
        for (int64_t f = 0; f < c.stride[a]; f++) {
            axis_phase *phase = &phases[f];
            *phase = (axis_phase){.taps = 0, .first = f, .outputs = larger(0, ceiling(j.out_size[a] - f, c.stride[a]))};
            for (int64_t k = c.kernel[a] - 1; k >= 0; k--) {
                int64_t distance = f + c.padding[a] - k * c.dilation[a];
                if (distance % c.stride[a]) continue;
                phase->place[phase->taps] = distance / c.stride[a];
                phase->element[phase->taps++] = k;
                j.before[a] = larger(j.before[a], -distance / c.stride[a]);
            }
        }
        for (int64_t f = 0; f < c.stride[a]; f++)
            for (int64_t t = 0; t < phases[f].taps; t++) {
                phases[f].place[t] += j.before[a];
                j.after[a] = larger(j.after[a], phases[f].outputs + phases[f].place[t] - j.before[a] - j.in_size[a]);
            }
    }
    run_job(&j);
    return 0;
}
