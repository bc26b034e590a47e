/* SPDX-License-Identifier: MIT */
/* Consoles and login prompts, by the words of command lines. */

#include "cli/serial_console.h"

#include <check.h>

Suite *test_suite(void);

START_TEST(a_console_in_the_kernels_command_line_is_found_with_and_without_a_rate) {
    const char *raspberry = "coherent_pool=1M console=ttyAMA0,115200 console=tty1 root=PARTUUID=1 rootwait";
    ck_assert(serial_console_is_asked_for(raspberry, "ttyAMA0"));
    ck_assert(serial_console_is_asked_for(raspberry, "tty1"));
    ck_assert(serial_console_is_asked_for("quiet console=ttyS0", "ttyS0"));
    ck_assert(serial_console_is_asked_for("console=/dev/ttyS0,9600n8 quiet", "ttyS0"));
}
END_TEST

START_TEST(other_ports_and_other_words_are_no_console) {
    ck_assert(!serial_console_is_asked_for("console=ttyAMA10,115200", "ttyAMA1"));
    ck_assert(!serial_console_is_asked_for("console=ttyAMA1", "ttyAMA10"));
    ck_assert(!serial_console_is_asked_for("xconsole=ttyAMA0 kgdboc=ttyAMA0,115200 ttyAMA0", "ttyAMA0"));
    ck_assert(!serial_console_is_asked_for("earlycon console=", "ttyAMA0"));
    ck_assert(!serial_console_is_asked_for("", "ttyAMA0"));
}
END_TEST

START_TEST(the_list_of_active_consoles_is_read_by_words) {
    ck_assert(serial_console_is_active("tty0 ttyAMA0", "ttyAMA0"));
    ck_assert(!serial_console_is_active("tty0 ttyAMA01", "ttyAMA0"));
    ck_assert(!serial_console_is_active("", "ttyAMA0"));
}
END_TEST

START_TEST(a_login_prompt_is_a_getty_that_names_the_port) {
    const char *debian = "/sbin/agetty -o -p -- \\u --keep-baud 115200,57600,38400,9600 ttyAMA0 vt220";
    ck_assert(serial_console_is_login("agetty", debian, "ttyAMA0"));
    ck_assert(serial_console_is_login("getty", "getty 9600 /dev/ttyAMA0", "ttyAMA0"));
    ck_assert(!serial_console_is_login("agetty", "/sbin/agetty --noclear tty1 linux", "ttyAMA0"));
    ck_assert(!serial_console_is_login("minicom", "minicom -D ttyAMA0", "ttyAMA0"));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("serial_console");
    TCase *tests = tcase_create("serial_console");
    tcase_add_test(tests, a_console_in_the_kernels_command_line_is_found_with_and_without_a_rate);
    tcase_add_test(tests, other_ports_and_other_words_are_no_console);
    tcase_add_test(tests, the_list_of_active_consoles_is_read_by_words);
    tcase_add_test(tests, a_login_prompt_is_a_getty_that_names_the_port);
    suite_add_tcase(suite, tests);
    return suite;
}
