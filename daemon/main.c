/* SPDX-License-Identifier: MIT */
/* openmvd: options, the configuration, and then the daemon. */
#include "config.h"
#include "daemon.h"
#include "listener.h"
#include "log.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct choices {
    const char *config;
    const char *socket;
    const char *log;
    bool check_config;
    bool simulate;
    bool help;
    bool version;
};

static const struct option_row {
    const char *name;
    const char *argument; /* NULL for a switch */
    size_t offset;        /* in struct choices */
    const char *doc;
} option_rows[] = {
    {"config", "FILE", offsetof(struct choices, config), "the configuration; " CONFIG_DEFAULT_PATH " if that exists"},
    {"socket", "PATH", offsetof(struct choices, socket),
     "where to listen; " LISTENER_DEFAULT_PATH " unless configured"},
    {"check-config", NULL, offsetof(struct choices, check_config),
     "print all mistakes of the configuration, and warnings, and exit"},
    {"simulate", NULL, offsetof(struct choices, simulate),
     "simulate all cameras inside the process; needs no configuration"},
    {"log", "LEVEL[,SUBSYSTEM:LEVEL...]", offsetof(struct choices, log), "what to log"},
    {"help", NULL, offsetof(struct choices, help), "this text"},
    {"version", NULL, offsetof(struct choices, version), "the version"},
};

enum { OPTION_COUNT = sizeof option_rows / sizeof *option_rows, EXIT_USAGE = 2 };

static void print_names(const char *label, const char *(*name_of)(size_t)) {
    printf("%s", label);
    for (size_t i = 0; name_of(i) != NULL; i++) {
        printf(" %s", name_of(i));
    }
    printf("\n");
}

static void print_help(void) {
    printf("openmvd serves OpenMV cameras to local programs, through a Unix socket.\n\nUsage: openmvd [OPTION...]\n\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", row->name, row->argument != NULL ? " " : "",
                 row->argument != NULL ? row->argument : "");
        printf("  %-34s %s\n", left, row->doc);
    }
    print_names("\nLevels:", log_level_name);
    print_names("Subsystems:", log_subsystem_name);
}

static bool read_options(int argc, char **argv, struct choices *choices) {
    struct option options[OPTION_COUNT + 1] = {{NULL, 0, NULL, 0}};
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        options[i] = (struct option){.name = option_rows[i].name,
                                     .has_arg = option_rows[i].argument != NULL ? required_argument : no_argument};
    }
    int index = 0;
    int found;
    while ((found = getopt_long(argc, argv, "", options, &index)) == 0) {
        void *field = (char *)choices + option_rows[index].offset;
        if (option_rows[index].argument != NULL) {
            *(const char **)field = optarg;
        } else {
            *(bool *)field = true;
        }
    }
    if (found == -1 && optind < argc) {
        fprintf(stderr, "%s: unexpected argument '%s'\n", argv[0], argv[optind]);
    }
    bool empty_socket = choices->socket != NULL && choices->socket[0] == '\0';
    if (empty_socket) {
        fprintf(stderr, "%s: --socket takes a path\n", argv[0]);
    }
    if (found == -1 && optind == argc && !empty_socket) {
        return true;
    }
    fprintf(stderr, "Try '%s --help'.\n", argv[0]);
    return false;
}

/* Whether there is anything at a path. What cannot be reached, or is a link to nowhere, is for who reads it to tell. */
static bool is_there(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 || errno != ENOENT;
}

/* The file to read, or NULL for none: a simulation needs no configuration, and the default one need not exist. */
static const char *choose_config(const struct choices *choices) {
    if (choices->config != NULL) {
        return choices->config;
    }
    if (choices->simulate && !choices->check_config) {
        return NULL;
    }
    return is_there(CONFIG_DEFAULT_PATH) ? CONFIG_DEFAULT_PATH : NULL;
}

static struct config *load(void *context, FILE *report) {
    struct choices *choices = context;
    const char *path = choose_config(choices);
    struct config *config = config_load(path, report);
    if (config != NULL) {
        /* A file that has counted does not count as empty when it has gone: that is a mistake, also of the default one. */
        choices->config = path;
    }
    if (config != NULL && choices->simulate) {
        config_simulate(config);
    }
    return config;
}

