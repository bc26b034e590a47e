/* SPDX-License-Identifier: MIT */
/*
 * Prints the daemon's tables, for tests that compare them with the documentation and the completion. A row is a line, the
 * name of its table first, with tabs between:
 *
 *     method   NAME
 *     param    METHOD NAME WHAT-MAY-BE-GIVEN
 *     error    REASON CODE RETRYABLE EXECUTED
 *     limit    KEY DEFAULT LEAST MOST
 *     healing  KEY DEFAULT LEAST MOST
 */

#include "config.h"
#include "error.h"
#include "healing.h"
#include "method.h"

#include <inttypes.h>
#include <stdio.h>

static void print_param(const char *method, const struct param *param) {
    static const char *const types[] = {
        [PARAM_ANY] = "any",         [PARAM_STRING] = "string", [PARAM_BOOLEAN] = "boolean",
        [PARAM_INTEGER] = "integer", [PARAM_CHOICE] = "",       [PARAM_ID] = "id",
    };
    printf("param\t%s\t%s\t%s", method, param->name, types[param->type]);
    if (param->type == PARAM_INTEGER && param->maximum == INT64_MAX) {
        printf(", %" PRId64 " or more", param->minimum);
    } else if (param->type == PARAM_INTEGER) {
        printf(", %" PRId64 " to %" PRId64, param->minimum, param->maximum);
    }
    for (size_t i = 0; i < PARAM_CHOICES_MAX && param->choices[i] != NULL; i++) {
        printf("%s%s", i > 0 ? ", " : "", param->choices[i]);
    }
    printf("%s\n", param->is_required ? ", required" : "");
}

int main(void) {
    static const char *const executed[] = {
        [EXECUTED_NO] = "no", [EXECUTED_YES] = "yes", [EXECUTED_UNKNOWN] = "unknown"};
    for (size_t i = 0; methods[i] != NULL; i++) {
        printf("method\t%s\n", methods[i]->name);
        for (const struct param *param = methods[i]->params; param->name != NULL; param++) {
            print_param(methods[i]->name, param);
        }
    }
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        const struct error_row *row = error_row((enum error_reason)i);
        printf("error\t%s\t%d\t%s\t%s\n", row->name, row->code, row->retryable ? "yes" : "no", executed[row->executed]);
    }
    for (const struct limit_row *row = limit_rows; row->key != NULL; row++) {
        printf("limit\t%s\t%zu\t%zu\t%zu\n", row->key, row->fallback, row->minimum, row->maximum);
    }
    for (const struct healing_row *row = healing_rows; row->key != NULL; row++) {
        printf("healing\t%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\n", row->key, row->fallback, row->minimum,
               row->maximum);
    }
    return 0;
}
