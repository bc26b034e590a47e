/* SPDX-License-Identifier: MIT */
/* Links: serial ports by way of ptys, descriptors, and the pair inside one process. */

#include "link/termios2.h"
#include "openmvrpc.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

Suite *test_suite(void);

static const struct omvrpc_link_info info = {.pairs = true, .byte_rate = 5, .receive_buffer = 77};

static bool no_flush; /* which is the last that is done to a port at its opening */

/* In place of the C library's, whose names for the parameters are its own. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int tcflush(int descriptor, int queue) {
    errno = EIO;
    return no_flush ? -1 : ioctl(descriptor, TCFLSH, queue);
}

static int pty; /* the other end of the port */
static char device[64];
static struct omvrpc_link *port;

static void open_pty(void) {
    pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(pty, 0);
    ck_assert_int_eq(grantpt(pty), 0);
    ck_assert_int_eq(unlockpt(pty), 0);
    ck_assert_int_eq(ptsname_r(pty, device, sizeof device), 0);
    port = NULL;
}

static void close_pty(void) {
    omvrpc_link_close(port);
    if (pty >= 0) {
        close(pty);
    }
    if (geteuid() != getuid()) {
        ck_assert_int_eq(seteuid(getuid()), 0);
    }
}

static struct omvrpc_link *open_port(struct omvrpc_serial_options options) {
    options.device = device;
    return omvrpc_serial_open(&options);
}

static void open_good_port(void) {
    port = open_port((struct omvrpc_serial_options){.baud = 0});
    ck_assert_ptr_nonnull(port);
}

static void expect_refusal(struct omvrpc_serial_options options, int error) {
    errno = 0;
    ck_assert_ptr_null(omvrpc_serial_open(&options));
    ck_assert_int_eq(errno, error);
}

/* Sends bytes by one link and awaits them at the other. */
static void expect_passage(struct omvrpc_link *from, struct omvrpc_link *to) {
    uint8_t all[256], got[256];
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)i;
    }
    ck_assert_int_eq(from->operations->send(from, all, sizeof all), sizeof all);
    size_t length = 0;
    while (length < sizeof got) {
        struct pollfd pollfd = {.fd = to->operations->descriptor(to), .events = POLLIN};
        ck_assert_int_eq(poll(&pollfd, 1, 5000), 1);
        ssize_t received = to->operations->receive(to, got + length, sizeof got - length);
        ck_assert_int_ge(received, 0);
        length += (size_t)received;
    }
    ck_assert_mem_eq(got, all, sizeof all);
}

START_TEST(a_port_carries_every_byte_unchanged_both_ways) {
    open_good_port();
    struct omvrpc_link *other = omvrpc_descriptor_open(dup(pty), &info);
    ck_assert_ptr_nonnull(other);
    expect_passage(port, other);
    expect_passage(other, port);
    omvrpc_link_close(other);
}
END_TEST

START_TEST(a_port_is_set_raw_and_does_not_hang_up_at_close) {
    open_good_port();
    struct termios settings;
    ck_assert_int_eq(tcgetattr(port->operations->descriptor(port), &settings), 0);
    ck_assert_uint_eq(settings.c_iflag, 0);
    ck_assert_uint_eq(settings.c_oflag, 0);
    ck_assert_uint_eq(settings.c_lflag, 0);
    ck_assert_uint_eq(settings.c_cflag & CSIZE, CS8);
    ck_assert_uint_eq(settings.c_cflag & (HUPCL | PARENB | CSTOPB | CRTSCTS), 0);
    ck_assert_uint_eq(settings.c_cflag & (CLOCAL | CREAD), CLOCAL | CREAD);
}
END_TEST

START_TEST(hardware_flow_control_is_set_when_asked_for) {
    port = open_port((struct omvrpc_serial_options){.rtscts = true});
    ck_assert_ptr_nonnull(port);
    struct termios settings;
    ck_assert_int_eq(tcgetattr(port->operations->descriptor(port), &settings), 0);
    ck_assert_uint_eq(settings.c_cflag & CRTSCTS, CRTSCTS);
}
END_TEST

