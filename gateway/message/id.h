/* message/id.h: ids of messages: those of Redis stream entries, MS-SEQ in decimal
 * (https://redis.io/docs/latest/develop/data-types/streams/#entry-ids). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct message_id {
    uint64_t ms;
    uint64_t seq;
};

#define MESSAGE_ID_TEXT_MAX 42 /* two 20-digit numbers, the hyphen, a NUL */

/* The exact form MS-SEQ: no blanks, signs or leading zeros. */
MUST_USE bool message_id_parse(struct text text, struct message_id *id);

/* NUL-terminated; the result is text over `out`. */
struct text message_id_format(struct message_id id, char out[MESSAGE_ID_TEXT_MAX]);

/* Below 0, 0 or above 0, as memcmp(3). */
int message_id_compare(struct message_id left, struct message_id right);
