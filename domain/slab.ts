/** Memory for many small buffers at once: a buffer of its own for each is a burden of the garbage collector. */
import { Buffer } from 'node:buffer';

const slabBytes = 256 * 1024;

let slab = Buffer.alloc(0);
let used = 0;

/** Uninitialised memory that nobody else writes to. It lives as long as its neighbours: for what soon goes. */
export function allocate(bytes: number): Buffer {
  if (bytes > slabBytes / 8) return Buffer.allocUnsafeSlow(bytes);
  if (used + bytes > slab.length) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    used = 0;
  }
  used += bytes;
  return slab.subarray(used - bytes, used);
}

/** The same for numbers. */
export function allocateNumbers(count: number): Float64Array {
  const padding = -used & 7;
  const bytes = allocate(padding + 8 * count);
  const at = bytes.byteOffset + (-bytes.byteOffset & 7);
  return new Float64Array(bytes.buffer, at, count);
}
