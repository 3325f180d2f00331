/* router/watches.h: who watches whom, and what each was told.
 *
 * The presence events of a user are subscribed while a session here watches the user. A watcher is
 * told changes only: what equals what it was told last is not sent. After an outage every watched
 * user is read again, a bounded number at a time, and what changed meanwhile is told then.
 *
 * A session is its number: it may be gone whenever Redis answers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "broker/broker.h"
#include "broker/presence.h"
#include "session/registry.h"

struct watches;

/* While a session waits for an answer about a user whom it watches, events about that user are held
 * back: which of the two is newer is seen when the answer is there. Embedded in its owner. */
struct watch_hold {
    void (*ready)(struct watch_hold *hold); /* see watches_hold() */
    struct watch *watch;                    /* NULL when the user is not watched, or no more */
    bool waits;                             /* for ready() */
    LIST_ENTRY(watch_hold) link;
};

/* The registry and the broker outlive it, the broker but for its callbacks. Never NULL. */
struct watches *watches_new(struct loop *loop, struct broker *broker, struct registry *registry);
/* After the broker, whose callbacks come here, and when nothing is held; NULL is allowed. */
void watches_free(struct watches *watches);

size_t watches_count(const struct watches *watches, uint64_t session);
bool watches_has(struct watches *watches, uint64_t session, struct text user);
/* Nothing when it is there already. It is told nothing before its first release. */
void watches_add(struct watches *watches, uint64_t session, struct text user);
void watches_remove(struct watches *watches, uint64_t session, struct text user); /* or nothing */
void watches_leave(struct watches *watches, uint64_t session);                    /* all of them */

/* Holds back what happens to this user, for this session. True when the user may be read: the
 * subscription is confirmed, or the session does not watch the user at all. Else ready() is called
 * once, when that is so, and must not release. */
MUST_USE bool watches_hold(struct watches *watches, uint64_t session, struct text user,
                           struct watch_hold *hold);
/* Ends it. `state` is what the session was told, in a frame that is queued already: what was held
 * back and is newer goes behind it. NULL: it was told nothing, and a watch that was never told
 * anything ends. */
void watches_release(struct watches *watches, struct watch_hold *hold,
                     const struct presence_state *state);

/* What the broker says about BROKER_PRESENCE_EVENTS, and of itself. */
void watches_subscribed(struct watches *watches, struct text user);
void watches_published(struct watches *watches, struct text user, struct text bytes);
void watches_up(struct watches *watches);
void watches_down(struct watches *watches);
