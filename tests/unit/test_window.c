#include "session/window.h"

#include <check.h>

#include "unit.h"

static struct window window;

static void set_up(void)
{
    window = (struct window){.is_used = true};
}

START_TEST(the_half_is_pinged_and_all_of_it_waits_for_the_pong)
{
    window_wrote(&window, WINDOW_BYTES / 2 - 1);
    ck_assert(!window_wants_ping(&window));
    window_wrote(&window, 1);
    ck_assert(window_wants_ping(&window));
    window_pinged(&window, 7, 0);
    ck_assert(!window_wants_ping(&window));
    window_wrote(&window, WINDOW_BYTES / 2 - 1);
    ck_assert(!window_is_full(&window));
    window_wrote(&window, 1);
    ck_assert(window_is_full(&window));
    window_pong(&window, 6);
    ck_assert(window_is_full(&window));
    window_pong(&window, 7);
    ck_assert(!window_is_full(&window));
    ck_assert(window_wants_ping(&window)); /* for what was written behind the first */
}
END_TEST

START_TEST(a_pong_of_a_later_ping_answers_and_covers_no_more_than_its_own)
{
    window_wrote(&window, 100);
    window_pinged(&window, 1, 0);
    window_wrote(&window, WINDOW_BYTES);
    window_pinged(&window, 2, 0);
    window_pong(&window, 2);
    ck_assert(window_is_full(&window));
    ck_assert(window_wants_ping(&window));
    window_pinged(&window, 3, 0);
    window_pong(&window, 3);
    ck_assert(!window_is_full(&window));
}
END_TEST

START_TEST(who_sends_and_answers_no_ping_has_no_window_until_it_does)
{
    window_wrote(&window, WINDOW_BYTES);
    ck_assert(!window_heard(&window, 1000)); /* nobody has asked it */
    window_pinged(&window, 1, 500);
    ck_assert(!window_heard(&window, 499));
    ck_assert(window_is_full(&window));
    ck_assert(window_heard(&window, 500));
    ck_assert(!window_is_full(&window));
    window_wrote(&window, 3 * WINDOW_BYTES);
    ck_assert(!window_is_full(&window));
    ck_assert(!window_heard(&window, 9000));
    window_pong(&window, 1);
    ck_assert(window_is_full(&window)); /* of what came behind that ping */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("window");

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, the_half_is_pinged_and_all_of_it_waits_for_the_pong);
    tcase_add_test(tests, a_pong_of_a_later_ping_answers_and_covers_no_more_than_its_own);
    tcase_add_test(tests, who_sends_and_answers_no_ping_has_no_window_until_it_does);
    return unit_run("window", tests);
}
