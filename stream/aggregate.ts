/**
 * Mergeable aggregates of the readings of one sensor in one step. While a step is kept, its aggregates lie in one
 * Float64Array, `aggregateSize` numbers per sensor, so that adding a reading allocates nothing.
 */
import { aggregateSize, viewAggregates } from '../domain/aggregate-view.js';
import { allocateNumbers } from '../domain/slab.js';
import type { SensorAggregate } from '../domain/step.js';

// Places in a sensor's stretch of the array: that of `aggregateFields`, and of the state entries, whose version changes with it.
const count = 0;
const mean = 1;
const m2 = 2;
const min = 3;
const max = 4;
const firstOffsetMs = 5;
const first = 6;
const lastOffsetMs = 7;
const last = 8;
const timeMean = 9;
const timeM2 = 10;
const timeValueM = 11;
const outOfRangeCount = 12;

/** Greatest magnitude of a value that sums of squares over a step can hold without overflow. */
export const valueMagnitudeMax = 1e150;

/**
 * Adds one reading to the aggregate at `at`. Welford's update for value and time, and for their co-moment
 * (Pébay 2008, SAND2008-6212, eq. 3.11 for n = 1). The caller has made sure that the time is new to the sensor,
 * `|value| <= valueMagnitudeMax`, and `offsetMs` is counted from the step's start.
 */
export function addReading(
  into: Float64Array,
  at: number,
  offsetMs: number,
  value: number,
  outOfRange: boolean,
): void {
  const n = (into[at + count] as number) + 1;
  into[at + count] = n;
  if (outOfRange) (into[at + outOfRangeCount] as number) += 1;
  if (n === 1) {
    into[at + mean] = into[at + min] = into[at + max] = into[at + first] = into[at + last] = value;
    into[at + firstOffsetMs] = into[at + lastOffsetMs] = into[at + timeMean] = offsetMs;
    return;
  }
  const valueDelta = value - (into[at + mean] as number);
  const newMean = (into[at + mean] as number) + valueDelta / n;
  into[at + mean] = newMean;
  (into[at + m2] as number) += valueDelta * (value - newMean);
  const timeDelta = offsetMs - (into[at + timeMean] as number);
  const newTimeMean = (into[at + timeMean] as number) + timeDelta / n;
  into[at + timeMean] = newTimeMean;
  (into[at + timeM2] as number) += timeDelta * (offsetMs - newTimeMean);
  (into[at + timeValueM] as number) += timeDelta * (value - newMean);
  if (value < (into[at + min] as number)) into[at + min] = value;
  if (value > (into[at + max] as number)) into[at + max] = value;
  if (offsetMs < (into[at + firstOffsetMs] as number)) {
    into[at + firstOffsetMs] = offsetMs;
    into[at + first] = value;
  }
  if (offsetMs > (into[at + lastOffsetMs] as number)) {
    into[at + lastOffsetMs] = offsetMs;
    into[at + last] = value;
  }
}

/** The aggregates of all sensors as a record holds them; null without a reading. */
export function readAggregates(from: Float64Array): (SensorAggregate | null)[] {
  const present: boolean[] = [];
  for (let at = 0; at < from.length; at += aggregateSize) present.push(from[at + count] !== 0);
  const numbers = allocateNumbers(aggregateSize * present.filter(Boolean).length);
  let to = 0;
  for (let at = 0; at < from.length; at += aggregateSize)
    if (from[at + count] !== 0)
      for (let field = 0; field < aggregateSize; field++) numbers[to++] = from[at + field] as number;
  return viewAggregates(present, numbers, 0);
}

/**
 * The aggregate of two sets of readings that share no time and count from the same start (Chan, Golub & LeVeque
 * 1979, eq. 2.1; Pébay 2008 for the co-moment).
 */
export function mergeAggregates(a: SensorAggregate, b: SensorAggregate): SensorAggregate {
  const n = a.count + b.count;
  const weight = (a.count * b.count) / n;
  const valueDelta = b.mean - a.mean;
  const timeDelta = b.timeMean - a.timeMean;
  const earlier = a.firstOffsetMs < b.firstOffsetMs ? a : b;
  const later = a.lastOffsetMs > b.lastOffsetMs ? a : b;
  return {
    count: n,
    mean: a.mean + (valueDelta * b.count) / n,
    m2: a.m2 + b.m2 + valueDelta * valueDelta * weight,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    firstOffsetMs: earlier.firstOffsetMs,
    first: earlier.first,
    lastOffsetMs: later.lastOffsetMs,
    last: later.last,
    timeMean: a.timeMean + (timeDelta * b.count) / n,
    timeM2: a.timeM2 + b.timeM2 + timeDelta * timeDelta * weight,
    timeValueM: a.timeValueM + b.timeValueM + timeDelta * valueDelta * weight,
    outOfRangeCount: a.outOfRangeCount + b.outOfRangeCount,
  };
}
