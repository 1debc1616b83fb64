import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { UserError } from '../../domain/errors.js';
import {
  type EmbeddedBroker,
  type EmbeddedBrokerOptions,
  startEmbeddedBroker,
} from '../../infra/embedded/broker.js';
import { makeIngest } from '../ingest/plant.js';
import { encodePacket, gate, until } from './mqtt-wire.js';

async function broker(
  context: TestContext,
  options: Partial<EmbeddedBrokerOptions> = {},
): Promise<EmbeddedBroker> {
  const started = await startEmbeddedBroker({ port: 0, onPublish: () => Promise.resolve(), ...options });
  context.after(() => started.close());
  return started;
}

async function client(
  context: TestContext,
  { url }: EmbeddedBroker,
  options: IClientOptions = {},
): Promise<MqttClient> {
  const connected = await connectAsync(url, { reconnectPeriod: 20, ...options });
  connected.on('error', () => {});
  context.after(() => connected.endAsync(true));
  return connected;
}

/** CONNECT of MQTT 3.1.1 with a clean session. */
const connectPacket = encodePacket(1, 0, Buffer.from([0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 0, 0, 1, 0x78]));

function publishPacket(topic: string, payload: Buffer): Buffer {
  return encodePacket(3, 0, Buffer.concat([Buffer.from([0, topic.length]), Buffer.from(topic), payload]));
}

async function rawClient(context: TestContext, { port }: EmbeddedBroker): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => {});
  context.after(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(connectPacket);
  await once(socket, 'data');
  return socket;
}

