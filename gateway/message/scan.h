/* message/scan.h: a strict scanner for JSON (RFC 8259): grammar, UTF-8, depth, extents.
 *
 * It builds no tree: what it finds are ranges of the given bytes, so that a message's content is
 * carried byte by byte, whatever its numbers, escapes and key order. No recursion and no
 * allocation: containers that are open are bits. Blank is only space, tab, LF and CR; a byte order
 * mark is an error. A lone surrogate escape such as \ud800 is grammatical, and accepted.
 *
 *     struct scanner scanner;
 *     scan_begin(&scanner, text, max_depth);
 *     scan_value(&scanner, &value)            one whole value, whatever it is; or
 *     scan_enter(&scanner, '{'), then         into an object or array at the cursor
 *     scan_member(&scanner, &key, &value)     until it returns false, and
 *     scan_end(&scanner)                      nothing but blanks may follow
 *
 * After the first error every call returns false; look at `error` once, at the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define SCAN_DEPTH_LIMIT 512 /* the most that max_depth may be */

enum scan_kind {
    SCAN_OBJECT,
    SCAN_ARRAY,
    SCAN_STRING,
    SCAN_NUMBER,
    SCAN_TRUE,
    SCAN_FALSE,
    SCAN_NULL
};

enum scan_error { SCAN_OK, SCAN_BAD_JSON, SCAN_TOO_DEEP };

/* A value found in the text: `text` covers it exactly, a string with its quotes. */
struct scan_value {
    enum scan_kind kind;
    struct text text;
    bool escaped; /* a string that has a backslash in it: scan_decode() is needed to compare it */
};

struct scanner {
    struct text text;
    size_t at;
    size_t max_depth;
    size_t depth;   /* containers that are open */
    size_t deepest; /* the most of them at once; the caller may set it back to `depth` */
    bool first;     /* nothing of the innermost one was read yet */
    enum scan_error error;
    const char *expected; /* what the grammar wanted at `at`, in words */
    uint64_t is_object[SCAN_DEPTH_LIMIT / 64];
};

/* `text` must outlive the scanner. max_depth: 1 (a scalar in nothing is depth 0, [] is 1) to
 * SCAN_DEPTH_LIMIT. */
void scan_begin(struct scanner *scanner, struct text text, size_t max_depth);

/* The first byte of the value at the cursor, without moving; 0 at the end of the text. */
char scan_peek(struct scanner *scanner);

/* Reads one whole value, checking everything inside. */
bool scan_value(struct scanner *scanner, struct scan_value *value);

/* Steps into the container at the cursor: `opening` is '{' or '['. False, and no error, when
 * something else is there. Too deep is an error. */
bool scan_enter(struct scanner *scanner, char opening);

/* The next member of the object, or element of the array, that was entered. False at its closing
 * bracket (which is consumed) and on error. An element that is to be entered rather than read is
 * reached with scan_next(), which stops in front of it. */
bool scan_member(struct scanner *scanner, struct scan_value *key, struct scan_value *value);
bool scan_element(struct scanner *scanner, struct scan_value *value);
bool scan_next(struct scanner *scanner);

/* True when only blanks are left and nothing is open. */
bool scan_end(struct scanner *scanner);

/* The string's bytes without quotes and escapes, into `out` (at least as long as the string: a
 * decoded string is never longer than its source). The length; SIZE_MAX when it has a lone
 * surrogate, which no UTF-8 can say. */
size_t scan_decode(const struct scan_value *string, char *out);
