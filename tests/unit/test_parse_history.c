/* A request for history: what is read, and what is refused in which words. */
#include <stdio.h>

#include <check.h>

#include "base/buffer.h"
#include "message/parse.h"
#include "unit.h"

static struct parser *parser;
static struct builder frame;

static void setup(void)
{
    parser = parser_new(64 * 1024, 32);
    builder_init(&frame, 4096);
}

static void teardown(void)
{
    builder_clear(&frame);
    parser_free(parser);
}

/* The request of a frame with these members beside its type. */
static const struct request *read_one(const char *members)
{
    builder_reset(&frame);
    builder_printf(&frame, "{\"type\":\"history\"%s}", members);
    ck_assert_uint_eq(parser_read(parser, builder_text(&frame), false), 1);
    return parser_request(parser, 0);
}

static const struct request *good(const char *members)
{
    const struct request *request = read_one(members);

    ck_assert_msg(!request->failed, "%s: %.*s", members, (int)request->message.len,
                  request->message.at);
    ck_assert_int_eq(request->type, REQUEST_HISTORY);
    return request;
}

static void check_refused(const char *members, const char *message)
{
    const struct request *request = read_one(members);

    ck_assert_msg(request->failed && request->error == ERROR_BAD_REQUEST, "%s", members);
    ck_assert_msg(text_equal(request->message, text_of(message)), "%s: %.*s", members,
                  (int)request->message.len, request->message.at);
}

START_TEST(all_that_may_be_left_out_has_a_value)
{
    const struct request *request = good(",\"with\":\"bob\"");

    ck_assert(text_equal(request->with, TEXT("bob")));
    ck_assert_uint_eq(request->before.len, 0);
    ck_assert_uint_eq(request->limit, 50);
    ck_assert(!request->has_ref);
}
END_TEST

START_TEST(members_are_decoded_in_any_order)
{
    const struct request *request = good(",\"limit\":7,\"ref\":\"r\",\"before\":\"1700\\u0030-12\","
                                         "\"with\":\"\\u0062o\\/b\"");

    ck_assert(text_equal(request->with, TEXT("bo/b")));
    ck_assert(text_equal(request->before, TEXT("17000-12")));
    ck_assert_uint_eq(request->limit, 7);
    ck_assert(request->has_ref && text_equal(request->ref, TEXT("r")));
}
END_TEST

START_TEST(limit_is_1_to_200)
{
    ck_assert_uint_eq(good(",\"with\":\"b\",\"limit\":1")->limit, 1);
    ck_assert_uint_eq(good(",\"with\":\"b\",\"limit\":200")->limit, 200);
#define RIGHT ": it must be a whole number from 1 to 200, or left out"
    check_refused(",\"with\":\"b\",\"limit\":0", "limit is 0" RIGHT);
    check_refused(",\"with\":\"b\",\"limit\":201", "limit is too large" RIGHT);
    check_refused(",\"with\":\"b\",\"limit\":4294967297", "limit is too large" RIGHT);
    check_refused(",\"with\":\"b\",\"limit\":18446744073709551616",
                  "limit is not a whole number" RIGHT);
    check_refused(",\"with\":\"b\",\"limit\":-1", "limit is not a whole number" RIGHT);
    check_refused(",\"with\":\"b\",\"limit\":1.0", "limit is not a whole number" RIGHT);
    check_refused(",\"with\":\"b\",\"limit\":1e1", "limit is not a whole number" RIGHT);
    check_refused(",\"with\":\"b\",\"limit\":\"5\"", "limit is not a number" RIGHT);
    check_refused(",\"with\":\"b\",\"limit\":null", "limit is not a number" RIGHT);
#undef RIGHT
}
END_TEST

START_TEST(before_is_an_id)
{
    ck_assert(text_equal(good(",\"with\":\"b\",\"before\":\"0-0\"")->before, TEXT("0-0")));
    ck_assert(text_equal(
        good(",\"with\":\"b\",\"before\":\"18446744073709551615-18446744073709551615\"")->before,
        TEXT("18446744073709551615-18446744073709551615")));
#define RIGHT ": it must be an id, such as the \"next\" of the page before, or left out"
    check_refused(",\"with\":\"b\",\"before\":\"\"", "before is empty" RIGHT);
    check_refused(",\"with\":\"b\",\"before\":\"5\"", "before is not an id" RIGHT);
    check_refused(",\"with\":\"b\",\"before\":\"05-1\"", "before is not an id" RIGHT);
    check_refused(",\"with\":\"b\",\"before\":\"18446744073709551616-0\"",
                  "before is not an id" RIGHT);
    check_refused(",\"with\":\"b\",\"before\":5", "before is not a string" RIGHT);
    check_refused(",\"with\":\"b\",\"before\":null", "before is not a string" RIGHT);
    check_refused(",\"with\":\"b\",\"before\":\"184467440737095516150-18446744073709551615\"",
                  "before is too long" RIGHT);
#undef RIGHT
}
END_TEST

START_TEST(with_is_a_user)
{
    char longest[PARSE_USER_MAX + 32];

#define RIGHT                                                                                      \
    ": it must be the other user of the conversation, a string of 1 to 128 bytes without control " \
    "characters"
    check_refused("", "with is missing" RIGHT);
    check_refused(",\"receiverID\":\"bob\"", "with is missing" RIGHT);
    check_refused(",\"with\":[\"bob\"]", "with is not a string" RIGHT);
    check_refused(",\"with\":\"\"", "with is empty" RIGHT);
    check_refused(",\"with\":\"a\\u0000\"", "with has a control character" RIGHT);
    check_refused(",\"with\":\"\\ud800\"", "with has half of a surrogate pair" RIGHT);
    snprintf(longest, sizeof(longest), ",\"with\":\"%0*d\"", PARSE_USER_MAX, 0);
    ck_assert_uint_eq(good(longest)->with.len, PARSE_USER_MAX);
    snprintf(longest, sizeof(longest), ",\"with\":\"%0*d\"", PARSE_USER_MAX + 1, 0);
    check_refused(longest, "with is too long" RIGHT);
#undef RIGHT
}
END_TEST

START_TEST(the_first_thing_that_is_wrong_is_said_with_the_ref)
{
    const struct request *request = read_one(",\"before\":1,\"limit\":0,\"ref\":\"r\"");

    ck_assert(request->failed && text_starts_with(request->message, TEXT("with is missing")));
    ck_assert(request->has_ref && text_equal(request->ref, TEXT("r")));
    check_refused(",\"with\":\"b\",\"limit\":1,\"l\\u0069mit\":2", "limit is given twice");
}
END_TEST

START_TEST(a_message_may_have_them_of_any_kind)
{
    const char *message =
        "{\"receiverID\":\"bob\",\"content\":1,\"with\":1,\"before\":2,\"limit\":[]}";

    ck_assert_uint_eq(parser_read(parser, text_of(message), false), 1);
    ck_assert(!parser_request(parser, 0)->failed);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("parse history");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, all_that_may_be_left_out_has_a_value);
    tcase_add_test(tests, members_are_decoded_in_any_order);
    tcase_add_test(tests, limit_is_1_to_200);
    tcase_add_test(tests, before_is_an_id);
    tcase_add_test(tests, with_is_a_user);
    tcase_add_test(tests, the_first_thing_that_is_wrong_is_said_with_the_ref);
    tcase_add_test(tests, a_message_may_have_them_of_any_kind);
    return unit_run("parse history", tests);
}
