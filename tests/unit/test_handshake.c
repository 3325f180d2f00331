/* The client's side of the opening handshake, with the example of RFC 6455, section 1.3. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "common/handshake.h"
#include "unit.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\n"

static struct handshake_answer answer;

static const char *read_answer(const char *head)
{
    return handshake_read_answer(text_of(head), KEY, &answer);
}

START_TEST(the_examples_answer_is_accepted)
{
    ck_assert_ptr_null(read_answer(SWITCHING UPGRADE ACCEPT "\r\n"));
    ck_assert_int_eq(answer.status, HANDSHAKE_SWITCHED);
}
END_TEST

START_TEST(names_and_tokens_have_no_case_and_connection_is_a_list)
{
    ck_assert_ptr_null(read_answer(SWITCHING "upgrade:WebSocket\r\n"
                                             "CONNECTION: keep-alive , upgrade\r\n" ACCEPT "\r\n"));
}
END_TEST

START_TEST(an_answer_that_does_not_agree_is_wrong)
{
    ck_assert_ptr_nonnull(read_answer(SWITCHING ACCEPT "\r\n"));
    ck_assert_ptr_nonnull(read_answer(SWITCHING "Upgrade: websocket\r\n" ACCEPT "\r\n"));
    ck_assert_ptr_nonnull(read_answer(SWITCHING UPGRADE "\r\n"));
    ck_assert_ptr_nonnull(read_answer(
        SWITCHING UPGRADE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n"));
    ck_assert_ptr_nonnull(read_answer(SWITCHING UPGRADE ACCEPT
                                      "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"));
    ck_assert_ptr_nonnull(
        read_answer(SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n"));
}
END_TEST

START_TEST(a_refusal_gives_its_status_and_length)
{
    ck_assert_ptr_null(read_answer("HTTP/1.1 400 Bad Request\r\ncontent-length: 17\r\n\r\n"));
    ck_assert_int_eq(answer.status, 400);
    ck_assert_uint_eq(answer.body_len, 17);
    ck_assert_ptr_null(read_answer("HTTP/1.0 503 \r\n\r\n"));
    ck_assert_int_eq(answer.status, 503);
    ck_assert_uint_eq(answer.body_len, SIZE_MAX);
}
END_TEST

START_TEST(what_is_not_http_is_wrong)
{
    ck_assert_ptr_nonnull(read_answer("SSH-2.0-OpenSSH\r\n\r\n"));
    ck_assert_ptr_nonnull(read_answer("HTTP/1.1 abc\r\n\r\n"));
    ck_assert_ptr_nonnull(read_answer("HTTP/1.1 600 No\r\n\r\n"));
    ck_assert_ptr_nonnull(read_answer("HTTP/2 101\r\n\r\n"));
    ck_assert_ptr_nonnull(read_answer("\r\n\r\n"));
}
END_TEST

START_TEST(the_request_asks_for_version_13_with_a_fresh_key)
{
    char first[HANDSHAKE_KEY_SIZE];
    char second[HANDSHAKE_KEY_SIZE];
    struct builder request;

    handshake_draw_key(first);
    handshake_draw_key(second);
    ck_assert_str_ne(first, second);
    ck_assert_uint_eq(strlen(first), HANDSHAKE_KEY_SIZE - 1);

    builder_init(&request, 1024);
    handshake_write_request(&request, "[::1]:3000", TEXT("/?user=bob"), KEY);
    ck_assert(text_equal(builder_text(&request),
                         TEXT("GET /?user=bob HTTP/1.1\r\n"
                              "Host: [::1]:3000\r\n" UPGRADE "Sec-WebSocket-Key: " KEY "\r\n"
                              "Sec-WebSocket-Version: 13\r\n\r\n")));
    builder_clear(&request);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, the_examples_answer_is_accepted);
    tcase_add_test(tests, names_and_tokens_have_no_case_and_connection_is_a_list);
    tcase_add_test(tests, an_answer_that_does_not_agree_is_wrong);
    tcase_add_test(tests, a_refusal_gives_its_status_and_length);
    tcase_add_test(tests, what_is_not_http_is_wrong);
    tcase_add_test(tests, the_request_asks_for_version_13_with_a_fresh_key);
    return unit_run("handshake", tests);
}