describe('embedded broker', () => {
  for (const qos of [1, 2] as const)
    it(`acknowledges QoS ${qos} only when the message is taken`, async (context) => {
      const log = gate();
      const seen: string[] = [];
      const started = await broker(context, {
        onPublish: (topic, payload) => {
          seen.push(`${topic} ${Buffer.from(payload).toString()}`);
          return log.opened;
        },
      });
      const publisher = await client(context, started);
      let acknowledged = false;
      const publication = publisher.publishAsync('a/b', 'x', { qos }).then(() => {
        acknowledged = true;
      });
      await until(() => seen.length === 1, 'the message');
      await sleep(30);
      assert.equal(acknowledged, false);
      assert.equal(started.status().pendingMessages, 1);
      log.open();
      await publication;
      assert.deepEqual(seen, ['a/b x']);
      assert.equal(started.status().pendingMessages, 0);
    });

  it('takes the messages of a client in order, many at a time', async (context) => {
    const order: number[] = [];
    let underWay = 0;
    const many = gate();
    const started = await broker(context, {
      onPublish: async (_topic, payload) => {
        order.push(Number(Buffer.from(payload).toString()));
        if (++underWay > 20) many.open();
        await many.opened;
      },
    });
    const publisher = await client(context, started);
    await Promise.all(
      Array.from({ length: 1000 }, (_, i) => publisher.publishAsync('a', String(i), { qos: 1 })),
    );
    assert.deepEqual(order, [...Array(1000).keys()]);
  });

  it('gives messages to subscribers, and its own too', async (context) => {
    const started = await broker(context);
    const subscriber = await client(context, started);
    const got: string[] = [];
    subscriber.on('message', (topic, payload) => got.push(`${topic} ${payload.toString()}`));
    await subscriber.subscribeAsync('plant/#', { qos: 1 });
    await (await client(context, started)).publishAsync('plant/a', '1', { qos: 1 });
    await started.publish('plant/b', '2');
    await until(() => got.length === 2, 'both messages');
    assert.deepEqual(got, ['plant/a 1', 'plant/b 2']);
  });

  it('does not acknowledge what was not taken: the client sends it again', async (context) => {
    let attempts = 0;
    const problems: string[] = [];
    const started = await broker(context, {
      onPublish: () => (++attempts < 3 ? Promise.reject(new Error('the disk is full')) : Promise.resolve()),
      onProblem: (sentence) => problems.push(sentence),
    });
    await (await client(context, started)).publishAsync('a/b', 'x', { qos: 1 });
    assert.equal(attempts, 3);
    assert.match(problems[0] ?? '', /"a\/b" was not taken: the disk is full/);
  });

  for (const [name, bytes, pauseMs, count] of [
    ['in large pieces', 2048, 0, 3000],
    ['each by itself', 10, 2, 100],
  ] as const)
    it(`reads no more while too much waits, and loses nothing, even at QoS 0: packets sent ${name}`, async (context) => {
      const log = gate();
      context.after(() => log.open());
      let taken = 0;
      const started = await broker(context, {
        pendingMessagesMax: 5,
        onPublish: async () => {
          await log.opened;
          taken++;
        },
      });
      const socket = await rawClient(context, started);
      const packet = publishPacket('a', Buffer.alloc(bytes, 'x'));
      for (let i = 0; i < count; i++) {
        socket.write(packet);
        if (pauseMs > 0) await sleep(pauseMs);
      }
      await until(() => started.status().pendingMessages >= 5, 'as many as may wait');
      await sleep(50);
      const { pendingMessages } = started.status();
      // One piece of network data, of 64 KiB, may come on top.
      assert.ok(pendingMessages >= 5 && pendingMessages <= 5 + 65_536 / bytes, `${pendingMessages} wait`);
      if (pauseMs > 0) assert.ok(pendingMessages < 50, `${pendingMessages} wait`);
      log.open();
      await until(() => taken === count, 'all messages');
      assert.equal(started.status().pendingMessages, 0);
    });

  it('goes on with clients when what waits is less, however small their packets', async (context) => {
    let taken = 0;
    const started = await broker(context, {
      pendingMessagesMax: 5,
      onPublish: async () => {
        await sleep(1);
        taken++;
      },
    });
    const clients = await Promise.all([1, 2, 3].map(() => client(context, started)));
    await Promise.all(
      clients.flatMap((one) => Array.from({ length: 300 }, () => one.publishAsync('a', '1', { qos: 1 }))),
    );
    assert.equal(taken, 900);
  });

  it('says which port is in use and what to do', async (context) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    context.after(() => other.close());
    const address = other.address();
    assert.ok(address !== null && typeof address !== 'string');
    await assert.rejects(
      startEmbeddedBroker({ port: address.port, onPublish: () => Promise.resolve() }),
      (error) =>
        error instanceof UserError &&
        error.message.includes(`port ${address.port} on 127.0.0.1 is in use`) &&
        /set another port/.test(error.message),
    );
  });

  it('does not open itself to other computers without a password', async (context) => {
    const onPublish = (): Promise<void> => Promise.resolve();
    await assert.rejects(
      startEmbeddedBroker({ host: '0.0.0.0', port: 0, onPublish }),
      /give username and password/,
    );
    await assert.rejects(startEmbeddedBroker({ username: 'ada', port: 0, onPublish }), /go together/);
    const open = await broker(context, { host: '0.0.0.0', anonymous: 'allowed' });
    assert.ok(open.port > 0);
  });

  it('lets in who knows the password', async (context) => {
    const started = await broker(context, { username: 'ada', password: 'secret' });
    for (const wrong of [
      {},
      { username: 'ada' },
      { username: 'ada', password: 'wrong' },
      { username: 'eve', password: 'secret' },
    ])
      await assert.rejects(
        connectAsync(started.url, { ...wrong, reconnectPeriod: 0 }),
        /[Nn]ot authorized|[Bb]ad user/,
      );
    const ada = await client(context, started, { username: 'ada', password: 'secret' });
    await ada.publishAsync('a', 'x', { qos: 1 });
  });

  it('disconnects who sends a packet too long, before gathering it, and nobody else', async (context) => {
    const problems: string[] = [];
    let taken = 0;
    const started = await broker(context, {
      packetBytesMax: 10_000,
      onProblem: (sentence) => problems.push(sentence),
      onPublish: () => {
        taken++;
        return Promise.resolve();
      },
    });
    const good = await client(context, started);
    const bad = await rawClient(context, started);
    const closed = once(bad, 'close');
    bad.write(publishPacket('a', Buffer.alloc(200_000_000)).subarray(0, 20));
    await closed;
    assert.match(problems.join(), /200000008 bytes, more than packetBytesMax 10000; send smaller batches/);
    await good.publishAsync('a', Buffer.alloc(9000), { qos: 1 });
    assert.equal(taken, 1);
  });

  it('survives bytes that are no MQTT', async (context) => {
    const started = await broker(context);
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\x00', '\xff'.repeat(100), '\x10\xff\xff\xff\xff\xff']) {
      const socket = connectTcp(started.port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.end(Buffer.from(bytes, 'latin1'));
      socket.resume();
      await once(socket, 'close');
    }
    await (await client(context, started)).publishAsync('a', 'x', { qos: 1 });
  });

  it('keeps its own topics to itself and refuses more connections than it may have', async (context) => {
    const problems: string[] = [];
    let taken = 0;
    const started = await broker(context, {
      connectionsMax: 2,
      onProblem: (sentence) => problems.push(sentence),
      onPublish: () => {
        taken++;
        return Promise.resolve();
      },
    });
    const one = await client(context, started, { reconnectPeriod: 0 });
    const gone = new Promise<void>((resolve) => one.once('close', resolve));
    one.publish('$SYS/fake', 'x', { qos: 1 });
    await gone;
    assert.equal(taken, 0);
    await client(context, started);
    await client(context, started);
    const third = connectTcp(started.port, '127.0.0.1');
    third.on('error', () => {});
    await once(third, 'close');
    assert.match(problems.join(), /connectionsMax/);
  });

  it('keeps no more for an absent subscriber than it may, and says so once', async (context) => {
    const problems: string[] = [];
    const started = await broker(context, {
      queuedMax: 10,
      retainedMax: 1,
      onProblem: (sentence) => problems.push(sentence),
    });
    const absent = await client(context, started, { clientId: 'page', clean: false });
    await absent.subscribeAsync('a/#', { qos: 1 });
    await absent.endAsync();
    const publisher = await client(context, started);
    for (let i = 0; i < 30; i++) await publisher.publishAsync('a/b', String(i), { qos: 1 });
    await publisher.publishAsync('kept', '1', { qos: 1, retain: true });
    await publisher.publishAsync('not/kept', '1', { qos: 1, retain: true });
    await until(() => problems.length >= 2, 'both problems');
    assert.equal(problems.filter((sentence) => /"page" loses messages: 10 wait/.test(sentence)).length, 1);
    assert.match(problems.join(), /"not\/kept" is not retained/);
    const back = connect(started.url, { clientId: 'page', clean: false });
    context.after(() => back.endAsync(true));
    const got: string[] = [];
    back.on('message', (_topic, payload) => got.push(payload.toString()));
    await until(() => got.length === 10, 'the messages that were kept');
    await publisher.publishAsync('a/b', 'live', { qos: 1 });
    await until(() => got.length === 11, 'a message after those');
    assert.deepEqual(got, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'live']);
  });

  it('acknowledges on close what was taken meanwhile', async (context) => {
    const log = gate();
    let taken = false;
    const started = await broker(context, {
      onPublish: () => {
        taken = true;
        return log.opened;
      },
    });
    const publisher = await client(context, started, { reconnectPeriod: 0 });
    const publication = publisher.publishAsync('a', 'x', { qos: 1 });
    await until(() => taken, 'the message');
    const closed = started.close();
    log.open();
    await Promise.all([publication, closed, started.close()]);
    await assert.rejects(connectAsync(started.url, { reconnectPeriod: 0 }));
  });

  it('with ingest behind it: acknowledged is logged, whatever was sent', async (context) => {
    const { ingest, log } = makeIngest();
    log.before = () => sleep(2);
    const started = await broker(context, { onPublish: (topic, payload) => ingest.handle(topic, payload) });
    const publisher = await client(context, started);
    const messages: [string, string | Buffer][] = [
      ['factory/n/l/press-1/temp', '21'],
      ['factory/n/l/press-1', '{"temp":1,"vib":2}'],
      ['factory/n/l/press-1', Buffer.from([0xff, 0x00])],
      ['factory/n/l/press-1/event', '{"event":"failure"}'],
      ['factory/n/l/robot', '[[[[[[[[[[[[[[[['],
      ['elsewhere', '1'],
    ];
    await Promise.all(messages.map(([topic, payload]) => publisher.publishAsync(topic, payload, { qos: 1 })));
    assert.equal(log.of('inputs').length, 3);
    assert.deepEqual(
      log.rejected().map((record) => record.reason),
      ['not-utf8', 'unknown-machine', 'topic-unmatched'],
    );
  });
});
