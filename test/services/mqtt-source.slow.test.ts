/** The MQTT source against the real Mosquitto: what the embedded broker cannot show. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { connectPublisher, type Publisher } from '../../infra/mqtt/publisher.js';
import { connectMqttSource, type MqttSource, type MqttSourceOptions } from '../../infra/mqtt/source.js';
import { readAll } from '../conformance/log-parts.js';
import { gate, startCuttingProxy, until } from '../infra/mqtt-wire.js';
import { makeIngest } from '../ingest/plant.js';
import { makeCertificates } from './certificates.js';
import { type OwnMosquitto, startMosquitto, startOwnMosquitto } from './mosquitto.js';
import { eventually, skipWithout } from './service.js';

const mosquitto = await startMosquitto();
after(() => mosquitto?.stop());
const skip = skipWithout(mosquitto, 'Mosquitto');
const { url = '' } = mosquitto ?? {};

let names = 0;
/** Client ids and topics of one test: the broker may be shared, and keep sessions of earlier runs. */
function newName(): string {
  return `test-${process.pid}-${Math.round(performance.timeOrigin)}-${names++}`;
}

type Options = Partial<MqttSourceOptions> & Pick<MqttSourceOptions, 'onPublish' | 'topics'>;

async function source(context: TestContext, options: Options): Promise<MqttSource> {
  const started = await connectMqttSource({ url, clientId: newName(), startMs: 60_000, ...options });
  context.after(() => started.close());
  return started;
}

async function publisher(context: TestContext, at = url): Promise<Publisher> {
  const made = await connectPublisher({ url: at });
  context.after(() => made.end());
  return made;
}

async function own(context: TestContext, settings: readonly string[] = []): Promise<OwnMosquitto> {
  const broker = await startOwnMosquitto({ settings });
  assert.ok(broker, 'a Mosquitto of its own, where there is one to share in a container or as a program');
  context.after(() => broker.stop());
  return broker;
}

const count = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i));

/** Collects payloads as text. */
function collector(): { readonly got: string[]; readonly onPublish: MqttSourceOptions['onPublish'] } {
  const got: string[] = [];
  return {
    got,
    onPublish: (_topic, payload) => Promise.resolve(got.push(Buffer.from(payload).toString())),
  };
}

