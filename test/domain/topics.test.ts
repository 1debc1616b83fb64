import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { aggregateNumbers, ownAggregates } from '../../domain/aggregate-view.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { LogRecord } from '../../domain/log.js';
import { packRecord, unpackRecord } from '../../domain/packed-record.js';
import type { SensorAggregate, StepRecord } from '../../domain/step.js';
import { decodeRecord, encodeRecord, type TopicRecords, topics } from '../../domain/topics.js';

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

const forecast: fc.Arbitrary<ForecastRecord> = fc.record(
  {
    kind: fc.constant('forecast' as const),
    machine: fc.string({ unit: 'grapheme', minLength: 1 }),
    type: fc.string(),
    site: fc.string(),
    line: fc.string(),
    originMs: fc.integer(),
    stepIndex: fc.nat(),
    revision: fc.nat(),
    status: fc.constantFrom('ok', 'provisional', 'fallback', 'not-assessable'),
    reason: fc.string(),
    model: fc.string(),
    rung: fc.constantFrom('smoothing', 'age'),
    stuckSensors: fc.array(fc.string()),
    measured: fc.dictionary(fc.constantFrom('temp.mean', 'drift(temp.max, 3)'), fc.option(finite)),
    curve: fc.constant('health-limit' as const),
    probabilities: fc.array(fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(0.25))),
    expectedDay: fc.option(fc.nat()),
    coverage: fc.double({ min: 0, max: 1, noNaN: true }),
    silentSensors: fc.array(fc.string()),
    stepOffset: fc.nat(),
    values: fc.record({
      model: fc.string(),
      sensors: fc.constant([]),
      passings: fc.constant([]),
      healthIndex: fc.option(finite),
    }),
  } satisfies { [Key in keyof ForecastRecord]-?: fc.Arbitrary<NonNullable<ForecastRecord[Key]> | null> },
  {
    requiredKeys: [
      'kind',
      'machine',
      'type',
      'site',
      'line',
      'originMs',
      'stepIndex',
      'revision',
      'status',
      'reason',
      'model',
      'probabilities',
      'expectedDay',
      'coverage',
      'silentSensors',
      'stepOffset',
    ],
    noNullPrototype: true,
  },
);

const stored = (topic: string, value: Buffer): LogRecord => ({
  topic,
  partition: 3,
  offset: 0,
  key: '',
  value,
  timeMs: 0,
});
const rewritten = <T extends 'steps' | 'forecasts'>(topic: T, record: TopicRecords[T]): TopicRecords[T] =>
  decodeRecord(topic, stored(topic, encodeRecord(topic, 3, record).value));

it('a step is read as it was written (300 cases)', () => {
  fc.assert(
    fc.property(step, (record) => {
      const read = rewritten(topics.steps, record);
      assert.equal(JSON.stringify(read), JSON.stringify(record));
      assert.deepEqual(read.kind === 'step' && ownAggregates(read.sensors), record.sensors);
    }),
    runs,
  );
});

it('a forecast is read as it was written (300 cases)', () => {
  fc.assert(
    fc.property(forecast, (record) => {
      // In the head −0 is 0, as in JSON.
      assert.equal(JSON.stringify(rewritten(topics.forecasts, record)), JSON.stringify(record));
    }),
    runs,
  );
});

it('what is read can be written again, and gives the same bytes', () => {
  fc.assert(
    fc.property(step, (record) => {
      const { value } = encodeRecord(topics.steps, 3, record);
      const again = decodeRecord(topics.steps, stored(topics.steps, value));
      assert.deepEqual(encodeRecord(topics.steps, 3, again).value, value);
    }),
    runs,
  );
});

it('records of earlier versions, with all fields by name, are read', () => {
  fc.assert(
    fc.property(step, forecast, (oneStep, oneForecast) => {
      const named = { ...oneStep, sensors: oneStep.sensors.map((sensor) => sensor !== null) };
      const stepBytes = packRecord(named, aggregateNumbers(oneStep.sensors));
      const read = decodeRecord(topics.steps, stored(topics.steps, stepBytes));
      assert.equal(JSON.stringify(read), JSON.stringify(oneStep));
      const { probabilities } = oneForecast;
      const forecastBytes = packRecord({ ...oneForecast, probabilities: null }, probabilities);
      const readForecast = decodeRecord(topics.forecasts, stored(topics.forecasts, forecastBytes));
      assert.equal(JSON.stringify(readForecast), JSON.stringify(oneForecast));
    }),
    runs,
  );
});

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
