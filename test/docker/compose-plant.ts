/** docker-compose.yml, started for a test with ports, passwords and volumes of its own. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { eventually, firstOf, freePort } from '../services/service.js';

const run = promisify(execFile);

/** Everything but Grafana and what has a profile: their images cannot be had everywhere. */
const services = ['mosquitto', 'kafka', 'influxdb', 'ingest', 'stream', 'page'];
const images = [
  ...new Set(
    [...readFileSync('docker-compose.yml', 'utf8').matchAll(/image: (\S+)/g)]
      .map(([, image = '']) => image)
      .filter((image) => /mosquitto|kafka|influxdb|millwright/.test(image)),
  ),
];

/** True where there is Docker with the images; undefined: skip. */
export function dockerWithImages(): Promise<true | undefined> {
  return firstOf('Docker with the images of docker-compose.yml', `have ${images.join(', ')}`, [
    () =>
      run('docker', ['image', 'inspect', ...images]).then(
        () => true as const,
        () => undefined,
      ),
  ]);
}

export const passwords = {
  MQTT_INGEST_PASSWORD: 'i n"g\'est',
  MQTT_GATEWAY_PASSWORD: 'gate$way',
  INFLUXDB_PASSWORD: 'results',
};

export interface ComposePlant {
  readonly mqttUrl: string;
  readonly influxUrl: string;
  readonly kafkaBroker: string;
  /** `docker compose ...`, to its end; what it printed. */
  compose(...args: readonly string[]): Promise<string>;
  /** Their ids. */
  containers(service: string): Promise<readonly string[]>;
  /** Starts what is not running, with so many containers of `stream`; resolves when all are healthy. */
  up(streams?: number): Promise<void>;
  /** JSON from the page. */
  page(path: string): Promise<Record<string, unknown>>;
}

/** Starts nothing yet. Taken down at the end of the test. */
export async function composePlant(
  t: TestContext,
  environment: Readonly<Record<string, string>>,
  files: readonly string[] = ['docker-compose.yml'],
): Promise<ComposePlant> {
  const ports = {
    MQTT_PORT: await freePort(),
    KAFKA_PORT: await freePort(),
    PAGE_PORT: await freePort(),
    INFLUXDB_PORT: await freePort(),
  };
  const env = {
    ...process.env,
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    ...passwords,
    INFLUXDB_GRAFANA_PASSWORD: 'reader',
    GRAFANA_PASSWORD: 'unused',
    MILLWRIGHT_TIME: 'messages',
    COMPOSE_PROJECT_NAME: `millwright-test-${process.pid}`,
    ...environment,
  };
  const compose = async (...args: readonly string[]): Promise<string> => {
    const all = ['compose', ...files.flatMap((file) => ['-f', file]), ...args];
    return (await run('docker', all, { env, maxBuffer: 1e8 })).stdout;
  };
  t.after(() => compose('down', '-v', '-t', '5'));
  const containers = async (service: string) => (await compose('ps', '-q', service)).trim().split('\n');
  const page = async (path: string) => {
    // While a container starts, Docker takes the connection and nobody answers.
    const signal = AbortSignal.timeout(5_000);
    const answer = await fetch(`http://127.0.0.1:${ports.PAGE_PORT}${path}`, { signal });
    assert.equal(answer.status, 200, `${path}: ${answer.status}`);
    return (await answer.json()) as Record<string, unknown>;
  };
  return {
    mqttUrl: `mqtt://127.0.0.1:${ports.MQTT_PORT}`,
    influxUrl: `http://127.0.0.1:${ports.INFLUXDB_PORT}`,
    kafkaBroker: `127.0.0.1:${ports.KAFKA_PORT}`,
    compose,
    containers,
    up: async (streams = 1) => {
      await compose('up', '-d', '--no-build', '--scale', `stream=${streams}`, ...services);
      // All of them: a broker drops what is published before ingest has subscribed for the first time.
      await eventually(async () => {
        for (const service of services)
          for (const id of await containers(service)) assert.equal(await health(id), 'healthy', service);
      }, 300_000).catch(async (cause: unknown) => {
        throw new Error(`the plant is not healthy:\n${await compose('logs', '--tail', '20')}`, { cause });
      });
    },
    page,
  };
}

async function health(container: string): Promise<string> {
  const { stdout } = await run('docker', ['inspect', '-f', '{{.State.Health.Status}}', container]);
  return stdout.trim();
}
