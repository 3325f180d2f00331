/* broker/subscriptions.h: the channels that this gateway listens to, and the connection for them.
 *
 * Of each channel three things are kept apart: whether it is wanted, what Redis was told last
 * on this connection, and whether Redis confirmed that. Changes of one turn of the loop leave
 * together, in the order of the calls; one that was taken back in the same turn does not leave.
 * After a reconnect the first SUBSCRIBE is the gateway's own channel, with which the connection
 * never falls out of subscriber mode, and then all wanted ones, in batches. */
#pragma once

#include "broker/broker.h"

struct subscriptions;

struct subscriptions_owner {
    /* subscriptions_are_renewed() or subscriptions_own_is_confirmed() changed. */
    loop_cb *changed;
    /* Bytes arrived on the gateway's own channel; they live until it returns. */
    void (*heard)(void *arg, struct text bytes);
    void *arg;
};

/* `settings` is copied, as broker.h says; its events subscribed() and published() are called.
 * `owner` is copied. Never NULL. */
struct subscriptions *subscriptions_new(struct loop *loop, const struct broker_settings *settings,
                                        const struct subscriptions_owner *owner);
/* Names the gateway's own channel; first before the start. The new one is subscribed before the old
 * one is left. */
void subscriptions_set_own(struct subscriptions *subscriptions, struct text incarnation);
void subscriptions_start(struct subscriptions *subscriptions);
void subscriptions_free(struct subscriptions *subscriptions); /* NULL is allowed */

/* As connection_drain() and connection_close(); what is gathered is handed over first. */
void subscriptions_drain(struct subscriptions *subscriptions, loop_cb *done, void *arg);
void subscriptions_close(struct subscriptions *subscriptions);
/* As connection_reset(). */
void subscriptions_reset(struct subscriptions *subscriptions, const char *reason);

/* True from when Redis confirmed everything that was wanted at the last reconnect until the
 * connection is lost. */
bool subscriptions_are_renewed(const struct subscriptions *subscriptions);
/* True while Redis has confirmed the own channel, of that name, on this connection. */
bool subscriptions_own_is_confirmed(const struct subscriptions *subscriptions);

/* These do what the functions of the same name in broker.h say. */
void subscriptions_subscribe(struct subscriptions *subscriptions, enum broker_channel kind,
                             struct text user);
void subscriptions_unsubscribe(struct subscriptions *subscriptions, enum broker_channel kind,
                               struct text user);
bool subscriptions_has(const struct subscriptions *subscriptions, enum broker_channel kind,
                       struct text user);
void subscriptions_flush(struct subscriptions *subscriptions);
