// Convolution with stride 1 by Winograd's F(4x4, 3x3) and F(2x2, 5x5): a quarter or a third of the multiplications.
//
// Lavin and Gray, CVPR 2016. A tile of 6x6 of x gives 4x4 (2x2) of y = A'[(G w G') . (B' x B)]A: products of channels in each
// of 36 places. The gradient of w is G'[sum over tiles of (B' x B)(A g A')]G. It rounds
// hardly more than a plain sum; a nan or an infinity spreads over its tile. Channels and filters are multiples of 16.
#include "convolution.h"

enum { PLACES = 36, PACKED = 0, TILES = 1, PRODUCTS = 2, LEAST_PARTS = 16, BLOCK_BYTES = 3 << 18, SPAN_BYTES = 2 << 20 };

// The points are 0, ±P, ±Q and infinity: these P and Q round a quarter as much as the usual 1 and 2, and each number
// of B and A is exact. RP and RQ: of G, 1 over the product of a point's distances from the others.
#define P 0.75f
#define Q 1.5f
#define RP (1 / (2 * P * P * (P * P - Q * Q)))
#define RQ (1 / (2 * Q * Q * (Q * Q - P * P)))

static const float P_POWERS[] = {1, P, P * P, P * P * P, P * P * P * P}, Q_POWERS[] = {1, Q, Q * Q, Q * Q * Q, Q * Q * Q * Q};

// B' v: six numbers of a line, or a column, of a tile.
INLINE void transform_in(wide v[6]) {
    wide even_p = FUSED(ALL(-Q * Q), v[2], v[4]), odd_p = FUSED(ALL(-Q * Q), v[1], v[3]);
    wide even_q = FUSED(ALL(-P * P), v[2], v[4]), odd_q = FUSED(ALL(-P * P), v[1], v[3]);
    v[0] = FUSED(ALL(P * P * Q * Q), v[0], FUSED(ALL(-P * P - Q * Q), v[2], v[4]));
    v[5] = FUSED(ALL(P * P * Q * Q), v[1], FUSED(ALL(-P * P - Q * Q), v[3], v[5]));
    v[1] = FUSED(ALL(P), odd_p, even_p), v[2] = FUSED(ALL(-P), odd_p, even_p);
    v[3] = FUSED(ALL(Q), odd_q, even_q), v[4] = FUSED(ALL(-Q), odd_q, even_q);
}

// The values at the six points of the polynomial with n coefficients v, those at 0, ±P and ±Q times a number.
INLINE void evaluate(const int n, const wide *v, wide *t, const float at_0, const float at_p, const float at_q) {
    wide even_p = ALL(at_p) * v[0], odd_p = ALL(at_p * P) * v[1], even_q = ALL(at_q) * v[0], odd_q = ALL(at_q * Q) * v[1];
    UNROLL for (int k = 2; k < n; k += 2) {
        even_p = FUSED(ALL(at_p * P_POWERS[k]), v[k], even_p);
        even_q = FUSED(ALL(at_q * Q_POWERS[k]), v[k], even_q);
    }
    UNROLL for (int k = 3; k < n; k += 2) {
        odd_p = FUSED(ALL(at_p * P_POWERS[k]), v[k], odd_p);
        odd_q = FUSED(ALL(at_q * Q_POWERS[k]), v[k], odd_q);
    }
    t[5] = v[n - 1], t[0] = ALL(at_0) * v[0];
    t[1] = even_p + odd_p, t[2] = even_p - odd_p, t[3] = even_q + odd_q, t[4] = even_q - odd_q;
}

// The transpose: six numbers to n.
INLINE void gather(const int n, const wide *v, wide *y, const float at_0, const float at_p, const float at_q) {
    wide p[2] = {v[1] + v[2], v[1] - v[2]}, q[2] = {v[3] + v[4], v[3] - v[4]}, first = v[0], last = v[5];
    UNROLL for (int k = 0; k < n; k++)
        y[k] = FUSED(ALL(at_p * P_POWERS[k]), p[k % 2], ALL(at_q * Q_POWERS[k]) * q[k % 2]);
    y[0] = FUSED(ALL(at_0), first, y[0]), y[n - 1] += last;
}

// A v, A' v, G v and G' v, for m outputs and r elements of a kernel.
#define transform_cotangent(m, v, t) evaluate(m, v, t, 1, 1, 1)
#define transform_out(m, v, y) gather(m, v, y, 1, 1, 1)
#define transform_weight(r, v, t) evaluate(r, v, t, 1 / (P * P * Q * Q), RP, RQ)
#define transform_gradient(r, v, w) gather(r, v, w, 1 / (P * P * Q * Q), RP, RQ)

