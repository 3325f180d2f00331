/* session/output.h: what is still to be written to one session; bounded.
 *
 * A queue of shared buffers: a push takes a reference and copies nothing, so a published message
 * is held once, however many sessions get it. Memory for the queue exists only while something is
 * in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct output {
    struct output_entry *entries; /* a ring; NULL while empty */
    unsigned first;
    unsigned count;
    unsigned capacity;
    size_t bytes; /* payload in the queue */
    size_t limit;
};

/* limit: bytes of payload, > 0. */
void output_init(struct output *output, size_t limit);
void output_clear(struct output *output); /* drops the references it holds */

/* Appends `buffer` and takes a reference; the caller keeps its own. `ts_ms` travels with it: the
 * Unix time at which the message was accepted, 0 for what is not a message. False, with nothing
 * queued, when the limit would be passed. */
MUST_USE bool output_push(struct output *output, struct buffer *buffer, uint64_t ts_ms);

/* The oldest, or NULL; borrowed until output_shift(). */
struct buffer *output_front(const struct output *output, uint64_t *ts_ms);
void output_shift(struct output *output); /* drops the oldest; there must be one */
