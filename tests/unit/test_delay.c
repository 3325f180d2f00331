#include "base/delay.h"

#include <stdlib.h>

#include <check.h>

#include "unit.h"

#define DELAY_MS 20

static struct loop *loop;
static struct delay *delay;
static struct delay_link links[3];
static struct delay_link *due[4];
static size_t count;
static size_t expected;

static void on_due(void *arg, struct delay_link *link)
{
    (void)arg;
    due[count++] = link;
    if (count == expected)
        loop_stop(loop);
}

static void set_up(void)
{
    loop = loop_new();
    delay = delay_new(loop, DELAY_MS, on_due, NULL);
}

static void tear_down(void)
{
    delay_free(delay);
    loop_free(loop);
}

START_TEST(all_are_due_in_the_order_of_adding_and_not_early)
{
    int64_t start_us = loop_clock_us();

    expected = 3;
    delay_add(delay, &links[1]);
    delay_add(delay, &links[0]);
    delay_add(delay, &links[2]);
    delay_add(delay, &links[1]); /* is there already: stays in front */
    loop_run(loop);
    ck_assert_ptr_eq(due[0], &links[1]);
    ck_assert_ptr_eq(due[1], &links[0]);
    ck_assert_ptr_eq(due[2], &links[2]);
    ck_assert_int_ge(loop_clock_us() - start_us, (DELAY_MS - 1) * 1000);
}
END_TEST

static void add_last(void *arg)
{
    (void)arg;
    delay_add(delay, &links[2]);
}

START_TEST(what_was_removed_is_not_due_and_the_rest_is)
{
    struct timer *timer = timer_new(loop, add_last, NULL);

    expected = 1;
    delay_add(delay, &links[0]);
    delay_remove(delay, &links[0]);
    delay_remove(delay, &links[0]);
    timer_start(timer, DELAY_MS / 2);
    loop_run(loop);
    ck_assert_uint_eq(count, 1);
    ck_assert_ptr_eq(due[0], &links[2]);
    timer_free(timer);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("delay");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, all_are_due_in_the_order_of_adding_and_not_early);
    tcase_add_test(tests, what_was_removed_is_not_due_and_the_rest_is);
    return unit_run("delay", tests);
}
