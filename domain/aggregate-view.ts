/**
 * Aggregates of a step as numbers one behind the other. An object with a field for each number takes three times the
 * memory and is ten burdens for the garbage collector; when thousands of machines close a step at once, that is most of
 * the work.
 */
import type { SensorAggregate } from './step.js';

/** The numbers of an aggregate, in the order in which they lie. */
export const aggregateFields = [
  'count',
  'mean',
  'm2',
  'min',
  'max',
  'firstOffsetMs',
  'first',
  'lastOffsetMs',
  'last',
  'timeMean',
  'timeM2',
  'timeValueM',
  'outOfRangeCount',
] as const satisfies readonly (keyof SensorAggregate)[];
export const aggregateSize = aggregateFields.length;

/** The aggregate that begins at `at`. The numbers must not change any more. */
export class AggregateView implements SensorAggregate {
  readonly numbers: Float64Array;
  readonly at: number;

  constructor(numbers: Float64Array, at: number) {
    this.numbers = numbers;
    this.at = at;
  }

  get count(): number {
    return this.numbers[this.at] as number;
  }
  get mean(): number {
    return this.numbers[this.at + 1] as number;
  }
  get m2(): number {
    return this.numbers[this.at + 2] as number;
  }
  get min(): number {
    return this.numbers[this.at + 3] as number;
  }
  get max(): number {
    return this.numbers[this.at + 4] as number;
  }
  get firstOffsetMs(): number {
    return this.numbers[this.at + 5] as number;
  }
  get first(): number {
    return this.numbers[this.at + 6] as number;
  }
  get lastOffsetMs(): number {
    return this.numbers[this.at + 7] as number;
  }
  get last(): number {
    return this.numbers[this.at + 8] as number;
  }
  get timeMean(): number {
    return this.numbers[this.at + 9] as number;
  }
  get timeM2(): number {
    return this.numbers[this.at + 10] as number;
  }
  get timeValueM(): number {
    return this.numbers[this.at + 11] as number;
  }
  get outOfRangeCount(): number {
    return this.numbers[this.at + 12] as number;
  }

  /** Its fields: they are not the object's own. */
  toJSON(): SensorAggregate {
    return Object.fromEntries(
      aggregateFields.map((field) => [field, this[field]]),
    ) as unknown as SensorAggregate;
  }
}

/** The aggregates with fields of their own. */
export function ownAggregates(
  sensors: readonly (SensorAggregate | null)[],
): readonly (SensorAggregate | null)[] {
  return sensors.map((sensor) => (sensor instanceof AggregateView ? sensor.toJSON() : sensor));
}

/** Views of the aggregates that are there, one behind the other in `numbers` from `from` on; null for the others. */
export function viewAggregates(
  present: readonly boolean[],
  numbers: Float64Array,
  from: number,
): (SensorAggregate | null)[] {
  let at = from;
  return present.map((isThere) => {
    if (!isThere) return null;
    const view = new AggregateView(numbers, at);
    at += aggregateSize;
    return view;
  });
}

/** The inverse of `viewAggregates`: the numbers of all aggregates that are there. */
export function aggregateNumbers(sensors: readonly (SensorAggregate | null)[]): Float64Array {
  const present = sensors.filter((sensor) => sensor !== null);
  const [first] = present;
  const length = present.length * aggregateSize;
  if (first instanceof AggregateView) {
    const { numbers, at } = first;
    const ordered = (sensor: SensorAggregate, index: number) =>
      sensor instanceof AggregateView &&
      sensor.numbers === numbers &&
      sensor.at === at + index * aggregateSize;
    if (present.every(ordered)) return numbers.subarray(at, at + length);
  }
  const numbers = new Float64Array(length);
  present.forEach((sensor, index) => {
    aggregateFields.forEach((field, place) => {
      numbers[index * aggregateSize + place] = sensor[field];
    });
  });
  return numbers;
}
