/* broker/presence.h: whether a user is online.
 *
 * A user is online when a session of theirs is registered in Redis by an incarnation whose lease
 * has not expired. Every time is Redis', in Unix ms. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"

struct presence_state {
    bool online;
    size_t sessions;
    int64_t since_ms; /* online: of the oldest session that is there; else when the last one ended,
                       * 0 when that is not known */
    int64_t at_ms;    /* when this was so: an event with an earlier `since` is older */
};

/* `state` lives until it returns; NULL unless BROKER_ANSWERED. */
typedef void presence_read_cb(void *arg, enum broker_outcome outcome,
                              const struct presence_state *state);

/* Asks Redis about one user, who is copied. `done` is called once, as broker.h says. */
void presence_read(struct broker *broker, struct text user, presence_read_cb *done, void *arg);
