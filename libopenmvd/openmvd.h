/* SPDX-License-Identifier: MIT */
#ifndef OPENMVD_H
#define OPENMVD_H

/**
 * libopenmvd: ask the cameras of a running openmvd, from C.
 *
 * The daemon openmvd owns the wires to the OpenMV cameras of this computer, and any number of programs ask through it,
 * in lines of JSON over a Unix socket. This library is one such connection: it finds the socket, writes the questions,
 * cuts what comes back into answers, and knows what an error means. It needs nothing but the C library, has no global
 * state and starts no thread. (A program that wants one camera for itself, without a daemon, takes libopenmvrpc.)
 *
 *     struct openmvd *daemon = openmvd_connect(NULL, 1000);
 *     struct openmvd_answer face;
 *     if (daemon == NULL) {
 *         perror("openmvd");
 *     } else if (!openmvd_call(daemon, &(struct openmvd_question){.name = "face_detection"}, &face)) {
 *         fprintf(stderr, "%s (%s)\n", face.message, face.reason);
 *     } else {
 *         printf("%s\n", face.value);
 *     }
 *     openmvd_close(daemon);
 *
 * That prints {"x":9,"y":7,"w":60,"h":75}, or null where no face is seen.
 *
 * JSON is text
 * ------------
 * Values go in and come out as JSON text, every digit as the daemon wrote it, so that a program reads them with the JSON
 * library it likes. openmvd_json_number() and openmvd_json_string() are enough for most: they pick one member.
 * A picture need not go through JSON: a question with `raw` is answered with its bytes.
 *
 * Answers
 * -------
 * A struct openmvd_answer belongs to the connection. What it points to is valid until the next call of a function of
 * this library with that connection; copy what has to live longer. It is a result, an event of a subscription, or a
 * failure. Failures look the same wherever they come from: a `reason` for programs (those of the daemon, such as
 * "camera_offline", and three of this side: "connection_lost", "no_answer", "bad_reply"), a `message` for people,
 * whether the same question may be asked again (`retryable`), and whether the callback ran on the camera (`executed`).
 *
 * Waiting, or a loop of one's own
 * -------------------------------
 * openmvd_call(), openmvd_subscribe(), openmvd_unsubscribe() and openmvd_request() send and wait. What else arrives
 * meanwhile (events, answers to other questions) is kept for openmvd_receive(), up to 16 MiB; beyond that the oldest
 * events go, which the next one tells in `dropped`.
 *
 * A program with an event loop sends with the openmvd_send functions, which never block, watches openmvd_descriptor()
 * for openmvd_events() (asked for anew each time, and by level), and then takes what there is:
 *
 *     while ((got = openmvd_receive(daemon, 0, &answer)) > 0) { ... }
 *
 * Bounds
 * ------
 * The daemon is not trusted with this program's memory: lines and raw bytes over 16 MiB, anything that is no JSON, and
 * answers to what was not asked end the connection. After that, each question fails as "connection_lost" or
 * "bad_reply"; a program that wants to go on closes and connects again.
 *
 * One connection belongs to one thread at a time; different connections are independent.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#define OPENMVD_API __attribute__((visibility("default")))
#else
#define OPENMVD_API
#endif

/** One connection to the daemon. */
struct openmvd;

/** Whether a callback ran on the camera. */
enum openmvd_executed {
    OPENMVD_EXECUTED_NO,
    OPENMVD_EXECUTED_YES,
    OPENMVD_EXECUTED_UNKNOWN,
};

/**
 * What to ask a camera. Set what is needed and leave the rest zero. The meaning of each is that of the param of the same
 * name in the daemon's socket protocol.
 */
struct openmvd_question {
    /** The callback, such as "face_detection"; or its command id, "#48345454". */
    const char *name;
    /** Which camera; NULL where there is only one. */
    const char *camera;
    /** The argument as JSON text, packed by the callback's schema: "[30,100]", "{\"dial\":2}". */
    const char *args;
    /** Or the argument's bytes, instead of `args`; NULL for none. */
    const void *data;
    size_t data_length;
    /** Wants the result's bytes as they are, in the answer's `bytes`: for pictures. */
    bool raw;
    /** Milliseconds, 1 to 3600000: the daemon's deadline. 0: what it thinks right, 10 s unless configured. */
    int timeout_ms;
    /** An answer up to that old will do, whoever asked for it; 0 asks the camera. */
    int max_age_ms;
    /** Waits for a camera that is offline, until the deadline. Subscriptions do so anyway. */
    bool wait;
    /** "high", "normal" or "low"; NULL for normal. */
    const char *priority;
    /** Has openmvd_on_progress()'s function told how much of the result has come; for calls only. */
    bool progress;

    /** For subscriptions only: the callback is asked this often, in milliseconds; 0 for once a second. */
    int interval_ms;
    /** For subscriptions only: tells differences alone. */
    bool on_change;
    /** For subscriptions only: a stream's name, instead of `name`. */
    const char *stream;
    /** For subscriptions only: cameras that come and go, instead of `name`. */
    bool events;
};

/** A result, an event or a failure. Belongs to the connection; see above. */
struct openmvd_answer {
    /** The number that an openmvd_send function has returned; 0 in events, and where the daemon could not tell. */
    uint64_t request;
    /** Of an event, or what openmvd_subscribe() has begun; else 0. */
    uint64_t subscription;
    /** The whole result, or an event's params, as JSON text; NULL where there is none. */
    const char *result;
    /** Its member "value", as JSON text: what the callback gave, "null" for nothing seen. NULL where it has none. */
    const char *value;
    /** What a question with `raw` wanted, followed by a NUL that is not counted; NULL where nothing was seen. */
    const void *bytes;
    size_t length;
    /** Of events: what the source has produced so far, and how much of that never reached this program. */
    uint64_t sequence;
    uint64_t dropped;
    /** Of an event: the last one. The daemon has ended the subscription, and the failure says why. */
    bool ended;

