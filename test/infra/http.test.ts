import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { EventHub } from '../../infra/http/event-hub.js';
import { RateLimit } from '../../infra/http/guard.js';
import { followTarget } from '../../infra/http/moved.js';
import type {
  AlertDetailWire,
  AlertsWire,
  ErrorWire,
  FleetWire,
  MachineWire,
  PlantWire,
  UpdateWire,
} from '../../infra/http/wire.js';
import { dayMs, startMs } from '../ui/fixture-plant.js';
import { type FixturePlant, startFixture } from '../ui/fixture-server.js';

let plant: FixturePlant;
before(async () => {
  plant = await startFixture(25, { limits: { heartbeatMs: 50, clientsMax: 3, backlogBytesMax: 1_000_000 } });
});
after(async () => {
  await plant.server.close();
});

async function get<T>(path: string): Promise<{ status: number; body: T; headers: Headers }> {
  const response = await fetch(plant.server.url + path);
  return { status: response.status, body: (await response.json()) as T, headers: response.headers };
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(plant.server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** fetch does not let one choose the Host header. */
function getWithHost(host: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest(`${plant.server.url}/api/v1/plant`, { headers: { host } }, (response) => {
      response.resume();
      resolve(response);
    })
      .on('error', reject)
      .end();
  });
}

async function openAlertId(): Promise<string> {
  const { body } = await get<AlertsWire>('/api/v1/alerts?state=firing');
  const alert = body.alerts[0];
  assert.ok(alert, 'the fixture has a firing alert');
  return alert.alertId;
}

/** Reads server-sent events until `wanted` says that it has seen enough. */
async function readEvents(
  query: string,
  wanted: (events: readonly SeenEvent[]) => boolean,
  act?: () => Promise<void>,
): Promise<SeenEvent[]> {
  const stop = new AbortController();
  const response = await fetch(`${plant.server.url}/api/v1/events${query}`, { signal: stop.signal });
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  const seen: SeenEvent[] = [];
  let text = '';
  let acted = false;
  try {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString('utf8');
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      seen.push(...parts.map(parseEvent));
      if (!acted && act) {
        acted = true;
        await act();
      }
      if (wanted(seen)) break;
    }
  } finally {
    stop.abort();
  }
  return seen;
}

interface SeenEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

function parseEvent(text: string): SeenEvent {
  const field = (name: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2) ?? '';
  return { event: field('event'), id: field('id'), data: field('data') };
}

const updatesOf = (events: readonly SeenEvent[]) =>
  events.filter((event) => event.event === 'update').map((event) => JSON.parse(event.data) as UpdateWire);

test('the plant is described with counts that sum to its machines', async () => {
  const { body } = await get<PlantWire>('/api/v1/plant');
  assert.equal(body.name, 'Coolant Works North');
  assert.equal(body.types[0]?.timeZone, 'Europe/Berlin');
  const { machines, firing, notAssessable, pending, good } = body.counts;
  assert.equal(machines, 25);
  assert.equal(
    Object.values(firing).reduce((sum, count) => sum + count, 0) + notAssessable + pending + good,
    machines,
  );
  assert.equal(notAssessable, 3);
  assert.ok(body.rules.some((rule) => rule.severity === 'critical' && rule.days === 7));
});

test('the fleet has one row a machine, with its curve or the reason why there is none', async () => {
  const { body } = await get<FleetWire>('/api/v1/fleet');
  assert.equal(body.rows.length, 25);
  for (const { forecast } of body.rows) {
    if (forecast.status === 'not-assessable') {
      assert.equal(forecast.probabilities.length, 0);
      assert.notEqual(forecast.reason, '');
    } else assert.equal(forecast.probabilities.length, 30);
  }
});

test('a machine comes with earlier forecasts, the moves of one day, sensors with gaps, and events', async () => {
  const { body } = await get<MachineWire>('/api/v1/machines/pump-19');
  assert.equal(body.forecast?.originMs, startMs);
  assert.equal(body.previous.length, 30);
  assert.ok(body.previous.every((earlier, index) => earlier.originMs === startMs - (index + 1) * dayMs));
  assert.equal(body.steps.length, 30);
  assert.equal(body.sensors.length, 10);
  for (const sensor of body.sensors)
    for (const [index, mean] of sensor.means.entries())
      assert.equal(mean === null, sensor.coverage[index] === 0, `${sensor.name} step ${index}`);
  const expected = body.forecast?.expectedDay ?? 0;
  assert.equal(body.moved?.targetMs, startMs + expected * dayMs);
  assert.equal(body.moved?.points.at(-1)?.probability, body.forecast?.probabilities[expected - 1]);
  assert.equal(body.moved?.points.at(-2)?.probability, body.previous[0]?.probabilities[expected]);
  assert.ok(body.events.some((event) => event.event === 'maintenance'));
});

