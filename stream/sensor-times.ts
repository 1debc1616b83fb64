/**
 * Which times each sensor of a machine has a reading for, in one step: exact duplicate detection. Sensors that
 * come in the same messages share one list of times: each holds how many of its first times are its own. A sensor
 * that goes its own way (another pace, out of order) gets a set to itself.
 */
import type { ByteReader, ByteWriter } from './bytes.js';
import { TimeSet } from './time-set.js';

export class SensorTimes {
  #shared = new TimeSet();
  /** Per sensor: its times are the first so many of the shared ones. */
  readonly #sharedCounts: number[];
  readonly #own = new Map<number, TimeSet>();

  constructor(sensorCount: number) {
    this.#sharedCounts = new Array<number>(sensorCount).fill(0);
  }

  /** Adds a time, an integer >= 0 (ms since the step's start), to a sensor's; false if it was there. */
  add(sensor: number, time: number): boolean {
    const own = this.#own.size === 0 ? undefined : this.#own.get(sensor);
    if (own) return own.add(time);
    const shared = this.#shared;
    const count = this.#sharedCounts[sensor] as number;
    const follows = count === shared.size ? time > shared.newest : shared.at(count) === time;
    if (follows) {
      if (count === shared.size) shared.add(time);
      this.#sharedCounts[sensor] = count + 1;
      return true;
    }
    if (count > 0 && time <= shared.at(count - 1) && shared.has(time)) return false;
    const left = shared.prefix(count);
    left.add(time);
    this.#own.set(sensor, left);
    return true;
  }

  write(writer: ByteWriter): void {
    this.#shared.write(writer);
    this.#sharedCounts.forEach((count, sensor) => {
      const own = this.#own.get(sensor);
      writer.byte(own ? 1 : 0);
      if (own) own.write(writer);
      else writer.integer(count);
    });
  }

  static read(reader: ByteReader, sensorCount: number): SensorTimes {
    const times = new SensorTimes(sensorCount);
    times.#shared = TimeSet.read(reader);
    for (let sensor = 0; sensor < sensorCount; sensor++) {
      if (reader.byte() === 1) times.#own.set(sensor, TimeSet.read(reader));
      else times.#sharedCounts[sensor] = reader.integer();
    }
    return times;
  }
}
