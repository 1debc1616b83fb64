import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedBroker } from '../../infra/embedded/broker.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { connectMqttSource, type MqttSource, type MqttSourceOptions } from '../../infra/mqtt/source.js';
import {
  encodePacket,
  encodePublish5,
  gate,
  packetType,
  startCuttingProxy,
  startTinyBroker,
  until,
} from './mqtt-wire.js';

async function source(
  context: TestContext,
  options: Partial<MqttSourceOptions> & Pick<MqttSourceOptions, 'url' | 'onPublish'>,
): Promise<MqttSource> {
  const started = await connectMqttSource({
    clientId: 'ingest',
    topics: ['factory/#'],
    protocolVersion: 4,
    startMs: 60_000,
    ...options,
  });
  context.after(() => started.close());
  return started;
}

function text(payload: Uint8Array): string {
  return Buffer.from(payload).toString();
}

describe('MQTT source, with a real broker', () => {
  it('loses nothing when connections are cut between the log and its acknowledgement', async (context) => {
    const count = 400;
    const broker = await startEmbeddedBroker({ port: 0, onPublish: () => Promise.resolve() });
    context.after(() => broker.close());
    const proxy = await startCuttingProxy(broker.port);
    context.after(() => proxy.close());
    const logged = new Map<string, number>();
    let cuts = 0;
    const consumer = await source(context, {
      url: proxy.url,
      onPublish: async (_topic, payload) => {
        await sleep(2);
        const name = text(payload);
        logged.set(name, (logged.get(name) ?? 0) + 1);
        // The log has it; the connection goes before the acknowledgement can.
        if (logged.size % 100 === 50 && cuts < logged.size / 100) {
          cuts++;
          proxy.cut();
          await sleep(5);
        }
      },
    });
    const publisher = await connectPublisher({ url: broker.url });
    context.after(() => publisher.end());
    for (let i = 0; i < count; i++) await publisher.publish('factory/a', String(i));
    await until(() => logged.size === count, 'all messages');
    assert.ok(cuts >= 3 && proxy.count() > cuts, `${cuts} cuts, ${proxy.count()} connections`);
    const repeated = [...logged.values()].filter((times) => times > 1).length;
    assert.ok(repeated > 0, 'what was not acknowledged is delivered again');

    // All is acknowledged in the end: another connection of the same session gets nothing again.
    await until(
      () => consumer.status().pendingMessages === 0 && consumer.status().connected,
      'acknowledgements',
    );
    await consumer.close();
    const before = [...logged.values()].reduce((sum, times) => sum + times, 0);
    const late: string[] = [];
    await source(context, {
      url: proxy.url,
      onPublish: (_topic, payload) => Promise.resolve(late.push(text(payload))),
    });
    await publisher.publish('factory/a', 'after');
    await until(() => late.includes('after'), 'the message after');
    assert.deepEqual(late, ['after']);
    assert.equal(
      before,
      [...logged.values()].reduce((sum, times) => sum + times, 0),
    );
  });

  it('gets what came while it was away', async (context) => {
    const broker = await startEmbeddedBroker({ port: 0, onPublish: () => Promise.resolve() });
    context.after(() => broker.close());
    const first = await source(context, { url: broker.url, onPublish: () => Promise.resolve() });
    await first.close();
    await first.done;
    const publisher = await connectPublisher({ url: broker.url });
    context.after(() => publisher.end());
    for (let i = 0; i < 20; i++) await publisher.publish('factory/a', String(i));
    const got: string[] = [];
    await source(context, {
      url: broker.url,
      onPublish: (_topic, payload) => Promise.resolve(got.push(text(payload))),
    });
    await until(() => got.length === 20, 'the backlog');
    assert.deepEqual(
      got,
      Array.from({ length: 20 }, (_, i) => String(i)),
    );
  });

  it('ends, unacknowledged, when the log fails for good; the next one gets the message', async (context) => {
    const broker = await startEmbeddedBroker({ port: 0, onPublish: () => Promise.resolve() });
    context.after(() => broker.close());
    const failing = await source(context, {
      url: broker.url,
      onPublish: () => Promise.reject(new Error('the log is torn')),
    });
    await broker.publish('factory/a', 'x');
    await assert.rejects(failing.done, /torn/);
    const got: string[] = [];
    await source(context, {
      url: broker.url,
      onPublish: (_topic, payload) => Promise.resolve(got.push(text(payload))),
    });
    await until(() => got.length === 1, 'the message');
  });

  it('says what is wrong: nobody there, a wrong password, no topic, no address', async (context) => {
    const onPublish = (): Promise<void> => Promise.resolve();
    const problems: string[] = [];
    await assert.rejects(
      source(context, {
        url: 'mqtt://127.0.0.1:1',
        startMs: 1000,
        onPublish,
        onProblem: (sentence) => problems.push(sentence),
      }),
      { code: 'unreachable', message: /127.0.0.1:1 cannot be reached: .*ECONNREFUSED/ },
    );
    assert.equal(problems.length, 1, 'told once, not at every attempt');
    const broker = await startEmbeddedBroker({ port: 0, username: 'ada', password: 'secret', onPublish });
    context.after(() => broker.close());
    await assert.rejects(source(context, { url: broker.url, username: 'ada', password: 'x', onPublish }), {
      code: 'unauthorized',
      message: /check username and password/,
    });
    await assert.rejects(
      source(context, {
        url: broker.url,
        username: 'ada',
        password: 'secret',
        protocolVersion: 5,
        onPublish,
      }),
      {
        code: 'rejected',
        message: /protocolVersion 4/,
      },
    );
    await source(context, { url: broker.url, username: 'ada', password: 'secret', onPublish });
    await assert.rejects(source(context, { url: broker.url, topics: [], onPublish }), /no topic/);
    await assert.rejects(source(context, { url: 'broker:1883', onPublish }), /write an address such as mqtt/);
    await assert.rejects(
      source(context, { url: broker.url, caFile: '/nowhere.pem', onPublish }),
      /cannot read \/nowhere\.pem: .*; correct mqtt\.caFile/,
    );
  });
});

