import { Buffer } from 'node:buffer';

/**
 * Changes to an LMDB folder, packed into one piece of memory that moves to the writer's thread without a copy.
 *
 * Layout per change, little endian: u8 kind, u16 database, u16 key bytes, u32 value bytes, key, value.
 */
export const change = { put: 0, append: 1, remove: 2 } as const;
export type ChangeKind = (typeof change)[keyof typeof change];

const headBytes = 9;

export class LmdbBatch {
  #buffer: Buffer;
  #length = 0;
  #changeCount = 0;

  /** `bytesExpected`: about how much will be added; it grows when that was too little. */
  constructor(bytesExpected: number) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.ceil(bytesExpected) + 4_096);
  }

  get changeCount(): number {
    return this.#changeCount;
  }

  put(database: number, key: Uint8Array, value: Uint8Array): void {
    const at = this.#begin(change.put, database, key, value.length);
    this.#buffer.set(value, at);
  }

  remove(database: number, key: Uint8Array): void {
    this.#begin(change.remove, database, key, 0);
  }

  /**
   * Room for a value of `valueBytes` that the caller writes itself: returns where. `append` is for keys that are
   * greater than all of the database: it keeps pages full.
   */
  reserve(
    kind: typeof change.put | typeof change.append,
    database: number,
    key: Uint8Array,
    valueBytes: number,
  ): { readonly buffer: Buffer; readonly at: number } {
    const at = this.#begin(kind, database, key, valueBytes);
    return { buffer: this.#buffer, at };
  }

  /** The memory, to be transferred; the batch must not be used afterwards. */
  take(): { readonly memory: ArrayBuffer; readonly length: number } {
    return { memory: this.#buffer.buffer as ArrayBuffer, length: this.#length };
  }

  #begin(kind: ChangeKind, database: number, key: Uint8Array, valueBytes: number): number {
    const start = this.#length;
    const end = start + headBytes + key.length + valueBytes;
    if (end > this.#buffer.length) this.#grow(end);
    const buffer = this.#buffer;
    buffer[start] = kind;
    buffer.writeUInt16LE(database, start + 1);
    buffer.writeUInt16LE(key.length, start + 3);
    buffer.writeUInt32LE(valueBytes, start + 5);
    buffer.set(key, start + headBytes);
    this.#length = end;
    this.#changeCount++;
    return start + headBytes + key.length;
  }

  #grow(neededBytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(neededBytes, 2 * this.#buffer.length));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

export interface LmdbChange {
  readonly kind: ChangeKind;
  readonly database: number;
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The changes of a batch in the order in which they were made; keys and values are views of `memory`. */
export function* readChanges(memory: ArrayBuffer, length: number): Generator<LmdbChange> {
  const buffer = Buffer.from(memory, 0, length);
  for (let at = 0; at < length; ) {
    const keyStart = at + headBytes;
    const valueStart = keyStart + buffer.readUInt16LE(at + 3);
    const end = valueStart + buffer.readUInt32LE(at + 5);
    yield {
      kind: buffer[at] as ChangeKind,
      database: buffer.readUInt16LE(at + 1),
      key: buffer.subarray(keyStart, valueStart),
      value: buffer.subarray(valueStart, end),
    };
    at = end;
  }
}
