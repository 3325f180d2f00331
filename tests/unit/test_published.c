/* What arrives on a user's channel: a gateway's bytes by position, somebody else's by scanning. */
#include <check.h>
#include <stdlib.h>

#include "message/published.h"
#include "unit.h"

static const char *foreign(const char *bytes)
{
    bool is_message;

    return parse_foreign(text_of(bytes), &is_message);
}

START_TEST(the_head_of_a_message_gives_its_id)
{
    struct published published = parse_published(
        TEXT("{\"type\":\"message\",\"id\":\"12-34\",\"ts\":12,\"sender\":\"a\",\"content\":1}"));

    ck_assert_int_eq(published.kind, PUBLISHED_MESSAGE);
    ck_assert_uint_eq(published.id.ms, 12);
    ck_assert_uint_eq(published.id.seq, 34);
}
END_TEST

START_TEST(signals_have_no_id_of_their_own)
{
    static const char *const SIGNALS[] = {
        "{\"type\":\"typing\",\"sender\":\"a\",\"receiver\":\"b\"}",
        "{\"type\":\"delivered\",\"sender\":\"a\",\"receiver\":\"b\",\"id\":\"1-2\"}",
        "{\"type\":\"read\",\"sender\":\"a\",\"receiver\":\"b\",\"id\":\"1-2\"}"};

    for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++) {
        struct published published = parse_published(text_of(SIGNALS[i]));

        ck_assert_int_eq(published.kind, PUBLISHED_SIGNAL);
        ck_assert(published.id.ms == 0 && published.id.seq == 0);
    }
}
END_TEST

START_TEST(anything_else_is_foreign)
{
    static const char *const OTHERS[] = {
        "",
        "}",
        "{}",
        "hello",
        "{\"type\":\"message\",\"sender\":\"a\",\"content\":1}",
        "{\"type\":\"message\", \"id\":\"12-34\",\"ts\":12,\"sender\":\"a\",\"content\":1}",
        "{\"type\":\"message\",\"id\":\"12-34\",\"ts\":13,\"sender\":\"a\",\"content\":1}",
        "{\"type\":\"message\",\"id\":\"12-034\",\"ts\":12,\"sender\":\"a\",\"content\":1}",
        "{\"type\":\"message\",\"id\":\"12\",\"ts\":12,\"sender\":\"a\",\"content\":1}",
        "{\"type\":\"message\",\"id\":\"12-34\",\"ts\":12,\"content\":1}",
        "{\"type\":\"message\",\"id\":\"12-34\",\"ts\":12,\"sender\":\"a\",\"content\":1} ",
        "{\"type\":\"message\",\"id\":\"12-34\",\"ts\":1{\"type\":\"read\",\"sender\":\"a\"}",
        "{\"type\":\"typing\",\"receiver\":\"a\"}",
        "{\"type\":\"typing\",\"sender\":\"a\"",
        "{\"type\":\"ack\",\"sender\":\"a\"}",
        "{\"type\":\"welcome\",\"sender\":\"a\"}",
    };

    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
        struct published published = parse_published(text_of(OTHERS[i]));

        ck_assert_msg(published.kind == PUBLISHED_FOREIGN, "%s", OTHERS[i]);
        ck_assert(published.id.ms == 0 && published.id.seq == 0);
    }
}
END_TEST

START_TEST(foreign_messages_and_signals_may_pass)
{
    bool is_message;

    ck_assert_ptr_null(parse_foreign(
        TEXT(" {\"content\":[],\"sender\":\"a\",\"type\":\"message\"}\n"), &is_message));
    ck_assert(is_message);
    ck_assert_ptr_null(parse_foreign(TEXT("{\"type\":\"\\u0074yping\"}"), &is_message));
    ck_assert(!is_message);
    ck_assert_ptr_null(parse_foreign(TEXT("{\"type\":\"read\",\"x\":1,\"x\":2}"), &is_message));
    ck_assert(!is_message);
}
END_TEST

START_TEST(foreign_bytes_that_a_client_could_not_take_are_refused)
{
    ck_assert_str_eq(foreign(""), "not JSON");
    ck_assert_str_eq(foreign("hello"), "not JSON");
    ck_assert_str_eq(foreign("{\"type\":\"message\"}{}"), "not JSON");
    ck_assert_str_eq(foreign("{\"type\":\"message\",\"content\":\"\xFF\"}"), "not JSON");
    ck_assert_str_eq(foreign("[{\"type\":\"message\"}]"), "not an object");
    ck_assert_str_eq(foreign("{}"), "no type");
    ck_assert_str_eq(foreign("{\"type\":1}"), "no type");
    ck_assert_str_eq(foreign("{\"Type\":\"message\"}"), "no type");
    ck_assert_str_eq(foreign("{\"type\":\"error\"}"),
                     "a type that is neither a message nor a signal");
    ck_assert_str_eq(foreign("{\"type\":\"read\",\"t\\u0079pe\":\"message\"}"),
                     "a member given twice");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("published");

    tcase_add_test(tests, the_head_of_a_message_gives_its_id);
    tcase_add_test(tests, signals_have_no_id_of_their_own);
    tcase_add_test(tests, anything_else_is_foreign);
    tcase_add_test(tests, foreign_messages_and_signals_may_pass);
    tcase_add_test(tests, foreign_bytes_that_a_client_could_not_take_are_refused);
    return unit_run("published", tests);
}
