/* common/duration.h: milliseconds for libevent. */
#pragma once

#include <stdint.h>
#include <sys/time.h>

static inline struct timeval duration_timeval(int64_t ms)
{
    return (struct timeval){ms / 1000, ms % 1000 * 1000};
}
