/**
 * The newest steps of one life as rows of features, oldest first and without gaps: the place of a step follows from
 * its ordinal alone, and a window is one stretch of memory. Two arrays a machine, however many steps it keeps: with
 * objects a step, a plant of ten thousand machines spends more time in the garbage collector than in its network.
 */

import { assert } from '../domain/assert.js';

/** One step of a life. */
export interface LifeRow {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepIndex: number;
  readonly revision: number;
  readonly final: boolean;
  readonly coverage: number;
  /** One character per sensor: '1' without a reading, '2' stuck, else '0'. */
  readonly sensorFaults: string;
  /** Windows given that end with this row. */
  readonly issuedCount: number;
}

/** Places of a row's numbers in the array of them; a row that is not there has NaN for its start. */
const startMs = 0;
const endMs = 1;
const revision = 2;
const final = 3;
const coverage = 4;
const issuedCount = 5;
const dirty = 6;
const width = 7;
/** Rows of room behind the newest: with it the rows move once in so many steps and not with each. */
const slackRows = 8;

export class LifeRows {
  readonly #capacity: number;
  readonly #featureCount: number;
  /** [capacity + slackRows, F]: the newest row at `newestPlace`, the others right before it, nothing after it. */
  readonly #features: Float32Array;
  /** [capacity + slackRows, width] */
  readonly #numbers: Float64Array;
  readonly #sensorFaults: string[];
  #newestIndex = Number.NEGATIVE_INFINITY;
  #newestPlace: number;
  /** No row before this one is dirty. */
  #dirtyFrom = Number.POSITIVE_INFINITY;

  constructor(capacity: number, featureCount: number) {
    const places = capacity + slackRows;
    this.#capacity = capacity;
    this.#featureCount = featureCount;
    this.#newestPlace = capacity - 1;
    this.#features = new Float32Array(places * featureCount).fill(Number.NaN);
    this.#numbers = new Float64Array(places * width).fill(Number.NaN);
    this.#sensorFaults = new Array<string>(places).fill('');
  }

