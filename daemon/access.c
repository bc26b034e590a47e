/* SPDX-License-Identifier: MIT */
/* Whom a rule concerns, what it covers, and which of them decides. See access.h. */
#include "access.h"

#include "callback_table.h"
#include "client.h"
#include "config.h"
#include "daemon.h"
#include "log.h"
#include "method.h"
#include "server.h"

#include <errno.h>
#include <fnmatch.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What a client asks for. */
struct question {
    const char *method;
    bool names_callback;             /* the method does; which one may not be known yet */
    const char *name;                /* of the callback, as the client gave it; NULL where it is about the method */
    uint32_t command;                /* its id */
    const struct callback *callback; /* what is known of it, or NULL */
};

bool access_has_wildcard(const char *text) {
    return strpbrk(text, "*?[") != NULL;
}

static void warn_of_nobody(const struct access *access, const struct access_rule *rule, const char *kind,
                           const char *name) {
    log_warning(CONFIG, "access.%zu (line %zu): there is no %s \"%s\", so the rule concerns nobody",
                (size_t)(rule - access->rules), rule->line, kind, name);
}

void access_resolve(struct access *access) {
    for (size_t i = 0; i < access->count; i++) {
        struct access_rule *rule = &access->rules[i];
        const struct passwd *user = rule->user != NULL ? getpwnam(rule->user) : NULL;
        const struct group *group = rule->group != NULL ? getgrnam(rule->group) : NULL;
        if (user != NULL) {
            rule->uid = user->pw_uid;
        } else if (rule->user != NULL) {
            rule->concerns_nobody = true;
            warn_of_nobody(access, rule, "user", rule->user);
        }
        if (group != NULL) {
            rule->gid = group->gr_gid;
        } else if (rule->group != NULL) {
            rule->concerns_nobody = true;
            warn_of_nobody(access, rule, "group", rule->group);
        }
    }
}

void access_clear(struct access *access) {
    for (size_t i = 0; i < access->count; i++) {
        struct access_rule *rule = &access->rules[i];
        for (size_t j = 0; j < rule->pattern_count; j++) {
            free(rule->patterns[j].text);
        }
        free(rule->patterns);
        free(rule->user);
        free(rule->group);
    }
    free(access->rules);
    *access = (struct access){.rules = NULL};
}

/* Gets the supplementary groups of a peer, malloc'ed. The kernel is asked, not the user database: that may be slow, and
 * does not know what a process has been given or has dropped. Returns -1 with errno. */
static int get_groups(int fd, gid_t **groups, size_t *count) {
    socklen_t size = 0;
    *groups = NULL;
    *count = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0) {
        return 0;
    }
    if (errno != ERANGE) {
        return -1;
    }
    *groups = malloc(size);
    if (*groups == NULL) {
        return -1;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, *groups, &size) < 0) {
        free(*groups);
        return -1;
    }
    *count = size / sizeof **groups;
    return 0;
}

static bool contains(const gid_t *groups, size_t count, gid_t group) {
    for (size_t i = 0; i < count; i++) {
        if (groups[i] == group) {
            return true;
        }
    }
    return false;
}

int access_find_rules(const struct access *access, int fd, uid_t uid, gid_t gid, uint64_t *rules) {
    gid_t *groups = NULL;
    size_t group_count = 0;
    bool names_groups = false;
    for (size_t i = 0; i < access->count; i++) {
        names_groups = names_groups || access->rules[i].group != NULL;
    }
    if (names_groups && get_groups(fd, &groups, &group_count) < 0) {
        return -1;
    }
    *rules = 0;
    for (size_t i = 0; i < access->count; i++) {
        const struct access_rule *rule = &access->rules[i];
        bool is_user = rule->user == NULL || rule->uid == uid;
        bool is_member = rule->group == NULL || rule->gid == gid || contains(groups, group_count, rule->gid);
        if (is_user && is_member && !rule->concerns_nobody) {
            *rules |= UINT64_C(1) << i;
        }
    }
    free(groups);
    return 0;
}

/* Whether a pattern needs no name to be believed. */
static bool is_all(const struct access_pattern *pattern) {
    return strcmp(pattern->text, "*") == 0;
}

static bool covers_callback(const struct access_rule *rule, const struct access_pattern *pattern,
                            const struct question *question) {
    if (!pattern->has_wildcard) {
        return pattern->command == question->command;
    }
    if (question->callback == NULL) {
        return !rule->allows || is_all(pattern);
    }
    return fnmatch(pattern->text, question->callback->name, FNM_NOESCAPE) == 0;
}

