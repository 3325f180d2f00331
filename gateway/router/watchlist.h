/* router/watchlist.h: the lists of who watches whom, for watches.c.
 *
 * The channel of a user's presence events is subscribed while the user has a watcher. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "broker/broker.h"
#include "message/published.h"
#include "router/rereads.h"

struct watchlist;

enum told { TOLD_NOTHING, TOLD_OFFLINE, TOLD_ONLINE };

/* One session watches one user. */
struct watch {
    struct watched *watched;
    struct watcher *watcher;
    TAILQ_ENTRY(watch) of_watched;
    TAILQ_ENTRY(watch) of_watcher;
    LIST_HEAD(, watch_hold) holds; /* see watches.h */
    enum told told;
    int64_t told_at_ms; /* Redis' clock: when what was answered last was so */
    bool missed;        /* watched->event came while it was held back */
};

/* One user who is watched here, or was until now. */
struct watched {
    struct text user;
    TAILQ_HEAD(, watch) watches;
    int64_t online_since_ms;     /* by the last state or event that said online */
    struct presence_event event; /* the last that somebody missed */
    struct buffer *event_frame;  /* or NULL */
    struct reread reread;
    unsigned pins;
};

/* One session that watches. */
struct watcher {
    uint64_t session;
    TAILQ_HEAD(, watch) watches;
    size_t count;
};

struct watchlist *watchlist_new(struct broker *broker); /* which outlives it; never NULL */
void watchlist_free(struct watchlist *list);            /* when it is empty; NULL is allowed */

/* Each NULL when there is none. */
struct watch *watchlist_find(struct watchlist *list, uint64_t session, struct text user);
struct watched *watchlist_watched(const struct watchlist *list, struct text user);
struct watcher *watchlist_watcher(const struct watchlist *list, uint64_t session);

/* One that is not there yet. */
struct watch *watchlist_add(struct watchlist *list, uint64_t session, struct text user);
/* Frees the watch, which nobody holds, and its two ends when it was their last. */
void watchlist_remove(struct watchlist *list, struct watch *watch);

/* Somebody works with it: until it is unpinned it stays, also without a watcher. In flight it stays
 * too; unpin it when it has landed. */
void watchlist_pin(struct watched *watched);
void watchlist_unpin(struct watchlist *list, struct watched *watched);

/* Visits the watches of a user, who is pinned. The visitor may end the watch that it is given. */
typedef void watchlist_visit_cb(void *arg, struct watch *watch);
void watchlist_each(struct watched *watched, watchlist_visit_cb *visit, void *arg);

/* Visits every user who has a watcher. The visitor must not change the lists. */
typedef void watchlist_visit_watched_cb(void *arg, struct watched *watched);
void watchlist_each_watched(struct watchlist *list, watchlist_visit_watched_cb *visit, void *arg);
