/* broker/dialer.h: from Redis' address to a socket that is being connected, without blocking.
 *
 * An address in digits and a unix socket are there at once. A name is looked up by libevent's evdns
 * in /etc/hosts and with the servers of /etc/resolv.conf; both are read again each time, because
 * they may be written after the process started. nsswitch.conf is not asked. */
#pragma once

#include "base/address.h"
#include "base/loop.h"

struct dialer;

/* Called once per dialer_start(), perhaps before that returns. `fd` is non-blocking, and connected
 * when it becomes writable; it is the callee's. -1 with `error`, which lives until the callback
 * returns, when there is none. */
typedef void dialer_cb(void *arg, int fd, const char *error);

/* `address` outlives the dialer. Never NULL. */
struct dialer *dialer_new(struct loop *loop, const struct redis_address *address, dialer_cb *done,
                          void *arg);
void dialer_free(struct dialer *dialer); /* stops first; NULL is allowed */

/* Of a name with several addresses each start takes the next one. */
void dialer_start(struct dialer *dialer);
void dialer_stop(struct dialer *dialer); /* `done` is not called any more */

/* The address without user and password, for the log; lives as long as the dialer. */
const char *dialer_name(const struct dialer *dialer);
