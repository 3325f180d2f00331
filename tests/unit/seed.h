/* seed.h: the randomness of property tests. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* random(3) begins anew, and its seed is printed: PARLEY_SEED repeats a run. */
static inline void seed_random(void)
{
    const char *given = getenv("PARLEY_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

    printf("PARLEY_SEED=%u\n", seed);
    fflush(stdout);
    srandom(seed);
}

/* A number from 0 to `below` - 1. */
static inline unsigned random_below(unsigned below)
{
    return (unsigned)random() % below;
}
