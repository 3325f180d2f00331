/* router/rereads.h: reading users again after an outage.
 *
 * A bounded number is in flight, so that the return of Redis is no storm. What Redis does not
 * answer is asked again, until it does or nobody wants it any more. */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "broker/presence.h"

enum reread_place { REREAD_IDLE, REREAD_QUEUED, REREAD_DOUBTED, REREAD_SENT };

/* One user to be read; embedded in its owner, who sets `user`, and all else to zero. */
struct reread {
    struct text user; /* lives as long as this */
    enum reread_place place;
    bool is_wanted;
    bool is_stale;   /* what is in flight was asked too early, or is not wanted any more */
    bool is_certain; /* it was doubted once */
    TAILQ_ENTRY(reread) link;
    struct rereads *rereads;
};

struct rereads;

/* What Redis answered; NULL when it did not, or what was in flight became stale. The reread may be
 * freed there when it is idle, and after rereads_remove(). */
typedef void reread_cb(void *arg, struct reread *reread, const struct presence_state *state);

struct rereads *rereads_new(struct loop *loop, struct broker *broker, reread_cb *done, void *arg);
/* After the broker, whose callbacks come here; NULL is allowed. */
void rereads_free(struct rereads *rereads);

/* Wants it to be read from now on: an answer that is on its way does not count. */
void rereads_add(struct rereads *rereads, struct reread *reread);
/* Wants it no more. When it is in flight, `done` is still called. */
void rereads_remove(struct rereads *rereads, struct reread *reread);
/* In `done`: reads it once more when every gateway that lives must be back, which is certain then.
 */
void rereads_doubt(struct rereads *rereads, struct reread *reread);
