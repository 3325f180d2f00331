#include "broker/beat.h"

#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/metrics.h"

#define REMEMBERED 8 /* beats on their way, at least the three that fit in two intervals */
#define PREFIX "beat "
#define OVERDUE_US 1000000 /* without an answer for so long when the connection is lost */

enum miss {
    MISS_NO_SUBSCRIBER,
    MISS_UNHEARD,
    MISS_UNANSWERED,
    MISS_NOT_SENT, /* too many commands wait before it */
    MISS_REFUSED,
    MISS_READ_ONLY,
};
static const char *const MISSES[] = {"no_subscriber", "unheard", "unanswered",
                                     "not_sent",      "refused", "read_only"};

/* One PUBLISH without its outcome. */
struct publish {
    struct beat *beat;
    uint64_t number;
};

struct beat {
    struct beat_settings settings;
    struct timer *next;
    bool usable;    /* commands */
    bool listening; /* the own channel is confirmed */
    bool stopped;

    uint64_t number;             /* of the last beat that was published */
    uint64_t first;              /* the first whose fate says something of what is there now */
    uint64_t heard;              /* the last */
    int64_t unanswered_us;       /* when the first since the last answer was published; or 0 */
    int64_t sent_us[REMEMBERED]; /* by number */
    struct timer *listen;        /* until `awaited` must have been heard */
    uint64_t awaited;
};

static void count_miss(struct beat *beat, enum miss miss)
{
    metrics_add_labelled(METRIC_REDIS_BEATS_MISSED, miss, 1);
    log_repeated(LOG_LEVEL_WARN, "beat_missed", LOG_STRING("reason", MISSES[miss]),
                 LOG_NUMBER("beat", beat->number));
}

/* What is on its way says nothing of what is there from now on: connections, name, permissions. */
static void begin_anew(struct beat *beat)
{
    beat->first = beat->number + 1;
    beat->unanswered_us = 0;
    timer_stop(beat->listen);
}

/* ---- Publishing ---- */

static void wait_for(struct beat *beat, uint64_t number, int64_t delay_ms)
{
    if (beat->heard >= number || timer_is_running(beat->listen))
        return;
    beat->awaited = number;
    timer_start(beat->listen, delay_ms);
}

static void on_unheard(void *arg)
{
    struct beat *beat = arg;

    count_miss(beat, MISS_UNHEARD);
    subscriptions_reset(beat->settings.subscriptions, "a beat was not heard");
}

static void on_published(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct publish publish = *(struct publish *)arg;
    struct beat *beat = publish.beat;

    free(arg);
    if (beat->stopped || !beat->usable || publish.number < beat->first)
        return;
    if (outcome != BROKER_UNANSWERED)
        beat->unanswered_us = 0;
    if (outcome == BROKER_NOT_SENT) {
        count_miss(beat, MISS_NOT_SENT);
    } else if (outcome == BROKER_REFUSED) {
        count_miss(beat, MISS_REFUSED);
        begin_anew(beat);
    } else if (outcome == BROKER_UNANSWERED) {
        count_miss(beat, MISS_UNANSWERED);
        /* The late answer will not be told. Later than the connection's own patience ends. */
        wait_for(beat, publish.number, (int64_t)2 * BEAT_MS);
    } else if (reply->type == REDIS_REPLY_INTEGER && reply->integer > 0) {
        wait_for(beat, publish.number, BEAT_MS);
    } else {
        count_miss(beat, MISS_NO_SUBSCRIBER);
        subscriptions_reset(beat->settings.subscriptions, "a beat had no subscriber");
    }
    beat->settings.changed(beat->settings.arg);
}

