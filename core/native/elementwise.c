// A chain of elementwise operations in one pass: block by block, each by NumPy's own inner loop, values that only the
// chain needs staying in the cache. So a fused chain gives the very bits that NumPy gives one operation at a time.
#include "kernels.h"

#include <string.h>

typedef void (*inner_loop)(char **arguments, const intptr_t *dimensions, const intptr_t *steps, void *data);

enum { MOST_ARGUMENTS = 6, MOST_SLOTS = 64, MOST_AXES = 32, LEAST_WORK = 1 << 14 };

// The description of a chain, as integers: axes, length (of the innermost axis), block, slots, operations, the sizes of
// the outer axes; for each slot whether it is a block of scratch, its item size, its stride along the innermost axis and
// along each outer one, in bytes; for each operation its loop, the loop's data, how many arguments, and their slots.
typedef struct {
    char **arrays;
    const int64_t *sizes, *slot, *operation;
    int64_t axes, length, block, slots, operations, blocks_a_row, units, units_a_part;
} chain;

// Where the operands of a unit begin: `index` along the outer axes, `start` along the innermost one.
static void place(const chain *c, const int64_t *index, int64_t start, char *blocks, char **base) {
    int64_t wide = 3 + c->axes;
    for (int64_t s = 0, array = 0; s < c->slots; s++) {
        const int64_t *slot = c->slot + s * wide;
        if (slot[0]) {
            base[s] = blocks + s * c->block * 8;
            continue;
        }
        base[s] = c->arrays[array++] + start * slot[2];
        for (int64_t axis = 0; axis < c->axes; axis++) base[s] += index[axis] * slot[3 + axis];
    }
}

static void run_part(int64_t part, void *context) {
    const chain *c = context;
    char *base[MOST_SLOTS];
    int64_t wide = 3 + c->axes, unit = part * c->units_a_part, last = smaller(c->units, unit + c->units_a_part);
    int64_t index[MOST_AXES], row = unit / c->blocks_a_row, start = unit % c->blocks_a_row * c->block;
    char *blocks = scratch(6, (size_t)(c->slots * c->block * 8));
    uint64_t before = keep_denormals();
    for (int64_t axis = c->axes - 1; axis >= 0; axis--) {
        index[axis] = row % c->sizes[axis];
        row /= c->sizes[axis];
    }
    place(c, index, start, blocks, base);
    for (; unit < last; unit++) {
        intptr_t count = smaller(c->block, c->length - start);
        const int64_t *operation = c->operation;
        for (int64_t o = 0; o < c->operations; o++) {
            char *arguments[MOST_ARGUMENTS];
            intptr_t steps[MOST_ARGUMENTS];
            for (int64_t a = 0; a < operation[2]; a++) {
                int64_t s = operation[3 + a];
                arguments[a] = base[s];
                steps[a] = c->slot[s * wide + 2];
            }
            ((inner_loop)operation[0])(arguments, &count, steps, (void *)operation[1]);
            operation += 3 + operation[2];
        }
        start += c->block;
        if (start < c->length) {
            for (int64_t s = 0; s < c->slots; s++)
                if (!c->slot[s * wide]) base[s] += c->block * c->slot[s * wide + 2];
            continue;
        }
        start = 0;
        int64_t axis = c->axes - 1;
        if (c->blocks_a_row == 1 && axis >= 0 && index[axis] + 1 < c->sizes[axis]) {
            index[axis]++;
            for (int64_t s = 0; s < c->slots; s++)
                if (!c->slot[s * wide]) base[s] += c->slot[s * wide + 3 + axis];
            continue;
        }
        while (axis >= 0 && ++index[axis] == c->sizes[axis]) index[axis--] = 0;
        place(c, index, start, blocks, base);
    }
    restore(before);
}

EXPORT int elementwise(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    chain c = {.arrays = (char **)arrays, .axes = integers[0], .length = integers[1], .block = integers[2],
               .slots = integers[3], .operations = integers[4], .sizes = integers + 5};
    c.slot = c.sizes + c.axes;
    c.operation = c.slot + c.slots * (3 + c.axes);
    int64_t rows = 1;
    for (int64_t axis = 0; axis < c.axes; axis++) rows *= c.sizes[axis];
    if (rows == 0 || c.length == 0) return 0;
    c.blocks_a_row = ceiling(c.length, c.block);
    c.units = rows * c.blocks_a_row;
    c.units_a_part = larger(1, ceiling(LEAST_WORK, smaller(c.length, c.block)));
    parallel(ceiling(c.units, c.units_a_part), run_part, &c);
    return 0;
}

// Loops that NumPy has, but not as ufuncs: copies, casts and choices.
#define LOOP(name, arguments_count, statement) \
    EXPORT void name(char **arguments, const intptr_t *dimensions, const intptr_t *steps, void *data) { \
        (void)data; \
        char *pointer[arguments_count]; \
        memcpy(pointer, arguments, sizeof pointer); \
        for (intptr_t i = 0; i < dimensions[0]; i++) { \
            statement; \
            for (int a = 0; a < arguments_count; a++) pointer[a] += steps[a]; \
        } \
    }
#define CAST(name, from, to) \
    LOOP(cast_any_##name, 2, *(to *)pointer[1] = (to) * (from *)pointer[0]) \
    EXPORT void cast_##name(char **arguments, const intptr_t *dimensions, const intptr_t *steps, void *data) { \
        if (steps[0] == sizeof(from) && steps[1] == sizeof(to)) { \
            const from *restrict source = (const from *)arguments[0]; \
            to *restrict target = (to *)arguments[1]; \
            for (intptr_t i = 0; i < dimensions[0]; i++) target[i] = (to)source[i]; \
        } else { \
            cast_any_##name(arguments, dimensions, steps, data); \
        } \
    }
#define COPY(bytes, type) \
    LOOP(copy_any_##bytes, 2, *(type *)pointer[1] = *(type *)pointer[0]) \
    EXPORT void copy_##bytes(char **arguments, const intptr_t *dimensions, const intptr_t *steps, void *data) { \
        if (steps[0] == bytes && steps[1] == bytes) \
            memcpy(arguments[1], arguments[0], (size_t)dimensions[0] * bytes); \
        else \
            copy_any_##bytes(arguments, dimensions, steps, data); \
    } \
    LOOP(where_##bytes, 4, *(type *)pointer[3] = *pointer[0] ? *(type *)pointer[1] : *(type *)pointer[2])

COPY(1, uint8_t)
COPY(2, uint16_t)
COPY(4, uint32_t)
COPY(8, uint64_t)
CAST(bool_float32, uint8_t, float)
CAST(bool_float64, uint8_t, double)
CAST(int32_float32, int32_t, float)
CAST(int64_float32, int64_t, float)
CAST(int64_float64, int64_t, double)
CAST(float32_float64, float, double)
CAST(float64_float32, double, float)
CAST(bool_uint32, uint8_t, uint32_t)
CAST(bool_uint64, uint8_t, uint64_t)
CAST(bool_int64, uint8_t, int64_t)
