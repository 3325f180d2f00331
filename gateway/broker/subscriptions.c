#include "broker/subscriptions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/map.h"
#include "base/metrics.h"
#include "broker/command.h"
#include "broker/connection.h"

#define BATCH 500 /* channels of one command: Redis serves nobody else meanwhile */
_Static_assert(BATCH + 1 <= COMMAND_MAX_ARGS, "a batch is one command");

/* One channel of one user. It is freed when it is neither wanted nor anywhere in Redis or on the
 * way. */
struct channel {
    enum broker_channel kind;
    struct channel *next; /* in the queue */
    bool queued;
    bool wanted;
    bool subscribed;    /* by the last command that was sent on this connection */
    bool confirmed;     /* `subscribed`, and Redis said so */
    unsigned in_flight; /* commands for it that Redis has not confirmed */
    size_t user_len;
    char user[];
};

struct subscriptions {
    struct broker_settings settings;
    struct loop *loop;
    struct connection *connection;
    bool usable;
    struct map *channels[BROKER_CHANNEL_COUNT]; /* of each kind: user -> struct channel */
    struct builder own_channel;
    bool own_confirmed;

    struct channel *queue; /* changed in this turn, in the order of the calls */
    struct channel **queue_end;
    struct deferred send_queued;

    size_t renewing;     /* confirmations until all of the renewal is there */
    size_t in_flight;    /* of all channels, the gateway's own too */
    int64_t progress_ms; /* when Redis confirmed something last */
    struct timer *stall;

    struct builder names; /* of the channels of a batch; kept for its memory */
    struct builder user;  /* of the push that is being handled */
    struct subscriptions_owner owner;
};

static const struct {
    void (*append_name)(const struct keys *keys, struct text user, struct builder *out);
    bool (*read_name)(const struct keys *keys, struct text channel, struct builder *out);
} KINDS[BROKER_CHANNEL_COUNT] = {
    [BROKER_USER] = {keys_user_channel, keys_user_of_channel},
    [BROKER_PRESENCE_EVENTS] = {keys_presence_events_channel, keys_user_of_presence_events_channel},
};

static struct text user_of(const struct channel *channel)
{
    return (struct text){channel->user, channel->user_len};
}

static void set_confirmed(struct channel *channel, bool confirmed)
{
    if (channel->confirmed == confirmed)
        return;
    channel->confirmed = confirmed;
    metrics_add_labelled(METRIC_SUBSCRIPTIONS, channel->kind, confirmed ? 1 : -1);
}

/* ---- Sending ---- */

static int64_t stall_ms(const struct subscriptions *subscriptions)
{
    return CONNECTION_STALL_FACTOR * subscriptions->settings.command_timeout_ms;
}

static void send_command(struct subscriptions *subscriptions, const struct text *args, size_t count)
{
    if (subscriptions->in_flight == 0)
        subscriptions->progress_ms = loop_now_ms(subscriptions->loop);
    if (!timer_is_running(subscriptions->stall))
        timer_start(subscriptions->stall, stall_ms(subscriptions));
    subscriptions->in_flight += count - 1; /* Redis confirms each channel alone */
    connection_push_command(subscriptions->connection, args, count);
}

static void check_stall(void *arg)
{
    struct subscriptions *subscriptions = arg;
    if (subscriptions->in_flight == 0)
        return;
    int64_t left_ms =
        subscriptions->progress_ms + stall_ms(subscriptions) - loop_now_ms(subscriptions->loop);
    if (left_ms > 0)
        timer_start(subscriptions->stall, left_ms);
    else
        connection_reset(subscriptions->connection, "no confirmation");
}

static struct channel *dequeue(struct subscriptions *subscriptions)
{
    struct channel *channel = subscriptions->queue;
    if (channel == NULL)
        return NULL;
    subscriptions->queue = channel->next;
    if (subscriptions->queue == NULL)
        subscriptions->queue_end = &subscriptions->queue;
    channel->queued = false;
    return channel;
}

static void free_if_unused(struct subscriptions *subscriptions, struct channel *channel)
{
    if (channel->wanted || channel->queued || channel->subscribed || channel->in_flight > 0)
        return;
    map_remove(subscriptions->channels[channel->kind], user_of(channel));
    free(channel);
}

