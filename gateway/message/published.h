/* message/published.h: bytes that arrived on a user's channels: a gateway's, or somebody else's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "message/id.h"

/* What a gateway itself published, read by position, without parsing. */
enum published_kind { PUBLISHED_MESSAGE, PUBLISHED_SIGNAL, PUBLISHED_FOREIGN };
#define PUBLISHED_SESSION_LEN 16 /* hexadecimal digits of a session's name */
struct published {
    enum published_kind kind;
    struct message_id id; /* of a message; 0-0 otherwise */
    bool is_copy;         /* of what the user of the channel sent */
    struct text
        session; /* which sent it and is not to get it; points into the bytes; empty: to all */
};
struct published parse_published(struct text bytes);

/* What presence.lua published for who watches a user, read by position likewise. */
struct presence_event {
    bool online;
    int64_t since_ms; /* Unix, Redis' clock: when it became so, or a little earlier */
};

/* False when it is not to the byte what the script writes about this user. */
MUST_USE bool parse_presence_event(struct text bytes, struct text user,
                                   struct presence_event *event);

/* Bytes that somebody else put there: NULL when they are one JSON object of a type that a gateway
 * sends as message or signal, valid UTF-8, no deeper than SCAN_DEPTH_LIMIT, no known member given
 * twice; *is_message says which of the two then. Else why not, in words. */
const char *parse_foreign(struct text bytes, bool *is_message);
