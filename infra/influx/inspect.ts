/** What an InfluxDB says about itself, as far as it may be told: for `millwright doctor`. Changes nothing. */
import { WorldError } from '../../domain/errors.js';
import type { InfluxConfig } from './config.js';
import { InfluxConnection, type Series } from './connection.js';
import { type RetentionPolicy, retentionPolicies } from './setup.js';

export interface InfluxFacts {
  readonly address: string;
  readonly version: string;
  /** How far its clock is ahead of ours, to a second; undefined where it does not say. */
  readonly clockAheadMs: number | undefined;
  readonly databaseExists: boolean;
  /** The one that results go to. */
  readonly policy: RetentionPolicy | undefined;
  /** max-values-per-tag of its configuration, 0 for any; undefined where it does not say (only administrators are told). */
  readonly tagValuesMax: number | undefined;
  readonly machineCount: number;
  /** Go's duration, such as `0s`: writes acknowledged this long before a power cut may be lost. undefined likewise. */
  readonly walFsyncDelay: string | undefined;
}

/** Rejects with WorldError when it cannot be reached or lets nobody in. */
export async function inspectInflux(config: InfluxConfig): Promise<InfluxFacts> {
  const connection = new InfluxConnection(config);
  try {
    const { version, clockAheadMs } = await connection.ping();
    const databases = await connection.schema('SHOW DATABASES');
    const databaseExists = databases.some(({ values }) => values.some(([name]) => name === config.database));
    const policies = databaseExists ? await retentionPolicies(connection, config.database) : [];
    const data = await connection.schema('SHOW DIAGNOSTICS').then(
      (series) => series.find(({ name }) => name === 'config-data'),
      (error: unknown) => {
        if (error instanceof WorldError) return undefined;
        throw error;
      },
    );
    const machines = databaseExists
      ? await connection.schema(`SHOW TAG VALUES CARDINALITY ON "${config.database}" WITH KEY = machine`)
      : [];
    return {
      address: connection.address,
      version,
      clockAheadMs,
      databaseExists,
      policy: policies.find(({ name }) => name === config.retentionPolicy),
      tagValuesMax: data && Number(cell(data, 'max-values-per-tag') ?? 0),
      machineCount: Math.max(0, ...machines.map(({ values }) => Number(values[0]?.[0] ?? 0))),
      walFsyncDelay: data && String(cell(data, 'wal-fsync-delay') ?? '0s'),
    };
  } finally {
    connection.close();
  }
}

function cell({ columns, values }: Series, column: string): unknown {
  return values[0]?.[columns.indexOf(column)];
}