describe('MQTT source, as the broker sees it (MQTT 5)', () => {
  function acknowledged(packets: readonly { readonly type: number; readonly body: Buffer }[]): number[] {
    return packets.filter(({ type }) => type === packetType.puback).map(({ body }) => body.readUInt16BE(0));
  }

  it('acknowledges once, in the order of receipt, and not before the log has the message', async (context) => {
    const broker = await startTinyBroker();
    context.after(() => broker.close());
    const gates = [gate(), gate(), gate()];
    let calls = 0;
    const consumer = await source(context, {
      url: broker.url,
      protocolVersion: 5,
      onPublish: () => gates[calls++]?.opened ?? Promise.resolve(),
    });
    broker.send(Buffer.concat([1, 2, 3].map((id) => encodePublish5('factory/a', String(id), id))));
    await until(() => calls === 3, 'three messages at a time');
    gates[2]?.open();
    gates[1]?.open();
    await sleep(30);
    assert.deepEqual(acknowledged(broker.received), []);
    assert.equal(consumer.status().pendingMessages, 3);
    gates[0]?.open();
    await until(() => acknowledged(broker.received).length === 3, 'acknowledgements');
    await sleep(20);
    assert.deepEqual(acknowledged(broker.received), [1, 2, 3]);
  });

  it('asks for its session, its receive maximum and no retained messages again', async (context) => {
    const broker = await startTinyBroker();
    context.after(() => broker.close());
    await source(context, {
      url: broker.url,
      protocolVersion: 5,
      receiveMaximum: 77,
      sessionExpiryMs: 3_600_000,
      sharedGroup: 'workers',
      onPublish: () => Promise.resolve(),
    });
    const connect = broker.received.find(({ type }) => type === packetType.connect)?.body ?? Buffer.alloc(0);
    assert.equal((connect[7] as number) & 2, 0, 'not a clean start');
    assert.ok(connect.includes(Buffer.from([0x11, 0, 0, 0x0e, 0x10])), 'session expiry of 3600 s');
    assert.ok(connect.includes(Buffer.from([0x21, 0, 77])), 'receive maximum of 77');
    const subscribe =
      broker.received.find(({ type }) => type === packetType.subscribe)?.body ?? Buffer.alloc(0);
    assert.ok(subscribe.includes('$share/workers/factory/#'));
    assert.equal(subscribe.at(-1), 0x11, 'QoS 1, retained messages for a new subscription only');
  });

  it('gives way to whoever takes its session over, and says so', async (context) => {
    const broker = await startTinyBroker();
    context.after(() => broker.close());
    const consumer = await source(context, {
      url: broker.url,
      protocolVersion: 5,
      onPublish: () => Promise.resolve(),
    });
    const sessionTakenOver = 0x8e;
    broker.send(encodePacket(packetType.disconnect, 0, Buffer.from([sessionTakenOver, 0])));
    await assert.rejects(consumer.done, {
      code: 'rejected',
      message: /another client has connected .* "ingest"; give each process its own mqtt.clientId/,
    });
    assert.equal(consumer.status().connected, false);
  });

  it('stops reading when too much waits, at QoS 0 as well, and goes on', async (context) => {
    const broker = await startTinyBroker();
    context.after(() => broker.close());
    const log = gate();
    context.after(() => log.open());
    let calls = 0;
    await source(context, {
      url: broker.url,
      protocolVersion: 5,
      receiveMaximum: 10,
      onPublish: () => {
        calls++;
        return log.opened;
      },
    });
    for (let i = 0; i < 200; i++) broker.send(encodePublish5('factory/a', String(i)));
    await until(() => calls === 10, 'as many as may wait');
    await sleep(30);
    assert.equal(calls, 10);
    log.open();
    await until(() => calls === 200, 'the others');
  });

  it('acknowledges on close what the log gets meanwhile, and takes no more', async (context) => {
    const broker = await startTinyBroker();
    context.after(() => broker.close());
    const log = gate();
    let calls = 0;
    const consumer = await source(context, {
      url: broker.url,
      protocolVersion: 5,
      onPublish: () => {
        calls++;
        return log.opened;
      },
    });
    broker.send(encodePublish5('factory/a', 'x', 1));
    await until(() => calls === 1, 'the message');
    const closed = consumer.close();
    broker.send(encodePublish5('factory/a', 'y', 2));
    await sleep(20);
    log.open();
    await Promise.all([closed, consumer.done, consumer.close()]);
    assert.equal(calls, 1);
    assert.deepEqual(acknowledged(broker.received), [1]);
  });
});
