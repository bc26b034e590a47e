/* SPDX-License-Identifier: MIT */
#ifndef SIMULATE_CAMERA_MODEL_H
#define SIMULATE_CAMERA_MODEL_H

/*
 * The camera of a simulated world: the model of the stock slave or the library's own slave, behind one face, running
 * callbacks whose answer tells which call it belongs to.
 */

#include "random.h"
#include "stock_slave.h"
#include "trace.h"

/* The calls of one world, at most. */
#define MODEL_CALLS 4096

enum model_kind { MODEL_STOCK_UART, MODEL_STOCK_VCP, MODEL_OWN, MODEL_KINDS };

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

struct model {
    enum model_kind kind;
    struct stock_slave *stock;
    struct omvrpc_slave *own;
    int64_t own_deaf_until_us; /* it boots */
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

void model_init(struct model *model, enum model_kind kind, const struct stock_slave_options *options,
                struct trace *trace);
void model_free(struct model *model);
int64_t model_step(struct model *model, int64_t now_us, model_send *send, void *context);
size_t model_deliver(struct model *model, const uint8_t *data, size_t length, int64_t now_us);
void model_reset(struct model *model, int64_t now_us);

#endif
