// SPDX-License-Identifier: MIT
//
// Two threads beside the interpreter, one a direction, move bytes between the pty and the camera's buffers. They may
// block, the interpreter may not: its waits have timeouts.

import fs from 'node:fs';
import { workerData } from 'node:worker_threads';
import { Ring } from './ring.mjs';

const { fd, direction, overflows } = workerData;
const ring = new Ring(workerData.ring);
const chunk = Buffer.alloc(4096);

function receive() {
  for (;;) {
    // A full USB buffer stops the host; a full UART buffer loses what comes.
    if (!overflows) ring.waitUntilRoom();
    const wanted = overflows ? chunk.length : Math.min(chunk.length, ring.room);
    const count = fs.readSync(fd, chunk, 0, wanted);
    ring.put(count, (i) => chunk[i]);
  }
}

function send() {
  for (;;) {
    ring.waitUntilUsed();
    const count = ring.take(chunk.length, (i, byte) => (chunk[i] = byte));
    for (let done = 0; done < count; ) done += fs.writeSync(fd, chunk, done, count - done);
  }
}

if (direction === 'receive') receive();
else send();
