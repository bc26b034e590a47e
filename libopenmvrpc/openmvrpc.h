/* SPDX-License-Identifier: MIT */
#ifndef OPENMVRPC_H
#define OPENMVRPC_H

/**
 * libopenmvrpc: talk to an OpenMV camera in the binary RPC of its firmware.
 *
 * An OpenMV camera is a small computer that sees. It runs a script which has registered callbacks ("face_detection",
 * "jpeg_snapshot", ...). A program on this side, the master, names one of them, sends some bytes and gets some bytes
 * back. This library is the whole of that conversation and nothing else: it knows bytes and time, and nothing of JSON,
 * sockets or configuration. The daemon openmvd is built on it; a program that wants one camera for itself needs no
 * daemon:
 *
 *     struct omvrpc_link *link = omvrpc_serial_open(&(struct omvrpc_serial_options){.device = "/dev/ttyACM0"});
 *     struct omvrpc_master *master = omvrpc_master_new();
 *     struct omvrpc_result result;
 *     if (link != NULL && master != NULL) {
 *         omvrpc_call(master, link, "face_detection", NULL, 0, 1000, &result);
 *         puts(omvrpc_outcome_name(result.outcome));
 *     }
 *     omvrpc_master_free(master);
 *     omvrpc_link_close(link);
 *
 * Machines and links
 * ------------------
 * A master is one conversation with one camera. It is a state machine without I/O, threads or clock: its owner asks it
 * omvrpc_master_next() what to do at a given time, does that on a link, and reports what happened. The same code
 * therefore runs under the daemon's workers, in omvrpc_call() below, in a fuzzer, and in virtual time against a
 * simulated camera. A slave (struct omvrpc_slave) is the same idea for the camera's half. A link (struct omvrpc_link)
 * moves bytes and knows nothing else.
 *
 * What an outcome means
 * ---------------------
 * The protocol has no transaction numbers, and the camera never learns whether its result arrived. A master says what
 * it knows and no more: OMVRPC_DONE, the result is the answer to this very call; OMVRPC_NOT_DELIVERED, the camera did
 * not take the command, so it is safe to call again; OMVRPC_RESULT_UNKNOWN, the callback may have run and its result is
 * lost or late. A call that is marked repeatable is sent again after such a loss for as long as its deadline allows.
 *
 * That holds within a fault model: bytes keep their order, a round trip takes less than 100 ms (the callback itself
 * takes what it likes), the camera waits for polls for at least 1 s, this program is not kept from running for more than
 * 300 ms, and damage is of the kind that CRC-16 finds. Raw bytes and the frames of streams carry no checksum at all.
 * Loss, damage, doubling and truncation of packets in either direction, resets of the camera and pauses of this program
 * are all within it.
 *
 * After an end that leaves doubt, the master settles before the next call: it discards what is queued, waits until the
 * line is silent, fetches and drops an old result, and makes the camera answer a command of a reserved name that no
 * script registers.
 *
 * Threads
 * -------
 * Nothing here has global state. One object belongs to one thread at a time; different objects are independent.
 *
 * Errors
 * ------
 * Functions that can fail return NULL or a negative errno value and never print or exit. Times are microseconds of any
 * monotonic clock, as int64_t; lengths are bytes. Functions ending in _free or _close accept NULL, others do not unless they
 * say so.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#define OMVRPC_API __attribute__((visibility("default")))
#else
#define OMVRPC_API
#endif

/* The wire. */

/** First two bytes of each packet, little-endian. From the public OpenMV RPC protocol. */
enum omvrpc_magic {
    OMVRPC_COMMAND_HEADER = 0x1209,
    OMVRPC_COMMAND_DATA = 0xABD1,
    OMVRPC_RESULT_HEADER = 0x9021,
    OMVRPC_RESULT_DATA = 0x1DBA,
    OMVRPC_STREAM_OPEN = 0xEDF6,
    OMVRPC_STREAM_FRAME = 0x542E,
};

/** Bytes around a payload: magic u16 before it, CRC u16 after it. */
#define OMVRPC_PACKET_OVERHEAD 4

/** Largest argument or result that a master handles unless told otherwise: 1 MiB. */
#define OMVRPC_MAX_PAYLOAD_DEFAULT ((size_t)1 << 20)

/** A command name that no script registers; a stock camera answers it with an empty result. */
#define OMVRPC_PROBE_NAME "omvrpc.probe"

/**
 * CRC-16 of the protocol: polynomial 0x1021, initial value 0xFFFF, not reflected, no final xor ("123456789" gives
 * 0x29B1).
 * @param crc the CRC of the bytes before, or OMVRPC_CRC16_INITIAL
 */
#define OMVRPC_CRC16_INITIAL 0xFFFFu
OMVRPC_API uint16_t omvrpc_crc16(uint16_t crc, const uint8_t *data, size_t length);

/** Command id of a callback's name: djb2 in its xor form, h = h * 33 ^ c from 5381, kept to 32 bits. */
OMVRPC_API uint32_t omvrpc_command_id(const char *name, size_t length);

