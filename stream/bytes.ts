/** Compact binary for state entries: little-endian doubles, LEB128 integers, length-prefixed UTF-8. */
import { Buffer } from 'node:buffer';
import { allocate } from '../domain/slab.js';

const sharedSizeBytes = 4096;

/** Writes into one growing buffer that it keeps between entries; `finish` copies the entry out. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(sharedSizeBytes);
  #size = 0;

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#size++] = value;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#size = this.#buffer.writeDoubleLE(value, this.#size);
  }

  /** An integer in [0, 2^53). */
  integer(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#size++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#size++] = rest;
  }

  text(value: string): void {
    const sizeBytes = Buffer.byteLength(value, 'utf8');
    this.integer(sizeBytes);
    this.#reserve(sizeBytes);
    this.#size += this.#buffer.write(value, this.#size, 'utf8');
  }

  floats(values: Float32Array): void {
    this.#reserve(4 * values.length);
    for (const value of values) this.#size = this.#buffer.writeFloatLE(value, this.#size);
  }

  finish(): Buffer {
    const entry = allocate(this.#size);
    this.#buffer.copy(entry, 0, 0, this.#size);
    this.#size = 0;
    return entry;
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#size + sizeBytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.#size);
    this.#buffer = larger;
  }
}

/** Reads what a ByteWriter wrote, in the same order. */
export class ByteReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  byte(): number {
    return this.#buffer.readUInt8(this.#at++);
  }

  double(): number {
    const value = this.#buffer.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  integer(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  text(): string {
    const sizeBytes = this.integer();
    const value = this.#buffer.toString('utf8', this.#at, this.#at + sizeBytes);
    this.#at += sizeBytes;
    return value;
  }

  floats(into: Float32Array): void {
    for (let i = 0; i < into.length; i++) {
      into[i] = this.#buffer.readFloatLE(this.#at);
      this.#at += 4;
    }
  }
}
