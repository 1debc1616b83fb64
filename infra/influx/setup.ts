/** What must be there in InfluxDB before results are written, and what remains of them when they have expired. */
import { UserError, WorldError } from '../../domain/errors.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { InfluxConfig } from './config.js';
import type { InfluxConnection } from './connection.js';
import { measurements } from './points.js';

const hourMs = 3_600_000;
/**
 * How much time one shard holds, at most. A series has a point a step, and each shard keeps an index entry per series and
 * field: InfluxDB's own choice of seven days stores more index than data.
 */
const shardHoursMax = 182 * 24;
/** A shard is dropped as a whole: its share of the retention bounds how much longer than asked anything is kept. */
const shardShare = 0.1;

export interface RetentionPolicy {
  readonly name: string;
  /** Infinity: for ever. */
  readonly durationMs: number;
  readonly isDefault: boolean;
}

/** Makes database and retention policy where they are missing; changes nothing that is there. Rejects with WorldError. */
export async function createMissing(connection: InfluxConnection, config: InfluxConfig): Promise<void> {
  await connection.schema(`CREATE DATABASE "${config.database}"`);
  const policies = await retentionPolicies(connection, config.database);
  if (!policies.some(({ name }) => name === config.retentionPolicy)) await createPolicy(connection, config);
}

/**
 * As `createMissing`, and brings what is there to what the configuration says: retention, and with one the continuous
 * queries that keep daily and weekly summaries for ever. Says in sentences what it has done; doing it again does nothing.
 */
export async function setUpInflux(
  connection: InfluxConnection,
  config: InfluxConfig,
  types: readonly MachineType[],
): Promise<string[]> {
  const { version } = await connection.ping();
  try {
    return await setUp(connection, config, types);
  } catch (cause) {
    if (!(cause instanceof WorldError) || cause.code !== 'rejected' || /^1\./.test(version)) throw cause;
    throw new UserError(
      `InfluxDB ${version} does not take this over its v1 endpoint (${cause.message}): make a bucket "${config.database}/${config.retentionPolicy}" with its own tools, mapped to database "${config.database}" and retention policy "${config.retentionPolicy}"`,
      { cause },
    );
  }
}

/** undefined: there is no such database. */
export async function retentionPolicies(
  connection: InfluxConnection,
  database: string,
): Promise<readonly RetentionPolicy[]> {
  const [series] = await connection.schema(`SHOW RETENTION POLICIES ON "${database}"`);
  if (!series) return [];
  const column = (row: readonly unknown[], name: string) => row[series.columns.indexOf(name)];
  return series.values.map((row) => ({
    name: String(column(row, 'name')),
    durationMs: parseGoDurationMs(String(column(row, 'duration'))) || Infinity,
    isDefault: column(row, 'default') === true,
  }));
}

async function setUp(
  connection: InfluxConnection,
  config: InfluxConfig,
  types: readonly MachineType[],
): Promise<string[]> {
  const { database, retentionPolicy, retentionMs = Infinity } = config;
  const done: string[] = [];
  const databases = await connection.schema('SHOW DATABASES');
  if (!databases.some(({ values }) => values.some(([name]) => name === database)))
    done.push(`made database ${database}`);
  await connection.schema(`CREATE DATABASE "${database}"`);
  const policies = await retentionPolicies(connection, database);
  const present = policies.find(({ name }) => name === retentionPolicy);
  const kept = retentionMs === Infinity ? 'for ever' : `for ${retentionHours(config)} h`;
  if (!present) {
    await createPolicy(connection, config);
    done.push(`made retention policy ${retentionPolicy}: results are kept ${kept}`);
  } else if (present.durationMs !== retentionHours(config) * hourMs || !present.isDefault) {
    await connection.schema(
      `ALTER RETENTION POLICY "${retentionPolicy}" ON "${database}" ${retentionClauses(config)} DEFAULT`,
    );
    done.push(`changed retention policy ${retentionPolicy}: results are kept ${kept}`);
  }
  if (retentionMs === Infinity) return done;
  const long = summaryPolicy(config);
  if (!policies.some(({ name }) => name === long)) {
    await connection.schema(
      `CREATE RETENTION POLICY "${long}" ON "${database}" DURATION INF REPLICATION 1 SHARD DURATION ${shardHoursMax}h`,
    );
    done.push(`made retention policy ${long}: summaries are kept for ever`);
  }
  for (const [name, query] of Object.entries(summaries(config, types)))
    if (await createSummary(connection, config, name, query)) done.push(`made continuous query ${name}`);
  return done;
}

