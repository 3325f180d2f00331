/* session/receipts.h: what has arrived at a client that knows nothing of acknowledgements.
 *
 * Frames arrive in order, so a pong proves that everything written before its ping has arrived (RFC
 * 6455, section 5.5.3: a pong has the ping's payload). Pings are numbered, and beside each the
 * positions are noted that were written by then. A session that was written messages is pinged: at
 * once, or a second after the first of them when its last ping is younger.
 *
 *     written ──► ping due ──► pinged, noted ──pong of this number or a later one──► acknowledged
 *
 * Sessions that acknowledge by themselves (ack=client) are not pinged for it. */
#pragma once

#include "base/delay.h"
#include "base/text.h"
#include "message/id.h"

struct session;
struct receipts; /* of all sessions of a registry: what is due */

/* Of one session. */
struct receipt {
    bool is_kept;                 /* pongs acknowledge */
    struct message_id written[2]; /* the last one of each user that was written, or passed */
    struct message_id noted[2];   /* beside the last note */
    struct message_id arrived[2];
    struct receipt_note
        *notes; /* pings without a pong, the oldest first; NULL when there are none */
    unsigned note_count;
    uint32_t number; /* of the last ping */
    int64_t pinged_ms;
    struct delay_link ping_due;
    struct delay_link end_due; /* see receipts_end() */
};

#define RECEIPT_PAYLOAD_MAX 11 /* a ping's payload: the number, and a NUL */

struct receipts *receipts_new(struct loop *loop); /* never NULL */
void receipts_free(struct receipts *receipts);    /* when no session is in it; NULL is allowed */
void receipts_remove(struct receipts *receipts, struct session *session); /* frees its notes */

/* Something was written to it, or passed by, that no ping covers yet. */
void receipts_wrote(struct receipts *receipts, struct session *session);

/* The payload of a ping that is written now, behind everything that was. */
struct text receipts_ping(struct receipts *receipts, struct session *session,
                          char payload[RECEIPT_PAYLOAD_MAX]);

/* A pong of this number: true when something has arrived by it, see `arrived`. */
MUST_USE bool receipts_pong(struct receipts *receipts, struct session *session, uint32_t number);

/* Positions of this user began anew at `position`: earlier pings say nothing about it. */
void receipts_begin(struct session *session, unsigned user, struct message_id position);

/* True when everything that it was given has arrived, as far as a pong can tell. */
bool receipts_are_complete(const struct session *session);

/* The session is to be closed (session_close() with CLOSE_GOING_AWAY) when its receipts are
 * complete, and at the latest after a second. */
void receipts_end(struct receipts *receipts, struct session *session);
