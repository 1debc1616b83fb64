import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedBroker } from '../../infra/embedded/broker.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { gate, startCuttingProxy, until } from './mqtt-wire.js';

describe('MQTT publisher', () => {
  it('resolves at the acknowledgement, with no more under way than it may', async (context) => {
    const log = gate();
    const seen: string[] = [];
    const broker = await startEmbeddedBroker({
      port: 0,
      onPublish: (_topic, payload) => {
        seen.push(Buffer.from(payload).toString());
        return log.opened;
      },
    });
    context.after(() => broker.close());
    const publisher = await connectPublisher({ url: broker.url, inFlightMax: 10 });
    let acknowledged = 0;
    const all = Array.from({ length: 50 }, (_, i) =>
      publisher.publish('a', String(i)).then(() => acknowledged++),
    );
    await until(() => seen.length === 10, 'ten messages');
    await sleep(30);
    assert.equal(seen.length, 10);
    assert.equal(acknowledged, 0);
    log.open();
    await Promise.all(all);
    assert.deepEqual(
      seen,
      Array.from({ length: 50 }, (_, i) => String(i)),
    );
    await publisher.end();
    await publisher.end();
    await assert.rejects(publisher.publish('a', 'late'), { code: 'closed' });
  });

  it('waits for acknowledgements at its end, but not for ever', async (context) => {
    const log = gate();
    context.after(() => log.open());
    let taken = 0;
    const broker = await startEmbeddedBroker({
      port: 0,
      onPublish: async () => {
        taken++;
        if (taken > 1) await log.opened;
      },
    });
    context.after(() => broker.close());
    const patient = await connectPublisher({ url: broker.url });
    const sent = patient.publish('a', '1');
    await patient.end();
    await sent;
    const hasty = await connectPublisher({ url: broker.url });
    const lost = assert.rejects(hasty.publish('a', '2'), { code: 'closed' });
    await until(() => taken === 2, 'the message');
    await hasty.end(20);
    await lost;
  });

  it('sends again what a lost connection left unacknowledged', async (context) => {
    const seen = new Set<string>();
    const broker = await startEmbeddedBroker({
      port: 0,
      onPublish: async (_topic, payload) => {
        await sleep(1);
        seen.add(Buffer.from(payload).toString());
      },
    });
    context.after(() => broker.close());
    const proxy = await startCuttingProxy(broker.port);
    context.after(() => proxy.close());
    const problems: string[] = [];
    const publisher = await connectPublisher({
      url: proxy.url,
      onProblem: (sentence) => problems.push(sentence),
    });
    const all: Promise<void>[] = [];
    for (let i = 0; i < 300; i++) {
      all.push(publisher.publish('a', String(i)));
      if (i % 100 === 50) {
        await sleep(3);
        proxy.cut();
      }
    }
    await Promise.all(all);
    await publisher.end();
    assert.equal(seen.size, 300);
    assert.ok(proxy.count() > 1);
    assert.match(problems.join(), /is lost/);
  });

  it('says that nobody is there', async () => {
    await assert.rejects(connectPublisher({ url: 'mqtt://127.0.0.1:1', startMs: 1000 }), {
      code: 'unreachable',
      message: /mqtt:\/\/127.0.0.1:1 cannot be reached/,
    });
  });
});
