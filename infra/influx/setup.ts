/** What must be there in InfluxDB before results are written, and what makes long times cheap to look at. */
import type { InfluxConfig } from './config.js';
import type { InfluxConnection } from './connection.js';

const dayMs = 86_400_000;
/**
 * How much time one shard holds, at most. A series has a point a step, and each shard keeps an index entry per series and
 * field: InfluxDB's own choice of seven days stores more index than data.
 */
const shardDaysMax = 182;

/** Makes database and retention policy where they are missing; changes nothing that is there. Rejects with WorldError. */
export async function createMissing(connection: InfluxConnection, config: InfluxConfig): Promise<void> {
  const { database, retentionPolicy } = config;
  await connection.query(`CREATE DATABASE "${database}"`);
  const policies = await connection.query(`SHOW RETENTION POLICIES ON "${database}"`);
  if (!policies[0]?.values.some(([name]) => name === retentionPolicy))
    await connection.query(
      `CREATE RETENTION POLICY "${retentionPolicy}" ON "${database}" ${retentionClauses(config)} DEFAULT`,
    );
}

/** A shard is dropped as a whole: its length bounds how much longer than asked anything is kept. */
function retentionClauses({ retentionMs }: InfluxConfig): string {
  const duration = retentionMs === undefined ? 'INF' : `${Math.ceil(retentionMs / 3_600_000)}h`;
  const days = Math.min(shardDaysMax, (retentionMs ?? Infinity) / 10 / dayMs);
  return `DURATION ${duration} REPLICATION 1 SHARD DURATION ${Math.max(1, Math.round(24 * days))}h`;
}
