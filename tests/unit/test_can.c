/* SPDX-License-Identifier: MIT */
/* The CAN link: frames on a pair of packet sockets that stands for the bus, and what the kernel tells of interfaces. */

#include "fake_gpiod.h"
#include "gpio_request.h"
#include "link/can.h"

#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

Suite *test_suite(void);

#define ID 0x123u

/* A rate at which no test waits for the line, and one at which a frame of 8 bytes takes 2220 ms. */
#define FAST 100000000u
#define SLOW 50u

static int bus; /* the other end */
static struct omvrpc_link *can;
static int send_error; /* of the calls of send() to come, 0 for none */

/* Instead of the C library's, to fail as no pair of sockets does. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): those there are the C library's own. */
ssize_t send(int descriptor, const void *data, size_t length, int flags) {
    if (send_error != 0) {
        errno = send_error;
        return -1;
    }
    return syscall(SYS_sendto, descriptor, data, length, flags, NULL, 0);
}

static void open_link(uint32_t bit_rate, struct omvrpc_gpio *ready) {
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    bus = ends[1];
    can = can_link_new(ends[0], ID, bit_rate, &(struct ready){.gpio = ready});
    ck_assert_ptr_nonnull(can);
}

static void make(void) {
    send_error = 0;
    fake_gpiod_make();
    open_link(FAST, NULL);
}

static void clean_up(void) {
    omvrpc_link_close(can);
    close(bus);
    fake_gpiod_remove();
}

/* Another link than the one that each test begins with. */
static void open_again(uint32_t bit_rate, struct omvrpc_gpio *ready) {
    omvrpc_link_close(can);
    close(bus);
    open_link(bit_rate, ready);
}

static ssize_t send_bytes(size_t length) {
    static uint8_t bytes[4096];
    ck_assert_uint_le(length, sizeof bytes);
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)i;
    }
    return can->operations->send(can, bytes, length);
}

static ssize_t receive_bytes(void *buffer, size_t size) {
    return can->operations->receive(can, buffer, size);
}

static void expect_nothing(void) {
    uint8_t byte;
    ck_assert_int_eq(receive_bytes(&byte, 1), 0);
}

/* Puts a frame on the bus whose bytes are `first` and those after it. */
static void put_frame(canid_t id, size_t length, uint8_t first) {
    struct can_frame frame = {.can_id = id, .len = (uint8_t)length};
    for (size_t i = 0; i < sizeof frame.data; i++) {
        frame.data[i] = (uint8_t)(first + i);
    }
    ck_assert_int_eq(write(bus, &frame, sizeof frame), sizeof frame);
}

/* Takes the next frame from the bus, which has to be of that length and begin with `first`. */
static void expect_frame(size_t length, uint8_t first) {
    struct can_frame frame;
    ck_assert_int_eq(read(bus, &frame, sizeof frame), sizeof frame);
    ck_assert_uint_eq(frame.can_id, ID);
    ck_assert_uint_eq(frame.len, length);
    for (size_t i = 0; i < length; i++) {
        ck_assert_uint_eq(frame.data[i], (uint8_t)(first + i));
    }
}

static void expect_quiet_bus(void) {
    struct can_frame frame;
    ck_assert_int_eq(read(bus, &frame, sizeof frame), -1);
    ck_assert_int_eq(errno, EAGAIN);
}

/* Whether the link's descriptor becomes readable within that time. */
static bool wakes_within(int wait_ms) {
    struct pollfd pollfd = {.fd = can->operations->descriptor(can), .events = POLLIN | POLLOUT};
    return poll(&pollfd, 1, wait_ms) == 1;
}

/* Whoever was woken to send, and then has nothing to send, is not woken again and again. */
static void expect_no_further_wake(void) {
    expect_nothing();
    expect_nothing();
    ck_assert(!wakes_within(0));
}

START_TEST(a_packet_goes_out_in_frames_of_8_bytes_the_last_one_shorter) {
    ck_assert_int_eq(send_bytes(20), 20);
    expect_frame(8, 0);
    expect_frame(8, 8);
    expect_frame(4, 16);
    expect_quiet_bus();
}
END_TEST

