/* A client's frame to requests: what is read, and what is refused in which words. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "message/parse.h"
#include "unit.h"

#define MAX_MESSAGE 1000
#define MAX_DEPTH 4

static struct parser *parser;
static struct builder frame; /* for frames that are made in a loop */

static void setup(void)
{
    parser = parser_new(MAX_MESSAGE, MAX_DEPTH);
    builder_init(&frame, 1 << 20);
}

static void teardown(void)
{
    builder_clear(&frame);
    parser_free(parser);
}

static void check_text(struct text text, struct text expected)
{
    ck_assert_msg(text_equal(text, expected), "\"%.*s\", not \"%.*s\"", (int)text.len, text.at,
                  (int)expected.len, expected.at);
}

/* The only request of the frame, which is good. */
static const struct request *good_text(struct text bytes)
{
    ck_assert_msg(parser_read(parser, bytes, false) == 1, "%.*s", (int)bytes.len, bytes.at);
    const struct request *request = parser_request(parser, 0);
    ck_assert_msg(!request->failed, "%.*s: %.*s", (int)bytes.len, bytes.at,
                  (int)request->message.len, request->message.at);
    return request;
}

static const struct request *good(const char *bytes)
{
    return good_text(text_of(bytes));
}

/* The only request of the frame fails with this code, and its message begins so. */
static void check_refused(const char *bytes, enum error_code error, const char *message)
{
    ck_assert_msg(parser_read(parser, text_of(bytes), false) == 1, "%s", bytes);
    const struct request *request = parser_request(parser, 0);
    ck_assert_msg(request->failed && request->error == error, "%s: %s", bytes,
                  error_code_name(request->error));
    ck_assert_msg(text_starts_with(request->message, text_of(message)), "%s: %.*s", bytes,
                  (int)request->message.len, request->message.at);
}

static void check_ref(const char *expected)
{
    const struct request *request = parser_request(parser, 0);

    ck_assert(request->failed && request->has_ref);
    check_text(request->ref, text_of(expected));
}

START_TEST(a_message_needs_a_receiver_and_content)
{
    const struct request *request = good("{\"receiverID\":\"bob\",\"content\":\"hi\"}");

    ck_assert_int_eq(request->type, REQUEST_MESSAGE);
    check_text(request->receiver, TEXT("bob"));
    check_text(request->content, TEXT("\"hi\""));
    ck_assert(request->sender.len == 0 && !request->has_ref);
    request = good("{\"content\":null,\"receiver\":\"bob\",\"type\":\"message\",\"sender\":\"\"}");
    check_text(request->receiver, TEXT("bob"));
    check_text(request->content, TEXT("null"));
}
END_TEST

START_TEST(content_is_carried_byte_by_byte)
{
#define CONTENT                                                                                    \
    "[ 1.0,12345678901234567890, 1e400,-0,\"\\ud800\",\"\\u0041\\/\",\"\xE4\xBD\xA0\","            \
    "{ \"b\" : 1,\"a\":2, \"b\":3 },true]"

    check_text(good("{\"receiverID\":\"b\" , \"content\" : " CONTENT " }")->content, TEXT(CONTENT));
    check_text(good("{\"receiverID\":\"b\",\"content\":\"\"}")->content, TEXT("\"\""));
#undef CONTENT
}
END_TEST

START_TEST(ids_are_decoded)
{
    const struct request *request =
        good("{\"sender\":\"\\u738b \\/\",\"r\\u0065ceiver\":\"\\ud83d\\ude00\","
             "\"ref\":\"a\\\"b\",\"content\":0}");

    check_text(request->sender, TEXT("\xE7\x8E\x8B /"));
    check_text(request->receiver, TEXT("\xF0\x9F\x98\x80"));
    ck_assert(request->has_ref);
    check_text(request->ref, TEXT("a\"b"));
}
END_TEST

START_TEST(unknown_members_and_other_cases_are_ignored)
{
    const struct request *request =
        good("{\"x\":1,\"x\":{\"content\":2},\"Content\":3,\"receiverid\":4,\"id\":5,"
             "\"\\ud800\":6,\"content\":7,\"receiverID\":\"b\"}");

    check_text(request->content, TEXT("7"));
}
END_TEST

