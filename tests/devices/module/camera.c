/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The cameras: what happens to them waits in a queue until their program reads it, and transfers wait for its answers. */

#include "internal.h"

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

DEFINE_MUTEX(camera_bus_lock);
LIST_HEAD(camera_bus_cameras);

struct event {
    struct list_head link;
    struct camera_bus_message message;
    u8 bytes[];
};

struct transfer {
    u8 *in;
    u32 length;
    unsigned int unanswered;
    int status;
    struct completion answered;
};

static u64 waited_until(const struct camera *camera, u64 now_ns) {
    return camera->waited_ns + (camera->transfer != NULL ? now_ns - camera->asked_ns : 0);
}

static void queue_event_of(struct camera *camera, const struct camera_bus_message *message, const u8 *bytes,
                           u64 now_ns) {
    struct event *event = NULL;
    if (camera->event_count < CAMERA_BUS_QUEUE_MAX) {
        event = kmalloc(struct_size(event, bytes, message->length), GFP_KERNEL);
    }
    if (event == NULL) {
        camera->has_lost_events = true;
    } else {
        event->message = *message;
        event->message.time_ns = now_ns;
        event->message.waited_ns = waited_until(camera, now_ns);
        if (bytes != NULL) {
            memcpy(event->bytes, bytes, message->length);
        }
        list_add_tail(&event->link, &camera->events);
        camera->event_count++;
    }
    wake_up_interruptible(&camera->readable);
}

static void queue_event(struct camera *camera, const struct camera_bus_message *message, const u8 *bytes) {
    queue_event_of(camera, message, bytes, ktime_get_ns());
}

static void free_event(struct camera *camera, struct event *event) {
    list_del(&event->link);
    camera->event_count--;
    kfree(event);
}

/* Transfers. */

static bool is_at(const struct camera *camera, const struct camera_place *place) {
    if (place->is_spi) {
        return camera->select_line != CAMERA_BUS_NOWHERE && !gpio_level((unsigned int)camera->select_line);
    }
    return camera->address == place->address;
}

/* The camera's transfer waits for it no more. */
static void forget_transfer(struct camera *camera) {
    const struct camera_bus_message message = {.kind = CAMERA_BUS_ANSWERED, .number = camera->transfer_number};
    u64 now_ns = ktime_get_ns();
    camera->waited_ns = waited_until(camera, now_ns);
    camera->transfer = NULL;
    queue_event_of(camera, &message, NULL, now_ns);
}

static void answer(struct camera *camera, int status, const u8 *bytes, size_t length) {
    struct transfer *transfer = camera->transfer;
    forget_transfer(camera);
    if (status != 0) {
        transfer->status = status;
    }
    /* Each pulls down what it sends as 0. */
    for (size_t i = 0; transfer->in != NULL && i < min_t(size_t, length, transfer->length); i++) {
        transfer->in[i] &= bytes[i];
    }
    if (--transfer->unanswered == 0) {
        complete(&transfer->answered);
    }
}

/* Gives the transfer to all cameras that are there, and returns how many these are. */
static unsigned int begin_transfer(struct transfer *transfer, const struct camera_place *place,
                                   struct camera_bus_message *message, const u8 *out) {
    static u32 last_number;
    struct camera *camera;
    message->number = ++last_number;
    list_for_each_entry(camera, &camera_bus_cameras, link) {
        if (camera->transfer == NULL && is_at(camera, place)) {
            camera->transfer = transfer;
            camera->transfer_number = message->number;
            camera->asked_ns = ktime_get_ns();
            transfer->unanswered++;
            queue_event_of(camera, message, out, camera->asked_ns);
        }
    }
    return transfer->unanswered;
}

/* Those that have not answered yet need not any more. */
static void end_transfer(struct transfer *transfer) {
    struct camera *camera;
    list_for_each_entry(camera, &camera_bus_cameras, link) {
        if (camera->transfer == transfer) {
            forget_transfer(camera);
            transfer->status = -ETIMEDOUT;
        }
    }
}

