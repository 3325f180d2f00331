#include "session/keepalive.h"

#include <stdbool.h>
#include <stdlib.h>

#include <check.h>

#include "unit.h"

#define PING_MS 20
#define PONG_TIMEOUT_MS 20

static struct loop *loop;
static struct keepalive *keepalive;
static struct keepalive_link one;
static struct keepalive_link two;
static unsigned pings;
static bool answer; /* whether pings are answered */

static void ping(struct keepalive_link *link)
{
    pings++;
    if (answer)
        keepalive_heard(keepalive, link);
    if (answer && pings == 5)
        loop_stop(loop);
}

static struct keepalive_link *dead[2];
static unsigned deaths;

static void die(struct keepalive_link *link)
{
    dead[deaths++] = link;
    if (deaths == 2)
        loop_stop(loop);
}

static void start(int64_t ping_ms)
{
    loop = loop_new();
    keepalive = keepalive_new(loop, ping_ms, PONG_TIMEOUT_MS, ping, die);
}

static void finish(void)
{
    keepalive_remove(&one);
    keepalive_remove(&two);
    keepalive_free(keepalive);
    loop_free(loop);
}

START_TEST(silence_is_pinged_and_then_dead_in_order)
{
    start(PING_MS);
    keepalive_heard(keepalive, &one);
    keepalive_heard(keepalive, &two);
    keepalive_heard(keepalive, &one); /* was heard last: comes second */
    loop_run(loop);
    ck_assert_uint_eq(pings, 2);
    ck_assert_ptr_eq(dead[0], &two);
    ck_assert_ptr_eq(dead[1], &one);
    finish();
}
END_TEST

START_TEST(who_answers_lives)
{
    answer = true;
    start(PING_MS);
    keepalive_heard(keepalive, &one);
    loop_run(loop);
    ck_assert_uint_eq(pings, 5);
    ck_assert_uint_eq(deaths, 0);
    finish();
}
END_TEST

START_TEST(ping_of_0_watches_nobody)
{
    start(0);
    keepalive_heard(keepalive, &one);
    ck_assert_ptr_null(one.queue);
    finish();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("keepalive");

    tcase_add_test(tests, silence_is_pinged_and_then_dead_in_order);
    tcase_add_test(tests, who_answers_lives);
    tcase_add_test(tests, ping_of_0_watches_nobody);
    return unit_run("keepalive", tests);
}
