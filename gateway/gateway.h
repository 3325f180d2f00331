/* gateway.h: all parts of one gateway process, built, started, stopped and freed in order. */
#pragma once

#include "base/config.h"
#include "base/loop.h"

struct gateway;

/* Builds the parts and binds the ports; Redis need not be there. `config` outlives the gateway.
 * NULL when the world does not allow it (a port is taken); the reason is logged. */
MUST_USE struct gateway *gateway_new(struct loop *loop, const struct config *config);

/* Begins to accept and to connect to Redis. */
void gateway_start(struct gateway *gateway);

/* Ends everything in order, while HTTP is answered: no new sessions; those that are there are
 * closed, spread over --drain; then their channels and the connections to Redis; then loop_stop().
 * The second call stops the loop at once. */
void gateway_stop(struct gateway *gateway);

void gateway_free(struct gateway *gateway); /* NULL is allowed */