START_TEST(a_bad_receiver_is_told_why)
{
    check_refused("{\"content\":1}", ERROR_BAD_RECEIVER, "receiverID is missing: it must be");
    check_refused("{\"content\":1,\"receiverID\":7}", ERROR_BAD_RECEIVER, "receiverID is not a s");
    check_refused("{\"content\":1,\"receiver\":null}", ERROR_BAD_RECEIVER, "receiver is not a s");
    check_refused("{\"content\":1,\"receiver\":\"\"}", ERROR_BAD_RECEIVER, "receiver is empty");
    check_refused("{\"content\":1,\"receiver\":\"a\\u0000\"}", ERROR_BAD_RECEIVER,
                  "receiver has a control character");
    check_refused("{\"content\":1,\"receiver\":\"a\x7F\"}", ERROR_BAD_RECEIVER,
                  "receiver has a control character");
    check_refused("{\"content\":1,\"receiver\":\"\\udead\"}", ERROR_BAD_RECEIVER,
                  "receiver has half of a surrogate pair");
    check_refused("{\"type\":\"typing\"}", ERROR_BAD_RECEIVER, "receiverID is missing");
}
END_TEST

START_TEST(lengths_are_counted_in_decoded_bytes)
{
    for (size_t len = 127; len <= 129; len++) {
        builder_reset(&frame);
        builder_append_string(&frame, "{\"content\":1,\"receiver\":\"");
        for (size_t i = 0; i < len; i++)
            builder_append_string(&frame, i % 2 == 0 ? "\\u0061" : "a");
        builder_append_string(&frame, "\"}");
        ck_assert_uint_eq(parser_read(parser, builder_text(&frame), false), 1);
        const struct request *request = parser_request(parser, 0);
        ck_assert(request->failed == (len > PARSE_USER_MAX));
        if (request->failed)
            ck_assert_int_eq(request->error, ERROR_BAD_RECEIVER);
        else
            ck_assert_uint_eq(request->receiver.len, len);
    }
    for (size_t len = 63; len <= 65; len++) {
        builder_reset(&frame);
        builder_printf(&frame, "{\"content\":1,\"receiver\":\"b\",\"ref\":\"%0*d\"}", (int)len, 7);
        ck_assert_uint_eq(parser_read(parser, builder_text(&frame), false), 1);
        const struct request *request = parser_request(parser, 0);
        ck_assert(request->failed == (len > PARSE_REF_MAX));
        ck_assert(request->has_ref == !request->failed);
    }
}
END_TEST

START_TEST(other_members_are_named_when_wrong)
{
    check_refused("{\"receiver\":\"b\"}", ERROR_BAD_REQUEST, "content is missing");
    check_refused("{\"receiver\":\"b\",\"content\":1,\"sender\":1}", ERROR_BAD_REQUEST,
                  "sender is not a string: it must be");
    check_refused("{\"receiver\":\"b\",\"content\":1,\"sender\":\"\\u0000\"}", ERROR_BAD_REQUEST,
                  "sender has a control character");
    check_refused("{\"receiver\":\"b\",\"content\":1,\"ref\":\"\"}", ERROR_BAD_REQUEST,
                  "ref is empty: it must be");
    check_refused("{\"receiver\":\"b\",\"content\":1,\"ref\":3}", ERROR_BAD_REQUEST,
                  "ref is not a string");
    check_refused("{\"type\":\"ping\",\"ref\":3}", ERROR_BAD_REQUEST, "ref is not a string");
    check_refused("{\"type\":null}", ERROR_BAD_REQUEST, "type is not a string: the types are mess");
}
END_TEST

START_TEST(a_known_member_given_twice_is_refused)
{
    check_refused("{\"receiver\":\"b\",\"content\":1,\"content\":2}", ERROR_BAD_REQUEST,
                  "content is given twice");
    check_refused("{\"receiver\":\"b\",\"content\":1,\"r\\u0065ceiver\":\"c\"}", ERROR_BAD_REQUEST,
                  "receiver is given twice");
    check_refused("{\"receiver\":\"b\",\"content\":1,\"receiverID\":\"b\"}", ERROR_BAD_REQUEST,
                  "receiver and receiverID mean the same");
    check_refused("{\"type\":\"ping\",\"type\":\"ping\"}", ERROR_BAD_REQUEST,
                  "type is given twice");
}
END_TEST

