/* router/queries.h: presence, watch and unwatch: what a session asks about others.
 *
 * presence reads each user from Redis and answers once. watch subscribes to their events first, so
 * that between its answer and the first event nothing is missed. unwatch has no answer. A question
 * is safe to repeat: whatever goes wrong in Redis it is `unavailable`. */
#pragma once

#include "base/loop.h"
#include "broker/broker.h"
#include "message/parse.h"
#include "router/watches.h"
#include "session/registry.h"

#define QUERIES_WATCHED_MAX 1000 /* users whom one session watches */

struct queries;

struct queries_settings {
    struct broker *broker;     /* outlives it, but for its callbacks */
    struct registry *registry; /* outlives it */
    struct watches *watches;   /* outlives it */
    bool presence;             /* as --presence; off: every question is refused */
    int64_t timeout_ms;        /* after which a question is answered, whatever Redis does */
};

struct queries *queries_new(struct loop *loop, const struct queries_settings *settings);
/* After the broker, whose callbacks come here; NULL is allowed. */
void queries_free(struct queries *queries);

/* A good request of one of the three types, of a session that is not CLOSING. The answer may come
 * at once; while one is outstanding the session counts as asking (session_ask()). */
void queries_take(struct queries *queries, struct session *session, const struct request *request);

/* Redis is away: what is not answered yet is `unavailable`. */
void queries_down(struct queries *queries);
