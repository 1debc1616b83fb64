/** Seeded messages of a plant of pumps, each with what must become of every reading and event in it. */
import { Buffer } from 'node:buffer';
import type { Rng } from '../../domain/rng.js';
import { hourMs } from './plant.js';
import type { Message } from './publisher.js';

/** Where the items of a message end, if it arrives once. */
export interface SentMessage extends Message {
  /** Readings within the horizon, as `machine|sensor|timeMs`: each is accepted once, and a duplicate after that. */
  readonly readings: readonly string[];
  /** Errors within the horizon, as `machine|code|timeMs`: likewise. */
  readonly events: readonly string[];
  /** Readings that get the time of their arrival: accepted or duplicates. */
  readonly untimed: number;
  readonly late: number;
  readonly rejected: number;
}

const nothing = { readings: [], events: [], untimed: 0, late: 0, rejected: 0 };
const startMs = 500_000 * hourMs;
const machines = Array.from({ length: 7 }, (_, index) => `pump-${index}`);

export class Traffic {
  readonly #rng: Rng;
  readonly #earlier: SentMessage[] = [];
  #nowMs = startMs;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  /** The first messages: the time, and a reading of each pump, so that nothing comes from before its life. */
  *opening(): Generator<SentMessage> {
    yield this.clock();
    for (const machine of machines) yield this.#single(machine, 'temp', startMs);
  }

  /** The plant's time, moved on by up to an hour. */
  clock(): SentMessage {
    this.#nowMs += this.#rng.int(hourMs);
    return { ...nothing, topic: 'millwright/clock', payload: `{"timeMs":${this.#nowMs}}` };
  }

  next(): SentMessage {
    const rng = this.#rng;
    const machine = this.#machine();
    const topic = `factory/north/a/${machine}`;
    switch (rng.int(22)) {
      case 0:
        return this.clock();
      case 1:
      case 2:
        return this.#single(machine, rng.uniform() < 0.5 ? 'temp' : 'vib', this.#goodMs());
      case 3:
        return { ...nothing, topic: `${topic}/count`, payload: `${rng.int(100)}`, untimed: 1 };
      case 4:
      case 5:
        return this.#batch(machine);
      case 6:
      case 7:
      case 8:
        return this.#earlier[rng.int(this.#earlier.length)] ?? this.clock();
      case 9:
        return this.#late(machine);
      case 10:
        return this.#keep(this.#error(machine, this.#goodMs()));
      case 11:
        return this.#maintenance(machine);
      case 12:
      case 13:
        return this.#refused(machine);
      case 14:
        return this.#partlyRefused(machine);
      default:
        return this.#object(machine);
    }
  }

  #machine(): string {
    return machines[this.#rng.int(machines.length)] as string;
  }

  /** A time that is neither late nor before the machine's life, whenever the message arrives. */
  #goodMs(): number {
    return Math.max(startMs, this.#nowMs - this.#rng.int(2 * hourMs));
  }

  #keep(message: SentMessage): SentMessage {
    this.#earlier.push(message);
    if (this.#earlier.length > 200) this.#earlier.shift();
    return message;
  }

  #single(machine: string, sensor: string, timeMs: number): SentMessage {
    const value = {
      time: timeMs,
      value: 32 + this.#rng.int(10),
      ...(sensor === 'temp' ? { unit: 'degF' } : {}),
    };
    return this.#keep({
      ...nothing,
      topic: `factory/north/a/${machine}/${sensor}`,
      payload: JSON.stringify(value),
      readings: [`${machine}|${sensor}|${timeMs}`],
    });
  }

  #object(machine: string): SentMessage {
    const time = this.#goodMs();
    return this.#keep({
      ...nothing,
      topic: `factory/north/a/${machine}`,
      payload: JSON.stringify({ time, temp: this.#rng.int(100), vib: this.#rng.int(40) }),
      readings: [`${machine}|temp|${time}`, `${machine}|vib|${time}`],
    });
  }

  #batch(machine: string): SentMessage {
    const times = Array.from({ length: 2 + this.#rng.int(4) }, () => this.#goodMs());
    return this.#keep({
      ...nothing,
      topic: `factory/north/a/${machine}`,
      payload: JSON.stringify(times.map((time) => ({ time, vib: this.#rng.int(40) }))),
      readings: times.map((time) => `${machine}|vib|${time}`),
    });
  }

  #error(machine: string, time: number): SentMessage {
    return {
      ...nothing,
      topic: `factory/north/a/${machine}/event`,
      payload: JSON.stringify({ time, event: 'error', code: 'overload' }),
      events: [`${machine}|error|overload|${time}`],
    };
  }

  #maintenance(machine: string): SentMessage {
    const time = this.#nowMs;
    return this.#keep({
      ...nothing,
      topic: `factory/north/a/${machine}/event`,
      payload: JSON.stringify({ time, event: 'maintenance', code: 'oil', by: 'me' }),
      events: [`${machine}|maintenance|oil|${time}`],
    });
  }

  #late(machine: string): SentMessage {
    const time = startMs - (100 + this.#rng.int(100)) * hourMs;
    if (this.#rng.uniform() < 0.3) return { ...this.#error(machine, time), events: [], late: 1 };
    return {
      ...nothing,
      topic: `factory/north/a/${machine}`,
      payload: JSON.stringify({ time, temp: 1, vib: 2 }),
      late: 2,
    };
  }

  /** One good reading, one that the machine type does not have, one that is out of range. */
  #partlyRefused(machine: string): SentMessage {
    const good = this.#object(machine);
    const values = JSON.parse(good.payload.toString()) as { time: number };
    return {
      ...nothing,
      topic: good.topic,
      payload: JSON.stringify({ time: values.time, vib: 999, speed: 1, temp: 5 }),
      readings: [`${machine}|temp|${values.time}`],
      rejected: 2,
    };
  }

  #refused(machine: string): SentMessage {
    const topic = `factory/north/a/${machine}`;
    const time = this.#goodMs();
    const far = this.#nowMs + 1_000_000 * hourMs;
    const bad: readonly [string, string | Buffer, number][] = [
      [topic, '{"time": 1, "temp"', 1],
      [topic, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 1],
      [topic, '[]', 1],
      [topic, 'x'.repeat(5000), 1],
      [topic, `{"time":${time},"temp":null,"vib":"3"}`, 2],
      [topic, `{"time":${time},"temp":1e400}`, 1],
      [topic, `{"time":"yesterday","temp":1,"vib":2}`, 2],
      [topic, `{"time":${far},"temp":1}`, 1],
      [topic, `{"time":${time * 1000},"temp":1}`, 1],
      [`${topic}/temp`, `{"time":${time},"value":1,"unit":"bar"}`, 1],
      [`${topic}/speed`, '3', 1],
      [`${topic}/event`, `{"time":${time},"event":"error","code":"other"}`, 1],
      [`${topic}/event`, `[{"event":"party"},7]`, 2],
      ['factory/north/a/fan-1', '{"temp":1}', 1],
      ['somewhere/else', '1', 1],
    ];
    const [badTopic, payload, rejected] = bad[this.#rng.int(bad.length)] as (typeof bad)[number];
    return { ...nothing, topic: badTopic, payload, rejected };
  }
}

/** Readings and events in a message; a message that cannot be read is one. */
export function itemCount({ readings, events, untimed, late, rejected }: SentMessage): number {
  return readings.length + events.length + untimed + late + rejected;
}
