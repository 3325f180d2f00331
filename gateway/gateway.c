#include "gateway.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "broker/broker.h"
#include "broker/cursors.h"
#include "http/http.h"
#include "router/attach.h"
#include "router/deliver.h"
#include "router/drain.h"
#include "router/feed.h"
#include "router/history.h"
#include "router/queries.h"
#include "router/router.h"
#include "router/watches.h"
#include "session/registry.h"
#include "socket/server.h"
#include "socket/websocket.h"

/* After which a sender is told `unknown`; three of them, the patience of a connection, are two
 * beats (broker/beat.h). */
#define COMMAND_TIMEOUT_MS 2000
/* Commands without an answer, and their bytes. From the first two on who sends is not read from;
 * what comes all the same, such as the rest of a batch, is refused above the others. A client that
 * filled the first alone gets as many errors at once: they are to fit into --output-max. */
#define CONGESTION 5000
#define CONGESTION_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_PENDING 100000
#define MAX_PENDING_BYTES ((size_t)128 * 1024 * 1024)
#define CLOSE_WAIT_MS 3000 /* for sessions to take their close frame */

struct gateway {
    struct loop *loop;
    const struct config *config;
    struct redis_address redis;
    struct keys *keys;
    struct broker *broker;
    struct cursors *cursors;
    struct keepalive *keepalive;
    struct registry *registry;
    struct watches *watches;
    struct queries *queries;
    struct feed *feed;
    struct history *history;
    struct attach *attach;
    struct deliver *deliver;
    struct router *router;
    struct http http;
    struct server *server;
    struct drain *drain;
    bool stopping;
    bool broker_stopping;
};

static void session_leaves(void *arg, struct session *session)
{
    struct gateway *gateway = arg;

    attach_left(gateway->attach, session);
    watches_leave(gateway->watches, session_number(session));
}

static void user_comes(void *arg, struct text user)
{
    struct gateway *gateway = arg;

    broker_subscribe(gateway->broker, BROKER_USER, user);
}

static void user_goes(void *arg, struct text user)
{
    struct gateway *gateway = arg;

    broker_unsubscribe(gateway->broker, BROKER_USER, user);
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
    cursors_flush(gateway->cursors);
    broker_stop(gateway->broker, broker_stopped, gateway);
}

static void broker_up(void *arg)
{
    struct gateway *gateway = arg;

    if (!gateway->stopping) /* it is not ready any more, whatever Redis does */
        log_info("ready");
    cursors_up(gateway->cursors); /* first: a reset may set them anew */
    feed_up(gateway->feed);
    watches_up(gateway->watches);
}

static void log_not_ready(const struct gateway *gateway)
{
    struct builder reason;

    builder_init(&reason, SIZE_MAX);
    broker_append_trouble(gateway->broker, &reason);
    log_warn("not_ready", LOG_TEXT("reason", builder_text(&reason)));
    builder_clear(&reason);
}

static void broker_down(void *arg)
{
    struct gateway *gateway = arg;

    if (!gateway->stopping)
        log_not_ready(gateway);
    attach_broker_lost(gateway->attach);
    queries_down(gateway->queries);
    watches_down(gateway->watches);
}

static void broker_subscribed(void *arg, enum broker_channel channel, struct text user)
{
    struct gateway *gateway = arg;

    if (channel == BROKER_USER)
        attach_subscribed(gateway->attach, user);
    else
        watches_subscribed(gateway->watches, user);
}

static void broker_registered(void *arg, struct text user, uint64_t number, bool admitted)
{
    struct gateway *gateway = arg;

    attach_registered(gateway->attach, user, number, admitted);
}

static void broker_published(void *arg, enum broker_channel channel, struct text user,
                             struct text bytes)
{
    struct gateway *gateway = arg;

    if (channel == BROKER_USER)
        deliver_published(gateway->deliver, user, bytes);
    else
        watches_published(gateway->watches, user, bytes);
}

static void broker_relieved(void *arg)
{
    struct gateway *gateway = arg;

    registry_resume(gateway->registry);
}

static const struct broker_events broker_events = {
    .up = broker_up,
    .down = broker_down,
    .subscribed = broker_subscribed,
    .registered = broker_registered,
    .published = broker_published,
    .relieved = broker_relieved,
};

static void session_started(void *arg, struct session *session, const struct feed_start *start)
{
    struct gateway *gateway = arg;

    attach_started(gateway->attach, session, start);
}

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
        .schema = gateway->config->delivery == DELIVERY_DURABLE ? SCHEMA_DURABLE : SCHEMA_LIVE,
        .id = text_of(gateway->config->id),
        .tell_presence = gateway->config->presence,
        .seen_ttl_ms = 2 * gateway->config->mailbox_ttl_ms,
        .command_timeout_ms = COMMAND_TIMEOUT_MS,
        .bounds = {MAX_PENDING, MAX_PENDING_BYTES, CONGESTION, CONGESTION_BYTES},
        .events = &broker_events,
        .arg = gateway,
    };

    gateway->broker = broker_new(gateway->loop, &settings);
    gateway->cursors = cursors_new(gateway->loop, gateway->broker, gateway->config->mailbox_ttl_ms);
}

