/* Ids of messages, as text and in order. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "message/id.h"
#include "seed.h"
#include "unit.h"

static bool parses(const char *text)
{
    struct message_id id;

    return message_id_parse(text_of(text), &id);
}

START_TEST(an_id_is_two_numbers)
{
    struct message_id id;

    ck_assert(message_id_parse(TEXT("1700000000000-12"), &id));
    ck_assert_uint_eq(id.ms, 1700000000000);
    ck_assert_uint_eq(id.seq, 12);
    ck_assert(message_id_parse(TEXT("0-0"), &id));
    ck_assert(message_id_parse(TEXT("18446744073709551615-18446744073709551615"), &id));
    ck_assert(id.ms == UINT64_MAX && id.seq == UINT64_MAX);
}
END_TEST

START_TEST(anything_else_is_no_id)
{
    static const char *const WRONG[] = {"",
                                        "-",
                                        "1",
                                        "1-",
                                        "-1",
                                        "1-2-3",
                                        " 1-2",
                                        "1-2 ",
                                        "1 - 2",
                                        "+1-2",
                                        "1--2",
                                        "01-2",
                                        "1-02",
                                        "0x1-2",
                                        "1.0-2",
                                        "1-*",
                                        "a-b",
                                        "$",
                                        "18446744073709551616-0",
                                        "0-18446744073709551616"};

    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
        ck_assert_msg(!parses(WRONG[i]), "%s", WRONG[i]);
}
END_TEST

START_TEST(a_nul_is_not_the_end)
{
    struct message_id id;

    ck_assert(!message_id_parse(TEXT("1-2\0"), &id));
    ck_assert(!message_id_parse(TEXT("1\0-2"), &id));
}
END_TEST

START_TEST(format_is_the_inverse_of_parse)
{
    static const char *const IDS[] = {"0-0", "1700000000000-12",
                                      "18446744073709551615-18446744073709551615"};

    for (size_t i = 0; i < sizeof(IDS) / sizeof(IDS[0]); i++) {
        char out[MESSAGE_ID_TEXT_MAX];
        struct message_id id;

        ck_assert(message_id_parse(text_of(IDS[i]), &id));
        ck_assert(text_equal(message_id_format(id, out), text_of(IDS[i])));
        ck_assert_str_eq(out, IDS[i]);
    }
}
END_TEST

START_TEST(order_is_numeric_and_ms_comes_first)
{
    struct message_id small = {9, 7};
    struct message_id middle = {10, 1};
    struct message_id large = {10, UINT64_MAX};

    ck_assert_int_lt(message_id_compare(small, middle), 0);
    ck_assert_int_lt(message_id_compare(middle, large), 0);
    ck_assert_int_gt(message_id_compare(large, small), 0);
    ck_assert_int_eq(message_id_compare(large, large), 0);
}
END_TEST

/* Of few digits and of many, often equal or one apart. */
static uint64_t random_number(void)
{
    static const uint64_t NEAR[] = {
        0, 9, 10, 99, 100, 1700000000000, 9999999999999999999U, UINT64_MAX - 1};

    return NEAR[random_below(sizeof(NEAR) / sizeof(*NEAR))] + random_below(2);
}

/* As the scripts compare them: of two numbers the one with more digits is more. */
static int compare_digits(const char *one, size_t one_len, const char *two, size_t two_len)
{
    if (one_len != two_len)
        return one_len < two_len ? -1 : 1;
    return memcmp(one, two, one_len);
}

static int compare_texts(const char *one, const char *two)
{
    size_t one_ms = strcspn(one, "-");
    size_t two_ms = strcspn(two, "-");
    int first = compare_digits(one, one_ms, two, two_ms);

    if (first != 0)
        return first;
    return compare_digits(one + one_ms, strlen(one + one_ms), two + two_ms, strlen(two + two_ms));
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

START_TEST(order_of_any_two_is_that_of_their_digits)
{
    seed_random();
    for (int round = 0; round < 100000; round++) {
        struct message_id one = {random_number(), random_number()};
        struct message_id two = {random_number(), random_number()};
        char one_text[MESSAGE_ID_TEXT_MAX];
        char two_text[MESSAGE_ID_TEXT_MAX];

        (void)message_id_format(one, one_text);
        (void)message_id_format(two, two_text);
        int expected = sign(compare_texts(one_text, two_text));
        ck_assert_msg(sign(message_id_compare(one, two)) == expected &&
                          sign(message_id_compare(two, one)) == -expected,
                      "%s and %s", one_text, two_text);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("id");

    tcase_add_test(tests, an_id_is_two_numbers);
    tcase_add_test(tests, anything_else_is_no_id);
    tcase_add_test(tests, a_nul_is_not_the_end);
    tcase_add_test(tests, format_is_the_inverse_of_parse);
    tcase_add_test(tests, order_is_numeric_and_ms_comes_first);
    tcase_add_test(tests, order_of_any_two_is_that_of_their_digits);
    return unit_run("id", tests);
}