/* One command for the channels at the front of the queue that want the same. */
static void send_batch(struct subscriptions *subscriptions)
{
    struct text args[1 + BATCH];
    size_t count = 1;
    bool subscribe = false;

    builder_reset(&subscriptions->names);
    while (subscriptions->queue != NULL && count < 1 + BATCH) {
        struct channel *channel = subscriptions->queue;
        if (channel->wanted != channel->subscribed) {
            if (count > 1 && channel->wanted != subscribe)
                break;
            subscribe = channel->wanted;
            size_t before = subscriptions->names.len;
            KINDS[channel->kind].append_name(subscriptions->settings.keys, user_of(channel),
                                             &subscriptions->names);
            args[count++].len = subscriptions->names.len - before;
            channel->subscribed = subscribe;
            channel->in_flight++;
            set_confirmed(channel, false);
        }
        dequeue(subscriptions);
        free_if_unused(subscriptions, channel);
    }
    if (count == 1)
        return;
    /* Only now: the builder moves while it grows. */
    const char *at = builder_text(&subscriptions->names).at;
    for (size_t i = 1; i < count; i++) {
        args[i].at = at;
        at += args[i].len;
    }
    args[0] = subscribe ? TEXT("SUBSCRIBE") : TEXT("UNSUBSCRIBE");
    send_command(subscriptions, args, count);
}

static void send_queued(void *arg)
{
    struct subscriptions *subscriptions = arg;
    while (subscriptions->queue != NULL)
        send_batch(subscriptions);
}

static void enqueue(struct subscriptions *subscriptions, struct channel *channel)
{
    if (!subscriptions->usable || channel->queued)
        return; /* while not usable: the renewal takes what is wanted then */
    channel->queued = true;
    channel->next = NULL;
    *subscriptions->queue_end = channel;
    subscriptions->queue_end = &channel->next;
    loop_defer(subscriptions->loop, &subscriptions->send_queued);
}

void subscriptions_flush(struct subscriptions *subscriptions)
{
    send_queued(subscriptions);
    connection_flush(subscriptions->connection);
}

/* ---- What is wanted ---- */

void subscriptions_subscribe(struct subscriptions *subscriptions, enum broker_channel kind,
                             struct text user)
{
    struct channel *channel = map_get(subscriptions->channels[kind], user);

    if (channel == NULL) {
        channel = memory_alloc(sizeof(*channel) + user.len);
        channel->kind = kind;
        channel->user_len = user.len;
        memcpy(channel->user, user.at, user.len);
        map_set(subscriptions->channels[kind], user, channel);
    }
    if (channel->wanted)
        return;
    channel->wanted = true;
    enqueue(subscriptions, channel);
}

void subscriptions_unsubscribe(struct subscriptions *subscriptions, enum broker_channel kind,
                               struct text user)
{
    struct channel *channel = map_get(subscriptions->channels[kind], user);

    if (channel == NULL || !channel->wanted)
        return;
    channel->wanted = false;
    enqueue(subscriptions, channel);
    free_if_unused(subscriptions, channel);
}

bool subscriptions_has(const struct subscriptions *subscriptions, enum broker_channel kind,
                       struct text user)
{
    const struct channel *channel = map_get(subscriptions->channels[kind], user);
    return channel != NULL && channel->wanted && channel->confirmed;
}

bool subscriptions_are_renewed(const struct subscriptions *subscriptions)
{
    return subscriptions->usable && subscriptions->renewing == 0;
}

bool subscriptions_own_is_confirmed(const struct subscriptions *subscriptions)
{
    return subscriptions->own_confirmed;
}

/* ---- The connection came and went ---- */

static void each_channel(struct subscriptions *subscriptions, map_visit_cb *visit)
{
    for (size_t kind = 0; kind < BROKER_CHANNEL_COUNT; kind++)
        map_each(subscriptions->channels[kind], visit, subscriptions);
}

static void renew_channel(void *arg, struct text user, void *value)
{
    (void)user;
    struct subscriptions *subscriptions = arg;
    subscriptions->renewing++;
    enqueue(subscriptions, value);
}

