#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#include "base/buffer.h"
#include "unit.h"

START_TEST(texts_compare_as_bytes)
{
    ck_assert(text_equal(text_of(NULL), TEXT("")));
    ck_assert(text_equal(TEXT("a\0b"), TEXT("a\0b")));
    ck_assert(!text_equal(TEXT("a\0b"), TEXT("a\0c")));
    ck_assert(!text_equal(TEXT("a"), TEXT("A")));
    ck_assert(!text_equal(TEXT("a"), TEXT("ab")));
    ck_assert(text_starts_with(TEXT("ab"), TEXT("a")));
    ck_assert(text_starts_with(TEXT("ab"), TEXT("ab")));
    ck_assert(text_starts_with(TEXT(""), text_of(NULL)));
    ck_assert(!text_starts_with(TEXT("ab"), TEXT("abc")));
    ck_assert(!text_starts_with(TEXT("ab"), TEXT("b")));
}
END_TEST

START_TEST(texts_are_ordered_as_bytes)
{
    ck_assert_int_eq(text_compare(TEXT("a"), TEXT("a")), 0);
    ck_assert_int_eq(text_compare((struct text){0}, TEXT("")), 0);
    ck_assert_int_lt(text_compare(TEXT("a"), TEXT("b")), 0);
    ck_assert_int_gt(text_compare(TEXT("b"), TEXT("aa")), 0);
    ck_assert_int_lt(text_compare(TEXT("a"), TEXT("aa")), 0);
    ck_assert_int_gt(text_compare(TEXT("a"), (struct text){0}), 0);
    ck_assert_int_gt(text_compare(TEXT("\xc3"), TEXT("z")), 0); /* unsigned */
}
END_TEST

START_TEST(split_takes_parts_off_the_front)
{
    struct text rest = TEXT("a::bc");

    ck_assert(text_equal(text_split(&rest, ':'), TEXT("a")));
    ck_assert(text_equal(text_split(&rest, ':'), TEXT("")));
    ck_assert(text_equal(rest, TEXT("bc")));
    ck_assert(text_equal(text_split(&rest, ':'), TEXT("bc")));
    ck_assert_uint_eq(rest.len, 0);
    ck_assert_uint_eq(text_split(&rest, ':').len, 0);
}
END_TEST

START_TEST(trim_takes_blanks_and_tabs_off_both_ends)
{
    ck_assert(text_equal(text_trim(TEXT(" \ta b\t ")), TEXT("a b")));
    ck_assert(text_equal(text_trim(TEXT("a")), TEXT("a")));
    ck_assert_uint_eq(text_trim(TEXT(" \t ")).len, 0);
    ck_assert_uint_eq(text_trim(text_of(NULL)).len, 0);
}
END_TEST

static bool is_sequence(uint32_t bytes, size_t len)
{
    char sequence[4];
    for (size_t i = 0; i < len; i++)
        sequence[i] = (char)(bytes >> (8 * (len - 1 - i)));
    return text_is_utf8((struct text){sequence, len});
}

/* The byte sequences of the code points themselves, from the table in RFC 3629, section 3. */
static bool encode(uint32_t point, uint32_t *bytes, size_t *len)
{
    if (point >= 0xd800 && point <= 0xdfff)
        return false;
    if (point < 0x80) {
        *len = 1;
        *bytes = point;
    } else if (point < 0x800) {
        *len = 2;
        *bytes = 0xc080 | point >> 6 << 8 | (point & 0x3f);
    } else if (point < 0x10000) {
        *len = 3;
        *bytes = 0xe08080 | point >> 12 << 16 | (point >> 6 & 0x3f) << 8 | (point & 0x3f);
    } else {
        *len = 4;
        *bytes = 0xf0808080 | point >> 18 << 24 | (point >> 12 & 0x3f) << 16 |
                 (point >> 6 & 0x3f) << 8 | (point & 0x3f);
    }
    return true;
}

START_TEST(utf8_of_three_bytes_or_less_is_exactly_the_code_points)
{
    size_t accepted = 0;
    size_t encoded = 0;

    for (uint32_t bytes = 0; bytes < 0x100; bytes++)
        accepted += is_sequence(bytes, 1);
    /* A first byte below C0 would make two sequences of it, which were counted. */
    for (uint32_t bytes = 0xc000; bytes < 0x10000; bytes++)
        accepted += is_sequence(bytes, 2);
    for (uint32_t bytes = 0xe00000; bytes < 0x1000000; bytes++)
        accepted += is_sequence(bytes, 3);
    for (uint32_t point = 0; point < 0x10000; point++) {
        uint32_t bytes;
        size_t len;
        if (!encode(point, &bytes, &len))
            continue;
        encoded++;
        if (!is_sequence(bytes, len))
            ck_abort_msg("U+%X", point);
    }
    ck_assert_uint_eq(accepted, encoded);
}
END_TEST

START_TEST(utf8_of_four_bytes_ends_at_10ffff)
{
    for (uint32_t point = 0x10000; point <= 0x10ffff; point++) {
        uint32_t bytes;
        size_t len;
        if (!encode(point, &bytes, &len) || !is_sequence(bytes, len))
            ck_abort_msg("U+%X", point);
    }
    ck_assert(!is_sequence(0xf4908080, 4)); /* U+110000 */
    ck_assert(!is_sequence(0xf08fbfbf, 4)); /* U+FFFF, overlong */
    ck_assert(!is_sequence(0xf5808080, 4));
    ck_assert(!is_sequence(0xf09080c0, 4));
    ck_assert(!is_sequence(0xf090c080, 4));
}
END_TEST

