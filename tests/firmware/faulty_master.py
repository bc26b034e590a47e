# SPDX-License-Identifier: MIT
"""A StockMaster on a line that loses and damages packets, in both directions, from a seed."""

import random
import struct

from stock_master import COMMAND_DATA, RESULT_DATA, RESULT_HEADER, StockMaster, crc16


class FaultyMaster(StockMaster):
    """rate: the part of all packets that is lost or damaged. Half of those are lost, most others have bits flipped, and
    some are disguised: damaged with a CRC-16 that is right, so that only a CRC-32 inside can tell."""

    def __init__(self, path, seed, rate):
        super().__init__(path)
        self.random = random.Random(seed)
        self.rate = rate
        self.faults = 0
        self.unsorted = bytearray()
        self.ready = bytearray()
        self.result_size = 0

    def write(self, data):
        super().write(self._through(data))

    def read(self, size, seconds):
        while not self.ready:
            data = super().read(4096, seconds)
            if not data:
                return b""
            self.unsorted += data
            self._sort()
        data = bytes(self.ready[:size])
        del self.ready[:size]
        return data

    def _sort(self):
        """What the camera sends is whole packets, one after the other: acks, result headers, results."""
        while len(self.unsorted) >= 4:
            magic = struct.unpack_from("<H", self.unsorted)[0]
            size = 8 if magic == RESULT_HEADER else self.result_size + 4 if magic == RESULT_DATA else 4
            if len(self.unsorted) < size:
                return
            if magic == RESULT_HEADER:
                self.result_size = struct.unpack_from("<I", self.unsorted, 2)[0]
            self.ready += self._through(bytes(self.unsorted[:size]))
            del self.unsorted[:size]

    def _through(self, packet):
        chance = self.random.random() / self.rate
        if chance >= 1:
            return packet
        self.faults += 1
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
