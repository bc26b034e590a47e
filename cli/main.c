/* SPDX-License-Identifier: MIT */
/* openmvctl: reads the command line, finds the verb, runs it, and makes sure that what was printed has arrived. */
#include <stdio.h>

#include "client.h"
#include "options.h"
#include "reasons.h"
#include "verbs.h"

static int run_verb(const struct options *options, const struct verb *verb) {
    int operands = options->operand_count - 1;
    if (!options_check(options, verb->options | OPTIONS_OF_EVERYBODY)) {
        return CTL_USAGE;
    }
    if (operands < verb->least_operands || operands > verb->most_operands) {
        return usage_error(options, "'%s' takes %s", verb->name, *verb->usage ? verb->usage : "nothing more");
    }
    struct client *client = client_new(options->value[OPTION_SOCKET]);
    int code = verb->handler(options, client);
    client_free(client);
    return code;
}

static int run(const struct options *options) {
    const char *name = options->operand_count ? options->operands[0] : NULL;
    const struct verb *verb = name ? verb_find(name) : NULL;
    if (options->value[OPTION_VERSION]) {
        printf("openmvctl %s\n", OPENMVD_VERSION);
        return CTL_OK;
    }
    if (name && !verb) {
        const struct verb *near = verb_find_near(name);
        return usage_error(options, near ? "unknown verb '%s'; did you mean '%s'?" : "unknown verb '%s'", name,
                           near ? near->name : "");
    }
    if (options->value[OPTION_HELP]) {
        verb ? verb_print_help(verb, stdout) : verb_print_all_help(stdout);
        return CTL_OK;
    }
    return verb ? run_verb(options, verb) : usage_error(options, "what shall be done? A verb is missing");
}

int main(int argc, char **argv) {
    struct options options;
    int code = options_parse(argc, argv, &options) ? run(&options) : CTL_USAGE;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("openmvctl: standard output");
        return CTL_FAILED;
    }
    return code;
}
