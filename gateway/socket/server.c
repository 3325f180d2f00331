#include "socket/server.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/log.h"
#include "socket/internal.h"
#include "socket/listener.h"

/* A connection's read buffer, for its whole life: it decides the memory of an idle session. */
#define READ_BUFFER 1024
/* What libwebsockets hands to one send(2) at most; by default only as much as it reads. */
#define WRITE_PACKET (1024 * 1024)
/* Requests whose headers are being read, together; each holds a buffer while they are. */
#define HEADER_POOL 1024
#define KEEP_ALIVE_SECONDS 30

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct server *server = lws_context_user(lws_get_context(wsi));

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return request_callback(server, wsi);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return websocket_confirm_upgrade(server, wsi);
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_RECEIVE_PONG:
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_TIMER:
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        return websocket_callback(server, wsi, reason, user, in, len);
    case LWS_CALLBACK_RAW_ADOPT:
        return -1; /* CONNECT: libwebsockets takes it for a raw connection, without time-outs */
    case LWS_CALLBACK_WSI_DESTROY:
        websocket_destroyed(server, wsi, user);
        return 0;
    default:
        return 0;
    }
}

/* The one subprotocol is spoken with and without being asked for by its name. */
static const struct lws_protocols protocols[] = {
    {
        .name = "parley",
        .callback = callback,
        .per_session_data_size = sizeof(struct connection),
        .rx_buffer_size = READ_BUFFER,
        .tx_packet_size = WRITE_PACKET,
    },
    {.name = NULL},
};

/* Pings are ours (session/keepalive.h): all zero turns libwebsockets' own off. */
static const lws_retry_bo_t no_pings_of_the_library;

static void log_library_line(int level, const char *line)
{
    struct text text = text_of(line);

    (void)level;
    while (text.len > 0 && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
        text.len--;
    log_debug("libwebsockets", LOG_TEXT("line", text));
}

/* libwebsockets counts in seconds. */
static unsigned handshake_seconds(const struct server *server)
{
    return (unsigned)((server->settings.handshake_timeout_ms + 999) / 1000);
}

static struct lws_vhost *create_vhost(struct server *server)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .keepalive_timeout = KEEP_ALIVE_SECONDS,
        .retry_and_idle_policy = &no_pings_of_the_library,
        .timeout_secs_ah_idle = handshake_seconds(server), /* silent, or sending its head */
    };

    return lws_create_vhost(server->context, &info);
}

static bool create_context(struct server *server)
{
    void *loops[] = {loop_uv(server->loop)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .foreign_loops = loops,
        .user = server,
        .max_http_header_pool = HEADER_POOL,
        .max_http_header_data = SERVER_HEADERS_MAX,
        .timeout_secs = handshake_seconds(server),
    };

    lws_set_log_level(LLL_ERR | LLL_WARN, log_library_line);
    server->context = lws_create_context(&info);
    if (server->context == NULL) {
        log_error(
            "libwebsockets_failed",
            LOG_STRING("why", "no context: is the package libwebsockets-evlib-uv installed?"));
        return false;
    }
    server->vhost = create_vhost(server);
    if (server->vhost == NULL) {
        log_error("libwebsockets_failed", LOG_STRING("why", "no vhost"));
        return false;
    }
    return true;
}

/* A connection that libwebsockets does not take is closed by it. */
static void accept_public(void *arg, int fd)
{
    struct server *server = arg;

    (void)lws_adopt_socket_vhost(server->vhost, fd);
}

static void accept_admin(void *arg, int fd)
{
    struct server *server = arg;
    struct lws *wsi = lws_adopt_socket_vhost(server->vhost, fd);

    if (wsi != NULL)
        lws_set_opaque_user_data(wsi, SERVER_ADMIN);
}

static bool listen_admin(struct server *server)
{
    struct text host;
    int port = 0;
    char *address;

    if (!address_split(text_of(server->settings.admin_listen), &host, &port))
        abort(); /* config_load() has checked it */
    address = memory_copy(host.at, host.len);
    server->admin_listener = listener_new(server->loop, address, port, false, accept_admin, server);
    free(address);
    return server->admin_listener != NULL;
}

static bool listen_all(struct server *server)
{
    const struct server_settings *settings = &server->settings;

    server->public_listener = listener_new(server->loop, settings->address, settings->port,
                                           settings->reuse_port, accept_public, server);
    if (server->public_listener == NULL)
        return false;
    return settings->admin_listen == NULL || listen_admin(server);
}

struct server *server_new(struct loop *loop, const struct server_settings *settings)
{
    struct server *server = memory_alloc(sizeof(*server));

    server->settings = *settings;
    server->loop = loop;
    if (!create_context(server) || !listen_all(server)) {
        server_free(server);
        return NULL;
    }
    return server;
}

void server_start(struct server *server)
{
    listener_start(server->public_listener, "listening");
    if (server->admin_listener != NULL)
        listener_start(server->admin_listener, "admin_listening");
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    listener_free(server->public_listener);
    listener_free(server->admin_listener);
    if (server->context != NULL) {
        /* On a foreign loop the first call closes the handles, and the second one frees. */
        lws_context_destroy(server->context);
        loop_settle_uv(server->loop);
        lws_context_destroy(server->context);
    }
    free(server->scratch);
    free(server);
}

uint8_t *server_scratch(struct server *server, size_t size)
{
    if (server->scratch_size < LWS_PRE + size) {
        server->scratch_size = LWS_PRE + size;
        server->scratch = memory_resize(server->scratch, server->scratch_size);
    }
    return server->scratch + LWS_PRE;
}