// An image, which pixel is the first of tile 0, and how far tiles are from one another.
typedef struct {
    const float *at;
    strides s;
    int64_t height, width, channels, top, left, across, down, step;
} image;

// The size x size pixels of a tile, zeros outside the image, transformed to 6x6; place p of them goes to to[p * pitch].
INLINE void transform_tile(const int size, const image *i, int64_t tile, float *to,
                           int64_t pitch) {
    int64_t sample = tile / (i->down * i->across), rest = tile % (i->down * i->across);
    int64_t y0 = rest / i->across * i->step - i->top, x0 = rest % i->across * i->step - i->left;
    const float *from = i->at + sample * i->s.sample + y0 * i->s.line + x0 * i->s.pixel;
    int64_t low_y = larger(0, -y0), high_y = i->height - y0, low_x = larger(0, -x0), high_x = i->width - x0;
    int whole = low_y == 0 && low_x == 0 && high_y >= size && high_x >= size;
    for (int64_t c = 0; c < i->channels; c += WIDTH, from += WIDTH, to += WIDTH) {
        wide t[6][6];
        UNROLL for (int x = 0; x < size; x++) {
            wide v[6];
            UNROLL for (int y = 0; y < size; y++)
                v[y] = whole || (y >= low_y && y < high_y && x >= low_x && x < high_x)
                           ? READ(from + y * i->s.line + x * i->s.pixel)
                           : ALL(0);
            if (size == 6) transform_in(v);
            else transform_cotangent(size, v, v);
            UNROLL for (int y = 0; y < 6; y++) t[y][x] = v[y];
        }
        UNROLL for (int y = 0; y < 6; y++) {
            wide v[6];
            UNROLL for (int x = 0; x < size; x++) v[x] = t[y][x];
            if (size == 6) transform_in(v);
            else transform_cotangent(size, v, v);
            UNROLL for (int x = 0; x < 6; x++) WIDE(to + (y * 6 + x) * pitch) = v[x];
        }
    }
}

typedef struct {
    image in, out;  // `out`: at is of the output
    const float *weight, *bias;
    float *y, *packed, *zeros;
    int64_t filter_stride, channel_stride, filters, tiles, splits, block;
    int turned;
} job;

// The weights of a panel for each place: packed[place][panel][channel][PANEL].
INLINE void pack_panel(const int r, int64_t part, const job *j) {
    int64_t channels = j->in.channels, first = part * PANEL, width = smaller(PANEL, j->filters - first);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t o = 0; o < width; o += WIDTH) {
            wide w[5][5], t[6][5];
            const float *from = j->weight + c * j->channel_stride + (first + o) * j->filter_stride;
            for (int k = 0; k < r * r; k++)
                for (int lane = 0; lane < WIDTH; lane++)
                    w[k / r][k % r][lane] = from[lane * j->filter_stride + (j->turned ? r * r - 1 - k : k)];
            for (int x = 0; x < r; x++) {
                wide v[5], six[6];
                for (int y = 0; y < r; y++) v[y] = w[y][x];
                transform_weight(r, v, six);
                for (int y = 0; y < 6; y++) t[y][x] = six[y];
            }
            for (int y = 0; y < 6; y++) {
                wide six[6];
                transform_weight(r, t[y], six);
                for (int x = 0; x < 6; x++)
                    WIDE(j->packed + ((y * 6 + x) * j->filters + first) * channels + c * width + o) = six[x];
            }
        }
}

INLINE void write_tile(const int m, const job *j, int64_t tile, const float *from, int64_t pitch, int64_t first, int64_t last) {
    const image *i = &j->out;
    int64_t sample = tile / (i->down * i->across), rest = tile % (i->down * i->across);
    int64_t y0 = rest / i->across * m, x0 = rest % i->across * m;
    float *to = j->y + ((sample * i->height + y0) * i->width + x0) * j->filters;
    int64_t high_y = smaller(m, i->height - y0), high_x = smaller(m, i->width - x0);
    for (int64_t o = first; o < last; o += WIDTH, from += WIDTH) {
        wide t[4][6], start = j->bias ? READ(j->bias + o) : ALL(0);
        for (int x = 0; x < 6; x++) {
            wide v[6], four[4];
            UNROLL for (int y = 0; y < 6; y++) v[y] = READ(from + (y * 6 + x) * pitch);
            transform_out(m, v, four);
            UNROLL for (int y = 0; y < m; y++) t[y][x] = four[y];
        }
        for (int64_t y = 0; y < high_y; y++) {
            wide four[4];
            transform_out(m, t[y], four);
            for (int64_t x = 0; x < high_x; x++) WIDE(to + (y * i->width + x) * j->filters + o) = four[x] + start;
        }
    }
}

