/* base/text.h: borrowed bytes, and the strict reading of text that strangers wrote.
 *
 * A `struct text` points into somebody else's memory, is not NUL-terminated and may hold any byte.
 * Who makes one says how long it is valid. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

struct builder;

struct text {
    const char *at;
    size_t len;
};

/* A string literal, or a NUL-terminated string, as text. */
#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})
struct text text_of(const char *string); /* NULL gives an empty text */

/* Bytes compare as bytes: no case, no locale, no normalization. */
bool text_equal(struct text left, struct text right);
int text_compare(struct text left, struct text right); /* as memcmp(3); a beginning comes first */
bool text_starts_with(struct text whole, struct text prefix);

/* Takes the bytes up to the first `separator` off the front of `rest` and returns them; the
 * separator goes too. Without one, all of `rest`. */
struct text text_split(struct text *rest, char separator);

/* Without the blanks and tabs at both ends. */
struct text text_trim(struct text text);

/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool text_is_utf8(struct text bytes);

/* True when a byte below 0x20 or 0x7F is in it. */
bool text_has_control(struct text bytes);

/* Undoes percent-encoding (RFC 3986, section 2.1) into `out`; with `plus_is_space`, as in a query
 * string, '+' is a blank. False for a '%' without two hexadecimal digits, or when `out` is full. */
MUST_USE bool text_percent_decode(struct text encoded, bool plus_is_space, struct builder *out);

#define TEXT_NUMBER_MAX 20 /* digits of a number */
/* The number in decimal; the result lies in `digits`. */
struct text text_from_number(uint64_t number, char digits[TEXT_NUMBER_MAX]);

/* A decimal number without sign, blanks or leading zeros beyond a single 0; at most `max`. */
MUST_USE bool text_to_number(struct text digits, uint64_t max, uint64_t *value);
