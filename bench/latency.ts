/**
 * From the last reading of a step, and the tick that closes it, to the stored forecast: the real pipeline in this
 * process (ingest, stream, model, alerts, store; log and store on disk) with a network of the default size, trained
 * here on a simulated factory. All machines close at the same tick. Per machine and closing, the time until the store
 * has its forecast durably. JSON to stdout.
 *
 * `node dist/bench/latency.js [--quick] [machines ...]`, default 100 and 10,000 machines.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Deployment, loadDeployment } from '../app/config.js';
import { silentLogger } from '../app/logger.js';
import { type Pipeline, startPipeline } from '../app/pipeline.js';
import type { Role } from '../app/roles.js';
import { Rng } from '../domain/rng.js';
import type { Store } from '../domain/store.js';
import { clockTopic, encodeClockMessage } from '../ingest/clock-message.js';
import { trainDefaultNetwork } from './parts/default-network.js';
import { dayMs, round, sensorValues, startMs, topicOf, writeDeployment } from './parts/plant.js';

const quick = process.argv.includes('--quick');
const named = process.argv.slice(2).map(Number).filter(Number.isInteger);
const machineCounts = named.length > 0 ? named : quick ? [100] : [100, 10_000];
/** Days before the measured ones: windows that are as full as in production. */
const historyDays = quick ? 5 : 32;
const measuredDays = quick ? 5 : 8;
const roles: ReadonlySet<Role> = new Set(['ingest', 'stream', 'model', 'alerts', 'store']);

/** Tells of every forecast when the store has it. */
function watchStore(
  store: Store,
  onStored: (machine: string, originMs: number, status: string) => void,
): void {
  const write = store.write.bind(store);
  // The pipeline opens its own store; a subscriber of its log would know too early, polling it would be in the way.
  store.write = async (batch) => {
    await write(batch);
    for (const { machine, originMs, status } of batch.forecasts) onStored(machine, originMs, status);
  };
}

/** CPU seconds of the event loop's thread, where Linux tells; else NaN. */
function mainThreadCpuS(): number {
  const file = `/proc/self/task/${process.pid}/stat`;
  if (!existsSync(file)) return Number.NaN;
  const fields = readFileSync(file, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function quantile(sorted: readonly number[], share: number): number {
  return round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
}

interface Closing {
  /** Ascending. */
  readonly latenciesMs: readonly number[];
  /** Of all threads, and of the event loop's alone, from the last reading to the last forecast stored. */
  readonly cpuS: number;
  readonly mainThreadCpuS: number;
}

class Closings {
  readonly #pipeline: Pipeline;
  readonly #machineCount: number;
  readonly #rng = new Rng(1);
  readonly #statuses = new Map<string, number>();
  #originMs = 0;
  #beganMs = 0;
  #latenciesMs: number[] = [];
  #allStored: () => void = () => {};

  constructor(pipeline: Pipeline, machineCount: number) {
    this.#pipeline = pipeline;
    this.#machineCount = machineCount;
    watchStore(pipeline.store, (_, originMs, status) => {
      if (originMs !== this.#originMs) return;
      this.#latenciesMs.push(performance.now() - this.#beganMs);
      this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
      if (this.#latenciesMs.length === this.#machineCount) this.#allStored();
    });
  }

  get statuses(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#statuses);
  }

  /** Before the first message: what comes before any tick has no time of arrival. */
  async begin(): Promise<void> {
    await this.#handle(clockTopic, encodeClockMessage(startMs));
  }

  /** Lets day number `day` pass, closes it, and resolves when the forecasts of all machines are stored. */
  async day(day: number): Promise<Closing> {
    const dayStartMs = startMs + day * dayMs;
    const machines = Array.from({ length: this.#machineCount - 1 }, (_, machine) => machine);
    await Promise.all(machines.map((machine) => this.#send(machine, dayStartMs + dayMs / 2)));
    // Readings come all day long; the stages have had time for them when the day closes.
    await sleep(100 + this.#machineCount / 10);
    this.#originMs = dayStartMs + dayMs;
    this.#latenciesMs = [];
    const stored = new Promise<void>((resolve) => {
      this.#allStored = resolve;
    });
    const cpu = process.cpuUsage();
    const mainCpuS = mainThreadCpuS();
    this.#beganMs = performance.now();
    const last = this.#send(this.#machineCount - 1, dayStartMs + dayMs - 1);
    const tick = this.#handle(clockTopic, encodeClockMessage(dayStartMs + dayMs));
    await Promise.all([last, tick, stored]);
    const { user, system } = process.cpuUsage(cpu);
    const latenciesMs = this.#latenciesMs.sort((a, b) => a - b);
    return { latenciesMs, cpuS: (user + system) / 1e6, mainThreadCpuS: mainThreadCpuS() - mainCpuS };
  }

  #send(machine: number, time: number): Promise<unknown> {
    return this.#handle(topicOf(machine), JSON.stringify({ time, ...sensorValues(this.#rng) }));
  }

  async #handle(topic: string, payload: string): Promise<void> {
    const outcome = await this.#pipeline.ingest?.ingest.handle(topic, Buffer.from(payload));
    if (outcome?.rejected.length !== 0) throw new Error(`refused: ${outcome?.rejected}`);
  }
}

async function measure(deployment: Deployment, machineCount: number): Promise<object> {
  const pipeline = await startPipeline({ deployment, roles, logger: silentLogger });
  const closings = new Closings(pipeline, machineCount);
  await closings.begin();
  let day = 0;
  for (; day < historyDays; day++) await closings.day(day);
  const measured: Closing[] = [];
  for (; day < historyDays + measuredDays; day++) measured.push(await closings.day(day));
  await pipeline.close();
  const latenciesMs = measured.flatMap((closing) => closing.latenciesMs).sort((a, b) => a - b);
  const mean = (of: (closing: Closing) => number) =>
    measured.reduce((sum, closing) => sum + of(closing), 0) / measured.length;
  const mainThreadS = mean((closing) => closing.mainThreadCpuS);
  return {
    machines: machineCount,
    closings: measuredDays,
    forecasts: latenciesMs.length,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    maxMs: quantile(latenciesMs, 1),
    // Whatever else the computer does; on an idle one with cores to spare, a closing takes about the latter.
    cpuMsPerClosing: Math.round(1000 * mean((closing) => closing.cpuS)),
    mainThreadCpuMsPerClosing: Number.isNaN(mainThreadS) ? null : Math.round(1000 * mainThreadS),
    statuses: closings.statuses,
    p99MsByClosing: measured.map((closing) => quantile(closing.latenciesMs, 0.99)),
  };
}

const folder = mkdtempSync(join(tmpdir(), 'millwright-bench-'));
try {
  const trained = loadDeployment(writeDeployment(folder, 1));
  const beganMs = performance.now();
  await trainDefaultNetwork(trained, { days: 100, everyMs: '1d', lifeScaleDays: 40 });
  const trainingS = round((performance.now() - beganMs) / 1000);
  const results: object[] = [];
  for (const machineCount of machineCounts) {
    const config = { ...trained.config, dataDir: join(folder, `data-${machineCount}`) };
    results.push(await measure({ ...trained, config }, machineCount));
  }
  console.log(
    JSON.stringify({ bench: 'latency', node: process.version, historyDays, trainingS, results }, null, 2),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
