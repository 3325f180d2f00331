/* common/handshake.h: the opening handshake, client's side (RFC 6455, section 4). Pure, but for
 * drawing the key. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

#define HANDSHAKE_SWITCHED 101 /* the status that agrees to the upgrade */
#define HANDSHAKE_KEY_SIZE 25  /* 16 random bytes in base64, and a NUL */

void handshake_draw_key(char key[HANDSHAKE_KEY_SIZE]);

/* `authority` and `target` as in common/url.h. */
void handshake_write_request(struct builder *out, const char *authority, struct text target,
                             const char *key);

struct handshake_answer {
    int status;
    size_t body_len; /* SIZE_MAX: the body ends with the connection */
};

/* Reads the answer's head, with the empty line that ends it. NULL when it is an answer: with
 * HANDSHAKE_SWITCHED it agrees to the request that had this key. Else what is wrong with it, in
 * words. */
MUST_USE const char *handshake_read_answer(struct text head, const char *key,
                                           struct handshake_answer *answer);
