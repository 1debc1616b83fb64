// NASA's engines through the plant of docker-compose.yml, MQTT to Kafka to stream to InfluxDB and alerts: what InfluxDB then
// has equals what the same engines give in one process with nothing installed, bit for bit.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { keepMachines, openDatasetFile } from '../../app/commands/options.js';
import { type Deployment, loadDeployment } from '../../app/config.js';
import { anyStepCloses, buildHistories, topicOfMachine } from '../../app/history.js';
import { openStore } from '../../app/open-store.js';
import { datasetMessages } from '../../app/replay-messages.js';
import { replayTo } from '../../app/replay-schedule.js';
import { chooseType, trainNetworkFor } from '../../app/training.js';
import type { Dataset } from '../../domain/dataset.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { trainingConfigSchema } from '../../model/config.js';
import { brokerOf, startMillwright } from '../scenarios/millwright-process.js';
import { eventually, skipWithout } from '../services/service.js';
import { composePlant, dockerWithImages, passwords } from './compose-plant.js';

const docker = await dockerWithImages();

/** Which engines are published; `MILLWRIGHT_ENGINES='*'` takes all hundred. */
const watched = process.env.MILLWRIGHT_ENGINES ?? 'unit-81,unit-82,unit-83,unit-84,unit-85';

/** What both plants have: low thresholds, so that alerts of a network that has hardly been trained come and go. */
const shared = `machines: [{ match: "unit-*", site: nasa, line: FD001 }]
model: { dir: models }
ingest: { time: messages }
alerts:
  rules:
    - name: month
      condition: failure_probability(30d)
      severities: [{ name: warning, set: 0.2, reset: 0.18 }, { name: critical, set: 0.35, reset: 0.3 }]
`;

test('engines give the same forecasts on real services as in one process', {
  skip: skipWithout(docker, 'image'),
  timeout: 900_000,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-compose-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const embedded = join(dir, 'embedded.yaml');
  writeFileSync(
    embedded,
    `${shared}machineTypes: ["${resolve('data/cmapss/turbofan.yaml')}"]
mqtt: { kind: embedded, port: 0 }
http: { port: 0 }
log: { kind: embedded, partitions: 12, retentionMs: 1000d }
`,
  );
  const deployment = loadDeployment(embedded);
  const all = await openDatasetFile(resolve('examples/cmapss/train.yaml'));
  await train(deployment, keepMachines(all, 'unit-1,unit-2,unit-3,unit-4,unit-5,unit-6,unit-7,unit-8'));
  const dataset = keepMachines(all, watched);
  const messages = () => datasetMessages(dataset, topicOfMachine(deployment));
  const clockMessages = anyStepCloses(deployment);

  const reference = startMillwright(t, ['run', '-c', embedded]);
  const publisher = await connectPublisher({ url: (await brokerOf(reference)).href });
  await replayTo((topic, payload) => publisher.publish(topic, payload), messages(), {
    speed: 'max',
    clockMessages,
  });
  await publisher.end();
  reference.kill('SIGINT');
  await reference.ended;
  const wanted = await readResults(deployment, dataset);
  assert.ok(wanted.forecasts.length > 800 && wanted.alerts.length > 4, 'there is something to compare');

  // The folder of the plant as the containers see it.
  const folder = join(dir, 'plant');
  mkdirSync(folder);
  cpSync('data/cmapss/turbofan.yaml', join(folder, 'turbofan.yaml'));
  cpSync(join(dir, 'models'), join(folder, 'models'), { recursive: true });
  // Networks are written for their owner alone; the containers are another user.
  execFileSync('chmod', ['-R', 'a+rX', folder]);
  const plantText = readFileSync('docker/plant/millwright.yaml', 'utf8').replace(
    /^(plant|machineTypes|machines|model|ingest):.*\n(?: {2}.*\n)*/gm,
    '',
  );
  writeFileSync(join(folder, 'millwright.yaml'), `${shared}machineTypes: [turbofan.yaml]\n${plantText}`);
  const plant = await composePlant(t, { PLANT: folder });
  await plant.up();
  const gateway = await connectPublisher({
    url: plant.mqttUrl,
    username: 'ingest',
    password: passwords.MQTT_INGEST_PASSWORD,
  });
  t.after(() => gateway.end());
  // Half way two more processes join the work: their partitions move to them.
  const wantedCounts = await count(dataset);
  let left = wantedCounts.messages >> 1;
  let joining = Promise.resolve();
  await replayTo(
    async (topic, payload) => {
      if (left-- === 0) joining = plant.up(3);
      await gateway.publish(topic, payload);
    },
    messages(),
    { speed: 'max', clockMessages },
  );
  await joining;
  await eventually(
    async () => assert.equal((await plant.page('/api/v1/ledger')).accepted, wantedCounts.items),
    300_000,
  );

  const onServices = loadDeployment(join(folder, 'millwright.yaml'), {
    ...passwords,
    INFLUXDB_URL: plant.influxUrl,
    MILLWRIGHT_DATA: join(dir, 'data'),
  });
  const counts = ({ forecasts, alerts }: Awaited<ReturnType<typeof readResults>>) => [
    forecasts.length,
    alerts.length,
  ];
  await eventually(
    async () => assert.deepEqual(counts(await readResults(onServices, dataset)), counts(wanted)),
    300_000,
  );
  const found = await readResults(onServices, dataset);
  assert.deepEqual(found.forecasts, wanted.forecasts);
  assert.deepEqual(found.alerts, wanted.alerts);
  assert.deepEqual(await readFields(plant.influxUrl), fieldsOf(wanted.forecasts));
  t.diagnostic(
    `${wantedCounts.messages} messages, ${wantedCounts.items} readings; ${found.forecasts.length} forecasts, ${found.alerts.length} transitions of alerts`,
  );
});

