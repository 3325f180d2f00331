/* parley/incoming.h: what a frame of the gateway says, as far as the commands of `parley` look.
 *
 * What is missing, or of another kind than it should be, is empty, 0 or false. Everything points
 * into the frame. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"
#include "message/id.h"

struct incoming {
    /* As they were sent, without their quotes: words that the gateway makes, and our own refs. */
    struct text type;
    struct text ref;
    struct text code;
    struct text epoch;
    struct text gateway;
    struct text next; /* of `history` */
    struct text copy_ref;
    struct text copy_id;
    /* JSON, as it was sent: what people have chosen. */
    struct text sender;
    struct text receiver;
    struct text content;
    struct text message;  /* of an error */
    struct text messages; /* of `history`: an array of frames */
    bool has_id;
    struct message_id id;
    bool has_last;
    struct message_id last;
    bool is_copy;
    bool gap;
    bool reset;
    bool end;
    int64_t ts; /* Unix ms */
    int64_t retry_after_ms;
};

/* False when it is no JSON object; the rest of `incoming` is undefined then. */
MUST_USE bool incoming_read(struct text frame, struct incoming *incoming);

bool incoming_is(const struct incoming *incoming, const char *type);

/* Appends what the JSON value says: a string without quotes and escapes; anything else, and what no
 * UTF-8 can say, as it is. */
void incoming_append_value(struct text value, struct builder *out);

/* Whether the JSON value is this string. */
bool incoming_equals(struct text value, struct text string);
