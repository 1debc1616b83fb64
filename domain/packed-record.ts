/**
 * Records with many numbers, as bytes: the numbers in binary, all else as JSON before them. A number as text costs
 * more time than everything else that happens to it.
 *
 * Layout, little endian: u8 kind (1: f64, 2: f32, where nothing is lost by it), u32 bytes of the head, head (JSON,
 * UTF-8), numbers. No JSON text begins with such a byte.
 */
import { Buffer } from 'node:buffer';
import { allocate } from './slab.js';

const kinds = { float64: 1, float32: 2 } as const;
const prefixBytes = 5;

export function packRecord(head: object, numbers: readonly number[]): Buffer {
  const text = JSON.stringify(head);
  const headBytes = Buffer.byteLength(text);
  const short = numbers.every((value) => Math.fround(value) === value);
  const bytes = allocate(prefixBytes + headBytes + numbers.length * (short ? 4 : 8));
  bytes[0] = short ? kinds.float32 : kinds.float64;
  bytes.writeUInt32LE(headBytes, 1);
  let at = prefixBytes + bytes.write(text, prefixBytes);
  for (const value of numbers) at = short ? bytes.writeFloatLE(value, at) : bytes.writeDoubleLE(value, at);
  return bytes;
}

export function isPacked(bytes: Uint8Array): boolean {
  return bytes[0] === kinds.float32 || bytes[0] === kinds.float64;
}

/** The inverse of `packRecord`. */
export function unpackRecord(bytes: Buffer): { readonly head: unknown; readonly numbers: readonly number[] } {
  const from = prefixBytes + bytes.readUInt32LE(1);
  const short = bytes[0] === kinds.float32;
  const numbers = new Array<number>((bytes.length - from) / (short ? 4 : 8));
  for (let index = 0; index < numbers.length; index++)
    numbers[index] = short ? bytes.readFloatLE(from + 4 * index) : bytes.readDoubleLE(from + 8 * index);
  return { head: JSON.parse(bytes.toString('utf8', prefixBytes, from)), numbers };
}
