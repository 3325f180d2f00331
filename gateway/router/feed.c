#include "router/feed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/metrics.h"
#include "router/answer.h"
#include "router/reading.h"
#include "session/ledger.h"

#define IN_FLIGHT_MAX 64 /* readings */
#define AGAIN_MS 1000    /* after one that Redis did not answer */
/* An id so far ahead of the clock was not given by Redis: it is not believed. */
#define AHEAD_MS 60000
#define PAGE_MAX 256   /* entries */
#define HEAD_ROOM 1024 /* what a frame may have beyond --max-message */
#define EPOCH_MAX 64

TAILQ_HEAD(feed_list, feed_state);

struct feed {
    struct feed_settings settings;
    struct feed_list queued;
    size_t in_flight;
    struct timer *pause; /* while it runs, nothing is asked */
    unsigned epoch;      /* counts those that were seen */
    char epoch_name[EPOCH_MAX];
};

/* ---- Stages ---- */

static void move(struct feed *feed, struct session *session, enum feed_stage stage)
{
    struct feed_state *state = session_feed(session);

    if (state->stage == FEED_QUEUED)
        TAILQ_REMOVE(&feed->queued, state, link);
    if (stage == FEED_QUEUED)
        TAILQ_INSERT_TAIL(&feed->queued, state, link);
    state->stage = stage;
}

/* A new name of Redis' history: positions of the former one may mean nothing in it. */
static void look_at_epoch(struct feed *feed)
{
    struct text name = broker_epoch(feed->settings.broker);

    if (name.len >= EPOCH_MAX || text_equal(name, text_of(feed->epoch_name)))
        return;
    memcpy(feed->epoch_name, name.at, name.len);
    feed->epoch_name[name.len] = '\0';
    feed->epoch++;
}

static void start(struct feed *feed, struct session *session, const struct feed_start *start)
{
    feed->settings.started(feed->settings.arg, session, start);
}

static void slow(struct feed *feed, struct session *session)
{
    metrics_add(METRIC_SESSIONS_SLOW, 1);
    if (!feed->settings.durable) {
        answer_close_slow(session);
        return;
    }
    log_repeated(LOG_LEVEL_WARN, "session_slow", LOG_TEXT("user", session_user(session, 0)),
                 LOG_TEXT("session", session_name(session)));
    move(feed, session, FEED_WAITING);
}

/* ---- Pulling ---- */

/* What is not for this session, though in a mailbox of its users. */
static bool is_withheld(const struct session *session, const struct published *published)
{
    return published->is_copy &&
           (session_is_pair(session) || text_equal(published->session, session_name(session)));
}

static void move_cursor(struct feed *feed, const struct session *session, size_t user,
                        struct message_id id)
{
    if (id.ms > 0 || id.seq > 0) /* else it is where it would be without one */
        cursors_move(feed->settings.cursors, session_user(session, user), session_device(session),
                     id);
}

/* A client that acknowledges by itself knows nothing of what is passed by. */
static void pass(struct feed *feed, struct session *session, size_t user, struct message_id id)
{
    session_pass(session, user, id);
    if (session_acks(session) && session_feed(session)->has_acked)
        move_cursor(feed, session, user, id);
}

static bool give_message(struct session *session, size_t user, struct message_id id, bool live,
                         struct buffer *frame)
{
    if (!session_give(session, user, id, live, frame))
        return false;
    if (id.ms > 0 || id.seq > 0) {
        session_feed(session)->given = id;
        session_feed(session)->has_acked = false;
    }
    return true;
}

/* False when there is no room for it. */
static bool give(struct feed *feed, struct session *session, const struct reading_entry *entry)
{
    if (entry->frame == NULL) { /* nothing of ours: reading.c has said so */
        pass(feed, session, entry->user, entry->id);
        return true;
    }
    struct published published = parse_published(buffer_text(entry->frame));

    if (is_withheld(session, &published)) {
        ledger_settled(LEDGER_WITHHELD);
        pass(feed, session, entry->user, entry->id);
    } else if (!give_message(session, entry->user, entry->id, false, entry->frame)) {
        return false;
    }
    ledger_offered(LEDGER_PULL);
    return true;
}

static void begin_at(struct session *session, size_t user, struct message_id position)
{
    session_begin_at(session, user, position);
    session_feed(session)->given = position;
    session_feed(session)->has_acked = false;
}

/* What a page says about positions, before anything of it is given. */
static struct feed_start take_positions(struct session *session, const struct reading *reading)
{
    struct feed_start found = {.is_kept = true, .last = reading_last(reading)};
    struct feed_state *state = session_feed(session);

