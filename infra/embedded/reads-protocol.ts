/**
 * What goes over the socket at which the process that has a folder open answers reads: frames of a length (u32, big
 * endian) and MessagePack values one behind the other. The server begins with a `Greeting`. A request is one value. Its
 * answer, in the order of requests, is a `Head` and the next items of what was asked for: the client draws them, so a
 * slow one holds nothing up.
 */
import { Buffer } from 'node:buffer';
import { Packr } from 'msgpackr';
import { UserError, WorldError, type WorldErrorCode } from '../../domain/errors.js';
import type { FolderFormat } from './lmdb-folder.js';

/** Grows when frames, requests or answers change. */
export const readsVersion = 1;

/** An answer has items up to this size, or one that is larger. */
export const answerBytesMax = 262_144;
/** Longer ones are not ours. */
const frameBytesMax = 2 ** 30;

export interface Greeting {
  readonly readsVersion: number;
  readonly format: FolderFormat;
}

export type ReadRequest =
  /** Calls a reading method of the port. */
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly method: string;
      readonly parameters: readonly unknown[];
    }
  /** The next items of a call. */
  | { readonly kind: 'more'; readonly id: number }
  /** No more of them are wanted. */
  | { readonly kind: 'enough'; readonly id: number };

export interface Head {
  /** No more items follow. */
  readonly isLast: boolean;
  readonly failure?: Failure;
}

interface Failure {
  readonly message: string;
  readonly world?: { readonly code: WorldErrorCode; readonly retryable: boolean };
  readonly exitCode?: number;
}

const packer = new Packr({ useRecords: false });

export function pack(value: unknown): Buffer {
  return packer.pack(value);
}

/** A frame of packed values, in memory of its own. */
export function frameOf(packed: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 4;
  for (const { byteLength } of packed) length += byteLength;
  const frame = new Uint8Array(length);
  new DataView(frame.buffer).setUint32(0, length - 4);
  let at = 4;
  for (const bytes of packed) {
    frame.set(bytes, at);
    at += bytes.byteLength;
  }
  return frame;
}

/** Cuts a stream of bytes into frames and gives the values of each. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #length = 0;

  /** Throws Error when the bytes are not frames. */
  *add(chunk: Uint8Array): Generator<unknown[]> {
    this.#chunks.push(chunk);
    this.#length += chunk.byteLength;
    while (this.#length >= 4) {
      const frameLength = 4 + this.#peekLength();
      if (frameLength > frameBytesMax) throw new Error(`a frame of ${frameLength} bytes`);
      if (this.#length < frameLength) return;
      const bytes = this.#joined();
      this.#chunks = [bytes.subarray(frameLength)];
      this.#length -= frameLength;
      yield packer.unpackMultiple(bytes.subarray(4, frameLength)) as unknown[];
    }
  }

  #peekLength(): number {
    if ((this.#chunks[0] as Uint8Array).byteLength < 4) this.#joined();
    const { buffer, byteOffset } = this.#chunks[0] as Uint8Array;
    return new DataView(buffer, byteOffset).getUint32(0);
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    const whole =
      this.#chunks.length === 1 && Buffer.isBuffer(first) ? first : Buffer.concat(this.#chunks, this.#length);
    this.#chunks = [whole];
    return whole;
  }
}

export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof WorldError)
    return { message, world: { code: error.code, retryable: error.retryable } };
  if (error instanceof UserError) return { message, exitCode: error.exitCode };
  return { message };
}

export function errorOf({ message, world, exitCode }: Failure): Error {
  if (world) return new WorldError(world.code, message, world);
  if (exitCode !== undefined) return new UserError(message, { exitCode });
  return new Error(message);
}
