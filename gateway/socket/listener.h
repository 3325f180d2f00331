/* socket/listener.h: a bound port and its new connections.
 *
 * libevent accepts, because Debian's libwebsockets cannot share a port, and to have a place where
 * accepting pauses when descriptors run out. */
#pragma once

#include <stdbool.h>

#include "base/loop.h"

struct listener;

/* A new non-blocking socket with TCP_NODELAY; it is the callee's from now on. */
typedef void listener_accept_cb(void *arg, int fd);

/* Binds; accepting begins with listener_start(). With reuse_port another process may bind the same
 * port (SO_REUSEPORT); without it a taken port is an error. NULL on failure, which is logged. */
MUST_USE struct listener *listener_new(struct loop *loop, const char *address, int port,
                                       bool reuse_port, listener_accept_cb *accept, void *arg);
void listener_start(struct listener *listener, const char *event); /* logs `event`, address, port */
void listener_free(struct listener *listener); /* closes the port; NULL is allowed */
