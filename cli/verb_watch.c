/* SPDX-License-Identifier: MIT */
/* `watch`: a subscription, shown until interrupted. */
#include "arguments.h"
#include "ask.h"
#include "interrupt.h"
#include "need.h"
#include "reasons.h"
#include "verbs.h"
#include "watch_view.h"

/* How long Ctrl-C may take at most, and how often the age of what is shown is looked at. */
#define TURN_MS 100

static int watch_events(struct watch_view *view, struct client *client, long most) {
    struct reply event = {0};
    int code = CTL_OK;
    interrupt_catch();
    watch_view_begin(view);
    while (code == CTL_OK && !interrupt_came() && !ferror(stdout) && (most == 0 || view->count < most)) {
        code = client_next_event(client, TURN_MS, &event);
        if (code == CTL_OK && event.line) {
            bool is_last = reply_has_ended(&event);
            watch_view_take(view, &event);
            if (is_last) {
                watch_view_end(view);
                return CTL_FAILED;
            }
        }
        watch_view_refresh(view);
    }
    watch_view_end(view);
    if (code != CTL_OK) {
        reply_report_failure(&event, view->options->value[OPTION_JSON] != NULL);
        reply_free(&event);
    }
    return code;
}

/* The params of a subscription to cameras that come and go, which takes nothing else. */
static cJSON *build_params_of_events(const struct options *options) {
    static const enum option_id others[] = {OPTION_EVERY,     OPTION_ON_CHANGE, OPTION_ARGS,     OPTION_DATA,
                                            OPTION_DATA_FILE, OPTION_MAX_AGE,   OPTION_PRIORITY, OPTION_WAIT};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (options->value[others[i]]) {
            usage_error(options, "beside --events, 'watch' takes only --count and --camera");
            return NULL;
        }
    }
    cJSON *params = need_memory(cJSON_CreateObject());
    cJSON_AddTrueToObject(params, "events");
    return params;
}

static cJSON *build_params(const struct options *options) {
    long unused_ms = 0;
    cJSON *params = ask_call_params(options, options_operand(options, 0), NULL, &unused_ms);
    if (!params || !arguments_add(params, options) ||
        !ask_add_milliseconds(params, options, OPTION_EVERY, "s", 1, "interval_ms", &unused_ms)) {
        cJSON_Delete(params);
        return NULL;
    }
    if (options->value[OPTION_ON_CHANGE]) {
        cJSON_AddTrueToObject(params, "on_change");
    }
    return params;
}

int verb_run_watch(const struct options *options, struct client *client) {
    struct watch_view view = {.options = options};
    long most = 0;
    bool events = options->value[OPTION_EVENTS] != NULL;
    if (events == (options_operand(options, 0) != NULL)) {
        return usage_error(options, "'watch' takes the name of a callback, or --events");
    }
    if (!options_count(options, OPTION_COUNT, &most)) {
        return CTL_USAGE;
    }
    cJSON *params = events ? build_params_of_events(options) : build_params(options);
    if (!params) {
        return CTL_USAGE;
    }
    int code = ask_subscribe(options, client, params);
    cJSON_Delete(params);
    return code == CTL_OK ? watch_events(&view, client, most) : code;
}