START_TEST(signals_need_an_id_unless_typing)
{
    const struct request *request = good("{\"type\":\"typing\",\"receiver\":\"b\"}");

    ck_assert_int_eq(request->type, REQUEST_TYPING);
    ck_assert_uint_eq(request->id.len, 0);
    request = good("{\"type\":\"r\\u0065ad\",\"receiver\":\"b\",\"id\":\"1-\\u0032\"}");
    ck_assert_int_eq(request->type, REQUEST_READ);
    check_text(request->id, TEXT("1-2"));
    good("{\"type\":\"delivered\",\"receiver\":\"b\","
         "\"id\":\"18446744073709551615-18446744073709551615\"}");

    check_refused("{\"type\":\"read\",\"receiver\":\"b\"}", ERROR_BAD_REQUEST, "id is missing");
    check_refused("{\"type\":\"delivered\",\"receiver\":\"b\",\"id\":\"7\"}", ERROR_BAD_REQUEST,
                  "id is not an id");
    check_refused("{\"type\":\"typing\",\"receiver\":\"b\",\"id\":1}", ERROR_BAD_REQUEST,
                  "id is not a string");
    check_refused("{\"type\":\"read\",\"receiver\":\"b\",\"id\":\"1-2\\u0000\"}", ERROR_BAD_REQUEST,
                  "id has a control character");
}
END_TEST

