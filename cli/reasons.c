/* SPDX-License-Identifier: MIT */
/* The table of exit codes and error reasons. */
#include "reasons.h"

#include <stddef.h>
#include <string.h>

static const struct {
    enum exit_code code;
    const char *doc;
} exit_rows[] = {
    {CTL_OK, "answered, also with \"nothing seen\""},
    {CTL_FAILED, "failed, on the way or on the camera"},
    {CTL_USAGE, "openmvctl was called wrongly; nothing was sent"},
    {CTL_NO_DAEMON, "no daemon could be reached"},
    {CTL_CAMERA_AWAY, "the camera is offline, still connecting, or lent out"},
    {CTL_REFUSED, "refused: the same request will not be accepted"},
    {CTL_UNWELL, "doctor has found something wrong"},
};

/* The first part is the daemon's own list; the second names what goes wrong on this side of the socket. */
static const struct reason_row reason_rows[] = {
    {"parse_error", CTL_REFUSED, NULL},
    {"invalid_request", CTL_REFUSED, NULL},
    {"no_such_method", CTL_REFUSED, "'openmvctl version' shows whether the daemon is older than this program"},
    {"internal", CTL_FAILED, "the daemon's log says more"},
    {"invalid_params", CTL_REFUSED, NULL},
    {"camera_offline", CTL_CAMERA_AWAY,
     "'openmvctl doctor' says what is wrong; with --wait and a longer --timeout, a call waits for it"},
    {"not_delivered", CTL_FAILED, "the camera never took the command: it is safe to repeat"},
    {"result_unknown", CTL_FAILED, "it may have run on the camera: look before you repeat it"},
    {"no_such_camera", CTL_REFUSED, "'openmvctl cameras' lists them"},
    {"no_such_callback", CTL_REFUSED, "'openmvctl callbacks' lists them"},
    {"bad_result", CTL_FAILED, "'--reply hex' shows the bytes as they came"},
    {"too_large", CTL_FAILED, NULL},
    {"queue_full", CTL_FAILED, "wait for earlier requests to end, then repeat it"},
    {"cancelled", CTL_FAILED, NULL},
    {"forbidden", CTL_REFUSED, "the access rules are in the daemon's configuration"},
    {"callback_failed", CTL_FAILED, "the camera's script raised this"},
    {"unsupported", CTL_REFUSED, NULL},
    {"released", CTL_CAMERA_AWAY, "'openmvctl acquire' takes it back"},
    {"too_many_clients", CTL_FAILED, "close a client, or raise limits.clients in the configuration"},

    {"no_daemon", CTL_NO_DAEMON, NULL},
    {"no_permission", CTL_NO_DAEMON, NULL},
    {"connection_lost", CTL_FAILED, "the request may have been carried out; is the daemon still running?"},
    {"no_answer", CTL_FAILED, "a longer --timeout may help; the daemon's log says more"},
    {"bad_reply", CTL_FAILED, "is this the socket of an openmvd, and of this program's version?"},
    {"no_firmware", CTL_FAILED, NULL},
    {"no_drive", CTL_FAILED, NULL},
    {"drive_failed", CTL_FAILED, NULL},
    {"not_confirmed", CTL_REFUSED, NULL},
};

static const struct reason_row unknown_reason = {"", CTL_FAILED, NULL};

#define COUNT(array) (sizeof(array) / sizeof *(array))

const struct reason_row *reason_find(const char *reason) {
    for (size_t i = 0; i < COUNT(reason_rows); i++) {
        if (strcmp(reason_rows[i].reason, reason) == 0) {
            return &reason_rows[i];
        }
    }
    return &unknown_reason;
}

void reason_print_exit_codes(FILE *out) {
    fputs("Exit codes:\n", out);
    for (size_t i = 0; i < COUNT(exit_rows); i++) {
        fprintf(out, "  %d  %s\n", (int)exit_rows[i].code, exit_rows[i].doc);
        int column = 0;
        for (size_t k = 0; k < COUNT(reason_rows); k++) {
            if (reason_rows[k].code != exit_rows[i].code) {
                continue;
            }
            if (column == 0 || column > 60) {
                column = fprintf(out, "%s     %s", column ? ",\n" : "", reason_rows[k].reason);
            } else {
                column += fprintf(out, ", %s", reason_rows[k].reason);
            }
        }
        if (column) {
            fputc('\n', out);
        }
    }
}
