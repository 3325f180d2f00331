/* broker/history.h: pages of one conversation, out of a user's mailbox (scripts/history.lua).
 *
 * Both directions are in it: what came, and copies of what the user sent. What one page costs does
 * not depend on how long the mailbox is, or whose messages are in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "broker/broker.h"
#include "message/id.h"

/* What is read of a mailbox for one page, whatever is found. */
#define HISTORY_ENTRIES_MAX 200
#define HISTORY_BYTES_MAX (512 * 1024)

struct history_request {
    struct text user;   /* whose mailbox */
    struct text peer;   /* the other user of the conversation */
    struct text before; /* an id; empty: from the newest on */
    unsigned limit;     /* messages, > 0 */
    size_t longest;     /* bytes of an `m` that is worth sending */
};

struct history_entry {
    struct message_id id;
    struct text body; /* the `m` field; at is NULL when it is no message */
};

struct history_page {
    enum broker_outcome outcome;
    bool is_end;            /* the beginning of the mailbox was reached */
    struct message_id next; /* in front of which to go on */
    size_t read;            /* entries, for whichever peer */
    size_t count;
    const struct history_entry *entries; /* newest first; live until the callback returns */
};

typedef void history_cb(void *arg, const struct history_page *page);

/* The texts are copied. `done` is called once, as broker.h says. */
void history_read(struct broker *broker, const struct history_request *request, history_cb *done,
                  void *arg);