START_TEST(any_rate_can_be_set) {
    static const struct {
        uint32_t asked, set;
    } rates[] = {{0, 115200}, {9600, 9600}, {921600, 921600}, {250000, 250000}, {7654321, 7654321}};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        port = open_port((struct omvrpc_serial_options){.baud = rates[i].asked});
        ck_assert_ptr_nonnull(port);
        ck_assert_uint_eq(termios2_baud(port->operations->descriptor(port)), rates[i].set);
        omvrpc_link_close(port);
        port = NULL;
    }
}
END_TEST

START_TEST(the_debug_rate_is_refused_on_usb) {
    expect_refusal((struct omvrpc_serial_options){.device = device, .baud = OMVRPC_DEBUG_BAUD, .usb = true}, EPROTO);
    port = open_port((struct omvrpc_serial_options){.baud = 115200, .usb = true});
    ck_assert_ptr_nonnull(port);
    ck_assert(port->info.pairs);
    ck_assert_uint_eq(port->info.byte_rate, 0);
    ck_assert_uint_eq(port->info.receive_buffer, 1024);
}
END_TEST

START_TEST(a_port_in_use_is_busy) {
    open_good_port();
    expect_refusal((struct omvrpc_serial_options){.device = device}, EBUSY);
}
END_TEST

START_TEST(a_shared_port_may_be_opened_twice) {
    port = open_port((struct omvrpc_serial_options){.shared = true});
    ck_assert_ptr_nonnull(port);
    struct omvrpc_link *second = open_port((struct omvrpc_serial_options){.shared = true});
    ck_assert_ptr_nonnull(second);
    omvrpc_link_close(second);
}
END_TEST

/* The kernel lets root open a port that is locked for exclusive use; the daemon is not root. */
static void become_nobody(void) {
    if (geteuid() == 0) {
        ck_assert_int_eq(seteuid(65534), 0);
        close(pty);
        open_pty();
    }
}

START_TEST(a_port_in_use_is_busy_for_those_who_are_not_root) {
    become_nobody();
    open_good_port();
    ck_assert_int_lt(open(device, O_RDWR | O_NOCTTY | O_NONBLOCK), 0);
    ck_assert_int_eq(errno, EBUSY);
    expect_refusal((struct omvrpc_serial_options){.device = device}, EBUSY);
}
END_TEST

START_TEST(a_port_can_be_opened_again_after_it_was_closed) {
    become_nobody();
    for (int i = 0; i < 3; i++) {
        open_good_port();
        omvrpc_link_close(port);
        port = NULL;
    }
}
END_TEST

START_TEST(a_port_can_be_opened_after_an_opening_was_refused) {
    become_nobody();
    expect_refusal((struct omvrpc_serial_options){.device = device, .baud = OMVRPC_DEBUG_BAUD, .usb = true}, EPROTO);
    open_good_port();
}
END_TEST

static int is_exclusive(int descriptor) {
    int exclusive = -1;
    ck_assert_int_eq(ioctl(descriptor, TIOCGEXCL, &exclusive), 0);
    return exclusive;
}

START_TEST(an_opening_that_fails_at_its_end_locks_nobody_out) {
    int other = open(device, O_RDWR | O_NOCTTY);
    no_flush = true;
    expect_refusal((struct omvrpc_serial_options){.device = device}, EIO);
    no_flush = false;
    ck_assert_int_eq(is_exclusive(other), 0);
    close(other);
}
END_TEST

START_TEST(a_shared_port_leaves_the_lock_of_another_program) {
    int other = open(device, O_RDWR | O_NOCTTY);
    port = open_port((struct omvrpc_serial_options){.shared = true});
    ck_assert_ptr_nonnull(port);
    ck_assert_int_eq(ioctl(other, TIOCEXCL), 0);
    omvrpc_link_close(port);
    port = NULL;
    ck_assert_int_eq(is_exclusive(other), 1);
    close(other);
}
END_TEST

