/* broker/pages.h: reading a user's mailbox, a page at a time (scripts/page.lua). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "broker/broker.h"
#include "message/id.h"

enum page_start { PAGE_FROM_POSITION, PAGE_FROM_CURSOR };

/* Whether all that was ever stored behind the position is read.
 *
 * PAGE_RESET: the position is above the last id that the mailbox gave (0-0 when there is none), or
 * it is from another epoch and not stored any more. It says nothing about this mailbox: reading
 * restarts at 0-0. PAGE_GAP: it is not stored, nor the last id; or it is 0-0, and something that
 * was stored is not any more. A gap may be told falsely. */
enum page_gap { PAGE_NO_GAP, PAGE_GAP, PAGE_RESET };

struct page_request {
    struct text user;
    enum page_start start;
    struct text device; /* PAGE_FROM_CURSOR: whose; without one, from 0-0, which is no gap */
    struct message_id position; /* PAGE_FROM_POSITION: entries behind it */
    bool same_epoch; /* PAGE_FROM_POSITION: it is from the epoch of broker_epoch(). A cursor
                      * always is: it goes where its mailbox goes. 0-0 is of any epoch */
    unsigned count;  /* entries at most, > 0 */
    size_t room;     /* bytes of frames: what may not fit any more is left for the next page */
    size_t longest;  /* bytes of one frame, > 0. The first is read though it has no room */
};

struct page_entry {
    struct message_id id;
    struct text body; /* the `m` field; `at` is NULL when it has none */
};

struct page {
    enum broker_outcome outcome; /* everything else is set with BROKER_ANSWERED only */
    enum page_gap gap;
    struct message_id position; /* behind which it was read: the request's, the cursor's, or 0-0 */
    struct message_id last;     /* the last id that the mailbox gave; 0-0: none */
    size_t count;
    const struct page_entry *entries; /* ascending; live until the callback returns */
    bool is_last;                     /* nothing is stored behind these */
};

typedef void page_cb(void *arg, const struct page *page);

/* Reads one page, in a time that does not depend on how much is stored. The texts are copied.
 * `done` is called once, as broker.h says. It is a read: a Redis that takes no writes answers it
 * too. A mailbox key of another type is read as empty, and logged: its user can still send. A
 * stored cursor that is no id counts as none, and is logged. */
void page_read(struct broker *broker, const struct page_request *request, page_cb *done, void *arg);
