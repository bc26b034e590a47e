/* SPDX-License-Identifier: MIT */
/* One item of a struct format, to bytes and back: one pair of functions for each family of format characters. */

#include "schema_item.h"

#include "encoding.h"
#include "half_float.h"
#include "json_number.h"
#include "json_scan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LARGEST_HALF   65504.0
#define LARGEST_FLOAT  3.4028234663852886e38
#define LARGEST_DOUBLE 1.7976931348623157e308

/* The bit patterns that Python writes for NaN, whose other bits nobody can rely on. */
#define NAN_BITS_FLOAT  0x7FC00000u
#define NAN_BITS_DOUBLE 0x7FF8000000000000u

static void put_integer(const struct format_item *item, uint64_t value, uint8_t *out) {
    for (size_t i = 0; i < item->size; i++) {
        out[item->big_endian ? item->size - 1 - i : i] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_integer(const struct format_item *item, const uint8_t *bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < item->size; i++) {
        value = value << 8 | bytes[item->big_endian ? i : item->size - 1 - i];
    }
    return value;
}

/* Of the unsigned range, or of the positive half of the signed one. */
static uint64_t largest_integer(const struct format_item *item) {
    const unsigned bits = 8u * item->type->size - (item->type->family == FORMAT_SIGNED ? 1 : 0);
    return UINT64_MAX >> (64 - bits);
}

static bool refuse_integer(const struct format_item *item, struct json_span value, struct schema_error *error) {
    const uint64_t largest = largest_integer(item);
    const char *hint = "";
    char lowest[24] = "0";
    char found[JSON_FOUND_SIZE];

    if (item->type->family == FORMAT_SIGNED) {
        snprintf(lowest, sizeof lowest, "-%" PRIu64, largest + 1);
    }
    if (item->size == 8) {
        hint = " (beyond 9007199254740992 as a string of decimal digits)";
    }
    return schema_error_set(error, "expected an integer from %s to %" PRIu64 "%s, found %s", lowest, largest, hint,
                            json_span_describe(value, found));
}

/* Reads the text of a string that holds nothing but decimal digits and perhaps a minus before them. */
static bool read_decimal_string(struct json_span value, struct json_integer *integer) {
    const struct json_span inside = {value.text + 1, value.length - 2};
    const size_t sign = inside.length > 0 && inside.text[0] == '-' ? 1 : 0;

    if (inside.length == sign || (inside.text[sign] == '0' && inside.length > sign + 1)) {
        return false;
    }
    for (size_t i = sign; i < inside.length; i++) {
        if (inside.text[i] < '0' || inside.text[i] > '9') {
            return false;
        }
    }
    return json_integer_read(inside, integer) == JSON_INTEGER;
}

static bool pack_integer(const struct format_item *item, struct json_span value, uint8_t *out,
                         struct schema_error *error) {
    struct json_integer integer;

    if (item->size == 8 && value.text[0] == '"') {
        if (!read_decimal_string(value, &integer)) {
            return refuse_integer(item, value, error);
        }
    } else if (json_integer_read(value, &integer) != JSON_INTEGER || integer.magnitude > JSON_EXACT_INTEGER_MAX) {
        return refuse_integer(item, value, error);
    }

    uint64_t largest = largest_integer(item);
    if (integer.is_negative) {
        largest = item->type->family == FORMAT_SIGNED ? largest + 1 : 0;
    }
    if (integer.magnitude > largest) {
        return refuse_integer(item, value, error);
    }
    put_integer(item, integer.is_negative ? 0 - integer.magnitude : integer.magnitude, out);
    return true;
}

static void unpack_integer(const struct format_item *item, const uint8_t *bytes, struct text_buffer *out) {
    const uint64_t value = get_integer(item, bytes);
    const uint64_t largest = largest_integer(item);
    char text[24];

    if (value > largest) {
        snprintf(text, sizeof text, "-%" PRIu64, largest - (value & largest) + 1);
    } else {
        snprintf(text, sizeof text, "%" PRIu64, value);
    }
    text_buffer_append_string(out, text);
}

/* Reads a number, or one of the three strings for what JSON has no numbers for. */
static bool read_float(struct json_span value, double *number) {
    if (value.text[0] != '"') {
        /* A number written in digits is finite; one that no double holds is out of range, not infinite. */
        return json_double_read(value, number) && isfinite(*number);
    }
    if (json_string_is(value, "NaN", 3)) {
        *number = (double)NAN;
    } else if (json_string_is(value, "Infinity", 8)) {
        *number = (double)INFINITY;
    } else if (json_string_is(value, "-Infinity", 9)) {
        *number = -(double)INFINITY;
    } else {
        return false;
    }
    return true;
}

static bool float_to_bits(double number, size_t size, uint64_t *bits) {
    if (size == 2) {
        uint16_t half;
        if (!half_float_from_double(number, &half)) {
            return false;
        }
        *bits = half;
    } else if (size == 4) {
        const float single = (float)number;
        uint32_t single_bits;
        if (isinf(single) && !isinf(number)) {
            return false;
        }
        memcpy(&single_bits, &single, sizeof single);
        *bits = isnan(number) ? NAN_BITS_FLOAT : single_bits;
    } else {
        memcpy(bits, &number, sizeof number);
        *bits = isnan(number) ? NAN_BITS_DOUBLE : *bits;
    }
    return true;
}

static double float_from_bits(uint64_t bits, size_t size) {
    double number;
    if (size == 2) {
        return half_float_to_double((uint16_t)bits);
    }
    if (size == 4) {
        const uint32_t single_bits = (uint32_t)bits;
        float single;
        memcpy(&single, &single_bits, sizeof single);
        return (double)single;
    }
    memcpy(&number, &bits, sizeof number);
    return number;
}

static bool pack_float(const struct format_item *item, struct json_span value, uint8_t *out,
                       struct schema_error *error) {
    double number;
    uint64_t bits;
    char found[JSON_FOUND_SIZE];

    if (!read_float(value, &number) || !float_to_bits(number, item->size, &bits)) {
        const double largest = item->size == 2 ? LARGEST_HALF : item->size == 4 ? LARGEST_FLOAT : LARGEST_DOUBLE;
        return schema_error_set(error,
                                "expected a number from %.8g to %.8g, \"NaN\", \"Infinity\" or \"-Infinity\", found %s",
                                -largest, largest, json_span_describe(value, found));
    }
    put_integer(item, bits, out);
    return true;
}

static void unpack_float(const struct format_item *item, const uint8_t *bytes, struct text_buffer *out) {
    const double number = float_from_bits(get_integer(item, bytes), item->size);
    char text[JSON_DOUBLE_TEXT_SIZE];

    if (isnan(number)) {
        text_buffer_append_string(out, "\"NaN\"");
    } else if (isinf(number)) {
        text_buffer_append_string(out, number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    } else {
        text_buffer_append(out, text, json_double_print(number, text));
    }
}

static bool pack_boolean(struct json_span value, uint8_t *out, struct schema_error *error) {
    const char first = value.text[0];
    char found[JSON_FOUND_SIZE];

    if (first != 't' && first != 'f') {
        return schema_error_set(error, "expected true or false, found %s", json_span_describe(value, found));
    }
    out[0] = first == 't';
    return true;
}

/* How many bytes of text the item holds; p spends one on the length, which counts to 255. */
static size_t text_capacity(const struct format_item *item) {
    if (item->type->family != FORMAT_PASCAL) {
        return item->size;
    }
    const size_t rest = item->size > 0 ? item->size - 1 : 0;
    return rest < UINT8_MAX ? rest : UINT8_MAX;
}

static bool pack_text(const struct format_item *item, struct json_span value, uint8_t *out,
                      struct schema_error *error) {
    const size_t capacity = text_capacity(item);
    const char *plural = capacity == 1 ? "" : "s";
    char found[JSON_FOUND_SIZE];

    if (value.text[0] != '"') {
        return schema_error_set(error, "expected a string of at most %zu byte%s, found %s", capacity, plural,
                                json_span_describe(value, found));
    }

    uint8_t *text = item->type->family == FORMAT_PASCAL && item->size > 0 ? out + 1 : out;
    const size_t length = json_string_decode(value, text, capacity);
    if (length > capacity) {
        return schema_error_set(error, "expected a string of at most %zu byte%s, found one of %zu bytes: %s", capacity,
                                plural, length, json_span_describe(value, found));
    }
    if (text != out) {
        out[0] = (uint8_t)length;
    }
    return true;
}

static bool unpack_text(const struct format_item *item, const uint8_t *bytes, struct text_buffer *out,
                        struct schema_error *error) {
    const uint8_t *text = bytes;
    size_t length = text_capacity(item);

    if (item->type->family == FORMAT_PASCAL && item->size > 0) {
        /* A length byte over the room there is means all of it, as with Python. */
        length = bytes[0] < length ? bytes[0] : length;
        text = bytes + 1;
    }
    while (length > 0 && text[length - 1] == '\0') {
        length--;
    }

    const size_t valid = utf8_valid_length(text, length);
    if (valid < length) {
        return schema_error_set(error, "expected text in UTF-8, found the byte 0x%02x", text[valid]);
    }
    text_buffer_append_json_string(out, text, length);
    return true;
}

bool schema_item_pack(const struct format_item *item, struct json_span value, uint8_t *out,
                      struct schema_error *error) {
    switch (item->type->family) {
    case FORMAT_SIGNED:
    case FORMAT_UNSIGNED:
        return pack_integer(item, value, out, error);
    case FORMAT_FLOAT:
        return pack_float(item, value, out, error);
    case FORMAT_BOOLEAN:
        return pack_boolean(value, out, error);
    case FORMAT_BYTE:
    case FORMAT_TEXT:
    case FORMAT_PASCAL:
        return pack_text(item, value, out, error);
    case FORMAT_PADDING:
        break;
    }
    return true;
}

bool schema_item_unpack(const struct format_item *item, const uint8_t *bytes, struct text_buffer *out,
                        struct schema_error *error) {
    switch (item->type->family) {
    case FORMAT_SIGNED:
    case FORMAT_UNSIGNED:
        unpack_integer(item, bytes, out);
        break;
    case FORMAT_FLOAT:
        unpack_float(item, bytes, out);
        break;
    case FORMAT_BOOLEAN:
        text_buffer_append_string(out, bytes[0] != 0 ? "true" : "false");
        break;
    case FORMAT_BYTE:
    case FORMAT_TEXT:
    case FORMAT_PASCAL:
        return unpack_text(item, bytes, out, error);
    case FORMAT_PADDING:
        break;
    }
    return true;
}
