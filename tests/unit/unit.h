/* unit.h: what the main() of every unit test ends with. */
#pragma once

#include <stdlib.h>

#include <check.h>

/* Runs one module's tests, prints how they went, and frees them. The result is main()'s. */
static inline int unit_run(const char *module, TCase *tests)
{
    Suite *suite = suite_create(module);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