START_TEST(a_packet_of_16_bytes_is_two_frames_and_no_empty_one) {
    ck_assert_int_eq(send_bytes(16), 16);
    expect_frame(8, 0);
    expect_frame(8, 8);
    expect_quiet_bus();
}
END_TEST

START_TEST(what_is_received_ends_with_a_shorter_frame) {
    uint8_t got[64];
    put_frame(ID, 8, 0);
    put_frame(ID, 3, 8);
    put_frame(ID, 8, 100);
    ck_assert(wakes_within(0));
    ck_assert_int_eq(receive_bytes(got, sizeof got), 11);
    for (uint8_t i = 0; i < 11; i++) {
        ck_assert_uint_eq(got[i], i);
    }
    ck_assert_int_eq(receive_bytes(got, sizeof got), 8);
    ck_assert_uint_eq(got[0], 100);
    expect_nothing();
    ck_assert(!wakes_within(0));
}
END_TEST

START_TEST(a_frame_is_received_in_parts_of_any_size) {
    uint8_t got[16];
    put_frame(ID, 8, 0);
    put_frame(ID, 8, 8);
    ck_assert_int_eq(receive_bytes(got, 3), 3);
    ck_assert_int_eq(receive_bytes(got + 3, 7), 7);
    ck_assert_int_eq(receive_bytes(got + 10, 6), 6);
    for (uint8_t i = 0; i < 16; i++) {
        ck_assert_uint_eq(got[i], i);
    }
    expect_nothing();
}
END_TEST

START_TEST(frames_of_others_are_no_bytes) {
    uint8_t got[16];
    put_frame(ID + 1, 8, 0);
    put_frame(ID | CAN_EFF_FLAG, 8, 0);
    put_frame(ID | CAN_RTR_FLAG, 8, 0);
    put_frame(ID, 0, 0);
    put_frame(ID, 9, 0);
    ck_assert_int_eq(write(bus, "short", 5), 5);
    put_frame(ID, 2, 70);
    ck_assert_int_eq(receive_bytes(got, sizeof got), 2);
    ck_assert_uint_eq(got[0], 70);
}
END_TEST

START_TEST(a_bus_full_of_others_frames_does_not_hold_a_receiver_for_ever) {
    for (int i = 0; i < 70; i++) {
        put_frame(ID + 1, 8, 0);
    }
    put_frame(ID, 1, 7);
    expect_nothing();
    uint8_t byte;
    ck_assert(wakes_within(0));
    ck_assert_int_eq(receive_bytes(&byte, 1), 1);
    ck_assert_uint_eq(byte, 7);
}
END_TEST

START_TEST(bus_off_is_told_after_the_bytes_before_it) {
    uint8_t got[16];
    put_frame(ID, 8, 0);
    put_frame(CAN_ERR_FLAG | CAN_ERR_RESTARTED, 8, 0);
    put_frame(CAN_ERR_FLAG | CAN_ERR_ACK | CAN_ERR_BUSOFF, 8, 0);
    ck_assert_int_eq(receive_bytes(got, sizeof got), 8);
    ck_assert_int_eq(receive_bytes(got, sizeof got), -ENOLINK);
    ck_assert_int_eq(receive_bytes(got, sizeof got), -ENOLINK);
}
END_TEST

START_TEST(errors_of_the_interface_are_told_as_they_are) {
    static const struct {
        int said, told;
    } errors[] = {{ENETDOWN, -ENETDOWN}, {ENODEV, -ENODEV}, {ENXIO, -ENODEV}, {EPERM, -EPERM}};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        send_error = errors[i].said;
        ck_assert_int_eq(send_bytes(4), errors[i].told);
    }
    close(bus);
    uint8_t byte;
    bus = -1;
    ck_assert_int_eq(receive_bytes(&byte, 1), -EPIPE);
}
END_TEST

