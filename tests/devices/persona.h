/* SPDX-License-Identifier: MIT */
#ifndef PERSONA_H
#define PERSONA_H

/*
 * What answers behind the plug of a virtual USB device: the simulated camera, MicroPython's prompt, or nobody. A persona
 * speaks over one end of a socket pair, in a thread of its own.
 */

#include <stdint.h>

struct persona;

/* `seed` chooses the camera's scene. Returns NULL where memory is short. */
struct persona *persona_new(uint64_t seed);

/* Stops and frees it. */
void persona_free(struct persona *persona);

/* Runs as "camera", "repl" or "silent", which may be another one than before. Returns the other end of its wire,
 * non-blocking and the persona's; -EINVAL for another name, or another negative errno. */
int persona_start(struct persona *persona, const char *name);

/* Cuts the wire in the middle of whatever is said. The camera keeps its scene and what it counts. */
void persona_stop(struct persona *persona);

#endif
