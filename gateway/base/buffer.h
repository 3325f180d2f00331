/* base/buffer.h: shared bytes that never change, and the builder that makes them.
 *
 * A published message is held once, however many sessions it goes to: each holds a reference. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/text.h"

struct buffer;

/* A copy of `len` bytes, with one reference, which is the caller's. Never NULL. */
MUST_USE struct buffer *buffer_new(const void *data, size_t len);
struct buffer *buffer_ref(struct buffer *buffer);
void buffer_unref(struct buffer *buffer); /* the last one frees; NULL is allowed */
struct text buffer_text(const struct buffer *buffer);
unsigned buffer_references(const struct buffer *buffer);

/* Bytes under construction, born with their maximum. Appending past it sets `full`, appends
 * nothing, and everything after that is ignored too: check once, at the end. */
struct builder {
    char *data;
    size_t len;
    size_t capacity;
    size_t max;
    bool full;
};

void builder_init(struct builder *builder, size_t max);
void builder_clear(struct builder *builder); /* frees; may be used again after builder_init() */
void builder_reset(struct builder *builder); /* empty again, keeps its memory */

void builder_append(struct builder *builder, struct text bytes);
void builder_append_string(struct builder *builder, const char *string);
void builder_append_char(struct builder *builder, char byte);
void builder_append_number(struct builder *builder, uint64_t number);
void builder_printf(struct builder *builder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A JSON string with its quotes (RFC 8259, section 7): escapes '"', '\\' and bytes below 0x20;
 * everything else goes as it is, so `bytes` must be valid UTF-8. */
void builder_append_json(struct builder *builder, struct text bytes);

/* Percent-encodes '%', '{', '}', ':', 0x00 to 0x20 and 0x7F, in upper case: the encoding of ids in
 * the names of Redis keys. */
void builder_append_key_part(struct builder *builder, struct text bytes);

/* What was built so far; valid until the next change. */
struct text builder_text(const struct builder *builder);

/* What was built, as shared bytes with one reference. The builder is empty then and goes on. */
MUST_USE struct buffer *builder_to_buffer(struct builder *builder);
