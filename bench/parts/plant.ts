/** The plant of the benches: machines of ten sensors, its deployment in a folder of its own, and their messages. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { factoryTopic } from '../../app/replay-messages.js';
import { Rng } from '../../domain/rng.js';

export const sensorCount = 10;
export const startMs = Date.UTC(2026, 0, 1);
export const dayMs = 86_400_000;
export const minuteMs = 60_000;

const sensorNames = Array.from({ length: sensorCount }, (_, index) => `sensor_${index}`);

/**
 * Writes the files of a deployment into `dir`; `expectedPerStep` readings a step, which is a day unless the settings of the
 * machine type say something else. Returns the deployment file.
 */
export function writeDeployment(
  dir: string,
  expectedPerStep: number,
  settings: { readonly type?: object; readonly deployment?: object } = {},
): string {
  mkdirSync(dir, { recursive: true });
  const sensors = sensorNames.map((name) => ({ name, unit: 'bar', min: 0, max: 100, expectedPerStep }));
  const machineType = {
    name: 'press',
    aggregates: ['mean', 'std', 'last'],
    minimumSteps: 2,
    sensors,
    ...settings.type,
  };
  // JSON is YAML.
  writeFileSync(join(dir, 'press.yaml'), JSON.stringify(machineType));
  const deployment = {
    machineTypes: ['press.yaml'],
    machines: [{ match: '*' }],
    dataDir: 'data',
    model: { dir: 'models' },
    mqtt: { kind: 'embedded', port: 0 },
    ingest: { time: 'messages' },
    ...settings.deployment,
  };
  const file = join(dir, 'millwright.yaml');
  writeFileSync(file, JSON.stringify(deployment));
  return file;
}

/** `batch`: a message is an array of 100 times of all sensors; `object`: one time of all; `single`: one reading. */
export const shapes = ['batch', 'object', 'single'] as const;
export type Shape = (typeof shapes)[number];

export interface Message {
  readonly topic: string;
  readonly payload: string;
}

export const rowsPerBatch = 100;

export function readingsPerMessage(shape: Shape): number {
  return { batch: rowsPerBatch * sensorCount, object: sensorCount, single: 1 }[shape];
}

export function topicOf(machine: number): string {
  return factoryTopic({ id: `press-${machine}`, site: 'north', line: `l${machine % 10}` });
}

/** Values of all sensors with four decimals, as sensors give them. */
export function sensorValues(rng: Rng): Record<string, number> {
  const values: Record<string, number> = {};
  for (const name of sensorNames) values[name] = Math.round((50 + 5 * rng.normal()) * 10_000) / 10_000;
  return values;
}

/** `rounds` messages of every machine, a minute between two times of a machine, all within the first day. */
export function makeMessages(shape: Shape, machineCount: number, rounds: number): Message[] {
  const rng = new Rng(1);
  const messages: Message[] = [];
  for (let round = 0; round < rounds; round++)
    for (let machine = 0; machine < machineCount; machine++) {
      const topic = topicOf(machine);
      if (shape === 'batch') {
        const rows = Array.from({ length: rowsPerBatch }, (_, row) => ({
          time: startMs + (round * rowsPerBatch + row) * minuteMs,
          ...sensorValues(rng),
        }));
        messages.push({ topic, payload: JSON.stringify(rows) });
      } else if (shape === 'object') {
        const time = startMs + round * minuteMs;
        messages.push({ topic, payload: JSON.stringify({ time, ...sensorValues(rng) }) });
      } else {
        const value = Object.values(sensorValues(rng))[0];
        const time = startMs + Math.floor(round / sensorCount) * minuteMs;
        const sensor = sensorNames[round % sensorCount];
        messages.push({ topic: `${topic}/${sensor}`, payload: JSON.stringify({ time, value }) });
      }
    }
  return messages;
}

export function round(value: number, decimals = 1): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
