/** docker-compose.yml and the files it brings, as they are read: what would only be seen when a plant starts. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadDeployment } from '../../app/config.js';
import { parseRoles, roles } from '../../app/roles.js';
import { ingestSubscriptions } from '../../ingest/subscriptions.js';
import { dashboardFiles, dashboardSchema, readDashboard } from './dashboards.js';

const serviceSchema = z.object({
  image: z.string(),
  restart: z.string(),
  command: z.array(z.string()).optional(),
  profiles: z.array(z.string()).optional(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
});
const composeText = readFileSync('docker-compose.yml', 'utf8');
const compose = z
  .object({ services: z.record(z.string(), serviceSchema), volumes: z.record(z.string(), z.null()) })
  .parse(parse(composeText, { merge: true }));
const services = Object.entries(compose.services);

/** NAME=value lines. */
function readEnvironment(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8').split('\n');
  return Object.fromEntries(
    lines.filter((line) => /^\w+=/.test(line)).map((line) => line.split(/=(.*)/).slice(0, 2)),
  );
}
const exampleEnvironment = readEnvironment('docker/example.env');

/** `${NAME}`, `${NAME:-default}` and `${NAME:?why}` filled in from docker/example.env. */
function fillIn(text: string): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind?: string, rest = '') => {
    const value = exampleEnvironment[name];
    if (value !== undefined) return value;
    assert.equal(kind, '-', `\${${name}} has neither a default nor a line in docker/example.env`);
    return rest;
  });
}

/** The services that are Millwright. */
const ours = services.filter(([, { build }]) => build);
const filled = Object.fromEntries(
  Object.entries(compose.services.page?.environment ?? {}).map(([name, text]) => [name, fillIn(text)]),
);

