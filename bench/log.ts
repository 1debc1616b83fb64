/**
 * Throughput of the log, embedded and in memory: append in batches, consume, checkpoint, and the store's bulk write.
 * Prints one JSON object. `node dist/bench/log.js [records]`, default 100,000 records of 300 bytes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ForecastRecord } from '../domain/forecast.js';
import type { Log, NewRecord } from '../domain/log.js';
import { openEmbeddedLog } from '../infra/embedded/log.js';
import { openEmbeddedStore } from '../infra/embedded/store.js';
import { MemoryLog } from '../infra/memory/log.js';

const recordCount = Number(process.argv[2] ?? 100_000);
const valueBytes = 300;
const partitionCount = 4;

interface Measured {
  readonly recordsPerS: number;
  readonly cpuSPerMillion: number;
  /** 99th percentile of how late timers of the event loop were. */
  readonly loopDelayMsP99: number;
}

async function measure(count: number, work: () => Promise<void>): Promise<Measured> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  await work();
  const cpu = process.cpuUsage(startCpu);
  const wallMs = performance.now() - startMs;
  delay.disable();
  return {
    recordsPerS: Math.round((count / wallMs) * 1_000),
    cpuSPerMillion: round((cpu.user + cpu.system) / count),
    loopDelayMsP99: round(delay.percentile(99) / 1e6),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function makeRecords(topic: string, count: number): NewRecord[] {
  const value = Buffer.alloc(valueBytes, 65);
  return Array.from({ length: count }, (_, i) => ({
    topic,
    partition: i % partitionCount,
    key: `machine-${i % 1000}`,
    value,
    timeMs: 1_700_000_000_000 + i,
  }));
}

/** `callers` append one record each and wait for it, over and over: what group commit makes of them. */
async function appendByCallers(log: Log, topic: string, count: number, callers: number): Promise<void> {
  const records = makeRecords(topic, count);
  let next = 0;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let record = records[next++]; record; record = records[next++]) await log.append([record]);
    }),
  );
}

async function appendInBatches(log: Log, topic: string, count: number, batchRecords: number): Promise<void> {
  const records = makeRecords(topic, count);
  for (let i = 0; i < count; i += batchRecords) await log.append(records.slice(i, i + batchRecords));
}

/** Consumes what the topic holds; with `outputs`, every batch is a checkpoint with an output per record and a state entry. */
async function consumeAll(log: Log, group: string, topic: string, outputs: string | null): Promise<void> {
  const consumer = log.consume({
    group,
    topics: [topic],
    batchRecordsMax: 1_000,
    from: 'beginning',
    handlerFor: ({ partition }) => ({
      restore: () => {},
      process: async ({ records }) => {
        const last = records[records.length - 1];
        if (!outputs || !last) return null;
        return {
          nextOffset: last.offset + 1,
          outputs: records.map(({ key, value, timeMs }) => ({
            topic: outputs,
            partition,
            key,
            value,
            timeMs,
          })),
          state: [{ key: last.key, value: last.value }],
        };
      },
      close: () => {},
    }),
  });
  await consumer.close({ drain: true });
  await consumer.done;
}

async function benchLog(log: Log, fsynced: boolean): Promise<Record<string, Measured>> {
  const kept = { partitionCount, cleanup: 'delete', retentionMs: Infinity } as const;
  await log.ensureTopics([
    { name: 'warm', ...kept },
    { name: 'one', ...kept },
    { name: 'callers', ...kept },
    { name: 'in', ...kept },
    { name: 'out', ...kept },
    { name: 'compacted', ...kept, cleanup: 'compact' },
  ]);
  await appendInBatches(log, 'warm', 5_000, 100);
  const oneCount = fsynced ? Math.ceil(recordCount / 50) : recordCount;
  return {
    appendOneCaller: await measure(oneCount, () => appendByCallers(log, 'one', oneCount, 1)),
    append100Callers: await measure(recordCount, () => appendByCallers(log, 'callers', recordCount, 100)),
    append1000Callers: await measure(recordCount, () => appendByCallers(log, 'callers', recordCount, 1_000)),
    appendBatches1000: await measure(recordCount, () => appendInBatches(log, 'in', recordCount, 1_000)),
    appendCompacted1000: await measure(recordCount, () =>
      appendInBatches(log, 'compacted', recordCount, 1_000),
    ),
    consume: await measure(recordCount, () => consumeAll(log, 'reader', 'in', null)),
    checkpoint: await measure(recordCount, () => consumeAll(log, 'stage', 'in', 'out')),
  };
}

async function benchStore(dir: string): Promise<Record<string, number>> {
  const machineCount = 10_000;
  const forecasts = (day: number): ForecastRecord[] =>
    Array.from({ length: machineCount }, (_, i) => ({
      kind: 'forecast',
      machine: `machine-${i}`,
      type: 'press',
      site: 'north',
      line: 'a',
      originMs: 1_700_000_000_000 + day * 86_400_000,
      stepIndex: day,
      revision: 0,
      status: 'ok',
      reason: '',
      model: 'm1',
      probabilities: Array.from({ length: 30 }, (_, k) => 1 - 0.97 ** (k + 1 + i / machineCount)),
      expectedDay: 23,
      coverage: 1,
      silentSensors: [],
      stepOffset: day,
    }));
  const times: Record<string, number> = {};
  const timed = async (name: string, work: () => Promise<unknown>) => {
    const startMs = performance.now();
    await work();
    times[name] = round(performance.now() - startMs);
  };
  const store = await openEmbeddedStore({ dir });
  for (const day of [0, 1, 2]) {
    const batch = { steps: [], forecasts: forecasts(day), alerts: [], events: [] };
    await timed(`write10000ForecastsDay${day}Ms`, () => store.write(batch));
  }
  await timed('fleet10000Ms', () => store.fleet());
  await timed('fleet10000AgainMs', () => store.fleet());
  await timed('forecastsOfOneMachineMs', () => store.forecasts('machine-77'));
  await store.close();
  await timed('openAgainMs', async () => {
    const again = await openEmbeddedStore({ dir });
    await again.close();
  });
  return times;
}

const folder = mkdtempSync(join(tmpdir(), 'millwright-bench-'));
try {
  const embeddedLog = await openEmbeddedLog({ dir: join(folder, 'log') });
  const embedded = await benchLog(embeddedLog, true);
  await embeddedLog.close();
  const memory = await benchLog(new MemoryLog(), false);
  const store = await benchStore(join(folder, 'store'));
  console.log(
    JSON.stringify(
      { bench: 'log', recordCount, valueBytes, partitionCount, embedded, memory, store },
      null,
      2,
    ),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
