/* parley/mailbox.h: what Redis knows of one user's mailbox, a stream. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "census.h"
#include "message/id.h"

struct mailbox {
    bool exists;
    int64_t length;           /* entries that are stored */
    int64_t added;            /* entries that were ever added; -1: Redis does not say */
    struct message_id first;  /* the oldest stored; 0-0: none is */
    struct message_id newest; /* the newest stored; 0-0: none is */
    struct message_id last;   /* generated: no message ever had a higher id; 0-0: none yet */
};

struct mailbox mailbox_read(const struct census *census, struct text user);

/* One entry, as gateways write it. What is not there is empty; owned, like `at`. */
struct mailbox_entry {
    struct text message; /* `m`: the frame without its head */
    struct text peer;
    struct text gateway; /* `g` */
    struct text session; /* `s` */
};

/* False when no entry has that id. To be cleared when true. */
MUST_USE bool mailbox_read_entry(const struct census *census, struct text user,
                                 struct message_id id, struct mailbox_entry *entry);
void mailbox_entry_clear(struct mailbox_entry *entry);

/* Calls take() with the ids of the entries up to `from`, the newest first, until it returns false
 * or enough was read: 1000 entries, or 4 MiB of them. */
void mailbox_walk(const struct census *census, struct text user, struct message_id from,
                  bool (*take)(void *arg, struct message_id id), void *arg);
