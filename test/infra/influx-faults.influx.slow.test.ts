/** What can go wrong between the store and InfluxDB, with a real one behind a front that answers as the fault would. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { WorldError } from '../../domain/errors.js';
import type { StoreBatch } from '../../domain/store.js';
import { influxConfigSchema } from '../../infra/influx/config.js';
import { InfluxConnection } from '../../infra/influx/connection.js';
import { type InfluxStore, openInfluxStore } from '../../infra/influx/store.js';
import { eventOf, forecastOf, freshMachine, stepOf, storeBatch } from '../conformance/store.js';
import { startInflux, startOwnInflux } from '../services/influx.js';
import { InfluxFront, type Manner } from '../services/influx-front.js';
import { eventually, skipWithout } from '../services/service.js';

const influx = await startInflux();
after(() => influx?.stop());

interface Bench {
  readonly store: InfluxStore;
  readonly front: InfluxFront;
  readonly dir: string;
  readonly database: string;
  readonly problems: string[];
  /** The store as it is opened after a restart. */
  reopen(): Promise<InfluxStore>;
  /** As another process that only reads. */
  openReader(): Promise<InfluxStore>;
  /** What InfluxDB itself says. */
  query(statement: string): ReturnType<InfluxConnection['query']>;
}

async function bench(
  t: TestContext,
  options: Record<string, unknown> = {},
  target = influx?.url ?? '',
): Promise<Bench> {
  const front = await InfluxFront.start(target);
  const dir = mkdtempSync(join(tmpdir(), 'millwright-influx-faults-'));
  const database = `faults_${randomUUID().slice(0, 8)}`;
  const problems: string[] = [];
  const opened: InfluxStore[] = [];
  const config = influxConfigSchema.parse({ url: front.url, database, timeoutMs: '30s', ...options });
  const open = async (mode: 'read-write' | 'read-only') => {
    const store = await openInfluxStore({
      config,
      types: new Map(),
      dir,
      mode,
      onProblem: (sentence) => problems.push(sentence),
    });
    opened.push(store);
    return store;
  };
  const direct = new InfluxConnection({ ...config, url: target });
  t.after(async () => {
    for (const store of opened) await store.close();
    direct.close();
    await front.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    store: await open('read-write'),
    front,
    dir,
    database,
    problems,
    reopen: () => open('read-write'),
    openReader: () => open('read-only'),
    query: (statement) => direct.query(statement),
  };
}

function batchOf(machine: string, days = 5): StoreBatch {
  const all = Array.from({ length: days }, (_, day) => day);
  return storeBatch({
    forecasts: all.map((day) => forecastOf(machine, day)),
    steps: all.map((day) => stepOf(machine, day)),
    events: all.map((day) => eventOf(machine, day)),
  });
}

async function holds(store: InfluxStore, machine: string, batch: StoreBatch): Promise<void> {
  assert.deepEqual(await store.forecasts(machine), batch.forecasts.toReversed());
  assert.deepEqual(await store.steps(machine), batch.steps.toReversed());
  assert.deepEqual(await store.events(machine), batch.events.toReversed());
}

async function emptied(store: InfluxStore): Promise<void> {
  await eventually(async () => assert.equal(store.status()?.spoolBytes, 0), 120_000);
}

describe('InfluxDB faults', { skip: skipWithout(influx, 'InfluxDB'), timeout: 900_000 }, () => {
  const passing: readonly (readonly [string, Manner, RegExp])[] = [
    [
      '503',
      { status: 503, body: '{"error":"engine: cache maximum memory size exceeded"}' },
      /503: engine: cache/,
    ],
    ['500 with a timeout', { status: 500, body: '{"error":"timeout"}' }, /500: timeout/],
    ['429', { status: 429, body: '{"error":"too many"}' }, /429/],
    ['401', { status: 401, body: '{"error":"authorization failed"}' }, /401: authorization failed/],
    ['a 400 of a proxy', { status: 400, body: '<html>Bad Request</html>' }, /answered 400: <html>/],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, /302/],
    ['a connection that is cut', 'cut', /cannot be reached/],
    ['a timeout after the write took effect', 'lose-answer', /did not answer in 5000 ms/],
  ];
  for (const [name, manner, sentence] of passing)
    it(`${name}: the results wait on disk, are all there when it is over, and once`, async (t) => {
      const { store, front, problems, query } = await bench(
        t,
        manner === 'lose-answer' ? { timeoutMs: '5s' } : {},
      );
      const machine = freshMachine();
      front.writes = manner;
      await store.write(batchOf(machine));
      assert((store.status()?.spoolBytes ?? 0) > 0);
      assert.match(problems.join('\n'), sentence);
      assert.deepEqual(
        (await store.fleet()).map(({ forecast }) => forecast.machine),
        [machine],
        'the fleet shows it',
      );
      front.writes = 'pass';
      await emptied(store);
      await holds(store, machine, batchOf(machine));
      assert.equal(store.status()?.problem, '');
      const [counted] = await query(
        'SELECT count(record) FROM failure_forecast, machine_step, machine_event',
      );
      assert.equal(counted?.values[0]?.[1], 5, 'nothing is doubled');
    });

  it('waits as long as Retry-After says', async (t) => {
    const { store, front } = await bench(t);
    front.writes = { status: 429, body: '{"error":"x"}', headers: { 'retry-after': '2' } };
    await store.write(batchOf(freshMachine()));
    await eventually(async () => assert(front.writtenAtMs.length >= 2), 60_000);
    front.writes = 'pass';
    await emptied(store);
    const [first = 0, second = 0, third = 0] = front.writtenAtMs;
    assert(second - first >= 2000 && third - second >= 2000, `${second - first} ms, ${third - second} ms`);
  });

  it('while away it is asked less and less often, and never all at once', async (t) => {
    const { store, front } = await bench(t);
    front.writes = 'cut';
    for (let i = 0; i < 20; i++) await store.write(batchOf(freshMachine()));
    await eventually(async () => assert(front.writtenAtMs.length >= 6), 60_000);
    // The first write, the spool at once, and then after half of 250 ms or more, of 500 ms, of a second.
    const [, ...gaps] = front.writtenAtMs.slice(1, 6).map((atMs, i, all) => atMs - (all[i - 1] ?? 0));
    [125, 250, 500, 1000].forEach((leastMs, i) => {
      assert((gaps[i] ?? 0) > leastMs - 2, `after ${gaps} ms`);
    });
    front.writes = 'pass';
    await emptied(store);
  });

  it('a point of another type than its field has is refused and kept in a file; the others are stored', async (t) => {
    const { store, database, dir, query } = await bench(t);
    const machine = freshMachine();
    await store.write(batchOf(freshMachine(), 1));
    // Somebody has written text where we write numbers; in this machine's shard alone.
    await query(`CREATE RETENTION POLICY results ON ${database} DURATION INF REPLICATION 1`).catch(() => {});
    const foreign = await fetch(`${influx?.url}/write?db=${database}&rp=results&precision=ms`, {
      method: 'POST',
      body: `failure_forecast,machine=x coverage="full" ${Date.UTC(2034, 0, 1)}`,
    });
    assert.equal(foreign.status, 204);
    const bad = forecastOf(machine, 0, { originMs: Date.UTC(2034, 0, 2) });
    const good = batchOf(machine);
    await store.write(storeBatch({ ...good, forecasts: [...good.forecasts, bad] }));
    await holds(store, machine, good);
    assert.equal(store.status()?.refusedCount, 1);
    assert.match(store.status()?.refusedReason ?? '', /field type conflict/);
    const refused = readFileSync(join(dir, 'refused.lp'), 'utf8');
    assert.match(refused, /^# .*field type conflict.*\nfailure_forecast,.*machine=machine-.* \d+\n$/);
  });

  it('a point that is older than the retention is refused, and holds up nothing', async (t) => {
    const { store } = await bench(t, { retentionMs: '365d' });
    const machine = freshMachine();
    const recentMs = Math.floor(Date.now() / 86_400_000) * 86_400_000;
    const recent = forecastOf(machine, 0, { originMs: recentMs });
    await store.write(storeBatch({ forecasts: [forecastOf(machine, 0), recent] }));
    assert.deepEqual(await store.forecasts(machine), [recent]);
    assert((store.status()?.refusedCount ?? 0) >= 1);
    assert.match(store.status()?.refusedReason ?? '', /beyond retention policy/);
  });

  it('bodies that InfluxDB finds too large are cut in halves', async (t) => {
    const { store, front } = await bench(t);
    const machine = freshMachine();
    front.bodyBytesMax = 20_000;
    const batch = batchOf(machine, 30);
    await store.write(batch);
    await holds(store, machine, batch);
    assert.equal(store.status()?.refusedCount, 0);
    assert(front.writtenAtMs.length > 4);
  });

  it('a full spool refuses, retryably, keeps what it has taken, and takes more when there is room', async (t) => {
    const { store, front } = await bench(t, { spoolBytesMax: 1_000_000 });
    front.all = 'cut';
    const taken: string[] = [];
    let refused: string | undefined;
    for (let i = 0; i < 3000 && refused === undefined; i++) {
      const machine = freshMachine();
      await store.write(batchOf(machine)).then(
        () => taken.push(machine),
        (error: unknown) => {
          assert(error instanceof WorldError && error.code === 'disk-full' && error.retryable, String(error));
          assert.match(error.message, /is full .* bring InfluxDB back/);
          refused = machine;
        },
      );
    }
    assert(refused !== undefined && taken.length > 10, `${taken.length} taken`);
    assert((store.status()?.spoolBytes ?? 0) <= 1_000_000);
    front.all = 'pass';
    await emptied(store);
    for (const machine of [taken[0], taken.at(-1)]) await holds(store, machine ?? '', batchOf(machine ?? ''));
    assert.equal((await store.fleet()).length, taken.length);
    await store.write(batchOf(refused));
    await holds(store, refused, batchOf(refused));
  });

  it('what is on the spool goes to InfluxDB after a restart, before what comes then', async (t) => {
    const { store, front, reopen } = await bench(t);
    const machine = freshMachine();
    front.all = 'cut';
    await store.write(storeBatch({ forecasts: [forecastOf(machine, 0)] }));
    await store.close();
    const again = await reopen();
    await again.write(storeBatch({ forecasts: [forecastOf(machine, 1)] }));
    front.all = 'pass';
    await emptied(again);
    assert.deepEqual(await again.forecasts(machine), [forecastOf(machine, 1), forecastOf(machine, 0)]);
  });

  it('while it is away the fleet shows what was written, to who writes; who only reads is told', async (t) => {
    const { store, front, openReader } = await bench(t);
    const machine = freshMachine();
    await store.write(storeBatch({ forecasts: [forecastOf(machine, 0)] }));
    front.all = 'cut';
    await store.write(storeBatch({ forecasts: [forecastOf(machine, 1)] }));
    assert.deepEqual(await store.fleet(), [{ forecast: forecastOf(machine, 1), alerts: [] }]);
    const unreachable = (error: unknown) => error instanceof WorldError && error.code === 'unreachable';
    await assert.rejects((await openReader()).fleet(), unreachable);
    await assert.rejects(store.forecasts(machine), unreachable);
  });

  it('an InfluxDB that comes back empty gets its database again', async (t) => {
    const { store, database, query } = await bench(t);
    await store.write(batchOf(freshMachine()));
    await query(`DROP DATABASE ${database}`);
    const machine = freshMachine();
    await store.write(batchOf(machine));
    await emptied(store);
    await holds(store, machine, batchOf(machine));
  });

  it('needs no more rights than reading and writing its database; a wrong password is a problem that passes', async (t) => {
    const own = await startOwnInflux({ INFLUXDB_HTTP_AUTH_ENABLED: 'true' });
    if (!own) return t.skip('no InfluxDB of its own to lock');
    t.after(() => own.stop());
    const ask = async (statement: string, login = 'u=root&p=secret&') => {
      const answer = await fetch(`${own.url}/query?${login}q=${encodeURIComponent(statement)}`, {
        method: 'POST',
      });
      assert.equal(answer.status, 200, await answer.text());
    };
    await ask("CREATE USER root WITH PASSWORD 'secret' WITH ALL PRIVILEGES", '');
    await ask('CREATE DATABASE plant WITH NAME results');
    await ask("CREATE USER millwright WITH PASSWORD 'wrong so far'");
    await ask('GRANT ALL ON plant TO millwright');
    const login = { database: 'plant', username: 'millwright', password: 'p:ä "ss' };
    const { store, problems } = await bench(t, login, own.url);
    const machine = freshMachine();
    await store.write(batchOf(machine));
    assert.match(problems.join(), /answered 401: authorization failed/);
    await ask(`SET PASSWORD FOR millwright = 'p:ä "ss'`);
    await emptied(store);
    await holds(store, machine, batchOf(machine));
  });

  it('loses nothing of what it has taken when InfluxDB is killed again and again', async (t) => {
    const own = await startOwnInflux();
    if (!own) return t.skip('no InfluxDB of its own to kill');
    t.after(() => own.stop());
    const { store } = await bench(t, {}, own.url);
    const machines: string[] = [];
    let killing = true;
    const writing = (async () => {
      while (killing || machines.length < 50) {
        const machine = freshMachine();
        await store.write(batchOf(machine));
        machines.push(machine);
      }
    })();
    for (let round = 0; round < 4; round++) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      await own.kill();
      await new Promise((resolve) => setTimeout(resolve, 300));
      await own.startAgain();
    }
    killing = false;
    await writing;
    await emptied(store);
    for (const machine of machines) await holds(store, machine, batchOf(machine));
    t.diagnostic(`${machines.length} batches`);
  });
});