/**
 * Says in words what the bytes begin with, such as "result header: 8 bytes"; the calls and replies of a session by their
 * numbers. What is no whole packet is shown in hexadecimal.
 * @param from_master whether a master sent them: acknowledgements and polls look alike
 * @param text receives at most `size` bytes with their NUL
 * @return how many of the bytes were described, at least one of a length above 0
 */
OMVRPC_API size_t omvrpc_describe(const uint8_t *data, size_t length, bool from_master, char *text, size_t size);

/* Links. */

/** What a master has to know of the link below it. */
struct omvrpc_link_info {
    /** Header and data, or two polls, may be under way together. True on USB and UART; false on SPI, I2C and CAN. */
    bool pairs;
    /** Bytes a second that the line carries each way; 0 where the line is too fast to matter (USB). */
    uint32_t byte_rate;
    /** Bytes that the camera's receiver holds without help from its program: 64 on a UART, 1024 on USB VCP by default.
     */
    uint32_t receive_buffer;
    /**
     * True on SPI and I2C: nothing comes unless it is read. Each send() and each receive() is one transaction of exactly
     * the bytes given, and takes the time that they need on the line. See OMVRPC_STEP_RECEIVE.
     */
    bool transactions;
    /** True on I2C: send() returns 0 where the camera did not take the packet; on SPI nothing shows that. */
    bool acknowledges;
    /** Bytes of the longest packet that the link moves, either way; 0 for any. 8192 on I2C. */
    uint32_t packet_max;
};

struct omvrpc_link;

/** What ready() says of a line that changed all the time, as one does that nobody drives. */
#define OMVRPC_READY_NOISE 2

/** The operations of one kind of link. All are called from one thread; none blocks longer than a transaction. */
struct omvrpc_link_operations {
    const char *type;
    /**
     * On links with transactions all bytes are one, and 0 means that nobody took them: they are not kept for later.
     * @return bytes taken, 0 when the line is busy, or a negative errno when the link is gone
     */
    ssize_t (*send)(struct omvrpc_link *link, const uint8_t *data, size_t length);
    /**
     * On links with transactions it is one of exactly `size` bytes, and 0 means that nobody answered: the address was not
     * acknowledged, or all bytes were equal and no packet.
     * @return bytes stored, 0 when there are none now, or a negative errno when the link is gone
     */
    ssize_t (*receive)(struct omvrpc_link *link, uint8_t *buffer, size_t size);
    /** Drops what is queued in both directions. */
    void (*discard)(struct omvrpc_link *link);
    /** @return a descriptor to poll for input, or -1 */
    int (*descriptor)(struct omvrpc_link *link);
    void (*close)(struct omvrpc_link *link);
    /**
     * As receive(), for bytes that are no packet (`raw` in a step) and may all be equal. On SPI they are nobody's all the
     * same where they are fetched so late that a camera may have gone on. NULL where there is no difference.
     */
    ssize_t (*receive_raw)(struct omvrpc_link *link, uint8_t *buffer, size_t size);
    /**
     * NULL where such a link never has a ready line. Otherwise takes the line's edges, so that the descriptor is not readable any
     * more, and says how the line stands; to be told to omvrpc_master_set_ready() before each omvrpc_master_next(). It
     * is the master that heeds it and not the link: a camera's line is low while it acknowledges a command, and while
     * it streams.
     * @return 1 when the camera is ready or has no such line, 0 when it is not ready, OMVRPC_READY_NOISE where the line was given back and
     *         the camera counts as ready from now on, or a negative errno
     */
    int (*ready)(struct omvrpc_link *link);
};

/** Embed this first in the struct of a new kind of link. */
struct omvrpc_link {
    const struct omvrpc_link_operations *operations;
    struct omvrpc_link_info info;
};

/** Closes and frees a link of any kind; NULL is allowed. */
OMVRPC_API void omvrpc_link_close(struct omvrpc_link *link);

/** Line rate at which a USB-VCP port of firmware 5 speaks its debug protocol instead of carrying the script's bytes. */
#define OMVRPC_DEBUG_BAUD 921600

struct omvrpc_serial_options {
    const char *device; /**< node of a USB-VCP port, a UART or a pty */
    uint32_t baud;      /**< 0 means 115200; any rate the driver can set */
    bool usb;           /**< a USB-VCP port: the rate does not matter to speed, and the camera's buffer is 1024 bytes */
    bool rtscts;        /**< hardware flow control */
    bool shared;        /**< do not lock the port against other programs */
};

/**
 * Opens a serial port: raw, 8N1, DTR raised, locked against other programs, input discarded. A pty is as good as a
 * port.
 * @return the link, or NULL with errno set: EBUSY when another program holds the port, EPROTO for OMVRPC_DEBUG_BAUD on
 *         a USB-VCP port, ENOTTY when it
 *         is no terminal, EINVAL for a rate that the driver cannot set, or that of open(2)
 */
OMVRPC_API struct omvrpc_link *omvrpc_serial_open(const struct omvrpc_serial_options *options);

struct omvrpc_gpio_line;