    for (size_t user = 0; user < session_user_count(session); user++) {
        const struct page *page = reading_page(reading, user);

        found.gap = found.gap || page->gap != PAGE_NO_GAP;
        found.reset = found.reset || page->gap == PAGE_RESET;
        if (message_id_compare(page->position, session_position(session, user)) != 0)
            begin_at(session, user, page->position);
    }
    if (!state->has_begun)
        state->has_acked = true; /* up to its cursor */
    state->has_begun = true;
    return found;
}

static bool has_heard_more(const struct session *session, const struct feed_state *state)
{
    for (size_t user = 0; user < session_user_count(session); user++)
        if (message_id_compare(state->pushed[user], session_position(session, user)) > 0)
            return true;
    return state->is_stale;
}

/* Everything that is stored was given: what is missing up to the last id is not there any more. */
static void pass_to_end(struct feed *feed, struct session *session, const struct reading *reading)
{
    for (size_t user = 0; user < session_user_count(session); user++) {
        struct message_id last = reading_page(reading, user)->last;

        if (message_id_compare(session_position(session, user), last) < 0)
            pass(feed, session, user, last);
    }
}

static size_t longest(const struct feed *feed)
{
    return feed->settings.max_message + HEAD_ROOM;
}

/* Pages of one entry, until none has room, would be all that comes of asking on. */
static bool is_nearly_full(const struct feed *feed, const struct session *session)
{
    return session_room(session) < longest(feed) && !session_has_read(session);
}

static void take(struct feed *feed, struct session *session, struct reading *reading)
{
    struct feed_state *state = session_feed(session);
    struct feed_start found = take_positions(session, reading);
    struct reading_entry entry;

    state->epoch = reading_epoch(reading);
    if (session_state(session) == SESSION_OPENING)
        start(feed, session, &found);
    else if (found.reset || (found.gap && !state->is_gap_told))
        answer_gap(session, found.last, found.reset, broker_epoch(feed->settings.broker));
    if (session_state(session) == SESSION_CLOSING)
        return; /* there was no room for it, or for the answers to what was held */
    state->is_gap_told = found.gap;
    while (reading_next(reading, &entry)) {
        if (!give(feed, session, &entry)) {
            move(feed, session, FEED_WAITING);
            return;
        }
        state->is_gap_told = false;
    }
    state->is_gap_told = false;
    if (reading_is_last(reading))
        pass_to_end(feed, session, reading);
    if (!reading_is_last(reading) && is_nearly_full(feed, session))
        move(feed, session, FEED_WAITING);
    else if (!reading_is_last(reading) || has_heard_more(session, state))
        move(feed, session, FEED_QUEUED);
    else
        move(feed, session, FEED_LIVE);
}

static void ask_queued(struct feed *feed);

static void on_read(void *arg, struct reading *reading)
{
    struct feed *feed = arg;
    struct session *session = registry_find(feed->settings.registry, reading_session(reading));

    feed->in_flight--;
    if (session != NULL && session_state(session) != SESSION_CLOSING &&
        session_feed(session)->stage == FEED_ASKED) {
        if (reading_is_good(reading)) {
            take(feed, session, reading);
        } else {
            move(feed, session, FEED_QUEUED);
            timer_start(feed->pause, AGAIN_MS);
        }
    }
    reading_free(reading);
    ask_queued(feed);
}

static void ask(struct feed *feed, struct session *session)
{
    struct feed_state *state = session_feed(session);

    move(feed, session, FEED_ASKED);
    state->is_stale = false;
    memset(state->pushed, 0, sizeof(state->pushed));
    feed->in_flight++;
    reading_begin(feed->settings.broker, session,
                  &(struct reading_settings){
                      .from_cursor = !state->has_begun,
                      .same_epoch = state->epoch == feed->epoch,
                      .epoch = feed->epoch,
                      .count = PAGE_MAX,
                      .room = session_room(session),
                      .longest = longest(feed),
                      .done = on_read,
                      .arg = feed,
                  });
}

/* In turn, and a bounded number at once: the return of Redis is no storm. */
static void ask_queued(struct feed *feed)
{
    struct feed_state *state;

    while (feed->in_flight < IN_FLIGHT_MAX && !timer_is_running(feed->pause) &&
           broker_is_up(feed->settings.broker) && (state = TAILQ_FIRST(&feed->queued)) != NULL)
        ask(feed, session_of_feed(state));
}

static void go_on(void *arg)
{
    ask_queued(arg);
}

/* ---- Beginning and end ---- */

struct feed *feed_new(struct loop *loop, const struct feed_settings *settings)
{
    struct feed *feed = memory_alloc(sizeof(*feed));

    feed->settings = *settings;
    TAILQ_INIT(&feed->queued);
    feed->pause = timer_new(loop, go_on, feed);
    return feed;
}