INLINE void compute_part(const int m, int64_t index, const job *j) {
    int64_t part = index / j->splits, split = index % j->splits, channels = j->in.channels;
    int64_t first = part * j->block, count = smaller(j->block, j->tiles - first), blocks = ceiling(count, MOST_ROWS);
    int64_t panels = ceiling(j->filters, PANEL), low = cut(panels, j->splits, split) * PANEL;
    int64_t high = smaller(j->filters, cut(panels, j->splits, split + 1) * PANEL), columns = high - low;
    // A few floats more than a power of two, so that the 36 places of a channel don't meet in the same lines of the cache.
    int64_t in_pitch = j->block * channels + WIDTH, out_pitch = j->block * columns + WIDTH;
    float *tiles = scratch(TILES, (size_t)(PLACES * in_pitch) * sizeof(float));
    float *products = scratch(PRODUCTS, (size_t)(PLACES * out_pitch) * sizeof(float));
    int64_t none = 0;
    strips s = {channels, channels, 1, &none};
    for (int64_t t = 0; t < count; t++) transform_tile(6, &j->in, first + t, tiles + t * channels, in_pitch);
    for (int64_t place = 0; place < PLACES; place++)
        for (int64_t panel = low; panel < high; panel += PANEL)
            for (int64_t b = 0; b < blocks; b++) {
                int64_t row = cut(count, blocks, b), rows = cut(count, blocks, b + 1) - row;
                rows_product((int)rows, tiles + place * in_pitch + row * channels, s,
                             j->packed + (place * j->filters + panel) * channels, j->zeros,
                             products + place * out_pitch + row * columns + panel - low, columns,
                             smaller(PANEL, high - panel));
            }
    for (int64_t t = 0; t < count; t++) write_tile(m, j, first + t, products + t * columns, out_pitch, low, high);
}

// Of kernels of 3x3 and 5x5.
static void pack_panel_3(int64_t part, void *context) { pack_panel(3, part, context); }
static void pack_panel_5(int64_t part, void *context) { pack_panel(5, part, context); }
static void compute_part_3(int64_t part, void *context) { compute_part(4, part, context); }
static void compute_part_5(int64_t part, void *context) { compute_part(2, part, context); }

static image tiled(const float *at, strides s, int64_t channels, const int64_t *size, const int64_t *outputs, const int64_t *margin,
                   int64_t step) {
    return (image){at, s, size[0], size[1], channels, margin[0], margin[1], ceiling(outputs[1], step), ceiling(outputs[0], step), step};
}

static void run_job(job *j, int64_t samples) {
    static const float zeros[PANEL];
    j->zeros = (float *)zeros;
    j->tiles = samples * j->in.across * j->in.down;
    j->packed = scratch(PACKED, (size_t)(PLACES * j->in.channels * j->filters) * sizeof(float));
    int64_t fits = BLOCK_BYTES / (PLACES * 4 * (j->in.channels + j->filters)), panels = ceiling(j->filters, PANEL);
    j->block = larger(1, smaller(fits / MOST_ROWS, ceiling(j->tiles, LEAST_PARTS * MOST_ROWS))) * MOST_ROWS;
    int64_t parts = ceiling(j->tiles, j->block);
    j->splits = parts >= LEAST_PARTS / 2 ? 1 : smaller(panels, ceiling(LEAST_PARTS, larger(1, parts)));
    parallel(panels, j->in.step == 4 ? pack_panel_3 : pack_panel_5, j);
    parallel(parts * j->splits, j->in.step == 4 ? compute_part_3 : compute_part_5, j);
}

// As convolve_f32.
EXPORT int winograd_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    convolution c = read_convolution(integers);
    int64_t size[2] = {c.height, c.width}, elements = c.kernel[0] * c.kernel[0];
    job j = {.weight = arrays[2], .bias = arrays[3], .y = arrays[0], .filters = c.filters, .filter_stride = c.channels * elements, .channel_stride = elements};
    j.in = tiled(arrays[1], read_strides(integers + CONVOLUTION_INTEGERS), c.channels, size, c.count, c.padding, 7 - c.kernel[0]);
    j.out = (image){.height = c.count[0], .width = c.count[1], .across = j.in.across, .down = j.in.down};
    run_job(&j, c.n);
    return 0;
}

// As convolve_back_f32: the convolution of g with the kernel turned round.
EXPORT int winograd_back_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    convolution c = read_convolution(integers);
    int64_t size[2] = {c.height, c.width}, elements = c.kernel[0] * c.kernel[0];
    int64_t margin[2] = {c.kernel[0] - 1 - c.padding[0], c.kernel[0] - 1 - c.padding[1]};
    job j = {.weight = arrays[2], .bias = arrays[3], .y = arrays[0], .filters = c.channels, .filter_stride = elements, .channel_stride = c.channels * elements, .turned = 1};
    j.in = tiled(arrays[1], read_strides(integers + CONVOLUTION_INTEGERS), c.filters, c.count, size, margin, 7 - c.kernel[0]);
    j.out = (image){.height = c.height, .width = c.width, .across = j.in.across, .down = j.in.down};
    run_job(&j, c.n);
    return 0;
}

