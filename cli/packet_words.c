/* SPDX-License-Identifier: MIT */
/* Packets in words. See packet_words.h. */
#include "packet_words.h"

#include <string.h>

/* Bytes of a payload that are shown. */
#define SHOWN_BYTES 16

/* Names that scripts register: those of OpenMV's own examples, the extensions', and the simulated camera's. A command
 * id is a hash, so a name can be found only by trying. */
static const char *const names[] = {
    "face_detection",
    "person_detection",
    "qrcode_detection",
    "all_qrcode_detection",
    "apriltag_detection",
    "all_apriltag_detection",
    "datamatrix_detection",
    "all_datamatrix_detection",
    "barcode_detection",
    "all_barcode_detection",
    "color_detection",
    "jpeg_snapshot",
    "jpeg_image_snapshot",
    "jpeg_image_read",
    "raw_image_snapshot",
    "raw_image_read",
    "jpeg_image_stream",
    OMVRPC_PROBE_NAME,
    OMVRPC_DESCRIBE_NAME,
    OMVRPC_CALL_NAME,
    OMVRPC_READ_NAME,
    "echo",
    "sleep",
    "blob",
    "counter",
};

static const char *name_of(uint32_t command) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (omvrpc_command_id(names[i], strlen(names[i])) == command) {
            return names[i];
        }
    }
    return NULL;
}

static bool is_command(const struct packet_context *context, const char *name) {
    return context->command == omvrpc_command_id(name, strlen(name));
}

static void print_bytes(FILE *out, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length && i < SHOWN_BYTES; i++) {
        fprintf(out, "%s%02x", i == 0 ? ": " : " ", bytes[i]);
    }
    fputs(length > SHOWN_BYTES ? " ..." : "", out);
}

/* What a packet of data carries: where that is the envelope of a session, the bytes inside it, and the name of what is
 * called. */
static void print_data(FILE *out, const struct packet_context *context, bool from_master, const struct cut *cut) {
    struct omvrpc_envelope envelope;
    struct omvrpc_session_reply reply;
    const uint8_t *bytes = cut->payload;
    size_t length = cut->payload_length;
    if (!from_master && omvrpc_session_reply_read(cut->payload, cut->payload_length, &reply)) {
        bytes = reply.data;
        length = reply.length;
    } else if (from_master && omvrpc_envelope_read(cut->payload, cut->payload_length, &envelope, &bytes, &length)) {
        const char *name = is_command(context, OMVRPC_CALL_NAME) ? name_of(envelope.target) : NULL;
        fprintf(out, "%s%s", name ? ", " : "", name ? name : "");
    }
    print_bytes(out, bytes, length);
}

void packet_words_print(FILE *out, struct packet_context *context, bool from_master, const uint8_t *data,
                        const struct cut *cut) {
    char text[160];
    if (cut->kind == CUT_RAW) {
        fprintf(out, "%zu bytes of a frame", cut->length);
        return;
    }
    omvrpc_describe(data, cut->length, from_master, text, sizeof text);
    if (cut->kind == CUT_NOISE) {
        fprintf(out, "no whole packet, %s", text);
        return;
    }
    fputs(text, out);
    bool is_data = cut->magic == OMVRPC_COMMAND_DATA || cut->magic == OMVRPC_RESULT_DATA;
    if (cut->magic == OMVRPC_COMMAND_HEADER && from_master) {
        context->command = (uint32_t)cut->payload[0] | (uint32_t)cut->payload[1] << 8 |
                           (uint32_t)cut->payload[2] << 16 | (uint32_t)cut->payload[3] << 24;
        const char *name = name_of(context->command);
        fprintf(out, "%s%s", name ? ", " : "", name ? name : "");
    } else if (is_data) {
        print_data(out, context, from_master, cut);
    }
}
