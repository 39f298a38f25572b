// For ThreadSanitizer: many short loops on the threads of core/native/pool.c, from two callers at once.
#include "kernels.h"

#include <pthread.h>
#include <stdio.h>

extern void use_threads(int count);

enum { LOOPS = 3000, MOST_PARTS = 37 };

typedef struct {
    double sums[MOST_PARTS];
    int loop, wrong;
} caller;

static void part(int64_t number, void *context) {
    caller *own = context;
    int *work = scratch(0, 200 * sizeof(int));
    double sum = own->loop;
    for (int i = 0; i < 200; i++) work[i] = (int)(i * number);
    for (int i = 0; i < 200; i++) sum += work[i];
    own->sums[number] = sum;
}

static void *call(void *context) {
    caller *own = context;
    for (own->loop = 0; own->loop < LOOPS; own->loop++) {
        int parts = 1 + own->loop % MOST_PARTS;
        parallel(parts, part, own);
        for (int number = 0; number < parts; number++) own->wrong += own->sums[number] != 19900.0 * number + own->loop;
    }
    return NULL;
}

int main(void) {
    int wrong = 0;
    for (int threads = 1; threads <= 4; threads++) {
        use_threads(threads);
        caller callers[2] = {0};
        pthread_t other;
        if (pthread_create(&other, NULL, call, &callers[1])) return 2;
        call(&callers[0]);
        pthread_join(other, NULL);
        wrong += callers[0].wrong + callers[1].wrong;
    }
    if (wrong) printf("%d sums are wrong\n", wrong);
    return wrong != 0;
}
