/**
 * MQTT messages and ticks → records of the log, in order of arrival, acknowledged when they are durable.
 *
 * Messages wait in one queue. While one batch is being appended the next gathers; a batch that the log refuses for
 * a passing reason is tried again, and those behind it wait, so that order holds through an outage and nothing is
 * dropped. The queue itself holds no more than what its callers hold unacknowledged: they must bound that (the
 * embedded broker and the MQTT source do, in messages and bytes), and read on when promises resolve.
 */
import { assert } from '../domain/assert.js';
import { type Clock, SetClock } from '../domain/clock.js';
import { WorldError } from '../domain/errors.js';
import { type RejectReason, rejectReasons, type TickRecord } from '../domain/input.js';
import type { Log, NewRecord } from '../domain/log.js';
import type { MachineDirectory } from '../domain/machine-directory.js';
import type { MachineType } from '../domain/machine-type.js';
import { encodeRecord, partitionOf, topics } from '../domain/topics.js';
import { backOff } from './backoff.js';
import { clockTopic, ownTopicPrefix, parseClockMessage } from './clock-message.js';
import type { IngestConfig } from './config.js';
import { MessageParser, type ParsedMessage, toRecord } from './parse.js';

/** What became of one message, once the log has it. `received = accepted + rejected.length`. */
export interface IngestOutcome {
  /** Readings or events that the message held; 1 for a message that could not be read; 0 for the clock. */
  readonly received: number;
  readonly accepted: number;
  /** One reason per reading, event or message refused. */
  readonly rejected: readonly RejectReason[];
}

/** Sums since the start, of what the log has. `received = accepted + Σ rejected` at every moment. */
export interface IngestCounters {
  readonly messages: number;
  readonly received: number;
  readonly accepted: number;
  readonly rejected: Readonly<Record<RejectReason, number>>;
  /** Ticks written, per partition one. */
  readonly ticks: number;
  /** Messages under `millwright/`, which are the product's own and not taken. */
  readonly ignored: number;
}

export interface IngestStatus {
  /** 'log-unavailable': the log refuses and is being tried again. 'failed': it refused for good. */
  readonly state: 'running' | 'log-unavailable' | 'failed' | 'closed';
  /** What the log last said; '' when running. */
  readonly problem: string;
  /** Messages and ticks that wait for the log. */
  readonly waiting: number;
  readonly waitingBytes: number;
}

export interface IngestParts {
  readonly types: ReadonlyMap<string, MachineType>;
  readonly directory: MachineDirectory;
  readonly config: IngestConfig;
  readonly log: Pick<Log, 'append'>;
  readonly partitionCount: number;
  /** A SetClock when config.time is "messages": clock messages move it. */
  readonly clock: Clock;
  /** Asks an edge node of Sparkplug B for its births. */
  readonly requestRebirth?: (group: string, node: string) => void;
}

type Waiting =
  | {
      readonly kind: 'message';
      readonly topic: string;
      readonly payload: Uint8Array;
      readonly arrivalMs: number;
      readonly retained: boolean;
      readonly resolve: (outcome: IngestOutcome) => void;
      readonly reject: (error: unknown) => void;
    }
  | {
      readonly kind: 'tick';
      readonly timeMs: number;
      readonly resolve: () => void;
      readonly reject: (error: unknown) => void;
    };

interface Settled {
  readonly entry: Waiting;
  readonly outcome: IngestOutcome;
  readonly ticks: number;
  readonly ignored: boolean;
}

/** Bounds of one append: it blocks the event loop while it is parsed, and is one request to Kafka. */
const batchMessagesMax = 2000;
const batchBytesMax = 512 * 1024;

const nothing: IngestOutcome = { received: 0, accepted: 0, rejected: [] };

export class Ingest {
  readonly #parser: MessageParser;
  readonly #config: IngestConfig;
  readonly #log: Pick<Log, 'append'>;
  readonly #partitionCount: number;
  readonly #clock: Clock;
  #clockKnown: boolean;

  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Entries taken into the batch that is being appended. */
  #underWay = 0;
  #pumping: Promise<void> | undefined;
  readonly #abort = new AbortController();
  #closed = false;
  #failure: unknown;
  #problem = '';