static struct config *load_and_resolve(void *context, FILE *report) {
    struct config *config = load(context, report);
    if (config != NULL) {
        access_resolve(&config->access);
    }
    return config;
}

/* What was asked for on the command line goes before the configuration. */
static void apply(void *context, const struct config *config) {
    const struct choices *choices = context;
    log_set(config->log, choices->log);
}

/* A worker that has to wait for a page of its memory keeps no time. Only where the limit cannot be met later: else it would
 * be memory that is refused. */
static void lock_memory(const struct config *config) {
    struct rlimit limit;
    if (config->realtime_priority == 0) {
        return;
    }
    bool is_unlimited = getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
    if (!is_unlimited || mlockall(MCL_CURRENT | MCL_FUTURE) < 0) {
        log_warning(DAEMON, "with realtime_priority memory should be locked, which needs no limit MEMLOCK (systemd: "
                            "LimitMEMLOCK=infinity, see realtime.conf)");
    }
}

/* As load(), with the mistakes in the log, where the journal has them as errors. */
static struct config *load_to_serve(struct choices *choices) {
    char *report = NULL;
    size_t size = 0;
    struct config *config = NULL;
    const char *first = "out of memory";
    FILE *file = open_memstream(&report, &size);
    if (file != NULL) {
        config = load(choices, file);
        fclose(file);
    }
    if (config == NULL) {
        size_t count = report != NULL ? config_log_mistakes(report, &first) : 0;
        log_error(CONFIG, "openmvd cannot start with this configuration; mistakes: %zu", count);
    }
    free(report);
    return config;
}

/* Tells of what is no mistake, and is not as it was meant. */
static void warn(struct config *config) {
    access_resolve(&config->access);
    if (config->socket_group != NULL) {
        (void)listener_find_group(config->socket_group);
    }
}

static int serve(struct config *config, struct choices *choices) {
    char chosen[sizeof((struct sockaddr_un *)NULL)->sun_path];
    const char *path = choices->socket != NULL ? choices->socket : config->socket_path;
    const struct config_source source = {.load = load_and_resolve, .apply = apply, .context = choices};
    int passed;
    if (!listener_take_passed(&passed, chosen, sizeof chosen)) {
        return EXIT_FAILURE;
    }
    if (passed >= 0) {
        path = chosen;
    } else if (path == NULL && listener_choose_path(chosen, sizeof chosen) < 0) {
        return EXIT_FAILURE;
    }
    access_resolve(&config->access);
    lock_memory(config);
    struct daemon *daemon = daemon_new(config, &source, path != NULL ? path : chosen, passed);
    int status = daemon != NULL && daemon_run(daemon) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    daemon_free(daemon);
    return status;
}

int main(int argc, char **argv) {
    struct choices choices = {.config = NULL};
    char problem[160];
    if (!read_options(argc, argv, &choices)) {
        return EXIT_USAGE;
    }
    if (choices.help) {
        print_help();
        return EXIT_SUCCESS;
    }
    if (choices.version) {
        printf("openmvd %s\n", OPENMVD_VERSION);
        return EXIT_SUCCESS;
    }
    if (choices.log != NULL && !log_check(choices.log, problem, sizeof problem)) {
        fprintf(stderr, "%s: --log: %s\n", argv[0], problem);
        return EXIT_USAGE;
    }
    /* A client that has gone is an error of one write, not the end of the daemon. */
    signal(SIGPIPE, SIG_IGN);
    struct config *config = choices.check_config ? load(&choices, stderr) : load_to_serve(&choices);
    if (config == NULL) {
        return EXIT_FAILURE;
    }
    const char *path = choices.config;
    int status = EXIT_SUCCESS;
    apply(&choices, config);
    if (choices.check_config) {
        warn(config);
        printf("%s: ok (%zu camera%s)\n", path != NULL ? path : "(no configuration)", config->camera_count,
               config->camera_count == 1 ? "" : "s");
    } else {
        log_info(CONFIG, "configuration: %s", path != NULL ? path : "none; every key has its default");
        status = serve(config, &choices);
    }
    config_free(config);
    return status;
}
