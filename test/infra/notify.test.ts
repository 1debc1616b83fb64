// The receivers against the real thing: an HTTP server that is down, slow, failing and throttling before it is well,
// and an MQTT broker. Waits are made by the yard's clock, so only real timeouts take time.
import { strict as assert } from 'node:assert';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Aedes } from 'aedes';
import { connectAsync } from 'mqtt';
import { alertsConfigSchema } from '../../alerts/config.js';
import type { Notifier } from '../../alerts/ports.js';
import { SetClock } from '../../domain/clock.js';
import { UserError, WorldError } from '../../domain/errors.js';
import { parseRetryAfterMs } from '../../infra/notify/http-post.js';
import { makeNotifiers, type NotifierDeps } from '../../infra/notify/make-notifiers.js';
import { alertOf, DeliveryYard, noticeOf } from '../alerts/delivery-yard.js';
import { freePort } from '../services/service.js';

interface Arrived {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers requests in turn as bid, and 204 when nothing is left; keeps what it answered with 2xx. */
class HookServer {
  readonly took: Arrived[] = [];
  readonly seen: Arrived[] = [];
  script: ((response: ServerResponse) => void)[] = [];
  #server: Server | undefined;
  #port = 0;

  async start(): Promise<void> {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const arrived = { headers: request.headers, body: Buffer.concat(chunks).toString() };
        this.seen.push(arrived);
        const act = this.script.shift();
        if (act) act(response);
        else {
          this.took.push(arrived);
          response.writeHead(204).end();
        }
      });
    });
    this.#port ||= await freePort();
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    const closed = this.#server && once(this.#server, 'close');
    this.#server?.close();
    await closed;
    this.#server = undefined;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook?token=t0k3n`;
  }
}

const answer =
  (status: number, headers: Record<string, string> = {}, body = '') =>
  (response: ServerResponse): void => {
    response.writeHead(status, headers).end(body);
  };

async function startHook(t: TestContext): Promise<HookServer> {
  const server = new HookServer();
  await server.start();
  t.after(() => server.stop());
  return server;
}

const deps: NotifierDeps = {
  logger: { info: () => {}, warn: () => {} },
  clock: new SetClock(0),
  publish: undefined,
};

function makeOne(config: object, over: Partial<NotifierDeps> = {}): Notifier {
  const { notifiers } = alertsConfigSchema.parse({ notifiers: [config] });
  return makeNotifiers(notifiers, { ...deps, ...over })[0] as Notifier;
}

const hook = (server: HookServer, over: object = {}): Notifier =>
  makeOne({ kind: 'webhook', name: 'hook', url: server.url, ...over });

const never = new AbortController().signal;
const failure = (notifier: Notifier): Promise<WorldError> =>
  notifier.send(noticeOf(alertOf(0)), never).then(
    () => assert.fail('it was delivered'),
    (error: unknown) => {
      assert.ok(error instanceof WorldError, String(error));
      return error;
    },
  );

test('a chat gets the sentence alone, without what it would take for markup', async (t) => {
  const server = await startHook(t);
  const alert = alertOf(0, { summary: 'unit-84 <!channel> & more: P(fail within 14 days) 0.71.' });
  await hook(server, { body: 'slack', secret: 'shared' }).send(noticeOf(alert), never);
  const [{ headers, body }] = server.took as [Arrived];
  assert.deepEqual(JSON.parse(body), {
    text: 'unit-84 &lt;!channel&gt; &amp; more: P(fail within 14 days) 0.71.',
  });
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(
    headers['x-millwright-signature'],
    `sha256=${createHmac('sha256', 'shared').update(body).digest('hex')}`,
  );
  server.script = [answer(404)];
  const { message } = await failure(hook(server, { body: 'slack' }));
  assert.ok(message.includes('answered 404') && !message.includes('/hook'), message);
});

test('a webhook gets the sentence, the record, the key and the signature', async (t) => {
  const server = await startHook(t);
  const alert = alertOf(0, { machine: 'Förderband 7', dedupeKey: 'near/Förderband 7/1/0' });
  await hook(server, { secret: 'shared', headers: { Authorization: 'Bearer x' } }).send(
    noticeOf(alert),
    never,
  );
  const [{ headers, body }] = server.took as [Arrived];
  const { dedupeKey } = alert;
  assert.deepEqual(JSON.parse(body), { version: 1, dedupeKey, sentence: alert.summary, alert });
  assert.equal(decodeURI(headers['idempotency-key'] as string), alert.dedupeKey);
  assert.equal(
    headers['x-millwright-signature'],
    `sha256=${createHmac('sha256', 'shared').update(body).digest('hex')}`,
  );
  assert.equal(headers.authorization, 'Bearer x');
  assert.equal(headers['content-type'], 'application/json');
});

