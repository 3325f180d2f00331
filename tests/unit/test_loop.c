/* Check stops a test that hangs, which is what most mistakes in a loop look like. */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <check.h>

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

/* What happened, a letter each. */
struct trace {
    char events[16];
    size_t len;
};

static void note(struct trace *trace, char event)
{
    ck_assert_uint_lt(trace->len, sizeof(trace->events) - 1);
    trace->events[trace->len++] = event;
}

/* Something that can be deferred or given to a timer and says so in a trace. */
struct step {
    struct trace *trace;
    char name;
    struct deferred deferred;
    struct timer *timer;
    struct step *defers;
    struct step *cancels;
    int again; /* how many times it defers itself */
    bool stops;
    bool frees;
};

static void run_step(void *arg)
{
    struct step *step = arg;

    note(step->trace, step->name);
    if (step->cancels != NULL)
        loop_cancel(loop, &step->cancels->deferred);
    if (step->defers != NULL)
        loop_defer(loop, &step->defers->deferred);
    if (step->again-- > 0)
        loop_defer(loop, &step->deferred);
    else if (step->stops)
        loop_stop(loop);
    if (step->frees) {
        timer_free(step->timer);
        free(step);
    }
}

static void defer_step(struct step *step)
{
    deferred_init(&step->deferred, run_step, step);
    loop_defer(loop, &step->deferred);
}

static void time_step(struct step *step, int64_t delay_ms)
{
    deferred_init(&step->deferred, run_step, step);
    step->timer = timer_new(loop, run_step, step);
    timer_start(step->timer, delay_ms);
}

START_TEST(deferred_work_runs_in_order_and_once)
{
    struct trace trace = {0};
    struct step a = {.trace = &trace, .name = 'a'};
    struct step b = {.trace = &trace, .name = 'b', .stops = true};

    defer_step(&a);
    defer_step(&b);
    loop_defer(loop, &a.deferred);
    loop_run(loop);
    ck_assert_str_eq(trace.events, "ab");
}
END_TEST

START_TEST(deferring_while_draining_waits_for_the_next_drain)
{
    struct trace trace = {0};
    struct step last = {.trace = &trace, .name = 'z', .stops = true};
    struct step b = {.trace = &trace, .name = 'b', .defers = &last};
    struct step a = {.trace = &trace, .name = 'a', .again = 1};

    deferred_init(&last.deferred, run_step, &last);
    defer_step(&a);
    defer_step(&b);
    loop_run(loop);
    ck_assert_str_eq(trace.events, "abaz");
}
END_TEST

START_TEST(loop_does_not_wait_while_work_is_deferred)
{
    struct trace trace = {0};
    struct step a = {.trace = &trace, .name = 'a', .again = 5, .stops = true};

    defer_step(&a); /* nothing else happens in this loop */
    loop_run(loop);
    ck_assert_str_eq(trace.events, "aaaaaa");
}
END_TEST

struct restless {
    struct deferred deferred;
    int runs;
};

static void defer_again(void *arg)
{
    struct restless *restless = arg;
    restless->runs++;
    loop_defer(loop, &restless->deferred);
}

START_TEST(work_that_always_defers_itself_lets_the_others_live)
{
    struct restless restless = {0};
    struct timer *timer = timer_new(loop, stop, NULL);

    deferred_init(&restless.deferred, defer_again, &restless);
    loop_defer(loop, &restless.deferred);
    timer_start(timer, 5);
    loop_run(loop);
    ck_assert_int_gt(restless.runs, 2);
    loop_cancel(loop, &restless.deferred);
    timer_free(timer);
}
END_TEST

START_TEST(cancelled_work_does_not_run_also_when_the_drain_has_begun)
{
    struct trace trace = {0};
    struct step d = {.trace = &trace, .name = 'd', .stops = true};
    struct step c = {.trace = &trace, .name = 'c'};
    struct step b = {.trace = &trace, .name = 'b', .cancels = &c};
    struct step a = {.trace = &trace, .name = 'a'};

    defer_step(&a);
    defer_step(&b);
    defer_step(&c);
    defer_step(&d);
    loop_cancel(loop, &a.deferred);
    loop_cancel(loop, &a.deferred);
    loop_run(loop);
    ck_assert_str_eq(trace.events, "bd");
}
END_TEST

