// docker-compose.yml as it stands: the plant starts, takes messages, is killed, and has everything in the end.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { connectAsync } from 'mqtt';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { encodeClockMessage } from '../../ingest/clock-message.js';
import { makeCertificates } from '../services/certificates.js';
import { eventually, firstOf, freePort, skipWithout } from '../services/service.js';

const run = promisify(execFile);
const started = ['mosquitto', 'influxdb', 'pipeline'];
const files = ['-f', 'docker-compose.yml', '-f', 'docker/tls.yaml'];
const images = [...readFileSync('docker-compose.yml', 'utf8').matchAll(/image: (\S+)/g)]
  .map(([, image = '']) => image)
  .filter((image) => /mosquitto|influxdb|millwright/.test(image));

const docker = await firstOf('Docker with the images of docker-compose.yml', `have ${images.join(', ')}`, [
  () =>
    run('docker', ['image', 'inspect', ...images]).then(
      () => true,
      () => undefined,
    ),
]);

const hourMs = 3_600_000;
const firstMs = Date.UTC(2024, 0, 1);

test('the plant of docker-compose.yml', {
  skip: skipWithout(docker, 'image'),
  timeout: 300_000,
}, async (t) => {
  const ports = {
    MQTT_PORT: await freePort(),
    PAGE_PORT: await freePort(),
    INFLUXDB_PORT: await freePort(),
    MQTT_TLS_PORT: await freePort(),
  };
  const certificates = makeCertificates();
  // The broker reads them as a user of its own.
  chmodSync(certificates.file(''), 0o755);
  chmodSync(certificates.file('server.key'), 0o644);
  const passwords = { MQTT_INGEST_PASSWORD: 'i n"g\'est', MQTT_GATEWAY_PASSWORD: 'gate$way' };
  const environment = {
    ...process.env,
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    ...passwords,
    INFLUXDB_PASSWORD: 'results',
    INFLUXDB_GRAFANA_PASSWORD: 'reader',
    GRAFANA_PASSWORD: 'unused',
    MILLWRIGHT_TIME: 'messages',
    COMPOSE_PROJECT_NAME: `millwright-test-${process.pid}`,
    MQTT_CERTIFICATES: certificates.file(''),
  };
  const compose = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run('docker', ['compose', ...files, ...args], { env: environment });
    return stdout;
  };
  t.after(() => compose('down', '-v', '-t', '5'));
  await compose('up', '-d', '--no-build', ...started);
  const url = `mqtt://127.0.0.1:${ports.MQTT_PORT}`;
  const page = async (path: string) => {
    // While the pipeline starts, Docker takes the connection and nobody answers.
    const signal = AbortSignal.timeout(2_000);
    const answer = await fetch(`http://127.0.0.1:${ports.PAGE_PORT}${path}`, { signal });
    assert.equal(answer.status, 200, `${path}: ${answer.status}`);
    return (await answer.json()) as Record<string, unknown>;
  };
  await eventually(() => page('/health'), 120_000);

  const clock = await connectPublisher({ url, username: 'ingest', password: passwords.MQTT_INGEST_PASSWORD });
  t.after(() => clock.end());
  const gateway = await connectPublisher({
    url,
    username: 'gateway',
    password: passwords.MQTT_GATEWAY_PASSWORD,
  });
  t.after(() => gateway.end());
  const publishHours = async (from: number, to: number): Promise<void> => {
    for (let hour = from; hour < to; hour++) {
      const time = firstMs + hour * hourMs;
      await clock.publish('millwright/clock', encodeClockMessage(time));
      const payload = { time, vibration: 3, temperature: 60, pressure: 180, current: 40, speed: 1500 };
      await gateway.publish('factory/north/l1/press-1', JSON.stringify(payload));
    }
    await clock.publish('millwright/clock', encodeClockMessage(firstMs + to * hourMs));
  };
  const accepted = (count: number) =>
    eventually(async () => assert.equal((await page('/api/v1/ledger')).accepted, count), 60_000);

  await t.test('takes what a gateway publishes', async () => {
    await publishHours(0, 96);
    await accepted(96 * 5);
  });

  await t.test(
    'lets a gateway neither read the machines nor move the clock, and nobody in without a password',
    async () => {
      const options = {
        protocolVersion: 5,
        username: 'gateway',
        password: passwords.MQTT_GATEWAY_PASSWORD,
      } as const;
      const client = await connectAsync(url, options, false);
      // Mosquitto may grant the subscription; it must not deliver.
      await client.subscribeAsync('factory/#', { qos: 1 }).catch(() => {});
      const heard: string[] = [];
      client.on('message', (topic) => heard.push(topic));
      await gateway.publish('factory/north/l1/press-1', '{"time":0}');
      await assert.rejects(
        client.publishAsync('millwright/clock', '{"timeMs":0}', { qos: 1 }),
        /Not authorized/,
      );
      assert.deepEqual(heard, []);
      await client.endAsync();
      await assert.rejects(connectAsync(url, {}, false), /Not authorized/);
    },
  );

  await t.test('takes messages over TLS', async () => {
    const secure = await connectPublisher({
      url: `mqtts://127.0.0.1:${ports.MQTT_TLS_PORT}`,
      username: 'gateway',
      password: passwords.MQTT_GATEWAY_PASSWORD,
      caFile: certificates.file('ca.pem'),
    });
    const payload = { value: 60, time: firstMs + 95 * hourMs + 1 };
    await secure.publish('factory/north/l1/press-1/temperature', JSON.stringify(payload));
    await secure.end();
  });

  await t.test('has everything when the pipeline is killed and messages come meanwhile', async () => {
    await compose('kill', '-s', 'SIGKILL', 'pipeline');
    await publishHours(96, 120);
    await compose('up', '-d', '--no-build', ...started);
    await eventually(() => page('/health'), 120_000);
    await accepted(120 * 5 + 1);
  });

  await t.test('writes results to InfluxDB', async () => {
    const select = async (what: string) => {
      const query = new URLSearchParams({ db: 'millwright', u: 'millwright', p: 'results', q: what });
      const answer = await fetch(`http://127.0.0.1:${ports.INFLUXDB_PORT}/query?${query}`);
      return answer.text();
    };
    await eventually(async () => {
      assert.match(await select(`SELECT count(coverage) FROM machine_step WHERE "final" = true`), /,4\]/);
      assert.match(await select('SELECT last(status) FROM failure_forecast'), /press|not-assessable|ok/);
    }, 60_000);
  });
});
