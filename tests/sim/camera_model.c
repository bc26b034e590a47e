/* SPDX-License-Identifier: MIT */
/* The cameras of simulated worlds. */

#include "camera_model.h"

#include "libopenmvrpc/packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)256 << 10)

const char *model_kind_name(enum model_kind kind) {
    static const char *const names[MODEL_KINDS] = {
        [MODEL_STOCK_UART] = "stock-uart",
        [MODEL_STOCK_VCP] = "stock-vcp",
        [MODEL_OWN] = "own",
        [MODEL_EXTENDED] = "extended",
    };
    return names[kind];
}

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

enum model_fate model_fate(uint32_t number) {
    return number % 16 == 7 ? MODEL_RAISES : number % 64 == 33 ? MODEL_HAS_NO_SUCH : MODEL_ANSWERS;
}

static const char raised_name[] = "ValueError";

/* Short ones, and some that are longer than a piece. */
static void write_message(uint32_t number, char text[MODEL_RAISED_SIZE]) {
    int used = snprintf(text, MODEL_RAISED_SIZE, "call %u", number);
    for (uint32_t i = 0; i < number / 16 % 8; i++) {
        used += snprintf(text + used, MODEL_RAISED_SIZE - (size_t)used, ", and what else of %u", number);
    }
}

void model_write_raised(uint32_t number, char text[MODEL_RAISED_SIZE]) {
    char message[MODEL_RAISED_SIZE];
    write_message(number, message);
    snprintf(text, MODEL_RAISED_SIZE, "%s: %.200s", raised_name, message);
}

/* Returns false for an argument that is none of ours, such as the reserved command's. */
static bool read_argument(const uint8_t *bytes, size_t length, struct model_argument *argument) {
    if (length < MODEL_ARGUMENT_SIZE) {
        return false;
    }
    argument->number = get_u32(bytes);
    argument->length = get_u32(bytes + 4);
    argument->duration_us = get_u32(bytes + 8);
    return argument->number < MODEL_CALLS && argument->length <= ANSWER_MAX;
}

/* The callback of all kinds. */
static bool run(struct model *model, const uint8_t *bytes, size_t length, struct model_argument *argument) {
    model->running = -1;
    if (!read_argument(bytes, length, argument)) {
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
    if (!run(model, bytes, length, &argument)) {
        return;
    }
    omvrpc_reply_delay(reply, argument.duration_us);
    if (model->kind == MODEL_EXTENDED && model_fate(argument.number) == MODEL_RAISES) {
        char message[MODEL_RAISED_SIZE];
        write_message(argument.number, message);
        omvrpc_reply_raise(reply, raised_name, message);
    } else {
        omvrpc_reply_append(reply, model->answer, argument.length);
    }
}

static void uncounted_callback(void *context, const uint8_t *bytes, size_t length, struct omvrpc_reply *reply) {
    struct model *model = context;
    struct model_argument argument;
    if (read_argument(bytes, length, &argument)) {
        model_answer(&argument, model->answer);
        omvrpc_reply_append(reply, model->answer, argument.length);
        omvrpc_reply_delay(reply, argument.duration_us);
    }
}

static struct omvrpc_slave *new_own(struct model *model, const struct omvrpc_extension_options *extensions) {
    struct omvrpc_slave *own = omvrpc_slave_new();
    if (own == NULL || omvrpc_slave_register(own, MODEL_CALLBACK, own_callback, model) != 0 ||
        omvrpc_slave_register(own, MODEL_UNCOUNTED_CALLBACK, uncounted_callback, model) != 0 ||
        (model->kind == MODEL_EXTENDED && omvrpc_slave_offer_extensions(own, extensions) != 0)) {
        abort();
    }
    return own;
}

void model_init(struct model *model, enum model_kind kind, const struct stock_slave_options *options,
                const struct omvrpc_extension_options *extensions, struct trace *trace) {
    *model = (struct model){.kind = kind, .trace = trace, .boot_us = options->boot_us};
    model->answer = malloc(ANSWER_MAX);
    if (kind == MODEL_OWN || kind == MODEL_EXTENDED) {
        model->own = new_own(model, extensions);
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
    if (now_us < model->deaf_until_us) {
        /* Its uptime begins when it has booted. */
        return model->deaf_until_us;
    }
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
    if (model->own != NULL && now_us < model->deaf_until_us) {
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
        model->deaf_until_us = now_us + model->boot_us;
    } else {
        stock_slave_reset(model->stock, now_us);
    }
}
