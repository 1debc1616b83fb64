/** Sparkplug B over the real Mosquitto, with the program itself as the host application. */
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { connectAsync } from 'mqtt';
import { until } from '../infra/mqtt-wire.js';
import { sparkplugPayload, type TestMetric } from '../ingest/sparkplug-wire.js';
import { startMillwright } from '../scenarios/millwright-process.js';
import { makePlant, removePlant } from '../scenarios/plant.js';
import { startMosquitto } from './mosquitto.js';
import { eventually, skipWithout } from './service.js';

const mosquitto = await startMosquitto();

test('an edge node and its host', {
  skip: skipWithout(mosquitto, 'Mosquitto'),
  timeout: 300_000,
}, async (t) => {
  const { url = '' } = mosquitto ?? {};
  const plant = makePlant('wall');
  t.after(async () => {
    removePlant(plant);
    await mosquitto?.stop();
  });
  const hostId = `host-${process.pid}`;
  const text = readFileSync(plant.file, 'utf8')
    .replace(
      'mqtt: { kind: embedded, port: 0 }',
      `mqtt: { kind: client, url: "${url}", clientId: ${hostId} }`,
    )
    .replace('ingest: {', `ingest: { sparkplug: { hostId: ${hostId}, rebirthEveryMs: 100ms },`);
  writeFileSync(plant.file, text);

  const group = `g${process.pid}`;
  const node = await connectAsync(url, {}, false);
  t.after(() => node.endAsync(true));
  const states: boolean[] = [];
  const commands: Buffer[] = [];
  node.on('message', (topic, payload) => {
    if (topic.startsWith('spBv1.0/STATE/')) states.push(JSON.parse(payload.toString()).online);
    else commands.push(payload);
  });
  await node.subscribeAsync([`spBv1.0/STATE/${hostId}`, `spBv1.0/${group}/NCMD/gw`], { qos: 1 });

  const running = startMillwright(t, ['run', '-c', plant.file]);
  const { url: page } = await running.line(({ msg }) => msg.startsWith('the page is at'));
  await until(() => states.length > 0, 'the state of the host');
  assert.deepEqual(states, [true]);

  const send = (type: string, seq: number, metrics: readonly TestMetric[]) =>
    node.publishAsync(
      `spBv1.0/${group}/${type}/gw${type.startsWith('D') ? '/pump-1' : ''}`,
      sparkplugPayload(seq, metrics, Date.now()),
      { qos: 0 },
    );
  const ledger = async () =>
    (await (await fetch(new URL('/api/v1/ledger', page))).json()) as Record<string, number>;

  // It was there before its host: nobody knows its aliases.
  await send('DDATA', 40, [{ alias: 1, value: 20 }]);
  await until(() => commands.length === 1, 'a request for the births');
  assert.ok(commands[0]?.includes('Node Control/Rebirth'));
  await send('NBIRTH', 0, [{ name: 'bdSeq', kind: 'int64', value: 1 }]);
  await send('DBIRTH', 1, [
    { name: 'temp', alias: 1, value: 20 },
    { name: 'vib', alias: 2, kind: 'float', value: 1 },
  ]);
  await send('DDATA', 2, [{ alias: 1, timeMs: Date.now() + 1, value: 21 }]);
  await eventually(async () => {
    const { accepted, rejected } = await ledger();
    assert.deepEqual({ accepted, rejected }, { accepted: 3, rejected: 1 });
  }, 60_000);

  // A message is lost on the way. A node is asked no more than once in 100 ms: if not by this message, by a later one.
  let seq = 4;
  await eventually(async () => {
    await send('DDATA', seq++, [{ alias: 1, value: 22 }]);
    assert(commands.length >= 2, 'another request');
  }, 60_000);

  running.kill('SIGKILL');
  await until(() => states.length === 2, 'the will of the host');
  assert.deepEqual(states, [true, false]);
});
