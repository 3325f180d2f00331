#include "latency.h"

static unsigned bucket_of(uint64_t us)
{
    unsigned shift;

    if (us < LATENCY_STEPS)
        return (unsigned)us;
    shift = 63 - (unsigned)__builtin_clzll(us) - LATENCY_STEP_BITS;
    return shift * LATENCY_STEPS + (unsigned)(us >> shift);
}

static uint64_t upper_end(unsigned bucket)
{
    unsigned shift;

    if (bucket < 2 * LATENCY_STEPS)
        return bucket;
    shift = bucket / LATENCY_STEPS - 1;
    return ((uint64_t)(bucket - shift * LATENCY_STEPS + 1) << shift) - 1;
}

void latency_record(struct latency *latency, uint64_t us)
{
    latency->count++;
    latency->buckets[bucket_of(us)]++;
    if (us > latency->max)
        latency->max = us;
}

uint64_t latency_percentile(const struct latency *latency, unsigned percent)
{
    uint64_t rank = (latency->count * percent + 99) / 100;
    uint64_t seen = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS && rank > 0; i++) {
        seen += latency->buckets[i];
        if (seen >= rank)
            return upper_end(i) < latency->max ? upper_end(i) : latency->max;
    }
    return 0;
}
