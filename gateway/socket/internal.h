/* socket/internal.h: what the files of this folder share. */
#pragma once

#include <libwebsockets.h>

#include "socket/server.h"

#define SERVER_HEADERS_MAX 16384 /* bytes of a request's line and headers together */

struct server {
    struct server_settings settings;
    struct loop *loop;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct listener *public_listener;
    struct listener *admin_listener;
    uint8_t *scratch; /* LWS_PRE bytes, then what is gathered for one write */
    size_t scratch_size;
};

/* The opaque user data of a connection is the number of its session; this, which no session has,
 * for one that was accepted by the admin listener; or NULL. It exists before struct connection
 * does. */
#define SERVER_ADMIN ((void *)UINTPTR_MAX)

/* libwebsockets' memory of one connection. */
struct connection {
    bool established;        /* the 101 is written: frames may be */
    bool peer_closed;        /* the client sent a close frame */
    bool closing;            /* a close frame of this side is due or sent: nothing else may be */
    struct builder *partial; /* the pieces of a message so far; NULL between messages */
};

/* libwebsockets' callbacks, divided by protocol. The result is libwebsockets': 0 to go on, -1 to
 * close. */
int websocket_confirm_upgrade(struct server *server, struct lws *wsi);
int websocket_callback(struct server *server, struct lws *wsi, enum lws_callback_reasons reason,
                       struct connection *connection, void *in, size_t len);
void websocket_destroyed(struct server *server, struct lws *wsi, struct connection *connection);
int request_callback(struct server *server, struct lws *wsi);

/* Room for `size` bytes behind LWS_PRE; valid until the next call. */
uint8_t *server_scratch(struct server *server, size_t size);

/* Writes one whole HTTP answer and clears it. With `close` it says that the connection ends. False
 * when the connection is broken. */
bool request_write_answer(struct server *server, struct lws *wsi, struct http_answer *answer,
                          bool head, bool close);

#define HEADER_MAX 1024 /* bytes of a header's value that we look at, its NUL included */

/* The value of a header, or of its `index`th line when it is given more than once, copied into
 * `storage`. Empty when it is not there, or longer than any value that we know. */
struct text request_header(struct lws *wsi, enum lws_token_indexes token, int index,
                           char storage[HEADER_MAX]);
bool request_has_header(struct lws *wsi, enum lws_token_indexes token, int index);
bool request_has_body(struct lws *wsi); /* its head was read, and found right */

/* What is wrong with the request line and headers of any request, as 400, 411 or 413; false when
 * nothing is. The method and path are filled in in any case; the path points into `path`. */
bool request_read_head(struct lws *wsi, struct http_request *request, char path[HEADER_MAX],
                       struct http_answer *error);
