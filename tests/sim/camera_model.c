/* SPDX-License-Identifier: MIT */
/* The cameras of simulated worlds. */

#include "camera_model.h"

#include "libopenmvrpc/packet.h"
#include "libopenmvrpc/slave_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)256 << 10)

/* How long our script waits on a bus for the next packet of an exchange, from omvrpc.py. */
#define TURN_MS 100

const char *model_kind_name(enum model_kind kind) {
    static const char *const names[MODEL_KINDS] = {
        [MODEL_STOCK_UART] = "stock-uart",
        [MODEL_STOCK_VCP] = "stock-vcp",
        [MODEL_OWN] = "own",
        [MODEL_EXTENDED] = "extended",
        [MODEL_STOCK_SPI] = "stock-spi",
        [MODEL_STOCK_I2C] = "stock-i2c",
        [MODEL_STOCK_CAN] = "stock-can",
        [MODEL_EXTENDED_SPI] = "extended-spi",
        [MODEL_EXTENDED_I2C] = "extended-i2c",
        [MODEL_EXTENDED_CAN] = "extended-can",
    };
    return names[kind];
}

bool model_kind_is_extended(enum model_kind kind) {
    return kind == MODEL_EXTENDED || kind >= MODEL_EXTENDED_SPI;
}

bool model_kind_transacts(enum model_kind kind) {
    return kind == MODEL_STOCK_SPI || kind == MODEL_STOCK_I2C || kind == MODEL_EXTENDED_SPI ||
           kind == MODEL_EXTENDED_I2C;
}

bool model_kind_is_can(enum model_kind kind) {
    return kind == MODEL_STOCK_CAN || kind == MODEL_EXTENDED_CAN;
}

/* The port of a kind that has one of the stock slave's. */
static enum stock_slave_kind port_of(enum model_kind kind) {
    static const enum stock_slave_kind ports[MODEL_KINDS] = {
        [MODEL_STOCK_UART] = STOCK_SLAVE_UART,  [MODEL_STOCK_VCP] = STOCK_SLAVE_VCP,
        [MODEL_STOCK_SPI] = STOCK_SLAVE_SPI,    [MODEL_STOCK_I2C] = STOCK_SLAVE_I2C,
        [MODEL_STOCK_CAN] = STOCK_SLAVE_CAN,    [MODEL_EXTENDED_SPI] = STOCK_SLAVE_SPI,
        [MODEL_EXTENDED_I2C] = STOCK_SLAVE_I2C, [MODEL_EXTENDED_CAN] = STOCK_SLAVE_CAN,
    };
    return ports[kind];
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

/* Callbacks of the library's own slave behind the port of the other. */
static void ported_callback(void *context, uint32_t command, const uint8_t *bytes, size_t length,
                            struct stock_slave_reply *reply) {
    struct model *model = context;
    struct omvrpc_slave *own = model->own;
    slave_reply_clear(&own->reply);
    model->running = -1;
    if (slave_callback_run(own, command, bytes, length, &own->reply)) {
        reply->result = buffer_bytes(&own->reply.result);
        reply->length = buffer_length(&own->reply.result);
        reply->duration_us = own->reply.delay_us;
    }
}

static void own_callback(void *context, const uint8_t *bytes, size_t length, struct omvrpc_reply *reply) {
    struct model *model = context;
    struct model_argument argument;
    if (!run(model, bytes, length, &argument)) {
        return;
    }
    omvrpc_reply_delay(reply, argument.duration_us);
    if (model_kind_is_extended(model->kind) && model_fate(argument.number) == MODEL_RAISES) {
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
        (model_kind_is_extended(model->kind) && omvrpc_slave_offer_extensions(own, extensions) != 0)) {
        abort();
    }
    return own;
}

void model_init(struct model *model, enum model_kind kind, const struct stock_slave_options *options,
                const struct omvrpc_extension_options *extensions, struct trace *trace) {
    *model = (struct model){.kind = kind, .trace = trace, .boot_us = options->boot_us};
    model->answer = malloc(ANSWER_MAX);
    bool is_extended = model_kind_is_extended(kind);
    if (kind == MODEL_OWN || is_extended) {
        model->own = new_own(model, extensions);
    }
    if (kind != MODEL_OWN && kind != MODEL_EXTENDED) {
        struct stock_slave_options stock = *options;
        stock.kind = port_of(kind);
        stock.callback = is_extended ? ported_callback : stock_callback;
        stock.context = model;
        if (is_extended) {
            stock.turn_ms = TURN_MS;
            stock.gc = (struct stock_slave_range){0};
        }
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
    if (model->stock != NULL && model->own != NULL && now_us >= model->deaf_until_us) {
        /* It learns the time, and when it began to run. */
        omvrpc_slave_next(model->own, now_us, &(struct omvrpc_step){0});
    }
    return model->stock != NULL ? stock_slave_step(model->stock, now_us, send, context)
                                : own_step(model, now_us, send, context);
}

size_t model_deliver(struct model *model, const uint8_t *data, size_t length, int64_t now_us) {
    model->now_us = now_us;
    if (model->stock != NULL) {
        return stock_slave_deliver(model->stock, data, length, now_us);
    }
    if (now_us < model->deaf_until_us) {
        return length;
    }
    omvrpc_slave_received(model->own, data, length, now_us);
    return length;
}

void model_reset(struct model *model, int64_t now_us) {
    if (model->own != NULL) {
        omvrpc_slave_reset(model->own);
        model->deaf_until_us = now_us + model->boot_us;
    }
    if (model->stock != NULL) {
        stock_slave_reset(model->stock, now_us);
    }
}
