/* parley/shown.h: which messages of a mailbox were shown, so that each is shown once.
 *
 * Ids grow strictly within a mailbox, so what is not above the last one came before. Only after a
 * reset they begin anew; Redis may have come back with an older mailbox then, and what it brings
 * again is known by its id and its bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "message/id.h"

#define SHOWN_MAX 1000 /* messages that are remembered across a reset */

struct shown_message {
    struct message_id id;
    uint64_t hash;
};

struct shown {
    bool has_position;
    struct message_id position; /* what is not above it came before */
    struct message_id highest;  /* of all, before any reset too */
    struct shown_message last[SHOWN_MAX];
    size_t count;
};

/* To begin with: zeroed. */

/* Takes note of the message. Whether it is to be shown. */
MUST_USE bool shown_take(struct shown *shown, struct message_id id, struct text frame);

/* Ids begin anew, from the mailbox' beginning. */
void shown_reset(struct shown *shown);
