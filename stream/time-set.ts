/**
 * A set of times that tells exactly whether a time is new. Times are kept as sorted, disjoint arithmetic runs
 * (start, interval, count), so that readings at a regular pace cost three numbers however many there are, and
 * irregular ones one and a half numbers each.
 */
import type { ByteReader, ByteWriter } from './bytes.js';

/** Numbers per run in the flat list. The interval of a run of one is 0. */
const width = 3;

export class TimeSet {
  /** start, interval, count, start, interval, count, ... ascending; each run ends before the next starts. */
  readonly #runs: number[] = [];
  #size = 0;

  /** Adds a time, an integer >= 0; false if it was there. */
  add(time: number): boolean {
    const runs = this.#runs;
    const last = runs.length - width;
    if (last < 0) {
      runs.push(time, 0, 1);
      this.#size = 1;
      return true;
    }
    const lastTime = runEnd(runs, last);
    if (time <= lastTime) return this.#insert(time);
    this.#size++;
    const count = runs[last + 2] as number;
    if (count === 1 || time - lastTime === runs[last + 1]) {
      runs[last + 1] = time - lastTime;
      runs[last + 2] = count + 1;
    } else {
      runs.push(time, 0, 1);
    }
    return true;
  }

  /** How many times. */
  get size(): number {
    return this.#size;
  }

  /** The greatest time, or -1. */
  get newest(): number {
    return this.#runs.length === 0 ? -1 : runEnd(this.#runs, this.#runs.length - width);
  }

  has(time: number): boolean {
    const runs = this.#runs;
    const at = this.#lastRunFrom(time);
    if (at < 0 || time > runEnd(runs, at)) return false;
    const interval = runs[at + 1] as number;
    return interval === 0 || (time - (runs[at] as number)) % interval === 0;
  }

  /** The time at an index in ascending order, 0 <= index < size. Fast near the end. */
  at(index: number): number {
    const runs = this.#runs;
    let at = runs.length - width;
    let first = this.#size - (runs[at + 2] as number);
    while (index < first) {
      at -= width;
      first -= runs[at + 2] as number;
    }
    return (runs[at] as number) + (runs[at + 1] as number) * (index - first);
  }

  /** A set of the first `count` times. */
  prefix(count: number): TimeSet {
    const prefix = new TimeSet();
    let left = count;
    for (let at = 0; left > 0; at += width) {
      const taken = Math.min(left, this.#runs[at + 2] as number);
      prefix.#runs.push(this.#runs[at] as number, taken === 1 ? 0 : (this.#runs[at + 1] as number), taken);
      left -= taken;
    }
    prefix.#size = count;
    return prefix;
  }

  write(writer: ByteWriter): void {
    const runs = this.#runs;
    writer.integer(runs.length / width);
    let before = 0;
    for (let at = 0; at < runs.length; at += width) {
      writer.integer((runs[at] as number) - before);
      writer.integer(runs[at + 1] as number);
      writer.integer(runs[at + 2] as number);
      before = runEnd(runs, at);
    }
  }

  static read(reader: ByteReader): TimeSet {
    const set = new TimeSet();
    let before = 0;
    for (let left = reader.integer(); left > 0; left--) {
      set.#runs.push(before + reader.integer(), reader.integer(), reader.integer());
      set.#size += set.#runs[set.#runs.length - 1] as number;
      before = runEnd(set.#runs, set.#runs.length - width);
    }
    return set;
  }

  /** Puts in a time that is not after all others. */
  #insert(time: number): boolean {
    const runs = this.#runs;
    const at = this.#lastRunFrom(time);
    if (at < 0) {
      runs.unshift(time, 0, 1);
      this.#size++;
      this.#join(0);
      return true;
    }
    const start = runs[at] as number;
    const interval = runs[at + 1] as number;
    const count = runs[at + 2] as number;
    const end = runEnd(runs, at);
    if (time > end) {
      runs.splice(at + width, 0, time, 0, 1);
    } else {
      const before = interval === 0 ? 0 : Math.floor((time - start) / interval);
      if (start + before * interval === time) return false;
      const right = count - before - 1;
      const rightStart = start + (before + 1) * interval;
      runs[at + 1] = before === 0 ? 0 : interval;
      runs[at + 2] = before + 1;
      runs.splice(at + width, 0, time, 0, 1, rightStart, right === 1 ? 0 : interval, right);
    }
    this.#size++;
    this.#join(at + width);
    this.#join(at);
    return true;
  }

  /** Joins the run with the next, and what comes of it with the one after, where the pace fits. */
  #join(at: number): void {
    const runs = this.#runs;
    while (at + width < runs.length) {
      const next = at + width;
      const gap = (runs[next] as number) - runEnd(runs, at);
      const fits = (runs[at + 1] || gap) === gap && (runs[next + 1] || gap) === gap;
      if (!fits) return;
      runs[at + 1] = gap;
      runs[at + 2] = (runs[at + 2] as number) + (runs[next + 2] as number);
      runs.splice(next, width);
    }
  }

  /** Place of the last run that starts at or before the time; negative if none. */
  #lastRunFrom(time: number): number {
    let low = 0;
    let high = this.#runs.length / width;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle * width] as number) <= time) low = middle + 1;
      else high = middle;
    }
    return (low - 1) * width;
  }
}

function runEnd(runs: readonly number[], at: number): number {
  return (runs[at] as number) + (runs[at + 1] as number) * ((runs[at + 2] as number) - 1);
}
