import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machineTypeSchema } from '../../domain/machine-type.js';
import type { StepRecord } from '../../domain/step.js';
import { featureSpec, makeFeatureWriter } from '../../stream/features.js';

const hourMs = 3_600_000;
const type = machineTypeSchema.parse({
  name: 'press',
  sensors: [
    { name: 'load', unit: 'kN', setting: true, aggregates: ['max', 'mean'] },
    {
      name: 'heat',
      unit: 'degC',
      aggregates: ['mean', 'std', 'min', 'max', 'first', 'last', 'slope', 'range'],
    },
  ],
  eventCodes: ['E1'],
  maintenanceKinds: ['pump', 'belt'],
  attributes: [
    { name: 'model', values: ['a', 'b'] },
    { name: 'weight', unit: 't' },
  ],
});

const step: StepRecord = {
  kind: 'step',
  machine: 'm',
  type: 'press',
  site: '',
  line: '',
  startMs: 0,
  endMs: 24 * hourMs,
  stepIndex: 7,
  lifeStartMs: 0,
  revision: 0,
  final: true,
  sensors: [
    null,
    {
      count: 4,
      mean: 20,
      m2: 36,
      min: 15,
      max: 25,
      firstOffsetMs: 0,
      first: 16,
      lastOffsetMs: 6 * hourMs,
      last: 24,
      timeMean: 3 * hourMs,
      timeM2: 20 * hourMs ** 2,
      timeValueM: 10 * hourMs,
      outOfRangeCount: 0,
    },
  ],
  eventCounts: [3],
  maintenanceAges: [2, null],
  coverage: [0, 1],
  stuck: [false, false],
  firstOffset: 0,
  lastOffset: 3,
};

test('each feature has a name, a unit and the value that the step says; what is missing is NaN', () => {
  const spec = featureSpec(type);
  const out = new Float32Array(spec.names.length);
  const end = makeFeatureWriter(type)(step, { model: 'b', weight: '2.5' }, out, 0);
  assert.equal(end, spec.names.length);
  assert.deepEqual(
    spec.names.map((name, i) => [name, spec.units[i], out[i]]),
    [
      ['load.max', 'kN', Number.NaN],
      ['load.mean', 'kN', Number.NaN],
      ['heat.mean', 'degC', 20],
      ['heat.std', 'degC', 3],
      ['heat.min', 'degC', 15],
      ['heat.max', 'degC', 25],
      ['heat.first', 'degC', 16],
      ['heat.last', 'degC', 24],
      ['heat.slope', 'degC/step', 12],
      ['heat.range', 'degC', 10],
      ['event.E1', '', 3],
      ['since.pump', 'steps', 2],
      ['since.belt', 'steps', Number.NaN],
      ['age', 'steps', 7],
      ['attr.model=a', '', 0],
      ['attr.model=b', '', 1],
      ['attr.weight', 't', 2.5],
    ],
  );
  assert.deepEqual(spec.settingColumns, [1]);
  assert.deepEqual([spec.windowSteps, spec.contextSteps, spec.horizonSteps], [30, 60, 30]);
});

test('one reading has no slope', () => {
  const spec = featureSpec(type);
  const out = new Float32Array(spec.names.length);
  const heat = step.sensors[1];
  assert.ok(heat);
  makeFeatureWriter(type)(
    { ...step, sensors: [null, { ...heat, count: 1, m2: 0, timeM2: 0, timeValueM: 0 }] },
    {},
    out,
    0,
  );
  assert.deepEqual(out[spec.names.indexOf('heat.slope')], Number.NaN);
  assert.equal(out[spec.names.indexOf('attr.model=b')], 0);
});

test('the calendar is a point on a circle, by the clocks of the plant', () => {
  const seasonal = machineTypeSchema.parse({
    name: 'press',
    sensors: [{ name: 'load' }],
    step: { kind: 'calendar-day', timeZone: 'America/New_York' },
    calendar: ['day-of-week', 'day-of-year', 'time-of-day'],
    failureEndsLife: false,
  });
  const spec = featureSpec(seasonal);
  assert.deepEqual(spec.names.slice(1), [
    'calendar.day-of-week.sin',
    'calendar.day-of-week.cos',
    'calendar.day-of-year.sin',
    'calendar.day-of-year.cos',
    'calendar.time-of-day.sin',
    'calendar.time-of-day.cos',
  ]);
  const write = makeFeatureWriter(seasonal);
  const at = (startMs: number | null) => {
    const out = new Float32Array(spec.names.length);
    const bare = { sensors: [null], eventCounts: [], maintenanceAges: [], stepIndex: 0, startMs };
    assert.equal(write(bare, {}, out, 0), spec.names.length);
    return [...out.slice(1)];
  };
  const circle = (...shares: number[]) =>
    shares.flatMap((share) => [Math.sin(2 * Math.PI * share), Math.cos(2 * Math.PI * share)]);
  const assertClose = (got: number[], wanted: number[]) => {
    for (const [i, value] of got.entries())
      assert.ok(Math.abs(value - (wanted[i] as number)) < 1e-6, `${got}`);
  };
  // Monday 1 January 2024 in New York, when London has 5 in the morning; and Sunday 30 June, in summer time.
  assertClose(at(Date.UTC(2024, 0, 1, 5)), circle(0, 0, 0));
  assertClose(at(Date.UTC(2024, 5, 30, 4)), circle(6 / 7, 181 / 366, 0));
  assertClose(at(Date.UTC(2024, 5, 30, 10, 30)), circle(6 / 7, 181 / 366, 6.5 / 24));
  assert.ok(at(null).every(Number.isNaN));
});
