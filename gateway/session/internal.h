/* session/internal.h: what a session is made of; for the files of this folder alone. */
#pragma once

#include <sys/queue.h>

#include "base/loop.h"
#include "session/session.h"
#include "session/window.h"

#define SESSION_HELD_MAX (64 * 1024) /* bytes of frames that wait for the session to be LIVE */
#define SESSION_NAME_SIZE 17         /* 16 hexadecimal digits and a NUL */

TAILQ_HEAD(session_list, session);

struct session {
    uint64_t number;
    enum session_state state;
    enum close_code close_code;
    bool pair;
    bool wants_ping;
    bool leaving;
    unsigned unanswered; /* requests */
    char name[SESSION_NAME_SIZE];
    char *identity; /* the bytes of users and device, one behind the other */
    size_t user_count;
    struct text users[2];
    struct text device;
    struct session_membership memberships[2];
    struct keepalive_link keepalive;
    struct session_list *pause; /* of session/pauses.c; NULL while it is in none */
    TAILQ_ENTRY(session) pause_link;
    struct message_id position[2];
    struct receipt receipt;
    struct window window;
    struct feed_state feed;
    struct output output;
    struct output held;
    const struct session_transport *transport;
    void *connection; /* NULL once it is gone */
    struct registry *registry;
    struct deferred free_later;
};

/* The delays of all sessions' receipts. */
struct receipts *registry_receipts(const struct registry *registry);

struct keepalive *registry_keepalive(const struct registry *registry);

void session_free(struct session *session);
