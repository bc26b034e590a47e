/* SPDX-License-Identifier: MIT */
/* Who has a port open, in a made-up /proc. /dev/null stands for the port. */

#include "cli/processes.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include "fake_folder.h"

Suite *test_suite(void);

enum { ROOM = 4 };

static struct fake_folder proc;
static struct stat port;

static void set_up(void) {
    fake_folder_make(&proc);
    ck_assert_int_eq(stat("/dev/null", &port), 0);
}

static void tear_down(void) {
    fake_folder_remove(&proc);
}

static void add_process(int pid, const char *name, const char *command_line) {
    char path[64];
    snprintf(path, sizeof path, "%d/comm", pid);
    fake_folder_write(&proc, path, name);
    snprintf(path, sizeof path, "%d/cmdline", pid);
    fake_folder_write(&proc, path, command_line);
}

static void add_descriptor(int pid, int number, const char *target) {
    char path[64];
    snprintf(path, sizeof path, "%d/fd/%d", pid, number);
    fake_folder_link(&proc, path, target);
}

static void add_lock(int pid, unsigned long inode) {
    char line[128];
    snprintf(line, sizeof line,
             "1: POSIX  ADVISORY  READ 1 00:01:2 0 EOF\n2: FLOCK  ADVISORY  WRITE %d %02x:%02x:%lu 0 EOF\n", pid,
             major(port.st_dev), minor(port.st_dev), inode);
    fake_folder_write(&proc, "locks", line);
}

START_TEST(a_process_with_the_port_open_is_named) {
    struct process found[ROOM];
    size_t hidden;
    add_process(12, "minicom\n", "minicom");
    add_descriptor(12, 0, "/dev/zero");
    add_descriptor(12, 5, "/dev/null");
    add_process(13, "cat\n", "cat");
    add_descriptor(13, 0, "/etc/passwd");
    ck_assert_uint_eq(processes_with_port(proc.path, &port, found, ROOM, &hidden), 1);
    ck_assert_int_eq(found[0].pid, 12);
    ck_assert_str_eq(found[0].name, "minicom");
    ck_assert_uint_eq(hidden, 0);
}
END_TEST

START_TEST(the_owner_of_a_lock_is_named_though_its_descriptors_are_not_to_be_seen) {
    struct process found[ROOM];
    size_t hidden;
    add_process(12, "openmvd\n", "openmvd");
    add_lock(12, port.st_ino);
    ck_assert_uint_eq(processes_with_port(proc.path, &port, found, ROOM, &hidden), 1);
    ck_assert_str_eq(found[0].name, "openmvd");
    add_lock(12, port.st_ino + 1);
    ck_assert_uint_eq(processes_with_port(proc.path, &port, found, ROOM, &hidden), 0);
}
END_TEST

START_TEST(a_process_that_has_opened_and_locked_it_is_named_once) {
    struct process found[ROOM];
    size_t hidden;
    add_process(12, "minicom\n", "minicom");
    add_descriptor(12, 5, "/dev/null");
    add_lock(12, port.st_ino);
    ck_assert_uint_eq(processes_with_port(proc.path, &port, found, ROOM, &hidden), 1);
}
END_TEST

START_TEST(no_more_processes_are_listed_than_there_is_room_for) {
    struct process found[ROOM];
    size_t hidden;
    for (int pid = 1; pid <= ROOM + 3; pid++) {
        add_process(pid, "x\n", "x");
        add_descriptor(pid, 0, "/dev/null");
    }
    add_lock(ROOM + 3, port.st_ino);
    ck_assert_uint_eq(processes_with_port(proc.path, &port, found, ROOM, &hidden), ROOM);
}
END_TEST

START_TEST(the_other_end_of_a_pseudo_terminal_holds_nothing) {
    struct process found[ROOM];
    struct stat terminal = {.st_rdev = makedev(136, 7), .st_mode = S_IFCHR};
    size_t hidden;
    int ends = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert_int_ge(ends, 0);
    ck_assert_int_eq(grantpt(ends), 0);
    ck_assert_int_eq(unlockpt(ends), 0);
    const char *path = ptsname(ends);
    ck_assert_int_eq(stat(path, &terminal), 0);
    add_process(12, "openmv-sim\n", "openmv-sim");
    add_descriptor(12, 3, path);
    ck_assert_uint_eq(processes_with_port(proc.path, &terminal, found, ROOM, &hidden), 1);
    add_descriptor(12, 4, "/dev/ptmx");
    char info[64];
    snprintf(info, sizeof info, "pos:\t0\nflags:\t02\ntty-index:\t%u\n", minor(terminal.st_rdev));
    fake_folder_write(&proc, "12/fdinfo/4", info);
    ck_assert_uint_eq(processes_with_port(proc.path, &terminal, found, ROOM, &hidden), 0);
    close(ends);
}
END_TEST

static bool is_called(const struct process *process, void *name) {
    return strcmp(process->name, name) == 0;
}

START_TEST(a_process_is_found_by_its_name_with_its_command_line) {
    struct process found;
    char name[] = "agetty";
    char other[] = "ModemManager";
    add_process(5, "agetty\n", "agetty ttyAMA0");
    fake_folder_write(&proc, "self", "no process");
    ck_assert(processes_find(proc.path, is_called, name, &found));
    ck_assert_int_eq(found.pid, 5);
    ck_assert_str_eq(found.command_line, "agetty ttyAMA0");
    ck_assert(!processes_find(proc.path, is_called, other, &found));
    ck_assert(!processes_find("/nonexistent", is_called, name, &found));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("processes");
    TCase *tests = tcase_create("processes");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_process_with_the_port_open_is_named);
    tcase_add_test(tests, the_owner_of_a_lock_is_named_though_its_descriptors_are_not_to_be_seen);
    tcase_add_test(tests, a_process_that_has_opened_and_locked_it_is_named_once);
    tcase_add_test(tests, no_more_processes_are_listed_than_there_is_room_for);
    tcase_add_test(tests, the_other_end_of_a_pseudo_terminal_holds_nothing);
    tcase_add_test(tests, a_process_is_found_by_its_name_with_its_command_line);
    suite_add_tcase(suite, tests);
    return suite;
}