START_TEST(deferred_work_may_free_itself)
{
    struct trace trace = {0};
    struct step *a = memory_alloc(sizeof(*a));
    struct step b = {.trace = &trace, .name = 'b', .stops = true};

    *a = (struct step){.trace = &trace, .name = 'a', .frees = true};
    defer_step(a);
    defer_step(&b);
    loop_run(loop);
    ck_assert_str_eq(trace.events, "ab");
}
END_TEST

START_TEST(work_that_a_callback_defers_runs_in_the_same_turn)
{
    struct trace trace = {0};
    struct step a = {.trace = &trace, .name = 'a'};
    struct step t = {.trace = &trace, .name = 't', .defers = &a, .stops = true};

    deferred_init(&a.deferred, run_step, &a);
    time_step(&t, 0);
    loop_run(loop);
    ck_assert_str_eq(trace.events, "ta");
    timer_free(t.timer);
}
END_TEST

START_TEST(stop_before_run_is_not_lost)
{
    struct trace trace = {0};
    struct step a = {.trace = &trace, .name = 'a', .stops = true};

    loop_stop(loop);
    loop_run(loop);
    defer_step(&a); /* and it is used up */
    loop_run(loop);
    ck_assert_str_eq(trace.events, "a");
}
END_TEST

START_TEST(timer_is_never_early)
{
    for (int64_t delay_ms = 0; delay_ms < 20; delay_ms++) {
        struct timer *timer = timer_new(loop, stop, NULL);
        int64_t begin_us = loop_clock_us();
        int64_t due_ms = loop_now_ms(loop) + delay_ms;
        timer_start(timer, delay_ms);
        ck_assert(timer_is_running(timer));
        loop_run(loop);
        ck_assert(!timer_is_running(timer));
        ck_assert_int_ge(loop_now_ms(loop), due_ms);
        /* The clock of loop_now_ms() is this one, without its fraction of a millisecond. */
        ck_assert_int_gt(loop_clock_us(), begin_us + (delay_ms - 1) * 1000);
        timer_free(timer);
    }
}
END_TEST

static void spend_ms(int64_t duration_ms)
{
    int64_t until_us = loop_clock_us() + duration_ms * 1000;
    while (loop_clock_us() < until_us)
        ;
}

struct late_start {
    struct timer *timer;
    int64_t due_ms;
};

static void start_late_in_turn(void *arg)
{
    struct late_start *late = arg;
    spend_ms(20);
    timer_start(late->timer, 15);
    late->due_ms = loop_now_ms(loop) + 15;
}

/* libevent alone would count from the start of the turn. */
START_TEST(timer_that_is_started_late_in_a_turn_is_not_early)
{
    struct late_start late = {.timer = timer_new(loop, stop, NULL)};

    ck_assert(loop_on_signal(loop, SIGUSR1, start_late_in_turn, &late));
    ck_assert_int_eq(raise(SIGUSR1), 0);
    loop_run(loop);
    ck_assert_int_ge(loop_now_ms(loop), late.due_ms);
    timer_free(late.timer);
}
END_TEST

START_TEST(timers_fire_by_their_time_and_can_be_moved_and_stopped)
{
    struct trace trace = {0};
    struct step a = {.trace = &trace, .name = 'a'};
    struct step b = {.trace = &trace, .name = 'b'};
    struct step c = {.trace = &trace, .name = 'c'};
    struct step d = {.trace = &trace, .name = 'd', .stops = true};

    time_step(&a, 1);
    time_step(&b, 40);
    time_step(&c, 2);
    time_step(&d, 60);
    timer_start(a.timer, 50);
    timer_start(b.timer, 10);
    timer_stop(c.timer);
    ck_assert(!timer_is_running(c.timer));
    loop_run(loop);
    ck_assert_str_eq(trace.events, "bad");
    timer_free(a.timer);
    timer_free(b.timer);
    timer_free(c.timer);
    timer_free(d.timer);
    timer_free(NULL);
}
END_TEST

