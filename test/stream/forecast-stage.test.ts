import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Predictor } from '../../domain/features.js';
import { curveOf, type ForecastRecord } from '../../domain/forecast.js';
import type { InputRecord } from '../../domain/input.js';
import { type MachineType, machineTypeSchema } from '../../domain/machine-type.js';
import { topics } from '../../domain/topics.js';
import type { ValueOutlook, ValuePredictor } from '../../domain/values.js';
import { featureSpec } from '../../stream/features.js';
import { asLog, forecastStage, makeFakePredictor, runBoth, runStage } from './run-stages.js';

const dayMs = 86_400_000;
const type = machineTypeSchema.parse({
  name: 'press',
  sensors: [{ name: 'heat' }, { name: 'load', expectedPerStep: 2 }],
  windowSteps: 3,
  horizonSteps: 3,
  minimumSteps: 2,
  minimumCoverage: 0.6,
  provisionalEveryMs: '6h',
});

function readings(machine: string, day: number, sensors: readonly string[]): InputRecord {
  const timeMs = Math.floor(day * dayMs) + 1;
  const who = { machine, type: 'press', site: 'north', line: '2', ingestTimeMs: timeMs };
  return {
    kind: 'readings',
    ...who,
    sensors,
    timesMs: sensors.map((_, i) => timeMs + i),
    values: sensors.map(() => day),
  };
}

function tick(day: number): InputRecord {
  return { kind: 'tick', timeMs: day * dayMs };
}

async function forecasts(inputs: readonly InputRecord[], predictor?: Predictor, of: MachineType = type) {
  const { forecasts } = await runBoth(of, inputs, predictor);
  return forecasts.filter((record): record is ForecastRecord => record.kind === 'forecast');
}

const full = ['heat', 'load', 'load'];

test('a forecast says where it comes from, how good its data is, and passes float32 values on exactly', async () => {
  const all = await forecasts(
    [readings('a', 0, full), tick(1), readings('a', 1, ['heat']), tick(2)],
    makeFakePredictor(type),
  );
  const newest = all.at(-1);
  assert.ok(newest);
  const { probabilities, ...rest } = newest;
  assert.deepEqual(rest, {
    kind: 'forecast',
    machine: 'a',
    type: 'press',
    site: 'north',
    line: '2',
    originMs: 2 * dayMs,
    stepIndex: 1,
    revision: 0,
    status: 'ok',
    reason: '',
    model: 'fake-1',
    expectedDay: newest.expectedDay,
    coverage: 0.75,
    silentSensors: ['load'],
    stepOffset: 2,
  });
  assert.equal(probabilities.length, 3);
  assert.deepEqual(probabilities, [...Float32Array.from(probabilities)]);
});

test('a forecast names the sensors that are stuck in its newest step, and only those', async () => {
  const sensors = type.sensors.map((sensor) => ({ ...sensor, stuckAfter: 2 }));
  const all = await forecasts(
    [readings('a', 0, full), tick(1), readings('a', 1, ['load', 'heat', 'heat']), tick(2), tick(3)],
    makeFakePredictor(type),
    { ...type, sensors },
  );
  const newest = [...new Map(all.map((each) => [each.originMs, each])).values()];
  assert.deepEqual(
    newest.map(({ stuckSensors, silentSensors }) => [stuckSensors, silentSensors]),
    [
      [['load'], []],
      [['heat'], []],
      [undefined, ['heat', 'load']],
    ],
  );
});

test('what cannot be assessed says why, in words', async () => {
  const predictor = makeFakePredictor(type);
  const reasonOf = async (inputs: readonly InputRecord[], by?: Predictor) => {
    const newest = (await forecasts(inputs, by)).at(-1);
    assert.deepEqual([newest?.status, newest?.probabilities], ['not-assessable', []]);
    return newest?.reason;
  };
  const oneDay = [readings('a', 0, full), tick(1)];
  const twoDays = [...oneDay, readings('a', 1, full), tick(2)];
  assert.equal(await reasonOf(oneDay, predictor), 'history too short: 1 of 2 steps');
  assert.equal(
    await reasonOf([...oneDay, tick(2)], predictor),
    'too few readings: coverage 0.50 is below 0.6',
  );
  assert.equal(await reasonOf(twoDays), 'no model for machine type press');
  const answering = (curve: number[]): Predictor => ({
    ...predictor,
    predict: async () => Float32Array.from(curve),
  });
  assert.equal(await reasonOf(twoDays, answering([0.1, Number.NaN, 0.2])), 'the model gave NaN for day 2');
  assert.equal(await reasonOf(twoDays, answering([0.1, 0.2, 1.5])), 'the model gave 1.5 for day 3');
  assert.equal(await reasonOf(twoDays, answering([0.3, 0.2, 0.4])), "the model's curve falls on day 2");
  assert.equal(await reasonOf(twoDays, answering([0.3])), 'the model gave too few values');
  const others = { ...predictor, spec: { ...predictor.spec, names: ['warmth.mean', 'load.mean', 'age'] } };
  assert.equal(
    await reasonOf(twoDays, others),
    'model fake-1 has feature "warmth.mean" where machine type press has "heat.mean": train again',
  );
});

test('a fall by rounding is levelled, not refused', async () => {
  const inputs = [readings('a', 0, full), tick(1), readings('a', 1, full), tick(2)];
  const predictor = {
    ...makeFakePredictor(type),
    predict: async () => Float32Array.of(0.2, 0.19999998, 0.3),
  };
  const newest = (await forecasts(inputs, predictor)).at(-1);
  assert.deepEqual([newest?.status, newest?.probabilities[1]], ['ok', Math.fround(0.2)]);
});

