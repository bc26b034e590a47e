/* SPDX-License-Identifier: MIT */
/* Of libopenmvrpc's slave only the callbacks and their replies are used here: the exchange is the stock slave's. */

#include "scene.h"

#include "sim/callbacks.h"
#include "slave_internal.h"

#include <stdlib.h>

struct scene {
    struct sim_behaviour behaviour;
    struct sim_callbacks *callbacks;
    struct omvrpc_slave *slave;
    struct omvrpc_reply reply; /* of the callback that ran last; the model reads its bytes later */
};

struct scene *scene_new(uint64_t seed, bool extensions) {
    struct scene *scene = calloc(1, sizeof *scene);
    if (scene == NULL) {
        return NULL;
    }
    scene->behaviour =
        (struct sim_behaviour){.seed = seed, .duration_us = SIM_DURATION_BELIEVABLE, .stock = !extensions};
    if (!scene_reset(scene)) {
        scene_free(scene);
        return NULL;
    }
    return scene;
}

static void forget(struct scene *scene) {
    slave_reply_clear(&scene->reply);
    omvrpc_slave_free(scene->slave);
    sim_callbacks_free(scene->callbacks);
    scene->slave = NULL;
    scene->callbacks = NULL;
}

void scene_free(struct scene *scene) {
    if (scene != NULL) {
        forget(scene);
        buffer_free(&scene->reply.result);
        buffer_free(&scene->reply.raw);
        free(scene);
    }
}

bool scene_reset(struct scene *scene) {
    forget(scene);
    scene->callbacks = sim_callbacks_new(&scene->behaviour);
    scene->slave = omvrpc_slave_new();
    return scene->callbacks != NULL && scene->slave != NULL &&
           sim_callbacks_register(scene->callbacks, scene->slave) == 0;
}

void scene_set_time(struct scene *scene, int64_t now_us) {
    struct omvrpc_step step;
    sim_callbacks_set_time(scene->callbacks, now_us);
    omvrpc_slave_next(scene->slave, now_us, &step);
}

void scene_run_callback(void *context, uint32_t command, const uint8_t *argument, size_t length,
                        struct stock_slave_reply *reply) {
    struct scene *scene = context;
    struct omvrpc_reply *answer = &scene->reply;
    slave_reply_clear(answer);
    (void)slave_callback_run(scene->slave, command, argument, length, answer);
    *reply = (struct stock_slave_reply){
        .result = buffer_bytes(&answer->result),
        .length = buffer_length(&answer->result),
        .duration_us = answer->delay_us,
        .raw = buffer_length(&answer->raw) > 0 ? buffer_bytes(&answer->raw) : NULL,
        .raw_length = buffer_length(&answer->raw),
        .source = answer->source,
        .source_context = answer->source_context,
    };
}

int64_t scene_duration_us(const struct scene *scene) {
    return scene->reply.delay_us;
}