    /**
     * Why it failed, for programs; NULL in anything but a failure. The rest is of failures only. One with a
     * `subscription` is an event: the callback has failed, and will be asked again
     * unless that has `ended`.
     */
    const char *reason;
    /** A sentence for people. From the daemon, so print it with "%s". */
    const char *message;
    /** The whole error object, as JSON text; NULL where the failure is of this side. */
    const char *error;
    int code;
    bool retryable;
    enum openmvd_executed executed;
};

/**
 * Connects to the daemon.
 * @param socket_path its socket; NULL to look at $OPENMVD_SOCKET or, where that is not set, at
 *        /run/openmvd/openmvd.sock and $XDG_RUNTIME_DIR/openmvd.sock, in this order
 * @param timeout_ms how long to wait for a daemon that is too busy to accept, 1 and more
 * @return a connection to close, or NULL with errno: ENOENT, no daemon is running; EACCES, its socket is
 *         closed to this user; EAGAIN, it accepted nobody in time; others as of connect()
 */
OPENMVD_API struct openmvd *openmvd_connect(const char *socket_path, int timeout_ms);

/**
 * Makes a connection of a connected stream socket, which is closed with it.
 * @return NULL with errno when there is no memory; then the descriptor is still the caller's
 */
OPENMVD_API struct openmvd *openmvd_adopt(int descriptor);

/** Closes the connection; its subscriptions, and questions that still wait, end. NULL is fine. */
OPENMVD_API void openmvd_close(struct openmvd *daemon);

/**
 * Asks a camera, and waits: until two seconds after the question's `timeout_ms`, so that the daemon's own error has
 * time to arrive; without one, for the hour that a configuration can give a callback.
 * @return whether the answer is a result; if not, it says why
 */
OPENMVD_API bool openmvd_call(struct openmvd *daemon, const struct openmvd_question *question,
                              struct openmvd_answer *answer);

/**
 * Subscribes to a callback, a stream or the cameras' events, and waits up to 30 s for the daemon to say yes. The events
 * come by openmvd_receive(), and carry the number in the answer's `subscription`.
 */
OPENMVD_API bool openmvd_subscribe(struct openmvd *daemon, const struct openmvd_question *question,
                                   struct openmvd_answer *answer);

/** Ends a subscription. Events that came before the daemon's answer are still to be received. */
OPENMVD_API bool openmvd_unsubscribe(struct openmvd *daemon, uint64_t subscription, struct openmvd_answer *answer);

/**
 * Asks for any method of the socket protocol, such as "cameras", and waits.
 * @param params JSON text, or NULL for none
 * @param timeout_ms how long to wait; after that it fails as "no_answer", and the connection can still be used
 */
OPENMVD_API bool openmvd_request(struct openmvd *daemon, const char *method, const char *params, int timeout_ms,
                                 struct openmvd_answer *answer);

/**
 * Takes the next event, or answer to something sent.
 * @param timeout_ms how long to wait; 0 takes what there is, -1 waits for ever
 * @return 1 with an answer (which may be a failure); 0 when none came; -1 when the connection has ended, with a failure
 *         in `answer`
 */
OPENMVD_API int openmvd_receive(struct openmvd *daemon, int timeout_ms, struct openmvd_answer *answer);

/** The socket, to be watched by a loop; -1 when the connection has ended. */
OPENMVD_API int openmvd_descriptor(const struct openmvd *daemon);

/** What to watch it for now: POLLIN, with POLLOUT while something waits to be sent. */
OPENMVD_API short openmvd_events(const struct openmvd *daemon);

/**
 * Send without waiting. What the socket does not take now goes out in later calls of openmvd_receive().
 * @return the number that the answer will carry, above 0; or a negative errno: -EINVAL, `params` or `args` is no JSON,
 *         or there is no question; -EAGAIN, 1024 answers are awaited already; -ENOBUFS, 16 MiB wait to be sent; -EPIPE,
 *         the connection has ended; -ENOMEM
 */
OPENMVD_API int64_t openmvd_send(struct openmvd *daemon, const char *method, const char *params);
OPENMVD_API int64_t openmvd_send_call(struct openmvd *daemon, const struct openmvd_question *question);
OPENMVD_API int64_t openmvd_send_subscribe(struct openmvd *daemon, const struct openmvd_question *question);

/**
 * Told while a large result is coming, at most ten times a second, and when all of it is there.
 * @param request the number that the answer will carry
 * @param bytes so many of it have come; begins anew where the daemon had to ask the camera again
 * @param total so many there are, above 0
 */
typedef void openmvd_progress(void *context, uint64_t request, size_t bytes, size_t total);

/**
 * Chooses the function for calls with `progress`, in place of the one before; NULL for none. It is called out of the
 * functions that receive, openmvd_call() and openmvd_receive() among them, and must not use the connection.
 */
OPENMVD_API void openmvd_on_progress(struct openmvd *daemon, openmvd_progress *told, void *context);

/**
 * Picks a number out of JSON text.
 * @param json such as an answer's `value`; NULL has no members
 * @param member the name of a member, ASCII, or the index of an element, as "0"; NULL for the value itself
 * @return false where there is no such member or it is no number
 */
OPENMVD_API bool openmvd_json_number(const char *json, const char *member, double *number);

/**
 * Picks a string out of JSON text; arguments as above.
 * @param text receives UTF-8 with a NUL, at most `size` bytes
 * @return false where there is no such member, or it is no string, or does not fit
 */
OPENMVD_API bool openmvd_json_string(const char *json, const char *member, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
