/* SPDX-License-Identifier: MIT */
#ifndef OVERHEARD_H
#define OVERHEARD_H

/*
 * What talks on a line where a camera should: judged by the bytes that came while the camera answered nothing.
 *
 * Nothing is sent to find out. What a master sends to a camera that may be there is enough: at MicroPython's prompt it
 * is a few harmless keystrokes, without a line's end or a control key that does anything, and the prompt echoes those of
 * them that can be printed.
 */

#include <stddef.h>
#include <stdint.h>

enum overheard {
    OVERHEARD_NOTHING, /* or too little to tell */
    OVERHEARD_PROMPT,
    OVERHEARD_RAW_PROMPT,
    OVERHEARD_TRACEBACK,
    OVERHEARD_LOGIN,
    OVERHEARD_ECHO,
    OVERHEARD_ZEROS,
    OVERHEARD_TEXT,
    OVERHEARD_NOISE,
    OVERHEARD_KINDS,
};

enum overheard overheard_classify(const uint8_t *bytes, size_t length);

/* Returns half a sentence for people: what it is, and what to do. */
const char *overheard_sentence(enum overheard kind);

#endif