/** The id that the stock script uses. Both sides send with the same one. */
#define OMVRPC_CAN_ID_DEFAULT 0x7FFu

struct omvrpc_can_options {
    const char *interface;                /**< name of a SocketCAN interface, such as "can0" */
    uint32_t id;                          /**< 0 to 0x7FF, as in the camera's script: see OMVRPC_CAN_ID_DEFAULT */
    const struct omvrpc_gpio_line *ready; /**< the camera's ready line, or NULL */
};

/**
 * Opens a CAN interface as a link: classic frames of one 11-bit id, 8 bytes each but the last of a packet. The interface
 * has to be up, with the bit rate of the camera's script; setting that takes other rights than using it. Where its driver
 * tells no rate (a virtual interface), the script's default of 250 kbit/s is assumed.
 *
 * Later, send and receive fail with -ENETDOWN, -ENODEV or -ENOLINK as below.
 * @return the link, or NULL with errno set: ENODEV where there is no such interface, EPROTOTYPE where it is no CAN
 *         interface, ENETDOWN where it is down, ENOLINK where its controller has left the bus after too many errors
 *         ("bus-off"), EAFNOSUPPORT where the kernel has no CAN, EINVAL for an id over 0x7FF or a name that no interface
 *         can have, or, of the ready line, that of omvrpc_gpio_open_input()
 */
OMVRPC_API struct omvrpc_link *omvrpc_can_open(const struct omvrpc_can_options *options);

/** What a CAN controller makes of its bus, from the kernel's enum can_state. */
enum omvrpc_can_condition {
    OMVRPC_CAN_ERROR_ACTIVE,  /**< all is well */
    OMVRPC_CAN_ERROR_WARNING, /**< 96 errors more than good frames */
    OMVRPC_CAN_ERROR_PASSIVE, /**< 128: most often nobody acknowledges, or the bit rates differ */
    OMVRPC_CAN_BUS_OFF,       /**< 256 of its own: it sends no more until it is restarted */
    OMVRPC_CAN_STOPPED,       /**< the interface is down */
    OMVRPC_CAN_SLEEPING,
    OMVRPC_CAN_NO_CONTROLLER, /**< the driver does not tell: a virtual interface, or none of CAN */
};

/** @return the condition in the words of `ip -details link`, such as "ERROR-PASSIVE" */
OMVRPC_API const char *omvrpc_can_condition_name(enum omvrpc_can_condition condition);

/** Facts of a CAN interface as the kernel tells them; 0 where it does not. */
struct omvrpc_can_state {
    unsigned index; /**< of the interface */
    bool is_can;    /**< false: the interface is of another kind, and the rest means nothing */
    bool is_up;
    enum omvrpc_can_condition condition;
    uint32_t bit_rate;         /**< bits a second */
    uint32_t sample_point;     /**< in tenths of a percent */
    uint32_t restart_ms;       /**< after this long in bus-off the controller restarts by itself; 0 for never */
    uint16_t send_error_count; /**< the controller's own counters: up by 8 for an error, down by 1 for a good frame */
    uint16_t receive_error_count; /**< up by 1 or 8 */
};

/**
 * Asks the kernel about an interface; needs no rights.
 * @return 0, -ENODEV where there is no such interface, -EINVAL for a name that no interface can have, or another
 *         negative errno where the kernel could not be asked
 */
OMVRPC_API int omvrpc_can_read_state(const char *interface, struct omvrpc_can_state *state);

/**
 * Takes an open descriptor that carries bytes (a connected socket, a terminal) as a link; closes it at the end.
 * @return the link, or NULL with errno set; the descriptor is the caller's then
 */
OMVRPC_API struct omvrpc_link *omvrpc_descriptor_open(int descriptor, const struct omvrpc_link_info *info);

/**
 * Makes two links inside this process, each end of the other: what one sends, the other receives, in order.
 * @return 0, or a negative errno
 */
OMVRPC_API int omvrpc_memory_open(struct omvrpc_link *ends[2]);

/* GPIO lines: chip select, reset, ready. */

/**
 * Which line: by its name, such as "GPIO25", on whichever chip has it, since the numbers of chips differ between boards
 * and kernels; or, with `line` NULL, by chip and offset. With both, the line of that name on that chip.
 */
struct omvrpc_gpio_line {
    const char *line; /**< as the kernel names it; `gpioinfo` lists them */
    const char *chip; /**< "gpiochip0", a path such as "/dev/gpiochip0", or a label such as "pinctrl-bcm2711" */
    uint32_t offset;  /**< of the line on its chip, from 0; not looked at where `line` is given */
    bool active_low;  /**< the line is active at low level: what is said here about "active" is turned round */
};

struct omvrpc_gpio;

/** Who has a line that was taken here, as the kernel tells others that want it. */
#define OMVRPC_GPIO_CONSUMER "openmvd"

/**
 * Takes a line and drives it. Nobody else can have it until it is closed.
 * @param active the level to begin with
 * @return the line, or NULL with errno set: ENOENT where there is no such chip or line, ENOTUNIQ where several have that
 *         name (give chip and offset then), EBUSY where somebody holds it (see omvrpc_gpio_find_holder()), EACCES
 *         without the right to a chip, ENODEV for a path that is no GPIO chip, EINVAL where neither line nor chip is
 *         given
 */
