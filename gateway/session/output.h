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
#include "message/id.h"

/* One frame in the queue. */
struct output_item {
    struct buffer *frame;
    struct message_id id; /* of a message; 0-0: it has none, or is no message */
    bool is_message;
    bool is_live;       /* a message that was published just now */
    unsigned char user; /* of a message: of which of the session's users, as in session_user() */
};

struct output {
    struct output_item *items; /* a ring; NULL while empty */
    unsigned first;
    unsigned count;
    unsigned messages; /* of the count */
    unsigned capacity;
    size_t bytes; /* payload in the queue */
    size_t limit;
};

/* limit: bytes of payload, > 0. */
void output_init(struct output *output, size_t limit);
void output_clear(struct output *output); /* drops the references it holds */

/* Appends a copy of `item` and takes a reference to its frame; the caller keeps its own. False,
 * with nothing queued, when the limit would be passed; but one frame always fits into an empty
 * queue. */
MUST_USE bool output_push(struct output *output, const struct output_item *item);

/* The oldest, or NULL; borrowed until output_shift(). */
const struct output_item *output_front(const struct output *output);
/* The ids of this user's messages in it mean nothing any more. */
void output_forget_ids(struct output *output, unsigned char user);
void output_shift(struct output *output); /* drops the oldest; there must be one */
