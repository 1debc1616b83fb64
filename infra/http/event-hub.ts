/**
 * Server-sent events. Messages of the feed are coalesced: at most one `update` every `flushMs`, with the newest
 * forecast per machine and the newest transition per alert, encoded once for all clients. Ids let a client that
 * was away go on where it was; when that is too far back it gets `resync` and reloads.
 *
 * Bounds: `clientsMax` streams; the ring of past updates and what one client has not yet read are each at most
 * `backlogBytesMax`; a client beyond it is cut off (and reconnects).
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AlertRecord } from '../../domain/alert.js';
import type { Clock } from '../../domain/clock.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { type EventRecord, remarkKinds } from '../../domain/input.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { LiveFeed, LiveMessage } from './ports.js';
import { presentAlert, presentEvent, presentForecast } from './present.js';
import type { BeatWire, UpdateWire } from './wire.js';

const flushMs = 100;
const eventsPerUpdateMax = 50;

export interface EventHubLimits {
  readonly heartbeatMs: number;
  readonly clientsMax: number;
  readonly backlogBytesMax: number;
}
export const defaultEventHubLimits: EventHubLimits = {
  heartbeatMs: 5_000,
  clientsMax: 100,
  backlogBytesMax: 16 * 1024 * 1024,
};

export class EventHub {
  readonly #clock: Clock;
  readonly #types: ReadonlyMap<string, MachineType>;
  readonly #limits: EventHubLimits;
  readonly #unsubscribe: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #clients = new Set<ServerResponse>();
  /** Tells one run of the server from the next, so that old ids are not mistaken for ours. */
  readonly #run = randomUUID().slice(0, 8);
  readonly #ring: { readonly number: number; readonly text: string }[] = [];
  #ringBytes = 0;
  #updateCount = 0;
  #flush: NodeJS.Timeout | undefined;
  /** null: the machine left the fleet. */
  #machines = new Map<string, ForecastRecord | null>();
  #alerts = new Map<string, AlertRecord>();
  #events: EventRecord[] = [];

  constructor(
    feed: LiveFeed,
    clock: Clock,
    types: ReadonlyMap<string, MachineType>,
    limits: EventHubLimits = defaultEventHubLimits,
  ) {
    this.#clock = clock;
    this.#types = types;
    this.#limits = limits;
    this.#unsubscribe = feed.subscribe((message) => this.#receive(message));
    this.#heartbeat = setInterval(() => this.#sendAll(this.#beat('beat')), limits.heartbeatMs);
    this.#heartbeat.unref();
  }

  /** Begins a stream on `response`, after `lastId` where it is known. 'full': the caller answers 503. */
  add(response: ServerResponse, lastId: string): 'added' | 'full' {
    if (this.#clients.size >= this.#limits.clientsMax) return 'full';
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const missed = this.#missedSince(lastId);
    // Only who starts afresh gets our newest id: who goes on has the missed updates' ids still to come.
    if (missed) response.write(`${this.#beat('hello')}${missed.join('')}`);
    else
      response.write(
        `id: ${this.#run}-${this.#updateCount}\n${this.#beat(lastId === '' ? 'hello' : 'resync')}`,
      );
    this.#clients.add(response);
    response.once('close', () => this.#clients.delete(response));
    response.on('error', () => this.#clients.delete(response));
    return 'added';
  }

  close(): void {
    this.#unsubscribe();
    clearInterval(this.#heartbeat);
    clearTimeout(this.#flush);
    for (const client of this.#clients) client.end();
    this.#clients.clear();
  }

  #receive(message: LiveMessage): void {
    switch (message.kind) {
      case 'forecast':
        this.#machines.set(message.machine, message);
        break;
      case 'alert':
        this.#alerts.set(message.alertId, message);
        break;
      case 'event': {
        if (remarkKinds.has(message.event)) return;
        const endsLife = this.#types.get(message.type)?.failureEndsLife ?? true;
        if (message.event === 'retired' || (message.event === 'failure' && endsLife))
          this.#machines.set(message.machine, null);
        if (message.event !== 'error') this.#events.push(message);
        if (this.#events.length > eventsPerUpdateMax) this.#events.shift();
        break;
      }
      case 'tick':
        break;
    }
    this.#flush ??= setTimeout(() => this.#sendUpdate(), flushMs);
    this.#flush.unref();
  }

  #sendUpdate(): void {
    this.#flush = undefined;
    const forecasts = [...this.#machines.values()].filter((forecast) => forecast !== null);
    const update: UpdateWire = {
      timeMs: this.#clock.nowMs(),
      forecasts: forecasts.map(presentForecast),
      gone: [...this.#machines].filter(([, forecast]) => forecast === null).map(([machine]) => machine),
      alerts: [...this.#alerts.values()].map(presentAlert),
      events: this.#events.map(presentEvent),
    };
    this.#machines = new Map();
    this.#alerts = new Map();
    this.#events = [];
    const number = ++this.#updateCount;
    const text = `id: ${this.#run}-${number}\nevent: update\ndata: ${JSON.stringify(update)}\n\n`;
    this.#ring.push({ number, text });
    this.#ringBytes += text.length;
    while (this.#ringBytes > this.#limits.backlogBytesMax)
      this.#ringBytes -= this.#ring.shift()?.text.length ?? 0;
    this.#sendAll(text);
  }

  #sendAll(text: string): void {
    for (const client of this.#clients) {
      if (client.writableLength > this.#limits.backlogBytesMax) client.destroy();
      else client.write(text);
    }
  }

  /** Updates after `lastId`, or undefined where they are not all known. */
  #missedSince(lastId: string): string[] | undefined {
    const [run, number] = lastId.split('-');
    const last = Number(number);
    const first = this.#ring[0]?.number ?? this.#updateCount + 1;
    if (run !== this.#run || !Number.isInteger(last) || last > this.#updateCount || last < first - 1)
      return undefined;
    return this.#ring.filter((update) => update.number > last).map((update) => update.text);
  }

  #beat(event: 'hello' | 'resync' | 'beat'): string {
    const beat: BeatWire = { timeMs: this.#clock.nowMs() };
    return `retry: 2000\nevent: ${event}\ndata: ${JSON.stringify(beat)}\n\n`;
  }
}