START_TEST(input_from_before_the_opening_is_discarded) {
    int early = open(device, O_RDWR | O_NOCTTY);
    ck_assert_int_ge(early, 0);
    ck_assert_int_eq(write(pty, "stale\n", 6), 6);
    open_good_port();
    uint8_t buffer[16];
    ck_assert_int_eq(port->operations->receive(port, buffer, sizeof buffer), 0);
    close(early);
}
END_TEST

START_TEST(a_port_without_input_receives_nothing_and_does_not_wait) {
    open_good_port();
    uint8_t buffer[16];
    ck_assert_int_eq(port->operations->receive(port, buffer, sizeof buffer), 0);
}
END_TEST

START_TEST(a_port_that_nobody_reads_takes_only_so_much) {
    open_good_port();
    static const uint8_t block[4096];
    ssize_t sent;
    int turns = 0;
    while ((sent = port->operations->send(port, block, sizeof block)) > 0) {
        ck_assert_int_lt(++turns, 10000);
    }
    ck_assert_int_eq(sent, 0);
}
END_TEST

START_TEST(a_hang_up_is_an_error) {
    open_good_port();
    close(pty);
    pty = -1;
    uint8_t buffer[16];
    ssize_t received = port->operations->receive(port, buffer, sizeof buffer);
    ck_assert(received == -EIO || received == -EPIPE);
    ck_assert_int_lt(port->operations->send(port, buffer, 1), 0);
}
END_TEST

START_TEST(what_is_queued_is_discarded_both_ways) {
    open_good_port();
    ck_assert_int_eq(write(pty, "abc", 3), 3);
    struct pollfd pollfd = {.fd = port->operations->descriptor(port), .events = POLLIN};
    ck_assert_int_eq(poll(&pollfd, 1, 5000), 1);
    port->operations->discard(port);
    uint8_t buffer[16];
    ck_assert_int_eq(port->operations->receive(port, buffer, sizeof buffer), 0);
}
END_TEST

START_TEST(what_is_no_port_is_refused) {
    expect_refusal((struct omvrpc_serial_options){.device = "/dev/null"}, ENOTTY);
    expect_refusal((struct omvrpc_serial_options){.device = "/nonexistent"}, ENOENT);
    expect_refusal((struct omvrpc_serial_options){.device = "/"}, EISDIR);
    char name[] = "/tmp/openmvrpc-XXXXXX";
    int file = mkstemp(name);
    ck_assert_int_ge(file, 0);
    expect_refusal((struct omvrpc_serial_options){.device = name}, ENOTTY);
    unlink(name);
    close(file);
}
END_TEST

START_TEST(refused_openings_leave_no_descriptor_behind) {
    int before = dup(0);
    close(before);
    for (int i = 0; i < 10; i++) {
        expect_refusal((struct omvrpc_serial_options){.device = "/dev/null"}, ENOTTY);
    }
    int after = dup(0);
    close(after);
    ck_assert_int_eq(before, after);
}
END_TEST

START_TEST(a_memory_pair_carries_bytes_both_ways) {
    struct omvrpc_link *ends[2];
    ck_assert_int_eq(omvrpc_memory_open(ends), 0);
    expect_passage(ends[0], ends[1]);
    expect_passage(ends[1], ends[0]);
    ck_assert(ends[0]->info.pairs);
    uint8_t buffer[4];
    ck_assert_int_eq(ends[0]->operations->receive(ends[0], buffer, sizeof buffer), 0);
    ends[1]->operations->send(ends[1], buffer, sizeof buffer);
    ends[0]->operations->discard(ends[0]);
    ck_assert_int_eq(ends[0]->operations->receive(ends[0], buffer, sizeof buffer), 0);
    omvrpc_link_close(ends[1]);
    ck_assert_int_lt(ends[0]->operations->receive(ends[0], buffer, sizeof buffer), 0);
    ck_assert_int_lt(ends[0]->operations->send(ends[0], buffer, 1), 0);
    omvrpc_link_close(ends[0]);
}
END_TEST

