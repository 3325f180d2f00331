/* parley/link.h: a session that is connected again when it breaks, and goes on where it was.
 *
 * It waits longer from attempt to attempt, with some chance in it, and names the last id that came
 * and the epoch that was in (since, epoch). What came already is not told again. What was told is
 * acknowledged, several at once (ack=client). A connection on which nothing comes is asked, and
 * given up when it does not answer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "incoming.h"
#include "message/id.h"
#include "session.h"
#include "shown.h"

#define LINK_EPOCH_SIZE 65

struct link_handler {
    void (*up)(void *arg);             /* welcome has come: from now on link_send() works */
    void (*down)(void *arg, int code); /* since then it was closed with that code */
    /* Messages are missing between what was told and what will be; reset: ids begin anew. */
    void (*gap)(void *arg, bool reset);
    /* Whatever else comes; a message with an id once. Valid until it returns. */
    void (*frame)(void *arg, const struct incoming *frame);
    void (*interrupted)(void *arg);
};

struct link {
    struct session session;
    const struct link_handler *handler;
    void *arg;
    struct shown shown;
    char since[MESSAGE_ID_TEXT_MAX];
    char epoch[LINK_EPOCH_SIZE]; /* empty: not known */
    bool is_stored;              /* the gateway keeps messages: `welcome` named the last one */
    struct message_id last;      /* that one */
    bool is_up;
    bool is_lost;   /* and that was said */
    bool is_asked;  /* nothing came, and a ping is out */
    bool has_told;  /* a message, since `welcome` */
    bool is_ending; /* link_end_caught_up() waits */
    unsigned failures;
    struct message_id acked; /* on this connection */
    struct event *ack;
    struct event *idle; /* pending: while is_ending, until no more messages are waited for */
    struct event *retry;
    struct event *silence;
};

/* Starts to connect; the session's fields are set, but for acks, since and epoch. False after a
 * line on standard error. link_clear() is due in either case, and session_finish() after it. */
MUST_USE bool link_open(struct link *link, const struct link_handler *handler, void *arg);
void link_clear(struct link *link);

/* Acknowledges what was told, and session_end(). */
void link_end(struct link *link);
/* The same when what was stored at the connection's begin has been told. When the connection breaks
 * before that nothing happens: up() follows. At once when it is not up. */
void link_end_caught_up(struct link *link);

/* False when the connection is not up. */
MUST_USE bool link_send(struct link *link, struct text frame);

/* So many failures in a row: how long to wait before the next attempt, ms; random, at least half of
 * `longest` or of what doubles with each failure. */
int64_t link_delay(unsigned failures, int64_t longest_ms, uint32_t random);
