#include "message/scan.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(byte) (0x0101010101010101U * (uint64_t)(byte)) /* a word of eight times this byte */

static bool fail(struct scanner *scanner, const char *expected)
{
    scanner->error = SCAN_BAD_JSON;
    scanner->expected = expected;
    return false;
}

/* The byte at the cursor; 0 at the end, which no rule of the grammar takes. */
static char byte_at(const struct scanner *scanner)
{
    return scanner->at < scanner->text.len ? scanner->text.at[scanner->at] : '\0';
}

static bool take(struct scanner *scanner, char byte)
{
    if (byte_at(scanner) != byte)
        return false;
    scanner->at++;
    return true;
}

static void skip_blanks(struct scanner *scanner)
{
    for (;; scanner->at++) {
        char byte = byte_at(scanner);

        if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r')
            return;
    }
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Moves over the string's bytes that need no look: all but '"', '\\' and control characters, eight
 * at a time while there are as many. Those above 0x7F are left for the UTF-8 check at the end of
 * the string, which is what the result says: whether there was one. */
static bool skip_plain(struct scanner *scanner)
{
    const char *at = scanner->text.at + scanner->at;
    const char *end = scanner->text.at + scanner->text.len;
    uint64_t seen = 0;

    while (end - at >= 8) {
        uint64_t word;

        memcpy(&word, at, sizeof(word));
        /* Subtracting N sets the high bit of a byte that is below N; bytes that had it before do
         * not count. A borrow can add a false one only above a true one, so "none" is exact. */
        uint64_t quote = word ^ BYTES('"');
        uint64_t backslash = word ^ BYTES('\\');
        uint64_t found = ((quote - BYTES(1)) & ~quote) | ((backslash - BYTES(1)) & ~backslash) |
                         ((word - BYTES(0x20)) & ~word);
        if ((found & BYTES(0x80)) != 0)
            break;
        seen |= word;
        at += 8;
    }
    while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\') {
        seen |= (unsigned char)*at;
        at++;
    }
    scanner->at = (size_t)(at - scanner->text.at);
    return (seen & BYTES(0x80)) != 0;
}

/* What follows a backslash (RFC 8259, section 7). */
static bool read_escape(struct scanner *scanner)
{
    char byte = byte_at(scanner);

    if (byte == '\0' || strchr("\"\\/bfnrtu", byte) == NULL)
        return fail(scanner, "one of \"\\/bfnrtu after a backslash");
    scanner->at++;
    for (int digits = 0; byte == 'u' && digits < 4; digits++) {
        if (!isxdigit((unsigned char)byte_at(scanner)))
            return fail(scanner, "four hexadecimal digits after \\u");
        scanner->at++;
    }
    return true;
}

/* A string at the cursor, which is known to be a quote. */
static bool read_string(struct scanner *scanner, struct scan_value *value)
{
    size_t start = scanner->at++;
    bool beyond_ascii = false;

    value->kind = SCAN_STRING;
    value->escaped = false;
    for (;;) {
        beyond_ascii |= skip_plain(scanner);
        if (take(scanner, '"'))
            break;
        if (!take(scanner, '\\'))
            return fail(scanner, scanner->at == scanner->text.len
                                     ? "the quote that closes the string"
                                     : "an escape such as \\n for a control character");
        value->escaped = true;
        if (!read_escape(scanner))
            return false;
    }
    value->text = (struct text){scanner->text.at + start, scanner->at - start};
    if (beyond_ascii && !text_is_utf8(value->text)) {
        scanner->at = start;
        return fail(scanner, "valid UTF-8 in the string");
    }
    return true;
}

static bool read_digits(struct scanner *scanner)
{
    if (!is_digit(byte_at(scanner)))
        return fail(scanner, "a digit");
    while (is_digit(byte_at(scanner)))
        scanner->at++;
    return true;
}

/* RFC 8259, section 6. */
static bool read_number(struct scanner *scanner)
{
    take(scanner, '-');
    if (!take(scanner, '0') && !read_digits(scanner))
        return false;
    if (take(scanner, '.') && !read_digits(scanner))
        return false;
    if (take(scanner, 'e') || take(scanner, 'E')) {
        if (!take(scanner, '+'))
            take(scanner, '-');
        return read_digits(scanner);
    }
    return true;
}

static bool read_word(struct scanner *scanner, struct text word)
{
    struct text rest = {scanner->text.at + scanner->at, scanner->text.len - scanner->at};

    if (!text_starts_with(rest, word))
        return fail(scanner, "a value");
    scanner->at += word.len;
    return true;
}

/* A value that is no container; `value->text` is set by the caller. */
static bool read_scalar(struct scanner *scanner, struct scan_value *value)
{
    switch (byte_at(scanner)) {
    case '"':
        return read_string(scanner, value);
    case 't':
        value->kind = SCAN_TRUE;
        return read_word(scanner, TEXT("true"));
    case 'f':
        value->kind = SCAN_FALSE;
        return read_word(scanner, TEXT("false"));
    case 'n':
        value->kind = SCAN_NULL;
        return read_word(scanner, TEXT("null"));
    case '-':
        break;
    default:
        if (!is_digit(byte_at(scanner)))
            return fail(scanner, "a value");
    }
    value->kind = SCAN_NUMBER;
    return read_number(scanner);
}

static bool in_object(const struct scanner *scanner)
{
    size_t innermost = scanner->depth - 1;

    return ((scanner->is_object[innermost / 64] >> (innermost % 64)) & 1) != 0;
}