START_TEST(a_descriptor_is_taken_over_with_what_is_known_of_it) {
    int sockets[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    struct omvrpc_link *link = omvrpc_descriptor_open(sockets[0], &info);
    ck_assert_ptr_nonnull(link);
    ck_assert_uint_eq(link->info.receive_buffer, 77);
    ck_assert_uint_eq(link->info.byte_rate, 5);
    ck_assert_int_eq(link->operations->descriptor(link), sockets[0]);
    omvrpc_link_close(link);
    ck_assert_int_lt(fcntl(sockets[0], F_GETFD), 0);
    close(sockets[1]);
}
END_TEST

START_TEST(a_descriptor_that_is_not_open_is_refused) {
    errno = 0;
    ck_assert_ptr_null(omvrpc_descriptor_open(-1, &info));
    ck_assert_int_eq(errno, EBADF);
}
END_TEST

/* Not a socket and not a terminal, but it carries bytes. */
START_TEST(a_fifo_can_be_a_link) {
    char name[] = "/tmp/openmvrpc-fifo-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(name));
    char fifo[64];
    snprintf(fifo, sizeof fifo, "%s/fifo", name);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    struct omvrpc_link *link = omvrpc_descriptor_open(open(fifo, O_RDWR | O_CLOEXEC), &info);
    unlink(fifo);
    rmdir(name);
    ck_assert_ptr_nonnull(link);
    expect_passage(link, link);
    omvrpc_link_close(link);
}
END_TEST

START_TEST(closing_nothing_is_allowed) {
    omvrpc_link_close(NULL);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("link");
    TCase *ports = tcase_create("ports");
    tcase_add_checked_fixture(ports, open_pty, close_pty);
    tcase_add_test(ports, a_port_carries_every_byte_unchanged_both_ways);
    tcase_add_test(ports, a_port_is_set_raw_and_does_not_hang_up_at_close);
    tcase_add_test(ports, hardware_flow_control_is_set_when_asked_for);
    tcase_add_test(ports, any_rate_can_be_set);
    tcase_add_test(ports, the_debug_rate_is_refused_on_usb);
    tcase_add_test(ports, a_port_in_use_is_busy);
    tcase_add_test(ports, a_shared_port_may_be_opened_twice);
    tcase_add_test(ports, a_port_in_use_is_busy_for_those_who_are_not_root);
    tcase_add_test(ports, a_port_can_be_opened_again_after_it_was_closed);
    tcase_add_test(ports, a_port_can_be_opened_after_an_opening_was_refused);
    tcase_add_test(ports, an_opening_that_fails_at_its_end_locks_nobody_out);
    tcase_add_test(ports, a_shared_port_leaves_the_lock_of_another_program);
    tcase_add_test(ports, input_from_before_the_opening_is_discarded);
    tcase_add_test(ports, a_port_without_input_receives_nothing_and_does_not_wait);
    tcase_add_test(ports, a_port_that_nobody_reads_takes_only_so_much);
    tcase_add_test(ports, a_hang_up_is_an_error);
    tcase_add_test(ports, what_is_queued_is_discarded_both_ways);
    suite_add_tcase(suite, ports);
    TCase *others = tcase_create("others");
    tcase_add_test(others, what_is_no_port_is_refused);
    tcase_add_test(others, refused_openings_leave_no_descriptor_behind);
    tcase_add_test(others, a_memory_pair_carries_bytes_both_ways);
    tcase_add_test(others, a_descriptor_is_taken_over_with_what_is_known_of_it);
    tcase_add_test(others, a_descriptor_that_is_not_open_is_refused);
    tcase_add_test(others, a_fifo_can_be_a_link);
    tcase_add_test(others, closing_nothing_is_allowed);
    suite_add_tcase(suite, others);
    return suite;
}
