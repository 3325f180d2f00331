/* The scanner: what it accepts, where it stops, what it finds. tests/fuzz/differential.test.mjs
 * compares what it accepts with another parser. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "message/scan.h"
#include "unit.h"

static bool accepts(struct text text)
{
    struct scanner scanner;
    struct scan_value value;

    scan_begin(&scanner, text, SCAN_DEPTH_LIMIT);
    return scan_value(&scanner, &value) && scan_end(&scanner);
}

static void check_error(const char *text, size_t at, const char *expected)
{
    struct scanner scanner;
    struct scan_value value;

    scan_begin(&scanner, text_of(text), SCAN_DEPTH_LIMIT);
    ck_assert_msg(!(scan_value(&scanner, &value) && scan_end(&scanner)), "%s", text);
    ck_assert_int_eq(scanner.error, SCAN_BAD_JSON);
    ck_assert_str_eq(scanner.expected, expected);
    ck_assert_msg(scanner.at == at, "%s: at %zu, not %zu", text, scanner.at, at);
}

static void check_text(struct text text, const char *expected)
{
    ck_assert_msg(text_equal(text, text_of(expected)), "%.*s, not %s", (int)text.len, text.at,
                  expected);
}

START_TEST(every_kind_of_value_is_found_exactly)
{
    static const struct {
        const char *text;
        const char *value;
        enum scan_kind kind;
    } CASES[] = {
        {" {} ", "{}", SCAN_OBJECT},
        {"\t[1, {\"a\" : [ ]}]\n", "[1, {\"a\" : [ ]}]", SCAN_ARRAY},
        {"\r\"a b\"", "\"a b\"", SCAN_STRING},
        {"-0.5e+10 ", "-0.5e+10", SCAN_NUMBER},
        {"true", "true", SCAN_TRUE},
        {"false", "false", SCAN_FALSE},
        {"null", "null", SCAN_NULL},
    };

    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct scanner scanner;
        struct scan_value value;

        scan_begin(&scanner, text_of(CASES[i].text), SCAN_DEPTH_LIMIT);
        ck_assert(scan_value(&scanner, &value));
        ck_assert(scan_end(&scanner));
        ck_assert_int_eq(value.kind, CASES[i].kind);
        check_text(value.text, CASES[i].value);
    }
}
END_TEST

START_TEST(errors_say_what_was_expected_and_where)
{
    check_error("", 0, "a value");
    check_error("  ", 2, "a value");
    check_error("[", 1, "a value or ']'");
    check_error("[1", 2, "',' or ']'");
    check_error("[1 2]", 3, "',' or ']'");
    check_error("[1,]", 3, "a value");
    check_error("[1}", 2, "',' or ']'");
    check_error("{", 1, "a member's name or '}'");
    check_error("{1:2}", 1, "a member's name in double quotes");
    check_error("{\"a\":1,}", 7, "a member's name in double quotes");
    check_error("{\"a\" 1}", 5, "':'");
    check_error("{\"a\":}", 5, "a value");
    check_error("{\"a\":1", 6, "',' or '}'");
    check_error("{\"a\":1 \"b\":2}", 7, "',' or '}'");
    check_error("1 2", 2, "the end");
    check_error("[]]", 2, "the end");
    check_error("tru", 0, "a value");
    check_error("01", 1, "the end");
    check_error("-", 1, "a digit");
    check_error("1.", 2, "a digit");
    check_error("1e+", 3, "a digit");
    check_error("\"ab", 3, "the quote that closes the string");
    check_error("\"a\nb\"", 2, "an escape such as \\n for a control character");
    check_error("\"\\x41\"", 2, "one of \"\\/bfnrtu after a backslash");
    check_error("\"\\u12g4\"", 5, "four hexadecimal digits after \\u");
    check_error("\"\\u12", 5, "four hexadecimal digits after \\u");
    check_error("[1, \"a\xFF\"]", 4, "valid UTF-8 in the string");
    check_error("\xEF\xBB\xBF{}", 0, "a value");
    check_error("[\xC2\xA0]", 1, "a value");
}
END_TEST

START_TEST(nul_is_a_byte_like_others)
{
    ck_assert(!accepts(TEXT("\0")));
    ck_assert(!accepts(TEXT("1\0")));
    ck_assert(!accepts(TEXT("[\0]")));
    ck_assert(!accepts(TEXT("{\0}")));
    ck_assert(!accepts(TEXT("\"a\0b\"")));
    ck_assert(!accepts(TEXT("\"\\\0\"")));
    ck_assert(accepts(TEXT("\"\\u0000\"")));
}
END_TEST

/* The scanner looks at eight bytes at a time: each byte in each position of two such words. */
START_TEST(no_position_hides_a_byte)
{
    for (size_t position = 0; position < 16; position++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[18] = "\"aaaaaaaaaaaaaaaa\"";
            bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';

            text[1 + position] = (char)byte;
            ck_assert_msg(accepts((struct text){text, sizeof(text)}) == plain, "%02x at %zu", byte,
                          position);
        }
    }
}
END_TEST