test('without a secret nothing is signed', async (t) => {
  const server = await startHook(t);
  await hook(server).send(noticeOf(alertOf(0)), never);
  assert.equal(server.took[0]?.headers['x-millwright-signature'], undefined);
});

const statuses: readonly (readonly [number, string, boolean])[] = [
  [301, 'rejected', false],
  [400, 'rejected', false],
  [401, 'unauthorized', false],
  [403, 'unauthorized', false],
  [404, 'rejected', false],
  [408, 'timeout', true],
  [413, 'too-large', false],
  [429, 'throttled', true],
  [500, 'unreachable', true],
  [503, 'unreachable', true],
];
for (const [status, code, retryable] of statuses)
  test(`an answer of ${status} is ${code}, to be ${retryable ? 'tried again' : 'left'}`, async (t) => {
    const server = await startHook(t);
    server.script = [answer(status, { Location: '/elsewhere' }, 'because\n  of this')];
    const error = await failure(hook(server));
    assert.deepEqual([error.code, error.retryable], [code, retryable]);
    assert.match(
      error.message,
      /^notifier "hook": http:\/\/127\.0\.0\.1:\d+\/hook answered \d+: because of this$/,
    );
    assert.equal(server.seen.length, 1, 'no redirect is followed');
  });

test('a webhook that hangs, hangs up or is not there can be tried again, and its token is not printed', async (t) => {
  const errors: WorldError[] = [];
  for (const [act, over] of [
    [() => {}, { timeoutMs: '200ms' }],
    [(response: ServerResponse) => response.writeHead(500).write('slow'), { timeoutMs: '200ms' }],
    [(response: ServerResponse) => response.destroy(), {}],
  ] as const) {
    const server = await startHook(t);
    server.script = [act];
    errors.push(await failure(hook(server, over)));
  }
  const server = await startHook(t);
  const notifier = hook(server);
  await server.stop();
  errors.push(await failure(notifier));
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['timeout', 'timeout', 'unreachable', 'unreachable'],
  );
  assert.ok(errors.every(({ retryable }) => retryable));
  assert.match(errors[0]?.message ?? '', /did not answer within 200 ms$/);
  assert.match(errors[3]?.message ?? '', /cannot be reached \(.*ECONNREFUSED.*\)$/);
  assert.ok(errors.every(({ message }) => !message.includes('t0k3n')));
});

test('an endless error page is not read to its end', async (t) => {
  const server = await startHook(t);
  server.script = [
    (response) => {
      response.writeHead(500);
      const page = 'x'.repeat(1000);
      const more = (): void => {
        while (!response.destroyed && response.write(page));
      };
      response.on('drain', more);
      more();
    },
  ];
  const error = await failure(hook(server, { timeoutMs: '5s' }));
  assert.equal(error.code, 'unreachable');
  assert.ok(error.message.length < 300);
});

test('a stop ends a hanging attempt at once', async (t) => {
  const server = await startHook(t);
  server.script = [() => {}];
  const stop = new AbortController();
  const sent = hook(server, { timeoutMs: '1h' }).send(noticeOf(alertOf(0)), stop.signal);
  setTimeout(() => stop.abort(), 20);
  await assert.rejects(sent, (error: WorldError) => error.code === 'closed' && error.retryable);
});

test('Retry-After in seconds, as a date, and as nonsense', () => {
  const nowMs = Date.UTC(2026, 2, 2, 12);
  assert.equal(parseRetryAfterMs('120', nowMs), 120_000);
  assert.equal(parseRetryAfterMs('Mon, 02 Mar 2026 12:00:30 GMT', nowMs), 30_000);
  assert.equal(parseRetryAfterMs('Mon, 02 Mar 2026 11:00:00 GMT', nowMs), 0);
  assert.equal(parseRetryAfterMs('soon', nowMs), undefined);
  assert.equal(parseRetryAfterMs(null, nowMs), undefined);
});

test('down, slow, failing, throttling, then well: each transition once, in order', async (t) => {
  const server = await startHook(t);
  const yard = new DeliveryYard(hook(server, { timeoutMs: '2s' }));
  await server.stop();
  server.script = [() => {}, answer(500), answer(502), answer(429, { 'Retry-After': '90' })];
  // Sleeping is not awaited by the world: the server comes back before the third attempt.
  let back: Promise<void> | undefined;
  yard.onSleep = () => {
    if (yard.waitsMs.length === 2) back = server.start();
  };
  yard.append(
    alertOf(0),
    alertOf(1, { transition: 'raised', severity: 'critical' }),
    alertOf(2, { transition: 'resolved', state: 'resolved', severity: 'critical' }),
  );
  await yard.run(3);
  await back;
  assert.deepEqual(
    server.took.map(({ headers }) => headers['idempotency-key']),
    [0, 1, 2].map((sequence) => `near/unit-84/1000/${sequence}`),
  );
  assert.ok(yard.waitsMs.includes(90_000), 'Retry-After is kept');
  assert.deepEqual(yard.counts(), { delivered: 3, undelivered: 0 });
});

