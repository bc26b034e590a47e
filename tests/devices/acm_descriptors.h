/* SPDX-License-Identifier: MIT */
#ifndef ACM_DESCRIPTORS_H
#define ACM_DESCRIPTORS_H

/* The descriptors of the virtual camera, apart from what it does. */

#include "acm.h"

enum { ACM_ENDPOINT_INTERRUPT = 2, ACM_ENDPOINT_BULK = 3 };

#define ACM_DESCRIPTOR_MAX 256

/* Writes a descriptor into a buffer of ACM_DESCRIPTOR_MAX bytes. Returns its length, or 0 where there is none such. */
size_t acm_descriptor_write(const struct acm_identity *identity, unsigned type, unsigned index, uint8_t *buffer);

#endif
