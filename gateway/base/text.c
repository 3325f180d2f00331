#include "base/text.h"

#include <string.h>

#include "base/buffer.h"

struct text text_of(const char *string)
{
    return (struct text){string, string != NULL ? strlen(string) : 0};
}

bool text_equal(struct text left, struct text right)
{
    return left.len == right.len && (left.len == 0 || memcmp(left.at, right.at, left.len) == 0);
}

int text_compare(struct text left, struct text right)
{
    size_t len = left.len < right.len ? left.len : right.len;
    int order = len > 0 ? memcmp(left.at, right.at, len) : 0;

    return order != 0 ? order : (left.len > right.len) - (left.len < right.len);
}

bool text_starts_with(struct text whole, struct text prefix)
{
    return whole.len >= prefix.len && text_equal((struct text){whole.at, prefix.len}, prefix);
}

struct text text_split(struct text *rest, char separator)
{
    struct text part = *rest;
    const char *end = rest->len > 0 ? memchr(rest->at, separator, rest->len) : NULL;

    if (end == NULL) {
        *rest = (struct text){0};
        return part;
    }
    part.len = (size_t)(end - rest->at);
    *rest = (struct text){end + 1, rest->len - part.len - 1};
    return part;
}

struct text text_trim(struct text text)
{
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = (struct text){text.at + 1, text.len - 1};
    while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* The length of the UTF-8 sequence at `at`, of which `left` (> 0) bytes exist; 0 when it is none.
 * RFC 3629, section 4: the lead decides how long it is and what the second byte may be, which
 * excludes overlong forms (E0, F0), surrogates (ED) and what is above U+10FFFF (F4). */
static size_t utf8_sequence(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t len;

    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        len = 2;
    else if (lead >= 0xe0 && lead <= 0xef)
        len = 3;
    else if (lead >= 0xf0 && lead <= 0xf4)
        len = 4;
    else
        return 0;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;

    if (left < len || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

bool text_is_utf8(struct text bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    size_t left = bytes.len;

    while (left > 0) {
        size_t len = utf8_sequence(at, left);
        if (len == 0)
            return false;
        at += len;
        left -= len;
    }
    return true;
}

bool text_has_control(struct text bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if ((unsigned char)bytes.at[i] < 0x20 || bytes.at[i] == 0x7f)
            return true;
    }
    return false;
}

/* 0 to 15, or -1. */
static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

bool text_percent_decode(struct text encoded, bool plus_is_space, struct builder *out)
{
    for (size_t i = 0; i < encoded.len; i++) {
        char byte = encoded.at[i];
        if (byte == '%') {
            int high = encoded.len - i > 2 ? hex_value(encoded.at[i + 1]) : -1;
            int low = encoded.len - i > 2 ? hex_value(encoded.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            byte = (char)(high * 16 + low);
            i += 2;
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        builder_append_char(out, byte);
    }
    return !out->full;
}

struct text text_from_number(uint64_t number, char digits[TEXT_NUMBER_MAX])
{
    char *end = digits + TEXT_NUMBER_MAX;
    char *at = end;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return (struct text){at, (size_t)(end - at)};
}

bool text_to_number(struct text digits, uint64_t max, uint64_t *value)
{
    uint64_t number = 0;

    if (digits.len == 0 || (digits.len > 1 && digits.at[0] == '0'))
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(digits.at[i] - '0');
        if (number > max / 10 || digit > max - number * 10)
            return false;
        number = number * 10 + digit;
    }
    *value = number;
    return true;
}
