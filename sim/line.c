/* SPDX-License-Identifier: MIT */
/* A queue of packets, each with the time at which its first byte arrives. */

#include "line.h"

#include "random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* On a slow line, bytes arrive in portions of at least this time, so that nobody wakes up for each one. */
#define PORTION_US 500

struct packet {
    struct packet *next;
    int64_t begins_us; /* when its first byte starts to arrive */
    size_t length;
    size_t taken;
    uint8_t bytes[];
};

struct sim_line {
    struct sim_faults faults;
    uint64_t random;
    struct packet *first;
    struct packet **end;
    size_t pending;
    int64_t free_us; /* when the last byte put in will have arrived: nothing overtakes it */
};

struct sim_line *sim_line_new(const struct sim_faults *faults, unsigned direction) {
    struct sim_line *line = calloc(1, sizeof *line);
    if (!line) {
        return NULL;
    }
    line->faults = *faults;
    line->random = sim_random_of(faults->seed, direction);
    line->end = &line->first;
    line->free_us = INT64_MIN;
    return line;
}

void sim_line_free(struct sim_line *line) {
    if (!line) {
        return;
    }
    sim_line_clear(line);
    free(line);
}

static bool happens(struct sim_line *line, uint32_t chance) {
    return chance > 0 && sim_random_below(&line->random, SIM_CERTAIN) < chance;
}

/* Returns how long `length` bytes take at the line's rate, with a start and a stop bit each. */
static int64_t duration_of(const struct sim_line *line, size_t length) {
    return line->faults.baud == 0 ? 0 : (int64_t)(length * 10 * UINT64_C(1000000) / line->faults.baud);
}

static void damage(struct sim_line *line, uint8_t *bytes, size_t length) {
    uint64_t bits = length * 8;
    uint64_t burst = bits < 16 ? bits : 16;
    uint64_t start = sim_random_below(&line->random, bits - burst + 1);
    uint64_t flips = 1 + sim_random_below(&line->random, 3);
    uint64_t mask = 0;
    /* Two flips of one bit would be none; a mask keeps at least one. */
    for (uint64_t i = 0; i < flips; i++) {
        mask |= UINT64_C(1) << sim_random_below(&line->random, burst);
    }
    for (uint64_t bit = 0; bit < burst; bit++) {
        if (mask >> bit & 1) {
            bytes[(start + bit) / 8] ^= (uint8_t)(1 << (start + bit) % 8);
        }
    }
}

static struct packet *append(struct sim_line *line, const uint8_t *data, size_t length, int64_t earliest_us) {
    struct packet *packet = malloc(sizeof *packet + length);
    if (!packet) {
        return NULL;
    }
    int64_t begins_us = earliest_us > line->free_us ? earliest_us : line->free_us;
    *packet = (struct packet){.begins_us = begins_us, .length = length};
    memcpy(packet->bytes, data, length);
    *line->end = packet;
    line->end = &packet->next;
    line->pending += length;
    line->free_us = begins_us + duration_of(line, length);
    return packet;
}

int sim_line_put(struct sim_line *line, const uint8_t *data, size_t length, int64_t now_us) {
    const struct sim_faults *faults = &line->faults;
    int64_t earliest_us = now_us;
    if (happens(line, faults->stall)) {
        earliest_us += faults->stall_us;
    }
    int64_t range_us = faults->delay_max_us - faults->delay_min_us;
    if (faults->delay_max_us > 0) {
        earliest_us += faults->delay_min_us + (int64_t)sim_random_below(&line->random, (uint64_t)range_us + 1);
    }
    bool drop = happens(line, faults->drop), cut = happens(line, faults->cut);
    bool bits = happens(line, faults->damage), twice = happens(line, faults->twice);
    if (cut) {
        length = (size_t)sim_random_below(&line->random, length);
    }
    if (drop || length == 0) {
        return 0;
    }
    struct packet *packet = append(line, data, length, earliest_us);
    if (!packet) {
        return -ENOMEM;
    }
    if (bits) {
        damage(line, packet->bytes, length);
    }
    if (twice && !append(line, packet->bytes, length, earliest_us)) {
        return -ENOMEM;
    }
    return 0;
}

/* Returns how many bytes of a packet have arrived by now. */
static size_t arrived_of(const struct sim_line *line, const struct packet *packet, int64_t now_us) {
    if (now_us < packet->begins_us) {
        return 0;
    }
    if (now_us >= packet->begins_us + duration_of(line, packet->length)) {
        return packet->length;
    }
    return (size_t)((uint64_t)(now_us - packet->begins_us) * line->faults.baud / 10 / 1000000);
}

const uint8_t *sim_line_arrived(struct sim_line *line, int64_t now_us, size_t *length) {
    const struct packet *packet = line->first;
    *length = 0;
    if (!packet) {
        return NULL;
    }
    size_t arrived = arrived_of(line, packet, now_us);
    *length = arrived > packet->taken ? arrived - packet->taken : 0;
    return packet->bytes + packet->taken;
}

void sim_line_take(struct sim_line *line, size_t length) {
    struct packet *packet = line->first;
    packet->taken += length;
    line->pending -= length;
    if (packet->taken < packet->length) {
        return;
    }
    line->first = packet->next;
    if (!line->first) {
        line->end = &line->first;
    }
    free(packet);
}

int64_t sim_line_due(const struct sim_line *line) {
    const struct packet *packet = line->first;
    if (!packet) {
        return INT64_MAX;
    }
    int64_t portion_us = duration_of(line, packet->taken + 1) + PORTION_US;
    int64_t whole_us = duration_of(line, packet->length);
    return packet->begins_us + (portion_us < whole_us ? portion_us : whole_us);
}

size_t sim_line_pending(const struct sim_line *line) {
    return line->pending;
}

void sim_line_clear(struct sim_line *line) {
    while (line->first) {
        struct packet *next = line->first->next;
        free(line->first);
        line->first = next;
    }
    line->end = &line->first;
    line->pending = 0;
    line->free_us = INT64_MIN;
}
