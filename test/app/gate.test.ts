// A challenger in the shadow: what it says reaches nobody, and the gate judges it by what came, with every score by hand.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Deployment } from '../../app/config.js';
import { type Contender, type GateReport, judgeShadow } from '../../app/registry/gate.js';
import { formatGate } from '../../app/registry/gate-text.js';
import { alertStage, forecastStage, stepStage } from '../../app/stages.js';
import { costsSchema } from '../../backtest/alert-cost.js';
import { alertBoundsSchema } from '../../backtest/alert-score.js';
import { readTopic } from '../../backtest/read-topic.js';
import { replay } from '../../backtest/replay.js';
import { UserError } from '../../domain/errors.js';
import type { Predictor } from '../../domain/features.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord, InputRecord } from '../../domain/input.js';
import { encodeRecord, topics } from '../../domain/topics.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { featureSpec } from '../../stream/features.js';
import { pressDeployment } from './press-deployment.js';

const dayMs = 86_400_000;
const place = { type: 'press', site: '', line: '' };

const press = (t: TestContext) =>
  pressDeployment(t, 'sensors: [{ name: daysLeft }]\nhorizonSteps: 3\nwindowSteps: 3\nminimumSteps: 3\n');

/** Each machine tells how many days it has left, until it fails at noon of day 8, 9, 10 or 11. */
function* inputs(machineCount: number): Generator<InputRecord> {
  for (let day = 0; day < 14; day++) {
    for (let index = 0; index < machineCount; index++) {
      const failsOn = 8 + (index % 4);
      const about = { machine: `m-${index}`, ...place };
      const timeMs = (day + 0.2) * dayMs;
      if (day <= failsOn)
        yield {
          kind: 'readings',
          ...about,
          ingestTimeMs: timeMs,
          sensors: ['daysLeft'],
          timesMs: [timeMs],
          values: [failsOn - day],
        };
      const eventTimeMs = (day + 0.5) * dayMs;
      const failure: EventRecord = {
        kind: 'event',
        event: 'failure',
        ...about,
        eventTimeMs,
        ingestTimeMs: eventTimeMs,
        code: '',
        by: '',
        comment: '',
      };
      if (day === failsOn) yield failure;
    }
    yield { kind: 'tick', timeMs: (day + 1) * dayMs };
  }
}

/** `curveOf` is given the days left when the newest step of the window ended. */
function predictor(
  deployment: Deployment,
  version: string,
  curveOf: (daysLeft: number) => number[],
): Predictor {
  const type = deployment.types.get('press');
  assert(type);
  const spec = featureSpec(type);
  const column = spec.names.indexOf('daysLeft.mean');
  assert(column >= 0);
  return {
    version,
    spec,
    predict: async (windows) =>
      Float32Array.from(
        windows.flatMap(({ rows }) => curveOf(rows.at(column - spec.names.length) as number)),
      ),
    close: async () => {},
  };
}
const knowing = (daysLeft: number) => [1, 2, 3].map((day) => (daysLeft <= day ? 0.95 : 0.05));
const ignorant = () => [0.1, 0.2, 0.3];
const failing = () => {
  throw new Error('out of memory');
};

/** What the stages leave in a log. */
async function runPlant(
  deployment: Deployment,
  inUse: (daysLeft: number) => number[],
  shadow?: (daysLeft: number) => number[],
  machineCount = 12,
) {
  const log = new MemoryLog();
  const shadows = shadow && new Map([['press', predictor(deployment, 'shadow-1', shadow)]]);
  const { forecasts, alerts } = await replay({
    log,
    partitionCount: 1,
    stages: [
      stepStage(deployment),
      forecastStage(
        deployment,
        new Map([['press', predictor(deployment, 'champion-1', inUse)]]),
        undefined,
        shadows,
      ),
      alertStage(deployment),
    ],
    feed: (async function* () {
      yield [...inputs(machineCount)].map((record) => encodeRecord(topics.inputs, 0, record));
    })(),
  });
  const shadowed: ForecastRecord[] = [];
  for await (const record of readTopic(log, topics.shadows)) shadowed.push(record);
  return { log, forecasts, alerts, shadowed };
}

async function gate(
  t: TestContext,
  inUse: (daysLeft: number) => number[],
  shadow: (daysLeft: number) => number[],
  options: { readonly machineCount?: number; readonly seen?: Contender['seen'] } = {},
): Promise<GateReport> {
  const deployment = press(t);
  const { log } = await runPlant(deployment, inUse, shadow, options.machineCount);
  const type = deployment.types.get('press');
  assert(type);
  return judgeShadow({
    deployment,
    type,
    log,
    champion: { version: 'champion-1', seen: undefined },
    shadow: { version: 'shadow-1', seen: options.seen },
    bounds: alertBoundsSchema.parse({ usefulFromDays: 0 }),
    costs: costsSchema.parse({}),
  });
}

