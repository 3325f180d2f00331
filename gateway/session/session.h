/* session/session.h: one connection's life. OPENING -> LIVE -> CLOSING
 *
 * OPENING: the upgrade was answered, Redis has not confirmed all its channels yet, or not told what
 * is in its mailbox; LIVE: it is welcome, and gets messages (router/feed.h); CLOSING: nothing more
 * is queued for it, its close frame is on its way.
 *
 * Owned by the registry, under a number that no other session of this process ever gets: what
 * waits for Redis keeps the number, not the pointer. Borrows its connection until the transport
 * says session_gone(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"
#include "message/errors.h"
#include "message/id.h"
#include "session/feed_state.h"
#include "session/keepalive.h"
#include "session/output.h"
#include "session/receipts.h"

struct registry;
struct session;

enum session_state { SESSION_OPENING, SESSION_LIVE, SESSION_CLOSING };

/* What a session asks of its connection. All return at once and never call back. */
struct session_transport {
    /* Something is to be written: come for it when the socket is writable. Cheap, and may be
     * called any number of times. */
    void (*wake)(void *connection);
    /* The session is CLOSING: write what is queued, then the close frame, within a bounded time. */
    void (*close)(void *connection, enum close_code code);
    /* Whether to read from the client; TCP tells it to wait, while not. */
    void (*read)(void *connection, bool on);
};

struct session_identity {
    struct text users[2]; /* the second only of a pair session */
    size_t user_count;    /* 1 or 2 */
    struct text device;
    bool pair; /* opened by userA and userB: the original contract */
    bool acks; /* acknowledges by itself: ack=client */
    bool has_since;
    struct message_id since; /* with has_since: the position to read from */
    struct text epoch;       /* in which it got that position; empty: it does not say */
};

/* One user of a session, in the registry's list of that user's sessions. */
struct session_membership {
    struct session *session;
    struct registry_user *user; /* NULL once detached */
    struct session_membership *previous;
    struct session_membership *next;
};

uint64_t session_number(const struct session *session);
enum session_state session_state(const struct session *session);
bool session_is_pair(const struct session *session);
size_t session_user_count(const struct session *session);
struct text session_user(const struct session *session, size_t index);
/* For the log: the second user of a pair, or else the only one. */
struct text session_other_user(const struct session *session);
bool session_has_user(const struct session *session, struct text user);
struct text session_device(const struct session *session);
/* Its name on the wire and in Redis: 16 random hexadecimal digits. */
struct text session_name(const struct session *session);
struct output *session_output(struct session *session);
/* Frames that arrived while OPENING: the router's, until it is LIVE. */
struct output *session_held(struct session *session);
bool session_acks(const struct session *session);
struct session *session_of_keepalive(struct keepalive_link *link);
struct feed_state *session_feed(struct session *session);
struct session *session_of_feed(struct feed_state *feed);

/* It is written to only so far ahead of its pongs (window.h), unless nobody is pinged for silence.
 */
void session_use_window(struct session *session);

/* OPENING becomes LIVE. */
void session_set_live(struct session *session);

/* Queues one frame that is no message, and wakes the connection. False when the output is full
 * (nothing is queued) or the session is CLOSING; what that means is the caller's to decide. */
MUST_USE bool session_push(struct session *session, struct buffer *frame);
/* The same with less room: a signal may be dropped, an answer should not be. */
MUST_USE bool session_push_signal(struct session *session, struct buffer *frame);

/* The position of one of its users: the last id of that user's mailbox that it was given: queued,
 * or passed by. */
struct message_id session_position(const struct session *session, size_t user);
/* Its position is another one, without anything being given: reading begins there. */
void session_begin_at(struct session *session, size_t user, struct message_id position);
/* This message is not for it: its position goes on. */
void session_pass(struct session *session, size_t user, struct message_id id);
/* Queues a message, and its position goes on, unless the id is 0-0. False, and nothing happened,
 * when there is no room for it, or the session is CLOSING or leaving. Answers have some room that
 * messages have not. `live`: it was published just now. */
MUST_USE bool session_give(struct session *session, size_t user, struct message_id id, bool live,
                           struct buffer *frame);
/* Bytes of messages that would be queued now; 0 also when it is CLOSING or leaving. */
size_t session_room(const struct session *session);
/* True when the half of its output is free, so that pulling is worth while. */
bool session_has_read(const struct session *session);

/* Stops reading from its client, from the end of this turn until registry_resume(). The
 * client is neither pinged nor dropped for its silence meanwhile. Nothing when it is paused already
 * or CLOSING. */
void session_pause(struct session *session);

/* Takes it off its users' lists at once and lets the connection say goodbye: what is queued is
 * written first, but for CLOSE_SLOW, whose queue is dropped. Allowed at any time, also in this
 * session's own callbacks, and again: the first code stays. */
void session_close(struct session *session, enum close_code code);
enum close_code session_close_code(const struct session *session); /* once CLOSING */

/* One more request waits for Redis; and one of them has its answer, which is queued. */
void session_ask(struct session *session);
void session_answered(struct session *session);

/* Closes it with CLOSE_GOING_AWAY when no request waits any more and what it was given has arrived,
 * for which it is pinged, and waited a second. It must not ask from here on, and is given nothing
 * more, so that this ends. Allowed at any time, and again; nothing when it is CLOSING. */
void session_leave(struct session *session);
bool session_is_leaving(const struct session *session);

/* The connection is gone, whoever closed it: the session is freed at the end of the loop's turn,
 * and its number means nothing any more from now on. */
void session_gone(struct session *session);

/* A ping is to be written when the connection is writable, behind what can be written then. */
void session_want_ping(struct session *session);

/* Something came from the client. */
void session_heard(struct session *session);

/* For the writer. The frame to be written now, or NULL: nothing is queued, or the client has to
 * read first (window.h), and the connection is woken then. Borrowed until session_wrote(). */
const struct output_item *session_next(const struct session *session);
/* That one was written: it is dropped from the queue. */
void session_wrote(struct session *session);
/* The payload of a ping to be written now, or empty when none is wanted, or it is CLOSING. */
struct text session_take_ping(struct session *session, char payload[RECEIPT_PAYLOAD_MAX]);
/* A pong came, whatever its payload. True when something has arrived by it: session_arrived(). */
MUST_USE bool session_pong(struct session *session, struct text payload);
/* The id up to which everything of this user has arrived, as pongs tell; 0-0: nothing. */
struct message_id session_arrived(const struct session *session, size_t user);
