// Rules on sensors, from readings to alerts: they fire on the steps on which the readings say so, with no network at all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertsConfigSchema } from '../../alerts/config.js';
import { bindRules } from '../../alerts/rule.js';
import { traceAlert } from '../../app/alert-trace.js';
import { loadDeployment } from '../../app/config.js';
import { feedDataset } from '../../app/history.js';
import { alertStage, forecastStage, stepStage } from '../../app/stages.js';
import { formatAlertTrace } from '../../app/terminal/alert-trace-text.js';
import { replay } from '../../backtest/replay.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { hourMs, makePlant, pumpHistory, removePlant } from '../scenarios/plant.js';

test('a value and a drift are those of the readings', async (t) => {
  const plant = makePlant();
  t.after(() => removePlant(plant));
  const loaded = loadDeployment(plant.file);
  const alerts = alertsConfigSchema.parse({
    rules: [
      {
        name: 'hot',
        condition: 'value("temp.mean")',
        severities: [{ name: 'warning', set: 60, reset: 50 }],
      },
      { name: 'drifts', condition: 'drift("temp.max", 3h) > 3', severities: [{ name: 'info' }] },
    ],
  });
  const deployment = { ...loaded, config: { ...loaded.config, alerts } };
  const dataset = pumpHistory();
  const log = new MemoryLog();
  const { forecasts, alerts: told } = await replay({
    log,
    partitionCount: deployment.config.log.partitions,
    stages: [stepStage(deployment), forecastStage(deployment, new Map()), alertStage(deployment)],
    feed: feedDataset(deployment, dataset),
  });
  const fired = told.find((alert) => alert.rule === 'hot') ?? assert.fail('nothing was hot');
  const traced = await traceAlert(log, fired.alertId);
  await log.close();

  // What the rule had measured is told with the alert; of a rule that is gone, what all had asked.
  const rules = [...bindRules(alerts, [...deployment.types.values()]).values()].flat();
  const hot = rules.filter(({ name }) => name === 'hot');
  const value = Number(traced[0]?.forecast?.measured?.['temp.mean']);
  assert.ok(value >= 60, `${value}`);
  const measured = `  measured  temp.mean ${Number(value.toPrecision(4))}`;
  assert.ok(formatAlertTrace(traced, hot).split('\n').includes(measured), formatAlertTrace(traced, hot));
  assert.match(
    formatAlertTrace(traced, []),
    / {2}measured {2}temp\.mean \d+\.\d+, drift\(temp\.max, 3\) [\d.-]+ \(by all rules of that time\)/,
  );

  // One reading a step: the step's mean and greatest value are the reading, to the digits of 32 bits.
  const readings = new Map<string, number[]>();
  for await (const record of dataset.records())
    if (record.kind === 'readings')
      readings.set(record.machine, [...(readings.get(record.machine) ?? []), record.values.temp as number]);
  let compared = 0;
  for (const { machine, originMs, status, measured } of forecasts) {
    const own = readings.get(machine) as number[];
    const step = originMs / hourMs - 1;
    if (status === 'provisional' || step >= own.length) continue;
    assert.equal(status, 'not-assessable');
    assert.ok(Math.abs(Number(measured?.['temp.mean']) - (own[step] as number)) < 1e-3);
    const [before, newest] = [own.slice(Math.max(0, step - 7), step - 2), own.slice(step - 2, step + 1)];
    const drift = measured?.['drift(temp.max, 3)'];
    if (step < 5) assert.equal(drift, null);
    else {
      const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
      const deviation = Math.sqrt(
        before.reduce((sum, value) => sum + (value - mean(before)) ** 2, 0) / (before.length - 1),
      );
      const wanted = (mean(newest) - mean(before)) / deviation;
      assert.ok(Math.abs(Number(drift) / wanted - 1) < 1e-3, `${machine} at ${step}: ${drift} for ${wanted}`);
    }
    compared++;
  }
  assert.ok(compared > 200, `${compared} forecasts`);

  for (const [machine, own] of readings) {
    const first = own.findIndex((value) => value >= 60);
    const [fired] = told.filter((alert) => alert.rule === 'hot' && alert.machine === machine);
    assert.deepEqual(
      [fired?.transition, fired?.timeMs],
      ['fired', (first + 1) * hourMs],
      `${machine} is hot from step ${first} on`,
    );
    assert.match(fired?.summary ?? '', /temp\.mean is 6\d\.\d/);
  }
  assert.ok(told.some(({ rule, transition }) => rule === 'drifts' && transition === 'fired'));
});
