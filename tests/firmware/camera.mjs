// SPDX-License-Identifier: MIT
//
// Runs a camera script under MicroPython compiled to WebAssembly. The hardware modules are the stand-ins beside this
// file; below them is the module "host", the few functions here.
//
// This build of MicroPython collects garbage only between top-level calls, and the script's loop is one such call. So
// what a script allocates stays allocated: the heap grows generously, and a leak in the firmware does not show here. It
// has an end all the same, as on every board.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Ring } from './ring.mjs';

const HEAP_BYTES = 32 << 20;
const MEMORY_BYTES = 512 << 20;
const USB_BUFFER = 1024;
const SEND_BUFFER = 4096;

const [fdText, ptyPath, link, firmware, script, packageDirectory, scene, watchdog] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
const fd = Number(fdText);
const received = new Ring();
const sent = new Ring();
received.limit = USB_BUFFER;
sent.limit = SEND_BUFFER;

for (const [direction, ring] of [['receive', received], ['send', sent]]) {
  const workerData = { fd, direction, ring: ring.buffer, overflows: link === 'uart' };
  new Worker(path.join(here, 'pump.mjs'), { workerData }).on('error', (error) => {
    console.error(`run-camera: ${direction}: ${error.message}`);
    process.exit(1);
  });
}

const grow = WebAssembly.Memory.prototype.grow;
WebAssembly.Memory.prototype.grow = function (pages) {
  if (this.buffer.byteLength + pages * 65536 > MEMORY_BYTES) throw new RangeError('no more memory');
  return grow.call(this, pages);
};

const { loadMicroPython } = await import(path.join(packageDirectory, 'micropython.mjs'));
const micropython = await loadMicroPython({
  heapsize: HEAP_BYTES,
  linebuffer: true,
  stdout: (line) => console.error(line),
  stderr: (line) => console.error(line),
});
const memory = micropython._module;
const clockForSleeping = new Int32Array(new SharedArrayBuffer(4));

micropython.registerJsModule('host', {
  available: () => received.used,
  waitForInput: (milliseconds) => received.waitUntilUsed(milliseconds < 0 ? Infinity : milliseconds),
  setReceiveLimit: (bytes) => {
    received.limit = bytes;
  },
  // What has arrived, at most count bytes, to that address; waits at most so long for the first byte.
  receive: (address, count, milliseconds) => {
    if (count > 0) received.waitUntilUsed(milliseconds);
    return received.take(count, (i, byte) => memory.setValue(address + i, byte, 'i8'));
  },
  // Returns how many bytes were accepted before there was no room for that long.
  send: (address, count, milliseconds) => {
    let done = 0;
    while (done < count) {
      if (!sent.waitUntilRoom(milliseconds)) break;
      const base = address + done;
      done += sent.put(count - done, (i) => memory.getValue(base + i, 'i8'));
    }
    return done;
  },
  sleep: (milliseconds) => {
    Atomics.wait(clockForSleeping, 0, 0, milliseconds);
  },
});

function copyInto(target, folder) {
  micropython.FS.mkdir(target);
  for (const name of fs.readdirSync(folder)) {
    if (!/\.(py|jpg)$/.test(name)) continue;
    micropython.FS.writeFile(`${target}/${name}`, fs.readFileSync(path.join(folder, name)));
  }
}
copyInto('/hardware', path.join(here, 'standins'));
copyInto('/firmware', path.join(here, 'standins', `firmware${firmware}`));
copyInto('/flash', path.join(here, '..', '..', 'firmware'));

// The lines of a script that a user changes are changed here in the same way: its link, main.py's watchdog.
const LINK = /^([^#\n]*)\bomvrpc\.(?:usb|uart|spi|i2c|can)\([^)\n]*\)/m;
const LINKS = {
  uart: 'omvrpc.uart(3, 115200)',
  spi: 'omvrpc.spi(ready="P7")',
  i2c: 'omvrpc.i2c(ready="P7")',
  can: 'omvrpc.can()',
  'can-fd': 'omvrpc.can()',
  'spi-master': 'omvrpc.spi_master()',
  'i2c-master': 'omvrpc.i2c_master()',
};
let source = fs.readFileSync(script, 'utf8');
function change(pattern, replacement) {
  if (!pattern.test(source)) throw new Error(`${script} has nothing like ${pattern}`);
  source = source.replace(pattern, replacement);
}
if (link in LINKS) change(LINK, `$1${LINKS[link]}`);
if (watchdog !== '0') change(/^WATCHDOG_MS = 0$/m, `WATCHDOG_MS = ${watchdog}`);

try {
  micropython.runPython("import sys; sys.path[:] = ['/flash', '/hardware', '/firmware']");
  micropython.globals.set('scene_text', scene);
  micropython.runPython(`import boot; boot.prepare('${link}', scene_text); del scene_text`);
  console.log(ptyPath);
  micropython.runPython(source);
} catch (error) {
  console.error(`run-camera: the script ended: ${error.message}`);
}
process.exit(1);