void feed_free(struct feed *feed)
{
    if (feed == NULL)
        return;
    assert(feed->in_flight == 0 && TAILQ_EMPTY(&feed->queued));
    timer_free(feed->pause);
    free(feed);
}

void feed_open(struct feed *feed, struct session *session, const struct session_identity *identity)
{
    struct feed_state *state = session_feed(session);

    if (!feed->settings.durable)
        return;
    session_use_window(session);
    look_at_epoch(feed);
    state->epoch = feed->epoch;
    if (!identity->has_since)
        return;
    state->has_begun = true;
    begin_at(session, 0, identity->since);
    if (identity->epoch.len > 0 && !text_equal(identity->epoch, text_of(feed->epoch_name)))
        state->epoch = feed->epoch - 1;
}

void feed_begin(struct feed *feed, struct session *session)
{
    static const struct feed_start nothing = {.is_kept = false};
    struct feed_state *state = session_feed(session);

    if (!feed->settings.durable) {
        if (state->stage == FEED_IDLE) {
            move(feed, session, FEED_LIVE);
            start(feed, session, &nothing);
        }
        return;
    }
    if (state->stage == FEED_IDLE || state->stage == FEED_LIVE)
        move(feed, session, FEED_QUEUED);
    state->is_stale = true;
    ask_queued(feed);
}

static void hurry(struct feed *feed, const struct session *session)
{
    for (size_t user = 0; feed->settings.durable && user < session_user_count(session); user++)
        cursors_hurry(feed->settings.cursors, session_user(session, user));
}

void feed_left(struct feed *feed, struct session *session)
{
    move(feed, session, FEED_IDLE);
    hurry(feed, session);
}

void feed_up(struct feed *feed)
{
    look_at_epoch(feed);
    ask_queued(feed);
}

/* ---- Pushing ---- */

static bool is_far_ahead(struct message_id id)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return id.ms > (uint64_t)now.tv_sec * 1000 + AHEAD_MS;
}

/* What becomes of a message for a session that is LIVE. */
static void push_live(struct feed *feed, struct session *session, size_t user, struct buffer *frame,
                      const struct published *published)
{
    struct message_id id = feed->settings.durable ? published->id : (struct message_id){0, 0};
    bool has_id = id.ms > 0 || id.seq > 0;

    if (has_id && message_id_compare(id, session_position(session, user)) <= 0) {
        ledger_settled(LEDGER_DUPLICATE);
    } else if (session_is_leaving(session)) {
        ledger_settled(has_id ? LEDGER_DEFERRED : LEDGER_DROPPED);
    } else if (is_withheld(session, published)) {
        ledger_settled(LEDGER_WITHHELD);
        if (has_id)
            pass(feed, session, user, id);
    } else if (has_id && is_far_ahead(id)) {
        ledger_settled(LEDGER_DEFERRED);
        move(feed, session, FEED_QUEUED);
        ask_queued(feed);
    } else if (!give_message(session, user, id, true, frame)) {
        ledger_settled(has_id ? LEDGER_DEFERRED : LEDGER_DROPPED);
        if (has_id || !feed->settings.durable)
            slow(feed, session);
    }
}

void feed_push(struct feed *feed, struct session *session, size_t user, struct buffer *frame,
               const struct published *published)
{
    struct feed_state *state = session_feed(session);

    ledger_offered(LEDGER_PUSH);
    if (state->stage == FEED_LIVE) {
        push_live(feed, session, user, frame, published);
        return;
    }
    ledger_settled(feed->settings.durable && published->id.ms > 0 ? LEDGER_DEFERRED
                                                                  : LEDGER_DROPPED);
    if (message_id_compare(published->id, state->pushed[user]) > 0)
        state->pushed[user] = published->id;
}

void feed_wrote(struct feed *feed, struct session *session)
{
    if (session_feed(session)->stage != FEED_WAITING || session_is_leaving(session) ||
        !session_has_read(session))
        return;
    move(feed, session, FEED_QUEUED);
    ask_queued(feed);
}

/* ---- Acknowledging ---- */

void feed_pong(struct feed *feed, struct session *session, struct text payload)
{
    if (!session_pong(session, payload))
        return;
    for (size_t user = 0; user < session_user_count(session); user++)
        move_cursor(feed, session, user, session_arrived(session, user));
    if (session_state(session) == SESSION_CLOSING) /* by this pong: it has left already */
        hurry(feed, session);
}

void feed_acknowledge(struct feed *feed, struct session *session, struct message_id id)
{
    struct feed_state *state = session_feed(session);

    bool is_all = message_id_compare(id, state->given) >= 0;

    if (is_all)
        state->has_acked = true; /* an older one that comes later takes nothing back */
    move_cursor(feed, session, 0, is_all ? session_position(session, 0) : id);
}
