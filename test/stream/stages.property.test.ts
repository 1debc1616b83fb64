/**
 * Both stages over seeded histories: windows against a naive recomputation, outputs that do not depend on batches,
 * checkpoints and crashes, and no look into the future.
 */
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { test } from 'node:test';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord, InputRecord, TickRecord } from '../../domain/input.js';
import type { MachineType } from '../../domain/machine-type.js';
import { Rng } from '../../domain/rng.js';
import type { StepRecord } from '../../domain/step.js';
import { stepCoverage } from '../../domain/step.js';
import { topics } from '../../domain/topics.js';
import { featureSpec, makeFeatureWriter } from '../../stream/features.js';
import { StepOperator } from '../../stream/step-operator.js';
import { type IssuedWindow, WindowOperator } from '../../stream/window-operator.js';
import { makeRandomHistory, scale, seed } from './random-history.js';
import {
  asLog,
  decodeAll,
  directory,
  encodeInputs,
  forecastStage,
  makeFakePredictor,
  makeFaultyPredictor,
  runBoth,
  runStage,
  stepStage,
} from './run-stages.js';

type StepTopic = StepRecord | EventRecord | TickRecord;

function stepsOf(type: MachineType, inputs: readonly InputRecord[]): StepTopic[] {
  const operator = new StepOperator(new Map([[type.name, type]]));
  const output = { steps: [] as StepTopic[], rejected: [] };
  for (const [offset, record] of inputs.entries()) operator.process(record, offset, output);
  return output.steps;
}

/** Everything is kept: records of each life by ordinal; a window is cut out of them anew each time. */
function computeWindows(records: readonly StepTopic[], type: MachineType): IssuedWindow[] {
  const spec = featureSpec(type);
  const write = makeFeatureWriter(type);
  const issued: IssuedWindow[] = [];
  const lives = new Map<
    string,
    { startMs: number; steps: Map<number, StepRecord>; issues: Map<number, number> }
  >();
  for (const record of records) {
    if (record.kind === 'event') {
      const endsLife = record.event === 'retired' || (record.event === 'failure' && type.failureEndsLife);
      const life = lives.get(record.machine);
      if (endsLife && life && record.eventTimeMs >= life.startMs) lives.delete(record.machine);
    }
    if (record.kind !== 'step') continue;
    let life = lives.get(record.machine);
    if (!life || life.startMs !== record.lifeStartMs) {
      life = { startMs: record.lifeStartMs, steps: new Map(), issues: new Map() };
      lives.set(record.machine, life);
    }
    const known = life.steps.get(record.stepIndex);
    if (known && known.revision >= record.revision) continue;
    life.steps.set(record.stepIndex, record);
    const newest = Math.max(...life.steps.keys());
    for (let origin = record.stepIndex; origin <= newest; origin++) {
      const step = life.steps.get(origin);
      if (!step || (origin !== record.stepIndex && !step.final)) continue;
      const rows = new Float32Array(spec.contextSteps * spec.names.length).fill(Number.NaN);
      const coverages: number[] = [];
      for (let back = 0; back < spec.contextSteps && origin - back >= 0; back++) {
        const row = life.steps.get(origin - back) as StepRecord;
        write(row, { model: 'b' }, rows, (spec.contextSteps - 1 - back) * spec.names.length);
        if (back < 5) coverages.push(stepCoverage(row));
      }
      const revision = life.issues.get(origin) ?? 0;
      life.issues.set(origin, revision + 1);
      issued.push({
        machine: record.machine,
        type: type.name,
        site: 's',
        line: 'l',
        lifeStartMs: life.startMs,
        window: { rows, stepCount: Math.min(spec.contextSteps, origin + 1) },
        originMs: step.endMs,
        stepIndex: origin,
        final: step.final,
        revision,
        coverage: coverages.reduce((sum, coverage) => sum + coverage, 0) / coverages.length,
        silentSensors: type.sensors
          .filter((_, index) => step.sensors[index] === null)
          .map(({ name }) => name),
        stuckSensors: type.sensors.filter((_, index) => step.stuck[index]).map(({ name }) => name),
      });
    }
  }
  return issued;
}

const windowCases = Math.ceil(600 * scale);
test(`windows are what a naive recomputation gives, whatever restarts and repeats (${windowCases} histories, seed ${seed})`, () => {
  let windowCount = 0;
  for (let index = 0; index < windowCases; index++) {
    const { type, inputs } = makeRandomHistory(seed + index);
    const where = `history ${seed + index}`;
    const rng = new Rng(seed + index);
    const records = stepsOf(type, inputs);
    const expected = computeWindows(records, type);
    const types = new Map([[type.name, type]]);
    const state = new Map<string, Buffer>();
    let operator = new WindowOperator(types, directory);
    const actual: IssuedWindow[] = [];
    for (const record of records) {
      if (record.kind === 'event') operator.event(record);
      if (record.kind !== 'step') continue;
      actual.push(...operator.step(record));
      if (rng.uniform() < 0.3) assert.deepEqual(operator.step(record), [], `${where}: the same record again`);
      if (rng.uniform() < 0.2) {
        for (const { key, value } of operator.takeChanges())
          value ? state.set(key, value) : state.delete(key);
        operator = new WindowOperator(types, directory);
        operator.restore(rng.shuffle([...state].map(([key, value]) => ({ key, value }))));
      }
    }
    // Coverage is a sum in another order.
    const rounded = ({ coverage, ...rest }: IssuedWindow) => ({ ...rest, coverage: coverage.toFixed(9) });
    assert.deepEqual(actual.map(rounded), expected.map(rounded), where);
    windowCount += actual.length;
  }
  console.log(`window operator: ${windowCases} histories from seed ${seed}, ${windowCount} windows`);
});

