#include "words.h"

#include <inttypes.h>
#include <time.h>

#define MINUTE_MS ((int64_t)60 * 1000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

void words_append_time(struct builder *out, int64_t unix_ms)
{
    time_t seconds = unix_ms / 1000;
    char string[40];
    struct tm utc;

    if (gmtime_r(&seconds, &utc) &&
        strftime(string, sizeof(string), "%Y-%m-%dT%H:%M:%SZ", &utc) > 0)
        builder_append_string(out, string);
    else /* a year that no calendar has */
        builder_printf(out, "%" PRId64, unix_ms);
}

void words_append_age(struct builder *out, int64_t ms)
{
    if (ms < MINUTE_MS)
        builder_printf(out, "%" PRId64 " s", ms > 0 ? ms / 1000 : 0);
    else if (ms < HOUR_MS)
        builder_printf(out, "%" PRId64 " min", ms / MINUTE_MS);
    else if (ms < 2 * DAY_MS)
        builder_printf(out, "%" PRId64 " h", ms / HOUR_MS);
    else
        builder_printf(out, "%" PRId64 " d", ms / DAY_MS);
}

void words_append_count(struct builder *out, int64_t count, const char *noun)
{
    builder_printf(out, "%" PRId64 " %s%s", count, noun, count == 1 ? "" : "s");
}
