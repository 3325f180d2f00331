#include "http/http.h"

#include <stdio.h>
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
static const struct config no_settings;
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
    http = (struct http){.broker = broker, .config = &no_settings};
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

static void ask_for(const char *path, const char *accept, const char *if_none_match)
{
    struct http_request request = {.method = HTTP_GET,
                                   .path = text_of(path),
                                   .accept = text_of(accept),
                                   .if_none_match = text_of(if_none_match)};

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

START_TEST(root_is_the_page_for_who_wants_html_more)
{
    static const char *const pages[] = {
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
        "text/html",
        "TEXT/HTML; charset=utf-8; Q=0.5, */* ;q=0.4",
        "text/*;q=0.1, text/html;q=0.2",
        "text/plain;q=0, */*",
        "text/html;q=1.000, text/plain;q=0.999",
    };
    static const char *const lines[] = {
        NULL,
        "",
        "*/*",
        "text/*",
        "text/html, */*",
        "text/html;q=0.5, text/plain;q=0.6",
        "text/html;q=0.5, */*;q=0.8",
        "text/html;q=0, */*",
        "text/html;q=2, text/plain;q=0.1",
        "text/html;q=0.1234",
        "text/html;q=x",
        "application/json",
        "x/text/html",
        "text/htmlx",
        "text, html",
        ",;=/,",
    };

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        ask_for("/", pages[i], NULL);
        ck_assert_str_eq(answer.content_type, "text/html; charset=utf-8");
        assert_answer(200, "<!doctype html>");
    }
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ask_for("/", lines[i], NULL);
        ck_assert_str_eq(answer.headers, "Vary: Accept\r\n");
        assert_answer(200, "WebSocket server is running.");
    }
}
END_TEST

START_TEST(files_have_a_strong_tag_and_are_asked_for_again)
{
    char etag[128];
    char list[512];
    const char *at;

    ask_for("/parley.js", NULL, NULL);
    ck_assert_str_eq(answer.content_type, "text/javascript; charset=utf-8");
    ck_assert_str_eq(answer.cache_control, "no-cache");
    at = strstr(answer.headers, "ETag: \"");
    ck_assert_ptr_nonnull(at);
    snprintf(etag, sizeof(etag), "%.*s", 66, at + strlen("ETag: ")); /* SHA-256, and its quotes */
    ck_assert_int_eq(etag[65], '"');
    assert_answer(200, "export function connect");

    const char *const same[] = {etag, "*", " * ", list};
    snprintf(list, sizeof(list), "W/\"x\", W/%s", etag);
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        ask_for("/parley.js", NULL, same[i]);
        ck_assert_ptr_null(answer.content_type);
        ck_assert_ptr_nonnull(strstr(answer.headers, etag));
        ck_assert_uint_eq(answer.body.len, 0);
        ck_assert_uint_eq(answer.status, 304);
        http_answer_clear(&answer);
    }
    etag[10] ^= 1;
    ask_for("/parley.js", NULL, etag);
    assert_answer(200, "export");
    ask_for("/parley.js", NULL, "\"*\"");
    assert_answer(200, "export");
}
END_TEST

START_TEST(page_runs_nothing_but_its_own_files)
{
    ask_for("/demo", NULL, NULL);
    ck_assert_ptr_nonnull(strstr(answer.headers, "default-src 'none'; script-src 'self'"));
    ck_assert_ptr_nonnull(strstr(answer.headers, "connect-src 'self' ws: wss:;"));
    ck_assert_ptr_null(strstr(answer.headers, "unsafe"));
    assert_answer(200, "/demo.js");
}
END_TEST

START_TEST(page_is_told_what_names_redis_has)
{
    char parley[] = "parley";
    char other[] = "x.y";
    const struct config defaults = {.prefix = parley, .copies = true};
    const struct config others = {.prefix = other, .delivery = DELIVERY_LIVE};

    http.config = &defaults;
    ask(HTTP_GET, "/demo.json", false);
    ck_assert_str_eq(answer.content_type, "application/json");
    assert_answer(200, "{\"prefix\":\"parley\",\"delivery\":\"durable\",\"copies\":true}");
    http.config = &others;
    ask(HTTP_GET, "/demo.json", false);
    assert_answer(200, "{\"prefix\":\"x.y\",\"delivery\":\"live\",\"copies\":false}");
}
END_TEST

START_TEST(files_are_for_get_and_head_on_the_public_port)
{
    ask(HTTP_HEAD, "/demo.css", false);
    assert_answer(200, "");
    ask(HTTP_POST, "/demo.css", false);
    assert_answer(405, "method_not_allowed");
    ask(HTTP_GET, "/demo.css", true);
    assert_answer(404, "not_found");
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
    char address_of_its_own[] = "127.0.0.1:9100";
    const struct config with_admin = {.admin_listen = address_of_its_own};

    http.config = &with_admin;
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
    tcase_add_test(tests, root_is_the_page_for_who_wants_html_more);
    tcase_add_test(tests, files_have_a_strong_tag_and_are_asked_for_again);
    tcase_add_test(tests, page_runs_nothing_but_its_own_files);
    tcase_add_test(tests, page_is_told_what_names_redis_has);
    tcase_add_test(tests, files_are_for_get_and_head_on_the_public_port);
    tcase_add_test(tests, other_methods_are_told_which_ones_there_are);
    tcase_add_test(tests, path_that_is_not_there_says_where_to_go);
    tcase_add_test(tests, alive_without_redis_but_not_ready);
    tcase_add_test(tests, draining_is_a_reason_of_its_own_not_to_be_ready);
    tcase_add_test(tests, admin_listener_takes_the_admin_paths_with_it);
    return unit_run("http", tests);
}
