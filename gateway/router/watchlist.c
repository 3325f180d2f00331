#include "router/watchlist.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/metrics.h"

struct watchlist {
    struct broker *broker;
    struct map *watched;  /* user -> struct watched */
    struct map *watchers; /* the session's number -> struct watcher */
    struct map *watches;  /* both, one behind the other -> struct watch */
    struct builder key;   /* of the latter; kept for its memory */
};

static struct text session_key(const uint64_t *session)
{
    return (struct text){(const char *)session, sizeof(*session)};
}

/* Valid until the next call. */
static struct text watch_key(struct watchlist *list, uint64_t session, struct text user)
{
    builder_reset(&list->key);
    builder_append(&list->key, session_key(&session));
    builder_append(&list->key, user);
    return builder_text(&list->key);
}

struct watchlist *watchlist_new(struct broker *broker)
{
    struct watchlist *list = memory_alloc(sizeof(*list));

    list->broker = broker;
    list->watched = map_new();
    list->watchers = map_new();
    list->watches = map_new();
    builder_init(&list->key, SIZE_MAX);
    return list;
}

void watchlist_free(struct watchlist *list)
{
    if (list == NULL)
        return;
    assert(map_size(list->watched) == 0 && map_size(list->watchers) == 0);
    map_free(list->watched);
    map_free(list->watchers);
    map_free(list->watches);
    builder_clear(&list->key);
    free(list);
}

struct watch *watchlist_find(struct watchlist *list, uint64_t session, struct text user)
{
    return map_get(list->watches, watch_key(list, session, user));
}

struct watched *watchlist_watched(const struct watchlist *list, struct text user)
{
    return map_get(list->watched, user);
}

struct watcher *watchlist_watcher(const struct watchlist *list, uint64_t session)
{
    return map_get(list->watchers, session_key(&session));
}

static struct watched *make_watched(struct watchlist *list, struct text user)
{
    struct watched *watched = watchlist_watched(list, user);
    char *copy;

    if (watched != NULL)
        return watched;
    watched = memory_alloc(sizeof(*watched) + user.len);
    copy = memcpy(watched + 1, user.at, user.len);
    watched->user = watched->reread.user = (struct text){copy, user.len};
    TAILQ_INIT(&watched->watches);
    map_set(list->watched, user, watched);
    return watched;
}

static struct watcher *make_watcher(struct watchlist *list, uint64_t session)
{
    struct watcher *watcher = watchlist_watcher(list, session);

    if (watcher != NULL)
        return watcher;
    watcher = memory_alloc(sizeof(*watcher));
    watcher->session = session;
    TAILQ_INIT(&watcher->watches);
    map_set(list->watchers, session_key(&session), watcher);
    return watcher;
}

struct watch *watchlist_add(struct watchlist *list, uint64_t session, struct text user)
{
    struct watch *watch = memory_alloc(sizeof(*watch));

    LIST_INIT(&watch->holds);
    watch->watched = make_watched(list, user);
    watch->watcher = make_watcher(list, session);
    if (TAILQ_EMPTY(&watch->watched->watches)) {
        broker_subscribe(list->broker, BROKER_PRESENCE_EVENTS, user);
        metrics_add(METRIC_WATCHED_USERS, 1);
    }
    TAILQ_INSERT_TAIL(&watch->watched->watches, watch, of_watched);
    TAILQ_INSERT_TAIL(&watch->watcher->watches, watch, of_watcher);
    watch->watcher->count++;
    map_set(list->watches, watch_key(list, session, user), watch);
    return watch;
}

static void free_if_unused(struct watchlist *list, struct watched *watched)
{
    if (!TAILQ_EMPTY(&watched->watches) || watched->pins > 0 ||
        watched->reread.place == REREAD_SENT)
        return;
    map_remove(list->watched, watched->user);
    buffer_unref(watched->event_frame);
    free(watched);
}

void watchlist_remove(struct watchlist *list, struct watch *watch)
{
    struct watched *watched = watch->watched;
    struct watcher *watcher = watch->watcher;

    assert(LIST_EMPTY(&watch->holds));
    map_remove(list->watches, watch_key(list, watcher->session, watched->user));
    TAILQ_REMOVE(&watched->watches, watch, of_watched);
    TAILQ_REMOVE(&watcher->watches, watch, of_watcher);
    free(watch);
    if (--watcher->count == 0) {
        map_remove(list->watchers, session_key(&watcher->session));
        free(watcher);
    }
    if (TAILQ_EMPTY(&watched->watches)) {
        broker_unsubscribe(list->broker, BROKER_PRESENCE_EVENTS, watched->user);
        metrics_add(METRIC_WATCHED_USERS, -1);
        free_if_unused(list, watched);
    }
}

void watchlist_pin(struct watched *watched)
{
    watched->pins++;
}

void watchlist_unpin(struct watchlist *list, struct watched *watched)
{
    watched->pins--;
    free_if_unused(list, watched);
}

void watchlist_each(struct watched *watched, watchlist_visit_cb *visit, void *arg)
{
    struct watch *next;

    for (struct watch *watch = TAILQ_FIRST(&watched->watches); watch != NULL; watch = next) {
        next = TAILQ_NEXT(watch, of_watched);
        visit(arg, watch);
    }
}

struct visit_watched {
    watchlist_visit_watched_cb *visit;
    void *arg;
};

static void visit_one(void *arg, struct text user, void *value)
{
    const struct visit_watched *all = arg;
    struct watched *watched = value;

    (void)user;
    if (!TAILQ_EMPTY(&watched->watches))
        all->visit(all->arg, watched);
}

void watchlist_each_watched(struct watchlist *list, watchlist_visit_watched_cb *visit, void *arg)
{
    struct visit_watched all = {visit, arg};

    map_each(list->watched, visit_one, &all);
}
