/**
 * Reading a log through the process that writes it: records per second beside those of a direct read, and what the
 * writer notices. `node dist/bench/reads.js [records]`, default 200,000 records of 300 bytes; prints one JSON object.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Log, NewRecord } from '../domain/log.js';
import { openEmbeddedLog } from '../infra/embedded/log.js';

const [argument = '200000', dir] = process.argv.slice(2);
const rounds = 5;
const run = promisify(execFile);

if (dir === undefined) await measureAll(Number(argument));
else process.stdout.write(JSON.stringify(await readWhole(dir, Number(argument))));

/** Records per second of one process that reads the first `count` records. */
async function readWhole(folder: string, count: number): Promise<number> {
  const log = await openEmbeddedLog({ dir: folder, mode: 'read-only' });
  let found = 0;
  const startMs = performance.now();
  for await (const _ of log.read({ topic: 't', partition: 0 }, 0, count)) found++;
  const recordsPerS = found / ((performance.now() - startMs) / 1_000);
  await log.close();
  return recordsPerS;
}

async function measureAll(count: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millwright-bench-'));
  const readInProcess = async (): Promise<number> => {
    const program = fileURLToPath(import.meta.url);
    return JSON.parse((await run(process.execPath, [program, String(count), folder])).stdout) as number;
  };
  try {
    const first = await openEmbeddedLog({ dir: folder });
    await first.ensureTopics([{ name: 't', partitionCount: 1, cleanup: 'delete', retentionMs: Infinity }]);
    for (let at = 0; at < count; at += 1_000) await first.append(makeRecords(1_000));
    await first.close();
    const direct: number[] = [];
    const through: number[] = [];
    const alone: Writing[] = [];
    const beside: Writing[] = [];
    for (let round = 0; round < rounds; round++) {
      direct.push(await readInProcess());
      const log = await openEmbeddedLog({ dir: folder });
      const reading = readInProcess();
      beside.push(await writeUntil(log, reading));
      through.push(await reading);
      alone.push(await writeUntil(log, new Promise((resolve) => setTimeout(resolve, 2_000))));
      await log.close();
    }
    const result = {
      records: count,
      directRecordsPerS: Math.round(median(direct)),
      throughWriterRecordsPerS: Math.round(median(through)),
      ratio: round2(median(through) / median(direct)),
      writerAlone: summary(alone),
      writerBesideReader: summary(beside),
    };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Writing {
  readonly appendMsP50: number;
  /** 99th percentile of how late timers of the event loop were. */
  readonly loopDelayMsP99: number;
}

/** Appends 100 records every few milliseconds. */
async function writeUntil(log: Log, end: Promise<unknown>): Promise<Writing> {
  let ended = false;
  void end.then(() => {
    ended = true;
  });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const appendMs: number[] = [];
  while (!ended) {
    const startMs = performance.now();
    await log.append(makeRecords(100));
    appendMs.push(performance.now() - startMs);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  delay.disable();
  return { appendMsP50: median(appendMs), loopDelayMsP99: delay.percentile(99) / 1e6 };
}

function makeRecords(count: number): NewRecord[] {
  const value = Buffer.alloc(300, 65);
  return Array.from({ length: count }, () => ({
    topic: 't',
    partition: 0,
    key: 'machine',
    value,
    timeMs: 0,
  }));
}

function summary(rounds: readonly Writing[]): Writing {
  return {
    appendMsP50: round2(median(rounds.map((one) => one.appendMsP50))),
    loopDelayMsP99: round2(median(rounds.map((one) => one.loopDelayMsP99))),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
