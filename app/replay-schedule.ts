/**
 * Publishes recorded or simulated messages at a chosen speed. Where plant time comes from messages
 * (`time: {source: messages}`), a clock message `{"timeMs": ...}` goes to millwright/clock at the end of every step, after
 * everything before it has been acknowledged: the step then closes with all its readings in it, at any speed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Temporal } from 'temporal-polyfill';
import { type Clock, wallClock } from '../domain/clock.js';
import type { MachineType } from '../domain/machine-type.js';
import { clockTopic, encodeClockMessage } from '../ingest/clock-message.js';
import type { TimedMessage } from './replay-messages.js';

/** Node's timers fire at once when they are set further ahead than 2^31 ms. */
const pauseMsMax = 3_600_000;

/** Resolves when the broker has acknowledged (QoS 1). */
export type Publish = (topic: string, payload: string) => Promise<void>;

/** The first time after `timeMs` at which the clock is to be told. */
export type NextClockMs = (timeMs: number) => number;

export interface ReplayProgress {
  /** Plant time that the replay has reached. */
  readonly timeMs: number;
  readonly publishedCount: number;
  readonly clockCount: number;
  /** Wall time by which the replay is behind its schedule; 0 at speed 'max'. */
  readonly behindMs: number;
}

export interface ReplayOptions {
  /** Plant time over wall time: 86400 is a day in a second. 'max': as fast as acknowledgements come. */
  readonly speed: number | 'max';
  /** When to tell the clock; left out: never (the receiver keeps its own time). */
  readonly clockMessages?: NextClockMs;
  /** Awaited after each clock message: what comes next is not published before. */
  readonly afterClock?: (timeMs: number) => Promise<void>;
  /** Stops after what is in flight. */
  readonly signal?: AbortSignal;
  /** Called after every message and clock message: must be quick. */
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** Messages that may wait for their acknowledgement. Default 256. */
  readonly inFlightMax?: number;
  /** For tests: the wall clock, and how to wait on it. */
  readonly clock?: Clock;
  readonly pause?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

export interface ReplayReport extends ReplayProgress {
  /** Plant time of the first message; NaN without any. */
  readonly firstMs: number;
  readonly stoppedBy: 'end' | 'signal';
}

/**
 * `source` in ascending `timeMs`. Rejects with what `publish` rejected with, after what was in flight has settled.
 * A message is never published before the clock messages of all earlier step ends are acknowledged.
 */
export async function replayTo(
  publish: Publish,
  source: AsyncIterable<TimedMessage> | Iterable<TimedMessage>,
  options: ReplayOptions,
): Promise<ReplayReport> {
  const { speed, clockMessages, signal, onProgress, inFlightMax = 256 } = options;
  const clock = options.clock ?? wallClock;
  const pause = options.pause ?? waitFor;
  const inFlight = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let firstMs = Number.NaN;
  let wallStartMs = 0;
  let timeMs = Number.NaN;
  let publishedCount = 0;
  let clockCount = 0;
  let behindMs = 0;

  const tell = (): void => onProgress?.({ timeMs, publishedCount, clockCount, behindMs });
  const stopped = (): boolean => signal?.aborted === true;
  const throwFailure = (): void => {
    if (failures.length > 0) throw failures[0];
  };
  /** Waits until `dueMs` of plant time has come on the wall clock. */
  const waitUntil = async (dueMs: number): Promise<void> => {
    if (speed === 'max') return;
    const leftMs = (): number => wallStartMs + (dueMs - firstMs) / speed - clock.nowMs();
    behindMs = Math.max(0, -leftMs());
    for (let waitMs = leftMs(); waitMs > 0 && !stopped(); waitMs = leftMs())
      await pause(Math.min(waitMs, pauseMsMax), signal);
  };
  const settle = async (): Promise<void> => {
    await Promise.all(inFlight);
    throwFailure();
  };
  const tellClock = async ({ topic, payload, timeMs: dueMs }: TimedMessage): Promise<void> => {
    await waitUntil(dueMs);
    if (stopped()) return;
    await settle();
    await publish(topic, payload);
    timeMs = dueMs;
    clockCount++;
    tell();
    await options.afterClock?.(dueMs);
  };

  try {
    for await (const message of clockMessages === undefined ? source : withClock(source, clockMessages)) {
      if (stopped()) break;
      if (Number.isNaN(firstMs)) {
        firstMs = message.timeMs;
        wallStartMs = clock.nowMs();
      }
      if (message.topic === clockTopic) {
        await tellClock(message);
        continue;
      }
      await waitUntil(message.timeMs);
      if (stopped()) break;
      while (inFlight.size >= inFlightMax) await Promise.race(inFlight);
      throwFailure();
      const sent: Promise<void> = publish(message.topic, message.payload).then(
        () => void inFlight.delete(sent),
        (error: unknown) => {
          inFlight.delete(sent);
          failures.push(error);
        },
      );
      inFlight.add(sent);
      timeMs = message.timeMs;
      publishedCount++;
      tell();
    }
    await settle();
  } finally {
    await Promise.all(inFlight);
  }
  return { timeMs, publishedCount, clockCount, behindMs, firstMs, stoppedBy: stopped() ? 'signal' : 'end' };
}

/**
 * Clock messages among the others, which ascend in `timeMs`: the first one at the time of the first message, then one at every
 * time that `nextClockMs` names, before the messages of that time and later; the last one ends the step that the last message is in.
 */
export async function* withClock(
  source: AsyncIterable<TimedMessage> | Iterable<TimedMessage>,
  nextClockMs: NextClockMs,
): AsyncGenerator<TimedMessage> {
  const clockAt = (timeMs: number): TimedMessage => ({
    timeMs,
    topic: clockTopic,
    payload: encodeClockMessage(timeMs),
  });
  let nextMs: number | undefined;
  for await (const message of source) {
    if (nextMs === undefined) {
      // The receiver must know what time it is before it can tell a reading of today from one of the future.
      yield clockAt(message.timeMs);
      nextMs = nextClockMs(message.timeMs);
    }
    for (; message.timeMs >= nextMs; nextMs = nextClockMs(nextMs)) yield clockAt(nextMs);
    yield message;
  }
  if (nextMs !== undefined) yield clockAt(nextMs);
}

async function waitFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    // Being told to stop is no error here: the caller looks at the signal.
    if (signal?.aborted !== true) throw error;
  }
}

/** The times at which steps of this machine type close: each step's end plus its grace. */
export function stepCloses(type: Pick<MachineType, 'step' | 'graceMs'>): NextClockMs {
  const { step, graceMs } = type;
  if (step.kind === 'fixed')
    return (timeMs) => (Math.floor((timeMs - graceMs) / step.durationMs) + 1) * step.durationMs + graceMs;
  return (timeMs) => {
    const day = Temporal.Instant.fromEpochMilliseconds(timeMs - graceMs).toZonedDateTimeISO(step.timeZone);
    return day.startOfDay().add({ days: 1 }).startOfDay().epochMilliseconds + graceMs;
  };
}
