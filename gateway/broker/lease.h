/* broker/lease.h: this gateway's claim to be alive, and who else is.
 *
 * An incarnation is a gateway's name in Redis: --id and random digits, so that one that was started
 * again, or lost its lease, is never taken for the one before. It is a member of the sorted set
 * `parley:gateways` with the expiry of its lease, in Redis' own clock, as its score. One renewal
 * (scripts/renew.lua) serves all users of a gateway, and brings the list of live incarnations.
 *
 *     to be claimed ──claim──► has a lease ──renewal finds it gone──► another name, to be claimed
 *           │                         └──────connection lost───────────────► the same
 *           └──claim unanswered: another name, because it may have run
 *
 * A connection that was lost is a reason, because nobody knows which of its last commands ran, nor
 * whether the Redis behind the next one remembers all that was answered: what is registered under
 * the old name may be too much, and goes with it. Until that is done the former name is kept alive,
 * so that nobody looks offline meanwhile.
 *
 * A lease that has expired is not renewed: its users have been offline for whoever asked, and
 * coming back under another name tells the others. The reaper (reaper.h) removes what expired. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "broker/connection.h"
#include "broker/keys.h"
#include "broker/scripts.h"

#define LEASE_MS 10000
#define LEASE_FORMER_MAX                                                                           \
    16 /* more than that, of the oldest, expire and are cleaned up by others                       \
        */

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

/* Claims or renews; nothing while the last one has no outcome. */
void lease_renew(struct lease *lease);

/* Takes another name, to be claimed; the one that it has now becomes a former one when it had a
 * lease. What comes of a renewal that is under way is LEASE_UNKNOWN. */
void lease_rename(struct lease *lease);

/* Gives it back: the last command of this gateway. Nobody is told what came of it. */
void lease_remove(struct lease *lease, struct connection *commands);

/* True from an answer that said so until the lease can have expired: counted from when the renewal
 * was sent, so never longer than Redis counts. */
bool lease_is_held(const struct lease *lease);

/* Valid until the incarnation changes: copy it to keep it. */
struct text lease_incarnation(const struct lease *lease);

/* The former incarnations of this process whose registrations are not cleaned up yet, the oldest
 * first; each between blanks, or empty. Valid until the next change. */
struct text lease_former(const struct lease *lease);
void lease_forget_former(struct lease *lease, struct text incarnation);

/* As of the last answered renewal: the live incarnations, and the other members of the set (expired
 * ones, and `dead:…` of those that are being cleaned up after). Each between blanks; valid until
 * the next renewal is answered. A name that is not there may have come since. During one's own
 * outage this grows old, up to any age. */
struct text lease_live(const struct lease *lease); /* each as NAME=EXPIRY */
struct text lease_others(const struct lease *lease);

/* Whether an incarnation is in lease_live(). */
bool lease_is_live(const struct lease *lease, struct text incarnation);

/* Whether `name` is in one of the other lists. */
bool lease_list_has(struct text list, struct text name);
/* Adds a name, which holds no blank. */
void lease_list_add(struct builder *list, struct text name);
/* Takes the next name off the front of `list`; empty at its end. */
struct text lease_list_next(struct text *list);
