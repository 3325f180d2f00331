/* router/feed.h: what a session gets of its users' mailboxes: nothing is lost, nothing comes twice.
 *
 *     IDLE ──feed_begin()──► QUEUED ──a turn──► ASKED ──last page, nothing newer known──► LIVE
 *                             ▲  ▲                │ │                                      │
 *                             │  └──more is there─┘ └─no room─► WAITING ◄──no room for one─┤
 *                             │                                  │                         │
 *                             └───── half of its output is free ─┘◄─ channel made anew ────┘
 *
 * LIVE gets what is published (push); the other stages read the mailbox from the session's position
 * (pull), a page at a time and in turn, so that a long mailbox starves nobody and costs no memory.
 * What is published meanwhile is only remembered: LIVE it is again when the last page was asked for
 * after everything that was heard.
 *
 * Positions grow; an id at or below one is a duplicate. Only a reset (pages.h) begins anew.
 *
 * With --delivery live there is no mailbox: LIVE at once, and a client that does not read is closed
 * with CLOSE_SLOW. */
#pragma once

#include "base/buffer.h"
#include "base/loop.h"
#include "broker/broker.h"
#include "broker/cursors.h"
#include "broker/pages.h"
#include "message/published.h"
#include "session/registry.h"

struct feed;

/* What the welcome says of the mailbox. */
struct feed_start {
    bool is_kept; /* false with --delivery live: there is none, and the rest is nothing */
    struct message_id last;
    bool gap;
    bool reset;
};

struct feed_settings {
    struct broker *broker;     /* outlives it, but for feed_free() */
    struct registry *registry; /* outlives it */
    struct cursors *cursors;   /* outlives it */
    bool durable;              /* --delivery */
    size_t max_message;        /* bytes */
    /* The session's first page is there: it is to be made LIVE (session.h) and welcome before it is
     * given anything. */
    void (*started)(void *arg, struct session *session, const struct feed_start *start);
    void *arg;
};

struct feed *feed_new(struct loop *loop, const struct feed_settings *settings); /* never NULL */
/* After the broker, whose callbacks come here; NULL is allowed. */
void feed_free(struct feed *feed);

/* A new session, with the position that it asked for. */
void feed_open(struct feed *feed, struct session *session, const struct session_identity *identity);
/* All channels of a session are confirmed, perhaps once more: what was published in between was
 * missed. Not for one that is LIVE since and has all its channels still. */
void feed_begin(struct feed *feed, struct session *session);
/* The session leaves its users' lists: its client may come back at once. */
void feed_left(struct feed *feed, struct session *session);
/* Redis is back. */
void feed_up(struct feed *feed);

/* A message that was published for this user of the session. */
void feed_push(struct feed *feed, struct session *session, size_t user, struct buffer *frame,
               const struct published *published);
/* Something was written to the session: it may have room again. */
void feed_wrote(struct feed *feed, struct session *session);
/* A pong came: what has arrived by it moves the cursors. */
void feed_pong(struct feed *feed, struct session *session, struct text payload);
/* The client says that its device has everything up to `id`. What it was given last includes what
 * was passed by behind that, now and later. */
void feed_acknowledge(struct feed *feed, struct session *session, struct message_id id);
