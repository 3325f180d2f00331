#include "gateway.h"

#include <stdlib.h>

#include "base/log.h"
#include "broker/broker.h"
#include "http/http.h"
#include "router/attach.h"
#include "router/deliver.h"
#include "router/router.h"
#include "session/registry.h"
#include "socket/server.h"
#include "socket/websocket.h"

/* After which a sender is told `unknown`; three of them, the patience of a connection, are two
 * beats (broker/beat.h). */
#define COMMAND_TIMEOUT_MS 2000
#define MAX_PENDING 100000 /* commands without an answer; more are refused */
#define CLOSE_WAIT_MS 3000 /* for sessions to take their close frame */

struct gateway {
    struct loop *loop;
    const struct config *config;
    struct redis_address redis;
    struct keys *keys;
    struct broker *broker;
    struct keepalive *keepalive;
    struct registry *registry;
    struct attach *attach;
    struct deliver *deliver;
    struct router *router;
    struct http http;
    struct server *server;
    struct timer *close_wait;
    bool stopping;
    bool broker_stopping;
};

static void user_comes(void *arg, struct text user)
{
    struct gateway *gateway = arg;

    broker_subscribe(gateway->broker, user);
}

static void user_goes(void *arg, struct text user)
{
    struct gateway *gateway = arg;

    broker_unsubscribe(gateway->broker, user);
}

static void broker_stopped(void *arg)
{
    struct gateway *gateway = arg;

    log_info("stopped");
    loop_stop(gateway->loop);
}

/* The second half of stopping: the sessions are gone, or had their time. */
static void stop_broker(void *arg)
{
    struct gateway *gateway = arg;

    if (!gateway->stopping || gateway->broker_stopping)
        return;
    gateway->broker_stopping = true;
    broker_stop(gateway->broker, broker_stopped, gateway);
}

static void broker_up(void *arg)
{
    (void)arg;
    log_info("ready");
}

static void broker_down(void *arg)
{
    struct gateway *gateway = arg;

    log_warn("not_ready");
    attach_broker_lost(gateway->attach);
}

static void broker_subscribed(void *arg, struct text user)
{
    struct gateway *gateway = arg;

    attach_subscribed(gateway->attach, user);
}

static void broker_published(void *arg, struct text user, struct text bytes)
{
    struct gateway *gateway = arg;

    deliver_published(gateway->deliver, user, bytes);
}

static const struct broker_events broker_events = {
    .up = broker_up,
    .down = broker_down,
    .subscribed = broker_subscribed,
    .published = broker_published,
};

static void ping_session(struct keepalive_link *link)
{
    session_want_ping(session_of_keepalive(link));
}

static void drop_session(struct keepalive_link *link)
{
    session_close(session_of_keepalive(link), CLOSE_PONG_TIMEOUT);
}

static void build_broker(struct gateway *gateway)
{
    struct broker_settings settings = {
        .address = &gateway->redis,
        .keys = gateway->keys,
        .id = text_of(gateway->config->id),
        .command_timeout_ms = COMMAND_TIMEOUT_MS,
        .max_pending = MAX_PENDING,
        .events = &broker_events,
        .arg = gateway,
    };

    gateway->broker = broker_new(gateway->loop, &settings);
}

static void build_registry(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    struct registry_events events = {user_comes, user_goes, stop_broker, gateway};

    gateway->keepalive = keepalive_new(gateway->loop, config->ping_ms, config->pong_timeout_ms,
                                       ping_session, drop_session);
    gateway->registry =
        registry_new(gateway->loop, gateway->keepalive, config->output_max, &events);
}

static void build_router(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    struct router_settings router = {
        .broker = gateway->broker,
        .registry = gateway->registry,
        .max_message = config->max_message,
        .max_depth = config->max_depth,
        .mailbox_max = config->mailbox_max,
        .mailbox_ttl_ms = config->mailbox_ttl_ms,
    };

    gateway->router = router_new(&router);
    struct attach_settings attach = {
        .broker = gateway->broker,
        .registry = gateway->registry,
        .router = gateway->router,
        .max_sessions = config->max_sessions,
        .max_sessions_per_user = config->max_sessions_per_user,
    };
    gateway->attach = attach_new(&attach);
    gateway->deliver = deliver_new(gateway->registry, config->max_message);
}

static bool build_server(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    struct server_settings settings = {
        .registry = gateway->registry,
        .keepalive = gateway->keepalive,
        .attach = gateway->attach,
        .router = gateway->router,
        .http = &gateway->http,
        .address = config->listen,
        .port = config->port,
        .reuse_port = config->reuse_port,
        .admin_listen = config->admin_listen,
        .max_frame = config->max_frame,
        .handshake_timeout_ms = config->handshake_timeout_ms,
    };

    gateway->http.broker = gateway->broker;
    gateway->http.admin_elsewhere = config->admin_listen != NULL;
    http_register_metrics();
    websocket_register_metrics();
    gateway->server = server_new(gateway->loop, &settings);
    return gateway->server != NULL;
}

struct gateway *gateway_new(struct loop *loop, const struct config *config)
{
    struct gateway *gateway = memory_alloc(sizeof(*gateway));

    gateway->loop = loop;
    gateway->config = config;
    if (!redis_address_parse(&gateway->redis, config->redis))
        abort(); /* config_load() has checked it */
    gateway->keys = keys_new(config->prefix);
    gateway->close_wait = timer_new(loop, stop_broker, gateway);
    build_broker(gateway);
    build_registry(gateway);
    build_router(gateway);
    if (!build_server(gateway)) {
        gateway_free(gateway);
        return NULL;
    }
    return gateway;
}

void gateway_start(struct gateway *gateway)
{
    server_start(gateway->server);
    broker_start(gateway->broker);
}

static void close_session(void *arg, struct session *session)
{
    (void)arg;
    session_close(session, CLOSE_GOING_AWAY);
}

void gateway_stop(struct gateway *gateway)
{
    if (gateway->stopping) {
        loop_stop(gateway->loop);
        return;
    }
    gateway->stopping = true;
    log_info("stopping", LOG_NUMBER("sessions", registry_size(gateway->registry)));
    server_stop_listening(gateway->server);
    registry_each(gateway->registry, close_session, NULL);
    if (registry_size(gateway->registry) == 0)
        stop_broker(gateway);
    else
        timer_start(gateway->close_wait, CLOSE_WAIT_MS);
}

void gateway_free(struct gateway *gateway)
{
    if (gateway == NULL)
        return;
    server_free(gateway->server);     /* tells the sessions that are left */
    registry_free(gateway->registry); /* unsubscribes them */
    keepalive_free(gateway->keepalive);
    broker_free(gateway->broker); /* answers what is pending, to nobody */
    attach_free(gateway->attach);
    deliver_free(gateway->deliver);
    router_free(gateway->router);
    timer_free(gateway->close_wait);
    keys_free(gateway->keys);
    redis_address_clear(&gateway->redis);
    free(gateway);
}
