/* SPDX-License-Identifier: MIT */
/* The two kinds of camera of a simulated world. */

#include "camera_model.h"

#include "libopenmvrpc/packet.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)256 << 10)

void model_pack(const struct model_argument *argument, uint8_t *bytes, size_t size) {
    put_u32(bytes, argument->number);
    put_u32(bytes + 4, argument->length);
    put_u32(bytes + 8, argument->duration_us);
    for (size_t i = MODEL_ARGUMENT_SIZE; i < size; i++) {
        bytes[i] = (uint8_t)(i * 31 + argument->number);
    }
}

void model_answer(const struct model_argument *argument, uint8_t *bytes) {
    struct random random = {argument->number * UINT64_C(0x10001) + argument->length};
    for (size_t i = 0; i < argument->length; i++) {
        bytes[i] = (uint8_t)random_next(&random);
    }
    /* Now and then whole packets, to tempt a reader that searches for them where it must not. */
    uint8_t bait[64];
    size_t size = packet_put(bait, OMVRPC_COMMAND_DATA, NULL, 0);
    size += packet_put(bait + size, OMVRPC_COMMAND_HEADER, NULL, 0);
    size += packet_put_u32(bait + size, OMVRPC_RESULT_HEADER, 4);
    size += packet_put(bait + size, OMVRPC_RESULT_DATA, (const uint8_t *)"EVIL", 4);
    if (argument->length >= 20 + size) {
        memcpy(bytes + 20, bait, size);
    }
}

/* Both kinds' callback. Returns false for an argument that is none of ours, such as the reserved command's. */
static bool run(struct model *model, const uint8_t *bytes, size_t length, struct model_argument *argument) {
    model->running = -1;
    if (length < MODEL_ARGUMENT_SIZE) {
        return false;
    }
    argument->number = get_u32(bytes);
    argument->length = get_u32(bytes + 4);
    argument->duration_us = get_u32(bytes + 8);
    if (argument->number >= MODEL_CALLS || argument->length > ANSWER_MAX) {
        return false;
    }
    model->executions[argument->number]++;
    model->running = (int32_t)argument->number;
    trace_add(model->trace, model->now_us, "camera runs call %u, time %u of it", argument->number,
              model->executions[argument->number]);
    model_answer(argument, model->answer);
    return true;
}

static void stock_callback(void *context, uint32_t command, const uint8_t *bytes, size_t length,
                           struct stock_slave_reply *reply) {
    struct model *model = context;
    struct model_argument argument;
    (void)command;
    if (run(model, bytes, length, &argument)) {
        reply->result = model->answer;
        reply->length = argument.length;
        reply->duration_us = argument.duration_us;
    }
}

static void own_callback(void *context, const uint8_t *bytes, size_t length, struct omvrpc_reply *reply) {
    struct model *model = context;
    struct model_argument argument;
    if (run(model, bytes, length, &argument)) {
        omvrpc_reply_append(reply, model->answer, argument.length);
        omvrpc_reply_delay(reply, argument.duration_us);
    }
}

void model_init(struct model *model, enum model_kind kind, const struct stock_slave_options *options,
                struct trace *trace) {
    *model = (struct model){.kind = kind, .trace = trace, .boot_us = options->boot_us};
    model->answer = malloc(ANSWER_MAX);
    if (kind == MODEL_OWN) {
        model->own = omvrpc_slave_new();
        if (model->own == NULL || omvrpc_slave_register(model->own, "call", own_callback, model) != 0) {
            abort();
        }
    } else {
        struct stock_slave_options stock = *options;
        stock.kind = kind == MODEL_STOCK_UART ? STOCK_SLAVE_UART : STOCK_SLAVE_VCP;
        stock.callback = stock_callback;
        stock.context = model;
        model->stock = stock_slave_new(&stock);
    }
    if (model->answer == NULL || (model->stock == NULL && model->own == NULL)) {
        abort();
    }
}

void model_free(struct model *model) {
    stock_slave_free(model->stock);
    omvrpc_slave_free(model->own);
    free(model->answer);
}

static int64_t own_step(struct model *model, int64_t now_us, model_send *send, void *context) {
    for (;;) {
        struct omvrpc_step step;
        omvrpc_slave_next(model->own, now_us, &step);
        if (step.kind != OMVRPC_STEP_SEND) {
            return step.until_us;
        }
        /* One packet at a time, as the stock slave writes them: what has been queued together is not one packet. */
        send(context, step.data, step.length, now_us);
        omvrpc_slave_sent(model->own, step.length, now_us);
    }
}

int64_t model_step(struct model *model, int64_t now_us, model_send *send, void *context) {
    model->now_us = now_us;
    return model->own != NULL ? own_step(model, now_us, send, context)
                              : stock_slave_step(model->stock, now_us, send, context);
}

size_t model_deliver(struct model *model, const uint8_t *data, size_t length, int64_t now_us) {
    model->now_us = now_us;
    if (model->own != NULL && now_us < model->own_deaf_until_us) {
        return length;
    }
    if (model->own != NULL) {
        omvrpc_slave_received(model->own, data, length, now_us);
        return length;
    }
    return stock_slave_deliver(model->stock, data, length, now_us);
}

void model_reset(struct model *model, int64_t now_us) {
    if (model->own != NULL) {
        omvrpc_slave_reset(model->own);
        model->own_deaf_until_us = now_us + model->boot_us;
    } else {
        stock_slave_reset(model->stock, now_us);
    }
}
