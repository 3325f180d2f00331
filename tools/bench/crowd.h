/* bench/crowd.h: many sessions on one event base, opened a bounded number at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/text.h"
#include "common/url.h"

struct crowd;
struct event_base;

#define CROWD_USER_SIZE 32

struct crowd_handler {
    /* Where session `index` connects to, and as whom (NUL-terminated). */
    const struct url *(*describe)(void *arg, size_t index, char user[CROWD_USER_SIZE]);
    /* Every session is open, or has failed. May be NULL, as the next. */
    void (*opened)(void *arg);
    void (*message)(void *arg, size_t index, struct text message);
};

struct crowd_counts {
    size_t opened; /* including those that were lost since */
    size_t failed; /* never open: refused, or not in time */
    size_t lost;   /* closed after they were open */
};

/* Starts to open `size` sessions. `handler` must outlive the crowd. `max_message` as in
 * common/client.h. NULL after a line on standard error when the process may not have as many files
 * open. */
MUST_USE struct crowd *crowd_new(struct event_base *base, size_t size, size_t max_message,
                                 const struct crowd_handler *handler, void *arg);
void crowd_free(struct crowd *crowd); /* cuts all connections; NULL is allowed */

struct crowd_counts crowd_count(const struct crowd *crowd);

/* Queues a message on session `index`; false when that is not open. */
MUST_USE bool crowd_send(struct crowd *crowd, size_t index, struct text message);
