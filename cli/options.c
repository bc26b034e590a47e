/* SPDX-License-Identifier: MIT */
/* The option table and the command line parser. */
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reasons.h"
#include "screen.h"
#include "verbs.h"

#define DAY_MS      (24L * 60 * 60 * 1000)
#define COUNT_LIMIT 1000000L

struct option_row {
    const char *name;
    const char *value; /* what stands for the value in help; NULL for a flag */
    const char *doc;
};

static const struct option_row option_rows[OPTION_KINDS] = {
    [OPTION_SOCKET] = {"--socket", "PATH", "the daemon's socket, instead of looking for it"},
    [OPTION_CAMERA] = {"--camera", "NAME", "which camera; needed only where there are several"},
    [OPTION_TIMEOUT] = {"--timeout", "TIME", "how long to wait for the answer, as 5s, 200ms, 2m (bare: seconds)"},
    [OPTION_JSON] = {"--json", NULL, "print the result, or the error, as one line of JSON"},
    [OPTION_HELP] = {"--help", NULL, "help on the program, or on the verb beside it (also -h)"},
    [OPTION_VERSION] = {"--version", NULL, "the version of this program"},
    [OPTION_ARGS] = {"--args", "JSON", "the arguments as one JSON value"},
    [OPTION_DATA] = {"--data", "HEX", "the argument bytes in hexadecimal, past any schema"},
    [OPTION_DATA_FILE] = {"--data-file", "FILE", "the argument bytes from a file (- is standard input)"},
    [OPTION_REPLY] = {"--reply", "FORM", "the result's bytes as base64, hex or raw, past any schema"},
    [OPTION_OUT] = {"--out", "FILE", "write the result's bytes to a file (- is standard output)"},
    [OPTION_MAX_AGE] = {"--max-age", "TIME", "take an answer others got, if no older (bare: milliseconds)"},
    [OPTION_PRIORITY] = {"--priority", "LEVEL", "high, normal or low"},
    [OPTION_WAIT] = {"--wait", NULL, "wait for an offline camera to return, until the timeout"},
    [OPTION_EVERY] = {"--every", "TIME", "repeat at this interval (bare: seconds)"},
    [OPTION_COUNT] = {"--count", "N", "end after so many"},
    [OPTION_WATCH] = {"--watch", NULL, "show it again every second, until interrupted"},
    [OPTION_FOR] = {"--for", "TIME", "for how long, as 10s, 5m, 1h (bare: seconds)"},
    [OPTION_MAX] = {"--max", "BYTES", "how many bytes at most, as 65536, 512K, 4M"},
    [OPTION_DRIVE] = {"--drive", "FOLDER", "where the camera's drive is mounted, instead of looking for it"},
    [OPTION_SERIAL] = {"--serial", "TEXT", "the camera's USB serial number, where several are plugged in"},
    [OPTION_FROM] = {"--from", "FOLDER", "copy the *.py of this folder instead of openmvd's own"},
    [OPTION_DRY_RUN] = {"--dry-run", NULL, "only show what would be done"},
    [OPTION_YES] = {"--yes", NULL, "replace a main.py that is not openmvd's without asking"},
    [OPTION_DEVICE] = {"--device", "NODE", "look at this port, also without a daemon"},
    [OPTION_ON_CHANGE] = {"--on-change", NULL, "only answers that differ from the one before"},
    [OPTION_PROGRESS] = {"--progress", NULL, "show how much of the result has come, also where stderr is no terminal"},
    [OPTION_EVENTS] = {"--events", NULL, "cameras that come and go, instead of a callback"},
};

/* The option whose name is the `length` characters at `name`; OPTION_KINDS when there is none. */
static enum option_id find_option(const char *name, size_t length) {
    int id = 0;
    while (id < OPTION_KINDS &&
           (strlen(option_rows[id].name) != length || strncmp(option_rows[id].name, name, length) != 0)) {
        id++;
    }
    return (enum option_id)id;
}

static bool is_operand(const char *word) {
    return word[0] != '-' || word[1] == 0 || (word[1] >= '0' && word[1] <= '9') || word[1] == '.';
}

static const char *long_name(const char *word) {
    return strcmp(word, "-h") == 0 ? "--help" : word;
}

