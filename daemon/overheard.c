/* SPDX-License-Identifier: MIT */
/* Telling by their bytes what talks in a camera's place. */

#include "overheard.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Fewer bytes than this may be the rest of a packet, or a glitch at plugging in. */
enum { LEAST_ZEROS = 8, LEAST_TEXT = 16, LEAST_NOISE = 32 };

static const struct {
    enum overheard kind;
    const char *bytes;
    size_t length;
} signs[] = {
#define SIGN(kind, text)                                                                                               \
    { kind, text, sizeof(text) - 1 }
    SIGN(OVERHEARD_LOGIN, "login:"),
    SIGN(OVERHEARD_LOGIN, "Password:"),
    SIGN(OVERHEARD_RAW_PROMPT, "raw REPL; CTRL-B"),
    SIGN(OVERHEARD_TRACEBACK, "Traceback (most recent call last)"),
    SIGN(OVERHEARD_PROMPT, ">>> "),
    SIGN(OVERHEARD_PROMPT, "MicroPython v"),
    /* The first halves of a pair of polls and of the reserved command, byte for byte. */
    SIGN(OVERHEARD_ECHO, "\x21\x90\x61\xab\xba\x1d\x55\x2f"),
    SIGN(OVERHEARD_ECHO, "\x09\x12\x34\x2c\x42\x40"),
    /* What MicroPython's line editor shows of them: what can be printed. */
    SIGN(OVERHEARD_PROMPT, "!aU/"),
    SIGN(OVERHEARD_PROMPT, "4,B@?"),
#undef SIGN
};

static bool has(const uint8_t *bytes, size_t length, const char *sign, size_t sign_length) {
    return memmem(bytes, length, sign, sign_length) != NULL;
}

static bool is_text(uint8_t byte) {
    return isprint(byte) || byte == '\r' || byte == '\n' || byte == '\t' || byte == '\x1b';
}

enum overheard overheard_classify(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (has(bytes, length, signs[i].bytes, signs[i].length)) {
            return signs[i].kind;
        }
    }
    size_t zeros = 0, letters = 0;
    for (size_t i = 0; i < length; i++) {
        zeros += bytes[i] == 0;
        letters += is_text(bytes[i]);
    }
    if (zeros == length && length >= LEAST_ZEROS) {
        return OVERHEARD_ZEROS;
    }
    if (letters >= length - length / 10 && length >= LEAST_TEXT) {
        return OVERHEARD_TEXT;
    }
    return length >= LEAST_NOISE ? OVERHEARD_NOISE : OVERHEARD_NOTHING;
}

const char *overheard_sentence(enum overheard kind) {
    static const char *const sentences[OVERHEARD_KINDS] = {
        [OVERHEARD_NOTHING] = "is the camera script running, and at this rate?",
        [OVERHEARD_PROMPT] =
            "it is at its MicroPython prompt: copy firmware/main.py to it, then press its reset button",
        [OVERHEARD_RAW_PROMPT] = "it is at a raw MicroPython prompt, as tools leave it: press its reset button",
        [OVERHEARD_TRACEBACK] =
            "its script has ended with an error: look at it in the IDE, then press its reset button",
        [OVERHEARD_LOGIN] = "a Linux login prompt is there instead: switch the serial console off on that machine",
        [OVERHEARD_ECHO] = "all that is sent comes back: is TX wired to RX, or a terminal at the other end?",
        [OVERHEARD_ZEROS] = "only zeros come: is the camera powered, and its TX wired to RX here?",
        [OVERHEARD_TEXT] = "text comes instead: does its script print on this port, or is it another device?",
        [OVERHEARD_NOISE] = "what comes is no answer: has its script another rate, or another program?",
    };
    return sentences[kind];
}