static void publish(struct beat *beat)
{
    struct builder channel;
    struct builder bytes;
    struct publish *publish;

    if (!beat->usable || !beat->listening || beat->stopped)
        return;
    publish = memory_alloc(sizeof(*publish));
    publish->beat = beat;
    publish->number = ++beat->number;
    beat->sent_us[publish->number % REMEMBERED] = loop_clock_us();
    if (beat->unanswered_us == 0)
        beat->unanswered_us = loop_clock_us();
    builder_init(&channel, SIZE_MAX);
    keys_gateway_channel(beat->settings.keys, lease_incarnation(beat->settings.lease), &channel);
    builder_init(&bytes, SIZE_MAX);
    builder_append_string(&bytes, PREFIX);
    builder_append_number(&bytes, publish->number);
    connection_command(
        beat->settings.commands,
        (struct text[]){TEXT("PUBLISH"), builder_text(&channel), builder_text(&bytes)}, 3,
        on_published, publish);
    builder_clear(&channel);
    builder_clear(&bytes);
}

static void on_next(void *arg)
{
    struct beat *beat = arg;

    timer_start(beat->next, BEAT_MS);
    lease_renew(beat->settings.lease);
    publish(beat);
    beat->settings.changed(beat->settings.arg); /* a process that was stopped may find it expired */
}

/* ---- What is seen ---- */

void beat_hear(struct beat *beat, struct text bytes)
{
    struct text prefix = TEXT(PREFIX);
    uint64_t number;

    if (!text_starts_with(bytes, prefix) ||
        !text_to_number((struct text){bytes.at + prefix.len, bytes.len - prefix.len}, beat->number,
                        &number) ||
        number <= beat->heard)
        return;
    beat->heard = number;
    if (number + REMEMBERED > beat->number)
        metrics_observe_us(METRIC_REDIS_BEAT_SECONDS,
                           loop_clock_us() - beat->sent_us[number % REMEMBERED]);
    if (number >= beat->awaited)
        timer_stop(beat->listen);
    beat->settings.changed(beat->settings.arg);
}

void beat_set_usable(struct beat *beat, bool usable)
{
    bool overdue = beat->unanswered_us != 0 && loop_clock_us() - beat->unanswered_us >= OVERDUE_US;

    beat->usable = usable;
    begin_anew(beat);
    if (usable) {
        on_next(beat);
        return;
    }
    timer_stop(beat->next);
    /* Lost with a beat unanswered: nobody knows what the other connection leads to. */
    if (overdue && !beat->stopped)
        subscriptions_reset(beat->settings.subscriptions, "beats were not answered");
}

void beat_look_at_channel(struct beat *beat)
{
    bool listening = subscriptions_own_is_confirmed(beat->settings.subscriptions);

    if (beat->listening == listening)
        return;
    beat->listening = listening;
    begin_anew(beat);
    publish(beat);
}

static void make_both_anew(struct beat *beat, const char *reason)
{
    connection_reset(beat->settings.commands, reason);
    subscriptions_reset(beat->settings.subscriptions, reason);
}

void beat_take_lease(struct beat *beat, enum lease_answer answer)
{
    if (answer == LEASE_READ_ONLY) {
        count_miss(beat, MISS_READ_ONLY);
        make_both_anew(beat, "this Redis is a replica");
    } else if (answer == LEASE_REFUSED) {
        count_miss(beat, MISS_REFUSED);
    }
}

bool beat_is_heard(const struct beat *beat)
{
    return beat->usable && beat->listening && beat->heard >= beat->first;
}

/* ---- Beginning and end ---- */

struct beat *beat_new(struct loop *loop, const struct beat_settings *settings)
{
    struct beat *beat = memory_alloc(sizeof(*beat));

    metrics_label_values(METRIC_REDIS_BEATS_MISSED, MISSES, sizeof(MISSES) / sizeof(*MISSES));
    beat->settings = *settings;
    beat->first = 1;
    beat->next = timer_new(loop, on_next, beat);
    beat->listen = timer_new(loop, on_unheard, beat);
    return beat;
}

void beat_stop(struct beat *beat)
{
    beat->stopped = true;
    timer_stop(beat->next);
    timer_stop(beat->listen);
}

void beat_free(struct beat *beat)
{
    if (beat == NULL)
        return;
    timer_free(beat->next);
    timer_free(beat->listen);
    free(beat);
}