/** A small network: what counts is that every stage runs as with a good one. */
async function train(deployment: Deployment, training: Dataset): Promise<void> {
  const type = chooseType(deployment.types, undefined);
  const histories = (await buildHistories(deployment, training)).get(type.name) ?? [];
  await trainNetworkFor({
    type,
    histories,
    modelDir: deployment.config.model.dir,
    config: trainingConfigSchema.parse({ hiddenSize: 16, steps: 60 }),
    seed: 1,
  });
}

/** Messages of a data set, and the readings and events in them. */
async function count(dataset: Dataset): Promise<{ readonly messages: number; readonly items: number }> {
  let messages = 0;
  let items = 0;
  for await (const record of dataset.records()) {
    messages++;
    items += record.kind === 'readings' ? Object.keys(record.values).length : 1;
  }
  return { messages, items };
}

/** Forecasts and alert transitions of a store but for offsets, which count otherwise on Kafka: transactions take some. */
async function readResults(deployment: Deployment, dataset: Dataset) {
  const { store } = await openStore(deployment, 'read-only');
  try {
    const forecasts: Omit<ForecastRecord, 'stepOffset'>[] = [];
    for (const { machine } of dataset.machines)
      for (const { stepOffset: _, ...forecast } of await store.forecasts(machine)) forecasts.push(forecast);
    const alerts: unknown[] = [];
    for (const { alertId } of await store.alerts())
      for (const { trace, ...alert } of await store.alertHistory(alertId))
        alerts.push({ ...alert, trace: trace && { ...trace, forecastOffset: 0 } });
    return { forecasts, alerts };
  } finally {
    await store.close();
  }
}

type Fields = Readonly<Record<string, readonly (number | null)[]>>;

/** Machine and origin (ms) → the probabilities within 7, 14 and 30 days: what dashboards read. */
function fieldsOf(forecasts: readonly Omit<ForecastRecord, 'stepOffset'>[]): Fields {
  return Object.fromEntries(
    forecasts.map(({ machine, originMs, probabilities }) => [
      `${machine} ${originMs}`,
      [7, 14, 30].map((day) => probabilities[day - 1] ?? null),
    ]),
  );
}

/** The same as float64 fields of InfluxDB. */
async function readFields(influxUrl: string): Promise<Fields> {
  const query = new URLSearchParams({
    db: 'millwright',
    u: 'millwright',
    p: passwords.INFLUXDB_PASSWORD,
    epoch: 'ms',
    q: 'SELECT p07, p14, p30, coverage FROM failure_forecast GROUP BY machine',
  });
  const answer = (await (await fetch(`${influxUrl}/query?${query}`)).json()) as {
    readonly results: readonly {
      readonly series?: readonly {
        readonly tags: { readonly machine: string };
        readonly values: readonly (readonly [number, number | null, number | null, number | null, number])[];
      }[];
    }[];
  };
  return Object.fromEntries(
    (answer.results[0]?.series ?? []).flatMap(({ tags, values }) =>
      values.map(([timeMs, p07, p14, p30]) => [`${tags.machine} ${timeMs}`, [p07, p14, p30]]),
    ),
  );
}
