/* socket/server.h: WebSocket and HTTP on our loop.
 *
 * libwebsockets terminates the protocols; accepting is ours (socket/listener.h). Below this folder
 * nobody knows libwebsockets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "http/http.h"
#include "router/attach.h"
#include "router/router.h"

struct server;

/* Everything pointed to outlives the server. */
struct server_settings {
    struct registry *registry;
    struct attach *attach;
    struct router *router;
    struct feed *feed;
    const struct http *http;
    const char *address; /* to listen on: an IPv4 or IPv6 address */
    int port;            /* 0: the system picks one */
    bool reuse_port;
    const char *admin_listen; /* ADDRESS:PORT, or NULL */
    size_t max_frame;         /* bytes of one WebSocket message */
    int64_t handshake_timeout_ms;
};

/* Binds and listens. NULL when it cannot; the reason is logged. */
MUST_USE struct server *server_new(struct loop *loop, const struct server_settings *settings);

/* Logs event=listening for each listener and begins to accept. */
void server_start(struct server *server);

/* Drops what is still open. The registry must still be there: its sessions are told. */
void server_free(struct server *server); /* NULL is allowed */
