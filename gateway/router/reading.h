/* router/reading.h: one page of each of a session's mailboxes, merged by id.
 *
 * A session has one user, or two when it is a pair session: then two pages are asked for, and given
 * in the order of their ids as far as both are known. What is behind that is read again next time.
 */
#pragma once

#include "broker/pages.h"
#include "session/session.h"

struct reading;

struct reading_settings {
    bool from_cursor; /* else from the session's positions */
    bool same_epoch;  /* as in pages.h */
    unsigned epoch;   /* the owner's: see reading_epoch() */
    unsigned count;   /* these three as in pages.h, of each user's page */
    size_t room;
    size_t longest;
    /* Called once, also when Redis did not answer, and when the session is gone by then. The
     * reading is the callee's to free. */
    void (*done)(void *arg, struct reading *reading);
    void *arg;
};

/* One message. The frame is borrowed; NULL when the entry is none that a client may see, which has
 * been counted and logged. */
struct reading_entry {
    size_t user; /* as in session_user() */
    struct message_id id;
    struct buffer *frame;
};

void reading_begin(struct broker *broker, const struct session *session,
                   const struct reading_settings *settings);
void reading_free(struct reading *reading);

uint64_t reading_session(const struct reading *reading); /* its number */
unsigned reading_epoch(const struct reading *reading);
/* False when one of the pages is not there. The functions below are for a good one. */
bool reading_is_good(const struct reading *reading);

/* What is known of one user's page; its entries are taken. */
const struct page *reading_page(const struct reading *reading, size_t user);
struct message_id reading_last(const struct reading *reading); /* the highest of all mailboxes */
/* The next one, in the order of ids. False when there is none that is known to be the next. */
MUST_USE bool reading_next(struct reading *reading, struct reading_entry *entry);
/* True when nothing is stored behind what reading_next() has given. */
bool reading_is_last(const struct reading *reading);
