# SPDX-License-Identifier: MIT
"""The master's half of docs/extensions.md, written from that page: sessions of numbered calls over a StockMaster.

Envelopes and replies as bytes, for tests that send what no master would; and Session, a master that asks until it
knows.
"""

import binascii
import collections
import random
import struct
import time

from stock_master import (
    COMMAND_DATA,
    COMMAND_HEADER,
    DATA_POLL,
    HEADER_POLL,
    RESULT_DATA,
    RESULT_HEADER,
    command_header,
    command_id,
    packet,
)

DONE, RAISED, NO_SUCH_CALLBACK, FORGOTTEN, NO_SESSION, DAMAGED, TOO_LARGE = range(7)

NUMBERS = struct.Struct("<IIIII")
CRC = struct.Struct("<I")

Reply = collections.namedtuple("Reply", "session number status total offset data")


class CallbackRaised(Exception):
    """The callback raised; with the exception's name and message."""


class NoSuchCallback(Exception):
    pass


class ResultUnknown(Exception):
    """The call may have run; its result cannot be had."""


class NoExtensions(Exception):
    """The camera is a stock one."""


def sealed(*numbers, data=b""):
    body = NUMBERS.pack(*numbers) + data
    return body + CRC.pack(binascii.crc32(body))


def call_envelope(session, number, name, argument=b"", released=0, piece=4096):
    return sealed(session, number, released, piece, command_id(name), data=argument)


def read_envelope(session, number, offset, released=0, piece=4096):
    return sealed(session, number, released, piece, offset)


def parse_reply(data):
    """None where the bytes are no reply."""
    if len(data) < NUMBERS.size + CRC.size or CRC.unpack(data[-4:])[0] != binascii.crc32(data[:-4]):
        return None
    return Reply(*NUMBERS.unpack_from(data), data[NUMBERS.size : -CRC.size])


class Session:
    """patience: seconds for one packet to be answered, and a third more for every further try.
    deadline: seconds for one exchange, however often it is asked.
    steady: seconds that a callback may run before the call is sent again."""

    def __init__(self, master, session=None, piece=4096, patience=0.02, deadline=60, steady=0.5):
        self.master = master
        self.session = session or random.randrange(1, 1 << 32)
        self.piece = piece
        self.patience = patience
        self.deadline = deadline
        self.steady = steady
        self.number = 0
        self.released = 0
        self.asked_again = 0

    def open(self):
        """The description, as JSON text."""
        reply = self._ask("omvrpc.call", call_envelope(self.session, 0, "", piece=self.piece), 0, 0)
        if reply.status != DONE:
            raise CallbackRaised(reply.data.decode())
        return self._whole(reply)

    def call(self, name, argument=b""):
        """What the callback returned. It has run once then, and at most once where this raises."""
        self.number += 1
        begun = time.monotonic()
        while True:
            envelope = call_envelope(self.session, self.number, name, argument, self.released, self.piece)
            reply = self._ask("omvrpc.call", envelope, self.number, 0)
            if reply.status != NO_SESSION:
                break
            self._reopen(reply, begun)
        self.released = 0
        if reply.status == DONE:
            return self._whole(reply)
        if reply.status == RAISED:
            raise CallbackRaised(reply.data.decode())
        if reply.status == NO_SUCH_CALLBACK:
            raise NoSuchCallback(name)
        raise ResultUnknown("status %d" % reply.status)

    def _reopen(self, reply, begun):
        """For a camera that has forgotten the session. A call that it can have run before that is not sent again; the
        camera's clock may be off by a hundredth."""
        elapsed = time.monotonic() - begun
        self.open()
        if CRC.unpack(reply.data)[0] / 1000 * 0.99 - 0.01 <= elapsed:
            raise ResultUnknown("the camera has forgotten the session since the call was sent")

    def _whole(self, reply):
        """The result whose first piece this is."""
        result = bytearray(reply.data)
        while len(result) < reply.total:
            envelope = read_envelope(self.session, reply.number, len(result), piece=self.piece)
            piece = self._ask("omvrpc.read", envelope, reply.number, len(result))
            if piece.status != DONE or piece.total != reply.total or not piece.data:
                raise ResultUnknown("the camera gives no more than the first %d bytes" % len(result))
            result += piece.data
        if reply.total > len(reply.data):
            self.released = reply.number
        return bytes(result)

    def _ask(self, name, envelope, number, offset):
        """Asks until the reply to this envelope comes."""
        end = time.monotonic() + self.deadline
        empty = 0
        patience = self.patience
        while time.monotonic() < end:
            data = self._exchange(name, envelope, patience)
            if data == b"":
                empty += 1
                if number == 0 and empty == 3:
                    raise NoExtensions(name)
            reply = parse_reply(data or b"")
            if reply and reply[:2] == (self.session, number) and reply.offset == offset and reply.status != DAMAGED:
                return reply
            self.asked_again += 1
            patience = min(patience * 4 / 3, 1)
        raise ResultUnknown("no reply within %g s" % self.deadline)

    def _exchange(self, name, data, patience):
        """A stock call that is given up soon, since it may always be made again. What comes may be an older result."""
        master = self.master
        master.flush()
        master.write(command_header(name, len(data)))
        is_accepted = False
        if master.get_packet(COMMAND_HEADER, 0, patience) is not None:
            master.write(packet(COMMAND_DATA, data))
            is_accepted = master.get_packet(COMMAND_DATA, 0, patience) is not None
        # Without an ack a result may be waiting all the same: it was the ack that was lost, or this is the result of an
        # earlier try, which the camera wants to get rid of first.
        end = time.monotonic() + (self.steady if is_accepted else 0)
        polls = 0
        while polls < 2 or time.monotonic() < end:
            polls += 1
            master.flush()
            master.write(HEADER_POLL)
            header = master.get_packet(RESULT_HEADER, 4, patience)
            if header is None:
                continue
            master.write(DATA_POLL)
            result = master.get_packet(RESULT_DATA, struct.unpack("<I", header)[0], patience)
            if result is not None:
                return result
            # Lost on its way, and gone; or never sent, and then the next poll gets it.
            end = 0
        return None