START_TEST(utf8_cut_short_is_refused)
{
    static const char whole[] = "a\xf0\x9f\x98\x80";

    ck_assert(text_is_utf8((struct text){0}));
    ck_assert(text_is_utf8((struct text){whole, 1}));
    for (size_t len = 2; len < 5; len++)
        ck_assert(!text_is_utf8((struct text){whole, len}));
    ck_assert(text_is_utf8((struct text){whole, 5}));
}
END_TEST

START_TEST(control_bytes_are_found)
{
    ck_assert(!text_has_control((struct text){0}));
    ck_assert(!text_has_control(TEXT(" ~\xc2\x80\xff")));
    ck_assert(text_has_control(TEXT("a\x1f")));
    ck_assert(text_has_control(TEXT("\0a")));
    ck_assert(text_has_control(TEXT("a\x7f")));
}
END_TEST

static bool decodes_to(const char *encoded, bool plus_is_space, struct text expected)
{
    struct builder out;
    builder_init(&out, 8);
    bool same = text_percent_decode(text_of(encoded), plus_is_space, &out) &&
                text_equal(builder_text(&out), expected);
    builder_clear(&out);
    return same;
}

START_TEST(percent_encoding_is_undone)
{
    ck_assert(decodes_to("", true, TEXT("")));
    ck_assert(decodes_to("a%20b%2Fc", true, TEXT("a b/c")));
    ck_assert(decodes_to("%aF%Fa", true, TEXT("\xaf\xfa")));
    ck_assert(decodes_to("%00%2525", false, TEXT("\0%25")));
    ck_assert(decodes_to("a+b", true, TEXT("a b")));
    ck_assert(decodes_to("a+b%2B", false, TEXT("a+b+")));
}
END_TEST

START_TEST(bad_percent_encoding_is_refused)
{
    static const char *const bad[] = {"%", "a%", "%4", "a%4", "%4g", "%g4", "%%41", "% 41", "%-1"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct builder out;
        builder_init(&out, 100);
        ck_assert_msg(!text_percent_decode(text_of(bad[i]), true, &out), "%s", bad[i]);
        builder_clear(&out);
    }
}
END_TEST

START_TEST(decoded_text_that_does_not_fit_is_refused)
{
    ck_assert(decodes_to("12345678", true, TEXT("12345678")));
    ck_assert(decodes_to("1234567%38", true, TEXT("12345678")));

    struct builder out;
    builder_init(&out, 8);
    ck_assert(!text_percent_decode(TEXT("123456789"), true, &out));
    builder_clear(&out);
}
END_TEST

START_TEST(numbers_are_read_up_to_their_maximum)
{
    uint64_t value = 7;

    ck_assert(text_to_number(TEXT("0"), 0, &value) && value == 0);
    ck_assert(text_to_number(TEXT("65535"), 65535, &value) && value == 65535);
    ck_assert(text_to_number(TEXT("18446744073709551615"), UINT64_MAX, &value));
    ck_assert(value == UINT64_MAX);

    value = 7;
    ck_assert(!text_to_number(TEXT("65536"), 65535, &value));
    ck_assert(!text_to_number(TEXT("1"), 0, &value));
    ck_assert(!text_to_number(TEXT("18446744073709551616"), UINT64_MAX, &value));
    ck_assert(!text_to_number(TEXT("99999999999999999999999"), UINT64_MAX, &value));
    ck_assert_uint_eq(value, 7);
}
END_TEST

START_TEST(numbers_are_written_as_they_are_read)
{
    static const uint64_t numbers[] = {0, 1, 9, 10, 19, 100, 65535, UINT64_MAX - 1, UINT64_MAX};
    char digits[TEXT_NUMBER_MAX];
    char expected[TEXT_NUMBER_MAX + 1];

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)snprintf(expected, sizeof(expected), "%" PRIu64, numbers[i]);
        ck_assert(text_equal(text_from_number(numbers[i], digits), text_of(expected)));
    }
}
END_TEST

START_TEST(what_is_not_a_plain_number_is_refused)
{
    static const char *const bad[] = {"",   "00",  "01",  "-1", "+1",   " 1",
                                      "1 ", "1.0", "1e3", "a",  "0x10", "1,000"};
    uint64_t value = 7;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!text_to_number(text_of(bad[i]), UINT64_MAX, &value), "%s", bad[i]);
    ck_assert(!text_to_number(TEXT("1\0"), UINT64_MAX, &value));
    ck_assert_uint_eq(value, 7);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("text");
    tcase_set_timeout(tests, 60); /* three million sequences, also under a sanitizer */
    tcase_add_test(tests, texts_compare_as_bytes);
    tcase_add_test(tests, texts_are_ordered_as_bytes);
    tcase_add_test(tests, split_takes_parts_off_the_front);
    tcase_add_test(tests, trim_takes_blanks_and_tabs_off_both_ends);
    tcase_add_test(tests, utf8_of_three_bytes_or_less_is_exactly_the_code_points);
    tcase_add_test(tests, utf8_of_four_bytes_ends_at_10ffff);
    tcase_add_test(tests, utf8_cut_short_is_refused);
    tcase_add_test(tests, control_bytes_are_found);
    tcase_add_test(tests, percent_encoding_is_undone);
    tcase_add_test(tests, bad_percent_encoding_is_refused);
    tcase_add_test(tests, decoded_text_that_does_not_fit_is_refused);
    tcase_add_test(tests, numbers_are_read_up_to_their_maximum);
    tcase_add_test(tests, numbers_are_written_as_they_are_read);
    tcase_add_test(tests, what_is_not_a_plain_number_is_refused);
    return unit_run("text", tests);
}
