/* SPDX-License-Identifier: MIT */
/* Prints where the largest face is that a camera sees.  cc face.c $(pkg-config --cflags --libs openmvrpc) -o face */

#include <openmvrpc.h>
#include <stdio.h>

int main(int argc, char **argv) {
    const char *device = argc > 1 ? argv[1] : "/dev/ttyACM0";
    struct omvrpc_link *link = omvrpc_serial_open(&(struct omvrpc_serial_options){.device = device});
    if (link == NULL) {
        perror(device);
        return 1;
    }
    struct omvrpc_master *master = omvrpc_master_new();
    struct omvrpc_result face = {.outcome = OMVRPC_NOT_DELIVERED};
    if (master != NULL) {
        omvrpc_call(master, link, "face_detection", NULL, 0, 5000, &face);
    }
    const uint8_t *b = face.data;
    if (face.outcome != OMVRPC_DONE || face.length != 8) {
        printf("%s\n", face.outcome == OMVRPC_DONE ? "no face" : omvrpc_outcome_name(face.outcome));
    } else {
        printf("x %d y %d w %d h %d\n", b[0] | b[1] << 8, b[2] | b[3] << 8, b[4] | b[5] << 8, b[6] | b[7] << 8);
    }
    omvrpc_master_free(master);
    omvrpc_link_close(link);
    return face.outcome == OMVRPC_DONE ? 0 : 1;
}
