/* bench/latency.h: a histogram of microseconds, exact to 1.6 percent, of constant size. */
#pragma once

#include <stdint.h>

/* Each power of two is divided into LATENCY_STEPS; below that a bucket is one microsecond. */
#define LATENCY_STEP_BITS 6
#define LATENCY_STEPS (1 << LATENCY_STEP_BITS)
#define LATENCY_BUCKETS ((64 - LATENCY_STEP_BITS + 1) * LATENCY_STEPS)

/* Begin with a zeroed one. */
struct latency {
    uint64_t count;
    uint64_t max;
    uint64_t buckets[LATENCY_BUCKETS];
};

void latency_record(struct latency *latency, uint64_t us);

/* The least value, as its bucket's upper end, that `percent` of all do not exceed; 0 when there are
 * none. */
uint64_t latency_percentile(const struct latency *latency, unsigned percent);