function createPolicy(connection: InfluxConnection, config: InfluxConfig): Promise<unknown> {
  return connection.schema(
    `CREATE RETENTION POLICY "${config.retentionPolicy}" ON "${config.database}" ${retentionClauses(config)} DEFAULT`,
  );
}

function retentionHours({ retentionMs = Infinity }: InfluxConfig): number {
  return Math.ceil(retentionMs / hourMs);
}

function retentionClauses(config: InfluxConfig): string {
  const hours = retentionHours(config);
  const shardHours = Math.max(1, Math.min(shardHoursMax, Math.round(hours * shardShare)));
  return `DURATION ${hours === Infinity ? 'INF' : `${hours}h`} REPLICATION 1 SHARD DURATION ${shardHours}h`;
}

function summaryPolicy({ retentionPolicy }: InfluxConfig): string {
  return `${retentionPolicy}_summary`;
}

/**
 * Continuous queries by name: the risk of each type at each line by day, and of each machine the quality of its data and
 * the means of its sensors by week. They look back far enough for late data.
 */
function summaries(config: InfluxConfig, types: readonly MachineType[]): Readonly<Record<string, string>> {
  const { database, retentionPolicy, sensorFields } = config;
  const into = (measurement: string) => `"${database}"."${summaryPolicy(config)}"."${measurement}"`;
  const from = (measurement: string) => `"${database}"."${retentionPolicy}"."${measurement}"`;
  const sensors = new Set(types.flatMap((type) => type.sensors.map(({ name }) => name)));
  const means = sensorFields.includes('mean')
    ? [...sensors].map((name) => `, mean("${name}.mean") AS "${name}.mean"`).join('')
    : '';
  return {
    failure_risk_by_day: `RESAMPLE EVERY 1h FOR 3d BEGIN SELECT count(p30) AS forecasts, mean(p07) AS p07_mean, max(p07) AS p07_max, mean(p30) AS p30_mean, max(p30) AS p30_max, mean(coverage) AS coverage INTO ${into('failure_risk')} FROM ${from(measurements.forecasts)} GROUP BY time(1d), type, site, line END`,
    machine_by_week: `RESAMPLE EVERY 6h FOR 2w BEGIN SELECT mean(coverage) AS coverage, sum(readings) AS readings, sum(silent) AS silent, sum(stuck) AS stuck, sum(out_of_range) AS out_of_range${means} INTO ${into('machine_week')} FROM ${from(measurements.steps)} GROUP BY time(1w), machine, type, site, line END`,
  };
}

/** False: it was there already, the same. */
async function createSummary(
  connection: InfluxConnection,
  { database }: InfluxConfig,
  name: string,
  query: string,
): Promise<boolean> {
  const create = `CREATE CONTINUOUS QUERY "${name}" ON "${database}" ${query}`;
  const present = async () => {
    const all = await connection.schema('SHOW CONTINUOUS QUERIES');
    return all.find((series) => series.name === database)?.values.find(([known]) => known === name)?.[1];
  };
  const before = await present();
  try {
    await connection.schema(create);
  } catch (error) {
    // InfluxDB compares the texts: one of the name that says something else is of an older configuration.
    if (!(error instanceof WorldError) || !/already exists/.test(error.message)) throw error;
    await connection.schema(`DROP CONTINUOUS QUERY "${name}" ON "${database}"`);
    await connection.schema(create);
  }
  return (await present()) !== before;
}

/** `168h0m0s` as InfluxDB writes durations. */
function parseGoDurationMs(text: string): number {
  const [, hours = 0, minutes = 0, seconds = 0] =
    /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text) ?? [];
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