static void send_own(struct subscriptions *subscriptions, struct text command, struct text channel)
{
    send_command(subscriptions, (struct text[]){command, channel}, 2);
}

static void on_usable(void *arg)
{
    struct subscriptions *subscriptions = arg;

    subscriptions->usable = true;
    subscriptions->renewing = 1;
    send_own(subscriptions, TEXT("SUBSCRIBE"), builder_text(&subscriptions->own_channel));
    each_channel(subscriptions, renew_channel);
    send_queued(subscriptions);
}

static void forget_channel(void *arg, struct text user, void *value)
{
    (void)user;
    struct subscriptions *subscriptions = arg;
    struct channel *channel = value;

    set_confirmed(channel, false);
    channel->subscribed = false;
    channel->in_flight = 0;
    free_if_unused(subscriptions, channel);
}

static void on_lost(void *arg)
{
    struct subscriptions *subscriptions = arg;

    subscriptions->usable = false;
    subscriptions->own_confirmed = false;
    subscriptions->in_flight = 0;
    timer_stop(subscriptions->stall);
    while (dequeue(subscriptions) != NULL)
        ;
    each_channel(subscriptions, forget_channel);
    subscriptions->owner.changed(subscriptions->owner.arg);
}

/* ---- What Redis says ---- */

/* Reads a channel's name; its user is in subscriptions->user then. BROKER_CHANNEL_COUNT when it is
 * none of ours. */
static enum broker_channel read_name(struct subscriptions *subscriptions, struct text name)
{
    size_t kind = 0;

    for (; kind < BROKER_CHANNEL_COUNT; kind++) {
        builder_reset(&subscriptions->user);
        if (KINDS[kind].read_name(subscriptions->settings.keys, name, &subscriptions->user))
            break;
    }
    return (enum broker_channel)kind;
}

static void confirm(struct subscriptions *subscriptions, struct text name)
{
    const struct broker_settings *settings = &subscriptions->settings;
    enum broker_channel kind = read_name(subscriptions, name);
    struct text user = builder_text(&subscriptions->user);
    struct channel *channel =
        kind == BROKER_CHANNEL_COUNT ? NULL : map_get(subscriptions->channels[kind], user);

    if (channel == NULL)
        return;
    if (channel->in_flight > 0)
        channel->in_flight--;
    if (channel->in_flight == 0 && channel->subscribed) {
        set_confirmed(channel, true);
        if (channel->wanted)
            settings->events->subscribed(settings->arg, kind, user);
    } else {
        free_if_unused(subscriptions, channel);
    }
}

static void on_confirmation(struct subscriptions *subscriptions, struct text name)
{
    subscriptions->progress_ms = loop_now_ms(subscriptions->loop);
    subscriptions->in_flight--;
    /* Redis answers in order: the first confirmations are those of the renewal. */
    bool changed = subscriptions->renewing > 0 && --subscriptions->renewing == 0;

    if (text_equal(name, builder_text(&subscriptions->own_channel))) {
        subscriptions->own_confirmed = true;
        changed = true;
    }
    confirm(subscriptions, name);
    if (changed)
        subscriptions->owner.changed(subscriptions->owner.arg);
}

static void on_message(struct subscriptions *subscriptions, struct text name, struct text bytes)
{
    const struct broker_settings *settings = &subscriptions->settings;

    if (text_equal(name, builder_text(&subscriptions->own_channel))) {
        subscriptions->owner.heard(subscriptions->owner.arg, bytes);
        return;
    }
    enum broker_channel kind = read_name(subscriptions, name);
    if (kind != BROKER_CHANNEL_COUNT)
        settings->events->published(settings->arg, kind, builder_text(&subscriptions->user), bytes);
}

static struct text text_of_reply(const struct redisReply *reply)
{
    return (struct text){reply->str, reply->len};
}

/* A push is an array: its kind, the channel, and the message or how many channels there are now
 * (https://redis.io/docs/latest/develop/pubsub/). */
