/* Every frame that the gateway sends, byte by byte. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "message/published.h"
#include "message/write.h"
#include "unit.h"

static struct builder out;

static void setup(void)
{
    builder_init(&out, 4096);
}

static void teardown(void)
{
    builder_clear(&out);
}

static void check_out(const char *expected)
{
    struct text text = builder_text(&out);

    ck_assert(!out.full);
    ck_assert_msg(text_equal(text, text_of(expected)), "%.*s\nexpected %s", (int)text.len, text.at,
                  expected);
    builder_reset(&out);
}

START_TEST(a_body_carries_the_content_as_it_was_sent)
{
    write_message_body(&out, TEXT("alice"), TEXT("b\"ob\\"),
                       TEXT("{ \"z\":1.0,\"a\":1e400, \"z\":\"\\ud800\" }"));
    check_out("\"sender\":\"alice\",\"receiver\":\"b\\\"ob\\\\\","
              "\"content\":{ \"z\":1.0,\"a\":1e400, \"z\":\"\\ud800\" }}");
}
END_TEST

START_TEST(a_body_behind_the_head_is_recognised_as_a_message)
{
    builder_append(&out, TEXT("{\"type\":\"message\",\"id\":\"1700000000000-3\","
                              "\"ts\":1700000000000,"));
    write_message_body(&out, TEXT("\xE7\x8E\x8B"), TEXT("bob"), TEXT("1"));
    struct published published = parse_published(builder_text(&out));
    ck_assert_int_eq(published.kind, PUBLISHED_MESSAGE);
    ck_assert_uint_eq(published.id.ms, 1700000000000);
    ck_assert_uint_eq(published.id.seq, 3);
}
END_TEST

START_TEST(a_message_and_a_copy_are_recognised)
{
    const struct message_id id = {5, 6};
    const struct text session = TEXT("0123456789abcdef");

    write_message(&out, id, TEXT("\"sender\":\"a\"}"));
    ck_assert_int_eq(parse_published(builder_text(&out)).kind, PUBLISHED_MESSAGE);
    check_out("{\"type\":\"message\",\"id\":\"5-6\",\"ts\":5,\"sender\":\"a\"}");

    write_copy(&out, id, (struct message_id){3, 4}, session, TEXT(""), TEXT("\"sender\":\"a\"}"));
    ck_assert(parse_published(builder_text(&out)).is_copy);
    check_out("{\"type\":\"message\",\"id\":\"5-6\",\"ts\":5,\"copy\":{\"id\":\"3-4\","
              "\"session\":\"0123456789abcdef\"},\"sender\":\"a\"}");
    write_copy(&out, id, (struct message_id){3, 4}, session, TEXT("\\\""),
               TEXT("\"sender\":\"a\"}"));
    struct published published = parse_published(builder_text(&out));
    ck_assert(published.is_copy && text_equal(published.session, session));
    check_out("{\"type\":\"message\",\"id\":\"5-6\",\"ts\":5,\"copy\":{\"id\":\"3-4\","
              "\"session\":\"0123456789abcdef\",\"ref\":\"\\\\\\\"\"},\"sender\":\"a\"}");
}
END_TEST

START_TEST(signals_with_and_without_an_id)
{
    write_signal(&out, REQUEST_TYPING, TEXT(""), TEXT("a"), TEXT("b"), (struct text){0});
    ck_assert_int_eq(parse_published(builder_text(&out)).kind, PUBLISHED_SIGNAL);
    check_out("{\"type\":\"typing\",\"sender\":\"a\",\"receiver\":\"b\"}");
    write_signal(&out, REQUEST_DELIVERED, TEXT(""), TEXT("a"), TEXT("b"), TEXT("1-2"));
    ck_assert_int_eq(parse_published(builder_text(&out)).kind, PUBLISHED_SIGNAL);
    check_out("{\"type\":\"delivered\",\"sender\":\"a\",\"receiver\":\"b\",\"id\":\"1-2\"}");
    write_signal(&out, REQUEST_READ, TEXT(""), TEXT("a"), TEXT("b"), TEXT("1-2"));
    ck_assert_int_eq(parse_published(builder_text(&out)).kind, PUBLISHED_SIGNAL);
    check_out("{\"type\":\"read\",\"sender\":\"a\",\"receiver\":\"b\",\"id\":\"1-2\"}");
}
END_TEST

START_TEST(a_read_for_the_other_sessions_names_its_own)
{
    write_signal(&out, REQUEST_READ, TEXT("00112233445566aa"), TEXT("a"), TEXT("b"), TEXT("1-2"));
    struct published published = parse_published(builder_text(&out));
    ck_assert_int_eq(published.kind, PUBLISHED_SIGNAL);
    ck_assert(text_equal(published.session, TEXT("00112233445566aa")));
    check_out("{\"type\":\"read\",\"session\":\"00112233445566aa\",\"sender\":\"a\","
              "\"receiver\":\"b\",\"id\":\"1-2\"}");
}
END_TEST

START_TEST(a_message_is_its_head_and_its_body)
{
    write_message(&out, (struct message_id){1700000000000, 5}, TEXT("\"sender\":\"a\"}"));
    check_out("{\"type\":\"message\",\"id\":\"1700000000000-5\",\"ts\":1700000000000,"
              "\"sender\":\"a\"}");
}
END_TEST

START_TEST(history_is_written_around_its_messages)
{
    write_history_begin(&out, TEXT("b\"b"));
    write_history_end(&out, (struct message_id){5, 1}, true, false, TEXT(""));
    check_out("{\"type\":\"history\",\"with\":\"b\\\"b\",\"messages\":[],\"next\":\"5-1\","
              "\"end\":true}");
    write_history_begin(&out, TEXT("b"));
    builder_append(&out, TEXT("{},{}"));
    write_history_end(&out, (struct message_id){0, 0}, false, true, TEXT("r\""));
    check_out("{\"type\":\"history\",\"with\":\"b\",\"messages\":[{},{}],\"next\":\"0-0\","
              "\"end\":false,\"ref\":\"r\\\"\"}");
}
END_TEST

/* What is not messages in the answer is never longer than was reckoned with. */
START_TEST(the_longest_history_fits_around_its_messages)
{
    char user[PARSE_USER_MAX];
    char ref[PARSE_REF_MAX];

    memset(user, '"', sizeof(user));
    memset(ref, '"', sizeof(ref));
    write_history_begin(&out, (struct text){user, sizeof(user)});
    write_history_end(&out, (struct message_id){UINT64_MAX, UINT64_MAX}, false, true,
                      (struct text){ref, sizeof(ref)});
    ck_assert_uint_le(out.len, WRITE_HISTORY_MAX);
}
END_TEST