START_TEST(a_full_queue_is_a_busy_line_that_is_tried_again_soon) {
    send_error = ENOBUFS;
    ck_assert_int_eq(send_bytes(12), 0);
    ck_assert(wakes_within(5000));
    expect_no_further_wake();
    send_error = 0;
    ck_assert_int_eq(send_bytes(12), 12);
}
END_TEST

START_TEST(a_full_socket_is_a_busy_line_until_it_has_room) {
    /* A line that is only paced wakes in some microseconds, as often as need be. */
    while (send_bytes(8) > 0 || wakes_within(20)) {
        expect_nothing();
    }
    ck_assert_int_eq(send_bytes(8), 0);
    ck_assert(!wakes_within(0));
    struct can_frame frame;
    while (read(bus, &frame, sizeof frame) > 0) {
    }
    ck_assert(wakes_within(5000));
    expect_no_further_wake();
    ck_assert_int_eq(send_bytes(8), 8);
}
END_TEST

START_TEST(a_look_for_input_between_send_and_wait_loses_no_wake) {
    send_error = ENOBUFS;
    ck_assert_int_eq(send_bytes(12), 0);
    (void)poll(NULL, 0, 20);
    expect_nothing();
    ck_assert(wakes_within(0));
    expect_no_further_wake();
    ck_assert_int_eq(send_bytes(12), 0);
    expect_nothing();
    ck_assert(wakes_within(5000));
}
END_TEST

START_TEST(no_more_than_three_frames_are_ahead_of_the_line) {
    open_again(SLOW, NULL);
    int64_t begun_us = omvrpc_now_us();
    ck_assert_int_eq(send_bytes(40), 24);
    expect_frame(8, 0);
    expect_frame(8, 8);
    expect_frame(8, 16);
    expect_quiet_bus();
    ck_assert_int_eq(send_bytes(16), 0);
    ck_assert(!wakes_within(100));
    ck_assert(wakes_within(10000));
    ck_assert_int_gt(omvrpc_now_us() - begun_us, 500000);
    expect_nothing();
    ck_assert_int_eq(send_bytes(16), 8);
    expect_frame(8, 0);
}
END_TEST

START_TEST(a_pause_of_the_sender_lets_no_more_frames_be_ahead) {
    int64_t begun_us;
    ssize_t sent;
    do {
        open_again(2000, NULL); /* a frame takes 55.5 ms */
        ck_assert_int_eq(send_bytes(8), 8);
        (void)poll(NULL, 0, 300);
        begun_us = omvrpc_now_us();
        sent = send_bytes(40);
        /* Where a busy machine stands still in the middle of that, the line has room for one more. */
    } while (omvrpc_now_us() - begun_us >= 55000);
    ck_assert_int_eq(sent, 24);
}
END_TEST

START_TEST(the_link_is_as_slow_as_its_bits_and_takes_one_packet_at_a_time) {
    open_again(250000, NULL);
    ck_assert_str_eq(can->operations->type, "can");
    ck_assert(!can->info.pairs);
    ck_assert(!can->info.transactions);
    ck_assert_uint_eq(can->info.byte_rate, 14814); /* 8 bytes in 135 bits */
    ck_assert_uint_eq(can->info.receive_buffer, 24);
    open_again(0, NULL);
    ck_assert_uint_eq(can->info.byte_rate, 14814);
}
END_TEST

START_TEST(discarding_leaves_nothing_to_receive_but_an_error) {
    uint8_t got[4];
    put_frame(ID, 8, 0);
    put_frame(ID, 8, 8);
    ck_assert_int_eq(receive_bytes(got, sizeof got), 4);
    can->operations->discard(can);
    expect_nothing();
    put_frame(CAN_ERR_FLAG | CAN_ERR_BUSOFF, 8, 0);
    can->operations->discard(can);
    ck_assert_int_eq(receive_bytes(got, sizeof got), -ENOLINK);
}
END_TEST

