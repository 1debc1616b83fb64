/**
 * A queue of byte strings on disk: what InfluxDB has not taken yet. What `append` has resolved for survives a crash and
 * a power cut; what a crash leaves half written was never promised and is cut off. After a restart frames that were taken
 * but whose segment was not finished come again.
 *
 * A segment is a file of frames: u32 length, u32 CRC-32 of the bytes (both little endian), the bytes.
 */
import { Buffer } from 'node:buffer';
import { type FileHandle, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { assert } from '../../domain/assert.js';
import { WorldError } from '../../domain/errors.js';

const headBytes = 8;
const segmentBytesMax = 16 * 1024 * 1024;
const fullRetryMs = 1000;

interface Frame {
  readonly segment: number;
  readonly at: number;
  readonly length: number;
  readonly crc: number;
}

export interface SpoolOptions {
  readonly dir: string;
  /** Frames and their heads; more is refused. */
  readonly bytesMax: number;
  /** Told in a sentence when something on the disk was damaged. */
  readonly onProblem: (sentence: string) => void;
}

export class Spool {
  readonly #options: SpoolOptions;
  /** Oldest first, from `#first` on. */
  #frames: Frame[] = [];
  #first = 0;
  #bytes = 0;
  /** The segment that is written to; null until there is something to write. */
  #active: { readonly segment: number; readonly file: FileHandle; bytes: number } | null = null;
  #nextSegment = 1;
  /** Appends one after another. */
  #appended: Promise<void> = Promise.resolve();

  /** Opens what an earlier run has left in `dir`; makes the folder. */
  static async open(options: SpoolOptions): Promise<Spool> {
    await mkdir(options.dir, { recursive: true });
    const spool = new Spool(options);
    const segments = (await readdir(options.dir))
      .flatMap((name) => /^(\d{10})\.spool$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
    for (const segment of segments) await spool.#recover(segment);
    return spool;
  }

  private constructor(options: SpoolOptions) {
    this.#options = options;
  }

  get frameCount(): number {
    return this.#frames.length - this.#first;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Resolves when all are on disk. Rejects with WorldError 'disk-full', retryable, when the spool or the disk is full;
   * then none is kept.
   */
  append(frames: readonly Uint8Array[]): Promise<void> {
    const done = this.#appended.then(() => this.#append(frames));
    // Who appends next waits for the end of this, whichever it is; that it failed is told to who asked.
    this.#appended = done.catch(() => {});
    return done;
  }

  /** The oldest frame, which stays until `remove`; undefined: there is none. */
  async oldest(): Promise<Uint8Array | undefined> {
    for (;;) {
      const frame = this.#frames[this.#first];
      if (!frame) return undefined;
      const bytes = await this.#read(frame);
      if (crc32(bytes) === frame.crc) return bytes;
      this.#options.onProblem(
        `${this.#path(frame.segment)} is damaged at byte ${frame.at}: ${frame.length} bytes of results for InfluxDB are lost`,
      );
      await this.remove();
    }
  }

  /** Takes the oldest frame off, and its file with the last one in it. */
  async remove(): Promise<void> {
    const frame = this.#frames[this.#first];
    assert(frame, 'a frame to remove');
    this.#first++;
    this.#bytes -= headBytes + frame.length;
    if (this.#first > 1000 && this.#first * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#first);
      this.#first = 0;
    }
    if (this.#frames[this.#first]?.segment === frame.segment) return;
    if (this.#active?.segment === frame.segment) {
      // An append may be under way in it: look again after that.
      await this.#appended;
      if (this.frameCount > 0 || this.#active?.segment !== frame.segment) return;
      await this.#seal();
    }
    await rm(this.#path(frame.segment), { force: true });
  }

  async close(): Promise<void> {
    await this.#appended;
    await this.#seal();
  }

  async #append(frames: readonly Uint8Array[]): Promise<void> {
    const { dir, bytesMax } = this.#options;
    const parts = frames.flatMap((bytes) => [head(bytes), bytes]);
    const total = parts.reduce((sum, { length }) => sum + length, 0);
    if (this.#bytes + total > bytesMax)
      throw new WorldError(
        'disk-full',
        `the spool in ${dir} is full (${this.#bytes} of ${bytesMax} bytes): bring InfluxDB back; results wait in the log meanwhile`,
        { retryable: true, retryAfterMs: fullRetryMs },
      );
    this.#active ??= await this.#begin();
    const active = this.#active;
    const from = active.bytes;
    try {
      await active.file.write(Buffer.concat(parts), 0, total, from);
      await active.file.datasync();
    } catch (cause) {
      // What was written of it is cut off, so that the next append continues a whole file.
      await active.file.truncate(from).catch(() => this.#seal());
      throw new WorldError('disk-full', `the spool in ${dir} cannot be written (${String(cause)})`, {
        retryable: true,
        retryAfterMs: fullRetryMs,
        cause,
      });
    }
    let at = from;
    for (const bytes of frames) {
      this.#frames.push({ segment: active.segment, at, length: bytes.length, crc: crc32(bytes) });
      at += headBytes + bytes.length;
    }
    active.bytes = at;
    this.#bytes += total;
    if (at >= segmentBytesMax) await this.#seal();
  }

  async #begin(): Promise<{ readonly segment: number; readonly file: FileHandle; bytes: number }> {
    const segment = this.#nextSegment++;
    const file = await open(this.#path(segment), 'wx');
    // The name, too, must survive a power cut.
    const folder = await open(this.#options.dir, 'r');
    await folder.sync().finally(() => folder.close());
    return { segment, file, bytes: 0 };
  }

  async #seal(): Promise<void> {
    const active = this.#active;
    this.#active = null;
    await active?.file.close();
  }

  async #read({ segment, at, length }: Frame): Promise<Buffer> {
    const file = await open(this.#path(segment), 'r');
    try {
      const bytes = Buffer.alloc(length);
      await file.read(bytes, 0, length, at + headBytes);
      return bytes;
    } finally {
      await file.close();
    }
  }

  /** Finds the frames of a segment. Behind one that is torn or damaged nothing can be told apart: it is cut off. */
  async #recover(segment: number): Promise<void> {
    const path = this.#path(segment);
    const bytes = await readFile(path);
    let at = 0;
    while (at + headBytes <= bytes.length) {
      const length = bytes.readUInt32LE(at);
      const crc = bytes.readUInt32LE(at + 4);
      const end = at + headBytes + length;
      if (length === 0 || end > bytes.length || crc32(bytes.subarray(at + headBytes, end)) !== crc) break;
      this.#frames.push({ segment, at, length, crc });
      this.#bytes += headBytes + length;
      at = end;
    }
    this.#nextSegment = segment + 1;
    if (at < bytes.length) {
      await writeFile(`${path}.damaged`, bytes.subarray(at));
      this.#options.onProblem(
        `${path} ends in ${bytes.length - at} bytes that are no whole frame, as a crash leaves them; they are in ${path}.damaged`,
      );
    }
    if (at === 0) await rm(path);
    else if (at < bytes.length) {
      const file = await open(path, 'r+');
      await file.truncate(at).finally(() => file.close());
    }
  }

  #path(segment: number): string {
    return join(this.#options.dir, `${String(segment).padStart(10, '0')}.spool`);
  }
}

function head(bytes: Uint8Array): Buffer {
  const made = Buffer.allocUnsafe(headBytes);
  made.writeUInt32LE(bytes.length, 0);
  made.writeUInt32LE(crc32(bytes), 4);
  return made;
}
