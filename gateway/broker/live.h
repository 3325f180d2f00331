/* broker/live.h: messages that are not stored (--delivery live), only pushed to who is connected.
 *
 * Their ids are this host's clock in Unix ms and a number: they grow strictly within one gateway,
 * also when the clock is set back. Those of two gateways have no order; that they are not equal is
 * as good as certain, since the numbers of each begin somewhere else, at random. */
#pragma once

#include "broker/mailbox.h"

struct live;

struct live *live_new(struct broker *broker); /* which outlives every call; never NULL */
/* After the broker, which still answers what was pending; NULL is allowed. */
void live_free(struct live *live);

/* Publishes one message, and its copy (scripts/live.lua). A ref is only passed on. The texts are
 * copied. `done` is called once, as for mailbox_accept(). */
void live_publish(struct live *live, const struct mailbox_message *message,
                  mailbox_accepted_cb *done, void *arg);