test('a challenger scores every window that the network in use does, and nobody is told what it says', async (t) => {
  const deployment = press(t);
  const alone = await runPlant(deployment, ignorant);
  const beside = await runPlant(deployment, ignorant, knowing);
  assert.equal(alone.alerts.length, 0);
  assert.deepEqual(beside.forecasts, alone.forecasts, 'forecasts are as without it');
  assert.deepEqual(beside.alerts, alone.alerts, 'alerts are as without it');
  const scored = beside.forecasts.filter(({ status }) => status === 'ok');
  assert(scored.length > 80, `${scored.length} forecasts`);
  const identity = ({ machine, originMs, revision, stepOffset }: ForecastRecord) => [
    machine,
    originMs,
    revision,
    stepOffset,
  ];
  assert.deepEqual(beside.shadowed.map(identity), scored.map(identity));
  for (const { model, status, probabilities } of beside.shadowed) {
    assert.deepEqual([model, status], ['shadow-1', 'ok']);
    assert.equal(probabilities.length, 3);
  }
});

test('a challenger that fails spoils no forecast, and does not pass', async (t) => {
  const deployment = press(t);
  const alone = await runPlant(deployment, ignorant);
  const beside = await runPlant(deployment, ignorant, failing);
  assert.deepEqual(beside.forecasts, alone.forecasts);
  assert.deepEqual(
    new Set(beside.shadowed.map(({ status, reason }) => `${status}: ${reason}`)),
    new Set(['not-assessable: it failed: Error: out of memory']),
  );
  const half = (daysLeft: number) => (daysLeft === 2 ? [Number.NaN, 0, 0] : knowing(daysLeft));
  const report = await gate(t, ignorant, half);
  assert.equal(report.decision, 'broken');
  assert.equal(report.withoutCurveCount, 12);
  assert.match(formatGate(report), /shadow-1 has no curve in 12 forecasts where champion-1 has one/);
});

test('one that is better passes; its scores are those of a calculation by hand', async (t) => {
  const report = await gate(t, ignorant, knowing);
  assert.equal(report.decision, 'better');
  assert.deepEqual([report.machineCount, report.failureCount], [12, 12]);
  // Origins are the ends of days 2 to failsOn − 1: 6 + 7 + 8 + 9 for four machines.
  assert.equal(report.forecastCount, 3 * (6 + 7 + 8 + 9));
  assert(Math.abs((report.shadowMeanBrier as number) - 0.05 ** 2) < 1e-7);
  // Three machines fail on each of four days; the record ends at noon of day 11: only failures are known of that day.
  const byHand = [0.1, 0.2, 0.3].map((p, index) => {
    const errors = [8, 9, 10, 11].flatMap((failsOn) =>
      Array.from({ length: failsOn - 2 }, (_, place) => {
        const lastDay = 3 + place + index;
        return lastDay < 11 || lastDay <= failsOn ? [(failsOn <= lastDay ? 1 - p : p) ** 2] : [];
      }).flat(),
    );
    return errors.reduce((sum, error) => sum + error, 0) / errors.length;
  });
  const meanByHand = byHand.reduce((sum, score) => sum + score, 0) / 3;
  assert(Math.abs((report.championMeanBrier as number) - meanByHand) < 1e-7);
  // Twelve missed failures, or twelve warnings in time and somebody who looks.
  assert.deepEqual([report.championCost, report.shadowCost], [12 * 100, 12 * (20 + 2)]);
  assert.deepEqual(report.costDifference, { low: -12 * 78, high: -12 * 78 });
  assert.match(
    formatGate(report),
    /12 machines, 12 failures\n {2}mean Brier 0\.0025, in use 0\.\d+ \(difference −?-?0\./,
  );
});

test('one that is worse, by curves or by alerts alone, does not pass; the same again is level', async (t) => {
  assert.equal((await gate(t, knowing, ignorant)).decision, 'worse');
  assert.equal((await gate(t, knowing, knowing)).decision, 'level');
  // Better all in all, but of the next day it is sure of something every other day: alarms that clear again.
  const blunt = (daysLeft: number) => [knowing(daysLeft)[0] as number, 0.96, 0.97];
  const nervous = (daysLeft: number) =>
    daysLeft > 1 && daysLeft % 2 === 0 ? [0.42, 0.42, 0.42] : knowing(daysLeft);
  const report = await gate(t, blunt, nervous);
  assert((report.difference?.high ?? 0) < 0, 'its curves are better');
  assert((report.costDifference?.low ?? 0) > 0, 'its alerts cost more');
  assert.equal(report.decision, 'worse');
});

test('little is no ground to decide on, nor is what it has learned from', async (t) => {
  const report = await gate(t, ignorant, knowing, { machineCount: 4 });
  assert.deepEqual([report.decision, report.machineCount], ['too-little', 4]);
  const seen = { validationMachines: [], trainingMachines: ['m-0', 'm-1', 'm-2'], trainedUntilMs: 5 * dayMs };
  const fresh = await gate(t, ignorant, knowing, { seen });
  // Of these three, the origins at the ends of days 2, 3 and 4.
  assert.equal(fresh.forecastCount, 90 - 3 * 3);
  const all = {
    ...seen,
    trainingMachines: Array.from({ length: 12 }, (_, index) => `m-${index}`),
    trainedUntilMs: 20 * dayMs,
  };
  await assert.rejects(gate(t, ignorant, knowing, { seen: all }), (error) => {
    assert(error instanceof UserError);
    assert.match(
      error.message,
      /champion-1 and shadow-1 have not forecast windows of press yet that are new to both/,
    );
    return true;
  });
});