test('a forecast of the past can be asked for by its time', async () => {
  const { body } = await get<MachineWire>(`/api/v1/machines/pump-19?at=${startMs - 5 * dayMs}`);
  assert.equal(body.forecast?.originMs, startMs - 5 * dayMs);
  assert.ok(body.steps.every((step) => step.startMs <= startMs - 5 * dayMs));
});

test('the diagonal leaves out what could not be assessed and days beyond the horizon', () => {
  const forecast = (origin: number, probabilities: number[]) =>
    ({ originMs: origin * dayMs, probabilities }) as unknown as Parameters<typeof followTarget>[0][number];
  const moved = followTarget(
    [forecast(3, [0.3, 0.4]), forecast(2, []), forecast(1, [0.1, 0.2])],
    4 * dayMs,
    dayMs,
  );
  assert.deepEqual(moved.points, [{ originMs: 3 * dayMs, probability: 0.3 }]);
});

for (const [what, path, status, says] of [
  ['an unknown machine', '/api/v1/machines/nope', 404, /"nope"/],
  ['a time that is none', '/api/v1/machines/pump-19?at=yesterday', 400, /at: /],
  ['a query word that does not exist', '/api/v1/machines/pump-19?when=1', 400, /when/],
  ['a state that does not exist', '/api/v1/alerts?state=burning', 400, /state/],
  ['a limit beyond the bound', '/api/v1/alerts?limit=100000', 400, /limit/],
  ['an unknown alert', '/api/v1/alerts/a%2Fb%2F1', 404, /"a\/b\/1"/],
  ['a route that does not exist', '/api/v1/engines', 404, /\/api\/v1\/engines/],
] as const)
  test(`${what} is answered with a JSON error that names it`, async () => {
    const { status: got, body } = await get<ErrorWire>(path);
    assert.equal(got, status);
    assert.match(body.error.message, says);
    assert.match(body.error.code, /^[a-z-]+$/);
  });

test('alert ids hold slashes: history by the encoded id, acknowledge, then seen in the list', async () => {
  const alertId = await openAlertId();
  const path = `/api/v1/alerts/${encodeURIComponent(alertId)}`;
  const response = await post(`${path}/acknowledge`, { by: ' S. Lee ', comment: 'bearing ordered' });
  assert.equal(response.status, 202);
  const { body } = await get<AlertDetailWire>(path);
  assert.equal(body.alert.acknowledgedBy, 'S. Lee');
  assert.equal(body.history.at(-1)?.transition, 'acknowledged');
  assert.equal(body.history[0]?.transition, 'fired');
});

test('an alert is assigned to somebody and commented on; both are in its history', async () => {
  const path = `/api/v1/alerts/${encodeURIComponent(await openAlertId())}`;
  assert.equal((await post(`${path}/assign`, { to: ' Kim ', by: 'S. Lee', comment: '' })).status, 202);
  assert.equal((await post(`${path}/comment`, { by: 'Kim', comment: 'bearing is warm' })).status, 202);
  const { alert, history } = (await (await fetch(`${plant.server.url}${path}`)).json()) as AlertDetailWire;
  assert.deepEqual([alert.assignedTo, alert.by, alert.reason], ['Kim', 'Kim', 'bearing is warm']);
  assert.deepEqual(
    history.slice(-2).map(({ transition }) => transition),
    ['assigned', 'commented'],
  );
  for (const [what, body, problem] of [
    ['assign', { to: '', by: 'x' }, /who is to look after it/],
    ['comment', { by: 'x', comment: ' ' }, /say something/],
    ['comment', { comment: 'y' }, /by/],
  ] as const) {
    const response = await post(`${path}/${what}`, body);
    assert.equal(response.status, 400);
    assert.match(((await response.json()) as { error: { message: string } }).error.message, problem);
  }
});

