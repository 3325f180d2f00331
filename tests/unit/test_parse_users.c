/* The users of a request about presence: what is read, and what is refused in which words. */
#include <check.h>
#include <stdio.h>

#include "base/buffer.h"
#include "message/parse.h"
#include "unit.h"

static struct parser *parser;
static struct builder frame;

static void setup(void)
{
    parser = parser_new(64 * 1024, 32);
    builder_init(&frame, 1 << 20);
}

static void teardown(void)
{
    builder_clear(&frame);
    parser_free(parser);
}

static const struct request *read_one(const char *bytes)
{
    ck_assert_msg(parser_read(parser, text_of(bytes), false) == 1, "%s", bytes);
    return parser_request(parser, 0);
}

static void check_user(const struct request *request, size_t index, struct text expected)
{
    ck_assert(!request->failed && index < request->user_count);
    struct text user = request->users[index];
    ck_assert_msg(text_equal(user, expected), "\"%.*s\", not \"%.*s\"", (int)user.len, user.at,
                  (int)expected.len, expected.at);
}

static void check_refused(const char *bytes, const char *message)
{
    const struct request *request = read_one(bytes);

    ck_assert_msg(request->failed && request->error == ERROR_BAD_REQUEST, "%s", bytes);
    ck_assert_msg(text_equal(request->message, text_of(message)), "%s: %.*s", bytes,
                  (int)request->message.len, request->message.at);
    ck_assert(request->user_count == 0);
}

/* `count` times this JSON string, as the users of a presence request. */
static const struct request *read_many(size_t count, const char *string, bool numbered)
{
    builder_reset(&frame);
    builder_append_string(&frame, "{\"type\":\"presence\",\"users\":[");
    for (size_t i = 0; i < count; i++) {
        builder_append_string(&frame, i == 0 ? "\"" : ",\"");
        builder_append_string(&frame, string);
        if (numbered)
            builder_append_number(&frame, 100 + i);
        builder_append_char(&frame, '"');
    }
    builder_append_string(&frame, "]}");
    ck_assert(!frame.full);
    ck_assert_uint_eq(parser_read(parser, builder_text(&frame), false), 1);
    return parser_request(parser, 0);
}

START_TEST(users_are_decoded_in_their_order)
{
    const struct request *request =
        read_one("{\"ref\":\"r\",\"users\":[ \"bob\" ,\"\\u738b\\/\",\"c d\"],\"type\":\"watch\"}");

    ck_assert_int_eq(request->type, REQUEST_WATCH);
    ck_assert(request->has_ref);
    ck_assert_uint_eq(request->user_count, 3);
    check_user(request, 0, TEXT("bob"));
    check_user(request, 1, TEXT("\xE7\x8E\x8B/"));
    check_user(request, 2, TEXT("c d"));
    ck_assert_int_eq(read_one("{\"type\":\"unwatch\",\"users\":[\"a\"]}")->type, REQUEST_UNWATCH);
    ck_assert_int_eq(read_one("{\"type\":\"presence\",\"users\":[\"a\"]}")->type, REQUEST_PRESENCE);
}
END_TEST

START_TEST(a_user_given_twice_counts_once)
{
    const struct request *request = read_one("{\"type\":\"presence\",\"users\":[\"bob\",\"carol\","
                                             "\"\\u0062ob\",\"carol\",\"bo\",\"\\u0062ob\"]}");

    ck_assert_uint_eq(request->user_count, 3);
    check_user(request, 0, TEXT("bob"));
    check_user(request, 1, TEXT("carol"));
    check_user(request, 2, TEXT("bo"));
    ck_assert_uint_eq(read_many(100, "bob", false)->user_count, 1);
}
END_TEST

START_TEST(a_hundred_of_the_longest_users_written_as_escapes)
{
    char longest[6 * 125 + 1];
    char expected[PARSE_USER_MAX + 1];

    for (int i = 0; i < 125; i++) {
        snprintf(longest + (size_t)i * 6, 7, "\\u0041");
        expected[i] = 'A';
    }
    const struct request *request = read_many(PARSE_USERS_MAX, longest, true);
    ck_assert_msg(request->failed && request->error == ERROR_TOO_LARGE, "over --max-message");

    parser_free(parser);
    parser = parser_new(1 << 20, 32);
    request = read_many(PARSE_USERS_MAX, longest, true);
    ck_assert_uint_eq(request->user_count, PARSE_USERS_MAX);
    for (size_t i = 0; i < PARSE_USERS_MAX; i++) {
        snprintf(expected + 125, 4, "%zu", 100 + i);
        check_user(request, i, text_of(expected));
    }
}
END_TEST