START_TEST(utf8_is_checked_in_names_and_values)
{
    ck_assert(accepts(TEXT("{\"\xC3\xA9\":\"\xE2\x82\xAC\xF0\x9F\x98\x80\"}")));
    ck_assert(accepts(TEXT("\"\xF4\x8F\xBF\xBF\"")));
    ck_assert(!accepts(TEXT("{\"\xC3\":1}")));
    ck_assert(!accepts(TEXT("\"\xC0\xAF\"")));         /* overlong */
    ck_assert(!accepts(TEXT("\"\xED\xA0\x80\"")));     /* a surrogate */
    ck_assert(!accepts(TEXT("\"\xF4\x90\x80\x80\""))); /* above U+10FFFF */
    ck_assert(!accepts(TEXT("\"aaaaaaaaaaaaaa\x80\"")));
    ck_assert(!accepts(TEXT("\"\xE2\x82\\u00ac\"")));
}
END_TEST

START_TEST(depth_is_counted_in_open_containers)
{
    struct scanner scanner;
    struct scan_value value;

    scan_begin(&scanner, TEXT("[[],{\"a\":[]}]"), 3);
    ck_assert(scan_value(&scanner, &value));
    ck_assert_uint_eq(scanner.deepest, 3);

    scan_begin(&scanner, TEXT("[[],{\"a\":[]}]"), 2);
    ck_assert(!scan_value(&scanner, &value));
    ck_assert_int_eq(scanner.error, SCAN_TOO_DEEP);
    ck_assert_uint_eq(scanner.at, 9);

    scan_begin(&scanner, TEXT("1"), 1);
    ck_assert(scan_value(&scanner, &value));
    ck_assert_uint_eq(scanner.deepest, 0);
}
END_TEST

START_TEST(as_deep_as_the_limit_and_no_deeper)
{
    char text[2 * (SCAN_DEPTH_LIMIT + 1)];
    struct scanner scanner;
    struct scan_value value;

    memset(text, '[', SCAN_DEPTH_LIMIT);
    memset(text + SCAN_DEPTH_LIMIT, ']', SCAN_DEPTH_LIMIT);
    ck_assert(accepts((struct text){text, (size_t)2 * SCAN_DEPTH_LIMIT}));

    memset(text, '[', sizeof(text) / 2);
    memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
    scan_begin(&scanner, (struct text){text, sizeof(text)}, SCAN_DEPTH_LIMIT);
    ck_assert(!scan_value(&scanner, &value));
    ck_assert_int_eq(scanner.error, SCAN_TOO_DEEP);
}
END_TEST

START_TEST(closing_brackets_must_match_at_every_depth)
{
    ck_assert(accepts(TEXT("[{\"a\":[{\"b\":[]}]}]")));
    ck_assert(!accepts(TEXT("[{\"a\":[{\"b\":[]]}}]")));
    ck_assert(!accepts(TEXT("{\"a\":[}]")));
}
END_TEST

START_TEST(a_caller_walks_objects_and_arrays)
{
    struct scanner scanner;
    struct scan_value key;
    struct scan_value value;

    scan_begin(&scanner, TEXT("[ {\"a\" : 1 , \"b\\n\":[2, 3]}, {}, \"x\" ]"), 3);
    ck_assert(!scan_enter(&scanner, '{'));
    ck_assert_int_eq(scanner.error, SCAN_OK);
    ck_assert(scan_enter(&scanner, '['));

    ck_assert(scan_next(&scanner));
    ck_assert_int_eq(scan_peek(&scanner), '{');
    ck_assert(scan_enter(&scanner, '{'));
    ck_assert(scan_member(&scanner, &key, &value));
    check_text(key.text, "\"a\"");
    check_text(value.text, "1");
    ck_assert(!key.escaped);
    ck_assert(scan_member(&scanner, &key, &value));
    check_text(key.text, "\"b\\n\"");
    check_text(value.text, "[2, 3]");
    ck_assert(key.escaped);
    ck_assert(!scan_member(&scanner, &key, &value));

    ck_assert(scan_element(&scanner, &value));
    check_text(value.text, "{}");
    ck_assert(scan_element(&scanner, &value));
    ck_assert_int_eq(value.kind, SCAN_STRING);
    ck_assert(!scan_element(&scanner, &value));
    ck_assert(scan_end(&scanner));
}
END_TEST

