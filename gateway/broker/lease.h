/* broker/lease.h: this gateway's claim to be alive, and who else is.
 *
 * An incarnation is a gateway's name in Redis: --id and random digits, so that one that was started
 * again, or lost its lease, is never taken for the one before. It is a member of the sorted set
 * `parley:gateways` with the expiry of its lease, in Redis' own clock, as its score. One renewal
 * (scripts/renew.lua) serves all users of a gateway, and brings the list of live incarnations.
 *
 *     to be claimed ──claim──► has a lease ──renewal finds it gone──► another name, to be claimed
 *           └──claim unanswered: another name, because it may have run──┘
 *
 * A lease that has expired is renewed like any other as long as its member is there. An expired
 * member stays in the set, and is no live incarnation, until whoever cleans up after the dead
 * removes it: nobody does yet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "broker/connection.h"
#include "broker/keys.h"
#include "broker/scripts.h"

#define LEASE_MS 10000

struct lease;

/* What came of a renewal. */
enum lease_answer {
    LEASE_HELD,
    LEASE_RENAMED, /* the incarnation is a new one, and has no lease: renew at once */
    LEASE_REFUSED,
    LEASE_READ_ONLY, /* refused: this Redis is a replica */
    LEASE_UNKNOWN,   /* no answer */
};

typedef void lease_cb(void *arg, enum lease_answer answer);

/* Draws the first incarnation. `id` (copied) begins its name; `keys` and `scripts` outlive it.
 * `answered` is called once for each lease_renew() that says so. Never NULL. */
struct lease *lease_new(struct loop *loop, const struct keys *keys, struct scripts *scripts,
                        struct text id, lease_cb *answered, void *arg);
/* After the connection, which still tells it of what was pending; NULL is allowed. */
void lease_free(struct lease *lease);

/* Claims or renews. False, and nothing is sent, while the last one has no outcome. */
bool lease_renew(struct lease *lease);

/* Until the next renewal is answered the lease is not held: the connection was lost, and what is
 * behind the next one need not be the same Redis. */
void lease_doubt(struct lease *lease);

/* Gives it back: the last command of this gateway. Nobody is told what came of it. */
void lease_remove(struct lease *lease, struct connection *commands);

/* True from an answer that said so until the lease can have expired: counted from when the renewal
 * was sent, so never longer than Redis counts. */
bool lease_is_held(const struct lease *lease);

/* Valid until the incarnation changes: copy it to keep it. */
struct text lease_incarnation(const struct lease *lease);

/* Whether the lease of `incarnation` was good at the last answered renewal: a name that is not
 * there may have come since. During one's own outage this grows old, up to any age. */
bool lease_is_live(const struct lease *lease, struct text incarnation);
/* Those of lease_is_live(), in no order; the texts live until the visit returns. */
typedef void lease_visit_cb(void *arg, struct text incarnation);
void lease_each_live(const struct lease *lease, lease_visit_cb *visit, void *arg);
size_t lease_live_count(const struct lease *lease);
