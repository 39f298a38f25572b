// How pooling and depthwise convolution go through images: window by window, each channel for itself.
#ifndef CHAINRULE_WINDOWS_H
#define CHAINRULE_WINDOWS_H

#include "convolution.h"

// How the channels of each sample are cut: into pieces of `width`, so that there are at least 16 parts in all where
// there are channels enough.
typedef struct {
    int64_t pieces, width;
} pieces;

static inline pieces cut_channels(int64_t samples, int64_t channels) {
    int64_t wanted = smaller(ceiling(16, larger(1, samples)), ceiling(channels, WIDTH));
    int64_t width = ceiling(ceiling(channels, wanted), WIDTH) * WIDTH;
    return (pieces){ceiling(channels, width), width};
}

typedef struct {
    int64_t sample, first, last;
} piece;

static inline piece piece_of(pieces p, int64_t channels, int64_t part) {
    int64_t first = part % p.pieces * p.width;
    return (piece){part / p.pieces, first, smaller(first + p.width, channels)};
}

// The elements of a window's axis that lie inside: from `first` on, `last` not included.
static inline void inside(const convolution *c, int axis, int64_t at, int64_t size, int64_t *first, int64_t *last) {
    int64_t start = at * c->stride[axis] - c->padding[axis], gap = c->dilation[axis];
    *first = 0, *last = c->kernel[axis];
    if (start >= 0 && start + (c->kernel[axis] - 1) * gap < size) return;
    *first = start < 0 ? ceiling(-start, gap) : 0;
    *last = start >= size ? 0 : smaller(c->kernel[axis], ceiling(size - start, gap));
}

// Zeros for the channels of a piece in an image (height, width, channels).
static inline void clear_piece(const convolution *c, float *image, piece p) {
    for (int64_t i = 0; i < c->height * c->width; i++)
        memset(image + i * c->channels + p.first, 0, (size_t)(p.last - p.first) * sizeof(float));
}

// For every window (oy, ox): `before`, then `each` for its elements (ky, kx) that lie inside, at (y, x), then `after`.
#define EACH_WINDOW(c, before, each, after) \
    for (int64_t oy = 0; oy < (c)->count[0]; oy++) { \
        int64_t y0, y1, top = oy * (c)->stride[0] - (c)->padding[0]; \
        inside(c, 0, oy, (c)->height, &y0, &y1); \
        for (int64_t ox = 0; ox < (c)->count[1]; ox++) { \
            int64_t x0, x1, left = ox * (c)->stride[1] - (c)->padding[1]; \
            inside(c, 1, ox, (c)->width, &x0, &x1); \
            before; \
            for (int64_t ky = y0; ky < y1; ky++) \
                for (int64_t kx = x0; kx < x1; kx++) { \
                    int64_t y = top + ky * (c)->dilation[0], x = left + kx * (c)->dilation[1]; \
                    each; \
                } \
            after; \
        } \
    }

#endif
