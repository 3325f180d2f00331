#include "router/attach.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/log.h"
#include "message/write.h"

#define WELCOME_MAX 4096 /* a user, a device and two names, all escaped */

struct attach {
    struct attach_settings settings;
    bool stopped;
};

struct attach *attach_new(const struct attach_settings *settings)
{
    struct attach *attach = memory_alloc(sizeof(*attach));

    attach->settings = *settings;
    return attach;
}

void attach_free(struct attach *attach)
{
    free(attach);
}

void attach_stop(struct attach *attach)
{
    attach->stopped = true;
}

const char *attach_refusal(const struct attach *attach)
{
    const struct attach_settings *settings = &attach->settings;

    if (attach->stopped)
        return "this gateway is draining, because it stops; connect to another one, or try again";
    if (!broker_is_up(settings->broker))
        return "this gateway has no connection to Redis at the moment; try again";
    if (settings->max_sessions > 0 && registry_size(settings->registry) >= settings->max_sessions)
        return "this gateway has as many sessions as --max-sessions allows; try again";
    return NULL;
}

static bool is_over_limit(const struct attach *attach, const struct session_identity *identity)
{
    const struct attach_settings *settings = &attach->settings;

    if (settings->max_sessions_per_user == 0)
        return false;
    for (size_t i = 0; i < identity->user_count; i++)
        if (registry_sessions_of(settings->registry, identity->users[i]) >=
            settings->max_sessions_per_user)
            return true;
    return false;
}

/* Pair sessions get no welcome: the tutorial's clients know only messages. */
static void welcome(struct attach *attach, struct session *session)
{
    struct builder frame;
    struct buffer *bytes;

    if (session_is_pair(session))
        return;
    builder_init(&frame, WELCOME_MAX);
    write_welcome(&frame, session_user(session, 0), session_device(session), session_name(session),
                  broker_incarnation(attach->settings.broker));
    bytes = builder_to_buffer(&frame);
    if (!session_push(session, bytes, 0))
        session_close(session, CLOSE_SLOW);
    buffer_unref(bytes);
    builder_clear(&frame);
}

static void go_live_when_subscribed(void *arg, struct session *session)
{
    struct attach *attach = arg;

    if (session_state(session) != SESSION_OPENING)
        return;
    for (size_t i = 0; i < session_user_count(session); i++)
        if (!broker_is_subscribed(attach->settings.broker, BROKER_USER, session_user(session, i)))
            return;
    session_set_live(session);
    welcome(attach, session);
    router_release(attach->settings.router, session);
}

struct session *attach_open(struct attach *attach, const struct session_identity *identity,
                            const struct session_transport *transport, void *connection)
{
    bool over_limit = is_over_limit(attach, identity);
    struct session *session =
        registry_open(attach->settings.registry, identity, transport, connection);

    broker_flush_subscriptions(attach->settings.broker);
    if (over_limit) {
        log_repeated(LOG_LEVEL_WARN, "too_many_sessions",
                     LOG_TEXT("user", session_user(session, 0)),
                     LOG_NUMBER("limit", attach->settings.max_sessions_per_user));
        session_close(session, CLOSE_TOO_MANY_SESSIONS);
    } else {
        go_live_when_subscribed(attach, session);
    }
    return session;
}

void attach_subscribed(struct attach *attach, struct text user)
{
    registry_each_of_user(attach->settings.registry, user, go_live_when_subscribed, attach);
}

static void release(void *arg, struct session *session)
{
    struct attach *attach = arg;

    router_release(attach->settings.router, session);
}

void attach_broker_lost(struct attach *attach)
{
    registry_each(attach->settings.registry, release, attach);
}