START_TEST(the_ready_line_wakes_and_is_told_and_what_to_send_is_up_to_the_master) {
    struct fake_line *line = &fake_chips[1].lines[1];
    open_again(FAST, gpio_open_input_in(fake_nodes.path, &(struct omvrpc_gpio_line){.line = "GPIO25"}));
    ck_assert_int_eq(can->operations->ready(can), 0);
    ck_assert_int_eq(send_bytes(4), 4);
    put_frame(ID, 1, 5);
    ck_assert(wakes_within(0));
    uint8_t byte;
    ck_assert_int_eq(receive_bytes(&byte, 1), 1);
    ck_assert(!wakes_within(0));
    fake_line_drive(line, true);
    ck_assert(wakes_within(0));
    ck_assert_int_eq(can->operations->ready(can), 1);
    ck_assert(!wakes_within(0));
    fake_chips[1].is_gone = true;
    ck_assert_int_eq(can->operations->ready(can), -ENODEV);
}
END_TEST

static void expect_refusal(const char *interface, uint32_t id, int error) {
    errno = 0;
    ck_assert_ptr_null(omvrpc_can_open(&(struct omvrpc_can_options){.interface = interface, .id = id}));
    ck_assert_int_eq(errno, error);
}

START_TEST(what_cannot_be_a_can_interface_is_refused_with_its_reason) {
    expect_refusal("lo", OMVRPC_CAN_ID_DEFAULT, EPROTOTYPE);
    expect_refusal("no-such-can0", 0, ENODEV);
    expect_refusal("lo", 0x800, EINVAL);
    expect_refusal("", 0, EINVAL);
    expect_refusal("can 0", 0, EINVAL);
    expect_refusal("../can0", 0, EINVAL);
    expect_refusal("sixteen-letters0", 0, EINVAL);
    expect_refusal("fifteen-letters", 0, ENODEV);
}
END_TEST

/* A kernel's answer, built up as the kernel does: attributes inside attributes. */
static struct answer {
    _Alignas(struct nlmsghdr) uint8_t bytes[1024];
    size_t length;
} answer;

static void put_bytes(const void *bytes, size_t length) {
    ck_assert_uint_le(answer.length + NLMSG_ALIGN(length), sizeof answer.bytes);
    memset(answer.bytes + answer.length, 0, NLMSG_ALIGN(length));
    memcpy(answer.bytes + answer.length, bytes, length);
    answer.length += NLMSG_ALIGN(length);
}

static void begin_answer(unsigned type, unsigned kind, unsigned flags) {
    answer.length = 0;
    put_bytes(&(struct nlmsghdr){.nlmsg_type = (uint16_t)type}, sizeof(struct nlmsghdr));
    put_bytes(&(struct ifinfomsg){.ifi_type = (uint16_t)kind, .ifi_index = 7, .ifi_flags = flags},
              sizeof(struct ifinfomsg));
}

static void end_answer(void) {
    uint32_t length = (uint32_t)answer.length;
    memcpy(answer.bytes, &length, sizeof length);
}

static size_t begin_attribute(unsigned type) {
    size_t at = answer.length;
    put_bytes(&(struct rtattr){.rta_type = (uint16_t)type}, sizeof(struct rtattr));
    return at;
}

static void end_attribute(size_t at) {
    uint16_t length = (uint16_t)(answer.length - at);
    memcpy(answer.bytes + at, &length, sizeof length);
}

static void put_attribute(unsigned type, const void *value, size_t length) {
    put_bytes(&(struct rtattr){.rta_len = (uint16_t)RTA_LENGTH(length), .rta_type = (uint16_t)type},
              sizeof(struct rtattr));
    put_bytes(value, length);
}

