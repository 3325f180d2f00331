#include "broker/broker.h"

#include <assert.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "base/metrics.h"
#include "broker/beat.h"
#include "broker/command.h"
#include "broker/connection.h"
#include "broker/epoch.h"
#include "broker/internal.h"
#include "broker/reaper.h"
#include "broker/roster.h"
#include "broker/schema.h"
#include "broker/subscriptions.h"

struct broker {
    struct broker_settings settings;
    struct loop *loop;
    struct connection *commands;
    struct scripts *scripts;
    struct subscriptions *subscriptions;
    struct schema *schema;
    struct epoch *epoch;
    struct lease *lease;
    struct beat *beat;
    struct presence_calls *presence_calls;
    struct roster *roster;
    struct reaper *reaper;
    bool commands_usable;
    bool up;

    bool stopping;    /* up() and down() are not called any more */
    loop_cb *stopped; /* NULL when it was called */
    void *stopped_arg;
    unsigned draining; /* connections that are not drained yet */
    struct timer *stop_timer;
};

const struct keys *broker_keys(const struct broker *broker)
{
    return broker->settings.keys;
}

struct scripts *broker_scripts(struct broker *broker)
{
    return broker->scripts;
}

const struct lease *broker_lease(const struct broker *broker)
{
    return broker->lease;
}

struct presence_calls *broker_presence_calls(struct broker *broker)
{
    return broker->presence_calls;
}

struct text broker_incarnation(const struct broker *broker)
{
    return lease_incarnation(broker->lease);
}

struct text broker_epoch(const struct broker *broker)
{
    return epoch_text(broker->epoch);
}

/* ---- Up and down ---- */

static void update(void *arg)
{
    struct broker *broker = arg;
    bool up = !broker->stopping && broker->commands_usable &&
              subscriptions_are_renewed(broker->subscriptions) && lease_is_held(broker->lease) &&
              roster_is_renewed(broker->roster) && beat_is_heard(broker->beat);

    if (up == broker->up)
        return;
    broker->up = up;
    metrics_set(METRIC_REDIS_UP, up);
    if (broker->stopping)
        return;
    if (up)
        broker->settings.events->up(broker->settings.arg);
    else
        broker->settings.events->down(broker->settings.arg);
}

static void on_greet(void *arg)
{
    struct broker *broker = arg;
    scripts_load_all(broker->scripts);
    schema_check(broker->schema);
    epoch_ask(broker->epoch);
}

static void on_usable(void *arg)
{
    struct broker *broker = arg;
    broker->commands_usable = true;
    beat_set_usable(broker->beat, true);
    update(broker);
}

/* Everything of the former name says nothing about the new one. */
static void take_new_name(struct broker *broker)
{
    subscriptions_set_own(broker->subscriptions, broker_incarnation(broker));
    beat_look_at_channel(broker->beat);
    reaper_begin_anew(broker->reaper);
    roster_begin_anew(broker->roster);
}

static void on_lost(void *arg)
{
    struct broker *broker = arg;
    broker->commands_usable = false;
    beat_set_usable(broker->beat, false);
    presence_calls_fail(broker->presence_calls);
    if (broker->stopping) {
        roster_begin_anew(broker->roster);
    } else {
        lease_rename(broker->lease);
        take_new_name(broker);
    }
    update(broker);
}

static void on_subscriptions_changed(void *arg)
{
    struct broker *broker = arg;
    beat_look_at_channel(broker->beat);
    update(broker);
}

static void on_heard(void *arg, struct text bytes)
{
    struct broker *broker = arg;
    beat_hear(broker->beat, bytes);
}

static void on_lease(void *arg, enum lease_answer answer)
{
    struct broker *broker = arg;

    presence_calls_renewed(broker->presence_calls, answer);
    if (answer != LEASE_HELD)
        reaper_begin_anew(broker->reaper);
    if (broker->stopping)
        return;
    if (answer == LEASE_RENAMED) {
        take_new_name(broker);
        if (broker->commands_usable) {
            /* Where a lease went, the schema may have gone too. */
            schema_check(broker->schema);
            lease_renew(broker->lease);
        }
    }
    beat_take_lease(broker->beat, answer);
    if (answer == LEASE_HELD) {
        roster_set_leased(broker->roster);
        reaper_look(broker->reaper, roster_is_renewed(broker->roster));
    }
    update(broker);
}

static void on_registered(void *arg, struct text user, uint64_t number, bool admitted)
{
    struct broker *broker = arg;
    broker->settings.events->registered(broker->settings.arg, user, number, admitted);
}

