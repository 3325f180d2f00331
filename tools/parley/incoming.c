#include "incoming.h"

#include <stdlib.h>

#include "message/scan.h"

static struct text inside(const struct scan_value *value)
{
    if (value->kind != SCAN_STRING)
        return (struct text){0};
    return (struct text){value->text.at + 1, value->text.len - 2};
}

static bool read_bool(const struct scan_value *value)
{
    return value->kind == SCAN_TRUE;
}

static int64_t read_number(const struct scan_value *value)
{
    uint64_t number;

    if (value->kind != SCAN_NUMBER || !text_to_number(value->text, INT64_MAX, &number))
        return 0;
    return (int64_t)number;
}

static void read_copy(struct text object, struct incoming *incoming)
{
    struct scanner scanner;
    struct scan_value key;
    struct scan_value value;

    scan_begin(&scanner, object, SCAN_DEPTH_LIMIT);
    incoming->is_copy = scan_enter(&scanner, '{');
    while (incoming->is_copy && scan_member(&scanner, &key, &value)) {
        if (text_equal(inside(&key), TEXT("id")))
            incoming->copy_id = inside(&value);
        else if (text_equal(inside(&key), TEXT("ref")))
            incoming->copy_ref = inside(&value);
    }
}

static bool read_word(struct text name, const struct scan_value *value, struct incoming *incoming)
{
    const struct {
        struct text name;
        struct text *to;
    } words[] = {
        {TEXT("type"), &incoming->type}, {TEXT("ref"), &incoming->ref},
        {TEXT("code"), &incoming->code}, {TEXT("epoch"), &incoming->epoch},
        {TEXT("next"), &incoming->next}, {TEXT("gateway"), &incoming->gateway},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (text_equal(name, words[i].name)) {
            *words[i].to = inside(value);
            return true;
        }
    }
    return false;
}

static bool read_value(struct text name, const struct scan_value *value, struct incoming *incoming)
{
    const struct {
        struct text name;
        struct text *to;
    } values[] = {
        {TEXT("sender"), &incoming->sender},     {TEXT("receiver"), &incoming->receiver},
        {TEXT("content"), &incoming->content},   {TEXT("message"), &incoming->message},
        {TEXT("messages"), &incoming->messages},
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (text_equal(name, values[i].name)) {
            *values[i].to = value->text;
            return true;
        }
    }
    return false;
}

static void read_rest(struct text name, const struct scan_value *value, struct incoming *incoming)
{
    if (text_equal(name, TEXT("id")))
        incoming->has_id = message_id_parse(inside(value), &incoming->id);
    else if (text_equal(name, TEXT("last")))
        incoming->has_last = message_id_parse(inside(value), &incoming->last);
    else if (text_equal(name, TEXT("ts")))
        incoming->ts = read_number(value);
    else if (text_equal(name, TEXT("retry_after_ms")))
        incoming->retry_after_ms = read_number(value);
    else if (text_equal(name, TEXT("gap")))
        incoming->gap = read_bool(value);
    else if (text_equal(name, TEXT("reset")))
        incoming->reset = read_bool(value);
    else if (text_equal(name, TEXT("end")))
        incoming->end = read_bool(value);
    else if (text_equal(name, TEXT("copy")))
        read_copy(value->text, incoming);
}

bool incoming_read(struct text frame, struct incoming *incoming)
{
    struct scanner scanner;
    struct scan_value key;
    struct scan_value value;

    *incoming = (struct incoming){0};
    scan_begin(&scanner, frame, SCAN_DEPTH_LIMIT);
    if (!scan_enter(&scanner, '{'))
        return false;
    while (scan_member(&scanner, &key, &value)) {
        struct text name = inside(&key);

        if (!read_word(name, &value, incoming) && !read_value(name, &value, incoming))
            read_rest(name, &value, incoming);
    }
    return scan_end(&scanner);
}

bool incoming_is(const struct incoming *incoming, const char *type)
{
    return text_equal(incoming->type, text_of(type));
}

void incoming_append_value(struct text value, struct builder *out)
{
    struct scanner scanner;
    struct scan_value scanned;
    size_t len = SIZE_MAX;
    char *decoded;

    scan_begin(&scanner, value, SCAN_DEPTH_LIMIT);
    if (!scan_value(&scanner, &scanned) || scanned.kind != SCAN_STRING) {
        builder_append(out, value);
        return;
    }
    decoded = memory_alloc(value.len);
    len = scan_decode(&scanned, decoded);
    builder_append(out, len == SIZE_MAX ? value : (struct text){decoded, len});
    free(decoded);
}

bool incoming_equals(struct text value, struct text string)
{
    struct builder decoded;
    bool equal;

    builder_init(&decoded, SIZE_MAX);
    incoming_append_value(value, &decoded);
    equal = value.len > 0 && *value.at == '"' && text_equal(builder_text(&decoded), string);
    builder_clear(&decoded);
    return equal;
}
