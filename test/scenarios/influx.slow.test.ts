// The pipeline on a real InfluxDB: the same results as on the embedded store, bit for bit, whatever happens to InfluxDB
// and to the pipeline meanwhile.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDeployment } from '../../app/config.js';
import { anyStepCloses, topicOfMachine } from '../../app/history.js';
import { openStore } from '../../app/open-store.js';
import { datasetMessages } from '../../app/replay-messages.js';
import { replayTo } from '../../app/replay-schedule.js';
import type { Store } from '../../domain/store.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { startInflux } from '../services/influx.js';
import { InfluxFront } from '../services/influx-front.js';
import { eventually, skipWithout } from '../services/service.js';
import { brokerOf, type MillwrightProcess, runMillwright, startMillwright } from './millwright-process.js';
import { makePlant, pumpHistory, removePlant, trainPumps } from './plant.js';

const influx = await startInflux();
const machines = pumpHistory().machines.map(({ machine }) => machine);

test('the pipeline on InfluxDB', {
  skip: skipWithout(influx, 'InfluxDB'),
  timeout: 600_000,
}, async (t) => {
  const plant = makePlant();
  t.after(async () => {
    removePlant(plant);
    await influx?.stop();
  });
  await trainPumps(plant);
  const embedded = deploymentFile('embedded', '');
  const reference = startMillwright(t, ['run', '-c', embedded]);
  await publishHistory(embedded, reference);
  reference.kill('SIGINT');
  await reference.ended;
  /** All that an embedded store holds of the run. */
  const wanted = await readAll(embedded);
  assert(
    (JSON.stringify(wanted).match(/"kind":"forecast"/g)?.length ?? 0) > 300,
    'there is something to compare',
  );

  /** The plant with data of its own in the folder `name`, and what else is given. */
  function deploymentFile(name: string, more: string): string {
    const file = join(plant.dir, `${name}.yaml`);
    const text = readFileSync(plant.file, 'utf8').replace('dataDir: data', `dataDir: ${name}`);
    writeFileSync(file, `${text}${more}`);
    return file;
  }

  function onInflux(name: string, url: string): string {
    return deploymentFile(
      name,
      `store: { kind: influx, url: "${url}", database: "run_${name}_${randomUUID().slice(0, 8)}" }\n`,
    );
  }

  await t.test('holds what the embedded store holds, bit for bit, and commands read it', async (t) => {
    const file = onInflux('plain', influx?.url ?? '');
    const running = startMillwright(t, ['run', '-c', file]);
    await publishHistory(file, running);
    const { url = '' } = await running.line(({ msg }) => msg.startsWith('the page is at'));
    running.kill('SIGINT');
    assert.match(url, /^http/);
    assert.equal((await running.ended).exitCode, 130);
    assert.deepEqual(await readAll(file), wanted);
    for (const machine of machines.slice(0, 2)) {
      const [found, expected] = await Promise.all(
        [file, embedded].map((one) => runMillwright(t, ['predict', machine, '-c', one, '--json'])),
      );
      assert.equal(found?.stdout, expected?.stdout);
    }
  });

  await t.test('loses nothing when it is killed with results on the spool', async (t) => {
    const front = await InfluxFront.start(influx?.url ?? '');
    t.after(() => front.stop());
    const file = onInflux('killed', front.url);
    front.all = 'cut';
    const running = startMillwright(t, ['run', '-c', file]);
    await publishHistory(file, running);
    await running.said('cannot be reached');
    const { url = '' } = await running.line(({ msg }) => msg.startsWith('the page is at'));
    const tell = async (path: string) => (await fetch(new URL(path, url))).text();
    // It says so first, and then they go to the disk.
    await eventually(async () => {
      assert.match(await tell('/metrics'), /^millwright_store_spool_bytes [1-9]/m);
      assert.match(await tell('/health'), /"degraded".*results wait on disk for InfluxDB/);
    }, 60_000);
    running.kill('SIGKILL');
    await running.ended;
    front.all = 'pass';
    const again = startMillwright(t, ['run', '-c', file]);
    await brokerOf(again);
    await eventually(async () => assert.deepEqual(await readAll(file), wanted), 120_000);
    again.kill('SIGINT');
    await again.ended;
    assert.deepEqual(await readAll(file), wanted);
  });
});

async function publishHistory(file: string, running: MillwrightProcess): Promise<void> {
  const deployment = loadDeployment(file);
  const publisher = await connectPublisher({ url: (await brokerOf(running)).href });
  await replayTo(
    (topic, payload) => publisher.publish(topic, payload),
    datasetMessages(pumpHistory(), topicOfMachine(deployment)),
    { speed: 'max', clockMessages: anyStepCloses(deployment) },
  );
  await publisher.end();
}

/** Everything that a store says, in one value. */
async function readAll(file: string): Promise<unknown> {
  const { store } = await openStore(loadDeployment(file), 'read-only');
  try {
    const alerts = await store.alerts();
    return {
      fleet: await store.fleet(),
      alerts,
      histories: await Promise.all(alerts.map(({ alertId }) => store.alertHistory(alertId))),
      machines: await Promise.all(machines.map((machine) => readMachine(store, machine))),
    };
  } finally {
    await store.close();
  }
}

async function readMachine(store: Store, machine: string): Promise<unknown> {
  return {
    machine,
    forecasts: await store.forecasts(machine),
    newest: await store.forecasts(machine, { limit: 7 }),
    steps: await store.steps(machine),
    events: await store.events(machine),
  };
}
