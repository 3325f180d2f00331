#include "message/field.h"

#include <assert.h>
#include <string.h>

#define ESCAPE_LEN 6 /* \u0041: the longest that one decoded byte may be written */

const char *field_read_string(const struct scan_value *value, size_t max, char *storage,
                              struct text *text)
{
    char decoded[ESCAPE_LEN * FIELD_STRING_MAX];

    assert(max <= FIELD_STRING_MAX);
    if (value->text.at == NULL)
        return "is missing";
    if (value->kind != SCAN_STRING)
        return "is not a string";
    struct text string = {value->text.at + 1, value->text.len - 2};
    if (value->escaped) {
        if (string.len > max * ESCAPE_LEN)
            return "is too long";
        string = (struct text){decoded, scan_decode(value, decoded)};
        if (string.len == SIZE_MAX)
            return "has half of a surrogate pair";
    }
    if (string.len == 0)
        return "is empty";
    if (string.len > max)
        return "is too long";
    if (text_has_control(string))
        return "has a control character";
    if (value->escaped)
        string.at = memcpy(storage, decoded, string.len);
    *text = string;
    return NULL;
}

const char *field_read_count(const struct scan_value *value, unsigned max, unsigned *count)
{
    uint64_t number;

    if (value->text.at == NULL)
        return "is missing";
    if (value->kind != SCAN_NUMBER)
        return "is not a number";
    if (!text_to_number(value->text, UINT64_MAX, &number))
        return "is not a whole number";
    if (number == 0)
        return "is 0";
    if (number > max)
        return "is too large";
    *count = (unsigned)number;
    return NULL;
}