/* An interface as `ip link set can0 up type can bitrate 250000 restart-ms 100` makes it, in that state. */
static void answer_can(enum can_state condition, unsigned flags) {
    uint32_t state = condition, restart_ms = 100;
    begin_answer(RTM_NEWLINK, ARPHRD_CAN, flags);
    put_attribute(IFLA_IFNAME, "can0", sizeof "can0");
    size_t link_info = begin_attribute(IFLA_LINKINFO | NLA_F_NESTED);
    put_attribute(IFLA_INFO_KIND, "can", sizeof "can");
    size_t data = begin_attribute(IFLA_INFO_DATA);
    put_attribute(IFLA_CAN_CLOCK, &(struct can_clock){.freq = 16000000}, sizeof(struct can_clock));
    put_attribute(IFLA_CAN_STATE, &state, sizeof state);
    put_attribute(IFLA_CAN_BITTIMING, &(struct can_bittiming){.bitrate = 250000, .sample_point = 750},
                  sizeof(struct can_bittiming));
    put_attribute(IFLA_CAN_RESTART_MS, &restart_ms, sizeof restart_ms);
    put_attribute(IFLA_CAN_BERR_COUNTER, &(struct can_berr_counter){.txerr = 128, .rxerr = 3},
                  sizeof(struct can_berr_counter));
    end_attribute(data);
    end_attribute(link_info);
    end_answer();
}

START_TEST(the_facts_of_a_controller_are_read) {
    struct omvrpc_can_state state;
    answer_can(CAN_STATE_ERROR_PASSIVE, IFF_UP | IFF_RUNNING);
    ck_assert_int_eq(can_state_parse(answer.bytes, answer.length, &state), 0);
    ck_assert_uint_eq(state.index, 7);
    ck_assert(state.is_can && state.is_up);
    ck_assert_int_eq(state.condition, OMVRPC_CAN_ERROR_PASSIVE);
    ck_assert_uint_eq(state.bit_rate, 250000);
    ck_assert_uint_eq(state.sample_point, 750);
    ck_assert_uint_eq(state.restart_ms, 100);
    ck_assert_uint_eq(state.send_error_count, 128);
    ck_assert_uint_eq(state.receive_error_count, 3);
    answer_can(CAN_STATE_STOPPED, 0);
    ck_assert_int_eq(can_state_parse(answer.bytes, answer.length, &state), 0);
    ck_assert(state.is_can && !state.is_up);
    ck_assert_str_eq(omvrpc_can_condition_name(state.condition), "STOPPED");
    answer_can((enum can_state)99, IFF_UP);
    ck_assert_int_eq(can_state_parse(answer.bytes, answer.length, &state), 0);
    ck_assert_int_eq(state.condition, OMVRPC_CAN_NO_CONTROLLER);
}
END_TEST

START_TEST(the_conditions_are_the_kernels) {
    ck_assert_int_eq((int)CAN_STATE_ERROR_ACTIVE, (int)OMVRPC_CAN_ERROR_ACTIVE);
    ck_assert_int_eq((int)CAN_STATE_ERROR_WARNING, (int)OMVRPC_CAN_ERROR_WARNING);
    ck_assert_int_eq((int)CAN_STATE_ERROR_PASSIVE, (int)OMVRPC_CAN_ERROR_PASSIVE);
    ck_assert_int_eq((int)CAN_STATE_BUS_OFF, (int)OMVRPC_CAN_BUS_OFF);
    ck_assert_int_eq((int)CAN_STATE_STOPPED, (int)OMVRPC_CAN_STOPPED);
    ck_assert_int_eq((int)CAN_STATE_SLEEPING, (int)OMVRPC_CAN_SLEEPING);
    ck_assert_int_eq((int)CAN_STATE_MAX, (int)OMVRPC_CAN_NO_CONTROLLER);
}
END_TEST

START_TEST(a_virtual_interface_has_no_controller) {
    struct omvrpc_can_state state;
    begin_answer(RTM_NEWLINK, ARPHRD_CAN, IFF_UP);
    size_t link_info = begin_attribute(IFLA_LINKINFO);
    put_attribute(IFLA_INFO_KIND, "vcan", sizeof "vcan");
    end_attribute(link_info);
    end_answer();
    ck_assert_int_eq(can_state_parse(answer.bytes, answer.length, &state), 0);
    ck_assert(state.is_can && state.is_up);
    ck_assert_int_eq(state.condition, OMVRPC_CAN_NO_CONTROLLER);
    ck_assert_uint_eq(state.bit_rate, 0);
}
END_TEST