START_TEST(timer_may_free_itself)
{
    struct trace trace = {0};
    struct step *a = memory_alloc(sizeof(*a));

    *a = (struct step){.trace = &trace, .name = 'a', .stops = true, .frees = true};
    time_step(a, 0);
    loop_run(loop);
    ck_assert_str_eq(trace.events, "a");
}
END_TEST

static void measure_turn(void *arg)
{
    int64_t *now_ms = arg;

    *now_ms = loop_now_ms(loop);
    spend_ms(3);
    ck_assert_int_eq(loop_now_ms(loop), *now_ms);
    loop_stop(loop);
}

START_TEST(now_stands_still_in_a_turn_and_goes_on_with_the_next)
{
    int64_t before_ms = loop_now_ms(loop);
    int64_t first_ms;
    int64_t second_ms;
    struct timer *first = timer_new(loop, measure_turn, &first_ms);
    struct timer *second = timer_new(loop, measure_turn, &second_ms);

    timer_start(first, 0);
    loop_run(loop);
    timer_start(second, 0);
    loop_run(loop);
    ck_assert_int_ge(first_ms, before_ms);
    ck_assert_int_ge(second_ms, first_ms + 3);
    timer_free(first);
    timer_free(second);
}
END_TEST

static void raise_user_signal(void *arg)
{
    (void)arg;
    ck_assert_int_eq(raise(SIGUSR1), 0);
}

static void count_signal(void *arg)
{
    int *arrivals = arg;

    if (++*arrivals == 2)
        loop_stop(loop);
    else
        raise_user_signal(NULL);
}

START_TEST(signal_runs_its_callback_at_each_arrival)
{
    int arrivals = 0;
    struct timer *timer = timer_new(loop, raise_user_signal, NULL);

    ck_assert(loop_on_signal(loop, SIGUSR1, count_signal, &arrivals));
    timer_start(timer, 0);
    loop_run(loop);
    ck_assert_int_eq(arrivals, 2);
    timer_free(timer);
}
END_TEST

/* With one descriptor, but not the three that libevent takes, libevent itself ends the process. */
START_TEST(without_descriptors_there_is_no_loop_and_errno_says_so)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct loop *second = loop_new();
    int error = errno;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_ptr_null(second);
    ck_assert_int_eq(error, EMFILE);
    loop_free(NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("loop");
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, deferred_work_runs_in_order_and_once);
    tcase_add_test(tests, deferring_while_draining_waits_for_the_next_drain);
    tcase_add_test(tests, loop_does_not_wait_while_work_is_deferred);
    tcase_add_test(tests, work_that_always_defers_itself_lets_the_others_live);
    tcase_add_test(tests, cancelled_work_does_not_run_also_when_the_drain_has_begun);
    tcase_add_test(tests, deferred_work_may_free_itself);
    tcase_add_test(tests, work_that_a_callback_defers_runs_in_the_same_turn);
    tcase_add_test(tests, stop_before_run_is_not_lost);
    tcase_add_test(tests, timer_is_never_early);
    tcase_add_test(tests, timer_that_is_started_late_in_a_turn_is_not_early);
    tcase_add_test(tests, timers_fire_by_their_time_and_can_be_moved_and_stopped);
    tcase_add_test(tests, timer_may_free_itself);
    tcase_add_test(tests, now_stands_still_in_a_turn_and_goes_on_with_the_next);
    tcase_add_test(tests, signal_runs_its_callback_at_each_arrival);
    tcase_add_test(tests, without_descriptors_there_is_no_loop_and_errno_says_so);
    return unit_run("loop", tests);
}
