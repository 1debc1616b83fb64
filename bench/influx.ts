/**
 * The store on InfluxDB: a whole fleet's forecasts written, one machine's read back, and the layouts that
 * docs/decisions/0009 chose from, side by side. Prints one JSON object.
 * `MILLWRIGHT_INFLUX=http://... node dist/bench/influx.js [machines] [machines of the layouts]`, default 100,000 and 5,000.
 * Databases named bench_* are made and dropped.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InfluxDB } from 'influx';
import { UserError } from '../domain/errors.js';
import type { ForecastRecord } from '../domain/forecast.js';
import { Rng } from '../domain/rng.js';
import { influxConfigSchema } from '../infra/influx/config.js';
import { InfluxConnection } from '../infra/influx/connection.js';
import { nanoseconds, point, tagSet, Whole } from '../infra/influx/line-protocol.js';
import { forecastPoint } from '../infra/influx/points.js';
import { createMissing } from '../infra/influx/setup.js';
import { openInfluxStore } from '../infra/influx/store.js';

const url = process.env.MILLWRIGHT_INFLUX ?? '';
if (url === '') throw new UserError('name an InfluxDB: MILLWRIGHT_INFLUX=http://127.0.0.1:8086');
const machineCount = Number(process.argv[2] ?? 100_000);
const layoutMachineCount = Number(process.argv[3] ?? 5_000);

const dayMs = 86_400_000;
const firstOriginMs = Date.UTC(2024, 0, 1);
/** Records in one batch of the store stage. */
const batchRecords = 1000;
/** Machines with this many forecasts, to be read back. */
const historyMachines = 500;
const historyOrigins = 30;
const layoutOrigins = 3;

const rng = new Rng(1);

function forecastOf(machine: number, day: number): ForecastRecord {
  const hazard = 0.002 + 0.05 * rng.uniform() ** 4;
  let survival = 1;
  const probabilities = Array.from({ length: 30 }, () => {
    survival *= 1 - hazard * (0.5 + rng.uniform());
    return 1 - survival;
  });
  return {
    kind: 'forecast',
    machine: `press-${String(machine).padStart(6, '0')}`,
    type: 'press',
    site: 'north',
    line: `line-${machine % 20}`,
    originMs: firstOriginMs + day * dayMs,
    stepIndex: day,
    revision: 0,
    status: 'ok',
    reason: '',
    model: 'press-20240101-0123abcd',
    probabilities,
    expectedDay: null,
    coverage: rng.uniform(),
    silentSensors: [],
    stepOffset: machine + day,
  };
}

/** Batches as the store stage gets them: all machines of a day, then the next day. */
function* batches(machines: number, fromDay: number, days: number): Generator<ForecastRecord[]> {
  for (let day = fromDay; day < fromDay + days; day++)
    for (let from = 0; from < machines; from += batchRecords)
      yield Array.from({ length: Math.min(batchRecords, machines - from) }, (_, i) =>
        forecastOf(from + i, day),
      );
}

async function timed(work: () => Promise<unknown>): Promise<{ seconds: number; clientCpuS: number }> {
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  await work();
  const cpu = process.cpuUsage(startCpu);
  return {
    seconds: round((performance.now() - startMs) / 1000),
    clientCpuS: round((cpu.user + cpu.system) / 1e6),
  };
}