describe('docker-compose.yml', () => {
  it('names every image with its version, restarts it, and knows when it is well', () => {
    const dockerfile = readFileSync('docker/Dockerfile', 'utf8');
    for (const [name, service] of services) {
      assert.match(service.image, /^[\w./-]+:v?\d+\.\d+(\.\d+)?$/, name);
      assert.equal(service.restart, 'unless-stopped', name);
      assert.ok(service.healthcheck ?? (service.build && /^HEALTHCHECK /m.test(dockerfile)), name);
    }
  });

  it('opens ports on loopback only', () => {
    for (const [name, { ports }] of services)
      for (const port of ports) assert.match(fillIn(port), /^127\.0\.0\.1:\d+:\d+$/, name);
  });

  it('brings files that are there, and declares its volumes', () => {
    const used = new Set<string>();
    for (const [name, { volumes }] of services)
      for (const [source = ''] of volumes.map((volume) => fillIn(volume).split(':')))
        if (source.startsWith('./')) assert.ok(existsSync(source), `${name}: ${source}`);
        else used.add(source);
    assert.deepEqual([...used].sort(), Object.keys(compose.volumes).sort());
  });

  it('waits for services that there are, until they are well', () => {
    for (const [name, { depends_on: awaited }] of services)
      for (const [other, { condition }] of Object.entries(awaited)) {
        assert.ok(compose.services[other], `${name} waits for ${other}`);
        assert.equal(condition, 'service_healthy');
      }
  });

  it('takes every password from the environment, and the example has each', () => {
    const required = [...composeText.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name);
    const { COMPOSE_PROJECT_NAME: _, ...passwords } = exampleEnvironment;
    assert.deepEqual([...new Set(required)].sort(), Object.keys(passwords).sort());
    assert.equal(new Set(Object.values(passwords)).size, Object.keys(passwords).length);
  });

  it('starts every role once, each process with health and metrics where the image looks for them', () => {
    const started = ours.map(([, { command = [] }]) => {
      const option = (name: string) => command[command.indexOf(name) + 1];
      const chosen = [...parseRoles(option('--roles') ?? '')];
      assert.equal(command[0], 'run');
      assert.equal(option('-c'), 'docker/plant/millwright.yaml');
      if (!chosen.includes('page')) assert.equal(option('--status-port'), '8080');
      return chosen;
    });
    assert.deepEqual(started.flat().toSorted(), [...roles].sort());
    assert.match(readFileSync('docker/Dockerfile', 'utf8'), /^HEALTHCHECK .*\n.*127\.0\.0\.1:8080\/health/m);
  });

  it('gives what can be scaled neither a port of this computer nor a folder to write', () => {
    const { ports, volumes = [] } = compose.services.stream ?? {};
    assert.deepEqual(ports, []);
    for (const volume of volumes) assert.match(volume, /:ro$/);
  });

  it('starts a pipeline whose configuration is valid and fits the other services', () => {
    for (const [name, { environment }] of ours)
      assert.deepEqual(environment, compose.services.page?.environment, name);
    const volumes = compose.services.page?.volumes ?? [];
    const deployment = loadDeployment('docker/plant/millwright.yaml', filled);
    const { config } = deployment;
    assert.ok(config.mqtt.kind === 'client' && config.store.kind === 'influx' && config.log.kind === 'kafka');
    const { KAFKA_ADVERTISED_LISTENERS = '' } = compose.services.kafka?.environment ?? {};
    for (const broker of config.log.brokers) assert.ok(KAFKA_ADVERTISED_LISTENERS.includes(`://${broker},`));
    for (const [url, port] of [
      [config.mqtt.url, '1883'],
      [config.store.url, '8086'],
    ] as const) {
      const { hostname, port: urlPort } = new URL(url);
      assert.ok(compose.services[hostname], `${url} is a service`);
      assert.ok(compose.services[hostname]?.ports.some((text) => text.endsWith(`:${port}`)));
      assert.equal(urlPort, port);
    }
    const data = volumes.find((volume) => volume.startsWith('millwright:'))?.split(':')[1];
    assert.equal(config.dataDir, data);
    assert.ok(config.model.dir.startsWith(`${data}/`));
    const { INFLUXDB_ADMIN_USER: user, INFLUXDB_DB: database } = compose.services.influxdb?.environment ?? {};
    assert.equal(config.store.username, user);
    assert.equal(config.store.database, database);
    assert.equal(
      fillIn(compose.services.influxdb?.environment.INFLUXDB_ADMIN_PASSWORD ?? ''),
      filled.INFLUXDB_PASSWORD,
    );

    // What ingest subscribes to, the broker must let it.
    const acl = readFileSync('docker/mosquitto/acl', 'utf8');
    const rules = acl.split(/^user /m).find((part) => part.startsWith(`${config.mqtt.username}\n`)) ?? '';
    const readable = [...rules.matchAll(/^topic (?:read|readwrite) (\S+)\/#$/gm)].map(([, prefix]) => prefix);
    for (const filter of ingestSubscriptions(config.ingest))
      assert.ok(
        readable.some((prefix) => filter.startsWith(`${prefix}/`)),
        `${config.mqtt.username} may read ${filter}`,
      );
  });
});

describe('the settings of Mosquitto', () => {
  const settings = new Map(
    readFileSync('docker/mosquitto/mosquitto.conf', 'utf8')
      .split('\n')
      .filter((line) => /^\w/.test(line))
      .map((line) => line.split(/ (.*)/).slice(0, 2) as [string, string]),
  );

  it('keep what queues, and let nobody in without a password', () => {
    assert.equal(settings.get('persistence'), 'true');
    assert.equal(settings.get('allow_anonymous'), 'false');
    assert.ok(Number(settings.get('autosave_interval')) <= 60);
    assert.ok(Number(settings.get('max_queued_messages')) >= 1_000_000);
    assert.ok(Number(settings.get('max_inflight_messages')) >= 100);
  });

  it('take a packet as long as ingest takes', () => {
    const { config } = loadDeployment('docker/plant/millwright.yaml', filled);
    assert.ok(Number(settings.get('max_packet_size')) > config.ingest.payloadBytesMax);
  });

  it('start with the users of the access list', () => {
    const users = (text: string, pattern: RegExp) =>
      [...text.matchAll(pattern)].map(([, user]) => user).sort();
    const acl = readFileSync('docker/mosquitto/acl', 'utf8');
    const start = readFileSync('docker/mosquitto/start.sh', 'utf8');
    assert.deepEqual(users(start, /^mosquitto_passwd -b \S+ (\w+)/gm), users(acl, /^user (\w+)$/gm));
  });
});

describe('docker/Dockerfile', () => {
  const text = readFileSync('docker/Dockerfile', 'utf8');

  it('has an exact base, and runs as nobody in particular', () => {
    assert.match(text, /^ARG NODE_IMAGE=node:\d+\.\d+\.\d+-bookworm-slim$/m);
    assert.deepEqual(
      [...text.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image),
      [`\${NODE_IMAGE}`, `\${NODE_IMAGE}`],
    );
    assert.match(text, /^USER 1000:1000$/m);
  });

  it('is given every folder of the product, and no more', () => {
    const given = readFileSync('.dockerignore', 'utf8').matchAll(/^!([a-z]+)$/gm);
    const build = readFileSync('scripts/build.mjs', 'utf8');
    const folders = [...(/const folders = \[([^\]]*)\]/.exec(build)?.[1] ?? '').matchAll(/'(\w+)'/g)]
      .map(([, folder]) => folder)
      .filter((folder) => folder !== 'test' && folder !== 'bench');
    assert.deepEqual(
      [...given].map(([, folder]) => folder).sort(),
      [...folders, 'data', 'examples', 'ui'].sort(),
    );
  });
});

describe('dashboards', () => {
  it('are what Grafana reads, with the data source that is provisioned', () => {
    const provisioned = z
      .object({ datasources: z.array(z.object({ uid: z.string(), type: z.string() })).length(1) })
      .parse(parse(readFileSync('docker/grafana/provisioning/datasources/influxdb.yaml', 'utf8')));
    assert.ok(dashboardFiles().length >= 2);
    for (const file of dashboardFiles()) {
      const dashboard = dashboardSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
      const sources = [
        ...dashboard.panels.flatMap((panel) => [
          panel.datasource,
          ...panel.targets.map(({ datasource }) => datasource),
        ]),
        ...dashboard.templating.list.map(({ datasource }) => datasource),
      ];
      for (const { uid, type } of sources)
        assert.deepEqual({ uid, type }, provisioned.datasources[0], `${file}: data source`);
      const ids = dashboard.panels.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length, `${file}: ids of panels`);
      for (const a of dashboard.panels)
        for (const b of dashboard.panels)
          assert.ok(a.id >= b.id || !overlap(a.gridPos, b.gridPos), `${file}: panels ${a.id} and ${b.id}`);
    }
  });

  it('link to dashboards and variables that there are', () => {
    const byUid = new Map(dashboardFiles().map((file) => [readDashboard(file).uid, readDashboard(file)]));
    for (const file of dashboardFiles())
      for (const [, uid = '', variable] of readFileSync(file, 'utf8').matchAll(/\/d\/([\w-]+)\?var-(\w+)=/g))
        assert.ok(
          byUid.get(uid)?.templating.list.some(({ name }) => name === variable),
          `${file}: ${uid}, ${variable}`,
        );
  });
});

