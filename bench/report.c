/* SPDX-License-Identifier: MIT */
/* The table and the file. See report.h. */

#include "report.h"

#include <stdio.h>

enum { COLUMN_WIDTH = 12 };

void report_init(struct report *report) {
    *report = (struct report){.json = cJSON_CreateObject()};
}

void report_begin_section(struct report *report, const char *key, const char *title,
                          const struct report_column *columns) {
    report->section = cJSON_AddArrayToObject(report->json, key);
    report->columns = columns;
    printf("\n%s\n", title);
    for (const struct report_column *column = columns; column->key != NULL; column++) {
        printf("%*s", COLUMN_WIDTH, column->heading);
    }
    printf("\n");
}

void report_add_row(struct report *report, cJSON *row) {
    for (const struct report_column *column = report->columns; column->key != NULL; column++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, column->key);
        if (cJSON_IsNumber(item)) {
            printf("%*.*f", COLUMN_WIDTH, column->decimals, item->valuedouble);
        } else {
            printf("%*s", COLUMN_WIDTH, cJSON_IsString(item) ? item->valuestring : "-");
        }
    }
    printf("\n");
    fflush(stdout);
    cJSON_AddItemToArray(report->section, row);
}

bool report_write(const struct report *report, const char *path) {
    char *text = cJSON_Print(report->json);
    FILE *file = text != NULL ? fopen(path, "w") : NULL;
    bool good = file != NULL && fputs(text, file) >= 0 && fputc('\n', file) == '\n';
    if (file != NULL) {
        good = fclose(file) == 0 && good;
    }
    cJSON_free(text);
    return good;
}

void report_clear(struct report *report) {
    cJSON_Delete(report->json);
    *report = (struct report){0};
}
