// What people say of alerts, by the command, to the program as its own process: it survives kill -9 and is told in the history.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rng } from '../../domain/rng.js';
import type { AlertDetailWire, AlertsWire, MachineWire } from '../../infra/http/wire.js';
import { type MillwrightProcess, runMillwright } from '../scenarios/millwright-process.js';
import { makePlant, removePlant, trainPumps } from '../scenarios/plant.js';
import { PumpTraffic } from '../scenarios/pump-traffic.js';
import { eventually } from '../services/service.js';

test('acknowledged, assigned, commented, killed, started again: the history has all of it', {
  timeout: 300_000,
}, async (t) => {
  const plant = makePlant();
  t.after(() => removePlant(plant));
  await trainPumps(plant);
  const traffic = new PumpTraffic(new Rng(3));
  const begin = async (): Promise<{ readonly running: MillwrightProcess; readonly url: string }> => {
    const running = await traffic.start(t, plant);
    const { url = '' } = await running.line(({ msg }) => msg.includes('page'));
    return { running, url };
  };
  const { running, url } = await begin();
  await traffic.publish(300);
  const say = async (at: string, ...args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await runMillwright(t, ['alert', ...args, '--url', at]);
    assert.equal(exitCode, 0, stderr);
    return stdout;
  };
  let id = '';
  await eventually(async () => {
    const { alerts } = JSON.parse(await say(url, 'list', '--json')) as AlertsWire;
    id = alerts.find(({ state }) => state === 'firing')?.alertId ?? assert.fail('nothing fires yet');
  }, 60_000);
  assert.match(await say(url, 'ack', id, '--by', 'Lee', '--comment', 'seen'), /is acknowledged/);
  assert.match(await say(url, 'assign', id, '--to', 'Kim', '--by', 'Lee'), /is assigned to Kim/);
  assert.match(await say(url, 'feedback', id, 'true', '--fault', 'BRG-2', '--by', 'Kim'), /noted, true/);
  await say(url, 'comment', id, 'inner ring is worn', '--by', 'Kim');
  running.kill('SIGKILL');
  await running.ended;
  const again = await begin();
  const get = async <T>(path: string): Promise<T> => (await (await fetch(again.url + path)).json()) as T;
  await eventually(async () => {
    const { alert, history } = await get<AlertDetailWire>(`/api/v1/alerts/${encodeURIComponent(id)}`);
    assert.deepEqual(
      history
        .filter(({ transition }) => ['acknowledged', 'assigned', 'commented'].includes(transition))
        .map(({ transition, by = '', reason }) => `${transition} ${by}: ${reason}`),
      ['acknowledged : seen', 'assigned Lee: ', 'commented Kim: inner ring is worn'],
    );
    assert.deepEqual([alert.acknowledgedBy, alert.assignedTo], ['Lee', 'Kim']);
    const { events } = await get<MachineWire>(`/api/v1/machines/${encodeURIComponent(alert.machine)}`);
    const feedback = events.find(({ event }) => event === 'feedback');
    assert.deepEqual(
      [feedback?.code, feedback?.alert, feedback?.fault, feedback?.by],
      ['true', id, 'BRG-2', 'Kim'],
    );
  }, 60_000);
  const unknown = await runMillwright(t, ['alert', 'ack', 'near/x/1', '--by', 'Lee', '--url', again.url]);
  assert.equal(unknown.exitCode, 2);
  assert.match(unknown.stderr, /there is no alert "near\/x\/1"/);
});
