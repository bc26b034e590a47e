# SPDX-License-Identifier: MIT
"""A line that loses and damages packets, in both directions, from a seed."""

import os
import pty
import random
import select
import struct
import tty

from relay import INWARD, OUTWARD, Relay
from stock_master import COMMAND_DATA, COMMAND_HEADER, RESULT_DATA, RESULT_HEADER, crc16


class Faults:
    """rate: the part of all packets that is lost or damaged. Half of those are lost, most others have bits flipped, and
    some are disguised: damaged with a CRC-16 that is right, so that only a CRC-32 inside can tell."""

    def __init__(self, seed, rate):
        self.random = random.Random(seed)
        self.rate = rate
        self.count = 0

    def through(self, packet):
        """What arrives of that packet."""
        chance = self.random.random() / self.rate
        if chance >= 1:
            return packet
        self.count += 1
        if chance < 0.5:
            return b""
        damaged = bytearray(packet)
        magic = struct.unpack_from("<H", packet)[0]
        is_disguised = chance >= 0.9 and magic in (COMMAND_DATA, RESULT_DATA) and len(packet) > 4
        for _ in range(self.random.randrange(1, 4)):
            if is_disguised:
                damaged[self.random.randrange(2, len(packet) - 2)] ^= 1 << self.random.randrange(8)
            else:
                damaged[self.random.randrange(len(packet))] ^= 1 << self.random.randrange(8)
        if is_disguised:
            damaged[-2:] = struct.pack("<H", crc16(damaged[:-2]))
        return bytes(damaged)


class Packets:
    """Cuts what one side sends into its packets: whole ones, one after the other. Its headers have `header` bytes and end
    with the size of the data that follow; whatever else it sends is an ack or a poll."""

    def __init__(self, header_magic, header, data_magic):
        self.header_magic = header_magic
        self.header = header
        self.data_magic = data_magic
        self.data_size = 0
        self.uncut = bytearray()

    def cut(self, data):
        """The packets that are complete with these bytes."""
        self.uncut += data
        packets = []
        while len(self.uncut) >= 4:
            magic = struct.unpack_from("<H", self.uncut)[0]
            size = {self.header_magic: self.header, self.data_magic: self.data_size + 4}.get(magic, 4)
            if len(self.uncut) < size:
                break
            packets.append(bytes(self.uncut[:size]))
            del self.uncut[:size]
            if magic == self.header_magic:
                self.data_size = struct.unpack_from("<I", packets[-1], size - 6)[0]
        return packets


def packets_of_camera():
    return Packets(RESULT_HEADER, 8, RESULT_DATA)


def packets_of_master():
    return Packets(COMMAND_HEADER, 12, COMMAND_DATA)


class FaultyLine(Relay):
    """A pty of its own, `path`, from which a faulty line leads to a camera; for a with block."""

    def __init__(self, camera, seed, rate):
        self.faults = Faults(seed, rate)
        super().__init__(lambda direction, packet: self.faults.through(packet))
        near, self._slave = pty.openpty()
        far = os.open(camera, os.O_RDWR | os.O_NOCTTY)
        # The slave stays open here, so that who opens the path may come and go.
        for end in (self._slave, far):
            tty.setraw(end)
        self.path = os.ttyname(self._slave)
        self._ways = {near: (far, OUTWARD, packets_of_master()), far: (near, INWARD, packets_of_camera())}

    def step(self, seconds):
        for end in select.select(list(self._ways), [], [], seconds)[0]:
            other, direction, packets = self._ways[end]
            for packet in packets.cut(os.read(end, 65536)):
                data = memoryview(self.tamper(direction, packet))
                while data:
                    data = data[os.write(other, data) :]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.stop()
        for end in (*self._ways, self._slave):
            os.close(end)
        if self.failure and kind is None:
            raise self.failure
