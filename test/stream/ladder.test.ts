import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rung } from '../../domain/fallback.js';
import { rungs } from '../../domain/fallback.js';
import type { Predictor } from '../../domain/features.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { InputRecord } from '../../domain/input.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { Rng } from '../../domain/rng.js';
import { topics } from '../../domain/topics.js';
import { Ladder, trusted, type Verdict } from '../../stream/ladder.js';
import type { IssuedWindow } from '../../stream/window-operator.js';
import {
  asLog,
  decodeAll,
  encodeInputs,
  forecastStage,
  makeFakePredictor,
  runBoth,
  runStage,
  stepStage,
} from './run-stages.js';

const dayMs = 86_400_000;
const type = machineTypeSchema.parse({
  name: 'press',
  sensors: [{ name: 'heat' }],
  windowSteps: 3,
  horizonSteps: 3,
  minimumSteps: 2,
  minimumCoverage: 0.3,
});

const smooth = Float32Array.of(0.1, 0.2, 0.3);
const byAge = Float32Array.of(0.01, 0.02, 0.03);
const fallback = {
  smoothed: () => smooth.slice(),
  byAge: (): Float32Array | undefined => byAge.slice(),
  doubtInputs: () => undefined,
  doubtCurve: () => undefined,
};

/** A network that gives no number where the newest reading is 13. */
const superstitious: Predictor = {
  ...makeFakePredictor(type),
  fallback,
  predict: async (windows) =>
    Float32Array.from(
      windows.flatMap(({ rows }) => (rows.at(-2) === 13 ? [0.1, Number.NaN, 0.3] : [0.5, 0.6, 0.7])),
    ),
};

function day(at: number, value: number | undefined): InputRecord[] {
  const timeMs = at * dayMs + 1;
  const who = { machine: 'a', type: 'press', site: 's', line: 'l', ingestTimeMs: timeMs };
  const readings: InputRecord[] =
    value === undefined
      ? []
      : [{ kind: 'readings', ...who, sensors: ['heat'], timesMs: [timeMs], values: [value] }];
  return [...readings, { kind: 'tick', timeMs: (at + 1) * dayMs }];
}

async function forecasts(values: readonly (number | undefined)[], predictor: Predictor) {
  const { forecasts } = await runBoth(
    type,
    values.flatMap((value, at) => day(at, value)),
    predictor,
  );
  return forecasts.filter((record): record is ForecastRecord => record.kind === 'forecast');
}

const told = (records: readonly ForecastRecord[]) =>
  records.map(({ status, rung, reason }) => [status, rung, reason].filter((word) => word).join(' | '));

test('a network that gives no number is replaced at once, and is back after three good origins in a row', async () => {
  const records = await forecasts([1, 2, 13, 4, 13, 6, 7, 8, 9], superstitious);
  const nan = 'the model gave NaN for day 2';
  const since = (count: number) => `${nan}; ${count} of 3 forecasts in a row were good since`;
  assert.deepEqual(told(records), [
    'fallback | age | history too short: 1 of 2 steps',
    'ok',
    `fallback | smoothing | ${nan}`,
    `fallback | smoothing | ${since(1)}`,
    `fallback | smoothing | ${nan}`,
    `fallback | smoothing | ${since(1)}`,
    `fallback | smoothing | ${since(2)}`,
    'ok',
    'ok',
  ]);
  assert.deepEqual(records[0]?.probabilities, [...byAge]);
  assert.deepEqual(records[2]?.probabilities, [...smooth]);
  assert.equal(records[2]?.model, 'fake-1');
});

test('silence is not assessable, however well the age is known', async () => {
  const newest = (await forecasts([1, 2, 3, ...Array(6).fill(undefined)], superstitious)).at(-1);
  assert.deepEqual(told(newest ? [newest] : []), [
    'not-assessable | too few readings: coverage 0.00 is below 0.3',
  ]);
});

test('smoothed readings that give no number leave the age, and an unknown age leaves nothing', async () => {
  const broken = { ...fallback, smoothed: () => Float32Array.of(0.1, Number.NaN, 0.2) };
  const [, , byAgeOnly] = await forecasts([1, 2, 13], { ...superstitious, fallback: broken });
  assert.deepEqual([byAgeOnly?.status, byAgeOnly?.rung], ['fallback', 'age']);
  const ageless = { ...broken, byAge: () => undefined };
  const [, , nothing] = await forecasts([1, 2, 13], { ...superstitious, fallback: ageless });
  assert.deepEqual(
    [nothing?.status, nothing?.rung, nothing?.reason, nothing?.probabilities],
    ['not-assessable', undefined, 'the model gave NaN for day 2', []],
  );
});

