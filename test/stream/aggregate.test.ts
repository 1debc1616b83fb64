import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AggregateView, aggregateSize } from '../../domain/aggregate-view.js';
import { Rng } from '../../domain/rng.js';
import type { SensorAggregate } from '../../domain/step.js';
import { addReading, mergeAggregates, readAggregates } from '../../stream/aggregate.js';
import { scale, seed } from './random-history.js';

interface Reading {
  readonly offsetMs: number;
  readonly value: number;
}

function aggregate(readings: readonly Reading[]): SensorAggregate {
  const array = new Float64Array(aggregateSize);
  for (const { offsetMs, value } of readings) addReading(array, 0, offsetMs, value, value > 2);
  return (readAggregates(array)[0] as AggregateView).toJSON();
}

/** Numbers that sums decide agree to 1e-9 of the standard deviations they are made of; the others are the same. */
function assertSame(actual: SensorAggregate, expected: SensorAggregate): void {
  const { count, m2, timeM2 } = expected;
  const scales = {
    mean: 1 + Math.abs(expected.mean),
    m2,
    timeMean: expected.timeMean,
    timeM2,
    timeValueM: Math.sqrt(m2 * timeM2),
  };
  for (const key of Object.keys(expected) as (keyof SensorAggregate)[]) {
    const tolerance =
      key in scales ? 1e-9 * Math.max(scales[key as keyof typeof scales], Number.MIN_VALUE) : 0;
    assert.ok(
      Math.abs(actual[key] - expected[key]) <= tolerance,
      `${key} of ${count} readings: ${actual[key]} is not ${expected[key]}`,
    );
  }
}

test('the numbers of three readings are those worked out by hand', () => {
  const sensor = aggregate([
    { offsetMs: 2000, value: 4 },
    { offsetMs: 0, value: 1 },
    { offsetMs: 1000, value: 1 },
  ]);
  assert.deepEqual(sensor, {
    count: 3,
    mean: 2,
    m2: 6,
    min: 1,
    max: 4,
    firstOffsetMs: 0,
    first: 1,
    lastOffsetMs: 2000,
    last: 4,
    timeMean: 1000,
    timeM2: 2_000_000,
    timeValueM: 3000, // slope 1.5 per second
    outOfRangeCount: 1,
  });
});

test('a sensor without a reading has no aggregate', () => {
  assert.deepEqual(readAggregates(new Float64Array(2 * aggregateSize)), [null, null]);
});

const caseCount = Math.ceil(500 * scale);
test(`order of arrival and merging change no more than the last bits (${caseCount} cases, seed ${seed})`, () => {
  for (let index = 0; index < caseCount; index++) {
    const rng = new Rng(seed + index);
    const count = 2 + rng.int(200);
    const level = rng.uniform() < 0.5 ? 0 : 1000;
    const readings = Array.from({ length: count }, (_, k) => ({
      offsetMs: k * 60_000 + rng.int(1000),
      value: level + rng.normal(),
    }));
    const expected = aggregate(readings);
    assertSame(aggregate(rng.shuffle([...readings])), expected);
    const cut = 1 + rng.int(count - 1);
    const mixed = rng.shuffle([...readings]);
    assertSame(mergeAggregates(aggregate(mixed.slice(0, cut)), aggregate(mixed.slice(cut))), expected);
  }
});
