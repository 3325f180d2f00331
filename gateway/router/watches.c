#include "router/watches.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "message/write.h"
#include "router/answer.h"
#include "router/watchlist.h"

enum event_result { EVENT_TOLD, EVENT_HELD, EVENT_UNCHANGED, EVENT_DROPPED };
static const char *const event_results[] = {"told", "held", "unchanged", "dropped"};

struct watches {
    struct broker *broker;
    struct registry *registry;
    struct watchlist *list;
    struct rereads *rereads;
};

/* ---- Telling ---- */

static enum told told_of(bool online)
{
    return online ? TOLD_ONLINE : TOLD_OFFLINE;
}

static bool is_held(const struct watch *watch)
{
    return !LIST_EMPTY(&watch->holds) || watch->watched->reread.place == REREAD_SENT;
}

/* A session that has no room for it is closed, and its watches end: this one may be gone then, and
 * the watched user too, when it is not pinned. */
static void tell(struct watches *watches, struct watch *watch, bool online, struct buffer *frame)
{
    watch->told = told_of(online);
    answer_push(registry_find(watches->registry, watch->watcher->session), frame);
}

/* What came while it was held back. An event that says offline has the time at which it was
 * published, and one before the answer is old news. One that says online has the time of the oldest
 * session, which may have been there long before: it counts. Should it be old after all, then what
 * made it so is right behind it, on the same channel. */
static void tell_missed(void *arg, struct watch *watch)
{
    const struct watched *watched = watch->watched;

    if (!watch->missed || is_held(watch))
        return;
    watch->missed = false;
    if (!watched->event.online && watched->event.since_ms < watch->told_at_ms)
        return;
    if (watch->told != told_of(watched->event.online))
        tell(arg, watch, watched->event.online, watched->event_frame);
}

/* ---- Who watches whom ---- */

size_t watches_count(const struct watches *watches, uint64_t session)
{
    const struct watcher *watcher = watchlist_watcher(watches->list, session);

    return watcher == NULL ? 0 : watcher->count;
}

bool watches_has(struct watches *watches, uint64_t session, struct text user)
{
    return watchlist_find(watches->list, session, user) != NULL;
}

void watches_add(struct watches *watches, uint64_t session, struct text user)
{
    if (!watches_has(watches, session, user))
        watchlist_add(watches->list, session, user);
}

static void stop_waiting(struct watch_hold *hold)
{
    if (!hold->waits)
        return;
    hold->waits = false;
    hold->ready(hold);
}

static void end_watch(struct watches *watches, struct watch *watch)
{
    struct watched *watched = watch->watched;
    struct watch_hold *hold;

    while ((hold = LIST_FIRST(&watch->holds)) != NULL) {
        LIST_REMOVE(hold, link);
        hold->watch = NULL;
        stop_waiting(hold);
    }
    watchlist_pin(watched);
    watchlist_remove(watches->list, watch);
    if (TAILQ_EMPTY(&watched->watches))
        rereads_remove(watches->rereads, &watched->reread);
    watchlist_unpin(watches->list, watched);
}

void watches_remove(struct watches *watches, uint64_t session, struct text user)
{
    struct watch *watch = watchlist_find(watches->list, session, user);

    if (watch != NULL)
        end_watch(watches, watch);
}

void watches_leave(struct watches *watches, uint64_t session)
{
    struct watcher *watcher = watchlist_watcher(watches->list, session);

    for (size_t left = watches_count(watches, session); left > 0; left--)
        end_watch(watches, TAILQ_FIRST(&watcher->watches)); /* the last one frees the watcher */
}

/* ---- Answers ---- */

bool watches_hold(struct watches *watches, uint64_t session, struct text user,
                  struct watch_hold *hold)
{
    struct watch *watch = watchlist_find(watches->list, session, user);

    hold->watch = watch;
    if (watch == NULL)
        return true;
    LIST_INSERT_HEAD(&watch->holds, hold, link);
    hold->waits = !broker_is_subscribed(watches->broker, BROKER_PRESENCE_EVENTS, user);
    return !hold->waits;
}

void watches_release(struct watches *watches, struct watch_hold *hold,
                     const struct presence_state *state)
{
    struct watch *watch = hold->watch;

    if (watch == NULL)
        return;
    LIST_REMOVE(hold, link);
    hold->watch = NULL;
    hold->waits = false;
    if (state != NULL) {
        watch->told = told_of(state->online);
        watch->told_at_ms = state->at_ms;
        if (state->online)
            watch->watched->online_since_ms = state->since_ms;
    } else if (watch->told == TOLD_NOTHING && LIST_EMPTY(&watch->holds)) {
        end_watch(watches, watch);
        return;
    }
    tell_missed(watches, watch);
}

void watches_subscribed(struct watches *watches, struct text user)
{
    struct watched *watched = watchlist_watched(watches->list, user);
    struct watch *watch;
    struct watch_hold *hold;

    if (watched == NULL)
        return;
    TAILQ_FOREACH(watch, &watched->watches, of_watched)
    LIST_FOREACH(hold, &watch->holds, link)
    stop_waiting(hold);
}

/* ---- Events ---- */

struct arrival {
    struct watches *watches;
    struct presence_event event;
    struct buffer *frame;
    bool told;
    bool missed;
};

