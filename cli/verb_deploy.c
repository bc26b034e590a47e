/* SPDX-License-Identifier: MIT */
/*
 * `deploy`: puts the camera's half of openmvd on a camera's drive. It does not touch the camera's port, so the daemon
 * may go on meanwhile.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "deploy_target.h"
#include "drive_file.h"
#include "firmware_files.h"
#include "need.h"
#include "reasons.h"
#include "screen.h"
#include "verbs.h"

/* What becomes of a file: told in words, and with --json by name. */
enum outcome { OUTCOME_SAME, OUTCOME_NEW, OUTCOME_CHANGED, OUTCOME_FOREIGN, OUTCOME_WRITTEN };

static const struct {
    const char *name;
    const char *words;
} outcomes[] = {
    [OUTCOME_SAME] = {"same", "is there already"},
    [OUTCOME_NEW] = {"would_write", "would be written"},
    [OUTCOME_CHANGED] = {"would_replace", "would be replaced"},
    [OUTCOME_FOREIGN] = {"would_ask", "would be replaced, after a question: the one there is not openmvd's"},
    [OUTCOME_WRITTEN] = {"written", "written"},
};

struct deploy {
    const struct options *options;
    struct firmware_files files;
    enum outcome *outcome; /* one a file */
    struct deploy_target target;
    int folder;
    sigset_t signals; /* the mask of the program, in which signals end it */
};

/* A question that nobody answers has to end too: meanwhile the drive is mounted. */
#define ANSWER_PATIENCE_S 300

static void ignore_signal(int number) {
    (void)number;
}

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};

#define ENDING_SIGNALS (sizeof ending_signals / sizeof *ending_signals)

/*
 * A drive that was mounted has to be unmounted before the program ends, and its files have to fit together. So signals
 * that would end it do nothing, except while the user is asked: they end the question. `before` receives the mask to
 * ask with.
 */
static void hold_signals(sigset_t *before) {
    const struct sigaction action = {.sa_handler = ignore_signal};
    sigset_t held;
    sigemptyset(&held);
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        sigaddset(&held, ending_signals[i]);
        sigaction(ending_signals[i], &action, NULL);
    }
    sigprocmask(SIG_BLOCK, &held, before);
}

static void release_signals(const sigset_t *before) {
    sigprocmask(SIG_SETMASK, before, NULL);
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        signal(ending_signals[i], SIG_DFL);
    }
}

static int fail_to_write(const struct deploy *deploy, const char *name, int error, struct reply *reply) {
    static const struct {
        int error;
        const char *hint;
    } hints[] = {
        {EROFS,
         "its file system met an error, or a switch protects it: reset the camera, wait until the drive is back,\n"
         "and try again"},
        {ENOSPC, "remove files that the camera does not need"},
        {EACCES, "it is mounted for another user: repeat the command with sudo"},
        {EPERM, "it is mounted for another user: repeat the command with sudo"},
        {EIO, "was the camera unplugged? Plug it in again and repeat"},
    };
    const char *hint = "reset the camera, wait until the drive is back, and try again";
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        hint = hints[i].error == error ? hints[i].hint : hint;
    }
    reply_fail(reply, "drive_failed", "unknown", hint, "cannot write %s/%s: %s", deploy->target.folder, name,
               strerror(error));
    return reply_exit_code(reply);
}

/* What has to be done with a file. `old` is what is on the drive, or NULL where that is too long for a script. */
static enum outcome judge(const struct deploy *deploy, const struct firmware_file *file, const char *old,
                          size_t length) {
    if (old && length == file->length && memcmp(old, file->bytes, length) == 0) {
        return OUTCOME_SAME;
    }
    bool is_ours = old && firmware_is_ours(old, length);
    bool asks = firmware_is_main(file->name) && !is_ours && !deploy->options->value[OPTION_YES];
    return asks ? OUTCOME_FOREIGN : OUTCOME_CHANGED;
}

