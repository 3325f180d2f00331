/* parley/verdict.h: whether a user receives, and why not, in one line of words. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"
#include "user.h"

struct verdict_facts {
    struct text user;
    struct text channel;  /* the user's, by its name in Redis */
    const char *schema;   /* that Redis has; NULL: none */
    size_t live_gateways; /* on this Redis, whoever's sessions they have */
    int64_t subscribers;  /* of the channel */
    int64_t mailbox;      /* messages in it */
    const struct user_session *sessions;
    size_t session_count;
};

/* Appends a line without its end. */
void verdict_append(const struct verdict_facts *facts, struct builder *out);
