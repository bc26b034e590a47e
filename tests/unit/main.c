/* SPDX-License-Identifier: MIT */
/* Runs the one suite that a unit test file defines, and says how it went as TAP where the runner asks for it. */

#include <check.h>
#include <stdlib.h>

Suite *test_suite(void);

int main(void) {
    SRunner *runner = srunner_create(test_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