/* A member's name and the colon. */
static bool read_key(struct scanner *scanner, struct scan_value *key)
{
    skip_blanks(scanner);
    if (byte_at(scanner) != '"')
        return fail(scanner, "a member's name in double quotes");
    if (!read_string(scanner, key))
        return false;
    skip_blanks(scanner);
    return take(scanner, ':') || fail(scanner, "':'");
}

void scan_begin(struct scanner *scanner, struct text text, size_t max_depth)
{
    assert(max_depth >= 1 && max_depth <= SCAN_DEPTH_LIMIT);
    scanner->text = text;
    scanner->at = 0;
    scanner->max_depth = max_depth;
    scanner->depth = 0;
    scanner->deepest = 0;
    scanner->first = false;
    scanner->error = SCAN_OK;
    scanner->expected = NULL;
}

char scan_peek(struct scanner *scanner)
{
    if (scanner->error != SCAN_OK)
        return '\0';
    skip_blanks(scanner);
    return byte_at(scanner);
}

bool scan_enter(struct scanner *scanner, char opening)
{
    assert(opening == '{' || opening == '[');
    if (scan_peek(scanner) != opening)
        return false;
    if (scanner->depth == scanner->max_depth) {
        scanner->error = SCAN_TOO_DEEP;
        scanner->expected = "no deeper nesting";
        return false;
    }
    uint64_t bit = (uint64_t)1 << (scanner->depth % 64);
    uint64_t *word = &scanner->is_object[scanner->depth / 64];
    *word = opening == '{' ? *word | bit : *word & ~bit;
    scanner->at++;
    scanner->depth++;
    if (scanner->depth > scanner->deepest)
        scanner->deepest = scanner->depth;
    scanner->first = true;
    return true;
}

bool scan_next(struct scanner *scanner)
{
    char byte = scan_peek(scanner);
    bool first = scanner->first;

    if (scanner->error != SCAN_OK)
        return false;
    assert(scanner->depth > 0);
    scanner->first = false;
    if (byte == (in_object(scanner) ? '}' : ']')) {
        scanner->at++;
        scanner->depth--;
        return false;
    }
    if (first)
        return byte != '\0' || scanner->at < scanner->text.len ||
               fail(scanner, in_object(scanner) ? "a member's name or '}'" : "a value or ']'");
    return take(scanner, ',') || fail(scanner, in_object(scanner) ? "',' or '}'" : "',' or ']'");
}

bool scan_value(struct scanner *scanner, struct scan_value *value)
{
    struct scan_value inner;
    size_t outside = scanner->depth;
    char opening = scan_peek(scanner);
    size_t start = scanner->at;

    if (scanner->error != SCAN_OK)
        return false;
    value->escaped = false;
    if (opening == '{' || opening == '[') {
        value->kind = opening == '{' ? SCAN_OBJECT : SCAN_ARRAY;
        scan_enter(scanner, opening);
        while (scanner->error == SCAN_OK && scanner->depth > outside) {
            if (!scan_next(scanner) || (in_object(scanner) && !read_key(scanner, &inner)))
                continue;
            opening = scan_peek(scanner);
            if (opening == '{' || opening == '[')
                scan_enter(scanner, opening);
            else
                read_scalar(scanner, &inner);
        }
    } else {
        read_scalar(scanner, value);
    }
    value->text = (struct text){scanner->text.at + start, scanner->at - start};
    return scanner->error == SCAN_OK;
}

bool scan_member(struct scanner *scanner, struct scan_value *key, struct scan_value *value)
{
    return scan_next(scanner) && read_key(scanner, key) && scan_value(scanner, value);
}

bool scan_element(struct scanner *scanner, struct scan_value *value)
{
    return scan_next(scanner) && scan_value(scanner, value);
}

bool scan_end(struct scanner *scanner)
{
    scan_peek(scanner);
    if (scanner->error != SCAN_OK)
        return false;
    if (scanner->depth > 0 || scanner->at < scanner->text.len)
        return fail(scanner, "the end");
    return true;
}

/* The number of a \u escape, whose four digits the scanner has checked. */
static uint32_t hex_value(const char *at)
{
    char digits[5] = {at[0], at[1], at[2], at[3], '\0'};

    return (uint32_t)strtoul(digits, NULL, 16);
}

/* RFC 3629, section 3. The number of bytes written. */
static size_t put_utf8(char *out, uint32_t code)
{
    static const unsigned char LEAD[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(LEAD[len] | code);
    return len;
}

/* The character of the \u escape, or pair of them, whose digits begin at `at`, which is moved
 * behind it; UINT32_MAX for half a pair. */
static uint32_t take_unicode(const char **at, const char *end)
{
    uint32_t code = hex_value(*at);

    *at += 4;
    if (code < 0xD800 || code > 0xDFFF)
        return code;
    if (code > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return UINT32_MAX;
    uint32_t low = hex_value(*at + 2);
    if (low < 0xDC00 || low > 0xDFFF)
        return UINT32_MAX;
    *at += 6;
    return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

size_t scan_decode(const struct scan_value *string, char *out)
{
    static const char NAMES[] = "\"\\/bfnrt";
    static const char MEANT[] = "\"\\/\b\f\n\r\t";
    const char *at = string->text.at + 1;
    const char *end = string->text.at + string->text.len - 1;
    size_t len = 0;

    assert(string->kind == SCAN_STRING);
    while (at < end) {
        if (*at != '\\') {
            out[len++] = *at++;
            continue;
        }
        char name = at[1];
        at += 2;
        if (name != 'u') {
            out[len++] = MEANT[strchr(NAMES, name) - NAMES];
            continue;
        }
        uint32_t code = take_unicode(&at, end);
        if (code == UINT32_MAX)
            return SIZE_MAX;
        len += put_utf8(out + len, code);
    }
    return len;
}
