// Matrix products by NumPy's own inner loop, cut into parts that the threads share.
#include "kernels.h"
#include "large_product.h"

typedef void (*inner_loop)(char **arguments, const intptr_t *dimensions, const intptr_t *steps, void *data);
static inner_loop product;
static void *product_data;

EXPORT void use_matmul(inner_loop loop, void *data) {
    product = loop;
    product_data = data;
}

static void multiply(int64_t m, int64_t n, int64_t k, const float *a, int64_t row_a, int64_t column_a, const float *b,
                     int64_t row_b, int64_t column_b, float *c, int64_t row_c) {
    char *arguments[3] = {(char *)a, (char *)b, (char *)c};
    intptr_t dimensions[4] = {1, m, k, n};
    intptr_t steps[9] = {0, 0, 0, row_a * 4, column_a * 4, row_b * 4, column_b * 4, row_c * 4, 4};
    product(arguments, dimensions, steps, product_data);
}

void gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc) {
    multiply(m, n, k, a, lda, 1, b, ldb, 1, c, ldc);
}

typedef struct {
    float *c;
    const float *a, *b;
    int64_t m, n, k, row_a, column_a, row_b, column_b, rows, columns, along_n;
} product_parts;

enum { PARTS = 8, LEAST_WORK = 1 << 18, LARGE = 1 << 24 };

static void product_part(int64_t part, void *context) {
    const product_parts *p = context;
    int64_t i = part / p->along_n * p->rows, j = part % p->along_n * p->columns;
    multiply(smaller(p->rows, p->m - i), smaller(p->columns, p->n - j), p->k, p->a + i * p->row_a, p->row_a, p->column_a,
             p->b + j * p->column_b, p->row_b, p->column_b, p->c + i * p->n + j, p->n);
}

// c (m, n) = a (m, k) b (k, n), where either may be transposed in memory.
// arrays: c, a, b. integers: m, n, k, then elements from row to row and column to column of a, and of b.
EXPORT int matmul_f32(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    product_parts p = {arrays[0], arrays[1], arrays[2], integers[0], integers[1], integers[2], integers[3],
                       integers[4], integers[5], integers[6], integers[0], integers[1], 1};
    if (p.m * p.n * p.k < LEAST_WORK) {
        product_part(0, &p);
        return 0;
    }
    if (p.m * p.n * p.k >= LARGE) {
        int turned_a = p.column_a != 1, turned_b = p.column_b != 1;
        large_product(p.m, p.n, p.k, p.a, turned_a ? p.column_a : p.row_a, turned_a, p.b, turned_b ? p.column_b : p.row_b,
                      turned_b, p.c);
        return 0;
    }
    // The longer side of c is cut, into parts that fill the registers of BLAS's kernels: multiples of 64.
    if (p.n >= p.m) {
        p.columns = larger(64, ceiling(ceiling(p.n, PARTS), 64) * 64);
        p.along_n = ceiling(p.n, p.columns);
    } else {
        p.rows = larger(64, ceiling(ceiling(p.m, PARTS), 64) * 64);
    }
    parallel(ceiling(p.m, p.rows) * p.along_n, product_part, &p);
    return 0;
}

typedef struct {
    inner_loop loop;
    void *data;
    char **arrays;
    const int64_t *dimensions, *core, *sizes, *steps[3];
    int64_t axes;
} stack;

static void stack_part(int64_t part, void *context) {
    const stack *s = context;
    char *arguments[3] = {s->arrays[1], s->arrays[2], s->arrays[0]};
    for (int64_t axis = s->axes - 1, rest = part; axis >= 0; axis--) {
        int64_t index = rest % s->sizes[axis];
        rest /= s->sizes[axis];
        for (int a = 0; a < 3; a++) arguments[a] += index * s->steps[a][axis];
    }
    intptr_t dimensions[4] = {1, s->dimensions[0], s->dimensions[1], s->dimensions[2]};
    intptr_t steps[9] = {0};
    for (int i = 0; i < 6; i++) steps[3 + i] = s->core[i];
    uint64_t before = keep_denormals();
    s->loop(arguments, dimensions, steps, s->data);
    restore(before);
}

// Any product that NumPy's matmul makes, by the inner loop that it would take: a stack of matrices, one a part.
// arrays: c, a, b. integers: the loop, its data, m, k, n, the six strides within matrices (rows and columns of a, b, c),
// how many axes the stack has, their sizes, and the strides of a, b and c along them; all strides in bytes.
EXPORT int matmul_stack(void **arrays, const int64_t *integers, const double *numbers) {
    (void)numbers;
    int64_t axes = integers[11];
    const int64_t *sizes = integers + 12;
    stack s = {(inner_loop)integers[0], (void *)integers[1], (char **)arrays, integers + 2, integers + 5, sizes,
               {sizes + axes, sizes + 2 * axes, sizes + 3 * axes}, axes};
    int64_t matrices = 1;
    for (int64_t axis = 0; axis < axes; axis++) matrices *= sizes[axis];
    if (matrices * integers[2] * integers[3] * integers[4] < LEAST_WORK)
        for (int64_t part = 0; part < matrices; part++) stack_part(part, &s);
    else
        parallel(matrices, stack_part, &s);
    return 0;
}
