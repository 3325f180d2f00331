/* broker/read_marks.h: up to which message a user has read what another one wrote
 * (scripts/read.lua). Kept in Redis, and only ever moved forward. */
#pragma once

#include <stdint.h>

#include "broker/broker.h"

#define READ_MARKS_MAX 1000 /* other users that are remembered for one user */

struct read_mark {
    struct text reader;
    struct text peer;  /* who wrote it */
    struct text id;    /* of the reader's mailbox, MS-SEQ */
    struct text frame; /* published on the reader's own channel when the mark moves */
    int64_t ttl_ms;    /* from the last move on; 0: for ever */
};

/* Fills in the label of its metric; call once. */
void read_marks_register_metrics(void);

/* The texts are copied. Nobody is told what came of it: it is counted. */
void read_mark_move(struct broker *broker, const struct read_mark *mark);
