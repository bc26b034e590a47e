/* SPDX-License-Identifier: MIT */
/* UTF-8, base64 and hexadecimal. */
#include "encoding.h"

static bool is_continuation(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

size_t utf8_sequence_length(const uint8_t *bytes, size_t left) {
    const uint8_t first = bytes[0];

    if (first < 0x80) {
        return 1;
    }
    if (left < 2 || !is_continuation(bytes[1])) {
        return 0;
    }
    /* C0 and C1 could only begin overlong forms of ASCII. */
    if (first >= 0xC2 && first <= 0xDF) {
        return 2;
    }
    if (left < 3 || !is_continuation(bytes[2])) {
        return 0;
    }
    if (first == 0xE0 && bytes[1] < 0xA0) {
        return 0;
    }
    if (first == 0xED && bytes[1] > 0x9F) {
        return 0;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        return 3;
    }
    if (left < 4 || !is_continuation(bytes[3])) {
        return 0;
    }
    if (first == 0xF0 && bytes[1] < 0x90) {
        return 0;
    }
    if (first == 0xF4 && bytes[1] > 0x8F) {
        return 0;
    }
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

size_t utf8_valid_length(const uint8_t *bytes, size_t length) {
    size_t at = 0;

    while (at < length) {
        const size_t step = utf8_sequence_length(bytes + at, length - at);

        if (step == 0) {
            break;
        }
        at += step;
    }
    return at;
}

void utf8_make_printable(char *text, size_t length) {
    for (size_t at = 0; (at += utf8_valid_length((const uint8_t *)text + at, length - at)) < length;) {
        text[at] = '?';
    }
    for (size_t at = 0; at < length; at++) {
        if ((unsigned char)text[at] < 0x20 || text[at] == 0x7f) {
            text[at] = '?';
        }
    }
}

size_t utf8_encode(uint32_t code_point, uint8_t out[4]) {
    size_t length = 1;

    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return length;
    }
    if (code_point < 0x800) {
        length = 2;
        out[0] = (uint8_t)(0xC0 | code_point >> 6);
    } else if (code_point < 0x10000) {
        length = 3;
        out[0] = (uint8_t)(0xE0 | code_point >> 12);
    } else {
        length = 4;
        out[0] = (uint8_t)(0xF0 | code_point >> 18);
    }
    for (size_t i = length - 1; i > 0; i--, code_point >>= 6) {
        out[i] = (uint8_t)(0x80 | (code_point & 0x3F));
    }
    return length;
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encoded_length(size_t length) {
    return (length / 3 + (length % 3 != 0)) * 4;
}

void base64_encode(const uint8_t *bytes, size_t length, char *out) {
    size_t at = 0;

    for (; length - at >= 3; at += 3) {
        const uint32_t group = (uint32_t)bytes[at] << 16 | (uint32_t)bytes[at + 1] << 8 | (uint32_t)bytes[at + 2];

        *out++ = base64_alphabet[group >> 18];
        *out++ = base64_alphabet[group >> 12 & 63];
        *out++ = base64_alphabet[group >> 6 & 63];
        *out++ = base64_alphabet[group & 63];
    }
    if (at == length) {
        return;
    }

    const bool two_left = length - at == 2;
    const uint32_t group = (uint32_t)bytes[at] << 16 | (two_left ? (uint32_t)bytes[at + 1] << 8 : 0);

    *out++ = base64_alphabet[group >> 18];
    *out++ = base64_alphabet[group >> 12 & 63];
    *out++ = two_left ? base64_alphabet[group >> 6 & 63] : '=';
    *out = '=';
}

static int base64_value(char character) {
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    if (character == '+') {
        return 62;
    }
    return character == '/' ? 63 : -1;
}

bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *decoded) {
    size_t written = 0;
    size_t padding = 0;

    *decoded = 0;
    if (length % 4 != 0) {
        return false;
    }
    if (length > 0 && text[length - 1] == '=') {
        padding = text[length - 2] == '=' ? 2 : 1;
    }

    const size_t digits = length - padding;
    uint32_t bits = 0;

    for (size_t i = 0; i < digits; i++) {
        const int value = base64_value(text[i]);

        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            out[written++] = (uint8_t)(bits >> 16);
            out[written++] = (uint8_t)(bits >> 8);
            out[written++] = (uint8_t)bits;
            bits = 0;
        }
    }
    if (padding == 1) {
        if (bits & 3) {
            return false;
        }
        out[written++] = (uint8_t)(bits >> 10);
        out[written++] = (uint8_t)(bits >> 2);
    } else if (padding == 2) {
        if (bits & 15) {
            return false;
        }
        out[written++] = (uint8_t)(bits >> 4);
    }
    *decoded = written;
    return true;
}

void hex_encode(const uint8_t *bytes, size_t length, char *out) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < length; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
}

int hex_digit_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

bool hex_decode(const char *text, size_t length, uint8_t *out, size_t *decoded) {
    *decoded = 0;
    if (length % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < length; i += 2) {
        const int high = hex_digit_value(text[i]);
        const int low = hex_digit_value(text[i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    *decoded = length / 2;
    return true;
}
