// Silences over the real HTTP server and the command line, with the log and the dispatcher behind them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { alertsConfigSchema } from '../../alerts/config.js';
import { makeDispatchStage } from '../../alerts/dispatch-stage.js';
import type { Deployment } from '../../app/config.js';
import { groups } from '../../app/groups.js';
import { silencesOf } from '../../app/silences.js';
import { SetClock } from '../../domain/clock.js';
import { topicSpecs, topics } from '../../domain/topics.js';
import { startHttpServer } from '../../infra/http/server.js';
import type { SilencesWire } from '../../infra/http/wire.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { MemoryStore } from '../../infra/memory/store.js';
import { alertOf } from '../alerts/delivery-yard.js';

const run = promisify(execFile);

test('a silence is made, mutes, is listed and ended: over HTTP and from the command line', async (t) => {
  const log = new MemoryLog();
  await log.ensureTopics(topicSpecs(1, Infinity));
  const store = new MemoryStore();
  await store.write({
    steps: [],
    forecasts: [],
    alerts: [alertOf(0), alertOf(0, { machine: 'unit-85' })],
    events: [],
  });
  const alerts = alertsConfigSchema.parse({});
  const dispatching = log.consume({
    group: groups.dispatch,
    topics: [topics.dispatch],
    batchRecordsMax: 10,
    from: 'beginning',
    handlerFor: makeDispatchStage({ config: alerts, timeZone: 'UTC' }),
  });
  const clock = new SetClock(10_000);
  const types: Deployment['types'] = new Map();
  const nothing = () => Promise.resolve();
  const server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    plant: 'p',
    store,
    types,
    rules: () => [],
    live: { subscribe: () => () => {} },
    actions: { acknowledge: nothing, assign: nothing, comment: nothing, feedback: nothing },
    silences: silencesOf({ deployment: { config: { alerts }, types } as Deployment, log, store, clock }),
    ledger: () => Promise.resolve({ received: 0, accepted: 0, rejected: 0, duplicate: 0, late: 0 }),
    health: () => Promise.resolve({ status: 'ok', checks: [] }),
    metrics: () => Promise.resolve(''),
    clock,
  });
  t.after(async () => {
    await server.close();
    await dispatching.close();
    await log.close();
  });
  const path = `${server.url}/api/v1/silences`;
  const list = async (): Promise<SilencesWire> => (await (await fetch(path)).json()) as SilencesWire;
  const read = async (count: number): Promise<SilencesWire> => {
    for (;;) {
      const found = await list();
      if (found.silences.filter(({ state }) => state === 'active').length === count) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const post = (body: object) =>
    fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const good = { matchers: ['machine=unit-84'], durationMs: 60_000, by: 'kim' };

  assert.equal((await post(good)).status, 201);
  const { silences, muted } = await read(1);
  const [{ id, ...silence }] = silences as [SilencesWire['silences'][number]];
  assert.deepEqual(silence, {
    state: 'active',
    matchers: ['machine=unit-84'],
    startsMs: 10_000,
    endsMs: 70_000,
    by: 'kim',
    comment: '',
  });
  assert.deepEqual(muted, { [alertOf(0).alertId]: { by: 'silence', name: id } });

  for (const [wrong, message] of [
    [{ ...good, matchers: ['machine'] }, /no matcher/],
    [{ ...good, matchers: ['machine=~"("'] }, /Invalid regular expression/],
    [{ ...good, matchers: ['machine=~(a+)+'] }, /repetition/],
    [{ ...good, endsMs: 5 }, /endsMs or durationMs/],
    [{ matchers: good.matchers, by: 'kim', endsMs: 9000 }, /over before/],
    [{ ...good, by: ' ' }, /who you are/],
  ] as const) {
    const response = await post(wrong);
    assert.equal(response.status, 400);
    assert.match(await response.text(), message);
  }

  assert.equal((await fetch(`${path}/${id}`, { method: 'DELETE' })).status, 202);
  assert.deepEqual((await read(0)).muted, {});
  assert.equal((await fetch(`${path}/${id}`, { method: 'DELETE' })).status, 404);

  const millwright = async (...words: string[]): Promise<string> =>
    (await run(process.execPath, ['dist/app/main.js', 'silence', ...words, '--url', server.url])).stdout;
  const made = (await millwright('add', 'line=l1', 'rule=~n.*', '--for', '8h', '--by', 'lee')).trim();
  assert.deepEqual(Object.keys((await read(1)).muted).length, 2);
  assert.match(
    await millwright('list'),
    new RegExp(`${made} +active .*line=l1 rule=~n\\.\\* +lee[^]*2 open alerts are muted`),
  );
  await millwright('end', made);
  await read(0);
  await assert.rejects(millwright('end', made), /there is no silence/);
});
