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

// A UART would lose bytes at once; here a camera is allowed to be as slow as this machine.
const LOSES_AFTER_MS = 200;

function receive() {
  for (;;) {
    // A full USB buffer stops the host; a full UART buffer loses what comes.
    const loses = !ring.waitUntilRoom(overflows ? LOSES_AFTER_MS : Infinity);
    const count = fs.readSync(fd, chunk, 0, loses ? chunk.length : Math.min(chunk.length, ring.room));
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
