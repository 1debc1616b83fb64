/**
 * Readings per CPU-second: payloads parsed alone, and through Ingest.handle into a log that does nothing. JSON to
 * stdout. `node dist/bench/ingest.js [seconds per case]`
 */
import { Buffer } from 'node:buffer';
import { SetClock } from '../domain/clock.js';
import { MachineDirectory } from '../domain/machine-directory.js';
import { machineTypeSchema } from '../domain/machine-type.js';
import { Rng } from '../domain/rng.js';
import { ingestConfigSchema } from '../ingest/config.js';
import { Ingest } from '../ingest/ingest.js';
import { MessageParser } from '../ingest/parse.js';

const secondsPerCase = Number(process.argv[2] ?? 2);
const machineCount = 100;
const sensorCount = 10;
const nowMs = Date.UTC(2024, 4, 1);

const sensors = Array.from({ length: sensorCount }, (_, i) => ({
  name: `sensor_${i}`,
  unit: 'bar',
  min: -100,
  max: 100,
}));
const types = new Map([['press', machineTypeSchema.parse({ name: 'press', sensors })]]);
const directory = new MachineDirectory([{ match: '*', type: 'press', attributes: {} }]);
const config = ingestConfigSchema.parse({});
const rng = new Rng(1);

interface Message {
  readonly topic: string;
  readonly payload: Buffer;
}

function values(): Record<string, number> {
  return Object.fromEntries(sensors.map((sensor) => [sensor.name, Number(rng.normal().toFixed(4))]));
}

function messages(make: (topic: string) => Message): Message[] {
  return Array.from({ length: machineCount }, (_, i) => make(`factory/north/l1/press-${i}`));
}

const cases: { readonly name: string; readonly readings: number; readonly messages: readonly Message[] }[] = [
  {
    name: 'single value',
    readings: 1,
    messages: messages((topic) => ({
      topic: `${topic}/sensor_3`,
      payload: Buffer.from(rng.normal().toFixed(4)),
    })),
  },
  {
    name: `object of ${sensorCount} sensors`,
    readings: sensorCount,
    messages: messages((topic) => ({
      topic,
      payload: Buffer.from(JSON.stringify({ time: nowMs, ...values() })),
    })),
  },
  {
    name: `array of 100 times, ${sensorCount} sensors`,
    readings: 100 * sensorCount,
    messages: messages((topic) => ({
      topic,
      payload: Buffer.from(
        JSON.stringify(Array.from({ length: 100 }, (_, i) => ({ time: nowMs - i * 1000, ...values() }))),
      ),
    })),
  },
];

async function measure(readingsPerRound: number, round: () => Promise<void> | void): Promise<number> {
  for (const until = performance.now() + 300; performance.now() < until; ) await round();
  const cpu = process.cpuUsage();
  let rounds = 0;
  for (const until = performance.now() + secondsPerCase * 1000; performance.now() < until; rounds++)
    await round();
  const { user, system } = process.cpuUsage(cpu);
  return Math.round((rounds * readingsPerRound) / ((user + system) / 1e6));
}

const results = [];
for (const { name, readings, messages: list } of cases) {
  const parser = new MessageParser({ types, directory, config });
  const arrival = { timeMs: nowMs, clockKnown: true, retained: false };
  const parse = await measure(readings * list.length, () => {
    for (const { topic, payload } of list) parser.parse(topic, payload, arrival);
  });
  const ingest = new Ingest({
    types,
    directory,
    config,
    log: { append: () => Promise.resolve() },
    partitionCount: 8,
    clock: new SetClock(nowMs),
  });
  const handle = await measure(readings * list.length, async () => {
    await Promise.all(list.map(({ topic, payload }) => ingest.handle(topic, payload)));
  });
  results.push({
    payload: name,
    payloadBytes: list[0]?.payload.length,
    readingsPerCpuSecond: { parse, handle },
    messagesPerCpuSecond: { parse: Math.round(parse / readings), handle: Math.round(handle / readings) },
  });
}
console.log(JSON.stringify({ bench: 'ingest', node: process.version, secondsPerCase, results }, null, 2));