test('killed after each answer, before or after its checkpoint: only an unrecorded answer is repeated, with its key', async (t) => {
  const server = await startHook(t);
  const notifier = hook(server);
  let killAfter = 2;
  const killed: Notifier = {
    name: notifier.name,
    send: async (alert, signal) => {
      await notifier.send(alert, signal);
      if (--killAfter === 0) throw new Error('kill -9');
    },
  };
  const yard = new DeliveryYard(killed);
  for (let sequence = 0; sequence < 5; sequence++) yard.append(alertOf(sequence));
  await assert.rejects(yard.run(), /kill -9/);
  yard.crash();
  await yard.run();
  yard.crash();
  await yard.run();
  const keys = server.took.map(({ headers }) => (headers['idempotency-key'] as string).slice(-1));
  assert.deepEqual(keys, ['0', '1', '1', '2', '3', '4']);
});

test('the log gets a warning while it burns and a note when it is over', async () => {
  const lines: string[] = [];
  const logger = {
    info: (_: object, text: string) => lines.push(`info ${text}`),
    warn: (fields: object, text: string) => lines.push(`warn ${text} ${JSON.stringify(fields)}`),
  };
  const notifier = makeOne({ kind: 'log', name: 'log' }, { logger });
  await notifier.send(noticeOf(alertOf(0, { summary: 'unit-84 is likely to fail.' })), never);
  await notifier.send(
    noticeOf(alertOf(1, { state: 'resolved', transition: 'resolved', summary: 'unit-84 failed.' })),
    never,
  );
  assert.deepEqual(lines, [
    'warn unit-84 is likely to fail. {"alertId":"near/unit-84/1000","transition":"fired","state":"firing","severity":"warning","machine":"unit-84","value":0.4,"timeMs":1000}',
    'info unit-84 failed.',
  ]);
});

test('MQTT: published with QoS 1 to a real broker, under the machine, without making levels', async (t) => {
  const broker = await Aedes.createBroker();
  const server = createTcpServer(broker.handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = await connectAsync(url);
  t.after(async () => {
    await client.endAsync(true);
    await new Promise<void>((resolve) => broker.close(resolve));
    await new Promise((resolve) => server.close(resolve));
  });
  const arrived: unknown[] = [];
  client.on('message', (topic, payload, { qos }) =>
    arrived.push([topic, qos, (JSON.parse(payload.toString()) as { sentence: string }).sentence]),
  );
  await client.subscribeAsync('millwright/alerts/+', { qos: 1 });
  const notifier = makeOne(
    { kind: 'mqtt', name: 'bus' },
    { publish: async (topic, payload, options) => void (await client.publishAsync(topic, payload, options)) },
  );
  await notifier.send(noticeOf(alertOf(0)), never);
  await notifier.send(noticeOf(alertOf(0, { machine: 'hall/2#+' })), never);
  while (arrived.length < 2) await new Promise((resolve) => client.once('message', resolve));
  assert.deepEqual(arrived, [
    ['millwright/alerts/unit-84', 1, 'transition 0'],
    ['millwright/alerts/hall_2__', 1, 'transition 0'],
  ]);
});

test('MQTT: no acknowledgement, or an error, can be tried again', async (t) => {
  // A timeout alone keeps no process alive; in one that runs, the broker's connection does.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const config = { kind: 'mqtt', name: 'bus', timeoutMs: '20ms' };
  const silent = await failure(makeOne(config, { publish: () => new Promise(() => {}) }));
  assert.equal(silent.code, 'timeout');
  assert.equal(
    silent.message,
    'notifier "bus": publishing to millwright/alerts/unit-84 was not acknowledged within 20 ms',
  );
  const broken = await failure(makeOne(config, { publish: () => Promise.reject(new Error('gone')) }));
  assert.deepEqual([broken.code, broken.retryable], ['unreachable', true]);
});

test('a notifier over MQTT without a broker is a mistake of configuration', () => {
  assert.throws(
    () => makeOne({ kind: 'mqtt', name: 'bus' }),
    (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /notifier "bus" publishes over MQTT, but no broker is configured/);
      return true;
    },
  );
});
