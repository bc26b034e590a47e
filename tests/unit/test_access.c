/* SPDX-License-Identifier: MIT */
/* Access rules: what they cover, which of them decides, and whom they concern. */

#include "access.h"
#include "callback_table.h"
#include "client.h"
#include "config.h"
#include "daemon.h"
#include "method.h"
#include "server.h"

#include <check.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *test_suite(void);

/* All rules concern the client, unless a test says which. */
static struct daemon the_daemon;
static struct server server = {.daemon = &the_daemon};
static struct client client;

static struct config *read_config(const char *text) {
    char copy[1000];
    ck_assert_uint_lt(strlen(text), sizeof copy);
    strcpy(copy, text);
    struct config *config = config_parse("test.json", copy, strlen(copy), stderr);
    ck_assert_ptr_nonnull(config);
    the_daemon.config = config;
    client = (struct client){.server = &server, .access_rules = UINT64_MAX, .uid = 1000, .gid = 1001};
    return config;
}

static struct config *read_rules(const char *rules) {
    char text[900];
    int length = snprintf(text, sizeof text,
                          "{\"callbacks\": {\"configure\": {}, \"face_custom\": {}},\n\"access\": %s}", rules);
    ck_assert_int_lt(length, (int)sizeof text);
    return read_config(text);
}

static const struct method *find_method(const char *name) {
    for (size_t i = 0; methods[i] != NULL; i++) {
        if (strcmp(methods[i]->name, name) == 0) {
            return methods[i];
        }
    }
    ck_abort_msg("there is no method %s", name);
    return NULL;
}

/* Asks as a client does: "reset" for a method, "call:NAME" for a callback. */
static bool is_allowed(const struct config *config, const char *asked) {
    struct error error = {.reason = ERROR_NONE};
    bool is_call = strncmp(asked, "call:", 5) == 0;
    bool is_good = access_check_method(&client, find_method(is_call ? "call" : asked), &error);
    if (is_good && is_call) {
        const char *name = asked + 5;
        bool is_id = name[0] == '#';
        uint32_t command = is_id ? (uint32_t)strtoul(name + 1, NULL, 16) : omvrpc_command_id(name, strlen(name));
        const struct callback *callback =
            is_id ? callback_find_id(config->callbacks, command) : callback_find(config->callbacks, name);
        is_good = access_check_callback(&client, &method_call, name, command, callback, &error);
    }
    ck_assert_int_eq(error.reason, is_good ? ERROR_NONE : ERROR_FORBIDDEN);
    return is_good;
}

/* What is asked, with those that have to be refused behind a '-'. */
static const struct {
    const char *rules;
    const char *asked[10];
} decisions[] = {
    {"[]", {"ping", "reset", "call:configure"}},
    {"[{\"deny\": [\"reset\", \"release\"]}]", {"ping", "-reset", "-release", "acquire", "call:configure"}},
    {"[{\"deny\": [\"*\"]}]", {"-ping", "-call:configure", "-cameras"}},
    {"[{\"deny\": [\"re*\"]}]", {"-release", "-reset", "ping", "call:reset"}},
    {"[{\"allow\": [\"ping\"]}, {\"deny\": [\"*\"]}]", {"ping", "-version", "-call:configure"}},
    {"[{\"deny\": [\"*\"]}, {\"allow\": [\"ping\"]}]", {"-ping"}},
    {"[{\"deny\": [\"call\"]}]", {"-call:configure", "ping"}},
    {"[{\"allow\": [\"call\"]}, {\"deny\": [\"*\"]}]", {"call:configure", "call:unheard_of", "-ping"}},
    {"[{\"deny\": [\"call:configure\"]}]", {"-call:configure", "call:face_detection", "call:unheard_of", "reset"}},
    {"[{\"allow\": [\"call:configure\"]}, {\"deny\": [\"*\"]}]", {"call:configure", "-call:face_detection", "-ping"}},
    {"[{\"allow\": [\"call:face_*\"]}, {\"deny\": [\"call\"]}]", {"call:face_custom", "-call:configure", "ping"}},
    {"[{\"deny\": [\"call:face_c*\"]}, {\"allow\": [\"call:face*\"]}, {\"deny\": [\"call:*\"]}]",
     {"call:face_detection", "-call:face_custom", "-call:configure"}},
    /* Unknown names may be any: what allows some does not allow them, what denies some denies them. */
    {"[{\"allow\": [\"call:face_*\"]}, {\"deny\": [\"call:*\"]}]", {"-call:face_made_up", "-call:#00000001"}},
    {"[{\"deny\": [\"call:conf*\"]}]", {"-call:made_up", "-call:#00000001", "-call:configure", "call:face_custom"}},
    {"[{\"allow\": [\"call:*\"]}, {\"deny\": [\"*\"]}]", {"call:made_up", "call:#00000001", "-reset"}},
};