OMVRPC_API struct omvrpc_gpio *omvrpc_gpio_open_output(const struct omvrpc_gpio_line *line, bool active);

/**
 * Looks for a line without taking it: what it is at, and who has it, does not change and does not matter.
 * @return 0, or as omvrpc_gpio_open_output(), negative: -ENOENT, -ENOTUNIQ, -EACCES, -ENODEV or -EINVAL
 */
OMVRPC_API int omvrpc_gpio_find(const struct omvrpc_gpio_line *line);

/**
 * As omvrpc_gpio_open_output(), to read the line and be told of its edges, both up and down.
 * @return the line, or NULL with errno set: also ENXIO where its chip has no interrupts and so tells no edges
 */
OMVRPC_API struct omvrpc_gpio *omvrpc_gpio_open_input(const struct omvrpc_gpio_line *line);

/** Sets the level of an output. @return 0, or a negative errno: -ENODEV where its chip is gone */
OMVRPC_API int omvrpc_gpio_set(struct omvrpc_gpio *gpio, bool active);

/** @return 1 for active, 0, or a negative errno: -ENODEV where the chip is gone */
OMVRPC_API int omvrpc_gpio_get(struct omvrpc_gpio *gpio);

/** @return of an input, a descriptor to poll for edges: readable until they are taken; of an output, -1 */
OMVRPC_API int omvrpc_gpio_descriptor(const struct omvrpc_gpio *gpio);

/**
 * Takes the edges of an input that came since the last time. The kernel keeps no more than 16 or so, and drops others:
 * edges say when to look, omvrpc_gpio_get() afterwards says what is.
 * @return how many, 0 where there are none, or a negative errno
 */
OMVRPC_API int omvrpc_gpio_take_edges(struct omvrpc_gpio *gpio);

/** Gives the line back; NULL is allowed. What level an output then takes is up to the driver. */
OMVRPC_API void omvrpc_gpio_close(struct omvrpc_gpio *gpio);

/**
 * Says who holds a line, as the kernel tells it: the name that a program gave when it took the line, or that of a
 * driver.
 * @param text receives at most `size` bytes with their NUL; "?" for a holder without a name
 * @return whether the line was found and is held
 */
OMVRPC_API bool omvrpc_gpio_find_holder(const struct omvrpc_gpio_line *line, char *text, size_t size);

struct omvrpc_spi_options {
    const char *device; /**< of spidev, such as "/dev/spidev0.0" */
    uint32_t speed_hz;  /**< 0 means 1000000 */
    uint8_t mode;       /**< 0 to 3; the stock camera's is 2 */
    uint8_t bits;       /**< of a word; 0 means 8, and nothing else is of use to a camera */
    /** The chip select, low for a whole packet whatever its active_low says; NULL for the controller's own, which stays
     * low over packets that are longer than one message where the controller does that (`cs_change`). */
    const struct omvrpc_gpio_line *cs;
    const struct omvrpc_gpio_line *ready; /**< NULL where the camera has no ready line */
};

/**
 * Opens an SPI device. A packet is one transaction: chip select low, 100 us for the camera to arm, the bytes in transfers
 * of at most the driver's buffer (spidev's parameter bufsiz), chip select high.
 * @return the link, or NULL with errno set: EINVAL for a mode, bits or a speed that the controller cannot do, ENOTTY when
 *         it is no SPI device, those of omvrpc_gpio_open_output() for the lines, or that of open(2)
 */
OMVRPC_API struct omvrpc_link *omvrpc_spi_open(const struct omvrpc_spi_options *options);

/** Bytes of the longest message that Linux's i2c-dev moves. From the kernel's drivers/i2c/i2c-dev.c. */
#define OMVRPC_I2C_MESSAGE_MAX 8192

struct omvrpc_i2c_options {
    const char *device; /**< of i2c-dev, such as "/dev/i2c-1" */
    uint16_t address;   /**< 7 bits, 0x08 to 0x77; the stock camera's is 0x12 */
    /** Clock of the bus in Hz. It is the adapter's own, this only says what it is; 0: as the device tree says it, else
     * 100000. */
    uint32_t rate_hz;
    const struct omvrpc_gpio_line *ready; /**< NULL where the camera has no ready line */
};

/**
 * Opens an I2C adapter to speak with one camera on it; others may be opened beside. A packet is one message of exactly its
 * length. A camera that does not acknowledge is not ready, which is no error.
 *
 * It sets how long the adapter's driver waits for a message (I2C_TIMEOUT) to a little more than the longest takes at
 * `rate_hz`. The kernel keeps that with the adapter, for all who use it, and after close.
 * @return the link, or NULL with errno set: EINVAL for an address out of range, EBUSY when a driver of the kernel has that
 *         address, EOPNOTSUPP when the adapter does not move plain messages, ENOTTY when it is no adapter, those of
 *         omvrpc_gpio_open_input() for the line, or that of open(2)
 */
