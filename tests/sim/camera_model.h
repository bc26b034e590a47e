/* SPDX-License-Identifier: MIT */
#ifndef SIMULATE_CAMERA_MODEL_H
#define SIMULATE_CAMERA_MODEL_H

/*
 * The camera of a simulated world: the model of the stock slave or the library's own slave, with the extensions or
 * without, behind one face, running callbacks whose answer tells which call it belongs to.
 */

#include "random.h"
#include "stock_slave.h"
#include "trace.h"

/* The calls of one world, at most. */
#define MODEL_CALLS 4096

enum model_kind {
    MODEL_STOCK_UART,
    MODEL_STOCK_VCP,
    MODEL_OWN,
    MODEL_EXTENDED, /* the library's own, offering the extensions */
    MODEL_STOCK_SPI,
    MODEL_STOCK_I2C,
    MODEL_STOCK_CAN,
    MODEL_EXTENDED_SPI, /* the library's own, with our script's habits on such a bus */
    MODEL_EXTENDED_I2C,
    MODEL_EXTENDED_CAN,
    MODEL_KINDS
};

/* Returns the name, such as "stock-uart" or "extended-spi". */
const char *model_kind_name(enum model_kind kind);

/* Whether it offers the extensions; sits behind transactions; behind a CAN interface. */
bool model_kind_is_extended(enum model_kind kind);
bool model_kind_transacts(enum model_kind kind);
bool model_kind_is_can(enum model_kind kind);

/* The argument of every call: who it is, and what its answer shall be like. */
struct model_argument {
    uint32_t number;      /* of the call, below MODEL_CALLS */
    uint32_t length;      /* of the result; 0 means an empty one */
    uint32_t duration_us; /* of the callback */
};

#define MODEL_ARGUMENT_SIZE 12

/* Packs an argument of MODEL_ARGUMENT_SIZE bytes followed by padding up to `size`. */
void model_pack(const struct model_argument *argument, uint8_t *bytes, size_t size);

/* Writes the answer that belongs to an argument. */
void model_answer(const struct model_argument *argument, uint8_t *bytes);

/* What comes of a call through a session, by its number. */
enum model_fate { MODEL_ANSWERS, MODEL_RAISES, MODEL_HAS_NO_SUCH };

enum model_fate model_fate(uint32_t number);

#define MODEL_RAISED_SIZE 256

/* Writes the text of the exception that such a call raises, as a master sees all of it, NUL-terminated. */
void model_write_raised(uint32_t number, char text[MODEL_RAISED_SIZE]);

/* Callbacks of a camera: the one that counts its executions, and one with the same answers that nobody counts. */
#define MODEL_CALLBACK           "call"
#define MODEL_UNCOUNTED_CALLBACK "uncounted"

struct model {
    enum model_kind kind;
    struct stock_slave *stock;
    struct omvrpc_slave *own;
    int64_t deaf_until_us; /* the own one boots; 0 where it has never lost its memory */
    int64_t boot_us;
    uint16_t executions[MODEL_CALLS];
    bool answered[MODEL_CALLS]; /* its result was sent at least once */
    int32_t running;            /* the call whose callback ran last, -1 for another command */
    uint8_t *answer;
    struct trace *trace;
    int64_t now_us;
};

/* Writes of the camera. */
typedef void model_send(void *context, const uint8_t *data, size_t length, int64_t now_us);

/* `extensions` are those of MODEL_EXTENDED. */
void model_init(struct model *model, enum model_kind kind, const struct stock_slave_options *options,
                const struct omvrpc_extension_options *extensions, struct trace *trace);
void model_free(struct model *model);
int64_t model_step(struct model *model, int64_t now_us, model_send *send, void *context);
size_t model_deliver(struct model *model, const uint8_t *data, size_t length, int64_t now_us);
void model_reset(struct model *model, int64_t now_us);

#endif
