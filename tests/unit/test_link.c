#include "parley/link.h"

#include <limits.h>
#include <stdlib.h>

#include <check.h>

#include "unit.h"

START_TEST(delays_double_up_to_the_longest)
{
    static const int64_t LONGEST[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};

    for (unsigned failures = 0; failures < 8; failures++) {
        ck_assert_int_eq(link_delay(failures, 30000, 0), LONGEST[failures] / 2);
        for (uint32_t random = 0; random < 100; random++) {
            int64_t delay_ms = link_delay(failures, 30000, random * 42949672U);

            ck_assert_int_ge(delay_ms, LONGEST[failures] / 2);
            ck_assert_int_le(delay_ms, LONGEST[failures]);
        }
    }
    ck_assert_int_eq(link_delay(0, 30000, 250), 500);
    ck_assert_int_eq(link_delay(UINT_MAX, 30000, 0), 15000);
    ck_assert_int_eq(link_delay(9, 5000, 0), 2500);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("link");

    tcase_add_test(tests, delays_double_up_to_the_longest);
    return unit_run("link", tests);
}