OMVRPC_API struct omvrpc_link *omvrpc_i2c_open(const struct omvrpc_i2c_options *options);

/* Steps: what a machine wants done. */

enum omvrpc_step_kind {
    OMVRPC_STEP_IDLE, /**< nothing to do until the owner asks for something */
    OMVRPC_STEP_SEND, /**< send `data`; report with _sent(); what the line does not take by `until_us` is reported as it
                         is */
    /**
     * Receive what comes until `until_us`; report with _received(). On links with transactions: where `length` is not 0,
     * make one of exactly that many bytes now, report what it brought, also where that is nothing, and ask again; the
     * machine itself says when the next is due. Where it is 0, make none and wait.
     */
    OMVRPC_STEP_RECEIVE,
    OMVRPC_STEP_DISCARD, /**< drop what the link has queued in both directions; then ask again */
    OMVRPC_STEP_FRAME,   /**< a frame of a stream: `data`, valid until the next call on this machine; then ask again */
    OMVRPC_STEP_DONE,    /**< the call has ended: see omvrpc_master_result(); then ask again */
};

struct omvrpc_step {
    enum omvrpc_step_kind kind;
    const uint8_t *data;
    size_t length;
    int64_t until_us; /**< also of IDLE: when to ask again, INT64_MAX for never */
    bool raw;         /**< of RECEIVE: the bytes are a frame or a cut-through, and no packet */
};

/**
 * Receives for a RECEIVE step of a length, with whichever operation of the link is right for it.
 * @param buffer of at least step->length bytes; see omvrpc_master_reserve()
 * @return as the operation does
 */
OMVRPC_API ssize_t omvrpc_link_receive(struct omvrpc_link *link, const struct omvrpc_step *step, uint8_t *buffer);

/* The master. */

enum omvrpc_outcome {
    OMVRPC_DONE,
    OMVRPC_NOT_DELIVERED,
    OMVRPC_RESULT_UNKNOWN,
    OMVRPC_TOO_LARGE, /**< the callback ran; its result is longer than max_payload, or the link's packets (see the cause);
                         it was dropped */
};

/** @return the outcome as a word, such as "result_unknown" */
OMVRPC_API const char *omvrpc_outcome_name(enum omvrpc_outcome outcome);

/** Why an outcome other than OMVRPC_DONE. */
enum omvrpc_cause {
    OMVRPC_CAUSE_NONE,
    OMVRPC_CAUSE_TIMEOUT,   /**< the deadline passed */
    OMVRPC_CAUSE_SILENT,    /**< no answer at all came to the command */
    OMVRPC_CAUSE_LOST,      /**< the camera knows nothing of the call any more: lost on the way, or it was reset */
    OMVRPC_CAUSE_DAMAGED,   /**< the result arrived damaged, and the camera keeps no copy */
    OMVRPC_CAUSE_LINK_GONE, /**< the link failed under the call */
    OMVRPC_CAUSE_MEMORY,    /**< out of memory */
    /** Argument or result make a packet that is longer than the link moves, which is the kernel's limit on I2C. Pieces
     * help: a session's, or callbacks that take offset and size. */
    OMVRPC_CAUSE_PACKET_LIMIT,
    /** The callback has run, and the camera answers, but not a byte of a stream came, however often it was opened: it has
     * begun none, as one does that refuses its argument. */
    OMVRPC_CAUSE_NO_STREAM,
};

OMVRPC_API const char *omvrpc_cause_name(enum omvrpc_cause cause);

struct omvrpc_request {
    uint32_t command;        /**< omvrpc_command_id() of the callback's name */
    const uint8_t *argument; /**< copied when the call begins; may be NULL where the length is 0 */
    size_t argument_length;
    int64_t deadline_us;
    bool repeatable; /**< running twice does no harm: the call is sent again when its result is lost */
    bool schedules;  /**< the callback schedules a raw transfer or a stream: keep spare polls off the line */
    /** Cut-through: this many raw bytes follow the result; they are the result that is handed over. 0 for none. */
    size_t raw_length;
    /** Stay in stream mode after the result, with this many frames of credit (1 to 255); 0 for none. 1 or 2 stop at
     * once. Links without pairs have one frame under way, whatever this says. */
    uint32_t stream_depth;
    /** The frames of the stream are JPEG pictures. On SPI, where a camera that is late or has gone on still lets itself be
     * read, one that is none was not what the camera gave: it is dropped, and the stream opened anew. */
    bool jpeg_frames;
};

struct omvrpc_result {
    enum omvrpc_outcome outcome;
    enum omvrpc_cause cause;
    const uint8_t *data; /**< owned by the master, valid until its next call begins */
    size_t length;
    int64_t taken_us; /**< when the camera took the command, 0 where it is not known */
    int64_t ended_us;
};

