// What a convolution over images is given as: by numbers of its call, in the order of `read_convolution`.
#ifndef CHAINRULE_CONVOLUTION_H
#define CHAINRULE_CONVOLUTION_H

#include "registers.h"

typedef struct {
    int64_t n, channels, height, width, filters, groups;
    int64_t kernel[2], stride[2], padding[2], dilation[2], count[2];
} convolution;

// Elements from one sample, channel, line and pixel to the next: images may lie in memory in any order.
typedef struct {
    int64_t sample, channel, line, pixel;
} strides;

enum { CONVOLUTION_INTEGERS = 16 };

static inline convolution read_convolution(const int64_t *i) {
    return (convolution){i[0], i[1], i[2], i[3], i[4], i[5], {i[6], i[7]}, {i[8], i[9]}, {i[10], i[11]}, {i[12], i[13]}, {i[14], i[15]}};
}

static inline strides read_strides(const int64_t *i) { return (strides){i[0], i[1], i[2], i[3]}; }

// A line of pixels with their channels together: copied to `to`, whatever its order in memory.
static inline void copy_line(float *to, const float *from, strides s, int64_t pixels, int64_t channels) {
    if (s.channel == 1 && s.pixel == channels) {
        memcpy(to, from, (size_t)(pixels * channels) * sizeof(float));
    } else if (s.channel == 1) {
        for (int64_t x = 0; x < pixels; x++)
            memcpy(to + x * channels, from + x * s.pixel, (size_t)channels * sizeof(float));
    } else {
        enum { TILE = 16 };
        for (int64_t first = 0; first < pixels; first += TILE)
            for (int64_t c = 0; c < channels; c++)
                for (int64_t x = first; x < smaller(first + TILE, pixels); x++)
                    to[x * channels + c] = from[x * s.pixel + c * s.channel];
    }
}

// Lines first .. last - 1 of an image, of which those outside are zeros, each with so many zeros before and after.
static inline void copy_padded(float *to, const float *image, strides s, int64_t channels, int64_t height,
                               int64_t width, int64_t first, int64_t last, int64_t before, int64_t after) {
    int64_t pitch = (before + width + after) * channels;
    for (int64_t y = first; y < last; y++, to += pitch) {
        if (y < 0 || y >= height) {
            memset(to, 0, (size_t)pitch * sizeof(float));
            continue;
        }
        memset(to, 0, (size_t)(before * channels) * sizeof(float));
        copy_line(to + before * channels, image + y * s.line, s, width, channels);
        memset(to + (before + width) * channels, 0, (size_t)(after * channels) * sizeof(float));
    }
}

#endif
