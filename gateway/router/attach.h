/* router/attach.h: a session's coming and going: its limits, its channels, its welcome. */
#pragma once

#include "broker/broker.h"
#include "router/feed.h"
#include "router/router.h"
#include "session/registry.h"

struct attach;

struct attach_settings {
    struct broker *broker;          /* outlives it */
    struct registry *registry;      /* outlives it */
    struct router *router;          /* outlives it */
    struct feed *feed;              /* outlives it */
    unsigned max_sessions;          /* on this gateway; 0: no limit */
    unsigned max_sessions_per_user; /* on all gateways; 0: no limit */
};

struct attach *attach_new(const struct attach_settings *settings); /* never NULL */
void attach_free(struct attach *attach);

/* From now on there are no new sessions: every upgrade is refused. */
void attach_stop(struct attach *attach);

/* Why an upgrade cannot be served now, or NULL when it can. For a 503. */
const char *attach_refusal(const struct attach *attach);

/* A new session. On return its channels are subscribed as far as the kernel has taken the command,
 * so that nothing sent after the upgrade's answer can reach Redis before it. Never NULL. */
struct session *attach_open(struct attach *attach, const struct session_identity *identity,
                            const struct session_transport *transport, void *connection);

/* Redis confirmed this user's channel, or registered this session: who waited for it, and now for
 * nothing else, is fed (router/feed.h). Not `admitted`, over the user's limit: the session is
 * CLOSING with CLOSE_TOO_MANY_SESSIONS. */
void attach_subscribed(struct attach *attach, struct text user);
void attach_registered(struct attach *attach, struct text user, uint64_t number, bool admitted);

/* The session's mailbox begins to be read: it is LIVE, and welcome. For feed_settings. */
void attach_started(struct attach *attach, struct session *session, const struct feed_start *start);

/* The session leaves its users' lists: it is registered no more. */
void attach_left(struct attach *attach, struct session *session);

/* Redis is away: who waits goes on waiting, but what it sent is answered now. */
void attach_broker_lost(struct attach *attach);
