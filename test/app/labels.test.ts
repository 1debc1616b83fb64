// What each rule made of which event, told from what the stages wrote: a story for each label.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { alertsConfigSchema } from '../../alerts/config.js';
import { type Deployment, loadDeployment } from '../../app/config.js';
import { feedDataset } from '../../app/history.js';
import { labelEvents } from '../../app/labels.js';
import { alertStage, forecastStage, stepStage } from '../../app/stages.js';
import { replay } from '../../backtest/replay.js';
import type { DatasetEvent, DatasetRecord } from '../../domain/dataset.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { hourMs, makePlant, type Plant, removePlant } from '../scenarios/plant.js';

const machines = ['pump-0', 'pump-1', 'pump-2', 'pump-3'];
const hours = 40;
let plant: Plant;
let deployment: Deployment;

before(() => {
  plant = makePlant();
  const loaded = loadDeployment(plant.file);
  const alerts = alertsConfigSchema.parse({
    rules: [
      {
        name: 'hot',
        condition: 'value("temp.mean")',
        severities: [{ name: 'warning', set: 60, reset: 50 }],
      },
    ],
  });
  deployment = { ...loaded, config: { ...loaded.config, alerts } };
});
after(() => removePlant(plant));

const event = (machine: string, hour: number, what: Partial<DatasetEvent>): DatasetEvent => ({
  ...{ kind: 'event', machine, timeMs: hour * hourMs, event: 'feedback', code: '' },
  ...what,
});

/** The alert of a pump that is hot from hour 10 to hour 20: it fires when the first of these steps ends. */
const alertOf = (machine: string) => ({ alert: `hot/${machine}/${11 * hourMs}` });

/** Hour, machine, event, label, of all that was labelled. */
async function labelsOf(events: readonly DatasetEvent[]): Promise<string[]> {
  const log = new MemoryLog();
  await replay({
    log,
    partitionCount: deployment.config.log.partitions,
    stages: [stepStage(deployment), forecastStage(deployment, new Map()), alertStage(deployment)],
    feed: feedDataset(deployment, {
      name: 'pumps',
      machines: machines.map((machine) => ({
        ...{ machine, attributes: {}, firstMs: 0, lastMs: hours * hourMs, knownUntilMs: hours * hourMs },
        failuresMs: [],
      })),
      skipped: [],
      async *records(): AsyncGenerator<DatasetRecord> {
        for (let hour = 0; hour < hours; hour++) {
          const values = { temp: hour >= 10 && hour < 20 ? 70 : 20, vib: 3, count: 1 };
          for (const machine of machines) yield { kind: 'readings', machine, timeMs: hour * hourMs, values };
          for (const each of events)
            if (each.timeMs >= hour * hourMs && each.timeMs < (hour + 1) * hourMs) yield each;
        }
      },
    }),
  });
  const labelled = await labelEvents(deployment, log, String);
  await log.close();
  return labelled.map(
    ({ event: { eventTimeMs, machine, event: kind, code }, label }) =>
      `${eventTimeMs / hourMs} ${machine} ${kind} ${code}: ${label}`,
  );
}

for (const { name, events, wanted } of [
  {
    name: 'a repair on a confirmed alert censors, a service does not',
    events: [
      event('pump-0', 12, { code: 'true', ...alertOf('pump-0') }),
      event('pump-0', 13, { event: 'maintenance', code: 'oil' }),
      event('pump-1', 13, { event: 'maintenance', code: 'oil' }),
      event('pump-0', 35, { event: 'maintenance', code: 'oil' }),
    ],
    wanted: [
      '12 pump-0 feedback true: confirmed',
      '13 pump-0 maintenance oil: censors',
      '13 pump-1 maintenance oil: runs-on',
      '35 pump-0 maintenance oil: runs-on',
    ],
  },
  {
    name: 'a failure counts, whatever was said before it',
    events: [
      event('pump-1', 12, { code: 'false', ...alertOf('pump-1') }),
      event('pump-1', 14, { event: 'failure' }),
    ],
    wanted: ['12 pump-1 feedback false: outranked', '14 pump-1 failure : failure'],
  },
  {
    name: 'a false alarm ends nothing, and a repair after it is a service',
    events: [
      event('pump-1', 12, { code: 'false', ...alertOf('pump-1') }),
      event('pump-1', 13, { event: 'maintenance', code: 'oil' }),
    ],
    wanted: ['12 pump-1 feedback false: false', '13 pump-1 maintenance oil: runs-on'],
  },
  {
    name: 'the last word counts, of the first it is said that it was replaced',
    events: [
      event('pump-2', 12, { code: 'true', ...alertOf('pump-2') }),
      event('pump-2', 13, { event: 'maintenance', code: 'oil' }),
      event('pump-2', 30, { code: 'unclear', ...alertOf('pump-2') }),
    ],
    wanted: [
      '12 pump-2 feedback true: replaced',
      '13 pump-2 maintenance oil: runs-on',
      '30 pump-2 feedback unclear: unclear',
    ],
  },
  {
    name: 'what names no alert says nothing, one that nobody knows is a moment; a pump out of service ends',
    events: [
      event('pump-3', 13, { code: 'true' }),
      event('pump-3', 14, { code: 'true', alert: 'hot/pump-3/1' }),
      event('pump-3', 39, { event: 'retired' }),
    ],
    wanted: [
      '13 pump-3 feedback true: nothing',
      '14 pump-3 feedback true: moment',
      '39 pump-3 retired : ends',
    ],
  },
] as const)
  test(`labels: ${name}`, async () => {
    assert.deepEqual(await labelsOf(events), wanted);
  });
