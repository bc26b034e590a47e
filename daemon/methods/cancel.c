/* SPDX-License-Identifier: MIT */
/* "cancel": takes back requests of this connection that still wait. */
#include "method.h"

#include "json_number.h"

#include <cjson/cJSON.h>
#include <string.h>

/* Whether a number is written as nobody would write another one. */
static bool is_plain_integer(struct json_span id) {
    for (size_t i = 0; i < id.length; i++) {
        if (id.text[i] < '0' || id.text[i] > '9') {
            return false;
        }
    }
    return true;
}

/* Whether two ids are the same to a client: equal text, or the same string or number written in another way. */
static bool ids_equal(struct json_span a, struct json_span b) {
    double number_a, number_b;
    if (a.length == b.length && memcmp(a.text, b.text, a.length) == 0) {
        return true;
    }
    if (a.text[0] == '"' && b.text[0] == '"') {
        return json_strings_equal(a, b);
    }
    if (!json_is_number(a) || !json_is_number(b) || (is_plain_integer(a) && is_plain_integer(b))) {
        return false;
    }
    /* Beyond the integers that doubles hold, different numbers may look equal, so only the text counts. */
    return json_double_read(a, &number_a) && json_double_read(b, &number_b) && number_a == number_b &&
           number_a < (double)JSON_EXACT_INTEGER_MAX && number_a > -(double)JSON_EXACT_INTEGER_MAX;
}

static void handle(struct request *request, const struct params *params) {
    struct json_span wanted = params_get(params, "id");
    bool has_cancelled = false;
    struct request *other, *next;
    for (other = TAILQ_FIRST(&request->client->requests); other != NULL; other = next) {
        next = TAILQ_NEXT(other, entry);
        if (other->cancel == NULL || other->id == NULL) {
            continue;
        }
        struct json_span id = {other->id, strlen(other->id)};
        if (ids_equal(id, wanted) && other->cancel(other)) {
            has_cancelled = true;
        }
    }
    request_succeed(request, cJSON_CreateBool(has_cancelled));
}

static const struct param params[] = {
    {.name = "id", .type = PARAM_ID, .is_required = true, .doc = "the id of earlier requests of this connection"},
    {.name = NULL},
};

const struct method method_cancel = {"cancel", handle, params,
                                     "takes back what still waits under an id; true if there was anything"};
