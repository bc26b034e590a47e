/* SPDX-License-Identifier: MIT */
/* What the simulated camera says of itself and its callbacks: the JSON that docs/extensions.md describes. */

#include "callbacks_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Writes a schema of the table as JSON: "<HH cx cy" becomes {"format": "<HH", "fields": ["cx", "cy"]}. Nothing in the
 * table needs escaping. */
static void write_schema(FILE *out, const char *member, const char *schema, bool is_optional) {
    int length = (int)strcspn(schema, " ");
    if (schema[0] != '<') {
        fprintf(out, "\"%s\": \"%s\", ", member, schema);
        return;
    }
    fprintf(out, "\"%s\": {\"format\": \"%.*s\", \"fields\": [", member, length, schema);
    for (const char *separator = ""; schema[length] != '\0'; separator = ", ") {
        schema += length + 1;
        length = (int)strcspn(schema, " ");
        fprintf(out, "%s\"%.*s\"", separator, length, schema);
    }
    fprintf(out, "]%s}, ", is_optional ? ", \"optional\": true" : "");
}

static void write_callback(FILE *out, const struct sim_row *row) {
    fprintf(out, "\"%s\": {", row->name);
    if (row->args) {
        write_schema(out, "args", row->args, row->flags & SIM_ARGS_OPTIONAL);
    }
    if (row->result) {
        write_schema(out, "result", row->result, false);
    }
    if (row->flags & SIM_REPEATABLE) {
        fputs("\"repeatable\": true, ", out);
    }
    if (row->flags & (SIM_STREAMS | SIM_CUTS_THROUGH)) {
        fprintf(out, "\"schedules\": \"%s\", ", row->flags & SIM_STREAMS ? "stream" : "cut_through");
    }
    fprintf(out, "\"doc\": \"%s\"}", row->doc);
}

char *sim_description_new(uint64_t seed) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        return NULL;
    }
    fprintf(out,
            "{\"library\": \"%s\", \"extensions\": 1, \"firmware\": \"simulated\", \"board\": \"OpenMV simulator\", "
            "\"id\": \"%016" PRIX64
            "\", \"limits\": {\"argument\": %zu, \"piece\": %d, \"held\": %d}, \"callbacks\": {",
            OPENMVD_VERSION, seed, OMVRPC_MAX_PAYLOAD_DEFAULT, SIM_PIECE, SIM_HELD);
    for (size_t i = 0; i < sim_row_count; i++) {
        fputs(i > 0 ? ", " : "", out);
        write_callback(out, &sim_rows[i]);
    }
    fputs("}}", out);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