for (const protocolVersion of [4, 5] as const) {
  describe(`MQTT source and Mosquitto, MQTT ${protocolVersion === 4 ? '3.1.1' : '5'}`, { skip }, () => {
    it('gets in order what came while it was away', async (context) => {
      const topic = newName();
      const options = { clientId: newName(), protocolVersion, topics: [`${topic}/+`] };
      const first = await source(context, { ...options, ...collector() });
      await first.close();
      const { publish } = await publisher(context);
      for (const text of count(0, 50)) await publish(`${topic}/a`, text);
      const { got, onPublish } = collector();
      await source(context, { ...options, onPublish });
      await until(() => got.length === 50, 'the backlog');
      assert.deepEqual(got, count(0, 50));
    });

    it('shares messages among processes of a group, each going to one of them', async (context) => {
      const topic = newName();
      const members = [collector(), collector(), collector()];
      for (const { onPublish } of members)
        await source(context, { protocolVersion, topics: [`${topic}/+`], sharedGroup: topic, onPublish });
      const { publish } = await publisher(context);
      for (const text of count(0, 300)) await publish(`${topic}/a`, text);
      const all = (): string[] => members.flatMap(({ got }) => got);
      await until(() => all().length >= 300, 'all messages');
      await sleep(100);
      assert.deepEqual(
        all().sort((a, b) => Number(a) - Number(b)),
        count(0, 300),
      );
      for (const { got } of members) assert.ok(got.length > 50, `a member has ${got.length} of 300`);
    });

    it('holds no more than it may, and reads on when the log does', async (context) => {
      const topic = newName();
      const log = gate();
      let calls = 0;
      const { status } = await source(context, {
        protocolVersion,
        topics: [`${topic}/+`],
        receiveMaximum: 10,
        onPublish: () => {
          calls++;
          return log.opened;
        },
      });
      const { publish } = await publisher(context);
      await Promise.all(count(0, 200).map((text) => publish(`${topic}/a`, text)));
      await until(() => calls >= 10, 'as many as it may hold');
      await sleep(200);
      assert.equal(calls, 10);
      assert.equal(status().pendingMessages, 10);
      log.open();
      await until(() => calls === 200, 'the others');
    });

    it('tells a retained message from a new one, and does not get it again', async (context) => {
      const topic = newName();
      const { publish } = await publisher(context);
      await publish(`${topic}/a`, 'kept', 'retain');
      const proxy = await startCuttingProxy(Number(new URL(url).port));
      context.after(() => proxy.close());
      const got: string[] = [];
      let sentBytes = Infinity;
      const { status } = await source(context, {
        url: proxy.url,
        protocolVersion,
        topics: [`${topic}/+`],
        onPublish: (_topic, payload, retained) => {
          got.push(`${Buffer.from(payload)} ${retained ?? 'live'}`);
          sentBytes = proxy.sentBytes();
          return Promise.resolve();
        },
      });
      await until(() => got.length === 1, 'the retained message');
      // One whose acknowledgement is lost comes again.
      await until(() => proxy.sentBytes() > sentBytes, 'its acknowledgement on its way to the broker');
      proxy.cut();
      await until(() => status().connected && proxy.count() >= 2, 'the second connection');
      await publish(`${topic}/a`, 'new', 'retain');
      await until(() => got.length > 1, 'the new one');
      assert.deepEqual(got, ['kept retained', 'new live']);
      await publish(`${topic}/a`, '', 'retain');
    });

    it('handles once what a lost connection left unacknowledged', async (context) => {
      const topic = newName();
      const proxy = await startCuttingProxy(Number(new URL(url).port));
      context.after(() => proxy.close());
      const options = { clientId: newName(), protocolVersion, topics: [`${topic}/+`] };
      const log = gate();
      const { got, onPublish } = collector();
      const first = await source(context, {
        url: proxy.url,
        ...options,
        onPublish: async (...message) => {
          await onPublish(...message);
          await log.opened;
        },
      });
      const { publish } = await publisher(context);
      for (const text of count(0, 10)) await publish(`${topic}/a`, text);
      await until(() => got.length === 10, 'the messages');
      proxy.cut();
      await until(() => first.status().connected && proxy.count() >= 2, 'the second connection');
      await until(() => first.status().pendingMessages === 20, 'what the broker sends again');
      log.open();
      await until(() => first.status().pendingMessages === 0, 'the acknowledgements');
      await first.close();
      // Who takes the session over cuts off what the broker has not read yet of the connection before.
      await proxy.ended();
      assert.deepEqual(got, count(0, 10));
      // They were acknowledged on the second connection: whoever has the session next gets what is new.
      const next = collector();
      await source(context, { ...options, onPublish: next.onPublish });
      await publish(`${topic}/a`, 'new');
      await until(() => next.got.includes('new'), 'the new message');
      assert.deepEqual(next.got, ['new']);
    });
  });
}

