/**
 * Brings points to InfluxDB, or to the spool while InfluxDB does not take them. Points of one machine arrive in the
 * order of `write`; each arrives at least once, and the layout makes that harmless.
 */
import { Buffer } from 'node:buffer';
import { appendFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import { WorldError } from '../../domain/errors.js';
import type { Rng } from '../../domain/rng.js';
import type { InfluxConnection, WriteVerdict } from './connection.js';
import type { Spool } from './spool.js';

const pack = promisify(gzip);
const unpack = promisify(gunzip);
/** Nearly all that there is to gain, at a third of the time of the default. */
const level = constants.Z_BEST_SPEED;

const retryFirstMs = 250;
const retryLongestMs = 30_000;
/** Refused points are kept for people to look at, up to this size. */
const refusedFileBytesMax = 10_000_000;

export interface WriterParts {
  readonly connection: InfluxConnection;
  readonly spool: Spool;
  /** Folder for `refused.lp`. */
  readonly dir: string;
  readonly batchPoints: number;
  readonly connections: number;
  readonly encoding: 'gzip' | 'none';
  /** Called before the first write and again when a retry may find the database gone. */
  readonly prepare: () => Promise<void>;
  readonly rng: Rng;
  readonly onProblem: (sentence: string) => void;
}

export class InfluxWriter {
  readonly #parts: WriterParts;
  readonly #stop = new AbortController();
  #draining: Promise<void> | null = null;
  #prepared = false;
  /** What stopped emptying the spool: not the world, so nobody tries again. */
  #broken: unknown;
  /** Why InfluxDB took nothing at the last attempt; '' when it did. */
  #problem = '';
  #refusedCount = 0;
  #refusedReason = '';

  constructor(parts: WriterParts) {
    this.#parts = parts;
    if (parts.spool.frameCount > 0) this.#drain();
  }

  /** `reason`: of the last point that InfluxDB refused for good. */
  status(): {
    readonly problem: string;
    readonly spoolBytes: number;
    readonly refusedCount: number;
    readonly refusedReason: string;
  } {
    return {
      problem: this.#problem,
      spoolBytes: this.#parts.spool.bytes,
      refusedCount: this.#refusedCount,
      refusedReason: this.#refusedReason,
    };
  }

  /** Resolves when InfluxDB or the spool has every line. Rejects with WorldError 'disk-full', retryable. */
  async write(lines: readonly string[]): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    const { batchPoints, connections, spool, encoding } = this.#parts;
    const batches: string[] = [];
    for (let from = 0; from < lines.length; from += batchPoints)
      batches.push(lines.slice(from, from + batchPoints).join('\n'));
    let next = 0;
    const sendSome = async () => {
      // While anything waits in the spool all go there: what is newer must not overtake.
      while (next < batches.length && this.#draining === null) {
        const batch = batches[next++] as string;
        await this.#send(await encode(batch, encoding), encoding);
      }
    };
    let waitMs = 0;
    try {
      if (this.#draining === null)
        await allOrFirstError(Array.from({ length: connections }, () => sendSome()));
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
      this.#report(error.message);
      waitMs = error.retryAfterMs ?? 0;
      next = 0;
    }
    if (next >= batches.length) return;
    // A part may have arrived already; all of it comes again.
    await spool.append(await Promise.all(batches.map((batch) => encode(batch, 'gzip'))));
    this.#drain(waitMs);
  }

  /** Lets go of InfluxDB; what waits stays on disk, for the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#parts.connection.close();
    await this.#draining;
    await this.#parts.spool.close();
  }

  #drain(waitMs = 0): void {
    this.#draining ??= this.#emptySpool(waitMs)
      .catch((error: unknown) => {
        this.#broken = error;
      })
      .finally(() => {
        this.#draining = null;
        // Something may have come in after the last look.
        if (this.#broken === undefined && this.#parts.spool.frameCount > 0 && !this.#stop.signal.aborted)
          this.#drain();
      });
  }

  /** Until it is empty or the writer closes. The one place that tries again. */
  async #emptySpool(firstWaitMs: number): Promise<void> {
    const { spool, rng } = this.#parts;
    const { signal } = this.#stop;
    // An abort is the end of the wait, not a failure.
    const wait = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {});
    await wait(firstWaitMs);
    for (let failures = 0; !signal.aborted; ) {
      const frame = await spool.oldest();
      if (frame === undefined) return;
      try {
        await this.#send(frame, 'gzip');
      } catch (error) {
        if (!(error instanceof WorldError)) throw error;
        this.#report(error.message);
        // The database may have to be made again.
        this.#prepared = false;
        const backoffMs = Math.min(retryLongestMs, retryFirstMs * 2 ** failures++);
        // Partly at random: many writers must not come back at the same moment.
        await wait((error.retryAfterMs ?? backoffMs / 2) + (rng.uniform() * backoffMs) / 2);
        continue;
      }
      failures = 0;
      await spool.remove();
    }
  }

  /** Resolves when every point is stored or refused for good. Rejects with WorldError when InfluxDB takes nothing now. */
  async #send(body: Uint8Array, encoding: 'gzip' | 'none'): Promise<void> {
    if (!this.#prepared) await this.#parts.prepare();
    this.#prepared = true;
    const verdict = await this.#parts.connection.write(body, encoding);
    if (verdict.kind !== 'stored') {
      const text = Buffer.from(encoding === 'gzip' ? await unpack(body) : body).toString('utf8');
      await this.#sort(text.split('\n'), verdict);
    }
    this.#problem = '';
  }

  /** Finds the points that InfluxDB refuses by halves: a bad one holds up none of the others. */
  async #sort(
    lines: readonly string[],
    verdict: Exclude<WriteVerdict, { readonly kind: 'stored' }>,
  ): Promise<void> {
    if (verdict.kind === 'refused' && (lines.length === 1 || verdict.droppedCount >= lines.length))
      return this.#refuse(lines, verdict.reason);
    if (lines.length === 1) return this.#refuse(lines, 'the point is longer than InfluxDB takes');
    const middle = lines.length >> 1;
    for (const half of [lines.slice(0, middle), lines.slice(middle)]) {
      const again = await this.#parts.connection.write(Buffer.from(half.join('\n')), 'none');
      if (again.kind !== 'stored') await this.#sort(half, again);
    }
  }

  async #refuse(lines: readonly string[], reason: string): Promise<void> {
    const file = join(this.#parts.dir, 'refused.lp');
    this.#refusedCount += lines.length;
    this.#refusedReason = reason;
    this.#parts.onProblem(
      `InfluxDB refuses ${lines.length} ${lines.length === 1 ? 'point' : 'points'} for good: ${reason.slice(0, 300)}; see ${file}`,
    );
    const size = await stat(file).then(
      (found) => found.size,
      () => 0,
    );
    if (size < refusedFileBytesMax)
      await appendFile(file, `# ${reason.slice(0, 1000)}\n${lines.join('\n')}\n`);
  }

  #report(problem: string): void {
    if (problem !== this.#problem) this.#parts.onProblem(problem);
    this.#problem = problem;
  }
}

async function encode(text: string, encoding: 'gzip' | 'none'): Promise<Uint8Array> {
  const bytes = Buffer.from(text);
  return encoding === 'gzip' ? pack(bytes, { level }) : bytes;
}

/** Rejects with the first error, once every promise has settled. */
async function allOrFirstError(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises))
    if (result.status === 'rejected') throw result.reason;
}
