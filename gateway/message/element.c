#include "message/element.h"

#include <string.h>

#define NAME_MAX_ESCAPED 128 /* more than any name takes that we look for, all of it as \u0041 */

#define NAME(symbol, name) {(name), sizeof(name) - 1},
static const struct text NAMES[MEMBER_COUNT] = {MEMBERS(NAME)};
#undef NAME

size_t element_index_of(const struct scan_value *string, const struct text *names, size_t count)
{
    char decoded[NAME_MAX_ESCAPED];
    struct text text = {string->text.at + 1, string->text.len - 2};
    size_t index = 0;

    if (string->escaped) {
        if (text.len > sizeof(decoded))
            return count;
        text = (struct text){decoded, scan_decode(string, decoded)};
        if (text.len == SIZE_MAX)
            return count;
    }
    while (index < count && !text_equal(text, names[index]))
        index++;
    return index;
}

bool element_read(struct scanner *scanner, struct element *element)
{
    struct scan_value key;
    struct scan_value value;
    size_t outside = scanner->depth;

    memset(element, 0, sizeof(*element));
    if (scan_peek(scanner) != '{') {
        if (!scan_value(scanner, &value))
            return false;
        element->kind = value.kind;
        element->text = value.text;
        return true;
    }
    size_t start = scanner->at;
    scanner->deepest = outside;
    element->kind = SCAN_OBJECT;
    scan_enter(scanner, '{');
    while (scan_member(scanner, &key, &value)) {
        size_t member = element_index_of(&key, NAMES, MEMBER_COUNT);

        if (member == MEMBER_COUNT)
            continue;
        if (element->members[member].text.at == NULL)
            element->members[member] = value;
        else
            element->doubled = NAMES[member].at;
    }
    element->text = (struct text){scanner->text.at + start, scanner->at - start};
    element->depth = scanner->deepest - outside;
    return scanner->error == SCAN_OK;
}