START_TEST(sent_says_id_time_and_whether_online)
{
    struct message_id id = {1700000000000, 5};

    bool online = true;

    write_sent(&out, TEXT("r/\"1\""), id, &online);
    check_out("{\"type\":\"sent\",\"ref\":\"r/\\\"1\\\"\",\"id\":\"1700000000000-5\","
              "\"ts\":1700000000000,\"online\":true}");
    online = false;
    write_sent(&out, TEXT("r"), id, &online);
    check_out("{\"type\":\"sent\",\"ref\":\"r\",\"id\":\"1700000000000-5\",\"ts\":1700000000000,"
              "\"online\":false}");
    write_sent(&out, TEXT("r"), id, NULL);
    check_out("{\"type\":\"sent\",\"ref\":\"r\",\"id\":\"1700000000000-5\",\"ts\":1700000000000}");
}
END_TEST

START_TEST(presence_of_many_with_and_without_ref_and_since)
{
    const struct user_presence users[] = {
        {TEXT("b\"ob"), true, 2, 1795500159187},
        {TEXT("carol"), false, 0, 0},
        {TEXT("dave"), false, 0, 17},
    };

    write_presence(&out, users, 3, true, TEXT("r\""));
    check_out(
        "{\"type\":\"presence\",\"users\":["
        "{\"user\":\"b\\\"ob\",\"online\":true,\"sessions\":2,\"since\":1795500159187},"
        "{\"user\":\"carol\",\"online\":false,\"sessions\":0},"
        "{\"user\":\"dave\",\"online\":false,\"sessions\":0,\"since\":17}],\"ref\":\"r\\\"\"}");
    write_presence(&out, users + 1, 1, false, (struct text){0});
    check_out("{\"type\":\"presence\",\"users\":["
              "{\"user\":\"carol\",\"online\":false,\"sessions\":0}]}");
}
END_TEST

START_TEST(the_longest_presence_has_room)
{
    char quotes[PARSE_USER_MAX];
    struct user_presence users[PARSE_USERS_MAX];
    struct builder longest;

    memset(quotes, '"', sizeof(quotes));
    for (size_t i = 0; i < PARSE_USERS_MAX; i++)
        users[i] = (struct user_presence){{quotes, sizeof(quotes)}, false, SIZE_MAX, INT64_MAX};
    for (size_t count = 1; count <= PARSE_USERS_MAX; count += 99) {
        builder_init(&longest, WRITE_PRESENCE_MAX(count));
        write_presence(&longest, users, count, true, (struct text){quotes, PARSE_REF_MAX});
        ck_assert(!longest.full);
        builder_clear(&longest);
    }
}
END_TEST