test('feedback reaches the process with verdict, name and comment', async () => {
  const alertId = await openAlertId();
  const body = { verdict: 'true', by: 'S. Lee', comment: 'inner ring', fault: 'BRG-2' };
  const response = await post(`/api/v1/alerts/${encodeURIComponent(alertId)}/feedback`, body);
  assert.equal(response.status, 202);
  assert.deepEqual(plant.feedback.at(-1), { alertId, ...body });
});

test('an acknowledgement that is not well formed, or cannot be kept, is refused and says why', async () => {
  const path = `/api/v1/alerts/${encodeURIComponent(await openAlertId())}/acknowledge`;
  const cases = [
    [{ by: '', comment: '' }, 400, /say who you are/],
    [{ by: 'x', comment: 'y', rank: 1 }, 400, /rank/],
    ['{"by": ', 400, /./],
    [{ by: 'x', comment: 'y'.repeat(20_000) }, 413, /large/],
  ] as const;
  for (const [body, status, says] of cases) {
    const response = await post(path, body);
    assert.equal(response.status, status);
    assert.match(((await response.json()) as ErrorWire).error.message, says);
  }
  assert.equal((await post(path, 'by=x', { 'content-type': 'text/plain' })).status, 415);
  plant.failNextAction();
  const away = await post(path, { by: 'x' });
  assert.equal(away.status, 503);
  assert.match(((await away.json()) as ErrorWire).error.message, /log is not reachable/);
});

test('a foreign page can neither read through a DNS name of its own nor post', async () => {
  assert.equal((await getWithHost('evil.example:8080')).statusCode, 421);
  assert.equal((await getWithHost('127.0.0.1.evil.example')).statusCode, 421);
  assert.equal((await getWithHost('localhost:1234')).statusCode, 200);
  const path = `/api/v1/alerts/${encodeURIComponent(await openAlertId())}/acknowledge`;
  assert.equal((await post(path, { by: 'x' }, { origin: 'http://evil.example' })).status, 403);
  assert.equal((await post(path, { by: 'x' }, { origin: plant.server.url })).status, 202);
});

test('the page is served for every view, with a policy that allows no outside host', async () => {
  for (const path of ['/', '/machines/pump-19', '/alerts', '/alerts/a%2Fb%2F1']) {
    const response = await fetch(plant.server.url + path);
    assert.equal(response.status, 200, path);
    assert.match(await response.text(), /<div id="app">/);
    const policy = response.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /https?:|\*|unsafe/);
  }
  const script = await fetch(`${plant.server.url}/main.js`);
  assert.match(script.headers.get('content-type') ?? '', /javascript/);
  await script.arrayBuffer();
  const again = await fetch(`${plant.server.url}/main.js`, {
    headers: { 'if-none-match': script.headers.get('etag') ?? '' },
  });
  assert.equal(again.status, 304);
  assert.equal((await fetch(`${plant.server.url}/missing.js`)).status, 404);
});

test('ledger, health and metrics are there', async () => {
  const { body } = await get<Record<string, number>>('/api/v1/ledger');
  const { accepted = 0, rejected = 0, duplicate = 0, late = 0 } = body;
  assert.equal(body.received, accepted + rejected + duplicate + late);
  assert.equal((await get<{ status: string }>('/health')).body.status, 'ok');
  const metrics = await fetch(`${plant.server.url}/metrics`);
  assert.match(await metrics.text(), /^ingest_readings_accepted_total 4180$/m);
});

test('the stream coalesces: of many forecasts of one machine the newest is sent, once', async () => {
  const [row] = await plant.store.fleet();
  assert.ok(row);
  const events = await readEvents(
    '',
    (seen) => updatesOf(seen).length > 0,
    async () => {
      for (let revision = 1; revision <= 200; revision++)
        plant.feed.publish({ ...row.forecast, revision } satisfies ForecastRecord);
    },
  );
  assert.equal(events[0]?.event, 'hello');
  const updates = updatesOf(events);
  assert.equal(updates.length, 1);
  assert.equal(updates[0]?.forecasts.length, 1);
  assert.equal(updates[0]?.forecasts[0]?.revision, 200);
});

