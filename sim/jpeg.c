/* SPDX-License-Identifier: MIT */
/* libjpeg with its two habits changed: errors come back instead of ending the program, and the output cannot grow. */

#include "jpeg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

struct encoder {
    struct jpeg_compress_struct compress;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf failed;
    uint8_t *output;
    size_t capacity;
};

static void fail(j_common_ptr common) {
    struct encoder *encoder = common->client_data;
    longjmp(encoder->failed, 1);
}

static void keep_silent(j_common_ptr common) {
    (void)common;
}

static void begin_output(j_compress_ptr compress) {
    struct encoder *encoder = compress->client_data;
    encoder->destination.next_output_byte = encoder->output;
    encoder->destination.free_in_buffer = encoder->capacity;
}

static boolean refuse_more_output(j_compress_ptr compress) {
    ERREXIT(compress, JERR_BUFFER_SIZE);
    return FALSE;
}

static void end_output(j_compress_ptr compress) {
    (void)compress;
}

static void compress_rows(struct encoder *encoder, const uint8_t *pixels, int width, int height, int components,
                          int quality) {
    struct jpeg_compress_struct *compress = &encoder->compress;
    compress->image_width = (JDIMENSION)width;
    compress->image_height = (JDIMENSION)height;
    compress->input_components = components;
    compress->in_color_space = components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(compress);
    jpeg_set_quality(compress, quality, TRUE);
    jpeg_start_compress(compress, TRUE);
    while (compress->next_scanline < compress->image_height) {
        /* libjpeg takes rows as writable and only reads them. */
        union {
            const uint8_t *given;
            JSAMPROW taken;
        } row = {.given = pixels + (size_t)compress->next_scanline * (size_t)(width * components)};
        jpeg_write_scanlines(compress, &row.taken, 1);
    }
    jpeg_finish_compress(compress);
}

int sim_jpeg_encode(const uint8_t *pixels, int width, int height, int components, int quality, uint8_t *output,
                    size_t capacity, size_t *length) {
    if (width < 1 || width > 4096 || height < 1 || height > 4096 || (components != 1 && components != 3) ||
        quality < 1 || quality > 100 || capacity == 0) {
        return -EINVAL;
    }

    struct encoder encoder = {.output = output, .capacity = capacity};
    encoder.compress.err = jpeg_std_error(&encoder.errors);
    encoder.compress.client_data = &encoder;
    encoder.errors.error_exit = fail;
    encoder.errors.output_message = keep_silent;
    encoder.destination.init_destination = begin_output;
    encoder.destination.empty_output_buffer = refuse_more_output;
    encoder.destination.term_destination = end_output;
    if (setjmp(encoder.failed)) {
        jpeg_destroy_compress(&encoder.compress);
        return encoder.errors.msg_code == JERR_BUFFER_SIZE ? -EMSGSIZE : -ENOMEM;
    }
    jpeg_create_compress(&encoder.compress);
    encoder.compress.dest = &encoder.destination;
    compress_rows(&encoder, pixels, width, height, components, quality);
    *length = capacity - encoder.destination.free_in_buffer;
    jpeg_destroy_compress(&encoder.compress);
    return 0;
}