START_TEST(the_first_rule_that_covers_what_is_asked_decides) {
    for (size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++) {
        struct config *config = read_rules(decisions[i].rules);
        for (const char *const *asked = decisions[i].asked; *asked != NULL; asked++) {
            bool is_refused = **asked == '-';
            ck_assert_msg(is_allowed(config, *asked + is_refused) != is_refused, "%s: %s", decisions[i].rules, *asked);
        }
        config_free(config);
    }
}
END_TEST

START_TEST(a_callback_is_the_same_by_its_name_and_by_its_id) {
    char by_id[40], rules[100];
    snprintf(by_id, sizeof by_id, "call:#%08x", (unsigned)omvrpc_command_id("configure", 9));
    struct config *config = read_rules("[{\"deny\": [\"call:configure\"]}]");
    ck_assert(!is_allowed(config, by_id));
    config_free(config);
    config = read_rules("[{\"deny\": [\"call:conf*\"]}]");
    ck_assert(!is_allowed(config, by_id));
    config_free(config);
    snprintf(rules, sizeof rules, "[{\"deny\": [\"%s\"]}]", by_id);
    config = read_rules(rules);
    ck_assert(!is_allowed(config, by_id));
    ck_assert(!is_allowed(config, "call:configure"));
    ck_assert(is_allowed(config, "call:face_custom"));
    config_free(config);
}
END_TEST

/* Changes the last two letters of a name so that its command id stays what it is. Returns false where none will do. */
static bool find_namesake(char *name) {
    const size_t length = strlen(name);
    const uint32_t wanted = omvrpc_command_id(name, length);
    const char before = name[length - 2];
    for (int letter = '!'; letter <= '~'; letter++) {
        name[length - 2] = (char)letter;
        name[length - 1] = '\0';
        uint32_t last = (omvrpc_command_id(name, length - 1) * 33) ^ wanted;
        if (letter != before && last >= '!' && last <= '~') {
            name[length - 1] = (char)last;
            return true;
        }
    }
    return false;
}

START_TEST(another_name_with_the_same_id_is_the_same_callback) {
    char asked[] = "call:configure", *name = asked + 5;
    ck_assert(find_namesake(name));
    ck_assert_str_ne(name, "configure");
    ck_assert_uint_eq(omvrpc_command_id(name, 9), omvrpc_command_id("configure", 9));
    static const char *const rules[] = {"[{\"deny\": [\"call:configure\"]}]", "[{\"deny\": [\"call:*ure\"]}]",
                                        "[{\"allow\": [\"call:confi*\"]}, {\"deny\": [\"call:*\"]}]"};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        struct config *config = read_rules(rules[i]);
        ck_assert_msg(!is_allowed(config, asked), "%s: %s", rules[i], name);
        config_free(config);
    }
}
END_TEST

START_TEST(the_error_names_the_rule_its_line_and_the_peer) {
    struct error error;
    struct config *config =
        read_rules("[{\"allow\": [\"ping\"]},\n {\"deny\": [\"re*\", \"call:conf*\"], \"group\": \"video\"},"
                   "\n {\"deny\": [\"ping\"], \"user\": \"pi\", \"group\": \"video\"}]");
    ck_assert(!access_check_method(&client, &method_reset, &error));
    ck_assert_str_eq(error.message, "method \"reset\" is forbidden to uid 1000, gid 1001: rule access.1 of the "
                                    "configuration (line 3) denies \"re*\" to group \"video\"");
    ck_assert(client.was_refused);
    ck_assert(!access_check_callback(&client, &method_call, "#00000001", 1, NULL, &error));
    ck_assert_str_eq(error.message, "callback \"#00000001\" is forbidden to uid 1000, gid 1001: rule access.1 of the "
                                    "configuration (line 3) denies \"call:conf*\" to group \"video\", and what nobody "
                                    "has described may be that");
    client.access_rules = 4;
    ck_assert(!access_check_method(&client, &method_ping, &error));
    ck_assert_str_eq(error.message, "method \"ping\" is forbidden to uid 1000, gid 1001: rule access.2 of the "
                                    "configuration (line 4) denies \"ping\" to user \"pi\" in group \"video\"");
    config_free(config);
}
END_TEST