typedef struct {
    image x, g;
    float *weight, *x_tiles, *g_tiles, *sums;
    int64_t first, count, x_pitch, g_pitch;
} weight_job;

enum { TILES_A_PART = 8 };

static void transform_part(int64_t part, void *context) {
    const weight_job *j = context;
    for (int64_t t = part * TILES_A_PART; t < smaller(j->count, (part + 1) * TILES_A_PART); t++) {
        float *to = j->g_tiles + t * j->g.channels;
        transform_tile(6, &j->x, j->first + t, j->x_tiles + t * j->x.channels, j->x_pitch);
        if (j->g.step == 4)
            transform_tile(4, &j->g, j->first + t, to, j->g_pitch);
        else
            transform_tile(2, &j->g, j->first + t, to, j->g_pitch);
    }
}

static void add_place(int64_t place, void *context) {
    const weight_job *j = context;
    int64_t channels = j->x.channels, filters = j->g.channels, blocks = ceiling(channels, MOST_ROWS);
    walk w = {1, 1, j->count, 0, 0, channels, 0, 0, filters};
    float *sums = j->sums + place * channels * filters;
    if (j->first == 0) memset(sums, 0, (size_t)(channels * filters) * sizeof(float));
    for (int64_t panel = 0; panel < filters; panel += PANEL)
        for (int64_t b = 0; b < blocks; b++) {
            int64_t row = cut(channels, blocks, b), rows = cut(channels, blocks, b + 1) - row;
            outer_products((int)rows, j->x_tiles + place * j->x_pitch + row, j->g_tiles + place * j->g_pitch + panel, w,
                           sums + row * filters + panel, filters, smaller(PANEL, filters - panel));
        }
}

INLINE void write_channel(const int r, int64_t channel, const weight_job *j) {
    int64_t channels = j->x.channels, filters = j->g.channels;
    for (int64_t o = 0; o < filters; o += WIDTH) {
        wide t[5][6];
        for (int x = 0; x < 6; x++) {
            wide v[6], w[5];
            for (int y = 0; y < 6; y++) v[y] = READ(j->sums + ((y * 6 + x) * channels + channel) * filters + o);
            transform_gradient(r, v, w);
            for (int y = 0; y < r; y++) t[y][x] = w[y];
        }
        for (int y = 0; y < r; y++) {
            wide w[5];
            transform_gradient(r, t[y], w);
            for (int x = 0; x < r; x++)
                for (int lane = 0; lane < WIDTH; lane++)
                    j->weight[((o + lane) * channels + channel) * r * r + y * r + x] = w[x][lane];
        }
    }
}

static void write_channel_3(int64_t channel, void *context) { write_channel(3, channel, context); }
static void write_channel_5(int64_t channel, void *context) { write_channel(5, channel, context); }

// As convolve_weight_f32.
EXPORT int winograd_weight_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    convolution c = read_convolution(integers);
    int64_t size[2] = {c.height, c.width}, none[2] = {0, 0};
    weight_job j = {.weight = arrays[0]};
    j.x = tiled(arrays[1], read_strides(integers + CONVOLUTION_INTEGERS), c.channels, size, c.count, c.padding, 7 - c.kernel[0]);
    j.g = tiled(arrays[2], read_strides(integers + CONVOLUTION_INTEGERS + 4), c.filters, c.count, c.count, none, 7 - c.kernel[0]);
    int64_t tiles = c.n * j.x.across * j.x.down;
    int64_t span = smaller(tiles, larger(64, SPAN_BYTES / (PLACES * 4 * (c.channels + c.filters))));
    j.x_pitch = span * c.channels + WIDTH, j.g_pitch = span * c.filters + WIDTH;
    j.sums = scratch(PACKED, (size_t)(PLACES * c.channels * c.filters) * sizeof(float));
    j.x_tiles = scratch(TILES, (size_t)(PLACES * j.x_pitch) * sizeof(float));
    j.g_tiles = scratch(PRODUCTS, (size_t)(PLACES * j.g_pitch) * sizeof(float));
    for (; j.first < tiles; j.first += span) {
        j.count = smaller(span, tiles - j.first);
        parallel(ceiling(j.count, TILES_A_PART), transform_part, &j);
        parallel(PLACES, add_place, &j);
    }
    parallel(c.channels, c.kernel[0] == 3 ? write_channel_3 : write_channel_5, &j);
    return 0;
}