static void on_push(void *arg, const struct redisReply *reply)
{
    struct subscriptions *subscriptions = arg;
    char error[COMMAND_ERROR_MAX];

    if (reply->type == REDIS_REPLY_ERROR) {
        connection_reset(subscriptions->connection, command_error_text(reply, error));
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING) {
        connection_reset(subscriptions->connection, "an unexpected push");
        return;
    }
    struct text kind = text_of_reply(reply->element[0]);
    struct text name = text_of_reply(reply->element[1]);
    const struct redisReply *last = reply->element[2];
    if (text_equal(kind, TEXT("message")) && last->type == REDIS_REPLY_STRING)
        on_message(subscriptions, name, text_of_reply(last));
    else if (last->type == REDIS_REPLY_INTEGER && subscriptions->in_flight > 0)
        on_confirmation(subscriptions, name);
    else
        connection_reset(subscriptions->connection, "an unexpected push");
}

/* ---- Beginning and end ---- */

struct subscriptions *subscriptions_new(struct loop *loop, const struct broker_settings *settings,
                                        const struct subscriptions_owner *owner)
{
    static const char *const labels[BROKER_CHANNEL_COUNT] = {"user", "presence"};
    struct subscriptions *subscriptions = memory_alloc(sizeof(*subscriptions));
    const struct connection_settings connection_settings = {
        .name = "subscription",
        .metric_value = 1,
        .address = settings->address,
        .timeout_ms = settings->command_timeout_ms,
        .bounds = settings->bounds,
        .usable = on_usable,
        .lost = on_lost,
        .pushed = on_push,
        .arg = subscriptions,
    };

    subscriptions->settings = *settings;
    subscriptions->loop = loop;
    subscriptions->owner = *owner;
    for (size_t kind = 0; kind < BROKER_CHANNEL_COUNT; kind++)
        subscriptions->channels[kind] = map_new();
    metrics_label_values(METRIC_SUBSCRIPTIONS, labels, BROKER_CHANNEL_COUNT);
    subscriptions->queue_end = &subscriptions->queue;
    deferred_init(&subscriptions->send_queued, send_queued, subscriptions);
    subscriptions->stall = timer_new(loop, check_stall, subscriptions);
    builder_init(&subscriptions->names, SIZE_MAX);
    builder_init(&subscriptions->user, SIZE_MAX);
    builder_init(&subscriptions->own_channel, SIZE_MAX);
    subscriptions->connection = connection_new(loop, &connection_settings);
    return subscriptions;
}

void subscriptions_set_own(struct subscriptions *subscriptions, struct text incarnation)
{
    struct builder before = subscriptions->own_channel;

    builder_init(&subscriptions->own_channel, SIZE_MAX);
    keys_gateway_channel(subscriptions->settings.keys, incarnation, &subscriptions->own_channel);
    subscriptions->own_confirmed = false;
    if (subscriptions->usable) {
        send_own(subscriptions, TEXT("SUBSCRIBE"), builder_text(&subscriptions->own_channel));
        send_own(subscriptions, TEXT("UNSUBSCRIBE"), builder_text(&before));
    }
    builder_clear(&before);
}

void subscriptions_start(struct subscriptions *subscriptions)
{
    connection_start(subscriptions->connection);
}

void subscriptions_drain(struct subscriptions *subscriptions, loop_cb *done, void *arg)
{
    send_queued(subscriptions);
    connection_drain(subscriptions->connection, done, arg);
}

void subscriptions_close(struct subscriptions *subscriptions)
{
    connection_close(subscriptions->connection);
}

void subscriptions_reset(struct subscriptions *subscriptions, const char *reason)
{
    connection_reset(subscriptions->connection, reason);
}

static void free_channel(void *arg, struct text user, void *value)
{
    (void)arg;
    (void)user;
    free(value);
}

void subscriptions_free(struct subscriptions *subscriptions)
{
    if (subscriptions == NULL)
        return;
    connection_free(subscriptions->connection);
    each_channel(subscriptions, free_channel);
    for (size_t kind = 0; kind < BROKER_CHANNEL_COUNT; kind++)
        map_free(subscriptions->channels[kind]);
    loop_cancel(subscriptions->loop, &subscriptions->send_queued);
    timer_free(subscriptions->stall);
    builder_clear(&subscriptions->own_channel);
    builder_clear(&subscriptions->names);
    builder_clear(&subscriptions->user);
    free(subscriptions);
}