describe('MQTT source and Mosquitto, when things go wrong', { skip, timeout: 600_000 }, () => {
  it('gets again what the log has and a killed process did not acknowledge; nothing is missing', async (context) => {
    const broker = await own(context);
    const dir = mkdtempSync(join(tmpdir(), 'mqtt-kill-'));
    context.after(() => rmSync(dir, { recursive: true }));
    const program = new URL('../fixtures/mqtt-logger.js', import.meta.url).pathname;
    const run = (killAt: number) => {
      const child = spawn(process.execPath, [program, dir, broker.url, String(killAt)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      context.after(() => child.kill('SIGKILL'));
      return {
        child,
        subscribed: new Promise((resolve, reject) => {
          child.stdout.once('data', resolve);
          child.once('close', () => reject(new Error('it ended before it was subscribed')));
        }),
        ended: new Promise<string | number | null>((resolve) =>
          child.once('close', (code, signal) => resolve(signal ?? code)),
        ),
      };
    };
    const logged = async (): Promise<string[]> => {
      const log = await openEmbeddedLog({ dir, mode: 'read-only' });
      try {
        return (await readAll(log, { topic: 'in', partition: 0 })).map(({ value }) => value.toString());
      } finally {
        await log.close();
      }
    };
    const first = run(25);
    await first.subscribed;
    const { publish } = await publisher(context, broker.url);
    for (const text of count(0, 40)) await publish('factory/a', text);
    assert.equal(await first.ended, 'SIGKILL');
    for (const text of count(40, 60)) await publish('factory/a', text);
    const before = await logged();
    assert.ok(before.length >= 25 && before.length < 60, `${before.length} messages in the log at the kill`);

    const second = run(0);
    await second.subscribed;
    await eventually(async () => {
      assert.deepEqual([...new Set(await logged())].sort(), count(0, 60).sort());
    }, 60_000);
    await sleep(300);
    second.child.kill('SIGTERM');
    assert.equal(await second.ended, 0);
    const all = await logged();
    assert.ok(all.length > 60, 'the log has twice what it had and the broker did not know of');

    // All is acknowledged now: the session has nothing left.
    const third = run(0);
    await third.subscribed;
    await sleep(500);
    third.child.kill('SIGTERM');
    await third.ended;
    assert.equal((await logged()).length, all.length);
  });

  it('is not stopped by poison messages, which fill the window of a client that does not acknowledge them', async (context) => {
    const broker = await own(context, ['max_inflight_messages 20']);
    const plain = await connectAsync(broker.url, { protocolVersion: 4 });
    context.after(() => plain.endAsync(true));
    let plainGot = 0;
    plain.handleMessage = (_packet, done) => {
      plainGot++;
      done(new Error('poison'));
    };
    plain.on('error', () => {});
    await plain.subscribeAsync('factory/#', { qos: 1 });

    const { ingest, log } = makeIngest();
    await source(context, {
      url: broker.url,
      protocolVersion: 4,
      topics: ['factory/#'],
      onPublish: (topic, payload, retained) => ingest.handle(topic, payload, retained),
    });
    const { publish } = await publisher(context, broker.url);
    for (const text of count(0, 40)) await publish('factory/north/l1/press-1/temp', `poison ${text}`);
    for (const text of count(0, 5)) await publish('factory/north/l1/press-1/temp', text);
    await until(() => ingest.counters().accepted === 5, 'the good messages behind the poison');
    assert.equal(ingest.counters().rejected['not-json'], 40);
    assert.equal(log.rejected().length, 40);
    await until(() => plainGot >= 20, 'the window of the client that does not acknowledge to be full');
    await sleep(200);
    assert.equal(
      plainGot,
      20,
      'Mosquitto sends no more than its window to the client that does not acknowledge',
    );
  });

  // Debian's Mosquitto 2.0.11 throws the older client out without a reason, in MQTT 5 as well.
  for (const protocolVersion of [4, 5] as const)
    it(`loses nothing to a session that is taken over again and again, ever more slowly (protocol ${protocolVersion})`, async (context) => {
      const topic = newName();
      const proxy = await startCuttingProxy(Number(new URL(url).port));
      context.after(() => proxy.close());
      const options = { url: proxy.url, clientId: newName(), protocolVersion, topics: [`${topic}/+`] };
      const both = [collector(), collector()];
      for (const { onPublish } of both) await source(context, { ...options, onPublish });
      const startedMs = performance.now();
      const { publish } = await publisher(context);
      for (const text of count(0, 40)) {
        await publish(`${topic}/a`, text);
        await sleep(50);
      }
      const all = (): Set<string> => new Set(both.flatMap(({ got }) => got));
      await until(() => all().size === 40, 'all messages');
      // At 250 ms each, less the jitter, it would be some 10 a second.
      const seconds = (performance.now() - startedMs) / 1000;
      assert.ok(proxy.count() < 7 * seconds, `${proxy.count()} connections in ${seconds} s`);
    });

  it('goes on when the broker has been killed and is back', async (context) => {
    const broker = await own(context);
    const { got, onPublish } = collector();
    const problems: string[] = [];
    const { status } = await source(context, {
      url: broker.url,
      topics: ['factory/#'],
      onPublish,
      onProblem: (sentence) => problems.push(sentence),
    });
    const { publish } = await publisher(context, broker.url);
    for (const text of count(0, 50)) await publish('factory/a', text);
    await until(() => got.length === 50, 'the first messages');
    await broker.kill();
    await until(() => !status().connected, 'the loss of the connection');
    assert.match(status().problem, /is lost|cannot be reached/);
    const waiting = Promise.all(count(50, 100).map((text) => publish('factory/a', text)));
    await sleep(1000);
    await broker.startAgain();
    await waiting;
    await until(() => new Set(got).size === 100, 'all messages');
    assert.equal(status().problem, '');
    assert.ok(problems.length >= 1 && problems.length <= 4, problems.join('\n'));
  });

  for (const protocolVersion of [4, 5] as const)
    it(`goes on in a group when the broker has forgotten its subscription (protocol ${protocolVersion})`, async (context) => {
      const broker = await own(context);
      const { got, onPublish } = collector();
      const { status } = await source(context, {
        url: broker.url,
        protocolVersion,
        topics: ['factory/#'],
        sharedGroup: 'ingest',
        onPublish,
      });
      const { publish } = await publisher(context, broker.url);
      await publish('factory/a', 'before');
      await until(() => got.includes('before'), 'the message before');
      await broker.kill();
      await until(() => !status().connected, 'the loss of the connection');
      await broker.startAgain();
      // Until the subscription is made again, what is sent goes nowhere.
      await eventually(async () => {
        await publish('factory/a', 'after');
        assert.ok(got.includes('after'));
      }, 60_000);
    });

  it('goes on when the broker did not answer for a while', async (context) => {
    const broker = await own(context);
    const { got, onPublish } = collector();
    const { status } = await source(context, {
      url: broker.url,
      topics: ['factory/#'],
      keepaliveMs: 1000,
      onPublish,
    });
    await broker.pause();
    await until(() => !status().connected, 'a keepalive without an answer');
    await broker.resume();
    const { publish } = await publisher(context, broker.url);
    await publish('factory/a', 'after');
    await until(() => got.includes('after'), 'the message after');
  });
});

describe('MQTT source and Mosquitto, over TLS', { skip, timeout: 180_000 }, () => {
  it('knows the broker by its authority, and is known by its certificate', async (context) => {
    const certificates = makeCertificates();
    const files = Object.fromEntries(
      ['ca.pem', 'server.pem', 'server.key'].map((name) => [name, certificates.text(name)]),
    );
    const tls = {
      caFile: certificates.file('ca.pem'),
      certFile: certificates.file('client.pem'),
      keyFile: certificates.file('client.key'),
    };
    const broker = await startOwnMosquitto({
      files,
      listener: (port, folder) => [
        `listener ${port} 0.0.0.0`,
        `cafile ${folder}/ca.pem`,
        `certfile ${folder}/server.pem`,
        `keyfile ${folder}/server.key`,
        'require_certificate true',
        'use_identity_as_username true',
      ],
      ready: async (port) => {
        const probe = await connectPublisher({ url: `mqtts://127.0.0.1:${port}`, startMs: 5000, ...tls });
        await probe.end();
      },
    });
    assert.ok(broker);
    context.after(() => broker.stop());
    const secure = `mqtts://127.0.0.1:${broker.port}`;
    const { got, onPublish } = collector();
    const options = { url: secure, topics: ['factory/#'], startMs: 3000, onPublish };
    await source(context, { ...options, ...tls, startMs: 60_000 });
    const sender = await connectPublisher({ url: secure, ...tls });
    context.after(() => sender.end());
    await sender.publish('factory/a', 'over TLS');
    await until(() => got.length === 1, 'the message');

    await assert.rejects(source(context, { ...options, ...tls, caFile: certificates.file('stranger.pem') }), {
      message: /self-signed certificate|unable to verify|self signed/,
    });
    const { caFile } = tls;
    await assert.rejects(source(context, { ...options, caFile }), { code: 'unreachable' });
    await assert.rejects(source(context, { ...options, url: broker.url }), { code: 'unreachable' });
  });
});
