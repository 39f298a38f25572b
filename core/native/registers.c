// The blocks of registers.h for every number of rows, each compiled with its number known.
#include "registers.h"

#define EACH_ROWS_4(X) X(1) X(2) X(3) X(4)
#define EACH_ROWS_6(X) EACH_ROWS_4(X) X(5) X(6)
#define EACH_ROWS_12(X) EACH_ROWS_6(X) X(7) X(8) X(9) X(10) X(11) X(12)
#if defined(__AVX512F__)
#define EACH_ROWS(X) EACH_ROWS_12(X) X(13) X(14)
#elif defined(__AVX2__)
#define EACH_ROWS(X) EACH_ROWS_6(X)
#elif defined(__aarch64__)
#define EACH_ROWS(X) EACH_ROWS_12(X)
#else
#define EACH_ROWS(X) EACH_ROWS_4(X)
#endif

void rows_product(int rows, const float *a, strips s, const float *panel, const float *start, float *c, int64_t pitch,
                  int64_t columns) {
#define CASE(n) \
    case n: multiply_rows(n, 2, a, s, panel, start, c, pitch, columns); return;
    if (columns > WIDTH) {
        switch (rows) { EACH_ROWS(CASE) }
    }
#undef CASE
#define CASE(n) \
    case n: multiply_rows(n, 1, a, s, panel, start, c, pitch, columns); return;
    switch (rows) { EACH_ROWS(CASE) }
#undef CASE
}

void outer_products(int rows, const float *a, const float *b, walk w, float *c, int64_t pitch, int64_t columns) {
#define CASE(n) \
    case n: add_products(n, 2, a, b, w, c, pitch); return;
    if (columns > WIDTH) {
        switch (rows) { EACH_ROWS(CASE) }
    }
#undef CASE
#define CASE(n) \
    case n: add_products(n, 1, a, b, w, c, pitch); return;
    switch (rows) { EACH_ROWS(CASE) }
#undef CASE
}
