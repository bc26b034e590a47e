// SPDX-License-Identifier: MIT
//
// Waits on an empty queue beside a thread that gives notice of moves all the time, though nothing moves: the notice of a
// move may come when its bytes have been taken already. Fails where a wait ends by that.

import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { Ring } from './ring.mjs';

const WAIT_MS = 100;

if (!isMainThread) {
  const control = new Int32Array(workerData, 0, 2);
  for (;;) for (let end = 0; end < control.length; end++) Atomics.notify(control, end);
}

const ring = new Ring();
new Worker(fileURLToPath(import.meta.url), { workerData: ring.buffer });
// The other thread is there once it has given notice.
while (Atomics.wait(new Int32Array(ring.buffer), 0, 0, WAIT_MS) === 'timed-out');

function mustLast(what, wait) {
  const begun = performance.now();
  const isThere = wait(WAIT_MS);
  const waited = performance.now() - begun;
  if (isThere || waited < WAIT_MS) {
    console.error(`the wait for ${what} ended with ${isThere} after ${waited.toFixed(1)} of ${WAIT_MS} ms`);
    process.exitCode = 1;
  }
}

ring.limit = 1;
mustLast('bytes', (milliseconds) => ring.waitUntilUsed(milliseconds));
ring.put(1, () => 0);
mustLast('room', (milliseconds) => ring.waitUntilRoom(milliseconds));
process.exit();
