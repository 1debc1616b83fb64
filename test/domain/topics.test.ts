import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { AggregateView } from '../../domain/aggregate-view.js';
import { packRecord, unpackRecord } from '../../domain/packed-record.js';
import type { SensorAggregate, StepRecord } from '../../domain/step.js';
import { decodeRecord, encodeRecord, topics } from '../../domain/topics.js';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const aggregate: fc.Arbitrary<SensorAggregate> = fc.record(
  {
    count: fc.nat(),
    mean: finite,
    m2: finite,
    min: finite,
    max: finite,
    firstOffsetMs: fc.nat(),
    first: finite,
    lastOffsetMs: fc.nat(),
    last: finite,
    timeMean: finite,
    timeM2: finite,
    timeValueM: finite,
    outOfRangeCount: fc.nat(),
  },
  { noNullPrototype: true },
);
const step: fc.Arbitrary<StepRecord> = fc.record({
  kind: fc.constant('step' as const),
  machine: fc.string({ unit: 'grapheme', minLength: 1 }),
  type: fc.string(),
  site: fc.string(),
  line: fc.string(),
  startMs: fc.integer(),
  endMs: fc.integer(),
  stepIndex: fc.nat(),
  lifeStartMs: fc.integer(),
  revision: fc.nat(),
  final: fc.boolean(),
  sensors: fc.array(fc.option(aggregate)),
  eventCounts: fc.array(fc.nat()),
  maintenanceAges: fc.array(fc.option(fc.nat())),
  coverage: fc.array(fc.double({ min: 0, max: 1, noNaN: true })),
  stuck: fc.array(fc.boolean()),
  firstOffset: fc.integer({ min: -1 }),
  lastOffset: fc.integer({ min: -1 }),
});
const runs = { numRuns: 300, seed: 20240607 };

const stored = (record: StepRecord) => {
  const { key, value, timeMs } = encodeRecord(topics.steps, 3, record);
  return { topic: topics.steps, partition: 3, offset: 0, key, value, timeMs };
};

it('a step is read as it was written (300 cases)', () => {
  fc.assert(
    fc.property(step, (record) => {
      const read = decodeRecord(topics.steps, stored(record));
      // In the head −0 is 0, as in JSON.
      assert.equal(JSON.stringify(read), JSON.stringify(record));
      assert.deepEqual(read.kind === 'step' && read.sensors.map(fieldsOf), record.sensors);
    }),
    runs,
  );
});

function fieldsOf(sensor: SensorAggregate | null): SensorAggregate | null {
  return sensor instanceof AggregateView ? sensor.toJSON() : sensor;
}

it('packed numbers keep every bit, and take four bytes where that is enough (300 cases)', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(finite, fc.float({ noNaN: true }))),
      fc.dictionary(fc.string(), fc.string()),
      (numbers, head) => {
        const bytes = packRecord(head, numbers);
        const read = unpackRecord(bytes);
        assert.deepEqual(Array.from(read.numbers), numbers);
        assert.equal(JSON.stringify(read.head), JSON.stringify(head));
        const headBytes = Buffer.byteLength(JSON.stringify(head));
        const exact = numbers.every((value) => Math.fround(value) === value);
        assert.equal(bytes.length, 5 + headBytes + numbers.length * (exact ? 4 : 8));
      },
    ),
    runs,
  );
});

it('what was packed stays when more is packed', () => {
  const all = Array.from({ length: 5_000 }, (_, index) => packRecord({ index }, [index, 0.1 * index]));
  all.forEach((bytes, index) => {
    assert.deepEqual(unpackRecord(bytes), { head: { index }, numbers: Float64Array.of(index, 0.1 * index) });
  });
});
