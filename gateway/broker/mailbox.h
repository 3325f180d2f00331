/* broker/mailbox.h: a user's stored messages, a Redis stream
 * (https://redis.io/docs/latest/develop/data-types/streams/).
 *
 * The fields of an entry: `m` the frame without its head (write_message_body()), `peer` the other
 * user, `g` the accepting gateway, `s` the sending session. */
#pragma once

#include <stdint.h>

#include "broker/broker.h"
#include "message/id.h"

struct mailbox_message {
    struct text receiver;
    struct text sender;
    struct text body;    /* the `m` field */
    struct text gateway; /* the `g` field */
    struct text session; /* the `s` field */
};

struct mailbox_accepted {
    enum broker_outcome outcome;
    struct message_id id; /* with BROKER_ANSWERED: the entry's, and the published frame's */
    int64_t subscribers;  /* gateways (and others) that were subscribed */
};

typedef void mailbox_accepted_cb(void *arg, const struct mailbox_accepted *accepted);

/* Stores and publishes one message, atomically (scripts/accept.lua). The texts are copied. `done`
 * is called once, as broker.h says. max_entries is approximate (MAXLEN ~); ttl_ms is counted from
 * the mailbox' last message. */
void mailbox_accept(struct broker *broker, const struct mailbox_message *message,
                    unsigned max_entries, int64_t ttl_ms, mailbox_accepted_cb *done, void *arg);
