# SPDX-License-Identifier: MIT
#
# Streams pictures in the mode that the caller names. Copy it to the camera as main.py, next to omvrpc.py and
# omvcamera.py.

import omvcamera
import omvrpc

remote = omvrpc.Slave(omvrpc.usb())  # Or omvrpc.uart(3, 115200).
camera = omvcamera.Camera()


@remote.callback(args="utf8", schedules="stream", doc="Streams pictures; the mode is two names, as RGB565,QVGA.")
def jpeg_image_stream(arguments):
    pixformat, framesize = camera.checked_names(bytes(arguments).decode())

    def next_frame():
        return camera.jpeg(pixformat, framesize)

    # The stream begins when the empty result has been taken, and goes on until the reader ends it.
    remote.schedule_callback(lambda: remote.stream_writer(next_frame))


remote.loop()