/** Milliseconds of many calls, one after another. */
async function latencies(count: number, call: (index: number) => Promise<unknown>) {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    await call(i);
    times.push(performance.now() - startMs);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => round(times[Math.floor(share * (times.length - 1))] as number);
  return { msP50: at(0.5), msP99: at(0.99), msMax: at(1) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Makes a database for `work` and drops it again. */
async function withDatabase<T>(
  work: (config: ReturnType<typeof influxConfigSchema.parse>, connection: InfluxConnection) => Promise<T>,
): Promise<T> {
  const config = influxConfigSchema.parse({
    url,
    database: `bench_${randomUUID().slice(0, 8)}`,
    timeoutMs: '120s',
  });
  const connection = new InfluxConnection(config);
  try {
    return await work(config, connection);
  } finally {
    await connection.schema(`DROP DATABASE "${config.database}"`);
    connection.close();
  }
}

async function measureStore() {
  return withDatabase(async (config) => {
    const dir = mkdtempSync(join(tmpdir(), 'millwright-bench-influx-'));
    const problems: string[] = [];
    const open = () =>
      openInfluxStore({
        config,
        types: new Map(),
        dir,
        mode: 'read-write',
        onProblem: (sentence) => problems.push(sentence),
      });
    const store = await open();
    try {
      const write = async (machines: number, fromDay: number, days: number) => {
        for (const forecasts of batches(machines, fromDay, days))
          await store.write({ forecasts, steps: [], alerts: [], events: [] });
        while ((store.status()?.spoolBytes ?? 0) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
      };
      const fleetWritten = await timed(() => write(machineCount, historyOrigins, 1));
      const historyWritten = await timed(() => write(historyMachines, 0, historyOrigins));
      const lastForecasts = await latencies(200, (i) =>
        store.forecasts(`press-${String((i * 7) % historyMachines).padStart(6, '0')}`, {
          limit: historyOrigins,
        }),
      );
      await store.close();
      const again = await open();
      const fleetRead = await timed(() => again.fleet());
      await again.close();
      return {
        machines: machineCount,
        fleetWritten,
        pointsPerS: Math.round((31 * machineCount) / fleetWritten.seconds),
        historyWritten,
        last30ForecastsOfAMachine: lastForecasts,
        wholeFleetReadAfterStart: fleetRead,
        problems: [...new Set(problems)],
      };
    } finally {
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });
}

/** Each gives the lines of a forecast, and the question for the last 30 forecasts of a machine. */
const layouts: Readonly<
  Record<string, { readonly lines: (forecast: ForecastRecord) => string[]; readonly question: string }>
> = {
  /** What the store does, without the curve that it keeps besides. */
  record: {
    lines: (forecast) => [forecastPoint(forecast) as string],
    question: "SELECT record FROM failure_forecast WHERE machine = '$' ORDER BY time DESC LIMIT 30",
  },
  /** A field per day of the horizon. */
  wide: {
    lines: (forecast) => [
      point(
        'wide',
        tagsOf(forecast),
        {
          ...Object.fromEntries(
            forecast.probabilities.map((value, k) => [`p${String(k + 1).padStart(2, '0')}`, value]),
          ),
          ...restOf(forecast),
        },
        nanoseconds(forecast.originMs),
      ) as string,
    ],
    question: "SELECT * FROM wide WHERE machine = '$' ORDER BY time DESC LIMIT 30",
  },
  /** A point per day of the horizon. */
  tall: {
    lines: (forecast) => [
      point('tall', tagsOf(forecast), restOf(forecast), nanoseconds(forecast.originMs)) as string,
      ...forecast.probabilities.map(
        (p, k) =>
          point(
            'tall_day',
            `${tagsOf(forecast)},day=${k + 1}`,
            { p },
            nanoseconds(forecast.originMs),
          ) as string,
      ),
    ],
    question: "SELECT p, day FROM tall_day WHERE machine = '$' ORDER BY time DESC LIMIT 900",
  },
};

function tagsOf({ line, machine, model, site, type }: ForecastRecord): string {
  return tagSet({ line, machine, model, site, type });
}

function restOf(forecast: ForecastRecord) {
  return {
    coverage: forecast.coverage,
    reason: forecast.reason,
    revision: new Whole(forecast.revision),
    silent_sensors: forecast.silentSensors.join(),
    status: forecast.status,
    step_index: new Whole(forecast.stepIndex),
    step_offset: new Whole(forecast.stepOffset),
  };
}

async function measureLayout({ lines, question }: (typeof layouts)[string]) {
  return withDatabase(async (config, connection) => {
    await createMissing(connection, config);
    let points = 0;
    let bytes = 0;
    const written = await timed(async () => {
      for (const forecasts of batches(layoutMachineCount, 0, layoutOrigins)) {
        const all = forecasts.flatMap(lines);
        points += all.length;
        for (let from = 0; from < all.length; from += config.batchPoints) {
          const body = Buffer.from(all.slice(from, from + config.batchPoints).join('\n'));
          bytes += body.length;
          const verdict = await connection.write(body, 'none');
          if (verdict.kind !== 'stored') throw new Error(JSON.stringify(verdict));
        }
      }
    });
    const read = await latencies(50, (i) =>
      connection.query(question.replace('$', `press-${String(i * 7).padStart(6, '0')}`)),
    );
    return { points, megabytes: round(bytes / 1e6), ...written, last30ForecastsOfAMachine: read };
  });
}

/** The same points as layout `record`, by the library's own writePoints. */
async function measureLibrary() {
  return withDatabase(async (config, connection) => {
    await createMissing(connection, config);
    const { hostname, port } = new URL(url);
    const library = new InfluxDB({ host: hostname, port: Number(port), database: config.database });
    return timed(async () => {
      for (const forecasts of batches(layoutMachineCount, 0, layoutOrigins))
        await library.writePoints(
          forecasts.map((forecast) => ({
            measurement: 'failure_forecast',
            tags: {
              line: forecast.line,
              machine: forecast.machine,
              model: forecast.model,
              site: forecast.site,
              type: forecast.type,
            },
            fields: {
              p07: forecast.probabilities[6],
              p14: forecast.probabilities[13],
              p30: forecast.probabilities[29],
              coverage: forecast.coverage,
              record: JSON.stringify(forecast),
              revision: forecast.revision,
              status: forecast.status,
            },
            timestamp: forecast.originMs,
          })),
          { precision: 'ms', retentionPolicy: config.retentionPolicy },
        );
    });
  });
}

const sideBySide: Record<string, unknown> = {};
for (const [name, layout] of Object.entries(layouts)) sideBySide[name] = await measureLayout(layout);
console.log(
  JSON.stringify(
    {
      layouts: { machines: layoutMachineCount, origins: layoutOrigins, ...sideBySide },
      writePointsOfTheLibrary: await measureLibrary(),
      store: await measureStore(),
    },
    null,
    2,
  ),
);
