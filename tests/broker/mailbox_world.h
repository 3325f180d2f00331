/* Mailboxes and cursors as the tests look at them: through the broker, and as they stand in Redis.
 */
#pragma once

#include "broker/pages.h"
#include "world.h"

#define MAILBOX "parley:mailbox:{bob}"
#define CURSOR "parley:cursor:{bob}"
#define PAGE_SEEN_MAX 200

/* So many entries at most in a page, and room for them. */
#define ENTRIES(n) .count = (n), .room = SIZE_MAX / 2, .longest = 1

/* An id of a test: SEQ is always 1. */
#define ID(ms) ((struct message_id){(ms), 1})

/* The result of one page_read(). */
struct page_seen {
    unsigned fired;
    enum broker_outcome outcome;
    enum page_gap gap;
    struct message_id position;
    struct message_id last;
    size_t count;
    bool is_last;
    struct message_id ids[PAGE_SEEN_MAX];
    char bodies[PAGE_SEEN_MAX][16]; /* as far as they fit, NUL-terminated */
    bool has_body[PAGE_SEEN_MAX];
};

/* Reads a page and waits for what comes of it; valid until the next call. */
const struct page_seen *page_ask(struct world *world, const struct page_request *request);
/* The same, which must be answered: bob's messages behind a position of this epoch, or the cursor
 * of `device`; at most PAGE_SEEN_MAX. */
const struct page_seen *page_behind(struct world *world, struct message_id position);
const struct page_seen *page_of_device(struct world *world, const char *device);

/* Stores a message with that id in bob's mailbox, which it makes, or another key. */
void mailbox_add(struct world *world, const char *key, const char *id, const char *body);

/* Messages FIRST-1 to LAST-1 in bob's mailbox. */
void mailbox_fill(struct world *world, unsigned first, unsigned last);

void assert_id(struct message_id id, struct message_id expected);
/* What was read is FIRST-1 to LAST-1, in order, and nothing is left. */
void assert_page(const struct page_seen *seen, enum page_gap gap, unsigned position, unsigned first,
                 unsigned last);
/* Nothing was read, in a mailbox that holds something or not. */
void assert_nothing(const struct page_seen *seen, enum page_gap gap, struct message_id position);

/* bob's cursor in Redis, valid until Redis is asked again; "" for none. */
const char *cursor_of(struct world *world, const char *device);
/* How many cursors Redis was handed and answered. */
void cursors_assert_results(long written, long passed);

/* As of /metrics: NAME, or NAME{LABEL="VALUE"}. */
long metric_value(const char *name);

/* From here on the log goes to a file of this world. */
void log_begin(struct world *world);
/* How often `text` is in it. */
unsigned log_count(struct world *world, const char *text);
