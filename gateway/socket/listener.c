#include "socket/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/listener.h>

#include "base/log.h"

#define BACKLOG 1024
#define PAUSE_MS 100 /* without descriptors: before the next try */

struct listener {
    struct evconnlistener *events;
    struct timer *resume;
    listener_accept_cb *accept;
    void *arg;
};

static void accept_one(struct evconnlistener *events, evutil_socket_t fd, struct sockaddr *peer,
                       int peer_len, void *arg)
{
    struct listener *listener = arg;
    int on = 1;

    (void)events;
    (void)peer;
    (void)peer_len;
    /* Fails only for a connection that is gone already; whoever reads from it sees that. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    listener->accept(listener->arg, fd);
}

/* Out of descriptors or memory: the connection stays in the backlog, and trying again at once
 * would only burn the processor. */
static void pause_accepting(struct evconnlistener *events, void *arg)
{
    struct listener *listener = arg;

    log_repeated(LOG_LEVEL_WARN, "accept_failed", LOG_STRING("why", strerror(errno)),
                 LOG_NUMBER("retry_ms", PAUSE_MS));
    evconnlistener_disable(events);
    timer_start(listener->resume, PAUSE_MS);
}

static void resume_accepting(void *arg)
{
    struct listener *listener = arg;

    evconnlistener_enable(listener->events);
}

union address {
    struct sockaddr generic;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* The length of what was filled in, or 0 when `text` is no numeric address. */
static socklen_t parse_address(union address *address, const char *text, int port)
{
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons((uint16_t)port);
        return sizeof(address->v4);
    }
    if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons((uint16_t)port);
        return sizeof(address->v6);
    }
    return 0;
}

struct listener *listener_new(struct loop *loop, const char *address, int port, bool reuse_port,
                              listener_accept_cb *accept, void *arg)
{
    unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE |
                     LEV_OPT_DISABLED | (reuse_port ? LEV_OPT_REUSEABLE_PORT : 0U);
    struct listener *listener = memory_alloc(sizeof(*listener));
    union address where;
    socklen_t where_len = parse_address(&where, address, port);

    listener->accept = accept;
    listener->arg = arg;
    if (where_len == 0)
        errno = EADDRNOTAVAIL;
    else
        listener->events = evconnlistener_new_bind(loop_event_base(loop), accept_one, listener,
                                                   flags, BACKLOG, &where.generic, (int)where_len);
    if (listener->events == NULL) {
        log_error("listen_failed", LOG_STRING("address", address), LOG_NUMBER("port", port),
                  LOG_STRING("why", strerror(errno)));
        free(listener);
        return NULL;
    }
    evconnlistener_set_error_cb(listener->events, pause_accepting);
    listener->resume = timer_new(loop, resume_accepting, listener);
    return listener;
}

void listener_start(struct listener *listener, const char *event)
{
    union address bound = {0};
    socklen_t len = sizeof(bound);
    char text[INET6_ADDRSTRLEN] = "";
    int port = 0;

    if (getsockname(evconnlistener_get_fd(listener->events), &bound.generic, &len) == 0) {
        if (bound.generic.sa_family == AF_INET) {
            inet_ntop(AF_INET, &bound.v4.sin_addr, text, sizeof(text));
            port = ntohs(bound.v4.sin_port);
        } else {
            inet_ntop(AF_INET6, &bound.v6.sin6_addr, text, sizeof(text));
            port = ntohs(bound.v6.sin6_port);
        }
    }
    evconnlistener_enable(listener->events);
    log_info(event, LOG_STRING("address", text), LOG_NUMBER("port", port));
}

void listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    timer_free(listener->resume);
    evconnlistener_free(listener->events);
    free(listener);
}
