/* parley/outgoing.h: messages on their way to the gateway, each with a ref that asks for an answer
 * and makes sending it again harmless. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define REFS_NAME_BYTES 12
#define REFS_NAME_SIZE (2 * REFS_NAME_BYTES + 1) /* in hexadecimal, and a NUL */
#define OUTGOING_REF_SIZE (REFS_NAME_SIZE + 21)  /* NAME-NUMBER */

/* The refs of one run: no two runs ever have the same name. */
struct refs {
    char name[REFS_NAME_SIZE];
    uint64_t count;
};

void refs_draw(struct refs *refs);
/* Whether it is one of these. */
bool refs_have(const struct refs *refs, struct text ref);

struct outgoing {
    char ref[OUTGOING_REF_SIZE];
    struct text content; /* owned */
    struct text frame;   /* owned: to be sent again to the byte */
};

/* as_json: content that is JSON is sent as such, else as a string. False when it is not UTF-8;
 * nothing is to be cleared then. */
MUST_USE bool outgoing_make(struct outgoing *outgoing, struct refs *refs, struct text receiver,
                            struct text content, bool as_json);
void outgoing_clear(struct outgoing *outgoing);
