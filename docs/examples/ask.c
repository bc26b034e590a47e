/* SPDX-License-Identifier: MIT */
/* Asks the daemon where a face is.  cc ask.c $(pkg-config --cflags --libs openmvd) -o ask */

#include <openmvd.h>
#include <stdio.h>

int main(void) {
    struct openmvd *daemon = openmvd_connect(NULL, 1000);
    struct openmvd_answer face = {0};
    double x = 0, width = 0;
    if (daemon == NULL) {
        perror("cannot reach openmvd");
    } else if (!openmvd_call(daemon, &(struct openmvd_question){.name = "face_detection"}, &face)) {
        fprintf(stderr, "%s (%s)\n", face.message, face.reason);
    } else if (openmvd_json_number(face.value, "x", &x) && openmvd_json_number(face.value, "w", &width)) {
        printf("a face, its middle at %g\n", x + width / 2);
    } else {
        printf("no face\n");
    }
    openmvd_close(daemon);
    return face.result ? 0 : 1;
}