test('a machine that failed leaves the fleet; one that starts a new life comes back', async () => {
  const [first, second] = await plant.store.fleet();
  const [machineA, machineB] = plant.machines;
  assert.ok(first && second && machineA && machineB);
  const events = await readEvents(
    '',
    (seen) => updatesOf(seen).length > 0,
    async () => {
      const failure = { ...machineA.makeFailure(), machine: first.forecast.machine };
      plant.feed.publish(first.forecast);
      plant.feed.publish(failure);
      plant.feed.publish({ ...failure, machine: second.forecast.machine });
      plant.feed.publish(second.forecast);
    },
  );
  const [update] = updatesOf(events);
  assert.deepEqual(update?.gone, [first.forecast.machine]);
  assert.deepEqual(
    update?.forecasts.map((forecast) => forecast.machine),
    [second.forecast.machine],
  );
  assert.equal(update?.events.length, 2);
});

test('a stream goes on after the id it had; an id that is not known reloads', async () => {
  const [row] = await plant.store.fleet();
  assert.ok(row);
  const publish = async () => plant.feed.publish({ ...row.forecast, revision: 301 });
  const first = await readEvents('', (seen) => updatesOf(seen).length > 0, publish);
  const lastId = first.findLast((event) => event.id !== '')?.id ?? '';
  // Missed by this client, seen by another.
  await readEvents(
    '',
    (seen) => updatesOf(seen).length > 0,
    async () => plant.feed.publish({ ...row.forecast, revision: 302 }),
  );
  const resumed = await readEvents(`?last-event-id=${lastId}`, (seen) => updatesOf(seen).length > 0);
  assert.equal(resumed[0]?.event, 'hello');
  assert.equal(updatesOf(resumed)[0]?.forecasts[0]?.revision, 302);
  const foreign = await readEvents('?last-event-id=other-7', (seen) => seen.length > 0);
  assert.equal(foreign[0]?.event, 'resync');
});

test('the stream beats when nothing happens, and there is a bound on streams', async () => {
  const beats = await readEvents('', (seen) => seen.filter((event) => event.event === 'beat').length >= 2);
  assert.equal((JSON.parse(beats.at(-1)?.data ?? '{}') as { timeMs: number }).timeMs, plant.clock.nowMs());
  const stops = [new AbortController(), new AbortController(), new AbortController()];
  const open = async ({ signal }: AbortController): Promise<void> => {
    // A stream that was left counts until the server has heard of it.
    while ((await fetch(`${plant.server.url}/api/v1/events`, { signal })).status === 503) await sleep(5);
  };
  for (const stop of stops) await open(stop);
  const refused = await fetch(`${plant.server.url}/api/v1/events`);
  assert.equal(refused.status, 503);
  for (const stop of stops) stop.abort();
});

test('a client that does not read is cut off, the others go on', () => {
  const client = (writableLength: number) => ({
    writableLength,
    destroyed: false,
    writeHead: () => {},
    write: () => true,
    once: () => {},
    on: () => {},
    end: () => {},
    destroy() {
      this.destroyed = true;
    },
  });
  const hub = new EventHub({ subscribe: () => () => {} }, new SetClock(0), new Map(), {
    heartbeatMs: 5,
    clientsMax: 10,
    backlogBytesMax: 1000,
  });
  const slow = client(1001);
  const quick = client(0);
  hub.add(slow as never, '');
  hub.add(quick as never, '');
  return new Promise<void>((resolve) => {
    setTimeout(() => {
      hub.close();
      assert.equal(slow.destroyed, true);
      assert.equal(quick.destroyed, false);
      resolve();
    }, 30);
  });
});

test('a port that is taken is a sentence that names it and what to do', async () => {
  const port = Number(new URL(plant.server.url).port);
  await assert.rejects(startFixture(1, { port }), (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is already in use`));
    assert.match(error.message, /another port/);
    return true;
  });
});

test('the rate limit lets a burst through, then the rate', () => {
  const clock = new SetClock(0);
  const limit = new RateLimit({ perSecond: 2, burst: 3 }, clock);
  const take = () => limit.take('a');
  assert.deepEqual([take(), take(), take(), take()], ['taken', 'taken', 'taken', 'exceeded']);
  assert.equal(limit.take('b'), 'taken');
  clock.advanceTo(500);
  assert.deepEqual([take(), take()], ['taken', 'exceeded']);
});
