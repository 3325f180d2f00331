#include <signal.h>
#include <stdlib.h>

#include "world.h"

/* All suites, or that of CK_RUN_SUITE, which must be there. */
int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the gateway does: a closed connection is an error of write(2) */
    redis_make_folder();

    SRunner *runner = srunner_create(commands_suite());
    srunner_add_suite(runner, accept_suite());
    srunner_add_suite(runner, channels_suite());
    srunner_add_suite(runner, outages_suite());
    srunner_add_suite(runner, beats_suite());
    srunner_add_suite(runner, pages_suite());
    srunner_add_suite(runner, gaps_suite());
    srunner_add_suite(runner, epoch_suite());
    srunner_add_suite(runner, cursor_script_suite());
    srunner_add_suite(runner, cursors_suite());
    srunner_add_suite(runner, presence_suite());
    srunner_add_suite(runner, roster_suite());
    srunner_run_all(runner, CK_ENV);
    bool passed = srunner_ntests_run(runner) > 0 && srunner_ntests_failed(runner) == 0;
    srunner_free(runner);

    redis_remove_folder();
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