static bool covers(const struct access_rule *rule, const struct access_pattern *pattern,
                   const struct question *question) {
    if (pattern->is_of_callback && question->name != NULL) {
        return covers_callback(rule, pattern, question);
    }
    /* Which callback it will be is not known yet: it may be one that is allowed, and if it is one that is denied, then
     * that is said when it is known. */
    if (pattern->is_of_callback) {
        return rule->allows && question->names_callback;
    }
    /* Whoever has a callback polled has it called. */
    return fnmatch(pattern->text, question->method, FNM_NOESCAPE) == 0 ||
           (question->names_callback && (question->name != NULL || rule->allows) &&
            fnmatch(pattern->text, method_call.name, FNM_NOESCAPE) == 0);
}

/* Returns the rule that decides, and by which of its patterns; NULL where none does. */
static const struct access_rule *decide(const struct access *access, uint64_t rules, const struct question *question,
                                        const struct access_pattern **pattern) {
    for (size_t i = 0; i < access->count; i++) {
        const struct access_rule *rule = &access->rules[i];
        if ((rules >> i & 1) == 0) {
            continue;
        }
        for (size_t j = 0; j < rule->pattern_count; j++) {
            *pattern = &rule->patterns[j];
            if (covers(rule, *pattern, question)) {
                return rule;
            }
        }
    }
    return NULL;
}

static void describe_concerned(const struct access_rule *rule, char *text, size_t size) {
    if (rule->user != NULL && rule->group != NULL) {
        snprintf(text, size, "user \"%s\" in group \"%s\"", rule->user, rule->group);
    } else if (rule->user != NULL) {
        snprintf(text, size, "user \"%s\"", rule->user);
    } else if (rule->group != NULL) {
        snprintf(text, size, "group \"%s\"", rule->group);
    } else {
        snprintf(text, size, "everybody");
    }
}

static void set_forbidden(const struct client *client, const struct question *question, const struct access_rule *rule,
                          const struct access_pattern *pattern, struct error *error) {
    const struct access *access = &client->server->daemon->config->access;
    bool is_doubtful =
        pattern->is_of_callback && pattern->has_wildcard && question->callback == NULL && !is_all(pattern);
    char asked[CALLBACK_NAME_MAX + 16], concerned[160];
    if (question->name != NULL) {
        snprintf(asked, sizeof asked, "callback \"%s\"", question->name);
    } else {
        snprintf(asked, sizeof asked, "method \"%s\"", question->method);
    }
    describe_concerned(rule, concerned, sizeof concerned);
    error_set(error, ERROR_FORBIDDEN,
              "%s is forbidden to uid %u, gid %u: rule access.%zu of the configuration (line %zu) denies \"%s%s\" to "
              "%s%s",
              asked, client->uid, client->gid, (size_t)(rule - access->rules), rule->line,
              pattern->is_of_callback ? "call:" : "", pattern->text, concerned,
              is_doubtful ? ", and what nobody has described may be that" : "");
}

static bool check(struct client *client, const struct question *question, struct error *error) {
    const struct access_pattern *pattern = NULL;
    const struct access_rule *rule =
        decide(&client->server->daemon->config->access, client->access_rules, question, &pattern);
    if (rule == NULL || rule->allows) {
        return true;
    }
    char label[CLIENT_LABEL_SIZE];
    set_forbidden(client, question, rule, pattern, error);
    /* Once at a level that is seen, so that nobody fills the log by asking again and again. */
    log_write(LOG_SUBSYSTEM_CLIENT, client->was_refused ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "%s: %s",
              client_label(client, label), error->message);
    client->was_refused = true;
    return false;
}

bool access_check_method(struct client *client, const struct method *method, struct error *error) {
    const struct question question = {.method = method->name, .names_callback = method_names_callback(method)};
    return check(client, &question, error);
}

bool access_check_events(struct client *client, struct error *error) {
    const struct question question = {.method = method_subscribe.name};
    return check(client, &question, error);
}

bool access_check_callback(struct client *client, const struct method *method, const char *name, uint32_t command,
                           const struct callback *callback, struct error *error) {
    const struct question question = {
        .method = method->name, .names_callback = true, .name = name, .command = command, .callback = callback};
    return check(client, &question, error);
}
