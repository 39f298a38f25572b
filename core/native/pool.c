// The threads of the process: they wait, at first awake, then asleep on a futex, for the next loop to share.
#define _GNU_SOURCE
#include "kernels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { MOST_THREADS = 256, SPINS = 4000 };

// One loop at a time. `ticket` holds the number of the loop in its upper half and the next part in its lower one, so
// that a thread that comes late cannot take a part of a loop that it knows nothing of.
static struct {
    _Atomic uint64_t ticket;
    _Atomic int64_t parts;
    _Atomic int64_t unfinished;
    task run;
    void *context;
    _Atomic uint32_t generation;
    _Atomic int asleep;
} loop;

static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER;   // of the loop: one caller at a time
static pthread_mutex_t sleeping = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static _Atomic int wanted = 1;
static int started = 1;
static _Thread_local int inside;

static void relax(void) {
#if defined(__x86_64__)
    // Flushing denormals is a setting of the thread: see flush_denormals.
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Numbers below 1e-38 become zero: arithmetic with them takes a hundred times as long, and training gains nothing.
// Returns what the thread did before, for `restore`.
static uint64_t flush_denormals(void) {
    uint64_t before = 0;
#if defined(__x86_64__)
    before = _mm_getcsr();
    _mm_setcsr((unsigned int)before | 0x8040);
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (1u << 24)));
#endif
    return before;
}

uint64_t keep_denormals(void) {
    uint64_t before = 0;
#if defined(__x86_64__)
    before = _mm_getcsr();
    _mm_setcsr((unsigned int)before & ~0x8040u);
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before & ~((uint64_t)1 << 24)));
#endif
    return before;
}

void restore(uint64_t before) {
#if defined(__x86_64__)
    _mm_setcsr((unsigned int)before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}

static void take_parts(uint32_t generation) {
    uint64_t seen = atomic_load(&loop.ticket);
    while ((uint32_t)(seen >> 32) == generation) {
        int64_t part = (uint32_t)seen;
        if (part >= atomic_load(&loop.parts)) return;
        // run and context are stable as long as a part of this generation is unfinished, which ours is once it is taken.
        if (!atomic_compare_exchange_weak(&loop.ticket, &seen, seen + 1)) continue;
        loop.run(part, loop.context);
        atomic_fetch_sub(&loop.unfinished, 1);
        seen = atomic_load(&loop.ticket);
    }
}

static void *serve(void *number) {
    int own = (int)(intptr_t)number;
    uint32_t done = 0;
    inside = 1;
    flush_denormals();
    for (;;) {
        uint32_t now;
        int spins = 0;
        while ((now = atomic_load(&loop.generation)) == done || own >= atomic_load(&wanted)) {
            if (++spins < SPINS && own < atomic_load(&wanted)) {
                relax();
                continue;
            }
            pthread_mutex_lock(&sleeping);
            atomic_fetch_add(&loop.asleep, 1);
            while (atomic_load(&loop.generation) == done || own >= atomic_load(&wanted)) pthread_cond_wait(&wake, &sleeping);
            atomic_fetch_sub(&loop.asleep, 1);
            pthread_mutex_unlock(&sleeping);
            spins = 0;
        }
        done = now;
        take_parts(now);
    }
    return NULL;
}

// A child of fork has only the thread that forked.
static void forget_threads(void) {
    started = 1;
    inside = 0;
    atomic_store(&loop.asleep, 0);
    pthread_mutex_init(&owner, NULL);
    pthread_mutex_init(&sleeping, NULL);
    pthread_cond_init(&wake, NULL);
}

EXPORT void use_threads(int count) {
    static int registered;
    pthread_mutex_lock(&owner);
    if (!registered) registered = pthread_atfork(NULL, NULL, forget_threads) == 0;
    atomic_store(&wanted, count < 1 ? 1 : count > MOST_THREADS ? MOST_THREADS : count);
    pthread_mutex_unlock(&owner);
}

EXPORT int thread_count(void) { return atomic_load(&wanted); }

static void start_threads(void) {
    while (started < atomic_load(&wanted)) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)started) != 0) return;
        pthread_detach(thread);
        started++;
    }
}

void parallel(int64_t parts, task run, void *context) {
    if (parts <= 1 || inside || atomic_load(&wanted) == 1 || pthread_mutex_trylock(&owner) != 0) {
        for (int64_t part = 0; part < parts; part++) run(part, context);
        return;
    }
    start_threads();
    inside = 1;
    uint32_t generation = atomic_load(&loop.generation) + 1;
    atomic_store(&loop.parts, 0);
    loop.run = run;
    loop.context = context;
    atomic_store(&loop.unfinished, parts);
    atomic_store(&loop.ticket, (uint64_t)generation << 32);
    atomic_store(&loop.parts, parts);
    atomic_store(&loop.generation, generation);
    if (atomic_load(&loop.asleep) > 0) {
        pthread_mutex_lock(&sleeping);
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&sleeping);
    }
    take_parts(generation);
    while (atomic_load(&loop.unfinished) > 0) relax();
    inside = 0;
    pthread_mutex_unlock(&owner);
}

void *scratch(int slot, size_t bytes) {
    static _Thread_local struct { void *memory; size_t bytes; } slots[8];
    if (slots[slot].bytes < bytes) {
        free(slots[slot].memory);
        size_t rounded = (bytes + 4095) / 4096 * 4096;
        slots[slot].memory = aligned_alloc(64, rounded);
        slots[slot].bytes = slots[slot].memory ? rounded : 0;
    }
    return slots[slot].memory;
}

typedef struct {
    kernel function;
    void **arrays;
    const int64_t *integers;
    const double *numbers;
} call;

// Runs calls one after another. Returns how many it did: fewer than `count` where one refused its values.
EXPORT int64_t replay(const call *calls, int64_t count) {
    uint64_t before = flush_denormals();
    int64_t done = 0;
    while (done < count && calls[done].function(calls[done].arrays, calls[done].integers, calls[done].numbers) == 0) done++;
    restore(before);
    return done;
}

// One call, computed as `replay` computes it: the same on every thread, whichever calls.
EXPORT int run_kernel(kernel function, void **arrays, const int64_t *integers, const double *numbers) {
    uint64_t before = flush_denormals();
    int result = function(arrays, integers, numbers);
    restore(before);
    return result;
}
