/**
 * Keys and values of the embedded store. Most keys are ordered so that a query is one range: machine, zero byte, time,
 * what else identifies the record. Steps and forecasts come for all machines at once, so time stands first in their
 * keys: by machine, each would change a page of its own, 4 KB for 500 bytes. Values are a revision (u32, little endian),
 * so that it can be compared without decoding, and the record: steps and forecasts as in the log (domain/record-bytes.ts;
 * of earlier versions as MessagePack, too), all others as plain MessagePack, half the time and size of JSON.
 */
import { Buffer } from 'node:buffer';
import { Packr, RESET_BUFFER_MODE } from 'msgpackr';
import { ownAggregates } from '../../domain/aggregate-view.js';
import type { AlertRecord } from '../../domain/alert.js';
import { WorldError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import { isPacked } from '../../domain/packed-record.js';
import { type PackedStep, unpackStep } from '../../domain/packed-step.js';
import { decodeForecast, decodeStep } from '../../domain/record-bytes.js';
import type { StepRecord } from '../../domain/step.js';
import type { Span } from '../../domain/store.js';
import { encodePacked } from '../../domain/topics.js';
import { change, type LmdbBatch } from './lmdb-batch.js';

export const storeDatabaseNames = [
  'steps', // start, machine
  'forecasts', // origin, machine, model
  'newest', // machine: key in `forecasts` of what the fleet shows
  'events', // machine, time, kind, code (of feedback: alert)
  'removed', // machine: since when it is out of the fleet (f64)
  'transitions', // alert, sequence
  'alerts', // alert: its newest transition
  'alerts-by-time', // time, alert: key in `alerts`
  'alerts-by-machine', // machine, time, alert: key in `alerts`
] as const;
export type StoreDatabase = (typeof storeDatabaseNames)[number];

/** LMDB's limit for a key with 4 KiB pages is 1,978 bytes; times and an event's kind take up to 50. */
const nameBytesMax = 1_900;
/** Without msgpackr's own extension for records: any MessagePack reader can read the values. */
const packer = new Packr({ useRecords: false });
const after = Buffer.from([0xff]);
const zero = Buffer.from([0]);

/** Parts one behind the other, text followed by a zero byte. */
export function storeKey(...parts: readonly (string | Buffer)[]): Buffer {
  let bytes = 0;
  for (const part of parts) bytes += typeof part === 'string' ? Buffer.byteLength(part) + 1 : part.length;
  const key = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const part of parts)
    if (typeof part === 'string') {
      at += key.write(part, at);
      key[at++] = 0;
    } else {
      key.set(part, at);
      at += part.length;
    }
  return key;
}

/** Refuses names that would not fit into a key together. */
export function checkNames(...names: readonly string[]): void {
  let bytes = 0;
  // A code unit is at most three bytes of UTF-8: an upper bound is enough.
  for (const name of names) bytes += 3 * name.length;
  if (bytes > nameBytesMax)
    throw new WorldError(
      'too-large',
      `the store cannot keep a record whose machine, model, code or alert has a name this long: ` +
        `${names.map((name) => name.slice(0, 60)).join(', ')}`,
      { retryable: false },
    );
}

/** Eight bytes that sort like the time; whole milliseconds, also before 1970. */
export function timeKey(timeMs: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  const high = Math.floor(timeMs / 2 ** 32);
  key.writeUInt32BE(high + 2 ** 22, 0);
  key.writeUInt32BE(Math.floor(timeMs - high * 2 ** 32), 4);
  return key;
}

/** Greater than every key that begins with these parts. */
export function afterAll(...parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat([storeKey(...parts), after]);
}

/** The time of a key that begins with one. */
export function timeOfKey(key: Uint8Array): number {
  const bytes = Buffer.from(key.buffer, key.byteOffset, 8);
  return (bytes.readUInt32BE(0) - 2 ** 22) * 2 ** 32 + bytes.readUInt32BE(4);
}

/** The range of a machine's records whose time is in the span, newest first. */
export function newestFirst(
  machine: string | undefined,
  span: Span,
): { readonly start: Buffer; readonly end: Buffer; readonly reverse: true } {
  const prefix = machine === undefined ? Buffer.alloc(0) : storeKey(machine);
  const below = (timeMs: number) => Buffer.concat([prefix, timeKey(Math.ceil(timeMs) - 1), after]);
  const { fromMs = -Infinity, toMs = Infinity } = span;
  return {
    start: toMs === Infinity ? Buffer.concat([prefix, after]) : below(toMs),
    end: fromMs === -Infinity ? Buffer.concat([prefix, zero]) : below(fromMs),
    reverse: true,
  };
}

/** Puts the record into the batch, encoded. */
export function putRevised(
  batch: LmdbBatch,
  database: number,
  key: Buffer,
  revision: number,
  record: StepRecord | ForecastRecord | EventRecord | AlertRecord,
): void {
  // Plain MessagePack is in the packer's own memory, which the next call uses again.
  const bytes = encodePacked(record) ?? packer.pack(record, RESET_BUFFER_MODE);
  const { buffer, at } = batch.reserve(change.put, database, key, 4 + bytes.length);
  buffer.writeUInt32LE(revision, at);
  buffer.set(bytes, at + 4);
}

export function storedStep(value: Buffer): StepRecord {
  const bytes = value.subarray(4);
  if (!isPacked(bytes)) return unpackStep(packer.unpack(bytes) as PackedStep);
  const step = decodeStep(bytes);
  return { ...step, sensors: ownAggregates(step.sensors) };
}

export function storedForecast(value: Buffer): ForecastRecord {
  const bytes = value.subarray(4);
  return isPacked(bytes) ? decodeForecast(bytes) : (packer.unpack(bytes) as ForecastRecord);
}

export function revisionOf(value: Buffer): number {
  return value.readUInt32LE(0);
}

/** Of events and transitions. The store is ours: what it holds was validated before it was written. */
export function decodeRevised<T>(value: Buffer): T {
  return packer.unpack(value.subarray(4)) as T;
}
