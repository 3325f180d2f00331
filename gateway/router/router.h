/* router/router.h: a client's frame to what is done about it and what is answered.
 *
 * The way of a message: parsed, checked, handed to Redis by one script, and answered with `sent`
 * (when it has a ref, also a repeated one) or `error` once Redis has spoken. A pair session is
 * answered nothing: its errors are logged with both ids. */
#pragma once

#include "broker/mailbox.h"
#include "router/feed.h"
#include "router/history.h"
#include "router/queries.h"
#include "session/registry.h"

struct router;

struct router_settings {
    struct broker *broker;     /* outlives it */
    struct registry *registry; /* outlives it */
    struct queries *queries;   /* outlives it */
    struct feed *feed;         /* outlives it */
    struct history *history;   /* outlives it */
    bool durable;              /* as --delivery */
    bool copies;               /* as --copies */
    bool presence;             /* as --presence; off: `sent` does not say whether it was online */
    size_t max_message;        /* bytes of one element of a frame */
    unsigned max_depth;
    struct mailbox_bounds bounds; /* of what is stored */
};

struct router *router_new(const struct router_settings *settings); /* never NULL */
/* After the broker: a freed broker still answers what was pending. */
void router_free(struct router *router);

/* One whole data frame of a session; borrowed until it returns. The session may be CLOSING then. */
void router_receive(struct router *router, struct session *session, struct text frame);

/* Handles what was held: frames that came while the session was OPENING wait until Redis has
 * confirmed its channels, or they could be published before it hears of them. The order in which
 * Redis serves two connections is not the order of our writes. */
void router_release(struct router *router, struct session *session);