START_TEST(other_types_are_recognised_by_their_exact_name)
{
#define CHECK_TYPE(symbol, name)                                                                   \
    builder_reset(&frame);                                                                         \
    builder_printf(&frame,                                                                         \
                   "{\"type\":\"%s\",\"receiver\":\"b\",\"content\":1,\"id\":\"1-1\","             \
                   "\"users\":[\"u\"],\"with\":\"b\"}",                                            \
                   name);                                                                          \
    ck_assert_int_eq(good_text(builder_text(&frame))->type, REQUEST_##symbol);
    REQUEST_TYPES(CHECK_TYPE)
#undef CHECK_TYPE
    ck_assert(good("{\"type\":\"ping\",\"ref\":\"7\"}")->has_ref);
    check_refused("{\"type\":\"Ping\"}", ERROR_UNKNOWN_TYPE,
                  "unknown type \"Ping\": the types are message, typing, delivered, read, ping");
}
END_TEST

START_TEST(an_unknown_type_is_quoted_without_harm)
{
    check_refused("{\"type\":\"\"}", ERROR_UNKNOWN_TYPE, "unknown type \"\": the");
    check_refused("{\"type\":\"a\x7F\\u0000\"}", ERROR_UNKNOWN_TYPE,
                  "unknown type \"a?\\u0000\": the");
    check_refused("{\"type\":\"\\ud800\"}", ERROR_UNKNOWN_TYPE, "unknown type \"\\ud800\": the");
    check_refused("{\"type\":\"0123456789012345678901234567890\xE2\x82\xAC\"}", ERROR_UNKNOWN_TYPE,
                  "unknown type \"0123456789012345678901234567890\"...: the");
    ck_assert(text_is_utf8(parser_request(parser, 0)->message));
}
END_TEST

START_TEST(an_error_carries_the_ref_when_it_could_be_read)
{
    check_refused("{\"content\":1,\"ref\":\"r1\"}", ERROR_BAD_RECEIVER, "receiverID is missing");
    check_ref("r1");
    check_refused("{\"type\":\"x\",\"ref\":\"r2\"}", ERROR_UNKNOWN_TYPE, "unknown");
    check_ref("r2");
    check_refused("{\"receiver\":\"b\",\"content\":[[[[1]]]],\"ref\":\"r3\"}", ERROR_TOO_DEEP,
                  "ne");
    check_ref("r3");
    check_refused("{\"type\":\"x\",\"ref\":5}", ERROR_UNKNOWN_TYPE, "unknown");
    ck_assert(!parser_request(parser, 0)->has_ref);
}
END_TEST

START_TEST(depth_counts_from_the_element)
{
    good("{\"receiver\":\"b\",\"content\":[[[1]]]}");
    good("[{\"receiver\":\"b\",\"content\":[[{\"a\":1}]]}]");
    check_refused("{\"receiver\":\"b\",\"content\":[[[[]]]]}", ERROR_TOO_DEEP,
                  "nested 5 levels deep: at most 4 are allowed");
    check_refused("[{\"receiver\":\"b\",\"content\":1,\"x\":[[[[]]]]}]", ERROR_TOO_DEEP,
                  "nested 5");

    builder_append_string(&frame, "{\"content\":");
    for (size_t i = 0; i < 600; i++)
        builder_append_char(&frame, '[');
    ck_assert_uint_eq(parser_read(parser, builder_text(&frame), true), 1);
    ck_assert_int_eq(parser_request(parser, 0)->error, ERROR_TOO_DEEP);
}
END_TEST

/* An object of `len` bytes. */
static void append_message(size_t len)
{
    size_t before = frame.len;

    builder_append_string(&frame, "{\"receiver\":\"b\",\"content\":\"");
    while (frame.len - before < len - 2)
        builder_append_char(&frame, 'x');
    builder_append_string(&frame, "\"}");
}

START_TEST(size_counts_from_bracket_to_bracket)
{
    builder_append_string(&frame, " [ ");
    append_message(MAX_MESSAGE - 1);
    builder_append_string(&frame, "   ,");
    append_message(MAX_MESSAGE);
    builder_append_string(&frame, " , ");
    append_message(MAX_MESSAGE + 1);
    builder_append_string(&frame, "]  ");
    ck_assert_uint_eq(parser_read(parser, builder_text(&frame), false), 3);
    ck_assert(!parser_request(parser, 0)->failed);
    ck_assert(!parser_request(parser, 1)->failed);
    ck_assert(parser_request(parser, 2)->failed);
    ck_assert_int_eq(parser_request(parser, 2)->error, ERROR_TOO_LARGE);
    check_text(parser_request(parser, 2)->message,
               TEXT("an object of 1001 bytes: at most 1000 are allowed"));
}
END_TEST

START_TEST(in_a_batch_each_element_stands_for_itself)
{
    size_t count = parser_read(
        parser, TEXT("[{\"receiver\":\"b\",\"content\":1},7,{\"type\":\"x\"},{\"type\":\"ping\"}]"),
        false);

    ck_assert_uint_eq(count, 4);
    ck_assert(!parser_request(parser, 0)->failed);
    ck_assert_int_eq(parser_request(parser, 1)->error, ERROR_BAD_REQUEST);
    ck_assert_int_eq(parser_request(parser, 2)->error, ERROR_UNKNOWN_TYPE);
    ck_assert(!parser_request(parser, 3)->failed);
    ck_assert_int_eq(parser_request(parser, 3)->type, REQUEST_PING);
}
END_TEST

START_TEST(of_a_frame_that_is_not_json_nothing_counts)
{
    check_refused("[{\"type\":\"ping\"},{\"type\":\"ping\"}", ERROR_BAD_JSON,
                  "not JSON: expected ',' or ']' at the end, byte 32");
    check_refused("[{\"type\":\"ping\"},{\"type\":\"ping\"};", ERROR_BAD_JSON,
                  "not JSON: expected ',' or ']' at byte 32");
    check_refused("{\"type\":\"ping\"} x", ERROR_BAD_JSON, "not JSON: expected the end at byte 16");
    check_refused("", ERROR_BAD_JSON, "not JSON: expected a value at the end, byte 0");
    check_refused("\"\xC0\"", ERROR_BAD_JSON, "not JSON: expected valid UTF-8 in the string at");
    ck_assert_uint_eq(parser_read(parser, TEXT("[{\"type\":\"ping\"}]]"), true), 1);
    ck_assert_int_eq(parser_request(parser, 0)->error, ERROR_BAD_JSON);
}
END_TEST

START_TEST(a_frame_is_an_object_or_an_array_of_them)
{
    check_refused("7", ERROR_BAD_REQUEST, "a number in the place of an object: a frame is");
    check_refused("\"{}\"", ERROR_BAD_REQUEST, "a string in the place of an object");
    check_refused("[[{\"type\":\"ping\"}]]", ERROR_BAD_REQUEST, "an array in the place of an obj");
    check_refused("[]", ERROR_BAD_REQUEST,
                  "an empty array: a frame is an object, or an array of 1");
}
END_TEST

START_TEST(a_batch_is_bounded)
{
    for (size_t len = PARSE_BATCH_MAX; len <= PARSE_BATCH_MAX + 1; len++) {
        builder_reset(&frame);
        for (size_t i = 0; i < len; i++)
            builder_append_string(&frame, i == 0 ? "[{\"type\":\"ping\"}" : ",{\"type\":\"ping\"}");
        builder_append_char(&frame, ']');
        size_t count = parser_read(parser, builder_text(&frame), false);
        if (len == PARSE_BATCH_MAX) {
            ck_assert_uint_eq(count, PARSE_BATCH_MAX);
        } else {
            ck_assert_uint_eq(count, 1);
            ck_assert_int_eq(parser_request(parser, 0)->error, ERROR_BATCH_TOO_LONG);
        }
        ck_assert_uint_eq(parser_read(parser, builder_text(&frame), true), 1);
        ck_assert(!parser_request(parser, 0)->failed);
    }
}
END_TEST

START_TEST(a_pair_session_says_its_last_element)
{
    ck_assert_uint_eq(
        parser_read(parser,
                    TEXT("[{\"sender\":\"a\",\"sender\":1},null,[[[[[[]]]]]],"
                         "{\"sender\":\"b\",\"content\":\"hi\",\"receiverID\":\"a\"}]"),
                    true),
        1);
    const struct request *request = parser_request(parser, 0); /* stays where it is */
    ck_assert(!request->failed);
    check_text(request->sender, TEXT("b"));
    check_text(request->receiver, TEXT("a"));

    ck_assert_uint_eq(parser_read(parser, TEXT("{\"content\":1,\"receiver\":\"b\"}"), true), 1);
    ck_assert(!request->failed);
    ck_assert_uint_eq(parser_read(parser, TEXT(" [ ] "), true), 0);
    ck_assert_uint_eq(parser_read(parser, TEXT("[{\"content\":1,\"receiver\":\"b\"},7]"), true), 1);
    ck_assert(request->failed);
    ck_assert_int_eq(request->error, ERROR_BAD_REQUEST);
}
END_TEST

START_TEST(size_of_a_pair_sessions_transcript_does_not_matter)
{
    builder_append_char(&frame, '[');
    append_message((size_t)10 * MAX_MESSAGE);
    builder_append_char(&frame, ',');
    append_message(MAX_MESSAGE);
    builder_append_char(&frame, ']');
    ck_assert_uint_eq(parser_read(parser, builder_text(&frame), true), 1);
    ck_assert(!parser_request(parser, 0)->failed);

    frame.len--;
    builder_append_char(&frame, ',');
    append_message(MAX_MESSAGE + 1);
    builder_append_char(&frame, ']');
    ck_assert_uint_eq(parser_read(parser, builder_text(&frame), true), 1);
    ck_assert_int_eq(parser_request(parser, 0)->error, ERROR_TOO_LARGE);
}
END_TEST

START_TEST(users_and_devices_are_short_printable_utf8)
{
    char name[130];

    memset(name, 'n', sizeof(name));
    ck_assert(parse_is_user((struct text){name, 128}));
    ck_assert(!parse_is_user((struct text){name, 129}));
    ck_assert(parse_is_device((struct text){name, 64}));
    ck_assert(!parse_is_device((struct text){name, 65}));
    ck_assert(!parse_is_user((struct text){name, 0}));
    ck_assert(parse_is_user(TEXT("\xE7\x8E\x8B {:%} \"")));
    ck_assert(!parse_is_user(TEXT("a\0b")));
    ck_assert(!parse_is_user(TEXT("a\n")));
    ck_assert(!parse_is_user(TEXT("\x7F")));
    ck_assert(!parse_is_device(TEXT("\xFF")));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("parse");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_message_needs_a_receiver_and_content);
    tcase_add_test(tests, content_is_carried_byte_by_byte);
    tcase_add_test(tests, ids_are_decoded);
    tcase_add_test(tests, unknown_members_and_other_cases_are_ignored);
    tcase_add_test(tests, a_bad_receiver_is_told_why);
    tcase_add_test(tests, lengths_are_counted_in_decoded_bytes);
    tcase_add_test(tests, other_members_are_named_when_wrong);
    tcase_add_test(tests, a_known_member_given_twice_is_refused);
    tcase_add_test(tests, signals_need_an_id_unless_typing);
    tcase_add_test(tests, other_types_are_recognised_by_their_exact_name);
    tcase_add_test(tests, an_unknown_type_is_quoted_without_harm);
    tcase_add_test(tests, an_error_carries_the_ref_when_it_could_be_read);
    tcase_add_test(tests, depth_counts_from_the_element);
    tcase_add_test(tests, size_counts_from_bracket_to_bracket);
    tcase_add_test(tests, in_a_batch_each_element_stands_for_itself);
    tcase_add_test(tests, of_a_frame_that_is_not_json_nothing_counts);
    tcase_add_test(tests, a_frame_is_an_object_or_an_array_of_them);
    tcase_add_test(tests, a_batch_is_bounded);
    tcase_add_test(tests, a_pair_session_says_its_last_element);
    tcase_add_test(tests, size_of_a_pair_sessions_transcript_does_not_matter);
    tcase_add_test(tests, users_and_devices_are_short_printable_utf8);
    return unit_run("parse", tests);
}
