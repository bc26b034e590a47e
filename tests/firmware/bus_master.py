# SPDX-License-Identifier: MIT
"""Masters by the stock rules on SPI, I2C and CAN: one transaction a packet, with a read between any two writes."""

import time

import bus
from stock_master import StockMaster

CAMERA_ADDRESS = 0x12
CAN_ID = 0x7FF


class BusMaster(StockMaster):
    """What a bus has to have: write(packet), and read_exactly(size, seconds), one transaction each."""

    def close(self):
        self.camera.close()

    def flush(self):
        pass

    def wait_for_slave(self, seconds):
        """From now on a slave may take so long to arm, if that is longer than usual and less than a second."""
        self.camera.moment = min(max(bus.MOMENT_S, seconds), 1)

    def patient_call(self, name, arguments=b"", seconds=20):
        """A slave may not be armed yet, so every packet has to go out as often as a stock master sends it."""
        return self.call(name, arguments, seconds)

    def read_raw(self, size, seconds):
        """Nothing has come as long as the slave was not armed: then there are no bytes, or equal ones."""
        end = time.monotonic() + seconds
        while True:
            data = self.read_exactly(size, seconds)
            if len(set(data)) > 1 or time.monotonic() > end:
                return data


class SpiMaster(BusMaster):
    def __init__(self, path):
        self.camera = bus.SpiSlave(path)

    def write(self, data):
        self.camera.transfer(data)

    def read_exactly(self, size, seconds):
        self.wait_for_slave(seconds)
        data = self.camera.transfer(b"\0" * size)
        if len(set(data)) == 1:
            time.sleep(min(seconds, 0.1))
        return data


class I2cMaster(BusMaster):
    LARGEST = 65535

    def __init__(self, path):
        self.camera = bus.I2cSlave(path)

    def write(self, data):
        for start in range(0, len(data), self.LARGEST):
            if self.camera.write(CAMERA_ADDRESS, data[start : start + self.LARGEST]) is None:
                return

    def read_exactly(self, size, seconds):
        self.wait_for_slave(seconds)
        data = b""
        while len(data) < size:
            piece = self.camera.read(CAMERA_ADDRESS, min(size - len(data), self.LARGEST))
            if piece is None:
                time.sleep(min(seconds, 0.1))
                return b""
            data += piece
        return data


class CanMaster(BusMaster):
    LARGE = 12_000
    # A frame of 8 bytes takes this long at 250 kbit/s.
    FRAME_S = 0.0005

    def __init__(self, path):
        self.camera = bus.CanNode(path)

    def flush(self):
        while self.camera.receive(0):
            pass

    def write(self, data):
        for start in range(0, len(data), 8):
            self.camera.send(CAN_ID, data[start : start + 8])
            time.sleep(self.FRAME_S)

    def read_exactly(self, size, seconds):
        data = b""
        # The stock master's 3 ms are too short for a camera on a busy machine.
        while len(data) < size:
            frame = self.camera.receive(max(seconds, bus.MOMENT_S))
            if frame is None or frame[0] != CAN_ID or len(frame[1]) != min(8, size - len(data)):
                break
            data += frame[1]
        return data


MASTERS = {"--spi": SpiMaster, "--i2c": I2cMaster, "--can": CanMaster, "--can-fd": CanMaster}
