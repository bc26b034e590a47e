/* SPDX-License-Identifier: MIT */
#ifndef SCHEMA_PRIVATE_H
#define SCHEMA_PRIVATE_H

/* What a schema is made of, for the files that make schemas and use them (schema.c, schema_pack.c, schema_unpack.c). */

#include "schema.h"
#include "schema_format.h"

struct schema {
    enum schema_kind kind;
    char *text;         /* compact JSON */
    char *format_text;  /* NULL without a format, as is the rest */
    char **field_names; /* as many as items, or NULL where they have no names */
    struct format format;
    bool repeats;
    bool is_optional;
};

#endif
