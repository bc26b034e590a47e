/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

/*
 * Reading one configuration text: where we are in it, and every mistake found so far. A mistake is a line such as
 *
 *     openmvd.json:7: cameras.front.link.baud: found "fast", expected an integer from 50 to 12000000
 */

#include "json_scan.h"

#include <cjson/cJSON.h>
#include <stdio.h>

struct config_reader {
    const char *path;
    struct json_span document; /* with its comments blanked */
    FILE *report;
    size_t mistakes;
};

/* The place of a value: a chain from the value to the document, on the callers' stacks. */
struct config_place {
    const struct config_place *above; /* NULL for the document */
    const char *name;
};

/* The line where a value stands, from 1. */
size_t config_line(const struct config_reader *reader, const struct config_place *place);

/* Reports a mistake; the format is what follows the value's path. */
void config_mistake(struct config_reader *reader, const struct config_place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reports that the value at this place is not what was expected there. */
void config_unexpected(struct config_reader *reader, const struct config_place *place, const char *expected);

/*
 * Reports every key that stands twice in its object, and takes all but the first of its name out of the document. An
 * object with too many keys to look for that is reported and emptied.
 */
void config_take_doubled(struct config_reader *reader, cJSON *document);

/* Reports that a name is none of the `count` known ones, with the one that was probably meant. */
void config_unknown(struct config_reader *reader, const struct config_place *place, const char *what,
                    const char *const *known, size_t count);

/* Each of these reports and returns false where the value is not of the kind; *result is changed on success only. */
bool config_read_object(struct config_reader *reader, const struct config_place *place, const cJSON *value);
bool config_read_boolean(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                         bool *result);
/* A non-empty string; *result is malloc'ed, what it held before is freed. */
bool config_read_string(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                        char **result);
/* A number, or a string with a decimal or, after 0x, hexadecimal number. */
bool config_read_integer(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                         size_t minimum, size_t maximum, size_t *result);
/* The same of what people write in hexadecimal digits, such as an address: a string has to begin with 0x. */
bool config_read_id(struct config_reader *reader, const struct config_place *place, const cJSON *value, size_t minimum,
                    size_t maximum, size_t *result);
/* File permissions: a string of octal digits. */
bool config_read_mode(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                      unsigned *result);

#endif
