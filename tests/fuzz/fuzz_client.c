/* SPDX-License-Identifier: MIT */
/* Any bytes as what the daemon says to a client of libopenmvd that waits for answers, pictures and events. */

#include "openmvd.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything an answer points to is there, to its last byte. */
static size_t look(const struct openmvd_answer *answer) {
    const char *texts[] = {answer->result, answer->value, answer->reason, answer->message, answer->error};
    size_t sum = 0;
    double number = 0;
    char text[8];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sum += texts[i] ? strlen(texts[i]) : 0;
    }
    for (size_t i = 0; i < answer->length; i++) {
        sum += ((const unsigned char *)answer->bytes)[i];
    }
    if (answer->result == NULL && answer->reason == NULL) {
        abort();
    }
    openmvd_json_number(answer->value, "x", &number);
    openmvd_json_string(answer->result, "name", text, sizeof text);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static volatile size_t seen;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
        return 0;
    }
    struct openmvd *client = openmvd_adopt(ends[0]);
    if (client == NULL) {
        abort();
    }
    struct openmvd_answer answer;
    const struct openmvd_question picture = {.name = "p", .raw = true};
    const struct openmvd_question stream = {.stream = "s", .raw = true};
    openmvd_send_call(client, &picture);
    openmvd_send_subscribe(client, &stream);
    openmvd_send(client, "unsubscribe", "{\"subscription\":7}");
    openmvd_send(client, "ping", NULL);
    if (send(ends[1], data, size, MSG_DONTWAIT) < 0 && size > 0) {
        abort();
    }
    openmvd_request(client, "ping", NULL, 0, &answer);
    seen += look(&answer);
    shutdown(ends[1], SHUT_RDWR);
    while (openmvd_receive(client, -1, &answer) > 0) {
        seen += look(&answer);
    }
    if (answer.reason == NULL) {
        abort();
    }
    openmvd_close(client);
    close(ends[1]);
    return 0;
}
