/* parley/fate.h: what became of a message, in one line of words. */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "base/text.h"
#include "devices.h"
#include "mailbox.h"
#include "message/id.h"

struct fate_facts {
    struct text user;
    struct message_id id;
    const struct mailbox *mailbox; /* the user's */
    bool is_stored;                /* in it */
    const struct devices *devices;
};

/* Appends a line without its end. */
void fate_append(const struct fate_facts *facts, struct builder *out);
