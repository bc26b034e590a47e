# SPDX-License-Identifier: MIT
"""A master by the stock rules: one packet at a time, short timeouts that grow by a third, flush before every try.

Also the pieces of it, for tests that send what a stock master never would.
"""

import binascii
import os
import select
import struct
import time
import tty

COMMAND_HEADER = 0x1209
COMMAND_DATA = 0xABD1
RESULT_HEADER = 0x9021
RESULT_DATA = 0x1DBA
STREAM_OPEN = 0xEDF6
STREAM_FRAME = 0x542E


def crc16(data):
    return binascii.crc_hqx(data, 0xFFFF)


def command_id(name):
    value = 5381
    for byte in name.encode():
        value = (value * 33 ^ byte) & 0xFFFFFFFF
    return value


def packet(magic, payload=b""):
    body = struct.pack("<H", magic) + payload
    return body + struct.pack("<H", crc16(body))


def command_header(name, size):
    return packet(COMMAND_HEADER, struct.pack("<II", command_id(name), size))


HEADER_ACK = packet(COMMAND_HEADER)
DATA_ACK = packet(COMMAND_DATA)
HEADER_POLL = packet(RESULT_HEADER)
DATA_POLL = packet(RESULT_DATA)


# A stream's writer waits so long for its reader.
SILENCE_S = 1


def next_stream_byte(value):
    return value >> 1 ^ (0xB8 if value & 1 else 0)


class StockMaster:
    # Bytes that take this link a while.
    LARGE = 100_000

    def __init__(self, port):
        """`port` is a path, or the descriptor of an open one, which is closed with this."""
        self.fd = port if isinstance(port, int) else os.open(port, os.O_RDWR | os.O_NOCTTY)
        os.set_blocking(self.fd, False)
        tty.setraw(self.fd)

    def close(self):
        os.close(self.fd)

    def flush(self):
        while self.read(4096, 0):
            pass

    def read(self, size, seconds):
        """At most size bytes, b"" when none came in time."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return b""
        return os.read(self.fd, size)

    def read_exactly(self, size, seconds):
        """Those bytes, or fewer after so many seconds without a new one."""
        data = bytearray()
        while len(data) < size:
            piece = self.read(size - len(data), seconds)
            if not piece:
                break
            data += piece
        return bytes(data)

    def read_raw(self, size, seconds):
        """Bytes that a callback sends behind its result."""
        return self.read_exactly(size, seconds)

    def write(self, data):
        view = memoryview(data)
        while view:
            select.select([], [self.fd], [], 10)
            view = view[os.write(self.fd, view) :]

    def get_packet(self, magic, payload_size, seconds):
        data = self.read_exactly(payload_size + 4, seconds)
        if len(data) < payload_size + 4 or struct.unpack_from("<H", data)[0] != magic:
            return None
        if crc16(data[:-2]) != struct.unpack_from("<H", data, len(data) - 2)[0]:
            return None
        return data[2:-2]

    def put_command(self, name, arguments=b"", timeout=5.0, short=0.003):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.flush()
            self.write(command_header(name, len(arguments)))
            if self.get_packet(COMMAND_HEADER, 0, short) is not None:
                self.write(packet(COMMAND_DATA, arguments))
                if self.get_packet(COMMAND_DATA, 0, short) is not None:
                    return True
            short = min(short * 4 / 3, timeout)
        return False

    def get_result(self, timeout=5.0, short=0.003):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.flush()
            self.write(HEADER_POLL)
            header = self.get_packet(RESULT_HEADER, 4, short)
            if header is not None:
                self.write(DATA_POLL)
                result = self.get_packet(RESULT_DATA, struct.unpack("<I", header)[0], 5)
                if result is not None:
                    return result
            short = min(short * 4 / 3, timeout)
        return None

    def call(self, name, arguments=b"", timeout=5.0):
        """The result, or None for none. Only for what may run twice: a stock master loses a result now and then,
        when an answer comes just after it has given up waiting for it, and then this asks anew and waits longer."""
        for short in (0.003, 0.03, 0.3):
            result = None
            if self.put_command(name, arguments, timeout, short):
                result = self.get_result(timeout, short)
            if result is not None:
                return result
        return None

    def patient_call(self, name, arguments=b"", seconds=20):
        """As call, but every packet goes out once and its answer may take that long: for tests of what a callback
        gives, not of how it is asked. None is a result that the slave dropped, since this process slept for a second."""
        for _ in range(3):
            self.flush()
            self.write(command_header(name, len(arguments)))
            if self.get_packet(COMMAND_HEADER, 0, seconds) is None:
                continue
            self.write(packet(COMMAND_DATA, arguments))
            if self.get_packet(COMMAND_DATA, 0, seconds) is None:
                continue
            self.write(HEADER_POLL)
            header = self.get_packet(RESULT_HEADER, 4, seconds)
            if header is None:
                continue
            self.write(DATA_POLL)
            result = self.get_packet(RESULT_DATA, struct.unpack("<I", header)[0], seconds)
            if result is not None:
                return result
        return None

    def read_stream(self, depth, count, seconds=2):
        """Opens a stream, takes count frames, stops by a wrong byte and returns the frames, also those under way. Then
        longest_silence says how many seconds there were at most between two bytes of ours."""
        frames = []
        expected = 0xFF
        self.longest_silence = 0
        self.write(packet(STREAM_OPEN, struct.pack("<I", depth)))
        spoke = time.monotonic()
        while True:
            header = self.get_packet(STREAM_FRAME, 4, seconds if len(frames) < count else 0.3)
            if header is None:
                return frames
            size = struct.unpack("<I", header)[0]
            frames.append(self.read_exactly(size, seconds))
            if len(frames) > count:
                continue
            self.write(bytes([expected if len(frames) < count else expected ^ 0xFF]))
            expected = next_stream_byte(expected)
            self.longest_silence = max(self.longest_silence, time.monotonic() - spoke)
            spoke = time.monotonic()

    def read_whole_stream(self, name, arguments, depth, count, seconds=10):
        """The frames of the stream that this callback begins. A writer gives up a reader that is silent for a second,
        which a busy machine can make of this one: only then it is begun again, twice at most."""
        for _ in range(3):
            if self.patient_call(name, arguments) != b"":
                raise AssertionError("%s began no stream" % name)
            frames = self.read_stream(depth, count, seconds)
            if len(frames) >= count or self.longest_silence < SILENCE_S / 2:
                break
        return frames
