/* SPDX-License-Identifier: MIT */
/* The log on standard error: levels a subsystem, and two forms of a line. */
#include "log.h"

#include "encoding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 1100 };

static const struct {
    const char *name;
    int priority; /* of syslog and journald */
    const char *colour;
} levels[LOG_LEVEL_COUNT] = {
    [LOG_LEVEL_ERROR] = {"error", 3, "\033[31m"}, [LOG_LEVEL_WARNING] = {"warning", 4, "\033[33m"},
    [LOG_LEVEL_INFO] = {"info", 6, "\033[32m"},   [LOG_LEVEL_DEBUG] = {"debug", 7, "\033[36m"},
    [LOG_LEVEL_WIRE] = {"wire", 7, "\033[35m"},
};

static const char *const subsystems[LOG_SUBSYSTEM_COUNT] = {
    [LOG_SUBSYSTEM_DAEMON] = "daemon", [LOG_SUBSYSTEM_CONFIG] = "config", [LOG_SUBSYSTEM_SERVER] = "server",
    [LOG_SUBSYSTEM_CLIENT] = "client", [LOG_SUBSYSTEM_CAMERA] = "camera", [LOG_SUBSYSTEM_BUS] = "bus",
};

/* Set by the loop, read by every thread. */
static _Atomic(enum log_level) thresholds[LOG_SUBSYSTEM_COUNT] = {
    LOG_LEVEL_INFO, LOG_LEVEL_INFO, LOG_LEVEL_INFO, LOG_LEVEL_INFO, LOG_LEVEL_INFO, LOG_LEVEL_INFO,
};

const char *log_level_name(size_t index) {
    return index < LOG_LEVEL_COUNT ? levels[index].name : NULL;
}

const char *log_subsystem_name(size_t index) {
    return index < LOG_SUBSYSTEM_COUNT ? subsystems[index] : NULL;
}

/* Returns the index at which `name_of` gives the `length` bytes of `word`, or -1. */
static int find_name(const char *(*name_of)(size_t), const char *word, size_t length) {
    for (size_t i = 0; name_of(i) != NULL; i++) {
        if (strlen(name_of(i)) == length && strncmp(name_of(i), word, length) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Changes `wanted` by a text. Returns false, with nothing changed that counts, for a wrong one. */
static bool read_levels(const char *text, enum log_level wanted[LOG_SUBSYSTEM_COUNT], char *problem, size_t size) {
    for (const char *item = text;; item++) {
        size_t length = strcspn(item, ",");
        const char *colon = memchr(item, ':', length);
        const char *word = colon != NULL ? colon + 1 : item;
        int level = find_name(log_level_name, word, (size_t)(item + length - word));
        int subsystem = colon != NULL ? find_name(log_subsystem_name, item, (size_t)(colon - item)) : 0;
        if (level < 0 || subsystem < 0) {
            snprintf(problem, size, "\"%.*s\" is not LEVEL or SUBSYSTEM:LEVEL", (int)(length < 64 ? length : 64), item);
            return false;
        }
        for (int i = 0; i < LOG_SUBSYSTEM_COUNT; i++) {
            if (colon == NULL || i == subsystem) {
                wanted[i] = (enum log_level)level;
            }
        }
        item += length;
        if (*item == '\0') {
            return true;
        }
    }
}

bool log_check(const char *text, char *problem, size_t size) {
    enum log_level wanted[LOG_SUBSYSTEM_COUNT];
    return read_levels(text, wanted, problem, size);
}

void log_set(const char *text, const char *more) {
    enum log_level wanted[LOG_SUBSYSTEM_COUNT];
    char problem[8];
    for (int i = 0; i < LOG_SUBSYSTEM_COUNT; i++) {
        wanted[i] = LOG_LEVEL_INFO;
    }
    if (text != NULL) {
        read_levels(text, wanted, problem, sizeof problem);
    }
    if (more != NULL) {
        read_levels(more, wanted, problem, sizeof problem);
    }
    for (int i = 0; i < LOG_SUBSYSTEM_COUNT; i++) {
        atomic_store_explicit(&thresholds[i], wanted[i], memory_order_relaxed);
    }
}

bool log_wants(enum log_subsystem subsystem, enum log_level level) {
    return level <= atomic_load_explicit(&thresholds[subsystem], memory_order_relaxed);
}

static int write_terminal_prefix(char *line, size_t size, enum log_subsystem subsystem, enum log_level level) {
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    return snprintf(line, size, "%02d:%02d:%02d.%03ld %s%-7s\033[0m %s: ", local.tm_hour, local.tm_min, local.tm_sec,
                    now.tv_nsec / 1000000, levels[level].colour, levels[level].name, subsystems[subsystem]);
}

void log_write(enum log_subsystem subsystem, enum log_level level, const char *format, ...) {
    if (!log_wants(subsystem, level)) {
        return;
    }
    int saved_errno = errno;
    char line[LINE_SIZE];
    int prefix = isatty(STDERR_FILENO)
                     ? write_terminal_prefix(line, sizeof line, subsystem, level)
                     : snprintf(line, sizeof line, "<%d>%s: ", levels[level].priority, subsystems[subsystem]);
    char *text = line + prefix;
    size_t room = sizeof line - (size_t)prefix - 1; /* for the newline, which takes the place of the NUL */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, room, format, arguments);
    va_end(arguments);
    size_t length = strlen(text);
    /* The journal shows a line that is not text as a number of bytes, and a line that is cut may end within a letter. */
    utf8_make_printable(text, length);
    text[length++] = '\n';
    /* Where the log cannot be written there is nobody to tell. */
    ssize_t written = write(STDERR_FILENO, line, (size_t)prefix + length);
    (void)written;
    errno = saved_errno;
}