START_TEST(only_rules_that_concern_the_peer_are_looked_at) {
    struct config *config = read_rules("[{\"deny\": [\"ping\"]}, {\"deny\": [\"reset\"]}]");
    client.access_rules = 2;
    ck_assert(is_allowed(config, "ping"));
    ck_assert(!is_allowed(config, "reset"));
    config_free(config);
}
END_TEST

START_TEST(rules_concern_users_and_members_of_groups) {
    int ends[2];
    uint64_t rules = 0;
    struct config *config = read_rules("[{\"deny\": [\"ping\"]}, {\"deny\": [\"ping\"], \"user\": \"me\"},"
                                       "{\"deny\": [\"ping\"], \"user\": \"another\"},"
                                       "{\"deny\": [\"ping\"], \"group\": \"mine\"},"
                                       "{\"deny\": [\"ping\"], \"group\": \"not mine\"},"
                                       "{\"deny\": [\"ping\"], \"user\": \"me\", \"group\": \"not mine\"},"
                                       "{\"deny\": [\"ping\"], \"user\": \"me\", \"group\": \"mine\"}]");
    struct access_rule *rule = config->access.rules;
    rule[1].uid = rule[5].uid = rule[6].uid = 7;
    rule[2].uid = 8;
    rule[3].gid = rule[6].gid = 70;
    rule[4].gid = rule[5].gid = (gid_t)-2;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ck_assert_int_eq(access_find_rules(&config->access, ends[0], 7, 70, &rules), 0);
    ck_assert_uint_eq(rules, 1 << 0 | 1 << 1 | 1 << 3 | 1 << 6);
    close(ends[0]);
    close(ends[1]);
    config_free(config);
}
END_TEST

START_TEST(supplementary_groups_count_as_the_kernel_tells_them) {
    gid_t groups[256];
    int ends[2];
    uint64_t rules = 0;
    int count = getgroups(256, groups);
    struct config *config = read_rules("[{\"deny\": [\"ping\"], \"group\": \"mine\"}]");
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    for (int i = 0; i < count; i++) {
        config->access.rules[0].gid = groups[i];
        ck_assert_int_eq(access_find_rules(&config->access, ends[0], 7, (gid_t)-2, &rules), 0);
        ck_assert_uint_eq(rules, 1);
    }
    config->access.rules[0].gid = (gid_t)-3;
    ck_assert_int_eq(access_find_rules(&config->access, ends[0], 7, (gid_t)-2, &rules), 0);
    ck_assert_uint_eq(rules, 0);
    close(ends[0]);
    close(ends[1]);
    config_free(config);
}
END_TEST

START_TEST(groups_that_cannot_be_told_are_an_error_and_not_none) {
    uint64_t rules = 0;
    struct config *config = read_rules("[{\"deny\": [\"ping\"], \"group\": \"mine\"}]");
    ck_assert_int_eq(access_find_rules(&config->access, -1, 7, 70, &rules), -1);
    config_free(config);
}
END_TEST

START_TEST(a_rule_for_who_does_not_exist_concerns_nobody) {
    int ends[2];
    uint64_t rules = UINT64_MAX;
    struct config *config = read_rules("[{\"deny\": [\"ping\"], \"user\": \"no-such-user-here\"},"
                                       "{\"deny\": [\"ping\"], \"group\": \"no-such-group-here\"}]");
    access_resolve(&config->access);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ck_assert_int_eq(access_find_rules(&config->access, ends[0], 0, 0, &rules), 0);
    ck_assert_uint_eq(rules, 0);
    close(ends[0]);
    close(ends[1]);
    config_free(config);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("access");
    TCase *tests = tcase_create("access");
    tcase_add_test(tests, the_first_rule_that_covers_what_is_asked_decides);
    tcase_add_test(tests, a_callback_is_the_same_by_its_name_and_by_its_id);
    tcase_add_test(tests, another_name_with_the_same_id_is_the_same_callback);
    tcase_add_test(tests, the_error_names_the_rule_its_line_and_the_peer);
    tcase_add_test(tests, only_rules_that_concern_the_peer_are_looked_at);
    tcase_add_test(tests, rules_concern_users_and_members_of_groups);
    tcase_add_test(tests, supplementary_groups_count_as_the_kernel_tells_them);
    tcase_add_test(tests, groups_that_cannot_be_told_are_an_error_and_not_none);
    tcase_add_test(tests, a_rule_for_who_does_not_exist_concerns_nobody);
    suite_add_tcase(suite, tests);
    return suite;
}