static int compare(struct deploy *deploy, struct reply *reply) {
    for (size_t i = 0; i < deploy->files.count; i++) {
        const struct firmware_file *file = &deploy->files.file[i];
        char *old = NULL;
        size_t length = 0;
        int error = drive_file_read(deploy->folder, file->name, &old, &length);
        if (error && error != -ENOENT && error != -EFBIG) {
            reply_fail(reply, "drive_failed", "no", "reset the camera, wait until the drive is back, and try again",
                       "cannot read %s/%s: %s", deploy->target.folder, file->name, strerror(-error));
            return reply_exit_code(reply);
        }
        deploy->outcome[i] = error == -ENOENT ? OUTCOME_NEW : judge(deploy, file, old, length);
        free(old);
    }
    return CTL_OK;
}

static bool has_outcome(const struct deploy *deploy, enum outcome outcome) {
    for (size_t i = 0; i < deploy->files.count; i++) {
        if (deploy->outcome[i] == outcome) {
            return true;
        }
    }
    return false;
}

static bool is_confirmed(const struct deploy *deploy) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    const struct timespec patience = {.tv_sec = ANSWER_PATIENCE_S};
    char answer[16] = "";
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        return false;
    }
    fputs("The main.py on the drive is not openmvd's. Replace it? [y/N] ", stderr);
    return ppoll(&input, 1, &patience, &deploy->signals) > 0 && fgets(answer, sizeof answer, stdin) &&
           (answer[0] == 'y' || answer[0] == 'Y');
}

static int write_files(struct deploy *deploy, struct reply *reply) {
    for (size_t i = 0; i < deploy->files.count; i++) {
        const struct firmware_file *file = &deploy->files.file[i];
        if (deploy->outcome[i] == OUTCOME_SAME) {
            continue;
        }
        int error =
            deploy->target.read_only ? -EROFS : drive_file_write(deploy->folder, file->name, file->bytes, file->length);
        if (error) {
            return fail_to_write(deploy, file->name, -error, reply);
        }
        deploy->outcome[i] = OUTCOME_WRITTEN;
    }
    return syncfs(deploy->folder) < 0 ? fail_to_write(deploy, "", errno, reply) : CTL_OK;
}

