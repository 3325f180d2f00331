/* parley/transcript.h: a conversation as lines for people: `2026-11-24T06:02:39Z bob: hello`.
 *
 * One line a message, whatever it says: strangers choose the words, and nothing of them may move
 * the cursor or change colours. Line feed, carriage return and tab are written \n, \r and \t, other
 * control characters, and those that change the direction of writing, as \u and four digits. */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"
#include "incoming.h"

/* Text of strangers, made harmless. */
void transcript_append_visible(struct text text, struct builder *out);
/* What a JSON value says, made harmless. */
void transcript_append_value(struct text value, struct builder *out);

/* A line for a message, as `user` sees it in a conversation with `peer`: what `user` wrote to
 * others (from another place) has `-> carol` in it. */
void transcript_append_message(const struct incoming *message, struct text user, struct text peer,
                               struct builder *out);

/* A line for what was sent from here, and is accepted: `2026-11-24T06:02:39Z ✓ hello` */
void transcript_append_sent(int64_t unix_ms, struct text content, struct builder *out);

/* A line for messages that are missing at this place. */
void transcript_append_gap(bool reset, struct builder *out);
