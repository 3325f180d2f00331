/* base/loop.h with libuv on it, as libwebsockets uses it. Check stops a test that hangs, which is
 * what most mistakes here look like. */
#include "base/loop.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <uv.h>

#include "unit.h"

static struct loop *loop;

static void start(void)
{
    loop = loop_new();
    ck_assert_ptr_nonnull(loop);
}

static void finish(void)
{
    loop_free(loop);
}

static void stop(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void stop_from_uv_timer(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
    loop_stop(loop);
}

START_TEST(libuv_timer_wakes_the_loop)
{
    uv_timer_t timer;

    ck_assert_int_eq(uv_timer_init(loop_uv(loop), &timer), 0);
    uv_update_time(loop_uv(loop)); /* uv_timer_start() counts from libuv's last look at the clock */
    ck_assert_int_eq(uv_timer_start(&timer, stop_from_uv_timer, 20, 0), 0);
    int64_t begin_ms = loop_now_ms(loop);
    loop_run(loop);
    ck_assert_int_ge(loop_now_ms(loop), begin_ms + 19);
    loop_settle_uv(loop);
}
END_TEST

static int64_t cpu_us(void)
{
    return (int64_t)clock() * 1000000 / CLOCKS_PER_SEC;
}

static void wait_100_ms_idly(void)
{
    struct timer *timer = timer_new(loop, stop, NULL);
    int64_t begin_us = cpu_us();

    timer_start(timer, 100);
    loop_run(loop);
    ck_assert_int_lt(cpu_us() - begin_us, 50000);
    timer_free(timer);
}

START_TEST(loop_with_nothing_to_do_uses_no_processor_time)
{
    wait_100_ms_idly(); /* libuv has no handle at all */

    uv_timer_t timer;
    ck_assert_int_eq(uv_timer_init(loop_uv(loop), &timer), 0);
    ck_assert_int_eq(uv_timer_start(&timer, stop_from_uv_timer, 60000, 0), 0);
    wait_100_ms_idly();
    uv_close((uv_handle_t *)&timer, NULL);
    loop_settle_uv(loop);
}
END_TEST

/* A pipe with a byte in it that libuv is asked to watch, as libwebsockets does with a socket. */
struct watched_pipe {
    int ends[2];
    uv_poll_t poll;
    uv_idle_t idle;
    struct deferred deferred;
    int idle_rounds;
};

static void pipe_open(struct watched_pipe *watched)
{
    *watched = (struct watched_pipe){0};
    ck_assert_int_eq(pipe(watched->ends), 0);
    ck_assert_int_eq(write(watched->ends[1], "x", 1), 1);
    ck_assert_int_eq(uv_poll_init(loop_uv(loop), &watched->poll, watched->ends[0]), 0);
    ck_assert_int_eq(uv_idle_init(loop_uv(loop), &watched->idle), 0);
    watched->idle.data = watched;
}

static void pipe_close(struct watched_pipe *watched)
{
    uv_close((uv_handle_t *)&watched->poll, NULL);
    uv_close((uv_handle_t *)&watched->idle, NULL);
    loop_settle_uv(loop);
    close(watched->ends[0]);
    close(watched->ends[1]);
}

static void stop_when_readable(uv_poll_t *poll, int status, int events)
{
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(events, UV_READABLE);
    ck_assert_int_eq(uv_poll_stop(poll), 0);
    loop_stop(loop);
}

static void watch(void *arg)
{
    struct watched_pipe *watched = arg;
    ck_assert_int_eq(uv_poll_start(&watched->poll, UV_READABLE, stop_when_readable), 0);
}

START_TEST(descriptor_given_to_libuv_before_the_first_turn_is_seen)
{
    struct watched_pipe watched;

    pipe_open(&watched);
    watch(&watched);
    loop_run(loop);
    pipe_close(&watched);
}
END_TEST

START_TEST(descriptor_given_to_libuv_by_a_libevent_callback_is_seen)
{
    struct watched_pipe watched;

    pipe_open(&watched);
    struct timer *timer = timer_new(loop, watch, &watched);
    timer_start(timer, 5);
    loop_run(loop);
    timer_free(timer);
    pipe_close(&watched);
}
END_TEST

static void defer_watching(uv_idle_t *idle)
{
    struct watched_pipe *watched = idle->data;
    ck_assert_int_eq(uv_idle_stop(idle), 0);
    deferred_init(&watched->deferred, watch, watched);
    loop_defer(loop, &watched->deferred);
}

/* The work runs after the turn's pump: the next turn must pump again before it waits. */
START_TEST(descriptor_given_to_libuv_by_work_that_libuv_deferred_is_seen)
{
    struct watched_pipe watched;

    pipe_open(&watched);
    ck_assert_int_eq(uv_idle_start(&watched.idle, defer_watching), 0);
    loop_run(loop);
    pipe_close(&watched);
}
END_TEST

static void stop_in_third_round(uv_idle_t *idle)
{
    struct watched_pipe *watched = idle->data;
    if (++watched->idle_rounds == 3)
        loop_stop(loop);
}

START_TEST(loop_does_not_wait_while_libuv_is_busy)
{
    struct watched_pipe watched;

    pipe_open(&watched);
    ck_assert_int_eq(uv_idle_start(&watched.idle, stop_in_third_round), 0);
    loop_run(loop);
    ck_assert_int_eq(watched.idle_rounds, 3);
    pipe_close(&watched);
}
END_TEST

static void count_run(void *arg)
{
    int *runs = arg;
    ++*runs;
}

static void defer_from_close(uv_handle_t *handle)
{
    loop_defer(loop, handle->data);
}

START_TEST(settling_closes_handles_and_runs_what_that_defers)
{
    int runs = 0;
    struct deferred deferred;
    uv_idle_t idle;

    deferred_init(&deferred, count_run, &runs);
    ck_assert_int_eq(uv_idle_init(loop_uv(loop), &idle), 0);
    idle.data = &deferred;
    uv_close((uv_handle_t *)&idle, defer_from_close);
    loop_settle_uv(loop);
    ck_assert_int_eq(runs, 1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("loop_uv");
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, libuv_timer_wakes_the_loop);
    tcase_add_test(tests, loop_with_nothing_to_do_uses_no_processor_time);
    tcase_add_test(tests, descriptor_given_to_libuv_before_the_first_turn_is_seen);
    tcase_add_test(tests, descriptor_given_to_libuv_by_a_libevent_callback_is_seen);
    tcase_add_test(tests, descriptor_given_to_libuv_by_work_that_libuv_deferred_is_seen);
    tcase_add_test(tests, loop_does_not_wait_while_libuv_is_busy);
    tcase_add_test(tests, settling_closes_handles_and_runs_what_that_defers);
    return unit_run("loop_uv", tests);
}