/** What a master has counted and learned, for people and for statistics. Times in microseconds. */
struct omvrpc_statistics {
    uint64_t calls, done, not_delivered, result_unknown, too_large;
    uint64_t command_copies;  /**< commands sent again */
    uint64_t polls;           /**< polls sent */
    uint64_t repeated_calls;  /**< repeatable calls begun again after a loss */
    uint64_t crc_errors;      /**< packets that were recognised and damaged, and frames that were no pictures */
    uint64_t skipped_bytes;   /**< received bytes that belonged to no expected packet */
    uint64_t settlings;       /**< times that doubt had to be cleared before going on */
    uint64_t stale_results;   /**< results of abandoned calls, fetched and dropped */
    uint64_t frames;          /**< stream frames received */
    uint64_t stream_restarts; /**< streams reopened after a fault */
    uint64_t bytes_sent, bytes_received;
    int64_t round_trip_us, round_trip_deviation_us; /**< smoothed, RFC 6298 */
    int64_t turnaround_us;                          /**< how long the camera is deaf after a result */
};

struct omvrpc_master;

/** @return a master without a link, to be freed with omvrpc_master_free(), or NULL when memory is short */
OMVRPC_API struct omvrpc_master *omvrpc_master_new(void);
OMVRPC_API void omvrpc_master_free(struct omvrpc_master *master);

/** Longest argument and result, in bytes (at most 1 GiB). Default: OMVRPC_MAX_PAYLOAD_DEFAULT. */
OMVRPC_API void omvrpc_master_set_max_payload(struct omvrpc_master *master, size_t bytes);

/**
 * Tells the master that a link was opened, or opened again: nothing is known of the camera, so it settles first.
 * A link that was open before has to be ended by omvrpc_master_link_gone().
 * @param info of the link; copied
 */
OMVRPC_API void omvrpc_master_link_opened(struct omvrpc_master *master, const struct omvrpc_link_info *info,
                                          int64_t now_us);

/**
 * Tells the master that the link has failed. A call under way ends: not delivered if nothing of it was sent. One that
 * is repeatable stays and is sent again when a link is opened before its deadline.
 */
OMVRPC_API void omvrpc_master_link_gone(struct omvrpc_master *master, int64_t now_us);

/** @return whether the link is open, as far as the master was told */
OMVRPC_API bool omvrpc_master_has_link(const struct omvrpc_master *master);

/** @return whether the camera has answered since the link was opened and nothing of an old exchange is left */
OMVRPC_API bool omvrpc_master_is_settled(const struct omvrpc_master *master);

/** @return since when the camera has been silent although it was asked, or 0 when it answers */
OMVRPC_API int64_t omvrpc_master_silent_since(const struct omvrpc_master *master);

/**
 * Begins a call. It waits for the master to settle if need be; the deadline counts all the same.
 * @return 0; -EBUSY when a call or a stream is under way; -EMSGSIZE when the argument is longer than max_payload;
 *         -EINVAL for a stream depth over 255 or a raw length over max_payload; -ENOMEM
 */
OMVRPC_API int omvrpc_master_call(struct omvrpc_master *master, const struct omvrpc_request *request, int64_t now_us);

/** Ends the call or stream under way as soon as it can: a stream stops after its current frame, a call loses its
 * result. */
OMVRPC_API void omvrpc_master_stop(struct omvrpc_master *master, int64_t now_us);

/**
 * As omvrpc_master_stop() for a stream, also one that is not open yet: it is opened, and left after its first frame. If
 * none comes, it ends all the same, 0.3 to 0.6 s after it was opened, on I2C and CAN 1 s, as OMVRPC_DONE. A call without a stream
 * goes on.
 */
OMVRPC_API void omvrpc_master_leave_stream(struct omvrpc_master *master, int64_t now_us);

/** @return whether a call or a stream is under way */
OMVRPC_API bool omvrpc_master_is_busy(const struct omvrpc_master *master);

/**
 * Tells how much of a result has come while it is coming: on a slow line a large one takes many seconds. It begins anew
 * where a repeatable call is sent again.
 * @param received so many bytes of it, from 0
 * @param total and so many there are, as the camera has announced
 * @return false while no result is coming
 */
OMVRPC_API bool omvrpc_master_progress(const struct omvrpc_master *master, size_t *received, size_t *total);

/**
 * On a link of transactions that several cameras share: whether this one is in the middle of an exchange and waits for its
 * next transaction for a few milliseconds only, a stock camera on SPI with its result. No other's should come between.
 */
OMVRPC_API bool omvrpc_master_is_urgent(const struct omvrpc_master *master);

/** Asks what to do at time `now_us`. Input that is there must have been reported before. */
OMVRPC_API void omvrpc_master_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step);

/** Reports how much of a SEND step's data the line took. */
OMVRPC_API void omvrpc_master_sent(struct omvrpc_master *master, size_t length, int64_t now_us);

/** Reports received bytes. May be called at any time, also with 0 bytes. */
OMVRPC_API void omvrpc_master_received(struct omvrpc_master *master, const uint8_t *data, size_t length,
                                       int64_t now_us);

/**
 * Gives memory for the bytes of a RECEIVE step, to be reported from there: so they are not copied.
 * @return room for `length` bytes, the master's own and valid until the next call on it; NULL when memory is short
 */
