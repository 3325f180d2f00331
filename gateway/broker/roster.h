/* broker/roster.h: the sessions of this gateway, and what Redis was told of them.
 *
 *     roster_add() ──► QUEUED ──► ASKED ──answered──► SETTLED
 *                        ▲          │                    │
 *                        ├─no answer┘                    │ another incarnation: all of them
 *                        └───────────────────────────────┘
 *     roster_remove() ─► QUEUED ──► ASKED ──answered──► freed
 *
 * At most ROSTER_WINDOW are asked at a time: when everybody is registered anew after an outage,
 * Redis serves the others in between. A user is put on the incarnation's list (scripts/enlist.lua)
 * before the first session is registered, and taken off it after the last one has left, so that who
 * cleans up after this gateway finds everything. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "broker/enlist.h"
#include "broker/presence_call.h"

#define ROSTER_WINDOW 256

struct roster;

struct roster_settings {
    struct enlist enlist; /* with whose incarnation; what is in it, and the calls, outlive it */
    struct presence_calls *calls;
    void (*registered)(void *arg, struct text user, uint64_t number, bool admitted);
    loop_cb *changed; /* roster_is_renewed() changed */
    void *arg;
};

struct roster *roster_new(struct loop *loop, const struct roster_settings *settings);
/* After the connection, which still answers what was pending; NULL is allowed. */
void roster_free(struct roster *roster);

/* These do what broker_register() and its kin say. */
void roster_add(struct roster *roster, const struct broker_session *session);
void roster_remove(struct roster *roster, struct text user, uint64_t number);
bool roster_has(const struct roster *roster, struct text user, uint64_t number);

/* The incarnation is another one: nothing is registered under it, and nothing is asked until it has
 * a lease. */
void roster_begin_anew(struct roster *roster);
void roster_set_leased(struct roster *roster);
/* True when the incarnation has a lease, all that was there when it began is registered, and Redis
 * does not refuse to register more. */
bool roster_is_renewed(const struct roster *roster);

/* Takes everybody off, and calls `done` once, not before it returns, when that was answered. */
void roster_drain(struct roster *roster, loop_cb *done, void *arg);
bool roster_is_empty(const struct roster *roster);