static int work(struct deploy *deploy, struct reply *reply) {
    deploy->folder = open(deploy->target.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (deploy->folder < 0) {
        return fail_to_write(deploy, "", errno, reply);
    }
    const char *const *value = deploy->options->value;
    int code = compare(deploy, reply);
    if (code == CTL_OK && !value[OPTION_DRY_RUN]) {
        if (has_outcome(deploy, OUTCOME_FOREIGN) && !is_confirmed(deploy)) {
            reply_fail(reply, "not_confirmed", "no", "keep a copy of it if you need it, then: openmvctl deploy --yes",
                       "the main.py on the drive is not openmvd's; nothing was written");
            code = CTL_REFUSED;
        } else {
            code = write_files(deploy, reply);
        }
    }
    close(deploy->folder);
    return code;
}

/* Whether the daemon has reset the camera named by --camera; nothing but its own wiring can. */
static bool reset(const struct deploy *deploy, struct client *client) {
    const char *camera = deploy->options->value[OPTION_CAMERA];
    if (!camera || !has_outcome(deploy, OUTCOME_WRITTEN)) {
        return false;
    }
    struct reply reply = {0};
    cJSON *params = need_memory(cJSON_CreateObject());
    cJSON_AddStringToObject(params, "camera", camera);
    char *text = need_memory(cJSON_PrintUnformatted(params));
    int code = client_request(client, "reset", text, CLIENT_LINK_MS, &reply);
    cJSON_free(text);
    cJSON_Delete(params);
    reply_free(&reply);
    return code == CTL_OK;
}

static void print_json(const struct deploy *deploy, const char *folder, bool is_mounted, bool is_reset) {
    cJSON *result = need_memory(cJSON_CreateObject());
    cJSON_AddStringToObject(result, "folder", folder);
    cJSON *files = need_memory(cJSON_AddArrayToObject(result, "files"));
    for (size_t i = 0; i < deploy->files.count; i++) {
        cJSON *row = need_memory(cJSON_CreateObject());
        cJSON_AddStringToObject(row, "name", deploy->files.file[i].name);
        cJSON_AddStringToObject(row, "outcome", outcomes[deploy->outcome[i]].name);
        cJSON_AddItemToArray(files, row);
    }
    cJSON_AddBoolToObject(result, "mounted", is_mounted);
    cJSON_AddBoolToObject(result, "reset", is_reset);
    char *text = need_memory(cJSON_PrintUnformatted(result));
    screen_put_json(stdout, text, strlen(text));
    putchar('\n');
    cJSON_free(text);
    cJSON_Delete(result);
}

static void print_next_step(const struct deploy *deploy, bool was_mounted, const char *left, bool is_reset) {
    if (deploy->options->value[OPTION_DRY_RUN]) {
        puts("nothing was written: this was a dry run");
        return;
    }
    if (left) {
        printf("the drive could not be unmounted, though all is on it: umount %s\n", left);
    }
    if (is_reset) {
        puts("the camera was reset");
    } else if (has_outcome(deploy, OUTCOME_WRITTEN)) {
        printf("%s press the camera's reset button, or unplug it for a moment\n",
               was_mounted || left ? "now eject the drive, then" : "the drive is unmounted; now");
    } else {
        puts("nothing had to be written");
    }
    puts("'openmvctl callbacks' then shows what the camera offers");
}

static void print_outcome(const struct deploy *deploy, const char *folder, bool was_mounted, const char *left,
                          bool is_reset) {
    fputs("the camera's drive is at ", stdout);
    screen_put(stdout, folder, strlen(folder));
    putchar('\n');
    for (size_t i = 0; i < deploy->files.count; i++) {
        printf("  %-12s %s\n", deploy->files.file[i].name, outcomes[deploy->outcome[i]].words);
    }
    print_next_step(deploy, was_mounted, left, is_reset);
}

static int deploy_to_target(struct deploy *deploy, struct client *client, struct reply *reply) {
    char *folder = need_memory(strdup(deploy->target.folder));
    bool was_mounted = !deploy->target.mounted || deploy->target.drive.how == DRIVE_WAS_MOUNTED;
    char *left;
    hold_signals(&deploy->signals);
    int code = work(deploy, reply);
    deploy_target_close(&deploy->target, &left);
    release_signals(&deploy->signals);
    if (code == CTL_OK) {
        bool is_reset = reset(deploy, client);
        if (deploy->options->value[OPTION_JSON]) {
            print_json(deploy, folder, was_mounted || left, is_reset);
        } else {
            print_outcome(deploy, folder, was_mounted, left, is_reset);
        }
    }
    free(left);
    free(folder);
    return code;
}

int verb_run_deploy(const struct options *options, struct client *client) {
    const char *from = options->value[OPTION_FROM];
    struct deploy deploy = {.options = options};
    struct reply reply = {0};
    char *problem = NULL;
    if (options->value[OPTION_DRIVE] && options->value[OPTION_SERIAL]) {
        return usage_error(options, "--drive and --serial both say which drive; give one");
    }
    char *source = from ? need_memory(strdup(from)) : firmware_folder_find();
    if (!source || !firmware_files_read(source, &deploy.files, &problem)) {
        reply_fail(&reply, "no_firmware", "no",
                   "name the folder with the camera's files: openmvctl deploy --from FOLDER", "%s",
                   source ? problem : "the camera's files were not installed with openmvctl");
    } else if (deploy_target_open(&deploy.target, options, source, &reply)) {
        deploy.outcome = need_memory(calloc(deploy.files.count, sizeof *deploy.outcome));
        deploy_to_target(&deploy, client, &reply);
    }
    int code = reply.error.length ? reply_report_failure(&reply, options->value[OPTION_JSON] != NULL) : CTL_OK;
    reply_free(&reply);
    firmware_files_free(&deploy.files);
    free(deploy.outcome);
    free(problem);
    free(source);
    return code;
}