static void build_registry(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    struct registry_events events = {session_leaves, user_comes, user_goes, stop_broker, gateway};

    gateway->keepalive = keepalive_new(gateway->loop, config->ping_ms, config->pong_timeout_ms,
                                       ping_session, drop_session);
    gateway->registry =
        registry_new(gateway->loop, gateway->keepalive, config->output_max, &events);
    gateway->watches = watches_new(gateway->loop, gateway->broker, gateway->registry);
}

static void build_router(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    const struct queries_settings queries = {
        .broker = gateway->broker,
        .registry = gateway->registry,
        .watches = gateway->watches,
        .presence = config->presence,
        .timeout_ms = COMMAND_TIMEOUT_MS,
    };

    gateway->queries = queries_new(gateway->loop, &queries);
    const struct feed_settings feed = {
        .broker = gateway->broker,
        .registry = gateway->registry,
        .cursors = gateway->cursors,
        .durable = config->delivery == DELIVERY_DURABLE,
        .max_message = config->max_message,
        .started = session_started,
        .arg = gateway,
    };

    gateway->feed = feed_new(gateway->loop, &feed);
    const struct history_settings history = {
        .broker = gateway->broker,
        .registry = gateway->registry,
        .durable = config->delivery == DELIVERY_DURABLE,
        .max_message = config->max_message,
    };

    gateway->history = history_new(&history);
    struct router_settings router = {
        .broker = gateway->broker,
        .registry = gateway->registry,
        .queries = gateway->queries,
        .feed = gateway->feed,
        .history = gateway->history,
        .durable = config->delivery == DELIVERY_DURABLE,
        .copies = config->copies,
        .presence = config->presence,
        .max_message = config->max_message,
        .max_depth = config->max_depth,
        .bounds = {config->mailbox_max, config->mailbox_ttl_ms, config->ref_ttl_ms},
    };

    gateway->router = router_new(&router);
    struct attach_settings attach = {
        .broker = gateway->broker,
        .registry = gateway->registry,
        .router = gateway->router,
        .feed = gateway->feed,
        .max_sessions = config->max_sessions,
        .max_sessions_per_user = config->max_sessions_per_user,
    };
    gateway->attach = attach_new(&attach);
    gateway->deliver = deliver_new(gateway->registry, gateway->feed, config->max_message);
    struct drain_settings drain = {
        .registry = gateway->registry,
        .router = gateway->router,
        .drain_ms = config->drain_ms,
        .grace_ms = COMMAND_TIMEOUT_MS + CLOSE_WAIT_MS,
        .over = stop_broker,
        .arg = gateway,
    };
    gateway->drain = drain_new(gateway->loop, &drain);
}

static bool build_server(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    struct server_settings settings = {
        .registry = gateway->registry,
        .attach = gateway->attach,
        .router = gateway->router,
        .feed = gateway->feed,
        .http = &gateway->http,
        .address = config->listen,
        .port = config->port,
        .reuse_port = config->reuse_port,
        .admin_listen = config->admin_listen,
        .max_frame = config->max_frame,
        .handshake_timeout_ms = config->handshake_timeout_ms,
    };

    gateway->http.broker = gateway->broker;
    gateway->http.config = config;
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

void gateway_stop(struct gateway *gateway)
{
    size_t sessions = registry_size(gateway->registry);

    if (gateway->stopping) {
        log_warn("drain_interrupted", LOG_NUMBER("sessions", sessions));
        loop_stop(gateway->loop);
        return;
    }
    gateway->stopping = true;
    gateway->http.draining = true;
    metrics_set(METRIC_DRAINING, 1);
    log_info("draining", LOG_NUMBER("sessions", sessions),
             LOG_NUMBER("drain_ms", gateway->config->drain_ms));
    attach_stop(gateway->attach);
    if (sessions == 0)
        stop_broker(gateway);
    else
        drain_start(gateway->drain);
}

void gateway_free(struct gateway *gateway)
{
    if (gateway == NULL)
        return;
    drain_free(gateway->drain);
    server_free(gateway->server); /* with it go the sessions that are left */
    broker_free(gateway->broker); /* answers what is pending, to nobody: the registry is empty */
    registry_free(gateway->registry);
    keepalive_free(gateway->keepalive);
    cursors_free(gateway->cursors);
    feed_free(gateway->feed);
    attach_free(gateway->attach);
    deliver_free(gateway->deliver);
    router_free(gateway->router);
    history_free(gateway->history);
    queries_free(gateway->queries);
    watches_free(gateway->watches);
    keys_free(gateway->keys);
    redis_address_clear(&gateway->redis);
    free(gateway);
}
