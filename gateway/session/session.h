/* session/session.h: one connection's life. OPENING -> LIVE -> CLOSING
 *
 * OPENING: the upgrade was answered, Redis has not confirmed all its channels yet; LIVE: it gets
 * what is published, as a pair session does while OPENING, whose other channel may be there
 * already; CLOSING: nothing more is queued for it, its close frame is on its way.
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
#include "session/keepalive.h"
#include "session/output.h"

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
struct keepalive_link *session_keepalive(struct session *session);
struct session *session_of_keepalive(struct keepalive_link *link);

/* OPENING becomes LIVE. */
void session_set_live(struct session *session);

/* Queues one frame and wakes the connection. False when the output is full (nothing is queued) or
 * the session is CLOSING; what that means is the caller's to decide. ts_ms: see output_push(). */
MUST_USE bool session_push(struct session *session, struct buffer *frame, uint64_t ts_ms);

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

/* Closes it with CLOSE_GOING_AWAY when no request waits any more, which may be now. It must not ask
 * from here on, so that this ends. Allowed at any time, and again. */
void session_leave(struct session *session);
bool session_is_leaving(const struct session *session);

/* The connection is gone, whoever closed it: the session is freed at the end of the loop's turn,
 * and its number means nothing any more from now on. */
void session_gone(struct session *session);

/* A ping to be written when the connection is writable; the writer clears it. */
bool session_take_ping(struct session *session);
void session_want_ping(struct session *session);
