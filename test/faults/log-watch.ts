/** Reads along in the log while the plant runs: what arrives, how far the stages are, that offsets go only forward. */

import { setTimeout as sleep } from 'node:timers/promises';
import { groups } from '../../app/groups.js';
import type { InputRecord } from '../../domain/input.js';
import type { Log } from '../../domain/log.js';
import { decodeRecord, topics } from '../../domain/topics.js';

/** Stages in the order of the data, what they read, and how many records they may pass without a checkpoint. */
const stages = [
  { group: groups.stream, topic: topics.inputs, behind: 0 },
  { group: groups.model, topic: topics.steps, behind: 0 },
  { group: groups.alerts, topic: topics.forecasts, behind: 1000 },
  { group: groups.store, topic: topics.forecasts, behind: 0 },
  { group: groups.store, topic: topics.steps, behind: 0 },
] as const;

export class LogWatch {
  readonly #log: Log;
  readonly #onItem: (key: string) => void;
  readonly #next = new Map<number, number>();
  readonly #committed = new Map<string, number>();
  /** Sentences on offsets that went back. */
  readonly backwards: string[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  /** `onItem` gets every reading and event of `inputs`, each time that it is there. */
  constructor(log: Log, onItem: (key: string) => void) {
    this.#log = log;
    this.#onItem = onItem;
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  /** Resolves when every stage has passed what its topic holds when the stage before has. */
  async caughtUp(signal: AbortSignal): Promise<void> {
    for (const { group, topic, behind } of stages)
      for (const { partition, endOffset } of await patiently(() => this.#log.status(topic), signal))
        while (
          (await patiently(() => this.#committedIn(group, topic, partition), signal)) <
          endOffset - behind
        ) {
          signal.throwIfAborted();
          await sleep(200);
        }
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      // The broker is away now and then.
      await this.#readOn().catch(() => {});
      await sleep(1000);
    }
  }

  async #readOn(): Promise<void> {
    for (const { partition } of await this.#log.status(topics.inputs)) {
      const id = { topic: topics.inputs, partition };
      for await (const record of this.#log.read(id, this.#next.get(partition) ?? 0)) {
        for (const key of itemKeys(decodeRecord(topics.inputs, record))) this.#onItem(key);
        this.#next.set(partition, record.offset + 1);
      }
    }
  }

  async #committedIn(group: string, topic: string, partition: number): Promise<number> {
    const offset = (await this.#log.committed(group, { topic, partition })) ?? 0;
    const key = `${group} ${topic}-${partition}`;
    const before = this.#committed.get(key) ?? 0;
    if (offset < before) this.backwards.push(`${key} went back from ${before} to ${offset}`);
    this.#committed.set(key, Math.max(offset, before));
    return offset;
  }
}

/** Readings as `machine|sensor|timeMs`, events as `machine|event|code|timeMs`. */
export function itemKeys(input: InputRecord): string[] {
  if (input.kind === 'event') return [`${input.machine}|${input.event}|${input.code}|${input.eventTimeMs}`];
  if (input.kind === 'tick') return [];
  return input.sensors.map((sensor, i) => `${input.machine}|${sensor}|${input.timesMs[i]}`);
}

/** Again while it fails: the broker may be away. */
async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;)
    try {
      return await ask();
    } catch {
      signal.throwIfAborted();
      await sleep(500);
    }
}
