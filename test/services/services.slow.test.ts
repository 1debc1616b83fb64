import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectAsync } from 'mqtt';
import { type Influx, startOwnInflux } from './influx.js';
import { startOwnKafka } from './kafka.js';
import { startOwnMosquitto } from './mosquitto.js';
import { firstOf, type OwnService } from './service.js';

async function ask(influx: Influx, path: string, body?: string): Promise<string> {
  const response = await fetch(`${influx.url}${path}`, body === undefined ? {} : { method: 'POST', body });
  return response.text();
}

describe('services that tests start', { timeout: 600_000 }, () => {
  it('InfluxDB keeps what it has acknowledged, over a kill, at the same address', async (context) => {
    const influx = await startOwnInflux();
    if (influx === undefined) return context.skip('no InfluxDB here');
    context.after(() => influx.stop());
    await ask(influx, '/query?q=create+database+kept', '');
    await ask(influx, '/write?db=kept', 'probe value=42 1000000000');
    await influx.kill();
    await assert.rejects(ask(influx, '/ping'));
    await influx.startAgain();
    assert.match(await ask(influx, '/query?db=kept&q=select+value+from+probe'), /42/);
  });

  it('Mosquitto keeps a retained message over a kill; paused, it does not answer', async (context) => {
    const broker = await startOwnMosquitto();
    if (broker === undefined) return context.skip('no Mosquitto here');
    context.after(() => broker.stop());
    const publisher = await connectAsync(broker.url);
    context.after(() => publisher.endAsync(true));
    await publisher.publishAsync('kept', 'yes', { qos: 1, retain: true });
    await broker.kill();
    await broker.startAgain();
    const reader = await connectAsync(broker.url);
    context.after(() => reader.endAsync(true));
    const got = new Promise<string>((resolve) => {
      reader.once('message', (_topic, payload) => resolve(payload.toString()));
    });
    await reader.subscribeAsync('kept');
    assert.equal(await got, 'yes');
    await broker.pause();
    await assert.rejects(connectAsync(broker.url, { connectTimeout: 500 }, false));
    await broker.resume();
  });

  it('Kafka answers again at its address after a kill', async (context) => {
    const kafka: OwnService | undefined = await startOwnKafka();
    if (kafka === undefined) return context.skip('no Kafka here');
    context.after(() => kafka.stop());
    await kafka.kill();
    await kafka.startAgain();
  });

  it('a service that must be there and is not is an error', async (context) => {
    const before = process.env.MILLWRIGHT_SERVICES;
    context.after(() => {
      if (before === undefined) delete process.env.MILLWRIGHT_SERVICES;
      else process.env.MILLWRIGHT_SERVICES = before;
    });
    process.env.MILLWRIGHT_SERVICES = 'required';
    const absent = () => firstOf('Teapot', 'buy one', [() => Promise.resolve(undefined)]);
    await assert.rejects(absent(), /no Teapot here: buy one/);
    delete process.env.MILLWRIGHT_SERVICES;
    assert.equal(await absent(), undefined);
  });
});