test('a provisional forecast is replaced by the final one, and late data re-issues every origin since', async () => {
  const inputs = [
    ...[0, 1, 2].flatMap((day) => [readings('a', day, full), tick(day + 1)]),
    readings('a', 3, full),
    tick(3.5), // provisional
    readings('a', 1.5, ['heat']), // re-opens day 1
    tick(3.6),
    tick(4),
  ];
  const told = (await forecasts(inputs, makeFakePredictor(type))).map(
    ({ originMs, revision, status }) => `${originMs / dayMs}/${revision} ${status}`,
  );
  assert.deepEqual(told, [
    '1/0 not-assessable',
    '2/0 ok',
    '3/0 ok',
    '4/0 provisional',
    '2/1 ok',
    '3/1 ok',
    '4/1 ok',
  ]);
});

test('machines that close together are predicted together, at most batchWindowsMax at a time', async () => {
  const machines = Array.from({ length: 10 }, (_, index) => `m${index}`);
  const inputs = [0, 1].flatMap((day) => [
    ...machines.map((machine) => readings(machine, day, full)),
    tick(day + 1),
  ]);
  const predictor = makeFakePredictor(type);
  const { steps, forecasts: all } = await runBoth(type, inputs, predictor);
  assert.deepEqual(predictor.batchSizes, [10]);
  const smaller = makeFakePredictor(type);
  const log = asLog(steps, topics.steps);
  const { outputs } = await runStage(forecastStage(type, smaller, 4), topics.steps, log);
  assert.deepEqual(smaller.batchSizes, [4, 4, 2]);
  assert.equal(outputs.length, all.length);
});

test('events and ticks keep their places among the forecasts', async () => {
  const failure: InputRecord = {
    kind: 'event',
    event: 'failure',
    machine: 'a',
    type: 'press',
    site: '',
    line: '',
    eventTimeMs: 1.5 * dayMs,
    ingestTimeMs: 1.5 * dayMs,
    code: '',
    by: '',
    comment: '',
  };
  const { forecasts: all } = await runBoth(
    type,
    [readings('a', 0, full), tick(1), failure, readings('a', 2, full), tick(3)],
    makeFakePredictor(type),
  );
  assert.deepEqual(
    all.map((record) => (record.kind === 'forecast' ? `forecast ${record.stepIndex}` : record.kind)),
    ['forecast 0', 'tick', 'event', 'forecast 0', 'tick'],
  );
});

describe('values of sensors', () => {
  const valued = machineTypeSchema.parse({
    ...type,
    name: 'press',
    sensors: [
      { name: 'heat', forecast: true, highLimit: 5 },
      { name: 'load', expectedPerStep: 2 },
    ],
    provisionalEveryMs: undefined,
    graceMs: undefined,
    step: { kind: 'fixed', durationMs: '1d' },
  });
  const inputs = [readings('a', 0, full), tick(1), readings('a', 1, full), tick(2)];
  const foreseeing = (health: ValueOutlook['health'], healthReason = ''): ValuePredictor => ({
    version: 'values-1',
    spec: featureSpec(valued),
    sensors: [{ name: 'heat', unit: '', column: 0 }],
    foresee: async (windows) =>
      windows.map(() => ({
        sensors: [{ sensor: 'heat', low: [1, 2, 3], median: [2, 4, 6], high: [4, 6, 8.0000001] }],
        health,
        healthReason,
      })),
    close: async () => {},
  });
  const newestOf = async (predictor: Predictor | undefined, values: ValuePredictor) => {
    const { forecasts: all } = await runBoth(valued, inputs, predictor, undefined, values);
    return all.filter((record): record is ForecastRecord => record.kind === 'forecast').at(-1);
  };
  const health = { index: 0.5, probabilities: [0, 0.25, 0.75] };

  test('go beside the curve of failures, with the limit that they may pass', async () => {
    const newest = await newestOf(makeFakePredictor(valued), foreseeing(health));
    assert.equal(newest && curveOf(newest), 'failure');
    assert.equal(newest?.model, 'fake-1');
    assert.notDeepEqual(newest?.probabilities, health.probabilities);
    assert.deepEqual(newest?.values, {
      model: 'values-1',
      sensors: [{ sensor: 'heat', low: [1, 2, 3], median: [2, 4, 6], high: [4, 6, 8] }],
      passings: [{ sensor: 'heat', side: 'above', limit: 5, day: 3, earliestDay: 2, latestDay: null }],
      healthIndex: 0.5,
    });
  });

  test('without a network for failures the curve is that of the health index, and says so', async () => {
    const newest = await newestOf(undefined, foreseeing(health));
    assert.equal(newest?.curve, 'health-limit');
    assert.deepEqual([newest?.status, newest?.model], ['ok', 'values-1']);
    assert.deepEqual(newest?.probabilities, health.probabilities);
    assert.equal(newest?.expectedDay, 3);
  });

  test('without an index there is no curve, but there are values', async () => {
    const newest = await newestOf(undefined, foreseeing(null, 'history too short for a health index'));
    assert.deepEqual(
      [newest?.status, newest?.reason, newest?.curve, newest?.probabilities],
      ['not-assessable', 'history too short for a health index', 'health-limit', []],
    );
    assert.equal(newest?.values?.sensors.length, 1);
  });

  test('those of other features are left out, the curve of failures goes on', async () => {
    const other = { ...foreseeing(health), spec: { ...featureSpec(valued), names: ['warmth.mean'] } };
    const newest = await newestOf(makeFakePredictor(valued), other);
    assert.deepEqual([newest?.status, newest?.values], ['ok', undefined]);
    const alone = await newestOf(undefined, other);
    assert.equal(
      alone?.reason,
      'model values-1 has feature "warmth.mean" where machine type press has "heat.mean": train again',
    );
  });
});
