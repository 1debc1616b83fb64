// docker-compose.yml as it stands: the plant starts, takes messages, is killed, and has everything in the end.
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import { connectAsync } from 'mqtt';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { encodeClockMessage } from '../../ingest/clock-message.js';
import { makeCertificates } from '../services/certificates.js';
import { eventually, freePort, skipWithout } from '../services/service.js';
import { composePlant, dockerWithImages, passwords } from './compose-plant.js';

const docker = await dockerWithImages();

const hourMs = 3_600_000;
const firstMs = Date.UTC(2024, 0, 1);

test('the plant of docker-compose.yml', {
  skip: skipWithout(docker, 'image'),
  timeout: 900_000,
}, async (t) => {
  const certificates = makeCertificates();
  // The broker reads them as a user of its own.
  chmodSync(certificates.file(''), 0o755);
  chmodSync(certificates.file('server.key'), 0o644);
  const tlsPort = await freePort();
  const plant = await composePlant(
    t,
    { MQTT_TLS_PORT: String(tlsPort), MQTT_CERTIFICATES: certificates.file('') },
    ['docker-compose.yml', 'docker/tls.yaml'],
  );
  const { compose, page, mqttUrl: url } = plant;
  await plant.up();

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
    eventually(async () => assert.equal((await page('/api/v1/ledger')).accepted, count), 180_000);

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
      url: `mqtts://127.0.0.1:${tlsPort}`,
      username: 'gateway',
      password: passwords.MQTT_GATEWAY_PASSWORD,
      caFile: certificates.file('ca.pem'),
    });
    const payload = { value: 60, time: firstMs + 95 * hourMs + 1 };
    await secure.publish('factory/north/l1/press-1/temperature', JSON.stringify(payload));
    await secure.end();
  });

  await t.test('has everything when its processes are killed and messages come meanwhile', async () => {
    await compose('kill', '-s', 'SIGKILL', 'ingest', 'stream', 'page');
    await publishHours(96, 120);
    await plant.up();
    await accepted(120 * 5 + 1);
  });

  await t.test('shares the work among three', async () => {
    await plant.up(3);
    await publishHours(120, 144);
    await accepted(144 * 5 + 1);
    assert.equal((await plant.containers('stream')).length, 3);
    const groups = ['/opt/kafka/bin/kafka-consumer-groups.sh', '--bootstrap-server', 'kafka:19092'];
    await eventually(async () => {
      const text = await compose(
        'exec',
        '-T',
        'kafka',
        ...groups,
        '--describe',
        '--group',
        'millwright.stream',
      );
      const members = [...text.matchAll(/^millwright\.stream .* (\S+) +\S+ +\S+ *$/gm)].map(([, id]) => id);
      assert.equal(members.length, 12, text);
      assert.equal(new Set(members).size, 3, text);
    }, 180_000);
  });

  await t.test('writes results to InfluxDB', async () => {
    const select = async (what: string) => {
      const query = new URLSearchParams({ db: 'millwright', u: 'millwright', p: 'results', q: what });
      return (await fetch(`${plant.influxUrl}/query?${query}`)).text();
    };
    await eventually(async () => {
      assert.match(await select(`SELECT count(coverage) FROM machine_step WHERE "final" = true`), /,5\]/);
      assert.match(await select('SELECT last(status) FROM failure_forecast'), /press|not-assessable|ok/);
    }, 180_000);
  });
});
