/* SPDX-License-Identifier: MIT */
/* `doctor`: goes through the steps of one camera's link, and ends with what is wrong and what cures it. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "doctor.h"
#include "need.h"
#include "options.h"
#include "reasons.h"
#include "screen.h"
#include "verbs.h"

enum { STEPS_MOST = 32, NAME_WIDTH = 14, OUTCOME_WIDTH = 8 };

static const struct {
    const char *name;
    enum screen_tone tone;
} outcomes[] = {
    [DOCTOR_OK] = {"ok", TONE_GOOD},
    [DOCTOR_WARN] = {"warn", TONE_WARNING},
    [DOCTOR_FAIL] = {"fail", TONE_BAD},
    [DOCTOR_SKIPPED] = {"skipped", TONE_FAINT},
};

struct visit {
    const struct doctor_step *step[STEPS_MOST];
    struct doctor_finding finding[STEPS_MOST];
    size_t count;
};

/* Lines of text, each behind `indent` blanks. */
static void put_lines(const char *text, int indent) {
    while (*text) {
        size_t line = strcspn(text, "\n");
        printf("%*s", indent, "");
        screen_put(stdout, text, line);
        putchar('\n');
        text += line + (text[line] == '\n');
    }
}

static void print_finding(const struct doctor_step *step, const struct doctor_finding *finding) {
    enum screen_tone tone = outcomes[finding->outcome].tone;
    screen_tone_begin(stdout, tone);
    printf("%-*s", OUTCOME_WIDTH, outcomes[finding->outcome].name);
    screen_tone_end(stdout, tone);
    printf("%-*s", NAME_WIDTH, step->name);
    screen_put(stdout, finding->found, strlen(finding->found));
    putchar('\n');
    fflush(stdout);
}

/* The first step that failed, else the first that warns; NULL where all is well. */
static const struct doctor_finding *find_verdict(const struct visit *visit, const char **step) {
    static const enum doctor_outcome worst[] = {DOCTOR_FAIL, DOCTOR_WARN};
    for (size_t grade = 0; grade < sizeof worst / sizeof *worst; grade++) {
        for (size_t i = 0; i < visit->count; i++) {
            if (visit->finding[i].outcome == worst[grade]) {
                *step = visit->step[i]->name;
                return &visit->finding[i];
            }
        }
    }
    *step = NULL;
    return NULL;
}

static const char *all_is_well(const struct doctor *doctor) {
    return doctor->is_online ? "nothing is wrong with this link"
                             : "nothing wrong was found, as far as one can look without asking the camera";
}

static void print_verdict(const struct doctor *doctor, const struct visit *visit) {
    const char *step;
    const struct doctor_finding *verdict = find_verdict(visit, &step);
    putchar('\n');
    put_lines(verdict ? verdict->found : all_is_well(doctor), 0);
    if (verdict && verdict->cure) {
        put_lines(verdict->cure, 2);
    }
}

static cJSON *finding_to_json(const char *step, const char *outcome, const char *found, const char *cure) {
    cJSON *row = need_memory(cJSON_CreateObject());
    cJSON_AddItemToObject(row, "step", step ? cJSON_CreateString(step) : cJSON_CreateNull());
    cJSON_AddStringToObject(row, "outcome", outcome);
    cJSON_AddStringToObject(row, "found", found);
    cJSON_AddItemToObject(row, "cure", cure ? cJSON_CreateString(cure) : cJSON_CreateNull());
    return row;
}

static void print_json(const struct doctor *doctor, const struct visit *visit) {
    const char *step;
    const struct doctor_finding *verdict = find_verdict(visit, &step);
    cJSON *result = need_memory(cJSON_CreateObject());
    cJSON_AddItemToObject(result, "camera", doctor->name ? cJSON_CreateString(doctor->name) : cJSON_CreateNull());
    cJSON *steps = need_memory(cJSON_AddArrayToObject(result, "steps"));
    for (size_t i = 0; i < visit->count; i++) {
        const struct doctor_finding *finding = &visit->finding[i];
        cJSON_AddItemToArray(steps, finding_to_json(visit->step[i]->name, outcomes[finding->outcome].name,
                                                    finding->found, finding->cure));
    }
    cJSON_AddItemToObject(result, "verdict",
                          verdict
                              ? finding_to_json(step, outcomes[verdict->outcome].name, verdict->found, verdict->cure)
                              : finding_to_json(NULL, outcomes[DOCTOR_OK].name, all_is_well(doctor), NULL));
    char *text = need_memory(cJSON_PrintUnformatted(result));
    screen_put_json(stdout, text, strlen(text));
    putchar('\n');
    cJSON_free(text);
    cJSON_Delete(result);
}

static void visit_steps(struct doctor *doctor, struct visit *visit, bool json) {
    for (const struct doctor_step *step = doctor_steps; step->name && visit->count < STEPS_MOST; step++) {
        if (step->links != DOCTOR_ALL && !(step->links & doctor->link)) {
            continue;
        }
        struct doctor_finding *finding = &visit->finding[visit->count];
        step->look(doctor, finding);
        visit->step[visit->count++] = step;
        if (!json) {
            print_finding(step, finding);
        }
    }
}

int verb_run_doctor(const struct options *options, struct client *client) {
    const char *operand = options_operand(options, 0);
    const char *option = options->value[OPTION_CAMERA];
    bool json = options->value[OPTION_JSON] != NULL;
    if (operand && option && strcmp(operand, option) != 0) {
        return usage_error(options, "two cameras are named: '%s' and '%s'", option, operand);
    }
    struct doctor doctor = {.options = options, .client = client, .wanted = operand ? operand : option};
    if (doctor.wanted && options->value[OPTION_DEVICE]) {
        return usage_error(options, "a camera and --device both say what to look at; give one");
    }
    struct visit visit = {.count = 0};
    visit_steps(&doctor, &visit, json);
    if (json) {
        print_json(&doctor, &visit);
    } else {
        print_verdict(&doctor, &visit);
    }
    const char *step;
    const struct doctor_finding *verdict = find_verdict(&visit, &step);
    int code = verdict && verdict->outcome == DOCTOR_FAIL ? CTL_UNWELL : CTL_OK;
    for (size_t i = 0; i < visit.count; i++) {
        free(visit.finding[i].found);
        free(visit.finding[i].cure);
    }
    doctor_clear(&doctor);
    return code;
}
