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
    ck_assert(!published.is_copy);
    ck_assert_uint_eq(published.session.len, 0);
}
END_TEST

#define COPY_HEAD "{\"type\":\"message\",\"id\":\"12-34\",\"ts\":12,\"copy\":"

START_TEST(a_copy_names_the_session_that_sent_it)
{
    static const char *const COPIES[] = {
        COPY_HEAD "{\"id\":\"5-6\",\"session\":\"0123456789abcdef\"},\"sender\":\"a\"}",
        COPY_HEAD
        "{\"id\":\"5-6\",\"session\":\"0123456789abcdef\",\"ref\":\"r\"},\"sender\":\"a\"}",
        COPY_HEAD "{\"id\":\"5-6\",\"session\":\"0123456789abcdef\",\"ref\":\"\\\"},\\\\\"},"
                  "\"sender\":\"a\"}",
    };

    for (size_t i = 0; i < sizeof(COPIES) / sizeof(*COPIES); i++) {
        struct published published = parse_published(text_of(COPIES[i]));

        ck_assert_msg(published.kind == PUBLISHED_MESSAGE, "%s", COPIES[i]);
        ck_assert(published.id.ms == 12 && published.id.seq == 34);
        ck_assert(published.is_copy);
        ck_assert(text_equal(published.session, TEXT("0123456789abcdef")));
        ck_assert_ptr_null(foreign(COPIES[i]));
    }
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
        COPY_HEAD "{\"id\":\"5\",\"session\":\"0123456789abcdef\"},\"sender\":\"a\"}",
        COPY_HEAD "{\"id\":\"5-6\"},\"sender\":\"a\"}",
        COPY_HEAD "{\"session\":\"0123456789abcdef\",\"id\":\"5-6\"},\"sender\":\"a\"}",
        COPY_HEAD "{\"id\":\"5-6\",\"session\":\"0123456789abcde\"},\"sender\":\"a\"}",
        COPY_HEAD "{\"id\":\"5-6\",\"session\":\"0123456789abcdef0\"},\"sender\":\"a\"}",
        COPY_HEAD "{\"id\":\"5-6\",\"session\":\"0123456789abcdef\",\"ref\":1},\"sender\":\"a\"}",
        COPY_HEAD
        "{\"id\":\"5-6\",\"session\":\"0123456789abcdef\",\"ref\":\"\\\"},\"sender\":\"a\"}",
        COPY_HEAD "{\"id\":\"5-6\",\"session\":\"0123456789abcdef\"},\"content\":\"a\"}",
        COPY_HEAD "{\"id\":\"5-6\",\"session\":\"0123456789abcdef\"}}",
        "{\"type\":\"typing\",\"receiver\":\"a\"}",
        "{\"type\":\"typing\",\"sender\":\"a\"",
        "{\"type\":\"ack\",\"sender\":\"a\"}",
        "{\"type\":\"welcome\",\"sender\":\"a\"}",
        "{\"type\":\"read\",\"session\":\"x\"}",
        "{\"type\":\"read\",\"session\":\"x\" ,\"sender\":\"a\"}",
        "{\"type\":\"read\",\"session\":\"x,\"sender\":\"a\"}",
        "{\"type\":\"read\",\"session\":1,\"sender\":\"a\"}",
    };

    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
        struct published published = parse_published(text_of(OTHERS[i]));

        ck_assert_msg(published.kind == PUBLISHED_FOREIGN, "%s", OTHERS[i]);
        ck_assert(published.id.ms == 0 && published.id.seq == 0);
        ck_assert(!published.is_copy && published.session.len == 0);
    }
}
END_TEST

