/* message/field.h: the value of one member of a request, checked and decoded. */
#pragma once

#include <stddef.h>

#include "base/text.h"
#include "message/scan.h"

#define FIELD_STRING_MAX 128 /* the most that `max` may be below */

/* Decodes a member into `text`: the frame's own bytes, or `storage` (of `max` bytes) where escapes
 * made that necessary. NULL when it is a string of 1 to `max` bytes without control characters;
 * else what is wrong with it, in words that follow its name. */
const char *field_read_string(const struct scan_value *value, size_t max, char *storage,
                              struct text *text);

/* The same for a whole number from 1 to `max`, written as digits alone. */
const char *field_read_count(const struct scan_value *value, unsigned max, unsigned *count);