START_TEST(requests_of_a_batch_have_their_own_users)
{
    const char *batch = "[{\"type\":\"watch\",\"users\":[\"\\u0061\",\"b\"]},{\"type\":\"ping\"},"
                        "{\"type\":\"watch\",\"users\":[1]},"
                        "{\"type\":\"unwatch\",\"users\":[\"\\u0063\"]}]";

    ck_assert_uint_eq(parser_read(parser, text_of(batch), false), 4);
    check_user(parser_request(parser, 0), 0, TEXT("a"));
    check_user(parser_request(parser, 0), 1, TEXT("b"));
    ck_assert(parser_request(parser, 2)->failed);
    check_user(parser_request(parser, 3), 0, TEXT("c"));

    /* The frame is no JSON: its one request is the error. */
    ck_assert_uint_eq(
        parser_read(parser, TEXT("[{\"type\":\"watch\",\"users\":[\"\\u0061\"]},"), false), 1);
    ck_assert(parser_request(parser, 0)->failed && parser_request(parser, 0)->user_count == 0);
}
END_TEST

START_TEST(errors_say_what_is_wrong_and_what_would_be_right)
{
#define RIGHT "it must be an array of 1 to 100 users"
#define RIGHT_EACH "each must be a string of 1 to 128 bytes without control characters"

    check_refused("{\"type\":\"presence\"}", "users is missing: " RIGHT);
    check_refused("{\"type\":\"watch\",\"users\":\"bob\"}", "users is not an array: " RIGHT);
    check_refused("{\"type\":\"watch\",\"users\":null}", "users is not an array: " RIGHT);
    check_refused("{\"type\":\"unwatch\",\"users\":[ ]}", "users is empty: " RIGHT);
    check_refused("{\"type\":\"watch\",\"users\":[\"a\",7]}",
                  "users[1] is not a string: " RIGHT_EACH);
    check_refused("{\"type\":\"watch\",\"users\":[\"\"]}", "users[0] is empty: " RIGHT_EACH);
    check_refused("{\"type\":\"watch\",\"users\":[[\"a\"]]}",
                  "users[0] is not a string: " RIGHT_EACH);
    check_refused("{\"type\":\"watch\",\"users\":[\"a\\u0000\"]}",
                  "users[0] has a control character: " RIGHT_EACH);
    check_refused("{\"type\":\"watch\",\"users\":[\"\\ud800\"]}",
                  "users[0] has half of a surrogate pair: " RIGHT_EACH);
    check_refused("{\"type\":\"watch\",\"users\":[\"a\"],\"users\":[\"b\"]}",
                  "users is given twice");
#undef RIGHT_EACH
#undef RIGHT
}
END_TEST

START_TEST(more_than_a_hundred_are_refused_also_the_same)
{
    ck_assert_uint_eq(read_many(100, "u", true)->user_count, 100);
    const struct request *request = read_many(101, "u", false);
    ck_assert(request->failed && request->error == ERROR_BAD_REQUEST);
    ck_assert(text_starts_with(request->message, TEXT("users has 101 elements: ")));
}
END_TEST

START_TEST(a_user_that_is_too_long_is_refused)
{
    char user[PARSE_USER_MAX + 2];

    for (size_t i = 0; i <= PARSE_USER_MAX; i++)
        user[i] = 'u';
    user[PARSE_USER_MAX] = '\0';
    ck_assert_uint_eq(read_many(1, user, false)->user_count, 1);
    user[PARSE_USER_MAX] = 'u';
    user[PARSE_USER_MAX + 1] = '\0';
    const struct request *request = read_many(1, user, false);
    ck_assert(request->failed);
    ck_assert(text_starts_with(request->message, TEXT("users[0] is too long: ")));
}
END_TEST

START_TEST(a_message_may_have_users_of_any_kind)
{
    ck_assert(!read_one("{\"receiverID\":\"bob\",\"content\":1,\"users\":5}")->failed);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("parse users");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, users_are_decoded_in_their_order);
    tcase_add_test(tests, a_user_given_twice_counts_once);
    tcase_add_test(tests, a_hundred_of_the_longest_users_written_as_escapes);
    tcase_add_test(tests, requests_of_a_batch_have_their_own_users);
    tcase_add_test(tests, errors_say_what_is_wrong_and_what_would_be_right);
    tcase_add_test(tests, more_than_a_hundred_are_refused_also_the_same);
    tcase_add_test(tests, a_user_that_is_too_long_is_refused);
    tcase_add_test(tests, a_message_may_have_users_of_any_kind);
    return unit_run("parse users", tests);
}
