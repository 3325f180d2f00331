#include "router/attach.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/log.h"
#include "message/write.h"
#include "router/answer.h"

#define WELCOME_MAX 4096 /* a user, a device and three names, all escaped */

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

/* Pair sessions get no welcome: the tutorial's clients know only messages. */
static void welcome(struct attach *attach, struct session *session, const struct feed_start *start)
{
    const struct welcome welcome = {
        .user = session_user(session, 0),
        .device = session_device(session),
        .session = session_name(session),
        .gateway = broker_incarnation(attach->settings.broker),
        .has_mailbox = start->is_kept,
        .last = start->last,
        .gap = start->gap,
        .reset = start->reset,
        .epoch = broker_epoch(attach->settings.broker),
    };
    struct builder frame;

    if (session_is_pair(session))
        return;
    builder_init(&frame, WELCOME_MAX);
    write_welcome(&frame, &welcome);
    answer_push_built(session, &frame);
    builder_clear(&frame);
}

void attach_started(struct attach *attach, struct session *session, const struct feed_start *start)
{
    session_set_live(session);
    welcome(attach, session, start);
    router_release(attach->settings.router, session);
}

static bool is_confirmed(const struct attach *attach, const struct session *session)
{
    struct broker *broker = attach->settings.broker;

    for (size_t i = 0; i < session_user_count(session); i++)
        if (!broker_is_subscribed(broker, BROKER_USER, session_user(session, i)) ||
            !broker_is_registered(broker, session_user(session, i), session_number(session)))
            return false;
    return true;
}

struct session *attach_open(struct attach *attach, const struct session_identity *identity,
                            const struct session_transport *transport, void *connection)
{
    struct broker *broker = attach->settings.broker;
    struct session *session =
        registry_open(attach->settings.registry, identity, transport, connection);

    feed_open(attach->settings.feed, session, identity);
    for (size_t i = 0; i < session_user_count(session); i++)
        broker_register(broker, &(struct broker_session){
                                    .user = session_user(session, i),
                                    .number = session_number(session),
                                    .device = session_device(session),
                                    .max = attach->settings.max_sessions_per_user,
                                });
    broker_flush_subscriptions(broker);
    return session;
}

void attach_left(struct attach *attach, struct session *session)
{
    feed_left(attach->settings.feed, session);
    for (size_t i = 0; i < session_user_count(session); i++)
        broker_unregister(attach->settings.broker, session_user(session, i),
                          session_number(session));
}

void attach_registered(struct attach *attach, struct text user, uint64_t number, bool admitted)
{
    struct session *session = registry_find(attach->settings.registry, number);

    if (session == NULL)
        return;
    if (admitted) {
        if (session_state(session) == SESSION_OPENING && is_confirmed(attach, session))
            feed_begin(attach->settings.feed, session);
        return;
    }
    log_repeated(LOG_LEVEL_WARN, "too_many_sessions", LOG_TEXT("user", user),
                 LOG_NUMBER("limit", attach->settings.max_sessions_per_user));
    session_close(session, CLOSE_TOO_MANY_SESSIONS);
}

/* A channel that was made anew has missed something: also who is LIVE reads its mailbox. */
static void begin_when_confirmed(void *arg, struct session *session)
{
    struct attach *attach = arg;

    if (session_state(session) != SESSION_OPENING || is_confirmed(attach, session))
        feed_begin(attach->settings.feed, session);
}

void attach_subscribed(struct attach *attach, struct text user)
{
    registry_each_of_user(attach->settings.registry, user, begin_when_confirmed, attach);
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