  /** Where the oldest row is, if there are as many as possible. */
  get #firstPlace(): number {
    return this.#newestPlace - this.#capacity + 1;
  }

  /** Ordinal of the newest row; -Infinity without any. */
  get newestIndex(): number {
    return this.#newestIndex;
  }

  /** Ordinal of the oldest row; Infinity without any. */
  get oldestIndex(): number {
    for (let place = this.#firstPlace; place <= this.#newestPlace; place++)
      if (this.#isThere(place)) return this.#newestIndex - (this.#newestPlace - place);
    return Number.POSITIVE_INFINITY;
  }

  has(stepIndex: number): boolean {
    const place = this.#placeOf(stepIndex);
    return place >= this.#firstPlace && place <= this.#newestPlace && this.#isThere(place);
  }

  get(stepIndex: number): LifeRow {
    assert(this.has(stepIndex), `a row of step ${stepIndex}`);
    const place = this.#placeOf(stepIndex);
    return {
      startMs: this.#number(place, startMs),
      endMs: this.#number(place, endMs),
      stepIndex,
      revision: this.#number(place, revision),
      final: this.#number(place, final) === 1,
      coverage: this.#number(place, coverage),
      sensorFaults: this.#sensorFaults[place] as string,
      issuedCount: this.#number(place, issuedCount),
    };
  }

  /** The features of a row, to read or to write. */
  features(stepIndex: number): Float32Array {
    const at = this.#placeOf(stepIndex) * this.#featureCount;
    return this.#features.subarray(at, at + this.#featureCount);
  }

  /** Features of the rows up to `stepIndex`, at most `rowsMax` of them, oldest first; NaN where there is no row. */
  featuresUpTo(stepIndex: number, rowsMax: number): Float32Array {
    const end = this.#placeOf(stepIndex) + 1;
    return this.#features.subarray(Math.max(0, end - rowsMax) * this.#featureCount, end * this.#featureCount);
  }

  isFinal(stepIndex: number): boolean {
    return this.#number(this.#placeOf(stepIndex), final) === 1;
  }

  coverage(stepIndex: number): number {
    return this.#number(this.#placeOf(stepIndex), coverage);
  }

  /** Puts a row in its place, or in place of the one there. Returns the starts of the rows that are now too old. */
  put(row: LifeRow, isDirty: boolean): number[] {
    const dropped = row.stepIndex > this.#newestIndex ? this.#advanceTo(row.stepIndex) : [];
    const place = this.#placeOf(row.stepIndex);
    assert(place >= this.#firstPlace, `a step that is not older than all that is kept, got ${row.stepIndex}`);
    const at = place * width;
    const numbers = this.#numbers;
    numbers[at + startMs] = row.startMs;
    numbers[at + endMs] = row.endMs;
    numbers[at + revision] = row.revision;
    numbers[at + final] = row.final ? 1 : 0;
    numbers[at + coverage] = row.coverage;
    numbers[at + issuedCount] = row.issuedCount;
    numbers[at + dirty] = isDirty ? 1 : 0;
    if (isDirty) this.#dirtyFrom = Math.min(this.#dirtyFrom, row.stepIndex);
    this.#sensorFaults[place] = row.sensorFaults;
    return dropped;
  }

  /** Counts one more window that ends with the row. */
  countIssued(stepIndex: number): void {
    const at = this.#placeOf(stepIndex) * width;
    this.#numbers[at + issuedCount]! += 1;
    this.#numbers[at + dirty] = 1;
    this.#dirtyFrom = Math.min(this.#dirtyFrom, stepIndex);
  }

  /** Starts of all rows. */
  starts(): number[] {
    return this.#startsIn(this.#firstPlace, this.#newestPlace + 1);
  }

  /** Ordinals of the rows changed since the last call, ascending. */
  takeDirty(): number[] {
    const changed: number[] = [];
    const from = Math.max(this.#firstPlace, this.#placeOf(this.#dirtyFrom));
    for (let place = from; place <= this.#newestPlace; place++) {
      const at = place * width + dirty;
      if (this.#numbers[at] !== 1) continue;
      this.#numbers[at] = 0;
      changed.push(this.#newestIndex - (this.#newestPlace - place));
    }
    this.#dirtyFrom = Number.POSITIVE_INFINITY;
    return changed;
  }

  /** Makes `stepIndex` the newest, empty. Returns the starts of the rows that have no place any more. */
  #advanceTo(stepIndex: number): number[] {
    const steps = Math.min(this.#capacity, stepIndex - this.#newestIndex);
    const dropped = this.#startsIn(this.#firstPlace, this.#firstPlace + steps);
    if (this.#newestPlace + steps >= this.#sensorFaults.length) this.#moveTo(this.#capacity - 1 - steps);
    this.#newestPlace += steps;
    this.#newestIndex = stepIndex;
    return dropped;
  }

  /** Moves the rows so that the newest is at `place`; what would be before the beginning is lost, behind is nothing. */
  #moveTo(place: number): void {
    const from = this.#newestPlace - place;
    const end = place + 1;
    this.#features.copyWithin(0, from * this.#featureCount).fill(Number.NaN, end * this.#featureCount);
    this.#numbers.copyWithin(0, from * width).fill(Number.NaN, end * width);
    this.#sensorFaults.copyWithin(0, from).fill('', end);
    this.#newestPlace = place;
  }

  #startsIn(from: number, to: number): number[] {
    const starts: number[] = [];
    for (let place = from; place < to; place++)
      if (this.#isThere(place)) starts.push(this.#number(place, startMs));
    return starts;
  }

  #placeOf(stepIndex: number): number {
    return this.#newestPlace - (this.#newestIndex - stepIndex);
  }

  #isThere(place: number): boolean {
    return !Number.isNaN(this.#numbers[place * width + startMs]);
  }

  #number(place: number, which: number): number {
    return this.#numbers[place * width + which] as number;
  }
}