  readonly #rejected = Object.fromEntries(rejectReasons.map((reason) => [reason, 0])) as Record<
    RejectReason,
    number
  >;
  #messages = 0;
  #received = 0;
  #accepted = 0;
  #ticks = 0;
  #ignored = 0;

  /** Throws UserError where config and machine types do not fit each other. */
  constructor(parts: IngestParts) {
    const { config, clock, partitionCount } = parts;
    assert(config.time === 'wall' || clock instanceof SetClock, 'a SetClock when ingest.time is "messages"');
    assert(Number.isInteger(partitionCount) && partitionCount >= 1, 'at least one partition');
    this.#parser = new MessageParser(parts);
    this.#config = config;
    this.#log = parts.log;
    this.#partitionCount = partitionCount;
    this.#clock = clock;
    this.#clockKnown = config.time === 'wall';
  }

  /**
   * Resolves when the log has what the message became: its readings or events, and a rejected record for all that
   * was refused. Never rejects for what a message holds. Rejects, and the message must then not be acknowledged,
   * when the log fails for good or ingest is closed. The payload must not be changed meanwhile. `retained`: the broker
   * had kept the message, and the time of arrival is not that of its readings.
   */
  handle(topic: string, payload: Uint8Array, retained?: 'retained'): Promise<IngestOutcome> {
    return new Promise((resolve, reject) => {
      const arrivalMs = this.#clock.nowMs();
      this.#enqueue(
        {
          kind: 'message',
          topic,
          payload,
          arrivalMs,
          retained: retained !== undefined,
          resolve,
          reject,
        },
        payload.length,
      );
    });
  }

  /** Writes the time to every partition, after all that was handled before. Resolves when the log has it. */
  tick(timeMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ kind: 'tick', timeMs, resolve, reject }, 0);
    });
  }

  counters(): IngestCounters {
    return {
      messages: this.#messages,
      received: this.#received,
      accepted: this.#accepted,
      rejected: { ...this.#rejected },
      ticks: this.#ticks,
      ignored: this.#ignored,
    };
  }

  status(): IngestStatus {
    const running = this.#problem === '' ? 'running' : 'log-unavailable';
    return {
      state: this.#failure !== undefined ? 'failed' : this.#closed ? 'closed' : running,
      problem: this.#problem,
      waiting: this.#waiting.length + this.#underWay,
      waitingBytes: this.#waitingBytes,
    };
  }

  /**
   * Waits for what is under way, then refuses more; idempotent. When the log is away there is nothing to wait
   * for: what waits is rejected, stays unacknowledged, and the broker delivers it again after a restart.
   */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#problem !== '') this.#abort.abort();
    await this.#pumping;
  }

  #enqueue(entry: Waiting, bytes: number): void {
    if (this.#failure !== undefined) {
      entry.reject(this.#failure);
    } else if (this.#closed) {
      entry.reject(closedError());
    } else {
      this.#waiting.push(entry);
      this.#waitingBytes += bytes;
      this.#pumping ??= this.#pump();
    }
  }

  /** Appends batch after batch until nothing waits. Never rejects: what goes wrong goes to those who wait. */
  async #pump(): Promise<void> {
    // One turn of the microtask queue, so that the messages of one piece of network data share a batch.
    await null;
    while (this.#waiting.length > 0) {
      const taken = this.#takeBatch();
      this.#underWay = taken.length;
      try {
        const records: NewRecord[] = [];
        const settled = taken.map((entry) => this.#process(entry, records));
        if (records.length > 0) await this.#append(records);
        this.#underWay = 0;
        for (const one of settled) this.#settle(one);
      } catch (error) {
        this.#underWay = 0;
        this.#refuseAll(taken, error);
      }
    }
    this.#pumping = undefined;
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#waiting) {
      const size = entry.kind === 'message' ? entry.payload.length : 0;
      if (count > 0 && (count >= batchMessagesMax || bytes + size > batchBytesMax)) break;
      bytes += size;
      count++;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  #process(entry: Waiting, records: NewRecord[]): Settled {
    if (entry.kind === 'tick') return this.#processTick(entry, entry.timeMs, records);
    const { topic, payload, retained } = entry;
    // While messages move the clock, a message arrives at the time that those before it have set.
    const timeMs = this.#config.time === 'wall' ? entry.arrivalMs : this.#clock.nowMs();
    const arrival = { timeMs, clockKnown: this.#clockKnown, retained };
    if (topic.startsWith(ownTopicPrefix)) {
      if (topic !== clockTopic) return { entry, outcome: nothing, ticks: 0, ignored: true };
      const message =
        this.#config.time === 'messages'
          ? parseClockMessage(payload)
          : ({
              reason: 'topic-unmatched',
              detail: 'messages may move the clock only with ingest.time set to "messages"',
            } as const);
      if ('timeMs' in message) {
        assert(this.#clock instanceof SetClock, 'a SetClock');
        this.#clock.advanceTo(message.timeMs);
        this.#clockKnown = true;
        return this.#processTick(entry, this.#clock.nowMs(), records);
      }
      const rejected = [toRecord(message, '', topic, payload, arrival)];
      return this.#encode(entry, { machine: '', inputs: [], accepted: 0, rejected }, records);
    }
    return this.#encode(entry, this.#parser.parse(topic, payload, arrival), records);
  }

  #processTick(entry: Waiting, timeMs: number, records: NewRecord[]): Settled {
    const tick: TickRecord = { kind: 'tick', timeMs };
    for (let partition = 0; partition < this.#partitionCount; partition++)
      records.push(encodeRecord(topics.inputs, partition, tick));
    return { entry, outcome: nothing, ticks: 1, ignored: false };
  }

  #encode(entry: Waiting, message: ParsedMessage, records: NewRecord[]): Settled {
    const { machine, inputs, accepted, rejected } = message;
    const partition = machine === '' ? 0 : partitionOf(machine, this.#partitionCount);
    for (const record of inputs) records.push(encodeRecord(topics.inputs, partition, record));
    for (const record of rejected) records.push(encodeRecord(topics.rejected, partition, record));
    const reasons = rejected.map((record) => record.reason);
    const outcome = { received: accepted + reasons.length, accepted, rejected: reasons };
    return { entry, outcome, ticks: 0, ignored: false };
  }

  #settle({ entry, outcome, ticks, ignored }: Settled): void {
    this.#received += outcome.received;
    this.#accepted += outcome.accepted;
    for (const reason of outcome.rejected) this.#rejected[reason]++;
    this.#ticks += ticks;
    if (ignored) this.#ignored++;
    if (entry.kind === 'message') {
      this.#messages++;
      entry.resolve(outcome);
    } else entry.resolve();
  }

  async #append(records: readonly NewRecord[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#log.append(records);
        this.#problem = '';
        return;
      } catch (error) {
        if (!(error instanceof WorldError && error.retryable)) throw error;
        this.#problem = error.message;
        if (this.#closed) throw closedError(error);
        try {
          await backOff(attempt, error.retryAfterMs ?? 0, this.#abort.signal);
        } catch {
          // Only an abort ends the sleep early: ingest was closed while the log was away.
          throw closedError(error);
        }
      }
    }
  }

  #refuseAll(taken: readonly Waiting[], error: unknown): void {
    if (!this.#closed) {
      this.#failure = error;
      this.#problem = error instanceof Error ? error.message : String(error);
    }
    const all = [...taken, ...this.#waiting];
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const entry of all) entry.reject(error);
  }
}

function closedError(cause?: unknown): WorldError {
  return new WorldError('closed', 'ingest is closed; the message is not taken and must be delivered again', {
    retryable: false,
    cause,
  });
}