static void on_roster_changed(void *arg)
{
    struct broker *broker = arg;

    if (!broker->stopping && lease_is_held(broker->lease) && roster_is_renewed(broker->roster))
        reaper_look(broker->reaper, true); /* what the former name left can go now */
    update(broker);
}

static void on_relieved(void *arg)
{
    struct broker *broker = arg;
    broker->settings.events->relieved(broker->settings.arg);
}

bool broker_is_congested(const struct broker *broker)
{
    return connection_is_congested(broker->commands);
}

bool broker_is_up(const struct broker *broker)
{
    return broker->up;
}

void broker_append_trouble(const struct broker *broker, struct builder *out)
{
    struct text found = schema_found(broker->schema);

    if (broker->up)
        return;
    if (broker->stopping) {
        builder_append_string(out, "the connection to Redis is being closed");
    } else if (found.len > 0) {
        builder_append_string(out, "the schema in Redis is \"");
        builder_append(out, text_is_utf8(found) ? found : TEXT("not UTF-8"));
        builder_append_string(out, "\", and this gateway needs \"");
        builder_append_string(out, broker->settings.schema);
        builder_append_char(out, '"');
    } else if (!broker->commands_usable) {
        builder_append_string(out, "not connected to Redis");
    } else if (!subscriptions_are_renewed(broker->subscriptions)) {
        builder_append_string(out, "not all channels are subscribed in Redis");
    } else if (!lease_is_held(broker->lease)) {
        builder_append_string(out, "Redis has not given or renewed this gateway's lease");
    } else if (!roster_is_renewed(broker->roster)) {
        builder_append_string(out, "not all sessions are registered in Redis, or it refuses to");
    } else {
        builder_append_string(out, "no beat has come back from Redis");
    }
}

/* ---- Beginning and end ---- */

static void finish_stop(void *arg)
{
    struct broker *broker = arg;
    loop_cb *stopped = broker->stopped;

    timer_stop(broker->stop_timer);
    broker->stopped = NULL;
    connection_close(broker->commands);
    subscriptions_close(broker->subscriptions);
    stopped(broker->stopped_arg); /* may free the broker */
}

struct broker *broker_new(struct loop *loop, const struct broker_settings *settings)
{
    static const char *const CONNECTIONS[] = {"command", "subscription"};
    struct broker *broker = memory_alloc(sizeof(*broker));
    const struct connection_settings commands = {
        .name = CONNECTIONS[0],
        .metric_value = 0,
        .address = settings->address,
        .timeout_ms = settings->command_timeout_ms,
        .bounds = settings->bounds,
        .greet = on_greet,
        .usable = on_usable,
        .lost = on_lost,
        .relieved = on_relieved,
        .arg = broker,
    };
    const struct subscriptions_owner owner = {on_subscriptions_changed, on_heard, broker};

    metrics_label_values(METRIC_REDIS_RECONNECTS, CONNECTIONS, 2);
    broker->settings = *settings;
    broker->loop = loop;
    broker->scripts = scripts_new();
    broker->commands = connection_new(loop, &commands);
    scripts_set_connection(broker->scripts, broker->commands);
    broker->schema = schema_new(settings->keys, settings->schema, broker->commands);
    broker->epoch = epoch_new(broker->commands);
    broker->lease =
        lease_new(loop, settings->keys, broker->scripts, settings->id, on_lease, broker);
    const struct presence_calls_settings presence = {
        .keys = settings->keys,
        .scripts = broker->scripts,
        .lease = broker->lease,
        .tell = settings->tell_presence,
        .seen_ttl_ms = settings->seen_ttl_ms,
    };
    broker->presence_calls = presence_calls_new(&presence);
    const struct roster_settings roster = {
        .enlist = {settings->keys, broker->commands, broker->scripts, broker->lease},
        .calls = broker->presence_calls,
        .registered = on_registered,
        .changed = on_roster_changed,
        .arg = broker,
    };
    broker->roster = roster_new(loop, &roster);
    const struct reaper_settings reaper = {
        .keys = settings->keys,
        .commands = broker->commands,
        .scripts = broker->scripts,
        .calls = broker->presence_calls,
        .lease = broker->lease,
    };
    broker->reaper = reaper_new(loop, &reaper);
    broker->subscriptions = subscriptions_new(loop, settings, &owner);
    subscriptions_set_own(broker->subscriptions, broker_incarnation(broker));
    const struct beat_settings beat = {
        .keys = settings->keys,
        .commands = broker->commands,
        .subscriptions = broker->subscriptions,
        .lease = broker->lease,
        .changed = update,
        .arg = broker,
    };
    broker->beat = beat_new(loop, &beat);
    broker->stop_timer = timer_new(loop, finish_stop, broker);
    return broker;
}