test('a network that cannot be used is not asked, and one that can is used at once', async () => {
  const inputs = [1, 2, 3, 4].flatMap((value, at) => day(at, value));
  const fault = 'The model in models/x cannot be used: model.onnx is missing.';
  const standIn: Predictor = { ...superstitious, fault, predict: () => assert.fail('asked') };
  const { steps, forecasts: without } = await runBoth(type, inputs, standIn);
  assert.deepEqual(told(without.filter((record) => record.kind === 'forecast')).slice(1, 3), [
    `fallback | smoothing | ${fault}`,
    `fallback | smoothing | ${fault}`,
  ]);
  const log = asLog(steps, topics.steps);
  const half = log.findIndex(({ offset }) => offset >= log.length / 2);
  const first = await runStage(forecastStage(type, standIn), topics.steps, log.slice(0, half));
  const mended = forecastStage(type, superstitious)();
  mended.restore([...first.state].map(([key, value]) => ({ key, value })));
  const checkpoint = await mended.process({ topic: topics.steps, partition: 3, records: log.slice(half) });
  const after = decodeAll(topics.forecasts, checkpoint?.outputs ?? []);
  assert.deepEqual(told(after.filter((record) => record.kind === 'forecast')), ['ok', 'ok']);
});

test('the way up goes on after a restart, and begins anew with another network', async () => {
  const { outputs } = await runStage(
    stepStage(type),
    topics.inputs,
    encodeInputs([1, 2, 13, 4, 5, 6].flatMap((value, at) => day(at, value))),
  );
  const log = asLog(outputs, topics.steps);
  const fault = log.findIndex(({ value }) => value.includes('"a"')) + 2 * 2; // a step and a tick a day
  const first = await runStage(forecastStage(type, superstitious), topics.steps, log.slice(0, fault + 1));
  assert.equal([...first.state.keys()].filter((key) => Ladder.owns(key)).length, 1);
  const goOn = async (predictor: Predictor) => {
    const handler = forecastStage(type, predictor)();
    handler.restore([...first.state].map(([key, value]) => ({ key, value })));
    const checkpoint = await handler.process({
      topic: topics.steps,
      partition: 3,
      records: log.slice(fault + 1),
    });
    const records = decodeAll(topics.forecasts, checkpoint?.outputs ?? []);
    return records.flatMap((record) => (record.kind === 'forecast' ? [record.status] : []));
  };
  assert.deepEqual(await goOn(superstitious), ['fallback', 'fallback', 'ok']);
  assert.deepEqual(await goOn({ ...superstitious, version: 'fake-2' }), ['ok', 'ok', 'ok']);
});

test('the faults of one life say nothing of the next', () => {
  const ladder = new Ladder();
  const window = { machine: 'm', stepIndex: 7, lifeStartMs: 0, final: true } as IssuedWindow;
  const stand = (change: Partial<IssuedWindow>, verdict: Verdict) =>
    ladder.stand({ ...window, ...change }, 'v', verdict, 2).rung;
  assert.equal(stand({}, { rung: 'age', reason: 'a fault' }), 'age');
  assert.equal(stand({ stepIndex: 8 }, trusted), 'age');
  assert.equal(stand({ stepIndex: 8, lifeStartMs: dayMs }, trusted), 'network');
});

// Verdicts of random origins, with provisional windows, late revisions and restarts among them, against the rule itself.
test('what a forecast rests on follows from its own origin and the two before it, and from nothing later', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const rng = new Rng(seed);
    const revisionSteps = rng.int(4);
    let ladder = new Ladder();
    const state = new Map<string, Buffer>();
    const verdicts = new Map<number, Verdict>();
    let newest = -1;
    for (let turn = 0; turn < 80; turn++) {
      const back = rng.uniform() < 0.3 ? rng.int(Math.min(revisionSteps, Math.max(0, newest)) + 1) : -1;
      const from = newest - back;
      const isNew = from > newest;
      newest = Math.max(newest, from);
      // Late data re-issues every origin since.
      for (let stepIndex = from; stepIndex <= newest; stepIndex++) {
        const rung = rungs[rng.uniform() < 0.7 ? 0 : rng.int(3)] as Rung;
        const verdict = { rung, reason: rung === 'network' ? '' : `fault ${turn} at ${stepIndex}` };
        const final = !isNew || rng.uniform() < 0.8;
        const window = { machine: 'm', stepIndex, lifeStartMs: 0, final } as IssuedWindow;
        const before = [stepIndex - 1, stepIndex - 2].flatMap((step) => verdicts.get(step) ?? []);
        const wanted = Math.max(...[verdict, ...before].map((each) => rungs.indexOf(each.rung)));
        const stood = ladder.stand(window, 'v', verdict, revisionSteps);
        assert.equal(stood.rung, rungs[wanted], `seed ${seed}, turn ${turn}, origin ${stepIndex}`);
        assert.equal(stood.reason === '', stood.rung === 'network');
        if (final) verdicts.set(stepIndex, verdict);
        else newest -= 1; // it comes again
      }
      if (rng.uniform() < 0.2) {
        for (const { key, value } of ladder.takeChanges()) value ? state.set(key, value) : state.delete(key);
        ladder = new Ladder();
        ladder.restore([...state].map(([key, value]) => ({ key, value })));
      }
    }
    ladder.forget('m');
    for (const { key, value } of ladder.takeChanges()) value ? state.set(key, value) : state.delete(key);
    assert.equal(state.size, 0, 'nothing is kept of a machine that is gone');
  }
});
