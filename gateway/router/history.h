/* router/history.h: what a session asks about a conversation of its user: pages, out of the user's
 * own mailbox.
 *
 * An answer never closes a session that reads slowly: it has as many messages as there is room for,
 * and says where to go on. A session has one question at a time. To repeat one is harmless, so
 * whatever goes wrong in Redis is `unavailable`. */
#pragma once

#include "broker/broker.h"
#include "message/parse.h"
#include "session/registry.h"

struct history;

struct history_settings {
    struct broker *broker;     /* outlives it, but for its callbacks */
    struct registry *registry; /* outlives it */
    bool durable;       /* as --delivery; off: there are no mailboxes, every question is refused */
    size_t max_message; /* bytes, as --max-message */
};

struct history *history_new(const struct history_settings *settings); /* never NULL */
/* After the broker, whose callbacks come here; NULL is allowed. */
void history_free(struct history *history);

/* A good request of this type, of a session that is not CLOSING. The answer may come at once; while
 * it is outstanding the session counts as asking (session_ask()). */
void history_take(struct history *history, struct session *session, const struct request *request);
