/* SPDX-License-Identifier: MIT */
/* The udev rule knows the cameras that the daemon knows, and no others. */

#include "usb_ids.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define RULES    "udev/60-openmvd.rules"
#define IDS_MOST 64

static struct usb_id in_rules[IDS_MOST + 1];
static size_t in_rules_count;

/* Takes the ids of a line: ATTRS{idVendor}=="37c5", ATTRS{idProduct}=="1202|1203". */
static void read_line(const char *line) {
    static const char vendor_begins[] = "ATTRS{idVendor}==\"", products_begin[] = "ATTRS{idProduct}==\"";
    const char *vendor = strstr(line, vendor_begins);
    const char *products = strstr(line, products_begin);
    ck_assert_int_eq(vendor != NULL, products != NULL);
    if (vendor == NULL) {
        return;
    }
    unsigned long number = strtoul(vendor + strlen(vendor_begins), NULL, 16);
    char *end;
    for (const char *at = products + strlen(products_begin); at[-1] != '\"' || at == products + strlen(products_begin);
         at = end + 1) {
        ck_assert_uint_lt(in_rules_count, IDS_MOST);
        in_rules[in_rules_count++] = (struct usb_id){(unsigned)number, (unsigned)strtoul(at, &end, 16)};
        ck_assert_int_eq(end - at, 4);
        ck_assert(*end == '|' || *end == '"');
        if (*end == '"') {
            return;
        }
    }
}

static void read_rules(void) {
    char line[512];
    FILE *file = fopen(RULES, "re");
    ck_assert_msg(file != NULL, "%s cannot be read; tests run in the root of the project", RULES);
    memset(in_rules, 0, sizeof in_rules);
    in_rules_count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        read_line(line);
    }
    fclose(file);
}

static size_t count(const struct usb_id *table) {
    size_t length = 0;
    while (table[length].vendor != 0) {
        length++;
    }
    return length;
}

START_TEST(the_rule_names_every_camera_once_and_nothing_else) {
    read_rules();
    ck_assert_uint_eq(in_rules_count, count(usb_camera_ids));
    for (const struct usb_id *id = usb_camera_ids; id->vendor != 0; id++) {
        ck_assert_msg(usb_id_is_in(in_rules, id->vendor, id->product), "%04x:%04x is missing", id->vendor, id->product);
    }
    for (size_t i = 0; i < in_rules_count; i++) {
        ck_assert(usb_id_is_in(usb_camera_ids, in_rules[i].vendor, in_rules[i].product));
    }
}
END_TEST

START_TEST(no_id_is_that_of_a_camera_and_of_a_bootloader) {
    ck_assert_uint_gt(count(usb_bootloader_ids), 0);
    for (const struct usb_id *id = usb_bootloader_ids; id->vendor != 0; id++) {
        ck_assert(!usb_id_is_in(usb_camera_ids, id->vendor, id->product));
    }
}
END_TEST

START_TEST(vendor_and_product_both_count) {
    ck_assert(usb_id_is_in(usb_camera_ids, 0x37c5, 0x1204));
    ck_assert(!usb_id_is_in(usb_camera_ids, 0x1209, 0x1204));
    ck_assert(!usb_id_is_in(usb_camera_ids, 0, 0));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("usb_ids");
    TCase *tests = tcase_create("usb_ids");
    tcase_add_test(tests, the_rule_names_every_camera_once_and_nothing_else);
    tcase_add_test(tests, no_id_is_that_of_a_camera_and_of_a_bootloader);
    tcase_add_test(tests, vendor_and_product_both_count);
    suite_add_tcase(suite, tests);
    return suite;
}
