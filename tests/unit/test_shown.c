#include "parley/shown.h"

#include <stdio.h>

#include <check.h>

#include "unit.h"

static struct shown shown;

static void begin(void)
{
    shown = (struct shown){0};
}

static bool take(uint64_t ms, uint64_t seq, const char *frame)
{
    return shown_take(&shown, (struct message_id){ms, seq}, text_of(frame));
}

START_TEST(only_what_is_above_the_last_one_is_new)
{
    ck_assert(take(5, 3, "a"));
    ck_assert(!take(5, 3, "a"));
    ck_assert(!take(5, 2, "b"));
    ck_assert(!take(4, 9, "c"));
    ck_assert(take(5, 4, "d"));
    ck_assert(take(6, 0, "e"));
    ck_assert_uint_eq(shown.position.ms, 6);
}
END_TEST

START_TEST(the_lowest_id_there_is_is_new_at_first)
{
    ck_assert(take(0, 0, "a"));
    ck_assert(!take(0, 0, "a"));
}
END_TEST

START_TEST(after_a_reset_an_older_mailbox_is_not_shown_again)
{
    ck_assert(take(5, 0, "a"));
    ck_assert(take(6, 0, "b"));
    ck_assert(take(7, 0, "c"));
    shown_reset(&shown);
    ck_assert(!take(5, 0, "a"));
    ck_assert(!take(6, 0, "b"));
    ck_assert(take(6, 1, "new")); /* below the highest, and never seen */
    ck_assert(!take(6, 1, "new"));
    ck_assert(!take(7, 0, "c"));
    ck_assert(take(8, 0, "d"));
}
END_TEST

START_TEST(after_a_reset_the_same_id_may_be_another_message)
{
    ck_assert(take(5, 0, "a"));
    shown_reset(&shown);
    ck_assert(take(5, 0, "b"));
    shown_reset(&shown);
    ck_assert(!take(5, 0, "a"));
    shown_reset(&shown);
    ck_assert(!take(5, 0, "b"));
}
END_TEST

START_TEST(the_last_thousand_are_remembered)
{
    char frame[32];

    for (unsigned i = 0; i < SHOWN_MAX + 1; i++) {
        snprintf(frame, sizeof(frame), "%u", i);
        ck_assert(take(1000 + i, 0, frame));
    }
    shown_reset(&shown);
    ck_assert(take(1000, 0, "0")); /* forgotten; and it pushes out the next one */
    ck_assert(take(1001, 0, "1"));
    shown_reset(&shown);
    ck_assert(!take(1000, 0, "0"));
    ck_assert(!take(1003, 0, "3"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("shown");

    tcase_add_checked_fixture(tests, begin, NULL);
    tcase_add_test(tests, only_what_is_above_the_last_one_is_new);
    tcase_add_test(tests, the_lowest_id_there_is_is_new_at_first);
    tcase_add_test(tests, after_a_reset_an_older_mailbox_is_not_shown_again);
    tcase_add_test(tests, after_a_reset_the_same_id_may_be_another_message);
    tcase_add_test(tests, the_last_thousand_are_remembered);
    return unit_run("shown", tests);
}
