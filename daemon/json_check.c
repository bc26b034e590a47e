/* SPDX-License-Identifier: MIT */
/* The strict pass over a JSON text: a recursive descent that builds nothing. */

#include "json_check.h"

#include "encoding.h"
#include "json_scan.h"

#include <string.h>

struct checker {
    const char *at;
    const char *end;
    unsigned depth;
    const char *message;
};

static bool check_value(struct checker *checker);

static bool fail(struct checker *checker, const char *message) {
    checker->message = checker->at == checker->end ? "the text ends too early" : message;
    return false;
}

static void skip_white_space(struct checker *checker) {
    while (checker->at < checker->end && json_is_white_space(*checker->at)) {
        checker->at++;
    }
}

static bool take(struct checker *checker, char character) {
    if (checker->at == checker->end || *checker->at != character) {
        return false;
    }
    checker->at++;
    return true;
}

static bool check_literal(struct checker *checker, const char *literal) {
    for (; *literal != '\0'; literal++) {
        if (!take(checker, *literal)) {
            return fail(checker, "only true, false and null are known words");
        }
    }
    return true;
}

static bool check_digits(struct checker *checker) {
    const char *start = checker->at;
    while (checker->at < checker->end && *checker->at >= '0' && *checker->at <= '9') {
        checker->at++;
    }
    return checker->at > start || fail(checker, "a digit was expected");
}

static bool check_number(struct checker *checker) {
    take(checker, '-');
    if (take(checker, '0')) {
        if (checker->at < checker->end && *checker->at >= '0' && *checker->at <= '9') {
            return fail(checker, "a number must not begin with 0");
        }
    } else if (!check_digits(checker)) {
        return false;
    }
    if (take(checker, '.') && !check_digits(checker)) {
        return false;
    }
    if (take(checker, 'e') || take(checker, 'E')) {
        if (!take(checker, '+')) {
            take(checker, '-');
        }
        return check_digits(checker);
    }
    return true;
}

/* Reads the four digits of a \u escape. A fault is placed at the digit that is none. */
static bool check_code_unit(struct checker *checker, unsigned *unit) {
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        const int digit = checker->at < checker->end ? hex_digit_value(*checker->at) : -1;
        if (digit < 0) {
            return fail(checker, "\\u needs four hexadecimal digits");
        }
        *unit = *unit << 4 | (unsigned)digit;
        checker->at++;
    }
    return true;
}

static bool check_escape(struct checker *checker) {
    const char *start = checker->at;
    checker->at++;
    if (checker->at == checker->end || *checker->at == '\0' || strchr("\"\\/bfnrtu", *checker->at) == NULL) {
        return fail(checker, "no such escape");
    }
    if (*checker->at++ != 'u') {
        return true;
    }
    unsigned unit;
    if (!check_code_unit(checker, &unit)) {
        return false;
    }
    if (unit == 0) {
        checker->at = start;
        return fail(checker, "\\u0000 is not allowed");
    }
    if (unit < 0xD800 || unit > 0xDFFF) {
        return true;
    }
    unsigned low = 0;
    if (unit < 0xDC00 && take(checker, '\\') && take(checker, 'u') && !check_code_unit(checker, &low)) {
        return false;
    }
    if (low < 0xDC00 || low > 0xDFFF) {
        checker->at = start;
        return fail(checker, "a surrogate escape without its pair");
    }
    return true;
}

static bool check_string(struct checker *checker) {
    checker->at++;
    while (checker->at < checker->end) {
        const unsigned char byte = (unsigned char)*checker->at;
        if (byte == '"') {
            checker->at++;
            return true;
        }
        if (byte == '\\') {
            if (!check_escape(checker)) {
                return false;
            }
        } else if (byte < 0x20) {
            return fail(checker,
                        byte == 0 ? "a NUL is not allowed" : "a control character in a string must be escaped");
        } else {
            const size_t step =
                utf8_sequence_length((const uint8_t *)checker->at, (size_t)(checker->end - checker->at));
            if (step == 0) {
                return fail(checker, "not valid UTF-8");
            }
            checker->at += step;
        }
    }
    return fail(checker, "");
}

static bool check_member(struct checker *checker) {
    if (checker->at == checker->end || *checker->at != '"') {
        return fail(checker, "a member's name in double quotes was expected");
    }
    if (!check_string(checker)) {
        return false;
    }
    skip_white_space(checker);
    if (!take(checker, ':')) {
        return fail(checker, "a colon was expected");
    }
    return check_value(checker);
}

static bool check_container(struct checker *checker) {
    const bool is_object = *checker->at == '{';
    const char close = is_object ? '}' : ']';
    if (checker->depth == JSON_DEPTH_MAX) {
        return fail(checker, "nested too deep");
    }
    checker->depth++;
    checker->at++;
    skip_white_space(checker);
    if (!take(checker, close)) {
        do {
            skip_white_space(checker);
            if (!(is_object ? check_member(checker) : check_value(checker))) {
                return false;
            }
        } while (take(checker, ','));
        if (!take(checker, close)) {
            return fail(checker, is_object ? "a comma or } was expected" : "a comma or ] was expected");
        }
    }
    checker->depth--;
    return true;
}

/* Takes the white space on both sides of the value with it. */
static bool check_value(struct checker *checker) {
    bool good;
    skip_white_space(checker);
    switch (checker->at < checker->end ? *checker->at : '\0') {
    case '{':
    case '[':
        good = check_container(checker);
        break;
    case '"':
        good = check_string(checker);
        break;
    case 't':
        good = check_literal(checker, "true");
        break;
    case 'f':
        good = check_literal(checker, "false");
        break;
    case 'n':
        good = check_literal(checker, "null");
        break;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        good = check_number(checker);
        break;
    default:
        return fail(checker, "a JSON value was expected");
    }
    if (good) {
        skip_white_space(checker);
    }
    return good;
}

bool json_check(const char *text, size_t length, struct json_fault *fault) {
    struct checker checker = {.at = text, .end = text + length};

    if (check_value(&checker)) {
        if (checker.at == checker.end) {
            return true;
        }
        fail(&checker, "text after the end of the value");
    }
    fault->offset = (size_t)(checker.at - text);
    fault->message = checker.message;
    return false;
}