void broker_start(struct broker *broker)
{
    connection_start(broker->commands);
    subscriptions_start(broker->subscriptions);
}

/* Ends with the timer rather than here: that is called by the loop, with nothing of ours on the
 * stack, so that the broker can be freed in the callback. */
static void on_drained(void *arg)
{
    struct broker *broker = arg;
    if (--broker->draining == 0 && broker->stopped != NULL)
        timer_start(broker->stop_timer, 0);
}

/* Whoever is still registered, or may be, needs the lease's end for others to clean up. */
static void close_in_order(void *arg)
{
    struct broker *broker = arg;

    if (roster_is_empty(broker->roster) && broker->commands_usable)
        lease_remove(broker->lease, broker->commands);
    connection_drain(broker->commands, on_drained, broker);
    subscriptions_drain(broker->subscriptions, on_drained, broker);
}

static void on_roster_drained(void *arg)
{
    struct broker *broker = arg;

    if (lease_former(broker->lease).len > 0 && broker->commands_usable)
        reaper_finish(broker->reaper, close_in_order, broker);
    else
        close_in_order(broker);
}

void broker_stop(struct broker *broker, loop_cb *done, void *arg)
{
    assert(!broker->stopping);
    broker->stopping = true;
    update(broker);
    broker->stopped = done;
    broker->stopped_arg = arg;
    broker->draining = 2;
    timer_start(broker->stop_timer, broker->settings.command_timeout_ms);
    beat_stop(broker->beat);
    if (roster_is_empty(broker->roster))
        on_roster_drained(broker);
    else
        roster_drain(broker->roster, on_roster_drained, broker);
}

void broker_free(struct broker *broker)
{
    if (broker == NULL)
        return;
    broker->stopping = true;
    beat_stop(broker->beat);
    connection_free(broker->commands);
    presence_calls_fail(broker->presence_calls);
    reaper_free(broker->reaper);
    roster_free(broker->roster);
    presence_calls_free(broker->presence_calls);
    subscriptions_free(broker->subscriptions);
    beat_free(broker->beat);
    lease_free(broker->lease);
    schema_free(broker->schema);
    epoch_free(broker->epoch);
    scripts_free(broker->scripts);
    timer_free(broker->stop_timer);
    free(broker);
}

/* ---- Sessions and channels ---- */

void broker_register(struct broker *broker, const struct broker_session *session)
{
    roster_add(broker->roster, session);
}

void broker_unregister(struct broker *broker, struct text user, uint64_t number)
{
    roster_remove(broker->roster, user, number);
}

bool broker_is_registered(const struct broker *broker, struct text user, uint64_t number)
{
    return roster_has(broker->roster, user, number);
}

void broker_subscribe(struct broker *broker, enum broker_channel channel, struct text user)
{
    subscriptions_subscribe(broker->subscriptions, channel, user);
}

void broker_unsubscribe(struct broker *broker, enum broker_channel channel, struct text user)
{
    subscriptions_unsubscribe(broker->subscriptions, channel, user);
}

bool broker_is_subscribed(const struct broker *broker, enum broker_channel channel,
                          struct text user)
{
    return subscriptions_has(broker->subscriptions, channel, user);
}

void broker_flush_subscriptions(struct broker *broker)
{
    subscriptions_flush(broker->subscriptions);
}

static void on_published(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    (void)arg;
    char error[COMMAND_ERROR_MAX];

    if (outcome != BROKER_ANSWERED)
        metrics_add(METRIC_SIGNALS_DROPPED, 1);
    if (outcome == BROKER_REFUSED)
        log_repeated(LOG_LEVEL_WARN, "redis_refused", LOG_STRING("command", "PUBLISH"),
                     LOG_STRING("reason", command_error_text(reply, error)));
}

void broker_publish(struct broker *broker, struct text user, struct text bytes)
{
    struct builder channel;

    builder_init(&channel, SIZE_MAX);
    keys_user_channel(broker->settings.keys, user, &channel);
    connection_command(broker->commands,
                       (struct text[]){TEXT("PUBLISH"), builder_text(&channel), bytes}, 3,
                       on_published, NULL);
    builder_clear(&channel);
}
