/**
 * A day of plant time at 60 times its pace: 1,000 machines of ten sensors, a message of every machine a plant minute,
 * through MQTT and the log to forecasts of hourly steps in the store. The program as its own process; its memory and the
 * lag of its stages, asked from its page once a minute. JSON to stdout.
 *
 * `node dist/bench/endurance.js [--embedded] [machines] [minutes]`, default 1,000 and 24. Kafka and InfluxDB are those of
 * MILLWRIGHT_KAFKA and MILLWRIGHT_INFLUX or containers, Mosquitto is its own; with `--embedded` the parts inside the
 * program.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadDeployment } from '../app/config.js';
import { Rng } from '../domain/rng.js';
import { connectPublisher } from '../infra/mqtt/publisher.js';
import { clockTopic, encodeClockMessage } from '../ingest/clock-message.js';
import { brokerOf, startMillwright } from '../test/scenarios/millwright-process.js';
import { startInflux } from '../test/services/influx.js';
import { startKafka } from '../test/services/kafka.js';
import { startOwnMosquitto } from '../test/services/mosquitto.js';
import { trainDefaultNetwork } from './parts/default-network.js';
import {
  minuteMs,
  round,
  sensorCount,
  sensorValues,
  startMs,
  topicOf,
  writeDeployment,
} from './parts/plant.js';

const embedded = process.argv.includes('--embedded');
const [machineCount = 1000, minutes = 24] = process.argv.slice(2).map(Number).filter(Number.isInteger);
const pace = 60;

const cleanUps: (() => unknown)[] = [];
let interrupted = false;
async function cleanUp(): Promise<void> {
  for (const end of cleanUps.splice(0).reverse()) await end();
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    interrupted = true;
    void cleanUp().then(() => process.exit(130));
  });

/** As docker/mosquitto/mosquitto.conf has it; the tests' own broker writes all it holds to disk at every message. */
const asInAPlant = { settings: ['autosave_on_changes false', 'autosave_interval 10'] };

/** Hourly steps; the services that there are. Returns the deployment file. */
async function writePlant(folder: string): Promise<string> {
  const file = writeDeployment(folder, 60);
  const edit = (name: string, change: (value: Record<string, unknown>) => object): void => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))));
  };
  edit('press.yaml', (type) => ({ ...type, step: { kind: 'fixed', durationMs: '1h' } }));
  edit('millwright.yaml', (plant) => ({ ...plant, http: { port: 0 } }));
  if (embedded) return file;
  const [kafka, mosquitto, influx] = [
    await startKafka(),
    await startOwnMosquitto(asInAPlant),
    await startInflux(),
  ];
  for (const service of [kafka, mosquitto, influx]) cleanUps.push(() => service?.stop());
  if (!kafka || !mosquitto || !influx)
    throw new Error('Kafka, Mosquitto and InfluxDB are needed, or --embedded');
  const name = `endurance-${process.pid}`;
  edit('millwright.yaml', (plant) => ({
    ...plant,
    log: { kind: 'kafka', brokers: kafka.brokers, prefix: `${name}.` },
    mqtt: { kind: 'client', url: mosquitto.url, clientId: name },
    store: { kind: 'influx', url: influx.url, database: name },
  }));
  return file;
}

/** The newest value of each metric of Prometheus' text format, those of one name added up. */
function sumMetrics(text: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}

const folder = mkdtempSync(join(tmpdir(), 'millwright-endurance-'));
cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
try {
  const file = await writePlant(folder);
  await trainDefaultNetwork(loadDeployment(file), { days: 5, everyMs: '1h', lifeScaleDays: 2 });
  // As package.json's scripts start it.
  process.env.NODE_OPTIONS = '--max-semi-space-size=64';
  const running = startMillwright({ after: (end) => void cleanUps.push(end as () => void) }, [
    'run',
    '-c',
    file,
  ]);
  const broker = await brokerOf(running);
  const { url: page = '' } = await running.line(({ msg }) => msg.startsWith('the page is at'));
  const publisher = await connectPublisher({ url: broker.href, inFlightMax: 5000 });
  cleanUps.push(() => publisher.end());

  const rng = new Rng(1);
  const plantMinutes = minutes * pace;
  const everyMinute: object[] = [];
  const beganMs = performance.now();
  await publisher.publish(clockTopic, encodeClockMessage(startMs));
  let sent: Promise<unknown> = Promise.resolve();
  for (let minute = 1; minute <= plantMinutes && !interrupted; minute++) {
    const timeMs = startMs + minute * minuteMs;
    // Machines send when their last message has been taken; where that is late, so is all that follows.
    const before = sent;
    const messages = Array.from({ length: machineCount }, (_, machine) =>
      publisher.publish(topicOf(machine), JSON.stringify({ time: timeMs, ...sensorValues(rng) })),
    );
    sent = Promise.all([...messages, publisher.publish(clockTopic, encodeClockMessage(timeMs))]);
    await before;
    // A second of this world for a minute of the plant's.
    const aheadMs = beganMs + (minute * 60_000) / pace - performance.now();
    if (minute % 60 === 0) everyMinute.push(await look(page, minute / 60, Math.max(0, -aheadMs)));
    await sleep(Math.max(0, aheadMs));
  }
  await sent;
  const sentS = round((performance.now() - beganMs) / 1000);
  await publisher.end();
  running.kill('SIGTERM');
  const { exitCode, stderr } = await running.ended;
  if (exitCode !== 0) throw new Error(`the pipeline ended with ${exitCode}: ${stderr.slice(-2000)}`);
  const readings = machineCount * sensorCount * plantMinutes;
  console.log(
    JSON.stringify(
      {
        bench: 'endurance',
        node: process.version,
        services: embedded ? 'embedded' : 'Kafka, Mosquitto, InfluxDB',
        machines: machineCount,
        readings,
        plantHours: plantMinutes / 60,
        sentS,
        end: stderr.trimEnd().split('\n').at(-1),
        everyMinute,
      },
      null,
      2,
    ),
  );
} finally {
  await cleanUp();
}
process.exit(0);

async function look(page: string, plantHour: number, lateMs: number): Promise<object> {
  const response = await fetch(new URL('/metrics', page));
  const metrics = sumMetrics(await response.text());
  const of = (name: string): number => metrics.get(name) ?? 0;
  return {
    plantHour,
    rssMiB: Math.round(of('process_resident_memory_bytes') / 2 ** 20),
    heapMiB: Math.round(of('nodejs_heap_size_used_bytes') / 2 ** 20),
    lagRecords: of('millwright_log_lag_records'),
    ingestWaiting: of('millwright_ingest_waiting_messages'),
    lateS: round(lateMs / 1000),
    spoolBytes: of('millwright_store_spool_bytes'),
    cpuS: round(of('process_cpu_seconds_total')),
    load: round(loadavg()[0] ?? 0, 2),
  };
}
