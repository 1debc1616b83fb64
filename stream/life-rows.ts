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
  /** One character per sensor: '1' without a reading. */
  readonly silent: string;
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

export class LifeRows {
  readonly #capacity: number;
  readonly #featureCount: number;
  /** [capacity, F]; the newest row is the last. */
  readonly #features: Float32Array;
  /** [capacity, width] */
  readonly #numbers: Float64Array;
  readonly #silent: string[];
  #newestIndex = Number.NEGATIVE_INFINITY;

  constructor(capacity: number, featureCount: number) {
    this.#capacity = capacity;
    this.#featureCount = featureCount;
    this.#features = new Float32Array(capacity * featureCount).fill(Number.NaN);
    this.#numbers = new Float64Array(capacity * width).fill(Number.NaN);
    this.#silent = new Array<string>(capacity).fill('');
  }

  /** Ordinal of the newest row; -Infinity without any. */
  get newestIndex(): number {
    return this.#newestIndex;
  }

  /** Ordinal of the oldest row; Infinity without any. */
  get oldestIndex(): number {
    for (let place = 0; place < this.#capacity; place++)
      if (this.#isThere(place)) return this.#newestIndex - (this.#capacity - 1 - place);
    return Number.POSITIVE_INFINITY;
  }

  has(stepIndex: number): boolean {
    const place = this.#placeOf(stepIndex);
    return place >= 0 && place < this.#capacity && this.#isThere(place);
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
      silent: this.#silent[place] as string,
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
    assert(place >= 0, `a step that is not older than all that is kept, got ${row.stepIndex}`);
    const at = place * width;
    const numbers = this.#numbers;
    numbers[at + startMs] = row.startMs;
    numbers[at + endMs] = row.endMs;
    numbers[at + revision] = row.revision;
    numbers[at + final] = row.final ? 1 : 0;
    numbers[at + coverage] = row.coverage;
    numbers[at + issuedCount] = row.issuedCount;
    numbers[at + dirty] = isDirty ? 1 : 0;
    this.#silent[place] = row.silent;
    return dropped;
  }

  /** Counts one more window that ends with the row. */
  countIssued(stepIndex: number): void {
    const at = this.#placeOf(stepIndex) * width;
    this.#numbers[at + issuedCount]! += 1;
    this.#numbers[at + dirty] = 1;
  }

  /** Starts of all rows. */
  starts(): number[] {
    return Array.from({ length: this.#capacity }, (_, place) => this.#number(place, startMs)).filter(
      (start) => !Number.isNaN(start),
    );
  }

  /** Ordinals of the rows changed since the last call, ascending. */
  takeDirty(): number[] {
    const changed: number[] = [];
    for (let place = 0; place < this.#capacity; place++) {
      const at = place * width + dirty;
      if (this.#numbers[at] !== 1) continue;
      this.#numbers[at] = 0;
      changed.push(this.#newestIndex - (this.#capacity - 1 - place));
    }
    return changed;
  }

  /** Makes `stepIndex` the newest place, empty. */
  #advanceTo(stepIndex: number): number[] {
    const shift = Math.min(this.#capacity, stepIndex - this.#newestIndex);
    const dropped: number[] = [];
    for (let place = 0; place < shift; place++)
      if (this.#isThere(place)) dropped.push(this.#number(place, startMs));
    const kept = this.#capacity - shift;
    this.#features.copyWithin(0, shift * this.#featureCount).fill(Number.NaN, kept * this.#featureCount);
    this.#numbers.copyWithin(0, shift * width).fill(Number.NaN, kept * width);
    this.#silent.copyWithin(0, shift).fill('', kept);
    this.#newestIndex = stepIndex;
    return dropped;
  }

  #placeOf(stepIndex: number): number {
    return this.#capacity - 1 - (this.#newestIndex - stepIndex);
  }

  #isThere(place: number): boolean {
    return !Number.isNaN(this.#numbers[place * width + startMs]);
  }

  #number(place: number, which: number): number {
    return this.#numbers[place * width + which] as number;
  }
}