START_TEST(an_error_of_the_kernel_is_told) {
    struct omvrpc_can_state state;
    struct nlmsgerr error = {.error = -ENODEV};
    answer.length = 0;
    put_bytes(&(struct nlmsghdr){.nlmsg_type = NLMSG_ERROR}, sizeof(struct nlmsghdr));
    put_bytes(&error, sizeof error);
    end_answer();
    ck_assert_int_eq(can_state_parse(answer.bytes, answer.length, &state), -ENODEV);
}
END_TEST

START_TEST(an_answer_cut_anywhere_or_with_any_length_is_read_within_its_bounds) {
    struct omvrpc_can_state state;
    for (size_t length = 0; length < answer.length; length++) {
        answer_can(CAN_STATE_BUS_OFF, IFF_UP);
        /* In a place of its own size, so that a sanitizer sees the first byte beyond. */
        uint8_t *cut = malloc(length + 1);
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, answer.bytes, length);
        ck_assert_int_eq(can_state_parse(cut, length, &state), -EBADMSG);
        if (length >= sizeof(struct nlmsghdr)) {
            uint32_t shorter = (uint32_t)length;
            memcpy(cut, &shorter, sizeof shorter);
            int error = can_state_parse(cut, length, &state);
            ck_assert(error == 0 || error == -EBADMSG);
        }
        free(cut);
    }
    for (size_t at = sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg); at + 2 <= answer.length; at += 2) {
        static const uint16_t lengths[] = {0, 1, 3, 4, 5, 0x7FFF, 0xFFFF};
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            answer_can(CAN_STATE_BUS_OFF, IFF_UP);
            memcpy(answer.bytes + at, &lengths[i], sizeof lengths[i]);
            ck_assert_int_eq(can_state_parse(answer.bytes, answer.length, &state), 0);
        }
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("can");
    TCase *frames = tcase_create("frames");
    tcase_add_checked_fixture(frames, make, clean_up);
    suite_add_tcase(suite, frames);
    tcase_add_test(frames, a_packet_goes_out_in_frames_of_8_bytes_the_last_one_shorter);
    tcase_add_test(frames, a_packet_of_16_bytes_is_two_frames_and_no_empty_one);
    tcase_add_test(frames, what_is_received_ends_with_a_shorter_frame);
    tcase_add_test(frames, a_frame_is_received_in_parts_of_any_size);
    tcase_add_test(frames, frames_of_others_are_no_bytes);
    tcase_add_test(frames, a_bus_full_of_others_frames_does_not_hold_a_receiver_for_ever);
    tcase_add_test(frames, bus_off_is_told_after_the_bytes_before_it);
    tcase_add_test(frames, errors_of_the_interface_are_told_as_they_are);
    tcase_add_test(frames, a_full_queue_is_a_busy_line_that_is_tried_again_soon);
    tcase_add_test(frames, a_full_socket_is_a_busy_line_until_it_has_room);
    tcase_add_test(frames, a_look_for_input_between_send_and_wait_loses_no_wake);
    tcase_add_test(frames, no_more_than_three_frames_are_ahead_of_the_line);
    tcase_add_test(frames, a_pause_of_the_sender_lets_no_more_frames_be_ahead);
    tcase_add_test(frames, the_link_is_as_slow_as_its_bits_and_takes_one_packet_at_a_time);
    tcase_add_test(frames, discarding_leaves_nothing_to_receive_but_an_error);
    tcase_add_test(frames, the_ready_line_wakes_and_is_told_and_what_to_send_is_up_to_the_master);
    TCase *interfaces = tcase_create("interfaces");
    suite_add_tcase(suite, interfaces);
    tcase_add_test(interfaces, what_cannot_be_a_can_interface_is_refused_with_its_reason);
    tcase_add_test(interfaces, the_facts_of_a_controller_are_read);
    tcase_add_test(interfaces, the_conditions_are_the_kernels);
    tcase_add_test(interfaces, a_virtual_interface_has_no_controller);
    tcase_add_test(interfaces, an_error_of_the_kernel_is_told);
    tcase_add_test(interfaces, an_answer_cut_anywhere_or_with_any_length_is_read_within_its_bounds);
    return suite;
}