START_TEST(welcome_says_who_and_where)
{
    write_welcome(&out, &(struct welcome){.user = TEXT("\xE7\x8E\x8B"),
                                          .device = TEXT("my \"phone\""),
                                          .session = TEXT("g1/7"),
                                          .gateway = TEXT("g1"),
                                          .has_mailbox = true,
                                          .last = {1700000000000, 3},
                                          .gap = true,
                                          .epoch = TEXT("0af")});
    check_out("{\"type\":\"welcome\",\"user\":\"\xE7\x8E\x8B\",\"device\":\"my \\\"phone\\\"\","
              "\"session\":\"g1/7\",\"gateway\":\"g1\",\"last\":\"1700000000000-3\","
              "\"gap\":true,\"reset\":false,\"epoch\":\"0af\"}");
    write_welcome(&out, &(struct welcome){.user = TEXT("a"),
                                          .device = TEXT("d"),
                                          .session = TEXT("s"),
                                          .gateway = TEXT("g1"),
                                          .epoch = TEXT("0af")});
    check_out("{\"type\":\"welcome\",\"user\":\"a\",\"device\":\"d\",\"session\":\"s\","
              "\"gateway\":\"g1\"}");
}
END_TEST

START_TEST(gap_says_how_far_and_whether_ids_begin_anew)
{
    write_gap(&out, (struct message_id){5, 6}, true, TEXT("0af"));
    check_out("{\"type\":\"gap\",\"last\":\"5-6\",\"reset\":true,\"epoch\":\"0af\"}");
    write_gap(&out, (struct message_id){0, 0}, false, TEXT(""));
    check_out("{\"type\":\"gap\",\"last\":\"0-0\",\"reset\":false,\"epoch\":\"\"}");
}
END_TEST

START_TEST(whole_message_is_its_head_and_its_body)
{
    write_message(&out, (struct message_id){5, 6}, TEXT("\"sender\":\"a\"}"));
    check_out("{\"type\":\"message\",\"id\":\"5-6\",\"ts\":5,\"sender\":\"a\"}");
}
END_TEST

START_TEST(pong_and_error_carry_a_ref_only_when_there_is_one)
{
    write_pong(&out, false, (struct text){0});
    check_out("{\"type\":\"pong\"}");
    write_pong(&out, true, TEXT("1"));
    check_out("{\"type\":\"pong\",\"ref\":\"1\"}");
    write_error(&out, ERROR_BAD_JSON, TEXT("not \"JSON\""), false, (struct text){0});
    check_out("{\"type\":\"error\",\"code\":\"bad_json\",\"message\":\"not \\\"JSON\\\"\"}");
    write_error(&out, ERROR_UNAVAILABLE, TEXT("later"), true, TEXT("k3"));
    check_out("{\"type\":\"error\",\"code\":\"unavailable\",\"message\":\"later\",\"ref\":\"k3\"}");
}
END_TEST

START_TEST(reconnect_says_when)
{
    write_reconnect(&out, 2500);
    check_out("{\"type\":\"reconnect\",\"after_ms\":2500}");
}
END_TEST

START_TEST(an_http_error_is_a_word_and_a_sentence)
{
    write_http_error(&out, "not_found", TEXT("nothing is at /x"));
    check_out("{\"error\":\"not_found\",\"message\":\"nothing is at /x\"}");
}
END_TEST

START_TEST(every_error_code_has_its_name)
{
    ck_assert_str_eq(error_code_name(ERROR_BAD_JSON), "bad_json");
    ck_assert_str_eq(error_code_name(ERROR_INTERNAL), "internal");
    for (int code = 0; code < ERROR_CODE_COUNT; code++)
        ck_assert_ptr_nonnull(error_code_name((enum error_code)code));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("write");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_body_carries_the_content_as_it_was_sent);
    tcase_add_test(tests, a_body_behind_the_head_is_recognised_as_a_message);
    tcase_add_test(tests, a_message_and_a_copy_are_recognised);
    tcase_add_test(tests, signals_with_and_without_an_id);
    tcase_add_test(tests, a_read_for_the_other_sessions_names_its_own);
    tcase_add_test(tests, a_message_is_its_head_and_its_body);
    tcase_add_test(tests, history_is_written_around_its_messages);
    tcase_add_test(tests, the_longest_history_fits_around_its_messages);
    tcase_add_test(tests, sent_says_id_time_and_whether_online);
    tcase_add_test(tests, presence_of_many_with_and_without_ref_and_since);
    tcase_add_test(tests, the_longest_presence_has_room);
    tcase_add_test(tests, welcome_says_who_and_where);
    tcase_add_test(tests, gap_says_how_far_and_whether_ids_begin_anew);
    tcase_add_test(tests, whole_message_is_its_head_and_its_body);
    tcase_add_test(tests, pong_and_error_carry_a_ref_only_when_there_is_one);
    tcase_add_test(tests, reconnect_says_when);
    tcase_add_test(tests, an_http_error_is_a_word_and_a_sentence);
    tcase_add_test(tests, every_error_code_has_its_name);
    return unit_run("write", tests);
}
