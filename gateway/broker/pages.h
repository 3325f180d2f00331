/* broker/pages.h: reading a user's mailbox, a page at a time (scripts/page.lua).
 *
 * What is missing between a position and the mailbox is told with each page; it may be told
 * falsely, and is never omitted:
 *
 * - A position that is 0-0 because the device was never here misses nothing.
 * - PAGE_RESET: it is above every id that the mailbox ever had, or not in it and of another epoch:
 *   Redis came back empty, older, or with another clock. Reading begins at 0-0.
 * - PAGE_GAP: it is not in the mailbox, and not the last id that the mailbox gave; or it is 0-0,
 * and the mailbox had more than it has. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "broker/broker.h"
#include "message/id.h"

enum page_start { PAGE_FROM_POSITION, PAGE_FROM_CURSOR };
enum page_gap { PAGE_NO_GAP, PAGE_GAP, PAGE_RESET };

/* The texts are copied. */
struct page_request {
    struct text user;
    enum page_start start;
    struct text device;         /* PAGE_FROM_CURSOR: whose cursor */
    struct message_id position; /* PAGE_FROM_POSITION: entries behind it are read */
    bool same_epoch;            /* the position is of the epoch in which Redis is now */
    unsigned count;             /* entries at most, > 0 */
};

struct page_entry {
    struct message_id id;
    struct text body; /* the `m` field; `at` is NULL when it has none */
};

struct page {
    enum broker_outcome outcome; /* the rest is for BROKER_ANSWERED */
    enum page_gap gap;
    struct message_id position; /* behind which it was read: the request's, the cursor's, or 0-0 */
    struct message_id last;     /* the last id that the mailbox gave; 0-0: none */
    bool is_last;               /* nothing is stored behind these entries */
    size_t count;
    const struct page_entry *entries; /* ascending; they live until the callback returns */
};

typedef void page_cb(void *arg, const struct page *page);

/* `done` is called once, as broker.h says. A mailbox of another type, which is logged, is read as
 * empty: its user can still send. */
void page_read(struct broker *broker, const struct page_request *request, page_cb *done, void *arg);
