/** A plant as it runs in a company, on this computer: real services behind proxies, and several processes of Millwright. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Deployment, loadDeployment } from '../../app/config.js';
import { makePlant, removePlant, trainPumps } from '../scenarios/plant.js';
import { type OwnInflux, startOwnInflux } from '../services/influx.js';
import { type OwnKafka, startOwnKafka } from '../services/kafka.js';
import { type OwnMosquitto, startOwnMosquitto } from '../services/mosquitto.js';
import { freePort, type Service } from '../services/service.js';
import { type ProxiedPort, startToxiproxy } from '../services/toxiproxy.js';
import { Member, type SelfEnded } from './crew.js';
import { Pager } from './pager.js';
import { sites } from './sender.js';

export interface World {
  readonly kafka: OwnKafka;
  readonly mosquitto: OwnMosquitto;
  readonly influx: OwnInflux;
  readonly pager: Pager;
  /** Connections of half of the processes to Kafka, of each ingest process to the broker, and to InfluxDB. */
  readonly proxies: Readonly<Record<'kafka-a' | 'kafka-b' | 'mqtt-1' | 'mqtt-2' | 'influx', ProxiedPort>>;
  /** Those that always run. */
  readonly members: readonly Member[];
  /** Of those, the one that fills the store and tells the pager. */
  readonly results: Member;
  /** Those that come and go. */
  readonly guests: readonly Member[];
  /** The deployment as one sees it who goes around the proxies. */
  readonly deployment: Deployment;
  readonly selfEnded: readonly SelfEnded[];
  /** The folder of the results' spool, on a disk of its own that is soon full; undefined where none could be made. */
  readonly smallDisk: string | undefined;
  close(): Promise<void>;
}

export const partitionCount = 4;
const stepsKept = 30; // revisionSteps of the pump

