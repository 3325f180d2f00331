/* router/drain.h: an orderly end of all sessions.
 *
 * Each session has a slot of its own, spread evenly over the drain time, so that the other gateways
 * are not stormed by all clients at once. Native sessions are told theirs; in it a session is
 * closed with 1001, once Redis has spoken about all that it sent. */
#pragma once

#include <stdint.h>

#include "base/loop.h"
#include "router/router.h"
#include "session/registry.h"

struct drain;

struct drain_settings {
    struct registry *registry; /* outlives it */
    struct router *router;     /* outlives it */
    int64_t drain_ms;          /* for all slots together; 0: every session at once */
    int64_t grace_ms;          /* behind the last slot: for answers and close frames */
    loop_cb *over;             /* the grace is over, and there may be sessions left */
    void *arg;                 /* for `over` */
};

struct drain *drain_new(struct loop *loop, const struct drain_settings *settings); /* never NULL */
void drain_free(struct drain *drain);                                              /* or NULL */

/* Gives every session its slot; those that are opened later have none. Once. `over` is not called
 * before it returns. That the last session is gone, the registry tells. */
void drain_start(struct drain *drain);