OMVRPC_API uint8_t *omvrpc_master_reserve(struct omvrpc_master *master, size_t length);

/**
 * Tells what the ready line of a link says; nothing is sent to a camera that is not ready but what it waits for in any
 * case. To be called before each omvrpc_master_next() on a link with the operation ready().
 */
OMVRPC_API void omvrpc_master_set_ready(struct omvrpc_master *master, bool is_ready, int64_t now_us);

/**
 * Whether the ready line is not heeded any more: the camera has answered again and again what it was asked although the
 * line said no. It may not be wired, not be driven by the camera's script, or have active_low the wrong way round.
 */
OMVRPC_API bool omvrpc_master_doubts_ready_line(const struct omvrpc_master *master);

/** @return the result of the call that ended last; valid after OMVRPC_STEP_DONE until the next call begins */
OMVRPC_API const struct omvrpc_result *omvrpc_master_result(const struct omvrpc_master *master);

OMVRPC_API const struct omvrpc_statistics *omvrpc_master_statistics(const struct omvrpc_master *master);

/* Blocking use. */

/**
 * Calls a callback and waits for its end, for programs that have one camera and no event loop.
 *
 * The first call on a link takes it for open and settles with the camera, which takes a tenth of a second and more. When
 * the link has failed, close it and go on with a new one.
 * @param timeout_ms deadline from now, in milliseconds
 * @param result filled in, whatever is returned
 * @return 0 when the call has ended (its outcome is in `result`), or a negative errno: when it could not begin, that of
 *         omvrpc_master_call(); when the link failed, that of its operation, with the outcome as far as it is known
 */
OMVRPC_API int omvrpc_call(struct omvrpc_master *master, struct omvrpc_link *link, const char *name,
                           const void *argument, size_t argument_length, int timeout_ms, struct omvrpc_result *result);

/** As omvrpc_call(), with every choice of struct omvrpc_request; its deadline is on the clock of omvrpc_now_us(). */
OMVRPC_API int omvrpc_call_request(struct omvrpc_master *master, struct omvrpc_link *link,
                                   const struct omvrpc_request *request, struct omvrpc_result *result);

/** A frame of a stream; return false to stop the stream. The data is valid during the call. */
typedef bool omvrpc_frame_handler(void *context, const uint8_t *data, size_t length);

/**
 * Calls a streaming callback and hands over its frames until the handler says stop, the request's deadline passes or
 * the stream fails. The request needs a stream_depth; 2 is a good one.
 * @return 0 when the stream has ended: as asked where the outcome in `result` is OMVRPC_DONE. Or a negative errno as
 *         omvrpc_call(), -EINVAL without a stream_depth
 */
OMVRPC_API int omvrpc_stream(struct omvrpc_master *master, struct omvrpc_link *link,
                             const struct omvrpc_request *request, omvrpc_frame_handler *handler, void *context,
                             struct omvrpc_result *result);

/** Microseconds of CLOCK_MONOTONIC. */
OMVRPC_API int64_t omvrpc_now_us(void);

/* The extensions: numbered calls with a CRC-32, in pieces; see docs/extensions.md. These functions only write and check
 * the bytes; whoever makes calls through a session sends them with omvrpc_master_call() as repeatable ones. */

#define OMVRPC_DESCRIBE_NAME "omvrpc.describe"
#define OMVRPC_CALL_NAME     "omvrpc.call"
#define OMVRPC_READ_NAME     "omvrpc.read"

/** Bytes that an envelope adds to an argument or to the data of a reply. */
#define OMVRPC_ENVELOPE_SIZE 24

/** A call or a read as it goes to the camera. */
struct omvrpc_envelope {
    uint32_t session;
    uint32_t number;
    uint32_t released; /**< number of a held result that is not needed any more, 0 for none */
    uint32_t piece;    /**< most data bytes of the reply */
    uint32_t target;   /**< of a call, the command id; of a read, the offset */
};

/** Writes an envelope with its argument, length + OMVRPC_ENVELOPE_SIZE bytes in all, to `out`. */
OMVRPC_API void omvrpc_envelope_write(const struct omvrpc_envelope *envelope, const void *argument, size_t length,
                                      uint8_t *out);

/**
 * Takes an envelope apart.
 * @param argument set to where the argument begins in `data`
 * @param argument_length set to its length
 * @return false where the bytes are too few or their CRC-32 is wrong
 */
OMVRPC_API bool omvrpc_envelope_read(const uint8_t *data, size_t length, struct omvrpc_envelope *envelope,
                                     const uint8_t **argument, size_t *argument_length);

enum omvrpc_status {
    OMVRPC_STATUS_DONE = 0,
    OMVRPC_STATUS_RAISED = 1,
    OMVRPC_STATUS_NO_SUCH_CALLBACK = 2,
    OMVRPC_STATUS_FORGOTTEN = 3,
    OMVRPC_STATUS_NO_SESSION = 4,
    OMVRPC_STATUS_DAMAGED = 5,
    OMVRPC_STATUS_TOO_LARGE = 6,
};

