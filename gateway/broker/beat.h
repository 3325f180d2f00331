/* broker/beat.h: the connections prove that they work, and the lease is renewed.
 *
 * A connection may look healthy and lead nowhere: after a fail-over, through a firewall that forgot
 * it, to a Redis that is a replica now, or another one. So every BEAT_MS the lease is renewed and a
 * numbered beat is published on the gateway's own channel over the one connection, and must be
 * heard on the other:
 *
 *     commands ──EVALSHA renew, PUBLISH parley:gateway:INCARNATION "beat 17"──► Redis
 *     subscriptions ◄──────────────────── "beat 17" ─────────────────────────────┘
 *
 *     what is seen                                    what is made anew
 *     published to 0 subscribers                      subscriptions
 *     answered, and not heard in BEAT_MS              subscriptions
 *     not answered for two beats (or for as long as   both
 *       the connection of commands waits, which is
 *       the same time)
 *     the lease is refused with READONLY              both
 *
 * The first beat goes out as soon as both connections can take it. */
#pragma once

#include <stdbool.h>

#include "base/loop.h"
#include "broker/connection.h"
#include "broker/keys.h"
#include "broker/lease.h"
#include "broker/subscriptions.h"

#define BEAT_MS 3000

struct beat;

struct beat_settings {
    const struct keys *keys;
    struct connection *commands;
    struct subscriptions *subscriptions;
    struct lease *lease;
    loop_cb *changed; /* beat_is_heard(), or whether the lease is held, may have changed */
    void *arg;
};

struct beat *beat_new(struct loop *loop, const struct beat_settings *settings); /* never NULL */
/* Stopped, and after both connections, which still tell it of their end; NULL is allowed. */
void beat_free(struct beat *beat);

/* The connection of commands is usable, or was lost. */
void beat_set_usable(struct beat *beat, bool usable);
/* The subscriptions changed: perhaps the own channel is confirmed now, or not any more. */
void beat_look_at_channel(struct beat *beat);
/* What was published on the own channel; anything but our beats is nothing to us. */
void beat_hear(struct beat *beat, struct text bytes);
/* What came of a renewal of the lease. */
void beat_take_lease(struct beat *beat, enum lease_answer answer);
/* No more beats, and nothing is made anew because of the last ones. */
void beat_stop(struct beat *beat);

/* True when a beat came back that was published on the connections and in the name that are there
 * now, and none was missed since. */
bool beat_is_heard(const struct beat *beat);