int camera_transfer(const struct camera_place *place, const u8 *out, u8 *in, u32 length) {
    struct transfer transfer = {.in = in, .length = length};
    struct camera_bus_message message = {
        .kind = CAMERA_BUS_TRANSFER,
        .length = out != NULL ? length : 0,
        .wanted = in != NULL ? length : 0,
        .speed_hz = place->speed_hz,
        .mode = place->mode,
    };
    if (length > CAMERA_BUS_LENGTH_MAX) {
        return -EMSGSIZE;
    }
    init_completion(&transfer.answered);
    mutex_lock(&camera_bus_lock);
    unsigned int cameras = begin_transfer(&transfer, place, &message, out);
    if (in != NULL) {
        /* The cameras have their copies of `out`, which may be the same memory. */
        memset(in, CAMERA_BUS_FLOATING, length);
    }
    mutex_unlock(&camera_bus_lock);
    if (cameras == 0) {
        return -ENXIO;
    }
    wait_for_completion_timeout(&transfer.answered, place->patience);
    mutex_lock(&camera_bus_lock);
    end_transfer(&transfer);
    mutex_unlock(&camera_bus_lock);
    return transfer.status;
}

/* Lines. */

void camera_line_changed(unsigned int line, bool level) {
    struct camera_bus_message message = {.kind = CAMERA_BUS_LINE, .number = line, .value = level};
    struct camera *camera;
    list_for_each_entry(camera, &camera_bus_cameras, link) {
        if (camera->watched & BIT(line)) {
            queue_event(camera, &message, NULL);
        }
    }
}

int camera_driven_level(unsigned int line) {
    struct camera *camera;
    list_for_each_entry(camera, &camera_bus_cameras, link) {
        if (camera->driven & BIT(line)) {
            return (camera->levels & BIT(line)) != 0;
        }
    }
    return CAMERA_BUS_NOWHERE;
}

/* What programs write. Each with the lock held, and returns 0 or a negative errno. */

static int watch(struct camera *camera, const struct camera_bus_message *message) {
    if (message->number >= CAMERA_BUS_LINES) {
        return -EINVAL;
    }
    camera->watched |= BIT(message->number);
    struct camera_bus_message now = {
        .kind = CAMERA_BUS_LINE, .number = message->number, .value = gpio_level(message->number)};
    queue_event(camera, &now, NULL);
    return 0;
}

static int take_spi(struct camera *camera, const struct camera_bus_message *message, const u8 *bytes) {
    int error = watch(camera, message);
    if (error == 0) {
        camera->select_line = (int)message->number;
    }
    return error;
}

static int take_i2c(struct camera *camera, const struct camera_bus_message *message, const u8 *bytes) {
    if (message->number > 0x7f) {
        return -EINVAL;
    }
    camera->address = (int)message->number;
    return 0;
}

static int take_watch(struct camera *camera, const struct camera_bus_message *message, const u8 *bytes) {
    return watch(camera, message);
}

static int take_drive(struct camera *camera, const struct camera_bus_message *message, const u8 *bytes) {
    if (message->number >= CAMERA_BUS_LINES) {
        return -EINVAL;
    }
    u32 bit = BIT(message->number);
    camera->driven = message->value < 0 ? camera->driven & ~bit : camera->driven | bit;
    camera->levels = message->value > 0 ? camera->levels | bit : camera->levels & ~bit;
    gpio_levels_changed();
    return 0;
}

static int take_answer(struct camera *camera, const struct camera_bus_message *message, const u8 *bytes) {
    if (camera->transfer == NULL || camera->transfer_number != message->number) {
        /* The host has given up. */
        return -ESTALE;
    }
    answer(camera, message->value, bytes, message->length);
    return 0;
}

static int (*const takers[])(struct camera *camera, const struct camera_bus_message *message, const u8 *bytes) = {
    [CAMERA_BUS_ATTACH_SPI] = take_spi, [CAMERA_BUS_ATTACH_I2C] = take_i2c, [CAMERA_BUS_WATCH] = take_watch,
    [CAMERA_BUS_DRIVE] = take_drive,    [CAMERA_BUS_ANSWER] = take_answer,
};

