// Alertmanager takes for over what it is not told again, and killed it knows of nothing. The program as its own process, the
// real Alertmanager, and kill -9 of either: what stands there in the end is what the log says is open, and nothing else.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AlertRecord } from '../../domain/alert.js';
import { Rng } from '../../domain/rng.js';
import { decodeRecord, topics } from '../../domain/topics.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { startOwnAlertmanager } from '../services/alertmanager.js';
import { eventually, skipWithout } from '../services/service.js';
import type { MillwrightProcess } from './millwright-process.js';
import { makePlant, removePlant, trainPumps } from './plant.js';
import { PumpTraffic } from './pump-traffic.js';

const alertmanager = await startOwnAlertmanager();
const rounds = 4;
const resendMs = 1000;

test('what stands in Alertmanager is what is open, whichever of the two is killed', {
  skip: skipWithout(alertmanager, 'Alertmanager'),
  timeout: 600_000,
}, async (t) => {
  assert(alertmanager);
  const plant = makePlant();
  t.after(async () => {
    await alertmanager.stop();
    removePlant(plant);
  });
  const severities =
    '[{ name: warning, set: 0.000001, reset: 0.0000001 }, { name: critical, set: 0.095, reset: 0.09 }]';
  writeFileSync(
    plant.file,
    readFileSync(plant.file, 'utf8').replace(
      /severities: .*/,
      `labels: { team: pumps }\n      severities: ${severities}`,
    ),
  );
  appendFileSync(
    plant.file,
    `  notifiers:
    - { kind: alertmanager, name: am, url: "${alertmanager.url}/", pageUrl: "http://plant.example:8080", resendMs: ${resendMs}ms, retry: { firstDelayMs: 20ms, maxDelayMs: 200ms } }
  routes:
    - { notifiers: [am], groupBy: [line], transitions: [fired] }\n`,
  );
  const deployment = await trainPumps(plant);
  const rng = new Rng(5);
  const traffic = new PumpTraffic(rng.fork());
  /** Newest transition of each alert that has ever been open. */
  const newest = async (): Promise<AlertRecord[]> => {
    const log = await openEmbeddedLog({ dir: join(deployment.config.dataDir, 'log'), mode: 'read-only' });
    const alerts = new Map<string, AlertRecord>();
    for (const { partition } of await log.status(topics.alerts))
      for await (const record of log.read({ topic: topics.alerts, partition }, 0)) {
        const alert = decodeRecord(topics.alerts, record);
        alerts.set(alert.alertId, alert);
      }
    await log.close();
    return [...alerts.values()];
  };
  const wanted = async (): Promise<string[]> =>
    (await newest())
      .filter(({ state }) => state === 'firing' || state === 'not-assessable')
      .map(({ alertId, severity, summary }) => `${alertId} ${severity}: ${summary}`)
      .sort();
  const standing = async (): Promise<string[]> =>
    (await alertmanager.alerts())
      .map(
        ({ labels, annotations }) =>
          `${annotations.alert_id} ${labels.severity ?? ''}: ${annotations.summary}`,
      )
      .sort();
  const agree = (): Promise<void> =>
    eventually(async () => assert.deepEqual(await standing(), await wanted()), 60_000);

  let running: MillwrightProcess | undefined;
  for (let round = 0; round < rounds; round++) {
    running ??= await traffic.start(t, plant);
    await traffic.publish(200);
    const down = rng.uniform() < 0.5;
    await alertmanager.kill();
    if (down) await traffic.publish(100);
    running.kill('SIGKILL');
    await running.ended;
    running = undefined;
    await alertmanager.startAgain();
  }
  running = await traffic.start(t, plant);
  await traffic.publish(150);
  await agree();
  const [one] = await alertmanager.alerts();
  assert(one, 'something stands');
  const { machine } = one.labels;
  assert.deepEqual(
    { ...one.labels, severity: '' },
    { alertname: 'soon', machine, type: 'pump', site: 'north', line: 'a', team: 'pumps', severity: '' },
  );
  assert.equal(
    decodeURIComponent(one.generatorURL),
    `http://plant.example:8080/alerts/${one.annotations.alert_id}`,
  );

  // It stands for longer than Alertmanager would let it without being told again.
  await sleep(6 * resendMs);
  await agree();
  await alertmanager.kill();
  await alertmanager.startAgain();
  await agree();
  // Both away, and time goes on: what ended meanwhile does not come back, what began does.
  running.kill('SIGKILL');
  await running.ended;
  await alertmanager.kill();
  await alertmanager.startAgain();
  assert.deepEqual(await standing(), [], 'it has forgotten');
  running = await traffic.start(t, plant);
  await traffic.publish(300);
  await agree();

  const all = await newest();
  const over = all.filter(({ state }) => state === 'resolved').length;
  const critical = all.filter(({ severity }) => severity === 'critical').length;
  t.diagnostic(
    `${all.length} alerts, ${over} of them over, ${critical} critical; stand: ${(await standing()).length}`,
  );
  assert(over > 3 && all.length > over, 'some ended and some stand');
  running.kill('SIGTERM');
  assert.equal((await running.ended).exitCode, 0);
  await eventually(async () => assert.deepEqual(await standing(), []), 60_000);
});
