# SPDX-License-Identifier: MIT
"""A StockMaster on a line that loses and damages packets, in both directions, from a seed."""

from faulty_line import Faults, packets_of_camera
from stock_master import StockMaster


class FaultyMaster(StockMaster):
    """rate: the part of all packets that is lost or damaged."""

    def __init__(self, path, seed, rate):
        super().__init__(path)
        self.line = Faults(seed, rate)
        self.packets = packets_of_camera()
        self.ready = bytearray()

    @property
    def faults(self):
        """How many there were."""
        return self.line.count

    def write(self, data):
        super().write(self.line.through(data))

    def read(self, size, seconds):
        while not self.ready:
            data = super().read(4096, seconds)
            if not data:
                return b""
            for packet in self.packets.cut(data):
                self.ready += self.line.through(packet)
        data = bytes(self.ready[:size])
        del self.ready[:size]
        return data