/** A camera's reply to an envelope. */
struct omvrpc_session_reply {
    uint32_t session;
    uint32_t number;
    uint32_t status; /**< an enum omvrpc_status, or one that this version does not know */
    uint32_t total;  /**< length of the whole result */
    uint32_t offset;
    const uint8_t *data;
    size_t length;
};

/** Writes a reply with its data, length + OMVRPC_ENVELOPE_SIZE bytes in all, to `out`. */
OMVRPC_API void omvrpc_session_reply_write(const struct omvrpc_session_reply *reply, uint8_t *out);

/**
 * Takes a reply apart; its data points into the bytes given.
 * @return false where they are too few or their CRC-32 is wrong
 */
OMVRPC_API bool omvrpc_session_reply_read(const uint8_t *data, size_t length, struct omvrpc_session_reply *reply);

/** CRC-32 of IEEE 802.3; `crc` is 0 at the beginning, or the value so far. */
OMVRPC_API uint32_t omvrpc_crc32(uint32_t crc, const void *data, size_t length);

/* The slave. */

struct omvrpc_slave;
struct omvrpc_reply;

/**
 * A callback of a slave. It fills the reply with the functions below; an untouched reply is an empty result.
 * The argument is valid during the call.
 */
typedef void omvrpc_callback(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply);

/**
 * Copies bytes behind what the result holds already.
 * @return 0, -ENOMEM, or -EMSGSIZE where it would hold more than 4 MiB; what follows a refusal is refused as well
 */
OMVRPC_API int omvrpc_reply_append(struct omvrpc_reply *reply, const void *data, size_t length);

/** Says that the camera computes for so long, in microseconds, before the result is there. */
OMVRPC_API void omvrpc_reply_delay(struct omvrpc_reply *reply, int64_t duration_us);

/**
 * Schedules a cut-through transfer: these bytes (copied, behind those of an earlier call) follow the result, with no
 * packet around them.
 * @return 0, -ENOMEM, or -EMSGSIZE over 4 MiB in all
 */
OMVRPC_API int omvrpc_reply_put_bytes(struct omvrpc_reply *reply, const void *data, size_t length);

/**
 * Gives the next frame of a stream. The data stays valid until the next call.
 * @param due_us set to the time at which the frame is ready; later than now_us means: ask again then
 * @return false to end the stream
 */
typedef bool omvrpc_frame_source(void *context, int64_t now_us, const uint8_t **data, size_t *length, int64_t *due_us);

/** Schedules a stream: after the result, the slave waits for a reader and sends it frames from `source`. */
OMVRPC_API void omvrpc_reply_stream(struct omvrpc_reply *reply, omvrpc_frame_source *source, void *context);

OMVRPC_API struct omvrpc_slave *omvrpc_slave_new(void);
OMVRPC_API void omvrpc_slave_free(struct omvrpc_slave *slave);

/** Registers a callback under a name; replaces an older one of that name. @return 0 or -ENOMEM */
OMVRPC_API int omvrpc_slave_register(struct omvrpc_slave *slave, const char *name, omvrpc_callback *callback,
                                     void *context);

/** Asks what to do at time `now_us`: IDLE never, DONE never; SEND, RECEIVE as for a master. */
OMVRPC_API void omvrpc_slave_next(struct omvrpc_slave *slave, int64_t now_us, struct omvrpc_step *step);
OMVRPC_API void omvrpc_slave_sent(struct omvrpc_slave *slave, size_t length, int64_t now_us);
OMVRPC_API void omvrpc_slave_received(struct omvrpc_slave *slave, const uint8_t *data, size_t length, int64_t now_us);

/**
 * Says that the callback has failed, as an exception on a camera does. What it has appended and scheduled is dropped; a
 * session's master is told name and message, a stock one sees an empty result.
 * @param name of the exception, UTF-8, such as "ValueError"; its first 64 bytes are copied
 * @param message for people; copied, and cut where both together are longer than 256 bytes
 */
OMVRPC_API void omvrpc_reply_raise(struct omvrpc_reply *reply, const char *name, const char *message);

/** What a slave with the extensions says of itself. */
struct omvrpc_extension_options {
    const char *description; /**< the JSON of docs/extensions.md, at most 1 MiB; copied */
    uint32_t piece;          /**< most data bytes of a reply, 1 to 1 MiB */
    uint32_t held;           /**< results of several pieces that are held at once, 1 to 16 */
};

/**
 * Registers omvrpc.describe, omvrpc.call and omvrpc.read, so that masters find the extensions. Results are held in
 * memory, each of at most 4 MiB. Offering them again changes the options and forgets the session.
 * @return 0, -EINVAL for an option out of range, or -ENOMEM
 */
OMVRPC_API int omvrpc_slave_offer_extensions(struct omvrpc_slave *slave,
                                             const struct omvrpc_extension_options *options);

/**
 * Forgets the exchange under way and the session with all that is held for it, and begins the uptime anew, as a reset
 * of the camera does; registered callbacks and the description stay.
 */
OMVRPC_API void omvrpc_slave_reset(struct omvrpc_slave *slave);

#ifdef __cplusplus
}
#endif

#endif