describe('the rules of Prometheus', () => {
  it('ask for metrics that there are', () => {
    const metrics = readFileSync('app/metrics.ts', 'utf8');
    const rules = readFileSync('docker/prometheus/rules.yml', 'utf8');
    const asked = [...rules.matchAll(/\b(millwright_\w+)/g)].map(([, name = '']) => name);
    assert.ok(asked.length >= 3);
    for (const name of asked) assert.ok(metrics.includes(`'${name}'`), name);
    for (const file of readdirSync('docker/prometheus'))
      parse(readFileSync(join('docker/prometheus', file), 'utf8'));
  });

  it('have a target and a receiver that there are', () => {
    const text = readFileSync('docker/prometheus/prometheus.yml', 'utf8');
    const named = /names: \[(.*)\], type: A, port: 8080/.exec(text)?.[1]?.split(', ') ?? [];
    assert.deepEqual(named.toSorted(), ours.map(([name]) => name).sort());
    const [, host = '', port = ''] = /targets: \["([\w-]+):(\d+)"\]/.exec(text) ?? [];
    assert.ok(compose.services[host]?.ports.some((mapped) => mapped.endsWith(`:${port}`)));
    const { route, receivers } = z
      .object({
        route: z.object({ receiver: z.string() }),
        receivers: z.array(z.object({ name: z.string() })),
      })
      .parse(parse(readFileSync('docker/alertmanager/alertmanager.yml', 'utf8')));
    assert.ok(receivers.some(({ name }) => name === route.receiver));
  });
});

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

function overlap(a: Place, b: Place): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
