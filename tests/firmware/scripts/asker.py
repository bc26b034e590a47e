# SPDX-License-Identifier: MIT
#
# A camera script for the tests: asks another camera, which runs exerciser.py, and prints what came of it.

import struct

import omvrpc

LINK = omvrpc.uart(3, 115200)

remote = omvrpc.Master(LINK)


def u32(value):
    return struct.pack("<I", value)


def tell(title, value, asker=remote):
    if value is not None:
        value = bytes(value) if len(value) <= 40 else "%d bytes, sum %d" % (len(value), sum(value))
    print("%s: %s %s" % (title, asker.last_outcome, value))


def ask(name, data=b"", recv_timeout=1000):
    # For what may run twice: on a busy machine a byte may be late, and then a result is lost by the rules.
    global attempts
    for attempts in range(1, 11):
        result = remote.call(name, data, 5000, recv_timeout)
        if result is not None:
            return result


def numbered(frames, count):
    # Takes that many frames, then stops the stream.
    def take(frame):
        frames.append((struct.unpack_from("<I", frame)[0], len(frame)))
        return len(frames) < count

    return take


tell("echo", ask("echo", b"hello"))
tell("empty", ask("nothing"))
tell("large result", ask("sized", u32(700)))
tell("large arguments", ask("echo", bytes(range(250)) * 3))
tell("slow", ask("count", u32(300), 5000))
print("attempts of slow: %d" % attempts)
tell("patience", remote.call("count", u32(1500), 5000, 200))
tell("after patience", ask("echo", b"again"))
tell("counted", ask("counter"))
# Its ack is lost each time.
tell("lost ack", ask("echo", b"LOSE-A"))
tell("lost result", remote.call("echo", b"LOSE-R", 5000, 300))
tell("after lost result", ask("echo", b"again"))
# What answers this command is lost for longer than the other camera keeps a result.
tell("silence", remote.call("count", b"HUSH", 5000, 500))
tell("after silence", ask("echo", b"again"))
tell("counted after silence", ask("counter"))
modest = omvrpc.Master(LINK, largest_result=100)
tell("too long", modest.call("sized", u32(101), 5000, 300), modest)
tell("after too long", ask("echo", b"again"))

# Raw bytes that come late on a busy machine find the other side gone: ten attempts each.
for attempt in range(10):
    ask("cut_through", u32(700))
    data = remote.get_bytes(bytearray(700))
    if data:
        break
tell("cut through", data)
for attempt in range(10):
    ask("take_bytes", u32(500))
    remote.put_bytes(bytes(range(250)) * 2)
    data = ask("taken_bytes")
    if data:
        break
tell("bytes taken", data)
for attempt in range(10):
    frames = []
    ask("stream", u32(100))
    remote.stream_reader(numbered(frames, 20), 2)
    if len(frames) >= 20:
        break
print("stream: %s" % (frames == [(number + 1, 104) for number in range(20)]))
tell("after stream", ask("echo", b"again"))

print("unplug the other camera")
# The line may be cut in the middle of a call.
while True:
    result = remote.call("echo", b"still there?", 300)
    if remote.last_outcome == "not_delivered":
        break
tell("absent", result)
print("finished")
