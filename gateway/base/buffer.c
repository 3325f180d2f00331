#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CAPACITY 64

struct buffer {
    unsigned references; /* one thread: no atomics */
    size_t len;
    char data[];
};

struct buffer *buffer_new(const void *data, size_t len)
{
    struct buffer *buffer = memory_alloc(sizeof(*buffer) + len);
    buffer->references = 1;
    buffer->len = len;
    if (len > 0)
        memcpy(buffer->data, data, len);
    return buffer;
}

struct buffer *buffer_ref(struct buffer *buffer)
{
    buffer->references++;
    return buffer;
}

void buffer_unref(struct buffer *buffer)
{
    if (buffer == NULL)
        return;
    assert(buffer->references > 0);
    if (--buffer->references == 0)
        free(buffer);
}

struct text buffer_text(const struct buffer *buffer)
{
    return (struct text){buffer->data, buffer->len};
}

unsigned buffer_references(const struct buffer *buffer)
{
    return buffer->references;
}

void builder_init(struct builder *builder, size_t max)
{
    *builder = (struct builder){.max = max};
}

void builder_clear(struct builder *builder)
{
    free(builder->data);
    *builder = (struct builder){0};
}

void builder_reset(struct builder *builder)
{
    builder->len = 0;
    builder->full = false;
}

/* Where the next `len` bytes go, or NULL when they do not fit. One byte more than the capacity is
 * allocated: vsnprintf() ends with a NUL, which is not content. */
static char *room_for(struct builder *builder, size_t len)
{
    if (builder->full || len > builder->max - builder->len) {
        builder->full = true;
        return NULL;
    }
    size_t needed = builder->len + len;
    if (needed > builder->capacity || builder->data == NULL) {
        size_t capacity =
            builder->capacity > builder->max / 2 ? builder->max : 2 * builder->capacity;
        if (capacity < needed)
            capacity = needed;
        if (capacity < SMALLEST_CAPACITY)
            capacity = SMALLEST_CAPACITY < builder->max ? SMALLEST_CAPACITY : builder->max;
        builder->data = memory_resize(builder->data, capacity + 1);
        builder->capacity = capacity;
    }
    return builder->data + builder->len;
}

void builder_append(struct builder *builder, struct text bytes)
{
    if (bytes.len == 0)
        return;
    char *room = room_for(builder, bytes.len);
    if (room == NULL)
        return;
    memcpy(room, bytes.at, bytes.len);
    builder->len += bytes.len;
}

void builder_append_string(struct builder *builder, const char *string)
{
    builder_append(builder, text_of(string));
}

void builder_append_char(struct builder *builder, char byte)
{
    char *room = room_for(builder, 1);
    if (room == NULL)
        return;
    *room = byte;
    builder->len++;
}

void builder_append_number(struct builder *builder, uint64_t number)
{
    char digits[TEXT_NUMBER_MAX];

    builder_append(builder, text_from_number(number, digits));
}

void builder_printf(struct builder *builder, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(len >= 0); /* only a wrong format fails */

    char *room = room_for(builder, (size_t)len);
    if (room == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(room, (size_t)len + 1, format, arguments);
    va_end(arguments);
    builder->len += (size_t)len;
}

/* What RFC 8259, section 7 has a short form for, as JavaScript's JSON.stringify() writes it. */
static char short_escape(char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return byte;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

void builder_append_json(struct builder *builder, struct text bytes)
{
    size_t plain = 0; /* where the bytes begin that go as they are */

    builder_append_char(builder, '"');
    for (size_t i = 0; i < bytes.len; i++) {
        char byte = bytes.at[i];
        if ((unsigned char)byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        builder_append(builder, (struct text){bytes.at + plain, i - plain});
        plain = i + 1;
        char escape = short_escape(byte);
        if (escape != '\0') {
            builder_append_char(builder, '\\');
            builder_append_char(builder, escape);
        } else {
            builder_printf(builder, "\\u%04x", (unsigned)byte);
        }
    }
    if (plain < bytes.len)
        builder_append(builder, (struct text){bytes.at + plain, bytes.len - plain});
    builder_append_char(builder, '"');
}

static bool is_key_syntax(char byte)
{
    return (unsigned char)byte <= 0x20 || byte == 0x7f || byte == '%' || byte == '{' ||
           byte == '}' || byte == ':';
}

void builder_append_key_part(struct builder *builder, struct text bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (is_key_syntax(bytes.at[i]))
            builder_printf(builder, "%%%02X", (unsigned)bytes.at[i]);
        else
            builder_append_char(builder, bytes.at[i]);
    }
}

struct text builder_text(const struct builder *builder)
{
    return (struct text){builder->data, builder->len};
}

struct buffer *builder_to_buffer(struct builder *builder)
{
    struct buffer *buffer = buffer_new(builder->data, builder->len);
    builder_reset(builder);
    return buffer;
}
