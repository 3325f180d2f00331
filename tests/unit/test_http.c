#include "http/http.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/address.h"
#include "broker/broker.h"
#include "unit.h"

static struct loop *loop;
static struct keys *keys;
static struct redis_address address;
static struct broker *broker; /* never started: not connected to Redis */
static struct http http;
static struct http_answer answer;

static void set_up(void)
{
    struct broker_settings settings = {
        .address = &address, .id = TEXT("g1"), .command_timeout_ms = 1000};

    loop = loop_new();
    keys = keys_new("parley");
    ck_assert(redis_address_parse(&address, "127.0.0.1"));
    settings.keys = keys;
    broker = broker_new(loop, &settings);
    http = (struct http){.broker = broker};
    http_register_metrics();
}

static void tear_down(void)
{
    broker_free(broker);
    keys_free(keys);
    redis_address_clear(&address);
    loop_free(loop);
}

static void ask(enum http_method method, const char *path, bool admin)
{
    struct http_request request = {.method = method, .path = text_of(path), .admin = admin};

    http_handle(&http, &request, &answer);
}

static void assert_answer(unsigned status, const char *words)
{
    ck_assert_uint_eq(answer.status, status);
    ck_assert_ptr_nonnull(memmem(answer.body.data, answer.body.len, words, strlen(words)));
    http_answer_clear(&answer);
}

START_TEST(root_answers_as_the_tutorial)
{
    ask(HTTP_GET, "/", false);
    ck_assert(text_equal(builder_text(&answer.body), TEXT("WebSocket server is running.")));
    assert_answer(200, "");
    ask(HTTP_HEAD, "/", false);
    assert_answer(200, "");
}
END_TEST

START_TEST(other_methods_are_told_which_ones_there_are)
{
    ask(HTTP_POST, "/", false);
    ck_assert_str_eq(answer.allow, "GET, HEAD");
    assert_answer(405, "method_not_allowed");
}
END_TEST

START_TEST(path_that_is_not_there_says_where_to_go)
{
    ask(HTTP_GET, "/chat", false);
    assert_answer(404, "connect to /");
    ask(HTTP_GET, "", false);
    assert_answer(404, "not_found");
}
END_TEST

START_TEST(alive_without_redis_but_not_ready)
{
    ask(HTTP_GET, "/healthz", false);
    assert_answer(200, "ok");
    ask(HTTP_GET, "/readyz", false);
    ck_assert_uint_gt(answer.retry_after, 0);
    assert_answer(503, "Redis");
}
END_TEST

START_TEST(draining_is_a_reason_of_its_own_not_to_be_ready)
{
    http.draining = true;
    ask(HTTP_GET, "/readyz", false);
    ck_assert_uint_gt(answer.retry_after, 0);
    assert_answer(503, "draining");
    ask(HTTP_GET, "/healthz", false);
    assert_answer(200, "ok");
}
END_TEST

START_TEST(admin_listener_takes_the_admin_paths_with_it)
{
    http.admin_elsewhere = true;
    ask(HTTP_GET, "/metrics", false);
    assert_answer(404, "not_found");
    ask(HTTP_GET, "/metrics", true);
    assert_answer(200, "parley_sessions");
    ask(HTTP_GET, "/", true);
    assert_answer(404, "/healthz");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("http");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, root_answers_as_the_tutorial);
    tcase_add_test(tests, other_methods_are_told_which_ones_there_are);
    tcase_add_test(tests, path_that_is_not_there_says_where_to_go);
    tcase_add_test(tests, alive_without_redis_but_not_ready);
    tcase_add_test(tests, draining_is_a_reason_of_its_own_not_to_be_ready);
    tcase_add_test(tests, admin_listener_takes_the_admin_paths_with_it);
    return unit_run("http", tests);
}