static ssize_t camera_write(struct file *file, const char __user *from, size_t size, loff_t *offset) {
    struct camera *camera = file->private_data;
    struct camera_bus_message message;
    if (size < sizeof message || size > sizeof message + CAMERA_BUS_LENGTH_MAX) {
        return -EINVAL;
    }
    u8 *whole = memdup_user(from, size);
    if (IS_ERR(whole)) {
        return PTR_ERR(whole);
    }
    memcpy(&message, whole, sizeof message);
    int error = -EINVAL;
    if (message.kind < ARRAY_SIZE(takers) && message.length == size - sizeof message) {
        mutex_lock(&camera_bus_lock);
        error = takers[message.kind](camera, &message, whole + sizeof message);
        mutex_unlock(&camera_bus_lock);
    }
    kfree(whole);
    return error != 0 ? error : (ssize_t)size;
}

/* What programs read. */

static ssize_t take_first_event(struct camera *camera, char __user *to, size_t size) {
    if (camera->has_lost_events) {
        camera->has_lost_events = false;
        return -EOVERFLOW;
    }
    struct event *event = list_first_entry_or_null(&camera->events, struct event, link);
    if (event == NULL) {
        return -EAGAIN;
    }
    size_t length = event->message.length;
    if (size < sizeof event->message + length) {
        return -EMSGSIZE;
    }
    if (copy_to_user(to, &event->message, sizeof event->message) != 0 ||
        copy_to_user(to + sizeof event->message, event->bytes, length) != 0) {
        return -EFAULT;
    }
    free_event(camera, event);
    return (ssize_t)(sizeof event->message + length);
}

static bool is_readable(struct camera *camera) {
    return READ_ONCE(camera->event_count) > 0 || READ_ONCE(camera->has_lost_events);
}

static ssize_t camera_read(struct file *file, char __user *to, size_t size, loff_t *offset) {
    struct camera *camera = file->private_data;
    for (;;) {
        mutex_lock(&camera_bus_lock);
        ssize_t got = take_first_event(camera, to, size);
        mutex_unlock(&camera_bus_lock);
        if (got != -EAGAIN || (file->f_flags & O_NONBLOCK)) {
            return got;
        }
        int error = wait_event_interruptible(camera->readable, is_readable(camera));
        if (error != 0) {
            return error;
        }
    }
}

static __poll_t camera_poll(struct file *file, poll_table *table) {
    struct camera *camera = file->private_data;
    poll_wait(file, &camera->readable, table);
    return EPOLLOUT | EPOLLWRNORM | (is_readable(camera) ? EPOLLIN | EPOLLRDNORM : 0);
}

static int camera_open(struct inode *inode, struct file *file) {
    struct camera *camera = kzalloc(sizeof *camera, GFP_KERNEL);
    if (camera == NULL) {
        return -ENOMEM;
    }
    INIT_LIST_HEAD(&camera->events);
    init_waitqueue_head(&camera->readable);
    camera->select_line = CAMERA_BUS_NOWHERE;
    camera->address = CAMERA_BUS_NOWHERE;
    file->private_data = camera;
    mutex_lock(&camera_bus_lock);
    list_add_tail(&camera->link, &camera_bus_cameras);
    mutex_unlock(&camera_bus_lock);
    return stream_open(inode, file);
}

static int camera_release(struct inode *inode, struct file *file) {
    struct camera *camera = file->private_data;
    struct event *event, *next;
    mutex_lock(&camera_bus_lock);
    list_del(&camera->link);
    if (camera->transfer != NULL) {
        answer(camera, -ENXIO, NULL, 0);
    }
    gpio_levels_changed();
    mutex_unlock(&camera_bus_lock);
    list_for_each_entry_safe(event, next, &camera->events, link) {
        free_event(camera, event);
    }
    kfree(camera);
    return 0;
}

const struct file_operations camera_operations = {
    .owner = THIS_MODULE,
    .open = camera_open,
    .release = camera_release,
    .read = camera_read,
    .write = camera_write,
    .poll = camera_poll,
};
