/* SPDX-License-Identifier: MIT */
/* Cameras, their ports and drives in a made-up /sys. */

#include "cli/usb_camera.h"

#include "fake_folder.h"

Suite *test_suite(void);

static struct fake_folder sysfs;

static void set_up(void) {
    fake_folder_make(&sysfs);
}

static void tear_down(void) {
    fake_folder_remove(&sysfs);
}

static void add_device(const char *port, const char *vendor, const char *product, const char *serial) {
    char name[256];
    char target[256];
    const char *const files[][2] = {
        {"idVendor", vendor}, {"idProduct", product}, {"serial", serial}, {"product", "OpenMV Cam"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(name, sizeof name, "devices/pci/usb1/%s/%s", port, files[i][0]);
        snprintf(target, sizeof target, "%s\n", files[i][1]);
        fake_folder_write(&sysfs, name, target);
    }
    snprintf(name, sizeof name, "bus/usb/devices/%s", port);
    snprintf(target, sizeof target, "../../../devices/pci/usb1/%s", port);
    fake_folder_link(&sysfs, name, target);
}

/* A device of a class below a USB device; `partition` where it is one of a disk. */
static void add_below(const char *port, const char *class, const char *way, const char *number, bool partition) {
    char name[256];
    char target[256];
    const char *last = strrchr(way, '/') ? strrchr(way, '/') + 1 : way;
    snprintf(name, sizeof name, "devices/pci/usb1/%s/%s:1.0/%s/%s/dev", port, port, class, way);
    snprintf(target, sizeof target, "%s\n", number);
    fake_folder_write(&sysfs, name, target);
    if (partition) {
        snprintf(name, sizeof name, "devices/pci/usb1/%s/%s:1.0/%s/%s/partition", port, port, class, way);
        fake_folder_write(&sysfs, name, "1\n");
    }
    snprintf(name, sizeof name, "class/%s/%s", class, last);
    snprintf(target, sizeof target, "../../devices/pci/usb1/%s/%s:1.0/%s/%s", port, port, class, way);
    fake_folder_link(&sysfs, name, target);
}

static size_t find(struct usb_camera cameras[USB_CAMERAS_MOST]) {
    return usb_cameras_find(sysfs.path, cameras, USB_CAMERAS_MOST);
}

START_TEST(a_camera_is_found_with_its_port_and_the_partition_of_its_drive) {
    struct usb_camera cameras[USB_CAMERAS_MOST];
    add_device("1-1", "1209", "abd1", "3258385A3030");
    add_below("1-1", "tty", "ttyACM3", "166:3", false);
    add_below("1-1", "block", "sdb", "8:16", false);
    add_below("1-1", "block", "sdb/sdb1", "8:17", true);
    ck_assert_uint_eq(find(cameras), 1);
    ck_assert(!cameras[0].is_bootloader);
    ck_assert_str_eq(cameras[0].port, "1-1");
    ck_assert_str_eq(cameras[0].serial, "3258385A3030");
    ck_assert_str_eq(cameras[0].name, "OpenMV Cam");
    ck_assert_str_eq(cameras[0].tty, "ttyACM3");
    ck_assert_str_eq(cameras[0].drive, "sdb1");
    ck_assert_str_eq(cameras[0].drive_number, "8:17");
}
END_TEST

START_TEST(a_drive_without_partitions_is_the_disk) {
    struct usb_camera cameras[USB_CAMERAS_MOST];
    add_device("1-1", "37c5", "1204", "A");
    add_below("1-1", "block", "sda", "8:0", false);
    ck_assert_uint_eq(find(cameras), 1);
    ck_assert_str_eq(cameras[0].drive, "sda");
    ck_assert_str_eq(cameras[0].drive_number, "8:0");
}
END_TEST

START_TEST(cameras_do_not_get_the_drives_and_ports_of_other_devices) {
    struct usb_camera cameras[USB_CAMERAS_MOST];
    add_device("1-10", "0781", "5567", "a stick");
    add_below("1-10", "block", "sda", "8:0", false);
    add_device("1-1", "37c5", "16e3", "B");
    add_device("1-2", "1209", "abd1", "C");
    add_below("1-2", "tty", "ttyACM0", "166:0", false);
    ck_assert_uint_eq(find(cameras), 2);
    ck_assert_str_eq(cameras[0].serial, "B");
    ck_assert_str_eq(cameras[0].drive, "");
    ck_assert_str_eq(cameras[0].tty, "");
    ck_assert_str_eq(cameras[1].serial, "C");
    ck_assert_str_eq(cameras[1].tty, "ttyACM0");
}
END_TEST

START_TEST(a_bootloader_is_told_from_a_camera) {
    struct usb_camera cameras[USB_CAMERAS_MOST];
    add_device("1-1", "37c5", "9204", "A");
    ck_assert_uint_eq(find(cameras), 1);
    ck_assert(cameras[0].is_bootloader);
}
END_TEST

START_TEST(what_a_device_says_of_itself_is_cut_to_its_room) {
    struct usb_camera cameras[USB_CAMERAS_MOST];
    char serial[3 * USB_CAMERA_TEXT];
    memset(serial, 'x', sizeof serial);
    serial[sizeof serial - 1] = 0;
    add_device("1-1", "1209", "abd1", "A");
    fake_folder_write(&sysfs, "devices/pci/usb1/1-1/serial", serial);
    ck_assert_uint_eq(find(cameras), 1);
    ck_assert_uint_eq(strlen(cameras[0].serial), USB_CAMERA_TEXT - 1);
}
END_TEST

START_TEST(a_machine_without_usb_has_no_cameras) {
    struct usb_camera cameras[USB_CAMERAS_MOST];
    ck_assert_uint_eq(find(cameras), 0);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("usb_camera");
    TCase *tests = tcase_create("usb_camera");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_camera_is_found_with_its_port_and_the_partition_of_its_drive);
    tcase_add_test(tests, a_drive_without_partitions_is_the_disk);
    tcase_add_test(tests, cameras_do_not_get_the_drives_and_ports_of_other_devices);
    tcase_add_test(tests, a_bootloader_is_told_from_a_camera);
    tcase_add_test(tests, what_a_device_says_of_itself_is_cut_to_its_room);
    tcase_add_test(tests, a_machine_without_usb_has_no_cameras);
    suite_add_tcase(suite, tests);
    return suite;
}