START_TEST(a_read_may_name_the_session_that_is_not_to_get_it)
{
    struct published published =
        parse_published(TEXT("{\"type\":\"read\",\"session\":\"00112233445566aa\","
                             "\"sender\":\"a\",\"receiver\":\"b\",\"id\":\"1-2\"}"));

    ck_assert_int_eq(published.kind, PUBLISHED_SIGNAL);
    ck_assert(text_equal(published.session, TEXT("00112233445566aa")));
    published = parse_published(TEXT("{\"type\":\"read\",\"sender\":\"a\",\"session\":\"x\"}"));
    ck_assert_int_eq(published.kind, PUBLISHED_SIGNAL);
    ck_assert_uint_eq(published.session.len, 0);
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

START_TEST(an_event_of_presence_is_read_by_position)
{
    struct presence_event event;

    ck_assert(parse_presence_event(
        TEXT("{\"type\":\"presence\",\"users\":[{\"online\":true,\"sessions\":1,"
             "\"since\":1795500159187,\"user\":\"bob\"}]}"),
        TEXT("bob"), &event));
    ck_assert(event.online && event.since_ms == 1795500159187);
    ck_assert(parse_presence_event(
        TEXT("{\"type\":\"presence\",\"users\":[{\"online\":true,\"sessions\":12,"
             "\"since\":5,\"user\":\"bob\"}]}"),
        TEXT("bob"), &event));
    ck_assert(event.online && event.since_ms == 5);
    ck_assert(parse_presence_event(
        TEXT("{\"type\":\"presence\",\"users\":[{\"online\":false,\"sessions\":0,"
             "\"since\":5,\"user\":\"b\\\"}]}\"}]}"),
        TEXT("b\"}]}"), &event));
    ck_assert(!event.online && event.since_ms == 5);
}
END_TEST

START_TEST(anything_else_is_no_event_of_presence)
{
#define HEAD "{\"type\":\"presence\",\"users\":[{"
#define TAIL "\"user\":\"bob\"}]}"
    static const char *const OTHERS[] = {
        "",
        "{",
        HEAD,
        HEAD "\"online\":true,\"sessions\":1,\"since\":1,\"user\":",
        HEAD "\"online\":true,\"sessions\":1,\"since\":1,\"user\":\"bo\"}]}",
        HEAD "\"online\":true,\"sessions\":1,\"since\":1,\"user\":\"bobb\"}]}",
        HEAD "\"online\":true,\"sessions\":1,\"since\":1,\"user\":\"\\u0062ob\"}]}",
        HEAD "\"online\":true,\"sessions\":1,\"since\":1," TAIL " ",
        HEAD "\"online\":true,\"sessions\":1,\"since\":1," TAIL "}",
        HEAD "\"online\":true,\"sessions\":1,\"since\":1, " TAIL,
        HEAD "\"online\":true,\"sessions\":1,\"since\":-1," TAIL,
        HEAD "\"online\":true,\"sessions\":1,\"since\":01," TAIL,
        HEAD "\"online\":true,\"sessions\":1,\"since\":1.0," TAIL,
        HEAD "\"online\":true,\"sessions\":1,\"since\":9223372036854775808," TAIL,
        HEAD "\"online\":true,\"sessions\":02,\"since\":1," TAIL,
        HEAD "\"online\":true,\"sessions\":0,\"since\":1," TAIL,
        HEAD "\"online\":false,\"sessions\":1,\"since\":1," TAIL,
        HEAD "\"online\":1,\"sessions\":1,\"since\":1," TAIL,
        HEAD "\"sessions\":1,\"online\":true,\"since\":1," TAIL,
        "{\"type\":\"presence\",\"users\":[]}",
        " " HEAD "\"online\":true,\"sessions\":1,\"since\":1," TAIL,
    };
    struct presence_event event;

    ck_assert(parse_presence_event(TEXT(HEAD "\"online\":true,\"sessions\":1,\"since\":1," TAIL),
                                   TEXT("bob"), &event));
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(*OTHERS); i++)
        ck_assert_msg(!parse_presence_event(text_of(OTHERS[i]), TEXT("bob"), &event), "%s",
                      OTHERS[i]);
#undef TAIL
#undef HEAD
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("published");

    tcase_add_test(tests, the_head_of_a_message_gives_its_id);
    tcase_add_test(tests, a_copy_names_the_session_that_sent_it);
    tcase_add_test(tests, signals_have_no_id_of_their_own);
    tcase_add_test(tests, anything_else_is_foreign);
    tcase_add_test(tests, a_read_may_name_the_session_that_is_not_to_get_it);
    tcase_add_test(tests, foreign_messages_and_signals_may_pass);
    tcase_add_test(tests, foreign_bytes_that_a_client_could_not_take_are_refused);
    tcase_add_test(tests, an_event_of_presence_is_read_by_position);
    tcase_add_test(tests, anything_else_is_no_event_of_presence);
    return unit_run("published", tests);
}