static void take_event(void *arg, struct watch *watch)
{
    struct arrival *arrival = arg;

    if (is_held(watch)) {
        watch->missed = true;
        arrival->missed = true;
    } else if (watch->told != told_of(arrival->event.online)) {
        arrival->told = true;
        tell(arrival->watches, watch, arrival->event.online, arrival->frame);
    }
}

static enum event_result take_arrival(struct watches *watches, struct watched *watched,
                                      struct arrival *arrival)
{
    watchlist_pin(watched);
    if (arrival->event.online)
        watched->online_since_ms = arrival->event.since_ms;
    watchlist_each(watched, take_event, arrival);
    if (arrival->missed) {
        buffer_unref(watched->event_frame);
        watched->event_frame = buffer_ref(arrival->frame);
        watched->event = arrival->event;
    }
    watchlist_unpin(watches->list, watched);
    if (arrival->told)
        return EVENT_TOLD;
    return arrival->missed ? EVENT_HELD : EVENT_UNCHANGED;
}

void watches_published(struct watches *watches, struct text user, struct text bytes)
{
    struct watched *watched = watchlist_watched(watches->list, user);
    struct arrival arrival = {.watches = watches};
    enum event_result result = EVENT_UNCHANGED;

    if (!parse_presence_event(bytes, user, &arrival.event)) {
        result = EVENT_DROPPED;
        log_repeated(LOG_LEVEL_WARN, "presence_event_dropped", LOG_TEXT("user", user),
                     LOG_STRING("why", "not what a gateway publishes about this user"),
                     LOG_NUMBER("bytes", bytes.len));
    } else if (watched != NULL) { /* else it was on its way when the last watcher left */
        arrival.frame = buffer_new(bytes.at, bytes.len);
        result = take_arrival(watches, watched, &arrival);
        buffer_unref(arrival.frame);
    }
    metrics_add_labelled(METRIC_PRESENCE_EVENTS, result, 1);
}

/* ---- After an outage ---- */

struct difference {
    struct watches *watches;
    const struct presence_state *state;
    struct buffer *frame; /* NULL until somebody needs it */
};

static struct buffer *write_state(struct text user, const struct presence_state *state)
{
    const struct user_presence presence = {user, state->online, state->sessions, state->since_ms};
    struct builder frame;
    struct buffer *bytes;

    builder_init(&frame, WRITE_PRESENCE_MAX(1));
    write_presence(&frame, &presence, 1, false, (struct text){0});
    bytes = builder_to_buffer(&frame);
    builder_clear(&frame);
    return bytes;
}

static void tell_difference(void *arg, struct watch *watch)
{
    struct difference *difference = arg;
    const struct presence_state *state = difference->state;

    if (!LIST_EMPTY(&watch->holds))
        return; /* its answer was asked for after the outage too */
    watch->told_at_ms = state->at_ms;
    if (watch->told == told_of(state->online))
        return;
    if (difference->frame == NULL)
        difference->frame = write_state(watch->watched->user, state);
    metrics_add(METRIC_PRESENCE_DIFFERENCES, 1);
    tell(difference->watches, watch, state->online, difference->frame);
}

static void take_state(struct watches *watches, struct watched *watched,
                       const struct presence_state *state)
{
    struct difference difference = {.watches = watches, .state = state};

    if (state->online)
        watched->online_since_ms = state->since_ms;
    watchlist_each(watched, tell_difference, &difference);
    buffer_unref(difference.frame);
}

/* Offline without a trace of leaving: Redis has lost its data, or the lease of the user's gateway
 * has expired, which may live and be on its way back as this one was. */
static bool is_doubtful(const struct watched *watched, const struct presence_state *state)
{
    return !state->online && state->since_ms < watched->online_since_ms &&
           !watched->reread.is_certain;
}

static void on_reread(void *arg, struct reread *reread, const struct presence_state *state)
{
    struct watches *watches = arg;
    struct watched *watched =
        (struct watched *)(void *)((char *)reread - offsetof(struct watched, reread));

    watchlist_pin(watched);
    if (state != NULL && is_doubtful(watched, state))
        rereads_doubt(watches->rereads, reread);
    else if (state != NULL)
        take_state(watches, watched, state);
    watchlist_each(watched, tell_missed, watches);
    watchlist_unpin(watches->list, watched);
}

static void want_reread(void *arg, struct watched *watched)
{
    rereads_add(arg, &watched->reread);
}

static void give_up_reread(void *arg, struct watched *watched)
{
    rereads_remove(arg, &watched->reread);
}

void watches_up(struct watches *watches)
{
    watchlist_each_watched(watches->list, want_reread, watches->rereads);
}

void watches_down(struct watches *watches)
{
    watchlist_each_watched(watches->list, give_up_reread, watches->rereads);
}

/* ---- Beginning and end ---- */

struct watches *watches_new(struct loop *loop, struct broker *broker, struct registry *registry)
{
    struct watches *watches = memory_alloc(sizeof(*watches));

    metrics_label_values(METRIC_PRESENCE_EVENTS, event_results, 4);
    watches->broker = broker;
    watches->registry = registry;
    watches->list = watchlist_new(broker);
    watches->rereads = rereads_new(loop, broker, on_reread, watches);
    return watches;
}

void watches_free(struct watches *watches)
{
    if (watches == NULL)
        return;
    rereads_free(watches->rereads);
    watchlist_free(watches->list);
    free(watches);
}
