/**
 * Machines that send numbered readings without end, and what they know: which messages the broker has acknowledged, and
 * which of those have not been seen in the log yet.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rng } from '../../domain/rng.js';
import { Publisher } from '../scenarios/publisher.js';
import { itemCount, type SentMessage } from '../scenarios/traffic.js';

export interface SenderOptions {
  readonly rng: Rng;
  readonly url: URL;
  readonly machineCount: number;
  readonly messagesPerSecond: number;
  /** Readings older than this are late for every machine. */
  readonly horizonMs: number;
}

interface Machine {
  readonly id: string;
  /** The number of its next reading. */
  sequence: number;
  lastMs: number;
}

/** Each is an ingest process's own. */
export const sites = ['north', 'south'];

const nothing = { readings: [], events: [], untimed: 0, late: 0, rejected: 0 };
const openMax = 1000;
const beatMs = 100;

export class Sender {
  readonly #options: SenderOptions;
  readonly #publisher: Publisher<SentMessage>;
  readonly #machines: readonly Machine[];
  readonly #earlier: SentMessage[] = [];
  /** Readings and events that the broker has acknowledged, and when, as long as the log does not have them. */
  readonly #missing = new Map<string, number>();
  readonly #inLog = new Set<string>();
  #state: 'sending' | 'held' | 'ended' = 'sending';
  #running: Promise<void> | undefined;
  messages = 0;
  /** Messages handed to a socket, those sent again included. */
  deliveries = 0;
  acknowledgedItems = 0;
  /** Readings and events that were sent, within the horizon. */
  readonly keys = new Set<string>();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#machines = Array.from({ length: options.machineCount }, (_, index) => ({
      id: `pump-${index}`,
      sequence: 0,
      lastMs: 0,
    }));
    this.#publisher = new Publisher<SentMessage>(
      () => {
        this.deliveries++;
      },
      (message) => this.#acknowledged(message),
    );
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Takes a breath: resolves when everything sent has been acknowledged, or the connection is lost. */
  async hold(): Promise<void> {
    this.#state = 'held';
    await this.#publisher.drained(0);
  }

  resume(): void {
    if (this.#state === 'held') this.#state = 'sending';
  }

  /** Sends no more; resolves when everything has been acknowledged. */
  async end(): Promise<void> {
    this.#state = 'ended';
    await this.#running;
    this.#publisher.cut();
  }

  /** Called for every reading and event that the log has. */
  seen(key: string): void {
    this.#inLog.add(key);
    this.#missing.delete(key);
  }

  /** Acknowledged before that moment (by performance.now()), and not in the log. */
  missingFrom(beforeMs: number): string[] {
    return [...this.#missing].filter(([, atMs]) => atMs < beforeMs).map(([key]) => key);
  }

  get openCount(): number {
    return this.#publisher.openCount;
  }

  async #run(): Promise<void> {
    const { messagesPerSecond } = this.#options;
    const perBeat = (messagesPerSecond * beatMs) / 1000;
    for (let due = 0; this.#state !== 'ended' || this.#publisher.openCount > 0; ) {
      await sleep(beatMs);
      if (!this.#publisher.connected) {
        await this.#publisher.connect(this.#options.url).catch(() => {});
        continue;
      }
      if (this.#state !== 'sending') continue;
      for (due += perBeat; due >= 1; due--)
        if (this.#publisher.openCount < openMax) this.#publisher.publish(this.#next());
    }
  }

  #acknowledged(message: SentMessage): void {
    this.acknowledgedItems += itemCount(message);
    for (const key of [...message.readings, ...message.events])
      if (!this.#inLog.has(key)) this.#missing.set(key, performance.now());
  }

  #next(): SentMessage {
    const message = this.#make();
    this.messages++;
    for (const key of [...message.readings, ...message.events]) this.keys.add(key);
    if (this.#earlier.push(message) > 500) this.#earlier.shift();
    return message;
  }

  #make(): SentMessage {
    const { rng, horizonMs } = this.#options;
    // Every machine speaks first, so that nothing comes from before its life.
    const turn = this.messages < this.#machines.length ? this.messages : rng.int(this.#machines.length);
    const machine = this.#machines[turn] as Machine;
    const topic = `factory/${sites[turn % sites.length]}/a/${machine.id}`;
    const time = Math.max(machine.lastMs + 1, Date.now());
    machine.lastMs = time;
    const chance = this.messages < this.#machines.length ? 99 : rng.int(100);
    if (chance < 5) return this.#earlier[rng.int(this.#earlier.length)] as SentMessage;
    if (chance < 8)
      return {
        ...nothing,
        topic: `${topic}/event`,
        payload: JSON.stringify({ time, event: 'error', code: 'overload' }),
        events: [`${machine.id}|error|overload|${time}`],
      };
    if (chance < 11)
      return {
        ...nothing,
        topic: `${topic}/event`,
        payload: JSON.stringify({ time, event: 'maintenance', code: 'oil', by: 'me' }),
        events: [`${machine.id}|maintenance|oil|${time}`],
      };
    if (chance < 13) return { ...nothing, topic, payload: '{"time": 1, "temp"', rejected: 1 };
    if (chance < 15)
      return {
        ...nothing,
        topic,
        payload: JSON.stringify({ time: time - 2 * horizonMs - rng.int(horizonMs), temp: 1 }),
        late: 1,
      };
    const values = { temp: rng.int(100), vib: rng.int(40), count: machine.sequence++ };
    return {
      ...nothing,
      topic,
      payload: JSON.stringify({ time, ...values }),
      readings: Object.keys(values).map((sensor) => `${machine.id}|${sensor}|${time}`),
    };
  }
}
