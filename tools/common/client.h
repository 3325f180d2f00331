/* common/client.h: a WebSocket client on libevent; thousands of them share one event base.
 *
 * A client is connecting, open, closing or closed. Everything is told through its handler, from the
 * event loop and never from inside a call of this module. Pings are answered here. No TLS, no
 * extensions, no subprotocols. The process must ignore SIGPIPE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "common/url.h"

struct client;
struct event_base;
struct in_addr;

/* Close codes that never go over the wire (RFC 6455, section 7.4.1). */
#define CLIENT_CLOSE_WITHOUT_CODE 1005
#define CLIENT_CLOSE_ABNORMAL 1006

/* How a connection ended. The texts live until closed() returns. */
struct client_end {
    int code;           /* the server's close code; 1005 when it gave none; 1006 when there was no
                           close frame: not connected, refused, cut, timed out; or the code with
                           which this client failed the connection */
    struct text reason; /* the server's with its code, else what happened, in words */
    int http_status;    /* of a refused upgrade; 0 when there was none */
    struct text body;   /* of that answer: at most its first 4 KiB */
};

struct client_handler {
    void (*opened)(void *arg);
    void (*message)(void *arg, struct text message);         /* whole; valid until it returns */
    void (*closed)(void *arg, const struct client_end *end); /* exactly once, the last call */
};

struct client_options {
    struct event_base *base;
    const struct url *url;        /* resolved */
    const char *target;           /* for the request line; NULL: the url's */
    const struct in_addr *source; /* the IPv4 address to connect from; NULL: the system's choice */
    size_t max_message;           /* bytes; a longer one fails the connection with 1009 */
    int64_t timeout_ms; /* for connecting with the handshake, and again for the closing one */
    const struct client_handler *handler;
    void *arg;
};

/* Starts connecting to the url's addresses, one after the other. `base`, `url` and `handler` must
 * outlive the client; the rest is copied. NULL when the system refuses a socket, or every address
 * at once; errno says why. */
MUST_USE struct client *client_connect(const struct client_options *options);

/* Queues a text message (valid UTF-8). False, with nothing queued, unless the client is open. */
MUST_USE bool client_send(struct client *client, struct text message);

/* Starts the closing handshake; closed() follows. Does nothing when that has begun already. */
void client_close(struct client *client, uint16_t code, const char *reason);

/* Cuts what is still connected, without a close frame and without closed(). Allowed in the client's
 * own callbacks; NULL is allowed. */
void client_free(struct client *client);
