/* auth/identity.h: from the parameters of an upgrade to who is connecting.
 *
 *     ?user=alice[&device=phone][&since=ID][&epoch=E][&ack=client]     a native session
 *     ?userA=a&userB=b               a pair session, the original contract: one of the two is
 *                                    enough, and equal ids are one identity */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/text.h"
#include "message/id.h"

struct identity {
    struct text users[2];
    size_t user_count;
    struct text device;
    bool pair;
    bool acks; /* ack=client */
    bool has_since;
    struct message_id since;
    struct text epoch; /* empty: not given */
    char *storage;     /* the device of a pair session, pair:A:B; NULL otherwise */
};

struct identity_error {
    const char *code; /* a word */
    struct text message;
};

/* Reads `count` parameters, each NAME or NAME=VALUE, percent-decoded, in any order; names that are
 * not known are ignored. The texts of `identity` point into the parameters and into itself: to be
 * cleared when true. When false, `error` says what was wrong and what would be right; its message
 * is built in `words`. */
MUST_USE bool identity_read(struct identity *identity, const struct text *parameters, size_t count,
                            struct identity_error *error, struct builder *words);
void identity_clear(struct identity *identity);