bool options_parse(int argc, char **argv, struct options *options) {
    *options = (struct options){.operands = argv, .operand_count = 0};
    bool all_operands = false;
    /* Operands move to the front of argv, over words already read. */
    for (int i = 1; i < argc; i++) {
        if (all_operands || is_operand(argv[i])) {
            options->operands[options->operand_count++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            all_operands = true;
            continue;
        }
        const char *word = long_name(argv[i]);
        const char *equals = strchr(word, '=');
        enum option_id id = find_option(word, equals ? (size_t)(equals - word) : strlen(word));
        if (id == OPTION_KINDS) {
            usage_error(options, "unknown option '%s'", word);
            return false;
        }
        const char *name = option_rows[id].name;
        if (options->value[id]) {
            usage_error(options, "%s is given twice", name);
            return false;
        }
        if (!option_rows[id].value) {
            if (equals) {
                usage_error(options, "%s takes no value", name);
                return false;
            }
            options->value[id] = "";
        } else if (equals || i + 1 < argc) {
            options->value[id] = equals ? equals + 1 : argv[++i];
        }
        bool is_missing = !options->value[id] || (id == OPTION_SOCKET && !*options->value[id]);
        if (is_missing) {
            usage_error(options, "%s needs a value: %s %s", name, name, option_rows[id].value);
            return false;
        }
    }
    return true;
}

bool options_check(const struct options *options, unsigned allowed) {
    for (int id = 0; id < OPTION_KINDS; id++) {
        if (options->value[id] && !(allowed & OPTION_BIT(id))) {
            usage_error(options, "'%s' has no option %s", options->operands[0], option_rows[id].name);
            return false;
        }
    }
    return true;
}

bool options_time(const struct options *options, enum option_id id, const char *unit, long least, long *milliseconds) {
    static const struct {
        const char *name;
        double factor;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"min", 60 * 1000}, {"h", 60 * 60 * 1000}};

    const char *text = options->value[id];
    if (!text) {
        return true;
    }
    char *end = NULL;
    double number = text[0] >= '0' && text[0] <= '9' ? strtod(text, &end) : -1;
    const char *given_unit = end && *end ? end : unit;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double total = number * units[i].factor;
        if (strcmp(units[i].name, given_unit) == 0 && total >= (double)least && total <= (double)DAY_MS) {
            *milliseconds = (long)total;
            return true;
        }
    }
    usage_error(options, "%s is a time from %ldms to 24h, such as 5s, 200ms or 2m, not '%s'", option_rows[id].name,
                least, text);
    return false;
}

bool options_count(const struct options *options, enum option_id id, long *count) {
    const char *text = options->value[id];
    if (!text) {
        return true;
    }
    char *end = NULL;
    errno = 0;
    long number = text[0] >= '0' && text[0] <= '9' ? strtol(text, &end, 10) : 0;
    if (!end || *end || errno || number < 1 || number > COUNT_LIMIT) {
        usage_error(options, "%s is a whole number from 1 to %ld, not '%s'", option_rows[id].name, COUNT_LIMIT, text);
        return false;
    }
    *count = number;
    return true;
}

bool options_bytes(const struct options *options, enum option_id id, long *bytes) {
    static const struct {
        const char *name;
        long factor;
    } units[] = {{"", 1}, {"K", 1L << 10}, {"M", 1L << 20}};

    const char *text = options->value[id];
    if (!text) {
        return true;
    }
    char *end = NULL;
    errno = 0;
    long number = text[0] >= '0' && text[0] <= '9' ? strtol(text, &end, 10) : 0;
    for (size_t i = 0; end && !errno && i < sizeof units / sizeof *units; i++) {
        if (strcmp(units[i].name, end) == 0 && number >= 1 && number <= (1L << 30) / units[i].factor) {
            *bytes = number * units[i].factor;
            return true;
        }
    }
    usage_error(options, "%s is a number of bytes from 1 to 1024M, such as 65536, 512K or 4M, not '%s'",
                option_rows[id].name, text);
    return false;
}

const char *options_operand(const struct options *options, int index) {
    return index + 1 < options->operand_count ? options->operands[index + 1] : NULL;
}

void options_print(FILE *out, unsigned which) {
    for (int id = 0; id < OPTION_KINDS; id++) {
        if (which & OPTION_BIT(id)) {
            const struct option_row *row = &option_rows[id];
            int width = fprintf(out, "  %s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
            fprintf(out, "%*s%s\n", width < 22 ? 22 - width : 1, "", row->doc);
        }
    }
}

int usage_error(const struct options *options, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("openmvctl: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    const struct verb *verb = options->operand_count ? verb_find(options->operands[0]) : NULL;
    fprintf(stderr, "\n  see: openmvctl%s%s --help\n", verb ? " " : "", verb ? verb->name : "");
    return CTL_USAGE;
}