START_TEST(after_an_error_nothing_goes_on)
{
    struct scanner scanner;
    struct scan_value key;
    struct scan_value value;

    scan_begin(&scanner, TEXT("{\"a\":1 \"b\":2}"), 2);
    ck_assert(scan_enter(&scanner, '{'));
    ck_assert(scan_member(&scanner, &key, &value));
    ck_assert(!scan_member(&scanner, &key, &value));
    size_t at = scanner.at;
    ck_assert(!scan_member(&scanner, &key, &value));
    ck_assert(!scan_value(&scanner, &value));
    ck_assert(!scan_enter(&scanner, '{'));
    ck_assert(!scan_end(&scanner));
    ck_assert_int_eq(scan_peek(&scanner), 0);
    ck_assert_uint_eq(scanner.at, at);
}
END_TEST

/* The decoded string, freed by the caller. As long as the source and no longer, so that a sanitizer
 * sees a byte too many. */
static char *decode(const char *text, size_t *len)
{
    struct scanner scanner;
    struct scan_value value;

    scan_begin(&scanner, text_of(text), 1);
    ck_assert(scan_value(&scanner, &value));
    char *out = memory_alloc(value.text.len);
    *len = scan_decode(&value, out);
    return out;
}

static void check_decoded(const char *text, struct text expected)
{
    size_t len;
    char *out = decode(text, &len);

    ck_assert_msg(len == expected.len && memcmp(out, expected.at, len) == 0, "%s", text);
    free(out);
}

START_TEST(decoding_undoes_every_escape)
{
    check_decoded("\"\"", TEXT(""));
    check_decoded("\"plain \xC3\xA9\"", TEXT("plain \xC3\xA9"));
    check_decoded("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", TEXT("\"\\/\b\f\n\r\t"));
    check_decoded("\"\\u0041\\u00e9\\u20AC\"", TEXT("A\xC3\xA9\xE2\x82\xAC"));
    check_decoded("\"a\\u0000b\"", TEXT("a\0b"));
    check_decoded("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
                  TEXT("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF"));
    check_decoded("\"\\ud83d\\ude00\\uD800\\uDC00\\udbff\\udfff\"",
                  TEXT("\xF0\x9F\x98\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
}
END_TEST

START_TEST(half_a_surrogate_pair_cannot_be_decoded)
{
    static const char *const HALVES[] = {
        "\"\\ud800\"",        "\"\\udc00\"",        "\"\\ud800a\"",       "\"\\ud800\\n\"",
        "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"", "\"\\udc00\\ud800\"", "\"\\ud800aaaaaa\""};

    for (size_t i = 0; i < sizeof(HALVES) / sizeof(HALVES[0]); i++) {
        size_t len;

        free(decode(HALVES[i], &len));
        ck_assert_msg(len == SIZE_MAX, "%s", HALVES[i]);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("scan");

    tcase_add_test(tests, every_kind_of_value_is_found_exactly);
    tcase_add_test(tests, errors_say_what_was_expected_and_where);
    tcase_add_test(tests, nul_is_a_byte_like_others);
    tcase_add_test(tests, no_position_hides_a_byte);
    tcase_add_test(tests, utf8_is_checked_in_names_and_values);
    tcase_add_test(tests, depth_is_counted_in_open_containers);
    tcase_add_test(tests, as_deep_as_the_limit_and_no_deeper);
    tcase_add_test(tests, closing_brackets_must_match_at_every_depth);
    tcase_add_test(tests, a_caller_walks_objects_and_arrays);
    tcase_add_test(tests, after_an_error_nothing_goes_on);
    tcase_add_test(tests, decoding_undoes_every_escape);
    tcase_add_test(tests, half_a_surrogate_pair_cannot_be_decoded);
    return unit_run("scan", tests);
}
