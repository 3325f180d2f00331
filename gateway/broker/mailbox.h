/* broker/mailbox.h: a user's stored messages, a Redis stream
 * (https://redis.io/docs/latest/develop/data-types/streams/).
 *
 * The fields of an entry: `m` the frame without its head (write_message_body()), `peer` the other
 * user, `g` the accepting gateway, `s` the sending session. An entry is a message to that user, or
 * the copy of one that the user sent: then `m` begins with a member `copy` (write_copy()). */
#pragma once

#include <stdint.h>

#include "broker/broker.h"
#include "message/id.h"

struct mailbox_message {
    struct text receiver;
    struct text sender;
    struct text body;    /* the `m` field */
    struct text gateway; /* the `g` field */
    struct text session; /* the `s` field; 16 hexadecimal digits */
    struct text ref;     /* empty: none */
    bool copy;           /* for the sender, who is not the receiver, too */
};

struct mailbox_bounds {
    unsigned max_entries; /* of a mailbox; approximate (MAXLEN ~) */
    int64_t ttl_ms;       /* of a mailbox, from its last message on; 0: for ever */
    int64_t ref_ttl_ms;   /* for how long a ref is known; > 0 */
};

enum mailbox_verdict {
    MAILBOX_ACCEPTED, /* and published */
    MAILBOX_REPEATED, /* nothing was done: it had been, with the same ref, and has this id */
    MAILBOX_CONFLICT, /* nothing was done: another message had been, with the same ref */
};

struct mailbox_accepted {
    enum broker_outcome outcome;
    /* With BROKER_ANSWERED: */
    enum mailbox_verdict verdict;
    struct message_id id;     /* the entry's, and the published frame's */
    int64_t subscribers;      /* gateways (and others) that were subscribed */
    struct text copy_refusal; /* why there is no copy, in Redis' words; empty: there is, or none
                               * was wanted */
};

/* `accepted` lives until it returns. */
typedef void mailbox_accepted_cb(void *arg, const struct mailbox_accepted *accepted);

/* Stores and publishes one message, atomically (scripts/accept.lua). The texts are copied. `done`
 * is called once, as broker.h says: whatever is not BROKER_ANSWERED or BROKER_UNANSWERED is surely
 * not stored. */
void mailbox_accept(struct broker *broker, const struct mailbox_message *message,
                    const struct mailbox_bounds *bounds, mailbox_accepted_cb *done, void *arg);
