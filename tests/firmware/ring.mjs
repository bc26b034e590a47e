// SPDX-License-Identifier: MIT
//
// A queue of bytes between two threads: one puts, one takes. Waiting sleeps until the other side moves.

const HEAD = 0;
const TAIL = 1;
const LIMIT = 2;
const CONTROL_BYTES = 16;
const CAPACITY = 1 << 17;

export class Ring {
  // Without a buffer a new queue is made; with another queue's buffer, the other end of that one.
  constructor(buffer = new SharedArrayBuffer(CONTROL_BYTES + CAPACITY)) {
    this.buffer = buffer;
    this.control = new Int32Array(buffer, 0, CONTROL_BYTES / 4);
    this.bytes = new Uint8Array(buffer, CONTROL_BYTES);
  }

  set limit(limit) {
    Atomics.store(this.control, LIMIT, Math.min(limit, CAPACITY));
  }

  get used() {
    return (Atomics.load(this.control, HEAD) - Atomics.load(this.control, TAIL)) | 0;
  }

  get room() {
    return Math.max(0, Atomics.load(this.control, LIMIT) - this.used);
  }

  // Puts at most count bytes, get(i) each, and returns how many there was room for.
  put(count, get) {
    const head = Atomics.load(this.control, HEAD);
    const taken = Math.min(count, this.room);
    for (let i = 0; i < taken; i++) this.bytes[(head + i) & (CAPACITY - 1)] = get(i);
    this.move(HEAD, head + taken);
    return taken;
  }

  // Takes at most count bytes into set(i, byte) and returns how many there were.
  take(count, set) {
    const tail = Atomics.load(this.control, TAIL);
    const taken = Math.min(count, this.used);
    for (let i = 0; i < taken; i++) set(i, this.bytes[(tail + i) & (CAPACITY - 1)]);
    this.move(TAIL, tail + taken);
    return taken;
  }

  move(end, position) {
    Atomics.store(this.control, end, position | 0);
    Atomics.notify(this.control, end);
  }

  waitUntilUsed(milliseconds = Infinity) {
    return this.waitUntil(HEAD, () => this.used > 0, milliseconds);
  }

  waitUntilRoom(milliseconds = Infinity) {
    return this.waitUntil(TAIL, () => this.room > 0, milliseconds);
  }

  // Whether it became true in time. A notice of a move that is known already may come late, and ends no wait.
  waitUntil(end, isTrue, milliseconds) {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const position = Atomics.load(this.control, end);
      if (isTrue()) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      Atomics.wait(this.control, end, position, left);
    }
  }
}
