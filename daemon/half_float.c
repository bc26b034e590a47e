/* SPDX-License-Identifier: MIT */
/* IEEE 754 binary16. */

#include "half_float.h"

#include <math.h>

enum {
    FRACTION_BITS = 10,
    EXPONENT_BIAS = 15,
    EXPONENT_SPECIAL = 31, /* infinities and NaN */
    LOWEST_EXPONENT = -14, /* of a normal number; subnormal ones share its spacing */
};

bool half_float_from_double(double value, uint16_t *bits) {
    const uint16_t sign = signbit(value) ? 0x8000 : 0;

    if (isnan(value)) {
        *bits = 0x7E00;
        return true;
    }
    if (isinf(value)) {
        *bits = sign | EXPONENT_SPECIAL << FRACTION_BITS;
        return true;
    }
    if (value == 0) {
        *bits = sign;
        return true;
    }

    int exponent;
    frexp(value, &exponent);
    exponent--; /* frexp's fraction begins at one half, ours at one */
    if (exponent < LOWEST_EXPONENT) {
        exponent = LOWEST_EXPONENT;
    }
    if (exponent > EXPONENT_BIAS) {
        return false;
    }

    /* In units of the last place the value is below 2^11; nearbyint() rounds ties to even, the default mode. */
    const unsigned units = (unsigned)nearbyint(ldexp(fabs(value), FRACTION_BITS - exponent));

    /*
     * A normal number's units hold its leading one at bit 10, which adds the last 1 to the exponent; subnormal ones
     * lack it. A carry from rounding therefore walks into the exponent by itself.
     */
    const unsigned magnitude = ((unsigned)(exponent - LOWEST_EXPONENT) << FRACTION_BITS) + units;
    if (magnitude >= EXPONENT_SPECIAL << FRACTION_BITS) {
        return false;
    }
    *bits = (uint16_t)(sign | magnitude);
    return true;
}

double half_float_to_double(uint16_t bits) {
    const int exponent = bits >> FRACTION_BITS & EXPONENT_SPECIAL;
    const int fraction = bits & ((1 << FRACTION_BITS) - 1);
    double magnitude;

    if (exponent == EXPONENT_SPECIAL) {
        magnitude = fraction != 0 ? (double)NAN : (double)INFINITY;
    } else if (exponent == 0) {
        magnitude = ldexp(fraction, LOWEST_EXPONENT - FRACTION_BITS);
    } else {
        magnitude = ldexp(fraction | 1 << FRACTION_BITS, exponent - EXPONENT_BIAS - FRACTION_BITS);
    }
    return bits & 0x8000 ? -magnitude : magnitude;
}