/** Undefined where a service is missing. */
export async function makeWorld(
  stepMs: number,
  tell: (sentence: string) => void,
): Promise<World | undefined> {
  const cleanUps: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const end of cleanUps.splice(0).reverse()) await end();
  };
  const keep = <T extends Service>(service: T | undefined): T | undefined => {
    if (service) cleanUps.push(() => service.stop());
    return service;
  };
  try {
    const toxiproxy = keep(await startToxiproxy());
    const doors = [];
    for (const name of ['A', 'B']) doors.push({ name, port: await freePort(), proxyPort: await freePort() });
    const kafka = toxiproxy && keep(await startOwnKafka({ doors }));
    const mosquitto = kafka && keep(await startOwnMosquitto());
    const influx = mosquitto && keep(await startOwnInflux());
    const [doorA, doorB] = doors;
    if (!toxiproxy || !kafka || !mosquitto || !influx || !doorA || !doorB) {
      await close();
      return undefined;
    }
    const pager = await Pager.start();
    cleanUps.push(() => pager.close());
    const proxies = {
      'kafka-a': await toxiproxy.proxy('kafka-a', doorA.proxyPort, doorA.port),
      'kafka-b': await toxiproxy.proxy('kafka-b', doorB.proxyPort, doorB.port),
      'mqtt-1': await toxiproxy.proxy('mqtt-1', await freePort(), mosquitto.port),
      'mqtt-2': await toxiproxy.proxy('mqtt-2', await freePort(), mosquitto.port),
      influx: await toxiproxy.proxy('influx', await freePort(), influx.port),
    };

    const plant = makePlant('wall');
    cleanUps.push(() => removePlant(plant));
    const typeFile = join(plant.dir, 'pump.yaml');
    const type = readFileSync(typeFile, 'utf8')
      .replace('durationMs: 1h', `durationMs: ${stepMs}ms`)
      .replace('provisionalEveryMs: 20m', `provisionalEveryMs: ${stepMs / 2}ms`);
    writeFileSync(typeFile, type);
    await trainPumps(plant);

    const fileOf = (
      name: string,
      kafkaPort: number,
      mqttPort: number,
      influxPort: number,
      site = '{site}',
    ): string => {
      const file = join(plant.dir, `${name}.yaml`);
      const text = readFileSync(plant.file, 'utf8')
        .replace('dataDir: data', `dataDir: ${name}`)
        .replace(
          'mqtt: { kind: embedded, port: 0 }',
          `mqtt: { kind: client, url: "mqtt://127.0.0.1:${mqttPort}", clientId: ${name}, keepaliveMs: 5s }\n` +
            `store: { kind: influx, url: "http://127.0.0.1:${influxPort}", timeoutMs: 5s, spoolBytesMax: 1000000 }`,
        )
        .replace('failure_probability(5h)', `failure_probability(${(5 * stepMs) / 1000}s)`)
        .replace('tickEveryMs: 100ms', `tickEveryMs: 2s, topics: [${topicsOf(site)}]`)
        .replace(
          /log: .*/,
          `log: { kind: kafka, brokers: ["127.0.0.1:${kafkaPort}"], partitions: ${partitionCount}, sessionTimeoutMs: 8s }`,
        )
        .replace(
          'alerts:\n',
          `alerts:\n  notifiers:\n    - { kind: webhook, name: pager, url: "${pager.url}", timeoutMs: 3s, retry: { firstDelayMs: 200ms, maxDelayMs: 2s } }\n  routes:\n    - { notifiers: [pager], storm: { above: 100000 } }\n`,
        );
      writeFileSync(file, text);
      return file;
    };
    const selfEnded: SelfEnded[] = [];
    const member = (
      name: string,
      roles: string,
      kafkaPort: number,
      mqttPort: number,
      site?: string,
    ): Member => {
      const file = fileOf(name, kafkaPort, mqttPort, proxies.influx.port, site);
      const parts = { after: (end: () => void) => void cleanUps.push(end) };
      const args = ['run', '-c', file, '--roles', roles, '--status-port', '0'];
      return new Member(name, args, parts, (end) => {
        selfEnded.push(end);
        tell(`${end.name} ended by itself, exit code ${end.exitCode}: ${end.lastWords}`);
      });
    };
    const work = 'stream,model,alerts';
    const [portA, portB] = [proxies['kafka-a'].port, proxies['kafka-b'].port];
    const [mqtt1, mqtt2] = [proxies['mqtt-1'].port, proxies['mqtt-2'].port];
    const results = member('results', 'store,notify', portA, mqtt1);
    const members = [
      member('ingest-1', 'ingest', portA, mqtt1, sites[0]),
      member('ingest-2', 'ingest', portB, mqtt2, sites[1]),
      member('worker-1', work, portA, mqtt1),
      member('worker-2', work, portB, mqtt1),
      results,
    ];
    const guests = [member('worker-3', work, portB, mqtt1)];
    const smallDisk = mountSmallDisk(join(plant.dir, 'results', 'spool'));
    if (smallDisk !== undefined) cleanUps.push(() => execFileSync('umount', ['-l', smallDisk]));
    const direct = fileOf('direct', kafka.port, mosquitto.port, influx.port);
    return {
      ...{ kafka, mosquitto, influx, pager, proxies, members, results, guests, selfEnded, smallDisk },
      deployment: loadDeployment(direct),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Two ingest processes take a site each. A shared subscription would not do: Mosquitto forgets it when it is killed
 * (docs/GOTCHAS.md), and what comes until it is made again goes nowhere.
 */
function topicsOf(site: string): string {
  const machine = `factory/${site}/{line}/{machine}`;
  return `{ template: "${machine}" }, { template: "${machine}/event", kind: events }`;
}

/** How far back readings are taken. */
export function horizonMs(stepMs: number): number {
  return stepsKept * stepMs;
}

/** Needs the rights of root. */
function mountSmallDisk(folder: string): string | undefined {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder], { stdio: 'pipe' });
    return folder;
  } catch {
    console.error('SKIPPED: full disks, since this user may not mount one');
    return undefined;
  }
}