const stageCases = Math.ceil(250 * scale);
test(`the same log gives the same bytes, wherever batches, checkpoints and crashes fall (${stageCases} histories, seed ${seed})`, async () => {
  let forecastCount = 0;
  let fallbackCount = 0;
  for (let index = 0; index < stageCases; index++) {
    const { type, inputs } = makeRandomHistory(seed + index);
    const where = `history ${seed + index}`;
    const rng = new Rng(seed + index);
    const log = encodeInputs(inputs);
    const predictor = index % 2 === 0 ? makeFakePredictor(type) : makeFaultyPredictor(type);
    const once = await runStage(stepStage(type), topics.inputs, log);
    const broken = await runStage(
      stepStage(type),
      topics.inputs,
      [...log, tickAfter(inputs, log.length)],
      rng,
    );
    const whole = await runStage(stepStage(type), topics.inputs, [...log, tickAfter(inputs, log.length)]);
    for (const topic of [topics.steps, topics.rejected])
      assert.deepEqual(bytesOf(broken.outputs, topic), bytesOf(whole.outputs, topic), `${where}: ${topic}`);
    assert.deepEqual(new Map([...broken.state].sort()), new Map([...whole.state].sort()), `${where}: state`);

    const steps = asLog(once.outputs, topics.steps);
    const inOneGo = await runStage(forecastStage(type, predictor), topics.steps, steps);
    const inPieces = await runStage(forecastStage(type, predictor, 1 + rng.int(4)), topics.steps, steps, rng);
    assert.deepEqual(
      bytesOf(inPieces.outputs, topics.forecasts),
      bytesOf(inOneGo.outputs, topics.forecasts),
      `${where}: forecasts`,
    );
    assert.deepEqual(
      new Map([...inPieces.state].sort()),
      new Map([...inOneGo.state].sort()),
      `${where}: windows`,
    );
    for (const record of decodeAll(topics.forecasts, inOneGo.outputs)) {
      if (record.kind !== 'forecast') continue;
      forecastCount++;
      if (record.rung) fallbackCount++;
      assert.ok(record.probabilities.every((p, k) => p >= (record.probabilities[k - 1] ?? 0) && p <= 1));
    }
  }
  assert.ok(fallbackCount > 0.02 * forecastCount, `${fallbackCount} of ${forecastCount} are of the fallback`);
  console.log(
    `both stages: ${stageCases} histories from seed ${seed}, ${forecastCount} forecasts, ${fallbackCount} of them of the fallback`,
  );
});

/** A last tick makes every run end at a checkpoint. */
function tickAfter(inputs: readonly InputRecord[], offset: number) {
  const timeMs = Math.max(
    ...inputs.map((record) => (record.kind === 'tick' ? record.timeMs : record.ingestTimeMs)),
  );
  const [record] = encodeInputs([{ kind: 'tick', timeMs: timeMs + 1 }]);
  return { ...(record as ReturnType<typeof encodeInputs>[number]), offset };
}

function bytesOf(records: readonly { topic: string; key: string; value: Buffer }[], topic: string): string[] {
  return records
    .filter((record) => record.topic === topic)
    .map(({ key, value }) => `${key} ${value.toString('latin1')}`);
}

const leakCases = Math.ceil(100 * scale);
test(`no forecast knows what is read after it, or what happened after its origin (${leakCases} histories, seed ${seed})`, async () => {
  let changedCount = 0;
  for (let index = 0; index < leakCases; index++) {
    const { type, inputs } = makeRandomHistory(seed + index);
    const where = `history ${seed + index}`;
    const rng = new Rng(seed + index);
    const predictor = index % 2 === 0 ? makeFakePredictor(type) : makeFaultyPredictor(type);
    const original = (await runBoth(type, inputs, predictor)).forecasts;

    // Other records after a tick: what was given up to that tick stays, to the byte.
    const cut = inputs.findLastIndex((record, at) => record.kind === 'tick' && at < inputs.length / 2) + 1;
    const other = makeRandomHistory(seed + index + 1_000_000).inputs.filter(({ kind }) => kind !== 'tick');
    const before = (await runBoth(type, inputs.slice(0, cut), predictor)).forecasts;
    const diverted = (await runBoth(type, [...inputs.slice(0, cut), ...other], predictor)).forecasts;
    assert.deepEqual(original.slice(0, before.length), before, `${where}: the given future`);
    assert.deepEqual(diverted.slice(0, before.length), before, `${where}: another future`);

    // Other values from some time on: forecasts whose origin is not later stay the same.
    const times = inputs.flatMap((record) => (record.kind === 'readings' ? record.timesMs : []));
    const fromMs = times[rng.int(times.length)] ?? 0;
    const changed = inputs.map((record) =>
      record.kind === 'readings'
        ? {
            ...record,
            values: record.values.map((v, i) => ((record.timesMs[i] as number) >= fromMs ? v + 7 : v)),
          }
        : record,
    );
    const upTo = (forecasts: typeof original) =>
      forecasts.filter((record) => record.kind === 'forecast' && record.originMs <= fromMs);
    const after = (await runBoth(type, changed, predictor)).forecasts;
    assert.deepEqual(upTo(after), upTo(original), `${where}: values after the origin`);
    const isForecast = (record: (typeof original)[number]): record is ForecastRecord =>
      record.kind === 'forecast';
    if (JSON.stringify(after.filter(isForecast)) !== JSON.stringify(original.filter(isForecast)))
      changedCount++;
  }
  assert.ok(changedCount > leakCases / 3, `the change must show somewhere: ${changedCount} of ${leakCases}`);
});
