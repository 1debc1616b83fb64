/**
 * Records with many numbers, as bytes: the numbers in binary, all else as JSON before them. A number as text costs
 * more time than everything else that happens to it.
 *
 * Layout, little endian: u8 kind (1: f64, 2: f32, where nothing is lost by it), u32 bytes of the head, head (JSON,
 * UTF-8), numbers. No JSON text begins with such a byte.
 */
import { Buffer } from 'node:buffer';
import { endianness } from 'node:os';
import { allocate, allocateNumbers } from './slab.js';

const kinds = { float64: 1, float32: 2 } as const;
const prefixBytes = 5;

const isLittleEndian = endianness() === 'LE';

export function packRecord(head: object, numbers: ArrayLike<number>): Buffer {
  const text = JSON.stringify(head);
  const headBytes = Buffer.byteLength(text);
  const short = isShort(numbers);
  const bytes = allocate(prefixBytes + headBytes + numbers.length * (short ? 4 : 8));
  bytes[0] = short ? kinds.float32 : kinds.float64;
  bytes.writeUInt32LE(headBytes, 1);
  let at = prefixBytes + bytes.write(text, prefixBytes);
  if (!short && isLittleEndian && numbers instanceof Float64Array)
    bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), at);
  else
    for (let index = 0; index < numbers.length; index++) {
      const value = numbers[index] as number;
      at = short ? bytes.writeFloatLE(value, at) : bytes.writeDoubleLE(value, at);
    }
  return bytes;
}

/** Whether 32 bits hold each of the numbers as it is. */
function isShort(numbers: ArrayLike<number>): boolean {
  for (let index = 0; index < numbers.length; index++)
    if (Math.fround(numbers[index] as number) !== numbers[index]) return false;
  return true;
}

export function isPacked(bytes: Uint8Array): boolean {
  return bytes[0] === kinds.float32 || bytes[0] === kinds.float64;
}

/** The inverse of `packRecord`. */
export function unpackRecord(bytes: Buffer): { readonly head: unknown; readonly numbers: Float64Array } {
  const from = prefixBytes + bytes.readUInt32LE(1);
  const short = bytes[0] === kinds.float32;
  const numbers = allocateNumbers((bytes.length - from) / (short ? 4 : 8));
  if (!short && isLittleEndian)
    new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength).set(bytes.subarray(from));
  else
    for (let index = 0; index < numbers.length; index++)
      numbers[index] = short ? bytes.readFloatLE(from + 4 * index) : bytes.readDoubleLE(from + 8 * index);
  return { head: JSON.parse(bytes.toString('utf8', prefixBytes, from)), numbers };
}
