/* Presence as the tests look at it: through the broker, and as it stands in Redis. */
#pragma once

#include "broker/presence.h"
#include "world.h"

#define FUTURE_MS 4000000000000

/* The result of one presence_read(). */
struct presence_seen {
    unsigned fired;
    enum broker_outcome outcome;
    struct presence_state state;
};

struct presence_seen presence_ask(struct world *world, struct text user);
/* The same, which must be answered. */
struct presence_state presence_state_of(struct world *world, struct text user);

/* A session of another gateway, and a lease, as that would write them. */
void presence_add_session(struct world *world, struct text key, const char *field,
                          const char *value);
void presence_set_lease(struct world *world, const char *member, int64_t expiry_ms);

/* A client of its own that is subscribed to the channel; the caller frees it. */
redisContext *presence_watch(struct world *world, const char *channel);

/* Registers a session, and waits for what comes of it. */
void presence_register(struct world *world, const char *user, uint64_t number, unsigned max);

/* The broker's name; valid until the next call. */
const char *presence_incarnation(struct world *world);
/* What Redis has under `parley:presence:{bob}` for a session; "" for nothing. */
const char *presence_value_of(struct world *world, const char *incarnation, unsigned number);
/* What `command` answers, a number, about the set of an incarnation's users. */
long long presence_users(struct world *world, const char *command, const char *incarnation);
